#include "kernel/core/sec.h"

#include "base/hash.h"
#include "kernel/core/core_priv.h"
#include "kernel/core/sec_priv.h"

/* ---- life ---- */

uint32_t sec_process(const struct kern_core *core, const struct jit_id *id)
{
    uint32_t p = 0;
    while (p < core->process_count && !jit_id_equal(&core->processes[p].config->id, id)) {
        p++;
    }
    return p < core->process_count ? p : SYS_CAP_NONE;
}

enum jit_err kern_sec_new(struct kern_core *core, const char **where)
{
    const struct kern_config *config = core->config;
    struct kern_sec *sec = jit_heap_zalloc(core->heap, 1, sizeof *sec);
    if (sec == NULL) {
        return JIT_ENOMEM;
    }
    core->sec = sec;
    sec->heap = core->heap;
    rmg_scratch_init(&sec->scratch, core->heap);
    jit_buf_init(&sec->ask_bytes, core->heap, JIT_REQUEST_BYTES_MAX);
    size_t count = kern_config_cap_count(config);
    uint32_t *nodes = jit_heap_zalloc(core->heap, count + 1, sizeof *nodes);
    sec->older = jit_heap_zalloc(core->heap, config->process_count + 1u, sizeof *sec->older);
    sec->kept = jit_heap_zalloc(core->heap, config->process_count + 1u, sizeof *sec->kept);
    enum jit_err err =
        nodes == NULL || sec->older == NULL || sec->kept == NULL ? JIT_ENOMEM : JIT_OK;
    if (err == JIT_OK) {
        err = kern_config_caps(core->heap, config, core->tick + 1, &sec->caps, nodes, where);
    }
    size_t n = 0;
    for (uint32_t p = 0; err == JIT_OK && p < config->process_count; p++) {
        const struct kern_process_config *process = &config->processes[p];
        for (uint32_t i = 0; err == JIT_OK && i < process->capability_count; i++, n++) {
            const struct kern_root_capability *cap = &process->capabilities[i];
            uint32_t origin = sec_process(core, &cap->origin);
            uint32_t group = 0;
            if (origin == SYS_CAP_NONE) {
                *where = "a capability in /sec is of a process that is not there";
                err = JIT_EINVALID;
                break;
            }
            err = sec_group(sec, origin, cap->limit_group, cap->limit, &group);
            if (err == JIT_OK) {
                err = sec_beside(sec, nodes[n], origin, group, cap->made);
            }
            if (err == JIT_OK) {
                sec->extra[nodes[n]].intents = cap->intents;
            }
        }
    }
    for (size_t i = 0; err == JIT_OK && i < count; i++) {
        sec_charge_deriver(sec, nodes[i], false);
    }
    if (err == JIT_OK) {
        err = sec_owners_read(core, sec, where);
    }
    core->heap->free(core->heap, nodes);
    return err;
}

void kern_sec_free(struct kern_sec *sec)
{
    if (sec == NULL) {
        return;
    }
    struct jit_heap *heap = sec->heap;
    sys_caps_free(sec->caps);
    rmg_scratch_release(&sec->scratch);
    jit_buf_release(&sec->ask_bytes);
    heap->free(heap, sec->extra);
    heap->free(heap, sec->groups);
    heap->free(heap, sec->quota_nodes);
    heap->free(heap, sec->owners);
    heap->free(heap, sec->asks);
    heap->free(heap, sec->order);
    heap->free(heap, sec->dirty);
    heap->free(heap, sec->gone);
    heap->free(heap, sec->older);
    heap->free(heap, sec->kept);
    heap->free(heap, sec->ops);
    heap->free(heap, sec);
}

/* ---- what is asked ---- */

enum jit_err kern_sec_take(struct kern_core *core, uint32_t index, const struct sys_slot *slot,
                           const uint8_t *bytes)
{
    struct kern_process *process = &core->processes[index];
    void *data = process->asks;
    if (process->ask_count == KERN_SEC_ASKS_MAX) {
        return JIT_ELIMIT;
    }
    if (jit_heap_grow(core->heap, &data, &process->ask_capacity, process->ask_count + 1,
                      sizeof *process->asks) != 0) {
        return JIT_ENOMEM;
    }
    process->asks = data;
    process->asks[process->ask_count++] =
        (struct kern_ask){.call = slot->kind,
                          .process = index,
                          .holder = index,
                          .target = index,
                          .bytes_at = (size_t)(bytes - process->bytes.data),
                          .size = slot->length,
                          .cookie = slot->cookie};
    return JIT_OK;
}

static bool is_good(const struct kern_core *core, const struct kern_operator_ask *asked)
{
    struct sys_request request;
    struct sys_owner own;
    struct sys_slot slot = {.kind = asked->call, .length = asked->size};
    bool derives = asked->call == SYS_CALL_derive || asked->call == SYS_CALL_grant;
    bool owns = asked->call == SYS_CALL_owner;
    if ((!derives && !owns && asked->call != SYS_CALL_revoke) ||
        (asked->holder >= core->process_count && asked->holder != SYS_CAP_NONE) ||
        (derives && asked->target >= core->process_count) ||
        (!derives && !owns && asked->holder == SYS_CAP_NONE) ||
        (unsigned)asked->object >= SYS_OBJECT_COUNT) {
        return false;
    }
    return (owns ? sys_decode_owner(asked->bytes, asked->size, &own)
                 : sys_decode(&slot, asked->bytes, asked->size, &request)) == JIT_OK;
}

enum jit_err kern_core_ask(struct kern_core *core, const struct kern_operator_ask *asked,
                           uint64_t *serial)
{
    struct kern_sec *sec = core->sec;
    if (!is_good(core, asked)) {
        return JIT_EINVALID;
    }
    if (sec->ask_count == KERN_SEC_ASKS_MAX) {
        return JIT_EBUSY;
    }
    enum jit_err err = SEC_ROOM(sec, sec->asks, sec->ask_capacity, sec->ask_count + 1);
    size_t at = sec->ask_bytes.size;
    jit_buf_put(&sec->ask_bytes, asked->bytes, asked->size);
    if (err != JIT_OK || sec->ask_bytes.err != JIT_OK) {
        return JIT_ENOMEM;
    }
    sec->asks[sec->ask_count++] = (struct kern_ask){.call = asked->call,
                                                    .process = SYS_CAP_NONE,
                                                    .holder = asked->holder,
                                                    .target = asked->target,
                                                    .object = asked->object,
                                                    .bytes_at = at,
                                                    .size = asked->size,
                                                    .serial = ++sec->serial};
    *serial = sec->serial;
    return JIT_OK;
}

bool kern_core_outcome(const struct kern_core *core, uint64_t serial, struct kern_outcome *out)
{
    const struct kern_sec *sec = core->sec;
    const size_t kept = sizeof sec->outcomes / sizeof sec->outcomes[0];
    if (serial == 0 || serial > sec->serial || sec->serial - serial >= kept) {
        return false;
    }
    *out = sec->outcomes[serial % kept];
    return out->tick != 0;
}

bool kern_sec_waits(const struct kern_core *core)
{
    return core->sec->ask_count > 0 || core->intents.count > 0;
}

const uint8_t *sec_bytes(const struct kern_core *core, const struct kern_ask *ask)
{
    const struct jit_buf *buf =
        ask->process == SYS_CAP_NONE ? &core->sec->ask_bytes : &core->processes[ask->process].bytes;
    return buf->data + ask->bytes_at;
}

/* A request's key, as one of its kind: nothing else has this call in front. */
void sec_ask_key(const struct kern_core *core, struct kern_ask *ask)
{
    struct jit_hasher hasher;
    uint8_t call[4];
    jit_put_le32(call, ask->call);
    jit_hasher_init_key(&hasher, JIT_K_REQUEST);
    jit_hasher_update(&hasher, call, sizeof call);
    jit_hasher_update(&hasher, sec_bytes(core, ask), ask->size);
    jit_hasher_final(&hasher, &ask->key);
}
