#include "proc/guest/jitos.h"

#include <sys/mman.h>

#include "base/check.h"
#include "base/limits.h"
#include "proc/guest/loop.h"
#include "proc/guest/wait.h"

#define RESULTS 16u
static_assert(sizeof((struct sys_ring_kernel *)0)->counts == RESULTS * 8, "as many as results");

struct jitos {
    struct sys_boot_view boot;
    struct sys_ring_guest ring;
    struct guest_loop *loop;
    struct sys_view_guest view;
    uint64_t tick; /* begun; 0: none */
};

static uint8_t *map_fd(int fd, uint64_t size, int prot)
{
    void *map = mmap(NULL, (size_t)size, prot, MAP_SHARED, fd, 0);
    return map == MAP_FAILED ? NULL : map;
}

/* Its size is asked of its own first page: the sandbox lets nobody ask for a descriptor's. */
static enum jit_err map_boot(struct sys_boot_view *boot)
{
    uint64_t size = 0;
    uint8_t *first = map_fd(SYS_FD_PROGRAM, SYS_PAGE, PROT_READ);
    if (first == NULL) {
        return JIT_EIO;
    }
    enum jit_err err = sys_boot_size(first, SYS_PAGE, &size);
    (void)munmap(first, SYS_PAGE);
    if (err != JIT_OK) {
        return err;
    }
    uint8_t *all = map_fd(SYS_FD_PROGRAM, (size + SYS_PAGE - 1) / SYS_PAGE * SYS_PAGE, PROT_READ);
    return all == NULL ? JIT_EIO : sys_boot_decode(all, (size_t)size, boot);
}

static enum jit_err open_loop(struct jitos *jitos)
{
    const struct sys_boot *head = &jitos->boot.head;
    uint8_t *ring = map_fd(SYS_FD_RING, SYS_RING_BYTES, PROT_READ | PROT_WRITE);
    uint8_t *graph = map_fd(SYS_FD_GRAPH, head->graph_bytes_max, PROT_READ | PROT_WRITE);
    uint8_t *view = map_fd(SYS_FD_VIEW, head->view_bytes, PROT_READ);
    if (ring == NULL || graph == NULL || view == NULL) {
        return JIT_EIO;
    }
    jitos->ring = (struct sys_ring_guest){.memory = {.base = ring, .size = SYS_RING_BYTES},
                                          .wait = guest_wait,
                                          .wake = guest_wake,
                                          .spin = GUEST_SPIN};
    jitos->view = (struct sys_view_guest){.base = view, .size_max = head->view_bytes};
    const struct guest_loop_options options = {
        .heap = jit_heap_libc(),
        .boot = &jitos->boot,
        .ring = &jitos->ring,
        .view = jitos->view,
        .graph = graph,
        .graph_size = head->graph_bytes,
        .fixed = true,
    };
    return guest_loop_new(&options, &jitos->loop);
}

enum jit_err jitos_attach(struct jitos **out)
{
    assert(out != NULL);
    *out = NULL;
    struct jitos *jitos = jit_heap_zalloc(jit_heap_libc(), 1, sizeof *jitos);
    if (jitos == NULL) {
        return JIT_ENOMEM;
    }
    enum jit_err err = map_boot(&jitos->boot);
    if (err == JIT_OK) {
        err = open_loop(jitos);
    }
    if (err != JIT_OK) { /* what is mapped stays so: the process is about to end */
        jit_heap_libc()->free(jit_heap_libc(), jitos);
        return err;
    }
    *out = jitos;
    return JIT_OK;
}

struct jitos_info jitos_info(const struct jitos *jitos)
{
    const struct sys_boot *head = &jitos->boot.head;
    return (struct jitos_info){.process = head->process,
                               .index = head->index,
                               .count = head->count,
                               .seed = head->seed,
                               .start_tick = head->start_tick,
                               .run_count = head->run_count};
}

uint64_t jitos_begin(struct jitos *jitos)
{
    assert(jitos->tick == 0);
    jitos->tick = guest_loop_begin(jitos->loop);
    return jitos->tick;
}

void jitos_done(struct jitos *jitos)
{
    assert(jitos->tick != 0);
    jitos->tick = 0;
    guest_loop_done(jitos->loop);
}

void jitos_view(const struct jitos *jitos, uint64_t *version, uint64_t *durable)
{
    assert(jitos->tick != 0);
    *version = jitos->tick - 1;
    *durable = sys_view_guest_durable(&jitos->view);
}

enum jit_err jitos_graph(const struct jitos *jitos, uint32_t run, struct rmg_graph *out)
{
    assert(jitos->tick != 0 && out != NULL);
    return run < jitos->boot.head.run_count ? guest_loop_graph(jitos->loop, run, out)
                                            : JIT_EINVALID;
}

enum jit_err jitos_match(struct jitos *jitos, uint32_t run,
                         bool (*visit)(void *user, const struct jit_id *ids, uint32_t id_count),
                         void *user)
{
    assert(jitos->tick != 0 && visit != NULL);
    return run < jitos->boot.head.run_count ? guest_loop_match(jitos->loop, run, visit, user)
                                            : JIT_EINVALID;
}

enum jit_err jitos_request(struct jitos *jitos, const struct jitos_request *request)
{
    assert(jitos->tick != 0 && request != NULL);
    if (request->run >= jitos->boot.head.run_count ||
        request->id_count > JIT_PATTERN_ELEMENTS_MAX) {
        return JIT_EINVALID;
    }
    const struct guest_request asked = {.run = request->run,
                                        .ids = request->ids,
                                        .id_count = request->id_count,
                                        .nonce = request->nonce,
                                        .cookie = request->cookie,
                                        .receipt = request->receipt};
    return guest_loop_request(jitos->loop, &asked);
}

bool jitos_receipt(struct jitos *jitos, struct jitos_receipt *out)
{
    struct sys_receipt receipt;
    assert(out != NULL);
    if (!sys_ring_guest_receipt(&jitos->ring, &receipt)) {
        return false;
    }
    *out = (struct jitos_receipt){.cookie = receipt.cookie,
                                  .tick = receipt.tick,
                                  .result = receipt.result,
                                  .blocker = receipt.blocker};
    return true;
}

uint64_t jitos_count(const struct jitos *jitos, uint16_t result)
{
    const struct sys_ring_kernel *words =
        (const struct sys_ring_kernel *)(const void *)(jitos->ring.memory.base +
                                                       SYS_RING_KERNEL_OFFSET);
    return result < RESULTS ? __atomic_load_n(&words->counts[result], __ATOMIC_RELAXED) : 0;
}
