/* Goal:   a program decodes only when it is canonical and means something; hostile bytes are an
 *         error and nothing else.
 * Method: one rule that uses everything, round trip; every truncation; every byte changed to every
 *         value (refused, or it encodes to itself again); random programs behind a good header;
 *         one broken rule a row; limits and one past them; every refused allocation. */
#include <stdio.h>

#include "base/hash.h"
#include "rmg/rules/expr.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/tcase.h"

static struct fault_heap mem;
static struct jit_buf buf;
static struct rmg_rule *decoded;

static void setup(void)
{
    mem = fault_heap_make(-1, false);
    jit_buf_init(&buf, &mem.heap, 2 * JIT_PROGRAM_BYTES_MAX);
    decoded = NULL;
}

static void teardown(void)
{
    rmg_rule_free(&mem.heap, decoded);
    jit_buf_release(&buf);
    ck_assert_int_eq(mem.live, 0);
}

#define TYPE(n)                                                                                    \
    {                                                                                              \
        {                                                                                          \
            (n), 1                                                                                 \
        }                                                                                          \
    }

/* (a:1)-[e:2]->(b)-[:3]->(c:1), delete the last edge and c; create (x:4), (x)-[:5]->(a). */
struct sample {
    struct rmg_rule rule;
    struct rmg_rule_param params[2];
    struct rmg_rule_element elements[5];
    struct rmg_rule_equal equals[2];
    struct rmg_rule_near negatives[3];
    struct rmg_rule_near aggregates[2];
    struct rmg_rule_value values[3];
    struct rmg_rule_create creates[2];
    struct rmg_rule_field fields[4];
    struct rmg_datum constants[3];
    struct rmg_rule_update updates[4];
};

static const uint8_t guard_code[] = {RMG_EXPR_FIELD,
                                     0,
                                     0,
                                     RMG_EXPR_CONST,
                                     0,
                                     0,
                                     RMG_EXPR_EQ,
                                     RMG_EXPR_FIELD,
                                     1,
                                     0,
                                     RMG_EXPR_CONST,
                                     1,
                                     0,
                                     RMG_EXPR_LT,
                                     RMG_EXPR_AND,
                                     RMG_EXPR_ELEMENT,
                                     0,
                                     RMG_EXPR_ELEMENT,
                                     2,
                                     RMG_EXPR_NE,
                                     RMG_EXPR_OR};
static const uint8_t draw_code[] = {RMG_EXPR_PARAM, 0, RMG_EXPR_CHANCE, 0, 0, 0, 0};
static const uint8_t set_code[] = {RMG_EXPR_FIELD, 0, 0, RMG_EXPR_CONST, 0, 0, RMG_EXPR_ADD};
static const uint8_t add_code[] = {RMG_EXPR_CONST, 0, 0};
static const uint8_t text_code[] = {RMG_EXPR_CONST, 1, 0};
static const uint8_t random_code[] = {RMG_EXPR_RANDOM, 1, 0, 0, 0};

static const uint8_t count_code[] = {RMG_EXPR_AGGREGATE, 0};
static const uint8_t no_aggregate_code[] = {RMG_EXPR_AGGREGATE, 2};

#define CODE(x)                                                                                    \
    {                                                                                              \
        (x), sizeof(x)                                                                             \
    }

/* Something of all that a rule can have; sample_init() joins the parts. */
static const struct sample parts = {
    .rule = {.name = "r\xc3\xa9gle", .priority = -7},
    .params = {{"p", RMG_CODEC_F64}, {"q", RMG_CODEC_ID}},
    .elements = {{.typed = true, .type = TYPE(1)},
                 {.is_edge = true, .typed = true, .type = TYPE(2), .from = 0, .to = 2},
                 {.typed = false},
                 {.is_edge = true, .deleted = true, .from = 2, .to = 4},
                 {.deleted = true, .typed = true, .type = TYPE(1)}},
    .equals = {{0, 2}},
    .negatives = {{.element = 0,
                   .direction = RMG_DIR_OUT,
                   .edge_typed = true,
                   .other_typed = true,
                   .edge_type = TYPE(6),
                   .other_type = TYPE(1)},
                  {.element = 2, .direction = RMG_DIR_IN, .value_count = 1},
                  {.kind = RMG_NEAR_SOME,
                   .element = 2,
                   .direction = RMG_DIR_IN,
                   .other_matched = true,
                   .other = 0,
                   .value_at = 1}},
    .aggregates = {{.kind = RMG_NEAR_COUNT,
                    .alone = true,
                    .other_typed = true,
                    .other_type = TYPE(4),
                    .value_at = 1},
                   {.kind = RMG_NEAR_MAX,
                    .element = 0,
                    .direction = RMG_DIR_OUT,
                    .value_at = 1,
                    .value_count = 2,
                    .codec = RMG_CODEC_F64,
                    .name_size = 1,
                    .name = "m"}},
    .values = {{.of_edge = true,
                .codec = RMG_CODEC_I64,
                .name_size = 1,
                .name = "w",
                .expr = CODE(set_code)},
               {.codec = RMG_CODEC_TEXT, .name_size = 0, .expr = CODE(text_code)},
               {.of_edge = true,
                .codec = RMG_CODEC_I64,
                .name_size = 1,
                .name = "w",
                .expr = CODE(add_code)}},
    .creates = {{.type = TYPE(4)},
                {.is_edge = true, .type = TYPE(5), .from = RMG_RULE_CREATED | 0, .to = 0}},
    .fields = {{.element = 0, .codec = RMG_CODEC_I64, .name_size = 1, .name = "n"},
               {.element = 2, .codec = RMG_CODEC_TEXT, .name_size = 0, .name = ""},
               {.element = 0, .codec = RMG_CODEC_F64, .name_size = 1, .name = "n"},
               {.element = 2, .codec = RMG_CODEC_TEXT, .name_size = 0, .name = ""}},
    .constants = {{.codec = RMG_CODEC_I64, .as.i64 = -5},
                  {.codec = RMG_CODEC_TEXT, .bytes = (const uint8_t *)"hello", .size = 5},
                  {.codec = RMG_CODEC_F64, .as.f64 = -0.0}},
    .updates = {{.kind = RMG_UPDATE_SET,
                 .target = 0,
                 .codec = RMG_CODEC_I64,
                 .name_size = 1,
                 .name = "n",
                 .expr = CODE(set_code)},
                {.kind = RMG_UPDATE_ADD,
                 .target = 1,
                 .codec = RMG_CODEC_I64,
                 .name_size = 4,
                 .name = "hits",
                 .expr = CODE(add_code)},
                {.kind = RMG_UPDATE_SET,
                 .target = RMG_RULE_CREATED | 1,
                 .codec = RMG_CODEC_TEXT,
                 .name_size = 1,
                 .name = "t",
                 .expr = CODE(text_code)},
                {.kind = RMG_UPDATE_SET,
                 .target = RMG_RULE_CREATED | 0,
                 .codec = RMG_CODEC_F64,
                 .name_size = 1,
                 .name = "t",
                 .expr = CODE(random_code)}}};

static void sample_init(struct sample *s)
{
    *s = parts;
    struct rmg_rule *rule = &s->rule;
    rule->params = s->params;
    rule->param_count = 2;
    rule->elements = s->elements;
    rule->element_count = 5;
    rule->equals = s->equals;
    rule->equal_count = 1;
    rule->negatives = s->negatives;
    rule->negative_count = 3;
    rule->aggregates = s->aggregates;
    rule->aggregate_count = 2;
    rule->values = s->values;
    rule->value_count = 3;
    rule->creates = s->creates;
    rule->create_count = 2;
    rule->fields = s->fields;
    rule->field_count = 4;
    rule->constants = s->constants;
    rule->constant_count = 3;
    rule->updates = s->updates;
    rule->update_count = 4;
    rule->guard = (struct rmg_expr)CODE(guard_code);
    rule->draw = (struct rmg_expr)CODE(draw_code);
}

/* Encoding what was decoded gives the very bytes. */
static void again(const uint8_t *bytes, size_t size)
{
    struct jit_buf twice;
    jit_buf_init(&twice, &mem.heap, JIT_PROGRAM_BYTES_MAX);
    ck_assert_int_eq(rmg_rule_encode(decoded, &twice), JIT_OK);
    ck_assert_uint_eq(twice.size, size);
    ck_assert_int_eq(memcmp(twice.data, bytes, size), 0);
    jit_buf_release(&twice);
}

START_TEST(round_trip)
{
    struct sample s;
    struct jit_id want;
    sample_init(&s);
    ck_assert_int_eq(rmg_rule_encode(&s.rule, &buf), JIT_OK);
    ck_assert_int_eq(rmg_rule_decode(&mem.heap, buf.data, buf.size, &decoded), JIT_OK);
    again(buf.data, buf.size);
    jit_hash(buf.data, buf.size, &want);
    ck_assert(jit_id_equal(&want, &decoded->hash));
    jit_hash_named("rule:", "r\xc3\xa9gle", 6, &want);
    ck_assert(jit_id_equal(&want, &decoded->id));
    ck_assert_int_eq(decoded->priority, -7);
    ck_assert_str_eq(decoded->params[1].name, "q");
    ck_assert_int_eq(decoded->params[1].codec, RMG_CODEC_ID);
    ck_assert(decoded->elements[3].is_edge && decoded->elements[3].deleted);
    ck_assert_uint_eq(decoded->elements[3].to, 4);
    ck_assert_int_eq(decoded->negatives[1].direction, RMG_DIR_IN);
    ck_assert(!decoded->negatives[1].edge_typed && decoded->negatives[0].other_typed);
    ck_assert_uint_eq(decoded->creates[1].from, RMG_RULE_CREATED);
    ck_assert_int_eq(decoded->constants[0].as.i64, -5);
    ck_assert_int_eq(memcmp(decoded->constants[1].bytes, "hello", 5), 0);
    ck_assert(decoded->constants[2].as.f64 == 0.0);
    ck_assert_int_eq(memcmp(decoded->guard.code, guard_code, sizeof guard_code), 0);
    ck_assert_uint_eq(decoded->draw.size, sizeof draw_code);
    /* Field 0 is written by update 0, field 2 is read by nobody, field 3 is field 1 unread. */
    ck_assert_uint_eq(decoded->updates[0].field, 0);
    ck_assert_uint_eq(decoded->updates[1].field, RMG_NO_FIELD);
    ck_assert(decoded->fields[0].covered && !decoded->fields[1].covered);
    ck_assert(decoded->fields[2].covered && decoded->fields[3].covered);
}
END_TEST

START_TEST(truncated)
{
    struct sample s;
    sample_init(&s);
    ck_assert_int_eq(rmg_rule_encode(&s.rule, &buf), JIT_OK);
    for (size_t keep = 0; keep < buf.size; keep++) {
        ck_assert_int_eq(rmg_rule_decode(&mem.heap, buf.data, keep, &decoded), JIT_EFORMAT);
        ck_assert_ptr_null(decoded);
        if (keep >= 12) { /* with a size that agrees */
            uint8_t size[4];
            memcpy(size, buf.data + 8, 4);
            jit_put_le32(buf.data + 8, (uint32_t)keep);
            ck_assert_int_ne(rmg_rule_decode(&mem.heap, buf.data, keep, &decoded), JIT_OK);
            memcpy(buf.data + 8, size, 4);
        }
    }
}
END_TEST

START_TEST(mutated)
{
    struct sample s;
    int accepted = 0;
    sample_init(&s);
    ck_assert_int_eq(rmg_rule_encode(&s.rule, &buf), JIT_OK);
    for (size_t at = 0; at < buf.size; at++) {
        uint8_t was = buf.data[at];
        for (unsigned value = 0; value < 256; value++) {
            if (value == was) {
                continue;
            }
            buf.data[at] = (uint8_t)value;
            if (rmg_rule_decode(&mem.heap, buf.data, buf.size, &decoded) == JIT_OK) {
                again(buf.data, buf.size);
                rmg_rule_free(&mem.heap, decoded);
                accepted++;
            }
            decoded = NULL;
        }
        buf.data[at] = was;
    }
    ck_assert_int_gt(accepted, 1000); /* types, priority, constants may be anything */
}
END_TEST

START_TEST(random_programs)
{
    uint64_t state = 88172645463325252ull;
    uint8_t bytes[160];
    struct sample s;
    sample_init(&s);
    ck_assert_int_eq(rmg_rule_encode(&s.rule, &buf), JIT_OK);
    for (int round = 0; round < 100000; round++) {
        for (size_t i = 0; i < sizeof bytes; i++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            uint8_t byte = (uint8_t)(state >> 32);
            bytes[i] = byte < 128 ? (uint8_t)(byte & 7) : byte;
        }
        size_t size = 12 + (state >> 8) % (sizeof bytes - 11);
        memcpy(bytes, buf.data, 8);
        jit_put_le32(bytes + 8, (uint32_t)size);
        if (rmg_rule_decode(&mem.heap, bytes, size, &decoded) == JIT_OK) {
            again(bytes, size);
            rmg_rule_free(&mem.heap, decoded);
        }
        decoded = NULL;
    }
}
END_TEST

/* --- one broken rule a row --- */

static const uint8_t not_bool[] = {RMG_EXPR_CONST, 0, 0};
static const uint8_t draws_in_guard[] = {RMG_EXPR_CONST, 2, 0, RMG_EXPR_CHANCE, 0, 0, 0, 0};

#define BREAK(name, ...)                                                                           \
    static void break_##name(struct sample *s)                                                     \
    {                                                                                              \
        __VA_ARGS__;                                                                               \
    }
BREAK(nothing, (void)s)
BREAK(no_name, s->rule.name[0] = 0)
BREAK(name_not_utf8, s->rule.name[0] = '\xff')
BREAK(param_without_name, s->params[0].name[0] = 0)
BREAK(param_twice, s->params[1].name[0] = 'p')
BREAK(no_element, s->rule.element_count = 0)
BREAK(first_is_edge, s->elements[0].is_edge = true)
BREAK(zero_type, memset(&s->elements[0].type, 0, 32))
BREAK(edge_from_edge, s->elements[1].from = 3)
BREAK(edge_to_nowhere, s->elements[1].to = 5)
BREAK(edge_outlives_end, s->elements[3].deleted = false)
BREAK(detached_edge, s->elements[3].detached = true)
BREAK(detached_stays, s->elements[0].detached = true)
BREAK(equal_to_itself, s->equals[0].b = 0)
BREAK(equal_downwards, s->equals[0] = ((struct rmg_rule_equal){2, 0}))
BREAK(equal_to_an_edge, s->equals[0].b = 1)
BREAK(equal_to_nothing, s->equals[0].b = 9)
BREAK(equal_to_the_deleted, s->equals[0].b = 4)
BREAK(equal_twice, s->equals[1] = s->equals[0]; s->rule.equal_count = 2)
BREAK(equal_both_written, s->updates[1].target = 2; s->updates[1].name_size = 1;
      memcpy(s->updates[1].name, "n", 2))
BREAK(negative_of_edge, s->negatives[1].element = 1)
BREAK(negative_of_nothing, s->negatives[1].element = 9)
BREAK(negative_no_way, s->negatives[1].direction = (enum rmg_direction)3)
BREAK(negative_zero_type, memset(&s->negatives[0].edge_type, 0, 32))
BREAK(negative_zero_other, memset(&s->negatives[0].other_type, 0, 32))
BREAK(near_other_is_an_edge, s->negatives[2].other = 1)
BREAK(near_other_typed, s->negatives[2].other_typed = true; s->negatives[2].other_type.bytes[0] = 1)
BREAK(near_without_values, s->negatives[0].value_count = 0; s->negatives[1].value_count = 0)
BREAK(near_too_many_values, s->aggregates[1].value_count = 3)
BREAK(alone_of_an_element, s->aggregates[0].element = 2)
BREAK(alone_with_a_way, s->aggregates[0].direction = RMG_DIR_OUT)
BREAK(alone_without_a_type, s->aggregates[0].other_typed = false)
BREAK(alone_least, s->aggregates[0] = s->aggregates[1]; s->aggregates[0].alone = true;
      s->aggregates[0].value_count = 0)
BREAK(max_of_text, s->aggregates[1].codec = RMG_CODEC_TEXT)
BREAK(max_not_utf8, s->aggregates[1].name[0] = '\x80')
BREAK(value_codec, s->values[0].codec = RMG_CODEC_F64)
BREAK(value_empty, s->values[1].expr.size = 0)
BREAK(value_draws, s->values[0].codec = RMG_CODEC_F64;
      s->values[0].expr = (struct rmg_expr)CODE(random_code))
BREAK(value_aggregate, s->values[0].expr = (struct rmg_expr)CODE(count_code))
BREAK(aggregate_of_nothing, s->updates[0].expr = (struct rmg_expr)CODE(no_aggregate_code))
BREAK(aggregate_is_set, s->updates[0].expr = (struct rmg_expr)CODE(count_code))
BREAK(create_zero_type, memset(&s->creates[0].type, 0, 32))
BREAK(create_from_itself, s->creates[0] = s->creates[1])
BREAK(create_from_edge, s->creates[1].from = RMG_RULE_CREATED | 1)
BREAK(create_from_deleted, s->creates[1].from = 4)
BREAK(create_to_edge, s->creates[1].to = 1)
BREAK(create_to_nothing, s->creates[1].to = 77)
BREAK(field_of_nothing, s->fields[0].element = 5)
BREAK(field_not_utf8, s->fields[0].name[0] = '\x80')
BREAK(guard_not_bool, s->rule.guard = (struct rmg_expr)CODE(not_bool))
BREAK(guard_draws, s->rule.guard = (struct rmg_expr)CODE(draws_in_guard))
BREAK(draw_not_bool, s->rule.draw = (struct rmg_expr)CODE(not_bool))
BREAK(update_kind, s->updates[0].kind = (enum rmg_update_kind)6)
BREAK(update_deleted, s->updates[0].target = 4)
BREAK(update_nothing, s->updates[0].target = 5)
BREAK(update_uncreated, s->updates[2].target = RMG_RULE_CREATED | 2)
BREAK(update_codec, s->updates[0].codec = RMG_CODEC_F64)
BREAK(update_empty, s->updates[0].expr.size = 0)
BREAK(update_twice, s->updates[1] = s->updates[0])
BREAK(update_not_utf8, s->updates[0].name[0] = '\xc0')
BREAK(add_text, s->updates[1].expr = (struct rmg_expr)CODE(text_code);
      s->updates[1].codec = RMG_CODEC_TEXT)
BREAK(add_to_created, s->updates[1].target = RMG_RULE_CREATED | 0)
BREAK(raise, s->updates[1].kind = RMG_UPDATE_RAISE)
BREAK(lower, s->updates[1].kind = RMG_UPDATE_LOWER)
BREAK(put, s->updates[1].kind = RMG_UPDATE_PUT)
BREAK(raise_text, s->updates[1].expr = (struct rmg_expr)CODE(text_code);
      s->updates[1].kind = RMG_UPDATE_RAISE; s->updates[1].codec = RMG_CODEC_TEXT)
BREAK(put_to_created, s->updates[1].kind = RMG_UPDATE_PUT;
      s->updates[1].target = RMG_RULE_CREATED | 0)
BREAK(retry, s->rule.retry = JIT_RETRY_MAX)
BREAK(retry_more, s->rule.retry = JIT_RETRY_MAX + 1)
BREAK(delay, s->rule.delay = JIT_DELAY_MAX)
BREAK(delay_more, s->rule.delay = JIT_DELAY_MAX + 1)
BREAK(delay_retry, s->rule.delay = 7, s->rule.retry = JIT_RETRY_MAX)
BREAK(delay_retry_more, s->rule.delay = 7, s->rule.retry = JIT_RETRY_MAX + 1)

#define ROW(name, err)                                                                             \
    {                                                                                              \
#name, break_##name, err                                                                   \
    }
static const struct {
    const char *name;
    void (*break_it)(struct sample *s);
    enum jit_err err;
} rows[] = {
    ROW(nothing, JIT_OK),
    ROW(no_name, JIT_EFORMAT),
    ROW(name_not_utf8, JIT_EFORMAT),
    ROW(param_without_name, JIT_EFORMAT),
    ROW(param_twice, JIT_EFORMAT),
    ROW(no_element, JIT_EFORMAT),
    ROW(first_is_edge, JIT_EFORMAT),
    ROW(zero_type, JIT_EFORMAT),
    ROW(edge_from_edge, JIT_EFORMAT),
    ROW(edge_to_nowhere, JIT_EFORMAT),
    ROW(edge_outlives_end, JIT_EFORMAT),
    ROW(detached_edge, JIT_EFORMAT),
    ROW(detached_stays, JIT_EFORMAT),
    ROW(equal_to_itself, JIT_EFORMAT),
    ROW(equal_downwards, JIT_EFORMAT),
    ROW(equal_to_an_edge, JIT_EFORMAT),
    ROW(equal_to_nothing, JIT_EFORMAT),
    ROW(equal_to_the_deleted, JIT_EFORMAT),
    ROW(equal_twice, JIT_EFORMAT),
    ROW(equal_both_written, JIT_EFORMAT),
    ROW(negative_of_edge, JIT_EFORMAT),
    ROW(negative_of_nothing, JIT_EFORMAT),
    ROW(negative_no_way, JIT_EFORMAT),
    ROW(negative_zero_type, JIT_EFORMAT),
    ROW(negative_zero_other, JIT_EFORMAT),
    ROW(near_other_is_an_edge, JIT_EFORMAT),
    ROW(near_other_typed, JIT_EFORMAT),
    ROW(near_without_values, JIT_EFORMAT),
    ROW(near_too_many_values, JIT_EFORMAT),
    ROW(alone_of_an_element, JIT_EFORMAT),
    ROW(alone_with_a_way, JIT_EFORMAT),
    ROW(alone_without_a_type, JIT_EFORMAT),
    ROW(alone_least, JIT_EFORMAT),
    ROW(max_of_text, JIT_EFORMAT),
    ROW(max_not_utf8, JIT_EFORMAT),
    ROW(value_codec, JIT_EFORMAT),
    ROW(value_empty, JIT_EFORMAT),
    ROW(value_draws, JIT_EFORMAT),
    ROW(value_aggregate, JIT_EFORMAT),
    ROW(aggregate_of_nothing, JIT_EFORMAT),
    ROW(aggregate_is_set, JIT_OK),
    ROW(create_zero_type, JIT_EFORMAT),
    ROW(create_from_itself, JIT_EFORMAT),
    ROW(create_from_edge, JIT_EFORMAT),
    ROW(create_from_deleted, JIT_EFORMAT),
    ROW(create_to_edge, JIT_EFORMAT),
    ROW(create_to_nothing, JIT_EFORMAT),
    ROW(field_of_nothing, JIT_EFORMAT),
    ROW(field_not_utf8, JIT_EFORMAT),
    ROW(guard_not_bool, JIT_EFORMAT),
    ROW(guard_draws, JIT_EFORMAT),
    ROW(draw_not_bool, JIT_EFORMAT),
    ROW(update_kind, JIT_EFORMAT),
    ROW(update_deleted, JIT_EFORMAT),
    ROW(update_nothing, JIT_EFORMAT),
    ROW(update_uncreated, JIT_EFORMAT),
    ROW(update_codec, JIT_EFORMAT),
    ROW(update_empty, JIT_EFORMAT),
    ROW(update_twice, JIT_EFORMAT),
    ROW(update_not_utf8, JIT_EFORMAT),
    ROW(add_text, JIT_EFORMAT),
    ROW(add_to_created, JIT_EFORMAT),
    ROW(raise, JIT_OK),
    ROW(lower, JIT_OK),
    ROW(put, JIT_OK),
    ROW(raise_text, JIT_EFORMAT),
    ROW(put_to_created, JIT_EFORMAT),
    ROW(retry, JIT_OK),
    ROW(retry_more, JIT_ELIMIT),
    ROW(delay, JIT_OK),
    ROW(delay_more, JIT_ELIMIT),
    ROW(delay_retry, JIT_OK),
    ROW(delay_retry_more, JIT_ELIMIT),
};

START_TEST(broken) /* _i = row */
{
    struct sample s;
    sample_init(&s);
    rows[_i].break_it(&s);
    ck_assert_int_eq(rmg_rule_encode(&s.rule, &buf), JIT_OK);
    enum jit_err err = rmg_rule_decode(&mem.heap, buf.data, buf.size, &decoded);
    ck_assert_msg(err == rows[_i].err, "%s: %s", rows[_i].name, jit_err_name(err));
}
END_TEST

START_TEST(versions)
{
    struct sample s;
    sample_init(&s);
    ck_assert_int_eq(rmg_rule_encode(&s.rule, &buf), JIT_OK);
    for (size_t at = 4; at < 8; at++) {
        buf.data[at] ^= 4;
        ck_assert_int_eq(rmg_rule_decode(&mem.heap, buf.data, buf.size, &decoded), JIT_EVERSION);
        buf.data[at] ^= 4;
    }
    buf.data[0] ^= 1;
    ck_assert_int_eq(rmg_rule_decode(&mem.heap, buf.data, buf.size, &decoded), JIT_EFORMAT);
}
END_TEST

START_TEST(element_limit)
{
    struct rmg_rule_element elements[JIT_PATTERN_ELEMENTS_MAX + 1];
    memset(elements, 0, sizeof elements);
    struct rmg_rule rule = {
        .name = "wide", .elements = elements, .element_count = JIT_PATTERN_ELEMENTS_MAX};
    ck_assert_int_eq(rmg_rule_encode(&rule, &buf), JIT_OK);
    ck_assert_int_eq(rmg_rule_decode(&mem.heap, buf.data, buf.size, &decoded), JIT_OK);
    rule.element_count++;
    jit_buf_reset(&buf);
    ck_assert_int_eq(rmg_rule_encode(&rule, &buf), JIT_ELIMIT);
    /* The same by hand: one element more than it may have. */
    rule.element_count--;
    jit_buf_reset(&buf);
    ck_assert_int_eq(rmg_rule_encode(&rule, &buf), JIT_OK);
    buf.data[21]++;
    rmg_rule_free(&mem.heap, decoded);
    ck_assert_int_eq(rmg_rule_decode(&mem.heap, buf.data, buf.size, &decoded), JIT_ELIMIT);
}
END_TEST

START_TEST(size_limit)
{
    static uint8_t filler[JIT_PROGRAM_BYTES_MAX];
    struct rmg_datum constant = {.codec = RMG_CODEC_BYTES, .bytes = filler};
    struct rmg_rule_element node = {0};
    struct rmg_rule rule = {.name = "long",
                            .elements = &node,
                            .element_count = 1,
                            .constants = &constant,
                            .constant_count = 1};
    ck_assert_int_eq(rmg_rule_encode(&rule, &buf), JIT_OK);
    constant.size = (uint32_t)(JIT_PROGRAM_BYTES_MAX - buf.size);
    jit_buf_reset(&buf);
    ck_assert_int_eq(rmg_rule_encode(&rule, &buf), JIT_OK);
    ck_assert_uint_eq(buf.size, JIT_PROGRAM_BYTES_MAX);
    ck_assert_int_eq(rmg_rule_decode(&mem.heap, buf.data, buf.size, &decoded), JIT_OK);
    again(buf.data, buf.size);
    constant.size++;
    jit_buf_reset(&buf);
    ck_assert_int_eq(rmg_rule_encode(&rule, &buf), JIT_ELIMIT);
    rmg_rule_free(&mem.heap, decoded);
    ck_assert_int_eq(rmg_rule_decode(&mem.heap, buf.data, buf.size, &decoded), JIT_ELIMIT);
}
END_TEST

START_TEST(no_memory)
{
    struct sample s;
    sample_init(&s);
    for (int64_t n = 0;; n++) {
        struct fault_heap faulty = fault_heap_make(n, true);
        struct jit_buf bytes;
        jit_buf_init(&bytes, &faulty.heap, JIT_PROGRAM_BYTES_MAX);
        enum jit_err err = rmg_rule_encode(&s.rule, &bytes);
        if (err == JIT_OK) {
            err = rmg_rule_decode(&faulty.heap, bytes.data, bytes.size, &decoded);
        }
        ck_assert_int_eq(err, fault_heap_fired(&faulty) ? JIT_ENOMEM : JIT_OK);
        rmg_rule_free(&faulty.heap, decoded);
        decoded = NULL;
        jit_buf_release(&bytes);
        ck_assert_int_eq(faulty.live, 0);
        if (!fault_heap_fired(&faulty)) {
            break;
        }
    }
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "rule", 30);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, round_trip);
    tcase_add_test(t, truncated);
    tcase_add_test(t, mutated);
    tcase_add_test(t, random_programs);
    tcase_add_loop_test(t, broken, 0, (int)(sizeof rows / sizeof rows[0]));
    tcase_add_test(t, versions);
    tcase_add_test(t, element_limit);
    tcase_add_test(t, size_limit);
    tcase_add_test(t, no_memory);
}

TEST_MAIN("rule", suite)
