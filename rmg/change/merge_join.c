#include <stdlib.h>

#include "base/check.h"
#include "rmg/store/codec.h"
#include "rmg/change/merge.h"

/* Two atoms of one codec, and perhaps the base's. */
static bool decode(enum rmg_codec codec, const struct rmg_value *value, struct rmg_datum *out)
{
    return value != NULL && value->kind == RMG_VALUE_ATOM &&
           rmg_codec_of_type(&value->type) == codec &&
           rmg_codec_decode(codec, value->bytes, value->size, out) == JIT_OK;
}

static enum jit_err encode_i64(int64_t value, struct rmg_scratch *scratch, struct rmg_value *out)
{
    uint8_t bytes[8];
    jit_put_le64(bytes, (uint64_t)value);
    out->bytes = rmg_scratch_copy(scratch, bytes, sizeof bytes);
    out->size = sizeof bytes;
    return out->bytes == NULL ? JIT_ENOMEM : JIT_OK;
}

/* base + (a - base) + (b - base): only the result has to fit. */
static enum jit_err join_sum(const struct rmg_value *base, const struct rmg_value *a,
                             const struct rmg_value *b, struct rmg_scratch *scratch,
                             struct rmg_value *out)
{
    struct rmg_datum x;
    struct rmg_datum y;
    struct rmg_datum z;
    if (!decode(RMG_CODEC_I64, base, &x) || !decode(RMG_CODEC_I64, a, &y) ||
        !decode(RMG_CODEC_I64, b, &z)) {
        return JIT_ENOTSUP;
    }
    *out = *a;
    const __int128 sum = (__int128)y.as.i64 + z.as.i64 - x.as.i64;
    if (sum < INT64_MIN || sum > INT64_MAX) {
        return JIT_ELIMIT;
    }
    return encode_i64((int64_t)sum, scratch, out);
}

static enum jit_err join_extreme(bool max, const struct rmg_value *a, const struct rmg_value *b,
                                 struct rmg_value *out)
{
    enum rmg_codec codec = rmg_codec_of_type(&a->type);
    struct rmg_datum x;
    struct rmg_datum y;
    bool first = false;
    if (!decode(codec, a, &x) || !decode(codec, b, &y)) {
        return JIT_ENOTSUP;
    }
    if (codec == RMG_CODEC_I64) {
        first = max ? x.as.i64 > y.as.i64 : x.as.i64 < y.as.i64;
    } else if (codec == RMG_CODEC_F64 || codec == RMG_CODEC_F32) {
        if (x.as.f64 != x.as.f64 || y.as.f64 != y.as.f64) {
            return JIT_ENOTSUP; /* what is no number has no place in an order */
        }
        first = max ? x.as.f64 > y.as.f64 : x.as.f64 < y.as.f64;
    } else {
        return JIT_ENOTSUP;
    }
    *out = first ? *a : *b;
    return JIT_OK;
}

struct element {
    const uint8_t *bytes;
    uint32_t size;
};

static int element_compare(const struct element *a, const struct element *b)
{
    uint32_t both = a->size < b->size ? a->size : b->size;
    int order = both == 0 ? 0 : memcmp(a->bytes, b->bytes, both);
    return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}

static int by_element(const void *a, const void *b)
{
    return element_compare(a, b);
}

/* Lists of one type; how many elements and bytes they have. False: they are no lists. */
static bool lists_measure(const struct rmg_value *values, size_t value_count, uint64_t *count,
                          size_t *bytes)
{
    *count = 0;
    *bytes = 0;
    for (size_t i = 0; i < value_count; i++) {
        const struct rmg_value *value = &values[i];
        enum rmg_codec element;
        struct rmg_list list;
        if (value->kind != RMG_VALUE_ATOM || !jit_id_equal(&values[0].type, &value->type) ||
            rmg_codec_of_atom(&value->type, &element) != RMG_CODEC_LIST ||
            rmg_codec_check(RMG_CODEC_LIST, element, value->bytes, value->size) != JIT_OK) {
            return false;
        }
        rmg_list_begin(value->bytes, value->size, &list);
        *count += list.left;
        *bytes += value->size;
    }
    return true;
}

/* Every element of any of them once, ascending bytewise. */
static enum jit_err join_union(const struct rmg_value *values, size_t value_count,
                               struct rmg_scratch *scratch, struct rmg_value *out)
{
    uint64_t count = 0;
    size_t bytes = 0;
    size_t all = 0;
    uint64_t kept = 0;
    if (!lists_measure(values, value_count, &count, &bytes)) {
        return JIT_ENOTSUP;
    }
    struct element *elements = rmg_scratch_alloc(scratch, (count + 1) * sizeof *elements);
    uint8_t *begin = rmg_scratch_alloc(scratch, bytes);
    if (elements == NULL || begin == NULL) {
        return JIT_ENOMEM;
    }
    for (size_t i = 0; i < value_count; i++) {
        struct rmg_list list;
        rmg_list_begin(values[i].bytes, values[i].size, &list);
        while (rmg_list_next(&list, &elements[all].bytes, &elements[all].size)) {
            all++;
        }
    }
    qsort(elements, all, sizeof *elements, by_element);
    uint8_t *at = begin + 8;
    for (size_t i = 0; i < all; i++) {
        if (i > 0 && element_compare(&elements[i - 1], &elements[i]) == 0) {
            continue;
        }
        jit_put_le64(at, elements[i].size);
        if (elements[i].size > 0) {
            memcpy(at + 8, elements[i].bytes, elements[i].size);
        }
        at += 8 + elements[i].size;
        kept++;
    }
    jit_put_le64(begin, kept);
    if ((size_t)(at - begin) > JIT_ATOM_BYTES_MAX) {
        return JIT_ELIMIT;
    }
    *out = values[0];
    out->bytes = begin;
    out->size = (uint32_t)(at - begin);
    return JIT_OK;
}

/* No clock tells which write was the last one, so any rule will do that both sides agree on: the
 * greater type, then the greater bytes. */
static void join_last(const struct rmg_value *a, const struct rmg_value *b, struct rmg_value *out)
{
    const struct element x = {a->bytes, a->size};
    const struct element y = {b->bytes, b->size};
    int order = jit_id_compare(&a->type, &b->type);
    order = order != 0 ? order : element_compare(&x, &y);
    *out = order > 0 ? *a : *b;
}

enum jit_err rmg_join_values(enum rmg_join join, const struct rmg_value *base,
                             const struct rmg_value *a, const struct rmg_value *b,
                             struct rmg_scratch *scratch, struct rmg_value *out)
{
    if (a->kind != RMG_VALUE_ATOM || b->kind != RMG_VALUE_ATOM) {
        return JIT_ENOTSUP;
    }
    switch (join) {
    case RMG_JOIN_SUM:
        return join_sum(base, a, b, scratch, out);
    case RMG_JOIN_MAX:
    case RMG_JOIN_MIN:
        return join_extreme(join == RMG_JOIN_MAX, a, b, out);
    case RMG_JOIN_UNION: {
        const struct rmg_value both[2] = {*a, *b};
        return join_union(both, 2, scratch, out);
    }
    case RMG_JOIN_LAST:
        join_last(a, b, out);
        return JIT_OK;
    case RMG_JOIN_NONE:
    case RMG_JOIN_MEMBERS:
        break;
    }
    return JIT_ENOTSUP;
}

enum jit_err rmg_join_all(enum rmg_join join, const struct rmg_value *values, size_t count,
                          struct rmg_scratch *scratch, struct rmg_value *out)
{
    enum jit_err err = JIT_OK;
    assert(count > 0);
    *out = values[0];
    if (join == RMG_JOIN_UNION) {
        return join_union(values, count, scratch, out);
    }
    for (size_t i = 1; i < count && err == JIT_OK; i++) {
        const struct rmg_value so_far = *out;
        err = join == RMG_JOIN_MAX || join == RMG_JOIN_MIN
                  ? join_extreme(join == RMG_JOIN_MAX, &so_far, &values[i], out)
                  : JIT_ENOTSUP;
    }
    return err;
}
