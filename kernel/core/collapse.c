#include "base/check.h"
#include "kernel/core/core_priv.h"

/* Collapsed branches: taken from a ring, and may it be done? Every instance that one changes has to
 * be covered by a write right among the capabilities that it names, every one that it looked at by
 * a right to map or to read; invoke rights do not help (DESIGN 7.3). Types are judged by the
 * engine's gates. */

/* ---- taking it ---- */

enum jit_err kern_collapse_take(struct kern_core *core, struct kern_process *process,
                                const struct sys_slot *slot, const struct sys_collapse_view *view)
{
    if (process->collapse_count == JIT_COLLAPSES_MAX) {
        return JIT_ELIMIT;
    }
    struct kern_pending *pending = NULL;
    enum jit_err err = kern_collect_pending(core, process, &pending);
    if (err != JIT_OK) {
        return err;
    }
    struct kern_collapse *collapse = jit_heap_zalloc(core->heap, 1, sizeof *collapse);
    if (collapse == NULL) {
        return JIT_ENOMEM;
    }
    const size_t caps_at = (size_t)(view->caps - process->bytes.data);
    collapse->caps_at = caps_at;
    collapse->cap_count = view->head.cap_count;
    collapse->bytes_at = (size_t)(view->bytes - process->bytes.data);
    err = rmg_collapse_decode(view->bytes, view->size, &collapse->it);
    if (err != JIT_OK) {
        core->heap->free(core->heap, collapse);
        return JIT_EPEER;
    }
    const size_t params_at = caps_at - sizeof view->head.cap_count;
    *pending = (struct kern_pending){
        .cookie = slot->cookie,
        .nonce = view->head.nonce,
        .ids_at = params_at,
        .params_at = params_at,
        .params_size = (uint32_t)(collapse->bytes_at + view->size - params_at),
        .cap_slot = view->head.cap_slot,
        .cap_generation = view->head.cap_generation,
        .rule = SYS_NONE,
        .instance = SYS_NONE,
        .want_receipt = (view->head.flags & SYS_WANT_RECEIPT) != 0,
        .collapse = collapse,
    };
    process->pending_count++;
    process->collapse_count++;
    return JIT_OK;
}

void kern_collapse_drop(struct kern_process *process)
{
    struct jit_heap *heap = process->bytes.heap;
    for (size_t i = 0; process->collapse_count > 0 && i < process->pending_count; i++) {
        heap->free(heap, process->pending[i].collapse);
    }
    process->collapse_count = 0;
}

/* ---- may it be done? ---- */

static void add_charge(struct kern_collapse *collapse, struct rmg_charge charge)
{
    for (uint32_t i = 0; i < collapse->charge_count; i++) {
        if (collapse->charges[i].quota == charge.quota) {
            return;
        }
    }
    assert(collapse->charge_count < sizeof collapse->charges / sizeof collapse->charges[0]);
    collapse->charges[collapse->charge_count++] = charge;
}

/* It counts against the limits of every capability that it needs, once each. */
static void charge(struct kern_core *core, struct kern_collapse *collapse, uint32_t node)
{
    struct rmg_request bill = {.quota = RMG_NO_QUOTA};
    kern_sec_charges(core, node, &bill);
    if (bill.quota != RMG_NO_QUOTA) {
        add_charge(collapse, (struct rmg_charge){.quota = bill.quota});
    }
    for (uint32_t i = 0; i < bill.charge_count; i++) {
        add_charge(collapse, bill.charges[i]);
    }
}

struct asking {
    struct kern_core *core;
    uint32_t process;
    const struct kern_pending *pending;
    const uint8_t *caps;
    enum sys_cap_verdict verdict;
};

/* The first of its capabilities that covers writing there. */
static bool judge_write(struct asking *ask, struct rmg_collapse_place *place,
                        const struct kern_lineage *lineage)
{
    struct kern_core *core = ask->core;
    struct kern_collapse *collapse = ask->pending->collapse;
    const struct sys_cap_need need = {.right = SYS_RIGHT_WRITE,
                                      .instance = &place->instance,
                                      .outer = lineage->ids + 1,
                                      .outer_count = lineage->count - 1};
    for (uint32_t i = 0; i <= collapse->cap_count; i++) {
        uint32_t slot = ask->pending->cap_slot;
        uint32_t generation = ask->pending->cap_generation;
        uint32_t node = SYS_CAP_NONE;
        if (i > 0) {
            sys_collapse_cap(ask->caps, i - 1, &slot, &generation);
        }
        enum sys_cap_verdict verdict =
            sys_caps_check(core->sec->caps, ask->process, slot, generation, &need, &node);
        if (verdict == SYS_CAP_ALLOWED) {
            const struct kern_sec_extra *extra = &core->sec->extra[node];
            place->writes = extra->gated ? &extra->gate : NULL;
            charge(core, collapse, node);
            return true;
        }
        if (i == 0) {
            ask->verdict = verdict;
        }
    }
    return false;
}

static bool judge_place(struct asking *ask, struct rmg_collapse_place *place)
{
    struct kern_core *core = ask->core;
    struct kern_lineage lineage;
    place->writes = NULL;
    kern_lineage_read(core, &place->instance, &lineage);
    place->watched = false;
    for (uint32_t i = 0; i < lineage.count; i++) { /* the invariants hold in /world and below */
        place->watched = place->watched || jit_id_equal(&lineage.ids[i], &core->world);
    }
    bool known = kern_boot_may(core, ask->process, &place->instance, SYS_RIGHT_MAP) ||
                 kern_boot_may(core, ask->process, &place->instance, SYS_RIGHT_READ);
    ask->pending->collapse->known = ask->pending->collapse->known && known;
    if (kern_is_kernels(core, &place->instance) || (!place->written && !known)) {
        ask->verdict = SYS_CAP_OTHER_INSTANCE;
        return false;
    }
    return !place->written || judge_write(ask, place, &lineage);
}

void kern_collapse_authorise(struct kern_core *core, uint32_t index,
                             const struct kern_pending *pending, struct rmg_request *request,
                             struct kern_source *source)
{
    const struct kern_process *process = &core->processes[index];
    struct kern_collapse *collapse = pending->collapse;
    struct asking ask = {.core = core,
                         .process = index,
                         .pending = pending,
                         .caps = process->bytes.data + collapse->caps_at};
    rmg_collapse_moved(&collapse->it, process->bytes.data + collapse->bytes_at);
    collapse->charge_count = 0;
    collapse->known = true;
    request->rule_id = *rmg_collapse_rule();
    request->collapse = &collapse->it;
    request->bytes = pending->params_size;
    request->result = RMG_DENIED;
    bool allowed = true;
    for (uint32_t i = 0; i < collapse->it.place_count; i++) {
        allowed = judge_place(&ask, &collapse->it.places[i]) && allowed;
    }
    if (allowed && process->remapped) {
        ask.verdict = SYS_CAP_REMAP;
        allowed = false;
    }
    source->verdict = allowed ? SYS_CAP_ALLOWED : ask.verdict;
    if (!allowed) {
        return;
    }
    request->charges = collapse->charges;
    request->charge_count = collapse->charge_count;
    bool old = core->tick >= collapse->it.base_tick &&
               core->tick - collapse->it.base_tick >= process->config->policy.keep;
    request->result = old ? RMG_BASE_TOO_OLD : RMG_APPLIED;
}

/* ---- what the engine has to know of fields ---- */

enum jit_err kern_collapse_schema(struct kern_core *core)
{
    struct rmg_schema_fault fault;
    struct rmg_instance instance;
    struct jit_id place;
    struct jit_id root_node;
    bool any = false;
    for (uint32_t p = 0; p < core->process_count; p++) {
        any = any || core->processes[p].collapse_count > 0;
    }
    if (!any) {
        return JIT_OK;
    }
    rmg_schema_place(&place, &root_node);
    enum jit_err err = rmg_store_instance(core->options.store, &core->version, &place, &instance);
    if (err != JIT_OK && err != JIT_ENOENT) {
        return err;
    }
    if (err == JIT_OK && core->schema != NULL &&
        memcmp(&core->schema_of, &instance.roots, sizeof instance.roots) == 0) {
        return JIT_OK;
    }
    rmg_schema_free(core->schema);
    core->schema = NULL;
    if (err == JIT_OK) {
        core->schema_of = instance.roots;
        err =
            rmg_schema_read(core->heap, core->options.store, &core->version, &core->schema, &fault);
    }
    /* One that does not follow the specification declares nothing. */
    return err == JIT_ENOENT || err == JIT_EINVALID ? JIT_OK : err;
}

const struct rmg_schema_field *kern_collapse_field(void *user, const struct jit_id *type,
                                                   const char *name, uint32_t name_size)
{
    const struct kern_core *core = user;
    const struct rmg_schema_type *found = rmg_schema_find(core->schema, type);
    return found == NULL ? NULL : rmg_schema_field_of(found, name, name_size);
}

/* ---- what its process is told ---- */

void kern_collapse_told(const struct kern_pending *pending, struct sys_receipt *reply)
{
    const struct rmg_collapse_clash *clash = &pending->collapse->it.clash;
    const bool told = pending->collapse->known;
    const struct sys_collapsed collapsed = {.reads = told ? clash->reads : 0,
                                            .first_read = told ? clash->first_read : 0,
                                            .operations = told ? clash->operations : 0,
                                            .first_operation = told ? clash->first_operation : 0};
    memcpy(&reply->request_key, &collapsed, sizeof collapsed);
}
