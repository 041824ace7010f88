/* Authority in words: processes, instances, rules and capabilities. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "rmg/store/codec.h"
#include "tools/client/cap/authority.h"

static void __attribute__((format(printf, 2, 3))) put(char *text, const char *format, ...)
{
    size_t used = strlen(text);
    va_list list;
    va_start(list, format);
    vsnprintf(text + used, AUTHORITY_TEXT - used, format, list);
    va_end(list);
}

void authority_process(const struct authority *a, uint32_t process, char text[AUTHORITY_TEXT])
{
    const struct kern_process_config *config = &a->config->processes[process];
    snprintf(text, AUTHORITY_TEXT, "%s[%u]", config->name, config->index);
}

void authority_instance(const struct authority *a, const struct jit_id *id,
                        char text[AUTHORITY_TEXT])
{
    char path[AUTHORITY_TEXT] = "";
    char hex[JIT_ID_HEX];
    struct rmg_instance at;
    struct jit_id now = *id;
    for (int place = 0; a->store == NULL && place < KERN_PLACE_COUNT; place++) {
        struct jit_id node;
        kern_place_id(kern_place_path((enum kern_place)place), &now, &node);
        if (jit_id_equal(&now, id)) {
            snprintf(text, AUTHORITY_TEXT, "%s", kern_place_path((enum kern_place)place));
            return;
        }
    }
    for (unsigned depth = 0; a->store != NULL && depth <= JIT_DEPTH_MAX; depth++) {
        if (rmg_store_instance(a->store, &a->version, &now, &at) != JIT_OK) {
            break;
        }
        if (!at.parent.present) {
            snprintf(text, AUTHORITY_TEXT, "%s", path[0] == '\0' ? "/" : path);
            return;
        }
        char longer[AUTHORITY_TEXT];
        snprintf(longer, sizeof longer, "/%.*s%.700s", (int)at.parent.name_size, at.parent.name,
                 path);
        memcpy(path, longer, sizeof path);
        now = at.parent.instance;
    }
    jit_id_to_hex(id, hex);
    snprintf(text, AUTHORITY_TEXT, "%.16s", hex);
}

static void put_value(char *text, enum rmg_codec codec, const uint8_t *bytes, size_t size)
{
    char shown[256];
    double number;
    float small;
    switch (codec) {
    case RMG_CODEC_I64:
        put(text, "%lld", size == 8 ? (long long)jit_le64(bytes) : 0LL);
        return;
    case RMG_CODEC_F64:
        memcpy(&number, bytes, size == 8 ? 8 : 0);
        put(text, "%.15g", size == 8 ? number : 0.0);
        return;
    case RMG_CODEC_F32:
        memcpy(&small, bytes, size == 4 ? 4 : 0);
        put(text, "%.7g", size == 4 ? (double)small : 0.0);
        return;
    case RMG_CODEC_BOOL:
        put(text, "%s", size == 1 && bytes[0] == 1 ? "true" : "false");
        return;
    case RMG_CODEC_TEXT:
        put(text, "\"%s\"", cli_shown(bytes, size, 200, shown));
        return;
    default:
        put(text, "(%zu bytes)", size);
        return;
    }
}

void authority_call(const struct rmg_rule *rule, const uint8_t *params, size_t size,
                    char text[AUTHORITY_TEXT])
{
    struct jit_cursor cur = jit_cursor_of(params, params == NULL ? 0 : size);
    snprintf(text, AUTHORITY_TEXT, "%s", rule->name);
    for (uint32_t i = 0; params != NULL && i < rule->param_count; i++) {
        uint64_t length = jit_get_u64(&cur);
        const uint8_t *bytes = jit_get_bytes(&cur, length);
        if (cur.bad) {
            return;
        }
        put(text, "%s%s = ", i == 0 ? "(" : ", ", rule->params[i].name);
        put_value(text, rule->params[i].codec, bytes, length);
    }
    put(text, "%s", params != NULL && rule->param_count > 0 ? ")" : "");
}

static void put_type(const struct authority *a, const struct jit_id *type, char *text)
{
    struct rmg_value value;
    char shown[128];
    char hex[JIT_ID_HEX];
    if (a->has_schema &&
        rmg_attachment_get(&a->schema, RMG_PLANE_ALPHA, type, "name", 4, &value) == JIT_OK &&
        value.kind == RMG_VALUE_ATOM) {
        put(text, "%s", cli_shown(value.bytes, value.size, 100, shown));
        return;
    }
    jit_id_to_hex(type, hex);
    put(text, "%.12s", hex);
}

static void put_types(const struct authority *a, const char *what, const struct sys_id_set *set,
                      char *text)
{
    put(text, "; %s%s", what, set->count == 0 ? " none" : "");
    for (uint32_t i = 0; i < set->count; i++) {
        put(text, "%s", i == 0 ? " " : ", ");
        put_type(a, &set->ids[i], text);
    }
}

/* The parameters that a digest stands for, where a run of the holder has them. */
static void put_digest(const struct authority *a, const struct sys_cap_node *node,
                       const struct rmg_rule *rule, char *text)
{
    const struct kern_process_config *config = &a->config->processes[node->holder];
    char call[AUTHORITY_TEXT];
    for (uint32_t i = 0; i < config->run_count; i++) {
        const struct kern_root_run *run = &config->runs[i];
        struct jit_id digest;
        if (jit_id_equal(&run->rule_id, &rule->id) &&
            rmg_params_check(rule, run->params, run->params_size, &digest) == JIT_OK &&
            jit_id_equal(&digest, &node->cap.params_digest)) {
            authority_call(rule, run->params, run->params_size, call);
            put(text, "%s", call);
            return;
        }
    }
    put(text, "%s%s", rule->name, rule->param_count > 0 ? "(other parameters)" : "");
}

static void put_rule(const struct authority *a, const struct sys_cap_node *node, char *text)
{
    const struct sys_attenuators *n = node->cap.attenuators;
    const struct rmg_rule *rule = kern_config_rule(a->config, &node->cap.rule_id);
    if (jit_id_is_zero(&node->cap.rule_id)) {
        put(text, " any rule");
    } else if (rule == NULL) {
        put(text, " a rule that is not there");
    } else if (!jit_id_is_zero(&node->cap.params_digest)) {
        put(text, " ");
        put_digest(a, node, rule, text);
    } else {
        put(text, " %s", rule->name);
    }
    for (uint32_t i = 0; n != NULL && (n->given & SYS_GIVEN_BOUND) != 0 && i < n->bound_count;
         i++) {
        const struct sys_bound *bound = &n->bound[i];
        bool known = rule != NULL && bound->index < rule->param_count;
        put(text, "%s%s = ", i == 0 ? "(" : ", ", known ? rule->params[bound->index].name : "?");
        put_value(text, known ? rule->params[bound->index].codec : RMG_CODEC_BYTES, bound->bytes,
                  bound->size);
        put(text, "%s", i + 1 == n->bound_count ? ")" : "");
    }
}

static void put_narrow(const struct authority *a, const struct sys_cap_node *node, char *text)
{
    const struct sys_attenuators *n = node->cap.attenuators;
    uint32_t given = n == NULL ? 0 : n->given;
    if ((given & SYS_GIVEN_NODES) != 0) {
        put_types(a, "nodes", &n->nodes, text);
    }
    if ((given & SYS_GIVEN_EDGES) != 0) {
        put_types(a, "edges", &n->edges, text);
    }
    for (uint32_t i = 0; (given & SYS_GIVEN_RULES) != 0 && i < n->rules.count; i++) {
        const struct rmg_rule *rule = kern_config_rule(a->config, &n->rules.ids[i]);
        put(text, "%s%s", i == 0 ? "; rules " : ", ", rule == NULL ? "?" : rule->name);
    }
    if ((given & SYS_GIVEN_PRIORITY) != 0) {
        put(text, "; priority %d", n->priority_max);
    }
    if ((given & SYS_GIVEN_OPERATIONS) != 0) {
        put(text, "; %llu of %llu requests left", (unsigned long long)node->operations_left,
            (unsigned long long)n->operations);
    }
    if ((given & SYS_GIVEN_BYTES) != 0) {
        put(text, "; %llu of %llu bytes left", (unsigned long long)node->bytes_left,
            (unsigned long long)n->bytes);
    }
    if ((given & SYS_GIVEN_LAST_TICK) != 0) {
        put(text, "; until %llu", (unsigned long long)n->last_tick);
    }
    if ((given & SYS_GIVEN_DEPTH) != 0) {
        put(text, "; depth %u", n->depth);
    }
    if ((given & SYS_GIVEN_NO_DELEGATE) != 0) {
        put(text, "; not to be handed on");
    }
}

static uint64_t limit_of(const struct authority *a, uint32_t at)
{
    const struct sys_cap_node *node = sys_caps_node(a->caps, at);
    const struct kern_process_config *config = &a->config->processes[node->holder];
    for (uint32_t i = 0; i < config->capability_count; i++) {
        if (jit_id_equal(&config->capabilities[i].id, &node->id)) {
            return config->capabilities[i].limit;
        }
    }
    return UINT64_MAX;
}

void authority_cap(const struct authority *a, uint32_t at, char text[AUTHORITY_TEXT])
{
    const struct sys_cap_node *node = sys_caps_node(a->caps, at);
    char place[AUTHORITY_TEXT];
    assert(node != NULL);
    sys_cap_rights_text(node->cap.rights, text, AUTHORITY_TEXT);
    if ((node->cap.rights & SYS_RIGHT_INVOKE) != 0) {
        put_rule(a, node, text);
    }
    if (node->cap.object == SYS_OBJECT_PROCESS) {
        uint32_t p = 0;
        while (p < a->config->process_count &&
               !jit_id_equal(&a->config->processes[p].id, &node->cap.instance)) {
            p++;
        }
        place[0] = '\0';
        if (p < a->config->process_count) {
            authority_process(a, p, place);
        }
        put(text, " on process %s", place);
    } else {
        authority_instance(a, &node->cap.instance, place);
        put(text, "%s%s on %s", node->cap.object == SYS_OBJECT_INSTANCE ? "" : " ",
            node->cap.object == SYS_OBJECT_INSTANCE ? "" : sys_object_text(node->cap.object),
            place);
    }
    uint64_t limit = limit_of(a, at);
    if (limit != UINT64_MAX) {
        put(text, "; limit %llu per tick", (unsigned long long)limit);
    }
    put_narrow(a, node, text);
    if (node->cap.badge != 0) {
        put(text, "; badge %llu", (unsigned long long)node->cap.badge);
    }
}
