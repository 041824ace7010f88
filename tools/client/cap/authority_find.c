/* What people write, found: a process, a capability, an instance, a rule with its bindings. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "rmg/store/codec.h"
#include "tools/client/cap/authority.h"

int authority_find_process(struct cli *cli, const struct authority *a, const char *text,
                           uint32_t *out)
{
    char name[AUTHORITY_TEXT];
    for (uint32_t p = 0; p < a->config->process_count; p++) {
        authority_process(a, p, name);
        if (strcmp(name, text) == 0 || (a->config->processes[p].index == 0 &&
                                        strcmp(a->config->processes[p].name, text) == 0)) {
            *out = p;
            return CLI_OK;
        }
    }
    cli_what(cli, "there is no process %s", text);
    cli_why(cli, "processes are called as `jitos ps` lists them: NAME[INDEX]");
    cli_next(cli, "jitos ps --data %s", cli_text(cli, "data"));
    return CLI_NOT_FOUND;
}

int authority_find_cap(struct cli *cli, const struct authority *a, const char *text, uint32_t *out)
{
    const char *slash = strrchr(text, '/');
    char name[AUTHORITY_TEXT];
    char *end = NULL;
    uint32_t process = 0;
    if (slash == NULL || !isdigit((unsigned char)slash[1])) {
        cli_what(cli, "%s is no capability", text);
        cli_why(cli, "a capability is called by who holds it and its slot: w[1]/3");
        cli_next(cli, "jitos cap ls --data %s", cli_text(cli, "data"));
        return CLI_USAGE;
    }
    snprintf(name, sizeof name, "%.*s", (int)(slash - text), text);
    int code = authority_find_process(cli, a, name, &process);
    if (code != CLI_OK) {
        return code;
    }
    errno = 0;
    unsigned long slot = strtoul(slash + 1, &end, 10);
    *out = errno == 0 && *end == '\0' && slot < SYS_CAP_NONE
               ? sys_caps_at(a->caps, process, (uint32_t)slot)
               : SYS_CAP_NONE;
    if (*out == SYS_CAP_NONE) {
        cli_what(cli, "%s holds nothing in slot %s", name, slash + 1);
        cli_why(cli, "it was never granted, or was taken away");
        cli_next(cli, "jitos cap ls --data %s", cli_text(cli, "data"));
        return CLI_NOT_FOUND;
    }
    return CLI_OK;
}

int authority_find_instance(struct cli *cli, const struct authority *a, const char *text,
                            struct jit_id *out)
{
    struct jit_id root_node;
    struct rmg_instance instance;
    if (text[0] == '/' || jit_id_from_hex(text, strlen(text), out) != JIT_OK) {
        kern_place_id(text, out, &root_node);
    }
    if (a->store == NULL || rmg_store_instance(a->store, &a->version, out, &instance) == JIT_OK) {
        return CLI_OK;
    }
    cli_what(cli, "there is no instance %s", text);
    cli_why(cli, "an instance is a path such as /world, or an id of 64 hex digits");
    cli_next(cli, "add --on /world");
    return CLI_NOT_FOUND;
}

int authority_find_type(struct cli *cli, const struct authority *a, const char *text,
                        struct jit_id *out)
{
    struct jit_id type;
    jit_hash_named("type:", text, strlen(text), out);
    if (a->store == NULL || (a->has_schema && rmg_node_type(&a->schema, out, &type) == JIT_OK)) {
        return CLI_OK;
    }
    cli_what(cli, "there is no type %s", text);
    cli_why(cli, "types are those that the system file declares");
    cli_next(cli, "give its name as it is declared, for example Package");
    return CLI_NOT_FOUND;
}

static int bad_call(struct cli *cli, const char *text, const char *why)
{
    cli_what(cli, "%s cannot be understood", text);
    cli_why(cli, "%s", why);
    cli_next(cli, "write a rule as in a system file: 'retire(section = \"libs\")'");
    return CLI_USAGE;
}

/* A word, or a text in quotes; *at is moved behind it. */
static bool take_value(const char **at, char *out, size_t size, bool *quoted)
{
    const char *p = *at;
    size_t used = 0;
    *quoted = *p == '"';
    p += *quoted;
    while (*p != '\0' && (*quoted ? *p != '"' : *p != ',' && *p != ')' && *p != ' ')) {
        if (*quoted && *p == '\\' && p[1] != '\0') {
            p++;
        }
        if (used + 1 == size) {
            return false;
        }
        out[used++] = *p++;
    }
    out[used] = '\0';
    if (*quoted && *p++ != '"') {
        return false;
    }
    *at = p;
    return *quoted || used > 0;
}

static bool value_of(enum rmg_codec codec, const char *word, bool quoted, struct rmg_datum *out)
{
    char *end = NULL;
    *out = (struct rmg_datum){.codec = codec};
    errno = 0;
    switch (codec) {
    case RMG_CODEC_I64:
        out->as.i64 = strtoll(word, &end, 10);
        return !quoted && errno == 0 && end != word && *end == '\0';
    case RMG_CODEC_F64:
        out->as.f64 = strtod(word, &end);
        return !quoted && end != word && *end == '\0';
    case RMG_CODEC_F32:
        out->as.f64 = (double)strtof(word, &end);
        return !quoted && end != word && *end == '\0';
    case RMG_CODEC_BOOL:
        out->as.boolean = strcmp(word, "true") == 0;
        return !quoted && (out->as.boolean || strcmp(word, "false") == 0);
    case RMG_CODEC_TEXT:
        out->bytes = (const uint8_t *)word;
        out->size = (uint32_t)strlen(word);
        return true;
    default:
        return false;
    }
}

static void skip(const char **at)
{
    *at += strspn(*at, " \t");
}

/* begins: where the bytes of each parameter begin, by its index; the buffer may still move. */
static int take_binding(struct cli *cli, const char *text, const char **at,
                        struct authority_call *out, uint32_t begins[SYS_ATTENUATOR_BOUND_MAX + 1])
{
    char name[JIT_NAME_BYTES_MAX + 1];
    char word[JIT_PARAMS_BYTES_MAX];
    struct rmg_datum datum;
    bool quoted = false;
    skip(at);
    size_t size = strcspn(*at, " =\t");
    snprintf(name, sizeof name, "%.*s", (int)(size < sizeof name ? size : 0), *at);
    *at += size;
    skip(at);
    if (**at != '=') {
        return bad_call(cli, text, "a parameter is given as name = value");
    }
    ++*at;
    skip(at);
    uint32_t index = 0;
    while (index < out->rule->param_count && index < SYS_ATTENUATOR_BOUND_MAX &&
           strcmp(out->rule->params[index].name, name) != 0) {
        index++;
    }
    if (index == out->rule->param_count || index == SYS_ATTENUATOR_BOUND_MAX) {
        char why[600];
        snprintf(why, sizeof why, "rule %s has no parameter %s", out->rule->name, name);
        return bad_call(cli, text, why);
    }
    for (uint32_t i = 0; i < out->bound_count; i++) {
        if (out->bound[i].index == index) {
            return bad_call(cli, text, "a parameter is given twice");
        }
    }
    if (!take_value(at, word, sizeof word, &quoted) ||
        !value_of(out->rule->params[index].codec, word, quoted, &datum)) {
        return bad_call(cli, text, "a value does not fit its parameter");
    }
    size_t begin = out->bytes.size;
    rmg_codec_encode(&datum, &out->bytes);
    if (out->bytes.err != JIT_OK || out->bound_count == SYS_ATTENUATOR_BOUND_MAX) {
        return bad_call(cli, text, "the parameters are too large");
    }
    uint32_t place = out->bound_count++;
    while (place > 0 && out->bound[place - 1].index > index) {
        out->bound[place] = out->bound[place - 1];
        place--;
    }
    out->bound[place] =
        (struct sys_bound){.index = index, .size = (uint32_t)(out->bytes.size - begin)};
    begins[index] = (uint32_t)begin;
    return CLI_OK;
}

int authority_parse_call(struct cli *cli, const struct authority *a, const char *text,
                         struct authority_call *out)
{
    size_t size = strcspn(text, "( \t");
    const char *at = text + size;
    uint32_t begins[SYS_ATTENUATOR_BOUND_MAX + 1] = {0};
    int code = CLI_OK;
    *out = (struct authority_call){.rule = NULL};
    jit_buf_init(&out->bytes, jit_heap_libc(), JIT_PARAMS_BYTES_MAX);
    for (uint32_t i = 0; i < a->config->rule_count; i++) {
        const char *name = a->config->rules[i]->name;
        if (strlen(name) == size && memcmp(name, text, size) == 0) {
            out->rule = a->config->rules[i];
        }
    }
    if (out->rule == NULL) {
        cli_what(cli, "there is no rule %.*s", (int)size, text);
        cli_why(cli, "rules are those that the system file declares");
        cli_next(cli, "jitos cap ls --data DIR");
        return CLI_NOT_FOUND;
    }
    skip(&at);
    bool open = *at == '(';
    at += open;
    skip(&at);
    while (code == CLI_OK && open && *at != ')') {
        code = take_binding(cli, text, &at, out, begins);
        skip(&at);
        if (code == CLI_OK && *at == ',') {
            at++;
            skip(&at);
        } else if (code == CLI_OK && *at != ')') {
            return bad_call(cli, text, "expected `,` or `)`");
        }
    }
    at += open && code == CLI_OK;
    skip(&at);
    if (code == CLI_OK && *at != '\0') {
        return bad_call(cli, text, "something follows the rule");
    }
    for (uint32_t i = 0; i < out->bound_count; i++) {
        out->bound[i].bytes = out->bytes.data + begins[out->bound[i].index];
    }
    return code;
}
