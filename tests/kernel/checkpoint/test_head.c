/* Goal:   the head of a data folder is the old one or the new one whatever is lost; one that is
 *         announced is read as it was announced, and the head is what it was until it is taken.
 * Method: the simulated disk: crashes after every operation of writing, announcing, taking and
 *         dropping, each call of them refused; a head in which a byte is wrong. */
#include "kernel/checkpoint/head.h"
#include "tests/kernel/checkpoint/checkpoint_world.h"
#include "tests/lib/oom.h"

static struct world w;
static const struct head_next second = {
    .name = "second", .uuid = {0xf0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xff}};

static bool is_second(const struct head_next *next)
{
    return strcmp(next->name, second.name) == 0 &&
           memcmp(next->uuid, second.uuid, sizeof second.uuid) == 0;
}

static void setup(void)
{
    world_begin(&w);
}

static void teardown(void)
{
    world_end(&w);
}

struct exploring {
    struct jit_random random;
    uint64_t states;
    bool further; /* what is under way may be the second change */
};

static void head_plan(void *user, const struct sim_crash *plan)
{
    struct exploring *ex = user;
    struct sim_disk *after = sim_disk_crash(w.disk, plan);
    char name[HEAD_NAME_MAX + 1];
    ex->states++;
    must(head_read(&after->io, name));
    ck_assert_msg(strcmp(name, !ex->further ? "main" : "first") == 0 ||
                      strcmp(name, !ex->further ? "first" : "second-one") == 0,
                  "%s", name);
    sim_disk_free(after);
}

static void head_change(struct sim_disk *disk, void *user)
{
    struct exploring *ex = user;
    sim_disk_plans(disk, &ex->random, 2, head_plan, ex);
}

START_TEST(head_moves)
{
    struct exploring ex = {.random = jit_random_of(13)};
    char name[HEAD_NAME_MAX + 1];
    must(head_read(&w.disk->io, name));
    ck_assert_str_eq(name, "main");
    w.disk->hook = head_change;
    w.disk->hook_user = &ex;
    must(head_write(&w.disk->io, "first"));
    ex.further = true;
    must(head_write(&w.disk->io, "second-one"));
    w.disk->hook = NULL;
    must(head_read(&w.disk->io, name));
    ck_assert_str_eq(name, "second-one");
    ck_assert_uint_gt(ex.states, 20);
    uint64_t size = 0;
    const uint8_t *bytes = sim_disk_bytes(w.disk, "HEAD", &size);
    for (uint64_t at = 0; at < size; at++) {
        uint8_t was = bytes[at];
        uint8_t zero = 0;
        sim_disk_damage(w.disk, "HEAD", at, &zero, 1);
        ck_assert_int_eq(head_read(&w.disk->io, name), JIT_ECORRUPT);
        sim_disk_damage(w.disk, "HEAD", at, &was, 1);
    }
}
END_TEST

/* What is announced is there or not there, and HEAD is what it was until it is taken. */
static void next_plan(void *user, const struct sim_crash *plan)
{
    struct exploring *ex = user;
    struct sim_disk *after = sim_disk_crash(w.disk, plan);
    char name[HEAD_NAME_MAX + 1];
    struct head_next next;
    ex->states++;
    enum jit_err err = head_next_read(&after->io, &next);
    ck_assert(err == JIT_OK || err == JIT_ENOENT);
    ck_assert(err == JIT_ENOENT || is_second(&next));
    must(head_read(&after->io, name));
    bool taken = strcmp(name, "second") == 0;
    ck_assert(taken || strcmp(name, "first") == 0);
    ck_assert_msg(!taken || ex->further, "moved before it was taken");
    ck_assert_msg(taken || err == JIT_OK || !ex->further, "neither announced nor taken");
    sim_disk_free(after);
}

static void next_change(struct sim_disk *disk, void *user)
{
    struct exploring *ex = user;
    sim_disk_plans(disk, &ex->random, 2, next_plan, ex);
}

START_TEST(head_announced)
{
    struct exploring ex = {.random = jit_random_of(14)};
    char name[HEAD_NAME_MAX + 1];
    struct head_next next;
    must(head_write(&w.disk->io, "first"));
    ck_assert_int_eq(head_next_read(&w.disk->io, &next), JIT_ENOENT);
    must(head_next_drop(&w.disk->io)); /* nothing to drop */
    w.disk->hook = next_change;
    w.disk->hook_user = &ex;
    must(head_next_write(&w.disk->io, &second));
    must(head_next_drop(&w.disk->io));
    ck_assert_int_eq(head_next_read(&w.disk->io, &next), JIT_ENOENT);
    must(head_next_write(&w.disk->io, &second));
    ex.further = true;
    must(head_next_take(&w.disk->io, &second));
    w.disk->hook = NULL;
    ck_assert_int_eq(head_next_read(&w.disk->io, &next), JIT_ENOENT);
    must(head_read(&w.disk->io, name));
    ck_assert_str_eq(name, "second");
    ck_assert_uint_gt(ex.states, 20);
}
END_TEST

static void announce(const char *text, size_t size)
{
    struct jit_io *io = &w.disk->io;
    int file = -1;
    must(head_next_drop(io));
    must(io->open(io, "HEAD.next", JIT_IO_CREATE, &file));
    must(io->pwrite(io, file, text, size, 0));
    io->close(io, file);
}

/* A byte that is wrong is found where it can be: what is read is a good name and a log, or nothing.
 */
START_TEST(announced_otherwise)
{
    static const char good[] = "branch second f00102030405060708090a0b0c0d0eff\n";
    static const char *const bad[] = {
        "branch second\n",
        "branch second \n",
        "branch  f00102030405060708090a0b0c0d0eff\n",
        "branch f00102030405060708090a0b0c0d0eff\n",
        "branch second f00102030405060708090a0b0c0d0ef\n",
        "branch second f00102030405060708090a0b0c0d0eff0\n",
        "branch second f00102030405060708090a0b0c0d0exf\n",
        "branch ../second f00102030405060708090a0b0c0d0eff\n",
        "branch second f00102030405060708090a0b0c0d0eff",
        "",
    };
    struct head_next next;
    char text[2 * HEAD_NAME_MAX + 64];
    announce(good, sizeof good - 1);
    must(head_next_read(&w.disk->io, &next));
    ck_assert(is_second(&next));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        announce(bad[i], strlen(bad[i]));
        ck_assert_msg(head_next_read(&w.disk->io, &next) == JIT_ECORRUPT, "%s", bad[i]);
    }
    for (size_t size = 0; size < sizeof good - 1; size++) {
        announce(good, size);
        ck_assert_int_eq(head_next_read(&w.disk->io, &next), JIT_ECORRUPT);
    }
    for (size_t at = 0; at < sizeof good - 1; at++) {
        memcpy(text, good, sizeof good);
        text[at] = '\0';
        announce(text, sizeof good - 1);
        ck_assert_int_eq(head_next_read(&w.disk->io, &next), JIT_ECORRUPT);
    }
    for (int length = HEAD_NAME_MAX; length <= (int)HEAD_NAME_MAX + 1; length++) {
        int size = snprintf(text, sizeof text, "branch %0*d %032d\n", length, 7, 0);
        announce(text, (size_t)size);
        ck_assert_int_eq(head_next_read(&w.disk->io, &next),
                         length == HEAD_NAME_MAX ? JIT_OK : JIT_ECORRUPT);
    }
}
END_TEST

/* ---- what the disk refuses ---- */

static void begin_first(struct oom *oom)
{
    world_begin(&w);
    oom->mem = &w.mem;
    oom->disk = w.disk;
    must(head_write(&w.disk->io, "first"));
}

static void begin_announced(struct oom *oom)
{
    begin_first(oom);
    must(head_next_write(&w.disk->io, &second));
}

static void end(struct oom *oom)
{
    (void)oom;
    world_end(&w);
}

static void is_head(const char *name)
{
    char got[HEAD_NAME_MAX + 1] = "";
    must(head_read(&w.disk->io, got));
    ck_assert_str_eq(got, name);
}

static void whole_first(struct oom *oom)
{
    (void)oom;
    is_head("first");
}

/* The one that is announced is the head, or still announced. */
static void whole_taken(struct oom *oom)
{
    struct head_next next;
    (void)oom;
    enum jit_err err = head_next_read(&w.disk->io, &next);
    ck_assert(err == JIT_OK || err == JIT_ENOENT);
    if (err == JIT_ENOENT) {
        is_head("second");
    } else {
        ck_assert(is_second(&next));
    }
}

static enum jit_err run_announce(struct oom *oom)
{
    struct head_next next = {.name = ""};
    enum jit_err err = head_next_write(&w.disk->io, &second);
    err = err == JIT_OK ? head_next_read(&w.disk->io, &next) : err;
    if (err == JIT_OK) {
        ck_assert(is_second(&next));
    }
    jit_hash(&next, sizeof next, &oom->result);
    return err;
}

/* As its callers do: what has been taken is not taken again. */
static enum jit_err run_take(struct oom *oom)
{
    struct head_next next;
    enum jit_err err = head_next_read(&w.disk->io, &next);
    if (err == JIT_OK) {
        err = head_next_take(&w.disk->io, &next);
    }
    memset(&oom->result, 0, sizeof oom->result);
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err run_drop(struct oom *oom)
{
    memset(&oom->result, 0, sizeof oom->result);
    return head_next_drop(&w.disk->io);
}

START_TEST(head_refused)
{
    static const struct oom_row rows[] = {
        {"head_next_write, head_next_read", begin_first, run_announce, whole_first, end, false,
         true},
        {"head_next_take", begin_announced, run_take, whole_taken, end, false, true},
        {"head_next_drop", begin_announced, run_drop, whole_first, end, false, true},
    };
    struct oom_count count = {.operations = 0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        oom_try_disk(&rows[i], &count);
        oom_try(&rows[i], &count);
    }
    ck_assert_uint_gt(count.refusals, 30);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "head", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, head_moves);
    tcase_add_test(t, head_announced);
    tcase_add_test(t, announced_otherwise);
    t = test_case(s, "refusals", 60);
    tcase_add_test(t, head_refused);
}

TEST_MAIN("head", suite)
