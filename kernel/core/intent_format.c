#include "kernel/core/intent.h"

#include "base/check.h"
#include "base/cursor.h"
#include "base/hash.h"

/* Intents as bytes: one way to write each. */

static const uint8_t intent_magic[4] = {'J', 'I', 'N', 0};
#define INTENT_MAJOR 1u
#define INTENT_MINOR 0u

static const struct {
    const char *word, *text;
} fates[KERN_INTENT_FATES] = {
#define X(name, word, text) {word, text},
    KERN_INTENT_MAP(X)
#undef X
};

const char *kern_intent_word(enum kern_intent_fate fate)
{
    assert((unsigned)fate < KERN_INTENT_FATES);
    return fates[fate].word;
}

const char *kern_intent_text(enum kern_intent_fate fate)
{
    assert((unsigned)fate < KERN_INTENT_FATES);
    return fates[fate].text;
}

void kern_intent_encode(const struct kern_intent *intent, struct jit_buf *buf)
{
    jit_buf_put(buf, intent_magic, sizeof intent_magic);
    jit_buf_put_u16(buf, INTENT_MAJOR);
    jit_buf_put_u16(buf, INTENT_MINOR);
    jit_buf_put_id(buf, &intent->rule_id);
    jit_buf_put_id(buf, &intent->instance);
    jit_buf_put_u64(buf, intent->until);
    jit_buf_put_u64(buf, intent->nonce);
    jit_buf_put_u32(buf, intent->id_count);
    for (uint32_t i = 0; i < intent->id_count; i++) {
        jit_buf_put_id(buf, &intent->ids[i]);
    }
    jit_buf_put_u32(buf, intent->params_size);
    jit_buf_put(buf, intent->params, intent->params_size);
}

enum jit_err kern_intent_decode(const uint8_t *bytes, size_t size, struct kern_intent *out)
{
    struct jit_cursor cur = jit_cursor_of(bytes, size);
    *out = (struct kern_intent){0};
    const uint8_t *magic = jit_get_bytes(&cur, sizeof intent_magic);
    const uint16_t major = jit_get_u16(&cur);
    const uint16_t minor = jit_get_u16(&cur);
    if (cur.bad || memcmp(magic, intent_magic, sizeof intent_magic) != 0) {
        return JIT_EFORMAT;
    }
    if (major != INTENT_MAJOR || minor != INTENT_MINOR) {
        return JIT_EVERSION;
    }
    jit_get_id(&cur, &out->rule_id);
    jit_get_id(&cur, &out->instance);
    out->until = jit_get_u64(&cur);
    out->nonce = jit_get_u64(&cur);
    out->id_count = jit_get_u32(&cur);
    if (cur.bad || out->id_count > JIT_PATTERN_ELEMENTS_MAX) {
        return JIT_EFORMAT;
    }
    out->ids = (const struct jit_id *)(const void *)jit_get_bytes(&cur, (size_t)out->id_count *
                                                                            JIT_ID_BYTES);
    out->params_size = jit_get_u32(&cur);
    if (cur.bad || out->params_size > JIT_PARAMS_BYTES_MAX) {
        return JIT_EFORMAT;
    }
    out->params = jit_get_bytes(&cur, out->params_size);
    jit_hash_named("intent:", bytes, size, &out->hash);
    return jit_cursor_done(&cur) ? JIT_OK : JIT_EFORMAT;
}

void kern_narrowed_encode(const struct sys_cap *cap, struct jit_buf *buf)
{
    jit_buf_put_u32(buf, cap->rights);
    jit_buf_put_u32(buf, (uint32_t)cap->object);
    jit_buf_put_id(buf, &cap->instance);
    jit_buf_put_id(buf, &cap->rule_id);
    jit_buf_put_id(buf, &cap->params_digest);
    if (cap->attenuators != NULL && cap->attenuators->given != 0) {
        sys_attenuators_encode(cap->attenuators, buf);
    }
}

enum jit_err kern_narrowed_decode(struct jit_heap *heap, const uint8_t *bytes, size_t size,
                                  struct sys_cap *out, struct sys_attenuators **attenuators)
{
    struct jit_cursor cur = jit_cursor_of(bytes, size);
    *attenuators = NULL;
    *out = (struct sys_cap){.generation = 1, .rights = jit_get_u32(&cur)};
    const uint32_t object = jit_get_u32(&cur);
    jit_get_id(&cur, &out->instance);
    jit_get_id(&cur, &out->rule_id);
    jit_get_id(&cur, &out->params_digest);
    if (cur.bad || object >= SYS_OBJECT_COUNT) {
        return JIT_EFORMAT;
    }
    out->object = (enum sys_object)object;
    enum jit_err err =
        cur.left > 0 ? sys_attenuators_decode(heap, cur.at, cur.left, attenuators) : JIT_OK;
    out->attenuators = *attenuators;
    return err;
}
