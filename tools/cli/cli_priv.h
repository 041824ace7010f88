/* tools/cli/cli_priv.h - what the files of the framework share. */
#ifndef JIT_TOOLS_CLI_CLI_PRIV_H
#define JIT_TOOLS_CLI_CLI_PRIV_H

#include <stdarg.h>

#include "tools/cli/cli.h"

extern const struct cli_option cli_builtin[]; /* ended by one without a name */

/* Reads the command line into cli. CLI_OK: run the verb. Else *done says whether help or the like
 * was printed (then the code is final) or an error was set. */
int cli_parse(struct cli *cli, int argc, char **argv, bool *done);

void cli_help_program(const struct cli *cli);
void cli_help_short(const struct cli *cli);
void cli_help_full(const struct cli *cli);
extern const char cli_exit_codes[];
/* scdoc's source of the manual page; scripts for the shells. */
void cli_print_man(const struct cli_program *program, FILE *out);
void cli_print_bash(const struct cli_program *program, FILE *out);
void cli_print_zsh(const struct cli_program *program, FILE *out);
const char *cli_command(const struct cli *cli, char *out, size_t size); /* "rmg import" */

bool cli_is_control(char c);

void cli_line_clear(struct cli *cli);

#endif
