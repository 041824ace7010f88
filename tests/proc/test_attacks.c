/* Goal:   whatever a worker tries, nobody else notices, and each layer of the sandbox holds without
 *         the others. Method: every row of tests/proc/attacks.c in a real worker: {trusted loader,
 *         program that nobody vouches for} x {all layers, seccomp off, Landlock off, a kernel of
 *         6.1}, each as root, as root without user namespaces and as an ordinary user. Judged by
 *         effect: the supervisor, a bystander with a file, a name to connect to, a hostname, limits
 *         and a word in memory, looks itself over after each; and inside, a call that was to fail
 *         must not have worked. Without JIT_ATTACKS=all what is tried in make check leaves out
 *         combinations that differ from those tried in one layer and one user at once. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/proc/attacks.h"

enum profile { TRUSTED, NATIVE, PROFILES };
enum layers_on { ALL, NO_SECCOMP, NO_LANDLOCK, OLDER, CONFIGS };
static const char *const config_names[] = {"all layers", "seccomp off", "Landlock off",
                                           "a kernel of 6.1"};
static const char *const profile_names[] = {"trusted", "native"};

/* ---- the bystander ---- */

#define SECRET "nobody has read this"
static char canary[64];
static int listener = -1;
static volatile sig_atomic_t signals;
static volatile uint64_t target = 0x1234;
static struct stat canary_was;
static struct utsname host_was;
static struct rlimit files_was;
static int64_t clock_was;

static void heard(int number)
{
    (void)number;
    signals++;
}

/* How far the wall clock is ahead of the other one, in milliseconds. */
static int64_t clock_offset(void)
{
    struct timespec wall;
    struct timespec steady;
    ck_assert_int_eq(clock_gettime(CLOCK_REALTIME, &wall), 0);
    ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &steady), 0);
    return (wall.tv_sec - steady.tv_sec) * 1000 + (wall.tv_nsec - steady.tv_nsec) / 1000000;
}

static void stand_by(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct sigaction action = {.sa_handler = heard};
    (void)snprintf(canary, sizeof canary, "s:/tmp/jitos-canary-XXXXXX");
    int fd = mkstemp(canary + 2);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, SECRET, sizeof SECRET), sizeof SECRET);
    ck_assert_int_eq(fchmod(fd, 0666), 0);
    ck_assert_int_eq(fstat(fd, &canary_was), 0);
    (void)close(fd);
    memcpy(name.sun_path + 1, LOADER_NAME, sizeof LOADER_NAME - 1);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof LOADER_NAME);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&name, size), 0);
    ck_assert_int_eq(listen(listener, 8), 0);
    ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
    ck_assert_int_eq(uname(&host_was), 0);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files_was), 0);
    clock_was = clock_offset();
    cage_view.base[0] = 'v';
}

static void stand_down(void)
{
    (void)unlink(canary + 2);
    (void)close(listener);
    cage_teardown();
}

static const char *harmed(void)
{
    struct stat now;
    struct utsname host;
    struct rlimit files;
    uint8_t sum = 0; /* what it cut off would be a SIGBUS here */
    if (stat(canary + 2, &now) != 0 || now.st_size != canary_was.st_size ||
        now.st_mode != canary_was.st_mode || now.st_mtim.tv_nsec != canary_was.st_mtim.tv_nsec ||
        now.st_ino != canary_was.st_ino) {
        return "a file outside was changed";
    }
    if (accept(listener, NULL, NULL) >= 0 || errno != EAGAIN) {
        return "it got a connection to the outside";
    }
    if (signals != 0) {
        return "the supervisor got a signal";
    }
    if (strcmp(cage_status_line(getpid(), "TracerPid"), "0") != 0) {
        return "the supervisor is traced";
    }
    if (target != 0x1234) {
        return "the supervisor's memory was written";
    }
    if (uname(&host) != 0 || strcmp(host.nodename, host_was.nodename) != 0) {
        return "the host has another name";
    }
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur != files_was.rlim_cur ||
        files.rlim_max != files_was.rlim_max) {
        return "the supervisor has other limits";
    }
    if (llabs(clock_offset() - clock_was) > 60000) {
        return "the clock was set";
    }
    if (cage_view.base[0] != 'v') {
        return "the view was written";
    }
    for (uint64_t i = 0; i < cage_ring.size; i += 4096) {
        sum = (uint8_t)(sum + *(volatile uint8_t *)&cage_ring.base[i]);
    }
    for (uint64_t i = 0; i < cage_graph.size; i += 4096) {
        sum = (uint8_t)(sum + *(volatile uint8_t *)&cage_graph.base[i]);
    }
    (void)sum;
    if ((fcntl(cage_ring.fd, F_GET_SEALS) & F_SEAL_SEAL) == 0 ||
        (fcntl(cage_view.fd, F_GET_SEALS) & F_SEAL_FUTURE_WRITE) == 0) {
        return "a seal is gone";
    }
    if (waitpid(-1, NULL, WNOHANG) >= 0 || errno != ECHILD) {
        return "somebody is left behind";
    }
    return NULL;
}

/* ---- one attack ---- */

static char told[16384];

static void tell(const struct attack *row, const char *what)
{
    size_t used = strlen(told);
    (void)snprintf(told + used, sizeof told - used, "\n  %u %s: %s", row->number, row->name, what);
}

/* The words of a row that only the supervisor can know. */
static const char *resolve(const char *word)
{
    static char supervisor[16];
    static char address[24];
    if (word != NULL && strcmp(word, "supervisor") == 0) {
        (void)snprintf(supervisor, sizeof supervisor, "%d", (int)getpid());
        return supervisor;
    }
    if (word != NULL && strcmp(word, "target") == 0) {
        (void)snprintf(address, sizeof address, "%p", (void *)(uintptr_t)&target);
        return address;
    }
    return word != NULL && strcmp(word, "canary") == 0 ? canary : word;
}

static struct host_exit run_one(const struct attack *row, enum profile profile)
{
    const char *argv[CAGE_ARGS_MAX + 1] = {NULL};
    int n = 0;
    if (profile == NATIVE) {
        argv[n++] = "native";
    }
    for (int i = 0; i < CAGE_ARGS_MAX && row->argv[i] != NULL; i++) {
        argv[n++] = resolve(row->argv[i]);
    }
    atomic_store(&cage_words->state, LOADER_NOT_YET);
    cage_start(argv);
    return cage_finish();
}

/* All layers: exactly as the table says. */
static void judge_exactly(const struct attack *row, enum profile profile, struct host_exit end)
{
    bool differs = profile == NATIVE && row->native_differs;
    bool killed = row->killed && !differs;
    int code = differs ? row->native_code : row->code;
    char line[160];
    /* Without mseal its maps are its own to change, as a native program's are. */
    if (row->native_differs && row->code == EPERM && !cage_probe.facts[HOST_MSEAL].present) {
        code = 0;
    }
    if (end.killed != killed || (end.code != code && code != ATTACK_ANY)) {
        (void)snprintf(line, sizeof line, "wanted %s %d, it %s", killed ? "signal" : "status", code,
                       end.text);
        tell(row, line);
    }
    if (atomic_load(&cage_words->state) < LOADER_LOCKED) {
        tell(row, "it died too early");
    }
}

/* A layer is off: what was to be refused did not work, unless it concerns nobody else. */
static void judge_loosely(const struct attack *row, struct host_exit end)
{
    if (!end.killed && end.code == 0 && !row->surface) {
        tell(row, "it worked");
    }
}

static void run_all(enum profile profile, enum layers_on config)
{
    struct host_filter allow = cage_allow_all;
    struct host_probe less = cage_probe;
    told[0] = '\0';
    cage_spec.start = profile == NATIVE ? &cage_native_filter : &cage_start_filter;
    if (config == NO_SECCOMP) {
        cage_spec.start = &allow;
        cage_final(&allow);
    }
    if (config == NO_LANDLOCK) {
        ck_assert_int_eq(host_probe_pretend_missing(&less, "landlock"), JIT_OK);
        less.facts[HOST_LANDLOCK].required = false;
        less.landlock_abi_min = 0;
        cage_spec.probe = &less;
    }
    for (size_t i = 0; i < attacks_count; i++) {
        const struct attack *row = &attacks[i];
        bool early = strcmp(row->argv[0], "early") == 0;
        if (early && (profile == NATIVE || config == NO_SECCOMP)) {
            continue; /* it has no last steps; what holds before them is in layers[] */
        }
        struct host_exit end = run_one(row, profile);
        if (config == NO_SECCOMP) {
            judge_loosely(row, end);
        } else {
            judge_exactly(row, profile, end);
        }
        const char *what = harmed();
        if (what != NULL) {
            tell(row, what);
            break;
        }
    }
    ck_assert_msg(told[0] == '\0', "%s, %s:%s", profile_names[profile], config_names[config], told);
}

START_TEST(attacked) /* _i: profile and configuration */
{
    run_all((enum profile)(_i % PROFILES), (enum layers_on)(_i / PROFILES));
}
END_TEST

/* The same supervisor on a kernel of 6.1: it has to find out for itself. */
START_TEST(attacked_on_an_older_kernel) /* _i: profile */
{
    struct host_probe was = cage_probe;
    struct host_loader image;
    const char *why;
    cage_teardown();
    cage_older_kernel();
    host_probe(&cage_probe);
    ck_assert(!cage_probe.facts[HOST_MSEAL].present && !cage_probe.facts[HOST_MDWE].present);
    cage_probe.landlock_abi = 2;
    if (!was.facts[HOST_USER_NS].present) {
        ck_assert_int_eq(host_probe_pretend_missing(&cage_probe, "user-ns"), JIT_OK);
    }
    ck_assert_int_eq(host_loader_open_fd(cage_loader.fd, &image, &why), JIT_OK);
    cage_setup();
    cage_view.base[0] = 'v';
    cage_spec.loader = &image;
    run_all((enum profile)_i, OLDER);
    host_loader_close(&image);
}
END_TEST

/* With filters that allow everything the layers below have to hold by themselves. Landlock is not
 * to be seen from in here: whoever has no descriptor left and an empty root asks it nothing. */
START_TEST(each_layer_by_itself)
{
    struct host_filter allow = cage_allow_all;
    char line[160];
    told[0] = '\0';
    cage_spec.start = &allow;
    for (size_t i = 0; i < layers_count; i++) {
        const struct attack *row = &layers[i].attack;
        enum host_mechanism needs = layers[i].needs;
        if ((needs == HOST_USERNS_LIMIT && !cage_probe.facts[HOST_USER_NS].present) ||
            (needs != HOST_MECHANISMS && !cage_probe.facts[needs].present)) {
            continue;
        }
        struct host_exit end = run_one(row, TRUSTED);
        if (end.killed != row->killed || end.code != row->code) {
            (void)snprintf(line, sizeof line, "wanted status %d, it %s", row->code, end.text);
            tell(row, line);
        }
    }
    ck_assert_msg(told[0] == '\0', "%s", told);
}
END_TEST

static void setup(void)
{
    cage_setup();
    stand_by();
}

static void fill(Suite *suite, bool first)
{
    TCase *tcase = test_case(suite, "attacks", 2 * CAGE_PATIENCE);
    tcase_add_checked_fixture(tcase, setup, stand_down);
#ifndef JIT_SANITIZED
    const char *wanted = getenv("JIT_ATTACKS");
    bool all = wanted != NULL && strcmp(wanted, "all") == 0;
    bool nobody = geteuid() != 0;
    tcase_add_loop_test(tcase, attacked, 0,
                        (first || nobody || all ? NO_LANDLOCK + 1 : 1) * PROFILES);
    if (first || all) {
        tcase_add_loop_test(tcase, attacked_on_an_older_kernel, 0, PROFILES);
    }
    tcase_add_test(tcase, each_layer_by_itself);
#else
    (void)first;
    (void)each_layer_by_itself_fn;
#endif
}

int main(void)
{
    return cage_main("attacks", fill);
}
