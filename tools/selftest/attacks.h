/* tools/selftest/attacks.h - what a worker may try, and what has to come of it: the list of SANDBOX
 * 3 by its numbers, as far as one worker can try it alone. */
#ifndef JIT_TOOLS_SELFTEST_ATTACKS_H
#define JIT_TOOLS_SELFTEST_ATTACKS_H

#include <stdbool.h>
#include <stddef.h>

#include "proc/host/probe.h"

#define ATTACK_ARGS_MAX 12

#define ATTACK_ANY (-1) /* whatever the signal */

enum attack_surface {
    ATTACK_GUARDED,
    ATTACK_SURFACE,
    ATTACK_SURFACE_WITHOUT_USERNS /* only where a worker has no user namespace of its own */
};

struct attack {
    unsigned number; /* in SANDBOX 3; 0: none, an honest thing or one more of a kind */
    const char *name;
    bool killed; /* by a signal, else it exits */
    int code;    /* the signal, or the exit status: an errno, or 0 for what is allowed */
    const char *argv[ATTACK_ARGS_MAX]; /* after the program's name */
    /* A program that nobody vouches for ends otherwise: with this status. */
    bool native_differs;
    int native_code;
    /* With the filters switched off it succeeds: a part of the kernel that no other layer guards,
     * or its own memory. What it does must be seen by nobody else all the same. */
    enum attack_surface surface;
};
extern const struct attack attacks[];
extern const size_t attacks_count;

/* Before the loader's last steps, with the filters switched off: what the layers below refuse by
 * themselves, and with which errno. */
struct layer {
    enum host_mechanism needs; /* or HOST_MECHANISMS */
    struct attack attack;
};
extern const struct layer attack_layers[];
extern const size_t attack_layers_count;

#define ATTACK_CASES 103 /* of SANDBOX 3 */

/* Cases that one worker's call is not enough for: the test that tries it. */
struct case_elsewhere {
    unsigned number;
    const char *file;
    const char *test; /* its name, or words of what a hostile worker or a script does */
};
extern const struct case_elsewhere cases_elsewhere[];
extern const size_t cases_elsewhere_count;

#endif
