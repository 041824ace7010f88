/* Goal:   the shell's small parts keep their promises: the loop tells what is ready and nothing
 * after removal, the waiter hears an armed bell, a data folder has one owner. Method: pipes and
 * words of our own, with io_uring and with ppoll; real folders below $TMPDIR. */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/checkpoint/folder.h"
#include "kernel/log/io_ring.h"
#include "kernel/event/loop.h"
#include "kernel/event/waiter.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/tcase.h"

static struct fault_heap mem;

static void setup(void)
{
    mem = fault_heap_make(-1, false);
}

static void teardown(void)
{
    ck_assert_int_eq(mem.live, 0);
}

/* ---- loop ---- */

struct told {
    struct shell_loop *loop;
    uint64_t other; /* to remove when told; 0: none */
    unsigned count;
    uint32_t revents;
};

static void on_ready(void *user, uint32_t revents)
{
    struct told *told = user;
    told->count++;
    told->revents = revents;
    if (told->other != 0) {
        shell_loop_remove(told->loop, told->other);
    }
}

START_TEST(loop_tells_once_an_arming) /* _i: io_uring or not */
{
    struct shell_loop *loop = NULL;
    struct told told = {0};
    uint64_t watch = 0;
    int ends[2];
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    ck_assert_int_eq(shell_loop_new(&mem.heap, _i == 1, &loop), JIT_OK);
    ck_assert_int_eq(shell_loop_add(loop, ends[0], on_ready, &told, &watch), JIT_OK);
    shell_loop_arm(loop, watch, POLLIN);
    ck_assert_uint_eq(shell_loop_run(loop, 0), 0);
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
    ck_assert_uint_eq(shell_loop_run(loop, UINT64_MAX), 1);
    ck_assert_uint_eq(told.count, 1);
    ck_assert_uint_ne(told.revents & POLLIN, 0);
    ck_assert_uint_eq(shell_loop_run(loop, 1000), 0); /* not armed any more */
    shell_loop_arm(loop, watch, POLLIN);
    ck_assert_uint_eq(shell_loop_run(loop, UINT64_MAX), 1);
    shell_loop_arm(loop, watch, POLLIN);
    shell_loop_remove(loop, watch);
    ck_assert_uint_eq(shell_loop_run(loop, 1000), 0);
    ck_assert_uint_eq(told.count, 2);
    shell_loop_free(loop);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

START_TEST(loop_never_calls_a_removed_watch) /* both ready, the first one told removes the other */
{
    struct shell_loop *loop = NULL;
    struct told told[2] = {{0}};
    uint64_t watch[2];
    int fd = eventfd(1, EFD_CLOEXEC);
    ck_assert_int_eq(shell_loop_new(&mem.heap, _i == 1, &loop), JIT_OK);
    for (int i = 0; i < 2; i++) {
        told[i].loop = loop;
        ck_assert_int_eq(shell_loop_add(loop, fd, on_ready, &told[i], &watch[i]), JIT_OK);
        shell_loop_arm(loop, watch[i], POLLIN);
    }
    told[0].other = watch[1];
    told[1].other = watch[0];
    ck_assert_uint_eq(shell_loop_run(loop, UINT64_MAX), 1);
    ck_assert_uint_eq(shell_loop_run(loop, 1000), 0);
    ck_assert_uint_eq(told[0].count + told[1].count, 1);
    shell_loop_free(loop);
    close(fd);
}
END_TEST

/* ---- waiter ---- */

static void wait_event(int fd)
{
    uint64_t count = 0;
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    ck_assert_int_eq(poll(&poll_fd, 1, 10000), 1);
    ck_assert_int_eq(read(fd, &count, sizeof count), sizeof count);
}

START_TEST(waiter_hears_each_bell) /* more bells than one thread takes */
{
    enum { BELLS = 300 };
    static uint32_t words[BELLS];
    struct shell_bell bells[BELLS];
    struct shell_waiter *waiter = NULL;
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ck_assert_int_eq(shell_waiter_new(&mem.heap, fd, &waiter), JIT_OK);
    for (uint32_t i = 0; i < BELLS; i += 37) {
        for (uint32_t k = 0; k < BELLS; k++) {
            bells[k] = (struct shell_bell){.word = &words[k], .value = words[k]};
        }
        ck_assert_int_eq(shell_waiter_arm(waiter, bells, BELLS), JIT_OK);
        __atomic_add_fetch(&words[i], 1, __ATOMIC_SEQ_CST);
        syscall(SYS_futex, &words[i], FUTEX_WAKE, 1, NULL, NULL, 0);
        wait_event(fd);
    }
    /* A bell that rang before it was armed is heard as well. */
    __atomic_add_fetch(&words[5], 1, __ATOMIC_SEQ_CST);
    ck_assert_int_eq(shell_waiter_arm(waiter, bells, BELLS), JIT_OK);
    wait_event(fd);
    ck_assert_int_eq(shell_waiter_arm(waiter, NULL, 0), JIT_OK);
    shell_waiter_free(waiter);
    close(fd);
}
END_TEST

/* ---- folder ---- */

static char base[] = "/tmp/jitos-test-XXXXXX";
static char path[256];
static char message[256];

static void folder_setup(void)
{
    setup();
    memcpy(base + sizeof base - 7, "XXXXXX", 6);
    ck_assert_ptr_nonnull(mkdtemp(base));
    snprintf(path, sizeof path, "%s/data", base);
}

static void folder_teardown(void)
{
    static const char *const files[] = {"data/LOCK", "data/FORMAT", "data/other", "data"};
    char name[300];
    for (size_t i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%s/%s", base, files[i]);
        if (remove(name) != 0) {
            continue; /* not every test makes every file */
        }
    }
    ck_assert_int_eq(rmdir(base), 0);
    teardown();
}

static void make_file(const char *name)
{
    char full[300];
    snprintf(full, sizeof full, "%s/%s", path, name);
    int fd = open(full, O_WRONLY | O_CREAT, 0600);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void *close_later(void *ring)
{
    poll(NULL, 0, 100);
    io_ring_close(ring);
    return NULL;
}

/* A write that was under way when its owner was killed may reach the medium later: until then the
 * folder is nobody else's. */
START_TEST(folder_is_held_by_the_writes_of_the_dead)
{
    struct shell_folder a;
    struct shell_folder b;
    struct jit_io *ring = NULL;
    struct io_options options = {.die_at = IO_DIE_NEVER};
    pthread_t thread;
    ck_assert_int_eq(shell_folder_open(&a, path, SHELL_FOLDER_OWN, message, sizeof message),
                     JIT_OK);
    make_file("FORMAT");
    enum jit_err err = io_ring_open(&mem.heap, a.fd, &options, &ring);
    if (err == JIT_ENOTSUP) {
        shell_folder_close(&a);
        return; /* without io_uring a write ends before its process does */
    }
    ck_assert_int_eq(err, JIT_OK);
    ck_assert_int_eq(io_ring_hold(ring, a.lock_fd), JIT_OK);
    close(a.lock_fd); /* as death does, and no more: the ring is there still */
    ck_assert_int_eq(flock(a.fd, LOCK_UN), 0);
    int other = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int lock = openat(other, "LOCK", O_RDWR | O_CLOEXEC);
    ck_assert(flock(lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK);
    close(lock);
    close(other);
    ck_assert_int_eq(pthread_create(&thread, NULL, close_later, ring), 0);
    ck_assert_int_eq(shell_folder_open(&b, path, SHELL_FOLDER_OWN, message, sizeof message),
                     JIT_OK); /* waits */
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    shell_folder_close(&b);
    close(a.fd);
}
END_TEST

static void *read_meanwhile(void *user)
{
    struct shell_folder folder;
    char said[256];
    *(enum jit_err *)user = shell_folder_open(&folder, path, SHELL_FOLDER_READ, said, sizeof said);
    return NULL;
}

START_TEST(folder_has_one_owner) /* the others wait for a while, lest the owner is dying */
{
    struct shell_folder a;
    struct shell_folder b;
    ck_assert_int_eq(shell_folder_open(&a, path, SHELL_FOLDER_READ, message, sizeof message),
                     JIT_ENOENT);
    ck_assert_int_eq(shell_folder_open(&a, path, SHELL_FOLDER_OWN, message, sizeof message),
                     JIT_OK);
    ck_assert(a.fresh);
    make_file("FORMAT");
    pthread_t thread;
    enum jit_err reading = JIT_OK;
    ck_assert_int_eq(pthread_create(&thread, NULL, read_meanwhile, &reading), 0);
    ck_assert_int_eq(shell_folder_open(&b, path, SHELL_FOLDER_OWN, message, sizeof message),
                     JIT_EBUSY);
    ck_assert_ptr_nonnull(strstr(message, "supervisor"));
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(reading, JIT_EBUSY);
    shell_folder_close(&a);
    ck_assert_int_eq(shell_folder_open(&a, path, SHELL_FOLDER_READ, message, sizeof message),
                     JIT_OK);
    ck_assert_int_eq(shell_folder_open(&b, path, SHELL_FOLDER_READ, message, sizeof message),
                     JIT_OK);
    shell_folder_close(&a);
    shell_folder_close(&b);
}
END_TEST

/* Two owners would write into one log, and the second would cut off what the first has told. */
START_TEST(folder_without_its_lock_has_one_owner)
{
    struct shell_folder a;
    struct shell_folder b;
    ck_assert_int_eq(shell_folder_open(&a, path, SHELL_FOLDER_OWN, message, sizeof message),
                     JIT_OK);
    make_file("FORMAT");
    ck_assert_int_eq(unlinkat(a.fd, "LOCK", 0), 0);
    ck_assert_int_eq(shell_folder_open(&b, path, SHELL_FOLDER_OWN, message, sizeof message),
                     JIT_EBUSY);
    ck_assert_ptr_nonnull(strstr(message, "its LOCK was taken away"));
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(dir, 0);
    ck_assert_int_eq(faccessat(dir, "LOCK", F_OK, 0), 0); /* another one, which nobody has */
    ck_assert(shell_folder_held(dir));
    shell_folder_close(&a);
    ck_assert(!shell_folder_held(dir));
    close(dir);
    ck_assert_int_eq(shell_folder_open(&b, path, SHELL_FOLDER_OWN, message, sizeof message),
                     JIT_OK);
    shell_folder_close(&b);
}
END_TEST

START_TEST(folder_of_somebody_else)
{
    struct shell_folder folder;
    ck_assert_int_eq(mkdir(path, 0700), 0);
    make_file("other");
    ck_assert_int_eq(shell_folder_open(&folder, path, SHELL_FOLDER_OWN, message, sizeof message),
                     JIT_EFORMAT);
    ck_assert_ptr_nonnull(strstr(message, "not empty"));
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "loop", 20);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, loop_tells_once_an_arming, 0, 2);
    tcase_add_loop_test(t, loop_never_calls_a_removed_watch, 0, 2);
    tcase_add_test(t, waiter_hears_each_bell);
    t = test_case(s, "folder", 20);
    tcase_add_checked_fixture(t, folder_setup, folder_teardown);
    tcase_add_test(t, folder_has_one_owner);
    tcase_add_test(t, folder_without_its_lock_has_one_owner);
    tcase_add_test(t, folder_is_held_by_the_writes_of_the_dead);
    tcase_add_test(t, folder_of_somebody_else);
}

TEST_MAIN("shell", suite)
