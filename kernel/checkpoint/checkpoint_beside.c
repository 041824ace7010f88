/* kernel/checkpoint/checkpoint_beside.c - segments of a checkpoint that say what processes have
 * beside the state. The layout is docs/spec/checkpoint.md "Beside the state". */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/cursor.h"
#include "base/limits.h"
#include "kernel/log/blob.h"
#include "kernel/checkpoint/checkpoint_beside.h"
#include "rmg/file/file.h"

#define BESIDE_MAGIC 0x4445534AU /* "JSED" */
#define BESIDE_MAJOR 1u
#define BESIDE_MINOR 0u
#define DEATH_BYTES  (JIT_ID_BYTES + 8u)
#define ALIGN        16u

/* ---- what there is ---- */

static int by_process(const void *a, const void *b)
{
    const struct ckpt_own *x = a;
    const struct ckpt_own *y = b;
    return jit_id_compare(&x->process, &y->process);
}

enum jit_err ckpt_beside_of(struct jit_heap *heap, const struct kern_beside *beside,
                            struct ckpt_beside *out)
{
    *out = (struct ckpt_beside){.same_deaths = false};
    out->owns = jit_heap_zalloc(heap, beside->own_count + 1u, sizeof *out->owns);
    out->deaths = jit_heap_zalloc(heap, beside->death_count + 1u, sizeof *out->deaths);
    if (out->owns == NULL || out->deaths == NULL) {
        ckpt_beside_release(heap, out);
        return JIT_ENOMEM;
    }
    for (uint32_t i = 0; i < beside->own_count; i++) {
        const struct kern_own *own = beside->owns[i];
        if (own->now.instance_count > 0 || own->has_base) {
            out->owns[out->own_count++] =
                (struct ckpt_own){.process = own->process,
                                  .store = own->store,
                                  .now = own->now,
                                  .base = own->has_base ? own->base : rmg_version_empty()};
        }
    }
    qsort(out->owns, out->own_count, sizeof *out->owns, by_process);
    if (beside->death_count > 0) {
        memcpy(out->deaths, beside->deaths, beside->death_count * sizeof *out->deaths);
    }
    out->death_count = beside->death_count;
    return JIT_OK;
}

void ckpt_beside_release(struct jit_heap *heap, struct ckpt_beside *beside)
{
    heap->free(heap, beside->owns);
    heap->free(heap, beside->deaths);
    *beside = (struct ckpt_beside){.owns = NULL};
}

/* ---- writing ---- */

/* Whether anything has to be said of it: in the whole, that it is there; else, that it is new. */
static bool is_told(const struct ckpt_own *own, bool whole)
{
    return whole ? own->now.instance_count > 0
                 : !jit_id_equal(&own->now.state_root, &own->base.state_root);
}

static enum jit_err append(void *user, const uint8_t *bytes, size_t size)
{
    struct jit_buf *buf = user;
    jit_buf_put(buf, bytes, size);
    return buf->err;
}

static enum jit_err put_own(struct jit_heap *heap, const struct ckpt_own *own, bool whole,
                            struct jit_buf *buf)
{
    const size_t begin = buf->size;
    jit_buf_put_id(buf, &own->process);
    jit_buf_put_id(buf, &own->now.state_root);
    jit_buf_put_u64(buf, 0);
    jit_buf_put_u64(buf, 0);
    const size_t from = buf->size;
    enum jit_err err = JIT_OK;
    if (whole) {
        err = rmg_file_write(heap, own->store, &own->now, append, buf, NULL);
    } else {
        const struct rmg_state before = {.store = own->store, .version = own->base};
        const struct rmg_state now = {.store = own->store, .version = own->now};
        err = rmg_diff_patch(heap, &before, &now, buf, NULL);
        err = err == JIT_OK && buf->size - from > JIT_PATCH_BYTES_MAX ? JIT_ELIMIT : err;
    }
    err = err == JIT_OK ? buf->err : err;
    if (err == JIT_OK) {
        jit_buf_patch_u64(buf, begin + 2 * JIT_ID_BYTES, buf->size - from);
    }
    while (err == JIT_OK && buf->size % ALIGN != 0) {
        jit_buf_put_u8(buf, 0);
        err = buf->err;
    }
    return err;
}

enum jit_err
ckpt_beside_encode(struct jit_heap *heap, const struct ckpt_beside *beside, bool whole,
                   enum jit_err (*write)(void *user, const uint8_t *bytes, size_t size), void *user)
{
    struct jit_buf buf;
    uint32_t count = 0;
    for (uint32_t i = 0; i < beside->own_count; i++) {
        count += is_told(&beside->owns[i], whole);
    }
    jit_buf_init(&buf, heap, SIZE_MAX);
    jit_buf_put_u32(&buf, BESIDE_MAGIC);
    jit_buf_put_u16(&buf, BESIDE_MAJOR);
    jit_buf_put_u16(&buf, BESIDE_MINOR);
    jit_buf_put_u32(&buf, beside->death_count);
    jit_buf_put_u32(&buf, count);
    for (uint32_t i = 0; i < beside->death_count; i++) {
        jit_buf_put_id(&buf, &beside->deaths[i].process);
        jit_buf_put_u64(&buf, beside->deaths[i].tick);
    }
    while (buf.err == JIT_OK && buf.size % ALIGN != 0) {
        jit_buf_put_u8(&buf, 0);
    }
    enum jit_err err = buf.err;
    if (err == JIT_OK) {
        err = write(user, buf.data, buf.size);
    }
    for (uint32_t i = 0; err == JIT_OK && i < beside->own_count; i++) {
        if (!is_told(&beside->owns[i], whole)) {
            continue;
        }
        jit_buf_reset(&buf);
        err = put_own(heap, &beside->owns[i], whole, &buf);
        if (err == JIT_OK) {
            err = write(user, buf.data, buf.size);
        }
    }
    jit_buf_release(&buf);
    return err;
}

static enum jit_err write_segment(struct ckpt_job *job, bool whole)
{
    struct ckpt_piece piece;
    struct jit_id id;
    uint64_t size = 0;
    enum jit_err err = ckpt_piece_begin(job, &piece);
    if (err != JIT_OK) {
        return err;
    }
    err = ckpt_beside_encode(job->heap, job->beside, whole, ckpt_piece_write, &piece);
    err = ckpt_piece_end(&piece, err, &id, &size);
    if (err == JIT_OK) {
        ckpt_segment_add(&job->manifest, whole ? CKPT_BESIDE : CKPT_BESIDE_PATCH, &id, size);
        job->bytes_written += size;
    }
    return err;
}

/* The segments of the base that can be gone on from; 0: none. */
static uint32_t chain_of(const struct ckpt_manifest *base, const struct ckpt_segment **first)
{
    uint32_t at = 0;
    uint64_t bytes = 0;
    while (base != NULL && at < base->segment_count && base->segments[at].kind < CKPT_BESIDE) {
        at++;
    }
    if (base == NULL || at == base->segment_count) {
        return 0;
    }
    *first = &base->segments[at];
    const uint32_t count = base->segment_count - at;
    for (uint32_t i = 1; i < count; i++) {
        bytes += (*first)[i].size;
    }
    const uint64_t half = (*first)->size / 2;
    return count < CKPT_CHAIN_MAX &&
                   bytes < (half > CKPT_CHAIN_BYTES_MIN ? half : CKPT_CHAIN_BYTES_MIN)
               ? count
               : 0;
}

enum jit_err ckpt_beside_write(struct ckpt_job *job)
{
    const struct ckpt_beside *beside = job->beside;
    const struct ckpt_segment *first = NULL;
    const uint32_t chain = chain_of(job->base_manifest, &first);
    bool same = beside->same_deaths;
    if (beside->own_count == 0 && beside->death_count == 0) {
        return JIT_OK;
    }
    if (chain == 0) {
        return write_segment(job, true);
    }
    for (uint32_t i = 0; i < chain; i++) {
        ckpt_segment_add(&job->manifest, first[i].kind, &first[i].id, first[i].size);
    }
    for (uint32_t i = 0; i < beside->own_count; i++) {
        same = same && !is_told(&beside->owns[i], false);
    }
    enum jit_err err = same ? JIT_OK : write_segment(job, false);
    if (err == JIT_ELIMIT) { /* too much has changed */
        job->manifest.segment_count -= chain;
        err = write_segment(job, true);
    }
    return err;
}

/* ---- reading ---- */

static bool is_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

static bool skip_padding(struct jit_cursor *cur, uint64_t at)
{
    const size_t size = (ALIGN - at % ALIGN) % ALIGN;
    const uint8_t *zeros = jit_get_bytes(cur, size);
    return zeros != NULL && is_zero(zeros, size);
}

static enum jit_err get_whole(struct jit_heap *heap, struct kern_own *own, const uint8_t *bytes,
                              uint64_t size)
{
    struct rmg_file file;
    if (own->now.epoch != 0) {
        return JIT_EFORMAT; /* twice */
    }
    const struct rmg_state nothing = {own->store, own->now};
    enum jit_err err = rmg_file_open(bytes, size, &file, NULL);
    if (err == JIT_OK) {
        err = rmg_file_load(heap, &file, own->store, &own->now, NULL);
    }
    if (err == JIT_OK) { /* what its quota is held against (decision 0078) */
        const struct rmg_state all = {own->store, own->now};
        err = rmg_diff_amount(&nothing, &all, &own->use);
    }
    return err;
}

static enum jit_err get_own(struct jit_heap *heap, struct jit_cursor *cur, bool whole,
                            struct kern_beside *out)
{
    struct jit_id process;
    struct jit_id root;
    struct kern_own *own = NULL;
    jit_get_id(cur, &process);
    jit_get_id(cur, &root);
    const uint64_t size = jit_get_u64(cur);
    const uint64_t zero = jit_get_u64(cur);
    const uint8_t *bytes = jit_get_bytes(cur, size);
    if (bytes == NULL || zero != 0 || out->own_count >= JIT_PROCESSES_MAX ||
        !skip_padding(cur, size)) {
        return JIT_EFORMAT;
    }
    enum jit_err err = kern_own_get(out, &process, &own);
    if (err != JIT_OK) {
        return err;
    }
    if (!whole) {
        err = kern_own_try(heap, own, &root, bytes, size);
        if (err == JIT_OK) {
            kern_own_take(own);
        }
        return err;
    }
    err = get_whole(heap, own, bytes, size);
    return err == JIT_OK && !jit_id_equal(&own->now.state_root, &root) ? JIT_EFORMAT : err;
}

enum jit_err ckpt_beside_decode(struct jit_heap *heap, const uint8_t *bytes, uint64_t size,
                                bool whole, struct kern_beside *out)
{
    struct jit_cursor cur = jit_cursor_of(bytes, size);
    if (jit_get_u32(&cur) != BESIDE_MAGIC) {
        return JIT_EFORMAT;
    }
    const uint16_t major = jit_get_u16(&cur);
    const uint16_t minor = jit_get_u16(&cur);
    const uint32_t deaths = jit_get_u32(&cur);
    const uint32_t owns = jit_get_u32(&cur);
    if (cur.bad || deaths > cur.left / DEATH_BYTES) {
        return JIT_EFORMAT;
    }
    if (major != BESIDE_MAJOR || minor > BESIDE_MINOR) {
        return JIT_EVERSION;
    }
    enum jit_err err = JIT_OK;
    out->death_count = 0; /* the newest segment has all of them */
    for (uint32_t i = 0; err == JIT_OK && i < deaths; i++) {
        struct jit_id process;
        jit_get_id(&cur, &process);
        const uint64_t tick = jit_get_u64(&cur);
        err = kern_beside_died(out, &process, tick);
    }
    if (err == JIT_OK && !skip_padding(&cur, (uint64_t)deaths * DEATH_BYTES)) {
        err = JIT_EFORMAT;
    }
    for (uint32_t i = 0; err == JIT_OK && i < owns; i++) {
        err = get_own(heap, &cur, whole, out);
    }
    return err == JIT_OK && !jit_cursor_done(&cur) ? JIT_EFORMAT : err;
}

/* Everything that was read is what a difference from it begins with. */
static enum jit_err mark_all(struct kern_beside *beside)
{
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; err == JIT_OK && i < beside->own_count; i++) {
        err = kern_own_mark(beside->owns[i], &beside->owns[i]->now);
    }
    return err;
}

enum jit_err ckpt_beside_end(struct kern_beside *out, enum jit_err err, const char **why)
{
    if (err == JIT_OK) {
        err = mark_all(out);
    }
    if (err == JIT_OK) {
        return err;
    }
    kern_beside_release(out);
    if (!ckpt_is_host(err)) {
        *why = *why[0] == '\0' ? "what it has of the graphs that processes keep does not verify"
                               : *why;
        err = JIT_ECORRUPT;
    }
    return err;
}

enum jit_err ckpt_load_beside(struct jit_heap *heap, struct jit_io *io,
                              const struct ckpt_manifest *manifest, struct kern_beside *out,
                              const char **why)
{
    enum jit_err err = JIT_OK;
    *why = "";
    for (uint32_t i = 0; err == JIT_OK && i < manifest->segment_count; i++) {
        const struct ckpt_segment *segment = &manifest->segments[i];
        uint8_t *bytes = NULL;
        if (segment->kind < CKPT_BESIDE) {
            continue;
        }
        err = ckpt_segment_read(heap, io, segment, &bytes);
        if (err != JIT_OK && !ckpt_is_host(err)) {
            *why = "a segment that it needs is missing or not what its name says";
        } else if (err == JIT_OK) {
            err = ckpt_beside_decode(heap, bytes, segment->size, segment->kind == CKPT_BESIDE, out);
        }
        heap->free(heap, bytes);
    }
    return ckpt_beside_end(out, err, why);
}
