/* what_if.c - a worker of JITOS that looks before it leaps: 64 futures a tick, of which the best
 * becomes what is.
 *
 * A future is a branch: it costs nothing to fork, and nobody sees what is done in it. In each some
 * regions are painted anew, at random but always the same for a seed; the score is how few borders
 * have one colour on both sides. The best branch is collapsed, the others are dropped. It remembers
 * nothing, so it may be killed at any time and nobody can tell. */
#include <jitos.h>
#include <string.h>

enum { FUTURES = 64, REGIONS_MAX = 256, BORDERS_MAX = 1024, PAINTED_MAX = 3 };

struct map {
    struct jit_id place; /* /world */
    struct jit_id painter;
    struct jit_id regions[REGIONS_MAX];
    struct rmg_edge borders[BORDERS_MAX];
    unsigned region_count;
    unsigned border_count;
};

/* Chance that is the same in every run of a seed. */
static uint64_t draw(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static enum jit_err read_map(struct jitos *jitos, struct map *map)
{
    struct rmg_graph world;
    struct rmg_iter iter;
    struct jit_id node;
    struct jit_id type;
    struct jit_id region;
    struct jit_id painter;
    map->place = jitos_place(jitos, 0);
    map->region_count = 0;
    map->border_count = 0;
    jit_hash_named("type:", "Region", 6, &region);
    jit_hash_named("type:", "Painter", 7, &painter);
    enum jit_err err = jitos_look(jitos, NULL, &map->place, &world);
    if (err != JIT_OK) {
        return err;
    }
    rmg_iter_extent(&world, false, &region, &iter);
    while (map->region_count < REGIONS_MAX &&
           rmg_iter_node(&iter, &map->regions[map->region_count], &type) == JIT_OK) {
        map->region_count++;
    }
    rmg_iter_all(&world, RMG_EDGES, &iter);
    while (map->border_count < BORDERS_MAX &&
           rmg_iter_edge(&iter, &map->borders[map->border_count]) == JIT_OK) {
        map->border_count++;
    }
    rmg_iter_extent(&world, false, &painter, &iter);
    err = rmg_iter_node(&iter, &node, &type);
    map->painter = node;
    return map->region_count == 0 ? JIT_ENOENT : err;
}

static int64_t number(const struct rmg_graph *world, const struct jit_id *node, const char *name)
{
    struct rmg_value value;
    int64_t out = 0;
    if (rmg_attachment_get(world, RMG_PLANE_ALPHA, node, name, (uint32_t)strlen(name), &value) ==
            JIT_OK &&
        value.size == sizeof out) {
        memcpy(&out, value.bytes, sizeof out);
    }
    return out;
}

/* Borders with one colour on both sides, as the branch sees them. */
static enum jit_err clashes(struct jitos *jitos, const struct map *map,
                            const struct jitos_branch *branch, int64_t *out)
{
    struct rmg_graph world;
    enum jit_err err = jitos_look(jitos, branch, &map->place, &world);
    *out = 0;
    for (unsigned i = 0; err == JIT_OK && i < map->border_count; i++) {
        *out += number(&world, &map->borders[i].from, "colour") ==
                number(&world, &map->borders[i].to, "colour");
    }
    return err;
}

/* One future: a few regions get another colour, by the rule and what it says. */
static enum jit_err imagine(struct jitos *jitos, const struct map *map, uint64_t chance,
                            struct jitos_branch **out)
{
    enum jit_err err = jitos_fork(jitos, NULL, out);
    unsigned count = 1 + (unsigned)(draw(&chance) % PAINTED_MAX);
    for (unsigned i = 0; err == JIT_OK && i < count; i++) {
        uint16_t result;
        const struct jit_id *region = &map->regions[draw(&chance) % map->region_count];
        uint32_t colour = (uint32_t)(draw(&chance) % 4); /* its run: red, green, ... */
        err = jitos_apply(jitos, *out, colour, region, 1, 0, &result);
    }
    return err;
}

static enum jit_err set(struct jitos *jitos, const struct map *map, const char *name, int64_t value)
{
    struct rmg_op op = {.kind = RMG_OP_SET_ATTACHMENT,
                        .plane = RMG_PLANE_ALPHA,
                        .instance = map->place,
                        .id = map->painter};
    op.attachment.name = name;
    op.attachment.name_size = (uint32_t)strlen(name);
    op.attachment.value.kind = RMG_VALUE_ATOM;
    jit_hash_named("type:", "i64", 3, &op.attachment.value.type);
    op.attachment.value.bytes = (const uint8_t *)&value;
    op.attachment.value.size = sizeof value;
    return jitos_change_op(jitos, &op);
}

/* What it has come to, for all to see: written in the branch that is going to be collapsed. */
static enum jit_err tell(struct jitos *jitos, const struct map *map, struct jitos_branch *branch,
                         int64_t left)
{
    struct rmg_graph world;
    enum jit_err err = jitos_look(jitos, branch, &map->place, &world);
    if (err != JIT_OK) {
        return err;
    }
    int64_t futures = number(&world, &map->painter, "futures");
    jitos_change(jitos, branch);
    err = set(jitos, map, "clashes", left);
    if (err == JIT_OK) {
        err = set(jitos, map, "futures", futures + FUTURES);
    }
    if (err != JIT_OK) {
        jitos_change_abort(jitos);
        return err;
    }
    return jitos_change_end(jitos);
}

static enum jit_err one_tick(struct jitos *jitos, struct map *map)
{
    struct jitos_branch *futures[FUTURES];
    double scores[FUTURES];
    struct jitos_collapsed collapsed;
    int64_t now = 0;
    int64_t left = 0;
    uint64_t tick = jitos_begin(jitos);
    enum jit_err err = read_map(jitos, map);
    if (err == JIT_OK) {
        err = clashes(jitos, map, NULL, &now);
    }
    for (unsigned i = 0; err == JIT_OK && i < FUTURES; i++) {
        uint64_t chance = jitos_info(jitos).seed * 1000003u + tick * FUTURES + i;
        err = imagine(jitos, map, chance, &futures[i]);
        if (err == JIT_OK) {
            err = clashes(jitos, map, futures[i], &left);
        }
        scores[i] = -(double)left;
    }
    if (err == JIT_OK) {
        uint32_t best = jitos_choose(jitos, futures, scores, FUTURES);
        if (-scores[best] > (double)now) { /* none is better than to leave it */
            jitos_drop(jitos, futures[best]);
            err = jitos_fork(jitos, NULL, &futures[best]);
            scores[best] = -(double)now;
        }
        if (err == JIT_OK) {
            err = tell(jitos, map, futures[best], (int64_t)-scores[best]);
        }
        if (err == JIT_OK) {
            err = jitos_collapse(jitos, futures[best], false, 0, &collapsed);
        }
    }
    if (err == JIT_OK) {
        jitos_done(jitos);
    }
    return err;
}

int main(void)
{
    static struct map map;
    struct jitos *jitos;
    enum jit_err err = jitos_attach(&jitos);
    while (err == JIT_OK) {
        err = one_tick(jitos, &map);
    }
    return 1;
}
