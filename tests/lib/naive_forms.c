#include "tests/lib/naive_forms.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/hash.h"

#define FORM_BYTES_MAX (64u << 20)

/* All that is compared here begins with an id. */
static int by_id(const void *a, const void *b)
{
    return memcmp(a, b, JIT_ID_BYTES);
}

static int by_name(const void *a, const void *b)
{
    const struct naive_attachment *x = a;
    const struct naive_attachment *y = b;
    uint32_t least = x->name_size < y->name_size ? x->name_size : y->name_size;
    int order = memcmp(x->name, y->name, least);
    return order != 0 ? order : (x->name_size > y->name_size) - (x->name_size < y->name_size);
}

static void sort(void *list, size_t count, size_t size, int (*compare)(const void *, const void *))
{
    if (count > 1) {
        qsort(list, count, size, compare);
    }
}

/* A copy with instances, nodes and edges by id, attachments by name. */
static struct naive_state sorted(const struct naive_state *state)
{
    struct naive_state copy = naive_copy(state);
    sort(copy.instances, copy.instance_count, sizeof *copy.instances, by_id);
    for (size_t i = 0; i < copy.instance_count; i++) {
        struct naive_instance *in = &copy.instances[i];
        sort(in->nodes, in->node_count, sizeof *in->nodes, by_id);
        sort(in->edges, in->edge_count, sizeof *in->edges, by_id);
        sort(in->attachments, in->attachment_count, sizeof *in->attachments, by_name);
    }
    return copy;
}

/* The nameless attachment of an owner, or NULL. */
static const struct naive_attachment *only(const struct naive_instance *in, enum rmg_plane plane,
                                           const struct jit_id *owner)
{
    const struct naive_attachment *found = NULL;
    for (size_t i = 0; i < in->attachment_count; i++) {
        const struct naive_attachment *a = &in->attachments[i];
        if (a->plane == plane && jit_id_equal(&a->owner, owner)) {
            assert(found == NULL && a->name_size == 0);
            found = a;
        }
    }
    return found;
}

/* ---- .wsc ---- */

static void to_eight(struct jit_buf *buf)
{
    while (buf->size % 8 != 0) {
        jit_buf_put_u8(buf, 0);
    }
}

/* A section begins: its offset goes into the directory. */
static void begin(struct jit_buf *out, size_t *entry)
{
    to_eight(out);
    jit_buf_patch_u64(out, *entry, out->size);
    *entry += 8;
}

static void rows(struct jit_buf *out, size_t *entry, uint64_t count)
{
    jit_buf_patch_u64(out, *entry, count);
    *entry += 8;
}

static void wsc_out_edges(const struct naive_instance *in, struct jit_buf *out, size_t *entry)
{
    uint64_t start = 0;
    begin(out, entry);
    for (size_t n = 0; n < in->node_count; n++) {
        uint64_t count = 0;
        for (size_t e = 0; e < in->edge_count; e++) {
            count += jit_id_equal(&in->edges[e].from, &in->nodes[n].id);
        }
        jit_buf_put_u64(out, start);
        jit_buf_put_u64(out, count);
        start += count;
    }
    begin(out, entry);
    rows(out, entry, in->edge_count);
    for (size_t n = 0; n < in->node_count; n++) {
        for (size_t e = 0; e < in->edge_count; e++) {
            if (jit_id_equal(&in->edges[e].from, &in->nodes[n].id)) {
                jit_buf_put_u64(out, e);
                jit_buf_put_id(out, &in->edges[e].id);
            }
        }
    }
}

static void wsc_attachments(const struct naive_instance *in, enum rmg_plane plane,
                            struct jit_buf *out, size_t *entry, struct jit_buf *blobs)
{
    size_t owners = plane == RMG_PLANE_ALPHA ? in->node_count : in->edge_count;
    uint64_t start = 0;
    begin(out, entry);
    for (size_t i = 0; i < owners; i++) {
        const struct jit_id *id = plane == RMG_PLANE_ALPHA ? &in->nodes[i].id : &in->edges[i].id;
        uint64_t count = only(in, plane, id) != NULL;
        jit_buf_put_u64(out, start);
        jit_buf_put_u64(out, count);
        start += count;
    }
    begin(out, entry);
    rows(out, entry, start);
    for (size_t i = 0; i < owners; i++) {
        const struct jit_id *id = plane == RMG_PLANE_ALPHA ? &in->nodes[i].id : &in->edges[i].id;
        const struct naive_attachment *a = only(in, plane, id);
        if (a == NULL) {
            continue;
        }
        bool atom = a->kind == RMG_VALUE_ATOM;
        jit_buf_put_u64(out, atom ? 1 : 2);
        jit_buf_put_id(out, &a->type);
        if (atom) {
            to_eight(blobs);
        }
        jit_buf_put_u64(out, atom ? blobs->size : 0);
        jit_buf_put_u64(out, atom ? a->size : 0);
        if (atom) {
            jit_buf_put(blobs, a->bytes, a->size);
        }
    }
}

void naive_wsc(const struct naive_state *unsorted, const struct jit_id *schema_hash, uint64_t tick,
               struct jit_buf *out)
{
    static const uint8_t zeros[184];
    struct naive_state state = sorted(unsorted);
    jit_buf_put(out, "WSC\0\1\0\0\0", 8);
    jit_buf_put_id(out, schema_hash);
    jit_buf_put_u64(out, tick);
    jit_buf_put_u64(out, state.instance_count);
    jit_buf_put_u64(out, 128);
    jit_buf_put(out, zeros, 64);
    for (size_t i = 0; i < state.instance_count; i++) {
        jit_buf_put_id(out, &state.instances[i].id);
        jit_buf_put_id(out, &state.instances[i].root_node);
        jit_buf_put(out, zeros, 184 - 64);
    }
    for (size_t i = 0; i < state.instance_count; i++) {
        const struct naive_instance *in = &state.instances[i];
        size_t entry = 128 + 184 * i + 64;
        struct jit_buf blobs;
        jit_buf_init(&blobs, jit_heap_libc(), FORM_BYTES_MAX);
        begin(out, &entry);
        rows(out, &entry, in->node_count);
        for (size_t n = 0; n < in->node_count; n++) {
            jit_buf_put_id(out, &in->nodes[n].id);
            jit_buf_put_id(out, &in->nodes[n].type);
        }
        begin(out, &entry);
        rows(out, &entry, in->edge_count);
        for (size_t e = 0; e < in->edge_count; e++) {
            jit_buf_put_id(out, &in->edges[e].id);
            jit_buf_put_id(out, &in->edges[e].from);
            jit_buf_put_id(out, &in->edges[e].to);
            jit_buf_put_id(out, &in->edges[e].type);
        }
        wsc_out_edges(in, out, &entry);
        wsc_attachments(in, RMG_PLANE_ALPHA, out, &entry, &blobs);
        wsc_attachments(in, RMG_PLANE_BETA, out, &entry, &blobs);
        begin(out, &entry);
        rows(out, &entry, blobs.size);
        jit_buf_put(out, blobs.data, blobs.size);
        assert(entry == 128 + 184 * (i + 1));
        jit_buf_release(&blobs);
    }
    assert(out->err == JIT_OK);
    naive_release(&state);
}

/* ---- linear ---- */

static void linear_attachments(const struct naive_instance *in, enum rmg_plane plane,
                               const struct jit_id *owner, struct jit_buf *out)
{
    static const struct jit_id zero;
    for (size_t i = 0; i < in->attachment_count; i++) {
        const struct naive_attachment *a = &in->attachments[i];
        if (a->plane != plane || !jit_id_equal(&a->owner, owner)) {
            continue;
        }
        jit_buf_put_u64(out, a->name_size);
        jit_buf_put(out, a->name, a->name_size);
        if (a->kind == RMG_VALUE_PORTAL) {
            jit_buf_put_id(out, &zero);
            jit_buf_put_u64(out, 32);
            jit_buf_put_id(out, &a->type);
        } else {
            jit_buf_put_id(out, &a->type);
            jit_buf_put_u64(out, a->size);
            jit_buf_put(out, a->bytes, a->size);
        }
    }
}

void naive_linear_root(const struct naive_state *unsorted, struct jit_id *out,
                       struct jit_buf *preimage)
{
    struct naive_state state = sorted(unsorted);
    struct jit_buf buf;
    jit_buf_init(&buf, jit_heap_libc(), FORM_BYTES_MAX);
    for (size_t i = 0; i < state.instance_count; i++) {
        if (!state.instances[i].parent.present) {
            jit_buf_put_id(&buf, &state.instances[i].root_node);
        }
    }
    jit_buf_put_u64(&buf, state.instance_count);
    for (size_t i = 0; i < state.instance_count; i++) {
        const struct naive_instance *in = &state.instances[i];
        jit_buf_put_u64(&buf, 32);
        jit_buf_put_id(&buf, &in->id);
        jit_buf_put_u64(&buf, in->node_count);
        for (size_t n = 0; n < in->node_count; n++) {
            jit_buf_put_id(&buf, &in->nodes[n].id);
            jit_buf_put_id(&buf, &in->nodes[n].type);
            for (size_t e = 0; e < in->edge_count; e++) {
                if (jit_id_equal(&in->edges[e].from, &in->nodes[n].id)) {
                    jit_buf_put_id(&buf, &in->edges[e].id);
                    jit_buf_put_id(&buf, &in->edges[e].type);
                    jit_buf_put_id(&buf, &in->edges[e].to);
                    linear_attachments(in, RMG_PLANE_BETA, &in->edges[e].id, &buf);
                }
            }
            linear_attachments(in, RMG_PLANE_ALPHA, &in->nodes[n].id, &buf);
        }
    }
    assert(buf.err == JIT_OK);
    jit_hash(buf.data, buf.size, out);
    if (preimage != NULL) {
        jit_buf_put(preimage, buf.data, buf.size);
    }
    jit_buf_release(&buf);
    naive_release(&state);
}

/* ---- Echo's ---- */

struct reached {
    const struct naive_state *state;
    bool **nodes; /* by instance and node */
    bool changed;
};

static void reach(struct reached *r, size_t instance, const struct jit_id *node)
{
    const struct naive_instance *in = &r->state->instances[instance];
    for (size_t n = 0; n < in->node_count; n++) {
        if (jit_id_equal(&in->nodes[n].id, node) && !r->nodes[instance][n]) {
            r->nodes[instance][n] = true;
            r->changed = true;
        }
    }
}

static void descend(struct reached *r, const struct naive_attachment *a)
{
    for (size_t i = 0; a != NULL && i < r->state->instance_count; i++) {
        const struct naive_instance *child = &r->state->instances[i];
        if (a->kind == RMG_VALUE_PORTAL && jit_id_equal(&child->id, &a->type)) {
            reach(r, i, &child->root_node);
        }
    }
}

/* All that one step reaches from what is reached; again until that is nothing. */
static void reach_all(struct reached *r)
{
    do {
        r->changed = false;
        for (size_t i = 0; i < r->state->instance_count; i++) {
            const struct naive_instance *in = &r->state->instances[i];
            for (size_t n = 0; n < in->node_count; n++) {
                if (!r->nodes[i][n]) {
                    continue;
                }
                descend(r, only(in, RMG_PLANE_ALPHA, &in->nodes[n].id));
                for (size_t e = 0; e < in->edge_count; e++) {
                    if (jit_id_equal(&in->edges[e].from, &in->nodes[n].id)) {
                        reach(r, i, &in->edges[e].to);
                        descend(r, only(in, RMG_PLANE_BETA, &in->edges[e].id));
                    }
                }
            }
        }
    } while (r->changed);
}

static void echo_value(const struct naive_attachment *a, struct jit_buf *out)
{
    jit_buf_put_u8(out, a != NULL);
    if (a == NULL) {
        return;
    }
    jit_buf_put_u8(out, a->kind == RMG_VALUE_ATOM ? 1 : 2);
    jit_buf_put_id(out, &a->type);
    if (a->kind == RMG_VALUE_ATOM) {
        jit_buf_put_u64(out, a->size);
        jit_buf_put(out, a->bytes, a->size);
    }
}

static void echo_instance(const struct naive_instance *in, const bool *nodes, struct jit_buf *out)
{
    jit_buf_put_id(out, &in->id);
    jit_buf_put_id(out, &in->root_node);
    jit_buf_put_u8(out, in->parent.present);
    if (in->parent.present) {
        uint8_t plane = in->parent.plane == RMG_PLANE_ALPHA ? 1 : 2;
        jit_buf_put_u8(out, plane);
        jit_buf_put_u8(out, plane);
        jit_buf_put_id(out, &in->parent.instance);
        jit_buf_put_id(out, &in->parent.owner);
    }
    for (size_t n = 0; n < in->node_count; n++) {
        if (nodes[n]) {
            jit_buf_put_id(out, &in->nodes[n].id);
            jit_buf_put_id(out, &in->nodes[n].type);
            echo_value(only(in, RMG_PLANE_ALPHA, &in->nodes[n].id), out);
        }
    }
    for (size_t n = 0; n < in->node_count; n++) {
        uint64_t count = 0;
        for (size_t e = 0; e < in->edge_count; e++) {
            count += nodes[n] && jit_id_equal(&in->edges[e].from, &in->nodes[n].id);
        }
        if (count > 0) {
            jit_buf_put_id(out, &in->nodes[n].id);
            jit_buf_put_u64(out, count);
        }
        for (size_t e = 0; e < in->edge_count && count > 0; e++) {
            if (jit_id_equal(&in->edges[e].from, &in->nodes[n].id)) {
                jit_buf_put_id(out, &in->edges[e].id);
                jit_buf_put_id(out, &in->edges[e].type);
                jit_buf_put_id(out, &in->edges[e].to);
                echo_value(only(in, RMG_PLANE_BETA, &in->edges[e].id), out);
            }
        }
    }
}

void naive_echo_root(const struct naive_state *unsorted, struct jit_id *out)
{
    struct naive_state state = sorted(unsorted);
    struct reached r = {.state = &state, .nodes = calloc(state.instance_count, sizeof *r.nodes)};
    struct jit_buf buf;
    jit_buf_init(&buf, jit_heap_libc(), FORM_BYTES_MAX);
    jit_buf_put(&buf, "echo:state_root:v1", 19);
    assert(r.nodes != NULL);
    for (size_t i = 0; i < state.instance_count; i++) {
        const struct naive_instance *in = &state.instances[i];
        r.nodes[i] = calloc(in->node_count, sizeof **r.nodes);
        assert(r.nodes[i] != NULL);
        if (!in->parent.present) {
            jit_buf_put_id(&buf, &in->id);
            jit_buf_put_id(&buf, &in->root_node);
            reach(&r, i, &in->root_node);
        }
    }
    reach_all(&r);
    for (size_t i = 0; i < state.instance_count; i++) {
        bool any = false;
        for (size_t n = 0; n < state.instances[i].node_count; n++) {
            any = any || r.nodes[i][n];
        }
        if (any) {
            echo_instance(&state.instances[i], r.nodes[i], &buf);
        }
        free(r.nodes[i]);
    }
    assert(buf.err == JIT_OK);
    jit_hash(buf.data, buf.size, out);
    free(r.nodes);
    jit_buf_release(&buf);
    naive_release(&state);
}
