/* rmg/lang/lang_priv.h - what the files rmg/lang/lang_*.c share: memory, tokens, the syntax tree.
 * Passes: lex (on demand) -> parse (the tree) -> check (names and types) -> compile (struct
 * rmg_rule, program) and format (canonical text: lang_format_priv.h). Functions that may fail
 * return false; then either an error was recorded or parser->err is JIT_ENOMEM. */
#ifndef JIT_RMG_LANG_PRIV_H
#define JIT_RMG_LANG_PRIV_H

#include "rmg/lang/lang.h"

/* ---- memory: blocks that are only ever freed together (lang_mem.c) ---- */
struct lang_block;
struct lang_arena {
    struct jit_heap *heap;
    struct lang_block *blocks;
};
void *lang_alloc(struct lang_arena *arena, size_t count, size_t size); /* zeroed; NULL: refused */
char *lang_copy(struct lang_arena *arena, const void *bytes, size_t size); /* terminated */
void lang_arena_release(struct lang_arena *arena);

/* Names to declarations. Lookup order never shows anywhere. */
enum lang_index_kind {
    LANG_INDEX_TYPE,
    LANG_INDEX_RULE,
    LANG_INDEX_PROCESS,
    LANG_INDEX_INVARIANT,
    LANG_INDEX_OWNED
};
struct lang_index {
    struct lang_index_slot *slots;
    uint32_t capacity;
    uint32_t count;
};
void *lang_index_get(const struct lang_index *index, enum lang_index_kind kind, const char *name,
                     uint32_t size);
bool lang_index_put(struct lang_index *index, struct lang_arena *arena, enum lang_index_kind kind,
                    const char *name, uint32_t size, void *value);

/* ---- tokens (lang_lex.c) ---- */
enum lang_token_kind {
    LANG_END,
    LANG_NAME,    /* letters, digits, _ */
    LANG_QUOTED,  /* `any text` as a name */
    LANG_INTEGER, /* 42 */
    LANG_FLOAT,   /* 0.5, 1e9 */
    LANG_TEXT,    /* "..." */
    LANG_LE,
    LANG_GE,
    LANG_NE,
    LANG_BAD,       /* message says why */
    LANG_CHAR = 128 /* and above: one character of punctuation, LANG_CHAR + c */
};
#define LANG_C(c) ((enum lang_token_kind)(LANG_CHAR + (c)))

struct lang_token {
    uint32_t kind; /* enum lang_token_kind */
    uint32_t at;   /* byte offset in the source */
    uint32_t size;
    const char *message; /* BAD */
    const char *help;    /* BAD; may be NULL */
};

/* ---- the syntax tree ---- */
struct lang_name {
    const char *text; /* NULL: none was written */
    uint32_t size;
    uint32_t at;
    uint32_t span; /* bytes in the source (a quoted name is longer than its text) */
};

enum lang_expr_kind {
    LANG_EXPR_CONST,
    LANG_EXPR_PARAM, /* a name alone */
    LANG_EXPR_FIELD, /* name.field */
    LANG_EXPR_CHAIN, /* operands of one precedence, left to right */
    LANG_EXPR_COMPARE,
    LANG_EXPR_NOT,
    LANG_EXPR_NEG,
    LANG_EXPR_CALL,
    LANG_EXPR_PATTERN,  /* (a)-[:T]->(:U) */
    LANG_EXPR_NEGATIVE, /* not (a)-[:T]->(:U) */
    LANG_EXPR_AGGREGATE /* count((a)-[:T]->(:U)), sum((a)-[:T]->(x:U), x.f) */
};

enum lang_level { LANG_LEVEL_OR = 1, LANG_LEVEL_AND, LANG_LEVEL_SUM, LANG_LEVEL_PRODUCT };

struct lang_expr {
    enum lang_expr_kind kind;
    enum lang_level level;     /* CHAIN */
    enum rmg_expr_op op;       /* COMPARE, CALL */
    enum rmg_expr_op join;     /* of a child of a CHAIN but the first: what stands before it */
    enum rmg_codec codec;      /* set by check */
    uint32_t at;               /* first byte */
    uint32_t size;             /* bytes */
    uint32_t begin;            /* first byte with its parentheses, of an operand of a chain */
    uint32_t height;           /* nodes on the longest way down */
    bool draws;                /* contains chance or random */
    struct lang_expr *child;   /* operands */
    struct lang_expr *next;    /* sibling */
    struct rmg_datum datum;    /* CONST */
    struct lang_name name;     /* PARAM, FIELD, AGGREGATE: parameter or element */
    struct lang_name field;    /* FIELD, AGGREGATE */
    uint32_t index;            /* PARAM: parameter; FIELD: field of the program; CALL: call number;
                                  AGGREGATE: its number */
    enum rmg_near_kind near;   /* AGGREGATE */
    struct lang_path *pattern; /* PATTERN, NEGATIVE, AGGREGATE */
};

/* `target.field = value`, or an entry of { field = value } without a target. */
struct lang_assign {
    struct lang_name target;
    struct lang_name field;
    struct lang_expr *value;
    uint32_t index; /* set by check: of a match, the field of the program */
    struct lang_assign *next;
};

/* An element of a path: nodes and edges in turn, the first and the last a node. */
struct lang_element {
    bool is_edge;
    bool reversed; /* edge: <-[ ]- */
    struct lang_name name;
    struct lang_name label;
    struct lang_assign *assigns; /* { field = value } */
    uint32_t at;
    uint32_t size;
    uint8_t operand;             /* set by check: element, or created one with RMG_RULE_CREATED */
    bool created;                /* set by check: this appearance makes it */
    struct lang_type_node *type; /* set by check; NULL: any */
    struct lang_element *next;
};

struct lang_path {
    struct lang_element *first;
    struct lang_element *last;
    uint32_t count;         /* elements */
    struct lang_name owner; /* `in owner.portal`; text NULL: it was not written */
    struct lang_name portal;
    struct lang_path *next;
};

enum lang_clause_kind {
    LANG_CREATE,
    LANG_DELETE,
    LANG_SET,
    LANG_ADD,
    LANG_RAISE,
    LANG_LOWER,
    LANG_PUT
};

struct lang_clause {
    enum lang_clause_kind kind;
    uint32_t at;                 /* of its first word */
    struct lang_path *paths;     /* CREATE */
    bool detach;                 /* DELETE */
    struct lang_assign *assigns; /* SET and joins; DELETE: targets only */
    struct lang_clause *next;
};

/* may equal(a, b) */
struct lang_equal {
    uint32_t at;
    struct lang_name names[2];
    struct lang_equal *next;
};

struct lang_param {
    struct lang_name name;
    enum rmg_codec codec;
    struct lang_param *next;
};

/* ---- declarations; `broken` ones had an error: nothing more is said about them ---- */
struct lang_field_node {
    struct lang_field pub;
    uint32_t at;
    struct lang_field_node *next;
};
/* A type named behind `from` or `to`. */
struct lang_end_node {
    struct lang_name name;
    struct lang_end_node *next;
};
struct lang_type_node {
    struct lang_type pub;
    struct lang_field_node *fields;
    struct lang_end_node *ends[2]; /* from, to */
    struct lang_name name;
    uint32_t at;    /* of `type` or `edge`; of the second of an `edge`, its name */
    uint32_t close; /* of the brace behind the fields; 0: there are none */
    bool broken;
    struct lang_type_node *next;
};
struct lang_import_node {
    struct lang_import pub; /* of types, where only the text counts: without a place */
    uint32_t at;
    struct lang_import_node *next;
};
struct lang_rule_node {
    struct lang_rule pub;
    struct lang_name name;
    uint32_t at;  /* of `rule` */
    uint32_t end; /* behind its last token */
    bool broken;
    bool invariant; /* no rule: a pattern that never matches */
    uint32_t index;
    uint32_t run_by; /* the last process that runs it, from 1 */
    struct lang_param *params;
    uint32_t param_count;
    uint32_t match_at, where_at; /* of the words; where_at 0: there is none */
    struct lang_path *match;     /* one path or more */
    struct lang_equal *equals;
    struct lang_expr *where;
    struct lang_clause *clauses;
    struct lang_rule_node *next;
};
struct lang_binding {
    struct lang_name name;
    struct lang_expr *value; /* CONST */
    struct lang_binding *next;
};
struct lang_run_node {
    struct lang_name rule;
    struct lang_binding *bindings;
    struct lang_run_node *next;
};
struct lang_score_node {
    struct lang_score pub;
    uint32_t at;
    struct lang_run_node *call;
    struct lang_score_node *next;
};
#define LANG_POLICIES 4u
struct lang_process_node {
    struct lang_process pub;
    struct lang_name name;
    uint32_t at;
    uint32_t over_at;                  /* of `apply` */
    uint32_t mode_at;                  /* of `all`, `once`, `until`; 0: there is none */
    uint32_t policy_at[LANG_POLICIES]; /* of `restart`, `on hang`, `keep`, `graph` */
    bool replay_said;
    uint32_t end;
    bool broken;
    uint32_t index;
    struct lang_run_node *runs;
    uint32_t run_count;
    struct lang_score_node *scores;
    uint32_t score_count;
    struct lang_process_node *next;
};
struct lang_step_node {
    enum rmg_script_mode mode;
    uint32_t at;
    uint64_t at_most;
    struct lang_run_node *runs; /* but BLOCK */
    uint32_t run_count;
    struct lang_step_node *steps; /* BLOCK */
    uint32_t step_count;
    uint32_t close; /* of the first of a block: the brace behind the last */
    struct lang_step_node *next;
};
struct lang_script_node {
    struct lang_script pub;
    struct lang_name name;
    uint32_t at;
    bool broken;
    struct lang_step_node *steps;
    uint32_t top_count;
    uint32_t step_count; /* with those of blocks */
    uint32_t run_count;
    struct lang_script_node *next;
};
struct lang_rule_ref {
    struct lang_name name;
    struct lang_binding *bindings; /* by the grant */
    struct lang_rule_ref *next;
};
struct lang_right_node {
    struct lang_right pub;
    uint32_t at;
    struct lang_rule_ref *rules;
    struct lang_right_node *next;
};
struct lang_own_node {
    struct lang_own pub;
    struct lang_name name; /* of a rule */
    bool is_place;
    uint32_t at, size;
    struct lang_own_node *next;
};
struct lang_grant_node {
    struct lang_grant pub;
    struct lang_name process;
    uint32_t at;
    uint32_t narrow_at[LANG_NARROW_COUNT];
    uint32_t own_at;
    uint32_t end;
    struct lang_right_node *rights;
    struct lang_own_node *owns;
    struct lang_grant_node *next;
};

/* ---- errors (lang_diag.c) ---- */
struct lang_error {
    uint32_t at;
    uint32_t size;
    const char *text;
    const char *help; /* may be NULL */
};

struct lang_parser {
    struct lang_arena *arena;
    const char *file;
    const char *source;
    uint32_t source_size;
    enum jit_err err; /* JIT_ENOMEM, sticky */
    struct lang_token token;
    uint32_t end;   /* behind the last token taken */
    uint32_t depth; /* of parentheses */
    struct lang_error errors[LANG_ERRORS_MAX];
    uint32_t error_count;
    struct lang_error *last_error; /* the one that a help line belongs to; NULL: dropped */
    uint32_t line_at;              /* positions: line `line` begins at line_at */
    uint32_t line;
    struct lang_index index;
    struct lang_name system_name;
    bool is_schema;
    const struct lang_sources *sources; /* or NULL */
    bool text_only; /* what is written is all that counts: files of types are not opened */
    uint32_t system_at;
    uint32_t import_depth; /* files that import one another, above this one */
    /* Lists of declarations, in the order of the text; *_end is where the next one goes. */
    struct lang_type_node *types, **types_end;
    struct lang_import_node *imports, **imports_end;
    struct lang_rule_node *rules, **rules_end;
    struct lang_rule_node *invariants, **invariants_end;
    struct lang_process_node *processes, **processes_end;
    struct lang_grant_node *grants, **grants_end;
    uint32_t type_count, import_count, rule_count, process_count, grant_count, invariant_count;
    struct lang_script_node *scripts, **scripts_end;
    uint32_t script_count;
    uint64_t member_count;           /* of all processes */
    uint32_t calls;                  /* chance and random so far in this rule */
    const struct lang_param *params; /* of this rule */
};

/* Record an error about source bytes [at, at + size); a help line may follow. Always false. At most
 * one at a place. */
bool lang_fail(struct lang_parser *p, uint32_t at, uint32_t size, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
bool lang_help(struct lang_parser *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool lang_no_memory(struct lang_parser *p);                  /* sets err; false */
bool lang_expected(struct lang_parser *p, const char *what); /* about the current token; false */
/* "`what` is not in language version 1 yet". */
bool lang_refuse(struct lang_parser *p, uint32_t at, uint32_t size, const char *what,
                 const char *instead);
static inline bool lang_stopped(const struct lang_parser *p)
{
    return p->err != JIT_OK || p->error_count == LANG_ERRORS_MAX;
}
struct lang_pos lang_position(struct lang_parser *p, uint32_t at);
void lang_render(struct lang_parser *p, struct jit_buf *messages);

/* The nearest of several names, for "did you mean". */
struct lang_nearest {
    const char *query;
    uint32_t query_size;
    const char *best; /* NULL: none is near */
    uint32_t best_distance;
};
struct lang_nearest lang_nearest_to(const char *query, uint32_t size);
void lang_nearest_try(struct lang_nearest *nearest, const char *name, uint32_t size);

/* Whether the bytes can be a text at all (lang.c). */
bool lang_check_source(struct lang_parser *p, size_t source_size);

/* ---- lexing and small parsing steps (lang_lex.c, lang_step.c) ---- */
void lang_lex(const char *source, uint32_t size, uint32_t at, struct lang_token *out);
void lang_next(struct lang_parser *p);
struct lang_token lang_peek(const struct lang_parser *p, uint32_t count); /* 0: the current one */
bool lang_is_word(const struct lang_parser *p, const struct lang_token *token, const char *word);
bool lang_at_word(const struct lang_parser *p, const char *word);
bool lang_take_word(struct lang_parser *p, const char *word);
static inline bool lang_at(const struct lang_parser *p, uint32_t kind)
{
    return p->token.kind == kind;
}
bool lang_take(struct lang_parser *p, uint32_t kind);
bool lang_expect(struct lang_parser *p, uint32_t kind, const char *what);
bool lang_is_reserved(const char *text, uint32_t size);
/* A plain name that is no word of the language; a name that may also be quoted or such a word. */
bool lang_take_name(struct lang_parser *p, const char *what, struct lang_name *out);
bool lang_take_label(struct lang_parser *p, const char *what, struct lang_name *out);
bool lang_take_path(struct lang_parser *p, const char *what, struct lang_place *out);
bool lang_take_codec(struct lang_parser *p, enum rmg_codec *out);
/* The same, and `list<codec>`; element NONE: of anything, or no list. */
bool lang_take_list_codec(struct lang_parser *p, enum rmg_codec *out, enum rmg_codec *element);
void lang_type_id(const struct lang_name *name, struct jit_id *out); /* BLAKE3("type:" || name) */
static inline bool lang_name_equal(const struct lang_name *a, const struct lang_name *b)
{
    return a->size == b->size && memcmp(a->text, b->text, a->size) == 0;
}

/* ---- literals (lang_literal.c) ---- */
/* The literal at the current token; negative: a minus stood before it. */
bool lang_take_literal(struct lang_parser *p, bool negative, struct rmg_datum *out);
bool lang_at_literal(const struct lang_parser *p); /* without a sign */
/* A constant: [-] literal. */
bool lang_take_constant(struct lang_parser *p, const char *what, struct lang_expr **out);
/* Does a constant fit a codec? Makes a literal with a point f32 where that is wanted. `what` names
 * the place in the message. */
bool lang_fit_constant(struct lang_parser *p, struct lang_expr *constant, enum rmg_codec codec,
                       const char *what);
bool lang_encode_datum(struct lang_parser *p, const struct rmg_datum *datum, const uint8_t **bytes,
                       uint32_t *size);

/* ---- parsing (lang_file.c, lang_process.c, lang_rule.c, lang_pattern.c, lang_expr.c) ---- */
/* Before anything is parsed: lists, the source judged, the first token. */
bool lang_parse_begin(struct lang_parser *p, size_t source_size);
bool lang_parse_file(struct lang_parser *p);
/* Types of other files (lang_import.c): at the first name of `import "x.jitos"`. */
bool lang_at_type_import(const struct lang_parser *p);
bool lang_import_types(struct lang_parser *p);
/* The nodes that edges may join, when all types are known. */
bool lang_resolve_ends(struct lang_parser *p);
/* One file with a parser of its own. */
JIT_MUST_CHECK enum jit_err lang_parse_nested(struct jit_heap *heap, const char *file,
                                              const uint8_t *source, size_t source_size,
                                              const struct lang_sources *sources, uint32_t depth,
                                              struct lang_system **out, struct jit_buf *messages);
bool lang_parse_process(struct lang_parser *p);
/* A process that explores, from `explore` to the end of `over shard(...)` (lang_explore.c), and the
 * pieces of others that it has. */
bool lang_parse_explore(struct lang_parser *p, struct lang_process_node *process);
bool lang_parse_runs(struct lang_parser *p, struct lang_process_node *process);
bool lang_parse_bounded_shard(struct lang_parser *p, struct lang_process_node *process);
bool lang_link_scores(struct lang_parser *p, struct lang_process_node *process);
/* What stands behind a process (lang_policy.c). */
bool lang_parse_policy(struct lang_parser *p, struct lang_policy *policy,
                       uint32_t at[LANG_POLICIES]);
bool lang_parse_grant(struct lang_parser *p);
/* What a grant's right to write owns (lang_own.c). */
bool lang_parse_own(struct lang_parser *p, struct lang_grant_node *grant);
bool lang_link_owns(struct lang_parser *p, struct lang_grant_node *grant);
bool lang_collect_owns(struct lang_parser *p, const struct lang_grant_node *grant,
                       struct lang_grant *out);
bool lang_parse_rule(struct lang_parser *p);
bool lang_parse_invariant(struct lang_parser *p);
bool lang_at_declaration(const struct lang_parser *p); /* or at the end */
bool lang_parse_script(struct lang_parser *p);
/* A rule's name and the values of its parameters. */
bool lang_parse_call(struct lang_parser *p, struct lang_run_node **out);
/* Any number of `may equal(a, b)`, behind the paths of a match. */
bool lang_parse_equals(struct lang_parser *p, struct lang_equal **out);
bool lang_parse_path(struct lang_parser *p, struct lang_path **out);
/* One path or several, with commas between them. */
bool lang_parse_paths(struct lang_parser *p, struct lang_path **out);
bool lang_parse_expr(struct lang_parser *p, struct lang_expr **out);
/* Does a pattern begin at the current `(` ? Behind `not` what can only be wrong otherwise is one.
 */
bool lang_at_pattern(const struct lang_parser *p, bool behind_not);

/* ---- check and compile (lang_scope.c, lang_check.c, lang_types.c, lang_compile.c, lang_link.c) */
struct lang_scope_entry {
    struct lang_name name; /* text NULL: not named */
    bool created;
    bool deleted;
    bool detached;               /* deleted with all its edges */
    struct lang_type_node *type; /* NULL: any */
    uint8_t from, to;            /* operands of an edge */
    uint8_t place;               /* rmg/rules/rule.h */
    bool is_edge;
    uint32_t at, size;
};

/* {field = value} of a condition or an aggregate. */
struct lang_near_value {
    bool of_edge;
    const struct lang_field_node *field;
    struct lang_expr *value;
};

/* One rule while it is checked and compiled. Tables are as the program will have them. */
struct lang_scope {
    struct lang_parser *p;
    struct lang_rule_node *rule;
    struct lang_scope_entry elements[JIT_PATTERN_ELEMENTS_MAX];
    uint32_t element_count;
    struct lang_scope_entry created[JIT_PATTERN_ELEMENTS_MAX];
    uint32_t created_count;
    struct rmg_rule_portal portals[RMG_RULE_PORTALS_MAX];
    uint32_t portal_count;
    struct rmg_rule_field fields[RMG_RULE_FIELDS_MAX];
    uint32_t field_count;
    struct rmg_rule_equal equals[RMG_RULE_EQUALS_MAX]; /* ascending */
    uint32_t equal_count;
    struct rmg_rule_near negatives[RMG_RULE_NEGATIVES_MAX];
    uint32_t negative_count;
    struct rmg_rule_near aggregates[RMG_RULE_AGGREGATES_MAX];
    uint32_t aggregate_count;
    struct lang_near_value negative_values[RMG_RULE_VALUES_MAX]; /* in the order of the text */
    uint32_t negative_value_count;
    struct lang_near_value aggregate_values[RMG_RULE_VALUES_MAX];
    uint32_t aggregate_value_count;
    struct rmg_rule_update updates[RMG_RULE_UPDATES_MAX]; /* without code */
    struct lang_expr *update_values[RMG_RULE_UPDATES_MAX];
    uint32_t update_count;
    struct rmg_datum *constants; /* heap memory; used by compile */
    uint32_t constant_count;
    size_t constant_capacity;
};

enum lang_where { LANG_IN_WHERE, LANG_IN_EFFECT };

/* Fills what the tree leaves open: operands, types, codecs, tables of the scope. */
bool lang_check_rule(struct lang_scope *scope);
/* Paths behind portals (lang_portal.c): what stands behind a path, where a path lies, whether an
 * element that is known lies there, what may not be done behind a portal; `what` has none. */
bool lang_parse_inside(struct lang_parser *p, struct lang_path *path);
bool lang_place_path(struct lang_scope *scope, const struct lang_path *path, uint8_t *place);
bool lang_check_place(struct lang_scope *scope, const struct lang_element *element,
                      const struct lang_scope_entry *known, uint8_t place);
bool lang_check_portals(struct lang_scope *scope);
bool lang_refuse_portals(struct lang_scope *scope, const char *what);
/* What an invariant may not say beside that (lang_invariant.c). */
bool lang_check_invariant(struct lang_scope *scope);
bool lang_check_expr(struct lang_scope *scope, struct lang_expr *expr, enum lang_where where);
/* Conditions and aggregates (lang_near.c). */
bool lang_check_condition(struct lang_scope *scope, struct lang_expr *expr);
bool lang_check_aggregate(struct lang_scope *scope, struct lang_expr *expr);
/* Checks expr against the codec wanted; `what` names the place in the message. */
bool lang_check_value(struct lang_scope *scope, struct lang_expr *expr, enum lang_where where,
                      enum rmg_codec codec, const char *what);
struct lang_scope_entry *lang_scope_find(struct lang_scope *scope, const struct lang_name *name,
                                         uint8_t *operand);
/* otherwise: the help when no name is near; NULL: the usual one. */
bool lang_unknown_element(struct lang_scope *scope, const struct lang_name *name,
                          const char *otherwise);
struct lang_field_node *lang_find_field(struct lang_type_node *type, const struct lang_name *name);
/* The field of the program that reads `field` of an element of the match. at, size: where the text
 * names it. */
bool lang_read_field(struct lang_scope *scope, uint8_t operand, const struct lang_name *field,
                     uint32_t at, uint32_t size, uint32_t *index);
bool lang_unknown_field(struct lang_parser *p, struct lang_type_node *type,
                        const struct lang_name *name);
bool lang_find_type(struct lang_parser *p, const struct lang_name *label, bool is_edge,
                    struct lang_type_node **out);

bool lang_compile_rule(struct lang_scope *scope); /* fills rule->pub */
bool lang_link(struct lang_parser *p);            /* processes, grants: names to indexes */
struct lang_rule_node *lang_find_rule(struct lang_parser *p, const struct lang_name *name);
bool lang_link_script(struct lang_parser *p, struct lang_script_node *script);
/* The rule that is called, and its parameters. */
bool lang_link_call(struct lang_parser *p, struct lang_run_node *node, struct lang_run *run);
bool lang_collect(struct lang_parser *p, struct lang_system *system); /* lists to arrays */

#endif
