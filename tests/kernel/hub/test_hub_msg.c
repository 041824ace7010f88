/* Goal:   what hub_writer writes hub_parse reads; only canonical bytes within the limits are
 * accepted. Method: a message with every kind of value; every truncation; every changed byte:
 * refused, or accepted by an independent rule (libcbor's own re-encoding of it gives the same
 * bytes); a table of broken forms. */
#include "kernel/hub/hub_msg.h"

#include "base/le.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/tcase.h"

static struct fault_heap mem;
static struct jit_buf buf;

static void setup(void)
{
    mem = fault_heap_make(-1, false);
    jit_buf_init(&buf, &mem.heap, HUB_FRAME_BYTES_MAX + 4);
}

static void teardown(void)
{
    jit_buf_release(&buf);
    ck_assert_int_eq(mem.live, 0);
}

static void write_message(void)
{
    struct hub_writer w;
    struct jit_id id;
    memset(&id, 9, sizeof id);
    hub_begin(&w, &buf, 7);
    hub_text(&w, "t", "test");
    hub_id(&w, "id", &id);
    hub_bool(&w, "yes", true);
    hub_array(&w, "list", 3);
    hub_put_uint(&w, 1u << 20);
    hub_put_text(&w, "two");
    struct hub_writer inner = hub_map(&w, 2);
    hub_uint(&inner, "a", 23);
    hub_uint(&inner, "b", 24);
    hub_uint(&w, "small", 255);
    hub_bytes(&w, "bytes!", "\0\1\2", 3);
    hub_uint(&w, "largest", UINT64_MAX);
    hub_end(&w);
    ck_assert_int_eq(buf.err, JIT_OK);
}

START_TEST(round_trip)
{
    cbor_item_t *item = NULL;
    uint64_t value = 0;
    bool yes = false;
    char text[8];
    const uint8_t *bytes = NULL;
    size_t size = 0;
    struct jit_id id;
    write_message();
    ck_assert_uint_eq(jit_le32(buf.data), buf.size - 4);
    ck_assert_int_eq(hub_parse(buf.data + 4, buf.size - 4, &item), JIT_OK);
    ck_assert(hub_is(item, "t", "test"));
    ck_assert(hub_get_uint(item, "largest", &value) && value == UINT64_MAX);
    ck_assert(hub_get_bool(item, "yes", &yes) && yes);
    ck_assert(hub_get_bytes(item, "bytes!", &bytes, &size) && size == 3 && bytes[2] == 2);
    ck_assert(hub_get_id(item, "id", &id) && id.bytes[31] == 9);
    ck_assert(!hub_get_id(item, "bytes!", &id));
    ck_assert(!hub_get_uint(item, "t", &value));
    ck_assert(!hub_get_text(item, "absent", text, sizeof text));
    ck_assert_uint_eq(cbor_array_size(hub_field(item, "list")), 3);
    cbor_decref(&item);
}
END_TEST

START_TEST(truncations)
{
    write_message();
    for (size_t keep = 0; keep < buf.size - 4; keep++) {
        ck_assert_int_eq(hub_check(buf.data + 4, keep), JIT_EFORMAT);
    }
}
END_TEST

/* Accepted bytes mean the same to libcbor, and it would write them so itself. */
static void check_accepted(const uint8_t *bytes, size_t size)
{
    struct cbor_load_result result;
    unsigned char again[512];
    cbor_item_t *item = cbor_load(bytes, size, &result);
    ck_assert_ptr_nonnull(item);
    ck_assert_uint_eq(result.read, size);
    ck_assert_uint_eq(cbor_serialize(item, again, sizeof again), size);
    ck_assert_mem_eq(again, bytes, size);
    cbor_decref(&item);
}

START_TEST(changed_bytes)
{
    write_message();
    size_t size = buf.size - 4;
    uint8_t *bytes = buf.data + 4;
    for (size_t at = 0; at < size; at++) {
        uint8_t old = bytes[at];
        for (unsigned value = 0; value < 256; value++) {
            bytes[at] = (uint8_t)value;
            if (hub_check(bytes, size) == JIT_OK) {
                check_accepted(bytes, size);
            }
        }
        bytes[at] = old;
    }
}
END_TEST

static const struct {
    const char *what;
    uint8_t bytes[12];
    size_t size;
} broken[] = {
    {"a longer head than needed", {0x18, 23}, 2},
    {"16 bits for 255", {0x19, 0, 255}, 3},
    {"indefinite array", {0x9f, 0xff}, 2},
    {"indefinite text", {0x7f, 0xff}, 2},
    {"a tag", {0xc1, 0}, 2},
    {"a float", {0xf9, 0, 0}, 3},
    {"null", {0xf6}, 1},
    {"keys descend", {0xa2, 0x61, 'b', 0, 0x61, 'a', 0}, 7},
    {"keys equal", {0xa2, 0x61, 'a', 0, 0x61, 'a', 0}, 7},
    {"longer key first", {0xa2, 0x62, 'a', 'a', 0, 0x61, 'b', 0}, 8},
    {"a key that is no text", {0xa1, 1, 0}, 3},
    {"text that is not UTF-8", {0x61, 0xff}, 2},
    {"an array of 2^32 in two bytes", {0x9a, 0xff, 0xff, 0xff, 0xff}, 5},
    {"a map larger than its bytes", {0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 9},
    {"something behind it", {0, 0}, 2},
    {"nine levels", {0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0}, 10},
};

START_TEST(broken_forms)
{
    ck_assert_msg(hub_check(broken[_i].bytes, broken[_i].size) == JIT_EFORMAT, "%s was accepted",
                  broken[_i].what);
}
END_TEST

START_TEST(limits)
{
    static const uint8_t eight_levels[] = {0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0};
    ck_assert_int_eq(hub_check(eight_levels, sizeof eight_levels), JIT_OK);
    ck_assert_int_eq(hub_check(eight_levels, HUB_FRAME_BYTES_MAX + 1u), JIT_ELIMIT);
    cbor_item_t *item = NULL;
    ck_assert_int_eq(hub_parse(eight_levels, sizeof eight_levels, &item), JIT_EFORMAT); /* no map */
    ck_assert_ptr_null(item);
}
END_TEST

/* Each item costs a reader many times its one byte. */
START_TEST(items) /* _i: at the limit, one past it */
{
    uint32_t count = HUB_ITEMS_MAX - 3 + (uint32_t)_i; /* besides map, key and array */
    struct hub_writer w;
    hub_begin(&w, &buf, 1);
    hub_array(&w, "list", count);
    for (uint32_t i = 0; i < count; i++) {
        hub_put_uint(&w, 0);
    }
    hub_end(&w);
    ck_assert_int_eq(hub_check(buf.data + 4, buf.size - 4), _i == 0 ? JIT_OK : JIT_ELIMIT);
}
END_TEST

START_TEST(no_memory)
{
    for (int64_t n = 0;; n++) {
        struct fault_heap fault = fault_heap_make(n, true);
        jit_buf_init(&buf, &fault.heap, HUB_FRAME_BYTES_MAX);
        struct hub_writer w;
        hub_begin(&w, &buf, 1);
        hub_text(&w, "t", "a text long enough to make the buffer grow more than once, surely");
        hub_end(&w);
        ck_assert_int_eq(buf.err, fault_heap_fired(&fault) ? JIT_ENOMEM : JIT_OK);
        jit_buf_release(&buf);
        ck_assert_int_eq(fault.live, 0);
        jit_buf_init(&buf, &mem.heap, HUB_FRAME_BYTES_MAX);
        if (!fault_heap_fired(&fault)) {
            break;
        }
    }
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "hub_msg", 20);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, round_trip);
    tcase_add_test(t, truncations);
    tcase_add_test(t, changed_bytes);
    tcase_add_loop_test(t, broken_forms, 0, (int)(sizeof broken / sizeof *broken));
    tcase_add_test(t, limits);
    tcase_add_loop_test(t, items, 0, 2);
    tcase_add_test(t, no_memory);
}

TEST_MAIN("hub_msg", suite)
