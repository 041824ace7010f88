/* tests/rmg/schema/schema_bed.h - a store and the types that are put into it. Layer: tests. */
#ifndef JIT_TESTS_RMG_SCHEMA_SCHEMA_BED_H
#define JIT_TESTS_RMG_SCHEMA_SCHEMA_BED_H

#include "base/hash.h"
#include "rmg/schema/schema.h"
#include "rmg/store/arena.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/must.h"
#include "tests/lib/named.h"
#include "tests/lib/tcase.h"

#define ARENA_BYTES (1u << 20)

static struct fault_heap mem;
static struct rmg_arena *arena;
static struct rmg_store *store;
static struct rmg_collect *collect;
static struct jit_id top;
static struct jit_id place;
static struct jit_id place_root;

static inline void open_store(void)
{
    must(rmg_arena_new(&mem.heap, ARENA_BYTES, &arena));
    struct rmg_store_options options = {.arenas = {arena}, .arena_count = 1};
    must(rmg_store_new(&mem.heap, &options, &store));
    must(rmg_collect_new(&mem.heap, store, &collect));
}

static inline void close_store(void)
{
    rmg_collect_free(collect);
    rmg_store_free(store);
    rmg_arena_free(&mem.heap, arena);
}

/* Nothing is there any more. */
static inline void renew(void)
{
    close_store();
    open_store();
}

static inline void setup(void)
{
    mem = fault_heap_make(-1, false);
    open_store();
    jit_hash_named("warp:", "/", 1, &top);
    rmg_schema_place(&place, &place_root);
}

static inline void teardown(void)
{
    close_store();
    ck_assert_int_eq(mem.live, 0);
}

static inline struct rmg_version load(void)
{
    struct rmg_version version = rmg_version_empty();
    struct rmg_tx *tx = NULL;
    struct jit_id at;
    must(rmg_tx_begin(store, &version, &tx));
    must(rmg_collect_load(collect, tx, &at));
    must(rmg_tx_seal(tx, &version));
    return version;
}

static inline struct rmg_schema *empty(void)
{
    struct rmg_schema *schema = NULL;
    must(rmg_schema_new(&mem.heap, &schema));
    return schema;
}

static inline struct rmg_schema *read_schema(const struct rmg_version *version)
{
    struct rmg_schema *schema = NULL;
    struct rmg_schema_fault fault;
    enum jit_err err = rmg_schema_read(&mem.heap, store, version, &schema, &fault);
    ck_assert_msg(err == JIT_OK, "%s", fault.what != NULL ? fault.what : jit_err_text(err));
    return schema;
}

static const uint8_t three[8] = {3};
static const struct rmg_schema_field cell_fields[] = {
    {.name = "state",
     .codec = RMG_CODEC_I64,
     .join = RMG_JOIN_SUM,
     .has_default = true,
     .value = three,
     .value_size = 8},
    {.name = "", .codec = RMG_CODEC_LIST, .element = RMG_CODEC_ID},
};
static const struct rmg_schema_type cell = {
    .name = "Cell", .kind = RMG_TYPE_NODE, .fields = cell_fields, .field_count = 2};

/* The fields of Cell, by hand from the page. */
static inline size_t cell_bytes(uint8_t out[512])
{
    struct jit_id i64 = type_of("i64");
    struct jit_id list = type_of("list<id>");
    struct jit_buf buf;
    jit_buf_init(&buf, &mem.heap, 512);
    jit_buf_put_u64(&buf, 2);
    jit_buf_put_u64(&buf, 8 + 5 * 8 + 5 + 32 + 3 + 1 + 8);
    jit_buf_put_u64(&buf, 5);
    rmg_list_put(&buf, "state", 5);
    rmg_list_put(&buf, &i64, 32);
    rmg_list_put(&buf, "sum", 3);
    rmg_list_put(&buf, "\1", 1);
    rmg_list_put(&buf, three, 8);
    jit_buf_put_u64(&buf, 8 + 5 * 8 + 32 + 1);
    jit_buf_put_u64(&buf, 5);
    rmg_list_put(&buf, "", 0);
    rmg_list_put(&buf, &list, 32);
    rmg_list_put(&buf, "", 0);
    rmg_list_put(&buf, "\0", 1);
    rmg_list_put(&buf, "", 0);
    must(buf.err);
    size_t size = buf.size;
    memcpy(out, buf.data, size);
    jit_buf_release(&buf);
    return size;
}

static inline void check_atom(const struct rmg_graph *view, const struct jit_id *node,
                              const char *name, const char *type, const void *bytes, size_t size)
{
    struct rmg_value value;
    struct jit_id want = type_of(type);
    must(rmg_attachment_get(view, RMG_PLANE_ALPHA, node, name, (uint32_t)strlen(name), &value));
    ck_assert_int_eq(value.kind, RMG_VALUE_ATOM);
    ck_assert(jit_id_equal(&value.type, &want));
    ck_assert_uint_eq(value.size, size);
    ck_assert(memcmp(value.bytes, bytes, size) == 0);
}

#endif
