/* Goal:   the compiled filters are the lists of SANDBOX 2.1 "The filters", argument
 * by argument. Method: run the program itself over a table of calls, and all over every call number
 * there is; tests/proc/test_spawn.c tries the same in a real worker. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/futex.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "proc/host/filter.h"
#include "tests/lib/tcase.h"

#ifdef __x86_64__
#define ARCH       AUDIT_ARCH_X86_64
#define OTHER_ARCH AUDIT_ARCH_I386
#else
#define ARCH       AUDIT_ARCH_AARCH64
#define OTHER_ARCH AUDIT_ARCH_ARM
#endif
#define KILL        SECCOMP_RET_KILL_PROCESS
#define ALLOW       SECCOMP_RET_ALLOW
#define ANSWER(err) (SECCOMP_RET_ERRNO | (err))
#define NUMBERS     1024

static struct host_filter final_filter, start_filter, native_filter;

static void setup(void)
{
    ck_assert_int_eq(host_filter_build(HOST_FILTER_FINAL, &final_filter), JIT_OK);
    ck_assert_int_eq(host_filter_build(HOST_FILTER_START, &start_filter), JIT_OK);
    ck_assert_int_eq(host_filter_build(HOST_FILTER_NATIVE, &native_filter), JIT_OK);
}

/* The part of classic BPF that libseccomp uses. */
static uint32_t run(const struct host_filter *filter, const struct seccomp_data *data)
{
    uint32_t a = 0;
    for (uint32_t pc = 0; pc < filter->count; pc++) {
        const struct sock_filter *op = &filter->code[pc];
        switch (op->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            ck_assert_uint_le(op->k, sizeof *data - 4);
            memcpy(&a, (const uint8_t *)data + op->k, 4);
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= op->k;
            break;
        case BPF_JMP | BPF_JA:
            pc += op->k;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            pc += a == op->k ? op->jt : op->jf;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            pc += a >= op->k ? op->jt : op->jf;
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            pc += a > op->k ? op->jt : op->jf;
            break;
        case BPF_RET | BPF_K:
            return op->k;
        default:
            ck_abort_msg("instruction %u: unknown code %#x", pc, op->code);
        }
    }
    ck_abort_msg("the filter ran past its end");
}

#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define HIGH 0xdeadbeef00000000ull /* in an int argument the kernel does not look at it */

static const struct {
    uint32_t final;
    uint32_t start;
    long number;
    uint64_t args[6];
} rows[] = {
    {ALLOW, ALLOW, SYS_futex, {0, FUTEX_WAIT}},
    {ALLOW, ALLOW, SYS_futex, {0, FUTEX_WAKE | FUTEX_PRIVATE_FLAG}},
    {ALLOW, ALLOW, SYS_futex, {0, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME}},
    {ALLOW, ALLOW, SYS_futex, {0, HIGH | FUTEX_WAKE_BITSET}},
    {KILL, KILL, SYS_futex, {0, FUTEX_FD}},
    {KILL, KILL, SYS_futex, {0, FUTEX_REQUEUE}},
    {KILL, KILL, SYS_futex, {0, FUTEX_CMP_REQUEUE}},
    {KILL, KILL, SYS_futex, {0, FUTEX_WAKE_OP}},
    {KILL, KILL, SYS_futex, {0, FUTEX_LOCK_PI | FUTEX_PRIVATE_FLAG}},
    {KILL, KILL, SYS_futex, {0, FUTEX_WAIT | 512}},
    {ALLOW, ALLOW, SYS_mmap, {0, 1, RW, ANON}},
    {ALLOW, ALLOW, SYS_mmap, {0, 1, PROT_NONE, ANON | MAP_NORESERVE}},
    {ALLOW, ALLOW, SYS_mmap, {0, 1, RW, ANON | MAP_STACK, (uint64_t)-1}},
    {KILL, KILL, SYS_mmap, {0, 1, RW | PROT_EXEC, ANON}},
    {KILL, KILL, SYS_mmap, {0, 1, HIGH | RW, ANON}},
    {KILL, KILL, SYS_mmap, {0, 1, RW, ANON | MAP_FIXED}},
    {KILL, KILL, SYS_mmap, {0, 1, RW, ANON | MAP_POPULATE}},
    {KILL, KILL, SYS_mmap, {0, 1, RW, MAP_SHARED | MAP_ANONYMOUS}},
    {KILL, KILL, SYS_mmap, {0, 1, RW, MAP_PRIVATE, 3}},
    {KILL, ALLOW, SYS_mmap, {0, 1, RW, MAP_SHARED, 3}},
    {KILL, ALLOW, SYS_mmap, {0, 1, RW, MAP_SHARED | MAP_NORESERVE, HIGH | 4}},
    {KILL, ALLOW, SYS_mmap, {0, 1, PROT_READ, MAP_SHARED, 5}},
    {KILL, ALLOW, SYS_mmap, {0, 1, PROT_READ, MAP_SHARED, 6}},
    {KILL, KILL, SYS_mmap, {0, 1, RW, MAP_SHARED, 5}},
    {KILL, KILL, SYS_mmap, {0, 1, RW, MAP_SHARED, 6}},
    {KILL, KILL, SYS_mmap, {0, 1, RW, MAP_SHARED, 7}},
    {KILL, KILL, SYS_mmap, {0, 1, RW | PROT_EXEC, MAP_SHARED, 3}},
    {KILL, KILL, SYS_mmap, {0, 1, RW, MAP_SHARED | MAP_FIXED, 3}},
    {ALLOW, ALLOW, SYS_mprotect, {0, 1, RW}},
    {KILL, KILL, SYS_mprotect, {0, 1, PROT_EXEC}},
    {ALLOW, ALLOW, SYS_madvise, {0, 1, MADV_DONTNEED}},
    {ALLOW, ALLOW, SYS_madvise, {0, 1, MADV_FREE}},
    {KILL, KILL, SYS_madvise, {0, 1, MADV_REMOVE}},
    {KILL, KILL, SYS_madvise, {0, 1, MADV_DONTFORK}},
    {ANSWER(ENOMEM), ANSWER(ENOMEM), SYS_mremap, {0}},
    {KILL, ANSWER(ENOSYS), SYS_prlimit64, {0}},
    {KILL, ANSWER(ENOENT), SYS_readlinkat, {0}},
    {KILL, ALLOW, SYS_write, {8}},
    {KILL, KILL, SYS_write, {2}},
    {KILL, ALLOW, SYS_newfstatat, {3, 0, 0, AT_EMPTY_PATH}},
    {KILL, KILL, SYS_newfstatat, {0xffffff9c /* AT_FDCWD */, 0, 0, 0}},
    {KILL, ALLOW, SYS_execveat, {7, (uintptr_t)host_exec_path, 0, 0, AT_EMPTY_PATH}},
    {KILL, KILL, SYS_execveat, {6, (uintptr_t)host_exec_path, 0, 0, AT_EMPTY_PATH}},
    {KILL, KILL, SYS_execveat, {7, 1 + (uintptr_t)host_exec_path, 0, 0, AT_EMPTY_PATH}},
    {KILL, KILL, SYS_execveat, {7, (uintptr_t)host_exec_path, 0, 0, 0}},
    {KILL, ALLOW, SYS_seccomp, {SECCOMP_SET_MODE_FILTER, 0}},
    {KILL, KILL, SYS_seccomp, {SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER}},
    {KILL, ALLOW, SYS_prctl, {PR_SET_DUMPABLE}},
    {KILL, KILL, SYS_prctl, {PR_SET_DUMPABLE, 1}},
    {KILL, KILL, SYS_prctl, {PR_SET_MM}},
    {KILL, ALLOW, SYS_close_range, {0}},
#ifdef __x86_64__
    {KILL, ALLOW, SYS_arch_prctl, {0x1002}},
    {KILL, ANSWER(EINVAL), SYS_arch_prctl, {0x3001}},
    {KILL, KILL, SYS_arch_prctl, {0x1001}},
    {KILL, KILL, 0x40000000 | SYS_exit_group, {0}},
#endif
};

/* What only a loader that is trusted does: look at sizes, lock itself in. */
static bool loaders_own(long number)
{
    return number == SYS_fstat || number == SYS_newfstatat || number == SYS_prctl ||
           number == SYS_seccomp || number == SYS_close_range || number == 462 /* mseal */;
}

START_TEST(row) /* _i */
{
    struct seccomp_data data = {.nr = (int)rows[_i].number, .arch = ARCH};
    for (int i = 0; i < 6; i++) {
        data.args[i] = rows[_i].args[i];
    }
    ck_assert_uint_eq(run(&final_filter, &data), rows[_i].final);
    ck_assert_uint_eq(run(&start_filter, &data), rows[_i].start);
    ck_assert_uint_eq(run(&native_filter, &data),
                      loaders_own(rows[_i].number) ? KILL : rows[_i].start);
    data.arch = OTHER_ARCH;
    ck_assert_uint_eq(run(&final_filter, &data), KILL);
    ck_assert_uint_eq(run(&start_filter, &data), KILL);
    ck_assert_uint_eq(run(&native_filter, &data), KILL);
}
END_TEST

/* Numbers whose answer does not depend on arguments, in full: nothing else may slip in. */
START_TEST(every_number)
{
    static const long always[] = {SYS_restart_syscall, SYS_exit,   SYS_exit_group,
                                  SYS_rt_sigreturn,    SYS_munmap, SYS_brk};
    static const long start_only[] = {SYS_set_tid_address, SYS_set_robust_list, 334 /* rseq */,
                                      SYS_getrandom,       SYS_fstat,           462 /* mseal */,
                                      SYS_close_range};
    for (int number = -1; number < NUMBERS; number++) {
        struct seccomp_data data = {.nr = number, .arch = ARCH};
        bool in_final = false;
        bool in_start = false;
        memset(data.args, 0xff, sizeof data.args);
        for (size_t i = 0; i < sizeof always / sizeof always[0]; i++) {
            in_final = in_final || always[i] == number;
        }
        for (size_t i = 0; i < sizeof start_only / sizeof start_only[0]; i++) {
            in_start = in_start || start_only[i] == number;
        }
        ck_assert_msg((run(&final_filter, &data) == ALLOW) == in_final, "final: %d", number);
        ck_assert_msg((run(&start_filter, &data) == ALLOW) == (in_final || in_start), "start: %d",
                      number);
        ck_assert_msg((run(&native_filter, &data) == ALLOW) ==
                          (in_final || (in_start && !loaders_own(number))),
                      "native: %d", number);
    }
}
END_TEST

static void fill(Suite *suite)
{
    TCase *tcase = test_case(suite, "filter", 20);
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_loop_test(tcase, row, 0, (int)(sizeof rows / sizeof rows[0]));
    tcase_add_test(tcase, every_number);
}

TEST_MAIN("filter", fill)
