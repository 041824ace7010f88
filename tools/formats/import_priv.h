/* tools/formats/import_priv.h - what the importers share: reading with places, values by schema,
 * what has been seen. */
#ifndef JIT_TOOLS_FORMATS_IMPORT_PRIV_H
#define JIT_TOOLS_FORMATS_IMPORT_PRIV_H

#include "base/buf.h"
#include "tools/formats/format.h"

/* ---- one import under way ---- */

struct import {
    const struct import_source *source;
    struct rmg_collect *collect;
    struct jit_heap *heap;
    struct import_report *report;
    struct format_error *error;
    uint64_t bytes_done; /* of the inputs before the current one */
};

/* A whole version, as source->into and schema say. */
JIT_MUST_CHECK enum jit_err import_version(struct import *im, const struct format_graph *graph,
                                           const char *name);

/* The input is one file that holds a whole state: source->format->load, then import_version. */
JIT_MUST_CHECK enum jit_err import_loaded(struct import *im);

/* Says what is wrong and where; returns err. */
enum jit_err import_fail(struct import *im, enum jit_err err, const char *place, const char *format,
                         ...) __attribute__((format(printf, 4, 5)));

/* The id of a type that an input names; source->names learns it. Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err import_type_named(struct import *im, const char *name, size_t size,
                                              struct jit_id *type);

/* ---- values of one owner ---- */

struct import_owner {
    struct import *im;
    struct jit_id instance;
    enum rmg_plane plane;
    struct jit_id id;
    const struct rmg_schema_type *type; /* NULL: undeclared, or no schema */
    bool as_it_is;                      /* no schema judges it */
    uint32_t attachments;               /* added so far */
    bool seen[JIT_ATTACHMENTS_MAX];     /* by index of the field */
};

/* Counts the owner as a node or an edge. */
void import_owner_begin(struct import_owner *owner, struct import *im,
                        const struct jit_id *instance, enum rmg_plane plane,
                        const struct jit_id *id, const struct jit_id *type);
/* A value in words. Without a schema it is read as codec. place: of the value. */
JIT_MUST_CHECK enum jit_err import_owner_text(struct import_owner *owner, const char *name,
                                              size_t name_size, enum rmg_codec codec,
                                              const char *text, size_t size, const char *place);
/* A typed atom or a portal. */
JIT_MUST_CHECK enum jit_err import_owner_attachment(struct import_owner *owner,
                                                    const struct rmg_attachment *attachment,
                                                    const char *place);
/* Writes the defaults of what is missing. */
JIT_MUST_CHECK enum jit_err import_owner_end(struct import_owner *owner);

/* ---- reading ---- */

#define IMPORT_READ_BYTES (1u << 18)

struct import_input {
    struct import *im;
    const char *name; /* as the user wrote it */
    int fd;
    uint64_t size; /* 0: unknown */
    uint64_t read; /* bytes read so far */
    uint64_t line; /* of the byte or line last handed out, from 1 */
    uint8_t *data;
    size_t at;
    size_t end;
    size_t capacity;
    bool eof;
};

/* Errors: JIT_ENOENT, JIT_EPERM, JIT_EIO, JIT_ENOMEM; said in im->error. */
JIT_MUST_CHECK enum jit_err import_input_open(struct import_input *input, struct import *im,
                                              const char *path);
void import_input_of_fd(struct import_input *input, struct import *im, const char *name, int fd);
void import_input_close(struct import_input *input);
/* More bytes behind those not yet used; eof is set at the end. */
JIT_MUST_CHECK enum jit_err import_input_fill(struct import_input *input);
/* The next line without its end (LF or CRLF), borrowed until the next call. JIT_ENOENT at the end;
 * JIT_ELIMIT for a line of more than 16 MiB. */
JIT_MUST_CHECK enum jit_err import_input_line(struct import_input *input, const char **line,
                                              size_t *size);
/* "name:line:column" */
void import_place(char place[IMPORT_PLACE_SIZE], const char *name, uint64_t line, uint64_t column);

/* ---- what has been seen, and on which line ---- */

/* A key is known by 128 bits of its hash: two of an import have the same by chance never. */
struct import_seen {
    struct jit_heap *heap;
    struct import_seen_entry {
        uint64_t key[2];
        uint64_t line; /* 0: free */
    } * entries;
    size_t capacity;
    size_t count;
};

/* Adds the key; *line is the line it was first seen on if it was there already, else 0. */
JIT_MUST_CHECK enum jit_err import_seen_add(struct import_seen *seen, const struct jit_id *key,
                                            uint64_t now, uint64_t *line);
/* Any number but 0, over the one before. */
JIT_MUST_CHECK enum jit_err import_seen_set(struct import_seen *seen, const struct jit_id *key,
                                            uint64_t value);
uint64_t import_seen_get(const struct import_seen *seen, const struct jit_id *key); /* 0: not */
void import_seen_release(struct import_seen *seen);

/* ---- small things ---- */

JIT_MUST_CHECK enum jit_err import_parse(enum rmg_codec codec, const char *text, size_t size,
                                         struct rmg_datum *out, struct jit_buf *space);
bool import_hex_bytes(const char *hex, size_t size, struct jit_buf *out);

#endif
