/* Types from other files: `import "x.jitos"`. Each file is parsed by itself, to its end or not at
 * all; then its types are copied, so that nothing of it is left. */
#include <stdlib.h>

#include "rmg/lang/lang_priv.h"

#include "base/check.h"

/* ---- one type of another file ---- */

static bool same_field(const struct lang_field *a, const struct lang_field *b)
{
    return a->name_size == b->name_size && memcmp(a->name, b->name, a->name_size) == 0 &&
           a->codec == b->codec && a->element == b->element && a->join == b->join &&
           a->has_default == b->has_default && a->value_size == b->value_size &&
           (a->value_size == 0 || memcmp(a->value, b->value, a->value_size) == 0);
}

static bool same_ends(const struct lang_end *ends, uint32_t count, const struct lang_end_node *node)
{
    uint32_t found = 0;
    for (; node != NULL; node = node->next, found++) {
        bool known = false;
        for (uint32_t i = 0; i < count; i++) {
            known = known || (strlen(ends[i].name) == node->name.size &&
                              memcmp(ends[i].name, node->name.text, node->name.size) == 0);
        }
        if (!known) {
            return false;
        }
    }
    return found == count;
}

/* Is it what is declared here already? Then it may come twice, over two files that import it. */
static bool same_type(const struct lang_type *a, const struct lang_type_node *b)
{
    const struct lang_field_node *field = b->fields;
    for (uint32_t i = 0; i < a->field_count; i++, field = field->next) {
        if (field == NULL || !same_field(&a->fields[i], &field->pub)) {
            return false;
        }
    }
    return field == NULL && a->is_edge == b->pub.is_edge &&
           same_ends(a->from, a->from_count, b->ends[0]) &&
           same_ends(a->to, a->to_count, b->ends[1]);
}

static bool copy_field(struct lang_parser *p, const struct lang_field *from,
                       struct lang_field_node ***end)
{
    struct lang_field_node *field = lang_alloc(p->arena, 1, sizeof *field);
    if (field == NULL) {
        return lang_no_memory(p);
    }
    field->pub = *from;
    field->pub.name = lang_copy(p->arena, from->name, from->name_size);
    if (from->has_default) {
        field->pub.value = (uint8_t *)lang_copy(p->arena, from->value, from->value_size);
    }
    if (field->pub.name == NULL || (from->has_default && field->pub.value == NULL)) {
        return lang_no_memory(p);
    }
    **end = field;
    *end = &field->next;
    return true;
}

static bool copy_ends(struct lang_parser *p, const struct lang_end *ends, uint32_t count,
                      const struct lang_token *at, struct lang_end_node **end)
{
    for (uint32_t i = 0; i < count; i++) {
        struct lang_end_node *node = lang_alloc(p->arena, 1, sizeof *node);
        uint32_t size = (uint32_t)strlen(ends[i].name);
        char *text = lang_copy(p->arena, ends[i].name, size);
        if (node == NULL || text == NULL) {
            return lang_no_memory(p);
        }
        node->name = (struct lang_name){.text = text, .size = size, .at = at->at, .span = at->size};
        *end = node;
        end = &node->next;
    }
    return true;
}

/* at: the name of the file in the text, where messages about it stand. */
static bool copy_type(struct lang_parser *p, const struct lang_type *from,
                      const struct lang_token *at)
{
    const struct lang_type_node *other =
        lang_index_get(&p->index, LANG_INDEX_TYPE, from->name, from->name_size);
    if (other != NULL) {
        return same_type(from, other) ||
               lang_fail(p, at->at, at->size, "its type `%.60s` is declared already, differently",
                         from->name);
    }
    struct lang_type_node *type = lang_alloc(p->arena, 1, sizeof *type);
    char *name = lang_copy(p->arena, from->name, from->name_size);
    if (type == NULL || name == NULL) {
        return lang_no_memory(p);
    }
    struct lang_field_node **end = &type->fields;
    type->pub = *from;
    type->pub.name = name;
    type->pub.fields = NULL;
    type->pub.from = NULL;
    type->pub.to = NULL;
    type->pub.from_count = 0;
    type->pub.to_count = 0;
    type->pub.pos = lang_position(p, at->at);
    type->name =
        (struct lang_name){.text = name, .size = from->name_size, .at = at->at, .span = at->size};
    for (uint32_t i = 0; i < from->field_count; i++) {
        if (!copy_field(p, &from->fields[i], &end)) {
            return false;
        }
    }
    if (!copy_ends(p, from->from, from->from_count, at, &type->ends[0]) ||
        !copy_ends(p, from->to, from->to_count, at, &type->ends[1])) {
        return false;
    }
    *p->types_end = type;
    p->types_end = &type->next;
    p->type_count++;
    return lang_index_put(&p->index, p->arena, LANG_INDEX_TYPE, name, from->name_size, type) ||
           lang_no_memory(p);
}

/* ---- one file ---- */

/* The first line of what was said about it. */
static bool refuse_file(struct lang_parser *p, const struct lang_token *at,
                        const struct jit_buf *messages)
{
    const uint8_t *end = messages->size == 0 ? NULL : memchr(messages->data, '\n', messages->size);
    int size = end == NULL ? 0 : (int)(end - messages->data);
    return lang_fail(p, at->at, at->size, "%.*s", size > 500 ? 500 : size,
                     size == 0 ? "" : (const char *)messages->data);
}

static bool take_system(struct lang_parser *p, const struct lang_system *system,
                        const struct lang_token *at)
{
    if (!system->is_schema) {
        lang_fail(p, at->at, at->size, "this file describes a system");
        return lang_help(p, "types are imported from files that begin with `schema NAME`");
    }
    for (uint32_t i = 0; i < system->type_count; i++) {
        if (!copy_type(p, &system->types[i], at)) {
            return false;
        }
    }
    return true;
}

static bool import_bytes(struct lang_parser *p, const struct lang_token *at, const char *path,
                         const uint8_t *bytes, size_t size)
{
    struct jit_heap *heap = p->arena->heap;
    struct lang_system *system = NULL;
    struct jit_buf messages;
    bool good = false;
    jit_buf_init(&messages, heap, 1u << 20);
    enum jit_err err = lang_parse_nested(heap, path, bytes, size, p->sources, p->import_depth + 1,
                                         &system, &messages);
    if (err == JIT_OK) {
        good = take_system(p, system, at);
    } else if (err == JIT_ENOMEM || messages.err == JIT_ENOMEM) {
        lang_no_memory(p);
    } else {
        refuse_file(p, at, &messages);
    }
    jit_buf_release(&messages);
    lang_system_free(heap, system);
    return good;
}

static bool import_file(struct lang_parser *p, const struct lang_token *at, const char *name)
{
    struct jit_heap *heap = p->arena->heap;
    uint8_t *bytes = NULL;
    char *path = NULL;
    size_t size = 0;
    if (p->sources == NULL) {
        return lang_fail(p, at->at, at->size, "the types of another file cannot be read here");
    }
    if (p->import_depth == LANG_IMPORT_DEPTH_MAX) {
        return lang_fail(p, at->at, at->size, "files import one another more than %u deep",
                         LANG_IMPORT_DEPTH_MAX);
    }
    enum jit_err err =
        p->sources->read(p->sources->user, heap, p->file, name, &path, &bytes, &size);
    if (err == JIT_ENOMEM) {
        return lang_no_memory(p);
    }
    if (err != JIT_OK) {
        lang_fail(p, at->at, at->size, "cannot read `%.200s`: %s", name,
                  err == JIT_ENOENT ? "there is no such file" : jit_err_text(err));
        return lang_help(p, "a path counts from the folder of this file; the schemas that are "
                            "installed are known by their names");
    }
    bool good = import_bytes(p, at, path, bytes, size);
    heap->free(heap, bytes);
    heap->free(heap, path);
    return good;
}

bool lang_at_type_import(const struct lang_parser *p)
{
    static const char end[] = ".jitos\"";
    const struct lang_token *token = &p->token;
    uint32_t size = sizeof end - 1;
    return token->kind == LANG_TEXT && token->size > size &&
           memcmp(p->source + token->at + token->size - size, end, size) == 0;
}

bool lang_import_types(struct lang_parser *p)
{
    bool good = true;
    do {
        struct lang_token at = p->token;
        struct rmg_datum name;
        if (!lang_at_type_import(p)) {
            lang_expected(p, "another file of types");
            return lang_help(p, "types and data are imported each by an `import` of their own");
        }
        if (!lang_take_literal(p, false, &name)) {
            return false;
        }
        good = import_file(p, &at, (const char *)name.bytes) && good;
    } while (p->err == JIT_OK && lang_take(p, LANG_C(',')));
    if (lang_at_word(p, "into")) {
        lang_fail(p, p->token.at, p->token.size, "types go into no instance");
        return lang_help(p, "leave out `into ...`");
    }
    return good || p->err == JIT_OK; /* what was wrong has been said; the text goes on */
}

/* ---- the nodes that edges may join ---- */

static int by_id(const void *a, const void *b)
{
    return jit_id_compare(&((const struct lang_end *)a)->id, &((const struct lang_end *)b)->id);
}

static bool resolve_side(struct lang_parser *p, const struct lang_end_node *first,
                         const struct lang_end **out, uint32_t *count)
{
    uint32_t wanted = 0;
    for (const struct lang_end_node *node = first; node != NULL; node = node->next) {
        wanted++;
    }
    struct lang_end *ends = lang_alloc(p->arena, wanted, sizeof *ends);
    if (ends == NULL) {
        return lang_no_memory(p);
    }
    uint32_t made = 0;
    for (const struct lang_end_node *node = first; node != NULL; node = node->next) {
        struct lang_type_node *type = NULL;
        if (!lang_find_type(p, &node->name, false, &type)) {
            return false;
        }
        for (uint32_t i = 0; i < made; i++) {
            if (jit_id_equal(&ends[i].id, &type->pub.id)) {
                return lang_fail(p, node->name.at, node->name.span,
                                 "`%.60s` is named twice on this side", node->name.text);
            }
        }
        ends[made++] = (struct lang_end){.id = type->pub.id, .name = type->name.text};
    }
    if (made > 1) {
        qsort(ends, made, sizeof *ends, by_id);
    }
    *out = ends;
    *count = made;
    return true;
}

bool lang_resolve_ends(struct lang_parser *p)
{
    bool good = true;
    for (struct lang_type_node *type = p->types; type != NULL && !lang_stopped(p);
         type = type->next) {
        good = resolve_side(p, type->ends[0], &type->pub.from, &type->pub.from_count) && good;
        good = resolve_side(p, type->ends[1], &type->pub.to, &type->pub.to_count) && good;
    }
    return good;
}
