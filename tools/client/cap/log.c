/* jitos cap log - the audit log: what was asked about capabilities and what became of it, what was
 * denied and what was taken away, from the log of ticks; and from the file AUDIT when supervisors
 * served the folder, and under what protection. docs/spec/audit.md. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "kernel/audit.h"
#include "kernel/core/record.h"
#include "kernel/log/io_posix.h"
#include "rmg/change/patch.h"
#include "syscall/decode.h"
#include "tools/client/history/history.h"
#include "tools/client/cap/cap.h"

struct telling {
    struct cli *cli;
    const struct authority *a;
    uint32_t only; /* process; SYS_CAP_NONE: all */
    struct jit_id sec;
    struct audit_entry *hosts;
    size_t host_count;
    size_t host_capacity;
    size_t host_told;
    uint64_t gone; /* capabilities taken away in the record being read */
};

/* ---- the host ---- */

static enum jit_err keep_host(void *user, const struct audit_entry *entry)
{
    struct telling *t = user;
    void *data = t->hosts;
    if (jit_heap_grow(jit_heap_libc(), &data, &t->host_capacity, t->host_count + 1,
                      sizeof *t->hosts) != 0) {
        return JIT_ENOMEM;
    }
    t->hosts = data;
    t->hosts[t->host_count++] = *entry;
    return JIT_OK;
}

static void tell_host(struct telling *t, const struct audit_entry *entry)
{
    char when[40] = "?";
    char head[JIT_ID_HEX];
    char grade[AUDIT_GRADE_MAX + 1];
    struct tm tm;
    time_t seconds = (time_t)(entry->time_ms / 1000);
    if (gmtime_r(&seconds, &tm) != NULL) {
        (void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
    }
    cli_shown(entry->grade, strlen(entry->grade), AUDIT_GRADE_MAX, grade);
    jit_id_to_hex(&entry->head, head);
    bool begun = entry->kind == AUDIT_BEGUN;
    cli_print(t->cli, "@%-7llu a supervisor %s, %s, as user %u%s%s\n",
              (unsigned long long)entry->tick, begun ? "begins" : "ends", when, entry->user,
              begun ? ": " : "", begun ? grade : "");
    json_t *event = cli_event("supervisor", "jitos.cap.log/1");
    cli_put_text(event, "what", audit_kind_text(entry->kind));
    cli_put_number(event, "tick", entry->tick);
    cli_put_text(event, "head", head);
    cli_put_text(event, "time", when);
    cli_put_number(event, "user", entry->user);
    cli_put_text(event, "grade", grade);
    cli_emit(t->cli, event);
}

static void tell_hosts_before(struct telling *t, uint64_t tick)
{
    while (t->host_told < t->host_count && t->hosts[t->host_told].tick < tick) {
        tell_host(t, &t->hosts[t->host_told++]);
    }
}

/* ---- a tick ---- */

static uint32_t process_of(const struct authority *a, const struct jit_id *id)
{
    for (uint32_t p = 0; p < a->config->process_count; p++) {
        if (jit_id_equal(&a->config->processes[p].id, id)) {
            return p;
        }
    }
    return SYS_CAP_NONE;
}

/* "w[1]", "the operator" for zeros, or the first digits of its id. */
static uint32_t name_process(const struct authority *a, const struct jit_id *id,
                             char text[AUTHORITY_TEXT])
{
    uint32_t p = process_of(a, id);
    if (p != SYS_CAP_NONE) {
        authority_process(a, p, text);
    } else if (jit_id_is_zero(id)) {
        snprintf(text, AUTHORITY_TEXT, "the operator");
    } else {
        char hex[JIT_ID_HEX];
        jit_id_to_hex(id, hex);
        snprintf(text, AUTHORITY_TEXT, "%.12s", hex);
    }
    return p;
}

static void outcome_text(const struct kern_outcome *outcome, char text[AUTHORITY_TEXT])
{
    if (outcome->result == RMG_APPLIED) {
        snprintf(text, AUTHORITY_TEXT, "done");
    } else if (outcome->excess != SYS_EXCESS_NONE) {
        snprintf(text, AUTHORITY_TEXT, "refused: more than is held: %s",
                 sys_cap_excess_text(outcome->excess));
    } else {
        snprintf(text, AUTHORITY_TEXT, "refused: %s",
                 outcome->verdict != SYS_CAP_ALLOWED ? sys_cap_verdict_text(outcome->verdict)
                                                     : rmg_result_text(outcome->result));
    }
}

/* The verb of an ask, and slot and generation that it names. False: its bytes say nothing. */
static const char *verb_of(const struct kern_record_ask *ask, uint32_t *slot, uint32_t *generation)
{
    struct sys_request request;
    const struct sys_slot frame = {.kind = ask->call, .length = ask->size};
    struct sys_owner own;
    if (ask->call == SYS_CALL_owner) {
        if (sys_decode_owner(ask->bytes, ask->size, &own) != JIT_OK) {
            return NULL;
        }
        *slot = own.cap_slot;
        *generation = own.cap_generation;
        return "gives";
    }
    if (sys_decode(&frame, ask->bytes, ask->size, &request) != JIT_OK) {
        return NULL;
    }
    if (ask->call == SYS_CALL_revoke) {
        *slot = request.body.revoke.cap_slot;
        *generation = request.body.revoke.cap_generation;
        return (request.body.revoke.flags & SYS_ONLY_CHILDREN) != 0 ? "revokes what is derived from"
                                                                    : "revokes";
    }
    *slot = request.body.derive.head.cap_slot;
    *generation = request.body.derive.head.cap_generation;
    return (request.body.derive.head.flags & SYS_MOVE) != 0 ? "moves"
           : ask->call == SYS_CALL_grant                    ? "grants from"
                                                            : "derives from";
}

/* The operator gives a rule or an instance to a capability, or takes it back. */
static void tell_owner(struct telling *t, uint64_t tick, const struct kern_record_ask *ask,
                       const char *holder, uint32_t slot, const char *how)
{
    struct sys_owner own;
    char what[AUTHORITY_TEXT];
    char to[AUTHORITY_TEXT + 40];
    if (sys_decode_owner(ask->bytes, ask->size, &own) != JIT_OK) {
        return;
    }
    const struct rmg_rule *rule = kern_config_rule(t->a->config, &own.id);
    if (own.object == SYS_OBJECT_RULE) {
        snprintf(what, sizeof what, "rule %s", rule == NULL ? "?" : rule->name);
    } else {
        authority_instance(t->a, &own.id, what);
    }
    if (jit_id_is_zero(&ask->holder)) {
        snprintf(to, sizeof to, "himself");
    } else {
        snprintf(to, sizeof to, "%s/%u", holder, slot);
    }
    cli_print(t->cli, "@%-7llu the operator gives %s to %s: %s\n", (unsigned long long)tick, what,
              to, how);
    json_t *event = cli_event("own", "jitos.cap.log/1");
    cli_put_number(event, "tick", tick);
    cli_put_text(event, "what", what);
    cli_put_text(event, "to", to);
    cli_put_bool(event, "done", ask->outcome.result == RMG_APPLIED);
    cli_put_text(event, "outcome", how);
    cli_emit(t->cli, event);
}

static void tell_ask(struct telling *t, uint64_t tick, const struct kern_record_ask *ask)
{
    char who[AUTHORITY_TEXT];
    char from[AUTHORITY_TEXT];
    char to[AUTHORITY_TEXT];
    char how[AUTHORITY_TEXT];
    char given[AUTHORITY_TEXT + 60] = "";
    uint32_t slot = 0;
    uint32_t generation = 0;
    const char *verb = verb_of(ask, &slot, &generation);
    uint32_t p[] = {name_process(t->a, &ask->process, who), name_process(t->a, &ask->holder, from),
                    name_process(t->a, &ask->target, to)};
    bool own = jit_id_is_zero(&ask->holder);
    if (verb == NULL ||
        (t->only != SYS_CAP_NONE && p[0] != t->only && p[1] != t->only && p[2] != t->only)) {
        return;
    }
    outcome_text(&ask->outcome, how);
    if (ask->call == SYS_CALL_owner) {
        tell_owner(t, tick, ask, from, slot, how);
        return;
    }
    if (ask->outcome.result == RMG_APPLIED && ask->call != SYS_CALL_revoke) {
        snprintf(given, sizeof given, " to %s/%u (generation %u)", to, ask->outcome.slot,
                 ask->outcome.generation);
    } else if (ask->call != SYS_CALL_revoke && !jit_id_is_zero(&ask->target)) {
        snprintf(given, sizeof given, " to %s", to);
    }
    char named[AUTHORITY_TEXT + 60];
    if (own) {
        snprintf(named, sizeof named, "his own authority");
    } else {
        snprintf(named, sizeof named, "%s/%u (generation %u)", from, slot, generation);
    }
    cli_print(t->cli, "@%-7llu %s %s %s%s: %s\n", (unsigned long long)tick, who, verb, named, given,
              how);
    json_t *event = cli_event("ask", "jitos.cap.log/1");
    cli_put_number(event, "tick", tick);
    cli_put_text(event, "who", who);
    cli_put_text(event, "what", verb);
    if (!own) {
        cli_put_text(event, "holder", from);
        cli_put_number(event, "slot", slot);
        cli_put_number(event, "generation", generation);
    }
    if (given[0] != '\0') {
        cli_put_text(event, "to", to);
        cli_put_number(event, "to_slot", ask->outcome.slot);
        cli_put_number(event, "to_generation", ask->outcome.generation);
    }
    cli_put_bool(event, "done", ask->outcome.result == RMG_APPLIED);
    cli_put_text(event, "outcome", how);
    cli_emit(t->cli, event);
}

static void tell_denied(struct telling *t, uint64_t tick, uint64_t index,
                        const struct rmg_asked *request)
{
    char who[AUTHORITY_TEXT];
    char what[AUTHORITY_TEXT] = "a rule that is not there";
    char place[AUTHORITY_TEXT];
    const struct rmg_rule *rule = kern_config_rule(t->a->config, &request->rule_id);
    uint32_t p = name_process(t->a, &request->process, who);
    if (t->only != SYS_CAP_NONE && p != t->only) {
        return;
    }
    if (rule != NULL) {
        authority_call(rule, request->params, request->params_size, what);
    }
    authority_instance(t->a, &request->instance, place);
    char under[AUTHORITY_TEXT + 20] = "a capability it does not hold";
    if (request->cap_slot != SYS_NONE) {
        snprintf(under, sizeof under, "%s/%u", who, request->cap_slot);
    }
    cli_print(t->cli, "@%-7llu %s is denied under %s: invoke %s on %s (@%llu:%llu)\n",
              (unsigned long long)tick, who, under, what, place, (unsigned long long)tick,
              (unsigned long long)index);
    json_t *event = cli_event("denied", "jitos.cap.log/1");
    cli_put_number(event, "tick", tick);
    cli_put_number(event, "request", index);
    cli_put_text(event, "who", who);
    if (request->cap_slot != SYS_NONE) {
        cli_put_number(event, "slot", request->cap_slot);
    }
    cli_put_text(event, "call", what);
    cli_put_text(event, "instance", place);
    cli_emit(t->cli, event);
}

static bool count_gone(void *user, const struct rmg_op *op)
{
    struct telling *t = user;
    static const char record[] =
        "record"; /* which every capability has, and nothing else in /sec */
    t->gone += op->kind == RMG_OP_CLEAR_ATTACHMENT && jit_id_equal(&op->instance, &t->sec) &&
               op->attachment.name_size == sizeof record - 1 &&
               memcmp(op->attachment.name, record, sizeof record - 1) == 0;
    return true;
}

static void tell_gone(struct telling *t, uint64_t tick)
{
    cli_print(t->cli, "@%-7llu %llu revoked or expired %s taken away\n", (unsigned long long)tick,
              (unsigned long long)t->gone, t->gone == 1 ? "capability is" : "capabilities are");
    json_t *event = cli_event("swept", "jitos.cap.log/1");
    cli_put_number(event, "tick", tick);
    cli_put_number(event, "capabilities", t->gone);
    cli_emit(t->cli, event);
}

static enum jit_err tell_tick(void *user, const struct log_record *record)
{
    struct telling *t = user;
    struct kern_record_view view;
    struct kern_record_ask ask;
    struct rmg_asked request;
    struct rmg_receipt receipt;
    struct jit_id base;
    enum jit_err err = kern_record_decode(record->payload, record->payload_size, &view);
    if (err != JIT_OK) {
        return err;
    }
    tell_hosts_before(t, record->tick);
    struct jit_cursor cur = jit_cursor_of(view.asks, view.asks_size);
    for (uint64_t i = 0; err == JIT_OK && i < view.ask_count; i++) {
        err = kern_record_next_ask(&cur, &ask);
        if (err == JIT_OK) {
            tell_ask(t, record->tick, &ask);
        }
    }
    t->gone = 0;
    if (err == JIT_OK && view.patch_size > 0) {
        err = rmg_patch_each(jit_heap_libc(), view.patch, view.patch_size, &base, count_gone, t);
    }
    if (err == JIT_OK && t->gone > 0 && t->only == SYS_CAP_NONE) {
        tell_gone(t, record->tick);
    }
    cur = jit_cursor_of(view.requests, view.requests_size);
    for (uint64_t i = 0; err == JIT_OK && i < view.request_count; i++) {
        err = rmg_asked_next(&cur, &request);
        err = err == JIT_OK ? kern_record_receipt(&view, i, &receipt) : err;
        if (err == JIT_OK && receipt.result == RMG_DENIED) {
            tell_denied(t, record->tick, i, &request);
        }
    }
    return err == JIT_OK && t->cli->out_broken ? JIT_ENOENT : err;
}

/* ---- the verb ---- */

static int read_hosts(struct cli *cli, struct telling *t, struct audit *audit)
{
    struct jit_io *io = NULL;
    int fd = -1;
    const char *data = cli_text(cli, "data");
    int code = history_io(cli, data, &fd, &io);
    if (code != CLI_OK) {
        return code;
    }
    enum jit_err err = audit_read(io, keep_host, t, audit);
    io_posix_close(io);
    close(fd);
    if (err != JIT_OK) {
        cli_what(cli, "the audit log of %s cannot be read to its end", data);
        cli_why(cli, "%s",
                err == JIT_ECORRUPT ? "it was changed after it was written" : jit_err_text(err));
        cli_next(cli, "keep it, and set it aside: mv %s/" AUDIT_FILE " %s/" AUDIT_FILE ".kept",
                 data, data);
    }
    return err == JIT_OK ? CLI_OK : (int)cli_exit_of(err);
}

int cap_log(struct cli *cli)
{
    struct cap_folder folder;
    struct log_report report;
    struct audit audit;
    struct jit_id root_node;
    struct telling t = {.cli = cli, .only = SYS_CAP_NONE};
    int code = cap_folder_open(cli, "cap log", false, 0, &folder);
    if (code != CLI_OK) {
        return code;
    }
    t.a = &folder.authority;
    kern_place_id("/sec", &t.sec, &root_node);
    if (cli->operand_count > 1) {
        code = authority_find_process(cli, t.a, cli->operands[1], &t.only);
    }
    int damaged = code == CLI_OK ? read_hosts(cli, &t, &audit) : CLI_OK;
    if (code == CLI_OK) { /* the one place is told also where the other is damaged */
        code = history_each(cli, cli_text(cli, "data"), tell_tick, &t, &report);
        tell_hosts_before(&t, UINT64_MAX);
    }
    if (code == CLI_OK && damaged == CLI_OK && audit.torn) {
        cli_note(cli, "the last entry of the audit log was cut off by a crash");
    }
    if (code == CLI_OK && damaged == CLI_OK) {
        char chain[JIT_ID_HEX];
        jit_id_to_hex(&audit.chain, chain);
        json_t *event = cli_event("done", "jitos.cap.log/1");
        cli_put_number(event, "entries", audit.count);
        cli_put_text(event, "chain", chain);
        code = cli_emit(cli, event);
    }
    free(t.hosts);
    cap_folder_close(&folder);
    return code == CLI_OK ? damaged : code;
}
