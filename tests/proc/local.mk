# Tests of proc.
test_libs_host = tests/libtest.la proc/host/libhost.la base/libbase.la $(CHECK_LIBS)

check_PROGRAMS += %D%/test_spawn
cage = %D%/cage.c %D%/cage.h
%C%_test_spawn_SOURCES = %D%/test_spawn.c $(cage)
%C%_test_spawn_CFLAGS = $(test_cflags)
%C%_test_spawn_LDADD = $(test_libs_host)
check_PROGRAMS += %D%/test_attacks
%C%_test_attacks_SOURCES = %D%/test_attacks.c $(cage)
%C%_test_attacks_CFLAGS = $(test_cflags)
%C%_test_attacks_LDADD = tools/selftest/libselftest.la $(test_libs_host)
check_PROGRAMS += %D%/test_spawner
%C%_test_spawner_SOURCES = %D%/test_spawner.c $(cage)
%C%_test_spawner_CFLAGS = $(test_cflags)
%C%_test_spawner_LDADD = $(test_libs_host)
check_PROGRAMS += %D%/test_cgroup
%C%_test_cgroup_CFLAGS = $(test_cflags)
%C%_test_cgroup_LDADD = $(test_libs_host)
check_PROGRAMS += %D%/test_fence
%C%_test_fence_CFLAGS = $(test_cflags)
%C%_test_fence_LDADD = $(test_libs_host)
# What its list lets through is asked for.
dist_check_SCRIPTS += %D%/test_fence_calls.sh
check_PROGRAMS += %D%/test_elf
%C%_test_elf_CFLAGS = $(test_cflags)
%C%_test_elf_LDADD = $(test_libs_host)
check_PROGRAMS += %D%/test_filter %D%/test_memory %D%/test_probe
%C%_test_filter_CFLAGS = $(test_cflags)
%C%_test_filter_LDADD = $(test_libs_host)
%C%_test_memory_CFLAGS = $(test_cflags)
%C%_test_memory_LDADD = $(test_libs_host)
%C%_test_probe_CFLAGS = $(test_cflags)
%C%_test_probe_LDADD = $(test_libs_host)

# The rules loader as a coroutine.
check_PROGRAMS += %D%/test_guest
%C%_test_guest_CFLAGS = $(test_cflags)
%C%_test_guest_LDADD = $(test_libs_sim)
# The same and the explorer, refused memory.
check_PROGRAMS += %D%/test_guest_oom
%C%_test_guest_oom_SOURCES = %D%/test_guest_oom.c tests/lib/oom.c tests/lib/oom.h tests/lib/sim_kernel.c \
	tests/lib/sim_kernel.h tools/client/run/genesis.c tools/client/run/genesis.h
%C%_test_guest_oom_CFLAGS = $(test_cflags)
%C%_test_guest_oom_LDADD = kernel/libkernel.la tests/libsim.la tests/libtest.la proc/guest/libguest.la \
	sws/libsws.la kernel/core/libcore.la syscall/libsyscall.la rmg/librmg.la base/libbase.la $(CHECK_LIBS)

# What programs call.
check_PROGRAMS += %D%/test_jitos
%C%_test_jitos_CFLAGS = $(test_cflags)
%C%_test_jitos_LDADD = proc/guest/libjitos.la $(CHECK_LIBS)

# The rules loader as a process.
check_PROGRAMS += %D%/test_loader
%C%_test_loader_CFLAGS = $(test_cflags)
%C%_test_loader_LDADD = tests/libtest.la proc/host/libhost.la syscall/libsyscall.la \
	rmg/librmg.la base/libbase.la $(CHECK_LIBS)
