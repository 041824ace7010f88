#include "rmg/store/codec.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/cursor.h"
#include "base/limits.h"

#define CODEC_COUNT 9u /* with NONE */
#define NAN_F64     0x7ff8000000000000ull
#define NAN_F32     0x7fc00000u

/* BLAKE3("type:" || name); tests/rmg/store/test_codec.c recomputes each one. */
static const struct jit_id types[CODEC_COUNT] = {
    [RMG_CODEC_BOOL] = {{0xfa, 0x61, 0xda, 0x71, 0x16, 0x94, 0xd8, 0x06, 0x40, 0x63, 0xe0,
                         0xec, 0x14, 0xbd, 0xcb, 0xb0, 0xfe, 0x4c, 0xcd, 0x2d, 0x09, 0x45,
                         0x3b, 0x45, 0x0a, 0x1d, 0x71, 0x09, 0x39, 0x7b, 0xff, 0x69}},
    [RMG_CODEC_I64] = {{0xc7, 0xf4, 0x53, 0x0d, 0x7d, 0xb1, 0x90, 0x20, 0x06, 0x4e, 0x84,
                        0x91, 0x00, 0x55, 0x92, 0xf4, 0xf8, 0xe2, 0xc3, 0x1f, 0x8c, 0x25,
                        0x4f, 0x56, 0x33, 0x65, 0x5b, 0xbf, 0x1f, 0xbc, 0xb3, 0xdb}},
    [RMG_CODEC_F64] = {{0x1d, 0x61, 0x7f, 0xa5, 0x24, 0x8e, 0xc8, 0x92, 0xf5, 0x7c, 0x1c,
                        0x05, 0xa3, 0xc3, 0xa5, 0x2e, 0xd6, 0x84, 0x3e, 0x36, 0xf8, 0xac,
                        0x45, 0x21, 0x53, 0x82, 0xf2, 0x86, 0x28, 0x1b, 0x39, 0x6d}},
    [RMG_CODEC_F32] = {{0x54, 0xf5, 0x47, 0xac, 0x29, 0x9a, 0x28, 0x11, 0x3b, 0x5b, 0xe0,
                        0x93, 0xfa, 0x0f, 0xcd, 0x6a, 0x22, 0x39, 0x91, 0xbc, 0x62, 0x25,
                        0x0f, 0xcd, 0x45, 0x47, 0x8c, 0xd5, 0x44, 0xf4, 0x2f, 0x7b}},
    [RMG_CODEC_TEXT] = {{0x55, 0x68, 0xc3, 0x9b, 0xe5, 0x22, 0x91, 0x0e, 0x6e, 0xde, 0xc8,
                         0x1d, 0xfd, 0xbf, 0x32, 0x2e, 0x2a, 0xca, 0xd3, 0xf4, 0xb4, 0x70,
                         0x17, 0x45, 0x94, 0x11, 0x90, 0x10, 0x76, 0x79, 0x25, 0xb9}},
    [RMG_CODEC_BYTES] = {{0xc6, 0xe7, 0xb9, 0x96, 0xb0, 0x98, 0xf7, 0x89, 0xec, 0x9e, 0x68,
                          0xfa, 0x33, 0x21, 0x68, 0xcd, 0xba, 0x61, 0x94, 0x19, 0x74, 0x53,
                          0x2a, 0xb8, 0x9f, 0xe9, 0xa7, 0x4f, 0xde, 0xc7, 0x8d, 0x2f}},
    [RMG_CODEC_ID] = {{0xc1, 0x0f, 0x4e, 0x24, 0xdd, 0x1b, 0xf1, 0xea, 0xf0, 0x77, 0x6d,
                       0x36, 0xde, 0x6e, 0xcf, 0x85, 0xe9, 0x3f, 0x04, 0x5a, 0x98, 0xd0,
                       0xa3, 0x38, 0xfe, 0xd1, 0x29, 0x7a, 0x48, 0x19, 0x20, 0x95}},
    [RMG_CODEC_LIST] = {{0x1b, 0x0b, 0xdc, 0x80, 0x90, 0x88, 0xc0, 0x51, 0x9b, 0xfe, 0xf6,
                         0xe6, 0x1a, 0xac, 0x24, 0x60, 0xda, 0x02, 0xda, 0xea, 0x49, 0x7a,
                         0x4e, 0x9b, 0x74, 0x45, 0x22, 0xa9, 0x6c, 0x60, 0x40, 0x7f}},
};

static const char *const names[CODEC_COUNT] = {[RMG_CODEC_NONE] = "none",
#define X(name, value, text) [name] = #text,
                                               RMG_CODEC_MAP(X)
#undef X
};

static uint64_t bits_of_f64(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static uint32_t bits_of_f32(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

const struct jit_id *rmg_codec_type(enum rmg_codec codec)
{
    assert(codec != RMG_CODEC_NONE);
    assert((unsigned)codec < CODEC_COUNT);
    return &types[codec];
}

enum rmg_codec rmg_codec_of_type(const struct jit_id *type)
{
    for (unsigned i = 1; i < CODEC_COUNT; i++) {
        if (jit_id_equal(type, &types[i])) {
            return (enum rmg_codec)i;
        }
    }
    return RMG_CODEC_NONE;
}

enum rmg_codec rmg_codec_of_name(const char *name, size_t size)
{
    for (unsigned i = 1; i < CODEC_COUNT; i++) {
        if (strlen(names[i]) == size && memcmp(names[i], name, size) == 0) {
            return (enum rmg_codec)i;
        }
    }
    return RMG_CODEC_NONE;
}

const char *rmg_codec_name(enum rmg_codec codec)
{
    assert((unsigned)codec < CODEC_COUNT);
    return names[codec];
}

double rmg_f64_canonical(double value)
{
    if (isnan(value)) {
        uint64_t bits = NAN_F64;
        memcpy(&value, &bits, sizeof value);
        return value;
    }
    return value == 0.0 ? 0.0 : value;
}

static enum jit_err decode_f64(const uint8_t *bytes, uint32_t size, struct rmg_datum *out)
{
    if (size != 8) {
        return JIT_EFORMAT;
    }
    uint64_t bits = jit_le64(bytes);
    double value;
    memcpy(&value, &bits, sizeof value);
    out->as.f64 = rmg_f64_canonical(value);
    return bits_of_f64(out->as.f64) == bits ? JIT_OK : JIT_EFORMAT;
}

/* An f32 is judged by its bits before it is widened: widening may quieten a signalling NaN. */
static enum jit_err decode_f32(const uint8_t *bytes, uint32_t size, struct rmg_datum *out)
{
    if (size != 4) {
        return JIT_EFORMAT;
    }
    uint32_t bits = jit_le32(bytes);
    float value;
    memcpy(&value, &bits, sizeof value);
    if ((isnan(value) && bits != NAN_F32) || bits == 0x80000000u) {
        return JIT_EFORMAT;
    }
    out->as.f64 = rmg_f64_canonical((double)value);
    return JIT_OK;
}

static enum jit_err decode_list(const uint8_t *bytes, uint32_t size)
{
    struct jit_cursor cur = jit_cursor_of(bytes, size);
    uint64_t count = jit_get_u64(&cur);
    /* Every element takes 8 bytes at least: a false count ends the loop through `bad`. */
    for (uint64_t i = 0; i < count && !cur.bad; i++) {
        (void)jit_get_bytes(&cur, jit_get_u64(&cur));
    }
    return jit_cursor_done(&cur) ? JIT_OK : JIT_EFORMAT;
}

enum jit_err rmg_codec_decode(enum rmg_codec codec, const uint8_t *bytes, uint32_t size,
                              struct rmg_datum *out)
{
    assert(bytes != NULL || size == 0);
    *out = (struct rmg_datum){.codec = codec, .bytes = bytes, .size = size};
    switch (codec) {
    case RMG_CODEC_BOOL:
        if (size != 1 || bytes[0] > 1) {
            return JIT_EFORMAT;
        }
        out->as.boolean = bytes[0] == 1;
        return JIT_OK;
    case RMG_CODEC_I64:
        if (size != 8) {
            return JIT_EFORMAT;
        }
        out->as.i64 = (int64_t)jit_le64(bytes);
        return JIT_OK;
    case RMG_CODEC_F64:
        return decode_f64(bytes, size, out);
    case RMG_CODEC_F32:
        return decode_f32(bytes, size, out);
    case RMG_CODEC_TEXT:
        return size <= JIT_ATOM_BYTES_MAX && rmg_utf8_valid(bytes, size) ? JIT_OK : JIT_EFORMAT;
    case RMG_CODEC_BYTES:
        return size <= JIT_ATOM_BYTES_MAX ? JIT_OK : JIT_EFORMAT;
    case RMG_CODEC_ID:
        return size == JIT_ID_BYTES ? JIT_OK : JIT_EFORMAT;
    case RMG_CODEC_LIST:
        return size <= JIT_ATOM_BYTES_MAX ? decode_list(bytes, size) : JIT_EFORMAT;
    case RMG_CODEC_NONE:
        break;
    }
    return JIT_EFORMAT;
}

void rmg_codec_encode(const struct rmg_datum *datum, struct jit_buf *buf)
{
    switch (datum->codec) {
    case RMG_CODEC_BOOL:
        jit_buf_put_u8(buf, datum->as.boolean ? 1 : 0);
        return;
    case RMG_CODEC_I64:
        jit_buf_put_u64(buf, (uint64_t)datum->as.i64);
        return;
    case RMG_CODEC_F64:
        jit_buf_put_u64(buf, bits_of_f64(rmg_f64_canonical(datum->as.f64)));
        return;
    case RMG_CODEC_F32:
        jit_buf_put_u32(buf, isnan(datum->as.f64)
                                 ? NAN_F32
                                 : bits_of_f32((float)rmg_f64_canonical(datum->as.f64)));
        return;
    case RMG_CODEC_TEXT:
    case RMG_CODEC_BYTES:
    case RMG_CODEC_ID:
    case RMG_CODEC_LIST:
        jit_buf_put(buf, datum->bytes, datum->size);
        return;
    case RMG_CODEC_NONE:
        break;
    }
    assert(false && "a datum to encode has a codec");
}
