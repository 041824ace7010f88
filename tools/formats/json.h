/* tools/formats/json.h - what the reader and the writer of node-link JSON agree on.
 * Spec: docs/spec/formats.md, "JSON". Layer: tools; private to the formats. */
#ifndef JIT_TOOLS_FORMATS_JSON_H
#define JIT_TOOLS_FORMATS_JSON_H

#include <jansson.h>

#include "base/hash.h"

#define JSON_INSTANCES "rmg-instances" /* the graphs that portals lead to */
#define JSON_ATOM_TYPE "rmg-type"      /* {"rmg-type": TYPE, "hex": HEX} is an atom */
#define JSON_ATOM_HEX  "hex"
#define JSON_PORTAL    "rmg-portal" /* {"rmg-portal": ID} is a portal */

/* Arrays and objects are atoms of the type `json`: their text, written with these flags. */
#define JSON_TEXT_FLAGS (JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17))
#define JSON_TEXT_TYPE  "json"
/* A `json` atom nested deeper is written in hex: with what is around it, it would be refused. */
#define JSON_TEXT_DEPTH 56u

static inline void json_type_id(struct jit_id *id)
{
    jit_hash_named("type:", JSON_TEXT_TYPE, sizeof JSON_TEXT_TYPE - 1, id);
}

#endif
