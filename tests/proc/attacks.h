/* tests/proc/attacks.h - what a worker may try, and what has to come of it. */
#ifndef JIT_TESTS_PROC_ATTACKS_H
#define JIT_TESTS_PROC_ATTACKS_H

#include <stdbool.h>
#include <stddef.h>

#include "proc/host/probe.h"

#define ATTACK_ARGS_MAX 10

struct attack {
    const char *name;
    bool killed; /* by a signal, else it exits */
    int code;    /* the signal, or the exit status: an errno, or 0 for what is allowed */
    const char *argv[ATTACK_ARGS_MAX]; /* after the program's name */
};

/* Under the whole sandbox. */
extern const struct attack attacks[];
extern const size_t attacks_count;

/* With the filters switched off: what the layers below refuse by themselves. */
struct layer {
    enum host_mechanism needs; /* or HOST_MECHANISMS */
    struct attack attack;
};
extern const struct layer layers[];
extern const size_t layers_count;

#endif
