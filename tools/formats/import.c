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

static int compare_index(const void *a, const void *b)
{
    const struct import_index *x = a;
    const struct import_index *y = b;
    return jit_id_compare(&x->id, &y->id);
}

static enum jit_err build_index(struct import *im)
{
    const struct import_schema *schema = im->source->schema;
    if (schema == NULL || schema->type_count == 0) {
        return JIT_OK;
    }
    im->index = jit_heap_zalloc(im->heap, schema->type_count, sizeof *im->index);
    if (im->index == NULL) {
        return JIT_ENOMEM;
    }
    struct import_index *next = im->index;
    for (int edge = 0; edge < 2; edge++) {
        struct import_index *first = next;
        for (uint32_t i = 0; i < schema->type_count; i++) {
            const struct import_type *type = &schema->types[i];
            if (type->edge != (edge == 1)) {
                continue;
            }
            if (type->field_count > JIT_ATTACHMENTS_MAX) {
                return import_fail(im, JIT_ELIMIT, "", "type %s has more than %u fields",
                                   type->name, JIT_ATTACHMENTS_MAX);
            }
            jit_hash_named("type:", type->name, strlen(type->name), &next->id);
            next->type = type;
            next++;
        }
        qsort(first, (size_t)(next - first), sizeof *first, compare_index);
        *(edge == 0 ? &im->node_type_count : &im->edge_type_count) = (uint32_t)(next - first);
    }
    return JIT_OK;
}

const struct import_type *import_find_type(const struct import *im, bool edge,
                                           const struct jit_id *id)
{
    struct import_index key = {.id = *id};
    const struct import_index *first = im->index;
    if (first == NULL) {
        return NULL;
    }
    const struct import_index *found =
        bsearch(&key, edge ? first + im->node_type_count : first,
                edge ? im->edge_type_count : im->node_type_count, sizeof key, compare_index);
    return found == NULL ? NULL : found->type;
}

uint32_t import_find_field(const struct import_type *type, const char *name, size_t name_size)
{
    for (uint32_t i = 0; type != NULL && i < type->field_count; i++) {
        if (strlen(type->fields[i].name) == name_size &&
            memcmp(type->fields[i].name, name, name_size) == 0) {
            return i;
        }
    }
    return IMPORT_NO_FIELD;
}

/* ---- values ---- */

void import_owner_begin(struct import_owner *owner, struct import *im,
                        const struct jit_id *instance, enum rmg_plane plane,
                        const struct jit_id *id, const struct jit_id *type)
{
    bool edge = plane == RMG_PLANE_BETA;
    *owner = (struct import_owner){.im = im, .instance = *instance, .plane = plane, .id = *id};
    owner->type = import_find_type(im, edge, type);
    bool undeclared = im->source->schema != NULL && owner->type == NULL;
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
                        enum rmg_codec codec, const uint8_t *bytes, size_t size, const char *place)
{
    enum jit_err err = count_attachment(owner, place);
    if (err != JIT_OK) {
        return err;
    }
    struct rmg_attachment attachment = {
        .name = name,
        .name_size = (uint32_t)name_size,
        .value = {.kind = RMG_VALUE_ATOM,
                  .type = *rmg_codec_type(codec),
                  .bytes = bytes,
                  .size = (uint32_t)size},
    };
    owner->im->report->values++;
    return rmg_collect_attachment(owner->im->collect, &owner->instance, owner->plane, &owner->id,
                                  &attachment);
}

/* The field a value is for; false: it is not wanted. A field that has a value already is a fault.
 */
static enum jit_err claim(struct import_owner *owner, const char *name, size_t name_size,
                          const char *place, const struct import_field **field, bool *wanted)
{
    struct import *im = owner->im;
    *field = NULL;
    *wanted = im->source->schema == NULL;
    if (*wanted) {
        return JIT_OK;
    }
    uint32_t index = import_find_field(owner->type, name, name_size);
    if (index == IMPORT_NO_FIELD) {
        im->report->values_ignored++;
        return JIT_OK;
    }
    *field = &owner->type->fields[index];
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
    const struct import_field *field;
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
    if (codec == RMG_CODEC_TEXT && size <= JIT_ATOM_BYTES_MAX &&
        rmg_utf8_valid((const uint8_t *)text, size)) {
        return add(owner, name, name_size, codec, (const uint8_t *)text, size, place);
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
        err = add(owner, name, name_size, codec, bytes.data, bytes.size, place);
    }
    jit_buf_release(&space);
    jit_buf_release(&bytes);
    return err;
}

enum jit_err import_owner_attachment(struct import_owner *owner,
                                     const struct rmg_attachment *attachment, const char *place)
{
    const struct import_field *field;
    struct import *im = owner->im;
    struct rmg_datum datum;
    bool wanted;
    if (attachment->value.kind == RMG_VALUE_ATOM) {
        enum jit_err err =
            claim(owner, attachment->name, attachment->name_size, place, &field, &wanted);
        if (err != JIT_OK || !wanted) {
            return err;
        }
        if (field != NULL &&
            (!jit_id_equal(&attachment->value.type, rmg_codec_type(field->codec)) ||
             rmg_codec_decode(field->codec, attachment->value.bytes, attachment->value.size,
                              &datum) != JIT_OK)) {
            return import_fail(im, JIT_EFORMAT, place, "%s is no %s", field->name,
                               rmg_codec_name(field->codec));
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
        const struct import_field *field = &owner->type->fields[i];
        if (!owner->seen[i] && field->has_default) {
            err = add(owner, field->name, strlen(field->name), field->codec, field->value,
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
    enum jit_err err = build_index(&im);
    if (err == JIT_OK && source->path_count != 1 && !format->many && !format->no_input) {
        err = import_fail(&im, JIT_EFORMAT, "", "one %s file is imported at a time", format->name);
    }
    if (err == JIT_OK) {
        err = format->read != NULL ? format->read(&im) : import_loaded(&im);
    }
    if (err != JIT_OK && error->what[0] == 0) {
        snprintf(error->what, sizeof error->what, "%s", jit_err_text(err));
    }
    im.heap->free(im.heap, im.index);
    return err;
}
