/* Goal:   what sys_boot_encode writes sys_boot_decode gives back, and decode accepts nothing else.
 * Method: one full record and one empty one; every truncation and every flipped bit of it (what
 *         still decodes must encode to the very same bytes); every broken rule by a row. */
#include "syscall/boot.h"

#include "base/limits.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/tcase.h"

static struct fault_heap mem;
static struct jit_buf buf;
static struct sys_boot_cap caps[3];
static struct sys_boot_instance instances[2];
static uint8_t programs[2][100];
static struct sys_bytes rules[2];
static struct sys_boot_run_spec runs[2];
static uint8_t filter[24];
static struct sys_boot_spec spec;
static const struct sys_boot_quota quota = {1, 2, 3, 4, UINT64_MAX, 0};

static void setup(void)
{
    mem = fault_heap_make(-1, false);
    jit_buf_init(&buf, &mem.heap, 1u << 20);
    memset(programs[0], 1, sizeof programs[0]);
    memset(programs[1], 2, sizeof programs[1]);
    memset(filter, 3, sizeof filter);
    memset(filter, 0, 8);
    filter[0] = 2;
    instances[0] = (struct sys_boot_instance){.view_offset = sizeof(struct sys_view_control)};
    memset(&instances[0].id, 4, sizeof instances[0].id);
    instances[1] = (struct sys_boot_instance){.view_offset = 0};
    memset(&instances[1].id, 5, sizeof instances[1].id);
    rules[0] = (struct sys_bytes){programs[0], 99};
    rules[1] = (struct sys_bytes){programs[1], 8};
    caps[0] = (struct sys_boot_cap){0, 1, SYS_RIGHT_MAP, SYS_NONE, 0, 0};
    caps[1] = (struct sys_boot_cap){1, 7, SYS_RIGHT_INVOKE, 1, 0, 0};
    caps[2] = (struct sys_boot_cap){65535, 1, 15, 0, 1, 0};
    runs[0] = (struct sys_boot_run_spec){0, 0, 1, 7, SYS_APPLY_ALL, {programs[0], 17}};
    runs[1] = (struct sys_boot_run_spec){1, 1, SYS_NONE, 0, SYS_APPLY_ALL, {NULL, 0}};
    spec = (struct sys_boot_spec){.index = 1,
                                  .count = 3,
                                  .seed = 9,
                                  .start_tick = 1,
                                  .view_bytes = 1u << 20,
                                  .graph_bytes = SYS_GRAPH_BYTES_MIN,
                                  .heap_bytes = 5,
                                  .caps = caps,
                                  .instances = instances,
                                  .rules = rules,
                                  .runs = runs,
                                  .cap_count = 3,
                                  .instance_count = 2,
                                  .rule_count = 2,
                                  .run_count = 2,
                                  .filter = {filter, sizeof filter},
                                  .quota = &quota};
    memset(&spec.process, 6, sizeof spec.process);
}

static void teardown(void)
{
    jit_buf_release(&buf);
    ck_assert_int_eq(mem.live, 0);
}

/* The record of what was decoded. */
static enum jit_err encode_again(const struct sys_boot_view *view, struct jit_buf *out)
{
    static struct sys_boot_cap caps_again[16];
    static struct sys_boot_instance instances_again[16];
    static struct sys_bytes rules_again[16];
    static struct sys_boot_run_spec runs_again[16];
    const struct sys_boot *head = &view->head;
    ck_assert(head->cap_count <= 16 && head->instance_count <= 16 && head->rule_count <= 16 &&
              head->run_count <= 16);
    for (uint32_t i = 0; i < head->cap_count; i++) {
        caps_again[i] = sys_boot_cap_at(view, i);
    }
    for (uint32_t i = 0; i < head->instance_count; i++) {
        instances_again[i] = sys_boot_instance_at(view, i);
        instances_again[i].view_offset |=
            sys_boot_written_outside(view, i) ? SYS_WRITE_OUTSIDE : 0u;
    }
    for (uint32_t i = 0; i < head->rule_count; i++) {
        rules_again[i] = sys_boot_rule_at(view, i);
    }
    for (uint32_t i = 0; i < head->run_count; i++) {
        runs_again[i] = sys_boot_run_at(view, i);
    }
    const struct sys_boot_spec again = {.process = head->process,
                                        .index = head->index,
                                        .count = head->count,
                                        .seed = head->seed,
                                        .keep = head->keep,
                                        .start_tick = head->start_tick,
                                        .view_bytes = head->view_bytes,
                                        .graph_bytes = head->graph_bytes,
                                        .graph_bytes_max = head->graph_bytes_max,
                                        .heap_bytes = head->heap_bytes,
                                        .caps = caps_again,
                                        .instances = instances_again,
                                        .rules = rules_again,
                                        .runs = runs_again,
                                        .cap_count = head->cap_count,
                                        .instance_count = head->instance_count,
                                        .rule_count = head->rule_count,
                                        .run_count = head->run_count,
                                        .filter = view->filter,
                                        .quota = head->quota == 1 ? &view->quota : NULL};
    return sys_boot_encode(&again, out);
}

START_TEST(round_trip)
{
    struct sys_boot_view view;
    ck_assert_int_eq(sys_boot_encode(&spec, &buf), JIT_OK);
    ck_assert_uint_eq(buf.size % 8, 0);
    ck_assert_int_eq(sys_boot_decode(buf.data, buf.size, &view), JIT_OK);
    ck_assert_uint_eq(view.head.seed, 9);
    ck_assert_uint_eq(sys_boot_cap_at(&view, 1).generation, 7);
    ck_assert_uint_eq(sys_boot_rule_at(&view, 0).size, 99);
    ck_assert_mem_eq(sys_boot_rule_at(&view, 0).bytes, programs[0], 99);
    ck_assert_mem_eq(sys_boot_rule_at(&view, 1).bytes, programs[1], 8);
    ck_assert_uint_eq(sys_boot_run_at(&view, 0).params.size, 17);
    ck_assert_mem_eq(sys_boot_run_at(&view, 0).params.bytes, programs[0], 17);
    ck_assert_uint_eq(sys_boot_run_at(&view, 1).cap_slot, SYS_NONE);
    ck_assert_mem_eq(view.filter.bytes, filter, sizeof filter);
    struct jit_buf again;
    jit_buf_init(&again, &mem.heap, 1u << 20);
    ck_assert_int_eq(encode_again(&view, &again), JIT_OK);
    ck_assert_uint_eq(again.size, buf.size);
    ck_assert_mem_eq(again.data, buf.data, buf.size);
    jit_buf_release(&again);
}
END_TEST

START_TEST(nothing_in_it)
{
    struct sys_boot_view view;
    spec.cap_count = spec.instance_count = spec.rule_count = spec.run_count = 0;
    spec.filter = (struct sys_bytes){NULL, 0};
    spec.quota = NULL;
    ck_assert_int_eq(sys_boot_encode(&spec, &buf), JIT_OK);
    ck_assert_uint_eq(buf.size, sizeof(struct sys_boot));
    ck_assert_int_eq(sys_boot_decode(buf.data, buf.size, &view), JIT_OK);
}
END_TEST

START_TEST(truncations)
{
    struct sys_boot_view view;
    uint64_t size;
    ck_assert_int_eq(sys_boot_encode(&spec, &buf), JIT_OK);
    for (size_t keep = 0; keep < buf.size; keep++) {
        uint8_t *exact = malloc(keep + 1); /* so that a read past it is seen */
        ck_assert_ptr_nonnull(exact);
        memcpy(exact, buf.data, keep);
        ck_assert_int_eq(sys_boot_decode(exact, keep, &view), JIT_EFORMAT);
        ck_assert_int_eq(sys_boot_size(exact, keep, &size),
                         keep < sizeof(struct sys_boot) ? JIT_EFORMAT : JIT_OK);
        free(exact);
    }
}
END_TEST

START_TEST(flips) /* every bit: refused, or the canonical bytes of something else */
{
    ck_assert_int_eq(sys_boot_encode(&spec, &buf), JIT_OK);
    uint64_t refused = 0;
    for (size_t bit = 0; bit < buf.size * 8; bit++) {
        struct sys_boot_view view;
        buf.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        enum jit_err err = sys_boot_decode(buf.data, buf.size, &view);
        ck_assert(err == JIT_OK || err == JIT_EFORMAT || err == JIT_EVERSION);
        if (err == JIT_OK) {
            struct jit_buf again;
            jit_buf_init(&again, &mem.heap, 1u << 20);
            ck_assert_int_eq(encode_again(&view, &again), JIT_OK);
            ck_assert_uint_eq(again.size, buf.size);
            if (memcmp(again.data, buf.data, buf.size) != 0) {
                /* the minor version is the one thing a reader does not look at */
                ck_assert_uint_ge(bit / 8, 6);
                ck_assert_uint_lt(bit / 8, 8);
            }
            jit_buf_release(&again);
        } else {
            refused++;
        }
        buf.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    ck_assert_uint_gt(refused, 1000);
}
END_TEST

/* Broken rules. */
static void zero_process(void)
{
    memset(&spec.process, 0, sizeof spec.process);
}
static void index_at_count(void)
{
    spec.index = spec.count;
}
static void too_many_workers(void)
{
    spec.count = JIT_PROCESSES_MAX + 1;
}
static void tick_zero(void)
{
    spec.start_tick = 0;
}
static void small_view(void)
{
    spec.view_bytes = SYS_VIEW_HEADER_BYTES - SYS_PAGE;
}
static void odd_view(void)
{
    spec.view_bytes++;
}
static void small_graph(void)
{
    spec.graph_bytes = SYS_GRAPH_BYTES_MIN - SYS_PAGE;
}
static void less_graph_in_all(void)
{
    spec.graph_bytes = 2 * SYS_GRAPH_BYTES_MIN;
    spec.graph_bytes_max = SYS_GRAPH_BYTES_MIN;
}
static void odd_graph(void)
{
    spec.graph_bytes_max = SYS_GRAPH_BYTES_MIN + 1;
}
static void large_graph(void)
{
    spec.graph_bytes_max = JIT_ARENA_BYTES_MAX + SYS_PAGE;
}
static void slot_twice(void)
{
    caps[1].slot = 0;
}
static void slot_past_limit(void)
{
    caps[2].slot = JIT_CAP_SLOTS_MAX;
}
static void generation_zero(void)
{
    caps[0].generation = 0;
}
static void unknown_right(void)
{
    caps[0].rights = 16;
}
static void no_right(void)
{
    caps[0].rights = 0;
}
static void cap_rule_out(void)
{
    caps[1].rule = 2;
}
static void cap_instance_out(void)
{
    caps[1].instance = 2;
}
static void cap_zero(void)
{
    caps[1].zero = 1;
}
static void zero_instance(void)
{
    memset(&instances[1].id, 0, sizeof instances[1].id);
}
static void entry_odd(void)
{
    instances[0].view_offset += 2;
}
static void entry_in_head(void)
{
    instances[0].view_offset = 8;
}
static void entry_out(void)
{
    instances[0].view_offset = SYS_VIEW_HEADER_BYTES;
}
static void empty_program(void)
{
    rules[1].size = 0;
}
static void long_program(void)
{
    rules[1].size = JIT_PROGRAM_BYTES_MAX + 1;
}
static void run_rule_out(void)
{
    runs[0].rule = 2;
}
static void run_instance_out(void)
{
    runs[0].instance = 2;
}
static void run_mode(void)
{
    runs[0].mode = 2;
}
static void run_no_slot_with_generation(void)
{
    runs[1].cap_generation = 1;
}
static void run_slot_past_limit(void)
{
    runs[0].cap_slot = JIT_CAP_SLOTS_MAX;
}
static void long_params(void)
{
    runs[0].params.size = JIT_PARAMS_BYTES_MAX + 1;
}
static void filter_count(void)
{
    filter[0] = 3;
}
static void filter_gap(void)
{
    filter[5] = 1;
}

static void no_node_at_all(void)
{
    static const struct sys_boot_quota none = {0, 0, 0, 0, 1, 1};
    spec.quota = &none;
}

static void no_bound(void)
{
    static const struct sys_boot_quota any = {1, 1, 1, UINT64_MAX, UINT64_MAX, UINT64_MAX};
    spec.quota = &any;
}

static void (*const broken[])(void) = {
    zero_process,        index_at_count,   too_many_workers, tick_zero,
    small_view,          odd_view,         small_graph,      less_graph_in_all,
    odd_graph,           large_graph,      slot_twice,       slot_past_limit,
    generation_zero,     unknown_right,    no_right,         cap_rule_out,
    cap_instance_out,    cap_zero,         zero_instance,    entry_odd,
    entry_in_head,       entry_out,        empty_program,    long_program,
    run_rule_out,        run_instance_out, run_mode,         run_no_slot_with_generation,
    run_slot_past_limit, long_params,      filter_count,     filter_gap,
    no_node_at_all,      no_bound,
};

START_TEST(broken_rule) /* _i = row */
{
    broken[_i]();
    ck_assert_int_eq(sys_boot_encode(&spec, &buf), JIT_EINVALID);
    ck_assert_uint_eq(buf.size, 0);
}
END_TEST

START_TEST(no_memory)
{
    for (int64_t n = 0;; n++) {
        struct fault_heap fault = fault_heap_make(n, true);
        struct jit_buf small;
        jit_buf_init(&small, &fault.heap, 1u << 20);
        ck_assert_int_eq(sys_boot_encode(&spec, &small),
                         fault_heap_fired(&fault) ? JIT_ENOMEM : JIT_OK);
        jit_buf_release(&small);
        ck_assert_int_eq(fault.live, 0);
        if (!fault_heap_fired(&fault)) {
            break;
        }
    }
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "boot", 30);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, round_trip);
    tcase_add_test(t, nothing_in_it);
    tcase_add_test(t, truncations);
    tcase_add_test(t, flips);
    tcase_add_loop_test(t, broken_rule, 0, sizeof broken / sizeof broken[0]);
    tcase_add_test(t, no_memory);
}

TEST_MAIN("boot", suite)
