/* Goal:   a running supervisor keeps its promises when something ends: a worker, a run, the client,
 * the supervisor itself; and its tools say what has happened. Method: the real tools/jitosd and
 * tools/jitos on a folder of our own; signals at chosen moments; a supervisor of the test's own
 * where ours would have to die at an instant. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/system.h"
#include "tests/lib/tcase.h"
#include "tests/tools/hub_bed.h"
#include "tools/client/session.h"

#define FAR 1000000000u /* a tick that is never reached */

extern char **environ;

static void setup(void)
{
    bed_make();
}

static void teardown(void)
{
    bed_remove(0);
}

static void begin(struct hub_client *client, const char *const *options)
{
    bed_start(options);
    bed_connect(client);
    bed_send_system(client);
    bed_expect(client, "status");
}

static void subscribe(struct hub_client *client)
{
    bed_say(client, "subscribe");
    bed_expect(client, "status");
}

static void kill_worker_0(struct hub_client *client)
{
    struct hub_writer w;
    hub_client_begin(client, &w, "kill", 3);
    hub_text(&w, "name", "w");
    hub_uint(&w, "index", 0);
    ck_assert_int_eq(hub_client_send(client, &w), JIT_OK);
}

/* A field of /proc/PID/stat behind the name: 3 the state, 14 and 15 times; '?' when it is gone. */
static char process_state(pid_t pid, unsigned long *ticks)
{
    char path[64];
    char text[1024];
    char state = '?';
    unsigned long user = 0;
    unsigned long system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    if (fd >= 0) {
        close(fd);
    }
    text[n > 0 ? n : 0] = '\0';
    const char *at = strrchr(text, ')');
    if (at != NULL) {
        ck_assert_int_ge(sscanf(at, ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &state,
                                &user, &system),
                         1);
    }
    *ticks = user + system;
    return state;
}

static void wait_state(pid_t pid, const char *states)
{
    unsigned long ticks;
    for (int i = 0; i < 20000; i++) {
        if (strchr(states, process_state(pid, &ticks)) != NULL) {
            return;
        }
        poll(NULL, 0, 1);
    }
    ck_abort_msg("process %d never came to one of the states %s", (int)pid, states);
}

/* ---- a tool ---- */

/* A program with its stderr, and its exit code. */
struct tool {
    pid_t pid;
    int err;
    char said[4096];
};

static void tool_start(struct tool *tool, const char *verb, const char *option)
{
    posix_spawn_file_actions_t actions;
    const char *argv[] = {"tools/jitos", verb, "--data", bed_data, option, NULL};
    int ends[2];
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    ck_assert_int_eq(posix_spawn_file_actions_init(&actions), 0);
    ck_assert_int_eq(posix_spawn_file_actions_adddup2(&actions, ends[1], 2), 0);
    ck_assert_int_eq(posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0), 0);
    ck_assert_int_eq(
        posix_spawn(&tool->pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ),
        0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    tool->err = ends[0];
}

static void tool_end(struct tool *tool, int code, const char *words)
{
    size_t size = 0;
    int status = 0;
    for (ssize_t n = 1; n > 0 && size < sizeof tool->said - 1; size += (size_t)n) {
        n = read(tool->err, tool->said + size, sizeof tool->said - 1 - size);
        n = n > 0 ? n : 0;
    }
    tool->said[size] = '\0';
    close(tool->err);
    ck_assert_int_eq(waitpid(tool->pid, &status, 0), tool->pid);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == code, "status %d instead of %d: %s",
                  status, code, tool->said);
    ck_assert_msg(strstr(tool->said, words) != NULL, "not \"%s\" but: %s", words, tool->said);
}

/* It follows when it has subscribed. */
static void follow(struct tool *tool, struct hub_client *client)
{
    uint64_t others = bed_status(client, "subscribers");
    tool_start(tool, "log", "-f");
    for (int i = 0; i < 20000 && bed_status(client, "subscribers") == others; i++) {
        poll(NULL, 0, 1);
    }
}

/* It sleeps, and what it did in a third of a second was next to nothing. */
static void check_idle(void)
{
    unsigned long before;
    unsigned long after;
    process_state(bed_pid, &before);
    poll(NULL, 0, 300);
    ck_assert_int_eq(process_state(bed_pid, &after), 'S');
    ck_assert_msg(after - before <= 2, "it worked for %lu of 30", after - before);
}

/* ---- a worker that makes noise ---- */

/* It rings its bell for ever after it has said done: nobody has a reason to listen. */
START_TEST(a_bell_that_rings_at_rest_is_not_heard)
{
    static const char *const options[] = {"--loader", "tests/tools/hostile_worker", NULL};
    struct hub_client client;
    begin(&client, options);
    subscribe(&client);
    bed_run_to(&client, 2);
    cbor_item_t *item = bed_skip_to(&client, "rest");
    cbor_decref(&item);
    check_idle();
    hub_client_close(&client);
}
END_TEST

/* Those that ring without an end while nobody else works go on, and the watchdog counts their time
 * as everybody's. */
START_TEST(who_floods_is_watched)
{
    static const char *const options[] = {"--loader", "tests/tools/hostile_worker", "--hang-wall",
                                          "1", NULL};
    struct hub_client client;
    begin(&client, options);
    subscribe(&client);
    bed_run_to(&client, 3); /* they flood after the second */
    cbor_item_t *item = bed_skip_to(&client, "stop");
    ck_assert_uint_eq(bed_uint(item, "code"), 7);
    cbor_decref(&item);
    hub_client_close(&client);
    bed_end(7);
}
END_TEST

/* ---- a run that stops ---- */

/* A worker hangs; the run is stopped by the watchdog. */
static void stop_run(struct hub_client *client, pid_t pids[2], struct tool *tool)
{
    static const char *const options[] = {"--hang-wall", "1", NULL};
    char states[2][16];
    begin(client, options);
    follow(tool, client);
    subscribe(client);
    bed_run_to(client, FAR);
    cbor_item_t *item = bed_skip_to(client, "tick");
    cbor_decref(&item);
    bed_workers(client, pids, states);
    ck_assert_int_gt(pids[0], 0);
    ck_assert_int_gt(pids[1], 0);
    ck_assert_int_eq(kill(pids[1], SIGSTOP), 0);
    item = bed_skip_to(client, "stop");
    ck_assert_uint_eq(bed_uint(item, "code"), 7);
    cbor_decref(&item);
}

static void check_costs_nothing(struct hub_client *client, const pid_t pids[2])
{
    pid_t now[2] = {1, 1};
    char states[2][16];
    wait_state(pids[0], "?");
    wait_state(pids[1], "?");
    for (int i = 0; i < 1000 && (now[0] != 0 || now[1] != 0); i++) {
        bed_workers(client, now, states);
    }
    ck_assert_int_eq(now[0], 0);
    ck_assert_int_eq(now[1], 0);
    ck_assert_str_eq(states[0], "stopped");
    check_idle();
}

/* Whoever asks for more is told why there is none, and the exit code of the stop. */
static void check_refused(struct hub_client *client)
{
    struct session session = {.pid = -1};
    struct session_watcher watcher = {.on_tick = NULL};
    kill_worker_0(client);
    bed_expect_error(client, "used up its time");
    ck_assert_uint_eq(client->exit_code, 7);
    bed_connect(&session.client);
    ck_assert_int_eq(session_run(&session, FAR, &watcher), JIT_EPEER);
    ck_assert_msg(session.exit_code == 7, "exit %d: %s", session.exit_code, session.error);
    ck_assert_ptr_nonnull(strstr(session.error, "used up its time"));
    hub_client_close(&session.client);
}

START_TEST(a_stopped_run_costs_nothing_and_says_why)
{
    struct hub_client client;
    struct tool tool;
    pid_t pids[2];
    stop_run(&client, pids, &tool);
    tool_end(&tool, 7, "used up its time");
    check_costs_nothing(&client, pids);
    ck_assert_uint_eq(bed_status(&client, "stop_code"), 7);
    ck_assert_uint_eq(bed_status(&client, "durable"), bed_status(&client, "tick"));
    check_refused(&client);
    hub_client_close(&client);
    tool_start(&tool, "log", "-f"); /* one that comes too late */
    tool_end(&tool, 7, "used up its time");
    bed_end(7);
}
END_TEST

/* ---- an operator's kill ---- */

START_TEST(a_kill_that_was_answered_survives) /* _i: at rest, before the first tick, running */
{
    struct hub_client client;
    pid_t pids[2];
    char states[2][16];
    begin(&client, NULL);
    if (_i == 0) {
        subscribe(&client);
        bed_run_to(&client, 2);
        cbor_item_t *item = bed_skip_to(&client, "rest");
        cbor_decref(&item);
    } else if (_i == 2) {
        bed_run_to(&client, FAR);
    }
    kill_worker_0(&client);
    cbor_item_t *item = bed_skip_to(&client, "status");
    uint64_t durable = bed_uint(item, "durable");
    cbor_decref(&item);
    bed_kill();
    hub_client_close(&client);
    bed_start(NULL);
    bed_connect(&client);
    ck_assert_uint_ge(bed_status(&client, "tick"), durable);
    bed_workers(&client, pids, states);
    ck_assert_str_eq(states[0], "exited");
    ck_assert_str_eq(states[1], "new");
    hub_client_close(&client);
}
END_TEST

/* ---- durability ---- */

/* A write of the log fails: nothing is tried again, nothing that was acknowledged is lost. */
START_TEST(a_dead_log_stops_the_run)
{
    struct hub_client client;
    struct rlimit old;
    struct rlimit small = {.rlim_cur = 4096, .rlim_max = RLIM_INFINITY};
    begin(&client, NULL);
    subscribe(&client);
    bed_run_to(&client, 2);
    cbor_item_t *item = bed_skip_to(&client, "rest");
    cbor_decref(&item);
    ck_assert_int_eq(prlimit(bed_pid, RLIMIT_FSIZE, NULL, &old), 0);
    small.rlim_max = old.rlim_max;
    ck_assert_int_eq(prlimit(bed_pid, RLIMIT_FSIZE, &small, NULL), 0);
    kill_worker_0(&client); /* whoever waits for the medium is told that it will not come */
    cbor_item_t *none = NULL;
    bool stopped = false;
    bool refused = false;
    while (!stopped || !refused) {
        enum jit_err err = hub_client_next(&client, 20000, &none);
        refused = refused || err == JIT_EPEER;
        ck_assert_msg(err == JIT_OK || err == JIT_EPEER, "%s", client.error);
        if (err == JIT_OK) {
            ck_assert(!hub_is(none, "t", "rest"));
            stopped = stopped || (hub_is(none, "t", "stop") && bed_uint(none, "code") == 8);
            cbor_decref(&none);
        }
    }
    ck_assert_uint_eq(bed_status(&client, "durable"), 2);
    check_idle();
    hub_client_close(&client);
    bed_end(8);
    bed_start(NULL);
    bed_connect(&client);
    ck_assert_uint_eq(bed_status(&client, "tick"), 2);
    bed_run_to(&client, 4);
    hub_client_close(&client);
}
END_TEST

/* Ticks wait for company only as long as more of them come. */
START_TEST(a_group_is_written_when_idle)
{
    static const char *const options[] = {"--durability", "group", NULL};
    struct hub_client client;
    pid_t pids[2];
    char states[2][16];
    begin(&client, options);
    bed_run_to(&client, FAR);
    for (int round = 0; round < 5; round++) {
        bed_workers(&client, pids, states);
        ck_assert_int_eq(kill(pids[0], SIGSTOP), 0);
        wait_state(pids[0], "tT");
        uint64_t tick = bed_status(&client, "tick");
        bool durable = false;
        for (int i = 0; i < 2000 && !durable; i++) { /* the watchdog would come after a minute */
            durable = bed_status(&client, "durable") == bed_status(&client, "tick");
            poll(NULL, 0, durable ? 0 : 1);
        }
        ck_assert_msg(durable, "tick %llu is not written", (unsigned long long)tick);
        ck_assert_int_eq(kill(pids[0], SIGCONT), 0);
    }
    hub_client_close(&client);
}
END_TEST

/* ---- a worker that dies ---- */

/* It has said done, and is found dead in the same round in which a client wants the next tick, or a
 * bell is to be looked at. */
START_TEST(a_death_between_done_and_reaping) /* _i: bit 0: died first; bit 1: without io_uring */
{
    static const char *const plain[] = {"--no-uring", NULL};
    struct hub_client client;
    pid_t pids[2];
    char states[2][16];
    unsigned long ticks;
    begin(&client, (_i & 2) != 0 ? plain : NULL);
    subscribe(&client);
    for (uint64_t to = 1; to <= 3; to++) {
        struct hub_writer w;
        bed_run_to(&client, to);
        cbor_item_t *item = bed_skip_to(&client, "rest");
        cbor_decref(&item);
        bed_workers(&client, pids, states);
        ck_assert_int_eq(kill(bed_pid, SIGSTOP), 0);
        wait_state(bed_pid, "tT");
        hub_client_begin(&client, &w, "run", 2);
        hub_uint(&w, "to", to + 1);
        for (int i = 0; i < 2; i++) {
            if (i == (_i & 1)) {
                ck_assert_int_eq(hub_client_send(&client, &w), JIT_OK);
            } else {
                ck_assert_int_eq(kill(pids[to % 2], SIGKILL), 0);
                wait_state(pids[to % 2], "Z");
            }
        }
        ck_assert_int_eq(kill(bed_pid, SIGCONT), 0);
        item = bed_skip_to(&client, "rest");
        ck_assert_uint_eq(bed_uint(item, "tick"), to + 1);
        cbor_decref(&item);
    }
    ck_assert_int_ne(process_state(bed_pid, &ticks), '?');
    hub_client_close(&client);
}
END_TEST

/* ---- SIGTERM during a genesis ---- */

START_TEST(told_to_end_during_a_genesis) /* _i: while it is sent, when it is complete */
{
    struct hub_client client;
    static const uint8_t bytes[1000];
    bed_start(NULL);
    bed_connect(&client);
    if (_i == 0) {
        bed_say(&client, "genesis_begin");
        ck_assert_int_eq(bed_upload(&client, bytes, sizeof bytes), JIT_OK);
        bed_status(&client, "tick"); /* it has taken them */
    } else {
        bed_send_system(&client);
    }
    bed_end(0);
    hub_client_close(&client);
    bed_start(NULL);
    bed_connect(&client);
    bool fresh = false;
    ck_assert(hub_get_bool(client.greeting, "fresh", &fresh));
    ck_assert(_i == 1 || fresh);
    if (fresh) {
        bed_send_system(&client);
        bed_expect(&client, "status");
    }
    bed_run_to(&client, 2);
    hub_client_close(&client);
}
END_TEST

/* A long history takes long to read: whoever wants the end then need not wait for it. */
START_TEST(told_to_end_while_reading)
{
    static struct shell_system system;
    struct hub_client client;
    int ends[2];
    begin(&client, NULL);
    subscribe(&client);
    bed_run_to(&client, 3);
    cbor_item_t *item = bed_skip_to(&client, "rest");
    cbor_decref(&item);
    hub_client_close(&client);
    bed_end(0);
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    struct shell_system_options options = {.path = bed_data,
                                           .mode = SHELL_FOLDER_OWN,
                                           .die_at_log_offset = UINT64_MAX,
                                           .stop_fd = &ends[0]};
    for (int told = 1; told >= 0; told--) {
        char byte = 's';
        ck_assert(told == 0 || write(ends[1], &byte, 1) == 1);
        enum jit_err err = shell_system_open(&system, jit_heap_libc(), &options);
        if (told == 1) {
            ck_assert_int_eq(err, JIT_EAGAIN);
            ck_assert_ptr_nonnull(strstr(system.message, "told to end"));
            ck_assert_int_eq(read(ends[0], &byte, 1), 1); /* it was left there */
        } else {
            ck_assert_msg(err == JIT_OK, "%s", system.message);
            ck_assert_uint_eq(system.replay.tick, 3);
            shell_system_close(&system);
        }
    }
}
END_TEST

static enum jit_err to_blob(void *user, const uint8_t *bytes, size_t size)
{
    return blob_append(user, bytes, size);
}

/* The same for a genesis: it is given up, and could be made after all. */
START_TEST(told_to_end_while_building)
{
    static struct shell_system system;
    struct blob_writer *writer = NULL;
    struct jit_id id;
    uint64_t size = 0;
    int ends[2];
    char byte = 's';
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    struct shell_system_options options = {.path = bed_data,
                                           .mode = SHELL_FOLDER_OWN,
                                           .die_at_log_offset = UINT64_MAX,
                                           .stop_fd = &ends[0]};
    ck_assert_int_eq(shell_system_open(&system, jit_heap_libc(), &options), JIT_OK);
    ck_assert_int_eq(blob_begin(jit_heap_libc(), system.io, &writer), JIT_OK);
    bed_write_system(to_blob, writer);
    ck_assert_int_eq(blob_finish(writer, &id, &size), JIT_OK);
    ck_assert_int_eq(write(ends[1], &byte, 1), 1);
    ck_assert_int_eq(shell_system_genesis(&system, &id, size), JIT_EAGAIN);
    ck_assert_ptr_nonnull(strstr(system.message, "told to end"));
    ck_assert(!shell_system_ready(&system));
    ck_assert_int_eq(read(ends[0], &byte, 1), 1);
    ck_assert_int_eq(shell_system_genesis(&system, &id, size), JIT_OK);
    ck_assert(shell_system_ready(&system));
    shell_system_close(&system);
}
END_TEST

/* ---- tools, when the supervisor ends under them ---- */

START_TEST(following_a_supervisor_that_ends) /* _i: told to, killed */
{
    struct hub_client client;
    struct tool tool;
    begin(&client, NULL);
    follow(&tool, &client);
    bed_run_to(&client, 3);
    hub_client_close(&client);
    if (_i == 0) {
        bed_end(0);
        tool_end(&tool, 0, "has ended");
    } else {
        bed_kill();
        tool_end(&tool, 4, "it was killed");
    }
}
END_TEST

/* Takes the next message of a tool and answers it with bytes of its own. */
static void serve_one(int fd, const char *bytes, size_t size)
{
    uint8_t frame[4096];
    ck_assert_int_gt(recv(fd, frame, sizeof frame, 0), 0);
    ck_assert_int_eq(send(fd, bytes, size, MSG_NOSIGNAL), (ssize_t)size);
}

static const char welcome[] = "\13\0\0\0\xa1\x61t\x67welcome";

static int listen_on_hub(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/hub.sock", bed_data);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(listener, (const struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    return listener;
}

START_TEST(ps_of_a_supervisor_that_dies) /* _i: before its greeting, after it; talking nonsense */
{
    static const char nonsense[] = "\3\0\0\0\xa1\x61t";
    struct tool tool;
    ck_assert_int_eq(mkdir(bed_data, 0700), 0);
    int listener = listen_on_hub();
    tool_start(&tool, "ps", NULL);
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    uint8_t frame[256];
    if (_i == 1) {
        serve_one(fd, welcome, sizeof welcome - 1);
        ck_assert_int_gt(recv(fd, frame, sizeof frame, 0), 0);
    } else if (_i == 2) {
        serve_one(fd, nonsense, sizeof nonsense - 1);
    } else {
        ck_assert_int_gt(recv(fd, frame, sizeof frame, 0), 0);
    }
    close(fd);
    tool_end(&tool, 4, _i == 2 ? "a message of the supervisor" : "the supervisor is gone");
    close(listener);
}
END_TEST

/* Whoever reads its output was slow, so it was dropped: it comes again. */
START_TEST(a_follower_that_was_dropped_comes_again)
{
    static const char slow[] = "\x13\0\0\0\xa2\x61t\x65"
                               "error\x64"
                               "code\x64slow";
    static const char end[] = "\7\0\0\0\xa1\x61t\x63"
                              "end";
    struct hub_client client;
    struct tool tool;
    begin(&client, NULL);
    hub_client_close(&client);
    bed_end(0);
    int listener = listen_on_hub();
    tool_start(&tool, "log", "-f");
    for (int i = 0; i < 2; i++) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        ck_assert_int_ge(fd, 0);
        serve_one(fd, welcome, sizeof welcome - 1);
        serve_one(fd, i == 0 ? slow : end, i == 0 ? sizeof slow - 1 : sizeof end - 1);
        close(fd);
    }
    tool_end(&tool, 0, "has ended");
    close(listener);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "supervisor", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_bell_that_rings_at_rest_is_not_heard);
    tcase_add_test(t, who_floods_is_watched);
    tcase_add_test(t, a_stopped_run_costs_nothing_and_says_why);
    tcase_add_loop_test(t, a_kill_that_was_answered_survives, 0, 3);
    tcase_add_test(t, a_dead_log_stops_the_run);
    tcase_add_test(t, a_group_is_written_when_idle);
    tcase_add_loop_test(t, a_death_between_done_and_reaping, 0, 4);
    tcase_add_loop_test(t, told_to_end_during_a_genesis, 0, 2);
    tcase_add_test(t, told_to_end_while_reading);
    tcase_add_test(t, told_to_end_while_building);
    tcase_add_loop_test(t, following_a_supervisor_that_ends, 0, 2);
    tcase_add_test(t, a_follower_that_was_dropped_comes_again);
    tcase_add_loop_test(t, ps_of_a_supervisor_that_dies, 0, 3);
}

TEST_MAIN("supervisor", suite)
