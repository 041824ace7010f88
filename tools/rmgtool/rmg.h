/* tools/rmgtool/rmg.h - what the verbs of `rmg` share: loading whatever the user names, and writing
 * files that are either whole or not there. Layer: tools. */
#ifndef JIT_TOOLS_RMGTOOL_RMG_H
#define JIT_TOOLS_RMGTOOL_RMG_H

#include "base/whole.h"
#include "tools/cli/cli.h"
#include "tools/formats/format.h"

int rmg_info(struct cli *cli);
int rmg_import(struct cli *cli);
int rmg_export(struct cli *cli);
int rmg_hash(struct cli *cli);
int rmg_walk(struct cli *cli);
int rmg_verify(struct cli *cli);
int rmg_diff_verb(struct cli *cli);
int rmg_apply_verb(struct cli *cli);
int rmg_merge_verb(struct cli *cli);

int rmg_check_verb(struct cli *cli);
int rmg_ls_verb(struct cli *cli);
int rmg_cat_verb(struct cli *cli);
int rmg_keygen_verb(struct cli *cli);
int rmg_sign_verb(struct cli *cli);
int rmg_prove_verb(struct cli *cli);
int rmg_verify_proof(struct cli *cli); /* verify --proof */
int rmg_query_verb(struct cli *cli);
int rmg_run_verb(struct cli *cli);
/* Options that lie beside their verb. */
extern const struct cli_option rmg_sign_options[];
extern const struct cli_option rmg_prove_options[];

/* The same on states that are there already, with the options of those verbs: whoever calls one
 * has RMG_x_OPTIONS in its table, and "limit" where there is something to list. */
#define RMG_LS_OPTIONS                                                                             \
    CLI_OPTION(CLI_FLAG, "long", 'l', NULL, "also how many edges leave and enter"),                \
        CLI_OPTION(CLI_FLAG, "recursive", 'R', NULL, "also the instances that are nested in it"),  \
        CLI_OPTION(CLI_TEXT, "type", 0, "TYPE",                                                    \
                   "only nodes of this type: its name or 64 hex digits")
#define RMG_CAT_OPTIONS                                                                            \
    CLI_OPTION(CLI_TEXT, "raw", 0, "NAME", "only the bytes of the value of that name, as they are")
#define RMG_QUERY_OPTIONS                                                                          \
    CLI_OPTION(CLI_NUMBER, "budget", 'b', "N", "stop after looking at N nodes and edges",          \
               .fallback = "50000000", .min = 1)
extern const char *const rmg_diff_pictures[];
#define RMG_DIFF_OPTIONS                                                                           \
    CLI_OPTION(CLI_FLAG, "stat", 's', NULL, "numbers only, an instance a line"),                   \
        CLI_OPTION(CLI_FLAG, "names", 0, NULL, "what changed, not how"),                           \
        CLI_OPTION(CLI_CHOICE, "graph", 'g', "dot",                                                \
                   "a picture for Graphviz on stdout: came, went, changed",                        \
                   .choices = rmg_diff_pictures),                                                  \
        CLI_OPTION(CLI_FLAG, "exit-code", 0, NULL, "exit 1 when something differs"),               \
        CLI_OPTION(CLI_TEXT, "out", 'o', "OUT.patch",                                              \
                   "write the difference as a patch, for rmg apply")
int rmg_ls_of(struct cli *cli, const struct format_graph *graph, const char *path);
int rmg_cat_of(struct cli *cli, const struct format_graph *graph, const char *path);
int rmg_diff_of(struct cli *cli, const struct format_graph graph[2]);
int rmg_query_of(struct cli *cli, const struct format_graph *graph, const char *text);

/* A state from the operands, in a format by --from or as the first one tells. Release it
 * whatever comes back; an exit code other than CLI_OK has its error said. report may be NULL. */
int rmg_load(struct cli *cli, struct format_graph *graph, const struct format **format,
             struct import_report *report);
/* The same from one operand alone, for verbs that take several states. */
int rmg_load_operand(struct cli *cli, uint32_t index, struct format_graph *graph);
/* The same with types for the values (schema), or learning the names of types; each may be NULL. */
int rmg_load_typed(struct cli *cli, struct format_graph *graph, const struct format **format,
                   struct import_report *report, const struct rmg_schema *schema,
                   struct rmg_schema *names);
/* One file, its format told by its name or its first bytes. */
int rmg_load_path(struct cli *cli, const char *path, struct format_graph *graph,
                  const struct format **format);
/* A .jitos file, with what it imports; free it with jit_heap_libc(). What is wrong has been said.
 */
struct lang_system;
int rmg_system_load(struct cli *cli, const char *path, struct lang_system **out);
/* Types from a .jitos file (the built-in ones with them), or from the /schema of a graph. What is
 * wrong has been said. refuse: what rmg_schema_read found. */
int rmg_schema_load(struct cli *cli, const char *path, struct rmg_schema **out);
int rmg_schema_refuse(struct cli *cli, const char *path, enum jit_err err,
                      const struct rmg_schema_fault *fault);
/* Put these types into the graph's /schema, with those that are there already. CLI_NO: they
 * conflict; all of it has been said. */
int rmg_schema_install(struct cli *cli, const struct rmg_schema *schema,
                       struct format_graph *graph);
/* Format by --from, else by the first operand. CLI_OK or CLI_USAGE. */
int rmg_format(struct cli *cli, const struct format **format);
/* Why a file could not be read, and the exit code of that; what was to be read and what to do next
 * are the caller's to say. */
int rmg_unread(struct cli *cli, enum jit_err err, const char *path);

/* Writes what the job has (graph, history, instance, head) where -o says, by the options out, label
 * and partial of the verb; the rest of the job is filled in. */
int rmg_export_write(struct cli *cli, const struct format *format, struct export_job *job);
/* --instance: a path, or 64 hex digits; NULL when it is not given. */
const struct jit_id *rmg_export_instance(struct cli *cli, struct jit_id *id);

/* A file that is whole or not there, and says what went wrong. */
struct rmg_output {
    struct cli *cli;
    struct jit_whole whole;
};
#define RMG_OUTPUT_CLOSED ((struct rmg_output){.whole = {.fd = -1}})
int rmg_output_open(struct rmg_output *out, struct cli *cli, const char *path);
/* keep: make it appear; else leave nothing. CLI_OK; CLI_HOST or CLI_NOT_FOUND (its folder), said.
 */
int rmg_output_close(struct rmg_output *out, bool keep);
/* Says why path cannot be written; error: an errno. CLI_HOST or CLI_NOT_FOUND. */
int rmg_output_refused(struct cli *cli, const char *path, int error);
/* What is open becomes an .rmg file of that graph, and is closed. */
int rmg_output_state(struct rmg_output *out, const struct format_graph *graph);
/* A file of these bytes. */
int rmg_output_all(struct cli *cli, const char *path, const uint8_t *bytes, size_t size);

#endif
