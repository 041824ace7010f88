/* What durability costs, in a folder of its own below $BENCH_DIR (else the current directory), each
 * figure taken in turns with the one beside it. durable_tick: one tick of one rewrite, from the
 * request to the completion of its record's write; raw_dsync: one write of 4 KiB with RWF_DSYNC
 * into a zero-filled file. durable_rows: a rewrite of a tick of 1,000 that each set an atom of 118
 * bytes; sqlite_rows: a row of a transaction of 1,000 updates, key 32 bytes, value 118, WAL,
 * synchronous=FULL. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <unistd.h>

#ifdef HAVE_SQLITE
#include <sqlite3.h>
#endif

#include "base/check.h"
#include "kernel/core/record.h"
#include "kernel/log/io_ring.h"
#include "kernel/log/log.h"
#include "tests/bench/bench_bed.h"
#include "tests/lib/must.h"

#define TICKS      400u
#define BATCHES    60u
#define WARM       8u
#define ROWS       1000u /* a transaction */
#define VALUE      118u  /* bytes: a row is its key and this */
#define RAW_BLOCKS 4096u

struct disk {
    char path[4096];
    int dirfd;
    struct jit_io *io;
    bool io_is_ring;
    struct log *log;
    struct jit_buf payload;
};

/* ---- the folder ---- */

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    (void)kind;
    (void)where;
    return remove(path);
}

static void folder_make(struct disk *disk, const char *what)
{
    const char *under = getenv("BENCH_DIR");
    int size = snprintf(disk->path, sizeof disk->path, "%s/bench-disk.XXXXXX",
                        under != NULL && under[0] != '\0' ? under : ".");
    assert(size > 0 && (size_t)size < sizeof disk->path);
    if (mkdtemp(disk->path) == NULL) {
        perror(disk->path);
        exit(EXIT_FAILURE);
    }
    disk->dirfd = open(disk->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert(disk->dirfd >= 0);
    fprintf(stderr, "bench: %s in %s\n", what, disk->path);
}

static void folder_remove(struct disk *disk)
{
    close(disk->dirfd);
    int failed = nftw(disk->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    assert(failed == 0);
}

/* ---- the log ---- */

/* The log's first tick has no requests; those of the bed follow. */
static void log_begin(struct disk *disk, const struct bench_bed *bed)
{
    const struct io_options io = {.direct = true, .die_at = IO_DIE_NEVER};
    struct log_options options = {.durability = LOG_DURABILITY_TICK};
    struct log_report report;
    enum jit_err err = io_ring_open(jit_heap_libc(), disk->dirfd, &io, &disk->io);
    disk->io_is_ring = err == JIT_OK;
    if (err != JIT_OK) {
        must(io_posix_open(jit_heap_libc(), disk->dirfd, &io, &disk->io));
    }
    ssize_t got = getrandom(options.uuid, sizeof options.uuid, 0);
    assert(got == (ssize_t)sizeof options.uuid);
    must(log_open(jit_heap_libc(), disk->io, &options, NULL, NULL, &report, &disk->log));
    jit_buf_init(&disk->payload, jit_heap_libc(), LOG_PAYLOAD_BYTES_MAX);
    struct kern_record none = {.flags = 0};
    kern_record_encode(&none, &disk->payload);
    struct log_record record = {.state_root = bed->version.state_root,
                                .payload = disk->payload.data,
                                .payload_size = disk->payload.size};
    must(log_append(disk->log, &record));
    must(log_seal(disk->log));
    assert(log_tick_end(disk->log) == bed->tick);
}

static void log_end(struct disk *disk)
{
    must(log_seal(disk->log));
    log_close(disk->log);
    if (disk->io_is_ring) {
        io_ring_close(disk->io);
    } else {
        io_posix_close(disk->io);
    }
    jit_buf_release(&disk->payload);
}

/* From decoded requests to the completion of the record's write. */
static double durable_tick(struct disk *disk, struct bench_bed *bed, struct rmg_request *requests,
                           uint32_t count)
{
    struct rmg_tick_output output;
    uint64_t tick = bed->tick;
    uint64_t durable_end = 0;
    uint64_t begin = bench_wall_ns();
    (void)bench_bed_tick(bed, requests, count, &output);
    const struct kern_record made = {.requests = requests,
                                     .receipts = output.receipts,
                                     .request_count = count,
                                     .patch = output.patch,
                                     .patch_size = output.patch_size};
    jit_buf_reset(&disk->payload);
    kern_record_encode(&made, &disk->payload);
    must(disk->payload.err);
    const struct log_record record = {.tick = tick,
                                      .commit = output.commit,
                                      .state_root = output.version.state_root,
                                      .payload = disk->payload.data,
                                      .payload_size = disk->payload.size};
    must(log_append(disk->log, &record));
    while (durable_end <= tick) {
        must(log_reap(disk->log, true, &durable_end));
    }
    return (double)(bench_wall_ns() - begin);
}

/* ---- durable_tick beside raw_dsync ---- */

struct raw {
    int fd;
    uint8_t *block;
    uint64_t at;
};

static void raw_begin(struct disk *disk, struct raw *raw)
{
    int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;
    void *block = NULL;
    int failed = posix_memalign(&block, 4096, 4096);
    assert(failed == 0);
    *raw = (struct raw){.block = block};
    memset(block, 0, 4096);
    raw->fd = openat(disk->dirfd, "raw", flags, 0600);
    assert(raw->fd >= 0);
    for (uint64_t i = 0; i < RAW_BLOCKS; i++) {
        ssize_t put = pwrite(raw->fd, block, 4096, (off_t)(i * 4096));
        assert(put == 4096);
    }
    failed = fsync(raw->fd);
    assert(failed == 0);
    int direct = openat(disk->dirfd, "raw", O_RDWR | O_DIRECT | O_CLOEXEC);
    if (direct >= 0) {
        close(raw->fd);
        raw->fd = direct;
    }
    memset(block, 0x5a, 4096);
}

static double raw_once(struct raw *raw)
{
    const struct iovec piece = {.iov_base = raw->block, .iov_len = 4096};
    raw->block[0]++;
    uint64_t begin = bench_wall_ns();
    ssize_t put = pwritev2(raw->fd, &piece, 1, (off_t)(raw->at * 4096), RWF_DSYNC);
    uint64_t end = bench_wall_ns();
    assert(put == 4096);
    raw->at = (raw->at + 1) % RAW_BLOCKS;
    return (double)(end - begin);
}

static void raw_end(struct raw *raw)
{
    close(raw->fd);
    free(raw->block);
}

static void bench_durable_tick(const struct bench *bench, uint64_t n)
{
    static double ours[TICKS], theirs[TICKS];
    static struct disk disk;
    struct bench_bed bed;
    struct raw raw;
    if (!bench_wants(bench, "durable_tick", n) && !bench_wants(bench, "raw_dsync", n)) {
        return;
    }
    folder_make(&disk, "durable_tick");
    bench_bed_begin(&bed, n);
    log_begin(&disk, &bed);
    raw_begin(&disk, &raw);
    for (size_t i = 0; i < TICKS + WARM; i++) {
        const struct jit_id *id = &bed.ids[jit_random_below(&bed.random, n)];
        bench_bed_new_value(&bed);
        struct rmg_request request = bench_bed_request(&bed, bed.put, id);
        double tick = durable_tick(&disk, &bed, &request, 1);
        double write = raw_once(&raw);
        if (i >= WARM) {
            ours[i - WARM] = tick;
            theirs[i - WARM] = write;
        }
    }
    raw_end(&raw);
    log_end(&disk);
    bench_bed_end(&bed);
    folder_remove(&disk);
    bench_report(bench, "durable_tick", n, ours, TICKS);
    bench_report(bench, "raw_dsync", n, theirs, TICKS);
}

/* ---- durable_rows beside sqlite_rows ---- */

#ifdef HAVE_SQLITE
struct peer {
    sqlite3 *db;
    sqlite3_stmt *begin;
    sqlite3_stmt *commit;
    sqlite3_stmt *update;
};

static void peer_run(struct peer *peer, const char *sql)
{
    int result = sqlite3_exec(peer->db, sql, NULL, NULL, NULL);
    assert(result == SQLITE_OK);
}

static sqlite3_stmt *peer_prepare(struct peer *peer, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(peer->db, sql, -1, &statement, NULL);
    assert(result == SQLITE_OK);
    return statement;
}

static void peer_step(sqlite3_stmt *statement)
{
    int result = sqlite3_step(statement);
    assert(result == SQLITE_DONE);
    sqlite3_reset(statement);
}

static void peer_row(sqlite3_stmt *statement, const struct jit_id *id, const uint8_t *value)
{
    sqlite3_bind_blob(statement, 1, value, VALUE, SQLITE_STATIC);
    sqlite3_bind_blob(statement, 2, id, sizeof *id, SQLITE_STATIC);
    peer_step(statement);
}

static void peer_begin(const struct disk *disk, const struct bench_bed *bed, struct peer *peer)
{
    static const uint8_t value[VALUE];
    char path[sizeof disk->path + 16];
    snprintf(path, sizeof path, "%s/sqlite.db", disk->path);
    int result = sqlite3_open(path, &peer->db);
    assert(result == SQLITE_OK);
    peer_run(peer, "PRAGMA journal_mode=WAL");
    peer_run(peer, "PRAGMA synchronous=FULL");
    peer_run(peer, "CREATE TABLE rows(id BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID");
    peer->begin = peer_prepare(peer, "BEGIN");
    peer->commit = peer_prepare(peer, "COMMIT");
    peer->update = peer_prepare(peer, "UPDATE rows SET value=?1 WHERE id=?2");
    sqlite3_stmt *insert = peer_prepare(peer, "INSERT INTO rows(value, id) VALUES(?1, ?2)");
    peer_step(peer->begin);
    for (uint64_t i = 0; i < bed->n; i++) {
        peer_row(insert, &bed->ids[i], value);
    }
    peer_step(peer->commit);
    sqlite3_finalize(insert);
}

static double peer_rows(struct peer *peer, const struct rmg_request *requests)
{
    uint64_t begin = bench_wall_ns();
    peer_step(peer->begin);
    for (uint32_t i = 0; i < ROWS; i++) {
        peer_row(peer->update, requests[i].ids, requests[i].params + 8);
        assert(sqlite3_changes(peer->db) == 1);
    }
    peer_step(peer->commit);
    return (double)(bench_wall_ns() - begin) / ROWS;
}

static void peer_end(struct peer *peer)
{
    sqlite3_finalize(peer->begin);
    sqlite3_finalize(peer->commit);
    sqlite3_finalize(peer->update);
    int result = sqlite3_close(peer->db);
    assert(result == SQLITE_OK);
}
#endif

struct rows {
    struct rmg_request requests[ROWS];
    uint8_t params[ROWS][8 + VALUE];
};

/* ROWS different nodes, each with a value of its own. */
static void rows_draw(struct bench_bed *bed, struct rows *rows)
{
    uint64_t stride = bed->n / ROWS;
    for (uint32_t i = 0; i < ROWS; i++) {
        uint64_t value[(VALUE + 7) / 8];
        for (size_t k = 0; k < sizeof value / sizeof value[0]; k++) {
            value[k] = jit_random_next(&bed->random);
        }
        uint64_t at = i * stride + jit_random_below(&bed->random, stride);
        rows->requests[i] = bench_bed_request(bed, bed->put, &bed->ids[at]);
        rows->requests[i].params = rows->params[i];
        rows->requests[i].params_size = sample_params_bytes(rows->params[i], value, VALUE);
    }
}

static void bench_durable_rows(const struct bench *bench, uint64_t n)
{
    static double ours[BATCHES], theirs[BATCHES];
    static struct disk disk;
    struct bench_bed bed;
    if (!bench_wants(bench, "durable_rows", n) && !bench_wants(bench, "sqlite_rows", n)) {
        return;
    }
    struct rows *rows = bench_array(1, sizeof *rows);
    folder_make(&disk, "durable_rows");
    bench_bed_begin(&bed, n);
    log_begin(&disk, &bed);
#ifdef HAVE_SQLITE
    struct peer peer = {.db = NULL};
    peer_begin(&disk, &bed, &peer);
#else
    fprintf(stderr, "bench: sqlite_rows is left out: libsqlite3-dev was not there to configure\n");
#endif
    for (size_t i = 0; i < BATCHES + WARM; i++) {
        rows_draw(&bed, rows);
        size_t at = i < WARM ? 0 : i - WARM;
#ifdef HAVE_SQLITE
        theirs[at] = peer_rows(&peer, rows->requests); /* first: a tick reorders the requests */
#endif
        ours[at] = durable_tick(&disk, &bed, rows->requests, ROWS) / ROWS;
    }
#ifdef HAVE_SQLITE
    peer_end(&peer);
#endif
    log_end(&disk);
    bench_bed_end(&bed);
    folder_remove(&disk);
    free(rows);
    bench_report(bench, "durable_rows", n, ours, BATCHES);
#ifdef HAVE_SQLITE
    bench_report(bench, "sqlite_rows", n, theirs, BATCHES);
#else
    (void)theirs;
#endif
}

void bench_disk(const struct bench *bench)
{
    bench_durable_tick(bench, 1000);
    bench_durable_rows(bench, 100000);
}
