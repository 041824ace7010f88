/* rmg/store/codec.h - the built-in atom codecs: strict, canonical (DESIGN 4.1). decode succeeds
 * only if encoding again gives the same bytes. */
#ifndef JIT_RMG_CODEC_H
#define JIT_RMG_CODEC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "base/err.h"
#include "base/id.h"

#define RMG_CODEC_MAP(X)                                                                           \
    X(RMG_CODEC_BOOL, 1, bool)                                                                     \
    X(RMG_CODEC_I64, 2, i64)                                                                       \
    X(RMG_CODEC_F64, 3, f64)                                                                       \
    X(RMG_CODEC_F32, 4, f32)                                                                       \
    X(RMG_CODEC_TEXT, 5, text)                                                                     \
    X(RMG_CODEC_BYTES, 6, bytes)                                                                   \
    X(RMG_CODEC_ID, 7, id)                                                                         \
    X(RMG_CODEC_LIST, 8, list)

enum rmg_codec {
    RMG_CODEC_NONE = 0,
#define X(name, value, text) name = (value),
    RMG_CODEC_MAP(X)
#undef X
};

/* A decoded value. text, bytes, id, list: borrowed. */
struct rmg_datum {
    enum rmg_codec codec;
    union {
        bool boolean;
        int64_t i64;
        double f64; /* f32 as well, exactly representable */
    } as;
    const uint8_t *bytes;
    uint32_t size;
};

/* BLAKE3("type:bool") and so on: the atom type of a codec; a constant table that a test recomputes.
 */
const struct jit_id *rmg_codec_type(enum rmg_codec codec);
enum rmg_codec rmg_codec_of_type(const struct jit_id *type); /* NONE when it is no built-in */
enum rmg_codec rmg_codec_of_name(const char *name, size_t size);
const char *rmg_codec_name(enum rmg_codec codec);

/* Errors: JIT_EFORMAT. text must be UTF-8 as rmg_utf8_valid has it; at most JIT_ATOM_BYTES_MAX. */
JIT_MUST_CHECK enum jit_err rmg_codec_decode(enum rmg_codec codec, const uint8_t *bytes,
                                             uint32_t size, struct rmg_datum *out);
/* Appends the canonical bytes: NaN and -0.0 are made canonical here. */
void rmg_codec_encode(const struct rmg_datum *datum, struct jit_buf *buf);

/* ---- lists ---- */

/* A list whose elements have one codec has an atom type of its own, BLAKE3("type:list<" || codec ||
 * ">"); element NONE: of any bytes, type:list. */
const struct jit_id *rmg_codec_list_type(enum rmg_codec element);
/* The codec of an atom type, and of a list with one element codec that one; NONE: no built-in. */
enum rmg_codec rmg_codec_of_atom(const struct jit_id *type, enum rmg_codec *element);
/* Are these the canonical bytes of a value? Errors: JIT_EFORMAT. */
JIT_MUST_CHECK enum jit_err rmg_codec_check(enum rmg_codec codec, enum rmg_codec element,
                                            const uint8_t *bytes, uint32_t size);

/* The elements of a list, borrowed. Bytes that are no list end early: next() gives false and done()
 * is false. */
struct rmg_list {
    struct jit_cursor cur;
    uint64_t left; /* elements not read */
};
void rmg_list_begin(const uint8_t *bytes, uint32_t size, struct rmg_list *list);
bool rmg_list_next(struct rmg_list *list, const uint8_t **bytes, uint32_t *size);
bool rmg_list_done(const struct rmg_list *list); /* all were read and nothing is left over */
/* One element behind the count, which is the caller's to write: u64 len || bytes. */
void rmg_list_put(struct jit_buf *buf, const void *bytes, size_t size);

/* NaN becomes the one NaN, -0.0 becomes +0.0. */
double rmg_f64_canonical(double value);

bool rmg_utf8_valid(const uint8_t *bytes,
                    size_t size); /* no surrogates, no overlong forms, no NUL */

#endif
