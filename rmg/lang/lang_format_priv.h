/* rmg/lang/lang_format_priv.h - the canonical text in pieces, shared by what writes it whole
 * (lang_format*.c), what tidies a text with its comments (lang_tidy*.c), and what names a piece in
 * a message. Each is written without the blanks before it and the line end; whether there was
 * memory, the buffer knows. Layer: rmg. */
#ifndef JIT_RMG_LANG_LANG_FORMAT_PRIV_H
#define JIT_RMG_LANG_LANG_FORMAT_PRIV_H

#include "rmg/lang/lang_priv.h"

/* ---- words, names, values (lang_format_expr.c, lang_literal.c, lang_step.c) ---- */
void lang_print_name(const char *name, size_t size, struct jit_buf *out); /* quoted if need be */
void lang_put(struct jit_buf *out, const char *text);
void lang_put_number(struct jit_buf *out, uint64_t value);
void lang_print_datum(const struct rmg_datum *datum, struct jit_buf *out);
/* "list<i64>" */
void lang_put_codec(enum rmg_codec codec, enum rmg_codec element, struct jit_buf *out);

/* ---- expressions (lang_format_expr.c) ---- */
void lang_print_expr(const struct lang_expr *expr, struct jit_buf *out);
/* The word of a function of f64 and f32 that leaves the same; NULL: it is none. */
const char *lang_real_function(enum rmg_expr_op op);
void lang_print_conjunct(const struct lang_expr *expr, struct jit_buf *out); /* of a where */
/* The conjuncts of a where: the first, and whether the others are its siblings. */
const struct lang_expr *lang_conjuncts(const struct lang_expr *where, bool *several);

/* ---- patterns and rules (lang_format_rule.c, lang_portal.c) ---- */
void lang_format_rule(const struct lang_rule_node *rule, struct jit_buf *out); /* with line ends */
void lang_print_rule_head(const struct lang_rule_node *rule, struct jit_buf *out);
void lang_print_equal(const struct lang_equal *equal, struct jit_buf *out);
void lang_print_path(const struct lang_path *path, struct jit_buf *out);
void lang_print_inside(const struct lang_path *path, struct jit_buf *out);
void lang_print_clause_word(const struct lang_clause *clause, struct jit_buf *out);
void lang_print_assign(const struct lang_clause *clause, const struct lang_assign *assign,
                       struct jit_buf *out);

/* ---- a system (lang_format.c), its scripts (lang_script.c, lang_step.c) ---- */
void lang_print_type_head(const struct lang_type *type, struct jit_buf *out);
void lang_print_field(const struct lang_field *field, struct jit_buf *out);
void lang_print_import(const struct lang_import *import, struct jit_buf *out);
/* `apply all at most 5 ticks over shard(/world)`; of a program of its own without `apply`. */
void lang_print_over(const struct lang_process *process, struct jit_buf *out);
/* ` exec("FILE")`, or nothing. */
void lang_print_exec(const struct lang_process *process, struct jit_buf *out);
void lang_print_run(const struct lang_rule *rule, const struct lang_run *run, struct jit_buf *out);
extern const char *const lang_right_words[]; /* "map " */
/* One of enum lang_narrow, as it is written; false: the grant has none. */
bool lang_print_narrow(const struct lang_grant *grant, unsigned narrow, struct jit_buf *out);
void lang_print_script(const struct lang_system *system, const struct lang_script *script,
                       struct jit_buf *out); /* with its line ends */
void lang_print_script_head(const struct lang_script *script, struct jit_buf *out);
void lang_print_step_word(enum rmg_script_mode mode, struct jit_buf *out);
void lang_print_step_end(enum rmg_script_mode mode, uint64_t at_most, struct jit_buf *out);

/* ---- a process that explores (lang_explore.c) ---- */
/* Between the rules and their calls: "explore 64 branches of ", "choose max(", "2 * count(", ... */
void lang_print_explore(const struct lang_process *process, struct jit_buf *out);
void lang_print_choose(const struct lang_process *process, struct jit_buf *out);
void lang_print_score(const struct lang_score *score, bool first, struct jit_buf *out);
void lang_print_chosen(const struct lang_process *process, struct jit_buf *out);

/* ---- policies (lang_policy.c), owners (lang_own.c) ---- */
/* One clause of it, without blanks and line end; false, and nothing, where it is the usual one. */
bool lang_print_restart(const struct lang_policy *policy, struct jit_buf *out);
bool lang_print_hang(const struct lang_policy *policy, struct jit_buf *out);
bool lang_print_keep(const struct lang_policy *policy, struct jit_buf *out);
bool lang_print_graph(const struct lang_policy *policy, struct jit_buf *out);
void lang_print_owns(const struct lang_system *system, const struct lang_grant *grant,
                     struct jit_buf *out);
void lang_print_own_nodes(const struct lang_grant_node *grant, struct jit_buf *out);

#endif
