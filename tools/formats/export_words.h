/* tools/formats/export_words.h - ids, types and values in words, for the writers; the other side of
 * net.h. Spec: docs/spec/formats.md, "IDs, types and values in words". Layer: tools; private to the
 * formats. */
#ifndef JIT_TOOLS_FORMATS_EXPORT_WORDS_H
#define JIT_TOOLS_FORMATS_EXPORT_WORDS_H

#include <string.h>

#include "tools/formats/export_priv.h"
#include "tools/formats/words.h"

/* The codec a value can be written by in words, and the value itself; NONE: it is not canonical for
 * its codec, or there are no words for it. */
enum rmg_codec export_readable(const struct rmg_value *value, struct rmg_datum *datum);
/* A bool, i64, f64 or f32. */
void export_number(struct export_writer *w, const struct rmg_datum *datum);
/* In quotes, escaped. */
void export_json_string(struct export_writer *w, const char *text, size_t size);

/* How the things of one instance are called. */
struct export_words {
    const struct export_job *job;
    struct format_names *names;
    struct rmg_graph view;
    struct rmg_instance in;
    bool (*fits)(const char *text, size_t size); /* can the format write this ID? NULL: all */
};

/* Release it also after an error. */
JIT_MUST_CHECK enum jit_err export_words_init(struct export_words *words,
                                              const struct export_job *job);
void export_words_release(struct export_words *words);
void export_words_enter(struct export_words *words, const struct rmg_instance *in);

struct export_id {
    bool any;         /* false: an edge that gets its id by its number */
    bool number;      /* from an i64 */
    const char *fold; /* the value that the ID itself is, not to be written again; or NULL */
    size_t size;
    char text[JIT_LABEL_BYTES_MAX + 1];
};
JIT_MUST_CHECK enum jit_err export_node_id(const struct export_words *words,
                                           const struct jit_id *node, struct export_id *out);
JIT_MUST_CHECK enum jit_err export_edge_id(const struct export_words *words,
                                           const struct rmg_edge *edge, struct export_id *out);
/* Is the id made of this value? Then it is what `out` says. prefix: "node:" or "edge:". */
bool export_label_is(const struct export_words *words, const char *prefix, const struct jit_id *id,
                     const struct rmg_value *value, struct export_id *out);
/* An instance's id. */
void export_instance_id(const struct jit_id *id, struct export_id *out);

/* The type in words; NULL when it is the one of `plain`, which need not be said. */
const char *export_type(const struct export_words *words, const struct jit_id *type,
                        const char *plain, char out[JIT_ID_HEX + 16]);

/* Says what cannot be written of a node or an edge, and which it is; returns err. */
enum jit_err export_fail_owner(const struct export_words *words, enum rmg_plane plane,
                               const struct jit_id *owner, enum jit_err err, const char *what);

/* A top instance `/` with its root node: readers take these when nothing is said. */
bool export_is_usual(const struct rmg_instance *in);

/* The root node need not be listed: it is no more than the graph's own values. */
JIT_MUST_CHECK enum jit_err export_root_plain(const struct export_words *words, bool *plain);
/* What the graph says of itself: a bool on its root node. */
JIT_MUST_CHECK enum jit_err export_flag(const struct export_words *words, const char *name,
                                        bool fallback, bool *flag);
/* No two edges have the same ends. */
JIT_MUST_CHECK enum jit_err export_is_simple(const struct export_words *words, bool directed,
                                             bool *simple);

/* The name as it is written: escaped when it is one of `taken` (ended by NULL) or begins as what we
 * write ourselves does. */
size_t export_name(const struct rmg_attachment *attachment, const char *const *taken,
                   char out[JIT_NAME_BYTES_MAX + 16]);

/* name may be NULL: no. */
static inline bool export_is_named(const struct rmg_attachment *attachment, const char *name)
{
    return name != NULL && strlen(name) == attachment->name_size &&
           memcmp(name, attachment->name, attachment->name_size) == 0;
}

/* All instances, the top one first, parents before children; the caller frees the list. */
struct export_place {
    struct jit_id id;
    uint32_t depth;
};
JIT_MUST_CHECK enum jit_err export_instances(const struct export_job *job,
                                             struct export_place **list, size_t *count);

#endif
