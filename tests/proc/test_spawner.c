/* Goal:   the spawner starts workers that are its supervisor's own children: reaped by it, dying
 * with it and not with the spawner; what a spawn costs does not depend on the supervisor's memory;
 * refusals are named; nothing is left behind. Method: real workers, as root, without user
 * namespaces, and as an ordinary user. */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proc/host/spawner.h"
#include "tests/proc/cage.h"

static struct host_spawner spawner = HOST_SPAWNER_NONE;

static void setup(void)
{
    ck_assert_int_eq(
        host_spawner_new(&cage_probe, &cage_start_filter, &cage_native_filter, &spawner), JIT_OK);
    cage_setup();
}

static void teardown(void)
{
    cage_teardown();
    host_spawner_close(&spawner);
    ck_assert(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

static void must_spawn(void)
{
    enum jit_err err =
        host_spawner_spawn(&spawner, &cage_native_filter, &cage_spec, &cage_child, &cage_fault);
    ck_assert_msg(err == JIT_OK, "%s: %s", jit_err_name(err), cage_fault.text);
}

/* Without arguments the loader of the tests says that it does not know what to do. */
START_TEST(a_child_of_ours)
{
    must_spawn();
    struct host_exit end = cage_finish();
    ck_assert_msg(!end.killed && end.code == ATTACKER_EXIT_UNKNOWN, "%s", end.text);
    cage_spec.start = &cage_native_filter;
    must_spawn();
    end = cage_finish();
    ck_assert_msg(!end.killed && end.code == ATTACKER_EXIT_UNKNOWN, "%s", end.text);
}
END_TEST

#ifndef JIT_SANITIZED

/* One that runs until it is ended: stopped before it can be done. */
static void spawn_and_stop(void)
{
    must_spawn();
    (void)syscall(SYS_pidfd_send_signal, cage_child.pidfd, SIGSTOP, NULL, 0);
}

START_TEST(seen_from_outside)
{
    spawn_and_stop();
    char ours[16];
    (void)snprintf(ours, sizeof ours, "%d", (int)getpid());
    ck_assert_str_eq(cage_status_line(cage_child.pid, "PPid"), ours);
    ck_assert_str_eq(cage_status_line(cage_child.pid, "CapEff"), "0000000000000000");
    ck_assert_str_eq(cage_status_line(cage_child.pid, "SigBlk"), "0000000000000000");
    host_child_kill(&cage_child); /* it may have come to its own end before it was stopped */
    (void)cage_finish();
}
END_TEST

START_TEST(outlives_the_spawner)
{
    must_spawn();
    ck_assert_int_eq(kill(spawner.pid, SIGKILL), 0);
    struct host_exit end = cage_finish();
    ck_assert_msg(!end.killed, "%s", end.text); /* it came to its own end */
    ck_assert_int_eq(
        host_spawner_spawn(&spawner, &cage_native_filter, &cage_spec, &cage_child, &cage_fault),
        JIT_EIO);
    ck_assert_str_eq(cage_fault.step, "spawner");
    ck_assert_int_eq(cage_child.pidfd, -1);
}
END_TEST

/* The process that made the spawner is killed: spawner and worker are gone as well. */
START_TEST(dies_with_the_supervisor)
{
    int said[2];
    pid_t pids[2] = {0, 0};
    ck_assert_int_eq(pipe(said), 0);
    ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    pid_t supervisor = fork();
    ck_assert_int_ge(supervisor, 0);
    if (supervisor == 0) {
        struct host_spawner own;
        if (host_spawner_new(&cage_probe, &cage_start_filter, &cage_native_filter, &own) ==
                JIT_OK &&
            host_spawner_spawn(&own, &cage_native_filter, &cage_spec, &cage_child, &cage_fault) ==
                JIT_OK) {
            pids[0] = own.pid;
            pids[1] = cage_child.pid;
            (void)!write(said[1], pids, sizeof pids);
        }
        (void)raise(SIGKILL);
    }
    (void)close(said[1]);
    ck_assert_int_eq(read(said[0], pids, sizeof pids), sizeof pids);
    (void)close(said[0]);
    for (int reaped = 0; reaped < 3; reaped++) {
        ck_assert_int_gt(waitpid(-1, NULL, __WALL), 0); /* all three: none of them hangs */
    }
    ck_assert(kill(pids[0], 0) != 0 && kill(pids[1], 0) != 0);
}
END_TEST

START_TEST(refusals_are_named)
{
    int before = cage_open_descriptors();
    struct host_loader data = {.fd = cage_program.fd_worker, .image_size = 4096};
    cage_spec.loader = &data;
    enum jit_err err =
        host_spawner_spawn(&spawner, &cage_native_filter, &cage_spec, &cage_child, &cage_fault);
    ck_assert_int_ne(err, JIT_OK);
    ck_assert_str_eq(cage_fault.step, "execution of the loader");
    ck_assert_int_eq(cage_child.pidfd, -1);
    ck_assert_int_eq(cage_open_descriptors(), before);
    cage_spec.loader = &cage_loader;
    must_spawn(); /* and it goes on */
    (void)cage_finish();
}
END_TEST

/* Processor time of the spawner and of ourselves: what a busy machine adds is not in it. */
static uint64_t spent_ns(void)
{
    struct timespec ours;
    struct timespec theirs;
    clockid_t clock;
    ck_assert_int_eq(clock_getcpuclockid(spawner.pid, &clock), 0);
    ck_assert_int_eq(clock_gettime(clock, &theirs), 0);
    ck_assert_int_eq(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ours), 0);
    return (uint64_t)(ours.tv_sec + theirs.tv_sec) * 1000000000u +
           (uint64_t)(ours.tv_nsec + theirs.tv_nsec);
}

static uint64_t least_spawn_ns(void)
{
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < 9; i++) {
        uint64_t begun = spent_ns();
        must_spawn();
        uint64_t took = spent_ns() - begun;
        least = took < least ? took : least;
        host_child_kill(&cage_child);
        (void)cage_finish();
    }
    return least;
}

/* 256 MiB of our own cost a clone of ours some ten milliseconds; the spawner has none of it. The
 * bar is wide: this says that the size is not in it, the bench says what a spawn takes. */
START_TEST(flat_in_our_memory)
{
    const size_t size = 256u << 20;
    uint64_t small = least_spawn_ns();
    uint8_t *mine = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(mine, MAP_FAILED);
    ck_assert_int_eq(madvise(mine, size, MADV_NOHUGEPAGE), 0);
    for (size_t at = 0; at < size; at += 4096) {
        mine[at] = 1;
    }
    uint64_t large = least_spawn_ns();
    ck_assert_int_eq(munmap(mine, size), 0);
    ck_assert_msg(large < 2 * small + 2000000u, "%llu ns, with 256 MiB %llu ns",
                  (unsigned long long)small, (unsigned long long)large);
}
END_TEST

static int descriptors_of(pid_t pid)
{
    char path[48];
    int count = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *dir = opendir(path);
    ck_assert_ptr_nonnull(dir);
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        count += entry->d_name[0] != '.';
    }
    (void)closedir(dir);
    return count;
}

/* JIT_SPAWN_CYCLES for the longer run. */
START_TEST(cycles_leave_nothing)
{
    const char *wanted = getenv("JIT_SPAWN_CYCLES");
    unsigned cycles = wanted != NULL ? (unsigned)strtoul(wanted, NULL, 10) : 100;
    must_spawn();
    (void)cage_finish();
    int before = cage_open_descriptors();
    int theirs = descriptors_of(spawner.pid);
    char rss[64];
    (void)snprintf(rss, sizeof rss, "%s", cage_status_line(spawner.pid, "VmRSS"));
    for (unsigned i = 0; i < cycles; i++) {
        cage_spec.slot = i % HOST_SLOTS;
        must_spawn();
        host_child_kill(&cage_child);
        (void)cage_finish();
    }
    ck_assert_int_eq(cage_open_descriptors(), before);
    long grown = strtol(cage_status_line(spawner.pid, "VmRSS"), NULL, 10) - strtol(rss, NULL, 10);
    ck_assert_msg(grown < 512, "the spawner has grown by %ld KiB in %u cycles", grown, cycles);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), 0); /* the spawner, and nobody who has ended */
    /* It closes what it was handed after it has answered. */
    for (int i = 0; i < 100000 && descriptors_of(spawner.pid) > theirs; i++) {
        (void)sched_yield();
    }
    ck_assert_int_le(descriptors_of(spawner.pid), theirs);
}
END_TEST

#endif

static void fill(Suite *suite, bool first)
{
    (void)first;
    TCase *tcase = test_case(suite, "spawner", 2 * CAGE_PATIENCE);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_child_of_ours);
#ifndef JIT_SANITIZED
    tcase_add_test(tcase, seen_from_outside);
    tcase_add_test(tcase, outlives_the_spawner);
    tcase_add_test(tcase, dies_with_the_supervisor);
    tcase_add_test(tcase, refusals_are_named);
    tcase_add_test(tcase, flat_in_our_memory);
    tcase_add_test(tcase, cycles_leave_nothing);
#endif
}

int main(void)
{
    return cage_main("spawner", fill);
}
