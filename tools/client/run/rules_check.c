/* `jitos rules check`: what rules read and write, and what may go wrong with them. */
#include "tools/client/run/rules.h"

#include <string.h>

#include "rmg/lang/lang_advise.h"
#include "tools/client/jitos.h"

struct checking {
    struct cli *cli;
    const char *file;
    const struct lang_system *system;
    const struct lang_advisor *advisor;
    uint32_t counts[LANG_ADVICE_CONFLICT + 1];
    const char *verb; /* of the words being printed */
    bool first;
    json_t *list;
    int code;
};

static bool take_words(void *user, const char *text)
{
    struct checking *c = user;
    if (text == NULL) {
        c->code = CLI_HOST;
        return false;
    }
    if (c->list != NULL) {
        json_array_append_new(c->list, json_string(text));
    } else if (c->first) {
        cli_print(c->cli, "  %-9s  %s", c->verb, text);
    } else {
        cli_print(c->cli, ", %s", text);
    }
    c->first = false;
    return !c->cli->out_broken;
}

static void put_params(const struct rmg_rule *rule, char *out, size_t size)
{
    size_t used = 0;
    out[0] = 0;
    for (uint32_t i = 0; i < rule->param_count && used < size; i++) {
        used += (size_t)snprintf(out + used, size - used, "%s%s: %s%s", i == 0 ? "(" : ", ",
                                 rule->params[i].name, rmg_codec_name(rule->params[i].codec),
                                 i + 1 == rule->param_count ? ")" : "");
    }
}

/* "adds to" as a key. */
static const char *key_of(const char *verb, char *key, size_t size)
{
    snprintf(key, size, "%s", verb);
    for (char *c = strchr(key, ' '); c != NULL; c = strchr(c, ' ')) {
        *c = '_';
    }
    return key;
}

/* One rule: what it keeps, reads, writes. */
static void describe(struct checking *c, uint32_t index)
{
    const struct lang_rule *rule = &c->system->rules[index];
    char params[4096];
    char key[32];
    put_params(&rule->rule, params, sizeof params);
    json_t *event = c->cli->json ? cli_event("rule", "jitos.rules.check/1") : NULL;
    if (event != NULL) {
        cli_put_text(event, "rule", rule->rule.name);
        cli_put_number(event, "line", rule->pos.line);
        cli_put(event, "priority", json_integer(rule->rule.priority));
        cli_put_number(event, "retry", rule->rule.retry);
        cli_put_number(event, "after", rule->rule.delay);
        cli_put_text(event, "parameters", params);
    }
    cli_print(c->cli, "%srule %s%s%s\n", cli_style(c->cli, CLI_BOLD), rule->rule.name, params,
              cli_style(c->cli, CLI_PLAIN));
    for (int words = 0; words < LANG_WORDS_COUNT && c->code == CLI_OK; words++) {
        c->verb = lang_words_verb((enum lang_words)words);
        c->first = true;
        c->list = event == NULL ? NULL : json_array();
        (void)lang_advise_words(c->advisor, index, (enum lang_words)words, take_words, c);
        cli_print(c->cli, c->first ? "" : "\n");
        if (event != NULL) {
            cli_put(event, key_of(c->verb, key, sizeof key), c->list);
        }
    }
    c->list = NULL;
    int code = event == NULL ? CLI_OK : cli_emit(c->cli, event);
    c->code = c->code != CLI_OK ? c->code : code;
}

/* One invariant: what it reads, and the rules that are asked about it. */
static void describe_invariant(struct checking *c, uint32_t index)
{
    const struct lang_rule *invariant = &c->system->invariants[index];
    json_t *event = c->cli->json ? cli_event("invariant", "jitos.rules.check/1") : NULL;
    if (event != NULL) {
        cli_put_text(event, "invariant", invariant->rule.name);
        cli_put_number(event, "line", invariant->pos.line);
    }
    cli_print(c->cli, "%sinvariant %s%s\n", cli_style(c->cli, CLI_BOLD), invariant->rule.name,
              cli_style(c->cli, CLI_PLAIN));
    c->verb = lang_words_verb(LANG_WORDS_READS);
    c->first = true;
    c->list = event == NULL ? NULL : json_array();
    (void)lang_advise_words(c->advisor, c->system->rule_count + index, LANG_WORDS_READS, take_words,
                            c);
    cli_print(c->cli, c->first ? "" : "\n");
    if (event != NULL) {
        cli_put(event, "reads", c->list);
        c->list = json_array();
    }
    c->verb = "asked of";
    c->first = true;
    for (uint32_t i = 0; i < c->system->rule_count && c->code == CLI_OK; i++) {
        if (lang_advise_concerns(c->advisor, index, i)) {
            (void)take_words(c, c->system->rules[i].rule.name);
        }
    }
    cli_print(c->cli, c->first ? "  no rule can break it\n" : "\n");
    if (event != NULL) {
        cli_put(event, "asked_of", c->list);
    }
    c->list = NULL;
    int code = event == NULL ? CLI_OK : cli_emit(c->cli, event);
    c->code = c->code != CLI_OK ? c->code : code;
}

static bool take_advice(void *user, const struct lang_advice *advice)
{
    struct checking *c = user;
    struct cli *cli = c->cli;
    const struct lang_rule *rule = &c->system->rules[advice->rule];
    const struct lang_rule *other = &c->system->rules[advice->other];
    bool conflict = advice->kind == LANG_ADVICE_CONFLICT;
    char more[64] = "";
    c->counts[advice->kind]++;
    if (advice->more > 0) {
        snprintf(more, sizeof more, "; and in %llu more ways", (unsigned long long)advice->more);
    }
    cli_print(cli, "%s:%u:%u: %swarning:%s rule %s", c->file, rule->pos.line, rule->pos.column,
              cli_style(cli, CLI_YELLOW), cli_style(cli, CLI_PLAIN), rule->rule.name);
    if (conflict) {
        cli_print(cli,
                  advice->rule == advice->other ? " conflicts with itself: "
                                                : " conflicts with %s: ",
                  other->rule.name);
    } else {
        cli_print(cli, advice->kind == LANG_ADVICE_CREATES ? ": " : " never applies: ");
    }
    cli_print(cli, "%s%s\n", advice->text, more);
    json_t *event = cli->json ? cli_event("warning", "jitos.rules.check/1") : NULL;
    if (event != NULL) {
        cli_put_text(event, "kind", lang_advice_word(advice->kind));
        cli_put_text(event, "rule", rule->rule.name);
        if (conflict) {
            cli_put_text(event, "with", other->rule.name);
            cli_put_number(event, "more_ways", advice->more);
        }
        cli_put_text(event, "text", advice->text);
        cli_put_number(event, "line", rule->pos.line);
        cli_put_number(event, "column", rule->pos.column);
        c->code = cli_emit(cli, event);
    }
    return c->code == CLI_OK && !cli->out_broken;
}

static int conclude(struct checking *c)
{
    struct cli *cli = c->cli;
    uint32_t conflicts = c->counts[LANG_ADVICE_CONFLICT];
    uint32_t others = 0;
    for (int kind = 0; kind < LANG_ADVICE_CONFLICT; kind++) {
        others += c->counts[kind];
    }
    cli_print(cli, "%u rule%s, %u pair%s in conflict, %u other warning%s\n", c->system->rule_count,
              c->system->rule_count == 1 ? "" : "s", conflicts, conflicts == 1 ? "" : "s", others,
              others == 1 ? "" : "s");
    json_t *event = cli_event("done", "jitos.rules.check/1");
    cli_put_text(event, "file", c->file);
    cli_put_number(event, "rules", c->system->rule_count);
    if (c->system->invariant_count > 0) {
        cli_put_number(event, "invariants", c->system->invariant_count);
    }
    cli_put_number(event, "conflicts", conflicts);
    cli_put_number(event, "warnings", others);
    int code = cli_emit(cli, event);
    bool no = others > 0 || (conflicts > 0 && cli_given(cli, "strict"));
    return code != CLI_OK ? code : no ? CLI_NO : CLI_OK;
}

int rules_check(struct cli *cli)
{
    struct lang_system *system = NULL;
    struct lang_advisor *advisor = NULL;
    if (cli->operand_count != 2) {
        cli_what(cli, "jitos rules check takes one FILE");
        cli_why(cli, "rules are checked together with all others of their system");
        cli_next(cli, "jitos rules check FILE");
        return CLI_USAGE;
    }
    int code = rules_parse(cli, cli->operands[1], &system);
    if (code == CLI_OK) {
        struct checking c = {.cli = cli, .file = cli->operands[1], .system = system};
        enum jit_err err = lang_advisor_new(jit_heap_libc(), system, &advisor);
        c.advisor = advisor;
        for (uint32_t i = 0; err == JIT_OK && c.code == CLI_OK && i < system->rule_count; i++) {
            describe(&c, i);
        }
        for (uint32_t i = 0; err == JIT_OK && c.code == CLI_OK && i < system->invariant_count;
             i++) {
            describe_invariant(&c, i);
        }
        if (err == JIT_OK && c.code == CLI_OK) {
            cli_print(cli, system->rule_count == 0 ? "" : "\n");
            err = lang_advise(advisor, take_advice, &c);
        }
        if (err != JIT_OK) {
            cli_what(cli, "%s cannot be checked", cli->operands[1]);
            cli_why(cli, "%s", jit_err_text(err));
        }
        code = err != JIT_OK ? cli_exit_of(err) : c.code != CLI_OK ? c.code : conclude(&c);
    }
    lang_advisor_free(advisor);
    lang_system_free(jit_heap_libc(), system);
    return code;
}
