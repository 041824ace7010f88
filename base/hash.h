/* base/hash.h - BLAKE3 as DESIGN 4 uses it: plain, keyed by a domain, and many inputs of one
 * size at once. K(x) = BLAKE3("jitos:v1:" || x); the keys are a constant table that a test
 * recomputes. Determinism: the result depends on the bytes only, never on the CPU or the number of
 * lanes. */
#ifndef JIT_BASE_HASH_H
#define JIT_BASE_HASH_H

#include <stdint.h>

#include "base/id.h"

/* One row a domain: its name in the code and its x in K(x). Add at the end. */
#define JIT_DOMAIN_MAP(X)                                                                          \
    X(JIT_K_VALUE_NODES, "value:nodes")                                                            \
    X(JIT_K_VALUE_EDGES, "value:edges")                                                            \
    X(JIT_K_VALUE_ALPHA, "value:alpha")                                                            \
    X(JIT_K_VALUE_BETA, "value:beta")                                                              \
    X(JIT_K_VALUE_INSTANCES, "value:instances")                                                    \
    X(JIT_K_LEAF_NODES, "leaf:nodes")                                                              \
    X(JIT_K_LEAF_EDGES, "leaf:edges")                                                              \
    X(JIT_K_LEAF_ALPHA, "leaf:alpha")                                                              \
    X(JIT_K_LEAF_BETA, "leaf:beta")                                                                \
    X(JIT_K_LEAF_INSTANCES, "leaf:instances")                                                      \
    X(JIT_K_ATOM, "atom")                                                                          \
    X(JIT_K_NODE, "node")                                                                          \
    X(JIT_K_SKELETON, "skeleton")                                                                  \
    X(JIT_K_ATTACHMENTS, "attachments")                                                            \
    X(JIT_K_CONTENT, "content")                                                                    \
    X(JIT_K_EDGE_ID, "edge-id")                                                                    \
    X(JIT_K_ID, "id")                                                                              \
    X(JIT_K_ORDER, "order")                                                                        \
    X(JIT_K_MATCH, "match")                                                                        \
    X(JIT_K_REQUEST, "request")                                                                    \
    X(JIT_K_PARAMS, "params")                                                                      \
    X(JIT_K_RANDOM, "random")                                                                      \
    X(JIT_K_PATCH, "patch")                                                                        \
    X(JIT_K_RECEIPTS, "receipts")                                                                  \
    X(JIT_K_BRANCH_ID, "branch-id")                                                                \
    X(JIT_K_LOG, "log")                                                                            \
    X(JIT_K_SCHEMA, "schema")                                                                      \
    X(JIT_K_COLLAPSE, "collapse")                                                                  \
    X(JIT_K_SEEN, "seen")

enum jit_domain {
#define X(name, text) name,
    JIT_DOMAIN_MAP(X)
#undef X
        JIT_DOMAIN_COUNT
};

/* K(domain), 32 bytes. */
const struct jit_id *jit_domain_key(enum jit_domain domain);

/* BLAKE3(bytes) and B3[K(domain)](bytes). size may be 0. */
void jit_hash(const void *bytes, size_t size, struct jit_id *out);
void jit_hash_key(enum jit_domain domain, const void *bytes, size_t size, struct jit_id *out);

/* BLAKE3(prefix || label): named ids of DESIGN 4.1, prefix for instance "node:". */
void jit_hash_named(const char *prefix, const void *label, size_t label_size, struct jit_id *out);

/* B3[K(domain)] of count inputs of `size` bytes each, side by side through the widest lanes the CPU
 * has: of short inputs a hash costs a fifth of a single one. in[i] may not overlap out. */
void jit_hash_many(enum jit_domain domain, const uint8_t *const *in, size_t size, size_t count,
                   struct jit_id *out);
/* Of messages of any sizes: those of one size that lie near each other go side by side. Reorders
 * the items; no message may overlap any out. */
struct jit_hash_item {
    const uint8_t *in;
    size_t size;
    struct jit_id *out;
};
void jit_hash_items(enum jit_domain domain, struct jit_hash_item *items, size_t count);
/* As jit_hash_many, of exactly 64 bytes each. */
void jit_hash_many64(enum jit_domain domain, const uint8_t *const *in, size_t count,
                     struct jit_id *out);

/* Streaming. The state is plain memory: no release needed. */
struct jit_hasher {
    _Alignas(16) uint8_t state[1920];
};
void jit_hasher_init(struct jit_hasher *hasher);
void jit_hasher_init_key(struct jit_hasher *hasher, enum jit_domain domain);
void jit_hasher_init_keyed(struct jit_hasher *hasher, const uint8_t key[JIT_ID_BYTES]);
void jit_hasher_update(struct jit_hasher *hasher, const void *bytes, size_t size);
void jit_hasher_final(const struct jit_hasher *hasher, struct jit_id *out);

#endif
