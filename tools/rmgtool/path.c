#include "tools/rmgtool/path.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"

#define DIGITS_MIN 4u

enum jit_err path_id(const char *text, struct jit_id *out)
{
    static const char *const prefixes[] = {"node:", "edge:", "warp:"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        size_t size = strlen(prefixes[i]);
        if (strncmp(text, prefixes[i], size) == 0 && text[size] != 0) {
            jit_hash_named(prefixes[i], text + size, strlen(text + size), out);
            return JIT_OK;
        }
    }
    return jit_id_from_hex(text, strlen(text), out);
}

void path_instance_id(const char *text, struct jit_id *out)
{
    if (path_id(text, out) != JIT_OK) {
        jit_hash_named("warp:", text, strlen(text), out);
    }
}

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
    enum jit_err err = rmg_store_top(graph->store, &graph->version, &in);
    return err == JIT_OK ? enter(graph, &in.id, out) : err;
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

static enum jit_err node_of(const struct rmg_graph *graph, const char *part, struct jit_id *out)
{
    struct jit_id type;
    if (path_id(part, out) != JIT_OK) {
        jit_hash_named("node:", part, strlen(part), out);
    }
    enum jit_err err = rmg_node_type(graph, out, &type);
    return err == JIT_ENOENT ? by_digits(graph, part, strlen(part), out) : err;
}

void path_next(struct cli *cli)
{
    if (cli_has(cli, "data")) {
        cli_next(cli, "jitos inspect / --data %s", cli_text(cli, "data"));
    } else {
        cli_next(cli, "rmg ls %s", cli->operand_count > 0 ? cli->operands[0] : "FILE");
    }
}

/* The portal there whose name is nearest to a part that was mistyped; "": none is near. */
#define NEAR_MAX 64u
static void near_portal(const struct path_place *place, const char *part, size_t size,
                        char out[JIT_NAME_BYTES_MAX + 1])
{
    static char names[NEAR_MAX][JIT_NAME_BYTES_MAX + 1];
    const char *list[NEAR_MAX];
    char word[JIT_NAME_BYTES_MAX + 1];
    struct rmg_attachment portal;
    size_t count = 0;
    out[0] = '\0';
    if (size > JIT_NAME_BYTES_MAX) {
        return;
    }
    for (uint32_t i = 0;
         count < NEAR_MAX && rmg_attachment_at(&place->graph, RMG_PLANE_ALPHA,
                                               &place->instance.root_node, i, &portal) == JIT_OK;
         i++) {
        if (portal.value.kind == RMG_VALUE_PORTAL) {
            snprintf(names[count], sizeof names[count], "%.*s", (int)portal.name_size, portal.name);
            list[count] = names[count];
            count++;
        }
    }
    snprintf(word, sizeof word, "%.*s", (int)size, part);
    const char *near = cli_nearest(word, list, count);
    if (near != NULL) {
        snprintf(out, JIT_NAME_BYTES_MAX + 1, "%s", near);
    }
}

/* The list of what is there in place of a part that is not: as far as the path goes. */
static void list_there(struct cli *cli, const char *path, const char *part, const char *near)
{
    int size = part > path ? (int)(part - path) : 0;
    char there[4096];
    if (near[0] == '\0') {
        while (size > 1 && path[size - 1] == '/') {
            size--;
        }
    }
    snprintf(there, sizeof there, "%.*s%.*s%s", size > 0 ? 0 : 1, "/", size, path, near);
    if (cli_has(cli, "data")) {
        const char *asked = cli->operand_count > 0 ? cli->operands[0] : "";
        const char *revision = strncmp(path, "/time", 5) == 0 ? NULL : strrchr(asked, '@');
        size_t used = strlen(there);
        snprintf(there + used, sizeof there - used, "%s", revision != NULL ? revision : "");
        cli_next(cli, "jitos inspect %s --data %s", there, cli_text(cli, "data"));
    } else {
        cli_next(cli, "rmg ls %s %s", cli->operand_count > 0 ? cli->operands[0] : "FILE", there);
    }
}

static int refuse(struct cli *cli, const char *path, const struct path_place *place,
                  const char *part, enum jit_err err)
{
    char near[JIT_NAME_BYTES_MAX + 1] = "";
    size_t size = strcspn(part, "/");
    if (err == JIT_ECONFLICT) {
        cli_what(cli, "%s is not one node", path);
        cli_why(cli, "several ids begin with %.*s; type more digits", (int)size, part);
        path_next(cli);
        return CLI_USAGE;
    }
    cli_what(cli, "there is no %s", path);
    if (err != JIT_ENOENT) {
        cli_why(cli, "%s", jit_err_text(err));
        path_next(cli);
        return (int)cli_exit_of(err);
    }
    struct jit_id node;
    char word[JIT_NAME_BYTES_MAX + 1];
    snprintf(word, sizeof word, "%.*s", (int)size, part);
    if (size < sizeof word && part[size] == '/' && node_of(&place->graph, word, &node) == JIT_OK) {
        cli_why(cli, "%s is a node, and has no value %s", word, part + size + 1);
        list_there(cli, path, part, word);
        return CLI_NOT_FOUND;
    }
    near_portal(place, part, size, near);
    cli_why(cli, "%.*s is neither a portal nor a node there%s%s%s", (int)size, part,
            near[0] != '\0' ? "; did you mean " : "", near, near[0] != '\0' ? "?" : "");
    list_there(cli, path, part, near);
    return CLI_NOT_FOUND;
}

/* part: where it fails. */
static enum jit_err find(const struct format_graph *graph, const char *path, struct path_place *out,
                         const char **part)
{
    const char *at = path;
    enum jit_err err = enter_top(graph, out);
    while (err == JIT_OK) {
        at += strspn(at, "/");
        *part = at;
        size_t size = strcspn(at, "/");
        if (size == 0) {
            return JIT_OK;
        }
        /* A label may hold slashes: all that is left is tried as a node first. */
        struct rmg_value value;
        struct jit_id node;
        err = node_of(&out->graph, at, &node);
        if (err == JIT_OK) {
            out->node = node;
            out->is_instance = false;
            return JIT_OK;
        }
        if (err == JIT_ENOENT && size <= JIT_NAME_BYTES_MAX) {
            err = rmg_attachment_get(&out->graph, RMG_PLANE_ALPHA, &out->instance.root_node, at,
                                     (uint32_t)size, &value);
            err = err == JIT_OK && value.kind != RMG_VALUE_PORTAL ? JIT_ENOENT : err;
            err = err == JIT_OK ? enter(graph, &value.type, out) : err;
        }
        at += err == JIT_OK ? size : 0;
    }
    return err;
}

enum jit_err path_look(const struct format_graph *graph, const char *path, struct path_place *out)
{
    const char *part = path;
    return find(graph, path, out, &part);
}

int path_find(struct cli *cli, const struct format_graph *graph, const char *path,
              struct path_place *out)
{
    const char *part = path;
    enum jit_err err = find(graph, path, out, &part);
    return err == JIT_OK ? CLI_OK : refuse(cli, path, out, part, err);
}

int path_instance(struct cli *cli, const struct format_graph *graph, const char *text,
                  struct rmg_instance *out)
{
    struct path_place place;
    struct jit_id id;
    const char *part;
    enum jit_err err;
    if (text == NULL) {
        err = rmg_store_top(graph->store, &graph->version, out);
    } else {
        path_instance_id(text, &id);
        err = rmg_store_instance(graph->store, &graph->version, &id, out);
    }
    if (text != NULL && err == JIT_ENOENT) {
        err = find(graph, text, &place, &part);
        err = err == JIT_OK && !place.is_instance ? JIT_ENOENT : err;
        *out = err == JIT_OK ? place.instance : *out;
    }
    if (err == JIT_OK) {
        return CLI_OK;
    }
    cli_what(cli, "there is no instance %s", text == NULL ? "at the top" : text);
    cli_why(cli, "%s",
            err == JIT_ENOENT ? "no id and no path of portals leads to one" : jit_err_text(err));
    path_next(cli);
    return err == JIT_ENOENT ? CLI_NOT_FOUND : (int)cli_exit_of(err);
}
