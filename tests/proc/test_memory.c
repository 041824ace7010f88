/* Goal:   shared memories have the seals of DESIGN 7.1 and 14.5 and grow without moving or
 * faulting. Method: do to each what a worker that got hold of a descriptor could do; judge by
 * effect. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proc/host/memory.h"
#include "tests/lib/tcase.h"

#define PAGE 4096u
#define MAX  (40u << 20)

static struct host_memory memory = HOST_MEMORY_NONE;

static void teardown(void)
{
    host_memory_close(&memory);
}

static int reopen(int fd, int flags)
{
    char path[40];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, flags);
}

static bool can_map(int fd, int prot)
{
    void *map = mmap(NULL, PAGE, prot, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        return false;
    }
    (void)munmap(map, PAGE);
    return true;
}

static void assert_cannot(int result)
{
    ck_assert_int_eq(result, -1);
    ck_assert_msg(errno == EPERM || errno == EBADF || errno == EACCES || errno == EINVAL, "%s",
                  strerror(errno));
}

static uint64_t bytes_allocated(int fd)
{
    struct stat st;
    ck_assert_int_eq(fstat(fd, &st), 0);
    return (uint64_t)st.st_blocks * 512;
}

/* Whatever the kind: no seal is added, nothing is cut off. */
static void assert_sealed(int fd)
{
    assert_cannot(ftruncate(fd, 0));
    assert_cannot(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    struct stat st;
    ck_assert_int_eq(fstat(fd, &st), 0);
    ck_assert_int_eq(st.st_size, (off_t)memory.size);
    ck_assert_uint_eq(bytes_allocated(memory.fd), memory.size);
    if (fcntl(fd, F_GET_SEALS) & 0x20) { /* EXEC: where MFD_NOEXEC_SEAL is known */
        ck_assert_int_eq(st.st_mode & 0111, 0);
    }
}

START_TEST(ring)
{
    ck_assert_int_eq(host_memory_create(HOST_RING, 5 * PAGE - 1, 5 * PAGE - 1, &memory), JIT_OK);
    ck_assert_uint_eq(memory.size, 5 * PAGE);
    memory.base[memory.size - 1] = 1;
    assert_sealed(memory.fd_worker);
    assert_cannot(ftruncate(memory.fd_worker, 6 * PAGE));
    ck_assert(can_map(memory.fd_worker, PROT_READ | PROT_WRITE));
    ck_assert_int_eq(host_memory_extend(&memory, 5 * PAGE + 1), JIT_ELIMIT);
}
END_TEST

START_TEST(graph_grows)
{
    ck_assert_int_eq(host_memory_create(HOST_GRAPH, PAGE, MAX, &memory), JIT_OK);
    uint8_t *base = memory.base;
    base[0] = 9;
    ck_assert_int_eq(host_memory_extend(&memory, PAGE), JIT_OK);
    ck_assert_uint_eq(memory.size, PAGE);
    ck_assert_int_eq(host_memory_extend(&memory, PAGE + 1), JIT_OK);
    ck_assert_uint_eq(memory.size, HOST_EXTENT_BYTES);
    ck_assert_int_eq(host_memory_extend(&memory, MAX), JIT_OK); /* not a whole extent more */
    ck_assert_uint_eq(memory.size, MAX);
    ck_assert_ptr_eq(memory.base, base);
    ck_assert_uint_eq(base[0], 9);
    base[MAX - 1] = 1;
    ck_assert_int_eq(host_memory_extend(&memory, MAX + 1), JIT_ELIMIT);
    ck_assert_uint_eq(memory.size, MAX);
    assert_sealed(memory.fd_worker);
}
END_TEST

START_TEST(view_is_read_only_for_all_others)
{
    ck_assert_int_eq(host_memory_create(HOST_VIEW, PAGE, MAX, &memory), JIT_OK);
    memory.base[0] = 'v';
    assert_sealed(memory.fd_worker);
    int again = reopen(memory.fd_worker, O_RDWR); /* the rights of the file would allow it */
    int fds[] = {memory.fd, memory.fd_worker, again};
    ck_assert_int_ge(again, 0);
    for (int i = 0; i < 3; i++) {
        ck_assert(!can_map(fds[i], PROT_READ | PROT_WRITE));
        assert_cannot((int)pwrite(fds[i], "!", 1, 0));
        assert_cannot(fallocate(fds[i], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE));
        uint8_t *map = NULL;
        ck_assert_int_eq(host_map_shared(fds[i], MAX, 1, &map), JIT_EPERM);
        ck_assert_ptr_null(map);
        ck_assert_int_eq(host_map_shared(fds[i], MAX, 0, &map), JIT_OK);
        assert_cannot(mprotect(map, PAGE, PROT_READ | PROT_WRITE));
        assert_cannot(madvise(map, PAGE, MADV_REMOVE));
        ck_assert_int_eq(map[0], 'v');
        host_map_release(map, MAX);
    }
    (void)close(again);
    /* The kernel's own map goes on writing, also where the file grew. */
    ck_assert_int_eq(host_memory_extend(&memory, HOST_EXTENT_BYTES + 1), JIT_OK);
    memory.base[HOST_EXTENT_BYTES] = 'w';
    uint8_t *map = NULL;
    ck_assert_int_eq(host_map_shared(memory.fd_worker, MAX, 0, &map), JIT_OK);
    ck_assert_int_eq(map[HOST_EXTENT_BYTES], 'w');
    host_map_release(map, MAX);
}
END_TEST

START_TEST(program_is_immutable)
{
    static const char text[] = "the program";
    ck_assert_int_eq(host_memory_program(text, sizeof text, &memory), JIT_OK);
    ck_assert_uint_eq(memory.size, PAGE);
    ck_assert_str_eq((const char *)memory.base, text);
    assert_sealed(memory.fd_worker);
    int again = reopen(memory.fd_worker, O_RDWR);
    int fds[] = {memory.fd, memory.fd_worker, again};
    for (int i = 0; i < 3; i++) {
        ck_assert(!can_map(fds[i], PROT_READ | PROT_WRITE));
        assert_cannot((int)pwrite(fds[i], "!", 1, 0));
        assert_cannot(ftruncate(fds[i], 2 * PAGE));
    }
    (void)close(again);
    assert_cannot(mprotect(memory.base, PAGE, PROT_READ | PROT_WRITE));
}
END_TEST

START_TEST(no_space_is_an_error)
{
    struct rlimit was;
    ck_assert_int_eq(host_memory_create(HOST_VIEW, PAGE, MAX, &memory), JIT_OK);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &was), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    const struct rlimit less = {HOST_EXTENT_BYTES, was.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &less), 0);
    ck_assert_int_eq(host_memory_extend(&memory, HOST_EXTENT_BYTES), JIT_OK);
    ck_assert_int_eq(host_memory_extend(&memory, HOST_EXTENT_BYTES + 1), JIT_ENOSPC);
    ck_assert_uint_eq(memory.size, HOST_EXTENT_BYTES);
    ck_assert_uint_eq(bytes_allocated(memory.fd), HOST_EXTENT_BYTES);
    struct host_memory more;
    ck_assert_int_eq(host_memory_create(HOST_RING, MAX, MAX, &more), JIT_ENOSPC);
    ck_assert_int_eq(more.fd, -1);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &was), 0);
    ck_assert_int_eq(host_memory_extend(&memory, HOST_EXTENT_BYTES + 1), JIT_OK);
}
END_TEST

START_TEST(no_descriptors_is_an_error)
{
    struct rlimit was;
    struct host_memory made;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &was), 0);
    int next = dup(0);
    (void)close(next);
    for (int room = 0; room <= 1; room++) { /* none, and one of the two that a view needs */
        const struct rlimit less = {(rlim_t)(next + room), was.rlim_max};
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &less), 0);
        ck_assert_int_eq(host_memory_create(HOST_VIEW, PAGE, PAGE, &made), JIT_ENOMEM);
        ck_assert_int_eq(host_memory_program("x", 1, &made), JIT_ENOMEM);
    }
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &was), 0);
    ck_assert_int_eq(dup(0), next); /* nothing leaked */
    (void)close(next);
}
END_TEST

static void fill(Suite *suite)
{
    TCase *tcase = test_case(suite, "memory", 20);
    tcase_add_checked_fixture(tcase, NULL, teardown);
    tcase_add_test(tcase, ring);
    tcase_add_test(tcase, graph_grows);
    tcase_add_test(tcase, view_is_read_only_for_all_others);
    tcase_add_test(tcase, program_is_immutable);
    tcase_add_test(tcase, no_space_is_an_error);
    tcase_add_test(tcase, no_descriptors_is_an_error);
}

TEST_MAIN("memory", fill)
