/* Goal:   a worker's control group bounds its memory and its processes, is found in the order of
 * the design, and nothing is left of it. Method: version 1 for real where this machine gives it (by
 * effect: a bomb is killed, a fork refused); version 2 and refusals in a folder that looks like
 * one. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc/host/cgroup.h"
#include "tests/lib/tcase.h"

static char root[64];
static struct host_cgroups groups = HOST_CGROUPS_NONE;

static void put(const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", root, name);
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    (void)fputs(text, file);
    ck_assert_int_eq(fclose(file), 0);
}

static const char *get(const char *name)
{
    static char text[256];
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", root, name);
    FILE *file = fopen(path, "re");
    ck_assert_msg(file != NULL, "no %s", path);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    (void)fclose(file);
    return text;
}

static void folder(const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", root, name);
    ck_assert_int_eq(mkdir(path, 0755), 0);
}

static void setup(void)
{
    (void)snprintf(root, sizeof root, "/tmp/jitos-cgroup-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    (void)kind;
    (void)where;
    return remove(path);
}

static void teardown(void)
{
    ck_assert_int_eq(nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* A hierarchy of version 2 in which we are /us, with what the kernel would put into new groups. */
static struct host_cgroup_where pretend(const char *controllers, const char *handed_down)
{
    static char mounts[128];
    static char self[128];
    char line[256];
    (void)snprintf(line, sizeof line, "cgroup2 %s/fs cgroup2 rw 0 0\n", root);
    put("mounts", line);
    put("self", "0::/us\n");
    folder("fs");
    folder("fs/us");
    put("fs/us/cgroup.controllers", controllers);
    put("fs/us/cgroup.subtree_control", handed_down);
    put("fs/us/cgroup.procs", "");
    folder("fs/us/jitos-77");
    put("fs/us/jitos-77/cgroup.subtree_control", "");
    folder("fs/us/jitos-77/w5");
    static const char *const files[] = {"memory.max", "memory.swap.max", "memory.oom.group",
                                        "pids.max", "cgroup.procs"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        (void)snprintf(line, sizeof line, "fs/us/jitos-77/w5/%s", files[i]);
        put(line, "");
    }
    (void)snprintf(mounts, sizeof mounts, "%s/mounts", root);
    (void)snprintf(self, sizeof self, "%s/self", root);
    return (struct host_cgroup_where){mounts, self};
}

START_TEST(version_2)
{
    struct host_cgroup_where where = pretend("cpu io memory pids\n", "memory pids\n");
    ck_assert_int_eq(host_cgroups_open(&where, 77, &groups), 0);
    ck_assert_int_eq(groups.version, 2);
    ck_assert_str_eq(get("fs/us/jitos-77/cgroup.subtree_control"), "+memory +pids");
    ck_assert_int_eq(host_cgroups_put(&groups, 5, 4321, 123456), JIT_OK);
    ck_assert_str_eq(get("fs/us/jitos-77/w5/memory.max"), "123456");
    ck_assert_str_eq(get("fs/us/jitos-77/w5/memory.swap.max"), "0");
    ck_assert_str_eq(get("fs/us/jitos-77/w5/memory.oom.group"), "1");
    ck_assert_str_eq(get("fs/us/jitos-77/w5/pids.max"), "1");
    ck_assert_str_eq(get("fs/us/jitos-77/w5/cgroup.procs"), "4321");
    /* A group whose files are not there is no group: refused, not ignored. */
    ck_assert_int_ne(host_cgroups_put(&groups, 6, 4321, 123456), JIT_OK);
    host_cgroups_close(&groups);
}
END_TEST

START_TEST(without_the_controllers)
{
    static const char *const lists[] = {"hugetlb\n", "memory\n", "pids\n", "memory2 pids\n", ""};
    struct host_cgroup_where where = pretend(lists[_i], "memory pids\n");
    ck_assert_int_ne(host_cgroups_open(&where, 77, &groups), 0);
    ck_assert_int_eq(groups.version, 0);
    ck_assert_ptr_nonnull(strstr(groups.detail, "version 2: no memory controller"));
    ck_assert_ptr_nonnull(strstr(groups.detail, "version 1: "));
    host_cgroups_close(&groups);
}
END_TEST

START_TEST(nothing_is_mounted)
{
    static const struct host_cgroup_where nowhere = {"/nonexistent/mounts", "/nonexistent/self"};
    ck_assert_int_eq(host_cgroups_open(&nowhere, 77, &groups), ENOENT);
    ck_assert_int_eq(groups.version, 0);
    ck_assert(groups.own[0] < 0 && groups.dirs[0] < 0);
}
END_TEST

#ifndef JIT_SANITIZED /* whose shadow is memory, too */

/* A child that waits, is put into the group of slot 0 with 16 MiB, and then does `what`. */
static int in_a_group(void (*what)(void))
{
    int go[2];
    int status = 0;
    ck_assert_int_eq(pipe2(go, O_CLOEXEC), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        char byte;
        (void)close(go[1]);
        (void)!read(go[0], &byte, 1);
        what();
        _exit(3);
    }
    ck_assert_int_eq(host_cgroups_put(&groups, 0, pid, 16u << 20), JIT_OK);
    (void)close(go[0]);
    (void)close(go[1]);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return status;
}

static void nothing(void)
{
}

static void take_memory(void)
{
    const size_t size = 64u << 20;
    uint8_t *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t at = 0; bytes != MAP_FAILED && at < size; at += 4096) {
        ((volatile uint8_t *)bytes)[at] = 1;
    }
}

static void take_a_process(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    _exit(pid < 0 && errno == EAGAIN ? 0 : 9);
}

START_TEST(it_bounds)
{
    if (host_cgroups_open(&host_cgroup_here, getpid(), &groups) != 0) {
        (void)printf("no control groups for us here: %s\n", groups.detail);
        return;
    }
    char name[sizeof groups.name];
    (void)snprintf(name, sizeof name, "%s", groups.name);
    int own = fcntl(groups.own[0], F_DUPFD_CLOEXEC, 0);
    for (int i = 0; i < 3; i++) { /* the same group again */
        int status = in_a_group(nothing);
        ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    }
    int status = in_a_group(take_memory);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "status %x", status);
    status = in_a_group(take_a_process);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", status);
    ck_assert_int_eq(faccessat(own, name, F_OK, 0), 0);
    host_cgroups_close(&groups);
    ck_assert(faccessat(own, name, F_OK, 0) != 0);
    (void)close(own);
}
END_TEST

/* A supervisor that was killed leaves its groups; the next one takes them away. */
START_TEST(what_was_left_is_removed)
{
    char name[40];
    if (host_cgroups_open(&host_cgroup_here, getpid(), &groups) != 0) {
        return;
    }
    pid_t pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    (void)snprintf(name, sizeof name, "jitos-%d", (int)pid);
    int own = fcntl(groups.own[0], F_DUPFD_CLOEXEC, 0);
    ck_assert_int_eq(mkdirat(own, name, 0755), 0);
    (void)snprintf(name, sizeof name, "jitos-%d/w3", (int)pid);
    ck_assert_int_eq(mkdirat(own, name, 0755), 0);
    host_cgroups_close(&groups);
    ck_assert_int_eq(host_cgroups_open(&host_cgroup_here, getpid(), &groups), 0);
    (void)snprintf(name, sizeof name, "jitos-%d", (int)pid);
    ck_assert(faccessat(own, name, F_OK, 0) != 0);
    host_cgroups_close(&groups);
    (void)close(own);
}
END_TEST

#endif

static void fill(Suite *suite)
{
    TCase *tcase = test_case(suite, "cgroup", 30);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, version_2);
    tcase_add_loop_test(tcase, without_the_controllers, 0, 5);
    tcase_add_test(tcase, nothing_is_mounted);
#ifndef JIT_SANITIZED
    tcase_add_test(tcase, it_bounds);
    tcase_add_test(tcase, what_was_left_is_removed);
#endif
}

TEST_MAIN("cgroup", fill)
