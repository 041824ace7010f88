/* kernel/worker.h - one worker as the operating system sees it: its memories, its process, its end.
 * Spec:  DESIGN 7.1, 7.4, 14.5, 14.6; SANDBOX 2.1.
 * Layer: kernel (shell). */
#ifndef JIT_KERNEL_WORKER_H
#define JIT_KERNEL_WORKER_H

#include "kernel/core/beside.h"
#include "proc/host/memory.h"
#include "proc/host/spawner.h"
#include "syscall/boot.h"
#include "syscall/ring.h"

/* What all workers of a supervisor share. */
struct shell_nursery {
    const struct host_probe *probe;
    const struct host_loader *loader;
    struct host_filter start;  /* for the rules loader, */
    struct host_filter final;  /* which takes this one as its last */
    struct host_filter native; /* for a program of its own */
    const struct host_memory *view;
    struct host_spawner *spawner; /* NULL: this process makes the clones itself */
};

/* Sizes of DESIGN 7.1; a rules loader keeps nothing in its graph but its tick. It may ask for more,
 * up to the maximum: room for a ring full of the longest requests, three times. */
#define SHELL_GRAPH_BYTES     (1ull << 20)
#define SHELL_GRAPH_BYTES_MAX (64ull << 20)
#define SHELL_STACK_BYTES     (1ull << 20)
#define SHELL_HEAP_BYTES                                                                           \
    (4ull << 30) /* address space for its matches; memory is charged as touched */

/* A worker that dies this often in one tick, but not because somebody killed it from outside, does
 * so of its graph's memory, perhaps: that is made anew of what the core holds. */
#define SHELL_DEATHS_MAX 2u

struct shell_worker {
    bool alive;
    uint64_t start_tick; /* that it was last started for */
    uint32_t deaths;     /* its own, in that tick */
    bool ours;           /* it was killed by us */
    bool died;           /* its last life ended by itself, or we ended it */
    struct host_child child;
    struct host_memory ring;
    struct host_memory graph;
    struct host_memory program;
    /* The graph that its process keeps, as the core holds it; borrowed for a spawn. NULL: none. */
    const struct kern_own *own;
    uint32_t needless; /* rings of its bell beyond what there is reason for */
    uint32_t floods;   /* how often they became too many */
    bool flooding;     /* they did, and it has not yet made up for it */
    bool held;         /* it stands still until it has its turn */
    uint64_t begun_ns; /* its tick, less the time that it stood still for others */
    uint64_t waits_ns; /* since when it does; 0: it does not */
};

/* A worker rings when it has said done, is short of room, or wants an answer. */
#define SHELL_RINGS_A_LOOK 16u
#define SHELL_RINGS_MAX    1024u /* needless ones, after which it is a flood */
#define SHELL_FLOODS_MAX   10u /* each makes what it has to make up for twice as much, up to this */

/* Nothing alive. */
void shell_worker_init(struct shell_worker *worker);

/* A program that processes run (`exec`), as the sandbox starts it. */
struct shell_image {
    struct jit_id id;
    struct host_loader loader;
};

/* Out of the root graph into a sealed memory, and judged there: the graph may be anybody's.
 * Errors: of kern_image_read and host_loader_make; *why: what the program is not, if it is that. */
JIT_MUST_CHECK enum jit_err shell_image_read(struct jit_heap *heap, struct rmg_store *store,
                                             const struct rmg_version *version,
                                             const struct jit_id *id, struct shell_image *out,
                                             const char **why);

/* Make its memories, write its boot record, start it; those of its last life must be released, or
 * left. A graph that was left is what it goes on with, if it has in it what the core holds; else it
 * is made anew of that.
 * image: its own program, which nobody vouches for; NULL: the rules loader. spec: from
 * kern_core_boot; sizes and filter are filled in here. On error nothing is left and fault->text
 * says what failed and what to do. */
JIT_MUST_CHECK enum jit_err shell_worker_spawn(struct shell_worker *worker, struct jit_heap *heap,
                                               const struct shell_nursery *nursery,
                                               const struct shell_image *image, uint32_t slot,
                                               struct sys_boot_spec *spec,
                                               struct host_fault *fault);
void shell_worker_kill(struct shell_worker *worker);
/* It has ended (its pidfd is readable), or `wait`: take its status. Its memories stay mapped until
 * shell_worker_release: the core may still look at them, since it has not heard of the end yet. */
JIT_MUST_CHECK enum jit_err shell_worker_reap(struct shell_worker *worker, bool wait,
                                              struct host_exit *how);
/* Its bell has rung so often since it was last looked at. Nobody is woken by a bell that is not
 * waited for, but ringing takes a processor: whoever rings for nothing again and again is flooding,
 * until it has rung with reason for long enough. */
void shell_worker_heed(struct shell_worker *worker, uint32_t rings);
/* It has something to do in this tick, or not; so has somebody who does not flood. One that floods
 * stands still unless it has, and nobody else has. now_ns, here and below: a clock that only
 * rises, above 0. */
void shell_worker_turn(struct shell_worker *worker, bool works, bool others_work, uint64_t now_ns);
/* Its tick begins. */
void shell_worker_begin(struct shell_worker *worker, uint64_t now_ns);
/* How long its tick has taken it: what it had to wait for others is not held against it, and what
 * it had before is not forgotten for that. */
uint64_t shell_worker_time(const struct shell_worker *worker, uint64_t now_ns);
void shell_worker_release(struct shell_worker *worker); /* not alive; may be released already */
/* Make its graph memory hold what its process keeps, as after `tick`: what is there stays if it
 * says that it is that. tick: not 0, or worker->own is NULL. Errors: JIT_ENOSPC (the machine has no
 * memory), JIT_ENOMEM, JIT_ELIMIT. */
JIT_MUST_CHECK enum jit_err shell_worker_graph(struct shell_worker *worker, struct jit_heap *heap,
                                               uint64_t tick);
/* The same, but its graph is kept for its next life (DESIGN 7.2). */
void shell_worker_leave(struct shell_worker *worker);

#endif
