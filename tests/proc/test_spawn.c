/* Goal:   a worker started by host_spawn() is locked in, can do its work, and leaves nothing
 * behind. Method: start a real one and judge by effect, from the inside (tests/proc/loader.c does
 * what the table of attacks says) and from the outside (/proc). The whole suite runs as root with
 *         user namespaces, as root without them, and as an ordinary user. */
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

#include "proc/host/memory.h"
#include "proc/host/spawn.h"
#include "tests/lib/tcase.h"
#include "tests/proc/attacks.h"
#include "tests/proc/loader.h"

#define SKIPPED   77
#define NOBODY    65534
#define PATIENCE  60.0 /* seconds; the machine may be busy */
#define KUID_BASE 0x60000000u

static struct host_probe probe;
static struct host_loader loader = HOST_LOADER_NONE;
static const char *why;
static struct host_filter start_filter, final_filter;

/* One worker with its memories. */
static struct host_memory ring = HOST_MEMORY_NONE, graph = HOST_MEMORY_NONE;
static struct host_memory view = HOST_MEMORY_NONE, program = HOST_MEMORY_NONE;
static struct host_child child = HOST_CHILD_NONE;
static struct host_fault fault;
static struct host_spawn_spec spec;
static struct loader_ring *words;

static void setup(void)
{
    ck_assert_int_eq(host_memory_create(HOST_RING, LOADER_RING_BYTES, LOADER_RING_BYTES, &ring),
                     JIT_OK);
    ck_assert_int_eq(
        host_memory_create(HOST_GRAPH, LOADER_GRAPH_BYTES, LOADER_GRAPH_BYTES_MAX, &graph), JIT_OK);
    ck_assert_int_eq(host_memory_create(HOST_VIEW, LOADER_VIEW_BYTES, LOADER_VIEW_BYTES_MAX, &view),
                     JIT_OK);
    ck_assert_int_eq(host_memory_program(&final_filter, host_filter_size(&final_filter), &program),
                     JIT_OK);
    words = (struct loader_ring *)(void *)ring.base;
    words->mseal_required = probe.facts[HOST_MSEAL].present;
    spec = (struct host_spawn_spec){
        .probe = &probe,
        .loader = &loader,
        .start = &start_filter,
        .ring_fd = ring.fd_worker,
        .graph_fd = graph.fd_worker,
        .view_fd = view.fd_worker,
        .program_fd = program.fd_worker,
        .slot = 3,
        .sched = HOST_SCHED_BATCH,
        .shared_bytes_max = ring.size_max + graph.size_max + view.size_max + program.size_max,
        .heap_bytes = 64u << 20,
        .stack_bytes = 1u << 20,
    };
}

static void teardown(void)
{
    struct host_exit end;
    if (child.pidfd >= 0) {
        host_child_kill(&child);
        ck_assert_int_eq(host_child_reap(&child, true, &end), JIT_OK);
    }
    host_memory_close(&ring);
    host_memory_close(&graph);
    host_memory_close(&view);
    host_memory_close(&program);
}

static void start(const char *const *argv)
{
    const char *all[ATTACK_ARGS_MAX + 2] = {"worker"};
    for (int i = 0; i < ATTACK_ARGS_MAX && argv[i] != NULL; i++) {
        all[i + 1] = argv[i];
    }
    spec.argv = (char *const *)(uintptr_t)all;
    enum jit_err err = host_spawn(&spec, &child, &fault);
    ck_assert_msg(err == JIT_OK, "%s: %s", jit_err_name(err), fault.text);
}

#define START(...) start((const char *const[ATTACK_ARGS_MAX]){__VA_ARGS__})

static struct host_exit finish(void)
{
    struct host_exit end;
    struct pollfd wait = {.fd = child.pidfd, .events = POLLIN};
    ck_assert_int_eq(poll(&wait, 1, (int)(PATIENCE * 500)), 1);
    ck_assert_int_eq(host_child_reap(&child, false, &end), JIT_OK);
    return end;
}

/* Until the loader says so; PATIENCE is Check's own timeout. */
static void await_state(uint32_t wanted)
{
    const struct timespec slice = {1, 0};
    for (uint32_t is = atomic_load(&words->state); is < wanted; is = atomic_load(&words->state)) {
        struct pollfd ended = {.fd = child.pidfd, .events = POLLIN};
        ck_assert_msg(poll(&ended, 1, 0) == 0, "the worker ended before state %u", wanted);
        (void)syscall(SYS_futex, &words->state, FUTEX_WAIT, is, &slice, NULL, 0);
    }
}

START_TEST(works_and_sees_the_view_grow)
{
    START("work");
    await_state(LOADER_RUNNING);
    ck_assert_uint_eq(graph.base[100], 7);
    ck_assert_int_eq(host_memory_extend(&view, LOADER_VIEW_BYTES_MAX), JIT_OK);
    view.base[LOADER_VIEW_BYTES_MAX - 1] = 42;
    atomic_store(&words->bell, 1);
    (void)syscall(SYS_futex, &words->bell, FUTEX_WAKE, 1, NULL, NULL, 0);
    struct host_exit end = finish();
    ck_assert_msg(!end.killed && end.code == 0, "%s", end.text);
}
END_TEST

START_TEST(attack) /* _i: a row of attacks[] */
{
    const struct attack *row = &attacks[_i];
    if (!probe.facts[HOST_MSEAL].present && !row->killed && row->code == EPERM) {
        return; /* nothing but mseal refuses it; the grade says that it is missing */
    }
    view.base[0] = 'v';
    start(row->argv);
    struct host_exit end = finish();
    ck_assert_msg(end.killed == row->killed && end.code == row->code, "%s: wanted %s %d, it %s",
                  row->name, row->killed ? "signal" : "status", row->code, end.text);
    ck_assert_msg(atomic_load(&words->state) >= LOADER_LOCKED, "%s: it died too early", row->name);
    ck_assert_int_eq(view.base[0], 'v');
    uint8_t sum = 0; /* what it cut off or punched would be a SIGBUS here */
    for (uint64_t i = 0; i < ring.size; i += 4096) {
        sum = (uint8_t)(sum + *(volatile uint8_t *)&ring.base[i]);
    }
    (void)sum;
    ck_assert_int_eq(fcntl(ring.fd, F_GET_SEALS) & F_SEAL_SEAL, F_SEAL_SEAL);
}
END_TEST

/* With filters that allow everything the layers below have to hold by themselves. Landlock is not
 * to be seen from in here: whoever has no descriptor left and an empty root asks it nothing. */
START_TEST(layer) /* _i: a row of layers[] */
{
    const struct attack *row = &layers[_i].attack;
    struct host_filter allow_all = {.count = 1,
                                    .code = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)}};
    char supervisor[16];
    const char *argv[ATTACK_ARGS_MAX];
    if (layers[_i].needs == HOST_USERNS_LIMIT && !probe.facts[HOST_USER_NS].present) {
        return;
    }
    if (layers[_i].needs != HOST_MECHANISMS && !probe.facts[layers[_i].needs].present) {
        return;
    }
    (void)snprintf(supervisor, sizeof supervisor, "%d", (int)getpid());
    for (int i = 0; i < ATTACK_ARGS_MAX; i++) {
        bool us = row->argv[i] != NULL && strcmp(row->argv[i], "supervisor") == 0;
        argv[i] = us ? supervisor : row->argv[i];
    }
    spec.start = &allow_all;
    start(argv);
    struct host_exit end = finish();
    ck_assert_msg(end.killed == row->killed && end.code == row->code, "%s: wanted status %d, it %s",
                  row->name, row->code, end.text);
}
END_TEST

/* The value of a line of /proc/PID/status. */
static const char *status_line(pid_t pid, const char *key)
{
    static char line[256];
    char path[48];
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file) != NULL) {
        size_t size = strlen(key);
        if (strncmp(line, key, size) == 0 && line[size] == ':') {
            (void)fclose(file);
            line[strcspn(line, "\n")] = '\0';
            return line + size + 1 + strspn(line + size + 1, "\t ");
        }
    }
    (void)fclose(file);
    ck_abort_msg("no line %s in %s", key, path);
}

static bool limit_line_is_zero(const char *key)
{
    char path[48];
    char line[256];
    bool found = false;
    (void)snprintf(path, sizeof path, "/proc/%d/limits", (int)child.pid);
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
    await_state(LOADER_RUNNING);
    for (size_t i = 0; i < sizeof caps / sizeof caps[0]; i++) {
        ck_assert_str_eq(status_line(child.pid, caps[i]), "0000000000000000");
    }
    ck_assert_str_eq(status_line(child.pid, "NoNewPrivs"), "1");
    ck_assert_str_eq(status_line(child.pid, "Seccomp"), "2");
    unsigned long before = strtoul(status_line(getpid(), "Seccomp_filters"), NULL, 10);
    ck_assert_uint_eq(strtoul(status_line(child.pid, "Seccomp_filters"), NULL, 10), before + 2);
    ck_assert_int_eq(sscanf(status_line(child.pid, "NSpid"), "%u %u", &outer, &inner), 2);
    ck_assert_uint_eq(inner, 1);
    unsigned uid = (unsigned)strtoul(status_line(child.pid, "Uid"), NULL, 10);
    ck_assert_uint_eq(uid, probe.facts[HOST_UNIQUE_UID].present ? KUID_BASE + spec.slot
                                                                : (unsigned)geteuid());
    if (probe.facts[HOST_UNIQUE_UID].present) {
        ck_assert_str_eq(status_line(child.pid, "Groups"), "");
    }
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        ck_assert_msg(limit_line_is_zero(limits[i]), "%s", limits[i]);
    }
    ck_assert_str_eq(status_line(child.pid, "SigBlk"), "0000000000000000");
    ck_assert_str_eq(status_line(child.pid, "SigCgt"), "0000000000000000");
    ck_assert_int_eq(getsid(child.pid), child.pid);
    ck_assert_int_eq(sched_getscheduler(child.pid), SCHED_BATCH);
    int own = getpriority(PRIO_PROCESS, 0); /* it is never raised above ours */
    ck_assert_int_eq(getpriority(PRIO_PROCESS, (id_t)child.pid), own > 5 ? own : 5);
}
END_TEST

static int entries(const char *name)
{
    char path[64];
    int count = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)child.pid, name);
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
    await_state(LOADER_RUNNING);
    (void)snprintf(path, sizeof path, "/proc/%d/mem", (int)child.pid);
    int count_fds = entries("fd");
    if (geteuid() != 0 || count_fds == -EACCES) { /* the same user, and still a stranger */
        ck_assert(open(path, O_RDWR) < 0 && errno == EACCES);
        ck_assert_int_eq(count_fds, -EACCES);
        return;
    }
    ck_assert_int_eq(count_fds, 0);
    ck_assert_int_eq(entries("root"), 0);
    ck_assert_int_eq(entries("cwd"), 0);
    size_t count = sizeof spaces / sizeof spaces[0] - (probe.facts[HOST_USER_NS].present ? 0 : 1);
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)child.pid, spaces[i]);
        ck_assert(readlink(path, its, sizeof its - 1) > 0);
        (void)snprintf(path, sizeof path, "/proc/self/ns/%s", spaces[i]);
        ck_assert(readlink(path, ours, sizeof ours - 1) > 0);
        ck_assert_str_ne(its, ours);
    }
}
END_TEST

START_TEST(idle_class)
{
    spec.sched = HOST_SCHED_IDLE;
    START("wait");
    ck_assert_int_eq(sched_getscheduler(child.pid), SCHED_IDLE);
}
END_TEST

START_TEST(stop_and_continue)
{
    START("nap");
    await_state(LOADER_RUNNING);
    siginfo_t info;
    ck_assert_int_eq((int)syscall(SYS_pidfd_send_signal, child.pidfd, SIGSTOP, NULL, 0), 0);
    ck_assert_int_eq(waitid(P_PIDFD, (id_t)child.pidfd, &info, WSTOPPED), 0);
    ck_assert_int_eq((int)syscall(SYS_pidfd_send_signal, child.pidfd, SIGCONT, NULL, 0), 0);
    struct host_exit end = finish();
    ck_assert_msg(!end.killed && end.code == 0, "%s", end.text);
}
END_TEST

START_TEST(cpu_limit)
{
    uint64_t used_ns = 0;
    spec.cpu_seconds = 1;
    START("loop");
    await_state(LOADER_RUNNING);
    ck_assert_int_eq(host_child_cpu_ns(&child, &used_ns), JIT_OK);
    struct host_exit end = finish();
    ck_assert_msg(end.killed && end.code == SIGKILL, "%s", end.text);
}
END_TEST

START_TEST(kill_and_describe)
{
    struct host_exit end;
    START("wait");
    ck_assert_int_eq(host_child_reap(&child, false, &end), JIT_EAGAIN);
    host_child_kill(&child);
    end = finish();
    ck_assert(end.killed && end.code == SIGKILL);
    ck_assert_str_eq(end.text, "killed by SIGKILL, by the supervisor or a limit");
    START("exit", "9");
    end = finish();
    ck_assert_str_eq(end.text, "exited with status 9");
    ck_assert_int_eq(child.pidfd, -1);
}
END_TEST

/* Someone else reaps what the dead supervisor leaves: us. */
static void await_death(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd >= 0) { /* else it is gone already */
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        ck_assert_int_eq(poll(&wait, 1, (int)(PATIENCE * 500)), 1);
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
        spec.argv = (char *[]){(char[]){"worker"}, (char[]){"wait"}, NULL};
        if (host_spawn(&spec, &child, &fault) == JIT_OK) {
            await_state(LOADER_RUNNING);
            (void)!write(said[1], &child.pid, sizeof child.pid);
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
    struct host_exit end = finish();
    ck_assert_msg(end.killed && end.code == SIGKILL, "%s", end.text);
}
END_TEST

static int open_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 4096; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

START_TEST(many_cycles_leave_nothing)
{
    int before = open_descriptors();
    for (int i = 0; i < 200; i++) {
        struct host_exit end;
        spec.slot = (uint32_t)i;
        START("wait");
        host_child_kill(&child);
        ck_assert_int_eq(host_child_reap(&child, true, &end), JIT_OK);
        ck_assert(end.killed && end.code == SIGKILL);
    }
    ck_assert_int_eq(open_descriptors(), before);
    ck_assert(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}
END_TEST

static void refused(const char *step, int os_errno)
{
    int before = open_descriptors();
    enum jit_err err = host_spawn(&spec, &child, &fault);
    ck_assert_int_ne(err, JIT_OK);
    ck_assert_str_eq(fault.step, step);
    ck_assert_msg(fault.os_errno == os_errno, "%s", fault.text);
    ck_assert_ptr_nonnull(strstr(fault.text, step));
    ck_assert_int_eq(child.pidfd, -1);
    ck_assert_int_eq(open_descriptors(), before);
    ck_assert(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

START_TEST(failure_names_its_step)
{
    spec.ring_fd = 4000;
    refused("descriptors", EBADF);
    spec.ring_fd = ring.fd_worker;

    struct host_loader data = {.fd = program.fd_worker, .image_size = 4096};
    spec.loader = &data;
    refused("execution of the loader", EACCES);
    spec.loader = &loader;

    struct host_filter broken = start_filter;
    broken.code[0].code = 0xffff;
    spec.start = &broken;
    refused("seccomp filter", EINVAL);
    spec.start = &start_filter;

    struct rlimit files;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
    struct rlimit none = {3, files.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    enum jit_err err = host_spawn(&spec, &child, &fault);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
    ck_assert_int_eq(err, JIT_ENOMEM);
    ck_assert_str_eq(fault.step, "channel to the child");

    START("exit", "0"); /* and it is all right again */
    ck_assert_int_eq(finish().code, 0);
}
END_TEST

/* Answer like a kernel of 6.1, the oldest we promise to run on. */
static void make_kernel_older(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 462 /* mseal */, 7, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_create, 0, 2),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x18 /* NOEXEC_SEAL, EXEC */, 5, 3),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 2),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 65 /* SET_MDWE */, 2, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
    };
    const struct sock_fprog program_older = {sizeof code / sizeof code[0], code};
    ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    ck_assert_int_eq((int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program_older), 0);
}

START_TEST(older_kernel)
{
    struct host_loader image;
    struct host_probe older;
    teardown();
    make_kernel_older();
    setup();
    host_probe(&older);
    if (!probe.facts[HOST_USER_NS].present) {
        ck_assert_int_eq(host_probe_pretend_missing(&older, "user-ns"), JIT_OK);
    }
    ck_assert(!older.facts[HOST_MSEAL].present && !older.facts[HOST_MDWE].present);
    ck_assert(!older.facts[HOST_NOEXEC_SEAL].present);
    ck_assert_int_eq(host_loader_open_fd(loader.fd, &image, &why), JIT_OK);
    spec.probe = &older;
    spec.loader = &image;
    words->mseal_required = 0;
    START("exit", "5");
    struct host_exit end = finish();
    ck_assert_msg(!end.killed && end.code == 5, "%s", end.text);
    START("store", "view", "0");
    end = finish();
    ck_assert_msg(end.killed && end.code == SIGSEGV, "%s", end.text);
    words->mseal_required = 1; /* the loader refuses then, too */
    START("exit", "5");
    ck_assert_int_eq(finish().code, LOADER_EXIT_LOCKDOWN);
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
    if (!probe.facts[HOST_USER_NS].present) {
        return; /* this way of spawning needs none */
    }
    (void)snprintf(map, sizeof map, "0 %u 1\n", (unsigned)geteuid());
    ck_assert_int_eq(unshare(CLONE_NEWUSER), 0);
    put("/proc/self/setgroups", "deny");
    put("/proc/self/uid_map", map);
    put("/proc/sys/user/max_user_namespaces", "0");
    refused("clone3", ENOSPC);
    ck_assert_ptr_nonnull(strstr(fault.text, "user.max_user_namespaces"));
}
END_TEST

START_TEST(missing_mechanism_is_named)
{
    for (int i = 0; i < HOST_MECHANISMS; i++) {
        struct host_probe less = probe;
        const char *name = probe.facts[i].name;
        bool required = probe.facts[i].required && !(i == HOST_USER_NS && probe.real_root);
        spec.probe = &less;
        ck_assert_int_eq(host_probe_pretend_missing(&less, name), JIT_OK);
        if (!required && probe.facts[i].present && i != HOST_USER_NS && i != HOST_UNIQUE_UID) {
            START("exit", "0"); /* graded: goes on without */
            struct host_exit end = finish();
            bool needs_it = i == HOST_MSEAL; /* the ring's word demands it */
            ck_assert_msg(needs_it || (!end.killed && end.code == 0), "%s: %s", name, end.text);
        }
        ck_assert_int_eq(host_probe_require(&less, name), JIT_OK);
        ck_assert_int_eq(host_spawn(&spec, &child, &fault), JIT_ENOTSUP);
        ck_assert_str_eq(fault.step, "probe");
        ck_assert_msg(strstr(fault.text, name) != NULL, "%s", fault.text);
        ck_assert_ptr_nonnull(strstr(fault.text, probe.facts[i].fix));
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
    TCase *work = test_case(suite, "work", PATIENCE);
    tcase_add_checked_fixture(work, setup, teardown);
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
    TCase *attacked = test_case(suite, "attacks", PATIENCE);
    tcase_add_checked_fixture(attacked, setup, teardown);
    tcase_add_loop_test(attacked, attack, 0, (int)attacks_count);
    tcase_add_loop_test(attacked, layer, 0, (int)layers_count);
    if (first) { /* takes two seconds of CPU */
        tcase_add_test(attacked, cpu_limit);
    }
    TCase *outside = test_case(suite, "outside", PATIENCE);
    tcase_add_checked_fixture(outside, setup, teardown);
    tcase_add_test(outside, nothing_is_left_to_it);
    tcase_add_test(outside, seen_from_outside);
    TCase *refusals = test_case(suite, "refusals", PATIENCE);
    tcase_add_checked_fixture(refusals, setup, teardown);
    tcase_add_test(refusals, failure_names_its_step);
    tcase_add_test(refusals, user_namespaces_used_up);
    tcase_add_test(refusals, older_kernel);
    tcase_add_test(refusals, missing_mechanism_is_named);
}

static int run(const char *name, bool first)
{
    char text[512];
    if (host_probe_check(&probe, text, sizeof text) != JIT_OK) {
        (void)printf("%s: skipped: %s\n", name, text);
        return getenv("JIT_MUST_WORK") != NULL ? EXIT_FAILURE : SKIPPED;
    }
    (void)printf("%s: %s\n", name, probe.grade);
    (void)fflush(stdout);
    Suite *suite = suite_create(name);
    fill(suite, first);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Become an ordinary user for good. Giving up root makes a process non-dumpable, which would take
 * its own /proc from it; whoever is started as that user does not have that. */
static int run_as_nobody(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        if (syscall(SYS_setgroups, 0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
            setresuid(NOBODY, NOBODY, NOBODY) != 0 || prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0) {
            (void)printf("skipped: cannot become an ordinary user: %s\n", strerror(errno));
            exit(getenv("JIT_MUST_WORK") != NULL ? EXIT_FAILURE : SKIPPED);
        }
        struct host_loader theirs = HOST_LOADER_NONE;
        host_probe(&probe);
        if (host_loader_open_fd(loader.fd, &theirs, &why) != JIT_OK) {
            exit(EXIT_FAILURE);
        }
        loader = theirs;
        exit(run("spawn as an ordinary user", false));
    }
    int status = 1;
    (void)waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

static int worse(int a, int b)
{
    return a == EXIT_FAILURE || b == EXIT_FAILURE ? EXIT_FAILURE : a > b ? a : b;
}

int main(void)
{
    host_probe(&probe);
    if (host_filter_build(HOST_FILTER_START, &start_filter) != JIT_OK ||
        host_filter_build(HOST_FILTER_FINAL, &final_filter) != JIT_OK ||
        host_loader_open("tests/proc/loader", &loader, &why) != JIT_OK) {
        (void)printf("cannot make the filters or open tests/proc/loader\n");
        return EXIT_FAILURE;
    }
    int result = run(geteuid() == 0 ? "spawn as root" : "spawn as an ordinary user", true);
    if (!LOCKED_IN) {
        /* Not a lack of this machine: the plain build tries the rest. */
        (void)printf("a sanitizer build has a null sandbox; only that was tried\n");
        return result;
    }
    if (geteuid() == 0) {
        struct host_probe all = probe;
        if (all.real_root && all.facts[HOST_USER_NS].present) {
            if (host_probe_pretend_missing(&probe, "user-ns") != JIT_OK) {
                return EXIT_FAILURE;
            }
            result = worse(result, run("spawn as root without user namespaces", false));
            probe = all;
        }
        result = worse(result, run_as_nobody());
    }
    host_loader_close(&loader);
    return result;
}
