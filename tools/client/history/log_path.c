/* jitos log PATH - what has happened to an instance, a node or a value, and who did it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rmg/engine/request.h"
#include "tools/client/jitos.h"
#include "tools/client/history/moment.h"
#include "tools/client/history/names.h"
#include "tools/rmgtool/delta.h"

struct change { /* kept for `-n N`: what would be printed */
    json_t *event;
    char *text;
};

struct past {
    struct cli *cli;
    struct moment moment;
    struct moment_slot wanted;
    struct kern_config *config;
    struct delta delta;
    uint64_t since;
    struct change *last; /* a ring of the last `keep` */
    uint64_t keep;
    uint64_t seen;

    const struct log_record *record;
    struct kern_record_view view;
    struct rmg_asked *asked; /* of the record; read when the first change is found */
    size_t asked_capacity;
    bool asked_read;
    enum jit_err err;
};

static void put_out(struct past *p, const struct change *change)
{
    if (change->event != NULL && !p->cli->out_broken) {
        cli_print(p->cli, "%s", change->text);
        cli_emit(p->cli, change->event);
    } else {
        json_decref(change->event);
    }
    free(change->text);
}

static void keep(struct past *p, json_t *event, const char *text)
{
    struct change change = {.event = event, .text = strdup(text)};
    if (change.text == NULL) {
        p->err = JIT_ENOMEM;
        json_decref(event);
        return;
    }
    p->seen++;
    if (p->keep == 0) {
        put_out(p, &change);
        return;
    }
    struct change *place = &p->last[(p->seen - 1) % p->keep];
    json_decref(place->event);
    free(place->text);
    *place = change;
}

/* ---- whose it was ---- */

static bool read_asked(struct past *p)
{
    struct jit_cursor cur = jit_cursor_of(p->view.requests, p->view.requests_size);
    void *data = p->asked;
    if (p->asked_read) {
        return true;
    }
    if (jit_heap_grow(jit_heap_libc(), &data, &p->asked_capacity, p->view.request_count + 1,
                      sizeof *p->asked) != 0) {
        p->err = JIT_ENOMEM;
        return false;
    }
    p->asked = data;
    for (uint64_t i = 0; i < p->view.request_count; i++) {
        if (rmg_asked_next(&cur, &p->asked[i]) != JIT_OK) {
            p->err = JIT_ECORRUPT;
            return false;
        }
    }
    p->asked_read = true;
    return true;
}

static void put_maker(struct past *p, const struct rmg_origin *origin, json_t *makers,
                      struct delta_text *text)
{
    char rule[NAMES_SIZE];
    char process[NAMES_SIZE];
    json_t *maker = json_object();
    delta_add(text, "%s", text->size > 0 ? ", " : "");
    if ((p->view.flags & KERN_RECORD_EDIT) != 0) {
        cli_put_text(maker, "by", "edit");
        delta_add(text, "an edit");
    } else if (origin->request >= p->view.request_count) {
        cli_put_text(maker, "by", "kernel");
        delta_add(text, "the kernel");
    } else {
        const struct rmg_asked *asked = &p->asked[origin->request];
        names_rule(p->config, &asked->rule_id, rule);
        names_process(p->config, &asked->process, process);
        cli_put_text(maker, "by", "request");
        cli_put_number(maker, "request", origin->request);
        cli_put_text(maker, "rule", rule);
        cli_put_text(maker, "process", process);
        delta_add(text, "q%u %s by %s", origin->request, rule, process);
    }
    json_array_append_new(makers, maker);
}

/* ---- one change ---- */

static bool is_wanted(const struct past *p, const struct rmg_op *op)
{
    const struct rmg_slot *slot = &p->wanted.slot;
    bool attachment = op->kind == RMG_OP_SET_ATTACHMENT || op->kind == RMG_OP_CLEAR_ATTACHMENT;
    if (!jit_id_equal(&op->instance, &slot->instance)) {
        return false;
    }
    if (p->wanted.is_instance) {
        return true;
    }
    if (slot->kind == RMG_SLOT_ALPHA) {
        return attachment && op->plane == RMG_PLANE_ALPHA && jit_id_equal(&op->id, &slot->id) &&
               op->attachment.name_size == slot->name_size &&
               memcmp(op->attachment.name, slot->name, slot->name_size) == 0;
    }
    return (jit_id_equal(&op->id, &slot->id) && !(attachment && op->plane == RMG_PLANE_BETA)) ||
           (op->kind == RMG_OP_UPSERT_EDGE &&
            (jit_id_equal(&op->from, &slot->id) || jit_id_equal(&op->to, &slot->id)));
}

/* What an operation leaves; false: nothing. */
static bool content_of(const struct rmg_op *op, struct rmg_place *place, union rmg_content *content)
{
    static const enum rmg_part parts[] = {
        [RMG_OP_DELETE_EDGE] = RMG_PART_EDGE,         [RMG_OP_DELETE_NODE] = RMG_PART_NODE,
        [RMG_OP_DELETE_INSTANCE] = RMG_PART_INSTANCE, [RMG_OP_UPSERT_INSTANCE] = RMG_PART_INSTANCE,
        [RMG_OP_UPSERT_NODE] = RMG_PART_NODE,         [RMG_OP_UPSERT_EDGE] = RMG_PART_EDGE};
    *place = (struct rmg_place){.instance = op->instance, .id = op->id};
    switch (op->kind) {
    case RMG_OP_SET_ATTACHMENT:
    case RMG_OP_CLEAR_ATTACHMENT:
        place->part = op->plane == RMG_PLANE_ALPHA ? RMG_PART_ALPHA : RMG_PART_BETA;
        place->name = op->attachment.name;
        place->name_size = op->attachment.name_size;
        content->value = op->attachment.value;
        return op->kind == RMG_OP_SET_ATTACHMENT;
    case RMG_OP_UPSERT_INSTANCE:
        content->instance.root_node = op->from;
        content->instance.parent = op->parent != NULL ? *op->parent : (struct rmg_parent){0};
        break;
    case RMG_OP_UPSERT_EDGE:
        content->edge =
            (struct rmg_edge){.id = op->id, .from = op->from, .to = op->to, .type = op->type};
        break;
    default:
        content->node = op->type;
        break;
    }
    place->part = parts[op->kind];
    return op->kind >= RMG_OP_UPSERT_INSTANCE;
}

static bool visit_op(void *user, const struct rmg_op *op)
{
    struct past *p = user;
    struct rmg_place place;
    union rmg_content content = {.node = {{0}}};
    struct delta_text what = {.size = 0};
    struct delta_text who = {.size = 0};
    char line[1200];
    char commit[JIT_ID_HEX];
    if (!is_wanted(p, op)) {
        return true;
    }
    if (!read_asked(p)) {
        return false;
    }
    bool there = content_of(op, &place, &content);
    json_t *event = cli_event("change", "jitos.log/1");
    json_t *makers = json_array();
    jit_id_to_hex(&p->record->commit, commit);
    cli_put_number(event, "tick", p->record->tick);
    cli_put_text(event, "commit", commit);
    cli_put(event, "place", delta_place_json(&place));
    cli_put(event, "after", there ? delta_content_json(place.part, &content) : json_null());
    for (uint32_t i = 0; i < op->origin_count; i++) {
        put_maker(p, &op->origins[i], makers, &who);
    }
    cli_put(event, "makers", makers);
    delta_place(&p->delta, &place, &what);
    delta_add(&what, "  ");
    if (there) {
        delta_content(&p->delta, &place, &content, &what);
    } else {
        delta_add(&what, "removed");
    }
    snprintf(line, sizeof line, "@%-7llu %s  %s\n", (unsigned long long)p->record->tick, what.text,
             who.text);
    keep(p, event, line);
    return p->err == JIT_OK && !p->cli->out_broken;
}

static enum jit_err visit_record(void *user, const struct log_record *record)
{
    struct past *p = user;
    struct jit_id base;
    if (record->tick > p->moment.tick) {
        return JIT_ENOENT;
    }
    if (record->tick < p->since) {
        return JIT_OK;
    }
    if (kern_record_decode(record->payload, record->payload_size, &p->view) != JIT_OK) {
        return JIT_ECORRUPT;
    }
    if ((p->view.flags & KERN_RECORD_GENESIS) != 0) {
        return JIT_OK; /* what was there from the start is told apart */
    }
    p->record = record;
    p->asked_read = false;
    enum jit_err err =
        rmg_patch_each(jit_heap_libc(), p->view.patch, p->view.patch_size, &base, visit_op, p);
    err = err == JIT_OK ? p->err : err;
    return err == JIT_OK && p->cli->out_broken ? JIT_ENOENT : err;
}

/* ---- how it began ---- */

/* A node or value that the history began with is its first line. */
static int tell_start(struct past *p, const char *data)
{
    struct moment start;
    char line[1200];
    char revision[32];
    struct rmg_instance instance;
    struct rmg_graph graph;
    union rmg_content content;
    struct delta_text what = {.size = 0};
    struct ckpt_manifest *manifest = calloc(1, sizeof *manifest);
    const struct rmg_slot *slot = &p->wanted.slot;
    struct rmg_place place = {.part = slot->kind == RMG_SLOT_ALPHA ? RMG_PART_ALPHA : RMG_PART_NODE,
                              .instance = slot->instance,
                              .id = slot->id,
                              .name = slot->name,
                              .name_size = slot->name_size};
    bool founded = false;
    int code = manifest == NULL ? (int)CLI_HOST : history_start(p->cli, data, manifest, &founded);
    uint64_t tick = founded ? manifest->tick : 0;
    free(manifest);
    if (code != CLI_OK || p->wanted.is_instance || p->since > tick) {
        return code;
    }
    snprintf(revision, sizeof revision, "@%llu", (unsigned long long)tick);
    code = moment_open(p->cli, data, revision, &start);
    if (code != CLI_OK) {
        return code;
    }
    enum jit_err err =
        rmg_store_instance(start.graph.store, &start.graph.version, &slot->instance, &instance);
    if (err == JIT_OK) {
        rmg_store_graph(start.graph.store, &instance, &graph);
        err = slot->kind == RMG_SLOT_ALPHA
                  ? rmg_attachment_get(&graph, RMG_PLANE_ALPHA, &slot->id, slot->name,
                                       slot->name_size, &content.value)
                  : rmg_node_type(&graph, &slot->id, &content.node);
    }
    if (err == JIT_OK) {
        json_t *event = cli_event("change", "jitos.log/1");
        json_t *maker = json_object();
        json_t *makers = json_array();
        cli_put_number(event, "tick", tick);
        cli_put(event, "place", delta_place_json(&place));
        cli_put(event, "after", delta_content_json(place.part, &content));
        cli_put_text(maker, "by", founded ? "restored" : "genesis");
        json_array_append_new(makers, maker);
        cli_put(event, "makers", makers);
        delta_place(&p->delta, &place, &what);
        delta_add(&what, "  ");
        delta_content(&p->delta, &place, &content, &what);
        snprintf(line, sizeof line, "@%-7llu %s  %s\n", (unsigned long long)tick, what.text,
                 founded ? "restored so" : "the genesis");
        keep(p, event, line);
    }
    moment_close(&start);
    p->since = tick + 1 > p->since ? tick + 1 : p->since;
    if (err != JIT_OK && err != JIT_ENOENT) {
        cli_what(p->cli, "the beginning of %s cannot be read", data);
        cli_why(p->cli, "%s", jit_err_text(err));
        return (int)cli_exit_of(err);
    }
    return CLI_OK;
}

static int begin(struct past *p)
{
    const struct format_graph *const graphs[] = {&p->moment.graph};
    const char *where = NULL;
    enum jit_err err = delta_begin(&p->delta, p->cli, graphs, 1);
    if (err == JIT_OK) {
        err = kern_config_read(jit_heap_libc(), p->moment.graph.store, &p->moment.graph.version,
                               &p->config, &where);
    }
    if (err == JIT_OK && p->keep > 0) {
        p->last = calloc(p->keep, sizeof *p->last);
        err = p->last == NULL ? JIT_ENOMEM : JIT_OK;
    }
    if (err != JIT_OK) {
        cli_what(p->cli, "the system of %s cannot be read", cli_text(p->cli, "data"));
        cli_why(p->cli, "%s", where != NULL ? where : jit_err_text(err));
    }
    return err == JIT_OK ? CLI_OK : (int)cli_exit_of(err);
}

static int list(struct past *p, const char *path)
{
    const char *data = cli_text(p->cli, "data");
    struct log_report report;
    int code = moment_slot_find(p->cli, &p->moment, path, &p->wanted);
    if (code == CLI_OK) {
        code = tell_start(p, data);
    }
    if (code == CLI_OK) {
        code = history_each(p->cli, data, visit_record, p, &report);
    }
    uint64_t first = p->seen > p->keep ? p->seen - p->keep : 0;
    for (uint64_t i = first; p->keep > 0 && i < p->seen; i++) {
        put_out(p, &p->last[i % p->keep]);
    }
    if (code == CLI_OK && p->seen == 0) {
        cli_note(p->cli,
                 "nothing in %s itself has changed; what is nested in it is listed by its "
                 "own path",
                 path);
    }
    return code == CLI_OK ? cli_written(p->cli) : code;
}

int jitos_log_path(struct cli *cli)
{
    char path[4096];
    const char *revision = NULL;
    struct past p = {
        .cli = cli, .keep = cli_number(cli, "number"), .since = cli_number(cli, "since")};
    if (cli_given(cli, "follow") || cli_given(cli, "denied")) {
        cli_what(cli, "log PATH lists what was changed");
        cli_why(cli, "--follow and --denied are about ticks");
        cli_next(cli, "jitos log --denied --data %s", cli_text(cli, "data"));
        return CLI_USAGE;
    }
    moment_split(cli->operands[0], path, sizeof path, &revision);
    if (cli->operands[0][0] == '@') {
        cli_what(cli, "%s says no PATH", cli->operands[0]);
        cli_why(cli, "log PATH@REV tells what happened to something up to REV");
        cli_next(cli, "jitos show %s --data %s", cli->operands[0], cli_text(cli, "data"));
        return CLI_USAGE;
    }
    int code = moment_open(cli, cli_text(cli, "data"), revision, &p.moment);
    if (code == CLI_OK) {
        code = begin(&p);
        if (code == CLI_OK) {
            code = list(&p, path);
        }
        kern_config_free(jit_heap_libc(), p.config);
        delta_end(&p.delta);
    }
    moment_close(&p.moment);
    free(p.last);
    free(p.asked);
    return code;
}
