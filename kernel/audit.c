#include "kernel/audit.h"

#include <string.h>

#include "base/check.h"
#include "base/cursor.h"
#include "base/hash.h"
#include "base/le.h"

#define AUDIT_MAJOR    1u
#define AUDIT_MINOR    0u
#define AUDIT_CHAIN    "jitos:audit:v1"
#define BODY_BYTES     (AUDIT_BLOCK_BYTES - JIT_ID_BYTES)
#define GRADE_AT       60u
#define BLOCKS_AT_ONCE 64u

static_assert(GRADE_AT + AUDIT_GRADE_MAX < BODY_BYTES, "an entry fits its block");

static const uint8_t audit_magic[4] = {'J', 'A', 'U', 0};

const char *audit_kind_text(enum audit_kind kind)
{
    switch (kind) {
#define X(name, value, text)                                                                       \
    case name:                                                                                     \
        return text;
        AUDIT_KIND_MAP(X)
#undef X
    }
    return "?";
}

static void chained(const struct jit_id *before, const uint8_t *body, struct jit_id *out)
{
    struct jit_hasher hasher;
    jit_hasher_init(&hasher);
    jit_hasher_update(&hasher, AUDIT_CHAIN, sizeof AUDIT_CHAIN - 1);
    jit_hasher_update(&hasher, before->bytes, JIT_ID_BYTES);
    jit_hasher_update(&hasher, body, BODY_BYTES);
    jit_hasher_final(&hasher, out);
}

static void header(uint8_t block[AUDIT_BLOCK_BYTES])
{
    memset(block, 0, AUDIT_BLOCK_BYTES);
    memcpy(block, audit_magic, sizeof audit_magic);
    jit_put_le16(block + 4, AUDIT_MAJOR);
    jit_put_le16(block + 6, AUDIT_MINOR);
}

static void encode(const struct audit_entry *entry, uint8_t block[AUDIT_BLOCK_BYTES])
{
    size_t size = strlen(entry->grade);
    memset(block, 0, AUDIT_BLOCK_BYTES);
    jit_put_le32(block, (uint32_t)entry->kind);
    jit_put_le32(block + 4, entry->user);
    jit_put_le64(block + 8, entry->time_ms);
    jit_put_le64(block + 16, entry->tick);
    memcpy(block + 24, entry->head.bytes, JIT_ID_BYTES);
    jit_put_le32(block + 56, (uint32_t)size);
    memcpy(block + GRADE_AT, entry->grade, size);
}

/* False: no entry follows this one so. */
static bool decode(const uint8_t block[AUDIT_BLOCK_BYTES], const struct jit_id *before,
                   struct audit_entry *out, struct jit_id *chain)
{
    chained(before, block, chain);
    uint32_t size = jit_le32(block + 56);
    if (memcmp(chain->bytes, block + BODY_BYTES, JIT_ID_BYTES) != 0 || size > AUDIT_GRADE_MAX) {
        return false;
    }
    *out = (struct audit_entry){.kind = (enum audit_kind)jit_le32(block),
                                .user = jit_le32(block + 4),
                                .time_ms = jit_le64(block + 8),
                                .tick = jit_le64(block + 16)};
    memcpy(out->head.bytes, block + 24, JIT_ID_BYTES);
    memcpy(out->grade, block + GRADE_AT, size);
    return true;
}

static enum jit_err read_header(struct jit_io *io, int file, uint64_t size)
{
    uint8_t block[AUDIT_BLOCK_BYTES];
    uint8_t good[AUDIT_BLOCK_BYTES];
    uint64_t got = 0;
    if (size < sizeof block) {
        return JIT_ENOENT; /* cut off while it was made: there is no entry behind it */
    }
    enum jit_err err = io->pread(io, file, block, sizeof block, 0, &got);
    header(good);
    if (err != JIT_OK || got != sizeof block) {
        return err != JIT_OK ? err : JIT_EIO;
    }
    if (memcmp(block, good, sizeof block) == 0) {
        return JIT_OK;
    }
    if (memcmp(block, audit_magic, sizeof audit_magic) == 0 && jit_le16(block + 4) != AUDIT_MAJOR) {
        return JIT_EVERSION;
    }
    return size == sizeof block ? JIT_ENOENT : JIT_ECORRUPT;
}

static enum jit_err read_entries(struct jit_io *io, int file, uint64_t size, audit_visit *visit,
                                 void *user, struct audit *out)
{
    uint8_t blocks[BLOCKS_AT_ONCE * AUDIT_BLOCK_BYTES];
    uint64_t whole = size / AUDIT_BLOCK_BYTES - 1;
    enum jit_err err = JIT_OK;
    out->torn = size % AUDIT_BLOCK_BYTES != 0;
    for (uint64_t i = 0; err == JIT_OK && i < whole; i++) {
        const uint64_t at = i % BLOCKS_AT_ONCE;
        struct audit_entry entry;
        struct jit_id chain;
        uint64_t got = 0;
        if (at == 0) {
            uint64_t count = whole - i < BLOCKS_AT_ONCE ? whole - i : BLOCKS_AT_ONCE;
            err = io->pread(io, file, blocks, count * AUDIT_BLOCK_BYTES,
                            (i + 1) * AUDIT_BLOCK_BYTES, &got);
            if (err == JIT_OK && got != count * AUDIT_BLOCK_BYTES) {
                err = JIT_EIO;
            }
            if (err != JIT_OK) {
                return err;
            }
        }
        if (!decode(blocks + at * AUDIT_BLOCK_BYTES, &out->chain, &entry, &chain)) {
            if (i + 1 < whole || out->torn) {
                return JIT_ECORRUPT;
            }
            out->torn = true;
            return JIT_OK;
        }
        out->chain = chain;
        out->count++;
        err = visit == NULL ? JIT_OK : visit(user, &entry);
    }
    return err;
}

enum jit_err audit_read(struct jit_io *io, audit_visit *visit, void *user, struct audit *out)
{
    int file = -1;
    uint64_t size = 0;
    *out = (struct audit){.count = 0};
    enum jit_err err = io->open(io, AUDIT_FILE, 0, &file);
    if (err != JIT_OK) {
        return err == JIT_ENOENT ? JIT_OK : err;
    }
    err = io->size(io, file, &size);
    if (err == JIT_OK) {
        err = read_header(io, file, size);
        if (err == JIT_OK) {
            err = read_entries(io, file, size, visit, user, out);
        } else if (err == JIT_ENOENT) {
            out->torn = size > 0;
            err = JIT_OK;
        }
    }
    io->close(io, file);
    return err;
}

enum jit_err audit_add(struct jit_io *io, struct audit *audit, const struct audit_entry *entry,
                       bool synced)
{
    uint8_t block[AUDIT_BLOCK_BYTES];
    struct jit_id chain;
    int file = -1;
    assert(strlen(entry->grade) <= AUDIT_GRADE_MAX);
    bool first = audit->count == 0;
    enum jit_err err = io->open(io, AUDIT_FILE, JIT_IO_CREATE, &file);
    if (err != JIT_OK) {
        return err;
    }
    if (first) { /* whole before there is an entry: so a bad one never is a crash's doing */
        header(block);
        err = io->pwrite(io, file, block, sizeof block, 0);
        err = err == JIT_OK && synced ? io->sync(io, file) : err;
        err = err == JIT_OK && synced ? io->syncdir(io, "") : err;
    }
    encode(entry, block);
    chained(&audit->chain, block, &chain);
    memcpy(block + BODY_BYTES, chain.bytes, JIT_ID_BYTES);
    if (err == JIT_OK) {
        err = io->pwrite(io, file, block, sizeof block, (audit->count + 1) * AUDIT_BLOCK_BYTES);
    }
    if (err == JIT_OK && synced) {
        err = io->sync(io, file);
    }
    io->close(io, file);
    if (err == JIT_OK) {
        audit->count++;
        audit->chain = chain;
        audit->torn = false;
    }
    return err;
}
