/* Goal:   the backends on real files do what base/io.h says: by system calls and by io_uring,
 *         through the page cache and past it.
 * Method: one set of tests over the four; signals while transfers run; a file size limit in place
 *         of a full disk; a process that dies at a byte of the log, and its recovery. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/log/io_priv.h"
#include "kernel/log/io_ring.h"
#include "kernel/log/log.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/tcase.h"

enum { POSIX, POSIX_DIRECT, RING, RING_DIRECT, BACKENDS };

static char folder[64];
static int dirfd_;
static struct fault_heap mem;
static struct jit_io *io;
static int backend;
static _Alignas(4096) uint8_t block[64 * 4096];
static _Alignas(4096) uint8_t back[sizeof block];

static void start(int which, uint64_t die_at)
{
    struct io_options options = {.direct = which % 2 == 1, .die_at = die_at};
    enum jit_err err = which < RING ? io_posix_open(&mem.heap, dirfd_, &options, &io)
                                    : io_ring_open(&mem.heap, dirfd_, &options, &io);
    if (err == JIT_ENOTSUP) {
        printf("no io_uring here: the fallback is tested in its place\n");
        which -= RING;
        err = io_posix_open(&mem.heap, dirfd_, &options, &io);
    }
    backend = which;
    ck_assert_int_eq(err, JIT_OK);
}

static void stop(void)
{
    if (io != NULL && backend < RING) {
        io_posix_close(io);
    } else {
        io_ring_close(io);
    }
    io = NULL;
}

static void setup(void)
{
    (void)snprintf(folder, sizeof folder, "test-io.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    dirfd_ = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(dirfd_, 0);
    mem = fault_heap_make(-1, false);
    for (size_t i = 0; i < sizeof block; i++) {
        block[i] = (uint8_t)(i * 7 + i / 4096);
    }
}

static void unlink_one(void *user, const char *name)
{
    const char *dir = user;
    char path[128];
    (void)snprintf(path, sizeof path, "%s%s%s", dir, dir[0] == 0 ? "" : "/", name);
    (void)unlinkat(dirfd_, path, 0);
}

static void teardown(void)
{
    static char dirs[][8] = {"log", "blobs", "d", ""};
    stop();
    start(POSIX, IO_DIE_NEVER);
    for (size_t i = 0; i < 4; i++) {
        (void)io->list(io, dirs[i], unlink_one, dirs[i]);
        if (dirs[i][0] != 0) {
            (void)unlinkat(dirfd_, dirs[i], AT_REMOVEDIR);
        }
    }
    stop();
    (void)close(dirfd_);
    ck_assert_int_eq(rmdir(folder), 0);
    ck_assert_int_eq(mem.live, 0);
}

static void count_name(void *user, const char *name)
{
    ck_assert(strcmp(name, "a") == 0 || strcmp(name, "b") == 0);
    (*(unsigned *)user)++;
}

START_TEST(files) /* _i = the backend */
{
    int file = -1;
    int other = -1;
    uint64_t size = 0;
    uint64_t got = 0;
    unsigned count = 0;
    start(_i, IO_DIE_NEVER);
    ck_assert_int_eq(io->open(io, "d/a", JIT_IO_CREATE, &file), JIT_ENOENT);
    ck_assert_int_eq(io->mkdir(io, "d"), JIT_OK);
    ck_assert_int_eq(io->mkdir(io, "d"), JIT_OK);
    ck_assert_int_eq(io->open(io, "d/a", 0, &file), JIT_ENOENT);
    ck_assert_int_eq(io->open(io, "d/a", JIT_IO_CREATE | JIT_IO_DIRECT, &file), JIT_OK);
    ck_assert_int_eq(io->open(io, "d/a", JIT_IO_CREATE | JIT_IO_EXCLUSIVE, &other), JIT_EEXIST);
    ck_assert_int_eq(io->mkdir(io, "d/a"), JIT_EEXIST);
    ck_assert_int_eq(io->pwrite(io, file, block, 8192, 4096), JIT_OK);
    ck_assert_int_eq(io->size(io, file, &size), JIT_OK);
    ck_assert_uint_eq(size, 12288);
    ck_assert_int_eq(io->sync(io, file), JIT_OK);
    ck_assert_int_eq(io->syncdir(io, "d"), JIT_OK);
    ck_assert_int_eq(io->syncdir(io, ""), JIT_OK);
    ck_assert_int_eq(io->pread(io, file, back, 16384, 0, &got), JIT_OK);
    ck_assert_uint_eq(got, 12288);
    ck_assert_mem_eq(back + 4096, block, 8192);
    ck_assert_int_eq(io->pread(io, file, back, 4096, 12288, &got), JIT_OK);
    ck_assert_uint_eq(got, 0);
    io->close(io, file);
    ck_assert_int_eq(io->open(io, "d/c", JIT_IO_CREATE, &file), JIT_OK);
    io->close(io, file);
    ck_assert_int_eq(io->rename(io, "d/c", "d/b"), JIT_OK);
    ck_assert_int_eq(io->rename(io, "d/c", "d/b"), JIT_ENOENT);
    ck_assert_int_eq(io->list(io, "d", count_name, &count), JIT_OK);
    ck_assert_uint_eq(count, 2);
    ck_assert_int_eq(io->unlink(io, "d/b"), JIT_OK);
    ck_assert_int_eq(io->unlink(io, "d/b"), JIT_ENOENT);
    ck_assert_int_eq(io->list(io, "none", count_name, &count), JIT_ENOENT);
    /* A name that leads elsewhere is not followed. */
    ck_assert_int_eq(symlinkat("/etc/passwd", dirfd_, "d/l"), 0);
    ck_assert_int_eq(io->open(io, "d/l", 0, &file), JIT_EPERM);
    ck_assert_int_eq(unlinkat(dirfd_, "d/l", 0), 0);
    ck_assert_int_eq(mkfifoat(dirfd_, "d/f", 0600), 0);
    ck_assert_int_eq(io->open(io, "d/f", 0, &file), JIT_EIO);
    ck_assert_int_eq(unlinkat(dirfd_, "d/f", 0), 0);
}
END_TEST

/* Several writes under way: each comes out once, and its bytes are there. */
START_TEST(submit_and_reap) /* _i = 4 * backend + 2 * wait + durable */
{
    struct jit_io_write writes[8];
    bool seen[8] = {false};
    int file = -1;
    uint64_t got = 0;
    start(_i / 4, IO_DIE_NEVER);
    ck_assert_int_eq(io->open(io, "a", JIT_IO_CREATE | JIT_IO_DIRECT, &file), JIT_OK);
    ck_assert_ptr_null(io->reap(io, true)); /* nothing to wait for */
    for (unsigned i = 0; i < 8; i++) {
        writes[i] = (struct jit_io_write){.file = file,
                                          .durable = _i % 2 == 1,
                                          .wait = _i / 2 % 2 == 1,
                                          .buf = block + i * 8 * 4096,
                                          .size = 8 * 4096,
                                          .offset = i * 8 * 4096,
                                          .err = JIT_EIO};
        ck_assert_int_eq(io->submit(io, &writes[i]), JIT_OK);
    }
    for (unsigned i = 0; i < 8; i++) {
        struct jit_io_write *write = io->reap(io, true);
        ck_assert_ptr_nonnull(write);
        ck_assert_int_eq(write->err, JIT_OK);
        ck_assert(!seen[write - writes]);
        seen[write - writes] = true;
    }
    ck_assert_ptr_null(io->reap(io, true));
    ck_assert_ptr_null(io->reap(io, false));
    ck_assert_int_eq(io->pread(io, file, back, sizeof back, 0, &got), JIT_OK);
    ck_assert_mem_eq(back, block, sizeof block);
}
END_TEST

/* A file system that refuses RWF_DSYNC is synced after the write instead. */
START_TEST(without_dsync)
{
    struct jit_io_write write = {.durable = true, .buf = block, .size = 4096};
    uint64_t got = 0;
    start(_i, IO_DIE_NEVER);
    ((struct io_posix *)io)->no_dsync = true;
    ck_assert_int_eq(io->open(io, "a", JIT_IO_CREATE | JIT_IO_DIRECT, &write.file), JIT_OK);
    ck_assert_int_eq(io->submit(io, &write), JIT_OK);
    ck_assert_ptr_eq(io->reap(io, true), &write);
    ck_assert_int_eq(write.err, JIT_OK);
    ck_assert_int_eq(io->pread(io, write.file, back, 4096, 0, &got), JIT_OK);
    ck_assert_mem_eq(back, block, 4096);
}
END_TEST

static void on_alarm(int signal)
{
    (void)signal;
}

/* Signals every 50 us, and not one transfer notices. */
START_TEST(interrupted)
{
    struct sigaction action = {.sa_handler = on_alarm}; /* no SA_RESTART */
    struct itimerval often = {{0, 50}, {0, 50}};
    struct itimerval never = {{0, 0}, {0, 0}};
    int file = -1;
    uint64_t got = 0;
    start(_i, IO_DIE_NEVER);
    ck_assert_int_eq(io->open(io, "a", JIT_IO_CREATE | JIT_IO_DIRECT, &file), JIT_OK);
    ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
    ck_assert_int_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
    enum jit_err submitted = JIT_OK, landed = JIT_OK, written = JIT_OK, read = JIT_OK;
    bool reaped = true; /* waiting ends with the write and not with a signal */
    for (unsigned i = 0; i < 100 && submitted + landed + written + read == JIT_OK && reaped; i++) {
        struct jit_io_write write = {
            .file = file, .durable = true, .buf = block, .size = sizeof block};
        submitted = io->submit(io, &write);
        reaped = submitted != JIT_OK || io->reap(io, true) == &write;
        landed = write.err;
        written = io->pwrite(io, file, block, sizeof block, sizeof block);
        read = io->pread(io, file, back, sizeof back, 0, &got);
    }
    ck_assert_int_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
    ck_assert_int_eq(submitted, JIT_OK);
    ck_assert(reaped);
    ck_assert_int_eq(landed, JIT_OK);
    ck_assert_int_eq(written, JIT_OK);
    ck_assert_int_eq(read, JIT_OK);
    ck_assert_uint_eq(got, sizeof back);
    ck_assert_mem_eq(back, block, sizeof block);
}
END_TEST

/* A file that may not grow stands for a disk that is full. */
START_TEST(no_space)
{
    struct rlimit limit;
    struct jit_io_write write = {.durable = true, .buf = block, .size = 8192, .offset = 8192};
    start(_i, IO_DIE_NEVER);
    ck_assert_int_eq(io->open(io, "a", JIT_IO_CREATE | JIT_IO_DIRECT, &write.file), JIT_OK);
    (void)signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = 8192;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    enum jit_err err = io->pwrite(io, write.file, block, 16384, 0); /* cut short first */
    enum jit_err submitted = io->submit(io, &write);
    struct jit_io_write *reaped = io->reap(io, true);
    limit.rlim_cur = limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_int_eq(err, JIT_ENOSPC);
    ck_assert_int_eq(submitted, JIT_OK);
    ck_assert_ptr_eq(reaped, &write);
    ck_assert_int_eq(write.err, JIT_ENOSPC);
}
END_TEST

START_TEST(no_memory)
{
    struct io_options options = {.direct = true, .die_at = IO_DIE_NEVER};
    struct fault_heap heap = fault_heap_make(0, true);
    struct jit_io *out = NULL;
    ck_assert_int_eq(io_posix_open(&heap.heap, dirfd_, &options, &out), JIT_ENOMEM);
    ck_assert_ptr_null(out);
    ck_assert_int_eq(io_ring_open(&heap.heap, dirfd_, &options, &out), JIT_ENOMEM);
    ck_assert_ptr_null(out);
}
END_TEST

/* --- the log on a real disk --- */

static const struct log_options small = {.segment_bytes = 65536, .uuid = {7}};
static struct log_report report;

static enum jit_err append(struct log *log, uint64_t tick)
{
    uint8_t payload[1000];
    memset(payload, (int)(tick + 1), sizeof payload);
    struct log_record record = {.tick = tick, .payload = payload, .payload_size = sizeof payload};
    return log_append(log, &record);
}

static enum jit_err check_payload(void *user, const struct log_record *record)
{
    (void)user;
    bool good = record->payload_size == 1000;
    for (uint64_t i = 0; good && i < 1000; i++) {
        good = record->payload[i] == (uint8_t)(record->tick + 1);
    }
    return good ? JIT_OK : JIT_EDIVERGED;
}

START_TEST(log_on_disk)
{
    struct log *log = NULL;
    uint64_t durable = 0;
    start(_i, IO_DIE_NEVER);
    for (uint64_t round = 0; round < 3; round++) {
        ck_assert_int_eq(log_open(&mem.heap, io, &small, check_payload, NULL, &report, &log),
                         JIT_OK);
        ck_assert_uint_eq(report.tick_end, round * 30);
        for (uint64_t tick = round * 30; tick < round * 30 + 30; tick++) {
            ck_assert_int_eq(append(log, tick), JIT_OK);
            ck_assert_int_eq(log_reap(log, tick % 3 == 0, &durable), JIT_OK);
        }
        ck_assert_int_eq(log_seal(log), JIT_OK);
        ck_assert_uint_eq(log_durable_end(log), round * 30 + 30);
        log_close(log);
        ck_assert_int_eq(log_verify(&mem.heap, io, check_payload, NULL, &report), JIT_OK);
        ck_assert_uint_eq(report.tick_end, round * 30 + 30);
        ck_assert_uint_eq(report.seals, round + 1);
    }
}
END_TEST

/* A process that writes ticks until it dies at that byte; acked: what it was told by then. */
static void die_at(int which, uint64_t byte, uint64_t *acked)
{
    int told[2];
    ck_assert_int_eq(pipe(told), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct log *log = NULL;
        start(which, byte);
        enum jit_err err = log_open(&mem.heap, io, &small, NULL, NULL, &report, &log);
        for (uint64_t tick = 0; err == JIT_OK; tick++) {
            uint64_t durable = 0;
            err = append(log, tick);
            err = err == JIT_OK ? log_reap(log, true, &durable) : err;
            if (err == JIT_OK && write(told[1], &durable, sizeof durable) != sizeof durable) {
                err = JIT_EIO;
            }
        }
        _exit(1); /* it should not have come here */
    }
    int status = 0;
    uint64_t durable = 0;
    (void)close(told[1]);
    *acked = 0;
    while (read(told[0], &durable, sizeof durable) == sizeof durable) {
        *acked = durable;
    }
    (void)close(told[0]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGKILL);
}

START_TEST(dies_at_a_byte) /* _i = the backend */
{
    static const uint64_t bytes[] = {0, 1, 100, 4095, 4096, 4097, 8192 + 700, 61440, 61441, 70001};
    for (size_t i = 0; i < sizeof bytes / sizeof bytes[0]; i++) {
        struct log *log = NULL;
        uint64_t acked = 0;
        char found[256];
        die_at(_i, bytes[i], &acked);
        ck_assert_uint_eq(acked, bytes[i] / 4096); /* each tick is one block */
        start(_i, IO_DIE_NEVER);
        enum jit_err err = log_open(&mem.heap, io, &small, check_payload, NULL, &report, &log);
        log_report_text(&report, found, sizeof found);
        ck_assert_msg(err == JIT_OK, "%s", found);
        /* A record is 1,240 bytes: cut inside it, it is torn; after it, it is whole. */
        uint64_t inside = bytes[i] % 4096;
        ck_assert_uint_eq(report.tick_end, acked + (inside >= 1240 ? 1 : 0));
        ck_assert_int_eq(report.torn, inside > 0 && inside < 1240);
        if (report.torn) {
            ck_assert_uint_eq(report.at.tick, acked);
            ck_assert_uint_eq(report.at.record, acked);
        }
        ck_assert_int_eq(append(log, report.tick_end), JIT_OK);
        ck_assert_int_eq(log_seal(log), JIT_OK);
        log_close(log);
        ck_assert_int_eq(log_verify(&mem.heap, io, check_payload, NULL, &report), JIT_OK);
        static char log_dir[] = "log";
        (void)io->list(io, "log", unlink_one, log_dir);
        (void)unlinkat(dirfd_, "FORMAT", 0);
        stop();
    }
}
END_TEST

static void fill_suite(Suite *suite)
{
    TCase *t = test_case(suite, "io", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, files, 0, BACKENDS);
    tcase_add_loop_test(t, submit_and_reap, 0, 4 * BACKENDS);
    tcase_add_loop_test(t, without_dsync, 0, BACKENDS);
    tcase_add_loop_test(t, interrupted, 0, BACKENDS);
    tcase_add_loop_test(t, no_space, 0, BACKENDS);
    tcase_add_test(t, no_memory);
    t = test_case(suite, "log", 120);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, log_on_disk, 0, BACKENDS);
    tcase_add_loop_test(t, dies_at_a_byte, 0, BACKENDS);
}

TEST_MAIN("kernel/io", fill_suite)
