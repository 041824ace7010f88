/* rmg/file/mount.h - an instance that is not there until somebody descends to it.
 * Spec:  docs/spec/mount.md; DESIGN 4.4 (schemas are compared), 4.6 (only what is verified).
 * Layer: rmg; base only.
 *
 * Where the portal will be lies an atom of `type:cold`: the state root of what is to be mounted,
 * and the id that its top instance gets. So a state says by hash what belongs there without holding
 * it. The first descent puts the instances of a file in and a portal in place of the atom, in one
 * transaction; a slot with nothing in it can be mounted on as well.
 *
 * What is mounted is a state in a store of its own: rmg_file_load() and rmg_wsc_load() give one,
 * and only when all of the file was verified. */
#ifndef JIT_RMG_MOUNT_H
#define JIT_RMG_MOUNT_H

#include "rmg/change/diff.h"
#include "rmg/file/envelope.h"
#include "rmg/schema/schema.h"

struct rmg_cold {
    struct jit_id state_root; /* of the file */
    struct jit_id instance;   /* the id its top instance gets */
};

#define RMG_COLD_BYTES (2u * JIT_ID_BYTES)

/* The value for a slot, its bytes in `bytes`; and back: false when the value is nothing cold. */
void rmg_cold_value(const struct rmg_cold *cold, uint8_t bytes[RMG_COLD_BYTES],
                    struct rmg_value *out);
bool rmg_cold_of(const struct rmg_value *value, struct rmg_cold *out);

struct rmg_mount {
    struct rmg_state from;           /* what the file holds: the newest version of its store */
    const struct rmg_parent *slot;   /* where the portal goes; present */
    const struct jit_id *instance;   /* id for its top instance; NULL: the atom's, else its own */
    const struct jit_id *schema;     /* hash of its types that a .wsc says; NULL, zeros: none */
    const struct jit_id *state_root; /* that it must have; NULL: the atom's, if there is one */
    /* Who may stand for the file: one of these must have signed its state root. Count 0: nobody. */
    const uint8_t (*signers)[JIT_SIGN_PUBLIC_BYTES];
    uint32_t signer_count;
    const struct rmg_envelope *envelope; /* the signatures that came with it; NULL: none */
};

/* Why not. */
struct rmg_mount_fault {
    const char *what; /* a sentence without a full stop */
    struct jit_id id; /* the instance, owner or root that it is about; zeros: none */
    char schema[256]; /* a conflict of types: the first one, "" else */
};

/* Mount on the newest version of a store; *version becomes the one after. Types: when both sides
 * have /schema, those of the file must be among the store's, and its /schema stays behind; when
 * only the file has one it comes along; when the file says a hash alone it must be the store's.
 * Errors, with a fault (which may be NULL): JIT_ENOENT (no such slot), JIT_EEXIST (the slot is in
 * use, it is mounted already, or an instance with such an id is there), JIT_EDIVERGED (another
 * state root than the slot says), JIT_ECAP (none of the signers has signed it), JIT_ECORRUPT (a
 * signer's signature is wrong), JIT_ECONFLICT (types), JIT_ELIMIT (depth, instances),
 * JIT_EINVALID (the slot wants another id; the empty version); without: JIT_ENOMEM, JIT_ENOSPC,
 * JIT_ECORRUPT. After an error nothing has changed. */
JIT_MUST_CHECK enum jit_err rmg_mount(struct jit_heap *heap, struct rmg_store *store,
                                      struct rmg_version *version, const struct rmg_mount *mount,
                                      struct rmg_mount_fault *fault);

/* Go through a slot: the instance its portal leads to. When the slot is cold, find() is asked for
 * what belongs there (a file that is loaded into a store of its own), and it is mounted first; the
 * caller lets go of it afterwards. find's error ends it. Errors: as above; JIT_ENOENT also when
 * there is neither a portal nor something cold. */
JIT_MUST_CHECK enum jit_err
rmg_descend(struct jit_heap *heap, struct rmg_store *store, struct rmg_version *version,
            const struct rmg_parent *slot,
            enum jit_err (*find)(void *user, const struct rmg_cold *cold, struct rmg_mount *mount),
            void *user, struct jit_id *instance, struct rmg_mount_fault *fault);

#endif
