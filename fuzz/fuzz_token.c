/* Any bytes as a token: refused with a reason, or it holds; then it can be narrowed once more, and
 * what comes out holds too and allows no more. Blocks are judged before signatures can be made for
 * them, so mutated ones mostly end there; what lies behind is in tests/syscall/test_token.c. */
#include "base/check.h"
#include "fuzz/fuzz.h"
#include "syscall/token.h"

const char *const fuzz_corpus[] = {"fuzz/corpus/token", NULL};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const uint8_t next[JIT_SIGN_SEED_BYTES] = {4, 5, 6};
    struct sys_attenuators last = {.given = SYS_GIVEN_LAST_TICK, .last_tick = 0};
    const struct sys_cap_want want = {.attenuators = &last};
    struct sys_token *token = NULL;
    struct sys_token *again = NULL;
    struct sys_token_where where;
    struct jit_buf buf;
    enum sys_token_fault fault =
        sys_token_read(jit_heap_libc(), bytes, size, NULL, NULL, &token, &where);
    assert((fault == SYS_TOKEN_GOOD) == (token != NULL));
    if (token == NULL) {
        return 0;
    }
    fuzz_take();
    jit_buf_init(&buf, jit_heap_libc(), SYS_TOKEN_BYTES_MAX);
    fault = sys_token_narrow(token, &want, next, &buf, &where);
    if (fault == SYS_TOKEN_GOOD) {
        fault = sys_token_read(jit_heap_libc(), buf.data, buf.size, token->issuer.bytes, NULL,
                               &again, &where);
        assert(fault == SYS_TOKEN_GOOD);
        assert(again->blocks == token->blocks + 1);
        assert((again->cap.rights & ~token->cap.rights) == 0);
        assert(again->cap.attenuators->last_tick == 0);
    }
    sys_token_free(again);
    sys_token_free(token);
    jit_buf_release(&buf);
    return 0;
}
