# Tests of kernel.
test_libs_log = tests/libtest.la kernel/libkernel.la base/libbase.la $(CHECK_LIBS)

check_PROGRAMS += %D%/test_blob %D%/test_crash %D%/test_damage %D%/test_io %D%/test_log \
	%D%/test_mutants
%C%_test_blob_CFLAGS = $(test_cflags)
%C%_test_blob_LDADD = $(test_libs_log)
%C%_test_io_CFLAGS = $(test_cflags)
%C%_test_io_LDADD = $(test_libs_log)
%C%_test_crash_SOURCES = %D%/log_model.c %D%/log_model.h %D%/test_crash.c %D%/works.h
%C%_test_crash_CFLAGS = $(test_cflags)
%C%_test_crash_LDADD = $(test_libs_log)
%C%_test_damage_SOURCES = %D%/log_damage.c %D%/log_damage.h %D%/log_model.c %D%/log_model.h \
	%D%/test_damage.c
%C%_test_damage_CFLAGS = $(test_cflags)
%C%_test_damage_LDADD = $(test_libs_log)
%C%_test_log_SOURCES = %D%/log_model.c %D%/log_model.h %D%/test_log.c
%C%_test_log_CFLAGS = $(test_cflags)
%C%_test_log_LDADD = $(test_libs_log)

# The log again, with its mutants compiled in (kernel/log_mutant.h).
%C%_test_mutants_SOURCES = %D%/log_damage.c %D%/log_damage.h %D%/log_model.c %D%/log_model.h \
	%D%/test_mutants.c %D%/works.h kernel/blob.c kernel/log.c kernel/log_format.c \
	kernel/log_recover.c kernel/log_scan.c kernel/log_segment.c
%C%_test_mutants_CPPFLAGS = $(AM_CPPFLAGS) -DJIT_LOG_MUTANTS
%C%_test_mutants_CFLAGS = $(test_cflags)
%C%_test_mutants_LDADD = tests/libtest.la base/libbase.la $(CHECK_LIBS)


check_PROGRAMS += %D%/test_audit
%C%_test_audit_CFLAGS = $(test_cflags)
%C%_test_audit_LDADD = $(test_libs_log)
check_PROGRAMS += %D%/test_image
%C%_test_image_CFLAGS = $(test_cflags)
%C%_test_image_LDADD = tests/libtest.la kernel/core/libcore.la syscall/libsyscall.la rmg/librmg.la \
	base/libbase.la $(CHECK_LIBS)

# The core with workers as coroutines.
check_PROGRAMS += %D%/test_modes
%C%_test_modes_SOURCES = %D%/test_modes.c tests/lib/sim_kernel.c tests/lib/sim_kernel.h \
	tools/genesis.c tools/genesis.h
%C%_test_modes_CFLAGS = $(test_cflags)
%C%_test_modes_LDADD = kernel/libkernel.la tests/libsim.la tests/libtest.la proc/guest/libguest.la \
	kernel/core/libcore.la syscall/libsyscall.la rmg/librmg.la base/libbase.la $(CHECK_LIBS)
check_PROGRAMS += %D%/test_delay %D%/test_retry
%C%_test_delay_SOURCES = %D%/test_delay.c %D%/sim_records.h tests/lib/sim_kernel.c tests/lib/sim_kernel.h \
	tools/genesis.c tools/genesis.h
%C%_test_delay_CFLAGS = $(test_cflags)
%C%_test_delay_LDADD = $(%C%_test_retry_LDADD)
%C%_test_retry_SOURCES = %D%/test_retry.c %D%/sim_records.h tests/lib/sim_kernel.c tests/lib/sim_kernel.h \
	tools/genesis.c tools/genesis.h
%C%_test_retry_CFLAGS = $(test_cflags)
%C%_test_retry_LDADD = kernel/libkernel.la tests/libsim.la tests/libtest.la proc/guest/libguest.la \
	kernel/core/libcore.la syscall/libsyscall.la rmg/librmg.la base/libbase.la $(CHECK_LIBS)
check_PROGRAMS += %D%/test_core %D%/test_caps %D%/test_owners
%C%_test_owners_SOURCES = %D%/test_owners.c %D%/hands.h tests/lib/sim_kernel.c tests/lib/sim_kernel.h \
	tools/genesis.c tools/genesis.h
%C%_test_owners_CFLAGS = $(test_cflags)
%C%_test_owners_LDADD = $(tests_kernel_test_core_LDADD)
%C%_test_caps_SOURCES = %D%/test_caps.c %D%/hands.h tests/lib/sim_kernel.c tests/lib/sim_kernel.h \
	tools/genesis.c tools/genesis.h
%C%_test_caps_CFLAGS = $(test_cflags)
%C%_test_caps_LDADD = $(tests_kernel_test_core_LDADD)
%C%_test_core_SOURCES = %D%/test_core.c tests/lib/sim_kernel.c tests/lib/sim_kernel.h \
	tools/genesis.c tools/genesis.h
%C%_test_core_CFLAGS = $(test_cflags)
%C%_test_core_LDADD = tests/libsim.la tests/libtest.la proc/guest/libguest.la \
	kernel/core/libcore.la syscall/libsyscall.la rmg/librmg.la base/libbase.la $(CHECK_LIBS)

check_PROGRAMS += %D%/test_flood
%C%_test_flood_SOURCES = %D%/test_flood.c tests/lib/sim_kernel.c tests/lib/sim_kernel.h \
	tools/genesis.c tools/genesis.h
%C%_test_flood_CFLAGS = $(test_cflags)
%C%_test_flood_LDADD = $(tests_kernel_test_core_LDADD)

check_PROGRAMS += %D%/test_policy
%C%_test_policy_SOURCES = %D%/test_policy.c tests/lib/sim_kernel.c tests/lib/sim_kernel.h \
	tools/genesis.c tools/genesis.h
%C%_test_policy_CFLAGS = $(test_cflags)
%C%_test_policy_LDADD = $(tests_kernel_test_core_LDADD)

# The shell's parts.
check_PROGRAMS += %D%/test_hub_conn %D%/test_hub_msg %D%/test_shell
%C%_test_hub_conn_CFLAGS = $(test_cflags) $(CBOR_CFLAGS)
%C%_test_hub_conn_LDADD = tests/libtest.la kernel/libkernel.la rmg/librmg.la base/libbase.la \
	$(CHECK_LIBS)
%C%_test_hub_msg_CFLAGS = $(test_cflags) $(CBOR_CFLAGS)
%C%_test_hub_msg_LDADD = tests/libtest.la kernel/libkernel.la rmg/librmg.la base/libbase.la \
	$(CHECK_LIBS)
%C%_test_shell_CFLAGS = $(test_cflags)
%C%_test_shell_LDADD = tests/libtest.la kernel/libkernel.la base/libbase.la $(CHECK_LIBS)

# The engine's threads.
check_PROGRAMS += %D%/test_pool
%C%_test_pool_CFLAGS = $(test_cflags)
%C%_test_pool_LDADD = tests/libtest.la kernel/libkernel.la rmg/librmg.la base/libbase.la \
	$(CHECK_LIBS)

# The root graph: written, read back.
check_PROGRAMS += %D%/test_root
%C%_test_root_SOURCES = %D%/test_root.c tools/genesis.c tools/genesis.h
%C%_test_root_CFLAGS = $(test_cflags)
%C%_test_root_LDADD = tests/libtest.la kernel/core/libcore.la syscall/libsyscall.la rmg/librmg.la \
	base/libbase.la $(CHECK_LIBS)

# Checkpoints, the log from a mark, the head.
check_PROGRAMS += %D%/test_checkpoint
%C%_test_checkpoint_SOURCES = %D%/checkpoint_world.h %D%/test_checkpoint.c
%C%_test_checkpoint_CFLAGS = $(test_cflags)
%C%_test_checkpoint_LDADD = tests/libtest.la kernel/libkernel.la kernel/core/libcore.la \
	syscall/libsyscall.la rmg/librmg.la base/libsign.la base/libbase.la $(CHECK_LIBS)
check_PROGRAMS += %D%/test_checkpoint_image
%C%_test_checkpoint_image_SOURCES = %D%/checkpoint_world.h %D%/test_checkpoint_image.c
%C%_test_checkpoint_image_CFLAGS = $(test_cflags)
%C%_test_checkpoint_image_LDADD = $(tests_kernel_test_checkpoint_LDADD)

# What processes have beside the state: in records, in the core, in checkpoints.
check_PROGRAMS += %D%/test_beside
%C%_test_beside_SOURCES = %D%/checkpoint_world.h %D%/test_beside.c tests/lib/sim_kernel.c \
	tests/lib/sim_kernel.h tools/genesis.c tools/genesis.h
%C%_test_beside_CFLAGS = $(test_cflags)
%C%_test_beside_LDADD = kernel/libkernel.la tests/libsim.la tests/libtest.la proc/guest/libguest.la \
	kernel/core/libcore.la syscall/libsyscall.la rmg/librmg.la base/libsign.la base/libbase.la \
	$(CHECK_LIBS)

# Writes the first corpora of the fuzz targets that read what the kernel reads: after a change of a
# format, by `make fuzz-seeds`.
EXTRA_PROGRAMS += %D%/fuzz_seeds
%C%_fuzz_seeds_SOURCES = %D%/checkpoint_world.h %D%/fuzz_seeds.c
%C%_fuzz_seeds_CFLAGS = $(test_cflags) $(CBOR_CFLAGS)
%C%_fuzz_seeds_LDADD = tests/libtest.la sws/libsws.la kernel/libkernel.la kernel/core/libcore.la \
	syscall/libsyscall.la rmg/librmg.la base/libsign.la base/libbase.la $(CHECK_LIBS)
CLEANFILES += %D%/fuzz_seeds
fuzz-seeds: %D%/fuzz_seeds$(EXEEXT)
	top_srcdir='$(top_srcdir)' %D%/fuzz_seeds$(EXEEXT)
.PHONY: fuzz-seeds

# Every public operation, every allocation refused.
check_PROGRAMS += %D%/test_oom
%C%_test_oom_SOURCES = %D%/checkpoint_world.h %D%/oom_graph.c %D%/oom_kernel.c %D%/oom_rows.h \
	%D%/oom_rule.c %D%/oom_storage.c %D%/test_oom.c tests/lib/oom.c tests/lib/oom.h tests/lib/sim_kernel.c \
	tests/lib/sim_kernel.h tools/genesis.c tools/genesis.h librmg/calls.c librmg/files.c
%C%_test_oom_CFLAGS = $(test_cflags)
%C%_test_oom_LDADD = tests/libsim.la tests/libtest.la proc/guest/libguest.la kernel/libkernel.la \
	kernel/core/libcore.la sws/libsws.la syscall/libsyscall.la rmg/librmg.la base/libsign.la \
	base/libbase.la $(CHECK_LIBS)

# Failing system calls under log and checkpoints.
check_PROGRAMS += %D%/test_calls
%C%_test_calls_SOURCES = %D%/checkpoint_world.h %D%/test_calls.c
%C%_test_calls_CFLAGS = $(test_cflags)
%C%_test_calls_LDADD = $(tests_kernel_test_checkpoint_LDADD)

# A whole data folder while it changes.
check_PROGRAMS += %D%/test_history
%C%_test_history_SOURCES = %D%/test_history.c tests/lib/sim_kernel.c tests/lib/sim_kernel.h \
	tools/genesis.c tools/genesis.h
%C%_test_history_CFLAGS = $(test_cflags)
%C%_test_history_LDADD = tests/libsim.la tests/libtest.la proc/guest/libguest.la \
	kernel/libkernel.la kernel/core/libcore.la proc/host/libhost.la syscall/libsyscall.la \
	rmg/librmg.la base/libsign.la base/libbase.la $(CHECK_LIBS)
