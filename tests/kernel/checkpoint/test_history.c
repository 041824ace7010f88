/* Goal:   whatever instant a data folder's owner dies at while ticks, checkpoints, merges and the
 *         giving up of old history change it, the folder opens again with all that was
 * acknowledged, from its newest checkpoint and from its start alike, and every checkpoint that was
 * to stay can be restored. A full or failing disk leaves it so as well. Method: a whole system over
 * a simulated disk (tests/lib/sim_disk.h): before each change of the disk every disk that a crash
 * may leave is opened; every operation is refused, once and from then on. The figures are printed.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "kernel/log/blob.h"
#include "kernel/system.h"
#include "tests/lib/sim_disk.h"
#include "tests/lib/sim_kernel.h"
#include "tests/lib/tcase.h"

#define TICKS_MAX     64u
#define CHECKS_MAX    8u
#define ARENA_BYTES   ((uint64_t)8 << 20)
#define SEGMENT_BYTES 16384u
#define ALL_OF        32u
#define ONE_IN        16u
#define START_EVERY   4u /* of the states are opened from their start as well */
#define FAULT_STEP    4u /* operations from one refused to the next; four kinds begin at four */
#ifdef JIT_SANITIZED
#define DEEP 0u
#else
#define DEEP 160u
#endif
#define ROUNDS      2u
#define ROUND_TICKS 6u

static const char text[] = "system history\n"
                           "type Cell { state: i64 = 0 }\n"
                           "edge NEXT\n"
                           "rule up\n"
                           "  match (a:Cell)\n"
                           "  where a.state = 0\n"
                           "  set a.state = 1\n"
                           "process w run up apply all over shard(/world)\n"
                           "grant w: map /world; invoke up on /world\n";

static struct history {
    struct sim_disk *disk;
    struct shell_system system;
    uint64_t low;              /* acknowledged */
    uint64_t high;             /* may be there */
    uint64_t kept[CHECKS_MAX]; /* ticks whose checkpoints must be there */
    unsigned kept_count;
    struct jit_random random;
    uint64_t states;
    uint64_t inside; /* of them those that a crash inside an opening left */
    unsigned deep;   /* one opening in so many is stopped at each of its changes; 0: none */
    uint64_t changes;
    uint64_t here; /* states at this change */
    const char *doing;
} h;

/* Tick n sets a value of /world's root node: its patch, and the root that it leads to. */
static struct jit_buf patches[TICKS_MAX];
static struct jit_id roots[TICKS_MAX];

static void ok(enum jit_err err)
{
    ck_assert_msg(err == JIT_OK, "%s: %s (%s)", h.doing, jit_err_name(err), h.system.message);
}

static enum jit_err open_on(struct sim_disk *disk, enum shell_system_from from,
                            struct shell_system *system)
{
    static const uint8_t uuid[LOG_UUID_BYTES] = "a test's log";
    const struct shell_system_options options = {.path = "history",
                                                 .io = &disk->io,
                                                 .uuid = uuid,
                                                 .mode = SHELL_FOLDER_OWN,
                                                 .segment_bytes = SEGMENT_BYTES,
                                                 .die_at_log_offset = UINT64_MAX,
                                                 .from = from};
    return shell_system_open(system, jit_heap_libc(), &options);
}

/* ---- what a crash may leave ---- */

static void judge_open(struct sim_disk *disk, enum shell_system_from from, const char *crash)
{
    struct shell_system system;
    enum jit_err err = open_on(disk, from, &system);
    ck_assert_msg(err == JIT_OK, "%s, crash (%s), from the %s: %s: %s", h.doing, crash,
                  from == SHELL_FROM_START ? "start" : "newest", jit_err_name(err), system.message);
    uint64_t tick = system.replay.tick;
    ck_assert_msg(tick >= h.low && tick <= h.high, "%s, crash (%s): tick %llu of %llu to %llu",
                  h.doing, crash, (unsigned long long)tick, (unsigned long long)h.low,
                  (unsigned long long)h.high);
    ck_assert_msg(jit_id_equal(&system.replay.version.state_root, &roots[tick]),
                  "%s, crash (%s): another root", h.doing, crash);
    shell_system_close(&system);
}

static void judge_checkpoint(struct sim_disk *disk, const struct ckpt_manifest *m,
                             const char *crash)
{
    struct rmg_arena *arena = NULL;
    struct rmg_store *store = NULL;
    struct rmg_version version = rmg_version_empty();
    const char *why = "";
    ck_assert_int_eq(rmg_arena_new(jit_heap_libc(), ARENA_BYTES, &arena), JIT_OK);
    struct rmg_store_options options = {.arenas = {arena}, .arena_count = 1};
    ck_assert_int_eq(rmg_store_new(jit_heap_libc(), &options, &store), JIT_OK);
    enum jit_err err = ckpt_load(jit_heap_libc(), &disk->io, m, store, &version, &why);
    ck_assert_msg(err == JIT_OK && jit_id_equal(&version.state_root, &roots[m->tick]),
                  "%s, crash (%s): checkpoint of tick %llu: %s %s", h.doing, crash,
                  (unsigned long long)m->tick, jit_err_name(err), why);
    rmg_store_free(store);
    rmg_arena_free(jit_heap_libc(), arena);
}

static void judge(struct sim_disk *disk, const char *crash)
{
    struct ckpt_list list;
    bool there[TICKS_MAX] = {false};
    ck_assert_int_eq(ckpt_list_read(jit_heap_libc(), &disk->io, NULL, &list), JIT_OK);
    for (size_t i = 0; i < list.count; i++) {
        const struct ckpt_manifest *m = list.entries[i].manifest;
        ck_assert_msg(m != NULL, "%s, crash (%s): a manifest is damaged: %s", h.doing, crash,
                      list.entries[i].why);
        ck_assert_uint_lt(m->tick, TICKS_MAX);
        judge_checkpoint(disk, m, crash);
        there[m->tick] = true;
    }
    for (unsigned i = 0; i < h.kept_count; i++) {
        ck_assert_msg(there[h.kept[i]], "%s, crash (%s): the checkpoint of tick %llu is gone",
                      h.doing, crash, (unsigned long long)h.kept[i]);
    }
    ckpt_list_release(&list);
    judge_open(disk, SHELL_FROM_NEWEST, crash);
    if (h.states++ % START_EVERY == 0) {
        judge_open(disk, SHELL_FROM_START, crash);
    }
}

static void inside_opening(struct sim_disk *disk, void *user);

static void judge_plan(void *user, const struct sim_crash *plan)
{
    char crash[160];
    struct sim_disk *from = user;
    /* Where very many are possible, all of the first and one in so many of the rest. */
    if (++h.here > ALL_OF && jit_random_below(&h.random, ONE_IN) != 0) {
        return;
    }
    struct sim_disk *after = sim_disk_crash(from, plan);
    sim_crash_text(plan, crash, sizeof crash);
    if (from != h.disk) {
        h.inside++;
    } else if (h.deep > 0 && h.states % h.deep == 0) {
        after->hook = inside_opening;
    }
    judge(after, crash);
    sim_disk_free(after);
}

static void on_change(struct sim_disk *disk, void *user)
{
    (void)user;
    h.changes++;
    h.here = 0;
    sim_disk_plans(disk, &h.random, 0, judge_plan, disk);
}

/* Stopped again while it is opened. */
static void inside_opening(struct sim_disk *disk, void *user)
{
    uint64_t here = h.here;
    (void)user;
    h.here = 0;
    sim_disk_plans(disk, &h.random, 0, judge_plan, disk);
    h.here = here;
}

/* ---- what is done ---- */

static void make_genesis(struct shell_system *system)
{
    struct sim_kernel_options options = {.text = text, .cells = 4, .system_seed = 1};
    struct jit_buf patch;
    struct jit_id blob;
    jit_buf_init(&patch, jit_heap_libc(), 1u << 22);
    sim_kernel_genesis(jit_heap_libc(), &options, &patch);
    ok(blob_put(jit_heap_libc(), system->io, patch.data, patch.size, &blob));
    ok(shell_system_genesis(system, &blob, patch.size));
    jit_buf_release(&patch);
}

static void plan_tick(struct rmg_store *store, struct rmg_state *state, uint64_t tick)
{
    struct rmg_state after = *state;
    struct rmg_tx *tx = NULL;
    struct jit_id world;
    struct jit_id node;
    uint8_t bytes[800] = {(uint8_t)tick};
    struct rmg_attachment value = {.name = "v",
                                   .name_size = 1,
                                   .value = {.kind = RMG_VALUE_ATOM,
                                             .type = *rmg_codec_type(RMG_CODEC_BYTES),
                                             .bytes = bytes,
                                             .size = sizeof bytes}};
    kern_place_id("/world", &world, &node);
    ok(rmg_store_pin(store, &state->version));
    ok(rmg_tx_begin(store, &state->version, &tx));
    ok(rmg_tx_set_attachment(tx, &world, RMG_PLANE_ALPHA, &node, &value));
    ok(rmg_tx_seal(tx, &after.version));
    jit_buf_init(&patches[tick], jit_heap_libc(), 1u << 20);
    ok(rmg_diff_patch(jit_heap_libc(), state, &after, &patches[tick], NULL));
    *state = after;
    roots[tick] = after.version.state_root;
}

/* In a system of its own, once. */
static void plan_ticks(void)
{
    struct shell_system system;
    struct sim_disk *disk = sim_disk_new(2);
    h.doing = "plan";
    ok(open_on(disk, SHELL_FROM_NEWEST, &system));
    make_genesis(&system);
    struct rmg_state state = {.store = system.store, .version = system.replay.version};
    roots[0] = state.version.state_root;
    for (uint64_t tick = 1; tick < TICKS_MAX; tick++) {
        plan_tick(system.store, &state, tick);
    }
    shell_system_close(&system);
    sim_disk_free(disk);
}

/* A tick; merged: with a second parent. */
static enum jit_err make_tick(bool merged)
{
    struct jit_id other = {{0}};
    uint64_t tick = h.system.replay.tick + 1;
    other.bytes[0] = merged ? 9 : 0;
    h.high = tick;
    h.doing = merged ? "merge" : "tick";
    enum jit_err err = shell_system_edit(&h.system, patches[tick].data, patches[tick].size, &other);
    h.low = err == JIT_OK ? tick : h.low;
    return err;
}

static enum jit_err make_checkpoint(const char *name)
{
    struct ckpt_manifest made;
    uint64_t bytes = 0;
    h.doing = "checkpoint";
    enum jit_err err = shell_system_checkpoint(&h.system, name, "", &made, &bytes);
    if (err == JIT_OK) {
        h.kept[h.kept_count++] = made.tick;
    }
    return err;
}

/* As jitos gc --log --keep 1 does: the log, then the checkpoints. */
static enum jit_err give_up(void)
{
    struct ckpt_list list;
    struct log_report report;
    struct log_trimmed trimmed;
    struct jit_id segment;
    h.doing = "gc";
    enum jit_err err = ckpt_list_read(jit_heap_libc(), &h.disk->io, NULL, &list);
    if (err != JIT_OK) {
        return err;
    }
    const struct ckpt_manifest *keep = list.entries[0].manifest;
    h.kept[0] = keep->tick;
    h.kept_count = 1;
    err = ckpt_verify(jit_heap_libc(), &h.disk->io, keep, &segment);
    if (err == JIT_OK) {
        err = log_trim(jit_heap_libc(), &h.disk->io, &keep->mark, false, &report, &trimmed);
    }
    if (err == JIT_OK) {
        err = ckpt_remove_others(jit_heap_libc(), &h.disk->io, &keep, 1, NULL);
    }
    ckpt_list_release(&list);
    return err;
}

static void begin(void)
{
    if (patches[1].size == 0) {
        plan_ticks();
    }
    memset(&h, 0, sizeof h);
    h.random = jit_random_of(5);
    h.doing = "start";
    h.disk = sim_disk_new(1);
    ok(open_on(h.disk, SHELL_FROM_NEWEST, &h.system));
    make_genesis(&h.system);
}

static void end(void)
{
    shell_system_close(&h.system);
    sim_disk_free(h.disk);
}

static void restart(void)
{
    shell_system_close(&h.system);
    h.doing = "restart";
    ok(open_on(h.disk, SHELL_FROM_NEWEST, &h.system));
}

/* All of it, until something fails. */
static enum jit_err live(void)
{
    enum jit_err err = JIT_OK;
    for (unsigned round = 0; err == JIT_OK && round < ROUNDS; round++) {
        for (unsigned i = 0; err == JIT_OK && i < ROUND_TICKS; i++) {
            err = make_tick(i == 2);
        }
        if (err == JIT_OK) {
            err = make_checkpoint(round == 0 ? "first" : "");
        }
    }
    if (err == JIT_OK) {
        err = give_up();
    }
    return err;
}

/* JIT_CRASH_DEEP: as in test_crash. */
START_TEST(crashes)
{
    begin();
    h.deep = test_number("JIT_CRASH_DEEP", DEEP);
    h.disk->hook = on_change;
    ok(live());
    sim_disk_plans(h.disk, &h.random, 0, judge_plan, h.disk);
    h.disk->hook = NULL;
    uint64_t first = 0;
    uint64_t last = 0;
    ok(log_segments(jit_heap_libc(), &h.disk->io, &first, &last));
    ck_assert_msg(first > 1, "gc gave up no segment of %llu", (unsigned long long)last);
    restart();
    h.disk->hook = on_change;
    ok(make_tick(false));
    ok(make_checkpoint(""));
    ok(give_up());
    h.disk->hook = NULL;
    shell_system_close(&h.system);
    judge(h.disk, "none");
    sim_disk_free(h.disk);
    printf("history: %llu states at %llu changes, %llu of them inside openings: no failure\n",
           (unsigned long long)h.states, (unsigned long long)h.changes,
           (unsigned long long)h.inside);
    ck_assert_uint_gt(h.states, 1000);
}
END_TEST

/* Refused, once or from then on: what is there stays, and a new start goes on. */
START_TEST(faults)
{
    static const enum jit_err errors[] = {JIT_ENOSPC, JIT_EIO};
    unsigned fired = 0;
    for (unsigned kind = 0; kind < 4; kind++) {
        for (uint64_t at = kind;; at += FAULT_STEP) {
            begin();
            h.disk->fault_at = h.disk->calls + at;
            h.disk->fault_err = errors[kind % 2];
            h.disk->fault_sticky = kind >= 2;
            enum jit_err err = live();
            bool hit = h.disk->fault_fired;
            h.disk->fault_err = JIT_OK;
            if (!hit) {
                ok(err);
                end();
                break;
            }
            fired++;
            struct sim_crash drop = {.kind = SIM_DROP_ALL};
            judge_plan(h.disk, &drop);
            restart();
            h.low = h.system.replay.tick;
            ck_assert(jit_id_equal(&h.system.replay.version.state_root, &roots[h.low]));
            ok(make_tick(false));
            ok(make_checkpoint(""));
            shell_system_close(&h.system);
            judge(h.disk, "none");
            sim_disk_free(h.disk);
        }
    }
    printf("history: %u refused operations\n", fired);
    ck_assert_uint_gt(fired, 150);
}
END_TEST

static void fill_suite(Suite *suite)
{
    TCase *t = test_case(suite, "crashes", 240);
    tcase_add_test(t, crashes);
    t = test_case(suite, "faults", 240);
    tcase_add_test(t, faults);
}

TEST_MAIN("kernel/history", fill_suite)
