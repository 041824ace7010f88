/* tests/rmg/file/mount_bed.h - a store to mount in, and a file to be mounted. Layer: tests. */
#ifndef JIT_TESTS_RMG_FILE_MOUNT_BED_H
#define JIT_TESTS_RMG_FILE_MOUNT_BED_H

#include "base/hash.h"
#include "rmg/file/mount.h"
#include "rmg/file/wsc.h"
#include "tests/lib/must.h"
#include "tests/lib/named.h"
#include "tests/lib/plain.h"
#include "tests/lib/tcase.h"

#define ARENA_BYTES (8u << 20)

static const struct plain_size sizes[] = {
    {.instances = 1, .nodes = 3, .edges = 3, .arena_bytes = ARENA_BYTES},
    {.instances = 5, .nodes = 20, .edges = 30, .arena_bytes = ARENA_BYTES},
    {.instances = 12, .nodes = 6, .edges = 8, .arena_bytes = ARENA_BYTES},
};
#define SIZES ((int)(sizeof sizes / sizeof *sizes))

/* A store with "/", its root node, a node `a`, and an edge `e` from the one to the other. */
struct home {
    struct fault_heap heap;
    struct rmg_arena *arena;
    struct rmg_store *store;
    struct rmg_version version;
    struct jit_id top;
};

static struct home home;
static struct plain file; /* what is mounted */

static inline void store_new(struct home *h)
{
    *h = (struct home){.heap = fault_heap_make(-1, false), .version = rmg_version_empty()};
    must(rmg_arena_new(&h->heap.heap, ARENA_BYTES, &h->arena));
    struct rmg_store_options options = {.arenas = {h->arena}, .arena_count = 1};
    must(rmg_store_new(&h->heap.heap, &options, &h->store));
    h->top = named("warp:", "/");
}

static inline void put_instance(struct rmg_tx *tx, const struct jit_id *id, const char *root,
                                const struct rmg_parent *parent)
{
    struct jit_id node = named("node:", root);
    struct jit_id type = named("type:", "instance");
    struct rmg_attachment portal = {.value = {.kind = RMG_VALUE_PORTAL, .type = *id}};
    must(rmg_tx_upsert_instance(tx, id, &node, parent));
    must(rmg_tx_upsert_node(tx, id, &node, &type));
    if (parent != NULL) {
        portal.name = parent->name;
        portal.name_size = parent->name_size;
        must(rmg_tx_set_attachment(tx, &parent->instance, parent->plane, &parent->owner, &portal));
    }
}

static inline void home_begin(struct home *h)
{
    struct rmg_tx *tx = NULL;
    struct jit_id a = named("node:", "a");
    struct jit_id type = named("type:", "Thing");
    struct rmg_edge edge = {named("edge:", "e"), named("node:", "/"), a, type};
    store_new(h);
    must(rmg_tx_begin(h->store, &h->version, &tx));
    put_instance(tx, &h->top, "/", NULL);
    must(rmg_tx_upsert_node(tx, &h->top, &a, &type));
    must(rmg_tx_upsert_edge(tx, &h->top, &edge));
    must(rmg_tx_seal(tx, &h->version));
}

static inline void home_end(struct home *h)
{
    rmg_store_free(h->store);
    rmg_arena_free(&h->heap.heap, h->arena);
    ck_assert_int_eq(h->heap.live, 0);
}

/* On node `a`, or on edge `e`. */
static inline struct rmg_parent slot_of(enum rmg_plane plane, const char *name)
{
    struct rmg_parent slot = {.present = true,
                              .plane = plane,
                              .instance = home.top,
                              .owner = plane == RMG_PLANE_ALPHA ? named("node:", "a")
                                                                : named("edge:", "e"),
                              .name_size = (uint32_t)strlen(name)};
    memcpy(slot.name, name, slot.name_size);
    return slot;
}

static inline void set_value(const struct rmg_parent *slot, const struct rmg_value *value)
{
    struct rmg_tx *tx = NULL;
    struct rmg_attachment a = {.name = slot->name, .name_size = slot->name_size, .value = *value};
    must(rmg_tx_begin(home.store, &home.version, &tx));
    must(rmg_tx_set_attachment(tx, &slot->instance, slot->plane, &slot->owner, &a));
    must(rmg_tx_seal(tx, &home.version));
}

static inline void set_cold(const struct rmg_parent *slot, const struct rmg_cold *cold)
{
    uint8_t bytes[RMG_COLD_BYTES];
    struct rmg_value value;
    rmg_cold_value(cold, bytes, &value);
    set_value(slot, &value);
}

static inline struct jit_id top_of(const struct rmg_store *store, const struct rmg_version *version)
{
    struct rmg_instance in;
    must(rmg_store_next(store, version, NULL, &in));
    while (in.parent.present) {
        struct jit_id up = in.parent.instance;
        must(rmg_store_instance(store, version, &up, &in));
    }
    return in.id;
}

static inline struct rmg_mount mount_of(const struct rmg_parent *slot)
{
    return (struct rmg_mount){.from = {.store = file.store, .version = file.version}, .slot = slot};
}

static inline void verify_home(void)
{
    struct rmg_fault fault;
    enum jit_err err = rmg_store_verify(home.store, &home.version, &fault);
    ck_assert_msg(err == JIT_OK, "%s", err == JIT_OK ? "" : fault.what);
}

/* Refused so, and as it was, down to the last byte of memory. */
static inline void refused(const struct rmg_mount *mount, enum jit_err want, const char *what)
{
    struct rmg_mount_fault fault;
    struct rmg_version before = home.version;
    uint64_t live = home.arena->live;
    ck_assert_int_eq(rmg_mount(&home.heap.heap, home.store, &home.version, mount, &fault), want);
    ck_assert_ptr_nonnull(fault.what);
    ck_assert_str_eq(fault.what, what);
    ck_assert(jit_id_equal(&before.state_root, &home.version.state_root));
    ck_assert_uint_eq(before.epoch, home.version.epoch);
    ck_assert_uint_eq(home.arena->live, live);
}

static inline void put_schema(struct home *h, const char *const *names, size_t count,
                              enum rmg_codec codec, struct jit_id *hash)
{
    struct rmg_schema *schema = NULL;
    struct rmg_tx *tx = NULL;
    must(rmg_schema_new(&h->heap.heap, &schema));
    for (size_t i = 0; i < count; i++) {
        struct rmg_schema_field field = {.name = "f", .codec = codec};
        struct rmg_schema_type type = {
            .name = names[i], .kind = RMG_TYPE_NODE, .fields = &field, .field_count = 1};
        must(rmg_schema_add(schema, &type, NULL));
    }
    must(rmg_tx_begin(h->store, &h->version, &tx));
    must(rmg_schema_put(schema, tx, &h->top));
    must(rmg_tx_seal(tx, &h->version));
    must(rmg_schema_hash(schema, hash));
    rmg_schema_free(schema);
}

static const char *const both[] = {"Cell", "Thing"};

#endif
