#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "tools/client/history/entries.h"
#include "tools/client/history/history.h"
#include "tools/client/jitos.h"
#include "tools/client/history/names.h"
#include "tools/client/session.h"

/* ---- one line a tick ---- */

struct line {
    uint64_t tick;
    struct jit_id commit;
    struct jit_id root;
    uint64_t requests;
    uint64_t counts[RMG_RESULT_COUNT];
    uint64_t events;
    bool ended; /* a process ended in it */
    uint64_t patch_bytes;
};

static enum jit_err read_line(const struct log_record *record, struct line *out)
{
    struct kern_record_view view;
    *out =
        (struct line){.tick = record->tick, .commit = record->commit, .root = record->state_root};
    enum jit_err err = kern_record_decode(record->payload, record->payload_size, &view);
    if (err != JIT_OK) {
        return JIT_ECORRUPT;
    }
    out->requests = view.request_count;
    out->events = view.event_count;
    out->patch_bytes = (view.flags & KERN_RECORD_GENESIS) != 0 ? view.blob_size : view.patch_size;
    for (uint64_t i = 0; i < view.event_count; i++) {
        struct kern_record_event event;
        if (kern_record_event_at(&view, i, &event) != JIT_OK) {
            return JIT_ECORRUPT;
        }
        out->ended = out->ended || event.kind != KERN_HAPPENED_HUNG;
    }
    for (uint64_t i = 0; i < view.request_count; i++) {
        struct rmg_receipt receipt;
        if (kern_record_receipt(&view, i, &receipt) != JIT_OK) {
            return JIT_ECORRUPT;
        }
        out->counts[receipt.result]++;
    }
    return JIT_OK;
}

static void print_line(struct cli *cli, const struct line *line)
{
    char commit[JIT_ID_HEX];
    char root[JIT_ID_HEX];
    jit_id_to_hex(&line->commit, commit);
    jit_id_to_hex(&line->root, root);
    cli_print(
        cli, "@%-7llu %.12s  root %.12s  %6llu requests %6llu applied %5llu denied %5llu lost%s\n",
        (unsigned long long)line->tick, commit, root, (unsigned long long)line->requests,
        (unsigned long long)line->counts[RMG_APPLIED], (unsigned long long)line->counts[RMG_DENIED],
        (unsigned long long)line->counts[RMG_CONFLICT],
        line->tick == 0    ? "  genesis"
        : line->ended      ? "  process ended"
        : line->events > 0 ? "  process hung"
                           : "");
    json_t *event = cli_event("tick", "jitos.log/1");
    cli_put_number(event, "tick", line->tick);
    cli_put_text(event, "commit", commit);
    cli_put_text(event, "root", root);
    cli_put_number(event, "requests", line->requests);
    for (unsigned i = 0; i < RMG_RESULT_COUNT; i++) {
        if (line->counts[i] > 0 || i == RMG_APPLIED || i == RMG_DENIED) {
            cli_put_number(event, rmg_result_text((enum rmg_result)i), line->counts[i]);
        }
    }
    cli_put_number(event, "events", line->events);
    cli_put_number(event, "patch_bytes", line->patch_bytes);
    cli_emit(cli, event);
}

/* ---- jitos log ---- */

struct listing {
    struct cli *cli;
    uint64_t since;
    bool denied;
    struct line *last; /* a ring of the last `keep` lines */
    uint64_t keep;
    uint64_t seen;
    uint64_t end; /* the tick after the newest */
};

static enum jit_err list_record(void *user, const struct log_record *record)
{
    struct listing *l = user;
    struct line line;
    enum jit_err err = read_line(record, &line);
    l->end = record->tick + 1;
    if (err != JIT_OK || record->tick < l->since || (l->denied && line.counts[RMG_DENIED] == 0)) {
        return err;
    }
    if (l->keep == 0) {
        print_line(l->cli, &line);
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
    struct line line = {
        .tick = tick->tick, .commit = tick->head, .root = tick->root, .requests = tick->requests};
    memcpy(line.counts, tick->counts, sizeof line.counts);
    print_line(l->cli, &line);
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
    while (err == JIT_OK && code == CLI_OK && !f.done && !cli->out_broken) {
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
        enum jit_err err = hub_client_open(&client, jit_heap_libc(), data);
        if (err != JIT_OK) {
            cli_what(cli, "no supervisor of %s can be followed", data);
            cli_why(cli, "%s", client.error);
            cli_next(cli, "jitosd --data %s", data);
            return err == JIT_ENOMEM ? CLI_HOST : CLI_UNREACHABLE;
        }
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
            cli_what(cli, "out of memory");
            return CLI_HOST;
        }
    }
    int code = history_each(cli, data, list_record, &l, &report);
    uint64_t first = l.seen > l.keep ? l.seen - l.keep : 0;
    for (uint64_t i = first; code == CLI_OK && l.keep > 0 && i < l.seen; i++) {
        print_line(cli, &l.last[i % l.keep]);
    }
    free(l.last);
    if (code == CLI_OK && cli_given(cli, "follow")) {
        code = follow(cli, data, &l);
    }
    return code;
}

/* ---- jitos show ---- */

struct showing {
    struct cli *cli;
    const struct kern_config *names; /* NULL: there are none to be had */
    struct history_revision revision;
    uint64_t end;   /* ticks in the log */
    uint64_t begin; /* its first tick */
    bool found;
    uint64_t limit; /* requests, or entries, listed */
    bool entries;   /* in place of the requests */
};

static enum jit_err count_record(void *user, const struct log_record *record)
{
    struct showing *s = user;
    s->begin = s->end == 0 ? record->tick : s->begin;
    s->end = record->tick + 1;
    return JIT_OK;
}

static bool wanted(const struct showing *s, const struct log_record *record)
{
    char hex[JIT_ID_HEX];
    switch (s->revision.kind) {
    case HISTORY_TICK:
        return record->tick == s->revision.number;
    case HISTORY_HEAD:
        return record->tick + 1 + s->revision.number == s->end;
    case HISTORY_COMMIT:
        jit_id_to_hex(&record->commit, hex);
        return strncmp(hex, s->revision.prefix, strlen(s->revision.prefix)) == 0;
    }
    return false;
}

static bool count_op(void *user, const struct rmg_op *op)
{
    uint64_t *counts = user;
    counts[op->kind]++;
    return true;
}

static void show_events(struct showing *s, const struct kern_record_view *view)
{
    static const struct {
        const char *what;
        const char *text;
    } kinds[] = {
        [KERN_HAPPENED_EXIT] = {"exit", "asked to exit"},
        [KERN_HAPPENED_KILL] = {"kill", "was killed by an operator"},
        [KERN_HAPPENED_FAILED] = {"failed", "died and is not started again"},
        [KERN_HAPPENED_HUNG] = {"hung", "hung and was killed; the tick was made without it"},
    };
    for (uint64_t i = 0; i < view->event_count; i++) {
        struct kern_record_event happened;
        char process[JIT_ID_HEX];
        char name[NAMES_SIZE];
        if (kern_record_event_at(view, i, &happened) != JIT_OK) {
            return;
        }
        jit_id_to_hex(&happened.process, process);
        names_process(s->names, &happened.process, name);
        cli_print(s->cli, "  process %s %s\n", name, kinds[happened.kind].text);
        json_t *event = cli_event("process", "jitos.process/1");
        cli_put_text(event, "process", process);
        cli_put_text(event, "name", name);
        cli_put_text(event, "what", kinds[happened.kind].what);
        if (happened.kind == KERN_HAPPENED_EXIT) {
            cli_put(event, "status", json_integer(happened.status));
        }
        cli_emit(s->cli, event);
    }
}

/* What a request would have broken; NULL: it was refused for something else, if at all. */
static const char *invariant_name(const struct showing *s, const struct rmg_receipt *receipt)
{
    if (receipt->result != RMG_INVARIANT) {
        return NULL;
    }
    return s->names != NULL && receipt->blocker < s->names->invariant_count
               ? s->names->invariants[receipt->blocker]->name
               : "?";
}

static void show_requests(struct showing *s, const struct kern_record_view *view)
{
    struct jit_cursor cur = jit_cursor_of(view->requests, view->requests_size);
    for (uint64_t i = 0; i < view->request_count && i < s->limit; i++) {
        struct rmg_asked request;
        struct rmg_receipt receipt;
        char rule[JIT_ID_HEX];
        char key[JIT_ID_HEX];
        char process[JIT_ID_HEX];
        char rule_text[NAMES_SIZE];
        char process_text[NAMES_SIZE];
        if (rmg_asked_next(&cur, &request) != JIT_OK ||
            kern_record_receipt(view, i, &receipt) != JIT_OK) {
            return;
        }
        jit_id_to_hex(&request.rule_id, rule);
        jit_id_to_hex(&receipt.request_key, key);
        jit_id_to_hex(&request.process, process);
        names_process(s->names, &request.process, process_text);
        names_rule(s->names, &request.rule_id, rule_text);
        const char *broken = invariant_name(s, &receipt);
        cli_print(s->cli, "  q%-6llu %.12s  %-12s  %-16s  %s%s%s\n", (unsigned long long)i, key,
                  process_text, rule_text, rmg_result_text((enum rmg_result)receipt.result),
                  broken == NULL ? "" : " ", broken == NULL ? "" : broken);
        json_t *event = cli_event("request", "jitos.request/1");
        cli_put_number(event, "index", i);
        cli_put_text(event, "key", key);
        cli_put_text(event, "process", process);
        cli_put_text(event, "process_name", process_text);
        cli_put_text(event, "rule", rule);
        cli_put_text(event, "rule_name", rule_text);
        cli_put_text(event, "result", rmg_result_text((enum rmg_result)receipt.result));
        if (broken != NULL) {
            cli_put_text(event, "invariant", broken);
        } else if (receipt.blocker != RMG_NO_BLOCKER) {
            cli_put_number(event, "blocker", receipt.blocker);
        }
        cli_emit(s->cli, event);
    }
    if (view->request_count > s->limit) {
        cli_print(s->cli, "  %llu of %llu requests shown; --limit N shows more\n",
                  (unsigned long long)s->limit, (unsigned long long)view->request_count);
    }
}

static enum jit_err show_record(void *user, const struct log_record *record)
{
    static const char *const kinds[][2] = {{"", ""},
                                           {"attachment cleared", "attachments cleared"},
                                           {"edge deleted", "edges deleted"},
                                           {"node deleted", "nodes deleted"},
                                           {"instance deleted", "instances deleted"},
                                           {"instance", "instances"},
                                           {"node", "nodes"},
                                           {"edge", "edges"},
                                           {"attachment", "attachments"}};
    struct showing *s = user;
    struct kern_record_view view;
    struct line line;
    struct jit_id base;
    uint64_t counts[9] = {0};
    if (!wanted(s, record)) {
        return JIT_OK;
    }
    s->found = true;
    enum jit_err err = read_line(record, &line);
    if (err != JIT_OK ||
        kern_record_decode(record->payload, record->payload_size, &view) != JIT_OK) {
        return JIT_ECORRUPT;
    }
    print_line(s->cli, &line);
    if ((view.flags & KERN_RECORD_GENESIS) == 0) {
        err = rmg_patch_each(jit_heap_libc(), view.patch, view.patch_size, &base, count_op, counts);
        for (size_t i = 1; err == JIT_OK && i < 9; i++) {
            if (counts[i] > 0) {
                cli_print(s->cli, "  %llu %s\n", (unsigned long long)counts[i],
                          kinds[i][counts[i] != 1]);
            }
        }
    }
    show_events(s, &view);
    if (s->entries && err == JIT_OK) {
        err = entries_show(s->cli, s->names, record, &view, s->limit);
    } else {
        show_requests(s, &view);
    }
    return err == JIT_OK ? JIT_ENOENT : err;
}

/* The rules and processes that the system began with; NULL when that state cannot be built: the ids
 * are in the log, and somebody may want to see just them of a damaged folder. Returns an exit code.
 */
static int read_names(struct cli *cli, const char *data, uint64_t begin, struct kern_config **out)
{
    struct shell_system system;
    const char *where = NULL;
    *out = NULL;
    struct history_opening opening = {.label = "names",
                                      .data = data,
                                      .from = SHELL_FROM_START,
                                      .bounded = true,
                                      .tick = begin > 0 ? begin - 1 : 0,
                                      .lenient = true};
    int code = history_open(cli, &opening, &system);
    if (code == CLI_HOST) {
        return code;
    }
    if (code != CLI_OK) {
        cli_note(cli, "no names: the state that %s began with cannot be read", data);
        return CLI_OK;
    }
    enum jit_err err =
        kern_config_read(jit_heap_libc(), system.store, &system.replay.version, out, &where);
    if (err == JIT_ENOMEM) {
        code = CLI_HOST;
    } else if (err != JIT_OK) {
        cli_note(cli, "no names: %s", where != NULL ? where : jit_err_text(err));
    }
    shell_system_close(&system);
    return code;
}

int jitos_show(struct cli *cli)
{
    const char *data = cli_text(cli, "data");
    const char *text = cli->operand_count > 0 ? cli->operands[0] : "HEAD";
    struct log_report report;
    struct showing s = {
        .cli = cli, .limit = cli_number(cli, "limit"), .entries = cli_given(cli, "entries")};
    if (!history_parse(text, &s.revision)) {
        cli_what(cli, "%s is no revision", text);
        cli_why(cli, "a revision is @TICK, HEAD, HEAD~N or at least 8 hex digits of a commit");
        cli_next(cli, "jitos show @1 --data %s", data);
        return CLI_USAGE;
    }
    struct kern_config *names = NULL;
    int code = history_each(cli, data, count_record, &s, &report);
    if (code == CLI_OK && s.end > 0) {
        code = read_names(cli, data, s.begin, &names);
        s.names = names;
    }
    if (code == CLI_OK) {
        code = history_each(cli, data, show_record, &s, &report);
    }
    kern_config_free(jit_heap_libc(), names);
    if (code == CLI_OK && !s.found) {
        cli_what(cli, "there is no %s in %s", text, data);
        cli_why(cli, "its log has the ticks 0 to %llu",
                (unsigned long long)(report.tick_end > 0 ? report.tick_end - 1 : 0));
        cli_next(cli, "jitos log --data %s", data);
        return CLI_NOT_FOUND;
    }
    return code;
}
