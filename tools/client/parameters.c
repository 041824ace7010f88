#include "tools/client/parameters.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- one value ---- */

static bool parse_datum(enum rmg_codec codec, const char *text, struct rmg_datum *out)
{
    char *end = NULL;
    *out = (struct rmg_datum){.codec = codec};
    errno = 0;
    switch (codec) {
    case RMG_CODEC_BOOL:
        out->as.boolean = strcmp(text, "true") == 0;
        return out->as.boolean || strcmp(text, "false") == 0;
    case RMG_CODEC_I64:
        out->as.i64 = strtoll(text, &end, 10);
        break;
    case RMG_CODEC_F64:
        out->as.f64 = strtod(text, &end);
        break;
    case RMG_CODEC_F32:
        out->as.f64 = (double)strtof(text, &end);
        break;
    case RMG_CODEC_TEXT:
        out->bytes = (const uint8_t *)text;
        out->size = (uint32_t)strlen(text);
        return rmg_utf8_valid(out->bytes, out->size);
    default:
        return false;
    }
    return errno == 0 && end != text && *end == '\0' && !isspace((unsigned char)text[0]);
}

/* The value that is set for a parameter of a rule; NULL: none. The last one counts. */
static const char *value_for(struct parameters *s, const char *rule, const char *param)
{
    const char *value = NULL;
    for (size_t i = 0; i < s->count; i++) {
        const char *set = s->set[i];
        const char *equals = strchr(set, '=');
        size_t size = (size_t)(equals - set);
        size_t rule_size = strlen(rule);
        bool plain = strlen(param) == size && memcmp(set, param, size) == 0;
        bool full = size == rule_size + 1 + strlen(param) && memcmp(set, rule, rule_size) == 0 &&
                    set[rule_size] == '.' && memcmp(set + rule_size + 1, param, strlen(param)) == 0;
        if (plain || full) {
            s->used[i] = true;
            value = equals + 1;
        }
    }
    return value;
}

static int bad_value(struct parameters *s, const struct rmg_rule *rule,
                     const struct rmg_rule_param *param, const char *value)
{
    cli_what(s->cli, "%s is no value for the parameter %s.%s", value, rule->name, param->name);
    cli_why(s->cli, "it is %s", rmg_codec_name(param->codec));
    cli_next(s->cli, "jitos help %s", s->cli->verb->name);
    return CLI_USAGE;
}

int parameters_bind(struct parameters *s, const struct rmg_rule *rule, const uint8_t *params,
                    uint32_t params_size, struct jit_buf *out, bool *changed)
{
    struct jit_cursor cur = jit_cursor_of(params, params_size);
    for (uint32_t i = 0; i < rule->param_count; i++) {
        const struct rmg_rule_param *param = &rule->params[i];
        const char *value = value_for(s, rule->name, param->name);
        uint64_t size = jit_get_u64(&cur);
        const uint8_t *bytes = jit_get_bytes(&cur, size);
        struct rmg_datum datum;
        if (value == NULL) {
            jit_buf_put_u64(out, size);
            jit_buf_put(out, bytes, bytes != NULL ? (size_t)size : 0);
            continue;
        }
        if (!parse_datum(param->codec, value, &datum)) {
            return bad_value(s, rule, param, value);
        }
        size_t at = out->size;
        jit_buf_put_u64(out, 0);
        rmg_codec_encode(&datum, out);
        if (out->err == JIT_OK) {
            jit_buf_patch_u64(out, at, out->size - at - 8);
        }
        *changed = true;
    }
    return CLI_OK;
}

int parameters_begin(struct parameters *parameters, struct cli *cli, const char *option,
                     const char *const *set, size_t count)
{
    *parameters = (struct parameters){.cli = cli, .option = option, .set = set, .count = count};
    for (size_t i = 0; i < count; i++) {
        const char *equals = strchr(set[i], '=');
        if (equals == NULL || equals == set[i]) {
            cli_what(cli, "%s sets nothing", set[i]);
            cli_why(cli, "--%s takes NAME=VALUE", option);
            cli_next(cli, "jitos help %s", cli->verb->name);
            return CLI_USAGE;
        }
    }
    parameters->used = calloc(count + 1, sizeof *parameters->used);
    if (parameters->used == NULL) {
        return cli_no_memory(cli);
    }
    return CLI_OK;
}

int parameters_end(struct parameters *parameters)
{
    struct cli *cli = parameters->cli;
    for (size_t i = 0; i < parameters->count; i++) {
        if (!parameters->used[i]) {
            const char *set = parameters->set[i];
            cli_what(cli, "nothing has the parameter %.*s", (int)strcspn(set, "="), set);
            cli_why(cli,
                    "--%s takes the parameter of a rule that a process runs, as p=0.3 or "
                    "infect.p=0.3",
                    parameters->option);
            cli_next(cli, "jitos help %s", cli->verb->name);
            return CLI_USAGE;
        }
    }
    return CLI_OK;
}

void parameters_release(struct parameters *parameters)
{
    free(parameters->used);
    parameters->used = NULL;
}

/* ---- a system ---- */

/* One run with its parameters: bytes of its own, since a buffer moves while it grows. */
static int bind_run(struct parameters *p, const struct lang_system *system, struct lang_run *run)
{
    const struct rmg_rule *rule = &system->rules[run->rule].rule;
    struct jit_buf bound;
    bool changed = false;
    jit_buf_init(&bound, jit_heap_libc(), JIT_PARAMS_BYTES_MAX + 8);
    int code = parameters_bind(p, rule, run->params, run->params_size, &bound, &changed);
    uint8_t *bytes = code == CLI_OK && bound.err == JIT_OK ? malloc(bound.size + 1) : NULL;
    if (bytes != NULL) {
        memcpy(bytes, bound.data != NULL ? bound.data : (const uint8_t *)"", bound.size);
        if (rmg_params_check(rule, bytes, (uint32_t)bound.size, &run->params_digest) == JIT_OK) {
            run->params = bytes;
            run->params_size = (uint32_t)bound.size;
        } else {
            cli_what(p->cli, "the parameters of %s cannot be bound", rule->name);
            code = CLI_USAGE;
            free(bytes);
        }
    } else if (code == CLI_OK) {
        code = cli_no_memory(p->cli);
    }
    jit_buf_release(&bound);
    return code;
}

int parameters_apply(struct parameters *parameters, const struct lang_system *from,
                     struct parameters_system *out)
{
    int code = CLI_OK;
    *out = (struct parameters_system){.system = *from};
    out->processes = calloc(from->process_count + 1u, sizeof *out->processes);
    out->runs = calloc(from->process_count + 1u, sizeof *out->runs);
    if (out->processes == NULL || out->runs == NULL) {
        return cli_no_memory(parameters->cli);
    }
    for (uint32_t i = 0; code == CLI_OK && i < from->process_count; i++) {
        struct lang_process *process = &out->processes[i];
        *process = from->processes[i];
        out->runs[i] = calloc(process->run_count + 1u, sizeof *out->runs[i]);
        if (out->runs[i] == NULL) {
            return cli_no_memory(parameters->cli);
        }
        for (uint32_t k = 0; code == CLI_OK && k < process->run_count; k++) {
            struct lang_run run = process->runs[k];
            code = bind_run(parameters, from, &run);
            if (code == CLI_OK) {
                out->runs[i][k] = run;
            }
        }
        process->runs = out->runs[i];
    }
    out->system.processes = out->processes;
    return code == CLI_OK ? parameters_end(parameters) : code;
}

void parameters_system_release(struct parameters_system *out)
{
    for (uint32_t i = 0; out->runs != NULL && i < out->system.process_count; i++) {
        for (uint32_t k = 0; out->runs[i] != NULL && k < out->processes[i].run_count; k++) {
            free((uint8_t *)(uintptr_t)out->runs[i][k].params);
        }
        free(out->runs[i]);
    }
    free(out->runs);
    free(out->processes);
    out->runs = NULL;
    out->processes = NULL;
}
