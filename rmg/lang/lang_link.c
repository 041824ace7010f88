/* Names between declarations: which rules a process runs and may ask for, with which parameters. */
#include "rmg/lang/lang_priv.h"

#include "base/check.h"

struct lang_rule_node *lang_find_rule(struct lang_parser *p, const struct lang_name *name)
{
    struct lang_rule_node *rule =
        lang_index_get(&p->index, LANG_INDEX_RULE, name->text, name->size);
    if (rule != NULL) {
        return rule;
    }
    struct lang_nearest nearest = lang_nearest_to(name->text, name->size);
    for (const struct lang_rule_node *other = p->rules; other != NULL; other = other->next) {
        lang_nearest_try(&nearest, other->name.text, other->name.size);
    }
    lang_fail(p, name->at, name->span, "there is no rule `%.60s`", name->text);
    if (nearest.best != NULL) {
        lang_help(p, "did you mean `%.60s`?", nearest.best);
    }
    return NULL;
}

static struct lang_binding *find_binding(struct lang_binding *binding, const struct lang_name *name)
{
    while (binding != NULL && !lang_name_equal(&binding->name, name)) {
        binding = binding->next;
    }
    return binding;
}

/* Every binding names a parameter, once. */
static bool check_bindings(struct lang_parser *p, const struct lang_rule_node *rule,
                           struct lang_binding *bindings)
{
    for (struct lang_binding *binding = bindings; binding != NULL; binding = binding->next) {
        struct lang_nearest nearest = lang_nearest_to(binding->name.text, binding->name.size);
        const struct lang_param *param = rule->params;
        while (param != NULL && !lang_name_equal(&param->name, &binding->name)) {
            lang_nearest_try(&nearest, param->name.text, param->name.size);
            param = param->next;
        }
        if (param == NULL) {
            lang_fail(p, binding->name.at, binding->name.span,
                      "rule `%.60s` has no parameter `%.60s`", rule->name.text, binding->name.text);
            return nearest.best != NULL && lang_help(p, "did you mean `%.60s`?", nearest.best);
        }
        if (find_binding(bindings, &binding->name) != binding) {
            return lang_fail(p, binding->name.at, binding->name.span,
                             "the parameter `%.60s` is given twice", binding->name.text);
        }
    }
    return true;
}

static bool bind_params(struct lang_parser *p, const struct lang_rule_node *rule,
                        struct lang_run_node *run, struct jit_buf *buf)
{
    for (const struct lang_param *param = rule->params; param != NULL; param = param->next) {
        struct lang_binding *binding = find_binding(run->bindings, &param->name);
        if (binding == NULL) {
            lang_fail(p, run->rule.at, run->rule.span,
                      "the parameter `%.60s` of rule `%.60s` is "
                      "not given",
                      param->name.text, rule->name.text);
            return lang_help(p, "write %.60s(%.60s = ...)", rule->name.text, param->name.text);
        }
        if (!lang_fit_constant(p, binding->value, param->codec, "this parameter")) {
            return false;
        }
        size_t at = buf->size;
        jit_buf_put_u64(buf, 0);
        rmg_codec_encode(&binding->value->datum, buf);
        jit_buf_patch_u64(buf, at, buf->size - at - 8);
    }
    if (buf->err == JIT_ELIMIT) {
        return lang_fail(p, run->rule.at, run->rule.span,
                         "the parameters of a rule have at most %u bytes in all",
                         JIT_PARAMS_BYTES_MAX);
    }
    return buf->err == JIT_OK || lang_no_memory(p);
}

static bool link_rule(struct lang_parser *p, struct lang_rule_node *rule,
                      struct lang_run_node *node, struct lang_run *run)
{
    run->rule = rule->index;
    if (rule->broken || !check_bindings(p, rule, node->bindings)) {
        return false;
    }
    struct jit_buf buf;
    jit_buf_init(&buf, p->arena->heap, JIT_PARAMS_BYTES_MAX);
    bool good = bind_params(p, rule, node, &buf);
    if (good) {
        run->params = (uint8_t *)lang_copy(p->arena, buf.data, buf.size);
        run->params_size = (uint32_t)buf.size;
        good = run->params != NULL || lang_no_memory(p);
    }
    if (good && rule->pub.program != NULL) {
        enum jit_err err =
            rmg_params_check(&rule->pub.rule, run->params, run->params_size, &run->params_digest);
        assert(err == JIT_OK); /* they were encoded for this rule just now */
    }
    jit_buf_release(&buf);
    return good;
}

bool lang_link_call(struct lang_parser *p, struct lang_run_node *node, struct lang_run *run)
{
    struct lang_rule_node *rule = lang_find_rule(p, &node->rule);
    return rule != NULL && link_rule(p, rule, node, run);
}

static bool link_run(struct lang_parser *p, struct lang_process_node *process,
                     struct lang_run_node *node, struct lang_run *run)
{
    struct lang_rule_node *rule = lang_find_rule(p, &node->rule);
    if (rule == NULL) {
        return false;
    }
    if (rule->run_by == process->index + 1) {
        lang_fail(p, node->rule.at, node->rule.span, "`%.60s` runs the rule `%.60s` already",
                  process->name.text, rule->name.text);
        return lang_help(p, "another process may run it with other parameters");
    }
    rule->run_by = process->index + 1;
    if (process->pub.apply == LANG_APPLY_UNTIL_NONE && rule->where != NULL && rule->where->draws) {
        lang_fail(p, node->rule.at, node->rule.span,
                  "`until none` ends where nothing is found, and `%.60s` depends on chance",
                  rule->name.text);
        return lang_help(p, "write `apply all at most N ticks`");
    }
    if (process->pub.apply == LANG_APPLY_ONCE && rule->pub.rule.delay > 0) {
        lang_fail(p, node->rule.at, node->rule.span,
                  "`once` ends when something is asked for, and `%.60s` is applied later",
                  rule->name.text);
        return lang_help(p, "write `apply all at most N ticks`");
    }
    if (process->pub.explore > 0 && rule->pub.rule.portal_count > 0) {
        lang_fail(p, node->rule.at, node->rule.span,
                  "a future is one of an instance, and `%.60s` goes through a portal",
                  rule->name.text);
        return lang_help(p, "let another process run it: apply all over shard(...)");
    }
    return link_rule(p, rule, node, run);
}

static bool link_process(struct lang_parser *p, struct lang_process_node *process)
{
    struct lang_run *runs = lang_alloc(p->arena, process->run_count, sizeof *runs);
    if (runs == NULL) {
        return lang_no_memory(p);
    }
    bool good = true;
    struct lang_run_node *node = process->runs;
    for (uint32_t i = 0; i < process->run_count && node != NULL; i++, node = node->next) {
        good = link_run(p, process, node, &runs[i]) && good;
    }
    process->pub.runs = runs;
    process->pub.run_count = process->run_count;
    return lang_link_scores(p, process) && good;
}

/* What a grant binds of a rule's parameters; the others are free. */
static bool bind_some(struct lang_parser *p, const struct lang_rule_node *rule,
                      const struct lang_rule_ref *ref, struct lang_invoke *out)
{
    struct jit_buf buf;
    bool good = true;
    uint32_t index = 0;
    if (ref->bindings == NULL || rule->broken) {
        return true;
    }
    if (!check_bindings(p, rule, ref->bindings)) {
        return false;
    }
    struct lang_bound *bound = lang_alloc(p->arena, rule->param_count, sizeof *bound);
    if (bound == NULL) {
        return lang_no_memory(p);
    }
    jit_buf_init(&buf, p->arena->heap, JIT_PARAMS_BYTES_MAX);
    for (const struct lang_param *param = rule->params; good && param != NULL;
         param = param->next, index++) {
        struct lang_binding *binding = find_binding(ref->bindings, &param->name);
        if (binding == NULL) {
            continue;
        }
        size_t at = buf.size;
        good = lang_fit_constant(p, binding->value, param->codec, "this parameter");
        if (good) {
            rmg_codec_encode(&binding->value->datum, &buf);
            uint8_t *bytes = (uint8_t *)lang_copy(p->arena, buf.data + at, buf.size - at);
            if (buf.err == JIT_ELIMIT) {
                good = lang_fail(p, binding->value->at, binding->value->size,
                                 "the parameters of a rule have at most %u bytes in all",
                                 JIT_PARAMS_BYTES_MAX);
            } else {
                good = (buf.err == JIT_OK && bytes != NULL) || lang_no_memory(p);
            }
            bound[out->bound_count++] = (struct lang_bound){
                .param = index, .bytes = bytes, .size = (uint32_t)(buf.size - at)};
        }
    }
    jit_buf_release(&buf);
    out->bound = bound;
    return good;
}

static bool link_right(struct lang_parser *p, struct lang_right_node *right)
{
    uint32_t *rules = lang_alloc(p->arena, right->pub.rule_count, sizeof *rules);
    struct lang_invoke *invoke = lang_alloc(p->arena, right->pub.rule_count, sizeof *invoke);
    if (rules == NULL || invoke == NULL) {
        return lang_no_memory(p);
    }
    bool good = true;
    uint32_t i = 0;
    for (struct lang_rule_ref *ref = right->rules; ref != NULL; ref = ref->next, i++) {
        struct lang_rule_node *rule = lang_find_rule(p, &ref->name);
        good = rule != NULL && bind_some(p, rule, ref, &invoke[i]) && good;
        rules[i] = rule == NULL ? 0 : rule->index;
    }
    right->pub.rules = rules;
    right->pub.invoke = invoke;
    return good;
}

static bool link_grant(struct lang_parser *p, struct lang_grant_node *grant)
{
    const struct lang_name *name = &grant->process;
    bool good = true;
    struct lang_process_node *process =
        lang_index_get(&p->index, LANG_INDEX_PROCESS, name->text, name->size);
    if (process == NULL) {
        struct lang_nearest nearest = lang_nearest_to(name->text, name->size);
        for (const struct lang_process_node *other = p->processes; other != NULL;
             other = other->next) {
            lang_nearest_try(&nearest, other->name.text, other->name.size);
        }
        good = lang_fail(p, name->at, name->span, "there is no process `%.60s`", name->text);
        if (nearest.best != NULL) {
            lang_help(p, "did you mean `%.60s`?", nearest.best);
        }
    } else {
        grant->pub.process = process->index;
    }
    for (struct lang_right_node *right = grant->rights; right != NULL; right = right->next) {
        good = link_right(p, right) && good;
    }
    return lang_link_owns(p, grant) && good;
}

bool lang_link(struct lang_parser *p)
{
    for (struct lang_process_node *process = p->processes; process != NULL && !lang_stopped(p);
         process = process->next) {
        if (!process->broken) {
            (void)link_process(p, process);
        }
    }
    for (struct lang_grant_node *grant = p->grants; grant != NULL && !lang_stopped(p);
         grant = grant->next) {
        (void)link_grant(p, grant);
    }
    for (struct lang_script_node *script = p->scripts; script != NULL && !lang_stopped(p);
         script = script->next) {
        if (!script->broken) {
            (void)lang_link_script(p, script);
        }
    }
    return p->error_count == 0 && p->err == JIT_OK;
}

/* ---- lists to arrays ---- */

static bool collect_types(struct lang_parser *p, struct lang_system *system)
{
    struct lang_type *types = lang_alloc(p->arena, p->type_count, sizeof *types);
    if (types == NULL) {
        return false;
    }
    struct lang_type *type = types;
    for (struct lang_type_node *node = p->types; node != NULL; node = node->next, type++) {
        struct lang_field *fields = lang_alloc(p->arena, node->pub.field_count, sizeof *fields);
        if (fields == NULL) {
            return false;
        }
        *type = node->pub;
        type->fields = fields;
        for (struct lang_field_node *field = node->fields; field != NULL; field = field->next) {
            *fields++ = field->pub;
        }
    }
    system->types = types;
    system->type_count = p->type_count;
    return true;
}

static bool collect_grants(struct lang_parser *p, struct lang_system *system)
{
    struct lang_grant *grants = lang_alloc(p->arena, p->grant_count, sizeof *grants);
    if (grants == NULL) {
        return false;
    }
    struct lang_grant *grant = grants;
    for (struct lang_grant_node *node = p->grants; node != NULL; node = node->next, grant++) {
        struct lang_right *rights = lang_alloc(p->arena, node->pub.right_count, sizeof *rights);
        if (rights == NULL) {
            return false;
        }
        *grant = node->pub;
        grant->rights = rights;
        if (!lang_collect_owns(p, node, grant)) {
            return false;
        }
        for (struct lang_right_node *right = node->rights; right != NULL; right = right->next) {
            *rights++ = right->pub;
        }
    }
    system->grants = grants;
    system->grant_count = p->grant_count;
    return true;
}

bool lang_collect(struct lang_parser *p, struct lang_system *system)
{
    struct lang_import *imports = lang_alloc(p->arena, p->import_count, sizeof *imports);
    struct lang_rule *rules = lang_alloc(p->arena, p->rule_count, sizeof *rules);
    struct lang_rule *invariants = lang_alloc(p->arena, p->invariant_count, sizeof *invariants);
    struct lang_process *processes = lang_alloc(p->arena, p->process_count, sizeof *processes);
    struct lang_script *scripts = lang_alloc(p->arena, p->script_count, sizeof *scripts);
    if (imports == NULL || rules == NULL || invariants == NULL || processes == NULL ||
        scripts == NULL || !collect_types(p, system) || !collect_grants(p, system)) {
        return lang_no_memory(p);
    }
    system->name = p->system_name.text;
    system->is_schema = p->is_schema;
    system->imports = imports;
    system->import_count = p->import_count;
    system->rules = rules;
    system->rule_count = p->rule_count;
    system->invariants = invariants;
    system->invariant_count = p->invariant_count;
    system->processes = processes;
    system->process_count = p->process_count;
    system->scripts = scripts;
    system->script_count = p->script_count;
    for (struct lang_import_node *node = p->imports; node != NULL; node = node->next) {
        *imports++ = node->pub;
    }
    for (struct lang_rule_node *node = p->rules; node != NULL; node = node->next) {
        *rules++ = node->pub;
    }
    for (struct lang_rule_node *node = p->invariants; node != NULL; node = node->next) {
        *invariants++ = node->pub;
    }
    for (struct lang_process_node *node = p->processes; node != NULL; node = node->next) {
        *processes++ = node->pub;
    }
    for (struct lang_script_node *node = p->scripts; node != NULL; node = node->next) {
        *scripts++ = node->pub;
    }
    return true;
}
