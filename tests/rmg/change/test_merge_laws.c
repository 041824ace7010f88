/* Goal:   what docs/spec/merge.md promises of every merge: symmetry, the laws, a valid result or
 *         all its conflicts and nothing in between, at the cost of the differences.
 * Method: random histories of a base and of two sides, over few ids and nested instances, so that
 *         they often collide; a naive merge over plain lists says what must come out. Costs are
 *         counted in nodes and records looked at, in states of two sizes. */
#include "tests/lib/naive_root.h"
#include "tests/lib/tcase.h"
#include "tests/rmg/change/merge_kit.h"

#define SEEDS 60
#define EACH  20 /* 1,200 histories together */

static struct fault_heap heap;
static struct kit base, ours, theirs;
static struct jit_random choices;
static uint64_t seed;

static struct rmg_merge_options plain(void)
{
    return (struct rmg_merge_options){
        .heap = &heap.heap, .join_of = kit_join_of, .strategy = RMG_SIDE_NONE};
}

static void begin(uint64_t number)
{
    seed = number;
    struct jit_random random = jit_random_of(number);
    choices = jit_random_of(number + 77);
    kit_open(&base, &heap.heap, KIT_ARENA_BYTES);
    const enum kit_mode mode = (enum kit_mode)(number % KIT_MODES);
    kit_history(&base, &random, 5 + (unsigned)jit_random_below(&random, 40), mode);
    kit_copy(&ours, &base, &heap.heap);
    kit_copy(&theirs, &base, &heap.heap);
    kit_history(&ours, &random, 1 + (unsigned)jit_random_below(&random, 12), mode);
    kit_history(&theirs, &random, 1 + (unsigned)jit_random_below(&random, 12), mode);
}

static void end(void)
{
    kit_close(&base, &heap.heap);
    kit_close(&ours, &heap.heap);
    kit_close(&theirs, &heap.heap);
    ck_assert_int_eq(heap.live, 0);
}

static void merge_with(const struct rmg_merge_options *options, const struct kit *a,
                       const struct kit *b, const struct kit *c, struct rmg_merge_result *result)
{
    struct rmg_state x = kit_state(a);
    struct rmg_state y = kit_state(b);
    struct rmg_state z = kit_state(c);
    enum jit_err err = rmg_merge(options, &x, &y, &z, result);
    ck_assert_msg(err == JIT_OK, "seed %llu: %s", (unsigned long long)seed, jit_err_text(err));
}

/* The result of a patch on a state, verified. */
static struct jit_id result_of(const struct kit *on, const struct jit_buf *patch)
{
    struct kit copy;
    struct rmg_fault fault;
    kit_copy(&copy, on, &heap.heap);
    enum jit_err err = kit_apply(&copy, &heap.heap, patch);
    ck_assert_msg(err == JIT_OK, "seed %llu: apply: %s", (unsigned long long)seed,
                  jit_err_text(err));
    err = rmg_store_verify(copy.store, &copy.version, &fault);
    ck_assert_msg(err == JIT_OK, "seed %llu: %s", (unsigned long long)seed, fault.what);
    struct jit_id root = copy.version.state_root;
    kit_close(&copy, &heap.heap);
    return root;
}

static bool same_bytes(const struct jit_buf *a, const struct jit_buf *b)
{
    return a->size == b->size && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

static void same_content(const struct rmg_conflict *a, enum rmg_side x,
                         const struct rmg_conflict *b, enum rmg_side y)
{
    ck_assert(rmg_content_equal(a->place.part, a->content[x], b->content[y]));
}

/* ---- the laws ---- */

static void check_mirror(const struct rmg_merge_result *one)
{
    struct rmg_merge_options options = plain();
    struct rmg_merge_result other;
    merge_with(&options, &base, &theirs, &ours, &other);
    ck_assert_msg(same_bytes(&one->patch, &other.patch), "seed %llu", (unsigned long long)seed);
    ck_assert_uint_eq(one->conflict_count, other.conflict_count);
    for (size_t i = 0; i < one->conflict_count; i++) {
        const struct rmg_conflict *a = &one->conflicts[i];
        const struct rmg_conflict *b = &other.conflicts[i];
        ck_assert_int_eq(rmg_conflict_compare(a, b), 0);
        same_content(a, RMG_SIDE_BASE, b, RMG_SIDE_BASE);
        same_content(a, RMG_SIDE_OURS, b, RMG_SIDE_THEIRS);
        same_content(a, RMG_SIDE_THEIRS, b, RMG_SIDE_OURS);
        ck_assert(i == 0 || rmg_conflict_compare(a - 1, a) < 0);
    }
    ck_assert_uint_eq(one->taken[RMG_SIDE_OURS], other.taken[RMG_SIDE_THEIRS]);
    ck_assert_uint_eq(one->joined, other.joined);
    rmg_merge_result_release(&other);
}

/* merge(x, x, y) = merge(x, y, x) = y, merge(x, y, y) = y: the very patch of the difference. */
static void check_units(void)
{
    const struct kit *sides[3][3] = {
        {&base, &base, &ours}, {&base, &theirs, &base}, {&base, &ours, &ours}};
    struct rmg_merge_options options = plain();
    for (int i = 0; i < 3; i++) {
        const struct kit *expected = i == 1 ? &theirs : &ours;
        struct rmg_merge_result result;
        struct jit_buf patch;
        struct rmg_state from = kit_state(&base);
        struct rmg_state to = kit_state(expected);
        kit_diff(&heap.heap, &from, &to, &patch);
        merge_with(&options, sides[i][0], sides[i][1], sides[i][2], &result);
        ck_assert_uint_eq(result.conflict_count, 0);
        ck_assert_msg(same_bytes(&patch, &result.patch), "seed %llu unit %d",
                      (unsigned long long)seed, i);
        struct jit_id root = result_of(&base, &patch);
        ck_assert(jit_id_equal(&root, &expected->version.state_root));
        jit_buf_release(&patch);
        rmg_merge_result_release(&result);
    }
}

/* What does not conflict may be applied in either order. */
static void check_orders(const struct rmg_merge_result *merged, const struct jit_id *root)
{
    struct rmg_merge_options options = plain();
    for (int i = 0; i < 2 && merged->joined == 0; i++) {
        struct rmg_state from = kit_state(&base);
        struct rmg_state to = kit_state(i == 0 ? &ours : &theirs);
        struct rmg_state onto = kit_state(i == 0 ? &theirs : &ours);
        struct rmg_merge_result moved;
        struct jit_buf patch;
        kit_diff(&heap.heap, &from, &to, &patch);
        enum jit_err err = rmg_rebase(&options, &onto, patch.data, patch.size, &moved);
        ck_assert_int_eq(err, JIT_OK);
        ck_assert_msg(moved.conflict_count == 0, "seed %llu: %s", (unsigned long long)seed,
                      rmg_conflict_word(moved.conflicts[0].kind));
        struct jit_id end_root = result_of(i == 0 ? &theirs : &ours, &moved.patch);
        ck_assert(jit_id_equal(&end_root, root));
        jit_buf_release(&patch);
        rmg_merge_result_release(&moved);
    }
}

/* A strategy leaves nothing open, and is the other one seen from the other side. */
static void check_strategies(bool conflicts)
{
    for (int i = 0; i < 2; i++) {
        struct rmg_merge_options options = plain();
        struct rmg_merge_result one;
        struct rmg_merge_result other;
        options.strategy = i == 0 ? RMG_SIDE_OURS : RMG_SIDE_THEIRS;
        merge_with(&options, &base, &ours, &theirs, &one);
        ck_assert_msg(one.conflict_count == 0, "seed %llu strategy %d: %s",
                      (unsigned long long)seed, i, rmg_conflict_word(one.conflicts[0].kind));
        ck_assert_int_eq(one.settled > 0, conflicts);
        (void)result_of(&base, &one.patch);
        options.strategy = i == 0 ? RMG_SIDE_THEIRS : RMG_SIDE_OURS;
        merge_with(&options, &base, &theirs, &ours, &other);
        ck_assert(same_bytes(&one.patch, &other.patch));
        rmg_merge_result_release(&one);
        rmg_merge_result_release(&other);
    }
}

/* Choices for all that is listed, until nothing is. */
static void check_choices(void)
{
    static struct rmg_choice list[4096];
    struct rmg_merge_options options = plain();
    struct rmg_merge_result result[32];
    unsigned rounds = 0;
    options.choices = list;
    bool progress = true;
    for (; rounds < 32 && progress; rounds++) {
        merge_with(&options, &base, &ours, &theirs, &result[rounds]);
        progress = false;
        for (size_t i = 0; i < result[rounds].conflict_count; i++) {
            const struct rmg_place *place = &result[rounds].conflicts[i].place;
            bool there = false;
            for (size_t k = 0; k < options.choice_count; k++) {
                there = there || rmg_place_compare(&list[k].place, place) == 0;
            }
            if (!there && options.choice_count < 4096) {
                list[options.choice_count++] = (struct rmg_choice){
                    *place, (enum rmg_side)jit_random_below(&choices, RMG_SIDES)};
                progress = true;
            }
        }
    }
    const struct rmg_merge_result *last = &result[rounds - 1];
    ck_assert(!progress);
    if (last->conflict_count == 0) {
        (void)result_of(&base, &last->patch);
    } else {
        ck_assert_uint_eq(last->patch.size, 0); /* the choices contradict each other */
    }
    while (rounds > 0) {
        rmg_merge_result_release(&result[--rounds]);
    }
}

/* ---- against the naive merge ---- */

struct dump {
    struct rmg_place place;
    union rmg_content content;
};

struct dumps {
    struct dump *list;
    size_t count;
};

static bool dump_visit(void *user, const struct rmg_difference *diff)
{
    struct dumps *d = user;
    d->list = realloc(d->list, (d->count + 1) * sizeof *d->list);
    d->list[d->count++] = (struct dump){diff->place, *diff->after};
    return true;
}

static struct dumps dump(const struct kit *kit)
{
    struct kit none;
    struct dumps d = {NULL, 0};
    kit_open(&none, &heap.heap, 4096);
    struct rmg_state nothing = kit_state(&none);
    struct rmg_state state = kit_state(kit);
    must(rmg_diff(&nothing, &state, dump_visit, &d, NULL));
    kit_close(&none, &heap.heap);
    return d;
}

static const union rmg_content *in(const struct dumps *d, const struct rmg_place *place)
{
    for (size_t i = 0; i < d->count; i++) {
        if (rmg_place_compare(&d->list[i].place, place) == 0) {
            return &d->list[i].content;
        }
    }
    return NULL;
}

static enum jit_err naive_put(struct naive_state *state, const struct dump *d)
{
    const struct rmg_place *p = &d->place;
    struct rmg_attachment a = {p->name, p->name_size, d->content.value};
    switch (p->part) {
    case RMG_PART_INSTANCE:
        return naive_upsert_instance(state, &p->instance, &d->content.instance.root_node,
                                     &d->content.instance.parent);
    case RMG_PART_NODE:
        return naive_upsert_node(state, &p->instance, &p->id, &d->content.node);
    case RMG_PART_EDGE:
        return naive_upsert_edge(state, &p->instance, &d->content.edge);
    default:
        return naive_set_attachment(state, &p->instance,
                                    p->part == RMG_PART_ALPHA ? RMG_PLANE_ALPHA : RMG_PLANE_BETA,
                                    &p->id, &a);
    }
}

static bool naive_type(const struct dumps *d, const struct rmg_place *value, struct jit_id *out)
{
    struct rmg_place owner = *value;
    owner.part = value->part == RMG_PART_ALPHA ? RMG_PART_NODE : RMG_PART_EDGE;
    const union rmg_content *content = in(d, &owner);
    if (content != NULL) {
        *out = owner.part == RMG_PART_NODE ? content->node : content->edge.type;
    }
    return content != NULL;
}

/* One place: *keep says whether it is in the result. False: a conflict. */
static bool naive_place(const struct dumps d[3], const struct rmg_place *place,
                        struct rmg_scratch *scratch, struct dump *out, bool *keep)
{
    const union rmg_content *x = in(&d[0], place);
    const union rmg_content *y = in(&d[1], place);
    const union rmg_content *z = in(&d[2], place);
    const union rmg_content *taken = y;
    out->place = *place;
    if (rmg_content_equal(place->part, x, y)) {
        taken = z;
    } else if (!rmg_content_equal(place->part, x, z) && !rmg_content_equal(place->part, y, z)) {
        struct jit_id type[2];
        if (place->part < RMG_PART_ALPHA || y == NULL || z == NULL ||
            !naive_type(&d[1], place, &type[0]) || !naive_type(&d[2], place, &type[1]) ||
            !jit_id_equal(&type[0], &type[1])) {
            return false;
        }
        enum rmg_join join = kit_join_of(NULL, &type[0], place->name, place->name_size);
        if (rmg_join_values(join, x == NULL ? NULL : &x->value, &y->value, &z->value, scratch,
                            &out->content.value) != JIT_OK) {
            return false;
        }
        *keep = true;
        return true;
    }
    *keep = taken != NULL;
    if (taken != NULL) {
        out->content = *taken;
    }
    return true;
}

/* Whether there is a merge, and its root: place by place, and then all the rules. */
static bool naive_merge(struct jit_id *root)
{
    struct dumps d[3] = {dump(&base), dump(&ours), dump(&theirs)};
    struct naive_state state = {0};
    struct rmg_scratch scratch;
    bool good = true;
    rmg_scratch_init(&scratch, &heap.heap);
    for (int part = RMG_PART_INSTANCE; part < RMG_PARTS; part++) {
        for (int side = 0; side < 3; side++) {
            for (size_t i = 0; good && i < d[side].count; i++) {
                struct dump now;
                bool keep = false;
                if ((int)d[side].list[i].place.part != part) {
                    continue;
                }
                good = naive_place(d, &d[side].list[i].place, &scratch, &now, &keep) &&
                       (!keep || naive_put(&state, &now) == JIT_OK);
            }
        }
    }
    good = good && naive_valid(&state);
    if (good) {
        naive_state_root(&state, root);
    }
    naive_release(&state);
    rmg_scratch_release(&scratch);
    for (int side = 0; side < 3; side++) {
        free(d[side].list);
    }
    return good;
}

START_TEST(every_law)
{
    for (uint64_t i = 0; i < EACH; i++) {
        struct rmg_merge_options options = plain();
        struct rmg_merge_result result;
        struct jit_id expected;
        begin((uint64_t)_i * EACH + i + 1);
        merge_with(&options, &base, &ours, &theirs, &result);
        bool good = naive_merge(&expected);
        ck_assert_msg(good == (result.conflict_count == 0), "seed %llu: naive %d, %s",
                      (unsigned long long)seed, good,
                      good ? rmg_conflict_word(result.conflicts[0].kind) : "no conflict");
        check_mirror(&result);
        check_units();
        if (good) {
            struct jit_id root = result_of(&base, &result.patch);
            ck_assert_msg(jit_id_equal(&root, &expected), "seed %llu", (unsigned long long)seed);
            check_orders(&result, &root);
        } else {
            ck_assert_uint_eq(result.patch.size, 0);
        }
        check_strategies(!good);
        check_choices();
        rmg_merge_result_release(&result);
        end();
    }
}
END_TEST

/* Those histories collide in eleven ways. A sum that overflows, an owner with too many values,
 * nesting too deep and two tops do not come about by chance, portals that do not fit by choices
 * only: test_merge.c has them. */
START_TEST(every_kind_of_conflict)
{
    unsigned seen[RMG_CONFLICT_LIMIT + 1] = {0};
    for (uint64_t i = 1; i <= SEEDS * EACH; i++) {
        struct rmg_merge_options options = plain();
        struct rmg_merge_result result;
        begin(i);
        merge_with(&options, &base, &ours, &theirs, &result);
        for (size_t k = 0; k < result.conflict_count; k++) {
            seen[result.conflicts[k].kind]++;
        }
        seen[0] += result.conflict_count == 0;
        rmg_merge_result_release(&result);
        end();
    }
    ck_assert_uint_gt(seen[0], 100); /* and many do not */
    for (unsigned kind = RMG_CONFLICT_VALUE; kind <= RMG_CONFLICT_LIMIT; kind++) {
        bool rare = kind == RMG_CONFLICT_OVERFLOW || kind == RMG_CONFLICT_PORTAL ||
                    kind == RMG_CONFLICT_DEPTH || kind == RMG_CONFLICT_TOP ||
                    kind == RMG_CONFLICT_LIMIT;
        ck_assert_msg(rare || seen[kind] > 0, "%s: %u times",
                      rmg_conflict_word((enum rmg_conflict_kind)kind), seen[kind]);
    }
}
END_TEST

/* ---- growth ---- */

#define CHANGES 10u

static void set_far(struct kit *kit, uint64_t size, uint64_t first, int64_t v)
{
    struct rmg_tx *tx = NULL;
    struct jit_id in = kit_instance(0);
    uint8_t bytes[8];
    struct rmg_attachment at = {"v", 1, {RMG_VALUE_ATOM, *rmg_codec_type(RMG_CODEC_I64), bytes, 8}};
    must(rmg_tx_begin(kit->store, &kit->version, &tx));
    for (uint64_t i = 0; i < CHANGES; i++) {
        uint64_t number = (first + i * 7919) % size;
        struct jit_id id;
        jit_hash_named("far:", &number, sizeof number, &id);
        jit_put_le64(bytes, (uint64_t)v);
        must(rmg_tx_set_attachment(tx, &in, RMG_PLANE_ALPHA, &id, &at));
    }
    must(rmg_tx_seal(tx, &kit->version));
}

static void load(struct kit *kit, uint64_t size)
{
    struct rmg_tx *tx = NULL;
    struct rmg_bulk bulk = {.nodes = calloc(size, sizeof *bulk.nodes),
                            .node_count = size,
                            .attachments = calloc(size, sizeof *bulk.attachments),
                            .attachment_count = size};
    static const uint8_t zero[8];
    struct jit_id in = kit_instance(0);
    for (uint64_t i = 0; i < size; i++) {
        jit_hash_named("far:", &i, sizeof i, &bulk.nodes[i].id);
        bulk.nodes[i].type = kit_type(0);
        bulk.attachments[i] = (struct rmg_bulk_attachment){
            bulk.nodes[i].id,
            RMG_PLANE_ALPHA,
            {"v", 1, {RMG_VALUE_ATOM, *rmg_codec_type(RMG_CODEC_I64), zero, 8}}};
    }
    struct jit_id root = bulk.nodes[0].id;
    kit_open(kit, &heap.heap, 192u << 20);
    must(rmg_tx_begin(kit->store, &kit->version, &tx));
    must(rmg_tx_upsert_instance(tx, &in, &root, NULL));
    must(rmg_tx_load(tx, &in, &bulk));
    must(rmg_tx_seal(tx, &kit->version));
    free(bulk.nodes);
    free(bulk.attachments);
}

/* In one store: ours is the base and ten changes, theirs those undone and ten others. */
START_TEST(costs_the_differences)
{
    static const uint64_t sizes[] = {1000, 100000};
    struct kit kit;
    struct rmg_merge_result result;
    struct rmg_merge_options options = plain();
    load(&kit, sizes[_i]);
    struct rmg_state a = kit_state(&kit);
    must(rmg_store_pin(kit.store, &a.version));
    set_far(&kit, sizes[_i], 3, 1);
    struct rmg_state b = kit_state(&kit);
    must(rmg_store_pin(kit.store, &b.version));
    set_far(&kit, sizes[_i], 3, 0);
    set_far(&kit, sizes[_i], 500, 2);
    struct rmg_state c = kit_state(&kit);
    must(rmg_merge(&options, &a, &b, &c, &result));
    ck_assert_uint_eq(result.operations, 2 * CHANGES);
    uint64_t levels = 1;
    for (uint64_t n = 1; n < sizes[_i]; n *= 16) {
        levels++;
    }
    /* on the way to each change a node of either side a level */
    ck_assert_uint_le(result.cost.trie_nodes, 2 * CHANGES * 2 * (levels + 1) + 8);
    ck_assert_uint_le(result.cost.slots, 2 * CHANGES * 4 + 8);
    rmg_store_unpin(kit.store, &a.version);
    rmg_store_unpin(kit.store, &b.version);
    rmg_merge_result_release(&result);
    kit_close(&kit, &heap.heap);
}
END_TEST

START_TEST(costs_the_differences_across_stores)
{
    static const uint64_t sizes[] = {1000, 30000};
    struct kit kit[3];
    struct rmg_merge_result result;
    struct rmg_merge_options options = plain();
    struct rmg_state state[3];
    for (int i = 0; i < 3; i++) {
        load(&kit[i], sizes[_i]);
        if (i > 0) {
            set_far(&kit[i], sizes[_i], i == 1 ? 3 : 500, i);
        }
        state[i] = kit_state(&kit[i]);
    }
    must(rmg_merge(&options, &state[0], &state[1], &state[2], &result));
    ck_assert_uint_eq(result.operations, 2 * CHANGES);
    ck_assert_uint_le(result.cost.trie_nodes, 2 * CHANGES * 2 * 7 + 8);
    ck_assert_uint_le(result.cost.slots, 2 * CHANGES * 4 + 8);
    rmg_merge_result_release(&result);
    for (int i = 0; i < 3; i++) {
        kit_close(&kit[i], &heap.heap);
    }
}
END_TEST

static void setup(void)
{
    heap = fault_heap_make(-1, false);
}

static void suite(Suite *s)
{
    TCase *t = test_case(s, "laws", 120);
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_loop_test(t, every_law, 0, SEEDS);
    tcase_add_test(t, every_kind_of_conflict);
    tcase_add_loop_test(t, costs_the_differences, 0, 2);
    tcase_add_loop_test(t, costs_the_differences_across_stores, 0, 2);
}

TEST_MAIN("merge_laws", suite)
