/* CSV with the headers of Neo4j's bulk import. A file is one of nodes or one of edges by its
 * header; files of nodes are read first. */
#include "tools/formats/csv.h"

#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "tools/formats/export_priv.h"

#define ID_SPACE "rmg-id" /* :ID(rmg-id): the value is the id itself, 64 hex digits */

enum role {
    ROLE_VALUE,
    ROLE_ID,
    ROLE_LABEL,
    ROLE_START,
    ROLE_END,
    ROLE_TYPE,
    ROLE_EDGE_ID,
    ROLE_IGNORE,
    ROLES
};

static const char *const role_words[ROLES] = {
    [ROLE_ID] = "ID",         [ROLE_LABEL] = "LABEL", [ROLE_START] = "START_ID",
    [ROLE_END] = "END_ID",    [ROLE_TYPE] = "TYPE",   [ROLE_EDGE_ID] = "EDGE_ID",
    [ROLE_IGNORE] = "IGNORE",
};

struct column {
    enum role role;
    enum rmg_codec codec;
    bool raw;           /* bytes in hex under an atom type of its own */
    struct jit_id type; /* of raw */
    bool is_id;         /* of a role: the id itself */
    bool twin;          /* another column has its name */
    uint32_t name_size; /* values, and an ID column that has a name */
    uint32_t space_size;
    char name[JIT_NAME_BYTES_MAX + 1];
    char space[JIT_NAME_BYTES_MAX + 1];
};

struct table {
    struct import *im;
    struct csv csv;
    struct column *columns;
    uint32_t column_count;
    int32_t role_at[ROLES]; /* column of a role; -1: none */
    bool edges;
    struct import_seen *edge_ids; /* given ones */
};

static enum jit_err fail(struct table *t, const struct csv_field *field, const char *what,
                         const char *detail, size_t size)
{
    char place[IMPORT_PLACE_SIZE];
    csv_place(&t->csv, field, place);
    return import_fail(t->im, JIT_EFORMAT, place, "%s%.*s", what, (int)(size < 100 ? size : 100),
                       detail);
}

/* ---- the header ---- */

static const struct {
    const char *word;
    enum rmg_codec codec;
} types[] = {
    {"string", RMG_CODEC_TEXT}, {"text", RMG_CODEC_TEXT},    {"char", RMG_CODEC_TEXT},
    {"int", RMG_CODEC_I64},     {"integer", RMG_CODEC_I64},  {"long", RMG_CODEC_I64},
    {"short", RMG_CODEC_I64},   {"byte", RMG_CODEC_I64},     {"i64", RMG_CODEC_I64},
    {"double", RMG_CODEC_F64},  {"f64", RMG_CODEC_F64},      {"float", RMG_CODEC_F32},
    {"f32", RMG_CODEC_F32},     {"boolean", RMG_CODEC_BOOL}, {"bool", RMG_CODEC_BOOL},
    {"bytes", RMG_CODEC_BYTES}, {"id", RMG_CODEC_ID},
};

static bool is_word(const char *text, size_t size, const char *word)
{
    return strlen(word) == size && memcmp(text, word, size) == 0;
}

/* What stands behind the last colon: a role, perhaps with a space, or a type. */
static enum jit_err read_spec(struct table *t, const struct csv_field *field, const char *spec,
                              size_t size, struct column *column)
{
    const char *open = memchr(spec, '(', size);
    size_t word = open == NULL ? size : (size_t)(open - spec);
    for (int role = ROLE_ID; role < ROLES; role++) {
        if (!is_word(spec, word, role_words[role])) {
            continue;
        }
        column->role = (enum role)role;
        size_t space =
            open == NULL || size < word + 3 || spec[size - 1] != ')' ? 0 : size - word - 2;
        if ((open != NULL && space == 0) || space > JIT_NAME_BYTES_MAX) {
            return fail(t, field, "no (space) in ", spec, size);
        }
        if (space > 0) {
            column->space_size = (uint32_t)space;
            memcpy(column->space, open + 1, space);
        }
        column->is_id = strcmp(column->space, ID_SPACE) == 0;
        bool only_id = role == ROLE_EDGE_ID ||
                       (space > 0 && role != ROLE_ID && role != ROLE_START && role != ROLE_END);
        if (only_id && !column->is_id) {
            return fail(t, field, "the only space of this column is (" ID_SPACE "): ", spec, size);
        }
        return JIT_OK;
    }
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (is_word(spec, size, types[i].word)) {
            column->codec = types[i].codec;
            return JIT_OK;
        }
    }
    if (size == 1 + 2 * JIT_ID_BYTES && spec[0] == '#' &&
        jit_id_from_hex(spec + 1, size - 1, &column->type) == JIT_OK &&
        !jit_id_is_zero(&column->type)) {
        column->raw = true;
        return JIT_OK;
    }
    return fail(t, field, "an unknown type of column: ", spec, size);
}

static const char *last_colon(const struct csv_field *field)
{
    return memrchr(field->text, ':', field->size);
}

static enum jit_err read_column(struct table *t, const struct csv_field *field,
                                struct column *column)
{
    const char *colon = last_colon(field);
    size_t name = colon == NULL ? field->size : (size_t)(colon - field->text);
    *column = (struct column){.role = ROLE_VALUE, .codec = RMG_CODEC_TEXT};
    if (name > JIT_NAME_BYTES_MAX) {
        return fail(t, field, "a name of more than 255 bytes", "", 0);
    }
    if (colon == NULL && name == 0) {
        return fail(t, field, "a column without a name", "", 0);
    }
    column->name_size = (uint32_t)name;
    memcpy(column->name, field->text, name);
    return colon == NULL ? JIT_OK : read_spec(t, field, colon + 1, field->size - name - 1, column);
}

static bool same_name(const struct column *a, const struct column *b)
{
    return a->name_size == b->name_size && memcmp(a->name, b->name, a->name_size) == 0;
}

static bool same_value(const struct column *a, const struct column *b)
{
    return a->role == ROLE_VALUE && b->role == ROLE_VALUE && same_name(a, b) && a->raw == b->raw &&
           (a->raw ? jit_id_equal(&a->type, &b->type) : a->codec == b->codec);
}

static enum jit_err check_roles(struct table *t)
{
    const struct csv_field *first = &t->csv.fields[0];
    bool node = t->role_at[ROLE_ID] >= 0;
    t->edges = t->role_at[ROLE_START] >= 0 || t->role_at[ROLE_END] >= 0;
    if (node && t->edges) {
        return fail(t, first,
                    "columns of nodes (:ID) and of edges (:START_ID, :END_ID) in one file", "", 0);
    }
    if (!node && !t->edges) {
        return fail(t, first, "the header has neither :ID nor :START_ID and :END_ID", "", 0);
    }
    if (t->edges && (t->role_at[ROLE_START] < 0 || t->role_at[ROLE_END] < 0)) {
        return fail(t, first, "a file of edges needs :START_ID and :END_ID", "", 0);
    }
    int32_t stray = t->edges ? t->role_at[ROLE_LABEL] : t->role_at[ROLE_TYPE];
    stray = stray < 0 && !t->edges ? t->role_at[ROLE_EDGE_ID] : stray;
    return stray < 0 ? JIT_OK
                     : fail(t, &t->csv.fields[stray],
                            t->edges ? "a file of edges has :TYPE, not :LABEL"
                                     : "a file of nodes has :LABEL, not :TYPE or :EDGE_ID",
                            "", 0);
}

static enum jit_err read_header(struct table *t)
{
    enum jit_err err = csv_next(&t->csv);
    if (err == JIT_ENOENT) {
        char place[IMPORT_PLACE_SIZE];
        import_place(place, t->csv.input.name, 1, 1);
        return import_fail(t->im, JIT_EFORMAT, place, "the file is empty: it has no header");
    }
    if (err != JIT_OK) {
        return err;
    }
    const struct csv_field *first = &t->csv.fields[0];
    if (t->csv.count == 1 && memchr(first->text, ';', first->size) != NULL) {
        return fail(t, first, "no commas, but semicolons: fields are separated by commas", "", 0);
    }
    t->columns = jit_heap_zalloc(t->im->heap, t->csv.count, sizeof *t->columns);
    if (t->columns == NULL) {
        return JIT_ENOMEM;
    }
    t->column_count = t->csv.count;
    memset(t->role_at, -1, sizeof t->role_at);
    for (uint32_t i = 0; i < t->column_count; i++) {
        const struct csv_field *field = &t->csv.fields[i];
        struct column *column = &t->columns[i];
        err = read_column(t, field, column);
        if (err != JIT_OK) {
            return err;
        }
        bool twice = column->role != ROLE_VALUE && column->role != ROLE_IGNORE &&
                     t->role_at[column->role] >= 0;
        for (uint32_t k = 0; k < i; k++) {
            twice = twice || same_value(column, &t->columns[k]);
            column->twin = column->twin || same_name(column, &t->columns[k]);
        }
        if (twice) {
            return fail(t, field, "a second column ", field->text, field->size);
        }
        if (column->role != ROLE_VALUE && t->role_at[column->role] < 0) {
            t->role_at[column->role] = (int32_t)i;
        }
    }
    return check_roles(t);
}

/* ---- rows ---- */

static const struct csv_field *field_of(const struct table *t, enum role role)
{
    return t->role_at[role] < 0 ? NULL : &t->csv.fields[t->role_at[role]];
}

/* The id that a cell of :ID, :START_ID or :END_ID names: BLAKE3("node:" || [space ":"] || ID). */
static enum jit_err read_id(struct table *t, enum role role, struct jit_id *id)
{
    const struct csv_field *field = field_of(t, role);
    const struct column *column = &t->columns[t->role_at[role]];
    char label[2 * JIT_LABEL_BYTES_MAX];
    if (column->is_id) {
        return jit_id_from_hex(field->text, field->size, id) == JIT_OK
                   ? JIT_OK
                   : fail(t, field, "no id of 64 hex digits: ", field->text, field->size);
    }
    size_t space = column->space_size;
    size_t lead = space + (space > 0);
    if (field->size == 0) {
        return fail(t, field, "an empty ID", "", 0);
    }
    if (field->size > JIT_LABEL_BYTES_MAX || lead + field->size > JIT_LABEL_BYTES_MAX) {
        return fail(t, field, "an ID of more than 1,024 bytes", "", 0);
    }
    memcpy(label, column->space, space);
    label[space] = ':';
    memcpy(label + lead, field->text, field->size);
    jit_hash_named("node:", label, lead + field->size, id);
    return JIT_OK;
}

/* The type a cell names, or the default when there is no such column. */
static enum jit_err read_type(struct table *t, enum role role, const char *fallback,
                              struct jit_id *type)
{
    const struct csv_field *field = field_of(t, role);
    if (field == NULL) {
        return import_type_named(t->im, fallback, strlen(fallback), type);
    }
    if (t->columns[t->role_at[role]].is_id) {
        return jit_id_from_hex(field->text, field->size, type) == JIT_OK && !jit_id_is_zero(type)
                   ? JIT_OK
                   : fail(t, field, "no type id of 64 hex digits: ", field->text, field->size);
    }
    if (field->size == 0) {
        return fail(t, field, "no type", "", 0);
    }
    if (field->size > JIT_LABEL_BYTES_MAX) {
        return fail(t, field, "a type of more than 1,024 bytes", "", 0);
    }
    if (memchr(field->text, ';', field->size) != NULL) {
        return fail(t, field, "a node has one type here, not several: ", field->text, field->size);
    }
    return import_type_named(t->im, field->text, field->size, type);
}

static enum jit_err add_raw(struct table *t, struct import_owner *owner,
                            const struct column *column, const struct csv_field *field)
{
    struct jit_buf bytes;
    char place[IMPORT_PLACE_SIZE];
    jit_buf_init(&bytes, t->im->heap, JIT_ATOM_BYTES_MAX);
    csv_place(&t->csv, field, place);
    bool good = import_hex_bytes(field->text, field->size, &bytes);
    enum jit_err err = bytes.err;
    if (err == JIT_ELIMIT) {
        err = import_fail(t->im, err, place, "a value of more than 1 MiB");
    } else if (!good && err == JIT_OK) {
        err = import_fail(t->im, JIT_EFORMAT, place, "these are no bytes in hex");
    }
    struct rmg_attachment attachment = {
        .name = column->name,
        .name_size = column->name_size,
        .value = {.kind = RMG_VALUE_ATOM,
                  .type = column->type,
                  .bytes = bytes.data,
                  .size = (uint32_t)bytes.size},
    };
    if (err == JIT_OK) {
        err = import_owner_attachment(owner, &attachment, place);
    }
    jit_buf_release(&bytes);
    return err;
}

/* An empty field without quotes is no value. */
static bool is_value(const struct table *t, uint32_t i)
{
    const struct column *column = &t->columns[i];
    const struct csv_field *field = &t->csv.fields[i];
    bool has_name = column->role == ROLE_VALUE ||
                    ((column->role == ROLE_ID) && column->name_size > 0 && !column->is_id);
    return has_name && (field->size > 0 || field->quoted);
}

static enum jit_err add_values(struct table *t, struct import_owner *owner)
{
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; err == JIT_OK && i < t->column_count; i++) {
        const struct column *column = &t->columns[i];
        const struct csv_field *field = &t->csv.fields[i];
        char place[IMPORT_PLACE_SIZE];
        if (!is_value(t, i)) {
            continue;
        }
        for (uint32_t k = 0; column->twin && k < i; k++) {
            if (is_value(t, k) && same_name(&t->columns[k], column)) {
                return fail(t, field, "a second value for ", column->name, column->name_size);
            }
        }
        if (column->raw) {
            err = add_raw(t, owner, column, field);
            continue;
        }
        csv_place(&t->csv, field, place);
        err = import_owner_text(owner, column->name, column->name_size, column->codec, field->text,
                                field->size, place);
    }
    return err == JIT_OK ? import_owner_end(owner) : err;
}

static enum jit_err add_node(struct table *t)
{
    const struct import_target *into = t->im->source->into;
    const struct csv_field *field = field_of(t, ROLE_ID);
    struct import_owner owner;
    struct jit_id id;
    struct jit_id type;
    enum jit_err err = read_id(t, ROLE_ID, &id);
    err = err == JIT_OK ? read_type(t, ROLE_LABEL, "Node", &type) : err;
    if (err != JIT_OK) {
        return err;
    }
    /* The target's root node is there already; a row may name it, to give it values. */
    bool root = jit_id_equal(&id, &into->root_node);
    err = root ? JIT_OK : rmg_collect_node(t->im->collect, &into->instance, &id, &type);
    if (err == JIT_EEXIST) {
        char place[IMPORT_PLACE_SIZE];
        csv_place(&t->csv, field, place);
        return import_fail(t->im, err, place, "a second node with the ID \"%.*s\"",
                           (int)(field->size < 100 ? field->size : 100), field->text);
    }
    if (err != JIT_OK) {
        return err;
    }
    import_owner_begin(&owner, t->im, &into->instance, RMG_PLANE_ALPHA, &id, &type);
    t->im->report->nodes -= root;
    return add_values(t, &owner);
}

static enum jit_err read_end(struct table *t, enum role role, struct jit_id *id)
{
    const struct csv_field *field = field_of(t, role);
    enum jit_err err = read_id(t, role, id);
    if (err == JIT_OK &&
        !rmg_collect_has_node(t->im->collect, &t->im->source->into->instance, id)) {
        err = fail(t, field, "there is no node with the ID ", field->text, field->size);
    }
    return err;
}

static enum jit_err read_edge_id(struct table *t, struct jit_id *id)
{
    const struct csv_field *field = field_of(t, ROLE_EDGE_ID);
    uint64_t line = 0;
    if (jit_id_from_hex(field->text, field->size, id) != JIT_OK) {
        return fail(t, field, "no id of 64 hex digits: ", field->text, field->size);
    }
    enum jit_err err = import_seen_add(t->edge_ids, id, field->line, &line);
    return err == JIT_OK && line != 0 ? fail(t, field, "a second edge with this id", "", 0) : err;
}

static enum jit_err add_edge(struct table *t)
{
    const struct jit_id *instance = &t->im->source->into->instance;
    struct import_owner owner;
    struct rmg_edge edge;
    enum jit_err err = read_end(t, ROLE_START, &edge.from);
    err = err == JIT_OK ? read_end(t, ROLE_END, &edge.to) : err;
    err = err == JIT_OK ? read_type(t, ROLE_TYPE, "EDGE", &edge.type) : err;
    if (err == JIT_OK && field_of(t, ROLE_EDGE_ID) != NULL) {
        err = read_edge_id(t, &edge.id);
        err = err == JIT_OK ? rmg_collect_edge(t->im->collect, instance, &edge) : err;
    } else if (err == JIT_OK) {
        err = rmg_collect_edge_numbered(t->im->collect, instance, &edge.from, &edge.to, &edge.type,
                                        &edge.id);
    }
    if (err != JIT_OK) {
        return err;
    }
    import_owner_begin(&owner, t->im, instance, RMG_PLANE_BETA, &edge.id, &edge.type);
    return add_values(t, &owner);
}

static enum jit_err read_rows(struct table *t)
{
    enum jit_err err;
    while ((err = csv_next(&t->csv)) == JIT_OK) {
        if (t->csv.count != t->column_count) {
            char place[IMPORT_PLACE_SIZE];
            csv_place(&t->csv, &t->csv.fields[t->csv.count - 1], place);
            return import_fail(t->im, JIT_EFORMAT, place, "%u fields where the header has %u",
                               t->csv.count, t->column_count);
        }
        err = t->edges ? add_edge(t) : add_node(t);
        if (err != JIT_OK) {
            return err;
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static void table_close(struct table *t)
{
    t->im->heap->free(t->im->heap, t->columns);
    csv_close(&t->csv);
}

/* Reads the header, then the rows when it is a file of the wanted kind. */
static enum jit_err read_table(struct import *im, const char *path, bool edges,
                               struct import_seen *edge_ids, bool *is_edges)
{
    struct table t = {.im = im, .edge_ids = edge_ids};
    enum jit_err err = csv_open(&t.csv, im, path);
    if (err == JIT_OK) {
        err = read_header(&t);
    }
    if (err == JIT_OK && t.edges == edges) {
        err = read_rows(&t);
    }
    *is_edges = t.edges;
    table_close(&t);
    return err;
}

static enum jit_err import_csv(struct import *im)
{
    struct import_seen edge_ids = {.heap = im->heap};
    uint32_t count = im->source->path_count;
    bool *is_edges = jit_heap_zalloc(im->heap, (size_t)count + 1, sizeof *is_edges);
    enum jit_err err = is_edges == NULL ? JIT_ENOMEM : JIT_OK;
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; err == JIT_OK && i < count; i++) {
            const char *path = im->source->paths[i];
            if (strcmp(path, "-") == 0) { /* its header would be gone in the second pass */
                err = import_fail(im, JIT_ENOTSUP, "standard input",
                                  "CSV files are read by name: nodes first, then edges");
            } else if (pass == 0 || is_edges[i]) {
                err = read_table(im, path, pass == 1, &edge_ids, &is_edges[i]);
            }
        }
    }
    import_seen_release(&edge_ids);
    im->heap->free(im->heap, is_edges);
    return err;
}

const struct format format_csv = {
    .name = "csv",
    .extensions = {".csv"},
    .needs_target = true,
    .many = true,
    .reads = "Files of nodes (:ID, :LABEL) and of edges (:START_ID, :END_ID, :TYPE),\n"
             "told apart by their headers. Other columns are values: name:int, :long,\n"
             ":double, :float, :boolean, :string (the default), :bytes and :id in hex.\n"
             "IDs of several spaces: :ID(space), :START_ID(space), :END_ID(space). An\n"
             "empty field is no value, \"\" is an empty text.",
    .outputs = 2,
    .output_ends = {".nodes.csv", ".edges.csv"},
    .writes = "The top instance, as OUT.nodes.csv and OUT.edges.csv with ids in hex;\n"
              "importing them gives the same instance. Portals\n"
              "are refused, or left out with --partial.",
    .read = import_csv,
    .write = export_csv,
};
