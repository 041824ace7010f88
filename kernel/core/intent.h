/* kernel/core/intent.h - intents: requests from outside, asked by the bearer of a token.
 * Spec:  DESIGN 8, 9.4; docs/spec/intent.md. Layer: kernel/core; pure.
 *
 * An intent is canonical bytes, known by their hash. It is a request of whoever holds the
 * capability that the token stands for, under that capability, as narrow as the token has become;
 * judged, charged, ordered, logged and replayed as any other. What has been in a tick is remembered
 * in /sec, beside that capability, until the tick that the intent says: so asking again is
 * harmless, after a recovery, too. */
#ifndef JIT_KERNEL_CORE_INTENT_H
#define JIT_KERNEL_CORE_INTENT_H

#include "base/buf.h"
#include "rmg/engine/engine.h"
#include "syscall/cap.h"

#define KERN_INTENT_BYTES_MAX                                                                      \
    (128u + JIT_PATTERN_ELEMENTS_MAX * JIT_ID_BYTES + JIT_PARAMS_BYTES_MAX)
#define KERN_INTENT_WINDOW 1024u /* ticks that one may be remembered */
#define KERN_INTENTS_MAX   256u  /* that wait for one tick */
#define KERN_INTENTS_KEPT  512u  /* that are remembered beside one capability */
#define KERN_INTENT_ENTRY  48u   /* bytes: u64 until, u64 tick, hash */

struct kern_intent { /* ids and params are borrowed */
    struct jit_id hash;
    struct jit_id rule_id;
    struct jit_id instance;
    uint64_t until; /* the last tick it may be in, and is remembered in */
    uint64_t nonce;
    const struct jit_id *ids;
    uint32_t id_count;
    const uint8_t *params;
    uint32_t params_size;
};
/* hash is not looked at. Errors: buf->err. */
void kern_intent_encode(const struct kern_intent *intent, struct jit_buf *buf);
/* From hostile bytes. Errors: JIT_EFORMAT, JIT_EVERSION. */
JIT_MUST_CHECK enum jit_err kern_intent_decode(const uint8_t *bytes, size_t size,
                                               struct kern_intent *out);

/* What a token has become, narrower than the capability it stands for: rights, object, rule, bound
 * parameters, attenuators. Decode: attenuators are the heap's, freed as such. Errors: JIT_EFORMAT,
 * JIT_ELIMIT, JIT_ENOMEM. */
void kern_narrowed_encode(const struct sys_cap *cap, struct jit_buf *buf);
JIT_MUST_CHECK enum jit_err kern_narrowed_decode(struct jit_heap *heap, const uint8_t *bytes,
                                                 size_t size, struct sys_cap *out,
                                                 struct sys_attenuators **attenuators);

/* ---- asking ---- */
#define KERN_INTENT_MAP(X)                                                                         \
    X(KERN_INTENT_TAKEN, "taken", "it is in the tick being collected")                             \
    X(KERN_INTENT_KNOWN, "known", "it has been in a tick already")                                 \
    X(KERN_INTENT_FORMAT, "format", "its bytes do not follow the specification")                   \
    X(KERN_INTENT_LATE, "late", "the tick until which it counts has passed, or is too far ahead")  \
    X(KERN_INTENT_RULE, "rule", "there is no such rule that takes effect at once")                 \
    X(KERN_INTENT_DENIED, "denied", "the token does not allow it")                                 \
    X(KERN_INTENT_FULL, "full", "as many as may be remembered are: ask again in a later tick")     \
    X(KERN_INTENT_BUSY, "busy", "as many as there may be wait for this tick; ask again")           \
    X(KERN_INTENT_MEMORY, "memory", "there is no memory for it")
enum kern_intent_fate {
#define X(name, word, text) name,
    KERN_INTENT_MAP(X)
#undef X
        KERN_INTENT_FATES
};
const char *kern_intent_word(enum kern_intent_fate fate);
const char *kern_intent_text(enum kern_intent_fate fate);

struct kern_intent_ask {
    struct jit_id capability;       /* that the token stands for: its node in /sec */
    const struct sys_cap *narrowed; /* by the token's later blocks; NULL: it has none */
    const uint8_t *bytes;
    uint32_t size;
    bool again; /* a log says that it was in this tick: so it is, whatever is left of quotas */
};
struct kern_intent_answer {
    enum kern_intent_fate fate;
    enum sys_cap_verdict verdict; /* DENIED: why */
    uint64_t serial;              /* TAKEN: by which its outcome is asked for */
    uint64_t tick;                /* KNOWN: in which it was */
};
struct kern_core;
/* Step with ASKED afterwards when it is taken; at rest the next tick is made for it. What is not
 * allowed as things are now makes no tick, and is in no log. */
void kern_core_intend(struct kern_core *core, const struct kern_intent_ask *asked,
                      struct kern_intent_answer *answer);

/* What became of one. Who may not know what is in its instance is told `told`. */
struct kern_intended {
    enum rmg_result result;
    enum rmg_result told;
    enum sys_cap_verdict verdict;
    uint64_t tick;
    struct jit_id instance;
};
/* False: its tick is not made yet, or it is long forgotten. */
bool kern_core_intended(const struct kern_core *core, uint64_t serial, struct kern_intended *out);

#endif
