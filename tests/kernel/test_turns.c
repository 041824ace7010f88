/* Goal:   a worker that rings its bell without need stands still while others work, goes on when
 * they are done, and is like everybody else again once it has made up for it; one that rings with
 * reason never stands still. Method: a process of our own in place of the worker, whose standing
 * still and going on the operating system tells us. */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/worker.h"
#include "tests/lib/tcase.h"

static struct shell_worker worker;

static void setup(void)
{
    shell_worker_init(&worker);
    worker.child.pid = fork();
    ck_assert_int_ge(worker.child.pid, 0);
    if (worker.child.pid == 0) {
        for (;;) {
            (void)pause();
        }
    }
    worker.child.pidfd = (int)syscall(SYS_pidfd_open, worker.child.pid, 0);
    ck_assert_int_ge(worker.child.pidfd, 0);
    worker.alive = true;
}

static void teardown(void)
{
    struct host_exit how;
    shell_worker_kill(&worker);
    ck_assert_int_eq(shell_worker_reap(&worker, true, &how), JIT_OK); /* also of one held */
    ck_assert(how.killed);
    shell_worker_release(&worker);
}

/* It has just stood still, or gone on. */
static void expect(int code)
{
    siginfo_t info = {.si_pid = 0};
    ck_assert_int_eq(waitid(P_PID, (id_t)worker.child.pid, &info, WSTOPPED | WCONTINUED), 0);
    ck_assert_int_eq(info.si_code, code);
}

static void expect_nothing(void)
{
    siginfo_t info = {.si_pid = 0};
    ck_assert_int_eq(waitid(P_PID, (id_t)worker.child.pid, &info, WSTOPPED | WCONTINUED | WNOHANG),
                     0);
    ck_assert_int_eq(info.si_pid, 0);
}

static void flood(void)
{
    shell_worker_heed(&worker, SHELL_RINGS_MAX + SHELL_RINGS_A_LOOK);
    ck_assert(worker.flooding);
    ck_assert_int_eq(sched_getscheduler(worker.child.pid), SCHED_IDLE);
}

/* How many looks, each at one ring, until it is believed again. */
static unsigned make_up(void)
{
    unsigned looks = 0;
    while (worker.flooding) {
        ck_assert_uint_lt(looks, SHELL_RINGS_MAX << (SHELL_FLOODS_MAX + 1));
        shell_worker_heed(&worker, 1);
        looks++;
    }
    return looks;
}

START_TEST(its_turn_is_the_last)
{
    flood();
    shell_worker_turn(&worker, true, true, 1);
    expect(CLD_STOPPED);
    shell_worker_turn(&worker, true, true, 1); /* said once */
    expect_nothing();
    shell_worker_turn(&worker, true, false, 1);
    expect(CLD_CONTINUED);
    shell_worker_turn(&worker, true, false, 1);
    expect_nothing();
    shell_worker_turn(&worker, false, false, 1); /* it is done */
    expect(CLD_STOPPED);
}
END_TEST

START_TEST(who_rings_with_reason_goes_on)
{
    for (unsigned i = 0; i < 100000; i++) {
        shell_worker_heed(&worker, i % 2 == 0 ? SHELL_RINGS_A_LOOK : 1);
        shell_worker_turn(&worker, i % 3 == 0, i % 2 == 0, 1);
        ck_assert(!worker.held);
    }
    expect_nothing();
}
END_TEST

/* Each time takes longer to make up for, up to a bound; then it goes on at once. */
START_TEST(it_makes_up_for_it)
{
    unsigned last = 0;
    for (unsigned k = 0; k < SHELL_FLOODS_MAX + 2; k++) {
        flood();
        shell_worker_turn(&worker, true, true, 1);
        expect(CLD_STOPPED);
        unsigned looks = make_up();
        ck_assert_uint_ge(looks, last);
        ck_assert(k == 0 || k > SHELL_FLOODS_MAX || looks > last);
        last = looks;
        shell_worker_turn(&worker, true, true, 1);
        expect(CLD_CONTINUED);
    }
}
END_TEST

/* However much it rings, what it has to make up for is bounded, and no sum wraps. */
START_TEST(a_flood_without_end)
{
    flood();
    for (unsigned i = 0; i < 10000; i++) {
        shell_worker_heed(&worker, UINT32_MAX);
        ck_assert(worker.flooding);
        ck_assert_uint_le(worker.needless, SHELL_RINGS_MAX << SHELL_FLOODS_MAX);
    }
    ck_assert_uint_gt(make_up(), 0);
}
END_TEST

/* Two who help each other: as soon as one has flooded, and so waits, the other works for a while,
 * floods in its turn, and lets the first make up for it. Its own time is not forgotten for that. */
START_TEST(waiting_is_not_counted_and_nothing_else_forgotten)
{
    uint64_t now = 1000;
    uint64_t own = 0;
    shell_worker_begin(&worker, now);
    for (unsigned k = 0; k < 50; k++) {
        flood();
        shell_worker_turn(&worker, true, true, now);
        ck_assert_uint_eq(shell_worker_time(&worker, now + 3), own);
        now += 700;
        ck_assert_uint_eq(shell_worker_time(&worker, now), own);
        shell_worker_turn(&worker, true, true, now);
        now += 300;
        shell_worker_turn(&worker, true, false, now); /* the other floods */
        ck_assert_uint_eq(shell_worker_time(&worker, now), own);
        make_up();
        now += 10 + k;
        own += 10 + k;
        ck_assert_uint_eq(shell_worker_time(&worker, now), own);
    }
    /* Its next tick may begin before it has been let go on. */
    flood();
    shell_worker_turn(&worker, true, true, now);
    shell_worker_begin(&worker, now + 500);
    ck_assert_uint_eq(shell_worker_time(&worker, now + 900), 0);
    shell_worker_turn(&worker, true, false, now + 900);
    ck_assert_uint_eq(shell_worker_time(&worker, now + 907), 7);
}
END_TEST

START_TEST(the_dead_are_left_alone)
{
    flood();
    worker.alive = false;
    shell_worker_heed(&worker, UINT32_MAX);
    shell_worker_turn(&worker, true, true, 1);
    worker.alive = true;
    expect_nothing();
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "turns", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, its_turn_is_the_last);
    tcase_add_test(t, who_rings_with_reason_goes_on);
    tcase_add_test(t, it_makes_up_for_it);
    tcase_add_test(t, a_flood_without_end);
    tcase_add_test(t, waiting_is_not_counted_and_nothing_else_forgotten);
    tcase_add_test(t, the_dead_are_left_alone);
}

TEST_MAIN("turns", suite)
