#include <stdlib.h>

#include "base/check.h"
#include "base/le.h"
#include "rmg/change/collapse.h"
#include "rmg/engine/engine_priv.h"
#include "rmg/change/merge.h"
#include "rmg/change/patch_priv.h"
#include "rmg/schema/schema.h"

/* A collapsed branch, judged against the frozen version: what it saw is still so, or a join makes
 * up for the difference; each operation may be done; all of them together leave a valid state. The
 * last is found out by doing them in a transaction that is aborted: so what is not valid is refused
 * here, and never fails the tick. */

/* An element that it creates or whose type it changes. */
struct made {
    bool edge;
    uint32_t instance;
    struct jit_id id;
    struct jit_id type;
};

struct judging {
    struct rmg_engine *engine;
    const struct rmg_request *request;
    struct rmg_collapse *collapse;
    struct eng_req *req;
    uint32_t index;                   /* of the request */
    uint32_t at[JIT_COLLAPSE_PLACES]; /* the engine's number of each place */
    struct made *made;                /* nodes, then edges; ascending */
    size_t made_count;
    struct eng_op *ops;
    uint64_t op_count;
    uint64_t created;  /* counters used */
    uint64_t summed;   /* sums used */
    uint64_t op_bytes; /* in the patch, at most */
    uint64_t atom_bytes;
    enum rmg_result result;
    enum rmg_gate_stop gate;
};

static const struct eng_instance *instance_of(const struct judging *j, const struct jit_id *id,
                                              uint32_t *index)
{
    const struct rmg_collapse_place *place = rmg_collapse_place_of(j->collapse, id);
    assert(place != NULL);
    *index = j->at[place - j->collapse->places];
    return &j->engine->instances[*index];
}

/* ---- what it saw ---- */

static enum jit_err add_read(struct judging *j, const struct rmg_slot *slot, uint32_t instance)
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

static enum jit_err judge_reads(struct judging *j)
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
        const struct eng_instance *in = instance_of(j, &slot.instance, &instance);
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

/* ---- types ---- */

static int compare_made(const struct made *made, bool edge, uint32_t instance,
                        const struct jit_id *id)
{
    if (made->edge != edge) {
        return made->edge ? 1 : -1;
    }
    if (made->instance != instance) {
        return made->instance < instance ? -1 : 1;
    }
    return jit_id_compare(&made->id, id);
}

/* The type that it gives to an element; NULL: none. */
static const struct jit_id *type_made(const struct judging *j, bool edge, uint32_t instance,
                                      const struct jit_id *id)
{
    size_t low = 0;
    size_t high = j->made_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_made(&j->made[middle], edge, instance, id);
        if (order == 0) {
            return &j->made[middle].type;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return NULL;
}

static enum jit_err type_now(const struct eng_instance *in, bool edge, const struct jit_id *id,
                             struct jit_id *out)
{
    struct rmg_edge found;
    if (!edge) {
        return rmg_node_type(&in->graph, id, out);
    }
    enum jit_err err = rmg_edge_get(&in->graph, id, &found);
    *out = found.type;
    return err;
}

static bool is_attachment(const struct rmg_op *op)
{
    return op->kind == RMG_OP_SET_ATTACHMENT || op->kind == RMG_OP_CLEAR_ATTACHMENT;
}

static bool is_upsert(const struct rmg_op *op)
{
    return op->kind == RMG_OP_UPSERT_NODE || op->kind == RMG_OP_UPSERT_EDGE;
}

static bool is_of_edge(const struct rmg_op *op)
{
    return is_attachment(op) ? op->plane == RMG_PLANE_BETA
                             : op->kind == RMG_OP_UPSERT_EDGE || op->kind == RMG_OP_DELETE_EDGE;
}

/* ---- operations ---- */

/* One operation, as it stands to the frozen version. */
struct weighed {
    const struct rmg_op *op;
    uint32_t instance;
    const struct eng_instance *in;
    const struct rmg_collapse_place *place;
    bool there; /* the element, or the owner, is in the frozen version */
    struct jit_id type;
    struct jit_id now; /* value in the slot */
    struct eng_op *kept;
};

static void refuse(struct judging *j, enum rmg_result result)
{
    /* What is wrong in itself comes before what stands in the way. */
    if (j->result == RMG_APPLIED || (j->result == RMG_CONFLICT && result != RMG_EXISTS)) {
        j->result = result;
    }
}

static void gate_type(struct judging *j, const struct weighed *w, const struct jit_id *type)
{
    bool edge = is_of_edge(w->op);
    if (w->place->writes != NULL && !eng_gate_lets(w->place->writes, edge, type)) {
        j->gate = edge ? RMG_GATE_WRITES_EDGE : RMG_GATE_WRITES_NODE;
        refuse(j, RMG_DENIED);
    }
}

/* What the operation is about, and whether its types may be written. */
static enum jit_err weigh_type(struct judging *j, struct weighed *w)
{
    const struct rmg_op *op = w->op;
    bool edge = is_of_edge(op);
    enum jit_err err = type_now(w->in, edge, &op->id, &w->type);
    w->there = err == JIT_OK;
    if (err != JIT_OK && err != JIT_ENOENT) {
        return err;
    }
    if (w->there) {
        gate_type(j, w, &w->type);
    }
    if (is_upsert(op)) {
        gate_type(j, w, &op->type);
        w->type = op->type;
        j->made[j->made_count++] =
            (struct made){.edge = edge, .instance = w->instance, .id = op->id, .type = op->type};
    } else {
        const struct jit_id *made = type_made(j, edge, w->instance, &op->id);
        if (made != NULL) {
            w->type = *made;
            gate_type(j, w, made);
        } else if (!w->there) {
            refuse(j, is_attachment(op) ? RMG_NO_MATCH : RMG_CONFLICT);
        }
    }
    return JIT_OK;
}

static void clash_with(struct judging *j)
{
    struct rmg_collapse_clash *clash = &j->collapse->clash;
    clash->first_operation =
        clash->operations++ == 0 ? (uint32_t)j->op_count : clash->first_operation;
    if (j->result == RMG_APPLIED) {
        j->result = RMG_CONFLICT;
    }
}

/* Ids of what is created are the process's own: recomputed from the counter sent. */
static void weigh_created(struct judging *j, const struct weighed *w)
{
    struct jit_id id;
    if (!is_upsert(w->op) || !jit_id_is_zero(&w->op->prior)) {
        return;
    }
    rmg_branch_id(&j->request->process, j->collapse->base_tick,
                  rmg_collapse_counter(j->collapse, j->created++), &id);
    if (!jit_id_equal(&id, &w->op->id)) {
        refuse(j, RMG_INVALID);
    } else if (w->there) {
        refuse(j, RMG_EXISTS);
    }
}

/* A sum that the request names: how much was added. False: it names none here, or says of its
 * beginning what was not so. */
static bool added(struct judging *j, const struct weighed *w, int64_t *delta)
{
    uint64_t operation = 0;
    int64_t begin = 0;
    uint8_t bytes[8];
    struct jit_id prior;
    struct rmg_attachment was = w->op->attachment;
    if (j->summed == j->collapse->sum_count) {
        return false;
    }
    rmg_collapse_sum(j->collapse, j->summed, &operation, &begin);
    if (operation != j->op_count) {
        return false;
    }
    j->summed++;
    jit_put_le64(bytes, (uint64_t)begin);
    was.value.bytes = bytes;
    if (rmg_value_of_attachment(w->op->plane, &was, &prior) != JIT_OK ||
        !jit_id_equal(&prior, &w->op->prior)) {
        refuse(j, RMG_INVALID);
        return false;
    }
    if (__builtin_sub_overflow((int64_t)jit_le64(w->op->attachment.value.bytes), begin, delta)) {
        refuse(j, RMG_OVERFLOW);
        return false;
    }
    return true;
}

/* Does the join of what is there and what is to be give the latter? A branch that lowers a greatest
 * or takes out of a list means just that, as long as what it saw is there. */
static enum jit_err gives(struct judging *j, enum rmg_join join, const struct rmg_value *now,
                          const struct rmg_value *to_be, bool *out)
{
    const struct rmg_value values[2] = {*now, *to_be};
    struct rmg_value joined;
    *out = true;
    if (join == RMG_JOIN_SUM || join == RMG_JOIN_LAST) {
        return JIT_OK;
    }
    enum jit_err err = rmg_join_all(join, values, 2, &j->engine->arena, &joined);
    *out = err == JIT_OK && joined.size == to_be->size &&
           (joined.size == 0 || memcmp(joined.bytes, to_be->bytes, joined.size) == 0);
    return err == JIT_ENOMEM ? err : JIT_OK;
}

/* The field's join, where it can be applied: both values are of the field's kind. */
static enum rmg_join join_for(struct judging *j, const struct weighed *w,
                              const struct rmg_schema_field *field, const struct rmg_value *now)
{
    int64_t delta = 0;
    bool sum = added(j, w, &delta);
    if (field == NULL || now == NULL || field->join == RMG_JOIN_NONE ||
        !rmg_schema_value_fits(field, now) || (field->join == RMG_JOIN_SUM && !sum)) {
        return RMG_JOIN_NONE;
    }
    w->kept->delta = field->join == RMG_JOIN_SUM ? delta : 0;
    w->kept->base = field->join == RMG_JOIN_SUM ? (int64_t)jit_le64(now->bytes) : now->size;
    return field->join;
}

static enum jit_err weigh_attachment(struct judging *j, struct weighed *w)
{
    const struct rmg_tick_input *input = j->engine->input;
    const struct rmg_op *op = w->op;
    const struct rmg_schema_field *field = NULL;
    struct rmg_value now;
    enum jit_err err = rmg_attachment_get(&w->in->graph, op->plane, &op->id, op->attachment.name,
                                          op->attachment.name_size, &now);
    if (err != JIT_OK && err != JIT_ENOENT) {
        return err;
    }
    bool filled = err == JIT_OK;
    w->kept->as.attachment = op->attachment;
    if (op->kind == RMG_OP_SET_ATTACHMENT && input->field_of != NULL) {
        field = input->field_of(input->field_user, &w->type, op->attachment.name,
                                op->attachment.name_size);
    }
    /* Portals are the way into instances, which a collapse leaves as they are. */
    bool portal =
        (filled && now.kind == RMG_VALUE_PORTAL) ||
        (op->kind == RMG_OP_SET_ATTACHMENT && op->attachment.value.kind == RMG_VALUE_PORTAL);
    if (portal || (field != NULL && !rmg_schema_value_fits(field, &op->attachment.value))) {
        refuse(j, RMG_INVALID);
        return JIT_OK;
    }
    enum rmg_join join = RMG_JOIN_NONE;
    if (op->kind == RMG_OP_SET_ATTACHMENT) {
        join = join_for(j, w, field, filled ? &now : NULL);
        bool joins = true;
        if (join != RMG_JOIN_NONE && jit_id_equal(&w->now, &op->prior)) {
            err = gives(j, join, &now, &op->attachment.value, &joins);
        }
        join = joins ? join : RMG_JOIN_NONE;
        j->atom_bytes += op->attachment.value.size;
    }
    /* The last writer wins only where the field says so, and from tick to tick: in one tick two of
     * them conflict, as rules do. */
    bool last = join == RMG_JOIN_LAST;
    w->kept->join = (uint8_t)(last ? RMG_JOIN_NONE : join);
    if (join == RMG_JOIN_NONE && !jit_id_equal(&w->now, &op->prior)) {
        clash_with(j);
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err weigh(struct judging *j, struct weighed *w)
{
    const struct rmg_op *op = w->op;
    enum jit_err err = patch_prior(&w->in->graph, op, &w->now);
    if (err == JIT_OK) {
        err = weigh_type(j, w);
    }
    if (err != JIT_OK) {
        return err;
    }
    w->kept->prior = w->now;
    weigh_created(j, w);
    if (is_attachment(op)) {
        return weigh_attachment(j, w);
    }
    w->kept->as.element.type = op->type;
    w->kept->as.element.from = op->from;
    w->kept->as.element.to = op->to;
    if (!jit_id_equal(&w->now, &op->prior)) {
        clash_with(j);
    }
    return JIT_OK;
}

/* The slots of an operation. A join leaves its slot to others of its kind; who gives an owner one
 * attachment more has the owner to himself, for there is a bound to how many it may have. */
static enum jit_err use(struct judging *j, const struct weighed *w)
{
    struct eng_uses *list = &j->engine->collapse_uses;
    const struct rmg_op *op = w->op;
    size_t from = list->count;
    enum jit_err err = eng_use_op(j->engine, list, w->instance, op);
    for (size_t i = from; err == JIT_OK && i < list->count && is_attachment(op); i++) {
        struct eng_use *one = &list->at[i];
        bool slot = one->kind == RMG_SLOT_ALPHA || one->kind == RMG_SLOT_BETA;
        bool is_element = one->kind == RMG_SLOT_NODE || one->kind == RMG_SLOT_EDGE;
        if (slot && w->kept->join != RMG_JOIN_NONE) {
            one->access = RMG_ACCESS_BLIND;
            one->join = w->kept->join;
            one->delta =
                w->kept->join == RMG_JOIN_SUM ? w->kept->delta : (int64_t)op->attachment.value.size;
            one->base = w->kept->base;
        } else if (is_element && op->kind == RMG_OP_SET_ATTACHMENT && jit_id_is_zero(&w->now) &&
                   w->there) {
            one->access = RMG_ACCESS_WRITE;
            list->bytes += eng_slot_size(one);
        }
    }
    return err;
}

static enum jit_err judge_operation(struct judging *j, const struct rmg_op *op)
{
    struct weighed w = {.op = op, .kept = &j->ops[j->op_count]};
    *w.kept = (struct eng_op){.id = op->id,
                              .request = j->index,
                              .index = (uint32_t)j->op_count,
                              .kind = (uint8_t)op->kind,
                              .plane = (uint8_t)op->plane};
    if (op->kind == RMG_OP_UPSERT_INSTANCE || op->kind == RMG_OP_DELETE_INSTANCE) {
        refuse(j, RMG_INVALID);
        return JIT_OK;
    }
    w.in = instance_of(j, &op->instance, &w.instance);
    w.place = rmg_collapse_place_of(j->collapse, &op->instance);
    w.kept->instance = w.instance;
    if (!w.in->exists) {
        refuse(j, RMG_NO_MATCH);
        return JIT_OK;
    }
    enum jit_err err = weigh(j, &w);
    j->op_bytes += rmg_op_size(op);
    return err == JIT_OK && j->result == RMG_APPLIED ? use(j, &w) : err;
}

static enum jit_err judge_operations(struct judging *j)
{
    struct rmg_engine *engine = j->engine;
    struct patch_walk walk;
    struct patch_raw *raw = NULL;
    size_t count = (size_t)j->collapse->op_count;
    j->ops = rmg_scratch_alloc(&engine->arena, count * sizeof *j->ops);
    j->made = rmg_scratch_alloc(&engine->arena, count * sizeof *j->made);
    if (j->ops == NULL || j->made == NULL) {
        return JIT_ENOMEM;
    }
    enum jit_err err = patch_walk_begin(&walk, j->collapse->patch, j->collapse->patch_size);
    while (err == JIT_OK && (err = patch_walk_next(&walk, &raw)) == JIT_OK) {
        err = judge_operation(j, &raw->op);
        j->op_count++;
        if (j->result != RMG_APPLIED && j->result != RMG_CONFLICT) {
            return err;
        }
    }
    assert(err != JIT_EFORMAT); /* it was decoded before */
    return err == JIT_ENOENT ? JIT_OK : err;
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

static enum jit_err try_it(struct judging *j)
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
static enum jit_err show_after(struct judging *j, const struct rmg_collapse_place *place,
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
        if (is_upsert(&raw->op) && !jit_id_is_zero(&raw->op.prior)) {
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
static enum jit_err add_looks(struct judging *j, uint32_t instance, const struct rmg_after *after)
{
    enum jit_err err = JIT_OK;
    for (size_t i = 0; err == JIT_OK && i < after->read_count; i++) {
        err = add_read(j, &after->reads[i], instance);
    }
    return err;
}

static enum jit_err watch(struct judging *j, struct rmg_watch *watch,
                          const struct rmg_collapse_place *place)
{
    uint32_t instance = 0;
    const struct eng_instance *in = instance_of(j, &place->instance, &instance);
    rmg_after_begin(&watch->after, &in->graph, j->engine->input->budget);
    enum jit_err err = show_after(j, place, &watch->after);
    if (err == JIT_OK && j->result == RMG_APPLIED) {
        err = rmg_watch_ask(watch, NULL, &j->result, &j->req->blocker);
    }
    return err == JIT_OK && j->result == RMG_APPLIED ? add_looks(j, instance, &watch->after) : err;
}

/* Do the invariants hold in each instance after it? */
static enum jit_err look_at_invariants(struct judging *j)
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
static enum jit_err keep_uses(struct judging *j)
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

static enum jit_err keep_ways(struct judging *j)
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

static enum jit_err keep(struct judging *j)
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
    struct judging j = {.engine = engine,
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
        err = judge_operations(&j);
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
