/* tests/kernel/log/log_bed.h - a simulated disk, a heap that counts, and small logs on it. Included
 * by one test program at a time. */
#ifndef JIT_TESTS_LOG_BED_H
#define JIT_TESTS_LOG_BED_H

#include "kernel/log/log_priv.h"

#include "tests/lib/fault_heap.h"
#include "tests/lib/sim_disk.h"
#include "tests/lib/tcase.h"

#define SEGMENT_BYTES 16384u
#define FIRST         "log/0000000000000001.seg"

static struct sim_disk *disk;
static struct fault_heap mem;
static struct log_identity identity;
static const uint8_t uuid[LOG_UUID_BYTES] = {1, 2, 3};

static inline void setup(void)
{
    disk = sim_disk_new(1);
    mem = fault_heap_make(-1, false);
    log_identity_init(&identity, uuid, SEGMENT_BYTES);
}

static inline void teardown(void)
{
    sim_disk_free(disk);
    ck_assert_int_eq(mem.live, 0);
}

static inline void make_log(unsigned ticks)
{
    const struct log_options options = {
        .segment_bytes = SEGMENT_BYTES, .uuid = {1, 2, 3}, .durability = LOG_DURABILITY_GROUP};
    struct log_report report;
    struct log *log = NULL;
    ck_assert_int_eq(log_open(&mem.heap, &disk->io, &options, NULL, NULL, &report, &log), JIT_OK);
    for (unsigned i = 0; i < ticks; i++) {
        uint8_t payload[1000] = {0};
        struct log_record record = {.tick = i, .payload = payload, .payload_size = sizeof payload};
        ck_assert_int_eq(log_append(log, &record), JIT_OK);
        ck_assert_int_eq(log_flush(log), JIT_OK);
        ck_assert_int_eq(log_reap(log, true, NULL), JIT_OK);
    }
    log_close(log);
}

static inline enum jit_err accept(void *user, const struct log_record *record)
{
    (void)record;
    (*(unsigned *)user)++;
    return JIT_OK;
}

static inline void put_file(const char *name)
{
    int file = -1;
    ck_assert_int_eq(disk->io.open(&disk->io, name, JIT_IO_CREATE, &file), JIT_OK);
    disk->io.close(&disk->io, file);
}

#endif
