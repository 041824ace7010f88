/* Goal:   whatever a worker tries, nobody else notices, and each layer of the sandbox holds without
 *         the others. Method: every row of tools/selftest/attacks.c in a real worker: {trusted
 *         loader, program that nobody vouches for} x {all layers, seccomp off, Landlock off, a
 * kernel of 6.1}, each as root, as root without user namespaces and as an ordinary user. Judged by
 *         effect: a bystander (tools/selftest/bystander.h) looks itself over after each; and
 * inside, a call that was to fail must not have worked. And every case of the list of attacks is
 *         tried somewhere. Without JIT_ATTACKS=all what is tried in make check leaves out
 *         combinations that differ from those tried in one layer and one user at once. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/proc/cage.h"
#include "tools/selftest/selftest.h"

#define TEXT(x)   #x
#define NUMBER(x) TEXT(x)

static struct selftest test;
static char told[16384];

static void tell(void *user, const struct attack *row, const char *what)
{
    (void)user;
    size_t used = strlen(told);
    (void)snprintf(told + used, sizeof told - used, "\n  %u %s: %s", row->number, row->name, what);
}

static void begin(const struct host_probe *probe, const struct host_loader *attacker)
{
    char message[256];
    told[0] = '\0';
    ck_assert_msg(selftest_open(probe, attacker, &test, message, sizeof message) == JIT_OK, "%s",
                  message);
    test.tell = tell;
}

static void setup(void)
{
    begin(&cage_probe, &cage_loader);
}

static void teardown(void)
{
    selftest_close(&test);
}

static void run_all(enum selftest_profile profile, enum selftest_layers layers, const char *where)
{
    struct selftest_tally tally = {0};
    enum jit_err err = selftest_run(&test, profile, layers, &tally);
    ck_assert_msg(err == JIT_OK && told[0] == '\0', "%s, %s:%s", selftest_profile_names[profile],
                  where, told);
    ck_assert_uint_eq(tally.through, 0);
    ck_assert_uint_gt(tally.stopped, 50);
    ck_assert_uint_eq(tally.tried, tally.stopped + tally.harmless);
}

#ifndef JIT_SANITIZED

static ssize_t send_packet(uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ssize_t n = sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof to);
    (void)close(fd);
    return n;
}

START_TEST(attacked) /* _i: profile and layers */
{
    enum selftest_layers layers = (enum selftest_layers)(_i / SELFTEST_PROFILES);
    run_all((enum selftest_profile)(_i % SELFTEST_PROFILES), layers, selftest_layer_names[layers]);
}
END_TEST

/* The same supervisor on a kernel of 6.1: it has to find out for itself. */
START_TEST(attacked_on_an_older_kernel) /* _i: profile */
{
    struct host_probe was = cage_probe;
    struct host_loader image;
    const char *why;
    selftest_close(&test);
    cage_older_kernel();
    host_probe(&cage_probe);
    ck_assert(!cage_probe.facts[HOST_MSEAL].present && !cage_probe.facts[HOST_MDWE].present);
    cage_probe.landlock_abi = 2;
    if (!was.facts[HOST_USER_NS].present) {
        ck_assert_int_eq(host_probe_pretend_missing(&cage_probe, "user-ns"), JIT_OK);
    }
    ck_assert_int_eq(host_loader_open_fd(cage_loader.fd, &image, &why), JIT_OK);
    begin(&cage_probe, &image);
    run_all((enum selftest_profile)_i, SELFTEST_ALL, "a kernel of 6.1");
    host_loader_close(&image);
}
END_TEST

/* With filters that allow everything the layers below have to hold by themselves. Landlock is not
 * to be seen from in here: whoever has no descriptor left and an empty root asks it nothing. */
START_TEST(each_layer_by_itself)
{
    char line[160];
    ck_assert_int_eq(selftest_set(&test, SELFTEST_TRUSTED, SELFTEST_NO_SECCOMP), JIT_OK);
    for (size_t i = 0; i < attack_layers_count; i++) {
        const struct attack *row = &attack_layers[i].attack;
        enum host_mechanism needs = attack_layers[i].needs;
        struct host_exit end;
        if ((needs == HOST_USERNS_LIMIT && !cage_probe.facts[HOST_USER_NS].present) ||
            (needs != HOST_MECHANISMS && !cage_probe.facts[needs].present)) {
            continue;
        }
        ck_assert_int_eq(selftest_try(&test, row, SELFTEST_TRUSTED, &end), JIT_OK);
        if (end.killed != row->killed || end.code != row->code) {
            (void)snprintf(line, sizeof line, "wanted status %d, it %s", row->code, end.text);
            tell(NULL, row, line);
        }
    }
    ck_assert_msg(told[0] == '\0', "%s", told);
}
END_TEST

/* A second worker, with a slot of its own, that runs until it is ended. */
static struct host_child start_another(uint32_t slot)
{
    static const char *const argv[] = {"worker", "loop", NULL};
    struct host_child child = HOST_CHILD_NONE;
    struct host_fault fault;
    struct host_spawn_spec spec = test.spec;
    spec.argv = (char *const *)(uintptr_t)argv;
    spec.slot = slot;
    atomic_store(&test.words->state, ATTACKER_NOT_YET);
    ck_assert_msg(host_spawn(&spec, &child, &fault) == JIT_OK, "%s", fault.text);
    while (atomic_load(&test.words->state) < ATTACKER_RUNNING) {
        (void)sched_yield();
    }
    return child;
}

static void end_another(struct host_child *child)
{
    struct host_exit end;
    struct pollfd ended = {.fd = child->pidfd, .events = POLLIN};
    ck_assert_msg(poll(&ended, 1, 0) == 0, "the other worker has ended");
    host_child_kill(child);
    ck_assert_int_eq(host_child_reap(child, true, &end), JIT_OK);
}

/* Case 100, with seccomp off: by number there is nobody, and as root each has a uid of its own. */
START_TEST(workers_cannot_reach_each_other)
{
    static const char *const calls[] = {NUMBER(SYS_kill), NUMBER(SYS_ptrace)};
    char other[16];
    char uid[64];
    struct host_exit end;
    ck_assert_int_eq(selftest_set(&test, SELFTEST_TRUSTED, SELFTEST_NO_SECCOMP), JIT_OK);
    struct host_child child = start_another(4);
    (void)snprintf(other, sizeof other, "%d", (int)child.pid);
    for (int i = 0; i < 2; i++) {
        const struct attack row = {
            .name = "another worker",
            .argv = {"call", calls[i], i == 0 ? other : "16", i == 0 ? "9" : other, "0", "0"}};
        ck_assert_int_eq(selftest_try(&test, &row, SELFTEST_TRUSTED, &end), JIT_OK);
        ck_assert_msg(!end.killed && end.code == ESRCH, "%s", end.text);
    }
    struct host_child third = start_another(5);
    (void)snprintf(uid, sizeof uid, "%s", cage_status_line(child.pid, "Uid"));
    ck_assert_int_eq(strcmp(uid, cage_status_line(third.pid, "Uid")) != 0, geteuid() == 0);
    end_another(&third);
    end_another(&child);
}
END_TEST

/* Case 102: neither the user who started it nor anybody else opens its memory or descriptors. The
 * user who started it owns its user namespace and so may trace it, as he may the supervisor. */
START_TEST(its_memory_is_closed_to_others)
{
    static const char *const files[] = {"mem", "fd", "environ", "maps"};
    bool root = geteuid() == 0;
    struct host_child child = start_another(4);
    pid_t pid = fork();
    if (pid == 0) {
        char path[48];
        int got = 0;
        if (geteuid() == 0 &&
            (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)) {
            _exit(99);
        }
        for (int i = 0; i < (root ? 4 : 3); i++) {
            (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)child.pid, files[i]);
            got |= (open(path, O_RDONLY | O_CLOEXEC) >= 0) << i;
        }
        _exit(got | (root && ptrace(PTRACE_ATTACH, child.pid, 0, 0) == 0) << 4);
    }
    int status = 0;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%x", status);
    end_another(&child);
}
END_TEST

/* Its address space may be larger than the memory it is to have, since what it maps is shared: its
 * control group ends the bomb that its limits let through, and nobody else. */
START_TEST(a_bomb_meets_its_control_group) /* _i: profile */
{
    const struct attack row = {.name = "memory bomb", .argv = {"bomb"}};
    struct host_exit end;
    if (test.cgroups.version == 0) {
        (void)printf("no control groups for us here: that a bomb ends in one was not tried\n");
        return;
    }
    ck_assert_int_eq(selftest_set(&test, (enum selftest_profile)_i, SELFTEST_ALL), JIT_OK);
    test.spec.shared_bytes_max += UINT64_C(1) << 30;
    ck_assert_int_eq(selftest_try(&test, &row, (enum selftest_profile)_i, &end), JIT_OK);
    ck_assert_msg(end.killed && end.code == SIGKILL, "%s", end.text);
    const char *harm = bystander_harm(&test.by, &test.ring, &test.graph, &test.view);
    ck_assert_msg(harm == NULL, "%s", harm);
    ck_assert_int_eq(selftest_try(&test, &attacks[0], (enum selftest_profile)_i, &end), JIT_OK);
}
END_TEST

/* Case 96: what a worker executes is sealed, also for whoever finds a way to its file. */
START_TEST(the_program_cannot_be_overwritten)
{
    char path[40];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", cage_loader.fd);
    ck_assert_int_lt(write(cage_loader.fd, "x", 1), 0);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    ck_assert(fd < 0 || (write(fd, "x", 1) < 0 && errno == EPERM && ftruncate(fd, 0) != 0));
    ck_assert_int_eq(fallocate(fd >= 0 ? fd : cage_loader.fd, 3, 0, 4096), -1);
    ck_assert_ptr_eq(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, fd >= 0 ? fd : cage_loader.fd, 0),
                     MAP_FAILED);
}
END_TEST

/* Case 86: with seccomp off a worker may punch its ring while the supervisor reads it: zeros, and
 * no SIGBUS. */
START_TEST(a_ring_that_turns_to_zero)
{
    static const char *const rows[][7] = {
        {"call", NUMBER(SYS_madvise), "ring", "65536", "9"},
        {"call", NUMBER(SYS_madvise), "graph", "65536", "9"},
    };
    struct host_exit end;
    ck_assert_int_eq(selftest_set(&test, SELFTEST_TRUSTED, SELFTEST_NO_SECCOMP), JIT_OK);
    for (int i = 0; i < 2; i++) {
        struct host_memory *memory = i == 0 ? &test.ring : &test.graph;
        struct attack row = {.name = "punch"};
        memcpy(row.argv, rows[i], sizeof rows[i]);
        memset(memory->base + 4096, 0xee, (size_t)memory->size - 4096);
        ck_assert_int_eq(selftest_try(&test, &row, SELFTEST_TRUSTED, &end), JIT_OK);
        ck_assert_msg(!end.killed && end.code == 0, "%s", end.text);
        for (uint64_t at = 0; at < memory->size; at++) {
            ck_assert_uint_eq(memory->base[at], 0); /* it worked, and reading goes on */
        }
    }
}
END_TEST

/* A bystander that notices nothing would make all of this pass. */
START_TEST(the_bystander_notices) /* _i: what is done to it */
{
    FILE *file;
    const char *harm;
    struct host_memory *ring = &test.ring;
    ck_assert_ptr_null(bystander_harm(&test.by, ring, &test.graph, &test.view));
    switch (_i) {
    case 0:
        file = fopen(test.by.canary, "ae");
        (void)fputc('x', file);
        (void)fclose(file);
        break;
    case 1:
        ck_assert_int_eq(kill(test.by.victim, SIGKILL), 0);
        (void)waitid(P_PID, (id_t)test.by.victim, &(siginfo_t){0}, WEXITED | WNOWAIT);
        break;
    case 2:
        ck_assert_int_eq(raise(SIGUSR1), 0);
        break;
    case 3:
        test.by.word++;
        break;
    case 4:
        test.view.base[test.view.size - 1] = 'w';
        break;
    case 5:
        file = fopen(test.by.made, "we");
        (void)fclose(file);
        break;
    default:
        ck_assert_int_eq(send_packet(test.by.port), 1);
        break;
    }
    harm = bystander_harm(&test.by, ring, &test.graph, &test.view);
    (void)unlink(test.by.made);
    ck_assert_ptr_nonnull(harm);
}
END_TEST

#endif

/* Every case of the list has a row, or is tried where cases_elsewhere[] says. */
START_TEST(no_case_is_left_out)
{
    for (unsigned number = 1; number <= ATTACK_CASES; number++) {
        bool found = false;
        for (size_t i = 0; i < attacks_count && !found; i++) {
            found = attacks[i].number == number;
        }
        for (size_t i = 0; i < cases_elsewhere_count && !found; i++) {
            found = cases_elsewhere[i].number == number;
        }
        ck_assert_msg(found, "nobody tries case %u", number);
    }
}
END_TEST

/* And the tests that are named are there. */
START_TEST(named_tests_exist) /* _i: a row of cases_elsewhere[] */
{
    char path[256];
    char wanted[128];
    char *text = NULL;
    size_t size = 0;
    const char *top = getenv("top_srcdir") != NULL ? getenv("top_srcdir") : ".";
    (void)snprintf(path, sizeof path, "%s/%s", top, cases_elsewhere[_i].file);
    bool check = strstr(path, "/test_") != NULL && strstr(path, ".c") != NULL; /* else a worker's */
    (void)snprintf(wanted, sizeof wanted, "%s%s%s", check ? "START_TEST(" : "",
                   cases_elsewhere[_i].test, check ? ")" : "");
    FILE *file = fopen(path, "re");
    ck_assert_msg(file != NULL, "no %s", path);
    ck_assert_int_gt(getdelim(&text, &size, '\0', file), 0);
    (void)fclose(file);
    ck_assert_msg(strstr(text, wanted) != NULL, "%s has no %s", path, cases_elsewhere[_i].test);
    free(text);
}
END_TEST

static void fill(Suite *suite, bool first)
{
    TCase *tcase = test_case(suite, "attacks", 2 * CAGE_PATIENCE);
    tcase_add_checked_fixture(tcase, setup, teardown);
#ifndef JIT_SANITIZED
    const char *wanted = getenv("JIT_ATTACKS");
    bool all = wanted != NULL && strcmp(wanted, "all") == 0;
    bool nobody = geteuid() != 0;
    tcase_add_loop_test(tcase, attacked, 0,
                        (first || nobody || all ? SELFTEST_LAYERS : 1) * SELFTEST_PROFILES);
    if (first || all) {
        tcase_add_loop_test(tcase, attacked_on_an_older_kernel, 0, SELFTEST_PROFILES);
        tcase_add_loop_test(tcase, the_bystander_notices, 0, 7);
    }
    tcase_add_test(tcase, each_layer_by_itself);
    tcase_add_test(tcase, workers_cannot_reach_each_other);
    tcase_add_test(tcase, its_memory_is_closed_to_others);
    tcase_add_test(tcase, the_program_cannot_be_overwritten);
    tcase_add_test(tcase, a_ring_that_turns_to_zero);
    TCase *groups = test_case(suite, "groups", CAGE_PATIENCE);
    tcase_add_checked_fixture(groups, setup, teardown);
    tcase_add_loop_test(groups, a_bomb_meets_its_control_group, 0, SELFTEST_PROFILES);
#else
    (void)run_all;
#endif
    if (first) {
        TCase *list = test_case(suite, "list", CAGE_PATIENCE);
        tcase_add_test(list, no_case_is_left_out);
        tcase_add_loop_test(list, named_tests_exist, 0, (int)cases_elsewhere_count);
    }
}

int main(void)
{
    return cage_main("attacks", fill);
}
