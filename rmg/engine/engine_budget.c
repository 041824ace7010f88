#include "base/check.h"
#include "base/le.h"
#include "rmg/engine/engine_priv.h"

/* Who is verified. All of them at once, each on its own; what an asker's verifications look at is
 * counted along. Whoever asked for more than is its due has its requests verified again, in
 * canonical order and as far as it goes: so what is looked at in a tick is bounded by twice what
 * its askers may ask for, and who is turned away depends on nothing but the order.
 *
 * What verification finds is kept until the request's turn: as much of each as leaves all of them
 * room, and what is more than that is found again when it is its turn. */

#define KEEP_BYTES  (64ull << 20) /* for all requests of a tick together, ... */
#define LIGHT_BYTES 4096u         /* ... and at least so much for each */

bool eng_may_ask(const struct rmg_engine *engine, uint32_t index)
{
    const struct rmg_tick_input *input = engine->input;
    return input->asker_count == 0 || __atomic_load_n(&engine->spent[input->requests[index].asker],
                                                      __ATOMIC_RELAXED) <= input->asker_slots;
}

void eng_asked(struct rmg_engine *engine, uint32_t index)
{
    const struct rmg_tick_input *input = engine->input;
    if (input->asker_count > 0) {
        __atomic_fetch_add(&engine->spent[input->requests[index].asker], engine->reqs[index].cost,
                           __ATOMIC_RELAXED);
    }
}

static enum jit_err askers_ready(struct rmg_engine *engine)
{
    const uint32_t count = engine->input->asker_count;
    if (count == 0) {
        return JIT_OK;
    }
    enum jit_err err = ENG_ROOM(engine, engine->spent, engine->spent_capacity, count);
    if (err == JIT_OK) {
        memset(engine->spent, 0, count * sizeof *engine->spent);
    }
    return err;
}

/* Requests in the order of what they read: neighbours in a chunk share their paths in the tries.
 * Nothing that leaves the tick depends on it. */
static enum jit_err plan(struct rmg_engine *engine)
{
    const struct rmg_tick_input *input = engine->input;
    uint32_t count = 0;
    enum jit_err err = ENG_ROOM(engine, engine->todo, engine->todo_capacity, input->request_count);
    if (err != JIT_OK) {
        return err;
    }
    for (uint32_t i = 0; i < input->request_count; i++) {
        struct eng_req *req = &engine->reqs[i];
        const struct rmg_request *request = &input->requests[i];
        req->counts = req->result == RMG_APPLIED && req->same_as == i && request->collapse == NULL;
        if (!req->counts) {
            continue;
        }
        assert(input->asker_count == 0 || request->asker < input->asker_count);
        uint64_t first = request->id_count == 0 ? 0 : jit_be64(request->ids[0].bytes);
        engine->order.items[count].key = (uint64_t)req->instance << 40 | first >> 24;
        engine->order.items[count].index = i;
        count++;
    }
    eng_sort(&engine->order, count, NULL, NULL);
    for (uint32_t i = 0; i < count; i++) {
        engine->todo[i] = engine->order.items[i].index;
    }
    engine->todo_count = count;
    engine->light_bytes = count == 0 ? 0 : (size_t)(KEEP_BYTES / count);
    if (engine->light_bytes < LIGHT_BYTES) {
        engine->light_bytes = LIGHT_BYTES;
    }
    return JIT_OK;
}

static enum jit_err chunks_ready(struct rmg_engine *engine, size_t count)
{
    if (count > engine->chunk_count) {
        struct eng_chunk *chunks =
            engine->heap->resize(engine->heap, engine->chunks, count * sizeof *chunks);
        if (chunks == NULL) {
            return JIT_ENOMEM;
        }
        engine->chunks = chunks;
        for (; engine->chunk_count < count; engine->chunk_count++) {
            eng_chunk_init(engine, &chunks[engine->chunk_count]);
        }
    }
    for (size_t i = 0; i < engine->chunk_count; i++) {
        rmg_scratch_reset(&engine->chunks[i].arena);
        engine->chunks[i].err = JIT_OK;
    }
    rmg_scratch_reset(&engine->again.arena);
    return JIT_OK;
}

/* What stands in engine->todo. */
static enum jit_err run_todo(struct rmg_engine *engine)
{
    const size_t count = (engine->todo_count + ENG_CHUNK - 1) / ENG_CHUNK;
    enum jit_err err = JIT_OK;
    assert(count <= engine->chunk_count);
    if (count == 1) {
        eng_verify_task(engine, 0); /* not worth waking anybody */
    } else {
        engine->exec->run(engine->exec, count, eng_verify_task, engine);
    }
    for (size_t i = 0; i < count && err == JIT_OK; i++) {
        err = engine->chunks[i].err;
    }
    return err;
}

/* ---- askers who have asked for too much ---- */

static void forget(struct rmg_engine *engine, uint32_t index)
{
    struct eng_req *req = &engine->reqs[index];
    engine->input->requests[index].gate = RMG_GATE_OPEN;
    req->result = RMG_APPLIED;
    req->blocker = RMG_NO_BLOCKER;
    req->uses = NULL;
    req->ops = NULL;
    req->use_count = 0;
    req->op_count = 0;
    req->patch_bytes = 0;
    req->slots = 0;
    req->heavy = false;
}

static void turn_away(struct rmg_engine *engine, uint32_t index)
{
    engine->reqs[index].result = RMG_OVER_BUDGET;
    engine->reqs[index].unverified = true;
}

/* As many of an asker's requests at a time as are verified for sure, whatever they cost. */
static enum jit_err verify_as_far(struct rmg_engine *engine, uint32_t asker,
                                  const struct rmg_radix *items, uint32_t count)
{
    const struct rmg_tick_input *input = engine->input;
    const uint64_t most = 2ull * input->budget + 4; /* that one costs: with the last look of each */
    uint64_t *spent = &engine->spent[asker];
    enum jit_err err = JIT_OK;
    uint32_t done = 0;
    *spent = 0;
    while (done < count && *spent <= input->asker_slots && err == JIT_OK) {
        uint64_t sure = (input->asker_slots - *spent) / most + 1;
        engine->todo_count = sure < count - done ? (uint32_t)sure : count - done;
        for (uint32_t i = 0; i < engine->todo_count; i++) {
            engine->todo[i] = items[done + i].index;
        }
        done += engine->todo_count;
        err = run_todo(engine);
    }
    for (; done < count; done++) {
        turn_away(engine, items[done].index);
    }
    return err;
}

/* Theirs, by asker and in canonical order. */
static enum jit_err verify_again(struct rmg_engine *engine)
{
    const struct rmg_tick_input *input = engine->input;
    struct rmg_radix *items = engine->order.items;
    uint32_t count = 0;
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; i < input->request_count && input->asker_count > 0; i++) {
        if (engine->reqs[i].counts && !eng_may_ask(engine, i)) {
            forget(engine, i);
            items[count].key = (uint64_t)input->requests[i].asker << 32 | i;
            items[count++].index = i;
        }
    }
    eng_sort(&engine->order, count, NULL, NULL);
    for (uint32_t begin = 0, end = 0; begin < count && err == JIT_OK; begin = end) {
        uint32_t asker = (uint32_t)(items[begin].key >> 32);
        while (end < count && (uint32_t)(items[end].key >> 32) == asker) {
            end++;
        }
        err = verify_as_far(engine, asker, items + begin, end - begin);
    }
    return err;
}

/* ---- equal requests ---- */

static bool same_gates(const struct rmg_request *a, const struct rmg_request *b)
{
    return a->within == b->within && a->writes == b->writes;
}

/* One that failed for what is its asker's own: an equal one may do better. */
static bool failed_for_itself(const struct rmg_engine *engine, uint32_t index)
{
    const struct eng_req *req = &engine->reqs[index];
    return req->unverified ||
           (req->result == RMG_DENIED && engine->input->requests[index].gate != RMG_GATE_OPEN);
}

/* A copy that was asked for under another capability is let through where the one that counts was
 * not, and one of somebody who has something left is verified in its place. Each is looked at once.
 */
static enum jit_err settle_group(struct rmg_engine *engine, uint32_t begin, uint32_t end)
{
    const struct rmg_request *requests = engine->input->requests;
    struct eng_req *reqs = engine->reqs;
    uint32_t counts = begin;
    while (counts < end && !reqs[counts].counts) {
        counts++;
    }
    const uint32_t first = counts;
    enum jit_err err = JIT_OK;
    for (uint32_t i = begin; i < end && counts < end && err == JIT_OK; i++) {
        if (reqs[i].result != RMG_APPLIED || reqs[i].same_as != first || i == first) {
            continue;
        }
        if (!failed_for_itself(engine, counts)) {
            reqs[i].same_as = counts;
        } else if (!reqs[counts].unverified &&
                   (same_gates(&requests[i], &requests[counts]) ||
                    (!reqs[first].unverified && same_gates(&requests[i], &requests[first])))) {
            reqs[i].result = RMG_DENIED;
        } else if (!eng_may_ask(engine, i)) {
            turn_away(engine, i);
        } else {
            reqs[i].same_as = i;
            counts = i;
            err = eng_verify_alone(engine, i);
            eng_asked(engine, i);
        }
    }
    return err;
}

static enum jit_err settle_groups(struct rmg_engine *engine)
{
    const uint32_t count = engine->input->request_count;
    const struct eng_req *reqs = engine->reqs;
    enum jit_err err = JIT_OK;
    for (uint32_t begin = 0, end = 0; begin < count && err == JIT_OK; begin = end) {
        for (end = begin + 1;
             end < count && jit_id_equal(&reqs[end].request_key, &reqs[begin].request_key);) {
            end++;
        }
        if (end - begin > 1) {
            err = settle_group(engine, begin, end);
        }
    }
    return err;
}

/* A copy of a request that was verified is a duplicate; of one that was not, as wrong as it. */
static void settle_copies(struct rmg_engine *engine)
{
    for (uint32_t i = 0; i < engine->input->request_count; i++) {
        struct eng_req *req = &engine->reqs[i];
        if (req->result == RMG_APPLIED && req->same_as != i) {
            const struct eng_req *counts = &engine->reqs[req->same_as];
            req->result = counts->result == RMG_APPLIED ? (uint16_t)RMG_DUPLICATE : counts->result;
            req->blocker = counts->blocker; /* of an invariant; nobody is in the way yet */
        }
    }
}

enum jit_err eng_verify(struct rmg_engine *engine, uint64_t *slots)
{
    enum jit_err err = plan(engine);
    if (err == JIT_OK) {
        err = askers_ready(engine);
    }
    if (err == JIT_OK) {
        err = chunks_ready(engine, (engine->todo_count + ENG_CHUNK - 1) / ENG_CHUNK);
    }
    if (err == JIT_OK) {
        err = run_todo(engine);
    }
    if (err == JIT_OK) {
        err = verify_again(engine);
    }
    if (err == JIT_OK) {
        err = settle_groups(engine);
    }
    eng_verify_close(&engine->again);
    if (err == JIT_OK) {
        err = eng_collapses(engine);
    }
    if (err == JIT_OK) {
        settle_copies(engine);
    }
    *slots = 0;
    for (uint32_t i = 0; i < engine->input->request_count; i++) {
        *slots += engine->reqs[i].slots;
    }
    return err;
}
