/* The instances that a search has been in through portals, so that it is told what has changed in
 * them. An instance hangs on one portal, so it has one door: what that hangs on, and where. Whoever
 * looks for the matches of something inside goes in by the doors, from the outside.
 *
 * A walk binds the searched instance before it goes through a portal, and what is behind a portal
 * before it goes through the next, but for the way to where it began. So when all of a match is
 * there but what lies behind its k-th portal and later ones, that portal has been gone through, and
 * what comes behind it is noticed. */
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

uint32_t search_door_of(const struct search_doors *doors, const struct jit_id *instance)
{
    return doors->slots_size == 0 ? SEARCH_NONE : doors->slots[find(doors, instance)];
}

void search_doors_sweep(struct search_doors *doors)
{
    const uint32_t count = doors->count;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!doors->items[i].gone) {
            doors->items[kept++] = doors->items[i];
        }
    }
    if (kept == count) {
        return;
    }
    search_doors_clear(doors);
    while (doors->count < kept) {
        doors->slots[find(doors, &doors->items[doors->count].instance)] = doors->count;
        doors->count++;
    }
}

enum jit_err search_door_pass(struct rmg_search *search, uint32_t portal,
                              const struct jit_id *instance)
{
    struct search_doors *doors = &search->doors;
    const struct rmg_rule *rule = search->rule;
    const uint8_t owner = rule->portals[portal].owner;
    const uint8_t outer = rule->elements[owner].place;
    struct search_door door = {.instance = *instance,
                               .owner = search->ids[owner],
                               .is_edge = rule->elements[owner].is_edge,
                               .roots = search->probe.inside[portal].graph.roots};
    void *items = doors->items;
    if (outer != 0) {
        door.parent = search->ids[rule->element_count + outer - 1];
    }
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
        doors->slots[at] = doors->count++;
        doors->items[doors->slots[at]] = door;
    }
    struct search_door *known = &doors->items[doors->slots[at]];
    if (known->is_edge == door.is_edge && jit_id_equal(&known->owner, &door.owner) &&
        jit_id_equal(&known->parent, &door.parent)) {
        door.places = known->places; /* else its portal hangs elsewhere now */
    }
    door.places |= 1u << (portal + 1);
    *known = door;
    return JIT_OK;
}

/* Of equal versions in one memory all references are equal. */
static bool same_roots(const struct rmg_roots *a, const struct rmg_roots *b)
{
    return memcmp(a->ref, b->ref, sizeof a->ref) == 0 && a->node_count == b->node_count &&
           a->edge_count == b->edge_count;
}

/* Nobody can go in any more: matches through it are those of what its portal hung on. */
static enum jit_err touch_owner(const struct rmg_search *search, struct search_door *door,
                                struct search_touches *touches)
{
    const struct rmg_rule *rule = search->rule;
    uint32_t mask = 0;
    door->gone = true;
    touches->door = SEARCH_NONE;
    if (!jit_id_is_zero(&door->parent)) {
        touches->door = search_door_of(&search->doors, &door->parent);
        if (touches->door == SEARCH_NONE) {
            return JIT_OK;
        }
    }
    for (uint32_t i = 0; i < rule->portal_count; i++) {
        mask |= (door->places >> (i + 1) & 1) != 0 ? 1u << rule->portals[i].owner : 0;
    }
    return search_touch_add(touches, door->is_edge, &door->owner, mask);
}

enum jit_err search_touch_doors(struct rmg_search *search, const struct rmg_graph *after,
                                struct search_touches *touches)
{
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; i < search->doors.count && err == JIT_OK; i++) {
        struct search_door *door = &search->doors.items[i];
        struct rmg_graph graph = {.roots = {.node_count = 0}};
        struct jit_id root_node;
        err = after->nest == NULL
                  ? JIT_ENOENT
                  : after->nest->enter(after->nest->user, &door->instance, &graph, &root_node);
        if (err == JIT_ENOENT) {
            err = touch_owner(search, door, touches);
        } else if (err == JIT_OK && !same_roots(&graph.roots, &door->roots)) {
            struct rmg_graph before = graph;
            before.roots = door->roots;
            door->roots = graph.roots;
            touches->door = i;
            touches->places = door->places;
            err = search_touch_all(search, &before, &graph, touches);
        }
    }
    return err;
}
