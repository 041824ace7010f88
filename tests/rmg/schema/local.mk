# Tests of rmg/schema.
check_PROGRAMS += %D%/test_schema %D%/test_schema_check
%C%_test_schema_check_CFLAGS = $(test_cflags)
%C%_test_schema_check_LDADD = $(test_libs_rmg)
%C%_test_schema_SOURCES = %D%/test_schema.c %D%/schema_bed.h
%C%_test_schema_CFLAGS = $(test_cflags)
%C%_test_schema_LDADD = $(test_libs_rmg)
check_PROGRAMS += %D%/test_schema_bad
%C%_test_schema_bad_SOURCES = %D%/test_schema_bad.c %D%/schema_bed.h
%C%_test_schema_bad_CFLAGS = $(test_cflags)
%C%_test_schema_bad_LDADD = $(test_libs_rmg)
