# tools/rmg: graphs in files. Its sources lie here, since the program takes the name.
bin_PROGRAMS += tools/rmg
tools_rmg_SOURCES = \
	%D%/apply.c %D%/cat.c %D%/check.c %D%/delta.c %D%/delta.h %D%/delta_dot.c %D%/diff.c \
	%D%/export.c %D%/export_write.c %D%/import.c %D%/info.c %D%/key_file.c %D%/keys.c %D%/keys.h \
	%D%/load.c %D%/ls.c %D%/main.c \
	%D%/merge.c %D%/output.c %D%/path.c %D%/path.h %D%/prove.c %D%/query.c %D%/rmg.h \
	%D%/run.c %D%/schema.c %D%/settle.c %D%/settle.h %D%/walk.c
tools_rmg_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tools_rmg_LDADD = \
	tools/formats/libformats.la tools/cli/libcli.la rmg/librmg.la base/libsign.la base/libbase.la $(JANSSON_LIBS)
