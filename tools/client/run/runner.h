/* tools/client/run/runner.h - one run of a system in a data folder, from the file to the last tick:
 * what `jitos run` does once and `jitos demo` several times. Spec:  DESIGN 14.13. Layer: tools. */
#ifndef JIT_TOOLS_RUNNER_H
#define JIT_TOOLS_RUNNER_H

#include "tools/client/load.h"
#include "tools/client/session.h"

struct runner {
    struct cli *cli;
    const char *data;
    unsigned jobs;
    const char *durability;
    uint64_t die_at_log_offset; /* UINT64_MAX: never */
    uint64_t hang_wall_s;       /* 0: jitosd's own default */
    const char *guests;
    const struct jit_id *genesis; /* what a history that is there must have begun with, or NULL */
    /* Called when the folder is ours and has no system yet, before it gets one; or NULL. Returns an
     * exit code. */
    int (*on_fresh)(const struct runner *runner);
    void *user;
    uint64_t ticks;    /* to reach */
    const char *label; /* of the progress line */
    bool quiet_ticks;  /* no NDJSON event a tick */
    bool temporary;    /* the folder is removed at the end: nobody can go on in it */

    /* After runner_go: */
    struct session_status begin; /* as the supervisor greeted */
    struct session_status end;
    bool died;          /* the supervisor was killed on the way */
    uint64_t last_tick; /* the newest tick it told before */
    uint64_t wall_ns;
    char first_denial[512];
};

/* collect: to make the genesis from when the folder is fresh; NULL: it must have one. Returns an
 * exit code; with die_at_log_offset set, CLI_OK and died. */
int runner_go(struct runner *runner, struct rmg_collect *collect);

/* The id the genesis of this collection would have: BLAKE3 of its patch. */
int runner_genesis_id(struct cli *cli, struct rmg_collect *collect, struct jit_id *out);

#endif
