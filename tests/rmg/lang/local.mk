# Tests of rmg/lang.
check_PROGRAMS += %D%/test_lang %D%/test_lang_import %D%/test_lang_limits %D%/test_lang_query \
	%D%/test_lang_run %D%/test_lang_tidy
%C%_test_lang_SOURCES = %D%/test_lang.c %D%/lang_fixture.h
%C%_test_lang_CFLAGS = $(test_cflags)
%C%_test_lang_LDADD = $(test_libs_rmg)
%C%_test_lang_limits_SOURCES = %D%/test_lang_limits.c %D%/lang_fixture.h
%C%_test_lang_limits_CFLAGS = $(test_cflags)
%C%_test_lang_limits_LDADD = $(test_libs_rmg)
%C%_test_lang_run_SOURCES = %D%/test_lang_run.c %D%/lang_fixture.h
%C%_test_lang_run_CFLAGS = $(test_cflags)
%C%_test_lang_run_LDADD = $(test_libs_rmg)
%C%_test_lang_tidy_SOURCES = %D%/test_lang_tidy.c %D%/lang_fixture.h
%C%_test_lang_tidy_CFLAGS = $(test_cflags)
%C%_test_lang_tidy_LDADD = $(test_libs_rmg)
%C%_test_lang_import_SOURCES = %D%/test_lang_import.c %D%/lang_fixture.h
%C%_test_lang_import_CFLAGS = $(test_cflags)
%C%_test_lang_import_LDADD = $(test_libs_rmg)
%C%_test_lang_query_CFLAGS = $(test_cflags)
%C%_test_lang_query_LDADD = $(test_libs_rmg)
