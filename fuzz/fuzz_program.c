/* Any bytes as the program of a rule: refused, or it is written as the same bytes again, every
 * question about it has an answer, and parameters made for it are judged as its codecs say. */
#include "base/check.h"
#include "base/le.h"
#include "fuzz/fuzz.h"
#include "rmg/rules/rule_static.h"

const char *const fuzz_corpus[] = {"fuzz/corpus/program", NULL};

#define PAIRS_MAX 1000u

static bool count_clash(void *user, const struct rmg_rule_clash *clash)
{
    uint32_t *left = user;
    assert(clash->a != NULL && clash->b != NULL);
    return --*left > 0;
}

static void check_facts(const struct rmg_rule *rule)
{
    struct rmg_rule_facts facts;
    enum jit_err err = rmg_rule_facts_init(jit_heap_libc(), rule, &facts);
    assert(err == JIT_OK);
    for (int differ = 0; differ < 2; differ++) {
        uint32_t left = PAIRS_MAX;
        (void)rmg_rules_clash(&facts, &facts, differ == 1, count_clash, &left);
    }
    (void)rmg_rule_facts_agree(facts.facts, facts.fact_count);
    rmg_rule_facts_release(jit_heap_libc(), &facts);
}

static void check_shape(const struct rmg_rule *rule)
{
    enum rmg_codec codec;
    for (uint32_t i = 0; i < rule->update_count; i++) {
        const struct rmg_rule_update *update = &rule->updates[i];
        enum jit_err err = rmg_expr_check(rule, &update->expr, &codec);
        assert(err == JIT_OK && codec == update->codec);
    }
    for (uint32_t i = 0; i < rule->negative_count + rule->aggregate_count; i++) {
        const struct rmg_rule_near *near = rmg_rule_near_at(rule, i);
        assert(near->alone || near->element < rule->element_count);
        assert((uint32_t)near->value_at + near->value_count <= rule->value_count);
    }
    for (uint32_t i = 0; i < rule->equal_count; i++) {
        assert(rmg_rule_may_equal(rule, rule->equals[i].a, rule->equals[i].b));
    }
}

/* The tail of the input as parameters: any bytes are to be judged, never trusted. */
static void check_params(const struct rmg_rule *rule, const uint8_t *bytes, size_t size)
{
    struct jit_id digest;
    uint32_t length = size < JIT_PARAMS_BYTES_MAX ? (uint32_t)size : JIT_PARAMS_BYTES_MAX;
    enum jit_err err = rmg_params_check(rule, bytes, length, &digest);
    assert(err != JIT_OK || rule->param_count > 0 || length == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct rmg_rule *rule = NULL;
    struct jit_buf again;
    enum jit_err err = rmg_rule_decode(jit_heap_libc(), bytes, size, &rule);
    assert(err == JIT_OK || err == JIT_EFORMAT || err == JIT_EVERSION || err == JIT_ELIMIT);
    assert((err == JIT_OK) == (rule != NULL));
    if (rule != NULL) {
        fuzz_take();
        jit_buf_init(&again, jit_heap_libc(), JIT_PROGRAM_BYTES_MAX);
        err = rmg_rule_encode(rule, &again);
        assert(err == JIT_OK && again.size == size && memcmp(again.data, bytes, size) == 0);
        jit_buf_release(&again);
        check_shape(rule);
        check_facts(rule);
        check_params(rule, bytes + size / 2, size - size / 2);
        check_params(rule, NULL, 0);
    }
    rmg_rule_free(jit_heap_libc(), rule);
    return 0;
}
