#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "rmg/change/collapse.h"
#include "rmg/engine/engine_priv.h"
#include "rmg/rules/expr.h"

#define KEY_CHUNK 1024u /* requests a task */
#define AHEAD     16u   /* requests whose ids are asked for before they are needed */

/* ---- keys ---- */

struct key_tasks {
    struct rmg_engine *engine;
    const struct rmg_request *requests;
    uint32_t count;
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

/* Requests whose keys are made side by side. Those of one process mostly carry the same bound
 * parameters: judged and hashed once in a row. */
#define CARRIED     RMG_KEYS_MAX /* the digest that the batch before ended with */
#define PARAMS_SIZE 256u         /* a longer message is hashed by itself */
struct key_batch {
    uint32_t count;
    uint32_t item_count;
    const struct rmg_request *params_of; /* whose parameters came last */
    uint32_t params_at;                  /* their digest */
    bool params_bad;
    struct eng_req *reqs[RMG_KEYS_MAX];
    struct rmg_key_source sources[RMG_KEYS_MAX];
    struct jit_id digests[RMG_KEYS_MAX + 1];
    struct jit_hash_item items[RMG_KEYS_MAX];
    uint8_t messages[RMG_KEYS_MAX][PARAMS_SIZE];
};

static void batch_params(struct key_batch *batch, const struct rmg_request *request, uint32_t at)
{
    struct rmg_datum values[RMG_RULE_PARAMS_MAX];
    const struct rmg_rule *rule = request->rule;
    struct jit_id *digest = &batch->digests[at];
    enum jit_err err = JIT_EFORMAT;
    if (rule == NULL ||
        rule->param_count * JIT_ID_BYTES + request->params_size + 4u > PARAMS_SIZE) {
        err = rule == NULL ? JIT_EFORMAT
                           : rmg_params_check(rule, request->params, request->params_size, digest);
    } else {
        err = rmg_params_decode(rule, request->params, request->params_size, values);
        if (err == JIT_OK) {
            uint8_t *message = batch->messages[batch->item_count];
            batch->items[batch->item_count++] = (struct jit_hash_item){
                .in = message, .size = rmg_params_message(rule, values, message), .out = digest};
        }
    }
    batch->params_of = request;
    batch->params_at = at;
    batch->params_bad = err != JIT_OK;
    if (batch->params_bad) {
        foreign_digest(request, digest);
    }
}

/* A collapse is known by its process and all that it says. */
static void collapse_keys(const struct rmg_engine *engine, const struct rmg_request *request,
                          struct eng_req *req)
{
    rmg_collapse_key(&request->process, request->collapse, &req->match_key);
    rmg_request_key(&req->match_key, request->nonce, &req->request_key);
    rmg_scope_hash(engine->draw.seed, engine->draw.tick, &req->request_key, &req->scope_hash);
    req->bad_params = false;
}

static void batch_add(struct key_batch *batch, const struct rmg_request *request,
                      struct eng_req *req)
{
    uint32_t at = batch->count++;
    assert(request->rule == NULL || jit_id_equal(&request->rule->id, &request->rule_id));
    if (batch->params_of == NULL || !same_params(batch->params_of, request)) {
        batch_params(batch, request, at);
    }
    batch->reqs[at] = req;
    /* A rule that is not there: the key depends on nothing of it but its id. */
    batch->sources[at] = (struct rmg_key_source){.rule = &request->rule_id,
                                                 .instance = &request->instance,
                                                 .ids = request->ids,
                                                 .id_count = request->id_count,
                                                 .params_digest = &batch->digests[batch->params_at],
                                                 .nonce = request->nonce};
    req->bad_params = batch->params_bad;
}

static void batch_make(const struct rmg_engine *engine, struct key_batch *batch)
{
    struct jit_id match[RMG_KEYS_MAX];
    struct jit_id request[RMG_KEYS_MAX];
    struct jit_id scope[RMG_KEYS_MAX];
    jit_hash_items(JIT_K_PARAMS, batch->items, batch->item_count);
    rmg_match_keys(batch->sources, batch->count, match, request);
    rmg_scope_hashes(engine->draw.seed, engine->draw.tick, request, batch->count, scope);
    for (uint32_t i = 0; i < batch->count; i++) {
        batch->reqs[i]->match_key = match[i];
        batch->reqs[i]->request_key = request[i];
        batch->reqs[i]->scope_hash = scope[i];
    }
    batch->digests[CARRIED] = batch->digests[batch->params_at];
    batch->params_at = CARRIED;
    batch->count = 0;
    batch->item_count = 0;
}

static void key_task(void *user, size_t index)
{
    const struct key_tasks *tasks = user;
    struct key_batch batch;
    uint32_t begin = (uint32_t)index * KEY_CHUNK;
    uint32_t end = tasks->count - begin < KEY_CHUNK ? tasks->count : begin + KEY_CHUNK;
    batch.count = 0;
    batch.item_count = 0;
    batch.params_of = NULL;
    for (uint32_t i = begin; i < end; i++) {
        if (i + AHEAD < end) {
            __builtin_prefetch(tasks->requests[i + AHEAD].ids);
        }
        if (tasks->requests[i].collapse != NULL) {
            collapse_keys(tasks->engine, &tasks->requests[i], &tasks->engine->reqs[i]);
        } else {
            batch_add(&batch, &tasks->requests[i], &tasks->engine->reqs[i]);
        }
        if (batch.count == RMG_KEYS_MAX || (i + 1 == end && batch.count > 0)) {
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
    if (x->due != y->due) {
        return x->due ? -1 : 1;
    }
    /* Equal in all that is counted; what is left is what authorisation said. */
    return x->result == y->result ? 0 : (x->result < y->result ? -1 : 1);
}

/* Both arrays in the order: moved elsewhere first, since from there on every place is known. */
struct move_tasks {
    struct rmg_engine *engine;
    struct rmg_request *requests;
    uint32_t count;
};

static void move_task(void *user, size_t index)
{
    const struct move_tasks *tasks = user;
    struct rmg_engine *engine = tasks->engine;
    const struct rmg_radix *order = engine->order.items;
    uint32_t begin = (uint32_t)index * KEY_CHUNK;
    uint32_t end = tasks->count - begin < KEY_CHUNK ? tasks->count : begin + KEY_CHUNK;
    for (uint32_t i = begin; i < end; i++) {
        if (i + AHEAD < end) {
            const char *request = (const char *)&tasks->requests[order[i + AHEAD].index];
            const char *req = (const char *)&engine->reqs[order[i + AHEAD].index];
            for (size_t at = 0; at < sizeof(struct eng_req); at += 64) {
                __builtin_prefetch(req + at);
            }
            for (size_t at = 0; at < sizeof(struct rmg_request); at += 64) {
                __builtin_prefetch(request + at);
            }
        }
        engine->requests_moved[i] = tasks->requests[order[i].index];
        engine->reqs_moved[i] = engine->reqs[order[i].index];
    }
}

static void move_back_task(void *user, size_t index)
{
    const struct move_tasks *tasks = user;
    uint32_t begin = (uint32_t)index * KEY_CHUNK;
    uint32_t count = tasks->count - begin < KEY_CHUNK ? tasks->count - begin : KEY_CHUNK;
    memcpy(tasks->requests + begin, tasks->engine->requests_moved + begin,
           count * sizeof *tasks->requests);
}

static enum jit_err move(struct rmg_engine *engine, struct rmg_request *requests, uint32_t count)
{
    struct move_tasks tasks = {.engine = engine, .requests = requests, .count = count};
    const size_t task_count = (count + KEY_CHUNK - 1) / KEY_CHUNK;
    enum jit_err err = ENG_ROOM(engine, engine->reqs_moved, engine->req_moved_capacity, count);
    if (err == JIT_OK) {
        err = ENG_ROOM(engine, engine->requests_moved, engine->request_moved_capacity, count);
    }
    if (err != JIT_OK) {
        return err;
    }
    engine->exec->run(engine->exec, task_count, move_task, &tasks);
    engine->exec->run(engine->exec, task_count, move_back_task, &tasks);
    struct eng_req *reqs = engine->reqs;
    size_t capacity = engine->req_capacity;
    engine->reqs = engine->reqs_moved;
    engine->req_capacity = engine->req_moved_capacity;
    engine->reqs_moved = reqs;
    engine->req_moved_capacity = capacity;
    return JIT_OK;
}

static enum jit_err sort_requests(struct rmg_engine *engine, struct rmg_tick_input *input)
{
    uint32_t count = input->request_count;
    struct order_tie tie = {.requests = input->requests, .reqs = engine->reqs};
    enum jit_err err = eng_sort_room(engine, &engine->order, count);
    if (err != JIT_OK) {
        return err;
    }
    for (uint32_t i = 0; i < count; i++) {
        engine->order.items[i].key = order_key(&input->requests[i], &engine->reqs[i]);
        engine->order.items[i].index = i;
    }
    eng_sort(&engine->order, count, compare_requests, &tie);
    return move(engine, input->requests, count);
}

/* ---- what is counted, in that order ---- */

static uint64_t price(const struct rmg_request *request, const struct rmg_charge *charge)
{
    return charge->by_bytes ? request->bytes : 1;
}

/* All its quotas are charged, or none. */
static bool pay(struct rmg_tick_input *input, const struct rmg_request *request)
{
    bool grouped = request->quota != RMG_NO_QUOTA;
    assert(!grouped || request->quota < input->quota_count);
    if (grouped && input->quotas[request->quota] == 0) {
        return false;
    }
    for (uint32_t i = 0; i < request->charge_count; i++) {
        const struct rmg_charge *charge = &request->charges[i];
        assert(charge->quota < input->quota_count);
        if (input->quotas[charge->quota] < price(request, charge)) {
            return false;
        }
    }
    if (grouped) {
        input->quotas[request->quota]--;
    }
    for (uint32_t i = 0; i < request->charge_count; i++) {
        input->quotas[request->charges[i].quota] -= price(request, &request->charges[i]);
    }
    return true;
}

/* It stands in the list of those that are delayed, and is not due yet. */
static bool is_kept(const struct rmg_engine *engine, const struct jit_id *key)
{
    const struct rmg_waiting_place *place = engine->input->waiting;
    size_t low = 0;
    size_t high = place == NULL ? 0 : place->kept_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = jit_id_compare(&place->kept_keys[middle], key);
        if (order == 0) {
            return true;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return false;
}

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
    req->ways = NULL;
    req->way_count = 0;
    req->slots = 0;
    req->counts = false;
    req->unverified = false;
    req->heavy = false;
    req->same_as = index;
    req->blocker = RMG_NO_BLOCKER;
    req->charged = false;
    req->result = request->result;
    assert(request->result < RMG_RESULT_COUNT);
    if (req->result != RMG_APPLIED) {
        return;
    }
    assert(request->rule != NULL || request->collapse != NULL);
    if (!pay(input, request)) {
        req->result = RMG_OVER_QUOTA;
        return;
    }
    req->charged = true;
    if (req->bad_params) {
        req->result = RMG_INVALID;
    } else if (is_kept(engine, &req->request_key)) {
        req->result = RMG_DUPLICATE;
    }
}

/* It comes from the state, not from a worker. */
static bool is_again(const struct rmg_request *request)
{
    return request->retries > 0 || request->due;
}

/* The requests from begin on with its key: equal keys lie side by side, since an equal key means an
 * equal rule, priority and scope hash. Of those that may go on, one that was sent again or
 * was delayed counts before its copies, else the first (14.1). Returns the end of the group. */
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
                      (is_again(&input->requests[end]) && !is_again(&input->requests[counts]));
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
        if (engine->reqs[i].result == RMG_APPLIED && input->requests[i].collapse == NULL) {
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
        const struct rmg_request *request = &input->requests[i];
        if (!engine->reqs[i].charged) {
            continue;
        }
        if (request->quota != RMG_NO_QUOTA) {
            input->quotas[request->quota]++;
        }
        for (uint32_t c = 0; c < request->charge_count; c++) {
            input->quotas[request->charges[c].quota] += price(request, &request->charges[c]);
        }
    }
}
