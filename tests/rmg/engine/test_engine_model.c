/* Goal:   a tick is what DESIGN 5.2 and 14.1 say: the same commit for every order of arrival, the
 *         chosen set applied all at once is the same as one after the other, losers say why.
 * Method: small random graphs and batches against an engine that is a loop over a sorted list with
 *         footprints compared pairwise and a naive state. */
#include <stdio.h>

#include "base/hash.h"
#include "base/le.h"
#include "tests/lib/bed.h"
#include "tests/lib/must.h"
#include "tests/lib/tcase.h"
#include "tests/lib/trial.h"

#define SEEDS 40
#define TICKS 4

/* ---- the model ---- */

struct model_request {
    struct rmg_request request;
    struct jit_id match_key;
    struct jit_id request_key;
    struct jit_id scope_hash;
    uint16_t result;
    uint32_t blocker;
    bool bad_params;
    struct rmg_use uses[64];
    uint32_t use_count;
    struct rmg_emit emits[16];
    uint8_t values[16][32];
    uint32_t emit_count;
};

struct model {
    struct model_request requests[BED_REQUESTS];
    uint32_t count;
};

static void model_keys(const struct rmg_tick_input *input, struct model_request *r)
{
    struct rmg_rule nameless = {.id = r->request.rule_id};
    const struct rmg_rule *rule = r->request.rule == NULL ? &nameless : r->request.rule;
    struct jit_id digest;
    r->bad_params =
        r->request.rule == NULL ||
        rmg_params_check(rule, r->request.params, r->request.params_size, &digest) != JIT_OK;
    if (r->bad_params) {
        uint8_t bytes[64];
        memset(bytes, 0xff, 4);
        memcpy(bytes + 4, r->request.params, r->request.params_size);
        jit_hash_key(JIT_K_PARAMS, bytes, 4 + r->request.params_size, &digest);
    }
    rmg_match_key(rule, &r->request.instance, r->request.ids, r->request.id_count, &digest,
                  &r->match_key);
    rmg_request_key(&r->match_key, r->request.nonce, &r->request_key);
    rmg_scope_hash(input->seed, input->tick, &r->request_key, &r->scope_hash);
}

static int model_compare(const void *a, const void *b)
{
    const struct model_request *x = a;
    const struct model_request *y = b;
    int32_t p = x->request.rule == NULL ? 0 : x->request.rule->priority;
    int32_t q = y->request.rule == NULL ? 0 : y->request.rule->priority;
    if (p != q) {
        return p > q ? -1 : 1;
    }
    int order = jit_id_compare(&x->scope_hash, &y->scope_hash);
    order = order != 0 ? order : jit_id_compare(&x->request.process, &y->request.process);
    if (order != 0) {
        return order;
    }
    if (x->request.cap_slot != y->request.cap_slot) {
        return x->request.cap_slot < y->request.cap_slot ? -1 : 1;
    }
    if (x->request.retries != y->request.retries) {
        return x->request.retries > y->request.retries ? -1 : 1;
    }
    return (int)x->request.result - (int)y->request.result;
}

static bool model_take_use(void *user, const struct rmg_use *use)
{
    struct model_request *r = user;
    ck_assert_uint_lt(r->use_count, 64);
    r->uses[r->use_count++] = *use;
    return true;
}

static bool model_take_emit(void *user, const struct rmg_emit *emit)
{
    struct model_request *r = user;
    struct rmg_emit *to = &r->emits[r->emit_count];
    ck_assert_uint_lt(r->emit_count, 16);
    *to = *emit;
    if (emit->op.kind == RMG_OP_SET_ATTACHMENT) {
        ck_assert_uint_le(emit->op.attachment.value.size, 32);
        memcpy(r->values[r->emit_count], emit->op.attachment.value.bytes,
               emit->op.attachment.value.size);
        to->op.attachment.value.bytes = r->values[r->emit_count];
    }
    r->emit_count++;
    return true;
}

static void model_verify(struct bed *bed, const struct rmg_tick_input *input,
                         struct model_request *r)
{
    struct rmg_instance instance;
    struct rmg_graph graph;
    struct rmg_effect effect;
    struct jit_buf values;
    uint32_t slots = 0;
    enum jit_err err =
        rmg_store_instance(bed->store, &input->base, &r->request.instance, &instance);
    if (err == JIT_ENOENT) {
        r->result = RMG_NO_MATCH;
        return;
    }
    must(err);
    rmg_store_graph(bed->store, &instance, &graph);
    jit_buf_init(&values, jit_heap_libc(), 1u << 20);
    effect.values = &values;
    struct rmg_match match = {.rule = r->request.rule,
                              .instance = r->request.instance,
                              .ids = r->request.ids,
                              .id_count = r->request.id_count,
                              .params = r->request.params,
                              .params_size = r->request.params_size,
                              .key = r->match_key,
                              .request_key = r->request_key,
                              .root_node = &instance.root_node};
    struct rmg_draw draw = {.seed = input->seed, .tick = input->tick};
    r->result =
        (uint16_t)rmg_match_verify(&graph, &match, &draw, input->budget, &effect, &slots, &err);
    must(err);
    if (r->result == RMG_APPLIED) {
        ck_assert(rmg_match_footprint(&match, &effect, model_take_use, r));
        ck_assert(rmg_match_execute(&match, &effect, model_take_emit, r));
    }
    jit_buf_release(&values);
}

static bool model_conflict(const struct rmg_use *a, const struct rmg_use *b)
{
    if (rmg_slot_compare(&a->slot, &b->slot) != 0) {
        return false;
    }
    bool both_read = a->access == RMG_ACCESS_READ && b->access == RMG_ACCESS_READ;
    bool both_blind =
        a->access == RMG_ACCESS_BLIND && b->access == RMG_ACCESS_BLIND && a->join == b->join;
    return !both_read && !both_blind;
}

/* The first winner that stands in the way of request i. */
static void model_reserve(struct model *model, uint32_t i)
{
    struct model_request *r = &model->requests[i];
    for (uint32_t k = 0; k < i; k++) {
        const struct model_request *winner = &model->requests[k];
        if (winner->result != RMG_APPLIED) {
            continue;
        }
        for (uint32_t u = 0; u < r->use_count; u++) {
            for (uint32_t w = 0; w < winner->use_count; w++) {
                if (model_conflict(&r->uses[u], &winner->uses[w])) {
                    r->result = RMG_CONFLICT;
                    r->blocker = k;
                    return;
                }
            }
        }
    }
}

static const struct naive_attachment *naive_now(struct naive_state *state, const struct rmg_op *op)
{
    const struct naive_instance *in = naive_find(state, &op->instance);
    for (size_t i = 0; i < in->attachment_count; i++) {
        const struct naive_attachment *a = &in->attachments[i];
        if (a->plane == op->plane && jit_id_equal(&a->owner, &op->id) &&
            a->name_size == op->attachment.name_size &&
            memcmp(a->name, op->attachment.name, a->name_size) == 0) {
            return a;
        }
    }
    ck_abort_msg("nothing to join with");
    return NULL;
}

static void naive_perform(struct naive_state *state, const struct rmg_emit *emit)
{
    struct rmg_op op = emit->op;
    struct rmg_edge edge = {.id = op.id, .from = op.from, .to = op.to, .type = op.type};
    uint8_t joined[JOINED_MAX];
    switch (op.kind) {
    case RMG_OP_CLEAR_ATTACHMENT:
        must(naive_clear_attachment(state, &op.instance, op.plane, &op.id, op.attachment.name,
                                    op.attachment.name_size));
        break;
    case RMG_OP_DELETE_EDGE:
        must(naive_delete_edge(state, &op.instance, &op.id));
        break;
    case RMG_OP_DELETE_NODE:
        must(naive_delete_node(state, &op.instance, &op.id));
        break;
    case RMG_OP_UPSERT_NODE:
        must(naive_upsert_node(state, &op.instance, &op.id, &op.type));
        break;
    case RMG_OP_UPSERT_EDGE:
        must(naive_upsert_edge(state, &op.instance, &edge));
        break;
    case RMG_OP_SET_ATTACHMENT:
        if (emit->join != RMG_JOIN_NONE) {
            const struct naive_attachment *now = naive_now(state, &op);
            op.attachment.value.size = naive_join(emit, now->bytes, (uint32_t)now->size, joined);
            op.attachment.value.bytes = joined;
        }
        must(naive_set_attachment(state, &op.instance, op.plane, &op.id, &op.attachment));
        break;
    case RMG_OP_DELETE_INSTANCE:
    case RMG_OP_UPSERT_INSTANCE:
        ck_abort();
    }
}

static int compare_emits(const void *a, const void *b)
{
    return rmg_op_compare(&((const struct rmg_emit *)a)->op, &((const struct rmg_emit *)b)->op);
}

/* One request on its own, in an order that is valid at each step. */
static void naive_rewrite(struct naive_state *state, const struct model_request *r)
{
    struct rmg_emit sorted[16];
    memcpy(sorted, r->emits, r->emit_count * sizeof *sorted);
    qsort(sorted, r->emit_count, sizeof *sorted, compare_emits);
    for (uint32_t i = 0; i < r->emit_count; i++) {
        naive_perform(state, &sorted[i]);
    }
}

static bool model_overflows(struct naive_state *state, const struct model_request *r)
{
    for (uint32_t i = 0; i < r->emit_count; i++) {
        uint8_t joined[JOINED_MAX];
        if (r->emits[i].join != RMG_JOIN_NONE) {
            const struct naive_attachment *now = naive_now(state, &r->emits[i].op);
            if (naive_join(&r->emits[i], now->bytes, (uint32_t)now->size, joined) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* Of equal requests that may go on, the one that counts. */
static uint32_t model_counts(const struct model *model, uint32_t i)
{
    uint32_t counts = UINT32_MAX;
    for (uint32_t k = 0; k < model->count; k++) {
        const struct model_request *r = &model->requests[k];
        if (r->result == RMG_APPLIED &&
            jit_id_equal(&r->request_key, &model->requests[i].request_key) &&
            (counts == UINT32_MAX ||
             (r->request.retries > 0 && model->requests[counts].request.retries == 0))) {
            counts = k;
        }
    }
    return counts;
}

static void model_admit(struct model *model, uint64_t *quotas)
{
    for (uint32_t i = 0; i < model->count; i++) {
        struct model_request *r = &model->requests[i];
        r->result = r->request.result;
        r->blocker = RMG_NO_BLOCKER;
        if (r->result != RMG_APPLIED) {
            continue;
        }
        if (r->request.quota != RMG_NO_QUOTA && quotas[r->request.quota]-- == 0) {
            quotas[r->request.quota] = 0;
            r->result = RMG_OVER_QUOTA;
        } else if (r->bad_params) {
            r->result = RMG_INVALID;
        }
    }
}

static void model_tick(struct bed *bed, const struct rmg_tick_input *input, struct model *model,
                       struct naive_state *state)
{
    static uint32_t counts[BED_REQUESTS];
    uint64_t quotas[BED_QUOTAS];
    memcpy(quotas, input->quotas, sizeof quotas);
    memset(model, 0, sizeof *model);
    model->count = input->request_count;
    for (uint32_t i = 0; i < model->count; i++) {
        model->requests[i].request = input->requests[i];
        model_keys(input, &model->requests[i]);
    }
    qsort(model->requests, model->count, sizeof *model->requests, model_compare);
    model_admit(model, quotas);
    for (uint32_t i = 0; i < model->count; i++) {
        counts[i] = model_counts(model, i);
    }
    for (uint32_t i = 0; i < model->count; i++) {
        if (model->requests[i].result == RMG_APPLIED) {
            model_verify(bed, input, &model->requests[i]);
        }
    }
    for (uint32_t i = 0; i < model->count; i++) {
        struct model_request *r = &model->requests[i];
        if (r->result != RMG_APPLIED) {
            continue;
        }
        if (counts[i] != i) {
            r->result = RMG_DUPLICATE;
            continue;
        }
        model_reserve(model, i);
        if (r->result == RMG_APPLIED && model_overflows(state, r)) {
            r->result = RMG_OVERFLOW;
        }
        if (r->result == RMG_APPLIED) {
            naive_rewrite(state, r);
        }
    }
}

/* ---- comparing ---- */

static void compare_receipts(const struct model *model, const struct rmg_tick_output *output,
                             uint64_t seed)
{
    for (uint32_t i = 0; i < model->count; i++) {
        const struct model_request *want = &model->requests[i];
        const struct rmg_receipt *got = &output->receipts[i];
        ck_assert_msg(got->result == want->result && got->blocker == want->blocker,
                      "seed %llu, request %u: %s by %u, not %s by %u", (unsigned long long)seed, i,
                      rmg_result_text((enum rmg_result)got->result), got->blocker,
                      rmg_result_text((enum rmg_result)want->result), want->blocker);
        ck_assert(jit_id_equal(&got->request_key, &want->request_key));
        ck_assert(jit_id_equal(&got->process, &want->request.process));
    }
}

/* The winners one after the other, in an order of no meaning. */
static void apply_in_random_order(struct jit_random *random, const struct model *model,
                                  struct naive_state *state, const struct jit_id *want)
{
    uint32_t order[BED_REQUESTS];
    struct jit_id root;
    for (uint32_t i = 0; i < model->count; i++) {
        order[i] = i;
    }
    for (uint32_t i = model->count; i > 1; i--) {
        uint32_t k = (uint32_t)jit_random_below(random, i);
        uint32_t swap = order[i - 1];
        order[i - 1] = order[k];
        order[k] = swap;
    }
    for (uint32_t i = 0; i < model->count; i++) {
        if (model->requests[order[i]].result == RMG_APPLIED) {
            naive_rewrite(state, &model->requests[order[i]]);
        }
    }
    naive_state_root(state, &root);
    ck_assert(jit_id_equal(&root, want));
}

static struct model model;

static uint64_t totals[RMG_RESULT_COUNT];

static void tick_against_model(struct bed *bed, struct bed *other, uint64_t seed)
{
    static struct bed_batch batch;
    struct rmg_tick_output output;
    struct jit_id root;
    bed_requests(bed, &batch, 1 + (uint32_t)jit_random_below(&bed->random, BED_REQUESTS - 1));
    struct rmg_tick_input input = bed_input(bed, &batch);
    struct naive_state before = naive_copy(&bed->model);
    model_tick(bed, &input, &model, &bed->model);
    must(rmg_engine_tick(bed->engine, &input, &output));
    compare_receipts(&model, &output, seed);
    naive_state_root(&bed->model, &root);
    ck_assert_msg(jit_id_equal(&root, &output.version.state_root), "seed %llu",
                  (unsigned long long)seed);
    ck_assert_uint_eq(output.nodes_total, bed->model.instances[0].node_count);
    ck_assert_uint_eq(output.edges_total, bed->model.instances[0].edge_count);
    apply_in_random_order(&bed->random, &model, &before, &root);
    naive_release(&before);
    bed_replay(other, &output);
    for (uint32_t i = 0; i < RMG_RESULT_COUNT; i++) {
        totals[i] += output.counts[i];
    }
    bed_advance(bed, &output);
}

START_TEST(model_agrees)
{
    static const enum rmg_result reached[] = {
        RMG_APPLIED,  RMG_NO_MATCH,  RMG_GUARD_FALSE, RMG_NEGATIVE,   RMG_DANGLING,
        RMG_CONFLICT, RMG_DUPLICATE, RMG_DENIED,      RMG_OVER_QUOTA, RMG_INVALID};
    struct bed bed;
    struct bed other;
    memset(totals, 0, sizeof totals);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        bed_begin(&bed, 4 + seed % 29, 1 + seed % 37, seed, true);
        bed_begin(&other, 4 + seed % 29, 1 + seed % 37, seed, false);
        for (uint64_t t = 0; t < TICKS; t++) {
            tick_against_model(&bed, &other, seed);
        }
        struct rmg_fault fault;
        must(rmg_store_verify(bed.store, &bed.version, &fault));
        bed_end(&bed);
        bed_end(&other);
        ck_assert_int_eq(bed.mem.live, 0);
    }
    for (size_t i = 0; i < sizeof reached / sizeof *reached; i++) {
        ck_assert_msg(totals[reached[i]] > 0, "never %s", rmg_result_text(reached[i]));
    }
}
END_TEST

/* ---- order of application ---- */

#define ORDERS 1000u

/* What a tick has chosen may be carried out in any order: not even joins and created ids differ. */
START_TEST(chosen_set_in_any_order) /* _i: seed */
{
    static struct bed_batch batch;
    struct bed bed;
    struct rmg_tick_output output;
    bed_begin(&bed, 14, 24, 300 + (uint64_t)_i, true);
    batch.count = 0;
    while (batch.count < BED_REQUESTS) { /* two places behind 14 are those of one node */
        bed_request(&bed, &batch, (enum sample_rule)(batch.count % SAMPLE_RULES),
                    (size_t)jit_random_below(&bed.random, 28));
    }
    struct rmg_tick_input input = bed_input(&bed, &batch);
    struct naive_state before = naive_copy(&bed.model);
    struct jit_random random = jit_random_of(900 + (uint64_t)_i);
    model_tick(&bed, &input, &model, &bed.model);
    must(rmg_engine_tick(bed.engine, &input, &output));
    compare_receipts(&model, &output, 300 + (uint64_t)_i);
    ck_assert_uint_gt(output.applied, 8); /* many more orders than are tried */
    ck_assert_uint_gt(output.counts[RMG_CONFLICT], 0);
    for (uint32_t round = 0; round < ORDERS; round++) {
        struct naive_state state = naive_copy(&before);
        apply_in_random_order(&random, &model, &state, &output.version.state_root);
        naive_release(&state);
    }
    naive_release(&before);
    bed_end(&bed);
}
END_TEST

/* ---- order of arrival ---- */

START_TEST(arrival_does_not_matter)
{
    static struct bed_batch batch;
    static struct bed_batch permuted;
    struct jit_id first = {{0}};
    for (uint64_t round = 0; round < 12; round++) {
        struct bed bed;
        struct rmg_tick_output output;
        bed_begin(&bed, 20, 30, 7, false);
        bed_requests(&bed, &batch, BED_REQUESTS);
        bed_copy(&permuted, &batch);
        struct jit_random random = jit_random_of(round);
        if (round > 0) {
            bed_shuffle(&random, &permuted);
        }
        struct rmg_tick_input input = bed_input(&bed, &permuted);
        must(rmg_engine_tick(bed.engine, &input, &output));
        if (round == 0) {
            first = output.commit;
        }
        ck_assert(jit_id_equal(&first, &output.commit));
        bed_end(&bed);
    }
}
END_TEST

/* Tasks from the last to the first: what another number of threads could do. */
static void backwards(struct jit_exec *exec, size_t count, void (*task)(void *, size_t), void *user)
{
    (void)exec;
    for (size_t i = count; i > 0; i--) {
        task(user, i - 1);
    }
}

#define MANY 3000u

START_TEST(order_of_tasks_does_not_matter)
{
    static struct rmg_request requests[MANY];
    static struct jit_id ids[MANY];
    static uint8_t params[32];
    struct jit_id commits[2];
    struct jit_exec other = {.run = backwards, .threads = 4};
    for (int round = 0; round < 2; round++) {
        struct bed bed;
        struct bed_batch none = {.count = 0};
        struct rmg_tick_output output;
        bed_begin(&bed, 2000, 2000, 5, false);
        rmg_engine_free(bed.engine);
        must(rmg_engine_new(&bed.mem.heap, bed.store, round == 0 ? jit_exec_inline() : &other,
                            &bed.engine));
        struct rmg_tick_input input = bed_input(&bed, &none);
        input.requests = requests;
        input.request_count = MANY;
        for (uint32_t i = 0; i < MANY; i++) {
            struct bed_batch one = {.count = 0};
            requests[i] = *bed_request(&bed, &one, SAMPLE_PUT, i * 7 % 2000);
            ids[i] = one.ids[0][0];
            requests[i].ids = &ids[i];
            requests[i].nonce = i;
            memcpy(params, one.params[0], sizeof params);
            requests[i].params = params;
        }
        must(rmg_engine_tick(bed.engine, &input, &output));
        ck_assert_uint_eq(output.applied, 2000);
        ck_assert_uint_eq(output.counts[RMG_CONFLICT], 1000);
        commits[round] = output.commit;
        bed_end(&bed);
    }
    ck_assert(jit_id_equal(&commits[0], &commits[1]));
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "model", 120);
    tcase_add_test(t, model_agrees);
    tcase_add_loop_test(t, chosen_set_in_any_order, 0, 3);
    tcase_add_test(t, arrival_does_not_matter);
    tcase_add_test(t, order_of_tasks_does_not_matter);
}

TEST_MAIN("engine_model", suite)
