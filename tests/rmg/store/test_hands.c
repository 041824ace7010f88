/* Goal:   attachments that are set by hands beside each other, and maps hashed in parts, give the
 *         version that one after the other gives; hands without memory, without a subtree, or faced
 *         with a portal leave the work to the transaction; refused memory and abort leave no trace.
 * Method: two stores, one written by hands in any order and one without; random sets of owners and
 *         values; the n-th allocation refused for every n. */
#include "base/random.h"
#include "rmg/store/tx_hands.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/must.h"
#include "tests/lib/tcase.h"
#include "tests/lib/world.h"

#define OWNERS 1500u
#define SETS   1200u

/* Tasks from the last to the first. */
static void backwards(struct jit_exec *exec, size_t count, void (*task)(void *, size_t), void *user)
{
    (void)exec;
    for (size_t i = count; i > 0; i--) {
        task(user, i - 1);
    }
}
static struct jit_exec side_by_side = {.run = backwards, .threads = 3};

struct bed {
    struct fault_heap heap;
    struct rmg_arena *arena;
    struct rmg_store *store;
    struct rmg_version version;
    struct jit_id top;
    struct jit_id type;
    enum world_ids kind;
};

static struct jit_id owner_of(const struct bed *bed, uint64_t i)
{
    return world_id(bed->kind, 9, i);
}

/* OWNERS nodes, an atom on every second one. */
static void bed_begin(struct bed *bed, enum world_ids kind, uint64_t arena_bytes)
{
    static const uint8_t bytes[16];
    *bed = (struct bed){.heap = fault_heap_make(-1, false), .kind = kind};
    must(rmg_arena_new(jit_heap_libc(), arena_bytes, &bed->arena));
    struct rmg_store_options options = {.arenas = {bed->arena}, .arena_count = 1};
    must(rmg_store_new(&bed->heap.heap, &options, &bed->store));
    bed->version = rmg_version_empty();
    bed->top = world_id(WORLD_RANDOM, 1, 1);
    bed->type = world_id(WORLD_RANDOM, 1, 2);
    struct jit_id root = owner_of(bed, 0);
    struct rmg_tx *tx = NULL;
    must(rmg_tx_begin(bed->store, &bed->version, &tx));
    must(rmg_tx_upsert_instance(tx, &bed->top, &root, NULL));
    for (uint64_t i = 0; i < OWNERS; i++) {
        struct jit_id id = owner_of(bed, i);
        struct rmg_attachment a = {"old", 3, {RMG_VALUE_ATOM, bed->type, bytes, 16}};
        must(rmg_tx_upsert_node(tx, &bed->top, &id, &bed->type));
        if (i % 2 == 0) {
            must(rmg_tx_set_attachment(tx, &bed->top, RMG_PLANE_ALPHA, &id, &a));
        }
    }
    must(rmg_tx_seal(tx, &bed->version));
}

static void bed_end(struct bed *bed)
{
    rmg_store_free(bed->store);
    rmg_arena_free(jit_heap_libc(), bed->arena);
    ck_assert_int_eq(bed->heap.live, 0);
}

/* ---- what is set ---- */

struct sets {
    struct jit_id owner[SETS];
    struct rmg_attachment attachment[SETS];
    uint8_t bytes[SETS][400];
    uint32_t count;
    uint32_t left; /* by the hands to the transaction */
};

static void choose(const struct bed *bed, struct jit_random *random, struct sets *sets)
{
    static const char *const names[] = {"a", "old", "z"};
    sets->count = SETS;
    for (uint32_t i = 0; i < SETS; i++) {
        const char *name = names[jit_random_below(random, 3)];
        uint32_t size = (uint32_t)jit_random_below(random, i % 7 == 0 ? 400 : 24);
        memset(sets->bytes[i], (int)jit_random_below(random, 256), sizeof sets->bytes[i]);
        sets->owner[i] = owner_of(bed, jit_random_below(random, OWNERS));
        sets->attachment[i] = (struct rmg_attachment){
            name, (uint32_t)strlen(name), {RMG_VALUE_ATOM, bed->type, sets->bytes[i], size}};
    }
}

struct tasks {
    struct sets *sets;
    struct rmg_hands *hands;
    enum jit_err err[RMG_HANDS];
    bool left[SETS];
};

static void hand_task(void *user, size_t hand)
{
    struct tasks *tasks = user;
    for (uint32_t i = 0; i < tasks->sets->count && tasks->err[hand] == JIT_OK; i++) {
        const struct jit_id *owner = &tasks->sets->owner[i];
        if (owner->bytes[0] / RMG_HAND_BYTES != hand) {
            continue;
        }
        enum jit_err err = rmg_hands_set(tasks->hands, owner, &tasks->sets->attachment[i]);
        tasks->left[i] = err == JIT_ENOSPC;
        tasks->err[hand] = err == JIT_ENOSPC ? JIT_OK : err;
    }
}

static enum jit_err set_by_hands(struct bed *bed, struct rmg_tx *tx, struct sets *sets)
{
    static struct tasks tasks;
    uint32_t counts[256] = {0};
    tasks = (struct tasks){.sets = sets};
    sets->left = 0;
    for (uint32_t i = 0; i < sets->count; i++) {
        counts[sets->owner[i].bytes[0]]++;
    }
    enum jit_err err = rmg_hands_open(tx, &bed->top, RMG_PLANE_ALPHA, counts, &tasks.hands);
    if (err != JIT_OK) {
        return err;
    }
    ck_assert_ptr_nonnull(tasks.hands);
    side_by_side.run(&side_by_side, RMG_HANDS, hand_task, &tasks);
    rmg_hands_close(tasks.hands);
    for (uint32_t h = 0; h < RMG_HANDS && err == JIT_OK; h++) {
        err = tasks.err[h];
    }
    for (uint32_t i = 0; i < sets->count && err == JIT_OK; i++) {
        if (tasks.left[i]) {
            sets->left++;
            err = rmg_tx_set_attachment(tx, &bed->top, RMG_PLANE_ALPHA, &sets->owner[i],
                                        &sets->attachment[i]);
        }
    }
    return err;
}

static void set_one_by_one(struct bed *bed, struct rmg_tx *tx, const struct sets *sets)
{
    for (uint32_t i = 0; i < sets->count; i++) {
        must(rmg_tx_set_attachment(tx, &bed->top, RMG_PLANE_ALPHA, &sets->owner[i],
                                   &sets->attachment[i]));
    }
}

static void one_round(struct bed *bed, struct bed *plain, struct sets *sets, uint64_t reserved)
{
    struct rmg_tx *tx = NULL;
    struct rmg_fault fault;
    must(rmg_tx_begin(plain->store, &plain->version, &tx));
    set_one_by_one(plain, tx, sets);
    must(rmg_tx_seal(tx, &plain->version));
    must(rmg_tx_begin(bed->store, &bed->version, &tx));
    rmg_tx_exec(tx, &side_by_side);
    must(rmg_tx_reserve(tx, reserved, 0));
    must(set_by_hands(bed, tx, sets));
    must(rmg_tx_seal(tx, &bed->version));
    ck_assert(jit_id_equal(&bed->version.state_root, &plain->version.state_root));
    must(rmg_store_verify(bed->store, &bed->version, &fault));
    ck_assert_uint_eq(bed->arena->live, plain->arena->live);
}

static struct sets sets;

START_TEST(as_one_by_one) /* _i: seed */
{
    struct bed bed;
    struct bed plain;
    struct jit_random random = jit_random_of((uint64_t)_i);
    bed_begin(&bed, WORLD_RANDOM, 64u << 20);
    bed_begin(&plain, WORLD_RANDOM, 64u << 20);
    for (int round = 0; round < 12; round++) {
        struct rmg_version pinned = bed.version;
        choose(&bed, &random, &sets);
        must(rmg_store_pin(bed.store, &pinned));
        must(rmg_store_pin(plain.store, &pinned));
        /* Without room to spare the hands have what was given back to them, at first nothing. */
        bool spare = round > 0 && round != 3;
        one_round(&bed, &plain, &sets, spare ? SETS : 0);
        ck_assert_msg(spare ? sets.left < SETS / 20 : round == 3 || sets.left > SETS / 2,
                      "seed %d, round %d: %u left", _i, round, sets.left);
        rmg_store_unpin(bed.store, &pinned);
        rmg_store_unpin(plain.store, &pinned);
    }
    /* Hands live on what they give back: twelve rounds take what a few did. */
    ck_assert_uint_lt(bed.arena->used, plain.arena->used + 4 * SETS * 1280);
    bed_end(&bed);
    bed_end(&plain);
}
END_TEST

/* Ids that begin alike: no hand has a subtree of its own. */
START_TEST(ids_that_begin_alike)
{
    struct bed bed;
    struct bed plain;
    struct jit_random random = jit_random_of(3);
    bed_begin(&bed, WORLD_PREFIX, 64u << 20);
    bed_begin(&plain, WORLD_PREFIX, 64u << 20);
    for (int round = 0; round < 3; round++) {
        choose(&bed, &random, &sets);
        one_round(&bed, &plain, &sets, SETS);
    }
    bed_end(&bed);
    bed_end(&plain);
}
END_TEST

START_TEST(not_for_hands)
{
    struct bed bed;
    struct rmg_tx *tx = NULL;
    struct rmg_hands *hands = NULL;
    uint32_t counts[256] = {0};
    struct jit_id owner;
    struct jit_id nobody = world_id(WORLD_RANDOM, 77, 77);
    static const uint8_t bytes[1];
    struct rmg_attachment atom = {"x", 1, {RMG_VALUE_ATOM, {{1}}, bytes, 1}};
    bed_begin(&bed, WORLD_RANDOM, 64u << 20);
    owner = owner_of(&bed, 4);
    struct rmg_attachment portal = {"x", 1, {RMG_VALUE_PORTAL, bed.top, NULL, 0}};
    struct rmg_attachment bad = {"x", 1, {RMG_VALUE_ATOM, {{0}}, bytes, 1}};
    must(rmg_tx_begin(bed.store, &bed.version, &tx));
    counts[owner.bytes[0]] = 500;
    must(rmg_hands_open(tx, &bed.top, RMG_PLANE_ALPHA, counts, &hands));
    ck_assert_ptr_null(hands); /* one thread */
    rmg_tx_exec(tx, &side_by_side);
    counts[owner.bytes[0]] = 3;
    must(rmg_hands_open(tx, &bed.top, RMG_PLANE_ALPHA, counts, &hands));
    ck_assert_ptr_null(hands); /* too few */
    counts[owner.bytes[0]] = 500;
    counts[nobody.bytes[0]] = 500;
    ck_assert_int_eq(rmg_hands_open(tx, &nobody, RMG_PLANE_ALPHA, counts, &hands), JIT_ENOENT);
    must(rmg_tx_reserve(tx, 2000, 0));
    must(rmg_hands_open(tx, &bed.top, RMG_PLANE_ALPHA, counts, &hands));
    ck_assert_int_eq(rmg_hands_set(hands, &owner, &portal), JIT_ENOSPC);
    ck_assert_int_eq(rmg_hands_set(hands, &owner, &bad), JIT_EINVALID);
    ck_assert_int_eq(rmg_hands_set(hands, &nobody, &atom), JIT_ENOENT);
    must(rmg_hands_set(hands, &owner, &atom));
    rmg_hands_close(hands);
    must(rmg_tx_seal(tx, &bed.version));
    bed_end(&bed);
}
END_TEST

START_TEST(refused_memory)
{
    bool done = false;
    for (int64_t n = 0; !done; n++) {
        struct bed bed;
        struct jit_random random = jit_random_of(11);
        struct rmg_tx *tx = NULL;
        bed_begin(&bed, WORLD_RANDOM, 64u << 20);
        choose(&bed, &random, &sets);
        struct rmg_version before = bed.version;
        uint64_t live = bed.arena->live;
        bed.heap.calls = 0;
        bed.heap.refuse_at = n;
        must(rmg_tx_begin(bed.store, &bed.version, &tx));
        rmg_tx_exec(tx, &side_by_side);
        must(rmg_tx_reserve(tx, SETS, 0));
        enum jit_err err = set_by_hands(&bed, tx, &sets);
        if (err != JIT_OK) {
            ck_assert_int_eq(err, JIT_ENOMEM);
            rmg_tx_abort(tx);
            ck_assert_uint_eq(bed.arena->live, live);
        } else {
            must(rmg_tx_seal(tx, &bed.version)); /* hashing alone does without its crew */
        }
        done = !fault_heap_fired(&bed.heap);
        bed.heap.refuse_at = -1;
        struct rmg_fault fault;
        must(rmg_store_verify(bed.store, &before, &fault));
        if (err != JIT_OK) { /* nothing is in the way of another try */
            must(rmg_tx_begin(bed.store, &before, &tx));
            rmg_tx_exec(tx, &side_by_side);
            must(rmg_tx_reserve(tx, SETS, 0));
            must(set_by_hands(&bed, tx, &sets));
            must(rmg_tx_seal(tx, &bed.version));
        }
        must(rmg_store_verify(bed.store, &bed.version, &fault));
        bed_end(&bed);
        ck_assert_int_lt(n, 1000);
    }
}
END_TEST

START_TEST(abort_leaves_no_trace)
{
    struct bed bed;
    struct jit_random random = jit_random_of(5);
    struct rmg_tx *tx = NULL;
    struct rmg_fault fault;
    bed_begin(&bed, WORLD_RANDOM, 64u << 20);
    uint64_t live = bed.arena->live;
    for (int round = 0; round < 3; round++) {
        choose(&bed, &random, &sets);
        must(rmg_tx_begin(bed.store, &bed.version, &tx));
        rmg_tx_exec(tx, &side_by_side);
        must(rmg_tx_reserve(tx, SETS, 0));
        must(set_by_hands(&bed, tx, &sets));
        rmg_tx_abort(tx);
        ck_assert_uint_eq(bed.arena->live, live);
        must(rmg_store_verify(bed.store, &bed.version, &fault));
    }
    bed_end(&bed);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "hands", 60);
    tcase_add_loop_test(t, as_one_by_one, 0, 4);
    tcase_add_test(t, ids_that_begin_alike);
    tcase_add_test(t, not_for_hands);
    tcase_add_test(t, refused_memory);
    tcase_add_test(t, abort_leaves_no_trace);
}

TEST_MAIN("hands", suite)
