/* jitos show: one tick with its requests, or its commit entries. */
#include <string.h>

#include "tools/client/history/entries.h"
#include "tools/client/history/names.h"
#include "tools/client/history/tick_line.h"
#include "tools/client/jitos.h"

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
    struct tick_line line;
    struct jit_id base;
    uint64_t counts[9] = {0};
    if (!wanted(s, record)) {
        return JIT_OK;
    }
    s->found = true;
    enum jit_err err = tick_line_read(record, &line);
    if (err != JIT_OK ||
        kern_record_decode(record->payload, record->payload_size, &view) != JIT_OK) {
        return JIT_ECORRUPT;
    }
    tick_line_print(s->cli, &line);
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
        const unsigned long long last = report.tick_end > 0 ? report.tick_end - 1 : 0;
        if (s.end > 0) {
            cli_why(cli, "its log has the ticks %llu to %llu", (unsigned long long)s.begin, last);
            cli_next(cli, "jitos log --data %s", data);
        } else {
            cli_why(cli, HISTORY_NO_TICK_YET, last);
            cli_next(cli, "jitos run --data %s --ticks %llu", data, last + 1);
        }
        return CLI_NOT_FOUND;
    }
    return code;
}
