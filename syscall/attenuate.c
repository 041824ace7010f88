#include "syscall/attenuate.h"

#include "base/check.h"
#include "base/cursor.h"

#define ATTENUATORS_VERSION 1u

static const char *const excess_texts[] = {
#define X(name, text) text,
    SYS_CAP_EXCESS_MAP(X)
#undef X
};

const char *sys_cap_excess_text(enum sys_cap_excess excess)
{
    return (unsigned)excess < SYS_CAP_EXCESSES ? excess_texts[excess] : "unknown excess";
}

/* ---- bytes ---- */

static void put_set(const struct sys_id_set *set, struct jit_buf *buf)
{
    jit_buf_put_u32(buf, set->count);
    for (uint32_t i = 0; i < set->count; i++) {
        jit_buf_put_id(buf, &set->ids[i]);
    }
}

void sys_attenuators_encode(const struct sys_attenuators *a, struct jit_buf *buf)
{
    const struct sys_id_set *sets[] = {&a->nodes, &a->edges, &a->rules};
    jit_buf_put_u32(buf, ATTENUATORS_VERSION);
    jit_buf_put_u32(buf, a->given);
    for (unsigned i = 0; i < 3; i++) {
        if ((a->given & (uint32_t)SYS_GIVEN_NODES << i) != 0) {
            put_set(sets[i], buf);
        }
    }
    if ((a->given & SYS_GIVEN_BOUND) != 0) {
        jit_buf_put_u32(buf, a->bound_count);
        for (uint32_t i = 0; i < a->bound_count; i++) {
            jit_buf_put_u32(buf, a->bound[i].index);
            jit_buf_put_u32(buf, a->bound[i].size);
            jit_buf_put(buf, a->bound[i].bytes, a->bound[i].size);
        }
    }
    if ((a->given & SYS_GIVEN_PRIORITY) != 0) {
        jit_buf_put_u32(buf, (uint32_t)a->priority_max);
    }
    const uint64_t numbers[] = {a->operations, a->bytes, a->last_tick};
    for (unsigned i = 0; i < 3; i++) {
        if ((a->given & (uint32_t)SYS_GIVEN_OPERATIONS << i) != 0) {
            jit_buf_put_u64(buf, numbers[i]);
        }
    }
    if ((a->given & SYS_GIVEN_DEPTH) != 0) {
        jit_buf_put_u32(buf, a->depth);
    }
}

size_t sys_attenuators_size(const struct sys_attenuators *a)
{
    const struct sys_id_set *sets[] = {&a->nodes, &a->edges, &a->rules};
    size_t size = 8;
    for (unsigned i = 0; i < 3; i++) {
        bool given = (a->given & (uint32_t)SYS_GIVEN_NODES << i) != 0;
        size += given ? 4 + (size_t)sets[i]->count * JIT_ID_BYTES : 0;
        size += (a->given & (uint32_t)SYS_GIVEN_OPERATIONS << i) != 0 ? 8 : 0;
    }
    size += (a->given & SYS_GIVEN_BOUND) != 0 ? 4 : 0;
    for (uint32_t i = 0; (a->given & SYS_GIVEN_BOUND) != 0 && i < a->bound_count; i++) {
        size += 8 + (size_t)a->bound[i].size;
    }
    size += (a->given & SYS_GIVEN_PRIORITY) != 0 ? 4 : 0;
    return size + ((a->given & SYS_GIVEN_DEPTH) != 0 ? 4 : 0);
}

static bool get_set(struct jit_cursor *cur, struct sys_id_set *out)
{
    out->count = jit_get_u32(cur);
    if (cur->bad || out->count > SYS_ATTENUATOR_IDS_MAX) {
        return false;
    }
    /* struct jit_id is bytes only, so any address serves. */
    static_assert(_Alignof(struct jit_id) == 1, "ids may lie anywhere");
    out->ids = (const struct jit_id *)(const void *)jit_get_bytes(cur, (uint64_t)out->count *
                                                                           JIT_ID_BYTES);
    for (uint32_t i = 1; !cur->bad && i < out->count; i++) {
        if (jit_id_compare(&out->ids[i - 1], &out->ids[i]) >= 0) {
            return false;
        }
    }
    return !cur->bad;
}

static bool get_bound(struct jit_cursor *cur, struct sys_bound *space, uint32_t *count)
{
    uint64_t total = 0;
    *count = jit_get_u32(cur);
    if (cur->bad || *count > SYS_ATTENUATOR_BOUND_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < *count; i++) {
        space[i].index = jit_get_u32(cur);
        space[i].size = jit_get_u32(cur);
        total += space[i].size;
        space[i].bytes = jit_get_bytes(cur, space[i].size);
        if (cur->bad || total > JIT_PARAMS_BYTES_MAX ||
            space[i].index >= SYS_ATTENUATOR_BOUND_MAX ||
            (i > 0 && space[i].index <= space[i - 1].index)) {
            return false;
        }
    }
    return true;
}

/* Everything borrowed from the bytes and from bound. */
static bool parse(const uint8_t *bytes, size_t size, struct sys_bound *bound,
                  struct sys_attenuators *a)
{
    struct jit_cursor cur = jit_cursor_of(bytes, size);
    struct sys_id_set *sets[] = {&a->nodes, &a->edges, &a->rules};
    uint64_t *numbers[] = {&a->operations, &a->bytes, &a->last_tick};
    *a = (struct sys_attenuators){.bound = bound};
    uint32_t version = jit_get_u32(&cur);
    a->given = jit_get_u32(&cur);
    if (cur.bad || version != ATTENUATORS_VERSION || a->given == 0 ||
        (a->given & ~(uint32_t)SYS_GIVEN_ALL) != 0) {
        return false;
    }
    for (unsigned i = 0; i < 3; i++) {
        if ((a->given & (uint32_t)SYS_GIVEN_NODES << i) != 0 && !get_set(&cur, sets[i])) {
            return false;
        }
    }
    if ((a->given & SYS_GIVEN_BOUND) != 0 && !get_bound(&cur, bound, &a->bound_count)) {
        return false;
    }
    if ((a->given & SYS_GIVEN_PRIORITY) != 0) {
        a->priority_max = (int32_t)jit_get_u32(&cur);
    }
    for (unsigned i = 0; i < 3; i++) {
        if ((a->given & (uint32_t)SYS_GIVEN_OPERATIONS << i) != 0) {
            *numbers[i] = jit_get_u64(&cur);
        }
    }
    if ((a->given & SYS_GIVEN_DEPTH) != 0) {
        a->depth = jit_get_u32(&cur);
    }
    return jit_cursor_done(&cur);
}

/* The struct, the bound ones, then the bytes they are borrowed from: one block. */
static enum jit_err keep(struct jit_heap *heap, const uint8_t *bytes, size_t size,
                         struct sys_attenuators **out)
{
    struct sys_bound space[SYS_ATTENUATOR_BOUND_MAX];
    struct sys_attenuators a;
    *out = NULL;
    if (size > SYS_ATTENUATORS_BYTES_MAX) {
        return JIT_ELIMIT;
    }
    if (!parse(bytes, size, space, &a)) {
        return JIT_EFORMAT;
    }
    struct block {
        struct sys_attenuators a;
        struct sys_bound bound[];
    };
    size_t head = sizeof(struct block) + a.bound_count * sizeof(struct sys_bound);
    struct block *block = jit_heap_zalloc(heap, 1, head + size);
    if (block == NULL) {
        return JIT_ENOMEM;
    }
    uint8_t *copy = (uint8_t *)block + head;
    memcpy(copy, bytes, size);
    bool again = parse(copy, size, block->bound, &block->a);
    assert(again);
    *out = &block->a;
    return JIT_OK;
}

enum jit_err sys_attenuators_decode(struct jit_heap *heap, const uint8_t *bytes, size_t size,
                                    struct sys_attenuators **out)
{
    return keep(heap, bytes, size, out);
}

enum jit_err sys_attenuators_copy(struct jit_heap *heap, const struct sys_attenuators *a,
                                  struct sys_attenuators **out)
{
    struct jit_buf buf;
    *out = NULL;
    jit_buf_init(&buf, heap, SYS_ATTENUATORS_BYTES_MAX);
    sys_attenuators_encode(a, &buf);
    enum jit_err err = buf.err == JIT_OK ? keep(heap, buf.data, buf.size, out) : buf.err;
    jit_buf_release(&buf);
    return err;
}

/* ---- what they mean ---- */

bool sys_id_set_has(const struct sys_id_set *set, const struct jit_id *id)
{
    uint32_t low = 0;
    uint32_t high = set->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = jit_id_compare(&set->ids[middle], id);
        if (order == 0) {
            return true;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return false;
}

bool sys_id_set_within(const struct sys_id_set *inner, const struct sys_id_set *outer)
{
    uint32_t i = 0;
    while (i < inner->count && sys_id_set_has(outer, &inner->ids[i])) {
        i++;
    }
    return i == inner->count;
}

bool sys_bound_holds(const struct sys_attenuators *a, const uint8_t *params, size_t params_size)
{
    struct jit_cursor cur = jit_cursor_of(params, params_size);
    uint32_t at = 0;
    if ((a->given & SYS_GIVEN_BOUND) == 0) {
        return true;
    }
    for (uint32_t index = 0; at < a->bound_count; index++) {
        uint64_t size = jit_get_u64(&cur);
        const uint8_t *bytes = jit_get_bytes(&cur, size);
        if (cur.bad) {
            return false;
        }
        if (a->bound[at].index != index) {
            continue;
        }
        if (a->bound[at].size != size || memcmp(a->bound[at].bytes, bytes, size) != 0) {
            return false;
        }
        at++;
    }
    return true;
}

static bool bound_within(const struct sys_attenuators *inner, const struct sys_attenuators *outer)
{
    uint32_t i = 0;
    for (uint32_t o = 0; o < outer->bound_count; o++) {
        const struct sys_bound *held = &outer->bound[o];
        while (i < inner->bound_count && inner->bound[i].index < held->index) {
            i++;
        }
        if (i == inner->bound_count || inner->bound[i].index != held->index ||
            inner->bound[i].size != held->size ||
            memcmp(inner->bound[i].bytes, held->bytes, held->size) != 0) {
            return false;
        }
    }
    return true;
}

enum sys_cap_excess sys_attenuators_within(const struct sys_attenuators *inner,
                                           const struct sys_attenuators *outer)
{
    static const struct sys_attenuators none;
    inner = inner == NULL ? &none : inner;
    if (outer == NULL) {
        return SYS_EXCESS_NONE;
    }
    static const struct {
        uint32_t given;
        enum sys_cap_excess excess;
    } order[] = {
        {SYS_GIVEN_DEPTH, SYS_EXCESS_DEPTH},       {SYS_GIVEN_NO_DELEGATE, SYS_EXCESS_DELEGATE},
        {SYS_GIVEN_RULES, SYS_EXCESS_RULES},       {SYS_GIVEN_BOUND, SYS_EXCESS_PARAMS},
        {SYS_GIVEN_NODES, SYS_EXCESS_NODES},       {SYS_GIVEN_EDGES, SYS_EXCESS_EDGES},
        {SYS_GIVEN_PRIORITY, SYS_EXCESS_PRIORITY}, {SYS_GIVEN_LAST_TICK, SYS_EXCESS_LAST_TICK}};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        uint32_t bit = order[i].given;
        bool wider = false;
        if ((outer->given & bit) == 0) {
            continue;
        }
        if ((inner->given & bit) == 0) {
            return order[i].excess;
        }
        switch ((enum sys_given)bit) {
        case SYS_GIVEN_DEPTH:
            wider = inner->depth > outer->depth;
            break;
        case SYS_GIVEN_RULES:
            wider = !sys_id_set_within(&inner->rules, &outer->rules);
            break;
        case SYS_GIVEN_BOUND:
            wider = !bound_within(inner, outer);
            break;
        case SYS_GIVEN_NODES:
            wider = !sys_id_set_within(&inner->nodes, &outer->nodes);
            break;
        case SYS_GIVEN_EDGES:
            wider = !sys_id_set_within(&inner->edges, &outer->edges);
            break;
        case SYS_GIVEN_PRIORITY:
            wider = inner->priority_max > outer->priority_max;
            break;
        case SYS_GIVEN_LAST_TICK:
            wider = inner->last_tick > outer->last_tick;
            break;
        default:
            break;
        }
        if (wider) {
            return order[i].excess;
        }
    }
    return SYS_EXCESS_NONE;
}
