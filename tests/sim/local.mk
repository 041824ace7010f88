# The whole system in one thread, with everything that may go wrong: a test of the first seeds, and
# jitos-sim for more of them, or for one that failed.
check_PROGRAMS += %D%/test_sim
sim_sources = %D%/universe.c %D%/universe.h %D%/laws.c %D%/laws.h tests/lib/sim_kernel.c tests/lib/sim_kernel.h \
	tools/client/run/genesis.c tools/client/run/genesis.h
sim_libs = tests/libsim.la tests/libtest.la proc/guest/libguest.la kernel/libkernel.la \
	kernel/core/libcore.la proc/host/libhost.la syscall/libsyscall.la rmg/librmg.la \
	base/libsign.la base/libbase.la $(CHECK_LIBS)
%C%_test_sim_SOURCES = %D%/test_sim.c $(sim_sources)
%C%_test_sim_CFLAGS = $(test_cflags)
%C%_test_sim_LDADD = $(sim_libs)

EXTRA_PROGRAMS += %D%/jitos-sim
%C%_jitos_sim_SOURCES = %D%/jitos_sim.c $(sim_sources)
%C%_jitos_sim_CFLAGS = $(test_cflags)
%C%_jitos_sim_LDADD = $(sim_libs)
CLEANFILES += %D%/jitos-sim

# The roots of seeds, for tests/longer/determinism.sh.
EXTRA_PROGRAMS += %D%/jitos-roots
%C%_jitos_roots_SOURCES = %D%/jitos_roots.c tests/lib/sim_kernel.c tests/lib/sim_kernel.h \
	tools/client/run/genesis.c tools/client/run/genesis.h
%C%_jitos_roots_CFLAGS = $(test_cflags)
%C%_jitos_roots_LDADD = $(sim_libs)
CLEANFILES += %D%/jitos-roots

# The longer job: at least ten million crash states, each recovery from one of them stopped at each
# of its operations as well; every bit of a checkpoint, twenty thousand universes,
# what tests/syscall calls hostile, and the jobs of tests/longer.
.PHONY: night
night: tests/kernel/log/test_crash$(EXEEXT) tests/kernel/log/test_cuts$(EXEEXT) \
	tests/kernel/checkpoint/test_checkpoint$(EXEEXT) tests/kernel/checkpoint/test_history$(EXEEXT) \
	%D%/jitos-sim$(EXEEXT) hostile
	JIT_CRASH_ROUNDS=6 JIT_CRASH_DEEP=1 CK_TIMEOUT_MULTIPLIER=40 tests/kernel/log/test_crash$(EXEEXT)
	JIT_CRASH_DEEP=1 CK_TIMEOUT_MULTIPLIER=40 tests/kernel/log/test_cuts$(EXEEXT)
	JIT_CRASH_DEEP=1 CK_TIMEOUT_MULTIPLIER=40 tests/kernel/checkpoint/test_history$(EXEEXT)
	JIT_CRASH_ROUNDS=6 JIT_CRASH_DEEP=1 JIT_DAMAGE=all CK_TIMEOUT_MULTIPLIER=40 \
		tests/kernel/checkpoint/test_checkpoint$(EXEEXT)
	%D%/jitos-sim$(EXEEXT) --seed 1 --seeds 20000
	$(MAKE) $(AM_MAKEFLAGS) check-static
	$(MAKE) $(AM_MAKEFLAGS) check-tsan
	$(MAKE) $(AM_MAKEFLAGS) check-determinism SEEDS=1000
	$(MAKE) $(AM_MAKEFLAGS) check-kill-steps
	$(MAKE) $(AM_MAKEFLAGS) check-disks ROUNDS=50
	$(MAKE) $(AM_MAKEFLAGS) check-oom ROUNDS=50
	$(MAKE) $(AM_MAKEFLAGS) soak MINUTES=10
