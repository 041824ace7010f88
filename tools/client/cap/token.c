/* jitos cap export, attenuate, show, import - capabilities outside the system: docs/spec/token.md.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "kernel/checkpoint/checkpoint.h"
#include "syscall/token.h"
#include "tools/formats/graph.h"
#include "tools/client/cap/cap.h"
#include "tools/client/history/history.h"
#include "tools/rmgtool/rmg.h"

/* ---- what a token says, where no state is at hand ---- */

/* A state of one process and one rule, as far as the token knows them. */
struct cap_stand_in {
    struct authority authority;
    struct kern_config config;
    struct kern_process_config process;
    struct rmg_rule rule;
    struct rmg_rule *rules[1];
    struct rmg_rule_param params[UINT8_MAX];
};

static bool read_params(const struct sys_token_rule *from, struct rmg_rule_param *params)
{
    const uint8_t *at = from->params;
    for (uint32_t i = 0; i < from->param_count; i++) { /* it was judged when it was read */
        uint8_t size = *at++;
        memcpy(params[i].name, at, size);
        params[i].name[size] = '\0';
        at += size;
        params[i].codec = (enum rmg_codec) * at++;
        if (params[i].codec == RMG_CODEC_NONE || params[i].codec > RMG_CODEC_LIST) {
            return false;
        }
    }
    return true;
}

int cap_stand_in_new(struct cli *cli, const struct sys_token *token, struct cap_stand_in **out)
{
    struct cap_stand_in *s = calloc(1, sizeof *s);
    *out = s;
    if (s == NULL || sys_caps_new(jit_heap_libc(), 1, &s->authority.caps) != JIT_OK) {
        cli_what(cli, "the token cannot be shown");
        cli_why(cli, "%s", jit_err_text(JIT_ENOMEM));
        return CLI_HOST;
    }
    s->authority.config = &s->config;
    s->config.process_count = 1;
    s->config.processes = &s->process;
    snprintf(s->process.name, sizeof s->process.name, "token");
    s->process.count = 1;
    s->config.rules = s->rules;
    s->rules[0] = &s->rule;
    s->rule.params = s->params;
    s->rule.id = token->cap.rule_id;
    memcpy(s->rule.name, token->rule.name, token->rule.name_size);
    bool named = token->rule.name_size > 0 && read_params(&token->rule, s->params);
    s->config.rule_count = named;
    s->rule.param_count = named ? token->rule.param_count : 0;
    return CLI_OK;
}

void cap_stand_in_free(struct cap_stand_in *s)
{
    if (s != NULL) {
        sys_caps_free(s->authority.caps);
        free(s);
    }
}

struct authority *cap_stand_in_authority(struct cap_stand_in *s)
{
    return &s->authority;
}

/* What it allows, in the words that `ls` has for a capability. */
static int put_words(struct cli *cli, struct authority *a, const struct sys_token *token,
                     char text[AUTHORITY_TEXT])
{
    struct sys_cap_node node = {
        .cap = token->cap, .slot = sys_caps_slots(a->caps, 0), .parent = SYS_CAP_NONE};
    uint32_t at = 0;
    const struct sys_attenuators *first = token->first.attenuators;
    node.cap.generation = 1;
    if (node.cap.attenuators != NULL && node.cap.attenuators->given == 0) {
        node.cap.attenuators = NULL;
    }
    if (token->blocks == 1 && first != NULL) { /* its quotas, as they were then */
        node.operations_left = first->operations;
        node.bytes_left = first->bytes;
    }
    if (sys_caps_put(a->caps, &node, &at) != JIT_OK) {
        cli_what(cli, "the token cannot be shown");
        cli_why(cli, "%s", jit_err_text(JIT_ENOMEM));
        return CLI_HOST;
    }
    authority_cap(a, at, text);
    return CLI_OK;
}

/* ---- files ---- */

static int read_token(struct cli *cli, const char *path, const uint8_t *issuer,
                      struct sys_token **out)
{
    uint8_t *bytes = NULL;
    uint64_t size = 0;
    struct sys_token_where where;
    *out = NULL;
    enum jit_err err = format_read_file(jit_heap_libc(), path, SYS_TOKEN_BYTES_MAX, &bytes, &size);
    if (err != JIT_OK) {
        cli_what(cli, "%s cannot be read", path);
        cli_why(cli, "%s", err == JIT_ELIMIT ? "it is too long for a token" : jit_err_text(err));
        cli_next(cli, "jitos cap export CAP --out FILE");
        return err == JIT_ELIMIT ? CLI_CORRUPT : (int)cli_exit_of(err);
    }
    enum sys_token_fault fault =
        sys_token_read(jit_heap_libc(), bytes, (size_t)size, issuer, NULL, out, &where);
    jit_sign_forget(bytes, (size_t)size);
    free(bytes);
    if (fault == SYS_TOKEN_GOOD) {
        return CLI_OK;
    }
    if (fault == SYS_TOKEN_MEMORY) {
        cli_what(cli, "%s cannot be read", path);
        cli_why(cli, "%s", sys_token_fault_text(fault));
        return CLI_HOST;
    }
    cli_what(cli, "the token %s is refused", path);
    cli_why(cli, "%s%s%s (block %u)", sys_token_fault_text(fault),
            fault == SYS_TOKEN_WIDENED ? ": " : "",
            fault == SYS_TOKEN_WIDENED ? sys_cap_excess_text(where.excess) : "", where.block);
    cli_next(cli, "ask whoever gave it to you for another");
    return fault == SYS_TOKEN_ROOT || fault == SYS_TOKEN_WIDENED || fault == SYS_TOKEN_COUNTED
               ? CLI_NO
               : CLI_CORRUPT;
}

int cap_token_file(struct cli *cli, const char *path, struct sys_token **out)
{
    return read_token(cli, path, NULL, out);
}

/* For its owner's eyes only, like a key. */
static int write_token(struct cli *cli, const struct jit_buf *buf)
{
    struct rmg_output out = RMG_OUTPUT_CLOSED;
    const char *path = cli_text(cli, "out");
    int code = rmg_output_open(&out, cli, path);
    if (code != CLI_OK) {
        return code;
    }
    enum jit_err err = jit_whole_private(&out.whole);
    if (err == JIT_OK) {
        err = jit_whole_write(&out.whole, buf->data, buf->size);
    }
    code = rmg_output_close(&out, err == JIT_OK);
    return code == CLI_OK && err != JIT_OK ? rmg_output_refused(cli, path, out.whole.error) : code;
}

static int say_token(struct cli *cli, const char *path, const struct sys_token *token,
                     const char *words, const char *name, uint64_t tick)
{
    char hex[JIT_ID_HEX];
    json_t *event = cli_event("token", "jitos.cap.token/1");
    if (name != NULL) {
        cli_print(cli, "%s: %s, in tick %llu\n", cli_word(cli, path), name,
                  (unsigned long long)tick);
        cli_put_text(event, "name", name);
        cli_put_number(event, "tick", tick);
    } else {
        cli_print(cli, "%s: %u %s\n", cli_word(cli, path), token->blocks - 1,
                  token->blocks == 2 ? "narrowing" : "narrowings");
    }
    cli_print(cli, "  %s\n", words);
    cli_put_text(event, "file", path);
    cli_put_number(event, "narrowings", token->blocks - 1);
    cli_put_text(event, "text", words);
    jit_id_to_hex(&token->issuer, hex);
    cli_put_text(event, "issuer", hex);
    jit_id_to_hex(&token->capability, hex);
    cli_put_text(event, "capability", hex);
    return cli_emit(cli, event);
}

static int wants(struct cli *cli, uint32_t operands, bool out, const char *why)
{
    if (cli->operand_count >= operands && (!out || cli_given(cli, "out"))) {
        return CLI_OK;
    }
    cli_what(cli, "what is to become of which token?");
    cli_why(cli, "%s", why);
    cli_next(cli, "jitos help cap");
    return CLI_USAGE;
}

/* ---- export ---- */

/* The key of the folder; made where there is none yet. */
static int read_key(struct cli *cli, bool make, uint8_t seed[JIT_SIGN_SEED_BYTES])
{
    struct history_folder folder;
    const char *data = cli_text(cli, "data");
    enum jit_err err = history_folder_open(data, !make, &folder);
    if (err == JIT_OK) {
        err = ckpt_key(folder.io, make, seed);
    }
    history_folder_close(&folder);
    if (err == JIT_OK) {
        return CLI_OK;
    }
    cli_what(cli, "the key of %s cannot be used", data);
    cli_why(cli, "%s",
            err == JIT_ENOENT    ? "it has none, so it has signed nothing"
            : err == JIT_EFORMAT ? "the file KEY is no secret key"
                                 : jit_err_text(err));
    cli_next(cli, "jitos cap export CAP --out FILE --data %s", data);
    return err == JIT_ENOENT ? CLI_NO : (int)cli_exit_of(err);
}

static void put_rule(const struct authority *a, const struct sys_cap *cap, struct jit_buf *params,
                     struct sys_token_rule *out)
{
    const struct rmg_rule *rule = kern_config_rule(a->config, &cap->rule_id);
    *out = (struct sys_token_rule){.name = ""};
    if (jit_id_is_zero(&cap->rule_id) || rule == NULL || rule->param_count > UINT8_MAX) {
        return;
    }
    for (uint32_t i = 0; i < rule->param_count; i++) {
        size_t size = strlen(rule->params[i].name);
        jit_buf_put_u8(params, (uint8_t)size);
        jit_buf_put(params, rule->params[i].name, size);
        jit_buf_put_u8(params, (uint8_t)rule->params[i].codec);
    }
    *out = (struct sys_token_rule){.name = rule->name,
                                   .name_size = (uint32_t)strlen(rule->name),
                                   .params = params->data,
                                   .params_size = (uint32_t)params->size,
                                   .param_count = rule->param_count};
}

/* The capability is there: signed as it is now. */
static int sign(struct cli *cli, const struct cap_change *change, const struct cap_changed *made,
                struct jit_buf *buf)
{
    struct cap_folder folder;
    struct jit_buf params;
    struct sys_token_rule rule;
    uint8_t seed[JIT_SIGN_SEED_BYTES];
    uint8_t next[JIT_SIGN_SEED_BYTES];
    uint32_t process = 0;
    uint32_t at = SYS_CAP_NONE;
    int code = cap_folder_open(cli, "cap export", false, 0, &folder);
    if (code != CLI_OK) {
        return code;
    }
    const struct authority *a = &folder.authority;
    while (process + 1 < a->config->process_count &&
           !jit_id_equal(&a->config->processes[process].id, &change->target)) {
        process++;
    }
    enum jit_err err =
        sys_caps_lookup(a->caps, process, (uint32_t)made->slot, (uint32_t)made->generation, &at);
    if (err != JIT_OK) {
        cli_what(cli, "no token was written");
        cli_why(cli, "the capability that was derived for it is gone already");
        code = CLI_NO;
    }
    if (code == CLI_OK) {
        code = read_key(cli, true, seed);
    }
    if (code == CLI_OK) {
        const struct sys_cap_node *node = sys_caps_node(a->caps, at);
        jit_buf_init(&params, jit_heap_libc(), 1u << 17);
        put_rule(a, &node->cap, &params, &rule);
        jit_sign_new_seed(next);
        sys_token_write(seed, &node->id, &node->cap, &rule, next, buf);
        jit_sign_forget(seed, sizeof seed);
        jit_sign_forget(next, sizeof next);
        if (params.err != JIT_OK || buf->err != JIT_OK) {
            cli_what(cli, "no token was written");
            cli_why(cli, "%s",
                    buf->err == JIT_ELIMIT ? "what it says is too long for one"
                                           : jit_err_text(JIT_ENOMEM));
            code = buf->err == JIT_ELIMIT ? CLI_NO : CLI_HOST;
        }
        jit_buf_release(&params);
    }
    cap_folder_close(&folder);
    return code;
}

/* May anything be derived from what is to be derived? */
static int check_depth(struct cli *cli, const struct authority *a)
{
    uint32_t node = SYS_CAP_NONE;
    int code = authority_find_cap(cli, a, cli->operands[1], &node);
    if (code != CLI_OK) {
        return code;
    }
    const struct sys_attenuators *n = sys_caps_node(a->caps, node)->cap.attenuators;
    bool shallow = n != NULL && (n->given & SYS_GIVEN_DEPTH) != 0 && n->depth < 2;
    bool given = cli_given(cli, "depth") && cli_number(cli, "depth") == 0;
    if (!shallow && !given && !cli_given(cli, "no-delegate")) {
        return CLI_OK;
    }
    cli_what(cli, "such a token would be good for nothing");
    cli_why(cli, "nothing could be derived from the capability it stands for");
    cli_next(cli, "leave it open here, and narrow the token: jitos cap attenuate");
    return shallow ? CLI_NO : CLI_USAGE;
}

int cap_export(struct cli *cli)
{
    struct cap_folder folder;
    struct cap_changed made;
    struct sys_token *token = NULL;
    struct cap_stand_in *s = NULL;
    struct jit_buf buf;
    char words[AUTHORITY_TEXT];
    char name[AUTHORITY_TEXT + 40];
    int code = wants(cli, 2, true, "export wants a capability and --out FILE");
    if (code != CLI_OK) {
        return code;
    }
    struct cap_change change = {.call = SYS_CALL_derive, .object = SYS_OBJECT_INSTANCE};
    jit_buf_init(&change.data, jit_heap_libc(), JIT_REQUEST_BYTES_MAX);
    jit_buf_init(&buf, jit_heap_libc(), SYS_TOKEN_BYTES_MAX);
    code = cap_folder_open(cli, "cap export", false, 0, &folder);
    if (code == CLI_OK) {
        code = check_depth(cli, &folder.authority);
        code = code == CLI_OK ? cap_parse_derive(cli, &folder.authority, &change) : code;
        cap_folder_close(&folder);
    }
    code = code == CLI_OK ? cap_ask(cli, &change, &made) : code;
    code = code == CLI_OK ? sign(cli, &change, &made, &buf) : code;
    code = code == CLI_OK ? write_token(cli, &buf) : code;
    code = code == CLI_OK ? read_token(cli, cli_text(cli, "out"), NULL, &token) : code;
    code = code == CLI_OK ? cap_stand_in_new(cli, token, &s) : code;
    code = code == CLI_OK ? put_words(cli, &s->authority, token, words) : code;
    if (code == CLI_OK) {
        snprintf(name, sizeof name, "%s/%llu", change.target_name, (unsigned long long)made.slot);
        code = say_token(cli, cli_text(cli, "out"), token, words, name, made.tick);
    }
    cap_stand_in_free(s);
    sys_token_free(token);
    jit_buf_release(&buf);
    jit_buf_release(&change.data);
    return code;
}

/* ---- attenuate ---- */

static int refused(struct cli *cli, enum sys_token_fault fault, const struct sys_token_where *where)
{
    cli_what(cli, "the token is not narrowed");
    if (fault == SYS_TOKEN_WIDENED) {
        cli_why(cli, "more than it allows: %s", sys_cap_excess_text(where->excess));
        cli_next(cli, "jitos cap show %s", cli->operands[1]);
    } else {
        cli_why(cli, "%s", sys_token_fault_text(fault));
        cli_next(cli, "give --requests and --bytes to jitos cap export");
    }
    return fault == SYS_TOKEN_MEMORY ? CLI_HOST : CLI_NO;
}

/* [RIGHT [RULE]] --on, and what narrows it; names are those that the token has, or are believed. */
static int narrow(struct cli *cli, const struct authority *a, const struct sys_token *token,
                  struct jit_buf *buf)
{
    struct authority_call call = {.rule = NULL};
    struct cap_narrowing n;
    struct sys_cap_want want = {.badge = cli_number(cli, "badge"), .attenuators = &n.attenuators};
    struct sys_token_where where;
    uint8_t next[JIT_SIGN_SEED_BYTES];
    int code = CLI_OK;
    jit_buf_init(&call.bytes, jit_heap_libc(), 1);
    if (cli->operand_count > 2) {
        code = cap_parse_rights(cli, cli->operands[2], &want.rights);
    }
    if (code == CLI_OK && cli->operand_count > 3) {
        code = authority_parse_call(cli, a, cli->operands[3], &call);
        want.rule_id = call.rule != NULL ? call.rule->id : want.rule_id;
    }
    if (code == CLI_OK && cli_given(cli, "on")) {
        code = authority_find_instance(cli, a, cli_text(cli, "on"), &want.instance);
    }
    code = code == CLI_OK ? cap_parse_narrowing(cli, a, &call, &n) : code;
    if (code == CLI_OK) {
        jit_sign_new_seed(next);
        enum sys_token_fault fault = sys_token_narrow(token, &want, next, buf, &where);
        jit_sign_forget(next, sizeof next);
        code = fault == SYS_TOKEN_GOOD ? CLI_OK : refused(cli, fault, &where);
    }
    jit_buf_release(&call.bytes);
    return code;
}

int cap_attenuate(struct cli *cli)
{
    struct sys_token *token = NULL;
    struct sys_token *narrowed = NULL;
    struct cap_stand_in *s = NULL;
    struct jit_buf buf;
    char words[AUTHORITY_TEXT];
    int code = wants(cli, 2, true, "attenuate wants the file of a token, and --out FILE");
    if (code != CLI_OK) {
        return code;
    }
    jit_buf_init(&buf, jit_heap_libc(), SYS_TOKEN_BYTES_MAX);
    code = read_token(cli, cli->operands[1], NULL, &token);
    code = code == CLI_OK ? cap_stand_in_new(cli, token, &s) : code;
    code = code == CLI_OK ? narrow(cli, &s->authority, token, &buf) : code;
    code = code == CLI_OK ? write_token(cli, &buf) : code;
    code = code == CLI_OK ? read_token(cli, cli_text(cli, "out"), NULL, &narrowed) : code;
    code = code == CLI_OK ? put_words(cli, &s->authority, narrowed, words) : code;
    if (code == CLI_OK) {
        code = say_token(cli, cli_text(cli, "out"), narrowed, words, NULL, 0);
    }
    cap_stand_in_free(s);
    sys_token_free(token);
    sys_token_free(narrowed);
    jit_buf_release(&buf);
    return code;
}

/* ---- show, import ---- */

int cap_show(struct cli *cli)
{
    struct sys_token *token = NULL;
    struct cap_stand_in *s = NULL;
    uint8_t seed[JIT_SIGN_SEED_BYTES];
    uint8_t issuer[JIT_SIGN_PUBLIC_BYTES];
    char words[AUTHORITY_TEXT];
    bool judged = cli_given(cli, "data");
    int code = wants(cli, 2, false, "show wants the file of a token");
    if (code == CLI_OK && judged) {
        code = read_key(cli, false, seed);
        if (code == CLI_OK) {
            jit_sign_public(seed, issuer);
            jit_sign_forget(seed, sizeof seed);
        }
    }
    code =
        code == CLI_OK ? read_token(cli, cli->operands[1], judged ? issuer : NULL, &token) : code;
    code = code == CLI_OK ? cap_stand_in_new(cli, token, &s) : code;
    code = code == CLI_OK ? put_words(cli, &s->authority, token, words) : code;
    code = code == CLI_OK ? say_token(cli, cli->operands[1], token, words, NULL, 0) : code;
    cap_stand_in_free(s);
    sys_token_free(token);
    return code;
}

int cap_import(struct cli *cli)
{
    struct cap_folder folder;
    struct cap_changed made;
    uint8_t *bytes = NULL;
    uint64_t size = 0;
    uint32_t process = 0;
    int code = wants(cli, 3, false, "import wants the file of a token, and a process");
    if (code != CLI_OK) {
        return code;
    }
    struct cap_change change = {.call = SYS_CALL_grant, .token = true, .has_target = true};
    jit_buf_init(&change.data, jit_heap_libc(), SYS_TOKEN_BYTES_MAX);
    /* What it is worth the supervisor judges. */
    enum jit_err err =
        format_read_file(jit_heap_libc(), cli->operands[1], SYS_TOKEN_BYTES_MAX, &bytes, &size);
    if (err != JIT_OK) {
        cli_what(cli, "%s cannot be read", cli->operands[1]);
        cli_why(cli, "%s", err == JIT_ELIMIT ? "it is too long for a token" : jit_err_text(err));
        return err == JIT_ELIMIT ? CLI_CORRUPT : (int)cli_exit_of(err);
    }
    jit_buf_put(&change.data, bytes, (size_t)size);
    jit_sign_forget(bytes, (size_t)size);
    free(bytes);
    code = cap_folder_open(cli, "cap import", false, 0, &folder);
    if (code == CLI_OK) {
        const struct authority *a = &folder.authority;
        code = authority_find_process(cli, a, cli->operands[2], &process);
        if (code == CLI_OK) {
            change.target = a->config->processes[process].id;
            authority_process(a, process, change.target_name);
        }
        cap_folder_close(&folder);
    }
    code = code == CLI_OK ? cap_ask(cli, &change, &made) : code;
    code = code == CLI_OK ? cap_say_new(cli, &change, &made) : code;
    jit_buf_release(&change.data);
    return code;
}
