/* rmg/file/proof.h - a proof that a state has an element, or has not, for somebody who knows
 * nothing but its root. Spec:  DESIGN 4.2; docs/spec/proof.md says every byte. Layer: rmg; base
 * only.
 *
 * A proof names the plane and carries the hashes beside the way from the element up to the state
 * root; left or right is told by the bits of the id. Under 2 KB in a state of a million nodes with
 * hashed ids. Reading one allocates nothing and believes nothing: what it says holds exactly when
 * the root it leads to is the one that is trusted. */
#ifndef JIT_RMG_PROOF_H
#define JIT_RMG_PROOF_H

#include "base/buf.h"
#include "rmg/store/store.h"

enum rmg_proof_plane {
    RMG_PROOF_NODES = 1,
    RMG_PROOF_EDGES = 2,
    RMG_PROOF_ALPHA = 3, /* the values on a node */
    RMG_PROOF_BETA = 4,  /* the values on an edge */
    RMG_PROOF_INSTANCES = 5
};

struct rmg_proof {
    enum rmg_proof_plane plane;
    bool present;           /* false: the state has no such element */
    struct jit_id instance; /* that it is (not) in; of INSTANCES: the id again */
    struct jit_id id;
    const uint8_t *record; /* of DESIGN 4.2, borrowed; atoms by their hash; NULL when not present */
    uint64_t record_size;
    struct jit_id root; /* the state root that it leads to */
};

/* Append a proof about an element of a version. Of INSTANCES `instance` is not looked at. Cost:
 * O(log n). Errors: JIT_ENOENT (no such instance: prove that instead), JIT_ENOMEM, JIT_ELIMIT,
 * JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err rmg_prove(const struct rmg_store *store,
                                      const struct rmg_version *version, enum rmg_proof_plane plane,
                                      const struct jit_id *instance, const struct jit_id *id,
                                      struct jit_buf *out);

/* Bytes of a proof are never more than this. */
#define RMG_PROOF_BYTES_MAX (1u << 17)

/* Follow a proof up to its root. Compare proof.root with the root you trust: else it says nothing.
 * Errors: JIT_EFORMAT, JIT_EVERSION. */
JIT_MUST_CHECK enum jit_err rmg_proof_read(const uint8_t *bytes, size_t size,
                                           struct rmg_proof *out);

#endif
