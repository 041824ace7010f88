#include "tools/rmgtool/settle.h"

#include <string.h>

#include "base/check.h"

const char *const settle_sides[] = {"ours", "theirs", NULL};

/* ---- joins ---- */

static enum rmg_join join_of(void *user, const struct jit_id *type, const char *name,
                             uint32_t name_size)
{
    const struct settle *settle = user;
    enum rmg_join join = RMG_JOIN_NONE;
    bool any = false;
    for (uint32_t i = 0; i < settle->schema_count; i++) {
        const struct rmg_schema_type *found = rmg_schema_find(settle->schema[i], type);
        const struct rmg_schema_field *field =
            found == NULL ? NULL : rmg_schema_field_of(found, name, name_size);
        if (field == NULL) {
            continue;
        }
        if (any && field->join != join) {
            return RMG_JOIN_NONE;
        }
        join = field->join;
        any = true;
    }
    return join;
}

static bool warn_difference(void *user, const struct rmg_schema_difference *difference)
{
    struct settle *settle = user;
    if (difference->what >= RMG_SCHEMA_KIND) {
        struct jit_buf line;
        jit_buf_init(&line, jit_heap_libc(), 4096);
        rmg_schema_difference_print(difference, "in ours", "in theirs", &line);
        cli_warn(settle->cli, "the schemas differ: %.*s", (int)line.size, (const char *)line.data);
        jit_buf_release(&line);
    }
    return true;
}

static int read_schemas(struct settle *settle, const struct format_graph *const *graphs,
                        uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct rmg_schema_fault fault = {.what = NULL};
        enum jit_err err = rmg_schema_read(graphs[i]->heap, graphs[i]->store, &graphs[i]->version,
                                           &settle->schema[i], &fault);
        settle->schema_count = i + 1;
        if (err == JIT_EINVALID) {
            cli_warn(settle->cli, "%s: its /schema is not used: %s",
                     i < settle->cli->operand_count ? settle->cli->operands[i] : "the input",
                     fault.what);
        } else if (err != JIT_OK && err != JIT_ENOENT) {
            cli_what(settle->cli, "cannot read the schema");
            cli_why(settle->cli, "%s", jit_err_text(err));
            return cli_exit_of(err);
        }
    }
    if (count == 3 && settle->schema[1] != NULL && settle->schema[2] != NULL) {
        (void)rmg_schema_compare(settle->schema[1], settle->schema[2], warn_difference, settle);
    }
    return CLI_OK;
}

/* ---- choices ---- */

static int read_choices(struct settle *settle, const char *path)
{
    struct jit_heap *heap = jit_heap_libc();
    char what[CHOICES_WHAT_SIZE] = "";
    uint8_t *bytes = NULL;
    uint64_t size = 0;
    enum jit_err err = format_read_file(heap, path, CHOICES_BYTES_MAX, &bytes, &size);
    if (err == JIT_OK) {
        err = choices_decode(heap, bytes, size, &settle->choices, what);
    }
    heap->free(heap, bytes);
    if (err == JIT_OK) {
        return CLI_OK;
    }
    int code = rmg_unread(settle->cli, err, path);
    cli_what(settle->cli, "cannot read %s", path);
    if (what[0] != 0) {
        cli_why(settle->cli, "%s", what);
    }
    cli_next(settle->cli, "rmg help %s", settle->cli->verb->name);
    return code;
}

int settle_begin(struct settle *settle, struct cli *cli, const struct format_graph *const *graphs,
                 uint32_t count)
{
    const char *strategy = cli_text(cli, "strategy");
    const char *path = cli_text(cli, "choices");
    assert(count <= DELTA_GRAPHS_MAX);
    *settle = (struct settle){.cli = cli};
    int code = read_schemas(settle, graphs, count);
    if (code == CLI_OK && path != NULL) {
        code = read_choices(settle, path);
    }
    settle->options = (struct rmg_merge_options){
        .heap = jit_heap_libc(),
        .join_of = join_of,
        .user = settle,
        .choices = settle->choices.list,
        .choice_count = settle->choices.count,
        .strategy = strategy == NULL                ? RMG_SIDE_NONE
                    : strcmp(strategy, "ours") == 0 ? RMG_SIDE_OURS
                                                    : RMG_SIDE_THEIRS,
        .patch_bytes_max = JIT_PATCH_GENESIS_BYTES_MAX,
    };
    return code;
}

void settle_end(struct settle *settle)
{
    for (uint32_t i = 0; i < settle->schema_count; i++) {
        rmg_schema_free(settle->schema[i]);
    }
    choices_release(&settle->choices);
}

int settle_failed(struct settle *settle, enum jit_err err, const struct rmg_merge_result *result)
{
    struct cli *cli = settle->cli;
    const bool choice = err == JIT_ENOENT || err == JIT_EEXIST || err == JIT_EINVALID;
    if (!choice || settle->choices.count == 0) {
        cli_what(cli, "cannot %s", cli->verb->name);
        cli_why(cli, "%s",
                err == JIT_EFORMAT ? "the patch is damaged, or no patch at all"
                                   : jit_err_text(err));
        return err == JIT_EFORMAT ? CLI_CORRUPT : (int)cli_exit_of(err);
    }
    cli_what(cli, "cannot use %s", cli_text(cli, "choices"));
    cli_why(cli, "its choice %llu %s", (unsigned long long)result->choice_bad + 1,
            err == JIT_ENOENT   ? "names a place that neither side changed"
            : err == JIT_EEXIST ? "names a place that another choice names as well"
                                : "takes the base, which a patch does not hold");
    cli_next(cli, "rmg %s ... --write-choices FILE", cli->verb->name);
    return CLI_USAGE;
}

/* ---- conflicts ---- */

static const char *const side_labels[RMG_SIDES] = {"base", "ours", "theirs"};

static void content_text(const struct delta *delta, const struct rmg_conflict *conflict, int side,
                         struct delta_text *text)
{
    if (side == RMG_SIDE_BASE && conflict->base_unknown) {
        char hex[JIT_ID_HEX];
        jit_id_to_hex(&conflict->base_hash, hex);
        delta_add(text, "only its hash is known: %.16s", hex);
        return;
    }
    delta_content(delta, &conflict->place, conflict->content[side], text);
}

static void print_conflict(const struct settle *settle, const struct delta *delta,
                           const struct rmg_conflict *conflict, size_t number)
{
    struct cli *cli = settle->cli;
    struct delta_text in = {.size = 0};
    struct delta_text place = {.size = 0};
    delta_instance(delta, &conflict->place.instance, &in);
    delta_place(delta, &conflict->place, &place);
    cli_print(cli, "%sconflict %llu%s  %s  %s  %s\n  %s\n", cli_style(cli, CLI_RED),
              (unsigned long long)number, cli_style(cli, CLI_PLAIN),
              rmg_conflict_word(conflict->kind), in.text, place.text,
              rmg_conflict_text(conflict->kind));
    if (conflict->has_other) {
        struct delta_text other = {.size = 0};
        delta_place(delta, &conflict->other, &other);
        cli_print(cli, "  %-7s %s\n", "about", other.text);
    }
    for (int side = 0; side < RMG_SIDES; side++) {
        struct delta_text text = {.size = 0};
        content_text(delta, conflict, side, &text);
        cli_print(cli, "  %-7s %s\n", side_labels[side], text.text);
    }
}

static int emit_conflict(const struct settle *settle, const struct rmg_conflict *conflict,
                         size_t number, const char *schema)
{
    json_t *event = cli_event("conflict", schema);
    cli_put_number(event, "number", number);
    cli_put_text(event, "conflict", rmg_conflict_word(conflict->kind));
    cli_put_text(event, "why", rmg_conflict_text(conflict->kind));
    cli_put(event, "place", delta_place_json(&conflict->place));
    cli_put(event, "other", conflict->has_other ? delta_place_json(&conflict->other) : json_null());
    for (int side = 0; side < RMG_SIDES; side++) {
        if (side == RMG_SIDE_BASE && conflict->base_unknown) {
            char hex[JIT_ID_HEX];
            jit_id_to_hex(&conflict->base_hash, hex);
            json_t *unknown = json_object();
            cli_put_text(unknown, "hash", hex);
            cli_put(event, side_labels[side], unknown);
            continue;
        }
        cli_put(event, side_labels[side],
                delta_content_json(conflict->place.part, conflict->content[side]));
    }
    return cli_emit(settle->cli, event);
}

/* ---- writing choices to be filled in ---- */

static const struct rmg_choice *chosen(const struct settle *settle, const struct rmg_place *place)
{
    for (size_t i = 0; i < settle->choices.count; i++) {
        if (rmg_place_compare(&settle->choices.list[i].place, place) == 0) {
            return &settle->choices.list[i];
        }
    }
    return NULL;
}

static json_t *open_choice(const struct delta *delta, const struct rmg_conflict *conflict)
{
    json_t *one = json_object();
    struct delta_text about = {.size = 0};
    cli_put_text(one, "conflict", rmg_conflict_word(conflict->kind));
    cli_put_text(one, "why", rmg_conflict_text(conflict->kind));
    delta_instance(delta, &conflict->place.instance, &about);
    delta_add(&about, " ");
    delta_place(delta, &conflict->place, &about);
    cli_put_text(one, "about", about.text);
    if (conflict->has_other) {
        struct delta_text other = {.size = 0};
        delta_place(delta, &conflict->other, &other);
        cli_put_text(one, "other", other.text);
    }
    for (int side = 0; side < RMG_SIDES; side++) {
        struct delta_text text = {.size = 0};
        content_text(delta, conflict, side, &text);
        cli_put_text(one, side_labels[side], text.text);
    }
    cli_put(one, "place", delta_place_json(&conflict->place));
    return cli_put(one, "take", json_null());
}

static int write_choices(const struct settle *settle, const struct delta *delta,
                         const struct rmg_merge_result *result, const char *path)
{
    json_t *list = json_array();
    for (size_t i = 0; i < settle->choices.count; i++) {
        const struct rmg_choice *choice = &settle->choices.list[i];
        json_t *one = json_object();
        cli_put(one, "place", delta_place_json(&choice->place));
        cli_put_text(one, "take", choices_side_word(choice->take));
        json_array_append_new(list, one);
    }
    const struct rmg_place *last = NULL;
    for (size_t i = 0; i < result->conflict_count; i++) {
        const struct rmg_place *place = &result->conflicts[i].place;
        if ((last == NULL || rmg_place_compare(last, place) != 0) &&
            chosen(settle, place) == NULL) {
            json_array_append_new(list, open_choice(delta, &result->conflicts[i]));
        }
        last = place;
    }
    json_t *file = json_object();
    cli_put_text(file, "schema", "rmg.choices/1");
    cli_put(file, "choices", list);
    char *text = json_dumps(file, JSON_INDENT(1) | JSON_ENSURE_ASCII);
    json_decref(file);
    struct jit_buf lines;
    jit_buf_init(&lines, jit_heap_libc(), CHOICES_BYTES_MAX);
    if (text != NULL) {
        jit_buf_put(&lines, text, strlen(text));
        jit_buf_put_u8(&lines, '\n');
    }
    int code = CLI_HOST;
    if (text == NULL || lines.err != JIT_OK) {
        cli_what(settle->cli, "cannot write %s", path);
        cli_why(settle->cli, "%s", jit_err_text(text == NULL ? JIT_ENOMEM : lines.err));
    } else {
        code = rmg_output_all(settle->cli, path, lines.data, lines.size);
    }
    jit_buf_release(&lines);
    jit_heap_libc()->free(jit_heap_libc(), text);
    return code;
}

int settle_conflicts(struct settle *settle, const struct delta *delta,
                     const struct rmg_merge_result *result, const char *schema)
{
    struct cli *cli = settle->cli;
    const char *path = cli_text(cli, "write-choices");
    char number[CLI_NUMBER_SIZE];
    int code = CLI_OK;
    for (size_t i = 0; code == CLI_OK && i < result->conflict_count; i++) {
        print_conflict(settle, delta, &result->conflicts[i], i + 1);
        code = cli->json ? emit_conflict(settle, &result->conflicts[i], i + 1, schema)
                         : cli_written(cli);
    }
    if (code == CLI_OK && path != NULL) {
        code = write_choices(settle, delta, result, path);
    }
    if (code != CLI_OK) {
        return code;
    }
    cli_note(cli, "%s conflicts, nothing is written%s%s", cli_group(result->conflict_count, number),
             path == NULL ? "; to settle them one by one: --write-choices FILE"
                          : "; fill in \"take\" in ",
             path == NULL ? "" : path);
    json_t *event = cli_event("done", schema);
    cli_put_number(event, "conflicts", result->conflict_count);
    code = cli_emit(cli, event);
    return code == CLI_OK ? CLI_NO : code;
}

void settle_print(struct settle *settle, const struct rmg_merge_result *result)
{
    char n[6][CLI_NUMBER_SIZE];
    cli_print(
        settle->cli,
        "%s operations; %s places from ours, %s from theirs, %s alike, %s joined, %s settled\n",
        cli_group(result->operations, n[0]), cli_group(result->taken[RMG_SIDE_OURS], n[1]),
        cli_group(result->taken[RMG_SIDE_THEIRS], n[2]),
        cli_group(result->taken[RMG_SIDE_BASE], n[3]), cli_group(result->joined, n[4]),
        cli_group(result->settled, n[5]));
}

void settle_put(json_t *event, const struct rmg_merge_result *result)
{
    cli_put_number(event, "conflicts", 0);
    cli_put_number(event, "operations", result->operations);
    cli_put_number(event, "ours", result->taken[RMG_SIDE_OURS]);
    cli_put_number(event, "theirs", result->taken[RMG_SIDE_THEIRS]);
    cli_put_number(event, "alike", result->taken[RMG_SIDE_BASE]);
    cli_put_number(event, "joined", result->joined);
    cli_put_number(event, "settled", result->settled);
}

/* ---- the result ---- */

static int perform(struct cli *cli, struct format_graph *graph, const uint8_t *patch, size_t size)
{
    struct rmg_tx *tx = NULL;
    enum jit_err err = rmg_tx_begin(graph->store, &graph->version, &tx);
    if (err == JIT_OK) {
        err = rmg_patch_apply(graph->heap, tx, &graph->version, patch, size);
        if (err != JIT_OK) {
            rmg_tx_abort(tx);
        } else {
            err = rmg_tx_seal(tx, &graph->version);
        }
    }
    if (err == JIT_OK) {
        return CLI_OK;
    }
    cli_what(cli, "cannot perform the patch");
    cli_why(cli, "%s",
            err == JIT_EFORMAT ? "it is damaged, or no patch at all" : jit_err_text(err));
    cli_next(cli, "rmg help apply");
    return err == JIT_EFORMAT || err == JIT_ENOENT || err == JIT_EDANGLING || err == JIT_EINVALID
               ? CLI_CORRUPT
               : (int)cli_exit_of(err);
}

int settle_write(struct cli *cli, struct format_graph *graph, const uint8_t *patch, size_t size,
                 struct rmg_output *out, const char *path)
{
    int code = perform(cli, graph, patch, size);
    if (code != CLI_OK || path == NULL) {
        return code;
    }
    code = rmg_output_open(out, cli, path);
    return code == CLI_OK ? rmg_output_state(out, graph) : code;
}
