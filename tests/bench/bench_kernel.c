/* Between kernel and worker. futex: a bare ping-pong of two processes that sleep on words they
 * share; roundtrip: a real worker without rules is told begin(t) and answers done(t), as the
 * supervisor waits for it; roundtrip_asleep: likewise, both having gone to sleep first. The three
 * are taken in turns on the same two processors. roundtrip_tick: one rewrite a tick in /world of n
 * nodes, through kernel/core, a worker that searches it anew each tick, and no disk. */
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/hash.h"
#include "kernel/core/core.h"
#include "rmg/lang/lang.h"
#include "syscall/view.h"
#include "tests/bench/bench_bed.h"
#include "tests/bench/bench_host.h"
#include "tests/lib/must.h"
#include "tools/client/run/genesis.h"

#define ROUNDS    200u
#define HOT       20u /* trips in a row */
#define TICKS     2000u
#define TICKS_HOT 64u /* not counted */

#define VIEW_BYTES_MAX ((uint64_t)1 << 30)

/* ---- futex ---- */

struct pingpong {
    uint32_t ping; /* UINT32_MAX: end */
    uint32_t pad[15];
    uint32_t pong;
};

static void wait_while(uint32_t *word, uint32_t value)
{
    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == value) {
        syscall(SYS_futex, word, FUTEX_WAIT, value, NULL, NULL, 0);
    }
}

static void put(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
    syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static pid_t pingpong_start(struct pingpong *words)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    assert(pid >= 0);
    if (pid > 0) {
        return pid;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (uint32_t seen = 0; getppid() == parent; seen++) {
        wait_while(&words->ping, seen);
        if (__atomic_load_n(&words->ping, __ATOMIC_ACQUIRE) == UINT32_MAX) {
            _exit(0);
        }
        put(&words->pong, seen + 1);
    }
    _exit(1);
}

static double pingpong_once(struct pingpong *words)
{
    uint64_t begin = bench_wall_ns();
    uint32_t next = words->ping + 1;
    put(&words->ping, next);
    wait_while(&words->pong, next - 1);
    return (double)(bench_wall_ns() - begin);
}

static void pingpong_end(struct pingpong *words, pid_t pid)
{
    int status = -1;
    put(&words->ping, UINT32_MAX);
    pid_t got = waitpid(pid, &status, 0);
    assert(got == pid);
    assert(status == 0);
    munmap(words, sizeof *words);
}

/* ---- a worker without rules ---- */

struct idler {
    struct bench_worker worker;
    struct sys_ring_host ring;
    uint64_t tick;
};

static void idler_start(struct bench_host *host, struct idler *idler)
{
    struct sys_boot_spec spec = {.process = bench_id("node:", 1), .count = 1, .start_tick = 1};
    *idler = (struct idler){.tick = 1};
    bench_worker_start(host, &idler->worker, &spec);
    struct sys_ring_memory memory = bench_worker_ring(&idler->worker);
    sys_ring_host_init(&idler->ring, &memory);
}

/* begin(t) to done(t): what a system call without effect costs. */
static double idler_once(struct bench_host *host, struct idler *idler, uint64_t spin_ns)
{
    static const uint64_t counts[SYS_RING_COUNTS];
    uint64_t begin = bench_wall_ns();
    sys_ring_host_begin(&idler->ring, idler->tick++, counts);
    if (sys_ring_host_ring(&idler->ring)) {
        bench_worker_wake(&idler->worker);
    }
    int done = 0;
    while (done == 0) {
        bench_worker_await(host, &idler->worker, spin_ns);
        done = sys_ring_host_done(&idler->ring);
    }
    uint64_t end = bench_wall_ns();
    struct sys_slot slot;
    int taken = sys_ring_host_take(&idler->ring, &slot);
    assert(done == 1);
    assert(taken == 0);
    return (double)(end - begin);
}

static void bench_roundtrip(const struct bench *bench)
{
    static double futex[ROUNDS * HOT], hot[ROUNDS * HOT], asleep[ROUNDS];
    struct bench_host host;
    struct bench_cores cores;
    struct idler idler;
    if ((!bench_wants(bench, "futex", 1) && !bench_wants(bench, "roundtrip_asleep", 1)) ||
        !bench_host_begin(&host, SYS_VIEW_EXTENT_BYTES, "roundtrip")) {
        return;
    }
    struct pingpong *words =
        mmap(NULL, sizeof *words, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert(words != MAP_FAILED);
    struct sys_view_host view;
    sys_view_host_init(&view, host.view.base, host.view.size_max);
    sys_view_host_publish(&view, 0, host.view.size, NULL, 0);
    bench_cores_take(&cores);
    pid_t other = pingpong_start(words);
    bench_cores_move(&cores, other);
    idler_start(&host, &idler);
    bench_cores_move(&cores, idler.worker.worker.child.pid);
    (void)idler_once(&host, &idler, BENCH_SPIN_NS); /* it has started */
    size_t n = 0;
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < HOT; i++) {
            futex[n + i] = pingpong_once(words);
        }
        bench_worker_await_sleep(&idler.worker);
        asleep[round] = idler_once(&host, &idler, 0);
        for (size_t i = 0; i < HOT; i++) {
            hot[n + i] = idler_once(&host, &idler, BENCH_SPIN_NS);
        }
        n += HOT;
    }
    bench_worker_end(&host, &idler.worker);
    pingpong_end(words, other);
    bench_cores_give_back(&cores);
    bench_host_end(&host);
    bench_report(bench, "futex", 1, futex, n);
    bench_report(bench, "roundtrip", 1, hot, n);
    bench_report(bench, "roundtrip_asleep", 1, asleep, ROUNDS);
}

/* ---- a tick through the core ---- */

static const char system_text[] = "system bench\n"
                                  "type P { v: bytes }\n"
                                  "type Q { k: i64 = 0 }\n"
                                  "edge D\n"
                                  "rule step\n"
                                  "  match (a:Q)\n"
                                  "  set a.k = a.k + 1\n"
                                  "process w run step apply all over shard(/world)\n"
                                  "grant w: map /world; invoke step on /world\n";

struct kernel_bed {
    struct bench_host host;
    struct rmg_arena *private_arena;
    struct rmg_arena view_arena;
    struct kern_private_places places;
    struct rmg_store *store;
    struct kern_core *core;
    struct bench_worker worker;
    struct jit_id counter; /* the one node of type Q */
    uint64_t ticks;        /* committed */
    uint64_t logged;
};

/* The tree of bench_bed.h in /world, and one node of another type, which the rule finds. */
static void put_world(struct kernel_bed *bed, struct rmg_collect *collect, uint64_t n)
{
    static const uint8_t atom[16];
    struct rmg_datum zero = {.codec = RMG_CODEC_I64};
    struct rmg_attachment value = {
        .name = "v",
        .name_size = 1,
        .value = {RMG_VALUE_ATOM, *rmg_codec_type(RMG_CODEC_BYTES), atom, 16}};
    struct jit_id world, root_node, p, q, d;
    kern_place_id("/world", &world, &root_node);
    jit_hash_named("type:", "P", 1, &p);
    jit_hash_named("type:", "Q", 1, &q);
    jit_hash_named("type:", "D", 1, &d);
    for (uint64_t i = 0; i < n; i++) {
        struct jit_id id = bench_id("node:", i);
        must(rmg_collect_node(collect, &world, &id, &p));
        must(rmg_collect_attachment(collect, &world, RMG_PLANE_ALPHA, &id, &value));
        if (i > 0) {
            struct rmg_edge edge = {.id = bench_id("edge:", i),
                                    .from = bench_id("node:", (i - 1) / 2),
                                    .to = id,
                                    .type = d};
            must(rmg_collect_edge(collect, &world, &edge));
        }
    }
    bed->counter = bench_id("node:", n);
    must(rmg_collect_node(collect, &world, &bed->counter, &q));
    must(rmg_collect_datum(collect, &world, RMG_PLANE_ALPHA, &bed->counter, "k", &zero));
}

static struct rmg_version first_version(struct kernel_bed *bed, uint64_t n)
{
    struct jit_heap *heap = jit_heap_libc();
    struct lang_system *system = NULL;
    struct rmg_collect *collect = NULL;
    struct rmg_tx *tx = NULL;
    struct rmg_version version = rmg_version_empty();
    struct jit_buf messages;
    struct jit_id at;
    char what[256];
    jit_buf_init(&messages, heap, 1u << 20);
    must(lang_parse(heap, "bench", (const uint8_t *)system_text, strlen(system_text), &system,
                    &messages));
    must(rmg_collect_new(heap, bed->store, &collect));
    must(genesis_collect(system, 1, 0, collect, what, sizeof what));
    put_world(bed, collect, n);
    must(rmg_tx_begin(bed->store, &version, &tx));
    must(rmg_collect_load(collect, tx, &at));
    must(rmg_tx_seal(tx, &version));
    rmg_collect_free(collect);
    lang_system_free(heap, system);
    jit_buf_release(&messages);
    return version;
}

static enum jit_err grow_view(struct rmg_arena *arena, uint64_t size_min)
{
    struct host_memory *memory = arena->owner;
    enum jit_err err = host_memory_extend(memory, size_min);
    arena->size = memory->size;
    return err;
}

static void kernel_bed_begin(struct kernel_bed *bed, uint64_t n)
{
    struct jit_heap *heap = jit_heap_libc();
    const char *where = NULL;
    kern_private_places_init(&bed->places);
    must(rmg_arena_new(heap, 64u << 20, &bed->private_arena));
    rmg_arena_init(&bed->view_arena, bed->host.view.base, bed->host.view.size,
                   bed->host.view.size_max, SYS_VIEW_HEADER_BYTES);
    bed->view_arena.grow = grow_view;
    bed->view_arena.owner = &bed->host.view;
    struct rmg_store_options store = {.arenas = {bed->private_arena, &bed->view_arena},
                                      .arena_count = 2,
                                      .arena_of = kern_arena_of,
                                      .user = &bed->places};
    must(rmg_store_new(heap, &store, &bed->store));
    struct kern_core_options options = {.heap = heap,
                                        .exec = jit_exec_inline(),
                                        .store = bed->store,
                                        .view = &bed->view_arena,
                                        .version = first_version(bed, n),
                                        .commit = bench_id("commit:", 0)};
    must(kern_core_new(&options, &bed->core, &where));
}

static void kernel_bed_end(struct kernel_bed *bed)
{
    kern_core_free(bed->core);
    rmg_store_free(bed->store);
    rmg_arena_free(jit_heap_libc(), bed->private_arena);
    bench_host_end(&bed->host);
}

static void step(struct kernel_bed *bed, const struct kern_event *event);

static void spawn(struct kernel_bed *bed)
{
    struct sys_boot_spec spec;
    must(kern_core_boot(bed->core, 0, &spec));
    bench_worker_start(&bed->host, &bed->worker, &spec);
    struct kern_event spawned = {.kind = KERN_EVENT_SPAWNED,
                                 .ring = bench_worker_ring(&bed->worker),
                                 .graph = bed->worker.worker.graph.base,
                                 .graph_size = bed->worker.worker.graph.size};
    step(bed, &spawned);
}

/* One event; what the core asks for is done as the supervisor does it, but the log takes no time.
 */
static void step(struct kernel_bed *bed, const struct kern_event *event)
{
    struct kern_update update;
    bool spawning = false;
    bool failed = false; /* the worker does not what it should */
    kern_core_step(bed->core, event, &update);
    for (size_t i = 0; i < update.count; i++) {
        const struct kern_action *action = &update.actions[i];
        switch (action->kind) {
        case KERN_DO_SPAWN:
            spawning = true; /* after the step: it is an event of its own */
            break;
        case KERN_DO_WAKE:
            bench_worker_wake(&bed->worker);
            break;
        case KERN_DO_LOG:
            bed->logged = action->tick;
            break;
        case KERN_DO_TICK:
            assert(action->report.counts[RMG_APPLIED] == 1);
            bed->ticks++;
            break;
        case KERN_DO_WATCH:
        case KERN_DO_REST:
            break;
        case KERN_DO_GROW: /* it was given all it needs */
        case KERN_DO_KILL:
        case KERN_DO_STOP:
            failed = true;
            break;
        }
    }
    assert(!failed);
    assert(!update.again);
    if (spawning) {
        spawn(bed);
    }
}

/* One tick: from the worker being told to begin it until the worker is told to begin the next. */
static double tick_once(struct kernel_bed *bed)
{
    const struct kern_event bell = {.kind = KERN_EVENT_BELL};
    uint64_t begin = bench_wall_ns();
    uint64_t before = bed->ticks;
    while (bed->ticks == before) {
        bench_worker_await(&bed->host, &bed->worker, BENCH_SPIN_NS);
        step(bed, &bell);
    }
    struct kern_event logged = {.kind = KERN_EVENT_LOGGED, .tick = bed->logged};
    step(bed, &logged);
    return (double)(bench_wall_ns() - begin);
}

static void bench_roundtrip_tick(const struct bench *bench, uint64_t n)
{
    static double samples[TICKS];
    struct kernel_bed bed = {.core = NULL};
    struct bench_cores cores;
    if (!bench_wants(bench, "roundtrip_tick", n) ||
        !bench_host_begin(&bed.host, VIEW_BYTES_MAX, "roundtrip_tick")) {
        return;
    }
    kernel_bed_begin(&bed, n);
    bench_cores_take(&cores);
    struct kern_event run = {.kind = KERN_EVENT_RUN, .tick = TICKS_HOT + TICKS};
    step(&bed, &run);
    bench_cores_move(&cores, bed.worker.worker.child.pid);
    for (size_t i = 0; i < TICKS_HOT; i++) {
        (void)tick_once(&bed);
    }
    for (size_t i = 0; i < TICKS; i++) {
        samples[i] = tick_once(&bed);
    }
    assert(kern_core_tick(bed.core) == TICKS_HOT + TICKS);
    bench_cores_give_back(&cores);
    bench_worker_end(&bed.host, &bed.worker);
    kernel_bed_end(&bed);
    bench_report(bench, "roundtrip_tick", n, samples, TICKS);
}

void bench_kernel(const struct bench *bench)
{
    bench_roundtrip(bench);
    bench_roundtrip_tick(bench, 1000);
    bench_roundtrip_tick(bench, 100000);
}
