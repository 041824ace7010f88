#include "rmg/engine/engine_collapse_priv.h"

#include <stdlib.h>

#include "rmg/change/patch_priv.h"

/* A collapsed branch, judged against the frozen version: what it saw is still so, or a join makes
 * up for the difference; each operation may be done; all of them together leave a valid state. The
 * last is found out by doing them in a transaction that is aborted: so what is not valid is refused
 * here, and never fails the tick. */

/* ---- what it saw ---- */

static enum jit_err add_read(struct eng_judging *j, const struct rmg_slot *slot, uint32_t instance)
{
    const bool named = rmg_slot_is_named(slot->kind);
    struct eng_use use = {.id = slot->id,
                          .rest = "",
                          .instance = instance,
                          .kind = (uint8_t)slot->kind,
                          .direction =
                              slot->kind == RMG_SLOT_INCIDENCE ? (uint8_t)slot->direction : 0,
                          .access = RMG_ACCESS_READ,
                          .name_size = named ? (uint8_t)slot->name_size : 0,
                          .read = true};
    if (slot->kind == RMG_SLOT_INCIDENCE) {
        use.rest = rmg_scratch_copy(&j->engine->arena, &slot->type, sizeof slot->type);
    } else if (named && slot->name_size > 0) {
        use.rest = rmg_scratch_copy(&j->engine->arena, slot->name, slot->name_size);
    }
    return use.rest == NULL ? JIT_ENOMEM : eng_add_use(j->engine, &j->engine->collapse_uses, use);
}

static enum jit_err judge_reads(struct eng_judging *j)
{
    struct rmg_collapse *collapse = j->collapse;
    struct rmg_collapse_clash *clash = &collapse->clash;
    struct jit_cursor cur = jit_cursor_of(collapse->reads, collapse->reads_size);
    enum jit_err err = JIT_OK;
    for (uint64_t i = 0; err == JIT_OK && i < collapse->read_count; i++) {
        struct rmg_slot slot;
        struct jit_id saw;
        struct jit_id now;
        uint32_t instance = 0;
        rmg_collapse_next_read(&cur, &slot, &saw);
        const struct eng_instance *in = eng_judged_instance(j, &slot.instance, &instance);
        err = rmg_slot_seen(&in->graph, &slot, &now); /* of none that is there: an empty graph */
        if (err == JIT_OK && !jit_id_equal(&saw, &now)) {
            clash->first_read = clash->reads++ == 0 ? (uint32_t)i : clash->first_read;
            j->result = RMG_CONFLICT;
        }
        if (err == JIT_OK) {
            err = add_read(j, &slot, instance);
        }
    }
    return err;
}

/* ---- all of it at once ---- */

static enum rmg_result result_of(enum jit_err err)
{
    return err == JIT_EDANGLING ? RMG_DANGLING : err == JIT_ENOENT ? RMG_NO_MATCH : RMG_INVALID;
}

static bool is_its_own_fault(enum jit_err err)
{
    return err == JIT_EDANGLING || err == JIT_ENOENT || err == JIT_EINVALID || err == JIT_ELIMIT ||
           err == JIT_EEXIST;
}

/* In the order in which the tick will do it; a node whose edges go elsewhere is deleted last. */
static enum jit_err try_operations(struct rmg_tx *tx, const struct rmg_collapse *collapse,
                                   bool held_only, bool *held)
{
    struct patch_walk walk;
    struct patch_raw *raw = NULL;
    enum jit_err err = patch_walk_begin(&walk, collapse->patch, collapse->patch_size);
    while (err == JIT_OK && (err = patch_walk_next(&walk, &raw)) == JIT_OK) {
        enum jit_err done = JIT_OK;
        bool deletes = raw->op.kind == RMG_OP_DELETE_NODE;
        if (!held_only || deletes) {
            done = rmg_op_apply(tx, &raw->op, false);
        }
        if (deletes && !held_only && done == JIT_EDANGLING) {
            *held = true;
            done = JIT_OK;
        }
        if (done != JIT_OK && !(held_only && done == JIT_ENOENT)) {
            return done;
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err try_it(struct eng_judging *j)
{
    struct rmg_tx *tx = NULL;
    bool held = false;
    enum jit_err err = rmg_tx_begin(j->engine->store, &j->engine->input->base, &tx);
    if (err == JIT_OK) {
        err = rmg_tx_reserve(tx, j->collapse->op_count, j->atom_bytes);
    }
    if (err != JIT_OK) {
        rmg_tx_abort(tx);
        return err;
    }
    err = try_operations(tx, j->collapse, false, &held);
    if (err == JIT_OK && held) {
        err = try_operations(tx, j->collapse, true, &held);
    }
    if (err == JIT_OK) {
        err = rmg_tx_judge(tx);
    }
    rmg_tx_abort(tx);
    if (is_its_own_fault(err)) {
        j->result = result_of(err);
        err = JIT_OK;
    }
    return err;
}

/* ---- invariants ---- */

/* One place as it would be. An element that is there and changes its type or its ends is not asked
 * for: then there is no saying what the invariants would look at. */
static enum jit_err show_after(struct eng_judging *j, const struct rmg_collapse_place *place,
                               struct rmg_after *after)
{
    struct patch_walk walk;
    struct patch_raw *raw = NULL;
    uint64_t k = 0;
    enum jit_err err = patch_walk_begin(&walk, j->collapse->patch, j->collapse->patch_size);
    while (err == JIT_OK && (err = patch_walk_next(&walk, &raw)) == JIT_OK) {
        const struct eng_op *kept = &j->ops[k++];
        const struct rmg_emit emit = {.op = raw->op,
                                      .join = (enum rmg_join)kept->join,
                                      .delta = kept->join == RMG_JOIN_SUM ? kept->delta : 0};
        if (!jit_id_equal(&raw->op.instance, &place->instance)) {
            continue;
        }
        if (eng_is_upsert(&raw->op) && !jit_id_is_zero(&raw->op.prior)) {
            j->result = RMG_INVALID;
            return JIT_OK;
        }
        err = rmg_emit_after(after, &emit, &j->engine->arena);
    }
    if (err == JIT_ELIMIT) {
        j->result = RMG_OVERFLOW;
    }
    return err == JIT_ENOENT || err == JIT_ELIMIT ? JIT_OK : err;
}

/* What was looked at is read, as if the branch had looked at it. */
static enum jit_err add_looks(struct eng_judging *j, uint32_t instance,
                              const struct rmg_after *after)
{
    enum jit_err err = JIT_OK;
    for (size_t i = 0; err == JIT_OK && i < after->read_count; i++) {
        err = add_read(j, &after->reads[i], instance);
    }
    return err;
}

static enum jit_err watch(struct eng_judging *j, struct rmg_watch *watch,
                          const struct rmg_collapse_place *place)
{
    uint32_t instance = 0;
    const struct eng_instance *in = eng_judged_instance(j, &place->instance, &instance);
    rmg_after_begin(&watch->after, &in->graph, j->engine->input->budget);
    enum jit_err err = show_after(j, place, &watch->after);
    if (err == JIT_OK && j->result == RMG_APPLIED) {
        err = rmg_watch_ask(watch, NULL, &j->result, &j->req->blocker);
    }
    return err == JIT_OK && j->result == RMG_APPLIED ? add_looks(j, instance, &watch->after) : err;
}

/* Do the invariants hold in each instance after it? */
static enum jit_err look_at_invariants(struct eng_judging *j)
{
    const struct rmg_tick_input *input = j->engine->input;
    struct rmg_watch *asked = NULL;
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; err == JIT_OK && j->result == RMG_APPLIED && i < j->collapse->place_count;
         i++) {
        const struct rmg_collapse_place *place = &j->collapse->places[i];
        if (input->invariant_count == 0 || !place->written || !place->watched) {
            continue;
        }
        if (asked == NULL) {
            err = rmg_watch_new(j->engine->heap, input->invariants, input->invariant_count, &asked);
        }
        if (err == JIT_OK) {
            err = watch(j, asked, place);
        }
    }
    rmg_watch_free(asked);
    return err;
}

/* ---- its footprint ---- */

static int compare_slots(const struct eng_use *a, const struct eng_use *b)
{
    size_t rest = a->kind == RMG_SLOT_INCIDENCE ? JIT_ID_BYTES : a->name_size;
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    if (a->instance != b->instance) {
        return a->instance < b->instance ? -1 : 1;
    }
    int order = jit_id_compare(&a->id, &b->id);
    if (order != 0) {
        return order;
    }
    if (a->direction != b->direction) {
        return a->direction < b->direction ? -1 : 1;
    }
    if (a->name_size != b->name_size) {
        return a->name_size < b->name_size ? -1 : 1;
    }
    return rest == 0 ? 0 : memcmp(a->rest, b->rest, rest);
}

static int compare_uses(const void *a, const void *b)
{
    return compare_slots(a, b);
}

/* Each slot once, with its strongest use. */
static enum jit_err keep_uses(struct eng_judging *j)
{
    struct eng_uses *list = &j->engine->collapse_uses;
    size_t count = 0;
    if (list->count == 0) {
        return JIT_OK;
    }
    qsort(list->at, list->count, sizeof *list->at, compare_uses);
    for (size_t i = 0; i < list->count; i++) {
        struct eng_use *one = &list->at[i];
        struct eng_use *last = count == 0 ? NULL : &list->at[count - 1];
        if (last == NULL || compare_slots(last, one) != 0) {
            list->at[count++] = *one;
            continue;
        }
        bool read = last->read || one->read;
        if (one->access > last->access) {
            *last = *one;
        }
        last->read = read;
    }
    j->req->uses = rmg_scratch_copy(&j->engine->arena, list->at, count * sizeof *list->at);
    j->req->use_count = (uint32_t)count;
    return j->req->uses == NULL ? JIT_ENOMEM : JIT_OK;
}

static enum jit_err keep_ways(struct eng_judging *j)
{
    uint32_t count = 0;
    uint32_t *ways = rmg_scratch_alloc(&j->engine->arena, j->collapse->place_count * sizeof *ways);
    if (ways == NULL) {
        return JIT_ENOMEM;
    }
    for (uint32_t i = 0; i < j->collapse->place_count; i++) {
        if (j->engine->instances[j->at[i]].exists) {
            ways[count++] = j->at[i];
        }
    }
    j->req->ways = ways;
    j->req->way_count = count;
    return JIT_OK;
}

static enum jit_err keep(struct eng_judging *j)
{
    uint64_t bytes = j->engine->collapse_uses.bytes + j->op_bytes;
    j->req->ops = j->ops;
    j->req->op_count = (uint32_t)j->op_count;
    j->req->patch_bytes = bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes;
    enum jit_err err = keep_uses(j);
    return err == JIT_OK ? keep_ways(j) : err;
}

static enum jit_err judge(struct rmg_engine *engine, uint32_t index)
{
    struct rmg_request *request = &engine->input->requests[index];
    struct eng_judging j = {.engine = engine,
                            .request = request,
                            .collapse = request->collapse,
                            .req = &engine->reqs[index],
                            .index = index};
    engine->collapse_uses.count = 0;
    engine->collapse_uses.bytes = 0;
    j.collapse->clash = (struct rmg_collapse_clash){0};
    for (uint32_t i = 0; i < j.collapse->place_count; i++) {
        j.at[i] = eng_instance_find(engine, &j.collapse->places[i].instance);
    }
    j.req->slots = (uint32_t)(j.collapse->read_count + j.collapse->op_count);
    j.req->cost = j.req->slots + 1;
    if (j.collapse->base_tick >= engine->input->tick) {
        j.req->result = RMG_INVALID; /* of a version that is not there yet */
        return JIT_OK;
    }
    enum jit_err err = judge_reads(&j);
    if (err == JIT_OK) {
        err = eng_judge_operations(&j);
    }
    if (err == JIT_OK && j.result == RMG_APPLIED) {
        err = try_it(&j);
    }
    if (err == JIT_OK && j.result == RMG_APPLIED) {
        err = look_at_invariants(&j);
    }
    if (err == JIT_OK && j.result == RMG_APPLIED) {
        err = keep(&j);
    }
    request->gate = (uint16_t)j.gate;
    j.req->result = (uint16_t)j.result;
    return err;
}

enum jit_err eng_collapses(struct rmg_engine *engine)
{
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; err == JIT_OK && i < engine->input->request_count; i++) {
        struct eng_req *req = &engine->reqs[i];
        if (engine->input->requests[i].collapse == NULL || req->result != RMG_APPLIED ||
            req->same_as != i) {
            continue;
        }
        if (!eng_may_ask(engine, i)) {
            req->result = RMG_OVER_BUDGET;
            continue;
        }
        err = judge(engine, i);
        eng_asked(engine, i);
    }
    return err;
}
