/* tests/proc/cage.h - one worker with its memories, started in the real sandbox, for the tests of
 * proc/host; and the ways a supervisor may run: as root, as root without user namespaces, as an
 * ordinary user. */
#ifndef JIT_TESTS_PROC_CAGE_H
#define JIT_TESTS_PROC_CAGE_H

#include <stdbool.h>

#include "proc/host/memory.h"
#include "proc/host/spawn.h"
#include "tests/lib/tcase.h"
#include "tools/selftest/attacker.h"
#include "tools/selftest/attacks.h"

#define CAGE_PATIENCE  60.0 /* seconds; the machine may be busy */
#define CAGE_KUID_BASE 0x60000000u

/* What the machine offers, the program (tools/selftest/jitos-attacker), the filters: made once a
 * run. */
extern struct host_probe cage_probe;
extern struct host_loader cage_loader;
extern struct host_filter cage_start_filter, cage_final_filter, cage_native_filter;
extern const struct host_filter cage_allow_all; /* seccomp switched off */

/* The worker of a test. */
extern struct host_memory cage_ring, cage_graph, cage_view, cage_program;
extern struct host_child cage_child;
extern struct host_fault cage_fault;
extern struct host_spawn_spec cage_spec;
extern struct attacker_ring *cage_words;

void cage_setup(void); /* profile A, all layers */
void cage_teardown(void);
/* The filter that the loader takes for its last: the program memory is made anew. */
void cage_final(const struct host_filter *filter);
/* argv after the program's name; NULL ends it. */
void cage_start(const char *const *argv);
struct host_exit cage_finish(void);
void cage_await(uint32_t state); /* until the loader says so */
/* The value of a line of /proc/PID/status. */
const char *cage_status_line(pid_t pid, const char *key);
int cage_open_descriptors(void);

/* From now on this process is answered as by a kernel of 6.1, and so are its workers. */
void cage_older_kernel(void);

/* Run the suite as this process is, then, as root, without user namespaces and as an ordinary user.
 * Returns the exit status: 77 when no way was possible and none had to be (JIT_MUST_WORK). */
int cage_main(const char *name, void (*fill)(Suite *suite, bool first));

#endif
