# Tests of base.
check_PROGRAMS += %D%/test_hash %D%/test_bytes
%C%_test_hash_CFLAGS = $(test_cflags)
%C%_test_hash_LDADD = $(test_libs_base)
%C%_test_bytes_CFLAGS = $(test_cflags)
%C%_test_bytes_LDADD = $(test_libs_base)
