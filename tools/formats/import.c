#include "tools/formats/import_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"

enum jit_err import_fail(struct import *im, enum jit_err err, const char *place, const char *format,
                         ...)
{
    va_list list;
    va_start(list, format);
    format_fail(im->error, err, place, format, list);
    va_end(list);
    return err;
}

void import_place(char place[IMPORT_PLACE_SIZE], const char *name, uint64_t line, uint64_t column)
{
    snprintf(place, IMPORT_PLACE_SIZE, "%.400s:%llu:%llu", name, (unsigned long long)line,
             (unsigned long long)column);
}

/* ---- the schema ---- */

/* The declared type with this id, or NULL; always NULL without a schema. */
static const struct rmg_schema_type *find_type(const struct import *im, bool edge,
                                               const struct jit_id *id)
{
    const struct rmg_schema_type *type = rmg_schema_find(im->source->schema, id);
    bool fits = type != NULL && type->kind == (edge ? RMG_TYPE_EDGE : RMG_TYPE_NODE);
    return fits ? type : NULL;
}

enum jit_err import_type_named(struct import *im, const char *name, size_t size,
                               struct jit_id *type)
{
    struct rmg_schema *names = im->source->names;
    char label[JIT_LABEL_BYTES_MAX + 1];
    jit_hash_named("type:", name, size, type);
    if (names == NULL || size == 0 || size > JIT_LABEL_BYTES_MAX ||
        rmg_schema_find(names, type) != NULL) {
        return JIT_OK;
    }
    memcpy(label, name, size);
    label[size] = '\0';
    struct rmg_schema_type learned = {.name = label, .kind = RMG_TYPE_NODE};
    enum jit_err err = rmg_schema_add(names, &learned, NULL);
    return err == JIT_ENOMEM ? err : JIT_OK; /* others: it stays without a name */
}

/* ---- values ---- */

void import_owner_begin(struct import_owner *owner, struct import *im,
                        const struct jit_id *instance, enum rmg_plane plane,
                        const struct jit_id *id, const struct jit_id *type)
{
    bool edge = plane == RMG_PLANE_BETA;
    struct jit_id place;
    struct jit_id place_root;
    rmg_schema_place(&place, &place_root);
    *owner = (struct import_owner){.im = im, .instance = *instance, .plane = plane, .id = *id};
    owner->as_it_is = im->source->schema == NULL || jit_id_equal(instance, &place);
    owner->type = owner->as_it_is ? NULL : find_type(im, edge, type);
    bool undeclared = !owner->as_it_is && owner->type == NULL;
    if (edge) {
        im->report->edges++;
        im->report->edges_undeclared += undeclared;
    } else {
        im->report->nodes++;
        im->report->nodes_undeclared += undeclared;
    }
}

static enum jit_err count_attachment(struct import_owner *owner, const char *place)
{
    if (owner->attachments == JIT_ATTACHMENTS_MAX) {
        return import_fail(owner->im, JIT_ELIMIT, place, "more than %u values",
                           JIT_ATTACHMENTS_MAX);
    }
    owner->attachments++;
    return JIT_OK;
}

static enum jit_err add(struct import_owner *owner, const char *name, size_t name_size,
                        const struct jit_id *type, const uint8_t *bytes, size_t size,
                        const char *place)
{
    enum jit_err err = count_attachment(owner, place);
    if (err != JIT_OK) {
        return err;
    }
    struct rmg_attachment attachment = {
        .name = name,
        .name_size = (uint32_t)name_size,
        .value = {.kind = RMG_VALUE_ATOM, .type = *type, .bytes = bytes, .size = (uint32_t)size},
    };
    owner->im->report->values++;
    return rmg_collect_attachment(owner->im->collect, &owner->instance, owner->plane, &owner->id,
                                  &attachment);
}

/* The field a value is for; false: it is not wanted. A field that has a value already is a fault.
 */
static enum jit_err claim(struct import_owner *owner, const char *name, size_t name_size,
                          const char *place, const struct rmg_schema_field **field, bool *wanted)
{
    struct import *im = owner->im;
    *field = NULL;
    *wanted = owner->as_it_is;
    if (*wanted) {
        return JIT_OK;
    }
    *field = rmg_schema_field_of(owner->type, name, name_size);
    if (*field == NULL) {
        im->report->values_ignored++;
        return JIT_OK;
    }
    size_t index = (size_t)(*field - owner->type->fields);
    if (owner->seen[index]) {
        return import_fail(im, JIT_EFORMAT, place, "a second value for %s", (*field)->name);
    }
    owner->seen[index] = true;
    *wanted = true;
    return JIT_OK;
}

enum jit_err import_owner_text(struct import_owner *owner, const char *name, size_t name_size,
                               enum rmg_codec codec, const char *text, size_t size,
                               const char *place)
{
    const struct rmg_schema_field *field;
    struct import *im = owner->im;
    struct rmg_datum datum;
    struct jit_buf space;
    struct jit_buf bytes;
    bool wanted;
    enum jit_err err = claim(owner, name, name_size, place, &field, &wanted);
    if (err != JIT_OK || !wanted) {
        return err;
    }
    codec = field != NULL ? field->codec : codec;
    if (codec == RMG_CODEC_NONE || codec == RMG_CODEC_LIST) {
        return import_fail(im, JIT_EFORMAT, place, "%s is a list or opaque: it has no words",
                           field == NULL ? "this value" : field->name);
    }
    const struct jit_id *type = rmg_codec_type(codec);
    if (codec == RMG_CODEC_TEXT && size <= JIT_ATOM_BYTES_MAX &&
        rmg_utf8_valid((const uint8_t *)text, size)) {
        return add(owner, name, name_size, type, (const uint8_t *)text, size, place);
    }
    jit_buf_init(&space, im->heap, JIT_ATOM_BYTES_MAX);
    jit_buf_init(&bytes, im->heap, JIT_ATOM_BYTES_MAX);
    err = import_parse(codec, text, size, &datum, &space);
    if (err == JIT_OK) {
        rmg_codec_encode(&datum, &bytes);
        err = bytes.err;
    }
    if (err == JIT_EFORMAT) {
        err = import_fail(im, err, place, "\"%.*s\"%s is no %s", (int)(size < 60 ? size : 60), text,
                          size < 60 ? "" : "...", rmg_codec_name(codec));
    } else if (err == JIT_ELIMIT) {
        err = import_fail(im, err, place, "a value of more than 1 MiB");
    }
    if (err == JIT_OK) {
        err = add(owner, name, name_size, type, bytes.data, bytes.size, place);
    }
    jit_buf_release(&space);
    jit_buf_release(&bytes);
    return err;
}

static enum jit_err no_value(struct import *im, const struct rmg_schema_field *field,
                             const char *place)
{
    struct jit_buf codec;
    jit_buf_init(&codec, im->heap, 128);
    rmg_schema_codec_print(field, &codec);
    enum jit_err err = import_fail(im, JIT_EFORMAT, place, "%s is no %.*s", field->name,
                                   (int)codec.size, (const char *)codec.data);
    jit_buf_release(&codec);
    return err;
}

enum jit_err import_owner_attachment(struct import_owner *owner,
                                     const struct rmg_attachment *attachment, const char *place)
{
    const struct rmg_schema_field *field;
    struct import *im = owner->im;
    bool wanted;
    if (attachment->value.kind == RMG_VALUE_ATOM) {
        enum jit_err err =
            claim(owner, attachment->name, attachment->name_size, place, &field, &wanted);
        if (err != JIT_OK || !wanted) {
            return err;
        }
        if (field != NULL && !rmg_schema_value_fits(field, &attachment->value)) {
            return no_value(im, field, place);
        }
        im->report->values++;
    }
    enum jit_err counted = count_attachment(owner, place);
    if (counted != JIT_OK) {
        return counted;
    }
    return rmg_collect_attachment(im->collect, &owner->instance, owner->plane, &owner->id,
                                  attachment);
}

enum jit_err import_owner_end(struct import_owner *owner)
{
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; err == JIT_OK && owner->type != NULL && i < owner->type->field_count;
         i++) {
        const struct rmg_schema_field *field = &owner->type->fields[i];
        if (!owner->seen[i] && field->has_default) {
            err = add(owner, field->name, strlen(field->name), &field->type, field->value,
                      field->value_size, "");
        }
    }
    return err;
}

/* ---- the entry ---- */

enum jit_err import_run(const struct import_source *source, struct rmg_collect *collect,
                        struct import_report *report, struct format_error *error)
{
    const struct format *format = source->format;
    struct import im = {
        .source = source,
        .collect = collect,
        .heap = rmg_collect_heap(collect),
        .report = report,
        .error = error,
    };
    assert(format_reads(format));
    assert(source->into != NULL || !format->needs_target);
    *report = (struct import_report){0};
    *error = (struct format_error){0};
    enum jit_err err = JIT_OK;
    if (source->path_count != 1 && !format->many && !format->no_input) {
        err = import_fail(&im, JIT_EFORMAT, "", "one %s file is imported at a time", format->name);
    }
    if (err == JIT_OK) {
        err = format->read != NULL ? format->read(&im) : import_loaded(&im);
    }
    if (err != JIT_OK && error->what[0] == 0) {
        snprintf(error->what, sizeof error->what, "%s", jit_err_text(err));
    }
    return err;
}
