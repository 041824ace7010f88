/* The instances that a search has been in through portals, so that it is told where to look again
 * when something in one of them changes. An instance hangs on one portal, so it has one door: the
 * element of the searched instance through which it was reached. A match is looked for from there,
 * outside first: whatever is wanting inside, its door was passed when the outside came to be. */
#include "base/check.h"
#include "rmg/rules/search_priv.h"

static uint32_t home_of(const struct jit_id *instance)
{
    return (uint32_t)(search_hash(0, instance) >> 16);
}

/* The slot of an instance, or the empty one where it would be. */
static uint32_t find(const struct search_doors *doors, const struct jit_id *instance)
{
    uint32_t at = home_of(instance) & (doors->slots_size - 1);
    while (doors->slots[at] != SEARCH_NONE &&
           !jit_id_equal(&doors->items[doors->slots[at]].instance, instance)) {
        at = (at + 1) & (doors->slots_size - 1);
    }
    return at;
}

static enum jit_err slots_grow(struct search_doors *doors)
{
    uint32_t size = doors->slots_size == 0 ? 16 : 2 * doors->slots_size;
    uint32_t *slots = size > SEARCH_NONE / 8
                          ? NULL
                          : doors->heap->alloc(doors->heap, (size_t)size * sizeof *slots);
    if (slots == NULL) {
        return JIT_ENOMEM;
    }
    doors->heap->free(doors->heap, doors->slots);
    doors->slots = slots;
    doors->slots_size = size;
    memset(slots, 0xff, (size_t)size * sizeof *slots);
    for (uint32_t i = 0; i < doors->count; i++) {
        slots[find(doors, &doors->items[i].instance)] = i;
    }
    return JIT_OK;
}

void search_doors_clear(struct search_doors *doors)
{
    doors->count = 0;
    if (doors->slots_size > 0) {
        memset(doors->slots, 0xff, (size_t)doors->slots_size * sizeof *doors->slots);
    }
}

void search_doors_release(struct search_doors *doors)
{
    doors->heap->free(doors->heap, doors->items);
    doors->heap->free(doors->heap, doors->slots);
    *doors = (struct search_doors){.heap = doors->heap};
}

/* The element of place 0 that a portal is reached through. */
static uint8_t outermost(const struct rmg_rule *rule, uint32_t portal)
{
    uint8_t owner = rule->portals[portal].owner;
    while (rule->elements[owner].place != 0) {
        owner = rule->portals[rule->elements[owner].place - 1].owner;
    }
    return owner;
}

enum jit_err search_door_pass(struct rmg_search *search, uint32_t portal,
                              const struct jit_id *instance)
{
    struct search_doors *doors = &search->doors;
    const uint8_t owner = outermost(search->rule, portal);
    void *items = doors->items;
    if (doors->slots_size / 2 < doors->count + 1) {
        enum jit_err err = slots_grow(doors);
        if (err != JIT_OK) {
            return err;
        }
    }
    const uint32_t at = find(doors, instance);
    if (doors->slots[at] == SEARCH_NONE) {
        if (jit_heap_grow(doors->heap, &items, &doors->capacity, (size_t)doors->count + 1,
                          sizeof *doors->items) != 0) {
            return JIT_ENOMEM;
        }
        doors->items = items;
        doors->slots[at] = doors->count;
        doors->items[doors->count++] = (struct search_door){.instance = *instance};
    }
    struct search_door *door = &doors->items[doors->slots[at]];
    const bool is_edge = search->rule->elements[owner].is_edge;
    if (door->is_edge != is_edge || !jit_id_equal(&door->owner, &search->ids[owner])) {
        door->positions = 0; /* a new one, or its portal hangs elsewhere now */
    }
    door->is_edge = is_edge;
    door->owner = search->ids[owner];
    door->positions |= 1u << owner;
    door->roots = search->probe.inside[portal].graph.roots;
    return JIT_OK;
}

/* Of equal versions in one memory all references are equal. */
static bool same_roots(const struct rmg_roots *a, const struct rmg_roots *b)
{
    return memcmp(a->ref, b->ref, sizeof a->ref) == 0 && a->node_count == b->node_count &&
           a->edge_count == b->edge_count;
}

enum jit_err search_touch_doors(struct rmg_search *search, const struct rmg_graph *after,
                                struct search_touches *touches)
{
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; i < search->doors.count && err == JIT_OK; i++) {
        struct search_door *door = &search->doors.items[i];
        struct rmg_graph graph = {.roots = {.node_count = 0}};
        struct jit_id root_node;
        enum jit_err found =
            after->nest == NULL
                ? JIT_ENOENT
                : after->nest->enter(after->nest->user, &door->instance, &graph, &root_node);
        if (found != JIT_OK && found != JIT_ENOENT) {
            return found;
        }
        if (found == JIT_ENOENT || !same_roots(&graph.roots, &door->roots)) {
            door->roots = graph.roots;
            err = search_touch_add(touches, door->is_edge, &door->owner, door->positions);
        }
    }
    return err;
}
