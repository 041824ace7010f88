#include "proc/host/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "proc/host/oserr_priv.h"
#include "proc/host/put_priv.h"

const struct host_cgroup_where host_cgroup_here = {"/proc/self/mounts", "/proc/self/cgroup"};

#define OURS "jitos-"

/* ---- files of a group ---- */

static int put_number(int dir, const char *file, uint64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    return host_put_text(dir, file, text);
}

/* The first bytes of a file, as text; empty when it cannot be read. */
static void get_text(int dir, const char *file, char *out, size_t out_size)
{
    int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, out, out_size - 1);
    out[n > 0 ? (size_t)n : 0] = '\0';
    if (fd >= 0) {
        (void)close(fd);
    }
}

static bool has_word(const char *text, const char *word)
{
    size_t size = strlen(word);
    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {
        if ((at == text || strchr(" ,:\n", at[-1]) != NULL) &&
            (at[size] == '\0' || strchr(" ,:\n", at[size]) != NULL)) {
            return true;
        }
    }
    return false;
}

static int make_dir(int dir, const char *name)
{
    if (mkdirat(dir, name, 0755) != 0 && errno != EEXIST) {
        return -1;
    }
    return openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* ---- where our own group lies ---- */

/* Our path in the hierarchy that has this controller ("" is version 2); false: in none. */
static bool own_path(const char *self, const char *controller, char *out, size_t out_size)
{
    char line[PATH_MAX + 64];
    bool found = false;
    FILE *file = fopen(self, "re");
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
        char *names = strchr(line, ':');
        char *path = names != NULL ? strchr(names + 1, ':') : NULL;
        if (path == NULL) {
            continue;
        }
        *path++ = '\0';
        names++;
        path[strcspn(path, "\n")] = '\0';
        found = controller[0] == '\0' ? names[0] == '\0' : has_word(names, controller);
        if (found) {
            (void)snprintf(out, out_size, "%s", path);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return found;
}

/* Our own group's folder, or -1 with errno. What a container shows of the hierarchy may begin at
 * our group. */
static int own_dir(const struct host_cgroup_where *where, const char *controller)
{
    char path[PATH_MAX];
    char full[2 * PATH_MAX];
    int fd = -1;
    FILE *mounts = setmntent(where->mounts, "re");
    if (mounts == NULL || !own_path(where->self, controller, path, sizeof path)) {
        errno = ENOENT;
        goto out;
    }
    errno = ENOENT;
    for (struct mntent *m = getmntent(mounts); m != NULL && fd < 0; m = getmntent(mounts)) {
        if (controller[0] == '\0'
                ? strcmp(m->mnt_type, "cgroup2") != 0
                : strcmp(m->mnt_type, "cgroup") != 0 || hasmntopt(m, controller) == NULL) {
            continue;
        }
        (void)snprintf(full, sizeof full, "%s%s", m->mnt_dir, path);
        fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT) {
            fd = open(m->mnt_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        }
    }
out:
    if (mounts != NULL) {
        int saved = errno;
        (void)endmntent(mounts);
        errno = saved;
    }
    return fd;
}

/* ---- making and removing ---- */

/* The groups of workers, and the folder itself if it is empty then. */
static void remove_group(int own, const char *name)
{
    int fd = openat(own, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir != NULL) {
        for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
            if (entry->d_name[0] == 'w') {
                (void)unlinkat(fd, entry->d_name, AT_REMOVEDIR);
            }
        }
        (void)closedir(dir);
    } else if (fd >= 0) {
        (void)close(fd);
    }
    (void)unlinkat(own, name, AT_REMOVEDIR);
}

/* Of supervisors that are no more. */
static void sweep(int own)
{
    int fd = openat(own, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return;
    }
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (strncmp(entry->d_name, OURS, sizeof OURS - 1) == 0) {
            long pid = strtol(entry->d_name + sizeof OURS - 1, NULL, 10);
            if (pid > 0 && kill((pid_t)pid, 0) != 0 && errno == ESRCH) {
                remove_group(own, entry->d_name);
            }
        }
    }
    (void)closedir(dir);
}

/* Whether nobody but this process and the one that groups are made for is in our group. */
static bool alone(int own, pid_t id)
{
    char text[4096];
    char *save = NULL;
    get_text(own, "cgroup.procs", text, sizeof text);
    for (char *word = strtok_r(text, "\n", &save); word != NULL;
         word = strtok_r(NULL, "\n", &save)) {
        long pid = strtol(word, NULL, 10);
        if (pid != (long)id && pid != (long)getpid()) {
            return false;
        }
    }
    return true;
}

/* Version 2 hands controllers down only from a group without processes of its own: if we are alone
 * in ours, we go one down. */
static int hand_down(struct host_cgroups *g, pid_t id)
{
    static const char both[] = "+memory +pids";
    char text[512];
    get_text(g->own[0], "cgroup.subtree_control", text, sizeof text);
    if ((has_word(text, "memory") && has_word(text, "pids")) ||
        host_put_text(g->own[0], "cgroup.subtree_control", both) == 0) {
        return 0;
    }
    if (errno != EBUSY || !alone(g->own[0], id)) {
        return -1;
    }
    (void)snprintf(g->leaf, sizeof g->leaf, "%s.self", g->name);
    int leaf = make_dir(g->own[0], g->leaf);
    if (leaf < 0) {
        g->leaf[0] = '\0';
        return -1;
    }
    int result = put_number(leaf, "cgroup.procs", (uint64_t)getpid());
    if (result == 0 && id != getpid()) {
        result = put_number(leaf, "cgroup.procs", (uint64_t)id);
    }
    (void)close(leaf);
    return result == 0 ? host_put_text(g->own[0], "cgroup.subtree_control", both) : -1;
}

static int open_v2(const struct host_cgroup_where *where, pid_t id, struct host_cgroups *g)
{
    char text[512];
    g->own[0] = own_dir(where, "");
    if (g->own[0] < 0) {
        return -1;
    }
    get_text(g->own[0], "cgroup.controllers", text, sizeof text);
    if (!has_word(text, "memory") || !has_word(text, "pids")) {
        errno = ENODEV;
        return -1;
    }
    sweep(g->own[0]);
    g->dirs[0] = make_dir(g->own[0], g->name);
    if (g->dirs[0] < 0 || hand_down(g, id) != 0) {
        return -1;
    }
    return host_put_text(g->dirs[0], "cgroup.subtree_control", "+memory +pids");
}

static int open_v1(const struct host_cgroup_where *where, pid_t id, struct host_cgroups *g)
{
    (void)id;
    static const char *const controllers[HOST_CGROUP_DIRS] = {"memory", "pids"};
    for (int i = 0; i < HOST_CGROUP_DIRS; i++) {
        g->own[i] = own_dir(where, controllers[i]);
        if (g->own[i] < 0) {
            return -1;
        }
        sweep(g->own[i]);
        g->dirs[i] = make_dir(g->own[i], g->name);
        if (g->dirs[i] < 0) {
            return -1;
        }
    }
    return 0;
}

int host_cgroups_open(const struct host_cgroup_where *where, pid_t id, struct host_cgroups *out)
{
    static int (*const ways[])(const struct host_cgroup_where *, pid_t,
                               struct host_cgroups *) = {open_v2, open_v1};
    char detail[sizeof out->detail] = "";
    int said = 0;
    for (int i = 0; i < 2; i++) {
        *out = (struct host_cgroups)HOST_CGROUPS_NONE;
        (void)snprintf(out->name, sizeof out->name, OURS "%d", (int)id);
        if (ways[i](where, id, out) == 0) {
            out->version = 2 - i;
            return 0;
        }
        said = errno;
        host_cgroups_close(out);
        size_t used = strlen(detail);
        (void)snprintf(detail + used, sizeof detail - used, "%sversion %d: %s", i == 0 ? "" : "; ",
                       2 - i, said == ENODEV ? "no memory controller" : strerror(said));
    }
    memcpy(out->detail, detail, sizeof detail);
    return said;
}

static int put_memory(const struct host_cgroups *groups, int dir, uint64_t memory)
{
    return put_number(dir, groups->version == 2 ? "memory.max" : "memory.limit_in_bytes", memory);
}

static int put_in(const struct host_cgroups *groups, int i, int dir, pid_t pid, uint64_t memory)
{
    if (groups->version == 2) {
        if (put_memory(groups, dir, memory) != 0 || put_number(dir, "pids.max", 1) != 0) {
            return -1;
        }
        (void)put_number(dir, "memory.swap.max", 0); /* there may be none */
        (void)put_number(dir, "memory.oom.group", 1);
    } else if (i == 0 ? put_memory(groups, dir, memory) != 0
                      : put_number(dir, "pids.max", 1) != 0) {
        return -1;
    }
    return put_number(dir, "cgroup.procs", (uint64_t)pid);
}

/* A group that was used before may hold on to what its last worker was charged for, above the limit
 * now wanted: then it is made anew. */
static int put_one(const struct host_cgroups *groups, int i, const char *name, pid_t pid,
                   uint64_t memory)
{
    for (int tries = 0; tries < 2; tries++) {
        int dir = make_dir(groups->dirs[i], name);
        if (dir < 0) {
            return -1;
        }
        int result = put_in(groups, i, dir, pid, memory);
        int saved = errno;
        (void)close(dir);
        errno = saved;
        if (result == 0) {
            return 0;
        }
        (void)unlinkat(groups->dirs[i], name, AT_REMOVEDIR);
        errno = saved;
    }
    return -1;
}

#define NAME_BYTES 16
static void name_of(uint32_t place, char *out)
{
    (void)snprintf(out, NAME_BYTES, "w%u", place);
}

enum jit_err host_cgroups_put(const struct host_cgroups *groups, uint32_t place, pid_t pid,
                              uint64_t memory_bytes)
{
    char name[NAME_BYTES];
    assert(groups->version != 0);
    name_of(place, name);
    for (int i = 0; i < HOST_CGROUP_DIRS && groups->dirs[i] >= 0; i++) {
        if (put_one(groups, i, name, pid, memory_bytes) != 0) {
            return host_os_err(errno);
        }
    }
    return JIT_OK;
}

enum jit_err host_cgroups_limit(const struct host_cgroups *groups, uint32_t place,
                                uint64_t memory_bytes)
{
    char name[NAME_BYTES];
    assert(groups->version != 0);
    name_of(place, name);
    int dir = openat(groups->dirs[0], name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) {
        return host_os_err(errno);
    }
    int result = put_memory(groups, dir, memory_bytes);
    int saved = errno;
    (void)close(dir);
    errno = saved;
    return result == 0 ? JIT_OK : host_os_err(saved);
}

void host_cgroups_close(struct host_cgroups *groups)
{
    for (int i = 0; i < HOST_CGROUP_DIRS; i++) {
        if (groups->dirs[i] >= 0) {
            (void)close(groups->dirs[i]);
            remove_group(groups->own[i], groups->name);
        }
    }
    if (groups->leaf[0] != '\0') { /* back, if the other one is gone or comes along */
        (void)host_put_text(groups->own[0], "cgroup.subtree_control", "-memory -pids");
        (void)put_number(groups->own[0], "cgroup.procs", (uint64_t)getpid());
        (void)unlinkat(groups->own[0], groups->leaf, AT_REMOVEDIR);
    }
    for (int i = 0; i < HOST_CGROUP_DIRS; i++) {
        if (groups->own[i] >= 0) {
            (void)close(groups->own[i]);
        }
    }
    *groups = (struct host_cgroups)HOST_CGROUPS_NONE;
}
