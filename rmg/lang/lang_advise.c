#include "rmg/lang/lang_advise.h"

#include <stdio.h>

#include "base/check.h"
#include "rmg/lang/lang_format_priv.h"
#include "rmg/rules/invariant.h"

struct advised {
    struct rmg_rule *rule; /* decoded */
    struct rmg_rule_facts facts;
    const struct lang_rule *text;
    bool differs; /* it is run with several parameters */
};

struct lang_advisor {
    struct jit_heap *heap;
    const struct lang_system *system;
    struct advised *rules; /* and behind them the invariants */
    uint32_t rule_count;
    uint32_t known_count; /* with invariants */
};

#define TEXT_BYTES_MAX 4096u
#define WAYS_SHOWN     3u /* of a conflict */

const char *lang_advice_word(enum lang_advice_kind kind)
{
    static const char *const words[] = {"never", "ends", "creates", "unused", "denied", "conflict"};
    return words[kind];
}

const char *lang_words_verb(enum lang_words words)
{
    static const char *const verbs[] = {"keeps",   "deletes", "creates", "reads",     "sets",
                                        "adds to", "raises",  "lowers",  "puts into", "changes"};
    assert(words < LANG_WORDS_COUNT);
    return verbs[words];
}

/* ---- life ---- */

static bool run_differs(const struct lang_system *system, uint32_t rule)
{
    const struct lang_run *first = NULL;
    for (uint32_t i = 0; i < system->process_count; i++) {
        for (uint32_t k = 0; k < system->processes[i].run_count; k++) {
            const struct lang_run *run = &system->processes[i].runs[k];
            if (run->rule != rule) {
                continue;
            }
            if (first != NULL && !jit_id_equal(&first->params_digest, &run->params_digest)) {
                return true;
            }
            first = run;
        }
    }
    return false;
}

enum jit_err lang_advisor_new(struct jit_heap *heap, const struct lang_system *system,
                              struct lang_advisor **out)
{
    *out = NULL;
    struct lang_advisor *advisor = jit_heap_zalloc(heap, 1, sizeof *advisor);
    enum jit_err err = advisor == NULL ? JIT_ENOMEM : JIT_OK;
    if (err == JIT_OK) {
        advisor->heap = heap;
        advisor->system = system;
        advisor->rules =
            jit_heap_zalloc(heap, (size_t)system->rule_count + system->invariant_count + 1u,
                            sizeof *advisor->rules);
        err = advisor->rules == NULL ? JIT_ENOMEM : JIT_OK;
    }
    const uint32_t known = system->rule_count + system->invariant_count;
    for (uint32_t i = 0; err == JIT_OK && i < known; i++) {
        struct advised *rule = &advisor->rules[i];
        bool invariant = i >= system->rule_count;
        rule->text = invariant ? &system->invariants[i - system->rule_count] : &system->rules[i];
        rule->differs = !invariant && run_differs(system, i);
        advisor->rule_count += !invariant;
        advisor->known_count = i + 1;
        err = rmg_rule_decode(heap, rule->text->program, rule->text->program_size, &rule->rule);
        assert(err == JIT_OK || err == JIT_ENOMEM); /* the compiler made it */
        if (err == JIT_OK) {
            err = rmg_rule_facts_init(heap, rule->rule, &rule->facts);
        }
    }
    if (err != JIT_OK) {
        lang_advisor_free(advisor);
        return err;
    }
    *out = advisor;
    return JIT_OK;
}

void lang_advisor_free(struct lang_advisor *advisor)
{
    if (advisor == NULL) {
        return;
    }
    for (uint32_t i = 0; i < advisor->known_count; i++) {
        rmg_rule_facts_release(advisor->heap, &advisor->rules[i].facts);
        rmg_rule_free(advisor->heap, advisor->rules[i].rule);
    }
    advisor->heap->free(advisor->heap, advisor->rules);
    advisor->heap->free(advisor->heap, advisor);
}

/* ---- names ---- */

static const struct lang_type *find_type(const struct lang_advisor *a, const struct jit_id *id)
{
    for (uint32_t i = 0; i < a->system->type_count; i++) {
        if (jit_id_equal(&a->system->types[i].id, id)) {
            return &a->system->types[i];
        }
    }
    return NULL;
}

static void put_type(const struct lang_advisor *a, const struct jit_id *id, struct jit_buf *out)
{
    const struct lang_type *type = find_type(a, id);
    assert(type != NULL); /* a rule names declared types alone */
    lang_print_name(type->name, type->name_size, out);
}

static const char *name_of(const struct advised *rule, uint8_t operand)
{
    return (operand & RMG_RULE_CREATED) != 0
               ? rule->text->created_names[operand & (RMG_RULE_CREATED - 1u)]
               : rule->text->element_names[operand];
}

static bool edge_of(const struct advised *rule, uint8_t operand, uint8_t *from, uint8_t *to,
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
static void put_place(const struct advised *rule, uint8_t place, struct jit_buf *out)
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
static void put_element(const struct lang_advisor *a, const struct advised *rule, uint8_t operand,
                        bool whole, struct jit_buf *out)
{
    uint8_t from = 0;
    uint8_t to = 0;
    const struct jit_id *type = NULL;
    const char *name = name_of(rule, operand);
    bool is_edge = edge_of(rule, operand, &from, &to, &type);
    if (name != NULL && !whole) {
        lang_put(out, name);
        return;
    }
    lang_put(out, is_edge ? "[" : "(");
    lang_put(out, name == NULL ? "" : name);
    if (type != NULL) {
        lang_put(out, ":");
        put_type(a, type, out);
    }
    lang_put(out, is_edge ? "]" : ")");
    if (is_edge) {
        lang_put(out, " ");
        put_element(a, rule, from, false, out);
        lang_put(out, "->");
        put_element(a, rule, to, false, out);
    } else if (name == NULL) {
        lang_put(out, (operand & RMG_RULE_CREATED) != 0 ? " created " : " element ");
        lang_put_number(out, (operand & (RMG_RULE_CREATED - 1u)) + 1u);
    }
    if (whole) {
        put_place(rule, rmg_rule_place(rule->rule, operand), out);
    }
}

/* ---- one row in words ---- */

static void put_incidence(const struct lang_advisor *a, const struct advised *rule,
                          const struct rmg_rule_use *use, struct jit_buf *out)
{
    if (use->types == RMG_USE_OF_TYPE) {
        put_type(a, &use->type, out);
        lang_put(out, " ");
    }
    lang_put(out, use->direction == RMG_DIR_OUT ? "edges leaving " : "edges entering ");
    if (use->element == RMG_USE_ELSEWHERE) {
        lang_put(out, "its neighbours");
    } else {
        put_element(a, rule, use->element, false, out);
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
        put_type(a, &use->type, out);
        lang_put(out, " ");
    }
    lang_put(out, is_edge ? "edges" : "neighbours");
}

/* The thing that a row is about, without the verb. */
static void put_thing(const struct lang_advisor *a, const struct advised *rule,
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
            put_element(a, rule, use->element, whole, out);
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
        put_element(a, rule, use->element, false, out);
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
            put_type(a, &use->type, out);
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
            put_type(a, &use->type, out);
        } else {
            lang_put(out, "of some type");
        }
        break;
    }
}

static enum lang_words words_of(const struct rmg_rule_use *use)
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

bool lang_advise_concerns(const struct lang_advisor *advisor, uint32_t invariant, uint32_t rule)
{
    return rmg_invariant_concerns(advisor->rules[advisor->rule_count + invariant].rule,
                                  advisor->rules[rule].rule);
}

bool lang_advise_words(const struct lang_advisor *advisor, uint32_t index, enum lang_words words,
                       bool (*emit)(void *user, const char *text), void *user)
{
    const struct advised *rule = &advisor->rules[index];
    struct jit_buf said;
    bool more = true;
    jit_buf_init(&said, advisor->heap, 1u << 20);
    for (uint32_t i = 0; words == LANG_WORDS_KEEPS && more && i < rule->rule->element_count; i++) {
        size_t begin = said.size;
        if (!rule->rule->elements[i].deleted) {
            put_element(advisor, rule, (uint8_t)i, true, &said);
            more = say(&said, begin, emit, user);
        }
    }
    for (size_t i = 0; words != LANG_WORDS_KEEPS && more && i < rule->facts.use_count; i++) {
        const struct rmg_rule_use *use = &rule->facts.uses[i];
        size_t begin = said.size;
        if (worth_saying(use) && words_of(use) == words) {
            put_thing(advisor, rule, use, use->access == RMG_ACCESS_WRITE, &said);
            more = say(&said, begin, emit, user);
        }
    }
    jit_buf_release(&said);
    return more;
}

/* ---- advice ---- */

struct advising {
    const struct lang_advisor *a;
    bool (*emit)(void *user, const struct lang_advice *advice);
    void *user;
    struct jit_buf text;
    enum jit_err err;
};

static bool give(struct advising *x, enum lang_advice_kind kind, uint32_t rule, uint32_t other,
                 uint64_t more)
{
    jit_buf_put_u8(&x->text, 0);
    if (x->text.err == JIT_ENOMEM) {
        x->err = JIT_ENOMEM;
        return false;
    }
    /* More than a sentence can hold: names of the greatest length. */
    bool whole = x->text.err == JIT_OK;
    struct lang_advice advice = {.kind = kind,
                                 .rule = rule,
                                 .other = other,
                                 .more = more,
                                 .text = whole ? (const char *)x->text.data : "names too long"};
    bool on = x->emit(x->user, &advice);
    jit_buf_reset(&x->text);
    return on;
}

static bool advise_never(struct advising *x, uint32_t index)
{
    const struct advised *rule = &x->a->rules[index];
    const struct rmg_rule_facts *facts = &rule->facts;
    switch (facts->never) {
    case RMG_NEVER_NOT:
        return true;
    case RMG_NEVER_FALSE:
        lang_put(&x->text, "a condition is false whatever is matched");
        break;
    case RMG_NEVER_CHANCE:
        lang_put(&x->text, "chance(0.0) is never true");
        break;
    case RMG_NEVER_CONTRADICTION:
    case RMG_NEVER_CODEC: {
        const struct rmg_rule_field *field = &rule->rule->fields[facts->never_field];
        lang_put(&x->text, "the conditions on ");
        put_element(x->a, rule, field->element, false, &x->text);
        lang_put(&x->text, ".");
        lang_print_name(field->name, field->name_size, &x->text);
        lang_put(&x->text, " contradict each other");
        break;
    }
    }
    return give(x, LANG_ADVICE_NEVER, index, index, 0);
}

/* ---- what edges join ---- */

/* Does a declared list of ends, empty for any, hold a type? */
static bool joins(const struct lang_end *ends, uint32_t count, const struct jit_id *type)
{
    for (uint32_t i = 0; i < count; i++) {
        if (jit_id_equal(&ends[i].id, type)) {
            return true;
        }
    }
    return count == 0;
}

/* The ends that an edge of the rule has at this node, on one side; 0: any, or another node. */
static uint32_t ends_at(const struct advising *x, const struct advised *rule, uint8_t edge,
                        uint8_t node, int side, const struct lang_end **ends)
{
    uint8_t ends_of[2] = {0, 0};
    const struct jit_id *type = NULL;
    if (!edge_of(rule, edge, &ends_of[0], &ends_of[1], &type) || type == NULL ||
        ends_of[side] != node) {
        return 0;
    }
    const struct lang_type *declared = find_type(x->a, type);
    assert(declared != NULL);
    *ends = side == 0 ? declared->from : declared->to;
    return side == 0 ? declared->from_count : declared->to_count;
}

/* May a node of this type stand here, as far as the matched edges go? */
static bool may_stand(const struct advising *x, const struct advised *rule, uint8_t node,
                      const struct jit_id *type, uint8_t *edge)
{
    for (uint32_t i = 0; i < 2 * rule->rule->element_count; i++) {
        const struct lang_end *ends = NULL;
        uint32_t count = ends_at(x, rule, (uint8_t)(i / 2), node, (int)(i % 2), &ends);
        if (!joins(ends, count, type)) {
            *edge = (uint8_t)(i / 2);
            return false;
        }
    }
    return true;
}

static bool advise_node(struct advising *x, uint32_t index, uint8_t node)
{
    const struct advised *rule = &x->a->rules[index];
    const struct rmg_rule_element *element = &rule->rule->elements[node];
    bool possible = false;
    uint8_t edge = 0;
    if (element->typed) {
        possible = may_stand(x, rule, node, &element->type, &edge);
    }
    for (uint32_t i = 0; !element->typed && !possible && i < x->a->system->type_count; i++) {
        const struct lang_type *type = &x->a->system->types[i];
        possible = !type->is_edge && may_stand(x, rule, node, &type->id, &edge);
    }
    /* Without any edge there is nothing to say, and without declared node types neither. */
    uint8_t none = 0;
    static const struct jit_id foreign;
    if (possible || may_stand(x, rule, node, &foreign, &none)) {
        return true;
    }
    lang_put(&x->text, "no ");
    put_element(x->a, rule, edge, true, &x->text);
    lang_put(&x->text, element->typed ? " joins a " : " joins what the other edges of ");
    if (element->typed) {
        put_type(x->a, &element->type, &x->text);
    } else {
        put_element(x->a, rule, node, false, &x->text);
        lang_put(&x->text, " join");
    }
    lang_put(&x->text, " there, by the declaration of its type");
    return give(x, LANG_ADVICE_ENDS, index, index, 0);
}

static const struct jit_id *type_of(const struct advised *rule, uint8_t operand)
{
    if ((operand & RMG_RULE_CREATED) != 0) {
        return &rule->rule->creates[operand & (RMG_RULE_CREATED - 1u)].type;
    }
    const struct rmg_rule_element *element = &rule->rule->elements[operand];
    return element->typed ? &element->type : NULL;
}

static bool advise_created(struct advising *x, uint32_t index, uint8_t operand)
{
    const struct advised *rule = &x->a->rules[index];
    for (int side = 0; side < 2; side++) {
        uint8_t ends_of[2] = {0, 0};
        const struct jit_id *edge_type = NULL;
        const struct lang_end *ends = NULL;
        if (!edge_of(rule, operand, &ends_of[0], &ends_of[1], &edge_type)) {
            return true;
        }
        const struct jit_id *type = type_of(rule, ends_of[side]);
        uint32_t count = ends_at(x, rule, operand, ends_of[side], side, &ends);
        if (type == NULL || joins(ends, count, type)) {
            continue;
        }
        lang_put(&x->text, "the created ");
        put_element(x->a, rule, operand, true, &x->text);
        lang_put(&x->text, side == 0 ? " leaves a " : " enters a ");
        put_type(x->a, type, &x->text);
        lang_put(&x->text, ", which its type does not join: `rmg check` will report it");
        if (!give(x, LANG_ADVICE_CREATES, index, index, 0)) {
            return false;
        }
    }
    return true;
}

static bool advise_ends(struct advising *x, uint32_t index)
{
    const struct rmg_rule *rule = x->a->rules[index].rule;
    for (uint32_t i = 0; i < rule->element_count; i++) {
        if (!rule->elements[i].is_edge && !advise_node(x, index, (uint8_t)i)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < rule->create_count; i++) {
        if (!advise_created(x, index, (uint8_t)(i | RMG_RULE_CREATED))) {
            return false;
        }
    }
    return true;
}

/* ---- who runs it ---- */

static bool path_holds(const char *outer, const char *inner)
{
    size_t size = strlen(outer);
    return strcmp(outer, "/") == 0 ||
           (strncmp(outer, inner, size) == 0 && (inner[size] == 0 || inner[size] == '/'));
}

static bool may_invoke(const struct lang_system *system, uint32_t process, uint32_t rule)
{
    for (uint32_t i = 0; i < system->grant_count; i++) {
        const struct lang_grant *grant = &system->grants[i];
        for (uint32_t k = 0; grant->process == process && k < grant->right_count; k++) {
            const struct lang_right *right = &grant->rights[k];
            bool covers = right->kind == LANG_RIGHT_INVOKE && grant->limit > 0 &&
                          path_holds(right->place.path, system->processes[process].over.path);
            for (uint32_t n = 0; covers && n < right->rule_count; n++) {
                if (right->rules[n] == rule) {
                    return true;
                }
            }
        }
    }
    return false;
}

static bool advise_runs(struct advising *x, uint32_t index)
{
    const struct lang_system *system = x->a->system;
    uint32_t runs = 0;
    uint32_t denied = 0;
    for (uint32_t i = 0; i < system->process_count; i++) {
        const struct lang_process *process = &system->processes[i];
        for (uint32_t k = 0; k < process->run_count; k++) {
            if (process->runs[k].rule != index) {
                continue;
            }
            runs++;
            if (process->explore == 0 && !may_invoke(system, i, index)) {
                lang_put(&x->text, denied == 0 ? "no grant lets its processes invoke it: " : ", ");
                lang_put(&x->text, process->name);
                denied++;
            }
        }
        for (uint32_t k = 0; k < process->score_count; k++) {
            runs += process->scores[k].run.rule == index;
        }
    }
    if (system->process_count > 0 && runs == 0) {
        lang_put(&x->text, "no process runs it");
        return give(x, LANG_ADVICE_UNUSED, index, index, 0);
    }
    if (denied > 0 && denied == runs) {
        return give(x, LANG_ADVICE_DENIED, index, index, 0);
    }
    jit_buf_reset(&x->text);
    return true;
}

/* ---- conflicts ---- */

struct clashing {
    struct advising *x;
    uint32_t a;
    uint32_t b;
    uint32_t shown;
    uint64_t more;
};

static void put_side(struct clashing *c, uint32_t index, const struct rmg_rule_use *use,
                     const char *who)
{
    struct jit_buf *out = &c->x->text;
    lang_put(out, who);
    lang_put(out, " ");
    lang_put(out, lang_words_verb(words_of(use)));
    lang_put(out, " ");
    put_thing(c->x->a, &c->x->a->rules[index], use, false, out);
}

static bool take_clash(void *user, const struct rmg_rule_clash *clash)
{
    struct clashing *c = user;
    if (c->shown == WAYS_SHOWN) {
        c->more++;
        return true;
    }
    lang_put(&c->x->text, c->shown == 0 ? "" : "; ");
    put_side(c, c->a, clash->a, c->a == c->b ? "one" : c->x->a->rules[c->a].rule->name);
    lang_put(&c->x->text, ", ");
    put_side(c, c->b, clash->b, c->a == c->b ? "another" : c->x->a->rules[c->b].rule->name);
    c->shown++;
    return true;
}

static bool advise_pair(struct advising *x, uint32_t a, uint32_t b)
{
    struct clashing c = {.x = x, .a = a, .b = b};
    return !rmg_rules_clash(&x->a->rules[a].facts, &x->a->rules[b].facts, x->a->rules[a].differs,
                            take_clash, &c) ||
           give(x, LANG_ADVICE_CONFLICT, a, b, c.more);
}

enum jit_err lang_advise(const struct lang_advisor *advisor,
                         bool (*emit)(void *user, const struct lang_advice *advice), void *user)
{
    struct advising x = {.a = advisor, .emit = emit, .user = user, .err = JIT_OK};
    bool on = true;
    jit_buf_init(&x.text, advisor->heap, TEXT_BYTES_MAX);
    for (uint32_t i = 0; on && i < advisor->rule_count; i++) {
        on = advise_never(&x, i) && advise_ends(&x, i) && advise_runs(&x, i);
    }
    for (uint32_t i = 0; on && i < advisor->rule_count; i++) {
        for (uint32_t k = i; on && k < advisor->rule_count; k++) {
            on = advise_pair(&x, i, k);
        }
    }
    jit_buf_release(&x.text);
    return x.err;
}
