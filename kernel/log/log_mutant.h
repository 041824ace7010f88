/* kernel/log/log_mutant.h - ways to build the log and the blobs wrong, for the tests that must
 * notice. Layer: kernel, private. In every program that is installed LOG_MUTANT(x) is the constant
 * false; only tests/kernel/log/test_mutants.c compiles these sources with JIT_LOG_MUTANTS and
 * chooses one. */
#ifndef JIT_KERNEL_LOG_MUTANT_H
#define JIT_KERNEL_LOG_MUTANT_H

#define LOG_MUTANT_MAP(X)                                                                          \
    X(LOG_MUTANT_NONE, "the log as it is")                                                         \
    X(LOG_MUTANT_NO_DURABLE, "batches are written without waiting for the medium")                 \
    X(LOG_MUTANT_ACK_EARLY, "a tick is acknowledged when its write begins")                        \
    X(LOG_MUTANT_RETRY, "a failed durable write is tried again")                                   \
    X(LOG_MUTANT_SEGMENT_NO_SYNC, "a segment is not synced before it is renamed")                  \
    X(LOG_MUTANT_SEGMENT_NO_DIR_SYNC, "the folder is not synced after a segment is renamed")       \
    X(LOG_MUTANT_SEGMENT_NO_ZEROS, "only the header of a segment is written ahead")                \
    X(LOG_MUTANT_FORMAT_FIRST, "FORMAT is written before the first segment")                       \
    X(LOG_MUTANT_FORMAT_NO_SYNC, "FORMAT is not synced before it is renamed")                      \
    X(LOG_MUTANT_FORMAT_NO_DIR_SYNC, "the data folder is not synced after FORMAT is renamed")      \
    X(LOG_MUTANT_OPEN_NO_SYNC, "recovery reads without syncing first")                             \
    X(LOG_MUTANT_NO_HASH, "the hash of a record is not checked")                                   \
    X(LOG_MUTANT_NO_CHAIN, "any whole record is taken, wherever it lies")                          \
    X(LOG_MUTANT_NEVER_TORN, "any record after a damaged one makes it corrupt")                    \
    X(LOG_MUTANT_ALWAYS_TORN, "a damaged record is always taken for torn")                         \
    X(LOG_MUTANT_NO_ZERO_CHECK, "bytes between and after records are not looked at")               \
    X(LOG_MUTANT_NO_ERASE, "a torn tail is not erased")                                            \
    X(LOG_MUTANT_ERASE_NO_SYNC, "a torn tail is erased without syncing")                           \
    X(LOG_MUTANT_NONE_NO_SYNC, "durability none: a full segment is left without syncing it")       \
    X(LOG_MUTANT_BLOB_NO_SYNC, "a blob is not synced before it is renamed")                        \
    X(LOG_MUTANT_BLOB_NO_DIR_SYNC, "the folder is not synced after a blob is renamed")             \
    X(LOG_MUTANT_SWEEP_ALL, "the sweep forgets which blobs are needed")

enum log_mutant {
#define X(name, text) name,
    LOG_MUTANT_MAP(X)
#undef X
        LOG_MUTANT_COUNT
};

#ifdef JIT_LOG_MUTANTS
extern enum log_mutant log_mutant;
#define LOG_MUTANT(name) (log_mutant == (name))
#else
#define LOG_MUTANT(name) false
#endif

#endif
