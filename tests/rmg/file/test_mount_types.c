/* Goal:   the types of what is mounted are those that it is used with, or it is refused by name;
 * and a file is mounted under the signatures that are asked for. Method: pairs of schemas that
 * agree and that do not; broken ones; hashes alone; keys that signed, that did not, and that are
 * revoked. */
#include "rmg/file/mount.h"
#include "rmg/file/wsc.h"
#include "tests/lib/plain.h"
#include "tests/lib/tcase.h"
#include "tests/rmg/file/mount_bed.h"

/* ---- signatures ---- */

/* Who is trusted, who signed what, and the verdict. */
START_TEST(signatures)
{
    static const uint8_t seeds[2][JIT_SIGN_SEED_BYTES] = {{1}, {2}};
    uint8_t keys[2][JIT_SIGN_PUBLIC_BYTES];
    struct rmg_envelope envelope;
    struct jit_buf bytes;
    struct jit_id other = named("node:", "other");
    home_begin(&home);
    plain_begin(&file, WORLD_RANDOM, 21, &sizes[0]);
    struct rmg_parent slot = slot_of(RMG_PLANE_ALPHA, "x");
    struct rmg_mount mount = mount_of(&slot);
    jit_sign_public(seeds[0], keys[0]);
    jit_sign_public(seeds[1], keys[1]);
    mount.signers = (const uint8_t(*)[JIT_SIGN_PUBLIC_BYTES])keys;
    mount.signer_count = 1;
    refused(&mount, JIT_ECAP, "nobody who may stand for the file has signed it");
    jit_buf_init(&bytes, jit_heap_libc(), 4096);
    must(rmg_envelope_sign(NULL, RMG_KIND_STATE, &file.version.state_root, seeds[1], &bytes));
    must(rmg_envelope_read(bytes.data, bytes.size, &envelope));
    mount.envelope = &envelope;
    refused(&mount, JIT_ECAP, "nobody who may stand for the file has signed it");
    mount.signer_count = 2;
    bytes.data[bytes.size - 1] ^= 1;
    refused(&mount, JIT_ECORRUPT, "a signature on the file is wrong");
    bytes.data[bytes.size - 1] ^= 1;
    struct rmg_envelope wrong = envelope;
    wrong.root = other;
    mount.envelope = &wrong;
    refused(&mount, JIT_ECAP, "nobody who may stand for the file has signed it");
    mount.envelope = &envelope;
    must(rmg_mount(&home.heap.heap, home.store, &home.version, &mount, NULL));
    verify_home();
    jit_buf_release(&bytes);
    home_end(&home);
    plain_end(&file);
}
END_TEST

/* What the store has, what the file has, its codec, and what becomes of it. */
static const struct {
    size_t ours;
    size_t theirs;
    enum rmg_codec codec;
    enum jit_err err;
    uint64_t instances; /* that come */
    const char *conflict;
} schemas[] = {
    {2, 2, RMG_CODEC_I64, JIT_OK, 1, ""},
    {2, 1, RMG_CODEC_I64, JIT_OK, 1, ""},
    {0, 2, RMG_CODEC_I64, JIT_OK, 2, ""},
    {1, 2, RMG_CODEC_I64, JIT_ECONFLICT, 0, "Thing"},
    {2, 2, RMG_CODEC_TEXT, JIT_ECONFLICT, 0, "i64"},
    {2, 0, RMG_CODEC_I64, JIT_OK, 1, ""},
};

START_TEST(types) /* _i: row of schemas */
{
    struct home other;
    struct jit_id unused;
    struct jit_id as = named("warp:", "/mounted");
    struct rmg_mount_fault fault;
    home_begin(&home);
    home_begin(&other);
    if (schemas[_i].ours > 0) {
        put_schema(&home, both, schemas[_i].ours, RMG_CODEC_I64, &unused);
    }
    if (schemas[_i].theirs > 0) {
        put_schema(&other, both, schemas[_i].theirs, schemas[_i].codec, &unused);
    }
    struct rmg_parent slot = slot_of(RMG_PLANE_ALPHA, "x");
    struct rmg_mount mount = {
        .from = {.store = other.store, .version = other.version}, .slot = &slot, .instance = &as};
    uint64_t before = home.version.instance_count;
    enum jit_err err = rmg_mount(&home.heap.heap, home.store, &home.version, &mount, &fault);
    ck_assert_int_eq(err, schemas[_i].err);
    ck_assert_uint_eq(home.version.instance_count, before + schemas[_i].instances);
    verify_home();
    if (err != JIT_OK) {
        ck_assert_str_eq(fault.what, "the file has types that the store has not, or others");
        ck_assert_msg(strstr(fault.schema, schemas[_i].conflict) != NULL, "%s", fault.schema);
    }
    home_end(&home);
    home_end(&other);
}
END_TEST

static void break_schema(struct home *h)
{
    struct rmg_tx *tx = NULL;
    struct jit_id instance;
    struct jit_id unused;
    struct jit_id cell = named("type:", "Cell");
    struct rmg_attachment a = {
        .name = "kind",
        .name_size = 4,
        .value = {RMG_VALUE_ATOM, named("type:", "text"), (const uint8_t *)"heap", 4}};
    rmg_schema_place(&instance, &unused);
    must(rmg_tx_begin(h->store, &h->version, &tx));
    must(rmg_tx_set_attachment(tx, &instance, RMG_PLANE_ALPHA, &cell, &a));
    must(rmg_tx_seal(tx, &h->version));
}

START_TEST(types_that_are_none)
{
    struct home other;
    struct jit_id unused;
    struct jit_id as = named("warp:", "/mounted");
    home_begin(&home);
    home_begin(&other);
    put_schema(&home, both, 1, RMG_CODEC_I64, &unused);
    put_schema(&other, both, 1, RMG_CODEC_I64, &unused);
    break_schema(&other);
    struct rmg_parent slot = slot_of(RMG_PLANE_ALPHA, "x");
    struct rmg_mount mount = {
        .from = {.store = other.store, .version = other.version}, .slot = &slot, .instance = &as};
    refused(&mount, JIT_EINVALID, "the file's types do not follow the specification");
    break_schema(&home);
    refused(&mount, JIT_EINVALID, "the store's types do not follow the specification");
    home_end(&home);
    home_end(&other);
}
END_TEST

/* What a .wsc says beside its content. */
START_TEST(schema_hash_alone)
{
    struct jit_id hash;
    struct jit_id zero = {{0}};
    struct jit_id wrong = named("type:", "wrong");
    home_begin(&home);
    plain_begin(&file, WORLD_RANDOM, 21, &sizes[0]);
    struct rmg_parent slot = slot_of(RMG_PLANE_ALPHA, "x");
    struct rmg_parent second = slot_of(RMG_PLANE_ALPHA, "y");
    struct rmg_mount mount = mount_of(&slot);
    mount.schema = &wrong; /* the store has none: nothing to compare with */
    must(rmg_mount(&home.heap.heap, home.store, &home.version, &mount, NULL));
    put_schema(&home, both, 2, RMG_CODEC_I64, &hash);
    plain_end(&file);
    plain_begin(&file, WORLD_RANDOM, 22, &sizes[0]);
    mount = mount_of(&second);
    mount.schema = &wrong;
    refused(&mount, JIT_ECONFLICT, "the file's schema hash is not the store's");
    mount.schema = &hash;
    must(rmg_mount(&home.heap.heap, home.store, &home.version, &mount, NULL));
    plain_end(&file);
    plain_begin(&file, WORLD_RANDOM, 23, &sizes[0]);
    struct rmg_parent third = slot_of(RMG_PLANE_ALPHA, "z");
    mount = mount_of(&third);
    mount.schema = &zero;
    must(rmg_mount(&home.heap.heap, home.store, &home.version, &mount, NULL));
    verify_home();
    home_end(&home);
    plain_end(&file);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "mount_types", 20);
    tcase_add_test(t, signatures);
    tcase_add_loop_test(t, types, 0, (int)(sizeof schemas / sizeof *schemas));
    tcase_add_test(t, types_that_are_none);
    tcase_add_test(t, schema_hash_alone);
}

TEST_MAIN("mount_types", suite)
