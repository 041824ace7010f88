/* Goal:   a blob is what its name says, is there when its id is handed out, and goes when nobody
 *         needs it.
 * Method: sizes around the buffer's; every flipped byte; the sweep; each failing call; each refused
 *         allocation. (Crashes: test_crash.) */
#include "kernel/log/blob.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/fault_heap.h"
#include "tests/lib/sim_disk.h"
#include "tests/lib/tcase.h"

static struct sim_disk *disk;
static struct fault_heap mem;
static uint8_t bytes[3 * BLOB_BUFFER_BYTES + 5];
static uint8_t back[sizeof bytes];

static void setup(void)
{
    struct jit_random random = jit_random_of(5);
    disk = sim_disk_new(1);
    mem = fault_heap_make(-1, false);
    ck_assert_int_eq(disk->io.mkdir(&disk->io, "blobs"), JIT_OK);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)jit_random_next(&random);
    }
}

static void teardown(void)
{
    sim_disk_free(disk);
    ck_assert_int_eq(mem.live, 0);
}

static void name_of(const struct jit_id *id, char name[BLOB_NAME_BYTES])
{
    char hex[JIT_ID_HEX];
    jit_id_to_hex(id, hex);
    (void)snprintf(name, BLOB_NAME_BYTES, "blobs/%s", hex);
}

static size_t files(void)
{
    size_t count = 0;
    while (sim_disk_name(disk, count) != NULL) {
        count++;
    }
    return count;
}

static const uint64_t sizes[] = {0,
                                 1,
                                 BLOB_BUFFER_BYTES - 1,
                                 BLOB_BUFFER_BYTES,
                                 BLOB_BUFFER_BYTES + 1,
                                 3 * BLOB_BUFFER_BYTES + 5};

START_TEST(round_trip) /* _i = the size */
{
    struct blob_writer *writer = NULL;
    struct blob_reader reader;
    struct jit_id id;
    struct jit_id hash;
    uint64_t size = sizes[_i];
    uint64_t written = 0;
    uint64_t got = 1;
    uint64_t total = 0;
    ck_assert_int_eq(blob_begin(&mem.heap, &disk->io, &writer), JIT_OK);
    for (uint64_t at = 0; at < size;) { /* in uneven pieces */
        uint64_t part = at % 7919 + 1;
        part = part < size - at ? part : size - at;
        ck_assert_int_eq(blob_append(writer, bytes + at, part), JIT_OK);
        at += part;
    }
    ck_assert_int_eq(blob_finish(writer, &id, &written), JIT_OK);
    ck_assert_uint_eq(written, size);
    jit_hash(bytes, size, &hash);
    ck_assert(jit_id_equal(&id, &hash));
    ck_assert_uint_eq(sim_disk_pending(disk), 0);
    ck_assert_int_eq(blob_open(&disk->io, &id, size, &reader), JIT_OK);
    while (got > 0) {
        ck_assert_int_eq(blob_read(&reader, back + total, 100003, &got), JIT_OK);
        total += got;
    }
    blob_close(&reader);
    ck_assert_uint_eq(total, size);
    ck_assert_mem_eq(back, bytes, size);
    ck_assert_int_eq(blob_verify(&mem.heap, &disk->io, &id, size), JIT_OK);
    ck_assert_int_eq(blob_verify(&mem.heap, &disk->io, &id, size + 1), JIT_ECORRUPT);
    id.bytes[0] ^= 1;
    ck_assert_int_eq(blob_verify(&mem.heap, &disk->io, &id, size), JIT_ENOENT);
}
END_TEST

START_TEST(damage)
{
    struct jit_id id;
    char name[BLOB_NAME_BYTES];
    ck_assert_int_eq(blob_put(&mem.heap, &disk->io, bytes, 3000, &id), JIT_OK);
    name_of(&id, name);
    for (uint64_t at = 0; at < 3000; at++) {
        uint8_t bad = bytes[at] ^ 0x20;
        sim_disk_damage(disk, name, at, &bad, 1);
        ck_assert_int_eq(blob_verify(&mem.heap, &disk->io, &id, 3000), JIT_ECORRUPT);
        sim_disk_damage(disk, name, at, &bytes[at], 1);
    }
    ck_assert_int_eq(blob_verify(&mem.heap, &disk->io, &id, 3000), JIT_OK);
    sim_disk_resize(disk, name, 2999);
    ck_assert_int_eq(blob_verify(&mem.heap, &disk->io, &id, 3000), JIT_ECORRUPT);
}
END_TEST

/* The same content twice is one file; writers do not meet; an aborted one leaves nothing. */
START_TEST(writers)
{
    struct blob_writer *a = NULL;
    struct blob_writer *b = NULL;
    struct jit_id first;
    struct jit_id second;
    ck_assert_int_eq(blob_begin(&mem.heap, &disk->io, &a), JIT_OK);
    ck_assert_int_eq(blob_begin(&mem.heap, &disk->io, &b), JIT_OK);
    ck_assert_int_eq(blob_append(a, bytes, 10), JIT_OK);
    ck_assert_int_eq(blob_append(b, bytes, 10), JIT_OK);
    ck_assert_uint_eq(files(), 2);
    ck_assert_int_eq(blob_finish(a, &first, NULL), JIT_OK);
    ck_assert_int_eq(blob_finish(b, &second, NULL), JIT_OK);
    ck_assert(jit_id_equal(&first, &second));
    ck_assert_uint_eq(files(), 1);
    ck_assert_int_eq(blob_begin(&mem.heap, &disk->io, &a), JIT_OK);
    ck_assert_int_eq(blob_append(a, bytes, 10), JIT_OK);
    blob_abort(a);
    ck_assert_uint_eq(files(), 1);
}
END_TEST

static void make_file(const char *name)
{
    int file = -1;
    ck_assert_int_eq(disk->io.open(&disk->io, name, JIT_IO_CREATE, &file), JIT_OK);
    disk->io.close(&disk->io, file);
}

START_TEST(sweep)
{
    static const char *const others[] = {
        "blobs/notes.txt", "blobs/tmp-", "blobs/tmp-1x", "blobs/tmp-12345678901",
        "blobs/ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789"};
    struct jit_id keep[2];
    struct jit_id drop;
    uint64_t removed = 0;
    char name[BLOB_NAME_BYTES];
    uint64_t size = 0;
    ck_assert_int_eq(blob_put(&mem.heap, &disk->io, bytes, 10, &keep[0]), JIT_OK);
    ck_assert_int_eq(blob_put(&mem.heap, &disk->io, bytes, 20, &drop), JIT_OK);
    ck_assert_int_eq(blob_put(&mem.heap, &disk->io, bytes, 30, &keep[1]), JIT_OK);
    if (jit_id_compare(&keep[0], &keep[1]) > 0) {
        struct jit_id swap = keep[0];
        keep[0] = keep[1];
        keep[1] = swap;
    }
    make_file("blobs/tmp-3");
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        make_file(others[i]);
    }
    ck_assert_int_eq(blob_sweep(&mem.heap, &disk->io, keep, 2, &removed), JIT_OK);
    ck_assert_uint_eq(removed, 2);
    ck_assert_uint_eq(files(), 2 + sizeof others / sizeof others[0]);
    for (size_t i = 0; i < 2; i++) {
        name_of(&keep[i], name);
        ck_assert_ptr_nonnull(sim_disk_bytes(disk, name, &size));
    }
    name_of(&drop, name);
    ck_assert_ptr_null(sim_disk_bytes(disk, name, &size));
    ck_assert_int_eq(blob_sweep(&mem.heap, &disk->io, NULL, 0, &removed), JIT_OK);
    ck_assert_uint_eq(removed, 2);
}
END_TEST

/* A failed write is told and never tried again; what is unfinished has no blob's name. */
START_TEST(faults) /* _i: 0, 1 no space; 2, 3 broken; odd: from then on */
{
    bool fired = true;
    enum jit_err fault = _i < 2 ? JIT_ENOSPC : JIT_EIO;
    for (uint64_t at = 0; fired; at++) {
        struct jit_id id;
        uint64_t size = 0;
        char name[BLOB_NAME_BYTES];
        sim_disk_free(disk);
        disk = sim_disk_new(1);
        ck_assert_int_eq(disk->io.mkdir(&disk->io, "blobs"), JIT_OK);
        ck_assert_int_eq(disk->io.syncdir(&disk->io, ""), JIT_OK);
        disk->fault_err = fault;
        disk->fault_at = disk->calls + at;
        disk->fault_sticky = _i % 2 == 1;
        enum jit_err err = blob_put(&mem.heap, &disk->io, bytes, BLOB_BUFFER_BYTES + 7, &id);
        fired = disk->fault_fired;
        ck_assert(err == JIT_OK || err == fault || err == JIT_EIO);
        ck_assert(err == JIT_OK || fired);
        disk->fault_err = JIT_OK;
        static const struct sim_crash drop = {.kind = SIM_DROP_ALL};
        struct sim_disk *after = sim_disk_crash(disk, &drop);
        jit_hash(bytes, BLOB_BUFFER_BYTES + 7, &id);
        name_of(&id, name);
        if (err == JIT_OK) {
            ck_assert_int_eq(blob_verify(&mem.heap, &after->io, &id, BLOB_BUFFER_BYTES + 7),
                             JIT_OK);
        } else if (sim_disk_bytes(disk, name, &size) != NULL) {
            ck_assert_int_eq(blob_verify(&mem.heap, &disk->io, &id, BLOB_BUFFER_BYTES + 7), JIT_OK);
        }
        sim_disk_free(after);
    }
}
END_TEST

START_TEST(no_memory)
{
    bool fired = true;
    for (int64_t at = 0; fired; at++) {
        struct jit_id id;
        uint64_t removed = 0;
        struct fault_heap heap = fault_heap_make(at, true);
        enum jit_err err = blob_put(&heap.heap, &disk->io, bytes, 10, &id);
        if (err == JIT_OK) {
            err = blob_verify(&heap.heap, &disk->io, &id, 10);
        }
        if (err == JIT_OK) {
            err = blob_sweep(&heap.heap, &disk->io, NULL, 0, &removed);
        }
        fired = fault_heap_fired(&heap);
        ck_assert_int_eq(err, fired ? JIT_ENOMEM : JIT_OK);
        ck_assert_int_eq(heap.live, 0);
    }
}
END_TEST

static void fill_suite(Suite *suite)
{
    TCase *t = test_case(suite, "blob", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, round_trip, 0, (int)(sizeof sizes / sizeof sizes[0]));
    tcase_add_test(t, damage);
    tcase_add_test(t, writers);
    tcase_add_test(t, sweep);
    tcase_add_loop_test(t, faults, 0, 4);
    tcase_add_test(t, no_memory);
}

TEST_MAIN("kernel/blob", fill_suite)
