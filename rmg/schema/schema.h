/* rmg/schema/schema.h - the types that a graph declares, as nodes of its instance /schema.
 * Spec:  DESIGN 4.4 (last paragraph), 14.4; docs/spec/root-graph.md "/schema" says every byte,
 *        docs/spec/attachments.md what a type means for the values of its elements.
 * Layer: rmg; base only.
 *
 * A genesis, an import and a merge write types through this one module, and whoever reads a version
 * reads them through it: what lies in /schema is hostile until it has been read. A schema lives in
 * memory of its own and is only added to.
 *
 * Owns:  what a struct rmg_schema_type points to belongs to its schema once it has been added. */
#ifndef JIT_RMG_SCHEMA_H
#define JIT_RMG_SCHEMA_H

#include "rmg/store/codec.h"
#include "rmg/change/collect.h"
#include "rmg/store/slot.h"
#include "rmg/store/store.h"

#define RMG_SCHEMA_TYPES_MAX 65536u

enum rmg_type_kind { RMG_TYPE_NODE = 1, RMG_TYPE_EDGE = 2, RMG_TYPE_ATOM = 3 };

/* A field is an attachment named like it (DESIGN 4.1). One with a default is written wherever an
 * element of the type is made, so it is never missing; others may be. */
struct rmg_schema_field {
    const char *name;       /* 0 to 255 bytes */
    enum rmg_codec codec;   /* NONE: an atom type without a codec here, its bytes are opaque */
    enum rmg_codec element; /* codec LIST: of each element; NONE: any bytes */
    struct jit_id type;     /* the atom's; given with codec NONE, else set by rmg_schema_add */
    enum rmg_join join;
    bool has_default;
    const uint8_t *value; /* the default's canonical bytes */
    uint32_t value_size;
};

struct rmg_schema_type {
    const char *name; /* 1 to 1,024 bytes */
    enum rmg_type_kind kind;
    struct jit_id id;                      /* BLAKE3("type:" || name); set by rmg_schema_add */
    const struct rmg_schema_field *fields; /* in declared order; none of an ATOM */
    uint32_t field_count;
    /* EDGE: types of the nodes it may leave and enter, ascending; none: any node. */
    const struct jit_id *from;
    uint32_t from_count;
    const struct jit_id *to;
    uint32_t to_count;
    /* Atoms of the type's node that this version has no meaning for, by name: never lost. */
    const struct rmg_attachment *others;
    uint32_t other_count;
};

struct rmg_schema {
    const struct rmg_schema_type **types; /* ascending by id */
    uint32_t type_count;
    /* private */
    size_t capacity;
    struct rmg_scratch *scratch;
    struct jit_heap *heap;
};

JIT_MUST_CHECK enum jit_err rmg_schema_new(struct jit_heap *heap, struct rmg_schema **out);
void rmg_schema_free(struct rmg_schema *schema); /* may be NULL */

/* What is wrong with a schema, and with which type. */
struct rmg_schema_fault {
    struct jit_id type;
    const char *what; /* a sentence; static */
};

/* Copies the type. Errors: JIT_EEXIST (there is a type of this name), JIT_EINVALID (fault; a name
 * too long or no UTF-8, a field twice, a default its codec refuses, a join that does not fit, ends
 * of what is no edge), JIT_ELIMIT, JIT_ENOMEM. fault may be NULL. */
JIT_MUST_CHECK enum jit_err rmg_schema_add(struct rmg_schema *schema,
                                           const struct rmg_schema_type *type,
                                           struct rmg_schema_fault *fault);
/* The types that every /schema begins with: the codecs, u64 and u32 as atoms, and the types of the
 * root graph's own nodes. */
JIT_MUST_CHECK enum jit_err rmg_schema_add_builtin(struct rmg_schema *schema);
bool rmg_schema_is_builtin(const char *name, size_t size);

/* NULL when there is none. schema may be NULL. */
const struct rmg_schema_type *rmg_schema_find(const struct rmg_schema *schema,
                                              const struct jit_id *id);
const struct rmg_schema_field *rmg_schema_field_of(const struct rmg_schema_type *type,
                                                   const char *name, size_t name_size);

/* Has the value the atom type of the field, with canonical bytes? */
bool rmg_schema_value_fits(const struct rmg_schema_field *field, const struct rmg_value *value);

/* "", "sum", "max", ... ; false: no such join. */
const char *rmg_join_name(enum rmg_join join);
bool rmg_join_of_name(const char *name, size_t size, enum rmg_join *out);
bool rmg_join_fits(enum rmg_join join, enum rmg_codec codec);
const char *rmg_type_kind_name(enum rmg_type_kind kind); /* "node", "edge", "atom" */

/* ---- in a graph ---- */

/* /schema: BLAKE3("warp:/schema"), BLAKE3("node:/schema"). */
void rmg_schema_place(struct jit_id *instance, struct jit_id *root_node);

/* Every type of a version's /schema. JIT_ENOENT: it has none. JIT_EINVALID: fault says what does
 * not follow the specification. Others: JIT_ELIMIT, JIT_ENOMEM, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err rmg_schema_read(struct jit_heap *heap, const struct rmg_store *store,
                                            const struct rmg_version *version,
                                            struct rmg_schema **out,
                                            struct rmg_schema_fault *fault);

/* Write all types into a collect: into its instance /schema, which is made below "/" when it is not
 * there. Errors: of rmg_collect_*. */
JIT_MUST_CHECK enum jit_err rmg_schema_collect(const struct rmg_schema *schema,
                                               struct rmg_collect *collect);
/* Into a transaction: /schema is made below the instance `above` (its top) when it is not there, as
 * portal `schema` of the root node. Types that are there are overwritten. Errors: of rmg_tx_*. */
JIT_MUST_CHECK enum jit_err rmg_schema_put(const struct rmg_schema *schema, struct rmg_tx *tx,
                                           const struct jit_id *above);

/* ---- identity ---- */

/* The content id of a type's node (DESIGN 4.1): B3[K("content")](type:type || alpha record). */
JIT_MUST_CHECK enum jit_err rmg_schema_type_content(const struct rmg_schema *schema,
                                                    const struct rmg_schema_type *type,
                                                    struct jit_id *out);
/* The schema hash: B3[K("schema")](u64 count || each type ascending: id[32] || content id[32]). */
JIT_MUST_CHECK enum jit_err rmg_schema_hash(const struct rmg_schema *schema, struct jit_id *out);

/* ---- comparing two (merge, mount) ---- */

enum rmg_schema_relation {
    RMG_SCHEMA_SAME,
    RMG_SCHEMA_A_MORE, /* a has all of b, and more */
    RMG_SCHEMA_B_MORE,
    RMG_SCHEMA_BOTH_MORE, /* each has something that the other has not; nothing conflicts */
    RMG_SCHEMA_CONFLICT
};

enum rmg_schema_what {
    RMG_SCHEMA_ONLY_A, /* the type */
    RMG_SCHEMA_ONLY_B,
    RMG_SCHEMA_LONGER_A, /* a has the fields of b, in their order, and more behind them */
    RMG_SCHEMA_LONGER_B,
    /* conflicts */
    RMG_SCHEMA_KIND,
    RMG_SCHEMA_FIELD, /* another field at this place */
    RMG_SCHEMA_CODEC,
    RMG_SCHEMA_JOIN,
    RMG_SCHEMA_DEFAULT,
    RMG_SCHEMA_ENDS,
    RMG_SCHEMA_OTHER /* an atom without a meaning here */
};

struct rmg_schema_difference {
    enum rmg_schema_what what;
    const struct rmg_schema_type *a; /* NULL: ONLY_B */
    const struct rmg_schema_type *b; /* NULL: ONLY_A */
    uint32_t field;                  /* FIELD to DEFAULT: index; LONGER: of the first one more */
};

/* Every difference, types ascending by id, at most one conflict a type. visit may be NULL; false
 * stops the calls, the result stays that of all. */
enum rmg_schema_relation
rmg_schema_compare(const struct rmg_schema *a, const struct rmg_schema *b,
                   bool (*visit)(void *user, const struct rmg_schema_difference *difference),
                   void *user);
/* One line for people, without its end: "type Person: field `age` is i64 here and text there". */
void rmg_schema_difference_print(const struct rmg_schema_difference *difference, const char *here,
                                 const char *there, struct jit_buf *out);
/* "i64", "list<id>", "atom type HEX". */
void rmg_schema_codec_print(const struct rmg_schema_field *field, struct jit_buf *out);
/* Everything of both. Errors: JIT_ECONFLICT, JIT_ELIMIT, JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err rmg_schema_union(struct jit_heap *heap, const struct rmg_schema *a,
                                             const struct rmg_schema *b, struct rmg_schema **out);

#endif
