/* tests/kernel/log/log_model.h - what a log should hold, work that fills one, and every crash of
 * it.
 *
 * The oracle: what was acknowledged is recovered, nothing is recovered that was not submitted, and
 * every tick that is recovered is exactly the one that was submitted. What a recovery has handed
 * out counts as acknowledged from then on. */
#ifndef JIT_TESTS_LOG_MODEL_H
#define JIT_TESTS_LOG_MODEL_H

#include "base/random.h"
#include "kernel/log/log.h"
#include "tests/lib/sim_disk.h"

#define MODEL_TICKS_MAX 512u
#define MODEL_LIVES     3u

struct model {
    uint8_t life[MODEL_TICKS_MAX]; /* in which life of the system the tick was submitted */
    uint64_t acked;                /* ticks below it must be there after any crash */
    uint64_t told;                 /* likewise, if only the process died: what the log called
                                      durable. More than acked only with LOG_DURABILITY_NONE. */
    uint64_t submitted;            /* ticks from it on may not be there */
};

enum model_blobs { MODEL_NO_BLOBS, MODEL_BLOBS };

/* The record of a tick, a function of life and tick. With blobs some records name one and some
 * payloads need one. Borrowed until the next call. */
struct model_record {
    struct log_record record;
    uint8_t payload[40000];
    uint8_t blob[5000];
};
void model_make(uint8_t life, uint64_t tick, enum model_blobs blobs, struct model_record *out);

/* A visitor for log_open and log_verify: JIT_EDIVERGED at the first tick that is not the model's.
 * With an io it reads the blobs too. */
struct model_check {
    const struct model *model;
    enum model_blobs blobs;
    struct jit_io *io;
    uint64_t next;
};
enum jit_err model_visit(void *user, const struct log_record *record);

struct work {
    const char *name;
    uint64_t seed;
    uint64_t segment_bytes;
    enum log_durability durability;
    enum model_blobs blobs;
    unsigned ticks;
    unsigned flush_every;  /* ticks */
    unsigned wait_percent; /* of the calls of log_reap */
    unsigned seal_every;   /* ticks; 0: at the end only */
    unsigned reopen_every; /* ticks; 0: never */
    bool buffered;         /* no direct transfers */
};

/* Open the log on the disk, comparing it with the model, and take note of what it hands out. */
enum jit_err model_open(const struct work *work, struct jit_heap *heap, struct sim_disk *disk,
                        struct model *model, struct log_report *report, struct log **log);
/* Run the work and keep the model up to date while it runs. log NULL: open it first. Stops at the
 * first error that is not JIT_ENOSPC of an append. The log is closed in the end. */
enum jit_err model_work(const struct work *work, uint8_t life, struct jit_heap *heap,
                        struct sim_disk *disk, struct model *model, struct log *log);

/* One tick of it: its blob, if any, and its record. */
enum jit_err model_tick(const struct work *work, uint8_t life, struct jit_heap *heap,
                        struct sim_disk *disk, struct log *log, struct model *model);

/* --- crash enumeration --- */

struct crash_count {
    uint64_t states;  /* disks recovered from */
    uint64_t inside;  /* of them those that a crash inside a recovery left */
    uint64_t points;  /* operations before which the machine was stopped */
    uint64_t torn;    /* recoveries that erased a torn batch */
    uint64_t faults;  /* runs with a failing operation */
    uint64_t resumed; /* states on which work went on */
    uint64_t entered; /* recoveries that were stopped at each of their operations */
    bool failed;
    bool stop_at_failure;
    char what[512]; /* the first failure, with all that repeats it */
};

/* Every crash at every operation of the work; each recovered, stopped again after recovery, worked
 * on and stopped again; for one state in `deep` also at every operation of the recovery. */
void model_crashes(const struct work *work, unsigned sectors, unsigned deep,
                   struct crash_count *count);
/* The work with its k-th operation failing, for every k, with each error, once and from then on;
 * then loss of power, death of the process, and a plain restart. */
void model_faults(const struct work *work, struct crash_count *count);

#endif
