/* Goal:   of guests, and of guests only, somebody makes way, first of the purse with the most
 * places; who has to go is answered what he is owed. Method: the hub and its clients in one
 * process, over real sockets, with a time of our own, counted in rounds (guests_bed.h). */
#include "tests/kernel/hub/guests_bed.h"

/* ---- who makes way ---- */

START_TEST(the_token_with_the_most_places_makes_way)
{
    int hog[HUB_GUESTS_MAX];
    int good = guest("good");
    for (unsigned i = 0; i < HUB_GUESTS_MAX - 1; i++) {
        now += SECOND;
        hog[i] = guest("hog");
    }
    pump();
    ck_assert_uint_eq(gone_count, 0);
    now += SECOND;
    int other = guest("other"); /* takes the place of the one that was heard least lately */
    ck_assert_uint_eq(gone_count, 1);
    ck_assert(hears(other, "t", "welcome"));
    (void)hear(hog[0]);
    ck_assert_int_eq(hear(hog[0]), -1);
    /* Strangers make way for each other then, and cost no bearer a second place. */
    unsigned before = gone_count;
    int strangers[10];
    for (unsigned i = 0; i < 10; i++) {
        now += SECOND;
        strangers[i] = guest(NULL);
    }
    ck_assert_uint_eq(gone_count, before + 10);
    unsigned there = 0;
    for (unsigned i = 1; i < HUB_GUESTS_MAX - 1; i++) {
        (void)hear(hog[i]);
        there += hear(hog[i]) == 0;
        close(hog[i]);
    }
    ck_assert_uint_eq(there, HUB_GUESTS_MAX - 3);
    ck_assert_int_gt(hear(good), 0);
    ck_assert_int_eq(hear(good), 0);
    for (unsigned i = 0; i < 10; i++) {
        close(strangers[i]);
    }
    close(hog[0]);
    close(other);
    close(good);
}
END_TEST

START_TEST(who_has_a_token_of_his_own_keeps_his_place)
{
    int fd[HUB_GUESTS_MAX];
    char token[8];
    for (unsigned i = 0; i < HUB_GUESTS_MAX; i++) {
        now += SECOND;
        snprintf(token, sizeof token, "t%u", i);
        fd[i] = guest(token);
    }
    now += SECOND;
    int more = come_to("guests");
    ck_assert(hears(more, "code", "full"));
    close(more);
    ck_assert_uint_eq(gone_count, 0);
    /* Until he has said nothing for long. */
    for (unsigned i = 1; i < HUB_GUESTS_MAX; i++) {
        ck_assert(say(fd[i], "x", NULL, 1));
    }
    now += HUB_GUEST_IDLE_NS - 2 * SECOND;
    for (unsigned i = 1; i < HUB_GUESTS_MAX; i++) {
        ck_assert(say(fd[i], "x", NULL, 1));
    }
    pump();
    now += 3 * SECOND;
    more = guest(NULL);
    ck_assert(hears(more, "t", "welcome"));
    ck_assert_uint_eq(gone_count, 1);
    (void)hear(fd[0]);
    ck_assert_int_eq(hear(fd[0]), -1);
    close(more);
    for (unsigned i = 0; i < HUB_GUESTS_MAX; i++) {
        close(fd[i]);
    }
}
END_TEST

/* A full table: guests displace guests only, and the owner displaces a guest. */
START_TEST(guests_displace_no_client_of_the_owner)
{
    int mine[HUB_CONNECTIONS_MAX];
    for (unsigned i = 0; i < HUB_CONNECTIONS_MAX; i++) {
        mine[i] = owner(); /* that has said nothing yet */
    }
    int more = come_to("guests");
    ck_assert(hears(more, "code", "full"));
    close(more);
    ck_assert_uint_eq(gone_count, 0);
    close(mine[0]);
    pump();
    gone_count = 0;
    more = guest("a");
    ck_assert(hears(more, "t", "welcome"));
    for (unsigned i = 1; i < HUB_CONNECTIONS_MAX; i++) {
        ck_assert(say(mine[i], "hello", NULL, 1));
    }
    pump();
    mine[0] = owner();
    ck_assert(say(mine[0], "hello", NULL, 1));
    pump();
    ck_assert(hears(mine[0], "t", "welcome"));
    ck_assert_uint_eq(gone_count, 1);
    ck_assert_int_eq(hear(more), -1);
    close(more);
    for (unsigned i = 0; i < HUB_CONNECTIONS_MAX; i++) {
        close(mine[i]);
    }
}
END_TEST

/* ---- who has to go ---- */

START_TEST(who_has_to_go_is_answered_first)
{
    int fd = guest("a");
    ck_assert(say(fd, "later", NULL, 1));
    pump();
    ck_assert_ptr_nonnull(owed);
    struct hub_conn *conn = owed;
    (void)hear(fd);
    hub_dismiss(conn, "token", "it was revoked");
    ck_assert(say(fd, "work", NULL, 10)); /* that is not heard any more */
    uint64_t before = heard;
    pump();
    ck_assert_uint_eq(heard, before);
    ck_assert_int_eq(hear(fd), 0);
    reply(conn, "done");
    hub_owe(conn, false);
    pump();
    ck_assert(hears(fd, "code", "token"));
    ck_assert_int_eq(hear(fd), -1);
    ck_assert_uint_eq(gone_count, 1);
    close(fd);
}
END_TEST

/* No more than so many answers are waited for at a time; the rest waits in the guest's socket. */
START_TEST(who_is_owed_enough_is_not_heard)
{
    int fd = guest("a");
    uint64_t before = heard;
    ck_assert(say(fd, "later", NULL, 10));
    pump();
    ck_assert_uint_eq(heard - before, HUB_GUEST_OWED_MAX);
    for (unsigned i = HUB_GUEST_OWED_MAX; i < 10; i++) {
        hub_owe(owed, false);
        pump();
        ck_assert_uint_eq(heard - before, i + 1);
    }
    close(fd);
}
END_TEST

static void add_all(TCase *t)
{
    tcase_add_test(t, the_token_with_the_most_places_makes_way);
    tcase_add_test(t, who_has_a_token_of_his_own_keeps_his_place);
    tcase_add_test(t, guests_displace_no_client_of_the_owner);
    tcase_add_test(t, who_has_to_go_is_answered_first);
    tcase_add_test(t, who_is_owed_enough_is_not_heard);
}

static void suite(Suite *s)
{
    both_ways(s, "hub_places", add_all);
}

TEST_MAIN("hub_places", suite)
