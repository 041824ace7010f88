/* tests/lib/naive_root.h - the state of DESIGN 4.2 as plain unsorted lists, its rules as linear
 * searches, and its root by recursion over bits, straight from the definition. Slow, obvious, and
 * shares nothing with rmg/ but the structs of its headers and BLAKE3 itself: what both say is
 * right. */
#ifndef JIT_TESTS_NAIVE_ROOT_H
#define JIT_TESTS_NAIVE_ROOT_H

#include "rmg/store/store.h"

struct naive_node {
    struct jit_id id;
    struct jit_id type;
};

struct naive_attachment {
    enum rmg_plane plane;
    struct jit_id owner;
    char name[JIT_NAME_BYTES_MAX + 1];
    uint32_t name_size;
    enum rmg_value_kind kind;
    struct jit_id type;
    uint8_t *bytes; /* of its own */
    uint32_t size;
};

struct naive_instance {
    struct jit_id id;
    struct jit_id root_node;
    struct rmg_parent parent;
    struct naive_node *nodes;
    struct rmg_edge *edges;
    struct naive_attachment *attachments;
    size_t node_count, edge_count, attachment_count;
    size_t node_room, edge_room, attachment_room;
};

struct naive_state {
    struct naive_instance *instances;
    size_t instance_count, instance_room;
};

void naive_release(struct naive_state *state);
struct naive_state naive_copy(const struct naive_state *state);

struct naive_instance *naive_find(struct naive_state *state, const struct jit_id *id);

/* The same changes as rmg_tx_*, with the same errors. */
enum jit_err naive_upsert_instance(struct naive_state *state, const struct jit_id *id,
                                   const struct jit_id *root_node, const struct rmg_parent *parent);
enum jit_err naive_delete_instance(struct naive_state *state, const struct jit_id *id);
enum jit_err naive_upsert_node(struct naive_state *state, const struct jit_id *instance,
                               const struct jit_id *id, const struct jit_id *type);
enum jit_err naive_delete_node(struct naive_state *state, const struct jit_id *instance,
                               const struct jit_id *id);
enum jit_err naive_upsert_edge(struct naive_state *state, const struct jit_id *instance,
                               const struct rmg_edge *edge);
enum jit_err naive_delete_edge(struct naive_state *state, const struct jit_id *instance,
                               const struct jit_id *id);
enum jit_err naive_set_attachment(struct naive_state *state, const struct jit_id *instance,
                                  enum rmg_plane plane, const struct jit_id *owner,
                                  const struct rmg_attachment *attachment);
enum jit_err naive_clear_attachment(struct naive_state *state, const struct jit_id *instance,
                                    enum rmg_plane plane, const struct jit_id *owner,
                                    const char *name, uint32_t name_size);

/* Valid state of 4.2. */
bool naive_valid(const struct naive_state *state);

/* Roots. map_root: of one map of an instance; skeleton, attachments: of an instance. */
void naive_map_root(const struct naive_instance *instance, enum rmg_map map, struct jit_id *out);
void naive_skeleton(const struct naive_instance *instance, struct jit_id *out);
void naive_attachments(const struct naive_instance *instance, struct jit_id *out);
void naive_state_root(const struct naive_state *state, struct jit_id *out);
void naive_instance_root(const struct naive_state *state, const struct jit_id *id,
                         struct jit_id *out);

#endif
