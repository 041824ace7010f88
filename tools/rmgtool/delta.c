#include "tools/rmgtool/delta.h"

#include <stdarg.h>
#include <string.h>

#include "base/check.h"
#include "base/le.h"
#include "rmg/store/codec.h"

#define SHORT_HEX   16
#define LABEL_SHOWN 40u
#define BYTES_SHOWN 24u

enum jit_err delta_begin(struct delta *delta, struct cli *cli,
                         const struct format_graph *const *graphs, uint32_t count)
{
    enum jit_err err = JIT_OK;
    assert(count <= DELTA_GRAPHS_MAX);
    *delta = (struct delta){.cli = cli, .count = count};
    for (uint32_t i = 0; err == JIT_OK && i < count; i++) {
        delta->graphs[i] = graphs[i];
        err = format_names_new(graphs[i], &delta->names[i]);
    }
    return err;
}

void delta_end(struct delta *delta)
{
    for (uint32_t i = 0; i < delta->count; i++) {
        format_names_free(delta->names[i]);
        delta->names[i] = NULL;
    }
}

void delta_add(struct delta_text *text, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int size = vsnprintf(text->text + text->size, sizeof text->text - text->size, format, list);
    va_end(list);
    if (size > 0) {
        text->size += (size_t)size;
    }
    if (text->size >= sizeof text->text) {
        text->size = sizeof text->text - 1;
    }
}

/* Bytes that came from a file reach no terminal as they are. */
static void add_quoted(struct delta_text *text, const char *bytes, uint32_t size)
{
    char shown[LABEL_SHOWN + 4];
    delta_add(text, "\"%s\"", cli_shown(bytes, size, LABEL_SHOWN, shown));
}

static void add_id(struct delta_text *text, const struct jit_id *id)
{
    char hex[JIT_ID_HEX];
    jit_id_to_hex(id, hex);
    delta_add(text, "%.*s", SHORT_HEX, hex);
}

const char *delta_type(const struct delta *delta, const struct jit_id *type, char hex[JIT_ID_HEX])
{
    for (uint32_t i = 0; i < delta->count; i++) {
        const char *name = format_name_of(delta->names[i], type);
        if (name != NULL) {
            return name;
        }
    }
    jit_id_to_hex(type, hex);
    hex[8] = 0;
    return hex;
}

json_t *delta_put_type(const struct delta *delta, json_t *object, const char *key,
                       const struct jit_id *type)
{
    char hex[JIT_ID_HEX];
    const char *name = delta_type(delta, type, hex);
    return name == hex ? object : cli_put_text(object, key, name);
}

const char *delta_label(const struct delta *delta, const struct jit_id *instance,
                        const struct jit_id *node, uint32_t *size)
{
    for (uint32_t i = 0; i < delta->count; i++) {
        const struct format_graph *graph = delta->graphs[i];
        struct rmg_instance in;
        struct rmg_graph view;
        if (rmg_store_instance(graph->store, &graph->version, instance, &in) != JIT_OK) {
            continue;
        }
        rmg_store_graph(graph->store, &in, &view);
        const char *label = format_label(&view, RMG_PLANE_ALPHA, node, size);
        if (label != NULL) {
            return label;
        }
    }
    *size = 0;
    return NULL;
}

static bool find_instance(const struct delta *delta, const struct jit_id *id,
                          struct rmg_instance *out)
{
    for (uint32_t i = 0; i < delta->count; i++) {
        const struct format_graph *graph = delta->graphs[i];
        if (rmg_store_instance(graph->store, &graph->version, id, out) == JIT_OK) {
            return true;
        }
    }
    return false;
}

/* The names of the portals that lead there. */
void delta_instance(const struct delta *delta, const struct jit_id *instance,
                    struct delta_text *text)
{
    struct rmg_instance way[JIT_DEPTH_MAX + 1];
    struct jit_id at = *instance;
    uint32_t count = 0;
    bool named = true;
    while (count <= JIT_DEPTH_MAX && find_instance(delta, &at, &way[count])) {
        const struct rmg_parent *parent = &way[count].parent;
        if (!parent->present) {
            break;
        }
        named = named && parent->name_size > 0 && parent->name_size <= LABEL_SHOWN;
        at = parent->instance;
        count++;
    }
    if (!named || count > JIT_DEPTH_MAX) {
        delta_add(text, "instance ");
        add_id(text, instance);
        return;
    }
    if (count == 0) {
        delta_add(text, "/");
    }
    while (count-- > 0) {
        delta_add(text, "/");
        const struct rmg_parent *parent = &way[count].parent;
        char shown[JIT_NAME_BYTES_MAX + 4];
        delta_add(text, "%s",
                  cli_shown(parent->name, parent->name_size, JIT_NAME_BYTES_MAX, shown));
    }
}

static void add_node(const struct delta *delta, const struct jit_id *instance,
                     const struct jit_id *node, struct delta_text *text)
{
    uint32_t size = 0;
    const char *label = delta_label(delta, instance, node, &size);
    add_id(text, node);
    if (label != NULL) {
        delta_add(text, " ");
        add_quoted(text, label, size);
    }
}

void delta_place(const struct delta *delta, const struct rmg_place *place, struct delta_text *text)
{
    switch (place->part) {
    case RMG_PART_INSTANCE:
        delta_add(text, "instance ");
        add_id(text, &place->instance);
        return;
    case RMG_PART_NODE:
        delta_add(text, "node ");
        add_node(delta, &place->instance, &place->id, text);
        return;
    case RMG_PART_EDGE:
        delta_add(text, "edge ");
        add_id(text, &place->id);
        return;
    default:
        break;
    }
    delta_add(text, "value ");
    if (place->part == RMG_PART_ALPHA) {
        add_node(delta, &place->instance, &place->id, text);
    } else {
        delta_add(text, "edge ");
        add_id(text, &place->id);
    }
    delta_add(text, " ");
    add_quoted(text, place->name, place->name_size);
}

static void add_bytes(struct delta_text *text, const struct rmg_value *value)
{
    for (uint32_t i = 0; i < value->size && i < BYTES_SHOWN; i++) {
        delta_add(text, "%02x", value->bytes[i]);
    }
    if (value->size > BYTES_SHOWN) {
        delta_add(text, "... (%u bytes)", (unsigned)value->size);
    }
}

static void add_value(const struct delta *delta, const struct rmg_value *value,
                      struct delta_text *text)
{
    struct rmg_datum datum = {.codec = RMG_CODEC_NONE};
    char hex[JIT_ID_HEX];
    enum rmg_codec codec = rmg_codec_of_type(&value->type);
    if (value->kind == RMG_VALUE_PORTAL) {
        delta_add(text, "portal to ");
        add_id(text, &value->type);
        return;
    }
    delta_add(text, "%s ", delta_type(delta, &value->type, hex));
    if (codec == RMG_CODEC_NONE ||
        rmg_codec_decode(codec, value->bytes, value->size, &datum) != JIT_OK) {
        add_bytes(text, value);
        return;
    }
    switch (codec) {
    case RMG_CODEC_BOOL:
        delta_add(text, datum.as.boolean ? "true" : "false");
        break;
    case RMG_CODEC_I64:
        delta_add(text, "%lld", (long long)datum.as.i64);
        break;
    case RMG_CODEC_F64:
        delta_add(text, "%.17g", datum.as.f64);
        break;
    case RMG_CODEC_F32:
        delta_add(text, "%.9g", datum.as.f64);
        break;
    case RMG_CODEC_TEXT:
        add_quoted(text, (const char *)value->bytes, value->size);
        break;
    default:
        add_bytes(text, value);
        break;
    }
}

static void add_parent(const struct delta *delta, const struct rmg_parent *parent,
                       struct delta_text *text)
{
    if (!parent->present) {
        delta_add(text, ", top");
        return;
    }
    delta_add(text, ", in ");
    delta_instance(delta, &parent->instance, text);
    delta_add(text, parent->plane == RMG_PLANE_ALPHA ? " on node " : " on edge ");
    add_id(text, &parent->owner);
    delta_add(text, " ");
    add_quoted(text, parent->name, parent->name_size);
}

void delta_content(const struct delta *delta, const struct rmg_place *place,
                   const union rmg_content *content, struct delta_text *text)
{
    char hex[JIT_ID_HEX];
    if (content == NULL) {
        delta_add(text, "-");
        return;
    }
    switch (place->part) {
    case RMG_PART_INSTANCE:
        delta_add(text, "root ");
        add_id(text, &content->instance.root_node);
        add_parent(delta, &content->instance.parent, text);
        return;
    case RMG_PART_NODE:
        delta_add(text, "%s", delta_type(delta, &content->node, hex));
        return;
    case RMG_PART_EDGE:
        delta_add(text, "%s ", delta_type(delta, &content->edge.type, hex));
        add_node(delta, &place->instance, &content->edge.from, text);
        delta_add(text, " -> ");
        add_node(delta, &place->instance, &content->edge.to, text);
        return;
    default:
        add_value(delta, &content->value, text);
        return;
    }
}

/* ---- JSON ---- */

static json_t *put_id(json_t *object, const char *key, const struct jit_id *id)
{
    char hex[JIT_ID_HEX];
    jit_id_to_hex(id, hex);
    return cli_put_text(object, key, hex);
}

json_t *delta_place_json(const struct rmg_place *place)
{
    static const char *const kinds[RMG_PARTS] = {"instance", "node", "edge", "attachment",
                                                 "attachment"};
    json_t *object = json_object();
    cli_put_text(object, "kind", kinds[place->part]);
    if (place->part == RMG_PART_INSTANCE) {
        return put_id(object, "id", &place->instance);
    }
    put_id(object, "instance", &place->instance);
    if (place->part < RMG_PART_ALPHA) {
        return put_id(object, "id", &place->id);
    }
    cli_put_text(object, "plane", place->part == RMG_PART_ALPHA ? "alpha" : "beta");
    put_id(object, "owner", &place->id);
    return cli_put(object, "name", json_stringn(place->name, place->name_size));
}

static json_t *parent_json(const struct rmg_parent *parent)
{
    if (!parent->present) {
        return json_null();
    }
    json_t *object = json_object();
    cli_put_text(object, "plane", parent->plane == RMG_PLANE_ALPHA ? "alpha" : "beta");
    put_id(object, "instance", &parent->instance);
    put_id(object, "owner", &parent->owner);
    return cli_put(object, "name", json_stringn(parent->name, parent->name_size));
}

static json_t *bytes_json(const struct rmg_value *value)
{
    static const char digits[] = "0123456789abcdef";
    char *hex = jit_heap_libc()->alloc(jit_heap_libc(), (size_t)value->size * 2 + 1);
    if (hex == NULL) {
        cli_json_starved();
        return NULL;
    }
    for (uint32_t i = 0; i < value->size; i++) {
        hex[2 * i] = digits[value->bytes[i] >> 4];
        hex[2 * i + 1] = digits[value->bytes[i] & 15];
    }
    json_t *text = json_stringn(hex, (size_t)value->size * 2);
    jit_heap_libc()->free(jit_heap_libc(), hex);
    return text;
}

json_t *delta_content_json(enum rmg_part part, const union rmg_content *content)
{
    if (content == NULL) {
        return json_null();
    }
    json_t *object = json_object();
    switch (part) {
    case RMG_PART_INSTANCE:
        put_id(object, "root", &content->instance.root_node);
        return cli_put(object, "parent", parent_json(&content->instance.parent));
    case RMG_PART_NODE:
        return put_id(object, "type", &content->node);
    case RMG_PART_EDGE:
        put_id(object, "from", &content->edge.from);
        put_id(object, "to", &content->edge.to);
        return put_id(object, "type", &content->edge.type);
    default:
        break;
    }
    if (content->value.kind == RMG_VALUE_PORTAL) {
        return put_id(object, "descend", &content->value.type);
    }
    put_id(object, "type", &content->value.type);
    return cli_put(object, "bytes", bytes_json(&content->value));
}
