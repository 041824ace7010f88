/* Goal:   what a file holds is mounted in a slot as it is, whole or not at all; what may not be is
 *         refused by name, and nothing has changed; the first descent mounts, the next finds it.
 * Method: random states mounted on slots of every kind and compared by their roots and a second
 *         opinion on the store; each refusal in turn; schemas that agree and that do not; every
 *         refused allocation. */
#include <stdio.h>

#include "rmg/file/mount.h"
#include "rmg/file/wsc.h"
#include "tests/lib/plain.h"
#include "tests/lib/tcase.h"
#include "tests/rmg/file/mount_bed.h"

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
    tcase_add_test(t, every_refused_allocation);
}

TEST_MAIN("mount", suite)
