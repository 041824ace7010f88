#include "rmg/change/collapse.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "rmg/change/patch_priv.h"
#include "rmg/store/trie_priv.h"

/* ---- decoding ---- */

static enum jit_err add_place(struct rmg_collapse *collapse, const struct jit_id *id, bool written)
{
    uint32_t at = 0;
    while (at < collapse->place_count && jit_id_compare(&collapse->places[at].instance, id) < 0) {
        at++;
    }
    struct rmg_collapse_place *place = &collapse->places[at];
    if (at < collapse->place_count && jit_id_equal(&place->instance, id)) {
        place->written = place->written || written;
        return JIT_OK;
    }
    if (collapse->place_count == JIT_COLLAPSE_PLACES) {
        return JIT_EFORMAT;
    }
    memmove(place + 1, place, (collapse->place_count - at) * sizeof *place);
    *place = (struct rmg_collapse_place){.instance = *id, .written = written};
    collapse->place_count++;
    return JIT_OK;
}

static enum jit_err decode_reads(struct jit_cursor *cur, struct rmg_collapse *out)
{
    struct rmg_slot slots[2];
    struct jit_id value;
    enum jit_err err = JIT_OK;
    out->read_count = jit_get_u64(cur);
    out->reads = cur->at;
    if (out->read_count > JIT_IN_SLOTS_MAX) {
        return JIT_EFORMAT;
    }
    for (uint64_t i = 0; err == JIT_OK && i < out->read_count; i++) {
        struct rmg_slot *slot = &slots[i & 1];
        err = rmg_slot_decode(cur, slot);
        jit_get_id(cur, &value);
        if (err == JIT_OK && i > 0 && rmg_slot_compare(&slots[(i - 1) & 1], slot) >= 0) {
            err = JIT_EFORMAT;
        }
        if (err == JIT_OK) {
            err = add_place(out, &slot->instance, false);
        }
    }
    out->reads_size = (size_t)(cur->at - out->reads);
    return cur->bad ? JIT_EFORMAT : err;
}

static bool creates(const struct rmg_op *op)
{
    return (op->kind == RMG_OP_UPSERT_NODE || op->kind == RMG_OP_UPSERT_EDGE) &&
           jit_id_is_zero(&op->prior);
}

/* Sums name operations that set a number where something was. */
static bool may_sum(const struct rmg_op *op)
{
    const struct rmg_value *value = &op->attachment.value;
    return op->kind == RMG_OP_SET_ATTACHMENT && !jit_id_is_zero(&op->prior) &&
           value->kind == RMG_VALUE_ATOM && value->size == 8 &&
           jit_id_equal(&value->type, rmg_codec_type(RMG_CODEC_I64));
}

static enum jit_err decode_operations(struct rmg_collapse *out)
{
    struct patch_walk walk;
    struct patch_raw *raw = NULL;
    uint64_t created = 0;
    uint64_t sum = 0;
    uint64_t named = UINT64_MAX; /* the operation that the next sum names */
    int64_t begin = 0;
    enum jit_err err = patch_walk_begin(&walk, out->patch, out->patch_size);
    if (err != JIT_OK || !jit_id_is_zero(&walk.base_root) || walk.left == 0 ||
        jit_le64(out->patch + JIT_ID_BYTES) != 0 || jit_le64(out->patch + JIT_ID_BYTES + 8) != 0) {
        return JIT_EFORMAT;
    }
    if (out->sum_count > 0) {
        rmg_collapse_sum(out, 0, &named, &begin);
    }
    while ((err = patch_walk_next(&walk, &raw)) == JIT_OK) {
        struct rmg_origin origin = patch_origin_at(raw->origins, 0);
        if (raw->op.origin_count != 1 || origin.request != 0 || origin.operation != out->op_count ||
            add_place(out, &raw->op.instance, true) != JIT_OK) {
            return JIT_EFORMAT;
        }
        created += creates(&raw->op) ? 1 : 0;
        if (named == out->op_count) {
            if (!may_sum(&raw->op)) {
                return JIT_EFORMAT;
            }
            named = UINT64_MAX;
            if (++sum < out->sum_count) {
                rmg_collapse_sum(out, sum, &named, &begin);
            }
        }
        out->op_count++;
    }
    return err == JIT_ENOENT && created == out->created_count && sum == out->sum_count
               ? JIT_OK
               : JIT_EFORMAT;
}

enum jit_err rmg_collapse_decode(const uint8_t *bytes, size_t size, struct rmg_collapse *out)
{
    struct jit_cursor cur = jit_cursor_of(bytes, size);
    *out = (struct rmg_collapse){.bytes = bytes, .size = size};
    out->base_tick = jit_get_u64(&cur);
    enum jit_err err = decode_reads(&cur, out);
    if (err != JIT_OK) {
        return JIT_EFORMAT;
    }
    out->created_count = jit_get_u64(&cur);
    if (cur.bad || out->created_count > cur.left / 8) {
        return JIT_EFORMAT;
    }
    out->created = jit_get_bytes(&cur, out->created_count * 8);
    out->sum_count = jit_get_u64(&cur);
    if (cur.bad || out->sum_count > cur.left / 16) {
        return JIT_EFORMAT;
    }
    out->sums = jit_get_bytes(&cur, out->sum_count * 16);
    out->patch = cur.at;
    out->patch_size = cur.left;
    return cur.bad ? JIT_EFORMAT : decode_operations(out);
}

void rmg_collapse_moved(struct rmg_collapse *collapse, const uint8_t *bytes)
{
    collapse->reads = bytes + (collapse->reads - collapse->bytes);
    collapse->created = bytes + (collapse->created - collapse->bytes);
    collapse->sums = bytes + (collapse->sums - collapse->bytes);
    collapse->patch = bytes + (collapse->patch - collapse->bytes);
    collapse->bytes = bytes;
}

const struct rmg_collapse_place *rmg_collapse_place_of(const struct rmg_collapse *collapse,
                                                       const struct jit_id *instance)
{
    for (uint32_t i = 0; i < collapse->place_count; i++) {
        if (jit_id_equal(&collapse->places[i].instance, instance)) {
            return &collapse->places[i];
        }
    }
    return NULL;
}

void rmg_collapse_next_read(struct jit_cursor *cur, struct rmg_slot *slot, struct jit_id *value)
{
    enum jit_err err = rmg_slot_decode(cur, slot);
    jit_get_id(cur, value);
    assert(err == JIT_OK && !cur->bad); /* these bytes were read before */
}

uint64_t rmg_collapse_counter(const struct rmg_collapse *collapse, uint64_t k)
{
    assert(k < collapse->created_count);
    return jit_le64(collapse->created + k * 8);
}

void rmg_collapse_sum(const struct rmg_collapse *collapse, uint64_t i, uint64_t *operation,
                      int64_t *begin)
{
    assert(i < collapse->sum_count);
    *operation = jit_le64(collapse->sums + i * 16);
    *begin = (int64_t)jit_le64(collapse->sums + i * 16 + 8);
}

/* ---- keys and ids ---- */

void rmg_collapse_key(const struct jit_id *process, const struct rmg_collapse *collapse,
                      struct jit_id *out)
{
    struct jit_hasher hasher;
    jit_hasher_init_key(&hasher, JIT_K_COLLAPSE);
    jit_hasher_update(&hasher, process->bytes, JIT_ID_BYTES);
    jit_hasher_update(&hasher, collapse->bytes, collapse->size);
    jit_hasher_final(&hasher, out);
}

void rmg_branch_id(const struct jit_id *process, uint64_t base_tick, uint64_t counter,
                   struct jit_id *out)
{
    uint8_t message[JIT_ID_BYTES + 16];
    memcpy(message, process->bytes, JIT_ID_BYTES);
    jit_put_le64(message + JIT_ID_BYTES, base_tick);
    jit_put_le64(message + JIT_ID_BYTES + 8, counter);
    jit_hash_key(JIT_K_BRANCH_ID, message, sizeof message, out);
}

const struct jit_id *rmg_collapse_rule(void)
{
    static const struct jit_id rule = {{'c', 'o', 'l', 'l', 'a', 'p', 's', 'e'}};
    return &rule;
}

/* ---- what was seen ---- */

/* A map as a whole: the hashes that its first node keeps of what hangs below its slots. */
static enum jit_err map_seen(struct jit_hasher *hasher, const struct rmg_graph *graph,
                             enum rmg_map map)
{
    const struct trie_spec *spec = &trie_specs[map];
    struct trie_view node;
    uint8_t head[4] = {(uint8_t)map, 0, 0, 0};
    if (graph->roots.ref[map] == 0) {
        jit_hasher_update(hasher, head, sizeof head);
        return JIT_OK;
    }
    if (!trie_look(&graph->mem, spec, graph->roots.ref[map], 0, &node) || node.depth != 0) {
        return JIT_ECORRUPT;
    }
    head[2] = (uint8_t)node.map;
    head[3] = (uint8_t)(node.map >> 8);
    jit_hasher_update(hasher, head, sizeof head);
    jit_hasher_update(hasher, node.at + sizeof(struct trie_node) + node.children * sizeof(uint32_t),
                      (size_t)node.children * JIT_ID_BYTES);
    return JIT_OK;
}

static enum jit_err parts_seen(const struct rmg_graph *graph, enum rmg_map first, bool nodes,
                               struct jit_id *out)
{
    struct jit_hasher hasher;
    jit_hasher_init_key(&hasher, JIT_K_SEEN);
    enum jit_err err = map_seen(&hasher, graph, first);
    if (err == JIT_OK && nodes) {
        err = map_seen(&hasher, graph, RMG_NODES);
    }
    jit_hasher_final(&hasher, out);
    return err;
}

enum jit_err rmg_slot_seen(const struct rmg_graph *graph, const struct rmg_slot *slot,
                           struct jit_id *out)
{
    struct rmg_op op = {.kind = RMG_OP_SET_ATTACHMENT,
                        .id = slot->id,
                        .plane = slot->kind == RMG_SLOT_BETA ? RMG_PLANE_BETA : RMG_PLANE_ALPHA,
                        .attachment = {.name = slot->name, .name_size = slot->name_size}};
    switch (slot->kind) {
    case RMG_SLOT_NODE:
        op.kind = RMG_OP_UPSERT_NODE;
        break;
    case RMG_SLOT_EDGE:
        op.kind = RMG_OP_UPSERT_EDGE;
        break;
    case RMG_SLOT_ALPHA:
    case RMG_SLOT_BETA:
        break;
    case RMG_SLOT_INCIDENCE:
        return parts_seen(graph, RMG_EDGES, false, out);
    case RMG_SLOT_EXTENT:
        return parts_seen(graph, RMG_EDGES, true, out);
    case RMG_SLOT_VALUES:
        return parts_seen(graph, RMG_ALPHA, true, out);
    }
    return patch_prior(graph, &op, out);
}
