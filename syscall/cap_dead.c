/* syscall/cap_dead.c - revoking, and which nodes are dead since. */
#include "base/check.h"
#include "syscall/cap_priv.h"

void sys_caps_revoke(struct sys_caps *caps, uint32_t node, bool only_children)
{
    assert(cap_is_there(caps, node));
    struct cap_link *link = &caps->links[node];
    if (link->epoch == SYS_CAP_DEAD) {
        return;
    }
    link->epoch = only_children ? link->epoch + 1 : SYS_CAP_DEAD;
    caps->nodes[node].epoch = link->epoch;
    caps->may_be_dead = true;
}

static int compare_ids(const struct sys_caps *caps, uint32_t a, uint32_t b)
{
    return jit_id_compare(&caps->nodes[a].id, &caps->nodes[b].id);
}

/* Heap sort, since there is nothing to hand a comparison to the library's with. */
static void sift(struct sys_caps *caps, size_t root, size_t count)
{
    uint32_t *dead = caps->dead;
    for (size_t child = 2 * root + 1; child < count; root = child, child = 2 * root + 1) {
        if (child + 1 < count && compare_ids(caps, dead[child], dead[child + 1]) < 0) {
            child++;
        }
        if (compare_ids(caps, dead[root], dead[child]) >= 0) {
            return;
        }
        uint32_t swap = dead[root];
        dead[root] = dead[child];
        dead[child] = swap;
    }
}

static void sort_dead(struct sys_caps *caps)
{
    size_t count = caps->dead_count;
    for (size_t i = count / 2; i > 0; i--) {
        sift(caps, i - 1, count);
    }
    for (size_t end = count; end > 1; end--) {
        uint32_t swap = caps->dead[0];
        caps->dead[0] = caps->dead[end - 1];
        caps->dead[end - 1] = swap;
        sift(caps, 0, end - 1);
    }
}

static bool find_dead(struct sys_caps *caps)
{
    caps->dead_count = 0;
    uint64_t next = UINT64_MAX;
    for (uint32_t i = 0; i < caps->end; i++) {
        if (caps->links[i].filled == 0) {
            continue;
        }
        if (sys_caps_live(caps, i) == SYS_CAP_ALLOWED) {
            uint64_t last = caps->links[i].last_tick;
            next = last < next ? last : next;
            continue;
        }
        void *data = caps->dead;
        if (jit_heap_grow(caps->heap, &data, &caps->dead_capacity, caps->dead_count + 1,
                          sizeof *caps->dead) != 0) {
            return false;
        }
        caps->dead = data;
        caps->dead[caps->dead_count++] = i;
    }
    caps->may_be_dead = false;
    caps->next_expiry = next;
    sort_dead(caps);
    return true;
}

size_t sys_caps_dead(struct sys_caps *caps, uint32_t *nodes, size_t max)
{
    size_t count = 0;
    if ((caps->may_be_dead || caps->next_expiry < caps->tick) && !find_dead(caps)) {
        return SIZE_MAX;
    }
    size_t kept = 0;
    for (size_t i = 0; i < caps->dead_count; i++) {
        uint32_t node = caps->dead[i];
        /* Taken away meanwhile; and then its place may have been filled again. */
        if (!cap_is_there(caps, node) || sys_caps_live(caps, node) == SYS_CAP_ALLOWED) {
            continue;
        }
        caps->dead[kept++] = node;
        if (caps->nodes[node].children == 0 && count < max) {
            nodes[count++] = node;
        }
    }
    caps->dead_count = kept;
    return count;
}
