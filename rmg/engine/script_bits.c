/* rmg/engine/script_bits.c - a set of handles as a tree of words. */
#include "base/check.h"
#include "rmg/engine/script_priv.h"

void script_bits_release(struct script_bits *bits, struct jit_heap *heap)
{
    for (unsigned level = 0; level < SCRIPT_LEVELS; level++) {
        heap->free(heap, bits->words[level]);
    }
    memset(bits, 0, sizeof *bits);
}

void script_bits_empty(struct script_bits *bits)
{
    for (unsigned level = 0; level < SCRIPT_LEVELS; level++) {
        if (bits->count[level] > 0) {
            memset(bits->words[level], 0, bits->count[level] * sizeof **bits->words);
        }
    }
}

/* A level whose word 0 is the only one is the top; a new top above it must know what is below. */
enum jit_err script_bits_room(struct script_bits *bits, struct jit_heap *heap, uint32_t handles)
{
    if (handles <= bits->count[0] * 64) {
        return JIT_OK;
    }
    size_t count = (handles + 63ul) / 64 * 2; /* not at every new element */
    for (unsigned level = 0; level < SCRIPT_LEVELS; level++) {
        size_t old = bits->count[level];
        uint64_t *words = heap->resize(heap, bits->words[level], count * sizeof *words);
        if (words == NULL) {
            return JIT_ENOMEM;
        }
        memset(words + old, 0, (count - old) * sizeof *words);
        bits->words[level] = words;
        bits->count[level] = count;
        if (old == 0 && level > 0) {
            for (size_t i = 0; i < bits->count[level - 1]; i++) {
                words[i / 64] |= (uint64_t)(bits->words[level - 1][i] != 0) << (i % 64);
            }
        }
        if (count == 1) {
            return JIT_OK;
        }
        count = (count + 63) / 64;
    }
    assert(false && "six levels hold any handle");
    return JIT_ELIMIT;
}

uint32_t script_bits_next(const struct script_bits *bits, uint32_t from)
{
    size_t at = from;
    unsigned level = 0;
    /* Up to a word with a bit at or behind the place ... */
    for (;;) {
        if (level == SCRIPT_LEVELS || at / 64 >= bits->count[level]) {
            return RMG_WORK_NONE;
        }
        uint64_t rest = bits->words[level][at / 64] & ~0ull << (at % 64);
        if (rest != 0) {
            at = at / 64 * 64 + (unsigned)__builtin_ctzll(rest);
            break;
        }
        at = at / 64 + 1;
        level++;
    }
    /* ... and down along the first bits. */
    while (level > 0) {
        level--;
        at = at * 64 + (unsigned)__builtin_ctzll(bits->words[level][at]);
    }
    return (uint32_t)at;
}
