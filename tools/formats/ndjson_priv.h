/* tools/formats/ndjson_priv.h - an NDJSON import at work, shared by its files. Layer: tools. */
#ifndef JIT_TOOLS_FORMATS_NDJSON_PRIV_H
#define JIT_TOOLS_FORMATS_NDJSON_PRIV_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "tools/formats/export_priv.h"
#include "tools/formats/import_priv.h"

/* What must turn out to be there once all lines are read. */
struct ndjson_promise {
    uint64_t line;
    struct jit_id instance;
    struct jit_id id;
    bool edge;
    const char *what;
};

struct ndjson_declared { /* an instance line */
    uint64_t line;
    struct jit_id id;
    struct jit_id root_node;
    struct rmg_parent parent;
};

struct ndjson_portal {
    uint64_t line;
    struct jit_id slot; /* key of the slot it lies in */
    struct jit_id target;
};

struct ndjson_reader {
    struct import *im;
    struct rmg_collect *collect; /* the source's own, or one of our own that is copied later */
    struct import_input input;
    struct import_report report; /* when it goes into another collect, a report of its own */
    struct import_seen seen;     /* nodes by themselves; edges and attachments by their keys */
    struct ndjson_declared *instances;
    size_t instance_count;
    size_t instance_capacity;
    struct ndjson_portal *portals;
    size_t portal_count;
    size_t portal_capacity;
    struct ndjson_promise *promises;
    size_t promise_count;
    size_t promise_capacity;
    struct jit_buf later; /* lines before their instance: u64 line || u64 size || bytes */
    struct jit_buf bytes; /* of an atom */
    uint32_t file;        /* being read */
    uint64_t line;        /* being taken */
    uint64_t last;        /* of the last file */
    json_t *object;
};

#define KEY_NODE 3 /* 1 and 2: attachments, by plane */
#define KEY_EDGE 4

/* ---- ndjson_fields.c ---- */
uint64_t ndjson_line_number(const struct ndjson_reader *r, uint64_t line);
/* what and detail: what is wrong with the line that is being taken. */
JIT_MUST_CHECK enum jit_err ndjson_fail(struct ndjson_reader *r, enum jit_err err, uint64_t column,
                                        const char *what, const char *detail);
JIT_MUST_CHECK enum jit_err ndjson_text_of(struct ndjson_reader *r, const char *key,
                                           const char **text, size_t *size);
JIT_MUST_CHECK enum jit_err ndjson_id_of(struct ndjson_reader *r, const char *key, bool zero,
                                         struct jit_id *id);
JIT_MUST_CHECK enum jit_err ndjson_plane_of(struct ndjson_reader *r, enum rmg_plane *plane);
JIT_MUST_CHECK enum jit_err ndjson_name_of(struct ndjson_reader *r, const char **name,
                                           uint32_t *size);
/* Every key of the object must be one of the list. */
JIT_MUST_CHECK enum jit_err ndjson_only(struct ndjson_reader *r, const char *const *keys);
void ndjson_key_of(uint8_t kind, const struct jit_id *instance, const struct jit_id *id,
                   const char *name, uint32_t name_size, struct jit_id *key);
JIT_MUST_CHECK enum jit_err ndjson_see(struct ndjson_reader *r, const struct jit_id *key,
                                       const char *what);
void *ndjson_grow(struct ndjson_reader *r, void **data, size_t *count, size_t *capacity,
                  size_t size);
/* Must be there in the end; most is there already. */
JIT_MUST_CHECK enum jit_err ndjson_promise(struct ndjson_reader *r, const struct jit_id *instance,
                                           const struct jit_id *id, bool edge, const char *what);

/* ---- ndjson_check.c ---- */
JIT_MUST_CHECK enum jit_err ndjson_check_state(struct ndjson_reader *r);

#endif
