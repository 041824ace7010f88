/* Rows of graphs: stores, transactions, patches, files, merges, proofs, schemas. They work on the
 * small states of checkpoint_world.h. */
#include <unistd.h>

#include "librmg/rmg.h"
#include "rmg/schema/schema_infer.h"
#include "tests/kernel/checkpoint/checkpoint_world.h"
#include "tests/kernel/oom_rows.h"

#define BYTES_MAX (1u << 20)
static struct world w;
static struct jit_buf in;  /* what an operation reads, made by begin with all memory */
static struct jit_buf out; /* what it writes, of the heap that refuses */

static void begin(struct oom *oom)
{
    world_begin(&w);
    jit_buf_init(&in, jit_heap_libc(), BYTES_MAX);
    jit_buf_init(&out, &w.mem.heap, BYTES_MAX);
    oom->mem = &w.mem;
}

static void end(struct oom *oom)
{
    (void)oom;
    jit_buf_release(&in);
    jit_buf_release(&out);
    world_end(&w);
}

/* The newest version is as it was, bit for bit. */
static void whole(struct oom *oom)
{
    struct rmg_fault fault;
    (void)oom;
    for (unsigned n = 0; n < WORLD_STATES; n++) {
        must(rmg_store_verify(w.store, &w.versions[n], &fault));
    }
}

static struct rmg_state state(unsigned n)
{
    return (struct rmg_state){.store = w.store, .version = w.versions[n]};
}

static enum jit_err write_out(void *user, const uint8_t *bytes, size_t size)
{
    struct jit_buf *buf = user;
    jit_buf_put(buf, bytes, size);
    return buf->err;
}

static enum jit_err hash_out(struct oom *oom, enum jit_err err)
{
    err = err == JIT_OK ? out.err : err;
    if (err == JIT_OK) {
        jit_hash(out.data, out.size, &oom->result);
    }
    jit_buf_release(&out);
    return err;
}

/* A store beside the fixture's; release either way. */
struct other {
    struct rmg_arena *arena;
    struct rmg_store *store;
};

static enum jit_err other_new(struct other *other, struct jit_heap *heap)
{
    *other = (struct other){.arena = NULL};
    enum jit_err err = rmg_arena_new(heap, WORLD_ARENA, &other->arena);
    if (err == JIT_OK) {
        struct rmg_store_options options = {.arenas = {other->arena}, .arena_count = 1};
        err = rmg_store_new(heap, &options, &other->store);
    }
    return err;
}

static void other_release(struct other *other, struct jit_heap *heap)
{
    rmg_store_free(other->store);
    rmg_arena_free(heap, other->arena);
}

/* ---- arenas and stores ---- */

static enum jit_err run_arena_new(struct oom *oom)
{
    struct rmg_arena *arena = NULL;
    enum jit_err err = rmg_arena_new(&oom->mem->heap, WORLD_ARENA, &arena);
    rmg_arena_free(&oom->mem->heap, arena);
    return err;
}

static enum jit_err run_store_new(struct oom *oom)
{
    struct rmg_store *store = NULL;
    struct rmg_store_options options = {.arenas = {w.arena}, .arena_count = 1};
    enum jit_err err = rmg_store_new(&oom->mem->heap, &options, &store);
    rmg_store_free(store);
    return err;
}

static enum jit_err run_pin(struct oom *oom)
{
    unsigned pinned = 0;
    enum jit_err err = rmg_store_pin_ready(w.store, 40);
    while (err == JIT_OK && pinned < 40) {
        err = rmg_store_pin(w.store, &w.versions[pinned % WORLD_STATES]);
        pinned += err == JIT_OK;
    }
    while (pinned > 0) {
        pinned--;
        rmg_store_unpin(w.store, &w.versions[pinned % WORLD_STATES]);
    }
    oom->result = w.versions[3].state_root;
    return err;
}

static enum jit_err run_verify(struct oom *oom)
{
    struct rmg_fault fault;
    (void)oom;
    return rmg_store_verify(w.store, &w.versions[3], &fault);
}

/* ---- transactions ---- */

static enum jit_err seal_or_abort(struct oom *oom, struct rmg_tx *tx, enum jit_err err)
{
    struct rmg_version version;
    if (err != JIT_OK) {
        rmg_tx_abort(tx);
        return err;
    }
    err = rmg_tx_seal(tx, &version);
    if (err == JIT_OK) {
        oom->result = version.state_root;
    }
    return err;
}

/* Every kind of change. */
static enum jit_err change(struct rmg_tx *tx)
{
    const struct jit_id top = world_id("warp:", 0);
    const struct jit_id inner = world_id("warp:", 1);
    const struct jit_id type = world_id("type:", 1);
    const struct jit_id old = world_id("edge:", 0);
    static const uint8_t bytes[700] = {1};
    struct rmg_parent parent = {.present = true,
                                .plane = RMG_PLANE_ALPHA,
                                .instance = top,
                                .owner = world_id("node:", 2),
                                .name_size = 1,
                                .name = "p"};
    struct rmg_attachment portal = {"p", 1, {RMG_VALUE_PORTAL, inner, NULL, 0}};
    enum jit_err err = rmg_tx_delete_edge(tx, &top, &old);
    for (unsigned i = 100; err == JIT_OK && i < 112; i++) {
        struct jit_id id = world_id("node:", i);
        struct rmg_edge edge = {world_id("edge:", i), world_id("node:", 0), id, type};
        struct rmg_attachment value = {
            "long", 4, {RMG_VALUE_ATOM, type, bytes, i % 2 == 0 ? sizeof bytes : 9}};
        err = rmg_tx_upsert_node(tx, &top, &id, &type);
        err = err == JIT_OK ? rmg_tx_upsert_edge(tx, &top, &edge) : err;
        err = err == JIT_OK ? rmg_tx_set_attachment(tx, &top, RMG_PLANE_ALPHA, &id, &value) : err;
        err =
            err == JIT_OK ? rmg_tx_set_attachment(tx, &top, RMG_PLANE_BETA, &edge.id, &value) : err;
        if (err == JIT_OK && i == 111) {
            err = rmg_tx_clear_attachment(tx, &top, RMG_PLANE_ALPHA, &id, "long", 4);
        }
    }
    struct jit_id root = world_id("node:", 0);
    err = err == JIT_OK ? rmg_tx_upsert_instance(tx, &inner, &root, &parent) : err;
    err = err == JIT_OK ? rmg_tx_upsert_node(tx, &inner, &root, &type) : err;
    return err == JIT_OK ? rmg_tx_set_attachment(tx, &top, RMG_PLANE_ALPHA, &parent.owner, &portal)
                         : err;
}

static enum jit_err run_tx(struct oom *oom)
{
    struct rmg_tx *tx = NULL;
    enum jit_err err = rmg_tx_begin(w.store, &w.versions[3], &tx);
    if (err == JIT_OK) {
        err = rmg_tx_reserve(tx, 100, 10000);
        err = err == JIT_OK ? change(tx) : err;
        err = err == JIT_OK ? rmg_tx_judge(tx) : err;
        err = seal_or_abort(oom, tx, err);
    }
    return err;
}

/* A branch with one change in it; where that fails there is no branch. */
static enum jit_err branch_off(const struct rmg_version *from, struct rmg_branch *branch)
{
    struct rmg_tx *tx = NULL;
    enum jit_err err = rmg_branch_fork(w.store, from, branch);
    if (err != JIT_OK) {
        return err;
    }
    err = rmg_branch_begin(w.store, branch, &tx);
    if (err == JIT_OK) {
        err = change(tx);
        if (err == JIT_OK) {
            err = rmg_tx_seal(tx, &branch->head);
        } else {
            rmg_tx_abort(tx);
        }
    }
    if (err != JIT_OK) {
        rmg_branch_drop(w.store, branch);
    }
    return err;
}

static enum jit_err run_branch(struct oom *oom)
{
    struct rmg_branch branch;
    enum jit_err err = branch_off(&w.versions[1], &branch);
    if (err == JIT_OK) {
        oom->result = branch.head.state_root;
        rmg_branch_drop(w.store, &branch);
    }
    return err;
}

static enum jit_err run_branch_adopt(struct oom *oom)
{
    struct rmg_branch branch;
    enum jit_err err = branch_off(&w.versions[3], &branch);
    if (err == JIT_OK) {
        oom->result = branch.head.state_root;
        rmg_branch_adopt(w.store, &branch, NULL);
    }
    return err;
}

static enum jit_err run_bulk(struct oom *oom)
{
    enum { NODES = 40 };
    struct rmg_bulk_node nodes[NODES];
    struct rmg_edge edges[NODES];
    struct rmg_bulk_attachment values[NODES];
    static const uint8_t bytes[300] = {2};
    const struct jit_id top = world_id("warp:", 0);
    const struct jit_id inner = world_id("warp:", 1);
    const struct jit_id type = world_id("type:", 1);
    struct rmg_parent parent = {.present = true,
                                .plane = RMG_PLANE_ALPHA,
                                .instance = top,
                                .owner = world_id("node:", 2),
                                .name_size = 1,
                                .name = "p"};
    struct rmg_attachment portal = {"p", 1, {RMG_VALUE_PORTAL, inner, NULL, 0}};
    for (unsigned i = 0; i < NODES; i++) {
        nodes[i] = (struct rmg_bulk_node){world_id("bulk:", i), type};
        edges[i] = (struct rmg_edge){world_id("bulk edge:", i), nodes[i].id, nodes[0].id, type};
        values[i] = (struct rmg_bulk_attachment){
            nodes[i].id, RMG_PLANE_ALPHA, {"x", 1, {RMG_VALUE_ATOM, type, bytes, i * 7}}};
    }
    struct rmg_bulk bulk = {nodes, NODES, edges, NODES, values, NODES};
    struct rmg_tx *tx = NULL;
    enum jit_err err = rmg_tx_begin(w.store, &w.versions[3], &tx);
    if (err != JIT_OK) {
        return err;
    }
    err = rmg_tx_upsert_instance(tx, &inner, &nodes[0].id, &parent);
    err = err == JIT_OK ? rmg_tx_load(tx, &inner, &bulk) : err;
    err = err == JIT_OK ? rmg_tx_set_attachment(tx, &top, RMG_PLANE_ALPHA, &parent.owner, &portal)
                        : err;
    return seal_or_abort(oom, tx, err);
}

/* ---- patches ---- */

static enum jit_err run_diff_patch(struct oom *oom)
{
    struct rmg_state a = state(0);
    struct rmg_state b = state(3);
    return hash_out(oom, rmg_diff_patch(&oom->mem->heap, &a, &b, &out, NULL));
}

static bool count_difference(void *user, const struct rmg_difference *difference)
{
    ck_assert(difference->before != NULL || difference->after != NULL);
    ++*(uint64_t *)user;
    return true;
}

static enum jit_err run_diff(struct oom *oom)
{
    struct rmg_state a = state(0);
    struct rmg_state b = state(3);
    uint64_t count = 0;
    enum jit_err err = rmg_diff(&a, &b, count_difference, &count, NULL);
    jit_hash(&count, sizeof count, &oom->result);
    return err;
}

/* A patch that stands on the newest version: back to state 1. */
static void begin_patch(struct oom *oom)
{
    begin(oom);
    struct rmg_state a = state(3);
    struct rmg_state b = state(1);
    must(rmg_diff_patch(jit_heap_libc(), &a, &b, &in, NULL));
}

static enum jit_err run_patch_apply(struct oom *oom)
{
    struct rmg_tx *tx = NULL;
    enum jit_err err = rmg_tx_begin(w.store, &w.versions[3], &tx);
    if (err == JIT_OK) {
        err = rmg_patch_apply(&oom->mem->heap, tx, &w.versions[3], in.data, in.size);
        err = seal_or_abort(oom, tx, err);
    }
    return err;
}

static enum jit_err run_patch_amount(struct oom *oom)
{
    const struct rmg_state before = state(3);
    struct rmg_amount use = {.nodes = 1000, .edges = 1000, .bytes = 1000};
    enum jit_err err = rmg_patch_amount(&oom->mem->heap, &before, in.data, in.size, &use);
    jit_hash(&use, sizeof use, &oom->result); /* three numbers of 64 bits */
    return err;
}

/* ---- merges ---- */

static enum jit_err take_merge(struct oom *oom, enum jit_err err, struct rmg_merge_result *result)
{
    if (err == JIT_OK) {
        uint64_t counts[] = {result->conflict_count, result->operations};
        struct jit_hasher hasher;
        jit_hasher_init(&hasher);
        jit_hasher_update(&hasher, counts, sizeof counts);
        jit_hasher_update(&hasher, result->patch.data, result->patch.size);
        jit_hasher_final(&hasher, &oom->result);
        rmg_merge_result_release(result);
    }
    return err;
}

static enum jit_err merge_with(struct oom *oom, enum rmg_side strategy)
{
    struct rmg_merge_options options = {.heap = &oom->mem->heap, .strategy = strategy};
    struct rmg_merge_result result;
    struct rmg_state base = state(0);
    struct rmg_state ours = state(1);
    struct rmg_state theirs = state(3);
    return take_merge(oom, rmg_merge(&options, &base, &ours, &theirs, &result), &result);
}

static enum jit_err run_merge(struct oom *oom)
{
    return merge_with(oom, RMG_SIDE_OURS);
}

static enum jit_err run_merge_conflict(struct oom *oom)
{
    return merge_with(oom, RMG_SIDE_NONE);
}

static enum jit_err run_rebase(struct oom *oom)
{
    struct rmg_merge_options options = {.heap = &oom->mem->heap, .strategy = RMG_SIDE_THEIRS};
    struct rmg_merge_result result;
    struct rmg_state onto = state(0);
    return take_merge(oom, rmg_rebase(&options, &onto, in.data, in.size, &result), &result);
}

/* ---- files ---- */

static enum jit_err run_file_write(struct oom *oom)
{
    return hash_out(
        oom, rmg_file_write(&oom->mem->heap, w.store, &w.versions[3], write_out, &out, NULL));
}

static void begin_file(struct oom *oom)
{
    begin(oom);
    must(rmg_file_write(jit_heap_libc(), w.store, &w.versions[3], write_out, &in, NULL));
}

static enum jit_err run_file_load(struct oom *oom)
{
    struct rmg_file_fault fault;
    struct rmg_file file;
    struct other other;
    struct rmg_version version;
    enum jit_err err = rmg_file_open(in.data, in.size, &file, &fault);
    err = err == JIT_OK ? rmg_file_check(&oom->mem->heap, &file, &fault) : err;
    enum jit_err made = other_new(&other, &oom->mem->heap);
    err = err == JIT_OK ? made : err;
    err =
        err == JIT_OK ? rmg_file_load(&oom->mem->heap, &file, other.store, &version, &fault) : err;
    if (err == JIT_OK) {
        oom->result = version.state_root;
    }
    other_release(&other, &oom->mem->heap);
    return err;
}

/* The format keeps one value a node, without a name: a state that it can hold. */
static struct other bare;
static struct rmg_version bare_version;

static void begin_bare(struct oom *oom)
{
    const struct jit_id top = world_id("warp:", 0);
    const struct jit_id root = world_id("node:", 0);
    const struct jit_id type = world_id("type:", 0);
    struct rmg_version empty = rmg_version_empty();
    struct rmg_tx *tx = NULL;
    begin(oom);
    must(other_new(&bare, jit_heap_libc()));
    must(rmg_tx_begin(bare.store, &empty, &tx));
    must(rmg_tx_upsert_instance(tx, &top, &root, NULL));
    for (unsigned i = 0; i < 12; i++) {
        struct jit_id id = world_id("node:", i);
        struct rmg_edge edge = {world_id("edge:", i), root, id, type};
        must(rmg_tx_upsert_node(tx, &top, &id, &type));
        must(rmg_tx_upsert_edge(tx, &top, &edge));
    }
    must(rmg_tx_seal(tx, &bare_version));
}

static void end_bare(struct oom *oom)
{
    other_release(&bare, jit_heap_libc());
    end(oom);
}

static enum jit_err run_wsc_write(struct oom *oom)
{
    const struct rmg_wsc_head head = {.tick = 3};
    struct rmg_wsc_owner owner;
    return hash_out(oom, rmg_wsc_write(&oom->mem->heap, bare.store, &bare_version, &head, write_out,
                                       &out, &owner, NULL));
}

static void begin_wsc(struct oom *oom)
{
    const struct rmg_wsc_head head = {.tick = 3};
    struct rmg_wsc_owner owner;
    begin_bare(oom);
    must(rmg_wsc_write(jit_heap_libc(), bare.store, &bare_version, &head, write_out, &in, &owner,
                       NULL));
}

static enum jit_err run_wsc_load(struct oom *oom)
{
    struct rmg_file_fault fault;
    struct rmg_wsc file;
    struct other other;
    struct rmg_version version;
    enum jit_err err = rmg_wsc_open(in.data, in.size, &file, &fault);
    enum jit_err made = other_new(&other, &oom->mem->heap);
    err = err == JIT_OK ? made : err;
    err = err == JIT_OK ? rmg_wsc_load(&oom->mem->heap, &file, other.store, &version, &fault) : err;
    if (err == JIT_OK) {
        oom->result = version.state_root;
    }
    other_release(&other, &oom->mem->heap);
    return err;
}

static enum jit_err run_wsc_verify(struct oom *oom)
{
    struct rmg_file_fault fault;
    struct rmg_wsc file;
    struct rmg_wsc_verified verified;
    enum jit_err err = rmg_wsc_open(in.data, in.size, &file, &fault);
    err = err == JIT_OK ? rmg_wsc_verify(&oom->mem->heap, &file, &verified, &fault) : err;
    if (err == JIT_OK) {
        rmg_wsc_verified_release(&verified, &oom->mem->heap);
    }
    return err;
}

/* ---- a space of the library, saved and opened ---- */

static char saved[64];

static void begin_space(struct oom *oom)
{
    struct rmg_space space = {
        .heap = jit_heap_libc(), .store = NULL, .version = rmg_version_empty()};
    begin(oom);
    space.store = w.store;
    space.version = w.versions[3];
    (void)snprintf(saved, sizeof saved, "/tmp/jitos-oom-%d.rmg", (int)getpid());
    must(rmg_store_save(&space, saved));
}

static void end_space(struct oom *oom)
{
    ck_assert_int_eq(unlink(saved), 0);
    end(oom);
}

static enum jit_err run_store_open(struct oom *oom)
{
    struct rmg_space space;
    struct rmg_file_fault fault;
    enum jit_err err = rmg_store_open(&space, &oom->mem->heap, saved, &fault);
    if (err == JIT_OK) {
        oom->result = space.version.state_root;
        rmg_store_close(&space);
    }
    return err;
}

static enum jit_err run_store_save(struct oom *oom)
{
    struct rmg_space space = {.heap = &oom->mem->heap, .store = w.store, .version = w.versions[2]};
    struct rmg_mapped mapped;
    enum jit_err err = rmg_store_save(&space, saved);
    if (err == JIT_OK) {
        must(rmg_file_copy(saved, &mapped));
        jit_hash(mapped.bytes, mapped.size, &oom->result);
        rmg_file_unmap(&mapped);
    }
    return err;
}

/* ---- mounting ---- */

static enum jit_err run_mount(struct oom *oom)
{
    const struct rmg_parent slot = {.present = true,
                                    .plane = RMG_PLANE_ALPHA,
                                    .instance = world_id("warp:", 0),
                                    .owner = world_id("node:", 1),
                                    .name_size = 1,
                                    .name = "m"};
    const struct jit_id inner = world_id("warp:", 9);
    struct rmg_file_fault fault;
    struct rmg_mount_fault why;
    struct other other;
    struct rmg_file file;
    struct rmg_mount mount = {.slot = &slot, .instance = &inner};
    struct rmg_version version = w.versions[3];
    must(other_new(&other, jit_heap_libc()));
    must(rmg_file_open(in.data, in.size, &file, &fault));
    must(rmg_file_load(jit_heap_libc(), &file, other.store, &mount.from.version, &fault));
    mount.from.store = other.store;
    enum jit_err err = rmg_mount(&oom->mem->heap, w.store, &version, &mount, &why);
    if (err == JIT_OK) {
        oom->result = version.state_root;
    } else {
        ck_assert(jit_id_equal(&version.state_root, &w.versions[3].state_root));
    }
    other_release(&other, jit_heap_libc());
    return err;
}

/* ---- collections and schemas ---- */

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

/* ---- hashes, proofs, signatures ---- */

static enum jit_err run_linear_root(struct oom *oom)
{
    return rmg_linear_root(&oom->mem->heap, w.store, &w.versions[3], &oom->result);
}

static enum jit_err run_echo_root(struct oom *oom)
{
    struct rmg_wsc_owner owner;
    return rmg_echo_root(&oom->mem->heap, bare.store, &bare_version, &oom->result, &owner);
}

static enum jit_err run_prove(struct oom *oom)
{
    const struct jit_id top = world_id("warp:", 0);
    const struct jit_id id = world_id("node:", 2);
    return hash_out(oom, rmg_prove(w.store, &w.versions[3], RMG_PROOF_NODES, &top, &id, &out));
}

static enum jit_err run_sign(struct oom *oom)
{
    return hash_out(
        oom, rmg_envelope_sign(NULL, RMG_KIND_STATE, &w.versions[3].state_root, w.seed, &out));
}

const struct oom_row oom_graph_rows[] = {
    {"rmg_arena_new", begin, run_arena_new, whole, end, false, false},
    {"rmg_store_new", begin, run_store_new, whole, end, false, false},
    {"rmg_store_pin", begin, run_pin, whole, end, false, false},
    {"rmg_store_verify", begin, run_verify, whole, end, false, true},
    {"rmg_tx, every change", begin, run_tx, whole, end, false, false},
    {"rmg_tx_load", begin, run_bulk, whole, end, false, false},
    {"rmg_branch, dropped", begin, run_branch, whole, end, false, false},
    {"rmg_branch_adopt", begin, run_branch_adopt, whole, end, false, false},
    {"rmg_diff", begin, run_diff, whole, end, false, true},
    {"rmg_diff_patch", begin, run_diff_patch, whole, end, false, false},
    {"rmg_patch_apply", begin_patch, run_patch_apply, whole, end, false, false},
    {"rmg_patch_amount", begin_patch, run_patch_amount, whole, end, false, false},
    {"rmg_patch_stream", begin_collected, run_patch_stream, whole, end, false, false},
    {"rmg_merge", begin, run_merge, whole, end, false, false},
    {"rmg_merge, conflicts", begin, run_merge_conflict, whole, end, false, false},
    {"rmg_rebase", begin_patch, run_rebase, whole, end, false, false},
    {"rmg_file_write", begin, run_file_write, whole, end, false, false},
    {"rmg_file_load", begin_file, run_file_load, whole, end, false, false},
    {"rmg_wsc_write", begin_bare, run_wsc_write, whole, end_bare, false, false},
    {"rmg_wsc_load", begin_wsc, run_wsc_load, whole, end_bare, false, false},
    {"rmg_wsc_verify", begin_wsc, run_wsc_verify, whole, end_bare, false, false},
    {"rmg_store_open", begin_space, run_store_open, whole, end_space, false, false},
    {"rmg_store_save", begin_space, run_store_save, whole, end_space, false, false},
    {"rmg_mount", begin_file, run_mount, whole, end, false, false},
    {"rmg_collect_load", begin, run_collect_load, whole, end, false, false},
    {"rmg_collect_patch", begin, run_collect_patch, whole, end, false, false},
    {"rmg_schema_union", begin, run_schema, whole, end, false, false},
    {"rmg_schema_put and read", begin, run_schema_kept, whole, end, false, false},
    {"rmg_infer", begin, run_infer, whole, end, false, false},
    {"rmg_linear_root", begin, run_linear_root, whole, end, false, false},
    {"rmg_echo_root", begin_bare, run_echo_root, whole, end_bare, false, false},
    {"rmg_prove", begin, run_prove, whole, end, false, false},
    {"rmg_envelope_sign", begin, run_sign, whole, end, false, false},
};
const size_t oom_graph_row_count = sizeof oom_graph_rows / sizeof oom_graph_rows[0];
