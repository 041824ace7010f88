/* Rows of the kernel and what it stands on: branches of a worker, boot records, capabilities, the
 * core. */
#include "kernel/core/intent.h"
#include "kernel/core/image.h"
#include "kernel/core/invariants.h"
#include "sws/space.h"
#include "syscall/boot.h"
#include "tests/kernel/checkpoint/checkpoint_world.h"
#include "tests/kernel/oom_rows.h"
#include "tests/lib/cell_rules.h"
#include "tests/lib/sim_kernel.h"

#define BYTES_MAX (1u << 20)
#define HOME      (1u << 18)
#define HEADER    4096u
#define TICKS     3u
#define STEPS     400000u

static struct fault_heap mem;

/* ---- branches of work state ---- */

static uint8_t *home_memory;
static struct rmg_arena home_arena;
static struct sws_home home;
static struct sws *space;

static void begin_home_memory(struct oom *oom)
{
    mem = fault_heap_make(-1, false);
    home_memory = aligned_alloc(HEADER, HOME);
    ck_assert_ptr_nonnull(home_memory);
    memset(home_memory, 0, HOME);
    rmg_arena_init(&home_arena, home_memory, HOME, HOME, HEADER);
    oom->mem = &mem;
}

static void end_home_memory(struct oom *oom)
{
    (void)oom;
    free(home_memory);
}

static enum jit_err run_home_open(struct oom *oom)
{
    struct sws_home opened;
    rmg_arena_init(&home_arena, home_memory, HOME, HOME, HEADER);
    enum jit_err err = sws_home_open(&mem.heap, &home_arena,
                                     (struct sws_home_page *)(void *)home_memory, 0, &opened);
    if (err == JIT_OK) {
        oom->result = opened.latest.state_root;
        sws_home_close(&opened);
    }
    return err;
}

static enum jit_err change_own(const struct sws_branch *branch, unsigned from)
{
    const struct jit_id top = world_id("warp:", 7);
    const struct jit_id type = world_id("type:", 0);
    static const uint8_t bytes[1200] = {5};
    sws_change_begin(space, (struct sws_branch *)branch);
    enum jit_err err = JIT_OK;
    for (unsigned i = from; err == JIT_OK && i < from + 8; i++) {
        struct rmg_op op = {
            .kind = RMG_OP_UPSERT_NODE, .instance = top, .id = world_id("node:", i), .type = type};
        err = sws_change_op(space, &op);
        op = (struct rmg_op){.kind = RMG_OP_SET_ATTACHMENT,
                             .plane = RMG_PLANE_ALPHA,
                             .instance = top,
                             .id = world_id("node:", i),
                             .attachment = {"v", 1, {RMG_VALUE_ATOM, type, bytes, i * 20}}};
        err = err == JIT_OK ? sws_change_op(space, &op) : err;
    }
    if (err != JIT_OK) {
        sws_change_abort(space);
        return err;
    }
    return sws_change_end(space);
}

static void begin_space(struct oom *oom)
{
    begin_home_memory(oom);
    const struct jit_id top = world_id("warp:", 7);
    const struct jit_id root = world_id("node:", 0);
    struct rmg_op op = {.kind = RMG_OP_UPSERT_INSTANCE, .instance = top, .from = root};
    must(sws_home_open(&mem.heap, &home_arena, (struct sws_home_page *)(void *)home_memory, 0,
                       &home));
    const struct sws_options options = {.heap = &mem.heap, .home = &home, .keep = 1, .history = 4};
    must(sws_new(&options, &space));
    sws_change_begin(space, NULL);
    must(sws_change_op(space, &op));
    op = (struct rmg_op){
        .kind = RMG_OP_UPSERT_NODE, .instance = top, .id = root, .type = world_id("type:", 0)};
    must(sws_change_op(space, &op));
    must(sws_change_end(space));
}

static void end_space(struct oom *oom)
{
    sws_free(space);
    sws_home_close(&home);
    end_home_memory(oom);
}

/* What is committed verifies, and there is no branch. */
static void whole_space(struct oom *oom)
{
    struct rmg_fault fault;
    (void)oom;
    must(rmg_store_verify(home.store, &home.latest, &fault));
    ck_assert_uint_eq(sws_branch_count(space), 0);
}

static enum jit_err run_sws_new(struct oom *oom)
{
    struct sws *other = NULL;
    const struct sws_options options = {.heap = &mem.heap, .home = &home, .keep = 1, .history = 4};
    enum jit_err err = sws_new(&options, &other);
    sws_free(other);
    oom->result = home.latest.state_root;
    return err;
}

static enum jit_err run_sws_change(struct oom *oom)
{
    enum jit_err err = change_own(NULL, 10);
    oom->result = home.latest.state_root;
    return err;
}

static enum jit_err run_sws_collapse(struct oom *oom)
{
    struct sws_branch *branch = NULL;
    struct sws_branch *inner = NULL;
    struct sws_collapse done;
    struct jit_buf request;
    jit_buf_init(&request, &mem.heap, BYTES_MAX);
    enum jit_err err = sws_fork(space, NULL, &branch);
    if (err == JIT_OK) {
        err = change_own(branch, 20);
        err = err == JIT_OK ? sws_fork(space, branch, &inner) : err;
        err = err == JIT_OK ? change_own(inner, 30) : err;
        err = err == JIT_OK ? sws_collapse(space, inner, &request, &done) : err;
        err = err == JIT_OK ? sws_collapse(space, branch, &request, &done) : err;
        if (err != JIT_OK) {
            sws_drop(space, branch);
        }
    }
    jit_buf_release(&request);
    oom->result = home.latest.state_root;
    return err;
}

static void begin_history(struct oom *oom)
{
    begin_space(oom);
    must(change_own(NULL, 40));
    must(change_own(NULL, 50));
}

static enum jit_err run_sws_undo(struct oom *oom)
{
    enum jit_err err = sws_undo(space, 1);
    oom->result = home.latest.state_root;
    return err;
}

static enum jit_err run_home_done(struct oom *oom)
{
    enum jit_err err = sws_home_done(&home, home.page->tick + 1);
    oom->result = home.latest.state_root;
    return err;
}

/* ---- syscall ---- */

static void begin_plain(struct oom *oom)
{
    mem = fault_heap_make(-1, false);
    oom->mem = &mem;
}

static void end_plain(struct oom *oom)
{
    (void)oom;
}

static enum jit_err run_boot(struct oom *oom)
{
    static const uint8_t program[100] = {1};
    const struct sys_bytes rules[] = {{program, 99}, {program, 8}};
    const struct sys_boot_spec spec = {.process = {{6}},
                                       .count = 1,
                                       .start_tick = 1,
                                       .view_bytes = 1u << 20,
                                       .graph_bytes = SYS_GRAPH_BYTES_MIN,
                                       .rules = rules,
                                       .rule_count = 2};
    struct jit_buf buf;
    jit_buf_init(&buf, &mem.heap, BYTES_MAX);
    enum jit_err err = sys_boot_encode(&spec, &buf);
    if (err == JIT_OK) {
        jit_hash(buf.data, buf.size, &oom->result);
    }
    jit_buf_release(&buf);
    return err;
}

static const struct jit_id some_ids[] = {{{1}}, {{2}}, {{3}}};
static const struct sys_attenuators narrow = {
    .given = SYS_GIVEN_NODES | SYS_GIVEN_OPERATIONS, .nodes = {some_ids, 3}, .operations = 10};

static enum jit_err run_attenuators(struct oom *oom)
{
    struct sys_attenuators *decoded = NULL;
    struct sys_attenuators *copy = NULL;
    struct jit_buf buf;
    jit_buf_init(&buf, &mem.heap, BYTES_MAX);
    sys_attenuators_encode(&narrow, &buf);
    enum jit_err err = buf.err;
    err = err == JIT_OK ? sys_attenuators_decode(&mem.heap, buf.data, buf.size, &decoded) : err;
    err = err == JIT_OK ? sys_attenuators_copy(&mem.heap, decoded, &copy) : err;
    if (err == JIT_OK) {
        ck_assert_int_eq(sys_attenuators_within(copy, &narrow), SYS_EXCESS_NONE);
        jit_hash(buf.data, buf.size, &oom->result);
    }
    mem.heap.free(&mem.heap, copy);
    mem.heap.free(&mem.heap, decoded);
    jit_buf_release(&buf);
    return err;
}

static enum jit_err run_narrowed(struct oom *oom)
{
    struct sys_cap cap = {.rights = 1, .attenuators = &narrow};
    struct sys_cap got;
    struct sys_attenuators *decoded = NULL;
    struct jit_buf buf;
    jit_buf_init(&buf, &mem.heap, BYTES_MAX);
    kern_narrowed_encode(&cap, &buf);
    enum jit_err err = buf.err;
    err = err == JIT_OK ? kern_narrowed_decode(&mem.heap, buf.data, buf.size, &got, &decoded) : err;
    if (err == JIT_OK) {
        ck_assert_int_eq(sys_attenuators_within(got.attenuators, &narrow), SYS_EXCESS_NONE);
        jit_hash(buf.data, buf.size, &oom->result);
    }
    mem.heap.free(&mem.heap, decoded);
    jit_buf_release(&buf);
    return err;
}

static struct sys_caps *caps;

static void begin_caps(struct oom *oom)
{
    struct sys_cap_node node = {.cap = {.generation = 1,
                                        .rights = SYS_RIGHTS_ALL,
                                        .object = SYS_OBJECT_INSTANCE,
                                        .instance = {{4}},
                                        .attenuators = &narrow},
                                .id = {{9}},
                                .parent = SYS_CAP_NONE,
                                .operations_left = 10};
    uint32_t made = 0;
    begin_plain(oom);
    must(sys_caps_new(&mem.heap, 2, &caps));
    must(sys_caps_put(caps, &node, &made));
    sys_caps_begin_tick(caps, 1);
}

static void end_caps(struct oom *oom)
{
    (void)oom;
    sys_caps_free(caps);
}

static enum jit_err run_caps_new(struct oom *oom)
{
    struct sys_caps *other = NULL;
    struct sys_cap_node node = *sys_caps_node(caps, sys_caps_at(caps, 0, 0));
    uint32_t made = 0;
    (void)oom;
    enum jit_err err = sys_caps_new(&mem.heap, 2, &other);
    for (uint32_t slot = 0; err == JIT_OK && slot < 40; slot++) {
        node.slot = slot;
        node.id.bytes[1] = (uint8_t)slot;
        err = sys_caps_put(other, &node, &made);
    }
    sys_caps_free(other);
    return err;
}

/* Twenty children of the one there is, then all of them revoked and taken away. */
static enum jit_err run_derive(struct oom *oom)
{
    const struct sys_attenuators one = {.given = SYS_GIVEN_OPERATIONS, .operations = 1};
    const struct sys_cap_want want = {.rights = SYS_RIGHT_MAP, .attenuators = &one};
    uint32_t parent = sys_caps_at(caps, 0, 0);
    uint32_t before = sys_caps_count(caps);
    uint32_t made = 0;
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; err == JIT_OK && i < 8; i++) {
        enum sys_cap_excess excess = SYS_EXCESS_NONE;
        struct jit_id id = {{10, (uint8_t)i}};
        err = sys_caps_derive(caps, parent, &want, &id, 1, SYS_CAP_NONE, &made, &excess);
    }
    uint64_t left = sys_caps_node(caps, parent)->operations_left;
    ck_assert(err != JIT_OK || left == 2);
    sys_caps_revoke(caps, parent, true);
    while (sys_caps_count(caps) > before) {
        uint32_t dead[4];
        uint32_t paid[2];
        int64_t refuse_at = mem.refuse_at;
        mem.refuse_at = -1; /* the way back is not what is tried here */
        size_t count = sys_caps_dead(caps, dead, 4);
        mem.refuse_at = refuse_at;
        ck_assert(count > 0 && count <= 4);
        for (size_t i = 0; i < count; i++) {
            sys_caps_remove(caps, dead[i], paid);
        }
    }
    ck_assert_uint_eq(sys_caps_node(caps, parent)->operations_left, 10);
    jit_hash(&left, err == JIT_OK ? sizeof left : 0, &oom->result);
    return err;
}

static enum jit_err run_dead(struct oom *oom)
{
    uint32_t dead[4];
    sys_caps_revoke(caps, sys_caps_at(caps, 0, 0), false);
    size_t count = sys_caps_dead(caps, dead, 4);
    jit_hash(&count, sizeof count, &oom->result);
    return count == SIZE_MAX ? JIT_ENOMEM : JIT_OK;
}

/* ---- the core ---- */

static const char system_text[] =
    "system test\n" CELL_TYPES CELL_INFECT "rule rise\n"
    "  match (a:Cell)\n"
    "  where a.state = 0 and chance(0.5)\n"
    "  set a.state = 1\n"
    "invariant few never match (a:Cell) where a.state > 9\n"
    "process w[2] run infect(p = 0.7), rise apply all over shard(/world)\n"
    "grant w: map /world; invoke infect, rise on /world\n";
static const struct sim_kernel_options sim_options = {
    .text = system_text, .cells = 10, .system_seed = 5, .schedule = 3, .arena_bytes = 1u << 20};
static struct sim_kernel sim;
static struct jit_buf genesis;

static void begin_sim(struct oom *oom)
{
    begin_plain(oom);
    sim_kernel_init(&sim, &mem.heap, &sim_options);
}

static void end_sim(struct oom *oom)
{
    (void)oom;
    sim_kernel_release(&sim);
}

/* It comes to the tick, or it stops in order, which is what no memory looks like from outside. */
static enum jit_err run_ticks(struct oom *oom)
{
    bool rests = sim_kernel_run(&sim, TICKS, STEPS);
    ck_assert_msg(rests || sim.stopped, "it neither rests nor stops");
    ck_assert(rests || sim.stop_text[0] != '\0');
    oom->result = kern_core_commit(sim.core);
    return rests ? JIT_OK : JIT_ENOMEM;
}

/* What it says it has done is what a replay does. */
static void whole_sim(struct oom *oom)
{
    const char *what = "";
    (void)oom;
    ck_assert_msg(sim_kernel_replay(&sim, &what) == JIT_OK, "replay: %s", what);
}

static enum jit_err run_core_new(struct oom *oom)
{
    struct kern_core_options options = {.heap = &mem.heap,
                                        .exec = jit_exec_inline(),
                                        .store = sim.store,
                                        .view = &sim.view_arena,
                                        .version = sim.genesis,
                                        .commit = sim.genesis_commit};
    struct kern_core *core = NULL;
    struct sys_boot_spec boot;
    const char *where = NULL;
    enum jit_err err = kern_core_new(&options, &core, &where);
    err = err == JIT_OK ? kern_core_boot(core, 0, &boot) : err;
    if (err == JIT_OK) {
        oom->result = kern_core_version(core).state_root;
    }
    kern_core_free(core);
    return err;
}

static enum jit_err run_config(struct oom *oom)
{
    struct kern_config *config = NULL;
    struct sys_caps *tree = NULL;
    const char *where = NULL;
    enum jit_err err = kern_config_read(&mem.heap, sim.store, &sim.genesis, &config, &where);
    err = err == JIT_OK ? kern_config_caps(&mem.heap, config, 0, &tree, NULL, &where) : err;
    if (err == JIT_OK) {
        oom->result = config->processes[1].id;
    }
    sys_caps_free(tree);
    kern_config_free(&mem.heap, config);
    return err;
}

static enum jit_err run_invariants(struct oom *oom)
{
    char text[256] = "";
    enum jit_err err = kern_invariants_hold(&mem.heap, sim.store, &sim.genesis, text, sizeof text);
    ck_assert(err == JIT_OK || strstr(text, "memory") != NULL);
    jit_hash(text, sizeof text, &oom->result);
    return err;
}

static struct rmg_arena *replay_arena;
static struct rmg_store *replay_store;
static struct rmg_version replay_version;

static void begin_store(struct oom *oom)
{
    struct rmg_store_options options = {.arena_count = 1};
    begin_plain(oom);
    must(rmg_arena_new(&mem.heap, 1u << 20, &replay_arena));
    options.arenas[0] = replay_arena;
    must(rmg_store_new(&mem.heap, &options, &replay_store));
    jit_buf_init(&genesis, jit_heap_libc(), BYTES_MAX);
    sim_kernel_genesis(jit_heap_libc(), &sim_options, &genesis);
}

static void end_store(struct oom *oom)
{
    (void)oom;
    jit_buf_release(&genesis);
    rmg_store_free(replay_store);
    rmg_arena_free(&mem.heap, replay_arena);
}

static enum jit_err run_replay_genesis(struct oom *oom)
{
    struct kern_replay replay;
    kern_replay_init(&replay, &mem.heap, replay_store);
    enum jit_err err = kern_replay_genesis_begin(&replay);
    for (size_t at = 0; err == JIT_OK && at < genesis.size; at += 999) {
        size_t left = genesis.size - at;
        err = kern_replay_genesis_feed(&replay, genesis.data + at, left < 999 ? left : 999);
    }
    err = err == JIT_OK ? kern_replay_genesis_end(&replay, NULL, NULL) : err;
    oom->result = replay.commit;
    kern_replay_release(&replay);
    return err;
}

static void begin_records(struct oom *oom)
{
    struct kern_replay replay;
    begin_store(oom);
    sim_kernel_init(&sim, jit_heap_libc(), &sim_options);
    ck_assert(sim_kernel_run(&sim, TICKS, STEPS));
    kern_replay_init(&replay, jit_heap_libc(), replay_store);
    must(kern_replay_genesis_begin(&replay));
    must(kern_replay_genesis_feed(&replay, genesis.data, genesis.size));
    must(kern_replay_genesis_end(&replay, NULL, NULL));
    replay_version = replay.version;
    kern_replay_release(&replay);
    ck_assert(jit_id_equal(&replay_version.state_root, &sim.genesis.state_root));
}

static void end_records(struct oom *oom)
{
    sim_kernel_release(&sim);
    end_store(oom);
}

/* The first tick, so that a second try has the newest version to begin with. */
static enum jit_err run_replay_tick(struct oom *oom)
{
    struct kern_replay replay;
    const struct sim_record *record = &sim.records[0];
    kern_replay_init(&replay, &mem.heap, replay_store);
    kern_replay_start(&replay, &replay_version, &sim.genesis_commit, 0);
    enum jit_err err = kern_replay_tick(&replay, record->tick, &record->commit, &record->root,
                                        record->payload, record->payload_size);
    oom->result = replay.commit;
    kern_replay_release(&replay);
    return err;
}

static enum jit_err run_image(struct oom *oom)
{
    static const uint8_t program[5000] = {0x7f, 'E', 'L', 'F'};
    struct rmg_collect *collect = NULL;
    struct jit_id id = {{0}};
    enum jit_err err = rmg_collect_new(&mem.heap, replay_store, &collect);
    err = err == JIT_OK ? kern_root_begin(collect, 1) : err;
    err = err == JIT_OK ? kern_image_collect(collect, program, sizeof program, &id) : err;
    rmg_collect_free(collect);
    oom->result = id;
    return err;
}

const struct oom_row oom_kernel_rows[] = {
    {"sws_home_open", begin_home_memory, run_home_open, NULL, end_home_memory, false, false},
    {"sws_new", begin_space, run_sws_new, whole_space, end_space, false, false},
    {"sws_change", begin_space, run_sws_change, whole_space, end_space, false, false},
    {"sws_fork and collapse", begin_space, run_sws_collapse, whole_space, end_space, false, false},
    {"sws_undo", begin_history, run_sws_undo, whole_space, end_space, false, false},
    {"sws_home_done", begin_space, run_home_done, whole_space, end_space, false, true},
    {"sys_boot_encode", begin_plain, run_boot, NULL, end_plain, false, false},
    {"sys_attenuators", begin_plain, run_attenuators, NULL, end_plain, false, false},
    {"kern_narrowed_decode", begin_plain, run_narrowed, NULL, end_plain, false, false},
    {"sys_caps_put", begin_caps, run_caps_new, NULL, end_caps, false, false},
    {"sys_caps_derive", begin_caps, run_derive, NULL, end_caps, false, false},
    {"sys_caps_dead", begin_caps, run_dead, NULL, end_caps, false, false},
    {"kern_config", begin_sim, run_config, NULL, end_sim, false, false},
    {"kern_invariants_hold", begin_sim, run_invariants, NULL, end_sim, false, false},
    {"kern_core_new", begin_sim, run_core_new, NULL, end_sim, false, false},
    {"kern_core_step, three ticks", begin_sim, run_ticks, whole_sim, end_sim, true, false},
    {"kern_replay_genesis", begin_store, run_replay_genesis, NULL, end_store, false, false},
    {"kern_replay_tick", begin_records, run_replay_tick, NULL, end_records, false, false},
    {"kern_image_collect", begin_store, run_image, NULL, end_store, false, false},
};
const size_t oom_kernel_row_count = sizeof oom_kernel_rows / sizeof oom_kernel_rows[0];
