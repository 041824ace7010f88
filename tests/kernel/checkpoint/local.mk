# Tests of kernel/checkpoint: checkpoints and data folders.
# Checkpoints, the log from a mark, the head.
check_PROGRAMS += %D%/test_checkpoint
%C%_test_checkpoint_SOURCES = %D%/checkpoint_world.h %D%/test_checkpoint.c
%C%_test_checkpoint_CFLAGS = $(test_cflags)
%C%_test_checkpoint_LDADD = tests/libtest.la kernel/libkernel.la kernel/core/libcore.la \
	syscall/libsyscall.la rmg/librmg.la base/libsign.la base/libbase.la $(CHECK_LIBS)
check_PROGRAMS += %D%/test_checkpoint_image
%C%_test_checkpoint_image_SOURCES = %D%/checkpoint_world.h %D%/test_checkpoint_image.c
%C%_test_checkpoint_image_CFLAGS = $(test_cflags)
%C%_test_checkpoint_image_LDADD = $(tests_kernel_checkpoint_test_checkpoint_LDADD)
# What processes have beside the state: in records, in the core, in checkpoints.
check_PROGRAMS += %D%/test_beside
%C%_test_beside_SOURCES = %D%/checkpoint_world.h %D%/test_beside.c tests/lib/sim_kernel.c \
	tests/lib/sim_kernel.h tools/client/run/genesis.c tools/client/run/genesis.h
%C%_test_beside_CFLAGS = $(test_cflags)
%C%_test_beside_LDADD = kernel/libkernel.la tests/libsim.la tests/libtest.la proc/guest/libguest.la \
	kernel/core/libcore.la syscall/libsyscall.la rmg/librmg.la base/libsign.la base/libbase.la \
	$(CHECK_LIBS)
# A whole data folder while it changes.
check_PROGRAMS += %D%/test_history
%C%_test_history_SOURCES = %D%/test_history.c tests/lib/sim_kernel.c tests/lib/sim_kernel.h \
	tools/client/run/genesis.c tools/client/run/genesis.h
%C%_test_history_CFLAGS = $(test_cflags)
%C%_test_history_LDADD = tests/libsim.la tests/libtest.la proc/guest/libguest.la \
	kernel/libkernel.la kernel/core/libcore.la proc/host/libhost.la syscall/libsyscall.la \
	rmg/librmg.la base/libsign.la base/libbase.la $(CHECK_LIBS)
