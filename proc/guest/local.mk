# proc/guest: what runs inside a worker. -fPIE: it is linked into static-pie programs.
noinst_LTLIBRARIES += %D%/libguest.la
%C%_libguest_la_SOURCES = \
	%D%/explore.c %D%/explore.h %D%/lockdown.c %D%/lockdown.h %D%/loop.c %D%/loop.h %D%/nest.c %D%/nest.h %D%/space.c \
	%D%/space.h %D%/space_priv.h %D%/space_rules.c %D%/wait.c %D%/wait.h
%C%_libguest_la_CFLAGS = $(AM_CFLAGS) -fPIE

# libjitos: what a worker that is a program of its own is linked with, all in one archive, and the
# header it includes. Those that one includes are librmg's.
lib_LTLIBRARIES += %D%/libjitos.la
%C%_libjitos_la_SOURCES = %D%/jitos.c %D%/jitos.h %D%/jitos_branch.c %D%/jitos_priv.h %D%/jitos_space.c
%C%_libjitos_la_CFLAGS = $(AM_CFLAGS) -fPIE
%C%_libjitos_la_LIBADD = \
	%D%/libguest.la sws/libsws.la syscall/libsyscall.la rmg/librmg.la base/libbase.la
libjitosincludedir = $(includedir)/libjitos
libjitosinclude_HEADERS = %D%/jitos.h
pkgconfig_DATA += %D%/libjitos.pc

# The program of a worker that runs rules; jitosd starts it from a sealed copy.
pkglibexec_PROGRAMS = %D%/jitos-loader
%C%_jitos_loader_SOURCES = %D%/main.c
%C%_jitos_loader_CFLAGS = $(AM_CFLAGS) -fPIE
%C%_jitos_loader_LDADD = \
	%D%/libguest.la sws/libsws.la syscall/libsyscall.la rmg/librmg.la base/libbase.la
if !SANITIZED
%C%_jitos_loader_LDFLAGS = $(AM_LDFLAGS) -static-pie
endif
