/* tests/lib/trial.h - one match on its way: verified, its footprint and its operations gathered. */
#ifndef JIT_TESTS_TRIAL_H
#define JIT_TESTS_TRIAL_H

#include "tests/lib/rule_kit.h"

struct trial {
    struct rmg_match match;
    struct rmg_effect effect;
    struct jit_buf values;
    struct jit_id ids[JIT_PATTERN_ELEMENTS_MAX];
    uint32_t slots; /* the last verification looked at */
};

/* Fields whose extents the footprints of trials speak of, from trial_init on; NULL: of none. */
extern const struct rmg_sought_list *trial_sought;

/* A match of a rule without parameters in the instance of a kit_graph. */
void trial_init(struct trial *t, struct jit_heap *heap, const struct rmg_rule *rule,
                const struct jit_id *ids);
void trial_release(struct trial *t);
/* Verify in the newest version. */
enum rmg_result trial_run(struct trial *t, const struct kit_graph *graph,
                          const struct rmg_draw *draw, uint32_t budget);

/* Of an applied trial. A slot that comes twice, or a use that contradicts itself, is a failure. */
#define USES_MAX 512
struct uses {
    struct rmg_use items[USES_MAX];
    unsigned count;
};
void trial_uses(const struct trial *t, struct uses *uses);
bool uses_slot(const struct uses *uses, const struct rmg_slot *slot);
bool uses_conflict(const struct uses *a, const struct uses *b); /* rmg/store/slot.h */

#define SCRIPT_MAX 128
struct script {
    struct rmg_emit items[SCRIPT_MAX];
    unsigned count;
};
void trial_script(const struct trial *t, struct script *script);

/* What an operation with a join leaves where `now` is, the plain way; i64 and short lists only.
 * Returns the size of out, 0: a sum that overflows. */
#define JOINED_MAX 512
uint32_t naive_join(const struct rmg_emit *emit, const uint8_t *now, uint32_t now_size,
                    uint8_t out[JOINED_MAX]);

#endif
