#include "rmg/store/store_priv.h"

/* Hashing side by side: the parts of all maps of an instance, claimed by a counter. Each of the
 * crew has a hasher of its own and writes to its parts only; what lies above them is hashed
 * afterwards, by one. */

#define CREW_MAX  16u
#define PARTS_MAX (RMG_MAPS_HASHED * TRIE_PARTS_MAX)
#define WORTH_MIN 32u /* parts; a few changes have fewer */

struct tx_crew {
    unsigned size;
    struct trie_hasher *hashers[CREW_MAX];
    struct rmg_counters counters[CREW_MAX];
    size_t next; /* the part that nobody has claimed yet; atomic */
    size_t count;
    struct trie_part parts[PARTS_MAX];
};

void store_crew_free(struct rmg_store *store)
{
    struct tx_crew *crew = store->crew;
    for (unsigned i = 0; crew != NULL && i < crew->size; i++) {
        trie_hasher_free(store->heap, crew->hashers[i]);
    }
    store->heap->free(store->heap, crew);
}

/* As many as there are threads, or as there is memory for. */
static unsigned crew_ready(struct rmg_store *store, unsigned wanted)
{
    if (store->crew == NULL) {
        store->crew = jit_heap_zalloc(store->heap, 1, sizeof *store->crew);
    }
    struct tx_crew *crew = store->crew;
    while (crew != NULL && crew->size < wanted &&
           trie_hasher_new(store->heap, &crew->hashers[crew->size]) == JIT_OK) {
        crew->size++;
    }
    return crew == NULL ? 0 : crew->size < wanted ? crew->size : wanted;
}

static void hash_task(void *user, size_t index)
{
    struct tx_crew *crew = user;
    struct trie_hasher *hasher = crew->hashers[index];
    for (;;) {
        size_t at = __atomic_fetch_add(&crew->next, 1, __ATOMIC_RELAXED);
        if (at >= crew->count) {
            break;
        }
        trie_hasher_add_part(hasher, &crew->parts[at]);
    }
    trie_hasher_finish(hasher, &crew->counters[index]);
}

void tx_crew_hash(struct rmg_tx *tx, struct leaf_instance *leaf)
{
    struct rmg_store *store = tx->store;
    const struct rmg_mem mem = store_mem(store, leaf->arena);
    unsigned threads = tx->exec == NULL ? 1 : tx->exec->threads;
    unsigned size = threads < 2 ? 0 : crew_ready(store, threads < CREW_MAX ? threads : CREW_MAX);
    if (size < 2) {
        return;
    }
    struct tx_crew *crew = store->crew;
    crew->count = 0;
    crew->next = 0;
    for (unsigned map = 0; map < RMG_MAPS_HASHED; map++) {
        crew->count =
            trie_parts(&mem, map, leaf->roots.ref[map], crew->parts, crew->count, PARTS_MAX);
    }
    if (crew->count < WORTH_MIN) {
        return;
    }
    tx->exec->run(tx->exec, size, hash_task, crew);
    for (unsigned i = 0; i < size; i++) {
        store->counters.hashes += crew->counters[i].hashes;
        crew->counters[i].hashes = 0;
    }
    for (size_t i = 0; i < crew->count; i++) {
        trie_part_hashed(&crew->parts[i]);
    }
}
