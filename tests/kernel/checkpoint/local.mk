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
# Which branch is in use.
check_PROGRAMS += %D%/test_head
%C%_test_head_SOURCES = %D%/checkpoint_world.h %D%/test_head.c tests/lib/oom.c tests/lib/oom.h
%C%_test_head_CFLAGS = $(test_cflags)
%C%_test_head_LDADD = $(tests_kernel_checkpoint_test_checkpoint_LDADD)
# What processes have beside the state: in records, in the core, in checkpoints.
check_PROGRAMS += %D%/test_beside
%C%_test_beside_SOURCES = %D%/beside_world.h %D%/checkpoint_world.h %D%/test_beside.c tests/lib/sim_kernel.c \
	tests/lib/sim_kernel.h tools/client/run/genesis.c tools/client/run/genesis.h
%C%_test_beside_CFLAGS = $(test_cflags)
%C%_test_beside_LDADD = kernel/libkernel.la tests/libsim.la tests/libtest.la proc/guest/libguest.la \
	kernel/core/libcore.la syscall/libsyscall.la rmg/librmg.la base/libsign.la base/libbase.la \
	$(CHECK_LIBS)
# What is whole and signed, and says what no checkpoint says.
check_PROGRAMS += %D%/test_contents %D%/test_forms
forms_bed = %D%/beside_world.h %D%/checkpoint_world.h %D%/forms_bed.h
%C%_test_contents_SOURCES = $(forms_bed) %D%/test_contents.c
%C%_test_contents_CFLAGS = $(test_cflags)
%C%_test_contents_LDADD = $(tests_kernel_checkpoint_test_checkpoint_LDADD)
%C%_test_forms_SOURCES = $(forms_bed) %D%/test_forms.c
%C%_test_forms_CFLAGS = $(test_cflags)
%C%_test_forms_LDADD = $(tests_kernel_checkpoint_test_checkpoint_LDADD)
# All that disk and memory may refuse.
check_PROGRAMS += %D%/test_refusals
%C%_test_refusals_SOURCES = %D%/beside_world.h %D%/checkpoint_world.h %D%/test_refusals.c \
	tests/lib/oom.c tests/lib/oom.h
%C%_test_refusals_CFLAGS = $(test_cflags)
%C%_test_refusals_LDADD = $(tests_kernel_checkpoint_test_checkpoint_LDADD)
# A whole data folder while it changes.
check_PROGRAMS += %D%/test_history
%C%_test_history_SOURCES = %D%/test_history.c tests/lib/sim_kernel.c tests/lib/sim_kernel.h \
	tools/client/run/genesis.c tools/client/run/genesis.h
%C%_test_history_CFLAGS = $(test_cflags)
%C%_test_history_LDADD = tests/libsim.la tests/libtest.la proc/guest/libguest.la \
	kernel/libkernel.la kernel/core/libcore.la proc/host/libhost.la syscall/libsyscall.la \
	rmg/librmg.la base/libsign.la base/libbase.la $(CHECK_LIBS)
