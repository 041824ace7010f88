/* tests/rmg/rules/match_scene.h - a small scene to verify matches in, and footprints spelled out:
 * what the tests of matches share. */
#ifndef JIT_TESTS_RMG_MATCH_SCENE_H
#define JIT_TESTS_RMG_MATCH_SCENE_H

#include <stdio.h>

#include "tests/lib/fault_heap.h"
#include "tests/lib/tcase.h"
#include "tests/lib/trial.h"

static struct fault_heap mem;
static struct kit_graph g;
static struct rule_kit kit;
static const struct rmg_draw draw = {.seed = 5, .tick = 9, .round = 0};

/* --- the scene: (a:1)-[e:11]->(b:2)-[p:12]->(c:1), c has a loop l:12 --- */

#define A kit_id('n', 1)
#define B kit_id('n', 2)
#define C kit_id('n', 3)
#define E kit_id('e', 1)
#define P kit_id('e', 2)
#define L kit_id('e', 3)

static inline void scene(void)
{
    struct rmg_datum text = {.codec = RMG_CODEC_TEXT, .bytes = (const uint8_t *)"x", .size = 1};
    mem = fault_heap_make(-1, false);
    kit_graph_begin(&g, &mem.heap, 4 << 20);
    kit_open(&g);
    kit_put_node(&g, A, 1);
    kit_put_node(&g, B, 2);
    kit_put_node(&g, C, 1);
    kit_put_edge(&g, E, A, 11, B);
    kit_put_edge(&g, P, B, 12, C);
    kit_put_edge(&g, L, C, 12, C);
    kit_put_i64(&g, RMG_PLANE_ALPHA, A, "n", 3);
    kit_put_i64(&g, RMG_PLANE_ALPHA, A, "max", INT64_MAX);
    kit_put_i64(&g, RMG_PLANE_ALPHA, B, "n", 4);
    kit_put_i64(&g, RMG_PLANE_BETA, E, "w", 5);
    kit_put_atom(&g, RMG_PLANE_ALPHA, A, "t", &text);
    kit_seal(&g);
    kit_begin(&kit, "r");
}

static inline void scene_end(void)
{
    kit_graph_end(&g);
    ck_assert_int_eq(mem.live, 0);
}

/* The path a, e, b as elements 0, 1, 2. */
static inline void path(unsigned a, unsigned e, unsigned b)
{
    (void)kit_node(&kit, a);
    (void)kit_edge(&kit, 0, e, 2);
    (void)kit_node(&kit, b);
}

static inline void compare_field(uint8_t element, const char *name, enum rmg_expr_op op,
                                 int64_t value)
{
    kit_push_field(&kit, kit_field(&kit, element, name, RMG_CODEC_I64));
    kit_push_i64(&kit, value);
    kit_op(&kit, op);
}

static inline enum rmg_result verify(const struct jit_id *ids, uint32_t *slots)
{
    struct rmg_rule *rule = kit_compile(&kit, &mem.heap);
    struct trial t;
    trial_init(&t, &mem.heap, rule, ids);
    t.match.root_node = &g.root;
    enum rmg_result result = trial_run(&t, &g, &draw, JIT_VERIFY_SLOTS_MAX);
    uint32_t needed = t.slots;
    if (slots != NULL) {
        *slots = needed;
    }
    /* The budget: what it takes is enough, one slot less is not. */
    ck_assert_int_eq(trial_run(&t, &g, &draw, needed), result);
    if (needed > 0) {
        ck_assert_int_eq(trial_run(&t, &g, &draw, needed - 1), RMG_OVER_BUDGET);
        ck_assert_uint_eq(t.slots, needed - 1);
    }
    trial_release(&t);
    rmg_rule_free(&mem.heap, rule);
    return result;
}

#define IDS(...)                                                                                   \
    (const struct jit_id[])                                                                        \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

/* --- footprints --- */

static inline const char *name_of(const struct jit_id *id)
{
    static const char *const names[] = {"a", "b", "c", "e", "p", "l"};
    const struct jit_id ids[] = {A, B, C, E, P, L};
    for (unsigned i = 0; i < 6; i++) {
        if (jit_id_equal(&ids[i], id)) {
            return names[i];
        }
    }
    return "new";
}

/* One line a use: "R node a", "+ in b 11", "S alpha b n 2", "W beta e w", sorted by what they say.
 * A written slot that was read is "X". */
static inline void spell(const struct rmg_use *use, char *line, size_t size)
{
    static const char *const kinds[] = {"", "node", "edge", "alpha", "beta", "", "extent"};
    const struct rmg_slot *slot = &use->slot;
    const char *access = use->access == RMG_ACCESS_READ    ? "R"
                         : use->access == RMG_ACCESS_WRITE ? (use->read ? "X" : "W")
                         : use->join == RMG_JOIN_SUM       ? "S"
                                                           : "+";
    if (slot->kind == RMG_SLOT_INCIDENCE) {
        (void)snprintf(line, size, "%s %s %s %u", access,
                       slot->direction == RMG_DIR_OUT ? "out" : "in", name_of(&slot->id),
                       slot->type.bytes[1]);
    } else if (slot->kind == RMG_SLOT_EXTENT) {
        (void)snprintf(line, size, "%s extent %u", access, slot->id.bytes[1]);
    } else if (slot->kind == RMG_SLOT_VALUES) {
        (void)snprintf(line, size, "%s values %u %.*s", access, slot->id.bytes[1],
                       (int)slot->name_size, slot->name);
    } else if (use->join == RMG_JOIN_SUM) {
        (void)snprintf(line, size, "%s %s %s %.*s %d", access, kinds[slot->kind],
                       name_of(&slot->id), (int)slot->name_size, slot->name, (int)use->delta);
    } else {
        (void)snprintf(line, size, "%s %s %s%s%.*s", access, kinds[slot->kind], name_of(&slot->id),
                       slot->name_size > 0 ? " " : "", (int)slot->name_size, slot->name);
    }
}

static inline void expect_uses(const struct jit_id *ids, const char *const *want,
                               unsigned want_count)
{
    static struct uses uses;
    struct rmg_rule *rule = kit_compile(&kit, &mem.heap);
    struct trial t;
    char line[64];
    trial_init(&t, &mem.heap, rule, ids);
    ck_assert_int_eq(trial_run(&t, &g, &draw, JIT_VERIFY_SLOTS_MAX), RMG_APPLIED);
    trial_uses(&t, &uses);
    for (unsigned i = 0; i < uses.count; i++) {
        bool known = false;
        spell(&uses.items[i], line, sizeof line);
        for (unsigned k = 0; k < want_count; k++) {
            known = known || strcmp(want[k], line) == 0;
        }
        ck_assert_msg(known, "not expected: %s", line);
    }
    ck_assert_uint_eq(uses.count, want_count);
    trial_release(&t);
    rmg_rule_free(&mem.heap, rule);
}

#define EXPECT(ids, ...)                                                                           \
    expect_uses(ids, (const char *const[]){__VA_ARGS__},                                           \
                sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

#endif
