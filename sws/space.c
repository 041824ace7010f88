#include "sws/space_priv.h"

enum jit_err sws_new(const struct sws_options *options, struct sws **out)
{
    *out = NULL;
    assert(options->keep >= 1 && options->keep <= SWS_KEEP_MAX);
    assert(options->history <= SWS_HISTORY_MAX);
    struct sws *space = jit_heap_zalloc(options->heap, 1, sizeof *space);
    if (space == NULL) {
        return JIT_ENOMEM;
    }
    space->options = *options;
    space->own = options->home->store;
    enum jit_err err = JIT_OK;
    if (options->overlay != NULL) {
        const struct rmg_store_options shared = {
            .arenas = {options->overlay}, .arena_count = 1, .epoch = SWS_OVERLAY_EPOCH};
        err = rmg_store_new(options->heap, &shared, &space->shared);
    }
    if (err == JIT_OK && options->history > 0) {
        space->history = jit_heap_zalloc(options->heap, options->history, sizeof *space->history);
        err = space->history == NULL ? JIT_ENOMEM : JIT_OK;
    }
    if (err != JIT_OK) {
        sws_free(space);
        return err;
    }
    *out = space;
    return JIT_OK;
}

void sws_free(struct sws *space)
{
    if (space == NULL) {
        return;
    }
    struct jit_heap *heap = space->options.heap;
    if (space->change.open) {
        sws_change_abort(space);
    }
    while (space->branches != NULL) {
        sws_drop(space, space->branches);
    }
    for (uint32_t i = 0; i < space->history_count; i++) {
        rmg_store_unpin(space->own, &space->history[i]);
    }
    rmg_store_free(space->shared);
    heap->free(heap, space->history);
    heap->free(heap, space->mounts);
    heap->free(heap, space->ids.at);
    heap->free(heap, space);
}

/* ---- what is mounted ---- */

static const struct sws_mount *mount_find(const struct sws_mount *mounts, uint32_t count,
                                          const struct jit_id *instance)
{
    uint32_t low = 0;
    while (low < count) {
        uint32_t middle = low + (count - low) / 2;
        int order = jit_id_compare(&mounts[middle].instance, instance);
        if (order == 0) {
            return &mounts[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            count = middle;
        }
    }
    return NULL;
}

static void mounts_sort(struct sws_mount *mounts, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        struct sws_mount mount = mounts[i];
        uint32_t at = i;
        for (; at > 0 && jit_id_compare(&mounts[at - 1].instance, &mount.instance) > 0; at--) {
            mounts[at] = mounts[at - 1];
        }
        mounts[at] = mount;
    }
}

static enum jit_err show_in(struct sws *space, struct rmg_tx *tx, const struct sws_mount *mounts,
                            uint32_t count)
{
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; err == JIT_OK && i < space->mount_count; i++) {
        if (mount_find(mounts, count, &space->mounts[i].instance) == NULL) {
            err = rmg_tx_disown(tx, &space->mounts[i].instance);
        }
    }
    for (uint32_t i = 0; err == JIT_OK && i < count; i++) {
        const struct rmg_instance instance = {.id = mounts[i].instance, .roots = mounts[i].roots};
        err = rmg_tx_adopt(tx, &instance);
    }
    return err;
}

enum jit_err sws_show(struct sws *space, uint64_t tick, const struct sws_mount *mounts,
                      uint32_t count)
{
    struct rmg_tx *tx = NULL;
    struct jit_heap *heap = space->options.heap;
    struct sws_mount *sorted = NULL;
    assert(!space->change.open && tick >= space->tick);
    assert(count == 0 || space->shared != NULL);
    if (space->shared == NULL) {
        space->tick = tick;
        return JIT_OK;
    }
    if (count > 0) {
        sorted = heap->alloc(heap, count * sizeof *sorted);
        if (sorted == NULL) {
            return JIT_ENOMEM;
        }
        memcpy(sorted, mounts, count * sizeof *sorted);
        mounts_sort(sorted, count);
    }
    enum jit_err err = rmg_tx_begin(space->shared, &space->shown, &tx);
    if (err == JIT_OK) {
        err = show_in(space, tx, sorted, count);
        if (err == JIT_OK) {
            err = rmg_tx_seal(tx, &space->shown);
        } else {
            rmg_tx_abort(tx);
        }
    }
    if (err != JIT_OK) {
        heap->free(heap, sorted);
        return err;
    }
    heap->free(heap, space->mounts);
    space->mounts = sorted;
    space->mount_count = count;
    sws_ids_tick(space, tick);
    space->tick = tick;
    return JIT_OK;
}

void sws_forget(struct sws *space, uint64_t oldest)
{
    space->oldest = oldest > space->oldest ? oldest : space->oldest;
}

const struct sws_mount *sws_mount_of(const struct sws *space, const struct rmg_version *shared,
                                     const struct jit_id *instance)
{
    struct jit_id at = *instance;
    struct rmg_instance found;
    for (unsigned depth = 0; depth <= JIT_DEPTH_MAX; depth++) {
        const struct sws_mount *mount = mount_find(space->mounts, space->mount_count, &at);
        if (mount != NULL) {
            return mount;
        }
        if (space->shared == NULL ||
            rmg_store_instance(space->shared, shared, &at, &found) != JIT_OK ||
            !found.parent.present) {
            return NULL;
        }
        at = found.parent.instance;
    }
    return NULL;
}

/* ---- branches ---- */

enum jit_err sws_fork(struct sws *space, struct sws_branch *from, struct sws_branch **out)
{
    struct jit_heap *heap = space->options.heap;
    *out = NULL;
    assert(!space->change.open);
    if (space->branch_count >= JIT_BRANCHES_MAX ||
        (from != NULL && from->depth >= JIT_BRANCH_DEPTH_MAX)) {
        return JIT_ELIMIT;
    }
    struct sws_branch *branch = jit_heap_zalloc(heap, 1, sizeof *branch);
    if (branch == NULL) {
        return JIT_ENOMEM;
    }
    const struct rmg_version own = sws_own_head(space, from);
    const struct rmg_version shared = sws_shared_head(space, from);
    enum jit_err err = rmg_branch_fork(space->own, &own, &branch->own);
    if (err == JIT_OK && space->shared != NULL) {
        err = rmg_branch_fork(space->shared, &shared, &branch->shared);
        if (err != JIT_OK) {
            rmg_branch_drop(space->own, &branch->own);
        }
    }
    if (err != JIT_OK) {
        heap->free(heap, branch);
        return err;
    }
    jit_buf_init(&branch->reads, heap, JIT_REQUEST_BYTES_MAX);
    branch->parent = from;
    branch->depth = from == NULL ? 1 : from->depth + 1;
    branch->tick = from == NULL ? space->tick : from->tick;
    branch->name = ++space->names;
    branch->next = space->branches;
    space->branches = branch;
    space->branch_count++;
    *out = branch;
    return JIT_OK;
}

static bool is_below(const struct sws_branch *branch, const struct sws_branch *of)
{
    while (branch != NULL && branch != of) {
        branch = branch->parent;
    }
    return branch != NULL;
}

static void drop_one(struct sws *space, struct sws_branch **link)
{
    struct sws_branch *branch = *link;
    *link = branch->next;
    rmg_branch_drop(space->own, &branch->own);
    if (space->shared != NULL) {
        rmg_branch_drop(space->shared, &branch->shared);
    }
    jit_buf_release(&branch->reads);
    space->options.heap->free(space->options.heap, branch);
    space->branch_count--;
}

void sws_drop(struct sws *space, struct sws_branch *branch)
{
    assert(!space->change.open);
    if (branch == NULL) {
        return;
    }
    /* The newest first: whatever was forked from a branch is newer than it. */
    for (struct sws_branch **link = &space->branches; *link != branch;) {
        if (is_below(*link, branch)) {
            drop_one(space, link);
        } else {
            link = &(*link)->next;
        }
    }
    struct sws_branch **link = &space->branches;
    while (*link != branch) {
        link = &(*link)->next;
    }
    drop_one(space, link);
}

uint32_t sws_branch_count(const struct sws *space)
{
    return space->branch_count;
}

uint64_t sws_branch_name(const struct sws_branch *branch)
{
    return branch->name;
}

struct sws_branch *sws_branch_find(const struct sws *space, uint64_t name)
{
    struct sws_branch *branch = space->branches;
    while (branch != NULL && branch->name != name) {
        branch = branch->next;
    }
    return branch;
}

enum jit_err sws_graph(const struct sws *space, const struct sws_branch *branch,
                       const struct jit_id *instance, struct rmg_graph *out)
{
    struct rmg_instance found;
    const struct rmg_version shared = sws_shared_head(space, branch);
    if (space->shared != NULL &&
        rmg_store_instance(space->shared, &shared, instance, &found) == JIT_OK) {
        rmg_store_graph(space->shared, &found, out);
        return sws_is_stale(space, branch) ? JIT_ESTALE : JIT_OK;
    }
    const struct rmg_version own = sws_own_head(space, branch);
    enum jit_err err = rmg_store_instance(space->own, &own, instance, &found);
    if (err == JIT_OK) {
        rmg_store_graph(space->own, &found, out);
    }
    return err;
}
