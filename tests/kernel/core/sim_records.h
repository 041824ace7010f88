/* tests/kernel/core/sim_records.h - what the records of a simulated kernel say, and what its newest
 * state keeps for later ticks. */
#ifndef JIT_TESTS_SIM_RECORDS_H
#define JIT_TESTS_SIM_RECORDS_H

#include "rmg/engine/request.h"
#include "tests/lib/sim_kernel.h"
#include "tests/lib/tcase.h"

/* Record n: of tick n + 1. */
static inline struct kern_record_view sim_view_of(const struct sim_kernel *kernel, size_t n)
{
    struct kern_record_view view;
    ck_assert_uint_lt(n, kernel->record_count);
    ck_assert_int_eq(
        kern_record_decode(kernel->records[n].payload, kernel->records[n].payload_size, &view),
        JIT_OK);
    return view;
}

static inline struct rmg_receipt sim_receipt_of(const struct kern_record_view *view, uint64_t i)
{
    struct rmg_receipt receipt;
    ck_assert_int_eq(kern_record_receipt(view, i, &receipt), JIT_OK);
    return receipt;
}

static inline uint64_t sim_count_results(const struct sim_kernel *kernel, uint16_t result)
{
    uint64_t count = 0;
    for (size_t n = 0; n < kernel->record_count; n++) {
        struct kern_record_view view = sim_view_of(kernel, n);
        for (uint64_t i = 0; i < view.request_count; i++) {
            count += sim_receipt_of(&view, i).result == result;
        }
    }
    return count;
}

/* The list in the state, of less than `capacity`. */
static inline size_t sim_waiting_now(const struct sim_kernel *kernel, struct rmg_waiting *out,
                                     size_t capacity)
{
    struct rmg_version now = kern_core_version(kernel->core);
    struct jit_id proc;
    struct jit_id root;
    struct rmg_instance instance;
    struct rmg_graph graph;
    struct rmg_value value;
    struct rmg_waiting_list list;
    size_t count = 0;
    kern_place_id("/proc", &proc, &root);
    ck_assert_int_eq(rmg_store_instance(kernel->store, &now, &proc, &instance), JIT_OK);
    rmg_store_graph(kernel->store, &instance, &graph);
    enum jit_err err = rmg_attachment_get(&graph, RMG_PLANE_ALPHA, &root, RMG_WAITING_NAME,
                                          sizeof RMG_WAITING_NAME - 1, &value);
    if (err == JIT_ENOENT) {
        return 0;
    }
    ck_assert_int_eq(err, JIT_OK);
    ck_assert_int_eq(rmg_waiting_open(value.bytes, value.size, &list), JIT_OK);
    while (rmg_waiting_next(&list, &out[count]) == JIT_OK) {
        ck_assert_uint_lt(++count, capacity);
    }
    ck_assert_uint_gt(count, 0);
    return count;
}

#endif
