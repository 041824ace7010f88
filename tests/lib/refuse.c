/* tests/lib/refuse.c - memory refused to a whole program, by LD_PRELOAD: the n-th request of all
 * that the program, the C library and the other libraries make, once or from then on. Requests:
 * malloc and its kind, and anonymous mmap, of all threads, from before main on.
 *
 *     JIT_REFUSE_IN=NAME      of the process whose program has this name, and of no other one
 *     JIT_REFUSE_AT=N         the N-th, from 1; without it, or 0, none is
 *     JIT_REFUSE_STICKY=1     and each later one
 *     JIT_REFUSE_NOT=NAME     none of a library with NAME in its path: neither refused nor counted
 *     JIT_REFUSE_PAGE=FILE    how many there were is there at each moment (tests/lib/refuse.h); who
 *                             has mapped it, too, may say there which one is refused next
 *
 * A process that is forked counts together with the one it comes from.
 * tests/tools/test_oom_verbs.sh and test_oom_hub use it. */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/lib/refuse.h"

/* What the C library calls its own, which no preloaded library takes the place of. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static struct refuse_page own; /* where no file was given */
static struct refuse_page *page = &own;
static bool counting;
static uintptr_t spared_begin; /* code of the library that is refused nothing */
static uintptr_t spared_end;

/* by: whoever asks. */
static bool refused(const void *by)
{
    if (!counting || ((uintptr_t)by >= spared_begin && (uintptr_t)by < spared_end)) {
        return false;
    }
    const uint64_t n = atomic_fetch_add(&page->asked, 1) + 1;
    const uint64_t at = atomic_load(&page->at);
    if (at == 0 || n < at || (n > at && atomic_load(&page->sticky) == 0)) {
        return false;
    }
    atomic_store(&page->fired, 1);
    errno = ENOMEM;
    return true;
}

static int spare(struct dl_phdr_info *info, size_t size, void *name)
{
    (void)size;
    if (strstr(info->dlpi_name, name) == NULL) {
        return 0;
    }
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && (part->p_flags & PF_X) != 0) {
            spared_begin = info->dlpi_addr + part->p_vaddr;
            spared_end = spared_begin + part->p_memsz;
        }
    }
    return 1;
}

/* Mapped before the program has locked itself in and can open nothing any more. */
static void map_page(const char *path)
{
    const int file = path != NULL ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (file < 0) {
        return;
    }
    if (ftruncate(file, REFUSE_PAGE_BYTES) == 0) {
        void *at = mmap(NULL, REFUSE_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        page = at != MAP_FAILED ? at : &own;
    }
    close(file);
}

__attribute__((constructor)) static void begin(void)
{
    const char *in = getenv("JIT_REFUSE_IN");
    const char *at = getenv("JIT_REFUSE_AT");
    if (in == NULL || strcmp(in, program_invocation_short_name) != 0) {
        return;
    }
    map_page(getenv("JIT_REFUSE_PAGE"));
    if (at != NULL) {
        atomic_store(&page->at, strtoul(at, NULL, 10));
        atomic_store(&page->sticky, getenv("JIT_REFUSE_STICKY") != NULL);
    }
    char *spared = getenv("JIT_REFUSE_NOT");
    if (spared != NULL) {
        (void)dl_iterate_phdr(spare, spared);
    }
    counting = true;
}

void *malloc(size_t size)
{
    return refused(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return refused(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
    return (block == NULL || size > 0) && refused(__builtin_return_address(0))
               ? NULL
               : __libc_realloc(block, size);
}

void *reallocarray(void *block, size_t count, size_t size)
{
    size_t total = 0;
    if (__builtin_mul_overflow(count, size, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(block, total);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return refused(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, size);
}

void *memalign(size_t alignment, size_t size);
void *memalign(size_t alignment, size_t size)
{
    return aligned_alloc(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size)
{
    const int before = errno;
    *block = aligned_alloc(alignment, size);
    errno = before;
    return *block == NULL ? ENOMEM : 0;
}

void *mmap(void *base, size_t size, int protection, int flags, int file, off_t at)
{
    if ((flags & MAP_ANONYMOUS) != 0 && refused(__builtin_return_address(0))) {
        return MAP_FAILED;
    }
    return (void *)(uintptr_t)syscall(SYS_mmap, base, size, protection, flags, file, at);
}
