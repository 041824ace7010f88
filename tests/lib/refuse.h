/* tests/lib/refuse.h - what tests/lib/refuse.c counts and is told while the program runs: a file
 * that the program, those it forks and a test have mapped together. */
#ifndef JIT_TESTS_REFUSE_H
#define JIT_TESTS_REFUSE_H

#include <stdatomic.h>
#include <stdint.h>

#define REFUSE_PAGE_BYTES 4096u

struct refuse_page {
    _Atomic uint64_t asked;  /* requests so far; first: a script reads it with od */
    _Atomic uint64_t at;     /* the at-th is refused, from 1; 0: none */
    _Atomic uint64_t sticky; /* and each later one */
    _Atomic uint64_t fired;  /* one has been refused */
};

#endif
