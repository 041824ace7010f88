/* NDJSON: one object a line, in any order over all files; docs/spec/formats.md lists the lines. A
 * line is known by the number of its file and its own: line_number(). */
#include "tools/formats/import_priv.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "tools/formats/export_priv.h"
#include "tools/formats/parse_json.h"

/* What must turn out to be there once all lines are read. */
struct promise {
    uint64_t line;
    struct jit_id instance;
    struct jit_id id;
    bool edge;
    const char *what;
};

struct declared { /* an instance line */
    uint64_t line;
    struct jit_id id;
    struct jit_id root_node;
    struct rmg_parent parent;
};

struct portal {
    uint64_t line;
    struct jit_id slot; /* key of the slot it lies in */
    struct jit_id target;
};

struct reader {
    struct import *im;
    struct rmg_collect *collect; /* the source's own, or one of our own that is copied later */
    struct import_input input;
    struct import_report report; /* when it goes into another collect, a report of its own */
    struct import_seen seen;     /* nodes by themselves; edges and attachments by their keys */
    struct declared *instances;
    size_t instance_count;
    size_t instance_capacity;
    struct portal *portals;
    size_t portal_count;
    size_t portal_capacity;
    struct promise *promises;
    size_t promise_count;
    size_t promise_capacity;
    struct jit_buf later; /* lines before their instance: u64 line || u64 size || bytes */
    struct jit_buf bytes; /* of an atom */
    uint32_t file;        /* being read */
    uint64_t line;        /* being taken */
    uint64_t last;        /* of the last file */
    json_t *object;
};

#define LINE_BITS 40u

static uint64_t line_number(const struct reader *r, uint64_t line)
{
    return (uint64_t)r->file << LINE_BITS | line;
}

static const char *file_of(const struct reader *r, uint64_t line)
{
    const char *path = r->im->source->paths[line >> LINE_BITS];
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

static uint64_t in_file(uint64_t line)
{
    return line & ((1ull << LINE_BITS) - 1);
}

static enum jit_err fail(struct reader *r, enum jit_err err, uint64_t column, const char *what,
                         const char *detail)
{
    char place[IMPORT_PLACE_SIZE];
    import_place(place, file_of(r, r->line), in_file(r->line), column);
    return import_fail(r->im, err, place, "%s%.200s", what, detail);
}

/* ---- fields ---- */

static enum jit_err text_of(struct reader *r, const char *key, const char **text, size_t *size)
{
    const json_t *value = json_object_get(r->object, key);
    if (!json_is_string(value)) {
        return fail(r, JIT_EFORMAT, 1,
                    value == NULL ? "this line lacks the field " : "no string in the field ", key);
    }
    *text = json_string_value(value);
    *size = json_string_length(value);
    return JIT_OK;
}

static enum jit_err id_of(struct reader *r, const char *key, bool zero, struct jit_id *id)
{
    const char *text;
    size_t size;
    enum jit_err err = text_of(r, key, &text, &size);
    if (err == JIT_OK && jit_id_from_hex(text, size, id) != JIT_OK) {
        err = fail(r, JIT_EFORMAT, 1, "no 64 hex digits in the field ", key);
    }
    if (err == JIT_OK && !zero && jit_id_is_zero(id)) {
        err = fail(r, JIT_EFORMAT, 1, "an id of zeros in the field ", key);
    }
    return err;
}

static enum jit_err plane_of(struct reader *r, enum rmg_plane *plane)
{
    const char *text;
    size_t size;
    enum jit_err err = text_of(r, "plane", &text, &size);
    if (err != JIT_OK) {
        return err;
    }
    *plane = strcmp(text, "beta") == 0 ? RMG_PLANE_BETA : RMG_PLANE_ALPHA;
    return *plane == RMG_PLANE_BETA || strcmp(text, "alpha") == 0
               ? JIT_OK
               : fail(r, JIT_EFORMAT, 1, "\"plane\" is \"alpha\" or \"beta\", not ", text);
}

static enum jit_err name_of(struct reader *r, const char **name, uint32_t *size)
{
    size_t length;
    enum jit_err err = text_of(r, "name", name, &length);
    if (err == JIT_OK && length > JIT_NAME_BYTES_MAX) {
        err = fail(r, JIT_ELIMIT, 1, "a name of more than 255 bytes", "");
    }
    *size = (uint32_t)length; /* jansson has seen to UTF-8 and to NUL */
    return err;
}

/* Every key of the object must be one of the list. */
static enum jit_err only(struct reader *r, const char *const *keys)
{
    const char *key;
    json_t *value;
    json_object_foreach(r->object, key, value)
    {
        size_t i = 0;
        while (keys[i] != NULL && strcmp(keys[i], key) != 0) {
            i++;
        }
        if (keys[i] == NULL) {
            return fail(r, JIT_EFORMAT, 1, "an unknown field ", key);
        }
    }
    return JIT_OK;
}

/* ---- keys of slots ---- */

static void key_of(uint8_t kind, const struct jit_id *instance, const struct jit_id *id,
                   const char *name, uint32_t name_size, struct jit_id *key)
{
    struct jit_hasher hasher;
    jit_hasher_init(&hasher);
    jit_hasher_update(&hasher, &kind, 1);
    jit_hasher_update(&hasher, instance->bytes, JIT_ID_BYTES);
    jit_hasher_update(&hasher, id->bytes, JIT_ID_BYTES);
    if (name_size > 0) {
        jit_hasher_update(&hasher, name, name_size);
    }
    jit_hasher_final(&hasher, key);
}

#define KEY_NODE 3 /* 1 and 2: attachments, by plane */
#define KEY_EDGE 4

static enum jit_err see(struct reader *r, const struct jit_id *key, const char *what)
{
    uint64_t line = 0;
    enum jit_err err = import_seen_add(&r->seen, key, r->line, &line);
    if (err == JIT_OK && line != 0) {
        char place[IMPORT_PLACE_SIZE];
        bool here = line >> LINE_BITS == r->line >> LINE_BITS;
        import_place(place, file_of(r, r->line), in_file(r->line), 1);
        err = import_fail(r->im, JIT_EEXIST, place, "%s that is on line %llu%s%.200s already", what,
                          (unsigned long long)in_file(line), here ? "" : " of ",
                          here ? "" : file_of(r, line));
    }
    return err;
}

static void *grow(struct reader *r, void **data, size_t *count, size_t *capacity, size_t size)
{
    if (jit_heap_grow(r->im->heap, data, capacity, *count + 1, size) != 0) {
        return NULL;
    }
    return (uint8_t *)*data + size * (*count)++;
}

/* Must be there in the end; most is there already. */
static enum jit_err promise(struct reader *r, const struct jit_id *instance,
                            const struct jit_id *id, bool edge, const char *what)
{
    struct jit_id key;
    key_of(edge ? KEY_EDGE : KEY_NODE, instance, id, NULL, 0, &key);
    if (edge ? import_seen_get(&r->seen, &key) != 0
             : rmg_collect_has_node(r->collect, instance, id)) {
        return JIT_OK;
    }
    void *data = r->promises;
    struct promise *place = grow(r, &data, &r->promise_count, &r->promise_capacity, sizeof *place);
    if (place == NULL) {
        return JIT_ENOMEM;
    }
    r->promises = data;
    *place = (struct promise){
        .line = r->line, .instance = *instance, .id = *id, .edge = edge, .what = what};
    return JIT_OK;
}

/* ---- lines ---- */

static enum jit_err parent_of(struct reader *r, struct rmg_parent *parent)
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
        return fail(r, JIT_EFORMAT, 1, "\"parent\" is null or an object", "");
    }
    r->object = value;
    enum jit_err err = only(r, keys);
    err = err == JIT_OK ? plane_of(r, &parent->plane) : err;
    err = err == JIT_OK ? id_of(r, "instance", false, &parent->instance) : err;
    err = err == JIT_OK ? id_of(r, "owner", true, &parent->owner) : err;
    err = err == JIT_OK ? name_of(r, &name, &parent->name_size) : err;
    if (err == JIT_OK) {
        memcpy(parent->name, name, parent->name_size);
        parent->present = true;
    }
    r->object = line;
    return err;
}

static enum jit_err take_instance(struct reader *r)
{
    static const char *const keys[] = {"kind", "id", "root", "parent", NULL};
    struct declared one = {.line = r->line};
    enum jit_err err = only(r, keys);
    err = err == JIT_OK ? id_of(r, "id", false, &one.id) : err;
    err = err == JIT_OK ? id_of(r, "root", true, &one.root_node) : err;
    err = err == JIT_OK ? parent_of(r, &one.parent) : err;
    if (err != JIT_OK) {
        return err;
    }
    err = rmg_collect_instance(r->collect, &one.id, &one.root_node,
                               one.parent.present ? &one.parent : NULL);
    if (err == JIT_EEXIST || err == JIT_ELIMIT) {
        return fail(r, err, 1,
                    err == JIT_EEXIST ? "a second line for this instance"
                                      : "more than 65,536 instances",
                    "");
    }
    if (err != JIT_OK) {
        return err;
    }
    void *data = r->instances;
    struct declared *place =
        grow(r, &data, &r->instance_count, &r->instance_capacity, sizeof *place);
    if (place == NULL) {
        return JIT_ENOMEM;
    }
    r->instances = data;
    *place = one;
    return JIT_OK;
}

static enum jit_err take_node(struct reader *r)
{
    static const char *const keys[] = {"kind", "instance", "id", "type", NULL};
    struct jit_id instance;
    struct jit_id id;
    struct jit_id type;
    enum jit_err err = only(r, keys);
    err = err == JIT_OK ? id_of(r, "instance", false, &instance) : err;
    err = err == JIT_OK ? id_of(r, "id", true, &id) : err;
    err = err == JIT_OK ? id_of(r, "type", false, &type) : err;
    err = err == JIT_OK ? rmg_collect_node(r->collect, &instance, &id, &type) : err;
    if (err == JIT_EEXIST) {
        return fail(r, err, 1, "a second line for this node", "");
    }
    r->report.nodes += err == JIT_OK;
    return err;
}

static enum jit_err take_edge(struct reader *r)
{
    static const char *const keys[] = {"kind", "instance", "id", "from", "to", "type", NULL};
    struct jit_id instance;
    struct jit_id key;
    struct rmg_edge edge;
    enum jit_err err = only(r, keys);
    err = err == JIT_OK ? id_of(r, "instance", false, &instance) : err;
    err = err == JIT_OK ? id_of(r, "id", true, &edge.id) : err;
    err = err == JIT_OK ? id_of(r, "from", true, &edge.from) : err;
    err = err == JIT_OK ? id_of(r, "to", true, &edge.to) : err;
    err = err == JIT_OK ? id_of(r, "type", false, &edge.type) : err;
    err = err == JIT_OK ? rmg_collect_edge(r->collect, &instance, &edge) : err;
    if (err != JIT_OK) {
        return err;
    }
    key_of(KEY_EDGE, &instance, &edge.id, NULL, 0, &key);
    err = see(r, &key, "an edge");
    err = err == JIT_OK ? promise(r, &instance, &edge.from, false, "\"from\" is no node") : err;
    err = err == JIT_OK ? promise(r, &instance, &edge.to, false, "\"to\" is no node") : err;
    r->report.edges += err == JIT_OK;
    return err;
}

static enum jit_err value_of(struct reader *r, struct rmg_value *value)
{
    static const char *const atom[] = {"kind", "instance", "plane", "owner",
                                       "name", "type",     "bytes", NULL};
    static const char *const portal[] = {"kind", "instance", "plane", "owner",
                                         "name", "descend",  NULL};
    bool descends = json_object_get(r->object, "descend") != NULL;
    const char *text;
    size_t size;
    enum jit_err err = only(r, descends ? portal : atom);
    value->kind = descends ? RMG_VALUE_PORTAL : RMG_VALUE_ATOM;
    if (err != JIT_OK || descends) {
        return err == JIT_OK ? id_of(r, "descend", false, &value->type) : err;
    }
    err = id_of(r, "type", false, &value->type);
    err = err == JIT_OK ? text_of(r, "bytes", &text, &size) : err;
    if (err != JIT_OK) {
        return err;
    }
    jit_buf_reset(&r->bytes);
    if (size / 2 > JIT_ATOM_BYTES_MAX) {
        return fail(r, JIT_ELIMIT, 1, "an atom of more than 1 MiB", "");
    }
    if (!import_hex_bytes(text, size, &r->bytes)) {
        return fail(r, JIT_EFORMAT, 1, "\"bytes\" are no pairs of hex digits", "");
    }
    value->bytes = r->bytes.data;
    value->size = (uint32_t)r->bytes.size;
    return r->bytes.err;
}

static enum jit_err take_attachment(struct reader *r)
{
    struct rmg_attachment attachment = {0};
    enum rmg_plane plane = RMG_PLANE_ALPHA;
    struct jit_id instance;
    struct jit_id owner;
    struct jit_id key;
    enum jit_err err = value_of(r, &attachment.value);
    err = err == JIT_OK ? id_of(r, "instance", false, &instance) : err;
    err = err == JIT_OK ? plane_of(r, &plane) : err;
    err = err == JIT_OK ? id_of(r, "owner", true, &owner) : err;
    err = err == JIT_OK ? name_of(r, &attachment.name, &attachment.name_size) : err;
    if (err != JIT_OK) {
        return err;
    }
    err = rmg_collect_attachment(r->collect, &instance, plane, &owner, &attachment);
    if (err != JIT_OK) {
        return err != JIT_ELIMIT ? err
                                 : fail(r, err, 1, "more than 256 attachments on one owner", "");
    }
    key_of((uint8_t)plane, &instance, &owner, attachment.name, attachment.name_size, &key);
    err = see(r, &key, "an attachment");
    err = err != JIT_OK
              ? err
              : promise(r, &instance, &owner, plane == RMG_PLANE_BETA,
                        plane == RMG_PLANE_BETA ? "\"owner\" is no edge" : "\"owner\" is no node");
    if (err != JIT_OK || attachment.value.kind == RMG_VALUE_ATOM) {
        r->report.values += err == JIT_OK;
        return err;
    }
    void *data = r->portals;
    struct portal *place = grow(r, &data, &r->portal_count, &r->portal_capacity, sizeof *place);
    if (place == NULL) {
        return JIT_ENOMEM;
    }
    r->portals = data;
    *place = (struct portal){.line = r->line, .slot = key, .target = attachment.value.type};
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
static enum jit_err dispatch(struct reader *r)
{
    static const struct {
        const char *kind;
        enum jit_err (*take)(struct reader *);
    } kinds[] = {{"instance", take_instance},
                 {"node", take_node},
                 {"edge", take_edge},
                 {"attachment", take_attachment}};
    const char *kind;
    size_t size;
    if (!json_is_object(r->object)) {
        return fail(r, JIT_EFORMAT, 1, "this line is no object", "");
    }
    enum jit_err err = text_of(r, "kind", &kind, &size);
    for (size_t i = 0; err == JIT_OK && i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].kind, kind) == 0) {
            return kinds[i].take(r);
        }
    }
    return err != JIT_OK ? err : fail(r, JIT_EFORMAT, 1, "an unknown kind of line: ", kind);
}

static enum jit_err take_line(struct reader *r, uint64_t number, const char *line, size_t size)
{
    json_error_t error;
    r->line = number;
    if (too_deep(line, size)) {
        return fail(r, JIT_ELIMIT, 1, "nested deeper than 64", "");
    }
    enum jit_err err = format_parse_json(line, size, JSON_REJECT_DUPLICATES, &r->object, &error);
    if (err == JIT_EFORMAT) {
        return fail(r, err, error.column > 0 ? (uint64_t)error.column : 1, "no JSON: ", error.text);
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

static enum jit_err read_lines(struct reader *r)
{
    const char *line;
    size_t size;
    enum jit_err err;
    while ((err = import_input_line(&r->input, &line, &size)) == JIT_OK) {
        if (is_blank(line, size)) {
            continue;
        }
        err = take_line(r, line_number(r, r->input.line), line, size);
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

static enum jit_err take_later(struct reader *r)
{
    struct jit_cursor cur = jit_cursor_of(r->later.data, r->later.size);
    enum jit_err err = JIT_OK;
    while (err == JIT_OK && cur.left > 0) {
        uint64_t number = jit_get_u64(&cur);
        uint64_t size = jit_get_u64(&cur);
        err = take_line(r, number, (const char *)jit_get_bytes(&cur, size), size);
        if (err == JIT_ENOENT) {
            err = fail(r, JIT_EFORMAT, 1, "no line declares this instance", "");
        }
    }
    return err;
}

/* ---- a valid state ---- */

static enum jit_err keep_promises(struct reader *r)
{
    for (size_t i = 0; i < r->promise_count; i++) {
        const struct promise *p = &r->promises[i];
        struct jit_id key;
        key_of(KEY_EDGE, &p->instance, &p->id, NULL, 0, &key);
        if (p->edge ? import_seen_get(&r->seen, &key) == 0
                    : !rmg_collect_has_node(r->collect, &p->instance, &p->id)) {
            r->line = p->line;
            return fail(r, JIT_EINVALID, 1, p->what, " of its instance");
        }
    }
    return JIT_OK;
}

static int compare_declared(const void *a, const void *b)
{
    return jit_id_compare(&((const struct declared *)a)->id, &((const struct declared *)b)->id);
}

static const struct declared *find_declared(const struct reader *r, const struct jit_id *id)
{
    struct declared key = {.id = *id};
    return r->instance_count == 0 ? NULL
                                  : bsearch(&key, r->instances, r->instance_count,
                                            sizeof *r->instances, compare_declared);
}

static enum jit_err check_instance(struct reader *r, const struct declared *one)
{
    unsigned depth = 0;
    r->line = one->line;
    if (!rmg_collect_has_node(r->collect, &one->id, &one->root_node)) {
        return fail(r, JIT_EINVALID, 1, "\"root\" is no node of the instance", "");
    }
    for (const struct declared *up = one; up->parent.present; depth++) {
        up = find_declared(r, &up->parent.instance);
        if (up == NULL) {
            return fail(r, JIT_EINVALID, 1, "no line declares the parent's instance", "");
        }
        if (depth >= JIT_DEPTH_MAX) {
            return fail(r, JIT_EINVALID, 1, "nested in a circle or deeper than 64", "");
        }
    }
    return JIT_OK;
}

static enum jit_err check_portals(struct reader *r)
{
    for (size_t i = 0; i < r->portal_count; i++) {
        const struct portal *portal = &r->portals[i];
        const struct declared *one = find_declared(r, &portal->target);
        struct jit_id key;
        r->line = portal->line;
        if (one == NULL) {
            return fail(r, JIT_EINVALID, 1, "\"descend\" is no instance", "");
        }
        key_of((uint8_t)one->parent.plane, &one->parent.instance, &one->parent.owner,
               one->parent.name, one->parent.name_size, &key);
        if (!one->parent.present || !jit_id_equal(&key, &portal->slot)) {
            return fail(r, JIT_EINVALID, 1, "the parent of this instance is another slot", "");
        }
    }
    return JIT_OK;
}

static int compare_portals(const void *a, const void *b)
{
    return jit_id_compare(&((const struct portal *)a)->target, &((const struct portal *)b)->target);
}

static enum jit_err check_state(struct reader *r)
{
    const struct declared *top = NULL;
    enum jit_err err = keep_promises(r);
    if (err == JIT_OK && r->instance_count > 0) {
        qsort(r->instances, r->instance_count, sizeof *r->instances, compare_declared);
    }
    for (size_t i = 0; err == JIT_OK && i < r->instance_count; i++) {
        const struct declared *one = &r->instances[i];
        err = check_instance(r, one);
        if (err == JIT_OK && !one->parent.present && top != NULL) {
            r->line = top->line > one->line ? top->line : one->line;
            err = fail(r, JIT_EINVALID, 1, "a second instance without parent", "");
        }
        top = one->parent.present ? top : one;
    }
    if (err == JIT_OK && top == NULL) {
        r->line = r->last > 0 ? r->last : 1;
        err = fail(r, JIT_EINVALID, 1, "no instance without parent", "");
    }
    err = err == JIT_OK ? check_portals(r) : err;
    if (err == JIT_OK && r->portal_count > 0) {
        qsort(r->portals, r->portal_count, sizeof *r->portals, compare_portals);
    }
    for (size_t i = 0; err == JIT_OK && i < r->instance_count; i++) {
        const struct declared *one = &r->instances[i];
        struct portal key = {.target = one->id};
        if (one->parent.present &&
            (r->portal_count == 0 ||
             bsearch(&key, r->portals, r->portal_count, sizeof key, compare_portals) == NULL)) {
            r->line = one->line;
            err = fail(r, JIT_EINVALID, 1, "no portal leads to this instance", "");
        }
    }
    return err;
}

/* ---- the entry ---- */

static enum jit_err read_all(struct reader *r)
{
    const struct import_source *source = r->im->source;
    enum jit_err err = JIT_OK;
    for (r->file = 0; err == JIT_OK && r->file < source->path_count; r->file++) {
        err = import_input_open(&r->input, r->im, source->paths[r->file]);
        err = err == JIT_OK ? read_lines(r) : err;
        r->last = line_number(r, r->input.line > 0 ? r->input.line : 1);
        import_input_close(&r->input);
    }
    err = err == JIT_OK ? take_later(r) : err;
    err = err == JIT_OK ? check_state(r) : err;
    r->report.instances = r->instance_count;
    return err;
}

/* Into an instance, or by a schema: it becomes a state of its own first, which is then copied. */
static enum jit_err read_and_copy(struct reader *r)
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
    struct reader r = {.im = im, .collect = im->collect};
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
