/* What a rule reads and writes, in words (rmg/lang/lang_advise.h). */
#include "base/check.h"
#include "rmg/lang/lang_advise_priv.h"
#include "rmg/lang/lang_format_priv.h"

const char *lang_words_verb(enum lang_words words)
{
    static const char *const verbs[] = {"keeps",   "deletes", "creates", "reads",     "sets",
                                        "adds to", "raises",  "lowers",  "puts into", "changes"};
    assert(words < LANG_WORDS_COUNT);
    return verbs[words];
}

/* ---- names ---- */

const struct lang_type *lang_advised_type(const struct lang_advisor *a, const struct jit_id *id)
{
    for (uint32_t i = 0; i < a->system->type_count; i++) {
        if (jit_id_equal(&a->system->types[i].id, id)) {
            return &a->system->types[i];
        }
    }
    return NULL;
}

void lang_put_type_of(const struct lang_advisor *a, const struct jit_id *id, struct jit_buf *out)
{
    const struct lang_type *type = lang_advised_type(a, id);
    assert(type != NULL); /* a rule names declared types alone */
    lang_print_name(type->name, type->name_size, out);
}

static const char *name_of(const struct lang_advised *rule, uint8_t operand)
{
    return (operand & RMG_RULE_CREATED) != 0
               ? rule->text->created_names[operand & (RMG_RULE_CREATED - 1u)]
               : rule->text->element_names[operand];
}

bool lang_advised_edge(const struct lang_advised *rule, uint8_t operand, uint8_t *from, uint8_t *to,
                       const struct jit_id **type)
{
    if ((operand & RMG_RULE_CREATED) != 0) {
        const struct rmg_rule_create *create =
            &rule->rule->creates[operand & (RMG_RULE_CREATED - 1u)];
        *from = create->from;
        *to = create->to;
        *type = &create->type;
        return create->is_edge;
    }
    const struct rmg_rule_element *element = &rule->rule->elements[operand];
    *from = element->from;
    *to = element->to;
    *type = element->typed ? &element->type : NULL;
    return element->is_edge;
}

/* in s.rooms */
static void put_place(const struct lang_advised *rule, uint8_t place, struct jit_buf *out)
{
    if (place > 0) {
        const struct rmg_rule_portal *portal = &rule->rule->portals[place - 1];
        lang_put(out, " in ");
        lang_put(out, name_of(rule, portal->owner)); /* only what is named has a portal */
        lang_put(out, ".");
        lang_print_name(portal->name, portal->name_size, out);
    }
}

/* a; [:T] a->b; (:T) of element 3. */
void lang_put_advised(const struct lang_advisor *a, const struct lang_advised *rule,
                      uint8_t operand, bool whole, struct jit_buf *out)
{
    uint8_t from = 0;
    uint8_t to = 0;
    const struct jit_id *type = NULL;
    const char *name = name_of(rule, operand);
    bool is_edge = lang_advised_edge(rule, operand, &from, &to, &type);
    if (name != NULL && !whole) {
        lang_put(out, name);
        return;
    }
    lang_put(out, is_edge ? "[" : "(");
    lang_put(out, name == NULL ? "" : name);
    if (type != NULL) {
        lang_put(out, ":");
        lang_put_type_of(a, type, out);
    }
    lang_put(out, is_edge ? "]" : ")");
    if (is_edge) {
        lang_put(out, " ");
        lang_put_advised(a, rule, from, false, out);
        lang_put(out, "->");
        lang_put_advised(a, rule, to, false, out);
    } else if (name == NULL) {
        lang_put(out, (operand & RMG_RULE_CREATED) != 0 ? " created " : " element ");
        lang_put_number(out, (operand & (RMG_RULE_CREATED - 1u)) + 1u);
    }
    if (whole) {
        put_place(rule, rmg_rule_place(rule->rule, operand), out);
    }
}

/* ---- one row in words ---- */

static void put_incidence(const struct lang_advisor *a, const struct lang_advised *rule,
                          const struct rmg_rule_use *use, struct jit_buf *out)
{
    if (use->types == RMG_USE_OF_TYPE) {
        lang_put_type_of(a, &use->type, out);
        lang_put(out, " ");
    }
    lang_put(out, use->direction == RMG_DIR_OUT ? "edges leaving " : "edges entering ");
    if (use->element == RMG_USE_ELSEWHERE) {
        lang_put(out, "its neighbours");
    } else {
        lang_put_advised(a, rule, use->element, false, out);
    }
}

/* The field of an edge or a node that is not matched. */
static void put_beside(const struct lang_advisor *a, const struct rmg_rule_use *use,
                       struct jit_buf *out)
{
    bool is_edge = use->kind == RMG_SLOT_BETA;
    lang_print_name(use->name, use->name_size, out);
    lang_put(out, " of ");
    if (use->types == RMG_USE_OF_TYPE) {
        lang_put_type_of(a, &use->type, out);
        lang_put(out, " ");
    }
    lang_put(out, is_edge ? "edges" : "neighbours");
}

/* The thing that a row is about, without the verb. */
void lang_put_use(const struct lang_advisor *a, const struct lang_advised *rule,
                  const struct rmg_rule_use *use, bool whole, struct jit_buf *out)
{
    bool elsewhere = use->element == RMG_USE_ELSEWHERE;
    switch (use->kind) {
    case RMG_SLOT_NODE:
    case RMG_SLOT_EDGE:
        if (elsewhere) {
            lang_put(out,
                     use->kind == RMG_SLOT_NODE ? "types of neighbours" : "all other edges of it");
        } else {
            lang_put_advised(a, rule, use->element, whole, out);
        }
        break;
    case RMG_SLOT_ALPHA:
    case RMG_SLOT_BETA:
        if (elsewhere && use->name == NULL) {
            lang_put(out, "fields of all other edges of it");
            break;
        }
        if (elsewhere) {
            put_beside(a, use, out);
            break;
        }
        if (use->name == NULL) {
            lang_put(out, "all fields of ");
        }
        lang_put_advised(a, rule, use->element, false, out);
        if (use->name != NULL) {
            lang_put(out, ".");
            lang_print_name(use->name, use->name_size, out);
        }
        break;
    case RMG_SLOT_INCIDENCE:
        put_incidence(a, rule, use, out);
        break;
    case RMG_SLOT_EXTENT:
        lang_put(out, "the set of all ");
        if (use->types == RMG_USE_OF_TYPE) {
            lang_put_type_of(a, &use->type, out);
        } else {
            lang_put(out, "of some type");
        }
        break;
    case RMG_SLOT_VALUES:
        if (use->name == NULL) {
            lang_put(out, "all fields");
        } else {
            lang_print_name(use->name, use->name_size, out);
        }
        lang_put(out, " of all ");
        if (use->types == RMG_USE_OF_TYPE) {
            lang_put_type_of(a, &use->type, out);
        } else {
            lang_put(out, "of some type");
        }
        break;
    }
}

enum lang_words lang_use_words(const struct rmg_rule_use *use)
{
    bool element = use->kind == RMG_SLOT_NODE || use->kind == RMG_SLOT_EDGE;
    bool created = use->element != RMG_USE_ELSEWHERE && (use->element & RMG_RULE_CREATED) != 0;
    switch (use->access) {
    case RMG_ACCESS_READ:
        return LANG_WORDS_READS;
    case RMG_ACCESS_WRITE:
        if (element) {
            return created ? LANG_WORDS_CREATES : LANG_WORDS_DELETES;
        }
        return use->name == NULL ? LANG_WORDS_DELETES : LANG_WORDS_SETS;
    case RMG_ACCESS_BLIND:
        break;
    }
    return use->join == RMG_JOIN_SUM     ? LANG_WORDS_ADDS
           : use->join == RMG_JOIN_MAX   ? LANG_WORDS_RAISES
           : use->join == RMG_JOIN_MIN   ? LANG_WORDS_LOWERS
           : use->join == RMG_JOIN_UNION ? LANG_WORDS_PUTS
                                         : LANG_WORDS_CHANGES;
}

/* Rows that say again what another one says. */
static bool worth_saying(const struct rmg_rule_use *use)
{
    return use->access != RMG_ACCESS_BLIND ||
           !((use->kind == RMG_SLOT_INCIDENCE && use->types == RMG_USE_OF_ALL) ||
             use->kind == RMG_SLOT_VALUES);
}

/* One text after the other, each once: a list of texts that end with NUL. */
static bool is_new(const struct jit_buf *said, size_t begin)
{
    const char *text = (const char *)said->data + begin;
    for (size_t at = 0; at < begin; at += strlen((const char *)said->data + at) + 1) {
        if (strcmp((const char *)said->data + at, text) == 0) {
            return false;
        }
    }
    return true;
}

static bool say(struct jit_buf *said, size_t begin, bool (*emit)(void *user, const char *text),
                void *user)
{
    jit_buf_put_u8(said, 0);
    if (said->err != JIT_OK) {
        (void)emit(user, NULL);
        return false;
    }
    if (!is_new(said, begin)) {
        said->size = begin;
        return true;
    }
    return emit(user, (const char *)said->data + begin);
}

bool lang_advise_words(const struct lang_advisor *advisor, uint32_t index, enum lang_words words,
                       bool (*emit)(void *user, const char *text), void *user)
{
    const struct lang_advised *rule = &advisor->rules[index];
    struct jit_buf said;
    bool more = true;
    jit_buf_init(&said, advisor->heap, 1u << 20);
    for (uint32_t i = 0; words == LANG_WORDS_KEEPS && more && i < rule->rule->element_count; i++) {
        size_t begin = said.size;
        if (!rule->rule->elements[i].deleted) {
            lang_put_advised(advisor, rule, (uint8_t)i, true, &said);
            more = say(&said, begin, emit, user);
        }
    }
    for (size_t i = 0; words != LANG_WORDS_KEEPS && more && i < rule->facts.use_count; i++) {
        const struct rmg_rule_use *use = &rule->facts.uses[i];
        size_t begin = said.size;
        if (worth_saying(use) && lang_use_words(use) == words) {
            lang_put_use(advisor, rule, use, use->access == RMG_ACCESS_WRITE, &said);
            more = say(&said, begin, emit, user);
        }
    }
    jit_buf_release(&said);
    return more;
}
