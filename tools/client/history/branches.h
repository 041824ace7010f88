/* tools/client/history/branches.h - the branches of a data folder, and the head. Spec:
 * docs/spec/checkpoint.md "Branches". Layer: tools. */
#ifndef JIT_TOOLS_BRANCHES_H
#define JIT_TOOLS_BRANCHES_H

#include "kernel/checkpoint/head.h"
#include "tools/cli/cli.h"

#define BRANCH_PATH_SIZE 4300u
#define BRANCH_TOP_MAX   4000u /* bytes of a data folder's path, so that branches have room */

/* For cli_program.prepare: --data names the branch in use from now on. A path that is too long for
 * branches below it is refused. */
int branches_prepare(struct cli *cli);
/* The folder that --data named before. */
const char *branches_top(const struct cli *cli);

/* Where a branch lies: "main", a name, or a path (it has a '/'). */
void branches_path(const char *top, const char *name, char path[BRANCH_PATH_SIZE]);
/* Of the folder: the branch in use. Returns an exit code; said. */
int branches_head(struct cli *cli, const char *top, char name[HEAD_NAME_MAX + 1]);
int branches_move(struct cli *cli, const char *top, const char *name);
/* The branch of this name, which is not there yet, is the head as soon as its log is: a rollback is
 * cut off before that, and nothing has happened, or after it, and it has. settle, before another
 * branch is made and after this one was, or was not: what was announced is the head, or was never
 * announced. Return exit codes; said. */
int branches_announce(struct cli *cli, const char *top, const struct head_next *next);
int branches_settle(struct cli *cli, const char *top);
/* The same, where nothing depends on it: who needs it does it. */
void branches_tidy(const char *top);
/* After the branch of this name was announced and made: it is the head, though there be no room to
 * write that anew; if another command settled meanwhile, it is moved there. Returns an exit code;
 * said. */
int branches_become(struct cli *cli, const char *top, const char *name);
/* Make the folder `branches`, where need be, and hold it as long as this program runs: branches are
 * made one after another, since their names are looked for and what a try that was cut off has left
 * is removed. Returns an exit code; said. */
int branches_room(struct cli *cli, const char *top);
/* Remove it again if it is ours and empty. */
void branches_no_room(const char *top);
/* A name that no branch has: stem, stem-2, ... */
void branches_unused(const char *top, const char *stem, char name[HEAD_NAME_MAX + 1]);
/* The names, ascending, "main" first; free each and the array. -1: no memory. */
int branches_list(const char *top, char ***names);

#endif
