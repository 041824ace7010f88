/* A first graph: two machines and what one feeds, saved, opened again, changed on two sides, and
 * merged. docs/librmg.md explains it; build it with
 *     cc first_graph.c $(pkg-config --cflags --libs librmg) */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rmg.h>

static void must(enum jit_err err, const char *what)
{
    if (err != JIT_OK) {
        fprintf(stderr, "first_graph: %s: %s\n", what, jit_err_text(err));
        exit(1);
    }
}

static struct jit_id named(const char *kind, const char *label)
{
    struct jit_id id;
    must(rmg_named_id(kind, label, &id), label);
    return id;
}

/* A whole number, eight bytes, little-endian. */
static void set_number(struct rmg_tx *tx, const struct jit_id *top, const struct jit_id *node,
                       const char *name, uint64_t number)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(number >> (8 * i));
    }
    struct rmg_attachment atom = {
        .name = name,
        .name_size = (uint32_t)strlen(name),
        .value = {.kind = RMG_VALUE_ATOM,
                  .type = *rmg_codec_type(RMG_CODEC_I64),
                  .bytes = bytes,
                  .size = sizeof bytes},
    };
    must(rmg_tx_set_attachment(tx, top, RMG_PLANE_ALPHA, node, &atom), name);
}

static void print_root(const char *what, const struct rmg_space *space)
{
    char hex[JIT_ID_HEX];
    jit_id_to_hex(&space->version.state_root, hex);
    printf("%-8s %s\n", what, hex);
}

static void make(const char *path)
{
    struct rmg_space space;
    struct rmg_tx *tx = NULL;
    struct jit_id top;
    struct jit_id machine = named("type", "Machine");
    struct jit_id pump = named("node", "pump");
    struct jit_id tank = named("node", "tank");
    must(rmg_store_open(&space, NULL, NULL, NULL), "open");
    must(rmg_tx_begin_top(&space, &top, &tx), "begin");
    must(rmg_tx_upsert_node(tx, &top, &pump, &machine), "pump");
    must(rmg_tx_upsert_node(tx, &top, &tank, &machine), "tank");
    struct rmg_edge feeds = {.id = named("edge", "pump to tank"),
                             .from = pump,
                             .to = tank,
                             .type = named("type", "FEEDS")};
    must(rmg_tx_upsert_edge(tx, &top, &feeds), "edge");
    set_number(tx, &top, &tank, "litres", 100);
    must(rmg_tx_seal(tx, &space.version), "seal");
    must(rmg_store_save(&space, path), path);
    print_root("made", &space);
    rmg_store_close(&space);
}

/* Walk from the pump along its edges; the payload is read where it lies. */
static void walk(const char *path)
{
    struct rmg_space space;
    struct rmg_file_fault fault;
    struct rmg_graph graph;
    struct rmg_iter iter;
    struct rmg_edge edge;
    struct rmg_node node;
    struct rmg_value value;
    struct jit_id pump = named("node", "pump");
    must(rmg_store_open(&space, NULL, path, &fault), fault.what != NULL ? fault.what : path);
    must(rmg_space_graph(&space, NULL, &graph), "top");
    must(rmg_node(&graph, &pump, &node), "pump");
    printf("pump     %llu edges out, %llu in\n", (unsigned long long)node.out_degree,
           (unsigned long long)node.in_degree);
    rmg_edges_from(&graph, &pump, NULL, &iter);
    while (rmg_iter_edge(&iter, &edge) == JIT_OK) {
        must(rmg_payload(&graph, &edge.to, "litres", &value), "litres");
        printf("feeds    a tank with %u litres\n", (unsigned)value.bytes[0]);
    }
    rmg_store_close(&space);
}

/* The same file with another number under a name. */
static void change(struct rmg_space *space, const char *path, const char *name, uint64_t number)
{
    struct rmg_tx *tx = NULL;
    struct jit_id top = named("warp", "/");
    struct jit_id tank = named("node", "tank");
    must(rmg_store_open(space, NULL, path, NULL), path);
    must(rmg_tx_begin(space->store, &space->version, &tx), "begin");
    set_number(tx, &top, &tank, name, number);
    must(rmg_tx_seal(tx, &space->version), "seal");
}

static bool count(void *user, const struct rmg_difference *difference)
{
    (void)difference;
    ++*(unsigned *)user;
    return true;
}

static void merge(const char *path)
{
    struct rmg_space base;
    struct rmg_space ours;
    struct rmg_space theirs;
    struct rmg_tx *tx = NULL;
    struct rmg_merge_options options = {.heap = jit_heap_libc(), .strategy = RMG_SIDE_NONE};
    struct rmg_merge_result result;
    unsigned differences = 0;
    must(rmg_store_open(&base, NULL, path, NULL), path);
    change(&ours, path, "litres", 90);
    change(&theirs, path, "degrees", 21);
    struct rmg_state a = rmg_space_state(&base);
    struct rmg_state b = rmg_space_state(&ours);
    struct rmg_state c = rmg_space_state(&theirs);
    must(rmg_diff(&a, &b, count, &differences, NULL), "diff");
    must(rmg_merge(&options, &a, &b, &c, &result), "merge");
    printf("merged   %u difference on our side, %zu conflicts, %llu operations\n", differences,
           result.conflict_count, (unsigned long long)result.operations);
    must(rmg_tx_begin(base.store, &base.version, &tx), "begin");
    must(rmg_patch_apply(base.heap, tx, &base.version, result.patch.data, result.patch.size),
         "apply");
    must(rmg_tx_seal(tx, &base.version), "seal");
    print_root("result", &base);
    rmg_merge_result_release(&result);
    rmg_store_close(&base);
    rmg_store_close(&ours);
    rmg_store_close(&theirs);
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "first.rmg";
    make(path);
    walk(path);
    merge(path);
    return 0;
}
