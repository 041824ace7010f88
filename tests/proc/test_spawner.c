/* Goal:   the spawner starts workers that are its supervisor's own children: reaped by it, dying
 * with it and not with the spawner; what a spawn costs does not depend on the supervisor's memory;
 * refusals are named; nothing is left behind. Method: real workers, as root, without user
 * namespaces, and as an ordinary user. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
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
    while (waitpid(-1, NULL, 0) > 0) { /* the spawner, and spares that it had no time to tell of */
    }
    ck_assert_int_eq(errno, ECHILD);
}
END_TEST

/* The spare is killed, once or again and again: whoever asks for a worker gets one all the same. */
static void kill_spare(void)
{
    struct pollfd told = {.fd = spawner.fd, .events = POLLIN};
    char list[32];
    char line[512];
    (void)snprintf(list, sizeof list, "/proc/self/task/%d/children", (int)getpid());
    ck_assert_int_eq(poll(&told, 1, (int)(CAGE_PATIENCE * 500)), 1); /* it is there */
    FILE *file = fopen(list, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(line, sizeof line, file));
    (void)fclose(file);
    for (char *save = NULL, *word = strtok_r(line, " ", &save); word != NULL;
         word = strtok_r(NULL, " ", &save)) {
        pid_t pid = (pid_t)strtol(word, NULL, 10);
        siginfo_t info;
        if (pid > 0 && pid != spawner.pid) {
            ck_assert_int_eq(kill(pid, SIGKILL), 0);
            ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
        }
    }
}

START_TEST(a_lost_spare_is_nobodys_death)
{
    for (int i = 0; i < 3; i++) {
        kill_spare();
        must_spawn();
        struct host_exit end = cage_finish();
        ck_assert_msg(!end.killed && end.code == ATTACKER_EXIT_UNKNOWN, "%s", end.text);
    }
    kill_spare();
}
END_TEST

/* It waits for its order already locked in: whoever looks at it sees a worker. */
START_TEST(a_spare_seen_from_outside)
{
    struct pollfd told = {.fd = spawner.fd, .events = POLLIN};
    unsigned uid = 0;
    ck_assert_int_eq(poll(&told, 1, (int)(CAGE_PATIENCE * 500)), 1);
    pid_t spare = 0;
    for (pid_t pid = spawner.pid; spare == 0; pid++) { /* the next child of ours */
        char ours[16];
        (void)snprintf(ours, sizeof ours, "%d", (int)getpid());
        if (pid != spawner.pid && kill(pid, 0) == 0 &&
            strcmp(cage_status_line(pid, "PPid"), ours) == 0) {
            spare = pid;
        }
    }
    /* It may be on its way still. */
    for (int i = 0;
         i < 1000000 && strcmp(cage_status_line(spare, "CapPrm"), "0000000000000000") != 0; i++) {
        (void)sched_yield();
    }
    static const char *const caps[] = {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"};
    for (size_t i = 0; i < sizeof caps / sizeof caps[0]; i++) {
        ck_assert_str_eq(cage_status_line(spare, caps[i]), "0000000000000000");
    }
    ck_assert_str_eq(cage_status_line(spare, "NoNewPrivs"), "1");
    ck_assert_int_eq(sscanf(cage_status_line(spare, "Uid"), "%u", &uid), 1);
    if (cage_probe.facts[HOST_UNIQUE_UID].present) {
        ck_assert_uint_lt(uid - CAGE_KUID_BASE, HOST_SPAWNER_SPARES);
    }
    if (geteuid() != 0) {
        char path[48];
        (void)snprintf(path, sizeof path, "/proc/%d/mem", (int)spare);
        ck_assert(open(path, O_RDWR) < 0 && errno == EACCES);
    }
}
END_TEST

static unsigned uid_of(pid_t pid)
{
    unsigned uid = 0;
    ck_assert_int_eq(sscanf(cage_status_line(pid, "Uid"), "%u", &uid), 1);
    return uid;
}

/* No two that live have one user outside, whatever the order in which slots come and go. */
START_TEST(places_are_apart)
{
    enum { SLOTS = 8, STEPS = 60 };
    struct host_child children[SLOTS];
    uint32_t draw = 12345;
    if (!cage_probe.facts[HOST_UNIQUE_UID].present) {
        return;
    }
    for (size_t i = 0; i < SLOTS; i++) {
        children[i] = (struct host_child)HOST_CHILD_NONE;
    }
    for (int step = 0; step < STEPS; step++) {
        struct host_exit end;
        draw = draw * 1103515245u + 12345u;
        uint32_t slot = (draw >> 16) % SLOTS;
        if (children[slot].pidfd >= 0) {
            host_child_kill(&children[slot]);
            ck_assert_int_eq(host_child_reap(&children[slot], true, &end), JIT_OK);
        }
        cage_spec.slot = slot;
        spawn_and_stop();
        children[slot] = cage_child;
        cage_child = (struct host_child)HOST_CHILD_NONE;
        unsigned own = uid_of(children[slot].pid);
        /* and they are used again */
        ck_assert_uint_lt(own - CAGE_KUID_BASE, SLOTS + HOST_SPAWNER_SPARES);
        for (size_t i = 0; i < SLOTS; i++) {
            ck_assert(i == slot || children[i].pidfd < 0 || uid_of(children[i].pid) != own);
        }
    }
    for (size_t i = 0; i < SLOTS; i++) {
        struct host_exit end;
        if (children[i].pidfd >= 0) {
            host_child_kill(&children[i]);
            ck_assert_int_eq(host_child_reap(&children[i], true, &end), JIT_OK);
        }
    }
}
END_TEST

/* The process that made the spawner is killed: spawner and worker are gone as well. */
START_TEST(dies_with_the_supervisor)
{
    int said[2];
    pid_t pids[2] = {0, 0};
    host_spawner_close(&spawner); /* ours; nobody but theirs is to be waited for */
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
    int reaped = 0;
    while (waitpid(-1, NULL, __WALL) > 0) { /* none of them hangs; there may be a spare as well */
        reaped++;
    }
    ck_assert_int_ge(reaped, 3);
    ck_assert_int_eq(errno, ECHILD);
    ck_assert(kill(pids[0], 0) != 0 && kill(pids[1], 0) != 0);
}
END_TEST

/* Of ours, but for those of spares that we have been told of. */
static int own_descriptors(void)
{
    int count = cage_open_descriptors();
    for (size_t i = 0; i < HOST_SPAWNER_SPARES; i++) {
        count -= spawner.spares[i].pidfd >= 0;
    }
    return count;
}

START_TEST(refusals_are_named)
{
    int before = own_descriptors();
    struct host_loader data = {.fd = cage_program.fd_worker, .image_size = 4096};
    cage_spec.loader = &data;
    enum jit_err err =
        host_spawner_spawn(&spawner, &cage_native_filter, &cage_spec, &cage_child, &cage_fault);
    ck_assert_int_ne(err, JIT_OK);
    ck_assert_str_eq(cage_fault.step, "execution of the loader");
    ck_assert_int_eq(cage_child.pidfd, -1);
    ck_assert_int_eq(own_descriptors(), before);
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

static long resident_kib(pid_t pid)
{
    return strtol(cage_status_line(pid, "VmRSS"), NULL, 10);
}

/* Those of our spawner's workers; 0 where it has none to give. */
static int control_groups(void)
{
    struct host_cgroups groups;
    int count = 0;
    if (!cage_probe.facts[HOST_CGROUP_MEMORY].present ||
        host_cgroups_open(&host_cgroup_here, getpid(), &groups) != 0) {
        return 0;
    }
    int fd = fcntl(groups.dirs[0], F_DUPFD_CLOEXEC, 0);
    DIR *dir = fdopendir(fd);
    ck_assert_ptr_nonnull(dir);
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        count += entry->d_name[0] == 'w';
    }
    (void)closedir(dir);
    for (int i = 0; i < HOST_CGROUP_DIRS; i++) { /* they are the spawner's: left as they are */
        if (groups.dirs[i] >= 0) {
            (void)close(groups.dirs[i]);
            (void)close(groups.own[i]);
        }
    }
    ck_assert_int_gt(count, 0);
    return count;
}

#define CYCLE_SLOTS 16u
#define SPARE_FDS                                                                                  \
    (2 * (int)HOST_SPAWNER_SPARES) /* which may not have been there when they were counted */

/* JIT_SPAWN_CYCLES for the longer run. */
START_TEST(cycles_leave_nothing)
{
    const char *wanted = getenv("JIT_SPAWN_CYCLES");
    unsigned cycles = wanted != NULL ? (unsigned)strtoul(wanted, NULL, 10) : 100;
    must_spawn();
    (void)cage_finish();
    int before = own_descriptors();
    int theirs = descriptors_of(spawner.pid) + SPARE_FDS;
    long rss = resident_kib(spawner.pid);
    long our_rss = resident_kib(getpid());
    for (unsigned i = 0; i < cycles; i++) {
        cage_spec.slot = i % CYCLE_SLOTS;
        must_spawn();
        host_child_kill(&cage_child);
        (void)cage_finish();
    }
    ck_assert_int_eq(own_descriptors(), before);
    long grown = resident_kib(spawner.pid) - rss;
    long we_grew = resident_kib(getpid()) - our_rss;
    ck_assert_msg(grown < 512 && we_grew < 512,
                  "the spawner has grown by %ld KiB and we by %ld in %u cycles", grown, we_grew,
                  cycles);
    ck_assert_int_le(control_groups(), (int)(CYCLE_SLOTS + HOST_SPAWNER_SPARES));
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
    tcase_add_test(tcase, a_lost_spare_is_nobodys_death);
    tcase_add_test(tcase, a_spare_seen_from_outside);
    tcase_add_test(tcase, places_are_apart);
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
