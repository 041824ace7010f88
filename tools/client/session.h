/* tools/client/session.h - a private supervisor and the talk with it: what `jitos run` and `jitos
 * demo` share. Spec:  DESIGN 9.4, 14.13; docs/spec/hub.md. Layer: tools. */
#ifndef JIT_TOOLS_SESSION_H
#define JIT_TOOLS_SESSION_H

#include <sys/types.h>

#include "base/limits.h"
#include "kernel/core/replay.h"
#include "kernel/hub/hub_client.h"
#include "rmg/change/receipt.h"

struct session_options {
    const char *program; /* path of jitosd */
    const char *data;
    unsigned jobs;
    const char *durability;        /* "tick", "group" or "none" */
    uint64_t die_at_log_offset;    /* UINT64_MAX: never */
    uint64_t hang_wall_s;          /* 0: jitosd's own default */
    const char *guests;            /* path of a socket for guests; NULL: none */
    bool quiet;                    /* errors only */
    const struct hub_watch *watch; /* while it says nothing; NULL: nobody */
};

/* Why a run is not deterministic: a worker that hung was killed, or one was given up. */
struct session_deviation {
    uint64_t tick;
    char what[16];                          /* "hung", "failed" */
    char process[JIT_NAME_BYTES_MAX + 16u]; /* w[1] */
};

/* What the supervisor says of the whole system. */
struct session_status {
    bool fresh;
    bool stopped;
    bool deterministic;
    uint64_t tick;
    uint64_t seed;
    uint64_t applied;
    uint64_t denied;
    uint64_t log_bytes; /* where the log's next write begins, over all segments */
    uint64_t recovered; /* ticks found in the log at start, the genesis included */
    struct jit_id root;
    struct jit_id world;
    struct jit_id head;
    struct jit_id genesis;
    uint64_t stop_code; /* when it has stopped: the exit code to leave with */
    char stop_text[480];
    char grade[160];
    char torn_why[160]; /* "" when the log's end was whole */
    char torn_file[96];
    uint64_t torn_bytes;
    uint64_t torn_offset;
    uint32_t deviation_count; /* of those listed */
    struct session_deviation deviations[KERN_DEVIATIONS_MAX];
};

struct session_tick {
    uint64_t tick;
    uint64_t nodes;
    uint64_t edges;
    uint64_t requests;
    uint64_t counts[RMG_RESULT_COUNT];
    struct jit_id root;
    struct jit_id world;
    struct jit_id head;
};

struct session {
    struct hub_client client;
    pid_t pid; /* of our own supervisor */
    int ready_fd;
    struct session_status status; /* as of the last message that carried it */
    char error[512];
    int exit_code; /* for the tool, after an error */
};

/* Start jitosd on the folder and connect. Its messages go to our stderr. Errors: the session's
 * error and exit_code say what and with which code to leave. */
JIT_MUST_CHECK enum jit_err session_start(struct session *session, struct jit_heap *heap,
                                          const struct session_options *options);
/* Ask it to shut down, wait for it. A supervisor that was killed is reaped all the same: *signal
 * says by what (0: it exited by itself). Safe after a failed start. */
void session_end(struct session *session, int *signal);

/* Send a genesis in pieces: write is for rmg_collect_patch, then finish. */
JIT_MUST_CHECK enum jit_err session_genesis_begin(struct session *session);
JIT_MUST_CHECK enum jit_err session_genesis_write(void *session, const uint8_t *bytes, size_t size);
JIT_MUST_CHECK enum jit_err session_genesis_end(struct session *session);

/* Run to a tick. Calls on_tick for each tick that became durable and on_denial for each reason
 * told. Returns JIT_OK at rest (status is that of the end), JIT_ENOENT when the supervisor died,
 * JIT_EPEER when the run stopped (error, exit_code). */
struct session_watcher {
    void (*on_tick)(void *user, const struct session_tick *tick);
    void (*on_denial)(void *user, uint64_t tick, const char *text);
    void *user;
};
JIT_MUST_CHECK enum jit_err session_run(struct session *session, uint64_t to,
                                        const struct session_watcher *watcher);

/* Decode what a "welcome", "status" or "rest" message carries. */
bool session_read_status(const cbor_item_t *message, struct session_status *out);
bool session_read_tick(const cbor_item_t *message, struct session_tick *out);

/* The path of a program beside this one (in the tree or installed): "jitosd". */
void session_program_path(const char *name, char *path, size_t size);

#endif
