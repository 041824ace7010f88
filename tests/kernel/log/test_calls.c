/* Goal:   what the system answers to any call about files is borne: nothing that was called durable
 *         is lost, nothing is made up, no memory and no descriptor is left, and what can be done
 *         all the same is done.
 * Method: log, blobs, checkpoints and their removal on a real folder, over calls that this program
 *         puts in front of the C library's: the n-th fails with EIO, ENOSPC, EINTR or EAGAIN, or
 *         transfers half, once and from then on, for every n. Then all calls are good, and what
 *         lies there is judged. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "kernel/log/blob.h"
#include "kernel/log/io_posix.h"
#include "tests/kernel/checkpoint/checkpoint_world.h"

#define SEGMENT 16384u
#define TICKS   5u
#define SHORT   (-1) /* in place of an errno */
#ifdef JIT_SANITIZED
#define STRIDE 7u
#else
#define STRIDE 1u
#endif

/* ---- the calls ---- */

static struct {
    uint64_t calls;
    uint64_t fault_at;
    int kind; /* errno, or SHORT; 0: none */
    bool sticky;
    bool fired;
    bool sync; /* one that failed was no transfer */
} plan;

/* 0: go on; SHORT: half of it; else the errno to fail with. */
static int judge(bool transfer, size_t size)
{
    uint64_t call = plan.calls++;
    if (plan.kind == 0 || call < plan.fault_at || (call > plan.fault_at && !plan.sticky)) {
        return 0;
    }
    if (plan.kind == SHORT && (!transfer || size < 2)) {
        return 0;
    }
    plan.sync = plan.sync || !transfer;
    plan.fired = true;
    return plan.kind;
}

static ssize_t vector(int fd, const struct iovec *part, int count, off_t offset, int flags)
{
    ck_assert_int_eq(count, 1);
    struct iovec some = *part;
    int error = judge(true, some.iov_len);
    if (error > 0) {
        errno = error;
        return -1;
    }
    some.iov_len = error == SHORT ? some.iov_len / 2 : some.iov_len;
    return syscall(SYS_pwritev2, fd, &some, 1, offset, 0, flags);
}

ssize_t pwritev(int fd, const struct iovec *part, int count, off_t offset)
{
    return vector(fd, part, count, offset, 0);
}

ssize_t pwritev2(int fd, const struct iovec *part, int count, off_t offset, int flags)
{
    return vector(fd, part, count, offset, flags);
}

ssize_t pread(int fd, void *bytes, size_t size, off_t offset)
{
    int error = judge(true, size);
    if (error > 0) {
        errno = error;
        return -1;
    }
    return syscall(SYS_pread64, fd, bytes, error == SHORT ? size / 2 : size, offset);
}

static int simple(long result)
{
    return (int)result;
}

static bool refused(void)
{
    int error = judge(false, 0);
    errno = error > 0 ? error : errno;
    return error > 0;
}

int openat(int fd, const char *name, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
    va_end(more);
    return refused() ? -1 : simple(syscall(SYS_openat, fd, name, flags, mode));
}

int fsync(int fd)
{
    return refused() ? -1 : simple(syscall(SYS_fsync, fd));
}

int fdatasync(int fd)
{
    return refused() ? -1 : simple(syscall(SYS_fdatasync, fd));
}

int mkdirat(int fd, const char *name, mode_t mode)
{
    return refused() ? -1 : simple(syscall(SYS_mkdirat, fd, name, mode));
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    return refused() ? -1 : simple(syscall(SYS_renameat2, from_fd, from, to_fd, to, 0));
}

int unlinkat(int fd, const char *name, int flags)
{
    return refused() ? -1 : simple(syscall(SYS_unlinkat, fd, name, flags));
}

/* ---- the work ---- */

static struct world w;
static struct fault_heap mem;
static char folder[64];
static int folder_fd;

static struct {
    uint64_t acked;     /* ticks that were called durable */
    uint64_t submitted; /* ticks that were handed over */
    unsigned kept;      /* checkpoints 0 to kept - 1 were called durable */
    bool giving_up;     /* the older ones may be gone */
} told;

static enum jit_err append(struct log *log)
{
    static uint8_t payload[14000];
    uint64_t tick = log_tick_end(log);
    struct log_record record = {
        .tick = tick, .payload = payload, .payload_size = tick == 3 ? sizeof payload : 900};
    memset(payload, (int)tick + 1, sizeof payload);
    told.submitted = tick + 1;
    enum jit_err err = log_append(log, &record);
    err = err == JIT_OK ? log_flush(log) : err;
    return err == JIT_OK ? log_reap(log, true, &told.acked) : err;
}

static enum jit_err work_log(struct jit_io *io)
{
    const struct log_options options = {
        .segment_bytes = SEGMENT, .uuid = {7}, .durability = LOG_DURABILITY_TICK};
    struct log_report report;
    struct log *log = NULL;
    enum jit_err err = log_open(&mem.heap, io, &options, NULL, NULL, &report, &log);
    while (err == JIT_OK && log_tick_end(log) < TICKS) {
        err = append(log);
    }
    err = err == JIT_OK ? log_seal(log) : err;
    log_close(log);
    return err;
}

static enum jit_err work_checkpoints(struct jit_io *io)
{
    enum jit_err err = JIT_OK;
    for (unsigned n = 0; err == JIT_OK && n < 2; n++) {
        struct ckpt_job job = world_job(&w, n, n > 0);
        job.heap = &mem.heap;
        job.io = io;
        err = ckpt_write(&job);
        if (err == JIT_OK) {
            w.made[n] = job.manifest;
            told.kept = n + 1;
        }
    }
    if (err == JIT_OK) {
        const struct ckpt_manifest *keep[] = {&w.made[1]};
        told.giving_up = true;
        err = ckpt_remove_others(&mem.heap, io, keep, 1, NULL);
    }
    return err;
}

static enum jit_err work(void)
{
    const struct io_options options = {.die_at = IO_DIE_NEVER};
    struct jit_io *io = NULL;
    enum jit_err err = io_posix_open(&mem.heap, folder_fd, &options, &io);
    err = err == JIT_OK ? work_log(io) : err;
    err = err == JIT_OK ? work_checkpoints(io) : err;
    io_posix_close(io);
    return err;
}

/* ---- what lies there ---- */

static enum jit_err check_record(void *user, const struct log_record *record)
{
    ++*(uint64_t *)user;
    for (uint64_t i = 0; i < record->payload_size; i++) {
        ck_assert_uint_eq(record->payload[i], record->tick + 1);
    }
    return JIT_OK;
}

static void check_log(struct jit_io *io, const char *when)
{
    const struct log_options options = {.segment_bytes = SEGMENT, .uuid = {7}};
    struct log_report report;
    struct log *log = NULL;
    uint64_t ticks = 0;
    enum jit_err err = log_open(&mem.heap, io, &options, check_record, &ticks, &report, &log);
    ck_assert_msg(err == JIT_OK, "%s: the log: %s, %s", when, jit_err_name(err), report.why);
    ck_assert_msg(ticks >= told.acked && ticks <= told.submitted,
                  "%s: acknowledged %llu, recovered %llu, submitted %llu", when,
                  (unsigned long long)told.acked, (unsigned long long)ticks,
                  (unsigned long long)told.submitted);
    log_close(log);
}

static void check_checkpoints(struct jit_io *io, const char *when)
{
    struct ckpt_list list;
    bool there[WORLD_STATES] = {false};
    must(ckpt_list_read(&mem.heap, io, NULL, &list));
    for (size_t i = 0; i < list.count; i++) {
        const struct ckpt_manifest *m = list.entries[i].manifest;
        struct jit_id root;
        ck_assert_msg(m != NULL && m->tick < WORLD_STATES, "%s: a manifest does not verify", when);
        enum jit_err err = world_load(&mem.heap, io, m, &root);
        ck_assert_msg(err == JIT_OK && jit_id_equal(&root, &w.versions[m->tick].state_root),
                      "%s: checkpoint %llu: %s", when, (unsigned long long)m->tick,
                      jit_err_name(err));
        there[m->tick] = true;
    }
    for (unsigned n = told.giving_up ? 1 : 0; n < told.kept; n++) {
        ck_assert_msg(there[n], "%s: checkpoint %u is gone", when, n);
    }
    ckpt_list_release(&list);
}

static void check_all(const char *when)
{
    const struct io_options options = {.die_at = IO_DIE_NEVER};
    struct jit_io *io = NULL;
    must(io_posix_open(&mem.heap, folder_fd, &options, &io));
    check_log(io, when);
    check_checkpoints(io, when);
    io_posix_close(io);
}

static unsigned descriptors(void)
{
    unsigned count = 0;
    DIR *dir = opendir("/proc/self/fd");
    ck_assert_ptr_nonnull(dir);
    while (readdir(dir) != NULL) {
        count++;
    }
    (void)closedir(dir);
    return count;
}

static void empty(const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s%s%s", folder, name[0] == '\0' ? "" : "/", name);
    DIR *dir = opendir(path);
    struct dirent *entry = NULL;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.') {
            (void)unlinkat(dirfd(dir), entry->d_name, entry->d_type == DT_DIR ? AT_REMOVEDIR : 0);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
}

static void empty_all(void)
{
    empty("log");
    empty("blobs");
    empty("ckpt");
    empty("");
}

/* ---- the tests ---- */

static void setup(void)
{
    const char *memory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    world_begin(&w);
    mem = fault_heap_make(-1, false);
    (void)snprintf(folder, sizeof folder, "%s/jitos-calls-XXXXXX", memory);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(folder_fd, 0);
}

static void teardown(void)
{
    empty_all();
    (void)close(folder_fd);
    ck_assert_int_eq(rmdir(folder), 0);
    world_end(&w);
}

/* What one failing call makes of the work. */
static void one(uint64_t at, int kind, bool sticky)
{
    char when[64];
    unsigned before = descriptors();
    (void)snprintf(when, sizeof when, "call %llu, %s %s", (unsigned long long)at,
                   kind == SHORT ? "half" : strerrorname_np(kind), sticky ? "for good" : "once");
    memset(&told, 0, sizeof told);
    memset(&plan, 0, sizeof plan);
    plan.fault_at = at;
    plan.kind = kind;
    plan.sticky = sticky;
    enum jit_err err = work();
    bool fired = plan.fired;
    bool passing = kind == SHORT || kind == EINTR || kind == EAGAIN;
    plan.kind = 0;
    ck_assert_msg(err == JIT_OK || fired, "%s: %s", when, jit_err_name(err));
    /* A transfer that was cut short or interrupted goes on; so it does for ever if it moves. */
    ck_assert_msg(err == JIT_OK || !passing || plan.sync || (sticky && kind != SHORT), "%s: %s",
                  when, jit_err_name(err));
    ck_assert_msg(kind != EIO || err == JIT_OK || err == JIT_EIO, "%s: %s", when,
                  jit_err_name(err));
    ck_assert_msg(kind != ENOSPC || err == JIT_OK || err == JIT_ENOSPC || err == JIT_EIO, "%s: %s",
                  when, jit_err_name(err));
    check_all(when);
    empty_all();
    ck_assert_msg(mem.live == 0, "%s: %lld blocks left", when, (long long)mem.live);
    ck_assert_msg(descriptors() == before, "%s: a descriptor is left", when);
}

START_TEST(every_call) /* _i = 2 * kind + sticky */
{
    static const int kinds[] = {EIO, ENOSPC, EINTR, EAGAIN, SHORT};
    uint64_t calls = 0;
    memset(&plan, 0, sizeof plan);
    must(work());
    calls = plan.calls;
    empty_all();
    for (uint64_t at = (uint64_t)_i % STRIDE; at < calls; at += STRIDE) {
        one(at, kinds[_i / 2], _i % 2 == 1);
    }
    printf("%s %s: %llu calls\n", kinds[_i / 2] == SHORT ? "half" : strerrorname_np(kinds[_i / 2]),
           _i % 2 == 1 ? "for good" : "once", (unsigned long long)calls);
    ck_assert_uint_gt(calls, 50);
}
END_TEST

static void fill_suite(Suite *suite)
{
    TCase *t = test_case(suite, "calls", 120);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, every_call, 0, 10);
}

TEST_MAIN("kernel/calls", fill_suite)
