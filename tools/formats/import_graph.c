/* Importing what is a state already: a file that is loaded whole, or one that goes into an
 * instance.
 */
#include "tools/formats/import_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

struct copy {
    struct import *im;
    const struct format_graph *graph;
    const char *name;
    struct rmg_instance top;
    /* the instance being copied */
    struct rmg_instance in;
    struct rmg_graph view;
    struct jit_id instance; /* it goes there */
    bool maps_root;         /* its root node becomes the target's */
};

static enum jit_err clash(struct copy *c, const char *what, const struct jit_id *id)
{
    char hex[JIT_ID_HEX];
    jit_id_to_hex(id, hex);
    return import_fail(c->im, JIT_EEXIST, c->name, "%s %s is there already", what, hex);
}

static void map_node(const struct copy *c, struct jit_id *id)
{
    if (c->maps_root && jit_id_equal(id, &c->in.root_node)) {
        *id = c->im->source->into->root_node;
    }
}

/* With a target, the input's own types stay behind: the target has a /schema. */
static bool stays_behind(const struct copy *c, const struct jit_id *instance)
{
    struct jit_id place;
    struct jit_id root_node;
    rmg_schema_place(&place, &root_node);
    return c->im->source->into != NULL && jit_id_equal(instance, &place);
}

static enum jit_err copy_values(struct copy *c, struct import_owner *owner,
                                const struct jit_id *from)
{
    enum jit_err err = JIT_OK;
    char place[IMPORT_PLACE_SIZE];
    char hex[JIT_ID_HEX];
    for (uint32_t i = 0; err == JIT_OK; i++) {
        struct rmg_attachment attachment;
        err = rmg_attachment_at(&c->view, owner->plane, from, i, &attachment);
        if (err == JIT_OK && attachment.value.kind == RMG_VALUE_PORTAL &&
            stays_behind(c, &attachment.value.type)) {
            continue;
        }
        if (err == JIT_OK) {
            jit_id_to_hex(from, hex);
            snprintf(place, sizeof place, "%.300s: %s %s", c->name,
                     owner->plane == RMG_PLANE_ALPHA ? "node" : "edge", hex);
            err = import_owner_attachment(owner, &attachment, place);
        }
    }
    return err == JIT_ENOENT ? import_owner_end(owner) : err;
}

static enum jit_err copy_nodes(struct copy *c)
{
    struct rmg_iter iter;
    struct jit_id id;
    struct jit_id type;
    enum jit_err err;
    rmg_iter_all(&c->view, RMG_NODES, &iter);
    while ((err = rmg_iter_node(&iter, &id, &type)) == JIT_OK) {
        struct import_owner owner;
        struct jit_id to = id;
        map_node(c, &to);
        bool mapped = c->maps_root && jit_id_equal(&id, &c->in.root_node);
        if (!mapped) {
            err = rmg_collect_node(c->im->collect, &c->instance, &to, &type);
            if (err != JIT_OK) {
                return err == JIT_EEXIST ? clash(c, "node", &id) : err;
            }
        }
        import_owner_begin(&owner, c->im, &c->instance, RMG_PLANE_ALPHA, &to, &type);
        c->im->report->nodes -= mapped;
        err = copy_values(c, &owner, &id);
        if (err != JIT_OK) {
            return err;
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err copy_edges(struct copy *c)
{
    struct rmg_iter iter;
    struct rmg_edge edge;
    enum jit_err err;
    rmg_iter_all(&c->view, RMG_EDGES, &iter);
    while ((err = rmg_iter_edge(&iter, &edge)) == JIT_OK) {
        struct import_owner owner;
        map_node(c, &edge.from);
        map_node(c, &edge.to);
        err = rmg_collect_edge(c->im->collect, &c->instance, &edge);
        if (err != JIT_OK) {
            return err;
        }
        import_owner_begin(&owner, c->im, &c->instance, RMG_PLANE_BETA, &edge.id, &edge.type);
        err = copy_values(c, &owner, &edge.id);
        if (err != JIT_OK) {
            return err;
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* The instance itself; the top one is the target's when there is a target. */
static enum jit_err copy_instance(struct copy *c)
{
    const struct import_target *into = c->im->source->into;
    c->maps_root = into != NULL && !c->in.parent.present;
    c->instance = c->maps_root ? into->instance : c->in.id;
    if (c->maps_root || stays_behind(c, &c->in.id)) {
        return JIT_OK;
    }
    struct rmg_parent parent = c->in.parent;
    if (into != NULL && jit_id_equal(&parent.instance, &c->top.id)) {
        parent.instance = into->instance;
        if (parent.plane == RMG_PLANE_ALPHA && jit_id_equal(&parent.owner, &c->top.root_node)) {
            parent.owner = into->root_node;
        }
    }
    c->im->report->instances++;
    enum jit_err err = rmg_collect_instance(c->im->collect, &c->in.id, &c->in.root_node,
                                            parent.present ? &parent : NULL);
    return err == JIT_EEXIST ? clash(c, "instance", &c->in.id) : err;
}

static bool say_conflict(void *user, const struct rmg_schema_difference *difference)
{
    struct copy *c = user;
    struct jit_buf line;
    if (difference->what < RMG_SCHEMA_KIND) {
        return true;
    }
    jit_buf_init(&line, c->im->heap, IMPORT_PLACE_SIZE);
    rmg_schema_difference_print(difference, "there", "here", &line);
    (void)import_fail(c->im, JIT_ECONFLICT, c->name, "its types conflict with those declared: %.*s",
                      (int)line.size, (const char *)line.data);
    jit_buf_release(&line);
    return false;
}

/* An input that carries its types means by them what we mean, or is refused. */
static enum jit_err compare_schemas(struct copy *c)
{
    const struct rmg_schema *here = c->im->source->schema;
    struct rmg_schema *there = NULL;
    struct rmg_schema_fault fault;
    if (c->im->source->into == NULL || here == NULL) {
        return JIT_OK;
    }
    enum jit_err err =
        rmg_schema_read(c->im->heap, c->graph->store, &c->graph->version, &there, &fault);
    if (err == JIT_EINVALID) {
        return import_fail(c->im, err, c->name, "its /schema does not follow the specification: %s",
                           fault.what);
    }
    if (err != JIT_OK) {
        return err == JIT_ENOENT ? JIT_OK : err;
    }
    if (rmg_schema_compare(there, here, say_conflict, c) == RMG_SCHEMA_CONFLICT) {
        err = JIT_ECONFLICT;
    }
    rmg_schema_free(there);
    return err;
}

enum jit_err import_version(struct import *im, const struct format_graph *graph, const char *name)
{
    struct copy c = {.im = im, .graph = graph, .name = name};
    struct jit_id last;
    enum jit_err err = rmg_store_top(graph->store, &graph->version, &c.top);
    err = err == JIT_OK ? compare_schemas(&c) : err;
    for (int pass = 0; err == JIT_OK && pass < 2; pass++) {
        const struct jit_id *after = NULL;
        while ((err = rmg_store_next(graph->store, &graph->version, after, &c.in)) == JIT_OK) {
            last = c.in.id;
            after = &last;
            if (pass == 0) {
                err = copy_instance(&c);
            } else if (!stays_behind(&c, &c.in.id)) {
                const struct import_target *into = im->source->into;
                c.maps_root = into != NULL && !c.in.parent.present;
                c.instance = c.maps_root ? into->instance : c.in.id;
                rmg_store_graph(graph->store, &c.in, &c.view);
                err = copy_nodes(&c);
                err = err == JIT_OK ? copy_edges(&c) : err;
            }
            if (err != JIT_OK) {
                return err;
            }
        }
        err = err == JIT_ENOENT ? JIT_OK : err;
    }
    return err;
}

static enum jit_err fail_at(struct import *im, enum jit_err err, const char *path,
                            const struct rmg_file_fault *fault)
{
    char place[IMPORT_PLACE_SIZE];
    if (err == JIT_ENOMEM || err == JIT_ENOSPC || err == JIT_ELIMIT || fault->what == NULL) {
        return import_fail(im, err, path, "%s", jit_err_text(err));
    }
    snprintf(place, sizeof place, "%.300s: %s %llu, byte %llu", path, fault->section,
             (unsigned long long)fault->index, (unsigned long long)fault->offset);
    return import_fail(im, err, place, "%s", fault->what);
}

static enum jit_err load_state(struct import *im, struct format_graph *graph, const char *path)
{
    struct import_input input;
    struct rmg_file_fault fault = {0};
    struct format_bytes all = {.heap = im->heap};
    enum jit_err err = import_input_open(&input, im, path);
    if (err == JIT_OK) {
        err = format_bytes_of_fd(im->heap, input.fd, &all);
        if (err == JIT_OK) {
            err = im->source->format->load(im->heap, all.bytes, all.size, graph->store,
                                           &graph->version, &fault);
        }
        if (err != JIT_OK) {
            err = fail_at(im, err, path, &fault);
        }
        input.read = all.size;
    }
    format_bytes_close(&all);
    import_input_close(&input);
    return err;
}

enum jit_err import_loaded(struct import *im)
{
    struct format_graph graph;
    const char *path = im->source->paths[0];
    enum jit_err err = format_graph_init(&graph, im->heap);
    if (err == JIT_OK) {
        err = load_state(im, &graph, path);
    }
    if (err == JIT_OK) {
        err = import_version(im, &graph, path);
    }
    format_graph_release(&graph);
    return err;
}
