# Tests of rmg/file.
check_PROGRAMS += %D%/test_envelope %D%/test_file %D%/test_forms %D%/test_mount %D%/test_proof \
	%D%/test_wsc
%C%_test_file_CFLAGS = $(test_cflags)
%C%_test_file_LDADD = $(test_libs_rmg)
%C%_test_forms_SOURCES = %D%/test_forms.c %D%/wsc_fixture.h
%C%_test_forms_CFLAGS = $(test_cflags)
%C%_test_forms_LDADD = $(test_libs_rmg)
%C%_test_wsc_SOURCES = %D%/test_wsc.c %D%/wsc_fixture.h %D%/wsc_bed.h
%C%_test_wsc_CFLAGS = $(test_cflags)
%C%_test_wsc_LDADD = $(test_libs_rmg)
check_PROGRAMS += %D%/test_wsc_bytes
%C%_test_wsc_bytes_SOURCES = %D%/test_wsc_bytes.c %D%/wsc_fixture.h %D%/wsc_bed.h
%C%_test_wsc_bytes_CFLAGS = $(test_cflags)
%C%_test_wsc_bytes_LDADD = $(test_libs_rmg)
%C%_test_proof_CFLAGS = $(test_cflags)
%C%_test_proof_LDADD = $(test_libs_rmg)
%C%_test_envelope_CFLAGS = $(test_cflags)
%C%_test_envelope_LDADD = tests/libtest.la rmg/librmg.la base/libsign.la base/libbase.la \
	$(CHECK_LIBS)
%C%_test_mount_SOURCES = %D%/test_mount.c %D%/mount_bed.h
%C%_test_mount_CFLAGS = $(test_cflags)
%C%_test_mount_LDADD = tests/libtest.la rmg/librmg.la base/libsign.la base/libbase.la \
	$(CHECK_LIBS)
check_PROGRAMS += %D%/test_mount_types
%C%_test_mount_types_SOURCES = %D%/test_mount_types.c %D%/mount_bed.h
%C%_test_mount_types_CFLAGS = $(test_cflags)
%C%_test_mount_types_LDADD = tests/libtest.la rmg/librmg.la base/libsign.la base/libbase.la \
	$(CHECK_LIBS)
