/* Goal:   a supervisor that has fenced itself in does its work in its folder, and whoever takes it
 * over can do nothing else. Method: fence a forked process in and try, by effect: files inside and
 * outside the folder, sockets, threads, processes, programs, memory, signals. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc/host/fence.h"
#include "tests/lib/tcase.h"

static struct host_probe probe;
static char folder[64];
static int folder_fd;

static void setup(void)
{
    host_probe(&probe);
    (void)snprintf(folder, sizeof folder, "/tmp/jitos-fence-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(folder_fd, 0);
}

static void teardown(void)
{
    (void)unlinkat(folder_fd, "two", 0);
    (void)unlinkat(folder_fd, "hub.sock", 0);
    (void)unlinkat(folder_fd, "sub", AT_REMOVEDIR);
    (void)close(folder_fd);
    (void)rmdir(folder);
}

#ifndef JIT_SANITIZED

/* What its work takes. */
static const char *work_inside(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = openat(folder_fd, "one", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, "x", 1) != 1 || fsync(fd) != 0 || ftruncate(fd, 4096) != 0 ||
        renameat(folder_fd, "one", folder_fd, "two") != 0 || close(fd) != 0 ||
        mkdirat(folder_fd, "sub", 0700) != 0) {
        return "its files";
    }
    int memory = memfd_create("graph", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", memory);
    int again = open(path, O_RDONLY | O_CLOEXEC);
    if (memory < 0 || ftruncate(memory, 4096) != 0 || again < 0 ||
        mmap(NULL, 4096, PROT_READ, MAP_SHARED, again, 0) == MAP_FAILED) {
        return "memory to share";
    }
    (void)snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/hub.sock",
                   folder_fd);
    int hub = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (hub < 0 || bind(hub, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(hub, 4) != 0) {
        return "its socket";
    }
    return NULL;
}

static void *nothing(void *user)
{
    return user;
}

static const char *thread_inside(void)
{
    pthread_t thread;
    return pthread_create(&thread, NULL, nothing, NULL) == 0 && pthread_join(thread, NULL) == 0
               ? NULL
               : "a thread";
}

/* What it is not to be able to do. Each names what got through. */
static const char *break_out(pid_t bystander)
{
    char *argv[] = {(char[]){"true"}, NULL};
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    uint64_t room[64] = {1};
    const struct sched_param class = {.sched_priority = 0};
    int pair[2];
    if (open("/etc/passwd", O_RDONLY) >= 0 || open("/", O_RDONLY) >= 0) {
        return "a file outside was opened";
    }
    if (open("/tmp/jitos-fence-out", O_CREAT | O_WRONLY, 0600) >= 0) {
        return "a file outside was made";
    }
    if (linkat(folder_fd, "two", AT_FDCWD, "/tmp/jitos-fence-out", 0) == 0) {
        return "a file was linked to the outside";
    }
    if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || socket(AF_NETLINK, SOCK_RAW, 0) >= 0) {
        return "a network socket";
    }
    if (syscall(SYS_fork) >= 0 || syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) >= 0 ||
        syscall(SYS_clone3, NULL, 0) >= 0) {
        return "a process";
    }
    if (execv("/bin/true", argv) == 0 || syscall(SYS_execveat, 1, "", argv, NULL, 0x1000) == 0) {
        return "a program";
    }
    int fd = openat(folder_fd, "one", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0 || fcntl(fd, F_SETOWN, bystander) == 0 ||
        fcntl(fd, 10 /* F_SETSIG */, SIGKILL) == 0 || unlinkat(folder_fd, "one", 0) != 0) {
        return "signals by way of a descriptor";
    }
    if (syscall(SYS_tgkill, bystander, bystander, 0) == 0 ||
        syscall(SYS_prlimit64, bystander, 7, NULL, room) == 0 ||
        syscall(SYS_sched_setaffinity, bystander, sizeof room, room) == 0 ||
        setpriority(PRIO_PROCESS, (id_t)bystander, 19) == 0 ||
        sched_setscheduler(bystander, SCHED_RR, &class) == 0) {
        return "another process by its number";
    }
    if (syscall(SYS_io_uring_setup, 4, room) >= 0 || errno != EPERM) {
        return "a ring";
    }
    if (socket(AF_UNIX, SOCK_DGRAM, 0) >= 0 || socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0) {
        return "a socket that names its receivers";
    }
    (void)snprintf(name.sun_path, sizeof name.sun_path, "/tmp/jitos-fence-sock-%d", (int)bystander);
    if (connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&name, sizeof name) == 0) {
        return "a connection to somebody else";
    }
    if (kill(bystander, 0) == 0 || ptrace(PTRACE_SEIZE, bystander, 0, 0) == 0) {
        return "another process";
    }
    if (mmap(NULL, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
        MAP_FAILED) {
        return "code made of data";
    }
    if (syscall(SYS_mount, "x", "/", "tmpfs", 0, 0) == 0 || syscall(SYS_unshare, 0x10000000) == 0 ||
        syscall(SYS_bpf, 0, NULL, 0) != -1 || errno != EPERM) {
        return "mounts, namespaces, bpf";
    }
    return NULL;
}

/* Somebody else who would take a connection. */
static int listen_outside(struct sockaddr_un *name)
{
    *name = (struct sockaddr_un){.sun_family = AF_UNIX};
    (void)snprintf(name->sun_path, sizeof name->sun_path, "/tmp/jitos-fence-sock-%d",
                   (int)getpid());
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)name, sizeof *name), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    return fd;
}

static void in_a_fence(const char *(*first)(void), const char *(*second)(pid_t))
{
    int said[2];
    char text[128] = "";
    ck_assert_int_eq(pipe(said), 0);
    pid_t us = getpid();
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        const char *what = host_fence(&probe, folder_fd) == JIT_OK ? NULL : "the fence itself";
        what = what == NULL && first != NULL ? first() : what;
        what = what == NULL && second != NULL ? second(us) : what;
        if (what != NULL) {
            (void)!write(said[1], what, strlen(what));
        }
        (void)kill(getpid(), SIGKILL); /* as it would die on purpose */
        _exit(9);
    }
    (void)close(said[1]);
    ck_assert_int_ge(read(said[0], text, sizeof text - 1), 0);
    (void)close(said[0]);
    int status = 0;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(text[0] == '\0', "%s", text);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

START_TEST(its_work_goes_on)
{
    in_a_fence(work_inside, NULL);
    in_a_fence(thread_inside, NULL);
}
END_TEST

START_TEST(nothing_else_does)
{
    struct sockaddr_un name;
    int fd = listen_outside(&name);
    in_a_fence(NULL, break_out);
    (void)close(fd);
    (void)unlink(name.sun_path);
}
END_TEST

#endif

START_TEST(filter_is_small_enough)
{
    struct host_filter filter;
    ck_assert_int_eq(host_fence_filter(&filter), JIT_OK);
    ck_assert_uint_gt(filter.count, 50);
}
END_TEST

static void fill(Suite *suite)
{
    TCase *tcase = test_case(suite, "fence", 30);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, filter_is_small_enough);
#ifndef JIT_SANITIZED
    if (geteuid() == 0) { /* else the probe says what this machine lacks, and nothing is fenced */
        tcase_add_test(tcase, its_work_goes_on);
        tcase_add_test(tcase, nothing_else_does);
    }
#endif
}

TEST_MAIN("fence", fill)
