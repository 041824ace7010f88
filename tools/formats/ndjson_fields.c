/* NDJSON: the fields of a line, and which slots have been seen or are still to come. */
#include "tools/formats/ndjson_priv.h"

#include <jansson.h>
#include <string.h>

#include "base/hash.h"
#include "tools/formats/export_priv.h"
#include "tools/formats/import_priv.h"

#define LINE_BITS 40u

uint64_t ndjson_line_number(const struct ndjson_reader *r, uint64_t line)
{
    return (uint64_t)r->file << LINE_BITS | line;
}

static const char *file_of(const struct ndjson_reader *r, uint64_t line)
{
    const char *path = r->im->source->paths[line >> LINE_BITS];
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

static uint64_t in_file(uint64_t line)
{
    return line & ((1ull << LINE_BITS) - 1);
}

enum jit_err ndjson_fail(struct ndjson_reader *r, enum jit_err err, uint64_t column,
                         const char *what, const char *detail)
{
    char place[IMPORT_PLACE_SIZE];
    import_place(place, file_of(r, r->line), in_file(r->line), column);
    return import_fail(r->im, err, place, "%s%.200s", what, detail);
}

/* ---- fields ---- */

enum jit_err ndjson_text_of(struct ndjson_reader *r, const char *key, const char **text,
                            size_t *size)
{
    const json_t *value = json_object_get(r->object, key);
    *text = "";
    *size = 0;
    if (!json_is_string(value)) {
        return ndjson_fail(r, JIT_EFORMAT, 1,
                           value == NULL ? "this line lacks the field " : "no string in the field ",
                           key);
    }
    *text = json_string_value(value);
    *size = json_string_length(value);
    return JIT_OK;
}

enum jit_err ndjson_id_of(struct ndjson_reader *r, const char *key, bool zero, struct jit_id *id)
{
    const char *text;
    size_t size;
    enum jit_err err = ndjson_text_of(r, key, &text, &size);
    if (err == JIT_OK && jit_id_from_hex(text, size, id) != JIT_OK) {
        err = ndjson_fail(r, JIT_EFORMAT, 1, "no 64 hex digits in the field ", key);
    }
    if (err == JIT_OK && !zero && jit_id_is_zero(id)) {
        err = ndjson_fail(r, JIT_EFORMAT, 1, "an id of zeros in the field ", key);
    }
    return err;
}

enum jit_err ndjson_plane_of(struct ndjson_reader *r, enum rmg_plane *plane)
{
    const char *text;
    size_t size;
    enum jit_err err = ndjson_text_of(r, "plane", &text, &size);
    if (err != JIT_OK) {
        return err;
    }
    *plane = strcmp(text, "beta") == 0 ? RMG_PLANE_BETA : RMG_PLANE_ALPHA;
    return *plane == RMG_PLANE_BETA || strcmp(text, "alpha") == 0
               ? JIT_OK
               : ndjson_fail(r, JIT_EFORMAT, 1, "\"plane\" is \"alpha\" or \"beta\", not ", text);
}

enum jit_err ndjson_name_of(struct ndjson_reader *r, const char **name, uint32_t *size)
{
    size_t length;
    enum jit_err err = ndjson_text_of(r, "name", name, &length);
    if (err == JIT_OK && length > JIT_NAME_BYTES_MAX) {
        err = ndjson_fail(r, JIT_ELIMIT, 1, "a name of more than 255 bytes", "");
    }
    *size = (uint32_t)length; /* jansson has seen to UTF-8 and to NUL */
    return err;
}

enum jit_err ndjson_only(struct ndjson_reader *r, const char *const *keys)
{
    const char *key;
    json_t *value;
    json_object_foreach(r->object, key, value)
    {
        size_t i = 0;
        while (keys[i] != NULL && strcmp(keys[i], key) != 0) {
            i++;
        }
        if (keys[i] == NULL) {
            return ndjson_fail(r, JIT_EFORMAT, 1, "an unknown field ", key);
        }
    }
    return JIT_OK;
}

/* ---- keys of slots ---- */

void ndjson_key_of(uint8_t kind, const struct jit_id *instance, const struct jit_id *id,
                   const char *name, uint32_t name_size, struct jit_id *key)
{
    struct jit_hasher hasher;
    jit_hasher_init(&hasher);
    jit_hasher_update(&hasher, &kind, 1);
    jit_hasher_update(&hasher, instance->bytes, JIT_ID_BYTES);
    jit_hasher_update(&hasher, id->bytes, JIT_ID_BYTES);
    if (name_size > 0) {
        jit_hasher_update(&hasher, name, name_size);
    }
    jit_hasher_final(&hasher, key);
}

enum jit_err ndjson_see(struct ndjson_reader *r, const struct jit_id *key, const char *what)
{
    uint64_t line = 0;
    enum jit_err err = import_seen_add(&r->seen, key, r->line, &line);
    if (err == JIT_OK && line != 0) {
        char place[IMPORT_PLACE_SIZE];
        bool here = line >> LINE_BITS == r->line >> LINE_BITS;
        import_place(place, file_of(r, r->line), in_file(r->line), 1);
        err = import_fail(r->im, JIT_EEXIST, place, "%s that is on line %llu%s%.200s already", what,
                          (unsigned long long)in_file(line), here ? "" : " of ",
                          here ? "" : file_of(r, line));
    }
    return err;
}

void *ndjson_grow(struct ndjson_reader *r, void **data, size_t *count, size_t *capacity,
                  size_t size)
{
    if (jit_heap_grow(r->im->heap, data, capacity, *count + 1, size) != 0) {
        return NULL;
    }
    return (uint8_t *)*data + size * (*count)++;
}

enum jit_err ndjson_promise(struct ndjson_reader *r, const struct jit_id *instance,
                            const struct jit_id *id, bool edge, const char *what)
{
    struct jit_id key;
    ndjson_key_of(edge ? KEY_EDGE : KEY_NODE, instance, id, NULL, 0, &key);
    if (edge ? import_seen_get(&r->seen, &key) != 0
             : rmg_collect_has_node(r->collect, instance, id)) {
        return JIT_OK;
    }
    void *data = r->promises;
    struct ndjson_promise *place =
        ndjson_grow(r, &data, &r->promise_count, &r->promise_capacity, sizeof *place);
    if (place == NULL) {
        return JIT_ENOMEM;
    }
    r->promises = data;
    *place = (struct ndjson_promise){
        .line = r->line, .instance = *instance, .id = *id, .edge = edge, .what = what};
    return JIT_OK;
}
