#include "tests/proc/cage.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct host_probe cage_probe;
struct host_loader cage_loader = HOST_LOADER_NONE;
struct host_filter cage_start_filter, cage_final_filter, cage_native_filter;
const struct host_filter cage_allow_all = {.count = 1,
                                           .code = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)}};
static const char *suite_name;
static void (*suite_fill)(Suite *suite, bool first);

/* One worker with its memories. */
struct host_memory cage_ring = HOST_MEMORY_NONE, cage_graph = HOST_MEMORY_NONE;
struct host_memory cage_view = HOST_MEMORY_NONE, cage_program = HOST_MEMORY_NONE;
struct host_child cage_child = HOST_CHILD_NONE;
struct host_fault cage_fault;
struct host_spawn_spec cage_spec;
struct attacker_ring *cage_words;

static void make_program(const struct host_filter *filter)
{
    host_memory_close(&cage_program);
    ck_assert_int_eq(host_memory_program(filter, host_filter_size(filter), &cage_program), JIT_OK);
}

void cage_setup(void)
{
    ck_assert_int_eq(
        host_memory_create(HOST_RING, ATTACKER_RING_BYTES, ATTACKER_RING_BYTES, &cage_ring),
        JIT_OK);
    ck_assert_int_eq(
        host_memory_create(HOST_GRAPH, ATTACKER_GRAPH_BYTES, ATTACKER_GRAPH_BYTES_MAX, &cage_graph),
        JIT_OK);
    ck_assert_int_eq(
        host_memory_create(HOST_VIEW, ATTACKER_VIEW_BYTES, ATTACKER_VIEW_BYTES_MAX, &cage_view),
        JIT_OK);
    make_program(&cage_final_filter);
    cage_words = (struct attacker_ring *)(void *)cage_ring.base;
    cage_words->program_bytes = (uint32_t)cage_program.size;
    cage_words->mseal_required = cage_probe.facts[HOST_MSEAL].present;
    cage_spec = (struct host_spawn_spec){
        .probe = &cage_probe,
        .loader = &cage_loader,
        .start = &cage_start_filter,
        .ring_fd = cage_ring.fd_worker,
        .graph_fd = cage_graph.fd_worker,
        .view_fd = cage_view.fd_worker,
        .program_fd = cage_program.fd_worker,
        .slot = 3,
        .sched = HOST_SCHED_BATCH,
        .shared_bytes_max =
            cage_ring.size_max + cage_graph.size_max + cage_view.size_max + cage_program.size_max,
        .heap_bytes = 64u << 20,
        .stack_bytes = 1u << 20,
    };
}

void cage_final(const struct host_filter *filter)
{
    make_program(filter);
    cage_spec.program_fd = cage_program.fd_worker;
    cage_words->program_bytes = (uint32_t)cage_program.size;
}

void cage_teardown(void)
{
    struct host_exit end;
    if (cage_child.pidfd >= 0) {
        host_child_kill(&cage_child);
        ck_assert_int_eq(host_child_reap(&cage_child, true, &end), JIT_OK);
    }
    host_memory_close(&cage_ring);
    host_memory_close(&cage_graph);
    host_memory_close(&cage_view);
    host_memory_close(&cage_program);
}

void cage_start(const char *const *argv)
{
    const char *all[ATTACK_ARGS_MAX + 2] = {"worker"};
    for (int i = 0; i < ATTACK_ARGS_MAX && argv[i] != NULL; i++) {
        all[i + 1] = argv[i];
    }
    cage_spec.argv = (char *const *)(uintptr_t)all;
    enum jit_err err = host_spawn(&cage_spec, &cage_child, &cage_fault);
    ck_assert_msg(err == JIT_OK, "%s: %s", jit_err_name(err), cage_fault.text);
}

struct host_exit cage_finish(void)
{
    struct host_exit end;
    struct pollfd wait = {.fd = cage_child.pidfd, .events = POLLIN};
    ck_assert_int_eq(poll(&wait, 1, (int)(CAGE_PATIENCE * 500)), 1);
    ck_assert_int_eq(host_child_reap(&cage_child, false, &end), JIT_OK);
    return end;
}

/* Until the loader says so; CAGE_PATIENCE is Check's own timeout. */
void cage_await(uint32_t wanted)
{
    const struct timespec slice = {1, 0};
    for (uint32_t is = atomic_load(&cage_words->state); is < wanted;
         is = atomic_load(&cage_words->state)) {
        struct pollfd ended = {.fd = cage_child.pidfd, .events = POLLIN};
        ck_assert_msg(poll(&ended, 1, 0) == 0, "the worker ended before state %u", wanted);
        (void)syscall(SYS_futex, &cage_words->state, FUTEX_WAIT, is, &slice, NULL, 0);
    }
}

/* The value of a line of /proc/PID/status. */
const char *cage_status_line(pid_t pid, const char *key)
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

int cage_open_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 4096; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

/* 6.1 is the oldest that we promise to run on: later calls, flags and options are unknown to it. */
void cage_older_kernel(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 4096, 8, 0),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 451 /* cachestat, 6.5 */, 8, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_create, 0, 2),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x18 /* NOEXEC_SEAL, EXEC */, 6, 4),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 65 /* SET_MDWE */, 3, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
    };
    const struct sock_fprog program = {sizeof code / sizeof code[0], code};
    ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    ck_assert_int_eq((int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program), 0);
}

#define SKIPPED 77
#define NOBODY  65534

static int run(const char *as, bool first)
{
    char text[512];
    char name[96];
    (void)snprintf(name, sizeof name, "%s as %s", suite_name, as);
    if (host_probe_check(&cage_probe, text, sizeof text) != JIT_OK) {
        (void)printf("%s: skipped: %s\n", name, text);
        return getenv("JIT_MUST_WORK") != NULL ? EXIT_FAILURE : SKIPPED;
    }
    (void)printf("%s: %s\n", name, cage_probe.grade);
    (void)fflush(stdout);
    Suite *suite = suite_create(name);
    suite_fill(suite, first);
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
        const char *why;
        if (syscall(SYS_setgroups, 0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
            setresuid(NOBODY, NOBODY, NOBODY) != 0 || prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0) {
            (void)printf("skipped: cannot become an ordinary user: %s\n", strerror(errno));
            exit(getenv("JIT_MUST_WORK") != NULL ? EXIT_FAILURE : SKIPPED);
        }
        struct host_loader theirs = HOST_LOADER_NONE;
        host_probe(&cage_probe);
        if (host_loader_open_fd(cage_loader.fd, &theirs, &why) != JIT_OK) {
            exit(EXIT_FAILURE);
        }
        cage_loader = theirs;
        exit(run("an ordinary user", false));
    }
    int status = 1;
    (void)waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

static int worse(int a, int b)
{
    return a == EXIT_FAILURE || b == EXIT_FAILURE ? EXIT_FAILURE : a > b ? a : b;
}

int cage_main(const char *name, void (*fill)(Suite *suite, bool first))
{
    const char *why;
    suite_name = name;
    suite_fill = fill;
    host_probe(&cage_probe);
    if (host_filter_build(HOST_FILTER_START, &cage_start_filter) != JIT_OK ||
        host_filter_build(HOST_FILTER_FINAL, &cage_final_filter) != JIT_OK ||
        host_filter_build(HOST_FILTER_NATIVE, &cage_native_filter) != JIT_OK ||
        host_loader_open("tools/selftest/jitos-attacker", &cage_loader, &why) != JIT_OK) {
        (void)printf("cannot make the filters or open tools/selftest/jitos-attacker\n");
        return EXIT_FAILURE;
    }
    int result = run(geteuid() == 0 ? "root" : "an ordinary user", true);
#ifdef JIT_SANITIZED
    /* Not a lack of this machine: the plain build tries the rest. */
    (void)printf("a sanitizer build has a null sandbox; only that was tried\n");
    return result;
#endif
    if (geteuid() == 0) {
        struct host_probe all = cage_probe;
        if (all.real_root && all.facts[HOST_USER_NS].present) {
            if (host_probe_pretend_missing(&cage_probe, "user-ns") != JIT_OK) {
                return EXIT_FAILURE;
            }
            result = worse(result, run("root without user namespaces", false));
            cage_probe = all;
        }
        result = worse(result, run_as_nobody());
    }
    host_loader_close(&cage_loader);
    return result;
}
