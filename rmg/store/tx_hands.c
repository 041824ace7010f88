#include "rmg/store/tx_hands.h"

#include "rmg/store/store_priv.h"

/* Fewer than so many operations are done by one before a thread has woken up. */
#define WORTH_MIN 256u
/* New memory for a hand: what an operation mostly takes, a leaf and its share of copied nodes. */
#define OP_BYTES   1280u
#define HAND_BYTES 4096u

struct rmg_hands {
    struct rmg_tx *tx;
    struct rmg_mem mem;
    struct tx_hand *hands;
    uint32_t arena;
    enum rmg_map map;
    uint32_t owners;      /* root of the map that says who exists */
    uint32_t *links[256]; /* where the subtree of a first byte hangs; NULL: not in a hand */
};

void rmg_tx_exec(struct rmg_tx *tx, struct jit_exec *exec)
{
    tx->exec = exec != NULL && exec->threads > 1 ? exec : NULL;
}

struct jit_exec *rmg_tx_exec_of(const struct rmg_tx *tx)
{
    return tx->exec == NULL ? jit_exec_inline() : tx->exec;
}

/* ---- hands ---- */

static enum jit_err hands_ready(struct rmg_store *store, uint32_t arena)
{
    if (store->open == NULL) {
        store->open = jit_heap_zalloc(store->heap, 1, sizeof *store->open);
    }
    if (store->hands[arena] == NULL) {
        struct tx_hand *hands = jit_heap_zalloc(store->heap, RMG_HANDS, sizeof *hands);
        const struct rmg_arena *whole = store->options.arenas[arena];
        for (uint32_t h = 0; hands != NULL && h < RMG_HANDS; h++) {
            rmg_arena_part(&hands[h].arena, whole);
            hands[h].arena.live = HAND_LIVE;
        }
        store->hands[arena] = hands;
    }
    return store->open == NULL || store->hands[arena] == NULL ? JIT_ENOMEM : JIT_OK;
}

void store_hands_free(struct rmg_store *store)
{
    for (uint32_t arena = 0; arena < RMG_ARENAS_MAX; arena++) {
        store->heap->free(store->heap, store->hands[arena]);
    }
    store->heap->free(store->heap, store->open);
}

/* What a hand took and gave back counts for the whole. */
static void hand_settle(struct rmg_arena *whole, struct rmg_arena *part)
{
    whole->live += part->live - HAND_LIVE;
    part->live = HAND_LIVE;
}

void store_hand_release(struct rmg_store *store, uint32_t arena, uint32_t hand, uint32_t ref,
                        uint64_t size)
{
    struct rmg_arena *part = &store->hands[arena][hand - 1].arena;
    rmg_arena_release(part, ref, size);
    hand_settle(store->options.arenas[arena], part);
}

void store_hands_return(struct rmg_store *store)
{
    for (uint32_t arena = 0; arena < store->options.arena_count; arena++) {
        for (uint32_t h = 0; store->hands[arena] != NULL && h < RMG_HANDS; h++) {
            rmg_arena_absorb(store->options.arenas[arena], &store->hands[arena][h].arena);
        }
    }
}

/* ---- opening ---- */

/* Memory of its own for each hand that will write: little is needed of it where as much was given
 * back, so it is filled up when it runs low. That it is at hand does not count: reservation
 * has made sure of what the operations need without it. */
static void give_memory(struct rmg_hands *hands, const uint32_t operations[256])
{
    struct rmg_arena *whole = hands->tx->store->options.arenas[hands->arena];
    uint64_t more[RMG_HANDS];
    uint64_t total = 0;
    for (uint32_t h = 0; h < RMG_HANDS; h++) {
        uint64_t count = 0;
        for (uint32_t b = h * RMG_HAND_BYTES; b < (h + 1) * RMG_HAND_BYTES; b++) {
            count += hands->links[b] != NULL ? operations[b] : 0;
        }
        const struct rmg_arena *part = &hands->hands[h].arena;
        uint64_t wanted = count > 0 ? HAND_BYTES + count * OP_BYTES : 0;
        more[h] = part->hole_end - part->hole >= wanted / 4 ? 0 : wanted;
        total += more[h];
    }
    if (total > hands->tx->spare_bytes) {
        return; /* the hands do with what they have */
    }
    hands->tx->spare_bytes -= total;
    for (uint32_t h = 0; h < RMG_HANDS; h++) {
        if (more[h] > 0 && rmg_arena_feed(whole, &hands->hands[h].arena, more[h]) != JIT_OK) {
            return;
        }
    }
}

static enum jit_err own_tops(struct rmg_hands *hands, const uint32_t operations[256])
{
    struct rmg_tx *tx = hands->tx;
    struct trie_pen pen = tx_pen(tx, hands->arena);
    enum jit_err err = tx_own(tx);
    for (unsigned b = 0; b < 256 && err == JIT_OK; b++) {
        hands->links[b] = NULL;
        if (operations[b] > 0) {
            err = trie_own_top(&pen, &trie_specs[hands->map], &tx->at->roots.ref[hands->map], b,
                               &hands->links[b]);
        }
    }
    return err;
}

enum jit_err rmg_hands_open(struct rmg_tx *tx, const struct jit_id *instance, enum rmg_plane plane,
                            const uint32_t operations[256], struct rmg_hands **out)
{
    uint64_t total = 0;
    *out = NULL;
    for (unsigned b = 0; b < 256; b++) {
        total += operations[b];
    }
    if (tx->exec == NULL || total < WORTH_MIN) {
        return JIT_OK;
    }
    enum jit_err err = tx_find(tx, instance);
    if (err == JIT_OK) {
        err = hands_ready(tx->store, tx->at->arena);
    }
    if (err != JIT_OK) {
        return err;
    }
    struct rmg_hands *hands = tx->store->open;
    hands->tx = tx;
    hands->arena = tx->at->arena;
    hands->hands = tx->store->hands[hands->arena];
    hands->map = plane == RMG_PLANE_ALPHA ? RMG_ALPHA : RMG_BETA;
    err = own_tops(hands, operations);
    if (err != JIT_OK) {
        return err;
    }
    give_memory(hands, operations);
    hands->owners = tx->at->roots.ref[hands->map == RMG_ALPHA ? RMG_NODES : RMG_EDGES];
    hands->mem = store_mem(tx->store, hands->arena); /* all that was ever handed out */
    *out = hands;
    return JIT_OK;
}

/* ---- writing ---- */

enum jit_err rmg_hands_set(struct rmg_hands *hands, const struct jit_id *owner,
                           const struct rmg_attachment *attachment)
{
    const unsigned byte = owner->bytes[0];
    const uint32_t number = byte / RMG_HAND_BYTES;
    struct tx_hand *hand = &hands->hands[number];
    uint32_t *link = hands->links[byte];
    struct owner_look look;
    if (link == NULL || attachment->value.kind != RMG_VALUE_ATOM) {
        return JIT_ENOSPC; /* the transaction counts portals */
    }
    enum jit_err err = attachment_judge(attachment);
    if (err == JIT_OK) {
        err =
            tx_owner_look(&hands->mem, hands->map, *link, hands->owners, owner, attachment, &look);
    }
    if (err != JIT_OK || look.same) {
        return err;
    }
    if (look.edit.replaces != NULL && look.entry.attachment.value.kind != RMG_VALUE_ATOM) {
        return JIT_ENOSPC;
    }
    struct trie_pen pen = {.heap = hands->tx->store->heap,
                           .arena = &hand->arena,
                           .arena_index = hands->arena,
                           .epoch = hands->tx->epoch,
                           .fork = hands->tx->fork,
                           .dead = &hand->dead,
                           .lost = hands->tx->line == NULL ? NULL : &hand->lost,
                           .spare = &hand->spare,
                           .counters = &hand->counters,
                           .hand = number + 1};
    return tx_owner_write(&pen, hands->map, link, &look.place, &look.edit);
}

/* ---- closing ---- */

/* Behind the list's head, which may have room for more. */
static void dead_join(struct dead_list *to, struct dead_list *from)
{
    struct dead_chunk *last = from->head;
    if (last == NULL) {
        return;
    }
    while (last->next != NULL) {
        last = last->next;
    }
    if (to->head == NULL) {
        to->head = from->head;
    } else {
        last->next = to->head->next;
        to->head->next = from->head;
    }
    from->head = NULL;
}

void rmg_hands_close(struct rmg_hands *hands)
{
    struct rmg_store *store = hands->tx->store;
    for (uint32_t h = 0; h < RMG_HANDS; h++) {
        struct tx_hand *hand = &hands->hands[h];
        hand_settle(store->options.arenas[hands->arena], &hand->arena);
        dead_join(&hands->tx->dead, &hand->dead);
        dead_join(&hands->tx->lost, &hand->lost);
        store->counters.nodes_copied += hand->counters.nodes_copied;
        store->counters.leaves_made += hand->counters.leaves_made;
        store->counters.hashes += hand->counters.hashes;
        hand->counters = (struct rmg_counters){0};
    }
    hands->tx = NULL;
}
