/* kernel/log/log_mutant.h - ways to build the log and the blobs wrong, for the tests that must
 * notice. Layer: kernel, private. In every program that is installed LOG_MUTANT(x) is the constant
 * false; only tests/kernel/log/test_mutants and test_cut_mutants compile these sources with
 * JIT_LOG_MUTANTS and choose one. */
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
    X(LOG_MUTANT_SWEEP_ALL, "the sweep forgets which blobs are needed")                            \
    X(LOG_MUTANT_TRIM_UNREAD, "trimmed although what stays does not verify")                       \
    X(LOG_MUTANT_TRIM_MARK, "the segment of the mark is given up with those before it")            \
    X(LOG_MUTANT_TRIM_NEWEST_FIRST, "of the segments that are given up the newest goes first")     \
    X(LOG_MUTANT_TRIM_NO_DIR_SYNC,                                                                 \
      "the next segment goes before the last one is known to be gone")                             \
    X(LOG_MUTANT_TRIM_AGAIN_NO_SYNC,                                                               \
      "what a try that was killed has removed is not synced before the next one removes more")     \
    X(LOG_MUTANT_TRIM_BLOBS_FIRST, "blobs are given up before the segments that need them")        \
    X(LOG_MUTANT_TRIM_BLOBS_ALL, "the blobs of what stays are given up as well")                   \
    X(LOG_MUTANT_SALVAGE_NO_COPY, "a segment is cut without keeping what is cut off")              \
    X(LOG_MUTANT_SALVAGE_CUT_FIRST, "a segment is cut before it is copied")                        \
    X(LOG_MUTANT_SALVAGE_OVER, "the copy is made over what was kept before")                       \
    X(LOG_MUTANT_SALVAGE_COPY_NO_SYNC, "the copy is not synced before it is renamed")              \
    X(LOG_MUTANT_SALVAGE_COPY_NO_DIR_SYNC, "the folder is not synced after the copy is renamed")   \
    X(LOG_MUTANT_SALVAGE_MOVE_NO_DIR_SYNC, "the folder is not synced after segments are moved")    \
    X(LOG_MUTANT_SALVAGE_CUT_NO_SYNC, "a segment is cut without syncing it")

enum log_mutant {
#define X(name, text) name,
    LOG_MUTANT_MAP(X)
#undef X
        LOG_MUTANT_COUNT
};
#define LOG_MUTANT_CUTS LOG_MUTANT_TRIM_UNREAD /* from here on: of log_trim and log_salvage */

#ifdef JIT_LOG_MUTANTS
extern enum log_mutant log_mutant;
#define LOG_MUTANT(name) (log_mutant == (name))
#else
#define LOG_MUTANT(name) false
#endif

#endif
