/* tools/client/history/moment.h - a state out of a history, as the tools for graphs take it: at a
 * tick of the log, or /time, the history itself. Spec:  DESIGN 9.1, 9.3; docs/spec/time.md. Layer:
 * tools. */
#ifndef JIT_TOOLS_MOMENT_H
#define JIT_TOOLS_MOMENT_H

#include "rmg/store/slot.h"
#include "tools/formats/graph.h"
#include "tools/client/history/history.h"

struct moment {
    struct format_graph graph;
    struct shell_system system; /* whose store the graph is in, unless synthetic */
    bool synthetic;
    bool open;
    uint64_t tick;
};

/* revision NULL: the newest tick. The nearest checkpoint is loaded, what follows is replayed and
 * compared. Returns an exit code; said. Close it whatever comes back. */
int moment_open(struct cli *cli, const char *data, const char *revision, struct moment *out);
/* Likewise of a path: /time and what is below it is made of the log
 * (tools/client/history/timegraph.h). */
int moment_open_path(struct cli *cli, const char *data, const char *revision, const char *path,
                     struct moment *out);
void moment_close(struct moment *moment);

/* What a path names: an instance, a node (its slot), or a value of one. name: the slot's. */
struct moment_slot {
    struct rmg_slot slot;
    bool is_instance;
    char name[JIT_NAME_BYTES_MAX + 1];
};
/* Returns an exit code; said. */
int moment_slot_find(struct cli *cli, const struct moment *moment, const char *path,
                     struct moment_slot *out);

/* "/world/bash@40": the path before the last '@' (room: its size and 1) and the revision behind it,
 * NULL when there is none. A path of nothing is "/". */
void moment_split(const char *operand, char *path, size_t path_size, const char **revision);

#endif
