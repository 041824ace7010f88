#include "base/check.h"
#include "rmg/change/diff_priv.h"
#include "rmg/store/after.h"

/* Two subtrees that hang at the same nibble are compared. One may begin deeper than the other,
 * since chains are left out: then it lies below one slot of the other. */

struct item {
    uint32_t ref; /* 0: nothing */
    bool is_leaf;
    const uint8_t *hash; /* of the slot that it came from; NULL: a root */
};

struct diff {
    const struct rmg_graph *graph[2];
    const struct trie_spec *spec;
    trie_diff_visit *visit;
    void *user;
    unsigned map;
    bool stopped;
    uint64_t steps; /* the bound of the walk */
};

static enum jit_err leaf_at(struct diff *d, int side, uint32_t ref, const uint8_t **leaf)
{
    *leaf = trie_leaf(&d->graph[side]->mem, d->spec, ref);
    if (d->graph[side]->slots != NULL) {
        ++*d->graph[side]->slots;
    }
    return *leaf == NULL ? JIT_ECORRUPT : JIT_OK;
}

static void tell(struct diff *d, const uint8_t *before, const uint8_t *after)
{
    d->stopped = d->stopped || !d->visit(d->user, before, after);
}

/* All leaves of one side. */
static enum jit_err tell_all(struct diff *d, int side, const struct item *item)
{
    struct rmg_iter iter;
    const uint8_t *leaf = NULL;
    uint32_t ref = 0;
    enum jit_err err = JIT_OK;
    trie_iter_begin(&iter, d->graph[side], d->map, item->ref, item->is_leaf);
    iter.steps = d->steps; /* one bound for the whole walk */
    while (!d->stopped && (err = trie_iter_next(&iter, &leaf, &ref)) == JIT_OK) {
        tell(d, side == 0 ? leaf : NULL, side == 1 ? leaf : NULL);
    }
    d->steps = iter.steps;
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* Any key below an item. */
static enum jit_err any_leaf(struct diff *d, int side, const struct item *item,
                             const uint8_t **leaf)
{
    return item->is_leaf ? leaf_at(d, side, item->ref, leaf)
                         : trie_first_leaf(&d->graph[side]->mem, d->spec, item->ref, leaf);
}

/* The slots of nibble `depth` below which an item has something; slot: where all of it lies, when
 * it begins deeper. */
static unsigned slots_of(const struct item *item, const struct trie_view *view, unsigned depth,
                         unsigned slot)
{
    return item->is_leaf || view->depth != depth ? 1u << slot : view->map;
}

/* What lies below the next of these slots. */
static struct item child_of(const struct diff *d, const struct item *item,
                            const struct trie_view *view, unsigned depth, unsigned slot,
                            unsigned index)
{
    if (item->is_leaf || view->depth != depth) {
        return *item; /* equal hashes mean equal content wherever they hang, so it may go along */
    }
    const uint8_t *hashes = view->at + sizeof(struct trie_node) + view->children * sizeof(uint32_t);
    return (struct item){trie_ref(d->spec, view, index), trie_has(view->leaf, slot),
                         hashes + index * JIT_ID_BYTES};
}

static bool same(const struct diff *d, const struct item *a, const struct item *b)
{
    bool one_memory = d->graph[0]->mem.base == d->graph[1]->mem.base;
    return (one_memory && a->ref == b->ref && a->is_leaf == b->is_leaf) ||
           (a->hash != NULL && b->hash != NULL && memcmp(a->hash, b->hash, JIT_ID_BYTES) == 0);
}

static enum jit_err leaf_pair(struct diff *d, const struct item *a, const struct item *b)
{
    const uint8_t *x = NULL;
    const uint8_t *y = NULL;
    if (leaf_at(d, 0, a->ref, &x) != JIT_OK || leaf_at(d, 1, b->ref, &y) != JIT_OK) {
        return JIT_ECORRUPT;
    }
    const size_t id = offsetof(struct leaf_node, id);
    int order = memcmp(x + id, y + id, JIT_ID_BYTES);
    if (order == 0) {
        tell(d, x, y); /* the hashes of the slots differ */
        return JIT_OK;
    }
    tell(d, order < 0 ? x : NULL, order < 0 ? NULL : y);
    if (!d->stopped) {
        tell(d, order < 0 ? NULL : x, order < 0 ? y : NULL);
    }
    return JIT_OK;
}

static enum jit_err diff_items(struct diff *d, const struct item *a, const struct item *b,
                               unsigned hang);

/* slots: of nibble `depth`, which both items have reached. */
static enum jit_err diff_children(struct diff *d, const struct item *item[2],
                                  const struct trie_view view[2], const unsigned slots[2],
                                  unsigned depth)
{
    unsigned index[2] = {0, 0};
    enum jit_err err = JIT_OK;
    for (unsigned left = slots[0] | slots[1]; left != 0; left &= left - 1) {
        const unsigned slot = (unsigned)__builtin_ctz(left);
        struct item child[2] = {{0, false, NULL}, {0, false, NULL}};
        for (int side = 0; side < 2; side++) {
            if (trie_has(slots[side], slot)) {
                child[side] = child_of(d, item[side], &view[side], depth, slot, index[side]++);
            }
        }
        if (!same(d, &child[0], &child[1])) {
            err = diff_items(d, &child[0], &child[1], depth + 1);
        }
        if (err != JIT_OK || d->stopped) {
            break;
        }
    }
    return err;
}

static enum jit_err diff_items(struct diff *d, const struct item *a, const struct item *b,
                               unsigned hang)
{
    struct trie_view view[2] = {{0}};
    const struct item *item[2] = {a, b};
    unsigned depth[2];
    if (d->stopped || (a->ref == 0 && b->ref == 0)) {
        return JIT_OK;
    }
    if (a->ref == 0 || b->ref == 0) {
        return a->ref == 0 ? tell_all(d, 1, b) : tell_all(d, 0, a);
    }
    if (a->is_leaf && b->is_leaf) {
        return leaf_pair(d, a, b);
    }
    for (int side = 0; side < 2; side++) {
        depth[side] = trie_key_nibbles(d->spec);
        if (d->steps == 0) {
            return JIT_ECORRUPT;
        }
        d->steps--;
        if (!item[side]->is_leaf) {
            if (!trie_look(&d->graph[side]->mem, d->spec, item[side]->ref, hang, &view[side])) {
                return JIT_ECORRUPT;
            }
            depth[side] = view[side].depth;
        }
    }
    unsigned top = depth[0] < depth[1] ? depth[0] : depth[1];
    unsigned slot[2] = {0, 0};
    if (top > hang || depth[0] != depth[1]) {
        const uint8_t *leaf[2];
        if (any_leaf(d, 0, a, &leaf[0]) != JIT_OK || any_leaf(d, 1, b, &leaf[1]) != JIT_OK) {
            return JIT_ECORRUPT;
        }
        struct trie_key key[2] = {trie_key_of_leaf(d->spec, leaf[0]),
                                  trie_key_of_leaf(d->spec, leaf[1])};
        unsigned differ = trie_key_differ(&key[0], &key[1], top);
        if (differ < top) {
            int first = trie_nibble(&key[0], differ) < trie_nibble(&key[1], differ) ? 0 : 1;
            enum jit_err err = tell_all(d, first, item[first]);
            return err == JIT_OK ? tell_all(d, 1 - first, item[1 - first]) : err;
        }
        slot[0] = trie_nibble(&key[0], top);
        slot[1] = trie_nibble(&key[1], top);
    }
    const unsigned slots[2] = {slots_of(a, &view[0], top, slot[0]),
                               slots_of(b, &view[1], top, slot[1])};
    return diff_children(d, item, view, slots, top);
}

enum jit_err trie_diff(const struct rmg_graph *a, uint32_t a_root, const struct rmg_graph *b,
                       uint32_t b_root, unsigned map, trie_diff_visit *visit, void *user,
                       uint64_t *steps)
{
    struct diff d = {.graph = {a, b},
                     .spec = &trie_specs[map],
                     .map = map,
                     .visit = visit,
                     .user = user,
                     .steps = *steps};
    struct item x = {a_root, false, NULL};
    struct item y = {b_root, false, NULL};
    enum jit_err err = same(&d, &x, &y) ? JIT_OK : diff_items(&d, &x, &y, 0);
    *steps = d.steps;
    return err;
}

struct graph_diff {
    bool (*visit)(void *user, const struct rmg_change *change);
    void *user;
    enum rmg_map map;
    bool stopped;
};

static bool graph_diff_visit(void *user, const uint8_t *before, const uint8_t *after)
{
    struct graph_diff *g = user;
    struct rmg_change change = {.map = g->map, .before = before != NULL, .after = after != NULL};
    const uint8_t *leaf = before != NULL ? before : after;
    assert(leaf != NULL);
    memcpy(&change.id, leaf + offsetof(struct leaf_node, id), sizeof change.id);
    g->stopped = !g->visit(g->user, &change);
    return !g->stopped;
}

enum jit_err rmg_graph_diff(const struct rmg_graph *a, const struct rmg_graph *b,
                            bool (*visit)(void *user, const struct rmg_change *change), void *user)
{
    struct graph_diff g = {.visit = visit, .user = user};
    uint64_t steps = (a->mem.size + b->mem.size) / RMG_GRANULE;
    enum jit_err err = JIT_OK;
    if (b->after != NULL) {
        return rmg_after_diff(b->after, visit, user);
    }
    for (unsigned map = 0; err == JIT_OK && !g.stopped && map < RMG_MAPS_HASHED; map++) {
        g.map = (enum rmg_map)map;
        err = trie_diff(a, a->roots.ref[map], b, b->roots.ref[map], map, graph_diff_visit, &g,
                        &steps);
    }
    return err;
}
