/* Goal:   one state, schema hash and tick have one .wsc file, the one that the specification says;
 *         whatever else is in a file is refused by section and byte, or is another state; no claim
 *         costs memory.
 * Method: random states with nested instances over ids of every kind beside a naive writer, there
 *         and back; then every truncation, every flipped bit, every refused
 *         allocation, claims without substance, and what cannot be written. */
#include "rmg/file/wsc_priv.h"
#include "tests/rmg/file/wsc_bed.h"
#include "tests/rmg/file/wsc_fixture.h"

START_TEST(there_and_back) /* _i: kind, size and seed */
{
    struct target target;
    struct rmg_file_fault fault;
    struct rmg_wsc_head head = head_of((uint64_t)_i);
    struct jit_buf other;
    begin((enum world_ids)(_i % WORLD_IDS), (uint64_t)_i, &sizes[_i / WORLD_IDS % SIZES]);
    jit_buf_init(&other, jit_heap_libc(), 64u << 20);
    naive_wsc(&plain.model, &head.schema_hash, head.tick, &other);
    ck_assert_msg(other.size == bytes.size && memcmp(other.data, bytes.data, other.size) == 0,
                  "%d: not what the naive writer gives", _i);
    jit_buf_release(&other);
    enum jit_err err = load(bytes.data, bytes.size, -1, &target, &fault);
    ck_assert_msg(err == JIT_OK, "%d: %s: %s %lu, byte %lu: %s", _i, jit_err_text(err),
                  fault.section, (unsigned long)fault.index, (unsigned long)fault.offset,
                  fault.what);
    ck_assert(jit_id_equal(&target.version.state_root, &plain.version.state_root));
    struct rmg_fault broken;
    must(rmg_store_verify(target.store, &target.version, &broken));
    write_state(target.store, &target.version, &head, &other);
    ck_assert_uint_eq(other.size, bytes.size);
    ck_assert_mem_eq(other.data, bytes.data, bytes.size);
    jit_buf_release(&other);
    drop(&target);
    end();
}
END_TEST

/* More than a piece of every section, so that pieces end in the middle of rows. */
START_TEST(large)
{
    static const struct plain_size size = {
        .instances = 1, .nodes = 3000, .edges = 3000, .arena_bytes = 8 * ARENA_BYTES};
    struct rmg_wsc_head head = head_of(6);
    struct rmg_file_fault fault;
    struct target target;
    struct jit_buf other;
    begin(WORLD_RANDOM, 6, &size);
    ck_assert_uint_gt(bytes.size, 600000);
    jit_buf_init(&other, jit_heap_libc(), 64u << 20);
    naive_wsc(&plain.model, &head.schema_hash, head.tick, &other);
    ck_assert_uint_eq(other.size, bytes.size);
    ck_assert(memcmp(other.data, bytes.data, bytes.size) == 0);
    must(load(bytes.data, bytes.size, -1, &target, &fault));
    ck_assert(jit_id_equal(&target.version.state_root, &plain.version.state_root));
    drop(&target);
    jit_buf_release(&other);
    end();
}
END_TEST

/* Windows too small for an instance, for the edges of one node, for anything: the same bytes. */
START_TEST(windows) /* _i: bytes of a window, times 10 */
{
    struct rmg_wsc_head head = head_of(60);
    struct jit_buf other;
    begin(WORLD_RANDOM, 60, &sizes[3]);
    jit_buf_init(&other, jit_heap_libc(), 64u << 20);
    must(rmg_wsc_write_within((uint64_t)_i * 10, jit_heap_libc(), plain.store, &plain.version,
                              &head, to_buf, &other, NULL, NULL));
    ck_assert_uint_eq(other.size, bytes.size);
    ck_assert_mem_eq(other.data, bytes.data, bytes.size);
    jit_buf_release(&other);
    end();
}
END_TEST

/* ---- reading ---- */

static void compare_instance(const struct rmg_wsc *file, const struct rmg_wsc_instance *in,
                             const struct rmg_graph *graph)
{
    for (uint64_t i = 0; i < in->rows[RMG_WSC_NODES]; i++) {
        struct rmg_bulk_node node;
        struct jit_id type;
        uint64_t found = 0;
        uint64_t first = 0;
        uint64_t count = 0;
        uint64_t degree = 0;
        must(rmg_wsc_node_at(file, in, i, &node));
        must(rmg_node_type(graph, &node.id, &type));
        ck_assert(jit_id_equal(&type, &node.type));
        must(rmg_wsc_node_find(file, in, &node.id, &found));
        ck_assert_uint_eq(found, i);
        must(rmg_wsc_out_edges(file, in, i, &first, &count));
        must(rmg_degree(graph, &node.id, RMG_DIR_OUT, NULL, &degree));
        ck_assert_uint_eq(count, degree);
        for (uint64_t e = first; e < first + count; e++) {
            struct rmg_edge edge;
            must(rmg_wsc_out_edge_at(file, in, e, &edge));
            ck_assert(jit_id_equal(&edge.from, &node.id));
        }
        struct rmg_attachment a;
        struct rmg_value value;
        enum jit_err err = rmg_wsc_attachment(file, in, RMG_PLANE_ALPHA, i, &a);
        ck_assert_int_eq(err, rmg_attachment_get(graph, RMG_PLANE_ALPHA, &node.id, "", 0, &value));
        if (err == JIT_OK) {
            ck_assert_int_eq(a.value.kind, value.kind);
            ck_assert(jit_id_equal(&a.value.type, &value.type));
            ck_assert_uint_eq(a.value.size, value.size);
            if (value.size > 0) {
                ck_assert_mem_eq(a.value.bytes, value.bytes, value.size);
            }
        }
    }
    for (uint64_t i = 0; i < in->rows[RMG_WSC_EDGES]; i++) {
        struct rmg_edge edge;
        struct rmg_edge same;
        uint64_t found = 0;
        must(rmg_wsc_edge_at(file, in, i, &edge));
        must(rmg_edge_get(graph, &edge.id, &same));
        ck_assert_mem_eq(&edge, &same, sizeof edge);
        must(rmg_wsc_edge_find(file, in, &edge.id, &found));
        ck_assert_uint_eq(found, i);
    }
}

/* The unverified handle says what is there, and no more. */
START_TEST(reads) /* _i: kind */
{
    struct rmg_wsc file;
    struct rmg_wsc_instance in;
    struct jit_id absent = world_id(WORLD_RANDOM, 123, 456);
    uint64_t unused = 0;
    begin((enum world_ids)_i, 40 + (uint64_t)_i, &sizes[1]);
    must(rmg_wsc_open(bytes.data, bytes.size, &file, NULL));
    ck_assert_uint_eq(file.instance_count, plain.version.instance_count);
    ck_assert_uint_eq(file.head.tick, 40 + (uint64_t)_i);
    for (uint64_t i = 0; i < file.instance_count; i++) {
        struct rmg_instance want;
        struct rmg_wsc_instance same;
        struct rmg_graph graph;
        must(rmg_wsc_instance_at(&file, i, &in));
        must(rmg_store_instance(plain.store, &plain.version, &in.id, &want));
        must(rmg_wsc_instance_find(&file, &in.id, &same));
        ck_assert_uint_eq(same.offset, in.offset);
        ck_assert(jit_id_equal(&in.root_node, &want.root_node));
        ck_assert_uint_eq(in.rows[RMG_WSC_NODES], want.roots.node_count);
        ck_assert_uint_eq(in.rows[RMG_WSC_EDGES], want.roots.edge_count);
        rmg_store_graph(plain.store, &want, &graph);
        compare_instance(&file, &in, &graph);
    }
    struct rmg_bulk_node node;
    struct rmg_edge edge;
    struct rmg_attachment a;
    uint64_t nodes = in.rows[RMG_WSC_NODES];
    uint64_t edges = in.rows[RMG_WSC_EDGES];
    ck_assert_int_eq(rmg_wsc_node_at(&file, &in, nodes, &node), JIT_ENOENT);
    ck_assert_int_eq(rmg_wsc_node_at(&file, &in, UINT64_MAX, &node), JIT_ENOENT);
    ck_assert_int_eq(rmg_wsc_edge_at(&file, &in, edges, &edge), JIT_ENOENT);
    ck_assert_int_eq(rmg_wsc_out_edge_at(&file, &in, edges, &edge), JIT_ENOENT);
    ck_assert_int_eq(rmg_wsc_out_edges(&file, &in, nodes, &unused, &unused), JIT_ENOENT);
    ck_assert_int_eq(rmg_wsc_attachment(&file, &in, RMG_PLANE_ALPHA, nodes, &a), JIT_ENOENT);
    ck_assert_int_eq(rmg_wsc_attachment(&file, &in, RMG_PLANE_BETA, edges, &a), JIT_ENOENT);
    ck_assert_int_eq(rmg_wsc_node_find(&file, &in, &absent, &unused), JIT_ENOENT);
    ck_assert_int_eq(rmg_wsc_edge_find(&file, &in, &absent, &unused), JIT_ENOENT);
    ck_assert_int_eq(rmg_wsc_instance_find(&file, &absent, &in), JIT_ENOENT);
    ck_assert_int_eq(rmg_wsc_instance_at(&file, file.instance_count, &in), JIT_ENOENT);
    end();
}
END_TEST

/* What verify() says of parents is what the store has. */
START_TEST(parents)
{
    struct rmg_wsc file;
    struct rmg_wsc_verified verified;
    begin(WORLD_RANDOM, 3, &sizes[2]);
    must(rmg_wsc_open(bytes.data, bytes.size, &file, NULL));
    must(rmg_wsc_verify(jit_heap_libc(), &file, &verified, NULL));
    ck_assert_uint_gt(file.instance_count, 3);
    for (uint64_t i = 0; i < file.instance_count; i++) {
        struct rmg_wsc_instance in;
        struct rmg_instance want;
        struct rmg_parent parent;
        must(rmg_wsc_instance_at(&file, i, &in));
        must(rmg_store_instance(plain.store, &plain.version, &in.id, &want));
        rmg_wsc_parent_of(&verified, i, &parent);
        ck_assert_int_eq(parent.present, want.parent.present);
        ck_assert_int_eq(parent.present, i != verified.top);
        ck_assert_int_eq(parent.plane, want.parent.plane);
        ck_assert(jit_id_equal(&parent.instance, &want.parent.instance));
        ck_assert(jit_id_equal(&parent.owner, &want.parent.owner));
        ck_assert_uint_eq(parent.name_size, 0);
    }
    rmg_wsc_verified_release(&verified, jit_heap_libc());
    end();
}
END_TEST

/* ---- failures on the way ---- */

START_TEST(every_refused_allocation)
{
    enum jit_err err = JIT_ENOMEM;
    struct rmg_wsc_head head = head_of(1);
    small();
    for (int64_t n = 0; err != JIT_OK; n++) {
        struct target target;
        struct rmg_file_fault fault;
        ck_assert_int_lt(n, 10000);
        err = load(bytes.data, bytes.size, n, &target, &fault);
        ck_assert_int_eq(err, fault_heap_fired(&target.mem) ? JIT_ENOMEM : JIT_OK);
        drop(&target);
    }
    err = JIT_ENOMEM;
    for (int64_t n = 0; err != JIT_OK; n++) {
        struct fault_heap mem = fault_heap_make(n, false);
        struct jit_buf buf;
        ck_assert_int_lt(n, 10000);
        jit_buf_init(&buf, jit_heap_libc(), 64u << 20);
        err =
            rmg_wsc_write(&mem.heap, plain.store, &plain.version, &head, to_buf, &buf, NULL, NULL);
        ck_assert_int_eq(err, fault_heap_fired(&mem) ? JIT_ENOMEM : JIT_OK);
        ck_assert_int_eq(mem.live, 0);
        jit_buf_release(&buf);
    }
    end();
}
END_TEST

static enum jit_err full_disk(void *user, const uint8_t *piece, size_t size)
{
    (void)piece;
    (void)size;
    ++*(int *)user;
    return JIT_ENOSPC;
}

START_TEST(a_write_that_fails_stops)
{
    int calls = 0;
    struct rmg_wsc_head head = head_of(1);
    begin(WORLD_RANDOM, 3, &sizes[1]);
    ck_assert_int_eq(rmg_wsc_write(&plain.heap.heap, plain.store, &plain.version, &head, full_disk,
                                   &calls, NULL, NULL),
                     JIT_ENOSPC);
    ck_assert_int_eq(calls, 1);
    struct rmg_version none = rmg_version_empty();
    ck_assert_int_eq(
        rmg_wsc_write(&plain.heap.heap, plain.store, &none, &head, full_disk, &calls, NULL, NULL),
        JIT_EINVALID);
    ck_assert_int_eq(calls, 1);
    end();
}
END_TEST

/* The owner of a named attachment is named, on both planes, and nothing is written. */
START_TEST(what_does_not_fit) /* _i: plane, and whether a nameless one is there as well */
{
    int calls = 0;
    struct rmg_tx *tx = NULL;
    struct rmg_wsc_head head = head_of(1);
    struct rmg_wsc_owner owner;
    struct rmg_attachment a = {.name = "speed",
                               .name_size = 5,
                               .value = {.kind = RMG_VALUE_ATOM,
                                         .type = world_id(WORLD_RANDOM, 1, 1),
                                         .bytes = (const uint8_t *)"x",
                                         .size = 1}};
    begin(WORLD_RANDOM, 5, &sizes[3]);
    const struct naive_instance *in = &plain.model.instances[plain.model.instance_count - 1];
    enum rmg_plane plane = _i % 2 == 0 ? RMG_PLANE_ALPHA : RMG_PLANE_BETA;
    ck_assert_uint_gt(in->edge_count, 0);
    struct jit_id id = plane == RMG_PLANE_ALPHA ? in->nodes[0].id : in->edges[0].id;
    uint64_t size = 0;
    must(rmg_wsc_fits(plain.store, &plain.version, &owner, &size));
    ck_assert_uint_eq(size, bytes.size);
    must(rmg_tx_begin(plain.store, &plain.version, &tx));
    must(rmg_tx_set_attachment(tx, &in->id, plane, &id, &a));
    if (_i >= 2) {
        a.name_size = 0;
        struct rmg_value there;
        struct rmg_graph graph;
        must(rmg_tx_graph(tx, &in->id, &graph));
        if (rmg_attachment_get(&graph, plane, &id, "", 0, &there) == JIT_ENOENT) {
            must(rmg_tx_set_attachment(tx, &in->id, plane, &id, &a));
        }
    }
    must(rmg_tx_seal(tx, &plain.version));
    ck_assert_int_eq(rmg_wsc_write(&plain.heap.heap, plain.store, &plain.version, &head, full_disk,
                                   &calls, &owner, NULL),
                     JIT_ENOTSUP);
    ck_assert_int_eq(calls, 0);
    ck_assert_int_eq(owner.plane, plane);
    ck_assert(jit_id_equal(&owner.owner, &id));
    ck_assert(jit_id_equal(&owner.instance, &in->id));
    ck_assert_uint_eq(owner.name_size, 5);
    ck_assert_mem_eq(owner.name, "speed", 5);
    struct jit_id root;
    ck_assert_int_eq(rmg_echo_root(&plain.heap.heap, plain.store, &plain.version, &root, &owner),
                     JIT_ENOTSUP);
    end();
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "format", 20);
    tcase_add_loop_test(t, there_and_back, 0, 5 * WORLD_IDS * SIZES);
    tcase_add_loop_test(t, reads, 0, WORLD_IDS);
    tcase_add_test(t, large);
    tcase_add_loop_test(t, windows, 0, 100);
    tcase_add_test(t, parents);
    tcase_add_loop_test(t, what_does_not_fit, 0, 4);
    t = test_case(s, "faults", 20);
    tcase_add_test(t, every_refused_allocation);
    tcase_add_test(t, a_write_that_fails_stops);
}

TEST_MAIN("wsc", suite)
