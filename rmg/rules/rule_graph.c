#include "rmg/rules/rule_graph.h"

#include <stdio.h>

#include "base/check.h"
#include "base/hash.h"

/* "/invariants/" || name || "/L/" || number */
#define PATH_SIZE (JIT_NAME_BYTES_MAX + 20u)

struct graphed {
    struct rmg_collect *collect;
    const struct rmg_rule *rule;
    const char *top;
    char part;
    struct jit_id places[RMG_RULE_PORTALS_MAX + 1]; /* the instances being filled */
};

/* The type of an element that matches any. */
static void any_type(struct jit_id *out)
{
    jit_hash_named("any:", "type", 4, out);
}

/* BLAKE3("node:" || NAME || "/" || place), "edge:" likewise; of what is created "/new/" || place.
 */
static void id_of(const struct rmg_rule *rule, uint8_t operand, bool is_edge, struct jit_id *out)
{
    char label[JIT_NAME_BYTES_MAX + 16];
    bool created = (operand & RMG_RULE_CREATED) != 0;
    int size = snprintf(label, sizeof label, "%s/%s%u", rule->name, created ? "new/" : "",
                        operand & (RMG_RULE_CREATED - 1u));
    assert(size > 0 && (size_t)size < sizeof label);
    jit_hash_named(is_edge ? "edge:" : "node:", label, (size_t)size, out);
}

static bool is_edge(const struct rmg_rule *rule, uint8_t operand)
{
    return (operand & RMG_RULE_CREATED) != 0
               ? rule->creates[operand & (RMG_RULE_CREATED - 1u)].is_edge
               : rule->elements[operand].is_edge;
}

static enum jit_err put(const struct graphed *g, uint8_t operand, const struct jit_id *type,
                        bool edge, uint8_t from, uint8_t to)
{
    const struct jit_id *instance = &g->places[rmg_rule_place(g->rule, operand)];
    struct rmg_edge it = {.type = *type};
    id_of(g->rule, operand, edge, &it.id);
    if (!edge) {
        return rmg_collect_node(g->collect, instance, &it.id, type);
    }
    id_of(g->rule, from, false, &it.from);
    id_of(g->rule, to, false, &it.to);
    return rmg_collect_edge(g->collect, instance, &it);
}

/* What lies behind a portal is an instance on the element that has the portal, here as there. */
static enum jit_err put_portal(struct graphed *g, uint32_t index)
{
    const struct rmg_rule_portal *portal = &g->rule->portals[index];
    const bool edge = is_edge(g->rule, portal->owner);
    struct rmg_parent parent = {.present = true,
                                .plane = edge ? RMG_PLANE_BETA : RMG_PLANE_ALPHA,
                                .instance = g->places[rmg_rule_place(g->rule, portal->owner)],
                                .name_size = portal->name_size};
    struct jit_id *instance = &g->places[index + 1];
    struct jit_id root_node;
    struct jit_id type;
    char path[PATH_SIZE + 1];
    int size =
        snprintf(path, sizeof path, "/%s/%s/%c/%u", g->top, g->rule->name, g->part, index + 1);
    assert(size > 0 && (size_t)size < sizeof path);
    jit_hash_named("warp:", path, (size_t)size, instance);
    jit_hash_named("node:", path, (size_t)size, &root_node);
    jit_hash_named("type:", "instance", 8, &type);
    id_of(g->rule, portal->owner, edge, &parent.owner);
    memcpy(parent.name, portal->name, portal->name_size);
    const struct rmg_attachment attachment = {
        .name = parent.name,
        .name_size = parent.name_size,
        .value = {.kind = RMG_VALUE_PORTAL, .type = *instance}};
    enum jit_err err = rmg_collect_instance(g->collect, instance, &root_node, &parent);
    if (err == JIT_OK) {
        err = rmg_collect_node(g->collect, instance, &root_node, &type);
    }
    return err == JIT_OK ? rmg_collect_attachment(g->collect, &parent.instance, parent.plane,
                                                  &parent.owner, &attachment)
                         : err;
}

/* The elements of the pattern: all, or those that stay. */
static enum jit_err put_pattern(const struct graphed *g, bool all)
{
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; err == JIT_OK && i < g->rule->element_count; i++) {
        const struct rmg_rule_element *element = &g->rule->elements[i];
        struct jit_id type = element->type;
        if (!element->typed) {
            any_type(&type);
        }
        if (all || !element->deleted) {
            err = put(g, (uint8_t)i, &type, element->is_edge, element->from, element->to);
        }
    }
    return err;
}

static enum jit_err put_created(const struct graphed *g)
{
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; err == JIT_OK && i < g->rule->create_count; i++) {
        const struct rmg_rule_create *create = &g->rule->creates[i];
        err = put(g, (uint8_t)(i | RMG_RULE_CREATED), &create->type, create->is_edge, create->from,
                  create->to);
    }
    return err;
}

/* What is written, under the name of the field: u8 kind || u8 codec || the expression. */
static enum jit_err put_update(const struct graphed *g, const struct rmg_rule_update *update)
{
    struct jit_buf buf;
    struct jit_id owner;
    const bool edge = is_edge(g->rule, update->target);
    jit_buf_init(&buf, rmg_collect_heap(g->collect), JIT_RULE_TEXT_BYTES_MAX + 2u);
    jit_buf_put_u8(&buf, (uint8_t)update->kind);
    jit_buf_put_u8(&buf, (uint8_t)update->codec);
    jit_buf_put(&buf, update->expr.code, update->expr.size);
    enum jit_err err = buf.err;
    if (err == JIT_OK) {
        id_of(g->rule, update->target, edge, &owner);
        const struct rmg_attachment attachment = {
            .name = update->name,
            .name_size = update->name_size,
            .value = {.kind = RMG_VALUE_ATOM,
                      .type = *rmg_codec_type(RMG_CODEC_BYTES),
                      .bytes = buf.data,
                      .size = (uint32_t)buf.size}};
        err =
            rmg_collect_attachment(g->collect, &g->places[rmg_rule_place(g->rule, update->target)],
                                   edge ? RMG_PLANE_BETA : RMG_PLANE_ALPHA, &owner, &attachment);
    }
    jit_buf_release(&buf);
    return err;
}

static enum jit_err put_result(const struct graphed *g)
{
    enum jit_err err = put_pattern(g, false);
    if (err == JIT_OK) {
        err = put_created(g);
    }
    for (uint32_t i = 0; err == JIT_OK && i < g->rule->update_count; i++) {
        err = put_update(g, &g->rule->updates[i]);
    }
    return err;
}

static enum jit_err put_program(struct rmg_collect *collect, const struct jit_id *instance,
                                const char *path, const uint8_t *program, uint32_t size)
{
    struct jit_id root_node;
    const struct rmg_datum datum = {.codec = RMG_CODEC_BYTES, .bytes = program, .size = size};
    jit_hash_named("node:", path, strlen(path), &root_node);
    return rmg_collect_datum(collect, instance, RMG_PLANE_ALPHA, &root_node, "program", &datum);
}

/* Under /rules or /invariants, with the parts that there are. */
static enum jit_err put_all(struct rmg_collect *collect, const char *top, const char *parts,
                            const struct rmg_rule *rule, const uint8_t *program,
                            uint32_t program_size, struct jit_id *instance)
{
    struct graphed g = {.collect = collect, .rule = rule, .top = top};
    char path[PATH_SIZE + 1];
    snprintf(path, sizeof path, "/%s/%s", top, rule->name);
    enum jit_err err = rmg_collect_path(collect, path, instance);
    if (err == JIT_OK) {
        err = put_program(collect, instance, path, program, program_size);
    }
    for (; err == JIT_OK && *parts != 0; parts++) {
        g.part = *parts;
        snprintf(path, sizeof path, "/%s/%s/%c", top, rule->name, g.part);
        err = rmg_collect_path(collect, path, &g.places[0]);
        for (uint32_t i = 0; err == JIT_OK && i < rule->portal_count; i++) {
            err = put_portal(&g, i);
        }
        if (err == JIT_OK) {
            err = g.part == 'R' ? put_result(&g) : put_pattern(&g, g.part == 'L');
        }
    }
    return err;
}

enum jit_err rmg_rule_graph(struct rmg_collect *collect, const struct rmg_rule *rule,
                            const uint8_t *program, uint32_t program_size, struct jit_id *instance)
{
    return put_all(collect, "rules", "LKR", rule, program, program_size, instance);
}

enum jit_err rmg_invariant_graph(struct rmg_collect *collect, const struct rmg_rule *invariant,
                                 const uint8_t *program, uint32_t program_size,
                                 struct jit_id *instance)
{
    return put_all(collect, "invariants", "L", invariant, program, program_size, instance);
}
