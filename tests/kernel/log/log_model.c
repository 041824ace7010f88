#include "tests/kernel/log/log_model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "kernel/log/blob.h"

/* --- records --- */

static void fill(uint8_t *bytes, uint64_t size, uint64_t seed)
{
    struct jit_random random = jit_random_of(seed);
    for (uint64_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)jit_random_next(&random);
    }
}

void model_make(uint8_t life, uint64_t tick, enum model_blobs blobs, struct model_record *out)
{
    uint64_t seed = (uint64_t)life << 32 | tick;
    struct jit_random random = jit_random_of(seed * 7 + 1);
    uint64_t size = jit_random_below(&random, 200);
    switch (tick % 8) {
    case 3:
        size = 3000 + jit_random_below(&random, 900); /* the end of a block, or just past it */
        break;
    case 5:
        size = 6000;
        break;
    case 6:
        size = 4096 - 240; /* a record of exactly one block */
        break;
    case 7:
        size = blobs == MODEL_BLOBS ? 13000 : 0; /* larger than a segment of 16 KiB takes */
        break;
    default:
        break;
    }
    memset(&out->record, 0, sizeof out->record);
    fill(out->payload, size, seed * 11 + 3);
    out->record.tick = tick;
    out->record.payload = out->payload;
    out->record.payload_size = size;
    jit_hash_named("commit", &seed, sizeof seed, &out->record.commit);
    jit_hash_named("root", &seed, sizeof seed, &out->record.state_root);
    if (blobs == MODEL_BLOBS && tick % 5 == 0) {
        out->record.has_blob = true;
        out->record.blob_size = 1 + jit_random_below(&random, sizeof out->blob);
        /* Some blobs are the same in every life and are written again over what is there. */
        fill(out->blob, out->record.blob_size, tick % 10 == 0 ? tick : seed * 13);
        jit_hash(out->blob, out->record.blob_size, &out->record.blob);
    }
}

/* All of a record but the blob's own bytes, which its id stands for. */
static void digest(const struct log_record *record, struct jit_id *out)
{
    struct jit_hasher hasher;
    uint64_t numbers[] = {record->tick, record->payload_size, record->has_blob, record->blob_size};
    jit_hasher_init(&hasher);
    jit_hasher_update(&hasher, numbers, sizeof numbers);
    jit_hasher_update(&hasher, record->commit.bytes, JIT_ID_BYTES);
    jit_hasher_update(&hasher, record->state_root.bytes, JIT_ID_BYTES);
    jit_hasher_update(&hasher, record->blob.bytes, JIT_ID_BYTES);
    jit_hasher_update(&hasher, record->payload, record->payload_size);
    jit_hasher_final(&hasher, out);
}

/* The digest of the record that should be there; remembered, since it is asked for so often. */
static const struct jit_id *expected(uint8_t life, uint64_t tick, enum model_blobs blobs)
{
    static struct jit_id known[2][MODEL_LIVES][MODEL_TICKS_MAX];
    struct jit_id *id = &known[blobs][life][tick];
    if (jit_id_is_zero(id)) {
        struct model_record made;
        model_make(life, tick, blobs, &made);
        digest(&made.record, id);
    }
    return id;
}

enum jit_err model_visit(void *user, const struct log_record *record)
{
    struct model_check *check = user;
    uint8_t blob[4096];
    uint64_t got = sizeof blob;
    struct jit_id found;
    if (record->tick != check->next || record->tick >= check->model->submitted) {
        return JIT_EDIVERGED;
    }
    check->next++;
    digest(record, &found);
    if (!jit_id_equal(&found,
                      expected(check->model->life[record->tick], record->tick, check->blobs))) {
        return JIT_EDIVERGED;
    }
    if (!record->has_blob || check->io == NULL) {
        return JIT_OK;
    }
    struct blob_reader reader;
    enum jit_err err = blob_open(check->io, &record->blob, record->blob_size, &reader);
    if (err != JIT_OK) {
        return err;
    }
    while (err == JIT_OK && got == sizeof blob) {
        err = blob_read(&reader, blob, sizeof blob, &got);
    }
    blob_close(&reader);
    return err;
}

/* --- work --- */

static const uint8_t model_uuid[LOG_UUID_BYTES] = {0x6a, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

/* What the log calls durable, and whether it is on the medium or only with the kernel. */
static void acknowledge(const struct work *work, struct model *model, uint64_t end, bool safe)
{
    assert(end >= model->told);
    model->told = end;
    if (safe || work->durability != LOG_DURABILITY_NONE) {
        model->acked = end;
    }
}

enum jit_err model_open(const struct work *work, struct jit_heap *heap, struct sim_disk *disk,
                        struct model *model, struct log_report *report, struct log **log)
{
    struct model_check check = {.model = model, .blobs = work->blobs, .io = &disk->io};
    struct log_options options = {.segment_bytes = work->segment_bytes,
                                  .durability = work->durability};
    memcpy(options.uuid, model_uuid, sizeof options.uuid);
    disk->io.direct = !work->buffered;
    return log_open(heap, &disk->io, &options, model_visit, &check, report, log);
}

enum jit_err model_tick(const struct work *work, uint8_t life, struct jit_heap *heap,
                        struct sim_disk *disk, struct log *log, struct model *model)
{
    struct model_record made; /* not static: a crash inside starts other work */
    uint64_t tick = log_tick_end(log);
    enum jit_err err = JIT_OK;
    assert(tick < MODEL_TICKS_MAX);
    model_make(life, tick, work->blobs, &made);
    if (made.record.has_blob) {
        struct jit_id id;
        err = blob_put(heap, &disk->io, made.blob, made.record.blob_size, &id);
        if (err != JIT_OK) {
            return err;
        }
        assert(jit_id_equal(&id, &made.record.blob));
    }
    if (tick >= model->submitted || model->life[tick] != life) {
        model->life[tick] = life;
        model->submitted = tick + 1;
    }
    err = log_append(log, &made.record);
    if (err == JIT_ENOSPC && log_dead(log) == JIT_OK) {
        assert(log_tick_end(log) == tick); /* refused whole */
        err = log_append(log, &made.record);
    }
    return err;
}

enum jit_err model_work(const struct work *work, uint8_t life, struct jit_heap *heap,
                        struct sim_disk *disk, struct model *model, struct log *log)
{
    struct jit_random random = jit_random_of(work->seed);
    struct log_report report;
    enum jit_err err = JIT_OK;
    if (log == NULL) {
        err = model_open(work, heap, disk, model, &report, &log);
        if (err == JIT_OK) {
            acknowledge(work, model, report.tick_end, true);
        }
    }
    for (unsigned i = 1; i <= work->ticks && err == JIT_OK; i++) {
        uint64_t durable = 0;
        err = model_tick(work, life, heap, disk, log, model);
        if (err == JIT_OK && work->flush_every > 0 && i % work->flush_every == 0) {
            err = log_flush(log);
        }
        if (err == JIT_OK) {
            bool wait = jit_random_below(&random, 100) < work->wait_percent;
            err = log_reap(log, wait, &durable);
            acknowledge(work, model, durable, false);
        }
        if (err == JIT_OK && work->seal_every > 0 && i % work->seal_every == 0) {
            err = log_seal(log);
            if (err == JIT_OK) {
                acknowledge(work, model, log_durable_end(log), true);
            }
        }
        if (err == JIT_OK && work->reopen_every > 0 && i % work->reopen_every == 0) {
            log_close(log);
            log = NULL;
            err = model_open(work, heap, disk, model, &report, &log);
            if (err == JIT_OK) {
                acknowledge(work, model, report.tick_end, true);
            }
        }
    }
    if (err == JIT_OK) {
        err = log_seal(log);
        if (err == JIT_OK) {
            assert(log_durable_end(log) == log_tick_end(log));
            acknowledge(work, model, log_durable_end(log), true);
        }
    }
    log_close(log);
    return err;
}

/* --- crashes --- */

struct explorer {
    const struct work *work;
    struct model *model;
    struct sim_disk *disk;
    struct crash_count *count;
    struct jit_random random;
    unsigned sectors;
    unsigned deep;
    bool inner; /* inside a recovery: few plans, no deeper */
};

static void fail(struct explorer *ex, const struct sim_crash *plan, const char *what,
                 enum jit_err err, const struct log_report *report)
{
    char text[160];
    char found[256];
    if (ex->count->failed) {
        return;
    }
    ex->count->failed = true;
    sim_crash_text(plan, text, sizeof text);
    log_report_text(report, found, sizeof found);
    (void)snprintf(ex->count->what, sizeof ex->count->what,
                   "work '%s' seed %" PRIu64 ", change %" PRIu64 "%s, crash (%s): %s [%s; acked "
                   "%" PRIu64 ", recovered %" PRIu64 ", submitted %" PRIu64 "; %s]",
                   ex->work->name, ex->work->seed, ex->disk->changes,
                   ex->inner ? " of a recovery" : "", text, what, jit_err_name(err),
                   ex->model->acked, report->tick_end, ex->model->submitted, found);
}

static const struct sim_crash drop = {.kind = SIM_DROP_ALL};

/* Recover from the disk and look at what is there. keep NULL: the log is closed again. */
static bool recover(struct explorer *ex, struct sim_disk *disk, const struct model *model,
                    const struct sim_crash *plan, struct log_report *report, struct log **keep)
{
    struct log *log = NULL;
    struct model copy = *model;
    ex->count->states++;
    ex->count->inside += ex->inner ? 1 : 0;
    enum jit_err err = model_open(ex->work, jit_heap_libc(), disk, &copy, report, &log);
    ex->count->torn += err == JIT_OK && report->torn ? 1 : 0;
    const char *what = NULL;
    if (err != JIT_OK) {
        what = err == JIT_EDIVERGED ? "a tick is not what was submitted"
                                    : "recovery refused what a crash may leave";
    } else if (report->tick_end < (plan->kind == SIM_PROCESS ? model->told : model->acked)) {
        what = "an acknowledged tick is lost";
    } else if (report->tick_end > model->submitted) {
        what = "a tick that was not submitted";
    }
    if (what != NULL) {
        fail(ex, plan, what, err, report);
    }
    if (keep != NULL && what == NULL) {
        *keep = log;
    } else {
        log_close(log);
    }
    return what == NULL;
}

/* Work goes on after the recovery, and the power is lost again. Closes the log. */
static void resume(struct explorer *ex, struct sim_disk *disk, const struct model *before,
                   const struct sim_crash *plan, struct log *log)
{
    static const unsigned lengths[] = {1, 3, 2, 4};
    struct log_report report;
    struct model model = *before;
    struct work more = *ex->work;
    uint64_t start = log_tick_end(log);
    more.ticks = lengths[jit_random_below(&ex->random, 4)];
    more.seed = jit_random_next(&ex->random);
    more.reopen_every = 0;
    model.submitted = start;
    ex->count->resumed++;
    enum jit_err err = model_work(&more, 2, jit_heap_libc(), disk, &model, log);
    if (err != JIT_OK || model.acked != start + more.ticks) {
        report = (struct log_report){.why = ""};
        fail(ex, plan, "work cannot go on after recovery", err, &report);
        return;
    }
    struct sim_disk *after = sim_disk_crash(disk, &drop);
    (void)recover(ex, after, &model, plan, &report, NULL);
    sim_disk_free(after);
}

static void inner_visit(struct explorer *ex, const struct sim_crash *plan)
{
    struct log_report report;
    struct sim_disk *disk = sim_disk_crash(ex->disk, plan);
    (void)recover(ex, disk, ex->model, plan, &report, NULL);
    sim_disk_free(disk);
}

/* Stopped again in the middle of the recovery. */
static void inner_hook(struct sim_disk *disk, void *user)
{
    struct explorer *ex = user;
    size_t pending = sim_disk_pending(disk);
    struct sim_crash plan = {.kind = SIM_DROP_ALL};
    inner_visit(ex, &plan);
    plan.kind = SIM_KEEP_ALL;
    plan.dirs = UINT64_MAX;
    inner_visit(ex, &plan);
    plan.kind = SIM_PROCESS;
    inner_visit(ex, &plan);
    if (pending > 0) {
        plan.kind = SIM_SECTORS;
        plan.seed = jit_random_next(&ex->random);
        plan.dirs = jit_random_next(&ex->random);
        inner_visit(ex, &plan);
    }
}

static void visit_plan(void *user, const struct sim_crash *plan)
{
    struct explorer *ex = user;
    struct log_report report;
    struct model model = *ex->model;
    if (ex->count->failed && ex->count->stop_at_failure) {
        return;
    }
    struct sim_disk *disk = sim_disk_crash(ex->disk, plan);
    struct explorer inner = *ex;
    struct model left = *ex->model;
    if (ex->deep > 0 && ex->count->states % ex->deep == 0) {
        ex->count->entered++;
        inner.inner = true;
        inner.disk = disk;
        inner.model = &left;
        left.told = plan->kind == SIM_PROCESS ? left.told : left.acked; /* the rest went with it */
        disk->hook = inner_hook;
        disk->hook_user = &inner;
    }
    struct log *log = NULL;
    bool good = recover(ex, disk, &model, plan, &report, &log);
    disk->hook = NULL;
    if (good) {
        /* What was recovered was handed out, so it may not be lost by the power going now. */
        struct log_report again;
        model.acked = report.tick_end;
        model.told = report.tick_end;
        struct sim_disk *dark = sim_disk_crash(disk, &drop);
        good = recover(ex, dark, &model, plan, &again, NULL);
        sim_disk_free(dark);
        if (good) {
            resume(ex, disk, &model, plan, log);
        } else {
            log_close(log);
        }
    }
    sim_disk_free(disk);
}

static void outer_hook(struct sim_disk *disk, void *user)
{
    struct explorer *ex = user;
    if (ex->count->failed && ex->count->stop_at_failure) {
        return;
    }
    ex->count->points++;
    sim_disk_plans(disk, &ex->random, ex->sectors, visit_plan, ex);
}

void model_crashes(const struct work *work, unsigned sectors, unsigned deep,
                   struct crash_count *count)
{
    struct model model = {.acked = 0};
    struct sim_disk *disk = sim_disk_new(work->seed);
    struct explorer ex = {.work = work,
                          .model = &model,
                          .disk = disk,
                          .count = count,
                          .random = jit_random_of(work->seed),
                          .sectors = sectors,
                          .deep = deep};
    disk->hook = outer_hook;
    disk->hook_user = &ex;
    enum jit_err err = model_work(work, 1, jit_heap_libc(), disk, &model, NULL);
    if (err != JIT_OK) {
        struct log_report report = {.why = ""};
        fail(&ex, &drop, "the work itself failed", err, &report);
    }
    sim_disk_free(disk);
}

/* --- faults --- */

static void fault_run(const struct work *work, uint64_t at, enum jit_err fault, bool sticky,
                      struct crash_count *count, bool *fired)
{
    static const enum sim_crash_kind kinds[] = {SIM_DROP_ALL, SIM_KEEP_ALL, SIM_PROCESS};
    struct model model = {.acked = 0};
    struct log_report report;
    struct sim_disk *disk = sim_disk_new(work->seed);
    struct explorer ex = {.work = work, .model = &model, .disk = disk, .count = count};
    char what[64];
    disk->fault_at = at;
    disk->fault_err = fault;
    disk->fault_sticky = sticky;
    (void)model_work(work, 1, jit_heap_libc(), disk, &model, NULL);
    *fired = disk->fault_fired;
    disk->fault_err = JIT_OK;
    count->faults++;
    if (disk->fault_fired) {
        model.told = model.acked; /* a failed sync takes what only the kernel had */
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct sim_crash plan = {.kind = kinds[i], .index = (size_t)at};
        struct sim_disk *after = sim_disk_crash(disk, &plan);
        struct model copy = model;
        if (recover(&ex, after, &copy, &plan, &report, NULL)) {
            copy.acked = report.tick_end;
            copy.told = report.tick_end;
            struct sim_disk *dark = sim_disk_crash(after, &drop);
            (void)recover(&ex, dark, &copy, &plan, &report, NULL);
            sim_disk_free(dark);
        }
        sim_disk_free(after);
    }
    if (count->failed && strstr(count->what, "fault at") == NULL) {
        size_t size = strlen(count->what);
        (void)snprintf(what, sizeof what, " fault at call %" PRIu64 ": %s%s", at,
                       jit_err_name(fault), sticky ? " from then on" : "");
        if (size + strlen(what) < sizeof count->what) {
            memcpy(count->what + size, what, strlen(what) + 1);
        }
    }
    sim_disk_free(disk);
}

void model_faults(const struct work *work, struct crash_count *count)
{
    static const enum jit_err errs[] = {JIT_EIO, JIT_ENOSPC};
    for (unsigned kind = 0; kind < 4; kind++) {
        bool fired = true;
        for (uint64_t at = 0; fired; at++) {
            if (count->failed && count->stop_at_failure) {
                return;
            }
            fault_run(work, at, errs[kind % 2], kind >= 2, count, &fired);
        }
    }
}
