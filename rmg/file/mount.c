#include "rmg/file/mount.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/hash.h"

/* BLAKE3("type:cold"). */
static void cold_type(struct jit_id *out)
{
    jit_hash_named("type:", "cold", 4, out);
}

void rmg_cold_value(const struct rmg_cold *cold, uint8_t bytes[RMG_COLD_BYTES],
                    struct rmg_value *out)
{
    memcpy(bytes, cold->state_root.bytes, JIT_ID_BYTES);
    memcpy(bytes + JIT_ID_BYTES, cold->instance.bytes, JIT_ID_BYTES);
    *out = (struct rmg_value){.kind = RMG_VALUE_ATOM, .bytes = bytes, .size = RMG_COLD_BYTES};
    cold_type(&out->type);
}

bool rmg_cold_of(const struct rmg_value *value, struct rmg_cold *out)
{
    struct jit_id type;
    cold_type(&type);
    if (value->kind != RMG_VALUE_ATOM || value->size != RMG_COLD_BYTES ||
        !jit_id_equal(&value->type, &type)) {
        return false;
    }
    memcpy(out->state_root.bytes, value->bytes, JIT_ID_BYTES);
    memcpy(out->instance.bytes, value->bytes + JIT_ID_BYTES, JIT_ID_BYTES);
    return true;
}

struct mounter {
    struct jit_heap *heap;
    struct rmg_store *store;
    const struct rmg_version *version;
    const struct rmg_mount *mount;
    struct rmg_mount_fault *fault;
    struct rmg_instance top; /* of the file */
    struct jit_id as;        /* its id in the store */
    struct jit_id schema;    /* the instance /schema */
    bool leave_schema;       /* the store has those types */
    /* the instances that come along, ascending by id: those of the file without its /schema */
    struct rmg_instance *instances;
    size_t count;
};

static enum jit_err fail(const struct mounter *m, enum jit_err err, const struct jit_id *id,
                         const char *what)
{
    if (m->fault != NULL) {
        m->fault->what = what;
        m->fault->id = id == NULL ? (struct jit_id){{0}} : *id;
    }
    return err;
}

/* ---- the slot ---- */

static enum jit_err slot_value(const struct mounter *m, struct rmg_value *value)
{
    const struct rmg_parent *slot = m->mount->slot;
    struct rmg_instance in;
    struct rmg_graph graph;
    struct jit_id type;
    struct rmg_edge edge;
    enum jit_err err = rmg_store_instance(m->store, m->version, &slot->instance, &in);
    if (err != JIT_OK) {
        return err == JIT_ENOENT ? fail(m, err, &slot->instance, "the slot's instance is not there")
                                 : err;
    }
    rmg_store_graph(m->store, &in, &graph);
    err = slot->plane == RMG_PLANE_ALPHA ? rmg_node_type(&graph, &slot->owner, &type)
                                         : rmg_edge_get(&graph, &slot->owner, &edge);
    if (err != JIT_OK) {
        return err == JIT_ENOENT
                   ? fail(m, err, &slot->owner, "the slot's node or edge is not there")
                   : err;
    }
    err = rmg_attachment_get(&graph, slot->plane, &slot->owner, slot->name, slot->name_size, value);
    if (err == JIT_ENOENT) {
        *value = (struct rmg_value){.kind = RMG_VALUE_ATOM};
        err = JIT_OK;
    }
    return err;
}

/* What lies in the slot decides which file it is and how its top is called. */
static enum jit_err check_slot(struct mounter *m)
{
    const struct rmg_mount *mount = m->mount;
    const struct rmg_parent *slot = mount->slot;
    const struct jit_id *root = mount->state_root;
    struct rmg_cold cold;
    struct rmg_value value;
    enum jit_err err = slot_value(m, &value);
    if (err != JIT_OK) {
        return err;
    }
    if (!rmg_utf8_valid((const uint8_t *)slot->name, slot->name_size)) {
        return fail(m, JIT_EINVALID, &slot->owner, "the slot's name is no UTF-8 without NUL");
    }
    m->as = mount->instance != NULL ? *mount->instance : m->top.id;
    if (value.kind == RMG_VALUE_PORTAL) {
        return fail(m, JIT_EEXIST, &value.type, "the slot leads to an instance already");
    }
    if (rmg_cold_of(&value, &cold)) {
        if (mount->instance != NULL && !jit_id_equal(mount->instance, &cold.instance)) {
            return fail(m, JIT_EINVALID, &cold.instance, "the slot is for an instance of this id");
        }
        if (root != NULL && !jit_id_equal(root, &cold.state_root)) {
            return fail(m, JIT_EDIVERGED, &cold.state_root, "the slot is for this state root");
        }
        m->as = cold.instance;
        root = &cold.state_root;
        if (!jit_id_equal(root, &mount->from.version.state_root)) {
            return fail(m, JIT_EDIVERGED, root,
                        "the file has another state root than the slot says");
        }
    } else if (!jit_id_is_zero(&value.type)) {
        return fail(m, JIT_EEXIST, &slot->owner, "there is a value in the slot");
    }
    if (root != NULL && !jit_id_equal(root, &mount->from.version.state_root)) {
        return fail(m, JIT_EDIVERGED, &mount->from.version.state_root,
                    "the file has this state root, not the one that was asked for");
    }
    return jit_id_is_zero(&m->as) ? fail(m, JIT_EINVALID, NULL, "an instance id of zeros") : JIT_OK;
}

/* ---- signatures ---- */

static enum jit_err check_signers(const struct mounter *m)
{
    const struct rmg_mount *mount = m->mount;
    const struct jit_id *root = &mount->from.version.state_root;
    bool wrong = false;
    for (uint32_t i = 0; i < mount->signer_count && mount->envelope != NULL; i++) {
        enum jit_err err =
            rmg_envelope_check(mount->envelope, RMG_KIND_STATE, root, mount->signers[i]);
        if (err == JIT_OK) {
            return JIT_OK;
        }
        wrong = wrong || err == JIT_ECORRUPT;
    }
    if (mount->signer_count == 0) {
        return JIT_OK;
    }
    return wrong ? fail(m, JIT_ECORRUPT, root, "a signature on the file is wrong")
                 : fail(m, JIT_ECAP, root, "nobody who may stand for the file has signed it");
}

/* ---- types ---- */

static bool first_conflict(void *user, const struct rmg_schema_difference *difference)
{
    const struct mounter *m = user;
    struct rmg_mount_fault *fault = m->fault;
    struct jit_buf buf;
    if (difference->what == RMG_SCHEMA_ONLY_A || difference->what == RMG_SCHEMA_LONGER_A) {
        return true;
    }
    jit_buf_init(&buf, m->heap, sizeof fault->schema - 1);
    rmg_schema_difference_print(difference, "the store", "the file", &buf);
    if (buf.size > 0) {
        memcpy(fault->schema, buf.data, buf.size);
    }
    jit_buf_release(&buf);
    return false;
}

static enum jit_err compare_types(struct mounter *m, const struct rmg_schema *ours,
                                  const struct rmg_schema *theirs)
{
    enum rmg_schema_relation relation = rmg_schema_compare(ours, theirs, NULL, NULL);
    m->leave_schema = true;
    if (relation == RMG_SCHEMA_SAME || relation == RMG_SCHEMA_A_MORE) {
        return JIT_OK;
    }
    if (m->fault != NULL) {
        (void)rmg_schema_compare(ours, theirs, first_conflict, m);
    }
    return fail(m, JIT_ECONFLICT, NULL, "the file has types that the store has not, or others");
}

static enum jit_err compare_hash(const struct mounter *m, const struct rmg_schema *ours)
{
    struct jit_id hash;
    enum jit_err err = rmg_schema_hash(ours, &hash);
    if (err == JIT_OK && !jit_id_equal(&hash, m->mount->schema)) {
        err = fail(m, JIT_ECONFLICT, m->mount->schema, "the file's schema hash is not the store's");
    }
    return err;
}

/* A side without types has nothing to compare. */
static enum jit_err check_schemas(struct mounter *m)
{
    const struct rmg_mount *mount = m->mount;
    bool hash_alone = mount->schema != NULL && !jit_id_is_zero(mount->schema);
    struct rmg_schema *ours = NULL;
    struct rmg_schema *theirs = NULL;
    struct rmg_schema_fault broken;
    struct jit_id unused;
    rmg_schema_place(&m->schema, &unused);
    if (jit_id_equal(&m->top.id, &m->schema)) {
        return JIT_OK; /* types are all it holds: they go where they are put */
    }
    enum jit_err err = rmg_schema_read(m->heap, m->store, m->version, &ours, &broken);
    if (err == JIT_ENOENT) {
        return JIT_OK;
    }
    if (err == JIT_EINVALID) {
        return fail(m, err, &broken.type, "the store's types do not follow the specification");
    }
    if (err == JIT_OK) {
        err = rmg_schema_read(m->heap, mount->from.store, &mount->from.version, &theirs, &broken);
        if (err == JIT_OK) {
            err = compare_types(m, ours, theirs);
        } else if (err == JIT_EINVALID) {
            err = fail(m, err, &broken.type, "the file's types do not follow the specification");
        } else if (err == JIT_ENOENT) {
            err = hash_alone ? compare_hash(m, ours) : JIT_OK;
        }
    }
    rmg_schema_free(ours);
    rmg_schema_free(theirs);
    return err;
}

/* ---- instances ---- */

/* Steps up to the top, or to `stop`. */
static enum jit_err depth_of(const struct rmg_store *store, const struct rmg_version *version,
                             const struct rmg_instance *from, const struct jit_id *stop,
                             unsigned *depth, bool *stopped)
{
    struct rmg_instance in = *from;
    *depth = 0;
    *stopped = jit_id_equal(&in.id, stop);
    while (in.parent.present && !*stopped) {
        struct jit_id up = in.parent.instance;
        enum jit_err err = rmg_store_instance(store, version, &up, &in);
        if (err != JIT_OK || ++*depth > JIT_DEPTH_MAX) {
            return err == JIT_OK || err == JIT_ENOENT ? JIT_ECORRUPT : err;
        }
        *stopped = jit_id_equal(&in.id, stop);
    }
    return JIT_OK;
}

static enum jit_err check_instance(const struct mounter *m, const struct rmg_instance *in,
                                   unsigned depth)
{
    struct rmg_instance there;
    const struct jit_id *id = in->parent.present ? &in->id : &m->as;
    enum jit_err err = rmg_store_instance(m->store, m->version, id, &there);
    if (err == JIT_OK || (in->parent.present && jit_id_equal(&in->id, &m->as))) {
        return fail(m, JIT_EEXIST, id, "an instance with this id is there already");
    }
    if (err != JIT_ENOENT) {
        return err;
    }
    return depth > JIT_DEPTH_MAX ? fail(m, JIT_ELIMIT, id, "it would lie deeper than 64") : JIT_OK;
}

/* The file's instances, and whether each may come. */
static enum jit_err gather(struct mounter *m)
{
    const struct rmg_state *from = &m->mount->from;
    struct rmg_instance slot;
    struct rmg_instance *next = m->instances;
    const struct jit_id *after = NULL;
    struct jit_id last;
    unsigned above = 0;
    bool inside = false;
    enum jit_err err = rmg_store_instance(m->store, m->version, &m->mount->slot->instance, &slot);
    static const struct jit_id nowhere;
    err = err == JIT_OK ? depth_of(m->store, m->version, &slot, &nowhere, &above, &inside) : err;
    while (err == JIT_OK &&
           (err = rmg_store_next(from->store, &from->version, after, next)) == JIT_OK) {
        unsigned depth = 0;
        last = next->id;
        after = &last;
        err = depth_of(from->store, &from->version, next, &m->schema, &depth, &inside);
        if (err == JIT_OK && !(inside && m->leave_schema)) {
            err = check_instance(m, next, above + 1 + depth);
            next++;
        }
    }
    m->count = (size_t)(next - m->instances);
    if (err == JIT_ENOENT && m->count + m->version->instance_count > JIT_INSTANCES_MAX) {
        return fail(m, JIT_ELIMIT, NULL, "there would be more than 65,536 instances");
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err find_top(struct mounter *m)
{
    const struct rmg_state *from = &m->mount->from;
    if (from->version.instance_count == 0) {
        return fail(m, JIT_EINVALID, NULL, "the file holds nothing");
    }
    return rmg_store_top(from->store, &from->version, &m->top);
}

/* ---- copying ---- */

static const struct jit_id *new_id(const struct mounter *m, const struct rmg_instance *in)
{
    return in->parent.present ? &in->id : &m->as;
}

static enum jit_err put_instances(const struct mounter *m, struct rmg_tx *tx)
{
    enum jit_err err = JIT_OK;
    for (size_t i = 0; err == JIT_OK && i < m->count; i++) {
        const struct rmg_instance *in = &m->instances[i];
        struct rmg_parent parent = in->parent.present ? in->parent : *m->mount->slot;
        if (in->parent.present && jit_id_equal(&parent.instance, &m->top.id)) {
            parent.instance = m->as;
        }
        err = rmg_tx_upsert_instance(tx, new_id(m, in), &in->root_node, &parent);
    }
    return err;
}

static enum jit_err copy_skeleton(const struct rmg_graph *graph, struct rmg_load *load,
                                  const struct jit_id *id)
{
    struct rmg_iter iter;
    struct jit_id node;
    struct jit_id type;
    struct rmg_edge edge;
    enum jit_err err = rmg_load_open(load, id, RMG_NODES);
    rmg_iter_all(graph, RMG_NODES, &iter);
    while (err == JIT_OK && (err = rmg_iter_node(&iter, &node, &type)) == JIT_OK) {
        err = rmg_load_node(load, &node, &type);
    }
    err = err == JIT_ENOENT ? rmg_load_open(load, id, RMG_EDGES) : err;
    rmg_iter_all(graph, RMG_EDGES, &iter);
    while (err == JIT_OK && (err = rmg_iter_edge(&iter, &edge)) == JIT_OK) {
        err = rmg_load_edge(load, &edge);
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err copy_owner(const struct mounter *m, struct rmg_load *load,
                               const struct rmg_iter *iter, const struct jit_id *owner)
{
    struct rmg_attachment a;
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; (err = rmg_iter_attachment(iter, i, &a)) == JIT_OK; i++) {
        bool left = m->leave_schema && a.value.kind == RMG_VALUE_PORTAL &&
                    jit_id_equal(&a.value.type, &m->schema);
        err = left ? JIT_OK : rmg_load_attachment(load, owner, &a);
        if (err != JIT_OK) {
            return err;
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err copy_plane(const struct mounter *m, const struct rmg_graph *graph,
                               struct rmg_load *load, const struct jit_id *id, enum rmg_map map)
{
    struct rmg_iter iter;
    struct jit_id owner;
    uint32_t unused = 0;
    enum jit_err err = rmg_load_open(load, id, map);
    rmg_iter_all(graph, map, &iter);
    while (err == JIT_OK && (err = rmg_iter_owner(&iter, &owner, &unused)) == JIT_OK) {
        err = copy_owner(m, load, &iter, &owner);
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err copy_content(const struct mounter *m, struct rmg_tx *tx)
{
    struct rmg_load *load = NULL;
    enum jit_err err = rmg_load_begin(tx, &load);
    for (size_t i = 0; err == JIT_OK && i < m->count; i++) {
        const struct jit_id *id = new_id(m, &m->instances[i]);
        struct rmg_graph graph;
        rmg_store_graph(m->mount->from.store, &m->instances[i], &graph);
        err = copy_skeleton(&graph, load, id);
        err = err == JIT_OK ? copy_plane(m, &graph, load, id, RMG_ALPHA) : err;
        err = err == JIT_OK ? copy_plane(m, &graph, load, id, RMG_BETA) : err;
    }
    if (err == JIT_OK) {
        return rmg_load_end(load);
    }
    rmg_load_abort(load);
    return err;
}

static enum jit_err put_all(const struct mounter *m, struct rmg_tx *tx)
{
    const struct rmg_parent *slot = m->mount->slot;
    struct rmg_attachment portal = {.name = slot->name,
                                    .name_size = slot->name_size,
                                    .value = {.kind = RMG_VALUE_PORTAL, .type = m->as}};
    enum jit_err err = put_instances(m, tx);
    err = err == JIT_OK ? copy_content(m, tx) : err;
    if (err != JIT_OK) {
        return err;
    }
    err = rmg_tx_set_attachment(tx, &slot->instance, slot->plane, &slot->owner, &portal);
    return err == JIT_ELIMIT ? fail(m, err, &slot->owner, "the slot's owner has 256 values already")
                             : err;
}

static enum jit_err mount_all(struct mounter *m, struct rmg_version *out)
{
    struct rmg_tx *tx = NULL;
    enum jit_err err = rmg_tx_begin(m->store, m->version, &tx);
    if (err != JIT_OK) {
        return err;
    }
    err = put_all(m, tx);
    if (err != JIT_OK) {
        rmg_tx_abort(tx);
        return err;
    }
    return rmg_tx_seal(tx, out);
}

enum jit_err rmg_mount(struct jit_heap *heap, struct rmg_store *store, struct rmg_version *version,
                       const struct rmg_mount *mount, struct rmg_mount_fault *fault)
{
    struct mounter m = {
        .heap = heap, .store = store, .version = version, .mount = mount, .fault = fault};
    struct rmg_version next;
    assert(mount->slot->present);
    assert(mount->slot->name_size <= JIT_NAME_BYTES_MAX);
    if (fault != NULL) {
        *fault = (struct rmg_mount_fault){.what = NULL};
    }
    enum jit_err err = find_top(&m);
    err = err == JIT_OK ? check_slot(&m) : err;
    err = err == JIT_OK ? check_signers(&m) : err;
    err = err == JIT_OK ? check_schemas(&m) : err;
    if (err == JIT_OK) {
        m.instances =
            jit_heap_zalloc(heap, mount->from.version.instance_count + 1, sizeof *m.instances);
        err = m.instances == NULL ? JIT_ENOMEM : gather(&m);
    }
    err = err == JIT_OK ? mount_all(&m, &next) : err;
    if (err == JIT_OK) {
        *version = next;
    }
    heap->free(heap, m.instances);
    return err;
}

enum jit_err rmg_descend(struct jit_heap *heap, struct rmg_store *store,
                         struct rmg_version *version, const struct rmg_parent *slot,
                         enum jit_err (*find)(void *user, const struct rmg_cold *cold,
                                              struct rmg_mount *mount),
                         void *user, struct jit_id *instance, struct rmg_mount_fault *fault)
{
    struct rmg_mount mount = {.slot = slot};
    struct mounter m = {.store = store, .version = version, .mount = &mount, .fault = fault};
    struct rmg_value value;
    struct rmg_cold cold;
    if (fault != NULL) {
        *fault = (struct rmg_mount_fault){.what = NULL};
    }
    enum jit_err err = slot_value(&m, &value);
    if (err != JIT_OK) {
        return err;
    }
    if (value.kind == RMG_VALUE_PORTAL) {
        *instance = value.type;
        return JIT_OK;
    }
    if (!rmg_cold_of(&value, &cold)) {
        return fail(&m, JIT_ENOENT, &slot->owner, "the slot leads nowhere");
    }
    err = find(user, &cold, &mount);
    mount.slot = slot;
    mount.instance = NULL;
    err = err == JIT_OK ? rmg_mount(heap, store, version, &mount, fault) : err;
    if (err == JIT_OK) {
        *instance = cold.instance;
    }
    return err;
}
