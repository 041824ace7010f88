/* Any bytes as a system file: refused with a message that is text, or accepted; then every program
 * verifies, and the canonical text is accepted and is its own canonical text. Tidied it is refused,
 * or its own tidied text, which means the same. */
#include "base/check.h"
#include "fuzz/fuzz.h"
#include "rmg/lang/lang_advise.h"

const char *const fuzz_corpus[] = {"fuzz/corpus/lang", "tests/rmg/texts", "examples/supply-chain",
                                   NULL};

#define FORMATTED_BYTES_MAX (64u << 20)

static void check_programs(const struct lang_system *system)
{
    for (uint32_t i = 0; i < system->rule_count; i++) {
        const struct lang_rule *rule = &system->rules[i];
        struct rmg_rule *decoded = NULL;
        enum jit_err err =
            rmg_rule_decode(jit_heap_libc(), rule->program, rule->program_size, &decoded);
        assert(err == JIT_OK);
        assert(jit_id_equal(&decoded->hash, &rule->rule.hash));
        rmg_rule_free(jit_heap_libc(), decoded);
    }
}

static void check_format(const struct lang_system *system, struct jit_buf *messages)
{
    struct jit_heap *heap = jit_heap_libc();
    struct jit_buf once;
    struct jit_buf twice;
    struct lang_system *again = NULL;
    jit_buf_init(&once, heap, FORMATTED_BYTES_MAX);
    jit_buf_init(&twice, heap, FORMATTED_BYTES_MAX);
    lang_format(system, &once);
    assert(once.err == JIT_OK);
    if (once.size <= LANG_SOURCE_BYTES_MAX) {
        enum jit_err err = lang_parse(heap, "again", once.data, once.size, &again, messages);
        assert(err == JIT_OK);
        lang_format(again, &twice);
        assert(once.size == twice.size);
        assert(memcmp(once.data, twice.data, once.size) == 0);
    }
    lang_system_free(heap, again);
    jit_buf_release(&once);
    jit_buf_release(&twice);
}

static bool take_text(void *user, const char *text)
{
    (void)user;
    assert(text != NULL && text[0] != 0);
    return true;
}

static bool take_advice(void *user, const struct lang_advice *advice)
{
    uint32_t *left = user;
    assert(advice->text[0] != 0);
    return --*left > 0;
}

static void check_advice(const struct lang_system *system)
{
    struct lang_advisor *advisor = NULL;
    uint32_t left = 1000; /* pairs are many */
    enum jit_err err = lang_advisor_new(jit_heap_libc(), system, &advisor);
    assert(err == JIT_OK);
    for (uint32_t i = 0; i < system->rule_count; i++) {
        for (int words = 0; words < LANG_WORDS_COUNT; words++) {
            bool all = lang_advise_words(advisor, i, (enum lang_words)words, take_text, NULL);
            assert(all);
        }
    }
    err = lang_advise(advisor, take_advice, &left);
    assert(err == JIT_OK);
    lang_advisor_free(advisor);
}

/* system: what the bytes mean; NULL: nothing. */
static void check_tidy(const struct lang_system *system, const uint8_t *bytes, size_t size,
                       struct jit_buf *messages)
{
    struct jit_heap *heap = jit_heap_libc();
    struct jit_buf once;
    struct jit_buf twice;
    struct lang_system *again = NULL;
    jit_buf_init(&once, heap, FORMATTED_BYTES_MAX);
    jit_buf_init(&twice, heap, FORMATTED_BYTES_MAX);
    enum jit_err err = lang_tidy(heap, "input", bytes, size, &once, messages);
    assert(err == JIT_OK || (system == NULL && err == JIT_EFORMAT));
    if (err == JIT_OK && once.size <= LANG_SOURCE_BYTES_MAX) {
        err = lang_tidy(heap, "tidy", once.data, once.size, &twice, messages);
        assert(err == JIT_OK);
        assert(once.size == twice.size);
        assert(memcmp(once.data, twice.data, once.size) == 0);
        err = lang_parse(heap, "tidy", once.data, once.size, &again, messages);
        assert((err == JIT_OK) == (system != NULL));
    }
    if (again != NULL) {
        jit_buf_reset(&once);
        jit_buf_reset(&twice);
        lang_format(system, &once);
        lang_format(again, &twice);
        assert(once.size == twice.size);
        assert(memcmp(once.data, twice.data, once.size) == 0);
    }
    lang_system_free(heap, again);
    jit_buf_release(&once);
    jit_buf_release(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct jit_heap *heap = jit_heap_libc();
    struct lang_system *system = NULL;
    struct jit_buf messages;
    jit_buf_init(&messages, heap, 1u << 20);
    enum jit_err err = lang_parse(heap, "input", bytes, size, &system, &messages);
    assert(err == JIT_OK || err == JIT_EFORMAT);
    assert((err == JIT_OK) == (system != NULL));
    if (system != NULL) {
        fuzz_take();
        assert(messages.size == 0);
        check_programs(system);
        check_format(system, &messages);
        check_advice(system);
    } else {
        assert(messages.err == JIT_OK && messages.size > 0);
        assert(rmg_utf8_valid(messages.data, messages.size));
    }
    check_tidy(system, bytes, size, &messages);
    lang_system_free(heap, system);
    jit_buf_release(&messages);
    return 0;
}
