/* kernel/supervisor_priv.h - shared by supervisor.c (loop), supervisor_life.c, supervisor_bells.c,
 * supervisor_act.c (actions of the core), supervisor_hub.c (what clients ask) and supervisor_tell.c
 * (what they are told). */
#ifndef JIT_KERNEL_SUPERVISOR_PRIV_H
#define JIT_KERNEL_SUPERVISOR_PRIV_H

#include "kernel/audit.h"
#include "kernel/hub/hub.h"
#include "kernel/event/pool.h"
#include "kernel/startup.h"
#include "kernel/supervisor.h"
#include "kernel/event/waiter.h"

#define SUPERVISOR_BACKLOG_BYTES ((size_t)16 << 20) /* told to nobody before it is durable */
#define SUPERVISOR_TICK_BYTES    ((size_t)1 << 30)  /* of what one subscriber is told of a tick */
#define SUPERVISOR_BACKLOG_TICKS 256u
#define SUPERVISOR_SPIN_NS       20000u /* nothing in the supervisor spins longer (14.6) */
#define SUPERVISOR_WATCH_NS      1000000000ull
#define SUPERVISOR_REAP_NS       20000000ull  /* a log write may end without a word */
#define SUPERVISOR_IDLE_NS       5000000ull   /* without a new tick: what waits is written (9.2) */
#define SUPERVISOR_SEAL_NS       100000000ull /* to the next try of a seal without space, */
#define SUPERVISOR_SEAL_NS_MAX   60000000000ull /* doubled up to this */
#define SUPERVISOR_COMMANDS_MAX  64u            /* of clients, waiting for their turn */

enum subscription { SUBSCRIBED_TICKS = 1, SUBSCRIBED_RECEIPTS = 2, SUBSCRIBED_DIFF = 4 };

struct supervisor_worker {
    struct shell_supervisor *supervisor;
    uint32_t index;
    const struct shell_image *image; /* NULL: it runs the rules loader */
    struct shell_worker worker;
    uint64_t watch;        /* of its pidfd */
    uint32_t bell_seen;    /* value of its bell when it was last looked at */
    bool rang;             /* not looked at since it was spawned */
    uint64_t begun_cpu_ns; /* CPU time it had used when it was told to begin the tick */
    bool working;
};

/* Frames about a tick that may not be told before it is durable, for one kind of subscriber. */
struct supervisor_told {
    uint64_t tick;
    uint32_t mask; /* of enum subscription: exactly these bits */
    struct hub_message *message;
};

/* Somebody waits for the answer to a command that is an event of a tick. */
struct supervisor_answer {
    struct hub_conn *conn;
    enum supervisor_answer_kind {
        SUPERVISOR_ANSWERS_STATUS, /* or, with a serial, what it asked about capabilities */
        SUPERVISOR_ANSWERS_INTENT, /* a guest's */
        SUPERVISOR_ANSWERS_KNOWN,  /* likewise: it was in this tick */
        SUPERVISOR_ANSWERS_FRAME   /* what lies ready */
    } kind;
    uint64_t tick;   /* to be durable first */
    uint64_t serial; /* of what it asked about capabilities; 0: it is told the status */
    struct jit_id hash;
    uint8_t *frame; /* from the heap */
    size_t frame_size;
};

struct supervisor_event {
    struct kern_event event;
    struct hub_conn *asker; /* of a command that is answered when it is durable; NULL: nobody */
    struct supervisor_answer answer; /* what it is to be answered */
    char text[160];
};

struct supervisor_checkpoint; /* supervisor_checkpoint.c */

struct shell_supervisor {
    struct jit_heap *heap;
    struct shell_supervisor_options options;
    struct shell_system system;
    uint64_t run_again; /* ticks, by processes that say so, when it came back */
    struct audit audit;
    bool audited;            /* it says that we serve the folder */
    struct kern_core *core;  /* NULL before the genesis */
    struct shell_pool *pool; /* the engine's threads */
    struct shell_loop *loop;
    struct hub *hub;
    int guests_fd; /* on which guests come, until the hub has it; -1 */
    struct supervisor_guests *guests;
    struct shell_waiter *waiter;
    int bell_fd; /* eventfd of the waiter */
    uint64_t bell_watch;
    uint64_t log_watch; /* of the ring the log writes through */
    uint64_t stop_watch;
    struct host_loader loader;
    struct shell_nursery nursery;
    struct host_spawner spawner;
    struct shell_images images;
    struct supervisor_worker *workers;
    uint32_t worker_count;
    struct shell_bell *bells;

    /* Events for the core that came up while it was being obeyed. */
    struct supervisor_event *events;
    size_t event_at;
    size_t event_count;
    size_t event_capacity; /* five for each worker, and clients' commands: no more can wait */
    bool again;
    struct hub_conn *asking; /* whose command is being carried out; NULL: nobody, or it has gone */

    uint64_t durable_end;      /* ticks below it were told to the core as durable */
    uint64_t appended_ns;      /* when the log was last given a tick */
    struct log_mark tick_mark; /* before the newest tick, for checkpoints */
    struct supervisor_checkpoint *checkpoint;
    struct supervisor_told *told;
    size_t told_count;
    size_t told_capacity;
    size_t told_bytes;
    struct supervisor_answer answers[SUPERVISOR_COMMANDS_MAX];
    size_t answer_count;
    struct jit_buf frame; /* scratch */

    struct blob_writer *upload; /* a genesis being sent */
    struct hub_conn *uploader;
    uint64_t upload_size;

    uint64_t applied; /* over all ticks */
    uint64_t denied;
    bool resting; /* the core rests; told once the log is idle */
    bool rest_told;
    uint64_t seal_wait_ns; /* there was no space for a seal: from try to try; 0: there was */
    uint64_t seal_due_ns;
    bool waiter_failed; /* said once */
    bool log_failed;    /* nothing more is appended; the core is told once */
    bool stopped;       /* the core has stopped */
    int stop_code;
    char stop_text[512];
    bool quit;
    int end_code; /* of a supervisor that gave up by itself */
};

/* supervisor.c */
void supervisor_step(struct shell_supervisor *s, const struct kern_event *event);
uint64_t supervisor_now_ns(void);

/* supervisor_life.c */
JIT_MUST_CHECK enum jit_err supervisor_start_core(struct shell_supervisor *s, char *message,
                                                  size_t size);

/* supervisor_bells.c: what workers say with their bells, whose turn it is, who takes too long. */
const uint32_t *supervisor_bell(const struct supervisor_worker *w);
/* True: the core was stepped for one of them. */
bool supervisor_look_at_bells(struct shell_supervisor *s);
void supervisor_take_turns(struct shell_supervisor *s);
/* To all workers: whether we are about to sleep, so that who rings has to wake us. */
void supervisor_announce(struct shell_supervisor *s, bool sleeping);
bool supervisor_anyone_works(const struct shell_supervisor *s);
bool supervisor_anyone_may_ring(const struct shell_supervisor *s);
void supervisor_watch(struct shell_supervisor *s);

/* supervisor_act.c */
void supervisor_obey(struct shell_supervisor *s, const struct kern_update *update);
void supervisor_post(struct shell_supervisor *s, const struct kern_event *event);
/* The same for what a client wants: false when too much waits already, or there is no core. asker:
 * it is answered when what it asked for is durable; NULL: it has been answered. */
bool supervisor_command(struct shell_supervisor *s, const struct kern_event *event,
                        struct hub_conn *asker);
/* Likewise, with what asker is to be answered. */
bool supervisor_command_for(struct shell_supervisor *s, const struct kern_event *event,
                            struct hub_conn *asker, const struct supervisor_answer *answer);
/* The log is dead: nothing more becomes durable, so the run stops. */
void supervisor_log_failed(struct shell_supervisor *s, enum jit_err err);
/* Take finished log writes, tell what they made durable. */
void supervisor_reap_log(struct shell_supervisor *s, bool wait);

/* supervisor_checkpoint.c */
JIT_MUST_CHECK enum jit_err supervisor_checkpoint_new(struct shell_supervisor *s);
void supervisor_checkpoint_free(struct shell_supervisor *s);
/* Once round: begin what is due, go on with what has begun. */
void supervisor_checkpoint_work(struct shell_supervisor *s);
/* Somebody wants one: it will be answered. False: somebody else waits for one already. */
bool supervisor_checkpoint_ask(struct shell_supervisor *s, struct hub_conn *conn, const char *name);
void supervisor_checkpoint_gone(struct shell_supervisor *s, const struct hub_conn *conn);

/* supervisor_hub.c */
extern const struct hub_handler supervisor_handler; /* user is set by whoever copies it */

/* supervisor_upload.c */
void supervisor_upload_begin(struct shell_supervisor *s, struct hub_conn *conn);
void supervisor_upload_data(struct shell_supervisor *s, struct hub_conn *conn,
                            const cbor_item_t *message);
void supervisor_upload_end(struct shell_supervisor *s, struct hub_conn *conn);
void supervisor_upload_gone(struct shell_supervisor *s, const struct hub_conn *conn);

/* supervisor_tell.c */
void supervisor_tell_rest(struct shell_supervisor *s);
void supervisor_tell_stop(struct shell_supervisor *s);
/* The supervisor ends because it was told to. */
void supervisor_tell_end(struct shell_supervisor *s);
/* Frames of one tick for one kind of subscription, appended to *frames. */
void supervisor_write_tick(struct shell_supervisor *s, const struct kern_report *report,
                           uint32_t subscription, struct jit_buf *frames);
/* A command has reached the core: who asked is answered as soon as it is durable. */
void supervisor_answer_later(struct shell_supervisor *s, struct hub_conn *asker,
                             const struct supervisor_answer *answer);
/* To be answered as soon as answer->tick is durable, or at once; there is room. The frame is taken.
 */
void supervisor_answer_when(struct shell_supervisor *s, struct hub_conn *conn,
                            const struct supervisor_answer *answer);
void supervisor_fail(struct shell_supervisor *s, struct hub_conn *conn, const char *code,
                     const char *text);
void supervisor_fail_stopped(struct shell_supervisor *s, struct hub_conn *conn);
/* The state of the whole system, as a message of this type. */
void supervisor_answer_status(struct shell_supervisor *s, struct hub_conn *conn, const char *type);
void supervisor_answer_ps(struct shell_supervisor *s, struct hub_conn *conn);
/* s->frame; where there was no memory for it, that is what is said. */
void supervisor_send(struct shell_supervisor *s, struct hub_conn *conn);
/* The code of an error message that goes with err. */
const char *supervisor_error_code(enum jit_err err, const char *otherwise);
/* Answer all whose ticks are durable, and refuse those whose ticks never will be. */
void supervisor_answer(struct shell_supervisor *s);

/* supervisor_audit.c: the core is there. message says what failed. Errors: audit_read, audit_add.
 */
JIT_MUST_CHECK enum jit_err supervisor_audit_begin(struct shell_supervisor *s, char *message,
                                                   size_t size);
void supervisor_audit_end(struct shell_supervisor *s);
/* supervisor_token.c: what a token asks for, as an operator's derivation whose bytes lie in data
 * (initialised). target is left as it is. Errors, and why says: JIT_ECAP: it is refused;
 * JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err supervisor_token_ask(struct shell_supervisor *s, const uint8_t *bytes,
                                                 size_t size, struct kern_operator_ask *ask,
                                                 struct jit_buf *data, char *why, size_t why_size);
/* From hostile bytes, by this folder's key. Errors: likewise. */
struct sys_token;
JIT_MUST_CHECK enum jit_err supervisor_token_read(struct shell_supervisor *s, const uint8_t *bytes,
                                                  size_t size, struct sys_token **out, char *why,
                                                  size_t why_size);
/* The capability that it stands for, *at in the tree; NULL: it is not there, or dead; why says. */
const struct sys_cap_node *supervisor_token_node(const struct shell_supervisor *s,
                                                 const struct sys_token *token, uint32_t *at,
                                                 char *why, size_t why_size);
/* Where an instance lies in: at most JIT_DEPTH_MAX ids; returns how many. */
uint32_t supervisor_outer_of(const struct shell_supervisor *s, const struct jit_id *instance,
                             struct jit_id *outer);

/* supervisor_guest.c */
JIT_MUST_CHECK enum jit_err supervisor_guests_new(struct shell_supervisor *s);
void supervisor_guests_free(struct shell_supervisor *s);
/* Once round: who has no token any more that allows something is dismissed. */
void supervisor_guests_look(struct shell_supervisor *s);
void supervisor_guest_gone(struct shell_supervisor *s, const struct hub_conn *conn);
void supervisor_guest_greet(struct shell_supervisor *s, struct hub_conn *conn);
void supervisor_guest_message(struct shell_supervisor *s, struct hub_conn *conn,
                              const cbor_item_t *message);
/* The tick of an intent is durable. */
void supervisor_guest_intended(struct shell_supervisor *s, const struct supervisor_answer *answer);

#endif
