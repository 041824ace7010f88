/* tools/selftest/selftest.h - the attacks of attacks.h, run in real workers and judged by effect.
 * Spec:  SANDBOX 3; DESIGN 11. Layer: tools.
 *
 * Each attack is tried as a trusted loader (profile A) and as a program nobody vouches for (B),
 * with all layers on, with seccomp off and with Landlock off. After each the bystander looks itself
 * over. With all layers on an attack also has to end exactly as its row says. */
#ifndef JIT_TOOLS_SELFTEST_SELFTEST_H
#define JIT_TOOLS_SELFTEST_SELFTEST_H

#include "proc/host/spawn.h"
#include "tools/selftest/attacker.h"
#include "tools/selftest/attacks.h"
#include "tools/selftest/bystander.h"

enum selftest_profile { SELFTEST_TRUSTED, SELFTEST_NATIVE, SELFTEST_PROFILES };
enum selftest_layers { SELFTEST_ALL, SELFTEST_NO_SECCOMP, SELFTEST_NO_LANDLOCK, SELFTEST_LAYERS };
extern const char *const selftest_profile_names[SELFTEST_PROFILES];
extern const char *const selftest_layer_names[SELFTEST_LAYERS];

struct selftest_tally {
    unsigned tried;
    unsigned stopped;  /* killed, or refused with an error */
    unsigned harmless; /* it worked, and concerned nobody but itself: by design, or a part of the
                          kernel that no other layer guards */
    unsigned through;  /* got through, or ended otherwise than it has to */
};

/* A worker to be, with its memories, and whoever must not notice. */
struct selftest {
    const struct host_probe *probe;
    struct host_probe less; /* without Landlock */
    const struct host_loader *attacker;
    struct host_filter start, final, native;
    struct host_memory ring, graph, view, program;
    struct host_cgroups cgroups; /* as a supervisor's workers are in, where there are any */
    struct attacker_ring *words;
    struct host_spawn_spec spec;
    struct bystander by;
    void (*tell)(void *user, const struct attack *row, const char *what); /* what went wrong */
    void *user;
};

/* Owns: *out: selftest_close(), by this process, on error as well. `message`: why it could not be
 * made ready. */
JIT_MUST_CHECK enum jit_err selftest_open(const struct host_probe *probe,
                                          const struct host_loader *attacker, struct selftest *out,
                                          char *message, size_t message_size);
void selftest_close(struct selftest *test);

/* Go through all rows; adds to *tally. Errors: those of host_spawn(), told. */
JIT_MUST_CHECK enum jit_err selftest_run(struct selftest *test, enum selftest_profile profile,
                                         enum selftest_layers layers, struct selftest_tally *tally);
/* One row, the profile and layers being set up: how its worker ended. */
JIT_MUST_CHECK enum jit_err selftest_try(struct selftest *test, const struct attack *row,
                                         enum selftest_profile profile, struct host_exit *end);
JIT_MUST_CHECK enum jit_err selftest_set(struct selftest *test, enum selftest_profile profile,
                                         enum selftest_layers layers);

/* jitosd sandbox --selftest [--json] on this machine, as whoever calls: 0 it holds, 1 something got
 * through, 125 no worker can be started here. */
int selftest_report(const char *attacker_path, bool json);

#endif
