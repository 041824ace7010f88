/* explore N branches of RULES choose max(SCORE): processes that try futures (docs/spec/rules.md).
 */
#include "base/check.h"
#include "rmg/lang/lang_format_priv.h"

static bool parse_number(struct lang_parser *p, const char *what, int64_t most, int64_t *out)
{
    struct lang_expr *value = NULL;
    if (!lang_at(p, LANG_INTEGER)) {
        return lang_expected(p, what);
    }
    if (!lang_take_constant(p, what, &value)) {
        return false;
    }
    if (value->codec != RMG_CODEC_I64 || value->datum.as.i64 < 1 || value->datum.as.i64 > most) {
        return lang_fail(p, value->at, value->size, "%s: a whole number from 1 to %lld", what,
                         (long long)most);
    }
    *out = value->datum.as.i64;
    return true;
}

/* [NUMBER *] count(RULE), or sum(RULE); the sign was before it. */
static bool parse_score(struct lang_parser *p, bool minus, struct lang_score_node *score)
{
    int64_t weight = 1;
    score->at = p->token.at;
    if (lang_at(p, LANG_INTEGER) &&
        (!parse_number(p, "a weight", LANG_WEIGHT_MAX, &weight) ||
         !lang_expect(p, LANG_C('*'), "`*` and `count(RULE)` or `sum(RULE)`"))) {
        return false;
    }
    score->pub.weight = minus ? -weight : weight;
    score->pub.sum = lang_at_word(p, "sum");
    if (!lang_take_word(p, "sum") && !lang_take_word(p, "count")) {
        lang_expected(p, "`count(RULE)` or `sum(RULE)`");
        return lang_help(p,
                         "count(r): how many matches r has; sum(r): what its `add`s would come to");
    }
    return lang_expect(p, LANG_C('('), "`(` and the name of a rule") &&
           lang_parse_call(p, &score->call) && lang_expect(p, LANG_C(')'), "`)`");
}

static bool parse_scores(struct lang_parser *p, struct lang_process_node *process)
{
    struct lang_score_node **end = &process->scores;
    bool minus = lang_take(p, LANG_C('-'));
    for (;;) {
        struct lang_score_node *score = lang_alloc(p->arena, 1, sizeof *score);
        if (score == NULL) {
            return lang_no_memory(p);
        }
        if (!parse_score(p, minus, score)) {
            return false;
        }
        *end = score;
        end = &score->next;
        process->score_count++;
        minus = lang_at(p, LANG_C('-'));
        if (!lang_take(p, LANG_C('-')) && !lang_take(p, LANG_C('+'))) {
            return lang_expect(p, LANG_C(')'), "`+`, `-` or `)`");
        }
    }
}

static bool parse_choose(struct lang_parser *p, struct lang_process_node *process)
{
    process->over_at = p->token.at;
    if (!lang_take_word(p, "choose")) {
        return lang_expected(p, "`,` or `choose max(...)`");
    }
    process->pub.explore_min = lang_at_word(p, "min");
    if (!lang_take_word(p, "min") && !lang_take_word(p, "max")) {
        lang_expected(p, "`max(...)` or `min(...)`");
        return lang_help(p, "write for example `choose max(count(r))`");
    }
    if (!lang_expect(p, LANG_C('('), "`(` and what a branch is worth") ||
        !parse_scores(p, process)) {
        return false;
    }
    process->pub.explore_stay = lang_take_word(p, "or");
    return !process->pub.explore_stay || lang_take_word(p, "stay") || lang_expected(p, "`stay`");
}

bool lang_parse_explore(struct lang_parser *p, struct lang_process_node *process)
{
    int64_t branches = 0;
    lang_next(p); /* explore */
    if (!parse_number(p, "how many branches", LANG_EXPLORE_MAX, &branches)) {
        return false;
    }
    process->pub.explore = (uint32_t)branches;
    if (!lang_take_word(p, "branches")) {
        return lang_expected(p, "`branches of` and the rules that are tried");
    }
    if (!lang_take_word(p, "of")) {
        return lang_expected(p, "`of` and the rules that are tried");
    }
    if (!lang_parse_runs(p, process) || !parse_choose(p, process) ||
        !lang_parse_bounded_shard(p, process)) {
        return false;
    }
    process->pub.apply = LANG_EXPLORE;
    return true;
}

/* ---- names ---- */

static bool adds(const struct lang_rule_node *rule)
{
    const struct lang_clause *clause = rule->clauses;
    while (clause != NULL && clause->kind != LANG_ADD) {
        clause = clause->next;
    }
    return clause != NULL;
}

bool lang_link_scores(struct lang_parser *p, struct lang_process_node *process)
{
    struct lang_score *scores = lang_alloc(p->arena, process->score_count + 1u, sizeof *scores);
    bool good = true;
    uint32_t i = 0;
    if (scores == NULL) {
        return lang_no_memory(p);
    }
    for (struct lang_score_node *node = process->scores; node != NULL; node = node->next, i++) {
        const struct lang_name *name = &node->call->rule;
        scores[i] = node->pub;
        good = lang_link_call(p, node->call, &scores[i].run) && good;
        const struct lang_rule_node *rule =
            lang_index_get(&p->index, LANG_INDEX_RULE, name->text, name->size);
        if (rule != NULL && !rule->broken && rule->pub.rule.portal_count > 0) {
            good = lang_fail(p, name->at, name->span,
                             "a future is one of an instance, and `%.60s` goes through a portal",
                             rule->name.text);
        }
        if (rule != NULL && node->pub.sum && !rule->broken && !adds(rule)) {
            good = lang_fail(p, name->at, name->span, "`%.60s` adds nothing that could be summed",
                             rule->name.text);
            lang_help(p, "write count(%.60s), or give it an `add`", rule->name.text);
        }
    }
    process->pub.scores = scores;
    process->pub.score_count = process->score_count;
    return good;
}

/* ---- the canonical text ---- */

void lang_print_explore(const struct lang_process *process, struct jit_buf *out)
{
    lang_put(out, " explore ");
    lang_put_number(out, process->explore);
    lang_put(out, " branches of ");
}

void lang_print_choose(const struct lang_process *process, struct jit_buf *out)
{
    lang_put(out, process->explore_min ? "choose min(" : "choose max(");
}

void lang_print_score(const struct lang_score *score, bool first, struct jit_buf *out)
{
    const bool minus = score->weight < 0;
    const uint64_t weight = minus ? (uint64_t)-score->weight : (uint64_t)score->weight;
    lang_put(out, first ? (minus ? "-" : "") : minus ? " - " : " + ");
    if (weight != 1) {
        lang_put_number(out, weight);
        lang_put(out, " * ");
    }
    lang_put(out, score->sum ? "sum(" : "count(");
}

void lang_print_chosen(const struct lang_process *process, struct jit_buf *out)
{
    lang_put(out, process->explore_stay ? ") or stay " : ") ");
}
