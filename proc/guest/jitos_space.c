/* proc/guest/jitos_space.c - what a program has for itself: a space over its memory, a graph of its
 * own in it, changes of that and of branches, native rules. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "base/le.h"
#include "proc/guest/jitos_priv.h"

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

enum jit_err jitos_space_open(struct jitos *jitos, bool own, uint32_t history)
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

void jitos_space_begin(struct jitos *jitos)
{
    jitos->shown = jitos->tick;
    jitos->space_err = guest_space_begin(jitos->space, jitos->tick);
}

struct sws *jitos_space_now(struct jitos *jitos, enum jit_err *err)
{
    if (jitos->tick == 0) {
        *err = JIT_EINVALID;
        return NULL;
    }
    *err = jitos->space == NULL ? jitos_space_open(jitos, false, 0) : JIT_OK;
    if (*err == JIT_OK && jitos->shown != jitos->tick) {
        jitos_space_begin(jitos);
    }
    *err = *err == JIT_OK ? jitos->space_err : *err;
    return *err == JIT_OK ? guest_space_sws(jitos->space) : NULL;
}

/* What was committed is what it goes on from. Where that cannot be noted, or not be told, it is
 * better not done: the process would forget what others were told it had. */
void jitos_space_done(struct jitos *jitos)
{
    enum jit_err err = guest_space_done(jitos->space);
    if (err != JIT_OK) {
        _exit(guest_loop_exit(err, true));
    }
}

/* ---- a graph of its own ---- */

enum jit_err jitos_own(struct jitos *jitos, uint32_t history)
{
    assert(jitos != NULL);
    if (jitos->space != NULL || jitos->tick != 0 || history > SWS_HISTORY_MAX) {
        return JIT_EINVALID;
    }
    return jitos_space_open(jitos, true, history);
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
    struct sws *sws = jitos_branch_at_rest(jitos, NULL, &none, &err);
    return sws == NULL ? err : sws_undo(sws, steps);
}

/* ---- changes ---- */

void jitos_give_up_change(struct jitos *jitos, enum jit_err why)
{
    if (jitos->change_err == JIT_OK) {
        sws_change_abort(guest_space_sws(jitos->space));
        jitos->change_err = why;
    }
}

void jitos_change(struct jitos *jitos, struct jitos_branch *branch)
{
    assert(jitos != NULL);
    enum jit_err err = JIT_OK;
    struct sws_branch *found = NULL;
    struct sws *sws = jitos_branch_now(jitos, branch, &found, &err);
    if (jitos->change_err == JIT_OK) {
        jitos_give_up_change(jitos, JIT_EBUSY);
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
    jitos_give_up_change(jitos, JIT_EINVALID);
    jitos->change_err = JIT_EINVALID;
}

enum jit_err jitos_new_id(struct jitos *jitos, const struct jitos_branch *branch,
                          struct jit_id *out)
{
    assert(jitos != NULL);
    assert(out != NULL);
    enum jit_err err = JIT_OK;
    struct sws_branch *found = NULL;
    struct sws *sws = jitos_branch_now(jitos, branch, &found, &err);
    return sws == NULL ? err : sws_new_id(sws, found, out);
}

/* ---- native rules ---- */

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
