/* Reading /sec: capabilities, by their holders, and owners. */
#include "kernel/core/root_read_priv.h"

#include <stdlib.h>

/* ---- capabilities ---- */

static const char broken_capability[] = "a capability in /sec does not follow the specification";

static enum jit_err optional(struct kern_reader *r, const struct rmg_graph *sec,
                             const struct jit_id *owner, const char *name, struct rmg_value *out,
                             bool *there)
{
    return kern_reader_optional(r, sec, owner, name, rmg_codec_type(RMG_CODEC_BYTES),
                                broken_capability, out, there);
}

/* What it was derived from; zero: nothing. */
static enum jit_err read_edge(struct kern_reader *r, const struct rmg_graph *sec,
                              const struct jit_id *from, const char *type_name, struct jit_id *to)
{
    struct jit_id type;
    struct rmg_iter iter;
    struct rmg_edge edge;
    kern_type_id(type_name, &type);
    memset(to, 0, sizeof *to);
    rmg_iter_edges_of(sec, from, RMG_DIR_OUT, &type, &iter);
    enum jit_err err = rmg_iter_edge(&iter, &edge);
    if (err == JIT_OK) {
        *to = edge.to;
        err = rmg_iter_edge(&iter, &edge);
        if (err == JIT_OK) {
            return kern_reader_wrong(r, "something in /sec has two parents or two owners");
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* The atoms that only some have. */
static enum jit_err read_more(struct kern_reader *r, const struct rmg_graph *sec,
                              struct kern_root_capability *cap)
{
    struct rmg_value value;
    struct sys_attenuators *attenuators = NULL;
    bool there = false;
    enum jit_err err = optional(r, sec, &cap->id, "made", &value, &there);
    cap->made = there;
    if (err == JIT_OK && there) {
        struct jit_cursor cur = jit_cursor_of(value.bytes, value.size);
        bool known = jit_get_u32(&cur) == KERN_ROOT_VERSION;
        cap->born = jit_get_u32(&cur);
        (void)jit_get_u64(&cur); /* the tick, for people */
        jit_get_id(&cur, &cap->origin);
        err = known && jit_cursor_done(&cur) ? JIT_OK : kern_reader_wrong(r, broken_capability);
    }
    if (err == JIT_OK) {
        err = optional(r, sec, &cap->id, "epoch", &value, &there);
    }
    if (err == JIT_OK && there) {
        cap->epoch = value.size == 4 ? jit_le32(value.bytes) : 0;
        err = value.size == 4 && cap->epoch != 0 ? JIT_OK : kern_reader_wrong(r, broken_capability);
    }
    if (err == JIT_OK) {
        err = optional(r, sec, &cap->id, KERN_INTENTS_NAME, &value, &cap->intents);
    }
    if (err == JIT_OK) {
        err = optional(r, sec, &cap->id, "left", &value, &there);
    }
    if (err == JIT_OK && there) {
        cap->operations_left = value.size == KERN_LEFT_BYTES ? jit_le64(value.bytes) : 0;
        cap->bytes_left = value.size == KERN_LEFT_BYTES ? jit_le64(value.bytes + 8) : 0;
        err = value.size == KERN_LEFT_BYTES ? JIT_OK : kern_reader_wrong(r, broken_capability);
    }
    bool left = there;
    if (err == JIT_OK) {
        err = optional(r, sec, &cap->id, "attenuators", &value, &there);
    }
    if (err == JIT_OK && there) {
        err = sys_attenuators_decode(r->heap, value.bytes, value.size, &attenuators);
        err =
            err == JIT_EFORMAT || err == JIT_ELIMIT ? kern_reader_wrong(r, broken_capability) : err;
    }
    cap->attenuators = attenuators;
    uint32_t given = attenuators == NULL ? 0 : attenuators->given;
    if (err == JIT_OK && left != ((given & (SYS_GIVEN_OPERATIONS | SYS_GIVEN_BYTES)) != 0)) {
        err = kern_reader_wrong(r, broken_capability);
    }
    return err == JIT_OK ? read_edge(r, sec, &cap->id, "derived", &cap->parent) : err;
}

static enum jit_err hold_capability(struct kern_reader *r, const struct jit_id *holder,
                                    const struct kern_root_capability *cap)
{
    struct kern_process_config *process = NULL;
    for (uint32_t i = 0; i < r->config->process_count; i++) {
        if (jit_id_equal(&r->config->processes[i].id, holder)) {
            process = &r->config->processes[i];
        }
    }
    if (process == NULL) {
        return kern_reader_wrong(r, "a capability in /sec is held by no process");
    }
    struct kern_root_capability *grown = r->heap->resize(
        r->heap, process->capabilities, (process->capability_count + 1) * sizeof *grown);
    if (grown == NULL) {
        return JIT_ENOMEM;
    }
    process->capabilities = grown;
    grown[process->capability_count++] = *cap;
    return JIT_OK;
}

static enum jit_err read_capability(struct kern_reader *r, const struct rmg_graph *sec,
                                    const struct jit_id *id)
{
    struct rmg_value value;
    struct kern_root_capability cap = {.id = *id};
    struct jit_id holder;
    enum jit_err err = kern_reader_atom(r, sec, id, "record", rmg_codec_type(RMG_CODEC_BYTES),
                                        broken_capability, &value);
    if (err != JIT_OK) {
        return err;
    }
    struct jit_cursor cur = jit_cursor_of(value.bytes, value.size);
    uint32_t version = jit_get_u32(&cur);
    cap.slot = jit_get_u32(&cur);
    cap.generation = jit_get_u32(&cur);
    cap.rights = jit_get_u32(&cur);
    cap.limit_group = jit_get_u32(&cur);
    uint32_t object = jit_get_u32(&cur);
    jit_get_id(&cur, &holder);
    jit_get_id(&cur, &cap.instance);
    jit_get_id(&cur, &cap.rule_id);
    jit_get_id(&cur, &cap.params_digest);
    cap.limit = jit_get_u64(&cur);
    cap.badge = jit_get_u64(&cur);
    if (!jit_cursor_done(&cur) || version != KERN_ROOT_VERSION || object >= SYS_OBJECT_COUNT ||
        cap.slot >= JIT_CAP_SLOTS_MAX || cap.limit_group >= JIT_CAP_SLOTS_MAX) {
        return kern_reader_wrong(r, broken_capability);
    }
    cap.object = (enum sys_object)object;
    cap.origin = holder;
    err = read_more(r, sec, &cap);
    if (err == JIT_OK) {
        err = hold_capability(r, &holder, &cap);
    }
    if (err != JIT_OK) {
        r->heap->free(r->heap, (void *)(uintptr_t)cap.attenuators);
    }
    return err;
}

static int compare_capabilities(const void *a, const void *b)
{
    uint32_t x = ((const struct kern_root_capability *)a)->slot;
    uint32_t y = ((const struct kern_root_capability *)b)->slot;
    return x < y ? -1 : x > y;
}

static enum jit_err read_capabilities(struct kern_reader *r, const struct rmg_graph *sec)
{
    enum jit_err err = kern_reader_each(r, sec, "capability", read_capability);
    for (uint32_t i = 0; err == JIT_OK && i < r->config->process_count; i++) {
        struct kern_process_config *process = &r->config->processes[i];
        if (process->capability_count == 0) {
            continue;
        }
        qsort(process->capabilities, process->capability_count, sizeof *process->capabilities,
              compare_capabilities);
        for (uint32_t c = 1; c < process->capability_count; c++) {
            if (process->capabilities[c].slot == process->capabilities[c - 1].slot) {
                return kern_reader_wrong(r, "two capabilities in /sec lie in one slot");
            }
        }
    }
    return err;
}

/* ---- owners ---- */

static enum jit_err list_owner(struct kern_reader *r, const struct rmg_graph *sec,
                               const struct jit_id *id)
{
    struct kern_root_owner owner = {.object = *id};
    enum jit_err err = read_edge(r, sec, id, "owner", &owner.capability);
    struct kern_root_owner *grown =
        err != JIT_OK ? NULL
                      : r->heap->resize(r->heap, r->config->owners,
                                        (r->config->owner_count + 1u) * sizeof *grown);
    if (grown == NULL) {
        return err != JIT_OK ? err : JIT_ENOMEM;
    }
    r->config->owners = grown;
    grown[r->config->owner_count++] = owner;
    return JIT_OK;
}

static enum jit_err read_rule_owner(struct kern_reader *r, const struct rmg_graph *sec,
                                    const struct jit_id *id)
{
    return kern_config_rule(r->config, id) != NULL
               ? list_owner(r, sec, id)
               : kern_reader_wrong(r, "/sec names the owner of a rule that is not in /sys");
}

static enum jit_err read_instance_owner(struct kern_reader *r, const struct rmg_graph *sec,
                                        const struct jit_id *id)
{
    struct jit_id place;
    struct jit_id root_node;
    struct rmg_instance instance;
    kern_place_id("/sec", &place, &root_node);
    if (jit_id_equal(id, &root_node)) {
        return JIT_OK; /* it is of this type as the root node of an instance */
    }
    enum jit_err err = rmg_store_instance(r->store, r->version, id, &instance);
    if (err == JIT_ENOENT) {
        return kern_reader_wrong(r, "/sec names the owner of an instance that is not there");
    }
    return err == JIT_OK ? list_owner(r, sec, id) : err;
}

static int compare_owners(const void *a, const void *b)
{
    return jit_id_compare(&((const struct kern_root_owner *)a)->object,
                          &((const struct kern_root_owner *)b)->object);
}

static enum jit_err read_owners(struct kern_reader *r, const struct rmg_graph *sec)
{
    enum jit_err err = kern_reader_each(r, sec, "rule", read_rule_owner);
    if (err == JIT_OK) {
        err = kern_reader_each(r, sec, "instance", read_instance_owner);
    }
    if (err == JIT_OK && r->config->owner_count > 0) {
        qsort(r->config->owners, r->config->owner_count, sizeof *r->config->owners, compare_owners);
    }
    return err;
}

enum jit_err kern_reader_sec(struct kern_reader *r, const struct rmg_graph *sec)
{
    enum jit_err err = read_capabilities(r, sec);
    return err == JIT_OK ? read_owners(r, sec) : err;
}
