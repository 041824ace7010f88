/* Goal:   an image gives back the version that it was made of, ready to be changed, whatever its
 *         shape and whoever's arenas it comes to; whatever else its bytes say, nothing that can be
 *         followed in it is wrong.
 * Method: random worlds of all kinds of ids, written and read into stores of one and of two arenas,
 *         verified deeply and changed on beside the model; every byte of blocks and tables changed,
 *         every cut, every refused allocation; after what failed the store takes the true one. */
#include <stdio.h>

#include "base/le.h"
#include "rmg/store/image.h"
#include "tests/lib/must.h"
#include "tests/lib/tcase.h"
#include "tests/lib/world.h"

#define ARENA_BYTES (8u << 20)
#define ROUNDS      3u
#define STEPS       400u

static struct world world;

/* ---- writing into memory ---- */

struct bytes {
    struct jit_buf blocks;
    struct jit_buf table;
};

static enum jit_err append(void *user, const uint8_t *bytes, size_t size)
{
    struct jit_buf *buf = user;
    jit_buf_put(buf, bytes, size);
    return buf->err;
}

static void bytes_begin(struct bytes *b, struct jit_heap *heap)
{
    jit_buf_init(&b->blocks, heap, 64u << 20);
    jit_buf_init(&b->table, heap, RMG_IMAGE_TABLE_MAX);
}

static void bytes_end(struct bytes *b)
{
    jit_buf_release(&b->blocks);
    jit_buf_release(&b->table);
}

static void write_image(struct bytes *b)
{
    bytes_begin(b, jit_heap_libc());
    must(rmg_image_write(jit_heap_libc(), world.store, &world.version, append, &b->blocks,
                         &b->table));
}

/* ---- reading from it ---- */

struct target {
    struct rmg_arena *arena[2];
    struct rmg_store *store;
};

static uint32_t odd_instances(void *user, const struct jit_id *instance)
{
    (void)user;
    return instance->bytes[JIT_ID_BYTES - 1] & 1u;
}

static enum jit_err target_begin(struct target *t, struct jit_heap *heap, unsigned arenas)
{
    *t = (struct target){.store = NULL};
    enum jit_err err = JIT_OK;
    for (unsigned i = 0; err == JIT_OK && i < arenas; i++) {
        err = rmg_arena_new(heap, ARENA_BYTES, &t->arena[i]);
    }
    if (err == JIT_OK) {
        struct rmg_store_options options = {.arenas = {t->arena[0], t->arena[1]},
                                            .arena_count = arenas,
                                            .arena_of = arenas > 1 ? odd_instances : NULL};
        err = rmg_store_new(heap, &options, &t->store);
    }
    return err;
}

static void target_end(struct target *t, struct jit_heap *heap)
{
    rmg_store_free(t->store);
    rmg_arena_free(heap, t->arena[0]);
    rmg_arena_free(heap, t->arena[1]);
}

/* The whole at once, or a few bytes and judge, a few more and judge: both must say the same. */
static bool in_pieces;

static enum jit_err fill_in_pieces(struct rmg_image *image, uint8_t *at, const uint8_t *bytes,
                                   uint64_t size, uint64_t before)
{
    enum jit_err err = JIT_OK;
    memset(at, 0xa5, size); /* what is not there yet must not matter */
    for (uint64_t done = 0; err == JIT_OK && done < size;) {
        uint64_t piece = 1 + (done * 2654435761u + size) % 5000u;
        piece = piece < size - done ? piece : size - done;
        memcpy(at + done, bytes + done, piece);
        done += piece;
        err = rmg_image_filled(image, before + done);
    }
    return err;
}

static enum jit_err read_image(struct target *t, struct jit_heap *heap, const uint8_t *blocks,
                               uint64_t size, const uint8_t *table, size_t table_size,
                               struct rmg_version *out)
{
    struct rmg_image *image = NULL;
    uint8_t *at = NULL;
    uint64_t part = 0;
    uint64_t done = 0;
    enum jit_err err = rmg_image_begin(heap, t->store, table, table_size, size, &image);
    if (err != JIT_OK) {
        ck_assert_ptr_null(image);
        return err;
    }
    while (rmg_image_next(image, &at, &part)) {
        ck_assert_uint_le(part, size);
        err = in_pieces ? fill_in_pieces(image, at, blocks, part, done) : JIT_OK;
        if (err != JIT_OK) {
            ck_assert_int_eq(err, JIT_ECORRUPT);
            rmg_image_abort(image);
            return err;
        }
        if (!in_pieces) {
            memcpy(at, blocks, part);
        }
        blocks += part;
        size -= part;
        done += part;
    }
    ck_assert_uint_eq(size, 0);
    return rmg_image_end(image, out);
}

static void steps(struct rmg_store *store, struct rmg_version *version, struct naive_state *model,
                  unsigned count)
{
    for (unsigned done = 0; done < count;) {
        struct naive_state next = naive_copy(model);
        struct rmg_tx *tx = NULL;
        must(rmg_tx_begin(store, version, &tx));
        for (unsigned i = 0; i < 12; i++, done++) {
            struct world_result result = world_step(&world, tx, &next);
            ck_assert_int_eq(result.store, result.model);
        }
        bool valid = naive_valid(&next);
        ck_assert_int_eq(rmg_tx_seal(tx, version), valid ? JIT_OK : JIT_EINVALID);
        if (valid) {
            naive_release(model);
            *model = next;
        } else {
            naive_release(&next);
        }
    }
}

static void compare(const struct target *t, const struct rmg_version *version,
                    const struct naive_state *model)
{
    struct rmg_fault fault;
    struct jit_id root;
    naive_state_root(model, &root);
    ck_assert(jit_id_equal(&root, &version->state_root));
    enum jit_err err = rmg_store_verify(t->store, version, &fault);
    ck_assert_msg(err == JIT_OK, "%s", fault.what);
}

static uint64_t live_of(struct rmg_arena *const arena[2])
{
    return arena[0]->live + (arena[1] == NULL ? 0 : arena[1]->live);
}

/* What is in use after all that was changed is what a fresh copy of it uses: no cell was lost, and
 * none is there twice. */
static void compare_memory(const struct target *t, const struct rmg_version *version)
{
    struct bytes b;
    struct target fresh;
    struct rmg_version same;
    bytes_begin(&b, jit_heap_libc());
    must(rmg_image_write(jit_heap_libc(), t->store, version, append, &b.blocks, &b.table));
    must(target_begin(&fresh, jit_heap_libc(), 1));
    must(read_image(&fresh, jit_heap_libc(), b.blocks.data, b.blocks.size, b.table.data,
                    b.table.size, &same));
    ck_assert_uint_eq(live_of(t->arena), live_of(fresh.arena));
    target_end(&fresh, jit_heap_libc());
    bytes_end(&b);
}

/* Whatever lay in the arenas before, equal states have equal images. */
START_TEST(says_nothing_of_old_memory)
{
    for (enum world_ids kind = 0; kind < WORLD_IDS; kind++) {
        struct bytes b[2];
        for (unsigned i = 0; i < 2; i++) {
            world_begin(&world, kind, 23 + kind, ARENA_BYTES);
            for (unsigned k = 0; k < 2; k++) {
                struct rmg_arena *arena = world.arena[k];
                memset(arena->base + arena->used, i == 0 ? 0x3c : 0xa5, arena->size - arena->used);
            }
            steps(world.store, &world.version, &world.model, STEPS);
            write_image(&b[i]);
            world_end(&world);
        }
        ck_assert_uint_eq(b[0].blocks.size, b[1].blocks.size);
        ck_assert_mem_eq(b[0].blocks.data, b[1].blocks.data, b[0].blocks.size);
        ck_assert_uint_eq(b[0].table.size, b[1].table.size);
        ck_assert_mem_eq(b[0].table.data, b[1].table.data, b[0].table.size);
        bytes_end(&b[0]);
        bytes_end(&b[1]);
    }
}
END_TEST

START_TEST(round_trips)
{
    for (enum world_ids kind = 0; kind < WORLD_IDS; kind++) {
        struct bytes b;
        world_begin(&world, kind, 17 + kind, ARENA_BYTES);
        for (unsigned round = 0; round < ROUNDS; round++) {
            steps(world.store, &world.version, &world.model, STEPS);
            write_image(&b);
            for (unsigned arenas = 1; arenas <= 2; arenas++) {
                struct target t;
                struct rmg_version version;
                struct naive_state model = naive_copy(&world.model);
                in_pieces = (arenas + round) % 2 == 0;
                must(target_begin(&t, jit_heap_libc(), arenas));
                must(read_image(&t, jit_heap_libc(), b.blocks.data, b.blocks.size, b.table.data,
                                b.table.size, &version));
                compare(&t, &version, &model);
                ck_assert_uint_eq(live_of(t.arena), live_of(world.arena));
                steps(t.store, &version, &model, STEPS / 4);
                compare(&t, &version, &model);
                compare_memory(&t, &version);
                naive_release(&model);
                target_end(&t, jit_heap_libc());
            }
            bytes_end(&b);
        }
        world_end(&world);
    }
}
END_TEST

/* The same state has the same image, whatever led to it: an image of what was read is itself. */
START_TEST(same_again)
{
    struct bytes b;
    struct bytes again;
    struct target t;
    struct rmg_version version;
    world_begin(&world, WORLD_RANDOM, 5, ARENA_BYTES);
    steps(world.store, &world.version, &world.model, 4 * STEPS);
    write_image(&b);
    must(target_begin(&t, jit_heap_libc(), 2));
    must(read_image(&t, jit_heap_libc(), b.blocks.data, b.blocks.size, b.table.data, b.table.size,
                    &version));
    bytes_begin(&again, jit_heap_libc());
    must(rmg_image_write(jit_heap_libc(), t.store, &version, append, &again.blocks, &again.table));
    ck_assert_uint_eq(again.blocks.size, b.blocks.size);
    ck_assert_uint_eq(again.table.size, b.table.size);
    ck_assert(memcmp(again.blocks.data, b.blocks.data, b.blocks.size) == 0);
    ck_assert(memcmp(again.table.data, b.table.data, b.table.size) == 0);
    /* Into a store that has a history it does not go. */
    ck_assert_int_eq(read_image(&t, jit_heap_libc(), b.blocks.data, b.blocks.size, b.table.data,
                                b.table.size, &version),
                     JIT_EVERSION);
    bytes_end(&again);
    bytes_end(&b);
    target_end(&t, jit_heap_libc());
    world_end(&world);
}
END_TEST

/* What was damaged is refused, or it is sound in all but its hashes: then it can be walked, and
 * changed, and whatever comes of it is an error or a version. After a refusal the same store takes
 * the true one. */
static void try_damaged(const struct bytes *b, const struct bytes *damaged, unsigned *refused)
{
    struct target t;
    struct rmg_version version = rmg_version_empty();
    struct rmg_fault fault;
    in_pieces = !in_pieces;
    must(target_begin(&t, jit_heap_libc(), 2));
    enum jit_err err = read_image(&t, jit_heap_libc(), damaged->blocks.data, damaged->blocks.size,
                                  damaged->table.data, damaged->table.size, &version);
    if (err == JIT_OK) {
        struct rmg_tx *tx = NULL;
        enum jit_err deep = rmg_store_verify(t.store, &version, &fault);
        ck_assert(deep == JIT_OK || deep == JIT_ECORRUPT);
        must(rmg_tx_begin(t.store, &version, &tx));
        struct naive_state model = naive_copy(&world.model);
        for (unsigned i = 0; i < 6; i++) {
            (void)world_step(&world, tx, &model);
        }
        naive_release(&model);
        rmg_tx_abort(tx);
    } else {
        (*refused)++;
        ck_assert(err == JIT_ECORRUPT || err == JIT_EFORMAT || err == JIT_EVERSION ||
                  err == JIT_ENOSPC || err == JIT_ELIMIT);
        for (unsigned i = 0; i < 2; i++) {
            ck_assert_uint_eq(t.arena[i]->live, 0);
        }
        must(read_image(&t, jit_heap_libc(), b->blocks.data, b->blocks.size, b->table.data,
                        b->table.size, &version));
        ck_assert(jit_id_equal(&version.state_root, &world.version.state_root));
    }
    target_end(&t, jit_heap_libc());
}

static void damage_of(struct jit_buf *buf, size_t at, struct bytes *copy, const struct bytes *b,
                      unsigned *tries, unsigned *refused)
{
    static const uint8_t flips[] = {1, 0x80, 0xff};
    uint8_t was = buf->data[at];
    for (unsigned i = 0; i < sizeof flips; i++) {
        buf->data[at] = was ^ flips[i];
        try_damaged(b, copy, refused);
        (*tries)++;
    }
    buf->data[at] = was;
}

START_TEST(damaged)
{
    unsigned tries = 0;
    unsigned refused = 0;
    struct bytes b;
    struct bytes copy;
#ifdef JIT_SANITIZED
    const size_t stride = 41;
#else
    const size_t stride = 7;
#endif
    world_begin(&world, WORLD_RANDOM, 9, ARENA_BYTES);
    steps(world.store, &world.version, &world.model, STEPS);
    write_image(&b);
    bytes_begin(&copy, jit_heap_libc());
    jit_buf_put(&copy.blocks, b.blocks.data, b.blocks.size);
    jit_buf_put(&copy.table, b.table.data, b.table.size);
    must(copy.blocks.err);
    /* All of the table, and of the blocks each byte of every few, in another phase each time. */
    for (size_t at = 0; at < copy.table.size; at++) {
        damage_of(&copy.table, at, &copy, &b, &tries, &refused);
    }
    ck_assert_uint_eq(tries, refused); /* the root, and what the blocks must be, are in it */
    for (size_t at = 0; at < copy.blocks.size; at += stride) {
        damage_of(&copy.blocks, at, &copy, &b, &tries, &refused);
    }
    printf("damaged images: %u, refused %u, the others sound but for their hashes\n", tries,
           refused);
    /* Cut short. */
    struct target t;
    struct rmg_version version;
    must(target_begin(&t, jit_heap_libc(), 1));
    for (size_t cut = 0; cut < b.table.size; cut++) {
        ck_assert_int_eq(read_image(&t, jit_heap_libc(), b.blocks.data, b.blocks.size, b.table.data,
                                    cut, &version),
                         JIT_EFORMAT);
    }
    ck_assert_int_eq(read_image(&t, jit_heap_libc(), b.blocks.data, b.blocks.size - 16,
                                b.table.data, b.table.size, &version),
                     JIT_EFORMAT);
    target_end(&t, jit_heap_libc());
    bytes_end(&copy);
    bytes_end(&b);
    world_end(&world);
}
END_TEST

START_TEST(no_memory)
{
    struct bytes b;
    enum jit_err err = JIT_ENOMEM;
    int64_t n = 0;
    world_begin(&world, WORLD_RANDOM, 3, ARENA_BYTES);
    steps(world.store, &world.version, &world.model, STEPS);
    write_image(&b);
    for (; err != JIT_OK; n++) {
        struct fault_heap heap = fault_heap_make(n, false);
        struct bytes out;
        ck_assert_int_lt(n, 500);
        bytes_begin(&out, &heap.heap);
        err = rmg_image_write(&heap.heap, world.store, &world.version, append, &out.blocks,
                              &out.table);
        ck_assert(err == JIT_OK || err == JIT_ENOMEM);
        bytes_end(&out);
        ck_assert_int_eq(heap.live, 0);
    }
    ck_assert_int_gt(n, 4);
    err = JIT_ENOMEM;
    for (n = 0; err != JIT_OK; n++) {
        struct fault_heap heap = fault_heap_make(n, false);
        struct target t;
        struct rmg_version version;
        ck_assert_int_lt(n, 500);
        err = target_begin(&t, &heap.heap, 2);
        if (err == JIT_OK) {
            err = read_image(&t, &heap.heap, b.blocks.data, b.blocks.size, b.table.data,
                             b.table.size, &version);
        }
        ck_assert(err == JIT_OK || err == JIT_ENOMEM);
        target_end(&t, &heap.heap);
        ck_assert_int_eq(heap.live, 0);
    }
    ck_assert_int_gt(n, 6);
    bytes_end(&b);
    world_end(&world);
}
END_TEST

/* Where the arena has no room for it nothing is taken. */
START_TEST(no_room)
{
    struct bytes b;
    struct rmg_arena *arena = NULL;
    struct rmg_image *image = NULL;
    struct rmg_store *store = NULL;
    world_begin(&world, WORLD_RANDOM, 3, ARENA_BYTES);
    steps(world.store, &world.version, &world.model, STEPS);
    write_image(&b);
    must(rmg_arena_new(jit_heap_libc(), b.blocks.size / 2, &arena));
    struct rmg_store_options options = {.arenas = {arena}, .arena_count = 1};
    must(rmg_store_new(jit_heap_libc(), &options, &store));
    ck_assert_int_eq(
        rmg_image_begin(jit_heap_libc(), store, b.table.data, b.table.size, b.blocks.size, &image),
        JIT_ENOSPC);
    ck_assert_uint_eq(arena->live, 0);
    rmg_store_free(store);
    rmg_arena_free(jit_heap_libc(), arena);
    bytes_end(&b);
    world_end(&world);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "image", 120);
    tcase_add_test(t, says_nothing_of_old_memory);
    tcase_add_test(t, round_trips);
    tcase_add_test(t, same_again);
    tcase_add_test(t, damaged);
    tcase_add_test(t, no_memory);
    tcase_add_test(t, no_room);
}

TEST_MAIN("image", suite)
