/* tools/formats/gexf.h - what the reader and the writers of GEXF agree on.
 * Spec: docs/spec/formats.md, "GEXF". Layer: tools; private to the formats. */
#ifndef JIT_TOOLS_FORMATS_GEXF_H
#define JIT_TOOLS_FORMATS_GEXF_H

#include <string.h>

#include "tools/formats/columns.h"
#include "tools/formats/xml.h"

/* Types of attributes; the first of a codec is the one that is written. */
static const struct {
    const char *word;
    enum rmg_codec codec;
} gexf_types[] = {{"boolean", RMG_CODEC_BOOL},     {"long", RMG_CODEC_I64},
                  {"integer", RMG_CODEC_I64},      {"short", RMG_CODEC_I64},
                  {"byte", RMG_CODEC_I64},         {"double", RMG_CODEC_F64},
                  {"float", RMG_CODEC_F32},        {"string", RMG_CODEC_TEXT},
                  {"anyURI", RMG_CODEC_TEXT},      {"char", RMG_CODEC_TEXT},
                  {"date", RMG_CODEC_TEXT},        {"dateTime", RMG_CODEC_TEXT},
                  {"biginteger", RMG_CODEC_TEXT},  {"bigdecimal", RMG_CODEC_TEXT},
                  {"liststring", RMG_CODEC_TEXT},  {"listboolean", RMG_CODEC_TEXT},
                  {"listinteger", RMG_CODEC_TEXT}, {"listlong", RMG_CODEC_TEXT},
                  {"listfloat", RMG_CODEC_TEXT},   {"listdouble", RMG_CODEC_TEXT}};

/* What <meta> says is the graph's own. */
static const char *const gexf_meta[] = {"creator", "description", "keywords", NULL};
#define GEXF_DATE "lastmodifieddate"

/* Elements of the namespace viz are texts "r=1 g=2": one name=value an attribute. */
#define GEXF_VIZ "viz:"

/* The first word for a codec; hex is a string. */
static inline const char *gexf_type(enum rmg_codec codec)
{
    for (size_t i = 0; i < sizeof gexf_types / sizeof *gexf_types; i++) {
        if (gexf_types[i].codec == codec) {
            return gexf_types[i].word;
        }
    }
    return "string";
}

struct gexf_writer {
    struct export_writer w;
    struct export_words words;
    struct columns columns;
    bool directed;
    struct jit_buf viz; /* elements of one owner, which come behind its values */
};

/* Up to the nodes: the document, <meta>, <graph> and the attributes. The graph's own values that
 * have a place there are written there; dynamic: with times from begin to end. */
struct gexf_times {
    uint64_t begin;
    uint64_t end;
};
JIT_MUST_CHECK enum jit_err gexf_put_head(struct gexf_writer *g, const struct gexf_times *times);
/* A history (gexf_history.c). */
JIT_MUST_CHECK enum jit_err gexf_history(struct gexf_writer *g);
/* A portal: refused, or counted. */
JIT_MUST_CHECK enum jit_err gexf_portal(struct gexf_writer *g, enum rmg_plane plane,
                                        const struct jit_id *owner);

/* Names that stand for something else. */
extern const char *const gexf_node_names[];
extern const char *const gexf_edge_names[];

#endif
