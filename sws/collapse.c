#include <math.h>
#include <stdlib.h>

#include "sws/space_priv.h"

/* ---- the request: docs/spec/sws.md "Request" ---- */

static int slot_order(const void *a, const void *b)
{
    return rmg_slot_compare(a, b);
}

/* The base of the branch as one instance of it was. An instance that was not there has nothing. */
static enum jit_err base_graph(const struct sws *space, const struct sws_branch *branch,
                               const struct jit_id *instance, struct rmg_graph *out)
{
    struct rmg_instance found;
    enum jit_err err = rmg_store_instance(space->shared, &branch->shared.base, instance, &found);
    *out = (struct rmg_graph){.instance = *instance};
    if (err == JIT_OK) {
        rmg_store_graph(space->shared, &found, out);
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err request_reads(const struct sws *space, const struct sws_branch *branch,
                                  struct jit_buf *buf)
{
    struct jit_heap *heap = space->options.heap;
    struct rmg_slot *slots = NULL;
    struct jit_cursor cur = jit_cursor_of(branch->reads.data, branch->reads.size);
    enum jit_err err = JIT_OK;
    size_t at = buf->size;
    uint64_t count = 0;
    if (branch->read_count > 0) {
        slots = heap->alloc(heap, branch->read_count * sizeof *slots);
        err = slots == NULL ? JIT_ENOMEM : JIT_OK;
    }
    for (uint32_t i = 0; err == JIT_OK && i < branch->read_count; i++) {
        err = rmg_slot_decode(&cur, &slots[i]);
    }
    jit_buf_put_u64(buf, 0);
    if (err == JIT_OK && branch->read_count > 0) {
        qsort(slots, branch->read_count, sizeof *slots, slot_order);
    }
    for (uint32_t i = 0; err == JIT_OK && i < branch->read_count; i++) {
        struct rmg_graph graph;
        struct jit_id value;
        if (i > 0 && rmg_slot_compare(&slots[i - 1], &slots[i]) == 0) {
            continue;
        }
        err = base_graph(space, branch, &slots[i].instance, &graph);
        if (err == JIT_OK) {
            err = rmg_slot_seen(&graph, &slots[i], &value);
        }
        if (err == JIT_OK) {
            rmg_slot_encode(&slots[i], buf);
            jit_buf_put_id(buf, &value);
            count++;
        }
    }
    heap->free(heap, slots);
    if (err == JIT_OK && buf->err == JIT_OK) {
        jit_buf_patch_u64(buf, at, count);
    }
    return err == JIT_OK ? buf->err : err;
}

/* Counters of what is created, and what additions begin with. */
struct notes {
    const struct sws *space;
    const struct sws_branch *branch;
    struct jit_buf created;
    struct jit_buf sums;
    struct jit_buf patch; /* the operations */
    uint64_t operations;
    enum jit_err err;
};

/* The number that an operation replaces by another, if it does. */
static enum jit_err note_sum(struct notes *notes, const struct rmg_op *op)
{
    struct rmg_graph graph;
    struct rmg_value was;
    const struct rmg_value *value = &op->attachment.value;
    const struct jit_id *number = rmg_codec_type(RMG_CODEC_I64);
    if (value->kind != RMG_VALUE_ATOM || value->size != 8 || !jit_id_equal(&value->type, number)) {
        return JIT_OK;
    }
    enum jit_err err = base_graph(notes->space, notes->branch, &op->instance, &graph);
    if (err == JIT_OK) {
        err = rmg_attachment_get(&graph, op->plane, &op->id, op->attachment.name,
                                 op->attachment.name_size, &was);
    }
    if (err == JIT_OK && was.kind == RMG_VALUE_ATOM && was.size == 8 &&
        jit_id_equal(&was.type, number)) {
        jit_buf_put_u64(&notes->sums, notes->operations);
        jit_buf_put(&notes->sums, was.bytes, 8);
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static bool note(void *user, const struct rmg_op *op)
{
    struct notes *notes = user;
    if ((op->kind == RMG_OP_UPSERT_NODE || op->kind == RMG_OP_UPSERT_EDGE) &&
        jit_id_is_zero(&op->prior)) {
        jit_buf_put_u64(&notes->created, sws_counter_of(notes->space, &op->id));
    } else if (op->kind == RMG_OP_SET_ATTACHMENT) {
        notes->err = note_sum(notes, op);
    }
    rmg_op_encode(op, &notes->patch);
    notes->operations++;
    if (notes->err == JIT_OK && notes->created.err == JIT_OK) {
        notes->err = notes->sums.err != JIT_OK ? notes->sums.err : notes->patch.err;
    } else if (notes->err == JIT_OK) {
        notes->err = notes->created.err;
    }
    return notes->err == JIT_OK;
}

/* A patch that has no base root and no slots of its own. */
static enum jit_err request_rest(const struct sws *space, const struct sws_branch *branch,
                                 const struct jit_buf *patch, struct jit_buf *buf)
{
    static const struct jit_id none;
    struct notes notes = {.space = space, .branch = branch};
    struct jit_id root;
    jit_buf_init(&notes.patch, space->options.heap, JIT_REQUEST_BYTES_MAX);
    jit_buf_init(&notes.created, space->options.heap, JIT_REQUEST_BYTES_MAX);
    jit_buf_init(&notes.sums, space->options.heap, JIT_REQUEST_BYTES_MAX);
    enum jit_err err =
        rmg_patch_each(space->options.heap, patch->data, patch->size, &root, note, &notes);
    err = err == JIT_OK ? notes.err : err;
    if (err == JIT_OK) {
        jit_buf_put_u64(buf, notes.created.size / 8);
        jit_buf_put(buf, notes.created.data, notes.created.size);
        jit_buf_put_u64(buf, notes.sums.size / 16);
        jit_buf_put(buf, notes.sums.data, notes.sums.size);
        jit_buf_put_id(buf, &none);
        jit_buf_put_u64(buf, 0);
        jit_buf_put_u64(buf, 0);
        jit_buf_put_u64(buf, notes.operations);
        jit_buf_put(buf, notes.patch.data, notes.patch.size);
        err = buf->err;
    }
    jit_buf_release(&notes.patch);
    jit_buf_release(&notes.created);
    jit_buf_release(&notes.sums);
    return err;
}

/* Appends nothing when the branch changed nothing that is mounted. */
static enum jit_err request_make(const struct sws *space, const struct sws_branch *branch,
                                 struct jit_buf *buf, uint64_t *operations)
{
    const struct rmg_state before = {space->shared, branch->shared.base};
    const struct rmg_state after = {space->shared, branch->shared.head};
    struct jit_buf patch;
    size_t begin = buf->size;
    *operations = 0;
    if (space->shared == NULL || before.version.epoch == after.version.epoch) {
        return JIT_OK;
    }
    if (sws_is_stale(space, branch)) {
        return JIT_ESTALE;
    }
    jit_buf_init(&patch, space->options.heap, JIT_REQUEST_BYTES_MAX);
    enum jit_err err = rmg_diff_patch(space->options.heap, &before, &after, &patch, operations);
    if (err == JIT_OK && *operations > 0) {
        jit_buf_put_u64(buf, branch->tick);
        err = request_reads(space, branch, buf);
        if (err == JIT_OK) {
            err = request_rest(space, branch, &patch, buf);
        }
    }
    if (err != JIT_OK) {
        buf->size = begin;
        buf->err = JIT_OK;
    }
    jit_buf_release(&patch);
    return err;
}

/* ---- the local part ---- */

/* One of the two graphs: how a line of it goes on. */
struct line {
    struct sws *space;
    struct rmg_store *store;
    struct rmg_branch *branch; /* what is collapsed */
    struct rmg_branch *into;   /* NULL: the store's own line */
    struct rmg_version head;   /* of what it goes into */
};

/* A transaction on the line, with the patch performed, not sealed. */
static enum jit_err line_apply(const struct line *line, const uint8_t *patch, size_t size,
                               struct rmg_tx **out)
{
    struct rmg_tx *tx = NULL;
    enum jit_err err = line->into == NULL ? rmg_tx_begin(line->store, &line->head, &tx)
                                          : rmg_branch_begin(line->store, line->into, &tx);
    if (err == JIT_OK) {
        err = rmg_patch_apply(line->space->options.heap, tx, &line->head, patch, size);
    }
    if (err == JIT_OK) {
        err = rmg_tx_judge(tx);
    }
    if (err != JIT_OK) {
        rmg_tx_abort(tx);
        tx = NULL;
    }
    *out = tx;
    return err;
}

/* Both sides have moved since the fork: the merge, as a patch on what it goes into. */
static enum jit_err line_merge(const struct line *line, struct jit_buf *patch,
                               struct rmg_merge_result *conflict)
{
    const struct sws_options *options = &line->space->options;
    const struct rmg_merge_options merge = {.heap = options->heap,
                                            .join_of = options->join_of,
                                            .user = options->user,
                                            .strategy = RMG_SIDE_NONE};
    const struct rmg_state base = {line->store, line->branch->base};
    const struct rmg_state ours = {line->store, line->head};
    const struct rmg_state theirs = {line->store, line->branch->head};
    struct rmg_branch merged;
    struct rmg_tx *tx = NULL;
    enum jit_err err = rmg_merge(&merge, &base, &ours, &theirs, conflict);
    if (err == JIT_OK && conflict->conflict_count > 0) {
        return JIT_ECONFLICT;
    }
    if (err == JIT_OK) {
        err = rmg_branch_fork(line->store, &base.version, &merged);
    }
    if (err != JIT_OK) {
        rmg_merge_result_release(conflict);
        return err;
    }
    err = rmg_branch_begin(line->store, &merged, &tx);
    if (err == JIT_OK) {
        err = rmg_patch_apply(options->heap, tx, &base.version, conflict->patch.data,
                              conflict->patch.size);
        if (err == JIT_OK) {
            err = rmg_tx_seal(tx, &merged.head);
        } else {
            rmg_tx_abort(tx);
        }
    }
    if (err == JIT_OK) {
        const struct rmg_state result = {line->store, merged.head};
        err = rmg_diff_patch(options->heap, &ours, &result, patch, NULL);
    }
    rmg_branch_drop(line->store, &merged);
    rmg_merge_result_release(conflict);
    return err;
}

static bool count_one(void *user, const struct rmg_difference *difference)
{
    (void)difference;
    ++*(uint64_t *)user;
    return true;
}

/* What cannot fail any more: line_finish(). */
struct ready {
    struct line line;
    struct rmg_tx *tx;     /* to be sealed; NULL: none */
    bool adopt;            /* nothing else has moved: the branch's version is what comes out */
    struct rmg_amount use; /* of the trunk, when it goes into that */
};

static enum jit_err line_ready(const struct line *line, struct ready *ready, uint64_t *operations,
                               struct rmg_merge_result *conflict)
{
    struct jit_buf patch;
    *ready = (struct ready){.line = *line};
    *operations = 0;
    if (line->store == NULL || line->branch->base.epoch == line->branch->head.epoch) {
        return JIT_OK;
    }
    const struct rmg_state before = {line->store, line->branch->base};
    const struct rmg_state after = {line->store, line->branch->head};
    if (line->head.epoch == line->branch->base.epoch) {
        enum jit_err err = rmg_diff(&before, &after, count_one, operations, NULL);
        if (err == JIT_OK && line->into == NULL) {
            err = sws_allows(line->space, &after.version, &ready->use);
        }
        ready->adopt = err == JIT_OK && *operations > 0;
        return err;
    }
    jit_buf_init(&patch, line->space->options.heap, JIT_PATCH_BYTES_MAX);
    enum jit_err err =
        rmg_diff_patch(line->space->options.heap, &before, &after, &patch, operations);
    if (err == JIT_OK) {
        jit_buf_reset(&patch);
        err = line_merge(line, &patch, conflict);
    }
    if (err == JIT_OK && *operations > 0 && line->into == NULL) {
        err = sws_allows_patch(line->space, &patch, &ready->use);
    }
    if (err == JIT_OK && *operations > 0) {
        err = line_apply(line, patch.data, patch.size, &ready->tx);
    }
    jit_buf_release(&patch);
    return err;
}

static void must_seal(struct rmg_tx *tx, struct rmg_version *out)
{
    enum jit_err err = rmg_tx_seal(tx, out);
    assert(err == JIT_OK); /* it was judged */
}

/* True: there is a new version. */
static bool line_finish(struct ready *ready, struct rmg_version *version)
{
    struct line *line = &ready->line;
    if (ready->adopt) {
        *version = line->branch->head;
        rmg_branch_adopt(line->store, line->branch, line->into);
    } else if (ready->tx != NULL) {
        must_seal(ready->tx, version);
        if (line->into != NULL) {
            line->into->head = *version;
        }
    }
    return ready->adopt || ready->tx != NULL;
}

/* What the branch's conclusions rest on, the conclusions of its parent rest on too. */
static enum jit_err reads_hand_up(struct sws_branch *branch)
{
    struct sws_branch *parent = branch->parent;
    if (parent->read_count + branch->read_count > JIT_IN_SLOTS_MAX) {
        return JIT_ELIMIT;
    }
    size_t size = parent->reads.size;
    jit_buf_put(&parent->reads, branch->reads.data, branch->reads.size);
    enum jit_err err = parent->reads.err;
    if (err != JIT_OK) {
        parent->reads.err = JIT_OK;
        parent->reads.size = size;
        return err;
    }
    parent->read_count += branch->read_count;
    return JIT_OK;
}

static void drop_below(struct sws *space, struct sws_branch *branch)
{
    struct sws_branch *at = space->branches;
    while (at != NULL) {
        if (at->parent == branch) {
            sws_drop(space, at);
            at = space->branches;
        } else {
            at = at->next;
        }
    }
}

static enum jit_err into_branch(struct sws *space, struct sws_branch *branch,
                                struct sws_collapse *out)
{
    struct sws_branch *parent = branch->parent;
    struct rmg_version version;
    struct ready own = {.tx = NULL};
    struct ready shared = {.tx = NULL};
    struct line line = {space, space->own, &branch->own, &parent->own, parent->own.head};
    enum jit_err err = line_ready(&line, &own, &out->local_operations, &out->conflict);
    if (err == JIT_OK) {
        line = (struct line){space, space->shared, &branch->shared, &parent->shared,
                             parent->shared.head};
        err = line_ready(&line, &shared, &out->shared_operations, &out->conflict);
        out->local_operations += out->shared_operations;
        out->shared_operations = 0;
    }
    if (err == JIT_OK) {
        err = reads_hand_up(branch);
    }
    if (err != JIT_OK) {
        rmg_tx_abort(own.tx);
        rmg_tx_abort(shared.tx);
        return err;
    }
    drop_below(space, branch);
    line_finish(&own, &version);
    line_finish(&shared, &version);
    return JIT_OK;
}

static enum jit_err into_trunk(struct sws *space, struct sws_branch *branch,
                               struct jit_buf *request, struct sws_collapse *out)
{
    const struct rmg_version latest = space->options.home->latest;
    const struct line line = {space, space->own, &branch->own, NULL, latest};
    struct ready own = {.tx = NULL};
    struct rmg_version version;
    size_t before = request->size;
    enum jit_err err = request_make(space, branch, request, &out->shared_operations);
    if (err == JIT_OK) {
        err = rmg_store_pin_ready(space->own, 2);
    }
    if (err == JIT_OK) {
        err = line_ready(&line, &own, &out->local_operations, &out->conflict);
    }
    if (err != JIT_OK) {
        request->size = before;
        return err;
    }
    drop_below(space, branch);
    if (line_finish(&own, &version)) {
        sws_commit(space, &version, &own.use);
    }
    return JIT_OK;
}

enum jit_err sws_collapse(struct sws *space, struct sws_branch *branch, struct jit_buf *request,
                          struct sws_collapse *out)
{
    assert(!space->change.open && branch != NULL);
    *out = (struct sws_collapse){.base_tick = branch->tick};
    enum jit_err err = branch->parent == NULL ? into_trunk(space, branch, request, out)
                                              : into_branch(space, branch, out);
    if (err == JIT_OK) {
        sws_drop(space, branch);
    }
    return err;
}

uint32_t sws_choose(const double *scores, uint32_t count)
{
    uint32_t best = 0;
    assert(count > 0);
    for (uint32_t i = 1; i < count; i++) {
        if (scores[i] > scores[best] || (isnan(scores[best]) && !isnan(scores[i]))) {
            best = i;
        }
    }
    return best;
}

/* ---- history of the own graph ---- */

enum jit_err sws_undo(struct sws *space, uint32_t steps)
{
    assert(!space->change.open);
    if (steps == 0 || steps > space->history_count) {
        return JIT_EINVALID;
    }
    const struct rmg_version latest = space->options.home->latest;
    const struct rmg_state now = {space->own, latest};
    const struct rmg_state then = {space->own, space->history[space->history_count - steps]};
    struct rmg_tx *tx = NULL;
    struct rmg_amount use;
    struct jit_buf patch;
    jit_buf_init(&patch, space->options.heap, JIT_PATCH_BYTES_MAX);
    enum jit_err err = rmg_diff_patch(space->options.heap, &now, &then, &patch, NULL);
    if (err == JIT_OK) {
        err = sws_allows(space, &then.version, &use);
    }
    if (err == JIT_OK) {
        err = rmg_store_pin_ready(space->own, 2);
    }
    if (err == JIT_OK) {
        const struct line line = {space, space->own, NULL, NULL, latest};
        err = line_apply(&line, patch.data, patch.size, &tx);
    }
    jit_buf_release(&patch);
    if (err != JIT_OK) {
        return err;
    }
    struct rmg_version version;
    must_seal(tx, &version);
    sws_commit(space, &version, &use);
    return JIT_OK;
}
