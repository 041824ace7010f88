/* kernel/core/core.h - the supervisor without its hands: step(event) -> update.
 * Spec:  DESIGN 3, 5.2, 7.4, 7.5, 9, 14.1, 14.6, 14.7, 14.13.
 * Layer: kernel/core; pure. No clock, file, thread or system call: what happened comes in as an
 * event, what is to be done leaves as actions, memory shared with workers is handed in. The same
 * code runs under the simulator.
 *
 * Lockstep. A tick t is collected until every running worker has said done(t); then the whole
 * pipeline runs, the new version is published in the view and handed to the log, and tick t + 1
 * begins at once, while the log still writes. Nothing is told to the outside as done before LOGGED.
 * A worker that dies before its done(t) is started again and the tick is collected from it anew
 * (14.13): nobody can tell afterwards. How often, and what follows, is the process's policy
 * (struct kern_policy); one that hung and is killed for it misses the tick and begins the next. */
#ifndef JIT_KERNEL_CORE_CORE_H
#define JIT_KERNEL_CORE_CORE_H

#include "kernel/core/intent.h"
#include "kernel/core/replay.h"
#include "kernel/core/root.h"
#include "syscall/cap.h"
#include "syscall/ring.h"

struct kern_core;

enum kern_event_kind {
    KERN_EVENT_RUN,     /* go on until `tick` is committed */
    KERN_EVENT_SPAWNED, /* `process` runs: its memory */
    KERN_EVENT_BELL,    /* `process` rang, or may have */
    KERN_EVENT_EXITED,  /* `process` is gone: `text` says how */
    KERN_EVENT_HUNG,    /* `process` used up its time for this tick (kern_policy.hang_seconds) */
    KERN_EVENT_LOGGED,  /* all ticks up to `tick` are durable */
    KERN_EVENT_FAILED,  /* the log or a spawn failed: `err`, `text` */
    KERN_EVENT_GREW,    /* what GROW asked for is done; err: the host had no memory for it */
    KERN_EVENT_KILL,    /* an operator ends `process`; at rest the next tick is made for it */
    KERN_EVENT_PAUSE,   /* begin no further tick */
    KERN_EVENT_ASKED,   /* kern_core_ask was called; at rest the next tick is made for it */
    KERN_EVENT_CONTINUE /* nothing happened: the last update said `again` */
};
struct kern_event {
    enum kern_event_kind kind;
    uint32_t process; /* index into the configuration's processes */
    uint64_t tick;
    enum jit_err err;
    const char *text;            /* borrowed for the step */
    struct sys_ring_memory ring; /* SPAWNED: fresh and zeroed */
    const uint8_t *graph;        /* SPAWNED: the worker's arena, as the kernel maps it */
    uint64_t graph_size;         /* SPAWNED: bytes that are there */
    uint64_t graph_size_max;     /* SPAWNED: bytes that it may ask for, all of them mapped */
};

enum kern_action_kind {
    KERN_DO_SPAWN, /* start `process`; kern_core_boot says with what */
    KERN_DO_KILL,  /* end it; `text` says why */
    KERN_DO_WAKE,  /* it sleeps on its ring's call word */
    KERN_DO_WATCH, /* it was told to begin `tick`: the watchdog starts anew */
    KERN_DO_GROW,  /* let the graph memory of `process` have `bytes`; then GREW */
    KERN_DO_LOG,   /* append `record`; LOGGED when it is durable */
    KERN_DO_TICK,  /* tell subscribers: `report`; not durable yet */
    KERN_DO_REST,  /* the target of RUN is committed, or PAUSE took effect */
    KERN_DO_STOP   /* the run cannot go on: `err`, `text`; exit code `code` */
};
struct kern_log_record {
    uint64_t tick;
    struct jit_id commit;
    struct jit_id state_root;
    const uint8_t *payload;
    size_t payload_size;
};
/* A request that was not allowed, for the screen and the audit. */
struct kern_denial {
    uint32_t request; /* index in the tick */
    uint32_t process;
    uint32_t slot; /* that the request used */
    enum sys_cap_verdict why;
    struct jit_id rule_id;
    struct jit_id instance;
};
#define KERN_DENIALS_MAX 64u /* told in detail a tick; all are counted */
struct kern_report {
    uint64_t tick;
    struct jit_id commit;
    struct jit_id state_root;
    struct jit_id world_root;
    uint64_t nodes; /* of all instances */
    uint64_t edges;
    uint64_t counts[RMG_RESULT_COUNT];
    const struct rmg_receipt *receipts;
    uint32_t request_count;
    const uint8_t *patch;
    size_t patch_size;
    const struct kern_denial *denials;
    uint32_t denial_count;
};
struct kern_action {
    enum kern_action_kind kind;
    uint32_t process;
    uint64_t tick;
    uint64_t bytes;
    enum jit_err err;
    int code;
    const char *text;
    struct kern_log_record record;
    struct kern_report report;
};
/* The actions of one step, in order; everything they borrow is good until the next step. */
struct kern_update {
    const struct kern_action *actions;
    size_t count;
    bool again; /* another tick can be committed at once: step with CONTINUE */
};

enum kern_process_state {
    KERN_PROCESS_NEW,      /* to be spawned */
    KERN_PROCESS_STARTING, /* spawn under way */
    KERN_PROCESS_RUNNING,  /* working on the tick */
    KERN_PROCESS_DONE,     /* has said done to the tick */
    KERN_PROCESS_DYING,    /* killed by us, not reaped */
    KERN_PROCESS_EXITED,   /* for good: it asked for it, or an operator */
    KERN_PROCESS_FAILED    /* for good: restarts exhausted */
};
struct kern_process_status {
    const struct kern_process_config *config;
    enum kern_process_state state;
    uint64_t requests; /* in all */
    uint64_t applied;
    uint64_t denied;
    uint64_t restarts;
    uint64_t graph_bytes;    /* charged to it */
    struct rmg_amount graph; /* what the graph that it keeps has; its policy says how much it may */
    char last[128];          /* why it last died; "" */
};

struct kern_core_options {
    struct jit_heap *heap;
    struct jit_exec *exec;
    struct rmg_store *store; /* two arenas: private, view */
    struct rmg_arena
        *view; /* the second one; its first SYS_VIEW_HEADER_BYTES are the control page */
    struct rmg_version version; /* the recovered state */
    struct jit_id commit;
    uint64_t tick;
    const struct kern_deviations *deviations; /* so far, copied; NULL: none */
    /* What processes have beside the state; borrowed, and kept up to date with each tick. NULL: the
     * core holds it itself, and nothing is known yet. */
    struct kern_beside *beside;
};
/* Reads its configuration from the version and publishes it in the view.
 * Errors: JIT_EINVALID (*where says what is wrong), JIT_ENOMEM, JIT_ELIMIT. */
JIT_MUST_CHECK enum jit_err kern_core_new(const struct kern_core_options *options,
                                          struct kern_core **out, const char **where);
void kern_core_free(struct kern_core *core); /* may be NULL */

/* One event. Never fails: what cannot be done leaves as STOP. After STOP only EXITED is accepted.
 */
void kern_core_step(struct kern_core *core, const struct kern_event *event,
                    struct kern_update *update);

/* An operator derives, grants, revokes or says whose something is: carried out in the tick being
 * collected, before any request is judged. Step with ASKED afterwards. */
struct kern_operator_ask {
    uint32_t call;          /* SYS_CALL_derive, _grant, _revoke, _owner */
    uint32_t holder;        /* whose capability is named; SYS_CAP_NONE: his own authority */
    uint32_t target;        /* who is to hold the new one */
    enum sys_object object; /* of his own authority: what for */
    const uint8_t *bytes;   /* the request as a worker would write it (docs/spec/ring.md) */
    uint32_t size;
};
/* serial: by which its outcome is asked for. Errors: JIT_EINVALID, JIT_EBUSY (too many wait),
 * JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err kern_core_ask(struct kern_core *core,
                                          const struct kern_operator_ask *asked, uint64_t *serial);
/* False: it is not carried out yet, or long forgotten. */
bool kern_core_outcome(const struct kern_core *core, uint64_t serial, struct kern_outcome *out);
/* The tree as it is now: a holder is the index of a process. */
const struct sys_caps *kern_core_caps(const struct kern_core *core);

/* What a process is to be started with now; borrowed from the core. The shell adds sizes and the
 * filter. */
struct sys_boot_spec;
JIT_MUST_CHECK enum jit_err kern_core_boot(struct kern_core *core, uint32_t process,
                                           struct sys_boot_spec *spec);

/* The graph that a process keeps for itself, as it was after the newest tick. NULL: it has none. */
const struct kern_own *kern_core_own(const struct kern_core *core, uint32_t process);

const struct kern_config *kern_core_config(const struct kern_core *core);
void kern_core_process(const struct kern_core *core, uint32_t process,
                       struct kern_process_status *out);
struct rmg_version kern_core_version(const struct kern_core *core);
struct jit_id kern_core_commit(const struct kern_core *core);
uint64_t kern_core_tick(const struct kern_core *core); /* committed */
uint64_t kern_core_durable(const struct kern_core *core);
/* The tick whose record has all that has happened so far: the last one made, or the next one when
 * an event waits for it. */
uint64_t kern_core_recorded_by(const struct kern_core *core);
bool kern_core_deterministic(const struct kern_core *core);
/* What makes it not so, in the order of the ticks; borrowed. */
const struct kern_deviations *kern_core_deviations(const struct kern_core *core);

#endif
