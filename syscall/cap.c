#include "syscall/cap.h"

#include "base/check.h"
#include "base/limits.h"
#include "syscall/boot.h"

struct cap_slot {
    bool filled;
    uint32_t last; /* highest generation ever put here */
    struct sys_cap cap;
};

struct cap_limit {
    uint32_t group;
    uint64_t per_tick;
    uint64_t used;
};

struct sys_cap_table {
    struct jit_heap *heap;
    struct cap_slot *slots; /* slots ever used: slot numbers are small */
    size_t slot_count;
    size_t slot_capacity;
    struct cap_limit *limits; /* ascending by group */
    size_t limit_count;
    size_t limit_capacity;
};

static const char *const verdict_texts[] = {
#define X(name, text) text,
    SYS_CAP_VERDICT_MAP(X)
#undef X
};

const char *sys_cap_verdict_text(enum sys_cap_verdict verdict)
{
    return (unsigned)verdict < SYS_CAP_VERDICTS ? verdict_texts[verdict] : "unknown verdict";
}

enum jit_err sys_cap_table_new(struct jit_heap *heap, struct sys_cap_table **out)
{
    *out = NULL;
    struct sys_cap_table *table = jit_heap_zalloc(heap, 1, sizeof *table);
    if (table == NULL) {
        return JIT_ENOMEM;
    }
    table->heap = heap;
    *out = table;
    return JIT_OK;
}

void sys_cap_table_free(struct sys_cap_table *table)
{
    if (table != NULL) {
        table->heap->free(table->heap, table->slots);
        table->heap->free(table->heap, table->limits);
        table->heap->free(table->heap, table);
    }
}

enum jit_err sys_cap_put(struct sys_cap_table *table, uint32_t slot, const struct sys_cap *cap)
{
    if (slot >= JIT_CAP_SLOTS_MAX) {
        return JIT_ELIMIT;
    }
    if (cap->generation == 0 || cap->rights == 0 || (cap->rights & ~SYS_RIGHTS_ALL) != 0) {
        return JIT_EINVALID;
    }
    if (jit_heap_grow(table->heap, (void **)&table->slots, &table->slot_capacity, (size_t)slot + 1,
                      sizeof *table->slots) != 0) {
        return JIT_ENOMEM;
    }
    while (table->slot_count <= slot) {
        table->slots[table->slot_count++] = (struct cap_slot){0};
    }
    struct cap_slot *place = &table->slots[slot];
    if (place->filled) {
        return JIT_EEXIST;
    }
    if (cap->generation <= place->last) {
        return JIT_ESTALE;
    }
    *place = (struct cap_slot){.filled = true, .last = cap->generation, .cap = *cap};
    return JIT_OK;
}

enum jit_err sys_cap_lookup(const struct sys_cap_table *table, uint32_t slot, uint32_t generation,
                            const struct sys_cap **out)
{
    *out = NULL;
    if (slot >= table->slot_count || generation == 0 || generation > table->slots[slot].last) {
        return JIT_ENOENT;
    }
    const struct cap_slot *place = &table->slots[slot];
    if (!place->filled || generation != place->cap.generation) {
        return JIT_ESTALE;
    }
    *out = &place->cap;
    return JIT_OK;
}

enum jit_err sys_cap_remove(struct sys_cap_table *table, uint32_t slot, uint32_t generation)
{
    const struct sys_cap *cap;
    enum jit_err err = sys_cap_lookup(table, slot, generation, &cap);
    if (err == JIT_OK) {
        table->slots[slot].filled = false;
    }
    return err;
}

static bool has_right(const struct sys_cap *cap, const struct sys_cap_need *need)
{
    return (cap->rights & need->right) == need->right;
}

static bool is_rule(const struct sys_cap *cap, const struct sys_cap_need *need)
{
    return need->rule_id == NULL ||
           (!jit_id_is_zero(&cap->rule_id) && jit_id_equal(&cap->rule_id, need->rule_id));
}

static bool is_instance(const struct sys_cap *cap, const struct sys_cap_need *need)
{
    if (need->instance == NULL || jit_id_equal(&cap->instance, need->instance)) {
        return true;
    }
    for (uint32_t i = 0; i < need->outer_count; i++) {
        if (jit_id_equal(&cap->instance, &need->outer[i])) {
            return true;
        }
    }
    return false;
}

static bool are_params(const struct sys_cap *cap, const struct sys_cap_need *need)
{
    return need->params_digest == NULL || jit_id_is_zero(&cap->params_digest) ||
           jit_id_equal(&cap->params_digest, need->params_digest);
}

static const struct {
    enum sys_cap_verdict otherwise;
    bool (*holds)(const struct sys_cap *cap, const struct sys_cap_need *need);
} checks[] = {
    {SYS_CAP_NO_RIGHT, has_right},
    {SYS_CAP_OTHER_RULE, is_rule},
    {SYS_CAP_OTHER_INSTANCE, is_instance},
    {SYS_CAP_OTHER_PARAMS, are_params},
};

enum sys_cap_verdict sys_cap_check(const struct sys_cap_table *table, uint32_t slot,
                                   uint32_t generation, const struct sys_cap_need *need)
{
    const struct sys_cap *cap;
    enum jit_err err = sys_cap_lookup(table, slot, generation, &cap);
    if (err != JIT_OK) {
        return err == JIT_ESTALE ? SYS_CAP_STALE : SYS_CAP_NO_SLOT;
    }
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        if (!checks[i].holds(cap, need)) {
            return checks[i].otherwise;
        }
    }
    return SYS_CAP_ALLOWED;
}

/* The first limit whose group is not below this one. */
static size_t limit_find(const struct sys_cap_table *table, uint32_t group)
{
    size_t low = 0;
    size_t high = table->limit_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table->limits[middle].group < group) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

enum jit_err sys_cap_set_limit(struct sys_cap_table *table, uint32_t group, uint64_t per_tick)
{
    size_t at = limit_find(table, group);
    if (at < table->limit_count && table->limits[at].group == group) {
        table->limits[at].per_tick = per_tick;
        return JIT_OK;
    }
    if (jit_heap_grow(table->heap, (void **)&table->limits, &table->limit_capacity,
                      table->limit_count + 1, sizeof *table->limits) != 0) {
        return JIT_ENOMEM;
    }
    memmove(table->limits + at + 1, table->limits + at,
            (table->limit_count - at) * sizeof *table->limits);
    table->limits[at] = (struct cap_limit){.group = group, .per_tick = per_tick};
    table->limit_count++;
    return JIT_OK;
}

enum sys_cap_verdict sys_cap_charge(struct sys_cap_table *table, uint32_t slot)
{
    assert(slot < table->slot_count);
    assert(table->slots[slot].filled);
    uint32_t group = table->slots[slot].cap.limit_group;
    size_t at = limit_find(table, group);
    if (at == table->limit_count || table->limits[at].group != group) {
        return SYS_CAP_ALLOWED;
    }
    struct cap_limit *limit = &table->limits[at];
    if (limit->used >= limit->per_tick) {
        return SYS_CAP_OVER_LIMIT;
    }
    limit->used++;
    return SYS_CAP_ALLOWED;
}

void sys_cap_begin_tick(struct sys_cap_table *table)
{
    for (size_t i = 0; i < table->limit_count; i++) {
        table->limits[i].used = 0;
    }
}

/* ---- words ---- */

struct line {
    char *text;
    size_t size; /* of the memory */
    size_t used;
};

static void line_put(struct line *line, const char *text)
{
    while (*text != '\0' && line->used + 1 < line->size) {
        line->text[line->used++] = *text++;
    }
}

static void line_put_number(struct line *line, uint32_t number)
{
    char digits[11];
    size_t at = sizeof digits - 1;
    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    line_put(line, digits + at);
}

static void line_put_rights(struct line *line, uint32_t rights)
{
    static const char *const names[] = {"map", "invoke", "read", "write"};
    bool first = true;
    for (unsigned i = 0; i < 4; i++) {
        if ((rights & 1u << i) != 0) {
            line_put(line, first ? "" : " and ");
            line_put(line, names[i]);
            first = false;
        }
    }
}

static void line_put_object(struct line *line, const struct sys_cap_names *names)
{
    line_put_rights(line, names->right);
    line_put(line, " on ");
    if (names->rule != NULL) {
        line_put(line, "rule ");
        line_put(line, names->rule);
        line_put(line, " in ");
    }
    line_put(line, names->instance);
}

/* What follows "the capability in slot N of w[2] ", for those that name one. */
static const char *const slot_texts[SYS_CAP_VERDICTS] = {
    [SYS_CAP_STALE] = "is stale: ",
    [SYS_CAP_NO_RIGHT] = "lacks a right: ",
    [SYS_CAP_OTHER_RULE] = "is for another rule: ",
    [SYS_CAP_OTHER_INSTANCE] = "is for another instance: ",
    [SYS_CAP_OTHER_PARAMS] = "is bound to other parameters: ",
    [SYS_CAP_OVER_LIMIT] = "has used up its limit for this tick: ",
};

size_t sys_cap_explain(enum sys_cap_verdict verdict, const struct sys_cap_names *names, char *text,
                       size_t text_size)
{
    struct line line = {.text = text, .size = text_size};
    assert(text_size > 0);
    assert((unsigned)verdict < SYS_CAP_VERDICTS);
    if (verdict == SYS_CAP_ALLOWED) {
        line_put(&line, "allowed: ");
        line_put(&line, names->process);
        line_put(&line, " holds ");
        line_put_object(&line, names);
    } else if (slot_texts[verdict] == NULL) {
        line_put(&line, "denied: ");
        line_put(&line, names->process);
        line_put(&line, " holds no capability with ");
        line_put_object(&line, names);
    } else {
        line_put(&line, "denied: the capability in slot ");
        line_put_number(&line, names->slot);
        line_put(&line, " of ");
        line_put(&line, names->process);
        line_put(&line, " ");
        line_put(&line, slot_texts[verdict]);
        line_put_object(&line, names);
    }
    line.text[line.used] = '\0';
    return line.used;
}
