/* rmg/store/radix.h - sorting by a 64-bit prefix, then by full comparison where prefixes tie.
 * Spec:  DESIGN 14.1 (order of requests), 4.5 (order of slots and operations).
 * Layer: rmg; base only.
 *
 * Cost: O(count) for ids that are hashes; O(count log count) comparisons at worst, for ids chosen
 * to share a prefix. Stable. No memory besides the two arrays. */
#ifndef JIT_RMG_RADIX_H
#define JIT_RMG_RADIX_H

#include <stddef.h>
#include <stdint.h>

struct rmg_radix {
    uint64_t key;
    uint32_t index; /* of what is sorted, in the caller's array */
    uint32_t rest;  /* the caller's; comes along */
};

/* Sort items ascending by (key, compare, place before). scratch: room for count more. compare may
 * be NULL: ties stay in their order. */
void rmg_radix_sort(struct rmg_radix *items, struct rmg_radix *scratch, size_t count,
                    int (*compare)(const void *user, uint32_t a, uint32_t b), const void *user);

#endif
