/* Goal:   docs/spec/ring.md and syscall/abi.h say the same.
 * Method: each structure member with its offset and size, each place, call and exit status must be
 *         there as a line that begins so; and the page has no other such lines. */
#include <stddef.h>
#include <stdio.h>

#include "syscall/abi.h"
#include "syscall/decode.h"
#include "tests/lib/tcase.h"

static char page[65536];
static unsigned found;

static void setup(void)
{
    const char *top = getenv("top_srcdir");
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/docs/spec/ring.md", top != NULL ? top : ".");
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "no %s", path);
    size_t size = fread(page, 1, sizeof page - 1, file);
    ck_assert_uint_lt(size, sizeof page - 1);
    page[size] = '\0';
    (void)fclose(file);
    found = 0;
}

static void expect(const char *line)
{
    char start[512];
    (void)snprintf(start, sizeof start, "\n%s", line);
    ck_assert_msg(strstr(page, start) != NULL, "docs/spec/ring.md has no line that begins: %s",
                  line);
    found++;
}

/* Lines that begin so. */
static unsigned count_lines(const char *start)
{
    unsigned count = 0;
    for (const char *at = page; (at = strstr(at, start)) != NULL; at += strlen(start)) {
        count++;
    }
    return count;
}

#define MEMBER(s, m)                                                                               \
    {                                                                                              \
#s "." #m, offsetof(struct s, m), sizeof((struct s *)0)->m                                 \
    }
static const struct {
    const char *name;
    size_t offset;
    size_t size;
} members[] = {
    MEMBER(sys_ring_header, magic),
    MEMBER(sys_ring_header, major),
    MEMBER(sys_ring_header, minor),
    MEMBER(sys_ring_header, features),
    MEMBER(sys_ring_header, page_size),
    MEMBER(sys_ring_header, request_slots),
    MEMBER(sys_ring_header, receipt_slots),
    MEMBER(sys_ring_header, ring_bytes),
    MEMBER(sys_ring_worker, bell),
    MEMBER(sys_ring_worker, sleeping),
    MEMBER(sys_ring_worker, request_tail),
    MEMBER(sys_ring_worker, receipt_head),
    MEMBER(sys_ring_worker, done_tick),
    MEMBER(sys_ring_worker, done_tail),
    MEMBER(sys_ring_worker, zero),
    MEMBER(sys_ring_kernel, call),
    MEMBER(sys_ring_kernel, sleeping),
    MEMBER(sys_ring_kernel, request_head),
    MEMBER(sys_ring_kernel, receipt_tail),
    MEMBER(sys_ring_kernel, begin_tick),
    MEMBER(sys_ring_kernel, counts),
    MEMBER(sys_slot, kind),
    MEMBER(sys_slot, length),
    MEMBER(sys_slot, cookie),
    MEMBER(sys_slot, body.bytes),
    MEMBER(sys_slot, body.far.at),
    MEMBER(sys_slot, body.far.size),
    MEMBER(sys_collapse, cap_slot),
    MEMBER(sys_collapse, cap_generation),
    MEMBER(sys_collapse, nonce),
    MEMBER(sys_collapse, flags),
    MEMBER(sys_collapse, cap_count),
    MEMBER(sys_collapsed, reads),
    MEMBER(sys_collapsed, first_read),
    MEMBER(sys_collapsed, operations),
    MEMBER(sys_collapsed, first_operation),
    MEMBER(sys_collapsed, zero),
    MEMBER(sys_derive, cap_slot),
    MEMBER(sys_derive, cap_generation),
    MEMBER(sys_derive, flags),
    MEMBER(sys_derive, to_slot),
    MEMBER(sys_derive, to_cap),
    MEMBER(sys_derive, to_cap_generation),
    MEMBER(sys_derive, rights),
    MEMBER(sys_derive, attenuators_size),
    MEMBER(sys_derive, nonce),
    MEMBER(sys_derive, badge),
    MEMBER(sys_derive, instance),
    MEMBER(sys_derive, rule),
    MEMBER(sys_derive, params_digest),
    MEMBER(sys_revoke, cap_slot),
    MEMBER(sys_revoke, cap_generation),
    MEMBER(sys_revoke, flags),
    MEMBER(sys_revoke, zero),
    MEMBER(sys_revoke, nonce),
    MEMBER(sys_inspect, cap_slot),
    MEMBER(sys_inspect, cap_generation),
    MEMBER(sys_derived, slot),
    MEMBER(sys_derived, generation),
    MEMBER(sys_derived, verdict),
    MEMBER(sys_derived, excess),
    MEMBER(sys_derived, zero),
    MEMBER(sys_own, root),
    MEMBER(sys_inspected, rights),
    MEMBER(sys_inspected, depth),
    MEMBER(sys_inspected, object),
    MEMBER(sys_inspected, verdict),
    MEMBER(sys_inspected, operations_left),
    MEMBER(sys_inspected, badge),
    MEMBER(sys_owner, cap_slot),
    MEMBER(sys_owner, cap_generation),
    MEMBER(sys_owner, object),
    MEMBER(sys_owner, zero),
    MEMBER(sys_owner, nonce),
    MEMBER(sys_owner, id),
    MEMBER(sys_apply, cap_slot),
    MEMBER(sys_apply, cap_generation),
    MEMBER(sys_apply, rule),
    MEMBER(sys_apply, instance),
    MEMBER(sys_apply, nonce),
    MEMBER(sys_apply, id_count),
    MEMBER(sys_apply, flags),
    MEMBER(sys_apply, params_size),
    MEMBER(sys_receipt, cookie),
    MEMBER(sys_receipt, tick),
    MEMBER(sys_receipt, result),
    MEMBER(sys_receipt, zero),
    MEMBER(sys_receipt, blocker),
    MEMBER(sys_receipt, index),
    MEMBER(sys_receipt, zero2),
    MEMBER(sys_receipt, request_key),
    MEMBER(sys_graph_header, magic),
    MEMBER(sys_graph_header, major),
    MEMBER(sys_graph_header, minor),
    MEMBER(sys_graph_header, tick),
    MEMBER(sys_graph_header, zero),
    MEMBER(sys_view_control, magic),
    MEMBER(sys_view_control, major),
    MEMBER(sys_view_control, minor),
    MEMBER(sys_view_control, size_max),
    MEMBER(sys_view_control, tick),
    MEMBER(sys_view_control, durable_tick),
    MEMBER(sys_view_control, size),
    MEMBER(sys_view_control, entry_count),
    MEMBER(sys_view_control, zero),
    MEMBER(sys_view_control, oldest),
    MEMBER(sys_view_control, reserved),
    {"sys_view_control.entries", offsetof(struct sys_view_control, entries), 0},
    MEMBER(sys_view_entry, instance),
    MEMBER(sys_view_entry, roots),
    MEMBER(sys_view_roots, ref),
    MEMBER(sys_view_roots, node_count),
    MEMBER(sys_view_roots, edge_count),
    MEMBER(sys_boot, magic),
    MEMBER(sys_boot, major),
    MEMBER(sys_boot, minor),
    MEMBER(sys_boot, size),
    MEMBER(sys_boot, process),
    MEMBER(sys_boot, index),
    MEMBER(sys_boot, count),
    MEMBER(sys_boot, seed),
    MEMBER(sys_boot, start_tick),
    MEMBER(sys_boot, view_bytes),
    MEMBER(sys_boot, graph_bytes),
    MEMBER(sys_boot, heap_bytes),
    MEMBER(sys_boot, cap_count),
    MEMBER(sys_boot, instance_count),
    MEMBER(sys_boot, rule_count),
    MEMBER(sys_boot, run_count),
    MEMBER(sys_boot, caps_at),
    MEMBER(sys_boot, instances_at),
    MEMBER(sys_boot, rules_at),
    MEMBER(sys_boot, runs_at),
    MEMBER(sys_boot, filter_at),
    MEMBER(sys_boot, filter_size),
    MEMBER(sys_boot, graph_bytes_max),
    MEMBER(sys_boot, keep),
    MEMBER(sys_boot, explore),
    MEMBER(sys_boot, explore_flags),
    MEMBER(sys_boot, quota),
    MEMBER(sys_boot, zero),
    MEMBER(sys_boot_quota, nodes),
    MEMBER(sys_boot_quota, edges),
    MEMBER(sys_boot_quota, bytes),
    MEMBER(sys_boot_quota, nodes_max),
    MEMBER(sys_boot_quota, edges_max),
    MEMBER(sys_boot_quota, bytes_max),
    MEMBER(sys_boot_cap, slot),
    MEMBER(sys_boot_cap, generation),
    MEMBER(sys_boot_cap, rights),
    MEMBER(sys_boot_cap, rule),
    MEMBER(sys_boot_cap, instance),
    MEMBER(sys_boot_cap, zero),
    MEMBER(sys_boot_instance, id),
    MEMBER(sys_boot_instance, view_offset),
    MEMBER(sys_boot_rule, at),
    MEMBER(sys_boot_rule, size),
    MEMBER(sys_boot_run, rule),
    MEMBER(sys_boot_run, instance),
    MEMBER(sys_boot_run, cap_slot),
    MEMBER(sys_boot_run, cap_generation),
    MEMBER(sys_boot_run, mode),
    MEMBER(sys_boot_run, params_size),
    MEMBER(sys_boot_run, params_at),
};

START_TEST(fields)
{
    char line[512];
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        (void)snprintf(line, sizeof line, "| `%s` | %zu | %zu |", members[i].name,
                       members[i].offset, members[i].size);
        expect(line);
    }
    unsigned lines = count_lines("\n| `sys_");
    ck_assert_uint_eq(lines, found + 3); /* the three places of the ring */
}
END_TEST

START_TEST(every_byte_is_a_field) /* members of a structure lie end to end, up to its size */
{
    const struct {
        const char *name;
        size_t size;
    } wholes[] = {
        {"sys_ring_header", sizeof(struct sys_ring_header)},
        {"sys_ring_worker", sizeof(struct sys_ring_worker)},
        {"sys_ring_kernel", sizeof(struct sys_ring_kernel)},
        {"sys_apply", sizeof(struct sys_apply)},
        {"sys_receipt", sizeof(struct sys_receipt)},
        {"sys_graph_header", sizeof(struct sys_graph_header)},
        {"sys_view_control", sizeof(struct sys_view_control)},
        {"sys_view_entry", sizeof(struct sys_view_entry)},
        {"sys_view_roots", sizeof(struct sys_view_roots)},
        {"sys_boot", sizeof(struct sys_boot)},
        {"sys_boot_quota", sizeof(struct sys_boot_quota)},
        {"sys_boot_cap", sizeof(struct sys_boot_cap)},
        {"sys_boot_instance", sizeof(struct sys_boot_instance)},
        {"sys_boot_rule", sizeof(struct sys_boot_rule)},
        {"sys_boot_run", sizeof(struct sys_boot_run)},
    };
    for (size_t i = 0; i < sizeof wholes / sizeof wholes[0]; i++) {
        size_t next = 0;
        size_t length = strlen(wholes[i].name);
        for (size_t k = 0; k < sizeof members / sizeof members[0]; k++) {
            if (strncmp(members[k].name, wholes[i].name, length) == 0 &&
                members[k].name[length] == '.') {
                ck_assert_msg(members[k].offset == next, "gap before %s", members[k].name);
                next += members[k].size;
            }
        }
        ck_assert_msg(next == wholes[i].size, "%s has %zu bytes", wholes[i].name, wholes[i].size);
    }
}
END_TEST

START_TEST(places)
{
    char line[512];
    const struct {
        const char *name;
        uint64_t offset;
    } rows[] = {
        {"`sys_ring_header`", 0},
        {"`sys_ring_worker`", SYS_RING_WORKER_OFFSET},
        {"`sys_ring_kernel`", SYS_RING_KERNEL_OFFSET},
        {"request slots", SYS_RING_REQUEST_OFFSET},
        {"receipt slots", SYS_RING_RECEIPT_OFFSET},
        {"end", SYS_RING_BYTES},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void)snprintf(line, sizeof line, "| %s | %llu |", rows[i].name,
                       (unsigned long long)rows[i].offset);
        expect(line);
    }
    ck_assert_uint_eq(SYS_VIEW_ENTRIES_MAX, 511);
    ck_assert_uint_eq(SYS_VIEW_HEADER_BYTES, 65536);
}
END_TEST

START_TEST(calls)
{
    char line[512];
    unsigned numbers = 0;
    for (size_t i = 0; i < sys_call_row_count; i++) {
        const struct sys_call_row *row = &sys_call_rows[i];
        const char *right = row->rights == SYS_RIGHT_MAP      ? "map"
                            : row->rights == SYS_RIGHT_INVOKE ? "invoke"
                            : row->rights == SYS_RIGHT_READ   ? "read"
                            : row->rights == SYS_RIGHT_WRITE  ? "write"
                                                              : "-";
        (void)snprintf(line, sizeof line, "| %u | `%s` | %s | %s | %s |\n", row->number, row->name,
                       right, row->states == SYS_STATE_ANY ? "any" : "tick",
                       row->decode != NULL ? "yes" : "no");
        expect(line);
    }
    for (unsigned number = 0; number < 1000; number++) {
        (void)snprintf(line, sizeof line, "\n| %u | `", number);
        numbers += count_lines(line);
    }
    ck_assert_uint_eq(numbers, found);
}
END_TEST

START_TEST(exits)
{
    char line[512];
#define X(name, value, text)                                                                       \
    (void)snprintf(line, sizeof line, "| %d | %s |\n", (value), (text));                           \
    expect(line);
    SYS_EXIT_MAP(X)
#undef X
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "abi", 10);
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, fields);
    tcase_add_test(t, every_byte_is_a_field);
    tcase_add_test(t, places);
    tcase_add_test(t, calls);
    tcase_add_test(t, exits);
}

TEST_MAIN("abi", suite)
