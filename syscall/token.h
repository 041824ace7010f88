/* syscall/token.h - a capability outside the system: signed bytes that stand for what may be
 * derived from it, and that whoever has them can narrow without asking anybody. Spec:  DESIGN 8;
 * docs/spec/token.md. Layer: syscall, base only; pure.
 *
 * A token is a chain of blocks. The first says which capability it stands for and what that allows,
 * and is signed by the system's key; each later one narrows what is before it, and is signed by a
 * key that the block before names and whose secret the token carries. So a block can be added by
 * anyone, and none be changed or taken off. It is a bearer's: who has the bytes has the right.
 *
 * What a token allows is judged twice: here, that no block asks for more than those before it; and
 * where it is taken in, by the tree, where the capability may have been revoked. A library of its
 * own, libtoken, since signatures need libsodium. */
#ifndef JIT_SYSCALL_TOKEN_H
#define JIT_SYSCALL_TOKEN_H

#include "base/sign.h"
#include "syscall/cap.h"

#define SYS_TOKEN_BYTES_MAX  65536u
#define SYS_TOKEN_BLOCKS_MAX (JIT_CAP_DEPTH_MAX + 1u)
#define SYS_TOKEN_SEED_BYTES JIT_SIGN_SEED_BYTES

#define SYS_TOKEN_FAULT_MAP(X)                                                                     \
    X(SYS_TOKEN_GOOD, "it holds")                                                                  \
    X(SYS_TOKEN_FORMAT, "it is no token, or damaged: its bytes do not follow the specification")   \
    X(SYS_TOKEN_VERSION, "it is of a version that is not known here")                              \
    X(SYS_TOKEN_ROOT, "its root is another key: it was signed for another system")                 \
    X(SYS_TOKEN_SIGNATURE, "a signature does not hold: it was changed after it was signed")        \
    X(SYS_TOKEN_PROOF, "its secret does not belong to its last block: one was changed or cut off") \
    X(SYS_TOKEN_WIDENED, "a block asks for more than those before it allow")                       \
    X(SYS_TOKEN_COUNTED, "a block limits operations or bytes, which copies of it cannot count")    \
    X(SYS_TOKEN_FULL, "it cannot be narrowed once more: it has all the blocks it may have")        \
    X(SYS_TOKEN_MEMORY, "there is no memory for it")
enum sys_token_fault {
#define X(name, text) name,
    SYS_TOKEN_FAULT_MAP(X)
#undef X
        SYS_TOKEN_FAULTS
};
const char *sys_token_fault_text(enum sys_token_fault fault);

/* For the names of what may be bound, where there is no system at hand: the rule that the
 * capability names, its parameters in declared order. Borrowed. */
struct sys_token_rule {
    const char *name; /* not terminated; size 0: it names no rule */
    uint32_t name_size;
    const uint8_t *params; /* param_count times u8 size || name || u8 codec */
    uint32_t params_size;
    uint32_t param_count;
};

struct sys_token {
    uint32_t blocks;
    struct jit_id issuer;     /* the key that signed the first */
    struct jit_id capability; /* of its node in /sec */
    struct sys_cap first;     /* as it was exported; generation, limit group: 0 */
    struct sys_cap cap;       /* what is left of it: narrowed by every block */
    struct sys_token_rule rule;
    uint8_t seed[SYS_TOKEN_SEED_BYTES]; /* that signs the next block */
    struct jit_heap *heap;
    uint8_t *bytes; /* a copy; all that is borrowed lies in it or in steps */
    size_t size;
    struct sys_token_step *steps;
};

/* Where an instance lies in: at most JIT_DEPTH_MAX ids into outer; returns how many. */
struct sys_token_place {
    uint32_t (*outer)(void *user, const struct jit_id *instance, struct jit_id *outer);
    void *user;
};
/* Which block was at fault, and with WIDENED what it asked for. */
struct sys_token_where {
    uint32_t block;
    enum sys_cap_excess excess;
};

/* From hostile bytes. issuer: whose tokens count; NULL: whoever signed it (it says who). place:
 * where instances lie; NULL: that an instance lies in another is believed, since nobody is there to
 * ask. On GOOD *out is the caller's: sys_token_free. */
enum sys_token_fault sys_token_read(struct jit_heap *heap, const uint8_t *bytes, size_t size,
                                    const uint8_t issuer[JIT_SIGN_PUBLIC_BYTES],
                                    const struct sys_token_place *place, struct sys_token **out,
                                    struct sys_token_where *where);
void sys_token_free(struct sys_token *token); /* may be NULL; secrets are overwritten */

/* A token of one block; secret is the system's, next is fresh from random. What cap has of
 * generation and limit group is left out. Errors: buf->err. */
void sys_token_write(const uint8_t secret[JIT_SIGN_SEED_BYTES], const struct jit_id *capability,
                     const struct sys_cap *cap, const struct sys_token_rule *rule,
                     const uint8_t next[JIT_SIGN_SEED_BYTES], struct jit_buf *buf);

/* The same with one block more. Nothing is in buf unless GOOD: WIDENED, COUNTED, FULL, MEMORY. */
enum sys_token_fault sys_token_narrow(const struct sys_token *token,
                                      const struct sys_cap_want *want,
                                      const uint8_t next[JIT_SIGN_SEED_BYTES], struct jit_buf *buf,
                                      struct sys_token_where *where);

#endif
