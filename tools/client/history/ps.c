#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/client/history/history.h"
#include "tools/client/jitos.h"
#include "tools/client/mute.h"
#include "tools/client/session.h"

/* What a process has in the graph that it keeps for itself, and may have at most. */
static const char *const quotas[][2] = {
    {"nodes", "nodes_max"}, {"edges", "edges_max"}, {"bytes", "bytes_max"}};
#define QUOTAS (sizeof quotas / sizeof quotas[0])
struct keeps {
    uint64_t has[QUOTAS];
    uint64_t most[QUOTAS]; /* 2^64-1: there is no quota */
};

static void print_keeps(struct cli *cli, const struct keeps *keeps, json_t *event)
{
    bool bounded = false;
    for (size_t i = 0; i < QUOTAS; i++) {
        cli_put_number(event, quotas[i][0], keeps->has[i]);
        if (keeps->most[i] != UINT64_MAX) {
            cli_put_number(event, quotas[i][1], keeps->most[i]);
            cli_print(cli, "%s%llu of %llu %s", bounded ? ", " : "  its graph has ",
                      (unsigned long long)keeps->has[i], (unsigned long long)keeps->most[i],
                      quotas[i][0]);
            bounded = true;
        }
    }
    cli_print(cli, "%s", bounded ? "\n" : "");
}

static void print_process(struct cli *cli, const char *name, uint64_t index, const char *state,
                          uint64_t pid, const uint64_t numbers[5], const char *last,
                          const struct keeps *keeps)
{
    char full[300];
    snprintf(full, sizeof full, "%s[%llu]", name, (unsigned long long)index);
    cli_print(cli, "%-20s %-9s %8llu %10llu %10llu %8llu %8llu  %s\n", full, state,
              (unsigned long long)pid, (unsigned long long)numbers[0],
              (unsigned long long)numbers[1], (unsigned long long)numbers[2],
              (unsigned long long)numbers[3], last);
    json_t *event = cli_event("process", "jitos.ps/1");
    cli_put_text(event, "name", name);
    cli_put_number(event, "index", index);
    cli_put_text(event, "state", state);
    cli_put_number(event, "pid", pid);
    cli_put_number(event, "requests", numbers[0]);
    cli_put_number(event, "applied", numbers[1]);
    cli_put_number(event, "denied", numbers[2]);
    cli_put_number(event, "restarts", numbers[3]);
    cli_put_number(event, "graph", numbers[4]);
    print_keeps(cli, keeps, event);
    cli_put_text(event, "last", last);
    cli_emit(cli, event);
}

static void print_head(struct cli *cli)
{
    cli_print(cli, "%-20s %-9s %8s %10s %10s %8s %8s  %s\n", "PROCESS", "STATE", "PID", "REQUESTS",
              "APPLIED", "DENIED", "RESTARTS", "LAST DEATH");
}

static int ps_failed(struct cli *cli, enum jit_err err, const char *why)
{
    cli_what(cli, "the supervisor of %s did not list its processes", cli_text(cli, "data"));
    cli_why(cli, "%s", why);
    cli_next(cli, "jitos ps --data %s", cli_text(cli, "data"));
    return err == JIT_ENOMEM ? CLI_HOST : CLI_UNREACHABLE;
}

static int ps_live(struct cli *cli, struct hub_client *client)
{
    struct hub_writer w;
    cbor_item_t *message = NULL;
    hub_client_begin(client, &w, "ps", 1);
    enum jit_err err = hub_client_send(client, &w);
    if (err == JIT_OK) {
        err = hub_client_next(client, 10000, &message);
    }
    const cbor_item_t *list = err == JIT_OK ? hub_field(message, "processes") : NULL;
    if (list == NULL || !cbor_isa_array(list)) {
        const char *why = err == JIT_OK       ? "it answered in a way we do not understand"
                          : err == JIT_EAGAIN ? "it is there but does not answer"
                                              : client->error;
        if (message != NULL) {
            cbor_decref(&message);
        }
        return ps_failed(cli, err, why);
    }
    print_head(cli);
    cbor_item_t **items = cbor_array_handle(list);
    for (size_t i = 0; i < cbor_array_size(list); i++) {
        char name[256];
        char state[16];
        char last[160];
        uint64_t index = 0;
        uint64_t pid = 0;
        uint64_t numbers[5] = {0};
        struct keeps keeps;
        for (size_t k = 0; k < QUOTAS; k++) {
            keeps.has[k] = 0;
            keeps.most[k] = UINT64_MAX;
            hub_get_uint(items[i], quotas[k][0], &keeps.has[k]);
            hub_get_uint(items[i], quotas[k][1], &keeps.most[k]);
        }
        hub_get_text(items[i], "name", name, sizeof name);
        hub_get_text(items[i], "state", state, sizeof state);
        hub_get_text(items[i], "last", last, sizeof last);
        if (hub_get_uint(items[i], "index", &index) && hub_get_uint(items[i], "pid", &pid) &&
            hub_get_uint(items[i], "requests", &numbers[0]) &&
            hub_get_uint(items[i], "applied", &numbers[1]) &&
            hub_get_uint(items[i], "denied", &numbers[2]) &&
            hub_get_uint(items[i], "restarts", &numbers[3]) &&
            hub_get_uint(items[i], "graph", &numbers[4])) {
            print_process(cli, name, index, state, pid, numbers, last, &keeps);
        }
    }
    char grade[160];
    hub_get_text(message, "grade", grade, sizeof grade);
    cli_print(cli, "sandbox: %s\n", grade);
    cbor_decref(&message);
    return CLI_OK;
}

/* Requests by process, as far as the log goes back. */
struct tally {
    const struct kern_config *config;
    uint64_t (*numbers)[5];
};

static enum jit_err tally_record(void *user, const struct log_record *record)
{
    const struct tally *t = user;
    struct kern_record_view view;
    if (kern_record_decode(record->payload, record->payload_size, &view) != JIT_OK) {
        return JIT_ECORRUPT;
    }
    struct jit_cursor cur = jit_cursor_of(view.requests, view.requests_size);
    for (uint64_t i = 0; i < view.request_count; i++) {
        struct rmg_asked request;
        struct rmg_receipt receipt;
        if (rmg_asked_next(&cur, &request) != JIT_OK ||
            kern_record_receipt(&view, i, &receipt) != JIT_OK) {
            return JIT_ECORRUPT;
        }
        for (uint32_t k = 0; k < t->config->process_count; k++) {
            if (jit_id_equal(&request.process, &t->config->processes[k].id)) {
                t->numbers[k][0]++;
                t->numbers[k][1] += receipt.result == RMG_APPLIED;
                t->numbers[k][2] += receipt.result == RMG_DENIED;
                break;
            }
        }
    }
    return JIT_OK;
}

static struct keeps keeps_at_rest(const struct kern_beside *beside,
                                  const struct kern_process_config *process)
{
    const struct kern_own *own = kern_own_find(beside, &process->id);
    const struct rmg_amount *most = &process->policy.graph;
    struct keeps keeps = {.most = {most->nodes, most->edges, most->bytes}};
    if (own != NULL) {
        keeps.has[0] = own->use.nodes;
        keeps.has[1] = own->use.edges;
        keeps.has[2] = own->use.bytes;
    }
    return keeps;
}

static int list_at_rest(struct cli *cli, const struct kern_config *config,
                        const struct kern_beside *beside)
{
    struct log_report report;
    struct tally tally = {.config = config,
                          .numbers = calloc(config->process_count + 1u, sizeof *tally.numbers)};
    if (tally.numbers == NULL) {
        return cli_no_memory(cli);
    }
    int code = history_each(cli, cli_text(cli, "data"), tally_record, &tally, &report);
    if (code == CLI_OK) {
        print_head(cli);
    }
    for (uint32_t i = 0; code == CLI_OK && i < config->process_count; i++) {
        const struct kern_process_config *process = &config->processes[i];
        const struct keeps keeps = keeps_at_rest(beside, process);
        print_process(cli, process->name, process->index, process->exited ? "ended" : "at rest", 0,
                      tally.numbers[i], "", &keeps);
    }
    free(tally.numbers);
    return code;
}

/* Nobody runs: what the root graph and the log say. */
static int ps_at_rest(struct cli *cli)
{
    struct shell_system system;
    struct kern_config *config = NULL;
    const char *where = NULL;
    struct history_opening opening = {.label = "ps", .data = cli_text(cli, "data")};
    int code = history_open(cli, &opening, &system);
    if (code != CLI_OK) {
        return code;
    }
    enum jit_err err =
        kern_config_read(jit_heap_libc(), system.store, &system.replay.version, &config, &where);
    if (err == JIT_OK) {
        code = list_at_rest(cli, config, &system.replay.beside);
        if (code == CLI_OK) {
            cli_print(cli, "no supervisor holds %s\n", cli_word(cli, cli_text(cli, "data")));
        }
    } else {
        cli_what(cli, "the root graph cannot be read");
        cli_why(cli, "%s", where != NULL ? where : jit_err_text(err));
        code = CLI_CORRUPT;
    }
    kern_config_free(jit_heap_libc(), config);
    shell_system_close(&system);
    return code;
}

int jitos_ps(struct cli *cli)
{
    struct hub_client client;
    struct mute mute;
    mute_init(&mute, cli, cli_text(cli, "data"));
    enum jit_err err =
        hub_client_open(&client, jit_heap_libc(), cli_text(cli, "data"), &mute.watch);
    if (err == JIT_ENOENT) {
        return ps_at_rest(cli); /* nobody listens */
    }
    if (err != JIT_OK) {
        return ps_failed(cli, err, client.error);
    }
    int code = ps_live(cli, &client);
    hub_client_close(&client);
    return code;
}
