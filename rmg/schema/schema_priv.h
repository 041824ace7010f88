/* rmg/schema/schema_priv.h - what the parts of a schema share: the atoms of a type's node. */
#ifndef JIT_RMG_SCHEMA_PRIV_H
#define JIT_RMG_SCHEMA_PRIV_H

#include "rmg/schema/schema.h"
#include "rmg/store/scratch.h"

/* The atoms whose meaning is known, by name. */
#define SCHEMA_ATOM_MAP(X)                                                                         \
    X(SCHEMA_ATOM_FIELDS, "fields")                                                                \
    X(SCHEMA_ATOM_FROM, "from")                                                                    \
    X(SCHEMA_ATOM_KIND, "kind")                                                                    \
    X(SCHEMA_ATOM_NAME, "name")                                                                    \
    X(SCHEMA_ATOM_TO, "to")
enum schema_atom {
#define X(name, text) name,
    SCHEMA_ATOM_MAP(X)
#undef X
        SCHEMA_ATOMS
};
extern const char *const schema_atom_names[SCHEMA_ATOMS];

#define SCHEMA_OTHERS_MAX  (JIT_ATTACHMENTS_MAX - SCHEMA_ATOMS)
#define SCHEMA_FIELD_ITEMS 5u

enum schema_atom schema_atom_of_name(const char *name, size_t size); /* SCHEMA_ATOMS: none */
void schema_type_id(const char *name, struct jit_id *out);           /* BLAKE3("type:" || name) */

#endif
