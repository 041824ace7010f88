/* `rmg diff`: what differs between two states, as text, numbers, JSON, a picture or a patch. */
#include <string.h>

#include "base/check.h"
#include "tools/rmgtool/delta.h"

enum change { CHANGE_ADDED, CHANGE_REMOVED, CHANGE_CHANGED, CHANGES };
static const char *const change_words[CHANGES] = {"added", "removed", "changed"};
static const char change_signs[CHANGES] = {'+', '-', '~'};
static const enum cli_style change_styles[CHANGES] = {CLI_GREEN, CLI_RED, CLI_YELLOW};

enum counted { COUNT_INSTANCES, COUNT_NODES, COUNT_EDGES, COUNT_VALUES, COUNTED };
static const char *const counted_words[COUNTED] = {"instances", "nodes", "edges", "values"};

const char *const rmg_diff_pictures[] = {"dot", NULL};

struct counts {
    uint64_t of[COUNTED][CHANGES];
};

struct diff {
    struct cli *cli;
    struct delta delta;
    struct rmg_state side[2];
    bool stat;
    bool names;
    bool dot;
    int code;
    struct jit_id instance; /* of the last difference */
    uint64_t instances;     /* that something differs in */
    struct counts here;
    struct counts all;
};

static enum change change_of(const struct rmg_difference *diff)
{
    return diff->before == NULL  ? CHANGE_ADDED
           : diff->after == NULL ? CHANGE_REMOVED
                                 : CHANGE_CHANGED;
}

static void print_counts(struct diff *d, const struct counts *counts)
{
    for (int what = 0; what < COUNTED; what++) {
        for (int change = 0; change < CHANGES; change++) {
            char number[CLI_NUMBER_SIZE];
            if (counts->of[what][change] > 0) {
                cli_print(d->cli, "  %s%c %s %s%s", cli_style(d->cli, change_styles[change]),
                          change_signs[change], cli_group(counts->of[what][change], number),
                          counted_words[what], cli_style(d->cli, CLI_PLAIN));
            }
        }
    }
    cli_print(d->cli, "\n");
}

/* The instance is done with. */
static void end_instance(struct diff *d)
{
    if (d->instances > 0 && d->stat) {
        struct delta_text text = {.size = 0};
        delta_instance(&d->delta, &d->instance, &text);
        cli_print(d->cli, "%-24s", text.text);
        print_counts(d, &d->here);
    }
    d->here = (struct counts){{{0}}};
}

static void begin_instance(struct diff *d, const struct rmg_difference *diff)
{
    struct delta_text text = {.size = 0};
    end_instance(d);
    d->instance = diff->place.instance;
    d->instances++;
    if (!d->stat) {
        delta_instance(&d->delta, &d->instance, &text);
        cli_print(d->cli, "%s%s%s\n", cli_style(d->cli, CLI_BOLD), text.text,
                  cli_style(d->cli, CLI_PLAIN));
    }
}

static void print_change(struct diff *d, const struct rmg_difference *diff)
{
    const enum change change = change_of(diff);
    struct delta_text place = {.size = 0};
    struct delta_text before = {.size = 0};
    struct delta_text after = {.size = 0};
    delta_place(&d->delta, &diff->place, &place);
    cli_print(d->cli, "  %s%c %s", cli_style(d->cli, change_styles[change]), change_signs[change],
              place.text);
    if (!d->names) {
        delta_content(&d->delta, &diff->place, diff->before, &before);
        delta_content(&d->delta, &diff->place, diff->after, &after);
        cli_print(d->cli, "  %s%s%s", diff->before != NULL ? before.text : "",
                  change == CHANGE_CHANGED ? " => " : "", diff->after != NULL ? after.text : "");
    }
    cli_print(d->cli, "%s\n", cli_style(d->cli, CLI_PLAIN));
}

static int emit_change(struct diff *d, const struct rmg_difference *diff)
{
    json_t *event = cli_event("change", "rmg.diff/1");
    struct delta_text text = {.size = 0};
    cli_put_text(event, "change", change_words[change_of(diff)]);
    delta_instance(&d->delta, &diff->place.instance, &text);
    cli_put_text(event, "in", text.text);
    cli_put(event, "place", delta_place_json(&diff->place));
    if (diff->place.part == RMG_PART_NODE || diff->place.part == RMG_PART_ALPHA) {
        uint32_t size = 0;
        const char *label = delta_label(&d->delta, &diff->place.instance, &diff->place.id, &size);
        if (label != NULL) {
            cli_put(event, "label", json_stringn(label, size));
        }
    }
    if (!d->names) {
        cli_put(event, "before", delta_content_json(diff->place.part, diff->before));
        cli_put(event, "after", delta_content_json(diff->place.part, diff->after));
    }
    return cli_emit(d->cli, event);
}

static bool visit(void *user, const struct rmg_difference *diff)
{
    static const enum counted counted[RMG_PARTS] = {COUNT_INSTANCES, COUNT_NODES, COUNT_EDGES,
                                                    COUNT_VALUES, COUNT_VALUES};
    struct diff *d = user;
    if (d->instances == 0 || !jit_id_equal(&d->instance, &diff->place.instance)) {
        begin_instance(d, diff);
    }
    d->here.of[counted[diff->place.part]][change_of(diff)]++;
    d->all.of[counted[diff->place.part]][change_of(diff)]++;
    if (!d->stat && d->cli->json) {
        d->code = emit_change(d, diff);
    } else if (!d->stat) {
        print_change(d, diff);
        d->code = cli_written(d->cli);
    }
    return d->code == CLI_OK;
}

static json_t *counts_json(const struct counts *counts)
{
    json_t *object = json_object();
    for (int what = 0; what < COUNTED; what++) {
        json_t *one = json_object();
        for (int change = 0; change < CHANGES; change++) {
            cli_put_number(one, change_words[change], counts->of[what][change]);
        }
        cli_put(object, counted_words[what], one);
    }
    return object;
}

/* patch: the name of the file it became, or NULL. */
static int finish(struct diff *d, const char *patch, uint64_t bytes, uint64_t operations)
{
    char hex[JIT_ID_HEX];
    if (d->stat && d->instances != 1) {
        cli_print(d->cli, "%-24s", "all");
        print_counts(d, &d->all);
    }
    json_t *event = cli_event("done", "rmg.diff/1");
    jit_id_to_hex(&d->side[0].version.state_root, hex);
    cli_put_text(event, "from", hex);
    jit_id_to_hex(&d->side[1].version.state_root, hex);
    cli_put_text(event, "to", hex);
    cli_put_bool(event, "same",
                 jit_id_equal(&d->side[0].version.state_root, &d->side[1].version.state_root));
    if (patch != NULL) {
        cli_put_text(event, "patch", patch);
        cli_put_number(event, "bytes", bytes);
        cli_put_number(event, "operations", operations);
    } else {
        cli_put_number(event, "instances_touched", d->instances);
        cli_put(event, "counts", counts_json(&d->all));
    }
    return cli_emit(d->cli, event);
}

static int failed(struct cli *cli, enum jit_err err)
{
    cli_what(cli, "cannot compare %s with %s", cli->operands[0], cli->operands[1]);
    cli_why(cli, "%s", jit_err_text(err));
    return cli_exit_of(err);
}

static int write_patch(struct diff *d, const char *path)
{
    struct jit_heap *heap = jit_heap_libc();
    struct jit_buf patch;
    uint64_t operations = 0;
    char a[CLI_NUMBER_SIZE];
    char b[CLI_NUMBER_SIZE];
    jit_buf_init(&patch, heap, JIT_PATCH_BYTES_MAX);
    enum jit_err err = rmg_diff_patch(heap, &d->side[0], &d->side[1], &patch, &operations);
    int code = CLI_OK;
    if (err == JIT_ELIMIT) {
        cli_what(d->cli, "cannot write %s", path);
        cli_why(d->cli, "a patch holds at most 64 MiB, and this difference is larger");
        cli_next(d->cli, "%s diff %s %s --stat", d->cli->program->name, d->cli->operands[0],
                 d->cli->operands[1]);
        code = CLI_USAGE;
    } else if (err != JIT_OK) {
        code = failed(d->cli, err);
    } else {
        code = rmg_output_all(d->cli, path, patch.data, patch.size);
    }
    if (code == CLI_OK) {
        cli_print(d->cli, "%s  %s operations, %s\n", cli_word(d->cli, path),
                  cli_group(operations, a), cli_bytes(patch.size, b));
        code = finish(d, path, patch.size, operations);
    }
    jit_buf_release(&patch);
    return code;
}

static int show(struct diff *d)
{
    if (d->dot) {
        return delta_dot(&d->delta, &d->side[0], &d->side[1]);
    }
    enum jit_err err = rmg_diff(&d->side[0], &d->side[1], visit, d, NULL);
    if (err != JIT_OK) {
        return failed(d->cli, err);
    }
    if (d->code != CLI_OK) {
        return d->code;
    }
    end_instance(d);
    return finish(d, NULL, 0, 0);
}

int rmg_diff_of(struct cli *cli, const struct format_graph graph[2])
{
    struct diff d = {.cli = cli,
                     .stat = cli_given(cli, "stat"),
                     .names = cli_given(cli, "names"),
                     .dot = cli_given(cli, "graph")};
    /* What is there now has the better names. */
    const struct format_graph *const order[2] = {&graph[1], &graph[0]};
    for (uint32_t i = 0; i < 2; i++) {
        d.side[i] = (struct rmg_state){graph[i].store, graph[i].version};
    }
    enum jit_err err = delta_begin(&d.delta, cli, order, 2);
    const char *patch = cli_text(cli, "out");
    int code = err != JIT_OK ? failed(cli, err) : patch != NULL ? write_patch(&d, patch) : show(&d);
    delta_end(&d.delta);
    if (code == CLI_OK && cli_given(cli, "exit-code") &&
        !jit_id_equal(&d.side[0].version.state_root, &d.side[1].version.state_root)) {
        code = CLI_NO;
    }
    return code;
}

int rmg_diff_verb(struct cli *cli)
{
    struct format_graph graph[2] = {{.mapped = 0}, {.mapped = 0}};
    int code = CLI_OK;
    for (uint32_t i = 0; code == CLI_OK && i < 2; i++) {
        code = rmg_load_operand(cli, i, &graph[i]);
    }
    if (code == CLI_OK) {
        code = rmg_diff_of(cli, graph);
    }
    format_graph_release(&graph[0]);
    format_graph_release(&graph[1]);
    return code;
}
