/* tests/lib/sim_kernel.h - kernel/core with workers as coroutines in one thread: no process, no
 * clock, no disk. Everything that may come in any order does so by a seeded draw: who runs, when a
 * bell is seen, when a log write becomes durable, who dies at which instant. */
#ifndef JIT_TESTS_SIM_KERNEL_H
#define JIT_TESTS_SIM_KERNEL_H

#include "base/random.h"
#include "kernel/core/core.h"
#include "tests/lib/sim_worker.h"

struct sim_record { /* what the log was handed */
    uint64_t tick;
    struct jit_id commit;
    struct jit_id root;
    uint8_t *payload;
    size_t payload_size;
};

struct sim_kernel;

struct sim_kernel_options {
    const char *text;         /* the system file; `import`s are not carried out */
    uint32_t cells;           /* nodes c0, c1, ... of type Cell, each NEXT to the one before, */
    const char *path;         /* in this instance; NULL: /world */
    uint64_t graph_bytes;     /* of each worker at first; 0: 1 MiB */
    uint64_t graph_bytes_max; /* 0: the same */
    uint64_t arena_bytes;     /* of the kernel's own arena and of the view; 0: 4 MiB */
    uint64_t system_seed;     /* of the system's draws */
    uint64_t schedule;        /* of everything that may come in any order */
    uint32_t kill_one_in;     /* a step in so many kills some worker; 0: never */
    /* Called before each step of the scheduler: may end workers and hand events to the core. */
    void (*each_step)(struct sim_kernel *sim);
    struct jit_exec *exec; /* NULL: no threads */
    uint64_t exit_from;    /* process 0 asks to exit in each tick from this one on; 0: never */
    /* Before each load of a ring by the kernel; may rewrite the ring. */
    void (*before_load)(void *user, struct sys_ring_memory *ring);
    void *user;
    /* Where the records go; NULL: they are kept here, and become durable at a draw. append takes
     * one; reap says below which tick all are durable. An error of theirs is an event of the core.
     */
    enum jit_err (*log_append)(void *log_user, const struct kern_log_record *record);
    enum jit_err (*log_reap)(void *log_user, uint64_t *durable_end);
    void *log_user;
};

struct sim_kernel {
    struct sim_kernel_options options;
    struct jit_heap *heap;
    struct jit_random random;
    struct kern_private_places places;
    struct rmg_arena *private_arena; /* NULL when the store is another's */
    uint8_t *view_base;
    uint64_t view_bytes;
    struct rmg_arena view_arena;
    struct rmg_store *store;
    struct rmg_version genesis;
    struct jit_id genesis_commit;
    struct kern_beside beside; /* unless the state came with one */
    struct kern_core *core;
    struct sim_worker **workers;
    struct sim_hostile *hostile; /* one a process: for before_load */
    uint32_t process_count;
    struct sim_record *records;
    size_t record_count;
    size_t durable;       /* records that are on the medium */
    uint64_t first_tick;  /* of the first record */
    enum jit_err log_err; /* of log_append or log_reap, not told to the core yet */
    uint64_t kills;
    uint64_t spawns;
    uint64_t grows;
    uint64_t frozen; /* bit i: the worker of process i does not run on */
    bool resting;
    bool stopped;
    int stop_code;
    char stop_text[256];
    struct kern_report last; /* pointers in it are stale */
    char denial[256];        /* how the last denied request is explained */
};

/* Compile, build the first state, make the core. Ends the program when something fails: it is a
 * test's set-up. */
void sim_kernel_init(struct sim_kernel *sim, struct jit_heap *heap,
                     const struct sim_kernel_options *options);
/* The same from a state that is there already, as after a recovery: what state borrows stays its
 * owner's. Text and cells are not looked at. Errors: kern_core_new's; then there is nothing to
 * release. */
JIT_MUST_CHECK enum jit_err sim_kernel_continue(struct sim_kernel *sim, struct jit_heap *heap,
                                                const struct sim_kernel_options *options,
                                                const struct kern_core_options *state);
void sim_kernel_release(struct sim_kernel *sim);

/* The first state's patch, as a client hands it to a supervisor. */
void sim_kernel_genesis(struct jit_heap *heap, const struct sim_kernel_options *options,
                        struct jit_buf *patch);

/* Until the tick is committed and durable, or the core stops, or `steps` have been made. True: at
 * rest. */
bool sim_kernel_run(struct sim_kernel *sim, uint64_t to, uint64_t steps);
void sim_kernel_step(struct sim_kernel *sim, const struct kern_event *event);
/* For tests that step the core themselves: a copy of what it has logged, for sim_kernel_replay. */
void sim_kernel_keep(struct sim_kernel *sim, const struct kern_log_record *record);
/* At rest: all workers die and the core with them; a new one goes on from the version and
 * what is beside it. */
void sim_kernel_restart(struct sim_kernel *sim);
void sim_kernel_end_worker(struct sim_kernel *sim, uint32_t index, const char *how);
/* An operator kills a process; then likewise. */
bool sim_kernel_kill(struct sim_kernel *sim, uint32_t process, uint64_t steps);
struct jit_id sim_kernel_world(const struct sim_kernel *sim); /* instance root of /world */

/* Replay all that was logged on a copy of the first state, by patches and then by rules: every root
 * and commit compared, and what made the run not deterministic. */
enum jit_err sim_kernel_replay(const struct sim_kernel *sim, const char **what);

#endif
