/* rmg/file/out_priv.h - bytes on their way into a file: gathered, and handed on in pieces. Padded
 * to 8 bytes where a format wants it. Layer: rmg; base only. */
#ifndef JIT_RMG_OUT_PRIV_H
#define JIT_RMG_OUT_PRIV_H

#include "base/buf.h"

#define RMG_OUT_PIECE (1u << 18)

struct rmg_out {
    enum jit_err (*write)(void *user, const uint8_t *bytes, size_t size);
    void *user;
    struct jit_buf buf;
    uint64_t written; /* bytes handed to write() */
};

/* The buffer takes two pieces and the largest atom beyond: what is put between two looks at it. */
void rmg_out_init(struct rmg_out *out, struct jit_heap *heap,
                  enum jit_err (*write)(void *user, const uint8_t *bytes, size_t size), void *user);
void rmg_out_release(struct rmg_out *out);

/* Errors: those of the buffer and of write(). */
JIT_MUST_CHECK enum jit_err rmg_out_flush(struct rmg_out *out);
/* Only when a piece is full, or the buffer has failed. */
JIT_MUST_CHECK enum jit_err rmg_out_flush_full(struct rmg_out *out);
void rmg_out_pad(struct rmg_out *out); /* zeros, up to a multiple of 8 from the file's begin */

#endif
