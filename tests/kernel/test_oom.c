/* Goal:   each public operation bears the refusal of any of its allocations: JIT_ENOMEM, nothing
 *         lost, nothing changed, nothing leaked, and with memory it does what it would have done.
 * Method: tables of operations (oom_rows.h), each with the n-th allocation refused, once and from
 *         then on, for every n (tests/lib/oom.h). The figures are printed. */
#include <inttypes.h>
#include <stdio.h>

#include "tests/kernel/oom_rows.h"
#include "tests/lib/tcase.h"

static void table(const char *name, const struct oom_row *rows, size_t row_count)
{
    struct oom_count count = {.operations = 0};
    const char *each = getenv("JIT_OOM_EACH"); /* the figure of each */
    for (size_t i = 0; i < row_count; i++) {
        uint64_t before = count.refusals;
        oom_try(&rows[i], &count);
        if (each != NULL) {
            printf("%s: %" PRIu64 "\n", rows[i].name, count.refusals - before);
        }
    }
    printf("%s: %" PRIu64 " operations, %" PRIu64 " refusals, %" PRIu64 " of them borne\n", name,
           count.operations, count.refusals, count.borne);
    ck_assert_uint_gt(count.refusals, 2 * count.operations);
}

START_TEST(graphs)
{
    table("graphs", oom_graph_rows, oom_graph_row_count);
}
END_TEST

START_TEST(files)
{
    table("files", oom_file_rows, oom_file_row_count);
}
END_TEST

START_TEST(collections)
{
    table("collections", oom_collect_rows, oom_collect_row_count);
}
END_TEST

START_TEST(rules)
{
    table("rules", oom_rule_rows, oom_rule_row_count);
}
END_TEST

START_TEST(kernel)
{
    table("kernel", oom_kernel_rows, oom_kernel_row_count);
}
END_TEST

START_TEST(storage)
{
    table("storage", oom_storage_rows, oom_storage_row_count);
}
END_TEST

static void fill_suite(Suite *suite)
{
    TCase *t = test_case(suite, "out of memory", 120);
    tcase_add_test(t, graphs);
    tcase_add_test(t, files);
    tcase_add_test(t, collections);
    tcase_add_test(t, rules);
    tcase_add_test(t, kernel);
    tcase_add_test(t, storage);
}

TEST_MAIN("kernel/oom", fill_suite)
