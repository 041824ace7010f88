#include "rmg/engine/work.h"
#include "sws/space_priv.h"

/* A change is a transaction in each of the two graphs, begun when it is needed. Both are judged
 * before either is sealed, so that all of it holds or nothing. */

void sws_change_begin(struct sws *space, struct sws_branch *branch)
{
    assert(!space->change.open);
    space->change = (struct sws_change){.open = true, .branch = branch};
    if (branch != NULL) {
        space->change.reads_before = branch->reads.size;
        space->change.read_count_before = branch->read_count;
    }
}

/* How much a change takes is known when it is sealed; only a branch can still be dropped then. */
static enum jit_err trunk_tx(struct sws *space)
{
    const struct sws_home *home = space->options.home;
    struct sws_change *change = &space->change;
    if (!home->bounded) {
        return rmg_tx_begin(space->own, &home->latest, &change->own);
    }
    enum jit_err err = JIT_OK;
    if (!change->trying) {
        err = rmg_branch_fork(space->own, &home->latest, &change->trial);
        change->trying = err == JIT_OK;
    }
    return err == JIT_OK ? rmg_branch_begin(space->own, &change->trial, &change->own) : err;
}

static enum jit_err own_tx(struct sws *space, struct rmg_tx **out)
{
    struct sws_change *change = &space->change;
    enum jit_err err = JIT_OK;
    if (change->own == NULL) {
        err = change->branch == NULL
                  ? trunk_tx(space)
                  : rmg_branch_begin(space->own, &change->branch->own, &change->own);
    }
    *out = change->own;
    return err;
}

static enum jit_err shared_tx(struct sws *space, struct rmg_tx **out)
{
    struct sws_change *change = &space->change;
    enum jit_err err = JIT_OK;
    if (change->branch == NULL) {
        return JIT_ECAP;
    }
    if (sws_is_stale(space, change->branch)) {
        return JIT_ESTALE;
    }
    if (change->shared == NULL) {
        err = rmg_branch_begin(space->shared, &change->branch->shared, &change->shared);
    }
    *out = change->shared;
    return err;
}

/* The mount that an instance lies in, as the change stands: it may have been created by it. */
static const struct sws_mount *mount_now(struct sws *space, const struct jit_id *instance)
{
    struct jit_id at = *instance;
    struct rmg_instance found;
    const struct rmg_version head = sws_shared_head(space, space->change.branch);
    for (unsigned depth = 0; depth <= JIT_DEPTH_MAX; depth++) {
        const struct sws_mount *mount = sws_mount_of(space, &head, &at);
        if (mount != NULL) {
            return mount;
        }
        if (space->change.shared == NULL ||
            rmg_tx_instance(space->change.shared, &at, &found) != JIT_OK || !found.parent.present) {
            return NULL;
        }
        at = found.parent.instance;
    }
    return NULL;
}

enum jit_err sws_change_op(struct sws *space, const struct rmg_op *op)
{
    struct rmg_tx *tx = NULL;
    assert(space->change.open);
    const struct sws_mount *mount = mount_now(space, &op->instance);
    if (mount == NULL && op->kind == RMG_OP_UPSERT_INSTANCE && op->parent != NULL &&
        op->parent->present) {
        mount = mount_now(space, &op->parent->instance);
    }
    if (mount != NULL && !mount->writable) {
        return JIT_ECAP;
    }
    if (mount != NULL &&
        (op->kind == RMG_OP_UPSERT_INSTANCE || op->kind == RMG_OP_DELETE_INSTANCE ||
         (op->kind == RMG_OP_SET_ATTACHMENT && op->attachment.value.kind == RMG_VALUE_PORTAL))) {
        return JIT_ENOTSUP;
    }
    enum jit_err err = mount == NULL ? own_tx(space, &tx) : shared_tx(space, &tx);
    return err == JIT_OK ? rmg_op_apply(tx, op, false) : err;
}

enum jit_err sws_change_work(struct sws *space, struct rmg_work *work)
{
    struct rmg_tx *tx = NULL;
    assert(space->change.open);
    enum jit_err err = own_tx(space, &tx);
    return err == JIT_OK ? rmg_work_commit(work, tx) : err;
}

enum jit_err sws_change_reads(struct sws *space, const struct rmg_slot *slot)
{
    struct sws_branch *branch = space->change.branch;
    assert(space->change.open);
    if (branch == NULL || mount_now(space, &slot->instance) == NULL) {
        return JIT_OK; /* nobody else changes it */
    }
    if (branch->read_count >= JIT_IN_SLOTS_MAX) {
        return JIT_ELIMIT;
    }
    size_t size = branch->reads.size;
    rmg_slot_encode(slot, &branch->reads);
    enum jit_err err = branch->reads.err;
    if (err != JIT_OK) {
        branch->reads.err = JIT_OK;
        branch->reads.size = size;
        return err;
    }
    branch->read_count++;
    return JIT_OK;
}

static enum jit_err judge(struct sws_change *change)
{
    enum jit_err err = change->own == NULL ? JIT_OK : rmg_tx_judge(change->own);
    return err == JIT_OK && change->shared != NULL ? rmg_tx_judge(change->shared) : err;
}

static void seal(struct rmg_tx *tx, struct rmg_version *out)
{
    enum jit_err err = rmg_tx_seal(tx, out);
    assert(err == JIT_OK); /* it was judged */
}

static enum jit_err end_trial(struct sws *space)
{
    struct sws_change *change = &space->change;
    struct rmg_amount use;
    seal(change->own, &change->trial.head);
    change->own = NULL;
    enum jit_err err = sws_allows(space, &change->trial.head, &use);
    if (err == JIT_OK && change->trial.head.epoch != change->trial.base.epoch) {
        const struct rmg_version version = change->trial.head;
        rmg_branch_adopt(space->own, &change->trial, NULL);
        change->trying = false;
        sws_commit(space, &version, &use);
    }
    return err;
}

enum jit_err sws_change_end(struct sws *space)
{
    struct sws_change *change = &space->change;
    struct sws_branch *branch = change->branch;
    assert(change->open);
    enum jit_err err = judge(change);
    if (err == JIT_OK && branch == NULL) {
        err = rmg_store_pin_ready(space->own, 2);
    }
    if (err == JIT_OK && change->trying && change->own != NULL) {
        err = end_trial(space);
    }
    if (err != JIT_OK || change->trying) {
        sws_change_abort(space);
        return err;
    }
    if (change->own != NULL && branch != NULL) {
        seal(change->own, &branch->own.head);
    } else if (change->own != NULL) {
        struct rmg_version version;
        seal(change->own, &version);
        sws_commit(space, &version, &space->options.home->use);
    }
    if (change->shared != NULL) {
        seal(change->shared, &branch->shared.head);
    }
    *change = (struct sws_change){.open = false};
    return JIT_OK;
}

void sws_change_abort(struct sws *space)
{
    struct sws_change *change = &space->change;
    assert(change->open);
    rmg_tx_abort(change->own);
    rmg_tx_abort(change->shared);
    if (change->trying) {
        rmg_branch_drop(space->own, &change->trial);
    }
    if (change->branch != NULL) {
        change->branch->reads.size = change->reads_before;
        change->branch->read_count = change->read_count_before;
    }
    *change = (struct sws_change){.open = false};
}

/* ---- the trunk ---- */

enum jit_err sws_allows(const struct sws *space, const struct rmg_version *after,
                        struct rmg_amount *use)
{
    const struct sws_home *home = space->options.home;
    const struct rmg_state now = {space->own, home->latest};
    const struct rmg_state then = {space->own, *after};
    *use = home->use;
    enum jit_err err = home->bounded ? rmg_diff_amount(&now, &then, use) : JIT_OK;
    return err == JIT_OK && home->bounded && !rmg_amount_within(use, &home->most) ? JIT_EQUOTA
                                                                                  : err;
}

enum jit_err sws_allows_patch(const struct sws *space, const struct jit_buf *patch,
                              struct rmg_amount *use)
{
    const struct sws_home *home = space->options.home;
    const struct rmg_state now = {space->own, home->latest};
    *use = home->use;
    enum jit_err err =
        home->bounded ? rmg_patch_amount(space->options.heap, &now, patch->data, patch->size, use)
                      : JIT_OK;
    return err == JIT_OK && home->bounded && !rmg_amount_within(use, &home->most) ? JIT_EQUOTA
                                                                                  : err;
}

void sws_commit(struct sws *space, const struct rmg_version *version, const struct rmg_amount *use)
{
    struct sws_home *home = space->options.home;
    struct rmg_version before = home->latest;
    if (version->epoch == before.epoch) {
        return; /* nothing was changed */
    }
    if (space->options.history > 0) {
        if (space->history_count == space->options.history) {
            rmg_store_unpin(space->own, &space->history[0]);
            memmove(&space->history[0], &space->history[1],
                    --space->history_count * sizeof space->history[0]);
        }
        enum jit_err err = rmg_store_pin(space->own, &before);
        assert(err == JIT_OK); /* it is pinned already, as the home's latest */
        space->history[space->history_count++] = before;
    }
    enum jit_err err = sws_home_commit(home, version);
    assert(err == JIT_OK); /* rmg_store_pin_ready */
    home->use = *use;
}

uint32_t sws_history(const struct sws *space)
{
    return space->history_count;
}
