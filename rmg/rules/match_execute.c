/* rmg/rules/match_execute.c - the operations of a verified match (rmg/rules/match.h). What they
 * touch is in its footprint: rmg/rules/match_footprint.c. */
#include "rmg/rules/match_priv.h"

struct execute {
    const struct rmg_match *match;
    const struct rmg_effect *effect;
    bool (*emit)(void *user, const struct rmg_emit *emit);
    void *user;
};

static bool execute_creates(const struct execute *x)
{
    for (uint32_t i = 0; i < x->match->rule->create_count; i++) {
        const struct rmg_rule_create *create = &x->match->rule->creates[i];
        struct rmg_emit out = {
            .op = {.kind = create->is_edge ? RMG_OP_UPSERT_EDGE : RMG_OP_UPSERT_NODE,
                   .instance = *rmg_match_instance(x->match, create->place),
                   .id = x->effect->created[i],
                   .type = create->type}};
        if (create->is_edge) {
            out.op.from = *rmg_effect_id(x->match, x->effect, create->from);
            out.op.to = *rmg_effect_id(x->match, x->effect, create->to);
        }
        if (!x->emit(x->user, &out)) {
            return false;
        }
    }
    return true;
}

/* Clear the attachments of one element, the next ones of the list, then delete it. */
static bool execute_deletion(const struct execute *x, uint32_t element, bool is_edge,
                             struct jit_id id, uint32_t *next)
{
    const struct rmg_rule *rule = x->match->rule;
    const struct jit_id *instance = rmg_match_instance(
        x->match, element < rule->element_count ? rule->elements[element].place : 0);
    for (; *next < x->effect->clear_count; ++*next) {
        struct rmg_clear clear = rmg_effect_clear(x->effect, *next);
        if (clear.element != element) {
            break;
        }
        struct rmg_emit out = {
            .op = {.kind = RMG_OP_CLEAR_ATTACHMENT,
                   .plane = is_edge ? RMG_PLANE_BETA : RMG_PLANE_ALPHA,
                   .instance = *instance,
                   .id = id,
                   .attachment = {.name = clear.name, .name_size = clear.name_size}}};
        if (!x->emit(x->user, &out)) {
            return false;
        }
    }
    struct rmg_emit out = {.op = {.kind = is_edge ? RMG_OP_DELETE_EDGE : RMG_OP_DELETE_NODE,
                                  .instance = *instance,
                                  .id = id}};
    return x->emit(x->user, &out);
}

static bool execute_deletions(const struct execute *x)
{
    const struct rmg_rule *rule = x->match->rule;
    uint32_t next = 0; /* clears lie in the order of their elements */
    for (uint32_t i = 0; i < rule->element_count; i++) {
        if (rule->elements[i].deleted &&
            !execute_deletion(x, i, rule->elements[i].is_edge, x->match->ids[i], &next)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < x->effect->detached_count; i++) {
        if (!execute_deletion(x, rule->element_count + i, true,
                              rmg_effect_detached(x->effect, i)->id, &next)) {
            return false;
        }
    }
    return true;
}

static bool execute_updates(const struct execute *x)
{
    for (uint32_t i = 0; i < x->match->rule->update_count; i++) {
        const struct rmg_rule_update *update = &x->match->rule->updates[i];
        const uint8_t *bytes = x->effect->values->data + x->effect->value_at[i];
        struct rmg_emit out = {
            .op = {.kind = RMG_OP_SET_ATTACHMENT,
                   .plane = rmg_operand_is_edge(x->match->rule, update->target) ? RMG_PLANE_BETA
                                                                                : RMG_PLANE_ALPHA,
                   .instance = *rmg_match_instance(x->match,
                                                   rmg_rule_place(x->match->rule, update->target)),
                   .id = *rmg_effect_id(x->match, x->effect, update->target),
                   .attachment = {.name = update->name,
                                  .name_size = update->name_size,
                                  .value = {.kind = RMG_VALUE_ATOM,
                                            .type = *rmg_codec_type(update->kind == RMG_UPDATE_PUT
                                                                        ? RMG_CODEC_LIST
                                                                        : update->codec),
                                            .bytes = bytes,
                                            .size = x->effect->value_size[i]}}}};
        uint16_t field = rmg_match_field(x->match, update);
        if (field == RMG_NO_FIELD || update->kind == RMG_UPDATE_PUT) {
            out.join = rmg_update_join(update->kind);
            out.delta = update->kind == RMG_UPDATE_ADD ? (int64_t)jit_le64(bytes) : 0;
            out.alone = field != RMG_NO_FIELD;
        }
        if (!x->emit(x->user, &out)) {
            return false;
        }
    }
    return true;
}

bool rmg_match_execute(const struct rmg_match *match, const struct rmg_effect *effect,
                       bool (*emit)(void *user, const struct rmg_emit *emit), void *user)
{
    struct execute x = {.match = match, .effect = effect, .emit = emit, .user = user};
    return execute_creates(&x) && execute_deletions(&x) && execute_updates(&x);
}
