# Tests of syscall.
test_libs_syscall = syscall/libsyscall.la $(test_libs_base)

check_PROGRAMS += %D%/test_abi %D%/test_ring %D%/test_boot %D%/test_decode %D%/test_cap \
	%D%/test_cap_model %D%/test_view
%C%_test_abi_CFLAGS = $(test_cflags)
%C%_test_abi_LDADD = $(test_libs_syscall)
%C%_test_ring_CFLAGS = $(test_cflags)
%C%_test_ring_LDADD = $(test_libs_syscall)
%C%_test_boot_CFLAGS = $(test_cflags)
%C%_test_boot_LDADD = $(test_libs_syscall)
%C%_test_decode_CFLAGS = $(test_cflags)
%C%_test_decode_LDADD = $(test_libs_syscall)
%C%_test_cap_CFLAGS = $(test_cflags)
%C%_test_cap_LDADD = $(test_libs_syscall)
%C%_test_cap_model_CFLAGS = $(test_cflags)
%C%_test_cap_model_LDADD = $(test_libs_syscall)
%C%_test_view_CFLAGS = $(test_cflags)
%C%_test_view_LDADD = $(test_libs_syscall)
