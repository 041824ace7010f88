#include "rmg/store/store_priv.h"

/* Why dropping may give back at once what the branch made: every cell that is younger than the fork
 * and reachable from the head was made by the branch itself, and nobody else could come to refer to
 * it but branches forked from its versions, which are gone. What the branch made and replaced again
 * lies in the lists of the dead. */

enum jit_err rmg_branch_fork(struct rmg_store *store, const struct rmg_version *from,
                             struct rmg_branch *out)
{
    enum jit_err err = store_pin_any(store, from);
    if (err == JIT_OK) {
        *out = (struct rmg_branch){.base = *from, .head = *from};
    }
    return err;
}

void rmg_branch_drop(struct rmg_store *store, struct rmg_branch *branch)
{
    assert(store->tx.store == NULL);
    if (branch->over) {
        return;
    }
    store->tx.store = store; /* a pen needs one */
    tx_abandon(&store->tx, branch->head.instances, branch->base.epoch + 1);
    store->tx.store = NULL;
    store_lost_drop(store, branch);
    rmg_store_unpin(store, &branch->base);
    *branch = (struct rmg_branch){.over = true};
}

/* What the branch made is then younger than the fork of `into`, and reachable from its head: as if
 * `into` had made it. What the branch replaced is dead for `into` too, since its head is not the
 * branch's base any more. */
void rmg_branch_adopt(struct rmg_store *store, struct rmg_branch *branch, struct rmg_branch *into)
{
    struct rmg_version *line = into == NULL ? &store->newest : &into->head;
    struct dead_list lost = {.head = branch->lost};
    assert(store->tx.store == NULL && !branch->over);
    assert(line->epoch == branch->base.epoch);
    *line = branch->head;
    rmg_store_unpin(store, &branch->base);
    if (into == NULL) {
        store_bury(store, &lost, store->pin_count);
    } else {
        store_lose(store, &lost, into);
    }
    *branch = (struct rmg_branch){.over = true};
}

/* ---- what lies there already ---- */

void rmg_store_attach(struct rmg_store *store, const struct rmg_version *version)
{
    assert(store->newest.epoch == 0 && store->pin_count == 0 && store->tx.store == NULL);
    assert(version->epoch >= store->epoch);
    store->newest = *version;
    store->epoch = version->epoch;
}

enum jit_err rmg_tx_adopt(struct rmg_tx *tx, const struct rmg_instance *instance)
{
    assert(instance->arena < tx->store->options.arena_count);
    enum jit_err err = tx_find(tx, &instance->id);
    if (err == JIT_ENOENT) {
        err = tx_instance_new(tx, &instance->id);
    } else if (err == JIT_OK) {
        err = tx_own(tx);
    }
    if (err == JIT_OK) {
        struct leaf_instance *leaf = tx->at;
        leaf->root_node = instance->root_node;
        leaf->roots = instance->roots;
        leaf->arena = instance->arena;
        memcpy(leaf->map_root, instance->map_root, sizeof leaf->map_root);
        leaf->skeleton = instance->skeleton;
        leaf->attachments = instance->attachments;
        store_parent_set(leaf, &instance->parent);
        tx->adopted = true;
    }
    return err;
}

enum jit_err rmg_tx_disown(struct rmg_tx *tx, const struct jit_id *id)
{
    const struct trie_spec *spec = &trie_specs[TRIE_INSTANCES];
    const struct trie_key key = trie_key_of_id(id);
    struct trie_pen pen = tx_pen(tx, 0);
    const struct rmg_mem mem = store_mem(tx->store, 0);
    struct trie_place place;
    enum jit_err err = tx_find(tx, id);
    if (err == JIT_OK) {
        err = trie_find(&mem, spec, tx->instances, &key, &place);
    }
    if (err == JIT_OK) {
        err = trie_remove(&pen, spec, &tx->instances, &key);
    }
    if (err == JIT_OK) {
        tx->at = NULL;
        tx->instance_count--;
        tx->adopted = true;
        err = trie_cell_drop(&pen, place.ref, sizeof(struct leaf_instance));
    }
    return err;
}
