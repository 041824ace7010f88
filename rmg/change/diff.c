#include "rmg/change/diff.h"

#include "base/check.h"
#include "rmg/change/diff_priv.h"

int rmg_place_compare(const struct rmg_place *a, const struct rmg_place *b)
{
    int order = jit_id_compare(&a->instance, &b->instance);
    if (order != 0 || a->part != b->part) {
        return order != 0 ? order : (a->part < b->part ? -1 : 1);
    }
    order = jit_id_compare(&a->id, &b->id);
    if (order != 0 || a->part < RMG_PART_ALPHA) {
        return order;
    }
    return owner_name_compare(a->name, a->name_size, b->name, b->name_size);
}

static bool parent_equal(const struct rmg_parent *a, const struct rmg_parent *b)
{
    return a->present == b->present &&
           (!a->present || (a->plane == b->plane && jit_id_equal(&a->instance, &b->instance) &&
                            jit_id_equal(&a->owner, &b->owner) && a->name_size == b->name_size &&
                            memcmp(a->name, b->name, a->name_size) == 0));
}

static bool value_equal(const struct rmg_value *a, const struct rmg_value *b)
{
    return a->kind == b->kind && jit_id_equal(&a->type, &b->type) &&
           (a->kind != RMG_VALUE_ATOM ||
            (a->size == b->size && (a->size == 0 || memcmp(a->bytes, b->bytes, a->size) == 0)));
}

bool rmg_content_equal(enum rmg_part part, const union rmg_content *a, const union rmg_content *b)
{
    if (a == NULL || b == NULL || a == b) {
        return a == b;
    }
    switch (part) {
    case RMG_PART_INSTANCE:
        return jit_id_equal(&a->instance.root_node, &b->instance.root_node) &&
               parent_equal(&a->instance.parent, &b->instance.parent);
    case RMG_PART_NODE:
        return jit_id_equal(&a->node, &b->node);
    case RMG_PART_EDGE:
        return memcmp(&a->edge, &b->edge, sizeof a->edge) == 0;
    case RMG_PART_ALPHA:
    case RMG_PART_BETA:
        return value_equal(&a->value, &b->value);
    case RMG_PARTS:
        break;
    }
    assert(false);
    return false;
}

enum jit_err rmg_content_hash(const struct rmg_place *place, const union rmg_content *content,
                              struct jit_id *out)
{
    memset(out, 0, sizeof *out);
    if (content == NULL) {
        return JIT_OK;
    }
    switch (place->part) {
    case RMG_PART_INSTANCE:
        rmg_value_of_instance(&content->instance.root_node, &content->instance.parent, out);
        break;
    case RMG_PART_NODE:
        rmg_value_of_node(&content->node, out);
        break;
    case RMG_PART_EDGE:
        rmg_value_of_edge(&content->edge, out);
        break;
    case RMG_PART_ALPHA:
    case RMG_PART_BETA: {
        struct rmg_attachment attachment = {place->name, place->name_size, content->value};
        return rmg_value_of_attachment(
            place->part == RMG_PART_ALPHA ? RMG_PLANE_ALPHA : RMG_PLANE_BETA, &attachment, out);
    }
    case RMG_PARTS:
        break;
    }
    return JIT_OK;
}

/* ---- the walk ---- */

struct walk {
    const struct rmg_state *side[2];
    bool (*visit)(void *user, const struct rmg_difference *diff);
    void *user;
    struct rmg_diff_cost *cost; /* may be NULL */
    enum jit_err err;
    bool stopped;
    struct jit_id instance;
    struct rmg_graph graph[2];
    enum rmg_part part;
};

static bool tell(struct walk *w, const struct rmg_difference *diff)
{
    w->stopped = !w->visit(w->user, diff);
    return !w->stopped;
}

static bool fail(struct walk *w)
{
    w->err = JIT_ECORRUPT;
    return false;
}

static void count(struct walk *w, uint64_t slots)
{
    if (w->cost != NULL) {
        w->cost->slots += slots;
    }
}

static struct jit_id leaf_id(const uint8_t *leaf)
{
    struct jit_id id;
    memcpy(&id, leaf + offsetof(struct leaf_node, id), sizeof id);
    return id;
}

/* A node or an edge. */
static bool element(void *user, const uint8_t *before, const uint8_t *after)
{
    struct walk *w = user;
    const uint8_t *leaf[2] = {before, after};
    union rmg_content content[2];
    struct rmg_difference diff = {
        .place = {.part = w->part,
                  .instance = w->instance,
                  .id = leaf_id(before != NULL ? before : after)},
        .before = before != NULL ? &content[0] : NULL,
        .after = after != NULL ? &content[1] : NULL,
    };
    for (int i = 0; i < 2; i++) {
        if (leaf[i] != NULL && w->part == RMG_PART_NODE) {
            memcpy(&content[i].node, leaf[i] + offsetof(struct leaf_node, type),
                   sizeof content[i].node);
        } else if (leaf[i] != NULL) {
            memcpy(&content[i].edge, leaf[i] + offsetof(struct leaf_edge, edge),
                   sizeof content[i].edge);
        }
        count(w, leaf[i] != NULL);
    }
    return tell(w, &diff);
}

/* Both records ascend by name. */
static bool owner(void *user, const uint8_t *before, const uint8_t *after)
{
    struct walk *w = user;
    const uint8_t *leaf[2] = {before, after};
    struct owner_walk walk[2];
    struct owner_entry entry[2];
    enum jit_err at[2] = {JIT_ENOENT, JIT_ENOENT};
    struct rmg_difference diff = {.place = {.part = w->part,
                                            .instance = w->instance,
                                            .id = leaf_id(before != NULL ? before : after)}};
    for (int i = 0; i < 2; i++) {
        if (leaf[i] != NULL) {
            at[i] = owner_walk_begin(&w->graph[i].mem, leaf[i], &walk[i]);
            at[i] = at[i] == JIT_OK ? owner_walk_next(&walk[i], &entry[i]) : at[i];
        }
    }
    while (at[0] == JIT_OK || at[1] == JIT_OK) {
        int order = at[0] != JIT_OK ? 1 : at[1] != JIT_OK ? -1 : 0;
        const struct rmg_attachment *a[2] = {&entry[0].attachment, &entry[1].attachment};
        if (order == 0) {
            order = owner_name_compare(a[0]->name, a[0]->name_size, a[1]->name, a[1]->name_size);
        }
        union rmg_content content[2];
        const bool has[2] = {order <= 0, order >= 0};
        diff.place.name = a[has[0] ? 0 : 1]->name;
        diff.place.name_size = a[has[0] ? 0 : 1]->name_size;
        for (int i = 0; i < 2; i++) {
            if (has[i]) {
                content[i].value = a[i]->value;
            }
            count(w, has[i]);
        }
        diff.before = has[0] ? &content[0] : NULL;
        diff.after = has[1] ? &content[1] : NULL;
        if (!rmg_content_equal(w->part, diff.before, diff.after) && !tell(w, &diff)) {
            return false;
        }
        for (int i = 0; i < 2; i++) {
            at[i] = has[i] ? owner_walk_next(&walk[i], &entry[i]) : at[i];
        }
    }
    return at[0] == JIT_ENOENT && at[1] == JIT_ENOENT ? true : fail(w);
}

static bool maps(struct walk *w, const struct leaf_instance *leaf[2])
{
    static const struct rmg_roots none;
    for (int i = 0; i < 2; i++) {
        const struct leaf_instance *l = leaf[i] != NULL ? leaf[i] : leaf[1 - i];
        const struct rmg_store *store = w->side[leaf[i] != NULL ? i : 1 - i]->store;
        w->graph[i] = (struct rmg_graph){.mem = store_mem(store, l->arena),
                                         .instance = w->instance,
                                         .roots = leaf[i] != NULL ? l->roots : none};
    }
    for (unsigned map = 0; map < RMG_MAPS_HASHED && w->err == JIT_OK && !w->stopped; map++) {
        uint64_t steps = (w->graph[0].mem.size + w->graph[1].mem.size) / RMG_GRANULE;
        const uint64_t given = steps;
        if (leaf[0] != NULL && leaf[1] != NULL &&
            jit_id_equal(&leaf[0]->map_root[map], &leaf[1]->map_root[map])) {
            continue;
        }
        w->part = (enum rmg_part)(map + RMG_PART_NODE);
        enum jit_err err = trie_diff(&w->graph[0], w->graph[0].roots.ref[map], &w->graph[1],
                                     w->graph[1].roots.ref[map], map,
                                     map < RMG_ALPHA ? element : owner, w, &steps);
        w->err = w->err == JIT_OK ? err : w->err;
        if (w->cost != NULL) {
            w->cost->trie_nodes += given - steps;
        }
    }
    return w->err == JIT_OK && !w->stopped;
}

static bool instance(void *user, const uint8_t *before, const uint8_t *after)
{
    struct walk *w = user;
    const uint8_t *bytes[2] = {before, after};
    const struct leaf_instance *leaf[2] = {NULL, NULL};
    union rmg_content content[2];
    w->instance = leaf_id(before != NULL ? before : after);
    struct rmg_difference diff = {.place = {.part = RMG_PART_INSTANCE, .instance = w->instance}};
    for (int i = 0; i < 2; i++) {
        struct rmg_instance in;
        if (bytes[i] == NULL) {
            continue;
        }
        leaf[i] = (const struct leaf_instance *)(const void *)bytes[i];
        if (!store_leaf_sound(w->side[i]->store, leaf[i])) {
            return fail(w);
        }
        store_leaf_load(leaf[i], &in);
        content[i].instance.root_node = in.root_node;
        content[i].instance.parent = in.parent;
        count(w, 1);
    }
    diff.before = before != NULL ? &content[0] : NULL;
    diff.after = after != NULL ? &content[1] : NULL;
    if (!rmg_content_equal(RMG_PART_INSTANCE, diff.before, diff.after) && !tell(w, &diff)) {
        return false;
    }
    return maps(w, leaf);
}

enum jit_err rmg_diff(const struct rmg_state *a, const struct rmg_state *b,
                      bool (*visit)(void *user, const struct rmg_difference *diff), void *user,
                      struct rmg_diff_cost *cost)
{
    struct walk w = {.side = {a, b}, .visit = visit, .user = user, .cost = cost};
    const struct rmg_graph graph[2] = {{.mem = store_mem(a->store, 0)},
                                       {.mem = store_mem(b->store, 0)}};
    uint64_t steps = (graph[0].mem.size + graph[1].mem.size) / RMG_GRANULE;
    const uint64_t given = steps;
    if (jit_id_equal(&a->version.state_root, &b->version.state_root)) {
        return JIT_OK;
    }
    enum jit_err err = trie_diff(&graph[0], a->version.instances, &graph[1], b->version.instances,
                                 TRIE_INSTANCES, instance, &w, &steps);
    if (cost != NULL) {
        cost->trie_nodes += given - steps;
    }
    return w.err == JIT_OK ? err : w.err;
}
