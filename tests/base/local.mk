# Tests of base.
check_PROGRAMS += %D%/test_hash %D%/test_bytes
%C%_test_hash_CFLAGS = $(test_cflags)
%C%_test_hash_LDADD = $(test_libs_base)
%C%_test_bytes_CFLAGS = $(test_cflags)
%C%_test_bytes_LDADD = $(test_libs_base)
check_PROGRAMS += %D%/test_whole
%C%_test_whole_CFLAGS = $(test_cflags) $(SECCOMP_CFLAGS)
%C%_test_whole_LDADD = $(test_libs_base) $(SECCOMP_LIBS)
