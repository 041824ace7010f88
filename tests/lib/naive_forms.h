/* tests/lib/naive_forms.h - the other forms of a naive state, each from its definition with linear
 * searches: the bytes of its .wsc file, the linear root, Echo's root. They share nothing with rmg/
 * but the structs of its headers and BLAKE3 itself. */
#ifndef JIT_TESTS_NAIVE_FORMS_H
#define JIT_TESTS_NAIVE_FORMS_H

#include "base/buf.h"
#include "tests/lib/naive_root.h"

/* docs/spec/wsc-file.md. The state has nameless attachments only. */
void naive_wsc(const struct naive_state *state, const struct jit_id *schema_hash, uint64_t tick,
               struct jit_buf *out);
/* DESIGN 4.3: the root and, where preimage is not NULL, the bytes that are hashed. */
void naive_linear_root(const struct naive_state *state, struct jit_id *out,
                       struct jit_buf *preimage);
/* docs/spec/state-root.md "Other roots". Nameless attachments only. */
void naive_echo_root(const struct naive_state *state, struct jit_id *out);

#endif
