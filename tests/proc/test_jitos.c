/* Goal:   a call of libjitos that no program can mean ends it there by an assertion, in every
 *         build, before anything is looked at; and what lies outside of a supervisor is told.
 * Method: each public function with each pointer NULL that must not be, in a child that has to be
 *         gone by SIGABRT; the other pointers lead to bytes that nothing may touch. */
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc/guest/jitos.h"
#include "syscall/abi.h"
#include "tests/lib/tcase.h"

/* Memory that cannot be read: whoever looks at it is gone by another signal. */
static void *out_of_reach;
static struct jitos *some;

static bool visit(void *user, const struct jit_id *ids, uint32_t id_count)
{
    (void)user;
    (void)ids;
    (void)id_count;
    return true;
}

static bool find(void *user, struct rmg_native *view, struct rmg_native_match *match)
{
    (void)user;
    (void)view;
    (void)match;
    return false;
}

static enum jit_err perform(void *user, struct rmg_native *view,
                            const struct rmg_native_match *match)
{
    (void)user;
    (void)view;
    (void)match;
    return JIT_OK;
}

static const struct jitos_request without_ids = {.id_count = 1};
static const struct rmg_native_rule no_matcher = {.footprint = perform, .executor = perform};
static const struct rmg_native_rule no_footprint = {.matcher = find, .executor = perform};
static const struct rmg_native_rule no_executor = {.matcher = find, .footprint = perform};

#define TRY(call)                                                                                  \
    if (at++ == row) {                                                                             \
        call;                                                                                      \
        return true;                                                                               \
    }

/* False: there are not so many. */
static bool mistake(int row)
{
    int at = 0;
    TRY((void)!jitos_attach(NULL));
    TRY((void)jitos_info(NULL));
    TRY((void)!jitos_begin(NULL));
    TRY(jitos_done(NULL));
    TRY(jitos_view(NULL, out_of_reach, out_of_reach));
    TRY(jitos_view(some, NULL, out_of_reach));
    TRY(jitos_view(some, out_of_reach, NULL));
    TRY((void)!jitos_graph(NULL, 0, out_of_reach));
    TRY((void)!jitos_graph(some, 0, NULL));
    TRY((void)!jitos_match(NULL, 0, visit, NULL));
    TRY((void)!jitos_match(some, 0, NULL, NULL));
    TRY((void)!jitos_request(NULL, out_of_reach));
    TRY((void)!jitos_request(some, NULL));
    TRY((void)!jitos_request(some, &without_ids));
    TRY((void)!jitos_receipt(NULL, out_of_reach));
    TRY((void)!jitos_receipt(some, NULL));
    TRY((void)!jitos_count(NULL, 0));
    TRY((void)!jitos_own(NULL, 0));
    TRY((void)!jitos_own_use(NULL, out_of_reach, out_of_reach));
    TRY((void)!jitos_own_use(some, NULL, out_of_reach));
    TRY((void)!jitos_own_use(some, out_of_reach, NULL));
    TRY(jitos_own_place(NULL, out_of_reach));
    TRY(jitos_own_place(out_of_reach, NULL));
    TRY((void)jitos_place(NULL, 0));
    TRY((void)!jitos_fork(NULL, NULL, out_of_reach));
    TRY((void)!jitos_fork(some, NULL, NULL));
    TRY(jitos_drop(NULL, NULL));
    TRY((void)!jitos_look(NULL, NULL, out_of_reach, out_of_reach));
    TRY((void)!jitos_look(some, NULL, NULL, out_of_reach));
    TRY((void)!jitos_look(some, NULL, out_of_reach, NULL));
    TRY((void)!jitos_branch_match(NULL, NULL, 0, 0, visit, NULL));
    TRY((void)!jitos_branch_match(some, NULL, 0, 0, NULL, NULL));
    TRY((void)!jitos_apply(NULL, NULL, 0, out_of_reach, 1, 0, out_of_reach));
    TRY((void)!jitos_apply(some, NULL, 0, NULL, 1, 0, out_of_reach));
    TRY((void)!jitos_apply(some, NULL, 0, out_of_reach, 1, 0, NULL));
    TRY(jitos_change(NULL, NULL));
    TRY((void)!jitos_change_op(NULL, out_of_reach));
    TRY((void)!jitos_change_op(some, NULL));
    TRY((void)!jitos_change_reads(NULL, out_of_reach));
    TRY((void)!jitos_change_reads(some, NULL));
    TRY((void)!jitos_change_end(NULL));
    TRY(jitos_change_abort(NULL));
    TRY((void)!jitos_new_id(NULL, NULL, out_of_reach));
    TRY((void)!jitos_new_id(some, NULL, NULL));
    TRY((void)!jitos_collapse(NULL, NULL, false, 0, out_of_reach));
    TRY((void)!jitos_collapse(some, NULL, false, 0, NULL));
    TRY((void)!jitos_choose(NULL, out_of_reach, out_of_reach, 1));
    TRY((void)!jitos_choose(some, NULL, out_of_reach, 1));
    TRY((void)!jitos_choose(some, out_of_reach, NULL, 1));
    TRY((void)!jitos_merge(NULL, out_of_reach, 1, out_of_reach));
    TRY((void)!jitos_merge(some, NULL, 1, out_of_reach));
    TRY((void)!jitos_merge(some, out_of_reach, 1, NULL));
    TRY((void)!jitos_native(NULL, out_of_reach, 1, out_of_reach));
    TRY((void)!jitos_native(some, NULL, 1, out_of_reach));
    TRY((void)!jitos_native(some, out_of_reach, 1, NULL));
    TRY((void)!jitos_native(some, &no_matcher, 1, out_of_reach));
    TRY((void)!jitos_native(some, &no_footprint, 1, out_of_reach));
    TRY((void)!jitos_native(some, &no_executor, 1, out_of_reach));
    TRY((void)!jitos_history(NULL));
    TRY((void)!jitos_undo(NULL, 1));
    return false;
}

START_TEST(no_program_means_this)
{
    int row = 0;
    int status = 0;
    for (bool left = true; left; row++) {
        pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            const struct rlimit none = {0, 0};
            (void)setrlimit(RLIMIT_CORE, &none);
            (void)signal(SIGABRT, SIG_DFL);
            (void)freopen("/dev/null", "w", stderr);
            _exit(mistake(row) ? 1 : 0);
        }
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        left = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
        ck_assert_msg(!left || (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT),
                      "call %d: status %x", row, (unsigned)status);
    }
    ck_assert_int_eq(row - 1, 60);
}
END_TEST

/* Whatever the descriptors are that it would have been born with. */
START_TEST(not_started_by_a_supervisor)
{
    int status = 0;
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct jitos *jitos = some;
        for (int fd = SYS_FD_RING; fd <= SYS_FD_PROGRAM; fd++) {
            (void)close(fd);
        }
        const bool told = jitos_attach(&jitos) == JIT_EIO && jitos == NULL;
        _exit(told ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}
END_TEST

static void suite(Suite *s)
{
    out_of_reach = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    some = out_of_reach;
    TCase *t = test_case(s, "jitos", 60);
    tcase_add_test(t, no_program_means_this);
    tcase_add_test(t, not_started_by_a_supervisor);
}

TEST_MAIN("jitos", suite)
