/* tests/lib/sim_crash.c - what a crash leaves of a simulated disk. */
#include "tests/lib/sim_disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "tests/lib/sim_disk_priv.h"

static struct names names_copy(const struct names *from)
{
    struct names to = {malloc((from->count + 1) * sizeof *to.at), from->count};
    assert(to.at != NULL);
    if (from->count > 0) {
        memcpy(to.at, from->at, from->count * sizeof *to.at);
    }
    return to;
}

/* Entries whose folder did not survive are gone with it. */
static void names_orphans(struct names *names)
{
    for (size_t i = 0; i < names->count;) {
        char dir[SIM_NAME_BYTES];
        sim_dir_of(names->at[i].name, dir);
        if (dir[0] != 0 && sim_names_find(names, dir) == NULL) {
            sim_names_drop(names, names->at[i].name);
        } else {
            i++;
        }
    }
}

static void grow(struct file *file, uint64_t size)
{
    if (size > file->kept_size) {
        file->kept_size = size;
    }
}

static void keep_bytes(struct file *file, const struct pending *p, uint64_t size)
{
    if (size > 0) {
        memcpy(file->kept + p->offset, p->bytes, size);
        grow(file, p->offset + size);
    }
}

static void keep_sectors(struct file *file, const struct pending *p, struct jit_random *random)
{
    uint64_t end = p->offset + p->size;
    for (uint64_t at = p->offset; at < end;) {
        uint64_t to = (at / SIM_SECTOR + 1) * SIM_SECTOR;
        to = to < end ? to : end;
        switch (jit_random_below(random, 6)) {
        case 0:
        case 1: /* new */
            memcpy(file->kept + at, p->bytes + (at - p->offset), to - at);
            break;
        case 2:
            memset(file->kept + at, 0, to - at);
            break;
        case 3:
            for (uint64_t i = at; i < to; i++) {
                file->kept[i] = (uint8_t)jit_random_next(random);
            }
            break;
        default: /* old */
            break;
        }
        at = to;
    }
    if (jit_random_below(random, 4) != 0) {
        grow(file, end);
    }
}

static void crash_pending(const struct sim_state *from, struct sim_state *to,
                          const struct sim_crash *plan)
{
    struct jit_random random = jit_random_of(plan->seed);
    for (size_t i = 0; i < from->pending_count; i++) {
        const struct pending *p = &from->pending[i];
        struct file *file = &to->files[p->file];
        bool mine = i == plan->index;
        switch (plan->kind) {
        case SIM_DROP_ALL:
        case SIM_PROCESS:
            break;
        case SIM_KEEP_ALL:
            keep_bytes(file, p, p->size);
            break;
        case SIM_ONLY:
            keep_bytes(file, p, mine ? p->size : 0);
            break;
        case SIM_ALL_BUT:
            keep_bytes(file, p, mine ? 0 : p->size);
            break;
        case SIM_PREFIX:
            assert(!mine || plan->cut <= p->size);
            keep_bytes(file, p, i < plan->index ? p->size : mine ? plan->cut : 0);
            break;
        case SIM_SIZE:
            grow(file, p->offset + p->size);
            break;
        case SIM_SECTORS:
            keep_sectors(file, p, &random);
            break;
        }
    }
}

/* The process is gone, the kernel is not: what it saw is still seen and still waits for a sync. */
static void crash_process(const struct sim_state *from, struct sim_state *to)
{
    to->seen = names_copy(&from->seen);
    to->kept = names_copy(&from->kept);
    to->dirops = malloc((from->dirop_count + 1) * sizeof *to->dirops);
    assert(to->dirops != NULL);
    if (from->dirop_count > 0) {
        memcpy(to->dirops, from->dirops, from->dirop_count * sizeof *to->dirops);
    }
    to->dirop_count = from->dirop_count;
    to->pending = malloc((from->pending_count + 1) * sizeof *to->pending);
    assert(to->pending != NULL);
    for (size_t i = 0; i < from->pending_count; i++) {
        struct pending *p = &to->pending[i];
        *p = from->pending[i];
        p->write = NULL;
        p->bytes = malloc(p->size);
        assert(p->bytes != NULL);
        memcpy(p->bytes, from->pending[i].bytes, p->size);
    }
    to->pending_count = from->pending_count;
}

struct sim_disk *sim_disk_crash(const struct sim_disk *disk, const struct sim_crash *plan)
{
    const struct sim_state *from = disk->state;
    struct sim_disk *out = sim_disk_new(plan->seed + 1);
    struct sim_state *to = out->state;
    bool process = plan->kind == SIM_PROCESS;
    out->io.direct = disk->io.direct;
    to->files = calloc(from->file_count + 1, sizeof *to->files);
    assert(to->files != NULL);
    to->file_count = from->file_count;
    for (size_t i = 0; i < from->file_count; i++) {
        const struct file *a = &from->files[i];
        struct file *b = &to->files[i];
        sim_file_room(b, a->capacity);
        b->kept_size = a->kept_size;
        if (a->capacity > 0) {
            memcpy(b->kept, a->kept, a->capacity);
        }
    }
    crash_pending(from, to, plan);
    for (size_t i = 0; i < from->file_count; i++) {
        struct file *b = &to->files[i];
        b->seen_size = process ? from->files[i].seen_size : b->kept_size;
        if (b->capacity > 0) {
            memcpy(b->seen, process ? from->files[i].seen : b->kept, b->capacity);
        }
    }
    if (process) {
        crash_process(from, to);
        return out;
    }
    to->kept = names_copy(&from->kept);
    for (size_t i = 0; i < from->dirop_count; i++) {
        if (i < 64 && (plan->dirs >> i & 1) != 0) {
            sim_dirop_apply(&to->kept, &from->dirops[i]);
        }
    }
    names_orphans(&to->kept);
    to->seen = names_copy(&to->kept);
    return out;
}

struct plans {
    const struct sim_state *state;
    struct jit_random *random;
    unsigned sectors;
    void (*visit)(void *user, const struct sim_crash *plan);
    void *user;
};

static void plans_writes(struct plans *plans, uint64_t dirs)
{
    const struct sim_state *s = plans->state;
    struct sim_crash plan = {.kind = SIM_DROP_ALL, .dirs = dirs};
    plans->visit(plans->user, &plan);
    if (s->pending_count == 0) {
        return; /* the others are the same */
    }
    plan.kind = SIM_KEEP_ALL;
    plans->visit(plans->user, &plan);
    plan.kind = SIM_SIZE;
    plans->visit(plans->user, &plan);
    for (plan.index = 0; plan.index < s->pending_count; plan.index++) {
        if (s->pending_count > 1) {
            plan.kind = SIM_ONLY;
            plans->visit(plans->user, &plan);
            plan.kind = SIM_ALL_BUT;
            plans->visit(plans->user, &plan);
        }
        plan.kind = SIM_PREFIX;
        for (plan.cut = 0; plan.cut < s->pending[plan.index].size; plan.cut += SIM_SECTOR) {
            plans->visit(plans->user, &plan);
            plan.cut++;
            plans->visit(plans->user, &plan);
            plan.cut--;
        }
    }
    plan.kind = SIM_SECTORS;
    for (unsigned i = 0; i < plans->sectors; i++) {
        plan.seed = jit_random_next(plans->random);
        plans->visit(plans->user, &plan);
    }
}

void sim_disk_plans(const struct sim_disk *disk, struct jit_random *random, unsigned sectors,
                    void (*visit)(void *user, const struct sim_crash *plan), void *user)
{
    struct plans plans = {disk->state, random, sectors, visit, user};
    size_t count = disk->state->dirop_count;
    assert(count < 64);
    uint64_t all = ((uint64_t)1 << count) - 1;
    if (count <= 4) {
        for (uint64_t dirs = 0; dirs <= all; dirs++) {
            plans_writes(&plans, dirs);
        }
    } else {
        for (size_t i = 0; i <= count; i++) {
            plans_writes(&plans, ((uint64_t)1 << i) - 1);
        }
        for (size_t i = 0; i < count; i++) {
            plans_writes(&plans, (uint64_t)1 << i);
            plans_writes(&plans, all & ~((uint64_t)1 << i));
        }
    }
    struct sim_crash process = {.kind = SIM_PROCESS};
    visit(user, &process);
}

size_t sim_disk_pending(const struct sim_disk *disk)
{
    return disk->state->pending_count;
}

void sim_crash_text(const struct sim_crash *plan, char *text, size_t size)
{
    static const char *const kinds[] = {"drop all", "keep all",  "only",    "all but",
                                        "prefix",   "size only", "sectors", "process"};
    (void)snprintf(text, size, "%s, write %zu, cut %llu, dirs %llx, seed %llx", kinds[plan->kind],
                   plan->index, (unsigned long long)plan->cut, (unsigned long long)plan->dirs,
                   (unsigned long long)plan->seed);
}
