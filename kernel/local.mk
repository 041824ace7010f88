# kernel: the shell: event loop, io_uring, log files, clock, worker table.
noinst_LTLIBRARIES += %D%/libkernel.la
%C%_libkernel_la_SOURCES = \
	%D%/blob.c %D%/blob.h %D%/io_posix.c %D%/io_posix.h %D%/io_priv.h %D%/io_ring.c \
	%D%/io_ring.h %D%/log.c %D%/log.h %D%/log_format.c %D%/log_mutant.h %D%/log_priv.h \
	%D%/log_recover.c %D%/log_scan.c %D%/log_segment.c
%C%_libkernel_la_CFLAGS = $(AM_CFLAGS) $(URING_CFLAGS)
%C%_libkernel_la_LIBADD = $(URING_LIBS)
