/* kernel/log/log.c - writing: one batch under way while the next one fills. */
#include "kernel/log/log_priv.h"

#include <string.h>

#include "base/check.h"
#include "base/le.h"
#include "kernel/log/blob.h"

static enum jit_err die(struct log *log, enum jit_err err)
{
    assert(err != JIT_OK);
    if (log->dead == JIT_OK) {
        log->dead = err;
    }
    return log->dead;
}

static struct log_batch *filling(struct log *log)
{
    return &log->batches[log->filling];
}

static struct log_batch *under_way(struct log *log)
{
    return &log->batches[1 - log->filling];
}

static uint64_t batch_max(const struct log *log)
{
    uint64_t room = log->identity.segment_bytes - LOG_BLOCK_BYTES;
    return room < LOG_BATCH_BYTES ? room : LOG_BATCH_BYTES;
}

/* --- the next segment --- */

/* No room for it is no reason to die: the ticks that still fit go on. */
static enum jit_err prep_failed(struct log *log, enum jit_err err)
{
    return err == JIT_ENOSPC || err == JIT_ENOMEM ? err : die(log, err);
}

static enum jit_err prep_go_on(struct log *log, bool wait)
{
    bool done = false;
    enum jit_err err = log_prep_step(&log->prep, log->io, &log->identity, wait, &done);
    if (err != JIT_OK) {
        return prep_failed(log, err);
    }
    if (done) {
        log->segment_last = log->prep.segment;
    }
    return JIT_OK;
}

static enum jit_err prep_start(struct log *log, bool wait)
{
    if (log->prep.state != LOG_PREP_IDLE || log->segment_last > log->segment) {
        return JIT_OK;
    }
    enum jit_err err =
        log_prep_begin(&log->prep, log->io, &log->identity, log->segment_last + 1, log->open_flags);
    return err != JIT_OK ? prep_failed(log, err) : prep_go_on(log, wait);
}

/* --- batches --- */

static enum jit_err next_segment(struct log *log)
{
    char name[LOG_FILE_NAME_BYTES];
    assert(log->segment_last > log->segment);
    if (log->durability == LOG_DURABILITY_NONE && !LOG_MUTANT(LOG_MUTANT_NONE_NO_SYNC)) {
        /* Whatever lies in the next segment says that this one is whole. */
        enum jit_err err = log->io->sync(log->io, log->file);
        if (err != JIT_OK) {
            return die(log, err);
        }
        log->safe = log->number;
    }
    log->io->close(log->io, log->file);
    log->file = -1;
    log_segment_name(log->segment + 1, "seg", name);
    enum jit_err err = log->io->open(log->io, name, log->open_flags, &log->file);
    if (err != JIT_OK) {
        log->file = -1;
        return die(log, err);
    }
    log->segment++;
    log->offset = LOG_BLOCK_BYTES;
    return JIT_OK;
}

/* Begin to write the filling batch. wait: the caller does nothing else until it is written. */
static enum jit_err batch_begin(struct log *log, bool wait)
{
    struct log_batch *batch = filling(log);
    uint64_t padded = log_pad(batch->size);
    assert(!log->flying);
    assert(batch->size > 0);
    if (log->offset + padded > log->identity.segment_bytes) {
        enum jit_err err = next_segment(log);
        if (err != JIT_OK) {
            return err;
        }
    }
    uint64_t safe = log->safe;
    uint8_t *at = batch->memory.bytes;
    for (uint64_t i = 0; i < batch->count; i++) {
        log_record_finish(&log->identity, at, log->segment, log->number + i, safe, &log->chain,
                          &log->chain);
        at += jit_le32(at + 8);
    }
    assert(at == batch->memory.bytes + batch->size);
    memset(at, 0, padded - batch->size);
    batch->write = (struct jit_io_write){
        .file = log->file,
        .durable = (log->durability != LOG_DURABILITY_NONE || batch->seal) &&
                   !LOG_MUTANT(LOG_MUTANT_NO_DURABLE),
        .wait = wait,
        .buf = batch->memory.bytes,
        .size = padded,
        .offset = log->offset,
    };
    enum jit_err err = log->io->submit(log->io, &batch->write);
    if (err != JIT_OK) {
        return die(log, err);
    }
    log->offset += padded;
    log->number += batch->count;
    log->sealed = batch->seal;
    log->flying = true;
    log->wanted = false;
    log->filling = 1 - log->filling;
    if (LOG_MUTANT(LOG_MUTANT_ACK_EARLY)) {
        log->durable_end = batch->tick_end;
    }
    err = prep_start(log, false);
    return err == JIT_ENOSPC || err == JIT_ENOMEM ? JIT_OK : err;
}

/* The batch under way has come out of reap(). */
static enum jit_err batch_done(struct log *log)
{
    struct log_batch *batch = under_way(log);
    assert(log->flying);
    log->flying = false;
    if (LOG_MUTANT(LOG_MUTANT_RETRY) && batch->write.err != JIT_OK) {
        batch->write.err = log->io->sync(log->io, log->file);
    }
    if (batch->write.err != JIT_OK) {
        return die(log, batch->write.err);
    }
    if (batch->write.durable || LOG_MUTANT(LOG_MUTANT_NO_DURABLE)) {
        log->safe = log->number;
    }
    log->durable_end = batch->tick_end;
    batch->size = 0;
    batch->count = 0;
    batch->seal = false;
    return log->wanted && filling(log)->size > 0 ? batch_begin(log, false) : JIT_OK;
}

/* One finished write, if there is one. *what: 0 none, 1 a chunk of the next segment, 2 the batch.
 */
static enum jit_err reap_one(struct log *log, bool wait, int *what)
{
    struct jit_io_write *write = log->io->reap(log->io, wait);
    *what = 0;
    if (write == NULL) {
        return log->dead;
    }
    if (write == &log->prep.write) {
        *what = 1;
        enum jit_err err = log_prep_reaped(&log->prep, log->io);
        if (err == JIT_OK && log->dead == JIT_OK) {
            err = prep_go_on(log, wait && !log->flying);
        } else if (err != JIT_OK) {
            err = prep_failed(log, err);
        }
        return log->dead != JIT_OK ? log->dead : err;
    }
    assert(write == &under_way(log)->write);
    *what = 2;
    return batch_done(log);
}

static enum jit_err wait_batch(struct log *log)
{
    int what = 0;
    while (log->flying && log->dead == JIT_OK && what != 2) {
        (void)reap_one(log, true, &what); /* the next segment's lack of space is told later */
        assert(what != 0);
    }
    return log->dead;
}

/* Make the next segment now. */
static enum jit_err prep_wait(struct log *log)
{
    enum jit_err err = prep_start(log, true);
    while (err == JIT_OK && log->segment_last == log->segment) {
        int what = 0;
        assert(log->prep.flying);
        err = reap_one(log, true, &what);
    }
    return err;
}

/* --- public --- */

enum jit_err log_start(const struct log_scan *scan, enum log_durability durability,
                       uint64_t segment_last, struct log **out)
{
    struct jit_heap *heap = scan->heap;
    char name[LOG_FILE_NAME_BYTES];
    struct log *log = jit_heap_zalloc(heap, 1, sizeof *log);
    *out = NULL;
    if (log == NULL) {
        return JIT_ENOMEM;
    }
    log->heap = heap;
    log->io = scan->io;
    log->identity = scan->identity;
    log->durability = durability;
    log->open_flags = scan->open_flags;
    log->segment = scan->segment;
    log->segment_last = segment_last;
    log->offset = log_pad(scan->offset);
    log->number = scan->number;
    log->safe = scan->number;
    log->tick_end = scan->tick_end;
    log->durable_end = scan->tick_end;
    log->chain = scan->chain;
    log->commit = scan->commit;
    log->state_root = scan->state_root;
    log->sealed = scan->sealed;
    log->opened = scan->newest;
    log->file = -1;
    assert(log->segment >= 1);
    assert(log->segment <= segment_last);
    enum jit_err err = log_prep_init(&log->prep, heap, log->identity.segment_bytes);
    for (unsigned i = 0; i < 2 && err == JIT_OK; i++) {
        err = log_memory_grow(heap, &log->batches[i].memory, batch_max(log), 0);
    }
    if (err == JIT_OK) {
        log_segment_name(log->segment, "seg", name);
        err = log->io->open(log->io, name, log->open_flags, &log->file);
        log->file = err == JIT_OK ? log->file : -1;
    }
    if (err == JIT_OK) {
        err = prep_start(log, false);
        err = err == JIT_ENOSPC ? JIT_OK : err;
    }
    if (err != JIT_OK) {
        log_close(log);
        return err;
    }
    *out = log;
    return JIT_OK;
}

void log_close(struct log *log)
{
    if (log == NULL) {
        return;
    }
    if (log->dead == JIT_OK) {
        log->dead = JIT_ESTALE; /* from here on finished writes start nothing */
    }
    log->wanted = false;
    while (log->flying || log->prep.flying) {
        int what = 0;
        (void)reap_one(log, true, &what);
        assert(what != 0);
    }
    if (log->prep.state != LOG_PREP_IDLE) {
        log->io->close(log->io, log->prep.file); /* the next start removes it */
    }
    if (log->file >= 0) {
        log->io->close(log->io, log->file);
    }
    log_prep_release(&log->prep, log->heap);
    for (unsigned i = 0; i < 2; i++) {
        log_memory_free(log->heap, &log->batches[i].memory);
    }
    log->heap->free(log->heap, log);
}

/* Make sure that the filling batch may grow by size bytes and will have a place when it is written:
 * so that after this no lack of space or memory is left to be found out. */
static enum jit_err make_room(struct log *log, uint32_t size)
{
    for (;;) {
        struct log_batch *batch = filling(log);
        if (batch->size > 0 && batch->size + size > batch_max(log)) {
            log->wanted = true;
            enum jit_err err = log->flying ? wait_batch(log) : batch_begin(log, false);
            if (err != JIT_OK) {
                return err;
            }
            continue;
        }
        uint64_t padded = log_pad(batch->size + size);
        if (log->offset + padded <= log->identity.segment_bytes ||
            log->segment_last > log->segment) {
            return log_memory_grow(log->heap, &batch->memory, padded, batch->size);
        }
        enum jit_err err = prep_wait(log);
        if (err != JIT_OK) {
            return err;
        }
    }
}

static void put(struct log *log, const struct log_head *head)
{
    struct log_batch *batch = filling(log);
    assert(batch->size + log_record_size(head->body_size) <= batch->memory.size);
    log_record_start(&log->identity, head, batch->memory.bytes + batch->size);
    batch->size += log_record_size(head->body_size);
    batch->count++;
    batch->tick_end = log->tick_end;
}

enum jit_err log_append(struct log *log, const struct log_record *record)
{
    uint8_t elsewhere[JIT_ID_BYTES + 8];
    enum jit_err err = JIT_OK;
    struct log_head head = {
        .flags = record->has_blob ? LOG_FLAG_BLOB : 0,
        .tick = record->tick,
        .commit = record->commit,
        .state_root = record->state_root,
        .blob = record->blob,
        .blob_size = record->blob_size,
        .body = record->payload,
        .body_size = (uint32_t)record->payload_size,
    };
    if (log->dead != JIT_OK) {
        return log->dead;
    }
    assert(record->tick == log->tick_end);
    assert(record->has_blob || (record->blob_size == 0 && jit_id_is_zero(&record->blob)));
    if (record->payload_size > LOG_PAYLOAD_BYTES_MAX) {
        return JIT_ELIMIT;
    }
    if (record->payload_size > log_body_max(&log->identity)) {
        struct jit_id id;
        err = blob_put(log->heap, log->io, record->payload, record->payload_size, &id);
        if (err != JIT_OK) {
            return err == JIT_ENOSPC || err == JIT_ENOMEM ? err : die(log, err);
        }
        memcpy(elsewhere, id.bytes, JIT_ID_BYTES);
        jit_put_le64(elsewhere + JIT_ID_BYTES, record->payload_size);
        head.flags |= LOG_FLAG_ELSEWHERE;
        head.body = elsewhere;
        head.body_size = sizeof elsewhere;
    }
    err = make_room(log, log_record_size(head.body_size));
    if (err != JIT_OK) {
        return err;
    }
    log->tick_end++;
    log->commit = record->commit;
    log->state_root = record->state_root;
    put(log, &head);
    log->wanted = log->wanted || log->durability == LOG_DURABILITY_TICK;
    return JIT_OK;
}

enum jit_err log_flush(struct log *log)
{
    if (log->dead != JIT_OK || filling(log)->size == 0) {
        return log->dead;
    }
    log->wanted = true;
    return log->flying ? JIT_OK : batch_begin(log, false);
}

enum jit_err log_reap(struct log *log, bool wait, uint64_t *durable_end)
{
    int what = 0;
    if (log->dead == JIT_OK && log->wanted && !log->flying && filling(log)->size > 0) {
        (void)batch_begin(log, wait); /* an error is in log->dead */
    }
    bool block = wait && log->flying;
    /* At most one chunk of the next segment a call, so that a backend which does its work inside
     * submit() cannot hold the caller for a whole segment. */
    do {
        (void)reap_one(log, block && log->flying, &what);
    } while (log->dead == JIT_OK && what == 1 && block && log->flying);
    if (durable_end != NULL) {
        *durable_end = log->durable_end;
    }
    return log->dead;
}

enum jit_err log_seal(struct log *log)
{
    enum jit_err err = log->dead;
    while (err == JIT_OK && (log->flying || filling(log)->size > 0)) {
        err = log->flying ? wait_batch(log) : batch_begin(log, true);
    }
    if (err != JIT_OK || log->sealed || log->number == 0) {
        return err;
    }
    if (log->durability == LOG_DURABILITY_NONE) {
        err = log->io->sync(log->io, log->file);
        if (err != JIT_OK) {
            return die(log, err);
        }
        log->safe = log->number;
    }
    err = make_room(log, LOG_RECORD_OVERHEAD);
    if (err != JIT_OK) {
        return err;
    }
    struct log_head head = {.flags = LOG_FLAG_SEAL,
                            .tick = log->tick_end,
                            .commit = log->commit,
                            .state_root = log->state_root};
    put(log, &head);
    filling(log)->seal = true;
    err = batch_begin(log, true);
    return err == JIT_OK ? wait_batch(log) : err;
}

uint64_t log_tick_end(const struct log *log)
{
    return log->tick_end;
}

uint64_t log_durable_end(const struct log *log)
{
    return log->durable_end;
}

bool log_idle(const struct log *log)
{
    return !log->flying && log->batches[log->filling].size == 0;
}

bool log_sealed(const struct log *log)
{
    return log_idle(log) && log->sealed;
}

enum jit_err log_dead(const struct log *log)
{
    return log->dead;
}

const struct jit_id *log_chain(const struct log *log)
{
    return &log->chain;
}

/* The log's start has one form: what its chain begins with is in the segment's header. */
static void mark_canonical(struct log_mark *mark)
{
    if (mark->number == 0) {
        mark->chain = (struct jit_id){{0}};
    }
}

void log_next_mark(const struct log *log, struct log_mark *out)
{
    const struct log_batch *batch = &log->batches[log->filling];
    *out = (struct log_mark){.segment = log->segment,
                             .offset = log->offset,
                             .number = log->number,
                             .tick = log->tick_end - (batch->seal ? 0 : batch->count),
                             .chain = log->chain,
                             .sealed = log->sealed};
    mark_canonical(out);
}

void log_opened_mark(const struct log *log, struct log_mark *out)
{
    *out = log->opened;
    mark_canonical(out);
}

void log_next_write(const struct log *log, struct log_place *out)
{
    *out = (struct log_place){.segment = log->segment,
                              .offset = log->offset,
                              .record = log->number,
                              .tick = log->tick_end};
    log_segment_name(log->segment, "seg", out->file);
}
