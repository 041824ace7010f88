/* rmg/store/index_priv.h - columns of an index. Layer: rmg. */
#ifndef JIT_RMG_STORE_INDEX_PRIV_H
#define JIT_RMG_STORE_INDEX_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "rmg/store/index.h"

#define NONE UINT32_MAX

struct index_field {
    enum rmg_codec codec;
    uint32_t name_size;
    char name[JIT_NAME_BYTES_MAX + 1];
};

/* Values that some node has, or had: nodes are chained from `first` on. */
struct index_bucket {
    uint64_t hash;
    uint8_t *bytes; /* u32 size || value, each field */
    uint32_t size;
    uint32_t count; /* nodes; 0: it is free, and chained by `next` */
    uint32_t first;
    uint32_t next; /* of one hash slot */
};

struct index_entry {
    struct jit_id node;
    uint32_t bucket; /* NONE: it is free, and chained by `chain` */
    uint32_t next;   /* of the bucket */
    uint32_t prev;
    uint32_t chain; /* of one hash slot */
};

struct index_column {
    struct jit_id type;
    uint32_t field_count;
    struct index_field *fields;
    struct index_bucket *buckets;
    size_t bucket_room;
    uint32_t bucket_count; /* that were ever used */
    uint32_t bucket_free;
    struct index_entry *entries;
    size_t entry_room;
    uint32_t entry_count;
    uint32_t entry_free;
    uint32_t *by_values; /* heads; one mask for both */
    uint32_t *by_node;
    uint32_t slots; /* a power of two, 0: none yet */
};

struct index_part {
    const uint8_t *bytes;
    uint32_t size;
    uint8_t word[8];
};

/* ---- index_column.c ---- */
/* Equal values, as rmg/rules compares them, are equal bytes: there is one NaN and one zero. */
void index_part_of(const struct rmg_datum *datum, struct index_part *part);
const uint8_t *index_part_bytes(const struct index_part *part);
uint64_t index_hash_of(const struct index_part *parts, uint32_t count);
/* What a node has in one field; *has: there is a value of the codec. */
JIT_MUST_CHECK enum jit_err index_value_of(const struct rmg_graph *graph, const struct jit_id *node,
                                           const char *name, uint32_t name_size,
                                           enum rmg_codec codec, struct rmg_datum *datum,
                                           bool *has);
void index_column_release(struct jit_heap *heap, struct index_column *column);
uint32_t index_bucket_find(const struct index_column *column, uint64_t hash,
                           const struct index_part *parts);
void index_column_remove(struct jit_heap *heap, struct index_column *column,
                         const struct jit_id *node);
/* A node of the column's type, as it is in this version. */
JIT_MUST_CHECK enum jit_err index_column_take(struct jit_heap *heap, struct index_column *column,
                                              const struct rmg_graph *graph,
                                              const struct jit_id *node);
JIT_MUST_CHECK enum jit_err index_column_fill(struct jit_heap *heap, struct index_column *column,
                                              const struct rmg_graph *graph);

#endif
