#include "tools/selftest/bystander.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tools/selftest/attacker.h"

#define SECRET "nobody has read this"
#define WORD   0x1234u

static volatile sig_atomic_t signals;

static void heard(int number)
{
    (void)number;
    signals++;
}

static int64_t clock_offset(void)
{
    struct timespec wall = {0};
    struct timespec steady = {0};
    (void)clock_gettime(CLOCK_REALTIME, &wall);
    (void)clock_gettime(CLOCK_MONOTONIC, &steady);
    return (wall.tv_sec - steady.tv_sec) * 1000 + (wall.tv_nsec - steady.tv_nsec) / 1000000;
}

static bool stand_files(struct bystander *by)
{
    (void)snprintf(by->canary, sizeof by->canary, "/tmp/jitos-canary-XXXXXX");
    int fd = mkstemp(by->canary);
    if (fd < 0) {
        return false;
    }
    bool good = write(fd, SECRET, sizeof SECRET) == (ssize_t)sizeof SECRET &&
                fchmod(fd, 0666) == 0 && fstat(fd, &by->canary_was) == 0;
    (void)close(fd);
    (void)snprintf(by->made, sizeof by->made, "%s-made", by->canary);
    return good;
}

static bool stand_sockets(struct bystander *by)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    (void)snprintf(by->abstract, sizeof by->abstract, ATTACKER_NAME "-%d", (int)getpid());
    memcpy(name.sun_path + 1, by->abstract, strlen(by->abstract));
    by->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    by->packets = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (by->listener < 0 || by->packets < 0 ||
        bind(by->listener, (struct sockaddr *)&name,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(by->abstract))) != 0 ||
        listen(by->listener, 8) != 0 ||
        bind(by->packets, (struct sockaddr *)&here, sizeof here) != 0 ||
        getsockname(by->packets, (struct sockaddr *)&here, &size) != 0) {
        return false;
    }
    by->port = ntohs(here.sin_port);
    return true;
}

enum jit_err bystander_init(struct bystander *by)
{
    struct sigaction action = {.sa_handler = heard};
    *by = (struct bystander){.listener = -1, .packets = -1, .victim = -1, .word = WORD};
    signals = 0;
    if (!stand_files(by) || !stand_sockets(by) || sigaction(SIGUSR1, &action, NULL) != 0 ||
        uname(&by->host_was) != 0 || getrlimit(RLIMIT_NOFILE, &by->files_was) != 0) {
        bystander_release(by);
        return JIT_EIO;
    }
    by->clock_was = clock_offset();
    by->victim = fork();
    if (by->victim == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)signal(SIGUSR1, SIG_DFL);
        for (;;) {
            (void)pause();
        }
    }
    if (by->victim < 0) {
        bystander_release(by);
        return JIT_EIO;
    }
    return JIT_OK;
}

void bystander_release(struct bystander *by)
{
    if (by->victim > 0) {
        (void)kill(by->victim, SIGKILL);
        while (waitpid(by->victim, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    if (by->canary[0] != '\0') {
        (void)unlink(by->canary);
    }
    if (by->listener >= 0) {
        (void)close(by->listener);
    }
    if (by->packets >= 0) {
        (void)close(by->packets);
    }
    *by = (struct bystander){.listener = -1, .packets = -1, .victim = -1};
}

static const char *harm_to_files(const struct bystander *by)
{
    struct stat now;
    if (stat(by->canary, &now) != 0 || now.st_size != by->canary_was.st_size ||
        now.st_mode != by->canary_was.st_mode ||
        now.st_mtim.tv_nsec != by->canary_was.st_mtim.tv_nsec ||
        now.st_ino != by->canary_was.st_ino || now.st_nlink != by->canary_was.st_nlink) {
        return "a file outside was changed";
    }
    return stat(by->made, &now) == 0 ? "a file was made outside" : NULL;
}

static bool is_traced(void)
{
    char text[4096];
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    if (fd >= 0) {
        (void)close(fd);
    }
    const char *line = strstr(text, "TracerPid:");
    return line != NULL && strtol(line + 10, NULL, 10) != 0;
}

static const char *harm_to_processes(const struct bystander *by)
{
    siginfo_t info = {0};
    if (signals != 0) {
        return "the supervisor got a signal";
    }
    if (waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT) != 0 ||
        info.si_pid == by->victim) {
        return "another process was ended or stopped";
    }
    if (info.si_pid != 0) {
        return "somebody is left behind";
    }
    if (is_traced()) {
        return "the supervisor is traced";
    }
    return by->word != WORD ? "the supervisor's memory was written" : NULL;
}

static const char *harm_to_machine(const struct bystander *by)
{
    struct utsname host;
    struct rlimit files;
    char byte;
    key_t key = (key_t)strtol(ATTACKER_KEY, NULL, 0);
    if (accept(by->listener, NULL, NULL) >= 0 || errno != EAGAIN) {
        return "it got a connection to the outside";
    }
    if (recv(by->packets, &byte, 1, 0) >= 0 || errno != EAGAIN) {
        return "it sent a packet to the outside";
    }
    if (uname(&host) != 0 || strcmp(host.nodename, by->host_was.nodename) != 0) {
        return "the host has another name";
    }
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur != by->files_was.rlim_cur ||
        files.rlim_max != by->files_was.rlim_max) {
        return "the supervisor has other limits";
    }
    if (shmget(key, 0, 0) >= 0 || msgget(key, 0) >= 0) {
        return "a System V object was made outside";
    }
    return llabs(clock_offset() - by->clock_was) > 60000 ? "the clock was set" : NULL;
}

/* What it cut off would be a SIGBUS here. */
static void touch(const struct host_memory *memory)
{
    uint8_t sum = 0;
    for (uint64_t i = 0; i < memory->size; i += 4096) {
        sum = (uint8_t)(sum + *(volatile uint8_t *)&memory->base[i]);
    }
    (void)sum;
}

const char *bystander_harm(const struct bystander *by, const struct host_memory *ring,
                           const struct host_memory *graph, const struct host_memory *view)
{
    const char *what = harm_to_files(by);
    what = what == NULL ? harm_to_processes(by) : what;
    what = what == NULL ? harm_to_machine(by) : what;
    if (what != NULL) {
        return what;
    }
    for (uint64_t i = 0; i < view->size; i++) {
        if (view->base[i] != 'v') {
            return "the view was written";
        }
    }
    touch(ring);
    touch(graph);
    return (fcntl(ring->fd, F_GET_SEALS) & F_SEAL_SEAL) == 0 ||
                   (fcntl(view->fd, F_GET_SEALS) & 0x10 /* FUTURE_WRITE */) == 0
               ? "a seal is gone"
               : NULL;
}
