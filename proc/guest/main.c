/* proc/guest/main.c - jitos-loader: the program of a worker that runs rules.
 * Spec:  DESIGN 7.1, 14.5, 14.13; SANDBOX 2.1, 2.2 (a). Layer: proc/guest.
 *
 * Map what was handed over, lock down, and only then look at rules and graphs. It has no words:
 * what goes wrong is its exit status (enum sys_exit). */
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proc/guest/explore.h"
#include "proc/guest/lockdown.h"
#include "proc/guest/loop.h"
#include "proc/guest/wait.h"

struct maps {
    uint8_t *ring;
    uint8_t *graph;
    uint8_t *view;
    uint8_t *program;
    uint64_t program_size;
    uint8_t *layer; /* for branches: the end of the view's range; NULL: nobody explores */
    uint64_t layer_bytes;
};

static uint8_t *map_fd(int fd, uint64_t size, int prot)
{
    void *map = mmap(NULL, (size_t)size, prot, MAP_SHARED, fd, 0);
    return map == MAP_FAILED ? NULL : map;
}

/* 0 when it cannot be told. */
static uint64_t fd_size(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 && status.st_size > 0 ? (uint64_t)status.st_size : 0;
}

static int map_program(struct maps *maps, struct sys_boot_view *boot)
{
    maps->program_size = fd_size(SYS_FD_PROGRAM);
    if (maps->program_size == 0) {
        return SYS_EXIT_MEMORY;
    }
    maps->program = map_fd(SYS_FD_PROGRAM, maps->program_size, PROT_READ);
    if (maps->program == NULL) {
        return SYS_EXIT_MEMORY;
    }
    return sys_boot_decode(maps->program, (size_t)maps->program_size, boot) == JIT_OK
               ? 0
               : SYS_EXIT_BOOT;
}

/* View and graph are mapped for their maximum and grow; what is said to be there from the start is
 * looked at, since what is not there is a SIGBUS. */
static int map_shared(struct maps *maps, const struct sys_boot_view *boot)
{
    if (fd_size(SYS_FD_RING) < SYS_RING_BYTES || fd_size(SYS_FD_GRAPH) < boot->head.graph_bytes ||
        fd_size(SYS_FD_VIEW) < SYS_VIEW_HEADER_BYTES) {
        return SYS_EXIT_MEMORY;
    }
    maps->ring = map_fd(SYS_FD_RING, SYS_RING_BYTES, PROT_READ | PROT_WRITE);
    maps->graph = map_fd(SYS_FD_GRAPH, boot->head.graph_bytes_max, PROT_READ | PROT_WRITE);
    maps->view = map_fd(SYS_FD_VIEW, boot->head.view_bytes, PROT_READ);
    return maps->ring == NULL || maps->graph == NULL || maps->view == NULL ? SYS_EXIT_MEMORY : 0;
}

/* The last part of the view's range, which the kernel does not reach before all of it is full. */
static int map_layer(struct maps *maps, const struct sys_boot_view *boot)
{
    const uint64_t bytes = boot->head.view_bytes;
    const uint64_t layer =
        bytes / 4 < GUEST_LAYER_BYTES ? bytes / 4 / SYS_PAGE * SYS_PAGE : GUEST_LAYER_BYTES;
    uint8_t *at = maps->view + (bytes - layer);
    if (layer == 0 || munmap(at, (size_t)layer) != 0) {
        return SYS_EXIT_MEMORY;
    }
    void *map = mmap(at, (size_t)layer, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    maps->layer = at;
    maps->layer_bytes = layer;
    return map == at ? 0 : SYS_EXIT_MEMORY;
}

static int lock_down(const struct maps *maps, const struct sys_boot_view *boot)
{
    const struct guest_range ranges[] = {
        {maps->ring, (size_t)SYS_RING_BYTES},
        {maps->graph, (size_t)boot->head.graph_bytes_max},
        {maps->view, (size_t)boot->head.view_bytes},
        {maps->program, (size_t)maps->program_size},
    };
    const struct guest_lockdown what = {
        .ranges = ranges,
        .ranges_count = sizeof ranges / sizeof ranges[0],
        .filter = boot->filter.bytes,
        .filter_size = (size_t)boot->filter.size,
    };
    return guest_lockdown(&what) == JIT_OK ? 0 : SYS_EXIT_LOCKDOWN;
}

static enum jit_err explore(const struct guest_loop_options *options, const struct maps *maps,
                            struct guest_loop *loop)
{
    const struct guest_space_options space_options = {.heap = options->heap,
                                                      .boot = options->boot,
                                                      .loop = loop,
                                                      .view = options->view,
                                                      .layer = maps->layer,
                                                      .layer_bytes = maps->layer_bytes};
    struct guest_space *space = NULL;
    struct guest_explore *explore = NULL;
    enum jit_err err = guest_space_new(&space_options, &space);
    if (err == JIT_OK) {
        err = guest_explore_new(options->heap, options->boot, loop, space, &explore);
    }
    while (err == JIT_OK) {
        err = guest_explore_tick(explore);
    }
    guest_explore_free(explore);
    guest_space_free(space);
    return err;
}

static int run(const struct maps *maps, const struct sys_boot_view *boot)
{
    struct sys_ring_guest ring = {.memory = {.base = maps->ring, .size = SYS_RING_BYTES},
                                  .wait = guest_wait,
                                  .wake = guest_wake,
                                  .spin = GUEST_SPIN};
    const struct guest_loop_options options = {
        .heap = jit_heap_libc(),
        .boot = boot,
        .ring = &ring,
        .view = {.base = maps->view, .size_max = boot->head.view_bytes},
        .graph = maps->graph,
        .graph_size = boot->head.graph_bytes,
    };
    struct guest_loop *loop;
    enum jit_err err = guest_loop_new(&options, &loop);
    if (err != JIT_OK) {
        return guest_loop_exit(err, false);
    }
    err = maps->layer != NULL ? explore(&options, maps, loop) : guest_loop_run(loop);
    guest_loop_free(loop);
    return guest_loop_exit(err, true);
}

int main(void)
{
    struct maps maps = {0};
    struct sys_boot_view boot;
    int status = map_program(&maps, &boot);
    if (status == 0) {
        status = map_shared(&maps, &boot);
    }
    if (status == 0 && boot.head.explore > 0) {
        status = map_layer(&maps, &boot);
    }
    if (status == 0) {
        status = lock_down(&maps, &boot);
    }
    if (status == 0) {
        status = run(&maps, &boot);
    }
    _exit(status);
}
