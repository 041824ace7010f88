/* Goal:   guests cost what the hub lets them cost and no more: the owner's client is served in the
 * same round, whoever floods and however; who has spent his purse is not read from until it has
 * filled; strangers spend nothing of a bearer's, one token nothing of another's; of guests, and of
 * guests only, somebody makes way, first of the purse with the most places; who has to go is
 * answered what he is owed. Method: the hub and its clients in one process, over real sockets, with
 * a time of our own, counted in rounds; what the supervisor would do is a handler of a few lines.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/le.h"
#include "kernel/hub/hub.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/tcase.h"

#define SECOND   1000000000ull
#define BEGIN_NS (1ull << 60) /* later than any clock of ours */
#define FLOOD    32
#define COST     20u /* of a message "work" */

static struct fault_heap mem;
static struct shell_loop *loop;
static struct hub *hub;
static char folder[] = "/tmp/jitos-guests-XXXXXX";
static char guests[64];
static int folder_fd;
static uint64_t now;
static struct hub_conn *owed;
static uint64_t heard; /* messages of guests, */
static uint64_t units; /* what they cost, frames included, */
static uint64_t owner_heard_at;
static unsigned gone_count;

/* ---- a supervisor of a few lines ---- */

static void reply(struct hub_conn *conn, const char *type)
{
    struct hub_writer w;
    struct jit_buf frame;
    jit_buf_init(&frame, jit_heap_libc(), 1u << 20);
    hub_begin(&w, &frame, 1);
    hub_text(&w, "t", type);
    hub_end(&w);
    ck_assert_int_eq(frame.err, JIT_OK);
    hub_send(conn, &frame);
    jit_buf_release(&frame);
}

static void on_message(void *user, struct hub_conn *conn, const cbor_item_t *message)
{
    char key[33];
    struct jit_id token = {{0}};
    (void)user;
    if (!hub_is_guest(conn)) {
        owner_heard_at = heard;
        reply(conn, "ok");
        return;
    }
    heard++;
    units++;
    if (hub_get_text(message, "token", key, sizeof key)) {
        memcpy(token.bytes, key, strlen(key));
        hub_guest_has_shown(conn, &token);
    } else if (hub_is(message, "t", "work")) {
        hub_pay(conn, COST);
        units += COST;
    } else if (hub_is(message, "t", "later")) {
        hub_owe(conn, true);
        owed = conn;
        return;
    }
    reply(conn, hub_is(message, "t", "long") ? "a long answer, of which many fill a queue" : "ok");
}

static void on_gone(void *user, struct hub_conn *conn)
{
    (void)user;
    owed = owed == conn ? NULL : owed;
    gone_count++;
}

static void on_greet(void *user, struct hub_conn *conn)
{
    (void)user;
    reply(conn, "welcome");
}

static void on_note(void *user, const char *text)
{
    (void)user;
    (void)text;
}

static void open_hub(bool uring)
{
    static const struct hub_handler handler = {
        .message = on_message, .gone = on_gone, .greet = on_greet, .note = on_note};
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(guests, sizeof guests, "%s/guests", folder);
    folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(folder_fd, 0);
    mem = fault_heap_make(-1, false);
    ck_assert_int_eq(shell_loop_new(jit_heap_libc(), uring, &loop), JIT_OK);
    ck_assert_int_eq(hub_open(&mem.heap, loop, folder_fd, &handler, &hub), JIT_OK);
    int fd = hub_guests_listen(guests);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(hub_guests_open(hub, fd), JIT_OK);
    now = BEGIN_NS;
    hub_work(hub, now);
}

static void setup(void)
{
    open_hub(true);
}

static void setup_plain(void)
{
    open_hub(false);
}

static void teardown(void)
{
    hub_close(hub);
    ck_assert_int_eq(mem.live, 0);
    shell_loop_free(loop);
    close(folder_fd);
    ck_assert_int_eq(unlink(guests), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}

/* Once round, as the supervisor goes. */
static bool work(void)
{
    bool any = shell_loop_run(loop, 0) > 0;
    any = hub_serve(hub, now) || any;
    hub_work(hub, now);
    return any;
}

/* Until nothing happens any more; no time passes. */
static void pump(void)
{
    for (unsigned quiet = 0, rounds = 0; quiet < 3; rounds++) {
        ck_assert_uint_lt(rounds, 100000);
        quiet = work() ? 0 : quiet + 1;
    }
}

/* ---- clients without manners ---- */

static int come_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    pump();
    return fd;
}

static int owner(void)
{
    char path[64];
    snprintf(path, sizeof path, "%s/hub.sock", folder);
    return come_to(path);
}

static void put(struct jit_buf *buf, const char *type, const char *token)
{
    struct hub_writer w;
    bool hello = strcmp(type, "hello") == 0;
    hub_begin(&w, buf, hello || token != NULL ? 2 : 1);
    hub_text(&w, "t", type);
    if (hello) {
        hub_uint(&w, "major", HUB_MAJOR);
    } else if (token != NULL) {
        hub_text(&w, "token", token);
    }
    hub_end(&w);
    ck_assert_int_eq(buf->err, JIT_OK);
}

/* False: it was hung up on. */
static bool say(int fd, const char *type, const char *token, unsigned times)
{
    struct jit_buf buf;
    jit_buf_init(&buf, jit_heap_libc(), 1u << 20);
    for (unsigned i = 0; i < times; i++) {
        put(&buf, type, token);
    }
    ssize_t n = send(fd, buf.data, buf.size, MSG_NOSIGNAL | MSG_DONTWAIT);
    bool there = n >= 0 || errno == EAGAIN;
    jit_buf_release(&buf);
    return there;
}

/* How many frames are there; -1: it has hung up, and nothing was there any more. */
static int hear(int fd)
{
    static uint8_t bytes[1 << 20];
    int frames = 0;
    ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    for (ssize_t at = 0; at + 4 <= n; frames++) {
        at += 4 + (ssize_t)jit_le32(bytes + at);
    }
    return n > 0 ? frames : n < 0 && errno == EAGAIN ? 0 : -1;
}

/* Is there one with this code, or of this type? */
static bool hears(int fd, const char *key, const char *text)
{
    static uint8_t bytes[1 << 20];
    bool found = false;
    ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    for (ssize_t at = 0; at + 4 <= n; at += 4 + (ssize_t)jit_le32(bytes + at)) {
        cbor_item_t *item = NULL;
        ck_assert_int_eq(hub_parse(bytes + at + 4, jit_le32(bytes + at), &item), JIT_OK);
        found = found || hub_is(item, key, text);
        cbor_decref(&item);
    }
    return found;
}

static int guest(const char *token)
{
    int fd = come_to(guests);
    ck_assert(say(fd, "hello", NULL, 1));
    if (token != NULL) {
        ck_assert(say(fd, "show", token, 1));
    }
    pump();
    return fd;
}

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
        fd[i] = i % 4 == 3 ? come_to(guests) : guest(tokens[i % 3]);
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
        int fd = come_to(guests);
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
    int fd = come_to(guests); /* it is not sent away, but waits */
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
    int more = come_to(guests);
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
    int more = come_to(guests);
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
    tcase_add_test(t, the_token_with_the_most_places_makes_way);
    tcase_add_test(t, who_has_a_token_of_his_own_keeps_his_place);
    tcase_add_test(t, guests_displace_no_client_of_the_owner);
    tcase_add_test(t, who_has_to_go_is_answered_first);
    tcase_add_test(t, who_is_owed_enough_is_not_heard);
    tcase_add_test(t, guests_frames_are_small);
    tcase_add_test(t, half_a_frame_and_gone);
}

static void suite(Suite *s)
{
    TCase *t = test_case(s, "hub_guests", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    add_all(t);
    t = test_case(s, "without io_uring", 60);
    tcase_add_checked_fixture(t, setup_plain, teardown);
    add_all(t);
}

TEST_MAIN("hub_guests", suite)
