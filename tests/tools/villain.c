/* tests/tools/villain.c - a worker that knows the protocol and uses it to do harm: what member k
 * tries is its number; one that is alone in its process writes collapses by hand. Unlike a rogue it
 * tries for as long as it is let; what it finds out that should not be, it says by the status it
 * ends with. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/random.h"
#include "proc/guest/jitos.h"
#include "rmg/change/collapse.h"
#include "rmg/engine/request.h"
#include "syscall/ring.h"

#define HONEST_TICKS 3u
#define GRAPH_BYTES  (128u << 10) /* of the graph's memory: there from the start */
#define GRAPH_KEPT   4096u /* its first page is the kernel's, and says where the rest begins */

enum villain_status {
    VILLAIN_OWN = 41,     /* its graph could not be opened: expected of one that is damaged */
    VILLAIN_READ = 42,    /* it was opened, and reading it ended with an error: likewise */
    VILLAIN_ALLOWED = 71, /* something was done that it had no right to */
    VILLAIN_REFUSED = 72  /* what it has a right to was not done: it does not write them well */
};

static struct sys_ring_guest ring;

static void wait_for(void *user, uint32_t *word, uint32_t value)
{
    (void)user;
    (void)syscall(SYS_futex, word, 0 /* WAIT */, value, NULL, NULL, 0);
}

static void wake(void *user, uint32_t *word)
{
    (void)user;
    (void)syscall(SYS_futex, word, 1 /* WAKE */, 1, NULL, NULL, 0);
}

static void open_ring(void)
{
    uint8_t *base = mmap(NULL, SYS_RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, SYS_FD_RING, 0);
    if (base == MAP_FAILED) {
        _exit(1);
    }
    ring = (struct sys_ring_guest){
        .memory = {.base = base, .size = SYS_RING_BYTES}, .wait = wait_for, .wake = wake};
    if (sys_ring_guest_open(&ring) != JIT_OK) {
        _exit(1);
    }
}

static void post(uint32_t kind, const void *bytes, uint32_t size)
{
    struct sys_slot *slot = sys_ring_guest_slot(&ring);
    slot->kind = kind;
    slot->length = size;
    slot->cookie = kind;
    memcpy(slot->body.bytes, bytes, size);
    sys_ring_guest_post(&ring);
}

/* ---- requests that change while they are read ---- */

/* Words of a slot that was posted, for as long as the kernel may be reading it. */
static void flip(struct sys_slot *slot, struct jit_random *random)
{
    static const uint32_t kinds[] = {SYS_CALL_apply,   SYS_CALL_derive, SYS_CALL_revoke,
                                     SYS_CALL_inspect, SYS_CALL_clock,  SYS_CALL_collapse};
    for (unsigned i = 0; i < 2000; i++) {
        uint64_t dice = jit_random_next(random);
        switch (dice % 4) {
        case 0:
            __atomic_store_n(&slot->kind, kinds[dice / 4 % 6], __ATOMIC_RELAXED);
            break;
        case 1:
            __atomic_store_n(&slot->length, (uint32_t)(dice / 4 % 300), __ATOMIC_RELAXED);
            break;
        case 2:
            __atomic_store_n(&slot->body.far.at, dice, __ATOMIC_RELAXED);
            break;
        default:
            slot->body.bytes[dice / 4 % SYS_INLINE_BYTES] = (uint8_t)(dice >> 32);
        }
    }
}

static void race(uint64_t tick, struct jit_random *random)
{
    const struct sys_inspect inspect = {.cap_slot = 0, .cap_generation = 1};
    struct sys_receipt receipt;
    for (unsigned i = 0; i < 50; i++) {
        struct sys_slot *slot = sys_ring_guest_slot(&ring);
        post(SYS_CALL_inspect, &inspect, sizeof inspect);
        sys_ring_guest_ring(&ring);
        flip(slot, random);
        while (sys_ring_guest_receipt(&ring, &receipt)) {
        }
    }
    sys_ring_guest_done(&ring, tick);
}

/* ---- a process graph that is no graph ---- */

static void put(struct jitos *jitos, uint64_t tick)
{
    struct jit_id place;
    struct jit_id root;
    jitos_own_place(&place, &root);
    jitos_change(jitos, NULL);
    for (uint64_t i = 0; i < 40; i++) {
        struct rmg_op op = {.kind = RMG_OP_UPSERT_NODE, .instance = place, .type = root};
        const uint64_t name[4] = {tick, i, i * 37};
        memcpy(&op.id, name, sizeof op.id);
        if (jitos_change_op(jitos, &op) != JIT_OK) {
            jitos_change_abort(jitos);
            return;
        }
    }
    (void)(jitos_change_end(jitos) == JIT_OK);
}

static void damage(uint32_t how)
{
    uint8_t *graph = mmap(NULL, GRAPH_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, SYS_FD_GRAPH, 0);
    uint32_t *words = (uint32_t *)(void *)(graph + GRAPH_KEPT);
    const size_t count = (GRAPH_BYTES - GRAPH_KEPT) / sizeof *words;
    if (graph == MAP_FAILED) {
        _exit(1);
    }
    if (how == 5) { /* holes, of every page but the first */
        (void)madvise(graph + GRAPH_KEPT, GRAPH_BYTES - GRAPH_KEPT, MADV_REMOVE);
        return;
    }
    if (how == 4) { /* nothing lies where it lay, nor aligned */
        memmove(graph + GRAPH_KEPT + 1, graph + GRAPH_KEPT, GRAPH_BYTES - GRAPH_KEPT - 1);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        bool there = words[i] != 0;
        words[i] = !there     ? 0
                   : how == 1 ? (uint32_t)((GRAPH_KEPT + 4 * i) / RMG_GRANULE) /* itself */
                   : how == 2 ? UINT32_MAX
                              : 0x7fffffffu;
    }
}

static void read_own(struct jitos *jitos)
{
    struct jit_id place;
    struct jit_id root;
    struct rmg_graph graph;
    struct rmg_iter iter;
    struct jit_id id;
    struct jit_id type;
    jitos_own_place(&place, &root);
    enum jit_err err = jitos_look(jitos, NULL, &place, &graph);
    if (err == JIT_ENOENT) {
        return; /* a new one */
    }
    if (err == JIT_OK) {
        rmg_iter_all(&graph, RMG_NODES, &iter);
        while ((err = rmg_iter_node(&iter, &id, &type)) == JIT_OK) {
        }
    }
    if (err != JIT_ENOENT) {
        _exit(VILLAIN_READ);
    }
}

static void graph_life(struct jitos *jitos, uint32_t index)
{
    if (jitos_own(jitos, 4) != JIT_OK) {
        _exit(VILLAIN_OWN);
    }
    uint64_t start = jitos_info(jitos).start_tick;
    for (;;) {
        uint64_t tick = jitos_begin(jitos);
        read_own(jitos);
        put(jitos, tick);
        if (tick >= start + HONEST_TICKS) {
            damage(index);
            abort();
        }
        jitos_done(jitos);
    }
}

/* ---- capabilities that it does not hold ---- */

static void apply_under(uint32_t slot, uint32_t generation, uint64_t nonce)
{
    uint8_t bytes[sizeof(struct sys_apply) + 5 * JIT_ID_BYTES] = {0};
    const struct sys_apply head = {.cap_slot = slot,
                                   .cap_generation = generation,
                                   .nonce = nonce,
                                   .id_count = 5,
                                   .flags = SYS_WANT_RECEIPT};
    memcpy(bytes, &head, sizeof head);
    post(SYS_CALL_apply, bytes, sizeof bytes);
}

/* Whatever is asked under one of these is denied; and it is told so. */
static void forge(void)
{
    static const uint32_t forged[][2] = {{77, 1}, {0, 9}, {1, 0}, {1, 2}, {UINT32_MAX, 1}, {2, 1}};
    for (uint64_t i = 0; i < sizeof forged / sizeof forged[0]; i++) {
        const struct sys_derive derive = {.cap_slot = forged[i][0],
                                          .cap_generation = forged[i][1],
                                          .flags = SYS_WANT_RECEIPT,
                                          .to_slot = SYS_NONE,
                                          .nonce = i};
        apply_under(forged[i][0], forged[i][1], i);
        post(SYS_CALL_derive, &derive, sizeof derive);
    }
}

/* It revokes what it derived in the tick before, behind a request under it in the same ring. */
static void revoke_under_way(uint32_t slot, uint32_t generation)
{
    const struct sys_derive derive = {
        .cap_slot = 1, .cap_generation = 1, .flags = SYS_WANT_RECEIPT, .to_slot = SYS_NONE};
    const struct sys_revoke revoke = {.cap_slot = slot, .cap_generation = generation};
    if (generation != 0) {
        apply_under(slot, generation, 0);
        post(SYS_CALL_revoke, &revoke, sizeof revoke);
    }
    post(SYS_CALL_derive, &derive, sizeof derive);
}

static void capability_life(uint32_t index)
{
    struct sys_derived derived = {.generation = 0};
    struct sys_receipt receipt;
    uint64_t tick = 0;
    open_ring();
    for (;;) {
        tick = sys_ring_guest_begin(&ring, tick);
        while (sys_ring_guest_receipt(&ring, &receipt)) {
            bool own = index == 7 && receipt.cookie == SYS_CALL_derive;
            if (own) {
                memcpy(&derived, &receipt.request_key, sizeof derived);
            } else if (receipt.result != RMG_DENIED) {
                _exit(VILLAIN_ALLOWED);
            }
        }
        if (index == 6) {
            forge();
        } else {
            revoke_under_way(derived.slot, derived.generation);
        }
        sys_ring_guest_done(&ring, tick);
    }
}

/* ---- a bell that never stops ---- */

/* One rings when it has said done, the other before it does, as well. */
static void flood_life(uint32_t index)
{
    uint64_t tick = 0;
    open_ring();
    const struct sys_ring_kernel *theirs =
        (const struct sys_ring_kernel *)(const void *)(ring.memory.base + SYS_RING_KERNEL_OFFSET);
    for (;;) {
        tick = sys_ring_guest_begin(&ring, tick);
        for (unsigned i = 0; index == 9 && i < 5000; i++) {
            sys_ring_guest_ring(&ring);
        }
        sys_ring_guest_done(&ring, tick);
        while (__atomic_load_n(&theirs->begin_tick, __ATOMIC_ACQUIRE) == tick) {
            sys_ring_guest_ring(&ring);
        }
    }
}

/* ---- collapses written by hand, of what it may only look at ---- */

#define RIGHTLY 1u /* cookies */
#define FORGED  2u

/* Each at a place of its own in the graph's memory, where it lies until it is taken. */
static void post_collapse(uint8_t *graph, uint32_t place, const struct sys_collapse *head,
                          uint64_t base_tick, const struct rmg_op *op, uint64_t cookie)
{
    static const struct jit_id none;
    static const struct rmg_origin origin = {.request = 0, .operation = 0};
    const bool creates = op->kind == RMG_OP_UPSERT_NODE;
    struct rmg_op whole = *op;
    struct jit_buf buf;
    jit_buf_init(&buf, jit_heap_libc(), 4096);
    whole.origins = &origin;
    whole.origin_count = 1;
    jit_buf_put(&buf, head, sizeof *head);
    for (uint32_t i = 0; i < head->cap_count; i++) { /* all others that it may have */
        jit_buf_put_u32(&buf, i);
        jit_buf_put_u32(&buf, 1);
    }
    jit_buf_put_u64(&buf, base_tick);
    jit_buf_put_u64(&buf, 0); /* in-slots */
    jit_buf_put_u64(&buf, creates);
    if (creates) {
        jit_buf_put_u64(&buf, 0); /* by the counter of its id */
    }
    jit_buf_put_u64(&buf, 0); /* sums */
    jit_buf_put_id(&buf, &none);
    jit_buf_put_u64(&buf, 0);
    jit_buf_put_u64(&buf, 0);
    jit_buf_put_u64(&buf, 1);
    rmg_op_encode(&whole, &buf);
    if (buf.err != JIT_OK || buf.size > 1024) {
        _exit(1);
    }
    struct sys_slot *slot = sys_ring_guest_slot(&ring);
    const uint64_t at = GRAPH_KEPT + place * 1024u;
    memcpy(graph + at, buf.data, buf.size);
    slot->kind = SYS_CALL_collapse;
    slot->length = (uint32_t)buf.size;
    slot->cookie = cookie;
    if (buf.size <= SYS_INLINE_BYTES) {
        memcpy(slot->body.bytes, buf.data, buf.size);
    } else {
        slot->body.far.at = at;
        slot->body.far.size = buf.size;
    }
    sys_ring_guest_post(&ring);
    jit_buf_release(&buf);
}

static void forge_collapses(uint8_t *graph, const struct jit_id *process, uint64_t tick)
{
    static const char *const places[] = {"/world", "/sys", "/sec", "/proc", "/schema", "/"};
    static const struct sys_collapse heads[] = {
        {.cap_slot = SYS_NONE, .flags = SYS_WANT_RECEIPT},
        {.cap_slot = 0, .cap_generation = 1, .flags = SYS_WANT_RECEIPT},
        {.cap_slot = 1, .cap_generation = 1, .flags = SYS_WANT_RECEIPT},
        {.cap_slot = 77, .cap_generation = 1, .flags = SYS_WANT_RECEIPT, .cap_count = 4}};
    const struct rmg_parent parent = {.present = false};
    const int64_t value = 666;
    uint32_t place = 0;
    struct sys_collapse right = heads[3];
    struct rmg_op op = {.kind = RMG_OP_UPSERT_NODE};
    jit_hash_named("warp:", "/bus", 4, &op.instance);
    jit_hash_named("type:", "Forged", 6, &op.type);
    rmg_branch_id(process, tick - 1, 0, &op.id);
    right.nonce = 99;
    post_collapse(graph, place++, &right, tick - 1, &op, RIGHTLY);
    for (uint32_t h = 0; h < sizeof heads / sizeof heads[0]; h++) {
        for (uint32_t i = 0; i < sizeof places / sizeof places[0]; i++) {
            const uint32_t size = (uint32_t)strlen(places[i]);
            struct rmg_op forged = {.kind = RMG_OP_SET_ATTACHMENT, .plane = RMG_PLANE_ALPHA};
            struct rmg_op created = op;
            jit_hash_named("warp:", places[i], size, &forged.instance);
            jit_hash_named("node:", places[i], size, &forged.id);
            forged.attachment.name = "forged";
            forged.attachment.name_size = 6;
            forged.attachment.value.kind = RMG_VALUE_ATOM;
            jit_hash_named("type:", "i64", 3, &forged.attachment.value.type);
            forged.attachment.value.bytes = (const uint8_t *)&value;
            forged.attachment.value.size = sizeof value;
            post_collapse(graph, place++, &heads[h], tick - 1, &forged, FORGED);
            created.instance = forged.instance;
            post_collapse(graph, place++, &heads[h], tick - 1, &created, FORGED);
            const struct rmg_op gone = {.kind = RMG_OP_DELETE_NODE,
                                        .instance = forged.instance,
                                        .id = forged.id,
                                        .prior = op.type};
            post_collapse(graph, place++, &heads[h], tick - 1, &gone, FORGED);
            const struct rmg_op anew = {.kind = RMG_OP_UPSERT_INSTANCE,
                                        .instance = forged.instance,
                                        .from = op.id,
                                        .parent = &parent,
                                        .prior = op.type};
            post_collapse(graph, place++, &heads[h], tick - 1, &anew, FORGED);
        }
    }
}

static void collapse_life(const struct jit_id *process)
{
    struct sys_receipt receipt;
    uint64_t tick = 0;
    uint8_t *graph = mmap(NULL, GRAPH_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, SYS_FD_GRAPH, 0);
    open_ring();
    if (graph == MAP_FAILED) {
        _exit(1);
    }
    for (;;) {
        tick = sys_ring_guest_begin(&ring, tick);
        while (sys_ring_guest_receipt(&ring, &receipt)) {
            if (receipt.cookie == FORGED && receipt.result != RMG_DENIED) {
                _exit(VILLAIN_ALLOWED);
            }
            if (receipt.cookie == RIGHTLY && receipt.result != RMG_APPLIED) {
                _exit(VILLAIN_REFUSED);
            }
        }
        forge_collapses(graph, process, tick);
        sys_ring_guest_done(&ring, tick);
    }
}

/* ---- */

static void race_life(void)
{
    struct jit_random random = jit_random_of(5);
    uint64_t tick = 0;
    open_ring();
    for (;;) {
        tick = sys_ring_guest_begin(&ring, tick);
        race(tick, &random);
    }
}

int main(void)
{
    struct jitos *jitos;
    if (jitos_attach(&jitos) != JIT_OK) {
        return 1;
    }
    const struct jitos_info info = jitos_info(jitos);
    const uint32_t index = info.index;
    if (info.count == 1) {
        collapse_life(&info.process);
    }
    if (index == 0) {
        race_life();
    } else if (index <= 5) {
        graph_life(jitos, index);
    } else if (index <= 7) {
        capability_life(index);
    } else {
        flood_life(index);
    }
}
