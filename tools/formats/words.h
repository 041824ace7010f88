/* tools/formats/words.h - ids, types and names in the formats that have words for them: what the
 * readers and the writers of JSON, GraphML, GEXF and DOT agree on.
 * Spec: docs/spec/formats.md, "IDs, types and values in words". Layer: tools; private to the
 * formats.
 */
#ifndef JIT_TOOLS_FORMATS_WORDS_H
#define JIT_TOOLS_FORMATS_WORDS_H

#include "base/limits.h"
#include "rmg/store/codec.h"

#define WORDS_ID        "rmg-id:" /* an id itself: 64 hex digits follow */
#define WORDS_ESCAPE    "rmg:"    /* a name that would be taken for something else */
#define WORDS_NODE_TYPE ":LABEL"  /* the type of a node, if it is not Node */
#define WORDS_EDGE_TYPE ":TYPE"   /* the type of an edge, if it is not EDGE */
#define WORDS_SPARE_ID  ":ID"     /* holds an ID whose node has another value `id` */
#define WORDS_INSTANCE  "rmg-instance"
#define WORDS_ROOT      "rmg-root"
#define WORDS_LABEL     "rmg-label" /* IDs are the values of this name, or no values */

#define WORDS_NODE "Node"
#define WORDS_EDGE "EDGE"

#endif
