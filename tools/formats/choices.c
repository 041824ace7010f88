#include "tools/formats/choices.h"
#include "tools/formats/parse_json.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rmg/store/codec.h"

static const char *const side_words[RMG_SIDES] = {"base", "ours", "theirs"};

const char *choices_side_word(enum rmg_side side)
{
    return side_words[side];
}

struct reader {
    struct choices *out;
    char *what;
    size_t index; /* of the choice being read, from 1; 0: the file */
};

static enum jit_err refuse(const struct reader *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static enum jit_err refuse(const struct reader *r, const char *format, ...)
{
    va_list list;
    int size = r->index == 0 ? 0
                             : snprintf(r->what, CHOICES_WHAT_SIZE,
                                        "choice %llu: ", (unsigned long long)r->index);
    va_start(list, format);
    vsnprintf(r->what + size, CHOICES_WHAT_SIZE - (size_t)size, format, list);
    va_end(list);
    return JIT_EFORMAT;
}

/* Every key of an object is one of these words; NULL ends the list. */
static enum jit_err keys_are(const struct reader *r, json_t *object, const char *const *words)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        size_t i = 0;
        while (words[i] != NULL && strcmp(words[i], key) != 0) {
            i++;
        }
        if (words[i] == NULL) {
            return refuse(r, "an unknown key \"%.40s\"", key);
        }
    }
    return JIT_OK;
}

static enum jit_err get_id(const struct reader *r, json_t *object, const char *key,
                           struct jit_id *out)
{
    const char *text = json_string_value(json_object_get(object, key));
    if (text == NULL || jit_id_from_hex(text, strlen(text), out) != JIT_OK) {
        return refuse(r, "\"%s\" must be 64 hex digits", key);
    }
    return JIT_OK;
}

static enum jit_err get_name(const struct reader *r, json_t *object, struct rmg_place *out)
{
    json_t *name = json_object_get(object, "name");
    const char *plane = json_string_value(json_object_get(object, "plane"));
    if (plane == NULL || (strcmp(plane, "alpha") != 0 && strcmp(plane, "beta") != 0)) {
        return refuse(r, "\"plane\" must be \"alpha\" or \"beta\"");
    }
    out->part = strcmp(plane, "alpha") == 0 ? RMG_PART_ALPHA : RMG_PART_BETA;
    const size_t size = json_string_length(name);
    if (!json_is_string(name) || size > JIT_NAME_BYTES_MAX ||
        !rmg_utf8_valid((const uint8_t *)json_string_value(name), size)) {
        return refuse(r, "\"name\" must be a text of at most 255 bytes");
    }
    out->name_size = (uint32_t)size;
    if (size > 0) {
        out->name = rmg_scratch_copy(&r->out->names, json_string_value(name), size);
        return out->name == NULL ? JIT_ENOMEM : JIT_OK;
    }
    return JIT_OK;
}

static enum jit_err get_place(const struct reader *r, json_t *object, struct rmg_place *out)
{
    static const char *const of_instance[] = {"kind", "id", NULL};
    static const char *const of_element[] = {"kind", "instance", "id", NULL};
    static const char *const of_value[] = {"kind", "instance", "plane", "owner", "name", NULL};
    *out = (struct rmg_place){.part = RMG_PART_INSTANCE};
    const char *kind = json_string_value(json_object_get(object, "kind"));
    if (kind == NULL) {
        return refuse(r, "\"place\" must be an object with a \"kind\"");
    }
    if (strcmp(kind, "instance") == 0) {
        enum jit_err err = keys_are(r, object, of_instance);
        return err == JIT_OK ? get_id(r, object, "id", &out->instance) : err;
    }
    enum jit_err err = get_id(r, object, "instance", &out->instance);
    if (err != JIT_OK) {
        return err;
    }
    if (strcmp(kind, "attachment") == 0) {
        err = keys_are(r, object, of_value);
        err = err == JIT_OK ? get_id(r, object, "owner", &out->id) : err;
        return err == JIT_OK ? get_name(r, object, out) : err;
    }
    if (strcmp(kind, "node") != 0 && strcmp(kind, "edge") != 0) {
        return refuse(r, "\"kind\" must be instance, node, edge or attachment");
    }
    out->part = strcmp(kind, "node") == 0 ? RMG_PART_NODE : RMG_PART_EDGE;
    err = keys_are(r, object, of_element);
    return err == JIT_OK ? get_id(r, object, "id", &out->id) : err;
}

/* Not yet filled in: no choice. */
static enum jit_err get_take(const struct reader *r, json_t *object, enum rmg_side *out)
{
    json_t *take = json_object_get(object, "take");
    const char *word = json_string_value(take);
    *out = RMG_SIDE_NONE;
    if (json_is_null(take)) {
        return JIT_OK;
    }
    for (int side = 0; word != NULL && side < RMG_SIDES; side++) {
        if (strcmp(word, side_words[side]) == 0) {
            *out = (enum rmg_side)side;
            return JIT_OK;
        }
    }
    return refuse(r, "\"take\" must be \"base\", \"ours\", \"theirs\" or null");
}

static enum jit_err get_choice(const struct reader *r, json_t *object)
{
    /* All but the first two only tell whoever fills it in. */
    static const char *const words[] = {"place", "take", "conflict", "why",    "about",
                                        "other", "base", "ours",     "theirs", NULL};
    struct choices *out = r->out;
    struct rmg_choice choice;
    void *data = out->list;
    if (!json_is_object(object)) {
        return refuse(r, "not an object");
    }
    enum jit_err err = keys_are(r, object, words);
    err = err == JIT_OK ? get_place(r, json_object_get(object, "place"), &choice.place) : err;
    err = err == JIT_OK ? get_take(r, object, &choice.take) : err;
    if (err != JIT_OK || choice.take == RMG_SIDE_NONE) {
        return err;
    }
    if (jit_heap_grow(out->heap, &data, &out->capacity, out->count + 1, sizeof *out->list) != 0) {
        return JIT_ENOMEM;
    }
    out->list = data;
    out->list[out->count++] = choice;
    return JIT_OK;
}

static enum jit_err get_all(struct reader *r, json_t *file)
{
    static const char *const words[] = {"schema", "choices", NULL};
    const char *schema = json_string_value(json_object_get(file, "schema"));
    json_t *list = json_object_get(file, "choices");
    enum jit_err err = JIT_OK;
    if (schema == NULL || strcmp(schema, "rmg.choices/1") != 0) {
        return refuse(r, "\"schema\" must be \"rmg.choices/1\"");
    }
    if (!json_is_array(list)) {
        return refuse(r, "\"choices\" must be a list");
    }
    err = keys_are(r, file, words);
    for (size_t i = 0; err == JIT_OK && i < json_array_size(list); i++) {
        r->index = i + 1;
        err = get_choice(r, json_array_get(list, i));
    }
    return err;
}

static enum jit_err decode(struct jit_heap *heap, const uint8_t *bytes, size_t size,
                           struct choices *out, char what[CHOICES_WHAT_SIZE])
{
    struct reader r = {.out = out, .what = what};
    json_error_t error;
    *out = (struct choices){.heap = heap};
    rmg_scratch_init(&out->names, heap);
    snprintf(what, CHOICES_WHAT_SIZE, "out of memory");
    if (size > CHOICES_BYTES_MAX) {
        snprintf(what, CHOICES_WHAT_SIZE, "it is longer than 64 MiB");
        return JIT_ELIMIT;
    }
    json_t *file = NULL;
    enum jit_err err =
        format_parse_json((const char *)bytes, size, JSON_REJECT_DUPLICATES, &file, &error);
    if (err == JIT_EFORMAT) {
        snprintf(what, CHOICES_WHAT_SIZE, "line %d, column %d: %.160s", error.line, error.column,
                 error.text);
    }
    if (err == JIT_OK) {
        err = get_all(&r, file);
    }
    json_decref(file);
    return err;
}

enum jit_err choices_decode(struct jit_heap *heap, const uint8_t *bytes, size_t size,
                            struct choices *out, char what[CHOICES_WHAT_SIZE])
{
    enum jit_err err = decode(heap, bytes, size, out, what);
    for (char *at = what; *at != 0; at++) { /* it may quote the file */
        *at = (unsigned char)*at < 0x20 || (unsigned char)*at > 0x7e ? '?' : *at;
    }
    return err;
}

void choices_release(struct choices *choices)
{
    if (choices->heap != NULL) {
        choices->heap->free(choices->heap, choices->list);
        rmg_scratch_release(&choices->names);
    }
    *choices = (struct choices){.heap = NULL};
}
