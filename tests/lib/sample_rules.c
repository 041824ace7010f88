#include "tests/lib/sample_rules.h"

#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"

#define FIELD(n) RMG_EXPR_FIELD, (n), 0
#define CONST(n) RMG_EXPR_CONST, (n), 0

static const uint8_t put_param[] = {RMG_EXPR_PARAM, 0};
static const uint8_t infect_guard[] = {FIELD(0), CONST(0),    RMG_EXPR_EQ, FIELD(1),
                                       CONST(1), RMG_EXPR_EQ, RMG_EXPR_AND};
static const uint8_t prune_guard[] = {FIELD(0), CONST(2), RMG_EXPR_EQ};
static const uint8_t cure_guard[] = {FIELD(0), CONST(1), RMG_EXPR_EQ};
static const uint8_t one[] = {CONST(1)};
static const uint8_t two[] = {CONST(2)};

#define CODE(x) ((struct rmg_expr){(x), sizeof(x)})

struct jit_id sample_type_p(void)
{
    struct jit_id id;
    jit_hash_named("type:", "P", 1, &id);
    return id;
}

struct jit_id sample_type_d(void)
{
    struct jit_id id;
    jit_hash_named("type:", "D", 1, &id);
    return id;
}

/* A rule with room for its parts. */
struct draft {
    struct rmg_rule rule;
    struct rmg_rule_param params[1];
    struct rmg_rule_element elements[3];
    struct rmg_rule_near negatives[1];
    struct rmg_rule_create creates[2];
    struct rmg_rule_field fields[2];
    struct rmg_datum constants[3];
    struct rmg_rule_update updates[2];
};

static void draft_name(struct draft *draft, const char *name)
{
    memcpy(draft->rule.name, name, strlen(name) + 1);
    jit_hash_named("rule:", name, strlen(name), &draft->rule.id);
}

static void draft_param(struct draft *draft, const char *name, enum rmg_codec codec)
{
    struct rmg_rule_param *param = &draft->params[draft->rule.param_count++];
    memcpy(param->name, name, strlen(name) + 1);
    param->codec = codec;
}

static void draft_node(struct draft *draft, bool deleted)
{
    draft->elements[draft->rule.element_count++] =
        (struct rmg_rule_element){.deleted = deleted, .typed = true, .type = sample_type_p()};
}

static void draft_edge(struct draft *draft, bool deleted)
{
    uint8_t at = (uint8_t)draft->rule.element_count++;
    draft->elements[at] = (struct rmg_rule_element){.is_edge = true,
                                                    .deleted = deleted,
                                                    .typed = true,
                                                    .type = sample_type_d(),
                                                    .from = (uint8_t)(at - 1),
                                                    .to = (uint8_t)(at + 1)};
}

static void draft_field(struct draft *draft, uint8_t element, const char *name)
{
    struct rmg_rule_field *field = &draft->fields[draft->rule.field_count++];
    field->element = element;
    field->codec = RMG_CODEC_I64;
    field->name_size = (uint8_t)strlen(name);
    memcpy(field->name, name, strlen(name));
}

static void draft_update(struct draft *draft, enum rmg_update_kind kind, uint8_t target,
                         const char *name, enum rmg_codec codec, struct rmg_expr expr)
{
    struct rmg_rule_update *update = &draft->updates[draft->rule.update_count++];
    update->kind = kind;
    update->target = target;
    update->codec = codec;
    update->name_size = (uint8_t)strlen(name);
    memcpy(update->name, name, strlen(name));
    update->expr = expr;
}

/* 0, 1 and 2. */
static void draft_constants(struct draft *draft)
{
    for (int64_t i = 0; i < 3; i++) {
        draft->constants[i] = (struct rmg_datum){.codec = RMG_CODEC_I64, .as.i64 = i};
    }
    draft->rule.constant_count = 3;
}

static void draft_grow(struct draft *draft)
{
    draft->creates[0] = (struct rmg_rule_create){.type = sample_type_p()};
    draft->creates[1] = (struct rmg_rule_create){
        .is_edge = true, .type = sample_type_d(), .from = RMG_RULE_CREATED | 0, .to = 0};
    draft->rule.create_count = 2;
    draft_update(draft, RMG_UPDATE_SET, RMG_RULE_CREATED | 0, "v", RMG_CODEC_BYTES,
                 CODE(put_param));
}

static void draft_infect(struct draft *draft)
{
    draft_edge(draft, false);
    draft_node(draft, false);
    draft_constants(draft);
    draft_field(draft, 0, "state");
    draft_field(draft, 2, "state");
    draft->rule.guard = CODE(infect_guard);
    draft_update(draft, RMG_UPDATE_SET, 0, "state", RMG_CODEC_I64, CODE(one));
    draft_update(draft, RMG_UPDATE_ADD, 2, "hits", RMG_CODEC_I64, CODE(one));
}

static void draft_prune(struct draft *draft)
{
    draft_edge(draft, true);
    draft_node(draft, true);
    draft_constants(draft);
    draft_field(draft, 2, "state");
    draft->rule.guard = CODE(prune_guard);
}

static void draft_cure(struct draft *draft)
{
    draft_constants(draft);
    draft_field(draft, 0, "state");
    draft->rule.guard = CODE(cure_guard);
    draft->negatives[0] = (struct rmg_rule_near){.element = 0,
                                                 .direction = RMG_DIR_OUT,
                                                 .edge_typed = true,
                                                 .other_typed = true,
                                                 .edge_type = sample_type_d(),
                                                 .other_type = sample_type_p()};
    draft->rule.negative_count = 1;
    draft_update(draft, RMG_UPDATE_SET, 0, "state", RMG_CODEC_I64, CODE(two));
}

static void draft_fill(struct draft *draft, enum sample_rule which)
{
    static const char *const names[] = {"put",  "grow", "infect", "prune",
                                        "cure", "load", "raise",  "tag"};
    draft_name(draft, names[which]);
    draft_node(draft, false);
    switch (which) {
    case SAMPLE_PUT:
        draft_param(draft, "v", RMG_CODEC_BYTES);
        draft_update(draft, RMG_UPDATE_SET, 0, "v", RMG_CODEC_BYTES, CODE(put_param));
        break;
    case SAMPLE_GROW:
        draft_param(draft, "v", RMG_CODEC_BYTES);
        draft_grow(draft);
        break;
    case SAMPLE_INFECT:
        draft_infect(draft);
        break;
    case SAMPLE_PRUNE:
        draft_prune(draft);
        break;
    case SAMPLE_CURE:
        draft_cure(draft);
        break;
    case SAMPLE_LOAD:
        draft->rule.priority = 5;
        draft_param(draft, "n", RMG_CODEC_I64);
        draft_update(draft, RMG_UPDATE_ADD, 0, "hits", RMG_CODEC_I64, CODE(put_param));
        break;
    case SAMPLE_RAISE:
        draft_param(draft, "n", RMG_CODEC_I64);
        draft_update(draft, RMG_UPDATE_RAISE, 0, "peak", RMG_CODEC_I64, CODE(put_param));
        draft_update(draft, RMG_UPDATE_LOWER, 0, "low", RMG_CODEC_I64, CODE(put_param));
        break;
    case SAMPLE_TAG:
        draft_param(draft, "v", RMG_CODEC_BYTES);
        draft_update(draft, RMG_UPDATE_PUT, 0, "tags", RMG_CODEC_BYTES, CODE(put_param));
        break;
    case SAMPLE_RULES:
        assert(false);
    }
}

struct rmg_rule *sample_rule(enum sample_rule which)
{
    struct draft draft = {.rule = {.priority = 0}};
    struct rmg_rule *rule = NULL;
    struct jit_buf buf;
    draft.rule.params = draft.params;
    draft.rule.elements = draft.elements;
    draft.rule.negatives = draft.negatives;
    draft.rule.creates = draft.creates;
    draft.rule.fields = draft.fields;
    draft.rule.constants = draft.constants;
    draft.rule.updates = draft.updates;
    draft_fill(&draft, which);
    jit_buf_init(&buf, jit_heap_libc(), JIT_PROGRAM_BYTES_MAX);
    enum jit_err err = rmg_rule_encode(&draft.rule, &buf);
    assert(err == JIT_OK);
    err = rmg_rule_decode(jit_heap_libc(), buf.data, buf.size, &rule);
    assert(err == JIT_OK);
    jit_buf_release(&buf);
    return rule;
}

void sample_rule_free(struct rmg_rule *rule)
{
    rmg_rule_free(jit_heap_libc(), rule);
}

uint32_t sample_params_bytes(uint8_t *out, const void *bytes, uint32_t size)
{
    jit_put_le64(out, size);
    memcpy(out + 8, bytes, size);
    return 8 + size;
}

uint32_t sample_params_i64(uint8_t *out, int64_t value)
{
    uint8_t bytes[8];
    jit_put_le64(bytes, (uint64_t)value);
    return sample_params_bytes(out, bytes, sizeof bytes);
}
