/* rmg/rules/search_priv.h - the parts of a search: plans (search_plan.c), members (search_table.c),
 * draws (search_draw.c), and the walk itself (search.c). */
#ifndef JIT_RMG_SEARCH_PRIV_H
#define JIT_RMG_SEARCH_PRIV_H

#include "rmg/rules/probe.h"
#include "rmg/rules/search.h"

#define SEARCH_NONE UINT32_MAX

/* --- plans --- */

/* A condition that must hold beside all others, and the elements it speaks of, a bit each. */
struct search_conjunct {
    struct rmg_expr expr;
    uint32_t mask;
    bool late; /* asked when the match is complete, and again when late_changed */
};

/* What to bind next: an edge from an end that is bound, or (is_scan) a node out of nothing; one
 * whose field must equal what is known by then (by_value), out of those that have this value. */
struct search_step {
    uint8_t element;
    bool is_scan;
    bool by_value;
    bool enters; /* nothing is bound: the portal `element` is gone through */
    uint16_t field;
    struct rmg_expr value;
};

/* From one element bound to all. */
struct search_plan {
    uint32_t step_count;
    struct search_step steps[JIT_PATTERN_ELEMENTS_MAX];
};

struct search_program {
    struct search_plan plans[JIT_PATTERN_ELEMENTS_MAX]; /* by the element that is bound first */
    uint32_t edge_mask;                                 /* elements that are edges */
    uint32_t field_mask[RMG_RULE_FIELDS_MAX / 32];      /* fields read by guard or draw */
    uint32_t draw_field_count;
    uint16_t draw_fields[RMG_RULE_FIELDS_MAX]; /* fields read by the draw, each once */
    uint64_t near_mask; /* conditions, and aggregates of guard or draw, by rmg_rule_near_at */
    bool late;          /* some of them are of all nodes of a type */
    uint32_t draw_aggregate_mask;
    uint32_t draw_aggregate_count;
    uint8_t draw_aggregates[RMG_RULE_AGGREGATES_MAX]; /* of the draw, each once */
    uint32_t conjunct_count;
    struct search_conjunct *conjuncts;
};

JIT_MUST_CHECK enum jit_err search_program_init(struct jit_heap *heap, const struct rmg_rule *rule,
                                                struct search_program *out);
void search_program_release(struct jit_heap *heap, struct search_program *program);

static inline bool search_field_matters(const struct search_program *program, uint32_t field)
{
    return (program->field_mask[field / 32] >> (field % 32) & 1) != 0;
}

/* The fields that an expression reads matter. */
void search_note_fields(struct search_program *program, struct rmg_expr expr, bool is_draw);

static inline bool search_near_matters(const struct search_program *program, uint32_t near)
{
    return (program->near_mask >> near & 1) != 0;
}

/* --- members --- */

enum { SEARCH_DEAD = 0, SEARCH_OPEN = 1, SEARCH_CLOSED = 2 };

struct search_link {
    uint32_t next; /* of the same element; SEARCH_NONE: the last */
    uint32_t prev; /* SEARCH_NONE: the first */
};

/* Matches, found by their ids and by each element they touch. Member m has ids[m * width + i] at
 * position i; link m * width + i chains the members that have this element at any position. */
struct search_table {
    struct jit_heap *heap;
    const struct rmg_rule *rule;
    uint32_t width;      /* elements a member */
    uint32_t data_width; /* cached fields and aggregates a member */
    uint32_t count;      /* members */
    uint32_t closed;     /* of them those that a late condition holds back */
    uint32_t used;       /* slots ever used */
    uint32_t free_head;  /* of removed members, chained through the first link's next */
    size_t ids_capacity;
    size_t keys_capacity;
    size_t links_capacity;
    size_t data_capacity;
    size_t live_capacity;
    struct jit_id *ids;
    struct jit_id *keys; /* match keys */
    struct search_link *links;
    struct rmg_datum *data; /* bytes are copies from the heap */
    uint8_t *live;          /* SEARCH_DEAD, ... */
    uint32_t *by_ids;       /* member, open addressing */
    uint32_t by_ids_size;
    uint32_t *by_element; /* first link of an element */
    uint32_t by_element_size;
    uint32_t element_count; /* elements that members touch */
};

void search_table_init(struct search_table *table, struct jit_heap *heap,
                       const struct rmg_rule *rule, uint32_t data_width);
void search_table_release(struct search_table *table);
void search_table_clear(struct search_table *table); /* no members, memory kept */

/* *member: the new one, its key and data not yet set (data NONE); SEARCH_NONE: it is there already.
 * Errors: JIT_ENOMEM, JIT_ELIMIT; then nothing changed. */
JIT_MUST_CHECK enum jit_err search_table_add(struct search_table *table, const struct jit_id *ids,
                                             uint32_t *member);
/* Remove the members that have this element at one of the positions. instance: behind a portal,
 * where it lies; else NULL. */
void search_table_remove(struct search_table *table, bool is_edge, const struct jit_id *instance,
                         const struct jit_id *id, uint32_t positions);

void search_table_close(struct search_table *table, uint32_t member, bool closed);
/* Values for the draw: one of a new member, or in place of another. Takes a copy of its bytes.
 * Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err search_table_put(struct search_table *table, uint32_t member,
                                             uint32_t index, const struct rmg_datum *datum);

/* --- instances that were entered (search_doors.c) --- */

struct search_door {
    struct jit_id instance;
    struct jit_id owner;  /* the element that its portal hangs on, */
    struct jit_id parent; /* in this instance; zero: in the searched one */
    uint32_t places;      /* that it was entered as, a bit each */
    bool is_edge;
    bool gone;              /* until the next sweep */
    struct rmg_roots roots; /* when it was seen last */
};

struct search_doors {
    struct jit_heap *heap;
    struct search_door *items;
    size_t capacity;
    uint32_t count;
    uint32_t *slots; /* by instance, open addressing */
    uint32_t slots_size;
};

struct search_touches;
void search_doors_clear(struct search_doors *doors);
void search_doors_release(struct search_doors *doors);
/* Those that are gone are forgotten; the others may have other numbers. */
void search_doors_sweep(struct search_doors *doors);
/* Its number; SEARCH_NONE: it was not entered. */
uint32_t search_door_of(const struct search_doors *doors, const struct jit_id *instance);
/* The portal was gone through, from elements that are bound. Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err search_door_pass(struct rmg_search *search, uint32_t portal,
                                             const struct jit_id *instance);
/* What has changed behind each door. Errors: JIT_ENOMEM, JIT_ELIMIT, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err search_touch_doors(struct rmg_search *search,
                                               const struct rmg_graph *after,
                                               struct search_touches *touches);

/* --- the whole --- */

struct rmg_search {
    struct jit_heap *heap;
    const struct rmg_rule *rule;
    struct jit_id instance;
    struct rmg_shard shard;
    struct jit_id params_digest;
    struct search_program program;
    struct search_table table;
    struct search_doors doors; /* of a rule with portals */
    bool impossible;           /* a condition on the parameters alone fails */
    bool known;                /* the table is that of the version last seen */

    /* A walk that keeps nothing: who is told of each match, and how many more looks it may take. */
    bool (*visit)(void *user, const struct jit_id *ids, uint32_t id_count);
    void *visit_user;
    uint64_t looks_left;

    struct rmg_index *index; /* of the version last seen, for late conditions and scans by value */

    /* The walk: ids[i] is valid for each element i in bound. */
    uint32_t bound;
    uint32_t entered;  /* portals that were gone through on this way, a bit each */
    bool late_changed; /* a difference changed what late conditions look at */
    enum jit_err err;
    struct jit_id ids[JIT_PATTERN_ELEMENTS_MAX];
    struct rmg_graph graph;
    struct rmg_probe probe;
};

/* --- what a difference touches --- */

struct search_touch {
    struct jit_id id;
    uint32_t door;      /* behind which it lies; SEARCH_NONE: in the searched instance */
    uint32_t positions; /* a bit each */
    bool is_edge;
};

struct search_touches {
    struct jit_heap *heap;
    struct search_touch *items;
    size_t capacity;
    uint32_t count;
    uint32_t *slots; /* open addressing */
    uint32_t slots_size;
    uint32_t door;   /* of the instance that is looked at now */
    uint32_t places; /* that it is, a bit each */
};

static inline bool search_is_here(const struct search_touches *touches, uint8_t place)
{
    return (touches->places >> place & 1) != 0;
}

/* Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err search_touch_add(struct search_touches *touches, bool is_edge,
                                             const struct jit_id *id, uint32_t positions);
void search_touches_release(struct search_touches *touches);

/* All that a difference of the instance at hand touches, and whether it changed what late
 * conditions look at (search_diff.c). Errors: JIT_ENOMEM, JIT_ECORRUPT; of a graph that counts its
 * looks JIT_EBUDGET. */
JIT_MUST_CHECK enum jit_err search_touch_all(struct rmg_search *search,
                                             const struct rmg_graph *before,
                                             const struct rmg_graph *after,
                                             struct search_touches *touches);

/* --- the walk (search.c); each returns false when it failed (search->err) --- */

void search_walk_begin(struct rmg_search *search, const struct rmg_graph *graph);
/* All matches that have this element at this position. */
bool search_walk_from(struct rmg_search *search, uint32_t position,
                      const struct search_touch *touch);
/* Each candidate for this position, continued by the plan from `step`. */
bool search_scan(struct rmg_search *search, uint32_t index, const struct search_plan *plan,
                 uint32_t step);
/* Every element that could stand at a position, one after the other. */
struct search_candidates {
    struct rmg_iter iter;
    bool fits; /* the one at hand could be bound, and is */
};
void search_candidates_of(const struct rmg_search *search, uint32_t index,
                          struct search_candidates *out);
/* False at the end, or when it failed. */
bool search_candidates_next(struct rmg_search *search, uint32_t index,
                            struct search_candidates *at);
/* What the draws of a member will ask for is read, so that drawing looks at no slot. */
bool search_keep_data(struct rmg_search *search, uint32_t member);
/* Every match there is, to the table or to visit (search_root.c). */
JIT_MUST_CHECK enum jit_err search_walk_all(struct rmg_search *search,
                                            const struct rmg_graph *graph);

/* --- conditions and aggregates (search_near.c) --- */

void search_nears_init(struct search_program *program, const struct rmg_rule *rule);
/* The index answers for what late conditions ask, in search->graph. */
JIT_MUST_CHECK enum jit_err search_nears_index(struct rmg_search *search);
/* Does it ask for all nodes of a type? */
bool search_is_late(const struct rmg_rule *rule, struct rmg_expr expr);
/* All ids are set. False also when search->err is set. */
bool search_nears_hold(struct rmg_search *search);
bool search_late_holds(struct rmg_search *search);
/* What an edge that came or went, another type of a node, other fields of an owner touch. Errors:
 * JIT_ENOMEM, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err search_touch_edge_ends(const struct rmg_search *search,
                                                   const struct rmg_edge *edge,
                                                   struct search_touches *touches);
JIT_MUST_CHECK enum jit_err search_touch_type(struct rmg_search *search,
                                              const struct rmg_graph *after,
                                              const struct rmg_change *change,
                                              const struct jit_id types[2],
                                              struct search_touches *touches);
JIT_MUST_CHECK enum jit_err search_touch_fields(struct rmg_search *search,
                                                const struct rmg_graph *before,
                                                const struct rmg_graph *after,
                                                const struct rmg_change *change,
                                                struct search_touches *touches);
JIT_MUST_CHECK enum jit_err search_field_changed(const struct rmg_graph *before,
                                                 const struct rmg_graph *after, bool is_edge,
                                                 const struct jit_id *owner, const char *name,
                                                 uint32_t name_size, bool *changed);

static inline uint64_t search_hash(uint64_t hash, const struct jit_id *id)
{
    for (uint32_t i = 0; i < JIT_ID_BYTES; i += 8) {
        hash = (hash ^ jit_le64(id->bytes + i)) * 0x9e3779b97f4a7c15ull;
        hash ^= hash >> 29;
    }
    return hash;
}

#endif
