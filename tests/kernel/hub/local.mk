# Tests of kernel/hub: the hub.
hub_conn_bed = %D%/conn_bed.h %D%/hub_bed.h
hub_guests_bed = %D%/guests_bed.h %D%/hub_bed.h
hub_libs = tests/libtest.la kernel/libkernel.la rmg/librmg.la base/libbase.la $(CHECK_LIBS)
check_PROGRAMS += %D%/test_hub_conn %D%/test_hub_guests %D%/test_hub_memory %D%/test_hub_msg %D%/test_hub_places \
	%D%/test_hub_purse %D%/test_hub_told
%C%_test_hub_conn_SOURCES = %D%/test_hub_conn.c $(hub_conn_bed)
%C%_test_hub_conn_CFLAGS = $(test_cflags) $(CBOR_CFLAGS)
%C%_test_hub_conn_LDADD = $(hub_libs)
%C%_test_hub_memory_SOURCES = %D%/test_hub_memory.c $(hub_conn_bed)
%C%_test_hub_memory_CFLAGS = $(test_cflags) $(CBOR_CFLAGS)
%C%_test_hub_memory_LDADD = $(hub_libs)
%C%_test_hub_told_SOURCES = %D%/test_hub_told.c $(hub_conn_bed)
%C%_test_hub_told_CFLAGS = $(test_cflags) $(CBOR_CFLAGS)
%C%_test_hub_told_LDADD = $(hub_libs)
%C%_test_hub_guests_SOURCES = %D%/test_hub_guests.c $(hub_guests_bed)
%C%_test_hub_guests_CFLAGS = $(test_cflags) $(CBOR_CFLAGS)
%C%_test_hub_guests_LDADD = $(hub_libs)
%C%_test_hub_places_SOURCES = %D%/test_hub_places.c $(hub_guests_bed)
%C%_test_hub_places_CFLAGS = $(test_cflags) $(CBOR_CFLAGS)
%C%_test_hub_places_LDADD = $(hub_libs)
%C%_test_hub_msg_CFLAGS = $(test_cflags) $(CBOR_CFLAGS)
%C%_test_hub_msg_LDADD = $(hub_libs)
%C%_test_hub_purse_CFLAGS = $(test_cflags)
%C%_test_hub_purse_LDADD = $(hub_libs)
