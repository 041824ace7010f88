#include "tools/client/run/runner.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "tools/client/mute.h"

/* ---- the genesis ---- */

static enum jit_err hash_piece(void *hasher, const uint8_t *bytes, size_t size)
{
    jit_hasher_update(hasher, bytes, size);
    return JIT_OK;
}

static int genesis_failed(struct cli *cli, enum jit_err err, const struct jit_id *at)
{
    char hex[JIT_ID_HEX];
    jit_id_to_hex(at, hex);
    cli_what(cli, "the system could not be put together");
    if (err == JIT_EEXIST) {
        cli_why(cli, "two things have the id %s", hex);
        cli_next(cli, "look for what is declared or imported twice");
        return CLI_USAGE;
    }
    cli_why(cli, "%s", jit_err_text(err));
    return (int)cli_exit_of(err);
}

int runner_genesis_id(struct cli *cli, struct rmg_collect *collect, struct jit_id *out)
{
    struct jit_hasher hasher;
    struct jit_id at = {{0}};
    jit_hasher_init(&hasher);
    enum jit_err err = rmg_collect_patch(collect, hash_piece, &hasher, &at);
    jit_hasher_final(&hasher, out);
    return err == JIT_OK ? CLI_OK : genesis_failed(cli, err, &at);
}

static int session_failed(struct cli *cli, const struct session *session)
{
    cli_what(cli, "the run could not go on");
    cli_why(cli, "%s", session->error);
    if (session->exit_code == 125) {
        cli_next(cli, "jitosd --check");
    }
    return session->exit_code;
}

/* ---- being interrupted ---- */

#define RUN_BROKE_OFF (-1) /* the session's error is not said yet */

/* Ctrl-C reaches the supervisor as well, a signal to this process alone does not: it is passed on,
 * the supervisor ends at a tick, and we say where. A second signal ends us at once. */
static volatile sig_atomic_t interrupted_by;
static volatile sig_atomic_t supervisor_pid;

static void on_interrupt(int number)
{
    interrupted_by = number;
    if (supervisor_pid > 0) {
        kill((pid_t)supervisor_pid, SIGTERM);
    }
}

static const int interrupts[] = {SIGINT, SIGTERM};
#define INTERRUPT_COUNT (sizeof interrupts / sizeof interrupts[0])

static void catch_interrupts(pid_t pid, struct sigaction old[INTERRUPT_COUNT])
{
    struct sigaction ours = {.sa_handler = on_interrupt,
                             .sa_flags = (int)(SA_RESTART | SA_RESETHAND)};
    sigemptyset(&ours.sa_mask);
    interrupted_by = 0;
    supervisor_pid = (sig_atomic_t)pid;
    for (size_t i = 0; i < INTERRUPT_COUNT; i++) {
        sigaction(interrupts[i], NULL, &old[i]);
        if (old[i].sa_handler != SIG_IGN) { /* of a job in the background, of nohup */
            sigaction(interrupts[i], &ours, NULL);
        }
    }
}

static void release_interrupts(const struct sigaction old[INTERRUPT_COUNT])
{
    supervisor_pid = 0;
    for (size_t i = 0; i < INTERRUPT_COUNT; i++) {
        sigaction(interrupts[i], &old[i], NULL);
    }
}

static int interrupted(const struct runner *runner)
{
    struct cli *cli = runner->cli;
    cli_what(cli, "stopped by signal %d (%s) at tick %llu of %llu", (int)interrupted_by,
             strsignal(interrupted_by), (unsigned long long)runner->last_tick,
             (unsigned long long)runner->ticks);
    if (runner->temporary) {
        cli_why(cli, "its folder was a temporary one and is removed");
        cli_next(cli, "--data DIR keeps what was done");
    } else {
        cli_why(cli, "what was done is kept in %s", runner->data);
        cli_next(cli, "the same command again goes on");
    }
    return 128 + (int)interrupted_by;
}

static int send_genesis(struct cli *cli, struct session *session, struct rmg_collect *collect)
{
    struct jit_id at = {{0}};
    enum jit_err err = session_genesis_begin(session);
    if (err == JIT_OK) {
        err = rmg_collect_patch(collect, session_genesis_write, session, &at);
        if (err != JIT_OK && session->exit_code == 0) {
            return genesis_failed(cli, err, &at);
        }
    }
    if (err == JIT_OK) {
        err = session_genesis_end(session);
    }
    if (err != JIT_OK && interrupted_by != 0) {
        return RUN_BROKE_OFF;
    }
    return err == JIT_OK ? CLI_OK : session_failed(cli, session);
}

/* ---- watching ---- */

struct watching {
    struct runner *runner;
    struct cli_progress progress;
};

static void on_tick(void *user, const struct session_tick *tick)
{
    struct watching *w = user;
    char extra[64];
    struct cli *cli = w->runner->cli;
    w->runner->last_tick = tick->tick;
    snprintf(extra, sizeof extra, "%llu applied", (unsigned long long)tick->counts[RMG_APPLIED]);
    cli_progress_update(&w->progress, tick->tick, extra);
    if (!cli->json || w->runner->quiet_ticks) {
        return;
    }
    char hex[JIT_ID_HEX];
    json_t *event = cli_event("tick", "jitos.tick/1");
    cli_put_number(event, "tick", tick->tick);
    jit_id_to_hex(&tick->root, hex);
    cli_put_text(event, "root", hex);
    jit_id_to_hex(&tick->world, hex);
    cli_put_text(event, "world", hex);
    jit_id_to_hex(&tick->head, hex);
    cli_put_text(event, "head", hex);
    cli_put_number(event, "nodes", tick->nodes);
    cli_put_number(event, "edges", tick->edges);
    cli_put_number(event, "requests", tick->requests);
    cli_put_number(event, "applied", tick->counts[RMG_APPLIED]);
    cli_put_number(event, "denied", tick->counts[RMG_DENIED]);
    cli_put_number(event, "conflicts", tick->counts[RMG_CONFLICT]);
    cli_emit(cli, event);
}

static void on_denial(void *user, uint64_t tick, const char *text)
{
    struct watching *w = user;
    struct runner *runner = w->runner;
    if (runner->first_denial[0] == '\0') {
        snprintf(runner->first_denial, sizeof runner->first_denial, "%.500s", text);
        if (!runner->quiet_ticks) {
            cli_note(runner->cli, "tick %llu: %s", (unsigned long long)tick, text);
        }
    }
    if (runner->cli->json && !runner->quiet_ticks) {
        json_t *event = cli_event("denial", "jitos.denial/1");
        cli_put_number(event, "tick", tick);
        cli_put_text(event, "why", text);
        cli_emit(runner->cli, event);
    }
}

/* ---- running ---- */

static void say_torn(struct cli *cli, const struct session_status *status)
{
    if (status->torn_why[0] != '\0' && cli->json) {
        json_t *event = cli_event("torn", "jitos.torn/1");
        cli_put_text(event, "file", status->torn_file);
        cli_put_number(event, "offset", status->torn_offset);
        cli_put_number(event, "bytes", status->torn_bytes);
        cli_put_text(event, "why", status->torn_why);
        cli_emit(cli, event);
    }
}

static int run_session(struct runner *runner, struct session *session, struct rmg_collect *collect)
{
    struct cli *cli = runner->cli;
    runner->begin = session->status;
    say_torn(cli, &session->status);
    if (session->status.fresh) {
        if (collect == NULL) {
            cli_what(cli, "%s has no system yet", runner->data);
            cli_why(cli, "the folder is new, or its first start did not finish");
            cli_next(cli, "jitos run FILE --data %s --ticks N", runner->data);
            return CLI_USAGE;
        }
        int code = runner->on_fresh != NULL ? runner->on_fresh(runner) : CLI_OK;
        if (code == CLI_OK) {
            code = send_genesis(cli, session, collect);
        }
        if (code != CLI_OK) {
            return code;
        }
        runner->begin = session->status;
    } else if (runner->genesis != NULL &&
               !jit_id_equal(runner->genesis, &session->status.genesis)) {
        cli_what(cli, "%s was made from another system file, input or seed", runner->data);
        cli_why(cli,
                "a run goes on with what it began with; its history could not be repeated else");
        cli_next(cli, "leave FILE and --seed out to go on, or name a new folder with --data");
        return CLI_USAGE;
    }
    struct watching watching = {.runner = runner};
    runner->last_tick = session->status.tick;
    struct session_watcher watcher = {
        .on_tick = on_tick, .on_denial = on_denial, .user = &watching};
    cli_progress_begin(&watching.progress, cli, runner->label, "ticks", session->status.tick,
                       runner->ticks);
    enum jit_err err = session_run(session, runner->ticks, &watcher);
    cli_progress_end(&watching.progress);
    runner->end = session->status;
    /* A supervisor that was to die on the way has not failed; runner_go says which it was. */
    return err == JIT_OK ? CLI_OK : RUN_BROKE_OFF;
}

static int broke_off(struct runner *runner, struct session *session, int ended_by)
{
    struct cli *cli = runner->cli;
    if (session->exit_code == CLI_UNREACHABLE && ended_by != 0) {
        snprintf(session->error, sizeof session->error,
                 "the supervisor was killed by signal %d (%s)%s", ended_by, strsignal(ended_by),
                 runner->temporary ? "" : "; what was done is kept");
    }
    if (!runner->temporary && session->exit_code == CLI_UNREACHABLE) {
        cli_next(cli, "the same command again goes on from the last durable tick");
    } else if (!runner->temporary && session->exit_code == CLI_HOST) {
        cli_next(cli, "mend that, for example make room; the same command again goes on");
    }
    return session_failed(cli, session);
}

int runner_go(struct runner *runner, struct rmg_collect *collect)
{
    struct session session;
    char program[4200];
    int ended_by = 0;
    session_program_path("jitosd", program, sizeof program);
    struct mute mute;
    mute_init(&mute, runner->cli, runner->data);
    mute.news_only = true; /* it may be at a tick, or at a genesis, for long */
    struct session_options options = {
        .program = program,
        .data = runner->data,
        .jobs = runner->jobs,
        .durability = runner->durability,
        .die_at_log_offset = runner->die_at_log_offset,
        .hang_wall_s = runner->hang_wall_s,
        .guests = runner->guests,
        .quiet = runner->cli->quiet,
        .watch = &mute.watch,
    };
    struct jit_clock *clock = runner->cli->env->clock;
    uint64_t begun = clock->now_ns(clock);
    runner->died = false;
    runner->first_denial[0] = '\0';
    enum jit_err err = session_start(&session, jit_heap_libc(), &options);
    struct sigaction old[INTERRUPT_COUNT];
    runner->last_tick = 0;
    catch_interrupts(err == JIT_OK ? session.pid : 0, old);
    int code = err == JIT_OK ? run_session(runner, &session, collect)
                             : session_failed(runner->cli, &session);
    supervisor_pid = 0;
    session_end(&session, &ended_by);
    release_interrupts(old);
    runner->wall_ns = clock->now_ns(clock) - begun;
    if (ended_by == SIGKILL && runner->die_at_log_offset != UINT64_MAX) {
        runner->died = true;
        return CLI_OK;
    }
    if (code == RUN_BROKE_OFF && interrupted_by != 0) {
        return interrupted(runner);
    }
    return code == RUN_BROKE_OFF ? broke_off(runner, &session, ended_by) : code;
}
