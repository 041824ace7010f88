/* tests/lib/must.h - must(call): a call that has to give JIT_OK. Where it does not, the program
 * says the place, the call and the error on stderr and aborts; in a program of Check's that ends
 * the one case. Without Check, so that benches and fuzz targets use it too. */
#ifndef JIT_TESTS_MUST_H
#define JIT_TESTS_MUST_H

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"

/* What is done then; a test of mutants, which waits for it, has something else to do. */
#ifndef MUST_FAILED
#define MUST_FAILED abort
#endif

static inline void must_be_ok(enum jit_err err, const char *call, const char *file, int line)
{
    if (err != JIT_OK) {
        fprintf(stderr, "%s:%d: %s: %s\n", file, line, call, jit_err_text(err));
        MUST_FAILED();
    }
}

#define must(...) must_be_ok((__VA_ARGS__), #__VA_ARGS__, __FILE__, __LINE__)

#endif
