/* Goal:   the bytes of DESIGN 4.2: every hash that docs/spec/state-root.md prints comes out of the
 *         definition, and its state roots out of the store.
 * Method: the examples built twice, naively and in a store; each row of the document looked up.
 *         STATE_ROOT_PRINT=1 prints the rows. */
#include <stdio.h>

#include "base/hash.h"
#include "base/le.h"
#include "tests/lib/must.h"
#include "tests/lib/named.h"
#include "tests/lib/tcase.h"
#include "tests/lib/world.h"

static char *document;

static void setup(void)
{
    const char *top = getenv("top_srcdir");
    char path[4096];
    snprintf(path, sizeof path, "%s/docs/spec/state-root.md", top == NULL ? "." : top);
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s", path);
    document = calloc(1, 1u << 20);
    ck_assert(fread(document, 1, (1u << 20) - 1, file) > 0);
    fclose(file);
}

static void teardown(void)
{
    free(document);
}

/* The document has the row "| name | hash |". */
static void row(const char *name, const struct jit_id *hash)
{
    char hex[JIT_ID_HEX];
    char line[256];
    jit_id_to_hex(hash, hex);
    snprintf(line, sizeof line, "| %s | `%s` |", name, hex);
    if (getenv("STATE_ROOT_PRINT") != NULL) {
        puts(line);
        return;
    }
    ck_assert_msg(strstr(document, line) != NULL, "not in state-root.md: %s", line);
}

struct example {
    struct naive_state naive;
    struct fault_heap heap;
    struct rmg_arena *arena;
    struct rmg_store *store;
    struct rmg_tx *tx;
    struct rmg_version version;
};

static void begin(struct example *e)
{
    memset(e, 0, sizeof *e);
    e->heap = fault_heap_make(-1, false);
    must(rmg_arena_new(&e->heap.heap, 1u << 20, &e->arena));
    struct rmg_store_options options = {.arenas = {e->arena}, .arena_count = 1};
    must(rmg_store_new(&e->heap.heap, &options, &e->store));
    e->version = rmg_version_empty();
    must(rmg_tx_begin(e->store, &e->version, &e->tx));
}

static void instance(struct example *e, const char *path, const struct rmg_parent *parent)
{
    struct jit_id id = named("warp:", path);
    struct jit_id root = named("node:", path);
    struct jit_id type = named("type:", "instance");
    must(naive_upsert_instance(&e->naive, &id, &root, parent));
    must(naive_upsert_node(&e->naive, &id, &root, &type));
    must(rmg_tx_upsert_instance(e->tx, &id, &root, parent));
    must(rmg_tx_upsert_node(e->tx, &id, &root, &type));
}

static void node(struct example *e, const char *label, const char *type_label)
{
    struct jit_id top = named("warp:", "/");
    struct jit_id id = named("node:", label);
    struct jit_id type = named("type:", type_label);
    must(naive_upsert_node(&e->naive, &top, &id, &type));
    must(rmg_tx_upsert_node(e->tx, &top, &id, &type));
}

static void edge(struct example *e, const char *label, const char *from, const char *to,
                 const char *type_label)
{
    struct jit_id top = named("warp:", "/");
    struct rmg_edge body = {named("edge:", label), named("node:", from), named("node:", to),
                            named("type:", type_label)};
    must(naive_upsert_edge(&e->naive, &top, &body));
    must(rmg_tx_upsert_edge(e->tx, &top, &body));
}

static void attach(struct example *e, enum rmg_plane plane, const char *owner,
                   const struct rmg_attachment *attachment)
{
    struct jit_id top = named("warp:", "/");
    struct jit_id id = named(plane == RMG_PLANE_ALPHA ? "node:" : "edge:", owner);
    must(naive_set_attachment(&e->naive, &top, plane, &id, attachment));
    must(rmg_tx_set_attachment(e->tx, &top, plane, &id, attachment));
}

/* Rows of one instance and of the whole; the store says the same. */
static void finish(struct example *e, const char *prefix, const char *path)
{
    static const char *const maps[] = {"nodes_root", "edges_root", "alpha_root", "beta_root"};
    struct rmg_fault fault;
    struct rmg_instance found;
    struct jit_id id = named("warp:", path);
    struct jit_id hash;
    char name[64];
    must(rmg_tx_seal(e->tx, &e->version));
    must(rmg_store_verify(e->store, &e->version, &fault));
    must(rmg_store_instance(e->store, &e->version, &id, &found));
    struct naive_instance *in = naive_find(&e->naive, &id);
    for (unsigned map = 0; map < RMG_MAPS_HASHED; map++) {
        snprintf(name, sizeof name, "%s: %s", prefix, maps[map]);
        naive_map_root(in, (enum rmg_map)map, &hash);
        ck_assert(jit_id_equal(&hash, &found.map_root[map]));
        row(name, &hash);
    }
    snprintf(name, sizeof name, "%s: skeleton", prefix);
    naive_skeleton(in, &hash);
    ck_assert(jit_id_equal(&hash, &found.skeleton));
    row(name, &hash);
    snprintf(name, sizeof name, "%s: attachments", prefix);
    naive_attachments(in, &hash);
    ck_assert(jit_id_equal(&hash, &found.attachments));
    row(name, &hash);
    snprintf(name, sizeof name, "%s: state_root", prefix);
    naive_state_root(&e->naive, &hash);
    ck_assert(jit_id_equal(&hash, &e->version.state_root));
    row(name, &hash);
    rmg_store_free(e->store);
    rmg_arena_free(&e->heap.heap, e->arena);
    naive_release(&e->naive);
    ck_assert_int_eq(e->heap.live, 0);
}

START_TEST(keys)
{
    static const char *const domains[] = {"value:nodes", "leaf:nodes",  "node",
                                          "skeleton",    "attachments", "atom"};
    for (size_t i = 0; i < sizeof domains / sizeof domains[0]; i++) {
        char name[64];
        struct jit_id key = named("jitos:v1:", domains[i]);
        snprintf(name, sizeof name, "K(\"%s\")", domains[i]);
        row(name, &key);
    }
}
END_TEST

/* Example A by hand, byte by byte, with no helper that hides a concatenation. */
START_TEST(step_by_step)
{
    struct jit_id key;
    struct jit_id value;
    struct jit_id leaf;
    struct jit_id skeleton;
    struct jit_id attachments;
    struct jit_id type = named("type:", "instance");
    struct jit_id root = named("node:", "/");
    struct jit_id id = named("warp:", "/");
    uint8_t bytes[256] = {0};
    row("type:instance", &type);
    row("node:/", &root);
    row("warp:/", &id);
    jit_hash_key(JIT_K_VALUE_NODES, type.bytes, 32, &value);
    row("A: value of the node", &value);
    memcpy(bytes, root.bytes, 32);
    memcpy(bytes + 32, value.bytes, 32);
    jit_hash_key(JIT_K_LEAF_NODES, bytes, 64, &leaf);
    row("A: leaf of the node", &leaf);
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes, leaf.bytes, 32);
    jit_hash_key(JIT_K_SKELETON, bytes, 64, &skeleton);
    memset(bytes, 0, sizeof bytes);
    jit_hash_key(JIT_K_ATTACHMENTS, bytes, 64, &attachments);
    memcpy(bytes, root.bytes, 32);
    bytes[32] = 0;
    memcpy(bytes + 33, skeleton.bytes, 32);
    memcpy(bytes + 65, attachments.bytes, 32);
    jit_hash_key(JIT_K_VALUE_INSTANCES, bytes, 97, &value);
    row("A: value of the instance", &value);
    memcpy(bytes, id.bytes, 32);
    memcpy(bytes + 32, value.bytes, 32);
    jit_hash_key(JIT_K_LEAF_INSTANCES, bytes, 64, &key);
    row("A: state_root", &key);
}
END_TEST

START_TEST(example_a) /* the smallest state there is */
{
    struct example e;
    begin(&e);
    instance(&e, "/", NULL);
    finish(&e, "A", "/");
}
END_TEST

START_TEST(example_b) /* two nodes, an edge, atoms on both planes */
{
    struct example e;
    uint8_t number[8];
    begin(&e);
    instance(&e, "/", NULL);
    node(&e, "pump", "Machine");
    edge(&e, "feeds", "/", "pump", "FEEDS");
    jit_put_le64(number, 42);
    struct rmg_attachment rate = {
        "rate", 4, {RMG_VALUE_ATOM, named("type:", "i64"), number, sizeof number}};
    struct rmg_attachment label = {
        "", 0, {RMG_VALUE_ATOM, named("type:", "text"), (const uint8_t *)"inlet", 5}};
    attach(&e, RMG_PLANE_ALPHA, "pump", &rate);
    attach(&e, RMG_PLANE_ALPHA, "pump", &label);
    attach(&e, RMG_PLANE_BETA, "feeds", &label);
    finish(&e, "B", "/");
}
END_TEST

START_TEST(example_c) /* an instance in an instance */
{
    struct example e;
    struct rmg_parent parent = {.present = true,
                                .plane = RMG_PLANE_ALPHA,
                                .instance = named("warp:", "/"),
                                .owner = named("node:", "/"),
                                .name_size = 5,
                                .name = "world"};
    struct rmg_attachment portal = {
        "world", 5, {RMG_VALUE_PORTAL, named("warp:", "/world"), NULL, 0}};
    begin(&e);
    instance(&e, "/", NULL);
    instance(&e, "/world", &parent);
    attach(&e, RMG_PLANE_ALPHA, "/", &portal);
    struct jit_id id = named("warp:", "/world");
    struct jit_id root;
    naive_instance_root(&e.naive, &id, &root);
    row("C: instance_root(/world)", &root);
    finish(&e, "C", "/");
}
END_TEST

START_TEST(empty)
{
    struct rmg_version version = rmg_version_empty();
    ck_assert(jit_id_is_zero(&version.state_root));
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "state_root", 10);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, empty);
    tcase_add_test(t, keys);
    tcase_add_test(t, step_by_step);
    tcase_add_test(t, example_a);
    tcase_add_test(t, example_b);
    tcase_add_test(t, example_c);
}

TEST_MAIN("state_root", suite)
