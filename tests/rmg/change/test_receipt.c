/* Goal:   the digest of receipts is that of their bytes (docs/spec/patch.md, which test_patch
 *         compares), for every count around the pieces it is made in.
 * Method: encode and hash in one piece against rmg_receipts_digest. */
#include "base/hash.h"
#include "rmg/change/receipt.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/tcase.h"

#define COUNT_MAX 700u

START_TEST(digest_is_of_the_bytes)
{
    static struct rmg_receipt receipts[COUNT_MAX];
    struct fault_heap mem = fault_heap_make(-1, false);
    struct jit_buf buf;
    struct jit_id before = {{0}};
    jit_buf_init(&buf, &mem.heap, 1u << 20);
    for (uint32_t i = 0; i < COUNT_MAX; i++) {
        jit_hash(&i, sizeof i, &receipts[i].request_key);
        receipts[i].process.bytes[0] = (uint8_t)i;
        receipts[i].result = (uint16_t)(i % RMG_RESULT_COUNT);
        receipts[i].blocker = i % 3 == 0 ? RMG_NO_BLOCKER : i;
    }
    for (uint64_t count = 0; count <= COUNT_MAX; count += count < 460 ? 1 : 37) {
        struct jit_id want;
        struct jit_id got;
        jit_buf_reset(&buf);
        rmg_receipts_encode(receipts, count, &buf);
        ck_assert_int_eq(buf.err, JIT_OK);
        ck_assert_uint_eq(buf.size, 8 + 72 * count);
        jit_hash_key(JIT_K_RECEIPTS, buf.data, buf.size, &want);
        rmg_receipts_digest(receipts, count, &got);
        ck_assert(jit_id_equal(&want, &got));
        ck_assert(!jit_id_equal(&got, &before));
        before = got;
    }
    jit_buf_release(&buf);
    ck_assert_int_eq(mem.live, 0);
}
END_TEST

START_TEST(every_result_has_a_text_and_its_number)
{
    for (int i = 0; i < (int)RMG_RESULT_COUNT; i++) {
        ck_assert_str_ne(rmg_result_text((enum rmg_result)i), "unknown result");
        for (int j = 0; j < i; j++) {
            ck_assert_str_ne(rmg_result_text((enum rmg_result)i),
                             rmg_result_text((enum rmg_result)j));
        }
    }
    ck_assert_int_eq(RMG_APPLIED, 0);
    ck_assert_int_eq(RMG_CONFLICT, 6);
    ck_assert_int_eq(RMG_BASE_TOO_OLD, 15);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "receipt", 20);
    tcase_add_test(t, digest_is_of_the_bytes);
    tcase_add_test(t, every_result_has_a_text_and_its_number);
}

TEST_MAIN("receipt", suite)
