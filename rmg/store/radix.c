#include "rmg/store/radix.h"

#include <string.h>

#include "base/check.h"

#define DIGIT_BITS_MIN 6u
#define DIGIT_BITS_MAX 11u
#define DIGIT_COUNT    (1u << DIGIT_BITS_MAX)
#define INSERT_MAX     24u /* below this many, insertion beats counting */
/* Up to so many, one digit leaves few ties among keys that are hashes. */
#define ONE_DIGIT_MAX (1u << 13)

typedef int (*compare_fn)(const void *user, uint32_t a, uint32_t b);

static void insert_by_key(struct rmg_radix *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct rmg_radix item = items[i];
        size_t at = i;
        for (; at > 0 && items[at - 1].key > item.key; at--) {
            items[at] = items[at - 1];
        }
        items[at] = item;
    }
}

/* The highest bit in which keys differ; -1: none. */
static int top_bit(const struct rmg_radix *items, size_t count)
{
    uint64_t differ = 0;
    for (size_t i = 1; i < count; i++) {
        differ |= items[i].key ^ items[0].key;
    }
    return differ == 0 ? -1 : 63 - __builtin_clzll(differ);
}

/* One digit: from -> to, stable. */
static void count_by_digit(const struct rmg_radix *from, struct rmg_radix *to, size_t count,
                           unsigned shift, unsigned bits)
{
    uint32_t starts[DIGIT_COUNT];
    const uint64_t mask = ((uint64_t)1 << bits) - 1;
    memset(starts, 0, sizeof *starts << bits);
    for (size_t i = 0; i < count; i++) {
        starts[from[i].key >> shift & mask]++;
    }
    uint32_t sum = 0;
    for (size_t v = 0; v <= mask; v++) {
        uint32_t here = starts[v];
        starts[v] = sum;
        sum += here;
    }
    for (size_t i = 0; i < count; i++) {
        to[starts[from[i].key >> shift & mask]++] = from[i];
    }
}

/* By the highest bits that differ: as many as spread hashes thinly. Returns the lowest of them. */
static unsigned count_by_top(struct rmg_radix *items, struct rmg_radix *scratch, size_t count,
                             unsigned top)
{
    unsigned bits = 63u - (unsigned)__builtin_clzll(count);
    bits = bits < DIGIT_BITS_MIN ? DIGIT_BITS_MIN : bits > DIGIT_BITS_MAX ? DIGIT_BITS_MAX : bits;
    unsigned shift = top + 1 > bits ? top + 1 - bits : 0;
    if (count <= ONE_DIGIT_MAX || shift == 0) {
        count_by_digit(items, scratch, count, shift, bits);
        memcpy(items, scratch, count * sizeof *items);
        return shift;
    }
    unsigned low = shift > bits ? shift - bits : 0;
    count_by_digit(items, scratch, count, low, bits);
    count_by_digit(scratch, items, count, shift, bits);
    return low;
}

/* Each level takes bits away, so keys that were chosen to tie cost eleven levels and no more. */
static void sort_by_key(struct rmg_radix *items, struct rmg_radix *scratch, size_t count)
{
    if (count <= INSERT_MAX) {
        insert_by_key(items, count);
        return;
    }
    int top = top_bit(items, count);
    if (top < 0) {
        return;
    }
    unsigned shift = count_by_top(items, scratch, count, (unsigned)top);
    if (shift == 0) {
        return;
    }
    for (size_t begin = 0; begin < count;) {
        size_t end = begin + 1;
        while (end < count && items[end].key >> shift == items[begin].key >> shift) {
            end++;
        }
        if (end - begin > 1) {
            sort_by_key(items + begin, scratch, end - begin);
        }
        begin = end;
    }
}

static void insert_by_compare(struct rmg_radix *items, size_t count, compare_fn compare,
                              const void *user)
{
    for (size_t i = 1; i < count; i++) {
        struct rmg_radix item = items[i];
        size_t at = i;
        for (; at > 0 && compare(user, items[at - 1].index, item.index) > 0; at--) {
            items[at] = items[at - 1];
        }
        items[at] = item;
    }
}

static void merge_runs(const struct rmg_radix *from, struct rmg_radix *to, size_t left,
                       size_t middle, size_t right, compare_fn compare, const void *user)
{
    size_t a = left;
    size_t b = middle;
    for (size_t out = left; out < right; out++) {
        int take_a = b >= right || (a < middle && compare(user, from[a].index, from[b].index) <= 0);
        to[out] = take_a ? from[a++] : from[b++];
    }
}

/* Ties of one key: merged from the bottom up, so that chosen ids cost n log n and no more. */
static void sort_ties(struct rmg_radix *items, struct rmg_radix *scratch, size_t count,
                      compare_fn compare, const void *user)
{
    for (size_t at = 0; at < count; at += INSERT_MAX) {
        size_t size = count - at < INSERT_MAX ? count - at : INSERT_MAX;
        insert_by_compare(items + at, size, compare, user);
    }
    struct rmg_radix *from = items;
    struct rmg_radix *to = scratch;
    for (size_t width = INSERT_MAX; width < count; width *= 2) {
        for (size_t left = 0; left < count; left += 2 * width) {
            size_t middle = count - left < width ? count : left + width;
            size_t right = count - left < 2 * width ? count : left + 2 * width;
            merge_runs(from, to, left, middle, right, compare, user);
        }
        struct rmg_radix *swap = from;
        from = to;
        to = swap;
    }
    if (from != items) {
        memcpy(items, from, count * sizeof *items);
    }
}

void rmg_radix_sort(struct rmg_radix *items, struct rmg_radix *scratch, size_t count,
                    compare_fn compare, const void *user)
{
    assert(count <= UINT32_MAX);
    if (count < 2) {
        return;
    }
    sort_by_key(items, scratch, count);
    if (compare == NULL) {
        return;
    }
    for (size_t begin = 0; begin < count;) {
        size_t end = begin + 1;
        while (end < count && items[end].key == items[begin].key) {
            end++;
        }
        if (end - begin > 1) {
            sort_ties(items + begin, scratch, end - begin, compare, user);
        }
        begin = end;
    }
}
