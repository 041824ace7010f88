# tools/formats: importers and exporters, used by rmg and by jitos.
noinst_LTLIBRARIES += %D%/libformats.la
%C%_libformats_la_SOURCES = \
	%D%/apt.c %D%/csv.h %D%/csv_import.c %D%/csv_read.c %D%/export.h \
	%D%/export_csv.c %D%/export_ndjson.c %D%/export_priv.h %D%/export.c %D%/format.c %D%/format.h %D%/graph.c %D%/graph.h %D%/import.c \
	%D%/import.h %D%/import_graph.c %D%/import_priv.h %D%/input.c %D%/ndjson.c \
	%D%/rmg_format.c %D%/text.c %D%/wsc_format.c
%C%_libformats_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
%C%_libformats_la_LIBADD = rmg/librmg.la base/libbase.la $(JANSSON_LIBS)
