/* Goal:   a running supervisor's hub gives what docs/spec/hub.md says, and bears what anybody sends
 * it. Method: the real tools/jitosd on a folder of our own. A subscriber recomputes every commit
 * from the receipts and the diff it was sent; hostile and mistaken clients are refused by code, and
 * the supervisor goes on. (tests/kernel/hub/test_hub_conn has the connections themselves.) */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/le.h"
#include "rmg/engine/engine.h"
#include "tests/lib/tcase.h"
#include "tests/tools/hub_bed.h"

static void setup(void)
{
    bed_make();
    bed_start(NULL);
}

static void teardown(void)
{
    bed_remove(0);
}

/* ---- a subscription is enough to check every commit ---- */

struct parts {
    struct jit_buf receipts;
    struct jit_buf diff;
};

static void take_part(struct parts *parts, const cbor_item_t *item, bool *last)
{
    const uint8_t *bytes = NULL;
    size_t size = 0;
    struct jit_buf *buf = hub_is(item, "of", "diff") ? &parts->diff : &parts->receipts;
    ck_assert(hub_get_bytes(item, "data", &bytes, &size));
    ck_assert(hub_get_bool(item, "last", last));
    jit_buf_put(buf, bytes, size);
}

static void check_commit(struct hub_client *client, struct jit_id *head, uint64_t tick)
{
    struct parts parts;
    bool last = false;
    cbor_item_t *item = bed_next(client, "tick");
    struct rmg_commit commit = {
        .parents = head, .parent_count = 1, .policy = RMG_POLICY, .tick = tick};
    struct jit_id told;
    struct jit_id made;
    uint64_t number = 0;
    ck_assert(hub_get_uint(item, "tick", &number) && number == tick);
    ck_assert(hub_get_id(item, "root", &commit.state_root));
    ck_assert(hub_get_id(item, "head", &told));
    ck_assert(hub_field(item, "denials") != NULL);
    cbor_decref(&item);
    jit_buf_init(&parts.receipts, jit_heap_libc(), 1u << 24);
    jit_buf_init(&parts.diff, jit_heap_libc(), 1u << 24);
    for (int kind = 0; kind < 2; kind++) {
        do {
            item = bed_next(client, "part");
            take_part(&parts, item, &last);
            cbor_decref(&item);
        } while (!last);
    }
    rmg_patch_digest(parts.diff.data, parts.diff.size, &commit.patch_digest);
    jit_hash_key(JIT_K_RECEIPTS, parts.receipts.data, parts.receipts.size, &commit.receipts_digest);
    rmg_commit_id(&commit, &made);
    ck_assert_msg(jit_id_equal(&made, &told), "tick %llu: another commit than told",
                  (unsigned long long)tick);
    *head = told;
    jit_buf_release(&parts.receipts);
    jit_buf_release(&parts.diff);
}

START_TEST(a_subscriber_can_check_every_commit)
{
    struct hub_client client;
    struct hub_writer w;
    struct jit_id head;
    bed_connect(&client);
    bed_send_system(&client);
    bed_expect(&client, "status");
    hub_client_begin(&client, &w, "subscribe", 3);
    hub_bool(&w, "diff", true);
    hub_bool(&w, "receipts", true);
    ck_assert_int_eq(hub_client_send(&client, &w), JIT_OK);
    cbor_item_t *status = bed_next(&client, "status");
    ck_assert(hub_get_id(status, "head", &head));
    cbor_decref(&status);
    bed_run_to(&client, 12);
    for (uint64_t tick = 1; tick <= 12; tick++) {
        check_commit(&client, &head, tick);
    }
    cbor_item_t *rest = bed_next(&client, "rest");
    struct jit_id end;
    uint64_t denied = 0;
    ck_assert(hub_get_id(rest, "head", &end) && jit_id_equal(&end, &head));
    ck_assert(hub_get_uint(rest, "denied", &denied) && denied > 0);
    cbor_decref(&rest);
    bed_say(&client, "ps");
    cbor_item_t *ps = bed_next(&client, "ps");
    ck_assert_uint_eq(cbor_array_size(hub_field(ps, "processes")), 2);
    cbor_decref(&ps);
    hub_client_begin(&client, &w, "kill", 3);
    hub_text(&w, "name", "w");
    hub_uint(&w, "index", 1);
    ck_assert_int_eq(hub_client_send(&client, &w), JIT_OK);
    check_commit(&client, &head, 13); /* the tick whose event it is, and then the answer */
    status = bed_next(&client, "status");
    ck_assert_uint_ge(bed_uint(status, "durable"), 13);
    cbor_decref(&status);
    bed_expect(&client, "rest");
    bed_run_to(&client, 14);
    check_commit(&client, &head, 14);
    hub_client_close(&client);
}
END_TEST

/* ---- mistakes ---- */

START_TEST(mistakes_are_named)
{
    struct hub_client client;
    struct hub_writer w;
    bed_connect(&client);
    hub_client_begin(&client, &w, "run", 2);
    hub_uint(&w, "to", 3);
    ck_assert_int_eq(hub_client_send(&client, &w), JIT_OK);
    bed_expect_error(&client, "no system yet");
    bed_say(&client, "genesis_end");
    bed_expect_error(&client, "genesis_begin");
    bed_say(&client, "dance");
    bed_expect_error(&client, "does not know");
    bed_say(&client, "genesis_begin");
    ck_assert_int_eq(bed_upload(&client, (const uint8_t *)"no patch at all", 15), JIT_OK);
    bed_say(&client, "genesis_end");
    bed_expect_error(&client, "refused");
    bed_say(&client, "status");
    bed_expect(&client, "status");
    bed_send_system(&client); /* after all that it still takes a system */
    bed_expect(&client, "status");
    bed_say(&client, "genesis_begin");
    bed_expect_error(&client, "already");
    hub_client_begin(&client, &w, "kill", 3);
    hub_text(&w, "name", "nobody");
    hub_uint(&w, "index", 0);
    ck_assert_int_eq(hub_client_send(&client, &w), JIT_OK);
    bed_expect_error(&client, "no such process");
    hub_client_close(&client);
}
END_TEST

/* More commands in one write than may wait: each is answered, if only with "busy". */
START_TEST(a_flood_of_commands_is_borne)
{
    enum { COMMANDS = 500 };
    struct hub_client client;
    struct jit_buf flood;
    unsigned busy = 0;
    bed_connect(&client);
    bed_say(&client, "pause"); /* there is nothing to pause yet */
    bed_expect(&client, "status");
    bed_send_system(&client);
    bed_expect(&client, "status");
    jit_buf_init(&flood, jit_heap_libc(), 1u << 20);
    for (unsigned i = 0; i < COMMANDS; i++) {
        struct hub_writer w;
        hub_begin(&w, &flood, 1);
        hub_text(&w, "t", "pause");
        hub_end(&w);
    }
    ck_assert_int_eq(flood.err, JIT_OK);
    ck_assert_int_eq(send(client.fd, flood.data, flood.size, MSG_NOSIGNAL), (ssize_t)flood.size);
    for (unsigned i = 0; i < COMMANDS; i++) {
        cbor_item_t *item = NULL;
        enum jit_err err = hub_client_next(&client, 20000, &item);
        if (err == JIT_OK) {
            ck_assert(hub_is(item, "t", "status"));
            cbor_decref(&item);
        } else {
            ck_assert_msg(err == JIT_EPEER && strcmp(client.code, "busy") == 0, "%s", client.error);
            busy++;
        }
    }
    ck_assert_uint_gt(busy, 0);
    jit_buf_release(&flood);
    hub_client_close(&client);
}
END_TEST

/* Subscribing again changes what one is told, not how often. */
START_TEST(a_thousand_subscriptions_are_one)
{
    struct hub_client client;
    bed_connect(&client);
    bed_send_system(&client);
    bed_expect(&client, "status");
    for (int i = 0; i < 1000; i++) {
        bed_say(&client, "subscribe");
    }
    for (int i = 0; i < 1000; i++) {
        bed_expect(&client, "status");
    }
    bed_run_to(&client, 3);
    for (uint64_t tick = 1; tick <= 3; tick++) {
        cbor_item_t *item = bed_next(&client, "tick");
        ck_assert_uint_eq(bed_uint(item, "tick"), tick);
        cbor_decref(&item);
    }
    bed_expect(&client, "rest");
    hub_client_close(&client);
}
END_TEST

/* What it is owed comes, also when it has ended its side: here the answer to a kill. */
START_TEST(half_a_connection_is_enough)
{
    struct hub_client client;
    struct hub_writer w;
    cbor_item_t *item = NULL;
    bed_connect(&client);
    bed_send_system(&client);
    bed_expect(&client, "status");
    hub_client_begin(&client, &w, "kill", 3);
    hub_text(&w, "name", "w");
    hub_uint(&w, "index", 0);
    ck_assert_int_eq(hub_client_send(&client, &w), JIT_OK);
    ck_assert_int_eq(shutdown(client.fd, SHUT_WR), 0);
    item = bed_next(&client, "status");
    ck_assert_uint_eq(bed_uint(item, "durable"), 1);
    cbor_decref(&item);
    ck_assert_int_eq(hub_client_next(&client, 20000, &item), JIT_ENOENT);
    hub_client_close(&client);
}
END_TEST

/* ---- a worker's graph memory ---- */

/* Its requests take 2 MB a tick, more than the graph memory it begins with: it asks for more, which
 * is charged to it and shown. */
START_TEST(graph_memory_grows)
{
    static char long_text[8192];
    char note[4001];
    struct hub_client client;
    uint64_t graph = 0;
    uint64_t requests = 0;
    memset(note, 'x', sizeof note - 1);
    note[sizeof note - 1] = '\0';
    snprintf(long_text, sizeof long_text,
             "system test\n"
             "type Cell { state: i64 = 0, note: text = \"\" }\n"
             "rule mark(t: text) match (a:Cell) set a.note = t\n"
             "process w run mark(t = \"%s\") apply all over shard(/world)\n"
             "grant w: map /world; invoke mark on /world\n",
             note);
    bed_text = long_text;
    bed_cells = 500;
    bed_connect(&client);
    bed_send_system(&client);
    bed_expect(&client, "status");
    bed_say(&client, "subscribe");
    bed_expect(&client, "status");
    bed_run_to(&client, 2);
    bed_expect(&client, "tick");
    bed_expect(&client, "tick");
    cbor_item_t *rest = bed_next(&client, "rest");
    ck_assert(hub_get_uint(rest, "applied", &requests));
    ck_assert_uint_eq(requests, 1000);
    cbor_decref(&rest);
    bed_say(&client, "ps");
    cbor_item_t *ps = bed_next(&client, "ps");
    const cbor_item_t *worker = cbor_array_handle(hub_field(ps, "processes"))[0];
    ck_assert(hub_get_uint(worker, "graph", &graph));
    ck_assert_uint_gt(graph, 2000000);
    ck_assert_uint_le(graph, 4u << 20);
    cbor_decref(&ps);
    hub_client_close(&client);
}
END_TEST

/* ---- whoever connects ---- */

static const struct {
    const char *what;
    const char *code; /* of the error it is told before the end; NULL: it goes itself */
    size_t size;
    const char *bytes;
} hostile[] =
    {
        {"a frame of 4 GiB", "frame", 4, "\xff\xff\xff\xff"},
        {"no CBOR", "format", 6, "\2\0\0\0\xff\xff"},
        {"no map", "format", 5, "\1\0\0\0\0"},
        {"half a frame", NULL, 6, "\x20\0\0\0\xa1\x61"},
},
  first[] = {
      {"not hello", "hello", 9, "\5\0\0\0\xa1\x61t\x61x"},
      {"another version", "version", 27, "\27\0\0\0\xa3\x61t\x65hello\x65major\x09\x65minor\0"},
      {"no CBOR at first", "format", 6, "\2\0\0\0\xff\xff"},
};

static void hear_error(int fd, const char *what, const char *code)
{
    uint8_t bytes[4096];
    size_t size = 0;
    cbor_item_t *item = NULL;
    ssize_t n = 1;
    for (; n > 0 && size<sizeof bytes; size += n> 0 ? (size_t)n : 0) {
        n = recv(fd, bytes + size, sizeof bytes - size, 0);
    }
    ck_assert_msg(n == 0 || errno == ECONNRESET, "%s was borne", what);
    ck_assert_msg(size > 4, "%s was not told why", what);
    ck_assert_int_eq(hub_parse(bytes + 4, jit_le32(bytes), &item), JIT_OK);
    ck_assert_msg(hub_is(item, "code", code), "%s was told another reason", what);
    cbor_decref(&item);
}

static void check_it_goes_on(void)
{
    struct hub_client client;
    bed_connect(&client);
    bed_say(&client, "status");
    bed_expect(&client, "status");
    hub_client_close(&client);
}

START_TEST(hostile_clients_are_hung_up_on) /* _i: row; after the handshake */
{
    struct hub_client client;
    bed_connect(&client);
    ck_assert_int_eq(send(client.fd, hostile[_i].bytes, hostile[_i].size, MSG_NOSIGNAL),
                     (ssize_t)hostile[_i].size);
    if (hostile[_i].code != NULL) {
        hear_error(client.fd, hostile[_i].what, hostile[_i].code);
    }
    hub_client_close(&client);
    check_it_goes_on();
}
END_TEST

START_TEST(hostile_first_frames_are_refused) /* _i: row; instead of the handshake */
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/hub.sock", bed_data);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(send(fd, first[_i].bytes, first[_i].size, MSG_NOSIGNAL),
                     (ssize_t)first[_i].size);
    hear_error(fd, first[_i].what, first[_i].code);
    close(fd);
    check_it_goes_on();
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "hub", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_subscriber_can_check_every_commit);
    tcase_add_test(t, mistakes_are_named);
    tcase_add_test(t, a_flood_of_commands_is_borne);
    tcase_add_test(t, graph_memory_grows);
    tcase_add_test(t, a_thousand_subscriptions_are_one);
    tcase_add_test(t, half_a_connection_is_enough);
    tcase_add_loop_test(t, hostile_clients_are_hung_up_on, 0,
                        (int)(sizeof hostile / sizeof *hostile));
    tcase_add_loop_test(t, hostile_first_frames_are_refused, 0,
                        (int)(sizeof first / sizeof *first));
}

TEST_MAIN("hub", suite)
