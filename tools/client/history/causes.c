#include "tools/client/history/causes.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

/* ---- what has been found ---- */

static uint32_t add_cause(struct causes *c, enum cause_kind kind, uint64_t tick, uint32_t request)
{
    for (size_t i = 0; i < c->count; i++) {
        if (c->causes[i].kind == kind && c->causes[i].tick == tick &&
            c->causes[i].request == request) {
            return (uint32_t)i;
        }
    }
    void *causes = c->causes;
    if (c->count == CAUSES_MAX || c->err != JIT_OK) {
        c->cut = true;
        return CAUSE_NONE;
    }
    if (jit_heap_grow(jit_heap_libc(), &causes, &c->capacity, c->count + 1, sizeof *c->causes) !=
        0) {
        c->err = JIT_ENOMEM;
        return CAUSE_NONE;
    }
    c->causes = causes;
    c->causes[c->count] = (struct cause){.kind = kind,
                                         .tick = tick,
                                         .request = request,
                                         .known = kind == CAUSE_START || kind == CAUSE_EDIT};
    return (uint32_t)c->count++;
}

static struct because *add_link(struct causes *c, uint32_t from, const struct rmg_slot *slot,
                                uint64_t until)
{
    void *links = c->links;
    if (c->err != JIT_OK || jit_heap_grow(jit_heap_libc(), &links, &c->link_capacity,
                                          c->link_count + 1, sizeof *c->links) != 0) {
        c->err = JIT_ENOMEM;
        return NULL;
    }
    c->links = links;
    struct because *link = &c->links[c->link_count++];
    *link = (struct because){.from = from, .to = CAUSE_NONE, .until = until};
    if (slot == NULL) {
        return link;
    }
    link->slot = *slot;
    link->name = malloc(slot->name_size + 1u);
    if (link->name == NULL) {
        c->err = JIT_ENOMEM;
        return NULL;
    }
    memcpy(link->name, slot->name_size > 0 ? slot->name : "", slot->name_size);
    link->slot.name = link->name;
    return link;
}

void causes_ask_slot(struct causes *causes, const struct rmg_slot *slot, uint64_t until)
{
    (void)add_link(causes, CAUSE_NONE, slot, until);
}

void causes_ask_request(struct causes *causes, uint64_t tick, uint32_t request)
{
    struct because *link = add_link(causes, CAUSE_NONE, NULL, tick);
    if (link != NULL) {
        link->lost = true;
        link->looked = true;
        link->to = add_cause(causes, CAUSE_REQUEST, tick, request);
    }
}

/* ---- the writers of slots: one reading for all that are open ---- */

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

static int find_writers(struct causes *c)
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
static void settle(struct causes *c)
{
    size_t count = c->link_count;
    for (size_t i = 0; i < count && c->err == JIT_OK; i++) {
        struct because link = c->links[i];
        if (link.looked) {
            continue;
        }
        c->links[i].looked = true;
        if (link.found_count == 0) {
            c->links[i].to = add_cause(c, CAUSE_START, c->start, 0);
            continue;
        }
        for (uint32_t k = 0; k < link.found_count && c->err == JIT_OK; k++) {
            enum cause_kind kind = link.found[k] == UINT32_MAX ? CAUSE_KERNEL : CAUSE_REQUEST;
            uint32_t to = add_cause(c, kind, link.found_tick, link.found[k]);
            if (k == 0) {
                c->links[i].to = to;
                continue;
            }
            struct because *other = add_link(c, link.from, &link.slot, link.until);
            if (other != NULL) {
                other->looked = true;
                other->to = to;
            }
        }
    }
}

/* ---- what the requests were ---- */

struct tried { /* a request that lost and is tried again, or that is delayed */
    struct jit_id key;
    uint64_t tick;
    uint32_t request;
};

struct details {
    struct causes *causes;
    struct tried *tried; /* of the tick before */
    size_t tried_count, tried_capacity;
    uint64_t tried_tick;
    struct tried *delayed; /* and not applied yet, by key */
    size_t delayed_count, delayed_capacity;
    uint64_t left; /* causes that are not known yet */
    uint64_t last; /* the newest tick of one */
};

static enum jit_err add_reads(struct causes *c, uint32_t from, const struct kern_record_view *view)
{
    struct jit_cursor cur = jit_cursor_of(view->patch, view->patch_size);
    (void)jit_get_bytes(&cur, JIT_ID_BYTES); /* the base root */
    uint64_t count = jit_get_u64(&cur);
    uint64_t tick = c->causes[from].tick;
    for (uint64_t i = 0; i < count && c->err == JIT_OK; i++) {
        struct rmg_slot slot;
        if (rmg_slot_decode(&cur, &slot) != JIT_OK) {
            return JIT_ECORRUPT;
        }
        const struct cause *cause = &c->causes[from];
        for (uint32_t k = 0; k < cause->id_count; k++) {
            if (jit_id_equal(&slot.id, &cause->ids[k]) &&
                jit_id_equal(&slot.instance, &cause->instance)) {
                (void)add_link(c, from, &slot, tick - 1);
                break;
            }
        }
    }
    return c->err;
}

enum link { LINK_LOST, LINK_AGAIN, LINK_DELAYED };

static void link_request(struct causes *c, uint32_t from, uint64_t tick, uint32_t request,
                         enum link kind)
{
    struct because *link = add_link(c, from, NULL, tick);
    if (link != NULL) {
        link->lost = true;
        link->again = kind == LINK_AGAIN;
        link->delayed = kind == LINK_DELAYED;
        link->looked = true;
        /* The vector of links may move, and so may that of causes. */
        size_t place = c->link_count - 1;
        uint32_t to = add_cause(c, CAUSE_REQUEST, tick, request);
        c->links[place].to = to;
    }
}

/* Where a delayed one with this key is, or would be. */
static size_t delayed_place(const struct details *d, const struct jit_id *key, bool *found)
{
    size_t low = 0;
    size_t high = d->delayed_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (jit_id_compare(&d->delayed[middle].key, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *found = low < d->delayed_count && jit_id_equal(&d->delayed[low].key, key);
    return low;
}

/* One is delayed, or what was has come to its own. */
static enum jit_err note_delayed(struct details *d, uint64_t tick, uint32_t request,
                                 const struct rmg_receipt *receipt)
{
    bool found = false;
    size_t at = delayed_place(d, &receipt->request_key, &found);
    void *data = d->delayed;
    if (receipt->result != RMG_DELAYED) {
        if (found && receipt->result != RMG_DUPLICATE) {
            d->delayed_count--;
            memmove(d->delayed + at, d->delayed + at + 1,
                    (d->delayed_count - at) * sizeof *d->delayed);
        }
        return JIT_OK;
    }
    if (!found) {
        if (jit_heap_grow(jit_heap_libc(), &data, &d->delayed_capacity, d->delayed_count + 1,
                          sizeof *d->delayed) != 0) {
            return JIT_ENOMEM;
        }
        d->delayed = data;
        memmove(d->delayed + at + 1, d->delayed + at, (d->delayed_count - at) * sizeof *d->delayed);
        d->delayed_count++;
    }
    d->delayed[at] = (struct tried){.key = receipt->request_key, .tick = tick, .request = request};
    return JIT_OK;
}

/* Those of a record that are tried again in the next tick, or later. */
static enum jit_err note_tried(struct details *d, uint64_t tick,
                               const struct kern_record_view *view)
{
    d->tried_count = 0;
    d->tried_tick = tick;
    for (uint64_t i = 0; i < view->request_count; i++) {
        struct rmg_receipt receipt;
        void *data = d->tried;
        if (kern_record_receipt(view, i, &receipt) != JIT_OK) {
            return JIT_ECORRUPT;
        }
        enum jit_err err = note_delayed(d, tick, (uint32_t)i, &receipt);
        if (err != JIT_OK) {
            return err;
        }
        if (receipt.result != RMG_RETRIED) {
            continue;
        }
        if (jit_heap_grow(jit_heap_libc(), &data, &d->tried_capacity, d->tried_count + 1,
                          sizeof *d->tried) != 0) {
            return JIT_ENOMEM;
        }
        d->tried = data;
        d->tried[d->tried_count++] =
            (struct tried){.key = receipt.request_key, .request = (uint32_t)i};
    }
    return JIT_OK;
}

static void read_kernel(struct cause *cause, const struct kern_record_view *view)
{
    cause->known = true;
    cause->ended = view->event_count > 0;
    cause->asked = view->ask_count > 0;
}

static enum jit_err read_cause(const struct details *d, uint32_t at,
                               const struct kern_record_view *view)
{
    struct causes *c = d->causes;
    struct cause *cause = &c->causes[at];
    struct jit_cursor cur = jit_cursor_of(view->requests, view->requests_size);
    struct rmg_asked request;
    struct rmg_receipt receipt;
    bool made = (view->flags & (KERN_RECORD_GENESIS | KERN_RECORD_EDIT)) != 0;
    if (cause->kind == CAUSE_KERNEL && !made) {
        read_kernel(cause, view);
        return JIT_OK;
    }
    cause->known = made || cause->request < view->request_count;
    if (made) {
        cause->kind = (view->flags & KERN_RECORD_EDIT) != 0 ? CAUSE_EDIT : CAUSE_START;
        return JIT_OK;
    }
    if (cause->request >= view->request_count) {
        return JIT_ENOENT;
    }
    for (uint32_t i = 0; i <= cause->request; i++) {
        if (rmg_asked_next(&cur, &request) != JIT_OK) {
            return JIT_ECORRUPT;
        }
    }
    if (kern_record_receipt(view, cause->request, &receipt) != JIT_OK) {
        return JIT_ECORRUPT;
    }
    cause->key = receipt.request_key;
    cause->result = receipt.result;
    cause->process = request.process;
    cause->rule = request.rule_id;
    cause->instance = request.instance;
    cause->cap_slot = request.cap_slot;
    cause->id_count = request.id_count < CAUSE_IDS_MAX ? request.id_count : CAUSE_IDS_MAX;
    memcpy(cause->ids, request.ids, cause->id_count * sizeof *cause->ids);
    uint64_t tick = cause->tick;
    if (receipt.blocker != RMG_NO_BLOCKER && receipt.result != RMG_INVARIANT) {
        link_request(c, at, tick, receipt.blocker, LINK_LOST);
    }
    for (size_t i = 0; d->tried_tick + 1 == tick && i < d->tried_count; i++) {
        if (jit_id_equal(&d->tried[i].key, &receipt.request_key)) {
            link_request(c, at, tick - 1, d->tried[i].request, LINK_AGAIN);
            break;
        }
    }
    bool found = false;
    size_t place = delayed_place(d, &receipt.request_key, &found);
    if (found) {
        link_request(c, at, d->delayed[place].tick, d->delayed[place].request, LINK_DELAYED);
    }
    /* What did not apply has left no in-slots of its own. */
    return receipt.result == RMG_APPLIED ? add_reads(c, at, view) : c->err;
}

static enum jit_err visit_details(void *user, const struct log_record *record)
{
    struct details *d = user;
    struct causes *c = d->causes;
    struct kern_record_view view;
    enum jit_err err = JIT_OK;
    bool decoded = false;
    if (record->tick > d->last) {
        return JIT_ENOENT;
    }
    for (size_t i = 0; err == JIT_OK && i < c->count; i++) {
        if (c->causes[i].known || c->causes[i].tick != record->tick) {
            continue;
        }
        if (!decoded &&
            kern_record_decode(record->payload, record->payload_size, &view) != JIT_OK) {
            return JIT_ECORRUPT;
        }
        decoded = true;
        err = read_cause(d, (uint32_t)i, &view);
        err = err == JIT_ENOENT ? JIT_OK : err;
    }
    if (err == JIT_OK && !decoded &&
        kern_record_decode(record->payload, record->payload_size, &view) != JIT_OK) {
        return JIT_ECORRUPT;
    }
    return err == JIT_OK ? note_tried(d, record->tick, &view) : err;
}

static int read_details(struct causes *c)
{
    struct details d = {.causes = c};
    struct log_report report;
    for (size_t i = 0; i < c->count; i++) {
        if (!c->causes[i].known) {
            d.left++;
            d.last = c->causes[i].tick > d.last ? c->causes[i].tick : d.last;
        }
    }
    int code = d.left > 0 ? history_each(c->cli, c->data, visit_details, &d, &report) : CLI_OK;
    free(d.tried);
    free(d.delayed);
    return code;
}

/* ---- all of it ---- */

int causes_walk(struct causes *causes, uint64_t depth)
{
    struct ckpt_manifest start;
    bool founded = false;
    int code = history_start(causes->cli, causes->data, &start, &founded);
    causes->start = founded ? start.tick : 0;
    for (uint64_t step = 0; code == CLI_OK && causes->err == JIT_OK && step < depth; step++) {
        size_t links = causes->link_count;
        code = find_writers(causes);
        if (code == CLI_OK) {
            settle(causes);
            code = read_details(causes);
        }
        if (links == causes->link_count && step > 0) {
            break; /* nothing new was read */
        }
    }
    if (code == CLI_OK && causes->err != JIT_OK) {
        cli_what(causes->cli, "the causes cannot be found");
        cli_why(causes->cli, "%s", jit_err_text(causes->err));
        code = (int)cli_exit_of(causes->err);
    }
    return code;
}

void causes_release(struct causes *causes)
{
    for (size_t i = 0; i < causes->link_count; i++) {
        free(causes->links[i].name);
    }
    jit_heap_libc()->free(jit_heap_libc(), causes->links);
    jit_heap_libc()->free(jit_heap_libc(), causes->causes);
    causes->links = NULL;
    causes->causes = NULL;
    causes->link_count = 0;
    causes->count = 0;
}

/* ---- by key ---- */

struct keys {
    const char *digits;
    uint64_t tick;
    uint32_t request;
    bool found;
};

static enum jit_err visit_keys(void *user, const struct log_record *record)
{
    struct keys *k = user;
    struct kern_record_view view;
    if (kern_record_decode(record->payload, record->payload_size, &view) != JIT_OK) {
        return JIT_ECORRUPT;
    }
    for (uint64_t i = 0; i < view.request_count; i++) {
        struct rmg_receipt receipt;
        char hex[JIT_ID_HEX];
        if (kern_record_receipt(&view, i, &receipt) != JIT_OK) {
            return JIT_ECORRUPT;
        }
        jit_id_to_hex(&receipt.request_key, hex);
        if (strncmp(hex, k->digits, strlen(k->digits)) == 0) {
            k->tick = record->tick;
            k->request = (uint32_t)i;
            k->found = true;
        }
    }
    return JIT_OK;
}

int causes_find_key(struct cli *cli, const char *data, const char *digits, uint64_t *tick,
                    uint32_t *request, bool *found)
{
    struct keys keys = {.digits = digits};
    struct log_report report;
    int code = history_each(cli, data, visit_keys, &keys, &report);
    *tick = keys.tick;
    *request = keys.request;
    *found = keys.found;
    return code;
}
