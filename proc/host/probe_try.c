#include "proc/host/probe_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "proc/host/cgroup.h"
#include "proc/host/linux.h"
#include "proc/host/lockdown_priv.h"
#include "proc/host/userns_priv.h"

/* What a trial's child writes down for its parent, in memory they share. */
#define UNTRIED -1
struct trial {
    int said[HOST_MECHANISMS]; /* UNTRIED, 0: it works, or an errno */
    int landlock_abi;
};

static struct trial *trial_new(void)
{
    struct trial *trial =
        mmap(NULL, sizeof *trial, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (trial == MAP_FAILED) {
        return NULL;
    }
    for (int i = 0; i < HOST_MECHANISMS; i++) {
        trial->said[i] = UNTRIED;
    }
    return trial;
}

static void trial_free(struct trial *trial)
{
    if (trial != NULL) {
        (void)munmap(trial, sizeof *trial);
    }
}

static void note(struct host_probe *probe, enum host_mechanism mechanism, int said)
{
    struct host_fact *fact = &probe->facts[mechanism];
    fact->present = said == 0;
    fact->os_errno = said > 0 ? said : 0;
    (void)snprintf(fact->detail, sizeof fact->detail, "%s",
                   said == 0  ? ""
                   : said > 0 ? strerror(said)
                              : "the trial died before it came to this");
}

static void note_trial(struct host_probe *probe, const struct trial *trial,
                       const enum host_mechanism *which, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        note(probe, which[i], trial == NULL ? ENOMEM : trial->said[which[i]]);
    }
}

static void reap(pid_t pid)
{
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

/* errno of a call, or 0. */
static int said(long result)
{
    return result < 0 ? errno : 0;
}

/* It said that it works: does it? */
static void unless(int *outcome, bool effect)
{
    if (*outcome == 0 && !effect) {
        *outcome = EBADE;
    }
}

void host_try_seals(struct host_probe *probe)
{
    const int seals = F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE;
    int outcome = ENOSYS;
    int fd = memfd_create("jitos-probe", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, 4096) != 0 || fcntl(fd, F_ADD_SEALS, seals) != 0) {
        outcome = errno;
    } else {
        void *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        outcome = map == MAP_FAILED && ftruncate(fd, 0) != 0 ? 0 : EBADE;
        if (map != MAP_FAILED) {
            (void)munmap(map, 4096);
        }
    }
    note(probe, HOST_SEALS, outcome);
    if (fd >= 0) {
        (void)close(fd);
    }
    fd = memfd_create("jitos-probe", MFD_CLOEXEC | MFD_NOEXEC_SEAL);
    note(probe, HOST_NOEXEC_SEAL, said(fd));
    if (fd >= 0) {
        (void)close(fd);
    }
}

static int try_mseal(void)
{
    void *map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || syscall(SYS_mseal, map, 4096, 0) != 0) {
        return errno;
    }
    return munmap(map, 4096) != 0 ? 0 : EBADE;
}

static int try_mdwe(void)
{
    if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != 0) {
        return errno;
    }
    void *map = mmap(NULL, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return map == MAP_FAILED ? 0 : EBADE;
}

static int try_landlock(int *abi)
{
    struct host_landlock_attr attr;
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1) {
        return version < 0 ? errno : EBADE;
    }
    size_t size = host_landlock_deny_all((int)version, &attr);
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
    if (ruleset < 0 || syscall(SYS_landlock_restrict_self, ruleset, 0) != 0) {
        return errno;
    }
    *abi = (int)version;
    return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) < 0 && errno == EACCES ? 0 : EBADE;
}

/* A filter that gives getppid another answer; then getppid has to give it. */
static int try_seccomp(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EXDEV),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof code / sizeof code[0], code};
    const unsigned action = SECCOMP_RET_KILL_PROCESS;
    if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) != 0 ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) {
        return errno;
    }
    return syscall(SYS_getppid) < 0 && errno == EXDEV ? 0 : EBADE;
}

static int try_pidfd(void)
{
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    return fd < 0 ? errno : said(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
}

static int try_rlimits(void)
{
    const struct rlimit zero = {0, 0};
    struct rlimit got = {1, 1};
    int outcome = said(syscall(SYS_prlimit64, 0, RLIMIT_CORE, &zero, NULL));
    unless(&outcome, getrlimit(RLIMIT_CORE, &got) == 0 && got.rlim_max == 0);
    return outcome;
}

static _Noreturn void process_trials(struct trial *trial)
{
    int *out = trial->said;
    out[HOST_RLIMITS] = try_rlimits();
    out[HOST_PIDFD] = try_pidfd();
    int spare = fcntl(memfd_create("jitos-probe", MFD_CLOEXEC), F_DUPFD_CLOEXEC, 3);
    out[HOST_CLOSE_RANGE] = said(syscall(SYS_close_range, 3, ~0u, 0));
    unless(&out[HOST_CLOSE_RANGE], spare >= 3 && fcntl(spare, F_GETFD) < 0);
    out[HOST_NO_NEW_PRIVS] = said(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    unless(&out[HOST_NO_NEW_PRIVS], prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    out[HOST_MSEAL] = try_mseal();
    out[HOST_MDWE] = try_mdwe();
    out[HOST_LANDLOCK] = try_landlock(&trial->landlock_abi);
    out[HOST_SECCOMP] = try_seccomp();
    _exit(0);
}

void host_try_process(struct host_probe *probe)
{
    static const enum host_mechanism which[] = {
        HOST_RLIMITS, HOST_PIDFD, HOST_CLOSE_RANGE, HOST_NO_NEW_PRIVS,
        HOST_MSEAL,   HOST_MDWE,  HOST_LANDLOCK,    HOST_SECCOMP,
    };
    struct trial *trial = trial_new();
    pid_t pid = trial == NULL ? -1 : fork();
    if (pid == 0) {
        process_trials(trial);
    }
    if (pid > 0) {
        reap(pid);
    }
    note_trial(probe, trial, which, sizeof which / sizeof which[0]);
    struct host_fact *landlock = &probe->facts[HOST_LANDLOCK];
    if (landlock->present) {
        assert(trial != NULL); /* or nothing would have said so */
        probe->landlock_abi = trial->landlock_abi;
        (void)snprintf(landlock->detail, sizeof landlock->detail, "ABI %d", probe->landlock_abi);
    }
    note(probe, HOST_LANDLOCK_NET, probe->landlock_abi >= 4 ? 0 : EOPNOTSUPP);
    note(probe, HOST_LANDLOCK_SCOPE, probe->landlock_abi >= 6 ? 0 : EOPNOTSUPP);
    trial_free(trial);
}

/* One after the other, so that what is missing has a name; the spawn asks for all at once. */
static _Noreturn void namespace_trials(struct trial *trial, int go, bool user_ns)
{
    static const struct {
        enum host_mechanism mechanism;
        int flag;
    } kinds[] = {
        {HOST_MOUNT_NS, CLONE_NEWNS}, {HOST_PID_NS, CLONE_NEWPID},
        {HOST_NET_NS, CLONE_NEWNET},  {HOST_IPC_NS, CLONE_NEWIPC},
        {HOST_UTS_NS, CLONE_NEWUTS},  {HOST_CGROUP_NS, CLONE_NEWCGROUP},
    };
    int *out = trial->said;
    char byte;
    if (read(go, &byte, 1) != 1) {
        _exit(1);
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        out[kinds[i].mechanism] = said(unshare(kinds[i].flag));
    }
    if (user_ns) {
        int fd = open("/proc/sys/user/max_user_namespaces", O_WRONLY | O_CLOEXEC);
        out[HOST_USERNS_LIMIT] = said(fd < 0 ? -1 : write(fd, "0", 1));
    }
    if (out[HOST_MOUNT_NS] == 0) {
        out[HOST_MOUNT_NS] = said(host_root_private() != 0 ? -1 : host_root_replace());
    }
    if (!user_ns) {
        const uint32_t uid = HOST_KUID_BASE + HOST_KUID_SLOT_MAX;
        out[HOST_UNIQUE_UID] = said(syscall(SYS_setresuid, uid, uid, uid));
        unless(&out[HOST_UNIQUE_UID], geteuid() == uid);
    }
    _exit(0);
}

/* Start a child in a user namespace (or not), give it its map, let it try the rest. Returns 0 or
 * the errno of what failed; *where then names it. */
static int try_with(struct trial *trial, bool user_ns, bool unique, const char **where)
{
    int go[2];
    int pidfd = -1;
    int failed = 0;
    *where = "pipe";
    if (pipe2(go, O_CLOEXEC) != 0) {
        return errno;
    }
    *where = "clone3";
    pid_t pid = host_clone(user_ns ? CLONE_NEWUSER : 0, &pidfd);
    if (pid == 0) {
        (void)close(go[1]);
        namespace_trials(trial, go[0], user_ns);
    }
    if (pid < 0) {
        failed = errno;
    } else {
        *where = user_ns ? host_userns_map(pid, unique, HOST_KUID_BASE + HOST_KUID_SLOT_MAX) : NULL;
        failed = *where == NULL ? 0 : errno;
        if (failed == 0 && write(go[1], "g", 1) != 1) {
            failed = errno; /* our own end is open: a broken pipe cannot be */
        }
    }
    (void)close(go[1]); /* without the byte the child dies */
    if (pid > 0) {
        reap(pid);
        (void)close(pidfd);
    }
    (void)close(go[0]);
    return failed;
}

void host_try_namespaces(struct host_probe *probe)
{
    static const enum host_mechanism which[] = {HOST_MOUNT_NS,   HOST_PID_NS,      HOST_NET_NS,
                                                HOST_IPC_NS,     HOST_UTS_NS,      HOST_CGROUP_NS,
                                                HOST_UNIQUE_UID, HOST_USERNS_LIMIT};
    const bool root = geteuid() == 0;
    const char *where = NULL;
    struct trial *with = trial_new();
    struct trial *without = trial_new();
    int failed = ENOMEM;
    bool unique = root;

    if (with == NULL || without == NULL) {
        goto out;
    }
    failed = try_with(with, true, unique, &where);
    if (failed != 0 && unique) { /* root of a container has no such uid to give */
        unique = false;
        failed = try_with(with, true, unique, &where);
    }
    with->said[HOST_UNIQUE_UID] = unique ? 0 : EPERM;
    if (root) {
        const char *there = NULL;
        probe->real_root = try_with(without, false, false, &there) == 0 &&
                           without->said[HOST_UNIQUE_UID] == 0 && without->said[HOST_MOUNT_NS] == 0;
        without->said[HOST_USERNS_LIMIT] = EOPNOTSUPP;
    }
out:
    note(probe, HOST_USER_NS, failed);
    if (failed != 0 && where != NULL) {
        (void)snprintf(probe->facts[HOST_USER_NS].detail, sizeof probe->facts[HOST_USER_NS].detail,
                       "%s: %s%s", where, strerror(failed),
                       probe->real_root ? "; real root does without" : "");
    }
    note_trial(probe, failed == 0 || !probe->real_root ? with : without, which,
               sizeof which / sizeof which[0]);
    trial_free(with);
    trial_free(without);
}

/* Whether a process is in the groups of this name, in as many hierarchies as there are. */
static bool is_in(pid_t pid, const struct host_cgroups *groups)
{
    char path[40];
    char line[512];
    int found = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/cgroup", (int)pid);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        found += strstr(line, groups->name) != NULL && strstr(line, "/w0\n") != NULL;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return found == (groups->version == 2 ? 1 : HOST_CGROUP_DIRS);
}

/* Groups are made, a child is put in, and all is taken away again. */
void host_try_cgroups(struct host_probe *probe)
{
    struct host_cgroups groups;
    int until[2];
    int outcome = host_cgroups_open(&host_cgroup_here, getpid(), &groups);
    int version = groups.version;
    if (outcome == 0 && pipe2(until, O_CLOEXEC) != 0) {
        outcome = errno;
    } else if (outcome == 0) {
        pid_t pid = fork();
        if (pid == 0) {
            char byte;
            (void)close(until[1]);
            _exit(read(until[0], &byte, 1) == 0 ? 0 : 1);
        }
        if (pid < 0 || host_cgroups_put(&groups, 0, pid, 64u << 20) != JIT_OK) {
            outcome = errno;
        } else {
            outcome = is_in(pid, &groups) ? 0 : EBADE;
        }
        (void)close(until[0]);
        (void)close(until[1]);
        if (pid > 0) {
            reap(pid);
        }
    }
    note(probe, HOST_CGROUP_MEMORY, outcome);
    struct host_fact *fact = &probe->facts[HOST_CGROUP_MEMORY];
    if (groups.version == 0) {
        (void)snprintf(fact->detail, sizeof fact->detail, "%s", groups.detail);
    } else if (outcome == 0) {
        (void)snprintf(fact->detail, sizeof fact->detail, "version %d", version);
        probe->cgroup_version = version;
    }
    host_cgroups_close(&groups);
}
