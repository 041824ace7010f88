/* Goal:   guests cost what the hub lets them cost and no more: the owner's client is served in the
 *         same round, whoever floods and however; who has spent his purse is not read from until it
 *         has filled; strangers spend nothing of a bearer's, one token nothing of another's.
 * Method: the hub and its clients in one process, over real sockets, with a time of our own,
 * counted in rounds; what the supervisor would do is a handler of a few lines (guests_bed.h). */
#include "tests/kernel/hub/guests_bed.h"

#define FLOOD 32

/* ---- the owner first ---- */

/* Of each: with a token, strangers, of a type nobody knows, halves of frames, no reading. */
static void flood(int fd, unsigned kind)
{
    switch (kind % 4) {
    case 0:
        (void)say(fd, "work", NULL, 100);
        (void)hear(fd);
        break;
    case 1:
        (void)say(fd, "nobody knows this", NULL, 100);
        (void)hear(fd);
        break;
    case 2:
        (void)say(fd, "long", NULL, 100); /* and it never reads */
        break;
    default:
        (void)send(fd, "\x20\0\0", 3, MSG_NOSIGNAL | MSG_DONTWAIT); /* no handshake */
        break;
    }
}

START_TEST(the_owner_is_served_in_the_same_round)
{
    static const char *const tokens[] = {"a", "b", NULL};
    int fd[FLOOD];
    int mine = owner();
    ck_assert(say(mine, "hello", NULL, 1));
    pump();
    ck_assert_int_eq(hear(mine), 1);
    for (unsigned i = 0; i < FLOOD; i++) {
        now += SECOND;
        fd[i] = i % 4 == 3 ? come_to("guests") : guest(tokens[i % 3]);
    }
    now += SECOND;
    uint64_t began = heard;
    for (unsigned round = 0; round < 200; round++) {
        for (unsigned i = 0; i < FLOOD; i++) {
            flood(fd[i], i);
        }
        uint64_t before = heard;
        uint64_t cost = units;
        ck_assert(say(mine, "status", NULL, 1));
        work();
        /* Its answer is there, and no guest was heard before it in this round; */
        ck_assert_int_eq(hear(mine), 1);
        ck_assert_uint_eq(owner_heard_at, before);
        /* and they have their share of the round, and one message more. */
        ck_assert_uint_le(units - cost, HUB_GUESTS_ROUND + COST + 1);
        now += SECOND / 1000;
    }
    ck_assert_uint_gt(heard - began, 100); /* they were not starved either */
    ck_assert_int_lt(mem.live_bytes,
                     (int64_t)HUB_GUESTS_MAX * (HUB_GUEST_UNREAD_MAX + (512 << 10)));
    for (unsigned i = 0; i < FLOOD; i++) {
        close(fd[i]);
    }
    close(mine);
}
END_TEST

/* ---- purses ---- */

START_TEST(who_has_spent_it_waits)
{
    int fd = guest("a");
    now += SECOND; /* full */
    uint64_t before = heard;
    for (unsigned i = 0; i < 40; i++) {
        (void)say(fd, "work", NULL, 250);
        pump();
        (void)hear(fd);
        (void)hear(fd);
    }
    /* At once as much as all guests may; never more than what time brings. */
    ck_assert_uint_le(heard - before, HUB_GUESTS_MOST / (COST + 1) + 1);
    ck_assert_uint_ge(heard - before, HUB_GUESTS_MOST / (COST + 1) / 2);
    for (unsigned i = 0; i < 20; i++) {
        now += SECOND / 10;
        (void)say(fd, "work", NULL, 250);
        pump();
        (void)hear(fd);
    }
    uint64_t rate = HUB_GUEST_RATE / (COST + 1);
    ck_assert_uint_le(heard - before, 3 * rate + 2);
    ck_assert_uint_ge(heard - before, 2 * rate - 20);
    /* It is not read from meanwhile: nothing is ready, and the hub says when it will be. */
    pump();
    for (unsigned i = 0; i < 100; i++) {
        ck_assert_uint_eq(shell_loop_run(loop, 0), 0);
        ck_assert(!hub_serve(hub, now));
    }
    uint64_t due = hub_work(hub, now);
    ck_assert_uint_gt(due, now);
    ck_assert_uint_le(due, now + SECOND);
    before = heard;
    now = due;
    hub_work(hub, now);
    pump();
    ck_assert_uint_gt(heard, before);
    close(fd);
}
END_TEST

START_TEST(strangers_spend_nothing_of_a_bearers)
{
    int bad[8];
    int good = guest("a");
    for (unsigned i = 0; i < 8; i++) {
        now += SECOND;
        bad[i] = guest(NULL);
    }
    uint64_t asked = 0;
    uint64_t answered = 0;
    (void)hear(good);
    uint64_t before = heard;
    for (unsigned i = 0; i < 200; i++) {
        for (unsigned k = 0; k < 8; k++) {
            (void)say(bad[k], "nobody knows this", NULL, 60);
            (void)hear(bad[k]);
        }
        if (asked == answered) {
            ck_assert(say(good, "work", NULL, 1));
            asked++;
        }
        work();
        work();
        answered += (uint64_t)hear(good);
        now += SECOND / 20;
    }
    ck_assert_uint_ge(answered, 199); /* ten seconds, and never kept waiting */
    ck_assert_uint_le(heard - before - answered, 11 * HUB_STRANGERS_RATE);
    for (unsigned k = 0; k < 8; k++) {
        close(bad[k]);
    }
    close(good);
}
END_TEST

START_TEST(a_token_spends_nothing_of_another)
{
    int bad[8];
    int good = guest("a");
    for (unsigned i = 0; i < 8; i++) {
        now += SECOND;
        bad[i] = guest("b");
    }
    uint64_t asked = 0;
    uint64_t answered = 0;
    (void)hear(good);
    uint64_t before = heard;
    for (unsigned i = 0; i < 200; i++) {
        for (unsigned k = 0; k < 8; k++) {
            (void)say(bad[k], "work", NULL, 60);
            (void)hear(bad[k]);
        }
        if (asked == answered) {
            ck_assert(say(good, "work", NULL, 1));
            asked++;
        }
        work();
        work();
        answered += (uint64_t)hear(good);
        now += SECOND / 20;
    }
    ck_assert_uint_ge(answered, 199);
    /* Eight places of one token have what one would have. */
    ck_assert_uint_le(heard - before - answered, 11 * HUB_GUEST_RATE / (COST + 1));
    for (unsigned k = 0; k < 8; k++) {
        close(bad[k]);
    }
    close(good);
}
END_TEST

/* Those who draw on one purse have it in turn: the last one, too, while the others flood. */
START_TEST(nobody_is_passed_over) /* _i: strangers, bearers of one token */
{
    int bad[8];
    const char *token = _i == 0 ? NULL : "a";
    for (unsigned i = 0; i < 8; i++) {
        now += SECOND;
        bad[i] = guest(token);
    }
    int good = guest(token);
    for (unsigned i = 0; i < 20; i++) {
        bool answered = false;
        (void)hear(good);
        ck_assert(say(good, "x", NULL, 1));
        for (uint64_t began = now; !answered; now += SECOND / 1000) {
            ck_assert_uint_lt(now, began + SECOND);
            for (unsigned k = 0; k < 8; k++) {
                (void)say(bad[k], "work", NULL, 10);
                (void)hear(bad[k]);
            }
            work();
            answered = hear(good) == 1;
        }
    }
    for (unsigned k = 0; k < 8; k++) {
        close(bad[k]);
    }
    close(good);
}
END_TEST

/* Hanging up and coming again gives no new purse, and costs something itself. */
START_TEST(coming_again_is_not_free)
{
    unsigned welcome = 0;
    for (unsigned i = 0; i < 200; i++) {
        int fd = come_to("guests");
        (void)say(fd, "hello", NULL, 1);
        pump();
        welcome += hears(fd, "t", "welcome");
        close(fd);
        pump();
        now += SECOND / (HUB_DOOR_RATE / HUB_COST_CONNECT); /* as fast as they are let in */
    }
    const unsigned had =
        HUB_STRANGERS_RATE + HUB_STRANGERS_RATE * 200 / (HUB_DOOR_RATE / HUB_COST_CONNECT);
    ck_assert_uint_le(welcome, had / HUB_COST_CONNECT);
    ck_assert_uint_ge(welcome, HUB_STRANGERS_RATE / (HUB_COST_CONNECT + 3));
    int fd = come_to("guests"); /* it is not sent away, but waits */
    ck_assert(say(fd, "hello", NULL, 1));
    pump();
    ck_assert_int_eq(hear(fd), 0);
    now += SECOND / 10;
    hub_work(hub, now);
    pump();
    ck_assert(hears(fd, "t", "welcome"));
    close(fd);
}
END_TEST

/* Who knocks without end, and has spent his purse long ago, spends what there is for all guests
 * only up to a share: a bearer who asks one thing after another never waits for long. */
START_TEST(knocking_spends_nothing_of_a_bearers)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int knocking[8] = {0};
    int good = guest("a");
    snprintf(address.sun_path, sizeof address.sun_path, "%s", guests);
    memset(knocking, -1, sizeof knocking);
    (void)hear(good);
    bool asked = false;
    uint64_t began = 0;
    unsigned answered = 0;
    unsigned let_in_before = gone_count;
    for (unsigned i = 0; i < 20000; i++) { /* two seconds */
        int *fd = &knocking[i % 8];
        if (*fd >= 0) {
            close(*fd);
        }
        *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        ck_assert_int_ge(*fd, 0);
        (void)connect(*fd, (const struct sockaddr *)&address, sizeof address);
        if (!asked) {
            ck_assert(say(good, "work", NULL, 1));
            asked = true;
            began = now;
        }
        work();
        if (hear(good) == 1) {
            asked = false;
            answered++;
        }
        ck_assert_uint_le(now - began, SECOND / 50);
        now += SECOND / 10000;
    }
    ck_assert_uint_ge(answered, 2 * HUB_GUEST_RATE / (COST + 3) / 2);
    ck_assert_uint_le(gone_count - let_in_before, 3 * HUB_DOOR_RATE / HUB_COST_CONNECT);
    for (unsigned k = 0; k < 8; k++) {
        close(knocking[k]);
    }
    close(good);
}
END_TEST

/* ---- hostile frames ---- */

START_TEST(guests_frames_are_small)
{
    struct jit_buf buf;
    struct hub_writer w;
    int fd = guest("a");
    jit_buf_init(&buf, jit_heap_libc(), 1u << 20);
    hub_begin(&w, &buf, 2);
    hub_text(&w, "t", "x");
    hub_array(&w, "z", HUB_GUEST_ITEMS_MAX);
    for (unsigned i = 0; i < HUB_GUEST_ITEMS_MAX; i++) {
        hub_put_uint(&w, 0);
    }
    hub_end(&w);
    (void)hear(fd);
    ck_assert_int_eq(send(fd, buf.data, buf.size, MSG_NOSIGNAL), (ssize_t)buf.size);
    pump();
    ck_assert(hears(fd, "code", "format"));
    ck_assert_int_eq(hear(fd), -1);
    close(fd);
    jit_buf_release(&buf);
    fd = guest("a");
    (void)hear(fd);
    ck_assert_int_eq(send(fd, "\1\0\2\0", 4, MSG_NOSIGNAL), 4); /* 128 KiB and one byte */
    pump();
    ck_assert(hears(fd, "code", "frame"));
    ck_assert_int_eq(hear(fd), -1);
    close(fd);
}
END_TEST

START_TEST(half_a_frame_and_gone)
{
    int fd = guest(NULL);
    ck_assert_int_eq(send(fd, "\x20\0\0\0\xa1\x61", 6, MSG_NOSIGNAL), 6);
    pump();
    close(fd);
    pump();
    ck_assert_uint_eq(gone_count, 1);
    fd = guest("a");
    (void)say(fd, "work", NULL, 1000);
    close(fd); /* nobody is there to be answered: it is not heard to its end */
    uint64_t before = heard;
    pump();
    ck_assert_uint_eq(gone_count, 2);
    ck_assert_uint_le(heard - before, HUB_GUESTS_ROUND);
    fd = guest("a");
    ck_assert(say(fd, "work", NULL, 3));
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0); /* who ends his side is answered */
    pump();
    ck_assert_int_eq(hear(fd), 5);
    ck_assert_int_eq(hear(fd), -1);
    close(fd);
}
END_TEST

static void add_all(TCase *t)
{
    tcase_add_test(t, the_owner_is_served_in_the_same_round);
    tcase_add_test(t, who_has_spent_it_waits);
    tcase_add_test(t, strangers_spend_nothing_of_a_bearers);
    tcase_add_test(t, a_token_spends_nothing_of_another);
    tcase_add_loop_test(t, nobody_is_passed_over, 0, 2);
    tcase_add_test(t, coming_again_is_not_free);
    tcase_add_test(t, knocking_spends_nothing_of_a_bearers);
    tcase_add_test(t, guests_frames_are_small);
    tcase_add_test(t, half_a_frame_and_gone);
}

static void suite(Suite *s)
{
    both_ways(s, "hub_guests", add_all);
}

TEST_MAIN("hub_guests", suite)
