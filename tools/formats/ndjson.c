/* NDJSON: one object a line, in any order over all files; docs/spec/formats.md lists the lines. A
 * line is known by the number of its file and its own: line_number(). */
#include "tools/formats/ndjson_priv.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tools/formats/export_priv.h"
#include "tools/formats/import_priv.h"
#include "tools/formats/parse_json.h"

/* ---- lines ---- */

static enum jit_err parent_of(struct ndjson_reader *r, struct rmg_parent *parent)
{
    static const char *const keys[] = {"plane", "instance", "owner", "name", NULL};
    json_t *line = r->object;
    json_t *value = json_object_get(line, "parent");
    const char *name = NULL;
    *parent = (struct rmg_parent){.present = false};
    if (json_is_null(value)) {
        return JIT_OK;
    }
    if (!json_is_object(value)) {
        return ndjson_fail(r, JIT_EFORMAT, 1, "\"parent\" is null or an object", "");
    }
    r->object = value;
    enum jit_err err = ndjson_only(r, keys);
    err = err == JIT_OK ? ndjson_plane_of(r, &parent->plane) : err;
    err = err == JIT_OK ? ndjson_id_of(r, "instance", false, &parent->instance) : err;
    err = err == JIT_OK ? ndjson_id_of(r, "owner", true, &parent->owner) : err;
    err = err == JIT_OK ? ndjson_name_of(r, &name, &parent->name_size) : err;
    if (err == JIT_OK) {
        memcpy(parent->name, name, parent->name_size);
        parent->present = true;
    }
    r->object = line;
    return err;
}

static enum jit_err take_instance(struct ndjson_reader *r)
{
    static const char *const keys[] = {"kind", "id", "root", "parent", NULL};
    struct ndjson_declared one = {.line = r->line};
    enum jit_err err = ndjson_only(r, keys);
    err = err == JIT_OK ? ndjson_id_of(r, "id", false, &one.id) : err;
    err = err == JIT_OK ? ndjson_id_of(r, "root", true, &one.root_node) : err;
    err = err == JIT_OK ? parent_of(r, &one.parent) : err;
    if (err != JIT_OK) {
        return err;
    }
    err = rmg_collect_instance(r->collect, &one.id, &one.root_node,
                               one.parent.present ? &one.parent : NULL);
    if (err == JIT_EEXIST || err == JIT_ELIMIT) {
        return ndjson_fail(r, err, 1,
                           err == JIT_EEXIST ? "a second line for this instance"
                                             : "more than 65,536 instances",
                           "");
    }
    if (err != JIT_OK) {
        return err;
    }
    void *data = r->instances;
    struct ndjson_declared *place =
        ndjson_grow(r, &data, &r->instance_count, &r->instance_capacity, sizeof *place);
    if (place == NULL) {
        return JIT_ENOMEM;
    }
    r->instances = data;
    *place = one;
    return JIT_OK;
}

static enum jit_err take_node(struct ndjson_reader *r)
{
    static const char *const keys[] = {"kind", "instance", "id", "type", NULL};
    struct jit_id instance;
    struct jit_id id;
    struct jit_id type;
    enum jit_err err = ndjson_only(r, keys);
    err = err == JIT_OK ? ndjson_id_of(r, "instance", false, &instance) : err;
    err = err == JIT_OK ? ndjson_id_of(r, "id", true, &id) : err;
    err = err == JIT_OK ? ndjson_id_of(r, "type", false, &type) : err;
    err = err == JIT_OK ? rmg_collect_node(r->collect, &instance, &id, &type) : err;
    if (err == JIT_EEXIST) {
        return ndjson_fail(r, err, 1, "a second line for this node", "");
    }
    r->report.nodes += err == JIT_OK;
    return err;
}

static enum jit_err take_edge(struct ndjson_reader *r)
{
    static const char *const keys[] = {"kind", "instance", "id", "from", "to", "type", NULL};
    struct jit_id instance;
    struct jit_id key;
    struct rmg_edge edge;
    enum jit_err err = ndjson_only(r, keys);
    err = err == JIT_OK ? ndjson_id_of(r, "instance", false, &instance) : err;
    err = err == JIT_OK ? ndjson_id_of(r, "id", true, &edge.id) : err;
    err = err == JIT_OK ? ndjson_id_of(r, "from", true, &edge.from) : err;
    err = err == JIT_OK ? ndjson_id_of(r, "to", true, &edge.to) : err;
    err = err == JIT_OK ? ndjson_id_of(r, "type", false, &edge.type) : err;
    err = err == JIT_OK ? rmg_collect_edge(r->collect, &instance, &edge) : err;
    if (err != JIT_OK) {
        return err;
    }
    ndjson_key_of(KEY_EDGE, &instance, &edge.id, NULL, 0, &key);
    err = ndjson_see(r, &key, "an edge");
    err = err == JIT_OK ? ndjson_promise(r, &instance, &edge.from, false, "\"from\" is no node")
                        : err;
    err = err == JIT_OK ? ndjson_promise(r, &instance, &edge.to, false, "\"to\" is no node") : err;
    r->report.edges += err == JIT_OK;
    return err;
}

static enum jit_err value_of(struct ndjson_reader *r, struct rmg_value *value)
{
    static const char *const atom[] = {"kind", "instance", "plane", "owner",
                                       "name", "type",     "bytes", NULL};
    static const char *const portal[] = {"kind", "instance", "plane", "owner",
                                         "name", "descend",  NULL};
    bool descends = json_object_get(r->object, "descend") != NULL;
    const char *text;
    size_t size;
    enum jit_err err = ndjson_only(r, descends ? portal : atom);
    value->kind = descends ? RMG_VALUE_PORTAL : RMG_VALUE_ATOM;
    if (err != JIT_OK || descends) {
        return err == JIT_OK ? ndjson_id_of(r, "descend", false, &value->type) : err;
    }
    err = ndjson_id_of(r, "type", false, &value->type);
    err = err == JIT_OK ? ndjson_text_of(r, "bytes", &text, &size) : err;
    if (err != JIT_OK) {
        return err;
    }
    jit_buf_reset(&r->bytes);
    if (size / 2 > JIT_ATOM_BYTES_MAX) {
        return ndjson_fail(r, JIT_ELIMIT, 1, "an atom of more than 1 MiB", "");
    }
    if (!import_hex_bytes(text, size, &r->bytes)) {
        return ndjson_fail(r, JIT_EFORMAT, 1, "\"bytes\" are no pairs of hex digits", "");
    }
    value->bytes = r->bytes.data;
    value->size = (uint32_t)r->bytes.size;
    return r->bytes.err;
}

static enum jit_err take_attachment(struct ndjson_reader *r)
{
    struct rmg_attachment attachment = {0};
    enum rmg_plane plane = RMG_PLANE_ALPHA;
    struct jit_id instance;
    struct jit_id owner;
    struct jit_id key;
    enum jit_err err = value_of(r, &attachment.value);
    err = err == JIT_OK ? ndjson_id_of(r, "instance", false, &instance) : err;
    err = err == JIT_OK ? ndjson_plane_of(r, &plane) : err;
    err = err == JIT_OK ? ndjson_id_of(r, "owner", true, &owner) : err;
    err = err == JIT_OK ? ndjson_name_of(r, &attachment.name, &attachment.name_size) : err;
    if (err != JIT_OK) {
        return err;
    }
    err = rmg_collect_attachment(r->collect, &instance, plane, &owner, &attachment);
    if (err != JIT_OK) {
        return err != JIT_ELIMIT
                   ? err
                   : ndjson_fail(r, err, 1, "more than 256 attachments on one owner", "");
    }
    ndjson_key_of((uint8_t)plane, &instance, &owner, attachment.name, attachment.name_size, &key);
    err = ndjson_see(r, &key, "an attachment");
    err = err != JIT_OK ? err
                        : ndjson_promise(r, &instance, &owner, plane == RMG_PLANE_BETA,
                                         plane == RMG_PLANE_BETA ? "\"owner\" is no edge"
                                                                 : "\"owner\" is no node");
    if (err != JIT_OK || attachment.value.kind == RMG_VALUE_ATOM) {
        r->report.values += err == JIT_OK;
        return err;
    }
    void *data = r->portals;
    struct ndjson_portal *place =
        ndjson_grow(r, &data, &r->portal_count, &r->portal_capacity, sizeof *place);
    if (place == NULL) {
        return JIT_ENOMEM;
    }
    r->portals = data;
    *place = (struct ndjson_portal){.line = r->line, .slot = key, .target = attachment.value.type};
    return JIT_OK;
}

/* Nesting is bounded before the parser sees it. */
static bool too_deep(const char *line, size_t size)
{
    unsigned depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < size; i++) {
        char c = line[i];
        if (quoted) {
            i += c == '\\';
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            if (++depth > JIT_JSON_DEPTH_MAX) {
                return true;
            }
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return false;
}

/* JIT_ENOENT: its instance has not been declared. */
static enum jit_err dispatch(struct ndjson_reader *r)
{
    static const struct {
        const char *kind;
        enum jit_err (*take)(struct ndjson_reader *);
    } kinds[] = {{"instance", take_instance},
                 {"node", take_node},
                 {"edge", take_edge},
                 {"attachment", take_attachment}};
    const char *kind;
    size_t size;
    if (!json_is_object(r->object)) {
        return ndjson_fail(r, JIT_EFORMAT, 1, "this line is no object", "");
    }
    enum jit_err err = ndjson_text_of(r, "kind", &kind, &size);
    for (size_t i = 0; err == JIT_OK && i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].kind, kind) == 0) {
            return kinds[i].take(r);
        }
    }
    return err != JIT_OK ? err : ndjson_fail(r, JIT_EFORMAT, 1, "an unknown kind of line: ", kind);
}

static enum jit_err take_line(struct ndjson_reader *r, uint64_t number, const char *line,
                              size_t size)
{
    json_error_t error;
    r->line = number;
    if (too_deep(line, size)) {
        return ndjson_fail(r, JIT_ELIMIT, 1, "nested deeper than 64", "");
    }
    enum jit_err err = format_parse_json(line, size, JSON_REJECT_DUPLICATES, &r->object, &error);
    if (err == JIT_EFORMAT) {
        return ndjson_fail(r, err, error.column > 0 ? (uint64_t)error.column : 1,
                           "no JSON: ", error.text);
    }
    if (err == JIT_OK) {
        err = dispatch(r);
    }
    json_decref(r->object);
    r->object = NULL;
    return err;
}

static bool is_blank(const char *line, size_t size)
{
    while (size > 0 && (line[size - 1] == ' ' || line[size - 1] == '\t')) {
        size--;
    }
    return size == 0;
}

static enum jit_err read_lines(struct ndjson_reader *r)
{
    const char *line;
    size_t size;
    enum jit_err err;
    while ((err = import_input_line(&r->input, &line, &size)) == JIT_OK) {
        if (is_blank(line, size)) {
            continue;
        }
        err = take_line(r, ndjson_line_number(r, r->input.line), line, size);
        if (err == JIT_ENOENT) { /* any order: keep it until its instance has come */
            jit_buf_put_u64(&r->later, r->line);
            jit_buf_put_u64(&r->later, size);
            jit_buf_put(&r->later, line, size);
            err = r->later.err;
        }
        if (err != JIT_OK) {
            return err;
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err take_later(struct ndjson_reader *r)
{
    struct jit_cursor cur = jit_cursor_of(r->later.data, r->later.size);
    enum jit_err err = JIT_OK;
    while (err == JIT_OK && cur.left > 0) {
        uint64_t number = jit_get_u64(&cur);
        uint64_t size = jit_get_u64(&cur);
        err = take_line(r, number, (const char *)jit_get_bytes(&cur, size), size);
        if (err == JIT_ENOENT) {
            err = ndjson_fail(r, JIT_EFORMAT, 1, "no line declares this instance", "");
        }
    }
    return err;
}

/* ---- the entry ---- */

static enum jit_err read_all(struct ndjson_reader *r)
{
    const struct import_source *source = r->im->source;
    enum jit_err err = JIT_OK;
    for (r->file = 0; err == JIT_OK && r->file < source->path_count; r->file++) {
        err = import_input_open(&r->input, r->im, source->paths[r->file]);
        err = err == JIT_OK ? read_lines(r) : err;
        r->last = ndjson_line_number(r, r->input.line > 0 ? r->input.line : 1);
        import_input_close(&r->input);
    }
    err = err == JIT_OK ? take_later(r) : err;
    err = err == JIT_OK ? ndjson_check_state(r) : err;
    r->report.instances = r->instance_count;
    return err;
}

/* Into an instance, or by a schema: it becomes a state of its own first, which is then copied. */
static enum jit_err read_and_copy(struct ndjson_reader *r)
{
    struct format_graph graph;
    struct jit_id at;
    r->collect = NULL;
    enum jit_err err = format_graph_init(&graph, r->im->heap);
    err = err == JIT_OK ? rmg_collect_new(r->im->heap, graph.store, &r->collect) : err;
    err = err == JIT_OK ? read_all(r) : err;
    err = err == JIT_OK ? format_graph_load(&graph, r->collect, &at) : err;
    rmg_collect_free(r->collect);
    r->collect = NULL;
    if (err == JIT_OK) {
        err = import_version(r->im, &graph, r->im->source->paths[0]);
    }
    format_graph_release(&graph);
    return err;
}

static enum jit_err import_ndjson(struct import *im)
{
    struct ndjson_reader r = {.im = im, .collect = im->collect};
    r.seen.heap = im->heap;
    jit_buf_init(&r.later, im->heap, SIZE_MAX / 2);
    jit_buf_init(&r.bytes, im->heap, JIT_ATOM_BYTES_MAX);
    enum jit_err err;
    if (im->source->into != NULL || im->source->schema != NULL) {
        err = read_and_copy(&r);
    } else {
        err = read_all(&r);
        *im->report = r.report;
    }
    import_seen_release(&r.seen);
    im->heap->free(im->heap, r.instances);
    im->heap->free(im->heap, r.portals);
    im->heap->free(im->heap, r.promises);
    jit_buf_release(&r.later);
    jit_buf_release(&r.bytes);
    return err;
}

const struct format format_ndjson = {
    .name = "ndjson",
    .extensions = {".ndjson", ".jsonl"},
    .magic = "{\"kind\":",
    .magic_size = 8,
    .reads = "One object a line, as `rmg export` writes them, in any order over all\n"
             "files: a whole state with its instances and portals.",
    .many = true,
    .outputs = 1,
    .writes = "All of it; importing it gives the same state root.",
    .read = import_ndjson,
    .write = export_ndjson,
};
