# Tests of kernel/event: threads and events.
# The engine's threads.
check_PROGRAMS += %D%/test_pool
%C%_test_pool_CFLAGS = $(test_cflags)
%C%_test_pool_LDADD = tests/libtest.la kernel/libkernel.la rmg/librmg.la base/libbase.la \
	$(CHECK_LIBS)
