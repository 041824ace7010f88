#include "tests/sim/universe.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "kernel/system.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/cell_rules.h"
#include "tests/lib/sim_disk.h"
#include "tests/lib/sim_kernel.h"

#define CELLS       24u
#define LIVES_MAX   12u
#define STEPS       400000u
#define LIVE_BYTES  ((int64_t)256 << 20) /* of a supervisor's heap, whatever its workers write */
#define STALL_STEPS 160u
#define WATCH_STEPS 20000u
#define HEAP_FAULTS 1500u /* allocations of a life among which one is refused */

/* The faults a universe may have; each seed draws a subset, so that each is also met alone. */
enum fault {
    FAULT_WORKER = 1,
    FAULT_STALL = 2,
    FAULT_HANG = 4,
    FAULT_POWER = 8,
    FAULT_DEATH = 16,
    FAULT_DISK = 32,
    FAULT_FULL = 64,
    FAULT_MEMORY = 128,
    FAULT_HOSTILE = 256
};
#define FAULTS 511u

struct tick_made {
    struct jit_id root;
    struct jit_id commit;
    bool made;
};

struct universe {
    uint64_t seed;
    uint64_t ticks;
    unsigned faults;
    bool lie;
    bool same; /* as a run in which nothing went wrong */
    struct jit_random random;
    struct universe_count *count;
    char text[2048];
    uint64_t segment_bytes;
    enum log_durability durability;

    struct tick_made expected[UNIVERSE_TICKS_MAX];
    uint64_t applied;                          /* ticks of the expected that changed the state */
    struct tick_made made[UNIVERSE_TICKS_MAX]; /* as submitted last */
    uint64_t acked;                            /* ticks below it */
    uint64_t submitted;

    /* A life. */
    struct fault_heap mem;
    struct sim_disk *disk;
    struct shell_system system;
    struct sim_kernel sim;
    uint64_t cut_after; /* changes of the disk until the power goes; UINT64_MAX: never */
    struct sim_disk *crashed;
    uint64_t crashed_acked; /* what had been acknowledged when it went */
    uint64_t stalled_since;
    uint64_t step;
    uint64_t watched; /* tick that was last seen committed, and since when */
    uint64_t watched_since;
    struct jit_id root; /* that the tick before led to */
    uint64_t denied;    /* before this life */

    bool failed;
    char *what;
    unsigned what_size;
};

__attribute__((format(printf, 2, 3))) static void fail(struct universe *u, const char *format, ...)
{
    va_list args;
    if (u->failed) {
        return;
    }
    u->failed = true;
    va_start(args, format);
    (void)vsnprintf(u->what, u->what_size, format, args);
    va_end(args);
}

static uint64_t below(struct universe *u, uint64_t bound)
{
    return jit_random_below(&u->random, bound);
}

static bool one_in(struct universe *u, uint64_t n)
{
    return below(u, n) == 0;
}

/* ---- what it is ---- */

static void write_text(struct universe *u, uint64_t workers)
{
    snprintf(u->text, sizeof u->text,
             "system universe\n" CELL_TYPES CELL_INFECT CELL_HEAL "rule lapse(r: f64)\n"
             "  match (a:Cell)-[d:DONE]->(b:Cell)\n"
             "  where a.state = 2 and chance(r)\n"
             "  set a.state = 0\n"
             "  delete d\n"
             "rule spy\n"
             "  match (a:Cell)\n"
             "  where a.state = 1\n"
             "  set a.state = 7\n"
             "process w[%llu] run infect(p = 0.7), heal(q = 0.3), lapse(r = 0.5)\n"
             "  apply all over shard(/world)\n"
             "  restart on failure at most 1000 in 1 ticks on hang kill\n"
             "process thief run spy apply all over shard(/world)\n"
             "  restart on failure at most 1000 in 1 ticks on hang kill\n"
             "grant w: map /world; invoke infect, heal, lapse on /world\n"
             "grant thief: map /world\n",
             (unsigned long long)workers);
}

static struct sim_kernel_options options_of(struct universe *u)
{
    return (struct sim_kernel_options){.text = u->text,
                                       .cells = CELLS,
                                       .system_seed = u->seed,
                                       .schedule = jit_random_next(&u->random)};
}

/* ---- the run in which nothing goes wrong ---- */

static enum jit_err note_expected(void *user, const struct kern_log_record *record)
{
    struct universe *u = user;
    u->expected[record->tick] = (struct tick_made){record->state_root, record->commit, true};
    u->applied += !jit_id_equal(&record->state_root, &u->expected[record->tick - 1].root);
    return JIT_OK;
}

static void open_system(struct universe *u, enum shell_system_from from, enum jit_err *err)
{
    static const uint8_t uuid[LOG_UUID_BYTES] = "a simulated log";
    struct shell_system_options options = {.path = "universe",
                                           .io = &u->disk->io,
                                           .uuid = uuid,
                                           .mode = SHELL_FOLDER_OWN,
                                           .durability = u->durability,
                                           .segment_bytes = u->segment_bytes,
                                           .die_at_log_offset = UINT64_MAX,
                                           .from = from};
    *err = shell_system_open(&u->system, &u->mem.heap, &options);
}

static enum jit_err found(struct universe *u)
{
    struct sim_kernel_options options = options_of(u);
    struct jit_buf patch;
    struct jit_id blob;
    jit_buf_init(&patch, jit_heap_libc(), 1u << 24);
    sim_kernel_genesis(jit_heap_libc(), &options, &patch);
    assert(patch.err == JIT_OK);
    enum jit_err err = blob_put(&u->mem.heap, u->system.io, patch.data, patch.size, &blob);
    if (err == JIT_OK) {
        err = shell_system_genesis(&u->system, &blob, patch.size);
    }
    jit_buf_release(&patch);
    return err;
}

static struct kern_core_options state_of(struct universe *u)
{
    const struct kern_replay *replay = &u->system.replay;
    return (struct kern_core_options){.store = u->system.store,
                                      .view = &u->system.view_arena,
                                      .version = replay->version,
                                      .commit = replay->commit,
                                      .tick = replay->tick,
                                      .deviations = &replay->deviations,
                                      .beside = &u->system.replay.beside};
}

static void expect(struct universe *u)
{
    enum jit_err err;
    u->mem = fault_heap_make(-1, false);
    u->disk = sim_disk_new(u->seed);
    open_system(u, SHELL_FROM_NEWEST, &err);
    if (err == JIT_OK) {
        err = found(u);
    }
    struct sim_kernel_options options = options_of(u);
    options.log_append = note_expected;
    options.log_user = u;
    struct kern_core_options state = state_of(u);
    if (err == JIT_OK) {
        u->expected[0] =
            (struct tick_made){u->system.replay.version.state_root, u->system.replay.commit, true};
        err = sim_kernel_continue(&u->sim, &u->mem.heap, &options, &state);
    }
    assert(err == JIT_OK);
    if (!sim_kernel_run(&u->sim, u->ticks, u->ticks * STEPS)) {
        fail(u, "the run in which nothing goes wrong does not come to its end: %s",
             u->sim.stop_text);
    }
    if (u->applied == 0 || u->sim.denial[0] == '\0') {
        fail(u, "its workers change nothing, or the one without a capability asks for nothing");
    }
    sim_kernel_release(&u->sim);
    shell_system_close(&u->system);
    sim_disk_free(u->disk);
}

/* ---- what may go wrong ---- */

struct chosen_plan {
    uint64_t left;
    uint64_t seen;
    struct sim_crash plan;
};

static void choose(void *user, const struct sim_crash *plan)
{
    struct chosen_plan *chosen = user;
    if (chosen->left == chosen->seen++) {
        chosen->plan = *plan;
    }
}

/* The power goes before the next change of the disk: what is left of it is one of all that may be.
 * The life goes on for the moment, and nothing it does counts any more. */
static void cut(struct sim_disk *disk, void *user)
{
    struct universe *u = user;
    if (u->cut_after-- != 0 || u->crashed != NULL) {
        return;
    }
    struct jit_random again = u->random;
    struct chosen_plan chosen = {.left = UINT64_MAX};
    sim_disk_plans(disk, &again, 2, choose, &chosen);
    again = u->random;
    chosen = (struct chosen_plan){.left = below(u, chosen.seen)};
    sim_disk_plans(disk, &again, 2, choose, &chosen);
    u->crashed = sim_disk_crash(disk, &chosen.plan);
    u->crashed_acked = u->acked;
    u->count->power++;
}

static void rewrite(void *user, struct sys_ring_memory *ring)
{
    struct universe *u = user;
    if (!one_in(u, 8)) {
        return;
    }
    uint64_t at = one_in(u, 4) ? SYS_RING_WORKER_OFFSET + below(u, 32) : below(u, ring->size);
    ring->base[at] ^= (uint8_t)(1u << below(u, 8));
    u->count->writes++;
}

static void hung(struct universe *u, uint32_t process)
{
    struct kern_process_status status;
    kern_core_process(u->sim.core, process, &status);
    if (status.state == KERN_PROCESS_RUNNING) {
        struct kern_event event = {.kind = KERN_EVENT_HUNG, .process = process};
        u->count->hangs++;
        sim_kernel_step(&u->sim, &event);
    }
}

/* The watchdog: a tick that takes so long is waited for no more. Only a hostile worker may keep
 * others waiting; else a bell was lost. */
static void bark(struct universe *u)
{
    if ((u->faults & FAULT_HOSTILE) == 0) {
        fail(u, "tick %llu: nobody works and the tick does not end: a bell was lost",
             (unsigned long long)u->watched + 1);
        u->sim.stopped = true;
        return;
    }
    for (uint32_t i = 0; i < u->sim.process_count && !u->sim.stopped; i++) {
        hung(u, i);
    }
}

/* A worker that does not run on for a while; it may be found to hang. */
static void stall(struct sim_kernel *sim)
{
    struct universe *u = sim->options.user;
    u->step++;
    if (u->crashed != NULL) {
        sim->stopped = true;
        snprintf(sim->stop_text, sizeof sim->stop_text, "the power is gone");
        return;
    }
    if (kern_core_tick(sim->core) != u->watched) {
        u->watched = kern_core_tick(sim->core);
        u->watched_since = u->step;
    } else if (u->step - u->watched_since > WATCH_STEPS && !sim->resting) {
        u->watched_since = u->step;
        bark(u);
    }
    if ((u->faults & FAULT_STALL) == 0) {
        return;
    }
    if (sim->frozen == 0 && one_in(u, STALL_STEPS)) {
        sim->frozen = 1ull << below(u, sim->process_count);
        u->stalled_since = u->step;
        u->count->stalls++;
    } else if (sim->frozen != 0 && u->step - u->stalled_since > STALL_STEPS / 4) {
        uint32_t process = (uint32_t)__builtin_ctzll(sim->frozen);
        sim->frozen = 0;
        if ((u->faults & FAULT_HANG) != 0) {
            hung(u, process);
        }
    }
}

static void arm(struct universe *u)
{
    struct sim_disk *disk = u->disk;
    u->cut_after = UINT64_MAX;
    disk->hook = cut;
    disk->hook_user = u;
    u->mem = fault_heap_make(-1, false);
    switch (below(u, 3)) { /* one of them a life, or none */
    case 0:
        if ((u->faults & FAULT_POWER) != 0) {
            u->cut_after = below(u, one_in(u, 3) ? 8 : 60);
        }
        break;
    case 1:
        if ((u->faults & (FAULT_DISK | FAULT_FULL)) != 0) {
            bool full = (u->faults & FAULT_DISK) == 0 || (u->faults & FAULT_FULL && one_in(u, 2));
            disk->fault_at = disk->calls + below(u, one_in(u, 3) ? 20 : 200);
            disk->fault_err = full ? JIT_ENOSPC : JIT_EIO;
            disk->fault_sticky = one_in(u, 2);
        }
        break;
    default:
        if ((u->faults & FAULT_MEMORY) != 0) {
            bool sticky = one_in(u, 2); /* a draw after the other, by whichever compiler */
            u->mem = fault_heap_make((int64_t)below(u, HEAP_FAULTS), sticky);
        }
        break;
    }
}

/* ---- the log, as the shell uses it, and what is looked at ---- */

/* Requests of the process without a capability that changed something. */
static uint64_t thief_applied(const struct universe *u)
{
    struct kern_process_status status = {.config = NULL};
    bool thief = false;
    for (uint32_t i = 0; !thief && i < u->sim.process_count; i++) {
        kern_core_process(u->sim.core, i, &status);
        thief = strcmp(status.config->name, "thief") == 0;
    }
    assert(thief);
    return status.applied;
}

static void look_at(struct universe *u, const struct kern_log_record *record)
{
    struct rmg_version version = kern_core_version(u->sim.core);
    struct rmg_fault fault;
    char what[128];
    int64_t refuse_at = u->mem.refuse_at;
    u->count->ticks++;
    if (thief_applied(u) != 0) {
        fail(u, "tick %llu: a request without a capability was applied",
             (unsigned long long)record->tick);
    }
    if (u->mem.live_bytes > LIVE_BYTES) {
        fail(u, "tick %llu: the supervisor's heap has %lld bytes", (unsigned long long)record->tick,
             (long long)u->mem.live_bytes);
    }
    if (!laws_hold(record, &u->root, &u->count->laws, what, sizeof what)) {
        fail(u, "tick %llu: %s", (unsigned long long)record->tick, what);
    }
    u->root = record->state_root;
    u->mem.refuse_at = -1; /* what the test itself needs */
    if (jit_id_equal(&version.state_root, &record->state_root) &&
        rmg_store_verify(u->system.store, &version, &fault) != JIT_OK) {
        fail(u, "tick %llu: the state does not verify", (unsigned long long)record->tick);
    }
    u->mem.refuse_at = refuse_at;
}

static bool same_tick(const struct tick_made *a, const struct tick_made *b)
{
    return a->made && b->made && jit_id_equal(&a->root, &b->root) &&
           jit_id_equal(&a->commit, &b->commit);
}

static enum jit_err append(void *user, const struct kern_log_record *made)
{
    struct universe *u = user;
    struct log_record record = {.tick = made->tick,
                                .commit = made->commit,
                                .state_root = made->state_root,
                                .payload = made->payload,
                                .payload_size = made->payload_size};
    struct tick_made now = {made->state_root, made->commit, true};
    look_at(u, made);
    if (u->same && !same_tick(&now, &u->expected[made->tick])) {
        fail(u, "tick %llu: another state or commit than in a run in which nothing goes wrong",
             (unsigned long long)made->tick);
    }
    if (u->crashed == NULL) {
        u->made[made->tick] = now;
        u->submitted = made->tick + 1;
    }
    enum jit_err err = log_append(u->system.log, &record);
    if (err == JIT_OK && (u->durability == LOG_DURABILITY_TICK || one_in(u, 3))) {
        err = log_flush(u->system.log);
    }
    return err;
}

static enum jit_err reap(void *user, uint64_t *durable_end)
{
    struct universe *u = user;
    bool wait = one_in(u, 2);
    enum jit_err err = JIT_OK;
    if (wait) {
        err = log_flush(u->system.log);
    }
    if (err == JIT_OK) {
        err = log_reap(u->system.log, wait, durable_end);
    }
    if (err == JIT_OK && u->crashed == NULL && *durable_end > u->acked) {
        u->acked = *durable_end;
    }
    return err;
}

/* ---- a life ---- */

/* What was recovered is compared with what was submitted. */
static void judge_recovery(struct universe *u)
{
    const struct kern_replay *replay = &u->system.replay;
    uint64_t recovered = replay->records == 0 && u->system.from == NULL ? 0 : replay->tick + 1;
    u->count->torn += u->system.report.torn;
    u->count->restarts_from_checkpoints += u->system.from != NULL;
    if (recovered < u->acked || recovered > u->submitted) {
        fail(u, "%llu ticks recovered; %llu were acknowledged, %llu submitted",
             (unsigned long long)recovered, (unsigned long long)u->acked,
             (unsigned long long)u->submitted);
        return;
    }
    struct tick_made now = {replay->version.state_root, replay->commit, true};
    if (recovered > 0 && !same_tick(&now, &u->made[recovered - 1])) {
        fail(u, "tick %llu is recovered with another state than it was submitted with",
             (unsigned long long)replay->tick);
    }
    u->submitted = recovered;
    if (u->crashed == NULL) {
        u->acked = recovered; /* handed out */
    }
}

static void take_checkpoint(struct universe *u)
{
    uint8_t seed[JIT_SIGN_SEED_BYTES];
    struct shell_system *system = &u->system;
    struct shell_system_now now = {.tick = kern_core_tick(u->sim.core),
                                   .commit = kern_core_commit(u->sim.core),
                                   .deviations = kern_core_deviations(u->sim.core)};
    struct ckpt_beside beside;
    if (ckpt_beside_of(system->heap, &system->replay.beside, &beside) != JIT_OK) {
        return;
    }
    struct ckpt_job job = {
        .heap = system->heap,
        .io = system->io,
        .seed = seed,
        .beside = &beside,
        .state = {.store = system->store, .version = kern_core_version(u->sim.core)},
        .base = {.store = system->store, .version = system->from_version},
        .base_manifest = system->from,
    };
    log_next_mark(system->log, &now.mark);
    shell_system_manifest(system, &now, "", "", &job.manifest);
    enum jit_err err = ckpt_key(system->io, true, seed);
    if (err == JIT_OK) {
        err = ckpt_write(&job);
    }
    ckpt_beside_release(system->heap, &beside);
    u->count->checkpoints += err == JIT_OK;
}

static void live(struct universe *u, bool faults)
{
    struct sim_kernel_options options = options_of(u);
    struct kern_core_options state = state_of(u);
    options.log_append = append;
    options.log_reap = reap;
    options.log_user = u;
    options.user = u;
    options.each_step = stall;
    if (faults && (u->faults & FAULT_WORKER) != 0) {
        options.kill_one_in = 20 + (uint32_t)below(u, 400);
    }
    if (faults && (u->faults & FAULT_HOSTILE) != 0) {
        options.before_load = rewrite;
    }
    if (sim_kernel_continue(&u->sim, &u->mem.heap, &options, &state) != JIT_OK) {
        return;
    }
    u->root = state.version.state_root;
    u->denied = u->count->laws.denied;
    uint64_t last = faults && (u->faults & FAULT_DEATH) != 0 && one_in(u, 2)
                        ? kern_core_tick(u->sim.core) + below(u, u->ticks / 2 + 1)
                        : u->ticks;
    last = last < u->ticks ? last : u->ticks;
    for (bool good = true; good && !u->failed && kern_core_tick(u->sim.core) < last;) {
        uint64_t to = kern_core_tick(u->sim.core) + 1 + below(u, 6);
        good = sim_kernel_run(&u->sim, to < last ? to : last, STEPS) && !u->sim.stopped;
        if (good && one_in(u, 3)) {
            take_checkpoint(u);
        }
        if (!good && !u->sim.stopped) {
            fail(u, "tick %llu: it neither rests nor stops",
                 (unsigned long long)kern_core_tick(u->sim.core));
        }
    }
    /* The record is written before it is reported; who was stopped in between has said nothing. */
    if (!u->sim.stopped && u->count->laws.denied != u->denied && u->sim.denial[0] == '\0') {
        fail(u, "what was denied is not explained");
    }
    if (!faults && u->sim.stopped) {
        fail(u, "stopped where nothing went wrong: %s", u->sim.stop_text);
    }
    u->count->workers += u->sim.kills;
    sim_kernel_release(&u->sim);
}

/* The next life's disk: what the cut left, or what a death leaves. */
static void end_life(struct universe *u)
{
    struct sim_crash death = {.kind = SIM_PROCESS};
    struct sim_disk *next = u->crashed;
    if (next == NULL) {
        next = sim_disk_crash(u->disk, &death);
        u->count->deaths++;
    } else {
        u->acked = u->crashed_acked;
    }
    u->crashed = NULL;
    u->count->disk += u->disk->fault_fired;
    u->count->memory += fault_heap_fired(&u->mem);
    sim_disk_free(u->disk);
    u->disk = next;
    if (u->mem.live != 0) {
        fail(u, "a life left %lld blocks", (long long)u->mem.live);
    }
}

static void one_life(struct universe *u, bool faults)
{
    enum jit_err err;
    u->count->lives++;
    u->step = 0;
    u->watched_since = 0;
    u->disk->lie_sync = u->lie;
    if (faults) {
        arm(u);
    } else {
        u->mem = fault_heap_make(-1, false);
        u->cut_after = UINT64_MAX;
    }
    open_system(u, SHELL_FROM_NEWEST, &err);
    if (err == JIT_OK) {
        judge_recovery(u);
        if (!u->failed && !shell_system_ready(&u->system) && u->system.from == NULL) {
            u->made[0] = u->expected[0];
            u->submitted = u->crashed == NULL ? 1 : u->submitted;
            err = found(u);
            if (err == JIT_OK && u->crashed == NULL) {
                u->acked = 1;
            }
        }
        if (err == JIT_OK && !u->failed && u->crashed == NULL) {
            live(u, faults);
        }
        shell_system_close(&u->system);
    } else if (u->crashed == NULL && !u->disk->fault_fired && !fault_heap_fired(&u->mem)) {
        fail(u, "it does not open: %s", u->system.message);
    }
    end_life(u);
}

/* The whole history once more, from its genesis. */
static void judge_end(struct universe *u)
{
    enum jit_err err;
    u->mem = fault_heap_make(-1, false);
    open_system(u, SHELL_FROM_START, &err);
    if (err != JIT_OK) {
        fail(u, "the history does not verify: %s", u->system.message);
        return;
    }
    judge_recovery(u);
    if (!u->failed && u->system.replay.tick != u->ticks) {
        fail(u, "the history ends with tick %llu", (unsigned long long)u->system.replay.tick);
    }
    shell_system_close(&u->system);
}

bool universe_run(const struct universe_options *options, struct universe_count *count, char *what,
                  unsigned what_size)
{
    struct universe *u = calloc(1, sizeof *u);
    assert(u != NULL && options->ticks > 0 && options->ticks < UNIVERSE_TICKS_MAX);
    u->seed = options->seed;
    u->ticks = options->ticks;
    u->lie = options->lie;
    u->random = jit_random_of(u->seed);
    u->count = count;
    u->what = what;
    u->what_size = what_size;
    /* Half of the universes have few kinds of faults, the others most of them. */
    u->faults = (unsigned)below(u, FAULTS + 1);
    if (one_in(u, 2)) {
        u->faults &= (unsigned)below(u, FAULTS + 1);
    }
    u->same = (u->faults & (FAULT_HANG | FAULT_HOSTILE)) == 0;
    u->segment_bytes = 16384ull << below(u, 3);
    u->durability = one_in(u, 2) ? LOG_DURABILITY_TICK : LOG_DURABILITY_GROUP;
    write_text(u, 1 + below(u, 4));
    count->universes++;
    expect(u);
    u->disk = sim_disk_new(u->seed);
    uint64_t lives = 1 + below(u, LIVES_MAX);
    for (uint64_t i = 0; i < lives && !u->failed; i++) {
        one_life(u, true);
    }
    if (!u->failed) {
        one_life(u, false);
    }
    if (!u->failed) {
        judge_end(u);
    }
    sim_disk_free(u->disk);
    bool good = !u->failed;
    free(u);
    return good;
}

void universe_print(const struct universe_count *count)
{
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"universes", count->universes},
        {"lives", count->lives},
        {"ticks", count->ticks},
        {"workers killed", count->workers},
        {"stalls", count->stalls},
        {"hangs", count->hangs},
        {"power cuts", count->power},
        {"torn batches", count->torn},
        {"other ends", count->deaths},
        {"disk faults", count->disk},
        {"memory faults", count->memory},
        {"hostile writes", count->writes},
        {"checkpoints", count->checkpoints},
        {"begun at one", count->restarts_from_checkpoints},
        {"denied", count->laws.denied},
        {"lost to another", count->laws.conflicts},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        printf("%s%s %llu", i == 0 ? "" : ", ", rows[i].name, (unsigned long long)rows[i].value);
    }
    printf(": all held\n");
}
