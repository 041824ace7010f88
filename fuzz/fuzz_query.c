/* Any bytes as a query: refused with a message that is text, or accepted; then it runs over a small
 * graph within its budget, its rows ascend, and every value it returns is of its codec. */
#include "base/check.h"
#include "base/hash.h"
#include "fuzz/fuzz.h"
#include "rmg/store/arena.h"
#include "rmg/lang/lang_query.h"
#include "tests/lib/must.h"
#include "tests/lib/named.h"

const char *const fuzz_corpus[] = {"fuzz/corpus/query", NULL};

#define ARENA_BYTES (1u << 20)
#define NODES       6u
#define ROWS        20u
#define BUDGET      20000u

static struct rmg_arena *arena;
static struct rmg_store *store;
static struct rmg_schema *schema;
static struct rmg_graph view;

/* Nodes P and Q in a ring of edges D with values of each codec; half of it declared. */
static void fill(struct rmg_collect *collect)
{
    static const uint8_t bytes[JIT_ID_BYTES] = {'x'};
    struct jit_id top;
    struct jit_id ids[NODES];
    char label[2] = "0";
    must(rmg_collect_path(collect, "/", &top));
    for (unsigned i = 0; i < NODES; i++) {
        struct jit_id type = named("type:", i % 2 == 0 ? "P" : "Q");
        label[0] = (char)('0' + i);
        ids[i] = named("node:", label);
        must(rmg_collect_node(collect, &top, &ids[i], &type));
        for (int codec = RMG_CODEC_BOOL; codec < RMG_CODEC_LIST; codec++) {
            struct rmg_datum datum = {.codec = (enum rmg_codec)codec, .bytes = bytes};
            datum.size = codec == RMG_CODEC_ID ? JIT_ID_BYTES : i % 2;
            if (codec == RMG_CODEC_F64 || codec == RMG_CODEC_F32) {
                datum.as.f64 = (double)i / 4;
            } else {
                datum.as.i64 = codec == RMG_CODEC_I64 ? (int64_t)i - 2 : 0;
            }
            must(rmg_collect_datum(collect, &top, RMG_PLANE_ALPHA, &ids[i],
                                   rmg_codec_name((enum rmg_codec)codec), &datum));
        }
    }
    for (unsigned i = 0; i < NODES; i++) {
        struct jit_id type = named("type:", "D");
        struct jit_id edge;
        must(
            rmg_collect_edge_numbered(collect, &top, &ids[i], &ids[(i + 1) % NODES], &type, &edge));
    }
}

static void prepare(void)
{
    struct jit_heap *heap = jit_heap_libc();
    struct rmg_collect *collect = NULL;
    struct rmg_tx *tx = NULL;
    struct rmg_version version = rmg_version_empty();
    struct rmg_instance in;
    struct rmg_schema_field field = {.name = "i64", .codec = RMG_CODEC_I64};
    struct rmg_schema_type type = {
        .name = "P", .kind = RMG_TYPE_NODE, .fields = &field, .field_count = 1};
    struct jit_id at;
    must(rmg_arena_new(heap, ARENA_BYTES, &arena));
    struct rmg_store_options options = {.arenas = {arena}, .arena_count = 1};
    must(rmg_store_new(heap, &options, &store));
    must(rmg_collect_new(heap, store, &collect));
    fill(collect);
    must(rmg_tx_begin(store, &version, &tx));
    must(rmg_collect_load(collect, tx, &at));
    must(rmg_tx_seal(tx, &version));
    rmg_collect_free(collect);
    must(rmg_store_next(store, &version, NULL, &in));
    rmg_store_graph(store, &in, &view);
    must(rmg_schema_new(heap, &schema));
    must(rmg_schema_add(schema, &type, NULL));
}

static void check_rows(const struct lang_query *query, const struct lang_rows *rows)
{
    assert(rows->count <= ROWS);
    for (size_t row = 0; row < rows->count; row++) {
        const struct jit_id *ids = &rows->ids[row * rows->width];
        assert(row == 0 || query->key_count > 0 ||
               memcmp(ids - rows->width, ids, rows->width * sizeof *ids) < 0);
        for (uint32_t i = 0; i < query->column_count; i++) {
            struct rmg_datum datum;
            if (query->columns[i].kind == LANG_COLUMN_VALUE) {
                must(lang_query_value(query, i, &view, ids, &datum));
                assert(datum.codec == RMG_CODEC_NONE || datum.codec == query->columns[i].codec);
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct jit_heap *heap = jit_heap_libc();
    struct lang_graph_types *graph_types = NULL;
    struct lang_query *query = NULL;
    struct jit_buf messages;
    if (store == NULL) {
        prepare();
    }
    jit_buf_init(&messages, heap, 1u << 20);
    must(lang_graph_types_new(heap, &view, schema, &graph_types));
    struct lang_types types = lang_graph_types_of(graph_types);
    enum jit_err err = lang_query_parse(heap, bytes, size, &types, &query, &messages);
    assert(err == JIT_OK || err == JIT_EFORMAT);
    assert((err == JIT_OK) == (query != NULL));
    if (query != NULL) {
        struct lang_rows rows;
        fuzz_take();
        assert(messages.size == 0);
        err = lang_query_run(heap, query, &view, ROWS, BUDGET, &rows);
        assert(err == JIT_OK || err == JIT_EBUDGET);
        if (err == JIT_OK) {
            check_rows(query, &rows);
        }
        lang_rows_release(&rows);
    } else {
        assert(messages.err == JIT_OK && messages.size > 0);
        assert(rmg_utf8_valid(messages.data, messages.size));
    }
    lang_query_free(heap, query);
    lang_graph_types_free(graph_types);
    jit_buf_release(&messages);
    return 0;
}
