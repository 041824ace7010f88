/* Goal:   what a guest shows is what he may do, for as long as it allows something: strangers get
 * nothing; who reads pays for what he is told; when all he has shown is revoked he is answered what
 * he is owed, told so and hung up on, and one token left keeps him. Method: the hub over real
 * sockets, the supervisor's answers and the core, in one process (guest_bed.h). */
#include "kernel/core/intent.h"
#include "tests/kernel/guest_bed.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/tcase.h"

#define MAP  0u /* w's slots */
#define BUMP 1u

static struct fault_heap mem;
static struct guest_bed bed;
static struct jit_buf out;

static void setup(void)
{
    mem = fault_heap_make(-1, false);
    guest_bed_begin(&bed, &mem.heap);
    jit_buf_init(&out, jit_heap_libc(), 1u << 20);
}

static void teardown(void)
{
    jit_buf_release(&out);
    guest_bed_end(&bed);
    ck_assert_int_eq(mem.live, 0);
}

static void say(int fd)
{
    ck_assert_int_eq(out.err, JIT_OK);
    ck_assert_int_eq(send(fd, out.data, out.size, MSG_NOSIGNAL), (ssize_t)out.size);
    jit_buf_reset(&out);
}

/* The next frame, waited for no longer than something happens; NULL: there is none. */
static cbor_item_t *next(int fd)
{
    static uint8_t bytes[1 << 20];
    cbor_item_t *item = NULL;
    guest_bed_pump(&bed);
    ssize_t n = recv(fd, bytes, 4, MSG_DONTWAIT);
    if (n != 4) {
        return NULL;
    }
    uint32_t size = jit_le32(bytes);
    ck_assert_uint_le(size, sizeof bytes);
    ck_assert_int_eq(recv(fd, bytes, size, MSG_DONTWAIT), (ssize_t)size);
    ck_assert_int_eq(hub_parse(bytes, size, &item), JIT_OK);
    return item;
}

static void expect(int fd, const char *key, const char *text)
{
    cbor_item_t *item = next(fd);
    char said[256] = "";
    ck_assert_msg(item != NULL, "nothing instead of %s", text);
    (void)hub_get_text(item, "text", said, sizeof said);
    ck_assert_msg(hub_is(item, key, text), "not %s: %s", text, said);
    cbor_decref(&item);
}

static void expect_result(int fd, enum rmg_result result)
{
    cbor_item_t *item = next(fd);
    uint64_t got = 0;
    ck_assert_ptr_nonnull(item);
    ck_assert(hub_is(item, "t", "intent") && hub_get_uint(item, "result", &got));
    ck_assert_uint_eq(got, (uint64_t)result);
    cbor_decref(&item);
}

static void expect_end(int fd)
{
    char byte = 0;
    guest_bed_pump(&bed);
    ck_assert_int_eq(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
    close(fd);
}

static int guest(const uint32_t *slots, size_t count)
{
    int fd = guest_bed_come(&bed);
    guest_bed_put_hello(&out);
    for (size_t i = 0; i < count; i++) {
        guest_bed_put_present(&out, &bed.tokens[slots[i]]);
    }
    say(fd);
    expect(fd, "t", "welcome");
    for (size_t i = 0; i < count; i++) {
        expect(fd, "t", "token");
    }
    return fd;
}

static void put_bump(uint64_t token, uint64_t nonce)
{
    struct jit_buf intent;
    jit_buf_init(&intent, jit_heap_libc(), KERN_INTENT_BYTES_MAX);
    guest_bed_intent(&bed, 1, nonce, &intent);
    guest_bed_put_intent(&out, token, intent.data, intent.size);
    jit_buf_release(&intent);
}

START_TEST(a_bearer_asks_and_reads)
{
    static const uint32_t both[] = {BUMP, MAP};
    int fd = guest(both, 2);
    const struct jit_id cell = guest_bed_cell(1);
    uint64_t before = kern_core_tick(bed.s.core);
    put_bump(0, 1);
    say(fd);
    expect_result(fd, RMG_APPLIED);
    guest_bed_put_read(&out, 1, &bed.world, &cell);
    say(fd);
    expect(fd, "t", "node");
    ck_assert_uint_eq(kern_core_tick(bed.s.core), before + 1);
    put_bump(1, 2); /* the right to map does not do */
    guest_bed_put_read(&out, 0, &bed.world, &cell);
    say(fd);
    expect(fd, "code", "denied");
    expect(fd, "code", "denied");
    close(fd);
    guest_bed_pump(&bed);
}
END_TEST

START_TEST(strangers_get_nothing)
{
    int fd = guest(NULL, 0);
    put_bump(0, 1);
    guest_bed_put_read(&out, 0, &bed.world, NULL);
    bed.tokens[MAP].data[80] ^= 1;
    guest_bed_put_present(&out, &bed.tokens[MAP]);
    say(fd);
    expect(fd, "code", "token");
    expect(fd, "code", "token");
    expect(fd, "code", "token");
    ck_assert_ptr_null(next(fd));
    ck_assert_uint_eq(bed.commands, 0);
    close(fd);
    guest_bed_pump(&bed);
}
END_TEST

START_TEST(who_has_nothing_left_has_to_go)
{
    static const uint32_t both[] = {BUMP, MAP};
    int one = guest(both, 1);
    int two = guest(both, 2);
    guest_bed_revoke(&bed, BUMP);
    expect(one, "code", "token");
    expect_end(one);
    put_bump(0, 1);
    guest_bed_put_read(&out, 1, &bed.world, NULL);
    say(two);
    expect(two, "code", "denied");
    expect(two, "t", "node");
    guest_bed_revoke(&bed, MAP);
    expect(two, "code", "token");
    expect_end(two);
}
END_TEST

/* The intent waits for the very tick in which its token is revoked: it is answered first. */
START_TEST(who_is_owed_something_is_answered_first)
{
    static const uint32_t bump[] = {BUMP};
    int fd = guest(bump, 1);
    put_bump(0, 1);
    say(fd);
    while (bed.s.event_count == 0) {
        shell_loop_run(bed.loop, 0);
        hub_serve(bed.s.hub, bed.now);
    }
    const struct kern_event asked = {.kind = KERN_EVENT_ASKED};
    sim_kernel_step(&bed.sim, &asked); /* it is collected; its answer is not promised yet */
    guest_bed_revoke(&bed, BUMP);
    supervisor_guests_look(&bed.s);
    expect_result(fd, RMG_DENIED);
    expect(fd, "code", "token");
    expect_end(fd);
}
END_TEST

/* What is read is paid for by what it was: nobody reads more than its purse holds. */
START_TEST(who_reads_pays_for_it)
{
    static const uint32_t map[] = {MAP};
    int fd = guest(map, 1);
    bed.now += GUEST_BED_SECOND;
    unsigned answers = 0;
    for (unsigned round = 0; round < 300; round++) {
        for (unsigned i = 0; i < 10; i++) {
            guest_bed_put_read(&out, 0, &bed.world, NULL);
        }
        (void)send(fd, out.data, out.size, MSG_NOSIGNAL | MSG_DONTWAIT);
        jit_buf_reset(&out);
        for (cbor_item_t *item = next(fd); item != NULL; item = next(fd)) {
            ck_assert(hub_is(item, "t", "node"));
            cbor_decref(&item);
            answers++;
        }
    }
    ck_assert_uint_ge(answers, HUB_GUESTS_MOST / 8);
    ck_assert_uint_le(answers, HUB_GUESTS_MOST / 5 + 1); /* a frame, and 4 */
    close(fd);
    guest_bed_pump(&bed);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "guests", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_bearer_asks_and_reads);
    tcase_add_test(t, strangers_get_nothing);
    tcase_add_test(t, who_has_nothing_left_has_to_go);
    tcase_add_test(t, who_is_owed_something_is_answered_first);
    tcase_add_test(t, who_reads_pays_for_it);
}

TEST_MAIN("guests", suite)
