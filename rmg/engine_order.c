#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "rmg/engine_priv.h"

#define KEY_CHUNK 1024u /* requests a task */
#define AHEAD     16u   /* requests whose ids are asked for before they are needed */

/* ---- keys ---- */

struct key_tasks {
    struct rmg_engine *engine;
    const struct rmg_request *requests;
    uint32_t count;
};

/* Requests of one process mostly carry the same bound parameters: judged once in a row. */
struct params_cache {
    const struct rmg_request *of;
    struct jit_id digest;
    bool bad;
};

static bool same_params(const struct rmg_request *a, const struct rmg_request *b)
{
    return a->rule == b->rule && a->params_size == b->params_size &&
           (a->params == b->params || a->params_size == 0 ||
            memcmp(a->params, b->params, a->params_size) == 0);
}

/* Of bytes that are not a rule's parameters: told apart from all that are by the count. */
static void foreign_digest(const struct rmg_request *request, struct jit_id *out)
{
    struct jit_hasher hasher;
    uint8_t count[4];
    jit_put_le32(count, UINT32_MAX);
    jit_hasher_init_key(&hasher, JIT_K_PARAMS);
    jit_hasher_update(&hasher, count, sizeof count);
    jit_hasher_update(&hasher, request->params, request->params_size);
    jit_hasher_final(&hasher, out);
}

static void judge_params(const struct rmg_request *request, struct params_cache *cache)
{
    if (cache->of != NULL && same_params(cache->of, request)) {
        return;
    }
    cache->of = request;
    cache->bad =
        request->rule == NULL || rmg_params_check(request->rule, request->params,
                                                  request->params_size, &cache->digest) != JIT_OK;
    if (cache->bad) {
        foreign_digest(request, &cache->digest);
    }
}

/* Requests whose keys are made side by side, their parameters judged one after the other. */
struct key_batch {
    uint32_t count;
    struct eng_req *reqs[RMG_KEYS_MAX];
    struct rmg_key_source sources[RMG_KEYS_MAX];
    struct jit_id digests[RMG_KEYS_MAX];
};

static void batch_add(struct key_batch *batch, const struct rmg_request *request,
                      const struct params_cache *params, struct eng_req *req)
{
    uint32_t at = batch->count++;
    assert(request->rule == NULL || jit_id_equal(&request->rule->id, &request->rule_id));
    batch->reqs[at] = req;
    batch->digests[at] = params->digest;
    /* A rule that is not there: the key depends on nothing of it but its id. */
    batch->sources[at] = (struct rmg_key_source){.rule = &request->rule_id,
                                                 .instance = &request->instance,
                                                 .ids = request->ids,
                                                 .id_count = request->id_count,
                                                 .params_digest = &batch->digests[at],
                                                 .nonce = request->nonce};
    req->bad_params = params->bad;
}

static void batch_make(const struct rmg_engine *engine, struct key_batch *batch)
{
    struct jit_id match[RMG_KEYS_MAX];
    struct jit_id request[RMG_KEYS_MAX];
    struct jit_id scope[RMG_KEYS_MAX];
    rmg_match_keys(batch->sources, batch->count, match, request);
    rmg_scope_hashes(engine->draw.seed, engine->draw.tick, request, batch->count, scope);
    for (uint32_t i = 0; i < batch->count; i++) {
        batch->reqs[i]->match_key = match[i];
        batch->reqs[i]->request_key = request[i];
        batch->reqs[i]->scope_hash = scope[i];
    }
    batch->count = 0;
}

static void key_task(void *user, size_t index)
{
    const struct key_tasks *tasks = user;
    struct params_cache cache = {0};
    struct key_batch batch;
    uint32_t begin = (uint32_t)index * KEY_CHUNK;
    uint32_t end = tasks->count - begin < KEY_CHUNK ? tasks->count : begin + KEY_CHUNK;
    batch.count = 0;
    for (uint32_t i = begin; i < end; i++) {
        if (i + AHEAD < end) {
            __builtin_prefetch(tasks->requests[i + AHEAD].ids);
        }
        judge_params(&tasks->requests[i], &cache);
        batch_add(&batch, &tasks->requests[i], &cache, &tasks->engine->reqs[i]);
        if (batch.count == RMG_KEYS_MAX || i + 1 == end) {
            batch_make(tasks->engine, &batch);
        }
    }
}

/* ---- canonical order ---- */

static int32_t priority_of(const struct rmg_request *request)
{
    return request->rule == NULL ? 0 : request->rule->priority;
}

/* Priority descending, then the first bytes of the scope hash. */
static uint64_t order_key(const struct rmg_request *request, const struct eng_req *req)
{
    uint32_t priority = ~((uint32_t)priority_of(request) ^ 0x80000000u);
    return (uint64_t)priority << 32 | jit_be64(req->scope_hash.bytes) >> 32;
}

struct order_tie {
    const struct rmg_request *requests;
    const struct eng_req *reqs;
};

static int compare_requests(const void *user, uint32_t a, uint32_t b)
{
    const struct order_tie *tie = user;
    const struct rmg_request *x = &tie->requests[a];
    const struct rmg_request *y = &tie->requests[b];
    int order = jit_id_compare(&tie->reqs[a].scope_hash, &tie->reqs[b].scope_hash);
    if (order == 0) {
        order = jit_id_compare(&x->process, &y->process);
    }
    if (order != 0) {
        return order;
    }
    if (x->cap_slot != y->cap_slot) {
        return x->cap_slot < y->cap_slot ? -1 : 1;
    }
    if (x->retries != y->retries) {
        return x->retries > y->retries ? -1 : 1;
    }
    /* Equal in all that is counted; what is left is what authorisation said. */
    return x->result == y->result ? 0 : (x->result < y->result ? -1 : 1);
}

/* Bring both arrays into the order, in place, cycle by cycle. */
static void permute(struct rmg_radix *order, uint32_t count, struct rmg_request *requests,
                    struct eng_req *reqs)
{
    for (uint32_t i = 0; i < count; i++) {
        if (order[i].index == i) {
            continue;
        }
        struct rmg_request request = requests[i];
        struct eng_req req = reqs[i];
        uint32_t at = i;
        for (;;) {
            uint32_t from = order[at].index;
            order[at].index = at;
            if (from == i) {
                break;
            }
            requests[at] = requests[from];
            reqs[at] = reqs[from];
            at = from;
        }
        requests[at] = request;
        reqs[at] = req;
    }
}

static enum jit_err sort_requests(struct rmg_engine *engine, struct rmg_tick_input *input)
{
    uint32_t count = input->request_count;
    struct order_tie tie = {.requests = input->requests, .reqs = engine->reqs};
    enum jit_err err = ENG_ROOM(engine, engine->order, engine->order_capacity, 2 * (size_t)count);
    if (err != JIT_OK) {
        return err;
    }
    for (uint32_t i = 0; i < count; i++) {
        engine->order[i].key = order_key(&input->requests[i], &engine->reqs[i]);
        engine->order[i].index = i;
    }
    eng_sort(engine, count, compare_requests, &tie);
    permute(engine->order, count, input->requests, engine->reqs);
    return JIT_OK;
}

/* ---- what is counted, in that order ---- */

static void charge(struct rmg_engine *engine, struct rmg_tick_input *input, uint32_t index)
{
    const struct rmg_request *request = &input->requests[index];
    struct eng_req *req = &engine->reqs[index];
    req->uses = NULL;
    req->ops = NULL;
    req->use_count = 0;
    req->op_count = 0;
    req->patch_bytes = 0;
    req->instance = 0;
    req->same_as = index;
    req->blocker = RMG_NO_BLOCKER;
    req->charged = false;
    req->result = request->result;
    assert(request->result < RMG_RESULT_COUNT);
    if (req->result != RMG_APPLIED) {
        return;
    }
    assert(request->rule != NULL);
    if (request->quota != RMG_NO_QUOTA) {
        assert(request->quota < input->quota_count);
        if (input->quotas[request->quota] == 0) {
            req->result = RMG_OVER_QUOTA;
            return;
        }
        input->quotas[request->quota]--;
        req->charged = true;
    }
    if (req->bad_params) {
        req->result = RMG_INVALID;
    }
}

/* The requests from begin on with its key: equal keys lie side by side, since an equal key means an
 * equal rule, priority and scope hash. Of those that may go on, one that was sent again counts
 * before its copies, else the first (14.1). Returns the end of the group. */
static uint32_t mark_equal(struct rmg_engine *engine, const struct rmg_tick_input *input,
                           uint32_t begin)
{
    struct eng_req *reqs = engine->reqs;
    uint32_t counts = ENG_NO_REASON;
    uint32_t end = begin;
    for (; end < input->request_count &&
           jit_id_equal(&reqs[end].request_key, &reqs[begin].request_key);
         end++) {
        bool better = counts == ENG_NO_REASON ||
                      (input->requests[end].retries > 0 && input->requests[counts].retries == 0);
        if (reqs[end].result == RMG_APPLIED && better) {
            counts = end;
        }
    }
    for (uint32_t i = begin; i < end; i++) {
        if (reqs[i].result == RMG_APPLIED) {
            reqs[i].same_as = counts;
        }
    }
    return end;
}

enum jit_err eng_order(struct rmg_engine *engine, struct rmg_tick_input *input)
{
    uint32_t count = input->request_count;
    struct key_tasks tasks = {.engine = engine, .requests = input->requests, .count = count};
    enum jit_err err = ENG_ROOM(engine, engine->reqs, engine->req_capacity, count);
    if (err != JIT_OK) {
        return err;
    }
    engine->exec->run(engine->exec, (count + KEY_CHUNK - 1) / KEY_CHUNK, key_task, &tasks);
    err = sort_requests(engine, input);
    if (err != JIT_OK) {
        return err;
    }
    uint32_t instance = 0;
    for (uint32_t i = 0; i < count; i++) {
        charge(engine, input, i);
        if (engine->reqs[i].result == RMG_APPLIED) {
            const struct jit_id *id = &input->requests[i].instance;
            if (!jit_id_equal(&engine->instances[instance].id, id)) {
                instance = eng_instance_find(engine, id);
            }
            engine->reqs[i].instance = instance;
        }
    }
    for (uint32_t i = 0; i < count;) {
        i = mark_equal(engine, input, i);
    }
    return JIT_OK;
}

void eng_order_undo(struct rmg_engine *engine, struct rmg_tick_input *input)
{
    for (uint32_t i = 0; i < input->request_count; i++) {
        if (engine->reqs[i].charged) {
            input->quotas[input->requests[i].quota]++;
        }
    }
}
