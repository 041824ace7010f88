/* kernel/system.h - a data folder brought to life: memory, store, and the state its log leads to.
 * Spec:  DESIGN 9.2, 14.8, 14.9, 14.13.
 * Layer: kernel (shell). Used by the supervisor, and read-only by tools that verify, replay and
 * list. */
#ifndef JIT_KERNEL_SYSTEM_H
#define JIT_KERNEL_SYSTEM_H

#include "kernel/log/blob.h"
#include "kernel/checkpoint/checkpoint.h"
#include "kernel/core/core.h"
#include "kernel/checkpoint/folder.h"
#include "kernel/log/log.h"
#include "proc/host/memory.h"

/* Where the history is read from. */
enum shell_system_from {
    SHELL_FROM_NEWEST, /* the newest checkpoint that verifies */
    SHELL_FROM_START   /* the genesis, or the checkpoint that is in its place */
};

struct shell_system_options {
    const char *path;
    /* In place of a folder under path, which is then only its name in messages: borrowed. OWN mode
     * alone, segment_bytes and uuid are given. NULL: the real one. */
    struct jit_io *io;
    const uint8_t *uuid; /* of a new log, LOG_UUID_BYTES; NULL: a random one */
    enum shell_folder_mode mode;
    enum log_durability durability;
    uint64_t segment_bytes;     /* of new segments; 0: the default */
    uint64_t die_at_log_offset; /* the io seam kills this process there; UINT64_MAX: never */
    bool shared_view;           /* the view is to be shared with workers: a sealed memfd */
    enum shell_system_from from;
    /* READ mode: end with the state at this tick, JIT_ENOENT when there is none. bounded false: the
     * newest. */
    bool bounded;
    uint64_t tick;
    /* Told of each record after it was replayed; may be NULL. */
    void (*replayed)(void *user, const struct log_record *record, const struct kern_replay *replay);
    void *user;
    /* Readable: give up, since a long history takes long. NULL: never. Not read from. */
    const int *stop_fd;
};

struct shell_system {
    struct jit_heap *heap;
    struct shell_folder folder;
    struct jit_io *io;
    bool io_is_ring;
    bool io_is_lent; /* by the options */
    struct rmg_arena private_arena;
    uint64_t private_bytes_max;
    struct host_memory view_memory; /* fd -1 when the view is not shared */
    uint8_t *view_base;
    struct rmg_arena view_arena;
    struct kern_private_places places;
    struct rmg_store *store;
    struct kern_replay replay;
    struct jit_id genesis;    /* the blob the history began with; zero before it has */
    struct log_report report; /* what recovery found */
    struct log *log;          /* NULL when opened for reading */
    const int *stop_fd;
    /* The checkpoint at which the reading began, its state pinned; NULL: at the genesis. */
    struct ckpt_manifest *from;
    struct rmg_version from_version;
    char skipped[256];    /* newer checkpoints that do not verify: the first one, and why; "" */
    struct log_mark mark; /* before the newest tick that was there */
    char message[512];    /* after an error */
};

/* Open, replay, compare. In READ mode nothing is written, not even a torn tail erased.
 * Errors: those of shell_folder_open; JIT_EAGAIN (stop_fd), JIT_ECORRUPT, JIT_EDIVERGED,
 * JIT_ENOMEM, JIT_ENOSPC, JIT_EIO; message says what, where and what to do. On error everything is
 * given back. */
JIT_MUST_CHECK enum jit_err shell_system_open(struct shell_system *system, struct jit_heap *heap,
                                              const struct shell_system_options *options);
void shell_system_close(struct shell_system *system);

/* Is there a genesis? */
static inline bool shell_system_ready(const struct shell_system *system)
{
    return system->replay.records > 0;
}

/* Make a blob in the folder the genesis: build the state, log it, wait until it is durable. Errors:
 * message says what; JIT_EAGAIN: stop_fd. When the system is ready after one, it was built but not
 * logged, and no other can be built in this process. */
JIT_MUST_CHECK enum jit_err shell_system_genesis(struct shell_system *system,
                                                 const struct jit_id *blob, uint64_t blob_size);

/* A checkpoint of an open system that nobody runs: OWN mode. name "": none. grade: of the sandbox;
 * "" where there is none. *out is what was written. Errors: as ckpt_write, JIT_EFORMAT (the key);
 * message says what. */
JIT_MUST_CHECK enum jit_err shell_system_checkpoint(struct shell_system *system, const char *name,
                                                    const char *grade, struct ckpt_manifest *out,
                                                    uint64_t *bytes_written);

/* Append a tick that is no run's: a patch on the newest state, with another parent besides (zeros:
 * none). OWN mode; durable and sealed on JIT_OK. Errors: those of rmg_patch_apply and the log;
 * message says what. After an error the system may only be closed. */
JIT_MUST_CHECK enum jit_err shell_system_edit(struct shell_system *system, const uint8_t *patch,
                                              size_t patch_size, const struct jit_id *other);

/* What a manifest says of a system besides its state. */
struct shell_system_now {
    uint64_t tick;
    struct jit_id commit;
    uint64_t applied;
    uint64_t denied;
    const struct kern_deviations *deviations;
    struct log_mark mark;
};
/* Where it is as it was opened. */
struct shell_system_now shell_system_at_rest(const struct shell_system *system);
void shell_system_manifest(const struct shell_system *system, const struct shell_system_now *now,
                           const char *name, const char *grade, struct ckpt_manifest *out);

#endif
