/* Goal:   what is no schema is refused, and says why.
 * Method: each rule of types broken once; bytes in /schema that are none. */
#include "rmg/schema/schema.h"
#include "rmg/store/arena.h"
#include "tests/lib/tcase.h"
#include "tests/rmg/schema/schema_bed.h"

/* ---- what may not be ---- */

START_TEST(refused_types)
{
    static char long_name[JIT_LABEL_BYTES_MAX + 2];
    static char long_field[JIT_NAME_BYTES_MAX + 2];
    memset(long_name, 'x', JIT_LABEL_BYTES_MAX + 1);
    memset(long_field, 'x', JIT_NAME_BYTES_MAX + 1);
    struct jit_id two[2] = {type_of("Cell"), type_of("Cell")};
    const struct rmg_schema_field fields[][2] = {
        {{.name = long_field, .codec = RMG_CODEC_I64}},
        {{.name = "\xff", .codec = RMG_CODEC_I64}},
        {{.name = "x"}}, /* no codec, no type */
        {{.name = "x", .codec = RMG_CODEC_TEXT, .join = RMG_JOIN_SUM}},
        {{.name = "x", .codec = RMG_CODEC_I64, .join = RMG_JOIN_UNION}},
        {{.name = "x",
          .codec = RMG_CODEC_BOOL,
          .has_default = true,
          .value = three,
          .value_size = 1}},
        {{.name = "x", .codec = RMG_CODEC_I64, .value = three, .value_size = 8}},
        {{.name = "x", .codec = RMG_CODEC_I64}, {.name = "x", .codec = RMG_CODEC_I64}},
        {{.name = "x",
          .type = *rmg_codec_type(RMG_CODEC_BOOL),
          .has_default = true,
          .value = three,
          .value_size = 1}},
    };
    const struct rmg_schema_type types[] = {
        {.name = "", .kind = RMG_TYPE_NODE},
        {.name = long_name, .kind = RMG_TYPE_NODE},
        {.name = "a\xc3", .kind = RMG_TYPE_NODE},
        {.name = "A"},
        {.name = "A", .kind = RMG_TYPE_ATOM, .fields = cell_fields, .field_count = 1},
        {.name = "A", .kind = RMG_TYPE_NODE, .to = two, .to_count = 1},
        {.name = "A", .kind = RMG_TYPE_EDGE, .to = two, .to_count = 2},
    };
    struct rmg_schema *schema = empty();
    struct rmg_schema_fault fault;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        ck_assert_msg(rmg_schema_add(schema, &types[i], &fault) == JIT_EINVALID, "type %zu", i);
        ck_assert_ptr_nonnull(fault.what);
    }
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        struct rmg_schema_type type = {.name = "A",
                                       .kind = RMG_TYPE_NODE,
                                       .fields = fields[i],
                                       .field_count = fields[i][1].name == NULL ? 1 : 2};
        ck_assert_msg(rmg_schema_add(schema, &type, &fault) == JIT_EINVALID, "field %zu", i);
    }
    ck_assert_uint_eq(schema->type_count, 0);
    long_name[JIT_LABEL_BYTES_MAX] = '\0';
    long_field[JIT_NAME_BYTES_MAX] = '\0';
    struct rmg_schema_field longest = {.name = long_field, .codec = RMG_CODEC_I64};
    struct rmg_schema_type type = {
        .name = long_name, .kind = RMG_TYPE_NODE, .fields = &longest, .field_count = 1};
    must(rmg_schema_add(schema, &type, &fault));
    ck_assert_int_eq(rmg_schema_add(schema, &type, &fault), JIT_EEXIST);
    type.field_count = JIT_ATTACHMENTS_MAX + 1;
    type.name = "B";
    ck_assert_int_eq(rmg_schema_add(schema, &type, &fault), JIT_ELIMIT);
    rmg_schema_free(schema);
}
END_TEST

/* ---- hostile bytes ---- */

/* /schema with one type, one atom of which is given here; NULL: left out. */
static enum jit_err with_atom(const char *name, const char *type, const void *bytes, size_t size)
{
    uint8_t fields[512];
    size_t fields_size = cell_bytes(fields);
    struct jit_id id = type_of("Cell");
    struct jit_id type_type = type_of("type");
    struct rmg_schema *schema = NULL;
    struct rmg_schema_fault fault;
    struct {
        const char *name;
        const char *type;
        const void *bytes;
        size_t size;
    } atoms[] = {{"name", "text", "Cell", 4},
                 {"kind", "text", "node", 4},
                 {"fields", "list", fields, fields_size},
                 {NULL, NULL, NULL, 0}};
    size_t at = 0;
    while (at < 3 && strcmp(atoms[at].name, name) != 0) {
        at++;
    }
    atoms[at].name = bytes == NULL ? NULL : name;
    atoms[at].type = type;
    atoms[at].bytes = bytes;
    atoms[at].size = size;
    renew();
    must(rmg_collect_path(collect, "/", &top));
    must(rmg_collect_path(collect, "/schema", &place));
    must(rmg_collect_node(collect, &place, &id, &type_type));
    for (size_t i = 0; i < 4; i++) {
        if (atoms[i].name == NULL) {
            continue;
        }
        struct rmg_attachment attachment = {.name = atoms[i].name,
                                            .name_size = (uint32_t)strlen(atoms[i].name),
                                            .value = {.kind = RMG_VALUE_ATOM,
                                                      .type = type_of(atoms[i].type),
                                                      .bytes = atoms[i].bytes,
                                                      .size = (uint32_t)atoms[i].size}};
        must(rmg_collect_attachment(collect, &place, RMG_PLANE_ALPHA, &id, &attachment));
    }
    struct rmg_version version = load();
    enum jit_err err = rmg_schema_read(&mem.heap, store, &version, &schema, &fault);
    ck_assert((err == JIT_OK) == (schema != NULL));
    ck_assert(err == JIT_OK ||
              (err == JIT_EINVALID && fault.what != NULL && jit_id_equal(&fault.type, &id)));
    rmg_schema_free(schema);
    return err;
}

START_TEST(broken_atoms)
{
    uint8_t ends[8 + 2 * 40] = {2};
    ends[8] = 32;
    ends[48] = 32;
    ends[16] = 1;
    ends[56] = 2;
    must(with_atom("name", "text", "Cell", 4));
    must(with_atom("more", "text", "kept", 4));
    ck_assert_int_eq(with_atom("name", "text", NULL, 0), JIT_EINVALID);
    ck_assert_int_eq(with_atom("name", "bytes", "Cell", 4), JIT_EINVALID);
    ck_assert_int_eq(with_atom("name", "text", "Dell", 4), JIT_EINVALID);
    ck_assert_int_eq(with_atom("name", "text", "", 0), JIT_EINVALID);
    ck_assert_int_eq(with_atom("kind", "text", NULL, 0), JIT_EINVALID);
    ck_assert_int_eq(with_atom("kind", "text", "nodes", 5), JIT_EINVALID);
    ck_assert_int_eq(with_atom("kind", "text", "atom", 4), JIT_EINVALID); /* it has fields */
    ck_assert_int_eq(with_atom("fields", "list", NULL, 0), JIT_EINVALID);
    ck_assert_int_eq(with_atom("fields", "bytes", "\0\0\0\0\0\0\0\0", 8), JIT_EINVALID);
    must(with_atom("fields", "list", "\0\0\0\0\0\0\0\0", 8));
    ck_assert_int_eq(with_atom("from", "list", ends, sizeof ends), JIT_EINVALID); /* a node */
    must(with_atom("kind", "text", "edge", 4));
}
END_TEST

/* Every truncation of `fields` is refused. A changed byte is refused as well, or gives another
 * valid type (a name's letter, a codec that nobody knows): never a crash or a read beyond. */
START_TEST(broken_fields)
{
    uint8_t good[512];
    uint8_t bad[512];
    size_t size = cell_bytes(good);
    unsigned refused = 0;
    for (size_t keep = 0; keep < size; keep++) {
        memcpy(bad, good, size);
        ck_assert_int_eq(with_atom("fields", "list", bad, keep), JIT_EINVALID);
    }
    for (size_t at = 0; at < size; at++) {
        for (unsigned bit = 0; bit < 8; bit += 3) {
            memcpy(bad, good, size);
            bad[at] ^= (uint8_t)(1u << bit);
            refused += with_atom("fields", "list", bad, size) == JIT_EINVALID;
        }
    }
    ck_assert_uint_gt(refused, size);
}
END_TEST

START_TEST(no_schema)
{
    struct rmg_schema *schema = NULL;
    struct rmg_schema_fault fault;
    must(rmg_collect_path(collect, "/", &top));
    struct rmg_version version = load();
    ck_assert_int_eq(rmg_schema_read(&mem.heap, store, &version, &schema, &fault), JIT_ENOENT);
    ck_assert_ptr_null(schema);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "schema_bad", 20);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, refused_types);
    tcase_add_test(t, broken_atoms);
    tcase_add_test(t, broken_fields);
    tcase_add_test(t, no_schema);
}

TEST_MAIN("schema_bad", suite)
