# A test links its layer and those below; its one .c file is the default source. One fragment a folder.
check_LTLIBRARIES += %D%/libtest.la
%C%_libtest_la_SOURCES = %D%/lib/coroutine.c %D%/lib/coroutine.h %D%/lib/fault_heap.c \
	%D%/lib/fault_heap.h %D%/lib/must.h %D%/lib/named.h %D%/lib/naive_forms.c %D%/lib/naive_forms.h %D%/lib/naive_root.c \
	%D%/lib/naive_root.h %D%/lib/plain.c %D%/lib/plain.h %D%/lib/tcase.h \
	%D%/lib/world.c %D%/lib/world.h
# The engine's bed and the rules that tests below the language use.
%C%_libtest_la_SOURCES += %D%/lib/bed.c %D%/lib/bed.h %D%/lib/cell_rules.h \
	%D%/lib/sample_rules.c %D%/lib/sample_rules.h
# Rules made by hand, and random ones with a judge.
%C%_libtest_la_SOURCES += %D%/lib/rule_kit.c %D%/lib/rule_kit.h \
	%D%/lib/rule_model.c %D%/lib/rule_near.c %D%/lib/rule_model.h %D%/lib/trial.c %D%/lib/trial.h
# Storage with crash semantics.
%C%_libtest_la_SOURCES += %D%/lib/sim_crash.c %D%/lib/sim_disk.c %D%/lib/sim_disk.h \
	%D%/lib/sim_disk_priv.h
%C%_libtest_la_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)

# Workers as coroutines: proc/guest over the real ring.
check_LTLIBRARIES += %D%/libsim.la
%C%_libsim_la_SOURCES = %D%/lib/sim_worker.c %D%/lib/sim_worker.h
%C%_libsim_la_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_libs_sim = tests/libsim.la tests/libtest.la proc/guest/libguest.la syscall/libsyscall.la \
	rmg/librmg.la base/libbase.la $(CHECK_LIBS)

# What is preloaded into a program to refuse it memory: shared, which no installed library is here.
check_LTLIBRARIES += %D%/refuse.la
%C%_refuse_la_SOURCES = %D%/lib/refuse.c %D%/lib/refuse.h
%C%_refuse_la_LIBTOOLFLAGS =
%C%_refuse_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -rpath $(abs_builddir)

test_cflags = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_libs_base = tests/libtest.la base/libbase.la $(CHECK_LIBS)
test_libs_rmg = tests/libtest.la rmg/librmg.la base/libbase.la $(CHECK_LIBS)

include $(srcdir)/tests/build/local.mk
include $(srcdir)/tests/base/local.mk
include $(srcdir)/tests/rmg/local.mk
include $(srcdir)/tests/librmg/local.mk
include $(srcdir)/tests/sws/local.mk
include $(srcdir)/tests/syscall/local.mk
include $(srcdir)/tests/proc/local.mk
include $(srcdir)/tests/kernel/local.mk
include $(srcdir)/tests/sim/local.mk
include $(srcdir)/tests/longer/local.mk
include $(srcdir)/tests/tools/local.mk
include $(srcdir)/tests/bench/local.mk
