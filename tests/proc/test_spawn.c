/* Goal:   a worker started by host_spawn() is locked in, can do its work, and leaves nothing
 * behind. Method: start a real one and judge by effect, from the inside and from the outside
 * (/proc). The whole suite runs as root with user namespaces, as root without them, and as an
 * ordinary user. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/proc/cage.h"

#define START(...) cage_start((const char *const[ATTACK_ARGS_MAX]){__VA_ARGS__})

START_TEST(works_and_sees_the_view_grow)
{
    START("work");
    cage_await(ATTACKER_RUNNING);
    ck_assert_uint_eq(cage_graph.base[100], 7);
    ck_assert_int_eq(host_memory_extend(&cage_view, ATTACKER_VIEW_BYTES_MAX), JIT_OK);
    cage_view.base[ATTACKER_VIEW_BYTES_MAX - 1] = 42;
    atomic_store(&cage_words->bell, 1);
    (void)syscall(SYS_futex, &cage_words->bell, FUTEX_WAKE, 1, NULL, NULL, 0);
    struct host_exit end = cage_finish();
    ck_assert_msg(!end.killed && end.code == 0, "%s", end.text);
}
END_TEST

static bool limit_line_is_zero(const char *key)
{
    char path[48];
    char line[256];
    bool found = false;
    (void)snprintf(path, sizeof path, "/proc/%d/limits", (int)cage_child.pid);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file) != NULL) {
        unsigned long soft = 1;
        unsigned long hard = 1;
        if (strncmp(line, key, strlen(key)) == 0 &&
            sscanf(line + strlen(key), "%lu %lu", &soft, &hard) == 2) {
            found = soft == 0 && hard == 0;
        }
    }
    (void)fclose(file);
    return found;
}

START_TEST(nothing_is_left_to_it)
{
    static const char *const caps[] = {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"};
    static const char *const limits[] = {
        "Max core file size", "Max file size",     "Max processes",      "Max open files",
        "Max locked memory",  "Max msgqueue size", "Max pending signals"};
    unsigned outer = 0;
    unsigned inner = 0;
    sigset_t some;
    sigemptyset(&some);
    sigaddset(&some, SIGUSR1);
    ck_assert_int_eq(sigprocmask(SIG_BLOCK, &some, NULL), 0);
    START("wait");
    cage_await(ATTACKER_RUNNING);
    for (size_t i = 0; i < sizeof caps / sizeof caps[0]; i++) {
        ck_assert_str_eq(cage_status_line(cage_child.pid, caps[i]), "0000000000000000");
    }
    ck_assert_str_eq(cage_status_line(cage_child.pid, "NoNewPrivs"), "1");
    ck_assert_str_eq(cage_status_line(cage_child.pid, "Seccomp"), "2");
    unsigned long before = strtoul(cage_status_line(getpid(), "Seccomp_filters"), NULL, 10);
    ck_assert_uint_eq(strtoul(cage_status_line(cage_child.pid, "Seccomp_filters"), NULL, 10),
                      before + 2);
    ck_assert_int_eq(sscanf(cage_status_line(cage_child.pid, "NSpid"), "%u %u", &outer, &inner), 2);
    ck_assert_uint_eq(inner, 1);
    unsigned uid = (unsigned)strtoul(cage_status_line(cage_child.pid, "Uid"), NULL, 10);
    ck_assert_uint_eq(uid, cage_probe.facts[HOST_UNIQUE_UID].present
                               ? CAGE_KUID_BASE + cage_spec.slot
                               : (unsigned)geteuid());
    if (cage_probe.facts[HOST_UNIQUE_UID].present) {
        ck_assert_str_eq(cage_status_line(cage_child.pid, "Groups"), "");
    }
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        ck_assert_msg(limit_line_is_zero(limits[i]), "%s", limits[i]);
    }
    ck_assert_str_eq(cage_status_line(cage_child.pid, "SigBlk"), "0000000000000000");
    ck_assert_str_eq(cage_status_line(cage_child.pid, "SigCgt"), "0000000000000000");
    ck_assert_int_eq(getpgid(cage_child.pid), cage_child.pid);
    ck_assert_int_eq(getsid(cage_child.pid), getsid(0)); /* or its class would not count */
    ck_assert_int_eq(sched_getscheduler(cage_child.pid), SCHED_BATCH);
    int own = getpriority(PRIO_PROCESS, 0); /* it is never raised above ours */
    ck_assert_int_eq(getpriority(PRIO_PROCESS, (id_t)cage_child.pid), own > 5 ? own : 5);
}
END_TEST

static int entries(const char *name)
{
    char path[64];
    int count = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)cage_child.pid, name);
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return -errno;
    }
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    (void)closedir(dir);
    return count;
}

START_TEST(seen_from_outside)
{
    static const char *const spaces[] = {"mnt", "pid", "net", "ipc", "uts", "cgroup", "user"};
    char path[64];
    char its[64] = "";
    char ours[64] = "";
    START("wait");
    cage_await(ATTACKER_RUNNING);
    (void)snprintf(path, sizeof path, "/proc/%d/mem", (int)cage_child.pid);
    int count_fds = entries("fd");
    if (geteuid() != 0 || count_fds == -EACCES) { /* the same user, and still a stranger */
        ck_assert(open(path, O_RDWR) < 0 && errno == EACCES);
        ck_assert_int_eq(count_fds, -EACCES);
        return;
    }
    ck_assert_int_eq(count_fds, 0);
    ck_assert_int_eq(entries("root"), 0);
    ck_assert_int_eq(entries("cwd"), 0);
    size_t count =
        sizeof spaces / sizeof spaces[0] - (cage_probe.facts[HOST_USER_NS].present ? 0 : 1);
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)cage_child.pid, spaces[i]);
        ck_assert(readlink(path, its, sizeof its - 1) > 0);
        (void)snprintf(path, sizeof path, "/proc/self/ns/%s", spaces[i]);
        ck_assert(readlink(path, ours, sizeof ours - 1) > 0);
        ck_assert_str_ne(its, ours);
    }
}
END_TEST

/* One that nobody vouches for keeps the four descriptors it was born with, and that is all. */
START_TEST(native_seen_from_outside)
{
    char path[64];
    cage_spec.start = &cage_native_filter;
    START("native", "wait");
    cage_await(ATTACKER_RUNNING);
    ck_assert_str_eq(cage_status_line(cage_child.pid, "CapEff"), "0000000000000000");
    ck_assert_str_eq(cage_status_line(cage_child.pid, "NoNewPrivs"), "1");
    ck_assert_str_eq(cage_status_line(cage_child.pid, "Seccomp"), "2");
    (void)snprintf(path, sizeof path, "/proc/%d/mem", (int)cage_child.pid);
    int count_fds = entries("fd");
    if (geteuid() != 0 || count_fds == -EACCES) {
        ck_assert(open(path, O_RDWR) < 0 && errno == EACCES);
        ck_assert_int_eq(count_fds, -EACCES);
        return;
    }
    ck_assert_int_eq(count_fds, 4);
    for (int fd = SYS_FD_RING; fd <= SYS_FD_PROGRAM; fd++) {
        (void)snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)cage_child.pid, fd);
        ck_assert(access(path, F_OK) == 0 || errno == ENOENT); /* a memfd has no name outside */
        struct stat link;
        ck_assert_int_eq(lstat(path, &link), 0);
    }
    ck_assert_int_eq(entries("root"), 0);
}
END_TEST

START_TEST(native_works)
{
    cage_spec.start = &cage_native_filter;
    START("native", "work");
    cage_await(ATTACKER_RUNNING);
    ck_assert_int_eq(host_memory_extend(&cage_view, ATTACKER_VIEW_BYTES_MAX), JIT_OK);
    cage_view.base[ATTACKER_VIEW_BYTES_MAX - 1] = 42;
    atomic_store(&cage_words->bell, 1);
    (void)syscall(SYS_futex, &cage_words->bell, FUTEX_WAKE, 1, NULL, NULL, 0);
    struct host_exit end = cage_finish();
    ck_assert_msg(!end.killed && end.code == 0, "%s", end.text);
}
END_TEST

START_TEST(idle_class)
{
    cage_spec.sched = HOST_SCHED_IDLE;
    START("wait");
    ck_assert_int_eq(sched_getscheduler(cage_child.pid), SCHED_IDLE);
}
END_TEST

START_TEST(stop_and_continue)
{
    START("nap");
    cage_await(ATTACKER_RUNNING);
    siginfo_t info;
    ck_assert_int_eq((int)syscall(SYS_pidfd_send_signal, cage_child.pidfd, SIGSTOP, NULL, 0), 0);
    ck_assert_int_eq(waitid(P_PIDFD, (id_t)cage_child.pidfd, &info, WSTOPPED), 0);
    ck_assert_int_eq((int)syscall(SYS_pidfd_send_signal, cage_child.pidfd, SIGCONT, NULL, 0), 0);
    struct host_exit end = cage_finish();
    ck_assert_msg(!end.killed && end.code == 0, "%s", end.text);
}
END_TEST

START_TEST(cpu_limit)
{
    uint64_t used_ns = 0;
    cage_spec.cpu_seconds = 1;
    START("loop");
    cage_await(ATTACKER_RUNNING);
    ck_assert_int_eq(host_child_cpu_ns(&cage_child, &used_ns), JIT_OK);
    struct host_exit end = cage_finish();
    ck_assert_msg(end.killed && end.code == SIGKILL, "%s", end.text);
}
END_TEST

START_TEST(kill_and_describe)
{
    struct host_exit end;
    START("wait");
    ck_assert_int_eq(host_child_reap(&cage_child, false, &end), JIT_EAGAIN);
    host_child_kill(&cage_child);
    end = cage_finish();
    ck_assert(end.killed && end.code == SIGKILL);
    ck_assert_str_eq(end.text, "killed by SIGKILL, by the supervisor or a limit");
    START("exit", "9");
    end = cage_finish();
    ck_assert_str_eq(end.text, "exited with status 9");
    ck_assert_int_eq(cage_child.pidfd, -1);
}
END_TEST

/* Someone else reaps what the dead supervisor leaves: us. */
static void await_death(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd >= 0) { /* else it is gone already */
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        ck_assert_int_eq(poll(&wait, 1, (int)(CAGE_PATIENCE * 500)), 1);
        (void)close(fd);
    }
    (void)waitpid(pid, NULL, 0);
}

START_TEST(dies_with_its_supervisor)
{
    int said[2];
    pid_t worker = 0;
    ck_assert_int_eq(pipe(said), 0);
    ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    pid_t supervisor = fork();
    ck_assert_int_ge(supervisor, 0);
    if (supervisor == 0) {
        cage_spec.argv = (char *[]){(char[]){"worker"}, (char[]){"wait"}, NULL};
        if (host_spawn(&cage_spec, &cage_child, &cage_fault) == JIT_OK) {
            cage_await(ATTACKER_RUNNING);
            (void)!write(said[1], &cage_child.pid, sizeof cage_child.pid);
        }
        (void)raise(SIGKILL);
    }
    (void)close(said[1]);
    ck_assert_int_eq(read(said[0], &worker, sizeof worker), sizeof worker);
    (void)close(said[0]);
    await_death(supervisor);
    await_death(worker);
    ck_assert(kill(worker, 0) != 0 && errno == ESRCH);
}
END_TEST

static void *spawn_in_thread(void *unused)
{
    (void)unused;
    START("wait");
    return NULL;
}

START_TEST(dies_with_the_thread_that_spawned_it)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, spawn_in_thread, NULL), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    struct host_exit end = cage_finish();
    ck_assert_msg(end.killed && end.code == SIGKILL, "%s", end.text);
}
END_TEST

START_TEST(many_cycles_leave_nothing)
{
    int before = cage_open_descriptors();
    for (int i = 0; i < 200; i++) {
        struct host_exit end;
        cage_spec.slot = (uint32_t)i;
        START("wait");
        host_child_kill(&cage_child);
        ck_assert_int_eq(host_child_reap(&cage_child, true, &end), JIT_OK);
        ck_assert(end.killed && end.code == SIGKILL);
    }
    ck_assert_int_eq(cage_open_descriptors(), before);
    ck_assert(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}
END_TEST

static void refused(const char *step, int os_errno)
{
    int before = cage_open_descriptors();
    enum jit_err err = host_spawn(&cage_spec, &cage_child, &cage_fault);
    ck_assert_int_ne(err, JIT_OK);
    ck_assert_str_eq(cage_fault.step, step);
    ck_assert_msg(cage_fault.os_errno == os_errno, "%s", cage_fault.text);
    ck_assert_ptr_nonnull(strstr(cage_fault.text, step));
    ck_assert_int_eq(cage_child.pidfd, -1);
    ck_assert_int_eq(cage_open_descriptors(), before);
    ck_assert(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

START_TEST(failure_names_its_step)
{
    cage_spec.ring_fd = 4000;
    refused("descriptors", EBADF);
    cage_spec.ring_fd = cage_ring.fd_worker;

    struct host_loader data = {.fd = cage_program.fd_worker, .image_size = 4096};
    cage_spec.loader = &data;
    refused("execution of the loader", EACCES);
    cage_spec.loader = &cage_loader;

    struct host_filter broken = cage_start_filter;
    broken.code[0].code = 0xffff;
    cage_spec.start = &broken;
    refused("seccomp filter", EINVAL);
    cage_spec.start = &cage_start_filter;

    struct rlimit files;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
    struct rlimit none = {3, files.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    enum jit_err err = host_spawn(&cage_spec, &cage_child, &cage_fault);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
    ck_assert_int_eq(err, JIT_ENOMEM);
    ck_assert_str_eq(cage_fault.step, "channel to the child");

    START("exit", "0"); /* and it is all right again */
    ck_assert_int_eq(cage_finish().code, 0);
}
END_TEST

START_TEST(older_kernel)
{
    struct host_loader image;
    const char *why;
    struct host_probe older;
    cage_teardown();
    cage_older_kernel();
    cage_setup();
    host_probe(&older);
    if (!cage_probe.facts[HOST_USER_NS].present) {
        ck_assert_int_eq(host_probe_pretend_missing(&older, "user-ns"), JIT_OK);
    }
    ck_assert(!older.facts[HOST_MSEAL].present && !older.facts[HOST_MDWE].present);
    ck_assert(!older.facts[HOST_NOEXEC_SEAL].present);
    ck_assert_int_eq(host_loader_open_fd(cage_loader.fd, &image, &why), JIT_OK);
    cage_spec.probe = &older;
    cage_spec.loader = &image;
    cage_words->mseal_required = 0;
    START("exit", "5");
    struct host_exit end = cage_finish();
    ck_assert_msg(!end.killed && end.code == 5, "%s", end.text);
    START("store", "view", "0");
    end = cage_finish();
    ck_assert_msg(end.killed && end.code == SIGSEGV, "%s", end.text);
    cage_words->mseal_required = 1; /* the loader refuses then, too */
    START("exit", "5");
    ck_assert_int_eq(cage_finish().code, ATTACKER_EXIT_LOCKDOWN);
    host_loader_close(&image);
}
END_TEST

static void put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    ck_assert_msg(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%s: %s", path,
                  strerror(errno));
    (void)close(fd);
}

START_TEST(user_namespaces_used_up)
{
    char map[40];
    if (!cage_probe.facts[HOST_USER_NS].present) {
        return; /* this way of spawning needs none */
    }
    (void)snprintf(map, sizeof map, "0 %u 1\n", (unsigned)geteuid());
    ck_assert_int_eq(unshare(CLONE_NEWUSER), 0);
    put("/proc/self/setgroups", "deny");
    put("/proc/self/uid_map", map);
    put("/proc/sys/user/max_user_namespaces", "0");
    refused("clone3", ENOSPC);
    ck_assert_ptr_nonnull(strstr(cage_fault.text, "user.max_user_namespaces"));
}
END_TEST

START_TEST(missing_mechanism_is_named)
{
    for (int i = 0; i < HOST_MECHANISMS; i++) {
        struct host_probe less = cage_probe;
        const char *name = cage_probe.facts[i].name;
        bool required =
            cage_probe.facts[i].required && !(i == HOST_USER_NS && cage_probe.real_root);
        cage_spec.probe = &less;
        ck_assert_int_eq(host_probe_pretend_missing(&less, name), JIT_OK);
        if (!required && cage_probe.facts[i].present && i != HOST_USER_NS && i != HOST_UNIQUE_UID) {
            START("exit", "0"); /* graded: goes on without */
            struct host_exit end = cage_finish();
            bool needs_it = i == HOST_MSEAL; /* the ring's word demands it */
            ck_assert_msg(needs_it || (!end.killed && end.code == 0), "%s: %s", name, end.text);
        }
        ck_assert_int_eq(host_probe_require(&less, name), JIT_OK);
        ck_assert_int_eq(host_spawn(&cage_spec, &cage_child, &cage_fault), JIT_ENOTSUP);
        ck_assert_str_eq(cage_fault.step, "probe");
        ck_assert_msg(strstr(cage_fault.text, name) != NULL, "%s", cage_fault.text);
        ck_assert_ptr_nonnull(strstr(cage_fault.text, cage_probe.facts[i].fix));
    }
}
END_TEST

#ifdef JIT_SANITIZED
#define LOCKED_IN 0
#else
#define LOCKED_IN 1
#endif

/* With a sanitizer the sandbox is a null one: a worker gets its memories and runs, that is all. */
static void fill(Suite *suite, bool first)
{
    TCase *work = test_case(suite, "work", CAGE_PATIENCE);
    tcase_add_checked_fixture(work, cage_setup, cage_teardown);
    tcase_add_test(work, works_and_sees_the_view_grow);
    tcase_add_test(work, kill_and_describe);
    tcase_add_test(work, dies_with_its_supervisor);
    tcase_add_test(work, many_cycles_leave_nothing);
    if (!LOCKED_IN) {
        return;
    }
    tcase_add_test(work, stop_and_continue);
    tcase_add_test(work, idle_class);
    tcase_add_test(work, dies_with_the_thread_that_spawned_it);
    if (first) { /* takes two seconds of CPU */
        tcase_add_test(work, cpu_limit);
    }
    TCase *outside = test_case(suite, "outside", CAGE_PATIENCE);
    tcase_add_checked_fixture(outside, cage_setup, cage_teardown);
    tcase_add_test(outside, nothing_is_left_to_it);
    tcase_add_test(outside, seen_from_outside);
    tcase_add_test(outside, native_seen_from_outside);
    tcase_add_test(outside, native_works);
    TCase *refusals = test_case(suite, "refusals", CAGE_PATIENCE);
    tcase_add_checked_fixture(refusals, cage_setup, cage_teardown);
    tcase_add_test(refusals, failure_names_its_step);
    tcase_add_test(refusals, user_namespaces_used_up);
    tcase_add_test(refusals, older_kernel);
    tcase_add_test(refusals, missing_mechanism_is_named);
}

int main(void)
{
    return cage_main("spawn", fill);
}
