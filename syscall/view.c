#include "syscall/view.h"

#include <stddef.h>

#include "base/check.h"

#define GRANULE 16u /* of the arena's references (rmg/store/arena.h) */

static_assert(sizeof(struct sys_view_roots) == sizeof(struct rmg_roots), "the same shape");
static_assert(offsetof(struct sys_view_roots, node_count) == offsetof(struct rmg_roots, node_count),
              "the same shape");
static_assert(RMG_MAPS == 8, "as many references as maps");

static uint64_t entry_offset(uint32_t index)
{
    return sizeof(struct sys_view_control) + (uint64_t)index * sizeof(struct sys_view_entry);
}

/* The word that lies `at` bytes from the start. */
static uint64_t *host_word(const struct sys_view_host *view, size_t at)
{
    return (uint64_t *)(void *)(view->base + at);
}

static uint64_t guest_load(const struct sys_view_guest *view, size_t at)
{
    return __atomic_load_n((const uint64_t *)(const void *)(view->base + at), __ATOMIC_ACQUIRE);
}

#define CONTROL(member) offsetof(struct sys_view_control, member)

void sys_view_host_init(struct sys_view_host *view, uint8_t *base, uint64_t size_max)
{
    assert(((uintptr_t)base & 7) == 0);
    assert(size_max >= SYS_VIEW_HEADER_BYTES);
    *view = (struct sys_view_host){.base = base, .size_max = size_max};
    const struct sys_view_control control = {.magic = SYS_VIEW_MAGIC,
                                             .major = SYS_ABI_MAJOR,
                                             .minor = SYS_ABI_MINOR,
                                             .size_max = size_max};
    memcpy(base, &control, sizeof control);
}

enum jit_err sys_view_host_entry(struct sys_view_host *view, const struct jit_id *instance,
                                 uint32_t *index, uint64_t *offset)
{
    assert(!jit_id_is_zero(instance));
    for (uint32_t i = 0; i <= view->entry_count; i++) {
        if (i == SYS_VIEW_ENTRIES_MAX) {
            return JIT_ELIMIT;
        }
        uint8_t *entry = view->base + entry_offset(i);
        if (i == view->entry_count) {
            memcpy(entry, instance, sizeof *instance);
            view->entry_count++;
        } else if (memcmp(entry, instance, sizeof *instance) != 0) {
            continue;
        }
        *index = i;
        *offset = entry_offset(i);
        break;
    }
    return JIT_OK;
}

void sys_view_host_publish(struct sys_view_host *view, uint64_t tick, uint64_t size,
                           const struct rmg_roots *roots, uint32_t root_count)
{
    assert(root_count == view->entry_count);
    assert(size >= SYS_VIEW_HEADER_BYTES && size <= view->size_max);
    assert(!view->published || tick == view->tick + 1);
    for (uint32_t i = 0; i < root_count; i++) {
        uint64_t at = entry_offset(i) + offsetof(struct sys_view_entry, roots) +
                      (tick & 1) * sizeof(struct sys_view_roots);
        memcpy(view->base + at, &roots[i], sizeof roots[i]);
    }
    uint32_t *count = (uint32_t *)(void *)(view->base + CONTROL(entry_count));
    __atomic_store_n(count, view->entry_count, __ATOMIC_RELEASE);
    __atomic_store_n(host_word(view, CONTROL(size)), size, __ATOMIC_RELEASE);
    __atomic_store_n(host_word(view, CONTROL(tick)), tick, __ATOMIC_RELEASE);
    view->tick = tick;
    view->published = true;
}

void sys_view_host_durable(struct sys_view_host *view, uint64_t tick)
{
    __atomic_store_n(host_word(view, CONTROL(durable_tick)), tick, __ATOMIC_RELEASE);
}

void sys_view_host_oldest(struct sys_view_host *view, uint64_t version)
{
    __atomic_store_n(host_word(view, CONTROL(oldest)), version, __ATOMIC_RELEASE);
}

enum jit_err sys_view_guest_open(struct sys_view_guest *view)
{
    struct sys_view_control control;
    if (view->size_max < SYS_VIEW_HEADER_BYTES) {
        return JIT_EFORMAT;
    }
    memcpy(&control, view->base, sizeof control);
    if (control.magic != SYS_VIEW_MAGIC) {
        return JIT_EFORMAT;
    }
    if (control.major != SYS_ABI_MAJOR) {
        return JIT_EVERSION;
    }
    return control.size_max <= view->size_max ? JIT_OK : JIT_EFORMAT;
}

uint32_t sys_view_guest_entries(const struct sys_view_guest *view)
{
    struct sys_view_control control;
    memcpy(&control, view->base, sizeof control);
    return control.entry_count < SYS_VIEW_ENTRIES_MAX ? control.entry_count
                                                      : (uint32_t)SYS_VIEW_ENTRIES_MAX;
}

void sys_view_guest_entry(const struct sys_view_guest *view, uint32_t index,
                          struct jit_id *instance, uint64_t *offset)
{
    struct sys_view_entry entry;
    *offset = sizeof(struct sys_view_control) + (uint64_t)index * sizeof entry;
    memcpy(&entry, view->base + *offset, sizeof entry);
    *instance = entry.instance;
}

uint64_t sys_view_guest_tick(const struct sys_view_guest *view)
{
    return guest_load(view, CONTROL(tick));
}

uint64_t sys_view_guest_durable(const struct sys_view_guest *view)
{
    return guest_load(view, CONTROL(durable_tick));
}

uint64_t sys_view_guest_oldest(const struct sys_view_guest *view)
{
    return guest_load(view, CONTROL(oldest));
}

static bool roots_sound(const struct rmg_roots *roots, uint64_t size)
{
    for (unsigned i = 0; i < RMG_MAPS; i++) {
        uint64_t at = (uint64_t)roots->ref[i] * GRANULE;
        if (at != 0 && (at < SYS_VIEW_HEADER_BYTES || at >= size)) {
            return false;
        }
    }
    return true;
}

enum jit_err sys_view_guest_graph(const struct sys_view_guest *view, uint64_t offset,
                                  const struct jit_id *instance, uint64_t tick,
                                  struct rmg_graph *graph)
{
    struct sys_view_entry entry;
    *graph = (struct rmg_graph){0};
    if (offset < sizeof(struct sys_view_control) || offset > SYS_VIEW_HEADER_BYTES - sizeof entry ||
        offset % 8 != 0) {
        return JIT_ENOENT;
    }
    if (sys_view_guest_tick(view) != tick) {
        return JIT_ESTALE;
    }
    uint64_t size = guest_load(view, CONTROL(size));
    memcpy(&entry, view->base + offset, sizeof entry);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (sys_view_guest_tick(view) != tick) {
        return JIT_ESTALE;
    }
    if (!jit_id_equal(&entry.instance, instance)) {
        return JIT_ENOENT;
    }
    if (size > view->size_max || size < SYS_VIEW_HEADER_BYTES) {
        return JIT_ECORRUPT;
    }
    graph->mem = (struct rmg_mem){view->base, size};
    graph->instance = *instance;
    memcpy(&graph->roots, &entry.roots[tick & 1], sizeof graph->roots);
    return roots_sound(&graph->roots, size) ? JIT_OK : JIT_ECORRUPT;
}
