/* Goal:   what a file holds is mounted in a slot as it is, whole or not at all; what may not be is
 *         refused by name, and nothing has changed; the first descent mounts, the next finds it.
 * Method: random states mounted on slots of every kind and compared by their roots and a second
 *         opinion on the store; each refusal in turn; schemas that agree and that do not; every
 *         refused allocation. */
#include <stdio.h>

#include "base/hash.h"
#include "rmg/file/mount.h"
#include "rmg/file/wsc.h"
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

static void must(enum jit_err err)
{
    ck_assert_msg(err == JIT_OK, "%s", jit_err_text(err));
}

static struct jit_id named(const char *prefix, const char *label)
{
    struct jit_id id;
    jit_hash_named(prefix, label, strlen(label), &id);
    return id;
}

static void store_new(struct home *h)
{
    *h = (struct home){.heap = fault_heap_make(-1, false), .version = rmg_version_empty()};
    must(rmg_arena_new(&h->heap.heap, ARENA_BYTES, &h->arena));
    struct rmg_store_options options = {.arenas = {h->arena}, .arena_count = 1};
    must(rmg_store_new(&h->heap.heap, &options, &h->store));
    h->top = named("warp:", "/");
}

static void put_instance(struct rmg_tx *tx, const struct jit_id *id, const char *root,
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

static void home_begin(struct home *h)
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

static void home_end(struct home *h)
{
    rmg_store_free(h->store);
    rmg_arena_free(&h->heap.heap, h->arena);
    ck_assert_int_eq(h->heap.live, 0);
}

/* On node `a`, or on edge `e`. */
static struct rmg_parent slot_of(enum rmg_plane plane, const char *name)
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

static void set_value(const struct rmg_parent *slot, const struct rmg_value *value)
{
    struct rmg_tx *tx = NULL;
    struct rmg_attachment a = {.name = slot->name, .name_size = slot->name_size, .value = *value};
    must(rmg_tx_begin(home.store, &home.version, &tx));
    must(rmg_tx_set_attachment(tx, &slot->instance, slot->plane, &slot->owner, &a));
    must(rmg_tx_seal(tx, &home.version));
}

static void set_cold(const struct rmg_parent *slot, const struct rmg_cold *cold)
{
    uint8_t bytes[RMG_COLD_BYTES];
    struct rmg_value value;
    rmg_cold_value(cold, bytes, &value);
    set_value(slot, &value);
}

static struct jit_id top_of(const struct rmg_store *store, const struct rmg_version *version)
{
    struct rmg_instance in;
    must(rmg_store_next(store, version, NULL, &in));
    while (in.parent.present) {
        struct jit_id up = in.parent.instance;
        must(rmg_store_instance(store, version, &up, &in));
    }
    return in.id;
}

static struct rmg_mount mount_of(const struct rmg_parent *slot)
{
    return (struct rmg_mount){.from = {.store = file.store, .version = file.version}, .slot = slot};
}

static void verify_home(void)
{
    struct rmg_fault fault;
    enum jit_err err = rmg_store_verify(home.store, &home.version, &fault);
    ck_assert_msg(err == JIT_OK, "%s", err == JIT_OK ? "" : fault.what);
}

/* Refused so, and as it was, down to the last byte of memory. */
static void refused(const struct rmg_mount *mount, enum jit_err want, const char *what)
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

START_TEST(mounted_as_it_is) /* _i: plane, cold or empty, kind of ids, size */
{
    struct jit_id root;
    struct rmg_mount_fault fault;
    home_begin(&home);
    plain_begin(&file, (enum world_ids)(_i / 4 % WORLD_IDS), 900 + (uint64_t)_i,
                &sizes[_i / 4 / WORLD_IDS % SIZES]);
    struct rmg_parent slot =
        slot_of(_i % 2 == 0 ? RMG_PLANE_ALPHA : RMG_PLANE_BETA, _i / 2 % 2 == 0 ? "" : "inside");
    struct rmg_cold cold = {.state_root = file.version.state_root,
                            .instance = top_of(file.store, &file.version)};
    if (_i / 2 % 2 == 1) {
        set_cold(&slot, &cold);
    }
    struct rmg_mount mount = mount_of(&slot);
    enum jit_err err = rmg_mount(&home.heap.heap, home.store, &home.version, &mount, &fault);
    ck_assert_msg(err == JIT_OK, "%d: %s", _i, fault.what == NULL ? "" : fault.what);
    ck_assert_uint_eq(home.version.instance_count, 1 + file.version.instance_count);
    must(rmg_store_instance_root(home.store, &home.version, &cold.instance, &root));
    ck_assert(jit_id_equal(&root, &file.version.state_root));
    verify_home();
    refused(&mount, JIT_EEXIST, "the slot leads to an instance already");
    home_end(&home);
    plain_end(&file);
}
END_TEST

/* Under another id the content is the same; who hangs on the top hangs on the new id. */
START_TEST(mounted_under_another_id) /* _i: by the call, or by the slot */
{
    struct rmg_cold cold = {.instance = named("warp:", "/elsewhere")};
    struct rmg_instance in;
    struct rmg_instance was;
    home_begin(&home);
    plain_begin(&file, WORLD_RANDOM, 17, &sizes[2]);
    ck_assert_uint_gt(file.version.instance_count, 2);
    cold.state_root = file.version.state_root;
    struct jit_id top = top_of(file.store, &file.version);
    struct rmg_parent slot = slot_of(RMG_PLANE_ALPHA, "x");
    struct rmg_mount mount = mount_of(&slot);
    if (_i == 0) {
        mount.instance = &cold.instance;
        mount.state_root = &cold.state_root;
    } else {
        set_cold(&slot, &cold);
    }
    must(rmg_mount(&home.heap.heap, home.store, &home.version, &mount, NULL));
    verify_home();
    ck_assert_int_eq(rmg_store_instance(home.store, &home.version, &top, &in), JIT_ENOENT);
    must(rmg_store_instance(home.store, &home.version, &cold.instance, &in));
    must(rmg_store_instance(file.store, &file.version, &top, &was));
    ck_assert(jit_id_equal(&in.skeleton, &was.skeleton));
    ck_assert(jit_id_equal(&in.attachments, &was.attachments));
    ck_assert(jit_id_equal(&in.parent.owner, &slot.owner));
    home_end(&home);
    plain_end(&file);
}
END_TEST

START_TEST(refusals)
{
    struct jit_id other = named("warp:", "/other");
    struct jit_id zero = {{0}};
    struct rmg_value value = {
        .kind = RMG_VALUE_ATOM, .type = named("type:", "text"), .bytes = NULL, .size = 0};
    home_begin(&home);
    plain_begin(&file, WORLD_RANDOM, 21, &sizes[1]);
    struct jit_id top = top_of(file.store, &file.version);
    struct rmg_parent slot = slot_of(RMG_PLANE_ALPHA, "x");
    struct rmg_mount mount = mount_of(&slot);

    mount.from.version = rmg_version_empty();
    refused(&mount, JIT_EINVALID, "the file holds nothing");
    mount = mount_of(&slot);
    slot.instance = other;
    refused(&mount, JIT_ENOENT, "the slot's instance is not there");
    slot = slot_of(RMG_PLANE_ALPHA, "x");
    slot.owner = other;
    refused(&mount, JIT_ENOENT, "the slot's node or edge is not there");
    slot = slot_of(RMG_PLANE_BETA, "x");
    slot.owner = named("node:", "a");
    refused(&mount, JIT_ENOENT, "the slot's node or edge is not there");
    slot = slot_of(RMG_PLANE_ALPHA, "\xff");
    refused(&mount, JIT_EINVALID, "the slot's name is no UTF-8 without NUL");
    slot = slot_of(RMG_PLANE_ALPHA, "x");
    mount.instance = &home.top;
    refused(&mount, JIT_EEXIST, "an instance with this id is there already");
    mount.instance = &zero;
    refused(&mount, JIT_EINVALID, "an instance id of zeros");
    mount.instance = NULL;
    mount.state_root = &other;
    refused(&mount, JIT_EDIVERGED, "the file has this state root, not the one that was asked for");
    mount.state_root = NULL;
    set_value(&slot, &value);
    refused(&mount, JIT_EEXIST, "there is a value in the slot");
    struct rmg_cold cold = {.state_root = other, .instance = top};
    set_cold(&slot, &cold);
    refused(&mount, JIT_EDIVERGED, "the file has another state root than the slot says");
    mount.state_root = &top;
    refused(&mount, JIT_EDIVERGED, "the slot is for this state root");
    mount.state_root = NULL;
    mount.instance = &other;
    refused(&mount, JIT_EINVALID, "the slot is for an instance of this id");
    home_end(&home);
    plain_end(&file);
}
END_TEST

/* A nested instance of the file with the id that the top would get, or one that is there. */
START_TEST(ids_that_are_taken)
{
    home_begin(&home);
    plain_begin(&file, WORLD_RANDOM, 17, &sizes[2]);
    struct jit_id top = top_of(file.store, &file.version);
    struct rmg_instance in;
    must(rmg_store_next(file.store, &file.version, NULL, &in));
    if (jit_id_equal(&in.id, &top)) {
        must(rmg_store_next(file.store, &file.version, &top, &in));
    }
    struct rmg_parent slot = slot_of(RMG_PLANE_ALPHA, "x");
    struct rmg_parent second = slot_of(RMG_PLANE_ALPHA, "y");
    struct rmg_mount mount = mount_of(&slot);
    mount.instance = &in.id;
    refused(&mount, JIT_EEXIST, "an instance with this id is there already");
    mount.instance = NULL;
    must(rmg_mount(&home.heap.heap, home.store, &home.version, &mount, NULL));
    struct jit_id other = named("warp:", "/other");
    mount.slot = &second;
    mount.instance = &other;
    refused(&mount, JIT_EEXIST, "an instance with this id is there already");
    home_end(&home);
    plain_end(&file);
}
END_TEST

/* A chain of instances, each on the root node of the one above. */
static void chain(struct home *h, const char *prefix, unsigned depth)
{
    struct rmg_tx *tx = NULL;
    struct rmg_parent parent = {.present = true, .plane = RMG_PLANE_ALPHA, .name_size = 1};
    char label[32];
    parent.name[0] = 'c';
    must(rmg_tx_begin(h->store, &h->version, &tx));
    parent.instance = h->top;
    parent.owner = named("node:", "/");
    for (unsigned i = 1; i <= depth; i++) {
        snprintf(label, sizeof label, "%s%u", prefix, i);
        struct jit_id id = named("warp:", label);
        put_instance(tx, &id, label, &parent);
        parent.instance = id;
        parent.owner = named("node:", label);
    }
    must(rmg_tx_seal(tx, &h->version));
}

START_TEST(depth) /* _i: depth of the file; 64 is the limit below depth 40 and one for its top */
{
    struct home other;
    struct jit_id as = named("warp:", "/mounted");
    home_begin(&home);
    home_begin(&other);
    chain(&home, "h", 40);
    chain(&other, "f", (unsigned)_i);
    struct rmg_parent slot = {.present = true,
                              .plane = RMG_PLANE_ALPHA,
                              .instance = named("warp:", "h40"),
                              .owner = named("node:", "h40")};
    struct rmg_mount mount = {
        .from = {.store = other.store, .version = other.version}, .slot = &slot, .instance = &as};
    if (_i > 23) {
        refused(&mount, JIT_ELIMIT, "it would lie deeper than 64");
    } else {
        must(rmg_mount(&home.heap.heap, home.store, &home.version, &mount, NULL));
        verify_home();
    }
    home_end(&home);
    home_end(&other);
}
END_TEST

START_TEST(an_owner_that_is_full)
{
    home_begin(&home);
    plain_begin(&file, WORLD_RANDOM, 21, &sizes[0]);
    struct rmg_tx *tx = NULL;
    struct rmg_parent slot = slot_of(RMG_PLANE_ALPHA, "x");
    must(rmg_tx_begin(home.store, &home.version, &tx));
    for (unsigned i = 0; i < JIT_ATTACHMENTS_MAX; i++) {
        char name[8];
        snprintf(name, sizeof name, "%u", i);
        struct rmg_attachment a = {.name = name,
                                   .name_size = (uint32_t)strlen(name),
                                   .value = {RMG_VALUE_ATOM, named("type:", "bytes"), NULL, 0}};
        must(rmg_tx_set_attachment(tx, &slot.instance, slot.plane, &slot.owner, &a));
    }
    must(rmg_tx_seal(tx, &home.version));
    struct rmg_mount mount = mount_of(&slot);
    refused(&mount, JIT_ELIMIT, "the slot's owner has 256 values already");
    home_end(&home);
    plain_end(&file);
}
END_TEST

/* ---- signatures ---- */

/* Who is trusted, who signed what, and the verdict. */
START_TEST(signatures)
{
    static const uint8_t seeds[2][JIT_SIGN_SEED_BYTES] = {{1}, {2}};
    uint8_t keys[2][JIT_SIGN_PUBLIC_BYTES];
    struct rmg_envelope envelope;
    struct jit_buf bytes;
    struct jit_id other = named("node:", "other");
    home_begin(&home);
    plain_begin(&file, WORLD_RANDOM, 21, &sizes[0]);
    struct rmg_parent slot = slot_of(RMG_PLANE_ALPHA, "x");
    struct rmg_mount mount = mount_of(&slot);
    jit_sign_public(seeds[0], keys[0]);
    jit_sign_public(seeds[1], keys[1]);
    mount.signers = (const uint8_t(*)[JIT_SIGN_PUBLIC_BYTES])keys;
    mount.signer_count = 1;
    refused(&mount, JIT_ECAP, "nobody who may stand for the file has signed it");
    jit_buf_init(&bytes, jit_heap_libc(), 4096);
    must(rmg_envelope_sign(NULL, RMG_KIND_STATE, &file.version.state_root, seeds[1], &bytes));
    must(rmg_envelope_read(bytes.data, bytes.size, &envelope));
    mount.envelope = &envelope;
    refused(&mount, JIT_ECAP, "nobody who may stand for the file has signed it");
    mount.signer_count = 2;
    bytes.data[bytes.size - 1] ^= 1;
    refused(&mount, JIT_ECORRUPT, "a signature on the file is wrong");
    bytes.data[bytes.size - 1] ^= 1;
    struct rmg_envelope wrong = envelope;
    wrong.root = other;
    mount.envelope = &wrong;
    refused(&mount, JIT_ECAP, "nobody who may stand for the file has signed it");
    mount.envelope = &envelope;
    must(rmg_mount(&home.heap.heap, home.store, &home.version, &mount, NULL));
    verify_home();
    jit_buf_release(&bytes);
    home_end(&home);
    plain_end(&file);
}
END_TEST

/* ---- types ---- */

static void put_schema(struct home *h, const char *const *names, size_t count, enum rmg_codec codec,
                       struct jit_id *hash)
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

/* What the store has, what the file has, its codec, and what becomes of it. */
static const struct {
    size_t ours;
    size_t theirs;
    enum rmg_codec codec;
    enum jit_err err;
    uint64_t instances; /* that come */
    const char *conflict;
} schemas[] = {
    {2, 2, RMG_CODEC_I64, JIT_OK, 1, ""},
    {2, 1, RMG_CODEC_I64, JIT_OK, 1, ""},
    {0, 2, RMG_CODEC_I64, JIT_OK, 2, ""},
    {1, 2, RMG_CODEC_I64, JIT_ECONFLICT, 0, "Thing"},
    {2, 2, RMG_CODEC_TEXT, JIT_ECONFLICT, 0, "i64"},
    {2, 0, RMG_CODEC_I64, JIT_OK, 1, ""},
};

START_TEST(types) /* _i: row of schemas */
{
    struct home other;
    struct jit_id unused;
    struct jit_id as = named("warp:", "/mounted");
    struct rmg_mount_fault fault;
    home_begin(&home);
    home_begin(&other);
    if (schemas[_i].ours > 0) {
        put_schema(&home, both, schemas[_i].ours, RMG_CODEC_I64, &unused);
    }
    if (schemas[_i].theirs > 0) {
        put_schema(&other, both, schemas[_i].theirs, schemas[_i].codec, &unused);
    }
    struct rmg_parent slot = slot_of(RMG_PLANE_ALPHA, "x");
    struct rmg_mount mount = {
        .from = {.store = other.store, .version = other.version}, .slot = &slot, .instance = &as};
    uint64_t before = home.version.instance_count;
    enum jit_err err = rmg_mount(&home.heap.heap, home.store, &home.version, &mount, &fault);
    ck_assert_int_eq(err, schemas[_i].err);
    ck_assert_uint_eq(home.version.instance_count, before + schemas[_i].instances);
    verify_home();
    if (err != JIT_OK) {
        ck_assert_str_eq(fault.what, "the file has types that the store has not, or others");
        ck_assert_msg(strstr(fault.schema, schemas[_i].conflict) != NULL, "%s", fault.schema);
    }
    home_end(&home);
    home_end(&other);
}
END_TEST

static void break_schema(struct home *h)
{
    struct rmg_tx *tx = NULL;
    struct jit_id instance;
    struct jit_id unused;
    struct jit_id cell = named("type:", "Cell");
    struct rmg_attachment a = {
        .name = "kind",
        .name_size = 4,
        .value = {RMG_VALUE_ATOM, named("type:", "text"), (const uint8_t *)"heap", 4}};
    rmg_schema_place(&instance, &unused);
    must(rmg_tx_begin(h->store, &h->version, &tx));
    must(rmg_tx_set_attachment(tx, &instance, RMG_PLANE_ALPHA, &cell, &a));
    must(rmg_tx_seal(tx, &h->version));
}

START_TEST(types_that_are_none)
{
    struct home other;
    struct jit_id unused;
    struct jit_id as = named("warp:", "/mounted");
    home_begin(&home);
    home_begin(&other);
    put_schema(&home, both, 1, RMG_CODEC_I64, &unused);
    put_schema(&other, both, 1, RMG_CODEC_I64, &unused);
    break_schema(&other);
    struct rmg_parent slot = slot_of(RMG_PLANE_ALPHA, "x");
    struct rmg_mount mount = {
        .from = {.store = other.store, .version = other.version}, .slot = &slot, .instance = &as};
    refused(&mount, JIT_EINVALID, "the file's types do not follow the specification");
    break_schema(&home);
    refused(&mount, JIT_EINVALID, "the store's types do not follow the specification");
    home_end(&home);
    home_end(&other);
}
END_TEST

/* What a .wsc says beside its content. */
START_TEST(schema_hash_alone)
{
    struct jit_id hash;
    struct jit_id zero = {{0}};
    struct jit_id wrong = named("type:", "wrong");
    home_begin(&home);
    plain_begin(&file, WORLD_RANDOM, 21, &sizes[0]);
    struct rmg_parent slot = slot_of(RMG_PLANE_ALPHA, "x");
    struct rmg_parent second = slot_of(RMG_PLANE_ALPHA, "y");
    struct rmg_mount mount = mount_of(&slot);
    mount.schema = &wrong; /* the store has none: nothing to compare with */
    must(rmg_mount(&home.heap.heap, home.store, &home.version, &mount, NULL));
    put_schema(&home, both, 2, RMG_CODEC_I64, &hash);
    plain_end(&file);
    plain_begin(&file, WORLD_RANDOM, 22, &sizes[0]);
    mount = mount_of(&second);
    mount.schema = &wrong;
    refused(&mount, JIT_ECONFLICT, "the file's schema hash is not the store's");
    mount.schema = &hash;
    must(rmg_mount(&home.heap.heap, home.store, &home.version, &mount, NULL));
    plain_end(&file);
    plain_begin(&file, WORLD_RANDOM, 23, &sizes[0]);
    struct rmg_parent third = slot_of(RMG_PLANE_ALPHA, "z");
    mount = mount_of(&third);
    mount.schema = &zero;
    must(rmg_mount(&home.heap.heap, home.store, &home.version, &mount, NULL));
    verify_home();
    home_end(&home);
    plain_end(&file);
}
END_TEST

/* ---- descending ---- */

struct finder {
    unsigned calls;
    enum jit_err err;
    struct jit_id wanted;
};

static enum jit_err find(void *user, const struct rmg_cold *cold, struct rmg_mount *mount)
{
    struct finder *finder = user;
    finder->calls++;
    finder->wanted = cold->state_root;
    mount->from = (struct rmg_state){.store = file.store, .version = file.version};
    return finder->err;
}

START_TEST(the_first_descent_mounts)
{
    struct finder finder = {.err = JIT_EIO};
    struct jit_id instance;
    struct rmg_mount_fault fault;
    struct jit_heap *heap = &home.heap.heap;
    home_begin(&home);
    plain_begin(&file, WORLD_RANDOM, 21, &sizes[1]);
    struct rmg_cold cold = {.state_root = file.version.state_root,
                            .instance = named("warp:", "/deep")};
    struct rmg_parent slot = slot_of(RMG_PLANE_BETA, "");
    ck_assert_int_eq(
        rmg_descend(heap, home.store, &home.version, &slot, find, &finder, &instance, &fault),
        JIT_ENOENT);
    ck_assert_str_eq(fault.what, "the slot leads nowhere");
    set_cold(&slot, &cold);
    struct rmg_version before = home.version;
    ck_assert_int_eq(
        rmg_descend(heap, home.store, &home.version, &slot, find, &finder, &instance, &fault),
        JIT_EIO);
    ck_assert(jit_id_equal(&before.state_root, &home.version.state_root));
    finder.err = JIT_OK;
    for (unsigned i = 0; i < 3; i++) {
        must(rmg_descend(heap, home.store, &home.version, &slot, find, &finder, &instance, &fault));
        ck_assert(jit_id_equal(&instance, &cold.instance));
    }
    ck_assert_uint_eq(finder.calls, 2);
    ck_assert(jit_id_equal(&finder.wanted, &file.version.state_root));
    verify_home();
    home_end(&home);
    plain_end(&file);
}
END_TEST

/* From the bytes of a .wsc to an instance in the store. */
static enum jit_err to_bytes(void *user, const uint8_t *bytes, size_t size)
{
    struct jit_buf *buf = user;
    jit_buf_put(buf, bytes, size);
    return buf->err;
}

START_TEST(from_the_bytes_of_a_file)
{
    struct rmg_wsc_head head = {.tick = 3};
    struct jit_buf bytes;
    struct rmg_wsc wsc;
    struct home loaded;
    struct jit_id root;
    home_begin(&home);
    plain_begin(&file, WORLD_RANDOM, 21, &sizes[1]);
    jit_buf_init(&bytes, jit_heap_libc(), 1u << 20);
    must(rmg_wsc_write(jit_heap_libc(), file.store, &file.version, &head, to_bytes, &bytes, NULL,
                       NULL));
    store_new(&loaded);
    must(rmg_wsc_open(bytes.data, bytes.size, &wsc, NULL));
    must(rmg_wsc_load(&loaded.heap.heap, &wsc, loaded.store, &loaded.version, NULL));
    struct rmg_parent slot = slot_of(RMG_PLANE_ALPHA, "x");
    struct rmg_mount mount = {.from = {.store = loaded.store, .version = loaded.version},
                              .slot = &slot,
                              .schema = &wsc.head.schema_hash};
    must(rmg_mount(&home.heap.heap, home.store, &home.version, &mount, NULL));
    home_end(&loaded);
    struct jit_id top = top_of(file.store, &file.version);
    must(rmg_store_instance_root(home.store, &home.version, &top, &root));
    ck_assert(jit_id_equal(&root, &file.version.state_root));
    verify_home();
    jit_buf_release(&bytes);
    home_end(&home);
    plain_end(&file);
}
END_TEST

START_TEST(every_refused_allocation) /* with types on both sides, so that all is walked */
{
    enum jit_err err = JIT_ENOMEM;
    struct jit_id unused;
    struct jit_id as = named("warp:", "/mounted");
    for (int64_t n = 0; err != JIT_OK; n++) {
        struct home other;
        ck_assert_int_lt(n, 10000);
        home_begin(&home);
        home_begin(&other);
        put_schema(&home, both, 2, RMG_CODEC_I64, &unused);
        put_schema(&other, both, 1, RMG_CODEC_I64, &unused);
        struct rmg_parent slot = slot_of(RMG_PLANE_ALPHA, "x");
        struct rmg_mount mount = {.from = {.store = other.store, .version = other.version},
                                  .slot = &slot,
                                  .instance = &as};
        struct rmg_version before = home.version;
        home.heap.calls = 0;
        home.heap.refuse_at = n;
        err = rmg_mount(&home.heap.heap, home.store, &home.version, &mount, NULL);
        bool fired = fault_heap_fired(&home.heap);
        home.heap.refuse_at = -1;
        ck_assert_int_eq(err, fired ? JIT_ENOMEM : JIT_OK);
        ck_assert_int_eq(jit_id_equal(&before.state_root, &home.version.state_root), fired);
        verify_home();
        home_end(&home);
        home_end(&other);
    }
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "mount", 20);
    tcase_add_loop_test(t, mounted_as_it_is, 0, 4 * WORLD_IDS * SIZES);
    tcase_add_loop_test(t, mounted_under_another_id, 0, 2);
    tcase_add_test(t, from_the_bytes_of_a_file);
    tcase_add_test(t, the_first_descent_mounts);
    t = test_case(s, "refused", 20);
    tcase_add_test(t, refusals);
    tcase_add_test(t, ids_that_are_taken);
    tcase_add_loop_test(t, depth, 22, 26);
    tcase_add_test(t, an_owner_that_is_full);
    tcase_add_test(t, signatures);
    tcase_add_loop_test(t, types, 0, (int)(sizeof schemas / sizeof *schemas));
    tcase_add_test(t, types_that_are_none);
    tcase_add_test(t, schema_hash_alone);
    tcase_add_test(t, every_refused_allocation);
}

TEST_MAIN("mount", suite)
