#include "kernel/core/record.h"

#include "base/check.h"

#define RECORD_VERSION 1u
#define RECORD_BESIDE  2u /* the version of those that say what processes have beside the state */
#define RECORD_INTENTS 3u /* of those that have requests from outside */
#define BESIDE_FLAGS   (KERN_RECORD_OWNS | KERN_RECORD_DEATHS)
#define EVENT_BYTES    40u
#define RECEIPT_BYTES  72u

static void encode_ask(const struct kern_record_ask *ask, struct jit_buf *buf)
{
    const uint32_t numbers[] = {ask->call,
                                (uint32_t)ask->object,
                                (uint32_t)ask->outcome.result,
                                (uint32_t)ask->outcome.verdict,
                                (uint32_t)ask->outcome.excess,
                                ask->outcome.slot,
                                ask->outcome.generation};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        jit_buf_put_u32(buf, numbers[i]);
    }
    jit_buf_put_id(buf, &ask->process);
    jit_buf_put_id(buf, &ask->holder);
    jit_buf_put_id(buf, &ask->target);
    jit_buf_put_u32(buf, ask->size);
    jit_buf_put(buf, ask->bytes, ask->size);
}

enum jit_err kern_record_next_ask(struct jit_cursor *cur, struct kern_record_ask *out)
{
    uint32_t numbers[7];
    if (cur->left == 0 && !cur->bad) {
        return JIT_ENOENT;
    }
    for (size_t i = 0; i < 7; i++) {
        numbers[i] = jit_get_u32(cur);
    }
    *out = (struct kern_record_ask){.call = numbers[0],
                                    .object = (enum sys_object)numbers[1],
                                    .outcome = {.result = (enum rmg_result)numbers[2],
                                                .verdict = (enum sys_cap_verdict)numbers[3],
                                                .excess = (enum sys_cap_excess)numbers[4],
                                                .slot = numbers[5],
                                                .generation = numbers[6]}};
    jit_get_id(cur, &out->process);
    jit_get_id(cur, &out->holder);
    jit_get_id(cur, &out->target);
    out->size = jit_get_u32(cur);
    out->bytes = jit_get_bytes(cur, out->size);
    return cur->bad || numbers[1] >= SYS_OBJECT_COUNT || numbers[2] >= RMG_RESULT_COUNT ||
                   numbers[3] >= SYS_CAP_VERDICTS || numbers[4] >= SYS_CAP_EXCESSES
               ? JIT_EFORMAT
               : JIT_OK;
}

enum jit_err kern_record_next_own(struct jit_cursor *cur, struct kern_record_own *out)
{
    if (cur->left == 0 && !cur->bad) {
        return JIT_ENOENT;
    }
    jit_get_id(cur, &out->process);
    jit_get_id(cur, &out->root);
    out->patch_size = jit_get_u64(cur);
    out->patch = jit_get_bytes(cur, out->patch_size);
    return cur->bad ? JIT_EFORMAT : JIT_OK;
}

enum jit_err kern_record_next_intent(struct jit_cursor *cur, struct kern_record_intent *out)
{
    if (cur->left == 0 && !cur->bad) {
        return JIT_ENOENT;
    }
    out->index = jit_get_u32(cur);
    jit_get_id(cur, &out->capability);
    out->size = jit_get_u32(cur);
    out->bytes = jit_get_bytes(cur, out->size);
    out->narrowed_size = jit_get_u32(cur);
    out->narrowed = jit_get_bytes(cur, out->narrowed_size);
    if (out->narrowed_size == 0) {
        out->narrowed = NULL;
    }
    return cur->bad ? JIT_EFORMAT : JIT_OK;
}

static void encode_intents(const struct kern_record *record, struct jit_buf *buf)
{
    const size_t size_at = buf->size + 8;
    if (record->intent_count == 0) {
        return;
    }
    jit_buf_put_u64(buf, record->intent_count);
    jit_buf_put_u64(buf, 0);
    for (uint32_t i = 0; i < record->intent_count; i++) {
        const struct kern_record_intent *intent = &record->intents[i];
        jit_buf_put_u32(buf, intent->index);
        jit_buf_put_id(buf, &intent->capability);
        jit_buf_put_u32(buf, intent->size);
        jit_buf_put(buf, intent->bytes, intent->size);
        jit_buf_put_u32(buf, intent->narrowed_size);
        jit_buf_put(buf, intent->narrowed, intent->narrowed_size);
    }
    if (buf->err == JIT_OK) {
        jit_buf_patch_u64(buf, size_at, buf->size - size_at - 8);
    }
}

static enum jit_err decode_intents(struct jit_cursor *cur, struct kern_record_view *out)
{
    struct kern_record_intent intent;
    enum jit_err err = JIT_OK;
    uint64_t count = 0;
    uint64_t next = 0; /* the lowest index that may come */
    out->intent_count = jit_get_u64(cur);
    out->intents_size = jit_get_u64(cur);
    out->intents = jit_get_bytes(cur, out->intents_size);
    struct jit_cursor each = jit_cursor_of(out->intents, cur->bad ? 0 : out->intents_size);
    while ((err = kern_record_next_intent(&each, &intent)) == JIT_OK) {
        if (intent.index < next || intent.index >= out->request_count) {
            return JIT_EFORMAT;
        }
        next = (uint64_t)intent.index + 1;
        count++;
    }
    return err == JIT_ENOENT && !cur->bad && count == out->intent_count && count > 0 ? JIT_OK
                                                                                     : JIT_EFORMAT;
}

static void encode_beside(const struct kern_record *record, struct jit_buf *buf)
{
    if (record->own_count > 0) {
        size_t size_at = buf->size + 8;
        jit_buf_put_u64(buf, record->own_count);
        jit_buf_put_u64(buf, 0);
        for (uint32_t i = 0; i < record->own_count; i++) {
            jit_buf_put_id(buf, &record->owns[i].process);
            jit_buf_put_id(buf, &record->owns[i].root);
            jit_buf_put_u64(buf, record->owns[i].patch_size);
            jit_buf_put(buf, record->owns[i].patch, record->owns[i].patch_size);
        }
        if (buf->err == JIT_OK) {
            jit_buf_patch_u64(buf, size_at, buf->size - size_at - 8);
        }
    }
    if (record->death_count > 0) {
        jit_buf_put_u64(buf, record->death_count);
        for (uint32_t i = 0; i < record->death_count; i++) {
            jit_buf_put_id(buf, &record->deaths[i]);
        }
    }
}

void kern_record_encode(const struct kern_record *record, struct jit_buf *buf)
{
    const uint32_t beside = (record->own_count > 0 ? KERN_RECORD_OWNS : 0) |
                            (record->death_count > 0 ? KERN_RECORD_DEATHS : 0);
    const uint32_t intents = record->intent_count > 0 ? KERN_RECORD_INTENTS : 0;
    jit_buf_put_u32(buf, intents != 0  ? RECORD_INTENTS
                         : beside != 0 ? RECORD_BESIDE
                                       : RECORD_VERSION);
    jit_buf_put_u32(buf, record->flags | beside | intents |
                             (record->ask_count > 0 ? KERN_RECORD_ASKS : 0));
    jit_buf_put_u64(buf, record->event_count);
    for (uint32_t i = 0; i < record->event_count; i++) {
        jit_buf_put_u32(buf, (uint32_t)record->events[i].kind);
        jit_buf_put_u32(buf, (uint32_t)record->events[i].status);
        jit_buf_put_id(buf, &record->events[i].process);
    }
    jit_buf_put_u64(buf, record->request_count);
    size_t size_at = buf->size;
    jit_buf_put_u64(buf, 0);
    for (uint32_t i = 0; i < record->request_count; i++) {
        rmg_asked_encode(&record->requests[i], buf);
    }
    if (buf->err == JIT_OK) {
        jit_buf_patch_u64(buf, size_at, buf->size - size_at - 8);
    }
    rmg_receipts_encode(record->receipts, record->request_count, buf);
    if ((record->flags & KERN_RECORD_GENESIS) != 0) {
        jit_buf_put_id(buf, &record->blob);
        jit_buf_put_u64(buf, record->blob_size);
    } else {
        if ((record->flags & KERN_RECORD_EDIT) != 0) {
            jit_buf_put_id(buf, &record->other);
        }
        jit_buf_put_u64(buf, record->patch_size);
        jit_buf_put(buf, record->patch, record->patch_size);
    }
    encode_beside(record, buf);
    encode_intents(record, buf);
    if (record->ask_count > 0) {
        jit_buf_put_u64(buf, record->ask_count);
        for (uint32_t i = 0; i < record->ask_count; i++) {
            encode_ask(&record->asks[i], buf);
        }
    }
}

static enum jit_err decode_beside(struct jit_cursor *cur, struct kern_record_view *out)
{
    struct kern_record_own own;
    uint64_t count = 0;
    enum jit_err err = JIT_ENOENT;
    if ((out->flags & KERN_RECORD_OWNS) != 0) {
        out->own_count = jit_get_u64(cur);
        out->owns_size = jit_get_u64(cur);
        out->owns = jit_get_bytes(cur, out->owns_size);
        struct jit_cursor each = jit_cursor_of(out->owns, cur->bad ? 0 : out->owns_size);
        while ((err = kern_record_next_own(&each, &own)) == JIT_OK) {
            count++;
        }
        if (count != out->own_count || count == 0) {
            return JIT_EFORMAT;
        }
    }
    if ((out->flags & KERN_RECORD_DEATHS) != 0) {
        out->death_count = jit_get_u64(cur);
        if (out->death_count == 0 || out->death_count > cur->left / JIT_ID_BYTES) {
            return JIT_EFORMAT;
        }
        out->deaths = jit_get_bytes(cur, out->death_count * JIT_ID_BYTES);
    }
    return err == JIT_ENOENT && !cur->bad ? JIT_OK : JIT_EFORMAT;
}

enum jit_err kern_record_decode(const uint8_t *bytes, size_t size, struct kern_record_view *out)
{
    struct jit_cursor cur = jit_cursor_of(bytes, size);
    *out = (struct kern_record_view){0};
    const uint32_t version = jit_get_u32(&cur);
    if (version < RECORD_VERSION || version > RECORD_INTENTS) {
        return cur.bad ? JIT_EFORMAT : JIT_EVERSION;
    }
    out->flags = jit_get_u32(&cur);
    const uint32_t beside = out->flags & BESIDE_FLAGS;
    const bool intents = (out->flags & KERN_RECORD_INTENTS) != 0;
    if (version != (intents ? RECORD_INTENTS : beside != 0 ? RECORD_BESIDE : RECORD_VERSION)) {
        return JIT_EFORMAT;
    }
    out->event_count = jit_get_u64(&cur);
    if (out->event_count > cur.left / EVENT_BYTES) {
        return JIT_EFORMAT;
    }
    out->events = jit_get_bytes(&cur, out->event_count * EVENT_BYTES);
    out->request_count = jit_get_u64(&cur);
    out->requests_size = jit_get_u64(&cur);
    out->requests = jit_get_bytes(&cur, out->requests_size);
    uint64_t receipts = jit_get_u64(&cur);
    if (cur.bad || receipts != out->request_count || receipts > cur.left / RECEIPT_BYTES) {
        return JIT_EFORMAT;
    }
    out->receipts = jit_get_bytes(&cur, receipts * RECEIPT_BYTES);
    if (out->flags == KERN_RECORD_GENESIS) {
        jit_get_id(&cur, &out->blob);
        out->blob_size = jit_get_u64(&cur);
    } else if ((out->flags & ~(BESIDE_FLAGS | KERN_RECORD_ASKS | KERN_RECORD_INTENTS)) == 0 ||
               out->flags == KERN_RECORD_EDIT) {
        if (out->flags == KERN_RECORD_EDIT) {
            jit_get_id(&cur, &out->other);
            if (out->event_count > 0 || out->request_count > 0) {
                return JIT_EFORMAT;
            }
        }
        out->patch_size = jit_get_u64(&cur);
        out->patch = jit_get_bytes(&cur, out->patch_size);
    } else {
        return JIT_EFORMAT;
    }
    if ((beside != 0 && decode_beside(&cur, out) != JIT_OK) ||
        (intents && decode_intents(&cur, out) != JIT_OK)) {
        return JIT_EFORMAT;
    }
    if ((out->flags & KERN_RECORD_ASKS) != 0) {
        out->ask_count = jit_get_u64(&cur);
        out->asks_size = cur.left;
        out->asks = jit_get_bytes(&cur, cur.left);
        struct jit_cursor each = jit_cursor_of(out->asks, cur.bad ? 0 : out->asks_size);
        struct kern_record_ask ask;
        uint64_t count = 0;
        enum jit_err err = JIT_OK;
        while ((err = kern_record_next_ask(&each, &ask)) == JIT_OK) {
            count++;
        }
        if (err != JIT_ENOENT || count != out->ask_count || count == 0) {
            return JIT_EFORMAT;
        }
    }
    return jit_cursor_done(&cur) ? JIT_OK : JIT_EFORMAT;
}

enum jit_err kern_record_receipt(const struct kern_record_view *view, uint64_t index,
                                 struct rmg_receipt *out)
{
    assert(index < view->request_count);
    struct jit_cursor cur = jit_cursor_of(view->receipts + index * RECEIPT_BYTES, RECEIPT_BYTES);
    jit_get_id(&cur, &out->request_key);
    jit_get_id(&cur, &out->process);
    out->result = jit_get_u16(&cur);
    uint16_t zero = jit_get_u16(&cur);
    out->blocker = jit_get_u32(&cur);
    return zero == 0 && out->result < RMG_RESULT_COUNT && jit_cursor_done(&cur) ? JIT_OK
                                                                                : JIT_EFORMAT;
}

enum jit_err kern_record_event_at(const struct kern_record_view *view, uint64_t index,
                                  struct kern_record_event *out)
{
    assert(index < view->event_count);
    const uint8_t *at = view->events + index * EVENT_BYTES;
    uint32_t kind = jit_le32(at);
    out->status = (int32_t)jit_le32(at + 4);
    memcpy(out->process.bytes, at + 8, JIT_ID_BYTES);
    if (kind < KERN_HAPPENED_EXIT || kind > KERN_HAPPENED_HUNG) {
        return JIT_EFORMAT;
    }
    out->kind = (enum kern_record_event_kind)kind;
    return JIT_OK;
}
