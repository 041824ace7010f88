/* Goal:   what the machine offers is found out by trying, and what is missing is named with a way
 * out. Method: take mechanisms away, by the hook and for real: under a filter that answers ENOSYS
 * to newer calls, as an older kernel or a container does. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proc/host/probe.h"
#include "tests/lib/tcase.h"

static struct host_probe probe;
static char text[512];

static void setup(void)
{
    host_probe(&probe);
}

START_TEST(names)
{
    static const char *const unknown[] = {"",          "seccom",     "landlock0",
                                          "landlock-", "landlock6x", "landlock99999"};
    for (int i = 0; i < HOST_MECHANISMS; i++) {
        ck_assert_ptr_nonnull(probe.facts[i].name);
        ck_assert(strlen(probe.facts[i].fix) > 0);
        ck_assert_int_eq(host_probe_require(&probe, probe.facts[i].name), JIT_OK);
        ck_assert(probe.facts[i].required);
    }
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        ck_assert_int_eq(host_probe_require(&probe, unknown[i]), JIT_ENOENT);
        ck_assert_int_eq(host_probe_pretend_missing(&probe, unknown[i]), JIT_ENOENT);
    }
}
END_TEST

START_TEST(each_missing_one_is_named) /* _i: the mechanism */
{
    struct host_fact *fact = &probe.facts[_i];
    for (int i = 0; i < HOST_MECHANISMS; i++) { /* whatever this machine is like */
        probe.facts[i].present = true;
    }
    probe.landlock_abi = 7;
    probe.real_root = false;
    ck_assert_int_eq(host_probe_check(&probe, text, sizeof text), JIT_OK);
    ck_assert_str_eq(text, "");
    ck_assert_int_eq(host_probe_require(&probe, fact->name), JIT_OK);
    ck_assert_int_eq(host_probe_check(&probe, text, sizeof text), JIT_OK);
    ck_assert_int_eq(host_probe_pretend_missing(&probe, fact->name), JIT_OK);
    ck_assert_int_eq(host_probe_check(&probe, text, sizeof text), JIT_ENOTSUP);
    ck_assert_ptr_nonnull(strstr(text, fact->name));
    ck_assert_ptr_nonnull(strstr(text, fact->fix));
    char cut[8];
    ck_assert_int_eq(host_probe_check(&probe, cut, sizeof cut), JIT_ENOTSUP);
    ck_assert_uint_eq(strlen(cut), sizeof cut - 1);
}
END_TEST

START_TEST(landlock_from_an_abi_on)
{
    probe.facts[HOST_LANDLOCK].present = true;
    probe.landlock_abi = 4;
    for (int i = 0; i < HOST_LANDLOCK; i++) {
        probe.facts[i].present = true;
    }
    ck_assert_int_eq(host_probe_require(&probe, "landlock4"), JIT_OK);
    ck_assert_int_eq(host_probe_check(&probe, text, sizeof text), JIT_OK);
    ck_assert_int_eq(host_probe_require(&probe, "landlock5"), JIT_OK);
    ck_assert_int_eq(host_probe_check(&probe, text, sizeof text), JIT_ENOTSUP);
    ck_assert_ptr_nonnull(strstr(text, "landlock"));
}
END_TEST

START_TEST(real_root_does_without_user_namespaces)
{
    for (int i = 0; i < HOST_MECHANISMS; i++) {
        probe.facts[i].present = i != HOST_USER_NS;
    }
    probe.landlock_abi = 1;
    probe.real_root = true;
#ifndef JIT_SANITIZED
    ck_assert_int_eq(host_probe_check(&probe, text, sizeof text), JIT_OK);
    probe.real_root = false;
    ck_assert_int_eq(host_probe_check(&probe, text, sizeof text), JIT_ENOTSUP);
    probe.real_root = true;
#endif
    ck_assert_int_eq(host_probe_require(&probe, "user-ns"), JIT_OK);
    ck_assert_int_eq(host_probe_check(&probe, text, sizeof text), JIT_ENOTSUP);
    ck_assert_ptr_nonnull(strstr(text, "user-ns"));
}
END_TEST

/* Answer ENOSYS to some calls, as a kernel does that does not have them. */
static void without(const long *numbers, unsigned count)
{
    struct sock_filter code[16] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
    unsigned at = 1;
    for (unsigned i = 0; i < count; i++) {
        code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)numbers[i],
                                                  (uint8_t)(count - i), 0);
    }
    code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
    const struct sock_fprog program = {(unsigned short)at, code};
    ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    ck_assert_int_eq((int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program), 0);
}

START_TEST(older_kernel)
{
    static const long newer[] = {462 /* mseal */, SYS_landlock_create_ruleset};
    without(newer, 2);
    host_probe(&probe);
    ck_assert(!probe.facts[HOST_MSEAL].present);
    ck_assert(!probe.facts[HOST_LANDLOCK].present);
    ck_assert_int_eq(probe.facts[HOST_LANDLOCK].os_errno, ENOSYS);
    ck_assert(!probe.facts[HOST_LANDLOCK_SCOPE].present);
    ck_assert_int_eq(probe.landlock_abi, 0);
    ck_assert_ptr_null(strstr(probe.grade, "mseal"));
    ck_assert_ptr_null(strstr(probe.grade, "landlock"));
    ck_assert_int_eq(host_probe_require(&probe, "landlock"), JIT_OK);
    ck_assert_int_eq(host_probe_check(&probe, text, sizeof text), JIT_ENOTSUP);
}
END_TEST

START_TEST(container_without_clone3)
{
    static const long newer[] = {SYS_clone3};
    without(newer, 1);
    host_probe(&probe);
    ck_assert(!probe.facts[HOST_USER_NS].present);
    ck_assert_int_eq(probe.facts[HOST_USER_NS].os_errno, ENOSYS);
    ck_assert(!probe.real_root);
    ck_assert_int_eq(host_probe_require(&probe, "user-ns"), JIT_OK);
    ck_assert_int_eq(host_probe_check(&probe, text, sizeof text), JIT_ENOTSUP);
    ck_assert_ptr_nonnull(strstr(text, "user-ns"));
    ck_assert_ptr_nonnull(strstr(text, "clone3"));
}
END_TEST

/* The trial's child is killed in the middle: what it did not come to is missing, not unknown. */
START_TEST(trial_that_dies)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_landlock_create_ruleset, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {4, code};
    ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    ck_assert_int_eq((int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program), 0);
    host_probe(&probe);
    ck_assert(probe.facts[HOST_CLOSE_RANGE].present);
    ck_assert(!probe.facts[HOST_LANDLOCK].present);
    ck_assert(!probe.facts[HOST_SECCOMP].present);
    ck_assert(strlen(probe.facts[HOST_SECCOMP].detail) > 0);
}
END_TEST

START_TEST(report)
{
    char *table = NULL;
    char *lines = NULL;
    size_t size = 0;
    ck_assert_int_eq(host_probe_pretend_missing(&probe, "mdwe"), JIT_OK);
    FILE *file = open_memstream(&table, &size);
    host_probe_print(&probe, file, false);
    (void)fclose(file);
    file = open_memstream(&lines, &size);
    host_probe_print(&probe, file, true);
    (void)fclose(file);
    unsigned count = 0;
    for (const char *at = lines; *at != '\0'; at = strchr(at, '\n') + 1) {
        count++;
        ck_assert_int_eq(*at, '{');
        ck_assert_int_eq(strchr(at, '\n')[-1], '}');
    }
    ck_assert_uint_eq(count, HOST_MECHANISMS + 1);
    ck_assert_ptr_null(strchr(lines, '\\'));
    ck_assert_ptr_nonnull(strstr(lines, "{\"mechanism\":\"mdwe\",\"required\":false,\"present\":"
                                        "false,\"detail\":\"taken away for a test\""));
    ck_assert_ptr_nonnull(strstr(lines, probe.grade));
    for (int i = 0; i < HOST_MECHANISMS; i++) {
        ck_assert_ptr_nonnull(strstr(table, probe.facts[i].name));
        if (!probe.facts[i].present) {
            ck_assert_ptr_nonnull(strstr(table, probe.facts[i].fix));
        }
    }
    free(table);
    free(lines);
}
END_TEST

static void fill(Suite *suite)
{
    TCase *tcase = test_case(suite, "probe", 30);
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, names);
    tcase_add_loop_test(tcase, each_missing_one_is_named, 0, HOST_MECHANISMS);
    tcase_add_test(tcase, landlock_from_an_abi_on);
    tcase_add_test(tcase, real_root_does_without_user_namespaces);
    tcase_add_test(tcase, older_kernel);
    tcase_add_test(tcase, container_without_clone3);
    tcase_add_test(tcase, trial_that_dies);
    tcase_add_test(tcase, report);
}

TEST_MAIN("probe", fill)
