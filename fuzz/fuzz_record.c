/* Any bytes as what a log's record says of one tick, and as the requests that wait: refused, or
 * every part can be read to its end and lies in them. */
#include "base/check.h"
#include "fuzz/fuzz.h"
#include "kernel/core/record.h"

const char *const fuzz_corpus[] = {"fuzz/corpus/record", NULL};

static bool within(const uint8_t *part, size_t part_size, const uint8_t *bytes, size_t size)
{
    return part_size == 0 ||
           (part >= bytes && part_size <= size && part <= bytes + size - part_size);
}

static void check_requests(const struct kern_record_view *view)
{
    struct jit_cursor cur = jit_cursor_of(view->requests, view->requests_size);
    struct rmg_asked asked;
    enum jit_err err = JIT_OK;
    while ((err = rmg_asked_next(&cur, &asked)) == JIT_OK) {
        assert(within((const uint8_t *)asked.ids, (size_t)asked.id_count * JIT_ID_BYTES,
                      view->requests, view->requests_size));
        assert(within(asked.params, asked.params_size, view->requests, view->requests_size));
    }
    assert(err == JIT_ENOENT || err == JIT_EFORMAT);
}

static void check_record(const uint8_t *bytes, size_t size, const struct kern_record_view *view)
{
    struct kern_record_ask ask;
    uint64_t asks = 0;
    assert(within(view->patch, view->patch_size, bytes, size));
    for (uint64_t i = 0; i < view->event_count; i++) {
        struct kern_record_event event;
        enum jit_err err = kern_record_event_at(view, i, &event);
        assert(err == JIT_OK || err == JIT_EFORMAT);
    }
    for (uint64_t i = 0; i < view->request_count; i++) {
        struct rmg_receipt receipt;
        enum jit_err err = kern_record_receipt(view, i, &receipt);
        assert(err == JIT_OK || err == JIT_EFORMAT);
    }
    struct jit_cursor cur = jit_cursor_of(view->asks, view->asks_size);
    while (kern_record_next_ask(&cur, &ask) == JIT_OK) {
        assert(within(ask.bytes, ask.size, bytes, size));
        asks++;
    }
    assert(asks == view->ask_count);
    check_requests(view);
}

static void check_waiting(const uint8_t *bytes, size_t size)
{
    struct rmg_waiting_list list;
    struct rmg_waiting waiting;
    enum jit_err err = rmg_waiting_open(bytes, size, &list);
    assert(err == JIT_OK || err == JIT_EFORMAT || err == JIT_EVERSION);
    while (err == JIT_OK && (err = rmg_waiting_next(&list, &waiting)) == JIT_OK) {
        assert(waiting.retries <= JIT_RETRY_MAX);
        assert((waiting.retries == 0) == (waiting.due > 0));
        assert(within(waiting.asked.params, waiting.asked.params_size, bytes, size));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct kern_record_view view;
    enum jit_err err = kern_record_decode(bytes, size, &view);
    assert(err == JIT_OK || err == JIT_EFORMAT || err == JIT_EVERSION);
    if (err == JIT_OK) {
        fuzz_take();
        check_record(bytes, size, &view);
    }
    check_waiting(bytes, size);
    return 0;
}
