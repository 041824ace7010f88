/* Memory of one parse: blocks freed together, and an index of names over them. */
#include "rmg/lang/lang_priv.h"

#include "base/check.h"

#define BLOCK_BYTES 65536u

struct lang_block {
    struct lang_block *next;
    size_t size; /* of bytes */
    size_t used;
    _Alignas(16) uint8_t bytes[];
};

struct lang_index_slot {
    enum lang_index_kind kind;
    uint32_t size;
    const char *name; /* NULL: free */
    void *value;
};

void *lang_alloc(struct lang_arena *arena, size_t count, size_t size)
{
    size_t total = 0;
    assert(arena->heap != NULL);
    if (__builtin_mul_overflow(count, size, &total) || total > SIZE_MAX / 2) {
        return NULL;
    }
    total = (total + 15) & ~(size_t)15;
    struct lang_block *block = arena->blocks;
    if (block == NULL || total > block->size - block->used) {
        size_t block_size = total > BLOCK_BYTES ? total : BLOCK_BYTES;
        block = arena->heap->alloc(arena->heap, sizeof *block + block_size);
        if (block == NULL) {
            return NULL;
        }
        *block = (struct lang_block){.next = arena->blocks, .size = block_size};
        arena->blocks = block;
    }
    void *bytes = block->bytes + block->used;
    block->used += total;
    memset(bytes, 0, total);
    return bytes;
}

char *lang_copy(struct lang_arena *arena, const void *bytes, size_t size)
{
    char *copy = lang_alloc(arena, size + 1, 1);
    if (copy != NULL && size > 0) {
        memcpy(copy, bytes, size);
    }
    return copy;
}

void lang_arena_release(struct lang_arena *arena)
{
    struct lang_block *block = arena->blocks;
    while (block != NULL) {
        struct lang_block *next = block->next;
        arena->heap->free(arena->heap, block);
        block = next;
    }
    arena->blocks = NULL;
}

/* FNV-1a. The table is private to one parse and never listed, so its order cannot be seen; a file
 * made to collide costs its own writer time, bounded by the size of the file. */
static struct lang_index_slot *slot_of(struct lang_index_slot *slots, uint32_t capacity,
                                       enum lang_index_kind kind, const char *name, uint32_t size)
{
    uint32_t hash = 2166136261u ^ (uint32_t)kind;
    for (uint32_t i = 0; i < size; i++) {
        hash = (hash ^ (uint8_t)name[i]) * 16777619u;
    }
    hash ^= hash >> 15;
    for (uint32_t at = hash & (capacity - 1);; at = (at + 1) & (capacity - 1)) {
        struct lang_index_slot *slot = &slots[at];
        if (slot->name == NULL ||
            (slot->kind == kind && slot->size == size && memcmp(slot->name, name, size) == 0)) {
            return slot;
        }
    }
}

void *lang_index_get(const struct lang_index *index, enum lang_index_kind kind, const char *name,
                     uint32_t size)
{
    if (index->capacity == 0) {
        return NULL;
    }
    return slot_of(index->slots, index->capacity, kind, name, size)->value;
}

bool lang_index_put(struct lang_index *index, struct lang_arena *arena, enum lang_index_kind kind,
                    const char *name, uint32_t size, void *value)
{
    assert(value != NULL);
    if (index->count >= index->capacity / 2) {
        uint32_t capacity = index->capacity == 0 ? 64 : index->capacity * 2;
        struct lang_index_slot *slots = lang_alloc(arena, capacity, sizeof *slots);
        if (slots == NULL) {
            return false;
        }
        for (uint32_t i = 0; i < index->capacity; i++) {
            const struct lang_index_slot *old = &index->slots[i];
            if (old->name != NULL) {
                *slot_of(slots, capacity, old->kind, old->name, old->size) = *old;
            }
        }
        index->slots = slots;
        index->capacity = capacity;
    }
    struct lang_index_slot *slot = slot_of(index->slots, index->capacity, kind, name, size);
    assert(slot->name == NULL); /* the caller looked first */
    *slot = (struct lang_index_slot){.kind = kind, .size = size, .name = name, .value = value};
    index->count++;
    return true;
}
