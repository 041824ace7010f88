#include "kernel/core/replay.h"

#include "base/check.h"

void kern_deviations_note(struct kern_deviations *deviations, uint64_t tick,
                          const struct kern_record_event *event)
{
    if (event->kind != KERN_HAPPENED_FAILED && event->kind != KERN_HAPPENED_HUNG) {
        return;
    }
    if (deviations->count < KERN_DEVIATIONS_MAX) {
        deviations->first[deviations->count] =
            (struct kern_deviation){.tick = tick, .kind = event->kind, .process = event->process};
    }
    deviations->count++;
}

void kern_replay_init(struct kern_replay *replay, struct jit_heap *heap, struct rmg_store *store)
{
    *replay = (struct kern_replay){.heap = heap, .store = store, .version = rmg_version_empty()};
    kern_beside_init(&replay->beside, heap);
}

void kern_replay_start(struct kern_replay *replay, const struct rmg_version *version,
                       const struct jit_id *commit, uint64_t tick)
{
    assert(replay->records == 0);
    replay->version = *version;
    replay->commit = *commit;
    replay->tick = tick;
    replay->records = 1;
}

void kern_replay_release(struct kern_replay *replay)
{
    rmg_patch_stream_abort(replay->genesis);
    rmg_tx_abort(replay->genesis_tx);
    replay->genesis = NULL;
    replay->genesis_tx = NULL;
    if (replay->heap != NULL) {
        kern_beside_release(&replay->beside);
    }
}

static enum jit_err diverged(struct kern_replay *replay, const char *what)
{
    replay->what = what;
    return JIT_EDIVERGED;
}

/* The version, its commit and what the log says of both. */
static enum jit_err compare(struct kern_replay *replay, const struct rmg_commit *commit,
                            const struct jit_id *claimed_commit, const struct jit_id *claimed_root,
                            struct jit_id *id)
{
    rmg_commit_id(commit, id);
    if (claimed_root != NULL && !jit_id_equal(claimed_root, &commit->state_root)) {
        return diverged(replay, "the state root is not the one in the log");
    }
    if (claimed_commit != NULL && !jit_id_equal(claimed_commit, id)) {
        return diverged(replay, "the commit is not the one in the log");
    }
    return JIT_OK;
}

enum jit_err kern_replay_genesis_begin(struct kern_replay *replay)
{
    assert(replay->genesis == NULL && replay->records == 0);
    struct rmg_version empty = rmg_version_empty();
    enum jit_err err = rmg_tx_begin(replay->store, &empty, &replay->genesis_tx);
    if (err == JIT_OK) {
        err = rmg_patch_stream_begin(replay->heap, replay->genesis_tx, &empty, &replay->genesis);
    }
    if (err != JIT_OK) {
        kern_replay_release(replay);
    }
    return err;
}

enum jit_err kern_replay_genesis_feed(struct kern_replay *replay, const uint8_t *bytes, size_t size)
{
    enum jit_err err = rmg_patch_stream_feed(replay->genesis, bytes, size);
    if (err != JIT_OK) {
        replay->what = "the genesis does not follow the specification of a patch";
        kern_replay_release(replay);
    }
    return err;
}

enum jit_err kern_replay_genesis_end(struct kern_replay *replay, const struct jit_id *commit,
                                     const struct jit_id *root)
{
    struct rmg_commit made = {.policy = RMG_POLICY};
    struct rmg_tx *tx = replay->genesis_tx;
    enum jit_err err = rmg_patch_stream_end(replay->genesis, &made.patch_digest);
    replay->genesis = NULL;
    if (err != JIT_OK) {
        replay->what = "the genesis does not follow the specification of a patch";
        kern_replay_release(replay);
        return err;
    }
    replay->genesis_tx = NULL; /* seal takes it */
    err = rmg_tx_seal(tx, &replay->version);
    if (err != JIT_OK) {
        replay->what = "the genesis is not a valid state";
        return err;
    }
    made.state_root = replay->version.state_root;
    rmg_receipts_digest(NULL, 0, &made.receipts_digest);
    err = compare(replay, &made, commit, root, &replay->commit);
    if (err == JIT_OK) {
        replay->records = 1;
        replay->tick = 0;
    }
    return err;
}

/* Receipts count what a run's last line says; their digest goes into the commit. */
static enum jit_err count_receipts(struct kern_replay *replay, uint64_t tick,
                                   const struct kern_record_view *view, struct jit_id *digest)
{
    struct rmg_receipt *receipts = NULL;
    if (view->request_count > 0) {
        receipts = jit_heap_zalloc(replay->heap, view->request_count, sizeof *receipts);
        if (receipts == NULL) {
            return JIT_ENOMEM;
        }
    }
    enum jit_err err = JIT_OK;
    for (uint64_t i = 0; err == JIT_OK && i < view->request_count; i++) {
        err = kern_record_receipt(view, i, &receipts[i]);
        replay->applied += err == JIT_OK && receipts[i].result == RMG_APPLIED;
        replay->denied += err == JIT_OK && receipts[i].result == RMG_DENIED;
    }
    if (err == JIT_OK) {
        rmg_receipts_digest(receipts, view->request_count, digest);
    }
    replay->heap->free(replay->heap, receipts);
    for (uint64_t i = 0; err == JIT_OK && i < view->event_count; i++) {
        struct kern_record_event event;
        err = kern_record_event_at(view, i, &event);
        if (err == JIT_OK) {
            kern_deviations_note(&replay->deviations, tick, &event);
        }
    }
    return err;
}

/* Ascending; returns how many. */
static uint64_t parents_of(const struct jit_id *before, const struct jit_id *other,
                           struct jit_id parents[2])
{
    bool two = !jit_id_is_zero(other) && !jit_id_equal(before, other);
    bool first = !two || jit_id_compare(before, other) < 0;
    parents[0] = first ? *before : *other;
    parents[1] = first ? *other : *before;
    return two ? 2 : 1;
}

void kern_edit_commit(const struct jit_id *parent, const struct jit_id *other, uint64_t tick,
                      const struct jit_id *state_root, const uint8_t *patch, size_t patch_size,
                      struct jit_id *out)
{
    struct jit_id parents[2];
    struct rmg_commit made = {.parents = parents,
                              .parent_count = parents_of(parent, other, parents),
                              .state_root = *state_root,
                              .policy = RMG_POLICY,
                              .tick = tick};
    rmg_patch_digest(patch, patch_size, &made.patch_digest);
    rmg_receipts_digest(NULL, 0, &made.receipts_digest);
    rmg_commit_id(&made, out);
}

static enum jit_err replay_beside(struct kern_replay *replay, uint64_t tick,
                                  const struct kern_record_view *view)
{
    struct jit_cursor cur = jit_cursor_of(view->owns, view->owns_size);
    struct kern_record_own made;
    struct kern_own *own = NULL;
    enum jit_err err = JIT_OK;
    while (err == JIT_OK && (err = kern_record_next_own(&cur, &made)) == JIT_OK) {
        err = kern_own_get(&replay->beside, &made.process, &own);
        if (err == JIT_OK) {
            err = kern_own_try(replay->heap, own, &made.root, made.patch, (size_t)made.patch_size);
        }
        if (err == JIT_OK) {
            kern_own_take(own);
        } else {
            replay->what = "the log does not lead to the graph that a process keeps";
        }
    }
    err = err == JIT_ENOENT ? JIT_OK : err;
    for (uint64_t i = 0; err == JIT_OK && i < view->death_count; i++) {
        struct jit_id process;
        memcpy(process.bytes, view->deaths + i * JIT_ID_BYTES, JIT_ID_BYTES);
        err = kern_beside_died(&replay->beside, &process, tick);
    }
    return err;
}

enum jit_err kern_replay_tick(struct kern_replay *replay, uint64_t tick,
                              const struct jit_id *commit, const struct jit_id *root,
                              const uint8_t *payload, size_t payload_size)
{
    struct kern_record_view view;
    enum jit_err err = kern_record_decode(payload, payload_size, &view);
    if (err != JIT_OK || view.flags == KERN_RECORD_GENESIS) {
        replay->what = "the payload of a record does not follow the specification";
        return err != JIT_OK ? err : JIT_EFORMAT;
    }
    if (replay->records == 0 || tick != replay->tick + 1) {
        return diverged(replay, "the ticks of the log do not follow one another");
    }
    struct jit_id parents[2];
    struct rmg_commit made = {.parents = parents,
                              .parent_count = parents_of(&replay->commit, &view.other, parents),
                              .policy = RMG_POLICY,
                              .tick = tick};
    err = count_receipts(replay, tick, &view, &made.receipts_digest);
    if (err != JIT_OK) {
        replay->what = "the receipts of a record do not follow the specification";
        return err;
    }
    struct rmg_tx *tx = NULL;
    struct rmg_version version;
    err = rmg_tx_begin(replay->store, &replay->version, &tx);
    if (err == JIT_OK) {
        err = rmg_patch_apply(replay->heap, tx, &replay->version, view.patch, view.patch_size);
        if (err != JIT_OK) {
            rmg_tx_abort(tx);
        } else {
            err = rmg_tx_seal(tx, &version);
        }
    }
    if (err != JIT_OK) {
        replay->what = "the patch of a record cannot be applied";
        return err;
    }
    replay->version = version;
    made.state_root = version.state_root;
    rmg_patch_digest(view.patch, view.patch_size, &made.patch_digest);
    struct jit_id id;
    err = compare(replay, &made, commit, root, &id);
    if (err == JIT_OK) {
        err = replay_beside(replay, tick, &view);
    }
    if (err == JIT_OK) {
        replay->commit = id;
        replay->tick = tick;
        replay->records++;
    }
    return err;
}
