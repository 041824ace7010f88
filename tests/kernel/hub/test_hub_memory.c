/* Goal:   where the hub's memory ends, or a client's, whoever is concerned is told, and the next
 * one is served. Method: the hub and its clients in one process, over real sockets (conn_bed.h);
 * the n-th allocation of one of them is refused, for each n. */
#include <pthread.h>
#include <stdatomic.h>

#include "kernel/hub/hub_client.h"
#include "kernel/hub/hub_priv.h"
#include "tests/kernel/hub/conn_bed.h"
#include "tests/kernel/hub/hub_bed.h"

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
    enum jit_err err = guests != NULL ? hub_client_visit(client, heap, guests, NULL)
                                      : hub_client_open(client, heap, folder, NULL);
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

static void suite(Suite *s)
{
    TCase *t = test_case(s, "hub_memory", 60);
    tcase_add_checked_fixture(t, setup, hub_bed_end);
    tcase_add_loop_test(t, no_memory, 0, 2);
    tcase_add_test(t, no_memory_in_the_midst_of_a_frame);
    tcase_add_loop_test(t, a_client_without_memory_says_so, 0, 4);
}

TEST_MAIN("hub_memory", suite)
