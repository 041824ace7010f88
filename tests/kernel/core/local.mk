# Tests of kernel/core: the core, with workers as coroutines.
check_PROGRAMS += %D%/test_image
%C%_test_image_CFLAGS = $(test_cflags)
%C%_test_image_LDADD = tests/libtest.la kernel/core/libcore.la syscall/libsyscall.la rmg/librmg.la \
	base/libbase.la $(CHECK_LIBS)
# The core with workers as coroutines.
check_PROGRAMS += %D%/test_modes
%C%_test_modes_SOURCES = %D%/test_modes.c %D%/sim_bed.h tests/lib/sim_kernel.c tests/lib/sim_kernel.h \
	tools/client/run/genesis.c tools/client/run/genesis.h
%C%_test_modes_CFLAGS = $(test_cflags)
%C%_test_modes_LDADD = kernel/libkernel.la tests/libsim.la tests/libtest.la proc/guest/libguest.la \
	kernel/core/libcore.la syscall/libsyscall.la rmg/librmg.la base/libbase.la $(CHECK_LIBS)
check_PROGRAMS += %D%/test_delay %D%/test_entry %D%/test_keep %D%/test_retry
%C%_test_keep_SOURCES = %D%/test_keep.c %D%/sim_bed.h tests/lib/sim_kernel.c tests/lib/sim_kernel.h \
	tools/client/run/genesis.c tools/client/run/genesis.h
%C%_test_keep_CFLAGS = $(test_cflags)
%C%_test_keep_LDADD = $(%C%_test_retry_LDADD)
%C%_test_entry_SOURCES = %D%/test_entry.c %D%/sim_bed.h %D%/sim_records.h tests/lib/sim_kernel.c tests/lib/sim_kernel.h \
	tools/client/run/genesis.c tools/client/run/genesis.h
%C%_test_entry_CFLAGS = $(test_cflags)
%C%_test_entry_LDADD = $(%C%_test_retry_LDADD)
%C%_test_delay_SOURCES = %D%/test_delay.c %D%/sim_bed.h %D%/sim_records.h %D%/waiting_laws.h tests/lib/sim_kernel.c tests/lib/sim_kernel.h \
	tools/client/run/genesis.c tools/client/run/genesis.h
%C%_test_delay_CFLAGS = $(test_cflags)
%C%_test_delay_LDADD = $(%C%_test_retry_LDADD)
%C%_test_retry_SOURCES = %D%/test_retry.c %D%/sim_bed.h %D%/sim_records.h %D%/waiting_laws.h tests/lib/sim_kernel.c tests/lib/sim_kernel.h \
	tools/client/run/genesis.c tools/client/run/genesis.h
%C%_test_retry_CFLAGS = $(test_cflags)
%C%_test_retry_LDADD = kernel/libkernel.la tests/libsim.la tests/libtest.la proc/guest/libguest.la \
	kernel/core/libcore.la syscall/libsyscall.la rmg/librmg.la base/libbase.la $(CHECK_LIBS)
sim_hands_sources = %D%/sim_hands.c %D%/sim_hands.h
check_PROGRAMS += %D%/test_core %D%/test_caps %D%/test_caps_bounds %D%/test_graph_memory %D%/test_owners %D%/test_quota
%C%_test_quota_SOURCES = %D%/test_quota.c %D%/hands.h %D%/owner_laws.h $(sim_hands_sources) tests/lib/sim_kernel.c tests/lib/sim_kernel.h \
	tools/client/run/genesis.c tools/client/run/genesis.h
%C%_test_quota_CFLAGS = $(test_cflags)
%C%_test_quota_LDADD = $(tests_kernel_core_test_core_LDADD)
%C%_test_owners_SOURCES = %D%/test_owners.c %D%/hands.h %D%/owner_laws.h $(sim_hands_sources) tests/lib/sim_kernel.c tests/lib/sim_kernel.h \
	tools/client/run/genesis.c tools/client/run/genesis.h
%C%_test_owners_CFLAGS = $(test_cflags)
%C%_test_owners_LDADD = $(tests_kernel_core_test_core_LDADD)
check_PROGRAMS += %D%/test_inside %D%/test_inside_retry
%C%_test_inside_SOURCES = %D%/test_inside.c %D%/hands.h %D%/owner_laws.h $(sim_hands_sources) tests/lib/sim_kernel.c tests/lib/sim_kernel.h \
	tools/client/run/genesis.c tools/client/run/genesis.h
%C%_test_inside_CFLAGS = $(test_cflags)
%C%_test_inside_LDADD = $(tests_kernel_core_test_core_LDADD)
%C%_test_inside_retry_SOURCES = %D%/test_inside_retry.c %D%/sim_bed.h %D%/sim_records.h %D%/waiting_laws.h \
	tests/lib/sim_kernel.c tests/lib/sim_kernel.h tools/client/run/genesis.c tools/client/run/genesis.h
%C%_test_inside_retry_CFLAGS = $(test_cflags)
%C%_test_inside_retry_LDADD = $(%C%_test_retry_LDADD)
check_PROGRAMS += %D%/test_intents
%C%_test_intents_SOURCES = %D%/test_intents.c %D%/hands.h %D%/owner_laws.h $(sim_hands_sources) tests/lib/sim_kernel.c tests/lib/sim_kernel.h \
	tools/client/run/genesis.c tools/client/run/genesis.h
%C%_test_intents_CFLAGS = $(test_cflags)
%C%_test_intents_LDADD = $(tests_kernel_core_test_core_LDADD)
%C%_test_caps_SOURCES = %D%/test_caps.c %D%/hands.h %D%/owner_laws.h $(sim_hands_sources) tests/lib/sim_kernel.c tests/lib/sim_kernel.h \
	tools/client/run/genesis.c tools/client/run/genesis.h
%C%_test_caps_CFLAGS = $(test_cflags)
%C%_test_caps_LDADD = $(tests_kernel_core_test_core_LDADD)
%C%_test_caps_bounds_SOURCES = %D%/test_caps_bounds.c %D%/hands.h %D%/owner_laws.h $(sim_hands_sources) tests/lib/sim_kernel.c tests/lib/sim_kernel.h \
	tools/client/run/genesis.c tools/client/run/genesis.h
%C%_test_caps_bounds_CFLAGS = $(test_cflags)
%C%_test_caps_bounds_LDADD = $(tests_kernel_core_test_core_LDADD)
%C%_test_graph_memory_SOURCES = %D%/test_graph_memory.c %D%/sim_bed.h tests/lib/sim_kernel.c tests/lib/sim_kernel.h \
	tools/client/run/genesis.c tools/client/run/genesis.h
%C%_test_graph_memory_CFLAGS = $(test_cflags)
%C%_test_graph_memory_LDADD = $(tests_kernel_core_test_core_LDADD)
%C%_test_core_SOURCES = %D%/test_core.c %D%/sim_bed.h tests/lib/sim_kernel.c tests/lib/sim_kernel.h \
	tools/client/run/genesis.c tools/client/run/genesis.h
%C%_test_core_CFLAGS = $(test_cflags)
%C%_test_core_LDADD = tests/libsim.la tests/libtest.la proc/guest/libguest.la \
	kernel/core/libcore.la syscall/libsyscall.la rmg/librmg.la base/libbase.la $(CHECK_LIBS)
check_PROGRAMS += %D%/test_flood
%C%_test_flood_SOURCES = %D%/test_flood.c $(sim_hands_sources) tests/lib/sim_kernel.c tests/lib/sim_kernel.h \
	tools/client/run/genesis.c tools/client/run/genesis.h
%C%_test_flood_CFLAGS = $(test_cflags)
%C%_test_flood_LDADD = $(tests_kernel_core_test_core_LDADD)
check_PROGRAMS += %D%/test_policy
%C%_test_policy_SOURCES = %D%/test_policy.c %D%/sim_bed.h tests/lib/sim_kernel.c tests/lib/sim_kernel.h \
	tools/client/run/genesis.c tools/client/run/genesis.h
%C%_test_policy_CFLAGS = $(test_cflags)
%C%_test_policy_LDADD = $(tests_kernel_core_test_core_LDADD)
# The root graph: written, read back.
check_PROGRAMS += %D%/test_root
%C%_test_root_SOURCES = %D%/test_root.c tools/client/run/genesis.c tools/client/run/genesis.h
%C%_test_root_CFLAGS = $(test_cflags)
%C%_test_root_LDADD = tests/libtest.la kernel/core/libcore.la syscall/libsyscall.la rmg/librmg.la \
	base/libbase.la $(CHECK_LIBS)
