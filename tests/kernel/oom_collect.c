/* Rows of what is gathered before there is a graph: collections, and the types of one. */
#include "rmg/schema/schema_infer.h"
#include "tests/kernel/oom_world.h"

/* ---- collections ---- */

static enum jit_err collect(struct rmg_collect *collection)
{
    struct jit_id instance;
    struct jit_id edge;
    struct jit_id type = world_id("type:", 3);
    static const char *const paths[] = {"/", "/a", "/a/b"};
    enum jit_err err = JIT_OK;
    for (unsigned i = 0; err == JIT_OK && i < sizeof paths / sizeof *paths; i++) {
        err = rmg_collect_path(collection, paths[i], &instance);
    }
    for (unsigned i = 0; err == JIT_OK && i < 30; i++) {
        struct jit_id id = world_id("collected:", i);
        struct jit_id first = world_id("collected:", 0);
        struct rmg_datum datum = {.codec = RMG_CODEC_I64, .as.i64 = i};
        err = rmg_collect_node(collection, &instance, &id, &type);
        err = err == JIT_OK
                  ? rmg_collect_datum(collection, &instance, RMG_PLANE_ALPHA, &id, "n", &datum)
                  : err;
        err = err == JIT_OK
                  ? rmg_collect_edge_numbered(collection, &instance, &id, &first, &type, &edge)
                  : err;
    }
    return err;
}

static enum jit_err run_collect_load(struct oom *oom)
{
    struct rmg_collect *collection = NULL;
    struct other other;
    struct rmg_tx *tx = NULL;
    struct jit_id at;
    struct rmg_version version = rmg_version_empty();
    enum jit_err err = other_new(&other, &oom->mem->heap);
    err = err == JIT_OK ? rmg_collect_new(&oom->mem->heap, other.store, &collection) : err;
    err = err == JIT_OK ? collect(collection) : err;
    err = err == JIT_OK ? rmg_tx_begin(other.store, &version, &tx) : err;
    if (err == JIT_OK) {
        err = seal_or_abort(oom, tx, rmg_collect_load(collection, tx, &at));
    }
    rmg_collect_free(collection);
    other_release(&other, &oom->mem->heap);
    return err;
}

static enum jit_err run_collect_patch(struct oom *oom)
{
    struct rmg_collect *collection = NULL;
    struct jit_id at;
    struct other other;
    enum jit_err err = other_new(&other, &oom->mem->heap);
    err = err == JIT_OK ? rmg_collect_new(&oom->mem->heap, other.store, &collection) : err;
    err = err == JIT_OK ? collect(collection) : err;
    err = err == JIT_OK ? rmg_collect_patch(collection, write_out, &out, &at) : err;
    rmg_collect_free(collection);
    other_release(&other, &oom->mem->heap);
    return hash_out(oom, err);
}

/* A genesis, as a stream into an empty store. */
static void begin_collected(struct oom *oom)
{
    struct rmg_collect *collection = NULL;
    struct jit_id at;
    struct other other;
    begin(oom);
    must(other_new(&other, jit_heap_libc()));
    must(rmg_collect_new(jit_heap_libc(), other.store, &collection));
    must(collect(collection));
    must(rmg_collect_patch(collection, write_out, &in, &at));
    rmg_collect_free(collection);
    other_release(&other, jit_heap_libc());
}

static enum jit_err stream_all(struct rmg_patch_stream *stream)
{
    struct jit_id digest;
    enum jit_err err = JIT_OK;
    for (size_t at = 0; err == JIT_OK && at < in.size; at += 61) {
        err = rmg_patch_stream_feed(stream, in.data + at, in.size - at < 61 ? in.size - at : 61);
    }
    if (err != JIT_OK) {
        rmg_patch_stream_abort(stream);
        return err;
    }
    return rmg_patch_stream_end(stream, &digest);
}

static enum jit_err run_patch_stream(struct oom *oom)
{
    struct rmg_patch_stream *stream = NULL;
    struct other other;
    struct rmg_tx *tx = NULL;
    struct rmg_version empty = rmg_version_empty();
    enum jit_err err = other_new(&other, &oom->mem->heap);
    err = err == JIT_OK ? rmg_tx_begin(other.store, &empty, &tx) : err;
    if (err == JIT_OK) {
        err = rmg_patch_stream_begin(&oom->mem->heap, tx, &empty, &stream);
        err = seal_or_abort(oom, tx, err == JIT_OK ? stream_all(stream) : err);
    }
    other_release(&other, &oom->mem->heap);
    return err;
}

/* ---- schemas ---- */

static enum jit_err make_schema(struct jit_heap *heap, unsigned fields, struct rmg_schema **schema)
{
    struct rmg_schema_fault fault;
    const struct rmg_schema_field all[] = {
        {.name = "n", .codec = RMG_CODEC_I64, .join = RMG_JOIN_SUM},
        {.name = "text", .codec = RMG_CODEC_TEXT, .has_default = true, .value_size = 0}};
    const struct rmg_schema_type node = {
        .name = "Cell", .kind = RMG_TYPE_NODE, .fields = all, .field_count = fields};
    const struct rmg_schema_type edge = {.name = "NEXT", .kind = RMG_TYPE_EDGE};
    enum jit_err err = rmg_schema_new(heap, schema);
    err = err == JIT_OK ? rmg_schema_add_builtin(*schema) : err;
    err = err == JIT_OK ? rmg_schema_add(*schema, &node, &fault) : err;
    return err == JIT_OK && fields > 1 ? rmg_schema_add(*schema, &edge, &fault) : err;
}

static enum jit_err run_schema(struct oom *oom)
{
    struct rmg_schema *a = NULL;
    struct rmg_schema *b = NULL;
    struct rmg_schema *both = NULL;
    enum jit_err err = make_schema(&oom->mem->heap, 1, &a);
    err = err == JIT_OK ? make_schema(&oom->mem->heap, 2, &b) : err;
    err = err == JIT_OK ? rmg_schema_union(&oom->mem->heap, a, b, &both) : err;
    err = err == JIT_OK ? rmg_schema_hash(both, &oom->result) : err;
    rmg_schema_free(both);
    rmg_schema_free(b);
    rmg_schema_free(a);
    return err;
}

static enum jit_err run_schema_kept(struct oom *oom)
{
    struct rmg_schema *schema = NULL;
    struct rmg_schema *found = NULL;
    struct rmg_schema_fault fault;
    struct rmg_tx *tx = NULL;
    struct rmg_version version;
    const struct jit_id top = world_id("warp:", 0);
    enum jit_err err = make_schema(&oom->mem->heap, 2, &schema);
    err = err == JIT_OK ? rmg_tx_begin(w.store, &w.versions[3], &tx) : err;
    if (err == JIT_OK) {
        err = rmg_schema_put(schema, tx, &top);
        if (err == JIT_OK) {
            err = rmg_tx_seal(tx, &version);
        } else {
            rmg_tx_abort(tx);
        }
    }
    if (err == JIT_OK) {
        w.versions[3] = version; /* a second try goes on from here */
        must(rmg_store_pin(w.store, &version));
        err = rmg_schema_read(&oom->mem->heap, w.store, &version, &found, &fault);
    }
    err = err == JIT_OK ? rmg_schema_hash(found, &oom->result) : err;
    rmg_schema_free(found);
    rmg_schema_free(schema);
    return err;
}

static const char *name_of(void *user, const struct jit_id *type)
{
    (void)user;
    return type->bytes[0] % 2 == 0 ? "Even" : "Odd";
}

static enum jit_err run_infer(struct oom *oom)
{
    struct rmg_infer *infer = NULL;
    struct rmg_schema *schema = NULL;
    uint64_t left_out = 0;
    enum jit_err err = rmg_infer_new(&oom->mem->heap, &infer);
    err = err == JIT_OK ? rmg_infer_add_version(infer, w.store, &w.versions[3]) : err;
    err = err == JIT_OK ? rmg_schema_new(&oom->mem->heap, &schema) : err;
    err = err == JIT_OK ? rmg_infer_declare(infer, name_of, NULL, schema, &left_out) : err;
    err = err == JIT_OK ? rmg_schema_hash(schema, &oom->result) : err;
    rmg_schema_free(schema);
    rmg_infer_free(infer);
    return err;
}

const struct oom_row oom_collect_rows[] = {
    {"rmg_patch_stream", begin_collected, run_patch_stream, whole, end, false, false},
    {"rmg_collect_load", begin, run_collect_load, whole, end, false, false},
    {"rmg_collect_patch", begin, run_collect_patch, whole, end, false, false},
    {"rmg_schema_union", begin, run_schema, whole, end, false, false},
    {"rmg_schema_put and read", begin, run_schema_kept, whole, end, false, false},
    {"rmg_infer", begin, run_infer, whole, end, false, false},
};
const size_t oom_collect_row_count = sizeof oom_collect_rows / sizeof oom_collect_rows[0];
