/* kernel/core/policy.h - the policies of a process: what is done when it dies or hangs, and how
 * much it may keep. Spec:  DESIGN 7.4, 7.5; docs/spec/root-graph.md "/proc". Layer: kernel/core;
 * pure. */
#ifndef JIT_KERNEL_CORE_POLICY_H
#define JIT_KERNEL_CORE_POLICY_H

#include "base/buf.h"
#include "rmg/change/amount.h"

/* What is done when a process dies or hangs (7.4, 7.5); the numbers are in the root graph. */
enum kern_restart {
    KERN_RESTART_ON_FAILURE = 0, /* unless it asked to exit */
    KERN_RESTART_NEVER = 1,
    KERN_RESTART_ALWAYS = 2 /* also when it asked to exit */
};
struct kern_policy {
    enum kern_restart restart;
    uint32_t restarts;     /* at most so many ... */
    uint32_t ticks;        /* ... within so many ticks; both 0 for NEVER */
    bool then_stop;        /* after that the run stops; else it goes on without the process */
    bool hang_kill;        /* a hang: it is killed and misses the tick; else the run stops */
    uint32_t hang_seconds; /* CPU time that counts as a hang; 0: the supervisor's own limit */
    uint32_t keep;         /* versions of the root graph that its branches may rest on, from 1 */
    bool rerun;            /* a program of its own that can be run again, and comes out the same */
    struct rmg_amount graph; /* the graph that it keeps for itself has no more than this */
};
/* Of a process whose file says nothing: on failure, at most 5 in 100 ticks, then go on; on hang
 * stop, the newest version only, nobody runs it again. No atom says so. */
struct kern_policy kern_policy_usual(void);
bool kern_policy_is_usual(const struct kern_policy *policy);

#define KERN_POLICY_BYTES (9u * 4 + 3 * 8)

/* The bytes of a process's atom `policies`. Errors: JIT_EFORMAT, also for what is not the one way
 * to write it, the usual policies included. */
void kern_policy_encode(const struct kern_policy *policy, struct jit_buf *buf);
JIT_MUST_CHECK enum jit_err kern_policy_decode(const uint8_t *bytes, size_t size,
                                               struct kern_policy *out);

#endif
