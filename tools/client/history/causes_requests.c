/* What the requests were that are found to be causes, and what they read, lost to or were before.
 */
#include <stdlib.h>
#include <string.h>

#include "tools/client/history/causes_priv.h"

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
                (void)causes_link(c, from, &slot, tick - 1);
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
    struct because *link = causes_link(c, from, NULL, tick);
    if (link != NULL) {
        link->lost = true;
        link->again = kind == LINK_AGAIN;
        link->delayed = kind == LINK_DELAYED;
        link->looked = true;
        /* The vector of links may move, and so may that of causes. */
        size_t place = c->link_count - 1;
        uint32_t to = causes_add(c, CAUSE_REQUEST, tick, request);
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

int causes_read_requests(struct causes *c)
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
