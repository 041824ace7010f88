# kernel/log: the log, blobs, and the disk they lie on.
kernel_libkernel_la_SOURCES += %D%/blob.c %D%/blob.h %D%/io_posix.c %D%/io_posix.h %D%/io_priv.h \
	%D%/io_ring.c %D%/io_ring.h %D%/log.c %D%/log.h %D%/log_format.c %D%/log_mutant.h \
	%D%/log_priv.h %D%/log_recover.c %D%/log_salvage.c %D%/log_scan.c %D%/log_segment.c \
	%D%/log_trim.c
