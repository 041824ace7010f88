/* Goal:   what processes have beside the state is in the log and in checkpoints: it comes back as
 * it was, and nothing else does. A process that lies about its own graph dies of it; deaths are
 *         counted over a restart.
 * Method: kernel/core with a ring played by hand; records and segments of checkpoints built, cut,
 *         flipped bit by bit, read again; the policies of tests/kernel/core/test_policy with a
 * supervisor that comes back in between. */
#include <stdio.h>

#include "base/hash.h"
#include "tests/kernel/checkpoint/beside_world.h"
#include "tests/lib/sim_kernel.h"

#define HEAD                                                                                       \
    "system test\n"                                                                                \
    "type Cell { state: i64 = 0 }\n"                                                               \
    "rule look match (a:Cell) where a.state < 0 set a.state = 0\n"                                 \
    "process w[2] run look apply all over shard(/world)\n"
#define TAIL "grant w: map /world; invoke look on /world\n"

/* ---- the core ---- */

static struct sim_kernel sim;
static struct fault_heap mem;

struct player {
    struct sys_ring_memory memory;
    struct sys_ring_guest guest;
    uint8_t *graph;
};
static struct player players[2];
static bool killed[2];

static void no_wake(void *user, uint32_t *word)
{
    (void)user;
    (void)word;
}

/* Steps; processes that are to be started are, at once. */
static void step(enum kern_event_kind kind, uint32_t process)
{
    struct kern_event event = {.kind = kind, .process = process, .tick = 99, .text = "ended"};
    struct kern_update update = {.again = true};
    uint32_t spawn[4];
    uint32_t spawns = 0;
    for (bool more = true; more; more = update.again) {
        kern_core_step(sim.core, &event, &update);
        for (size_t i = 0; i < update.count; i++) {
            const struct kern_action *action = &update.actions[i];
            if (action->kind == KERN_DO_SPAWN) {
                ck_assert_uint_lt(spawns, 4);
                spawn[spawns++] = action->process;
            } else if (action->kind == KERN_DO_KILL) {
                killed[action->process] = true;
            } else if (action->kind == KERN_DO_LOG) {
                sim_kernel_keep(&sim, &action->record);
            }
        }
        event.kind = KERN_EVENT_CONTINUE;
    }
    for (uint32_t i = 0; i < spawns; i++) {
        struct player *player = &players[spawn[i]];
        memset(player->memory.base, 0, SYS_RING_BYTES);
        struct kern_event spawned = {.kind = KERN_EVENT_SPAWNED,
                                     .process = spawn[i],
                                     .ring = player->memory,
                                     .graph = player->graph,
                                     .graph_size = SYS_GRAPH_BYTES_MIN,
                                     .graph_size_max = SYS_GRAPH_BYTES_MIN};
        kern_core_step(sim.core, &spawned, &update);
        player->guest = (struct sys_ring_guest){.memory = player->memory, .wake = no_wake};
        ck_assert_int_eq(sys_ring_guest_open(&player->guest), JIT_OK);
        killed[spawn[i]] = false;
    }
}

static void begin(const char *text)
{
    const struct sim_kernel_options options = {.text = text, .cells = 4, .system_seed = 5};
    mem = fault_heap_make(-1, false);
    sim_kernel_init(&sim, &mem.heap, &options);
    for (int i = 0; i < 2; i++) {
        players[i].memory = (struct sys_ring_memory){
            .base = aligned_alloc(4096, (SYS_RING_BYTES + 4095) / 4096 * 4096),
            .size = SYS_RING_BYTES};
        players[i].graph = calloc(1, SYS_GRAPH_BYTES_MIN);
        ck_assert(players[i].memory.base != NULL && players[i].graph != NULL);
    }
    step(KERN_EVENT_RUN, 0);
}

static void end(void)
{
    const char *what = "";
    ck_assert_msg(sim_kernel_replay(&sim, &what) == JIT_OK, "replay: %s", what);
    sim_kernel_release(&sim);
    ck_assert_int_eq(mem.live, 0);
    for (int i = 0; i < 2; i++) {
        free(players[i].memory.base);
        free(players[i].graph);
    }
}

static struct jit_id id_of(uint32_t process)
{
    return kern_core_config(sim.core)->processes[process].id;
}

/* It tells of a step from one version to another; claimed: the root it says comes out. */
static void tell(uint32_t process, const struct graph *g, unsigned from, unsigned to,
                 unsigned claimed)
{
    struct jit_buf patch = graph_patch(g, from, to);
    struct player *player = &players[process];
    const size_t size = sizeof(struct sys_own) + patch.size;
    const uint64_t at = SYS_PAGE;
    ck_assert_uint_lt(size, SYS_GRAPH_BYTES_MIN - SYS_PAGE);
    memcpy(player->graph + at, &g->versions[claimed].state_root, sizeof(struct sys_own));
    memcpy(player->graph + at + sizeof(struct sys_own), patch.data, patch.size);
    struct sys_slot *slot = sys_ring_guest_slot(&player->guest);
    slot->kind = SYS_CALL_own;
    slot->length = (uint32_t)size;
    slot->cookie = 0;
    ck_assert_uint_gt(size, SYS_INLINE_BYTES);
    slot->body.far.at = at;
    slot->body.far.size = size;
    sys_ring_guest_post(&player->guest);
    jit_buf_release(&patch);
}

static void look(uint32_t process)
{
    step(KERN_EVENT_BELL, process);
}

static void done(uint32_t process)
{
    sys_ring_guest_done(&players[process].guest, kern_core_tick(sim.core) + 1);
    look(process);
}

static void die(uint32_t process)
{
    step(KERN_EVENT_EXITED, process);
}

START_TEST(told_and_kept)
{
    struct graph a;
    struct graph b;
    begin(HEAD TAIL);
    const struct jit_id one = id_of(0);
    const struct jit_id two = id_of(1);
    graph_begin(&a, 1);
    graph_begin(&b, 2);
    tell(0, &a, 0, 1, 1);
    done(0);
    has(&sim.beside, &one, &a, 0); /* the tick is not made */
    done(1);
    ck_assert_uint_eq(kern_core_tick(sim.core), 1);
    has(&sim.beside, &one, &a, 1);
    /* Another one begins; a death after done takes back what was told, and it is told again. */
    tell(0, &a, 1, 3, 3);
    done(0);
    die(0);
    tell(1, &b, 0, 2, 2);
    done(1);
    has(&sim.beside, &one, &a, 1);
    has(&sim.beside, &two, &b, 0);
    tell(0, &a, 1, 2, 2);
    done(0);
    ck_assert_uint_eq(kern_core_tick(sim.core), 2);
    has(&sim.beside, &one, &a, 2);
    has(&sim.beside, &two, &b, 2);
    /* A tick in which nobody tells anything is a record as it has always been. */
    done(0);
    done(1);
    struct kern_record_view view;
    must(kern_record_decode(sim.records[2].payload, sim.records[2].payload_size, &view));
    ck_assert_uint_eq(view.flags, 0);
    ck_assert_uint_eq(sim.records[2].payload[0], 1);
    must(kern_record_decode(sim.records[1].payload, sim.records[1].payload_size, &view));
    ck_assert_uint_eq(view.flags, KERN_RECORD_OWNS | KERN_RECORD_DEATHS);
    ck_assert_uint_eq(view.own_count, 2);
    ck_assert_uint_eq(view.death_count, 1);
    /* Back to what it had: a patch like others. */
    tell(0, &a, 2, 0, 0);
    done(0);
    done(1);
    has(&sim.beside, &one, &a, 0);
    end();
    graph_end(&a);
    graph_end(&b);
}
END_TEST

START_TEST(lies_are_deadly)
{
    struct graph a;
    begin(HEAD TAIL);
    const struct jit_id one = id_of(0);
    graph_begin(&a, 1);
    for (unsigned lie = 0; lie < 5; lie++) {
        switch (lie) {
        case 0: /* another root than comes out */
            tell(0, &a, 0, 1, 2);
            break;
        case 1: /* from what it never had */
            tell(0, &a, 1, 2, 2);
            break;
        case 2: /* twice */
            tell(0, &a, 0, 1, 1);
            tell(0, &a, 0, 1, 1);
            break;
        case 3: /* no patch */
            tell(0, &a, 0, 1, 1);
            memset(players[0].graph + SYS_PAGE + sizeof(struct sys_own), 0xEE, 40);
            break;
        default: { /* no bytes behind the root */
            struct sys_slot *slot = sys_ring_guest_slot(&players[0].guest);
            slot->kind = SYS_CALL_own;
            slot->length = sizeof(struct sys_own);
            sys_ring_guest_post(&players[0].guest);
            break;
        }
        }
        done(0);
        ck_assert_msg(killed[0], "lie %u", lie);
        die(0);
        has(&sim.beside, &one, &a, 0);
    }
    tell(0, &a, 0, 1, 1);
    done(0);
    done(1);
    ck_assert_uint_eq(kern_core_tick(sim.core), 1);
    has(&sim.beside, &one, &a, 1);
    end();
    graph_end(&a);
}
END_TEST

static enum kern_process_state state_of(uint32_t index)
{
    struct kern_process_status status;
    kern_core_process(sim.core, index, &status);
    return status.state;
}

/* Two deaths, then the supervisor comes back, then a third one: too many, or not. */
START_TEST(deaths_are_counted_on)
{
    for (unsigned back = 0; back < 3; back++) {
        for (unsigned later = 0; later < 2; later++) {
            begin(HEAD "  restart on failure at most 2 in 3 ticks\n" TAIL);
            die(1);
            die(1);
            done(0);
            done(1);
            for (unsigned n = 0; later != 0 && n < 2; n++) { /* the deaths are too long ago */
                done(0);
                done(1);
            }
            for (unsigned n = 0; n < back; n++) {
                sim_kernel_restart(&sim);
                step(KERN_EVENT_RUN, 0);
            }
            die(1);
            ck_assert_int_eq(state_of(1), later != 0 ? KERN_PROCESS_RUNNING : KERN_PROCESS_FAILED);
            done(0);
            if (later != 0) {
                done(1);
            }
            end();
        }
    }
}
END_TEST

/* No more is kept than a policy can count. */
START_TEST(deaths_are_bounded)
{
    struct kern_beside beside;
    struct fault_heap heap = fault_heap_make(-1, false);
    const struct jit_id one = world_id("node:", 1);
    const struct jit_id two = world_id("node:", 2);
    kern_beside_init(&beside, &heap.heap);
    must(kern_beside_died(&beside, &two, 1));
    for (uint64_t tick = 2; tick < JIT_RESTARTS_MAX + 52; tick++) {
        must(kern_beside_died(&beside, &one, tick));
    }
    ck_assert_uint_eq(beside.death_count, JIT_RESTARTS_MAX + 1);
    ck_assert(jit_id_equal(&beside.deaths[0].process, &two));
    ck_assert_uint_eq(beside.deaths[1].tick, 52);
    ck_assert_uint_eq(beside.deaths_told, JIT_RESTARTS_MAX + 51);
    kern_beside_release(&beside);
    ck_assert_int_eq(heap.live, 0);
}
END_TEST

/* ---- records ---- */

START_TEST(records_are_canonical)
{
    struct graph a;
    struct jit_buf buf;
    struct kern_record_view view;
    graph_begin(&a, 1);
    struct jit_buf patch = graph_patch(&a, 0, 1);
    const struct jit_id deaths[2] = {world_id("node:", 1), world_id("node:", 1)};
    const struct kern_record_own own = {.process = deaths[0],
                                        .root = a.versions[1].state_root,
                                        .patch = patch.data,
                                        .patch_size = patch.size};
    jit_buf_init(&buf, jit_heap_libc(), 1u << 20);
    for (unsigned what = 1; what < 4; what++) {
        struct kern_record record = {.patch = patch.data, .patch_size = patch.size};
        record.own_count = what & 1u;
        record.owns = &own;
        record.death_count = what & 2u;
        record.deaths = deaths;
        jit_buf_reset(&buf);
        kern_record_encode(&record, &buf);
        must(buf.err);
        must(kern_record_decode(buf.data, buf.size, &view));
        ck_assert_uint_eq(view.own_count, record.own_count);
        ck_assert_uint_eq(view.death_count, record.death_count);
        for (size_t size = 0; size < buf.size; size++) {
            ck_assert_int_ne(kern_record_decode(buf.data, size, &view), JIT_OK);
        }
        buf.data[0] ^= 3; /* the version of records that have nothing beside */
        ck_assert_int_eq(kern_record_decode(buf.data, buf.size, &view), JIT_EFORMAT);
        buf.data[0] = 4; /* one that does not exist */
        ck_assert_int_eq(kern_record_decode(buf.data, buf.size, &view), JIT_EVERSION);
    }
    jit_buf_release(&buf);
    jit_buf_release(&patch);
    graph_end(&a);
}
END_TEST

/* ---- checkpoints ---- */

static void read_back(struct world *w, const struct ckpt_manifest *m, const struct graph g[2],
                      const unsigned n[2], unsigned deaths)
{
    struct kern_beside got;
    const char *why = "";
    kern_beside_init(&got, jit_heap_libc());
    must(ckpt_load_beside(jit_heap_libc(), &w->disk->io, m, &got, &why));
    for (unsigned i = 0; i < 2; i++) {
        const struct jit_id process = world_id("node:", i);
        has(&got, &process, &g[i], n[i]);
    }
    ck_assert_uint_eq(got.death_count, deaths);
    for (unsigned i = 0; i < deaths; i++) {
        ck_assert_uint_eq(got.deaths[i].tick, i);
    }
    kern_beside_release(&got);
}

static const unsigned steps[WORLD_STATES][2] = {{1, 0}, {1, 2}, {4, 0}, {4, 0}};
static const unsigned deaths_at[WORLD_STATES] = {0, 3, 3, 3};

START_TEST(kept_as_differences)
{
    for (unsigned incremental = 0; incremental < 2; incremental++) {
        struct world w;
        struct graph g[2];
        struct kern_beside beside;
        struct ckpt_beside kept;
        uint32_t segments = 0;
        world_begin(&w);
        graph_begin(&g[0], 1);
        graph_begin(&g[1], 2);
        kern_beside_init(&beside, jit_heap_libc());
        for (unsigned n = 0; n < WORLD_STATES; n++) {
            const uint64_t told = beside.deaths_told;
            set_beside(&beside, g, steps[n], deaths_at[n]);
            must(ckpt_beside_of(jit_heap_libc(), &beside, &kept));
            kept.same_deaths = n > 0 && told == beside.deaths_told;
            struct ckpt_job job = world_job(&w, n, incremental == 1);
            job.beside = &kept;
            must(ckpt_write(&job));
            w.made[n] = job.manifest;
            ckpt_beside_release(jit_heap_libc(), &kept);
            for (uint32_t i = 0; incremental == 1 && i < beside.own_count; i++) {
                must(kern_own_mark(beside.owns[i], &beside.owns[i]->now));
            }
            segments = 0;
            for (uint32_t i = 0; i < job.manifest.segment_count; i++) {
                segments += job.manifest.segments[i].kind >= CKPT_BESIDE;
            }
            /* The last one has nothing new: no segment for that. */
            ck_assert_uint_eq(segments, incremental == 0 ? 1 : n < 3 ? n + 1 : 3);
            for (unsigned k = 0; k <= n; k++) {
                struct jit_id root;
                read_back(&w, &w.made[k], g, steps[k], deaths_at[k]);
                must(world_load(&w.mem.heap, &w.disk->io, &w.made[k], &root));
                ck_assert(jit_id_equal(&root, &w.versions[k].state_root));
            }
        }
        /* What is given up takes nothing with it that another one needs. */
        const struct ckpt_manifest *last = &w.made[WORLD_STATES - 1];
        must(ckpt_remove_others(&w.mem.heap, &w.disk->io, &last, 1, NULL));
        read_back(&w, last, g, steps[WORLD_STATES - 1], deaths_at[WORLD_STATES - 1]);
        kern_beside_release(&beside);
        graph_end(&g[0]);
        graph_end(&g[1]);
        world_end(&w);
    }
}
END_TEST

static enum jit_err append(void *user, const uint8_t *bytes, size_t size)
{
    struct jit_buf *buf = user;
    jit_buf_put(buf, bytes, size);
    return buf->err;
}

/* Every bit of a segment: it is refused even where nobody has compared its name. */
START_TEST(no_flip_is_another_graph)
{
    struct graph g[2];
    struct kern_beside beside;
    struct ckpt_beside kept;
    struct jit_buf bytes;
    unsigned taken = 0;
    graph_begin(&g[0], 1);
    graph_begin(&g[1], 2);
    kern_beside_init(&beside, jit_heap_libc());
    set_beside(&beside, g, steps[1], 1);
    must(ckpt_beside_of(jit_heap_libc(), &beside, &kept));
    jit_buf_init(&bytes, jit_heap_libc(), 1u << 20);
    must(ckpt_beside_encode(jit_heap_libc(), &kept, true, append, &bytes));
    for (size_t size = 0; size < bytes.size; size++) {
        struct kern_beside got;
        kern_beside_init(&got, jit_heap_libc());
        ck_assert_int_ne(ckpt_beside_decode(jit_heap_libc(), bytes.data, size, true, &got), JIT_OK);
        kern_beside_release(&got);
    }
    for (size_t bit = 0; bit < bytes.size * 8; bit += bit % 8 == 6 ? 2 : 3) {
        struct kern_beside got;
        kern_beside_init(&got, jit_heap_libc());
        bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum jit_err err = ckpt_beside_decode(jit_heap_libc(), bytes.data, bytes.size, true, &got);
        bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        for (uint32_t i = 0; err == JIT_OK && i < got.own_count; i++) {
            const struct kern_own *own = got.owns[i];
            const bool first = jit_id_equal(&own->now.state_root, &g[0].versions[1].state_root);
            const bool second = jit_id_equal(&own->now.state_root, &g[1].versions[2].state_root);
            ck_assert(first || second); /* another process's, or another death: names decide */
        }
        taken += err == JIT_OK;
        kern_beside_release(&got);
    }
    ck_assert_uint_le(taken, 2 * (32 + 32 + 40) * 8); /* the ids, and the tick of a death */
    jit_buf_release(&bytes);
    ckpt_beside_release(jit_heap_libc(), &kept);
    kern_beside_release(&beside);
    graph_end(&g[0]);
    graph_end(&g[1]);
}
END_TEST

START_TEST(one_file)
{
    struct world w;
    struct graph g[2];
    struct kern_beside beside;
    struct kern_beside got;
    struct ckpt_beside kept;
    struct ckpt_bundle found;
    struct jit_buf b;
    uint8_t head[CKPT_BUNDLE_HEAD];
    const char *why = "";
    world_begin(&w);
    graph_begin(&g[0], 1);
    graph_begin(&g[1], 2);
    kern_beside_init(&beside, jit_heap_libc());
    set_beside(&beside, g, steps[1], 3);
    must(ckpt_beside_of(jit_heap_libc(), &beside, &kept));
    jit_buf_init(&b, jit_heap_libc(), 1u << 20);
    struct ckpt_job job = world_job(&w, 2, false);
    must(
        ckpt_bundle_write(&w.mem.heap, &job.state, &kept, &job.manifest, w.seed, append, &b, head));
    memcpy(b.data, head, sizeof head);
    must(ckpt_bundle_open(b.data, b.size, &found, &why));
    kern_beside_init(&got, jit_heap_libc());
    must(ckpt_bundle_load_beside(jit_heap_libc(), &found, &got, &why));
    for (unsigned i = 0; i < 2; i++) {
        const struct jit_id process = world_id("node:", i);
        has(&got, &process, &g[i], steps[1][i]);
    }
    ck_assert_uint_eq(got.death_count, 3);
    kern_beside_release(&got);
    for (size_t at = 0; at < b.size; at++) {
        b.data[at] ^= (uint8_t)(1u << at % 8);
        enum jit_err err = ckpt_bundle_open(b.data, b.size, &found, &why);
        ck_assert_msg(err == JIT_ECORRUPT || err == JIT_EVERSION, "byte %zu", at);
        ck_assert(why[0] != '\0');
        b.data[at] ^= (uint8_t)(1u << at % 8);
    }
    for (size_t size = 0; size < b.size; size++) {
        ck_assert_int_eq(ckpt_bundle_open(b.data, size, &found, &why), JIT_ECORRUPT);
    }
    jit_buf_release(&b);
    ckpt_beside_release(jit_heap_libc(), &kept);
    kern_beside_release(&beside);
    graph_end(&g[0]);
    graph_end(&g[1]);
    world_end(&w);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "beside", 60);
    tcase_add_test(t, told_and_kept);
    tcase_add_test(t, lies_are_deadly);
    tcase_add_test(t, deaths_are_counted_on);
    tcase_add_test(t, deaths_are_bounded);
    tcase_add_test(t, records_are_canonical);
    tcase_add_test(t, kept_as_differences);
    tcase_add_test(t, no_flip_is_another_graph);
    tcase_add_test(t, one_file);
}

TEST_MAIN("beside", suite)
