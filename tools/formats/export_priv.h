/* tools/formats/export_priv.h - what the writers share: a buffer in front of an output. */
#ifndef JIT_TOOLS_FORMATS_EXPORT_PRIV_H
#define JIT_TOOLS_FORMATS_EXPORT_PRIV_H

#include "base/buf.h"
#include "tools/formats/export.h"

#define EXPORT_PIECE_BYTES (1u << 16)

struct export_writer {
    const struct export_out *out;
    struct jit_buf buf;
    bool dry; /* nothing is written: a pass that looks what there will be */
    const struct export_progress *progress;
    uint64_t done;
    uint64_t total;
};

JIT_MUST_CHECK enum jit_err export_ndjson(const struct export_job *job);
JIT_MUST_CHECK enum jit_err export_csv(const struct export_job *job);
JIT_MUST_CHECK enum jit_err export_json(const struct export_job *job);
JIT_MUST_CHECK enum jit_err export_graphml(const struct export_job *job);
JIT_MUST_CHECK enum jit_err export_gexf(const struct export_job *job);

/* Says what cannot be written and whose it is; returns err. */
enum jit_err export_fail(const struct export_job *job, enum jit_err err, const char *place,
                         const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The instance the job is for: the named one, else the top one. */
JIT_MUST_CHECK enum jit_err export_instance(const struct export_job *job, struct rmg_instance *out);

static inline void export_begin(struct export_writer *w, struct jit_heap *heap,
                                const struct export_out *out)
{
    *w = (struct export_writer){.out = out};
    jit_buf_init(&w->buf, heap, 16u << 20);
}

static inline enum jit_err export_flush(struct export_writer *w)
{
    enum jit_err err = w->buf.err;
    if (err == JIT_OK && w->buf.size > 0 && !w->dry) {
        err = w->out->write(w->out->user, w->buf.data, w->buf.size);
    }
    jit_buf_reset(&w->buf);
    return err;
}

/* Behind each record. */
static inline enum jit_err export_record(struct export_writer *w)
{
    w->done++;
    if (w->buf.size < EXPORT_PIECE_BYTES && w->buf.err == JIT_OK) {
        return JIT_OK;
    }
    if (w->progress != NULL && w->progress->step != NULL) {
        w->progress->step(w->progress->user, w->done, w->total);
    }
    return export_flush(w);
}

static inline void export_text(struct export_writer *w, const char *text)
{
    jit_buf_put(&w->buf, text, strlen(text));
}

static inline void export_hex(struct export_writer *w, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t *at = jit_buf_extend(&w->buf, 2 * size);
    for (size_t i = 0; at != NULL && i < size; i++) {
        *at++ = (uint8_t)digits[bytes[i] >> 4];
        *at++ = (uint8_t)digits[bytes[i] & 15];
    }
}

static inline void export_id(struct export_writer *w, const struct jit_id *id)
{
    export_hex(w, id->bytes, JIT_ID_BYTES);
}

#endif
