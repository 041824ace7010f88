#include "kernel/core/root.h"

#include <stdio.h>

#include "base/check.h"
#include "base/hash.h"
#include "kernel/core/root_priv.h"

#define LANGUAGE_VERSION 1u

static const char *const paths[KERN_PLACE_COUNT] = {
#define X(name, path) path,
    KERN_PLACE_MAP(X)
#undef X
};

const char *kern_place_path(enum kern_place place)
{
    assert((unsigned)place < KERN_PLACE_COUNT);
    return paths[place];
}

void kern_place_id(const char *path, struct jit_id *instance, struct jit_id *root_node)
{
    jit_hash_named("warp:", path, strlen(path), instance);
    jit_hash_named("node:", path, strlen(path), root_node);
}

void kern_type_id(const char *name, struct jit_id *out)
{
    jit_hash_named("type:", name, strlen(name), out);
}

uint32_t kern_arena_of(void *user, const struct jit_id *instance)
{
    const struct kern_private_places *places = user;
    for (size_t i = 0; i < KERN_PRIVATE_PLACES; i++) {
        if (jit_id_equal(&places->id[i], instance)) {
            return 0;
        }
    }
    return 1;
}

void kern_private_places_init(struct kern_private_places *places)
{
    static const enum kern_place private_places[KERN_PRIVATE_PLACES] = {
        KERN_PLACE_TOP, KERN_PLACE_SCHEMA, KERN_PLACE_SYS, KERN_PLACE_SEC, KERN_PLACE_PROC};
    for (size_t i = 0; i < KERN_PRIVATE_PLACES; i++) {
        struct jit_id root_node;
        kern_place_id(paths[private_places[i]], &places->id[i], &root_node);
    }
}

/* ---- atoms ---- */

static enum jit_err put_text(struct rmg_collect *collect, const struct jit_id *instance,
                             const struct jit_id *owner, const char *name, const char *text,
                             size_t size)
{
    struct rmg_datum datum = {
        .codec = RMG_CODEC_TEXT, .bytes = (const uint8_t *)text, .size = (uint32_t)size};
    return rmg_collect_datum(collect, instance, RMG_PLANE_ALPHA, owner, name, &datum);
}

static enum jit_err put_bytes(struct rmg_collect *collect, const struct jit_id *instance,
                              const struct jit_id *owner, const char *name, enum rmg_codec codec,
                              const struct jit_buf *buf)
{
    if (buf->err != JIT_OK) {
        return buf->err;
    }
    struct rmg_datum datum = {.codec = codec, .bytes = buf->data, .size = (uint32_t)buf->size};
    return rmg_collect_datum(collect, instance, RMG_PLANE_ALPHA, owner, name, &datum);
}

/* An atom of one of the root graph's own types. */
static enum jit_err put_own(struct rmg_collect *collect, const struct jit_id *instance,
                            const struct jit_id *owner, const char *name, const char *type,
                            const void *bytes, uint32_t size)
{
    struct rmg_attachment attachment = {.name = name, .name_size = (uint32_t)strlen(name)};
    attachment.value.kind = RMG_VALUE_ATOM;
    kern_type_id(type, &attachment.value.type);
    attachment.value.bytes = bytes;
    attachment.value.size = size;
    return rmg_collect_attachment(collect, instance, RMG_PLANE_ALPHA, owner, &attachment);
}

/* ---- genesis ---- */

static enum jit_err put_builtin_types(struct rmg_collect *collect)
{
    struct rmg_schema *schema = NULL;
    enum jit_err err = rmg_schema_new(rmg_collect_heap(collect), &schema);
    if (err == JIT_OK) {
        err = rmg_schema_add_builtin(schema);
    }
    if (err == JIT_OK) {
        err = rmg_schema_collect(schema, collect);
    }
    rmg_schema_free(schema);
    return err;
}

enum jit_err kern_root_begin(struct rmg_collect *collect, uint64_t seed)
{
    struct jit_id instance;
    struct jit_id root_node;
    enum jit_err err = JIT_OK;
    for (size_t i = 0; err == JIT_OK && i < KERN_PLACE_COUNT; i++) {
        err = rmg_collect_path(collect, paths[i], &instance);
    }
    uint8_t bytes[8];
    kern_place_id("/sys", &instance, &root_node);
    jit_put_le64(bytes, seed);
    if (err == JIT_OK) {
        err = put_own(collect, &instance, &root_node, "seed", "u64", bytes, 8);
    }
    jit_put_le32(bytes, LANGUAGE_VERSION);
    if (err == JIT_OK) {
        err = put_own(collect, &instance, &root_node, "language", "u32", bytes, 4);
    }
    return err == JIT_OK ? put_builtin_types(collect) : err;
}

/* A genesis without what it is for has no such type, and the root it always had. */
enum jit_err kern_root_type(struct rmg_collect *collect, const char *name)
{
    struct rmg_schema *schema = NULL;
    struct rmg_schema_fault fault;
    struct jit_id place;
    struct jit_id root_node;
    struct jit_id id;
    const struct rmg_schema_type type = {.name = name, .kind = RMG_TYPE_NODE};
    kern_place_id("/schema", &place, &root_node);
    kern_type_id(name, &id);
    if (rmg_collect_has_node(collect, &place, &id)) {
        return JIT_OK;
    }
    enum jit_err err = rmg_schema_new(rmg_collect_heap(collect), &schema);
    if (err == JIT_OK) {
        err = rmg_schema_add(schema, &type, &fault);
    }
    if (err == JIT_OK) {
        err = rmg_schema_collect(schema, collect);
    }
    rmg_schema_free(schema);
    return err;
}

enum jit_err kern_root_rule(struct rmg_collect *collect, const char *name, const char *text,
                            size_t text_size, const uint8_t *program, size_t program_size)
{
    struct jit_id id;
    struct jit_id type;
    jit_hash_named("rule:", name, strlen(name), &id);
    kern_type_id("rule", &type);
    return kern_root_program(collect, &id, &type, text, text_size, program, program_size);
}

enum jit_err kern_root_program(struct rmg_collect *collect, const struct jit_id *id,
                               const struct jit_id *type, const char *text, size_t text_size,
                               const uint8_t *program, size_t program_size)
{
    struct jit_id instance;
    struct jit_id root_node;
    kern_place_id("/sys", &instance, &root_node);
    if (text_size > JIT_RULE_TEXT_BYTES_MAX || program_size > JIT_PROGRAM_BYTES_MAX) {
        return JIT_ELIMIT;
    }
    enum jit_err err = rmg_collect_node(collect, &instance, id, type);
    if (err == JIT_OK) {
        err = put_text(collect, &instance, id, "text", text, text_size);
    }
    if (err == JIT_OK) {
        struct rmg_datum datum = {
            .codec = RMG_CODEC_BYTES, .bytes = program, .size = (uint32_t)program_size};
        err = rmg_collect_datum(collect, &instance, RMG_PLANE_ALPHA, id, "program", &datum);
    }
    return err;
}

void kern_capability_record(const struct kern_root_capability *cap, const struct jit_id *holder,
                            uint8_t out[KERN_CAPABILITY_BYTES])
{
    const uint32_t head[] = {KERN_ROOT_VERSION, cap->slot,        cap->generation,
                             cap->rights,       cap->limit_group, (uint32_t)cap->object};
    const struct jit_id *ids[] = {holder, &cap->instance, &cap->rule_id, &cap->params_digest};
    for (size_t i = 0; i < 6; i++) {
        jit_put_le32(out + 4 * i, head[i]);
    }
    for (size_t i = 0; i < 4; i++) {
        memcpy(out + 24 + i * JIT_ID_BYTES, ids[i], JIT_ID_BYTES);
    }
    jit_put_le64(out + 24 + 4 * JIT_ID_BYTES, cap->limit);
    jit_put_le64(out + 32 + 4 * JIT_ID_BYTES, cap->badge);
}

void kern_edge_id(const struct jit_id *from, const struct jit_id *to, const struct jit_id *type,
                  struct jit_id *out)
{
    uint8_t input[3 * JIT_ID_BYTES + 4] = {0};
    memcpy(input, from->bytes, JIT_ID_BYTES);
    memcpy(input + JIT_ID_BYTES, to->bytes, JIT_ID_BYTES);
    memcpy(input + 2 * JIT_ID_BYTES, type->bytes, JIT_ID_BYTES);
    jit_hash_key(JIT_K_EDGE_ID, input, sizeof input, out);
}

void kern_capability_id(const char *name, uint32_t index, uint32_t slot, struct jit_id *out)
{
    char label[JIT_NAME_BYTES_MAX + 64];
    int size = snprintf(label, sizeof label, "/sec/%s/%u/%u", name, index, slot);
    jit_hash_named("node:", label, (size_t)size, out);
}

/* What narrows it, and what is left of its quotas. */
static enum jit_err put_attenuators(struct rmg_collect *collect, const struct jit_id *instance,
                                    const struct jit_id *id, const struct sys_attenuators *a)
{
    struct jit_buf buf;
    jit_buf_init(&buf, rmg_collect_heap(collect), SYS_ATTENUATORS_BYTES_MAX);
    sys_attenuators_encode(a, &buf);
    enum jit_err err = put_bytes(collect, instance, id, "attenuators", RMG_CODEC_BYTES, &buf);
    if (err == JIT_OK && (a->given & (SYS_GIVEN_OPERATIONS | SYS_GIVEN_BYTES)) != 0) {
        jit_buf_reset(&buf);
        jit_buf_put_u64(&buf, a->operations);
        jit_buf_put_u64(&buf, a->bytes);
        err = put_bytes(collect, instance, id, "left", RMG_CODEC_BYTES, &buf);
    }
    jit_buf_release(&buf);
    return err;
}

enum jit_err kern_root_capability(struct rmg_collect *collect, const char *name, uint32_t index,
                                  const struct jit_id *process,
                                  const struct kern_root_capability *cap)
{
    struct jit_id instance;
    struct jit_id root_node;
    struct jit_id id;
    struct jit_id type;
    uint8_t record[KERN_CAPABILITY_BYTES];
    kern_place_id("/sec", &instance, &root_node);
    kern_type_id("capability", &type);
    kern_capability_id(name, index, cap->slot, &id);
    kern_capability_record(cap, process, record);
    struct rmg_datum datum = {
        .codec = RMG_CODEC_BYTES, .bytes = record, .size = (uint32_t)sizeof record};
    enum jit_err err = rmg_collect_node(collect, &instance, &id, &type);
    if (err == JIT_OK && cap->attenuators != NULL) {
        err = put_attenuators(collect, &instance, &id, cap->attenuators);
    }
    if (err == JIT_OK) {
        err = rmg_collect_datum(collect, &instance, RMG_PLANE_ALPHA, &id, "record", &datum);
    }
    return err;
}

enum jit_err kern_root_owned(struct rmg_collect *collect, const char *type,
                             const struct jit_id *object, const struct jit_id *capability)
{
    struct jit_id instance;
    struct jit_id root_node;
    struct jit_id node_type;
    struct jit_id edge_type;
    struct rmg_edge edge = {.from = *object, .to = *capability};
    kern_place_id("/sec", &instance, &root_node);
    kern_type_id(type, &node_type);
    kern_type_id("owner", &edge_type);
    edge.type = edge_type;
    kern_edge_id(object, capability, &edge_type, &edge.id);
    if (!rmg_collect_has_node(collect, &instance, capability)) {
        return JIT_ENOENT;
    }
    enum jit_err err = rmg_collect_node(collect, &instance, object, &node_type);
    return err == JIT_OK ? rmg_collect_edge(collect, &instance, &edge) : err;
}

/* ---- processes ---- */

static enum jit_err put_policy(struct rmg_collect *collect, const struct jit_id *instance,
                               const struct jit_id *process, const struct kern_policy *policy)
{
    struct jit_buf buf;
    jit_buf_init(&buf, rmg_collect_heap(collect), KERN_POLICY_BYTES);
    kern_policy_encode(policy, &buf);
    enum jit_err err = put_bytes(collect, instance, process, "policies", RMG_CODEC_BYTES, &buf);
    jit_buf_release(&buf);
    return err;
}

void kern_process_id(const char *name, uint32_t index, struct jit_id *out)
{
    char label[JIT_NAME_BYTES_MAX + 64];
    int size = snprintf(label, sizeof label, "/proc/%s/%u", name, index);
    assert(size > 0 && (size_t)size < sizeof label);
    jit_hash_named("node:", label, (size_t)size, out);
}

enum jit_err kern_root_process(struct rmg_collect *collect, const char *name, uint32_t index,
                               uint32_t count, const struct kern_root_run *runs, uint32_t run_count,
                               const struct kern_root_capability *capabilities,
                               uint32_t capability_count, const struct kern_policy *policy)
{
    struct jit_id instance;
    struct jit_id root_node;
    struct jit_id id;
    struct jit_id type;
    kern_place_id("/proc", &instance, &root_node);
    kern_process_id(name, index, &id);
    kern_type_id("process", &type);
    struct jit_buf program;
    struct jit_buf params;
    jit_buf_init(&program, rmg_collect_heap(collect), JIT_ATOM_BYTES_MAX);
    jit_buf_init(&params, rmg_collect_heap(collect), JIT_ATOM_BYTES_MAX);
    jit_buf_put_u32(&program, KERN_ROOT_VERSION);
    jit_buf_put_u32(&program, index);
    jit_buf_put_u32(&program, count);
    jit_buf_put_u32(&program, (uint32_t)strlen(name));
    jit_buf_put(&program, name, strlen(name));
    jit_buf_put_u32(&program, run_count);
    for (uint32_t i = 0; i < run_count; i++) {
        jit_buf_put_id(&program, &runs[i].rule_id);
        jit_buf_put_id(&program, &runs[i].instance);
        jit_buf_put_u32(&program, runs[i].mode);
        jit_buf_put_u32(&params, runs[i].params_size);
        jit_buf_put(&params, runs[i].params, runs[i].params_size);
    }
    enum jit_err err = rmg_collect_node(collect, &instance, &id, &type);
    if (err == JIT_OK) {
        err = put_bytes(collect, &instance, &id, "program", RMG_CODEC_BYTES, &program);
    }
    if (err == JIT_OK) {
        err = put_bytes(collect, &instance, &id, "parameters", RMG_CODEC_BYTES, &params);
    }
    if (err == JIT_OK) {
        err = put_text(collect, &instance, &id, "state", "ready", 5);
    }
    if (err == JIT_OK && !kern_policy_is_usual(policy)) {
        err = put_policy(collect, &instance, &id, policy);
    }
    for (uint32_t i = 0; err == JIT_OK && i < capability_count; i++) {
        err = kern_root_capability(collect, name, index, &id, &capabilities[i]);
    }
    jit_buf_release(&program);
    jit_buf_release(&params);
    return err;
}

enum jit_err kern_root_ticks(struct rmg_collect *collect, const char *name, uint32_t index,
                             uint64_t ticks)
{
    struct jit_id instance;
    struct jit_id root_node;
    struct jit_id id;
    uint8_t bytes[8];
    kern_place_id("/proc", &instance, &root_node);
    kern_process_id(name, index, &id);
    jit_put_le64(bytes, ticks);
    return put_own(collect, &instance, &id, "ticks", "u64", bytes, sizeof bytes);
}

enum jit_err kern_root_explore(struct rmg_collect *collect, const char *name, uint32_t index,
                               uint32_t futures, uint32_t flags, const struct kern_root_run *runs,
                               uint32_t run_count)
{
    struct jit_id instance;
    struct jit_id root_node;
    struct jit_id id;
    struct jit_buf buf;
    kern_place_id("/proc", &instance, &root_node);
    kern_process_id(name, index, &id);
    jit_buf_init(&buf, rmg_collect_heap(collect), JIT_ATOM_BYTES_MAX);
    jit_buf_put_u32(&buf, KERN_ROOT_VERSION);
    jit_buf_put_u32(&buf, futures);
    jit_buf_put_u32(&buf, flags);
    for (uint32_t i = 0; i < run_count; i++) {
        if (runs[i].mode >= SYS_SCORE_COUNT) {
            jit_buf_put_u64(&buf, (uint64_t)runs[i].weight);
        }
    }
    enum jit_err err = put_bytes(collect, &instance, &id, "explore", RMG_CODEC_BYTES, &buf);
    jit_buf_release(&buf);
    return err;
}

void kern_root_state_op(const struct jit_id *process, const char *state, struct rmg_op *op)
{
    struct jit_id root_node;
    *op = (struct rmg_op){.kind = RMG_OP_SET_ATTACHMENT, .plane = RMG_PLANE_ALPHA, .id = *process};
    kern_place_id("/proc", &op->instance, &root_node);
    op->attachment.name = "state";
    op->attachment.name_size = 5;
    op->attachment.value.kind = RMG_VALUE_ATOM;
    op->attachment.value.type = *rmg_codec_type(RMG_CODEC_TEXT);
    op->attachment.value.bytes = (const uint8_t *)state;
    op->attachment.value.size = (uint32_t)strlen(state);
}

const struct rmg_rule *kern_config_rule(const struct kern_config *config, const struct jit_id *id)
{
    uint32_t begin = 0;
    uint32_t end = config->rule_count;
    while (begin < end) {
        const uint32_t middle = begin + (end - begin) / 2;
        const int order = jit_id_compare(&config->rules[middle]->id, id);
        if (order == 0) {
            return config->rules[middle];
        }
        if (order < 0) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    return NULL;
}

void kern_config_free(struct jit_heap *heap, struct kern_config *config)
{
    if (config == NULL) {
        return;
    }
    for (uint32_t i = 0; i < config->rule_count; i++) {
        rmg_rule_free(heap, config->rules[i]);
        heap->free(heap, (void *)(uintptr_t)config->programs[i]);
    }
    for (uint32_t i = 0; i < config->invariant_count; i++) {
        rmg_rule_free(heap, config->invariants[i]);
    }
    heap->free(heap, config->invariants);
    rmg_sought_release(heap, &config->sought);
    for (uint32_t i = 0; i < config->process_count; i++) {
        struct kern_process_config *process = &config->processes[i];
        for (uint32_t k = 0; process->runs != NULL && k < process->run_count; k++) {
            heap->free(heap, (void *)(uintptr_t)process->runs[k].params);
        }
        heap->free(heap, process->runs);
        for (uint32_t k = 0; k < process->capability_count; k++) {
            heap->free(heap, (void *)(uintptr_t)process->capabilities[k].attenuators);
        }
        heap->free(heap, process->capabilities);
    }
    heap->free(heap, config->owners);
    heap->free(heap, config->rules);
    heap->free(heap, config->programs);
    heap->free(heap, config->program_sizes);
    heap->free(heap, config->processes);
    heap->free(heap, config);
}
