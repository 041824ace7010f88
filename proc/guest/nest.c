#include "proc/guest/nest.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    const struct guest_nest_entry *x = a;
    const struct guest_nest_entry *y = b;
    return jit_id_compare(&x->instance, &y->instance);
}

/* A root node is not told in the view: the kernel looks whether one would be deleted. */
static enum jit_err enter(void *user, const struct jit_id *instance, struct rmg_graph *graph,
                          struct jit_id *root_node)
{
    const struct guest_nest *nest = user;
    const struct guest_nest_entry key = {.instance = *instance};
    const struct guest_nest_entry *found =
        nest->count == 0
            ? NULL
            : bsearch(&key, nest->entries, nest->count, sizeof *nest->entries, compare);
    *root_node = (struct jit_id){{0}};
    return found == NULL
               ? JIT_ENOENT
               : sys_view_guest_graph(nest->view, found->offset, instance, nest->version, graph);
}

enum jit_err guest_nest_init(struct guest_nest *nest, struct jit_heap *heap,
                             const struct sys_view_guest *view)
{
    const uint32_t count = sys_view_guest_entries(view);
    *nest = (struct guest_nest){.view = view, .nest = {.enter = enter, .user = nest}};
    nest->entries = jit_heap_zalloc(heap, count + 1u, sizeof *nest->entries);
    if (nest->entries == NULL) {
        return JIT_ENOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        sys_view_guest_entry(view, i, &nest->entries[i].instance, &nest->entries[i].offset);
    }
    nest->count = count;
    if (count > 1) {
        qsort(nest->entries, count, sizeof *nest->entries, compare);
    }
    return JIT_OK;
}

void guest_nest_release(struct guest_nest *nest, struct jit_heap *heap)
{
    heap->free(heap, nest->entries);
    *nest = (struct guest_nest){.view = NULL};
}
