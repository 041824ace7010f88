/* kill_at [-p WORD] N COMMAND... - run a command and kill it, with every process it started, just
 * before its N-th system call that changes a folder: a file made, named, renamed, taken away,
 * written, cut, synchronised, or work handed to io_uring. Counted over all its processes, in the
 * order in which they come; what a command says, and what goes to pipes, devices and memory, does
 * not count. With -p only calls about a path with WORD in it count.
 *
 * Exit: 0 killed there; 3 it ended before (its own exit code is said); 99 no such thing could be
 * done here. When kill_at ends, no process of the command is left. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ptrace.h>

enum { EXIT_KILLED = 0, EXIT_ENDED = 3, EXIT_BROKEN = 99 };

static const char *about = ""; /* a part of the paths that count */

/* A descriptor of something that lies in a folder. */
static bool in_a_folder(pid_t pid, uint64_t fd)
{
    char link[64];
    char path[4096] = "";
    snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)pid, (int)fd);
    return fd > STDERR_FILENO && readlink(link, path, sizeof path - 1) > 0 && path[0] == '/' &&
           strncmp(path, "/dev/", 5) != 0 && strncmp(path, "/memfd:", 7) != 0 &&
           strstr(path, about) != NULL;
}

/* A path that a process hands over. What cannot be read has no such word. */
static bool named(pid_t pid, uint64_t address)
{
    char path[4096];
    char memory[32];
    if (about[0] == '\0') {
        return true;
    }
    snprintf(memory, sizeof memory, "/proc/%d/mem", (int)pid);
    int fd = open(memory, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : pread(fd, path, sizeof path - 1, (off_t)address);
    if (fd >= 0) {
        close(fd);
    }
    path[got > 0 ? got : 0] = '\0';
    return strstr(path, about) != NULL;
}

static bool changes_a_folder(pid_t pid, const struct ptrace_syscall_info *info)
{
    const __u64 *args = info->entry.args;
    switch (info->entry.nr) {
    case SYS_open:
        return (args[1] & O_CREAT) != 0 && named(pid, args[0]);
    case SYS_openat:
        return (args[2] & O_CREAT) != 0 && named(pid, args[1]);
    case SYS_creat:
    case SYS_mkdir:
    case SYS_rmdir:
    case SYS_rename:
    case SYS_unlink:
    case SYS_link:
    case SYS_truncate:
        return named(pid, args[0]);
    case SYS_mkdirat:
    case SYS_renameat:
    case SYS_renameat2:
    case SYS_unlinkat:
    case SYS_linkat:
    case SYS_symlink:
        return named(pid, args[1]);
    case SYS_symlinkat:
        return named(pid, args[2]);
    case SYS_bind:
    case SYS_io_uring_enter:
        return about[0] == '\0';
    case SYS_write:
    case SYS_writev:
    case SYS_pwrite64:
    case SYS_pwritev:
    case SYS_pwritev2:
    case SYS_ftruncate:
    case SYS_fallocate:
    case SYS_fsync:
    case SYS_fdatasync:
        return in_a_folder(pid, args[0]);
    case SYS_copy_file_range:
        return in_a_folder(pid, args[2]);
    default:
        return false;
    }
}

static _Noreturn void command(char **argv)
{
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0 || raise(SIGSTOP) != 0) {
        _exit(EXIT_BROKEN);
    }
    execvp(argv[0], argv);
    fprintf(stderr, "kill_at: %s does not start\n", argv[0]);
    _exit(EXIT_BROKEN);
}

/* The signal that a stopped process is to be given; it counts what it is about to do. */
static int passed_on(pid_t pid, int status, unsigned long *left)
{
    int signal = WSTOPSIG(status);
    if (signal == (SIGTRAP | 0x80)) {
        struct ptrace_syscall_info info;
        long got = ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info);
        if (got > 0 && info.op == PTRACE_SYSCALL_INFO_ENTRY && changes_a_folder(pid, &info)) {
            *left -= 1;
        }
        return 0;
    }
    bool ours = status >> 16 != 0 || signal == SIGSTOP || signal == SIGTRAP;
    return ours ? 0 : signal;
}

/* Whoever this tracer leaves traced when it exits is killed by the kernel (PTRACE_O_EXITKILL). */
static _Noreturn void trace(unsigned long left, char **argv)
{
    const long options = PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK |
                         PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
    int status = 0;
    pid_t first = fork();
    if (first == 0) {
        command(argv);
    }
    if (first < 0 || waitpid(first, &status, 0) != first || !WIFSTOPPED(status) ||
        ptrace(PTRACE_SETOPTIONS, first, NULL, options) != 0 ||
        ptrace(PTRACE_SYSCALL, first, NULL, 0) != 0) {
        _exit(EXIT_BROKEN);
    }
    for (;;) {
        pid_t pid = waitpid(-1, &status, __WALL);
        if (pid < 0) {
            _exit(EXIT_BROKEN);
        }
        if (!WIFSTOPPED(status)) {
            if (pid == first) {
                fprintf(stderr, "kill_at: ended by itself, status %d\n",
                        WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
                _exit(EXIT_ENDED);
            }
            continue;
        }
        int signal = passed_on(pid, status, &left);
        if (left == 0) {
            _exit(EXIT_KILLED);
        }
        if (ptrace(PTRACE_SYSCALL, pid, NULL, (long)signal) != 0 && errno != ESRCH) {
            _exit(EXIT_BROKEN);
        }
    }
}

int main(int argc, char **argv)
{
    bool some = argc > 3 && strcmp(argv[1], "-p") == 0;
    about = some ? argv[2] : "";
    argv += some ? 2 : 0;
    argc -= some ? 2 : 0;
    unsigned long at = argc < 3 ? 0 : strtoul(argv[1], NULL, 10);
    if (at == 0) {
        fprintf(stderr, "usage: kill_at [-p WORD] N COMMAND...  (N from 1)\n");
        return EXIT_BROKEN;
    }
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) {
        return EXIT_BROKEN;
    }
    pid_t tracer = fork();
    if (tracer == 0) {
        trace(at, argv + 2);
    }
    int status = 0;
    int result = EXIT_BROKEN;
    for (pid_t pid; (pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR;) {
        if (pid == tracer) { /* and all others come to this one, as they die */
            result = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_BROKEN;
        }
    }
    return result;
}
