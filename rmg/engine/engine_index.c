/* Nodes by values, for what the rules of a tick ask: made when a request first asks, then brought
 * from version to version. */
#include "base/check.h"
#include "rmg/engine/engine_priv.h"
#include "rmg/rules/probe.h"

static enum jit_err instance_at(const struct rmg_engine *engine, const struct rmg_version *version,
                                const struct jit_id *id, struct rmg_instance *found,
                                struct rmg_graph *graph)
{
    enum jit_err err = rmg_store_instance(engine->store, version, id, found);
    if (err == JIT_OK) {
        rmg_store_graph(engine->store, found, graph);
        graph->slots = NULL;
    }
    return err;
}

static bool is_at(const struct eng_index *index, const struct rmg_instance *instance)
{
    return jit_id_equal(&index->skeleton, &instance->skeleton) &&
           jit_id_equal(&index->attachments, &instance->attachments);
}

static void set_at(struct eng_index *index, const struct rmg_instance *instance)
{
    index->skeleton = instance->skeleton;
    index->attachments = instance->attachments;
}

/* The index of an instance, of the base of this tick. */
static enum jit_err index_of(struct rmg_engine *engine, struct eng_instance *instance,
                             struct rmg_index **out)
{
    struct rmg_instance found;
    struct rmg_graph graph;
    struct eng_index *index = NULL;
    for (uint32_t i = 0; i < engine->index_count && index == NULL; i++) {
        index =
            jit_id_equal(&engine->indexes[i].instance, &instance->id) ? &engine->indexes[i] : NULL;
    }
    enum jit_err err = instance_at(engine, &engine->input->base, &instance->id, &found, &graph);
    if (err == JIT_OK && index == NULL) {
        err = ENG_ROOM(engine, engine->indexes, engine->index_capacity, engine->index_count + 1u);
        if (err == JIT_OK) {
            index = &engine->indexes[engine->index_count];
            *index = (struct eng_index){.instance = instance->id};
            err = rmg_index_new(engine->heap, &index->index);
        }
        engine->index_count += err == JIT_OK;
    }
    if (err != JIT_OK) {
        return err;
    }
    if (!is_at(index, &found)) {
        rmg_index_clear(index->index); /* another version: another history, or a failed follow */
        set_at(index, &found);
    }
    *out = index->index;
    return JIT_OK;
}

static enum jit_err need(struct rmg_engine *engine, struct eng_instance *instance,
                         const struct rmg_rule *rule)
{
    enum jit_err err = JIT_OK;
    assert(rule != NULL); /* a collapse, which has none, asks for no index */
    for (uint32_t i = 0; i < rule->negative_count + rule->aggregate_count && err == JIT_OK; i++) {
        const struct rmg_rule_near *near = rmg_rule_near_at(rule, i);
        struct rmg_index *index = NULL;
        struct rmg_index_field fields[RMG_INDEX_FIELDS_MAX];
        struct rmg_index_key key;
        if (!near->alone || near->value_count == 0) {
            continue;
        }
        err = index_of(engine, instance, &index);
        if (err == JIT_OK) {
            rmg_near_key(rule, near, fields, &key);
            err = rmg_index_need(index, &instance->graph, &key);
        }
        instance->graph.index = index;
    }
    return err;
}

enum jit_err eng_indexes(struct rmg_engine *engine)
{
    const struct rmg_tick_input *input = engine->input;
    const struct rmg_rule *rule = NULL;
    uint32_t instance = UINT32_MAX;
    bool watched = false;
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; i < input->request_count && input->sought.count > 0 && err == JIT_OK;
         i++) {
        const struct rmg_request *request = &input->requests[i];
        uint32_t at = engine->reqs[i].instance;
        struct eng_instance *where = &engine->instances[at];
        if (request->result != RMG_APPLIED || request->collapse != NULL || !where->exists ||
            (request->rule == rule && at == instance && request->watched == watched)) {
            continue;
        }
        rule = request->rule;
        instance = at;
        watched = request->watched;
        err = need(engine, where, rule);
        for (uint32_t k = 0; k < input->invariant_count && watched && err == JIT_OK; k++) {
            err = need(engine, where, input->invariants[k]);
        }
    }
    return err;
}

/* The tick is made: what cannot follow is made anew when it is needed again. */
void eng_indexes_follow(struct rmg_engine *engine, const struct rmg_version *version)
{
    for (uint32_t i = 0; i < engine->index_count; i++) {
        struct eng_index *index = &engine->indexes[i];
        struct rmg_instance found[2];
        struct rmg_graph graphs[2];
        bool there =
            instance_at(engine, &engine->input->base, &index->instance, &found[0], &graphs[0]) ==
                JIT_OK &&
            instance_at(engine, version, &index->instance, &found[1], &graphs[1]) == JIT_OK;
        if (!there || !is_at(index, &found[0]) ||
            (!is_at(index, &found[1]) &&
             rmg_index_follow(index->index, &graphs[0], &graphs[1]) != JIT_OK)) {
            rmg_index_free(index->index);
            *index = engine->indexes[--engine->index_count];
            i--;
            continue;
        }
        set_at(index, &found[1]);
    }
}

void eng_indexes_release(struct rmg_engine *engine)
{
    for (uint32_t i = 0; i < engine->index_count; i++) {
        rmg_index_free(engine->indexes[i].index);
    }
    engine->heap->free(engine->heap, engine->indexes);
}
