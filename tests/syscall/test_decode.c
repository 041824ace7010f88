/* Goal:   sys_decode accepts exactly the requests of docs/spec/ring.md; the table of calls is that
 *         of syscalls.def.
 * Method: good requests at each limit, every truncation and one byte more, every broken rule; each
 *         number from 0 to 300 and far ones. */
#include "syscall/decode.h"

#include "base/limits.h"
#include "syscall/attenuate.h"
#include "tests/lib/tcase.h"

static struct jit_id ids[JIT_PATTERN_ELEMENTS_MAX];
static uint8_t params[JIT_PARAMS_BYTES_MAX];
static uint8_t bytes[SYS_ATTENUATORS_BYTES_MAX + 8192];

static size_t make(uint32_t id_count, uint32_t params_size)
{
    const struct sys_apply_view apply = {.cap_slot = 1,
                                         .cap_generation = 2,
                                         .rule = 3,
                                         .instance = 4,
                                         .nonce = 5,
                                         .ids = ids,
                                         .id_count = id_count,
                                         .flags = SYS_WANT_RECEIPT,
                                         .params = params,
                                         .params_size = params_size};
    for (uint32_t i = 0; i < JIT_PATTERN_ELEMENTS_MAX; i++) {
        memset(&ids[i], (int)i + 1, sizeof ids[i]);
    }
    memset(params, 0x77, sizeof params);
    sys_apply_encode(&apply, bytes);
    return sys_apply_size(id_count, params_size);
}

START_TEST(apply_good)
{
    const uint32_t counts[][2] = {{1, 0}, {3, 8}, {JIT_PATTERN_ELEMENTS_MAX, JIT_PARAMS_BYTES_MAX}};
    for (size_t i = 0; i < 3; i++) {
        struct sys_apply_view view;
        size_t size = make(counts[i][0], counts[i][1]);
        ck_assert_int_eq(sys_decode_apply(bytes, size, &view), JIT_OK);
        ck_assert_uint_eq(view.cap_slot, 1);
        ck_assert_uint_eq(view.cap_generation, 2);
        ck_assert_uint_eq(view.rule, 3);
        ck_assert_uint_eq(view.instance, 4);
        ck_assert_uint_eq(view.nonce, 5);
        ck_assert_uint_eq(view.flags, SYS_WANT_RECEIPT);
        ck_assert_uint_eq(view.id_count, counts[i][0]);
        ck_assert_uint_eq(view.params_size, counts[i][1]);
        ck_assert_mem_eq(view.ids, ids, counts[i][0] * JIT_ID_BYTES);
        ck_assert_mem_eq(view.params, params, counts[i][1]);
    }
}
END_TEST

START_TEST(apply_other_sizes)
{
    struct sys_apply_view view;
    size_t size = make(5, 12);
    for (size_t keep = 0; keep <= size + 9; keep++) {
        uint8_t *exact = malloc(keep + 1);
        ck_assert_ptr_nonnull(exact);
        memcpy(exact, bytes, keep);
        ck_assert_int_eq(sys_decode_apply(exact, keep, &view), keep == size ? JIT_OK : JIT_EPEER);
        ck_assert_ptr_eq(view.ids, keep == size ? exact + sizeof(struct sys_apply) : NULL);
        free(exact);
    }
}
END_TEST

START_TEST(apply_broken)
{
    struct sys_apply_view view;
    const struct {
        uint16_t id_count;
        uint16_t flags;
        uint32_t params_size;
    } rows[] = {
        {0, 0, 0},          {JIT_PATTERN_ELEMENTS_MAX + 1, 0, 0},
        {UINT16_MAX, 0, 0}, {1, 2, 0},
        {1, UINT16_MAX, 0}, {1, 0, JIT_PARAMS_BYTES_MAX + 1},
        {1, 0, UINT32_MAX}, {1, 0, UINT32_MAX - 31},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sys_apply head = {.id_count = rows[i].id_count,
                                 .flags = rows[i].flags,
                                 .params_size = rows[i].params_size};
        memset(bytes, 0, sizeof bytes);
        memcpy(bytes, &head, sizeof head);
        size_t size = sys_apply_size(rows[i].id_count, rows[i].params_size);
        ck_assert_int_eq(sys_decode_apply(bytes, size < sizeof bytes ? size : sizeof bytes, &view),
                         JIT_EPEER);
        ck_assert_ptr_null(view.ids);
    }
}
END_TEST

START_TEST(table)
{
    const struct {
        uint32_t number;
        const char *name;
        uint32_t rights;
        uint32_t states;
        bool built;
    } rows[] = {
#define SYSCALL(number, name, rights, state, built) {(number), #name, (rights), (state), (built)},
#include "syscall/syscalls.def"
#undef SYSCALL
    };
    size_t count = sizeof rows / sizeof rows[0];
    size_t found = 0;
    ck_assert_uint_eq(sys_call_row_count, count);
    for (uint32_t number = 0; number <= 300; number++) {
        const struct sys_call_row *row = sys_call_find(number);
        struct sys_request request;
        struct sys_slot slot = {.kind = number, .cookie = 8};
        if (row == NULL) {
            ck_assert_int_eq(sys_decode(&slot, slot.body.bytes, 0, &request), JIT_EPEER);
            continue;
        }
        ck_assert_uint_eq(row->number, number);
        ck_assert_uint_eq(rows[found].number, number); /* ascending, none twice */
        ck_assert_str_eq(row->name, rows[found].name);
        ck_assert_uint_eq(row->rights, rows[found].rights);
        ck_assert_uint_eq(row->states, rows[found].states);
        ck_assert_int_eq(row->decode != NULL, rows[found].built);
        if (!rows[found].built) {
            ck_assert_int_eq(sys_decode(&slot, slot.body.bytes, 0, &request), JIT_OK);
            ck_assert_ptr_eq(request.row, row);
            ck_assert_uint_eq(request.cookie, 8);
        }
        found++;
    }
    ck_assert_uint_eq(found, count);
    ck_assert_ptr_null(sys_call_find(UINT32_MAX));
}
END_TEST

START_TEST(small_calls)
{
    struct sys_request request;
    struct sys_slot slot = {.kind = SYS_CALL_exit, .length = 4};
    memcpy(slot.body.bytes, "\xfe\xff\xff\xff\0", 5);
    ck_assert_int_eq(sys_decode(&slot, slot.body.bytes, 4, &request), JIT_OK);
    ck_assert_int_eq(request.body.exit_status, -2);
    ck_assert_int_eq(sys_decode(&slot, slot.body.bytes, 3, &request),
                     JIT_EPEER); /* not its length */
    for (uint32_t size = 0; size <= 8; size++) {
        slot.length = size;
        slot.kind = SYS_CALL_exit;
        ck_assert_int_eq(sys_decode(&slot, slot.body.bytes, size, &request),
                         size == 4 ? JIT_OK : JIT_EPEER);
        slot.kind = SYS_CALL_grow;
        ck_assert_int_eq(sys_decode(&slot, slot.body.bytes, size, &request),
                         size == 8 ? JIT_OK : JIT_EPEER);
        slot.kind = SYS_CALL_clock;
        ck_assert_int_eq(sys_decode(&slot, slot.body.bytes, size, &request),
                         size == 0 ? JIT_OK : JIT_EPEER);
    }
    slot.kind = SYS_CALL_grow;
    slot.length = 8;
    ck_assert_int_eq(sys_decode(&slot, slot.body.bytes, 8, &request), JIT_OK);
    ck_assert_uint_eq(request.body.grow_bytes, 0xfffffffe);
    slot.kind = SYS_CALL_apply;
    slot.length = (uint32_t)make(3, 4);
    ck_assert_int_eq(sys_decode(&slot, bytes, slot.length, &request), JIT_OK);
    ck_assert_uint_eq(request.body.apply.id_count, 3);
}
END_TEST

/* Whatever its size, a request decodes only as long as it is; sizes are tried up to two bytes more.
 */
static void only_whole(uint32_t kind, size_t size)
{
    for (size_t keep = 0; keep <= size + 2; keep++) {
        struct sys_slot slot = {.kind = kind, .length = (uint32_t)keep};
        struct sys_request request;
        uint8_t *exact = malloc(keep + 1);
        ck_assert_ptr_nonnull(exact);
        memcpy(exact, bytes, keep);
        ck_assert_int_eq(sys_decode(&slot, exact, keep, &request),
                         keep == size ? JIT_OK : JIT_EPEER);
        free(exact);
    }
}

static enum jit_err decode_as(uint32_t kind, size_t size, struct sys_request *request)
{
    struct sys_slot slot = {.kind = kind, .length = (uint32_t)size, .cookie = 5};
    return sys_decode(&slot, bytes, size, request);
}

START_TEST(derive_and_grant) /* _i: which */
{
    const uint32_t kind = _i == 0 ? SYS_CALL_derive : SYS_CALL_grant;
    struct sys_derive head = {.cap_slot = 1,
                              .cap_generation = 2,
                              .flags = SYS_WANT_RECEIPT | SYS_MOVE,
                              .to_slot = SYS_NONE,
                              .attenuators_size = 5,
                              .badge = 9};
    struct sys_request request;
    memcpy(bytes, &head, sizeof head);
    memcpy(bytes + sizeof head, "abcde", 5);
    ck_assert_int_eq(decode_as(kind, sizeof head + 5, &request), JIT_OK);
    ck_assert_uint_eq(request.cookie, 5);
    ck_assert_mem_eq(&request.body.derive.head, &head, sizeof head);
    ck_assert_mem_eq(request.body.derive.attenuators, "abcde", 5);
    only_whole(kind, sizeof head + 5);
    head.flags = 4; /* unknown */
    memcpy(bytes, &head, sizeof head);
    ck_assert_int_eq(decode_as(kind, sizeof head + 5, &request), JIT_EPEER);
    head.flags = 0;
    head.attenuators_size = SYS_ATTENUATORS_BYTES_MAX;
    memcpy(bytes, &head, sizeof head);
    ck_assert_int_eq(decode_as(kind, sizeof head + head.attenuators_size, &request), JIT_OK);
    head.attenuators_size++;
    memcpy(bytes, &head, sizeof head);
    ck_assert_int_eq(decode_as(kind, sizeof head + head.attenuators_size, &request), JIT_EPEER);
    head.attenuators_size = UINT32_MAX;
    memcpy(bytes, &head, sizeof head);
    ck_assert_int_eq(decode_as(kind, sizeof head + 5, &request), JIT_EPEER);
}
END_TEST

START_TEST(revoke_and_inspect)
{
    struct sys_revoke revoke = {.cap_slot = 1, .flags = SYS_ONLY_CHILDREN, .nonce = 7};
    const struct sys_inspect inspect = {.cap_slot = 3, .cap_generation = 4};
    struct sys_request request;
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes, &revoke, sizeof revoke);
    ck_assert_int_eq(decode_as(SYS_CALL_revoke, sizeof revoke, &request), JIT_OK);
    ck_assert_mem_eq(&request.body.revoke, &revoke, sizeof revoke);
    only_whole(SYS_CALL_revoke, sizeof revoke);
    revoke.flags = SYS_MOVE | 4;
    memcpy(bytes, &revoke, sizeof revoke);
    ck_assert_int_eq(decode_as(SYS_CALL_revoke, sizeof revoke, &request), JIT_EPEER);
    revoke.flags = 0;
    revoke.zero = 1;
    memcpy(bytes, &revoke, sizeof revoke);
    ck_assert_int_eq(decode_as(SYS_CALL_revoke, sizeof revoke, &request), JIT_EPEER);
    memcpy(bytes, &inspect, sizeof inspect);
    ck_assert_int_eq(decode_as(SYS_CALL_inspect, sizeof inspect, &request), JIT_OK);
    ck_assert_mem_eq(&request.body.inspect, &inspect, sizeof inspect);
    only_whole(SYS_CALL_inspect, sizeof inspect);
}
END_TEST

START_TEST(collapse)
{
    struct sys_collapse head = {
        .cap_slot = 1, .nonce = 7, .flags = SYS_WANT_RECEIPT, .cap_count = JIT_COLLAPSE_CAPS - 1};
    const size_t size = sizeof head + 8u * head.cap_count;
    struct sys_request request;
    uint32_t slot, generation;
    for (uint32_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)i;
    }
    memcpy(bytes, &head, sizeof head);
    ck_assert_int_eq(decode_as(SYS_CALL_collapse, size + 5, &request), JIT_OK);
    ck_assert_mem_eq(&request.body.collapse.head, &head, sizeof head);
    ck_assert_uint_eq(request.body.collapse.size, 5);
    sys_collapse_cap(request.body.collapse.caps, 1, &slot, &generation);
    ck_assert_mem_eq(&slot, bytes + sizeof head + 8, 4);
    ck_assert_mem_eq(&generation, bytes + sizeof head + 12, 4);
    for (size_t less = 0; less < size; less++) {
        ck_assert_int_eq(decode_as(SYS_CALL_collapse, less, &request), JIT_EPEER);
    }
    head.flags = 2;
    memcpy(bytes, &head, sizeof head);
    ck_assert_int_eq(decode_as(SYS_CALL_collapse, size + 5, &request), JIT_EPEER);
    head.flags = 0;
    head.cap_count++;
    memcpy(bytes, &head, sizeof head);
    ck_assert_int_eq(decode_as(SYS_CALL_collapse, size + 13, &request), JIT_EPEER);
}
END_TEST

START_TEST(own) /* a root, and bytes of a patch: at least one */
{
    struct sys_request request;
    for (size_t size = 0; size < JIT_ID_BYTES + 3; size++) {
        ck_assert_int_eq(decode_as(SYS_CALL_own, size, &request),
                         size > JIT_ID_BYTES ? JIT_OK : JIT_EPEER);
    }
    ck_assert_uint_eq(request.body.own.patch_size, 2);
}
END_TEST

START_TEST(owner) /* what an operator asks: that size, that zero, one of two kinds */
{
    struct sys_owner asked = {.object = SYS_OWNER_RULE, .nonce = 7};
    struct sys_owner out;
    uint8_t wire[sizeof asked + 1] = {0};
    memcpy(wire, &asked, sizeof asked);
    ck_assert_int_eq(sys_decode_owner(wire, sizeof asked, &out), JIT_OK);
    ck_assert_mem_eq(&out, &asked, sizeof asked);
    ck_assert_int_eq(sys_decode_owner(wire, sizeof asked - 1, &out), JIT_EPEER);
    ck_assert_int_eq(sys_decode_owner(wire, sizeof asked + 1, &out), JIT_EPEER);
    asked.object = SYS_OWNER_RULE + 1;
    memcpy(wire, &asked, sizeof asked);
    ck_assert_int_eq(sys_decode_owner(wire, sizeof asked, &out), JIT_EPEER);
    asked.object = SYS_OWNER_INSTANCE;
    asked.zero = 1;
    memcpy(wire, &asked, sizeof asked);
    ck_assert_int_eq(sys_decode_owner(wire, sizeof asked, &out), JIT_EPEER);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "decode", 10);
    tcase_add_test(t, apply_good);
    tcase_add_test(t, apply_other_sizes);
    tcase_add_test(t, apply_broken);
    tcase_add_test(t, table);
    tcase_add_test(t, small_calls);
    tcase_add_loop_test(t, derive_and_grant, 0, 2);
    tcase_add_test(t, revoke_and_inspect);
    tcase_add_test(t, collapse);
    tcase_add_test(t, own);
    tcase_add_test(t, owner);
}

TEST_MAIN("decode", suite)
