# Tests of kernel.
include $(srcdir)/tests/kernel/log/local.mk
include $(srcdir)/tests/kernel/core/local.mk
include $(srcdir)/tests/kernel/checkpoint/local.mk
include $(srcdir)/tests/kernel/event/local.mk
include $(srcdir)/tests/kernel/hub/local.mk

check_PROGRAMS += %D%/test_audit
%C%_test_audit_CFLAGS = $(test_cflags)
%C%_test_audit_LDADD = $(test_libs_log)

# The shell's parts.
check_PROGRAMS += %D%/test_shell
%C%_test_shell_CFLAGS = $(test_cflags)
%C%_test_shell_LDADD = tests/libtest.la kernel/libkernel.la base/libbase.la $(CHECK_LIBS)

# A worker that floods.
check_PROGRAMS += %D%/test_turns
%C%_test_turns_CFLAGS = $(test_cflags)
%C%_test_turns_LDADD = tests/libtest.la kernel/libkernel.la kernel/core/libcore.la \
	proc/host/libhost.la syscall/libsyscall.la sws/libsws.la rmg/librmg.la base/libbase.la \
	$(CHECK_LIBS)

# The door for guests, and all that lies behind it.
guest_bed_sources = tests/kernel/guest_bed.h tests/lib/sim_kernel.c tests/lib/sim_kernel.h tools/client/run/genesis.c \
	tools/client/run/genesis.h
guest_bed_libs = tests/libsim.la tests/libtest.la proc/guest/libguest.la kernel/libkernel.la \
	kernel/core/libcore.la proc/host/libhost.la syscall/libtoken.la syscall/libsyscall.la sws/libsws.la \
	rmg/librmg.la base/libsign.la base/libbase.la $(CHECK_LIBS)
check_PROGRAMS += %D%/test_guests
%C%_test_guests_SOURCES = %D%/test_guests.c $(guest_bed_sources)
%C%_test_guests_CFLAGS = $(test_cflags) $(CBOR_CFLAGS)
%C%_test_guests_LDADD = $(guest_bed_libs)

# A large state, read by two threads.
check_PROGRAMS += %D%/test_load
%C%_test_load_SOURCES = tests/kernel/checkpoint/checkpoint_world.h %D%/test_load.c
%C%_test_load_CFLAGS = $(test_cflags)
%C%_test_load_LDADD = $(tests_kernel_checkpoint_test_checkpoint_LDADD)

# Writes the first corpora of the fuzz targets that read what the kernel reads: after a change of a
# format, by `make fuzz-seeds`.
EXTRA_PROGRAMS += %D%/fuzz_seeds
%C%_fuzz_seeds_SOURCES = tests/kernel/checkpoint/checkpoint_world.h %D%/fuzz_seeds.c
%C%_fuzz_seeds_CFLAGS = $(test_cflags) $(CBOR_CFLAGS)
%C%_fuzz_seeds_LDADD = tests/libtest.la sws/libsws.la kernel/libkernel.la kernel/core/libcore.la \
	syscall/libsyscall.la rmg/librmg.la base/libsign.la base/libbase.la $(CHECK_LIBS)
CLEANFILES += %D%/fuzz_seeds
fuzz-seeds: %D%/fuzz_seeds$(EXEEXT)
	top_srcdir='$(top_srcdir)' %D%/fuzz_seeds$(EXEEXT)
.PHONY: fuzz-seeds

# Every public operation, every allocation refused.
check_PROGRAMS += %D%/test_oom
%C%_test_oom_SOURCES = tests/kernel/checkpoint/checkpoint_world.h %D%/oom_collect.c %D%/oom_file.c %D%/oom_graph.c \
	%D%/oom_kernel.c %D%/oom_rows.h %D%/oom_rule.c %D%/oom_storage.c %D%/oom_world.h %D%/test_oom.c tests/lib/oom.c tests/lib/oom.h tests/lib/sim_kernel.c \
	tests/lib/sim_kernel.h tools/client/run/genesis.c tools/client/run/genesis.h librmg/calls.c librmg/files.c
%C%_test_oom_CFLAGS = $(test_cflags)
%C%_test_oom_LDADD = tests/libsim.la tests/libtest.la proc/guest/libguest.la kernel/libkernel.la \
	kernel/core/libcore.la sws/libsws.la syscall/libsyscall.la rmg/librmg.la base/libsign.la \
	base/libbase.la $(CHECK_LIBS)

