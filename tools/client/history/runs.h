/* tools/client/history/runs.h - of what is whole: would a supervisor run it? Asked of the functions
 * that a supervisor starts with (kernel/startup.h). Layer: tools. */
#ifndef JIT_TOOLS_RUNS_H
#define JIT_TOOLS_RUNS_H

#include "kernel/system.h"
#include "tools/cli/cli.h"

/* The newest state, which the system stands at; event gets the answer. Returns an exit code; said.
 */
int runs_verify(struct cli *cli, struct shell_system *system, json_t *event);
/* Each checkpoint of the list that is of another tick, were it restored. code: what was found so
 * far, and said unless CLI_OK, so that of these a note is left. Returns an exit code; said. */
int runs_verify_kept(struct cli *cli, const struct shell_system *system,
                     const struct ckpt_list *list, json_t *event, int code);

#endif
