/* Goal:   an atom decodes only from its canonical bytes, and the table of types is what 4.1 says.
 * Method: the table recomputed; golden bytes of each codec; every size near the right one; random
 *         bytes: what decodes encodes to the same; every input of up to two bytes, every kind of
 *         float, UTF-8 by code point: all of them; random lists; the tables of
 *         docs/spec/attachments.md. */
#include <math.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/random.h"
#include "rmg/store/codec.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/tcase.h"

static struct fault_heap mem;
static struct jit_buf buf;

static void setup(void)
{
    mem = fault_heap_make(-1, false);
    jit_buf_init(&buf, &mem.heap, 4096);
}

static void teardown(void)
{
    jit_buf_release(&buf);
    ck_assert_int_eq(mem.live, 0);
}

START_TEST(types){
#define X(name, value, text)                                                                       \
    {                                                                                              \
        struct jit_id want;                                                                        \
        jit_hash_named("type:", #text, strlen(#text), &want);                                      \
        ck_assert(jit_id_equal(&want, rmg_codec_type(name)));                                      \
        ck_assert_int_eq(rmg_codec_of_type(&want), name);                                          \
        ck_assert_int_eq(rmg_codec_of_name(#text, strlen(#text)), name);                           \
        ck_assert_int_eq(rmg_codec_of_name(#text, strlen(#text) - 1), RMG_CODEC_NONE);             \
        ck_assert_str_eq(rmg_codec_name(name), #text);                                             \
        want.bytes[31] ^= 1;                                                                       \
        ck_assert_int_eq(rmg_codec_of_type(&want), RMG_CODEC_NONE);                                \
    }
    RMG_CODEC_MAP(X)
#undef X
} END_TEST

#define B(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

    static const struct {
    enum rmg_codec codec;
    const uint8_t *bytes;
    uint32_t size;
    bool good;
} golden[] = {
    {RMG_CODEC_BOOL, B(0), true},
    {RMG_CODEC_BOOL, B(1), true},
    {RMG_CODEC_BOOL, B(2), false},
    {RMG_CODEC_BOOL, B(1, 0), false},
    {RMG_CODEC_BOOL, NULL, 0, false},
    {RMG_CODEC_I64, B(1, 0, 0, 0, 0, 0, 0, 0x80), true},
    {RMG_CODEC_I64, B(1, 0, 0, 0, 0, 0, 0), false},
    {RMG_CODEC_I64, B(1, 0, 0, 0, 0, 0, 0, 0, 0), false},
    {RMG_CODEC_F64, B(0, 0, 0, 0, 0, 0, 0xf8, 0x7f), true},  /* the NaN */
    {RMG_CODEC_F64, B(1, 0, 0, 0, 0, 0, 0xf8, 0x7f), false}, /* another one */
    {RMG_CODEC_F64, B(0, 0, 0, 0, 0, 0, 0xf8, 0xff), false}, /* negative NaN */
    {RMG_CODEC_F64, B(1, 0, 0, 0, 0, 0, 0xf0, 0x7f), false}, /* signalling NaN */
    {RMG_CODEC_F64, B(0, 0, 0, 0, 0, 0, 0xf0, 0x7f), true},  /* infinity */
    {RMG_CODEC_F64, B(0, 0, 0, 0, 0, 0, 0, 0x80), false},    /* -0.0 */
    {RMG_CODEC_F64, B(1, 0, 0, 0, 0, 0, 0, 0x80), true},     /* a negative denormal */
    {RMG_CODEC_F64, B(0, 0, 0, 0), false},
    {RMG_CODEC_F32, B(0, 0, 0xc0, 0x7f), true},
    {RMG_CODEC_F32, B(1, 0, 0xc0, 0x7f), false},
    {RMG_CODEC_F32, B(0, 0, 0xc0, 0xff), false},
    {RMG_CODEC_F32, B(1, 0, 0x80, 0x7f), false},
    {RMG_CODEC_F32, B(0, 0, 0x80, 0xff), true}, /* -infinity */
    {RMG_CODEC_F32, B(0, 0, 0, 0x80), false},
    {RMG_CODEC_F32, B(1, 0, 0, 0x80), true},
    {RMG_CODEC_F32, B(0, 0, 0, 0, 0, 0, 0, 0), false},
    {RMG_CODEC_TEXT, NULL, 0, true},
    {RMG_CODEC_TEXT, B('a', 0xc3, 0xa9), true},
    {RMG_CODEC_TEXT, B('a', 0xc3), false},
    {RMG_CODEC_TEXT, B('a', 0), false},
    {RMG_CODEC_BYTES, B(0, 0xff), true},
    {RMG_CODEC_BYTES, NULL, 0, true},
    {RMG_CODEC_ID, B(1, 2, 3), false},
    {RMG_CODEC_LIST, B(0, 0, 0, 0, 0, 0, 0, 0), true},
    {RMG_CODEC_LIST, B(1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7), true},
    {RMG_CODEC_LIST, B(1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0), false},
    {RMG_CODEC_LIST, B(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7), false},
    {RMG_CODEC_LIST, B(2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), false},
    {RMG_CODEC_LIST, B(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), false},
    {RMG_CODEC_LIST, B(1, 0, 0, 0, 0, 0, 0), false},
    {RMG_CODEC_NONE, B(0), false},
};

START_TEST(golden_bytes) /* _i = row */
{
    struct rmg_datum datum;
    enum jit_err err =
        rmg_codec_decode(golden[_i].codec, golden[_i].bytes, golden[_i].size, &datum);
    ck_assert_int_eq(err, golden[_i].good ? JIT_OK : JIT_EFORMAT);
    if (golden[_i].good) {
        rmg_codec_encode(&datum, &buf);
        ck_assert_uint_eq(buf.size, golden[_i].size);
        ck_assert(buf.size == 0 || memcmp(buf.data, golden[_i].bytes, buf.size) == 0);
    }
}
END_TEST

START_TEST(values)
{
    struct rmg_datum datum = {.codec = RMG_CODEC_I64, .as.i64 = -2};
    rmg_codec_encode(&datum, &buf);
    ck_assert_int_eq(memcmp(buf.data, "\xfe\xff\xff\xff\xff\xff\xff\xff", 8), 0);
    ck_assert_int_eq(rmg_codec_decode(RMG_CODEC_I64, buf.data, 8, &datum), JIT_OK);
    ck_assert_int_eq(datum.as.i64, -2);
    jit_buf_reset(&buf);
    datum = (struct rmg_datum){.codec = RMG_CODEC_F32, .as.f64 = -0.5};
    rmg_codec_encode(&datum, &buf);
    ck_assert_int_eq(memcmp(buf.data, "\x00\x00\x00\xbf", 4), 0);
    ck_assert_int_eq(rmg_codec_decode(RMG_CODEC_F32, buf.data, 4, &datum), JIT_OK);
    ck_assert(datum.as.f64 == -0.5);
}
END_TEST

START_TEST(floats_made_canonical)
{
    static const double odd[] = {-0.0, 0.0};
    for (size_t i = 0; i < 4; i++) {
        struct rmg_datum datum = {.codec = i < 2 ? RMG_CODEC_F64 : RMG_CODEC_F32,
                                  .as.f64 = odd[i % 2]};
        jit_buf_reset(&buf);
        rmg_codec_encode(&datum, &buf);
        for (size_t k = 0; k < buf.size; k++) {
            ck_assert_uint_eq(buf.data[k], 0);
        }
        datum.as.f64 = i % 2 == 0 ? -(double)NAN : copysign(NAN, -1.0);
        jit_buf_reset(&buf);
        rmg_codec_encode(&datum, &buf);
        ck_assert_int_eq(memcmp(buf.data,
                                i < 2 ? "\x00\x00\x00\x00\x00\x00\xf8\x7f" : "\x00\x00\xc0\x7f",
                                i < 2 ? 8 : 4),
                         0);
    }
    ck_assert(!signbit(rmg_f64_canonical(-0.0)));
}
END_TEST

START_TEST(random_bytes)
{
    uint64_t state = 0x9e3779b97f4a7c15ull;
    uint8_t bytes[40];
    for (int round = 0; round < 200000; round++) {
        struct rmg_datum datum;
        for (size_t i = 0; i < sizeof bytes; i++) {
            state = state * 6364136223846793005ull + 1442695040888963407ull;
            uint8_t byte = (uint8_t)(state >> 56);
            bytes[i] = byte < 96 ? 0 : byte < 128 ? 1 : byte < 160 ? 0xff : byte;
        }
        enum rmg_codec codec = (enum rmg_codec)(1 + round % 8);
        uint32_t size = (uint32_t)(state >> 33) % (uint32_t)(sizeof bytes + 1);
        if (rmg_codec_decode(codec, bytes, size, &datum) == JIT_OK) {
            jit_buf_reset(&buf);
            rmg_codec_encode(&datum, &buf);
            ck_assert_uint_eq(buf.size, size);
            ck_assert(size == 0 || memcmp(buf.data, bytes, size) == 0);
        }
    }
}
END_TEST

/* By the book: length from the code point. */
static size_t utf8_of(uint32_t code, size_t length, uint8_t *out)
{
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    if (length == 1) {
        out[0] = (uint8_t)code;
        return 1;
    }
    for (size_t i = length - 1; i > 0; i--) {
        out[i] = (uint8_t)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    out[0] = (uint8_t)(lead[length] | code);
    return length;
}

START_TEST(utf8)
{
    static const uint32_t room[] = {0, 0x80, 0x800, 0x10000, 0x200000};
    uint8_t bytes[4];
    uint32_t wrong = 0; /* one assertion at the end: millions are slow */
    for (uint32_t code = 0; code < 0x200000; code++) {
        for (size_t length = 1; length <= 4; length++) {
            if (code >= room[length]) {
                continue;
            }
            bool shortest = length == 1 || code >= room[length - 1];
            bool good =
                shortest && code != 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
            size_t size = utf8_of(code, length, bytes);
            wrong += rmg_utf8_valid(bytes, size) != good;
            if (good && length > 1) {
                wrong += rmg_utf8_valid(bytes, size - 1);
                wrong += rmg_utf8_valid(bytes + 1, size - 1);
            }
        }
    }
    ck_assert_uint_eq(wrong, 0);
    for (unsigned lead = 0xf8; lead <= 0xff; lead++) {
        uint8_t five[] = {(uint8_t)lead, 0x80, 0x80, 0x80, 0x80, 0x80};
        ck_assert(!rmg_utf8_valid(five, 5));
    }
    ck_assert(rmg_utf8_valid(NULL, 0));
}
END_TEST

/* ---- lists ---- */

START_TEST(list_types)
{
    enum rmg_codec element = RMG_CODEC_BOOL;
    for (int i = RMG_CODEC_BOOL; i <= RMG_CODEC_LIST; i++) {
        char label[32];
        struct jit_id want;
        int size = snprintf(label, sizeof label, "list<%s>", rmg_codec_name((enum rmg_codec)i));
        jit_hash_named("type:", label, (size_t)size, &want);
        ck_assert(jit_id_equal(&want, rmg_codec_list_type((enum rmg_codec)i)));
        ck_assert_int_eq(rmg_codec_of_atom(&want, &element), RMG_CODEC_LIST);
        ck_assert_int_eq(element, i);
        ck_assert_int_eq(rmg_codec_of_type(&want), RMG_CODEC_NONE);
        ck_assert_int_eq(rmg_codec_of_atom(rmg_codec_type((enum rmg_codec)i), &element), i);
        ck_assert_int_eq(element, RMG_CODEC_NONE);
    }
    ck_assert_ptr_eq(rmg_codec_list_type(RMG_CODEC_NONE), rmg_codec_type(RMG_CODEC_LIST));
}
END_TEST

/* Random lists of random canonical values: read back element by element; good as a list of their
 * own codec, and of another one only where every element happens to be canonical there as well. */
START_TEST(lists_of_one_codec)
{
    struct jit_random random = jit_random_of(5);
    for (int round = 0; round < 3000; round++) {
        struct rmg_datum items[6];
        uint8_t raw[6][32];
        enum rmg_codec codec = (enum rmg_codec)(1 + jit_random_below(&random, 7));
        size_t count = (size_t)jit_random_below(&random, 6);
        size_t starts[7];
        jit_buf_reset(&buf);
        jit_buf_put_u64(&buf, count);
        for (size_t i = 0; i < count; i++) {
            for (size_t k = 0; k < sizeof raw[i]; k++) {
                raw[i][k] = (uint8_t)(1 + jit_random_below(&random, 127)); /* so a text too */
            }
            items[i] = (struct rmg_datum){.codec = codec, .bytes = raw[i], .size = 32};
            if (codec == RMG_CODEC_BOOL) {
                items[i].as.boolean = raw[i][0] & 1;
            } else if (codec == RMG_CODEC_I64) {
                items[i].as.i64 = (int64_t)jit_le64(raw[i]);
            } else if (codec == RMG_CODEC_F64 || codec == RMG_CODEC_F32) {
                items[i].as.f64 = raw[i][0] % 16 == 0 ? -0.0 : (double)raw[i][0] / 8;
            }
            size_t length_at = buf.size;
            jit_buf_put_u64(&buf, 0);
            starts[i] = buf.size;
            rmg_codec_encode(&items[i], &buf);
            jit_buf_patch_u64(&buf, length_at, buf.size - starts[i]);
        }
        uint32_t size = (uint32_t)buf.size;
        ck_assert_int_eq(rmg_codec_check(RMG_CODEC_LIST, codec, buf.data, size), JIT_OK);
        ck_assert_int_eq(rmg_codec_check(RMG_CODEC_LIST, RMG_CODEC_NONE, buf.data, size), JIT_OK);
        struct rmg_list list;
        const uint8_t *item = NULL;
        uint32_t item_size = 0;
        bool fits[RMG_CODEC_LIST + 1];
        memset(fits, true, sizeof fits);
        rmg_list_begin(buf.data, size, &list);
        for (size_t i = 0; i < count; i++) {
            ck_assert(rmg_list_next(&list, &item, &item_size));
            ck_assert_ptr_eq(item, buf.data + starts[i]);
            for (int other = RMG_CODEC_BOOL; other <= RMG_CODEC_LIST; other++) {
                struct rmg_datum datum;
                fits[other] &=
                    rmg_codec_decode((enum rmg_codec)other, item, item_size, &datum) == JIT_OK;
            }
        }
        ck_assert(!rmg_list_next(&list, &item, &item_size) && rmg_list_done(&list));
        for (int other = RMG_CODEC_BOOL; other <= RMG_CODEC_LIST; other++) {
            enum jit_err err =
                rmg_codec_check(RMG_CODEC_LIST, (enum rmg_codec)other, buf.data, size);
            ck_assert_int_eq(err == JIT_OK, fits[other]);
        }
        for (uint32_t cut = 0; cut < size; cut++) { /* no beginning of a list is one */
            ck_assert_int_eq(rmg_codec_check(RMG_CODEC_LIST, codec, buf.data, cut), JIT_EFORMAT);
        }
    }
}
END_TEST

/* ---- all small inputs, and all floats that differ in what decides ---- */

static uint32_t not_canonical; /* counted: millions of assertions are slow */

static bool take(enum rmg_codec codec, const uint8_t *bytes, uint32_t size)
{
    struct rmg_datum datum;
    if (rmg_codec_decode(codec, bytes, size, &datum) != JIT_OK) {
        return false;
    }
    jit_buf_reset(&buf);
    rmg_codec_encode(&datum, &buf);
    not_canonical += buf.size != size || (size > 0 && memcmp(buf.data, bytes, size) != 0);
    return true;
}

START_TEST(every_short_input)
{
    static const uint32_t accepted[RMG_CODEC_LIST + 1] = {
        [RMG_CODEC_BOOL] = 2,
        [RMG_CODEC_TEXT] = 1 + 127 + 127 * 127 + 30 * 64, /* nothing; ASCII; two bytes */
        [RMG_CODEC_BYTES] = 1 + 256 + 65536,
    };
    not_canonical = 0;
    for (int codec = RMG_CODEC_BOOL; codec <= RMG_CODEC_LIST; codec++) {
        uint32_t good = take((enum rmg_codec)codec, NULL, 0);
        for (uint32_t i = 0; i < 65536; i++) {
            uint8_t bytes[2] = {(uint8_t)i, (uint8_t)(i >> 8)};
            good += i < 256 && take((enum rmg_codec)codec, bytes, 1);
            good += take((enum rmg_codec)codec, bytes, 2);
        }
        ck_assert_uint_eq(good, accepted[codec]);
    }
    ck_assert_uint_eq(not_canonical, 0);
}
END_TEST

/* Sign, exponent and the highest bits of the fraction: all of them; the rest 0 or 1. */
START_TEST(every_kind_of_float)
{
    uint32_t refused[2] = {0, 0};
    not_canonical = 0;
    for (uint32_t high = 0; high < 65536; high++) {
        for (uint32_t low = 0; low < 2; low++) {
            uint8_t bytes[8] = {(uint8_t)low};
            bytes[2] = (uint8_t)high;
            bytes[3] = (uint8_t)(high >> 8);
            refused[0] += !take(RMG_CODEC_F32, bytes, 4);
            bytes[6] = bytes[2];
            bytes[7] = bytes[3];
            bytes[2] = bytes[3] = 0;
            refused[1] += !take(RMG_CODEC_F64, bytes, 8);
        }
    }
    /* A NaN has all exponent bits and any fraction: 2 signs, 2 * 2^7 (2^4) fractions but the
     * infinity, but the one; and -0.0. */
    ck_assert_uint_eq(refused[0], 2 * (2 * 128 - 1) - 1 + 1);
    ck_assert_uint_eq(refused[1], 2 * (2 * 16 - 1) - 1 + 1);
    ck_assert_uint_eq(not_canonical, 0);
}
END_TEST

/* ---- the page ---- */

static uint32_t from_hex(const char *hex, size_t size, uint8_t *out)
{
    for (size_t i = 0; i < size / 2; i++) {
        unsigned byte = 0;
        ck_assert_int_eq(sscanf(hex + 2 * i, "%2x", &byte), 1);
        out[i] = (uint8_t)byte;
    }
    return (uint32_t)(size / 2);
}

/* "| `list<bool>` | words | `hex` |" */
static bool page_row(const char *line, enum rmg_codec *codec, enum rmg_codec *element,
                     uint8_t *bytes, uint32_t *size)
{
    const char *name = line + 3;
    if (strncmp(line, "| `", 3) != 0 || strrchr(line, '|') == NULL) {
        return false;
    }
    size_t name_size = strcspn(name, "`");
    const char *end = strrchr(line, '`');
    const char *begin = end;
    while (begin > line && begin[-1] != '`') {
        begin--;
    }
    *codec = rmg_codec_of_name(name, name_size);
    *element = RMG_CODEC_NONE;
    if (name_size > 6 && memcmp(name, "list<", 5) == 0) {
        *codec = RMG_CODEC_LIST;
        *element = rmg_codec_of_name(name + 5, name_size - 6);
        ck_assert_int_ne(*element, RMG_CODEC_NONE);
    }
    ck_assert_msg(*codec != RMG_CODEC_NONE, "%s", line);
    *size = from_hex(begin, (size_t)(end - begin), bytes);
    return true;
}

START_TEST(page)
{
    char path[4096];
    char line[1024];
    uint8_t bytes[512];
    unsigned rows[2] = {0, 0};
    int table = -1; /* 0: accepted, 1: refused */
    const char *folder = getenv("top_srcdir");
    (void)snprintf(path, sizeof path, "%s/docs/spec/attachments.md", folder != NULL ? folder : ".");
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "no %s", path);
    while (fgets(line, sizeof line, file) != NULL) {
        enum rmg_codec codec;
        enum rmg_codec element;
        uint32_t size = 0;
        table = strncmp(line, "Accepted", 8) == 0  ? 0
                : strncmp(line, "Refused", 7) == 0 ? 1
                : line[0] == '#'                   ? -1
                                                   : table;
        if (table < 0 || !page_row(line, &codec, &element, bytes, &size)) {
            continue;
        }
        rows[table]++;
        ck_assert_msg(rmg_codec_check(codec, element, bytes, size) ==
                          (table == 0 ? JIT_OK : JIT_EFORMAT),
                      "%s", line);
    }
    (void)fclose(file);
    ck_assert_uint_gt(rows[0], 10);
    ck_assert_uint_gt(rows[1], 10);
}
END_TEST

START_TEST(limit_and_one_past)
{
    uint8_t *bytes = mem.heap.alloc(&mem.heap, JIT_ATOM_BYTES_MAX + 1);
    struct rmg_datum datum;
    memset(bytes, 'a', JIT_ATOM_BYTES_MAX + 1);
    for (int i = 0; i < 2; i++) {
        enum rmg_codec codec = i == 0 ? RMG_CODEC_TEXT : RMG_CODEC_BYTES;
        ck_assert_int_eq(rmg_codec_decode(codec, bytes, JIT_ATOM_BYTES_MAX, &datum), JIT_OK);
        ck_assert_int_eq(rmg_codec_decode(codec, bytes, JIT_ATOM_BYTES_MAX + 1, &datum),
                         JIT_EFORMAT);
    }
    mem.heap.free(&mem.heap, bytes);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "codec", 20);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, types);
    tcase_add_loop_test(t, golden_bytes, 0, (int)(sizeof golden / sizeof golden[0]));
    tcase_add_test(t, values);
    tcase_add_test(t, floats_made_canonical);
    tcase_add_test(t, random_bytes);
    tcase_add_test(t, utf8);
    tcase_add_test(t, list_types);
    tcase_add_test(t, lists_of_one_codec);
    tcase_add_test(t, every_short_input);
    tcase_add_test(t, every_kind_of_float);
    tcase_add_test(t, page);
    tcase_add_test(t, limit_and_one_past);
}

TEST_MAIN("codec", suite)
