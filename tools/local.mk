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

# The client.
bin_PROGRAMS += %D%/jitos
%C%_jitos_SOURCES = \
	%D%/genesis.c %D%/genesis.h %D%/history.c %D%/history.h %D%/jitos.c %D%/jitos.h \
	%D%/jitos_demo.c %D%/jitos_log.c %D%/jitos_run.c %D%/jitos_verify.c %D%/load.c %D%/load.h \
	%D%/runner.c %D%/runner.h %D%/session.c %D%/session.h
%C%_jitos_CFLAGS = $(AM_CFLAGS) $(CBOR_CFLAGS) $(JANSSON_CFLAGS) \
	-DJIT_DATA_PATH='"$(pkgdatadir)"'
%C%_jitos_LDADD = tools/formats/libformats.la tools/cli/libcli.la $(tools_libs)
nobase_dist_pkgdata_DATA = examples/supply-chain/supply-chain.jitos
