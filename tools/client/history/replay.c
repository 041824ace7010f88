/* jitos replay - a history made again, three ways: from its patches, from its rules, by its
 * workers. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "kernel/core/rerun.h"
#include "kernel/event/pool.h"
#include "tools/client/history/checkpoints.h"
#include "tools/client/history/history.h"
#include "tools/client/jitos.h"
#include "tools/client/run/runner.h"
#include "tools/client/temporary.h"

/* Of the folders that workers run in again: small, for they are gone soon. */
#define REPLAY_SEGMENT_BYTES ((uint64_t)4 << 20)

static const char *const ways[] = {"patches", "rules", "workers", NULL};

const struct cli_option jitos_replay_options[] = {
    JITOS_DATA,
    CLI_OPTION(CLI_CHOICE, "by", 'b', "WAY",
               "patches (what each tick changed is applied), rules (each request is judged and "
               "carried out again), workers (the processes run again)",
               .fallback = "patches", .choices = ways),
    CLI_OPTION(CLI_NUMBER, "jobs", 'j', "N",
               "engine threads for rules and workers; never changes a hash", .fallback = "1",
               .min = 1, .max = SHELL_POOL_THREADS_MAX),
    CLI_OPTION(CLI_FLAG, "verify", 0, NULL, "as without it: from nothing, every root compared"),
    {.name = NULL},
};

static int tell(struct cli *cli, const struct history_end *end, uint64_t taken)
{
    char number[CLI_NUMBER_SIZE];
    const char *by = cli_text(cli, "by");
    json_t *event = history_tell(cli, "jitos.replay/1", "same  ", end);
    if (taken > 0) {
        cli_print(cli, "taken  %s ticks from the log: no worker made them\n",
                  cli_group(taken, number));
    }
    cli_put_text(event, "by", by);
    cli_put_number(event, "taken", taken);
    return cli_emit(cli, event);
}

static int diverged(struct cli *cli, uint64_t tick, const char *why)
{
    cli_what(cli, "replay of %s by %s diverged in tick %llu", cli_text(cli, "data"),
             cli_text(cli, "by"), (unsigned long long)tick);
    cli_why(cli, "%s", why);
    cli_next(cli, "jitos show @%llu --data %s", (unsigned long long)tick, cli_text(cli, "data"));
    return CLI_DIVERGED;
}

/* ---- by patches ---- */

static int by_patches(struct cli *cli)
{
    struct shell_system system;
    struct history_opening opening = {
        .label = "replay", .data = cli_text(cli, "data"), .from = SHELL_FROM_START};
    int code = history_open(cli, &opening, &system);
    if (code == CLI_OK) {
        struct history_end end = history_end_of(&system);
        history_say_torn(cli, &system.report);
        code = tell(cli, &end, 0);
        shell_system_close(&system);
    }
    return code;
}

/* The state that the history begins with. */
static int open_start(struct cli *cli, struct shell_system *system)
{
    struct ckpt_manifest *start = calloc(1, sizeof *start);
    struct history_opening opening = {.label = "replay",
                                      .data = cli_text(cli, "data"),
                                      .from = SHELL_FROM_START,
                                      .bounded = true};
    bool found = false;
    if (start == NULL) {
        return cli_no_memory(cli);
    }
    int code = history_start(cli, opening.data, start, &found);
    opening.tick = found ? start->tick : 0;
    free(start);
    return code == CLI_OK ? history_open(cli, &opening, system) : code;
}

/* ---- by rules ---- */

struct rerunning {
    struct kern_rerun *rerun;
    struct cli_progress progress;
    struct history_end end;
    struct kern_deviations deviations;
    uint64_t start;
};

static enum jit_err count_record(struct rerunning *r, const struct log_record *record)
{
    struct kern_record_view view;
    struct rmg_receipt receipt;
    struct kern_record_event event;
    enum jit_err err = kern_record_decode(record->payload, record->payload_size, &view);
    for (uint64_t i = 0; err == JIT_OK && i < view.request_count; i++) {
        err = kern_record_receipt(&view, i, &receipt);
        r->end.applied += err == JIT_OK && receipt.result == RMG_APPLIED;
        r->end.denied += err == JIT_OK && receipt.result == RMG_DENIED;
    }
    for (uint64_t i = 0; err == JIT_OK && i < view.event_count; i++) {
        err = kern_record_event_at(&view, i, &event);
        if (err == JIT_OK) {
            kern_deviations_note(&r->deviations, record->tick, &event);
        }
    }
    return err;
}

static enum jit_err rerun_record(void *user, const struct log_record *record)
{
    struct rerunning *r = user;
    if (record->tick <= r->start) {
        return JIT_OK;
    }
    enum jit_err err = kern_rerun_tick(r->rerun, record->tick, &record->commit, &record->state_root,
                                       record->payload, record->payload_size);
    cli_progress_update(&r->progress, record->tick, NULL);
    r->end.ticks = record->tick;
    return err == JIT_OK ? count_record(r, record) : err;
}

static int rerun_failed(struct cli *cli, const struct rerunning *r, enum jit_err err)
{
    if (err == JIT_EDIVERGED) {
        return diverged(cli, r->end.ticks, kern_rerun_what(r->rerun));
    }
    cli_what(cli, "replay of %s by rules failed in tick %llu", cli_text(cli, "data"),
             (unsigned long long)r->end.ticks);
    cli_why(cli, "%s", kern_rerun_what(r->rerun));
    return err == JIT_EFORMAT || err == JIT_EVERSION ? CLI_CORRUPT : (int)cli_exit_of(err);
}

static int rerun_all(struct cli *cli, struct shell_system *system, struct rerunning *r)
{
    struct log_report report;
    enum jit_err failed = JIT_OK;
    cli_progress_begin(&r->progress, cli, "replay", "ticks", r->start, 0);
    int code = history_each_failing(cli, cli_text(cli, "data"), rerun_record, r, &report, &failed);
    cli_progress_end(&r->progress);
    if (failed != JIT_OK) {
        return rerun_failed(cli, r, failed);
    }
    if (code != CLI_OK) {
        return code;
    }
    r->end.root = kern_rerun_version(r->rerun).state_root;
    r->end.head = kern_rerun_commit(r->rerun);
    r->end.deterministic = r->deviations.count == 0;
    r->end.torn = report.torn;
    struct rmg_fault fault;
    struct rmg_version version = kern_rerun_version(r->rerun);
    if (rmg_store_verify(system->store, &version, &fault) != JIT_OK) {
        return diverged(cli, r->end.ticks, "the state that was made does not verify");
    }
    history_say_torn(cli, &report);
    return tell(cli, &r->end, 0);
}

static int by_rules(struct cli *cli)
{
    struct shell_system system;
    struct shell_pool *pool = NULL;
    const char *where = NULL;
    int code = open_start(cli, &system);
    if (code != CLI_OK) {
        return code;
    }
    struct rerunning r = {.start = system.replay.tick,
                          .deviations = system.replay.deviations,
                          .end = history_end_of(&system)};
    enum jit_err err = shell_pool_new(jit_heap_libc(), (unsigned)cli_number(cli, "jobs"), &pool);
    if (err == JIT_OK) {
        const struct kern_core_options options = {.heap = jit_heap_libc(),
                                                  .exec = shell_pool_exec(pool),
                                                  .store = system.store,
                                                  .view = &system.view_arena,
                                                  .version = system.replay.version,
                                                  .commit = system.replay.commit,
                                                  .tick = system.replay.tick};
        err = kern_rerun_new(&options, &r.rerun, &where);
    }
    if (err == JIT_OK) {
        code = rerun_all(cli, &system, &r);
    } else {
        cli_what(cli, "replay of %s by rules cannot begin", cli_text(cli, "data"));
        cli_why(cli, "%s", where != NULL ? where : jit_err_text(err));
        code = err == JIT_EINVALID ? CLI_CORRUPT : (int)cli_exit_of(err);
    }
    kern_rerun_free(r.rerun);
    shell_pool_free(pool);
    shell_system_close(&system);
    return code;
}

/* ---- by workers ---- */

struct past { /* a tick as the log has it */
    struct jit_id commit;
    struct jit_id owns; /* of the graphs that processes keep, as they were told */
    bool by_hand;       /* no worker can make it: an edit, what an operator or a
                         * bearer asked for, or the machine's doing */
};
struct passing {
    struct cli *cli;
    struct past *ticks; /* from start + 1 on */
    size_t count, capacity;
    uint64_t start;
    struct kern_deviations deviations;
    uint64_t differs; /* while comparing: the first tick; 0: none */
};

/* Whose graph has changed, and what it is now. */
static enum jit_err digest_owns(const struct log_record *record, struct jit_id *out)
{
    struct kern_record_view view;
    struct kern_record_own own;
    struct jit_hasher hasher;
    enum jit_err err = kern_record_decode(record->payload, record->payload_size, &view);
    jit_hasher_init(&hasher);
    struct jit_cursor cur = jit_cursor_of(view.owns, view.owns_size);
    while (err == JIT_OK && view.own_count > 0 && kern_record_next_own(&cur, &own) == JIT_OK) {
        jit_hasher_update(&hasher, own.process.bytes, JIT_ID_BYTES);
        jit_hasher_update(&hasher, own.root.bytes, JIT_ID_BYTES);
    }
    jit_hasher_final(&hasher, out);
    return err;
}

static enum jit_err is_by_hand(const struct log_record *record, bool *by_hand)
{
    struct kern_record_view view;
    struct kern_record_event event;
    struct kern_record_ask ask;
    enum jit_err err = kern_record_decode(record->payload, record->payload_size, &view);
    *by_hand = err == JIT_OK && (view.flags == KERN_RECORD_EDIT || view.intent_count > 0);
    for (uint64_t i = 0; err == JIT_OK && i < view.event_count; i++) {
        err = kern_record_event_at(&view, i, &event);
        *by_hand = *by_hand || event.kind != KERN_HAPPENED_EXIT;
    }
    struct jit_cursor cur = jit_cursor_of(view.asks, view.asks_size);
    while (err == JIT_OK && view.ask_count > 0 && kern_record_next_ask(&cur, &ask) == JIT_OK) {
        *by_hand = *by_hand || jit_id_is_zero(&ask.process);
    }
    return err;
}

static enum jit_err note_past(void *user, const struct log_record *record)
{
    struct passing *p = user;
    void *data = p->ticks;
    if (record->tick <= p->start) {
        return JIT_OK;
    }
    if (jit_heap_grow(jit_heap_libc(), &data, &p->capacity, p->count + 1, sizeof *p->ticks) != 0) {
        return JIT_ENOMEM;
    }
    p->ticks = data;
    p->ticks[p->count] = (struct past){.commit = record->commit};
    enum jit_err err = digest_owns(record, &p->ticks[p->count].owns);
    return err == JIT_OK ? is_by_hand(record, &p->ticks[p->count++].by_hand) : err;
}

static enum jit_err compare_tick(void *user, const struct log_record *record)
{
    struct passing *p = user;
    uint64_t n = record->tick - p->start - 1;
    struct jit_id owns;
    if (record->tick <= p->start || n >= p->count) {
        return JIT_OK;
    }
    enum jit_err err = digest_owns(record, &owns);
    if (err != JIT_OK) {
        return err;
    }
    if (!jit_id_equal(&record->commit, &p->ticks[n].commit) ||
        !jit_id_equal(&owns, &p->ticks[n].owns)) {
        p->differs = record->tick;
        return JIT_ENOENT;
    }
    return JIT_OK;
}

/* A folder that begins at a tick of the history. */
static int found_at(struct cli *cli, uint64_t tick, const char *path)
{
    struct shell_system system;
    struct ckpt_manifest *manifest = calloc(1, sizeof *manifest);
    struct history_opening opening = {
        .label = "replay", .data = cli_text(cli, "data"), .bounded = true, .tick = tick};
    if (manifest == NULL) {
        return cli_no_memory(cli);
    }
    int code = history_open(cli, &opening, &system);
    if (code == CLI_OK) {
        const struct checkpoint_founding what = {
            .state = {.store = system.store, .version = system.replay.version},
            .beside = &system.replay.beside,
            .manifest = manifest,
            .segment_bytes = REPLAY_SEGMENT_BYTES};
        checkpoint_of_system(&system, manifest);
        code = checkpoint_found(cli, path, &what);
        shell_system_close(&system);
    }
    free(manifest);
    return code;
}

/* From tick `from`, which is there, to tick `to`, by workers of a folder of their own. */
static int run_span(struct passing *p, const char *path, uint64_t from, uint64_t to)
{
    struct log_report report;
    struct runner runner = {.cli = p->cli,
                            .data = path,
                            .jobs = (unsigned)cli_number(p->cli, "jobs"),
                            .durability = "none",
                            .die_at_log_offset = UINT64_MAX,
                            .ticks = to,
                            .label = "replay",
                            .quiet_ticks = true,
                            .temporary = true};
    int code = found_at(p->cli, from, path);
    if (code == CLI_OK) {
        code = runner_go(&runner, NULL);
    }
    if (code == CLI_OK) {
        code = history_each(p->cli, path, compare_tick, p, &report);
    }
    if (code == CLI_OK && p->differs == 0 && runner.end.tick < to) {
        p->differs = runner.end.tick + 1;
    }
    return code != CLI_OK || p->differs == 0
               ? code
               : diverged(p->cli, p->differs,
                          "its workers did something else this time: a program that remembers or "
                          "draws by itself, or a log that was written by hand");
}

static int run_spans(struct passing *p, const char *folder, uint64_t *taken)
{
    int code = CLI_OK;
    uint64_t end = p->start + p->count;
    uint64_t from = p->start;
    unsigned spans = 0;
    while (code == CLI_OK && from < end) {
        char path[300];
        uint64_t to = from;
        while (to < end && !p->ticks[to - p->start].by_hand) {
            to++;
        }
        if (to > from) {
            snprintf(path, sizeof path, "%.250s/%u", folder, spans++);
            code = run_span(p, path, from, to);
        }
        if (to < end) {
            ++*taken;
            to++;
        }
        from = to;
    }
    return code;
}

static int by_workers(struct cli *cli)
{
    struct temporary folder;
    struct shell_system system;
    struct log_report report;
    struct passing p = {.cli = cli};
    uint64_t taken = 0;
    if (!temporary_make(&folder, cli->env->get("TMPDIR"), "jitos-replay")) {
        cli_what(cli, "no temporary folder %s", folder.path);
        cli_why(cli, "%s", strerror(errno));
        cli_next(cli, "TMPDIR=DIR jitos replay --by workers --data %s", cli_text(cli, "data"));
        return CLI_HOST;
    }
    /* What the log says is verified first, so that a difference is the workers'. */
    struct history_opening opening = {
        .label = "verify", .data = cli_text(cli, "data"), .from = SHELL_FROM_START};
    struct history_end end = {.ticks = 0};
    int code = open_start(cli, &system);
    if (code == CLI_OK) {
        p.start = system.replay.tick;
        shell_system_close(&system);
        code = history_open(cli, &opening, &system);
    }
    if (code == CLI_OK) {
        end = history_end_of(&system);
        history_say_torn(cli, &system.report);
        shell_system_close(&system);
        code = history_each(cli, opening.data, note_past, &p, &report);
    }
    if (code == CLI_OK) {
        code = run_spans(&p, folder.path, &taken);
    }
    temporary_remove(&folder);
    free(p.ticks);
    return code == CLI_OK ? tell(cli, &end, taken) : code;
}

int jitos_replay(struct cli *cli)
{
    const char *by = cli_text(cli, "by");
    return strcmp(by, "rules") == 0     ? by_rules(cli)
           : strcmp(by, "workers") == 0 ? by_workers(cli)
                                        : by_patches(cli);
}
