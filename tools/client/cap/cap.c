/* jitos cap - who may do what: listing and asking. */
#include "tools/client/cap/cap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "kernel/core/record.h"
#include "tools/client/history/history.h"

const struct cli_option jitos_cap_options[] = {
    JITOS_DATA,
    CLI_OPTION(CLI_NUMBER, "at", 0, "TICK", "as it was after this tick"),
    CLI_OPTION(CLI_TEXT, "on", 0, "PATH", "the instance it is about", .fallback = "/world"),
    CLI_OPTION(CLI_TEXT, "process", 0, "PROCESS",
               "grant: about a process, in place of an instance"),
    CLI_OPTION(CLI_FLAG, "unused", 0, NULL, "ls: only what no request was ever covered by"),
    CLI_OPTION(CLI_TEXT, "from", 0, "CAP", "grant: derived from this one"),
    CLI_OPTION(CLI_FLAG, "only-children", 0, NULL, "revoke: what was derived from it, not itself"),
    CLI_OPTION(CLI_LIST, "nodes", 0, "TYPE",
               "grant, derive, tokens: only nodes of this type (may be given more than once)"),
    CLI_OPTION(CLI_LIST, "edges", 0, "TYPE",
               "grant, derive, tokens: only edges of this type (may be given more than once)"),
    CLI_OPTION(CLI_NUMBER, "priority", 0, "N", "grant, derive, tokens: no rule of higher priority",
               .max = INT32_MAX),
    CLI_OPTION(CLI_NUMBER, "requests", 0, "N", "grant, derive, tokens: so many requests in all"),
    CLI_OPTION(CLI_NUMBER, "bytes", 0, "N",
               "grant, derive, tokens: so many bytes of requests in all"),
    CLI_OPTION(CLI_NUMBER, "until", 0, "TICK", "grant, derive, tokens: the last tick it counts in"),
    CLI_OPTION(CLI_NUMBER, "depth", 0, "N",
               "grant, derive, tokens: how many derivations may follow", .max = JIT_CAP_DEPTH_MAX),
    CLI_OPTION(CLI_FLAG, "no-delegate", 0, NULL, "grant, derive, tokens: not to be handed on"),
    CLI_OPTION(CLI_TEXT, "out", 'o', "FILE", "export, attenuate: where the token goes"),
    CLI_OPTION(CLI_NUMBER, "badge", 0, "N", "grant, derive, tokens: a number that stays with it"),
    CLI_OPTION(CLI_TEXT, "hub", 0, "PATH", "submit, look: the supervisor's socket for guests"),
    CLI_OPTION(CLI_LIST, "match", 0, "ID",
               "submit: what the rule matches, in its order: 64 hex digits, or a node's label"),
    CLI_OPTION(CLI_NUMBER, "nonce", 0, "N",
               "submit: the same one makes it the same intent (default: a new one)"),
    {.name = NULL},
};

int cap_folder_open(struct cli *cli, const char *label, bool bounded, uint64_t tick,
                    struct cap_folder *out)
{
    struct history_opening opening = {
        .label = label, .data = cli_text(cli, "data"), .bounded = bounded, .tick = tick};
    int code = history_open(cli, &opening, &out->system);
    if (code != CLI_OK) {
        return code;
    }
    uint64_t judged = bounded ? tick : out->system.replay.tick + 1;
    code = authority_read(cli, out->system.store, &out->system.replay.version, judged,
                          &out->authority);
    if (code != CLI_OK) {
        cap_folder_close(out);
    }
    return code;
}

void cap_folder_close(struct cap_folder *folder)
{
    authority_release(&folder->authority);
    shell_system_close(&folder->system);
}

int cap_parse_rights(struct cli *cli, const char *text, uint32_t *out)
{
    static const char *const names[] = {"map", "invoke", "read", "write"};
    *out = 0;
    while (*text != '\0') {
        size_t size = strcspn(text, ",");
        unsigned i = 0;
        while (i < 4 && (strlen(names[i]) != size || memcmp(names[i], text, size) != 0)) {
            i++;
        }
        if (i == 4) {
            cli_what(cli, "%.*s is no right", (int)size, text);
            cli_why(cli, "rights are map, read, write and invoke");
            cli_next(cli, "jitos cap explain 'w[0]' map --data DIR");
            return CLI_USAGE;
        }
        *out |= 1u << i;
        text += size + (text[size] == ',');
    }
    return CLI_OK;
}

/* ---- ls, tree ---- */

static const char *state_of(const struct authority *a, uint32_t node)
{
    enum sys_cap_verdict live = sys_caps_live(a->caps, node);
    return live == SYS_CAP_ALLOWED ? "" : live == SYS_CAP_EXPIRED ? "expired" : "revoked";
}

static void print_cap(struct cli *cli, const struct authority *a, uint32_t at, unsigned indent)
{
    const struct sys_cap_node *node = sys_caps_node(a->caps, at);
    char process[AUTHORITY_TEXT];
    char text[AUTHORITY_TEXT];
    char name[80];
    char id[JIT_ID_HEX];
    const char *state = state_of(a, at);
    authority_process(a, node->holder, process);
    authority_cap(a, at, text);
    snprintf(name, sizeof name, "%.60s/%u", process, node->slot);
    cli_print(cli, "%*s%-16s %s%s%s\n", (int)indent, "", name, text, state[0] != '\0' ? "; " : "",
              state);
    jit_id_to_hex(&node->id, id);
    json_t *event = cli_event("capability", "jitos.cap/1");
    cli_put_text(event, "name", name);
    cli_put_text(event, "process", process);
    cli_put_number(event, "slot", node->slot);
    cli_put_number(event, "generation", node->cap.generation);
    cli_put_number(event, "depth", node->depth);
    cli_put_text(event, "id", id);
    cli_put_text(event, "text", text);
    cli_put_text(event, "state", state[0] != '\0' ? state : "live");
    if (node->parent != SYS_CAP_NONE) {
        jit_id_to_hex(&sys_caps_node(a->caps, node->parent)->id, id);
        cli_put_text(event, "parent", id);
    }
    cli_emit(cli, event);
}

/* What it may keep for itself lies with the process, not in a capability (decision 0078). */
static void print_quota(struct cli *cli, const struct authority *a, uint32_t process)
{
    const struct rmg_amount *most = &a->config->processes[process].policy.graph;
    const struct {
        const char *name;
        const char *field;
        uint64_t most;
    } rows[] = {{"nodes", "nodes_max", most->nodes},
                {"edges", "edges_max", most->edges},
                {"bytes", "bytes_max", most->bytes}};
    char name[AUTHORITY_TEXT];
    bool any = false;
    if (!rmg_amount_bounded(most)) {
        return;
    }
    authority_process(a, process, name);
    json_t *event = cli_event("quota", "jitos.cap.quota/1");
    cli_put_text(event, "process", name);
    cli_print(cli, "%-16s its graph at most ", name);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].most != UINT64_MAX) {
            cli_print(cli, "%s%llu %s", any ? ", " : "", (unsigned long long)rows[i].most,
                      rows[i].name);
            cli_put_number(event, rows[i].field, rows[i].most);
            any = true;
        }
    }
    cli_print(cli, "\n");
    cli_emit(cli, event);
}

static int open_asked(struct cli *cli, const char *label, struct cap_folder *folder)
{
    return cap_folder_open(cli, label, cli_given(cli, "at"), cli_number(cli, "at"), folder);
}

int cap_ls(struct cli *cli)
{
    struct cap_folder folder;
    struct cap_used used = {.items = NULL};
    uint32_t only = SYS_CAP_NONE;
    int code = open_asked(cli, "cap ls", &folder);
    if (code != CLI_OK) {
        return code;
    }
    const struct authority *a = &folder.authority;
    if (cli->operand_count > 1) {
        code = authority_find_process(cli, a, cli->operands[1], &only);
    }
    if (code == CLI_OK && cli_given(cli, "unused")) {
        code = cap_used_read(cli, &used);
    }
    for (uint32_t p = 0; code == CLI_OK && p < a->config->process_count; p++) {
        for (uint32_t slot = 0; slot < sys_caps_slots(a->caps, p); slot++) {
            uint32_t at = sys_caps_at(a->caps, p, slot);
            bool shown = at != SYS_CAP_NONE && (only == SYS_CAP_NONE || only == p);
            if (shown && !(cli_given(cli, "unused") && cap_used_is(a, &used, at))) {
                print_cap(cli, a, at, 0);
            }
        }
        if (!cli_given(cli, "unused") && (only == SYS_CAP_NONE || only == p)) {
            print_quota(cli, a, p);
        }
    }
    free(used.items);
    cap_folder_close(&folder);
    return code;
}

/* All that was derived from one (SYS_CAP_NONE: what was granted), by holder and slot. */
static void print_below(struct cli *cli, const struct authority *a, uint32_t parent)
{
    for (uint32_t p = 0; p < a->config->process_count; p++) {
        for (uint32_t slot = 0; slot < sys_caps_slots(a->caps, p); slot++) {
            uint32_t at = sys_caps_at(a->caps, p, slot);
            const struct sys_cap_node *node = sys_caps_node(a->caps, at);
            if (node == NULL || node->parent != parent) {
                continue;
            }
            print_cap(cli, a, at, 2 * node->depth);
            if (node->children > 0) {
                print_below(cli, a, at); /* at most JIT_CAP_DEPTH_MAX deep */
            }
        }
    }
}

int cap_tree(struct cli *cli)
{
    struct cap_folder folder;
    uint32_t only = SYS_CAP_NONE;
    int code = open_asked(cli, "cap tree", &folder);
    if (code != CLI_OK) {
        return code;
    }
    const struct authority *a = &folder.authority;
    if (cli->operand_count > 1) {
        code = authority_find_cap(cli, a, cli->operands[1], &only);
    }
    if (code == CLI_OK) {
        if (only != SYS_CAP_NONE) {
            print_cap(cli, a, only, 2 * sys_caps_node(a->caps, only)->depth);
        }
        print_below(cli, a, only);
    }
    cap_folder_close(&folder);
    return code;
}

/* ---- who-can ---- */

/* All of a rule's parameters as a request has them. False: some are not given. */
static bool whole(const struct authority_call *call, struct jit_buf *params)
{
    for (uint32_t i = 0; i < call->bound_count; i++) {
        jit_buf_put_u64(params, call->bound[i].size);
        jit_buf_put(params, call->bound[i].bytes, call->bound[i].size);
    }
    return call->bound_count == call->rule->param_count && params->err == JIT_OK;
}

int cap_parse_need(struct cli *cli, const struct authority *a, uint32_t first, struct cap_need *out)
{
    struct authority_need *need = &out->need;
    *out = (struct cap_need){.call = {.rule = NULL}};
    jit_buf_init(&out->call.bytes, jit_heap_libc(), 1);
    jit_buf_init(&out->params, jit_heap_libc(), 2u * JIT_PARAMS_BYTES_MAX);
    int code = cap_parse_rights(cli, cli->operands[first], &need->right);
    if (code == CLI_OK && cli->operand_count > first + 1) {
        code = authority_parse_call(cli, a, cli->operands[first + 1], &out->call);
        need->rule = out->call.rule;
        if (code == CLI_OK && out->call.bound_count > 0 && !whole(&out->call, &out->params)) {
            cli_what(cli, "not every parameter of %s is given", out->call.rule->name);
            cli_why(cli, "a request has all of them, and a capability may be bound to any");
            cli_next(cli, "give all, or none");
            code = CLI_USAGE;
        }
        need->params = out->params.size > 0 ? out->params.data : NULL;
        need->params_size = (uint32_t)out->params.size;
    }
    return code == CLI_OK ? authority_find_instance(cli, a, cli_text(cli, "on"), &need->instance)
                          : code;
}

void cap_need_release(struct cap_need *need)
{
    jit_buf_release(&need->call.bytes);
    jit_buf_release(&need->params);
}

int cap_who_can(struct cli *cli)
{
    struct cap_folder folder;
    struct cap_need need;
    bool anybody = false;
    if (cli->operand_count < 2) {
        cli_what(cli, "who can do what?");
        cli_why(cli, "who-can wants a right, and for invoke a rule");
        cli_next(cli, "jitos cap who-can invoke RULE --on /world --data DIR");
        return CLI_USAGE;
    }
    int code = open_asked(cli, "cap who-can", &folder);
    if (code != CLI_OK) {
        return code;
    }
    const struct authority *a = &folder.authority;
    code = cap_parse_need(cli, a, 1, &need);
    for (uint32_t p = 0; code == CLI_OK && p < a->config->process_count; p++) {
        for (uint32_t slot = 0; slot < sys_caps_slots(a->caps, p); slot++) {
            uint32_t at = sys_caps_at(a->caps, p, slot);
            if (at != SYS_CAP_NONE && authority_check(a, at, &need.need) == SYS_CAP_ALLOWED) {
                print_cap(cli, a, at, 0);
                anybody = true;
            }
        }
    }
    if (code == CLI_OK && !anybody) {
        cli_print(cli, "nobody\n");
        code = CLI_NO;
    }
    cap_need_release(&need);
    cap_folder_close(&folder);
    return code;
}

/* ---- the verb ---- */

int jitos_cap(struct cli *cli)
{
    static const struct {
        const char *name;
        int (*run)(struct cli *cli);
    } verbs[] = {{"ls", cap_ls},
                 {"tree", cap_tree},
                 {"who-can", cap_who_can},
                 {"explain", cap_explain},
                 {"grant", cap_change},
                 {"derive", cap_change},
                 {"move", cap_change},
                 {"revoke", cap_change},
                 {"owner", cap_owner},
                 {"own", cap_own},
                 {"audit", cap_audit},
                 {"export", cap_export},
                 {"attenuate", cap_attenuate},
                 {"show", cap_show},
                 {"import", cap_import},
                 {"submit", cap_submit},
                 {"look", cap_look},
                 {"log", cap_log}};
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(cli->operands[0], verbs[i].name) == 0) {
            return verbs[i].run(cli);
        }
    }
    cli_what(cli, "%s is nothing that can be done with capabilities", cli->operands[0]);
    cli_why(cli,
            "there are ls, tree, who-can, explain, grant, derive, move, revoke, owner, own, audit, "
            "export, "
            "attenuate, show, import, submit, look, log");
    cli_next(cli, "jitos help cap");
    return CLI_USAGE;
}
