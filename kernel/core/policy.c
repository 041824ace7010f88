#include "kernel/core/policy.h"

#include "base/cursor.h"
#include "base/limits.h"

/* Versions of the atom: there is one number more, and one more still. */
#define KERN_POLICY_FIRST  1u
#define KERN_POLICY_KEEPS  2u
#define KERN_POLICY_RERUNS 3u
#define KERN_POLICY_GRAPH  4u

struct kern_policy kern_policy_usual(void)
{
    return (struct kern_policy){
        .restart = KERN_RESTART_ON_FAILURE,
        .restarts = 5,
        .ticks = 100,
        .keep = 1,
        .graph = RMG_AMOUNT_ANY,
    };
}

bool kern_policy_is_usual(const struct kern_policy *policy)
{
    struct kern_policy usual = kern_policy_usual();
    return policy->restart == usual.restart && policy->restarts == usual.restarts &&
           policy->ticks == usual.ticks && policy->then_stop == usual.then_stop &&
           policy->hang_kill == usual.hang_kill && policy->hang_seconds == usual.hang_seconds &&
           policy->keep == usual.keep && policy->rerun == usual.rerun &&
           !rmg_amount_bounded(&policy->graph);
}

void kern_policy_encode(const struct kern_policy *policy, struct jit_buf *buf)
{
    const bool keeps = policy->keep != kern_policy_usual().keep;
    const bool bounded = rmg_amount_bounded(&policy->graph);
    jit_buf_put_u32(buf, bounded         ? KERN_POLICY_GRAPH
                         : policy->rerun ? KERN_POLICY_RERUNS
                         : keeps         ? KERN_POLICY_KEEPS
                                         : KERN_POLICY_FIRST);
    jit_buf_put_u32(buf, (uint32_t)policy->restart);
    jit_buf_put_u32(buf, policy->restarts);
    jit_buf_put_u32(buf, policy->ticks);
    jit_buf_put_u32(buf, policy->then_stop);
    jit_buf_put_u32(buf, policy->hang_kill);
    jit_buf_put_u32(buf, policy->hang_seconds);
    if (keeps || policy->rerun || bounded) {
        jit_buf_put_u32(buf, policy->keep);
    }
    if (policy->rerun || bounded) {
        jit_buf_put_u32(buf, policy->rerun);
    }
    if (bounded) {
        jit_buf_put_u64(buf, policy->graph.nodes);
        jit_buf_put_u64(buf, policy->graph.edges);
        jit_buf_put_u64(buf, policy->graph.bytes);
    }
}

enum jit_err kern_policy_decode(const uint8_t *bytes, size_t size, struct kern_policy *out)
{
    struct jit_cursor cur = jit_cursor_of(bytes, size);
    uint32_t version = jit_get_u32(&cur);
    uint32_t restart = jit_get_u32(&cur);
    out->restarts = jit_get_u32(&cur);
    out->ticks = jit_get_u32(&cur);
    uint32_t then_stop = jit_get_u32(&cur);
    uint32_t hang_kill = jit_get_u32(&cur);
    out->hang_seconds = jit_get_u32(&cur);
    const bool bounds = version == KERN_POLICY_GRAPH;
    const bool says = bounds || version == KERN_POLICY_RERUNS; /* whether it can be run again */
    out->keep = version == KERN_POLICY_KEEPS || says ? jit_get_u32(&cur) : 1;
    const uint32_t rerun = says ? jit_get_u32(&cur) : 0;
    out->rerun = rerun == 1;
    out->graph = kern_policy_usual().graph;
    if (bounds) {
        out->graph.nodes = jit_get_u64(&cur);
        out->graph.edges = jit_get_u64(&cur);
        out->graph.bytes = jit_get_u64(&cur);
    }
    bool known = version == KERN_POLICY_FIRST ||
                 (version == KERN_POLICY_KEEPS && out->keep > 1 && out->keep <= JIT_KEEP_MAX) ||
                 (says && rerun <= 1 && out->keep >= 1 && out->keep <= JIT_KEEP_MAX &&
                  (bounds ? rmg_amount_bounded(&out->graph) && out->graph.nodes > 0 : out->rerun));
    if (!jit_cursor_done(&cur) || !known || restart > KERN_RESTART_ALWAYS || then_stop > 1 ||
        hang_kill > 1 || out->restarts > JIT_RESTARTS_MAX || out->ticks > JIT_RESTART_TICKS_MAX ||
        out->hang_seconds > JIT_HANG_SECONDS_MAX) {
        return JIT_EFORMAT;
    }
    out->restart = (enum kern_restart)restart;
    out->then_stop = then_stop == 1;
    out->hang_kill = hang_kill == 1;
    bool never = out->restart == KERN_RESTART_NEVER;
    if ((out->restarts == 0) != never || (out->ticks == 0) != never || kern_policy_is_usual(out)) {
        return JIT_EFORMAT;
    }
    return JIT_OK;
}
