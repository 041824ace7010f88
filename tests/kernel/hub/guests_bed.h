/* tests/kernel/hub/guests_bed.h - a hub with a door for guests, a time of our own, and guests and
 * an owner without manners; the handler counts what it heard and what that cost. */
#ifndef JIT_TESTS_GUESTS_BED_H
#define JIT_TESTS_GUESTS_BED_H

#include <errno.h>

#include "base/le.h"
#include "tests/kernel/hub/hub_bed.h"

#define SECOND   1000000000ull
#define BEGIN_NS (1ull << 60) /* later than any clock of ours */
#define COST     20u          /* of a message "work" */

static char guests[64];
static uint64_t now;
static uint64_t heard; /* messages of guests, */
static uint64_t units; /* what they cost, frames included, */
static uint64_t owner_heard_at;

static inline void on_message(void *user, struct hub_conn *conn, const cbor_item_t *message)
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

static inline void on_note(void *user, const char *text)
{
    (void)user;
    (void)text;
}

static inline void begin(bool uring)
{
    static const struct hub_handler handler = {
        .message = on_message, .gone = on_gone, .greet = on_greet, .note = on_note};
    hub_bed_begin(uring, &handler);
    snprintf(guests, sizeof guests, "%s/guests", folder);
    int fd = hub_guests_listen(guests);
    ck_assert_int_ge(fd, 0);
    must(hub_guests_open(hub, fd));
    now = BEGIN_NS;
    hub_work(hub, now);
}

static inline void setup(void)
{
    begin(true);
}

static inline void setup_plain(void)
{
    begin(false);
}

static inline void teardown(void)
{
    ck_assert_int_eq(unlink(guests), 0);
    hub_bed_end();
}

/* All of it twice: with io_uring, and without. */
static inline void both_ways(Suite *s, const char *name, void (*add)(TCase *t))
{
    TCase *t = test_case(s, name, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    add(t);
    t = test_case(s, "without io_uring", 60);
    tcase_add_checked_fixture(t, setup_plain, teardown);
    add(t);
}

/* Once round, as the supervisor goes. */
static inline bool work(void)
{
    bool any = shell_loop_run(loop, 0) > 0;
    any = hub_serve(hub, now) || any;
    hub_work(hub, now);
    return any;
}

/* Until nothing happens any more; no time passes. */
static inline void pump(void)
{
    for (unsigned quiet = 0, rounds = 0; quiet < 3; rounds++) {
        ck_assert_uint_lt(rounds, 100000);
        quiet = work() ? 0 : quiet + 1;
    }
}

/* ---- clients without manners ---- */

static inline int come_to(const char *name)
{
    int fd = hub_bed_come(name);
    pump();
    return fd;
}

static inline int owner(void)
{
    return come_to("hub.sock");
}

static inline void put(struct jit_buf *buf, const char *type, const char *token)
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
static inline bool say(int fd, const char *type, const char *token, unsigned times)
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
static inline int hear(int fd)
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
static inline bool hears(int fd, const char *key, const char *text)
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

static inline int guest(const char *token)
{
    int fd = come_to("guests");
    ck_assert(say(fd, "hello", NULL, 1));
    if (token != NULL) {
        ck_assert(say(fd, "show", token, 1));
    }
    pump();
    return fd;
}

#endif
