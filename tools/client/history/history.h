/* tools/client/history/history.h - reading a data folder's log without a supervisor: what `jitos
 * log`, `show`, `replay` and `verify` share. Spec:  DESIGN 9.2; docs/spec/log.md. Layer: tools. */
#ifndef JIT_TOOLS_HISTORY_H
#define JIT_TOOLS_HISTORY_H

#include "kernel/checkpoint/checkpoint.h"
#include "kernel/system.h"
#include "tools/cli/cli.h"

/* Visit every record of the folder's log in order, also while a supervisor writes it: the records
 * are verified, the states are not rebuilt. visit returns an error to stop, JIT_ENOENT to stop
 * without one. Returns an exit code; what failed has been said (5 names record and byte). */
int history_each(struct cli *cli, const char *data, log_visit *visit, void *user,
                 struct log_report *report);

/* The same; *failed is the error that visit returned (JIT_OK: none), of which nothing is said. */
int history_each_failing(struct cli *cli, const char *data, log_visit *visit, void *user,
                         struct log_report *report, enum jit_err *failed);

/* The checkpoint that stands in place of the folder's genesis. found false: there is a genesis.
 * Returns an exit code; said. */
int history_start(struct cli *cli, const char *data, struct ckpt_manifest *start, bool *found);

/* All checkpoints of a folder; own: those of its log alone. Release the list when it is CLI_OK;
 * else it holds nothing. Returns an exit code; said. */
int history_checkpoints(struct cli *cli, const char *data, bool own, struct ckpt_list *list);

/* What is said of a branch, or what was restored, that has made no tick: with the one it is at. */
#define HISTORY_NO_TICK_YET "it begins at tick %llu and has made no tick of its own yet"

/* Has the folder history? One without a durable genesis has none, and counts as new (DESIGN 14.13).
 * What cannot be read, or is in use, counts as history: whoever opens it says why. */
bool history_begun(const char *data);
/* The same, where it matters that we could not look. Errors: the storage seam's, JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err history_look(const char *data, bool *begun);
/* The same of a folder that is open; who owns it has the last word. */
JIT_MUST_CHECK enum jit_err history_begun_in(struct jit_io *io, bool *begun);

/* What to do about a folder that could not be opened to change it; what and why have been said.
 * Returns the exit code. */
int history_not_owned(struct cli *cli, enum jit_err err);

/* Say what is wrong with a log: record, file and byte. Returns CLI_CORRUPT, or what the error
 * stands for. */
int history_failed(struct cli *cli, const char *data, enum jit_err err,
                   const struct log_report *report);

/* A revision: "@12", "HEAD", "HEAD~3", or at least 8 hex digits of a commit. */
enum history_kind { HISTORY_TICK, HISTORY_HEAD, HISTORY_COMMIT };
struct history_revision {
    enum history_kind kind;
    uint64_t number; /* the tick, or how far before HEAD */
    char prefix[65]; /* hex digits */
};
bool history_parse(const char *text, struct history_revision *out);

/* Bring a folder's state to life, with progress; one that a supervisor holds is read beside it.
 * Returns an exit code; what failed has been said. */
struct history_opening {
    const char *label; /* what is being done: "verify" */
    const char *data;
    bool own; /* to change it: nobody else may hold it */
    enum shell_system_from from;
    bool lenient; /* what failed is not said */
    bool bounded; /* the state at `tick`; else the newest */
    uint64_t tick;
    void (*replayed)(void *user, const struct log_record *record, const struct kern_replay *replay);
    void *user;
};
int history_open(struct cli *cli, const struct history_opening *opening,
                 struct shell_system *system);

/* How a history that was read to its end ends. */
struct history_end {
    uint64_t ticks;
    uint64_t applied; /* requests, from the start */
    uint64_t denied;
    bool deterministic;
    bool torn; /* its last write was not finished */
    struct jit_id root;
    struct jit_id head;
};
struct history_end history_end_of(const struct shell_system *system);
/* Say it, `word` first; the event "done" that tells the same, to be emitted. */
json_t *history_tell(struct cli *cli, const char *schema, const char *word,
                     const struct history_end *end);
void history_say_torn(struct cli *cli, const struct log_report *report);

/* The tick of a revision, or of a checkpoint's name. Returns an exit code; said. */
int history_resolve(struct cli *cli, const char *data, const char *text, uint64_t *tick);

/* A folder named by its path, and its storage, for as long as a command needs them. To be closed
 * also after an error; where fd is negative then, errno says why it cannot be opened. Errors: those
 * of open(), those of io_posix_open(). */
struct history_folder {
    int fd;
    struct jit_io *io;
};
JIT_MUST_CHECK enum jit_err history_folder_open(const char *path, bool read_only,
                                                struct history_folder *out);
void history_folder_close(struct history_folder *folder);

/* The folder's storage for reading; close with io_posix_close and close(*fd). Returns an exit code;
 * said. */
int history_io(struct cli *cli, const char *data, int *fd, struct jit_io **io);

#endif
