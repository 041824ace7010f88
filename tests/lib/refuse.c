/* tests/lib/refuse.c - memory refused to a whole program, by LD_PRELOAD: the n-th request of all
 * that the program, the C library and the other libraries make, once or from then on. Requests:
 * malloc and its kind, and anonymous mmap, of all threads, from before main on.
 *
 *     JIT_REFUSE_IN=NAME      of the process whose program has this name, and of no other one
 *     JIT_REFUSE_AT=N         the N-th, from 1; without it, or 0, none is
 *     JIT_REFUSE_STICKY=1     and each later one
 *     JIT_REFUSE_NOT=NAME     none of a library with NAME in its path: neither refused nor counted
 *     JIT_REFUSE_COUNT=FILE   how many there were is written there at the end
 *
 * A process that is forked goes on counting where it was. tests/tools/test_oom_verbs.sh uses it. */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the C library calls its own, which no preloaded library takes the place of. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static atomic_ulong asked;
static unsigned long refuse_at; /* 0: none */
static bool sticky;
static bool counting;
static uintptr_t spared_begin; /* code of the library that is refused nothing */
static uintptr_t spared_end;

/* by: whoever asks. */
static bool refused(const void *by)
{
    if (!counting || ((uintptr_t)by >= spared_begin && (uintptr_t)by < spared_end)) {
        return false;
    }
    const unsigned long n = atomic_fetch_add(&asked, 1) + 1;
    if (refuse_at == 0 || n < refuse_at || (n > refuse_at && !sticky)) {
        return false;
    }
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

__attribute__((constructor)) static void begin(void)
{
    const char *in = getenv("JIT_REFUSE_IN");
    const char *at = getenv("JIT_REFUSE_AT");
    if (in == NULL || strcmp(in, program_invocation_short_name) != 0) {
        return;
    }
    refuse_at = at == NULL ? 0 : strtoul(at, NULL, 10);
    char *spared = getenv("JIT_REFUSE_NOT");
    if (spared != NULL) {
        (void)dl_iterate_phdr(spare, spared);
    }
    sticky = getenv("JIT_REFUSE_STICKY") != NULL;
    counting = true;
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("JIT_REFUSE_COUNT");
    char text[32];
    if (!counting || path == NULL) {
        return;
    }
    counting = false;
    int size = snprintf(text, sizeof text, "%lu\n", atomic_load(&asked));
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file >= 0) { /* a program that has locked itself in opens none */
        const ssize_t written = write(file, text, (size_t)size);
        (void)written;
        close(file);
    }
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
