/* rmg/schema/schema_check.h - does a graph keep to its types? Every node, edge and atom that does
 * not. Spec:  docs/spec/attachments.md "Types of nodes and edges", DESIGN 4.4 (no hidden edges).
 * Layer: rmg; base only.
 *
 * Reads everything once (attachments twice where an id names a node); changes nothing. What the
 * schema does not declare is opaque: counted, never a breach. Cost: O(n) steps in nodes, edges and
 * atoms; memory: the schema's, and 33 bytes for each id in an atom. */
#ifndef JIT_RMG_SCHEMA_CHECK_H
#define JIT_RMG_SCHEMA_CHECK_H

#include "rmg/schema/schema.h"

/* Name, word for machines, sentence for people. */
#define RMG_BREACH_MAP(X)                                                                          \
    X(RMG_BREACH_KIND, "kind", "its type is declared for something else")                          \
    X(RMG_BREACH_MISSING, "missing", "a field with a default is missing")                          \
    X(RMG_BREACH_CODEC, "codec", "a field has an atom of another type")                            \
    X(RMG_BREACH_PORTAL, "portal", "a field is a portal")                                          \
    X(RMG_BREACH_CANONICAL, "canonical", "the bytes of an atom are not canonical")                 \
    X(RMG_BREACH_FROM, "from", "an edge leaves a node of a type that it may not leave")            \
    X(RMG_BREACH_TO, "to", "an edge enters a node of a type that it may not enter")                \
    X(RMG_BREACH_HIDDEN_EDGE, "hidden_edge", "an id in an atom names a node: an edge in hiding")

enum rmg_breach_kind {
#define X(name, word, sentence) name,
    RMG_BREACH_MAP(X)
#undef X
        RMG_BREACH_KINDS
};
const char *rmg_breach_word(enum rmg_breach_kind kind);
const char *rmg_breach_sentence(enum rmg_breach_kind kind);

/* Everything is borrowed for the call. */
struct rmg_breach {
    enum rmg_breach_kind kind;
    struct jit_id instance;
    bool is_edge;
    struct jit_id id;                     /* of the node or edge */
    struct jit_id type;                   /* its type */
    const struct rmg_schema_type *wanted; /* as declared; NULL: it is not */
    const char *name;                     /* of the attachment; NULL: the element itself */
    uint32_t name_size;
    const struct rmg_schema_field *field; /* NULL: not declared */
    struct jit_id found; /* CODEC, CANONICAL: the atom's type; FROM, TO: the type of
                            that node; HIDDEN_EDGE: the node it names */
};

struct rmg_check_counts {
    uint64_t nodes;
    uint64_t edges;
    uint64_t atoms;
    uint64_t nodes_undeclared; /* of types that are not declared */
    uint64_t edges_undeclared;
    uint64_t atoms_undeclared; /* that no field declares; not of the engine's own nodes */
    uint64_t atoms_opaque;     /* of types without a codec here */
    uint64_t breaches;
    uint64_t of_kind[RMG_BREACH_KINDS];
};

struct rmg_check {
    const struct rmg_schema *schema; /* NULL: none; atoms are judged by their own types alone */
    /* In the order of instances, then nodes, then edges; HIDDEN_EDGE after all others. false: no
     * more calls, counting goes on. */
    bool (*visit)(void *user, const struct rmg_breach *breach);
    /* Now and then: elements looked at. May be NULL. */
    void (*progress)(void *user, uint64_t done, uint64_t total);
    void *user;
};

/* Errors: JIT_ENOMEM, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err rmg_check(struct jit_heap *heap, const struct rmg_store *store,
                                      const struct rmg_version *version,
                                      const struct rmg_check *check,
                                      struct rmg_check_counts *counts);

#endif
