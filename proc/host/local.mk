# proc/host: spawn and sandbox; knows no graph. The only user of libseccomp.
noinst_LTLIBRARIES += %D%/libhost.la
%C%_libhost_la_SOURCES = \
	%D%/cgroup.c %D%/cgroup.h %D%/elf.c %D%/elf.h %D%/fence.c %D%/fence.h %D%/filter.c %D%/filter.h %D%/filter_priv.h %D%/linux.h %D%/loader.c %D%/loader.h %D%/lockdown.c \
	%D%/lockdown_priv.h %D%/memory.c %D%/memory.h %D%/oserr_priv.h %D%/probe.c %D%/probe.h \
	%D%/pass.c %D%/pass_priv.h %D%/probe_priv.h %D%/put_priv.h %D%/probe_try.c %D%/spare.c %D%/spare_priv.h %D%/spawn.c %D%/spawn.h %D%/spawner.c %D%/spawner.h %D%/userns.c %D%/userns_priv.h
%C%_libhost_la_CFLAGS = $(AM_CFLAGS) $(SECCOMP_CFLAGS)
%C%_libhost_la_LIBADD = $(SECCOMP_LIBS)
