/* tests/rmg/change/patch_bed.h - a patch to be built, piece by piece. Layer: tests. */
#ifndef JIT_TESTS_RMG_CHANGE_PATCH_BED_H
#define JIT_TESTS_RMG_CHANGE_PATCH_BED_H

#include "base/hash.h"
#include "rmg/change/patch.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/named.h"
#include "tests/lib/tcase.h"

static struct fault_heap mem;
static struct jit_buf patch;
static struct jit_id world, a, b, c, e, package, depends, base_root;

static inline struct jit_id filled(uint8_t byte)
{
    struct jit_id id;
    memset(&id, byte, sizeof id);
    return id;
}

static inline void setup(void)
{
    mem = fault_heap_make(-1, false);
    jit_buf_init(&patch, &mem.heap, JIT_PATCH_BYTES_MAX);
    world = named("warp:", "/world");
    a = named("node:", "a");
    b = named("node:", "b");
    c = named("node:", "c");
    e = named("edge:", "e");
    package = named("type:", "Package");
    depends = named("type:", "DEPENDS");
    base_root = filled(0x11);
}

static inline void teardown(void)
{
    jit_buf_release(&patch);
    ck_assert_int_eq(mem.live, 0);
}

static inline struct rmg_slot slot_of(enum rmg_slot_kind kind, const struct jit_id *id,
                                      const char *name)
{
    return (struct rmg_slot){.kind = kind,
                             .instance = world,
                             .id = *id,
                             .name = name,
                             .name_size = (uint32_t)strlen(name)};
}

static inline struct rmg_attachment number(const char *name, uint8_t bytes[8], int64_t value)
{
    jit_put_le64(bytes, (uint64_t)value);
    return (struct rmg_attachment){
        .name = name,
        .name_size = (uint32_t)strlen(name),
        .value = {
            .kind = RMG_VALUE_ATOM, .type = named("type:", "i64"), .bytes = bytes, .size = 8}};
}

static inline struct jit_id prior_of(const char *name, int64_t value)
{
    uint8_t bytes[8];
    struct jit_id out;
    struct rmg_attachment attachment = number(name, bytes, value);
    ck_assert_int_eq(rmg_value_of_attachment(RMG_PLANE_ALPHA, &attachment, &out), JIT_OK);
    return out;
}

static inline void put_list(const struct rmg_slot *slots, size_t count)
{
    size_t size = patch.size + 8;
    jit_buf_put_u64(&patch, count);
    for (size_t i = 0; i < count; i++) {
        size += rmg_slot_size(&slots[i]);
        rmg_slot_encode(&slots[i], &patch);
    }
    ck_assert_uint_eq(patch.size, size);
}

static inline void put_op(struct rmg_op op, const struct rmg_origin *origins, uint32_t count)
{
    size_t size = patch.size + 8;
    op.instance = world;
    op.origins = origins;
    op.origin_count = count;
    size = patch.size + rmg_op_size(&op);
    rmg_op_encode(&op, &patch);
    ck_assert_uint_eq(patch.size, size);
}

static inline void put_set(const char *name, int64_t value, int64_t before,
                           const struct rmg_origin *origins, uint32_t count)
{
    uint8_t bytes[8];
    put_op((struct rmg_op){.kind = RMG_OP_SET_ATTACHMENT,
                           .plane = RMG_PLANE_ALPHA,
                           .id = a,
                           .attachment = number(name, bytes, value),
                           .prior = prior_of(name, before)},
           origins, count);
}

static inline void build_example(void)
{
    const struct rmg_slot in[] = {slot_of(RMG_SLOT_NODE, &a, ""),
                                  slot_of(RMG_SLOT_ALPHA, &a, "state")};
    struct rmg_slot out[] = {
        slot_of(RMG_SLOT_NODE, &c, ""),       slot_of(RMG_SLOT_EDGE, &e, ""),
        slot_of(RMG_SLOT_ALPHA, &a, "hits"),  slot_of(RMG_SLOT_ALPHA, &a, "note"),
        slot_of(RMG_SLOT_ALPHA, &a, "state"), slot_of(RMG_SLOT_INCIDENCE, &a, "")};
    out[5].direction = RMG_DIR_OUT;
    out[5].type = depends;
    jit_buf_reset(&patch);
    jit_buf_put_id(&patch, &base_root);
    put_list(in, 2);
    put_list(out, 6);
    jit_buf_put_u64(&patch, 5);
    put_op((struct rmg_op){.kind = RMG_OP_CLEAR_ATTACHMENT,
                           .plane = RMG_PLANE_ALPHA,
                           .id = a,
                           .attachment = {.name = "note", .name_size = 4},
                           .prior = prior_of("note", 7)},
           &(struct rmg_origin){0, 3}, 1);
    put_op((struct rmg_op){.kind = RMG_OP_UPSERT_NODE, .id = c, .type = package},
           &(struct rmg_origin){0, 0}, 1);
    put_op(
        (struct rmg_op){.kind = RMG_OP_UPSERT_EDGE, .id = e, .from = a, .to = c, .type = depends},
        &(struct rmg_origin){0, 1}, 1);
    put_set("hits", 5, 2, (struct rmg_origin[]){{0, 4}, {2, 0}}, 2);
    put_set("state", 1, 0, &(struct rmg_origin){0, 2}, 1);
    ck_assert_int_eq(patch.err, JIT_OK);
}

struct copy {
    struct jit_buf buf;
    uint64_t count;
};

static inline bool copy_op(void *user, const struct rmg_op *op)
{
    struct copy *copy = user;
    rmg_op_encode(op, &copy->buf);
    copy->count++;
    return true;
}

static inline bool ignore_op(void *user, const struct rmg_op *op)
{
    (void)user;
    (void)op;
    return true;
}

static inline enum jit_err read_patch(const uint8_t *bytes, size_t size)
{
    struct jit_id root;
    return rmg_patch_each(&mem.heap, bytes, size, &root, ignore_op, NULL);
}

#endif
