/* tools/rmgtool/path.h - nodes and instances by what people type: /world/libc6.
 * Layer: tools.
 *
 * A path goes through instances by the names of the portals on their root nodes. Its last part may
 * also be a node: a label (its id is BLAKE3("node:" || label), as importers make them), 64 hex
 * digits, or at least 4 digits with which only one id begins. */
#ifndef JIT_TOOLS_RMGTOOL_PATH_H
#define JIT_TOOLS_RMGTOOL_PATH_H

#include "tools/rmgtool/rmg.h"

struct path_place {
    struct rmg_instance instance;
    struct rmg_graph graph;
    struct jit_id node; /* of an instance: its root node */
    bool is_instance;
};

/* Say what to type next: a list of what there is. */
void path_next(struct cli *cli);

/* As path_find, and says nothing. Errors: JIT_ENOENT, JIT_ECONFLICT (several nodes), the store's.
 */
JIT_MUST_CHECK enum jit_err path_look(const struct format_graph *graph, const char *path,
                                      struct path_place *out);

/* "" and "/" are the top instance. CLI_OK; CLI_NOT_FOUND or CLI_USAGE, said. */
int path_find(struct cli *cli, const struct format_graph *graph, const char *path,
              struct path_place *out);

/* --in: the top instance where text is NULL; else by its id (as path_instance_id), or through the
 * portals as above. CLI_OK; CLI_NOT_FOUND or CLI_USAGE, said. */
int path_instance(struct cli *cli, const struct format_graph *graph, const char *text,
                  struct rmg_instance *out);

/* Ids alone, whatever there is in a graph: 64 hex digits, or KIND:LABEL hashed as it stands (node:,
 * edge:, warp:). Else JIT_EFORMAT. */
JIT_MUST_CHECK enum jit_err path_id(const char *text, struct jit_id *out);
/* The same of an instance; else the text is its label: /world. */
void path_instance_id(const char *text, struct jit_id *out);
/* The same of a type; else its name. */
void path_type(const char *text, struct jit_id *out);

/* One value of a node: its text for people, or an event "value". An exit code, said. */
int rmg_cat_value(struct cli *cli, const struct format_graph *graph, const struct path_place *place,
                  const struct rmg_attachment *attachment);

#endif
