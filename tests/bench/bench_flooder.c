/* A worker of its own that says done to each tick at once, and rings its bell for ever. */
#include <limits.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proc/guest/jitos.h"
#include "syscall/abi.h"

int main(void)
{
    struct jitos *jitos;
    if (jitos_attach(&jitos) != JIT_OK) {
        return 1;
    }
    uint8_t *ring = mmap(NULL, SYS_RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, SYS_FD_RING, 0);
    if (ring == MAP_FAILED) {
        return 1;
    }
    struct sys_ring_worker *ours =
        (struct sys_ring_worker *)(void *)(ring + SYS_RING_WORKER_OFFSET);
    const struct sys_ring_kernel *theirs =
        (const struct sys_ring_kernel *)(const void *)(ring + SYS_RING_KERNEL_OFFSET);
    for (;;) {
        uint64_t tick = __atomic_load_n(&theirs->begin_tick, __ATOMIC_ACQUIRE);
        __atomic_store_n(&ours->done_tick, tick, __ATOMIC_RELEASE);
        __atomic_fetch_add(&ours->bell, 1, __ATOMIC_SEQ_CST);
        (void)syscall(SYS_futex, &ours->bell, 1 /* WAKE */, INT_MAX, NULL, NULL, 0);
    }
}
