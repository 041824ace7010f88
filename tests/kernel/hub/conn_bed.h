/* tests/kernel/hub/conn_bed.h - a hub whose handler answers each message with a short or a long
 * word, and clients without manners. What the hub notes is kept. */
#ifndef JIT_TESTS_CONN_BED_H
#define JIT_TESTS_CONN_BED_H

#include <errno.h>

#include "base/le.h"
#include "tests/kernel/hub/hub_bed.h"

#define MIB ((size_t)1 << 20)

static unsigned note_count;
static char last_note[200];

static inline void on_message(void *user, struct hub_conn *conn, const cbor_item_t *message)
{
    (void)user;
    if (hub_is(message, "t", "subscribe")) {
        hub_mark(conn, 1);
    } else if (hub_is(message, "t", "later")) {
        hub_owe(conn, true);
        owed = conn;
        return;
    }
    char text[512];
    memset(text, 'x', sizeof text);
    text[hub_is(message, "t", "x") ? sizeof text - 1 : 0] = '\0';
    reply(conn, text[0] != '\0' ? text : "ok");
}

static inline void on_note(void *user, const char *text)
{
    (void)user;
    note_count++;
    snprintf(last_note, sizeof last_note, "%s", text);
}

static const struct hub_handler handler = {
    .message = on_message, .gone = on_gone, .greet = on_greet, .note = on_note};

static inline void setup(void)
{
    hub_bed_begin(true, &handler);
}

static inline void setup_plain(void)
{
    hub_bed_begin(false, &handler);
}

/* The event loop, until nothing has happened for a while. */
static inline unsigned pump(void)
{
    unsigned all = 0;
    for (unsigned quiet = 0, rounds = 0; quiet < 3 && rounds < 100000; rounds++) {
        unsigned ran = shell_loop_run(loop, 1000000);
        hub_work(hub, 0);
        quiet = ran > 0 ? 0 : quiet + 1;
        all += ran;
    }
    return all;
}

/* ---- a client without manners ---- */

static inline int client(void)
{
    return hub_bed_come("hub.sock");
}

static inline void put(struct jit_buf *buf, const char *type, uint64_t major)
{
    struct hub_writer w;
    hub_begin(&w, buf, major > 0 ? 2 : 1);
    hub_text(&w, "t", type);
    if (major > 0) {
        hub_uint(&w, "major", major);
    }
    hub_end(&w);
    ck_assert_int_eq(buf->err, JIT_OK);
}

static inline void say(int fd, const char *type)
{
    struct jit_buf buf;
    jit_buf_init(&buf, jit_heap_libc(), 1u << 16);
    put(&buf, type, strcmp(type, "hello") == 0 ? HUB_MAJOR : 0);
    ck_assert_int_eq(send(fd, buf.data, buf.size, MSG_NOSIGNAL), (ssize_t)buf.size);
    jit_buf_release(&buf);
}

/* Bytes of what is there; -1: nothing yet, 0: it has hung up. */
static inline ssize_t hear(int fd, void *at, size_t size)
{
    ssize_t n = recv(fd, at, size, MSG_DONTWAIT);
    return n < 0 && errno == ECONNRESET ? 0 : n;
}

/* The next frame; NULL: it has hung up. The loop runs as long as a frame is not whole. */
static inline cbor_item_t *next(int fd)
{
    static uint8_t bytes[4 + 2 * MIB];
    size_t got = 0;
    size_t want = 4;
    for (unsigned rounds = 0; got < want; rounds++) {
        ck_assert_uint_lt(rounds, 20000);
        ssize_t n = hear(fd, bytes + got, want - got);
        if (n == 0) {
            ck_assert_msg(got == 0, "it hung up in the midst of a frame");
            return NULL;
        }
        if (n < 0) {
            shell_loop_run(loop, 1000000);
            hub_work(hub, 0);
            continue;
        }
        got += (size_t)n;
        if (got == 4 && want == 4) {
            want += jit_le32(bytes);
            ck_assert_uint_le(want, sizeof bytes);
        }
    }
    cbor_item_t *item = NULL;
    ck_assert_int_eq(hub_parse(bytes + 4, want - 4, &item), JIT_OK);
    return item;
}

static inline void expect(int fd, const char *key, const char *text)
{
    cbor_item_t *item = next(fd);
    ck_assert_msg(item != NULL, "hung up on instead of %s", text);
    ck_assert_msg(hub_is(item, key, text), "not %s", text);
    cbor_decref(&item);
}

static inline void expect_end(int fd)
{
    ck_assert_msg(next(fd) == NULL, "not hung up on");
    close(fd);
}

static inline int greeted(void)
{
    int fd = client();
    say(fd, "hello");
    expect(fd, "t", "welcome");
    return fd;
}

/* ---- who is told what happens ---- */

static inline struct hub_message *told(size_t frames)
{
    static uint8_t piece[1 << 20];
    struct hub_message *message = NULL;
    struct jit_buf buf;
    jit_buf_init(&buf, &mem.heap, (size_t)1 << 30);
    ck_assert_ptr_nonnull(jit_buf_extend(&buf, frames * (MIB + 100)));
    jit_buf_reset(&buf);
    for (size_t i = 0; i < frames; i++) {
        struct hub_writer w;
        hub_begin(&w, &buf, 2);
        hub_text(&w, "t", "part");
        hub_bytes(&w, "data", piece, sizeof piece);
        hub_end(&w);
    }
    ck_assert_int_eq(hub_message_new(&mem.heap, &buf, true, &message), JIT_OK);
    return message;
}

static inline void share(void *user, struct hub_conn *conn)
{
    hub_share(conn, user);
}

static inline void tell(size_t frames)
{
    struct hub_message *message = told(frames);
    hub_each(hub, 1, share, message);
    hub_message_unref(message);
}

static inline int subscriber(void)
{
    int fd = greeted();
    say(fd, "subscribe");
    expect(fd, "t", "ok");
    return fd;
}

#endif
