#include "base/check.h"
#include "base/cursor.h"
#include "rmg/store/image_priv.h"

/* What the table says of an instance, and where its block is put. */
struct block {
    struct jit_id id;
    struct jit_id root_node;
    struct rmg_parent parent;
    struct jit_id map_root[RMG_MAPS_HASHED];
    uint64_t node_count;
    uint64_t edge_count;
    uint64_t owner_bytes[2]; /* of ALPHA and BETA */
    uint64_t bytes;
    uint32_t arena;
    uint32_t ref;           /* of its first granule in the arena; 0: none was taken */
    struct rmg_roots roots; /* as far as it was judged */
    uint64_t portals;
};

struct rmg_image {
    struct jit_heap *heap;
    struct rmg_store *store;
    struct jit_id state_root;
    struct image_check *check;
    uint64_t count;
    uint64_t size;         /* of all blocks */
    uint64_t next;         /* block that is given out next */
    uint64_t judged;       /* blocks */
    uint64_t judged_bytes; /* of them */
    bool judging;          /* the next one is begun */
    struct image_block in;
    struct block blocks[];
};

/* ---- the table ---- */

static enum jit_err block_decode(struct jit_cursor *in, struct block *out)
{
    struct rmg_parent *parent = &out->parent;
    const uint8_t *name = NULL;
    jit_get_id(in, &out->id);
    jit_get_id(in, &out->root_node);
    out->node_count = jit_get_u64(in);
    out->edge_count = jit_get_u64(in);
    out->owner_bytes[0] = jit_get_u64(in);
    out->owner_bytes[1] = jit_get_u64(in);
    out->bytes = jit_get_u64(in);
    for (unsigned map = 0; map < RMG_MAPS_HASHED; map++) {
        jit_get_id(in, &out->map_root[map]);
    }
    uint8_t present = jit_get_u8(in);
    parent->present = present == 1;
    if (parent->present) {
        parent->plane = (enum rmg_plane)jit_get_u8(in);
        parent->name_size = jit_get_u16(in);
        jit_get_id(in, &parent->instance);
        jit_get_id(in, &parent->owner);
        if (parent->name_size > JIT_NAME_BYTES_MAX) {
            return JIT_EFORMAT;
        }
        name = jit_get_bytes(in, parent->name_size);
        if (name != NULL) {
            memcpy(parent->name, name, parent->name_size);
        }
    }
    return in->bad || present > 1 || out->bytes % RMG_GRANULE != 0 ||
                   out->bytes > JIT_ARENA_BYTES_MAX
               ? JIT_EFORMAT
               : JIT_OK;
}

static enum jit_err table_decode(struct jit_cursor *in, uint64_t size, struct rmg_image *image)
{
    uint64_t bytes = 0;
    for (uint64_t i = 0; i < image->count; i++) {
        struct block *block = &image->blocks[i];
        enum jit_err err = block_decode(in, block);
        if (err != JIT_OK) {
            return err;
        }
        if (block->bytes > size - bytes ||
            (i > 0 && jit_id_compare(&image->blocks[i - 1].id, &block->id) >= 0)) {
            return JIT_EFORMAT;
        }
        bytes += block->bytes;
    }
    return in->left == 0 && bytes == size ? JIT_OK : JIT_EFORMAT;
}

/* ---- memory ---- */

static void give_back(struct rmg_image *image)
{
    for (uint64_t i = image->count; i-- > 0;) {
        struct block *block = &image->blocks[i];
        if (block->ref != 0) {
            rmg_arena_return(image->store->options.arenas[block->arena], block->ref, block->bytes);
            block->ref = 0;
        }
    }
}

static enum jit_err take_memory(struct rmg_image *image)
{
    const struct rmg_store_options *options = &image->store->options;
    enum jit_err err = JIT_OK;
    for (uint64_t i = 0; err == JIT_OK && i < image->count; i++) {
        struct block *block = &image->blocks[i];
        block->arena = options->arena_of == NULL ? 0 : options->arena_of(options->user, &block->id);
        if (block->bytes > 0) {
            err = rmg_arena_borrow(options->arenas[block->arena], block->bytes, &block->ref);
            block->ref = err == JIT_OK ? block->ref : 0;
        }
    }
    return err;
}

enum jit_err rmg_image_begin(struct jit_heap *heap, struct rmg_store *store, const uint8_t *table,
                             size_t table_size, uint64_t size, struct rmg_image **out)
{
    struct jit_cursor in = jit_cursor_of(table, table_size);
    struct jit_id state_root;
    *out = NULL;
    uint32_t layout = jit_get_u32(&in);
    uint32_t zero = jit_get_u32(&in);
    jit_get_id(&in, &state_root);
    uint64_t count = jit_get_u64(&in);
    if (in.bad || zero != 0 || count == 0 || count > JIT_INSTANCES_MAX) {
        return JIT_EFORMAT;
    }
    if (layout != IMAGE_LAYOUT || store->epoch != 0 || store->newest.epoch != 0) {
        return JIT_EVERSION;
    }
    struct rmg_image *image =
        jit_heap_zalloc(heap, 1, sizeof *image + (size_t)count * sizeof image->blocks[0]);
    if (image == NULL) {
        return JIT_ENOMEM;
    }
    image->heap = heap;
    image->store = store;
    image->state_root = state_root;
    image->count = count;
    image->size = size;
    enum jit_err err = table_decode(&in, size, image);
    err = err == JIT_OK ? image_check_new(heap, &image->check) : err;
    err = err == JIT_OK ? take_memory(image) : err;
    if (err != JIT_OK) {
        rmg_image_abort(image);
        return err;
    }
    *out = image;
    return JIT_OK;
}

bool rmg_image_next(struct rmg_image *image, uint8_t **at, uint64_t *size)
{
    while (image->next < image->count && image->blocks[image->next].bytes == 0) {
        image->next++;
    }
    if (image->next == image->count) {
        return false;
    }
    const struct block *block = &image->blocks[image->next++];
    *at = rmg_arena_at(image->store->options.arenas[block->arena], block->ref);
    *size = block->bytes;
    return true;
}

void rmg_image_abort(struct rmg_image *image)
{
    if (image != NULL) {
        give_back(image);
        image_check_free(image->heap, image->check);
        image->heap->free(image->heap, image);
    }
}

/* ---- judging ---- */

static enum jit_err begin_block(struct rmg_image *image, struct block *block)
{
    block->roots =
        (struct rmg_roots){.node_count = block->node_count, .edge_count = block->edge_count};
    image->in = (struct image_block){.arena = image->store->options.arenas[block->arena],
                                     .ref = block->ref,
                                     .bytes = block->bytes,
                                     .owner_bytes = {block->owner_bytes[0], block->owner_bytes[1]},
                                     .map_root = block->map_root};
    image->judging = true;
    return image_check_begin(image->check, &image->in, &block->roots);
}

enum jit_err rmg_image_filled(struct rmg_image *image, uint64_t bytes)
{
    enum jit_err err = JIT_OK;
    assert(bytes <= image->size);
    while (err == JIT_OK && image->judged < image->count) {
        struct block *block = &image->blocks[image->judged];
        uint64_t here = bytes - image->judged_bytes;
        here = here < block->bytes ? here : block->bytes;
        if (!image->judging) {
            err = begin_block(image, block);
        }
        if (err == JIT_OK) {
            err = image_check_some(image->check, here);
        }
        if (err != JIT_OK || here < block->bytes) {
            return err;
        }
        err = image_check_end(image->check, &block->portals);
        image->judging = false;
        image->judged++;
        image->judged_bytes += block->bytes;
    }
    return err;
}

/* ---- a version of it ---- */

/* Its block, which was judged, becomes the content of a new instance. From here on its cells are
 * the transaction's. */
static enum jit_err adopt(struct block *block, struct rmg_tx *tx)
{
    enum jit_err err = rmg_tx_upsert_instance(tx, &block->id, &block->root_node, &block->parent);
    if (err == JIT_OK) {
        tx->at->roots = block->roots;
        memcpy(tx->at->map_root, block->map_root, sizeof block->map_root);
        tx->portal_delta += (int64_t)block->portals;
        block->ref = 0;
    }
    return err;
}

static bool is_host(enum jit_err err)
{
    return err == JIT_ENOMEM || err == JIT_ENOSPC || err == JIT_ELIMIT;
}

/* It is not the state that the table names: everything goes. */
static enum jit_err undo(struct rmg_store *store, const struct rmg_version *version)
{
    const struct rmg_version empty = rmg_version_empty();
    struct rmg_tx *tx = NULL;
    store->newest = empty;
    store->epoch = 0;
    enum jit_err err = rmg_tx_begin(store, &empty, &tx);
    if (err == JIT_OK) {
        tx->instances = version->instances;
        rmg_tx_abort(tx);
    }
    return err == JIT_OK ? JIT_ECORRUPT : err;
}

enum jit_err rmg_image_end(struct rmg_image *image, struct rmg_version *out)
{
    struct rmg_store *store = image->store;
    const struct rmg_version empty = rmg_version_empty();
    struct rmg_tx *tx = NULL;
    enum jit_err err = rmg_image_filled(image, image->size);
    if (err == JIT_OK) {
        err = rmg_tx_begin(store, &empty, &tx);
    }
    for (uint64_t i = 0; err == JIT_OK && i < image->count; i++) {
        err = adopt(&image->blocks[i], tx);
    }
    if (err == JIT_OK) {
        assert(tx->epoch == IMAGE_EPOCH);
        err = rmg_tx_seal(tx, out);
        if (err == JIT_OK && !jit_id_equal(&out->state_root, &image->state_root)) {
            err = undo(store, out);
        }
    } else {
        rmg_tx_abort(tx);
    }
    rmg_image_abort(image);
    return err == JIT_OK || is_host(err) ? err : JIT_ECORRUPT;
}
