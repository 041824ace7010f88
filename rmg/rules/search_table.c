#include <string.h>

#include "base/check.h"
#include "base/le.h"
#include "rmg/rules/search_priv.h"

#define SLOTS_MIN 64u

/* --- open addressing: slots hold a number, SEARCH_NONE is empty; at most half are taken --- */

static uint32_t slot_next(uint32_t slot, uint32_t size)
{
    return (slot + 1) & (size - 1);
}

/* Empty a slot and close the gap: whatever would no longer be found moves back. home(user, value)
 * is where a value belongs. */
static void slots_delete(uint32_t *slots, uint32_t size, uint32_t at,
                         uint32_t (*home)(const void *user, uint32_t value), const void *user)
{
    uint32_t gap = at;
    for (uint32_t i = slot_next(at, size); slots[i] != SEARCH_NONE; i = slot_next(i, size)) {
        uint32_t want = home(user, slots[i]) & (size - 1);
        /* Does the way from `want` to i lead over the gap? */
        if (((i - want) & (size - 1)) >= ((i - gap) & (size - 1))) {
            slots[gap] = slots[i];
            gap = i;
        }
    }
    slots[gap] = SEARCH_NONE;
}

/* A table twice as large, every value put at its home again. */
static enum jit_err slots_grow(struct jit_heap *heap, uint32_t **slots, uint32_t *size,
                               uint32_t (*home)(const void *user, uint32_t value), const void *user)
{
    uint32_t new_size = *size == 0 ? SLOTS_MIN : *size * 2;
    if (new_size <= *size) {
        return JIT_ELIMIT;
    }
    uint32_t *fresh = heap->alloc(heap, (size_t)new_size * sizeof *fresh);
    if (fresh == NULL) {
        return JIT_ENOMEM;
    }
    memset(fresh, 0xff, (size_t)new_size * sizeof *fresh);
    for (uint32_t i = 0; i < *size; i++) {
        uint32_t value = (*slots)[i];
        if (value == SEARCH_NONE) {
            continue;
        }
        uint32_t at = home(user, value) & (new_size - 1);
        while (fresh[at] != SEARCH_NONE) {
            at = slot_next(at, new_size);
        }
        fresh[at] = value;
    }
    heap->free(heap, *slots);
    *slots = fresh;
    *size = new_size;
    return JIT_OK;
}

/* --- hashes of members and elements --- */

static uint32_t hash_ids(const struct jit_id *ids, uint32_t count)
{
    uint64_t hash = count;
    for (uint32_t i = 0; i < count; i++) {
        hash = search_hash(hash, &ids[i]);
    }
    return (uint32_t)(hash >> 16);
}

/* in: the instance, of what lies behind a portal; else NULL. */
static uint32_t hash_element(bool is_edge, const struct jit_id *in, const struct jit_id *id)
{
    uint64_t hash = is_edge;
    hash = in == NULL ? hash : search_hash(hash, in);
    return (uint32_t)(search_hash(hash, id) >> 16);
}

static uint32_t home_of_member(const void *user, uint32_t member)
{
    const struct search_table *table = user;
    return hash_ids(&table->ids[(size_t)member * table->width], table->width);
}

/* The instance behind a portal counts as a node. */
static bool link_is_edge(const struct search_table *table, uint32_t link)
{
    const uint32_t position = link % table->width;
    return position < table->rule->element_count && table->rule->elements[position].is_edge;
}

static const struct jit_id *link_in_instance(const struct search_table *table, uint32_t link)
{
    const uint32_t position = link % table->width;
    const uint32_t elements = table->rule->element_count;
    const uint32_t place = position < elements ? table->rule->elements[position].place : 0;
    return place == 0 ? NULL : &table->ids[link - position + elements + place - 1];
}

static uint32_t home_of_link(const void *user, uint32_t link)
{
    const struct search_table *table = user;
    return hash_element(link_is_edge(table, link), link_in_instance(table, link),
                        &table->ids[link]);
}

static bool same_instance(const struct jit_id *a, const struct jit_id *b)
{
    return a == NULL || b == NULL ? a == b : jit_id_equal(a, b);
}

/* The slot that holds the first link of an element, or the empty one where it would. */
static uint32_t find_element(const struct search_table *table, bool is_edge,
                             const struct jit_id *in, const struct jit_id *id)
{
    uint32_t at = hash_element(is_edge, in, id) & (table->by_element_size - 1);
    for (;; at = slot_next(at, table->by_element_size)) {
        uint32_t link = table->by_element[at];
        if (link == SEARCH_NONE ||
            (link_is_edge(table, link) == is_edge && jit_id_equal(&table->ids[link], id) &&
             same_instance(link_in_instance(table, link), in))) {
            return at;
        }
    }
}

static uint32_t find_ids(const struct search_table *table, const struct jit_id *ids)
{
    uint32_t at = hash_ids(ids, table->width) & (table->by_ids_size - 1);
    for (;; at = slot_next(at, table->by_ids_size)) {
        uint32_t member = table->by_ids[at];
        if (member == SEARCH_NONE || memcmp(&table->ids[(size_t)member * table->width], ids,
                                            table->width * sizeof *ids) == 0) {
            return at;
        }
    }
}

/* --- members --- */

void search_table_init(struct search_table *table, struct jit_heap *heap,
                       const struct rmg_rule *rule, uint32_t data_width)
{
    *table = (struct search_table){.heap = heap,
                                   .rule = rule,
                                   .width = rmg_rule_id_count(rule),
                                   .data_width = data_width,
                                   .free_head = SEARCH_NONE};
    assert(table->width > 0);
}

static void drop_datum(const struct search_table *table, struct rmg_datum *datum)
{
    /* The heap gave these bytes to us alone: they are only lent as const. */
    table->heap->free(table->heap, (void *)(uintptr_t)datum->bytes);
    *datum = (struct rmg_datum){.codec = RMG_CODEC_NONE};
}

static void drop_data(struct search_table *table, uint32_t member)
{
    for (uint32_t i = 0; i < table->data_width; i++) {
        drop_datum(table, &table->data[(size_t)member * table->data_width + i]);
    }
}

void search_table_clear(struct search_table *table)
{
    for (uint32_t i = 0; i < table->used; i++) {
        if (table->live[i]) {
            drop_data(table, i);
        }
    }
    if (table->by_ids_size > 0) {
        memset(table->by_ids, 0xff, (size_t)table->by_ids_size * sizeof *table->by_ids);
    }
    if (table->by_element_size > 0) {
        memset(table->by_element, 0xff, (size_t)table->by_element_size * sizeof *table->by_element);
    }
    table->count = 0;
    table->closed = 0;
    table->used = 0;
    table->element_count = 0;
    table->free_head = SEARCH_NONE;
}

void search_table_release(struct search_table *table)
{
    struct jit_heap *heap = table->heap;
    search_table_clear(table);
    heap->free(heap, table->ids);
    heap->free(heap, table->keys);
    heap->free(heap, table->links);
    heap->free(heap, table->data);
    heap->free(heap, table->live);
    heap->free(heap, table->by_ids);
    heap->free(heap, table->by_element);
}

static int room(struct search_table *table, void **data, size_t *capacity, size_t count,
                size_t element_size)
{
    return count == 0 ? 0 : jit_heap_grow(table->heap, data, capacity, count, element_size);
}

/* Memory for one member more and all its elements. */
static enum jit_err reserve(struct search_table *table)
{
    size_t members = (size_t)table->used + 1;
    if (table->free_head == SEARCH_NONE) {
        void *ids = table->ids;
        void *keys = table->keys;
        void *links = table->links;
        void *data = table->data;
        void *live = table->live;
        if (members * table->width >= SEARCH_NONE / 4) {
            return JIT_ELIMIT;
        }
        int bad =
            room(table, &ids, &table->ids_capacity, members * table->width, sizeof *table->ids);
        table->ids = ids;
        bad |= room(table, &keys, &table->keys_capacity, members, sizeof *table->keys);
        table->keys = keys;
        bad |= room(table, &links, &table->links_capacity, members * table->width,
                    sizeof *table->links);
        table->links = links;
        bad |= room(table, &data, &table->data_capacity, members * table->data_width,
                    sizeof *table->data);
        table->data = data;
        bad |= room(table, &live, &table->live_capacity, members, sizeof *table->live);
        table->live = live;
        if (bad != 0) {
            return JIT_ENOMEM;
        }
    }
    enum jit_err err = JIT_OK;
    while (err == JIT_OK && table->by_ids_size / 2 < table->count + 1) {
        err = slots_grow(table->heap, &table->by_ids, &table->by_ids_size, home_of_member, table);
    }
    while (err == JIT_OK && table->by_element_size / 2 < table->element_count + table->width) {
        err = slots_grow(table->heap, &table->by_element, &table->by_element_size, home_of_link,
                         table);
    }
    return err;
}

static void link_in(struct search_table *table, uint32_t link)
{
    uint32_t at = find_element(table, link_is_edge(table, link), link_in_instance(table, link),
                               &table->ids[link]);
    uint32_t first = table->by_element[at];
    table->links[link] = (struct search_link){.next = first, .prev = SEARCH_NONE};
    if (first == SEARCH_NONE) {
        table->element_count++;
    } else {
        table->links[first].prev = link;
    }
    table->by_element[at] = link;
}

static void link_out(struct search_table *table, uint32_t link)
{
    struct search_link gone = table->links[link];
    if (gone.next != SEARCH_NONE) {
        table->links[gone.next].prev = gone.prev;
    }
    if (gone.prev != SEARCH_NONE) {
        table->links[gone.prev].next = gone.next;
        return;
    }
    uint32_t at = find_element(table, link_is_edge(table, link), link_in_instance(table, link),
                               &table->ids[link]);
    assert(table->by_element[at] == link);
    if (gone.next != SEARCH_NONE) {
        table->by_element[at] = gone.next;
        return;
    }
    slots_delete(table->by_element, table->by_element_size, at, home_of_link, table);
    table->element_count--;
}

enum jit_err search_table_add(struct search_table *table, const struct jit_id *ids,
                              uint32_t *member)
{
    *member = SEARCH_NONE;
    if (table->by_ids_size > 0 && table->by_ids[find_ids(table, ids)] != SEARCH_NONE) {
        return JIT_OK;
    }
    enum jit_err err = reserve(table);
    if (err != JIT_OK) {
        return err;
    }
    uint32_t added = table->free_head;
    if (added == SEARCH_NONE) {
        added = table->used++;
    } else {
        table->free_head = table->links[(size_t)added * table->width].next;
    }
    memcpy(&table->ids[(size_t)added * table->width], ids, table->width * sizeof *ids);
    for (uint32_t i = 0; i < table->data_width; i++) {
        table->data[(size_t)added * table->data_width + i] =
            (struct rmg_datum){.codec = RMG_CODEC_NONE};
    }
    table->live[added] = SEARCH_OPEN;
    table->count++;
    table->by_ids[find_ids(table, ids)] = added;
    for (uint32_t i = 0; i < table->width; i++) {
        link_in(table, added * table->width + i);
    }
    *member = added;
    return JIT_OK;
}

void search_table_close(struct search_table *table, uint32_t member, bool closed)
{
    bool was = table->live[member] == SEARCH_CLOSED;
    table->closed = table->closed - was + closed;
    table->live[member] = closed ? SEARCH_CLOSED : SEARCH_OPEN;
}

enum jit_err search_table_put(struct search_table *table, uint32_t member, uint32_t index,
                              const struct rmg_datum *datum)
{
    struct rmg_datum *kept = &table->data[(size_t)member * table->data_width + index];
    uint8_t *copy = NULL;
    if (datum->size > 0) {
        copy = table->heap->alloc(table->heap, datum->size);
        if (copy == NULL) {
            return JIT_ENOMEM;
        }
        memcpy(copy, datum->bytes, datum->size);
    }
    drop_datum(table, kept);
    *kept = *datum;
    kept->bytes = copy;
    return JIT_OK;
}

static void remove_member(struct search_table *table, uint32_t member)
{
    uint32_t first = member * table->width;
    assert(table->live[member] != SEARCH_DEAD);
    search_table_close(table, member, false);
    drop_data(table, member);
    uint32_t at = find_ids(table, &table->ids[first]);
    assert(table->by_ids[at] == member);
    slots_delete(table->by_ids, table->by_ids_size, at, home_of_member, table);
    for (uint32_t i = 0; i < table->width; i++) {
        link_out(table, first + i);
    }
    table->live[member] = SEARCH_DEAD;
    table->count--;
    table->links[first].next = table->free_head;
    table->free_head = member;
}

void search_table_remove(struct search_table *table, bool is_edge, const struct jit_id *instance,
                         const struct jit_id *id, uint32_t positions)
{
    if (table->count == 0) {
        return;
    }
    uint32_t link = table->by_element[find_element(table, is_edge, instance, id)];
    while (link != SEARCH_NONE) {
        /* A match may have one element at several positions: those links follow one another. */
        uint32_t member = link / table->width;
        bool touched = false;
        while (link != SEARCH_NONE && link / table->width == member) {
            touched = touched || (positions >> (link % table->width) & 1) != 0;
            link = table->links[link].next;
        }
        if (touched) {
            remove_member(table, member);
        }
    }
}

/* --- touches --- */

static uint32_t home_of_touch(const void *user, uint32_t index)
{
    const struct search_touches *touches = user;
    const struct search_touch *touch = &touches->items[index];
    return hash_element(touch->is_edge, NULL, &touch->id) + touch->door;
}

enum jit_err search_touch_add(struct search_touches *touches, bool is_edge, const struct jit_id *id,
                              uint32_t positions)
{
    void *items = touches->items;
    if (positions == 0) {
        return JIT_OK;
    }
    if (touches->count >= SEARCH_NONE / 4) {
        return JIT_ELIMIT;
    }
    if (jit_heap_grow(touches->heap, &items, &touches->capacity, (size_t)touches->count + 1,
                      sizeof *touches->items) != 0) {
        return JIT_ENOMEM;
    }
    touches->items = items;
    if (touches->slots_size / 2 < touches->count + 1) {
        enum jit_err err = slots_grow(touches->heap, &touches->slots, &touches->slots_size,
                                      home_of_touch, touches);
        if (err != JIT_OK) {
            return err;
        }
    }
    uint32_t at = (hash_element(is_edge, NULL, id) + touches->door) & (touches->slots_size - 1);
    for (; touches->slots[at] != SEARCH_NONE; at = slot_next(at, touches->slots_size)) {
        struct search_touch *known = &touches->items[touches->slots[at]];
        if (known->is_edge == is_edge && known->door == touches->door &&
            jit_id_equal(&known->id, id)) {
            known->positions |= positions;
            return JIT_OK;
        }
    }
    touches->slots[at] = touches->count;
    touches->items[touches->count++] = (struct search_touch){
        .id = *id, .door = touches->door, .positions = positions, .is_edge = is_edge};
    return JIT_OK;
}

void search_touches_release(struct search_touches *touches)
{
    touches->heap->free(touches->heap, touches->items);
    touches->heap->free(touches->heap, touches->slots);
    *touches = (struct search_touches){.heap = touches->heap};
}
