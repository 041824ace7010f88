/* rmg/engine/native.c - rules in C: what they may touch, and what comes of what they wrote. */
#include "rmg/engine/native.h"

#include "rmg/engine/work_priv.h"

enum phase { PHASE_MATCH, PHASE_FOOTPRINT, PHASE_EXECUTE };
enum write_kind { WRITE_DELETE_EDGE, WRITE_DELETE_NODE, WRITE_NODE, WRITE_EDGE, WRITE_SET };

struct write {
    enum write_kind kind;
    uint32_t handle; /* DELETE_*: of what; SET: of whom; NODE, EDGE: once it is made */
    uint32_t from;
    uint32_t to;
    enum rmg_plane plane;
    struct jit_id type;
    struct rmg_attachment attachment;
};

struct rmg_native {
    struct jit_heap *heap;
    struct rmg_work *work;
    struct rmg_native_report *report;
    enum phase phase;
    enum jit_err broken; /* what the rule did that fails the rewrite */
    struct rmg_native_slot *slots;
    size_t slot_room;
    uint32_t slot_count;
    struct write *writes;
    size_t write_room;
    uint32_t write_count;
    struct rmg_scratch bytes; /* of attachments */
};

static enum jit_err fail(struct rmg_native *view, enum jit_err err, const char *fault)
{
    if (view->broken == JIT_OK) {
        view->broken = err;
        view->report->fault = fault;
    }
    return err;
}

/* ---- the footprint ---- */

static bool covers(const struct rmg_native_slot *have, const struct rmg_native_slot *want)
{
    if (have->kind != want->kind || (want->write && !have->write) ||
        (have->kind != RMG_SLOT_EXTENT && have->element != want->element)) {
        return false;
    }
    switch (have->kind) {
    case RMG_SLOT_ALPHA:
    case RMG_SLOT_BETA:
        return have->name_size == want->name_size &&
               (want->name_size == 0 || memcmp(have->name, want->name, want->name_size) == 0);
    case RMG_SLOT_INCIDENCE:
        return have->direction == want->direction &&
               (jit_id_is_zero(&have->type) || jit_id_equal(&have->type, &want->type));
    case RMG_SLOT_EXTENT:
        return jit_id_equal(&have->type, &want->type);
    default:
        return true;
    }
}

static enum jit_err need(struct rmg_native *view, const struct rmg_native_slot *want)
{
    if (view->phase != PHASE_EXECUTE) {
        return want->write ? fail(view, JIT_ECAP, "writes outside its executor") : JIT_OK;
    }
    for (uint32_t i = 0; i < view->slot_count; i++) {
        if (covers(&view->slots[i], want)) {
            return JIT_OK;
        }
    }
    if (view->broken == JIT_OK) {
        view->report->slot = *want;
    }
    return fail(view, JIT_ECAP,
                want->write ? "writes outside its footprint" : "reads outside its footprint");
}

static enum jit_err need_element(struct rmg_native *view, enum rmg_slot_kind kind, bool write,
                                 uint32_t element)
{
    const struct rmg_native_slot want = {.kind = kind, .write = write, .element = element};
    return need(view, &want);
}

static enum jit_err need_extent(struct rmg_native *view, bool write, const struct jit_id *type)
{
    struct rmg_native_slot want = {.kind = RMG_SLOT_EXTENT, .write = write};
    if (type != NULL) {
        want.type = *type; /* zero: nodes of any type */
    }
    return need(view, &want);
}

static enum jit_err need_incidence(struct rmg_native *view, bool write, uint32_t node,
                                   enum rmg_direction direction, const struct jit_id *type)
{
    struct rmg_native_slot want = {
        .kind = RMG_SLOT_INCIDENCE, .write = write, .element = node, .direction = direction};
    if (type != NULL) {
        want.type = *type;
    }
    return write && (node & RMG_NATIVE_MADE) != 0 && view->phase == PHASE_EXECUTE
               ? JIT_OK
               : need(view, &want);
}

static enum jit_err need_field(struct rmg_native *view, bool write, enum rmg_plane plane,
                               uint32_t owner, const char *name, uint32_t name_size)
{
    struct rmg_native_slot want = {.kind =
                                       plane == RMG_PLANE_ALPHA ? RMG_SLOT_ALPHA : RMG_SLOT_BETA,
                                   .write = write,
                                   .element = owner,
                                   .name_size = name_size};
    if (name_size > JIT_NAME_BYTES_MAX) {
        return JIT_ENOENT;
    }
    if (name_size > 0) {
        memcpy(want.name, name, name_size);
    }
    return write && (owner & RMG_NATIVE_MADE) != 0 && view->phase == PHASE_EXECUTE
               ? JIT_OK
               : need(view, &want);
}

enum jit_err rmg_native_may(struct rmg_native *view, const struct rmg_native_slot *slot)
{
    if (view->phase != PHASE_FOOTPRINT) {
        return fail(view, JIT_ECAP, "widens its footprint when it is fixed");
    }
    if (view->slot_count >= RMG_NATIVE_SLOTS_MAX || slot->name_size > JIT_NAME_BYTES_MAX) {
        return fail(view, JIT_ELIMIT, "has a footprint that is too large");
    }
    if (jit_heap_grow(view->heap, (void **)&view->slots, &view->slot_room, view->slot_count + 1ul,
                      sizeof *view->slots) != 0) {
        return fail(view, JIT_ENOMEM, "has no memory");
    }
    view->slots[view->slot_count++] = *slot;
    return JIT_OK;
}

/* ---- reading ---- */

enum jit_err rmg_native_node_type(struct rmg_native *view, uint32_t node, struct jit_id *type)
{
    enum jit_err err = need_element(view, RMG_SLOT_NODE, false, node);
    return err == JIT_OK ? rmg_work_node_type(view->work, node, type) : err;
}

enum jit_err rmg_native_edge_get(struct rmg_native *view, uint32_t edge, struct rmg_work_ends *out)
{
    enum jit_err err = need_element(view, RMG_SLOT_EDGE, false, edge);
    return err == JIT_OK ? rmg_work_edge_get(view->work, edge, out) : err;
}

enum jit_err rmg_native_edge_next(struct rmg_native *view, uint32_t node,
                                  enum rmg_direction direction, const struct jit_id *type,
                                  uint32_t after, uint32_t *edge)
{
    enum jit_err err = need_incidence(view, false, node, direction, type);
    if (err == JIT_OK && after != RMG_WORK_NONE &&
        (!work_edge_live(view->work, after) ||
         !jit_id_equal(&view->work->types[view->work->edges[after].type].id, type))) {
        *edge = RMG_WORK_NONE;
        return JIT_ENOENT; /* else it would lead on along edges of another type */
    }
    return err == JIT_OK ? rmg_work_edge_next(view->work, node, direction, type, after, edge) : err;
}

enum jit_err rmg_native_degree(struct rmg_native *view, uint32_t node, enum rmg_direction direction,
                               const struct jit_id *type, uint64_t *count)
{
    enum jit_err err = need_incidence(view, false, node, direction, type);
    return err == JIT_OK ? rmg_work_degree(view->work, node, direction, type, count) : err;
}

enum jit_err rmg_native_node_next(struct rmg_native *view, const struct jit_id *type,
                                  uint32_t after, uint32_t *node)
{
    enum jit_err err = need_extent(view, false, type);
    return err == JIT_OK ? rmg_work_node_next(view->work, type, after, node) : err;
}

enum jit_err rmg_native_get(struct rmg_native *view, enum rmg_plane plane, uint32_t owner,
                            const char *name, uint32_t name_size, struct rmg_value *out)
{
    enum jit_err err = need_field(view, false, plane, owner, name, name_size);
    return err == JIT_OK ? rmg_work_get(view->work, plane, owner, name, name_size, out) : err;
}

/* ---- writing ---- */

static enum jit_err note(struct rmg_native *view, const struct write *write)
{
    if (view->write_count >= RMG_NATIVE_WRITES_MAX) {
        return fail(view, JIT_ELIMIT, "writes too much");
    }
    if (jit_heap_grow(view->heap, (void **)&view->writes, &view->write_room,
                      view->write_count + 1ul, sizeof *view->writes) != 0) {
        return fail(view, JIT_ENOMEM, "has no memory");
    }
    view->writes[view->write_count++] = *write;
    return JIT_OK;
}

/* Is it there, or made by this rewrite? */
static bool exists(const struct rmg_native *view, bool is_edge, uint32_t handle)
{
    if ((handle & RMG_NATIVE_MADE) == 0) {
        return is_edge ? work_edge_live(view->work, handle) : work_node_live(view->work, handle);
    }
    uint32_t at = handle & ~RMG_NATIVE_MADE;
    return at < view->write_count && view->writes[at].kind == (is_edge ? WRITE_EDGE : WRITE_NODE);
}

enum jit_err rmg_native_add_node(struct rmg_native *view, const struct jit_id *type, uint32_t *node)
{
    const struct write write = {.kind = WRITE_NODE, .type = *type};
    enum jit_err err = need_extent(view, true, type);
    *node = RMG_NATIVE_MADE | view->write_count;
    return err == JIT_OK ? note(view, &write) : err;
}

enum jit_err rmg_native_add_edge(struct rmg_native *view, uint32_t from, const struct jit_id *type,
                                 uint32_t to, uint32_t *edge)
{
    const struct write write = {.kind = WRITE_EDGE, .type = *type, .from = from, .to = to};
    enum jit_err err = need_incidence(view, true, from, RMG_DIR_OUT, type);
    if (err == JIT_OK) {
        err = need_incidence(view, true, to, RMG_DIR_IN, type);
    }
    if (err == JIT_OK) {
        err = need_extent(view, true, type);
    }
    if (err == JIT_OK && (!exists(view, false, from) || !exists(view, false, to))) {
        return JIT_ENOENT;
    }
    *edge = RMG_NATIVE_MADE | view->write_count;
    return err == JIT_OK ? note(view, &write) : err;
}

enum jit_err rmg_native_delete_node(struct rmg_native *view, uint32_t node)
{
    const struct write write = {.kind = WRITE_DELETE_NODE, .handle = node};
    enum jit_err err = need_element(view, RMG_SLOT_NODE, true, node);
    if (err == JIT_OK && !work_node_live(view->work, node)) {
        return JIT_ENOENT;
    }
    if (err == JIT_OK) {
        err = need_extent(view, true, &view->work->types[view->work->nodes[node].type].id);
    }
    return err == JIT_OK ? note(view, &write) : err;
}

enum jit_err rmg_native_delete_edge(struct rmg_native *view, uint32_t edge)
{
    const struct write write = {.kind = WRITE_DELETE_EDGE, .handle = edge};
    enum jit_err err = need_element(view, RMG_SLOT_EDGE, true, edge);
    if (err == JIT_OK && !work_edge_live(view->work, edge)) {
        return JIT_ENOENT;
    }
    if (err != JIT_OK) {
        return err;
    }
    const struct work_edge at = view->work->edges[edge];
    const struct jit_id type = view->work->types[at.type].id;
    err = need_incidence(view, true, at.end[WORK_OUT], RMG_DIR_OUT, &type);
    if (err == JIT_OK) {
        err = need_incidence(view, true, at.end[WORK_IN], RMG_DIR_IN, &type);
    }
    if (err == JIT_OK) {
        err = need_extent(view, true, &type);
    }
    return err == JIT_OK ? note(view, &write) : err;
}

enum jit_err rmg_native_set(struct rmg_native *view, enum rmg_plane plane, uint32_t owner,
                            const struct rmg_attachment *attachment)
{
    struct write write = {
        .kind = WRITE_SET, .handle = owner, .plane = plane, .attachment = *attachment};
    struct rmg_attachment *at = &write.attachment;
    enum jit_err err =
        need_field(view, true, plane, owner, attachment->name, attachment->name_size);
    if (err == JIT_OK && !exists(view, plane == RMG_PLANE_BETA, owner)) {
        err = JIT_ENOENT;
    }
    if (err == JIT_OK && at->value.size > JIT_ATOM_BYTES_MAX) {
        err = JIT_ELIMIT;
    }
    if (err != JIT_OK) {
        return err;
    }
    if (at->name_size > 0) {
        at->name = rmg_scratch_copy(&view->bytes, at->name, at->name_size);
    }
    if (at->value.size > 0) {
        at->value.bytes = rmg_scratch_copy(&view->bytes, at->value.bytes, at->value.size);
    }
    if ((at->name_size > 0 && at->name == NULL) ||
        (at->value.size > 0 && at->value.bytes == NULL)) {
        return fail(view, JIT_ENOMEM, "has no memory");
    }
    return note(view, &write);
}

/* ---- what was written, judged ---- */

static bool is_deleted(const struct rmg_native *view, enum write_kind kind, uint32_t handle)
{
    for (uint32_t i = 0; i < view->write_count; i++) {
        if (view->writes[i].kind == kind && view->writes[i].handle == handle) {
            return true;
        }
    }
    return false;
}

static bool twice(const struct rmg_native *view, uint32_t index)
{
    const struct write *a = &view->writes[index];
    for (uint32_t i = 0; i < index; i++) {
        const struct write *b = &view->writes[i];
        if (a->kind != b->kind || a->kind == WRITE_NODE || a->kind == WRITE_EDGE ||
            a->handle != b->handle) {
            continue;
        }
        if (a->kind != WRITE_SET ||
            (a->plane == b->plane && a->attachment.name_size == b->attachment.name_size &&
             (a->attachment.name_size == 0 ||
              memcmp(a->attachment.name, b->attachment.name, a->attachment.name_size) == 0))) {
            return true;
        }
    }
    return false;
}

/* All its edges go with it, and none is made. */
static bool may_go(const struct rmg_native *view, uint32_t node)
{
    const struct work_node *at = &view->work->nodes[node];
    uint64_t left = (uint64_t)at->degree[0] + at->degree[1];
    for (uint32_t i = 0; i < view->write_count; i++) {
        const struct write *write = &view->writes[i];
        if (write->kind == WRITE_EDGE && (write->from == node || write->to == node)) {
            return false;
        }
        if (write->kind == WRITE_DELETE_EDGE) {
            const struct work_edge *edge = &view->work->edges[write->handle];
            left -= edge->end[0] == node ? 1u : 0;
            left -= edge->end[1] == node ? 1u : 0;
        }
    }
    return left == 0 && at->flags == 0;
}

static bool may_set(struct rmg_native *view, uint32_t index)
{
    const struct write *write = &view->writes[index];
    const struct rmg_attachment *attachment = &write->attachment;
    bool is_edge = write->plane == RMG_PLANE_BETA;
    struct rmg_value before;
    uint32_t more = 0;
    if (attachment->value.kind != RMG_VALUE_ATOM || jit_id_is_zero(&attachment->value.type) ||
        !rmg_utf8_valid((const uint8_t *)attachment->name, attachment->name_size) ||
        is_deleted(view, is_edge ? WRITE_DELETE_EDGE : WRITE_DELETE_NODE, write->handle)) {
        return false;
    }
    for (uint32_t i = 0; i <= index; i++) {
        more += view->writes[i].kind == WRITE_SET && view->writes[i].plane == write->plane &&
                view->writes[i].handle == write->handle;
    }
    if ((write->handle & RMG_NATIVE_MADE) != 0) {
        return more <= JIT_ATTACHMENTS_MAX;
    }
    enum jit_err err = rmg_work_get(view->work, write->plane, write->handle, attachment->name,
                                    attachment->name_size, &before);
    if (err == JIT_OK) {
        return before.kind == RMG_VALUE_ATOM;
    }
    uint32_t atoms =
        is_edge ? view->work->edges[write->handle].atoms : view->work->nodes[write->handle].atoms;
    return err == JIT_ENOENT && atoms + more <= JIT_ATTACHMENTS_MAX;
}

/* NULL: all of it can be performed. */
static const char *judge(struct rmg_native *view)
{
    for (uint32_t i = 0; i < view->write_count; i++) {
        const struct write *write = &view->writes[i];
        if (twice(view, i)) {
            return "writes one slot twice";
        }
        switch (write->kind) {
        case WRITE_DELETE_EDGE:
            if (view->work->edges[write->handle].flags != 0) {
                return "deletes what holds a portal";
            }
            break;
        case WRITE_DELETE_NODE:
            if (!may_go(view, write->handle)) {
                return "deletes a node that has edges, holds a portal or is the root node";
            }
            break;
        case WRITE_NODE:
        case WRITE_EDGE:
            if (jit_id_is_zero(&write->type)) {
                return "makes something of no type";
            }
            break;
        default:
            if (!may_set(view, i)) {
                return "sets what cannot be set";
            }
            break;
        }
    }
    return NULL;
}

/* ---- and performed ---- */

static uint32_t handle_of(const struct rmg_native *view, uint32_t handle)
{
    return (handle & RMG_NATIVE_MADE) != 0 ? view->writes[handle & ~RMG_NATIVE_MADE].handle
                                           : handle;
}

static enum jit_err perform_one(struct rmg_native *view, struct write *write)
{
    switch (write->kind) {
    case WRITE_DELETE_EDGE:
        return rmg_work_delete_edge(view->work, write->handle);
    case WRITE_DELETE_NODE:
        return rmg_work_delete_node(view->work, write->handle);
    case WRITE_NODE:
        return rmg_work_add_node(view->work, &write->type, NULL, &write->handle);
    case WRITE_EDGE:
        return rmg_work_add_edge(view->work, handle_of(view, write->from), &write->type,
                                 handle_of(view, write->to), NULL, &write->handle);
    case WRITE_SET:
        return rmg_work_set(view->work, write->plane, handle_of(view, write->handle),
                            &write->attachment);
    }
    return JIT_OK;
}

static enum jit_err perform(struct rmg_native *view)
{
    static const enum write_kind order[] = {WRITE_DELETE_EDGE, WRITE_DELETE_NODE, WRITE_NODE,
                                            WRITE_EDGE, WRITE_SET};
    enum jit_err err = rmg_work_step(view->work);
    for (size_t k = 0; k < sizeof order / sizeof order[0]; k++) {
        for (uint32_t i = 0; i < view->write_count && err == JIT_OK; i++) {
            if (view->writes[i].kind == order[k]) {
                err = perform_one(view, &view->writes[i]);
            }
        }
    }
    return err;
}

static enum jit_err rewrite(struct rmg_native *view, const struct rmg_native_rule *rule,
                            const struct rmg_native_match *match)
{
    view->slot_count = 0;
    view->write_count = 0;
    rmg_scratch_reset(&view->bytes);
    view->phase = PHASE_FOOTPRINT;
    enum jit_err err = rule->footprint(rule->user, view, match);
    if (err == JIT_OK && view->broken == JIT_OK) {
        view->phase = PHASE_EXECUTE;
        err = rule->executor(rule->user, view, match);
    }
    if (view->broken != JIT_OK) {
        return view->broken;
    }
    if (err == JIT_OK) {
        const char *fault = judge(view);
        err = fault == NULL ? perform(view) : fail(view, JIT_EINVALID, fault);
    }
    return err;
}

enum jit_err rmg_native_run(struct jit_heap *heap, struct rmg_work *work,
                            const struct rmg_native_rule *rule, uint64_t at_most,
                            struct rmg_native_report *report)
{
    struct rmg_native view = {.heap = heap, .work = work, .report = report};
    struct rmg_native_match match = {.count = 0};
    enum jit_err err = work_owners(work);
    *report = (struct rmg_native_report){.rewrites = 0};
    rmg_scratch_init(&view.bytes, heap);
    while (err == JIT_OK && report->rewrites < at_most) {
        view.phase = PHASE_MATCH;
        if (work->node_count >= RMG_NATIVE_MADE || work->edge_count >= RMG_NATIVE_MADE) {
            err = JIT_ELIMIT; /* a handle would look like what was made */
            break;
        }
        bool found = rule->matcher(rule->user, &view, &match);
        err = view.broken;
        if (err != JIT_OK || !found) {
            break;
        }
        err = rewrite(&view, rule, &match);
        report->rewrites += err == JIT_OK;
    }
    rmg_scratch_release(&view.bytes);
    heap->free(heap, view.slots);
    heap->free(heap, view.writes);
    return err == JIT_ENOMATCH && view.broken == JIT_OK ? JIT_OK : err;
}
