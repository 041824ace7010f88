/* Goal:   the hub bears whoever connects: mistakes in the first frame, a byte at a time, a side
 * that is ended early, nobody who reads, too many, no descriptors, no memory; and never drops a
 * subscriber that reads. Method: the hub and its clients in one process, over real sockets; what
 * the supervisor would do is a handler of a few lines here. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/le.h"
#include "kernel/hub/hub_client.h"
#include "kernel/hub/hub_priv.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/tcase.h"

#define MIB ((size_t)1 << 20)

static struct fault_heap mem;
static struct shell_loop *loop;
static struct hub *hub;
static char folder[] = "/tmp/jitos-conn-XXXXXX";
static int folder_fd;
static struct hub_conn *owed; /* that the handler promised an answer */
static unsigned gone_count;
static unsigned note_count;
static char last_note[200];

/* ---- a supervisor of a few lines ---- */

static void reply(struct hub_conn *conn, const char *type)
{
    struct hub_writer w;
    struct jit_buf frame;
    jit_buf_init(&frame, &mem.heap, 1u << 20);
    hub_begin(&w, &frame, 1);
    hub_text(&w, "t", type);
    hub_end(&w);
    hub_send(conn, &frame);
    jit_buf_release(&frame);
}

static void on_message(void *user, struct hub_conn *conn, const cbor_item_t *message)
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
    note_count++;
    snprintf(last_note, sizeof last_note, "%s", text);
}

static const struct hub_handler handler = {
    .message = on_message, .gone = on_gone, .greet = on_greet, .note = on_note};

static void open_hub(bool uring)
{
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(folder_fd, 0);
    mem = fault_heap_make(-1, false);
    ck_assert_int_eq(shell_loop_new(jit_heap_libc(), uring, &loop), JIT_OK);
    ck_assert_int_eq(hub_open(&mem.heap, loop, folder_fd, &handler, &hub), JIT_OK);
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
    ck_assert_int_eq(rmdir(folder), 0);
}

/* The event loop, until nothing has happened for a while. */
static unsigned pump(void)
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

static int client(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/hub.sock", folder);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void put(struct jit_buf *buf, const char *type, uint64_t major)
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

static void say(int fd, const char *type)
{
    struct jit_buf buf;
    jit_buf_init(&buf, jit_heap_libc(), 1u << 16);
    put(&buf, type, strcmp(type, "hello") == 0 ? HUB_MAJOR : 0);
    ck_assert_int_eq(send(fd, buf.data, buf.size, MSG_NOSIGNAL), (ssize_t)buf.size);
    jit_buf_release(&buf);
}

/* Bytes of what is there; -1: nothing yet, 0: it has hung up. */
static ssize_t hear(int fd, void *at, size_t size)
{
    ssize_t n = recv(fd, at, size, MSG_DONTWAIT);
    return n < 0 && errno == ECONNRESET ? 0 : n;
}

/* The next frame; NULL: it has hung up. The loop runs as long as a frame is not whole. */
static cbor_item_t *next(int fd)
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

static void expect(int fd, const char *key, const char *text)
{
    cbor_item_t *item = next(fd);
    ck_assert_msg(item != NULL, "hung up on instead of %s", text);
    ck_assert_msg(hub_is(item, key, text), "not %s", text);
    cbor_decref(&item);
}

static void expect_end(int fd)
{
    ck_assert_msg(next(fd) == NULL, "not hung up on");
    close(fd);
}

static int greeted(void)
{
    int fd = client();
    say(fd, "hello");
    expect(fd, "t", "welcome");
    return fd;
}

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

/* ---- subscribers ---- */

static struct hub_message *told(size_t frames)
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

static void share(void *user, struct hub_conn *conn)
{
    hub_share(conn, user);
}

static void tell(size_t frames)
{
    struct hub_message *message = told(frames);
    hub_each(hub, 1, share, message);
    hub_message_unref(message);
}

static int subscriber(void)
{
    int fd = greeted();
    say(fd, "subscribe");
    expect(fd, "t", "ok");
    return fd;
}

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

/* ---- no memory ---- */

static void refuse_from(int64_t n, bool sticky)
{
    mem.sticky = sticky;
    mem.refuse_at = mem.calls + n;
}

/* True: something was refused. */
static bool refuse_no_more(void)
{
    bool fired = fault_heap_fired(&mem);
    mem.refuse_at = -1;
    return fired;
}

/* To somebody who may have hung up by now. */
static void try_to_say(int fd, const char *type)
{
    struct jit_buf buf;
    jit_buf_init(&buf, jit_heap_libc(), 1u << 16);
    put(&buf, type, strcmp(type, "hello") == 0 ? HUB_MAJOR : 0);
    if (send(fd, buf.data, buf.size, MSG_NOSIGNAL) < 0) {
        ck_assert_int_eq(errno, EPIPE);
    }
    jit_buf_release(&buf);
    pump();
}

static void tell_word(const char *type)
{
    struct hub_message *message = NULL;
    struct jit_buf buf;
    jit_buf_init(&buf, jit_heap_libc(), 1u << 16);
    put(&buf, type, 0);
    ck_assert_int_eq(hub_message_new(jit_heap_libc(), &buf, true, &message), JIT_OK);
    hub_each(hub, 1, share, message);
    hub_message_unref(message);
    pump();
}

/* The answers that it waits for, one after another; or, instead of one of them, that there was no
 * memory, and then the end. True: all of them came. */
static bool answered(int fd, const char *const *types)
{
    for (size_t i = 0; types[i] != NULL; i++) {
        cbor_item_t *item = next(fd);
        ck_assert_msg(item != NULL, "hung up on without a word instead of %s", types[i]);
        bool good = hub_is(item, "t", types[i]);
        ck_assert_msg(good || hub_is(item, "code", "memory"), "neither %s nor why not", types[i]);
        cbor_decref(&item);
        if (!good) {
            expect_end(fd);
            return false;
        }
    }
    close(fd);
    return true;
}

/* Refused at the n-th allocation: whoever is concerned is told, and the next one is served. */
START_TEST(no_memory) /* _i: from then on */
{
    static const char *const all[] = {"welcome", "ok", "told", "ok", NULL};
    bool fired = true;
    unsigned told = 0;
    for (int64_t n = 0; fired; n++) {
        ck_assert_int_lt(n, 200);
        int fd = client();
        refuse_from(n, _i != 0);
        try_to_say(fd, "hello");
        try_to_say(fd, "subscribe");
        tell_word("told");
        try_to_say(fd, "one");
        fired = refuse_no_more();
        told += !answered(fd, all);
        pump();
        close(greeted());
        pump();
    }
    ck_assert_uint_gt(told, 5);
    ck_assert_uint_gt(note_count, 5); /* and so is the operator */
}
END_TEST

/* Nothing is left, and a frame is half sent: it is sent to its end, and then why no more comes. */
START_TEST(no_memory_in_the_midst_of_a_frame)
{
    int fd = subscriber();
    tell(3);
    refuse_from(0, true);
    try_to_say(fd, "one");
    bool fired = refuse_no_more();
    ck_assert(fired);
    size_t parts = 0;
    const char *why = NULL;
    while (why == NULL) {
        cbor_item_t *item = next(fd);
        ck_assert_msg(item != NULL, "hung up on without a word");
        why = hub_is(item, "code", "memory") ? "memory" : NULL;
        ck_assert(why != NULL || hub_is(item, "t", "part"));
        parts += why == NULL;
        cbor_decref(&item);
    }
    ck_assert_uint_eq(parts, 1); /* the others are forgotten */
    expect_end(fd);
}
END_TEST

/* The client's own memory: the hub's end runs beside it. */
static atomic_bool over;

static void *serve(void *user)
{
    (void)user;
    while (!atomic_load(&over)) {
        shell_loop_run(loop, 1000000);
        hub_work(hub, hub_now_ns());
        hub_serve(hub, hub_now_ns());
    }
    return NULL;
}

static enum jit_err talk(struct hub_client *client, struct jit_heap *heap, const char *guests)
{
    struct hub_writer w;
    cbor_item_t *item = NULL;
    enum jit_err err = guests != NULL ? hub_client_visit(client, heap, guests)
                                      : hub_client_open(client, heap, folder);
    if (err == JIT_OK) {
        hub_client_begin(client, &w, "one", 1);
        err = hub_client_send(client, &w);
    }
    if (err == JIT_OK) {
        err = hub_client_next(client, -1, &item);
    }
    if (item != NULL) {
        cbor_decref(&item);
    }
    return err;
}

START_TEST(a_client_without_memory_says_so) /* _i: 1: from then on, 2: a guest */
{
    pthread_t thread;
    char guests[64];
    bool fired = true;
    snprintf(guests, sizeof guests, "%s/guests", folder);
    ck_assert_int_eq(hub_guests_open(hub, hub_guests_listen(guests)), JIT_OK);
    atomic_store(&over, false);
    ck_assert_int_eq(pthread_create(&thread, NULL, serve, NULL), 0);
    for (int64_t n = 0; fired; n++) {
        struct fault_heap own = fault_heap_make(n, (_i & 1) != 0);
        struct hub_client c;
        enum jit_err err = talk(&c, &own.heap, (_i & 2) != 0 ? guests : NULL);
        fired = fault_heap_fired(&own);
        ck_assert_int_eq(err, fired ? JIT_ENOMEM : JIT_OK);
        ck_assert(!fired || strstr(c.error, jit_err_text(JIT_ENOMEM)) != NULL);
        hub_client_close(&c);
        ck_assert_int_eq(own.live, 0);
    }
    atomic_store(&over, true);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(unlink(guests), 0);
}
END_TEST

static void add_quick(TCase *t)
{
    tcase_add_loop_test(t, first_frames_are_judged, 0, (int)(sizeof first / sizeof *first));
    tcase_add_test(t, half_a_frame_and_gone);
    tcase_add_test(t, a_byte_at_a_time);
    tcase_add_test(t, who_ends_its_side_is_answered);
    tcase_add_test(t, who_is_owed_an_answer_is_kept);
    tcase_add_test(t, who_does_not_read_is_dropped_and_costs_nothing);
    tcase_add_test(t, a_full_table_says_so);
    tcase_add_test(t, who_never_says_hello_makes_way);
    tcase_add_test(t, no_descriptor_is_no_reason_to_spin);
    tcase_add_test(t, the_last_descriptors_are_not_for_clients);
}

static void suite(Suite *s)
{
    TCase *t = test_case(s, "hub_conn", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    add_quick(t);
    tcase_add_test(t, a_tick_of_any_size_is_told);
    tcase_add_test(t, who_reads_is_never_dropped);
    tcase_add_test(t, who_never_takes_its_answers_is_dropped);
    tcase_add_loop_test(t, no_memory, 0, 2);
    tcase_add_test(t, no_memory_in_the_midst_of_a_frame);
    tcase_add_loop_test(t, a_client_without_memory_says_so, 0, 4);
    t = test_case(s, "without io_uring", 60);
    tcase_add_checked_fixture(t, setup_plain, teardown);
    add_quick(t);
}

TEST_MAIN("hub_conn", suite)
