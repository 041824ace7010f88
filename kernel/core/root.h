/* kernel/core/root.h - the root graph: what the kernel itself keeps in the graph, by name.
 * Spec:  DESIGN 9.1, 14.4; docs/spec/root-graph.md says every node and atom.
 * Layer: kernel/core; pure.
 *
 * All that a run depends on lies in the root graph: seed, schema, rules, processes, capabilities.
 * So the kernel is configured by reading a version, never by anything beside it, and a recovered
 * log is enough. */
#ifndef JIT_KERNEL_CORE_ROOT_H
#define JIT_KERNEL_CORE_ROOT_H

#include "kernel/core/policy.h"
#include "rmg/rules/sought.h"
#include "rmg/change/collect.h"
#include "rmg/rules/rule.h"
#include "rmg/schema/schema.h"
#include "syscall/abi.h"
#include "syscall/cap.h"

/* The instances there from genesis, in the order of enum kern_place. */
#define KERN_PLACE_MAP(X)                                                                          \
    X(KERN_PLACE_TOP, "/")                                                                         \
    X(KERN_PLACE_SCHEMA, "/schema")                                                                \
    X(KERN_PLACE_SYS, "/sys")                                                                      \
    X(KERN_PLACE_SEC, "/sec")                                                                      \
    X(KERN_PLACE_PROC, "/proc")                                                                    \
    X(KERN_PLACE_DEV, "/dev")                                                                      \
    X(KERN_PLACE_BUS, "/bus")                                                                      \
    X(KERN_PLACE_WORLD, "/world")

enum kern_place {
#define X(name, path) name,
    KERN_PLACE_MAP(X)
#undef X
        KERN_PLACE_COUNT
};

const char *kern_place_path(enum kern_place place);
/* BLAKE3("warp:" || path) and BLAKE3("node:" || path). */
void kern_place_id(const char *path, struct jit_id *instance, struct jit_id *root_node);

/* The arena an instance lies in: 0 the kernel's private one (/, /schema, /sys, /sec, /proc), else
 * 1, the view of the default domain (14.9). For struct rmg_store_options; user is an initialised
 * struct kern_private_places. */
#define KERN_PRIVATE_PLACES 5u
struct kern_private_places {
    struct jit_id id[KERN_PRIVATE_PLACES];
};
void kern_private_places_init(struct kern_private_places *places);
uint32_t kern_arena_of(void *user, const struct jit_id *instance);

/* ---- writing the genesis ---- */
struct kern_root_run {
    struct jit_id rule_id;
    struct jit_id instance;
    uint32_t mode; /* enum sys_apply_mode */
    const uint8_t *params;
    uint32_t params_size;
    int64_t weight; /* of a score */
};
#define KERN_WEIGHT_MAX   1000000000 /* either way; not 0 */
#define KERN_INTENTS_NAME "intents"  /* an atom: those that bearers of its token have asked for */
struct kern_root_capability {
    uint32_t slot;
    uint32_t generation;
    uint32_t rights;      /* enum sys_right */
    uint32_t limit_group; /* capabilities of one `grant` share a limit */
    struct jit_id instance;
    struct jit_id rule_id;       /* zero: no rule */
    struct jit_id params_digest; /* zero: parameters are free */
    uint64_t limit;              /* requests a tick; UINT64_MAX: none */
    uint64_t badge;
    enum sys_object object;
    const struct sys_attenuators *attenuators; /* NULL: none; read: the configuration's own */
    uint64_t operations_left;                  /* read, where the attenuators have them */
    uint64_t bytes_left;
    uint32_t epoch;
    uint32_t born;
    bool made;            /* read: it was not there from genesis */
    bool intents;         /* read: it has the atom of that name */
    struct jit_id id;     /* read: of its node */
    struct jit_id parent; /* read: of its parent's; zero: none */
    struct jit_id origin; /* read: the process whose limit group it is in */
};
/* An owner in /sec: under which capability a rule was installed, or whose an instance is. What is
 * not listed is the operator's. */
struct kern_root_owner {
    struct jit_id object;     /* of the rule or instance */
    struct jit_id capability; /* zero: it is nobody's any more */
};

/* The eight places, the built-in types, the root atoms of /sys. A system's own types follow by
 * rmg_schema_collect. */
JIT_MUST_CHECK enum jit_err kern_root_begin(struct rmg_collect *collect, uint64_t seed);
JIT_MUST_CHECK enum jit_err kern_root_rule(struct rmg_collect *collect, const char *name,
                                           const char *text, size_t text_size,
                                           const uint8_t *program, size_t program_size);
/* One member of a process: /proc/NAME/INDEX, its runs and its capabilities. */
JIT_MUST_CHECK enum jit_err kern_root_process(struct rmg_collect *collect, const char *name,
                                              uint32_t index, uint32_t count,
                                              const struct kern_root_run *runs, uint32_t run_count,
                                              const struct kern_root_capability *capabilities,
                                              uint32_t capability_count,
                                              const struct kern_policy *policy);

/* It takes part in so many ticks at most. */
JIT_MUST_CHECK enum jit_err kern_root_ticks(struct rmg_collect *collect, const char *name,
                                            uint32_t index, uint64_t ticks);

/* It tries so many futures a tick; its runs say what it tries and what they are worth. */
JIT_MUST_CHECK enum jit_err kern_root_explore(struct rmg_collect *collect, const char *name,
                                              uint32_t index, uint32_t futures, uint32_t flags,
                                              const struct kern_root_run *runs, uint32_t run_count);

/* ---- reading a version ---- */
struct kern_process_config {
    char name[JIT_NAME_BYTES_MAX + 1];
    uint32_t index;
    uint32_t count;
    struct jit_id id;    /* BLAKE3("node:/proc/" || name || "/" || index) */
    bool exited;         /* state is not "ready": it does not run any more */
    bool native;         /* it runs a program of its own, */
    struct jit_id image; /* this one (kernel/core/image.h); else zero */
    uint32_t generation; /* the highest of a capability that was taken away from it */
    struct kern_policy policy;
    enum sys_apply_mode mode; /* of all its runs; ALL without one */
    uint32_t explore;         /* with SYS_EXPLORE: futures a tick, and */
    uint32_t explore_flags;   /* SYS_EXPLORE_STAY */
    uint64_t ticks;           /* it takes part in so many at most; 0: no bound */
    uint32_t run_count;
    uint32_t capability_count;
    struct kern_root_run *runs;                /* params point into memory */
    struct kern_root_capability *capabilities; /* ascending by slot */
};
struct kern_config {
    uint64_t seed;
    uint32_t language;
    uint32_t rule_count;
    uint32_t process_count;
    struct rmg_rule **rules;  /* ascending by rule id; decoded, so verified */
    const uint8_t **programs; /* their bytes, and */
    uint32_t *program_sizes;
    uint32_t invariant_count;
    struct rmg_rule **invariants;  /* ascending by the ids of their nodes (rmg/rules/invariant.h) */
    struct rmg_sought_list sought; /* by rules and invariants */
    struct kern_process_config *processes; /* ascending by name bytes, then index */
    struct kern_root_owner *owners;        /* ascending by object */
    uint32_t owner_count;
};
/* Errors: JIT_EINVALID (where: what is wrong with the root graph), JIT_ENOMEM, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err kern_config_read(struct jit_heap *heap, const struct rmg_store *store,
                                             const struct rmg_version *version,
                                             struct kern_config **out, const char **where);
void kern_config_free(struct jit_heap *heap, struct kern_config *config); /* may be NULL */
/* NULL: it has no rule of this id. */
const struct rmg_rule *kern_config_rule(const struct kern_config *config, const struct jit_id *id);

/* The tree of its capabilities; a holder is the index of a process, in the order they have there.
 * nodes: the node of each capability, process by process; may be NULL. Errors: JIT_EINVALID
 * (where), JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err kern_config_caps(struct jit_heap *heap,
                                             const struct kern_config *config, uint64_t tick,
                                             struct sys_caps **out, uint32_t *nodes,
                                             const char **where);
size_t kern_config_cap_count(const struct kern_config *config);

/* The owner of a rule or instance: a node's id in /sec in its place, whose capability says what the
 * rule may write. Errors: JIT_EEXIST, JIT_ENOENT (no such capability), JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err kern_root_owned(struct rmg_collect *collect, const char *type,
                                            const struct jit_id *object,
                                            const struct jit_id *capability);
/* One capability of a process, alone: its node and atoms in /sec. */
JIT_MUST_CHECK enum jit_err kern_root_capability(struct rmg_collect *collect, const char *name,
                                                 uint32_t index, const struct jit_id *process,
                                                 const struct kern_root_capability *cap);
/* BLAKE3("node:/sec/NAME/INDEX/SLOT"): of a capability that is there from genesis. */
void kern_capability_id(const char *name, uint32_t index, uint32_t slot, struct jit_id *out);

/* The operation that marks a process as ended: state is "exited" or "failed", borrowed. */
void kern_root_state_op(const struct jit_id *process, const char *state, struct rmg_op *op);

#endif
