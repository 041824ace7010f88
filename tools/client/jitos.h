/* tools/client/jitos.h - the verbs of jitos. Each returns an exit code; tools/client/main.c has the
 * table. */
#ifndef JIT_TOOLS_JITOS_H
#define JIT_TOOLS_JITOS_H

#include "tools/cli/cli.h"

int jitos_rules(struct cli *cli);
int jitos_run(struct cli *cli);
int jitos_demo(struct cli *cli);
int jitos_export(struct cli *cli);
int jitos_ps(struct cli *cli);
int jitos_log(struct cli *cli);
int jitos_log_path(struct cli *cli); /* log PATH */
int jitos_show(struct cli *cli);
int jitos_replay(struct cli *cli);
int jitos_verify(struct cli *cli);
int jitos_salvage(struct cli *cli); /* verify --salvage */
int jitos_checkpoint(struct cli *cli);
int jitos_restore(struct cli *cli);
int jitos_cap(struct cli *cli);
int jitos_dry_run(struct cli *cli); /* run --dry-run FILE */
int jitos_fork(struct cli *cli);
int jitos_branch(struct cli *cli);
int jitos_rollback(struct cli *cli);
int jitos_merge(struct cli *cli);
int jitos_inspect(struct cli *cli);
int jitos_query(struct cli *cli);
int jitos_diff(struct cli *cli);
int jitos_why(struct cli *cli);
int jitos_bisect(struct cli *cli);
int jitos_gc(struct cli *cli);
int jitos_sweep(struct cli *cli);

/* The option that most verbs have. */
#define JITOS_DATA CLI_OPTION(CLI_TEXT, "data", 'd', "DIR", "the data folder", .fallback = ".")

/* Options that lie beside their verb. */
extern const struct cli_option jitos_run_options[];
extern const struct cli_option jitos_demo_options[];
extern const struct cli_option jitos_checkpoint_options[];
extern const struct cli_option jitos_restore_options[];
extern const struct cli_option jitos_cap_options[];
extern const struct cli_option jitos_fork_options[];
extern const struct cli_option jitos_branch_options[];
extern const struct cli_option jitos_rollback_options[];
extern const struct cli_option jitos_merge_options[];
extern const struct cli_option jitos_inspect_options[];
extern const struct cli_option jitos_query_options[];
extern const struct cli_option jitos_diff_options[];
extern const struct cli_option jitos_why_options[];
extern const struct cli_option jitos_bisect_options[];
extern const struct cli_option jitos_gc_options[];
extern const struct cli_option jitos_replay_options[];
extern const struct cli_option jitos_sweep_options[];

#endif
