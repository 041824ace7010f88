/* proc/guest/space_rules.c - rules in branches: found, judged, carried out. What a rewrite does is
 * gathered first, since changing the branch moves what it borrows from. */
#include <stdlib.h>

#include "base/check.h"
#include "proc/guest/space_priv.h"

enum jit_err guest_space_match(struct guest_space *space, const struct sws_branch *branch,
                               uint32_t run, uint32_t round, guest_match_fn *visit, void *user)
{
    const struct guest_run_info info = guest_loop_run_info(space->options.loop, run);
    const struct rmg_draw draw = {
        .seed = space->options.boot->head.seed, .tick = space->tick, .round = round};
    struct rmg_graph graph;
    enum jit_err err = info.rule->portal_count > 0
                           ? JIT_ENOTSUP
                           : sws_graph(space->sws, branch, &info.instance, &graph);
    if (err == JIT_OK && space->searches[run] == NULL) {
        err = rmg_search_new(space->options.heap, info.rule, info.params.bytes,
                             (uint32_t)info.params.size, &info.instance, info.shard,
                             &space->searches[run]);
    }
    if (err == JIT_OK) {
        err = rmg_search_all(space->searches[run], &graph);
    }
    return err == JIT_OK ? rmg_search_each(space->searches[run], &draw, visit, user) : err;
}

/* What a rewrite does, before it is done: changing the branch moves what it borrows from. */
struct collected {
    struct guest_space *space;
    const struct rmg_graph *graph;
    struct rmg_op *ops;
    size_t op_count;
    size_t op_capacity;
    struct rmg_slot *reads;
    size_t read_count;
    size_t read_capacity;
    bool overflow;
    enum jit_err err;
};

static const void *copy_of(struct collected *c, const void *bytes, size_t size)
{
    if (size == 0 || c->err != JIT_OK) {
        return "";
    }
    const void *copy = rmg_scratch_copy(&c->space->scratch, bytes, size);
    c->err = copy == NULL ? JIT_ENOMEM : JIT_OK;
    return copy;
}

static bool collect_read(void *user, const struct rmg_use *use)
{
    struct collected *c = user;
    void *data = c->reads;
    if (!use->read && use->access != RMG_ACCESS_READ) {
        return true;
    }
    if (jit_heap_grow(c->space->options.heap, &data, &c->read_capacity, c->read_count + 1,
                      sizeof *c->reads) != 0) {
        c->err = JIT_ENOMEM;
        return false;
    }
    c->reads = data;
    struct rmg_slot *slot = &c->reads[c->read_count++];
    *slot = use->slot;
    if (rmg_slot_is_named(slot->kind)) {
        slot->name = copy_of(c, slot->name, slot->name_size);
    }
    return c->err == JIT_OK;
}

/* A blind update, folded with what is there. */
static void fold(struct collected *c, const struct rmg_emit *emit, struct rmg_op *op)
{
    struct rmg_value now;
    int64_t sum = 0;
    c->err = rmg_attachment_get(c->graph, op->plane, &op->id, op->attachment.name,
                                op->attachment.name_size, &now);
    if (c->err != JIT_OK) {
        c->err = c->err == JIT_ENOENT ? JIT_ECORRUPT : c->err; /* verification has found one */
        return;
    }
    if (emit->join != RMG_JOIN_SUM) {
        const struct rmg_value values[2] = {now, op->attachment.value};
        c->err = rmg_join_all(emit->join, values, 2, &c->space->scratch, &op->attachment.value);
        c->overflow = c->err == JIT_ELIMIT;
        return;
    }
    c->overflow =
        now.size != 8 || __builtin_add_overflow((int64_t)jit_le64(now.bytes), emit->delta, &sum);
    uint8_t *word = rmg_scratch_alloc(&c->space->scratch, 8);
    if (word == NULL) {
        c->err = JIT_ENOMEM;
        return;
    }
    jit_put_le64(word, (uint64_t)sum);
    op->attachment.value = (struct rmg_value){
        .kind = RMG_VALUE_ATOM, .type = *rmg_codec_type(RMG_CODEC_I64), .bytes = word, .size = 8};
}

static bool collect_op(void *user, const struct rmg_emit *emit)
{
    struct collected *c = user;
    void *data = c->ops;
    if (jit_heap_grow(c->space->options.heap, &data, &c->op_capacity, c->op_count + 1,
                      sizeof *c->ops) != 0) {
        c->err = JIT_ENOMEM;
        return false;
    }
    c->ops = data;
    struct rmg_op *op = &c->ops[c->op_count++];
    *op = emit->op;
    if (op->kind == RMG_OP_SET_ATTACHMENT || op->kind == RMG_OP_CLEAR_ATTACHMENT) {
        op->attachment.name = copy_of(c, op->attachment.name, op->attachment.name_size);
    }
    if (op->kind == RMG_OP_SET_ATTACHMENT && emit->join != RMG_JOIN_NONE && c->err == JIT_OK) {
        fold(c, emit, op);
    }
    if (op->kind == RMG_OP_SET_ATTACHMENT && c->err == JIT_OK) {
        op->attachment.value.bytes =
            copy_of(c, op->attachment.value.bytes, op->attachment.value.size);
    }
    return c->err == JIT_OK && !c->overflow;
}

static int by_kind(const void *a, const void *b)
{
    return rmg_op_compare(a, b);
}

static enum jit_err carry_out(struct collected *c, struct sws_branch *branch)
{
    struct sws *sws = c->space->sws;
    enum jit_err err = JIT_OK;
    if (c->op_count > 0) {
        qsort(c->ops, c->op_count, sizeof *c->ops, by_kind);
    }
    sws_change_begin(sws, branch);
    for (size_t i = 0; err == JIT_OK && i < c->read_count; i++) {
        err = sws_change_reads(sws, &c->reads[i]);
    }
    for (size_t i = 0; err == JIT_OK && i < c->op_count; i++) {
        err = sws_change_op(sws, &c->ops[i]);
    }
    if (err != JIT_OK) {
        sws_change_abort(sws);
        return err;
    }
    return sws_change_end(sws);
}

static enum jit_err collect(struct collected *c, const struct rmg_match *match,
                            struct rmg_effect *effect, const struct sws_branch *branch)
{
    for (uint32_t i = 0; c->err == JIT_OK && i < match->rule->create_count; i++) {
        c->err = sws_new_id(c->space->sws, branch, &effect->created[i]);
    }
    if (c->err == JIT_OK && rmg_match_footprint(match, effect, collect_read, c)) {
        (void)rmg_match_execute(match, effect, collect_op, c);
    }
    return c->overflow ? JIT_OK : c->err;
}

/* A match of a run's rule as it is in the branch now, verified. The scratch is emptied. */
struct verified {
    struct rmg_match match;
    struct rmg_effect effect;
    struct rmg_graph graph;
    enum rmg_result result;
};

static enum jit_err verify(struct guest_space *space, const struct sws_branch *branch, uint32_t run,
                           const struct jit_id *ids, uint32_t id_count, uint32_t round,
                           struct verified *out)
{
    const struct guest_run_info info = guest_loop_run_info(space->options.loop, run);
    const struct rmg_draw draw = {
        .seed = space->options.boot->head.seed, .tick = space->tick, .round = round};
    struct rmg_match *match = &out->match;
    struct jit_id digest;
    uint32_t slots = 0;
    assert(id_count <= JIT_PATTERN_ELEMENTS_MAX);
    out->effect = (struct rmg_effect){.values = &space->values};
    *match = (struct rmg_match){.rule = info.rule,
                                .instance = info.instance,
                                .ids = ids,
                                .id_count = id_count,
                                .params = info.params.bytes,
                                .params_size = (uint32_t)info.params.size};
    rmg_scratch_reset(&space->scratch);
    jit_buf_reset(&space->values);
    enum jit_err err = info.rule->portal_count > 0 ? JIT_ENOTSUP
                                                   : rmg_params_check(match->rule, match->params,
                                                                      match->params_size, &digest);
    if (err == JIT_OK) {
        rmg_match_key(match->rule, &match->instance, ids, id_count, &digest, &match->key);
        err = sws_graph(space->sws, branch, &info.instance, &out->graph);
    }
    if (err == JIT_OK) {
        out->result = rmg_match_verify(&out->graph, match, &draw, JIT_VERIFY_SLOTS_MAX,
                                       &out->effect, &slots, &err);
    }
    return err;
}

enum jit_err guest_space_apply(struct guest_space *space, struct sws_branch *branch, uint32_t run,
                               const struct jit_id *ids, uint32_t id_count, uint32_t round,
                               enum rmg_result *result)
{
    struct verified v;
    enum jit_err err = verify(space, branch, run, ids, id_count, round, &v);
    if (err != JIT_OK) {
        return err;
    }
    *result = v.result;
    if (v.result != RMG_APPLIED) {
        return JIT_OK;
    }
    struct collected c = {.space = space, .graph = &v.graph};
    err = collect(&c, &v.match, &v.effect, branch);
    if (err == JIT_OK && c.overflow) {
        *result = RMG_OVERFLOW;
    } else if (err == JIT_OK) {
        err = carry_out(&c, branch);
    }
    space->options.heap->free(space->options.heap, c.ops);
    space->options.heap->free(space->options.heap, c.reads);
    return err;
}

static bool sum_up(void *user, const struct rmg_emit *emit)
{
    int64_t *sum = user;
    if (emit->op.kind == RMG_OP_SET_ATTACHMENT && emit->join == RMG_JOIN_SUM &&
        __builtin_add_overflow(*sum, emit->delta, sum)) {
        *sum = emit->delta > 0 ? INT64_MAX : INT64_MIN;
    }
    return true;
}

enum jit_err guest_space_adds(struct guest_space *space, const struct sws_branch *branch,
                              uint32_t run, const struct jit_id *ids, uint32_t id_count,
                              uint32_t round, int64_t *out)
{
    struct verified v;
    *out = 0;
    enum jit_err err = verify(space, branch, run, ids, id_count, round, &v);
    if (err == JIT_OK && v.result == RMG_APPLIED) {
        (void)rmg_match_execute(&v.match, &v.effect, sum_up, out);
    }
    return err;
}
