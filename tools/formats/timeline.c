#include "tools/formats/timeline.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/cursor.h"
#include "base/hash.h"
#include "tools/formats/export_words.h"

void timeline_init(struct timeline *timeline, struct jit_heap *heap)
{
    *timeline = (struct timeline){.heap = heap, .last.heap = heap};
    jit_buf_init(&timeline->pool, heap, SIZE_MAX / 2);
}

void timeline_release(struct timeline *timeline)
{
    timeline->heap->free(timeline->heap, timeline->spans);
    import_seen_release(&timeline->last);
    jit_buf_release(&timeline->pool);
}

static void key_of(enum span_kind kind, const struct jit_id *owner, const char *name, size_t size,
                   struct jit_id *key)
{
    struct jit_hasher hasher;
    const uint8_t lead = (uint8_t)kind;
    jit_hasher_init(&hasher);
    jit_hasher_update(&hasher, &lead, 1);
    jit_hasher_update(&hasher, owner->bytes, JIT_ID_BYTES);
    if (size > 0) {
        jit_hasher_update(&hasher, name, size);
    }
    jit_hasher_final(&hasher, key);
}

static enum jit_err open_span(struct timeline *t, const struct jit_id *key, struct span span)
{
    void *data = t->spans;
    if (jit_heap_grow(t->heap, &data, &t->capacity, t->count + 1, sizeof *t->spans) != 0) {
        return JIT_ENOMEM;
    }
    t->spans = data;
    span.begin = t->time;
    span.end = SPAN_OPEN;
    t->spans[t->count++] = span;
    return import_seen_set(&t->last, key, t->count);
}

/* What was there until now; it was there up to the moment before this one. */
static void close_span(struct timeline *t, const struct jit_id *key)
{
    uint64_t at = import_seen_get(&t->last, key);
    if (at > 0 && t->spans[at - 1].end == SPAN_OPEN) {
        t->spans[at - 1].end = t->time - 1;
    }
}

static enum jit_err change_node(struct timeline *t, const struct rmg_graph *after,
                                const struct rmg_change *change)
{
    struct span span = {.kind = SPAN_NODE, .owner = change->id};
    struct jit_id key;
    key_of(SPAN_NODE, &change->id, NULL, 0, &key);
    close_span(t, &key);
    if (!change->after) {
        return JIT_OK;
    }
    enum jit_err err = rmg_node_type(after, &change->id, &span.type);
    return err == JIT_OK ? open_span(t, &key, span) : err;
}

static enum jit_err change_edge(struct timeline *t, const struct rmg_graph *after,
                                const struct rmg_change *change)
{
    struct span span = {.kind = SPAN_EDGE, .owner = change->id, .at = t->pool.size};
    struct rmg_edge edge;
    struct jit_id key;
    key_of(SPAN_EDGE, &change->id, NULL, 0, &key);
    close_span(t, &key);
    if (!change->after) {
        return JIT_OK;
    }
    enum jit_err err = rmg_edge_get(after, &change->id, &edge);
    if (err != JIT_OK) {
        return err;
    }
    span.type = edge.type;
    jit_buf_put_id(&t->pool, &edge.from);
    jit_buf_put_id(&t->pool, &edge.to);
    return t->pool.err == JIT_OK ? open_span(t, &key, span) : t->pool.err;
}

static bool same_value(const struct rmg_value *a, const struct rmg_value *b)
{
    return a->kind == b->kind && jit_id_equal(&a->type, &b->type) && a->size == b->size &&
           (a->size == 0 || memcmp(a->bytes, b->bytes, a->size) == 0);
}

static enum jit_err open_value(struct timeline *t, enum rmg_plane plane, const struct jit_id *owner,
                               const struct jit_id *key, const struct rmg_attachment *attachment)
{
    struct span span = {.kind = plane == RMG_PLANE_ALPHA ? SPAN_NODE_VALUE : SPAN_EDGE_VALUE,
                        .owner = *owner,
                        .at = t->pool.size};
    if (attachment->value.kind == RMG_VALUE_PORTAL) {
        if (t->portals++ == 0) {
            t->portal_owner = *owner;
            t->portal_plane = plane;
        }
        return JIT_OK;
    }
    jit_buf_put_u64(&t->pool, attachment->name_size);
    jit_buf_put(&t->pool, attachment->name, attachment->name_size);
    jit_buf_put_id(&t->pool, &attachment->value.type);
    jit_buf_put_u64(&t->pool, attachment->value.size);
    jit_buf_put(&t->pool, attachment->value.bytes, attachment->value.size);
    return t->pool.err == JIT_OK ? open_span(t, key, span) : t->pool.err;
}

/* Values of one side, compared with the other: those that are gone or changed are closed, those
 * that are new or changed are opened. */
static enum jit_err change_values(struct timeline *t, const struct rmg_graph *before,
                                  const struct rmg_graph *after, const struct rmg_change *change)
{
    enum rmg_plane plane = change->map == RMG_ALPHA ? RMG_PLANE_ALPHA : RMG_PLANE_BETA;
    enum span_kind kind = plane == RMG_PLANE_ALPHA ? SPAN_NODE_VALUE : SPAN_EDGE_VALUE;
    for (int side = 0; side < 2; side++) {
        const struct rmg_graph *here = side == 0 ? before : after;
        const struct rmg_graph *there = side == 0 ? after : before;
        enum jit_err err = (side == 0 ? change->before : change->after) ? JIT_OK : JIT_ENOENT;
        for (uint32_t i = 0; err == JIT_OK; i++) {
            struct rmg_attachment attachment;
            struct rmg_value other;
            struct jit_id key;
            err = rmg_attachment_at(here, plane, &change->id, i, &attachment);
            if (err != JIT_OK) {
                break;
            }
            err = rmg_attachment_get(there, plane, &change->id, attachment.name,
                                     attachment.name_size, &other);
            if (err == JIT_OK && same_value(&attachment.value, &other)) {
                continue;
            }
            if (err != JIT_OK && err != JIT_ENOENT) {
                return err;
            }
            err = JIT_OK;
            key_of(kind, &change->id, attachment.name, attachment.name_size, &key);
            if (side == 0) {
                close_span(t, &key);
            } else {
                err = open_value(t, plane, &change->id, &key, &attachment);
            }
        }
        if (err != JIT_ENOENT) {
            return err;
        }
    }
    return JIT_OK;
}

struct step {
    struct timeline *timeline;
    const struct rmg_graph *before;
    const struct rmg_graph *after;
};

static bool visit(void *user, const struct rmg_change *change)
{
    struct step *step = user;
    struct timeline *t = step->timeline;
    switch (change->map) {
    case RMG_NODES:
        t->err = change_node(t, step->after, change);
        break;
    case RMG_EDGES:
        t->err = change_edge(t, step->after, change);
        break;
    default:
        t->err = change_values(t, step->before, step->after, change);
        break;
    }
    return t->err == JIT_OK;
}

enum jit_err timeline_step(struct timeline *timeline, const struct rmg_graph *before,
                           const struct rmg_graph *after, uint64_t time)
{
    const struct rmg_graph nothing = {.mem = after->mem};
    struct step step = {timeline, before == NULL ? &nothing : before, after};
    assert(before == NULL || time > timeline->time);
    if (before == NULL) {
        timeline->begin = time;
    }
    timeline->time = time;
    enum jit_err err = rmg_graph_diff(step.before, after, visit, &step);
    err = err == JIT_OK ? timeline->err : err;
    return err == JIT_ENOENT ? JIT_ECORRUPT : err;
}

/* ---- reading ---- */

void timeline_value(const struct timeline *timeline, const struct span *span,
                    struct rmg_attachment *out)
{
    struct jit_cursor cur =
        jit_cursor_of(timeline->pool.data + span->at, timeline->pool.size - span->at);
    *out = (struct rmg_attachment){.value.kind = RMG_VALUE_ATOM};
    out->name_size = (uint32_t)jit_get_u64(&cur);
    out->name = (const char *)jit_get_bytes(&cur, out->name_size);
    jit_get_id(&cur, &out->value.type);
    out->value.size = (uint32_t)jit_get_u64(&cur);
    out->value.bytes = jit_get_bytes(&cur, out->value.size);
    assert(!cur.bad); /* the pool is our own */
}

void timeline_ends(const struct timeline *timeline, const struct span *span, struct jit_id *from,
                   struct jit_id *to)
{
    memcpy(from->bytes, timeline->pool.data + span->at, JIT_ID_BYTES);
    memcpy(to->bytes, timeline->pool.data + span->at + JIT_ID_BYTES, JIT_ID_BYTES);
}

static int compare(const void *a, const void *b, void *user)
{
    const struct span *x = a;
    const struct span *y = b;
    if (x->kind != y->kind) {
        return (int)x->kind - (int)y->kind;
    }
    int order = jit_id_compare(&x->owner, &y->owner);
    if (order == 0 && x->kind >= SPAN_NODE_VALUE) {
        struct rmg_attachment one;
        struct rmg_attachment two;
        timeline_value(user, x, &one);
        timeline_value(user, y, &two);
        uint32_t size = one.name_size < two.name_size ? one.name_size : two.name_size;
        order = size == 0 ? 0 : memcmp(one.name, two.name, size);
        order = order != 0 ? order : (int)one.name_size - (int)two.name_size;
    }
    return order != 0 ? order : (x->begin > y->begin) - (x->begin < y->begin);
}

void timeline_sort(struct timeline *timeline)
{
    if (timeline->count > 0) {
        qsort_r(timeline->spans, timeline->count, sizeof *timeline->spans, compare, timeline);
    }
}

/* ---- the states of a job ---- */

enum jit_err export_history_new(struct jit_heap *heap, const struct jit_id *instance,
                                struct export_history **out)
{
    struct export_history *history = jit_heap_zalloc(heap, 1, sizeof *history);
    *out = history;
    if (history == NULL) {
        return JIT_ENOMEM;
    }
    timeline_init(&history->timeline, heap);
    history->named = instance != NULL;
    if (history->named) {
        history->instance = *instance;
    }
    return JIT_OK;
}

void export_history_free(struct export_history *history)
{
    if (history != NULL) {
        struct jit_heap *heap = history->timeline.heap;
        timeline_release(&history->timeline);
        heap->free(heap, history);
    }
}

enum jit_err export_history_step(struct export_history *history, const struct format_graph *graph,
                                 uint64_t time)
{
    const struct export_job job = {.graph = graph,
                                   .instance = history->named ? &history->instance : NULL};
    struct export_words words = {.job = &job};
    struct rmg_graph after = {.instance = history->instance};
    struct rmg_instance in;
    enum jit_err err = export_instance(&job, &in);
    if (err == JIT_OK) {
        export_words_enter(&words, &in);
        after = words.view;
    }
    if (err == JIT_OK && !history->found) {
        history->found = true;
        history->first = in;
        err = export_flag(&words, "directed", true, &history->directed);
    }
    if (err != JIT_OK && (err != JIT_ENOENT || !history->named)) {
        return err;
    }
    err = timeline_step(&history->timeline, history->any ? &history->view : NULL, &after, time);
    history->any = true;
    history->view = after;
    history->instances_left = graph->version.instance_count - 1;
    return err;
}
