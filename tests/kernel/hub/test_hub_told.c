/* Goal:   the hub never drops a subscriber that reads, however much is told; one that does not read
 *         is dropped, and costs nothing.
 * Method: the hub and its clients in one process, over real sockets (conn_bed.h). */
#include <pthread.h>

#include "kernel/hub/hub_priv.h"
#include "tests/kernel/hub/conn_bed.h"

static size_t take_parts(int fd, size_t most)
{
    size_t parts = 0;
    while (parts < most) {
        cbor_item_t *item = next(fd);
        ck_assert_ptr_nonnull(item);
        bool part = hub_is(item, "t", "part");
        ck_assert(part || hub_is(item, "code", "slow"));
        cbor_decref(&item);
        if (!part) {
            break;
        }
        parts++;
    }
    return parts;
}

START_TEST(who_does_not_read_is_dropped_and_costs_nothing)
{
    int fd = subscriber();
    for (unsigned i = 0; i < 80; i++) {
        tell(1);
    }
    ck_assert_int_lt(mem.live_bytes, (int64_t)(3 * MIB));
    ck_assert_uint_lt(take_parts(fd, 80), 3); /* what was on its way, whole, and then why */
    expect_end(fd);
}
END_TEST

START_TEST(a_tick_of_any_size_is_told) /* and several are told it from the same memory */
{
    int fd[3];
    for (int i = 0; i < 3; i++) {
        fd[i] = subscriber();
    }
    tell(90);
    tell(90);
    ck_assert_int_lt(mem.live_bytes, (int64_t)(190 * MIB));
    ck_assert_uint_eq(take_parts(fd[0], 180), 180);
    ck_assert_uint_eq(take_parts(fd[1], 90), 90);
    tell(1); /* the first has read all, the second is one behind, the third two, and far */
    ck_assert_uint_eq(take_parts(fd[0], 1), 1);
    ck_assert_uint_eq(take_parts(fd[1], 91), 91);
    ck_assert_uint_lt(take_parts(fd[2], 181), 3);
    expect_end(fd[2]);
    close(fd[0]);
    close(fd[1]);
}
END_TEST

static void *read_all(void *user)
{
    static uint8_t bytes[1 << 18];
    size_t *left = user;
    int fd = (int)*left;
    *left = 0;
    for (ssize_t n = 1; n > 0; *left += (size_t)n) {
        n = recv(fd, bytes, sizeof bytes, 0);
        n = n > 0 ? n : 0;
    }
    return NULL;
}

/* The supervisor may be at work on ticks for long, and sends nothing meanwhile. */
START_TEST(who_reads_is_never_dropped)
{
    pthread_t thread;
    int fd = subscriber();
    size_t got = (size_t)fd;
    ck_assert_int_eq(pthread_create(&thread, NULL, read_all, &got), 0);
    size_t all = 0;
    for (unsigned i = 0; i < 24; i++) {
        struct hub_message *message = told(8);
        all += hub_message_size(message);
        hub_each(hub, 1, share, message);
        hub_message_unref(message);
    }
    pump();
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    pump();
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_uint_eq(got, all);
    close(fd);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "hub_told", 60);
    tcase_add_checked_fixture(t, setup, hub_bed_end);
    tcase_add_test(t, who_does_not_read_is_dropped_and_costs_nothing);
    tcase_add_test(t, a_tick_of_any_size_is_told);
    tcase_add_test(t, who_reads_is_never_dropped);
    t = test_case(s, "without io_uring", 60);
    tcase_add_checked_fixture(t, setup_plain, hub_bed_end);
    tcase_add_test(t, who_does_not_read_is_dropped_and_costs_nothing);
}

TEST_MAIN("hub_told", suite)
