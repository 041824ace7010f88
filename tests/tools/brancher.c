/* A worker that uses all of its space each tick and says in the world what it found: nested
 * branches, a merge of two, a conflict, a choice, what is mounted read-only, undo; and an own graph
 * whose every version is compared with what the tick says that it has to be. */
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
