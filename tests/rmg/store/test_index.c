/* Goal:   an index of nodes by values answers as a walk over all nodes does, in every version that
 *         it is brought to, and without looking at the graph.
 * Method: random changes of nodes, types and fields of several codecs, one index that follows and a
 *         walk beside it; the slots that are looked at are counted; every refused allocation. */
#include "rmg/store/index.h"

#include <math.h>

#include "base/random.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/rule_kit.h"
#include "tests/lib/tcase.h"

#define NODES 40u
#define KEYS  5u

static struct fault_heap mem;
static struct kit_graph g;
static struct jit_random dice;
static bool alive[NODES];
static bool has[NODES][4];

static unsigned roll(unsigned bound)
{
    return (unsigned)jit_random_below(&dice, bound);
}

/* Few values, of every kind, so that many nodes share one. */
static struct rmg_datum any_value(enum rmg_codec codec)
{
    static const char *const texts[] = {"", "a", "ab", "b"};
    static const double reals[] = {0.0, -0.0, 1.5, NAN};
    struct rmg_datum datum = {.codec = codec};
    unsigned which = roll(4);
    if (codec == RMG_CODEC_TEXT) {
        datum.bytes = (const uint8_t *)texts[which];
        datum.size = (uint32_t)strlen(texts[which]);
    } else if (codec == RMG_CODEC_I64) {
        datum.as.i64 = which;
    } else {
        datum.as.f64 = rmg_f64_canonical(reals[which]);
    }
    return datum;
}

static const struct rmg_index_field fields[] = {{"n", 1, RMG_CODEC_I64},
                                                {"t", 1, RMG_CODEC_TEXT},
                                                {"r", 1, RMG_CODEC_F64},
                                                {"s", 1, RMG_CODEC_F32}};

/* Each field alone, and two together. */
static struct rmg_index_key key_of(unsigned which, struct rmg_datum values[2])
{
    struct rmg_index_key key = {.type = kit_type(1 + which % 2),
                                .count = which == 4 ? 2 : 1,
                                .fields = &fields[which % 4],
                                .values = values};
    for (unsigned i = 0; i < key.count; i++) {
        values[i] = any_value(key.fields[i].codec);
    }
    return key;
}

static void change(unsigned steps)
{
    kit_open(&g);
    for (unsigned i = 0; i < steps; i++) {
        unsigned n = roll(NODES);
        struct jit_id id = kit_id('N', n);
        unsigned which = roll(4);
        const struct rmg_index_field *field = &fields[which];
        /* Sometimes of another codec than the key asks for. */
        enum rmg_codec codec = roll(8) == 0 ? RMG_CODEC_I64 : field->codec;
        if (!alive[n] || roll(6) == 0) {
            kit_put_node(&g, id, 1 + roll(2)); /* another type, at times */
            alive[n] = true;
        }
        if (roll(8) == 0) {
            for (unsigned k = 0; k < 4; k++) {
                if (has[n][k]) {
                    kit_clear(&g, RMG_PLANE_ALPHA, id, fields[k].name);
                    has[n][k] = false;
                }
            }
            kit_drop_node(&g, id);
            alive[n] = false;
        } else if (has[n][which] && roll(5) == 0) {
            kit_clear(&g, RMG_PLANE_ALPHA, id, field->name);
            has[n][which] = false;
        } else {
            struct rmg_datum datum = any_value(codec);
            kit_put_atom(&g, RMG_PLANE_ALPHA, id, field->name, &datum);
            has[n][which] = true;
        }
    }
    kit_seal(&g);
}

static uint64_t must_count(const struct rmg_graph *graph, const struct rmg_index_key *key)
{
    uint64_t count = 0;
    ck_assert_int_eq(rmg_index_count(graph, key, &count), JIT_OK);
    return count;
}

/* Each node once, and only those that fit. */
static uint64_t listed(const struct rmg_graph *graph, const struct rmg_index_key *key)
{
    struct rmg_index_iter iter;
    struct jit_id ids[NODES];
    uint64_t count = 0;
    ck_assert(rmg_index_begin(graph, key, &iter));
    while (rmg_index_next(&iter, &ids[count])) {
        bool fits = false;
        struct jit_id type;
        ck_assert_int_eq(rmg_index_fits(graph, &ids[count], key, &fits), JIT_OK);
        ck_assert_int_eq(rmg_node_type(graph, &ids[count], &type), JIT_OK);
        ck_assert(fits && jit_id_equal(&type, &key->type));
        for (uint64_t i = 0; i < count; i++) {
            ck_assert(!jit_id_equal(&ids[i], &ids[count]));
        }
        ck_assert_uint_lt(++count, NODES + 1);
        if (count == NODES) {
            break;
        }
    }
    return count;
}

static void begin(uint64_t seed)
{
    mem = fault_heap_make(-1, false);
    kit_graph_begin(&g, &mem.heap, 16u << 20);
    dice = jit_random_of(seed);
    memset(alive, 0, sizeof alive);
    memset(has, 0, sizeof has);
    change(60);
}

static void end(void)
{
    kit_graph_end(&g);
    ck_assert_int_eq(mem.live, 0);
}

START_TEST(as_a_walk) /* _i = seed */
{
    struct rmg_index *index = NULL;
    uint64_t found = 0;
    begin(300 + (uint64_t)_i);
    ck_assert_int_eq(rmg_index_new(&mem.heap, &index), JIT_OK);
    ck_assert(rmg_index_is_empty(index));
    for (unsigned round = 0; round < 40; round++) {
        struct rmg_graph walk = kit_graph_of(&g, NULL);
        uint64_t slots = 0;
        struct rmg_graph asked = kit_graph_of(&g, &slots);
        asked.index = index;
        for (unsigned i = 0; i < KEYS; i++) {
            struct rmg_datum values[2];
            struct rmg_index_key key = key_of(i, values);
            uint64_t want = must_count(&walk, &key);
            if (round > i) {
                ck_assert_int_eq(rmg_index_need(index, &walk, &key), JIT_OK);
                ck_assert_uint_eq(must_count(&asked, &key), want);
                ck_assert_uint_eq(slots, 0);
                ck_assert_uint_eq(listed(&asked, &key), want);
                slots = 0;
                found += want;
            }
        }
        struct rmg_graph before = kit_graph_of(&g, NULL);
        change(1 + roll(8));
        struct rmg_graph after = kit_graph_of(&g, NULL);
        ck_assert_int_eq(rmg_index_follow(index, &before, &after), JIT_OK);
    }
    ck_assert_uint_gt(found, 50);
    rmg_index_clear(index);
    ck_assert(rmg_index_is_empty(index));
    rmg_index_free(index);
    end();
}
END_TEST

/* Whatever is refused: an error, and it answers for nothing it does not know. */
START_TEST(no_memory)
{
    begin(7);
    struct rmg_graph before = kit_graph_of(&g, NULL);
    change(30);
    struct rmg_graph after = kit_graph_of(&g, NULL);
    bool done = false;
    for (long refused = 0; !done; refused++) {
        struct fault_heap faulty = fault_heap_make(refused, false);
        struct rmg_index *index = NULL;
        struct rmg_datum values[2];
        struct rmg_index_key key = key_of(4, values);
        enum jit_err err = rmg_index_new(&faulty.heap, &index);
        if (err == JIT_OK) {
            err = rmg_index_need(index, &before, &key);
            ck_assert_int_eq(err == JIT_OK, !rmg_index_is_empty(index));
        }
        if (err == JIT_OK) {
            err = rmg_index_follow(index, &before, &after);
            ck_assert_int_eq(err == JIT_OK, !rmg_index_is_empty(index));
            struct rmg_graph asked = after;
            asked.index = index;
            ck_assert_uint_eq(must_count(&asked, &key), must_count(&after, &key));
        }
        ck_assert(err == JIT_OK || err == JIT_ENOMEM);
        done = err == JIT_OK;
        rmg_index_free(index);
        ck_assert_int_eq(faulty.live, 0);
        ck_assert_int_lt(refused, 1000);
    }
    end();
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "index", 60);
    tcase_add_loop_test(t, as_a_walk, 0, 10);
    tcase_add_test(t, no_memory);
}

TEST_MAIN("index", suite)
