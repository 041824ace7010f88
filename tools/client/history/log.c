/* jitos log: the ticks of a history, those to come as well. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/client/jitos.h"
#include "tools/client/history/tick_line.h"
#include "tools/client/mute.h"
#include "tools/client/session.h"

struct listing {
    struct cli *cli;
    uint64_t since;
    bool denied;
    struct tick_line *last; /* a ring of the last `keep` lines */
    uint64_t keep;
    uint64_t seen;
    uint64_t end; /* the tick after the newest */
};

static enum jit_err list_record(void *user, const struct log_record *record)
{
    struct listing *l = user;
    struct tick_line line;
    enum jit_err err = tick_line_read(record, &line);
    l->end = record->tick + 1;
    if (err != JIT_OK || record->tick < l->since || (l->denied && line.counts[RMG_DENIED] == 0)) {
        return err;
    }
    if (l->keep == 0) {
        tick_line_print(l->cli, &line);
    } else {
        l->last[l->seen % l->keep] = line;
    }
    l->seen++;
    return l->cli->out_broken ? JIT_ENOENT : JIT_OK;
}

static int follow_tick(struct listing *l, const char *data, const struct session_tick *tick)
{
    if (tick->tick > l->end) {
        /* What was made after the log was read and before we subscribed; it is durable by now. */
        struct log_report report;
        l->since = l->end;
        l->keep = 0;
        int code = history_each(l->cli, data, list_record, l, &report);
        if (code != CLI_OK) {
            return code;
        }
    }
    if (tick->tick < l->end) {
        return CLI_OK;
    }
    l->end = tick->tick + 1;
    if (l->denied && tick->counts[RMG_DENIED] == 0) {
        return CLI_OK;
    }
    struct tick_line line = {
        .tick = tick->tick, .commit = tick->head, .root = tick->root, .requests = tick->requests};
    memcpy(line.counts, tick->counts, sizeof line.counts);
    tick_line_print(l->cli, &line);
    return CLI_OK;
}

/* What is known of the end while following. */
struct following {
    bool done;    /* nothing more will come */
    bool stopped; /* nothing but the ticks up to `last`, if they become durable */
    uint64_t last;
    uint64_t code; /* the run's own */
    char text[480];
};

#define STOPPED_WAIT_MS 1000 /* for ticks made before a stop */

static int run_stopped(struct cli *cli, const char *data, const struct following *f)
{
    cli_what(cli, "the run of %s has stopped", data);
    cli_why(cli, "%s", f->text);
    cli_next(cli, "jitos ps --data %s", data);
    return (int)f->code;
}

static int follow_message(struct listing *l, const char *data, const cbor_item_t *message,
                          struct following *f)
{
    struct session_tick tick;
    struct session_status status;
    int code = CLI_OK;
    if (hub_is(message, "t", "tick") && session_read_tick(message, &tick)) {
        code = follow_tick(l, data, &tick);
    } else if (hub_is(message, "t", "end")) {
        cli_note(l->cli, "the supervisor of %s has ended", data);
        f->done = true;
    } else if (hub_is(message, "t", "stop")) {
        f->stopped = hub_get_text(message, "text", f->text, sizeof f->text) &&
                     hub_get_uint(message, "code", &f->code) &&
                     hub_get_uint(message, "tick", &f->last);
    } else if (session_read_status(message, &status) && status.stopped) {
        f->stopped = true;
        f->last = status.tick;
        f->code = status.stop_code;
        snprintf(f->text, sizeof f->text, "%s", status.stop_text);
    }
    f->done = f->done || (f->stopped && l->end > f->last);
    return code;
}

/* It did not say "end": it was killed, or it hung up on us. */
static int follow_broken(struct cli *cli, const char *data, const struct hub_client *client,
                         enum jit_err err)
{
    cli_what(cli, "%s cannot be followed any further", data);
    cli_why(cli, "%s%s", client->error,
            err == JIT_ENOENT ? " and did not say goodbye: it was killed, or its machine failed"
                              : "");
    cli_next(cli, err == JIT_ENOENT ? "jitos verify --data %s" : "jitos log --data %s -f", data);
    return err == JIT_ENOMEM ? CLI_HOST : CLI_UNREACHABLE;
}

/* One connection's worth of ticks. *again: whoever reads us has kept us from reading; what we have
 * missed is in the log. */
static int follow_connected(struct listing *l, const char *data, struct hub_client *client,
                            bool *again)
{
    struct cli *cli = l->cli;
    struct following f = {.code = CLI_HOST};
    struct hub_writer w;
    int code = CLI_OK;
    hub_client_begin(client, &w, "subscribe", 1);
    enum jit_err err = hub_client_send(client, &w);
    while (err == JIT_OK && code == CLI_OK && !f.done && cli_flush(cli) == CLI_OK) {
        cbor_item_t *message = NULL;
        err = hub_client_next(client, f.stopped ? STOPPED_WAIT_MS : -1, &message);
        if (err == JIT_OK) {
            code = follow_message(l, data, message, &f);
            cbor_decref(&message);
        }
    }
    *again = err == JIT_EPEER && strcmp(client->code, "slow") == 0;
    if (code == CLI_OK && f.stopped) {
        return run_stopped(cli, data, &f);
    }
    return err == JIT_OK || *again ? code : follow_broken(cli, data, client, err);
}

/* New ticks as they become durable, until the supervisor ends or nobody reads any more. */
static int follow(struct cli *cli, const char *data, struct listing *l)
{
    int code = CLI_OK;
    for (bool again = true; again && code == CLI_OK;) {
        struct hub_client client;
        struct mute mute;
        mute_init(&mute, cli, data);
        enum jit_err err = hub_client_open(&client, jit_heap_libc(), data, &mute.watch);
        if (err != JIT_OK) {
            cli_what(cli, "no supervisor of %s can be followed", data);
            cli_why(cli, "%s", client.error);
            cli_next(cli, "jitosd --data %s", data);
            return err == JIT_ENOMEM ? CLI_HOST : CLI_UNREACHABLE;
        }
        mute.news_only = true;
        code = follow_connected(l, data, &client, &again);
        hub_client_close(&client);
    }
    return code;
}

int jitos_log(struct cli *cli)
{
    if (cli->operand_count > 0) {
        return jitos_log_path(cli);
    }
    const char *data = cli_text(cli, "data");
    struct log_report report;
    struct listing l = {
        .cli = cli,
        .since = cli_number(cli, "since"),
        .denied = cli_given(cli, "denied"),
        .keep = cli_number(cli, "number"),
    };
    if (l.keep > 0) {
        l.last = calloc(l.keep, sizeof *l.last);
        if (l.last == NULL) {
            return cli_no_memory(cli);
        }
    }
    int code = history_each(cli, data, list_record, &l, &report);
    uint64_t first = l.seen > l.keep ? l.seen - l.keep : 0;
    for (uint64_t i = first; code == CLI_OK && l.keep > 0 && i < l.seen; i++) {
        tick_line_print(cli, &l.last[i % l.keep]);
    }
    free(l.last);
    if (code == CLI_OK && report.records == report.seals) {
        cli_note(cli, HISTORY_NO_TICK_YET,
                 (unsigned long long)(report.tick_end > 0 ? report.tick_end - 1 : 0));
    }
    if (code == CLI_OK && cli_given(cli, "follow")) {
        code = follow(cli, data, &l);
    }
    return code;
}
