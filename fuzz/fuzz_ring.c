/* Any bytes as what a hostile worker does to its ring: before each load of the kernel's end the
 * next of them say what is written where. Whatever it is, the kernel's counters stay in their
 * window, a request that was taken does not change any more, and it decodes or is refused.
 *
 * Shape:  the first 8 bytes: where the counters begin, and 4 more that are the kernel's steps. Then
 * writes of 8 bytes each: u8 what || u8 which || u16 where || u32 value. */
#include "base/check.h"
#include "base/cursor.h"
#include "base/limits.h"
#include "fuzz/fuzz.h"
#include "syscall/decode.h"
#include "syscall/ring.h"

const char *const fuzz_corpus[] = {"fuzz/corpus/ring", NULL};

#define ARENA_BYTES 65536u
#define STEPS_MAX   24u

static _Alignas(4096) uint8_t shared[SYS_RING_BYTES];
static uint8_t arena[ARENA_BYTES];
static uint8_t copy[ARENA_BYTES];
static struct sys_ring_host host;
static struct jit_cursor script;
static const uint64_t no_counts[SYS_RING_COUNTS];
static uint64_t woken; /* how often it would have been */

static struct sys_ring_worker *words(void)
{
    return (struct sys_ring_worker *)(void *)(shared + SYS_RING_WORKER_OFFSET);
}

static uint8_t *slot_at(uint32_t counter)
{
    return shared + SYS_RING_REQUEST_OFFSET +
           (counter & (SYS_REQUEST_SLOTS - 1)) * (uint64_t)SYS_REQUEST_BYTES;
}

/* A word of the worker's page, relative to what an honest one would hold or as it is. */
static void write_word(unsigned which, uint32_t value)
{
    struct sys_ring_worker *w = words();
    switch (which % 8) {
    case 0:
        w->request_tail = host.request_tail + value;
        break;
    case 1:
        w->request_tail = value;
        break;
    case 2:
        w->receipt_head = host.receipt_tail - value;
        break;
    case 3:
        w->done_tail = host.request_tail + value;
        w->done_tick = host.begin_tick;
        break;
    case 4:
        w->done_tick = host.begin_tick + value;
        break;
    case 5:
        w->done_tick = (uint64_t)value << 32;
        break;
    case 6:
        w->sleeping = value;
        break;
    default:
        w->bell = value;
    }
}

static void before_load(void *user)
{
    (void)user;
    uint8_t what = script.left < 8 ? 255 : *jit_get_bytes(&script, 1);
    if (what == 255) {
        return;
    }
    uint8_t which = *jit_get_bytes(&script, 1);
    uint16_t where = jit_get_u16(&script);
    uint32_t value = jit_get_u32(&script);
    switch (what % 4) {
    case 0:
        write_word(which, value);
        break;
    case 1: /* of the slot that is read now, or one of the next */
        memcpy(slot_at(host.request_head + which % 4) + where % (SYS_REQUEST_BYTES - 3), &value, 4);
        break;
    case 2:
        memcpy(arena + where % (ARENA_BYTES - 3), &value, 4);
        break;
    default: /* anywhere */
        memcpy(shared + ((uint32_t)which << 16 | where) % (SYS_RING_BYTES - 3), &value, 4);
    }
}

static void check_view(const struct sys_request *request, const uint8_t *bytes, size_t size)
{
    if (request->row->number == SYS_CALL_apply) {
        const struct sys_apply_view *a = &request->body.apply;
        const uint8_t *ids = (const uint8_t *)a->ids;
        assert(ids >= bytes && ids + (size_t)a->id_count * JIT_ID_BYTES <= bytes + size);
        assert(a->params >= bytes && a->params + a->params_size <= bytes + size);
    } else if (request->row->number == SYS_CALL_derive || request->row->number == SYS_CALL_grant) {
        const struct sys_derive_view *d = &request->body.derive;
        assert(d->attenuators >= bytes &&
               d->attenuators + d->head.attenuators_size <= bytes + size);
    }
}

static bool take_one(void)
{
    struct sys_slot slot;
    struct sys_request request;
    uint64_t offset = 0;
    uint32_t head = host.request_head;
    int got = sys_ring_host_take(&host, &slot);
    if (got != 1) {
        assert(got == 0 || got == JIT_EPEER);
        return got == 0;
    }
    const struct sys_slot judged = slot;
    const uint8_t *bytes = slot.body.bytes;
    if (slot.length > SYS_INLINE_BYTES) {
        if (sys_ring_far(&slot, ARENA_BYTES, &offset) != JIT_OK) {
            return false;
        }
        assert(offset <= ARENA_BYTES && slot.length <= ARENA_BYTES - offset);
        memcpy(copy, arena + offset, slot.length);
        bytes = copy;
    }
    enum jit_err err = sys_decode(&slot, bytes, slot.length, &request);
    assert(err == JIT_OK || err == JIT_EPEER);
    assert(memcmp(&judged, &slot, sizeof slot) == 0 && host.request_head == head + 1);
    if (err == JIT_OK && request.row->decode != NULL) {
        fuzz_take();
        check_view(&request, bytes, slot.length);
    }
    return err == JIT_OK;
}

static bool look_done(void)
{
    int done = sys_ring_host_done(&host);
    assert(done == 0 || done == 1 || done == JIT_EPEER);
    if (done == 1) {
        struct sys_slot slot;
        unsigned left = 0;
        while (sys_ring_host_take(&host, &slot) == 1) {
            left++;
            assert(left <= SYS_REQUEST_SLOTS);
        }
        sys_ring_host_begin(&host, host.begin_tick + 1, no_counts);
    }
    return done >= 0;
}

static bool step(unsigned kind)
{
    const struct sys_receipt receipt = {.cookie = 1};
    int got = 0;
    switch (kind) {
    case 0:
        return look_done();
    case 1:
        got = sys_ring_host_reply(&host, &receipt);
        assert(got == 0 || got == 1 || got == JIT_EPEER);
        return got >= 0;
    case 2:
        sys_ring_host_release(&host);
        sys_ring_host_announce(&host, (sys_ring_host_bell_value(&host) & 1) != 0);
        woken += sys_ring_host_ring(&host);
        return true;
    default:
        return take_one();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct sys_ring_memory memory = {.base = shared, .size = sizeof shared};
    script = jit_cursor_of(bytes, size);
    uint32_t counter = jit_get_u32(&script);
    uint32_t from = jit_get_u32(&script);
    uint64_t steps = jit_get_u32(&script) * 0x100000001ull;
    memset(shared, 0, SYS_RING_REQUEST_OFFSET);
    sys_ring_host_init(&host, &memory);
    host.memory.before_load = before_load;
    host.request_head = host.request_tail = counter;
    host.receipt_tail = from;
    words()->request_tail = words()->done_tail = counter;
    words()->receipt_head = from;
    memset(slot_at(counter), 0, 4 * SYS_REQUEST_BYTES);
    sys_ring_host_begin(&host, 1, no_counts);
    for (unsigned i = 0; i < STEPS_MAX; i++) {
        bool alive = step((unsigned)(steps >> (i * 2) & 3));
        assert(host.request_tail - host.request_head <= SYS_REQUEST_SLOTS);
        if (!alive) {
            break; /* it is dead to the kernel, which looks at its ring no more */
        }
    }
    return 0;
}
