# kernel: the shell: event loop, io_uring, log files, clock, worker table.
noinst_LTLIBRARIES += %D%/libkernel.la
%C%_libkernel_la_SOURCES = \
	%D%/audit.c %D%/audit.h %D%/blob.c %D%/blob.h %D%/checkpoint.c %D%/checkpoint.h %D%/checkpoint_beside.c %D%/checkpoint_format.c %D%/checkpoint_found.c \
	%D%/checkpoint_image.c %D%/checkpoint_image.h %D%/io_posix.c %D%/io_posix.h %D%/io_priv.h %D%/io_ring.c \
	%D%/io_ring.h %D%/uring.c %D%/uring.h %D%/log.c %D%/log.h %D%/log_format.c %D%/log_mutant.h %D%/log_priv.h \
	%D%/log_recover.c %D%/log_scan.c %D%/log_salvage.c %D%/log_segment.c %D%/log_trim.c
%C%_libkernel_la_CFLAGS = $(AM_CFLAGS) $(URING_CFLAGS)
%C%_libkernel_la_LIBADD = $(URING_LIBS) base/libsign.la syscall/libtoken.la

# The shell: event loop, data folder, workers, hub.
%C%_libkernel_la_SOURCES += \
	%D%/folder.c %D%/folder.h %D%/head.c %D%/head.h %D%/hub.c %D%/hub.h %D%/hub_client.c %D%/hub_client.h \
	%D%/hub_msg.c %D%/hub_msg.h %D%/hub_queue.c %D%/hub_queue.h %D%/loop.c %D%/loop.h \
	%D%/pool.c %D%/pool.h %D%/supervisor.c %D%/supervisor.h \
	%D%/supervisor_act.c %D%/supervisor_audit.c %D%/supervisor_checkpoint.c %D%/supervisor_hub.c %D%/supervisor_priv.h %D%/supervisor_token.c %D%/system.c %D%/system.h %D%/system_checkpoint.c %D%/system_edit.c \
	%D%/thread.c %D%/thread.h %D%/waiter.c %D%/waiter.h %D%/worker.c %D%/worker.h %D%/worker_graph.c
%C%_libkernel_la_CFLAGS += $(CBOR_CFLAGS)
%C%_libkernel_la_LIBADD += $(CBOR_LIBS)
EXTRA_DIST += docs/spec/audit.md docs/spec/checkpoint.md docs/spec/hub.md docs/spec/root-graph.md
