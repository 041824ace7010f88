#include "tools/client/cap/authority.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "rmg/store/codec.h"

int authority_read(struct cli *cli, const struct rmg_store *store,
                   const struct rmg_version *version, uint64_t tick, struct authority *out)
{
    const char *where = NULL;
    struct jit_id place;
    struct jit_id root_node;
    struct rmg_instance schema;
    *out = (struct authority){.store = store, .version = *version, .tick = tick};
    enum jit_err err = kern_config_read(jit_heap_libc(), store, version, &out->config, &where);
    if (err == JIT_OK) {
        err = kern_config_caps(jit_heap_libc(), out->config, tick, &out->caps, NULL, &where);
    }
    if (err != JIT_OK) {
        cli_what(cli, "the root graph cannot be read");
        cli_why(cli, "%s", where != NULL ? where : jit_err_text(err));
        return err == JIT_EINVALID ? CLI_CORRUPT : (int)cli_exit_of(err);
    }
    kern_place_id("/schema", &place, &root_node);
    out->has_schema = rmg_store_instance(store, version, &place, &schema) == JIT_OK;
    if (out->has_schema) {
        rmg_store_graph(store, &schema, &out->schema);
    }
    return CLI_OK;
}

void authority_release(struct authority *a)
{
    sys_caps_free(a->caps);
    kern_config_free(jit_heap_libc(), a->config);
    *a = (struct authority){0};
}

/* ---- words ---- */

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

const struct rmg_rule *authority_rule(const struct authority *a, const struct jit_id *id)
{
    for (uint32_t i = 0; i < a->config->rule_count; i++) {
        if (jit_id_equal(&a->config->rules[i]->id, id)) {
            return a->config->rules[i];
        }
    }
    return NULL;
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
    const struct rmg_rule *rule = authority_rule(a, &node->cap.rule_id);
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
        const struct rmg_rule *rule = authority_rule(a, &n->rules.ids[i]);
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

/* ---- reading what people write ---- */

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

/* ---- asking ---- */

void authority_lineage(const struct authority *a, const struct jit_id *instance,
                       struct jit_id *outer, uint32_t *count)
{
    struct rmg_instance at;
    struct jit_id now = *instance;
    *count = 0;
    while (*count < JIT_DEPTH_MAX &&
           rmg_store_instance(a->store, &a->version, &now, &at) == JIT_OK && at.parent.present) {
        now = at.parent.instance;
        outer[(*count)++] = now;
    }
}

bool authority_covers(const struct sys_attenuators *n, bool edge, const struct jit_id *type)
{
    uint32_t given = n == NULL ? 0 : n->given;
    return edge ? (given & SYS_GIVEN_EDGES) == 0 || sys_id_set_has(&n->edges, type)
                : (given & SYS_GIVEN_NODES) == 0 || sys_id_set_has(&n->nodes, type);
}

/* What the rule's text says of types: matched ones, and with `writes` those of what it creates. */
static enum sys_cap_verdict check_types(const struct rmg_rule *rule,
                                        const struct sys_attenuators *n, bool writes)
{
    for (uint32_t i = 0; i < rule->element_count; i++) {
        const struct rmg_rule_element *e = &rule->elements[i];
        if (e->typed && !authority_covers(n, e->is_edge, &e->type)) {
            return e->is_edge ? SYS_CAP_EDGE_TYPE : SYS_CAP_NODE_TYPE;
        }
    }
    for (uint32_t i = 0; writes && i < rule->create_count; i++) {
        const struct rmg_rule_create *c = &rule->creates[i];
        if (!authority_covers(n, c->is_edge, &c->type)) {
            return c->is_edge ? SYS_CAP_WRITES_EDGE : SYS_CAP_WRITES_NODE;
        }
    }
    return SYS_CAP_ALLOWED;
}

enum sys_cap_verdict authority_check(const struct authority *a, uint32_t node,
                                     const struct authority_need *wanted)
{
    struct jit_id outer[JIT_DEPTH_MAX];
    struct jit_id digest;
    struct sys_cap_need need = {
        .right = wanted->right, .instance = &wanted->instance, .outer = outer};
    const struct sys_attenuators *n = sys_caps_node(a->caps, node)->cap.attenuators;
    authority_lineage(a, &wanted->instance, outer, &need.outer_count);
    bool invokes = (wanted->right & SYS_RIGHT_INVOKE) != 0 && wanted->rule != NULL;
    if (invokes) {
        need.rule_id = &wanted->rule->id;
        need.priority = wanted->rule->priority;
        if (wanted->params != NULL && rmg_params_check(wanted->rule, wanted->params,
                                                       wanted->params_size, &digest) == JIT_OK) {
            need.params_digest = &digest;
            need.params = wanted->params;
            need.params_size = wanted->params_size;
        }
    }
    enum sys_cap_verdict verdict = sys_caps_check_node(a->caps, node, &need);
    if (invokes && (verdict == SYS_CAP_NO_RIGHT || verdict == SYS_CAP_OTHER_RULE ||
                    verdict == SYS_CAP_OTHER_PARAMS)) { /* then the right to write will do */
        struct sys_cap_need write = need;
        write.right = SYS_RIGHT_WRITE;
        write.rule_id = NULL;
        write.params_digest = NULL;
        write.ranked = true;
        enum sys_cap_verdict may_write = sys_caps_check_node(a->caps, node, &write);
        return may_write == SYS_CAP_ALLOWED    ? check_types(wanted->rule, n, true)
               : may_write == SYS_CAP_PRIORITY ? may_write
                                               : verdict;
    }
    if (invokes && verdict == SYS_CAP_ALLOWED) {
        verdict = authority_check_owner(a, wanted->rule, &need);
        verdict = verdict == SYS_CAP_ALLOWED ? check_types(wanted->rule, n, false) : verdict;
    }
    return verdict;
}

enum sys_cap_verdict authority_best(const struct authority *a, uint32_t process,
                                    const struct authority_need *need, uint32_t *node)
{
    enum sys_cap_verdict best = SYS_CAP_NO_SLOT;
    *node = SYS_CAP_NONE;
    for (uint32_t slot = 0; slot < sys_caps_slots(a->caps, process); slot++) {
        uint32_t at = sys_caps_at(a->caps, process, slot);
        if (at == SYS_CAP_NONE) {
            continue;
        }
        enum sys_cap_verdict verdict = authority_check(a, at, need);
        if (verdict == SYS_CAP_ALLOWED) {
            *node = at;
            return verdict;
        }
        if (*node == SYS_CAP_NONE || verdict > best) {
            best = verdict;
            *node = at;
        }
    }
    return best;
}
