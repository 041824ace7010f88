/* Goal:   rmg_radix_sort is a stable sort by (key, compare), whatever the keys.
 * Method: random, equal, narrow and chosen keys of every size around its thresholds, against what
 *         sorted and stable mean. */
#include <stdbool.h>

#include "base/random.h"
#include "rmg/store/radix.h"
#include "tests/lib/tcase.h"

#define COUNT_MAX 20000u

static struct rmg_radix items[2 * COUNT_MAX];
static uint64_t keys[COUNT_MAX];
static uint32_t ranks[COUNT_MAX]; /* what compare goes by */

static int by_rank(const void *user, uint32_t a, uint32_t b)
{
    const uint32_t *rank = user;
    return rank[a] < rank[b] ? -1 : rank[a] > rank[b];
}

enum kind { RANDOM, LOW_BITS, HIGH_BITS, EQUAL, SPREAD, ASCENDING, DESCENDING, KINDS };

static uint64_t key_of(enum kind kind, struct jit_random *random, size_t i)
{
    uint64_t value = jit_random_next(random);
    switch (kind) {
    case LOW_BITS:
        return UINT64_C(0xabcdef0000000000) | (value & 0xfff);
    case HIGH_BITS:
        return value << 52;
    case EQUAL:
        return 7;
    case SPREAD: /* few values, far apart: every level ties */
        return (value & 1) << 63 | (value & 2) << 40 | (value & 4) << 20 | (value & 8);
    case ASCENDING:
        return i;
    case DESCENDING:
        return UINT64_MAX - i;
    case RANDOM:
    case KINDS:
        break;
    }
    return value;
}

static void check_sorted(size_t count, bool compared)
{
    for (size_t i = 1; i < count; i++) {
        uint32_t a = items[i - 1].index;
        uint32_t b = items[i].index;
        ck_assert(items[i].key == keys[b]);
        ck_assert(keys[a] <= keys[b]);
        if (keys[a] == keys[b] && compared) {
            ck_assert(ranks[a] <= ranks[b]);
        }
        if (keys[a] == keys[b] && (!compared || ranks[a] == ranks[b])) {
            ck_assert(a < b); /* stable; so no index is there twice, either */
        }
    }
}

START_TEST(sorts) /* _i = kind */
{
    static const size_t counts[] = {0, 1, 2, 24, 25, 100, 2049, 8192, 8193, COUNT_MAX};
    struct jit_random random = jit_random_of((uint64_t)_i + 1);
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        for (int compared = 0; compared < 2; compared++) {
            for (size_t i = 0; i < counts[c]; i++) {
                keys[i] = key_of((enum kind)_i, &random, i);
                ranks[i] = (uint32_t)jit_random_below(&random, 50);
                items[i] = (struct rmg_radix){.key = keys[i], .index = (uint32_t)i};
            }
            rmg_radix_sort(items, items + counts[c], counts[c], compared ? by_rank : NULL, ranks);
            check_sorted(counts[c], compared);
        }
    }
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "radix", 60);
    tcase_add_loop_test(t, sorts, 0, KINDS);
}

TEST_MAIN("radix", suite)
