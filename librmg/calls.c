/* What one does with an open space. */
#include <string.h>

#include "librmg/rmg.h"

enum jit_err rmg_named_id(const char *kind, const char *label, struct jit_id *out)
{
    static const char *const prefixes[] = {"node:", "edge:", "type:", "warp:"};
    size_t size = strlen(label);
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        if (strlen(kind) == 4 && memcmp(prefixes[i], kind, 4) == 0) {
            if (size == 0 || size > JIT_LABEL_BYTES_MAX) {
                return JIT_ELIMIT;
            }
            jit_hash_named(prefixes[i], label, size, out);
            return JIT_OK;
        }
    }
    return JIT_EINVALID;
}

struct rmg_state rmg_space_state(const struct rmg_space *space)
{
    return (struct rmg_state){.store = space->store, .version = space->version};
}

enum jit_err rmg_tx_begin_top(struct rmg_space *space, struct jit_id *top, struct rmg_tx **out)
{
    struct jit_id root;
    struct jit_id type;
    jit_hash_named("warp:", "/", 1, top);
    jit_hash_named("node:", "/", 1, &root);
    jit_hash_named("type:", "instance", 8, &type);
    enum jit_err err = rmg_tx_begin(space->store, &space->version, out);
    if (err != JIT_OK) {
        return err;
    }
    err = rmg_tx_upsert_instance(*out, top, &root, &(struct rmg_parent){.present = false});
    if (err == JIT_OK) {
        err = rmg_tx_upsert_node(*out, top, &root, &type);
    }
    if (err != JIT_OK) {
        rmg_tx_abort(*out);
        *out = NULL;
    }
    return err;
}

enum jit_err rmg_space_graph(const struct rmg_space *space, const struct jit_id *id,
                             struct rmg_graph *out)
{
    struct rmg_instance in;
    enum jit_err err = id == NULL ? rmg_store_top(space->store, &space->version, &in)
                                  : rmg_store_instance(space->store, &space->version, id, &in);
    if (err == JIT_OK) {
        rmg_store_graph(space->store, &in, out);
    }
    return err;
}

enum jit_err rmg_node(const struct rmg_graph *graph, const struct jit_id *id, struct rmg_node *out)
{
    enum jit_err err = rmg_node_type(graph, id, &out->type);
    if (err == JIT_OK) {
        err = rmg_degree(graph, id, RMG_DIR_OUT, NULL, &out->out_degree);
    }
    if (err == JIT_OK) {
        err = rmg_degree(graph, id, RMG_DIR_IN, NULL, &out->in_degree);
    }
    return err;
}

void rmg_edges_from(const struct rmg_graph *graph, const struct jit_id *node,
                    const struct jit_id *type, struct rmg_iter *out)
{
    rmg_iter_edges_of(graph, node, RMG_DIR_OUT, type, out);
}

enum jit_err rmg_payload(const struct rmg_graph *graph, const struct jit_id *node, const char *name,
                         struct rmg_value *out)
{
    size_t size = strlen(name);
    return size > JIT_NAME_BYTES_MAX
               ? JIT_ENOENT
               : rmg_attachment_get(graph, RMG_PLANE_ALPHA, node, name, (uint32_t)size, out);
}
