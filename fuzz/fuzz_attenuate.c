/* Any bytes as what narrows a capability: refused, or written as the same bytes again, and within
 * itself, and within nothing that is given less. */
#include "base/check.h"
#include "fuzz/fuzz.h"
#include "syscall/attenuate.h"

const char *const fuzz_corpus[] = {"fuzz/corpus/attenuate", NULL};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct jit_heap *heap = jit_heap_libc();
    struct sys_attenuators *a = NULL;
    struct sys_attenuators *copy = NULL;
    struct jit_buf again;
    enum jit_err err = sys_attenuators_decode(heap, bytes, size, &a);
    assert(err == JIT_OK || err == JIT_EFORMAT || err == JIT_ELIMIT);
    assert((err == JIT_OK) == (a != NULL));
    if (a == NULL) {
        return 0;
    }
    fuzz_take();
    jit_buf_init(&again, heap, SYS_ATTENUATORS_BYTES_MAX);
    sys_attenuators_encode(a, &again);
    assert(again.err == JIT_OK && again.size == size && memcmp(again.data, bytes, size) == 0);
    assert((a->given & ~(uint32_t)SYS_GIVEN_ALL) == 0);
    err = sys_attenuators_copy(heap, a, &copy);
    assert(err == JIT_OK);
    assert(sys_attenuators_within(a, copy) == SYS_EXCESS_NONE);
    assert(sys_attenuators_within(a, NULL) == SYS_EXCESS_NONE);
    (void)sys_attenuators_within(NULL, a);
    (void)sys_bound_holds(a, bytes, size);
    heap->free(heap, copy);
    jit_buf_release(&again);
    heap->free(heap, a);
    return 0;
}
