/* A search after a difference: what it touches goes, and comes back where it still holds. */
#include "base/check.h"
#include "rmg/rules/mutant.h"
#include "rmg/rules/search_priv.h"

/* A member's portals, entered again: the walk has been elsewhere since, and in another version.
 * They lead where they did, or the member would have gone by its doors. */
static bool enter_again(struct rmg_search *search)
{
    const struct jit_id *inside = &search->ids[search->rule->element_count];
    bool there = true;
    for (uint32_t k = 0; k < search->rule->portal_count && there; k++) {
        struct jit_id id;
        there =
            rmg_probe_enter(&search->probe, k, &id) == RMG_APPLIED && jit_id_equal(&id, &inside[k]);
        search->probe.slots = 0; /* nobody's budget */
        search->err = search->probe.err;
    }
    return there;
}

/* What late conditions look at has changed: each member that was there before is asked again. */
static enum jit_err ask_late(struct rmg_search *search)
{
    struct search_table *table = &search->table;
    for (uint32_t member = 0; member < table->used; member++) {
        if (table->live[member] == SEARCH_DEAD) {
            continue;
        }
        memcpy(search->ids, &table->ids[(size_t)member * table->width],
               table->width * sizeof *search->ids);
        for (uint32_t i = 0; i < search->rule->element_count; i++) {
            rmg_probe_forget(&search->probe, i);
        }
        const bool there = enter_again(search);
        search_table_close(table, member, !there || !search_late_holds(search));
        if (search->err != JIT_OK || !search_keep_data(search, member)) {
            return search->err;
        }
    }
    return JIT_OK;
}

/* First everything touched goes, then whatever holds now comes back. */
static enum jit_err search_again(struct rmg_search *search, const struct rmg_graph *after,
                                 const struct search_touches *touches)
{
    for (uint32_t i = 0; i < touches->count && !RMG_MUTANT(RMG_MUTANT_STAYS); i++) {
        const struct search_touch *touch = &touches->items[i];
        const struct jit_id *instance =
            touch->door == SEARCH_NONE ? NULL : &search->doors.items[touch->door].instance;
        search_table_remove(&search->table, touch->is_edge, instance, &touch->id, touch->positions);
    }
    search_walk_begin(search, after);
    if (search->late_changed && ask_late(search) != JIT_OK) {
        return search->err;
    }
    for (uint32_t i = 0; i < touches->count; i++) {
        const struct search_touch *touch = &touches->items[i];
        for (uint32_t position = 0; position < search->rule->element_count; position++) {
            if ((touch->positions >> position & 1) != 0 &&
                !search_walk_from(search, position, touch)) {
                return search->err;
            }
        }
    }
    return JIT_OK;
}

/* Whatever the difference brings; what was there before is in the table, or nobody asks for it. */
static enum jit_err follow(struct rmg_search *search, const struct rmg_graph *before,
                           const struct rmg_graph *after)
{
    struct search_touches touches = {.heap = search->heap, .door = SEARCH_NONE, .places = 1};
    search->late_changed = false;
    enum jit_err err = search_touch_all(search, before, after, &touches);
    if (err == JIT_OK) {
        err = search_touch_doors(search, after, &touches);
    }
    if (err == JIT_OK) {
        err = search_again(search, after, &touches);
    }
    search_touches_release(&touches);
    search_doors_sweep(&search->doors);
    return err;
}

enum jit_err rmg_search_update(struct rmg_search *search, const struct rmg_graph *before,
                               const struct rmg_graph *after)
{
    if (!search->known) {
        return rmg_search_all(search, after);
    }
    if (search->impossible) {
        return JIT_OK;
    }
    search->known = false;
    enum jit_err err = rmg_index_follow(search->index, before, after);
    if (err == JIT_OK) {
        err = follow(search, before, after);
    }
    search->known = err == JIT_OK;
    return err;
}

static bool one_is_enough(void *user, const struct jit_id *ids, uint32_t id_count)
{
    bool *found = user;
    (void)ids;
    (void)id_count;
    *found = true;
    return false;
}

enum jit_err rmg_search_appears(struct rmg_search *search, const struct rmg_graph *before,
                                const struct rmg_graph *after, bool *found)
{
    *found = false;
    search_table_clear(&search->table);
    search->known = false;
    search->visit = one_is_enough;
    search->visit_user = found;
    enum jit_err err = search->impossible ? JIT_OK : follow(search, before, after);
    search->visit = NULL;
    return err;
}
