/* Any bytes as the atoms of a type's node in /schema: refused by name, or read; then writing it and
 * reading that gives the same schema, and a graph can be checked against it.
 * Input: of each atom u8 name (of seven) || u8 atom type (of ten) || u16 length || bytes. */
#include "base/check.h"
#include "base/cursor.h"
#include "base/hash.h"
#include "fuzz/fuzz.h"
#include "rmg/store/arena.h"
#include "rmg/schema/schema_check.h"
#include "tests/lib/must.h"
#include "tests/lib/named.h"

const char *const fuzz_corpus[] = {"fuzz/corpus/schema", NULL};

#define ARENA_BYTES (2u << 20)
#define ATOMS_MAX   64u

static void put_atoms(const uint8_t *bytes, size_t size, struct rmg_collect *collect)
{
    static const char *const names[] = {"name", "kind", "fields", "from", "to", "note", ""};
    static const char *const types[] = {"text", "list", "bytes",    "bool",    "i64",
                                        "id",   "f64",  "list<id>", "unknown", "f32"};
    bool seen[7] = {false};
    struct jit_cursor cur = jit_cursor_of(bytes, size);
    struct jit_id place;
    struct jit_id root_node;
    struct jit_id id = named("type:", "T");
    struct jit_id type = named("type:", "type");
    rmg_schema_place(&place, &root_node);
    must(rmg_collect_path(collect, "/", &root_node));
    must(rmg_collect_path(collect, "/schema", &place));
    must(rmg_collect_node(collect, &place, &id, &type));
    for (unsigned i = 0; i < ATOMS_MAX && !cur.bad && cur.left > 0; i++) {
        unsigned name = jit_get_u8(&cur) % 7u;
        unsigned atom = jit_get_u8(&cur) % 10u;
        uint64_t length = jit_get_u16(&cur);
        length = length > cur.left ? cur.left : length;
        struct rmg_attachment attachment = {
            .name = names[name],
            .name_size = (uint32_t)strlen(names[name]),
            .value = {.kind = RMG_VALUE_ATOM, .type = named("type:", types[atom])}};
        attachment.value.bytes = jit_get_bytes(&cur, length);
        attachment.value.size = (uint32_t)length;
        if (!seen[name] && !cur.bad) {
            seen[name] = true;
            must(rmg_collect_attachment(collect, &place, RMG_PLANE_ALPHA, &id, &attachment));
        }
    }
}

/* A store and a collection for it. */
struct world {
    struct rmg_arena *arena;
    struct rmg_store *store;
    struct rmg_collect *collect;
    struct rmg_version version;
};

static void world_begin(struct world *world)
{
    struct jit_heap *heap = jit_heap_libc();
    must(rmg_arena_new(heap, ARENA_BYTES, &world->arena));
    struct rmg_store_options options = {.arenas = {world->arena}, .arena_count = 1};
    must(rmg_store_new(heap, &options, &world->store));
    must(rmg_collect_new(heap, world->store, &world->collect));
}

static void world_load(struct world *world)
{
    struct rmg_tx *tx = NULL;
    struct jit_id at;
    world->version = rmg_version_empty();
    must(rmg_tx_begin(world->store, &world->version, &tx));
    must(rmg_collect_load(world->collect, tx, &at));
    must(rmg_tx_seal(tx, &world->version));
}

static void world_end(struct world *world)
{
    rmg_collect_free(world->collect);
    rmg_store_free(world->store);
    rmg_arena_free(jit_heap_libc(), world->arena);
}

/* Written and read again it is what it was. */
static void check_again(const struct rmg_schema *schema)
{
    struct jit_heap *heap = jit_heap_libc();
    struct rmg_schema *again = NULL;
    struct rmg_schema *both = NULL;
    struct rmg_schema_fault fault;
    struct world world;
    struct jit_id top;
    struct jit_id hashes[3];
    world_begin(&world);
    must(rmg_collect_path(world.collect, "/", &top));
    must(rmg_schema_collect(schema, world.collect));
    world_load(&world);
    must(rmg_schema_read(heap, world.store, &world.version, &again, &fault));
    assert(rmg_schema_compare(schema, again, NULL, NULL) == RMG_SCHEMA_SAME);
    must(rmg_schema_union(heap, schema, again, &both));
    must(rmg_schema_hash(schema, &hashes[0]));
    must(rmg_schema_hash(again, &hashes[1]));
    must(rmg_schema_hash(both, &hashes[2]));
    assert(jit_id_equal(&hashes[0], &hashes[1]) && jit_id_equal(&hashes[0], &hashes[2]));
    rmg_schema_free(again);
    rmg_schema_free(both);
    world_end(&world);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct jit_heap *heap = jit_heap_libc();
    struct rmg_schema *schema = NULL;
    struct rmg_schema_fault fault;
    struct rmg_check_counts counts;
    struct world world;
    world_begin(&world);
    put_atoms(bytes, size, world.collect);
    world_load(&world);
    enum jit_err err = rmg_schema_read(heap, world.store, &world.version, &schema, &fault);
    assert(err == JIT_OK || (err == JIT_EINVALID && fault.what != NULL));
    assert((err == JIT_OK) == (schema != NULL));
    if (schema != NULL) {
        fuzz_take();
        check_again(schema);
    }
    struct rmg_check check = {.schema = schema};
    must(rmg_check(heap, world.store, &world.version, &check, &counts));
    rmg_schema_free(schema);
    world_end(&world);
    return 0;
}
