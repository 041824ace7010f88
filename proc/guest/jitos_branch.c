/* proc/guest/jitos_branch.c - branches of a program's space: forked, looked at, changed by rules,
 * put in place or dropped. */
#include "base/check.h"
#include "proc/guest/jitos_priv.h"

/* What a program holds is a branch's name: one that is gone is found out, and is no other one. */
static struct jitos_branch *name_of(const struct sws_branch *branch)
{
    return (struct jitos_branch *)(uintptr_t)sws_branch_name(branch);
}

struct sws *jitos_branch_now(struct jitos *jitos, const struct jitos_branch *branch,
                             struct sws_branch **out, enum jit_err *err)
{
    struct sws *sws = jitos_space_now(jitos, err);
    *out = sws == NULL || branch == NULL ? NULL : sws_branch_find(sws, (uintptr_t)branch);
    if (sws != NULL && branch != NULL && *out == NULL) {
        *err = JIT_EINVALID;
        return NULL;
    }
    return sws;
}

struct sws *jitos_branch_at_rest(struct jitos *jitos, const struct jitos_branch *branch,
                                 struct sws_branch **out, enum jit_err *err)
{
    struct sws *sws = jitos_branch_now(jitos, branch, out, err);
    if (sws != NULL && jitos->change_err == JIT_OK) {
        *err = JIT_EBUSY;
        return NULL;
    }
    return sws;
}

enum jit_err jitos_fork(struct jitos *jitos, struct jitos_branch *from, struct jitos_branch **out)
{
    assert(jitos != NULL);
    assert(out != NULL);
    enum jit_err err = JIT_OK;
    struct sws_branch *parent = NULL;
    struct sws_branch *branch = NULL;
    struct sws *sws = jitos_branch_at_rest(jitos, from, &parent, &err);
    *out = NULL;
    err = sws == NULL ? err : sws_fork(sws, parent, &branch);
    *out = branch != NULL ? name_of(branch) : NULL;
    return err;
}

void jitos_drop(struct jitos *jitos, struct jitos_branch *branch)
{
    assert(jitos != NULL);
    struct sws *sws = jitos->space == NULL ? NULL : guest_space_sws(jitos->space);
    struct sws_branch *found = sws == NULL ? NULL : sws_branch_find(sws, (uintptr_t)branch);
    if (found != NULL) {
        jitos_give_up_change(jitos, JIT_EBUSY);
        sws_drop(sws, found);
    }
}

enum jit_err jitos_look(const struct jitos *jitos, const struct jitos_branch *branch,
                        const struct jit_id *instance, struct rmg_graph *out)
{
    assert(jitos != NULL);
    assert(instance != NULL);
    assert(out != NULL);
    enum jit_err err = JIT_OK;
    /* The space is made when it is first needed: nothing that can be seen changes. */
    struct sws_branch *found = NULL;
    struct sws *sws = jitos_branch_now((struct jitos *)(uintptr_t)jitos, branch, &found, &err);
    return sws == NULL ? err : sws_graph(sws, found, instance, out);
}

enum jit_err jitos_branch_match(
    struct jitos *jitos, const struct jitos_branch *branch, uint32_t run, uint32_t round,
    bool (*visit)(void *user, const struct jit_id *ids, uint32_t id_count), void *user)
{
    assert(jitos != NULL);
    assert(visit != NULL);
    enum jit_err err = JIT_OK;
    struct sws_branch *found = NULL;
    if (run >= jitos->boot.head.run_count) {
        return JIT_EINVALID;
    }
    return jitos_branch_now(jitos, branch, &found, &err) == NULL
               ? err
               : guest_space_match(jitos->space, found, run, round, visit, user);
}

enum jit_err jitos_apply(struct jitos *jitos, struct jitos_branch *branch, uint32_t run,
                         const struct jit_id *ids, uint32_t id_count, uint32_t round,
                         uint16_t *result)
{
    assert(jitos != NULL);
    assert(result != NULL);
    assert(ids != NULL || id_count == 0);
    enum jit_err err = JIT_OK;
    enum rmg_result applied = RMG_INVALID;
    struct sws_branch *found = NULL;
    *result = (uint16_t)applied;
    if (run >= jitos->boot.head.run_count || id_count > JIT_PATTERN_ELEMENTS_MAX) {
        return JIT_EINVALID;
    }
    if (jitos_branch_at_rest(jitos, branch, &found, &err) == NULL) {
        return err;
    }
    err = guest_space_apply(jitos->space, found, run, ids, id_count, round, &applied);
    *result = (uint16_t)applied;
    return err;
}

enum jit_err jitos_collapse(struct jitos *jitos, struct jitos_branch *branch, bool receipt,
                            uint64_t cookie, struct jitos_collapsed *out)
{
    assert(jitos != NULL);
    assert(out != NULL);
    const struct guest_space_collapse how = {.cookie = cookie, .receipt = receipt};
    struct sws_collapse collapse;
    enum jit_err err = JIT_OK;
    *out = (struct jitos_collapsed){.local = 0};
    struct sws_branch *found = NULL;
    if (branch == NULL) {
        return JIT_EINVALID;
    }
    if (jitos_branch_at_rest(jitos, branch, &found, &err) == NULL) {
        return err;
    }
    err = guest_space_collapse(jitos->space, found, &how, &collapse);
    out->local = collapse.local_operations;
    out->shared = collapse.shared_operations;
    if (err == JIT_ECONFLICT) {
        out->conflicts = collapse.conflict.conflict_count;
        rmg_merge_result_release(&collapse.conflict);
    }
    return err;
}

uint32_t jitos_choose(struct jitos *jitos, struct jitos_branch *const *branches,
                      const double *scores, uint32_t count)
{
    assert(jitos != NULL);
    assert(branches != NULL || count == 0);
    assert(scores != NULL || count == 0);
    const uint32_t best = count == 0 ? 0 : sws_choose(scores, count);
    for (uint32_t i = 0; i < count; i++) {
        if (i != best) {
            jitos_drop(jitos, branches[i]);
        }
    }
    return best;
}

enum jit_err jitos_merge(struct jitos *jitos, struct jitos_branch *const *branches, uint32_t count,
                         uint32_t *merged)
{
    assert(jitos != NULL);
    assert(merged != NULL);
    assert(branches != NULL || count == 0);
    enum jit_err err = JIT_OK;
    struct jitos_collapsed collapsed;
    *merged = 0;
    while (err == JIT_OK && *merged < count) {
        err = jitos_collapse(jitos, branches[*merged], false, 0, &collapsed);
        *merged += err == JIT_OK;
    }
    return err;
}
