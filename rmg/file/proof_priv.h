/* rmg/file/proof_priv.h - the form of a proof, which maker and reader share: docs/spec/proof.md. */
#ifndef JIT_RMG_PROOF_PRIV_H
#define JIT_RMG_PROOF_PRIV_H

#include "rmg/file/proof.h"
#include "rmg/store/trie_priv.h"

#define PROOF_MAJOR    1u
#define PROOF_MINOR    0u
#define PROOF_BITS_MAX (JIT_ID_BYTES * 8u)

static const uint8_t proof_magic[4] = {0x4a, 0x50, 0x46, 0x00};

/* What stands where the way down ends. */
enum proof_end {
    PROOF_HERE = 1,  /* the element itself: its record */
    PROOF_OTHER = 2, /* the only element there is another one: its id and the hash of its value */
    PROOF_EMPTY = 3  /* nothing */
};

/* The map of a plane. */
static inline unsigned proof_map(enum rmg_proof_plane plane)
{
    return plane == RMG_PROOF_INSTANCES ? TRIE_INSTANCES : RMG_NODES + (unsigned)plane - 1u;
}

static inline bool proof_bit(const struct jit_id *id, unsigned bit)
{
    return (id->bytes[bit / 8u] >> (7u - bit % 8u) & 1u) != 0;
}

#endif
