#include <stdio.h>

#include "base/check.h"
#include "kernel/checkpoint/checkpoint.h"
#include "kernel/supervisor_priv.h"
#include "syscall/token.h"

/* Tokens that are brought back: what they stand for is looked up, and asked of the core as an
 * operator asks for it; so it is judged once more in the tick, by the tree. */

/* Where an instance lies in, in the version that is committed. */
uint32_t supervisor_outer_of(const struct shell_supervisor *s, const struct jit_id *instance,
                             struct jit_id *outer)
{
    struct rmg_version version = kern_core_version(s->core);
    struct rmg_instance at;
    struct jit_id now = *instance;
    uint32_t count = 0;
    while (count < JIT_DEPTH_MAX &&
           rmg_store_instance(s->system.store, &version, &now, &at) == JIT_OK &&
           at.parent.present) {
        now = at.parent.instance;
        outer[count++] = now;
    }
    return count;
}

static uint32_t outer_of(void *user, const struct jit_id *instance, struct jit_id *outer)
{
    return supervisor_outer_of(user, instance, outer);
}

const struct sys_cap_node *supervisor_token_node(const struct shell_supervisor *s,
                                                 const struct sys_token *token, uint32_t *at,
                                                 char *why, size_t why_size)
{
    const struct jit_id *id = &token->capability;
    const struct sys_caps *caps = kern_core_caps(s->core);
    for (uint32_t n = 0; n < sys_caps_end(caps); n++) {
        const struct sys_cap_node *node = sys_caps_node(caps, n);
        if (node == NULL || !jit_id_equal(&node->id, id)) {
            continue;
        }
        *at = n;
        enum sys_cap_verdict live = sys_caps_live(caps, n);
        snprintf(why, why_size, "%s", sys_cap_verdict_text(live));
        return live == SYS_CAP_ALLOWED ? node : NULL;
    }
    snprintf(why, why_size,
             "the capability it stands for is not there any more: it was revoked, or has expired");
    return NULL;
}

/* The derivation that a token stands for; one without narrowings asks for all that is held. */
static void put_derive(const struct sys_token *token, const struct sys_cap_node *node,
                       struct jit_buf *data)
{
    const struct sys_cap *cap = &token->cap;
    struct sys_derive head = {
        .cap_slot = node->slot, .cap_generation = node->cap.generation, .to_slot = SYS_NONE};
    struct jit_buf narrow;
    jit_buf_init(&narrow, data->heap, SYS_ATTENUATORS_BYTES_MAX);
    if (token->blocks > 1) {
        head.rights = cap->rights;
        head.badge = cap->badge;
        head.instance = cap->instance;
        head.rule = cap->rule_id;
        head.params_digest = cap->params_digest;
        if (cap->attenuators->given != 0) {
            sys_attenuators_encode(cap->attenuators, &narrow);
        }
    }
    head.attenuators_size = (uint32_t)narrow.size;
    jit_buf_put(data, &head, sizeof head);
    jit_buf_put_buf(data, &narrow);
    jit_buf_release(&narrow);
}

static void say(enum sys_token_fault fault, const struct sys_token_where *where, char *why,
                size_t why_size)
{
    if (fault == SYS_TOKEN_WIDENED) {
        snprintf(why, why_size,
                 "block %u of the token asks for more than those before it allow: %s", where->block,
                 sys_cap_excess_text(where->excess));
    } else if (fault == SYS_TOKEN_SIGNATURE || fault == SYS_TOKEN_COUNTED) {
        snprintf(why, why_size, "%s (block %u)", sys_token_fault_text(fault), where->block);
    } else {
        snprintf(why, why_size, "%s", sys_token_fault_text(fault));
    }
}

enum jit_err supervisor_token_read(struct shell_supervisor *s, const uint8_t *bytes, size_t size,
                                   struct sys_token **out, char *why, size_t why_size)
{
    const struct sys_token_place place = {.outer = outer_of, .user = s};
    uint8_t seed[JIT_SIGN_SEED_BYTES];
    uint8_t issuer[JIT_SIGN_PUBLIC_BYTES];
    struct sys_token_where where;
    *out = NULL;
    enum jit_err err = ckpt_key(s->system.io, false, seed);
    if (err != JIT_OK) {
        snprintf(why, why_size, "%s",
                 err == JIT_ENOENT ? "this folder has no key yet, so it has signed no token"
                                   : jit_err_text(err));
        return err == JIT_ENOMEM ? err : JIT_ECAP;
    }
    jit_sign_public(seed, issuer);
    jit_sign_forget(seed, sizeof seed);
    enum sys_token_fault fault = sys_token_read(s->heap, bytes, size, issuer, &place, out, &where);
    if (fault != SYS_TOKEN_GOOD) {
        say(fault, &where, why, why_size);
    }
    return fault == SYS_TOKEN_GOOD ? JIT_OK : fault == SYS_TOKEN_MEMORY ? JIT_ENOMEM : JIT_ECAP;
}

enum jit_err supervisor_token_ask(struct shell_supervisor *s, const uint8_t *bytes, size_t size,
                                  struct kern_operator_ask *ask, struct jit_buf *data, char *why,
                                  size_t why_size)
{
    struct sys_token *token = NULL;
    enum jit_err err = supervisor_token_read(s, bytes, size, &token, why, why_size);
    if (err != JIT_OK) {
        return err;
    }
    uint32_t at = SYS_CAP_NONE;
    const struct sys_cap_node *node = supervisor_token_node(s, token, &at, why, why_size);
    if (node != NULL) {
        ask->call = SYS_CALL_grant;
        ask->holder = node->holder;
        put_derive(token, node, data);
        ask->bytes = data->data;
        ask->size = (uint32_t)data->size;
    }
    sys_token_free(token);
    if (node != NULL && data->err != JIT_OK) {
        snprintf(why, why_size, "%s", jit_err_text(data->err));
    }
    return node != NULL ? data->err : JIT_ECAP;
}
