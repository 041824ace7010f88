#include "rmg/rules/rule.h"

#include <string.h>

#include "base/check.h"
#include "base/cursor.h"
#include "base/hash.h"
#include "rmg/rules/expr.h"
#include "rmg/rules/rule_priv.h"

#define MAGIC          0x4c55524au /* "JRUL" */
#define MAJOR          1u
#define MINOR_MAX      3u /* 0: a program that says nothing newer */
#define MINOR_DELAY    2u /* from here on `retry` has the delay above its first byte */
#define MINOR_PORTALS  3u /* from here on elements have places */
#define DELAY_SHIFT    8u
#define FLAG_EDGE      1u
#define FLAG_DELETED   2u
#define FLAG_TYPED     4u
#define FLAG_DETACHED  8u
#define FLAG_EDGE_TYPE 1u
#define FLAG_END_TYPE  2u
#define FLAG_SOME      4u
#define FLAG_MATCHED   8u
#define FLAG_ALONE     16u
#define FLAG_VALUES    32u
#define SIZE_AT        8u /* where the u32 total size lies */
#define SIZE_MIN_CONST 5u /* bytes of the smallest constant */

/* --- encode --- */

static void put_name(struct jit_buf *buf, const char *name, size_t size)
{
    assert(size <= JIT_NAME_BYTES_MAX);
    jit_buf_put_u8(buf, (uint8_t)size);
    jit_buf_put(buf, name, size);
}

static void put_near(const struct rmg_rule_near *near, struct jit_buf *buf)
{
    jit_buf_put_u8(buf, near->element);
    jit_buf_put_u8(buf, (uint8_t)near->direction);
    jit_buf_put_u8(buf, (uint8_t)((near->edge_typed ? FLAG_EDGE_TYPE : 0) |
                                  (near->other_typed ? FLAG_END_TYPE : 0) |
                                  (near->kind == RMG_NEAR_SOME ? FLAG_SOME : 0) |
                                  (near->other_matched ? FLAG_MATCHED : 0) |
                                  (near->alone ? FLAG_ALONE : 0) |
                                  (near->value_count > 0 ? FLAG_VALUES : 0)));
    if (near->edge_typed) {
        jit_buf_put_id(buf, &near->edge_type);
    }
    if (near->other_typed) {
        jit_buf_put_id(buf, &near->other_type);
    }
    if (near->other_matched) {
        jit_buf_put_u8(buf, near->other);
    }
    if (near->value_count > 0) {
        jit_buf_put_u8(buf, near->value_count);
    }
}

static bool is_of_field(const struct rmg_rule_near *near)
{
    return near->kind == RMG_NEAR_SUM || near->kind == RMG_NEAR_MIN || near->kind == RMG_NEAR_MAX;
}

static void put_aggregate(const struct rmg_rule_near *near, struct jit_buf *buf)
{
    jit_buf_put_u8(buf, (uint8_t)near->kind);
    put_near(near, buf);
    if (is_of_field(near)) {
        jit_buf_put_u8(buf, near->of_edge);
        jit_buf_put_u8(buf, (uint8_t)near->codec);
        put_name(buf, near->name, near->name_size);
    }
}

static void put_pattern(const struct rmg_rule *rule, struct jit_buf *buf)
{
    const bool places = rule->portal_count > 0;
    for (uint32_t i = 0; i < rule->element_count; i++) {
        const struct rmg_rule_element *element = &rule->elements[i];
        jit_buf_put_u8(
            buf,
            (uint8_t)((element->is_edge ? FLAG_EDGE : 0) | (element->deleted ? FLAG_DELETED : 0) |
                      (element->detached ? FLAG_DETACHED : 0) | (element->typed ? FLAG_TYPED : 0)));
        if (element->is_edge) {
            jit_buf_put_u8(buf, element->from);
            jit_buf_put_u8(buf, element->to);
        }
        if (element->typed) {
            jit_buf_put_id(buf, &element->type);
        }
        if (places) {
            jit_buf_put_u8(buf, element->place);
        }
    }
    for (uint32_t i = 0; i < rule->portal_count; i++) {
        jit_buf_put_u8(buf, rule->portals[i].owner);
        put_name(buf, rule->portals[i].name, rule->portals[i].name_size);
    }
    for (uint32_t i = 0; i < rule->equal_count; i++) {
        jit_buf_put_u8(buf, rule->equals[i].a);
        jit_buf_put_u8(buf, rule->equals[i].b);
    }
    for (uint32_t i = 0; i < rule->negative_count; i++) {
        put_near(&rule->negatives[i], buf);
    }
    for (uint32_t i = 0; i < rule->aggregate_count; i++) {
        put_aggregate(&rule->aggregates[i], buf);
    }
    for (uint32_t i = 0; i < rule->value_count; i++) {
        const struct rmg_rule_value *value = &rule->values[i];
        jit_buf_put_u8(buf, value->of_edge);
        jit_buf_put_u8(buf, (uint8_t)value->codec);
        put_name(buf, value->name, value->name_size);
        jit_buf_put_u32(buf, value->expr.size);
        jit_buf_put(buf, value->expr.code, value->expr.size);
    }
    for (uint32_t i = 0; i < rule->create_count; i++) {
        const struct rmg_rule_create *create = &rule->creates[i];
        jit_buf_put_u8(buf, create->is_edge ? FLAG_EDGE : 0);
        if (create->is_edge) {
            jit_buf_put_u8(buf, create->from);
            jit_buf_put_u8(buf, create->to);
        }
        jit_buf_put_id(buf, &create->type);
        if (places) {
            jit_buf_put_u8(buf, create->place);
        }
    }
}

static void put_values(const struct rmg_rule *rule, struct jit_buf *buf, struct jit_buf *value)
{
    for (uint32_t i = 0; i < rule->field_count; i++) {
        const struct rmg_rule_field *field = &rule->fields[i];
        jit_buf_put_u8(buf, field->element);
        jit_buf_put_u8(buf, (uint8_t)field->codec);
        put_name(buf, field->name, field->name_size);
    }
    for (uint32_t i = 0; i < rule->constant_count; i++) {
        jit_buf_reset(value);
        rmg_codec_encode(&rule->constants[i], value);
        jit_buf_put_u8(buf, (uint8_t)rule->constants[i].codec);
        jit_buf_put_u32(buf, (uint32_t)value->size);
        jit_buf_put(buf, value->data, value->size);
        if (value->err != JIT_OK && buf->err == JIT_OK) {
            buf->err = value->err;
        }
    }
    for (uint32_t i = 0; i < rule->update_count; i++) {
        const struct rmg_rule_update *update = &rule->updates[i];
        jit_buf_put_u8(buf, (uint8_t)update->kind);
        jit_buf_put_u8(buf, update->target);
        jit_buf_put_u8(buf, (uint8_t)update->codec);
        put_name(buf, update->name, update->name_size);
        jit_buf_put_u32(buf, update->expr.size);
        jit_buf_put(buf, update->expr.code, update->expr.size);
    }
    jit_buf_put(buf, rule->guard.code, rule->guard.size);
    jit_buf_put(buf, rule->draw.code, rule->draw.size);
}

/* Every count fits the bounds of rule.h and the bytes of the header. */
static bool counts_valid(const struct rmg_rule *rule)
{
    return rule->param_count <= RMG_RULE_PARAMS_MAX && rule->portal_count <= RMG_RULE_PORTALS_MAX &&
           rmg_rule_id_count(rule) <= JIT_PATTERN_ELEMENTS_MAX &&
           rule->equal_count <= RMG_RULE_EQUALS_MAX &&
           rule->negative_count <= RMG_RULE_NEGATIVES_MAX &&
           rule->aggregate_count <= RMG_RULE_AGGREGATES_MAX &&
           rule->value_count <= RMG_RULE_VALUES_MAX &&
           rule->create_count <= JIT_PATTERN_ELEMENTS_MAX &&
           rule->field_count <= RMG_RULE_FIELDS_MAX &&
           rule->constant_count <= JIT_PROGRAM_BYTES_MAX / SIZE_MIN_CONST &&
           rule->update_count <= RMG_RULE_UPDATES_MAX;
}

static bool has_newer(struct rmg_expr expr)
{
    struct jit_cursor cur = jit_cursor_of(expr.code, expr.size);
    struct rmg_expr_inst inst;
    bool newer = false;
    while (!newer && rmg_expr_next(&cur, &inst)) {
        newer = inst.op >= RMG_EXPR_AGGREGATE;
    }
    return newer;
}

/* The lowest version that can say it, so that a rule has one program. */
static uint16_t minor_of(const struct rmg_rule *rule)
{
    if (rule->portal_count > 0) {
        return MINOR_PORTALS;
    }
    if (rule->delay > 0) {
        return MINOR_DELAY;
    }
    bool newer = rule->equal_count > 0 || rule->aggregate_count > 0 || rule->value_count > 0;
    for (uint32_t i = 0; i < rule->negative_count; i++) {
        const struct rmg_rule_near *near = &rule->negatives[i];
        newer = newer || near->kind != RMG_NEAR_NONE || near->other_matched || near->alone;
    }
    newer = newer || has_newer(rule->guard) || has_newer(rule->draw);
    for (uint32_t i = 0; i < rule->update_count && !newer; i++) {
        newer = has_newer(rule->updates[i].expr);
    }
    return newer ? 1 : 0;
}

enum jit_err rmg_rule_encode(const struct rmg_rule *rule, struct jit_buf *buf)
{
    size_t start = buf->size;
    struct jit_buf value;
    if (!counts_valid(rule)) {
        return JIT_ELIMIT;
    }
    jit_buf_init(&value, buf->heap, JIT_PROGRAM_BYTES_MAX);
    jit_buf_put_u32(buf, MAGIC);
    jit_buf_put_u16(buf, MAJOR);
    jit_buf_put_u16(buf, minor_of(rule));
    jit_buf_put_u32(buf, 0);
    jit_buf_put_u32(buf, (uint32_t)rule->priority);
    jit_buf_put_u32(buf, rule->retry | rule->delay << DELAY_SHIFT);
    jit_buf_put_u8(buf, (uint8_t)rule->param_count);
    jit_buf_put_u8(buf, (uint8_t)rule->element_count);
    jit_buf_put_u8(buf, (uint8_t)rule->negative_count);
    jit_buf_put_u8(buf, (uint8_t)rule->create_count);
    jit_buf_put_u16(buf, (uint16_t)rule->field_count);
    jit_buf_put_u16(buf, (uint16_t)rule->constant_count);
    jit_buf_put_u16(buf, (uint16_t)rule->update_count);
    jit_buf_put_u32(buf, rule->guard.size);
    jit_buf_put_u32(buf, rule->draw.size);
    if (minor_of(rule) > 0) {
        jit_buf_put_u8(buf, (uint8_t)rule->equal_count);
        jit_buf_put_u8(buf, (uint8_t)rule->aggregate_count);
        jit_buf_put_u16(buf, (uint16_t)rule->value_count);
    }
    if (rule->portal_count > 0) {
        jit_buf_put_u8(buf, (uint8_t)rule->portal_count);
    }
    put_name(buf, rule->name, strlen(rule->name));
    for (uint32_t i = 0; i < rule->param_count; i++) {
        jit_buf_put_u8(buf, (uint8_t)rule->params[i].codec);
        put_name(buf, rule->params[i].name, strlen(rule->params[i].name));
    }
    put_pattern(rule, buf);
    put_values(rule, buf, &value);
    jit_buf_release(&value);
    if (buf->err != JIT_OK) {
        return buf->err;
    }
    if (buf->size - start > JIT_PROGRAM_BYTES_MAX) {
        return JIT_ELIMIT;
    }
    jit_put_le32(buf->data + start + SIZE_AT, (uint32_t)(buf->size - start));
    return JIT_OK;
}

/* --- decode --- */

/* A codec that exists, or NONE with the cursor gone bad. */
static enum rmg_codec get_codec(struct jit_cursor *cur)
{
    uint8_t codec = jit_get_u8(cur);
    if (codec < RMG_CODEC_BOOL || codec > RMG_CODEC_LIST) {
        cur->bad = true;
        return RMG_CODEC_NONE;
    }
    return (enum rmg_codec)codec;
}

static uint8_t get_flags(struct jit_cursor *cur, uint8_t known)
{
    uint8_t flags = jit_get_u8(cur);
    if ((flags & ~known) != 0) {
        cur->bad = true;
    }
    return flags;
}

/* name has room for JIT_NAME_BYTES_MAX + 1. Its bytes are judged by rmg_rule_check. */
static uint8_t get_name(struct jit_cursor *cur, char *name)
{
    uint8_t size = jit_get_u8(cur);
    const uint8_t *bytes = jit_get_bytes(cur, size);
    if (bytes == NULL) {
        return 0;
    }
    memcpy(name, bytes, size);
    if (memchr(name, 0, size) != NULL) {
        cur->bad = true;
    }
    return size;
}

static void get_near(struct jit_cursor *cur, uint16_t minor, struct rmg_rule_near *near,
                     uint32_t *values)
{
    const uint8_t old = FLAG_EDGE_TYPE | FLAG_END_TYPE;
    const uint8_t newer = FLAG_SOME | FLAG_MATCHED | FLAG_ALONE | FLAG_VALUES;
    near->element = jit_get_u8(cur);
    near->direction = (enum rmg_direction)jit_get_u8(cur);
    uint8_t flags = get_flags(cur, minor > 0 ? old | newer : old);
    near->kind = (flags & FLAG_SOME) != 0 ? RMG_NEAR_SOME : RMG_NEAR_NONE;
    near->edge_typed = (flags & FLAG_EDGE_TYPE) != 0;
    near->other_typed = (flags & FLAG_END_TYPE) != 0;
    near->other_matched = (flags & FLAG_MATCHED) != 0;
    near->alone = (flags & FLAG_ALONE) != 0;
    if (near->edge_typed) {
        jit_get_id(cur, &near->edge_type);
    }
    if (near->other_typed) {
        jit_get_id(cur, &near->other_type);
    }
    near->other = near->other_matched ? jit_get_u8(cur) : 0;
    near->value_at = (uint16_t)*values;
    if ((flags & FLAG_VALUES) != 0) {
        near->value_count = jit_get_u8(cur);
        cur->bad = cur->bad || near->value_count == 0;
        *values += near->value_count;
    }
}

static bool get_bool(struct jit_cursor *cur)
{
    return get_flags(cur, 1) != 0;
}

static void get_aggregate(struct jit_cursor *cur, uint16_t minor, struct rmg_rule_near *near,
                          uint32_t *values)
{
    uint8_t kind = jit_get_u8(cur);
    get_near(cur, minor, near, values);
    if (kind < RMG_NEAR_COUNT || kind > RMG_NEAR_MAX || near->kind == RMG_NEAR_SOME) {
        cur->bad = true;
        return;
    }
    near->kind = (enum rmg_near_kind)kind;
    if (is_of_field(near)) {
        near->of_edge = get_bool(cur);
        near->codec = get_codec(cur);
        near->name_size = get_name(cur, near->name);
    }
}

/* What conditions and aggregates look for, and the values they ask for. */
static void get_nears(struct jit_cursor *cur, uint16_t minor, struct rmg_rule *rule)
{
    uint32_t values = 0;
    for (uint32_t i = 0; i < rule->negative_count; i++) {
        get_near(cur, minor, &rule->negatives[i], &values);
    }
    for (uint32_t i = 0; i < rule->aggregate_count; i++) {
        get_aggregate(cur, minor, &rule->aggregates[i], &values);
    }
    if (values != rule->value_count) {
        cur->bad = true;
        return;
    }
    for (uint32_t i = 0; i < rule->value_count; i++) {
        struct rmg_rule_value *value = &rule->values[i];
        value->of_edge = get_bool(cur);
        value->codec = get_codec(cur);
        value->name_size = get_name(cur, value->name);
        value->expr.size = jit_get_u32(cur);
        value->expr.code = jit_get_bytes(cur, value->expr.size);
    }
}

static void get_pattern(struct jit_cursor *cur, uint16_t minor, struct rmg_rule *rule)
{
    for (uint32_t i = 0; i < rule->element_count; i++) {
        struct rmg_rule_element *element = &rule->elements[i];
        uint8_t flags = get_flags(cur, FLAG_EDGE | FLAG_DELETED | FLAG_TYPED | FLAG_DETACHED);
        element->is_edge = (flags & FLAG_EDGE) != 0;
        element->deleted = (flags & FLAG_DELETED) != 0;
        element->detached = (flags & FLAG_DETACHED) != 0;
        element->typed = (flags & FLAG_TYPED) != 0;
        if (element->is_edge) {
            element->from = jit_get_u8(cur);
            element->to = jit_get_u8(cur);
        }
        if (element->typed) {
            jit_get_id(cur, &element->type);
        }
        element->place = minor >= MINOR_PORTALS ? jit_get_u8(cur) : 0;
    }
    for (uint32_t i = 0; i < rule->portal_count; i++) {
        rule->portals[i].owner = jit_get_u8(cur);
        rule->portals[i].name_size = get_name(cur, rule->portals[i].name);
    }
    for (uint32_t i = 0; i < rule->equal_count; i++) {
        rule->equals[i].a = jit_get_u8(cur);
        rule->equals[i].b = jit_get_u8(cur);
    }
    get_nears(cur, minor, rule);
    for (uint32_t i = 0; i < rule->create_count; i++) {
        struct rmg_rule_create *create = &rule->creates[i];
        create->is_edge = (get_flags(cur, FLAG_EDGE) & FLAG_EDGE) != 0;
        if (create->is_edge) {
            create->from = jit_get_u8(cur);
            create->to = jit_get_u8(cur);
        }
        jit_get_id(cur, &create->type);
        create->place = minor >= MINOR_PORTALS ? jit_get_u8(cur) : 0;
    }
}

static void get_values(struct jit_cursor *cur, struct rmg_rule *rule)
{
    for (uint32_t i = 0; i < rule->field_count; i++) {
        rule->fields[i].element = jit_get_u8(cur);
        rule->fields[i].codec = get_codec(cur);
        rule->fields[i].name_size = get_name(cur, rule->fields[i].name);
    }
    for (uint32_t i = 0; i < rule->constant_count && !cur->bad; i++) {
        enum rmg_codec codec = get_codec(cur);
        uint32_t size = jit_get_u32(cur);
        const uint8_t *bytes = jit_get_bytes(cur, size);
        if (bytes == NULL || rmg_codec_decode(codec, bytes, size, &rule->constants[i]) != JIT_OK) {
            cur->bad = true;
        }
    }
    for (uint32_t i = 0; i < rule->update_count; i++) {
        struct rmg_rule_update *update = &rule->updates[i];
        update->kind = (enum rmg_update_kind)jit_get_u8(cur);
        update->target = jit_get_u8(cur);
        update->codec = get_codec(cur);
        update->name_size = get_name(cur, update->name);
        update->expr.size = jit_get_u32(cur);
        update->expr.code = jit_get_bytes(cur, update->expr.size);
    }
    rule->guard.code = jit_get_bytes(cur, rule->guard.size);
    rule->draw.code = jit_get_bytes(cur, rule->draw.size);
}

/* One block: the rule, its arrays, and a copy of the bytes that expressions and constants point
 * into. Arrays start at multiples of 16. */
static size_t take(size_t *used, size_t count, size_t size)
{
    size_t at = *used;
    *used += (count * size + 15u) & ~(size_t)15u;
    return at;
}

static struct rmg_rule *rule_alloc(struct jit_heap *heap, const struct rmg_rule *counts,
                                   const uint8_t *bytes, size_t size, uint8_t **copy)
{
    size_t used = 0;
    size_t rule_at = take(&used, 1, sizeof(struct rmg_rule));
    size_t params_at = take(&used, counts->param_count, sizeof(struct rmg_rule_param));
    size_t elements_at = take(&used, counts->element_count, sizeof(struct rmg_rule_element));
    size_t portals_at = take(&used, counts->portal_count, sizeof(struct rmg_rule_portal));
    size_t equals_at = take(&used, counts->equal_count, sizeof(struct rmg_rule_equal));
    size_t negatives_at = take(&used, counts->negative_count, sizeof(struct rmg_rule_near));
    size_t aggregates_at = take(&used, counts->aggregate_count, sizeof(struct rmg_rule_near));
    size_t values_at = take(&used, counts->value_count, sizeof(struct rmg_rule_value));
    size_t creates_at = take(&used, counts->create_count, sizeof(struct rmg_rule_create));
    size_t fields_at = take(&used, counts->field_count, sizeof(struct rmg_rule_field));
    size_t constants_at = take(&used, counts->constant_count, sizeof(struct rmg_datum));
    size_t updates_at = take(&used, counts->update_count, sizeof(struct rmg_rule_update));
    size_t bytes_at = take(&used, size, 1);
    uint8_t *block = jit_heap_zalloc(heap, 1, used);
    if (block == NULL) {
        return NULL;
    }
    struct rmg_rule *rule = (struct rmg_rule *)(void *)(block + rule_at);
    *rule = *counts;
    rule->memory = block;
    rule->params = (struct rmg_rule_param *)(void *)(block + params_at);
    rule->elements = (struct rmg_rule_element *)(void *)(block + elements_at);
    rule->portals = (struct rmg_rule_portal *)(void *)(block + portals_at);
    rule->equals = (struct rmg_rule_equal *)(void *)(block + equals_at);
    rule->negatives = (struct rmg_rule_near *)(void *)(block + negatives_at);
    rule->aggregates = (struct rmg_rule_near *)(void *)(block + aggregates_at);
    rule->values = (struct rmg_rule_value *)(void *)(block + values_at);
    rule->creates = (struct rmg_rule_create *)(void *)(block + creates_at);
    rule->fields = (struct rmg_rule_field *)(void *)(block + fields_at);
    rule->constants = (struct rmg_datum *)(void *)(block + constants_at);
    rule->updates = (struct rmg_rule_update *)(void *)(block + updates_at);
    memcpy(block + bytes_at, bytes, size);
    *copy = block + bytes_at;
    return rule;
}

/* Everything before the parameters. */
static enum jit_err get_header(struct jit_cursor *cur, size_t size, struct rmg_rule *out,
                               uint16_t *out_minor)
{
    memset(out, 0, sizeof *out);
    if (jit_get_u32(cur) != MAGIC) {
        return JIT_EFORMAT;
    }
    uint16_t major = jit_get_u16(cur);
    uint16_t minor = jit_get_u16(cur);
    if (cur->bad) {
        return JIT_EFORMAT;
    }
    if (major != MAJOR || minor > MINOR_MAX) {
        return JIT_EVERSION;
    }
    uint32_t total = jit_get_u32(cur);
    out->priority = (int32_t)jit_get_u32(cur);
    out->retry = jit_get_u32(cur);
    if (minor >= MINOR_DELAY) {
        out->delay = out->retry >> DELAY_SHIFT;
        out->retry &= (1u << DELAY_SHIFT) - 1;
    }
    out->param_count = jit_get_u8(cur);
    out->element_count = jit_get_u8(cur);
    out->negative_count = jit_get_u8(cur);
    out->create_count = jit_get_u8(cur);
    out->field_count = jit_get_u16(cur);
    out->constant_count = jit_get_u16(cur);
    out->update_count = jit_get_u16(cur);
    out->guard.size = jit_get_u32(cur);
    out->draw.size = jit_get_u32(cur);
    if (minor > 0) {
        out->equal_count = jit_get_u8(cur);
        out->aggregate_count = jit_get_u8(cur);
        out->value_count = jit_get_u16(cur);
    }
    if (minor >= MINOR_PORTALS) {
        out->portal_count = jit_get_u8(cur);
    }
    (void)get_name(cur, out->name);
    *out_minor = minor;
    if (cur->bad || total != size) {
        return JIT_EFORMAT;
    }
    return counts_valid(out) ? JIT_OK : JIT_ELIMIT;
}

enum jit_err rmg_rule_decode(struct jit_heap *heap, const uint8_t *bytes, size_t size,
                             struct rmg_rule **out)
{
    struct rmg_rule header;
    struct rmg_rule *rule = NULL;
    uint8_t *copy = NULL;
    enum jit_err err;

    assert(heap != NULL);
    assert(bytes != NULL || size == 0);
    *out = NULL;
    if (size > JIT_PROGRAM_BYTES_MAX) {
        return JIT_ELIMIT;
    }
    struct jit_cursor cur = jit_cursor_of(bytes, size);
    uint16_t minor = 0;
    err = get_header(&cur, size, &header, &minor);
    if (err != JIT_OK) {
        return err;
    }
    rule = rule_alloc(heap, &header, bytes, size, &copy);
    if (rule == NULL) {
        return JIT_ENOMEM;
    }
    size_t left = cur.left;
    cur = jit_cursor_of(copy + (size - left), left);
    for (uint32_t i = 0; i < rule->param_count; i++) {
        rule->params[i].codec = get_codec(&cur);
        (void)get_name(&cur, rule->params[i].name);
    }
    get_pattern(&cur, minor, rule);
    get_values(&cur, rule);
    err = jit_cursor_done(&cur) ? rmg_rule_check(rule) : JIT_EFORMAT;
    if (err == JIT_OK && minor != minor_of(rule)) {
        err = JIT_EFORMAT;
    }
    if (err != JIT_OK) {
        goto out;
    }
    jit_hash_named("rule:", rule->name, strlen(rule->name), &rule->id);
    jit_hash(copy, size, &rule->hash);
    *out = rule;
    rule = NULL; /* transferred */
out:
    rmg_rule_free(heap, rule);
    return err;
}

void rmg_rule_free(struct jit_heap *heap, struct rmg_rule *rule)
{
    if (rule != NULL) {
        heap->free(heap, rule->memory);
    }
}
