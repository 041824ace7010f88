#include "rmg/engine/engine.h"

#include "base/check.h"
#include "rmg/engine/engine_priv.h"

/* base root and the counts of the three lists */
#define PATCH_HEAD_BYTES (JIT_ID_BYTES + 3u * 8u)

void eng_chunk_init(struct rmg_engine *engine, struct eng_chunk *chunk)
{
    *chunk = (struct eng_chunk){0};
    rmg_scratch_init(&chunk->arena, engine->heap);
    rmg_scratch_init(&chunk->asked, engine->heap);
    jit_buf_init(&chunk->values, engine->heap, JIT_PATCH_BYTES_MAX);
}

static void chunk_release(struct jit_heap *heap, struct eng_chunk *chunk)
{
    eng_verify_close(chunk);
    rmg_scratch_release(&chunk->arena);
    jit_buf_release(&chunk->values);
    heap->free(heap, chunk->uses);
    heap->free(heap, chunk->ops);
}

enum jit_err rmg_engine_new(struct jit_heap *heap, struct rmg_store *store, struct jit_exec *exec,
                            struct rmg_engine **out)
{
    assert(heap != NULL);
    assert(store != NULL);
    assert(exec != NULL);
    *out = NULL;
    struct rmg_engine *engine = jit_heap_zalloc(heap, 1, sizeof *engine);
    if (engine == NULL) {
        return JIT_ENOMEM;
    }
    engine->heap = heap;
    engine->store = store;
    engine->exec = exec;
    rmg_scratch_init(&engine->arena, heap);
    eng_chunk_init(engine, &engine->again);
    jit_buf_init(&engine->patch, heap, JIT_PATCH_BYTES_MAX);
    jit_buf_init(&engine->waiting, heap, JIT_ATOM_BYTES_MAX);
    *out = engine;
    return JIT_OK;
}

void rmg_engine_free(struct rmg_engine *engine)
{
    if (engine == NULL) {
        return;
    }
    struct jit_heap *heap = engine->heap;
    for (size_t i = 0; i < engine->chunk_count; i++) {
        chunk_release(heap, &engine->chunks[i]);
    }
    chunk_release(heap, &engine->again);
    for (uint32_t h = 0; engine->hands != NULL && h < RMG_HANDS; h++) {
        rmg_scratch_release(&engine->hands[h].arena);
        jit_buf_release(&engine->hands[h].patch);
    }
    eng_indexes_release(engine);
    rmg_scratch_release(&engine->arena);
    jit_buf_release(&engine->patch);
    jit_buf_release(&engine->waiting);
    heap->free(heap, engine->hands);
    heap->free(heap, engine->chunks);
    heap->free(heap, engine->instances);
    heap->free(heap, engine->reqs);
    heap->free(heap, engine->reqs_moved);
    heap->free(heap, engine->requests_moved);
    heap->free(heap, engine->order.items);
    heap->free(heap, engine->lists[0].items);
    heap->free(heap, engine->lists[1].items);
    heap->free(heap, engine->todo);
    heap->free(heap, engine->spent);
    heap->free(heap, engine->event_uses.at);
    heap->free(heap, engine->collapse_uses.at);
    heap->free(heap, engine->event_ops);
    heap->free(heap, engine->cells);
    heap->free(heap, engine->marks);
    heap->free(heap, engine->found);
    heap->free(heap, engine->most_left);
    heap->free(heap, engine->ops);
    heap->free(heap, engine->receipts);
    heap->free(heap, engine);
}

static enum jit_err receipts_ready(struct rmg_engine *engine)
{
    return ENG_ROOM(engine, engine->receipts, engine->receipt_capacity,
                    engine->input->request_count);
}

static void write_receipts(struct rmg_engine *engine, struct rmg_tick_output *output)
{
    const struct rmg_tick_input *input = engine->input;
    for (uint32_t i = 0; i < input->request_count; i++) {
        const struct eng_req *req = &engine->reqs[i];
        engine->receipts[i] = (struct rmg_receipt){.request_key = req->request_key,
                                                   .process = input->requests[i].process,
                                                   .result = req->result,
                                                   .blocker = req->blocker};
        output->counts[req->result]++;
    }
    output->applied = output->counts[RMG_APPLIED];
    output->receipts = engine->receipts;
    rmg_receipts_digest(engine->receipts, input->request_count, &output->receipts_digest);
}

static void write_commit(struct rmg_engine *engine, struct rmg_tick_output *output)
{
    const struct rmg_tick_input *input = engine->input;
    struct rmg_commit commit = {.parents = &input->parent,
                                .parent_count = jit_id_is_zero(&input->parent) ? 0 : 1,
                                .state_root = output->version.state_root,
                                .patch_digest = output->patch_digest,
                                .policy = input->policy,
                                .tick = input->tick,
                                .receipts_digest = output->receipts_digest};
    rmg_commit_id(&commit, &output->commit);
}

struct finish_tasks {
    struct rmg_engine *engine;
    struct rmg_tick_output *output;
};

static void finish_task(void *user, size_t index)
{
    const struct finish_tasks *tasks = user;
    struct rmg_tick_output *output = tasks->output;
    if (index == 0) {
        rmg_patch_digest(output->patch, output->patch_size, &output->patch_digest);
    } else {
        write_receipts(tasks->engine, output);
    }
}

static void finish(struct rmg_engine *engine, struct rmg_tick_output *output)
{
    struct finish_tasks tasks = {.engine = engine, .output = output};
    output->patch = engine->patch.data;
    output->patch_size = engine->patch.size;
    output->operations = engine->slot_count;
    engine->exec->run(engine->exec, 2, finish_task, &tasks);
    write_commit(engine, output);
    output->nodes_total = engine->nodes_total;
    output->edges_total = engine->edges_total;
}

/* Everything that can fail; the last thing that does is the seal. */
static enum jit_err run(struct rmg_engine *engine, struct rmg_tick_input *input,
                        struct rmg_tick_output *output, bool *ordered)
{
    enum jit_err err = receipts_ready(engine);
    if (err == JIT_OK) {
        err = eng_instances_collect(engine);
    }
    if (err == JIT_OK) {
        err = eng_order(engine, input);
    }
    *ordered = err == JIT_OK;
    if (err == JIT_OK && input->charged != NULL) {
        err = input->charged(input->charged_user, input);
    }
    if (err == JIT_OK) {
        err = eng_events(engine);
    }
    if (err == JIT_OK) {
        err = eng_indexes(engine);
    }
    if (err == JIT_OK) {
        err = eng_verify(engine, &output->slots);
    }
    if (err == JIT_OK) {
        err = eng_reserve(engine);
    }
    return err == JIT_OK ? eng_merge(engine, output) : err;
}

enum jit_err rmg_engine_tick(struct rmg_engine *engine, struct rmg_tick_input *input,
                             struct rmg_tick_output *output)
{
    bool ordered = false;

    assert(input->request_count == 0 || input->requests != NULL);
    assert(input->event_count == 0 || input->events != NULL);
    assert(input->quota_count == 0 || input->quotas != NULL);
    memset(output, 0, sizeof *output);
    if (input->request_count > JIT_REQUESTS_PER_TICK_MAX) {
        return JIT_ELIMIT;
    }
    engine->input = input;
    engine->draw = (struct rmg_draw){.seed = input->seed, .tick = input->tick};
    engine->patch_bytes = PATCH_HEAD_BYTES;
    rmg_scratch_reset(&engine->arena);
    enum jit_err err = run(engine, input, output, &ordered);
    if (err == JIT_OK) {
        finish(engine, output);
        eng_indexes_follow(engine, &output->version);
    } else {
        if (ordered) {
            eng_order_undo(engine, input);
        }
        memset(output, 0, sizeof *output);
    }
    engine->input = NULL; /* everything in it is the caller's again */
    return err;
}
