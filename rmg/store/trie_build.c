#include "rmg/store/trie_priv.h"

#define INSERT_MAX 16u /* as few are sorted by whole keys at once */
#define WORD       4u  /* bytes of the key sorted at a time: enough to part a million hashes */
#define AHEAD      12u /* records fetched before they are looked at: they lie anywhere */

static const uint8_t *record_at(const struct trie_records *records, uint32_t index)
{
    return records->base + (uint64_t)index * records->stride;
}

static void record_fetch(const struct trie_records *records, const struct rmg_radix *items,
                         size_t count, size_t at)
{
    if (at + AHEAD < count) {
        const uint8_t *record = record_at(records, items[at + AHEAD].index);
        for (unsigned i = 0; i < records->segments; i++) {
            __builtin_prefetch(record + records->at[i]);
        }
    }
}

static bool key_above(const struct trie_records *records, uint32_t a, uint32_t b)
{
    for (unsigned i = 0; i < records->segments; i++) {
        int order = memcmp(record_at(records, a) + records->at[i],
                           record_at(records, b) + records->at[i], JIT_ID_BYTES);
        if (order != 0) {
            return order > 0;
        }
    }
    return false;
}

static void insertion_sort(const struct trie_records *records, struct rmg_radix *items,
                           size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct rmg_radix item = items[i];
        size_t at = i;
        for (; at > 0 && key_above(records, items[at - 1].index, item.index); at--) {
            items[at] = items[at - 1];
        }
        items[at] = item;
    }
}

/* All items have the same id in one part of their keys: few types, or the edges of one hub. */
static bool part_equal(const struct trie_records *records, const struct rmg_radix *items,
                       size_t count, unsigned part)
{
    const uint8_t *first = record_at(records, items[0].index) + records->at[part];
    for (size_t i = count; i-- > 1;) {
        if (memcmp(first, record_at(records, items[i].index) + records->at[part], JIT_ID_BYTES) !=
            0) {
            return false;
        }
    }
    return true;
}

/* A word of the key after another; what ties goes on with the next. */
void trie_sort(const struct trie_records *records, struct rmg_radix *items,
               struct rmg_radix *scratch, size_t count, unsigned word)
{
    if (count <= INSERT_MAX) {
        insertion_sort(records, items, count);
        return;
    }
    const unsigned words = JIT_ID_BYTES / WORD;
    while (part_equal(records, items, count, word / words)) {
        word = (word / words + 1) * words;
        if (word == records->segments * words) {
            return;
        }
    }
    size_t offset = records->at[word / words] + word % words * WORD;
    bool ascends = true;
    for (size_t i = 0; i < count; i++) {
        record_fetch(records, items, count, i);
        const uint8_t *at = record_at(records, items[i].index) + offset;
        items[i].key = (uint64_t)at[0] << 24 | (uint64_t)at[1] << 16 | (uint64_t)at[2] << 8 | at[3];
        ascends = ascends && (i == 0 || items[i - 1].key <= items[i].key);
    }
    if (!ascends) {
        rmg_radix_sort(items, scratch, count, NULL, NULL);
    }
    if (word + 1 == records->segments * words) {
        return;
    }
    for (size_t begin = 0; begin < count;) {
        size_t end = begin + 1;
        record_fetch(records, items, count, begin);
        while (end < count && items[end].key == items[begin].key) {
            end++;
        }
        if (end - begin > 1) {
            trie_sort(records, items + begin, scratch, end - begin, word + 1);
        }
        begin = end;
    }
}

/* ---- from sorted leaves, one by one ---- */

void trie_spine_begin(struct trie_spine *spine, struct trie_pen *pen, const struct trie_spec *spec)
{
    spine->pen = pen;
    spine->spec = spec;
    spine->last.part[0] = NULL;
    spine->hangs = 0;
    spine->count = 0;
}

/* The subtree that waits takes its place in the deepest open node. */
static void spine_hang(struct trie_spine *spine)
{
    struct trie_open *open = &spine->open[spine->count - 1];
    unsigned bit = 1u << trie_nibble(&spine->last, open->depth);
    assert(open->map < bit);
    open->ref[trie_count16(open->map)] = spine->hangs;
    open->map |= bit;
    open->leaf |= spine->hangs_leaf ? bit : 0;
    open->leaves += spine->hangs_leaves;
    spine->hangs = 0;
}

/* The deepest open node has all its children: it becomes the subtree that waits. */
static enum jit_err spine_close(struct trie_spine *spine)
{
    const struct trie_open *open = &spine->open[spine->count - 1];
    uint32_t ref = 0;
    enum jit_err err = trie_node_new(spine->pen, spine->spec, open->map, open->depth, &ref);
    if (err != JIT_OK) {
        return err;
    }
    struct trie_node *node = rmg_arena_at(spine->pen->arena, ref);
    node->leaf = (uint16_t)open->leaf;
    const unsigned children = trie_count16(open->map);
    uint32_t *refs = trie_refs(spine->spec, node);
    for (unsigned i = 0; i < children; i++) { /* few: to begin a copy would cost more */
        refs[i] = open->ref[i];
    }
    if (!spine->spec->hashed) {
        *trie_count(node) = open->leaves;
    }
    spine->hangs = ref;
    spine->hangs_leaf = false;
    spine->hangs_leaves = open->leaves;
    spine->count--;
    return JIT_OK;
}

static void spine_open(struct trie_spine *spine, unsigned depth)
{
    struct trie_open *open = &spine->open[spine->count++];
    open->map = 0;
    open->leaf = 0;
    open->leaves = 0;
    open->depth = depth;
}

/* What parts from the last key at this nibble: deeper nodes are done, and one is open there. */
static enum jit_err spine_fold(struct trie_spine *spine, unsigned near)
{
    while (spine->open[spine->count - 1].depth > near) {
        spine_hang(spine);
        enum jit_err err = spine_close(spine);
        if (err != JIT_OK) {
            return err;
        }
    }
    if (spine->open[spine->count - 1].depth < near) {
        spine_open(spine, near);
    }
    spine_hang(spine);
    return JIT_OK;
}

enum jit_err trie_spine_add(struct trie_spine *spine, const struct trie_key *key, uint32_t leaf)
{
    if (spine->last.part[0] == NULL) {
        spine_open(spine, 0); /* the root, with one child if need be */
    } else {
        const unsigned nibbles = trie_key_nibbles(spine->spec);
        unsigned near = trie_key_differ(&spine->last, key, nibbles);
        enum jit_err err = near == nibbles ? JIT_EEXIST : spine_fold(spine, near);
        if (err != JIT_OK) {
            return err;
        }
    }
    spine->last = *key;
    spine->hangs = leaf;
    spine->hangs_leaf = true;
    spine->hangs_leaves = 1;
    return JIT_OK;
}

enum jit_err trie_spine_end(struct trie_spine *spine, uint32_t *root)
{
    enum jit_err err = JIT_OK;
    *root = 0;
    while (err == JIT_OK && spine->count > 0) {
        spine_hang(spine);
        err = spine_close(spine);
    }
    if (err == JIT_OK) {
        *root = spine->hangs;
    }
    return err;
}

void trie_spine_abandon(struct trie_spine *spine, void (*leaf)(void *user, uint32_t ref),
                        void *user)
{
    if (spine->hangs != 0 && !spine->hangs_leaf) {
        trie_abandon(spine->pen, spine->spec, spine->hangs, leaf, user);
    } else if (spine->hangs != 0 && leaf != NULL) {
        leaf(user, spine->hangs);
    }
    for (unsigned i = 0; i < spine->count; i++) {
        const struct trie_open *open = &spine->open[i];
        unsigned map = open->map;
        for (unsigned k = 0; map != 0; k++, map &= map - 1) {
            if (!trie_has(open->leaf, (unsigned)__builtin_ctz(map))) {
                trie_abandon(spine->pen, spine->spec, open->ref[k], leaf, user);
            } else if (leaf != NULL) {
                leaf(user, open->ref[k]);
            }
        }
    }
    spine->count = 0;
    spine->hangs = 0;
}
