/* What is wrong with the rules of a system, or may be (rmg/lang/lang_advise.h). */
#include <stdio.h>

#include "base/check.h"
#include "rmg/lang/lang_advise_priv.h"
#include "rmg/lang/lang_format_priv.h"
#include "rmg/rules/invariant.h"

#define TEXT_BYTES_MAX 4096u
#define WAYS_SHOWN     3u /* of a conflict */

const char *lang_advice_word(enum lang_advice_kind kind)
{
    static const char *const words[] = {"never", "ends", "creates", "unused", "denied", "conflict"};
    return words[kind];
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
        struct lang_advised *rule = &advisor->rules[i];
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

bool lang_advise_concerns(const struct lang_advisor *advisor, uint32_t invariant, uint32_t rule)
{
    return rmg_invariant_concerns(advisor->rules[advisor->rule_count + invariant].rule,
                                  advisor->rules[rule].rule);
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
    const struct lang_advised *rule = &x->a->rules[index];
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
        lang_put_advised(x->a, rule, field->element, false, &x->text);
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
static uint32_t ends_at(const struct advising *x, const struct lang_advised *rule, uint8_t edge,
                        uint8_t node, int side, const struct lang_end **ends)
{
    uint8_t ends_of[2] = {0, 0};
    const struct jit_id *type = NULL;
    if (!lang_advised_edge(rule, edge, &ends_of[0], &ends_of[1], &type) || type == NULL ||
        ends_of[side] != node) {
        return 0;
    }
    const struct lang_type *declared = lang_advised_type(x->a, type);
    assert(declared != NULL);
    *ends = side == 0 ? declared->from : declared->to;
    return side == 0 ? declared->from_count : declared->to_count;
}

/* May a node of this type stand here, as far as the matched edges go? */
static bool may_stand(const struct advising *x, const struct lang_advised *rule, uint8_t node,
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
    const struct lang_advised *rule = &x->a->rules[index];
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
    lang_put_advised(x->a, rule, edge, true, &x->text);
    lang_put(&x->text, element->typed ? " joins a " : " joins what the other edges of ");
    if (element->typed) {
        lang_put_type_of(x->a, &element->type, &x->text);
    } else {
        lang_put_advised(x->a, rule, node, false, &x->text);
        lang_put(&x->text, " join");
    }
    lang_put(&x->text, " there, by the declaration of its type");
    return give(x, LANG_ADVICE_ENDS, index, index, 0);
}

static const struct jit_id *type_of(const struct lang_advised *rule, uint8_t operand)
{
    if ((operand & RMG_RULE_CREATED) != 0) {
        return &rule->rule->creates[operand & (RMG_RULE_CREATED - 1u)].type;
    }
    const struct rmg_rule_element *element = &rule->rule->elements[operand];
    return element->typed ? &element->type : NULL;
}

static bool advise_created(struct advising *x, uint32_t index, uint8_t operand)
{
    const struct lang_advised *rule = &x->a->rules[index];
    for (int side = 0; side < 2; side++) {
        uint8_t ends_of[2] = {0, 0};
        const struct jit_id *edge_type = NULL;
        const struct lang_end *ends = NULL;
        if (!lang_advised_edge(rule, operand, &ends_of[0], &ends_of[1], &edge_type)) {
            return true;
        }
        const struct jit_id *type = type_of(rule, ends_of[side]);
        uint32_t count = ends_at(x, rule, operand, ends_of[side], side, &ends);
        if (type == NULL || joins(ends, count, type)) {
            continue;
        }
        lang_put(&x->text, "the created ");
        lang_put_advised(x->a, rule, operand, true, &x->text);
        lang_put(&x->text, side == 0 ? " leaves a " : " enters a ");
        lang_put_type_of(x->a, type, &x->text);
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
    lang_put(out, lang_words_verb(lang_use_words(use)));
    lang_put(out, " ");
    lang_put_use(c->x->a, &c->x->a->rules[index], use, false, out);
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
