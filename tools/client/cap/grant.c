/* jitos cap grant, derive, move, revoke - changing who may do what, as the operator: in the tick
 * that is being collected, or at rest in one made for it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "tools/client/cap/cap.h"
#include "tools/client/mute.h"
#include "tools/client/session.h"

/* ---- what narrows it ---- */

static int compare_ids(const void *a, const void *b)
{
    return jit_id_compare(a, b);
}

/* The types given with one option; ids has room for SYS_ATTENUATOR_IDS_MAX. */
static int read_types(struct cli *cli, const struct authority *a, const char *option,
                      struct jit_id *ids, struct sys_id_set *out)
{
    uint32_t count = 0;
    const char *text;
    int code = CLI_OK;
    while (code == CLI_OK && count < SYS_ATTENUATOR_IDS_MAX &&
           (text = cli_list(cli, option, count)) != NULL) {
        code = authority_find_type(cli, a, text, &ids[count++]);
    }
    qsort(ids, count, sizeof *ids, compare_ids);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (kept == 0 || !jit_id_equal(&ids[kept - 1], &ids[i])) {
            ids[kept++] = ids[i];
        }
    }
    *out = (struct sys_id_set){.ids = ids, .count = kept};
    return code;
}

int cap_parse_narrowing(struct cli *cli, const struct authority *a,
                        const struct authority_call *call, struct cap_narrowing *out)
{
    static const struct {
        const char *name;
        enum sys_given given;
    } options[] = {{"nodes", SYS_GIVEN_NODES},       {"edges", SYS_GIVEN_EDGES},
                   {"priority", SYS_GIVEN_PRIORITY}, {"requests", SYS_GIVEN_OPERATIONS},
                   {"bytes", SYS_GIVEN_BYTES},       {"until", SYS_GIVEN_LAST_TICK},
                   {"depth", SYS_GIVEN_DEPTH},       {"no-delegate", SYS_GIVEN_NO_DELEGATE}};
    struct sys_attenuators *n = &out->attenuators;
    *n = (struct sys_attenuators){.priority_max = (int32_t)cli_number(cli, "priority"),
                                  .operations = cli_number(cli, "requests"),
                                  .bytes = cli_number(cli, "bytes"),
                                  .last_tick = cli_number(cli, "until"),
                                  .depth = (uint32_t)cli_number(cli, "depth"),
                                  .bound = call->bound,
                                  .bound_count = call->bound_count};
    n->given = call->bound_count > 0 ? SYS_GIVEN_BOUND : 0;
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        n->given |= cli_given(cli, options[i].name) ? (uint32_t)options[i].given : 0;
    }
    int code = read_types(cli, a, "nodes", out->nodes, &n->nodes);
    return code == CLI_OK ? read_types(cli, a, "edges", out->edges, &n->edges) : code;
}

static int put_narrow(struct cli *cli, const struct authority *a, const struct authority_call *call,
                      struct jit_buf *out)
{
    struct cap_narrowing n;
    int code = cap_parse_narrowing(cli, a, call, &n);
    if (code == CLI_OK && n.attenuators.given != 0) {
        sys_attenuators_encode(&n.attenuators, out);
    }
    return code;
}

/* ---- requests ---- */

static void put_derive(struct cap_change *change, const struct sys_derive *head,
                       const struct jit_buf *narrow)
{
    struct sys_derive whole = *head;
    whole.to_slot = SYS_NONE;
    whole.attenuators_size = (uint32_t)narrow->size;
    jit_buf_put(&change->data, &whole, sizeof whole);
    /* Without all its narrowings it would allow more than was said. */
    jit_buf_put_buf(&change->data, narrow);
}

static void name_capability(const struct authority *a, uint32_t node, struct cap_change *change,
                            struct sys_derive *head)
{
    const struct sys_cap_node *held = sys_caps_node(a->caps, node);
    head->cap_slot = held->slot;
    head->cap_generation = held->cap.generation;
    head->rights = held->cap.rights;
    cap_name_holder(a, node, change);
}

void cap_name_holder(const struct authority *a, uint32_t node, struct cap_change *change)
{
    const struct sys_cap_node *held = sys_caps_node(a->caps, node);
    change->has_holder = true;
    change->holder = a->config->processes[held->holder].id;
    authority_process(a, held->holder, change->holder_name);
}

/* grant PROCESS RIGHT [RULE], derive CAP [RIGHT [RULE]]. */
int cap_parse_derive(struct cli *cli, const struct authority *a, struct cap_change *change)
{
    struct sys_derive head = {.flags = 0};
    struct authority_call call = {.rule = NULL};
    struct jit_buf narrow;
    uint32_t process = 0;
    uint32_t from = SYS_CAP_NONE;
    bool grants = change->call == SYS_CALL_grant;
    const char *cap = grants ? cli_text(cli, "from") : cli->operands[1];
    int code = CLI_OK;
    jit_buf_init(&call.bytes, jit_heap_libc(), 1);
    jit_buf_init(&narrow, jit_heap_libc(), SYS_ATTENUATORS_BYTES_MAX);
    if (grants) {
        code = authority_find_process(cli, a, cli->operands[1], &process);
    }
    if (code == CLI_OK && cap != NULL) {
        code = authority_find_cap(cli, a, cap, &from);
    }
    if (code == CLI_OK && from != SYS_CAP_NONE) {
        name_capability(a, from, change, &head);
        process = grants ? process : sys_caps_node(a->caps, from)->holder;
    }
    if (code == CLI_OK && cli->operand_count > 2) {
        code = cap_parse_rights(cli, cli->operands[2], &head.rights);
    }
    if (code == CLI_OK && cli->operand_count > 3) {
        code = authority_parse_call(cli, a, cli->operands[3], &call);
        head.rule = call.rule != NULL ? call.rule->id : head.rule;
    }
    if (code == CLI_OK && cli_given(cli, "process")) {
        uint32_t about = 0;
        code = authority_find_process(cli, a, cli_text(cli, "process"), &about);
        if (code == CLI_OK) {
            head.instance = a->config->processes[about].id;
            change->object = SYS_OBJECT_PROCESS;
        }
    } else if (code == CLI_OK && (from == SYS_CAP_NONE || cli_given(cli, "on"))) {
        code = authority_find_instance(cli, a, cli_text(cli, "on"), &head.instance);
    }
    if (code == CLI_OK) {
        code = put_narrow(cli, a, &call, &narrow);
    }
    if (code == CLI_OK) {
        head.badge = cli_number(cli, "badge");
        change->has_target = true;
        change->target = a->config->processes[process].id;
        authority_process(a, process, change->target_name);
        put_derive(change, &head, &narrow);
    }
    jit_buf_release(&call.bytes);
    jit_buf_release(&narrow);
    return code;
}

static int read_revoke(struct cli *cli, const struct authority *a, struct cap_change *change)
{
    struct sys_derive head = {.flags = 0};
    uint32_t node = SYS_CAP_NONE;
    int code = authority_find_cap(cli, a, cli->operands[1], &node);
    if (code == CLI_OK) {
        name_capability(a, node, change, &head);
        const struct sys_revoke revoke = {
            .cap_slot = head.cap_slot,
            .cap_generation = head.cap_generation,
            .flags = cli_given(cli, "only-children") ? SYS_ONLY_CHILDREN : 0};
        jit_buf_put(&change->data, &revoke, sizeof revoke);
    }
    return code;
}

/* ---- asking a supervisor ---- */

static int failed(struct cli *cli, const char *why)
{
    cli_what(cli, "nothing has been changed in %s", cli_text(cli, "data"));
    cli_why(cli, "%s", why);
    cli_next(cli, "jitos ps --data %s", cli_text(cli, "data"));
    return CLI_HOST;
}

static int refused_because(struct cli *cli, const char *why)
{
    cli_print(cli, "%srefused%s: %s\n", cli_style(cli, CLI_RED), cli_style(cli, CLI_PLAIN), why);
    json_t *event = cli_event("done", "jitos.cap.change/1");
    cli_put_bool(event, "done", false);
    cli_put_text(event, "why", why);
    int code = cli_emit(cli, event);
    return code != CLI_OK ? code : CLI_NO;
}

static int refused(struct cli *cli, uint64_t result, uint64_t verdict, uint64_t excess)
{
    char why[200];
    if (excess != SYS_EXCESS_NONE) {
        snprintf(why, sizeof why, "more than is held: %s",
                 sys_cap_excess_text((enum sys_cap_excess)excess));
    } else {
        snprintf(why, sizeof why, "%s",
                 verdict != SYS_CAP_ALLOWED ? sys_cap_verdict_text((enum sys_cap_verdict)verdict)
                                            : rmg_result_text((enum rmg_result)result));
    }
    return refused_because(cli, why);
}

static int read_answer(struct cli *cli, const cbor_item_t *message, struct cap_changed *out)
{
    uint64_t result = 0;
    uint64_t verdict = 0;
    uint64_t excess = 0;
    if (!hub_is(message, "t", "cap") || !hub_get_uint(message, "slot", &out->slot) ||
        !hub_get_uint(message, "generation", &out->generation) ||
        !hub_get_uint(message, "tick", &out->tick) || !hub_get_uint(message, "result", &result) ||
        !hub_get_uint(message, "verdict", &verdict) || !hub_get_uint(message, "excess", &excess)) {
        return failed(cli, "it answered in a way we do not understand");
    }
    return result == RMG_APPLIED ? CLI_OK : refused(cli, result, verdict, excess);
}

static int ask(struct cli *cli, const struct cap_change *change, struct hub_client *client,
               struct cap_changed *out)
{
    struct hub_writer w;
    cbor_item_t *message = NULL;
    if (change->token) {
        hub_client_begin(client, &w, "cap", 3);
        hub_bytes(&w, "token", change->data.data, change->data.size);
    } else {
        hub_client_begin(client, &w, "cap", 4u + change->has_holder + change->has_target);
        hub_uint(&w, "call", change->call);
        hub_bytes(&w, "data", change->data.data, change->data.size);
        if (change->has_holder) {
            hub_id(&w, "holder", &change->holder);
        }
        hub_uint(&w, "object", (uint64_t)change->object);
    }
    if (change->has_target) {
        hub_id(&w, "target", &change->target);
    }
    enum jit_err err = hub_client_send(client, &w);
    if (err == JIT_OK) {
        err = hub_client_next(client, -1, &message);
    }
    if (err == JIT_EPEER && strcmp(client->code, "token") == 0) {
        return refused_because(cli, client->error);
    }
    if (err != JIT_OK) {
        return failed(cli, client->error);
    }
    int code = read_answer(cli, message, out);
    cbor_decref(&message);
    return code;
}

/* Nobody runs: a supervisor for this one change. */
static int ask_at_rest(struct cli *cli, const struct cap_change *change, struct cap_changed *out)
{
    struct session session;
    char program[4200];
    int ended_by = 0;
    session_program_path("jitosd", program, sizeof program);
    const struct session_options options = {.program = program,
                                            .data = cli_text(cli, "data"),
                                            .jobs = 1,
                                            .durability = "tick",
                                            .die_at_log_offset = UINT64_MAX,
                                            .quiet = cli->quiet};
    int code = session_start(&session, jit_heap_libc(), &options) == JIT_OK
                   ? ask(cli, change, &session.client, out)
                   : failed(cli, session.error);
    session_end(&session, &ended_by);
    return code;
}

int cap_ask(struct cli *cli, const struct cap_change *change, struct cap_changed *out)
{
    struct hub_client client;
    struct mute mute;
    *out = (struct cap_changed){.tick = 0};
    if (change->data.err != JIT_OK) {
        return failed(cli, jit_err_text(change->data.err));
    }
    mute_init(&mute, cli, cli_text(cli, "data"));
    enum jit_err err =
        hub_client_open(&client, jit_heap_libc(), cli_text(cli, "data"), &mute.watch);
    if (err == JIT_ENOENT) {
        return ask_at_rest(cli, change, out);
    }
    if (err != JIT_OK) {
        return failed(cli, client.error);
    }
    int code = ask(cli, change, &client, out);
    hub_client_close(&client);
    return code;
}

int cap_say_new(struct cli *cli, const struct cap_change *change, const struct cap_changed *made)
{
    char name[AUTHORITY_TEXT + 40];
    json_t *event = cli_event("done", "jitos.cap.change/1");
    snprintf(name, sizeof name, "%s/%llu", change->target_name, (unsigned long long)made->slot);
    cli_print(cli, "%s, generation %llu, in tick %llu\n", name,
              (unsigned long long)made->generation, (unsigned long long)made->tick);
    cli_put_bool(event, "done", true);
    cli_put_number(event, "tick", made->tick);
    cli_put_text(event, "name", name);
    cli_put_number(event, "generation", made->generation);
    return cli_emit(cli, event);
}

static int say_revoked(struct cli *cli, const struct cap_changed *made)
{
    json_t *event = cli_event("done", "jitos.cap.change/1");
    cli_print(cli, "revoked in tick %llu\n", (unsigned long long)made->tick);
    cli_put_bool(event, "done", true);
    cli_put_number(event, "tick", made->tick);
    return cli_emit(cli, event);
}

/* move CAP PROCESS: it goes from one to the other; what was derived from it stays derived. */
static int read_move(struct cli *cli, const struct authority *a, struct cap_change *change)
{
    struct sys_derive head = {.flags = SYS_MOVE, .to_slot = SYS_NONE};
    uint32_t node = SYS_CAP_NONE;
    uint32_t process = 0;
    int code = authority_find_cap(cli, a, cli->operands[1], &node);
    if (code == CLI_OK) {
        code = authority_find_process(cli, a, cli->operands[2], &process);
    }
    if (code == CLI_OK) {
        name_capability(a, node, change, &head);
        head.rights = 0; /* a move narrows nothing */
        change->has_target = true;
        change->target = a->config->processes[process].id;
        authority_process(a, process, change->target_name);
        jit_buf_put(&change->data, &head, sizeof head);
    }
    return code;
}

static const struct verb {
    const char *name;
    uint32_t call;
    uint32_t operands;
    int (*read)(struct cli *cli, const struct authority *a, struct cap_change *change);
    const char *why;
} verbs[] = {
    {"grant", SYS_CALL_grant, 3, cap_parse_derive,
     "grant wants a process and a right, and for invoke a rule"},
    {"derive", SYS_CALL_derive, 2, cap_parse_derive, "derive wants a capability: w[1]/3"},
    {"move", SYS_CALL_grant, 3, read_move, "move wants a capability and a process: w[1]/3 v[0]"},
    {"revoke", SYS_CALL_revoke, 2, read_revoke, "revoke wants a capability: w[1]/3"},
};

int cap_change(struct cli *cli)
{
    struct cap_folder folder;
    struct cap_changed made;
    const struct verb *verb = verbs;
    while (strcmp(cli->operands[0], verb->name) != 0) {
        verb++;
        assert(verb < verbs + sizeof verbs / sizeof verbs[0]);
    }
    if (cli->operand_count < verb->operands) {
        cli_what(cli, "what is to be changed?");
        cli_why(cli, "%s", verb->why);
        cli_next(cli, "jitos help cap");
        return CLI_USAGE;
    }
    struct cap_change change = {.call = verb->call, .object = SYS_OBJECT_INSTANCE};
    jit_buf_init(&change.data, jit_heap_libc(), JIT_REQUEST_BYTES_MAX);
    int code = cap_folder_open(cli, "cap", false, 0, &folder);
    if (code == CLI_OK) {
        code = verb->read(cli, &folder.authority, &change);
        cap_folder_close(&folder); /* whoever serves the folder has to have it for himself */
    }
    if (code == CLI_OK) {
        code = cap_ask(cli, &change, &made);
    }
    if (code == CLI_OK) {
        code = change.call == SYS_CALL_revoke ? say_revoked(cli, &made)
                                              : cap_say_new(cli, &change, &made);
    }
    jit_buf_release(&change.data);
    return code;
}
