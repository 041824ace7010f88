# kernel: the shell: event loop, io_uring, log files, clock, worker table.
noinst_LTLIBRARIES += %D%/libkernel.la
%C%_libkernel_la_SOURCES = %D%/audit.c %D%/audit.h
%C%_libkernel_la_CFLAGS = $(AM_CFLAGS) $(URING_CFLAGS)
%C%_libkernel_la_LIBADD = $(URING_LIBS) base/libsign.la syscall/libtoken.la

# The shell: event loop, data folder, workers, hub.
%C%_libkernel_la_SOURCES += %D%/forward.c %D%/forward.h %D%/load.c %D%/load.h %D%/startup.c %D%/startup.h %D%/supervisor.c %D%/supervisor.h %D%/supervisor_act.c \
	%D%/supervisor_answer.c %D%/supervisor_audit.c %D%/supervisor_bells.c %D%/supervisor_guest.c %D%/supervisor_checkpoint.c %D%/supervisor_hub.c %D%/supervisor_life.c %D%/supervisor_priv.h \
	%D%/supervisor_tell.c %D%/supervisor_token.c %D%/supervisor_upload.c %D%/system.c %D%/system.h %D%/system_checkpoint.c %D%/system_edit.c \
	%D%/worker.c %D%/worker.h %D%/worker_graph.c
include $(srcdir)/kernel/event/local.mk
include $(srcdir)/kernel/log/local.mk
include $(srcdir)/kernel/checkpoint/local.mk
include $(srcdir)/kernel/hub/local.mk
%C%_libkernel_la_CFLAGS += $(CBOR_CFLAGS)
%C%_libkernel_la_LIBADD += $(CBOR_LIBS)
EXTRA_DIST += docs/spec/audit.md docs/spec/checkpoint.md docs/spec/hub.md docs/spec/root-graph.md
