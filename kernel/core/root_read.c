#include "kernel/core/root_read_priv.h"

#include "base/check.h"

enum jit_err kern_reader_wrong(struct kern_reader *r, const char *what)
{
    r->where = what;
    return JIT_EINVALID;
}

static enum jit_err open_place(struct kern_reader *r, const char *path, struct rmg_graph *graph)
{
    struct jit_id id;
    struct jit_id root_node;
    struct rmg_instance instance;
    kern_place_id(path, &id, &root_node);
    enum jit_err err = rmg_store_instance(r->store, r->version, &id, &instance);
    if (err == JIT_ENOENT) {
        return kern_reader_wrong(r,
                                 "one of the instances /, /schema, /sys, /sec, /proc is missing");
    }
    if (err == JIT_OK) {
        rmg_store_graph(r->store, &instance, graph);
    }
    return err;
}

enum jit_err kern_reader_optional(struct kern_reader *r, const struct rmg_graph *graph,
                                  const struct jit_id *owner, const char *name,
                                  const struct jit_id *type, const char *what,
                                  struct rmg_value *out, bool *there)
{
    enum jit_err err =
        rmg_attachment_get(graph, RMG_PLANE_ALPHA, owner, name, (uint32_t)strlen(name), out);
    *there = err == JIT_OK;
    if (err == JIT_OK && (out->kind != RMG_VALUE_ATOM || !jit_id_equal(&out->type, type))) {
        return kern_reader_wrong(r, what);
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

enum jit_err kern_reader_atom(struct kern_reader *r, const struct rmg_graph *graph,
                              const struct jit_id *owner, const char *name,
                              const struct jit_id *type, const char *what, struct rmg_value *out)
{
    bool there = false;
    enum jit_err err = kern_reader_optional(r, graph, owner, name, type, what, out, &there);
    return err == JIT_OK && !there ? kern_reader_wrong(r, what) : err;
}

/* The count was read from the same index, so it bounds the walk. */
enum jit_err kern_reader_each(struct kern_reader *r, const struct rmg_graph *graph,
                              const char *type_name,
                              enum jit_err (*visit)(struct kern_reader *, const struct rmg_graph *,
                                                    const struct jit_id *))
{
    struct jit_id type;
    struct rmg_iter iter;
    kern_type_id(type_name, &type);
    rmg_iter_extent(graph, false, &type, &iter);
    for (;;) {
        struct jit_id id;
        struct jit_id got;
        enum jit_err err = rmg_iter_node(&iter, &id, &got);
        if (err == JIT_ENOENT) {
            return JIT_OK;
        }
        if (err == JIT_OK) {
            err = visit(r, graph, &id);
        }
        if (err != JIT_OK) {
            return err;
        }
    }
}

enum jit_err kern_reader_count(const struct rmg_graph *graph, const char *type_name,
                               uint64_t *count)
{
    struct jit_id type;
    kern_type_id(type_name, &type);
    return rmg_extent_count(graph, false, &type, count);
}

enum jit_err kern_config_read(struct jit_heap *heap, const struct rmg_store *store,
                              const struct rmg_version *version, struct kern_config **out,
                              const char **where)
{
    struct kern_reader r = {.heap = heap, .store = store, .version = version};
    struct rmg_graph sys;
    struct rmg_graph proc;
    struct rmg_graph sec;
    assert(out != NULL && where != NULL);
    *out = NULL;
    *where = NULL;
    r.config = jit_heap_zalloc(heap, 1, sizeof *r.config);
    if (r.config == NULL) {
        return JIT_ENOMEM;
    }
    enum jit_err err = open_place(&r, "/sys", &sys);
    if (err == JIT_OK) {
        err = open_place(&r, "/proc", &proc);
    }
    if (err == JIT_OK) {
        err = open_place(&r, "/sec", &sec);
    }
    if (err == JIT_OK) {
        err = kern_reader_sys(&r, &sys);
    }
    if (err == JIT_OK) {
        err = kern_reader_proc(&r, &proc);
    }
    if (err == JIT_OK) {
        err = kern_reader_sec(&r, &sec);
    }
    if (err != JIT_OK) {
        kern_config_free(heap, r.config);
        *where = err == JIT_ENOMEM ? NULL : r.where; /* then it is not what is there */
        return err;
    }
    *out = r.config;
    return JIT_OK;
}
