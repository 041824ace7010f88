#include "tools/client/history/causes.h"

#include <stdlib.h>
#include <string.h>

#include "tools/client/history/causes_priv.h"

/* ---- what has been found ---- */

uint32_t causes_add(struct causes *c, enum cause_kind kind, uint64_t tick, uint32_t request)
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

struct because *causes_link(struct causes *c, uint32_t from, const struct rmg_slot *slot,
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
    (void)causes_link(causes, CAUSE_NONE, slot, until);
}

void causes_ask_request(struct causes *causes, uint64_t tick, uint32_t request)
{
    struct because *link = causes_link(causes, CAUSE_NONE, NULL, tick);
    if (link != NULL) {
        link->lost = true;
        link->looked = true;
        link->to = causes_add(causes, CAUSE_REQUEST, tick, request);
    }
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
        code = causes_find_writers(causes);
        if (code == CLI_OK) {
            causes_settle(causes);
            code = causes_read_requests(causes);
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
