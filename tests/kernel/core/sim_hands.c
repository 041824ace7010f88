#include "tests/kernel/core/sim_hands.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define HANDS_MAX 8u

static void wait_for(void *user, uint32_t *word, uint32_t value)
{
    (void)user;
    (void)word;
    (void)value;
    ck_abort_msg("the worker would sleep for ever");
}

static void wake(void *user, uint32_t *word)
{
    (void)user;
    (void)word;
}

void sim_hand_take_receipts(struct sim_hand *hand)
{
    while (hand->runs && hand->receipt_count < 64 &&
           sys_ring_guest_receipt(&hand->ring, &hand->receipts[hand->receipt_count])) {
        hand->receipt_count++;
    }
}

static void start(struct sim_hands *hands, uint32_t p)
{
    struct sim_hand *hand = &hands->hand[p];
    struct sys_boot_spec boot;
    free(hand->memory);
    hand->memory = aligned_alloc(4096, SYS_RING_BYTES);
    ck_assert_ptr_nonnull(hand->memory);
    memset(hand->memory, 0, SYS_RING_BYTES);
    ck_assert_int_eq(kern_core_boot(hands->sim->core, p, &boot), JIT_OK);
    for (uint32_t i = 0; i < 2 && i < boot.run_count; i++) {
        hand->uses[i] = boot.runs[i];
    }
    hand->mapped = boot.instance_count > 0 ? boot.instances[0].view_offset : 0;
    hand->runs = true;
    hand->begun = 0;
    hand->starts++;
    const struct sys_ring_memory ring = {.base = hand->memory, .size = SYS_RING_BYTES};
    sim_hands_step(hands, (struct kern_event){.kind = KERN_EVENT_SPAWNED,
                                              .process = p,
                                              .ring = ring,
                                              .graph = hand->graph,
                                              .graph_size = hand->graph_size,
                                              .graph_size_max = hand->graph_size});
    hand->ring = (struct sys_ring_guest){.memory = ring, .wait = wait_for, .wake = wake};
    ck_assert_int_eq(sys_ring_guest_open(&hand->ring), JIT_OK);
}

/* The report, and how its first denial is explained. */
static void keep_report(struct sim_kernel *sim, const struct kern_report *report)
{
    const struct sys_cap_names names = {"p", "r", "/world", 0, SYS_RIGHT_INVOKE};
    sim->last = *report;
    sim->denial[0] = '\0';
    if (report->denial_count > 0) {
        sys_cap_explain(report->denials[0].why, &names, sim->denial, sizeof sim->denial);
    }
}

void sim_hands_step(struct sim_hands *hands, struct kern_event event)
{
    struct kern_update update;
    uint32_t spawns[HANDS_MAX], kills[HANDS_MAX];
    size_t spawn_count = 0, kill_count = 0;
    kern_core_step(hands->sim->core, &event, &update);
    for (size_t i = 0; i < update.count; i++) {
        const struct kern_action *action = &update.actions[i];
        if (action->kind == KERN_DO_SPAWN) {
            ck_assert_uint_lt(spawn_count, HANDS_MAX);
            spawns[spawn_count++] = action->process;
        } else if (action->kind == KERN_DO_KILL) {
            ck_assert_uint_lt(kill_count, HANDS_MAX);
            kills[kill_count++] = action->process;
        } else if (action->kind == KERN_DO_LOG) {
            sim_kernel_keep(hands->sim, &action->record);
        } else if (action->kind == KERN_DO_TICK) {
            keep_report(hands->sim, &action->report);
        } else if (action->kind == KERN_DO_STOP) {
            snprintf(hands->stopped, sizeof hands->stopped, "%s", action->text);
        }
    }
    const bool again = update.again;
    for (size_t i = 0; i < kill_count; i++) {
        struct sim_hand *hand = &hands->hand[kills[i]];
        if (hand->runs) {
            sim_hand_take_receipts(hand);
            hand->runs = false;
            sim_hands_step(hands, (struct kern_event){.kind = KERN_EVENT_EXITED,
                                                      .process = kills[i],
                                                      .text = "killed"});
        }
    }
    for (size_t i = 0; i < spawn_count; i++) {
        start(hands, spawns[i]);
    }
    if (again) {
        sim_hands_step(hands, (struct kern_event){.kind = KERN_EVENT_CONTINUE});
    }
}

void sim_hands_bell(struct sim_hands *hands, uint32_t process)
{
    sim_hands_step(hands, (struct kern_event){.kind = KERN_EVENT_BELL, .process = process});
}

void sim_hand_done(struct sim_hand *hand)
{
    if (hand->runs) {
        hand->begun = sys_ring_guest_begin(&hand->ring, hand->begun);
        sys_ring_guest_done(&hand->ring, hand->begun);
    }
}

void sim_hands_end(struct sim_hands *hands)
{
    const char *what = NULL;
    enum jit_err err = sim_kernel_replay(hands->sim, &what);
    ck_assert_msg(err == JIT_OK, "replay: %s", what);
    for (uint32_t p = 0; p < hands->count; p++) {
        free(hands->hand[p].memory);
        hands->hand[p].memory = NULL;
    }
}
