#include "proc/host/probe.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "proc/host/probe_priv.h"

static const struct {
    const char *name;
    bool required;
    const char *means;
    const char *fix;
} known[HOST_MECHANISMS] = {
    [HOST_SECCOMP] =
        {"seccomp", true, "a worker could make any system call",
         "a kernel with CONFIG_SECCOMP_FILTER; in a container, allow the call seccomp"},
    [HOST_NO_NEW_PRIVS] = {"no-new-privs", true,
                           "a set-user-id program could give a worker rights back",
                           "a kernel from 3.5 on"},
    [HOST_USER_NS] =
        {"user-ns", true, "only root could give a worker namespaces of its own",
         "sysctl user.max_user_namespaces above 0, kernel.unprivileged_userns_clone=1 "
         "(Debian), kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu); in a "
         "container --security-opt seccomp=unconfined; in a chroot, enter it by pivot_root "
         "instead; or run as root outside of both"},
    [HOST_MOUNT_NS] = {"mount-ns", true, "a worker would see the files of this machine",
                       "a kernel with namespaces and tmpfs, /proc mounted; in a container "
                       "--security-opt seccomp=unconfined --security-opt apparmor=unconfined"},
    [HOST_PID_NS] = {"pid-ns", true, "a worker would see and could signal other processes",
                     "a kernel with CONFIG_PID_NS; sysctl user.max_pid_namespaces"},
    [HOST_NET_NS] = {"net-ns", true, "a worker would have this machine's network",
                     "a kernel with CONFIG_NET_NS; sysctl user.max_net_namespaces"},
    [HOST_IPC_NS] = {"ipc-ns", true, "a worker would share System V and POSIX objects with others",
                     "a kernel with CONFIG_IPC_NS; sysctl user.max_ipc_namespaces"},
    [HOST_UTS_NS] = {"uts-ns", true, "a worker would see and could set the host's name",
                     "a kernel with CONFIG_UTS_NS; sysctl user.max_uts_namespaces"},
    [HOST_PIDFD] = {"pidfd", true,
                    "a worker could not be watched or ended without mistaking it for another",
                    "a kernel from 5.4 on; in a container, allow the calls clone3 and pidfd_open"},
    [HOST_CLOSE_RANGE] = {"close-range", true,
                          "descriptors of the supervisor could leak into a worker",
                          "a kernel from 5.9 on; in a container, allow the call close_range"},
    [HOST_SEALS] = {"memfd-seals", true,
                    "a worker could cut off shared memory, or write to what it may only read",
                    "a kernel from 5.1 on with CONFIG_MEMFD_CREATE"},
    [HOST_RLIMITS] = {"rlimits", true,
                      "a worker's memory, processor time and descriptors would have no bound",
                      "allow the call prlimit64"},
    [HOST_LANDLOCK] =
        {"landlock", true, "files and sockets would be guarded by the empty root and seccomp alone",
         "a kernel from 5.13 on with CONFIG_SECURITY_LANDLOCK, and landlock in lsm= on "
         "its command line; in a container, allow the landlock calls"},
    [HOST_UNIQUE_UID] =
        {"unique-uid", false,
         "workers have the supervisor's uid outside; namespaces and seccomp alone part them",
         "run the supervisor as root of the machine"},
    [HOST_USERNS_LIMIT] = {"userns-limit", false,
                           "a user namespace inside a worker is kept off by seccomp alone",
                           "a writable /proc/sys/user"},
    [HOST_CGROUP_NS] = {"cgroup-ns", false,
                        "the names of this machine's control groups would be in sight",
                        "a kernel with CONFIG_CGROUPS"},
    [HOST_LANDLOCK_NET] = {"landlock-net", false,
                           "the network is kept off by its namespace and seccomp alone",
                           "a kernel from 6.7 on (Landlock ABI 4)"},
    [HOST_LANDLOCK_SCOPE] =
        {"landlock-scope", false,
         "signals and abstract sockets are kept off by namespaces and seccomp alone",
         "a kernel from 6.12 on (Landlock ABI 6)"},
    [HOST_NOEXEC_SEAL] = {"noexec-seal", false,
                          "shared memory is kept from being executed by seccomp alone",
                          "a kernel from 6.3 on"},
    [HOST_MDWE] = {"mdwe", false, "code made of data is kept off by seccomp alone",
                   "a kernel from 6.3 on"},
    [HOST_MSEAL] = {"mseal", false,
                    "a worker can replace its own view of a map; nobody else sees it",
                    "a kernel from 6.10 on, 64 bits"},
    [HOST_CGROUP_MEMORY] =
        {"cgroup-memory", false, "a worker's memory is bounded by its limit on address space alone",
         "start the supervisor in a group of its own: systemd-run --scope -p Delegate=yes "
         "(--user), or as root where there is version 1"},
};

static void add_part(struct host_probe *probe, const char *part)
{
    size_t used = strlen(probe->grade);
    (void)snprintf(probe->grade + used, sizeof probe->grade - used, "%s%s", used == 0 ? "" : "+",
                   part);
}

static void grade(struct host_probe *probe)
{
    static const struct {
        enum host_mechanism mechanism;
        const char *part;
    } parts[] = {
        {HOST_SECCOMP, "seccomp"}, {HOST_UNIQUE_UID, "uid"},     {HOST_MDWE, "mdwe"},
        {HOST_MSEAL, "mseal"},     {HOST_NOEXEC_SEAL, "noexec"},
    };
    probe->grade[0] = '\0';
#ifdef JIT_SANITIZED
    add_part(probe, "none(sanitizer build)");
    return;
#endif
    add_part(probe, probe->facts[HOST_USER_NS].present ? "userns" : "root");
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (probe->facts[parts[i].mechanism].present) {
            add_part(probe, parts[i].part);
        }
        if (i == 0 && probe->facts[HOST_LANDLOCK].present) {
            char part[24];
            (void)snprintf(part, sizeof part, "landlock%d", probe->landlock_abi);
            add_part(probe, part);
        }
    }
    add_part(probe, !probe->facts[HOST_CGROUP_MEMORY].present ? "rlimits"
                    : probe->cgroup_version == 2              ? "cgroup2"
                                                              : "cgroup1");
}

void host_probe(struct host_probe *out)
{
    assert(out != NULL);
    memset(out, 0, sizeof *out);
    for (int i = 0; i < HOST_MECHANISMS; i++) {
        out->facts[i].name = known[i].name;
        out->facts[i].required = known[i].required;
        out->facts[i].means = known[i].means;
        out->facts[i].fix = known[i].fix;
    }
    out->landlock_abi_min = 1;
    host_try_seals(out);
    host_try_process(out);
    host_try_namespaces(out);
    host_try_cgroups(out);
    grade(out);
}

static struct host_fact *find(struct host_probe *probe, const char *name)
{
    for (int i = 0; i < HOST_MECHANISMS; i++) {
        if (strcmp(probe->facts[i].name, name) == 0) {
            return &probe->facts[i];
        }
    }
    return NULL;
}

enum jit_err host_probe_require(struct host_probe *probe, const char *name)
{
    struct host_fact *fact = find(probe, name);
    if (fact == NULL && strncmp(name, "landlock", 8) == 0) {
        char *end = NULL;
        long abi = strtol(name + 8, &end, 10);
        if (*end != '\0' || name[8] < '1' || name[8] > '9' || abi > 1000) {
            return JIT_ENOENT;
        }
        fact = &probe->facts[HOST_LANDLOCK];
        if (abi > probe->landlock_abi_min) {
            probe->landlock_abi_min = (int)abi;
        }
    }
    if (fact == NULL) {
        return JIT_ENOENT;
    }
    fact->required = true;
    fact->demanded = true;
    return JIT_OK;
}

static void take_away(struct host_probe *probe, enum host_mechanism mechanism)
{
    probe->facts[mechanism].present = false;
    probe->facts[mechanism].os_errno = 0;
    (void)snprintf(probe->facts[mechanism].detail, sizeof probe->facts[mechanism].detail,
                   "taken away for a test");
}

enum jit_err host_probe_pretend_missing(struct host_probe *probe, const char *name)
{
    struct host_fact *fact = find(probe, name);
    if (fact == NULL) {
        return JIT_ENOENT;
    }
    take_away(probe, (enum host_mechanism)(fact - probe->facts));
    if (fact == &probe->facts[HOST_LANDLOCK]) {
        probe->landlock_abi = 0;
        take_away(probe, HOST_LANDLOCK_NET);
        take_away(probe, HOST_LANDLOCK_SCOPE);
    }
    grade(probe);
    return JIT_OK;
}

static bool satisfied(const struct host_probe *probe, enum host_mechanism mechanism)
{
    const struct host_fact *fact = &probe->facts[mechanism];
    if (mechanism == HOST_USER_NS && !fact->present && !fact->demanded) {
        return probe->real_root;
    }
    if (mechanism == HOST_LANDLOCK && probe->landlock_abi < probe->landlock_abi_min) {
        return false;
    }
    return fact->present || !fact->required;
}

enum jit_err host_probe_check(const struct host_probe *probe, char *message, size_t message_size)
{
    for (int i = 0; i < HOST_MECHANISMS; i++) {
        const struct host_fact *fact = &probe->facts[i];
#ifdef JIT_SANITIZED
        if (!fact->demanded) {
            continue; /* the null sandbox needs none of them; the grade says so */
        }
#endif
        if (!satisfied(probe, (enum host_mechanism)i)) {
            (void)snprintf(message, message_size, "sandbox: %s is missing%s%s%s; to get it: %s",
                           fact->name, fact->detail[0] != '\0' ? " (" : "", fact->detail,
                           fact->detail[0] != '\0' ? ")" : "", fact->fix);
            return JIT_ENOTSUP;
        }
    }
    if (message_size > 0) {
        message[0] = '\0';
    }
    return JIT_OK;
}

void host_probe_print(const struct host_probe *probe, FILE *file, bool json)
{
    for (int i = 0; i < HOST_MECHANISMS; i++) {
        const struct host_fact *fact = &probe->facts[i];
        if (json) { /* all of it our own or strerror()'s words: nothing to escape */
            (void)fprintf(file,
                          "{\"mechanism\":\"%s\",\"required\":%s,\"present\":%s,\"detail\":\"%s\","
                          "\"means\":\"%s\",\"fix\":\"%s\"}\n",
                          fact->name, fact->required ? "true" : "false",
                          fact->present ? "true" : "false", fact->detail, fact->means, fact->fix);
            continue;
        }
        (void)fprintf(file, "%-14s  %-8s  %s%s%s\n", fact->name,
                      fact->required ? "required" : "graded", fact->present ? "yes" : "MISSING",
                      fact->detail[0] != '\0' ? ": " : "", fact->detail);
        if (!fact->present) {
            (void)fprintf(file, "                without it: %s\n                to get it: %s\n",
                          fact->means, fact->fix);
        }
    }
    char message[512];
    bool fit = host_probe_check(probe, message, sizeof message) == JIT_OK;
    if (json) {
        (void)fprintf(file, "{\"grade\":\"%s\",\"workers\":%s}\n", probe->grade,
                      fit ? "true" : "false");
    } else {
        (void)fprintf(file, "grade: %s\n", probe->grade);
        if (!fit) {
            (void)fprintf(file, "%s\n", message);
        }
    }
}
