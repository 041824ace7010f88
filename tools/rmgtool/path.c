#include "tools/rmgtool/path.h"

#include <string.h>

#include "base/hash.h"

#define DIGITS_MIN 4u

void path_type(const char *text, struct jit_id *out)
{
    if (jit_id_from_hex(text, strlen(text), out) != JIT_OK) {
        jit_hash_named("type:", text, strlen(text), out);
    }
}

static enum jit_err enter(const struct format_graph *graph, const struct jit_id *id,
                          struct path_place *out)
{
    enum jit_err err = rmg_store_instance(graph->store, &graph->version, id, &out->instance);
    if (err == JIT_OK) {
        rmg_store_graph(graph->store, &out->instance, &out->graph);
        out->node = out->instance.root_node;
        out->is_instance = true;
    }
    return err;
}

static enum jit_err enter_top(const struct format_graph *graph, struct path_place *out)
{
    struct rmg_instance in;
    struct jit_id last;
    const struct jit_id *after = NULL;
    enum jit_err err;
    while ((err = rmg_store_next(graph->store, &graph->version, after, &in)) == JIT_OK) {
        if (!in.parent.present) {
            return enter(graph, &in.id, out);
        }
        last = in.id;
        after = &last;
    }
    return err;
}

/* The one node whose id begins with these digits. JIT_ENOENT; JIT_ECONFLICT: several. */
static enum jit_err by_digits(const struct rmg_graph *graph, const char *digits, size_t size,
                              struct jit_id *out)
{
    struct rmg_iter iter;
    struct jit_id id;
    struct jit_id type;
    unsigned found = 0;
    enum jit_err err;
    if (size < DIGITS_MIN || size > 64 || strspn(digits, "0123456789abcdef") < size) {
        return JIT_ENOENT;
    }
    rmg_iter_all(graph, RMG_NODES, &iter);
    while ((err = rmg_iter_node(&iter, &id, &type)) == JIT_OK) {
        char hex[JIT_ID_HEX];
        jit_id_to_hex(&id, hex);
        if (memcmp(hex, digits, size) == 0) {
            *out = id;
            found++;
        } else if (found > 0) {
            break; /* they ascend */
        }
    }
    return found == 1 ? JIT_OK : found > 1 ? JIT_ECONFLICT : err == JIT_OK ? JIT_ENOENT : err;
}

static enum jit_err node_of(const struct rmg_graph *graph, const char *part, size_t size,
                            struct jit_id *out)
{
    struct jit_id type;
    if (size > 5 && memcmp(part, "node:", 5) == 0) {
        jit_hash_named("node:", part + 5, size - 5, out);
        return rmg_node_type(graph, out, &type);
    }
    jit_hash_named("node:", part, size, out);
    enum jit_err err = rmg_node_type(graph, out, &type);
    return err == JIT_ENOENT ? by_digits(graph, part, size, out) : err;
}

static int refuse(struct cli *cli, const char *path, const char *part, size_t size,
                  enum jit_err err)
{
    if (err == JIT_ECONFLICT) {
        cli_what(cli, "%s is not one node", path);
        cli_why(cli, "several ids begin with %.*s; type more digits", (int)size, part);
        cli_next(cli, "rmg ls %s", cli->operands[0]);
        return CLI_USAGE;
    }
    cli_what(cli, "there is no %s", path);
    cli_why(cli, "%.*s is neither a portal nor a node there", (int)size, part);
    cli_next(cli, "rmg ls %s", cli->operands[0]);
    return err == JIT_ENOENT ? CLI_NOT_FOUND : cli_exit_of(err);
}

int path_find(struct cli *cli, const struct format_graph *graph, const char *path,
              struct path_place *out)
{
    const char *at = path;
    enum jit_err err = enter_top(graph, out);
    while (err == JIT_OK) {
        at += strspn(at, "/");
        size_t size = strcspn(at, "/");
        if (size == 0) {
            return CLI_OK;
        }
        /* A label may hold slashes: all that is left is tried as a node first. */
        struct rmg_value value;
        struct jit_id node;
        err = node_of(&out->graph, at, strlen(at), &node);
        if (err == JIT_OK) {
            out->node = node;
            out->is_instance = false;
            return CLI_OK;
        }
        if (err == JIT_ENOENT && size <= JIT_NAME_BYTES_MAX) {
            err = rmg_attachment_get(&out->graph, RMG_PLANE_ALPHA, &out->instance.root_node, at,
                                     (uint32_t)size, &value);
            if (err == JIT_OK && value.kind == RMG_VALUE_PORTAL) {
                err = enter(graph, &value.type, out);
                at += size;
                continue;
            }
            err = err == JIT_OK ? JIT_ENOENT : err;
        }
        return refuse(cli, path, at, size, err);
    }
    return refuse(cli, path, at, strlen(at), err);
}
