/* tests/proc/attacks.h - what a worker may try, and what has to come of it: the list of SANDBOX 3
 * by its numbers, as far as one worker can try it alone (80 of its cases are in here). */
#ifndef JIT_TESTS_PROC_ATTACKS_H
#define JIT_TESTS_PROC_ATTACKS_H

#include "tests/proc/cage.h"

#define ATTACK_ANY (-1) /* whatever the signal */

struct attack {
    unsigned number; /* in SANDBOX 3; 0: none, an honest thing or one more of a kind */
    const char *name;
    bool killed; /* by a signal, else it exits */
    int code;    /* the signal, or the exit status: an errno, or 0 for what is allowed */
    const char *argv[CAGE_ARGS_MAX]; /* after the program's name */
    /* A program that nobody vouches for ends otherwise: with this status. */
    bool native_differs;
    int native_code;
    /* With the filters switched off it succeeds: a part of the kernel that no other layer guards,
     * or its own memory. What it does must be seen by nobody else all the same. */
    bool surface;
};
extern const struct attack attacks[];
extern const size_t attacks_count;

/* Before the loader's last steps, with the filters switched off: what the layers below refuse by
 * themselves, and with which errno. */
struct layer {
    enum host_mechanism needs; /* or HOST_MECHANISMS */
    struct attack attack;
};
extern const struct layer layers[];
extern const size_t layers_count;

#endif
