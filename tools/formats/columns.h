/* tools/formats/columns.h - for formats that declare their attributes first: which there are, a
 * number each, found in a dry pass before the writing. Layer: tools; private to the formats. */
#ifndef JIT_TOOLS_FORMATS_COLUMNS_H
#define JIT_TOOLS_FORMATS_COLUMNS_H

#include "tools/formats/export_words.h"
#include "tools/formats/import_priv.h"

#define COLUMNS_COUNT_MAX 65536u

enum column_domain { COLUMN_NODE, COLUMN_EDGE, COLUMN_GRAPH };

struct column {
    enum column_domain domain;
    enum rmg_codec codec; /* NONE: in hex */
    struct jit_id type;
    uint32_t name_size;
    char name[JIT_NAME_BYTES_MAX + 16]; /* as it is written */
};

struct columns {
    struct jit_heap *heap;
    struct column *list;
    size_t count;
    size_t capacity;
    struct import_seen index; /* hash of a column -> index + 1 */
};

void columns_init(struct columns *columns, struct jit_heap *heap);
void columns_release(struct columns *columns);

/* The column of a value that is no portal; added when it is not there. taken: names that stand for
 * something else (export_name). Errors: JIT_ENOMEM; JIT_ELIMIT (too many) and JIT_ENOTSUP (a name
 * that XML has no characters for), said in the job's error. */
JIT_MUST_CHECK enum jit_err columns_add(struct columns *columns, const struct export_words *words,
                                        enum column_domain domain, const struct jit_id *owner,
                                        const struct rmg_attachment *attachment,
                                        const char *const *taken, size_t *index);

#endif
