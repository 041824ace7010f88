#include "proc/guest/jitos.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "base/le.h"
#include "base/limits.h"
#include "proc/guest/jitos_priv.h"
#include "proc/guest/wait.h"

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

static void keep_receipt(void *user, const struct sys_receipt *receipt)
{
    struct jitos *jitos = user;
    void *data = jitos->early;
    if (jit_heap_grow(jit_heap_libc(), &data, &jitos->early_capacity, jitos->early_count + 1,
                      sizeof *jitos->early) == 0) {
        jitos->early = data;
        jitos->early[jitos->early_count++] = *receipt;
    }
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
        .receipt = keep_receipt,
        .user = jitos,
    };
    jitos->graph = graph;
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
    jitos->change_err = JIT_EINVALID;
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
    assert(jitos != NULL);
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
    assert(jitos != NULL);
    assert(jitos->tick == 0);
    jitos->tick = guest_loop_begin(jitos->loop);
    jitos->natives = 0;
    if (jitos->space != NULL) {
        jitos_space_begin(jitos);
    }
    return jitos->tick;
}

void jitos_done(struct jitos *jitos)
{
    assert(jitos != NULL);
    assert(jitos->tick != 0);
    jitos_change_abort(jitos); /* it was not ended: nothing of it */
    if (jitos->space != NULL) {
        jitos_space_done(jitos);
    }
    jitos->tick = 0;
    guest_loop_done(jitos->loop);
}

void jitos_view(const struct jitos *jitos, uint64_t *version, uint64_t *durable)
{
    assert(jitos != NULL);
    assert(version != NULL);
    assert(durable != NULL);
    assert(jitos->tick != 0);
    *version = jitos->tick - 1;
    *durable = sys_view_guest_durable(&jitos->view);
}

enum jit_err jitos_graph(const struct jitos *jitos, uint32_t run, struct rmg_graph *out)
{
    assert(jitos != NULL);
    assert(out != NULL);
    return jitos->tick != 0 && run < jitos->boot.head.run_count
               ? guest_loop_graph(jitos->loop, run, out)
               : JIT_EINVALID;
}

enum jit_err jitos_match(struct jitos *jitos, uint32_t run,
                         bool (*visit)(void *user, const struct jit_id *ids, uint32_t id_count),
                         void *user)
{
    assert(jitos != NULL);
    assert(visit != NULL);
    return jitos->tick != 0 && run < jitos->boot.head.run_count
               ? guest_loop_match(jitos->loop, run, visit, user)
               : JIT_EINVALID;
}

enum jit_err jitos_request(struct jitos *jitos, const struct jitos_request *request)
{
    assert(jitos != NULL);
    assert(request != NULL);
    assert(request->ids != NULL || request->id_count == 0);
    if (jitos->tick == 0 || request->run >= jitos->boot.head.run_count ||
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
    assert(jitos != NULL);
    assert(out != NULL);
    struct sys_receipt receipt;
    struct sys_collapsed collapsed;
    if (jitos->early_count > 0) {
        receipt = jitos->early[0];
        memmove(jitos->early, jitos->early + 1, --jitos->early_count * sizeof receipt);
    } else if (!sys_ring_guest_receipt(&jitos->ring, &receipt)) {
        return false;
    }
    memcpy(&collapsed, &receipt.request_key, sizeof collapsed);
    *out = (struct jitos_receipt){.cookie = receipt.cookie,
                                  .tick = receipt.tick,
                                  .result = receipt.result,
                                  .blocker = receipt.blocker,
                                  .reads = collapsed.reads,
                                  .first_read = collapsed.first_read,
                                  .operations = collapsed.operations,
                                  .first_operation = collapsed.first_operation};
    return true;
}

uint64_t jitos_count(const struct jitos *jitos, uint16_t result)
{
    assert(jitos != NULL);
    const struct sys_ring_kernel *words =
        (const struct sys_ring_kernel *)(const void *)(jitos->ring.memory.base +
                                                       SYS_RING_KERNEL_OFFSET);
    return result < SYS_RING_COUNTS ? __atomic_load_n(&words->counts[result], __ATOMIC_RELAXED) : 0;
}

struct jit_id jitos_place(const struct jitos *jitos, uint32_t run)
{
    assert(jitos != NULL);
    return run < jitos->boot.head.run_count ? guest_loop_run_info(jitos->loop, run).instance
                                            : (struct jit_id){{0}};
}
