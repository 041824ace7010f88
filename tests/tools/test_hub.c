/* Goal:   a running supervisor's hub gives what docs/spec/hub.md says, and bears what anybody sends
 * it. Method: the real tools/jitosd on a folder of our own. A subscriber recomputes every commit
 * from the receipts and the diff it was sent; hostile and mistaken clients are refused by code, and
 * the supervisor goes on. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "kernel/core/root.h"
#include "kernel/hub_client.h"
#include "rmg/lang.h"
#include "tests/lib/tcase.h"
#include "tools/genesis.h"

extern char **environ;

static const char system_text[] =
    "system test\n"
    "type Cell { state: i64 = 0 }\n"
    "rule flip(p: f64)\n"
    "  match (a:Cell)\n"
    "  where a.state = 0 and chance(p)\n"
    "  set a.state = 1\n"
    "rule spy\n"
    "  match (a:Cell)\n"
    "  where a.state = 0\n"
    "  set a.state = 2\n"
    "process w[2] run flip(p = 0.2), spy apply all over shard(/world)\n"
    "grant w: map /world; invoke flip on /world\n";

static const char *text = system_text; /* of the system that is sent, and */
static uint64_t cells = 200;           /* its cells */

static char folder[] = "/tmp/jitos-hub-XXXXXX";
static char data[64];
static pid_t pid;

static void start(void)
{
    int ends[2];
    char ready[16];
    char byte;
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(fcntl(ends[0], F_SETFD, FD_CLOEXEC), 0);
    snprintf(ready, sizeof ready, "%d", ends[1]);
    const char *argv[] = {"tools/jitosd", "--data", data, "--ready-fd", ready, NULL};
    ck_assert_int_eq(
        posix_spawn(&pid, argv[0], NULL, NULL, (char *const *)(uintptr_t)argv, environ), 0);
    close(ends[1]);
    ck_assert_int_eq(read(ends[0], &byte, 1), 1);
    close(ends[0]);
}

static void setup(void)
{
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(data, sizeof data, "%s/data", folder);
    start();
}

static void teardown(void)
{
    int status = 0;
    char command[128];
    ck_assert_int_eq(kill(pid, SIGTERM), 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "jitosd ended with %d", status);
    /* The folder is ours and has a flat, known content. */
    pid_t rm = 0;
    snprintf(command, sizeof command, "%s", folder);
    const char *argv[] = {"rm", "-rf", command, NULL};
    ck_assert_int_eq(posix_spawnp(&rm, "rm", NULL, NULL, (char *const *)(uintptr_t)argv, environ),
                     0);
    ck_assert_int_eq(waitpid(rm, &status, 0), rm);
}

/* ---- a client ---- */

static void connect_to(struct hub_client *client)
{
    enum jit_err err = hub_client_open(client, jit_heap_libc(), data);
    ck_assert_msg(err == JIT_OK, "%s", client->error);
}

static cbor_item_t *next(struct hub_client *client, const char *type)
{
    cbor_item_t *item = NULL;
    enum jit_err err = hub_client_next(client, 20000, &item);
    ck_assert_msg(err == JIT_OK, "waiting for %s: %s", type, client->error);
    ck_assert_msg(hub_is(item, "t", type), "not a message of type %s", type);
    return item;
}

static void say(struct hub_client *client, const char *type)
{
    struct hub_writer w;
    hub_client_begin(client, &w, type, 1);
    ck_assert_int_eq(hub_client_send(client, &w), JIT_OK);
}

static void expect(struct hub_client *client, const char *type)
{
    cbor_item_t *item = next(client, type);
    cbor_decref(&item);
}

static void expect_error(struct hub_client *client, const char *words)
{
    cbor_item_t *item = NULL;
    ck_assert_int_eq(hub_client_next(client, 20000, &item), JIT_EPEER);
    ck_assert_msg(strstr(client->error, words) != NULL, "%s", client->error);
}

/* ---- a genesis ---- */

static enum jit_err upload(void *user, const uint8_t *bytes, size_t size)
{
    struct hub_client *client = user;
    struct hub_writer w;
    hub_client_begin(client, &w, "genesis_data", 2);
    hub_bytes(&w, "data", bytes, size);
    return hub_client_send(client, &w);
}

static struct rmg_collect *collect_system(void)
{
    struct lang_system *system = NULL;
    struct rmg_collect *collect = NULL;
    struct jit_buf messages;
    char what[256];
    struct jit_id world;
    struct jit_id root_node;
    struct jit_id cell;
    jit_buf_init(&messages, jit_heap_libc(), 1u << 20);
    ck_assert_int_eq(lang_parse(jit_heap_libc(), "test", (const uint8_t *)text, strlen(text),
                                &system, &messages),
                     JIT_OK);
    ck_assert_int_eq(rmg_collect_new(jit_heap_libc(), &collect), JIT_OK);
    ck_assert_int_eq(genesis_collect(system, 11, 0, collect, what, sizeof what), JIT_OK);
    kern_place_id("/world", &world, &root_node);
    jit_hash_named("type:", "Cell", 4, &cell);
    for (uint64_t i = 0; i < cells; i++) {
        struct jit_id id;
        struct rmg_datum zero = {.codec = RMG_CODEC_I64};
        jit_hash_named("node:", &i, sizeof i, &id);
        ck_assert_int_eq(rmg_collect_node(collect, &world, &id, &cell), JIT_OK);
        ck_assert_int_eq(rmg_collect_datum(collect, &world, RMG_PLANE_ALPHA, &id, "state", &zero),
                         JIT_OK);
    }
    lang_system_free(jit_heap_libc(), system);
    jit_buf_release(&messages);
    return collect;
}

static void send_system(struct hub_client *client)
{
    struct jit_id at;
    struct rmg_collect *collect = collect_system();
    say(client, "genesis_begin");
    ck_assert_int_eq(rmg_collect_patch(collect, upload, client, &at), JIT_OK);
    say(client, "genesis_end");
    rmg_collect_free(collect);
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
    cbor_item_t *item = next(client, "tick");
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
            item = next(client, "part");
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
    connect_to(&client);
    send_system(&client);
    expect(&client, "status");
    hub_client_begin(&client, &w, "subscribe", 3);
    hub_bool(&w, "diff", true);
    hub_bool(&w, "receipts", true);
    ck_assert_int_eq(hub_client_send(&client, &w), JIT_OK);
    cbor_item_t *status = next(&client, "status");
    ck_assert(hub_get_id(status, "head", &head));
    cbor_decref(&status);
    hub_client_begin(&client, &w, "run", 2);
    hub_uint(&w, "to", 12);
    ck_assert_int_eq(hub_client_send(&client, &w), JIT_OK);
    expect(&client, "status");
    for (uint64_t tick = 1; tick <= 12; tick++) {
        check_commit(&client, &head, tick);
    }
    cbor_item_t *rest = next(&client, "rest");
    struct jit_id end;
    uint64_t denied = 0;
    ck_assert(hub_get_id(rest, "head", &end) && jit_id_equal(&end, &head));
    ck_assert(hub_get_uint(rest, "denied", &denied) && denied > 0);
    cbor_decref(&rest);
    say(&client, "ps");
    cbor_item_t *ps = next(&client, "ps");
    ck_assert_uint_eq(cbor_array_size(hub_field(ps, "processes")), 2);
    cbor_decref(&ps);
    hub_client_begin(&client, &w, "kill", 3);
    hub_text(&w, "name", "w");
    hub_uint(&w, "index", 1);
    ck_assert_int_eq(hub_client_send(&client, &w), JIT_OK);
    expect(&client, "status");
    hub_client_begin(&client, &w, "run", 2);
    hub_uint(&w, "to", 13);
    ck_assert_int_eq(hub_client_send(&client, &w), JIT_OK);
    expect(&client, "status");
    check_commit(&client, &head, 13);
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
    struct hub_writer w;
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
    text = long_text;
    cells = 500;
    connect_to(&client);
    send_system(&client);
    expect(&client, "status");
    say(&client, "subscribe");
    expect(&client, "status");
    hub_client_begin(&client, &w, "run", 2);
    hub_uint(&w, "to", 2);
    ck_assert_int_eq(hub_client_send(&client, &w), JIT_OK);
    expect(&client, "status");
    expect(&client, "tick");
    expect(&client, "tick");
    cbor_item_t *rest = next(&client, "rest");
    ck_assert(hub_get_uint(rest, "applied", &requests));
    ck_assert_uint_eq(requests, 1000);
    cbor_decref(&rest);
    say(&client, "ps");
    cbor_item_t *ps = next(&client, "ps");
    const cbor_item_t *worker = cbor_array_handle(hub_field(ps, "processes"))[0];
    ck_assert(hub_get_uint(worker, "graph", &graph));
    ck_assert_uint_gt(graph, 2000000);
    ck_assert_uint_le(graph, 4u << 20);
    cbor_decref(&ps);
    hub_client_close(&client);
}
END_TEST

/* ---- mistakes ---- */

START_TEST(mistakes_are_named)
{
    struct hub_client client;
    struct hub_writer w;
    connect_to(&client);
    hub_client_begin(&client, &w, "run", 2);
    hub_uint(&w, "to", 3);
    ck_assert_int_eq(hub_client_send(&client, &w), JIT_OK);
    expect_error(&client, "no system yet");
    say(&client, "genesis_end");
    expect_error(&client, "genesis_begin");
    say(&client, "dance");
    expect_error(&client, "does not know");
    say(&client, "genesis_begin");
    ck_assert_int_eq(upload(&client, (const uint8_t *)"no patch at all", 15), JIT_OK);
    say(&client, "genesis_end");
    expect_error(&client, "refused");
    say(&client, "status");
    expect(&client, "status");
    send_system(&client); /* after all that it still takes a system */
    expect(&client, "status");
    say(&client, "genesis_begin");
    expect_error(&client, "already");
    hub_client_begin(&client, &w, "kill", 3);
    hub_text(&w, "name", "nobody");
    hub_uint(&w, "index", 0);
    ck_assert_int_eq(hub_client_send(&client, &w), JIT_OK);
    expect_error(&client, "no such process");
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
    connect_to(&client);
    say(&client, "pause"); /* there is nothing to pause yet */
    expect(&client, "status");
    send_system(&client);
    expect(&client, "status");
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

/* ---- whoever connects ---- */

static const struct {
    const char *what;
    size_t size;
    const char *bytes;
} hostile[] = {
    {"a frame of 4 GiB", 4, "\xff\xff\xff\xff"},
    {"no CBOR", 6, "\2\0\0\0\xff\xff"},
    {"no map", 5, "\1\0\0\0\0"},
    {"not hello", 9, "\5\0\0\0\xa1\x61t\x61x"},
    {"another version", 27, "\27\0\0\0\xa3\x61t\x65hello\x65major\x09\x65minor\0"},
    {"half a frame", 6, "\x20\0\0\0\xa1\x61"},
};

START_TEST(hostile_clients_are_hung_up_on) /* _i: row */
{
    struct hub_client client;
    char byte[256];
    connect_to(&client);
    hub_client_close(&client);
    /* A connection of our own, below the client's good manners. */
    connect_to(&client);
    int fd = client.fd;
    if (_i < 5) {
        ck_assert_int_eq(send(fd, hostile[_i].bytes, hostile[_i].size, MSG_NOSIGNAL),
                         (ssize_t)hostile[_i].size);
        ssize_t n = 0;
        if (_i < 3) { /* after the handshake only broken frames end it */
            do {
                n = recv(fd, byte, sizeof byte, 0);
            } while (n > 0);
            ck_assert_msg(n == 0 || errno == ECONNRESET, "%s was borne", hostile[_i].what);
        }
    } else {
        ck_assert_int_eq(send(fd, hostile[_i].bytes, hostile[_i].size, MSG_NOSIGNAL),
                         (ssize_t)hostile[_i].size);
    }
    hub_client_close(&client);
    connect_to(&client); /* it goes on */
    say(&client, "status");
    expect(&client, "status");
    hub_client_close(&client);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "hub", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_subscriber_can_check_every_commit);
    tcase_add_test(t, graph_memory_grows);
    tcase_add_test(t, mistakes_are_named);
    tcase_add_test(t, a_flood_of_commands_is_borne);
    tcase_add_loop_test(t, hostile_clients_are_hung_up_on, 0,
                        (int)(sizeof hostile / sizeof *hostile));
}

TEST_MAIN("hub", suite)
