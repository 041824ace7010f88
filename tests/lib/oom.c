#include "tests/lib/oom.h"

#include <check.h>
#include <stdio.h>

static void row_end(const struct oom_row *row, struct oom *oom, const char *when, int64_t at)
{
    row->end(oom);
    ck_assert_msg(oom->mem->live == 0, "%s, %s from %lld on: %lld blocks left", row->name, when,
                  (long long)at, (long long)oom->mem->live);
}

/* Without a refusal: the result, and how many allocations there are. */
static int64_t row_plain(const struct oom_row *row, struct jit_id *result)
{
    struct oom oom = {.mem = NULL};
    row->begin(&oom);
    oom.mem->calls = 0;
    enum jit_err err = row->run(&oom);
    int64_t calls = oom.mem->calls;
    ck_assert_msg(err == JIT_OK, "%s: %s", row->name, jit_err_name(err));
    *result = oom.result;
    row_end(row, &oom, "nothing refused", 0);
    return calls;
}

/* False: the operation has no allocation `at`. */
static bool row_refused(const struct oom_row *row, int64_t at, bool sticky,
                        const struct jit_id *result, struct oom_count *count)
{
    const char *when = sticky ? "for good" : "once";
    struct oom oom = {.mem = NULL};
    row->begin(&oom);
    oom.mem->calls = 0;
    oom.mem->refuse_at = at;
    oom.mem->sticky = sticky;
    enum jit_err err = row->run(&oom);
    bool fired = fault_heap_fired(oom.mem);
    oom.mem->refuse_at = -1;
    ck_assert_msg(err == JIT_OK || (fired && err == JIT_ENOMEM), "%s, refused %s from %lld: %s",
                  row->name, when, (long long)at, jit_err_name(err));
    if (row->whole != NULL) {
        row->whole(&oom);
    }
    count->refusals += fired;
    count->borne += fired && err == JIT_OK;
    if (err != JIT_OK && !row->spent) {
        err = row->run(&oom);
        ck_assert_msg(err == JIT_OK, "%s, refused %s from %lld, then again: %s", row->name, when,
                      (long long)at, jit_err_name(err));
    }
    ck_assert_msg(err != JIT_OK || jit_id_equal(&oom.result, result),
                  "%s, refused %s from %lld: another result", row->name, when, (long long)at);
    row_end(row, &oom, when, at);
    return fired;
}

void oom_try(const struct oom_row *row, struct oom_count *count)
{
    struct jit_id result;
    int64_t calls = row_plain(row, &result);
    ck_assert_msg((calls == 0) == row->no_heap, "%s takes memory %lld times", row->name,
                  (long long)calls);
    count->operations++;
    for (int64_t at = 0; row_refused(row, at, false, &result, count); at++) {
    }
    for (int64_t at = 0; row_refused(row, at, true, &result, count); at++) {
    }
}

/* ---- the disk ---- */

/* False: the operation makes no call `at`. */
static bool row_broken(const struct oom_row *row, uint64_t at, enum jit_err error, bool sticky,
                       const struct jit_id *result, struct oom_count *count)
{
    struct oom oom = {.mem = NULL};
    char when[80];
    row->begin(&oom);
    (void)snprintf(when, sizeof when, "%s %s from call %llu", jit_err_name(error),
                   sticky ? "for good" : "once", (unsigned long long)at);
    oom.disk->fault_fired = false;
    oom.disk->fault_at = oom.disk->calls + at;
    oom.disk->fault_err = error;
    oom.disk->fault_sticky = sticky;
    enum jit_err err = row->run(&oom);
    const bool fired = oom.disk->fault_fired;
    oom.disk->fault_err = JIT_OK;
    ck_assert_msg(err == JIT_OK || (fired && (err == error || err == JIT_EIO)), "%s, %s: %s",
                  row->name, when, jit_err_name(err));
    if (row->whole != NULL) {
        row->whole(&oom);
    }
    count->refusals += fired;
    count->borne += fired && err == JIT_OK;
    if (err != JIT_OK && !row->spent) {
        err = row->run(&oom);
        ck_assert_msg(err == JIT_OK, "%s, %s, then again: %s", row->name, when, jit_err_name(err));
    }
    ck_assert_msg(err != JIT_OK || jit_id_equal(&oom.result, result), "%s, %s: another result",
                  row->name, when);
    row_end(row, &oom, when, (int64_t)at);
    return fired;
}

void oom_try_disk(const struct oom_row *row, struct oom_count *count)
{
    static const enum jit_err errors[] = {JIT_EIO, JIT_ENOSPC};
    struct jit_id result;
    (void)row_plain(row, &result);
    count->operations++;
    for (unsigned kind = 0; kind < 4; kind++) {
        uint64_t at = 0;
        while (row_broken(row, at, errors[kind % 2], kind >= 2, &result, count)) {
            at++;
        }
        ck_assert_msg(at > 0, "%s: asks nothing of the disk", row->name);
    }
}
