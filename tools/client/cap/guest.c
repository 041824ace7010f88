/* jitos cap submit, look - asking a supervisor as a guest, by what a token allows: docs/spec/hub.md
 * "Guests", docs/spec/intent.md. */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/le.h"
#include "kernel/core/intent.h"
#include "kernel/hub/hub_client.h"
#include "tools/client/cap/cap.h"
#include "tools/client/mute.h"

#define WITHIN_TICKS 100u /* that an intent counts in, when nothing else is said */

/* ---- the supervisor ---- */

/* Who asks, by which token; it is closed whatever came of it. */
struct guest {
    struct sys_token *token;
    struct cap_stand_in *s; /* the token's rules and instances */
    struct hub_client client;
    struct mute mute;
    cbor_item_t *answer; /* the last one; NULL: none, or it was read */
};

static int guest_open(struct cli *cli, struct guest *g)
{
    *g = (struct guest){.client = {.heap = jit_heap_libc(), .fd = -1}};
    int code = cap_token_file(cli, cli->operands[1], &g->token);
    return code == CLI_OK ? cap_stand_in_new(cli, g->token, &g->s) : code;
}

static void guest_close(struct guest *g)
{
    if (g->answer != NULL) {
        cbor_decref(&g->answer);
    }
    hub_client_close(&g->client);
    cap_stand_in_free(g->s);
    sys_token_free(g->token);
}

static int failed(struct cli *cli, const struct hub_client *client, enum jit_err err)
{
    bool denied = strcmp(client->code, "token") == 0 || strcmp(client->code, "denied") == 0;
    if (err == JIT_EPEER && (denied || strcmp(client->code, "late") == 0)) {
        cli_print(cli, "refused: %s\n", client->error);
        json_t *event = cli_event("refused", "jitos.cap.intent/1");
        cli_put_text(event, "code", client->code);
        cli_put_text(event, "text", client->error);
        int code = cli_emit(cli, event);
        return code == CLI_OK ? CLI_NO : code;
    }
    cli_what(cli, "the supervisor did not do it");
    cli_why(cli, "%s", client->error[0] != '\0' ? client->error : jit_err_text(err));
    cli_next(cli, "ask the owner which socket is for guests: jitosd --guests PATH");
    return strcmp(client->code, "missing") == 0     ? CLI_NOT_FOUND
           : err == JIT_ENOENT || err == JIT_EAGAIN ? CLI_UNREACHABLE
                                                    : (int)cli_exit_of(err);
}

/* Sends what was written; g->answer: what came back, of this type. */
static int ask(struct cli *cli, struct guest *g, struct hub_writer *w, const char *type)
{
    enum jit_err err = hub_client_send(&g->client, w);
    if (err == JIT_OK) {
        err = hub_client_next(&g->client, HUB_GREETING_MS, &g->answer);
    }
    if (err == JIT_OK && !hub_is(g->answer, "t", type)) {
        err = JIT_EPEER;
    }
    return err == JIT_OK ? CLI_OK : failed(cli, &g->client, err);
}

/* Connected, and the token shown; tick: the newest one. */
static int visit(struct cli *cli, struct guest *g, uint64_t *tick)
{
    struct hub_writer w;
    const char *path = cli_text(cli, "hub");
    if (path == NULL) {
        cli_what(cli, "which supervisor is to be asked?");
        cli_why(cli, "a guest comes through a socket that its owner has made for guests");
        cli_next(cli, "add --hub PATH, which is what jitosd --guests was given");
        return CLI_USAGE;
    }
    mute_init(&g->mute, cli, path);
    enum jit_err err = hub_client_visit(&g->client, jit_heap_libc(), path, &g->mute.watch);
    if (err != JIT_OK) {
        return failed(cli, &g->client, err);
    }
    hub_client_begin(&g->client, &w, "present", 2);
    hub_bytes(&w, "token", g->token->bytes, g->token->size);
    int code = ask(cli, g, &w, "token");
    if (code == CLI_OK && !hub_get_uint(g->answer, "tick", tick)) {
        code = failed(cli, &g->client, JIT_EPEER);
    }
    if (g->answer != NULL) {
        cbor_decref(&g->answer);
    }
    return code;
}

/* ---- submit ---- */

/* An id of 64 hex digits, or a node's label. */
static void node_id(const char *text, struct jit_id *out)
{
    if (jit_id_from_hex(text, strlen(text), out) != JIT_OK) {
        jit_hash_named("node:", text, strlen(text), out);
    }
}

/* A parameter that is not given is what the token is bound to. */
static bool put_param(const struct authority_call *call, const struct sys_attenuators *bound,
                      uint32_t index, struct jit_buf *out)
{
    for (uint32_t i = 0; i < call->bound_count; i++) {
        if (call->bound[i].index == index) {
            jit_buf_put_u64(out, call->bound[i].size);
            jit_buf_put(out, call->bound[i].bytes, call->bound[i].size);
            return true;
        }
    }
    for (uint32_t i = 0; bound != NULL && i < bound->bound_count; i++) {
        if (bound->bound[i].index == index) {
            jit_buf_put_u64(out, bound->bound[i].size);
            jit_buf_put(out, bound->bound[i].bytes, bound->bound[i].size);
            return true;
        }
    }
    return false;
}

static int put_intent(struct cli *cli, const struct authority *a, const struct sys_token *token,
                      uint64_t tick, struct jit_buf *out)
{
    struct authority_call call = {.rule = NULL};
    struct jit_buf params;
    struct jit_id ids[JIT_PATTERN_ELEMENTS_MAX];
    struct kern_intent intent = {.ids = ids, .nonce = cli_number(cli, "nonce")};
    intent.until = cli_given(cli, "until") ? cli_number(cli, "until") : tick + WITHIN_TICKS;
    if (!cli_given(cli, "nonce")) {
        uint8_t seed[SYS_TOKEN_SEED_BYTES];
        jit_sign_new_seed(seed);
        intent.nonce = jit_le64(seed) >> 1; /* so that it can be given again */
    }
    const char *text = NULL;
    while ((text = cli_list(cli, "match", intent.id_count)) != NULL &&
           intent.id_count < JIT_PATTERN_ELEMENTS_MAX) {
        node_id(text, &ids[intent.id_count++]);
    }
    jit_buf_init(&call.bytes, jit_heap_libc(), 1);
    jit_buf_init(&params, jit_heap_libc(), 2u * JIT_PARAMS_BYTES_MAX);
    int code = authority_parse_call(cli, a, cli->operands[2], &call);
    if (code == CLI_OK) {
        code = authority_find_instance(cli, a, cli_text(cli, "on"), &intent.instance);
    }
    for (uint32_t i = 0; code == CLI_OK && i < call.rule->param_count; i++) {
        if (!put_param(&call, token->cap.attenuators, i, &params)) {
            cli_what(cli, "parameter %s of %s is not given", call.rule->params[i].name,
                     call.rule->name);
            cli_why(cli, "a request has all of them, and the token does not say it");
            cli_next(cli, "jitos cap show %s", cli->operands[1]);
            code = CLI_USAGE;
        }
    }
    if (code == CLI_OK) {
        intent.rule_id = call.rule->id;
        intent.params = params.data;
        intent.params_size = (uint32_t)params.size;
        kern_intent_encode(&intent, out);
        code = params.err == JIT_OK && out->err == JIT_OK ? CLI_OK : CLI_HOST;
    }
    jit_buf_release(&call.bytes);
    jit_buf_release(&params);
    return code;
}

static int say_intent(struct cli *cli, const cbor_item_t *answer)
{
    char hex[JIT_ID_HEX];
    struct jit_id hash = {{0}};
    uint64_t tick = 0;
    uint64_t result = RMG_RESULT_COUNT;
    bool again = false;
    bool said = hub_get_uint(answer, "result", &result) && result < RMG_RESULT_COUNT;
    (void)hub_get_id(answer, "hash", &hash);
    (void)hub_get_uint(answer, "tick", &tick);
    (void)hub_get_bool(answer, "again", &again);
    const char *text =
        said ? rmg_result_text((enum rmg_result)result) : "it was in that tick already";
    jit_id_to_hex(&hash, hex);
    cli_print(cli, "tick %llu: %s\n", (unsigned long long)tick, text);
    json_t *event = cli_event("intent", "jitos.cap.intent/1");
    cli_put_text(event, "hash", hex);
    cli_put_number(event, "tick", tick);
    if (said) {
        cli_put_text(event, "result", text);
    }
    cli_put_bool(event, "again", again);
    int code = cli_emit(cli, event);
    return code != CLI_OK ? code : said && result != RMG_APPLIED ? CLI_NO : CLI_OK;
}

/* submit FILE RULE --match NODE ... --hub PATH */
int cap_submit(struct cli *cli)
{
    struct guest g;
    struct hub_writer w;
    struct jit_buf data;
    uint64_t tick = 0;
    if (cli->operand_count < 3) {
        cli_what(cli, "what is to be asked for, under which token?");
        cli_why(cli, "submit wants the file of a token, and a rule");
        cli_next(cli, "jitos help cap");
        return CLI_USAGE;
    }
    jit_buf_init(&data, jit_heap_libc(), KERN_INTENT_BYTES_MAX);
    int code = guest_open(cli, &g);
    code = code == CLI_OK ? visit(cli, &g, &tick) : code;
    code =
        code == CLI_OK ? put_intent(cli, cap_stand_in_authority(g.s), g.token, tick, &data) : code;
    if (code == CLI_OK) {
        hub_client_begin(&g.client, &w, "intent", 3);
        hub_bytes(&w, "data", data.data, data.size);
        hub_uint(&w, "token", 0);
        code = ask(cli, &g, &w, "intent");
    }
    code = code == CLI_OK ? say_intent(cli, g.answer) : code;
    guest_close(&g);
    jit_buf_release(&data);
    return code;
}

/* ---- look ---- */

static void say_edges(struct cli *cli, const cbor_item_t *answer, json_t *event)
{
    char id[JIT_ID_HEX];
    json_t *list = json_array();
    const cbor_item_t *edges = hub_field(answer, "edges");
    size_t count = edges != NULL && cbor_isa_array(edges) ? cbor_array_size(edges) : 0;
    for (size_t i = 0; i < count; i++) {
        struct jit_id to = {{0}};
        const cbor_item_t *edge = cbor_array_handle(edges)[i];
        (void)hub_get_id(edge, "to", &to);
        jit_id_to_hex(&to, id);
        cli_print(cli, "  -> %s\n", id);
        json_array_append_new(list, json_string(id));
    }
    json_object_set_new(event, "to", list);
}

static void say_atoms(struct cli *cli, const cbor_item_t *answer, json_t *event)
{
    json_t *list = json_object();
    const cbor_item_t *atoms = hub_field(answer, "atoms");
    size_t count = atoms != NULL && cbor_isa_array(atoms) ? cbor_array_size(atoms) : 0;
    for (size_t i = 0; i < count; i++) {
        char name[JIT_NAME_BYTES_MAX + 1] = "";
        const uint8_t *bytes = NULL;
        size_t size = 0;
        const cbor_item_t *atom = cbor_array_handle(atoms)[i];
        (void)hub_get_text(atom, "name", name, sizeof name);
        char hex[2 * 64 + 4] = "";
        if (hub_get_bytes(atom, "data", &bytes, &size)) {
            size_t shown = size < 64 ? size : 64;
            for (size_t b = 0; b < shown; b++) {
                snprintf(hex + 2 * b, 3, "%02x", bytes[b]);
            }
            snprintf(hex + 2 * shown, 4, "%s", size > shown ? "..." : "");
        }
        cli_print(cli, "  %-12s %s\n", name, hex);
        json_object_set_new(list, name, json_string(hex));
    }
    json_object_set_new(event, "atoms", list);
}

static int say_node(struct cli *cli, const cbor_item_t *answer)
{
    struct jit_id root = {{0}};
    struct jit_id node = {{0}};
    char hex[JIT_ID_HEX];
    uint64_t tick = 0;
    (void)hub_get_uint(answer, "tick", &tick);
    (void)hub_get_id(answer, "root", &root);
    (void)hub_get_id(answer, "node", &node);
    json_t *event = cli_event("node", "jitos.cap.look/1");
    cli_put_number(event, "tick", tick);
    jit_id_to_hex(&root, hex);
    cli_put_text(event, "root", hex);
    cli_print(cli, "tick %llu, %s of root %s\n", (unsigned long long)tick, cli_text(cli, "on"),
              hex);
    jit_id_to_hex(&node, hex);
    cli_put_text(event, "node", hex);
    cli_print(cli, "%s\n", hex);
    say_atoms(cli, answer, event);
    say_edges(cli, answer, event);
    return cli_emit(cli, event);
}

/* look FILE [NODE] --hub PATH */
int cap_look(struct cli *cli)
{
    struct guest g;
    struct hub_writer w;
    struct jit_id instance;
    struct jit_id node;
    uint64_t tick = 0;
    const bool named = cli->operand_count > 2;
    if (cli->operand_count < 2) {
        cli_what(cli, "what is to be read, under which token?");
        cli_why(cli, "look wants the file of a token, and may name a node");
        cli_next(cli, "jitos help cap");
        return CLI_USAGE;
    }
    int code = guest_open(cli, &g);
    code = code == CLI_OK ? authority_find_instance(cli, cap_stand_in_authority(g.s),
                                                    cli_text(cli, "on"), &instance)
                          : code;
    code = code == CLI_OK ? visit(cli, &g, &tick) : code;
    if (code == CLI_OK) {
        hub_client_begin(&g.client, &w, "read", named ? 4 : 3);
        if (named) {
            node_id(cli->operands[2], &node);
            hub_id(&w, "node", &node);
        }
        hub_uint(&w, "token", 0);
        hub_id(&w, "instance", &instance);
        code = ask(cli, &g, &w, "node");
    }
    code = code == CLI_OK ? say_node(cli, g.answer) : code;
    guest_close(&g);
    return code;
}
