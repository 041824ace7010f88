#include "tests/lib/sim_kernel.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/hash.h"
#include "kernel/core/rerun.h"
#include "rmg/lang/lang.h"
#include "tools/client/run/genesis.h"

#define ARENA_BYTES ((uint64_t)4 << 20)

struct sim_hostile {
    struct sim_kernel *sim;
    struct sys_ring_memory ring;
};

/* ---- the first state ---- */

static void put_i64(struct rmg_collect *collect, const struct jit_id *world,
                    const struct jit_id *owner, const char *name, int64_t value)
{
    struct rmg_datum datum = {.codec = RMG_CODEC_I64, .as.i64 = value};
    enum jit_err err = rmg_collect_datum(collect, world, RMG_PLANE_ALPHA, owner, name, &datum);
    assert(err == JIT_OK);
}

/* A chain of cells; the first one has state 1. */
static void put_cells(struct rmg_collect *collect, const char *path, uint32_t count)
{
    struct jit_id world;
    struct jit_id root_node;
    struct jit_id cell;
    struct jit_id next;
    struct jit_id before = {{0}};
    kern_place_id(path != NULL ? path : "/world", &world, &root_node);
    jit_hash_named("type:", "Cell", 4, &cell);
    jit_hash_named("type:", "NEXT", 4, &next);
    for (uint32_t i = 0; i < count; i++) {
        char label[16];
        struct jit_id id;
        struct jit_id edge;
        int size = snprintf(label, sizeof label, "c%u", i);
        jit_hash_named("node:", label, (size_t)size, &id);
        enum jit_err err = rmg_collect_node(collect, &world, &id, &cell);
        assert(err == JIT_OK);
        put_i64(collect, &world, &id, "state", i == 0);
        put_i64(collect, &world, &id, "hits", 0);
        if (i > 0) {
            err = rmg_collect_edge_numbered(collect, &world, &id, &before, &next, &edge);
            assert(err == JIT_OK);
        }
        before = id;
    }
}

static struct rmg_collect *compile(struct rmg_store *store,
                                   const struct sim_kernel_options *options)
{
    struct jit_heap *heap = jit_heap_libc();
    struct lang_system *system = NULL;
    struct rmg_collect *collect = NULL;
    struct jit_buf messages;
    char what[256];
    jit_buf_init(&messages, heap, 1u << 20);
    enum jit_err err = lang_parse(heap, "test", (const uint8_t *)options->text,
                                  strlen(options->text), &system, &messages);
    if (err != JIT_OK) {
        fprintf(stderr, "%.*s\n", (int)messages.size, (const char *)messages.data);
    }
    assert(err == JIT_OK);
    err = rmg_collect_new(heap, store, &collect);
    assert(err == JIT_OK);
    err = genesis_collect(system, options->system_seed, 0, collect, what, sizeof what);
    assert(err == JIT_OK);
    put_cells(collect, options->path, options->cells);
    lang_system_free(heap, system);
    jit_buf_release(&messages);
    return collect;
}

static struct rmg_version load(struct rmg_store *store, const struct sim_kernel_options *options)
{
    struct rmg_collect *collect = compile(store, options);
    struct rmg_version empty = rmg_version_empty();
    struct rmg_version made;
    struct rmg_tx *tx = NULL;
    struct jit_id at;
    enum jit_err err = rmg_tx_begin(store, &empty, &tx);
    assert(err == JIT_OK);
    err = rmg_collect_load(collect, tx, &at);
    assert(err == JIT_OK);
    err = rmg_tx_seal(tx, &made);
    assert(err == JIT_OK);
    rmg_collect_free(collect);
    return made;
}

static uint64_t arena_bytes(const struct sim_kernel *sim)
{
    return sim->options.arena_bytes != 0 ? sim->options.arena_bytes : ARENA_BYTES;
}

static void make_store(struct sim_kernel *sim)
{
    kern_private_places_init(&sim->places);
    enum jit_err err = rmg_arena_new(sim->heap, arena_bytes(sim), &sim->private_arena);
    assert(err == JIT_OK);
    sim->view_base = aligned_alloc(4096, arena_bytes(sim));
    assert(sim->view_base != NULL);
    memset(sim->view_base, 0, SYS_VIEW_HEADER_BYTES);
    sim->view_bytes = arena_bytes(sim);
    rmg_arena_init(&sim->view_arena, sim->view_base, arena_bytes(sim), arena_bytes(sim),
                   SYS_VIEW_HEADER_BYTES);
    struct rmg_store_options options = {
        .arenas = {sim->private_arena, &sim->view_arena},
        .arena_count = 2,
        .arena_of = kern_arena_of,
        .user = &sim->places,
    };
    err = rmg_store_new(sim->heap, &options, &sim->store);
    assert(err == JIT_OK);
}

static void free_store(struct sim_kernel *sim)
{
    rmg_store_free(sim->store);
    rmg_arena_free(sim->heap, sim->private_arena);
    free(sim->view_base);
}

static enum jit_err append_piece(void *user, const uint8_t *bytes, size_t size)
{
    struct jit_buf *patch = user;
    jit_buf_put(patch, bytes, size);
    return patch->err;
}

static enum jit_err make_core(struct sim_kernel *sim, const struct kern_core_options *state)
{
    struct kern_core_options core = *state;
    const char *where = NULL;
    core.heap = sim->heap;
    kern_beside_init(&sim->beside, sim->heap);
    core.beside = core.beside != NULL ? core.beside : &sim->beside;
    core.exec = sim->options.exec != NULL ? sim->options.exec : jit_exec_inline();
    enum jit_err err = kern_core_new(&core, &sim->core, &where);
    if (err != JIT_OK) {
        kern_beside_release(&sim->beside);
        return err;
    }
    sim->process_count = kern_core_config(sim->core)->process_count;
    sim->workers = calloc(sim->process_count + 1u, sizeof *sim->workers);
    sim->hostile = calloc(sim->process_count + 1u, sizeof *sim->hostile);
    assert(sim->workers != NULL && sim->hostile != NULL);
    return JIT_OK;
}

void sim_kernel_init(struct sim_kernel *sim, struct jit_heap *heap,
                     const struct sim_kernel_options *options)
{
    *sim = (struct sim_kernel){
        .options = *options, .heap = heap, .random = jit_random_of(options->schedule)};
    make_store(sim);
    sim->genesis = load(sim->store, options);
    /* The commit of a genesis without a patch: any id will do, replay begins behind it. */
    jit_hash("genesis", 7, &sim->genesis_commit);
    struct kern_core_options state = {
        .store = sim->store,
        .view = &sim->view_arena,
        .version = sim->genesis,
        .commit = sim->genesis_commit,
    };
    enum jit_err err = make_core(sim, &state);
    assert(err == JIT_OK);
}

enum jit_err sim_kernel_continue(struct sim_kernel *sim, struct jit_heap *heap,
                                 const struct sim_kernel_options *options,
                                 const struct kern_core_options *state)
{
    *sim = (struct sim_kernel){.options = *options,
                               .heap = heap,
                               .random = jit_random_of(options->schedule),
                               .view_base = state->view->base,
                               .view_bytes = state->view->size_max,
                               .store = state->store,
                               .first_tick = state->tick + 1};
    return make_core(sim, state);
}

void sim_kernel_genesis(struct jit_heap *heap, const struct sim_kernel_options *options,
                        struct jit_buf *patch)
{
    struct sim_kernel scratch = {.heap = heap};
    struct jit_id at;
    make_store(&scratch);
    struct rmg_collect *collect = compile(scratch.store, options);
    enum jit_err err = rmg_collect_patch(collect, append_piece, patch, &at);
    assert(err == JIT_OK);
    rmg_collect_free(collect);
    free_store(&scratch);
}

void sim_kernel_release(struct sim_kernel *sim)
{
    for (uint32_t i = 0; i < sim->process_count; i++) {
        sim_worker_free(sim->workers[i]);
    }
    free(sim->workers);
    free(sim->hostile);
    for (size_t i = 0; i < sim->record_count; i++) {
        free(sim->records[i].payload);
    }
    free(sim->records);
    kern_core_free(sim->core);
    kern_beside_release(&sim->beside);
    if (sim->private_arena != NULL) {
        free_store(sim);
    }
}

/* ---- carrying out what the core asks ---- */

static void before_load(void *user)
{
    struct sim_hostile *hostile = user;
    hostile->sim->options.before_load(hostile->sim->options.user, &hostile->ring);
}

static void do_spawn(struct sim_kernel *sim, uint32_t index)
{
    struct sim_worker_options worker = {
        .view = sim->view_base, .random = &sim->random, .yield_one_in = 5};
    enum jit_err err = kern_core_boot(sim->core, index, &worker.boot);
    if (err != JIT_OK) {
        struct kern_event failed = {
            .kind = KERN_EVENT_FAILED, .err = err, .text = "a worker could not be started"};
        sim_kernel_step(sim, &failed);
        return;
    }
    worker.boot.view_bytes = sim->view_bytes;
    worker.boot.graph_bytes = sim->options.graph_bytes != 0 ? sim->options.graph_bytes : 1u << 20;
    worker.boot.graph_bytes_max =
        sim->options.graph_bytes_max != 0 ? sim->options.graph_bytes_max : worker.boot.graph_bytes;
    worker.boot.heap_bytes = 1u << 24;
    worker.exit_from = index == 0 ? sim->options.exit_from : 0;
    worker.exit_status = 3;
    sim->spawns++;
    sim->workers[index] = sim_worker_new(&worker);
    struct kern_event event = {.kind = KERN_EVENT_SPAWNED, .process = index};
    event.ring = sim_worker_ring(sim->workers[index]);
    event.graph = sim_worker_graph(sim->workers[index], &event.graph_size);
    event.graph_size_max = worker.boot.graph_bytes_max;
    if (sim->options.before_load != NULL) {
        sim->hostile[index] = (struct sim_hostile){.sim = sim, .ring = event.ring};
        event.ring.before_load = before_load;
        event.ring.user = &sim->hostile[index];
    }
    sim_kernel_step(sim, &event);
}

void sim_kernel_end_worker(struct sim_kernel *sim, uint32_t index, const char *how)
{
    sim_worker_free(sim->workers[index]);
    sim->workers[index] = NULL;
    struct kern_event event = {.kind = KERN_EVENT_EXITED, .process = index, .text = how};
    sim_kernel_step(sim, &event);
}

void sim_kernel_keep(struct sim_kernel *sim, const struct kern_log_record *record)
{
    sim->records = realloc(sim->records, (sim->record_count + 1) * sizeof *sim->records);
    assert(sim->records != NULL);
    struct sim_record *kept = &sim->records[sim->record_count++];
    *kept = (struct sim_record){.tick = record->tick,
                                .commit = record->commit,
                                .root = record->state_root,
                                .payload = malloc(record->payload_size + 1),
                                .payload_size = record->payload_size};
    assert(kept->payload != NULL);
    memcpy(kept->payload, record->payload, record->payload_size);
}

static void keep_denial(struct sim_kernel *sim, const struct kern_report *report)
{
    if (report->denial_count == 0) {
        return;
    }
    struct sys_cap_names names = {.process = "p",
                                  .rule = "r",
                                  .instance = "/world",
                                  .slot = report->denials[0].slot,
                                  .right = SYS_RIGHT_INVOKE};
    sys_cap_explain(report->denials[0].why, &names, sim->denial, sizeof sim->denial);
}

/* What cannot be done inside the step is noted and done after it. */
void sim_kernel_step(struct sim_kernel *sim, const struct kern_event *event)
{
    struct kern_update update;
    uint32_t spawns[64];
    uint32_t kills[64];
    uint32_t grows[64];
    size_t spawn_count = 0;
    size_t kill_count = 0;
    size_t grow_count = 0;
    kern_core_step(sim->core, event, &update);
    for (size_t i = 0; i < update.count; i++) {
        const struct kern_action *action = &update.actions[i];
        switch (action->kind) {
        case KERN_DO_SPAWN:
            spawns[spawn_count++] = action->process;
            break;
        case KERN_DO_KILL:
            kills[kill_count++] = action->process;
            break;
        case KERN_DO_WAKE:
            sim_worker_wake(sim->workers[action->process]);
            break;
        case KERN_DO_WATCH:
            break;
        case KERN_DO_GROW:
            grows[grow_count++] = action->process;
            break;
        case KERN_DO_LOG:
            if (sim->options.log_append != NULL && sim->log_err == JIT_OK) {
                sim->log_err = sim->options.log_append(sim->options.log_user, &action->record);
            }
            sim_kernel_keep(sim, &action->record);
            break;
        case KERN_DO_TICK:
            sim->last = action->report;
            keep_denial(sim, &action->report);
            break;
        case KERN_DO_REST:
            sim->resting = true;
            break;
        case KERN_DO_STOP:
            sim->stopped = true;
            sim->stop_code = action->code;
            snprintf(sim->stop_text, sizeof sim->stop_text, "%s", action->text);
            break;
        }
    }
    bool again = update.again;
    for (size_t i = 0; i < kill_count; i++) {
        if (sim->workers[kills[i]] != NULL) {
            sim_kernel_end_worker(sim, kills[i], "killed");
        }
    }
    for (size_t i = 0; i < grow_count; i++) {
        struct kern_event grew = {.kind = KERN_EVENT_GREW, .process = grows[i]};
        sim->grows++;
        sim_kernel_step(sim, &grew);
    }
    for (size_t i = 0; i < spawn_count; i++) {
        do_spawn(sim, spawns[i]);
    }
    if (again) {
        struct kern_event next = {.kind = KERN_EVENT_CONTINUE};
        sim_kernel_step(sim, &next);
    }
}

/* ---- the scheduler ---- */

static void log_failed(struct sim_kernel *sim)
{
    struct kern_event event = {.kind = KERN_EVENT_FAILED, .err = sim->log_err, .text = "the log"};
    sim_kernel_step(sim, &event);
}

static void some_log_write_ends(struct sim_kernel *sim)
{
    size_t before = sim->durable;
    uint64_t durable_end = 0;
    if (sim->durable == sim->record_count) {
        return;
    }
    if (sim->options.log_reap == NULL) {
        sim->durable += 1 + jit_random_below(&sim->random, sim->record_count - sim->durable);
    } else if (sim->log_err == JIT_OK) {
        sim->log_err = sim->options.log_reap(sim->options.log_user, &durable_end);
        if (sim->log_err == JIT_OK && durable_end > sim->first_tick) {
            sim->durable = (size_t)(durable_end - sim->first_tick);
        }
    }
    if (sim->log_err != JIT_OK) {
        log_failed(sim);
        return;
    }
    if (sim->durable == before) {
        return;
    }
    struct kern_event event = {.kind = KERN_EVENT_LOGGED,
                               .tick = sim->records[sim->durable - 1].tick};
    sim_kernel_step(sim, &event);
}

/* Let a worker run on, notice that it rang or ended, or let it die. */
static void some_worker(struct sim_kernel *sim)
{
    uint32_t index = (uint32_t)jit_random_below(&sim->random, sim->process_count);
    struct sim_worker *worker = sim->workers[index];
    int status = 0;
    if (worker == NULL) {
        return;
    }
    if (sim->options.kill_one_in > 0 &&
        jit_random_below(&sim->random, sim->options.kill_one_in) == 0) {
        sim->kills++;
        sim_kernel_end_worker(sim, index, "killed by the test");
        return;
    }
    if (sim_worker_runnable(worker) && (sim->frozen >> index & 1) == 0) {
        sim_worker_run(worker);
    }
    if (sim_worker_rang(worker)) {
        struct kern_event event = {.kind = KERN_EVENT_BELL, .process = index};
        sim_kernel_step(sim, &event);
    } else if (sim_worker_ended(worker, &status)) {
        sim_kernel_end_worker(sim, index, "ended");
    }
}

/* Whatever may come comes, until all is done and durable. */
static bool come_to_rest(struct sim_kernel *sim, uint64_t steps)
{
    for (uint64_t i = 0; i < steps && !sim->stopped; i++) {
        if (sim->resting && sim->durable == sim->record_count) {
            return true;
        }
        if (sim->options.each_step != NULL) {
            sim->options.each_step(sim);
        }
        if (sim->process_count == 0 || jit_random_below(&sim->random, 16) == 0) {
            some_log_write_ends(sim);
        } else {
            some_worker(sim);
        }
    }
    return sim->resting && sim->durable == sim->record_count;
}

bool sim_kernel_run(struct sim_kernel *sim, uint64_t to, uint64_t steps)
{
    struct kern_event run = {.kind = KERN_EVENT_RUN, .tick = to};
    sim->resting = false;
    sim_kernel_step(sim, &run);
    return come_to_rest(sim, steps);
}

bool sim_kernel_kill(struct sim_kernel *sim, uint32_t process, uint64_t steps)
{
    struct kern_event kill = {.kind = KERN_EVENT_KILL, .process = process};
    sim->resting = false;
    sim_kernel_step(sim, &kill);
    return come_to_rest(sim, steps);
}

void sim_kernel_restart(struct sim_kernel *sim)
{
    const char *where = NULL;
    struct kern_deviations deviations = *kern_core_deviations(sim->core);
    struct kern_core_options core = {
        .heap = sim->heap,
        .exec = sim->options.exec != NULL ? sim->options.exec : jit_exec_inline(),
        .store = sim->store,
        .view = &sim->view_arena,
        .version = kern_core_version(sim->core),
        .commit = kern_core_commit(sim->core),
        .tick = kern_core_tick(sim->core),
        .deviations = &deviations,
        .beside = &sim->beside,
    };
    for (uint32_t i = 0; i < sim->process_count; i++) {
        sim_worker_free(sim->workers[i]);
        sim->workers[i] = NULL;
    }
    kern_core_free(sim->core);
    enum jit_err err = kern_core_new(&core, &sim->core, &where);
    assert(err == JIT_OK);
    sim->resting = true;
}

struct jit_id sim_kernel_world(const struct sim_kernel *sim)
{
    struct jit_id world;
    struct jit_id root_node;
    struct jit_id root;
    struct rmg_version version = kern_core_version(sim->core);
    kern_place_id("/world", &world, &root_node);
    enum jit_err err = rmg_store_instance_root(sim->store, &version, &world, &root);
    assert(err == JIT_OK);
    return root;
}

static bool same_deviations(const struct kern_deviations *a, const struct kern_deviations *b)
{
    bool same = a->count == b->count;
    for (uint64_t i = 0; same && i < a->count && i < KERN_DEVIATIONS_MAX; i++) {
        same = a->first[i].tick == b->first[i].tick && a->first[i].kind == b->first[i].kind &&
               jit_id_equal(&a->first[i].process, &b->first[i].process);
    }
    return same;
}

/* The same by the rules: every request judged and carried out once more. */
static enum jit_err rerun_all(const struct sim_kernel *sim, const char **what)
{
    static char text[256];
    struct sim_kernel copy = {.heap = sim->heap, .options = sim->options};
    struct kern_rerun *rerun = NULL;
    make_store(&copy);
    struct kern_core_options options = {.heap = sim->heap,
                                        .exec = jit_exec_inline(),
                                        .store = copy.store,
                                        .view = &copy.view_arena,
                                        .version = load(copy.store, &sim->options),
                                        .commit = sim->genesis_commit};
    enum jit_err err = kern_rerun_new(&options, &rerun, what);
    for (size_t i = 0; err == JIT_OK && i < sim->record_count; i++) {
        const struct sim_record *r = &sim->records[i];
        err = kern_rerun_tick(rerun, r->tick, &r->commit, &r->root, r->payload, r->payload_size);
        if (err != JIT_OK) {
            snprintf(text, sizeof text, "made again, tick %llu: %.200s",
                     (unsigned long long)r->tick, kern_rerun_what(rerun));
            *what = text;
        }
    }
    kern_rerun_free(rerun);
    free_store(&copy);
    return err;
}

/* What the log tells of processes beside the state is what the core knows. */
static bool same_beside(const struct kern_beside *a, const struct kern_beside *b)
{
    bool same = a->death_count == b->death_count;
    for (uint32_t i = 0; same && i < a->death_count; i++) {
        same = a->deaths[i].tick == b->deaths[i].tick &&
               jit_id_equal(&a->deaths[i].process, &b->deaths[i].process);
    }
    for (uint32_t i = 0; same && i < a->own_count; i++) {
        const struct kern_own *other = kern_own_find(b, &a->owns[i]->process);
        same = jit_id_equal(&a->owns[i]->now.state_root,
                            other != NULL ? &other->now.state_root : &(struct jit_id){{0}});
    }
    return same;
}

enum jit_err sim_kernel_replay(const struct sim_kernel *sim, const char **what)
{
    struct sim_kernel copy = {.heap = sim->heap, .options = sim->options};
    struct kern_replay replay;
    make_store(&copy);
    kern_replay_init(&replay, sim->heap, copy.store);
    replay.version = load(copy.store, &sim->options);
    replay.commit = sim->genesis_commit;
    replay.records = 1;
    enum jit_err err = JIT_OK;
    for (size_t i = 0; err == JIT_OK && i < sim->record_count; i++) {
        const struct sim_record *r = &sim->records[i];
        err = kern_replay_tick(&replay, r->tick, &r->commit, &r->root, r->payload, r->payload_size);
    }
    *what = replay.what;
    if (err == JIT_OK && !same_deviations(&replay.deviations, kern_core_deviations(sim->core))) {
        *what = "the log tells other deviations than the run";
        err = JIT_EDIVERGED;
    }
    if (err == JIT_OK && !same_beside(&sim->beside, &replay.beside)) {
        *what = "the log tells something else of what processes have beside the state";
        err = JIT_EDIVERGED;
    }
    struct rmg_fault fault;
    if (err == JIT_OK) {
        err = rmg_store_verify(copy.store, &replay.version, &fault);
    }
    kern_replay_release(&replay);
    free_store(&copy);
    return err == JIT_OK ? rerun_all(sim, what) : err;
}
