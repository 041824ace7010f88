/* What a run asked for: every request of its log, as needs of its processes. */
#include "tools/client/cap/audit_priv.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/core/record.h"
#include "tools/client/history/history.h"

static uint32_t first_member(const struct authority *a, const struct jit_id *process)
{
    const struct kern_config *config = a->config;
    for (uint32_t p = 0; p < config->process_count; p++) {
        if (jit_id_equal(&config->processes[p].id, process)) {
            return p - config->processes[p].index; /* members lie side by side */
        }
    }
    return SYS_CAP_NONE;
}

enum jit_err audit_note(struct audit *x, uint32_t process, const struct rmg_asked *request,
                        bool denied)
{
    size_t i = 0;
    while (i < x->count &&
           (x->needs[i].process != process || !jit_id_equal(&x->needs[i].rule, &request->rule_id) ||
            !jit_id_equal(&x->needs[i].instance, &request->instance) ||
            x->needs[i].params_size != request->params_size ||
            memcmp(x->needs[i].params, request->params, request->params_size) != 0)) {
        i++;
    }
    if (i == x->count) {
        void *data = x->needs;
        if (x->count == AUDIT_NEEDS_MAX) {
            return JIT_ELIMIT;
        }
        if (jit_heap_grow(jit_heap_libc(), &data, &x->capacity, x->count + 1, sizeof *x->needs) !=
            0) {
            return JIT_ENOMEM;
        }
        x->needs = data;
        uint8_t *params = malloc(request->params_size + 1u);
        if (params == NULL) {
            return JIT_ENOMEM;
        }
        memcpy(params, request->params, request->params_size);
        x->needs[x->count++] = (struct audit_need){.process = process,
                                                   .params_size = request->params_size,
                                                   .rule = request->rule_id,
                                                   .instance = request->instance,
                                                   .params = params};
    }
    x->needs[i].asked++;
    x->needs[i].denied += denied;
    return JIT_OK;
}

static enum jit_err read_tick(void *user, const struct log_record *record)
{
    struct audit *x = user;
    const struct kern_config *config = x->a->config;
    struct kern_record_view view;
    struct rmg_asked request;
    struct rmg_receipt receipt;
    enum jit_err err = kern_record_decode(record->payload, record->payload_size, &view);
    if (err == JIT_OK && view.flags == KERN_RECORD_GENESIS) {
        x->has_genesis = true;
        x->genesis = view.blob;
        x->genesis_size = view.blob_size;
    }
    x->last_tick = record->tick;
    memset(x->in_tick, 0, (config->process_count + 1u) * sizeof *x->in_tick);
    struct jit_cursor cur = jit_cursor_of(view.requests, view.requests_size);
    for (uint64_t i = 0; err == JIT_OK && i < view.request_count; i++) {
        err = rmg_asked_next(&cur, &request);
        if (err == JIT_OK) {
            err = kern_record_receipt(&view, i, &receipt);
        }
        uint32_t process = err == JIT_OK ? first_member(x->a, &request.process) : SYS_CAP_NONE;
        if (err != JIT_OK || process == SYS_CAP_NONE) {
            continue;
        }
        uint32_t member = process;
        while (!jit_id_equal(&config->processes[member].id, &request.process)) {
            member++;
        }
        x->in_tick[member]++;
        x->most[process] =
            x->in_tick[member] > x->most[process] ? x->in_tick[member] : x->most[process];
        x->requests++;
        x->denied += receipt.result == RMG_DENIED;
        x->over += receipt.result == RMG_OVER_QUOTA;
        err = audit_note(x, process, &request, receipt.result == RMG_DENIED);
    }
    return err;
}

void audit_forget(struct audit *x)
{
    for (size_t i = 0; i < x->count; i++) {
        free(x->needs[i].params);
    }
    x->count = 0;
    x->requests = 0;
    x->denied = 0;
    x->over = 0;
    memset(x->most, 0, (x->a->config->process_count + 1u) * sizeof *x->most);
}

int audit_read_run(struct cli *cli, const char *data, struct audit *x)
{
    struct log_report report;
    return history_each(cli, data, read_tick, x, &report);
}
