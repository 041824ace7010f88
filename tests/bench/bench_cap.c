/* Capabilities. cap_check (n = depth): one check of an invoke right that was derived n times, with
 * rule, instance and parameters, among 10,000 others; a sample is the mean of 1,000. cap_revoke (n
 * = capabilities derived, over eight generations): revoking the first of them until a check of one
 * far below it says no. */
#include <string.h>

#include "base/check.h"
#include "syscall/cap.h"
#include "tests/bench/bench.h"
#include "tests/lib/must.h"

#define RUNS   101
#define GROUP  1000u
#define BESIDE 10000u

static struct sys_caps *caps;
static struct jit_id instance, rule, digest;

static uint32_t grant(uint32_t slot)
{
    struct sys_cap_node node = {.cap = {.generation = 1,
                                        .rights = SYS_RIGHT_INVOKE,
                                        .instance = instance,
                                        .rule_id = rule,
                                        .params_digest = digest},
                                .slot = slot,
                                .parent = SYS_CAP_NONE};
    uint32_t at = 0;
    must(sys_caps_put(caps, &node, &at));
    return at;
}

static uint32_t derive(uint32_t parent, uint32_t holder)
{
    static uint32_t made;
    const struct sys_cap_want same = {.rights = 0};
    struct jit_id id = {{0}};
    uint32_t at = 0;
    enum sys_cap_excess excess;
    made++;
    memcpy(id.bytes, &made, sizeof made);
    must(sys_caps_derive(caps, parent, &same, &id, holder, SYS_CAP_NONE, &at, &excess));
    return at;
}

static void begin(void)
{
    memset(&instance, 1, sizeof instance);
    memset(&rule, 2, sizeof rule);
    memset(&digest, 3, sizeof digest);
    must(sys_caps_new(jit_heap_libc(), 8, &caps));
}

static void checks(const struct bench *bench, uint32_t depth)
{
    double samples[RUNS];
    const struct sys_cap_need need = {.right = SYS_RIGHT_INVOKE,
                                      .rule_id = &rule,
                                      .instance = &instance,
                                      .params_digest = &digest};
    begin();
    uint32_t at = grant(0);
    for (uint32_t i = 1; i < BESIDE; i++) {
        (void)grant(i);
        if (i % (BESIDE / 20) == 0 && sys_caps_node(caps, at)->depth < depth) {
            at = derive(at, 1);
        }
    }
    const struct sys_cap_node *node = sys_caps_node(caps, at);
    uint32_t holder = node->holder;
    uint32_t slot = node->slot;
    uint32_t generation = node->cap.generation;
    assert(node->depth == depth);
    uint64_t allowed = 0;
    for (size_t run = 0; run < RUNS; run++) {
        uint64_t begun = bench_now_ns();
        for (uint32_t i = 0; i < GROUP; i++) {
            allowed +=
                sys_caps_check(caps, holder, slot, generation, &need, NULL) == SYS_CAP_ALLOWED;
        }
        samples[run] = (double)(bench_now_ns() - begun) / GROUP;
    }
    assert(allowed == (uint64_t)RUNS * GROUP);
    bench_report(bench, "cap_check", depth, samples, RUNS);
    sys_caps_free(caps);
}

static void revokes(const struct bench *bench, uint32_t n)
{
    double samples[RUNS];
    const uint32_t rounds = n >= 100000 ? 5 : RUNS;
    for (uint32_t run = 0; run < rounds; run++) {
        begin();
        uint32_t root = grant(0);
        uint32_t last = root;
        for (uint32_t made = 0; made < n;) { /* an eighth of them below the last one so far */
            uint32_t parent = last;
            for (uint32_t i = 0; i < (n + 7) / 8 && made < n; i++, made++) {
                last = derive(parent, made % 8);
            }
        }
        assert(sys_caps_live(caps, last) == SYS_CAP_ALLOWED);
        uint64_t begun = bench_now_ns();
        sys_caps_revoke(caps, root, false);
        enum sys_cap_verdict verdict = sys_caps_live(caps, last);
        samples[run] = (double)(bench_now_ns() - begun);
        assert(verdict == SYS_CAP_REVOKED);
        sys_caps_free(caps);
    }
    bench_report(bench, "cap_revoke", n, samples, rounds);
}

void bench_cap(const struct bench *bench)
{
    static const uint32_t depths[] = {0, 4, 8, 16};
    static const uint32_t subtrees[] = {1, 1000, 100000};
    for (size_t i = 0; i < 4; i++) {
        if (bench_wants(bench, "cap_check", depths[i])) {
            checks(bench, depths[i]);
        }
    }
    for (size_t i = 0; i < 3; i++) {
        if (bench_wants(bench, "cap_revoke", subtrees[i])) {
            revokes(bench, subtrees[i]);
        }
    }
}
