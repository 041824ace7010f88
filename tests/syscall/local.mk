# Tests of syscall.
test_libs_syscall = syscall/libsyscall.la $(test_libs_base)

check_PROGRAMS += %D%/test_abi %D%/test_ring %D%/test_boot %D%/test_decode %D%/test_cap \
	%D%/test_cap_model %D%/test_hostile_ring %D%/test_narrow %D%/test_ring_threads \
	%D%/test_view
%C%_test_abi_CFLAGS = $(test_cflags)
%C%_test_abi_LDADD = $(test_libs_syscall)
%C%_test_ring_CFLAGS = $(test_cflags)
%C%_test_ring_LDADD = $(test_libs_syscall)
%C%_test_hostile_ring_CFLAGS = $(test_cflags)
%C%_test_hostile_ring_LDADD = $(test_libs_syscall)
%C%_test_boot_CFLAGS = $(test_cflags)
%C%_test_boot_LDADD = $(test_libs_syscall)
%C%_test_decode_CFLAGS = $(test_cflags)
%C%_test_decode_LDADD = $(test_libs_syscall)
%C%_test_cap_SOURCES = %D%/test_cap.c %D%/cap_bed.h
%C%_test_cap_CFLAGS = $(test_cflags)
%C%_test_cap_LDADD = $(test_libs_syscall)
check_PROGRAMS += %D%/test_cap_derive
%C%_test_cap_derive_SOURCES = %D%/test_cap_derive.c %D%/cap_bed.h
%C%_test_cap_derive_CFLAGS = $(test_cflags)
%C%_test_cap_derive_LDADD = $(test_libs_syscall)
%C%_test_cap_model_CFLAGS = $(test_cflags)
%C%_test_cap_model_LDADD = $(test_libs_syscall)
%C%_test_narrow_CFLAGS = $(test_cflags)
%C%_test_narrow_LDADD = $(test_libs_syscall)
%C%_test_ring_threads_CFLAGS = $(test_cflags)
%C%_test_ring_threads_LDADD = $(test_libs_syscall)
%C%_test_view_CFLAGS = $(test_cflags)
%C%_test_view_LDADD = $(test_libs_syscall)

check_PROGRAMS += %D%/test_token
%C%_test_token_CFLAGS = $(test_cflags)
%C%_test_token_LDADD = syscall/libtoken.la syscall/libsyscall.la base/libsign.la $(test_libs_base)
EXTRA_DIST += %D%/golden

# The longer jobs: ten million executions against the ring, ten thousand workers, every attack in every
# combination of users and layers, a thousand deaths and stops. Not part of `make check`, which does a share of each.
.PHONY: hostile
hostile: %D%/test_hostile_ring$(EXEEXT) tests/proc/test_spawner$(EXEEXT) \
	tests/proc/test_attacks$(EXEEXT) tools/selftest/jitos-attacker$(EXEEXT) all
	JIT_HOSTILE_RUNS=10000000 %D%/test_hostile_ring$(EXEEXT)
	JIT_SPAWN_CYCLES=10000 CK_TIMEOUT_MULTIPLIER=20 tests/proc/test_spawner$(EXEEXT)
	JIT_ATTACKS=all CK_TIMEOUT_MULTIPLIER=5 tests/proc/test_attacks$(EXEEXT)
	JIT_KILLS=1000 top_srcdir='$(top_srcdir)' $(top_srcdir)/tests/tools/test_kills.sh
	JIT_STOPS=1000 top_srcdir='$(top_srcdir)' $(top_srcdir)/tests/tools/test_stops.sh
	JIT_OWN_TICKS=100000 top_srcdir='$(top_srcdir)' $(top_srcdir)/tests/tools/test_branches_of_workers.sh
