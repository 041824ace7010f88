/* Goal:   a patch is performed on its base and nowhere else, whole or not at all; a genesis fed in
 *         pieces of any size gives the same state, and its digest is that of its bytes.
 * Method: the patch of a real tick and a genesis written by hand; then what is wrong with them:
 *         base, prior, order, truncation, flips, refused memory. */
#include "base/hash.h"
#include "rmg/change/collect.h"
#include "tests/lib/bed.h"
#include "tests/lib/must.h"
#include "tests/lib/tcase.h"

/* ---- the patch of a tick ---- */

static struct bed bed;   /* where the tick ran */
static struct bed other; /* the same base, where it is performed */
static struct bed_batch batch;
static struct rmg_tick_output output;

static void setup_tick(void)
{
    bed_begin(&bed, 12, 12, 3, false);
    bed_begin(&other, 12, 12, 3, false);
    memset(&batch, 0, sizeof batch);
    for (size_t i = 0; i < 12; i++) {
        bed_request(&bed, &batch, (enum sample_rule)(i % SAMPLE_RULES), i);
    }
    struct rmg_tick_input input = bed_input(&bed, &batch);
    must(rmg_engine_tick(bed.engine, &input, &output));
    ck_assert_uint_gt(output.applied, 3);
}

static void teardown_tick(void)
{
    bed_end(&bed);
    bed_end(&other);
    ck_assert_int_eq(other.mem.live, 0);
}

/* On error the other store is as it was. */
static enum jit_err perform(const uint8_t *bytes, size_t size)
{
    struct rmg_tx *tx = NULL;
    struct rmg_version version;
    uint64_t live = other.arena->live;
    must(rmg_tx_begin(other.store, &other.version, &tx));
    enum jit_err err = rmg_patch_apply(&other.mem.heap, tx, &other.version, bytes, size);
    if (err != JIT_OK) {
        rmg_tx_abort(tx);
    } else {
        err = rmg_tx_seal(tx, &version);
    }
    if (err != JIT_OK) {
        ck_assert_uint_eq(other.arena->live, live);
        return err;
    }
    other.version = version;
    return JIT_OK;
}

START_TEST(the_patch_of_a_tick)
{
    struct jit_id base = other.version.state_root;
    must(perform(output.patch, output.patch_size));
    ck_assert(jit_id_equal(&other.version.state_root, &output.version.state_root));
    ck_assert(!jit_id_equal(&base, &other.version.state_root));
    ck_assert_int_eq(perform(output.patch, output.patch_size), JIT_EBASE); /* once */
}
END_TEST

/* Whatever a flip makes of a patch: refused, or a valid state that replaces exactly what it says.
 * Never the root of the tick. Flips in slots and origins change no state, only the digest. */
START_TEST(every_flip)
{
    static uint8_t bytes[1 << 16];
    struct jit_id digest;
    ck_assert_uint_lt(output.patch_size, sizeof bytes);
    memcpy(bytes, output.patch, output.patch_size);
    size_t refused = 0;
    for (size_t bit = 0; bit < output.patch_size * 8; bit += 61) {
        bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        rmg_patch_digest(bytes, output.patch_size, &digest);
        ck_assert(!jit_id_equal(&digest, &output.patch_digest));
        if (perform(bytes, output.patch_size) != JIT_OK) {
            refused++;
        } else {
            struct rmg_fault fault;
            must(rmg_store_verify(other.store, &other.version, &fault));
            bed_end(&other);
            bed_begin(&other, 12, 12, 3, false);
        }
        bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    ck_assert_uint_gt(refused, 20);
    must(perform(bytes, output.patch_size));
}
END_TEST

START_TEST(every_truncation)
{
    for (size_t keep = 0; keep < output.patch_size; keep += 3) {
        ck_assert_int_eq(perform(output.patch, keep), JIT_EFORMAT);
    }
}
END_TEST

/* ---- genesis ---- */

#define NODES 300u

static struct jit_buf genesis;
static struct fault_heap mem;
static struct rmg_arena *arena;
static struct rmg_store *store;

static enum jit_err keep_piece(void *user, const uint8_t *bytes, size_t size)
{
    (void)user;
    jit_buf_put(&genesis, bytes, size);
    return genesis.err;
}

static struct jit_id numbered(const char *prefix, uint64_t number)
{
    struct jit_id id;
    jit_hash_named(prefix, &number, sizeof number, &id);
    return id;
}

static void store_begin(void)
{
    mem = fault_heap_make(-1, false);
    must(rmg_arena_new(&mem.heap, 8u << 20, &arena));
    struct rmg_store_options options = {.arenas = {arena}, .arena_count = 1};
    must(rmg_store_new(&mem.heap, &options, &store));
}

static void store_end(void)
{
    rmg_store_free(store);
    rmg_arena_free(&mem.heap, arena);
    ck_assert_int_eq(mem.live, 0);
}

static void write_genesis(void)
{
    struct rmg_collect *collect = NULL;
    struct jit_id top;
    struct jit_id world;
    struct jit_id at;
    struct jit_id type = sample_type_p();
    struct jit_id edge_type = sample_type_d();
    store_begin();
    must(rmg_collect_new(jit_heap_libc(), store, &collect));
    must(rmg_collect_path(collect, "/", &top));
    must(rmg_collect_path(collect, "/world", &world));
    for (uint64_t i = 0; i < NODES; i++) {
        static const uint8_t atom[3000];
        struct jit_id id = numbered("node:", i);
        struct jit_id edge_id;
        struct rmg_attachment big = {
            .name = "big",
            .name_size = 3,
            .value = {RMG_VALUE_ATOM, *rmg_codec_type(RMG_CODEC_BYTES), atom, (uint32_t)i * 10}};
        must(rmg_collect_node(collect, &world, &id, &type));
        must(rmg_collect_attachment(collect, &world, RMG_PLANE_ALPHA, &id, &big));
        if (i > 0) {
            struct jit_id parent = numbered("node:", i / 2);
            must(rmg_collect_edge_numbered(collect, &world, &id, &parent, &edge_type, &edge_id));
        }
    }
    must(rmg_collect_patch(collect, keep_piece, NULL, &at));
    rmg_collect_free(collect);
    store_end();
}

static void setup_genesis(void)
{
    jit_buf_init(&genesis, jit_heap_libc(), 64u << 20);
    write_genesis();
    store_begin();
}

static void teardown_genesis(void)
{
    jit_buf_release(&genesis);
    store_end();
}

/* Feed in pieces of `piece` bytes, the last one shorter. */
static enum jit_err stream_in(const uint8_t *bytes, size_t size, size_t piece,
                              struct rmg_version *version, struct jit_id *digest)
{
    struct rmg_tx *tx = NULL;
    struct rmg_patch_stream *stream = NULL;
    struct rmg_version empty = rmg_version_empty();
    must(rmg_tx_begin(store, &empty, &tx));
    enum jit_err err = rmg_patch_stream_begin(&mem.heap, tx, &empty, &stream);
    for (size_t at = 0; at < size && err == JIT_OK; at += piece) {
        err = rmg_patch_stream_feed(stream, bytes + at, size - at < piece ? size - at : piece);
    }
    if (err == JIT_OK) {
        err = rmg_patch_stream_end(stream, digest);
    } else {
        rmg_patch_stream_abort(stream);
    }
    if (err != JIT_OK) {
        rmg_tx_abort(tx);
        ck_assert_uint_eq(arena->live, 0);
        return err;
    }
    return rmg_tx_seal(tx, version);
}

START_TEST(pieces_of_any_size)
{
    static const size_t pieces[] = {1, 7, 56, 57, 511, 4096, 1u << 20, SIZE_MAX / 2};
    struct jit_id want;
    struct jit_id digest;
    struct jit_id root = {{0}};
    struct rmg_version version;
    struct rmg_fault fault;
    rmg_patch_digest(genesis.data, genesis.size, &want);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        must(stream_in(genesis.data, genesis.size, pieces[i], &version, &digest));
        ck_assert(jit_id_equal(&digest, &want));
        ck_assert(i == 0 || jit_id_equal(&root, &version.state_root));
        root = version.state_root;
        must(rmg_store_verify(store, &version, &fault));
        store_end();
        store_begin();
    }
    struct rmg_tx *tx = NULL; /* as one patch in memory: the same */
    struct rmg_version empty = rmg_version_empty();
    must(rmg_tx_begin(store, &empty, &tx));
    must(rmg_patch_apply(&mem.heap, tx, &empty, genesis.data, genesis.size));
    must(rmg_tx_seal(tx, &version));
    ck_assert(jit_id_equal(&root, &version.state_root));
}
END_TEST

START_TEST(a_genesis_cut_off)
{
    struct rmg_version version;
    struct jit_id digest;
    for (size_t keep = 0; keep < genesis.size; keep += 1 + keep / 8) {
        ck_assert_int_eq(stream_in(genesis.data, keep, 4096, &version, &digest), JIT_EFORMAT);
    }
    jit_buf_put_u8(&genesis, 0); /* and one byte more */
    ck_assert_int_eq(stream_in(genesis.data, genesis.size, 4096, &version, &digest), JIT_EFORMAT);
    ck_assert_int_eq(stream_in(genesis.data, genesis.size, 1, &version, &digest), JIT_EFORMAT);
}
END_TEST

START_TEST(a_genesis_flipped)
{
    struct rmg_version version;
    struct jit_id digest;
    struct jit_id want;
    size_t refused = 0;
    rmg_patch_digest(genesis.data, genesis.size, &want);
    for (size_t bit = 0; bit < genesis.size * 8; bit += 1 + genesis.size * 8 / 400) {
        genesis.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        if (stream_in(genesis.data, genesis.size, 1000, &version, &digest) == JIT_OK) {
            ck_assert(!jit_id_equal(&digest, &want)); /* harmless: nobody named this digest */
            store_end();
            store_begin();
        } else {
            refused++;
        }
        genesis.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    ck_assert_uint_gt(refused, 10);
}
END_TEST

START_TEST(refused_memory)
{
    struct rmg_version version;
    struct jit_id digest;
    for (int64_t n = 0;; n++) {
        mem.calls = 0;
        mem.refuse_at = n;
        struct rmg_tx *tx = NULL;
        struct rmg_patch_stream *stream = NULL;
        struct rmg_version empty = rmg_version_empty();
        enum jit_err err = rmg_tx_begin(store, &empty, &tx);
        if (err == JIT_OK) {
            err = rmg_patch_stream_begin(&mem.heap, tx, &empty, &stream);
        }
        if (err == JIT_OK) {
            err = rmg_patch_stream_feed(stream, genesis.data, genesis.size);
            enum jit_err end = rmg_patch_stream_end(stream, &digest);
            ck_assert(err == JIT_OK || end == err); /* sticky */
            err = end;
        }
        if (err == JIT_OK) {
            err = rmg_tx_seal(tx, &version);
        } else {
            rmg_tx_abort(tx);
        }
        bool fired = fault_heap_fired(&mem);
        mem.refuse_at = -1;
        ck_assert_int_eq(err, fired ? JIT_ENOMEM : JIT_OK);
        if (!fired) {
            break;
        }
        ck_assert_uint_eq(arena->live, 0);
    }
}
END_TEST

/* An import into a state with content: an instance that has some is changed in order, a new one is
 * built at once. */
START_TEST(an_import_on_a_base)
{
    struct rmg_version version;
    struct rmg_version after;
    struct jit_id digest;
    struct rmg_tx *tx = NULL;
    struct rmg_patch_stream *stream = NULL;
    struct jit_buf import;
    struct rmg_origin origin = {0, 0};
    struct jit_id world;
    jit_hash_named("warp:", "/world", 6, &world);
    must(stream_in(genesis.data, genesis.size, 4096, &version, &digest));
    for (int wrong = 0; wrong < 3; wrong++) {
        struct rmg_op op = {.kind = RMG_OP_UPSERT_NODE,
                            .instance = world,
                            .id = numbered("node:", NODES + 1),
                            .type = sample_type_p(),
                            .origins = &origin,
                            .origin_count = 1};
        op.prior = wrong == 1 ? op.type : op.prior; /* nothing was there */
        jit_buf_init(&import, jit_heap_libc(), 4096);
        jit_buf_put_id(&import, &version.state_root);
        import.data[0] ^= wrong == 2 ? 1 : 0; /* another base */
        jit_buf_put_u64(&import, 0);
        jit_buf_put_u64(&import, 0);
        jit_buf_put_u64(&import, 1);
        rmg_op_encode(&op, &import);
        must(rmg_tx_begin(store, &version, &tx));
        must(rmg_patch_stream_begin(&mem.heap, tx, &version, &stream));
        enum jit_err err = rmg_patch_stream_feed(stream, import.data, import.size);
        ck_assert_int_eq(err, wrong == 0 ? JIT_OK : JIT_EBASE);
        ck_assert_int_eq(rmg_patch_stream_end(stream, &digest), err);
        if (wrong == 0) {
            must(rmg_tx_seal(tx, &after));
            ck_assert(!jit_id_equal(&after.state_root, &version.state_root));
            version = after;
        } else {
            rmg_tx_abort(tx);
        }
        jit_buf_release(&import);
    }
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "apply", 120);
    tcase_add_checked_fixture(t, setup_tick, teardown_tick);
    tcase_add_test(t, the_patch_of_a_tick);
    tcase_add_test(t, every_flip);
    tcase_add_test(t, every_truncation);
    t = test_case(s, "stream", 120);
    tcase_add_checked_fixture(t, setup_genesis, teardown_genesis);
    tcase_add_test(t, pieces_of_any_size);
    tcase_add_test(t, a_genesis_cut_off);
    tcase_add_test(t, a_genesis_flipped);
    tcase_add_test(t, refused_memory);
    tcase_add_test(t, an_import_on_a_base);
}

TEST_MAIN("patch_apply", suite)
