/* base/check.h - assertions stay in every build: a violated invariant stops the program before it
 * writes anything (STYLE, first kind of failure). */
#ifndef JIT_BASE_CHECK_H
#define JIT_BASE_CHECK_H

#ifdef NDEBUG
#error "JITOS is never built with NDEBUG: its assertions are part of its promise"
#endif

#include <assert.h>

#endif
