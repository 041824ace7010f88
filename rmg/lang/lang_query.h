/* rmg/lang/lang_query.h - one question to a graph: a match of the rule language and what to return
 * of it. Spec:  docs/spec/rules.md "Queries". Layer: rmg; base only.
 *
 *     match (a:Person)-[k:KNOWS]->(b:Person), (b)-->(c) where a.age > 40
 *     return a.name, b, k.since as since order by since desc, c limit 10
 *
 * Parsing needs the types of the graph it is for; running uses the search that workers run. Rows
 * come in one order, that of `order by` and then of the ids of the matched elements, whatever the
 * plan of the search. */
#ifndef JIT_RMG_LANG_QUERY_H
#define JIT_RMG_LANG_QUERY_H

#include "rmg/lang/lang.h"
#include "rmg/schema/schema.h"

#define LANG_QUERY_BYTES_MAX   JIT_RULE_TEXT_BYTES_MAX
#define LANG_QUERY_COLUMNS_MAX 64u
#define LANG_QUERY_KEYS_MAX    8u

/* The types of the graph. */
struct lang_types {
    /* The type with this id, of nodes or of edges; id NULL: one that stands for all of them. deep:
     * with everything that elements have, not only what is declared (a field was not found
     * otherwise). *out NULL: no such type. It stays valid until the parse has ended. */
    enum jit_err (*look)(void *user, bool is_edge, const struct jit_id *id, bool deep,
                         const struct rmg_schema_type **out);
    void *user;
};

/* Those of one instance: declared by a schema (NULL: none), else what its elements have; under one
 * name the atom type that occurs most often. graph and schema are borrowed. */
struct lang_graph_types;
JIT_MUST_CHECK enum jit_err lang_graph_types_new(struct jit_heap *heap,
                                                 const struct rmg_graph *graph,
                                                 const struct rmg_schema *schema,
                                                 struct lang_graph_types **out);
struct lang_types lang_graph_types_of(struct lang_graph_types *types);
void lang_graph_types_free(struct lang_graph_types *types); /* may be NULL */

enum lang_column_kind {
    LANG_COLUMN_ELEMENT, /* a matched node or edge */
    LANG_COLUMN_VALUE,   /* an expression */
    LANG_COLUMN_COUNT    /* count(*): how many matches; then it is the only column */
};

struct lang_column {
    const char *name; /* as written behind `as`, else the text of the item; terminated */
    enum lang_column_kind kind;
    uint8_t element;      /* ELEMENT */
    enum rmg_codec codec; /* VALUE */
    struct rmg_expr expr; /* VALUE */
};

/* What rows are ordered by. A value that is missing comes last, either way; then NaN. */
struct lang_key {
    uint32_t column; /* one of those shown, or one behind them */
    bool down;
};

struct lang_query {
    struct rmg_rule rule;              /* matches and changes nothing */
    const struct lang_column *columns; /* column_count that are shown, then those of keys alone */
    uint32_t column_count;
    uint32_t hidden_count;
    const struct lang_key *keys;
    uint32_t key_count;
    uint64_t limit;            /* LANG_LIMIT_NONE: none was written */
    const char *const *labels; /* the types it names */
    uint32_t label_count;
    void *memory; /* private */
};

/* Errors: JIT_EFORMAT (messages, as lang_parse), JIT_ENOMEM, those of types->look. */
JIT_MUST_CHECK enum jit_err lang_query_parse(struct jit_heap *heap, const uint8_t *source,
                                             size_t source_size, const struct lang_types *types,
                                             struct lang_query **out, struct jit_buf *messages);
void lang_query_free(struct jit_heap *heap, struct lang_query *query); /* may be NULL */

/* The first rows in their order. */
struct lang_rows {
    uint64_t matches; /* in all */
    uint64_t looks;   /* at nodes and edges */
    size_t count;
    uint32_t width;     /* ids a row: the elements in order */
    struct jit_id *ids; /* count * width */
    /* private */
    struct jit_heap *heap;
};
/* limit: rows to keep; 0: only count. budget: looks. Release the rows whatever comes back. Errors:
 * JIT_EBUDGET (matches and looks say how far it came), JIT_ENOMEM, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err lang_query_run(struct jit_heap *heap, const struct lang_query *query,
                                           const struct rmg_graph *graph, uint64_t limit,
                                           uint64_t budget, struct lang_rows *rows);
void lang_rows_release(struct lang_rows *rows);

/* The value of a column in one row; codec NONE: a field is missing or has another codec, or there
 * is no result (overflow). Bytes are borrowed from the graph and the query. Errors: JIT_ECORRUPT.
 */
JIT_MUST_CHECK enum jit_err lang_query_value(const struct lang_query *query, uint32_t column,
                                             const struct rmg_graph *graph,
                                             const struct jit_id *ids, struct rmg_datum *out);

#endif
