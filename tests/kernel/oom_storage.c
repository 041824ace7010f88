/* Rows of what is kept and told: log, blobs, checkpoints, the hub's queues. */
#include "kernel/log/blob.h"
#include "kernel/hub/hub_queue.h"
#include "kernel/event/pool.h"
#include "tests/kernel/checkpoint/checkpoint_world.h"
#include "tests/kernel/oom_rows.h"

#define BYTES_MAX (1u << 20)
#define RECORDS   6u
#define SEGMENT   16384u

static struct world w;
static struct fault_heap mem;

static void begin_plain(struct oom *oom)
{
    mem = fault_heap_make(-1, false);
    oom->mem = &mem;
}

static void end_plain(struct oom *oom)
{
    (void)oom;
}

/* ---- the log ---- */

static struct sim_disk *disk;
static struct log *the_log;
static const struct log_options log_how = {
    .segment_bytes = SEGMENT, .uuid = {7}, .durability = LOG_DURABILITY_GROUP};

static enum jit_err append_records(struct log *log)
{
    static const size_t sizes[RECORDS] = {10, 3000, 6000, 20000, 0, 5000};
    static uint8_t payload[20000];
    enum jit_err err = JIT_OK;
    while (err == JIT_OK && log_tick_end(log) < RECORDS) {
        uint64_t tick = log_tick_end(log);
        struct log_record record = {.tick = tick, .payload = payload, .payload_size = sizes[tick]};
        record.state_root = world_id("root:", (unsigned)tick);
        err = log_append(log, &record);
        err = err == JIT_OK ? log_flush(log) : err;
        err = err == JIT_OK ? log_reap(log, true, NULL) : err;
    }
    return err == JIT_OK ? log_seal(log) : err;
}

static enum jit_err count_record(void *user, const struct log_record *record)
{
    struct jit_hasher *hasher = user;
    jit_hasher_update(hasher, record->state_root.bytes, JIT_ID_BYTES);
    jit_hasher_update(hasher, record->payload, record->payload_size);
    return JIT_OK;
}

static void begin_disk(struct oom *oom)
{
    begin_plain(oom);
    disk = sim_disk_new(1);
    the_log = NULL;
}

static void begin_log(struct oom *oom)
{
    struct log_report report;
    begin_disk(oom);
    must(log_open(&mem.heap, &disk->io, &log_how, NULL, NULL, &report, &the_log));
}

static void begin_full_log(struct oom *oom)
{
    begin_log(oom);
    must(append_records(the_log));
    log_close(the_log);
    the_log = NULL;
}

static void end_disk(struct oom *oom)
{
    (void)oom;
    log_close(the_log);
    sim_disk_free(disk);
}

static enum jit_err run_log_open(struct oom *oom)
{
    struct log_report report;
    struct jit_hasher hasher;
    struct log *log = NULL;
    jit_hasher_init(&hasher);
    enum jit_err err =
        log_open(&mem.heap, &disk->io, &log_how, count_record, &hasher, &report, &log);
    jit_hasher_final(&hasher, &oom->result);
    log_close(log);
    return err;
}

static enum jit_err run_log_work(struct oom *oom)
{
    enum jit_err err = append_records(the_log);
    uint64_t end = log_tick_end(the_log);
    ck_assert_msg(err == JIT_OK || log_dead(the_log) == JIT_OK, "the log is dead: %s",
                  jit_err_name(log_dead(the_log)));
    jit_hash(&end, sizeof end, &oom->result);
    return err;
}

/* What it calls durable is there, whoever looks. */
static void whole_log(struct oom *oom)
{
    struct log_report report;
    (void)oom;
    uint64_t durable = the_log == NULL ? RECORDS : log_durable_end(the_log);
    must(log_verify(jit_heap_libc(), &disk->io, NULL, NULL, &report));
    ck_assert_uint_ge(report.tick_end, durable);
}

static enum jit_err run_log_verify(struct oom *oom)
{
    struct log_report report;
    struct jit_hasher hasher;
    jit_hasher_init(&hasher);
    enum jit_err err = log_verify(&mem.heap, &disk->io, count_record, &hasher, &report);
    jit_hasher_final(&hasher, &oom->result);
    return err;
}

static enum jit_err run_log_begun(struct oom *oom)
{
    uint64_t first = 0;
    uint64_t last = 0;
    bool begun = false;
    uint8_t uuid[LOG_UUID_BYTES];
    enum jit_err err = log_segments(&mem.heap, &disk->io, &first, &last);
    err = err == JIT_OK ? log_begun(&mem.heap, &disk->io, &begun) : err;
    err = err == JIT_OK ? log_uuid(&mem.heap, &disk->io, uuid) : err;
    ck_assert(err != JIT_OK || begun);
    jit_hash(&last, sizeof last, &oom->result);
    return err;
}

static enum jit_err run_blob(struct oom *oom)
{
    static const uint8_t bytes[100000] = {8};
    enum jit_err err = disk->io.mkdir(&disk->io, BLOB_DIR);
    err = err == JIT_OK ? blob_put(&mem.heap, &disk->io, bytes, sizeof bytes, &oom->result) : err;
    err = err == JIT_OK ? blob_verify(&mem.heap, &disk->io, &oom->result, sizeof bytes) : err;
    return err == JIT_OK ? blob_sweep(&mem.heap, &disk->io, &oom->result, 1, NULL) : err;
}

/* ---- checkpoints ---- */

static void begin_world(struct oom *oom)
{
    world_begin(&w);
    oom->mem = &w.mem;
}

static void begin_checkpoints(struct oom *oom)
{
    begin_world(oom);
    for (unsigned n = 0; n < 3; n++) {
        must(world_checkpoint(&w, n, n > 0));
    }
}

static void end_world(struct oom *oom)
{
    (void)oom;
    world_end(&w);
}

/* Every checkpoint that was made gives its state. */
static void whole_checkpoints(struct oom *oom)
{
    (void)oom;
    for (unsigned n = 0; n < 3; n++) {
        struct jit_id root;
        must(world_load(jit_heap_libc(), &w.disk->io, &w.made[n], &root));
        ck_assert(jit_id_equal(&root, &w.versions[n].state_root));
    }
}

static enum jit_err run_checkpoint(struct oom *oom)
{
    enum jit_err err = world_checkpoint(&w, 3, true);
    oom->result = w.made[3].id;
    return err;
}

static enum jit_err run_checkpoint_whole(struct oom *oom)
{
    enum jit_err err = world_checkpoint(&w, 3, false);
    oom->result = w.made[3].id;
    return err;
}

static enum jit_err run_list(struct oom *oom)
{
    struct ckpt_list list;
    enum jit_err err = ckpt_list_read(&w.mem.heap, &w.disk->io, NULL, &list);
    if (err == JIT_OK) {
        ck_assert_uint_eq(list.count, 3);
        oom->result = list.entries[0].id;
        ckpt_list_release(&list);
    }
    return err;
}

static enum jit_err run_load(struct oom *oom)
{
    return world_load(&w.mem.heap, &w.disk->io, &w.made[2], &oom->result);
}

static enum jit_err run_ckpt_verify(struct oom *oom)
{
    struct jit_id segment = {{0}};
    enum jit_err err = ckpt_verify(&w.mem.heap, &w.disk->io, &w.made[2], &segment);
    oom->result = w.made[2].id;
    return err;
}

static enum jit_err run_remove(struct oom *oom)
{
    const struct ckpt_manifest *keep[] = {&w.made[0], &w.made[1], &w.made[2]};
    uint64_t removed = 0;
    enum jit_err err = ckpt_remove_others(&w.mem.heap, &w.disk->io, keep, 3, &removed);
    oom->result = w.made[2].id;
    return err;
}

static enum jit_err run_found(struct oom *oom)
{
    const struct ckpt_found_options options = {.uuid = {9}, .segment_bytes = SEGMENT};
    struct ckpt_job job = world_job(&w, 2, false);
    enum jit_err err = ckpt_found(&job, &options);
    oom->result = job.manifest.state_root;
    return err;
}

static enum jit_err put(void *user, const uint8_t *bytes, size_t size)
{
    struct jit_buf *buf = user;
    jit_buf_put(buf, bytes, size);
    return buf->err;
}

static enum jit_err run_bundle(struct oom *oom)
{
    struct rmg_arena *arena = NULL;
    struct rmg_store *store = NULL;
    struct rmg_version version;
    struct ckpt_bundle found;
    struct jit_buf buf;
    const char *why = NULL;
    uint8_t head[CKPT_BUNDLE_HEAD];
    struct ckpt_job job = world_job(&w, 2, false);
    jit_buf_init(&buf, &w.mem.heap, BYTES_MAX);
    enum jit_err err =
        ckpt_bundle_write(&w.mem.heap, &job.state, NULL, &job.manifest, w.seed, put, &buf, head);
    if (err == JIT_OK) {
        memcpy(buf.data, head, sizeof head);
        err = ckpt_bundle_open(buf.data, buf.size, &found, &why);
    }
    err = err == JIT_OK ? rmg_arena_new(&w.mem.heap, WORLD_ARENA, &arena) : err;
    if (err == JIT_OK) {
        struct rmg_store_options options = {.arenas = {arena}, .arena_count = 1};
        err = rmg_store_new(&w.mem.heap, &options, &store);
    }
    err = err == JIT_OK ? ckpt_bundle_load(&w.mem.heap, &found, store, &version, &why) : err;
    if (err == JIT_OK) {
        oom->result = version.state_root;
    }
    rmg_store_free(store);
    rmg_arena_free(&w.mem.heap, arena);
    jit_buf_release(&buf);
    return err;
}

/* ---- the shell ---- */

static enum jit_err run_queue(struct oom *oom)
{
    struct hub_message *message = NULL;
    struct hub_queue queue;
    struct jit_buf frames;
    hub_queue_init(&queue, &mem.heap);
    jit_buf_init(&frames, &mem.heap, BYTES_MAX);
    jit_buf_put(&frames, "\2\0\0\0xx", 6);
    enum jit_err err = frames.err;
    for (unsigned i = 0; err == JIT_OK && i < 20; i++) {
        err = hub_queue_copy(&queue, &frames);
    }
    err = err == JIT_OK ? hub_message_new(&mem.heap, &frames, true, &message) : err;
    for (unsigned i = 0; err == JIT_OK && i < 20; i++) {
        err = hub_queue_put(&queue, message);
    }
    uint64_t bytes = queue.bytes;
    jit_hash(&bytes, sizeof bytes, &oom->result);
    hub_message_unref(message);
    hub_queue_release(&queue);
    jit_buf_release(&frames);
    return err;
}

static enum jit_err run_pool(struct oom *oom)
{
    struct shell_pool *pool = NULL;
    (void)oom;
    enum jit_err err = shell_pool_new(&mem.heap, 2, &pool);
    shell_pool_free(pool);
    return err;
}

const struct oom_row oom_storage_rows[] = {
    {"log_open, a new one", begin_disk, run_log_open, NULL, end_disk, false, false},
    {"log_open", begin_full_log, run_log_open, whole_log, end_disk, false, false},
    {"log_append to log_seal", begin_log, run_log_work, whole_log, end_disk, false, false},
    {"log_verify", begin_full_log, run_log_verify, whole_log, end_disk, false, false},
    {"log_segments, begun, uuid", begin_full_log, run_log_begun, whole_log, end_disk, false, false},
    {"blob_put, verify, sweep", begin_disk, run_blob, NULL, end_disk, false, false},
    {"ckpt_write", begin_checkpoints, run_checkpoint, whole_checkpoints, end_world, false, false},
    {"ckpt_write, whole", begin_checkpoints, run_checkpoint_whole, whole_checkpoints, end_world,
     false, false},
    {"ckpt_list_read", begin_checkpoints, run_list, whole_checkpoints, end_world, false, false},
    {"ckpt_load", begin_checkpoints, run_load, whole_checkpoints, end_world, false, false},
    {"ckpt_verify", begin_checkpoints, run_ckpt_verify, whole_checkpoints, end_world, false, false},
    {"ckpt_remove_others", begin_checkpoints, run_remove, whole_checkpoints, end_world, false,
     false},
    {"ckpt_found", begin_world, run_found, NULL, end_world, false, false},
    {"ckpt_bundle", begin_world, run_bundle, NULL, end_world, false, false},
    {"hub_queue", begin_plain, run_queue, NULL, end_plain, false, false},
    {"shell_pool_new", begin_plain, run_pool, NULL, end_plain, false, false},
};
const size_t oom_storage_row_count = sizeof oom_storage_rows / sizeof oom_storage_rows[0];
