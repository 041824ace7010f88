#include "rmg/change/merge.h"

#include <stdlib.h>

#include "rmg/change/merge_priv.h"

static const struct {
    enum rmg_conflict_kind kind;
    const char *word;
    const char *text;
} kinds[] = {
#define X(name, value, word, text) {name, word, text},
    RMG_CONFLICT_MAP(X)
#undef X
};

const char *rmg_conflict_word(enum rmg_conflict_kind kind)
{
    assert(kind >= 1 && kind <= sizeof kinds / sizeof *kinds);
    return kinds[kind - 1].word;
}

const char *rmg_conflict_text(enum rmg_conflict_kind kind)
{
    assert(kind >= 1 && kind <= sizeof kinds / sizeof *kinds);
    return kinds[kind - 1].text;
}

/* As the bytes of the slots go: kind first, a shorter name first; instances before all slots. */
static int by_slot(const struct rmg_place *a, const struct rmg_place *b)
{
    if (a->part == RMG_PART_INSTANCE || b->part == RMG_PART_INSTANCE) {
        return a->part != b->part ? (a->part == RMG_PART_INSTANCE ? -1 : 1)
                                  : jit_id_compare(&a->instance, &b->instance);
    }
    const struct rmg_slot x = {.kind = (enum rmg_slot_kind)a->part,
                               .instance = a->instance,
                               .id = a->id,
                               .name = a->name,
                               .name_size = a->name_size};
    const struct rmg_slot y = {.kind = (enum rmg_slot_kind)b->part,
                               .instance = b->instance,
                               .id = b->id,
                               .name = b->name,
                               .name_size = b->name_size};
    return rmg_slot_compare(&x, &y);
}

int rmg_conflict_compare(const struct rmg_conflict *a, const struct rmg_conflict *b)
{
    int order = by_slot(&a->place, &b->place);
    if (order != 0 || a->kind != b->kind) {
        return order != 0 ? order : (a->kind < b->kind ? -1 : 1);
    }
    if (!a->has_other || !b->has_other) {
        return (int)a->has_other - (int)b->has_other;
    }
    return by_slot(&a->other, &b->other);
}

static int sort_conflicts(const void *a, const void *b)
{
    return rmg_conflict_compare(a, b);
}

/* Sorted, each once, in memory of the result. */
static enum jit_err publish(struct merge *m)
{
    size_t kept = 0;
    if (m->conflict_count == 0) {
        return JIT_OK;
    }
    qsort(m->conflicts, m->conflict_count, sizeof *m->conflicts, sort_conflicts);
    for (size_t i = 0; i < m->conflict_count; i++) {
        if (kept == 0 || rmg_conflict_compare(&m->conflicts[kept - 1], &m->conflicts[i]) != 0) {
            m->conflicts[kept++] = m->conflicts[i];
        }
    }
    m->result->conflicts =
        rmg_scratch_copy(&m->result->scratch, m->conflicts, kept * sizeof *m->conflicts);
    m->result->conflict_count = kept;
    return m->result->conflicts == NULL ? JIT_ENOMEM : JIT_OK;
}

static void count_taken(const struct merge *m)
{
    for (size_t i = 0; i < m->count; i++) {
        const struct merge_slot *slot = &m->slots[i];
        if (slot->reason != MERGE_AUTOMATIC) {
            continue;
        }
        if (slot->take == MERGE_JOINED) {
            m->result->joined++;
        } else if (slot->changed == (MERGE_BY_OURS | MERGE_BY_THEIRS)) {
            m->result->taken[RMG_SIDE_BASE]++;
        } else {
            m->result->taken[slot->take]++;
        }
    }
}

static void begin(struct merge *m, const struct rmg_merge_options *options,
                  struct rmg_merge_result *result)
{
    const uint64_t bytes_max =
        options->patch_bytes_max == 0 ? JIT_PATCH_BYTES_MAX : options->patch_bytes_max;
    *m = (struct merge){.options = options, .heap = options->heap, .result = result};
    *result = (struct rmg_merge_result){.operations = 0};
    jit_buf_init(&result->patch, options->heap, bytes_max);
    rmg_scratch_init(&result->scratch, options->heap);
}

/* The table is filled: everything else is the same for a merge and for a rebase. */
static enum jit_err finish(struct merge *m, enum jit_err err)
{
    if (err == JIT_OK) {
        err = merge_decide(m);
    }
    if (err == JIT_OK) {
        err = merge_settle(m);
    }
    if (err == JIT_OK) {
        err = publish(m);
    }
    if (err == JIT_OK && m->result->conflict_count == 0) {
        count_taken(m);
        err = merge_patch(m, &m->result->patch);
    }
    m->heap->free(m->heap, m->conflicts);
    merge_release(m);
    return err;
}

static enum jit_err done(struct rmg_merge_result *result, enum jit_err err)
{
    if (err != JIT_OK) {
        rmg_merge_result_release(result);
    }
    return err;
}

enum jit_err rmg_merge(const struct rmg_merge_options *options, const struct rmg_state *base,
                       const struct rmg_state *ours, const struct rmg_state *theirs,
                       struct rmg_merge_result *result)
{
    struct merge m;
    begin(&m, options, result);
    return done(result, finish(&m, merge_fill(&m, base, ours, theirs)));
}

void rmg_merge_result_release(struct rmg_merge_result *result)
{
    jit_buf_release(&result->patch);
    rmg_scratch_release(&result->scratch);
    result->conflicts = NULL;
    result->conflict_count = 0;
}

enum jit_err rmg_rebase(const struct rmg_merge_options *options, const struct rmg_state *onto,
                        const uint8_t *patch, size_t patch_size, struct rmg_merge_result *result)
{
    struct merge m;
    begin(&m, options, result);
    return done(result, finish(&m, merge_fill_patch(&m, onto, patch, patch_size)));
}

enum jit_err rmg_diff_patch(struct jit_heap *heap, const struct rmg_state *a,
                            const struct rmg_state *b, struct jit_buf *patch, uint64_t *operations)
{
    struct merge m;
    struct rmg_merge_result result;
    const struct rmg_merge_options options = {.heap = heap, .strategy = RMG_SIDE_NONE};
    begin(&m, &options, &result);
    enum jit_err err = merge_fill(&m, a, b, NULL);
    for (size_t i = 0; err == JIT_OK && i < m.count; i++) {
        m.slots[i].take = RMG_SIDE_OURS;
    }
    if (err == JIT_OK) {
        err = merge_patch(&m, patch);
    }
    if (operations != NULL) {
        *operations = result.operations;
    }
    merge_release(&m);
    rmg_merge_result_release(&result);
    return err;
}
