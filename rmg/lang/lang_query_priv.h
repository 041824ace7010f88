/* rmg/lang/lang_query_priv.h - a query on its way from text to rule (lang_query.c): what its text
 * says, which types it names. */
#ifndef JIT_RMG_LANG_QUERY_PRIV_H
#define JIT_RMG_LANG_QUERY_PRIV_H

#include "rmg/lang/lang_priv.h"
#include "rmg/lang/lang_query.h"

/* An item behind `return`. */
struct lang_query_item {
    struct lang_expr *expr; /* NULL: count(*) */
    struct lang_name name;  /* `as`; text NULL: none */
    uint32_t at;
    uint32_t size;
    struct lang_query_item *next;
};

/* A key behind `order by`; its item has no name and no next. */
struct lang_query_key {
    struct lang_query_item item;
    bool down;
    uint32_t alias; /* the item whose name it is; item_count: none */
    struct lang_query_key *next;
};

struct lang_query_text {
    struct lang_parser *p;
    const struct lang_types *types;
    struct lang_rule_node *rule;
    struct lang_query_item *items;
    uint32_t item_count;
    struct lang_query_key *keys;
    uint32_t key_count;
    uint32_t hidden_count; /* keys with a column of their own */
    uint64_t limit;
    struct lang_type_node *any[2]; /* stands for any type of nodes, of edges; NULL: not needed */
    enum jit_err err;              /* of types->look */
};

/* Both: false: it was said what is wrong, or there was no memory, or types->look failed (err). */
bool lang_query_parse_text(struct lang_query_text *q);
/* The types that its labels name, and fields that it asks for, become types of the parser. */
bool lang_query_resolve(struct lang_query_text *q);

#endif
