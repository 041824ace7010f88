/* Goal:   whatever the disk or the memory refuses while a checkpoint is written, listed, read,
 *         proved, moved or removed: an error by name, nothing of what was there harmed, nothing
 *         leaked, and with all of it granted the same again does its work. And a name that another
 *         tick has.
 * Method: a table of operations (tests/lib/oom.h), each with every allocation and every call of the
 *         simulated disk refused, once and from then on; on a folder with images and with what
 *         processes have beside the state. */
#include <inttypes.h>

#include "kernel/checkpoint/checkpoint_image.h"
#include "kernel/checkpoint/head.h"
#include "kernel/log/blob.h"
#include "rmg/file/file.h"
#include "tests/kernel/checkpoint/beside_world.h"
#include "tests/lib/oom.h"

#define SEGMENT 16384u

static struct world w;
static struct graph graphs[2];
static struct kern_beside beside;
static struct ckpt_beside kept;
static struct sim_disk *other; /* another folder */
static struct jit_buf bundle;
static struct ckpt_manifest founded; /* in the other folder; no segment: not yet */
static unsigned made;                /* checkpoints that must be there: 0 to made - 1 */

static const unsigned steps[WORLD_STATES][2] = {{1, 0}, {1, 2}, {4, 0}, {4, 0}};
static const unsigned deaths_at[WORLD_STATES] = {0, 3, 3, 3};

/* ---- a folder ---- */

/* What processes have at state n. */
static void to_state(unsigned n)
{
    const uint64_t told = beside.deaths_told;
    set_beside(&beside, graphs, steps[n], deaths_at[n]);
    ckpt_beside_release(jit_heap_libc(), &kept);
    must(ckpt_beside_of(jit_heap_libc(), &beside, &kept));
    kept.same_deaths = n > 0 && told == beside.deaths_told;
}

static void mark_beside(void)
{
    for (uint32_t i = 0; i < beside.own_count; i++) {
        must(kern_own_mark(beside.owns[i], &beside.owns[i]->now));
    }
}

/* Everything that a checkpoint can have. */
static struct ckpt_job full_job(unsigned n, bool incremental)
{
    struct ckpt_job job = world_job(&w, n, incremental);
    job.image_bytes = 1;
    job.beside = &kept;
    job.sync_log = true;
    return job;
}

static void checkpoints(unsigned count)
{
    for (unsigned n = 0; n < count; n++) {
        to_state(n);
        struct ckpt_job job = full_job(n, n > 0);
        must(ckpt_write(&job));
        w.made[n] = job.manifest;
        mark_beside();
    }
    made = count;
}

static void begin(struct oom *oom)
{
    const struct log_options options = {
        .segment_bytes = SEGMENT, .uuid = {9}, .durability = LOG_DURABILITY_TICK};
    struct log_report report;
    struct log *log = NULL;
    world_begin(&w);
    oom->mem = &w.mem;
    oom->disk = w.disk;
    graph_begin(&graphs[0], 1);
    graph_begin(&graphs[1], 2);
    kern_beside_init(&beside, jit_heap_libc());
    must(ckpt_key(&w.disk->io, true, w.seed));
    must(log_open(&w.mem.heap, &w.disk->io, &options, NULL, NULL, &report, &log));
    log_close(log);
    other = sim_disk_new(2);
    jit_buf_init(&bundle, jit_heap_libc(), 1u << 20);
    made = 0;
    founded.segment_count = 0;
}

static void end(struct oom *oom)
{
    (void)oom;
    jit_buf_release(&bundle);
    sim_disk_free(other);
    ckpt_beside_release(jit_heap_libc(), &kept);
    kern_beside_release(&beside);
    graph_end(&graphs[0]);
    graph_end(&graphs[1]);
    world_end(&w);
}

static void begin_one(struct oom *oom)
{
    begin(oom);
    checkpoints(1);
    to_state(1);
}

static void begin_two(struct oom *oom)
{
    begin(oom);
    checkpoints(2);
}

static void begin_three(struct oom *oom)
{
    begin(oom);
    checkpoints(3);
    to_state(3);
}

/* What was there gives what it gave: the state, and what was beside it. */
static void whole_of(struct jit_io *io, unsigned first)
{
    for (unsigned n = first; n < made; n++) {
        struct jit_id root;
        struct kern_beside got;
        const char *why = "";
        must(world_load(jit_heap_libc(), io, &w.made[n], &root));
        ck_assert(jit_id_equal(&root, &w.versions[n].state_root));
        kern_beside_init(&got, jit_heap_libc());
        must(ckpt_load_beside(jit_heap_libc(), io, &w.made[n], &got, &why));
        for (unsigned i = 0; i < 2; i++) {
            const struct jit_id process = world_id("node:", i);
            has(&got, &process, &graphs[i], steps[n][i]);
        }
        ck_assert_uint_eq(got.death_count, deaths_at[n]);
        kern_beside_release(&got);
    }
}

static void whole(struct oom *oom)
{
    (void)oom;
    whole_of(&w.disk->io, 0);
}

/* ---- writing ---- */

static enum jit_err write_one(struct oom *oom, unsigned n, bool incremental)
{
    struct ckpt_job job = full_job(n, incremental);
    enum jit_err err = ckpt_write(&job);
    oom->result = job.manifest.id;
    if (err == JIT_OK) { /* it is durable: it is there */
        w.made[n] = job.manifest;
        ck_assert_uint_eq(made, n);
        made = n + 1;
    }
    return err;
}

static enum jit_err run_first(struct oom *oom)
{
    return write_one(oom, 0, false);
}

static void begin_first(struct oom *oom)
{
    begin(oom);
    to_state(0);
}

static enum jit_err run_next(struct oom *oom)
{
    return write_one(oom, 1, true);
}

static enum jit_err run_same(struct oom *oom)
{
    return write_one(oom, 3, true);
}

static enum jit_err run_anew(struct oom *oom)
{
    return write_one(oom, 3, false);
}

static enum jit_err run_beside_of(struct oom *oom)
{
    struct ckpt_beside of;
    enum jit_err err = ckpt_beside_of(&w.mem.heap, &beside, &of);
    if (err == JIT_OK) {
        jit_hash(&of.own_count, sizeof of.own_count, &oom->result);
        ckpt_beside_release(&w.mem.heap, &of);
    }
    return err;
}

/* ---- reading ---- */

static enum jit_err run_list(struct oom *oom)
{
    struct ckpt_list list;
    enum jit_err err = ckpt_list_read(&w.mem.heap, &w.disk->io, w.made[0].uuid, &list);
    if (err == JIT_OK) {
        ck_assert_uint_eq(list.count, 2);
        oom->result = list.entries[0].id;
        ckpt_list_release(&list);
    }
    return err;
}

static enum jit_err run_load(struct oom *oom)
{
    return world_load(&w.mem.heap, &w.disk->io, &w.made[1], &oom->result);
}

static enum jit_err run_load_beside(struct oom *oom)
{
    struct kern_beside got;
    const char *why = "";
    kern_beside_init(&got, &w.mem.heap);
    enum jit_err err = ckpt_load_beside(&w.mem.heap, &w.disk->io, &w.made[1], &got, &why);
    if (err == JIT_OK) {
        oom->result = got.owns[0]->now.state_root;
    }
    kern_beside_release(&got);
    return err;
}

static enum jit_err run_verify(struct oom *oom)
{
    return ckpt_verify(&w.mem.heap, &w.disk->io, &w.made[1], &oom->result);
}

static enum jit_err run_image_verify(struct oom *oom)
{
    oom->result = w.made[1].segments[0].id;
    return ckpt_image_verify(&w.mem.heap, &w.disk->io, &oom->result);
}

static enum jit_err run_image_load(struct oom *oom)
{
    struct rmg_arena *arena = NULL;
    struct rmg_store *store = NULL;
    struct rmg_version version = rmg_version_empty();
    enum jit_err err = rmg_arena_new(&w.mem.heap, WORLD_ARENA, &arena);
    if (err == JIT_OK) {
        const struct rmg_store_options options = {.arenas = {arena}, .arena_count = 1};
        err = rmg_store_new(&w.mem.heap, &options, &store);
    }
    if (err == JIT_OK) {
        err = ckpt_image_load(&w.mem.heap, &w.disk->io, jit_exec_inline(),
                              &w.made[1].segments[0].id, store, &version);
    }
    oom->result = version.state_root;
    rmg_store_free(store);
    rmg_arena_free(&w.mem.heap, arena);
    return err;
}

static enum jit_err run_segment(struct oom *oom)
{
    uint8_t *bytes = NULL;
    enum jit_err err = ckpt_segment_read(&w.mem.heap, &w.disk->io, &w.made[1].segments[1], &bytes);
    oom->result = w.made[1].segments[1].id;
    w.mem.heap.free(&w.mem.heap, bytes);
    return err;
}

/* ---- moving and removing ---- */

static enum jit_err run_take(struct oom *oom)
{
    const struct jit_id *segment = &w.made[1].segments[0].id;
    enum jit_err err = other->io.mkdir(&other->io, CKPT_DIR);
    err = err == JIT_OK ? ckpt_image_take(&w.mem.heap, &w.disk->io, &other->io, w.seed, segment)
                        : err;
    oom->result = *segment;
    return err;
}

static void begin_take_to(struct oom *oom)
{
    begin_two(oom);
    oom->disk = other;
}

static enum jit_err run_remove(struct oom *oom)
{
    const struct ckpt_manifest *keep[] = {&w.made[2]};
    uint64_t removed = 0;
    enum jit_err err = ckpt_remove_others(&w.mem.heap, &w.disk->io, keep, 1, &removed);
    oom->result = w.made[2].id;
    return err;
}

static void whole_last(struct oom *oom)
{
    (void)oom;
    whole_of(&w.disk->io, 2);
}

/* Segments of the source, byte for byte. */
static enum jit_err bring(void *user, const struct ckpt_manifest *manifest)
{
    struct sim_disk *to = user;
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; err == JIT_OK && i < manifest->segment_count; i++) {
        uint8_t *bytes = NULL;
        struct jit_id id;
        const struct ckpt_segment *segment = &manifest->segments[i];
        err = ckpt_segment_read(&w.mem.heap, &w.disk->io, segment, &bytes);
        if (err == JIT_OK) {
            err = blob_put_in(&w.mem.heap, &to->io, CKPT_DIR, bytes, segment->size, &id);
        }
        w.mem.heap.free(&w.mem.heap, bytes);
    }
    return err;
}

static enum jit_err bring_nothing(void *user, const struct ckpt_manifest *manifest)
{
    (void)user;
    (void)manifest;
    return JIT_ENOTSUP;
}

static enum jit_err found(struct oom *oom, const struct ckpt_found_options *options)
{
    struct ckpt_job job = full_job(1, false);
    job.io = &other->io;
    enum jit_err err = ckpt_found(&job, options);
    oom->result = job.manifest.state_root;
    if (err == JIT_OK) {
        founded = job.manifest;
    }
    return err;
}

/* The new folder has its checkpoint, if it was told to be there; the old one has all of its own. */
static void whole_found(struct oom *oom)
{
    struct jit_id root;
    whole(oom);
    if (founded.segment_count > 0) {
        must(world_load(jit_heap_libc(), &other->io, &founded, &root));
        ck_assert(jit_id_equal(&root, &w.versions[1].state_root));
    }
}

static enum jit_err run_found(struct oom *oom)
{
    const struct ckpt_found_options options = {.uuid = {9}, .segment_bytes = SEGMENT};
    return found(oom, &options);
}

static enum jit_err run_found_bring(struct oom *oom)
{
    const struct ckpt_found_options options = {
        .uuid = {9}, .segment_bytes = SEGMENT, .bring = bring, .user = other, .source = &w.made[1]};
    return found(oom, &options);
}

static enum jit_err run_found_alone(struct oom *oom)
{
    const struct ckpt_found_options options = {
        .uuid = {9}, .segment_bytes = SEGMENT, .bring = bring_nothing, .source = &w.made[1]};
    return found(oom, &options);
}

/* ---- one file ---- */

static uint64_t pieces; /* so many can be written */

static enum jit_err put(void *user, const uint8_t *bytes, size_t size)
{
    struct jit_buf *buf = user;
    if (pieces == 0) {
        return JIT_ENOSPC;
    }
    pieces--;
    jit_buf_put(buf, bytes, size);
    return buf->err;
}

static enum jit_err bundle_write(struct jit_heap *heap, struct jit_id *id)
{
    uint8_t head[CKPT_BUNDLE_HEAD];
    struct ckpt_job job = full_job(1, false);
    jit_buf_reset(&bundle);
    enum jit_err err =
        ckpt_bundle_write(heap, &job.state, &kept, &job.manifest, w.seed, put, &bundle, head);
    if (err == JIT_OK) {
        memcpy(bundle.data, head, sizeof head);
        *id = job.manifest.id;
    }
    return err;
}

static enum jit_err run_bundle_write(struct oom *oom)
{
    pieces = UINT64_MAX;
    return bundle_write(&w.mem.heap, &oom->result);
}

static void begin_bundle(struct oom *oom)
{
    begin_two(oom);
    pieces = UINT64_MAX;
    must(bundle_write(jit_heap_libc(), &oom->result));
}

static enum jit_err run_bundle_load(struct oom *oom)
{
    struct rmg_arena *arena = NULL;
    struct rmg_store *store = NULL;
    struct rmg_version version = rmg_version_empty();
    struct ckpt_bundle got;
    struct kern_beside has_beside;
    const char *why = "";
    kern_beside_init(&has_beside, &w.mem.heap);
    must(ckpt_bundle_open(bundle.data, bundle.size, &got, &why));
    enum jit_err err = rmg_arena_new(&w.mem.heap, WORLD_ARENA, &arena);
    if (err == JIT_OK) {
        const struct rmg_store_options options = {.arenas = {arena}, .arena_count = 1};
        err = rmg_store_new(&w.mem.heap, &options, &store);
    }
    err = err == JIT_OK ? ckpt_bundle_load(&w.mem.heap, &got, store, &version, &why) : err;
    err = err == JIT_OK ? ckpt_bundle_load_beside(&w.mem.heap, &got, &has_beside, &why) : err;
    oom->result = version.state_root;
    kern_beside_release(&has_beside);
    rmg_store_free(store);
    rmg_arena_free(&w.mem.heap, arena);
    return err;
}

/* ---- small files ---- */

static void begin_bare(struct oom *oom)
{
    begin(oom);
    oom->disk = other;
}

static enum jit_err run_key(struct oom *oom)
{
    uint8_t seed[JIT_SIGN_SEED_BYTES];
    uint8_t again[JIT_SIGN_SEED_BYTES];
    enum jit_err err = ckpt_key(&other->io, true, seed);
    err = err == JIT_OK ? ckpt_key(&other->io, false, again) : err;
    if (err == JIT_OK) {
        ck_assert_mem_eq(seed, again, sizeof seed);
    }
    memset(&oom->result, 0, sizeof oom->result); /* it is random */
    return err;
}

static enum jit_err run_head(struct oom *oom)
{
    char name[HEAD_NAME_MAX + 1] = "";
    enum jit_err err = head_write(&other->io, "first");
    err = err == JIT_OK ? head_read(&other->io, name) : err;
    if (err == JIT_OK) {
        ck_assert_str_eq(name, "first");
    }
    jit_hash(name, sizeof name, &oom->result);
    return err;
}

static enum jit_err run_put_file(struct oom *oom)
{
    enum jit_err err = other->io.mkdir(&other->io, CKPT_DIR);
    err = err == JIT_OK ? ckpt_put_file(&other->io, CKPT_DIR "/x", "bytes", 5) : err;
    memset(&oom->result, 0, sizeof oom->result);
    return err;
}

/* ---- all of them ---- */

static const struct oom_row memory_and_disk[] = {
    {"ckpt_write, the first", begin_first, run_first, whole, end, false, false},
    {"ckpt_write, what differs", begin_one, run_next, whole, end, false, false},
    {"ckpt_write, nothing new", begin_three, run_same, whole, end, false, false},
    {"ckpt_write, anew", begin_three, run_anew, whole, end, false, false},
    {"ckpt_list_read", begin_two, run_list, whole, end, false, false},
    {"ckpt_load", begin_two, run_load, whole, end, false, false},
    {"ckpt_load_beside", begin_two, run_load_beside, whole, end, false, false},
    {"ckpt_verify", begin_two, run_verify, whole, end, false, false},
    {"ckpt_image_verify", begin_two, run_image_verify, whole, end, false, false},
    {"ckpt_image_load", begin_two, run_image_load, whole, end, false, false},
    {"ckpt_segment_read", begin_two, run_segment, whole, end, false, false},
    {"ckpt_image_take, from", begin_two, run_take, whole, end, false, false},
    {"ckpt_image_take, to", begin_take_to, run_take, whole, end, false, false},
    {"ckpt_remove_others", begin_three, run_remove, whole_last, end, false, false},
    {"ckpt_found", begin_take_to, run_found, whole_found, end, false, false},
    {"ckpt_found, with segments", begin_take_to, run_found_bring, whole_found, end, false, false},
    {"ckpt_found, without", begin_take_to, run_found_alone, whole_found, end, false, false},
};
static const struct oom_row memory_only[] = {
    {"ckpt_beside_of", begin_two, run_beside_of, whole, end, false, false},
    {"ckpt_bundle_write", begin_two, run_bundle_write, whole, end, false, false},
    {"ckpt_bundle_load", begin_bundle, run_bundle_load, whole, end, false, false},
};
static const struct oom_row disk_only[] = {
    {"ckpt_key", begin_bare, run_key, NULL, end, false, true},
    {"head_write, head_read", begin_bare, run_head, NULL, end, false, true},
    {"ckpt_put_file", begin_bare, run_put_file, NULL, end, false, true},
};
#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

START_TEST(every_allocation)
{
    struct oom_count count = {.operations = 0};
    for (size_t i = 0; i < COUNT(memory_and_disk); i++) {
        oom_try(&memory_and_disk[i], &count);
    }
    for (size_t i = 0; i < COUNT(memory_only); i++) {
        oom_try(&memory_only[i], &count);
    }
    for (size_t i = 0; i < COUNT(disk_only); i++) {
        oom_try(&disk_only[i], &count);
    }
    printf("checkpoints, memory: %" PRIu64 " operations, %" PRIu64 " refusals, %" PRIu64
           " of them borne\n",
           count.operations, count.refusals, count.borne);
    ck_assert_uint_gt(count.refusals, 10 * count.operations);
}
END_TEST

START_TEST(every_call_of_the_disk)
{
    struct oom_count count = {.operations = 0};
    for (size_t i = 0; i < COUNT(memory_and_disk); i++) {
        oom_try_disk(&memory_and_disk[i], &count);
    }
    for (size_t i = 0; i < COUNT(disk_only); i++) {
        oom_try_disk(&disk_only[i], &count);
    }
    printf("checkpoints, disk: %" PRIu64 " operations, %" PRIu64 " refusals, %" PRIu64
           " of them borne\n",
           count.operations, count.refusals, count.borne);
    ck_assert_uint_gt(count.refusals, 20 * count.operations);
}
END_TEST

/* Whoever takes the pieces of an exported checkpoint may refuse each of them. */
START_TEST(every_piece)
{
    struct oom oom = {.mem = NULL};
    enum jit_err err = JIT_ENOSPC;
    uint64_t n = 0;
    begin_two(&oom);
    for (; err != JIT_OK; n++) {
        ck_assert_uint_lt(n, 500);
        pieces = n;
        err = bundle_write(&w.mem.heap, &oom.result);
        ck_assert(err == JIT_OK || (err == JIT_ENOSPC && pieces == 0));
    }
    ck_assert_uint_gt(n, 5);
    end(&oom);
}
END_TEST

/* ---- stopping ---- */

static uint64_t asked;
static uint64_t stop_at;

static bool stops(void *user)
{
    (void)user;
    return asked++ == stop_at;
}

/* It ends at each place where it asks whether it is to; the next one does its work. */
START_TEST(every_stop)
{
    for (unsigned incremental = 0; incremental < 2; incremental++) {
        enum jit_err err = JIT_EAGAIN;
        for (stop_at = 0; err != JIT_OK; stop_at++) {
            struct oom oom = {.mem = NULL};
            ck_assert_uint_lt(stop_at, 500);
            begin_one(&oom);
            const int64_t live = w.mem.live;
            struct ckpt_job job = full_job(1, incremental == 1);
            job.stop = stops;
            asked = 0;
            err = ckpt_write(&job);
            ck_assert_int_eq(w.mem.live, live);
            ck_assert(err == JIT_EAGAIN || err == JIT_OK);
            ck_assert_int_eq(err == JIT_OK, asked <= stop_at);
            whole_of(&w.disk->io, 0);
            must(write_one(&oom, 1, true));
            whole_of(&w.disk->io, 0);
            end(&oom);
        }
        ck_assert_uint_gt(stop_at, 2);
    }
}
END_TEST

/* A name is of one tick: another one is refused it, and nothing of it is written; the same tick may
 * have it again. What does not verify has no name. */
START_TEST(one_tick_has_a_name)
{
    struct ckpt_list found;
    char text[80];
    world_begin(&w);
    must(world_checkpoint(&w, 0, false));
    must(world_checkpoint(&w, 1, true));
    const uint64_t before = w.disk->changes;
    struct ckpt_job job = world_job(&w, 2, false);
    snprintf(job.manifest.name, sizeof job.manifest.name, "state-1");
    ck_assert_int_eq(ckpt_write(&job), JIT_EEXIST);
    ck_assert_uint_eq(w.disk->changes, before);
    ckpt_write_why(&job, JIT_EEXIST, text, sizeof text);
    ck_assert_str_eq(text, "that of tick 1 is called so");
    ckpt_write_why(&job, JIT_EIO, text, sizeof text);
    ck_assert_str_eq(text, jit_err_text(JIT_EIO));
    must(ckpt_list_read(jit_heap_libc(), &w.disk->io, NULL, &found));
    ck_assert_uint_eq(found.count, 2);
    ckpt_list_release(&found);

    for (unsigned n = 2; n < WORLD_STATES; n++) { /* no name is nobody's */
        struct ckpt_job nameless = world_job(&w, n, false);
        nameless.manifest.name[0] = '\0';
        must(ckpt_write(&nameless));
    }

    struct ckpt_job again = world_job(&w, 1, false);
    must(ckpt_write(&again));
    char name[CKPT_FILE_NAME_MAX];
    int file = -1;
    for (unsigned i = 0; i < 2; i++) { /* both that bear it */
        ckpt_manifest_name(i == 0 ? &again.manifest.id : &w.made[1].id, name);
        must(w.disk->io.open(&w.disk->io, name, 0, &file));
        must(w.disk->io.pwrite(&w.disk->io, file, "?", 1, 100));
        w.disk->io.close(&w.disk->io, file);
    }
    must(ckpt_write(&job));
    world_end(&w);
}
END_TEST

/* What lies where its files go is no name that is taken. */
START_TEST(no_room_for_a_file)
{
    int file = -1;
    world_begin(&w);
    must(w.disk->io.mkdir(&w.disk->io, CKPT_DIR));
    for (unsigned n = 0; n < 1024; n++) {
        char name[CKPT_FILE_NAME_MAX];
        snprintf(name, sizeof name, CKPT_DIR "/tmp-%u", n);
        must(w.disk->io.open(&w.disk->io, name, JIT_IO_CREATE, &file));
        w.disk->io.close(&w.disk->io, file);
    }
    ck_assert_int_eq(world_checkpoint(&w, 0, false), JIT_EIO);
    must(blob_sweep_unfinished(jit_heap_libc(), &w.disk->io, CKPT_DIR, NULL));
    must(world_checkpoint(&w, 0, false));
    world_end(&w);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "refusals", 120);
    tcase_add_test(t, every_allocation);
    tcase_add_test(t, every_call_of_the_disk);
    tcase_add_test(t, every_piece);
    tcase_add_test(t, every_stop);
    tcase_add_test(t, one_tick_has_a_name);
    tcase_add_test(t, no_room_for_a_file);
}

TEST_MAIN("checkpoint refusals", suite)
