#include "syscall/token.h"

#include <string.h>

#include "base/check.h"
#include "base/cursor.h"
#include "syscall/boot.h"
#include "syscall/cap_priv.h"

#define TOKEN_MAJOR  1u
#define TOKEN_MINOR  0u
#define TOKEN_SIGNED "jitos:token:v1"

static const uint8_t token_magic[4] = {'J', 'T', 'K', 0};

/* Memory of one block: what it asks for, and what is left after it. */
struct sys_token_step {
    struct sys_attenuators *wanted; /* NULL: none */
    struct sys_attenuators combined;
    struct sys_bound space[SYS_ATTENUATOR_BOUND_MAX];
};

/* A block as it lies in the bytes; everything borrowed. */
struct block {
    const uint8_t *body;
    uint32_t size;
    const uint8_t *signature;
    const uint8_t *next_key;
    struct sys_cap_want want;
    const uint8_t *attenuators;
    uint32_t attenuators_size;
};

static const char *const fault_texts[] = {
#define X(name, text) text,
    SYS_TOKEN_FAULT_MAP(X)
#undef X
};

const char *sys_token_fault_text(enum sys_token_fault fault)
{
    return (unsigned)fault < SYS_TOKEN_FAULTS ? fault_texts[fault] : "unknown fault";
}

/* ---- writing ---- */

static void put_want(const struct sys_cap_want *want, struct jit_buf *buf)
{
    jit_buf_put_u32(buf, want->rights);
    jit_buf_put_id(buf, &want->instance);
    jit_buf_put_id(buf, &want->rule_id);
    jit_buf_put_id(buf, &want->params_digest);
    jit_buf_put_u64(buf, want->badge);
    size_t at = buf->size;
    jit_buf_put_u32(buf, 0);
    if (want->attenuators != NULL && want->attenuators->given != 0) {
        sys_attenuators_encode(want->attenuators, buf);
        if (buf->err == JIT_OK) {
            jit_put_le32(buf->data + at, (uint32_t)(buf->size - at - 4));
        }
    }
}

/* What a block's signature is over: its place, the signature before it (zeros for the first), and
 * its body. */
static void signed_bytes(uint32_t index, const uint8_t *before, const uint8_t *body, size_t size,
                         struct jit_buf *buf)
{
    static const uint8_t none[JIT_SIGNATURE_BYTES];
    jit_buf_put(buf, TOKEN_SIGNED, sizeof TOKEN_SIGNED - 1);
    jit_buf_put_u32(buf, index);
    jit_buf_put(buf, before == NULL ? none : before, JIT_SIGNATURE_BYTES);
    jit_buf_put(buf, body, size);
}

/* The body begins at `at`: its size goes before it, the next key and its signature after it, and
 * the secret of that key at the end. */
static void put_end(struct jit_buf *buf, size_t at, uint32_t index, const uint8_t *before,
                    const uint8_t *secret, const uint8_t *next)
{
    uint8_t key[JIT_SIGN_PUBLIC_BYTES];
    uint8_t signature[JIT_SIGNATURE_BYTES];
    struct jit_buf over;
    jit_sign_public(next, key);
    jit_buf_put(buf, key, sizeof key);
    if (buf->err != JIT_OK) {
        return;
    }
    size_t size = buf->size - at;
    jit_put_le32(buf->data + at - 4, (uint32_t)size);
    jit_buf_init(&over, buf->heap, 2u * SYS_TOKEN_BYTES_MAX);
    signed_bytes(index, before, buf->data + at, size, &over);
    if (over.err != JIT_OK) {
        buf->err = over.err;
    } else {
        jit_sign(secret, over.data, over.size, signature);
        jit_buf_put(buf, signature, sizeof signature);
        jit_buf_put(buf, next, JIT_SIGN_SEED_BYTES);
    }
    jit_buf_release(&over);
}

void sys_token_write(const uint8_t secret[JIT_SIGN_SEED_BYTES], const struct jit_id *capability,
                     const struct sys_cap *cap, const struct sys_token_rule *rule,
                     const uint8_t next[JIT_SIGN_SEED_BYTES], struct jit_buf *buf)
{
    uint8_t issuer[JIT_SIGN_PUBLIC_BYTES];
    const struct sys_cap_want says = {.rights = cap->rights,
                                      .instance = cap->instance,
                                      .rule_id = cap->rule_id,
                                      .params_digest = cap->params_digest,
                                      .badge = cap->badge,
                                      .attenuators = cap->attenuators};
    assert(rule->name_size <= UINT8_MAX && rule->param_count <= UINT8_MAX);
    jit_sign_public(secret, issuer);
    jit_buf_put(buf, token_magic, sizeof token_magic);
    jit_buf_put_u16(buf, TOKEN_MAJOR);
    jit_buf_put_u16(buf, TOKEN_MINOR);
    jit_buf_put_u32(buf, 1);
    jit_buf_put_u32(buf, 0); /* the body's size, when it is known */
    size_t at = buf->size;
    jit_buf_put(buf, issuer, sizeof issuer);
    jit_buf_put_id(buf, capability);
    jit_buf_put_u32(buf, (uint32_t)cap->object);
    jit_buf_put_u8(buf, (uint8_t)rule->name_size);
    jit_buf_put(buf, rule->name, rule->name_size);
    jit_buf_put_u8(buf, (uint8_t)rule->param_count);
    jit_buf_put(buf, rule->params, rule->params_size);
    put_want(&says, buf);
    put_end(buf, at, 0, NULL, secret, next);
}

/* ---- reading ---- */

static bool get_rule(struct jit_cursor *cur, struct sys_token_rule *rule)
{
    rule->name_size = jit_get_u8(cur);
    rule->name = (const char *)jit_get_bytes(cur, rule->name_size);
    rule->param_count = jit_get_u8(cur);
    if (cur->bad) {
        return false;
    }
    rule->params = cur->at;
    size_t before = cur->left;
    for (uint32_t i = 0; !cur->bad && i < rule->param_count; i++) {
        uint8_t size = jit_get_u8(cur);
        (void)jit_get_bytes(cur, size);
        (void)jit_get_u8(cur);
        cur->bad = cur->bad || size == 0;
    }
    rule->params_size = (uint32_t)(before - cur->left);
    return !cur->bad && (rule->name_size > 0 || rule->param_count == 0);
}

static bool get_want(struct jit_cursor *cur, struct block *block)
{
    block->want.rights = jit_get_u32(cur);
    jit_get_id(cur, &block->want.instance);
    jit_get_id(cur, &block->want.rule_id);
    jit_get_id(cur, &block->want.params_digest);
    block->want.badge = jit_get_u64(cur);
    block->attenuators_size = jit_get_u32(cur);
    block->attenuators = jit_get_bytes(cur, block->attenuators_size);
    block->next_key = jit_get_bytes(cur, JIT_SIGN_PUBLIC_BYTES);
    return jit_cursor_done(cur) && (block->want.rights & ~SYS_RIGHTS_ALL) == 0;
}

/* A block's frame and body; the first one also says what the token stands for. */
static bool get_block(struct jit_cursor *cur, bool first, struct sys_token *token,
                      struct block *out)
{
    uint32_t object = 0;
    out->size = jit_get_u32(cur);
    out->body = jit_get_bytes(cur, out->size);
    out->signature = jit_get_bytes(cur, JIT_SIGNATURE_BYTES);
    if (cur->bad) {
        return false;
    }
    struct jit_cursor body = jit_cursor_of(out->body, out->size);
    if (first) {
        jit_get_id(&body, &token->issuer);
        jit_get_id(&body, &token->capability);
        object = jit_get_u32(&body);
        if (object >= SYS_OBJECT_COUNT || !get_rule(&body, &token->rule)) {
            return false;
        }
        token->first.object = (enum sys_object)object;
    }
    return get_want(&body, out) && (!first || out->want.rights != 0);
}

/* Signed by whoever the block before named? */
static enum sys_token_fault check_block(struct jit_heap *heap, const struct block *block,
                                        uint32_t index, const uint8_t *key, const uint8_t *before)
{
    struct jit_buf over;
    jit_buf_init(&over, heap, 2u * SYS_TOKEN_BYTES_MAX);
    signed_bytes(index, before, block->body, block->size, &over);
    enum sys_token_fault fault = SYS_TOKEN_MEMORY;
    if (over.err == JIT_OK) {
        fault = jit_sign_check(key, over.data, over.size, block->signature) ? SYS_TOKEN_GOOD
                                                                            : SYS_TOKEN_SIGNATURE;
    }
    jit_buf_release(&over);
    return fault;
}

static enum sys_token_fault read_attenuators(struct jit_heap *heap, const struct block *block,
                                             struct sys_token_step *step)
{
    if (block->attenuators_size == 0) {
        return SYS_TOKEN_GOOD;
    }
    enum jit_err err =
        sys_attenuators_decode(heap, block->attenuators, block->attenuators_size, &step->wanted);
    return err == JIT_OK ? SYS_TOKEN_GOOD : err == JIT_ENOMEM ? SYS_TOKEN_MEMORY : SYS_TOKEN_FORMAT;
}

/* What is left of `held` after a block that asks for `want`. */
static enum sys_token_fault narrow(const struct sys_cap *held, struct sys_cap_want *want,
                                   const struct sys_token_place *place, struct sys_token_step *step,
                                   struct sys_cap *out, struct sys_token_where *where)
{
    struct jit_id outer[JIT_DEPTH_MAX];
    want->attenuators = step->wanted;
    if ((cap_given(step->wanted) & (SYS_GIVEN_OPERATIONS | SYS_GIVEN_BYTES)) != 0) {
        return SYS_TOKEN_COUNTED;
    }
    want->outer = outer;
    if (place != NULL) {
        want->outer_count = place->outer(place->user, &want->instance, outer);
        assert(want->outer_count <= JIT_DEPTH_MAX);
    } else {
        outer[0] = held->instance;
        want->outer_count = 1;
    }
    where->excess = cap_narrow(held, want, step->space, &step->combined, out);
    want->outer = NULL;
    return where->excess == SYS_EXCESS_NONE ? SYS_TOKEN_GOOD : SYS_TOKEN_WIDENED;
}

static enum sys_token_fault read_first(struct sys_token *token, const struct block *block,
                                       const uint8_t *issuer)
{
    struct sys_token_step *step = &token->steps[0];
    if (issuer != NULL && memcmp(issuer, &token->issuer, JIT_SIGN_PUBLIC_BYTES) != 0) {
        return SYS_TOKEN_ROOT;
    }
    enum sys_token_fault fault = check_block(token->heap, block, 0, token->issuer.bytes, NULL);
    if (fault == SYS_TOKEN_GOOD) {
        fault = read_attenuators(token->heap, block, step);
    }
    token->first.rights = block->want.rights;
    token->first.instance = block->want.instance;
    token->first.rule_id = block->want.rule_id;
    token->first.params_digest = block->want.params_digest;
    token->first.badge = block->want.badge;
    token->first.attenuators = step->wanted;
    token->cap = token->first;
    return fault;
}

static enum sys_token_fault read_blocks(struct sys_token *token, struct jit_cursor *cur,
                                        const uint8_t *issuer, const struct sys_token_place *place,
                                        struct sys_token_where *where)
{
    enum sys_token_fault fault = SYS_TOKEN_GOOD;
    const uint8_t *key = NULL;
    const uint8_t *before = NULL;
    for (uint32_t i = 0; fault == SYS_TOKEN_GOOD && i < token->blocks; i++) {
        struct sys_token_step *step = &token->steps[i];
        struct block block = {.size = 0};
        where->block = i;
        if (!get_block(cur, i == 0, token, &block)) {
            return SYS_TOKEN_FORMAT;
        }
        if (i == 0) {
            fault = read_first(token, &block, issuer);
        } else {
            struct sys_cap held = token->cap;
            fault = check_block(token->heap, &block, i, key, before);
            fault = fault == SYS_TOKEN_GOOD ? read_attenuators(token->heap, &block, step) : fault;
            if (fault == SYS_TOKEN_GOOD) {
                fault = narrow(&held, &block.want, place, step, &token->cap, where);
            }
        }
        key = block.next_key;
        before = block.signature;
    }
    if (fault != SYS_TOKEN_GOOD) {
        return fault;
    }
    uint8_t public_key[JIT_SIGN_PUBLIC_BYTES];
    const uint8_t *seed = jit_get_bytes(cur, SYS_TOKEN_SEED_BYTES);
    if (!jit_cursor_done(cur)) {
        return SYS_TOKEN_FORMAT;
    }
    assert(key != NULL); /* there is a first block, sys_token_read() has seen to it */
    memcpy(token->seed, seed, sizeof token->seed);
    jit_sign_public(token->seed, public_key);
    return memcmp(public_key, key, sizeof public_key) == 0 ? SYS_TOKEN_GOOD : SYS_TOKEN_PROOF;
}

enum sys_token_fault sys_token_read(struct jit_heap *heap, const uint8_t *bytes, size_t size,
                                    const uint8_t issuer[JIT_SIGN_PUBLIC_BYTES],
                                    const struct sys_token_place *place, struct sys_token **out,
                                    struct sys_token_where *where)
{
    *out = NULL;
    *where = (struct sys_token_where){.excess = SYS_EXCESS_NONE};
    if (size > SYS_TOKEN_BYTES_MAX) {
        return SYS_TOKEN_FORMAT;
    }
    struct jit_cursor cur = jit_cursor_of(bytes, size);
    const uint8_t *magic = jit_get_bytes(&cur, sizeof token_magic);
    uint16_t major = jit_get_u16(&cur);
    uint16_t minor = jit_get_u16(&cur);
    uint32_t blocks = jit_get_u32(&cur);
    if (cur.bad || memcmp(magic, token_magic, sizeof token_magic) != 0) {
        return SYS_TOKEN_FORMAT;
    }
    if (major != TOKEN_MAJOR || minor != TOKEN_MINOR) {
        return SYS_TOKEN_VERSION;
    }
    if (blocks == 0 || blocks > SYS_TOKEN_BLOCKS_MAX) {
        return SYS_TOKEN_FORMAT;
    }
    struct sys_token *token = jit_heap_zalloc(heap, 1, sizeof *token);
    if (token == NULL) {
        return SYS_TOKEN_MEMORY;
    }
    token->heap = heap;
    token->blocks = blocks;
    token->size = size;
    token->bytes = heap->alloc(heap, size);
    token->steps = jit_heap_zalloc(heap, blocks, sizeof *token->steps);
    enum sys_token_fault fault = SYS_TOKEN_MEMORY;
    if (token->bytes != NULL && token->steps != NULL) {
        memcpy(token->bytes, bytes, size);
        cur.at = token->bytes + (cur.at - bytes); /* the copy, from here on */
        fault = read_blocks(token, &cur, issuer, place, where);
    }
    if (fault != SYS_TOKEN_GOOD) {
        sys_token_free(token);
        return fault;
    }
    *out = token;
    return SYS_TOKEN_GOOD;
}

void sys_token_free(struct sys_token *token)
{
    if (token == NULL) {
        return;
    }
    struct jit_heap *heap = token->heap;
    for (uint32_t i = 0; token->steps != NULL && i < token->blocks; i++) {
        heap->free(heap, token->steps[i].wanted);
    }
    if (token->bytes != NULL) {
        jit_sign_forget(token->bytes, token->size);
    }
    jit_sign_forget(token->seed, sizeof token->seed);
    heap->free(heap, token->steps);
    heap->free(heap, token->bytes);
    heap->free(heap, token);
}

/* ---- narrowing ---- */

enum sys_token_fault sys_token_narrow(const struct sys_token *token,
                                      const struct sys_cap_want *want,
                                      const uint8_t next[JIT_SIGN_SEED_BYTES], struct jit_buf *buf,
                                      struct sys_token_where *where)
{
    struct sys_cap_want asked = *want;
    struct sys_cap left;
    *where = (struct sys_token_where){.block = token->blocks, .excess = SYS_EXCESS_NONE};
    if (token->blocks == SYS_TOKEN_BLOCKS_MAX) {
        return SYS_TOKEN_FULL;
    }
    struct sys_token_step *step = jit_heap_zalloc(token->heap, 1, sizeof *step);
    if (step == NULL) {
        return SYS_TOKEN_MEMORY;
    }
    enum sys_token_fault fault = SYS_TOKEN_GOOD;
    if (want->attenuators != NULL && want->attenuators->given != 0 &&
        sys_attenuators_copy(token->heap, want->attenuators, &step->wanted) != JIT_OK) {
        fault = SYS_TOKEN_MEMORY;
    }
    if (fault == SYS_TOKEN_GOOD) {
        fault = narrow(&token->cap, &asked, NULL, step, &left, where);
    }
    size_t chain = token->size - SYS_TOKEN_SEED_BYTES; /* all but the secret */
    if (fault == SYS_TOKEN_GOOD) {
        jit_buf_put(buf, token->bytes, chain);
        jit_buf_put_u32(buf, 0);
        size_t at = buf->size;
        if (buf->err == JIT_OK) {
            jit_put_le32(buf->data + 8, token->blocks + 1);
        }
        put_want(&asked, buf);
        put_end(buf, at, token->blocks, token->bytes + chain - JIT_SIGNATURE_BYTES, token->seed,
                next);
        fault = buf->err == JIT_OK       ? SYS_TOKEN_GOOD
                : buf->err == JIT_ENOMEM ? SYS_TOKEN_MEMORY
                                         : SYS_TOKEN_FULL; /* it would be too long */
    }
    token->heap->free(token->heap, step->wanted);
    token->heap->free(token->heap, step);
    return fault;
}
