#include "kernel/core/invariants.h"

#include <stdio.h>

#include "base/check.h"
#include "base/hash.h"
#include "kernel/core/root.h"
#include "kernel/core/root_priv.h"
#include "rmg/rules/invariant.h"

enum jit_err kern_root_invariant(struct rmg_collect *collect, const char *name, const char *text,
                                 size_t text_size, const uint8_t *program, size_t program_size)
{
    struct jit_id id;
    struct jit_id type;
    jit_hash_named("invariant:", name, strlen(name), &id);
    kern_type_id(KERN_INVARIANT_TYPE, &type);
    enum jit_err err = kern_root_type(collect, KERN_INVARIANT_TYPE);
    return err == JIT_OK
               ? kern_root_program(collect, &id, &type, text, text_size, program, program_size)
               : err;
}

/* Is the instance /world, or does it lie there? */
static enum jit_err is_watched(const struct rmg_store *store, const struct rmg_version *version,
                               struct rmg_instance at, bool *watched)
{
    struct jit_id world;
    struct jit_id root_node;
    enum jit_err err = JIT_OK;
    kern_place_id("/world", &world, &root_node);
    *watched = jit_id_equal(&at.id, &world);
    for (uint32_t depth = 0;
         err == JIT_OK && !*watched && at.parent.present && depth <= JIT_DEPTH_MAX; depth++) {
        const struct jit_id parent = at.parent.instance;
        err = rmg_store_instance(store, version, &parent, &at);
        *watched = err == JIT_OK && jit_id_equal(&at.id, &world);
    }
    return err == JIT_ENOENT ? JIT_ECORRUPT : err;
}

static enum jit_err hold_in(struct jit_heap *heap, const struct rmg_store *store,
                            const struct rmg_instance *instance, const struct kern_config *config,
                            char *text, size_t text_size)
{
    struct rmg_graph graph;
    enum jit_err err = JIT_OK;
    bool holds = true;
    rmg_store_graph(store, instance, &graph);
    for (uint32_t i = 0; err == JIT_OK && i < config->invariant_count; i++) {
        err = rmg_invariant_holds(heap, config->invariants[i], &graph, &holds);
        if (err == JIT_OK && !holds) {
            snprintf(text, text_size, "the invariant `%s` does not hold in what it begins with",
                     config->invariants[i]->name);
            return JIT_EINVALID;
        }
    }
    return err;
}

enum jit_err kern_invariants_hold(struct jit_heap *heap, const struct rmg_store *store,
                                  const struct rmg_version *version, char *text, size_t text_size)
{
    struct kern_config *config = NULL;
    const char *where = NULL;
    struct rmg_instance instance;
    const struct jit_id *after = NULL;
    enum jit_err err = kern_config_read(heap, store, version, &config, &where);
    if (err != JIT_OK) {
        snprintf(text, text_size, "%s", where != NULL ? where : jit_err_text(err));
        return err;
    }
    while (config->invariant_count > 0 && err == JIT_OK &&
           (err = rmg_store_next(store, version, after, &instance)) == JIT_OK) {
        bool watched = false;
        after = &instance.id;
        err = is_watched(store, version, instance, &watched);
        if (err == JIT_OK && watched) {
            err = hold_in(heap, store, &instance, config, text, text_size);
        }
    }
    kern_config_free(heap, config);
    if (err != JIT_OK && err != JIT_ENOENT && err != JIT_EINVALID) {
        snprintf(text, text_size, "%s", jit_err_text(err));
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}
