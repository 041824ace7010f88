/* Which mutant a program of tests/rmg/test_mutants.sh is: that of the variable RMG_MUTANT, by its
 * number ("list": says which there are and ends). Its tests end at the first assertion that fails,
 * with 9. */
#include "rmg/rules/mutant.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum rmg_mutant rmg_mutant = RMG_MUTANT_NONE;

static const char *const texts[][2] = {
#define X(name, by, text) [name] = {by, text},
    RMG_MUTANT_MAP(X)
#undef X
};

__attribute__((constructor)) static void choose(void)
{
    const char *chosen = getenv("RMG_MUTANT");
    if (chosen != NULL && strcmp(chosen, "list") == 0) {
        for (unsigned i = RMG_MUTANT_NONE + 1; i < RMG_MUTANT_COUNT; i++) {
            printf("%u\t%s\t%s\n", i, texts[i][0], texts[i][1]);
        }
        exit(fflush(stdout) == 0 ? 0 : 1);
    }
    unsigned long number = chosen == NULL ? 0 : strtoul(chosen, NULL, 10);
    rmg_mutant = number < RMG_MUTANT_COUNT ? (enum rmg_mutant)number : RMG_MUTANT_NONE;
}

/* In place of Check's own (-D in local.mk). */
void _ck_assert_failed(const char *file, int line, const char *expr, const char *msg, ...)
{
    va_list args;
    printf("%s:%d: %s", file, line, expr);
    va_start(args, msg);
    if (msg != NULL) {
        printf(": ");
        vprintf(msg, args);
    }
    va_end(args);
    printf("\n");
    fflush(stdout);
    _exit(9);
}
