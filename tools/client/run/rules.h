/* tools/client/run/rules.h - the actions of `jitos rules`, which tells what the rules of a system
 * file are without running them. Layer: tools. */
#ifndef JIT_TOOLS_RULES_H
#define JIT_TOOLS_RULES_H

#include "rmg/lang/lang.h"
#include "tools/cli/cli.h"

/* The system in a file. Returns an exit code; said. lang_system_free releases it. */
int rules_parse(struct cli *cli, const char *path, struct lang_system **system);

int rules_check(struct cli *cli);
int rules_graph(struct cli *cli);

#endif
