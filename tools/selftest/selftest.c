#include "tools/selftest/selftest.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"

#define PATIENCE_MS 30000

const char *const selftest_profile_names[SELFTEST_PROFILES] = {"trusted", "native"};
const char *const selftest_layer_names[SELFTEST_LAYERS] = {"all layers", "seccomp off",
                                                           "Landlock off"};
static const struct host_filter allow_all = {
    .count = 1, .code = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)}};

static enum jit_err make_program(struct selftest *test, const struct host_filter *filter)
{
    host_memory_close(&test->program);
    enum jit_err err = host_memory_program(filter, host_filter_size(filter), &test->program);
    if (err == JIT_OK) {
        test->spec.program_fd = test->program.fd_worker;
        test->words->program_bytes = (uint32_t)test->program.size;
    }
    return err;
}

static enum jit_err make_memories(struct selftest *test)
{
    enum jit_err err =
        host_memory_create(HOST_RING, ATTACKER_RING_BYTES, ATTACKER_RING_BYTES, &test->ring);
    if (err == JIT_OK) {
        err = host_memory_create(HOST_GRAPH, ATTACKER_GRAPH_BYTES, ATTACKER_GRAPH_BYTES_MAX,
                                 &test->graph);
    }
    if (err == JIT_OK) {
        err = host_memory_create(HOST_VIEW, ATTACKER_VIEW_BYTES, ATTACKER_VIEW_BYTES_MAX,
                                 &test->view);
    }
    if (err == JIT_OK) {
        test->words = (struct attacker_ring *)(void *)test->ring.base;
        test->words->mseal_required = test->probe->facts[HOST_MSEAL].present;
        memset(test->view.base, 'v', (size_t)test->view.size);
        err = make_program(test, &test->final);
    }
    return err;
}

static enum jit_err make_filters(struct selftest *test)
{
    enum jit_err err = host_filter_build(HOST_FILTER_START, &test->start);
    if (err == JIT_OK) {
        err = host_filter_build(HOST_FILTER_FINAL, &test->final);
    }
    return err != JIT_OK ? err : host_filter_build(HOST_FILTER_NATIVE, &test->native);
}

enum jit_err selftest_open(const struct host_probe *probe, const struct host_loader *attacker,
                           struct selftest *out, char *message, size_t message_size)
{
    static const struct host_memory none = HOST_MEMORY_NONE;
    memset(out, 0, sizeof *out);
    out->ring = out->graph = out->view = out->program = none;
    out->by.listener = out->by.packets = out->by.victim = -1;
    out->cgroups = (struct host_cgroups)HOST_CGROUPS_NONE;
    out->probe = probe;
    out->less = *probe;
    out->attacker = attacker;
    enum jit_err err = make_filters(out);
    err = err == JIT_OK ? make_memories(out) : err;
    if (err != JIT_OK) {
        (void)snprintf(message, message_size, "filters and shared memory: %s", jit_err_text(err));
        return err;
    }
    err = host_probe_pretend_missing(&out->less, "landlock");
    assert(err == JIT_OK);
    out->less.facts[HOST_LANDLOCK].required = false;
    out->less.landlock_abi_min = 0;
    out->spec = (struct host_spawn_spec){
        .probe = probe,
        .loader = attacker,
        .start = &out->start,
        .ring_fd = out->ring.fd_worker,
        .graph_fd = out->graph.fd_worker,
        .view_fd = out->view.fd_worker,
        .program_fd = out->program.fd_worker,
        .slot = 3,
        .sched = HOST_SCHED_BATCH,
        .shared_bytes_max =
            out->ring.size_max + out->graph.size_max + out->view.size_max + out->program.size_max,
        .heap_bytes = 64u << 20,
        .stack_bytes = 1u << 20,
    };
    if (probe->facts[HOST_CGROUP_MEMORY].present) {
        int failed = host_cgroups_open(&host_cgroup_here, getpid(), &out->cgroups);
        if (failed != 0) {
            (void)snprintf(message, message_size, "control groups, which were there before: %s",
                           out->cgroups.detail);
            return JIT_EIO;
        }
        out->spec.cgroups = &out->cgroups;
    }
    err = bystander_init(&out->by);
    if (err != JIT_OK) {
        (void)snprintf(message, message_size, "a file in /tmp and sockets beside the sandbox: %s",
                       strerror(errno));
    }
    return err;
}

void selftest_close(struct selftest *test)
{
    bystander_release(&test->by);
    host_cgroups_close(&test->cgroups);
    host_memory_close(&test->ring);
    host_memory_close(&test->graph);
    host_memory_close(&test->view);
    host_memory_close(&test->program);
}

/* Words of a row that only the supervisor can know; `space` is for the ones it makes. */
static const char *resolve(const struct selftest *test, const char *word, char *space, size_t size)
{
    if (strcmp(word, "supervisor") == 0) {
        (void)snprintf(space, size, "%d", (int)getpid());
    } else if (strcmp(word, "victim") == 0) {
        (void)snprintf(space, size, "%d", (int)test->by.victim);
    } else if (strcmp(word, "target") == 0) {
        (void)snprintf(space, size, "%p", (void *)(uintptr_t)&test->by.word);
    } else if (strcmp(word, "canary") == 0) {
        (void)snprintf(space, size, "s:%s", test->by.canary);
    } else if (strcmp(word, "made") == 0) {
        (void)snprintf(space, size, "s:%s", test->by.made);
    } else if (strcmp(word, "abstract") == 0) {
        (void)snprintf(space, size, "s:%s", test->by.abstract);
    } else if (strcmp(word, "port") == 0) {
        (void)snprintf(space, size, "%u", test->by.port);
    } else {
        return word;
    }
    return space;
}

enum jit_err selftest_try(struct selftest *test, const struct attack *row,
                          enum selftest_profile profile, struct host_exit *end)
{
    static char spaces[ATTACK_ARGS_MAX][96];
    const char *argv[ATTACK_ARGS_MAX + 3] = {"worker"};
    struct host_child child = HOST_CHILD_NONE;
    struct host_fault fault;
    int n = 1;
    if (profile == SELFTEST_NATIVE) {
        argv[n++] = "native";
    }
    for (int i = 0; i < ATTACK_ARGS_MAX && row->argv[i] != NULL; i++) {
        argv[n++] = resolve(test, row->argv[i], spaces[i], sizeof spaces[i]);
    }
    test->spec.argv = (char *const *)(uintptr_t)argv;
    atomic_store(&test->words->state, ATTACKER_NOT_YET);
    enum jit_err err = host_spawn(&test->spec, &child, &fault);
    if (err != JIT_OK) {
        test->tell(test->user, row, fault.text);
        return err;
    }
    struct pollfd wait = {.fd = child.pidfd, .events = POLLIN};
    int ready;
    do {
        ready = poll(&wait, 1, PATIENCE_MS);
    } while (ready < 0 && errno == EINTR);
    if (ready != 1) {
        host_child_kill(&child);
        test->tell(test->user, row, "it never ended");
    }
    return host_child_reap(&child, true, end);
}

enum jit_err selftest_set(struct selftest *test, enum selftest_profile profile,
                          enum selftest_layers layers)
{
    bool open = layers == SELFTEST_NO_SECCOMP;
    test->spec.start = open                         ? &allow_all
                       : profile == SELFTEST_NATIVE ? &test->native
                                                    : &test->start;
    test->spec.probe = layers == SELFTEST_NO_LANDLOCK ? &test->less : test->probe;
    return make_program(test, open ? &allow_all : &test->final);
}

/* As the table says; false: told. */
static bool ended_as_told(const struct selftest *test, const struct attack *row,
                          enum selftest_profile profile, const struct host_exit *end)
{
    bool differs = profile == SELFTEST_NATIVE && row->native_differs;
    bool killed = row->killed && !differs;
    int code = differs ? row->native_code : row->code;
    char line[160];
    /* Without mseal its maps are its own to change, as a native program's are. */
    if (row->native_differs && row->code == EPERM && !test->probe->facts[HOST_MSEAL].present) {
        code = 0;
    }
    if (end->killed != killed || (end->code != code && code != ATTACK_ANY)) {
        (void)snprintf(line, sizeof line, "wanted %s %d, it %s", killed ? "signal" : "status", code,
                       end->text);
        test->tell(test->user, row, line);
        return false;
    }
    if (atomic_load(&test->words->state) < ATTACKER_LOCKED) {
        test->tell(test->user, row, "it died too early");
        return false;
    }
    return true;
}

enum jit_err selftest_run(struct selftest *test, enum selftest_profile profile,
                          enum selftest_layers layers, struct selftest_tally *tally)
{
    enum jit_err err = selftest_set(test, profile, layers);
    for (size_t i = 0; i < attacks_count && err == JIT_OK; i++) {
        const struct attack *row = &attacks[i];
        struct host_exit end;
        bool early = strcmp(row->argv[0], "early") == 0;
        if (early && (profile == SELFTEST_NATIVE || layers == SELFTEST_NO_SECCOMP)) {
            continue; /* it has no last steps; what holds before them is in attack_layers[] */
        }
        err = selftest_try(test, row, profile, &end);
        if (err != JIT_OK) {
            break;
        }
        bool worked = !end.killed && end.code == 0;
        bool good = layers != SELFTEST_NO_SECCOMP ? ended_as_told(test, row, profile, &end) : true;
        bool surface =
            row->surface == ATTACK_SURFACE || (row->surface == ATTACK_SURFACE_WITHOUT_USERNS &&
                                               !test->probe->facts[HOST_USER_NS].present);
        if (layers == SELFTEST_NO_SECCOMP && worked && !surface) {
            test->tell(test->user, row, "it worked");
            good = false;
        }
        const char *harm = bystander_harm(&test->by, &test->ring, &test->graph, &test->view);
        tally->tried++;
        tally->stopped += good && harm == NULL && !worked;
        tally->harmless += good && harm == NULL && worked;
        tally->through += !good || harm != NULL;
        if (harm != NULL) { /* from here on it would be said of every row */
            test->tell(test->user, row, harm);
            break;
        }
    }
    return err;
}
