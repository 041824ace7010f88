#include "tools/client/cap/authority.h"

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
