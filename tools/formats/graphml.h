/* tools/formats/graphml.h - what the reader and the writer of GraphML agree on.
 * Spec: docs/spec/formats.md, "GraphML". Layer: tools; private to the formats. */
#ifndef JIT_TOOLS_FORMATS_GRAPHML_H
#define JIT_TOOLS_FORMATS_GRAPHML_H

#include <string.h>

#include "tools/formats/xml.h"

/* attr.type of a key; the first of a codec is the one that is written. */
static const struct {
    const char *word;
    enum rmg_codec codec;
} graphml_types[] = {{"boolean", RMG_CODEC_BOOL}, {"long", RMG_CODEC_I64},
                     {"int", RMG_CODEC_I64},      {"double", RMG_CODEC_F64},
                     {"float", RMG_CODEC_F32},    {"string", RMG_CODEC_TEXT}};

/* "rmg-id:...": an id itself. */
static inline bool graphml_is_id(const struct net_text *text)
{
    size_t lead = sizeof WORDS_ID - 1;
    return text->size >= lead && memcmp(text->text, WORDS_ID, lead) == 0;
}

#endif
