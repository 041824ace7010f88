/* Goal:   what jit_buf writes jit_cursor reads; both keep their bounds and their sticky errors.
 * Method: one round trip, every truncation of it, every refused allocation, the limit and one past
 * it. */
#include "base/buf.h"
#include "base/cursor.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/tcase.h"

static struct jit_id id;

static void write_all(struct jit_buf *buf)
{
    memset(&id, 7, sizeof id);
    jit_buf_put_u8(buf, 1);
    jit_buf_put_u16(buf, 0x0203);
    jit_buf_put_u32(buf, 0x04050607);
    jit_buf_put_u64(buf, 0x08090a0b0c0d0e0full);
    jit_buf_put_id(buf, &id);
    jit_buf_put(buf, "tail", 4);
}

static bool read_all(const uint8_t *bytes, size_t size)
{
    struct jit_cursor cur = jit_cursor_of(bytes, size);
    struct jit_id got;
    bool same = jit_get_u8(&cur) == 1;
    same = (jit_get_u16(&cur) == 0x0203) && same;
    same = (jit_get_u32(&cur) == 0x04050607) && same;
    same = (jit_get_u64(&cur) == 0x08090a0b0c0d0e0full) && same;
    jit_get_id(&cur, &got);
    const uint8_t *tail = jit_get_bytes(&cur, 4);
    return jit_cursor_done(&cur) && same && jit_id_equal(&got, &id) && memcmp(tail, "tail", 4) == 0;
}

START_TEST(round_trip_and_truncations)
{
    struct fault_heap mem = fault_heap_make(-1, false);
    struct jit_buf buf;
    jit_buf_init(&buf, &mem.heap, 1024);
    write_all(&buf);
    ck_assert_int_eq(buf.err, JIT_OK);
    ck_assert_uint_eq(buf.size, 51);
    for (size_t keep = 0; keep < buf.size; keep++) {
        ck_assert(!read_all(buf.data, keep));
    }
    ck_assert(read_all(buf.data, buf.size));
    ck_assert_uint_eq(buf.data[1], 3); /* little-endian */
    jit_buf_release(&buf);
    ck_assert_int_eq(mem.live, 0);
}
END_TEST

START_TEST(limit_and_one_past)
{
    struct fault_heap mem = fault_heap_make(-1, false);
    struct jit_buf buf;
    jit_buf_init(&buf, &mem.heap, 51);
    write_all(&buf);
    ck_assert_int_eq(buf.err, JIT_OK);
    jit_buf_put_u8(&buf, 0);
    ck_assert_int_eq(buf.err, JIT_ELIMIT);
    ck_assert_uint_eq(buf.size, 51);
    jit_buf_release(&buf);
    ck_assert_int_eq(mem.live, 0);
}
END_TEST

START_TEST(no_memory)
{
    for (int64_t n = 0;; n++) {
        struct fault_heap mem = fault_heap_make(n, true);
        struct jit_buf buf;
        jit_buf_init(&buf, &mem.heap, 1024);
        write_all(&buf);
        ck_assert_int_eq(buf.err, fault_heap_fired(&mem) ? JIT_ENOMEM : JIT_OK);
        jit_buf_release(&buf);
        ck_assert_int_eq(mem.live, 0);
        if (!fault_heap_fired(&mem)) {
            break;
        }
    }
}
END_TEST

/* Nothing is not what a buffer holds that could not be written. */
START_TEST(a_failed_one_is_not_empty)
{
    const struct jit_buf failed = {.heap = jit_heap_libc(), .err = JIT_ENOMEM};
    struct jit_buf whole;
    struct jit_buf out;
    jit_buf_init(&whole, jit_heap_libc(), 1024);
    jit_buf_init(&out, jit_heap_libc(), 1024);
    write_all(&whole);
    jit_buf_put_buf(&out, &whole);
    ck_assert_int_eq(out.err, JIT_OK);
    ck_assert(read_all(out.data, out.size));
    jit_buf_put_buf(&out, &failed);
    ck_assert_int_eq(out.err, JIT_ENOMEM);
    ck_assert_uint_eq(out.size, whole.size);
    jit_buf_release(&whole);
    jit_buf_release(&out);
}
END_TEST

START_TEST(hex)
{
    char text[JIT_ID_HEX];
    struct jit_id out;
    write_all(&(struct jit_buf){.heap = jit_heap_libc(), .err = JIT_ELIMIT});
    jit_id_to_hex(&id, text);
    ck_assert_int_eq(jit_id_from_hex(text, 64, &out), JIT_OK);
    ck_assert(jit_id_equal(&id, &out));
    ck_assert_int_eq(jit_id_from_hex(text, 63, &out), JIT_EFORMAT);
    text[63] = 'g';
    ck_assert_int_eq(jit_id_from_hex(text, 64, &out), JIT_EFORMAT);
    ck_assert(jit_id_is_zero(&out));
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "bytes", 10);
    tcase_add_test(t, round_trip_and_truncations);
    tcase_add_test(t, limit_and_one_past);
    tcase_add_test(t, no_memory);
    tcase_add_test(t, a_failed_one_is_not_empty);
    tcase_add_test(t, hex);
}

TEST_MAIN("bytes", suite)
