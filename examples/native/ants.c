/* ants.c - a worker of JITOS as a program of its own: where each ant goes next.
 *
 * It looks at the graph, decides, and asks for the rule `step` at one match an ant. It remembers
 * nothing, so it may be killed and started again at any time and nobody can tell. */
#include <jitos.h>
#include <string.h>

#define ANTS_MAX 64

/* The order of the rule's text: (a:Ant)-[w:AT]->(x:Cell)-[:ROAD]->(y:Cell). */
enum { ANT, AT, FROM, ROAD, TO, STEP_IDS };

struct choice {
    struct jit_id ids[STEP_IDS];
    uint64_t cost; /* visits, and something that ants and ticks do not share */
};

struct colony {
    struct rmg_graph world;
    uint64_t tick;
    struct choice choices[ANTS_MAX];
    unsigned count;
    enum jit_err err;
};

static uint64_t visits_of(struct colony *colony, const struct jit_id *cell)
{
    struct rmg_value value;
    uint64_t visits = 0;
    colony->err = rmg_attachment_get(&colony->world, RMG_PLANE_ALPHA, cell, "visits", 6, &value);
    if (colony->err == JIT_OK && value.size == sizeof visits) {
        memcpy(&visits, value.bytes, sizeof visits);
    }
    return visits;
}

/* Equal visits: whoever has the smaller number, another one each tick. */
static uint64_t tie(const struct colony *colony, const struct jit_id *ant,
                    const struct jit_id *cell)
{
    uint64_t x = colony->tick * 0x9e3779b97f4a7c15u;
    for (int i = 0; i < 8; i++) {
        x = (x ^ ant->bytes[i] ^ (uint64_t)cell->bytes[i] << 8) * 0x100000001b3u;
    }
    return x >> 48;
}

static bool consider(void *user, const struct jit_id *ids, uint32_t id_count)
{
    struct colony *colony = user;
    unsigned i = 0;
    if (id_count != STEP_IDS) {
        return false;
    }
    uint64_t cost = visits_of(colony, &ids[TO]) << 16 | tie(colony, &ids[ANT], &ids[TO]);
    while (i < colony->count &&
           memcmp(&colony->choices[i].ids[ANT], &ids[ANT], sizeof ids[ANT]) != 0) {
        i++;
    }
    if (i == ANTS_MAX || colony->err != JIT_OK) {
        return false;
    }
    if (i == colony->count || cost < colony->choices[i].cost) {
        memcpy(colony->choices[i].ids, ids, sizeof colony->choices[i].ids);
        colony->choices[i].cost = cost;
        colony->count += i == colony->count;
    }
    return true;
}

static enum jit_err one_tick(struct jitos *jitos, struct colony *colony)
{
    colony->tick = jitos_begin(jitos);
    colony->count = 0;
    colony->err = JIT_OK;
    enum jit_err err = jitos_graph(jitos, 0, &colony->world);
    if (err == JIT_OK) {
        err = jitos_match(jitos, 0, consider, colony);
    }
    if (err == JIT_OK) {
        err = colony->err;
    }
    for (unsigned i = 0; err == JIT_OK && i < colony->count; i++) {
        const struct jitos_request step = {
            .run = 0, .ids = colony->choices[i].ids, .id_count = STEP_IDS};
        err = jitos_request(jitos, &step);
    }
    if (err == JIT_OK) {
        jitos_done(jitos);
    }
    return err;
}

int main(void)
{
    static struct colony colony;
    struct jitos *jitos;
    enum jit_err err = jitos_attach(&jitos);
    while (err == JIT_OK) {
        err = one_tick(jitos, &colony);
    }
    return 1;
}
