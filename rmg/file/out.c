#include "base/limits.h"
#include "rmg/file/out_priv.h"

void rmg_out_init(struct rmg_out *out, struct jit_heap *heap,
                  enum jit_err (*write)(void *user, const uint8_t *bytes, size_t size), void *user)
{
    *out = (struct rmg_out){.write = write, .user = user};
    jit_buf_init(&out->buf, heap, 2 * (size_t)RMG_OUT_PIECE + JIT_ATOM_BYTES_MAX);
}

void rmg_out_release(struct rmg_out *out)
{
    jit_buf_release(&out->buf);
}

enum jit_err rmg_out_flush(struct rmg_out *out)
{
    enum jit_err err = out->buf.err;
    if (err == JIT_OK && out->buf.size > 0) {
        err = out->write(out->user, out->buf.data, out->buf.size);
        out->written += out->buf.size;
    }
    jit_buf_reset(&out->buf);
    return err;
}

enum jit_err rmg_out_flush_full(struct rmg_out *out)
{
    return out->buf.size >= RMG_OUT_PIECE || out->buf.err != JIT_OK ? rmg_out_flush(out) : JIT_OK;
}

void rmg_out_pad(struct rmg_out *out)
{
    static const uint8_t zeros[8];
    uint64_t at = out->written + out->buf.size;
    jit_buf_put(&out->buf, zeros, (size_t)(((at + 7) & ~(uint64_t)7) - at));
}
