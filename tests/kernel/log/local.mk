# Tests of kernel/log: log, blobs and disk.
test_libs_log = tests/libtest.la kernel/libkernel.la base/libbase.la $(CHECK_LIBS)
check_PROGRAMS += %D%/test_blob %D%/test_branches %D%/test_crash %D%/test_damage \
	%D%/test_folders %D%/test_io %D%/test_log %D%/test_mutants
%C%_test_branches_SOURCES = %D%/log_bed.h %D%/test_branches.c
%C%_test_branches_CFLAGS = $(test_cflags)
%C%_test_branches_LDADD = $(test_libs_log)
%C%_test_folders_SOURCES = %D%/log_bed.h %D%/test_folders.c
%C%_test_folders_CFLAGS = $(test_cflags)
%C%_test_folders_LDADD = $(test_libs_log)
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
# The log again, with its mutants compiled in (kernel/log/log_mutant.h).
%C%_test_mutants_SOURCES = %D%/log_damage.c %D%/log_damage.h %D%/log_model.c %D%/log_model.h \
	%D%/test_mutants.c %D%/works.h kernel/log/blob.c kernel/log/log.c kernel/log/log_format.c \
	kernel/log/log_recover.c kernel/log/log_scan.c kernel/log/log_segment.c
%C%_test_mutants_CPPFLAGS = $(AM_CPPFLAGS) -DJIT_LOG_MUTANTS
%C%_test_mutants_CFLAGS = $(test_cflags)
%C%_test_mutants_LDADD = tests/libtest.la base/libbase.la $(CHECK_LIBS)
# What is given up of a log.
check_PROGRAMS += %D%/test_cuts
%C%_test_cuts_SOURCES = %D%/log_bed.h %D%/test_cuts.c tests/lib/oom.c tests/lib/oom.h
%C%_test_cuts_CFLAGS = $(test_cflags)
%C%_test_cuts_LDADD = $(test_libs_log)
# The same with its mutants.
check_PROGRAMS += %D%/test_cut_mutants
%C%_test_cut_mutants_SOURCES = $(%C%_test_cuts_SOURCES) kernel/log/log_salvage.c \
	kernel/log/log_trim.c
%C%_test_cut_mutants_CPPFLAGS = $(AM_CPPFLAGS) -DJIT_LOG_MUTANTS \
	-D_ck_assert_failed=mutant_noticed
%C%_test_cut_mutants_CFLAGS = $(test_cflags)
%C%_test_cut_mutants_LDADD = $(test_libs_log)
# Failing system calls under log and checkpoints.
check_PROGRAMS += %D%/test_calls
%C%_test_calls_SOURCES = tests/kernel/checkpoint/checkpoint_world.h %D%/test_calls.c
%C%_test_calls_CFLAGS = $(test_cflags)
%C%_test_calls_LDADD = $(tests_kernel_checkpoint_test_checkpoint_LDADD)
