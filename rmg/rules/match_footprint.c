/* rmg/rules/match_footprint.c - what a verified match reads and writes (rmg/rules/match.h). The
 * table is docs/spec/footprint.md. */
#include "base/check.h"
#include "rmg/rules/match_priv.h"

static const struct jit_id any_type; /* zero: edges of all types */

/* An incidence, by operand: equal operands are equal nodes, so ids need no comparison. */
struct incidence {
    uint8_t operand;
    uint8_t direction;
    bool read;
    bool blind;
    const struct jit_id *type;
};

/* Conditions and aggregates one each; a created or deleted edge four; a deleted node two. */
#define NEARS_MAX (RMG_RULE_NEGATIVES_MAX + RMG_RULE_AGGREGATES_MAX)
#define INCIDENCES_MAX                                                                             \
    (RMG_RULE_NEGATIVES_MAX + RMG_RULE_AGGREGATES_MAX + JIT_PATTERN_ELEMENTS_MAX * (4u + 4u + 2u))

uint8_t rmg_match_first(const struct rmg_match *match, uint8_t element)
{
    const struct rmg_rule *rule = match->rule;
    for (uint8_t i = 0; i < element && rule->equal_count > 0; i++) {
        if (rule->elements[i].is_edge == rule->elements[element].is_edge &&
            rule->elements[i].place == rule->elements[element].place &&
            jit_id_equal(&match->ids[i], &match->ids[element])) {
            return i;
        }
    }
    return element;
}

/* Do two elements of the match and two names give one slot? */
static bool one_slot(const struct rmg_match *match, const struct rmg_rule_field *field,
                     uint8_t target, const char *name, uint8_t name_size)
{
    return (target & RMG_RULE_CREATED) == 0 && field->name_size == name_size &&
           memcmp(field->name, name, name_size) == 0 &&
           rmg_match_first(match, field->element) == rmg_match_first(match, target);
}

uint16_t rmg_match_field(const struct rmg_match *match, const struct rmg_rule_update *update)
{
    const struct rmg_rule *rule = match->rule;
    uint16_t found = update->field;
    for (uint16_t i = 0; i < rule->field_count && rule->equal_count > 0 && found == RMG_NO_FIELD;
         i++) {
        if (rule->fields[i].read &&
            one_slot(match, &rule->fields[i], update->target, update->name, update->name_size)) {
            found = i;
        }
    }
    return found;
}

/* Does another use speak for the slot of this field? */
static bool field_covered(const struct rmg_match *match, uint32_t index)
{
    const struct rmg_rule *rule = match->rule;
    const struct rmg_rule_field *field = &rule->fields[index];
    bool covered = field->covered;
    for (uint32_t i = 0; i < index && rule->equal_count > 0 && !covered; i++) {
        const struct rmg_rule_field *other = &rule->fields[i];
        covered =
            other->read && one_slot(match, field, other->element, other->name, other->name_size);
    }
    for (uint32_t i = 0; i < rule->update_count && rule->equal_count > 0 && !covered; i++) {
        const struct rmg_rule_update *update = &rule->updates[i];
        covered = one_slot(match, field, update->target, update->name, update->name_size);
    }
    return covered;
}

struct extent {
    uint8_t place;
    const struct jit_id *type;
    bool read;
    bool blind;
};

struct footprint {
    const struct rmg_match *match;
    const struct rmg_effect *effect;
    bool (*emit)(void *user, const struct rmg_use *use);
    void *user;
    uint32_t incidence_count;
    uint32_t extent_count;
    struct incidence incidences[INCIDENCES_MAX];
    struct extent extents[2 * JIT_PATTERN_ELEMENTS_MAX + NEARS_MAX];
    /* Of match->sought, by place: fields of some node, a bit each. */
    uint64_t changed[RMG_RULE_PORTALS_MAX + 1][RMG_SOUGHT_MAX / 64];
};

static bool emit_element(const struct footprint *f, uint8_t place, bool is_edge,
                         const struct jit_id *id, bool write)
{
    struct rmg_use use = {.access = write ? RMG_ACCESS_WRITE : RMG_ACCESS_READ, .read = true};
    use.slot.kind = is_edge ? RMG_SLOT_EDGE : RMG_SLOT_NODE;
    use.slot.instance = *rmg_match_instance(f->match, place);
    use.slot.id = *id;
    return f->emit(f->user, &use);
}

/* An attachment of an operand; the rest of the use is the caller's. */
static bool emit_attachment(const struct footprint *f, uint8_t operand, const char *name,
                            uint32_t name_size, struct rmg_use *use)
{
    use->slot.kind = rmg_operand_is_edge(f->match->rule, operand) ? RMG_SLOT_BETA : RMG_SLOT_ALPHA;
    use->slot.instance = *rmg_match_instance(f->match, rmg_rule_place(f->match->rule, operand));
    use->slot.id = *rmg_effect_id(f->match, f->effect, operand);
    use->slot.name = name;
    use->slot.name_size = name_size;
    return f->emit(f->user, use);
}

static void add_incidence(struct footprint *f, uint8_t operand, enum rmg_direction direction,
                          const struct jit_id *type, bool read)
{
    struct incidence *at = NULL;
    if ((operand & RMG_RULE_CREATED) == 0) {
        operand = rmg_match_first(f->match, operand);
    }
    for (uint32_t i = 0; i < f->incidence_count && at == NULL; i++) {
        struct incidence *known = &f->incidences[i];
        if (known->operand == operand && known->direction == direction &&
            jit_id_equal(known->type, type)) {
            at = known;
        }
    }
    if (at == NULL) {
        assert(f->incidence_count < INCIDENCES_MAX);
        at = &f->incidences[f->incidence_count++];
        *at = (struct incidence){.operand = operand, .direction = (uint8_t)direction, .type = type};
    }
    at->read = at->read || read;
    at->blind = at->blind || !read;
}

static void add_extent(struct footprint *f, uint8_t place, const struct jit_id *type, bool read)
{
    struct extent *at = NULL;
    for (uint32_t i = 0; i < f->extent_count && at == NULL; i++) {
        struct extent *known = &f->extents[i];
        at = known->place == place && jit_id_equal(known->type, type) ? known : NULL;
    }
    if (at == NULL) {
        assert(f->extent_count < sizeof f->extents / sizeof f->extents[0]);
        at = &f->extents[f->extent_count++];
        *at = (struct extent){.place = place, .type = type};
    }
    at->read = at->read || read;
    at->blind = at->blind || !read;
}

/* A field of a node of this type is set, joined or cleared. */
static void note_changed(struct footprint *f, uint8_t place, const struct jit_id *type,
                         const char *name, uint32_t name_size)
{
    const struct rmg_sought_list *sought = f->match->sought;
    uint32_t at = sought == NULL ? 0 : rmg_sought_find(sought, type, name, name_size);
    if (sought != NULL && at < sought->count) {
        f->changed[place][at / 64] |= (uint64_t)1 << at % 64;
    }
}

/* An edge comes or goes. */
static void add_edge(struct footprint *f, uint8_t from, uint8_t to, const struct jit_id *type)
{
    add_incidence(f, from, RMG_DIR_OUT, type, false);
    add_incidence(f, from, RMG_DIR_OUT, &any_type, false);
    add_incidence(f, to, RMG_DIR_IN, type, false);
    add_incidence(f, to, RMG_DIR_IN, &any_type, false);
    add_extent(f, rmg_rule_place(f->match->rule, from), type, false);
}

static bool footprint_elements(struct footprint *f)
{
    const struct rmg_rule *rule = f->match->rule;
    for (uint32_t i = 0; i < rule->element_count; i++) {
        const struct rmg_rule_element *element = &rule->elements[i];
        bool crowded = (f->effect->crowded >> i & 1) != 0;
        if (rmg_match_first(f->match, (uint8_t)i) != i) {
            continue; /* neither is deleted */
        }
        if (!emit_element(f, element->place, element->is_edge, &f->match->ids[i],
                          element->deleted || crowded)) {
            return false;
        }
        if (element->deleted && element->is_edge) {
            add_edge(f, element->from, element->to, &f->effect->types[i]);
        } else if (element->deleted) {
            add_incidence(f, (uint8_t)i, RMG_DIR_OUT, &any_type, true);
            add_incidence(f, (uint8_t)i, RMG_DIR_IN, &any_type, true);
            add_extent(f, element->place, &f->effect->types[i], false);
        }
    }
    for (uint32_t i = 0; i < rule->create_count; i++) {
        const struct rmg_rule_create *create = &rule->creates[i];
        if (!emit_element(f, create->place, create->is_edge, &f->effect->created[i], true)) {
            return false;
        }
        if (create->is_edge) {
            add_edge(f, create->from, create->to, &create->type);
        } else {
            add_extent(f, create->place, &create->type, false);
        }
    }
    return true;
}

/* Edges that go with a node; their attachments and incidences come later. */
static bool footprint_detached(const struct footprint *f)
{
    for (uint32_t i = 0; i < f->effect->detached_count; i++) {
        if (!emit_element(f, 0, true, &rmg_effect_detached(f->effect, i)->id, true)) {
            return false;
        }
    }
    return true;
}

/* Detached edges ascend by id. */
static bool is_detached(const struct rmg_effect *effect, const struct jit_id *edge)
{
    uint32_t from = 0;
    uint32_t to = effect->detached_count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        int order = jit_id_compare(&rmg_effect_detached(effect, middle)->id, edge);
        if (order == 0) {
            return true;
        }
        from = order < 0 ? middle + 1 : from;
        to = order < 0 ? to : middle;
    }
    return false;
}

/* A node whose type, or a field that was looked at, of what is not matched. */
static bool footprint_seen(const struct footprint *f, const struct rmg_seen *seen)
{
    struct rmg_use use = {.access = RMG_ACCESS_READ, .read = true};
    uint8_t size = 0;
    if (seen->kind == RMG_SLOT_NODE) {
        return emit_element(f, seen->place, false, &seen->id, false);
    }
    if (seen->kind == RMG_SLOT_BETA && seen->place == 0 && is_detached(f->effect, &seen->id)) {
        return true; /* it goes, with all its fields */
    }
    use.slot.kind = (enum rmg_slot_kind)seen->kind;
    use.slot.instance = *rmg_match_instance(f->match, seen->place);
    use.slot.id = seen->id;
    use.slot.name = rmg_rule_name(f->match->rule, seen->name, &size);
    use.slot.name_size = size;
    return f->emit(f->user, &use);
}

static bool footprint_nears(struct footprint *f)
{
    const struct rmg_rule *rule = f->match->rule;
    for (uint32_t i = 0; i < rule->negative_count + rule->aggregate_count; i++) {
        const struct rmg_rule_near *near = rmg_rule_near_at(rule, i);
        if (near->alone) {
            if (near->value_count == 0) { /* else footprint_values */
                add_extent(f, 0, &near->other_type, true);
            }
        } else {
            add_incidence(f, near->element, near->direction,
                          near->edge_typed ? &near->edge_type : &any_type, true);
        }
    }
    for (uint32_t i = 0; i < f->effect->seen_count; i++) {
        struct rmg_seen seen = rmg_effect_seen(f->effect, i);
        if (!footprint_seen(f, &seen)) {
            return false;
        }
    }
    return true;
}

static struct jit_id clear_owner(const struct rmg_match *match, const struct rmg_effect *effect,
                                 const struct rmg_clear *clear, bool *is_edge, uint8_t *place)
{
    *place = 0;
    if (clear->element >= match->rule->element_count) {
        *is_edge = true;
        return rmg_effect_detached(effect, clear->element - match->rule->element_count)->id;
    }
    *place = match->rule->elements[clear->element].place;
    *is_edge = match->rule->elements[clear->element].is_edge;
    return match->ids[clear->element];
}

/* What the fold must know beforehand: the number that is added, the bytes that a list grows by when
 * nothing of what is put is in it yet. */
static int64_t delta_of(const struct rmg_effect *effect, const struct rmg_rule_update *update,
                        uint32_t index)
{
    switch (update->kind) {
    case RMG_UPDATE_ADD:
        return (int64_t)jit_le64(effect->values->data + effect->value_at[index]);
    case RMG_UPDATE_PUT:
        return (int64_t)effect->value_size[index] - 8;
    case RMG_UPDATE_RAISE:
    case RMG_UPDATE_LOWER:
    case RMG_UPDATE_SET:
        break;
    }
    return 0;
}

/* The slots of portals: all different, as what they lead to is. No update has one of them, nor a
 * field that comes out: there is no atom in it. */
static bool footprint_portals(const struct footprint *f)
{
    const struct rmg_rule *rule = f->match->rule;
    for (uint32_t i = 0; i < rule->portal_count; i++) {
        const struct rmg_rule_portal *portal = &rule->portals[i];
        struct rmg_use use = {.access = RMG_ACCESS_READ, .read = true};
        if (!emit_attachment(f, portal->owner, portal->name, portal->name_size, &use)) {
            return false;
        }
    }
    return true;
}

static bool footprint_attachments(struct footprint *f)
{
    const struct rmg_rule *rule = f->match->rule;
    for (uint32_t i = 0; i < rule->field_count; i++) {
        const struct rmg_rule_field *field = &rule->fields[i];
        struct rmg_use use = {.access = RMG_ACCESS_READ, .read = true};
        if (!field_covered(f->match, i) &&
            !emit_attachment(f, field->element, field->name, field->name_size, &use)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < f->effect->clear_count; i++) {
        struct rmg_clear clear = rmg_effect_clear(f->effect, i);
        bool is_edge = false;
        uint8_t place = 0;
        struct rmg_use use = {.access = RMG_ACCESS_WRITE, .read = true};
        use.slot.id = clear_owner(f->match, f->effect, &clear, &is_edge, &place);
        use.slot.kind = is_edge ? RMG_SLOT_BETA : RMG_SLOT_ALPHA;
        use.slot.instance = *rmg_match_instance(f->match, place);
        use.slot.name = clear.name;
        use.slot.name_size = clear.name_size;
        if (!is_edge) {
            note_changed(f, place, &f->effect->types[clear.element], clear.name, clear.name_size);
        }
        if (!f->emit(f->user, &use)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < rule->update_count; i++) {
        const struct rmg_rule_update *update = &rule->updates[i];
        bool created = (update->target & RMG_RULE_CREATED) != 0;
        struct rmg_use use = {.access = RMG_ACCESS_WRITE, .read = !created};
        if (update->kind != RMG_UPDATE_SET && rmg_match_field(f->match, update) == RMG_NO_FIELD) {
            use.access = RMG_ACCESS_BLIND;
            use.read = false;
            use.join = rmg_update_join(update->kind);
            use.delta = delta_of(f->effect, update, i);
        }
        if (!rmg_operand_is_edge(rule, update->target)) {
            note_changed(f, rmg_rule_place(rule, update->target),
                         created ? &rule->creates[update->target & (RMG_RULE_CREATED - 1u)].type
                                 : &f->effect->types[update->target],
                         update->name, update->name_size);
        }
        if (!emit_attachment(f, update->target, update->name, update->name_size, &use)) {
            return false;
        }
    }
    return true;
}

/* Which nodes of a type there are (RMG_SLOT_EXTENT, without a name), or what they have in a field
 * (RMG_SLOT_VALUES): asked for, changed, or both. */
static bool emit_members(const struct footprint *f, enum rmg_slot_kind kind, uint8_t place,
                         const struct jit_id *type, bool read, bool blind, const char *name,
                         uint32_t name_size)
{
    struct rmg_use use = {.read = read};
    use.access = !blind ? RMG_ACCESS_READ : read ? RMG_ACCESS_WRITE : RMG_ACCESS_BLIND;
    use.join = use.access == RMG_ACCESS_BLIND ? RMG_JOIN_MEMBERS : RMG_JOIN_NONE;
    use.slot.kind = kind;
    use.slot.instance = *rmg_match_instance(f->match, place);
    use.slot.id = *type;
    use.slot.name = name;
    use.slot.name_size = name_size;
    return f->emit(f->user, &use);
}

/* Is there an earlier value of the same type and name? */
static bool sought_before(const struct rmg_rule *rule, uint32_t near_index, uint32_t value_index)
{
    const struct rmg_rule_near *near = rmg_rule_near_at(rule, near_index);
    const struct rmg_rule_value *value = &rule->values[value_index];
    for (uint32_t i = 0; i <= near_index; i++) {
        const struct rmg_rule_near *other = rmg_rule_near_at(rule, i);
        for (uint32_t k = 0; k < other->value_count && other->alone; k++) {
            const struct rmg_rule_value *known = &rule->values[other->value_at + k];
            if (other->value_at + k < value_index && known->name_size == value->name_size &&
                memcmp(known->name, value->name, value->name_size) == 0 &&
                jit_id_equal(&other->other_type, &near->other_type)) {
                return true;
            }
        }
    }
    return false;
}

/* Those that others ask for, of one place. */
static bool footprint_changed(const struct footprint *f, uint8_t place)
{
    const struct rmg_sought_list *sought = f->match->sought;
    const uint64_t *changed = f->changed[place];
    for (uint32_t at = 0; sought != NULL && at < sought->count; at++) {
        if (changed[at / 64] == 0) {
            at |= 63u;
        } else if ((changed[at / 64] >> at % 64 & 1) != 0 &&
                   !emit_members(f, RMG_SLOT_VALUES, place, &sought->at[at].type, false, true,
                                 sought->at[at].name, sought->at[at].name_size)) {
            return false;
        }
    }
    return true;
}

/* Extents of fields: those that the rule asks for, and those that others do. */
static bool footprint_values(struct footprint *f)
{
    const struct rmg_rule *rule = f->match->rule;
    const struct rmg_sought_list *sought = f->match->sought;
    for (uint32_t i = 0; i < rule->negative_count + rule->aggregate_count; i++) {
        const struct rmg_rule_near *near = rmg_rule_near_at(rule, i);
        for (uint32_t k = near->value_at; k < near->value_at + near->value_count && near->alone;
             k++) {
            const struct rmg_rule_value *value = &rule->values[k];
            uint32_t at = sought == NULL ? 0
                                         : rmg_sought_find(sought, &near->other_type, value->name,
                                                           value->name_size);
            bool listed = sought != NULL && at < sought->count;
            bool blind = listed && (f->changed[0][at / 64] >> at % 64 & 1) != 0;
            if (sought_before(rule, i, k)) {
                continue;
            }
            if (listed) {
                f->changed[0][at / 64] &= ~((uint64_t)1 << at % 64);
            }
            if (!emit_members(f, RMG_SLOT_VALUES, 0, &near->other_type, true, blind, value->name,
                              value->name_size)) {
                return false;
            }
        }
    }
    for (uint32_t place = 0; place <= rule->portal_count; place++) {
        if (!footprint_changed(f, (uint8_t)place)) {
            return false;
        }
    }
    return true;
}

/* The incidences of edges that go with a node, each once. What the rule itself has gathered of them
 * is taken out of its list. */
static bool footprint_ends(struct footprint *f)
{
    struct rmg_use use = {.join = RMG_JOIN_NONE};
    use.slot.instance = f->match->instance;
    use.slot.kind = RMG_SLOT_INCIDENCE;
    for (uint32_t i = 0; i < f->effect->ends_count; i++) {
        const struct rmg_end *end = rmg_effect_end(f->effect, i);
        use.read = false;
        for (uint32_t k = 0; k < f->incidence_count; k++) {
            const struct incidence *known = &f->incidences[k];
            if (known->direction == end->direction &&
                rmg_rule_place(f->match->rule, known->operand) == 0 &&
                jit_id_equal(known->type, &end->type) &&
                jit_id_equal(rmg_effect_id(f->match, f->effect, known->operand), &end->node)) {
                use.read = known->read;
                f->incidences[k] = f->incidences[--f->incidence_count];
                break;
            }
        }
        use.slot.direction = (enum rmg_direction)end->direction;
        use.slot.id = end->node;
        use.slot.type = end->type;
        use.access = use.read ? RMG_ACCESS_WRITE : RMG_ACCESS_BLIND;
        use.join = use.read ? RMG_JOIN_NONE : RMG_JOIN_MEMBERS;
        if (!f->emit(f->user, &use)) {
            return false;
        }
    }
    return true;
}

/* Incidences and extents, each gathered to its strongest use. */
static bool footprint_members(struct footprint *f)
{
    struct rmg_use use = {.join = RMG_JOIN_NONE};
    use.slot.kind = RMG_SLOT_INCIDENCE;
    if (!footprint_ends(f)) {
        return false;
    }
    for (uint32_t i = 0; i < f->incidence_count; i++) {
        const struct incidence *incidence = &f->incidences[i];
        use.slot.instance =
            *rmg_match_instance(f->match, rmg_rule_place(f->match->rule, incidence->operand));
        use.slot.direction = (enum rmg_direction)incidence->direction;
        use.slot.id = *rmg_effect_id(f->match, f->effect, incidence->operand);
        use.slot.type = *incidence->type;
        use.read = incidence->read;
        use.access = !incidence->blind ? RMG_ACCESS_READ
                     : incidence->read ? RMG_ACCESS_WRITE
                                       : RMG_ACCESS_BLIND;
        use.join = use.access == RMG_ACCESS_BLIND ? RMG_JOIN_MEMBERS : RMG_JOIN_NONE;
        if (!f->emit(f->user, &use)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < f->effect->extents_count; i++) {
        const struct jit_id *type = rmg_effect_extent(f->effect, i);
        bool known = false;
        for (uint32_t k = 0; k < f->extent_count && !known; k++) {
            known = f->extents[k].place == 0 && jit_id_equal(f->extents[k].type, type);
            f->extents[k].blind = f->extents[k].blind || known;
        }
        if (!known && !emit_members(f, RMG_SLOT_EXTENT, 0, type, false, true, NULL, 0)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < f->extent_count; i++) {
        const struct extent *extent = &f->extents[i];
        if (!emit_members(f, RMG_SLOT_EXTENT, extent->place, extent->type, extent->read,
                          extent->blind, NULL, 0)) {
            return false;
        }
    }
    return true;
}

bool rmg_match_footprint(const struct rmg_match *match, const struct rmg_effect *effect,
                         bool (*emit)(void *user, const struct rmg_use *use), void *user)
{
    struct footprint f;
    f.match = match;
    f.effect = effect;
    f.emit = emit;
    f.user = user;
    f.incidence_count = 0;
    f.extent_count = 0;
    memset(f.changed, 0,
           match->sought == NULL ? 0 : (match->rule->portal_count + 1) * sizeof f.changed[0]);
    return footprint_elements(&f) && footprint_detached(&f) && footprint_nears(&f) &&
           footprint_portals(&f) && footprint_attachments(&f) && footprint_members(&f) &&
           footprint_values(&f);
}
