#include "proc/guest/jitos.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "base/le.h"
#include "base/limits.h"
#include "proc/guest/loop.h"
#include "proc/guest/space.h"
#include "proc/guest/wait.h"

struct jitos {
    struct sys_boot_view boot;
    struct sys_ring_guest ring;
    struct guest_loop *loop;
    struct sys_view_guest view;
    struct guest_space *space; /* made for the first branch */
    enum jit_err space_err;    /* what it could not be brought to this tick for */
    uint64_t shown;            /* the tick that it was brought to */
    uint8_t *graph;
    uint8_t *layer;
    uint64_t layer_bytes;
    struct sys_receipt *early; /* receipts that came while memory was waited for */
    size_t early_count;
    size_t early_capacity;
    uint64_t tick;           /* begun; 0: none */
    uint32_t natives;        /* jitos_native() that changed something in it */
    enum jit_err change_err; /* JIT_OK: a change is open; else why there is none */
};

static uint8_t *map_fd(int fd, uint64_t size, int prot)
{
    void *map = mmap(NULL, (size_t)size, prot, MAP_SHARED, fd, 0);
    return map == MAP_FAILED ? NULL : map;
}

/* Its size is asked of its own first page: the sandbox lets nobody ask for a descriptor's. */
static enum jit_err map_boot(struct sys_boot_view *boot)
{
    uint64_t size = 0;
    uint8_t *first = map_fd(SYS_FD_PROGRAM, SYS_PAGE, PROT_READ);
    if (first == NULL) {
        return JIT_EIO;
    }
    enum jit_err err = sys_boot_size(first, SYS_PAGE, &size);
    (void)munmap(first, SYS_PAGE);
    if (err != JIT_OK) {
        return err;
    }
    uint8_t *all = map_fd(SYS_FD_PROGRAM, (size + SYS_PAGE - 1) / SYS_PAGE * SYS_PAGE, PROT_READ);
    return all == NULL ? JIT_EIO : sys_boot_decode(all, (size_t)size, boot);
}

static void keep_receipt(void *user, const struct sys_receipt *receipt)
{
    struct jitos *jitos = user;
    void *data = jitos->early;
    if (jit_heap_grow(jit_heap_libc(), &data, &jitos->early_capacity, jitos->early_count + 1,
                      sizeof *jitos->early) == 0) {
        jitos->early = data;
        jitos->early[jitos->early_count++] = *receipt;
    }
}

/* The last part of the view's range, which the kernel does not reach before all of it is full,
 * becomes memory of our own: nothing else can lie there once it was let go. */
static enum jit_err map_layer(struct jitos *jitos, uint8_t *view)
{
    const uint64_t bytes = jitos->boot.head.view_bytes;
    const uint64_t layer =
        bytes / 4 < GUEST_LAYER_BYTES ? bytes / 4 / SYS_PAGE * SYS_PAGE : GUEST_LAYER_BYTES;
    uint8_t *at = view + (bytes - layer);
    if (layer == 0 || munmap(at, (size_t)layer) != 0) {
        return JIT_ENOMEM;
    }
    void *map = mmap(at, (size_t)layer, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map != at) {
        return JIT_ENOMEM;
    }
    jitos->layer = at;
    jitos->layer_bytes = layer;
    return JIT_OK;
}

static enum jit_err open_loop(struct jitos *jitos)
{
    const struct sys_boot *head = &jitos->boot.head;
    uint8_t *ring = map_fd(SYS_FD_RING, SYS_RING_BYTES, PROT_READ | PROT_WRITE);
    uint8_t *graph = map_fd(SYS_FD_GRAPH, head->graph_bytes_max, PROT_READ | PROT_WRITE);
    uint8_t *view = map_fd(SYS_FD_VIEW, head->view_bytes, PROT_READ);
    if (ring == NULL || graph == NULL || view == NULL) {
        return JIT_EIO;
    }
    jitos->ring = (struct sys_ring_guest){.memory = {.base = ring, .size = SYS_RING_BYTES},
                                          .wait = guest_wait,
                                          .wake = guest_wake,
                                          .spin = GUEST_SPIN};
    jitos->view = (struct sys_view_guest){.base = view, .size_max = head->view_bytes};
    const struct guest_loop_options options = {
        .heap = jit_heap_libc(),
        .boot = &jitos->boot,
        .ring = &jitos->ring,
        .view = jitos->view,
        .graph = graph,
        .graph_size = head->graph_bytes,
        .receipt = keep_receipt,
        .user = jitos,
    };
    jitos->graph = graph;
    return guest_loop_new(&options, &jitos->loop);
}

enum jit_err jitos_attach(struct jitos **out)
{
    assert(out != NULL);
    *out = NULL;
    struct jitos *jitos = jit_heap_zalloc(jit_heap_libc(), 1, sizeof *jitos);
    if (jitos == NULL) {
        return JIT_ENOMEM;
    }
    jitos->change_err = JIT_EINVALID;
    enum jit_err err = map_boot(&jitos->boot);
    if (err == JIT_OK) {
        err = open_loop(jitos);
    }
    if (err != JIT_OK) { /* what is mapped stays so: the process is about to end */
        jit_heap_libc()->free(jit_heap_libc(), jitos);
        return err;
    }
    *out = jitos;
    return JIT_OK;
}

struct jitos_info jitos_info(const struct jitos *jitos)
{
    assert(jitos != NULL);
    const struct sys_boot *head = &jitos->boot.head;
    return (struct jitos_info){.process = head->process,
                               .index = head->index,
                               .count = head->count,
                               .seed = head->seed,
                               .start_tick = head->start_tick,
                               .run_count = head->run_count};
}

/* ---- a space of its own, for those that ask for one ---- */

static enum jit_err open_space(struct jitos *jitos, bool own, uint32_t history)
{
    enum jit_err err = JIT_OK;
    if (jitos->layer == NULL) {
        err = map_layer(jitos, (uint8_t *)(uintptr_t)jitos->view.base);
    }
    const struct guest_space_options options = {.heap = jit_heap_libc(),
                                                .boot = &jitos->boot,
                                                .loop = jitos->loop,
                                                .view = jitos->view,
                                                .layer = jitos->layer,
                                                .layer_bytes = jitos->layer_bytes,
                                                .graph = own ? jitos->graph : NULL,
                                                .history = history};
    return err == JIT_OK ? guest_space_new(&options, &jitos->space) : err;
}

static void space_begin(struct jitos *jitos)
{
    jitos->shown = jitos->tick;
    jitos->space_err = guest_space_begin(jitos->space, jitos->tick);
}

/* The space at this tick; NULL: *err says why there is none. */
static struct sws *space_now(struct jitos *jitos, enum jit_err *err)
{
    if (jitos->tick == 0) {
        *err = JIT_EINVALID;
        return NULL;
    }
    *err = jitos->space == NULL ? open_space(jitos, false, 0) : JIT_OK;
    if (*err == JIT_OK && jitos->shown != jitos->tick) {
        space_begin(jitos);
    }
    *err = *err == JIT_OK ? jitos->space_err : *err;
    return *err == JIT_OK ? guest_space_sws(jitos->space) : NULL;
}

/* What was committed is what it goes on from. Where that cannot be noted, or not be told, it is
 * better not done: the process would forget what others were told it had. */
static void space_done(struct jitos *jitos)
{
    enum jit_err err = guest_space_done(jitos->space);
    if (err != JIT_OK) {
        _exit(guest_loop_exit(err, true));
    }
}

uint64_t jitos_begin(struct jitos *jitos)
{
    assert(jitos != NULL);
    assert(jitos->tick == 0);
    jitos->tick = guest_loop_begin(jitos->loop);
    jitos->natives = 0;
    if (jitos->space != NULL) {
        space_begin(jitos);
    }
    return jitos->tick;
}

void jitos_done(struct jitos *jitos)
{
    assert(jitos != NULL);
    assert(jitos->tick != 0);
    jitos_change_abort(jitos); /* it was not ended: nothing of it */
    if (jitos->space != NULL) {
        space_done(jitos);
    }
    jitos->tick = 0;
    guest_loop_done(jitos->loop);
}

void jitos_view(const struct jitos *jitos, uint64_t *version, uint64_t *durable)
{
    assert(jitos != NULL);
    assert(version != NULL);
    assert(durable != NULL);
    assert(jitos->tick != 0);
    *version = jitos->tick - 1;
    *durable = sys_view_guest_durable(&jitos->view);
}

enum jit_err jitos_graph(const struct jitos *jitos, uint32_t run, struct rmg_graph *out)
{
    assert(jitos != NULL);
    assert(out != NULL);
    return jitos->tick != 0 && run < jitos->boot.head.run_count
               ? guest_loop_graph(jitos->loop, run, out)
               : JIT_EINVALID;
}

enum jit_err jitos_match(struct jitos *jitos, uint32_t run,
                         bool (*visit)(void *user, const struct jit_id *ids, uint32_t id_count),
                         void *user)
{
    assert(jitos != NULL);
    assert(visit != NULL);
    return jitos->tick != 0 && run < jitos->boot.head.run_count
               ? guest_loop_match(jitos->loop, run, visit, user)
               : JIT_EINVALID;
}

enum jit_err jitos_request(struct jitos *jitos, const struct jitos_request *request)
{
    assert(jitos != NULL);
    assert(request != NULL);
    assert(request->ids != NULL || request->id_count == 0);
    if (jitos->tick == 0 || request->run >= jitos->boot.head.run_count ||
        request->id_count > JIT_PATTERN_ELEMENTS_MAX) {
        return JIT_EINVALID;
    }
    const struct guest_request asked = {.run = request->run,
                                        .ids = request->ids,
                                        .id_count = request->id_count,
                                        .nonce = request->nonce,
                                        .cookie = request->cookie,
                                        .receipt = request->receipt};
    return guest_loop_request(jitos->loop, &asked);
}

bool jitos_receipt(struct jitos *jitos, struct jitos_receipt *out)
{
    assert(jitos != NULL);
    assert(out != NULL);
    struct sys_receipt receipt;
    struct sys_collapsed collapsed;
    if (jitos->early_count > 0) {
        receipt = jitos->early[0];
        memmove(jitos->early, jitos->early + 1, --jitos->early_count * sizeof receipt);
    } else if (!sys_ring_guest_receipt(&jitos->ring, &receipt)) {
        return false;
    }
    memcpy(&collapsed, &receipt.request_key, sizeof collapsed);
    *out = (struct jitos_receipt){.cookie = receipt.cookie,
                                  .tick = receipt.tick,
                                  .result = receipt.result,
                                  .blocker = receipt.blocker,
                                  .reads = collapsed.reads,
                                  .first_read = collapsed.first_read,
                                  .operations = collapsed.operations,
                                  .first_operation = collapsed.first_operation};
    return true;
}

uint64_t jitos_count(const struct jitos *jitos, uint16_t result)
{
    assert(jitos != NULL);
    const struct sys_ring_kernel *words =
        (const struct sys_ring_kernel *)(const void *)(jitos->ring.memory.base +
                                                       SYS_RING_KERNEL_OFFSET);
    return result < SYS_RING_COUNTS ? __atomic_load_n(&words->counts[result], __ATOMIC_RELAXED) : 0;
}

/* ---- branches ---- */

/* What a program holds is a branch's name: one that is gone is found out, and is no other one. */
static struct jitos_branch *name_of(const struct sws_branch *branch)
{
    return (struct jitos_branch *)(uintptr_t)sws_branch_name(branch);
}

/* The space at this tick, and the branch in it; NULL is the trunk. Errors: those of the space;
 * JIT_EINVALID (it is gone). */
static struct sws *branch_now(struct jitos *jitos, const struct jitos_branch *branch,
                              struct sws_branch **out, enum jit_err *err)
{
    struct sws *sws = space_now(jitos, err);
    *out = sws == NULL || branch == NULL ? NULL : sws_branch_find(sws, (uintptr_t)branch);
    if (sws != NULL && branch != NULL && *out == NULL) {
        *err = JIT_EINVALID;
        return NULL;
    }
    return sws;
}

/* The same, for what cannot be done while a change is open. Errors: JIT_EBUSY as well. */
static struct sws *branch_at_rest(struct jitos *jitos, const struct jitos_branch *branch,
                                  struct sws_branch **out, enum jit_err *err)
{
    struct sws *sws = branch_now(jitos, branch, out, err);
    if (sws != NULL && jitos->change_err == JIT_OK) {
        *err = JIT_EBUSY;
        return NULL;
    }
    return sws;
}

enum jit_err jitos_own(struct jitos *jitos, uint32_t history)
{
    assert(jitos != NULL);
    if (jitos->space != NULL || jitos->tick != 0 || history > SWS_HISTORY_MAX) {
        return JIT_EINVALID;
    }
    return open_space(jitos, true, history);
}

static struct jitos_amount amount_of(const struct rmg_amount *amount)
{
    return (struct jitos_amount){amount->nodes, amount->edges, amount->bytes};
}

bool jitos_own_use(const struct jitos *jitos, struct jitos_amount *use, struct jitos_amount *most)
{
    assert(jitos != NULL);
    assert(use != NULL);
    assert(most != NULL);
    static const struct rmg_amount any = RMG_AMOUNT_ANY;
    const struct sws_home *home = jitos->space == NULL ? NULL : guest_space_home(jitos->space);
    const bool bounded = home != NULL && home->bounded;
    *use = bounded ? amount_of(&home->use) : (struct jitos_amount){.nodes = 0};
    *most = amount_of(bounded ? &home->most : &any);
    return bounded;
}

void jitos_own_place(struct jit_id *instance, struct jit_id *root_node)
{
    assert(instance != NULL);
    assert(root_node != NULL);
    guest_space_own(instance, root_node);
}

struct jit_id jitos_place(const struct jitos *jitos, uint32_t run)
{
    assert(jitos != NULL);
    return run < jitos->boot.head.run_count ? guest_loop_run_info(jitos->loop, run).instance
                                            : (struct jit_id){{0}};
}

enum jit_err jitos_fork(struct jitos *jitos, struct jitos_branch *from, struct jitos_branch **out)
{
    assert(jitos != NULL);
    assert(out != NULL);
    enum jit_err err = JIT_OK;
    struct sws_branch *parent = NULL;
    struct sws_branch *branch = NULL;
    struct sws *sws = branch_at_rest(jitos, from, &parent, &err);
    *out = NULL;
    err = sws == NULL ? err : sws_fork(sws, parent, &branch);
    *out = branch != NULL ? name_of(branch) : NULL;
    return err;
}

/* An open change ends here, with nothing of it done; whoever goes on with it is told this. */
static void give_up_change(struct jitos *jitos, enum jit_err why)
{
    if (jitos->change_err == JIT_OK) {
        sws_change_abort(guest_space_sws(jitos->space));
        jitos->change_err = why;
    }
}

void jitos_drop(struct jitos *jitos, struct jitos_branch *branch)
{
    assert(jitos != NULL);
    struct sws *sws = jitos->space == NULL ? NULL : guest_space_sws(jitos->space);
    struct sws_branch *found = sws == NULL ? NULL : sws_branch_find(sws, (uintptr_t)branch);
    if (found != NULL) {
        give_up_change(jitos, JIT_EBUSY);
        sws_drop(sws, found);
    }
}

enum jit_err jitos_look(const struct jitos *jitos, const struct jitos_branch *branch,
                        const struct jit_id *instance, struct rmg_graph *out)
{
    assert(jitos != NULL);
    assert(instance != NULL);
    assert(out != NULL);
    enum jit_err err = JIT_OK;
    /* The space is made when it is first needed: nothing that can be seen changes. */
    struct sws_branch *found = NULL;
    struct sws *sws = branch_now((struct jitos *)(uintptr_t)jitos, branch, &found, &err);
    return sws == NULL ? err : sws_graph(sws, found, instance, out);
}

enum jit_err jitos_branch_match(
    struct jitos *jitos, const struct jitos_branch *branch, uint32_t run, uint32_t round,
    bool (*visit)(void *user, const struct jit_id *ids, uint32_t id_count), void *user)
{
    assert(jitos != NULL);
    assert(visit != NULL);
    enum jit_err err = JIT_OK;
    struct sws_branch *found = NULL;
    if (run >= jitos->boot.head.run_count) {
        return JIT_EINVALID;
    }
    return branch_now(jitos, branch, &found, &err) == NULL
               ? err
               : guest_space_match(jitos->space, found, run, round, visit, user);
}

enum jit_err jitos_apply(struct jitos *jitos, struct jitos_branch *branch, uint32_t run,
                         const struct jit_id *ids, uint32_t id_count, uint32_t round,
                         uint16_t *result)
{
    assert(jitos != NULL);
    assert(result != NULL);
    assert(ids != NULL || id_count == 0);
    enum jit_err err = JIT_OK;
    enum rmg_result applied = RMG_INVALID;
    struct sws_branch *found = NULL;
    *result = (uint16_t)applied;
    if (run >= jitos->boot.head.run_count || id_count > JIT_PATTERN_ELEMENTS_MAX) {
        return JIT_EINVALID;
    }
    if (branch_at_rest(jitos, branch, &found, &err) == NULL) {
        return err;
    }
    err = guest_space_apply(jitos->space, found, run, ids, id_count, round, &applied);
    *result = (uint16_t)applied;
    return err;
}

void jitos_change(struct jitos *jitos, struct jitos_branch *branch)
{
    assert(jitos != NULL);
    enum jit_err err = JIT_OK;
    struct sws_branch *found = NULL;
    struct sws *sws = branch_now(jitos, branch, &found, &err);
    if (jitos->change_err == JIT_OK) {
        give_up_change(jitos, JIT_EBUSY);
        return;
    }
    jitos->change_err = err;
    if (sws != NULL) {
        sws_change_begin(sws, found);
    }
}

enum jit_err jitos_change_op(struct jitos *jitos, const struct rmg_op *op)
{
    assert(jitos != NULL);
    assert(op != NULL);
    return jitos->change_err == JIT_OK ? sws_change_op(guest_space_sws(jitos->space), op)
                                       : jitos->change_err;
}

enum jit_err jitos_change_reads(struct jitos *jitos, const struct rmg_slot *slot)
{
    assert(jitos != NULL);
    assert(slot != NULL);
    return jitos->change_err == JIT_OK ? sws_change_reads(guest_space_sws(jitos->space), slot)
                                       : jitos->change_err;
}

enum jit_err jitos_change_end(struct jitos *jitos)
{
    assert(jitos != NULL);
    const enum jit_err err = jitos->change_err == JIT_OK
                                 ? sws_change_end(guest_space_sws(jitos->space))
                                 : jitos->change_err;
    jitos->change_err = JIT_EINVALID;
    return err;
}

void jitos_change_abort(struct jitos *jitos)
{
    assert(jitos != NULL);
    give_up_change(jitos, JIT_EINVALID);
    jitos->change_err = JIT_EINVALID;
}

enum jit_err jitos_new_id(struct jitos *jitos, const struct jitos_branch *branch,
                          struct jit_id *out)
{
    assert(jitos != NULL);
    assert(out != NULL);
    enum jit_err err = JIT_OK;
    struct sws_branch *found = NULL;
    struct sws *sws = branch_now(jitos, branch, &found, &err);
    return sws == NULL ? err : sws_new_id(sws, found, out);
}

enum jit_err jitos_collapse(struct jitos *jitos, struct jitos_branch *branch, bool receipt,
                            uint64_t cookie, struct jitos_collapsed *out)
{
    assert(jitos != NULL);
    assert(out != NULL);
    const struct guest_space_collapse how = {.cookie = cookie, .receipt = receipt};
    struct sws_collapse collapse;
    enum jit_err err = JIT_OK;
    *out = (struct jitos_collapsed){.local = 0};
    struct sws_branch *found = NULL;
    if (branch == NULL) {
        return JIT_EINVALID;
    }
    if (branch_at_rest(jitos, branch, &found, &err) == NULL) {
        return err;
    }
    err = guest_space_collapse(jitos->space, found, &how, &collapse);
    out->local = collapse.local_operations;
    out->shared = collapse.shared_operations;
    if (err == JIT_ECONFLICT) {
        out->conflicts = collapse.conflict.conflict_count;
        rmg_merge_result_release(&collapse.conflict);
    }
    return err;
}

uint32_t jitos_choose(struct jitos *jitos, struct jitos_branch *const *branches,
                      const double *scores, uint32_t count)
{
    assert(jitos != NULL);
    assert(branches != NULL || count == 0);
    assert(scores != NULL || count == 0);
    const uint32_t best = count == 0 ? 0 : sws_choose(scores, count);
    for (uint32_t i = 0; i < count; i++) {
        if (i != best) {
            jitos_drop(jitos, branches[i]);
        }
    }
    return best;
}

enum jit_err jitos_merge(struct jitos *jitos, struct jitos_branch *const *branches, uint32_t count,
                         uint32_t *merged)
{
    assert(jitos != NULL);
    assert(merged != NULL);
    assert(branches != NULL || count == 0);
    enum jit_err err = JIT_OK;
    struct jitos_collapsed collapsed;
    *merged = 0;
    while (err == JIT_OK && *merged < count) {
        err = jitos_collapse(jitos, branches[*merged], false, 0, &collapsed);
        *merged += err == JIT_OK;
    }
    return err;
}

/* What the runs of a tick make has other ids than what its other runs make. */
static void native_base(const struct jitos *jitos, struct rmg_work_base *out)
{
    uint8_t label[JIT_ID_BYTES + 4];
    memcpy(label, jitos->boot.head.process.bytes, JIT_ID_BYTES);
    jit_put_le32(label + JIT_ID_BYTES, jitos->natives);
    *out = (struct rmg_work_base){.seed = jitos->boot.head.seed, .tick = jitos->tick};
    jit_hash_named("native:", label, sizeof label, &out->key);
    guest_space_own(&out->instance, &out->root_node);
}

enum jit_err jitos_native(struct jitos *jitos, const struct rmg_native_rule *rule, uint64_t at_most,
                          struct rmg_native_report *report)
{
    assert(jitos != NULL);
    assert(rule != NULL);
    assert(report != NULL);
    assert(rule->matcher != NULL);
    assert(rule->footprint != NULL);
    assert(rule->executor != NULL);
    struct rmg_work_base base;
    struct rmg_graph graph;
    struct rmg_work *work = NULL;
    memset(report, 0, sizeof *report);
    native_base(jitos, &base);
    base.graph = &graph;
    enum jit_err err =
        jitos->change_err == JIT_OK ? JIT_EBUSY : jitos_look(jitos, NULL, &base.instance, &graph);
    if (err == JIT_OK) {
        err = rmg_work_new(jit_heap_libc(), &base, &work);
    }
    if (err == JIT_OK) {
        err = rmg_native_run(jit_heap_libc(), work, rule, at_most, report);
    }
    if (err == JIT_OK && report->rewrites > 0) {
        struct sws *sws = guest_space_sws(jitos->space);
        sws_change_begin(sws, NULL);
        err = sws_change_work(sws, work);
        if (err == JIT_OK) {
            err = sws_change_end(sws);
            jitos->natives++;
        } else {
            sws_change_abort(sws);
        }
    }
    rmg_work_free(work);
    return err;
}

uint32_t jitos_history(const struct jitos *jitos)
{
    assert(jitos != NULL);
    return jitos->space == NULL ? 0 : sws_history(guest_space_sws(jitos->space));
}

enum jit_err jitos_undo(struct jitos *jitos, uint32_t steps)
{
    assert(jitos != NULL);
    enum jit_err err = JIT_OK;
    struct sws_branch *none = NULL;
    struct sws *sws = branch_at_rest(jitos, NULL, &none, &err);
    return sws == NULL ? err : sws_undo(sws, steps);
}
