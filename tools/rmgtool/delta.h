/* tools/rmgtool/delta.h - places and what they hold, for people and for scripts: what `rmg diff`,
 * `rmg merge` and `rmg apply` print alike. Layer: tools.
 *
 * JSON of a place has the keys that say in NDJSON where a thing is (docs/spec/formats.md), JSON of
 * a content those that say what it is. */
#ifndef JIT_TOOLS_RMGTOOL_DELTA_H
#define JIT_TOOLS_RMGTOOL_DELTA_H

#include "rmg/change/merge.h"
#include "tools/rmgtool/rmg.h"

#define DELTA_GRAPHS_MAX 3u

/* The states that names are looked up in: the first one that knows a thing names it. */
struct delta {
    struct cli *cli;
    const struct format_graph *graphs[DELTA_GRAPHS_MAX];
    struct format_names *names[DELTA_GRAPHS_MAX];
    uint32_t count;
};

JIT_MUST_CHECK enum jit_err delta_begin(struct delta *delta, struct cli *cli,
                                        const struct format_graph *const *graphs, uint32_t count);
void delta_end(struct delta *delta);

/* Text for people: one line, no control bytes, shortened. */
struct delta_text {
    char text[512];
    size_t size;
};
void delta_add(struct delta_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* "/world", or the first digits of the id. */
void delta_instance(const struct delta *delta, const struct jit_id *instance,
                    struct delta_text *text);
/* "node 7debf600ba62c882 "bash"", "value 7debf600ba62c882 "bash".state" */
void delta_place(const struct delta *delta, const struct rmg_place *place, struct delta_text *text);
/* "Package", "DEPENDS a -> b", "i64 7"; "-" for NULL. */
void delta_content(const struct delta *delta, const struct rmg_place *place,
                   const union rmg_content *content, struct delta_text *text);

/* Label of a node ("name"), or NULL. */
const char *delta_label(const struct delta *delta, const struct jit_id *instance,
                        const struct jit_id *node, uint32_t *size);
const char *delta_type(const struct delta *delta, const struct jit_id *type, char hex[JIT_ID_HEX]);

/* The name of a type, where it is known. */
json_t *delta_put_type(const struct delta *delta, json_t *object, const char *key,
                       const struct jit_id *type);

/* NULL without memory, which the next cli_emit() reports. */
json_t *delta_place_json(const struct rmg_place *place);
json_t *delta_content_json(enum rmg_part part, const union rmg_content *content);

/* The difference as a picture in DOT on stdout. An exit code, said. */
int delta_dot(const struct delta *delta, const struct rmg_state *before,
              const struct rmg_state *after);

#endif
