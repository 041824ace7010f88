#include "rmg/engine/engine_collapse_priv.h"

#include "base/check.h"
#include "base/le.h"
#include "rmg/change/merge.h"
#include "rmg/change/patch_priv.h"
#include "rmg/schema/schema.h"

/* ---- types ---- */

static int compare_made(const struct eng_made *made, bool edge, uint32_t instance,
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
static const struct jit_id *type_made(const struct eng_judging *j, bool edge, uint32_t instance,
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

static void refuse(struct eng_judging *j, enum rmg_result result)
{
    /* What is wrong in itself comes before what stands in the way. */
    if (j->result == RMG_APPLIED || (j->result == RMG_CONFLICT && result != RMG_EXISTS)) {
        j->result = result;
    }
}

static void gate_type(struct eng_judging *j, const struct weighed *w, const struct jit_id *type)
{
    bool edge = is_of_edge(w->op);
    if (w->place->writes != NULL && !eng_gate_lets(w->place->writes, edge, type)) {
        j->gate = edge ? RMG_GATE_WRITES_EDGE : RMG_GATE_WRITES_NODE;
        refuse(j, RMG_DENIED);
    }
}

/* What the operation is about, and whether its types may be written. */
static enum jit_err weigh_type(struct eng_judging *j, struct weighed *w)
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
    if (eng_is_upsert(op)) {
        gate_type(j, w, &op->type);
        w->type = op->type;
        j->made[j->made_count++] = (struct eng_made){
            .edge = edge, .instance = w->instance, .id = op->id, .type = op->type};
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

static void clash_with(struct eng_judging *j)
{
    struct rmg_collapse_clash *clash = &j->collapse->clash;
    clash->first_operation =
        clash->operations++ == 0 ? (uint32_t)j->op_count : clash->first_operation;
    if (j->result == RMG_APPLIED) {
        j->result = RMG_CONFLICT;
    }
}

/* Ids of what is created are the process's own: recomputed from the counter sent. */
static void weigh_created(struct eng_judging *j, const struct weighed *w)
{
    struct jit_id id;
    if (!eng_is_upsert(w->op) || !jit_id_is_zero(&w->op->prior)) {
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
static bool added(struct eng_judging *j, const struct weighed *w, int64_t *delta)
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
static enum jit_err gives(struct eng_judging *j, enum rmg_join join, const struct rmg_value *now,
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
static enum rmg_join join_for(struct eng_judging *j, const struct weighed *w,
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

static enum jit_err weigh_attachment(struct eng_judging *j, struct weighed *w)
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

static enum jit_err weigh(struct eng_judging *j, struct weighed *w)
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
static enum jit_err use(struct eng_judging *j, const struct weighed *w)
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

static enum jit_err judge_operation(struct eng_judging *j, const struct rmg_op *op)
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
    w.in = eng_judged_instance(j, &op->instance, &w.instance);
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

enum jit_err eng_judge_operations(struct eng_judging *j)
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
