# tools: the programs; argument parsing and printing only.
include $(srcdir)/tools/cli/local.mk
include $(srcdir)/tools/formats/local.mk
include $(srcdir)/tools/rmgtool/local.mk

tools_libs = kernel/libkernel.la kernel/core/libcore.la proc/host/libhost.la \
	syscall/libsyscall.la rmg/librmg.la base/libbase.la

# The supervisor.
bin_PROGRAMS += %D%/jitosd
%C%_jitosd_SOURCES = %D%/jitosd.c
%C%_jitosd_CFLAGS = $(AM_CFLAGS) $(CBOR_CFLAGS) -DJIT_LOADER_PATH='"$(pkglibexecdir)/jitos-loader"'
%C%_jitosd_LDADD = $(tools_libs)
