#include "base/check.h"
#include "kernel/supervisor_priv.h"

/* Answers that wait until something is durable. */

/* What became of what somebody asked about capabilities. */
static void answer_cap(struct shell_supervisor *s, const struct supervisor_answer *answer)
{
    struct kern_outcome outcome;
    struct hub_writer w;
    if (!kern_core_outcome(s->core, answer->serial, &outcome)) {
        supervisor_fail(s, answer->conn, "busy",
                        "it was carried out, and what became of it is forgotten");
        return;
    }
    jit_buf_reset(&s->frame);
    hub_begin(&w, &s->frame, 7);
    hub_text(&w, "t", "cap");
    hub_uint(&w, "slot", outcome.slot);
    hub_uint(&w, "tick", outcome.tick);
    hub_uint(&w, "excess", (uint64_t)outcome.excess);
    hub_uint(&w, "result", (uint64_t)outcome.result);
    hub_uint(&w, "verdict", (uint64_t)outcome.verdict);
    hub_uint(&w, "generation", outcome.generation);
    hub_end(&w);
    supervisor_send(s, answer->conn);
}

static void answer_one(struct shell_supervisor *s, const struct supervisor_answer *answer)
{
    switch (answer->kind) {
    case SUPERVISOR_ANSWERS_STATUS:
        if (answer->serial != 0) {
            answer_cap(s, answer);
        } else {
            supervisor_answer_status(s, answer->conn, "status");
        }
        break;
    case SUPERVISOR_ANSWERS_INTENT:
    case SUPERVISOR_ANSWERS_KNOWN:
        supervisor_guest_intended(s, answer);
        break;
    case SUPERVISOR_ANSWERS_FRAME:
        jit_buf_reset(&s->frame);
        jit_buf_put(&s->frame, answer->frame, answer->frame_size);
        supervisor_send(s, answer->conn);
        break;
    }
}

void supervisor_answer_when(struct shell_supervisor *s, struct hub_conn *conn,
                            const struct supervisor_answer *answer)
{
    assert(s->answer_count < SUPERVISOR_COMMANDS_MAX);
    hub_owe(conn, true);
    s->answers[s->answer_count] = *answer;
    s->answers[s->answer_count++].conn = conn;
    supervisor_answer(s);
}

void supervisor_answer_later(struct shell_supervisor *s, struct hub_conn *asker,
                             const struct supervisor_answer *answer)
{
    assert(s->answer_count < SUPERVISOR_COMMANDS_MAX);
    /* After a stop the core takes no command: there is no tick that has it. */
    bool heard = s->core != NULL && !s->stopped;
    struct supervisor_answer *it = &s->answers[s->answer_count++];
    *it = *answer;
    it->conn = asker;
    it->tick = heard ? kern_core_recorded_by(s->core) : UINT64_MAX;
    supervisor_answer(s);
}

void supervisor_answer(struct shell_supervisor *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->answer_count; i++) {
        struct supervisor_answer answer = s->answers[i];
        bool durable = answer.tick < s->durable_end;
        /* The ticks made before a stop still become durable, unless it was the log that failed. */
        bool never = s->log_failed ||
                     (s->stopped && (s->core == NULL || answer.tick > kern_core_tick(s->core)));
        if (!durable && !never) {
            s->answers[kept++] = answer;
            continue;
        }
        if (durable) {
            answer_one(s, &answer);
        } else if (s->stopped && hub_is_guest(answer.conn)) {
            supervisor_fail(s, answer.conn, "stopped", "nothing is run here now");
        } else if (s->stopped) {
            supervisor_fail_stopped(s, answer.conn);
        } else {
            supervisor_fail(s, answer.conn, "io", "the log could not be written");
        }
        s->heap->free(s->heap, answer.frame);
        hub_owe(answer.conn, false);
    }
    s->answer_count = kept;
}
