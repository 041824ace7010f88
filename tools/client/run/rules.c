/* `jitos rules`: what the rules of a system file are, without running them. */
#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "rmg/lang/lang_advise.h"
#include "rmg/rules/rule_graph.h"
#include "tools/formats/sources.h"
#include "tools/client/jitos.h"
#include "tools/client/load.h"
#include "tools/rmgtool/rmg.h"

/* ---- fmt ---- */

/* All of standard input. */
static int read_stdin(struct cli *cli, struct jit_buf *out)
{
    jit_buf_init(out, jit_heap_libc(), LANG_SOURCE_BYTES_MAX);
    for (;;) {
        uint8_t *at = jit_buf_extend(out, 65536);
        if (at == NULL) {
            break;
        }
        size_t n = fread(at, 1, 65536, stdin);
        out->size -= 65536 - n;
        if (n == 0) {
            break;
        }
    }
    if (ferror(stdin) == 0 && out->err == JIT_OK) {
        return CLI_OK;
    }
    cli_what(cli, "standard input cannot be read");
    cli_why(cli, "%s", out->err == JIT_ELIMIT ? "it is too large" : strerror(errno));
    return out->err == JIT_ELIMIT ? CLI_USAGE : CLI_HOST;
}

/* What is done with one text that is tidied. */
static int hand_out(struct cli *cli, const char *path, bool changed, const struct jit_buf *text)
{
    int code = CLI_OK;
    bool check = cli_given(cli, "check");
    if (cli_given(cli, "write") && changed) {
        code = rmg_output_all(cli, path, text->data, text->size);
    }
    if (code != CLI_OK) {
        return code;
    }
    if (cli->json) {
        json_t *event = cli_event("file", "jitos.rules.fmt/1");
        cli_put_text(event, "file", path == NULL ? "-" : path);
        cli_put_bool(event, "canonical", !changed);
        cli_put_bool(event, "written", cli_given(cli, "write") && changed);
        if (!check && !cli_given(cli, "write")) {
            cli_put(event, "text", json_stringn((const char *)text->data, text->size));
        }
        code = cli_emit(cli, event);
    } else if (check || cli_given(cli, "write")) {
        if (changed) {
            cli_print(cli, "%s\n", path == NULL ? "standard input" : path);
        }
    } else {
        code = cli_write(cli, text->data, text->size);
    }
    return code != CLI_OK ? code : check && changed ? CLI_NO : CLI_OK;
}

static int refuse(struct cli *cli, const char *path, enum jit_err err,
                  const struct jit_buf *messages)
{
    cli_what(cli, "%s cannot be formatted", path == NULL ? "standard input" : path);
    cli_why(cli, "%.*s", (int)(messages->size < 3800 ? messages->size : 3800),
            err == JIT_EFORMAT ? (const char *)messages->data : jit_err_text(err));
    return err == JIT_EFORMAT ? CLI_USAGE : CLI_HOST;
}

static int format_one(struct cli *cli, const char *path)
{
    struct jit_buf source;
    struct jit_buf text;
    struct jit_buf messages;
    jit_buf_init(&text, jit_heap_libc(), (size_t)4 * LANG_SOURCE_BYTES_MAX);
    jit_buf_init(&messages, jit_heap_libc(), 1u << 20);
    int code = path == NULL ? read_stdin(cli, &source)
                            : load_file(cli, path, LANG_SOURCE_BYTES_MAX, &source);
    if (code == CLI_OK) {
        enum jit_err err = lang_tidy(jit_heap_libc(), path == NULL ? "stdin" : path, source.data,
                                     source.size, &text, &messages);
        code = err != JIT_OK ? refuse(cli, path, err, &messages)
                             : hand_out(cli, path,
                                        source.size != text.size ||
                                            memcmp(source.data, text.data, text.size) != 0,
                                        &text);
    }
    jit_buf_release(&source);
    jit_buf_release(&text);
    jit_buf_release(&messages);
    return code;
}

static int format(struct cli *cli)
{
    int code = CLI_OK;
    if (cli_given(cli, "write") && cli->operand_count == 1) {
        cli_what(cli, "there is nothing to write back to");
        cli_why(cli, "--write changes files, and no file is named");
        cli_next(cli, "jitos rules fmt --write FILE");
        return CLI_USAGE;
    }
    if (cli->operand_count == 1) {
        return format_one(cli, NULL);
    }
    for (uint32_t i = 1; i < cli->operand_count; i++) {
        int one = format_one(cli, cli->operands[i]);
        if (one != CLI_OK && one != CLI_NO) {
            return one;
        }
        code = one == CLI_NO ? CLI_NO : code;
    }
    return code;
}

/* ---- check ---- */

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

static int parse(struct cli *cli, const char *path, struct lang_system **system)
{
    const struct lang_sources sources = format_sources();
    struct jit_buf source;
    struct jit_buf messages;
    jit_buf_init(&messages, jit_heap_libc(), 1u << 20);
    int code = load_file(cli, path, LANG_SOURCE_BYTES_MAX, &source);
    if (code == CLI_OK) {
        enum jit_err err = lang_parse_with(jit_heap_libc(), path, source.data, source.size,
                                           &sources, system, &messages);
        if (err != JIT_OK) {
            cli_what(cli, "%s is not a system that can run", path);
            cli_why(cli, "%.*s", (int)(messages.size < 3800 ? messages.size : 3800),
                    err == JIT_EFORMAT ? (const char *)messages.data : jit_err_text(err));
            code = err == JIT_EFORMAT ? CLI_USAGE : CLI_HOST;
        }
    }
    jit_buf_release(&source);
    jit_buf_release(&messages);
    return code;
}

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

static int check(struct cli *cli)
{
    struct lang_system *system = NULL;
    struct lang_advisor *advisor = NULL;
    if (cli->operand_count != 2) {
        cli_what(cli, "jitos rules check takes one FILE");
        cli_why(cli, "rules are checked together with all others of their system");
        cli_next(cli, "jitos rules check FILE");
        return CLI_USAGE;
    }
    int code = parse(cli, cli->operands[1], &system);
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

/* ---- graph ---- */

/* All rules of a system as graphs, in one state with its types. */
static enum jit_err gather(const struct lang_system *system, struct rmg_collect *collect,
                           struct jit_id *instances, struct jit_id *at)
{
    struct rmg_schema *schema = NULL;
    const struct lang_type *type = NULL;
    enum jit_err err = rmg_collect_path(collect, "/", at);
    if (err == JIT_OK) {
        err = rmg_collect_path(collect, "/rules", at);
    }
    if (err == JIT_OK) {
        err = rmg_schema_new(jit_heap_libc(), &schema);
    }
    if (err == JIT_OK) {
        err = lang_schema(system, schema, &type);
    }
    if (err == JIT_OK) {
        err = rmg_schema_collect(schema, collect);
    }
    for (uint32_t i = 0; err == JIT_OK && i < system->rule_count; i++) {
        const struct lang_rule *rule = &system->rules[i];
        err =
            rmg_rule_graph(collect, &rule->rule, rule->program, rule->program_size, &instances[i]);
    }
    if (err == JIT_OK && system->invariant_count > 0) {
        err = rmg_collect_path(collect, "/invariants", at);
    }
    for (uint32_t i = 0; err == JIT_OK && i < system->invariant_count; i++) {
        const struct lang_rule *rule = &system->invariants[i];
        err = rmg_invariant_graph(collect, &rule->rule, rule->program, rule->program_size,
                                  &instances[system->rule_count + i]);
    }
    rmg_schema_free(schema);
    return err;
}

/* How large one part is, with what lies behind portals; without the nodes of the instances. */
static enum jit_err measure(const struct format_graph *graph, const struct rmg_rule *rule,
                            const char *top, char part, uint64_t *nodes, uint64_t *edges)
{
    enum jit_err err = JIT_OK;
    *nodes = 0;
    *edges = 0;
    for (uint32_t place = 0; err == JIT_OK && place <= rule->portal_count; place++) {
        char path[JIT_NAME_BYTES_MAX + 32];
        struct jit_id id;
        struct rmg_instance found;
        snprintf(path, sizeof path, place == 0 ? "/%s/%s/%c" : "/%s/%s/%c/%u", top, rule->name,
                 part, place);
        jit_hash_named("warp:", path, strlen(path), &id);
        err = rmg_store_instance(graph->store, &graph->version, &id, &found);
        if (err == JIT_OK) {
            *nodes += found.roots.node_count - 1;
            *edges += found.roots.edge_count;
        }
    }
    return err;
}

/* One rule: its hashes and how large the three graphs are; an invariant has the first alone. */
static int tell_graph(struct cli *cli, const struct format_graph *graph, bool invariant,
                      const struct lang_rule *rule, const struct jit_id *instance)
{
    static const char *const parts[] = {"matched", "kept", "result"};
    struct jit_id program;
    struct jit_id hash;
    char program_hex[JIT_ID_HEX];
    char hash_hex[JIT_ID_HEX];
    jit_hash(rule->program, rule->program_size, &program);
    enum jit_err err = rmg_store_instance_root(graph->store, &graph->version, instance, &hash);
    jit_id_to_hex(&program, program_hex);
    jit_id_to_hex(&hash, hash_hex);
    const char *kind = invariant ? "invariant" : "rule";
    cli_print(cli, "%s%s%s%s\n  graph    %s\n  program  %s\n", cli_style(cli, CLI_BOLD),
              invariant ? "invariant " : "", rule->rule.name, cli_style(cli, CLI_PLAIN), hash_hex,
              program_hex);
    json_t *event = cli_event(kind, "jitos.rules.graph/1");
    cli_put_text(event, kind, rule->rule.name);
    cli_put_text(event, "graph", hash_hex);
    cli_put_text(event, "program", program_hex);
    for (unsigned i = 0; err == JIT_OK && i < (invariant ? 1 : 3); i++) {
        uint64_t nodes = 0;
        uint64_t edges = 0;
        err = measure(graph, &rule->rule, invariant ? "invariants" : "rules", "LKR"[i], &nodes,
                      &edges);
        if (err == JIT_OK) {
            cli_print(cli, "  %c        %llu nodes, %llu edges\n", "LKR"[i],
                      (unsigned long long)nodes, (unsigned long long)edges);
            json_t *part = json_object();
            cli_put_number(part, "nodes", nodes);
            cli_put_number(part, "edges", edges);
            cli_put(event, parts[i], part);
        }
    }
    if (err != JIT_OK) {
        cli_what(cli, "the graph of %s %s cannot be read", kind, rule->rule.name);
        cli_why(cli, "%s", jit_err_text(err));
        json_decref(event);
        return cli_exit_of(err);
    }
    return cli_emit(cli, event);
}

static int tell_graphs(struct cli *cli, const struct format_graph *graph,
                       const struct lang_system *system, const struct jit_id *instances)
{
    int code = CLI_OK;
    char root[JIT_ID_HEX];
    for (uint32_t i = 0; code == CLI_OK && i < system->rule_count; i++) {
        code = tell_graph(cli, graph, false, &system->rules[i], &instances[i]);
    }
    for (uint32_t i = 0; code == CLI_OK && i < system->invariant_count; i++) {
        code = tell_graph(cli, graph, true, &system->invariants[i],
                          &instances[system->rule_count + i]);
    }
    const char *path = cli_text(cli, "out");
    if (code == CLI_OK && path != NULL) {
        struct rmg_output out = RMG_OUTPUT_CLOSED;
        code = rmg_output_open(&out, cli, path);
        code = code == CLI_OK ? rmg_output_state(&out, graph) : code;
    }
    jit_id_to_hex(&graph->version.state_root, root);
    json_t *event = cli_event("done", "jitos.rules.graph/1");
    cli_put_number(event, "rules", system->rule_count);
    cli_put_text(event, "root", root);
    if (code != CLI_OK) {
        json_decref(event);
        return code;
    }
    return cli_emit(cli, event);
}

static int graph(struct cli *cli)
{
    struct lang_system *system = NULL;
    struct format_graph made = {.mapped = 0};
    struct rmg_collect *collect = NULL;
    struct jit_id *instances = NULL;
    struct jit_id at;
    if (cli->operand_count != 2) {
        cli_what(cli, "jitos rules graph takes one FILE");
        cli_why(cli, "rules are made into one state together with the types of their system");
        cli_next(cli, "jitos rules graph FILE -o rules.rmg");
        return CLI_USAGE;
    }
    int code = parse(cli, cli->operands[1], &system);
    if (code != CLI_OK) {
        return code;
    }
    enum jit_err err = format_graph_init(&made, jit_heap_libc());
    if (err == JIT_OK) {
        instances = jit_heap_zalloc(jit_heap_libc(),
                                    (size_t)system->rule_count + system->invariant_count + 1u,
                                    sizeof *instances);
        err =
            instances == NULL ? JIT_ENOMEM : rmg_collect_new(jit_heap_libc(), made.store, &collect);
    }
    if (err == JIT_OK) {
        err = gather(system, collect, instances, &at);
    }
    if (err == JIT_OK) {
        err = format_graph_load(&made, collect, &at);
    }
    if (err != JIT_OK) {
        cli_what(cli, "the rules of %s cannot be made into graphs", cli->operands[1]);
        cli_why(cli, "%s", jit_err_text(err));
    }
    code = err != JIT_OK ? cli_exit_of(err) : tell_graphs(cli, &made, system, instances);
    rmg_collect_free(collect);
    format_graph_release(&made);
    jit_heap_libc()->free(jit_heap_libc(), instances);
    lang_system_free(jit_heap_libc(), system);
    return code;
}

/* ---- the verb ---- */

#define OPTIONS_MAX 4u
static const struct {
    const char *name;
    const char *options[OPTIONS_MAX]; /* that it takes of its own */
    int (*run)(struct cli *cli);
} actions[] = {
    {"check", {"strict"}, check},
    {"fmt", {"check", "write"}, format},
    {"graph", {"out"}, graph},
};
#define ACTION_COUNT (sizeof actions / sizeof actions[0])

static bool takes(size_t action, const char *option)
{
    for (size_t i = 0; i < OPTIONS_MAX && actions[action].options[i] != NULL; i++) {
        if (strcmp(actions[action].options[i], option) == 0) {
            return true;
        }
    }
    return false;
}

/* An option of another action. */
static bool misplaced(struct cli *cli, size_t action)
{
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        for (size_t k = 0; k < OPTIONS_MAX && actions[i].options[k] != NULL; k++) {
            const char *option = actions[i].options[k];
            if (cli_given(cli, option) && !takes(action, option)) {
                cli_what(cli, "jitos rules %s takes no --%s", actions[action].name, option);
                cli_why(cli, "--%s belongs to jitos rules %s", option, actions[i].name);
                cli_next(cli, "jitos help rules");
                return true;
            }
        }
    }
    return false;
}

int jitos_rules(struct cli *cli)
{
    const char *names[ACTION_COUNT];
    char all[128] = "";
    size_t at = ACTION_COUNT;
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        size_t used = strlen(all);
        names[i] = actions[i].name;
        snprintf(all + used, sizeof all - used, "%s%s",
                 i == 0                  ? ""
                 : i + 1 == ACTION_COUNT ? " and "
                                         : ", ",
                 names[i]);
        at = strcmp(cli->operands[0], names[i]) == 0 ? i : at;
    }
    if (at < ACTION_COUNT) {
        return misplaced(cli, at) ? CLI_USAGE : actions[at].run(cli);
    }
    const char *nearest = cli_nearest(cli->operands[0], names, ACTION_COUNT);
    cli_what(cli, "jitos rules does not know `%s`", cli->operands[0]);
    cli_why(cli, "its actions are %s", all);
    cli_next(cli, "jitos rules %s FILE", nearest == NULL ? names[0] : nearest);
    return CLI_USAGE;
}
