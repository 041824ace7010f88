#include "kernel/hub/hub_msg.h"

#include "base/check.h"
#include "base/cursor.h"
#include "rmg/store/codec.h"

#define DEPTH_MAX 8u

/* ---- writing ---- */

static void put_head(struct jit_buf *buf, size_t (*encode)(size_t, unsigned char *, size_t),
                     size_t value)
{
    unsigned char head[9];
    size_t size = encode(value, head, sizeof head);
    assert(size > 0);
    jit_buf_put(buf, head, size);
}

void hub_begin(struct hub_writer *w, struct jit_buf *buf, size_t fields)
{
    *w = (struct hub_writer){.buf = buf, .frame_at = buf->size};
    jit_buf_put_u32(buf, 0);
    put_head(buf, cbor_encode_map_start, fields);
}

void hub_end(struct hub_writer *w)
{
    if (w->buf->err != JIT_OK) {
        return;
    }
    size_t size = w->buf->size - w->frame_at - 4;
    if (size > HUB_FRAME_BYTES_MAX) {
        w->buf->err = JIT_ELIMIT;
        return;
    }
    jit_put_le32(w->buf->data + w->frame_at, (uint32_t)size);
}

static int compare_keys(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size)
{
    int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
    return order != 0 ? order : a_size < b_size ? -1 : a_size > b_size;
}

void hub_key(struct hub_writer *w, const char *key)
{
    size_t at = w->buf->size;
    hub_put_text(w, key);
    if (w->buf->err != JIT_OK) {
        return;
    }
    size_t size = w->buf->size - at;
    assert(w->key_size == 0 ||
           compare_keys(w->buf->data + w->key_at, w->key_size, w->buf->data + at, size) < 0);
    w->key_at = at;
    w->key_size = size;
}

void hub_put_uint(struct hub_writer *w, uint64_t value)
{
    unsigned char head[9];
    size_t size = cbor_encode_uint(value, head, sizeof head);
    jit_buf_put(w->buf, head, size);
}

void hub_put_text(struct hub_writer *w, const char *text)
{
    put_head(w->buf, cbor_encode_string_start, strlen(text));
    jit_buf_put(w->buf, text, strlen(text));
}

void hub_uint(struct hub_writer *w, const char *key, uint64_t value)
{
    hub_key(w, key);
    hub_put_uint(w, value);
}

void hub_bool(struct hub_writer *w, const char *key, bool value)
{
    unsigned char head[1];
    hub_key(w, key);
    size_t size = cbor_encode_bool(value, head, sizeof head);
    jit_buf_put(w->buf, head, size);
}

void hub_text(struct hub_writer *w, const char *key, const char *text)
{
    hub_key(w, key);
    hub_put_text(w, text);
}

void hub_bytes(struct hub_writer *w, const char *key, const void *bytes, size_t size)
{
    hub_key(w, key);
    put_head(w->buf, cbor_encode_bytestring_start, size);
    jit_buf_put(w->buf, bytes, size);
}

void hub_id(struct hub_writer *w, const char *key, const struct jit_id *id)
{
    hub_bytes(w, key, id->bytes, sizeof id->bytes);
}

void hub_array(struct hub_writer *w, const char *key, size_t count)
{
    hub_key(w, key);
    put_head(w->buf, cbor_encode_array_start, count);
}

struct hub_writer hub_map(struct hub_writer *w, size_t fields)
{
    put_head(w->buf, cbor_encode_map_start, fields);
    return (struct hub_writer){.buf = w->buf};
}

/* ---- is it canonical? ---- */

/* A head in its shortest form; false for indefinite lengths and reserved forms. */
static bool get_head(struct jit_cursor *cur, unsigned *major, uint64_t *value)
{
    uint8_t first = jit_get_u8(cur);
    *major = first >> 5;
    unsigned info = first & 31u;
    if (info < 24) {
        *value = info;
        return !cur->bad;
    }
    if (info > 27) {
        return false;
    }
    unsigned size = 1u << (info - 24);
    *value = 0;
    for (unsigned i = 0; i < size; i++) {
        *value = *value << 8 | jit_get_u8(cur);
    }
    static const uint64_t least[4] = {24, 1u << 8, 1u << 16, 1ull << 32};
    return !cur->bad && *value >= least[info - 24];
}

static bool check_item(struct jit_cursor *cur, unsigned depth, uint32_t *items);

static bool check_map(struct jit_cursor *cur, uint64_t pairs, unsigned depth, uint32_t *items)
{
    const uint8_t *last = NULL;
    size_t last_size = 0;
    for (uint64_t i = 0; i < pairs; i++) {
        const uint8_t *key = cur->at;
        if (cur->left == 0 || key[0] >> 5 != 3 || !check_item(cur, depth + 1, items)) {
            return false;
        }
        size_t size = (size_t)(cur->at - key);
        if (last != NULL && compare_keys(last, last_size, key, size) >= 0) {
            return false;
        }
        last = key;
        last_size = size;
        if (!check_item(cur, depth + 1, items)) {
            return false;
        }
    }
    return true;
}

/* items: how many more there may be. */
static bool check_item(struct jit_cursor *cur, unsigned depth, uint32_t *items)
{
    unsigned major = 0;
    uint64_t value = 0;
    if (depth > DEPTH_MAX || (*items)-- == 0 || !get_head(cur, &major, &value)) {
        return false;
    }
    switch (major) {
    case 0: /* unsigned */
    case 1: /* negative */
        return true;
    case 2: /* bytes */
        return jit_get_bytes(cur, value) != NULL;
    case 3: { /* text */
        const uint8_t *text = jit_get_bytes(cur, value);
        return text != NULL && rmg_utf8_valid(text, (size_t)value);
    }
    case 4: /* array: every element takes a byte at least */
        if (value > cur->left) {
            return false;
        }
        for (uint64_t i = 0; i < value; i++) {
            if (!check_item(cur, depth + 1, items)) {
                return false;
            }
        }
        return true;
    case 5:
        return value <= cur->left / 2 && check_map(cur, value, depth, items);
    case 7: /* false, true */
        return value == 20 || value == 21;
    default:
        return false;
    }
}

static enum jit_err check(const uint8_t *bytes, size_t size, uint32_t items)
{
    if (size > HUB_FRAME_BYTES_MAX) {
        return JIT_ELIMIT;
    }
    struct jit_cursor cur = jit_cursor_of(bytes, size);
    if (check_item(&cur, 0, &items) && jit_cursor_done(&cur)) {
        return JIT_OK;
    }
    return items == UINT32_MAX ? JIT_ELIMIT : JIT_EFORMAT; /* it was 0 when one more came */
}

enum jit_err hub_check(const uint8_t *bytes, size_t size)
{
    return check(bytes, size, HUB_ITEMS_MAX);
}

enum jit_err hub_parse(const uint8_t *bytes, size_t size, cbor_item_t **out)
{
    return hub_parse_within(bytes, size, HUB_ITEMS_MAX, out);
}

enum jit_err hub_parse_within(const uint8_t *bytes, size_t size, uint32_t items, cbor_item_t **out)
{
    *out = NULL;
    enum jit_err err = check(bytes, size, items);
    if (err != JIT_OK) {
        return err;
    }
    struct cbor_load_result result;
    cbor_item_t *item = cbor_load(bytes, size, &result);
    if (item == NULL) {
        return result.error.code == CBOR_ERR_MEMERROR ? JIT_ENOMEM : JIT_EFORMAT;
    }
    if (!cbor_isa_map(item)) {
        cbor_decref(&item);
        return JIT_EFORMAT;
    }
    *out = item;
    return JIT_OK;
}

/* ---- reading fields ---- */

const cbor_item_t *hub_field(const cbor_item_t *map, const char *key)
{
    size_t size = strlen(key);
    if (!cbor_isa_map(map)) {
        return NULL;
    }
    const struct cbor_pair *pairs = cbor_map_handle(map);
    for (size_t i = 0; i < cbor_map_size(map); i++) {
        if (cbor_isa_string(pairs[i].key) && cbor_string_length(pairs[i].key) == size &&
            memcmp(cbor_string_handle(pairs[i].key), key, size) == 0) {
            return pairs[i].value;
        }
    }
    return NULL;
}

bool hub_get_uint(const cbor_item_t *map, const char *key, uint64_t *out)
{
    const cbor_item_t *item = hub_field(map, key);
    if (item == NULL || !cbor_isa_uint(item)) {
        return false;
    }
    *out = cbor_get_int(item);
    return true;
}

bool hub_get_bool(const cbor_item_t *map, const char *key, bool *out)
{
    const cbor_item_t *item = hub_field(map, key);
    if (item == NULL || !cbor_is_bool(item)) {
        return false;
    }
    *out = cbor_get_bool(item);
    return true;
}

bool hub_get_text(const cbor_item_t *map, const char *key, char *out, size_t size)
{
    const cbor_item_t *item = hub_field(map, key);
    assert(size > 0);
    out[0] = '\0';
    if (item == NULL || !cbor_isa_string(item)) {
        return false;
    }
    size_t length = cbor_string_length(item);
    length = length < size ? length : size - 1;
    if (length > 0) {
        memcpy(out, cbor_string_handle(item), length);
    }
    out[length] = '\0';
    return true;
}

bool hub_get_bytes(const cbor_item_t *map, const char *key, const uint8_t **bytes, size_t *size)
{
    const cbor_item_t *item = hub_field(map, key);
    if (item == NULL || !cbor_isa_bytestring(item)) {
        return false;
    }
    *bytes = cbor_bytestring_handle(item);
    *size = cbor_bytestring_length(item);
    return true;
}

bool hub_get_id(const cbor_item_t *map, const char *key, struct jit_id *out)
{
    const uint8_t *bytes = NULL;
    size_t size = 0;
    if (!hub_get_bytes(map, key, &bytes, &size) || size != JIT_ID_BYTES) {
        return false;
    }
    memcpy(out->bytes, bytes, JIT_ID_BYTES);
    return true;
}

bool hub_is(const cbor_item_t *map, const char *key, const char *text)
{
    char value[64];
    return hub_get_text(map, key, value, sizeof value) && strcmp(value, text) == 0;
}
