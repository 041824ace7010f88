#include "tests/lib/naive_root.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"

/* ---- lists ---- */

static void *room(void *data, size_t *capacity, size_t count, size_t size)
{
    if (count < *capacity) {
        return data;
    }
    *capacity = *capacity == 0 ? 8 : *capacity * 2;
    data = realloc(data, *capacity * size);
    assert(data != NULL);
    return data;
}

static void instance_release(struct naive_instance *instance)
{
    for (size_t i = 0; i < instance->attachment_count; i++) {
        free(instance->attachments[i].bytes);
    }
    free(instance->nodes);
    free(instance->edges);
    free(instance->attachments);
}

void naive_release(struct naive_state *state)
{
    for (size_t i = 0; i < state->instance_count; i++) {
        instance_release(&state->instances[i]);
    }
    free(state->instances);
    *state = (struct naive_state){.instances = NULL};
}

static void *duplicate(const void *data, size_t size)
{
    void *copy = malloc(size == 0 ? 1 : size);
    assert(copy != NULL);
    if (size > 0) {
        memcpy(copy, data, size);
    }
    return copy;
}

struct naive_state naive_copy(const struct naive_state *state)
{
    struct naive_state copy = *state;
    copy.instance_room = state->instance_count;
    copy.instances = duplicate(state->instances, state->instance_count * sizeof *copy.instances);
    for (size_t i = 0; i < copy.instance_count; i++) {
        struct naive_instance *to = &copy.instances[i];
        to->nodes = duplicate(to->nodes, to->node_count * sizeof *to->nodes);
        to->edges = duplicate(to->edges, to->edge_count * sizeof *to->edges);
        to->attachments =
            duplicate(to->attachments, to->attachment_count * sizeof *to->attachments);
        to->node_room = to->node_count;
        to->edge_room = to->edge_count;
        to->attachment_room = to->attachment_count;
        for (size_t k = 0; k < to->attachment_count; k++) {
            to->attachments[k].bytes = duplicate(to->attachments[k].bytes, to->attachments[k].size);
        }
    }
    return copy;
}

struct naive_instance *naive_find(struct naive_state *state, const struct jit_id *id)
{
    for (size_t i = 0; i < state->instance_count; i++) {
        if (jit_id_equal(&state->instances[i].id, id)) {
            return &state->instances[i];
        }
    }
    return NULL;
}

static struct naive_node *node_of(const struct naive_instance *in, const struct jit_id *id)
{
    for (size_t i = 0; i < in->node_count; i++) {
        if (jit_id_equal(&in->nodes[i].id, id)) {
            return &in->nodes[i];
        }
    }
    return NULL;
}

static struct rmg_edge *edge_of(const struct naive_instance *in, const struct jit_id *id)
{
    for (size_t i = 0; i < in->edge_count; i++) {
        if (jit_id_equal(&in->edges[i].id, id)) {
            return &in->edges[i];
        }
    }
    return NULL;
}

/* Any attachment of the owner, or the one with this name. */
static struct naive_attachment *attachment_of(const struct naive_instance *in, enum rmg_plane plane,
                                              const struct jit_id *owner, const char *name,
                                              uint32_t name_size)
{
    for (size_t i = 0; i < in->attachment_count; i++) {
        struct naive_attachment *a = &in->attachments[i];
        if (a->plane == plane && jit_id_equal(&a->owner, owner) &&
            (name == NULL ||
             (a->name_size == name_size && memcmp(a->name, name, name_size) == 0))) {
            return a;
        }
    }
    return NULL;
}

/* ---- changes ---- */

enum jit_err naive_upsert_instance(struct naive_state *state, const struct jit_id *id,
                                   const struct jit_id *root_node, const struct rmg_parent *parent)
{
    struct naive_instance *in = naive_find(state, id);
    if (in == NULL) {
        state->instances = room(state->instances, &state->instance_room, state->instance_count,
                                sizeof *state->instances);
        in = &state->instances[state->instance_count++];
        *in = (struct naive_instance){.id = *id};
    }
    in->root_node = *root_node;
    in->parent = parent == NULL ? (struct rmg_parent){.present = false} : *parent;
    return JIT_OK;
}

enum jit_err naive_delete_instance(struct naive_state *state, const struct jit_id *id)
{
    struct naive_instance *in = naive_find(state, id);
    if (in == NULL) {
        return JIT_ENOENT;
    }
    if (in->node_count + in->edge_count + in->attachment_count > 0) {
        return JIT_EINVALID;
    }
    instance_release(in);
    *in = state->instances[--state->instance_count];
    return JIT_OK;
}

enum jit_err naive_upsert_node(struct naive_state *state, const struct jit_id *instance,
                               const struct jit_id *id, const struct jit_id *type)
{
    struct naive_instance *in = naive_find(state, instance);
    if (jit_id_is_zero(type)) {
        return JIT_EINVALID;
    }
    if (in == NULL) {
        return JIT_ENOENT;
    }
    struct naive_node *node = node_of(in, id);
    if (node == NULL) {
        in->nodes = room(in->nodes, &in->node_room, in->node_count, sizeof *in->nodes);
        node = &in->nodes[in->node_count++];
        node->id = *id;
    }
    node->type = *type;
    return JIT_OK;
}

enum jit_err naive_delete_node(struct naive_state *state, const struct jit_id *instance,
                               const struct jit_id *id)
{
    struct naive_instance *in = naive_find(state, instance);
    struct naive_node *node = in == NULL ? NULL : node_of(in, id);
    if (node == NULL) {
        return JIT_ENOENT;
    }
    for (size_t i = 0; i < in->edge_count; i++) {
        if (jit_id_equal(&in->edges[i].from, id) || jit_id_equal(&in->edges[i].to, id)) {
            return JIT_EDANGLING;
        }
    }
    if (attachment_of(in, RMG_PLANE_ALPHA, id, NULL, 0) != NULL) {
        return JIT_EINVALID;
    }
    *node = in->nodes[--in->node_count];
    return JIT_OK;
}

enum jit_err naive_upsert_edge(struct naive_state *state, const struct jit_id *instance,
                               const struct rmg_edge *edge)
{
    struct naive_instance *in = naive_find(state, instance);
    if (jit_id_is_zero(&edge->type)) {
        return JIT_EINVALID;
    }
    if (in == NULL) {
        return JIT_ENOENT;
    }
    if (node_of(in, &edge->from) == NULL || node_of(in, &edge->to) == NULL) {
        return JIT_EDANGLING;
    }
    struct rmg_edge *old = edge_of(in, &edge->id);
    if (old == NULL) {
        in->edges = room(in->edges, &in->edge_room, in->edge_count, sizeof *in->edges);
        old = &in->edges[in->edge_count++];
    }
    *old = *edge;
    return JIT_OK;
}

enum jit_err naive_delete_edge(struct naive_state *state, const struct jit_id *instance,
                               const struct jit_id *id)
{
    struct naive_instance *in = naive_find(state, instance);
    struct rmg_edge *edge = in == NULL ? NULL : edge_of(in, id);
    if (edge == NULL) {
        return JIT_ENOENT;
    }
    if (attachment_of(in, RMG_PLANE_BETA, id, NULL, 0) != NULL) {
        return JIT_EINVALID;
    }
    *edge = in->edges[--in->edge_count];
    return JIT_OK;
}

enum jit_err naive_set_attachment(struct naive_state *state, const struct jit_id *instance,
                                  enum rmg_plane plane, const struct jit_id *owner,
                                  const struct rmg_attachment *attachment)
{
    struct naive_instance *in = naive_find(state, instance);
    if (jit_id_is_zero(&attachment->value.type)) {
        return JIT_EINVALID;
    }
    if (in == NULL ||
        (plane == RMG_PLANE_ALPHA ? node_of(in, owner) == NULL : edge_of(in, owner) == NULL)) {
        return JIT_ENOENT;
    }
    struct naive_attachment *a =
        attachment_of(in, plane, owner, attachment->name, attachment->name_size);
    if (a == NULL) {
        in->attachments = room(in->attachments, &in->attachment_room, in->attachment_count,
                               sizeof *in->attachments);
        a = &in->attachments[in->attachment_count++];
        *a = (struct naive_attachment){
            .plane = plane, .owner = *owner, .name_size = attachment->name_size};
        memcpy(a->name, attachment->name, attachment->name_size);
    }
    free(a->bytes);
    bool atom = attachment->value.kind == RMG_VALUE_ATOM;
    a->kind = attachment->value.kind;
    a->type = attachment->value.type;
    a->size = atom ? attachment->value.size : 0;
    a->bytes = duplicate(attachment->value.bytes, a->size);
    return JIT_OK;
}

enum jit_err naive_clear_attachment(struct naive_state *state, const struct jit_id *instance,
                                    enum rmg_plane plane, const struct jit_id *owner,
                                    const char *name, uint32_t name_size)
{
    struct naive_instance *in = naive_find(state, instance);
    struct naive_attachment *a =
        in == NULL ? NULL : attachment_of(in, plane, owner, name, name_size);
    if (a == NULL) {
        return JIT_ENOENT;
    }
    free(a->bytes);
    *a = in->attachments[--in->attachment_count];
    return JIT_OK;
}

/* ---- validity ---- */

static bool depth_valid(const struct naive_state *state, const struct naive_instance *in)
{
    struct naive_state all = *state;
    for (unsigned ancestors = 0; in->parent.present; ancestors++) {
        in = naive_find(&all, &in->parent.instance);
        if (in == NULL || ancestors == JIT_DEPTH_MAX) {
            return false;
        }
    }
    return true;
}

static size_t portals_to(const struct naive_state *state, const struct naive_instance *target,
                         bool *in_place)
{
    size_t count = 0;
    *in_place = false;
    for (size_t i = 0; i < state->instance_count; i++) {
        const struct naive_instance *in = &state->instances[i];
        for (size_t k = 0; k < in->attachment_count; k++) {
            const struct naive_attachment *a = &in->attachments[k];
            if (a->kind != RMG_VALUE_PORTAL || !jit_id_equal(&a->type, &target->id)) {
                continue;
            }
            const struct rmg_parent *p = &target->parent;
            count++;
            *in_place =
                *in_place ||
                (p->present && p->plane == a->plane && jit_id_equal(&p->instance, &in->id) &&
                 jit_id_equal(&p->owner, &a->owner) && p->name_size == a->name_size &&
                 memcmp(p->name, a->name, a->name_size) == 0);
        }
    }
    return count;
}

bool naive_valid(const struct naive_state *state)
{
    size_t tops = 0;
    size_t portals = 0;
    size_t led = 0;
    for (size_t i = 0; i < state->instance_count; i++) {
        const struct naive_instance *in = &state->instances[i];
        bool in_place = false;
        size_t count = portals_to(state, in, &in_place);
        tops += !in->parent.present;
        led += count;
        if (count != (in->parent.present ? 1u : 0u) || in_place != in->parent.present ||
            node_of(in, &in->root_node) == NULL || !depth_valid(state, in)) {
            return false;
        }
        for (size_t k = 0; k < in->attachment_count; k++) {
            portals += in->attachments[k].kind == RMG_VALUE_PORTAL;
        }
    }
    return portals == led && tops == (state->instance_count > 0);
}

/* ---- roots ---- */

struct element {
    struct jit_id id;
    struct jit_id leaf;
};

/* B3[K(domain)] without the table of keys. */
static void keyed_begin(struct jit_hasher *hasher, const char *domain)
{
    struct jit_id key;
    jit_hash_named("jitos:v1:", domain, strlen(domain), &key);
    jit_hasher_init_keyed(hasher, key.bytes);
}

static void add_u64(struct jit_hasher *hasher, uint64_t value)
{
    uint8_t bytes[8];
    jit_put_le64(bytes, value);
    jit_hasher_update(hasher, bytes, sizeof bytes);
}

static void add_u8(struct jit_hasher *hasher, uint8_t value)
{
    jit_hasher_update(hasher, &value, 1);
}

static void keyed_pair(const char *domain, const struct jit_id *a, const struct jit_id *b,
                       struct jit_id *out)
{
    struct jit_hasher hasher;
    keyed_begin(&hasher, domain);
    jit_hasher_update(&hasher, a->bytes, sizeof a->bytes);
    jit_hasher_update(&hasher, b->bytes, sizeof b->bytes);
    jit_hasher_final(&hasher, out);
}

static int element_order(const void *a, const void *b)
{
    return jit_id_compare(a, b);
}

static void root_below(const struct element *e, size_t count, unsigned bit, struct jit_id *out)
{
    if (count == 0) {
        memset(out, 0, sizeof *out);
        return;
    }
    if (count == 1) {
        *out = e->leaf;
        return;
    }
    size_t zeros = 0;
    while (zeros < count && (e[zeros].id.bytes[bit / 8] & (0x80u >> bit % 8)) == 0) {
        zeros++;
    }
    struct jit_id left;
    struct jit_id right;
    root_below(e, zeros, bit + 1, &left);
    root_below(e + zeros, count - zeros, bit + 1, &right);
    keyed_pair("node", &left, &right, out);
}

static void root_of(struct element *elements, size_t count, struct jit_id *out)
{
    if (count > 0) {
        qsort(elements, count, sizeof *elements, element_order);
    }
    root_below(elements, count, 0, out);
    free(elements);
}

static int name_order(const void *a, const void *b)
{
    const struct naive_attachment *const *x = a;
    const struct naive_attachment *const *y = b;
    uint32_t both = (*x)->name_size < (*y)->name_size ? (*x)->name_size : (*y)->name_size;
    int order = memcmp((*x)->name, (*y)->name, both);
    return order != 0 ? order : (*x)->name_size < (*y)->name_size ? -1 : 1;
}

static void owner_value(const struct naive_instance *in, enum rmg_plane plane,
                        const struct jit_id *owner, struct jit_id *out)
{
    const struct naive_attachment **list = calloc(in->attachment_count, sizeof(void *));
    struct jit_hasher hasher;
    size_t count = 0;
    assert(list != NULL);
    for (size_t i = 0; i < in->attachment_count; i++) {
        const struct naive_attachment *a = &in->attachments[i];
        if (a->plane == plane && jit_id_equal(&a->owner, owner)) {
            list[count++] = a;
        }
    }
    qsort(list, count, sizeof(void *), name_order);
    keyed_begin(&hasher, plane == RMG_PLANE_ALPHA ? "value:alpha" : "value:beta");
    add_u64(&hasher, count);
    for (size_t i = 0; i < count; i++) {
        add_u64(&hasher, list[i]->name_size);
        jit_hasher_update(&hasher, list[i]->name, list[i]->name_size);
        add_u8(&hasher, list[i]->kind == RMG_VALUE_ATOM ? 1 : 2);
        jit_hasher_update(&hasher, list[i]->type.bytes, JIT_ID_BYTES);
        if (list[i]->kind == RMG_VALUE_ATOM) {
            struct jit_hasher atom;
            struct jit_id hash;
            keyed_begin(&atom, "atom");
            jit_hasher_update(&atom, list[i]->bytes, list[i]->size);
            jit_hasher_final(&atom, &hash);
            add_u64(&hasher, list[i]->size);
            jit_hasher_update(&hasher, hash.bytes, JIT_ID_BYTES);
        }
    }
    jit_hasher_final(&hasher, out);
    free(list);
}

static void value_of(const char *domain, const void *record, size_t size, struct jit_id *out)
{
    struct jit_hasher hasher;
    keyed_begin(&hasher, domain);
    jit_hasher_update(&hasher, record, size);
    jit_hasher_final(&hasher, out);
}

void naive_map_root(const struct naive_instance *in, enum rmg_map map, struct jit_id *out)
{
    size_t most = in->node_count + in->edge_count;
    struct element *e = calloc(most == 0 ? 1 : most, sizeof *e);
    struct jit_id value;
    size_t count = 0;
    assert(e != NULL);
    for (size_t i = 0; i < in->node_count && (map == RMG_NODES || map == RMG_ALPHA); i++) {
        const struct naive_node *node = &in->nodes[i];
        if (map == RMG_NODES) {
            value_of("value:nodes", node->type.bytes, JIT_ID_BYTES, &value);
        } else if (attachment_of(in, RMG_PLANE_ALPHA, &node->id, NULL, 0) != NULL) {
            owner_value(in, RMG_PLANE_ALPHA, &node->id, &value);
        } else {
            continue;
        }
        e[count].id = node->id;
        keyed_pair(map == RMG_NODES ? "leaf:nodes" : "leaf:alpha", &node->id, &value,
                   &e[count++].leaf);
    }
    for (size_t i = 0; i < in->edge_count && (map == RMG_EDGES || map == RMG_BETA); i++) {
        const struct rmg_edge *edge = &in->edges[i];
        if (map == RMG_EDGES) {
            uint8_t record[96];
            memcpy(record, edge->from.bytes, 32);
            memcpy(record + 32, edge->to.bytes, 32);
            memcpy(record + 64, edge->type.bytes, 32);
            value_of("value:edges", record, sizeof record, &value);
        } else if (attachment_of(in, RMG_PLANE_BETA, &edge->id, NULL, 0) != NULL) {
            owner_value(in, RMG_PLANE_BETA, &edge->id, &value);
        } else {
            continue;
        }
        e[count].id = edge->id;
        keyed_pair(map == RMG_EDGES ? "leaf:edges" : "leaf:beta", &edge->id, &value,
                   &e[count++].leaf);
    }
    root_of(e, count, out);
}

void naive_skeleton(const struct naive_instance *in, struct jit_id *out)
{
    struct jit_id nodes;
    struct jit_id edges;
    naive_map_root(in, RMG_NODES, &nodes);
    naive_map_root(in, RMG_EDGES, &edges);
    keyed_pair("skeleton", &nodes, &edges, out);
}

void naive_attachments(const struct naive_instance *in, struct jit_id *out)
{
    struct jit_id alpha;
    struct jit_id beta;
    naive_map_root(in, RMG_ALPHA, &alpha);
    naive_map_root(in, RMG_BETA, &beta);
    keyed_pair("attachments", &alpha, &beta, out);
}

static void instance_leaf(const struct naive_instance *in, bool as_top, struct jit_id *out)
{
    struct jit_hasher hasher;
    struct jit_id sum;
    struct jit_id value;
    keyed_begin(&hasher, "value:instances");
    jit_hasher_update(&hasher, in->root_node.bytes, JIT_ID_BYTES);
    if (as_top || !in->parent.present) {
        add_u8(&hasher, 0);
    } else {
        add_u8(&hasher, 1);
        add_u8(&hasher, in->parent.plane == RMG_PLANE_ALPHA ? 1 : 2);
        jit_hasher_update(&hasher, in->parent.instance.bytes, JIT_ID_BYTES);
        jit_hasher_update(&hasher, in->parent.owner.bytes, JIT_ID_BYTES);
        add_u64(&hasher, in->parent.name_size);
        jit_hasher_update(&hasher, in->parent.name, in->parent.name_size);
    }
    naive_skeleton(in, &sum);
    jit_hasher_update(&hasher, sum.bytes, JIT_ID_BYTES);
    naive_attachments(in, &sum);
    jit_hasher_update(&hasher, sum.bytes, JIT_ID_BYTES);
    jit_hasher_final(&hasher, &value);
    keyed_pair("leaf:instances", &in->id, &value, out);
}

static bool nested(const struct naive_state *state, const struct naive_instance *in,
                   const struct jit_id *above)
{
    struct naive_state all = *state;
    for (unsigned i = 0; in != NULL && i <= JIT_DEPTH_MAX; i++) {
        if (jit_id_equal(&in->id, above)) {
            return true;
        }
        in = in->parent.present ? naive_find(&all, &in->parent.instance) : NULL;
    }
    return false;
}

void naive_instance_root(const struct naive_state *state, const struct jit_id *id,
                         struct jit_id *out)
{
    struct element *e = calloc(state->instance_count + 1, sizeof *e);
    size_t count = 0;
    assert(e != NULL);
    for (size_t i = 0; i < state->instance_count; i++) {
        const struct naive_instance *in = &state->instances[i];
        if (id == NULL || nested(state, in, id)) {
            e[count].id = in->id;
            instance_leaf(in, id != NULL && jit_id_equal(id, &in->id), &e[count++].leaf);
        }
    }
    root_of(e, count, out);
}

void naive_state_root(const struct naive_state *state, struct jit_id *out)
{
    naive_instance_root(state, NULL, out);
}
