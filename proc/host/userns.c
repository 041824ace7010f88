#include "proc/host/userns_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proc/host/lockdown_priv.h"
#include "proc/host/put_priv.h"

static int write_file(pid_t pid, const char *name, const char *text)
{
    char path[48];
    (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    return host_put_text(AT_FDCWD, path, text);
}

const char *host_userns_map(pid_t pid, bool unique, uint32_t kuid)
{
    char line[40];
    /* Without it an ordinary user could drop a group that is there to keep it out of something. */
    if (!unique && write_file(pid, "setgroups", "deny") != 0) {
        return "setgroups";
    }
    (void)snprintf(line, sizeof line, "%u %u 1\n", HOST_INSIDE_UID, unique ? kuid : geteuid());
    if (write_file(pid, "uid_map", line) != 0) {
        return "uid_map";
    }
    (void)snprintf(line, sizeof line, "%u %u 1\n", HOST_INSIDE_UID, unique ? kuid : getegid());
    return write_file(pid, "gid_map", line) != 0 ? "gid_map" : NULL;
}

pid_t host_clone(uint64_t flags, int *pidfd)
{
    struct clone_args args = {
        .flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND | flags,
        .pidfd = (uintptr_t)pidfd,
        .exit_signal = (flags & CLONE_PARENT) != 0 ? 0 : SIGCHLD, /* else as its sibling */
    };
    return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}
