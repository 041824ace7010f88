/* A rule in C: three tanks in a row, and what is in one flows into the next. docs/native.md
 * explains it; build it with cc native_rule.c $(pkg-config --cflags --libs librmg) */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rmg.h>
#include <rmg/engine/native.h>

static struct jit_id tank_type, feeds_type;

static void must(enum jit_err err, const char *what)
{
    if (err != JIT_OK) {
        fprintf(stderr, "native_rule: %s: %s\n", what, jit_err_text(err));
        exit(1);
    }
}

static struct jit_id named(const char *kind, const char *label)
{
    struct jit_id id;
    must(rmg_named_id(kind, label, &id), label);
    return id;
}

/* A whole number, eight bytes, little-endian; of these only the first is used here. */
static struct rmg_attachment litres(const uint8_t bytes[8])
{
    return (struct rmg_attachment){.name = "litres",
                                   .name_size = 6,
                                   .value = {.kind = RMG_VALUE_ATOM,
                                             .type = *rmg_codec_type(RMG_CODEC_I64),
                                             .bytes = bytes,
                                             .size = 8}};
}

static uint8_t litres_of(struct rmg_native *view, uint32_t tank)
{
    struct rmg_value value;
    return rmg_native_get(view, RMG_PLANE_ALPHA, tank, "litres", 6, &value) == JIT_OK
               ? value.bytes[0]
               : 0;
}

/* The matcher reads what it likes: a tank that has something, and the one that it feeds. */
static bool find(void *user, struct rmg_native *view, struct rmg_native_match *match)
{
    uint32_t tank = RMG_WORK_NONE;
    (void)user;
    while (rmg_native_node_next(view, &tank_type, tank, &tank) == JIT_OK) {
        struct rmg_work_ends ends;
        uint32_t edge = RMG_WORK_NONE;
        if (litres_of(view, tank) > 0 &&
            rmg_native_edge_next(view, tank, RMG_DIR_OUT, &feeds_type, edge, &edge) == JIT_OK &&
            rmg_native_edge_get(view, edge, &ends) == JIT_OK) {
            match->count = 2;
            match->at[0] = tank;
            match->at[1] = ends.to;
            return true;
        }
    }
    return false;
}

/* What this one rewrite reads and writes: both numbers, and nothing else. */
static enum jit_err say(void *user, struct rmg_native *view, const struct rmg_native_match *match)
{
    enum jit_err err = JIT_OK;
    (void)user;
    for (uint32_t i = 0; i < match->count && err == JIT_OK; i++) {
        const struct rmg_native_slot slot = {.kind = RMG_SLOT_ALPHA,
                                             .write = true,
                                             .element = match->at[i],
                                             .name_size = 6,
                                             .name = "litres"};
        err = rmg_native_may(view, &slot);
    }
    return err;
}

static enum jit_err flow(void *user, struct rmg_native *view, const struct rmg_native_match *match)
{
    const bool *careless = user;
    uint8_t from[8] = {0};
    uint8_t to[8] = {0};
    to[0] = (uint8_t)(litres_of(view, match->at[0]) + litres_of(view, match->at[1]));
    struct rmg_attachment none = litres(from);
    struct rmg_attachment sum = litres(to);
    if (*careless) { /* it has not said that, and does not even look at the answer */
        (void)!rmg_native_delete_node(view, match->at[0]);
    }
    enum jit_err err = rmg_native_set(view, RMG_PLANE_ALPHA, match->at[0], &none);
    return err == JIT_OK ? rmg_native_set(view, RMG_PLANE_ALPHA, match->at[1], &sum) : err;
}

static void make(struct rmg_space *space, struct jit_id *top)
{
    static const char *const names[] = {"first", "second", "third"};
    const uint8_t full[8] = {40};
    struct rmg_attachment forty = litres(full);
    struct rmg_tx *tx = NULL;
    must(rmg_store_open(space, NULL, NULL, NULL), "open");
    must(rmg_tx_begin_top(space, top, &tx), "begin");
    for (int i = 0; i < 3; i++) {
        struct jit_id tank = named("node", names[i]);
        must(rmg_tx_upsert_node(tx, top, &tank, &tank_type), names[i]);
        must(rmg_tx_set_attachment(tx, top, RMG_PLANE_ALPHA, &tank, &forty), names[i]);
    }
    for (int i = 0; i < 2; i++) {
        struct rmg_edge feeds = {.id = named("edge", names[i]),
                                 .from = named("node", names[i]),
                                 .to = named("node", names[i + 1]),
                                 .type = feeds_type};
        must(rmg_tx_upsert_edge(tx, top, &feeds), "edge");
    }
    must(rmg_tx_seal(tx, &space->version), "seal");
}

/* Until there is no match; then all of it is one new version. */
static void run(struct rmg_space *space, const struct jit_id *top, bool careless)
{
    struct rmg_native_rule rule = {
        .name = "flow", .user = &careless, .matcher = find, .footprint = say, .executor = flow};
    struct rmg_native_report report;
    struct rmg_graph graph;
    struct rmg_work *work = NULL;
    struct rmg_tx *tx = NULL;
    char hex[JIT_ID_HEX];
    must(rmg_space_graph(space, top, &graph), "top");
    struct rmg_work_base base = {
        .graph = &graph, .instance = *top, .root_node = named("node", "/"), .seed = 1, .tick = 1};
    must(rmg_work_new(space->heap, &base, &work), "work");
    enum jit_err err = rmg_native_run(space->heap, work, &rule, UINT64_MAX, &report);
    if (err == JIT_OK) {
        must(rmg_tx_begin(space->store, &space->version, &tx), "begin");
        must(rmg_work_commit(work, tx), "commit");
        must(rmg_tx_seal(tx, &space->version), "seal");
    } else {
        printf("failed   %s\n", report.fault);
    }
    rmg_work_free(work);
    jit_id_to_hex(&space->version.state_root, hex);
    printf("%-8s %llu rewrites, %s\n", careless ? "careless" : "careful",
           (unsigned long long)report.rewrites, hex);
}

int main(void)
{
    struct rmg_space space;
    struct rmg_graph graph;
    struct rmg_value value;
    struct jit_id top;
    tank_type = named("type", "Tank");
    feeds_type = named("type", "FEEDS");
    struct jit_id third = named("node", "third");
    make(&space, &top);
    run(&space, &top, true);
    run(&space, &top, false);
    must(rmg_space_graph(&space, NULL, &graph), "top");
    must(rmg_payload(&graph, &third, "litres", &value), "litres");
    printf("third    %u litres\n", (unsigned)value.bytes[0]);
    rmg_store_close(&space);
    return 0;
}
