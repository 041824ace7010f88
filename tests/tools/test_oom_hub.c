/* Goal:   a supervisor that listens and is then refused memory, at whatever request of it and of
 * its libraries, tells whoever has asked: the answer, or that there was no memory; never nothing,
 * never another reason, and it is never gone without a word. It serves the next one; or its run has
 * stopped, with exit code 8 and that reason, and a new one goes on. Method: tests/lib/refuse.c in a
 * real tools/jitosd; on the page they share the test says for each act of a client which request is
 * refused next, once and from then on, until there is no n-th one. A share of the requests, each of
 * the first ones among them; with JIT_OOM_VERBS=all every one (make check-oom-verbs). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/refuse.h"
#include "tests/lib/tcase.h"
#include "tests/tools/hub_bed.h"

#define WAIT_MS  20000 /* nobody may be left without an answer for so long */
#define EACH     24u   /* of the first requests; further on a share */
#define EACH_NEW 6u    /* likewise, where each takes a supervisor of its own */
#define UNHEARD  ((enum jit_err)(-1000))

static struct refuse_page *page;
static char refuse_path[4096];
static char guests_path[96];
static struct jit_buf genesis;
static unsigned refusals;
static unsigned starts;

/* ---- the supervisor ---- */

static void start(void)
{
    const char *const options[] = {"--guests", guests_path, NULL};
    ck_assert_int_eq(setenv("LD_PRELOAD", refuse_path, 1), 0);
    bed_start(options);
    ck_assert_int_eq(unsetenv("LD_PRELOAD"), 0);
    starts++;
}

static void make_folder(void)
{
    bed_make();
    bed_keep_errors = true;
    bed_cells = 20;
    snprintf(guests_path, sizeof guests_path, "%s.guests", bed_data);
}

static enum jit_err take(void *user, const uint8_t *bytes, size_t size)
{
    jit_buf_put(user, bytes, size);
    return JIT_OK;
}

static void setup(void)
{
    char page_path[64];
    ck_assert_msg(realpath("tests/.libs/refuse.so", refuse_path) != NULL, "no refuse.so");
    int file = memfd_create("refuse", 0);
    ck_assert_int_eq(ftruncate(file, REFUSE_PAGE_BYTES), 0);
    page = mmap(NULL, REFUSE_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    ck_assert_ptr_ne(page, MAP_FAILED);
    snprintf(page_path, sizeof page_path, "/proc/%d/fd/%d", (int)getpid(), file);
    ck_assert_int_eq(setenv("JIT_REFUSE_IN", "jitosd", 1), 0);
    ck_assert_int_eq(setenv("JIT_REFUSE_PAGE", page_path, 1), 0);
    ck_assert_int_eq(setenv("JIT_REFUSE_NOT", "libseccomp", 1), 0);
    make_folder();
    jit_buf_init(&genesis, jit_heap_libc(), HUB_PIECE_BYTES);
    bed_write_system(take, &genesis);
    ck_assert_int_eq(genesis.err, JIT_OK);
    refusals = 0;
    starts = 0;
}

static void teardown(void)
{
    printf("%u refusals, %u supervisors\n", refusals, starts);
    bed_remove(0);
    jit_buf_release(&genesis);
}

static void refuse(uint64_t at, bool sticky)
{
    atomic_store(&page->fired, 0);
    atomic_store(&page->asked, 0);
    atomic_store(&page->sticky, sticky);
    atomic_store(&page->at, at);
}

/* True: one has been refused. */
static bool refuse_no_more(void)
{
    atomic_store(&page->at, 0);
    return atomic_load(&page->fired) != 0;
}

/* ---- what a client does ---- */

/* The next message of this type, or what came instead. */
static enum jit_err hear(struct hub_client *client, const char *type)
{
    for (;;) {
        cbor_item_t *item = NULL;
        enum jit_err err = hub_client_next(client, WAIT_MS, &item);
        if (err != JIT_OK) {
            return err == JIT_EAGAIN ? UNHEARD : err;
        }
        bool wanted = hub_is(item, "t", type);
        bool stopped = hub_is(item, "t", "stop");
        if (stopped) {
            hub_get_text(item, "text", client->error, sizeof client->error);
            hub_get_uint(item, "code", &client->exit_code);
        }
        cbor_decref(&item);
        if (wanted || stopped) {
            return wanted ? JIT_OK : JIT_EPEER;
        }
    }
}

static enum jit_err ask(struct hub_client *client, const char *type, const char *answer)
{
    struct hub_writer w;
    hub_client_begin(client, &w, type, 1);
    enum jit_err err = hub_client_send(client, &w);
    return err == JIT_OK ? hear(client, answer) : err;
}

static enum jit_err greet(struct hub_client *client)
{
    enum jit_err err = hub_client_open(client, jit_heap_libc(), bed_data, NULL);
    return err == JIT_EAGAIN ? UNHEARD : err;
}

static enum jit_err visit(struct hub_client *client)
{
    struct hub_writer w;
    enum jit_err err = hub_client_visit(client, jit_heap_libc(), guests_path, NULL);
    if (err == JIT_OK) { /* what is no token is refused for that, or for want of memory */
        hub_client_begin(client, &w, "present", 2);
        hub_bytes(&w, "token", "none", 4);
        err = hub_client_send(client, &w);
    }
    if (err == JIT_OK) {
        err = hear(client, "token");
        err = err == JIT_EPEER && strcmp(client->code, "token") == 0 ? JIT_OK : err;
    }
    return err == JIT_EAGAIN ? UNHEARD : err;
}

static enum jit_err status(struct hub_client *client)
{
    return ask(client, "status", "status");
}

static enum jit_err ps(struct hub_client *client)
{
    return ask(client, "ps", "ps");
}

static enum jit_err checkpoint(struct hub_client *client)
{
    return ask(client, "checkpoint", "checkpoint");
}

/* A tick more, with all that may be told of it. */
static enum jit_err run(struct hub_client *client)
{
    struct hub_writer w;
    uint64_t tick = 0;
    hub_client_begin(client, &w, "subscribe", 3);
    hub_bool(&w, "diff", true);
    hub_bool(&w, "receipts", true);
    enum jit_err err = hub_client_send(client, &w);
    cbor_item_t *item = NULL;
    err = err == JIT_OK ? hub_client_next(client, WAIT_MS, &item) : err;
    if (err == JIT_OK) {
        tick = bed_uint(item, "tick");
        cbor_decref(&item);
        hub_client_begin(client, &w, "run", 2);
        hub_uint(&w, "to", tick + 1);
        err = hub_client_send(client, &w);
    }
    return err == JIT_OK ? hear(client, "rest") : err == JIT_EAGAIN ? UNHEARD : err;
}

static enum jit_err send_genesis(struct hub_client *client)
{
    struct hub_writer w;
    hub_client_begin(client, &w, "genesis_begin", 1);
    enum jit_err err = hub_client_send(client, &w);
    if (err == JIT_OK) {
        hub_client_begin(client, &w, "genesis_data", 2);
        hub_bytes(&w, "data", genesis.data, genesis.size);
        err = hub_client_send(client, &w);
    }
    return err == JIT_OK ? ask(client, "genesis_end", "status") : err;
}

enum where { ANY_SYSTEM, NEW_SYSTEM, NO_SYSTEM };

static const struct act {
    const char *name;
    enum jit_err (*act)(struct hub_client *client);
    enum where where; /* the last two: each time in a folder of its own */
    bool connects;    /* by itself: that is refused memory, too */
} acts[] = {
    {"greet", greet, ANY_SYSTEM, true},
    {"status", status, ANY_SYSTEM, false},
    {"ps", ps, ANY_SYSTEM, false},
    {"a guest", visit, ANY_SYSTEM, true},
    {"checkpoint", checkpoint, ANY_SYSTEM, false},
    {"run", run, ANY_SYSTEM, false},
    {"the first run", run, NEW_SYSTEM, false}, /* with the start of its workers */
    {"genesis", send_genesis, NO_SYSTEM, false},
};

/* ---- what became of it ---- */

static void judge(const struct act *act, uint64_t n, bool sticky, enum jit_err err,
                  const struct hub_client *client)
{
    bool memory = strstr(client->error, "memory") != NULL;
    bool told = err == JIT_OK || (err == JIT_ENOMEM && memory) ||
                (err == JIT_EPEER && memory && client->exit_code == 8);
    ck_assert_msg(told, "%s, request %u refused%s: %s (%s)", act->name, (unsigned)n,
                  sticky ? ", and all from there on" : "",
                  err == UNHEARD ? "left without an answer" : client->error, client->code);
}

/* The run may have stopped: then for want of memory, and a new supervisor goes on. */
static void next_is_served(uint64_t durable)
{
    struct hub_client client;
    int ended = 0;
    char text[480];
    bool stopped = false;
    enum jit_err err = hub_client_open(&client, jit_heap_libc(), bed_data, NULL);
    if (err == JIT_OK) {
        hub_get_bool(client.greeting, "stopped", &stopped);
        hub_get_text(client.greeting, "stop_text", text, sizeof text);
        ck_assert_msg(!stopped || bed_uint(client.greeting, "stop_code") == 8, "%s", text);
        ck_assert_msg(!stopped || strstr(text, "memory") != NULL, "%s", text);
        ck_assert_uint_ge(bed_uint(client.greeting, "durable"), durable);
        hub_client_close(&client);
        if (!stopped) {
            return;
        }
        bed_end(8);
    } else { /* it has ended, with a word to whoever had asked */
        ck_assert_msg(err == JIT_ENOENT || err == JIT_EPEER, "%s", client.error);
        ck_assert_int_eq(waitpid(bed_pid, &ended, 0), bed_pid);
        ck_assert_msg(WIFEXITED(ended) && WEXITSTATUS(ended) == 8, "jitosd ended with %d", ended);
        bed_pid = 0;
    }
    start();
}

static uint64_t durable_now(void)
{
    struct hub_client client;
    bed_connect(&client);
    uint64_t tick = bed_uint(client.greeting, "durable");
    hub_client_close(&client);
    return tick;
}

/* True: a request was refused. */
static bool try_one(const struct act *act, uint64_t n, bool sticky)
{
    struct hub_client client = {.fd = -1};
    uint64_t durable = durable_now();
    if (!act->connects) {
        bed_connect(&client);
    }
    refuse(n, sticky);
    enum jit_err err = act->act(&client);
    bool fired = refuse_no_more();
    judge(act, n, sticky, err, &client);
    hub_client_close(&client);
    refusals += fired;
    next_is_served(durable);
    return fired;
}

static void afresh(enum where where)
{
    struct hub_client client;
    if (bed_pid != 0) {
        bed_kill();
    }
    bed_remove(0);
    make_folder();
    start();
    if (where != NO_SYSTEM) {
        bed_connect(&client);
        ck_assert_int_eq(send_genesis(&client), JIT_OK);
        hub_client_close(&client);
    }
}

START_TEST(told_that_there_is_no_memory) /* _i: act */
{
    const struct act *act = &acts[_i];
    const char *mode = getenv("JIT_OOM_VERBS");
    const bool all = mode != NULL && strcmp(mode, "all") == 0;
    const unsigned each = act->where == ANY_SYSTEM ? EACH : EACH_NEW;
    bool fired = true;
    afresh(act->where);
    uint64_t n = 1;
    for (; fired; n += all || n < each ? 1 : n / 4) {
        fired = false;
        for (int sticky = 0; sticky < 2; sticky++) {
            fired = try_one(act, n, sticky != 0) || fired;
            if (act->where != ANY_SYSTEM) {
                afresh(act->where);
            }
        }
    }
    printf("%s: %u requests\n", act->name, (unsigned)n);
    ck_assert_uint_gt(refusals, 2); /* else nothing was refused anything */
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "oom_hub", 1200);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, told_that_there_is_no_memory, 0, (int)(sizeof acts / sizeof *acts));
}

int main(void)
{
#ifdef JIT_SANITIZED
    puts("not tried in a sanitizer build: it brings an allocator of its own");
    return 77;
#endif
    if (access("tests/.libs/refuse.so", R_OK) != 0) {
        puts("there is no tests/.libs/refuse.so: this build makes no shared libraries");
        return 77;
    }
    Suite *all = suite_create("oom_hub");
    suite(all);
    SRunner *runner = srunner_create(all);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
