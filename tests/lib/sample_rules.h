/* tests/lib/sample_rules.h - rules made by hand, through encode and decode, for tests and the bench
 * below the language. In its words, P being a type of nodes and D one of edges:
 *
 *   put(v: bytes)     match (a:P) set a.v = v
 *   grow(v: bytes)    match (a:P) create (x:P), (x)-[:D]->(a) set x.v = v
 *   infect            match (a:P)-[:D]->(b:P) where a.state = 0 and b.state = 1
 *                     set a.state = 1 add b.hits, 1
 *   prune             match (a:P)-[e:D]->(b:P) where b.state = 2 delete e, b
 *   cure              match (a:P) where a.state = 1 and not (a)-[:D]->(:P) set a.state = 2
 *   load(n: i64)      match (a:P) add a.hits, n                               priority 5 */
#ifndef JIT_TESTS_SAMPLE_RULES_H
#define JIT_TESTS_SAMPLE_RULES_H

#include "rmg/rules/rule.h"

enum sample_rule {
    SAMPLE_PUT,
    SAMPLE_GROW,
    SAMPLE_INFECT,
    SAMPLE_PRUNE,
    SAMPLE_CURE,
    SAMPLE_LOAD,
    SAMPLE_RAISE,
    SAMPLE_TAG,
    SAMPLE_RULES
};

struct jit_id sample_type_p(void);
struct jit_id sample_type_d(void);
/* A decoded rule from libc's heap; rmg_rule_free. Aborts when a rule does not decode. */
struct rmg_rule *sample_rule(enum sample_rule which);
void sample_rule_free(struct rmg_rule *rule);

/* Parameters as a request carries them: u64 size || bytes. Returns their size. */
uint32_t sample_params_bytes(uint8_t *out, const void *bytes, uint32_t size);
uint32_t sample_params_i64(uint8_t *out, int64_t value);

#endif
