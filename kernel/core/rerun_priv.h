/* kernel/core/rerun_priv.h - what the files of a rerun share: rerun.c (life; a record made again),
 * rerun_record.c (what it says was asked), rerun_play.c (a player's turn), rerun_real.c (processes
 * that run). Layer: kernel/core; pure. */
#ifndef JIT_KERNEL_CORE_RERUN_PRIV_H
#define JIT_KERNEL_CORE_RERUN_PRIV_H

#include "kernel/core/core_priv.h"
#include "kernel/core/rerun.h"
#include "rmg/engine/request.h"

#define RERUN_GRAPH_BYTES                                                                          \
    ((uint64_t)JIT_REQUEST_BYTES_MAX) /* for requests that do not fit a slot, of all players */

struct rerun_player {
    uint8_t *memory; /* its ring */
    struct sys_ring_guest ring;
    bool open;
    uint32_t first; /* of its requests in the sorted list, this tick */
    uint32_t count;
    uint32_t posted;   /* since the core looked last */
    uint64_t far_used; /* likewise */
    bool hung, killed; /* it has happened, this tick */
    bool real;         /* it runs: what is above from `memory` on is not used */
    uint64_t grow;     /* bytes that it asked for; 0: nothing */
};

struct rerun_wanted { /* what an action wants done */
    enum kern_action_kind kind;
    uint32_t process;
    uint64_t tick;
};

struct kern_rerun {
    struct jit_heap *heap;
    struct kern_core_options options;
    struct kern_core *core;
    struct kern_rerun_hands hands;
    bool has_hands;
    struct rerun_player *players;
    uint32_t player_count;
    uint32_t *by_id; /* players, ascending by the id of their process */
    uint8_t *graph;

    struct rerun_wanted *wanted; /* a queue */
    size_t wanted_count, wanted_capacity, wanted_next;

    /* The record being made again. */
    struct kern_record_view view;
    struct rmg_asked *asked; /* by player */
    size_t asked_capacity;
    struct rerun_owned { /* the same in the log's order */
        struct rmg_asked asked;
        uint32_t player; /* player_count: the kernel itself, from what waits */
    } * owned;
    size_t owned_capacity;
    bool made;
    enum jit_err err; /* of what a step brought */
    struct jit_id commit;
    struct jit_id root;
    char what[600];
};

/* One event, and what it brings. */
void kern_rerun_step(struct kern_rerun *rerun, const struct kern_event *event);
/* The first error counts. */
void kern_rerun_fail(struct kern_rerun *rerun, enum jit_err err, const char *what);
/* Does the record say that this happened to the process? status: of an exit. */
bool kern_rerun_has(const struct kern_rerun *rerun, uint32_t player,
                    enum kern_record_event_kind kind, int32_t *status);

const struct jit_id *kern_rerun_id(const struct kern_rerun *rerun, uint32_t player);
/* player_count: no process has this id. */
uint32_t kern_rerun_player(const struct kern_rerun *rerun, const struct jit_id *id);

/* ---- what was asked in the tick of the view (rerun_record.c) ---- */

/* To `asked`, by player. Errors, here and below: JIT_ENOMEM, JIT_EFORMAT; JIT_EDIVERGED, said. */
JIT_MUST_CHECK enum jit_err kern_rerun_read(struct kern_rerun *rerun);
/* What operators asked waits for the tick before it begins; likewise what bearers of tokens did. */
JIT_MUST_CHECK enum jit_err kern_rerun_ask(struct kern_rerun *rerun);
JIT_MUST_CHECK enum jit_err kern_rerun_intend(struct kern_rerun *rerun);

/* ---- a player's turn (rerun_play.c); whatever fails is said ---- */

void kern_rerun_start(struct kern_rerun *rerun, uint32_t player);
void kern_rerun_play(struct kern_rerun *rerun, uint32_t player); /* it was told to begin the tick */
void kern_rerun_die(struct kern_rerun *rerun, uint32_t player);

/* ---- processes that run (rerun_real.c) ---- */

/* Whether it is to run when it is started now: what the log says of its end is played. */
bool kern_rerun_is_real(const struct kern_rerun *rerun, uint32_t player);
void kern_rerun_real_start(struct kern_rerun *rerun, uint32_t player);
/* Until it has said done, or has ended. */
void kern_rerun_real_work(struct kern_rerun *rerun, uint32_t player);
/* It is no more: what follows is played. */
void kern_rerun_real_end(struct kern_rerun *rerun, uint32_t player);
/* The tick came out as the log has it: did the graphs that they keep as well? */
void kern_rerun_real_compare(struct kern_rerun *rerun, const struct kern_log_record *made);
/* It did not: one that asked for something else. False: none did. */
bool kern_rerun_real_differs(struct kern_rerun *rerun, const struct kern_record_view *now,
                             char *text, size_t size);

#endif
