/* tests/lib/tcase.h - the one main() of a Check program: TEST_MAIN(suite_name, cases...) where each
 * case is a function that fills a TCase. CK_FORK=no for gdb; CK_RUN_CASE=name for one case. */
#ifndef JIT_TESTS_TCASE_H
#define JIT_TESTS_TCASE_H

#include <check.h>
#include <stdlib.h>

#define TEST_MAIN(name, fill)                                                                      \
    int main(void)                                                                                 \
    {                                                                                              \
        Suite *all_cases = suite_create(name);                                                     \
        fill(all_cases);                                                                           \
        SRunner *runner = srunner_create(all_cases);                                               \
        srunner_run_all(runner, CK_ENV);                                                           \
        int failed = srunner_ntests_failed(runner);                                                \
        srunner_free(runner);                                                                      \
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;                                          \
    }

/* A number by which a longer job goes further than make check does; `otherwise`: it is not set. */
static inline unsigned test_number(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);
    return text == NULL ? otherwise : (unsigned)strtoul(text, NULL, 10);
}

static inline TCase *test_case(Suite *suite, const char *name, double timeout_s)
{
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, timeout_s);
    suite_add_tcase(suite, tcase);
    return tcase;
}

#endif
