#include <stdlib.h>

#include "base/check.h"
#include "kernel/core/root.h"

/* From the capabilities of a configuration to the tree they make: parents first. */

struct pointed {
    const struct kern_root_capability *cap;
    uint32_t holder;
    uint32_t at; /* its place, process by process */
    uint32_t node;
};

static int compare_pointed(const void *a, const void *b)
{
    return jit_id_compare(&((const struct pointed *)a)->cap->id,
                          &((const struct pointed *)b)->cap->id);
}

static struct pointed *find(struct pointed *all, size_t count, const struct jit_id *id)
{
    const struct kern_root_capability key = {.id = *id};
    const struct pointed wanted = {.cap = &key};
    return bsearch(&wanted, all, count, sizeof *all, compare_pointed);
}

size_t kern_config_cap_count(const struct kern_config *config)
{
    size_t count = 0;
    for (uint32_t i = 0; i < config->process_count; i++) {
        count += config->processes[i].capability_count;
    }
    return count;
}

static enum jit_err put_one(struct sys_caps *caps, struct pointed *item, uint32_t parent)
{
    const struct kern_root_capability *c = item->cap;
    const struct sys_cap_node node = {.cap = {.generation = c->generation,
                                              .rights = c->rights,
                                              .object = c->object,
                                              .instance = c->instance,
                                              .rule_id = c->rule_id,
                                              .params_digest = c->params_digest,
                                              .limit_group = c->limit_group,
                                              .badge = c->badge,
                                              .attenuators = c->attenuators},
                                      .id = c->id,
                                      .holder = item->holder,
                                      .slot = c->slot,
                                      .parent = parent,
                                      .born = c->born,
                                      .epoch = c->epoch,
                                      .operations_left = c->operations_left,
                                      .bytes_left = c->bytes_left};
    return sys_caps_put(caps, &node, &item->node);
}

/* One and what it was derived from, the farthest first; a circle is longer than a tree is deep. */
static enum jit_err put_chain(struct sys_caps *caps, struct pointed *all, size_t count,
                              struct pointed *item)
{
    struct pointed *chain[JIT_CAP_DEPTH_MAX + 1];
    uint32_t length = 0;
    uint32_t parent = SYS_CAP_NONE;
    while (item != NULL && item->node == SYS_CAP_NONE) {
        if (length == JIT_CAP_DEPTH_MAX + 1) {
            return JIT_EINVALID;
        }
        chain[length++] = item;
        if (jit_id_is_zero(&item->cap->parent)) {
            break;
        }
        item = find(all, count, &item->cap->parent);
        if (item == NULL) {
            return JIT_EINVALID;
        }
        parent = item->node;
    }
    enum jit_err err = JIT_OK;
    for (; err == JIT_OK && length > 0; length--) {
        bool first = jit_id_is_zero(&chain[length - 1]->cap->parent);
        err = put_one(caps, chain[length - 1], first ? SYS_CAP_NONE : parent);
        parent = chain[length - 1]->node;
    }
    return err;
}

enum jit_err kern_config_caps(struct jit_heap *heap, const struct kern_config *config,
                              uint64_t tick, struct sys_caps **out, uint32_t *nodes,
                              const char **where)
{
    struct sys_caps *caps = NULL;
    size_t count = kern_config_cap_count(config);
    *out = NULL;
    struct pointed *all = jit_heap_zalloc(heap, count + 1, sizeof *all);
    enum jit_err err = all == NULL ? JIT_ENOMEM : sys_caps_new(heap, config->process_count, &caps);
    size_t n = 0;
    for (uint32_t p = 0; err == JIT_OK && p < config->process_count; p++) {
        sys_caps_set_generation(caps, p, config->processes[p].generation);
        for (uint32_t i = 0; i < config->processes[p].capability_count; i++, n++) {
            all[n] = (struct pointed){.cap = &config->processes[p].capabilities[i],
                                      .holder = p,
                                      .at = (uint32_t)n,
                                      .node = SYS_CAP_NONE};
        }
    }
    if (err == JIT_OK && count > 0) {
        qsort(all, count, sizeof *all, compare_pointed);
    }
    for (size_t i = 0; err == JIT_OK && i < count; i++) {
        err = put_chain(caps, all, count, &all[i]);
    }
    for (size_t i = 0; err == JIT_OK && nodes != NULL && i < count; i++) {
        nodes[all[i].at] = all[i].node;
    }
    if (err != JIT_OK && err != JIT_ENOMEM) {
        *where = "the capabilities in /sec do not make a tree";
        err = JIT_EINVALID;
    }
    heap->free(heap, all);
    if (err != JIT_OK) {
        sys_caps_free(caps);
        return err;
    }
    sys_caps_begin_tick(caps, tick);
    *out = caps;
    return JIT_OK;
}
