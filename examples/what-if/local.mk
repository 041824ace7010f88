# A worker that tries futures; the tests run it as its users do.
noinst_PROGRAMS += %D%/what_if
%C%_what_if_SOURCES = %D%/what_if.c
%C%_what_if_CPPFLAGS = -I$(top_srcdir)/proc/guest -I$(top_srcdir)
%C%_what_if_CFLAGS = $(AM_CFLAGS) -fPIE
%C%_what_if_LDADD = proc/guest/libjitos.la
if !SANITIZED
%C%_what_if_LDFLAGS = $(AM_LDFLAGS) -static-pie
endif
nobase_dist_pkgdata_DATA += examples/what-if/what-if.jitos examples/what-if/explore.jitos examples/what-if/what_if.c \
	examples/what-if/regions.csv examples/what-if/borders.csv examples/what-if/painter.csv
