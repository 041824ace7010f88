/* tools/formats/csv.h - records of RFC 4180: fields by commas, lines by LF or CRLF, quotes doubled
 * within quotes, line ends allowed there. A byte order mark of UTF-8 is skipped; what is no UTF-8,
 * a NUL, a stray quote and a lone CR are faults with a place.
 * Layer: tools; private to the formats. */
#ifndef JIT_TOOLS_FORMATS_CSV_H
#define JIT_TOOLS_FORMATS_CSV_H

#include "tools/formats/import_priv.h"

#define CSV_FIELDS_MAX 1024u

struct csv_field {
    const char *text; /* valid until the next record */
    size_t size;
    bool quoted;
    uint64_t line; /* where it begins, from 1 */
    uint64_t column;
    size_t offset; /* private */
};

struct csv {
    struct import_input input;
    struct jit_buf text;
    struct csv_field *fields; /* CSV_FIELDS_MAX */
    uint32_t count;
    uint64_t line; /* of the next byte */
    uint64_t column;
    bool begun;
};

/* Close it also after an error. */
JIT_MUST_CHECK enum jit_err csv_open(struct csv *csv, struct import *im, const char *path);
void csv_close(struct csv *csv);
/* The next record into fields and count; empty lines are no records. JIT_ENOENT at the end. */
JIT_MUST_CHECK enum jit_err csv_next(struct csv *csv);
/* Says that a field is wrong. */
void csv_place(const struct csv *csv, const struct csv_field *field, char place[IMPORT_PLACE_SIZE]);

#endif
