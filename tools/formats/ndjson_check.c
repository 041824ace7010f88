/* NDJSON: do all lines together make a valid state? */
#include "tools/formats/ndjson_priv.h"

#include <jansson.h>
#include <stdlib.h>

#include "tools/formats/export_priv.h"
#include "tools/formats/import_priv.h"

static enum jit_err keep_promises(struct ndjson_reader *r)
{
    for (size_t i = 0; i < r->promise_count; i++) {
        const struct ndjson_promise *p = &r->promises[i];
        struct jit_id key;
        ndjson_key_of(KEY_EDGE, &p->instance, &p->id, NULL, 0, &key);
        if (p->edge ? import_seen_get(&r->seen, &key) == 0
                    : !rmg_collect_has_node(r->collect, &p->instance, &p->id)) {
            r->line = p->line;
            return ndjson_fail(r, JIT_EINVALID, 1, p->what, " of its instance");
        }
    }
    return JIT_OK;
}

static int compare_declared(const void *a, const void *b)
{
    return jit_id_compare(&((const struct ndjson_declared *)a)->id,
                          &((const struct ndjson_declared *)b)->id);
}

static const struct ndjson_declared *find_declared(const struct ndjson_reader *r,
                                                   const struct jit_id *id)
{
    struct ndjson_declared key = {.id = *id};
    return r->instance_count == 0 ? NULL
                                  : bsearch(&key, r->instances, r->instance_count,
                                            sizeof *r->instances, compare_declared);
}

static enum jit_err check_instance(struct ndjson_reader *r, const struct ndjson_declared *one)
{
    unsigned depth = 0;
    r->line = one->line;
    if (!rmg_collect_has_node(r->collect, &one->id, &one->root_node)) {
        return ndjson_fail(r, JIT_EINVALID, 1, "\"root\" is no node of the instance", "");
    }
    for (const struct ndjson_declared *up = one; up->parent.present; depth++) {
        up = find_declared(r, &up->parent.instance);
        if (up == NULL) {
            return ndjson_fail(r, JIT_EINVALID, 1, "no line declares the parent's instance", "");
        }
        if (depth >= JIT_DEPTH_MAX) {
            return ndjson_fail(r, JIT_EINVALID, 1, "nested in a circle or deeper than 64", "");
        }
    }
    return JIT_OK;
}

static enum jit_err check_portals(struct ndjson_reader *r)
{
    for (size_t i = 0; i < r->portal_count; i++) {
        const struct ndjson_portal *portal = &r->portals[i];
        const struct ndjson_declared *one = find_declared(r, &portal->target);
        struct jit_id key;
        r->line = portal->line;
        if (one == NULL) {
            return ndjson_fail(r, JIT_EINVALID, 1, "\"descend\" is no instance", "");
        }
        ndjson_key_of((uint8_t)one->parent.plane, &one->parent.instance, &one->parent.owner,
                      one->parent.name, one->parent.name_size, &key);
        if (!one->parent.present || !jit_id_equal(&key, &portal->slot)) {
            return ndjson_fail(r, JIT_EINVALID, 1, "the parent of this instance is another slot",
                               "");
        }
    }
    return JIT_OK;
}

static int compare_portals(const void *a, const void *b)
{
    return jit_id_compare(&((const struct ndjson_portal *)a)->target,
                          &((const struct ndjson_portal *)b)->target);
}

enum jit_err ndjson_check_state(struct ndjson_reader *r)
{
    const struct ndjson_declared *top = NULL;
    enum jit_err err = keep_promises(r);
    if (err == JIT_OK && r->instance_count > 0) {
        qsort(r->instances, r->instance_count, sizeof *r->instances, compare_declared);
    }
    for (size_t i = 0; err == JIT_OK && i < r->instance_count; i++) {
        const struct ndjson_declared *one = &r->instances[i];
        err = check_instance(r, one);
        if (err == JIT_OK && !one->parent.present && top != NULL) {
            r->line = top->line > one->line ? top->line : one->line;
            err = ndjson_fail(r, JIT_EINVALID, 1, "a second instance without parent", "");
        }
        top = one->parent.present ? top : one;
    }
    if (err == JIT_OK && top == NULL) {
        r->line = r->last > 0 ? r->last : 1;
        err = ndjson_fail(r, JIT_EINVALID, 1, "no instance without parent", "");
    }
    err = err == JIT_OK ? check_portals(r) : err;
    if (err == JIT_OK && r->portal_count > 0) {
        qsort(r->portals, r->portal_count, sizeof *r->portals, compare_portals);
    }
    for (size_t i = 0; err == JIT_OK && i < r->instance_count; i++) {
        const struct ndjson_declared *one = &r->instances[i];
        struct ndjson_portal key = {.target = one->id};
        if (one->parent.present &&
            (r->portal_count == 0 ||
             bsearch(&key, r->portals, r->portal_count, sizeof key, compare_portals) == NULL)) {
            r->line = one->line;
            err = ndjson_fail(r, JIT_EINVALID, 1, "no portal leads to this instance", "");
        }
    }
    return err;
}
