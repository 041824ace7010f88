/* tests/kernel/log/works.h - the works whose crashes are enumerated: small segments, so that every
 * few ticks one ends, and each a different mix of batches, seals, restarts and blobs. */
#ifndef JIT_TESTS_WORKS_H
#define JIT_TESTS_WORKS_H

#include "tests/kernel/log/log_model.h"

static const struct work works[] = {
    {"a tick a batch", 1, 16384, LOG_DURABILITY_TICK, MODEL_NO_BLOBS, 18, 0, 100, 0, 0, false},
    {"ticks while writing", 2, 16384, LOG_DURABILITY_TICK, MODEL_NO_BLOBS, 24, 0, 20, 0, 0, false},
    {"groups of three", 3, 16384, LOG_DURABILITY_GROUP, MODEL_NO_BLOBS, 24, 3, 50, 0, 0, false},
    {"groups of seven", 4, 32768, LOG_DURABILITY_GROUP, MODEL_NO_BLOBS, 35, 7, 30, 0, 0, false},
    {"seals", 5, 16384, LOG_DURABILITY_TICK, MODEL_NO_BLOBS, 12, 0, 60, 2, 0, false},
    {"restarts", 6, 16384, LOG_DURABILITY_GROUP, MODEL_NO_BLOBS, 18, 2, 60, 0, 5, false},
    {"blobs", 7, 16384, LOG_DURABILITY_TICK, MODEL_BLOBS, 16, 0, 80, 0, 0, false},
    {"blobs in groups", 8, 32768, LOG_DURABILITY_GROUP, MODEL_BLOBS, 22, 4, 40, 9, 11, false},
    {"buffered", 9, 16384, LOG_DURABILITY_GROUP, MODEL_NO_BLOBS, 18, 3, 50, 7, 0, true},
    {"larger segments", 10, 65536, LOG_DURABILITY_GROUP, MODEL_NO_BLOBS, 30, 5, 20, 0, 0, false},
};
/* Its promise is smaller: what a seal or a start has said survives anything, the rest only the
 * death of the process. */
static const struct work lazy_work = {
    "no durability", 21, 16384, LOG_DURABILITY_NONE, MODEL_NO_BLOBS, 18, 2, 40, 7, 0, false};
#define WORKS_COUNT (sizeof works / sizeof works[0])

#endif
