/* tests/sws/sws_kit.h - what tests of sws begin with: what must succeed, and ids. */
#ifndef JIT_TESTS_SWS_KIT_H
#define JIT_TESTS_SWS_KIT_H

#include <check.h>
#include <string.h>

#include "base/err.h"
#include "base/id.h"
#include "tests/lib/must.h"

/* Of one of few elements: far from each other in a map. */
static inline struct jit_id pool(uint64_t n)
{
    struct jit_id id = {{0}};
    id.bytes[0] = (uint8_t)(n * 41 + 7);
    id.bytes[31] = (uint8_t)(n + 1);
    return id;
}

/* Of one of many. */
static inline struct jit_id id_of(uint64_t n)
{
    struct jit_id id = {{0}};
    id.bytes[0] = (uint8_t)(n * 37);
    memcpy(id.bytes + 8, &n, sizeof n);
    id.bytes[31] = 1;
    return id;
}

#endif
