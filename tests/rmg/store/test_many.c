/* Goal:   what is done for many side by side gives what it gives one by one: keys, scope hashes,
 *         draws, values of attachments; and what warming found is what a walk finds.
 * Method: random mixtures against the single functions; hints that are wrong or of another version.
 */
#include "base/hash.h"
#include "base/random.h"
#include "rmg/store/store_priv.h"
#include "tests/lib/rule_kit.h"
#include "tests/lib/tcase.h"

static struct jit_id random_id(struct jit_random *random)
{
    struct jit_id id;
    for (size_t i = 0; i < sizeof id.bytes; i++) {
        id.bytes[i] = (uint8_t)jit_random_next(random);
    }
    return id;
}

START_TEST(keys_of_many)
{
    static struct jit_id ids[JIT_PATTERN_ELEMENTS_MAX + 10]; /* as many as id_count may be */
    struct jit_random random = jit_random_of((uint64_t)_i);
    struct rmg_key_source sources[RMG_KEYS_MAX] = {{0}};
    struct rmg_rule rules[RMG_KEYS_MAX];
    struct jit_id instance = random_id(&random);
    struct jit_id digests[RMG_KEYS_MAX];
    struct jit_id match[RMG_KEYS_MAX];
    struct jit_id request[RMG_KEYS_MAX];
    struct jit_id scope[RMG_KEYS_MAX];
    struct jit_id one;
    uint32_t count = (uint32_t)jit_random_below(&random, RMG_KEYS_MAX + 1);
    /* one size; two sizes; any, also more than a pattern has */
    const uint64_t sizes[] = {1, 2, JIT_PATTERN_ELEMENTS_MAX + 8};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        ids[i] = random_id(&random);
    }
    for (uint32_t i = 0; i < count; i++) {
        rules[i].id = random_id(&random);
        digests[i] = random_id(&random);
        sources[i] = (struct rmg_key_source){
            .rule = &rules[i].id,
            .instance = &instance,
            .ids = ids,
            .id_count = (uint32_t)(3 + jit_random_below(&random, sizes[_i % 3])),
            .params_digest = &digests[i],
            .nonce = jit_random_next(&random)};
    }
    rmg_match_keys(sources, count, match, request);
    rmg_scope_hashes(7, 9, request, count, scope);
    for (uint32_t i = 0; i < count; i++) {
        rmg_match_key(&rules[i], &instance, ids, sources[i].id_count, &digests[i], &one);
        ck_assert_msg(jit_id_equal(&one, &match[i]), "seed %d, match %u", _i, i);
        rmg_request_key(&one, sources[i].nonce, &one);
        ck_assert_msg(jit_id_equal(&one, &request[i]), "seed %d, request %u", _i, i);
        rmg_scope_hash(7, 9, &one, &one);
        ck_assert_msg(jit_id_equal(&one, &scope[i]), "seed %d, scope %u", _i, i);
    }
}
END_TEST

START_TEST(draws_of_many)
{
    struct jit_random random = jit_random_of(3000 + (uint64_t)_i);
    const struct rmg_draw draw = {.seed = 11, .tick = (uint64_t)_i, .round = (uint32_t)_i % 3};
    struct jit_id keys[RMG_KEYS_MAX];
    const struct jit_id *in[RMG_KEYS_MAX];
    double values[RMG_KEYS_MAX];
    uint32_t count = (uint32_t)(1 + jit_random_below(&random, RMG_KEYS_MAX));
    for (uint32_t i = 0; i < RMG_KEYS_MAX; i++) {
        keys[i] = random_id(&random);
        in[i] = &keys[i];
    }
    rmg_draw_randoms(&draw, in, count, 5, values);
    for (uint32_t i = 0; i < count; i++) {
        double one = rmg_draw_random(&draw, &keys[i], 5);
        ck_assert_msg(memcmp(&one, &values[i], sizeof one) == 0, "seed %d, draw %u", _i, i);
    }
}
END_TEST

START_TEST(values_of_many)
{
    static uint8_t bytes[3000];
    struct jit_random random = jit_random_of(1000 + (uint64_t)_i);
    struct rmg_attachment attachments[RMG_VALUES_MAX] = {{0}};
    struct jit_id values[RMG_VALUES_MAX];
    struct jit_id *to[RMG_VALUES_MAX] = {0};
    enum rmg_plane plane = _i % 2 == 0 ? RMG_PLANE_ALPHA : RMG_PLANE_BETA;
    uint32_t count = (uint32_t)jit_random_below(&random, RMG_VALUES_MAX + 1);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)jit_random_next(&random);
    }
    for (uint32_t i = 0; i < count; i++) {
        bool portal = jit_random_below(&random, 4) == 0;
        uint64_t sizes = jit_random_below(&random, 8) == 0 ? 2000 : 3;
        attachments[i] = (struct rmg_attachment){
            .name = "a name that some have to its end",
            .name_size = (uint32_t)jit_random_below(&random, 3) * 16,
            .value = {.kind = portal ? RMG_VALUE_PORTAL : RMG_VALUE_ATOM,
                      .type = random_id(&random),
                      .bytes = portal ? NULL : bytes + jit_random_below(&random, 1000),
                      .size = portal ? 0 : (uint32_t)jit_random_below(&random, sizes)}};
        to[i] = &values[i];
    }
    ck_assert_int_eq(rmg_values_of_attachments(plane, attachments, count, to), JIT_OK);
    for (uint32_t i = 0; i < count; i++) {
        /* The record of 4.2, spelled here once more. */
        const struct rmg_value *value = &attachments[i].value;
        bool atom = value->kind == RMG_VALUE_ATOM;
        uint8_t record[400] = {1};
        size_t size = 8;
        struct jit_id one;
        jit_put_le64(record + size, attachments[i].name_size);
        memcpy(record + size + 8, attachments[i].name, attachments[i].name_size);
        size += 8 + attachments[i].name_size;
        record[size++] = atom ? 1 : 2;
        memcpy(record + size, value->type.bytes, JIT_ID_BYTES);
        size += JIT_ID_BYTES;
        if (atom) {
            jit_hash_key(JIT_K_ATOM, value->bytes, value->size, &one);
            jit_put_le64(record + size, value->size);
            memcpy(record + size + 8, one.bytes, JIT_ID_BYTES);
            size += 8 + JIT_ID_BYTES;
        }
        jit_hash_key(plane == RMG_PLANE_ALPHA ? JIT_K_VALUE_ALPHA : JIT_K_VALUE_BETA, record, size,
                     &one);
        ck_assert_msg(jit_id_equal(&one, &values[i]), "seed %d, value %u", _i, i);
    }
}
END_TEST

#define NODES 600u

/* Half of the ids asked for exist; with hints, without them, and with hints that are wrong, every
 * answer is the same. */
START_TEST(found_is_what_a_walk_finds)
{
    static struct rmg_found found;
    struct jit_random random = jit_random_of(2000 + (uint64_t)_i);
    struct kit_graph g;
    kit_graph_begin(&g, jit_heap_libc(), 8u << 20);
    kit_open(&g);
    for (uint64_t i = 0; i < NODES; i++) {
        kit_put_node(&g, kit_id('n', i), (unsigned)(1 + i % 3));
        kit_put_i64(&g, RMG_PLANE_ALPHA, kit_id('n', i), "v", (int64_t)i);
    }
    kit_seal(&g);
    struct rmg_graph plain = kit_graph_of(&g, NULL);
    struct rmg_graph hinted = plain;
    struct jit_id ids[100];
    const struct jit_id *wanted[100];
    hinted.found = &found;
    for (uint32_t i = 0; i < 100; i++) {
        ids[i] = kit_id('n', jit_random_below(&random, 2 * NODES));
        wanted[i] = &ids[i];
    }
    memset(&found, 0, sizeof found);
    rmg_graph_warm(&hinted, RMG_NODES, wanted, 100);
    rmg_graph_warm(&hinted, RMG_ALPHA, wanted, 100);
    uint32_t hits = 0;
    for (uint32_t i = 0; i < 100; i++) {
        hits += found_leaf(&hinted, RMG_NODES, &ids[i]) != NULL;
    }
    ck_assert_uint_ge(hits, 20);
    if (_i % 2 == 1) { /* hints from nowhere: other leaves, any place, outside */
        for (uint32_t i = 0; i < RMG_FOUND_MAX; i++) {
            uint64_t other = jit_random_below(&random, RMG_FOUND_MAX);
            if (jit_random_below(&random, 3) == 0) {
                found.at[i].ref = (uint32_t)jit_random_next(&random);
            } else if (found.at[i].tag % 4 == found.at[other].tag % 4) { /* of the same map */
                found.at[i].ref = found.at[other].ref;
            }
        }
    }
    for (uint32_t i = 0; i < 100; i++) {
        struct jit_id type[2] = {{{0}}, {{0}}};
        struct rmg_value value[2] = {{.size = 0}, {.size = 0}};
        enum jit_err err = rmg_node_type(&plain, &ids[i], &type[0]);
        ck_assert_int_eq(rmg_node_type(&hinted, &ids[i], &type[1]), err);
        ck_assert(jit_id_equal(&type[0], &type[1]));
        err = rmg_attachment_get(&plain, RMG_PLANE_ALPHA, &ids[i], "v", 1, &value[0]);
        ck_assert_int_eq(rmg_attachment_get(&hinted, RMG_PLANE_ALPHA, &ids[i], "v", 1, &value[1]),
                         err);
        ck_assert_ptr_eq(value[0].bytes, value[1].bytes);
    }
    kit_graph_end(&g);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "many", 10);
    tcase_add_loop_test(t, keys_of_many, 0, 60);
    tcase_add_loop_test(t, draws_of_many, 0, 40);
    tcase_add_loop_test(t, values_of_many, 0, 60);
    tcase_add_loop_test(t, found_is_what_a_walk_finds, 0, 20);
}

TEST_MAIN("many", suite)
