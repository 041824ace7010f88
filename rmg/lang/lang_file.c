/* A whole file: declarations one after the other, and going on behind one that is wrong. */
#include "rmg/lang/lang_priv.h"

#include "base/check.h"
#include "base/hash.h"

static const char declarations[] =
    "a declaration: `system`, `type`, `edge`, `import`, `rule`, `process` or `grant`";

static bool parse_system(struct lang_parser *p)
{
    struct lang_token word = p->token;
    bool is_schema = lang_at_word(p, "schema");
    p->system_at = word.at;
    lang_next(p);
    if (p->system_name.text != NULL) {
        return lang_fail(p, word.at, word.size, "a file describes one %s",
                         p->is_schema ? "schema" : "system");
    }
    p->is_schema = is_schema;
    if (p->types != NULL || p->rules != NULL || p->imports != NULL || p->processes != NULL ||
        p->grants != NULL || p->scripts != NULL || p->invariants != NULL) {
        lang_fail(p, word.at, word.size, "`%s` stands before all other declarations",
                  is_schema ? "schema" : "system");
    }
    return lang_take_name(p, is_schema ? "the schema's name" : "the system's name",
                          &p->system_name);
}

/* ---- types ---- */

static bool parse_join(struct lang_parser *p, struct lang_field_node *field)
{
    static const char *const fits[] = {"", "i64", "i64, f64 or f32", "i64, f64 or f32", "list", ""};
    if (!lang_at(p, LANG_NAME)) {
        return true;
    }
    for (int join = RMG_JOIN_SUM; join <= RMG_JOIN_LAST; join++) {
        if (lang_at_word(p, rmg_join_name((enum rmg_join)join))) {
            struct lang_token word = p->token;
            lang_next(p);
            field->pub.join = (enum rmg_join)join;
            return rmg_join_fits(field->pub.join, field->pub.codec) ||
                   lang_fail(p, word.at, word.size, "the join `%s` is for %s, this field is %s",
                             rmg_join_name(field->pub.join), fits[join],
                             rmg_codec_name(field->pub.codec));
        }
    }
    lang_expected(p, "`,`, `=`, `}` or a join");
    return lang_help(p, "the joins are sum, max, min, union, last");
}

static bool parse_default(struct lang_parser *p, struct lang_field_node *field)
{
    if (!lang_at(p, LANG_C('='))) {
        return true;
    }
    if (field->pub.codec >= RMG_CODEC_BYTES) {
        return lang_refuse(p, p->token.at, 1, "a default of this codec",
                           "bool, i64, f64, f32 and text have defaults");
    }
    lang_next(p);
    struct lang_expr *value = NULL;
    field->pub.has_default = true;
    return lang_take_constant(p, "the default's value", &value) &&
           lang_fit_constant(p, value, field->pub.codec, "this field") &&
           lang_encode_datum(p, &value->datum, &field->pub.value, &field->pub.value_size);
}

static bool parse_field(struct lang_parser *p, struct lang_type_node *type,
                        struct lang_field_node ***end)
{
    struct lang_field_node *field = lang_alloc(p->arena, 1, sizeof *field);
    struct lang_name name = {0};
    if (field == NULL) {
        return lang_no_memory(p);
    }
    field->pub.pos = lang_position(p, p->token.at);
    field->at = p->token.at;
    if (!lang_take_label(p, "a field's name", &name)) {
        return false;
    }
    field->pub.name = name.text;
    field->pub.name_size = name.size;
    if (!lang_expect(p, LANG_C(':'), "`:` and the field's codec")) {
        return false;
    }
    if (!lang_take_list_codec(p, &field->pub.codec, &field->pub.element)) {
        return false;
    }
    if (lang_at(p, LANG_C('?'))) {
        lang_expected(p, "`,`, `=` or `}`");
        return lang_help(p, "a field without a default may be missing anyway");
    }
    if (!parse_join(p, field) || !parse_default(p, field)) {
        return false;
    }
    for (const struct lang_field_node *other = type->fields; other != NULL; other = other->next) {
        if (other->pub.name_size == name.size &&
            memcmp(other->pub.name, name.text, name.size) == 0) {
            return lang_fail(p, name.at, name.span, "`%.60s` has a field `%.60s` already",
                             type->name.text, name.text);
        }
    }
    if (type->pub.field_count == JIT_ATTACHMENTS_MAX) {
        return lang_fail(p, name.at, name.span, "a type has at most %u fields",
                         JIT_ATTACHMENTS_MAX);
    }
    **end = field;
    *end = &field->next;
    type->pub.field_count++;
    return true;
}

static bool parse_fields(struct lang_parser *p, struct lang_type_node *type)
{
    struct lang_field_node **end = &type->fields;
    if (!lang_take(p, LANG_C('{'))) {
        return true;
    }
    while (!lang_at(p, LANG_C('}'))) {
        if (!parse_field(p, type, &end)) {
            return false;
        }
        if (!lang_take(p, LANG_C(','))) {
            break;
        }
    }
    type->close = p->token.at;
    return lang_expect(p, LANG_C('}'), "`,` or `}`");
}

/* from A | B to C: each list at most once, in this order. */
static bool parse_ends(struct lang_parser *p, struct lang_type_node *type)
{
    static const char *const words[] = {"from", "to"};
    for (int side = 0; side < 2; side++) {
        struct lang_end_node **end = &type->ends[side];
        if (!lang_take_word(p, words[side])) {
            continue;
        }
        do {
            struct lang_end_node *node = lang_alloc(p->arena, 1, sizeof *node);
            if (node == NULL) {
                return lang_no_memory(p);
            }
            if (!lang_take_label(p, "a node type", &node->name)) {
                return false;
            }
            *end = node;
            end = &node->next;
        } while (lang_take(p, LANG_C('|')));
    }
    return true;
}

/* Name and fields of one type; `edge A, B {...}` has several, each with its own fields. */
static bool parse_one_type(struct lang_parser *p, uint32_t at, bool is_edge)
{
    struct lang_type_node *type = lang_alloc(p->arena, 1, sizeof *type);
    if (type == NULL) {
        return lang_no_memory(p);
    }
    type->pub.is_edge = is_edge;
    type->at = at;
    type->pub.pos = lang_position(p, p->token.at);
    if (lang_at(p, LANG_QUOTED) ? !lang_take_label(p, "a name", &type->name)
                                : !lang_take_name(p, "the type's name", &type->name)) {
        return false;
    }
    type->pub.name = type->name.text;
    type->pub.name_size = type->name.size;
    jit_hash_named("type:", type->name.text, type->name.size, &type->pub.id);
    if (rmg_schema_is_builtin(type->name.text, type->name.size)) {
        lang_fail(p, type->name.at, type->name.span, "`%.60s` is a type of JITOS itself",
                  type->name.text);
        lang_help(p, "choose another name, with a capital letter for example");
    } else if (lang_index_get(&p->index, LANG_INDEX_TYPE, type->name.text, type->name.size) !=
               NULL) {
        lang_fail(p, type->name.at, type->name.span, "there is a type `%.60s` already",
                  type->name.text);
        lang_help(p, "nodes and edges share their names: both are BLAKE3(\"type:NAME\")");
    } else {
        if (!lang_index_put(&p->index, p->arena, LANG_INDEX_TYPE, type->name.text, type->name.size,
                            type)) {
            return lang_no_memory(p);
        }
        *p->types_end = type;
        p->types_end = &type->next;
        p->type_count++;
    }
    type->broken = (is_edge && !parse_ends(p, type)) || !parse_fields(p, type);
    return !type->broken;
}

static bool parse_type(struct lang_parser *p)
{
    uint32_t at = p->token.at;
    lang_next(p);
    if (!parse_one_type(p, at, false)) {
        return false;
    }
    if (lang_at(p, LANG_C(','))) {
        lang_expected(p, "the next declaration");
        return lang_help(p, "write `type` for each node type; only `edge` takes several");
    }
    return true;
}

static bool parse_edge_types(struct lang_parser *p)
{
    uint32_t at = p->token.at;
    lang_next(p);
    do {
        if (!parse_one_type(p, at, true)) {
            return false;
        }
        at = lang_peek(p, 1).at; /* of the next one's name */
    } while (lang_take(p, LANG_C(',')));
    return true;
}

/* ---- imports ---- */

static bool add_import(struct lang_parser *p, struct lang_import_node *import)
{
    *p->imports_end = import;
    p->imports_end = &import->next;
    p->import_count++;
    return true;
}

static bool parse_files(struct lang_parser *p, struct lang_import_node *import)
{
    const char **files = NULL;
    uint32_t capacity = 0;
    do {
        struct lang_token text = p->token;
        struct rmg_datum name;
        if (!lang_at(p, LANG_TEXT)) {
            return lang_expected(p, "a file's name in quotes");
        }
        if (!lang_take_literal(p, false, &name)) {
            return false;
        }
        if (name.size == 0) {
            return lang_fail(p, text.at, text.size, "a file's name is not empty");
        }
        if (import->pub.file_count == capacity) {
            const char **more = lang_alloc(p->arena, (size_t)capacity * 2 + 4, sizeof *more);
            if (more == NULL) {
                return lang_no_memory(p);
            }
            if (capacity > 0) {
                memcpy(more, files, capacity * sizeof *more);
            }
            files = more;
            capacity = capacity * 2 + 4;
        }
        files[import->pub.file_count++] = (const char *)name.bytes; /* terminated, without NUL */
    } while (lang_take(p, LANG_C(',')));
    import->pub.files = files;
    return true;
}

static bool parse_import(struct lang_parser *p)
{
    struct lang_import_node *import = lang_alloc(p->arena, 1, sizeof *import);
    if (import == NULL) {
        return lang_no_memory(p);
    }
    import->pub.pos = lang_position(p, p->token.at);
    import->at = p->token.at;
    lang_next(p);
    if (p->is_schema && !lang_at_type_import(p)) {
        lang_fail(p, p->token.at, p->token.size, "a schema has types and nothing else");
        return lang_help(p, "import another schema: import \"pack.jitos\"");
    }
    import->pub.apt = lang_take_word(p, "apt");
    if (!import->pub.apt) {
        if (!lang_at(p, LANG_TEXT)) {
            lang_expected(p, "`apt` or a file's name in quotes");
            return lang_help(p, "write import \"nodes.csv\", \"edges.csv\" into /world");
        }
        if (lang_at_type_import(p)) {
            if (!p->text_only) {
                return lang_import_types(p);
            }
            /* Only what is written counts. */
            return parse_files(p, import) && add_import(p, import);
        }
        if (!parse_files(p, import)) {
            return false;
        }
    }
    if (!lang_take_word(p, "into")) {
        return lang_expected(p, import->pub.apt ? "`into /world`" : "`,` or `into /world`");
    }
    struct lang_token path = p->token;
    if (!lang_take_path(p, "the path of an instance", &import->pub.into)) {
        return false;
    }
    if (strcmp(import->pub.into.path, "/world") != 0 &&
        strncmp(import->pub.into.path, "/world/", 7) != 0) {
        lang_fail(p, path.at, p->end - path.at, "an import goes into /world or below");
        return lang_help(p, "the other instances are the system's own");
    }
    return add_import(p, import);
}

/* ---- the file ---- */

static const struct {
    const char *word;
    bool (*parse)(struct lang_parser *p);
} keywords[] = {{"system", parse_system},
                {"schema", parse_system},
                {"type", parse_type},
                {"edge", parse_edge_types},
                {"import", parse_import},
                {"rule", lang_parse_rule},
                {"invariant", lang_parse_invariant},
                {"process", lang_parse_process},
                {"grant", lang_parse_grant},
                {"script", lang_parse_script}};
#define KEYWORD_COUNT (sizeof keywords / sizeof keywords[0])

static size_t keyword_at(const struct lang_parser *p)
{
    size_t i = 0;
    while (i < KEYWORD_COUNT && !lang_at_word(p, keywords[i].word)) {
        i++;
    }
    return i;
}

static bool first_on_line(const struct lang_parser *p)
{
    uint32_t at = p->token.at;
    while (at > 0 && (p->source[at - 1] == ' ' || p->source[at - 1] == '\t')) {
        at--;
    }
    return at == 0 || p->source[at - 1] == '\n' || p->source[at - 1] == '\r';
}

/* Skip to what looks like the next declaration: its word at the start of a line, a name behind it
 * (a field may be called `type`). */
static void recover(struct lang_parser *p)
{
    while (!lang_at(p, LANG_END)) {
        if (keyword_at(p) < KEYWORD_COUNT && first_on_line(p)) {
            struct lang_token next = lang_peek(p, 1);
            if (next.kind == LANG_NAME || next.kind == LANG_QUOTED || next.kind == LANG_TEXT ||
                next.kind == LANG_BAD) {
                return;
            }
        }
        lang_next(p);
    }
}

static bool unknown_declaration(struct lang_parser *p)
{
    static const char *const later[] = {"explore", "portal", "mount", "channel", "device"};
    struct lang_token word = p->token;
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
        if (lang_at_word(p, later[i])) {
            return lang_refuse(p, word.at, word.size, later[i], NULL);
        }
    }
    lang_expected(p, declarations);
    if (word.kind == LANG_NAME) {
        struct lang_nearest nearest = lang_nearest_to(p->source + word.at, word.size);
        for (size_t i = 0; i < KEYWORD_COUNT; i++) {
            lang_nearest_try(&nearest, keywords[i].word, (uint32_t)strlen(keywords[i].word));
        }
        if (nearest.best != NULL) {
            lang_help(p, "did you mean `%s`?", nearest.best);
        }
    }
    return false;
}

/* A schema declares types, or imports them. */
static bool only_types(struct lang_parser *p)
{
    if (!p->is_schema || lang_at_word(p, "type") || lang_at_word(p, "edge") ||
        lang_at_word(p, "import") || lang_at_word(p, "schema") || lang_at_word(p, "system")) {
        return true;
    }
    struct lang_token word = p->token;
    if (keyword_at(p) == KEYWORD_COUNT) {
        return true; /* not known anywhere */
    }
    lang_fail(p, word.at, word.size, "a schema has types and nothing else");
    lang_help(p, "a file with rules and processes begins with `system NAME`");
    lang_next(p);
    return false;
}

bool lang_parse_file(struct lang_parser *p)
{
    bool recovering = false;
    while (!lang_at(p, LANG_END) && !lang_stopped(p)) {
        if (p->system_name.text == NULL && !recovering && !lang_at_word(p, "system") &&
            !lang_at_word(p, "schema")) {
            lang_expected(p, "`system` and the system's name");
            lang_help(p, "a file begins with `system NAME`");
        }
        size_t i = keyword_at(p);
        bool parsed =
            only_types(p) && (i < KEYWORD_COUNT ? keywords[i].parse(p) : unknown_declaration(p));
        recovering = recovering || p->error_count > 0;
        if (!parsed) {
            recover(p);
        }
    }
    if (p->system_name.text == NULL && p->error_count == 0 && p->err == JIT_OK) {
        lang_expected(p, "`system` and the system's name");
        lang_help(p, "a file begins with `system NAME`");
    }
    return !lang_stopped(p);
}
