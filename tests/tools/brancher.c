/* A worker that uses all of its space each tick and says in the world what it found: nested
 * branches, a merge of two, a conflict, a choice, what is mounted read-only, undo, branches that
 * are held over ticks, handles that are stale, calls in a wrong order; and an own graph whose every
 * version is compared with what the tick says that it has to be. */
#include <jitos.h>
#include <math.h>
#include <string.h>

enum { RING = 64 };

static struct jitos *jitos;
static struct jit_id world, probe, own, own_root, device;
static int64_t broken; /* the first thing that was not as it has to be */

static void must_be(bool right, int64_t what)
{
    if (!right && broken == 0) {
        broken = what;
    }
}

static void must(enum jit_err err, int64_t what)
{
    must_be(err == JIT_OK, what);
}

static struct rmg_op set_op(const struct jit_id *in, const struct jit_id *node, const char *name,
                            const int64_t *value)
{
    struct rmg_op op = {
        .kind = RMG_OP_SET_ATTACHMENT, .plane = RMG_PLANE_ALPHA, .instance = *in, .id = *node};
    op.attachment.name = name;
    op.attachment.name_size = (uint32_t)strlen(name);
    op.attachment.value.kind = RMG_VALUE_ATOM;
    jit_hash_named("type:", "i64", 3, &op.attachment.value.type);
    op.attachment.value.bytes = (const uint8_t *)value;
    op.attachment.value.size = sizeof *value;
    return op;
}

static enum jit_err set(struct jitos_branch *branch, const struct jit_id *in,
                        const struct jit_id *node, const char *name, int64_t value)
{
    const struct rmg_op op = set_op(in, node, name, &value);
    jitos_change(jitos, branch);
    enum jit_err err = jitos_change_op(jitos, &op);
    if (err == JIT_OK) {
        return jitos_change_end(jitos);
    }
    jitos_change_abort(jitos);
    return err;
}

/* -1: there is none. */
static int64_t get(const struct jitos_branch *branch, const struct jit_id *in,
                   const struct jit_id *node, const char *name)
{
    struct rmg_graph graph;
    struct rmg_value value;
    int64_t out = -1;
    if (jitos_look(jitos, branch, in, &graph) == JIT_OK &&
        rmg_attachment_get(&graph, RMG_PLANE_ALPHA, node, name, (uint32_t)strlen(name), &value) ==
            JIT_OK &&
        value.size == sizeof out) {
        memcpy(&out, value.bytes, sizeof out);
    }
    return out;
}

/* ---- the own graph: of each of the last 64 ticks a node, and how many there were ---- */

static struct jit_id place(uint64_t tick)
{
    char label[2] = {(char)('0' + (int)(tick % RING / 8)), (char)('0' + (int)(tick % 8))};
    struct jit_id id;
    jit_hash_named("node:", label, sizeof label, &id);
    return id;
}

static void compare_own(uint64_t tick)
{
    int64_t count = get(NULL, &own, &own_root, "count");
    const uint64_t first = tick > RING ? tick - RING : 1;
    must_be(count == (tick == 1 ? -1 : (int64_t)tick - 1), 1);
    for (uint64_t t = first; t < tick; t++) {
        const struct jit_id id = place(t);
        must_be(get(NULL, &own, &id, "tick") == (int64_t)t, 2);
    }
}

static void write_own(uint64_t tick)
{
    struct rmg_op node = {.kind = RMG_OP_UPSERT_NODE, .instance = own, .id = place(tick)};
    const int64_t now = (int64_t)tick;
    jit_hash_named("type:", "Tick", 4, &node.type);
    const struct rmg_op value = set_op(&own, &node.id, "tick", &now);
    const struct rmg_op count = set_op(&own, &own_root, "count", &now);
    jitos_change(jitos, NULL);
    enum jit_err err = jitos_change_op(jitos, &node);
    err = err == JIT_OK ? jitos_change_op(jitos, &value) : err;
    err = err == JIT_OK ? jitos_change_op(jitos, &count) : err;
    if (err == JIT_OK) {
        err = jitos_change_end(jitos);
    } else {
        jitos_change_abort(jitos);
    }
    must(err, 3);
}

/* ---- a rule in C on the own graph: each node of an odd tick that has none yet gets a mark ---- */

static struct jit_id tick_type, mark_type, has_type;

static bool find_odd(void *user, struct rmg_native *view, struct rmg_native_match *match)
{
    uint32_t node = match->count == 0 ? RMG_WORK_NONE : match->at[0];
    (void)user;
    while (rmg_native_node_next(view, &tick_type, node, &node) == JIT_OK) {
        struct rmg_value value;
        uint64_t marks = 0;
        if (rmg_native_get(view, RMG_PLANE_ALPHA, node, "tick", 4, &value) == JIT_OK &&
            (value.bytes[0] & 1) != 0 &&
            rmg_native_degree(view, node, RMG_DIR_OUT, &has_type, &marks) == JIT_OK && marks == 0) {
            match->count = 1;
            match->at[0] = node;
            return true;
        }
    }
    return false;
}

static enum jit_err may_mark(void *user, struct rmg_native *view,
                             const struct rmg_native_match *match)
{
    const bool narrow = *(const bool *)user; /* too narrow for what is done then */
    const struct rmg_native_slot slots[] = {
        {.kind = RMG_SLOT_EXTENT, .write = true, .type = mark_type},
        {.kind = RMG_SLOT_EXTENT, .write = !narrow, .type = has_type},
        {.kind = RMG_SLOT_INCIDENCE,
         .write = true,
         .element = match->at[0],
         .direction = RMG_DIR_OUT,
         .type = has_type}};
    enum jit_err err = JIT_OK;
    for (size_t i = 0; err == JIT_OK && i < sizeof slots / sizeof slots[0]; i++) {
        err = rmg_native_may(view, &slots[i]);
    }
    return err;
}

static enum jit_err mark(void *user, struct rmg_native *view, const struct rmg_native_match *match)
{
    uint32_t made = 0;
    uint32_t edge = 0;
    (void)user;
    enum jit_err err = rmg_native_add_node(view, &mark_type, &made);
    return err == JIT_OK ? rmg_native_add_edge(view, match->at[0], &has_type, made, &edge) : err;
}

static uint64_t marks_now(void)
{
    struct rmg_graph graph;
    uint64_t count = 0;
    if (jitos_look(jitos, NULL, &own, &graph) == JIT_OK) {
        (void)!rmg_extent_count(&graph, false, &mark_type, &count);
    }
    return count;
}

static void mark_own(uint64_t tick)
{
    bool narrow = true;
    struct rmg_native_rule rule = {.name = "mark",
                                   .user = &narrow,
                                   .matcher = find_odd,
                                   .footprint = may_mark,
                                   .executor = mark};
    struct rmg_native_report report;
    const uint64_t before = marks_now();
    const bool odd = tick % 2 != 0 && tick <= RING; /* later ones have their mark */
    if (odd) {                                      /* it would write where it did not say */
        must_be(jitos_native(jitos, &rule, UINT64_MAX, &report) == JIT_ECAP, 60);
        must_be(report.slot.kind == RMG_SLOT_EXTENT && report.rewrites == 0, 61);
        must_be(marks_now() == before, 62);
    }
    narrow = false;
    must(jitos_native(jitos, &rule, UINT64_MAX, &report), 63);
    must_be(report.rewrites == odd, 64);
    must_be(marks_now() == before + odd, 65);
    must(jitos_native(jitos, &rule, UINT64_MAX, &report), 66); /* there is no other */
    must_be(report.rewrites == 0, 67);
}

/* ---- branches ---- */

static void nest(struct jitos_branch *outer)
{
    struct jitos_branch *inner = NULL;
    struct jitos_branch *lost = NULL;
    struct jitos_collapsed collapsed;
    must(set(outer, &world, &probe, "nested", 10), 10);
    must(jitos_fork(jitos, outer, &inner), 11);
    must(jitos_fork(jitos, outer, &lost), 12);
    must(set(lost, &world, &probe, "nested", 99), 13);
    must(set(inner, &world, &probe, "nested", 11), 14);
    must_be(get(outer, &world, &probe, "nested") == 10, 15);
    must_be(get(lost, &world, &probe, "nested") == 99, 16);
    jitos_drop(jitos, lost);
    must(jitos_collapse(jitos, inner, false, 0, &collapsed), 17);
    must_be(collapsed.local == 1 && collapsed.shared == 0, 18);
    must_be(get(outer, &world, &probe, "nested") == 11, 19);
}

static void merge(struct jitos_branch *into, uint64_t tick)
{
    struct jitos_branch *parts[3];
    uint32_t merged = 0;
    for (int i = 0; i < 3; i++) {
        must(jitos_fork(jitos, into, &parts[i]), 20);
    }
    must(set(parts[0], &world, &probe, "left", (int64_t)tick), 21);
    must(set(parts[1], &world, &probe, "right", (int64_t)tick), 22);
    must(set(parts[2], &world, &probe, "left", -(int64_t)tick), 23); /* against the first */
    must_be(jitos_merge(jitos, parts, 3, &merged) == JIT_ECONFLICT && merged == 2, 24);
    jitos_drop(jitos, parts[2]);
    must_be(get(into, &world, &probe, "left") == (int64_t)tick &&
                get(into, &world, &probe, "right") == (int64_t)tick,
            25);
}

static void choose(struct jitos_branch *from, struct jitos_branch **out)
{
    struct jitos_branch *branches[4];
    const double scores[4] = {1, NAN, 7, 7};
    for (int i = 0; i < 4; i++) {
        must(jitos_fork(jitos, from, &branches[i]), 30);
        must(set(branches[i], &world, &probe, "chosen", i), 31);
    }
    *out = branches[jitos_choose(jitos, branches, scores, 4)];
}

static void undo(void)
{
    const int64_t count = get(NULL, &own, &own_root, "count");
    must(set(NULL, &own, &own_root, "count", -12345), 40); /* no tick: else nothing would change */
    must_be(jitos_history(jitos) > 0, 41);
    must(jitos_undo(jitos, 1), 42);
    must_be(get(NULL, &own, &own_root, "count") == count, 43);
}

/* ---- what a stranger might do ---- */

static void stale_handles(void)
{
    struct jitos_branch *gone = NULL;
    struct jitos_branch *child = NULL;
    struct jitos_branch *other = NULL;
    struct jitos_collapsed collapsed;
    struct rmg_graph graph;
    struct jit_id id;
    uint16_t result = 0;
    must(jitos_fork(jitos, NULL, &gone), 70);
    must(jitos_fork(jitos, gone, &child), 71);
    jitos_drop(jitos, gone);
    must(jitos_fork(jitos, NULL, &other), 72); /* it may well lie where the first one lay */
    must(set(other, &world, &probe, "left", -7), 73);
    jitos_drop(jitos, gone);
    jitos_drop(jitos, child);
    must_be(get(other, &world, &probe, "left") == -7, 74);
    for (int i = 0; i < 2; i++) {
        struct jitos_branch *stale = i == 0 ? gone : child;
        struct jitos_branch *none = other;
        must_be(jitos_collapse(jitos, stale, false, 0, &collapsed) == JIT_EINVALID, 75);
        must_be(jitos_fork(jitos, stale, &none) == JIT_EINVALID && none == NULL, 76);
        must_be(jitos_look(jitos, stale, &world, &graph) == JIT_EINVALID, 77);
        must_be(set(stale, &world, &probe, "left", 1) == JIT_EINVALID, 78);
        must_be(jitos_new_id(jitos, stale, &id) == JIT_EINVALID, 79);
        must_be(jitos_apply(jitos, stale, 0, &probe, 1, 0, &result) == JIT_EINVALID, 80);
    }
    jitos_drop(jitos, other);
    must_be(jitos_collapse(jitos, other, false, 0, &collapsed) == JIT_EINVALID, 81);
    must_be(jitos_collapse(jitos, NULL, false, 0, &collapsed) == JIT_EINVALID, 82);
}

static void wrong_order(void)
{
    struct jitos_branch *branch = NULL;
    struct jitos_branch *none = NULL;
    struct jitos_collapsed collapsed;
    struct jit_id no_place = jitos_place(jitos, 99);
    struct rmg_graph graph;
    const int64_t value = -99;
    const struct rmg_op op = set_op(&world, &probe, "left", &value);
    static const double scores[3] = {NAN, NAN, NAN};
    struct jitos_branch *all[3] = {NULL};
    must(jitos_fork(jitos, NULL, &branch), 83);
    must_be(jitos_change_op(jitos, &op) == JIT_EINVALID, 84);
    must_be(jitos_change_end(jitos) == JIT_EINVALID, 85);
    jitos_change_abort(jitos);
    jitos_change(jitos, branch);
    must(jitos_change_op(jitos, &op), 86);
    must_be(jitos_fork(jitos, NULL, &none) == JIT_EBUSY && none == NULL, 87);
    must_be(jitos_collapse(jitos, branch, false, 0, &collapsed) == JIT_EBUSY, 88);
    must_be(jitos_undo(jitos, 1) == JIT_EBUSY, 89);
    jitos_change(jitos, branch); /* then there is none */
    must_be(jitos_change_op(jitos, &op) == JIT_EBUSY, 90);
    must_be(jitos_change_end(jitos) == JIT_EBUSY, 91);
    must_be(get(branch, &world, &probe, "left") != -99, 92);
    must_be(jitos_own(jitos, 8) == JIT_EINVALID, 93);
    must_be(jit_id_is_zero(&no_place), 94);
    must_be(jitos_graph(jitos, 99, &graph) == JIT_EINVALID, 95);
    must_be(jitos_undo(jitos, 0) == JIT_EINVALID && jitos_undo(jitos, 65) == JIT_EINVALID, 96);
    must_be(jitos_choose(jitos, all, scores, 0) == 0, 97);
    must_be(jitos_choose(jitos, all, scores, 3) == 0, 98); /* nobody is better than the first */
    jitos_drop(jitos, branch);
}

/* As many as there may be, as deep as they may be. */
static void to_the_limits(void)
{
    struct jitos_branch *first = NULL;
    struct jitos_branch *deep = NULL;
    struct jitos_branch *all[256];
    unsigned depth = 0;
    unsigned count = 0;
    while (jitos_fork(jitos, deep, &all[0]) == JIT_OK && depth < 256) {
        deep = all[0];
        first = first == NULL ? deep : first;
        depth++;
    }
    must_be(depth == 16, 100);
    jitos_drop(jitos, first);
    while (count < 256 && jitos_fork(jitos, NULL, &all[count]) == JIT_OK) {
        count++;
    }
    must_be(jitos_fork(jitos, NULL, &deep) == JIT_ELIMIT && deep == NULL, 101);
    for (unsigned i = 0; i < count; i++) {
        jitos_drop(jitos, all[i]);
    }
    must(jitos_fork(jitos, NULL, &deep), 102);
    jitos_drop(jitos, deep);
}

/* Branches that fill the memory of the own graph: one of them is refused, all else is as it was. */
static void until_it_is_full(void)
{
    static uint8_t bytes[1 << 20];
    struct jitos_branch *all[64] = {NULL};
    enum jit_err err = JIT_OK;
    unsigned count = 0;
    struct rmg_op op = set_op(&own, &own_root, "large", NULL);
    const int64_t before = get(NULL, &own, &own_root, "count");
    op.attachment.value.bytes = bytes;
    op.attachment.value.size = sizeof bytes;
    jit_hash_named("type:", "bytes", 5, &op.attachment.value.type);
    while (err == JIT_OK && count < 64) {
        bytes[0]++; /* each another value */
        err = jitos_fork(jitos, NULL, &all[count++]);
        if (err == JIT_OK) {
            jitos_change(jitos, all[count - 1]);
            err = jitos_change_op(jitos, &op);
            if (err == JIT_OK) {
                err = jitos_change_end(jitos);
            } else {
                jitos_change_abort(jitos);
            }
        }
    }
    must_be(err == JIT_ENOSPC && count > 8, 103);
    for (unsigned i = 0; i < count; i++) {
        jitos_drop(jitos, all[i]);
    }
    must_be(get(NULL, &own, &own_root, "count") == before, 104);
    must_be(get(NULL, &own, &own_root, "large") == -1, 105);
}

/* What was forked in earlier ticks: it is too old, or as it was. A death forgets them, so nothing
 * that is asked for depends on them. */
static void hold(uint64_t tick)
{
    static struct {
        struct jitos_branch *branch;
        int64_t value;
    } held[6];
    const size_t at = tick % 6;
    struct rmg_graph graph;
    for (size_t i = 0; i < 6; i++) {
        const enum jit_err err =
            held[i].branch == NULL ? JIT_ESTALE : jitos_look(jitos, held[i].branch, &world, &graph);
        must_be(err == JIT_ESTALE || err == JIT_OK, 110);
        must_be(err != JIT_OK || get(held[i].branch, &world, &probe, "own") == held[i].value, 111);
    }
    jitos_drop(jitos, held[at].branch);
    held[at].branch = NULL;
    must(jitos_fork(jitos, NULL, &held[at].branch), 112);
    held[at].value = get(held[at].branch, &world, &probe, "own");
}

static enum jit_err one_tick(void)
{
    struct jitos_branch *branch = NULL;
    struct jitos_branch *best = NULL;
    struct jitos_collapsed collapsed;
    struct jitos_receipt receipt;
    uint64_t tick = jitos_begin(jitos);
    world = jitos_place(jitos, 0);
    while (jitos_receipt(jitos, &receipt)) {
        must_be(receipt.result == 0 && receipt.cookie == receipt.tick, 50);
    }
    compare_own(tick);
    if (tick % 16 == 1) {
        to_the_limits();
    }
    stale_handles();
    wrong_order();
    if (tick == 3) {
        until_it_is_full();
    }
    hold(tick);
    must(jitos_fork(jitos, NULL, &branch), 51);
    nest(branch);
    merge(branch, tick);
    choose(branch, &best);
    must(jitos_collapse(jitos, best, false, 0, &collapsed), 52);
    must_be(set(branch, &device, &device, "x", 1) != JIT_OK, 53); /* mounted, to be read only */
    write_own(tick);
    undo();
    mark_own(tick);
    must_be(get(NULL, &own, &own_root, "count") == (int64_t)tick, 54);
    must(set(branch, &world, &probe, "own", get(NULL, &own, &own_root, "count")), 55);
    /* What an earlier life has found wrong stays said. */
    const int64_t before = get(branch, &world, &probe, "broken");
    must(set(branch, &world, &probe, "broken", before != 0 ? before : broken), 56);
    must(jitos_collapse(jitos, branch, true, tick, &collapsed), 57);
    must_be(collapsed.shared > 0, 58);
    jitos_done(jitos);
    return JIT_OK;
}

int main(void)
{
    jitos_own_place(&own, &own_root);
    jit_hash_named("warp:", "/dev", 4, &device);
    jit_hash_named("node:", "probe", 5, &probe);
    jit_hash_named("type:", "Tick", 4, &tick_type);
    jit_hash_named("type:", "Mark", 4, &mark_type);
    jit_hash_named("type:", "HAS", 3, &has_type);
    enum jit_err err = jitos_attach(&jitos);
    if (err == JIT_OK) {
        err = jitos_own(jitos, 8);
    }
    while (err == JIT_OK) {
        err = one_tick();
    }
    return 1;
}
