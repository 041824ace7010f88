/* Who wrote the slots that are asked about: one reading of the log for all that are open. */
#include <stdlib.h>

#include "tools/client/history/causes_priv.h"

struct writers {
    struct causes *causes;
    uint32_t *open; /* links, ascending by slot */
    size_t open_count;
    uint64_t until; /* the largest of them */
    uint64_t tick;  /* of the record at hand */
    bool edit;
};

static const struct rmg_slot *slot_of(const struct writers *w, size_t at)
{
    return &w->causes->links[w->open[at]].slot;
}

/* The first open link at or after this slot. */
static size_t first_of(const struct writers *w, const struct rmg_slot *slot)
{
    size_t low = 0;
    size_t high = w->open_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (rmg_slot_compare(slot_of(w, middle), slot) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void wrote(struct writers *w, const struct rmg_slot *slot, const struct rmg_op *op)
{
    for (size_t i = first_of(w, slot);
         i < w->open_count && rmg_slot_compare(slot_of(w, i), slot) == 0; i++) {
        struct because *link = &w->causes->links[w->open[i]];
        if (w->tick > link->until) {
            continue;
        }
        if (link->found_count == 0 || link->found_tick != w->tick) {
            link->found_tick = w->tick;
            link->found_count = 0;
        }
        for (uint32_t k = 0; k < op->origin_count && link->found_count < CAUSE_PARENTS; k++) {
            uint32_t request = op->origins[k].request;
            if (link->found_count == 0 || link->found[link->found_count - 1] != request) {
                link->found[link->found_count++] = request;
            }
        }
    }
}

/* The slots that an operation writes. An edge also makes its ends' incidences other ones, as far as
 * the operation says where it was: one that deletes does not. */
static bool visit_op(void *user, const struct rmg_op *op)
{
    struct writers *w = user;
    struct rmg_slot slot = {.instance = op->instance, .id = op->id};
    switch (op->kind) {
    case RMG_OP_UPSERT_NODE:
    case RMG_OP_DELETE_NODE:
        slot.kind = RMG_SLOT_NODE;
        break;
    case RMG_OP_DELETE_EDGE:
    case RMG_OP_UPSERT_EDGE:
        slot.kind = RMG_SLOT_EDGE;
        break;
    case RMG_OP_SET_ATTACHMENT:
    case RMG_OP_CLEAR_ATTACHMENT:
        slot.kind = op->plane == RMG_PLANE_ALPHA ? RMG_SLOT_ALPHA : RMG_SLOT_BETA;
        slot.name = op->attachment.name;
        slot.name_size = op->attachment.name_size;
        break;
    default:
        return true;
    }
    wrote(w, &slot, op);
    for (int direction = 0; op->kind == RMG_OP_UPSERT_EDGE && direction < 2; direction++) {
        struct rmg_slot ends = {.kind = RMG_SLOT_INCIDENCE,
                                .direction = direction == 0 ? RMG_DIR_OUT : RMG_DIR_IN,
                                .instance = op->instance,
                                .id = direction == 0 ? op->from : op->to,
                                .type = op->type};
        wrote(w, &ends, op);
        ends.type = (struct jit_id){{0}};
        wrote(w, &ends, op);
    }
    return true;
}

static enum jit_err visit_writers(void *user, const struct log_record *record)
{
    struct writers *w = user;
    struct kern_record_view view;
    struct jit_id base;
    if (record->tick > w->until) {
        return JIT_ENOENT;
    }
    if (kern_record_decode(record->payload, record->payload_size, &view) != JIT_OK) {
        return JIT_ECORRUPT;
    }
    w->tick = record->tick;
    if ((view.flags & KERN_RECORD_GENESIS) != 0) {
        return JIT_OK; /* what nobody wrote later is of the genesis */
    }
    return rmg_patch_each(jit_heap_libc(), view.patch, view.patch_size, &base, visit_op, w);
}

static const struct because *sorting; /* qsort has no place for it */

static int compare_links(const void *a, const void *b)
{
    return rmg_slot_compare(&sorting[*(const uint32_t *)a].slot,
                            &sorting[*(const uint32_t *)b].slot);
}

int causes_find_writers(struct causes *c)
{
    struct writers w = {.causes = c};
    struct log_report report;
    w.open = calloc(c->link_count + 1, sizeof *w.open);
    if (w.open == NULL) {
        c->err = JIT_ENOMEM;
        return CLI_OK;
    }
    for (size_t i = 0; i < c->link_count; i++) {
        if (!c->links[i].looked) {
            w.open[w.open_count++] = (uint32_t)i;
            w.until = c->links[i].until > w.until ? c->links[i].until : w.until;
        }
    }
    sorting = c->links;
    qsort(w.open, w.open_count, sizeof *w.open, compare_links);
    int code =
        w.open_count > 0 ? history_each(c->cli, c->data, visit_writers, &w, &report) : CLI_OK;
    free(w.open);
    return code;
}

/* From requests that were found to causes; a slot that several wrote gets a link to each. */
void causes_settle(struct causes *c)
{
    size_t count = c->link_count;
    for (size_t i = 0; i < count && c->err == JIT_OK; i++) {
        struct because link = c->links[i];
        if (link.looked) {
            continue;
        }
        c->links[i].looked = true;
        if (link.found_count == 0) {
            c->links[i].to = causes_add(c, CAUSE_START, c->start, 0);
            continue;
        }
        for (uint32_t k = 0; k < link.found_count && c->err == JIT_OK; k++) {
            enum cause_kind kind = link.found[k] == UINT32_MAX ? CAUSE_KERNEL : CAUSE_REQUEST;
            uint32_t to = causes_add(c, kind, link.found_tick, link.found[k]);
            if (k == 0) {
                c->links[i].to = to;
                continue;
            }
            struct because *other = causes_link(c, link.from, &link.slot, link.until);
            if (other != NULL) {
                other->looked = true;
                other->to = to;
            }
        }
    }
}
