/* tests/tools/rogue.c - a worker of its own that means no good: what member k tries is its number.
 * Each of them works honestly for three ticks first, so that there is something to disturb. */
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proc/guest/jitos.h"
#include "syscall/abi.h"

#define HONEST_TICKS 3u

static uint8_t *ring(void)
{
    void *map = mmap(NULL, SYS_RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, SYS_FD_RING, 0);
    return map == MAP_FAILED ? NULL : map;
}

static struct sys_ring_worker *words(void)
{
    return (struct sys_ring_worker *)(void *)(ring() + SYS_RING_WORKER_OFFSET);
}

static void bell(void)
{
    __atomic_fetch_add(&words()->bell, 1, __ATOMIC_SEQ_CST);
    (void)syscall(SYS_futex, &words()->bell, 1 /* WAKE */, 1, NULL, NULL, 0);
}

static void nonsense_request(void)
{
    struct sys_slot *slot = (struct sys_slot *)(void *)(ring() + SYS_RING_REQUEST_OFFSET);
    for (unsigned i = 0; i < SYS_REQUEST_SLOTS; i++) {
        memset(&slot[i], 0xa5, sizeof *slot);
    }
    __atomic_fetch_add(&words()->request_tail, 7, __ATOMIC_SEQ_CST);
    bell();
}

/* One request that says it lies in the graph arena, there. */
static void far_request(uint64_t at, uint64_t size, uint32_t length)
{
    uint32_t tail = words()->request_tail;
    struct sys_slot *slot = (struct sys_slot *)(void *)(ring() + SYS_RING_REQUEST_OFFSET);
    slot += tail & (SYS_REQUEST_SLOTS - 1);
    slot->kind = SYS_CALL_apply;
    slot->length = length;
    slot->body.far.at = at;
    slot->body.far.size = size;
    __atomic_store_n(&words()->request_tail, tail + 1, __ATOMIC_SEQ_CST);
    bell();
}

/* Calls that are answered at once, more of them than there is room for answers, none of which it
 * takes. */
static void never_takes(void)
{
    const struct sys_ring_kernel *theirs =
        (const struct sys_ring_kernel *)(const void *)(ring() + SYS_RING_KERNEL_OFFSET);
    struct sys_slot *slot = (struct sys_slot *)(void *)(ring() + SYS_RING_REQUEST_OFFSET);
    uint32_t tail = words()->request_tail;
    for (;;) {
        while (__atomic_load_n(&theirs->request_head, __ATOMIC_ACQUIRE) != tail) {
        }
        for (unsigned i = 0; i < SYS_REQUEST_SLOTS; i++) {
            memset(&slot[i], 0, sizeof *slot);
            slot[i].kind = SYS_CALL_clock;
        }
        tail += SYS_REQUEST_SLOTS;
        __atomic_store_n(&words()->request_tail, tail, __ATOMIC_SEQ_CST);
        bell();
    }
}

static uintptr_t volatile nowhere = 8;

static void misbehave(uint32_t index)
{
    switch (index) {
    case 0: /* a file */
        (void)open("/etc/passwd", O_RDONLY);
        break;
    case 1: /* the shared view, writable */
        (void)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, SYS_FD_VIEW, 0);
        break;
    case 2: /* bytes that are no request */
        nonsense_request();
        break;
    case 3: /* a counter that jumps */
        __atomic_fetch_add(&words()->request_tail, 0x80000000u, __ATOMIC_SEQ_CST);
        bell();
        break;
    case 4: /* done with a tick that is far away */
        __atomic_store_n(&words()->done_tick, UINT64_MAX, __ATOMIC_SEQ_CST);
        bell();
        break;
    case 5: /* an end */
        _exit(3);
    case 6: /* a store to nowhere */
        *(volatile uint8_t *)nowhere = 1;
        break;
    case 7: /* a counter that goes back */
        __atomic_fetch_sub(&words()->request_tail, 5, __ATOMIC_SEQ_CST);
        bell();
        break;
    case 8: /* far bytes whose end wraps */
        far_request(UINT64_MAX - 100, 4096, 4096);
        break;
    case 9: /* far bytes out of the arena, not aligned */
        far_request((UINT64_C(1) << 40) + 3, 4096, 4096);
        break;
    case 10: /* two sizes */
        far_request(0, 64, 4096);
        break;
    case 11: /* all ones, everywhere */
        memset(ring(), 0xff, SYS_RING_BYTES);
        bell();
        break;
    case 12:
        never_takes();
        break;
    case 13: /* a hole in what it shares */
        (void)madvise((void *)((uintptr_t)ring() & ~4095ul), SYS_RING_BYTES, MADV_REMOVE);
        break;
    default: /* code made of data */
        (void)mprotect((void *)((uintptr_t)ring() & ~4095ul), 4096, PROT_READ | PROT_EXEC);
    }
}

int main(void)
{
    struct jitos *jitos;
    if (jitos_attach(&jitos) != JIT_OK) {
        return 1;
    }
    uint64_t start = jitos_info(jitos).start_tick;
    for (;;) {
        if (jitos_begin(jitos) >= start + HONEST_TICKS) {
            misbehave(jitos_info(jitos).index);
            for (;;) { /* whoever is not dead by now ought to be soon */
                (void)syscall(SYS_futex, &words()->bell, 0 /* WAIT */, words()->bell, NULL, NULL,
                              0);
            }
        }
        jitos_done(jitos);
    }
}
