#include "tests/kernel/log/log_damage.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "kernel/log/log_priv.h"

void damage_log_make(const struct work *work, bool sealed, struct damage_log *out)
{
    struct log_options options = {.segment_bytes = work->segment_bytes,
                                  .durability = LOG_DURABILITY_GROUP};
    struct log_report report;
    struct log *log = NULL;
    memset(out, 0, sizeof *out);
    out->work = work;
    out->disk = sim_disk_new(work->seed);
    enum jit_err err = model_work(work, 1, jit_heap_libc(), out->disk, &out->model, NULL);
    assert(err == JIT_OK);
    out->floor = out->model.submitted;
    if (!sealed) {
        err = log_open(jit_heap_libc(), &out->disk->io, &options, NULL, NULL, &report, &log);
        assert(err == JIT_OK);
        for (unsigned i = 0; i < 3; i++) {
            err = model_tick(work, 1, jit_heap_libc(), out->disk, log, &out->model);
            assert(err == JIT_OK);
        }
        err = log_flush(log);
        assert(err == JIT_OK);
        err = log_reap(log, true, &out->model.acked);
        assert(err == JIT_OK);
        assert(out->model.acked == out->model.submitted);
        log_close(log);
    }
    assert(sim_disk_pending(out->disk) == 0);
}

void damage_log_release(struct damage_log *log)
{
    sim_disk_free(log->disk);
}

/* strict: the damage must be noticed. */
static void judge(struct damage_log *log, const char *name, const char *kind, uint64_t at,
                  bool strict, struct damage_count *count)
{
    struct model_check check = {.model = &log->model, .blobs = log->work->blobs};
    struct log_report report;
    char found[256];
    const char *what = NULL;
    enum jit_err err = log_verify(jit_heap_libc(), &log->disk->io, model_visit, &check, &report);
    count->cases++;
    if (err == JIT_ECORRUPT || err == JIT_EVERSION) {
        count->refused++;
        what = report.why[0] == 0 || report.at.file[0] == 0 ? "refused without saying why" : NULL;
    } else if (err != JIT_OK) {
        what = err == JIT_EDIVERGED ? "a tick is not what was written" : "an unexpected error";
    } else if (report.tick_end < log->floor) {
        what = "ticks before the last batch are lost";
    } else if (report.torn) {
        count->torn++;
    } else if (strict) {
        what = "not noticed";
    } else {
        count->unseen++;
    }
    if (what != NULL && !count->failed) {
        log_report_text(&report, found, sizeof found);
        count->failed = true;
        (void)snprintf(count->what, sizeof count->what,
                       "work '%s', %s, %s at %" PRIu64 ": %s [%s; floor %" PRIu64
                       ", recovered %" PRIu64 "; %s]",
                       log->work->name, name, kind, at, what, jit_err_name(err), log->floor,
                       report.tick_end, found);
    }
}

static bool stop(const struct damage_count *count)
{
    return count->failed && count->stop_at_failure;
}

void damage_flips(struct damage_log *log, unsigned stride, struct damage_count *count)
{
    const char *name = NULL;
    for (size_t i = 0; (name = sim_disk_name(log->disk, i)) != NULL; i++) {
        uint64_t size = 0;
        const uint8_t *bytes = sim_disk_bytes(log->disk, name, &size);
        for (uint64_t at = 0; at < size && !stop(count); at += stride) {
            uint8_t was = bytes[at];
            uint64_t sector = at / SIM_SECTOR * SIM_SECTOR;
            uint64_t length = size - sector < SIM_SECTOR ? size - sector : SIM_SECTOR;
            bool empty = log_all_zero(bytes + sector, length);
            for (unsigned bit = empty ? at % 8 : 0; bit < (empty ? at % 8 + 1 : 8); bit++) {
                uint8_t is = (uint8_t)(was ^ 1u << bit);
                sim_disk_damage(log->disk, name, at, &is, 1);
                judge(log, name, "bit flipped", at * 8 + bit, true, count);
            }
            sim_disk_damage(log->disk, name, at, &was, 1);
        }
    }
}

void damage_lengths(struct damage_log *log, unsigned stride, struct damage_count *count)
{
    const char *name = NULL;
    for (size_t i = 0; (name = sim_disk_name(log->disk, i)) != NULL; i++) {
        uint64_t size = 0;
        const uint8_t *bytes = sim_disk_bytes(log->disk, name, &size);
        uint8_t *copy = malloc(size + 1);
        assert(copy != NULL);
        memcpy(copy, bytes, size);
        for (uint64_t cut = 0; cut <= size + 1 && !stop(count); cut += stride) {
            if (cut != size) {
                sim_disk_resize(log->disk, name, cut);
                judge(log, name, "length changed", cut, true, count);
                sim_disk_resize(log->disk, name, size);
                sim_disk_damage(log->disk, name, 0, copy, size);
            }
        }
        free(copy);
    }
}

void damage_blocks(struct damage_log *log, struct damage_count *count)
{
    uint8_t was[LOG_BLOCK_BYTES];
    const char *to = NULL;
    for (size_t i = 0; (to = sim_disk_name(log->disk, i)) != NULL; i++) {
        uint64_t to_size = 0;
        const uint8_t *to_bytes = sim_disk_bytes(log->disk, to, &to_size);
        for (uint64_t at = 0; at + LOG_BLOCK_BYTES <= to_size; at += LOG_BLOCK_BYTES) {
            const char *from = NULL;
            memcpy(was, to_bytes + at, sizeof was);
            for (size_t j = 0; (from = sim_disk_name(log->disk, j)) != NULL; j++) {
                uint64_t from_size = 0;
                const uint8_t *from_bytes = sim_disk_bytes(log->disk, from, &from_size);
                for (uint64_t k = 0; k + LOG_BLOCK_BYTES <= from_size && !stop(count);
                     k += LOG_BLOCK_BYTES) {
                    if (memcmp(from_bytes + k, was, sizeof was) != 0) {
                        uint8_t other[LOG_BLOCK_BYTES];
                        memcpy(other, from_bytes + k, sizeof other);
                        sim_disk_damage(log->disk, to, at, other, sizeof other);
                        judge(log, to, "block replaced", at, false, count);
                        sim_disk_damage(log->disk, to, at, was, sizeof was);
                    }
                }
            }
        }
    }
}

void damage_files(struct damage_log *log, struct damage_count *count)
{
    static const struct sim_crash same = {.kind = SIM_KEEP_ALL, .dirs = UINT64_MAX};
    struct sim_disk *whole = log->disk;
    char last[SIM_NAME_BYTES] = "";
    const char *name = NULL;
    for (size_t i = 0; (name = sim_disk_name(whole, i)) != NULL; i++) {
        if (strncmp(name, "log/", 4) == 0 && strcmp(name, last) > 0) {
            (void)snprintf(last, sizeof last, "%s", name);
        }
    }
    for (size_t i = 0; (name = sim_disk_name(whole, i)) != NULL && !stop(count); i++) {
        if (strcmp(name, last) == 0) {
            continue; /* the spare one: nothing is lost with it */
        }
        log->disk = sim_disk_crash(whole, &same);
        sim_disk_remove(log->disk, name);
        if (strcmp(name, "FORMAT") == 0) {
            /* Nothing says that this is a log; opening it must not make a new one. */
            struct log_options options = {.segment_bytes = log->work->segment_bytes};
            struct log_report report;
            struct log *out = NULL;
            enum jit_err err =
                log_open(jit_heap_libc(), &log->disk->io, &options, NULL, NULL, &report, &out);
            assert(err == JIT_ECORRUPT);
            count->cases++;
            count->refused++;
        } else {
            judge(log, name, "file removed", 0, true, count);
        }
        sim_disk_free(log->disk);
    }
    log->disk = whole;
}

/* ---- old views ---- */

static struct old_view {
    struct jit_io whole;
    const char *name;
    uint64_t from;
    uint64_t to;
    int file; /* as which it is open; -1: it is not */
    bool seen;
} old;

static enum jit_err old_open(struct jit_io *io, const char *name, unsigned flags, int *out)
{
    enum jit_err err = old.whole.open(io, name, flags, out);
    old.file = err == JIT_OK && strcmp(name, old.name) == 0 ? *out : -1;
    return err;
}

static enum jit_err old_pread(struct jit_io *io, int file, void *buf, uint64_t size,
                              uint64_t offset, uint64_t *got)
{
    enum jit_err err = old.whole.pread(io, file, buf, size, offset, got);
    uint64_t from = old.from > offset ? old.from : offset;
    uint64_t to = old.to < offset + size ? old.to : offset + size;
    if (err == JIT_OK && file == old.file && !old.seen && from < to) {
        memset((uint8_t *)buf + (from - offset), 0, to - from);
        old.seen = true;
    }
    return err;
}

void damage_none_but_old(struct damage_log *log, struct damage_count *count)
{
    const uint64_t floor = log->floor;
    struct jit_io *io = &log->disk->io;
    const char *name = NULL;
    old.whole = *io;
    io->open = old_open;
    io->pread = old_pread;
    for (size_t i = 0; (name = sim_disk_name(log->disk, i)) != NULL; i++) {
        uint64_t size = 0;
        (void)sim_disk_bytes(log->disk, name, &size);
        for (uint64_t at = LOG_BLOCK_BYTES; at < size && !stop(count); at += SIM_SECTOR) {
            for (unsigned rest = 0; strncmp(name, "log/", 4) == 0 && rest < 2; rest++) {
                old.name = name;
                old.from = at;
                old.to = rest == 1 ? size : at + SIM_SECTOR;
                old.file = -1;
                old.seen = false;
                log->floor = rest == 1 ? 0 : floor; /* what was there earlier was all there was */
                judge(log, name, rest == 1 ? "old from there" : "old sector", at, false, count);
                assert(old.seen);
            }
        }
    }
    log->floor = floor;
    *io = old.whole;
}
