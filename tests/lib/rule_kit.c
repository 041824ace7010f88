#include "tests/lib/rule_kit.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "base/random.h"
#include "tests/lib/must.h"

struct jit_id kit_type(unsigned type)
{
    struct jit_id id = {{'t', (uint8_t)type, (uint8_t)(type >> 8)}};
    return id;
}

struct jit_id kit_id(char kind, uint64_t number)
{
    struct jit_random random = jit_random_of(number * 256 + (uint8_t)kind);
    struct jit_id id;
    for (unsigned i = 0; i < JIT_ID_BYTES; i += 8) {
        jit_put_le64(id.bytes + i, jit_random_next(&random));
    }
    return id;
}

/* --- rules --- */

static uint8_t put_name(char *to, const char *name)
{
    size_t size = strlen(name);
    assert(size <= JIT_NAME_BYTES_MAX);
    memcpy(to, name, size);
    return (uint8_t)size;
}

void kit_begin(struct rule_kit *kit, const char *name)
{
    memset(kit, 0, sizeof *kit);
    (void)put_name(kit->rule.name, name);
    kit->rule.params = kit->params;
    kit->rule.elements = kit->elements;
    kit->rule.equals = kit->equals;
    kit->rule.negatives = kit->negatives;
    kit->rule.aggregates = kit->aggregates;
    kit->rule.values = kit->values;
    kit->rule.creates = kit->creates;
    kit->rule.fields = kit->fields;
    kit->rule.constants = kit->constants;
    kit->rule.updates = kit->updates;
}

uint8_t kit_node(struct rule_kit *kit, unsigned type)
{
    assert(kit->rule.element_count < JIT_PATTERN_ELEMENTS_MAX);
    kit->elements[kit->rule.element_count] =
        (struct rmg_rule_element){.typed = type != 0, .type = kit_type(type)};
    return (uint8_t)kit->rule.element_count++;
}

uint8_t kit_edge(struct rule_kit *kit, uint8_t from, unsigned type, uint8_t to)
{
    uint8_t edge = kit_node(kit, type);
    kit->elements[edge].is_edge = true;
    kit->elements[edge].from = from;
    kit->elements[edge].to = to;
    return edge;
}

void kit_delete(struct rule_kit *kit, uint8_t element)
{
    kit->elements[element].deleted = true;
}

void kit_detach(struct rule_kit *kit, uint8_t node)
{
    kit->elements[node].deleted = true;
    kit->elements[node].detached = true;
    for (uint32_t i = 0; i < kit->rule.element_count; i++) {
        struct rmg_rule_element *element = &kit->elements[i];
        if (element->is_edge && (element->from == node || element->to == node)) {
            element->deleted = true;
        }
    }
}

void kit_may_equal(struct rule_kit *kit, uint8_t a, uint8_t b)
{
    assert(kit->rule.equal_count < sizeof kit->equals / sizeof kit->equals[0]);
    kit->equals[kit->rule.equal_count++] = (struct rmg_rule_equal){.a = a, .b = b};
}

void kit_not(struct rule_kit *kit, uint8_t element, enum rmg_direction direction,
             unsigned edge_type, unsigned other_type)
{
    assert(kit->rule.negative_count < RMG_RULE_NEGATIVES_MAX);
    kit->negatives[kit->rule.negative_count++] =
        (struct rmg_rule_near){.element = element,
                               .direction = direction,
                               .edge_typed = edge_type != 0,
                               .other_typed = other_type != 0,
                               .edge_type = kit_type(edge_type),
                               .other_type = kit_type(other_type)};
}

uint8_t kit_near(struct rule_kit *kit, const struct rmg_rule_near *near)
{
    bool aggregate = near->kind >= RMG_NEAR_COUNT;
    uint32_t *count = aggregate ? &kit->rule.aggregate_count : &kit->rule.negative_count;
    assert(aggregate || kit->rule.aggregate_count == 0);
    assert(*count < RMG_RULE_NEGATIVES_MAX && *count < RMG_RULE_AGGREGATES_MAX);
    struct rmg_rule_near *at = aggregate ? &kit->aggregates[*count] : &kit->negatives[*count];
    *at = *near;
    at->value_at = (uint16_t)kit->rule.value_count;
    return (uint8_t)(*count)++;
}

uint8_t kit_create_node(struct rule_kit *kit, unsigned type)
{
    assert(kit->rule.create_count < JIT_PATTERN_ELEMENTS_MAX);
    kit->creates[kit->rule.create_count] = (struct rmg_rule_create){.type = kit_type(type)};
    return (uint8_t)(RMG_RULE_CREATED | kit->rule.create_count++);
}

uint8_t kit_create_edge(struct rule_kit *kit, uint8_t from, unsigned type, uint8_t to)
{
    uint8_t edge = kit_create_node(kit, type);
    struct rmg_rule_create *create = &kit->creates[edge & (RMG_RULE_CREATED - 1u)];
    create->is_edge = true;
    create->from = from;
    create->to = to;
    return edge;
}

uint8_t kit_param(struct rule_kit *kit, const char *name, enum rmg_codec codec)
{
    assert(kit->rule.param_count < 8);
    (void)put_name(kit->params[kit->rule.param_count].name, name);
    kit->params[kit->rule.param_count].codec = codec;
    return (uint8_t)kit->rule.param_count++;
}

uint8_t kit_field(struct rule_kit *kit, uint8_t element, const char *name, enum rmg_codec codec)
{
    assert(kit->rule.field_count < 64);
    struct rmg_rule_field *field = &kit->fields[kit->rule.field_count];
    field->element = element;
    field->codec = codec;
    field->name_size = put_name(field->name, name);
    return (uint8_t)kit->rule.field_count++;
}

static void emit(struct rule_kit *kit, uint8_t byte)
{
    assert(kit->code_size < sizeof kit->code);
    kit->code[kit->code_size++] = byte;
}

void kit_push_field(struct rule_kit *kit, uint8_t field)
{
    emit(kit, RMG_EXPR_FIELD);
    emit(kit, field);
    emit(kit, 0);
}

static void push_const(struct rule_kit *kit, struct rmg_datum datum)
{
    assert(kit->rule.constant_count < 64);
    emit(kit, RMG_EXPR_CONST);
    emit(kit, (uint8_t)kit->rule.constant_count);
    emit(kit, 0);
    kit->constants[kit->rule.constant_count++] = datum;
}

void kit_push_i64(struct rule_kit *kit, int64_t value)
{
    push_const(kit, (struct rmg_datum){.codec = RMG_CODEC_I64, .as.i64 = value});
}

void kit_push_f64(struct rule_kit *kit, double value)
{
    push_const(kit, (struct rmg_datum){.codec = RMG_CODEC_F64, .as.f64 = value});
}

void kit_push_param(struct rule_kit *kit, uint8_t param)
{
    emit(kit, RMG_EXPR_PARAM);
    emit(kit, param);
}

void kit_push_element(struct rule_kit *kit, uint8_t element)
{
    emit(kit, RMG_EXPR_ELEMENT);
    emit(kit, element);
}

void kit_op(struct rule_kit *kit, enum rmg_expr_op op)
{
    emit(kit, (uint8_t)op);
}

void kit_draw_op(struct rule_kit *kit, enum rmg_expr_op op, uint32_t call)
{
    emit(kit, (uint8_t)op);
    for (unsigned i = 0; i < 4; i++) {
        emit(kit, (uint8_t)(call >> 8 * i));
    }
}

static struct rmg_expr take_expr(struct rule_kit *kit)
{
    struct rmg_expr expr = {.code = kit->code + kit->expr_at,
                            .size = kit->code_size - kit->expr_at};
    kit->expr_at = kit->code_size;
    return expr;
}

void kit_guard(struct rule_kit *kit)
{
    kit->rule.guard = take_expr(kit);
}

void kit_draw(struct rule_kit *kit)
{
    kit->rule.draw = take_expr(kit);
}

void kit_update(struct rule_kit *kit, enum rmg_update_kind kind, uint8_t target, const char *name,
                enum rmg_codec codec)
{
    assert(kit->rule.update_count < 64);
    struct rmg_rule_update *update = &kit->updates[kit->rule.update_count++];
    update->kind = kind;
    update->target = target;
    update->codec = codec;
    update->name_size = put_name(update->name, name);
    update->expr = take_expr(kit);
}

void kit_value(struct rule_kit *kit, bool of_edge, const char *name, enum rmg_codec codec)
{
    struct rmg_rule_near *near = kit->rule.aggregate_count > 0
                                     ? &kit->aggregates[kit->rule.aggregate_count - 1]
                                     : &kit->negatives[kit->rule.negative_count - 1];
    assert(kit->rule.value_count < sizeof kit->values / sizeof kit->values[0]);
    struct rmg_rule_value *value = &kit->values[kit->rule.value_count++];
    *value = (struct rmg_rule_value){.of_edge = of_edge, .codec = codec, .expr = take_expr(kit)};
    value->name_size = put_name(value->name, name);
    near->value_count++;
}

void kit_push_aggregate(struct rule_kit *kit, uint8_t aggregate)
{
    emit(kit, RMG_EXPR_AGGREGATE);
    emit(kit, aggregate);
}

struct rmg_rule *kit_compile(struct rule_kit *kit, struct jit_heap *heap)
{
    struct rmg_rule *rule = NULL;
    struct jit_buf buf;
    jit_buf_init(&buf, heap, JIT_PROGRAM_BYTES_MAX);
    must(rmg_rule_encode(&kit->rule, &buf));
    must(rmg_rule_decode(heap, buf.data, buf.size, &rule));
    jit_buf_release(&buf);
    return rule;
}

/* --- graphs --- */

void kit_graph_begin(struct kit_graph *g, struct jit_heap *heap, uint64_t arena_bytes)
{
    memset(g, 0, sizeof *g);
    g->heap = heap;
    g->instance = kit_id('I', 0);
    g->root = kit_id('R', 0);
    must(rmg_arena_new(heap, arena_bytes, &g->arena));
    struct rmg_store_options options = {.arenas = {g->arena}, .arena_count = 1};
    must(rmg_store_new(heap, &options, &g->store));
    g->version = rmg_version_empty();
    must(rmg_tx_begin(g->store, &g->version, &g->tx));
    must(rmg_tx_upsert_instance(g->tx, &g->instance, &g->root, NULL));
    kit_put_node(g, g->root, 99);
    kit_seal(g);
}

void kit_graph_end(struct kit_graph *g)
{
    rmg_tx_abort(g->tx);
    rmg_store_free(g->store);
    rmg_arena_free(g->heap, g->arena);
}

void kit_open(struct kit_graph *g)
{
    assert(g->tx == NULL);
    must(rmg_store_pin(g->store, &g->version));
    must(rmg_tx_begin(g->store, &g->version, &g->tx));
}

void kit_seal(struct kit_graph *g)
{
    must(rmg_tx_seal(g->tx, &g->version));
    g->tx = NULL;
}

void kit_put_node(struct kit_graph *g, struct jit_id id, unsigned type)
{
    struct jit_id type_id = kit_type(type);
    must(rmg_tx_upsert_node(g->tx, &g->instance, &id, &type_id));
}

void kit_put_edge(struct kit_graph *g, struct jit_id id, struct jit_id from, unsigned type,
                  struct jit_id to)
{
    struct rmg_edge edge = {.id = id, .from = from, .to = to, .type = kit_type(type)};
    must(rmg_tx_upsert_edge(g->tx, &g->instance, &edge));
}

void kit_put_atom(struct kit_graph *g, enum rmg_plane plane, struct jit_id owner, const char *name,
                  const struct rmg_datum *datum)
{
    struct jit_buf buf;
    jit_buf_init(&buf, g->heap, JIT_ATOM_BYTES_MAX);
    rmg_codec_encode(datum, &buf);
    must(buf.err);
    struct rmg_attachment attachment = {.name = name,
                                        .name_size = (uint32_t)strlen(name),
                                        .value = {.kind = RMG_VALUE_ATOM,
                                                  .type = *rmg_codec_type(datum->codec),
                                                  .bytes = buf.data,
                                                  .size = (uint32_t)buf.size}};
    must(rmg_tx_set_attachment(g->tx, &g->instance, plane, &owner, &attachment));
    jit_buf_release(&buf);
}

void kit_put_i64(struct kit_graph *g, enum rmg_plane plane, struct jit_id owner, const char *name,
                 int64_t value)
{
    struct rmg_datum datum = {.codec = RMG_CODEC_I64, .as.i64 = value};
    kit_put_atom(g, plane, owner, name, &datum);
}

void kit_clear(struct kit_graph *g, enum rmg_plane plane, struct jit_id owner, const char *name)
{
    must(rmg_tx_clear_attachment(g->tx, &g->instance, plane, &owner, name, (uint32_t)strlen(name)));
}

void kit_drop_edge(struct kit_graph *g, struct jit_id id)
{
    must(rmg_tx_delete_edge(g->tx, &g->instance, &id));
}

void kit_drop_node(struct kit_graph *g, struct jit_id id)
{
    must(rmg_tx_delete_node(g->tx, &g->instance, &id));
}

struct rmg_graph kit_graph_of(const struct kit_graph *g, uint64_t *slots)
{
    struct rmg_instance instance;
    struct rmg_graph graph;
    must(rmg_store_instance(g->store, &g->version, &g->instance, &instance));
    rmg_store_graph(g->store, &instance, &graph);
    graph.slots = slots;
    return graph;
}
