/* rmg/store/image_priv.h - what the writer and the reader of images share. Layer: rmg. */
#ifndef JIT_RMG_IMAGE_PRIV_H
#define JIT_RMG_IMAGE_PRIV_H

#include "rmg/store/image.h"
#include "rmg/store/store_priv.h"

/* The number of the layout: of struct trie_node, of all leaves, of trie_specs and of what follows
 * here. Any change of them is a new number; other numbers are not read. Bytes lie as in the memory
 * of the machine. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define IMAGE_LAYOUT 1u
#else
#define IMAGE_LAYOUT 0x80000001u
#endif

#define IMAGE_EPOCH 1u /* in which all its cells were made: the first of a store */
#define IMAGE_FIRST 1u /* reference of a block's first granule: 0 means none */

/* The order of the maps in a block: indexes follow the map whose leaves they are over, and
 * attachments come behind what they are on. */
static const enum rmg_map image_order[RMG_MAPS] = {
    RMG_NODES, RMG_NODE_TYPES, RMG_EDGES, RMG_EDGE_TYPES, RMG_OUT, RMG_IN, RMG_ALPHA, RMG_BETA};

/* The leaf of an owner at most: names of 255 bytes, atoms that are inline. */
#define IMAGE_OWNER_MAX                                                                            \
    (sizeof(struct leaf_owner) +                                                                   \
     JIT_ATTACHMENTS_MAX * (sizeof(struct leaf_entry) + sizeof(struct leaf_cell) +                 \
                            JIT_NAME_BYTES_MAX + ATOM_INLINE_MAX + 4u))

static inline bool image_of_owners(enum rmg_map map)
{
    return map == RMG_ALPHA || map == RMG_BETA;
}

/* ---- judging a block (image_check.c) ---- */

struct image_check; /* scratch of fixed size */
struct image_block {
    const struct rmg_arena *arena;
    uint32_t ref;   /* of the block; 0: it is empty */
    uint64_t bytes; /* of it */
    uint64_t owner_bytes[2];
    const struct jit_id *map_root; /* of the hashed maps, as the table says */
};
JIT_MUST_CHECK enum jit_err image_check_new(struct jit_heap *heap, struct image_check **out);
void image_check_free(struct jit_heap *heap, struct image_check *check); /* may be NULL */
/* A block, in pieces: begin; some, each time more of its bytes are there, at last with all of them;
 * end. in and roots are borrowed. roots has the counts, and gets the references. Those inside the
 * block are made the arena's on the way. Errors: JIT_ECORRUPT; then the block is of no use any
 * more. */
JIT_MUST_CHECK enum jit_err
image_check_begin(struct image_check *check, const struct image_block *in, struct rmg_roots *roots);
JIT_MUST_CHECK enum jit_err image_check_some(struct image_check *check, uint64_t filled);
JIT_MUST_CHECK enum jit_err image_check_end(const struct image_check *check, uint64_t *portals);

static inline uint64_t image_round(uint64_t size)
{
    return (size + RMG_GRANULE - 1) / RMG_GRANULE * RMG_GRANULE;
}

#endif
