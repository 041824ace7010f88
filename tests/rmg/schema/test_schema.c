/* Goal:   types in /schema are what docs/spec/root-graph.md says: written by one mechanism, read
 * back as they were, refused where a byte does not follow the page; the schema hash and the
 *         comparison of two tell exactly what differs.
 * Method: golden bytes and a golden hash by hand; schemas of random types written by a collect and
 *         by a transaction, read, compared; every single atom of a type broken in turn; every
 *         truncation and flipped byte of `fields`; two random schemas merged both ways; every
 *         refused allocation. */
#include <stdio.h>

#include "base/hash.h"
#include "base/random.h"
#include "rmg/schema/schema.h"
#include "rmg/store/arena.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/tcase.h"
#include "tests/rmg/schema/schema_bed.h"

START_TEST(written_bytes)
{
    struct rmg_schema *schema = empty();
    uint8_t want[512];
    size_t want_size = cell_bytes(want);
    struct jit_id ends[2] = {type_of("Cell"), type_of("World")};
    struct rmg_schema_type edge = {
        .name = "HAS", .kind = RMG_TYPE_EDGE, .from = ends, .from_count = 1};
    must(rmg_schema_add(schema, &cell, NULL));
    must(rmg_schema_add(schema, &edge, NULL));
    must(rmg_collect_path(collect, "/", &top));
    must(rmg_schema_collect(schema, collect));
    struct rmg_version version = load();
    struct rmg_instance in;
    struct rmg_graph view;
    must(rmg_store_instance(store, &version, &place, &in));
    rmg_store_graph(store, &in, &view);
    ck_assert_uint_eq(in.roots.node_count, 3); /* the root node, Cell, HAS */
    struct jit_id id = type_of("Cell");
    struct jit_id type;
    struct jit_id want_type = type_of("type");
    must(rmg_node_type(&view, &id, &type));
    ck_assert(jit_id_equal(&type, &want_type));
    check_atom(&view, &id, "name", "text", "Cell", 4);
    check_atom(&view, &id, "kind", "text", "node", 4);
    check_atom(&view, &id, "fields", "list", want, want_size);
    id = type_of("HAS");
    uint8_t list[48] = {1};
    list[8] = 32;
    memcpy(list + 16, &ends[0], 32);
    check_atom(&view, &id, "kind", "text", "edge", 4);
    check_atom(&view, &id, "fields", "list", "\0\0\0\0\0\0\0\0", 8);
    check_atom(&view, &id, "from", "list", list, 48);
    struct rmg_value value;
    ck_assert_int_eq(rmg_attachment_get(&view, RMG_PLANE_ALPHA, &id, "to", 2, &value), JIT_ENOENT);
    rmg_schema_free(schema);
}
END_TEST

/* Content ids and the schema hash, computed here from their definition. */
START_TEST(hashes)
{
    struct rmg_schema *schema = empty();
    uint8_t fields[512];
    size_t fields_size = cell_bytes(fields);
    struct jit_buf buf;
    struct jit_id text = type_of("text");
    struct jit_id list = type_of("list");
    struct jit_id type = type_of("type");
    const struct {
        const char *name;
        const struct jit_id *type;
        const void *bytes;
        size_t size;
    } atoms[] = {{"fields", &list, fields, fields_size},
                 {"kind", &text, "node", 4},
                 {"name", &text, "Cell", 4}};
    jit_buf_init(&buf, &mem.heap, 4096);
    jit_buf_put_id(&buf, &type);
    jit_buf_put_u64(&buf, 3);
    for (size_t i = 0; i < 3; i++) {
        struct jit_id atom;
        jit_hash_key(JIT_K_ATOM, atoms[i].bytes, atoms[i].size, &atom);
        rmg_list_put(&buf, atoms[i].name, strlen(atoms[i].name));
        jit_buf_put_u8(&buf, 1);
        jit_buf_put_id(&buf, atoms[i].type);
        jit_buf_put_u64(&buf, atoms[i].size);
        jit_buf_put_id(&buf, &atom);
    }
    struct jit_id want;
    struct jit_id got;
    jit_hash_key(JIT_K_CONTENT, buf.data, buf.size, &want);
    must(rmg_schema_add(schema, &cell, NULL));
    must(rmg_schema_type_content(schema, schema->types[0], &got));
    ck_assert(jit_id_equal(&got, &want));
    struct jit_id cell_id = type_of("Cell");
    jit_buf_reset(&buf);
    jit_buf_put_u64(&buf, 1);
    jit_buf_put_id(&buf, &cell_id);
    jit_buf_put_id(&buf, &got);
    jit_hash_key(JIT_K_SCHEMA, buf.data, buf.size, &want);
    must(rmg_schema_hash(schema, &got));
    ck_assert(jit_id_equal(&got, &want));
    jit_buf_release(&buf);
    rmg_schema_free(schema);
}
END_TEST

/* ---- random schemas ---- */

static struct jit_random rnd;

static uint32_t below(uint32_t bound)
{
    return (uint32_t)jit_random_below(&rnd, bound);
}

/* A type of one of `names` names with up to 4 fields; every part of it may differ from the next. */
static void random_type(struct rmg_schema *schema, uint32_t names)
{
    static const uint8_t zeros[32];
    struct rmg_schema_field fields[4];
    struct jit_id ends[2][2];
    char type_name[16];
    char field_names[4][16];
    struct rmg_attachment other = {
        .name = "note",
        .name_size = 4,
        .value = {.kind = RMG_VALUE_ATOM, .type = type_of("text"), .bytes = zeros, .size = 0}};
    struct rmg_schema_type type = {.name = type_name, .fields = fields};
    (void)snprintf(type_name, sizeof type_name, "T%u", below(names));
    type.kind = below(8) == 0 ? RMG_TYPE_EDGE : RMG_TYPE_NODE;
    type.field_count = below(5);
    for (uint32_t i = 0; i < type.field_count; i++) {
        struct rmg_schema_field *f = &fields[i];
        *f = (struct rmg_schema_field){.name = field_names[i]};
        (void)snprintf(field_names[i], sizeof field_names[i], "%c%u", below(8) == 0 ? 'g' : 'f', i);
        f->codec = below(8) == 0 ? RMG_CODEC_ID : RMG_CODEC_I64;
        if (below(16) == 0) {
            f->codec = RMG_CODEC_NONE;
            f->type = type_of("mine");
        }
        f->join = f->codec == RMG_CODEC_I64 && below(8) == 0 ? RMG_JOIN_SUM : RMG_JOIN_NONE;
        f->has_default = below(8) == 0;
        f->value = zeros;
        f->value_size = !f->has_default ? 0 : f->codec == RMG_CODEC_ID ? 32 : 8;
    }
    if (type.kind == RMG_TYPE_EDGE && below(4) == 0) {
        ends[0][0] = type_of("T0");
        ends[1][0] = type_of("T1");
        type.from = ends[0];
        type.to = ends[1];
        type.from_count = below(2);
        type.to_count = below(2);
    }
    type.others = &other;
    type.other_count = below(16) == 0;
    enum jit_err err = rmg_schema_add(schema, &type, NULL);
    ck_assert(err == JIT_OK || err == JIT_EEXIST);
}

static struct rmg_schema *random_schema(uint32_t names)
{
    struct rmg_schema *schema = empty();
    for (uint32_t i = below(names + 1); i > 0; i--) {
        random_type(schema, names);
    }
    return schema;
}

static bool same(const struct rmg_schema *a, const struct rmg_schema *b)
{
    struct jit_id x;
    struct jit_id y;
    must(rmg_schema_hash(a, &x));
    must(rmg_schema_hash(b, &y));
    bool equal = rmg_schema_compare(a, b, NULL, NULL) == RMG_SCHEMA_SAME;
    ck_assert_int_eq(equal, jit_id_equal(&x, &y)); /* the hash says what the comparison says */
    return equal;
}

START_TEST(written_and_read)
{
    rnd = jit_random_of(17);
    for (int round = 0; round < 60; round++) {
        struct rmg_schema *schema = random_schema(8);
        struct rmg_tx *tx = NULL;
        struct rmg_version made = rmg_version_empty();
        renew();
        must(rmg_collect_path(collect, "/", &top));
        struct rmg_version version = load();
        must(rmg_tx_begin(store, &version, &tx));
        must(rmg_schema_put(schema, tx, &top));
        must(rmg_tx_seal(tx, &made));
        struct rmg_schema *back = read_schema(&made);
        ck_assert_msg(same(schema, back), "round %d", round);
        renew();
        must(rmg_collect_path(collect, "/", &top));
        must(rmg_schema_collect(schema, collect));
        /* Both ways give one state. */
        struct rmg_version other = load();
        ck_assert(jit_id_equal(&other.state_root, &made.state_root));
        rmg_schema_free(schema);
        rmg_schema_free(back);
    }
}
END_TEST

static bool count_them(void *user, const struct rmg_schema_difference *difference)
{
    uint32_t *counts = user;
    struct jit_buf line;
    jit_buf_init(&line, &mem.heap, 4096);
    rmg_schema_difference_print(difference, "here", "there", &line);
    ck_assert(line.err == JIT_OK && line.size > 10 && rmg_utf8_valid(line.data, line.size));
    jit_buf_release(&line);
    counts[difference->what]++;
    return true;
}

START_TEST(laws_of_comparison)
{
    uint32_t seen[RMG_SCHEMA_OTHER + 1] = {0};
    uint32_t relations[RMG_SCHEMA_CONFLICT + 1] = {0};
    static const enum rmg_schema_relation mirror[] = {RMG_SCHEMA_SAME, RMG_SCHEMA_B_MORE,
                                                      RMG_SCHEMA_A_MORE, RMG_SCHEMA_BOTH_MORE,
                                                      RMG_SCHEMA_CONFLICT};
    rnd = jit_random_of(18);
    for (int round = 0; round < 4000; round++) {
        struct rmg_schema *a = random_schema(3);
        struct rmg_schema *b = random_schema(3);
        struct rmg_schema *ab = NULL;
        struct rmg_schema *ba = NULL;
        enum rmg_schema_relation relation = rmg_schema_compare(a, b, count_them, seen);
        relations[relation]++;
        ck_assert_int_eq(rmg_schema_compare(b, a, NULL, NULL), mirror[relation]);
        ck_assert_int_eq(rmg_schema_compare(a, a, NULL, NULL), RMG_SCHEMA_SAME);
        (void)same(a, b);
        enum jit_err err = rmg_schema_union(&mem.heap, a, b, &ab);
        ck_assert_int_eq(err, relation == RMG_SCHEMA_CONFLICT ? JIT_ECONFLICT : JIT_OK);
        ck_assert_int_eq(rmg_schema_union(&mem.heap, b, a, &ba), err);
        if (err == JIT_OK) {
            ck_assert(same(ab, ba));
            relation = rmg_schema_compare(ab, a, NULL, NULL);
            ck_assert(relation == RMG_SCHEMA_SAME || relation == RMG_SCHEMA_A_MORE);
            relation = rmg_schema_compare(ab, b, NULL, NULL);
            ck_assert(relation == RMG_SCHEMA_SAME || relation == RMG_SCHEMA_A_MORE);
        }
        rmg_schema_free(a);
        rmg_schema_free(b);
        rmg_schema_free(ab);
        rmg_schema_free(ba);
    }
    for (size_t i = 0; i <= RMG_SCHEMA_OTHER; i++) {
        ck_assert_msg(seen[i] > 0, "difference %zu never seen", i);
    }
    for (size_t i = 0; i <= RMG_SCHEMA_CONFLICT; i++) {
        ck_assert_msg(relations[i] > 0, "relation %zu never seen", i);
    }
}
END_TEST

START_TEST(words_of_a_difference)
{
    struct rmg_schema *a = empty();
    struct rmg_schema *b = empty();
    uint32_t counts[RMG_SCHEMA_OTHER + 1] = {0};
    struct rmg_schema_field age = {.name = "age", .codec = RMG_CODEC_I64};
    struct rmg_schema_type person = {
        .name = "Person", .kind = RMG_TYPE_NODE, .fields = &age, .field_count = 1};
    must(rmg_schema_add(a, &person, NULL));
    age.codec = RMG_CODEC_TEXT;
    must(rmg_schema_add(b, &person, NULL));
    ck_assert_int_eq(rmg_schema_compare(a, b, count_them, counts), RMG_SCHEMA_CONFLICT);
    struct rmg_schema_difference difference = {
        .what = RMG_SCHEMA_CODEC, .a = a->types[0], .b = b->types[0]};
    struct jit_buf line;
    jit_buf_init(&line, &mem.heap, 4096);
    rmg_schema_difference_print(&difference, "in x.rmg", "in y.rmg", &line);
    static const char want[] = "type Person: field `age` is i64 in x.rmg and text in y.rmg";
    ck_assert_uint_eq(line.size, sizeof want - 1);
    ck_assert(memcmp(line.data, want, line.size) == 0);
    jit_buf_release(&line);
    rmg_schema_free(a);
    rmg_schema_free(b);
}
END_TEST

START_TEST(builtin)
{
    struct rmg_schema *schema = empty();
    must(rmg_schema_add_builtin(schema));
    ck_assert_uint_eq(schema->type_count, 8 + 2 + 5);
    for (uint32_t i = 0; i < schema->type_count; i++) {
        const char *name = schema->types[i]->name;
        ck_assert(rmg_schema_is_builtin(name, strlen(name)));
        ck_assert(!rmg_schema_is_builtin(name, strlen(name) - 1));
        ck_assert_ptr_eq(rmg_schema_find(schema, &schema->types[i]->id), schema->types[i]);
        ck_assert(i == 0 || jit_id_compare(&schema->types[i - 1]->id, &schema->types[i]->id) < 0);
    }
    struct jit_id cell_id = type_of("Cell");
    ck_assert_ptr_null(rmg_schema_find(schema, &cell_id));
    ck_assert_ptr_null(rmg_schema_find(NULL, &cell_id));
    rmg_schema_free(schema);
}
END_TEST

START_TEST(every_refused_allocation)
{
    rnd = jit_random_of(19);
    struct rmg_schema *model = random_schema(8);
    must(rmg_collect_path(collect, "/", &top));
    must(rmg_schema_collect(model, collect));
    struct rmg_version version = load();
    int64_t live = mem.live;
    bool fired = true;
    for (int64_t n = 0; fired; n++) {
        struct rmg_schema *schema = NULL;
        struct rmg_schema *sum = NULL;
        struct rmg_schema_fault fault;
        mem.calls = 0;
        mem.refuse_at = n;
        enum jit_err err = rmg_schema_read(&mem.heap, store, &version, &schema, &fault);
        if (err == JIT_OK) {
            struct jit_id hash;
            err = rmg_schema_hash(schema, &hash);
        }
        if (err == JIT_OK) {
            err = rmg_schema_union(&mem.heap, schema, model, &sum);
        }
        fired = fault_heap_fired(&mem);
        mem.refuse_at = -1;
        ck_assert_int_eq(err, fired ? JIT_ENOMEM : JIT_OK);
        rmg_schema_free(schema);
        rmg_schema_free(sum);
        ck_assert_int_eq(mem.live, live);
    }
    rmg_schema_free(model);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "schema", 20);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, written_bytes);
    tcase_add_test(t, hashes);
    tcase_add_test(t, written_and_read);
    tcase_add_test(t, laws_of_comparison);
    tcase_add_test(t, words_of_a_difference);
    tcase_add_test(t, builtin);
    tcase_add_test(t, every_refused_allocation);
}

TEST_MAIN("schema", suite)
