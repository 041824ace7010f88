/* jitos export - a data folder's state, or its whole history, in a format of others. */
#include <string.h>

#include "tools/client/jitos.h"
#include "tools/rmgtool/rmg.h"
#include "kernel/system.h"

/* What is kept while the log is replayed: versions by pins, differences in the history. */
struct export
{
    struct cli_progress progress;
    struct export_history *history; /* or NULL: one state */
    struct format_graph graph;      /* the store and the version that is wanted */
    bool pinned;
    uint64_t since;
    uint64_t until;
    enum jit_err err;
};

/* The version that was last compared stays pinned until the next one has been. */
static void replayed(void *user, const struct log_record *record, const struct kern_replay *replay)
{
    struct export *e = user;
    struct rmg_version before = e->graph.version;
    cli_progress_update(&e->progress, record->tick, NULL);
    bool wanted = e->history != NULL ? record->tick >= e->since : record->tick == e->until;
    if (e->err != JIT_OK || record->tick > e->until ||
        (!wanted && (e->history != NULL || e->until != UINT64_MAX))) {
        return;
    }
    e->graph.store = replay->store;
    e->graph.version = replay->version;
    e->err = rmg_store_pin(replay->store, &replay->version);
    if (e->err == JIT_OK && e->history != NULL) {
        e->err = export_history_step(e->history, &e->graph, record->tick);
    }
    if (e->pinned) {
        rmg_store_unpin(replay->store, &before);
    }
    e->pinned = e->err == JIT_OK;
}

static int read_folder(struct cli *cli, struct shell_system *system, struct export *e)
{
    const char *data = cli_text(cli, "data");
    struct shell_system_options options = {.path = data,
                                           .mode = SHELL_FOLDER_READ,
                                           .die_at_log_offset = UINT64_MAX,
                                           .from = SHELL_FROM_START,
                                           .replayed = replayed,
                                           .user = e};
    cli_progress_begin(&e->progress, cli, "export", "ticks", 0, 0);
    enum jit_err err = shell_system_open(system, jit_heap_libc(), &options);
    cli_progress_end(&e->progress);
    if (err != JIT_OK) {
        cli_what(cli, "the history of %s cannot be read", data);
        cli_why(cli, "%s", system->message);
        cli_next(cli, "jitos verify --data %s", data);
        return err == JIT_EDIVERGED ? CLI_DIVERGED : (int)cli_exit_of(err);
    }
    if (e->err != JIT_OK || !e->pinned) {
        cli_what(cli, "cannot export %s", data);
        cli_why(cli, "%s", e->err != JIT_OK ? jit_err_text(e->err) : "it has no such tick");
        cli_next(cli, "jitos log --data %s -n 1", data);
        shell_system_close(system);
        return e->err != JIT_OK ? (int)cli_exit_of(e->err) : CLI_NOT_FOUND;
    }
    return CLI_OK;
}

int jitos_export(struct cli *cli)
{
    const struct format *format = format_by_name(cli_text(cli, "to"));
    struct shell_system system;
    struct export e = {.since = cli_number(cli, "since"),
                       .until = cli_given(cli, "until") ? cli_number(cli, "until") : UINT64_MAX,
                       .graph = {.heap = jit_heap_libc()}};
    struct jit_id instance;
    struct export_job job = {.instance = rmg_export_instance(cli, &instance)};
    enum jit_err err =
        format->history ? export_history_new(jit_heap_libc(), job.instance, &e.history) : JIT_OK;
    int code = err == JIT_OK ? read_folder(cli, &system, &e) : (int)cli_exit_of(err);
    if (code == CLI_OK) {
        job.graph = &e.graph;
        job.history = e.history;
        code = rmg_export_write(cli, format, &job);
        rmg_store_unpin(system.store, &e.graph.version);
        shell_system_close(&system);
    }
    export_history_free(e.history);
    return code;
}
