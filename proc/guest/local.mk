# proc/guest: what runs inside a worker. -fPIE: it is linked into static-pie programs.
noinst_LTLIBRARIES += %D%/libguest.la
%C%_libguest_la_SOURCES = %D%/lockdown.c %D%/lockdown.h
%C%_libguest_la_CFLAGS = $(AM_CFLAGS) -fPIE
