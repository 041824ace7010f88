# Tests of tools.
check_PROGRAMS += %D%/test_cli
%C%_test_cli_CFLAGS = $(test_cflags) $(JANSSON_CFLAGS)
%C%_test_cli_LDADD = tools/cli/libcli.la $(test_libs_base) $(JANSSON_LIBS)

# jitos and jitosd with real processes.
dist_check_SCRIPTS += %D%/test_run.sh

# The hub of a real supervisor.
check_PROGRAMS += %D%/test_hub
%C%_test_hub_SOURCES = %D%/test_hub.c tools/genesis.c tools/genesis.h
%C%_test_hub_CFLAGS = $(test_cflags) $(CBOR_CFLAGS)
%C%_test_hub_LDADD = tests/libtest.la $(tools_libs) $(CHECK_LIBS)
