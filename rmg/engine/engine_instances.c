#include "base/check.h"
#include "base/le.h"
#include "rmg/change/collapse.h"
#include "rmg/engine/engine_priv.h"

#define RECENT 64u /* ids seen lately: most ticks name a handful of instances */

struct collector {
    struct rmg_engine *engine;
    const struct jit_id *recent[RECENT];
    size_t count;
};

static enum jit_err collect_one(struct collector *collector, const struct jit_id *id)
{
    struct rmg_engine *engine = collector->engine;
    const struct jit_id **recent = &collector->recent[id->bytes[0] % RECENT];
    if (*recent != NULL && jit_id_equal(*recent, id)) {
        return JIT_OK;
    }
    enum jit_err err =
        ENG_ROOM(engine, engine->instances, engine->instance_capacity, collector->count + 1);
    if (err == JIT_OK) {
        engine->instances[collector->count++].id = *id;
        *recent = id;
    }
    return err;
}

/* One that a match says its portal leads to: a worker may say anything, so nothing is kept of those
 * that are not there. */
static enum jit_err collect_inside(struct collector *collector, const struct jit_id *id)
{
    const struct jit_id *recent = collector->recent[id->bytes[0] % RECENT];
    struct rmg_instance found;
    if (recent != NULL && jit_id_equal(recent, id)) {
        return JIT_OK;
    }
    enum jit_err err =
        rmg_store_instance(collector->engine->store, &collector->engine->input->base, id, &found);
    return err == JIT_OK ? collect_one(collector, id) : err == JIT_ENOENT ? JIT_OK : err;
}

/* The instance of a request, and those behind its portals. */
static enum jit_err collect_request(struct collector *collector, const struct rmg_request *request)
{
    const struct rmg_rule *rule = request->rule;
    enum jit_err err = collect_one(collector, &request->instance);
    for (uint32_t i = 0; rule != NULL && request->id_count == rmg_rule_id_count(rule) &&
                         i < rule->portal_count && err == JIT_OK;
         i++) {
        err = collect_inside(collector, &request->ids[rule->element_count + i]);
    }
    return err;
}

static int compare_ids(const void *user, uint32_t a, uint32_t b)
{
    const struct eng_instance *instances = user;
    return jit_id_compare(&instances[a].id, &instances[b].id);
}

/* Ascending and each once. The ids go through the arena: an instance is larger than its id. */
static enum jit_err sort_unique(struct rmg_engine *engine, size_t count)
{
    enum jit_err err = eng_sort_room(engine, &engine->order, count);
    struct jit_id *ids = rmg_scratch_alloc(&engine->arena, count * sizeof *ids);
    if (err != JIT_OK || ids == NULL) {
        return JIT_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        engine->order.items[i].key = jit_be64(engine->instances[i].id.bytes);
        engine->order.items[i].index = (uint32_t)i;
    }
    eng_sort(&engine->order, count, compare_ids, engine->instances);
    for (size_t i = 0; i < count; i++) {
        ids[i] = engine->instances[engine->order.items[i].index].id;
    }
    engine->instance_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || !jit_id_equal(&ids[i - 1], &ids[i])) {
            engine->instances[engine->instance_count++].id = ids[i];
        }
    }
    return JIT_OK;
}

bool eng_instance_known(const struct rmg_engine *engine, const struct jit_id *id)
{
    uint32_t low = 0;
    uint32_t high = engine->instance_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = jit_id_compare(&engine->instances[middle].id, id);
        if (order == 0) {
            return true;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return false;
}

/* Whatever instance is named, those it lies in: a level a round, so at most 64. */
static enum jit_err collect_parents(struct rmg_engine *engine)
{
    struct rmg_instance found;
    size_t count = 0;
    enum jit_err err = JIT_OK;
    while (err == JIT_OK && count != engine->instance_count) {
        count = engine->instance_count;
        for (uint32_t i = 0; err == JIT_OK && i < engine->instance_count; i++) {
            err = rmg_store_instance(engine->store, &engine->input->base, &engine->instances[i].id,
                                     &found);
            if (err == JIT_OK && found.parent.present &&
                !eng_instance_known(engine, &found.parent.instance)) {
                err = ENG_ROOM(engine, engine->instances, engine->instance_capacity, count + 1);
                if (err == JIT_OK) {
                    engine->instances[count++].id = found.parent.instance;
                }
            }
            err = err == JIT_ENOENT ? JIT_OK : err;
        }
        if (err == JIT_OK && count > engine->instance_count) {
            err = sort_unique(engine, count);
            count = 0; /* there are new ones */
        }
    }
    return err;
}

static enum jit_err look_up_portal(struct rmg_engine *engine, struct eng_instance *instance,
                                   const struct rmg_parent *parent)
{
    const char *name = "";
    if (parent->name_size > 0) {
        name = rmg_scratch_copy(&engine->arena, parent->name, parent->name_size);
        if (name == NULL) {
            return JIT_ENOMEM;
        }
    }
    instance->hangs = true;
    instance->parent = eng_instance_find(engine, &parent->instance);
    instance->portal =
        (struct eng_use){.id = parent->owner,
                         .rest = name,
                         .instance = instance->parent,
                         .kind = parent->plane == RMG_PLANE_ALPHA ? RMG_SLOT_ALPHA : RMG_SLOT_BETA,
                         .access = RMG_ACCESS_READ,
                         .name_size = (uint8_t)parent->name_size,
                         .read = true};
    instance->portal.hash = eng_use_hash(engine, &instance->portal);
    return JIT_OK;
}

static enum jit_err look_up(struct rmg_engine *engine, struct eng_instance *instance)
{
    struct rmg_instance found;
    struct jit_id id = instance->id;
    *instance = (struct eng_instance){.id = id};
    enum jit_err err =
        rmg_store_instance(engine->store, &engine->input->base, &instance->id, &found);
    if (err == JIT_OK) {
        instance->exists = true;
        instance->root_node = found.root_node;
        rmg_store_graph(engine->store, &found, &instance->graph);
        instance->graph.slots = NULL;
    }
    if (err == JIT_OK && found.parent.present) {
        err = look_up_portal(engine, instance, &found.parent);
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

enum jit_err eng_instances_collect(struct rmg_engine *engine)
{
    const struct rmg_tick_input *input = engine->input;
    struct collector collector = {.engine = engine};
    enum jit_err err = JIT_OK;

    for (uint32_t i = 0; i < input->request_count && err == JIT_OK; i++) {
        const struct rmg_collapse *collapse = input->requests[i].collapse;
        if (input->requests[i].result != RMG_APPLIED) {
            continue;
        }
        if (collapse == NULL) {
            err = collect_request(&collector, &input->requests[i]);
        }
        for (uint32_t k = 0; collapse != NULL && k < collapse->place_count && err == JIT_OK; k++) {
            err = collect_one(&collector, &collapse->places[k].instance);
        }
    }
    for (uint32_t i = 0; i < input->event_count && err == JIT_OK; i++) {
        err = collect_one(&collector, &input->events[i].instance);
    }
    for (uint32_t i = 0; i < input->charged_in_count && err == JIT_OK; i++) {
        err = collect_one(&collector, &input->charged_in[i]);
    }
    if (err == JIT_OK && input->waiting != NULL) {
        err = collect_one(&collector, &input->waiting->instance);
    }
    engine->instance_count = (uint32_t)collector.count;
    if (err == JIT_OK && collector.count > 1) {
        err = sort_unique(engine, collector.count);
    }
    if (err == JIT_OK) {
        err = collect_parents(engine);
    }
    engine->instance_bits = 0;
    while (engine->instance_count > (uint64_t)1 << engine->instance_bits) {
        engine->instance_bits++;
    }
    for (uint32_t i = 0; i < engine->instance_count && err == JIT_OK; i++) {
        err = look_up(engine, &engine->instances[i]);
    }
    return err;
}

enum jit_err eng_instance_enter(void *user, const struct jit_id *instance, struct rmg_graph *graph,
                                struct jit_id *root_node)
{
    const struct rmg_engine *engine = user;
    if (!eng_instance_known(engine, instance)) {
        return JIT_ENOENT; /* no match names it */
    }
    const struct eng_instance *at = &engine->instances[eng_instance_find(engine, instance)];
    if (!at->exists) {
        return JIT_ENOENT;
    }
    *graph = at->graph;
    *root_node = at->root_node;
    return JIT_OK;
}

uint32_t eng_instance_find(const struct rmg_engine *engine, const struct jit_id *id)
{
    uint32_t low = 0;
    uint32_t high = engine->instance_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (jit_id_compare(&engine->instances[middle].id, id) <= 0) {
            low = middle;
        } else {
            high = middle;
        }
    }
    assert(low < engine->instance_count);
    assert(jit_id_equal(&engine->instances[low].id, id));
    return low;
}
