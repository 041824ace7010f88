/* Goal:   an entry that was added is there after any crash, in its place; what was changed is
 * found; what a crash cut off is not taken for a change, and does not stand in the way. Method: on
 * the simulated disk: entries added and read back; every bit of every entry flipped; every length
 * of the file; a crash before each operation with every plan of what survives; each failing call.
 */
#include "kernel/audit.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/sim_disk.h"
#include "tests/lib/tcase.h"

static struct sim_disk *disk;

static void setup(void)
{
    disk = sim_disk_new(1);
}

static void teardown(void)
{
    sim_disk_free(disk);
}

static struct audit_entry entry_of(uint32_t n)
{
    struct audit_entry entry = {.kind = n % 2 == 0 ? AUDIT_BEGUN : AUDIT_ENDED,
                                .user = 1000 + n,
                                .time_ms = 1700000000000u + n,
                                .tick = n * 10u};
    memset(entry.head.bytes, (int)n, sizeof entry.head.bytes);
    snprintf(entry.grade, sizeof entry.grade, "userns+seccomp+landlock%u", n);
    return entry;
}

struct seen {
    uint32_t count;
};

static enum jit_err check_entry(void *user, const struct audit_entry *entry)
{
    struct seen *seen = user;
    const struct audit_entry want = entry_of(seen->count++);
    ck_assert_int_eq(entry->kind, want.kind);
    ck_assert_uint_eq(entry->user, want.user);
    ck_assert_uint_eq(entry->time_ms, want.time_ms);
    ck_assert_uint_eq(entry->tick, want.tick);
    ck_assert(jit_id_equal(&entry->head, &want.head));
    ck_assert_str_eq(entry->grade, want.grade);
    return JIT_OK;
}

/* How many verify; every one of them is the one that was added. */
static enum jit_err read_all(struct jit_io *io, struct audit *out)
{
    struct seen seen = {.count = 0};
    enum jit_err err = audit_read(io, check_entry, &seen, out);
    ck_assert_uint_eq(seen.count, out->count);
    return err;
}

static void add(uint32_t count)
{
    struct audit audit;
    ck_assert_int_eq(read_all(&disk->io, &audit), JIT_OK);
    for (uint32_t i = (uint32_t)audit.count; i < count; i++) {
        const struct audit_entry entry = entry_of(i);
        ck_assert_int_eq(audit_add(&disk->io, &audit, &entry, true), JIT_OK);
    }
}

START_TEST(round_trip)
{
    struct audit audit;
    ck_assert_int_eq(read_all(&disk->io, &audit), JIT_OK);
    ck_assert_uint_eq(audit.count, 0);
    add(3);
    add(150); /* more than are read at once */
    ck_assert_int_eq(read_all(&disk->io, &audit), JIT_OK);
    ck_assert_uint_eq(audit.count, 150);
    ck_assert(!audit.torn);
}
END_TEST

static void put(uint64_t at, const void *bytes, uint64_t size)
{
    sim_disk_damage(disk, AUDIT_FILE, at, bytes, size);
}

START_TEST(every_bit)
{
    uint8_t bytes[5 * AUDIT_BLOCK_BYTES];
    struct audit audit;
    int file = -1;
    uint64_t got = 0;
    add(4);
    ck_assert_int_eq(disk->io.open(&disk->io, AUDIT_FILE, 0, &file), JIT_OK);
    ck_assert_int_eq(disk->io.pread(&disk->io, file, bytes, sizeof bytes, 0, &got), JIT_OK);
    disk->io.close(&disk->io, file);
    ck_assert_uint_eq(got, sizeof bytes);
    for (size_t bit = 0; bit < sizeof bytes * 8; bit++) {
        uint8_t byte = bytes[bit / 8] ^ (uint8_t)(1u << bit % 8);
        size_t block = bit / 8 / AUDIT_BLOCK_BYTES;
        put(bit / 8, &byte, 1);
        enum jit_err err = read_all(&disk->io, &audit);
        if (block == 4) { /* the last: as if it had been cut off, and it is not counted */
            ck_assert_int_eq(err, JIT_OK);
            ck_assert(audit.torn);
            ck_assert_uint_eq(audit.count, 3);
        } else {
            ck_assert_msg(err == JIT_ECORRUPT || (err == JIT_EVERSION && block == 0), "bit %zu",
                          bit);
            ck_assert_uint_lt(audit.count, 4);
        }
        put(bit / 8, &bytes[bit / 8], 1);
    }
    /* Two entries the other way round, and one twice. */
    put(AUDIT_BLOCK_BYTES, bytes + 2 * AUDIT_BLOCK_BYTES, AUDIT_BLOCK_BYTES);
    ck_assert_int_eq(read_all(&disk->io, &audit), JIT_ECORRUPT);
    put(2 * AUDIT_BLOCK_BYTES, bytes + AUDIT_BLOCK_BYTES, AUDIT_BLOCK_BYTES);
    ck_assert_int_eq(read_all(&disk->io, &audit), JIT_ECORRUPT);
}
END_TEST

/* A part of an entry behind the others, then the next one over it. */
START_TEST(cut_off)
{
    uint8_t bytes[AUDIT_BLOCK_BYTES];
    struct audit audit;
    memset(bytes, 0xA5, sizeof bytes);
    for (uint64_t size = 1; size < sizeof bytes; size += 25) {
        sim_disk_free(disk);
        disk = sim_disk_new(1);
        add(2);
        sim_disk_resize(disk, AUDIT_FILE, 3 * AUDIT_BLOCK_BYTES + size);
        put(3 * AUDIT_BLOCK_BYTES, bytes, size);
        ck_assert_int_eq(read_all(&disk->io, &audit), JIT_OK);
        ck_assert(audit.torn);
        ck_assert_uint_eq(audit.count, 2);
        add(4);
        ck_assert_int_eq(read_all(&disk->io, &audit), JIT_OK);
        ck_assert(!audit.torn);
        ck_assert_uint_eq(audit.count, 4);
    }
}
END_TEST

/* A crash after each entry, whatever was not synced: those that were added are there. */
static uint32_t added;

static unsigned tried;

static void crash_so(void *user, const struct sim_crash *plan)
{
    struct audit audit;
    char text[200];
    struct sim_disk *after = sim_disk_crash(user, plan);
    sim_crash_text(plan, text, sizeof text);
    enum jit_err err = read_all(&after->io, &audit);
    ck_assert_msg(err == JIT_OK, "%u added, %s: %s", added, text, jit_err_text(err));
    ck_assert_msg(audit.count >= added && audit.count <= added + 1, "%s", text);
    const struct audit_entry entry = entry_of((uint32_t)audit.count);
    ck_assert_int_eq(audit_add(&after->io, &audit, &entry, true), JIT_OK);
    ck_assert_int_eq(read_all(&after->io, &audit), JIT_OK);
    ck_assert(!audit.torn);
    sim_disk_free(after);
    tried++;
}

static void crash_here(struct sim_disk *at, void *user)
{
    sim_disk_plans(at, user, 8, crash_so, at);
}

START_TEST(crashes)
{
    struct jit_random random = jit_random_of(7);
    struct audit audit;
    added = 0;
    tried = 0;
    disk->hook = crash_here;
    disk->hook_user = &random;
    ck_assert_int_eq(audit_read(&disk->io, NULL, NULL, &audit), JIT_OK);
    for (uint32_t i = 0; i < 4; i++) {
        const struct audit_entry entry = entry_of(i);
        ck_assert_int_eq(audit_add(&disk->io, &audit, &entry, true), JIT_OK);
        added = i + 1;
    }
    disk->hook = NULL;
    ck_assert_uint_gt(tried, 20);
}
END_TEST

START_TEST(failing_calls)
{
    bool fired = true;
    for (uint64_t n = 0; fired; n++) {
        struct audit audit;
        sim_disk_free(disk);
        disk = sim_disk_new(1);
        add(2);
        disk->fault_at = disk->calls + n;
        disk->fault_err = JIT_EIO;
        enum jit_err err = audit_read(&disk->io, NULL, NULL, &audit);
        uint64_t count = audit.count;
        if (err == JIT_OK) {
            const struct audit_entry entry = entry_of((uint32_t)count);
            err = audit_add(&disk->io, &audit, &entry, true);
        }
        fired = disk->fault_fired;
        ck_assert_int_eq(err, fired ? JIT_EIO : JIT_OK);
        ck_assert(fired || audit.count == 3);
        disk->fault_err = JIT_OK;
        ck_assert_int_eq(read_all(&disk->io, &audit), JIT_OK);
        ck_assert_uint_ge(audit.count, 2);
    }
}
END_TEST

static void fill(Suite *suite)
{
    TCase *t = test_case(suite, "audit", 20);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, round_trip);
    tcase_add_test(t, every_bit);
    tcase_add_test(t, cut_off);
    tcase_add_test(t, crashes);
    tcase_add_test(t, failing_calls);
}

TEST_MAIN("audit", fill)
