/* tools/jitos.h - the verbs of jitos. Each returns an exit code; tools/jitos.c has the table. */
#ifndef JIT_TOOLS_JITOS_H
#define JIT_TOOLS_JITOS_H

#include "tools/cli/cli.h"

int jitos_rules(struct cli *cli);
int jitos_run(struct cli *cli);
int jitos_demo(struct cli *cli);
int jitos_export(struct cli *cli);
int jitos_ps(struct cli *cli);
int jitos_log(struct cli *cli);
int jitos_show(struct cli *cli);
int jitos_replay(struct cli *cli);
int jitos_verify(struct cli *cli);

#endif
