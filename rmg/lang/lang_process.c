/* Processes and grants. Names are resolved when all of the file is read (lang_link.c). */
#include "rmg/lang/lang_priv.h"

#include "base/check.h"

static bool parse_bindings(struct lang_parser *p, struct lang_binding **end)
{
    while (!lang_at(p, LANG_C(')'))) {
        struct lang_binding *binding = lang_alloc(p->arena, 1, sizeof *binding);
        if (binding == NULL) {
            return lang_no_memory(p);
        }
        if (!lang_take_name(p, "a parameter's name", &binding->name)) {
            return false;
        }
        if (!lang_take(p, LANG_C('='))) {
            lang_expected(p, "`=` and a value");
            return lang_help(p, "parameters are given by name: %.60s = 0.5", binding->name.text);
        }
        if (!lang_take_constant(p, "a number, a text, true or false", &binding->value)) {
            return false;
        }
        *end = binding;
        end = &binding->next;
        if (!lang_take(p, LANG_C(','))) {
            break;
        }
    }
    return lang_expect(p, LANG_C(')'), "`,` or `)`");
}

bool lang_parse_call(struct lang_parser *p, struct lang_run_node **out)
{
    struct lang_run_node *run = lang_alloc(p->arena, 1, sizeof *run);
    *out = run;
    if (run == NULL) {
        return lang_no_memory(p);
    }
    return lang_take_name(p, "the name of a rule", &run->rule) &&
           (!lang_take(p, LANG_C('(')) || parse_bindings(p, &run->bindings));
}

bool lang_parse_runs(struct lang_parser *p, struct lang_process_node *process)
{
    struct lang_run_node **end = &process->runs;
    do {
        struct lang_run_node *run = NULL;
        struct lang_token next = lang_peek(p, 1);
        if (lang_at_word(p, "exec") && next.kind == LANG_C('(')) {
            return lang_refuse(p, p->token.at, p->token.size, "exec",
                               "write exec(\"FILE\") before `run`");
        }
        if (!lang_parse_call(p, &run)) {
            return false;
        }
        *end = run;
        end = &run->next;
        process->run_count++;
    } while (lang_take(p, LANG_C(',')));
    return true;
}

static bool parse_shard(struct lang_parser *p, struct lang_process_node *process)
{
    if (!lang_take_word(p, "over")) {
        return lang_expected(p, "`over shard(/world)`");
    }
    if (!lang_take_word(p, "shard")) {
        if (!lang_at(p, LANG_END) && p->source[p->token.at] == '/') {
            lang_fail(p, p->token.at, p->token.size,
                      "each member of a process has one shard of an instance");
            return lang_help(p, "write `over shard(/world)`; a process of one has the whole of it");
        }
        return lang_expected(p, "`shard(/world)`");
    }
    if (!lang_expect(p, LANG_C('('), "`(` and the path of an instance") ||
        !lang_take_path(p, "the path of an instance", &process->pub.over)) {
        return false;
    }
    if (lang_at(p, LANG_C(','))) {
        lang_fail(p, p->token.at, 1, "which shard a member has is not given by hand");
        return lang_help(p, "member k of name[n] has shard k of n by itself");
    }
    process->pub.apply = LANG_APPLY_ALL;
    return lang_expect(p, LANG_C(')'), "`)`");
}

/* at most 5 ticks: behind `all` and `until none`. */
static bool parse_bound(struct lang_parser *p, struct lang_process_node *process)
{
    struct lang_expr *ticks = NULL;
    if (!lang_take_word(p, "at")) {
        return true;
    }
    if (!lang_take_word(p, "most")) {
        return lang_expected(p, "`most`");
    }
    if (!lang_take_constant(p, "how many ticks", &ticks)) {
        return false;
    }
    if (ticks->codec != RMG_CODEC_I64 || ticks->datum.as.i64 < 1) {
        return lang_fail(p, ticks->at, ticks->size, "a process takes part in 1 tick or more");
    }
    process->pub.ticks = (uint64_t)ticks->datum.as.i64;
    return lang_take_word(p, "ticks") || lang_expected(p, "`ticks`");
}

bool lang_parse_bounded_shard(struct lang_parser *p, struct lang_process_node *process)
{
    return parse_bound(p, process) && parse_shard(p, process);
}

static bool parse_over(struct lang_parser *p, struct lang_process_node *process)
{
    struct lang_token word = p->token;
    enum lang_apply apply = LANG_APPLY_ALL;
    if (lang_take_word(p, "once")) {
        apply = LANG_APPLY_ONCE;
        if (lang_at_word(p, "at")) {
            lang_expected(p, "`over shard(/world)`");
            return lang_help(p, "`once` is one rewrite: there is nothing to bound");
        }
    } else if (lang_take_word(p, "until")) {
        apply = LANG_APPLY_UNTIL_NONE;
        if (!lang_take_word(p, "none")) {
            return lang_expected(p, "`none`");
        }
    } else if (!lang_take_word(p, "all")) {
        return lang_expected(p, "`all`, `once` or `until none`");
    }
    process->mode_at = word.at;
    if (!parse_bound(p, process) || !parse_shard(p, process)) {
        return false;
    }
    process->pub.apply = apply;
    return true;
}
/* exec("FILE"): a program of its own. */
static bool parse_exec(struct lang_parser *p, struct lang_process_node *process)
{
    struct rmg_datum name;
    if (!lang_take_word(p, "exec")) {
        return true;
    }
    if (!lang_expect(p, LANG_C('('), "`(` and a program's file name in quotes")) {
        return false;
    }
    struct lang_token text = p->token;
    if (!lang_at(p, LANG_TEXT)) {
        return lang_expected(p, "a program's file name in quotes");
    }
    if (!lang_take_literal(p, false, &name)) {
        return false;
    }
    if (name.size == 0) {
        return lang_fail(p, text.at, text.size, "a file's name is not empty");
    }
    process->pub.exec = (const char *)name.bytes; /* terminated, without NUL */
    return lang_expect(p, LANG_C(')'), "`)`");
}

/* How a process is brought forward: one that runs rules by running again, which is so anyway and
 * may be said; a program of its own by what the log has of it, unless it says that it can be run
 * again. */
static bool parse_replay(struct lang_parser *p, struct lang_process_node *process)
{
    bool program = process->pub.exec != NULL;
    struct lang_token word = p->token;
    if (!lang_take_word(p, "replay")) {
        return true;
    }
    const uint32_t size = p->token.at + p->token.size - word.at;
    if (process->replay_said) {
        return lang_fail(p, word.at, size, "how it is replayed is said twice");
    }
    process->replay_said = true;
    if (!program && lang_at_word(p, "log")) {
        lang_fail(p, word.at, size, "a process that runs rules is replayed by running it again");
        return lang_help(p, "`replay rerun`: it comes out as it did");
    }
    process->pub.rerun = program && lang_at_word(p, "rerun");
    return lang_take_word(p, "rerun") || (program && lang_take_word(p, "log")) ||
           lang_expected(p, program ? "`log` or `rerun`" : "`rerun`");
}

/* What may follow a process one day. */
static bool refuse_option(struct lang_parser *p)
{
    static const char *const later[][2] = {
        {"replay", "`replay` stands behind `over shard(/world)`"},
        {"exec", "exec(\"FILE\") stands before `run`"}};
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
        if (lang_at_word(p, later[i][0])) {
            return lang_refuse(p, p->token.at, p->token.size, later[i][0], later[i][1]);
        }
    }
    return true;
}

/* Options stand behind the shard, where the eye looks for them. */
static bool refuse_early_policy(struct lang_parser *p)
{
    if (!lang_at_word(p, "restart") && !lang_at_word(p, "on")) {
        return true;
    }
    lang_expected(p, "`run` and the rules it runs");
    return lang_help(p, "`restart` and `on hang` stand behind `over shard(/world)`");
}

static bool parse_count(struct lang_parser *p, struct lang_process_node *process)
{
    struct lang_expr *count = NULL;
    bool given = lang_take(p, LANG_C('['));
    process->pub.count = 1;
    if (given) {
        if (!lang_take_constant(p, "how many there are", &count)) {
            return false;
        }
        if (count->codec != RMG_CODEC_I64 || count->datum.as.i64 < 1 ||
            count->datum.as.i64 > JIT_PROCESSES_MAX) {
            return lang_fail(p, count->at, count->size, "a process has 1 to %u members",
                             JIT_PROCESSES_MAX);
        }
        process->pub.count = (uint32_t)count->datum.as.i64;
    }
    p->member_count += process->pub.count;
    if (p->member_count > JIT_PROCESSES_MAX) {
        return lang_fail(p, process->name.at, process->name.span,
                         "a system has at most %u processes in all", JIT_PROCESSES_MAX);
    }
    return !given || lang_expect(p, LANG_C(']'), "`]`");
}

/* What ends by itself is not started again. */
static bool check_end(struct lang_parser *p, const struct lang_process_node *process)
{
    const struct lang_process *pub = &process->pub;
    if (pub->policy.restart != LANG_RESTART_ALWAYS ||
        ((pub->apply == LANG_APPLY_ALL || pub->apply == LANG_EXPLORE) && pub->ticks == 0)) {
        return true;
    }
    lang_fail(p, process->policy_at[0], 7, "a process that ends by itself is not started again");
    return lang_help(p, "write `restart on failure`, or `apply all` without a bound");
}

static bool parse_process_body(struct lang_parser *p, struct lang_process_node *process)
{
    if (!parse_count(p, process) || !parse_exec(p, process) || !refuse_option(p) ||
        !refuse_early_policy(p)) {
        return false;
    }
    if (process->pub.exec == NULL && lang_at_word(p, "explore")) {
        return lang_parse_explore(p, process) && parse_replay(p, process) &&
               lang_parse_policy(p, &process->pub.policy, process->policy_at) &&
               parse_replay(p, process) && refuse_option(p) && check_end(p, process);
    }
    if (!lang_take_word(p, "run")) {
        return lang_expected(p, process->pub.exec == NULL
                                    ? "`run` and the rules it runs, or `explore`"
                                    : "`run` and the rules it runs");
    }
    if (!lang_parse_runs(p, process)) {
        return false;
    }
    process->over_at = p->token.at;
    /* A program of its own decides by itself which matches it asks for. */
    bool free = process->pub.exec != NULL && lang_at_word(p, "over");
    if (!free && !lang_take_word(p, "apply")) {
        return lang_expected(p, process->pub.exec != NULL
                                    ? "`,` or `over shard(/world)`"
                                    : "`,` or `apply all over shard(/world)`");
    }
    if (!free && process->pub.exec != NULL) {
        lang_fail(p, process->over_at, 5, "a program of its own decides what it applies");
        return lang_help(p, "write `over shard(/world)` behind its rules");
    }
    return (free ? parse_shard(p, process) : parse_over(p, process)) && parse_replay(p, process) &&
           lang_parse_policy(p, &process->pub.policy, process->policy_at) &&
           parse_replay(p, process) && refuse_option(p) && check_end(p, process);
}

bool lang_parse_process(struct lang_parser *p)
{
    struct lang_process_node *process = lang_alloc(p->arena, 1, sizeof *process);
    if (process == NULL) {
        return lang_no_memory(p);
    }
    process->pub.pos = lang_position(p, p->token.at);
    process->at = p->token.at;
    lang_next(p);
    if (!lang_take_name(p, "the process's name", &process->name)) {
        return false;
    }
    process->pub.name = process->name.text;
    if (lang_index_get(&p->index, LANG_INDEX_PROCESS, process->name.text, process->name.size) !=
        NULL) {
        lang_fail(p, process->name.at, process->name.span, "there is a process `%.60s` already",
                  process->name.text);
    } else {
        if (!lang_index_put(&p->index, p->arena, LANG_INDEX_PROCESS, process->name.text,
                            process->name.size, process)) {
            return lang_no_memory(p);
        }
        process->index = p->process_count++;
        *p->processes_end = process;
        p->processes_end = &process->next;
    }
    process->broken = true;
    bool parsed = parse_process_body(p, process);
    process->end = p->end;
    process->broken = !parsed;
    return parsed;
}

/* ---- grants ---- */

static bool parse_invoke(struct lang_parser *p, struct lang_right_node *right)
{
    struct lang_rule_ref **end = &right->rules;
    do {
        struct lang_rule_ref *ref = lang_alloc(p->arena, 1, sizeof *ref);
        if (ref == NULL) {
            return lang_no_memory(p);
        }
        if (!lang_take_name(p, "the name of a rule", &ref->name)) {
            return false;
        }
        if (lang_take(p, LANG_C('(')) && !parse_bindings(p, &ref->bindings)) {
            return false;
        }
        *end = ref;
        end = &ref->next;
        right->pub.rule_count++;
    } while (lang_take(p, LANG_C(',')));
    if (!lang_take_word(p, "on")) {
        lang_expected(p, "`,` or `on` and the path of an instance");
        return lang_help(p, "write for example `invoke %.60s on /world`", right->rules->name.text);
    }
    return lang_take_path(p, "the path of an instance", &right->pub.place);
}

/* limit N per tick / limit N in all / until N / priority N: each once. */
static bool parse_narrow(struct lang_parser *p, struct lang_grant_node *grant)
{
    uint32_t at = p->token.at;
    bool limit = lang_take_word(p, "limit");
    bool until = !limit && lang_take_word(p, "until");
    unsigned narrow = until ? LANG_NARROW_UNTIL : LANG_NARROW_PRIORITY;
    struct lang_expr *value = NULL;
    if (!limit && !until) {
        lang_next(p); /* priority */
    }
    if (!lang_take_constant(p,
                            limit   ? "how many requests"
                            : until ? "the last tick"
                                    : "the highest priority",
                            &value)) {
        return false;
    }
    int64_t least = narrow == LANG_NARROW_PRIORITY && !limit ? INT32_MIN : 0;
    int64_t most = narrow == LANG_NARROW_PRIORITY && !limit ? INT32_MAX : INT64_MAX;
    if (value->codec != RMG_CODEC_I64 || value->datum.as.i64 < least ||
        value->datum.as.i64 > most) {
        return lang_fail(p, value->at, value->size,
                         limit   ? "a limit is a whole number, 0 or more"
                         : until ? "a tick is a whole number, 0 or more"
                                 : "a priority is a whole number");
    }
    if (limit) {
        bool all = lang_take_word(p, "in");
        narrow = all ? LANG_NARROW_TOTAL : LANG_NARROW_LIMIT;
        if (!(all ? lang_take_word(p, "all")
                  : lang_take_word(p, "per") && lang_take_word(p, "tick"))) {
            return lang_expected(p, all ? "`all`" : "`per tick` or `in all`");
        }
    }
    if ((grant->pub.narrows & 1u << narrow) != 0) {
        static const char *const twice[] = {
            "this grant has a limit already", "this grant has a limit in all already",
            "this grant has a last tick already", "this grant has a highest priority already"};
        return lang_fail(p, at, p->end - at, "%s", twice[narrow]);
    }
    grant->pub.narrows |= 1u << narrow;
    grant->narrow_at[narrow] = at;
    if (narrow == LANG_NARROW_LIMIT) {
        grant->pub.limit = (uint64_t)value->datum.as.i64;
    } else if (narrow == LANG_NARROW_TOTAL) {
        grant->pub.total = (uint64_t)value->datum.as.i64;
    } else if (narrow == LANG_NARROW_UNTIL) {
        grant->pub.until = (uint64_t)value->datum.as.i64;
    } else {
        grant->pub.priority = (int32_t)value->datum.as.i64;
    }
    return true;
}

static bool add_right(struct lang_parser *p, struct lang_grant_node *grant,
                      struct lang_right_node ***end, struct lang_right_node **out)
{
    struct lang_right_node *right = lang_alloc(p->arena, 1, sizeof *right);
    if (right == NULL) {
        return lang_no_memory(p);
    }
    right->pub.pos = lang_position(p, p->token.at);
    right->at = p->token.at;
    **end = right;
    *end = &right->next;
    grant->pub.right_count++;
    *out = right;
    return true;
}

/* One of: map P, ... / read P, ... / write P, ... / invoke r, ... on P / what narrows them / what
 * they own. */
static bool parse_item(struct lang_parser *p, struct lang_grant_node *grant,
                       struct lang_right_node ***end)
{
    static const char *const words[] = {NULL, "map", "read", "write", "invoke"};
    struct lang_right_node *right = NULL;
    int kind = LANG_RIGHT_INVOKE;
    while (kind > 0 && !lang_at_word(p, words[kind])) {
        kind--;
    }
    if (kind == 0) {
        if (lang_at_word(p, "limit") || lang_at_word(p, "until") || lang_at_word(p, "priority")) {
            return parse_narrow(p, grant);
        }
        if (lang_at_word(p, "own")) {
            return lang_parse_own(p, grant);
        }
        return lang_expected(
            p, "`map`, `invoke`, `read`, `write`, `limit`, `until`, `priority` or `own`");
    }
    if (kind == LANG_RIGHT_INVOKE) {
        if (!add_right(p, grant, end, &right)) {
            return false;
        }
        right->pub.kind = LANG_RIGHT_INVOKE;
        lang_next(p);
        return parse_invoke(p, right);
    }
    do {
        if (!add_right(p, grant, end, &right)) {
            return false;
        }
        right->pub.kind = (enum lang_right_kind)kind;
        lang_next(p); /* the word, then each comma */
        if (!lang_take_path(p, "the path of an instance", &right->pub.place)) {
            return false;
        }
    } while (lang_at(p, LANG_C(',')));
    return true;
}

bool lang_parse_grant(struct lang_parser *p)
{
    struct lang_grant_node *grant = lang_alloc(p->arena, 1, sizeof *grant);
    if (grant == NULL) {
        return lang_no_memory(p);
    }
    grant->pub.pos = lang_position(p, p->token.at);
    grant->at = p->token.at;
    grant->pub.limit = LANG_LIMIT_NONE;
    lang_next(p);
    if (!lang_take_name(p, "the name of a process", &grant->process) ||
        !lang_expect(p, LANG_C(':'), "`:` and the rights")) {
        return false;
    }
    struct lang_right_node **end = &grant->rights;
    do {
        if (!parse_item(p, grant, &end)) {
            return false;
        }
        /* A `;` behind the last right does no harm: the next declaration is no right. */
    } while (lang_take(p, LANG_C(';')) && !lang_at_word(p, "grant") &&
             !lang_at_word(p, "process") && !lang_at_word(p, "rule") && !lang_at(p, LANG_END) &&
             !lang_at_word(p, "import") && !lang_at_word(p, "type") && !lang_at_word(p, "edge") &&
             !lang_at_word(p, "script"));
    grant->end = p->end;
    *p->grants_end = grant;
    p->grants_end = &grant->next;
    p->grant_count++;
    return true;
}
