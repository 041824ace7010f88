/* Rules: head, match, where, and the clauses that say what changes. */
#include "rmg/lang/lang_priv.h"

#include "base/check.h"

static bool parse_params(struct lang_parser *p, struct lang_rule_node *rule)
{
    struct lang_param **end = &rule->params;
    do {
        if (lang_at(p, LANG_C(')')) && rule->param_count > 0) {
            break; /* a comma behind the last one */
        }
        struct lang_param *param = lang_alloc(p->arena, 1, sizeof *param);
        if (param == NULL) {
            return lang_no_memory(p);
        }
        if (!lang_take_name(p, "a parameter's name", &param->name) ||
            !lang_expect(p, LANG_C(':'), "`:` and the parameter's codec")) {
            return false;
        }
        struct lang_token codec = p->token;
        if (!lang_take_codec(p, &param->codec)) {
            return false;
        }
        if (param->codec >= RMG_CODEC_BYTES) {
            return lang_refuse(p, codec.at, codec.size, "a parameter of this codec",
                               "a parameter is bool, i64, f64, f32 or text");
        }
        if (lang_at(p, LANG_C('='))) {
            return lang_refuse(p, p->token.at, 1, "a default of a parameter",
                               "each process gives its own: run rule(p = 0.5)");
        }
        for (const struct lang_param *other = rule->params; other != NULL; other = other->next) {
            if (lang_name_equal(&other->name, &param->name)) {
                return lang_fail(p, param->name.at, param->name.span,
                                 "this rule has a parameter `%.60s` already", param->name.text);
            }
        }
        if (rule->param_count == RMG_RULE_PARAMS_MAX) {
            return lang_fail(p, param->name.at, param->name.span,
                             "a rule has at most %u parameters", RMG_RULE_PARAMS_MAX);
        }
        *end = param;
        end = &param->next;
        rule->param_count++;
    } while (lang_take(p, LANG_C(',')));
    return lang_expect(p, LANG_C(')'), "`,` or `)`");
}

static bool parse_priority(struct lang_parser *p, struct lang_rule_node *rule)
{
    struct lang_expr *value = NULL;
    if (!lang_take_constant(p, "a whole number", &value)) {
        return false;
    }
    if (value->codec != RMG_CODEC_I64 || value->datum.as.i64 < INT32_MIN ||
        value->datum.as.i64 > INT32_MAX) {
        return lang_fail(p, value->at, value->size, "a priority is a whole number from %d to %d",
                         INT32_MIN, INT32_MAX);
    }
    rule->pub.rule.priority = (int32_t)value->datum.as.i64;
    return true;
}

/* `on conflict reject`, `on conflict retry 2` */
static bool parse_conflict(struct lang_parser *p, struct lang_rule_node *rule)
{
    struct lang_expr *times = NULL;
    lang_next(p);
    if (!lang_take_word(p, "conflict")) {
        return lang_expected(p, "`conflict`");
    }
    if (lang_take_word(p, "reject")) {
        return true;
    }
    if (!lang_take_word(p, "retry")) {
        return lang_expected(p, "`reject` or `retry 2`");
    }
    if (!lang_take_constant(p, "how often it is tried again", &times)) {
        return false;
    }
    if (times->codec != RMG_CODEC_I64 || times->datum.as.i64 < 1 ||
        times->datum.as.i64 > JIT_RETRY_MAX) {
        lang_fail(p, times->at, times->size, "a request is tried again 1 to %u times",
                  JIT_RETRY_MAX);
        return lang_help(p, "`on conflict reject` is what holds without a word");
    }
    rule->pub.rule.retry = (uint32_t)times->datum.as.i64;
    return true;
}

/* `after 3 ticks` */
static bool parse_delay(struct lang_parser *p, struct lang_rule_node *rule)
{
    struct lang_expr *ticks = NULL;
    if (!lang_take_constant(p, "after how many ticks", &ticks)) {
        return false;
    }
    if (ticks->codec != RMG_CODEC_I64 || ticks->datum.as.i64 < 1 ||
        ticks->datum.as.i64 > JIT_DELAY_MAX) {
        lang_fail(p, ticks->at, ticks->size,
                  "a rule is applied 1 to %u ticks after it was asked for", JIT_DELAY_MAX);
        return lang_help(p, "in the same tick is what holds without a word");
    }
    rule->pub.rule.delay = (uint32_t)ticks->datum.as.i64;
    if (!lang_take_word(p, "ticks") && !lang_take_word(p, "tick")) {
        return lang_expected(p, "`ticks`");
    }
    return true;
}

static bool parse_head(struct lang_parser *p, struct lang_rule_node *rule)
{
    bool priority = false;
    bool conflict = false;
    if (lang_take(p, LANG_C('(')) && !lang_take(p, LANG_C(')')) && !parse_params(p, rule)) {
        return false;
    }
    for (;;) {
        struct lang_token word = p->token;
        if (lang_take_word(p, "priority")) {
            if (priority) {
                return lang_fail(p, word.at, word.size, "this rule has a priority already");
            }
            priority = true;
            if (!parse_priority(p, rule)) {
                return false;
            }
        } else if (lang_at_word(p, "on")) {
            if (conflict) {
                return lang_fail(p, word.at, word.size, "this rule has `on conflict` already");
            }
            conflict = true;
            if (!parse_conflict(p, rule)) {
                return false;
            }
        } else if (lang_take_word(p, "after")) {
            if (rule->pub.rule.delay > 0) {
                return lang_fail(p, word.at, word.size, "this rule has `after` already");
            }
            if (!parse_delay(p, rule)) {
                return false;
            }
        } else {
            return true;
        }
    }
}

/* Words of the language that are not there yet, and words of other ones, where a clause begins. */
static const char *const later_clauses[][2] = {
    {"apply", "`apply` stands in `process`"},
    {"portal", "write what lies behind a portal as a path: match (s:Type), (x:Type) in s.portal"},
    {"descend", "write what lies behind a portal as a path: match (s:Type), (x:Type) in s.portal"},
    {"explore", NULL},
    {"exec", NULL},
    {"retry", NULL},
    {"until", NULL},
    {"optional", "write one rule with the edge and one with `not (a)-[...]->(...)`"},
    {"merge", "write one rule with `not (a)-[...]->(...)` that creates it"},
    {"with", NULL},
    {"return", "a rule returns nothing; look at results with `jitos show` or `rmg export`"}};

static bool refuse_clause(struct lang_parser *p)
{
    struct lang_token word = p->token;
    for (size_t i = 0; i < sizeof later_clauses / sizeof later_clauses[0]; i++) {
        if (!lang_at_word(p, later_clauses[i][0])) {
            continue;
        }
        return lang_refuse(p, word.at, word.size, later_clauses[i][0], later_clauses[i][1]);
    }
    struct lang_token next = lang_peek(p, 1);
    if (lang_at_word(p, "may") && lang_is_word(p, &next, "equal")) {
        lang_fail(p, word.at, next.at + next.size - word.at,
                  "`may equal` stands right behind `match`");
        return lang_help(p, "write it before `where` and before what changes");
    }
    static const char *const clauses[] = {"create", "delete", "detach", "set",   "add",
                                          "raise",  "lower",  "put",    "where", "match"};
    lang_expected(p, "`create`, `delete`, `set`, `add` or the next declaration");
    if (word.kind == LANG_NAME) {
        struct lang_nearest nearest = lang_nearest_to(p->source + word.at, word.size);
        for (size_t i = 0; i < sizeof clauses / sizeof clauses[0]; i++) {
            lang_nearest_try(&nearest, clauses[i], (uint32_t)strlen(clauses[i]));
        }
        if (nearest.best != NULL && nearest.best_distance > 0) {
            lang_help(p, "did you mean `%s`?", nearest.best);
        }
    }
    return false;
}

static bool parse_target(struct lang_parser *p, struct lang_assign *assign, const char *what)
{
    if (!lang_take_name(p, what, &assign->target)) {
        return false;
    }
    return lang_expect(p, LANG_C('.'), "`.` and a field's name") &&
           lang_take_label(p, "a field's name", &assign->field);
}

static bool parse_create(struct lang_parser *p, struct lang_clause *clause)
{
    return lang_parse_paths(p, &clause->paths);
}

static bool parse_delete(struct lang_parser *p, struct lang_clause *clause)
{
    struct lang_assign **end = &clause->assigns;
    do {
        struct lang_assign *target = lang_alloc(p->arena, 1, sizeof *target);
        if (target == NULL) {
            return lang_no_memory(p);
        }
        if (!lang_take_name(p, "the name of a matched element", &target->target)) {
            return false;
        }
        if (lang_at(p, LANG_C('.'))) {
            lang_expected(p, "`,` or the next clause");
            return lang_help(p, "a field cannot be deleted, only a node or an edge");
        }
        *end = target;
        end = &target->next;
    } while (lang_take(p, LANG_C(',')));
    return true;
}

static bool parse_set(struct lang_parser *p, struct lang_clause *clause)
{
    struct lang_assign **end = &clause->assigns;
    do {
        struct lang_assign *assign = lang_alloc(p->arena, 1, sizeof *assign);
        if (assign == NULL) {
            return lang_no_memory(p);
        }
        if (!parse_target(p, assign, "an element's name")) {
            return false;
        }
        if (lang_at(p, LANG_C('+')) || lang_at(p, LANG_C('-'))) {
            lang_expected(p, "`=`");
            return lang_help(p, "write `add %.60s.%.60s, ...` for a field with join sum",
                             assign->target.text, assign->field.text);
        }
        if (!lang_expect(p, LANG_C('='), "`=` and a value") ||
            !lang_parse_expr(p, &assign->value)) {
            return false;
        }
        *end = assign;
        end = &assign->next;
    } while (lang_take(p, LANG_C(',')));
    return true;
}

/* `add a.x, 1` and the other joins, behind the word. */
static bool parse_join(struct lang_parser *p, const char *word, struct lang_clause *clause)
{
    struct lang_assign *assign = lang_alloc(p->arena, 1, sizeof *assign);
    if (assign == NULL) {
        return lang_no_memory(p);
    }
    clause->assigns = assign;
    if (!parse_target(p, assign, "an element's name")) {
        return false;
    }
    if (!lang_take(p, LANG_C(','))) {
        lang_expected(p, "`,` and a value");
        return lang_help(p, "write `%s %.60s.%.60s, 1`", word, assign->target.text,
                         assign->field.text);
    }
    return lang_parse_expr(p, &assign->value);
}

static bool parse_clause(struct lang_parser *p, struct lang_clause *clause)
{
    clause->at = p->token.at;
    if (lang_take_word(p, "create")) {
        clause->kind = LANG_CREATE;
        return parse_create(p, clause);
    }
    clause->detach = lang_take_word(p, "detach");
    if (clause->detach && !lang_at_word(p, "delete")) {
        return lang_expected(p, "`delete`");
    }
    if (lang_take_word(p, "delete")) {
        clause->kind = LANG_DELETE;
        return parse_delete(p, clause);
    }
    if (lang_take_word(p, "set")) {
        clause->kind = LANG_SET;
        return parse_set(p, clause);
    }
    static const struct {
        const char *word;
        enum lang_clause_kind kind;
    } joins[] = {
        {"add", LANG_ADD}, {"raise", LANG_RAISE}, {"lower", LANG_LOWER}, {"put", LANG_PUT}};
    for (size_t i = 0; i < sizeof joins / sizeof joins[0]; i++) {
        if (lang_take_word(p, joins[i].word)) {
            clause->kind = joins[i].kind;
            return parse_join(p, joins[i].word, clause);
        }
    }
    if (lang_at_word(p, "where")) {
        lang_fail(p, p->token.at, p->token.size, "`where` stands once, right behind `match`");
        return lang_help(p, "join conditions with `and`");
    }
    if (lang_at_word(p, "match")) {
        return lang_refuse(p, p->token.at, p->token.size, "a second match",
                           "write all paths behind one match: match (a:T)-->(b), (b)-->(c)");
    }
    return refuse_clause(p);
}

static bool parse_match(struct lang_parser *p, struct lang_rule_node *rule)
{
    if (lang_at_word(p, "optional")) {
        return refuse_clause(p);
    }
    rule->match_at = p->token.at;
    if (!lang_take_word(p, "match")) {
        lang_expected(p, rule->param_count == 0 && lang_at(p, LANG_NAME) ? "`match`"
                                                                         : "`priority` or `match`");
        return lang_help(p, "a rule begins with what it looks for: match (a:Type)");
    }
    return lang_parse_paths(p, &rule->match);
}

bool lang_at_declaration(const struct lang_parser *p)
{
    static const char *const words[] = {"system",    "type",    "edge",  "import", "rule",
                                        "invariant", "process", "grant", "script"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (lang_at_word(p, words[i])) {
            return true;
        }
    }
    return lang_at(p, LANG_END);
}

static bool parse_body(struct lang_parser *p, struct lang_rule_node *rule)
{
    struct lang_clause **end = &rule->clauses;
    if (!parse_head(p, rule)) {
        return false;
    }
    p->params = rule->params;
    if (!parse_match(p, rule)) {
        return false;
    }
    if (!lang_parse_equals(p, &rule->equals)) {
        return false;
    }
    rule->where_at = lang_at_word(p, "where") ? p->token.at : 0;
    if (lang_take_word(p, "where") && !lang_parse_expr(p, &rule->where)) {
        return false;
    }
    while (!lang_at_declaration(p)) {
        struct lang_clause *clause = lang_alloc(p->arena, 1, sizeof *clause);
        if (clause == NULL) {
            return lang_no_memory(p);
        }
        if (!parse_clause(p, clause)) {
            return false;
        }
        *end = clause;
        end = &clause->next;
    }
    if (rule->clauses == NULL) {
        lang_fail(p, rule->name.at, rule->name.span, "rule `%.60s` changes nothing",
                  rule->name.text);
        return lang_help(p, "add `create`, `delete`, `set` or `add` behind the match");
    }
    rule->end = p->end;
    if (rule->end - rule->at > JIT_RULE_TEXT_BYTES_MAX) {
        return lang_fail(p, rule->name.at, rule->name.span,
                         "a rule has at most %u bytes of text, this one has %u",
                         JIT_RULE_TEXT_BYTES_MAX, rule->end - rule->at);
    }
    return true;
}

bool lang_parse_rule(struct lang_parser *p)
{
    struct lang_rule_node *rule = lang_alloc(p->arena, 1, sizeof *rule);
    if (rule == NULL) {
        return lang_no_memory(p);
    }
    rule->at = p->token.at;
    rule->pub.pos = lang_position(p, rule->at);
    p->calls = 0;
    p->params = NULL;
    p->depth = 0;
    lang_next(p);
    if (!lang_take_name(p, "the rule's name", &rule->name)) {
        return false;
    }
    if (lang_index_get(&p->index, LANG_INDEX_RULE, rule->name.text, rule->name.size) != NULL) {
        lang_fail(p, rule->name.at, rule->name.span, "there is a rule `%.60s` already",
                  rule->name.text);
    } else if (p->rule_count == JIT_RULES_MAX) {
        return lang_fail(p, rule->name.at, rule->name.span, "a system has at most %u rules",
                         JIT_RULES_MAX);
    } else {
        if (!lang_index_put(&p->index, p->arena, LANG_INDEX_RULE, rule->name.text, rule->name.size,
                            rule)) {
            return lang_no_memory(p);
        }
        rule->index = p->rule_count++;
        *p->rules_end = rule;
        p->rules_end = &rule->next;
    }
    rule->broken = true; /* until it is read to its end */
    uint32_t errors = p->error_count;
    bool parsed = parse_body(p, rule);
    rule->broken = !parsed || p->error_count > errors;
    return parsed;
}
