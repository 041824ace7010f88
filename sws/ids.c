#include "base/le.h"
#include "sws/space_priv.h"

/* Ids that were given out: the request says of each by which counter it was made. An open table
 * by the first bytes of the ids, which are hashes. */

static uint32_t place_of(const struct sws_ids *ids, const struct jit_id *id)
{
    uint32_t at = (uint32_t)jit_le64(id->bytes) & (ids->capacity - 1);
    while (ids->at[at].used && !jit_id_equal(&ids->at[at].id, id)) {
        at = (at + 1) & (ids->capacity - 1);
    }
    return at;
}

static enum jit_err grow(struct sws_ids *ids, struct jit_heap *heap)
{
    struct sws_ids larger = {.capacity = ids->capacity == 0 ? 64 : 2 * ids->capacity,
                             .count = ids->count};
    larger.at = jit_heap_zalloc(heap, larger.capacity, sizeof *larger.at);
    if (larger.at == NULL) {
        return JIT_ENOMEM;
    }
    for (uint32_t i = 0; i < ids->capacity; i++) {
        if (ids->at[i].used) {
            larger.at[place_of(&larger, &ids->at[i].id)] = ids->at[i];
        }
    }
    heap->free(heap, ids->at);
    *ids = larger;
    return JIT_OK;
}

enum jit_err sws_new_id(struct sws *space, const struct sws_branch *branch, struct jit_id *out)
{
    struct sws_ids *ids = &space->ids;
    const uint64_t tick = branch == NULL ? space->tick : branch->tick;
    uint64_t *counter = &space->counters[tick % SWS_KEEP_MAX];
    if (space->tick - tick >= SWS_KEEP_MAX) {
        return JIT_ESTALE;
    }
    if (2 * ids->count >= ids->capacity) {
        enum jit_err err =
            ids->capacity >= SWS_IDS_MAX ? JIT_ELIMIT : grow(ids, space->options.heap);
        if (err != JIT_OK) {
            return err;
        }
    }
    rmg_branch_id(&space->options.process, tick, *counter, out);
    ids->at[place_of(ids, out)] = (struct sws_made){.id = *out, .counter = *counter, .used = true};
    ids->count++;
    ++*counter;
    return JIT_OK;
}

uint64_t sws_counter_of(const struct sws *space, const struct jit_id *id)
{
    const struct sws_ids *ids = &space->ids;
    const uint32_t at = ids->capacity == 0 ? 0 : place_of(ids, id);
    return ids->capacity > 0 && ids->at[at].used ? ids->at[at].counter : UINT64_MAX;
}

void sws_ids_tick(struct sws *space, uint64_t tick)
{
    struct jit_heap *heap = space->options.heap;
    for (uint64_t t = space->tick + 1; t <= tick && t <= space->tick + SWS_KEEP_MAX; t++) {
        space->counters[t % SWS_KEEP_MAX] = 0;
    }
    if (space->branches == NULL && tick != space->tick) {
        heap->free(heap, space->ids.at);
        space->ids = (struct sws_ids){.at = NULL};
    }
}
