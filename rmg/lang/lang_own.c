/* What a grant's right to write is the owner of: `own retire, prune, /world/games`. Names are
 * resolved when all of the file is read. */
#include "rmg/lang/lang_format_priv.h"

#include <string.h>

#include "base/check.h"

static bool at_path(const struct lang_parser *p)
{
    return !lang_at(p, LANG_END) && p->source[p->token.at] == '/';
}

bool lang_parse_own(struct lang_parser *p, struct lang_grant_node *grant)
{
    struct lang_own_node **end = &grant->owns;
    uint32_t at = p->token.at;
    lang_next(p); /* own */
    if (grant->owns != NULL) {
        return lang_fail(p, at, p->end - at, "this grant says already what it owns");
    }
    grant->own_at = at;
    do {
        struct lang_own_node *own = lang_alloc(p->arena, 1, sizeof *own);
        if (own == NULL) {
            return lang_no_memory(p);
        }
        own->at = p->token.at;
        own->is_place = at_path(p);
        if (!(own->is_place ? lang_take_path(p, "the path of an instance", &own->pub.place)
                            : lang_take_name(p, "the name of a rule, or the path of an instance",
                                             &own->name))) {
            return false;
        }
        own->size = p->end - own->at;
        *end = own;
        end = &own->next;
        grant->pub.own_count++;
    } while (lang_take(p, LANG_C(',')));
    return true;
}

/* The one right to write that it is about. */
static const struct lang_right_node *find_write(struct lang_parser *p,
                                                struct lang_grant_node *grant)
{
    const struct lang_right_node *found = NULL;
    uint32_t index = 0;
    uint32_t count = 0;
    for (const struct lang_right_node *right = grant->rights; right != NULL;
         right = right->next, index++) {
        if (right->pub.kind == LANG_RIGHT_WRITE) {
            found = right;
            grant->pub.own_under = index;
            count++;
        }
    }
    if (count == 1) {
        return found;
    }
    lang_fail(p, grant->own_at, 3, "`own` stands beside one right to write, and here %s",
              count == 0 ? "is none" : "are several");
    lang_help(p,
              "what that lets be written is what the rules may write: `write /world; own retire`");
    return NULL;
}

static bool lies_in(const char *path, const char *outer)
{
    size_t size = strlen(outer);
    return strcmp(outer, "/") == 0 ||
           (strncmp(path, outer, size) == 0 && (path[size] == '\0' || path[size] == '/'));
}

/* Each rule and each instance has one owner. */
static bool link_one(struct lang_parser *p, struct lang_own_node *own,
                     const struct lang_right_node *write)
{
    const char *text = own->is_place ? own->pub.place.path : own->name.text;
    uint32_t size = (uint32_t)strlen(text);
    struct lang_rule_node *rule = own->is_place ? NULL : lang_find_rule(p, &own->name);
    if (!own->is_place && rule == NULL) {
        return false;
    }
    if (own->is_place && !lies_in(text, write->pub.place.path)) {
        lang_fail(p, own->at, own->size, "`%.200s` does not lie in `%.200s`", text,
                  write->pub.place.path);
        return lang_help(p, "who owns an instance may write in it");
    }
    if (lang_index_get(&p->index, LANG_INDEX_OWNED, text, size) != NULL) {
        lang_fail(p, own->at, own->size, "`%.200s` has an owner already", text);
        return lang_help(p,
                         "a rule or an instance has one owner; without one it is the operator's");
    }
    own->pub.rule = rule == NULL ? LANG_NO_RULE : rule->index;
    return lang_index_put(&p->index, p->arena, LANG_INDEX_OWNED, text, size, own) ||
           lang_no_memory(p);
}

bool lang_link_owns(struct lang_parser *p, struct lang_grant_node *grant)
{
    const struct lang_right_node *write = grant->owns == NULL ? NULL : find_write(p, grant);
    bool good = write != NULL || grant->owns == NULL;
    for (struct lang_own_node *own = grant->owns; write != NULL && own != NULL; own = own->next) {
        good = link_one(p, own, write) && good;
    }
    return good;
}

bool lang_collect_owns(struct lang_parser *p, const struct lang_grant_node *grant,
                       struct lang_grant *out)
{
    struct lang_own *owns = lang_alloc(p->arena, grant->pub.own_count, sizeof *owns);
    if (owns == NULL) {
        return false;
    }
    out->owns = owns;
    for (const struct lang_own_node *own = grant->owns; own != NULL; own = own->next) {
        *owns++ = own->pub;
    }
    return true;
}

void lang_print_owns(const struct lang_system *system, const struct lang_grant *grant,
                     struct jit_buf *out)
{
    for (uint32_t i = 0; i < grant->own_count; i++) {
        const struct lang_own *own = &grant->owns[i];
        lang_put(out, i == 0 ? "; own " : ", ");
        lang_put(out,
                 own->rule == LANG_NO_RULE ? own->place.path : system->rules[own->rule].rule.name);
    }
}

void lang_print_own_nodes(const struct lang_grant_node *grant, struct jit_buf *out)
{
    for (const struct lang_own_node *own = grant->owns; own != NULL; own = own->next) {
        lang_put(out, own == grant->owns ? "own " : ", ");
        lang_put(out, own->is_place ? own->pub.place.path : own->name.text);
    }
}
