/* Goal:   rmg_check finds every node, edge and atom that breaks its type and nothing else; what is
 * not declared is counted and left alone; inferring says what a graph uses. Method: random graphs
 * of two instances over few types, names and values, kept as plain lists beside the store; a judge
 * that knows only the lists is the oracle for the breaches, the counts and the inferred types;
 * every refused allocation; a visitor that stops. */
#include "rmg/schema/schema_check.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/random.h"
#include "rmg/store/arena.h"
#include "rmg/schema/schema_infer.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/must.h"
#include "tests/lib/named.h"
#include "tests/lib/tcase.h"

#define ARENA_BYTES (2u << 20)
#define NODES       14u
#define EDGES       10u
#define ATOMS       4u
#define TYPES       5u /* T0, T1, T2 nodes, T3 edges, T4 not declared */

static struct fault_heap mem;
static struct rmg_arena *arena;
static struct rmg_store *store;
static struct rmg_schema *schema;
static struct jit_random rnd;

static uint32_t below(uint32_t bound)
{
    return (uint32_t)jit_random_below(&rnd, bound);
}

static struct jit_id numbered(const char *prefix, char letter, unsigned number)
{
    char label[16];
    (void)snprintf(label, sizeof label, "%c%u", letter, number);
    return named(prefix, label);
}

/* ---- the schema: fields a (i64, default), b (id), c (bool), d (list<id>), e (a type of nobody)
 * ---- */

static const uint8_t zeros[8];
static const char *const field_names[] = {"a", "b", "c", "d", "e"};

static void setup(void)
{
    struct jit_id ends[2];
    struct rmg_schema_field fields[] = {
        {.name = "a", .codec = RMG_CODEC_I64, .has_default = true, .value = zeros, .value_size = 8},
        {.name = "b", .codec = RMG_CODEC_ID},
        {.name = "c", .codec = RMG_CODEC_BOOL},
        {.name = "d", .codec = RMG_CODEC_LIST, .element = RMG_CODEC_ID},
        {.name = "e", .type = named("type:", "odd")},
    };
    struct rmg_schema_type type = {.kind = RMG_TYPE_NODE, .fields = fields};
    char name[4] = "T0";
    mem = fault_heap_make(-1, false);
    must(rmg_schema_new(&mem.heap, &schema));
    must(rmg_schema_add_builtin(schema));
    for (uint32_t i = 0; i < 4; i++) {
        name[1] = (char)('0' + i);
        type.name = name;
        type.field_count = i < 3 ? 5 - i : 5;
        if (i == 3) {
            ends[0] = numbered("type:", 'T', 0);
            ends[1] = numbered("type:", 'T', 1);
            if (jit_id_compare(&ends[0], &ends[1]) > 0) {
                struct jit_id first = ends[0];
                ends[0] = ends[1];
                ends[1] = first;
            }
            type.kind = RMG_TYPE_EDGE;
            type.from = ends;
            type.from_count = 2;
            type.to = ends;
            type.to_count = 1;
        }
        must(rmg_schema_add(schema, &type, NULL));
    }
}

static void teardown(void)
{
    rmg_schema_free(schema);
    ck_assert_int_eq(mem.live, 0);
}

/* ---- a random graph, as lists ---- */

struct atom {
    unsigned name; /* index */
    struct jit_id type;
    uint8_t bytes[64];
    uint32_t size;
};

struct thing {
    unsigned instance;
    bool is_edge;
    struct jit_id id;
    unsigned type;
    unsigned from; /* index of a node */
    unsigned to;
    struct atom atoms[ATOMS];
    unsigned atom_count;
};

static struct thing things[NODES + EDGES];
static struct jit_id places[2];
static struct rmg_version version;

static void random_atom(struct atom *atom)
{
    static const char *const types[] = {"i64", "id", "bool", "list<id>", "odd", "list", "text"};
    unsigned type = below(7);
    atom->type = named("type:", types[type]);
    memset(atom->bytes, 0, sizeof atom->bytes);
    struct jit_id ids[1];
    bool real = below(3) == 0; /* names a node */
    ids[0] = real ? things[below(NODES)].id : numbered("node:", 'x', below(4));
    switch (type) {
    case 0:
        atom->size = below(4) == 0 ? 7 : 8;
        break;
    case 1:
        atom->size = below(4) == 0 ? 31 : 32;
        memcpy(atom->bytes, &ids[0], 32);
        break;
    case 2:
        atom->size = 1;
        atom->bytes[0] = (uint8_t)below(3);
        break;
    case 3:
        atom->bytes[0] = 1;
        atom->bytes[8] = below(4) == 0 ? 33 : 32;
        memcpy(atom->bytes + 16, &ids[0], 32);
        atom->size = 48;
        break;
    case 4:
        atom->size = below(20);
        break;
    default:
        atom->size = type == 5 ? 8 : 0;
        break;
    }
}

static void random_things(void)
{
    for (unsigned i = 0; i < NODES + EDGES; i++) {
        things[i] = (struct thing){.is_edge = i >= NODES};
        things[i].id = numbered(i < NODES ? "node:" : "edge:", 'n', i);
        things[i].instance = i < NODES / 2 || (i >= NODES && i < NODES + EDGES / 2) ? 0 : 1;
    }
    for (unsigned i = 0; i < NODES + EDGES; i++) {
        struct thing *t = &things[i];
        unsigned first = t->instance == 0 ? 0 : NODES / 2;
        t->type = t->is_edge && below(4) != 0 ? 3 : below(TYPES);
        t->from = first + below(NODES / 2);
        t->to = first + below(NODES / 2);
        for (unsigned name = 0; name < 5; name++) {
            if (t->atom_count < ATOMS && below(2) == 0) {
                struct atom *atom = &t->atoms[t->atom_count++];
                atom->name = name;
                random_atom(atom);
            }
        }
    }
}

static void load_things(void)
{
    struct rmg_collect *collect = NULL;
    struct rmg_tx *tx = NULL;
    struct jit_id at;
    must(rmg_arena_new(&mem.heap, ARENA_BYTES, &arena));
    struct rmg_store_options options = {.arenas = {arena}, .arena_count = 1};
    must(rmg_store_new(&mem.heap, &options, &store));
    must(rmg_collect_new(&mem.heap, store, &collect));
    must(rmg_collect_path(collect, "/", &places[0]));
    must(rmg_collect_path(collect, "/x", &places[1]));
    for (unsigned i = 0; i < NODES + EDGES; i++) {
        const struct thing *t = &things[i];
        struct jit_id type = numbered("type:", 'T', t->type);
        struct rmg_edge edge = {
            .id = t->id, .from = things[t->from].id, .to = things[t->to].id, .type = type};
        must(t->is_edge ? rmg_collect_edge(collect, &places[t->instance], &edge)
                        : rmg_collect_node(collect, &places[t->instance], &t->id, &type));
        for (unsigned k = 0; k < t->atom_count; k++) {
            struct rmg_attachment attachment = {.name = field_names[t->atoms[k].name],
                                                .name_size = 1,
                                                .value = {.kind = RMG_VALUE_ATOM,
                                                          .type = t->atoms[k].type,
                                                          .bytes = t->atoms[k].bytes,
                                                          .size = t->atoms[k].size}};
            must(rmg_collect_attachment(collect, &places[t->instance],
                                        t->is_edge ? RMG_PLANE_BETA : RMG_PLANE_ALPHA, &t->id,
                                        &attachment));
        }
    }
    version = rmg_version_empty();
    must(rmg_tx_begin(store, &version, &tx));
    must(rmg_collect_load(collect, tx, &at));
    must(rmg_tx_seal(tx, &version));
    rmg_collect_free(collect);
}

static void close_store(void)
{
    rmg_store_free(store);
    rmg_arena_free(&mem.heap, arena);
}

/* ---- the judge over the lists ---- */

struct verdict {
    enum rmg_breach_kind kind;
    struct jit_id id;
    char name;
};
static struct verdict wanted[4096];
static size_t wanted_count;
static struct rmg_check_counts wanted_counts;
static uint32_t seen_kinds[RMG_BREACH_KINDS];

static void want(enum rmg_breach_kind kind, const struct thing *t, char name)
{
    ck_assert_uint_lt(wanted_count, sizeof wanted / sizeof *wanted);
    wanted[wanted_count++] = (struct verdict){.kind = kind, .id = t->id, .name = name};
    wanted_counts.breaches++;
    wanted_counts.of_kind[kind]++;
    seen_kinds[kind]++;
}

static bool names_a_node(const uint8_t *id)
{
    for (unsigned i = 0; i < NODES; i++) {
        if (memcmp(things[i].id.bytes, id, 32) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_type(const struct atom *atom, const char *name)
{
    struct jit_id type = named("type:", name);
    return jit_id_equal(&atom->type, &type);
}

static bool is_canonical(const struct atom *atom)
{
    return is_type(atom, "i64")        ? atom->size == 8
           : is_type(atom, "id")       ? atom->size == 32
           : is_type(atom, "bool")     ? atom->bytes[0] < 2
           : is_type(atom, "list<id>") ? atom->bytes[8] == 32
                                       : true;
}

/* The number of fields that a type declares: T0 to T2 have 5, 4, 3 of them, T3 has 5. */
static unsigned declared_fields(const struct thing *t)
{
    bool fits = t->is_edge ? t->type == 3 : t->type < 3;
    return !fits ? 0 : t->type == 3 ? 5 : 5 - t->type;
}

static void judge_atom(const struct thing *t, const struct atom *atom)
{
    static const char *const codecs[] = {"i64", "id", "bool", "list<id>", "odd"};
    char name = field_names[atom->name][0];
    bool declared = atom->name < declared_fields(t);
    wanted_counts.atoms++;
    wanted_counts.atoms_undeclared += !declared;
    wanted_counts.atoms_opaque += is_type(atom, "odd");
    if (declared && !is_type(atom, codecs[atom->name])) {
        want(RMG_BREACH_CODEC, t, name);
    }
    if (!is_canonical(atom)) {
        want(RMG_BREACH_CANONICAL, t, name);
        return;
    }
    if ((is_type(atom, "id") && names_a_node(atom->bytes)) ||
        (is_type(atom, "list<id>") && names_a_node(atom->bytes + 16))) {
        want(RMG_BREACH_HIDDEN_EDGE, t, name);
    }
}

static void judge(void)
{
    struct jit_id low = numbered("type:", 'T', 0);
    struct jit_id high = numbered("type:", 'T', 1);
    unsigned enters = jit_id_compare(&low, &high) < 0 ? 0 : 1; /* the lower one of T0 and T1 */
    wanted_count = 0;
    /* Two root nodes of type instance, which is declared without fields; one portal. */
    wanted_counts = (struct rmg_check_counts){.nodes = NODES + 2, .edges = EDGES};
    for (unsigned i = 0; i < NODES + EDGES; i++) {
        const struct thing *t = &things[i];
        bool has_a = false;
        *(t->is_edge ? &wanted_counts.edges_undeclared : &wanted_counts.nodes_undeclared) +=
            t->type == 4;
        if (t->type != 4 && declared_fields(t) == 0) {
            want(RMG_BREACH_KIND, t, 0);
        }
        for (unsigned k = 0; k < t->atom_count; k++) {
            has_a |= t->atoms[k].name == 0;
            judge_atom(t, &t->atoms[k]);
        }
        if (declared_fields(t) > 0 && !has_a) {
            want(RMG_BREACH_MISSING, t, 'a');
        }
        if (t->is_edge && t->type == 3) {
            if (things[t->from].type > 1) {
                want(RMG_BREACH_FROM, t, 0);
            }
            if (things[t->to].type != enters) {
                want(RMG_BREACH_TO, t, 0);
            }
        }
    }
}

/* ---- comparing ---- */

static struct verdict found[4096];
static size_t found_count;

static bool take(void *user, const struct rmg_breach *breach)
{
    uint32_t *left = user;
    found[found_count++] = (struct verdict){
        .kind = breach->kind, .id = breach->id, .name = breach->name == NULL ? 0 : breach->name[0]};
    ck_assert_int_eq(breach->is_edge, breach->kind == RMG_BREACH_FROM ||
                                          breach->kind == RMG_BREACH_TO || breach->is_edge);
    return left == NULL || --*left > 0;
}

static int compare_verdicts(const void *a, const void *b)
{
    const struct verdict *x = a;
    const struct verdict *y = b;
    int order = jit_id_compare(&x->id, &y->id);
    order = order != 0 ? order : (int)x->kind - (int)y->kind;
    return order != 0 ? order : x->name - y->name;
}

START_TEST(breaches)
{
    for (unsigned round = 0; round < 300; round++) {
        struct rmg_check_counts counts;
        struct rmg_check check = {.schema = schema, .visit = take};
        rnd = jit_random_of(100 + round);
        random_things();
        load_things();
        judge();
        found_count = 0;
        must(rmg_check(&mem.heap, store, &version, &check, &counts));
        ck_assert_msg(memcmp(&counts, &wanted_counts, sizeof counts) == 0, "round %u: counts",
                      round);
        ck_assert_uint_eq(found_count, wanted_count);
        qsort(found, found_count, sizeof *found, compare_verdicts);
        qsort(wanted, wanted_count, sizeof *wanted, compare_verdicts);
        for (size_t i = 0; i < found_count; i++) {
            ck_assert_msg(compare_verdicts(&found[i], &wanted[i]) == 0,
                          "round %u: breach %zu of %zu", round, i, found_count);
        }
        if (found_count > 3) { /* the first ones only, and all of them counted */
            uint32_t left = 3;
            check.user = &left;
            found_count = 0;
            must(rmg_check(&mem.heap, store, &version, &check, &counts));
            ck_assert_uint_eq(found_count, 3);
            ck_assert_uint_eq(counts.breaches, wanted_count);
        }
        close_store();
    }
    for (int kind = 0; kind < RMG_BREACH_KINDS; kind++) {
        ck_assert_msg(kind == RMG_BREACH_PORTAL || seen_kinds[kind] > 50, "%s: %u",
                      rmg_breach_word((enum rmg_breach_kind)kind), seen_kinds[kind]);
        ck_assert_str_ne(rmg_breach_sentence((enum rmg_breach_kind)kind), "");
    }
}
END_TEST

/* A field of the root node's type that is the portal to the other instance. */
START_TEST(a_portal_where_a_field_is)
{
    struct rmg_schema *own = NULL;
    struct rmg_schema_field field = {.name = "x", .codec = RMG_CODEC_I64};
    struct rmg_schema_type type = {
        .name = "instance", .kind = RMG_TYPE_NODE, .fields = &field, .field_count = 1};
    struct rmg_check_counts counts;
    must(rmg_schema_new(&mem.heap, &own));
    must(rmg_schema_add(own, &type, NULL));
    struct rmg_check check = {.schema = own};
    rnd = jit_random_of(1);
    random_things();
    load_things();
    must(rmg_check(&mem.heap, store, &version, &check, &counts));
    ck_assert_uint_eq(counts.of_kind[RMG_BREACH_PORTAL], 1);
    check.schema = NULL; /* atoms by their own types alone */
    must(rmg_check(&mem.heap, store, &version, &check, &counts));
    ck_assert_uint_eq(counts.of_kind[RMG_BREACH_PORTAL], 0);
    ck_assert_uint_eq(counts.of_kind[RMG_BREACH_CODEC], 0);
    ck_assert_uint_eq(counts.nodes_undeclared, counts.nodes);
    ck_assert_uint_eq(counts.atoms_undeclared, counts.atoms);
    judge();
    ck_assert_uint_eq(counts.of_kind[RMG_BREACH_CANONICAL],
                      wanted_counts.of_kind[RMG_BREACH_CANONICAL]);
    ck_assert_uint_eq(counts.of_kind[RMG_BREACH_HIDDEN_EDGE],
                      wanted_counts.of_kind[RMG_BREACH_HIDDEN_EDGE]);
    rmg_schema_free(own);
    close_store();
}
END_TEST

/* ---- inferring ---- */

static void check_field(const struct rmg_infer *infer, uint32_t index, bool is_edge, unsigned type,
                        uint32_t field)
{
    struct rmg_infer_field got = rmg_infer_field_at(infer, index, field);
    uint64_t all = 0;
    uint64_t same = 0;
    uint64_t best = 0;
    for (unsigned i = 0; i < NODES + EDGES; i++) {
        for (unsigned k = 0; k < things[i].atom_count; k++) {
            const struct atom *atom = &things[i].atoms[k];
            if (things[i].is_edge != is_edge || things[i].type != type ||
                strcmp(field_names[atom->name], got.name) != 0) {
                continue;
            }
            uint64_t alike = 0;
            for (unsigned j = 0; j < NODES + EDGES; j++) {
                for (unsigned m = 0; m < things[j].atom_count; m++) {
                    alike += things[j].is_edge == is_edge && things[j].type == type &&
                             things[j].atoms[m].name == atom->name &&
                             jit_id_equal(&things[j].atoms[m].type, &atom->type);
                }
            }
            all++;
            same += jit_id_equal(&atom->type, &got.type);
            best = alike > best ? alike : best;
        }
    }
    ck_assert_uint_eq(got.count, same);
    ck_assert_uint_eq(got.count, best);
    ck_assert_uint_eq(got.others, all - same);
}

static const char *name_of(void *user, const struct jit_id *type)
{
    static char name[8];
    (void)user;
    for (unsigned i = 0; i < TYPES; i++) {
        struct jit_id id = numbered("type:", 'T', i);
        if (jit_id_equal(&id, type) && i != 2) { /* T2 has no name */
            (void)snprintf(name, sizeof name, "T%u", i);
            return name;
        }
    }
    return NULL;
}

START_TEST(inferred)
{
    struct jit_id instance = named("type:", "instance");
    for (unsigned round = 0; round < 60; round++) {
        struct rmg_infer *infer = NULL;
        uint64_t elements = 0;
        rnd = jit_random_of(500 + round);
        random_things();
        load_things();
        must(rmg_infer_new(&mem.heap, &infer));
        must(rmg_infer_add_version(infer, store, &version));
        for (uint32_t i = 0; i < rmg_infer_count(infer); i++) {
            const struct rmg_infer_type *type = rmg_infer_at(infer, i);
            elements += type->count;
            if (jit_id_equal(&type->id, &instance)) {
                ck_assert_uint_eq(type->count, 2);
                ck_assert_uint_eq(type->field_count, 1); /* the portal x */
                struct rmg_infer_field portal = rmg_infer_field_at(infer, i, 0);
                ck_assert(jit_id_is_zero(&portal.type) && portal.others == 1);
                continue;
            }
            unsigned number = 0;
            struct jit_id id = numbered("type:", 'T', 0);
            while (!jit_id_equal(&id, &type->id)) {
                id = numbered("type:", 'T', ++number);
                ck_assert_uint_lt(number, TYPES);
            }
            for (uint32_t f = 0; f < type->field_count; f++) {
                check_field(infer, i, type->is_edge, number, f);
            }
        }
        ck_assert_uint_eq(elements, NODES + EDGES + 2);
        /* Declared, the graph keeps to it but for what was left out. */
        struct rmg_schema *made = NULL;
        struct rmg_check_counts counts;
        uint64_t left_out = 0;
        must(rmg_schema_new(&mem.heap, &made));
        must(rmg_schema_add_builtin(made));
        must(rmg_infer_declare(infer, name_of, NULL, made, &left_out));
        struct rmg_check check = {.schema = made};
        must(rmg_check(&mem.heap, store, &version, &check, &counts));
        ck_assert_uint_eq(counts.of_kind[RMG_BREACH_CODEC], 0);
        ck_assert_uint_eq(counts.of_kind[RMG_BREACH_KIND], 0);
        ck_assert_uint_eq(counts.of_kind[RMG_BREACH_MISSING], 0);
        ck_assert(left_out > 0 || counts.nodes_undeclared + counts.edges_undeclared == 0);
        rmg_schema_free(made);
        rmg_infer_free(infer);
        close_store();
    }
}
END_TEST

START_TEST(every_refused_allocation)
{
    rnd = jit_random_of(900);
    random_things();
    load_things();
    int64_t live = mem.live;
    bool fired = true;
    for (int64_t n = 0; fired; n++) {
        struct rmg_infer *infer = NULL;
        struct rmg_check_counts counts;
        struct rmg_check check = {.schema = schema};
        mem.calls = 0;
        mem.refuse_at = n;
        enum jit_err err = rmg_check(&mem.heap, store, &version, &check, &counts);
        if (err == JIT_OK) {
            err = rmg_infer_new(&mem.heap, &infer);
        }
        if (err == JIT_OK) {
            err = rmg_infer_add_version(infer, store, &version);
        }
        fired = fault_heap_fired(&mem);
        mem.refuse_at = -1;
        ck_assert_int_eq(err, fired ? JIT_ENOMEM : JIT_OK);
        rmg_infer_free(infer);
        ck_assert_int_eq(mem.live, live);
    }
    close_store();
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "check", 20);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, breaches);
    tcase_add_test(t, a_portal_where_a_field_is);
    tcase_add_test(t, inferred);
    tcase_add_test(t, every_refused_allocation);
}

TEST_MAIN("schema_check", suite)
