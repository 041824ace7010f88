/* Goal:   a state has the bytes and hashes that others give it: golden .wsc files, Echo's root, the
 *         linear root, and that the linear root does not tell all states apart.
 * Method: golden files and hashes of an independent program; random states beside naive
 *         computations; the pair of docs/spec/state-root.md. */
#include <stdio.h>

#include "tests/lib/named.h"
#include "tests/rmg/file/wsc_fixture.h"

static struct jit_buf bytes; /* of the file */

/* ---- golden files ---- */

/* A state by labels, as the golden files were made from. */
struct golden {
    const char *file;
    const char *schema; /* label whose BLAKE3 is the schema hash; NULL: zeros */
    uint64_t tick;
    const char *echo;
    const char *linear;
    const char *image;
};

static const struct golden goldens[] = {
    {"one", NULL, 0, "d03819511c7501c38ccab50e6f8f796f676c02df84cef2df0edbd775b5110533",
     "c151b0b0e9760a6a9a985ef0f38eb0f8521475e77ac5a7cb1925e6dcf0cdf713",
     "5e7edade8355f22571801b780cb4c80f590111c53927031ab08dd2c6f10ff3fc"},
    {"nested", "schema", 0x0102030405060708,
     "274c1c91b83d2df2c54ac6f61726d6971d4a98f01763b57ffe550323ff06acb4",
     "63c73c49e125c2861abdc2b626501fba035e2bd2584eebd04b946ce5eab43ccd",
     "533241fae92efb41af0c8190010ec69876eeb52b7e6cd22ad4b76e941797a436"},
};

static void put_node(struct rmg_tx *tx, const char *in, const char *label, const char *type)
{
    struct jit_id instance = named("warp:", in);
    struct jit_id id = named("node:", label);
    struct jit_id type_id = named("type:", type);
    must(rmg_tx_upsert_node(tx, &instance, &id, &type_id));
}

static void put_edge(struct rmg_tx *tx, const char *in, const char *label, const char *from,
                     const char *to)
{
    struct jit_id instance = named("warp:", in);
    struct rmg_edge edge = {named("edge:", label), named("node:", from), named("node:", to),
                            named("type:", "FEEDS")};
    must(rmg_tx_upsert_edge(tx, &instance, &edge));
}

static void put_atom(struct rmg_tx *tx, const char *in, const char *owner, bool edge,
                     const char *type, const void *data, uint32_t size)
{
    struct jit_id instance = named("warp:", in);
    struct jit_id id = named(edge ? "edge:" : "node:", owner);
    struct rmg_attachment a = {.name = "",
                               .value = {RMG_VALUE_ATOM, named("type:", type), data, size}};
    must(rmg_tx_set_attachment(tx, &instance, edge ? RMG_PLANE_BETA : RMG_PLANE_ALPHA, &id, &a));
}

static void put_instance(struct rmg_tx *tx, const char *path, const char *owner, bool edge)
{
    struct jit_id id = named("warp:", path);
    struct jit_id root = named("node:", path);
    struct rmg_parent parent = {.present = owner != NULL,
                                .plane = edge ? RMG_PLANE_BETA : RMG_PLANE_ALPHA,
                                .instance = named("warp:", "/")};
    struct rmg_attachment portal = {.name = "", .value = {.kind = RMG_VALUE_PORTAL, .type = id}};
    if (owner != NULL) {
        parent.owner = named(edge ? "edge:" : "node:", owner);
        must(rmg_tx_set_attachment(tx, &parent.instance, parent.plane, &parent.owner, &portal));
    }
    must(rmg_tx_upsert_instance(tx, &id, &root, &parent));
    put_node(tx, path, path, "instance");
}

static void golden_state(struct rmg_tx *tx, bool nested)
{
    static const uint8_t sixteen[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    put_instance(tx, "/", NULL, false);
    if (!nested) {
        return;
    }
    put_node(tx, "/", "pump", "Machine");
    put_node(tx, "/", "tank", "Machine");
    put_node(tx, "/", "spare", "Machine");
    put_edge(tx, "/", "feeds", "/", "pump");
    put_edge(tx, "/", "fills", "pump", "tank");
    put_edge(tx, "/", "again", "pump", "tank");
    put_edge(tx, "/", "self", "spare", "spare");
    put_atom(tx, "/", "/", false, "text", "inlet", 5);
    put_atom(tx, "/", "tank", false, "bytes", "", 0);
    put_atom(tx, "/", "spare", false, "i64", "*\0\0\0\0\0\0\0", 8);
    put_atom(tx, "/", "feeds", true, "bytes", sixteen, sizeof sixteen);
    put_atom(tx, "/", "self", true, "text", "x", 1);
    put_instance(tx, "/pump", "pump", false);
    put_node(tx, "/pump", "pump", "Machine");
    put_edge(tx, "/pump", "feeds", "/pump", "pump");
    put_atom(tx, "/pump", "pump", false, "text",
             "gr\xc3\xb6\xc3\x9f"
             "e",
             7);
    put_instance(tx, "/pipe", "fills", true);
}

static void golden_read(const char *name)
{
    const char *top = getenv("top_srcdir");
    char path[4096];
    snprintf(path, sizeof path, "%s/tests/rmg/golden/%s.wsc", top == NULL ? "." : top, name);
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s", path);
    jit_buf_init(&bytes, jit_heap_libc(), 1u << 20);
    uint8_t *at = jit_buf_extend(&bytes, 1u << 16);
    bytes.size = fread(at, 1, 1u << 16, file);
    ck_assert_uint_gt(bytes.size, 0);
    fclose(file);
}

static void ck_hash(const struct jit_id *have, const char *want)
{
    char hex[JIT_ID_HEX];
    jit_id_to_hex(have, hex);
    ck_assert_str_eq(hex, want);
}

/* The files and hashes were made by a program that shares nothing with this one, BLAKE3 included.
 */
START_TEST(golden_files) /* _i: row of goldens */
{
    const struct golden *golden = &goldens[_i];
    struct rmg_wsc_head head = {.tick = golden->tick};
    struct rmg_file_fault fault;
    struct target loaded;
    struct target made;
    struct jit_buf again;
    struct rmg_wsc file;
    struct rmg_tx *tx = NULL;
    struct jit_id hash;
    golden_read(golden->file);
    ck_assert_int_eq(load(bytes.data, bytes.size, -1, &loaded, &fault), JIT_OK);
    if (golden->schema != NULL) {
        jit_hash(golden->schema, strlen(golden->schema), &head.schema_hash);
    }
    ck_assert_int_eq(load(NULL, 0, -1, &made, &fault), JIT_EFORMAT); /* an empty store */
    struct rmg_version empty = rmg_version_empty();
    must(rmg_tx_begin(made.store, &empty, &tx));
    golden_state(tx, _i == 1);
    must(rmg_tx_seal(tx, &made.version));
    ck_assert(jit_id_equal(&made.version.state_root, &loaded.version.state_root));
    write_state(made.store, &made.version, &head, &again);
    ck_assert_uint_eq(again.size, bytes.size);
    ck_assert_mem_eq(again.data, bytes.data, bytes.size);
    must(rmg_wsc_open(bytes.data, bytes.size, &file, NULL));
    rmg_wsc_image(&file, &hash);
    ck_hash(&hash, golden->image);
    must(rmg_echo_root(jit_heap_libc(), loaded.store, &loaded.version, &hash, NULL));
    ck_hash(&hash, golden->echo);
    must(rmg_linear_root(jit_heap_libc(), loaded.store, &loaded.version, &hash));
    ck_hash(&hash, golden->linear);
    jit_buf_release(&again);
    jit_buf_release(&bytes);
    drop(&loaded);
    drop(&made);
}
END_TEST

/* A tree of n nodes with a 16-byte atom a node takes 352 n + 128 bytes. */
START_TEST(size_of_a_tree) /* _i: nodes */
{
    struct rmg_wsc_head head = {.tick = 0};
    struct rmg_file_fault fault;
    struct target t;
    struct rmg_tx *tx = NULL;
    ck_assert_int_eq(load(NULL, 0, -1, &t, &fault), JIT_EFORMAT);
    struct rmg_version empty = rmg_version_empty();
    must(rmg_tx_begin(t.store, &empty, &tx));
    put_instance(tx, "/", NULL, false);
    put_atom(tx, "/", "/", false, "bytes", "0123456789abcdef", 16);
    for (int i = 1; i < _i; i++) {
        char label[16];
        char up[16];
        snprintf(label, sizeof label, "%d", i);
        snprintf(up, sizeof up, "%d", (i - 1) / 2);
        put_node(tx, "/", label, "Leaf");
        put_edge(tx, "/", label, i <= 2 ? "/" : up, label);
        put_atom(tx, "/", label, false, "bytes", "0123456789abcdef", 16);
    }
    must(rmg_tx_seal(tx, &t.version));
    write_state(t.store, &t.version, &head, &bytes);
    ck_assert_uint_eq(bytes.size, 352 * (unsigned)_i + 128);
    jit_buf_release(&bytes);
    drop(&t);
}
END_TEST

/* ---- the other roots ---- */

/* The pair of docs/spec/state-root.md: two valid states, one row of bytes. */
static void twin(struct naive_state *state, bool second)
{
    struct jit_id id[8];
    for (unsigned i = 0; i < 8; i++) {
        memset(id[i].bytes, (int)(0x11 * i), JIT_ID_BYTES);
    }
    struct rmg_edge first[] = {{id[3], id[1], id[1], id[6]}, {id[4], id[1], id[2], id[1]}};
    struct rmg_edge other[] = {{id[1], id[3], id[1], id[4]}, {id[2], id[3], id[1], id[2]}};
    const struct rmg_edge *edges = second ? other : first;
    must(naive_upsert_instance(state, &id[7], &id[1], NULL));
    must(naive_upsert_node(state, &id[7], &id[1], &id[5]));
    must(naive_upsert_node(state, &id[7], second ? &id[3] : &id[2], second ? &id[6] : &id[1]));
    must(naive_upsert_edge(state, &id[7], &edges[0]));
    must(naive_upsert_edge(state, &id[7], &edges[1]));
    ck_assert(naive_valid(state));
}

START_TEST(the_linear_root_is_ambiguous)
{
    struct naive_state state[2] = {{.instances = NULL}, {.instances = NULL}};
    struct jit_id linear[2];
    struct jit_id root[2];
    for (unsigned i = 0; i < 2; i++) {
        struct target t;
        struct rmg_file_fault fault;
        struct jit_id have;
        static const struct jit_id none;
        twin(&state[i], i == 1);
        naive_linear_root(&state[i], &linear[i], NULL);
        naive_state_root(&state[i], &root[i]);
        jit_buf_init(&bytes, jit_heap_libc(), 1u << 20);
        naive_wsc(&state[i], &none, 0, &bytes);
        must(load(bytes.data, bytes.size, -1, &t, &fault));
        must(rmg_linear_root(jit_heap_libc(), t.store, &t.version, &have));
        ck_assert(jit_id_equal(&have, &linear[i]));
        ck_assert(jit_id_equal(&t.version.state_root, &root[i]));
        jit_buf_release(&bytes);
        naive_release(&state[i]);
        drop(&t);
    }
    ck_assert(jit_id_equal(&linear[0], &linear[1]));
    ck_assert(!jit_id_equal(&root[0], &root[1]));
    ck_hash(&linear[0], "fcf5cac391f4f11731df8b1fb1d510fc027551b4e7170f995e6714ee5281361c");
}
END_TEST

START_TEST(foreign_roots) /* _i: kind, size and seed */
{
    struct jit_id want;
    struct jit_id have;
    struct plain plain;
    plain_begin(&plain, (enum world_ids)(_i % WORLD_IDS), 500 + (uint64_t)_i,
                &sizes[_i / WORLD_IDS % SIZES]);
    naive_echo_root(&plain.model, &want);
    must(rmg_echo_root(&plain.heap.heap, plain.store, &plain.version, &have, NULL));
    ck_assert_msg(jit_id_equal(&want, &have), "%d: Echo's root", _i);
    naive_linear_root(&plain.model, &want, NULL);
    must(rmg_linear_root(&plain.heap.heap, plain.store, &plain.version, &have));
    ck_assert_msg(jit_id_equal(&want, &have), "%d: the linear root", _i);
    plain_end(&plain);
}
END_TEST

/* The linear root knows names as well. */
START_TEST(linear_root_of_names) /* _i: kind and seed */
{
    static struct world world;
    struct jit_id want;
    struct jit_id have;
    world_begin(&world, (enum world_ids)(_i % WORLD_IDS), (uint64_t)_i, ARENA_BYTES);
    for (unsigned t = 0; t < 30; t++) {
        struct naive_state next = naive_copy(&world.model);
        struct rmg_tx *tx = NULL;
        must(rmg_tx_begin(world.store, &world.version, &tx));
        for (unsigned k = 0; k < 20; k++) {
            (void)world_step(&world, tx, &next);
        }
        bool sealed = rmg_tx_seal(tx, &world.version) == JIT_OK;
        naive_release(sealed ? &world.model : &next);
        world.model = sealed ? next : world.model;
    }
    naive_linear_root(&world.model, &want, NULL);
    must(rmg_linear_root(&world.heap.heap, world.store, &world.version, &have));
    ck_assert_msg(jit_id_equal(&want, &have), "%d", _i);
    world_end(&world);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "golden", 20);
    tcase_add_loop_test(t, golden_files, 0, (int)(sizeof goldens / sizeof *goldens));
    tcase_add_loop_test(t, size_of_a_tree, 1, 20);
    t = test_case(s, "roots", 20);
    tcase_add_loop_test(t, foreign_roots, 0, 2 * WORLD_IDS * SIZES);
    tcase_add_loop_test(t, linear_root_of_names, 0, 2 * WORLD_IDS);
    tcase_add_test(t, the_linear_root_is_ambiguous);
}

TEST_MAIN("forms", suite)
