/* Goal:   a program taken into a genesis comes out as the same bytes, is there once however many
 * run it, and is not believed when its parts are not those of its id. Method: a genesis made of a
 * collection and loaded; sizes around a part's; parts that are missing, exchanged, of another type.
 */
#include "kernel/core/image.h"
#include "kernel/core/root.h"
#include "rmg/store/store.h"
#include "tests/lib/tcase.h"

#define PART ((size_t)1 << 20)

static struct rmg_arena *arenas[2];
static struct rmg_store *store;
static struct rmg_collect *collect;
static struct kern_private_places places;
static uint8_t *bytes;

static void setup(void)
{
    kern_private_places_init(&places);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(rmg_arena_new(jit_heap_libc(), 64u << 20, &arenas[i]), JIT_OK);
    }
    struct rmg_store_options options = {.arenas = {arenas[0], arenas[1]},
                                        .arena_count = 2,
                                        .arena_of = kern_arena_of,
                                        .user = &places};
    ck_assert_int_eq(rmg_store_new(jit_heap_libc(), &options, &store), JIT_OK);
    ck_assert_int_eq(rmg_collect_new(jit_heap_libc(), store, &collect), JIT_OK);
    ck_assert_int_eq(kern_root_begin(collect, 1), JIT_OK);
    bytes = malloc(3 * PART + 1);
    ck_assert_ptr_nonnull(bytes);
    for (size_t i = 0; i < 3 * PART + 1; i++) {
        bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    }
}

static void teardown(void)
{
    free(bytes);
    rmg_collect_free(collect);
    rmg_store_free(store);
    for (int i = 0; i < 2; i++) {
        rmg_arena_free(jit_heap_libc(), arenas[i]);
    }
}

static void load(struct rmg_version *version)
{
    struct rmg_version empty = rmg_version_empty();
    struct rmg_tx *tx = NULL;
    struct jit_id at;
    ck_assert_int_eq(rmg_tx_begin(store, &empty, &tx), JIT_OK);
    ck_assert_int_eq(rmg_collect_load(collect, tx, &at), JIT_OK);
    ck_assert_int_eq(rmg_tx_seal(tx, version), JIT_OK);
}

static const size_t sizes[] = {1, 100, PART - 1, PART, PART + 1, 3 * PART, 3 * PART + 1};

START_TEST(comes_out_as_it_went_in) /* _i: a size */
{
    struct jit_id id;
    struct jit_id again;
    struct jit_id expected;
    struct rmg_version version;
    struct jit_buf out;
    size_t size = sizes[_i];
    ck_assert_int_eq(kern_image_collect(collect, bytes, size, &id), JIT_OK);
    uint64_t nodes = rmg_collect_nodes(collect);
    ck_assert_int_eq(kern_image_collect(collect, bytes, size, &again), JIT_OK);
    ck_assert_uint_eq(rmg_collect_nodes(collect), nodes);
    kern_image_id(bytes, size, &expected);
    ck_assert(jit_id_equal(&id, &expected) && jit_id_equal(&id, &again));
    load(&version);
    jit_buf_init(&out, jit_heap_libc(), KERN_IMAGE_BYTES_MAX);
    ck_assert_int_eq(kern_image_read(store, &version, &id, &out), JIT_OK);
    ck_assert_uint_eq(out.size, size);
    ck_assert_mem_eq(out.data, bytes, size);
    jit_buf_release(&out);
}
END_TEST

START_TEST(two_programs)
{
    struct jit_id a;
    struct jit_id b;
    struct rmg_version version;
    struct jit_buf out;
    ck_assert_int_eq(kern_image_collect(collect, bytes, 10, &a), JIT_OK);
    ck_assert_int_eq(kern_image_collect(collect, bytes, 11, &b), JIT_OK);
    load(&version);
    jit_buf_init(&out, jit_heap_libc(), KERN_IMAGE_BYTES_MAX);
    ck_assert_int_eq(kern_image_read(store, &version, &a, &out), JIT_OK);
    ck_assert_int_eq(kern_image_read(store, &version, &b, &out), JIT_OK);
    ck_assert_uint_eq(out.size, 21);
    jit_buf_release(&out);
}
END_TEST

/* As somebody's genesis may have it. */
static void put_part(const struct jit_id *id, const char *name, const uint8_t *part, size_t size)
{
    struct jit_id sys;
    struct jit_id root_node;
    struct rmg_datum datum = {.codec = RMG_CODEC_BYTES, .bytes = part, .size = (uint32_t)size};
    kern_place_id("/sys", &sys, &root_node);
    ck_assert_int_eq(rmg_collect_datum(collect, &sys, RMG_PLANE_ALPHA, id, name, &datum), JIT_OK);
}

START_TEST(not_believed) /* _i: what is wrong */
{
    struct jit_id id;
    struct jit_id sys;
    struct jit_id root_node;
    struct rmg_version version;
    struct jit_buf out;
    kern_place_id("/sys", &sys, &root_node);
    kern_image_id(bytes, PART + 5, &id);
    if (_i > 0) {
        ck_assert_int_eq(rmg_collect_node(collect, &sys, &id, &sys), JIT_OK);
    }
    if (_i == 2) { /* the last part is missing */
        put_part(&id, "part00", bytes, PART);
    }
    if (_i == 3) { /* exchanged */
        put_part(&id, "part00", bytes + PART, 5);
        put_part(&id, "part01", bytes, PART);
    }
    if (_i == 4) { /* one byte is another */
        bytes[0] ^= 1;
        put_part(&id, "part00", bytes, PART);
        put_part(&id, "part01", bytes + PART, 5);
    }
    if (_i == 5) { /* empty */
        put_part(&id, "part00", bytes, 0);
    }
    load(&version);
    jit_buf_init(&out, jit_heap_libc(), KERN_IMAGE_BYTES_MAX);
    ck_assert_int_eq(kern_image_read(store, &version, &id, &out), JIT_EINVALID);
    jit_buf_release(&out);
}
END_TEST

START_TEST(sizes_are_bounded)
{
    struct jit_id id;
    ck_assert_int_eq(kern_image_collect(collect, bytes, 0, &id), JIT_ELIMIT);
    ck_assert_int_eq(kern_image_collect(collect, bytes, KERN_IMAGE_BYTES_MAX + 1, &id), JIT_ELIMIT);
}
END_TEST

static void fill(Suite *suite)
{
    TCase *tcase = test_case(suite, "image", 20);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, comes_out_as_it_went_in, 0, (int)(sizeof sizes / sizeof sizes[0]));
    tcase_add_test(tcase, two_programs);
    tcase_add_loop_test(tcase, not_believed, 0, 6);
    tcase_add_test(tcase, sizes_are_bounded);
}

TEST_MAIN("image", fill)
