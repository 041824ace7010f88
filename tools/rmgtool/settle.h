/* tools/rmgtool/settle.h - what `rmg merge` and `rmg apply --rebase` share: joins from the schemas,
 * choices, the list of conflicts. Layer: tools. */
#ifndef JIT_TOOLS_RMGTOOL_SETTLE_H
#define JIT_TOOLS_RMGTOOL_SETTLE_H

#include "rmg/schema/schema.h"
#include "tools/formats/choices.h"
#include "tools/rmgtool/delta.h"

extern const char *const settle_sides[];
/* The options that settle_begin() and settle_conflicts() read. sides: who ours and theirs are. */
#define SETTLE_OPTIONS(sides)                                                                      \
    CLI_OPTION(CLI_CHOICE, "strategy", 's', "SIDE",                                                \
               sides ": who wins where both changed something", .choices = settle_sides),          \
        CLI_OPTION(CLI_TEXT, "choices", 'c', "FILE", "settle conflicts as this file says"),        \
        CLI_OPTION(CLI_TEXT, "write-choices", 'w', "FILE",                                         \
                   "write the conflicts to a file to be filled in")

struct settle {
    struct cli *cli;
    struct choices choices;
    struct rmg_schema *schema[DELTA_GRAPHS_MAX]; /* NULL: it has none */
    uint32_t schema_count;
    struct rmg_merge_options options;
};

/* From --strategy and --choices, and the schemas of these states: a field has a join when all that
 * know it agree. schema: event names, "rmg.merge/1". An exit code, said. */
int settle_begin(struct settle *settle, struct cli *cli, const struct format_graph *const *graphs,
                 uint32_t count);
void settle_end(struct settle *settle);

/* What rmg_merge() or rmg_rebase() failed with. */
int settle_failed(struct settle *settle, enum jit_err err, const struct rmg_merge_result *result);
/* List the conflicts, write them down if --write-choices asks for it. CLI_NO, or what went wrong.
 */
int settle_conflicts(struct settle *settle, const struct delta *delta,
                     const struct rmg_merge_result *result, const char *schema);
/* "12 operations: 7 from ours, 4 from theirs, ..." and the keys of the "done" event. */
void settle_print(struct settle *settle, const struct rmg_merge_result *result);
void settle_put(json_t *event, const struct rmg_merge_result *result);

/* Perform a patch on a state and write what comes of it. out NULL: only perform. An exit code,
 * said. */
int settle_write(struct cli *cli, struct format_graph *graph, const uint8_t *patch, size_t size,
                 struct rmg_output *out, const char *path);

#endif
