/* kernel/core/core_priv.h - the core's own state, shared by all its files, and what each of them
 * offers to the others: below, by its name; of capabilities in kernel/core/sec.h.
 * Layer: kernel/core; pure. */
#ifndef JIT_KERNEL_CORE_CORE_PRIV_H
#define JIT_KERNEL_CORE_CORE_PRIV_H

#include "kernel/core/core.h"
#include "kernel/core/sec.h"
#include "rmg/change/collapse.h"
#include "rmg/engine/request.h"
#include "rmg/schema/schema.h"
#include "syscall/boot.h"
#include "syscall/decode.h"
#include "syscall/view.h"

/* A collapse, decoded. What is below bytes_at is known when it is authorised. */
struct kern_collapse {
    struct rmg_collapse it;
    size_t caps_at; /* its further capabilities, in the process's buffer */
    uint32_t cap_count;
    size_t bytes_at;
    struct rmg_charge charges[3 * JIT_COLLAPSE_CAPS];
    uint32_t charge_count;
    bool known; /* its process may know what is in all its places */
};

/* A request taken from a ring, decoded; ids and params lie in the process's buffer at these
 * offsets. */
struct kern_pending {
    uint64_t cookie;
    uint64_t nonce;
    size_t ids_at;
    size_t params_at;
    uint32_t id_count;
    uint32_t params_size;
    uint32_t cap_slot;
    uint32_t cap_generation;
    uint32_t rule;     /* index into the process's rules */
    uint32_t instance; /* index into the process's instances */
    bool want_receipt;
    const struct kern_intending *intent; /* NULL: it came through a ring; else rule and instance are
                                            the intent's own */
    struct kern_collapse *collapse; /* NULL: it applies a rule; else ids are none and parameters all
                                       bytes behind flags */
};

#define KERN_KEPT 4u

#define KERN_REQUEST_BYTES_MAX ((size_t)256 << 20) /* of one process in one tick */
#define KERN_PAYLOAD_BYTES_MAX ((size_t)1 << 30)   /* of one log record, before it becomes a blob */

/* An instance and those it lies in, nearest first. */
struct kern_lineage {
    uint64_t tick; /* of the version it was read in */
    uint32_t count;
    struct jit_id ids[JIT_DEPTH_MAX + 1];
};

struct kern_process {
    const struct kern_process_config *config;
    enum kern_process_state state;
    bool replayed; /* its requests come from a log: a slot means what it holds in the tick */
    struct sys_ring_host ring;
    const uint8_t *graph;
    uint64_t graph_size; /* what it was given, whole pages */
    uint64_t graph_size_max;
    uint64_t growing; /* what it has asked for and is being given; 0: nothing */
    uint64_t grow_cookie;
    const struct rmg_rule **rules; /* distinct rules of its runs: what requests index */
    uint32_t rule_count;
    struct jit_id *instances;       /* distinct instances of its runs and map rights */
    struct kern_lineage **lineages; /* of each; NULL: nobody has asked yet */
    uint32_t instance_count;
    /* Of each instance: may it know what is in it? 1 yes, 2 no, 0: not asked yet in this tick. */
    uint8_t *readable;
    /* What the worker that runs was started with. */
    struct kern_boot_cap {
        uint32_t slot;
        uint32_t generation;
    } * boot_runs;   /* of each run */
    bool *boot_maps; /* of each instance */
    bool booted;
    bool remapped; /* it lost a map in the tick being made: nothing it asks for is done */

    /* The tick being collected. */
    struct jit_buf bytes;
    struct kern_pending *pending;
    size_t pending_count;
    size_t pending_capacity;
    uint32_t collapse_count; /* of the pending */
    struct kern_ask *asks;
    size_t ask_count;
    size_t ask_capacity;
    bool told_own;          /* it has said what has become of its own graph: */
    size_t own_at;          /* root and patch, in bytes */
    size_t own_size;        /* of the patch */
    struct kern_own *tried; /* what comes of that; NULL: it has said nothing, or not yet done */
    bool asked_exit;
    bool finished; /* it has not asked: its part is over (modes.c) */
    bool gone;     /* it has ended, after it had asked to */
    bool leaving;  /* DYING: it had asked to exit, or is started anew with other capabilities */
    bool hung;     /* DYING: because it hung */
    int32_t exit_status;
    uint64_t sits_out; /* the tick it misses, as it hung in it; 0: none */

    /* Deaths: the ticks of the last ones, oldest first; as many as its policy allows. */
    uint64_t *deaths;
    uint32_t death_count;

    uint64_t counts[RMG_RESULT_COUNT]; /* of the last tick */
    uint64_t requests;
    uint64_t applied;
    uint64_t denied;
    uint64_t restarts;
    char last[128];
};

enum kern_phase {
    KERN_RESTING,    /* no tick is being collected */
    KERN_COLLECTING, /* waiting for done from all that run */
    KERN_STOPPED     /* nothing more will be committed */
};

/* An instance behind a portal that some request named, in the tick that is being made. */
#define KERN_INSIDES 256u
struct kern_inside {
    struct jit_id instance;
    uint64_t tick; /* 0: nothing is known */
    bool in_world;
};

struct kern_core {
    struct kern_core_options options;
    struct jit_heap *heap;
    struct kern_config *config;
    struct rmg_engine *engine;
    struct kern_sec *sec;
    struct kern_process *processes;
    uint32_t process_count;
    struct rmg_version version;
    /* Pinned, the oldest first: workers compare the last with the newest, and branches rest on as
     * many as some process has kept. */
    struct rmg_version previous[JIT_KEEP_MAX];
    uint64_t previous_bytes[JIT_KEEP_MAX]; /* that the tick after it is charged with */
    uint32_t previous_count;
    uint32_t previous_max; /* at least 1 */
    struct jit_id commit;
    uint64_t tick;    /* committed */
    uint64_t durable; /* known to be on disk */
    uint64_t target;  /* of the last RUN */
    bool paused;
    struct kern_deviations deviations;
    bool finish; /* a step found that every process is done: commit at its end */
    enum kern_phase phase;
    struct sys_view_host view;
    struct jit_id *viewed;        /* the instances in the view, in the order of their entries */
    uint64_t *viewed_at;          /* offsets of their entries */
    struct rmg_roots *viewed_now; /* scratch for publishing */
    uint32_t viewed_count;
    struct sys_boot_instance *boot_instances; /* scratch for kern_core_boot */
    struct sys_boot_cap *boot_caps;
    struct sys_boot_quota boot_quota;
    struct sys_bytes *boot_rules;
    struct sys_boot_run_spec *boot_runs;
    struct jit_id world;
    struct jit_id sec_places[2];              /* /sec, /proc */
    struct jit_id kept[KERN_KEPT];            /* /schema, /sys, /sec, /proc, where no rule writes */
    struct kern_inside insides[KERN_INSIDES]; /* by the first byte of the instance */
    uint64_t inside_reads;                    /* how often it had to be looked up; for tests */

    struct rmg_schema *schema;  /* of the newest version that had a collapse; NULL: none is known */
    struct rmg_roots schema_of; /* the /schema that it was read from */

    /* Reused from tick to tick. */
    struct rmg_request *requests;
    struct kern_source {
        uint32_t process;
        uint32_t pending; /* of the process; of those that are tried again if `again` */
        bool again;
        bool intent; /* pending: of those that wait */
        enum sys_cap_verdict verdict;
        bool by_gate; /* it was denied for the types of what is there */
    } * sources;
    size_t request_capacity;
    size_t source_capacity;
    uint64_t *quotas;
    size_t quota_capacity;
    uint32_t quota_count;
    uint32_t *mosts; /* by the first member of a process */
    size_t most_capacity;
    bool may_wait; /* some rule is tried again or delayed: then the place is the kernel's */
    struct rmg_waiting_place waiting_place;
    struct jit_buf later; /* of the list, those that are not due yet, and their keys, ascending */
    struct jit_id *kept_keys;
    size_t kept_capacity;
    struct jit_buf waiting; /* the list in the version that the tick is made from, and */
    struct kern_again {     /* what lies in it, of processes that go on */
        struct kern_pending pending;
        uint32_t process;
        uint32_t retries; /* 0: it was delayed until now */
        const struct jit_id *ids;
        const uint8_t *params;
    } * again;
    size_t again_count;
    size_t again_capacity;
    struct kern_intents {
        struct kern_intending *list; /* of the tick being collected */
        size_t count, capacity;
        uint64_t serial;                    /* of the last one */
        struct kern_intended outcomes[512]; /* of the last ones, by serial */
    } intents;
    struct kern_record_event *happened;
    size_t happened_count;
    size_t happened_capacity;
    struct kern_beside *beside; /* the options', or */
    struct kern_beside beside_here;
    struct jit_id *died; /* and were started again, since the last tick was made */
    size_t died_count;
    size_t died_capacity;
    struct kern_record_own *owns; /* of the tick being made */
    size_t own_capacity;
    struct jit_buf payload;
    struct kern_denial denials[KERN_DENIALS_MAX];
    char text[512]; /* of the action that stops or kills */

    struct kern_action *actions;
    size_t action_count;
    size_t action_capacity;
    bool out_of_memory; /* an action could not be stored: the step ends in STOP */
};

/* core.c */
struct kern_action *kern_act(struct kern_core *core, enum kern_action_kind kind);
void kern_stop(struct kern_core *core, int code, enum jit_err err, const char *text);

/* process.c: the life of processes. A worker broke the protocol or died: killed, and started again
 * as the policy allows. */
void kern_process_kill(struct kern_core *core, uint32_t process, const char *why);
/* Is a tick being collected, and every process done with it, over, or sitting it out? */
bool kern_processes_done(const struct kern_core *core);
/* Those that run are told to begin the tick, those that do not are started. */
void kern_processes_begin(struct kern_core *core);
/* Workers that asked to exit do so with the tick they asked it in: an event of that tick, also when
 * they are started again. When it has been made, they have exited. */
void kern_processes_note_exits(struct kern_core *core);
void kern_processes_end_exited(struct kern_core *core);
/* What the shell says has happened to one. */
void kern_process_spawned(struct kern_core *core, const struct kern_event *event);
void kern_process_bell(struct kern_core *core, uint32_t process);
void kern_process_exited(struct kern_core *core, const struct kern_event *event);
void kern_process_grew(struct kern_core *core, const struct kern_event *event);
void kern_process_hung(struct kern_core *core, const struct kern_event *event);
/* An operator ends it. False: it was over already. */
bool kern_process_end(struct kern_core *core, uint32_t process);

/* setup.c: the configured processes, the view, and what a worker is told. */
JIT_MUST_CHECK enum jit_err kern_setup(struct kern_core *core, const char **where);
void kern_setup_release(struct kern_core *core);
/* Show the newest version to the workers. */
JIT_MUST_CHECK enum jit_err kern_publish(struct kern_core *core);

/* boot.c: what workers are started with. Of a process's rules; SYS_NONE: it does not run this one.
 */
uint32_t kern_rule_index(const struct kern_process *process, const struct jit_id *id);
/* Does a process hold this right on an instance, or on one it lies in? */
bool kern_boot_may(const struct kern_core *core, uint32_t process, const struct jit_id *instance,
                   uint32_t right);
/* Workers that would be started with other capabilities or maps than they were are started
 * anew; and whose map was lost in the tick being made, so that it asks for nothing. */
void kern_boot_restarts(struct kern_core *core);
void kern_boot_lost_maps(struct kern_core *core);
JIT_MUST_CHECK enum jit_err kern_boot_instances(struct kern_core *core,
                                                struct kern_process *process);

/* authorise.c. False: there was no memory. */
bool kern_authorise(struct kern_core *core, uint32_t index, const struct kern_pending *pending,
                    struct rmg_request *request, struct kern_source *source);
/* The same, but nothing is charged: node is the capability's. */
bool kern_judge(struct kern_core *core, uint32_t index, const struct kern_pending *pending,
                struct rmg_request *request, struct kern_source *source, uint32_t *node);
/* What may be told of a result to who knows, or does not, what is in the instance. */
enum rmg_result kern_told_to(const struct kern_source *source, enum rmg_result result, bool known);
/* What its own worker is told of a result. known: may it know what is in the instance? Else it is
 * not told of a blocker either, nor how many requests of others came before its own. */
enum rmg_result kern_told(struct kern_core *core, const struct kern_source *source,
                          const struct kern_pending *pending, enum rmg_result result, bool *known);

/* cover.c: for a process's instance the one of the newest version, read once a tick. NULL: no
 * memory. */
const struct kern_lineage *kern_lineage_of(struct kern_core *core, struct kern_process *process,
                                           uint32_t instance);
void kern_lineage_read(const struct kern_core *core, const struct jit_id *instance,
                       struct kern_lineage *out);

/* authorise.c: instances the kernel keeps itself. */
bool kern_is_kernels(const struct kern_core *core, const struct jit_id *instance);

/* collapse.c: collapsed branches. Take: bytes behind view lie in the process's buffer.
 * Errors: JIT_EPEER, JIT_ELIMIT, JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err kern_collapse_take(struct kern_core *core, struct kern_process *process,
                                               const struct sys_slot *slot,
                                               const struct sys_collapse_view *view);
void kern_collapse_drop(struct kern_process *process); /* those that are pending */
void kern_collapse_authorise(struct kern_core *core, uint32_t index,
                             const struct kern_pending *pending, struct rmg_request *request,
                             struct kern_source *source);
/* The schema of the newest version, if some collapse is pending. Errors: JIT_ENOMEM, JIT_ECORRUPT,
 * JIT_ELIMIT. */
JIT_MUST_CHECK enum jit_err kern_collapse_schema(struct kern_core *core);
const struct rmg_schema_field *kern_collapse_field(void *user, const struct jit_id *type,
                                                   const char *name, uint32_t name_size);
void kern_collapse_told(const struct kern_pending *pending, struct sys_receipt *reply);

/* own.c: graphs that processes keep for themselves. Take: the bytes lie in the process's buffer.
 * Errors: JIT_EPEER. */
JIT_MUST_CHECK enum jit_err kern_own_told(struct kern_process *process, const uint8_t *bytes,
                                          size_t size);
/* It has said done. False: what it told is not so, and it was killed. */
bool kern_own_done(struct kern_core *core, uint32_t process);
void kern_own_forget(struct kern_process *process);
/* Of all that were told in the tick being made, for its record. Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err kern_own_gather(struct kern_core *core, uint32_t *count);
void kern_own_settle(struct kern_core *core); /* the tick was made */
/* It is started again after a death. */
void kern_note_death(struct kern_core *core, uint32_t process);
void kern_read_deaths(struct kern_core *core, struct kern_process *process);

/* collect.c */
void kern_collect_drain(struct kern_core *core, uint32_t process);
/* The graph memory has what was asked for. */
void kern_collect_grew(struct kern_core *core, uint32_t process);
void kern_collect_reset(struct kern_process *process);
/* When all have said done: is it together more than one tick or its record may hold? Then who has
 * asked for most, whatever the order in which it came; else SYS_NONE. */
uint32_t kern_collect_excess(const struct kern_core *core);
/* Room for one more; it is counted by the caller. Errors: JIT_ELIMIT, JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err kern_collect_pending(struct kern_core *core,
                                                 struct kern_process *process,
                                                 struct kern_pending **out);

/* intent.c */
void kern_intents_release(struct kern_core *core);

/* again.c: requests that are tried again. Is there any rule that says so? What waits in the newest
 * version. Errors: JIT_ENOMEM, JIT_ECORRUPT. */
bool kern_again_may_be(const struct kern_core *core);
JIT_MUST_CHECK enum jit_err kern_again_collect(struct kern_core *core);

/* modes.c: processes whose last tick this is leave with it. How many rewrites each may have in a
 * tick; which of these numbers is a process's, from 1, or 0. */
void kern_modes_finish(struct kern_core *core);
JIT_MUST_CHECK enum jit_err kern_modes_mosts(struct kern_core *core);
uint32_t kern_modes_most(const struct kern_core *core, uint32_t process);

/* commit.c: run the tick that was collected. */
void kern_commit_tick(struct kern_core *core);

#endif
