/* rmg/schema/schema_infer.h - types as a graph uses them: what its elements have, where nothing is
 * declared. Spec: docs/spec/attachments.md "Types of nodes and edges". Layer: rmg; base only.
 *
 * Of each type in use: how many elements it has, and for each name of an attachment the atom types
 * that occur under it. The result depends on the content alone. */
#ifndef JIT_RMG_SCHEMA_INFER_H
#define JIT_RMG_SCHEMA_INFER_H

#include "rmg/schema/schema.h"

struct rmg_infer;

/* One name under one type. */
struct rmg_infer_field {
    const char *name;   /* terminated */
    struct jit_id type; /* the atom type seen most often; of equally frequent ones the lower id */
    uint64_t count;     /* elements that have it with this type */
    uint64_t others;    /* elements that have something else there: another atom, a portal */
};

struct rmg_infer_type {
    struct jit_id id;
    bool is_edge;
    uint64_t count;       /* elements */
    uint32_t field_count; /* names */
    bool cut;             /* there are more than 256 names: the rest is left out */
};

JIT_MUST_CHECK enum jit_err rmg_infer_new(struct jit_heap *heap, struct rmg_infer **out);
void rmg_infer_free(struct rmg_infer *infer); /* may be NULL */

/* Look at all elements of one type, or of all types (NULL), of one instance. What was seen before
 * stays. O(elements). Errors: JIT_ELIMIT (more than 65,536 types), JIT_ENOMEM, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err rmg_infer_add(struct rmg_infer *infer, const struct rmg_graph *graph,
                                          bool edges, const struct jit_id *type);
JIT_MUST_CHECK enum jit_err rmg_infer_add_version(struct rmg_infer *infer,
                                                  const struct rmg_store *store,
                                                  const struct rmg_version *version);

uint32_t rmg_infer_count(const struct rmg_infer *infer);
/* By (id, nodes before edges). Valid until more is added. */
const struct rmg_infer_type *rmg_infer_at(const struct rmg_infer *infer, uint32_t index);
/* The names of a type, ascending. */
struct rmg_infer_field rmg_infer_field_at(const struct rmg_infer *infer, uint32_t index,
                                          uint32_t field);

/* Declare what was seen, without defaults, joins and ends. name_of gives a type's name, or NULL: it
 * cannot be declared then. Left out as well: types of the schema that is there already, one used
 * for nodes and edges both, names under which several atom types occur. *left_out counts types and
 * fields. Errors: of rmg_schema_add but JIT_EEXIST. */
JIT_MUST_CHECK enum jit_err
rmg_infer_declare(const struct rmg_infer *infer,
                  const char *(*name_of)(void *user, const struct jit_id *type), void *user,
                  struct rmg_schema *schema, uint64_t *left_out);

#endif
