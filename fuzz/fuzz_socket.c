/* Any bytes from whoever connects to the hub: it answers in whole canonical frames or hangs up,
 * goes on serving, and forgets the connection.
 *
 * Shape:  the first byte: bit 0, a good handshake goes first; bit 1, the side is ended afterwards;
 * the other bits, how many bytes go at a time (0: all). Then the bytes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "base/le.h"
#include "fuzz/fuzz.h"
#include "kernel/hub/hub.h"

const char *const fuzz_corpus[] = {"fuzz/corpus/socket", NULL};

#define GREET      1u
#define END        2u
#define ROUNDS_MAX 4096u
#define SENT_MAX   16384u
#define PIECES_MAX 256u

static struct shell_loop *loop;
static struct hub *hub;
static char folder[] = "/tmp/jitos-fuzz-XXXXXX";
static uint64_t come; /* connections, and how many of them are over */
static uint64_t gone;
static struct jit_buf heard;

static void must(bool good)
{
    assert(good);
}

static void reply(struct hub_conn *conn, const char *type)
{
    struct hub_writer w;
    struct jit_buf frame;
    jit_buf_init(&frame, jit_heap_libc(), 1u << 16);
    hub_begin(&w, &frame, 1);
    hub_text(&w, "t", type);
    hub_end(&w);
    assert(frame.err == JIT_OK);
    hub_send(conn, &frame);
    jit_buf_release(&frame);
}

static void on_message(void *user, struct hub_conn *conn, const cbor_item_t *message)
{
    (void)user;
    char text[32];
    if (hub_is(message, "t", "subscribe")) {
        hub_mark(conn, 1);
    }
    reply(conn, hub_get_text(message, "t", text, sizeof text) ? "ok" : "what");
}

static void on_gone(void *user, struct hub_conn *conn)
{
    (void)user;
    (void)conn;
    gone++;
}

static void on_greet(void *user, struct hub_conn *conn)
{
    (void)user;
    reply(conn, "welcome");
}

static void on_note(void *user, const char *text)
{
    (void)user;
    assert(text[0] != '\0');
}

static void stop(void)
{
    hub_close(hub);
    shell_loop_free(loop);
    jit_buf_release(&heard);
    (void)rmdir(folder);
}

static void start(void)
{
    static const struct hub_handler handler = {
        .message = on_message, .gone = on_gone, .greet = on_greet, .note = on_note};
    must(mkdtemp(folder) != NULL);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must(fd >= 0);
    must(shell_loop_new(jit_heap_libc(), false, &loop) == JIT_OK);
    must(hub_open(jit_heap_libc(), loop, fd, &handler, &hub) == JIT_OK);
    (void)close(fd);
    jit_buf_init(&heard, jit_heap_libc(), 64u << 20);
    (void)atexit(stop);
}

/* Everything that is ready. False: the peer has hung up. */
static bool pump(int fd)
{
    bool there = true;
    for (unsigned round = 0, quiet = 0; quiet < 2; round++) {
        uint8_t bytes[4096];
        assert(round < ROUNDS_MAX);
        quiet = shell_loop_run(loop, 0) > 0 ? 0 : quiet + 1;
        (void)hub_work(hub, 0);
        ssize_t got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (got > 0) {
            jit_buf_put(&heard, bytes, (size_t)got);
            quiet = 0;
        } else if (got == 0 || errno == ECONNRESET) {
            there = false;
        }
    }
    return there;
}

/* What was heard are frames; a last one may have been cut off by a reset. */
static void check_heard(void)
{
    size_t at = 0;
    while (heard.size - at >= 4) {
        cbor_item_t *item = NULL;
        uint32_t size = jit_le32(heard.data + at);
        if (size > heard.size - at - 4) {
            break;
        }
        fuzz_take(); /* it was answered */
        must(hub_parse(heard.data + at + 4, size, &item) == JIT_OK);
        assert(hub_field(item, "t") != NULL);
        cbor_decref(&item);
        at += 4 + size;
    }
}

static void greet(struct jit_buf *out)
{
    struct hub_writer w;
    hub_begin(&w, out, 2);
    hub_text(&w, "t", "hello");
    hub_uint(&w, "major", HUB_MAJOR);
    hub_end(&w);
    assert(out->err == JIT_OK);
}

static void talk(int fd, unsigned how, const uint8_t *bytes, size_t size)
{
    size_t piece = how >> 2 == 0 ? size : how >> 2;
    bool there = true;
    for (size_t at = 0, pieces = 0; at < size && there; pieces++) {
        size_t length = size - at < piece || pieces >= PIECES_MAX ? size - at : piece;
        ssize_t sent = send(fd, bytes + at, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        there = pump(fd) && (sent >= 0 || errno == EAGAIN);
        at += sent > 0 ? (size_t)sent : 0;
    }
    if ((how & END) != 0) {
        (void)shutdown(fd, SHUT_WR);
        (void)pump(fd);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct jit_buf out;
    if (hub == NULL) {
        start();
    }
    if (size == 0 || size > SENT_MAX) {
        return 0;
    }
    must(snprintf(address.sun_path, sizeof address.sun_path, "%s/hub.sock", folder) > 0);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0);
    must(connect(fd, (const struct sockaddr *)&address, sizeof address) == 0);
    jit_buf_reset(&heard);
    jit_buf_init(&out, jit_heap_libc(), 2 * SENT_MAX);
    if ((bytes[0] & GREET) != 0) {
        greet(&out);
    }
    jit_buf_put(&out, bytes + 1, size - 1);
    assert(out.err == JIT_OK);
    talk(fd, bytes[0], out.data, out.size);
    check_heard();
    jit_buf_release(&out);
    (void)close(fd);
    come++;
    for (unsigned round = 0; gone < come; round++) {
        assert(round < ROUNDS_MAX);
        (void)shell_loop_run(loop, 1000000);
        (void)hub_work(hub, 0);
    }
    return 0;
}
