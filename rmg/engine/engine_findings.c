#include "rmg/engine/engine_verify_priv.h"

#include "base/check.h"
#include "base/le.h"
#include "rmg/change/patch_priv.h"

/* ---- values that rewrites replace ---- */

enum jit_err eng_priors_flush(struct eng_priors *batch)
{
    uint32_t count = batch->settled;
    enum jit_err err = rmg_values_of_attachments(batch->plane, batch->old, count, batch->to);
    batch->count -= count;
    batch->settled = 0;
    memmove(batch->old, batch->old + count, batch->count * sizeof batch->old[0]);
    memmove(batch->op, batch->op + count, batch->count * sizeof batch->op[0]);
    return err;
}

/* A request with more of them than the batch has room for has some hashed by themselves. */
static enum jit_err prior_add(struct eng_priors *batch, enum rmg_plane plane,
                              const struct rmg_attachment *old, struct eng_op *op)
{
    enum jit_err err = JIT_OK;
    if (batch->settled > 0 && (batch->count == RMG_VALUES_MAX || batch->plane != plane)) {
        err = eng_priors_flush(batch);
    }
    if (err != JIT_OK || batch->count == RMG_VALUES_MAX ||
        (batch->count > 0 && batch->plane != plane)) {
        return err != JIT_OK ? err : rmg_value_of_attachment(plane, old, &op->prior);
    }
    batch->plane = plane;
    batch->old[batch->count] = *old;
    batch->op[batch->count++] = op->index;
    return JIT_OK;
}

/* The operations lie where they stay: write the hashes there. */
static void priors_settle(struct eng_priors *batch, const struct eng_req *req)
{
    for (; batch->settled < batch->count; batch->settled++) {
        /* Ours until the task ends, though the other steps only read them. */
        struct eng_op *ops = (struct eng_op *)(uintptr_t)req->ops;
        batch->to[batch->settled] = &ops[batch->op[batch->settled]].prior;
    }
}

/* ---- slots ---- */

/* What a sum starts from. Verification has found a number there, in this very version. */
static enum jit_err number_of(const struct rmg_value *value, int64_t *out)
{
    if (value->kind != RMG_VALUE_ATOM || value->size != 8 ||
        !jit_id_equal(&value->type, rmg_codec_type(RMG_CODEC_I64))) {
        return JIT_ECORRUPT;
    }
    *out = (int64_t)jit_le64(value->bytes);
    return JIT_OK;
}

/* What a join counts from: a number, or the bytes of a list. */
static enum jit_err read_base(const struct rmg_graph *graph, const struct rmg_slot *slot,
                              enum rmg_join join, int64_t *out)
{
    struct rmg_value value;
    enum rmg_plane plane = slot->kind == RMG_SLOT_ALPHA ? RMG_PLANE_ALPHA : RMG_PLANE_BETA;
    enum jit_err err =
        rmg_attachment_get(graph, plane, &slot->id, slot->name, slot->name_size, &value);
    if (err == JIT_OK && join == RMG_JOIN_SUM) {
        err = number_of(&value, out);
    } else if (err == JIT_OK) {
        *out = value.size;
    }
    return err == JIT_ENOENT ? JIT_ECORRUPT : err;
}

enum jit_err eng_findings_use(struct eng_verifier *verifier, const struct rmg_use *use)
{
    struct eng_chunk *chunk = verifier->chunk;
    const struct rmg_slot *slot = &use->slot;
    enum jit_err err =
        ENG_ROOM(verifier->engine, chunk->uses, chunk->use_capacity, chunk->use_count + 1);
    if (err != JIT_OK) {
        return err;
    }
    struct eng_use *kept = &chunk->uses[chunk->use_count];
    *kept = (struct eng_use){.id = slot->id,
                             .rest = slot->name,
                             .delta = use->delta,
                             .instance = eng_verifier_instance(verifier, &slot->instance),
                             .kind = (uint8_t)slot->kind,
                             .direction = (uint8_t)slot->direction,
                             .access = (uint8_t)use->access,
                             .join = (uint8_t)use->join,
                             .name_size = (uint8_t)slot->name_size,
                             .read = use->read || use->access == RMG_ACCESS_READ};
    if (slot->kind == RMG_SLOT_INCIDENCE) {
        kept->rest = rmg_scratch_copy(&chunk->arena, &slot->type, sizeof slot->type);
        if (kept->rest == NULL) {
            return JIT_ENOMEM;
        }
    }
    if (use->access == RMG_ACCESS_BLIND &&
        (use->join == RMG_JOIN_SUM || use->join == RMG_JOIN_UNION)) {
        err = read_base(eng_verifier_graph(verifier, kept->instance), slot, use->join, &kept->base);
    }
    kept->hash = eng_use_hash(verifier->engine, kept);
    chunk->use_count++;
    verifier->patch_bytes += eng_use_size(kept);
    return err;
}

static bool take_use(void *user, const struct rmg_use *use)
{
    struct eng_verifier *verifier = user;
    verifier->chunk->err = eng_findings_use(verifier, use);
    return verifier->chunk->err == JIT_OK;
}

/* ---- operations ---- */

static bool is_created(const struct eng_chunk *chunk, uint32_t instance, const struct jit_id *id)
{
    for (size_t i = 0; i < chunk->op_count; i++) {
        const struct eng_op *op = &chunk->ops[i];
        if ((op->kind == RMG_OP_UPSERT_NODE || op->kind == RMG_OP_UPSERT_EDGE) &&
            op->instance == instance && jit_id_equal(&op->id, id)) {
            return true;
        }
    }
    return false;
}

/* The value an attachment has now. Verification leaves portals alone: they are the only way to an
 * instance, and no rule moves one. */
static enum jit_err look_at_old(struct eng_verifier *verifier, const struct rmg_emit *emit,
                                struct eng_op *kept)
{
    const struct rmg_op *op = &emit->op;
    struct rmg_attachment old = op->attachment;
    if (is_created(verifier->chunk, kept->instance, &op->id)) {
        return JIT_OK;
    }
    enum jit_err err = rmg_attachment_get(eng_verifier_graph(verifier, kept->instance), op->plane,
                                          &op->id, old.name, old.name_size, &old.value);
    if (err == JIT_ENOENT) {
        return JIT_OK;
    }
    if (err != JIT_OK) {
        return err;
    }
    assert(old.value.kind == RMG_VALUE_ATOM);
    if (emit->join == RMG_JOIN_SUM) {
        err = number_of(&old.value, &kept->base);
    } else if (emit->join == RMG_JOIN_UNION) {
        kept->base = old.value.size;
    }
    return err == JIT_OK ? prior_add(verifier->priors, op->plane, &old, kept) : err;
}

/* Names lie in the rule or in the frozen version, both of which outlive the tick; values in a
 * buffer that the next request reuses. */
static enum jit_err copy_attachment(struct rmg_scratch *arena, const struct rmg_op *op,
                                    struct eng_op *kept)
{
    struct rmg_value *value = &kept->as.attachment.value;
    kept->as.attachment = op->attachment;
    if (op->kind == RMG_OP_SET_ATTACHMENT && value->size > 0) {
        value->bytes = rmg_scratch_copy(arena, value->bytes, value->size);
        return value->bytes == NULL ? JIT_ENOMEM : JIT_OK;
    }
    return JIT_OK;
}

static enum jit_err keep_attachment(struct eng_verifier *verifier, const struct rmg_emit *emit,
                                    struct eng_op *kept)
{
    enum jit_err err = look_at_old(verifier, emit, kept);
    return err == JIT_OK ? copy_attachment(&verifier->chunk->arena, &emit->op, kept) : err;
}

static enum jit_err keep_element(struct eng_verifier *verifier, const struct rmg_op *op,
                                 struct eng_op *kept)
{
    kept->as.element.type = op->type;
    kept->as.element.from = op->from;
    kept->as.element.to = op->to;
    if (op->kind == RMG_OP_UPSERT_NODE || op->kind == RMG_OP_UPSERT_EDGE) {
        return JIT_OK; /* created: verification has refused ids that exist */
    }
    enum jit_err err = patch_prior(eng_verifier_graph(verifier, kept->instance), op, &kept->prior);
    return err == JIT_OK && jit_id_is_zero(&kept->prior) ? JIT_ECORRUPT : err; /* it was matched */
}

static enum jit_err keep_op(struct eng_verifier *verifier, const struct rmg_emit *emit)
{
    struct eng_chunk *chunk = verifier->chunk;
    const struct rmg_op *op = &emit->op;
    enum jit_err err =
        ENG_ROOM(verifier->engine, chunk->ops, chunk->op_capacity, chunk->op_count + 1);
    if (err != JIT_OK) {
        return err;
    }
    assert(op->kind != RMG_OP_DELETE_INSTANCE && op->kind != RMG_OP_UPSERT_INSTANCE);
    struct eng_op *kept = &chunk->ops[chunk->op_count];
    *kept = (struct eng_op){.id = op->id,
                            .instance = eng_verifier_instance(verifier, &op->instance),
                            .request = verifier->index,
                            .index = (uint32_t)chunk->op_count,
                            .kind = (uint8_t)op->kind,
                            .plane = (uint8_t)op->plane,
                            .join = (uint8_t)emit->join,
                            .delta = emit->delta};
    chunk->op_count++;
    if (op->kind == RMG_OP_SET_ATTACHMENT || op->kind == RMG_OP_CLEAR_ATTACHMENT) {
        err = keep_attachment(verifier, emit, kept);
    } else {
        err = keep_element(verifier, op, kept);
    }
    assert(op->origin_count == 0); /* it gets one: this request */
    verifier->patch_bytes += rmg_op_size(op) + PATCH_ORIGIN_BYTES;
    /* The list that is there is written again: once, also where many put something into it. */
    verifier->patch_bytes += emit->alone ? (uint64_t)kept->base : 0;
    return err;
}

static bool take_op(void *user, const struct rmg_emit *emit)
{
    struct eng_verifier *verifier = user;
    verifier->chunk->err = keep_op(verifier, emit);
    return verifier->chunk->err == JIT_OK;
}

enum jit_err eng_findings_collect(struct eng_verifier *verifier)
{
    const struct rmg_match *match = &verifier->match;
    bool all = rmg_match_footprint(match, verifier->effect, take_use, verifier) &&
               rmg_match_execute(match, verifier->effect, take_op, verifier);
    if (verifier->chunk->err != JIT_OK) {
        return verifier->chunk->err;
    }
    assert(all);
    return JIT_OK;
}

enum jit_err eng_findings_keep(struct eng_verifier *verifier)
{
    struct eng_chunk *chunk = verifier->chunk;
    struct eng_req *req = verifier->req;
    req->use_count = (uint32_t)chunk->use_count;
    req->op_count = (uint32_t)chunk->op_count;
    req->patch_bytes =
        verifier->patch_bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)verifier->patch_bytes;
    if (req->heavy) {
        verifier->priors->count = verifier->priors->settled;
        return JIT_OK;
    }
    if (chunk->use_count > 0) {
        req->uses =
            rmg_scratch_copy(&chunk->arena, chunk->uses, chunk->use_count * sizeof *chunk->uses);
    }
    if (chunk->op_count > 0) {
        req->ops =
            rmg_scratch_copy(&chunk->arena, chunk->ops, chunk->op_count * sizeof *chunk->ops);
    }
    if ((chunk->use_count > 0 && req->uses == NULL) || (chunk->op_count > 0 && req->ops == NULL)) {
        return JIT_ENOMEM;
    }
    priors_settle(verifier->priors, req);
    return JIT_OK;
}
