# A worker that is a program of its own; the tests run it as its users do.
noinst_PROGRAMS += %D%/ants
%C%_ants_SOURCES = %D%/ants.c
%C%_ants_CPPFLAGS = -I$(top_srcdir)/proc/guest -I$(top_srcdir)
%C%_ants_CFLAGS = $(AM_CFLAGS) -fPIE
%C%_ants_LDADD = proc/guest/libjitos.la
if !SANITIZED
%C%_ants_LDFLAGS = $(AM_LDFLAGS) -static-pie
endif
nobase_dist_pkgdata_DATA += examples/native/ants.jitos examples/native/ants.c \
	examples/native/ants.csv examples/native/cells.csv examples/native/edges.csv
