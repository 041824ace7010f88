/* tests/lib/named.h - the id of what has a name: named("type:", "Cell"). */
#ifndef JIT_TESTS_NAMED_H
#define JIT_TESTS_NAMED_H

#include <string.h>

#include "base/hash.h"

static inline struct jit_id named(const char *prefix, const char *label)
{
    struct jit_id id;
    jit_hash_named(prefix, label, strlen(label), &id);
    return id;
}

static inline struct jit_id type_of(const char *name)
{
    return named("type:", name);
}

#endif
