/* Goal:   a large state that two threads read from its image is the state that was kept; a byte of
 *         the image that is wrong, wherever it lies in the pieces that they hand to one another,
 *         and nothing of the image is used.
 * Method: a state of 12 MB, of which the image is read in several pieces, on the simulated disk;
 *         the tasks of the seam in their order, in the other order, and by shell_load's threads;
 *         with the state's own file gone, bytes flipped at the begin, at the end, and around the
 *         borders of pieces. */
#include "kernel/checkpoint/checkpoint_image.h"
#include "kernel/load.h"
#include "kernel/log/blob.h"
#include "tests/kernel/checkpoint/checkpoint_world.h"

#define NODES      3000u
#define ATOM_BYTES 4000u
#define ARENA      (64u << 20)
#define PIECE      (4u << 20) /* of reading */

struct large {
    struct rmg_arena *arena;
    struct rmg_store *store;
    struct rmg_version version;
    struct sim_disk *disk;
    uint8_t seed[JIT_SIGN_SEED_BYTES];
    struct ckpt_job job;
    char image[BLOB_NAME_BYTES]; /* the file of its blocks */
    uint64_t image_size;
};

static struct large large;

static void store_begin(struct rmg_arena **arena, struct rmg_store **store)
{
    must(rmg_arena_new(jit_heap_libc(), ARENA, arena));
    struct rmg_store_options options = {.arenas = {*arena}, .arena_count = 1};
    must(rmg_store_new(jit_heap_libc(), &options, store));
}

static void fill(struct rmg_tx *tx)
{
    static uint8_t bytes[ATOM_BYTES];
    const struct jit_id instance = world_id("warp:", 0);
    const struct jit_id type = world_id("type:", 0);
    const struct jit_id root = world_id("node:", 0);
    must(rmg_tx_upsert_instance(tx, &instance, &root, NULL));
    for (unsigned i = 0; i < NODES; i++) {
        struct jit_id id = world_id("node:", i);
        struct rmg_attachment value = {
            .name = "v",
            .name_size = 1,
            .value = {.kind = RMG_VALUE_ATOM, .type = type, .bytes = bytes, .size = ATOM_BYTES}};
        memset(bytes, (int)(i % 251), sizeof bytes);
        must(rmg_tx_upsert_node(tx, &instance, &id, &type));
        must(rmg_tx_set_attachment(tx, &instance, RMG_PLANE_ALPHA, &id, &value));
        if (i > 0) {
            struct rmg_edge edge = {
                .id = world_id("edge:", i), .from = id, .to = root, .type = type};
            must(rmg_tx_upsert_edge(tx, &instance, &edge));
        }
    }
}

static void setup(void)
{
    struct rmg_tx *tx = NULL;
    struct jit_id blocks;
    struct rmg_version empty = rmg_version_empty();
    store_begin(&large.arena, &large.store);
    must(rmg_tx_begin(large.store, &empty, &tx));
    fill(tx);
    must(rmg_tx_seal(tx, &large.version));
    must(rmg_store_pin(large.store, &large.version));
    large.disk = sim_disk_new(1);
    must(ckpt_key(&large.disk->io, true, large.seed));
    large.job = (struct ckpt_job){.heap = jit_heap_libc(),
                                  .io = &large.disk->io,
                                  .seed = large.seed,
                                  .state = {.store = large.store, .version = large.version},
                                  .manifest = {.policy = RMG_POLICY,
                                               .uuid = {9},
                                               .mark = {.segment = 1, .offset = LOG_BLOCK_BYTES}}};
    must(ckpt_write(&large.job));
    must(ckpt_image_blob(&large.disk->io, &large.job.manifest.segments[0].id, &blocks,
                         &large.image_size));
    ck_assert_uint_gt(large.image_size, 2 * PIECE);
    blob_name_in(CKPT_DIR, &blocks, large.image);
}

static void teardown(void)
{
    sim_disk_free(large.disk);
    rmg_store_free(large.store);
    rmg_arena_free(jit_heap_libc(), large.arena);
}

/* ---- ways to read ---- */

static void run_backwards(struct jit_exec *exec, size_t count, void (*task)(void *, size_t),
                          void *user)
{
    (void)exec;
    while (count-- > 0) {
        task(user, count);
    }
}

static struct jit_exec backwards = {.run = run_backwards, .threads = 1};

enum way { IN_ORDER, BACKWARDS, BY_THREADS, WAYS };

static enum jit_err load(enum way way)
{
    struct rmg_arena *arena = NULL;
    struct rmg_store *store = NULL;
    struct rmg_version version = rmg_version_empty();
    struct rmg_fault fault;
    const char *why = "";
    store_begin(&arena, &store);
    struct jit_io *io = &large.disk->io;
    const struct ckpt_manifest *m = &large.job.manifest;
    enum jit_err err =
        way == BY_THREADS
            ? shell_load(jit_heap_libc(), io, m, store, &version, &why)
            : ckpt_load_by(jit_heap_libc(), io, way == BACKWARDS ? &backwards : jit_exec_inline(),
                           m, store, &version, &why);
    if (err == JIT_OK) {
        ck_assert(jit_id_equal(&version.state_root, &large.version.state_root));
        must(rmg_store_verify(store, &version, &fault));
    }
    rmg_store_free(store);
    rmg_arena_free(jit_heap_libc(), arena);
    return err;
}

static void without_the_state(void)
{
    char state[BLOB_NAME_BYTES];
    blob_name_in(CKPT_DIR, &large.job.manifest.segments[0].id, state);
    sim_disk_remove(large.disk, state);
}

START_TEST(any_order)
{
    without_the_state(); /* so it is the image that is read */
    for (enum way way = 0; way < WAYS; way++) {
        must(load(way));
    }
}
END_TEST

START_TEST(flipped)
{
    const uint64_t end = large.image_size;
    const uint64_t places[] = {0,         8,         PIECE - 1, PIECE,         PIECE + 1,
                               2 * PIECE, PIECE / 2, end / 2,   2 * PIECE - 1, end - 1};
    without_the_state();
    for (unsigned i = 0; i < 3 * sizeof places / sizeof places[0]; i++) {
        uint64_t size = 0;
        uint64_t at = places[i / 3];
        const uint8_t *bytes = sim_disk_bytes(large.disk, large.image, &size);
        ck_assert_uint_eq(size, end);
        uint8_t was = bytes[at];
        uint8_t is = was ^ (uint8_t)(1u << i % 8);
        sim_disk_damage(large.disk, large.image, at, &is, 1);
        ck_assert_int_eq(load((enum way)(i % WAYS)), JIT_ECORRUPT);
        sim_disk_damage(large.disk, large.image, at, &was, 1);
    }
    must(load(BY_THREADS));
}
END_TEST

/* With the state there, a damaged image is passed over. */
START_TEST(the_state_is_enough)
{
    uint64_t size = 0;
    uint8_t is = (uint8_t)(sim_disk_bytes(large.disk, large.image, &size)[PIECE] ^ 1u);
    sim_disk_damage(large.disk, large.image, PIECE, &is, 1);
    for (enum way way = 0; way < WAYS; way++) {
        must(load(way));
    }
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "load", 120);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, any_order);
    tcase_add_test(t, flipped);
    tcase_add_test(t, the_state_is_enough);
}

TEST_MAIN("load", suite)
