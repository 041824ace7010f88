#include "tools/client/history/moment.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "tools/rmgtool/path.h"
#include "tools/client/history/timegraph.h"

int moment_open(struct cli *cli, const char *data, const char *revision, struct moment *out)
{
    char text[96];
    struct history_opening opening = {.label = "seek", .data = data};
    *out = (struct moment){.open = false};
    if (revision != NULL) {
        /* "@40" and "40" are the same tick, "name" is a checkpoint's. */
        bool number = strspn(revision, "0123456789") == strlen(revision) && strlen(revision) < 8;
        snprintf(text, sizeof text, "%s%.80s", number ? "@" : "", revision);
        int code = history_resolve(cli, data, text, &opening.tick);
        if (code != CLI_OK) {
            return code;
        }
        opening.bounded = true;
    }
    int code = history_open(cli, &opening, &out->system);
    if (code == CLI_OK) {
        out->open = true;
        out->tick = out->system.replay.tick;
        out->graph = (struct format_graph){.heap = jit_heap_libc(),
                                           .store = out->system.store,
                                           .version = out->system.replay.version};
    }
    return code;
}

int moment_open_path(struct cli *cli, const char *data, const char *revision, const char *path,
                     struct moment *out)
{
    if (!timegraph_is(path)) {
        return moment_open(cli, data, revision, out);
    }
    *out = (struct moment){.synthetic = true, .open = true};
    if (revision != NULL) {
        cli_what(cli, "/time has no ticks of its own");
        cli_why(cli, "it is the history of all of them");
        cli_next(cli, "jitos inspect /time --data %s", data);
        return CLI_USAGE;
    }
    return timegraph_make(cli, data, path, &out->graph);
}

void moment_close(struct moment *moment)
{
    if (!moment->open) {
        return;
    }
    if (moment->synthetic) {
        format_graph_release(&moment->graph);
    } else {
        shell_system_close(&moment->system);
    }
    moment->open = false;
}

void moment_split(const char *operand, char *path, size_t path_size, const char **revision)
{
    /* The ticks of /time are in its names. */
    const char *at = timegraph_is(operand) ? NULL : strrchr(operand, '@');
    size_t size = at != NULL ? (size_t)(at - operand) : strlen(operand);
    *revision = at != NULL && at[1] != '\0' ? at + 1 : NULL;
    snprintf(path, path_size, "%.*s", (int)size, operand);
    if (size == 0) {
        snprintf(path, path_size, "/");
    }
}

int moment_slot_find(struct cli *cli, const struct moment *moment, const char *path,
                     struct moment_slot *out)
{
    struct path_place place;
    char owner[4096];
    *out = (struct moment_slot){.slot = {.kind = RMG_SLOT_NODE}};
    enum jit_err err = path_look(&moment->graph, path, &place);
    const char *name = strrchr(path, '/');
    if (err == JIT_ENOENT && name != NULL && strlen(name + 1) < sizeof out->name) {
        struct rmg_value value;
        snprintf(owner, sizeof owner, "%.*s", (int)(name - path), path);
        snprintf(out->name, sizeof out->name, "%s", name + 1);
        out->slot.kind = RMG_SLOT_ALPHA;
        out->slot.name = out->name;
        out->slot.name_size = (uint32_t)strlen(out->name);
        err = path_look(&moment->graph, owner, &place);
        if (err == JIT_OK) {
            err = rmg_attachment_get(&place.graph, RMG_PLANE_ALPHA, &place.node, out->slot.name,
                                     out->slot.name_size, &value);
        }
        place.is_instance = false;
    }
    if (err != JIT_OK) {
        return path_find(cli, &moment->graph, path, &place); /* which says why */
    }
    out->slot.instance = place.instance.id;
    out->slot.id = place.node;
    out->is_instance = place.is_instance;
    return CLI_OK;
}
