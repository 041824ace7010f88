/* tests/kernel/core/owner_laws.h - each rule and each instance of a state has exactly one owner: it
 * is not listed in /sec, and so the operator's, or listed once, as what it is, with at most one
 * capability (none: it was revoked, and the thing is nobody's until the operator gives it on).
 * Nothing is listed that is not there, and nothing else has owners. Layer: tests. */
#ifndef JIT_TESTS_OWNER_LAWS_H
#define JIT_TESTS_OWNER_LAWS_H

#include "kernel/core/root.h"
#include "kernel/core/root_priv.h"
#include "tests/lib/tcase.h"

struct owner_law {
    struct rmg_graph sec;
    struct jit_id owner; /* the edges' type */
    uint64_t listed;     /* so far, of what is there */
    uint64_t owned;      /* of those: by a capability */
};

static inline void owner_of_one(struct owner_law *law, const struct jit_id *id, const char *kind)
{
    struct jit_id type;
    struct jit_id expected;
    struct jit_id capability;
    struct rmg_iter iter;
    struct rmg_edge edge;
    uint64_t count = 0;
    kern_type_id(kind, &expected);
    kern_type_id("capability", &capability);
    if (rmg_node_type(&law->sec, id, &type) == JIT_ENOENT) {
        return; /* the operator's */
    }
    ck_assert(jit_id_equal(&type, &expected));
    rmg_iter_edges_of(&law->sec, id, RMG_DIR_OUT, &law->owner, &iter);
    while (rmg_iter_edge(&iter, &edge) == JIT_OK) {
        ck_assert_int_eq(rmg_node_type(&law->sec, &edge.to, &type), JIT_OK);
        ck_assert(jit_id_equal(&type, &capability));
        count++;
    }
    ck_assert_uint_le(count, 1);
    law->listed++;
    law->owned += count;
}

static inline void each_has_one_owner(const struct rmg_store *store,
                                      const struct rmg_version *version,
                                      const struct kern_config *config)
{
    struct owner_law law = {.listed = 0};
    struct jit_id place;
    struct jit_id root_node;
    struct jit_id type;
    struct rmg_instance instance;
    const struct jit_id *last = NULL;
    uint64_t counts[3] = {0};
    kern_place_id("/sec", &place, &root_node);
    kern_type_id("owner", &law.owner);
    ck_assert_int_eq(rmg_store_instance(store, version, &place, &instance), JIT_OK);
    rmg_store_graph(store, &instance, &law.sec);
    for (uint32_t i = 0; i < config->rule_count; i++) {
        owner_of_one(&law, &config->rules[i]->id, "rule");
    }
    while (rmg_store_next(store, version, last, &instance) == JIT_OK) {
        owner_of_one(&law, &instance.id, "instance");
        last = &instance.id;
    }
    kern_type_id("rule", &type);
    ck_assert_int_eq(rmg_extent_count(&law.sec, false, &type, &counts[0]), JIT_OK);
    kern_type_id("instance", &type);
    ck_assert_int_eq(rmg_extent_count(&law.sec, false, &type, &counts[1]), JIT_OK);
    ck_assert_int_eq(rmg_extent_count(&law.sec, true, &law.owner, &counts[2]), JIT_OK);
    ck_assert_uint_eq(law.listed, counts[0] + counts[1] - 1); /* one is /sec's own root node */
    ck_assert_uint_eq(law.owned, counts[2]);
    ck_assert_uint_eq(law.listed, config->owner_count);
}

#endif
