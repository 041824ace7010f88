/* Proofs: each element of a state, and each that is not there, against the naive state root; bytes
 * that are changed lead elsewhere or nowhere. */
#include <stdio.h>
#include <stdlib.h>

#include "rmg/file/proof.h"
#include "tests/lib/tcase.h"
#include "tests/lib/world.h"

static struct world world;
static struct jit_buf buf;

static void begin(enum world_ids kind, uint64_t seed, unsigned transactions)
{
    world_begin(&world, kind, seed, 64u << 20);
    for (unsigned i = 0; i < transactions; i++) {
        struct naive_state next = naive_copy(&world.model);
        struct rmg_tx *tx = NULL;
        ck_assert_int_eq(rmg_tx_begin(world.store, &world.version, &tx), JIT_OK);
        for (unsigned k = 0; k < 8; k++) {
            (void)world_step(&world, tx, &next);
        }
        if (rmg_tx_seal(tx, &world.version) == JIT_OK) {
            naive_release(&world.model);
            world.model = next;
        } else {
            naive_release(&next);
        }
    }
    jit_buf_init(&buf, &world.heap.heap, RMG_PROOF_BYTES_MAX);
}

static void end(void)
{
    jit_buf_release(&buf);
    world_end(&world);
}

/* Is it in the model? And its instance? */
static bool in_model(enum rmg_proof_plane plane, const struct naive_instance *in,
                     const struct jit_id *id)
{
    switch (plane) {
    case RMG_PROOF_NODES:
        for (size_t i = 0; i < in->node_count; i++) {
            if (jit_id_equal(&in->nodes[i].id, id)) {
                return true;
            }
        }
        return false;
    case RMG_PROOF_EDGES:
        for (size_t i = 0; i < in->edge_count; i++) {
            if (jit_id_equal(&in->edges[i].id, id)) {
                return true;
            }
        }
        return false;
    default:
        for (size_t i = 0; i < in->attachment_count; i++) {
            if ((int)in->attachments[i].plane == (int)plane - 2 &&
                jit_id_equal(&in->attachments[i].owner, id)) {
                return true;
            }
        }
        return false;
    }
}

static uint64_t prove_one(enum rmg_proof_plane plane, const struct jit_id *instance,
                          const struct jit_id *id, bool expected)
{
    struct rmg_proof proof;
    jit_buf_reset(&buf);
    ck_assert_int_eq(rmg_prove(world.store, &world.version, plane, instance, id, &buf), JIT_OK);
    ck_assert_int_eq(rmg_proof_read(buf.data, buf.size, &proof), JIT_OK);
    ck_assert_int_eq(proof.plane, plane);
    ck_assert(proof.present == expected);
    ck_assert(jit_id_equal(&proof.id, id));
    ck_assert(jit_id_equal(&proof.instance, instance));
    ck_assert(jit_id_equal(&proof.root, &world.version.state_root));
    ck_assert((proof.record != NULL) == expected);
    return buf.size;
}

/* Every id of the pool, in every plane of every instance; and every instance. */
START_TEST(all_and_none)
{
    unsigned there = 0;
    unsigned absent = 0;
    begin((enum world_ids)_i, 77 + (uint64_t)_i, 200);
    for (unsigned k = 0; k < WORLD_INSTANCES; k++) {
        struct naive_instance *in = naive_find(&world.model, &world.instances[k]);
        prove_one(RMG_PROOF_INSTANCES, &world.instances[k], &world.instances[k], in != NULL);
        for (unsigned i = 0; i < WORLD_POOL; i++) {
            for (int plane = RMG_PROOF_NODES; plane <= RMG_PROOF_BETA; plane++) {
                bool node = plane == RMG_PROOF_NODES || plane == RMG_PROOF_ALPHA;
                const struct jit_id *id = node ? &world.nodes[i] : &world.edges[i];
                if (in == NULL) {
                    ck_assert_int_eq(rmg_prove(world.store, &world.version,
                                               (enum rmg_proof_plane)plane, &world.instances[k], id,
                                               &buf),
                                     JIT_ENOENT);
                    continue;
                }
                bool expected = in_model((enum rmg_proof_plane)plane, in, id);
                prove_one((enum rmg_proof_plane)plane, &in->id, id, expected);
                there += expected;
                absent += !expected;
            }
        }
    }
    ck_assert_uint_gt(there, 20);
    ck_assert_uint_gt(absent, 20);
    end();
}
END_TEST

/* What a record says is what is there. */
START_TEST(records)
{
    struct rmg_proof proof;
    begin(WORLD_RANDOM, 5, 200);
    struct naive_instance *in = naive_find(&world.model, &world.instances[0]);
    ck_assert_uint_gt(in->edge_count, 0);
    const struct rmg_edge *edge = &in->edges[0];
    prove_one(RMG_PROOF_EDGES, &in->id, &edge->id, true);
    ck_assert_int_eq(rmg_proof_read(buf.data, buf.size, &proof), JIT_OK);
    ck_assert_uint_eq(proof.record_size, 96);
    ck_assert_mem_eq(proof.record, edge->from.bytes, 32);
    ck_assert_mem_eq(proof.record + 32, edge->to.bytes, 32);
    ck_assert_mem_eq(proof.record + 64, edge->type.bytes, 32);
    prove_one(RMG_PROOF_INSTANCES, &in->id, &in->id, true);
    ck_assert_int_eq(rmg_proof_read(buf.data, buf.size, &proof), JIT_OK);
    ck_assert_mem_eq(proof.record, in->root_node.bytes, 32);
    end();
}
END_TEST

/* The empty version has no instance, and that can be shown. */
START_TEST(empty)
{
    struct rmg_proof proof;
    struct rmg_version none = rmg_version_empty();
    struct jit_id id = {{1}};
    begin(WORLD_RANDOM, 6, 0);
    ck_assert_int_eq(rmg_prove(world.store, &none, RMG_PROOF_INSTANCES, &id, &id, &buf), JIT_OK);
    ck_assert_int_eq(rmg_proof_read(buf.data, buf.size, &proof), JIT_OK);
    ck_assert(!proof.present);
    ck_assert(jit_id_is_zero(&proof.root));
    end();
}
END_TEST

/* Of a million nodes each proof has less than 2 KB: that one is there, that one is not, what lies
 * on it, and that nothing lies on it. Ids are hashes, so the longest way is that of the luck of
 * 2,000. */
#define MILLION 1000000u

START_TEST(short_among_a_million)
{
    struct rmg_tx *tx = NULL;
    struct rmg_bulk bulk = {.nodes = calloc(MILLION, sizeof *bulk.nodes),
                            .node_count = MILLION,
                            .attachments = calloc(1, sizeof *bulk.attachments),
                            .attachment_count = 1};
    uint64_t longest = 0;
    ck_assert_ptr_nonnull(bulk.nodes);
    ck_assert_ptr_nonnull(bulk.attachments);
    world_begin(&world, WORLD_RANDOM, 3, 1ull << 30);
    jit_buf_init(&buf, &world.heap.heap, RMG_PROOF_BYTES_MAX);
    const struct jit_id in = world.instances[1];
    struct naive_instance *top = naive_find(&world.model, &world.instances[0]);
    struct rmg_parent parent = {true,           RMG_PLANE_ALPHA, top->id,
                                top->root_node, .name_size = 2,  .name = "in"};
    struct rmg_attachment portal = {"in", 2, {RMG_VALUE_PORTAL, in, NULL, 0}};
    for (uint64_t i = 0; i < MILLION; i++) {
        bulk.nodes[i] = (struct rmg_bulk_node){.id = world_id(WORLD_RANDOM, 2, i), .type = in};
    }
    bulk.attachments[0] = (struct rmg_bulk_attachment){
        .owner = bulk.nodes[0].id,
        .plane = RMG_PLANE_ALPHA,
        .attachment = {"", 0, {RMG_VALUE_ATOM, in, in.bytes, sizeof in}}};
    ck_assert_int_eq(rmg_tx_begin(world.store, &world.version, &tx), JIT_OK);
    struct jit_id root = bulk.nodes[1].id;
    ck_assert_int_eq(rmg_tx_upsert_instance(tx, &in, &root, &parent), JIT_OK);
    ck_assert_int_eq(rmg_tx_set_attachment(tx, &top->id, RMG_PLANE_ALPHA, &top->root_node, &portal),
                     JIT_OK);
    ck_assert_int_eq(rmg_tx_load(tx, &in, &bulk), JIT_OK);
    ck_assert_int_eq(rmg_tx_seal(tx, &world.version), JIT_OK);
    for (uint64_t i = 0; i < 2000; i++) {
        struct jit_id there = world_id(WORLD_RANDOM, 2, i * (MILLION / 2000));
        struct jit_id absent = world_id(WORLD_RANDOM, 2, MILLION + i);
        uint64_t sizes[] = {prove_one(RMG_PROOF_NODES, &in, &there, true),
                            prove_one(RMG_PROOF_NODES, &in, &absent, false),
                            prove_one(RMG_PROOF_ALPHA, &in, &there, i == 0),
                            prove_one(RMG_PROOF_EDGES, &in, &absent, false)};
        for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
            longest = sizes[k] > longest ? sizes[k] : longest;
        }
    }
    ck_assert_uint_gt(longest, 20 * JIT_ID_BYTES); /* a way of log2 of a million, at the least */
    ck_assert_uint_lt(longest, 2048);
    free(bulk.nodes);
    free(bulk.attachments);
    end();
}
END_TEST

/* A changed bit is refused or leads to another root. Two bits can only be the id's own: where the
 * place proved to be empty is larger than one id, so that its proof is one for its neighbours. */
START_TEST(every_flipped_bit)
{
    static const enum world_ids kinds[] = {WORLD_RANDOM, WORLD_PREFIX, WORLD_ONE_BIT};
    begin(kinds[_i], 9, 100);
    struct naive_instance *in = naive_find(&world.model, &world.instances[0]);
    for (unsigned i = 0; i < 12; i++) {
        enum rmg_proof_plane plane = (enum rmg_proof_plane)(1 + i % 5);
        const struct jit_id *id = plane == RMG_PROOF_INSTANCES ? &world.instances[i % 3]
                                  : i % 2 != 0                 ? &world.nodes[i]
                                                               : &world.edges[i];
        const struct jit_id *instance = plane == RMG_PROOF_INSTANCES ? id : &in->id;
        jit_buf_reset(&buf);
        ck_assert_int_eq(rmg_prove(world.store, &world.version, plane, instance, id, &buf), JIT_OK);
        for (size_t bit = 0; bit < buf.size * 8; bit++) {
            struct rmg_proof proof;
            buf.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            enum jit_err err = rmg_proof_read(buf.data, buf.size, &proof);
            if (err == JIT_OK && jit_id_equal(&proof.root, &world.version.state_root)) {
                /* Then it must be true: of another id that is not there either. */
                ck_assert(!proof.present);
                ck_assert(!jit_id_equal(&proof.id, id));
                ck_assert(plane == RMG_PROOF_INSTANCES ? naive_find(&world.model, &proof.id) == NULL
                                                       : !in_model(plane, in, &proof.id));
            }
            buf.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        for (size_t size = 0; size < buf.size; size++) {
            struct rmg_proof proof;
            uint8_t *exact = malloc(size + 1);
            memcpy(exact, buf.data, size);
            ck_assert_int_ne(rmg_proof_read(exact, size, &proof), JIT_OK);
            free(exact);
        }
        jit_buf_put_u8(&buf, 0);
        struct rmg_proof longer;
        ck_assert_int_eq(rmg_proof_read(buf.data, buf.size, &longer), JIT_EFORMAT);
    }
    end();
}
END_TEST

/* Somebody else's leaf does not stand for a place that its id does not pass. */
START_TEST(another_way)
{
    struct rmg_proof proof;
    unsigned tried = 0;
    begin(WORLD_RANDOM, 12, 200);
    for (uint64_t n = 0; n < 4000 && tried < 50; n++) {
        struct jit_id id = world_id(WORLD_RANDOM, 999, n);
        jit_buf_reset(&buf);
        ck_assert_int_eq(
            rmg_prove(world.store, &world.version, RMG_PROOF_NODES, &world.instances[0], &id, &buf),
            JIT_OK);
        uint8_t *bytes = buf.data + 9; /* the id, then the end, then the other id */
        if (bytes[32] != 2) {
            continue;
        }
        tried++;
        /* Claim that an id which is there were not: its own leaf is at the end. */
        memcpy(bytes, bytes + 33, 32);
        ck_assert_int_eq(rmg_proof_read(buf.data, buf.size, &proof), JIT_EFORMAT);
        /* Claim it of an id that parts from the other one's way at the first bit. */
        bytes[0] ^= 0x80;
        bool led = rmg_proof_read(buf.data, buf.size, &proof) == JIT_OK &&
                   jit_id_equal(&proof.root, &world.version.state_root);
        ck_assert(!led);
    }
    ck_assert_uint_eq(tried, 50);
    end();
}
END_TEST

START_TEST(no_memory)
{
    begin(WORLD_RANDOM, 4, 10);
    for (int64_t at = 0;; at++) {
        struct fault_heap heap = fault_heap_make(at, false);
        struct jit_buf out;
        jit_buf_init(&out, &heap.heap, RMG_PROOF_BYTES_MAX);
        enum jit_err err = rmg_prove(world.store, &world.version, RMG_PROOF_NODES,
                                     &world.instances[0], &world.nodes[0], &out);
        ck_assert_int_eq(err, fault_heap_fired(&heap) ? JIT_ENOMEM : JIT_OK);
        jit_buf_release(&out);
        ck_assert_int_eq(heap.live, 0);
        if (err == JIT_OK) {
            break;
        }
    }
    end();
}
END_TEST

static void fill(Suite *suite)
{
    TCase *tcase = test_case(suite, "proof", 30);
    tcase_add_loop_test(tcase, all_and_none, 0, WORLD_IDS);
    tcase_add_test(tcase, records);
    tcase_add_test(tcase, empty);
    tcase_add_test(tcase, short_among_a_million);
    tcase_add_loop_test(tcase, every_flipped_bit, 0, 3);
    tcase_add_test(tcase, another_way);
    tcase_add_test(tcase, no_memory);
}

TEST_MAIN("rmg/file/proof", fill)
