/* What stands behind a process: `restart ...` and `on hang ...` (DESIGN 7.4, 7.5). */
#include "rmg/lang/lang_format_priv.h"

#include "base/check.h"

static const struct lang_policy usual = {.restart = LANG_RESTART_ON_FAILURE,
                                         .restarts = LANG_RESTARTS_DEFAULT,
                                         .ticks = LANG_RESTART_TICKS_DEFAULT,
                                         .keep = 1,
                                         .nodes = LANG_ANY,
                                         .edges = LANG_ANY,
                                         .bytes = LANG_ANY};

/* A whole number from 1 to most. */
static bool take_number(struct lang_parser *p, const char *what, uint32_t most, uint32_t *out)
{
    struct lang_expr *value = NULL;
    if (!lang_take_constant(p, what, &value)) {
        return false;
    }
    if (value->codec != RMG_CODEC_I64 || value->datum.as.i64 < 1 || value->datum.as.i64 > most) {
        return lang_fail(p, value->at, value->size, "%s is a whole number from 1 to %u", what,
                         most);
    }
    *out = (uint32_t)value->datum.as.i64;
    return true;
}

/* at most N in M ticks */
static bool parse_at_most(struct lang_parser *p, struct lang_policy *policy)
{
    struct lang_token word = p->token;
    if (!lang_take_word(p, "at")) {
        return true;
    }
    if (policy->restart == LANG_RESTART_NEVER) {
        lang_fail(p, word.at, word.size, "a process that is never started again has no `at most`");
        return lang_help(p,
                         "write `restart never`, or `restart on failure at most 5 in 100 ticks`");
    }
    if (!lang_take_word(p, "most")) {
        return lang_expected(p, "`most` and how often it is started again");
    }
    if (!take_number(p, "how often it is started again", JIT_RESTARTS_MAX, &policy->restarts)) {
        return false;
    }
    if (!lang_take_word(p, "in")) {
        return lang_expected(p, "`in 100 ticks`");
    }
    if (!take_number(p, "the number of ticks", JIT_RESTART_TICKS_MAX, &policy->ticks)) {
        return false;
    }
    return lang_take_word(p, "ticks") || lang_take_word(p, "tick") || lang_expected(p, "`ticks`");
}

/* then stop | then go on */
static bool parse_then(struct lang_parser *p, struct lang_policy *policy)
{
    if (!lang_take_word(p, "then")) {
        return true;
    }
    policy->then_stop = lang_take_word(p, "stop");
    if (policy->then_stop || (lang_take_word(p, "go") && lang_take_word(p, "on"))) {
        return true;
    }
    lang_expected(p, "`stop` or `go on`");
    return lang_help(p, "`then stop` ends the run, `then go on` leaves the process out");
}

static bool parse_restart(struct lang_parser *p, struct lang_policy *policy)
{
    if (lang_take_word(p, "never")) {
        policy->restart = LANG_RESTART_NEVER;
        policy->restarts = 0;
        policy->ticks = 0;
    } else if (lang_take_word(p, "always")) {
        policy->restart = LANG_RESTART_ALWAYS;
    } else if (!lang_take_word(p, "on")) {
        return lang_expected(p, "`never`, `on failure` or `always`");
    } else if (!lang_take_word(p, "failure")) {
        return lang_expected(p, "`failure`");
    }
    return parse_at_most(p, policy) && parse_then(p, policy);
}

static bool parse_hang(struct lang_parser *p, struct lang_policy *policy)
{
    if (!lang_take_word(p, "hang")) {
        lang_expected(p, "`hang`");
        return lang_at_word(p, "failure") || lang_at_word(p, "death") || lang_at_word(p, "exit")
                   ? lang_help(p, "what follows a death is said by `restart on failure ...`")
                   : false;
    }
    policy->hang_kill = lang_take_word(p, "kill");
    if (!policy->hang_kill && !lang_take_word(p, "stop")) {
        lang_expected(p, "`stop` or `kill`");
        return lang_help(p, "`on hang stop` ends the run, `on hang kill` only the process");
    }
    if (!lang_take_word(p, "after")) {
        return true;
    }
    if (!take_number(p, "the CPU time in seconds", JIT_HANG_SECONDS_MAX, &policy->hang_seconds)) {
        return false;
    }
    return lang_take_word(p, "seconds") || lang_take_word(p, "second") ||
           lang_expected(p, "`seconds`");
}

/* keep N versions */
static bool parse_keep(struct lang_parser *p, struct lang_policy *policy)
{
    if (!take_number(p, "how many versions are kept", JIT_KEEP_MAX, &policy->keep)) {
        return false;
    }
    return lang_take_word(p, "versions") || lang_take_word(p, "version") ||
           lang_expected(p, "`versions`");
}

/* One of the three: the words for it, where it is, and the least that it may be. */
static const struct quota {
    const char *many;
    const char *one;
    size_t at;
    int64_t least;
} quotas[] = {{"nodes", "node", offsetof(struct lang_policy, nodes), 1},
              {"edges", "edge", offsetof(struct lang_policy, edges), 0},
              {"bytes", "byte", offsetof(struct lang_policy, bytes), 0}};
#define QUOTAS (sizeof quotas / sizeof quotas[0])

static uint64_t *quota_in(struct lang_policy *policy, const struct quota *quota)
{
    return (uint64_t *)(void *)((char *)policy + quota->at);
}

static uint64_t quota_of(const struct lang_policy *policy, const struct quota *quota)
{
    return *(const uint64_t *)(const void *)((const char *)policy + quota->at);
}

/* N nodes | N edges | N bytes */
static bool parse_quota(struct lang_parser *p, struct lang_policy *policy)
{
    struct lang_expr *value = NULL;
    size_t which = 0;
    if (!lang_take_constant(p, "how much its graph may have", &value)) {
        return false;
    }
    while (which < QUOTAS && !lang_at_word(p, quotas[which].many) &&
           !lang_at_word(p, quotas[which].one)) {
        which++;
    }
    if (which == QUOTAS) {
        return lang_expected(p, "`nodes`, `edges` or `bytes`");
    }
    const struct quota *quota = &quotas[which];
    if (value->codec != RMG_CODEC_I64 || value->datum.as.i64 < quota->least) {
        return lang_fail(p, value->at, value->size, "the number of %s is a whole number from %d",
                         quota->many, (int)quota->least);
    }
    if (quota_of(policy, quota) != LANG_ANY) {
        return lang_fail(p, p->token.at, p->token.size, "the number of %s is said already",
                         quota->many);
    }
    *quota_in(policy, quota) = (uint64_t)value->datum.as.i64;
    lang_next(p);
    return true;
}

/* graph at most N nodes, N edges, N bytes: at least one of them, each once. */
static bool parse_graph(struct lang_parser *p, struct lang_policy *policy)
{
    if (!lang_take_word(p, "at") || !lang_take_word(p, "most")) {
        lang_expected(p, "`at most`");
        return lang_help(p, "`graph at most 1000 nodes, 65536 bytes` bounds the graph that a "
                            "program of its own keeps");
    }
    do {
        if (!parse_quota(p, policy)) {
            return false;
        }
    } while (lang_take(p, LANG_C(',')));
    return true;
}

bool lang_parse_policy(struct lang_parser *p, struct lang_policy *policy,
                       uint32_t at[LANG_POLICIES])
{
    static const char *const words[] = {"restart", "on", "keep", "graph"};
    static bool (*const parse[])(struct lang_parser *, struct lang_policy *) = {
        parse_restart, parse_hang, parse_keep, parse_graph};
    bool seen[LANG_POLICIES] = {false};
    *policy = usual;
    for (;;) {
        struct lang_token word = p->token;
        size_t which = 0;
        while (which < LANG_POLICIES && !lang_at_word(p, words[which])) {
            which++;
        }
        if (which == LANG_POLICIES) {
            return true;
        }
        if (seen[which]) {
            return lang_fail(p, word.at, word.size, "this process has `%s` already",
                             which == 1 ? "on hang" : words[which]);
        }
        seen[which] = true;
        at[which] = word.at;
        lang_next(p);
        if (!parse[which](p, policy)) {
            return false;
        }
    }
}

/* ---- canonical text ---- */

static void put_counted(struct jit_buf *out, uint32_t count, const char *unit)
{
    lang_put_number(out, count);
    lang_put(out, unit);
    lang_put(out, count == 1 ? "" : "s");
}

bool lang_print_restart(const struct lang_policy *policy, struct jit_buf *out)
{
    static const char *const words[] = {"on failure", "never", "always"};
    bool counts = policy->restart != LANG_RESTART_NEVER &&
                  (policy->restarts != usual.restarts || policy->ticks != usual.ticks);
    if (policy->restart == usual.restart && !counts && !policy->then_stop) {
        return false;
    }
    lang_put(out, "restart ");
    lang_put(out, words[policy->restart]);
    if (counts) {
        lang_put(out, " at most ");
        lang_put_number(out, policy->restarts);
        lang_put(out, " in ");
        put_counted(out, policy->ticks, " tick");
    }
    lang_put(out, policy->then_stop ? " then stop" : "");
    return true;
}

bool lang_print_hang(const struct lang_policy *policy, struct jit_buf *out)
{
    if (!policy->hang_kill && policy->hang_seconds == 0) {
        return false;
    }
    lang_put(out, policy->hang_kill ? "on hang kill" : "on hang stop");
    if (policy->hang_seconds != 0) {
        lang_put(out, " after ");
        put_counted(out, policy->hang_seconds, " second");
    }
    return true;
}

bool lang_print_keep(const struct lang_policy *policy, struct jit_buf *out)
{
    if (policy->keep == usual.keep) {
        return false;
    }
    lang_put(out, "keep ");
    put_counted(out, policy->keep, " version");
    return true;
}

bool lang_print_graph(const struct lang_policy *policy, struct jit_buf *out)
{
    bool any = false;
    for (size_t i = 0; i < QUOTAS; i++) {
        const uint64_t most = quota_of(policy, &quotas[i]);
        if (most != LANG_ANY) {
            lang_put(out, any ? ", " : "graph at most ");
            lang_put_number(out, most);
            lang_put(out, " ");
            lang_put(out, most == 1 ? quotas[i].one : quotas[i].many);
            any = true;
        }
    }
    return any;
}
