#include "rmg/trie_priv.h"

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

static struct trie_key record_key(const struct trie_records *records, uint32_t index)
{
    struct trie_key key = {.part = {NULL}};
    for (unsigned i = 0; i < records->segments; i++) {
        key.part[i] =
            (const struct jit_id *)(const void *)(record_at(records, index) + records->at[i]);
    }
    return key;
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
    while (word % words == 0 && part_equal(records, items, count, word / words)) {
        word += words;
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

bool trie_steps(const struct trie_records *records, const struct rmg_radix *items, size_t count,
                struct trie_step *steps, size_t *twin)
{
    unsigned nibbles = records->segments * JIT_ID_BYTES * 2u;
    for (size_t i = 1; i < count; i++) {
        record_fetch(records, items, count, i);
        struct trie_key before = record_key(records, items[i - 1].index);
        struct trie_key key = record_key(records, items[i].index);
        unsigned near = trie_key_differ(&before, &key, nibbles);
        if (near == nibbles) {
            *twin = i;
            return false;
        }
        steps[i].near = (uint8_t)near;
        steps[i].slots = (uint8_t)(trie_nibble(&before, near) << 4u | trie_nibble(&key, near));
    }
    return true;
}

struct build {
    struct trie_pen *pen;
    const struct trie_spec *spec;
    const struct rmg_radix *leaves;
    const struct trie_step *steps;
};

static enum jit_err build_node(struct build *b, size_t from, size_t to, unsigned depth,
                               uint32_t *link);

/* The slot of a node that covers keys from to to: a leaf, or a node where they first part. */
static enum jit_err build_child(struct build *b, size_t from, size_t to, uint32_t *link)
{
    unsigned depth = UINT8_MAX + 1u;
    if (to - from == 1) {
        *link = b->leaves[from].index;
        return JIT_OK;
    }
    for (size_t i = from + 1; i < to; i++) {
        depth = b->steps[i].near < depth ? b->steps[i].near : depth;
    }
    return build_node(b, from, to, depth, link);
}

static enum jit_err build_node(struct build *b, size_t from, size_t to, unsigned depth,
                               uint32_t *link)
{
    size_t begin[17];
    unsigned children = 1;
    unsigned map = 0;
    unsigned leaf = 0;
    uint32_t ref = 0;
    begin[0] = from;
    for (size_t i = from + 1; i < to; i++) {
        if (b->steps[i].near == depth) {
            map |= 1u << (b->steps[i].slots >> 4u) | 1u << (b->steps[i].slots & 15u);
            begin[children++] = i;
        }
    }
    begin[children] = to;
    if (map == 0) {
        /* Only the root has a single child. */
        struct trie_key key =
            trie_key_of_leaf(b->spec, rmg_arena_at(b->pen->arena, b->leaves[from].index));
        map = 1u << trie_nibble(&key, depth);
    }
    assert(trie_count16(map) == children);
    enum jit_err err = trie_node_new(b->pen, b->spec, map, depth, &ref);
    if (err != JIT_OK) {
        return err;
    }
    struct trie_node *node = rmg_arena_at(b->pen->arena, ref);
    uint32_t *refs = trie_refs(b->spec, node);
    unsigned slots = map;
    for (unsigned i = 0; i < children; i++, slots &= slots - 1) {
        refs[i] = 0;
        leaf |= begin[i + 1] - begin[i] == 1 ? slots & (~slots + 1u) : 0;
    }
    node->leaf = (uint16_t)leaf;
    if (!b->spec->hashed) {
        *trie_count(node) = (uint32_t)(to - from);
    }
    *link = ref;
    for (unsigned i = 0; err == JIT_OK && i < children; i++) {
        err = build_child(b, begin[i], begin[i + 1], &refs[i]);
    }
    return err;
}

enum jit_err trie_build(struct trie_pen *pen, const struct trie_spec *spec,
                        const struct rmg_radix *leaves, const struct trie_step *steps, size_t count,
                        uint32_t *root)
{
    struct build b = {.pen = pen, .spec = spec, .leaves = leaves, .steps = steps};
    uint32_t ref = 0;
    *root = 0;
    if (count == 0) {
        return JIT_OK;
    }
    enum jit_err err = build_node(&b, 0, count, 0, &ref);
    if (err != JIT_OK) {
        trie_abandon(pen, spec, ref, NULL, NULL);
        return err;
    }
    *root = ref;
    return JIT_OK;
}
