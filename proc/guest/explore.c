#include "proc/guest/explore.h"

#include "base/check.h"

struct guest_explore {
    struct jit_heap *heap;
    const struct sys_boot_view *boot;
    struct guest_loop *loop;
    struct guest_space *space;
    struct jit_id *ids; /* matches of one rule, one after another */
    size_t id_count;
    size_t id_capacity;
    uint32_t width; /* of a match */
    uint64_t found;
    enum jit_err err;
};

enum jit_err guest_explore_new(struct jit_heap *heap, const struct sys_boot_view *boot,
                               struct guest_loop *loop, struct guest_space *space,
                               struct guest_explore **out)
{
    struct guest_explore *explore = jit_heap_zalloc(heap, 1, sizeof *explore);
    *out = explore;
    if (explore == NULL) {
        return JIT_ENOMEM;
    }
    *explore = (struct guest_explore){.heap = heap, .boot = boot, .loop = loop, .space = space};
    return JIT_OK;
}

void guest_explore_free(struct guest_explore *explore)
{
    if (explore != NULL) {
        explore->heap->free(explore->heap, explore->ids);
        explore->heap->free(explore->heap, explore);
    }
}

static bool keep_match(void *user, const struct jit_id *ids, uint32_t id_count)
{
    struct guest_explore *explore = user;
    void *data = explore->ids;
    if (jit_heap_grow(explore->heap, &data, &explore->id_capacity, explore->id_count + id_count,
                      sizeof *explore->ids) != 0) {
        explore->err = JIT_ENOMEM;
        return false;
    }
    explore->ids = data;
    memcpy(explore->ids + explore->id_count, ids, id_count * sizeof *ids);
    explore->id_count += id_count;
    explore->width = id_count;
    explore->found++;
    return true;
}

static enum jit_err find(struct guest_explore *explore, const struct sws_branch *branch,
                         uint32_t run, uint32_t future)
{
    explore->id_count = 0;
    explore->width = 1;
    explore->found = 0;
    explore->err = JIT_OK;
    enum jit_err err = guest_space_match(explore->space, branch, run, future, keep_match, explore);
    return err == JIT_OK ? explore->err : err;
}

/* Every match there is at first, in the order in which they are found; one that an earlier one has
 * changed is looked at again, and done if it still is one. */
static enum jit_err carry_out(struct guest_explore *explore, struct sws_branch *branch,
                              uint32_t run, uint32_t future)
{
    enum jit_err err = find(explore, branch, run, future);
    for (size_t at = 0; err == JIT_OK && at < explore->id_count; at += explore->width) {
        enum rmg_result result = RMG_INVALID;
        err = guest_space_apply(explore->space, branch, run, explore->ids + at, explore->width,
                                future, &result);
    }
    return err;
}

/* Beyond what an i64 holds it is the largest, or the smallest. */
static int64_t add(int64_t a, int64_t b)
{
    int64_t sum = 0;
    return __builtin_add_overflow(a, b, &sum) ? (b > 0 ? INT64_MAX : INT64_MIN) : sum;
}

static int64_t times(int64_t a, int64_t b)
{
    int64_t product = 0;
    return __builtin_mul_overflow(a, b, &product) ? ((a > 0) == (b > 0) ? INT64_MAX : INT64_MIN)
                                                  : product;
}

static enum jit_err worth(struct guest_explore *explore, const struct sws_branch *branch,
                          uint32_t future, int64_t *out)
{
    enum jit_err err = JIT_OK;
    *out = 0;
    for (uint32_t run = 0; err == JIT_OK && run < explore->boot->head.run_count; run++) {
        const struct sys_boot_run_spec spec = sys_boot_run_at(explore->boot, run);
        int64_t value = 0;
        if (spec.mode == SYS_EXPLORE) {
            continue;
        }
        err = find(explore, branch, run, future);
        if (spec.mode == SYS_SCORE_COUNT) {
            value = explore->found > INT64_MAX ? INT64_MAX : (int64_t)explore->found;
        }
        for (size_t at = 0; err == JIT_OK && spec.mode == SYS_SCORE_SUM && at < explore->id_count;
             at += explore->width) {
            int64_t one = 0;
            err = guest_space_adds(explore->space, branch, run, explore->ids + at, explore->width,
                                   future, &one);
            value = add(value, one);
        }
        *out = add(*out, times(value, sys_boot_run_weight(&spec)));
    }
    return err;
}

/* One more future, changed by all rules in their order. *branch is there also after an error. */
static enum jit_err try_one(struct guest_explore *explore, uint32_t future,
                            struct sws_branch **branch, int64_t *score)
{
    struct sws *sws = guest_space_sws(explore->space);
    enum jit_err err = sws_fork(sws, NULL, branch);
    for (uint32_t run = 0; err == JIT_OK && run < explore->boot->head.run_count; run++) {
        const struct sys_boot_run_spec spec = sys_boot_run_at(explore->boot, run);
        if (spec.mode == SYS_EXPLORE) {
            err = carry_out(explore, *branch, run, future);
        }
    }
    return err == JIT_OK ? worth(explore, *branch, future, score) : err;
}

/* The first of those that are worth most; NULL: staying as it is is worth as much. */
static enum jit_err choose(struct guest_explore *explore, struct sws_branch **best)
{
    const struct sys_boot *head = &explore->boot->head;
    struct sws *sws = guest_space_sws(explore->space);
    int64_t most = 0;
    bool have = (head->explore_flags & SYS_EXPLORE_STAY) != 0;
    enum jit_err err = JIT_OK;
    *best = NULL;
    if (have) {
        err = worth(explore, NULL, 0, &most);
    }
    for (uint32_t future = 0; err == JIT_OK && future < head->explore; future++) {
        struct sws_branch *branch = NULL;
        int64_t score = 0;
        err = try_one(explore, future, &branch, &score);
        if (err == JIT_OK && (!have || score > most)) {
            sws_drop(sws, *best);
            *best = branch;
            most = score;
            have = true;
        } else {
            sws_drop(sws, branch);
        }
    }
    if (err != JIT_OK) {
        sws_drop(sws, *best);
        *best = NULL;
    }
    return err;
}

/* A place of what it explores is not mapped for it: then there is nothing to try. */
static bool is_blind(enum jit_err err)
{
    return err == JIT_ENOENT || err == JIT_ECAP;
}

enum jit_err guest_explore_tick(struct guest_explore *explore)
{
    struct sws_branch *best = NULL;
    struct sws_collapse collapse;
    const struct guest_space_collapse how = {.receipt = false};
    enum jit_err err = guest_space_begin(explore->space, guest_loop_begin(explore->loop));
    if (err == JIT_OK) {
        err = choose(explore, &best);
    }
    if (err == JIT_OK && best != NULL) {
        err = guest_space_collapse(explore->space, best, &how, &collapse);
        assert(err != JIT_ECONFLICT); /* nothing else has moved in this tick */
    }
    if (err != JIT_OK && !is_blind(err)) {
        return err;
    }
    err = guest_space_done(explore->space);
    if (err == JIT_OK) {
        guest_loop_done(explore->loop);
    }
    return err;
}
