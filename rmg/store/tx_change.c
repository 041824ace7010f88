#include "rmg/store/store_priv.h"

/* Each change first looks, then owns the instance's leaf and writes. An index refers to the leaves
 * of NODES and EDGES: what is replaced leaves the indexes before the map, so that no index ever
 * refers to a leaf that is gone. */

static enum jit_err change_find(struct rmg_tx *tx, enum rmg_map map, const struct jit_id *id,
                                struct trie_place *place, bool *found)
{
    const struct rmg_mem mem = store_mem(tx->store, tx->at->arena);
    const struct trie_key key = trie_key_of_id(id);
    enum jit_err err = trie_find(&mem, &trie_specs[map], tx->at->roots.ref[map], &key, place);
    *found = err == JIT_OK && place->leaf != NULL && place->differ == JIT_ID_BYTES * 2;
    return err;
}

/* JIT_OK when it is there, `missing` when not. */
static enum jit_err must_have(struct rmg_tx *tx, enum rmg_map map, const struct jit_id *id,
                              enum jit_err missing)
{
    const struct rmg_mem mem = store_mem(tx->store, tx->at->arena);
    const struct trie_key key = trie_key_of_id(id);
    const uint8_t *leaf = NULL;
    enum jit_err err = trie_get(&mem, &trie_specs[map], tx->at->roots.ref[map], &key, &leaf);
    return err == JIT_ENOENT ? missing : err;
}

static enum jit_err index_put(struct rmg_tx *tx, enum rmg_map map, uint32_t leaf)
{
    struct trie_pen pen = tx_pen(tx, tx->at->arena);
    const struct rmg_mem mem = store_mem(tx->store, tx->at->arena);
    const struct trie_spec *spec = &trie_specs[map];
    const struct trie_key key = trie_key_of_leaf(spec, rmg_arena_at(pen.arena, leaf));
    struct trie_place place;
    enum jit_err err = trie_find(&mem, spec, tx->at->roots.ref[map], &key, &place);
    return err == JIT_OK ? trie_put(&pen, spec, &tx->at->roots.ref[map], &key, &place, leaf) : err;
}

static enum jit_err index_remove(struct rmg_tx *tx, enum rmg_map map, uint32_t leaf)
{
    struct trie_pen pen = tx_pen(tx, tx->at->arena);
    const struct trie_key key = trie_key_of_leaf(&trie_specs[map], rmg_arena_at(pen.arena, leaf));
    return trie_remove(&pen, &trie_specs[map], &tx->at->roots.ref[map], &key);
}

static const enum rmg_map node_indexes[] = {RMG_NODE_TYPES};
static const enum rmg_map edge_indexes[] = {RMG_OUT, RMG_IN, RMG_EDGE_TYPES};

struct record {
    enum rmg_map map;
    const enum rmg_map *indexes;
    unsigned index_count;
    const struct jit_id *id;
    const void *body; /* what follows the epoch in the leaf */
};

static enum jit_err record_indexes(struct rmg_tx *tx, const struct record *record, uint32_t leaf,
                                   bool put)
{
    enum jit_err err = JIT_OK;
    for (unsigned i = 0; err == JIT_OK && i < record->index_count; i++) {
        err = put ? index_put(tx, record->indexes[i], leaf)
                  : index_remove(tx, record->indexes[i], leaf);
    }
    return err;
}

/* Put a record's leaf in place of the one there (found) or as a new one. */
static enum jit_err record_put(struct rmg_tx *tx, const struct record *record,
                               const struct trie_place *place, bool found)
{
    const struct trie_spec *spec = &trie_specs[record->map];
    const struct trie_key key = trie_key_of_id(record->id);
    uint32_t ref = 0;
    enum jit_err err = tx_own(tx);
    struct trie_pen pen = tx_pen(tx, tx->at->arena);
    if (err == JIT_OK && found) {
        err = record_indexes(tx, record, place->ref, false);
    }
    if (err == JIT_OK) {
        err = trie_cell_new(&pen, spec->leaf_size, &ref);
    }
    if (err != JIT_OK) {
        return err;
    }
    memcpy((uint8_t *)rmg_arena_at(pen.arena, ref) + sizeof(uint64_t), record->body,
           spec->leaf_size - sizeof(uint64_t));
    err = trie_put(&pen, spec, &tx->at->roots.ref[record->map], &key, place, ref);
    if (err != JIT_OK) {
        rmg_arena_release(pen.arena, ref, spec->leaf_size);
        return err;
    }
    pen.counters->leaves_made++;
    if (found) {
        err = trie_cell_drop(&pen, place->ref, spec->leaf_size);
    }
    return err == JIT_OK ? record_indexes(tx, record, ref, true) : err;
}

static enum jit_err record_delete(struct rmg_tx *tx, const struct record *record, uint32_t leaf)
{
    const struct trie_spec *spec = &trie_specs[record->map];
    const struct trie_key key = trie_key_of_id(record->id);
    enum jit_err err = tx_own(tx);
    struct trie_pen pen = tx_pen(tx, tx->at->arena);
    if (err == JIT_OK) {
        err = record_indexes(tx, record, leaf, false);
    }
    if (err == JIT_OK) {
        err = trie_remove(&pen, spec, &tx->at->roots.ref[record->map], &key);
    }
    return err == JIT_OK ? trie_cell_drop(&pen, leaf, spec->leaf_size) : err;
}

enum jit_err rmg_tx_upsert_node(struct rmg_tx *tx, const struct jit_id *instance,
                                const struct jit_id *id, const struct jit_id *type)
{
    const struct jit_id body[2] = {*id, *type};
    const struct record record = {RMG_NODES, node_indexes, 1, &body[0], body};
    struct trie_place place;
    bool found = false;
    if (jit_id_is_zero(type)) {
        return JIT_EINVALID;
    }
    enum jit_err err = tx_find(tx, instance);
    if (err == JIT_OK) {
        err = change_find(tx, RMG_NODES, id, &place, &found);
    }
    if (err != JIT_OK) {
        return err;
    }
    if (found && jit_id_equal(&((const struct leaf_node *)(const void *)place.leaf)->type, type)) {
        return JIT_OK;
    }
    err = record_put(tx, &record, &place, found);
    if (err == JIT_OK && !found) {
        tx->at->roots.node_count++;
    }
    return err;
}

enum jit_err rmg_tx_delete_node(struct rmg_tx *tx, const struct jit_id *instance,
                                const struct jit_id *id)
{
    const struct jit_id copy = *id;
    const struct record record = {RMG_NODES, node_indexes, 1, &copy, NULL};
    struct trie_place place;
    struct rmg_graph graph;
    uint64_t out = 0;
    uint64_t in = 0;
    bool found = false;
    enum jit_err err = tx_find(tx, instance);
    if (err == JIT_OK) {
        err = change_find(tx, RMG_NODES, id, &place, &found);
    }
    if (err == JIT_OK && !found) {
        err = JIT_ENOENT;
    }
    if (err != JIT_OK) {
        return err;
    }
    tx_view(tx, &graph);
    err = rmg_degree(&graph, id, RMG_DIR_OUT, NULL, &out);
    if (err == JIT_OK) {
        err = rmg_degree(&graph, id, RMG_DIR_IN, NULL, &in);
    }
    if (err == JIT_OK && out + in > 0) {
        err = JIT_EDANGLING;
    }
    if (err == JIT_OK) {
        err = must_have(tx, RMG_ALPHA, id, JIT_ENOENT);
        err = err == JIT_OK ? JIT_EINVALID : err == JIT_ENOENT ? JIT_OK : err;
    }
    if (err == JIT_OK && jit_id_equal(id, &tx->at->root_node)) {
        err = tx_touch(tx, instance);
    }
    if (err == JIT_OK) {
        err = record_delete(tx, &record, place.ref);
    }
    if (err == JIT_OK) {
        tx->at->roots.node_count--;
    }
    return err;
}

enum jit_err rmg_tx_upsert_edge(struct rmg_tx *tx, const struct jit_id *instance,
                                const struct rmg_edge *edge)
{
    const struct rmg_edge body = *edge;
    const struct record record = {RMG_EDGES, edge_indexes, 3, &body.id, &body};
    struct trie_place place;
    bool found = false;
    if (jit_id_is_zero(&body.type)) {
        return JIT_EINVALID;
    }
    enum jit_err err = tx_find(tx, instance);
    if (err == JIT_OK) {
        err = change_find(tx, RMG_EDGES, &body.id, &place, &found);
    }
    if (err != JIT_OK) {
        return err;
    }
    if (found && memcmp(place.leaf + sizeof(uint64_t), &body, sizeof body) == 0) {
        return JIT_OK;
    }
    err = must_have(tx, RMG_NODES, &body.from, JIT_EDANGLING);
    if (err == JIT_OK) {
        err = must_have(tx, RMG_NODES, &body.to, JIT_EDANGLING);
    }
    if (err == JIT_OK) {
        err = record_put(tx, &record, &place, found);
    }
    if (err == JIT_OK && !found) {
        tx->at->roots.edge_count++;
    }
    return err;
}

enum jit_err rmg_tx_delete_edge(struct rmg_tx *tx, const struct jit_id *instance,
                                const struct jit_id *id)
{
    const struct jit_id copy = *id;
    const struct record record = {RMG_EDGES, edge_indexes, 3, &copy, NULL};
    struct trie_place place;
    bool found = false;
    enum jit_err err = tx_find(tx, instance);
    if (err == JIT_OK) {
        err = change_find(tx, RMG_EDGES, id, &place, &found);
    }
    if (err == JIT_OK && !found) {
        err = JIT_ENOENT;
    }
    if (err == JIT_OK) {
        err = must_have(tx, RMG_BETA, id, JIT_ENOENT);
        err = err == JIT_OK ? JIT_EINVALID : err == JIT_ENOENT ? JIT_OK : err;
    }
    if (err == JIT_OK) {
        err = record_delete(tx, &record, place.ref);
    }
    if (err == JIT_OK) {
        tx->at->roots.edge_count--;
    }
    return err;
}

/* ---- attachments ---- */

static bool value_equal(const struct rmg_value *a, const struct rmg_value *b)
{
    return a->kind == b->kind && jit_id_equal(&a->type, &b->type) &&
           (a->kind != RMG_VALUE_ATOM ||
            (a->size == b->size && (a->size == 0 || memcmp(a->bytes, b->bytes, a->size) == 0)));
}

/* Where the name is or belongs. Errors: JIT_ENOENT (edit->at is where it belongs). */
static enum jit_err entry_find(const struct rmg_mem *mem, const char *name, uint32_t name_size,
                               struct owner_edit *edit, struct owner_entry *entry)
{
    struct owner_walk walk;
    enum jit_err err = owner_walk_begin(mem, edit->old, &walk);
    while (err == JIT_OK) {
        edit->at = walk.at;
        err = owner_walk_next(&walk, entry);
        if (err == JIT_OK) {
            int order = owner_name_compare(entry->attachment.name, entry->attachment.name_size,
                                           name, name_size);
            if (order >= 0) {
                return order == 0 ? JIT_OK : JIT_ENOENT;
            }
        }
    }
    return err;
}

enum jit_err tx_owner_write(struct trie_pen *pen, enum rmg_map map, uint32_t *root,
                            const struct trie_place *place, const struct owner_edit *edit)
{
    const struct trie_spec *spec = &trie_specs[map];
    const struct trie_key key = trie_key_of_id(edit->owner);
    enum jit_err err = JIT_OK;
    if (owner_leaf_overwrite(pen, edit)) {
        return JIT_OK;
    }
    if (edit->attachment == NULL &&
        ((const struct leaf_owner *)(const void *)edit->old)->count == 1) {
        err = trie_remove(pen, spec, root, &key);
    } else {
        uint32_t leaf = 0;
        struct leaf_cell cell;
        err = owner_leaf_edit(pen, edit, &leaf, &cell);
        if (err == JIT_OK) {
            err = trie_put(pen, spec, root, &key, place, leaf);
            if (err != JIT_OK) {
                owner_leaf_release(pen, edit, leaf, &cell);
            }
        }
    }
    if (err == JIT_OK && edit->old != NULL) {
        err = trie_cell_drop(pen, place->ref, owner_leaf_size(edit->old));
    }
    if (err == JIT_OK && edit->replaces != NULL && edit->replaces->cell != 0) {
        err = trie_cell_drop(pen, edit->replaces->cell,
                             (uint32_t)sizeof(struct atom_cell) +
                                 edit->replaces->attachment.value.size);
    }
    return err;
}

static enum jit_err owner_change(struct rmg_tx *tx, enum rmg_map map,
                                 const struct trie_place *place, const struct owner_edit *edit)
{
    enum jit_err err = tx_own(tx);
    if (err != JIT_OK) {
        return err;
    }
    struct trie_pen pen = tx_pen(tx, tx->at->arena);
    return tx_owner_write(&pen, map, &tx->at->roots.ref[map], place, edit);
}

/* Count portals, and remember whose portal went away: its place is judged at seal. */
static enum jit_err portals_note(struct rmg_tx *tx, const struct owner_entry *before,
                                 const struct rmg_attachment *after)
{
    if (after != NULL && after->value.kind == RMG_VALUE_PORTAL) {
        tx->portal_delta++;
    }
    if (before == NULL || before->attachment.value.kind != RMG_VALUE_PORTAL) {
        return JIT_OK;
    }
    tx->portal_delta--;
    return tx_touch(tx, &before->attachment.value.type);
}

enum jit_err tx_owner_look(const struct rmg_mem *mem, enum rmg_map map, uint32_t root,
                           uint32_t owners, const struct jit_id *owner,
                           const struct rmg_attachment *attachment, struct owner_look *out)
{
    const struct trie_key key = trie_key_of_id(owner);
    const uint8_t *leaf = NULL;
    out->edit = (struct owner_edit){.owner = owner, .attachment = attachment};
    out->same = false;
    enum jit_err err = trie_find(mem, &trie_specs[map], root, &key, &out->place);
    if (err != JIT_OK) {
        return err;
    }
    if (out->place.leaf == NULL || out->place.differ < JIT_ID_BYTES * 2) {
        /* Who has attachments exists: only a new owner is looked up. */
        enum rmg_map records = map == RMG_ALPHA ? RMG_NODES : RMG_EDGES;
        return trie_get(mem, &trie_specs[records], owners, &key, &leaf);
    }
    out->edit.old = out->place.leaf;
    err = entry_find(mem, attachment->name, attachment->name_size, &out->edit, &out->entry);
    if (err == JIT_OK) {
        out->edit.replaces = &out->entry;
        out->same = value_equal(&out->entry.attachment.value, &attachment->value);
    } else if (err == JIT_ENOENT) {
        const struct leaf_owner *old = (const struct leaf_owner *)(const void *)out->edit.old;
        err = old->count >= JIT_ATTACHMENTS_MAX ? JIT_ELIMIT : JIT_OK;
    }
    return err;
}

enum jit_err rmg_tx_set_attachment(struct rmg_tx *tx, const struct jit_id *instance,
                                   enum rmg_plane plane, const struct jit_id *owner,
                                   const struct rmg_attachment *attachment)
{
    enum rmg_map map = plane == RMG_PLANE_ALPHA ? RMG_ALPHA : RMG_BETA;
    struct owner_look look;
    assert(plane == RMG_PLANE_ALPHA || plane == RMG_PLANE_BETA);
    enum jit_err err = attachment_judge(attachment);
    if (err == JIT_OK) {
        err = tx_find(tx, instance);
    }
    if (err == JIT_OK) {
        const struct rmg_mem mem = store_mem(tx->store, tx->at->arena);
        const uint32_t *roots = tx->at->roots.ref;
        err = tx_owner_look(&mem, map, roots[map], roots[map == RMG_ALPHA ? RMG_NODES : RMG_EDGES],
                            owner, attachment, &look);
    }
    if (err != JIT_OK || look.same) {
        return err;
    }
    err = owner_change(tx, map, &look.place, &look.edit);
    return err == JIT_OK ? portals_note(tx, look.edit.replaces, attachment) : err;
}

enum jit_err rmg_tx_clear_attachment(struct rmg_tx *tx, const struct jit_id *instance,
                                     enum rmg_plane plane, const struct jit_id *owner,
                                     const char *name, uint32_t name_size)
{
    enum rmg_map map = plane == RMG_PLANE_ALPHA ? RMG_ALPHA : RMG_BETA;
    struct owner_entry entry;
    struct owner_edit edit = {.owner = owner, .replaces = &entry};
    struct trie_place place;
    bool found = false;
    assert(plane == RMG_PLANE_ALPHA || plane == RMG_PLANE_BETA);
    enum jit_err err = tx_find(tx, instance);
    if (err == JIT_OK) {
        err = change_find(tx, map, owner, &place, &found);
    }
    if (err == JIT_OK && !found) {
        err = JIT_ENOENT;
    }
    if (err == JIT_OK) {
        const struct rmg_mem mem = store_mem(tx->store, tx->at->arena);
        edit.old = place.leaf;
        err = entry_find(&mem, name, name_size, &edit, &entry);
    }
    if (err == JIT_OK) {
        err = owner_change(tx, map, &place, &edit);
    }
    return err == JIT_OK ? portals_note(tx, &entry, NULL) : err;
}
