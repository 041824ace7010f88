#include "tools/formats/export_words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "tools/formats/import_priv.h"

enum rmg_codec export_readable(const struct rmg_value *value, struct rmg_datum *datum)
{
    enum rmg_codec codec = rmg_codec_of_type(&value->type);
    if (codec == RMG_CODEC_NONE || codec == RMG_CODEC_LIST ||
        rmg_codec_decode(codec, value->bytes, value->size, datum) != JIT_OK) {
        return RMG_CODEC_NONE;
    }
    return codec;
}

void export_number(struct export_writer *w, const struct rmg_datum *datum)
{
    char text[64];
    double value = datum->as.f64;
    if (datum->codec == RMG_CODEC_BOOL) {
        export_text(w, datum->as.boolean ? "true" : "false");
    } else if (datum->codec == RMG_CODEC_I64) {
        snprintf(text, sizeof text, "%lld", (long long)datum->as.i64);
        export_text(w, text);
    } else if (isnan(value)) {
        export_text(w, "NaN");
    } else if (isinf(value)) {
        export_text(w, value > 0 ? "Infinity" : "-Infinity");
    } else {
        snprintf(text, sizeof text, datum->codec == RMG_CODEC_F32 ? "%.9g" : "%.17g", value);
        export_text(w, text);
    }
}

void export_json_string(struct export_writer *w, const char *text, size_t size)
{
    export_text(w, "\"");
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\') {
            jit_buf_put_u8(&w->buf, '\\');
            jit_buf_put_u8(&w->buf, c);
        } else if (c < 0x20) {
            char escape[8];
            snprintf(escape, sizeof escape, "\\u%04x", c);
            export_text(w, escape);
        } else {
            jit_buf_put_u8(&w->buf, c);
        }
    }
    export_text(w, "\"");
}

enum jit_err export_words_init(struct export_words *words, const struct export_job *job)
{
    *words = (struct export_words){.job = job};
    return format_names_new(job->graph, &words->names);
}

void export_words_release(struct export_words *words)
{
    format_names_free(words->names);
    words->names = NULL;
}

void export_words_enter(struct export_words *words, const struct rmg_instance *in)
{
    words->in = *in;
    rmg_store_graph(words->job->graph->store, &words->in, &words->view);
}

/* ---- IDs ---- */

static void itself(const char *lead, const struct jit_id *id, struct export_id *out)
{
    size_t size = strlen(lead);
    *out = (struct export_id){.any = true, .size = size + 2 * JIT_ID_BYTES};
    memcpy(out->text, lead, size);
    jit_id_to_hex(id, out->text + size);
}

void export_instance_id(const struct jit_id *id, struct export_id *out)
{
    itself(WORDS_ID, id, out);
}

bool export_label_is(const struct export_words *words, const char *prefix, const struct jit_id *id,
                     const struct rmg_value *value, struct export_id *out)
{
    struct rmg_datum datum;
    struct jit_id made;
    if (value->kind != RMG_VALUE_ATOM) {
        return false;
    }
    enum rmg_codec codec = export_readable(value, &datum);
    if (codec == RMG_CODEC_I64) {
        out->size = (size_t)snprintf(out->text, sizeof out->text, "%lld", (long long)datum.as.i64);
    } else if (codec == RMG_CODEC_TEXT && datum.size > 0 && datum.size <= JIT_LABEL_BYTES_MAX) {
        memcpy(out->text, datum.bytes, datum.size);
        out->size = datum.size;
        out->text[out->size] = 0;
    } else {
        return false;
    }
    out->number = codec == RMG_CODEC_I64;
    jit_hash_named(prefix, out->text, out->size, &made);
    return jit_id_equal(&made, id) && strncmp(out->text, WORDS_ID, sizeof WORDS_ID - 1) != 0 &&
           (words->fits == NULL || words->fits(out->text, out->size));
}

/* Is the value of this name what the id was made of? Then it stands in `out`. */
static enum jit_err try_label(const struct export_words *words, enum rmg_plane plane,
                              const struct jit_id *id, const char *name, struct export_id *out,
                              bool *found, bool *there)
{
    struct rmg_value value;
    enum jit_err err =
        rmg_attachment_get(&words->view, plane, id, name, (uint32_t)strlen(name), &value);
    *there = err == JIT_OK;
    *found = err == JIT_OK &&
             export_label_is(words, plane == RMG_PLANE_ALPHA ? "node:" : "edge:", id, &value, out);
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* The rules of the readers, the other way round. */
static enum jit_err label_of(const struct export_words *words, enum rmg_plane plane,
                             const struct jit_id *id, struct export_id *out)
{
    bool found;
    bool has_id;
    bool there;
    *out = (struct export_id){.any = true};
    if (words->job->label != NULL) {
        enum jit_err err = try_label(words, plane, id, words->job->label, out, &found, &there);
        if (err == JIT_OK && (!found || out->number)) {
            itself(WORDS_ID, id, out);
        }
        return err;
    }
    enum jit_err err = try_label(words, plane, id, "id", out, &found, &has_id);
    if (err == JIT_OK && found) {
        out->fold = "id";
        return err;
    }
    if (err == JIT_OK && has_id) {
        err = try_label(words, plane, id, WORDS_SPARE_ID, out, &found, &there);
        if (err == JIT_OK && found && !out->number) {
            out->fold = WORDS_SPARE_ID;
            return err;
        }
    }
    itself(WORDS_ID, id, out);
    return err;
}

enum jit_err export_node_id(const struct export_words *words, const struct jit_id *node,
                            struct export_id *out)
{
    return label_of(words, RMG_PLANE_ALPHA, node, out);
}

/* The id that an edge without one gets when it is the first of its kind (DESIGN 4.1). */
static bool is_first(const struct rmg_edge *edge)
{
    uint8_t input[3 * JIT_ID_BYTES + 4];
    struct jit_id made;
    memcpy(input, edge->from.bytes, JIT_ID_BYTES);
    memcpy(input + JIT_ID_BYTES, edge->to.bytes, JIT_ID_BYTES);
    memcpy(input + 2 * JIT_ID_BYTES, edge->type.bytes, JIT_ID_BYTES);
    jit_put_le32(input + 3 * JIT_ID_BYTES, 0);
    jit_hash_key(JIT_K_EDGE_ID, input, sizeof input, &made);
    return jit_id_equal(&made, &edge->id);
}

enum jit_err export_edge_id(const struct export_words *words, const struct rmg_edge *edge,
                            struct export_id *out)
{
    if (is_first(edge)) {
        *out = (struct export_id){.any = false};
        return JIT_OK;
    }
    return label_of(words, RMG_PLANE_BETA, &edge->id, out);
}

const char *export_type(const struct export_words *words, const struct jit_id *type,
                        const char *plain, char out[JIT_ID_HEX + 16])
{
    const char *name = format_name_of(words->names, type);
    struct jit_id made;
    if (name != NULL) {
        jit_hash_named("type:", name, strlen(name), &made);
    }
    if (name != NULL && jit_id_equal(&made, type) &&
        strncmp(name, WORDS_ID, sizeof WORDS_ID - 1) != 0 &&
        (words->fits == NULL || words->fits(name, strlen(name)))) {
        return plain != NULL && strcmp(name, plain) == 0 ? NULL : name;
    }
    memcpy(out, WORDS_ID, sizeof WORDS_ID - 1);
    jit_id_to_hex(type, out + sizeof WORDS_ID - 1);
    return out;
}

size_t export_name(const struct rmg_attachment *attachment, const char *const *taken,
                   char out[JIT_NAME_BYTES_MAX + 16])
{
    size_t size = attachment->name_size;
    bool escape = size == 0 || (size >= 4 && (memcmp(attachment->name, "rmg:", 4) == 0 ||
                                              memcmp(attachment->name, "rmg-", 4) == 0));
    for (size_t i = 0; !escape && taken != NULL && taken[i] != NULL; i++) {
        escape = strlen(taken[i]) == size && memcmp(taken[i], attachment->name, size) == 0;
    }
    size_t lead = escape ? strlen(WORDS_ESCAPE) : 0;
    memcpy(out, WORDS_ESCAPE, lead);
    memcpy(out + lead, attachment->name, size);
    out[lead + size] = 0;
    return lead + size;
}

enum jit_err export_fail_owner(const struct export_words *words, enum rmg_plane plane,
                               const struct jit_id *owner, enum jit_err err, const char *what)
{
    struct export_id id;
    bool node = plane == RMG_PLANE_ALPHA;
    if (label_of(words, plane, owner, &id) != JIT_OK) {
        itself(WORDS_ID, owner, &id);
    }
    return export_fail(words->job, err, node ? "node" : "edge", "%.200s %s", id.text, what);
}

/* ---- the graph itself ---- */

bool export_is_usual(const struct rmg_instance *in)
{
    struct jit_id instance;
    struct jit_id root;
    jit_hash_named("warp:", "/", 1, &instance);
    jit_hash_named("node:", "/", 1, &root);
    return !in->parent.present && jit_id_equal(&in->id, &instance) &&
           jit_id_equal(&in->root_node, &root);
}

enum jit_err export_root_plain(const struct export_words *words, bool *plain)
{
    uint64_t out = 0;
    uint64_t in = 0;
    struct jit_id type;
    struct jit_id usual;
    const struct jit_id *root = &words->in.root_node;
    jit_hash_named("type:", "instance", 8, &usual);
    enum jit_err err = rmg_node_type(&words->view, root, &type);
    err = err == JIT_OK ? rmg_degree(&words->view, root, RMG_DIR_OUT, NULL, &out) : err;
    err = err == JIT_OK ? rmg_degree(&words->view, root, RMG_DIR_IN, NULL, &in) : err;
    *plain = err == JIT_OK && out == 0 && in == 0 && jit_id_equal(&type, &usual);
    return err == JIT_ENOENT ? JIT_ECORRUPT : err;
}

enum jit_err export_flag(const struct export_words *words, const char *name, bool fallback,
                         bool *flag)
{
    struct rmg_value value;
    struct rmg_datum datum;
    *flag = fallback;
    enum jit_err err = rmg_attachment_get(&words->view, RMG_PLANE_ALPHA, &words->in.root_node, name,
                                          (uint32_t)strlen(name), &value);
    if (err == JIT_OK && value.kind == RMG_VALUE_ATOM &&
        export_readable(&value, &datum) == RMG_CODEC_BOOL) {
        *flag = datum.as.boolean;
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

enum jit_err export_is_simple(const struct export_words *words, bool directed, bool *simple)
{
    struct import_seen seen = {.heap = words->job->graph->heap};
    struct rmg_iter iter;
    struct rmg_edge edge;
    enum jit_err err = JIT_OK;
    *simple = true;
    rmg_iter_all(&words->view, RMG_EDGES, &iter);
    while (*simple && (err = rmg_iter_edge(&iter, &edge)) == JIT_OK) {
        uint8_t ends[2 * JIT_ID_BYTES];
        struct jit_id key;
        uint64_t before = 0;
        bool turn = !directed && jit_id_compare(&edge.from, &edge.to) > 0;
        memcpy(ends, turn ? edge.to.bytes : edge.from.bytes, JIT_ID_BYTES);
        memcpy(ends + JIT_ID_BYTES, turn ? edge.from.bytes : edge.to.bytes, JIT_ID_BYTES);
        jit_hash(ends, sizeof ends, &key);
        err = import_seen_add(&seen, &key, 1, &before);
        if (err != JIT_OK) {
            break;
        }
        *simple = before == 0;
    }
    import_seen_release(&seen);
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* ---- instances ---- */

static int by_depth(const void *a, const void *b)
{
    const struct export_place *x = a;
    const struct export_place *y = b;
    return x->depth != y->depth ? (x->depth < y->depth ? -1 : 1) : jit_id_compare(&x->id, &y->id);
}

static enum jit_err depth_of(const struct export_job *job, const struct rmg_instance *in,
                             uint32_t *depth)
{
    struct rmg_instance up = *in;
    enum jit_err err = JIT_OK;
    for (*depth = 0; err == JIT_OK && up.parent.present; ++*depth) {
        if (*depth > JIT_DEPTH_MAX) {
            return JIT_ECORRUPT;
        }
        const struct jit_id parent = up.parent.instance;
        err = rmg_store_instance(job->graph->store, &job->graph->version, &parent, &up);
    }
    return err == JIT_ENOENT ? JIT_ECORRUPT : err;
}

enum jit_err export_instances(const struct export_job *job, struct export_place **list,
                              size_t *count)
{
    const struct format_graph *graph = job->graph;
    const struct jit_id *after = NULL;
    struct rmg_instance in;
    size_t capacity = 0;
    void *data = NULL;
    enum jit_err err;
    *list = NULL;
    *count = 0;
    while ((err = rmg_store_next(graph->store, &graph->version, after, &in)) == JIT_OK) {
        if (jit_heap_grow(graph->heap, &data, &capacity, *count + 1, sizeof **list) != 0) {
            err = JIT_ENOMEM;
            break;
        }
        *list = data;
        struct export_place *place = &(*list)[(*count)++];
        *place = (struct export_place){.id = in.id};
        after = &place->id;
        err = depth_of(job, &in, &place->depth);
        if (err != JIT_OK) {
            break;
        }
    }
    if (err != JIT_ENOENT) {
        return err;
    }
    if (*count > 0) {
        qsort(*list, *count, sizeof **list, by_depth);
    }
    return JIT_OK;
}
