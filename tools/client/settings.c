#include "tools/client/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "rmg/change/diff.h"
#include "tools/client/parameters.h"

#define PARAMETERS "parameters"
#define RECORD     "record"

struct setter {
    struct cli *cli;
    const struct settings *settings;
    struct shell_system *system;
    struct rmg_tx *tx;
    struct kern_config *config;
    struct parameters parameters;
};

/* ---- runs ---- */

static int failed(struct cli *cli, enum jit_err err)
{
    cli_what(cli, "what was set could not be put into the state");
    cli_why(cli, "%s", jit_err_text(err));
    return (int)cli_exit_of(err);
}

static enum jit_err put(struct setter *s, const char *place, const struct jit_id *owner,
                        const char *name, const struct rmg_value *value)
{
    struct jit_id instance;
    struct jit_id root_node;
    kern_place_id(place, &instance, &root_node);
    struct rmg_attachment attachment = {
        .name = name, .name_size = (uint32_t)strlen(name), .value = *value};
    return rmg_tx_set_attachment(s->tx, &instance, RMG_PLANE_ALPHA,
                                 owner != NULL ? owner : &root_node, &attachment);
}

/* A capability for a run holds the digest of its parameters, behind the rule's id: wherever those
 * two stand, the digest becomes the new one. */
static bool exchange(uint8_t *bytes, uint32_t size, const struct jit_id *rule,
                     const struct jit_id *before, const struct jit_id *after)
{
    bool any = false;
    for (uint32_t at = 0; at + 2 * JIT_ID_BYTES <= size; at++) {
        if (memcmp(bytes + at, rule->bytes, JIT_ID_BYTES) == 0 &&
            memcmp(bytes + at + JIT_ID_BYTES, before->bytes, JIT_ID_BYTES) == 0) {
            memcpy(bytes + at + JIT_ID_BYTES, after->bytes, JIT_ID_BYTES);
            any = true;
        }
    }
    return any;
}

/* The records of all capabilities, as the transaction has them. */
static enum jit_err exchange_all(struct setter *s, const struct jit_id *rule,
                                 const struct jit_id *before, const struct jit_id *after)
{
    struct jit_id instance;
    struct jit_id root_node;
    struct jit_id node;
    struct jit_id type;
    struct rmg_instance sec;
    struct rmg_graph graph;
    struct rmg_iter iter;
    kern_place_id("/sec", &instance, &root_node);
    enum jit_err err =
        rmg_store_instance(s->system->store, &s->system->replay.version, &instance, &sec);
    if (err != JIT_OK) {
        return err;
    }
    rmg_store_graph(s->system->store, &sec, &graph);
    rmg_iter_all(&graph, RMG_NODES, &iter);
    while ((err = rmg_iter_node(&iter, &node, &type)) == JIT_OK) {
        struct rmg_graph now;
        struct rmg_value value;
        err = rmg_tx_graph(s->tx, &instance, &now);
        if (err == JIT_OK) {
            err =
                rmg_attachment_get(&now, RMG_PLANE_ALPHA, &node, RECORD, sizeof RECORD - 1, &value);
        }
        if (err == JIT_ENOENT) {
            continue;
        }
        uint8_t *bytes = err == JIT_OK ? malloc(value.size + 1u) : NULL;
        if (bytes == NULL) {
            return err != JIT_OK ? err : JIT_ENOMEM;
        }
        memcpy(bytes, value.bytes, value.size);
        if (exchange(bytes, value.size, rule, before, after)) {
            value.bytes = bytes;
            err = put(s, "/sec", &node, RECORD, &value);
        }
        free(bytes);
        if (err != JIT_OK) {
            return err;
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static const struct rmg_rule *rule_of(const struct kern_config *config, const struct jit_id *id)
{
    for (uint32_t i = 0; i < config->rule_count; i++) {
        if (jit_id_equal(&config->rules[i]->id, id)) {
            return config->rules[i];
        }
    }
    return NULL;
}

static int set_process(struct setter *s, const struct kern_process_config *process)
{
    struct jit_buf all;
    bool changed = false;
    int code = CLI_OK;
    enum jit_err err = JIT_OK;
    jit_buf_init(&all, jit_heap_libc(), JIT_ATOM_BYTES_MAX);
    for (uint32_t i = 0; code == CLI_OK && err == JIT_OK && i < process->run_count; i++) {
        const struct kern_root_run *run = &process->runs[i];
        const struct rmg_rule *rule = rule_of(s->config, &run->rule_id);
        struct jit_buf bound;
        struct jit_id before;
        struct jit_id after;
        bool other = false;
        assert(rule != NULL); /* kern_config_read has seen to it */
        jit_buf_init(&bound, jit_heap_libc(), JIT_PARAMS_BYTES_MAX + 8);
        code = parameters_bind(&s->parameters, rule, run->params, run->params_size, &bound, &other);
        err = bound.err;
        if (code == CLI_OK && err == JIT_OK && other) {
            err = rmg_params_check(rule, run->params, run->params_size, &before);
            err = err == JIT_OK ? rmg_params_check(rule, bound.data, (uint32_t)bound.size, &after)
                                : err;
            err = err == JIT_OK ? exchange_all(s, &rule->id, &before, &after) : err;
        }
        jit_buf_put_u32(&all, (uint32_t)bound.size);
        jit_buf_put(&all, bound.data, bound.size);
        changed = changed || other;
        jit_buf_release(&bound);
    }
    err = err == JIT_OK ? all.err : err;
    if (code == CLI_OK && err == JIT_OK && changed) {
        struct rmg_value value = {.kind = RMG_VALUE_ATOM,
                                  .type = *rmg_codec_type(RMG_CODEC_BYTES),
                                  .bytes = all.data,
                                  .size = (uint32_t)all.size};
        err = put(s, "/proc", &process->id, PARAMETERS, &value);
    }
    jit_buf_release(&all);
    return code != CLI_OK ? code : err != JIT_OK ? failed(s->cli, err) : CLI_OK;
}

static int set_all(struct setter *s)
{
    int code = CLI_OK;
    for (uint32_t i = 0; code == CLI_OK && i < s->config->process_count; i++) {
        code = set_process(s, &s->config->processes[i]);
    }
    return code == CLI_OK ? parameters_end(&s->parameters) : code;
}

static enum jit_err set_seed(struct setter *s)
{
    uint8_t bytes[8];
    struct jit_id type;
    jit_put_le64(bytes, s->settings->seed);
    jit_hash_named("type:", "u64", 3, &type);
    struct rmg_value value = {
        .kind = RMG_VALUE_ATOM, .type = type, .bytes = bytes, .size = sizeof bytes};
    return put(s, "/sys", NULL, "seed", &value);
}

/* ---- all of it ---- */

static int change(struct setter *s, struct rmg_version *after)
{
    enum jit_err err = rmg_tx_begin(s->system->store, &s->system->replay.version, &s->tx);
    if (err != JIT_OK) {
        return failed(s->cli, err);
    }
    int code = set_all(s);
    if (code == CLI_OK && s->settings->has_seed) {
        err = set_seed(s);
        code = err == JIT_OK ? CLI_OK : failed(s->cli, err);
    }
    if (code != CLI_OK) {
        rmg_tx_abort(s->tx);
        return code;
    }
    err = rmg_tx_seal(s->tx, after);
    return err == JIT_OK ? CLI_OK : failed(s->cli, err);
}

int settings_patch(struct cli *cli, const struct settings *settings, struct shell_system *system,
                   struct jit_buf *patch)
{
    struct setter s = {.cli = cli, .settings = settings, .system = system};
    struct rmg_state before = {.store = system->store, .version = system->replay.version};
    struct rmg_state after = before;
    const char *where = NULL;
    if (settings->set_count == 0 && !settings->has_seed) {
        return CLI_OK;
    }
    int code = parameters_begin(&s.parameters, cli, "set", settings->set, settings->set_count);
    if (code != CLI_OK) {
        return code;
    }
    enum jit_err err =
        kern_config_read(jit_heap_libc(), system->store, &before.version, &s.config, &where);
    if (err == JIT_OK) {
        err = rmg_store_pin(system->store, &before.version);
    }
    code = err == JIT_OK ? change(&s, &after.version) : failed(cli, err);
    if (code == CLI_OK) {
        err = rmg_diff_patch(jit_heap_libc(), &before, &after, patch, NULL);
        code = err == JIT_OK ? CLI_OK : failed(cli, err);
    }
    kern_config_free(jit_heap_libc(), s.config);
    parameters_release(&s.parameters);
    return code;
}
