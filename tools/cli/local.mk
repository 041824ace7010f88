# tools/cli: the command-line framework of all programs.
noinst_LTLIBRARIES += %D%/libcli.la
%C%_libcli_la_SOURCES = %D%/cli.c %D%/cli.h %D%/cli_priv.h %D%/complete.c %D%/help.c %D%/man.c \
	%D%/parse.c %D%/progress.c %D%/word.c
%C%_libcli_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
%C%_libcli_la_LIBADD = base/libbase.la $(JANSSON_LIBS)
