/* jitos why - a value or a request, and what brought it about, back to the beginning. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/core/root.h"
#include "tools/client/history/causes.h"
#include "tools/client/history/held.h"
#include "tools/client/jitos.h"
#include "tools/client/history/moment.h"
#include "tools/client/history/names.h"
#include "tools/rmgtool/delta.h"

const struct cli_option jitos_why_options[] = {
    JITOS_DATA,
    CLI_OPTION(CLI_NUMBER, "depth", 0, "N", "go back over so many requests one after another",
               .fallback = "5", .min = 1, .max = 1000),
    CLI_OPTION(CLI_FLAG, "dot", 0, NULL, "a picture for Graphviz on stdout"),
    {.name = NULL},
};

struct why {
    struct cli *cli;
    struct moment moment; /* the state that is asked of: names come from it */
    struct kern_config *config;
    struct delta delta;
    struct causes causes;
    struct delta_text question;
    struct held *held; /* of each cause */
    bool *told;
};

/* ---- words ---- */

static void rule_text(const struct why *w, const struct jit_id *id, struct delta_text *text)
{
    char name[NAMES_SIZE];
    names_rule(w->config, id, name);
    delta_add(text, "%s", name);
}

static void process_text(const struct why *w, const struct jit_id *id, struct delta_text *text)
{
    char name[NAMES_SIZE];
    names_process(w->config, id, name);
    delta_add(text, "%s", name);
}

/* What its process held in that slot when it asked. */
static void capability_text(const struct why *w, const struct cause *cause, struct delta_text *text)
{
    if (cause->cap_slot == SYS_NONE) {
        delta_add(text, "no capability");
        return;
    }
    process_text(w, &cause->process, text);
    delta_add(text, "/%u", cause->cap_slot);
    const struct held *held = &w->held[cause - w->causes.causes];
    if (held->state != HELD_THERE) {
        delta_add(text, "%s", held->state == HELD_NONE ? " (it held none there)" : "");
        return;
    }
    char rights[128];
    (void)sys_cap_rights_text(held->rights, rights, sizeof rights);
    delta_add(text, " (%s on ", rights);
    delta_instance(&w->delta, &held->instance, text);
    delta_add(text, ")");
}

static void slot_text(const struct why *w, const struct rmg_slot *slot, struct delta_text *text)
{
    char hex[JIT_ID_HEX];
    struct rmg_place place = {.name = slot->name,
                              .name_size = slot->name_size,
                              .instance = slot->instance,
                              .id = slot->id};
    if (slot->kind <= RMG_SLOT_BETA) {
        place.part = (enum rmg_part)slot->kind;
        delta_place(&w->delta, &place, text);
        return;
    }
    if (slot->kind == RMG_SLOT_EXTENT || slot->kind == RMG_SLOT_VALUES) {
        delta_add(text, "%.*s%sall %s", (int)slot->name_size,
                  slot->name_size == 0 ? "" : slot->name, slot->name_size == 0 ? "" : " of ",
                  delta_type(&w->delta, &slot->id, hex));
        return;
    }
    place.part = RMG_PART_NODE;
    delta_add(text, "%s %s edges of ",
              jit_id_is_zero(&slot->type) ? "all" : delta_type(&w->delta, &slot->type, hex),
              slot->direction == RMG_DIR_OUT ? "out" : "in");
    delta_place(&w->delta, &place, text);
}

static void cause_text(const struct why *w, const struct cause *cause, struct delta_text *text)
{
    switch (cause->kind) {
    case CAUSE_START:
        delta_add(text, cause->tick == 0 ? "the genesis" : "the state that was restored, tick %llu",
                  (unsigned long long)cause->tick);
        return;
    case CAUSE_KERNEL:
        delta_add(text, "tick %llu, the kernel%s%s", (unsigned long long)cause->tick,
                  cause->ended ? ": a process ended" : "",
                  cause->asked ? ": capabilities were asked for (jitos cap, or a worker)" : "");
        return;
    case CAUSE_EDIT:
        delta_add(text, "tick %llu, an edit: a merge, or what was set with a fork",
                  (unsigned long long)cause->tick);
        return;
    case CAUSE_REQUEST:
        break;
    }
    delta_add(text, "q%u@%llu  ", cause->request, (unsigned long long)cause->tick);
    if (!cause->known) {
        delta_add(text, "further back");
        return;
    }
    rule_text(w, &cause->rule, text);
    delta_add(text, " by ");
    process_text(w, &cause->process, text);
    delta_add(text, "  under ");
    capability_text(w, cause, text);
    delta_add(text, "  %s", rmg_result_text((enum rmg_result)cause->result));
}

/* ---- for people ---- */

static void print_cause(struct why *w, uint32_t at, unsigned indent);

/* What one cause rests on: each writer once, with the slots of it that were read. */
static void print_reasons(struct why *w, uint32_t from, unsigned indent)
{
    const struct causes *c = &w->causes;
    for (size_t i = 0; i < c->link_count && !w->cli->out_broken; i++) {
        const struct because *link = &c->links[i];
        struct delta_text text = {.size = 0};
        bool first = true;
        if (link->from != from || (from == CAUSE_NONE && link->lost)) {
            if (link->from == from && link->to != CAUSE_NONE) {
                print_cause(w, link->to, indent);
            }
            continue;
        }
        for (size_t k = 0; first && k < i; k++) {
            first = c->links[k].from != from || c->links[k].to != link->to ||
                    c->links[k].lost != link->lost || c->links[k].again != link->again ||
                    c->links[k].delayed != link->delayed;
        }
        if (!first) {
            continue;
        }
        for (size_t k = i; !link->lost && k < c->link_count; k++) {
            if (c->links[k].from == from && c->links[k].to == link->to && !c->links[k].lost) {
                delta_add(&text, "%s", text.size > 0 ? ", " : "");
                slot_text(w, &c->links[k].slot, &text);
            }
        }
        cli_print(w->cli, "%*s%s%s\n", (int)indent, "",
                  link->again          ? "tried before as"
                  : link->delayed      ? "asked for before as"
                  : link->lost         ? "lost to"
                  : from == CAUSE_NONE ? "written: "
                                       : "read ",
                  text.text);
        if (link->to == CAUSE_NONE) {
            cli_print(w->cli, "%*sfurther back; --depth N goes there\n", (int)indent + 2, "");
        } else {
            print_cause(w, link->to, indent + 2);
        }
    }
}

static void print_cause(struct why *w, uint32_t at, unsigned indent)
{
    const struct cause *cause = &w->causes.causes[at];
    struct delta_text text = {.size = 0};
    cause_text(w, cause, &text);
    bool again = w->told[at] && cause->kind == CAUSE_REQUEST;
    cli_print(w->cli, "%*s%s%s%s%s\n", (int)indent, "", cli_style(w->cli, CLI_BOLD), text.text,
              cli_style(w->cli, CLI_PLAIN), again ? "  (see above)" : "");
    if (again || cause->kind != CAUSE_REQUEST || indent > 400) {
        return;
    }
    w->told[at] = true;
    if (cause->known) {
        struct delta_text match = {.size = 0};
        for (uint32_t i = 0; i < cause->id_count; i++) {
            struct rmg_place place = {
                .part = RMG_PART_NODE, .instance = cause->instance, .id = cause->ids[i]};
            delta_add(&match, i > 0 ? ", " : "");
            delta_place(&w->delta, &place, &match);
        }
        cli_print(w->cli, "%*smatched %s\n", (int)indent + 2, "", match.text);
    }
    print_reasons(w, at, indent + 2);
}

/* ---- for programs ---- */

static const char *const kind_words[] = {"request", "kernel", "edit", "start"};

static void put_hex(json_t *event, const char *key, const struct jit_id *id)
{
    char hex[JIT_ID_HEX];
    jit_id_to_hex(id, hex);
    cli_put_text(event, key, hex);
}

static void put_held(const struct why *w, uint32_t at, json_t *event)
{
    const struct held *held = &w->held[at];
    char rights[128];
    if (held->state == HELD_UNKNOWN) {
        return;
    }
    cli_put_bool(event, "held", held->state == HELD_THERE);
    if (held->state == HELD_THERE) {
        (void)sys_cap_rights_text(held->rights, rights, sizeof rights);
        cli_put_text(event, "rights", rights);
        put_hex(event, "on", &held->instance);
    }
}

static int emit_cause(struct why *w, uint32_t at)
{
    const struct cause *cause = &w->causes.causes[at];
    struct delta_text rule = {.size = 0};
    struct delta_text process = {.size = 0};
    json_t *event = cli_event("cause", "jitos.why/1");
    cli_put_number(event, "cause", at);
    cli_put_text(event, "kind", kind_words[cause->kind]);
    cli_put_number(event, "tick", cause->tick);
    if (cause->kind == CAUSE_REQUEST) {
        cli_put_number(event, "request", cause->request);
    }
    if (cause->kind == CAUSE_REQUEST && cause->known) {
        json_t *match = json_array();
        rule_text(w, &cause->rule, &rule);
        process_text(w, &cause->process, &process);
        cli_put_text(event, "result", rmg_result_text((enum rmg_result)cause->result));
        put_hex(event, "key", &cause->key);
        cli_put_text(event, "rule", rule.text);
        cli_put_text(event, "process", process.text);
        if (cause->cap_slot != SYS_NONE) {
            cli_put_number(event, "capability", cause->cap_slot);
            put_held(w, at, event);
        }
        put_hex(event, "instance", &cause->instance);
        for (uint32_t i = 0; i < cause->id_count; i++) {
            char hex[JIT_ID_HEX];
            jit_id_to_hex(&cause->ids[i], hex);
            json_array_append_new(match, json_string(hex));
        }
        cli_put(event, "match", match);
    }
    return cli_emit(w->cli, event);
}

static int emit_all(struct why *w)
{
    const struct causes *c = &w->causes;
    int code = CLI_OK;
    for (size_t i = 0; code == CLI_OK && i < c->count; i++) {
        code = emit_cause(w, (uint32_t)i);
    }
    for (size_t i = 0; code == CLI_OK && i < c->link_count; i++) {
        const struct because *link = &c->links[i];
        json_t *event = cli_event("because", "jitos.why/1");
        if (link->from != CAUSE_NONE) {
            cli_put_number(event, "of", link->from);
        }
        if (link->to != CAUSE_NONE) {
            cli_put_number(event, "cause", link->to);
        }
        cli_put_bool(event, "lost",
                     link->lost && !link->again && !link->delayed && link->from != CAUSE_NONE);
        cli_put_bool(event, "again", link->again);
        if (link->delayed) {
            cli_put_bool(event, "delayed", true);
        }
        if (!link->lost) {
            struct delta_text text = {.size = 0};
            slot_text(w, &link->slot, &text);
            cli_put_text(event, "slot", text.text);
            put_hex(event, "instance", &link->slot.instance);
            put_hex(event, "id", &link->slot.id);
        }
        code = cli_emit(w->cli, event);
    }
    json_t *done = cli_event("done", "jitos.why/1");
    cli_put_text(done, "question", w->question.text);
    cli_put_number(done, "causes", c->count);
    cli_put_bool(done, "cut", c->cut);
    return code == CLI_OK ? cli_emit(w->cli, done) : (json_decref(done), code);
}

static void dot_text(struct why *w, const char *text)
{
    char quoted[1100];
    size_t at = 0;
    for (; *text != '\0' && at < sizeof quoted - 3; text++) {
        if (*text == '"' || *text == '\\') {
            quoted[at++] = '\\';
        }
        quoted[at++] = *text;
    }
    quoted[at] = '\0';
    cli_print(w->cli, "%s", quoted);
}

static int draw(struct why *w)
{
    const struct causes *c = &w->causes;
    cli_print(w->cli, "digraph why {\n  rankdir=RL;\n  node [shape=box];\n  q [label=\"");
    dot_text(w, w->question.text);
    cli_print(w->cli, "\", shape=note];\n");
    for (size_t i = 0; i < c->count; i++) {
        struct delta_text text = {.size = 0};
        cause_text(w, &c->causes[i], &text);
        cli_print(w->cli, "  c%zu [label=\"", i);
        dot_text(w, text.text);
        cli_print(w->cli, "\"];\n");
    }
    for (size_t i = 0; i < c->link_count; i++) {
        const struct because *link = &c->links[i];
        struct delta_text text = {.size = 0};
        if (link->to == CAUSE_NONE) {
            continue;
        }
        if (link->from == CAUSE_NONE) {
            cli_print(w->cli, "  q -> c%u [label=\"", link->to);
        } else {
            cli_print(w->cli, "  c%u -> c%u [label=\"", link->from, link->to);
        }
        if (!link->lost) {
            slot_text(w, &link->slot, &text);
        } else if (link->from != CAUSE_NONE) {
            delta_add(&text, "%s",
                      link->again     ? "tried before"
                      : link->delayed ? "asked for before"
                                      : "lost to");
        }
        dot_text(w, text.text);
        cli_print(w->cli, "\"];\n");
    }
    cli_print(w->cli, "}\n");
    return cli_written(w->cli);
}

/* ---- the question ---- */

/* "q3@12". */
static bool parse_request(const char *text, uint64_t *tick, uint32_t *request)
{
    char *end = NULL;
    if (text[0] != 'q' || !isdigit((unsigned char)text[1])) {
        return false;
    }
    *request = (uint32_t)strtoul(text + 1, &end, 10);
    if (*end != '@' || !isdigit((unsigned char)end[1])) {
        return false;
    }
    *tick = strtoull(end + 1, &end, 10);
    return *end == '\0';
}

static int ask_place(struct why *w, const char *path)
{
    struct moment_slot found;
    int code = moment_slot_find(w->cli, &w->moment, path, &found);
    if (code == CLI_OK) {
        causes_ask_slot(&w->causes, &found.slot, w->moment.tick);
        slot_text(w, &found.slot, &w->question);
        delta_add(&w->question, " at tick %llu", (unsigned long long)w->moment.tick);
    }
    return code;
}

static int ask(struct why *w, const char *path)
{
    const char *data = cli_text(w->cli, "data");
    const char *operand = w->cli->operands[0];
    uint64_t tick = 0;
    uint32_t request = 0;
    bool found = parse_request(operand, &tick, &request);
    int code = CLI_OK;
    if (!found && strspn(operand, "0123456789abcdef") == strlen(operand) && strlen(operand) >= 8) {
        code = causes_find_key(w->cli, data, operand, &tick, &request, &found);
    }
    if (code == CLI_OK && found) {
        causes_ask_request(&w->causes, tick, request);
        delta_add(&w->question, "request q%u of tick %llu", request, (unsigned long long)tick);
        return CLI_OK;
    }
    if (code == CLI_OK && operand[0] != '/') {
        char place[4096];
        snprintf(place, sizeof place, "/world/%.4000s", path);
        return ask_place(w, place);
    }
    return code == CLI_OK ? ask_place(w, path) : code;
}

static int answer(struct why *w)
{
    const struct causes *c = &w->causes;
    if (c->count > 0 && !c->causes[0].known) {
        cli_what(w->cli, "there is no %s", w->question.text);
        cli_why(w->cli, "the log has no such tick, or the tick no such request");
        cli_next(w->cli, "jitos show @TICK --data %s", w->causes.data);
        return CLI_NOT_FOUND;
    }
    w->told = calloc(c->count + 1, sizeof *w->told);
    if (w->told == NULL) {
        return cli_no_memory(w->cli);
    }
    if (c->cut) {
        cli_warn(w->cli, "more than %u causes: those further back are left out", CAUSES_MAX);
    }
    if (w->cli->json) {
        return emit_all(w);
    }
    if (cli_given(w->cli, "dot")) {
        return draw(w);
    }
    cli_print(w->cli, "%s\n", w->question.text);
    print_reasons(w, CAUSE_NONE, 2);
    return cli_written(w->cli);
}

static int begin(struct why *w)
{
    const struct format_graph *const graphs[] = {&w->moment.graph};
    const char *where = NULL;
    enum jit_err err = delta_begin(&w->delta, w->cli, graphs, 1);
    if (err == JIT_OK) {
        err = kern_config_read(jit_heap_libc(), w->moment.graph.store, &w->moment.graph.version,
                               &w->config, &where);
    }
    if (err != JIT_OK) {
        cli_what(w->cli, "the system of %s cannot be read", w->causes.data);
        cli_why(w->cli, "%s", where != NULL ? where : jit_err_text(err));
    }
    return err == JIT_OK ? CLI_OK : (int)cli_exit_of(err);
}

int jitos_why(struct cli *cli)
{
    char path[4096];
    const char *revision = NULL;
    const char *data = cli_text(cli, "data");
    struct why w = {.cli = cli, .causes = {.cli = cli, .data = data}};
    uint64_t tick;
    uint32_t request;
    if (!parse_request(cli->operands[0], &tick, &request)) {
        moment_split(cli->operands[0], path, sizeof path, &revision);
    }
    int code = moment_open(cli, data, revision, &w.moment);
    if (code == CLI_OK) {
        code = begin(&w);
        if (code == CLI_OK) {
            code = ask(&w, path);
        }
        if (code == CLI_OK) {
            code = causes_walk(&w.causes, cli_number(cli, "depth"));
        }
        if (code == CLI_OK) {
            code = held_read(&w.causes, w.config, w.moment.tick, &w.held);
        }
        if (code == CLI_OK) {
            code = answer(&w);
        }
        kern_config_free(jit_heap_libc(), w.config);
        delta_end(&w.delta);
    }
    moment_close(&w.moment);
    causes_release(&w.causes);
    free(w.told);
    free(w.held);
    return code;
}
