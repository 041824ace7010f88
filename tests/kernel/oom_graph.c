/* Rows of graphs: arenas, stores, transactions, patches, merges. */
#include "rmg/change/merge.h"
#include "tests/kernel/oom_world.h"

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
    {"rmg_merge", begin, run_merge, whole, end, false, false},
    {"rmg_merge, conflicts", begin, run_merge_conflict, whole, end, false, false},
    {"rmg_rebase", begin_patch, run_rebase, whole, end, false, false},
};
const size_t oom_graph_row_count = sizeof oom_graph_rows / sizeof oom_graph_rows[0];
