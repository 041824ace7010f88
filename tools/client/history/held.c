#include "tools/client/history/held.h"

#include <stdio.h>
#include <stdlib.h>

#include "tools/client/history/moment.h"

/* Ticks after which capabilities may have been others than before, ascending. */
struct changes {
    uint64_t *ticks;
    size_t count;
    size_t capacity;
    uint64_t last; /* what comes later is not asked for */
};

static enum jit_err note_change(void *user, const struct log_record *record)
{
    struct changes *c = user;
    struct kern_record_view view;
    void *ticks = c->ticks;
    if (record->tick > c->last) {
        return JIT_ENOENT;
    }
    if (kern_record_decode(record->payload, record->payload_size, &view) != JIT_OK) {
        return JIT_ECORRUPT;
    }
    if (view.ask_count == 0 && view.event_count == 0 && (view.flags & KERN_RECORD_EDIT) == 0) {
        return JIT_OK;
    }
    if (jit_heap_grow(jit_heap_libc(), &ticks, &c->capacity, c->count + 1, sizeof *c->ticks) != 0) {
        return JIT_ENOMEM;
    }
    c->ticks = ticks;
    c->ticks[c->count++] = record->tick;
    return JIT_OK;
}

/* The first change after a tick, or at it; UINT64_MAX: none up to the last tick. */
static uint64_t change_from(const struct changes *c, uint64_t tick)
{
    for (size_t i = 0; i < c->count; i++) {
        if (c->ticks[i] >= tick) {
            return c->ticks[i];
        }
    }
    return UINT64_MAX;
}

static void look(const struct kern_config *config, const struct cause *cause, struct held *out)
{
    out->state = HELD_NONE;
    for (uint32_t p = 0; p < config->process_count; p++) {
        const struct kern_process_config *process = &config->processes[p];
        for (uint32_t i = 0; i < process->capability_count; i++) {
            const struct kern_root_capability *held = &process->capabilities[i];
            if (held->slot == cause->cap_slot && jit_id_equal(&process->id, &cause->process)) {
                *out = (struct held){
                    .state = HELD_THERE, .rights = held->rights, .instance = held->instance};
                return;
            }
        }
    }
}

/* Requests are judged with what is held after the changes of their tick; who ended in it held it
 * before. So the state to look at is the one before the next change, then the one before this. */
struct reading {
    const struct causes *causes;
    const struct changes *changes;
    const struct kern_config *now;
    struct held *held;
    unsigned states;
    bool before;
};

static uint64_t wanted_of(const struct reading *r, size_t at)
{
    const struct cause *cause = &r->causes->causes[at];
    if (cause->kind != CAUSE_REQUEST || !cause->known || r->held[at].state == HELD_THERE) {
        return 0;
    }
    if (!r->before) {
        return change_from(r->changes, cause->tick + 1);
    }
    return r->held[at].state == HELD_NONE && change_from(r->changes, cause->tick) == cause->tick
               ? cause->tick
               : 0;
}

static int read_state(struct reading *r, uint64_t change)
{
    struct moment moment;
    struct kern_config *config = NULL;
    const char *where = NULL;
    char revision[32];
    snprintf(revision, sizeof revision, "@%llu", (unsigned long long)(change - 1));
    int code = moment_open(r->causes->cli, r->causes->data, revision, &moment);
    if (code == CLI_OK) {
        enum jit_err err = kern_config_read(jit_heap_libc(), moment.graph.store,
                                            &moment.graph.version, &config, &where);
        if (err != JIT_OK) {
            cli_what(r->causes->cli, "the system of %s cannot be read at tick %llu",
                     r->causes->data, (unsigned long long)(change - 1));
            cli_why(r->causes->cli, "%s", where != NULL ? where : jit_err_text(err));
            code = (int)cli_exit_of(err);
        }
    }
    for (size_t i = 0; code == CLI_OK && i < r->causes->count; i++) {
        if (wanted_of(r, i) == change) {
            look(config, &r->causes->causes[i], &r->held[i]);
        }
    }
    kern_config_free(jit_heap_libc(), config);
    moment_close(&moment);
    return code;
}

/* Each state once, for all that want it. */
static int read_all(struct reading *r)
{
    const struct causes *c = r->causes;
    uint64_t done = 0;
    int code = CLI_OK;
    while (code == CLI_OK) {
        uint64_t next = UINT64_MAX;
        for (size_t i = 0; i < c->count; i++) {
            uint64_t wanted = wanted_of(r, i);
            if (wanted == UINT64_MAX) {
                look(r->now, &c->causes[i], &r->held[i]);
            } else if (wanted > done && wanted < next) {
                next = wanted;
            }
        }
        if (next == UINT64_MAX || r->states++ == HELD_STATES_MAX) {
            return code;
        }
        code = read_state(r, next);
        done = next;
    }
    return code;
}

int held_read(const struct causes *causes, const struct kern_config *now, uint64_t tick,
              struct held **out)
{
    struct changes changes = {.last = tick};
    struct log_report report;
    struct reading r = {.causes = causes, .changes = &changes, .now = now};
    r.held = calloc(causes->count + 1, sizeof *r.held);
    *out = r.held;
    if (r.held == NULL) {
        return cli_no_memory(causes->cli);
    }
    int code = history_each(causes->cli, causes->data, note_change, &changes, &report);
    if (code == CLI_OK) {
        code = read_all(&r);
    }
    if (code == CLI_OK) {
        r.before = true;
        code = read_all(&r);
    }
    jit_heap_libc()->free(jit_heap_libc(), changes.ticks);
    return code;
}
