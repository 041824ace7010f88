/* tests/rmg/change/merge_case.h - one small base and two sides of it that are changed by hand, in
 * numbers.
 */
#ifndef JIT_TESTS_RMG_MERGE_CASE_H
#define JIT_TESTS_RMG_MERGE_CASE_H

#include "base/limits.h"
#include "tests/lib/must.h"
#include "tests/lib/tcase.h"
#include "tests/rmg/change/merge_kit.h"

static struct fault_heap heap;
static struct kit base, ours, theirs;
static struct rmg_tx *tx; /* of the side being changed */
static struct rmg_merge_result result;
static bool merged;

static inline void begin(struct kit *side)
{
    must(rmg_tx_begin(side->store, &side->version, &tx));
}

static inline void end(struct kit *side)
{
    must(rmg_tx_seal(tx, &side->version));
}

/* ---- changes, by numbers ---- */

static inline void node(unsigned in, unsigned id, unsigned type)
{
    struct jit_id a = kit_instance(in);
    struct jit_id b = kit_node(id);
    struct jit_id c = kit_type(type);
    must(rmg_tx_upsert_node(tx, &a, &b, &c));
}

static inline void no_node(unsigned in, unsigned id)
{
    struct jit_id a = kit_instance(in);
    struct jit_id b = kit_node(id);
    must(rmg_tx_delete_node(tx, &a, &b));
}

static inline void edge(unsigned in, unsigned id, unsigned from, unsigned to)
{
    struct jit_id a = kit_instance(in);
    struct rmg_edge e = {kit_edge(id), kit_node(from), kit_node(to), kit_type(1)};
    must(rmg_tx_upsert_edge(tx, &a, &e));
}

static inline void no_edge(unsigned in, unsigned id)
{
    struct jit_id a = kit_instance(in);
    struct jit_id b = kit_edge(id);
    must(rmg_tx_delete_edge(tx, &a, &b));
}

static inline void value_on(unsigned in, enum rmg_plane plane, unsigned owner, const char *name,
                            int64_t v)
{
    uint8_t bytes[8];
    struct jit_id a = kit_instance(in);
    struct jit_id b = plane == RMG_PLANE_ALPHA ? kit_node(owner) : kit_edge(owner);
    struct rmg_attachment at = {
        name, (uint32_t)strlen(name), {RMG_VALUE_ATOM, *rmg_codec_type(RMG_CODEC_I64), bytes, 8}};
    jit_put_le64(bytes, (uint64_t)v);
    must(rmg_tx_set_attachment(tx, &a, plane, &b, &at));
}

static inline void value(unsigned in, unsigned owner, const char *name, int64_t v)
{
    value_on(in, RMG_PLANE_ALPHA, owner, name, v);
}

static inline void no_value(unsigned in, unsigned owner, const char *name)
{
    struct jit_id a = kit_instance(in);
    struct jit_id b = kit_node(owner);
    must(rmg_tx_clear_attachment(tx, &a, RMG_PLANE_ALPHA, &b, name, (uint32_t)strlen(name)));
}

static inline struct rmg_parent slot(unsigned in, unsigned owner, const char *name)
{
    struct rmg_parent parent = {.present = true,
                                .plane = RMG_PLANE_ALPHA,
                                .instance = kit_instance(in),
                                .owner = kit_node(owner),
                                .name_size = (uint32_t)strlen(name)};
    memcpy(parent.name, name, parent.name_size);
    return parent;
}

static inline void hang(unsigned id, unsigned root, unsigned in, unsigned owner, const char *name)
{
    struct kit_hand h = {.tx = tx};
    struct jit_id a = kit_instance(id);
    struct jit_id b = kit_node(root);
    struct rmg_parent parent = slot(in, owner, name);
    kit_hang(&h, &a, &b, &parent);
}

/* A new instance with root node 0. */
static inline void instance(unsigned id, unsigned in, unsigned owner, const char *name)
{
    hang(id, 0, in, owner, name);
    node(id, 0, 1);
}

static inline void move(unsigned id, unsigned from, unsigned from_owner, const char *from_name,
                        unsigned to, unsigned owner, const char *name)
{
    no_value(from, from_owner, from_name);
    hang(id, 0, to, owner, name);
}

static inline void drop_instance(unsigned id, unsigned in, unsigned owner, const char *name)
{
    struct kit_hand h = {.tx = tx};
    struct jit_id a = kit_instance(id);
    no_value(in, owner, name);
    kit_drop_instance(&h, &a);
}

/* ---- the base ---- */

/* Instance 0 with nodes 0 to 3 of type 0, edges 0: 1 -> 2 and 1: 2 -> 3, n = 5 on node 1; in it
 * instances 1 (on node 0, "a") and 2 (on node 0, "b"), each with nodes 0 and 1. */
static inline void setup(void)
{
    struct jit_id top = kit_instance(0);
    struct jit_id root = kit_node(0);
    heap = fault_heap_make(-1, false);
    merged = false;
    kit_open(&base, &heap.heap, 16u << 20);
    begin(&base);
    must(rmg_tx_upsert_instance(tx, &top, &root, NULL));
    for (unsigned i = 0; i < 4; i++) {
        node(0, i, 0);
    }
    edge(0, 0, 1, 2);
    edge(0, 1, 2, 3);
    value(0, 1, "n", 5);
    instance(1, 0, 0, "a");
    node(1, 1, 1);
    instance(2, 0, 0, "b");
    node(2, 1, 1);
    end(&base);
    kit_copy(&ours, &base, &heap.heap);
    kit_copy(&theirs, &base, &heap.heap);
}

static inline void forget(void)
{
    if (merged) {
        rmg_merge_result_release(&result);
    }
    merged = false;
}

static inline void teardown(void)
{
    forget();
    kit_close(&base, &heap.heap);
    kit_close(&ours, &heap.heap);
    kit_close(&theirs, &heap.heap);
    ck_assert_int_eq(heap.live, 0);
}

/* The base gets more: both sides as well. */
static inline void extend(void (*change)(void))
{
    begin(&base);
    change();
    end(&base);
    kit_close(&ours, &heap.heap);
    kit_close(&theirs, &heap.heap);
    kit_copy(&ours, &base, &heap.heap);
    kit_copy(&theirs, &base, &heap.heap);
}

static inline struct rmg_merge_options plain(void)
{
    return (struct rmg_merge_options){
        .heap = &heap.heap, .join_of = kit_join_of, .strategy = RMG_SIDE_NONE};
}

static enum jit_err merge_with(const struct rmg_merge_options *options)
{
    struct rmg_state a = kit_state(&base);
    struct rmg_state b = kit_state(&ours);
    struct rmg_state c = kit_state(&theirs);
    forget();
    enum jit_err err = rmg_merge(options, &a, &b, &c, &result);
    merged = err == JIT_OK;
    return err;
}

static inline void merge(void)
{
    struct rmg_merge_options options = plain();
    must(merge_with(&options));
}

/* The patch gives a valid state; in place of ours. */
static inline void perform(void)
{
    struct rmg_fault fault;
    struct kit copy;
    ck_assert_uint_eq(result.conflict_count, 0);
    kit_copy(&copy, &base, &heap.heap);
    must(kit_apply(&copy, &heap.heap, &result.patch));
    must(rmg_store_verify(copy.store, &copy.version, &fault));
    kit_close(&ours, &heap.heap);
    ours = copy;
}

struct expected {
    enum rmg_conflict_kind kind;
    enum rmg_part part;
    unsigned in;
    unsigned id;
};

static inline void listed(const struct expected *expected, size_t count)
{
    ck_assert_uint_eq(result.patch.size, 0);
    for (size_t i = 0; i < result.conflict_count && i < count; i++) {
        const struct rmg_conflict *c = &result.conflicts[i];
        struct jit_id in = kit_instance(expected[i].in);
        struct jit_id id = {{0}};
        if (expected[i].part == RMG_PART_NODE || expected[i].part == RMG_PART_ALPHA) {
            id = kit_node(expected[i].id);
        } else if (expected[i].part != RMG_PART_INSTANCE) {
            id = kit_edge(expected[i].id);
        }
        ck_assert_msg(c->kind == expected[i].kind, "%s, not %s", rmg_conflict_word(c->kind),
                      rmg_conflict_word(expected[i].kind));
        ck_assert_int_eq(c->place.part, expected[i].part);
        ck_assert(jit_id_equal(&c->place.instance, &in));
        ck_assert(jit_id_equal(&c->place.id, &id));
    }
    ck_assert_uint_eq(result.conflict_count, count);
}

static inline void one(enum rmg_conflict_kind kind, enum rmg_part part, unsigned in, unsigned id)
{
    struct expected expected = {kind, part, in, id};
    merge();
    listed(&expected, 1);
}

static inline struct rmg_place place(enum rmg_part part, unsigned in, unsigned id, const char *name)
{
    struct rmg_place p = {.part = part, .instance = kit_instance(in), .name = name};
    p.name_size = name == NULL ? 0 : (uint32_t)strlen(name);
    if (part == RMG_PART_NODE || part == RMG_PART_ALPHA) {
        p.id = kit_node(id);
    } else if (part != RMG_PART_INSTANCE) {
        p.id = kit_edge(id);
    }
    return p;
}

static inline void more_values(struct kit *side, unsigned from, unsigned count)
{
    begin(side);
    for (unsigned i = from; i < from + count; i++) {
        char name[16];
        snprintf(name, sizeof name, "v%u", i);
        value(0, 3, name, 1);
    }
    end(side);
}

#endif
