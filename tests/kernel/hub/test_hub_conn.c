/* Goal:   the hub bears whoever connects: mistakes in the first frame, a byte at a time, a side
 * that is ended early, somebody who never takes his answers, too many, no descriptors. Method: the
 * hub and its clients in one process, over real sockets; what the supervisor would do is a handler
 * of a few lines (conn_bed.h). */
#include <poll.h>
#include <sys/resource.h>

#include "kernel/hub/hub_priv.h"
#include "tests/kernel/hub/conn_bed.h"

/* ---- the first frame ---- */

static const struct {
    const char *code;
    size_t size;
    const char *bytes;
} first[] = {
    {"hello", 9, "\5\0\0\0\xa1\x61t\x61x"},
    {"hello", 13, "\11\0\0\0\xa1\x61t\x65hello"},
    {"version", 27, "\27\0\0\0\xa3\x61t\x65hello\x65major\x09\x65minor\0"},
    {"format", 6, "\2\0\0\0\xff\xff"},
    {"format", 5, "\1\0\0\0\0"},
    {"frame", 4, "\xff\xff\xff\xff"},
    {"format", 4, "\0\0\0\0"},
};

START_TEST(first_frames_are_judged) /* _i: row; nothing has been said before */
{
    int fd = client();
    ck_assert_int_eq(send(fd, first[_i].bytes, first[_i].size, MSG_NOSIGNAL),
                     (ssize_t)first[_i].size);
    expect(fd, "code", first[_i].code);
    expect_end(fd);
    close(greeted()); /* it goes on */
}
END_TEST

START_TEST(half_a_frame_and_gone)
{
    int fd = client();
    ck_assert_int_eq(send(fd, "\x20\0\0\0\xa1\x61", 6, MSG_NOSIGNAL), 6);
    pump();
    close(fd);
    pump();
    ck_assert_uint_eq(gone_count, 1);
}
END_TEST

/* ---- odd ways to speak ---- */

START_TEST(a_byte_at_a_time)
{
    struct jit_buf buf;
    int fd = client();
    jit_buf_init(&buf, jit_heap_libc(), 1u << 16);
    put(&buf, "hello", HUB_MAJOR);
    put(&buf, "one", 0);
    put(&buf, "two", 0);
    for (size_t i = 0; i < buf.size; i++) {
        ck_assert_int_eq(send(fd, buf.data + i, 1, MSG_NOSIGNAL), 1);
        shell_loop_run(loop, 1000000);
    }
    expect(fd, "t", "welcome");
    expect(fd, "t", "ok");
    expect(fd, "t", "ok");
    jit_buf_release(&buf);
    close(fd);
}
END_TEST

START_TEST(who_ends_its_side_is_answered)
{
    int fd = client();
    say(fd, "hello");
    say(fd, "one");
    say(fd, "two");
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    expect(fd, "t", "welcome");
    expect(fd, "t", "ok");
    expect(fd, "t", "ok");
    expect_end(fd);
}
END_TEST

START_TEST(who_is_owed_an_answer_is_kept)
{
    int fd = greeted();
    say(fd, "later");
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    pump();
    ck_assert_uint_eq(gone_count, 0);
    ck_assert_ptr_nonnull(owed);
    reply(owed, "done");
    hub_owe(owed, false);
    expect(fd, "t", "done");
    expect_end(fd);
    ck_assert_uint_eq(gone_count, 1);
    /* One that is gone altogether is not kept for an answer. */
    fd = greeted();
    say(fd, "later");
    pump();
    ck_assert_ptr_nonnull(owed);
    close(fd);
    pump();
    ck_assert_uint_eq(gone_count, 2);
    ck_assert_ptr_null(owed);
}
END_TEST

START_TEST(who_never_takes_its_answers_is_dropped)
{
    struct jit_buf buf;
    int fd = greeted();
    jit_buf_init(&buf, jit_heap_libc(), 1u << 20);
    for (unsigned i = 0; i < 8000; i++) {
        put(&buf, "x", 0);
    }
    int64_t most = 0;
    size_t at = 0;
    for (unsigned rounds = 0; most < (int64_t)(12 * MIB) || mem.live_bytes > (int64_t)MIB;
         rounds++) {
        ck_assert_uint_lt(rounds, 200000);
        ssize_t n = send(fd, buf.data + at, buf.size - at, MSG_NOSIGNAL | MSG_DONTWAIT);
        at = (at + (n > 0 ? (size_t)n : 0)) % buf.size;
        shell_loop_run(loop, 0);
        hub_work(hub, 0);
        most = most > mem.live_bytes ? most : mem.live_bytes;
    }
    ck_assert_int_lt(most, (int64_t)(2 * HUB_ANSWER_BYTES_MAX));
    jit_buf_release(&buf);
    close(fd);
}
END_TEST

/* ---- too many ---- */

START_TEST(a_full_table_says_so)
{
    int fd[HUB_CONNECTIONS_MAX];
    for (unsigned i = 0; i < HUB_CONNECTIONS_MAX; i++) {
        fd[i] = greeted();
    }
    int more = client();
    expect(more, "code", "full");
    expect_end(more);
    more = client();
    expect(more, "code", "full");
    expect_end(more);
    ck_assert_uint_eq(note_count, 1); /* not a line for each */
    close(fd[7]);
    pump();
    fd[7] = greeted();
    for (unsigned i = 0; i < HUB_CONNECTIONS_MAX; i++) {
        say(fd[i], "still here");
        expect(fd[i], "t", "ok");
        close(fd[i]);
    }
}
END_TEST

START_TEST(who_never_says_hello_makes_way)
{
    int fd[HUB_CONNECTIONS_MAX];
    for (unsigned i = 0; i < HUB_CONNECTIONS_MAX; i++) {
        fd[i] = client();
        pump();
    }
    int more = greeted();
    ck_assert_uint_eq(gone_count, 1);
    expect_end(fd[0]); /* the oldest of them */
    for (unsigned i = 1; i < HUB_CONNECTIONS_MAX; i++) {
        close(fd[i]);
    }
    close(more);
}
END_TEST

static int highest_fd(void)
{
    int fd = dup(0);
    ck_assert_int_ge(fd, 0);
    close(fd);
    return fd;
}

START_TEST(no_descriptor_is_no_reason_to_spin)
{
    struct rlimit old;
    int fd = client();
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    struct rlimit few = {.rlim_cur = (rlim_t)highest_fd(), .rlim_max = old.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    say(fd, "hello");
    ck_assert_uint_le(pump(), 2);
    for (unsigned i = 0; i < 100; i++) {
        ck_assert_uint_eq(shell_loop_run(loop, 0), 0);
    }
    ck_assert_uint_eq(note_count, 1);
    ck_assert_ptr_nonnull(strstr(last_note, strerror(EMFILE)));
    /* It tries again after a while, and once more. */
    uint64_t due = hub_work(hub, 0);
    ck_assert_uint_ne(due, UINT64_MAX);
    hub_work(hub, due);
    ck_assert_uint_le(pump(), 2);
    ck_assert_uint_eq(note_count, 1);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    hub_work(hub, UINT64_MAX - 1);
    expect(fd, "t", "welcome");
    ck_assert_uint_eq(hub_work(hub, 0), UINT64_MAX);
    close(fd);
}
END_TEST

START_TEST(the_last_descriptors_are_not_for_clients)
{
    struct rlimit old;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    int fd = greeted();
    int other = client();
    struct rlimit few = {.rlim_cur = (rlim_t)highest_fd() + HUB_RESERVE_FDS,
                         .rlim_max = old.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    expect(other, "code", "full");
    expect_end(other);
    ck_assert_uint_eq(note_count, 1);
    say(fd, "still here");
    expect(fd, "t", "ok");
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    close(greeted());
    close(fd);
}
END_TEST

static void add_quick(TCase *t)
{
    tcase_add_loop_test(t, first_frames_are_judged, 0, (int)(sizeof first / sizeof *first));
    tcase_add_test(t, half_a_frame_and_gone);
    tcase_add_test(t, a_byte_at_a_time);
    tcase_add_test(t, who_ends_its_side_is_answered);
    tcase_add_test(t, who_is_owed_an_answer_is_kept);
    tcase_add_test(t, a_full_table_says_so);
    tcase_add_test(t, who_never_says_hello_makes_way);
    tcase_add_test(t, no_descriptor_is_no_reason_to_spin);
    tcase_add_test(t, the_last_descriptors_are_not_for_clients);
}

static void suite(Suite *s)
{
    TCase *t = test_case(s, "hub_conn", 60);
    tcase_add_checked_fixture(t, setup, hub_bed_end);
    add_quick(t);
    tcase_add_test(t, who_never_takes_its_answers_is_dropped);
    t = test_case(s, "without io_uring", 60);
    tcase_add_checked_fixture(t, setup_plain, hub_bed_end);
    add_quick(t);
}

TEST_MAIN("hub_conn", suite)
