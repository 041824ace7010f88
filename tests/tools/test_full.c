/* Goal:   a full disk costs no acknowledged tick and no restart that would not have been needed: a
 * tick without room is refused and the run stops with exit code 8, a seal without room is no loss,
 * and with room again all goes on to the same history. Method: the real tools/jitosd on a small
 * tmpfs of our own, filled to the last block; so it needs the right to mount one. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>
#include <stdlib.h>

#include "tests/tools/hub_bed.h"

#define DISK_BYTES  (4u << 20)
#define BLOCK_BYTES 4096
#define SKIPPED     77

extern char **environ;

static char disk[64]; /* where it is mounted */
static char filler[80];
static char errors[80];

/* A name space of our own, whose mounts end with this process. */
static bool may_mount(void)
{
    return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static void setup(void)
{
    char size[32];
    bed_make();
    snprintf(disk, sizeof disk, "%.*s", (int)(strrchr(bed_data, '/') - bed_data), bed_data);
    snprintf(filler, sizeof filler, "%s/filler", disk);
    snprintf(errors, sizeof errors, "%s.errors", disk);
    snprintf(bed_errors, sizeof bed_errors, "%s", errors);
    snprintf(size, sizeof size, "size=%u", DISK_BYTES);
    ck_assert(may_mount());
    ck_assert_int_eq(mount("none", disk, "tmpfs", 0, size), 0);
    bed_keep_errors = true;
}

static void teardown(void)
{
    ck_assert_int_eq(bed_pid, 0); /* each test says with which code it leaves */
    ck_assert_int_eq(umount2(disk, MNT_DETACH), 0);
    ck_assert_int_eq(rmdir(disk), 0);
    unlink(errors);
}

/* No block is left but these. */
static void fill(int blocks)
{
    static const char block[BLOCK_BYTES];
    int fd = open(filler, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    while (write(fd, block, sizeof block) > 0) {
    }
    ck_assert_int_eq(errno, ENOSPC);
    struct stat st;
    ck_assert_int_eq(fstat(fd, &st), 0);
    ck_assert_int_eq(ftruncate(fd, st.st_size - (off_t)blocks * BLOCK_BYTES), 0);
    close(fd);
}

static void begin(struct hub_client *client, const char *const *options)
{
    bed_start(options);
    bed_connect(client);
    bed_send_system(client);
    bed_expect(client, "status");
    bed_say(client, "subscribe");
    bed_expect(client, "status");
}

/* One tick; false when the run has stopped instead, for want of space. */
static bool one_tick(struct hub_client *client, uint64_t tick)
{
    struct hub_writer w;
    hub_client_begin(client, &w, "run", 2);
    hub_uint(&w, "to", tick);
    ck_assert_int_eq(hub_client_send(client, &w), JIT_OK);
    for (;;) {
        cbor_item_t *item = NULL;
        ck_assert_int_eq(hub_client_next(client, 20000, &item), JIT_OK);
        bool rest = hub_is(item, "t", "rest");
        bool stop = hub_is(item, "t", "stop");
        ck_assert(!stop || bed_uint(item, "code") == 8);
        cbor_decref(&item);
        if (rest || stop) {
            return rest;
        }
    }
}

static int run_program(const char *const argv[])
{
    posix_spawn_file_actions_t actions;
    pid_t pid = 0;
    int status = 0;
    ck_assert_int_eq(posix_spawn_file_actions_init(&actions), 0);
    ck_assert_int_eq(posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0), 0);
    ck_assert_int_eq(
        posix_spawn(&pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int run_tool(const char *verb, const char *option)
{
    const char *argv[] = {"tools/jitos", verb, "--data", bed_data, option, NULL};
    return run_program(argv);
}

static void get_head(struct hub_client *client, struct jit_id *head)
{
    bed_say(client, "status");
    cbor_item_t *item = bed_skip_to(client, "status");
    ck_assert(hub_get_id(item, "head", head));
    cbor_decref(&item);
}

/* ---- a seal ---- */

static const char *const small[] = {"--segment-bytes", "16384", NULL};

/* Three blocks a segment, for ticks and seals in turn: which of them is the first without room
 * depends on how many segments there are. Returns whether it was a seal. */
static bool seal_without_room(int segments_more, bool room_again)
{
    struct hub_client client;
    bed_cells = 3; /* a tick is a block */
    begin(&client, small);
    uint64_t tick = 1;
    ck_assert(one_tick(&client, tick));
    fill(4 * segments_more);
    bool rests = true;
    while (rests && !bed_said("no room to seal")) {
        ck_assert_uint_lt(tick, 20);
        rests = one_tick(&client, ++tick);
    }
    if (rests) {
        ck_assert_uint_eq(bed_status(&client, "durable"), tick);
        ck_assert_uint_eq(bed_status(&client, "stop_code"), 0);
        if (room_again) {
            ck_assert_int_eq(unlink(filler), 0);
            for (int i = 0; i < 10000 && !bed_said("the log is sealed"); i++) {
                poll(NULL, 0, 1);
            }
            ck_assert(bed_said("the log is sealed"));
            ck_assert(one_tick(&client, tick + 1));
        }
    }
    hub_client_close(&client);
    bed_end(rests ? 0 : 8);
    ck_assert_int_eq(run_tool("verify", NULL), 0);
    return rests;
}

START_TEST(a_seal_without_room_is_no_loss) /* _i: there is room again, or there is not */
{
    bool seals[2];
    for (int more = 0; more < 2; more++) {
        seals[more] = seal_without_room(more, _i == 0);
        teardown();
        setup();
    }
    ck_assert(seals[0] || seals[1]);
}
END_TEST

/* ---- a tick ---- */

#define LAST 12u

START_TEST(a_tick_without_room_is_refused)
{
    struct hub_client client;
    struct jit_id heads[2];
    uint64_t tick = 0;
    begin(&client, small);
    fill(8);
    while (one_tick(&client, tick + 1)) {
        ck_assert_uint_lt(++tick, LAST);
    }
    ck_assert(bed_said("no space left"));
    bed_say(&client, "ps"); /* it can still be asked */
    bed_expect(&client, "ps");
    hub_client_close(&client);
    bed_end(8);
    ck_assert_int_eq(run_tool("verify", NULL), 0);
    bed_start(NULL); /* on the full disk: nothing is lost, and it says so again */
    bed_connect(&client);
    ck_assert_uint_eq(bed_status(&client, "tick"), tick);
    bed_say(&client, "subscribe");
    bed_expect(&client, "status");
    ck_assert(!one_tick(&client, tick + 1));
    hub_client_close(&client);
    bed_end(8);
    ck_assert_int_eq(unlink(filler), 0);
    for (int i = 0; i < 2; i++) { /* on from there, and without all that */
        if (i == 0) {
            bed_start(NULL);
            bed_connect(&client);
            bed_say(&client, "subscribe");
            bed_expect(&client, "status");
        } else {
            snprintf(bed_data, sizeof bed_data, "%.40s/other", disk);
            begin(&client, small);
        }
        ck_assert(one_tick(&client, LAST));
        get_head(&client, &heads[i]);
        hub_client_close(&client);
        bed_end(0);
    }
    ck_assert(jit_id_equal(&heads[0], &heads[1]));
}
END_TEST

/* ---- a genesis ---- */

START_TEST(a_genesis_without_room_is_refused)
{
    struct hub_client client;
    struct stat st;
    char path[128];
    static const uint8_t piece[1 << 16];
    bed_start(NULL);
    snprintf(path, sizeof path, "%s/log/0000000000000001.seg", bed_data);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_size, DISK_BYTES / 32); /* smaller on a small file system */
    bed_connect(&client);
    fill(2);
    bed_say(&client, "genesis_begin");
    for (int i = 0; i < 32; i++) {
        ck_assert_int_eq(bed_upload(&client, piece, sizeof piece), JIT_OK);
    }
    bed_expect_error(&client, "no space left");
    ck_assert_str_eq(client.code, "space");
    hub_client_close(&client);
    ck_assert_int_eq(unlink(filler), 0);
    bed_connect(&client);
    bed_send_system(&client);
    bed_expect(&client, "status");
    bed_run_to(&client, 2);
    hub_client_close(&client);
    bed_end(0);
}
END_TEST

START_TEST(a_folder_without_room_is_refused) /* a new one; a code for the host, no half folder */
{
    struct hub_client client;
    const char *argv[] = {"tools/jitosd", "--data", bed_data, NULL};
    fill(0);
    ck_assert_int_eq(run_program(argv), 8);
    ck_assert_int_eq(unlink(filler), 0);
    begin(&client, NULL);
    ck_assert(one_tick(&client, 1));
    hub_client_close(&client);
    bed_end(0);
}
END_TEST

/* ---- no writing at all ---- */

START_TEST(what_cannot_be_written_can_be_read)
{
    struct hub_client client;
    const char *argv[] = {"tools/jitosd", "--data", bed_data, NULL};
    begin(&client, NULL);
    ck_assert(one_tick(&client, 1));
    hub_client_close(&client);
    bed_end(0);
    /* The kernel may close an io_uring's files some time after their process has ended. */
    int busy = -1;
    for (int i = 0; busy != 0 && i < 10000; i++) {
        busy = mount(NULL, disk, NULL, MS_REMOUNT | MS_RDONLY, NULL);
        ck_assert(busy == 0 || errno == EBUSY);
        poll(NULL, 0, busy == 0 ? 0 : 1);
    }
    ck_assert_int_eq(busy, 0);
    ck_assert_int_eq(run_tool("verify", NULL), 0);
    ck_assert_int_eq(run_tool("replay", "--verify"), 0);
    ck_assert_int_eq(run_tool("log", NULL), 0);
    ck_assert_int_eq(run_tool("ps", NULL), 0);
    ck_assert_int_eq(run_program(argv), 2);
}
END_TEST

int main(void)
{
    pid_t pid = fork(); /* the right to mount is tried by somebody else */
    int status = 1;
    if (pid == 0) {
        _exit(may_mount() && mount("none", "/tmp", "tmpfs", 0, "size=64k") == 0 ? 0 : 1);
    }
    if (waitpid(pid, &status, 0) != pid || status != 0) {
        printf("skipped: a small file system to fill cannot be mounted here; run it as root\n");
        return getenv("JIT_MUST_WORK") != NULL ? EXIT_FAILURE : SKIPPED;
    }
    Suite *suite = suite_create("full");
    TCase *t = tcase_create("full");
    tcase_set_timeout(t, 60);
    suite_add_tcase(suite, t);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, a_seal_without_room_is_no_loss, 0, 2);
    tcase_add_test(t, a_tick_without_room_is_refused);
    tcase_add_test(t, a_genesis_without_room_is_refused);
    tcase_add_test(t, a_folder_without_room_is_refused);
    tcase_add_test(t, what_cannot_be_written_can_be_read);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_FORK); /* each in a name space of its own */
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
