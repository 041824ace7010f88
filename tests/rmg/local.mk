# Tests of rmg.
check_PROGRAMS += %D%/test_store
%C%_test_store_CFLAGS = $(test_cflags)
%C%_test_store_LDADD = $(test_libs_rmg)
