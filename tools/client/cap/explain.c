/* jitos cap explain - may it, and why not: the chain from the root to the capability that is asked
 * under, and the first check that fails. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/core/record.h"
#include "tools/formats/graph.h"
#include "tools/client/history/history.h"
#include "tools/client/cap/cap.h"

struct answer {
    enum sys_cap_verdict verdict;
    uint32_t node; /* SYS_CAP_NONE: no capability was looked at */
    uint32_t process;
    const char *asked;           /* "invoke retire(...) on /world" */
    const struct rmg_rule *rule; /* that is invoked; NULL: none is */
    /* A logged denial that none of the checks here repeats: what it matched, or would have written,
     * was not covered. The log keeps the result, not which of these it was. */
    bool of_the_match;
};

static const char *why_of(const struct answer *answer)
{
    return answer->of_the_match ? "what it matched or would have written is not covered: the type "
                                  "of an element, an effect, or a right of the rule's owner"
                                : sys_cap_verdict_text(answer->verdict);
}

static void print_chain(struct cli *cli, const struct authority *a, const struct answer *answer)
{
    uint32_t chain[JIT_CAP_DEPTH_MAX + 1];
    uint32_t count = sys_caps_chain(a->caps, answer->node, chain);
    bool found = false;
    for (uint32_t i = 0; i < count; i++) {
        const struct sys_cap_node *node = sys_caps_node(a->caps, chain[i]);
        char process[AUTHORITY_TEXT];
        char text[AUTHORITY_TEXT];
        char name[80];
        enum sys_cap_verdict live = sys_caps_live(a->caps, chain[i]);
        bool last = i + 1 == count;
        bool fails =
            !found && (live != SYS_CAP_ALLOWED || (last && answer->verdict != SYS_CAP_ALLOWED));
        const char *why = !fails                    ? ""
                          : live != SYS_CAP_ALLOWED ? sys_cap_verdict_text(live)
                                                    : why_of(answer);
        found = found || fails;
        authority_process(a, node->holder, process);
        authority_cap(a, chain[i], text);
        snprintf(name, sizeof name, "%.60s/%u", process, node->slot);
        cli_print(cli, "  %*s%-12s %s\n", (int)(2 * i), "", name, text);
        if (fails) {
            cli_print(cli, "  %*s%-12s ^ %s\n", (int)(2 * i), "", "", why);
        }
        json_t *event = cli_event("link", "jitos.cap.explain/1");
        cli_put_text(event, "name", name);
        cli_put_text(event, "text", text);
        cli_put_bool(event, "holds", !fails && !found);
        if (fails) {
            cli_put_text(event, "why", why);
        }
        cli_emit(cli, event);
    }
}

/* Of a rule that is not the operator's: who answers for what it writes. */
static void print_owner(struct cli *cli, const struct authority *a, const struct answer *answer)
{
    uint32_t node = SYS_CAP_NONE;
    char text[AUTHORITY_TEXT];
    enum authority_owner owner = answer->rule == NULL
                                     ? AUTHORITY_OPERATORS
                                     : authority_owner(a, &answer->rule->id, false, &node);
    if (owner == AUTHORITY_OPERATORS) {
        return;
    }
    authority_owner_text(a, owner, node, text);
    cli_print(cli, "  rule %s writes as its owner may, %s\n", answer->rule->name, text);
    json_t *event = cli_event("owner", "jitos.cap.explain/1");
    cli_put_text(event, "rule", answer->rule->name);
    cli_put_text(event, "text", text);
    cli_emit(cli, event);
}

static int print_answer(struct cli *cli, const struct authority *a, const struct answer *answer)
{
    char process[AUTHORITY_TEXT];
    bool allowed = answer->verdict == SYS_CAP_ALLOWED;
    authority_process(a, answer->process, process);
    cli_print(cli, "%s%s%s: %s %s %s\n", cli_style(cli, allowed ? CLI_GREEN : CLI_RED),
              allowed ? "allowed" : "denied", cli_style(cli, CLI_PLAIN), process,
              allowed ? "may" : "may not", answer->asked);
    if (answer->node == SYS_CAP_NONE) {
        cli_print(cli, "  %s\n",
                  sys_caps_slots(a->caps, answer->process) == 0
                      ? "it holds no capability at all"
                      : "it holds no capability that could");
    } else {
        print_chain(cli, a, answer);
    }
    print_owner(cli, a, answer);
    json_t *event = cli_event("done", "jitos.cap.explain/1");
    cli_put_bool(event, "allowed", allowed);
    cli_put_text(event, "process", process);
    cli_put_text(event, "asked", answer->asked);
    cli_put_text(event, "why", why_of(answer));
    int code = cli_emit(cli, event);
    return code != CLI_OK ? code : allowed ? CLI_OK : CLI_NO;
}

/* ---- what could be asked ---- */

static int explain_need(struct cli *cli)
{
    struct cap_folder folder;
    struct cap_need wanted;
    char place[AUTHORITY_TEXT];
    char text[AUTHORITY_TEXT] = "";
    char asked[2 * AUTHORITY_TEXT + 100];
    char rights[64];
    struct answer answer = {.asked = asked};
    int code =
        cap_folder_open(cli, "cap explain", cli_given(cli, "at"), cli_number(cli, "at"), &folder);
    if (code != CLI_OK) {
        return code;
    }
    const struct authority *a = &folder.authority;
    code = authority_find_process(cli, a, cli->operands[1], &answer.process);
    if (code != CLI_OK) {
        cap_folder_close(&folder);
        return code;
    }
    code = cap_parse_need(cli, a, 2, &wanted);
    if (code == CLI_OK) {
        const struct authority_need *need = &wanted.need;
        sys_cap_rights_text(need->right, rights, sizeof rights);
        authority_instance(a, &need->instance, place);
        answer.rule = need->rule;
        if (need->rule != NULL) {
            authority_call(need->rule, need->params, need->params_size, text);
        }
        snprintf(asked, sizeof asked, "%s%s%s on %s", rights, text[0] != '\0' ? " " : "", text,
                 place);
        answer.verdict = authority_best(a, answer.process, need, &answer.node);
        code = print_answer(cli, a, &answer);
    }
    cap_need_release(&wanted);
    cap_folder_close(&folder);
    return code;
}

/* ---- what was asked ---- */

struct logged {
    uint64_t tick;
    uint64_t index;
    bool found;
    struct rmg_asked request; /* its bytes are copied below */
    struct rmg_receipt receipt;
    struct jit_buf bytes;
};

static enum jit_err find_logged(void *user, const struct log_record *record)
{
    struct logged *l = user;
    struct kern_record_view view;
    if (record->tick < l->tick) {
        return JIT_OK;
    }
    if (record->tick > l->tick) {
        return JIT_ENOENT;
    }
    enum jit_err err = kern_record_decode(record->payload, record->payload_size, &view);
    struct jit_cursor cur = jit_cursor_of(view.requests, view.requests_size);
    for (uint64_t i = 0; err == JIT_OK && i <= l->index && l->index < view.request_count; i++) {
        err = rmg_asked_next(&cur, &l->request);
    }
    if (err == JIT_OK && l->index < view.request_count) {
        err = kern_record_receipt(&view, l->index, &l->receipt);
        jit_buf_put(&l->bytes, l->request.ids, l->request.id_count * sizeof(struct jit_id));
        jit_buf_put(&l->bytes, l->request.params, l->request.params_size);
        l->found = l->bytes.err == JIT_OK;
    }
    return err == JIT_OK ? JIT_ENOENT : err;
}

static bool parse_request(const char *text, uint64_t *tick, uint64_t *index)
{
    char *end = NULL;
    *tick = strtoull(text + 1, &end, 10);
    if (end == text + 1 || *end != ':') {
        return false;
    }
    const char *rest = end + 1;
    *index = strtoull(rest, &end, 10);
    return end != rest && *end == '\0';
}

/* What people know the matched nodes by. */
static void print_match(struct cli *cli, const struct authority *a, const struct logged *l)
{
    struct rmg_instance instance;
    struct rmg_graph graph;
    const uint8_t *at = l->bytes.data;
    if (rmg_store_instance(a->store, &a->version, &l->request.instance, &instance) != JIT_OK) {
        return;
    }
    rmg_store_graph(a->store, &instance, &graph);
    for (uint32_t i = 0; i < l->request.id_count && i < 8; i++, at += JIT_ID_BYTES) {
        struct jit_id id;
        uint32_t size = 0;
        char shown[128];
        memcpy(id.bytes, at, JIT_ID_BYTES);
        const char *label = format_label(&graph, RMG_PLANE_ALPHA, &id, &size);
        if (label != NULL) {
            cli_print(cli, "  at %s\n", cli_shown(label, size, 100, shown));
        }
    }
}

static int explain_logged(struct cli *cli)
{
    struct logged l = {.found = false};
    struct log_report report;
    struct cap_folder folder;
    char text[AUTHORITY_TEXT] = "a rule that is not there";
    char place[AUTHORITY_TEXT];
    char asked[2 * AUTHORITY_TEXT + 100];
    struct answer answer = {.verdict = SYS_CAP_NO_SLOT, .node = SYS_CAP_NONE, .asked = asked};
    if (!parse_request(cli->operands[1], &l.tick, &l.index)) {
        cli_what(cli, "%s is no request", cli->operands[1]);
        cli_why(cli, "a request is called by its tick and its place in it: @12:0");
        cli_next(cli, "jitos log --denied --data %s", cli_text(cli, "data"));
        return CLI_USAGE;
    }
    jit_buf_init(&l.bytes, jit_heap_libc(), JIT_REQUEST_BYTES_MAX);
    int code = history_each(cli, cli_text(cli, "data"), find_logged, &l, &report);
    if (code == CLI_OK && !l.found) {
        cli_what(cli, "there is no request %s", cli->operands[1]);
        cli_why(cli, "the log has no such tick, or the tick no such request");
        cli_next(cli, "jitos log --data %s", cli_text(cli, "data"));
        code = CLI_NOT_FOUND;
    }
    /* Capabilities are changed before a tick's requests are judged: as they are after it. */
    if (code == CLI_OK) {
        code = cap_folder_open(cli, "cap explain", true, l.tick, &folder);
    }
    if (code != CLI_OK) {
        jit_buf_release(&l.bytes);
        return code;
    }
    const struct authority *a = &folder.authority;
    while (answer.process + 1 < a->config->process_count &&
           !jit_id_equal(&a->config->processes[answer.process].id, &l.request.process)) {
        answer.process++;
    }
    struct authority_need need = {.right = SYS_RIGHT_INVOKE,
                                  .rule = kern_config_rule(a->config, &l.request.rule_id),
                                  .instance = l.request.instance,
                                  .params =
                                      l.bytes.data + l.request.id_count * sizeof(struct jit_id),
                                  .params_size = l.request.params_size};
    answer.node = sys_caps_at(a->caps, answer.process, l.request.cap_slot);
    if (answer.node != SYS_CAP_NONE) {
        answer.verdict = authority_check(a, answer.node, &need);
    }
    if (l.receipt.result == RMG_OVER_QUOTA) {
        answer.verdict = SYS_CAP_OVER_LIMIT;
    } else if (l.receipt.result == RMG_DENIED && answer.verdict == SYS_CAP_ALLOWED) {
        answer.verdict = SYS_CAP_NODE_TYPE;
        answer.of_the_match = true;
    }
    answer.rule = need.rule;
    if (need.rule != NULL) {
        authority_call(need.rule, need.params, need.params_size, text);
    }
    authority_instance(a, &l.request.instance, place);
    snprintf(asked, sizeof asked, "invoke %s on %s", text, place);
    cli_print(cli, "tick %llu, request %llu: %s\n", (unsigned long long)l.tick,
              (unsigned long long)l.index, rmg_result_text((enum rmg_result)l.receipt.result));
    print_match(cli, a, &l);
    code = print_answer(cli, a, &answer);
    jit_buf_release(&l.bytes);
    cap_folder_close(&folder);
    return code;
}

int cap_explain(struct cli *cli)
{
    if (cli->operand_count == 2 && cli->operands[1][0] == '@') {
        return explain_logged(cli);
    }
    if (cli->operand_count < 3) {
        cli_what(cli, "what is to be explained?");
        cli_why(cli, "explain wants a process and a right, and for invoke a rule; or a request");
        cli_next(cli, "jitos cap explain 'w[0]' invoke 'retire(section = \"libs\")' --data DIR");
        return CLI_USAGE;
    }
    return explain_need(cli);
}
