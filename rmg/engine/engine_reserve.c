#include "base/check.h"
#include "base/le.h"
#include "rmg/engine/engine_priv.h"
#include "rmg/engine/request.h"

/* How far ahead of the request at hand its uses, then its cells, are asked for. */
#define AHEAD_USES  12u
#define AHEAD_CELLS 4u

static uint64_t mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Keyed by seed and tick, so that ids chosen in advance do not meet in one cell of every tick. Only
 * the place in a table depends on it, never a result. */
uint64_t eng_use_hash(const struct rmg_engine *engine, const struct eng_use *use)
{
    const uint64_t k0 = 0xa0761d6478bd642full ^ engine->draw.seed;
    const uint64_t k1 = 0xe7037ed1a0b428dbull + engine->draw.tick * 0x9e3779b97f4a7c15ull;
    const uint8_t *id = use->id.bytes;
    uint64_t head = (uint64_t)use->instance << 32 | (uint64_t)use->name_size << 16 |
                    (uint64_t)use->direction << 8 | use->kind;
    uint64_t hash = mix(jit_le64(id) ^ k0, jit_le64(id + 8) ^ k1);
    hash = mix(hash ^ jit_le64(id + 16) ^ k1, jit_le64(id + 24) ^ k0);
    hash = mix(hash ^ head, k0 ^ 0x8ebc6af09c88c6e3ull);
    const uint8_t *rest = use->rest;
    size_t size = use->kind == RMG_SLOT_INCIDENCE ? JIT_ID_BYTES : use->name_size;
    for (; size >= 8; size -= 8, rest += 8) {
        hash = mix(hash ^ jit_le64(rest), k1 ^ 0x589965cc75374cc3ull);
    }
    if (size > 0) {
        uint8_t last[8] = {0};
        memcpy(last, rest, size);
        hash = mix(hash ^ jit_le64(last), k1 ^ 0x589965cc75374cc3ull);
    }
    return hash;
}

void eng_use_slot(const struct rmg_engine *engine, const struct eng_use *use, struct rmg_slot *out)
{
    out->kind = (enum rmg_slot_kind)use->kind;
    out->direction = (enum rmg_direction)use->direction;
    out->name_size = use->name_size;
    out->name = use->rest;
    out->instance = engine->instances[use->instance].id;
    out->id = use->id;
    if (use->kind == RMG_SLOT_INCIDENCE) {
        memcpy(&out->type, use->rest, sizeof out->type);
    }
}

size_t eng_slot_size(const struct eng_use *use)
{
    const struct rmg_slot slot = {.kind = (enum rmg_slot_kind)use->kind,
                                  .name_size = use->name_size};
    return rmg_slot_size(&slot);
}

size_t eng_use_size(const struct eng_use *use)
{
    size_t lists = (use->read ? 1u : 0u) + (use->access == RMG_ACCESS_READ ? 0u : 1u);
    return lists * eng_slot_size(use);
}

/* As many bits of the instance as are needed, then the id's first bits. */
uint64_t eng_prefix(const struct rmg_engine *engine, uint64_t kind, uint32_t instance,
                    const struct jit_id *id)
{
    unsigned bits = engine->instance_bits;
    return kind << 59 | (uint64_t)instance << (59 - bits) | jit_be64(id->bytes) >> (5 + bits);
}

bool eng_same_slot(const struct eng_use *a, const struct eng_use *b)
{
    size_t rest = a->kind == RMG_SLOT_INCIDENCE ? JIT_ID_BYTES : a->name_size;
    return a->kind == b->kind && a->direction == b->direction && a->name_size == b->name_size &&
           a->instance == b->instance && jit_id_equal(&a->id, &b->id) &&
           (rest == 0 || memcmp(a->rest, b->rest, rest) == 0);
}

/* The cell of this slot, or the empty one where it belongs. */
static uint32_t find_cell(const struct rmg_engine *engine, const struct eng_use *use)
{
    uint32_t tag = (uint32_t)(use->hash >> 32);
    uint32_t at = (uint32_t)use->hash & engine->cell_mask;
    for (;; at = (at + 1) & engine->cell_mask) {
        const struct eng_cell *cell = &engine->cells[at];
        if (cell->mark == 0 ||
            (cell->tag == tag && eng_same_slot(engine->marks[cell->mark - 1].use, use))) {
            return at;
        }
    }
}

static bool compatible(const struct eng_mark *mark, const struct eng_use *use)
{
    if (mark->access == RMG_ACCESS_READ && use->access == RMG_ACCESS_READ) {
        return true;
    }
    return mark->access == RMG_ACCESS_BLIND && use->access == RMG_ACCESS_BLIND &&
           mark->join == use->join && use->join != RMG_JOIN_NONE && !mark->read && !use->read;
}

/* Joins that may not go past a bound: a number, the bytes of a list. */
static bool is_counted(const struct eng_use *use)
{
    return use->access == RMG_ACCESS_BLIND &&
           (use->join == RMG_JOIN_SUM || use->join == RMG_JOIN_UNION);
}

/* A list is as long as if nothing had been in it twice: what is really there need not be asked. */
static bool count_fits(const struct eng_use *use, int64_t from, int64_t *out)
{
    return !__builtin_add_overflow(from, use->delta, out) &&
           (use->join != RMG_JOIN_UNION || *out <= (int64_t)JIT_ATOM_BYTES_MAX);
}

static enum jit_err mark_new(struct rmg_engine *engine, uint32_t cell, const struct eng_use *use,
                             uint32_t owner)
{
    enum jit_err err =
        ENG_ROOM(engine, engine->marks, engine->mark_capacity, engine->mark_count + 1);
    if (err != JIT_OK) {
        return err;
    }
    struct eng_mark *mark = &engine->marks[engine->mark_count++];
    *mark = (struct eng_mark){.key = eng_prefix(engine, use->kind, use->instance, &use->id),
                              .use = use,
                              .owner = owner,
                              .slot_size = (uint16_t)eng_slot_size(use),
                              .access = use->access,
                              .join = use->join,
                              .read = use->read};
    if (is_counted(use)) {
        bool fits = count_fits(use, use->base, &mark->sum);
        assert(fits); /* checked before anything was marked */
    }
    engine->cells[cell].tag = (uint32_t)(use->hash >> 32);
    engine->cells[cell].mark = (uint32_t)engine->mark_count;
    return JIT_OK;
}

/* Events come first and go together: the strongest use of a slot stands. */
enum jit_err eng_mark_event(struct rmg_engine *engine, const struct eng_use *use)
{
    uint32_t cell = find_cell(engine, use);
    if (engine->cells[cell].mark == 0) {
        return mark_new(engine, cell, use, RMG_NO_BLOCKER);
    }
    struct eng_mark *mark = &engine->marks[engine->cells[cell].mark - 1];
    mark->read = mark->read || use->read;
    if (mark->access != use->access || mark->join != use->join) {
        mark->access = RMG_ACCESS_WRITE;
        mark->join = RMG_JOIN_NONE;
    }
    return JIT_OK;
}

struct eng_mark *eng_mark_of(const struct rmg_engine *engine, const struct eng_use *use)
{
    uint32_t cell = find_cell(engine, use);
    return engine->cells[cell].mark == 0 ? NULL : &engine->marks[engine->cells[cell].mark - 1];
}

static enum jit_err mark_events(struct rmg_engine *engine)
{
    enum jit_err err = JIT_OK;
    for (size_t i = 0; i < engine->event_uses.count && err == JIT_OK; i++) {
        err = eng_mark_event(engine, &engine->event_uses.at[i]);
    }
    return err;
}

/* Nothing that came first changed a portal on the way to an instance. Only events can: rules leave
 * portals alone. */
static bool way_is_open(const struct rmg_engine *engine, uint32_t index)
{
    const struct eng_instance *instance = &engine->instances[index];
    for (; instance->hangs; instance = &engine->instances[instance->parent]) {
        const struct eng_cell *cell = &engine->cells[find_cell(engine, &instance->portal)];
        if (cell->mark != 0 && !compatible(&engine->marks[cell->mark - 1], &instance->portal)) {
            return false;
        }
    }
    return true;
}

/* Bytes that the way to an instance still adds to the patch. */
static uint64_t way_bytes(const struct rmg_engine *engine, uint32_t index)
{
    const struct eng_instance *instance = &engine->instances[index];
    uint64_t bytes = 0;
    for (; instance->hangs && !instance->entered; instance = &engine->instances[instance->parent]) {
        bytes += eng_use_size(&instance->portal);
    }
    return bytes;
}

/* The first one who reads inside an instance reads the portals that lead there for all. */
static enum jit_err mark_way(struct rmg_engine *engine, uint32_t index, uint32_t owner)
{
    enum jit_err err = JIT_OK;
    struct eng_instance *instance = &engine->instances[index];
    for (; err == JIT_OK && instance->hangs && !instance->entered;
         instance = &engine->instances[instance->parent]) {
        uint32_t cell = find_cell(engine, &instance->portal);
        instance->entered = true;
        if (engine->cells[cell].mark == 0) {
            err = mark_new(engine, cell, &instance->portal, owner);
        } else {
            engine->marks[engine->cells[cell].mark - 1].read = true;
        }
    }
    return err;
}

/* The whole footprint against what has won so far; nothing is marked. */
static enum rmg_result check(struct rmg_engine *engine, struct eng_req *req, uint64_t *lists)
{
    *lists = 0; /* bytes of lists that come into the patch with it */
    enum rmg_result result = RMG_APPLIED;
    uint32_t blocker = RMG_NO_BLOCKER;
    for (uint32_t i = 0; i < req->use_count; i++) {
        const struct eng_use *use = &req->uses[i];
        uint32_t cell = find_cell(engine, use);
        engine->found[i] = cell;
        const struct eng_mark *mark =
            engine->cells[cell].mark == 0 ? NULL : &engine->marks[engine->cells[cell].mark - 1];
        int64_t sum = 0;
        if (mark != NULL && !compatible(mark, use)) {
            result = RMG_CONFLICT;
            blocker = mark->owner < blocker ? mark->owner : blocker;
        } else if (result == RMG_APPLIED && is_counted(use) &&
                   !count_fits(use, mark == NULL ? use->base : mark->sum, &sum)) {
            result = RMG_OVERFLOW;
        }
        if (mark == NULL && is_counted(use) && use->join == RMG_JOIN_UNION) {
            *lists += (uint64_t)use->base;
        }
    }
    req->blocker = blocker;
    return result;
}

static enum jit_err mark_all(struct rmg_engine *engine, const struct eng_req *req, uint32_t index)
{
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; i < req->use_count && err == JIT_OK; i++) {
        const struct eng_use *use = &req->uses[i];
        uint32_t cell = engine->found[i];
        if (engine->cells[cell].mark != 0 &&
            !eng_same_slot(engine->marks[engine->cells[cell].mark - 1].use, use)) {
            cell = find_cell(engine, use); /* another use of this request took it */
        }
        if (engine->cells[cell].mark == 0) {
            err = mark_new(engine, cell, use, index);
        } else if (is_counted(use)) {
            engine->marks[engine->cells[cell].mark - 1].sum += use->delta;
        }
    }
    return err;
}

/* Is it tried again, and is there room to keep it until then? */
static bool may_wait(const struct rmg_engine *engine, const struct rmg_request *request)
{
    const size_t size = rmg_waiting_size(request);
    return engine->input->waiting != NULL && request->rule != NULL &&
           request->retries < request->rule->retry &&
           engine->waiting.size + size <= JIT_ATOM_BYTES_MAX &&
           engine->patch_bytes + size <= JIT_PATCH_BYTES_MAX;
}

/* A rule that is applied later: its request is, so far, only kept. */
static bool is_early(const struct rmg_engine *engine, const struct rmg_request *request)
{
    return engine->input->waiting != NULL && request->rule != NULL && request->rule->delay > 0 &&
           !request->due && request->retries == 0;
}

static void delay_one(struct rmg_engine *engine, uint32_t index)
{
    const struct rmg_request *request = &engine->input->requests[index];
    struct eng_req *req = &engine->reqs[index];
    const size_t size = rmg_waiting_delay_size(request);
    if (engine->waiting.size + size > JIT_ATOM_BYTES_MAX ||
        engine->patch_bytes + size > JIT_PATCH_BYTES_MAX) {
        req->result = RMG_OVER_QUOTA;
        return;
    }
    req->result = RMG_DELAYED;
    engine->patch_bytes += size;
    rmg_waiting_delay(request, &req->request_key, engine->input->tick + request->rule->delay,
                      &engine->waiting);
}

/* The instances that a request is at work in: one, but of a collapse. */
struct eng_ways {
    const uint32_t *at;
    uint32_t count;
};

static struct eng_ways ways_of(const struct eng_req *req)
{
    return req->ways == NULL ? (struct eng_ways){&req->instance, 1}
                             : (struct eng_ways){req->ways, req->way_count};
}

static enum jit_err reserve_one(struct rmg_engine *engine, uint32_t index);

/* What verification did not keep is found again; whoever loses leaves nothing. */
static enum jit_err reserve_heavy(struct rmg_engine *engine, uint32_t index)
{
    struct eng_req *req = &engine->reqs[index];
    const struct rmg_scratch_mark mark = rmg_scratch_mark(&engine->again.arena);
    enum jit_err err = eng_verify_alone(engine, index);
    if (err != JIT_OK) {
        return err;
    }
    assert(req->result == RMG_APPLIED); /* as the first time */
    err = reserve_one(engine, index);
    if (req->result != RMG_APPLIED) {
        req->uses = NULL;
        req->ops = NULL;
        rmg_scratch_rewind(&engine->again.arena, mark);
    }
    return err;
}

static enum jit_err reserve_one(struct rmg_engine *engine, uint32_t index)
{
    const struct rmg_request *request = &engine->input->requests[index];
    struct eng_req *req = &engine->reqs[index];
    enum jit_err err =
        ENG_ROOM(engine, engine->found, engine->found_capacity, (size_t)req->use_count);
    if (err != JIT_OK) {
        return err;
    }
    uint64_t lists = 0;
    enum rmg_result result = check(engine, req, &lists);
    const struct eng_ways ways = ways_of(req);
    uint64_t bytes = req->patch_bytes + lists;
    bool open = true;
    for (uint32_t i = 0; i < ways.count; i++) {
        bytes += way_bytes(engine, ways.at[i]);
        open = open && way_is_open(engine, ways.at[i]);
    }
    if (!open) {
        result = RMG_CONFLICT; /* with the kernel, unless somebody else is in the way as well */
    }
    if (result == RMG_CONFLICT && may_wait(engine, request)) {
        result = RMG_RETRIED;
        engine->patch_bytes += rmg_waiting_size(request);
        rmg_waiting_add(request, &engine->waiting);
    }
    /* What no longer fits into a patch waits for another tick: load is no reason to fail one. */
    if (result == RMG_APPLIED && engine->patch_bytes + bytes > JIT_PATCH_BYTES_MAX) {
        result = RMG_OVER_QUOTA;
    }
    if (result == RMG_APPLIED && request->most > 0) {
        uint32_t *left = &engine->most_left[request->most - 1];
        result = *left > 0 ? RMG_APPLIED : RMG_OVER_QUOTA;
        *left -= *left > 0;
    }
    req->result = (uint16_t)result;
    if (result != RMG_APPLIED) {
        return JIT_OK;
    }
    engine->patch_bytes += bytes;
    for (uint32_t i = 0; req->op_count > 0 && i < ways.count; i++) {
        engine->instances[ways.at[i]].touched = true;
    }
    err = mark_all(engine, req, index);
    for (uint32_t i = 0; err == JIT_OK && i < ways.count; i++) {
        err = mark_way(engine, ways.at[i], index);
    }
    return err;
}

/* Random places in memory, known in advance. */
static void look_ahead(const struct rmg_engine *engine, uint32_t index)
{
    uint32_t count = engine->input->request_count;
    if (index + AHEAD_USES < count) {
        const char *uses = (const char *)engine->reqs[index + AHEAD_USES].uses;
        if (uses != NULL) {
            __builtin_prefetch(uses);
            __builtin_prefetch(uses + 64);
            __builtin_prefetch(uses + 128);
        }
    }
    if (index + AHEAD_CELLS < count) {
        const struct eng_req *req = &engine->reqs[index + AHEAD_CELLS];
        for (uint32_t i = 0; req->uses != NULL && i < req->use_count && i < 4; i++) {
            __builtin_prefetch(&engine->cells[(uint32_t)req->uses[i].hash & engine->cell_mask]);
        }
    }
}

/* At most half full, whoever wins: a patch has no room for more slots than USES_MAX. */
#define USES_MAX (JIT_PATCH_BYTES_MAX / (1u + 2u * JIT_ID_BYTES))
static enum jit_err table_ready(struct rmg_engine *engine)
{
    uint64_t uses = 0;
    for (uint32_t i = 0; i < engine->input->request_count && uses < USES_MAX; i++) {
        uses += engine->reqs[i].use_count;
    }
    uses = uses < USES_MAX ? uses : USES_MAX;
    uses += engine->event_uses.count + engine->instance_count + 1; /* and portals */
    uint64_t cells = 64;
    while (cells < 2 * uses) {
        cells *= 2;
    }
    if (cells > (uint64_t)1 << 31) {
        return JIT_ELIMIT;
    }
    enum jit_err err = ENG_ROOM(engine, engine->cells, engine->cell_capacity, (size_t)cells);
    if (err == JIT_OK) {
        engine->cell_mask = (uint32_t)cells - 1;
        memset(engine->cells, 0, (size_t)cells * sizeof *engine->cells);
        engine->mark_count = 0;
    }
    return err;
}

enum jit_err eng_reserve(struct rmg_engine *engine)
{
    const uint32_t mosts = engine->input->most_count;
    enum jit_err err = table_ready(engine);
    if (err == JIT_OK && mosts > 0) {
        err = ENG_ROOM(engine, engine->most_left, engine->most_capacity, mosts);
        if (err == JIT_OK) {
            memcpy(engine->most_left, engine->input->mosts, mosts * sizeof *engine->most_left);
        }
    }
    if (err == JIT_OK) {
        err = mark_events(engine);
    }
    for (uint32_t i = 0; i < engine->input->request_count && err == JIT_OK; i++) {
        look_ahead(engine, i);
        if (engine->reqs[i].result == RMG_APPLIED) {
            if (is_early(engine, &engine->input->requests[i])) {
                delay_one(engine, i);
            } else {
                err = engine->reqs[i].heavy ? reserve_heavy(engine, i) : reserve_one(engine, i);
            }
        }
    }
    eng_verify_close(&engine->again);
    return err == JIT_OK ? eng_waiting_write(engine) : err;
}
