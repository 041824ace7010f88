# Tests of kernel/hub: the hub.
# The shell's parts.
check_PROGRAMS += %D%/test_hub_conn %D%/test_hub_guests %D%/test_hub_msg %D%/test_hub_purse
%C%_test_hub_conn_CFLAGS = $(test_cflags) $(CBOR_CFLAGS)
%C%_test_hub_conn_LDADD = tests/libtest.la kernel/libkernel.la rmg/librmg.la base/libbase.la \
	$(CHECK_LIBS)
%C%_test_hub_guests_CFLAGS = $(test_cflags) $(CBOR_CFLAGS)
%C%_test_hub_guests_LDADD = tests/libtest.la kernel/libkernel.la rmg/librmg.la base/libbase.la \
	$(CHECK_LIBS)
%C%_test_hub_msg_CFLAGS = $(test_cflags) $(CBOR_CFLAGS)
%C%_test_hub_msg_LDADD = tests/libtest.la kernel/libkernel.la rmg/librmg.la base/libbase.la \
	$(CHECK_LIBS)
%C%_test_hub_purse_CFLAGS = $(test_cflags)
%C%_test_hub_purse_LDADD = tests/libtest.la kernel/libkernel.la rmg/librmg.la base/libbase.la \
	$(CHECK_LIBS)
