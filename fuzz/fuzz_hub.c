/* Any bytes as a message of the hub: refused, or canonical, so that writing what was read gives the
 * same bytes; and the fields that are asked for lie in them. */
#include <stdlib.h>

#include "base/check.h"
#include "fuzz/fuzz.h"
#include "kernel/hub/hub_msg.h"

const char *const fuzz_corpus[] = {"fuzz/corpus/hub", NULL};

static void check_fields(const cbor_item_t *item)
{
    static const char *const keys[] = {"t", "text", "code", "tick", "head", "patch"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char text[16];
        const uint8_t *bytes = NULL;
        size_t size = 0;
        uint64_t number = 0;
        bool flag = false;
        struct jit_id id;
        unsigned kinds = 0;
        memset(text, 'x', sizeof text);
        kinds += hub_get_uint(item, keys[i], &number);
        kinds += hub_get_bool(item, keys[i], &flag);
        if (hub_get_text(item, keys[i], text, sizeof text)) {
            kinds++;
            assert(memchr(text, 0, sizeof text) != NULL);
        }
        if (hub_get_bytes(item, keys[i], &bytes, &size)) {
            kinds++;
            assert(size == 0 || bytes[size - 1] == bytes[size - 1]);
            assert(hub_get_id(item, keys[i], &id) == (size == JIT_ID_BYTES));
        }
        assert(kinds <= 1 && (kinds == 0 || hub_field(item, keys[i]) != NULL));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    cbor_item_t *item = NULL;
    enum jit_err judged = hub_check(bytes, size);
    enum jit_err err = hub_parse(bytes, size, &item);
    assert(judged == JIT_OK || judged == JIT_EFORMAT || judged == JIT_ELIMIT);
    bool map = size > 0 && bytes[0] >> 5 == 5; /* the only item that is a message */
    assert(err == (judged == JIT_OK && !map ? JIT_EFORMAT : judged));
    assert((err == JIT_OK) == (item != NULL));
    if (item != NULL) {
        fuzz_take();
        unsigned char *again = NULL;
        size_t capacity = 0;
        size_t written = cbor_serialize_alloc(item, &again, &capacity);
        assert(written == size && memcmp(again, bytes, size) == 0);
        free(again);
        check_fields(item);
        cbor_decref(&item);
    }
    return 0;
}
