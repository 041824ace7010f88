# tools/formats: importers and exporters, used by rmg and by jitos.
noinst_LTLIBRARIES += %D%/libformats.la
%C%_libformats_la_SOURCES = \
	%D%/apt.c %D%/choices.c %D%/choices.h %D%/columns.c %D%/columns.h %D%/csv.h \
	%D%/csv_import.c %D%/csv_read.c %D%/dot_write.c %D%/export.c %D%/export.h %D%/export_csv.c \
	%D%/export_ndjson.c %D%/export_priv.h %D%/export_words.c %D%/export_words.h %D%/format.c \
	%D%/format.h %D%/gexf.h %D%/gexf_graph.c %D%/gexf_history.c %D%/gexf_priv.h %D%/gexf_read.c \
	%D%/gexf_values.c %D%/gexf_write.c %D%/graph.c %D%/graph.h %D%/graphml.h \
	%D%/graphml_graph.c %D%/graphml_keys.c %D%/graphml_priv.h %D%/graphml_read.c \
	%D%/graphml_write.c %D%/import.c %D%/import.h %D%/import_graph.c %D%/import_priv.h \
	%D%/input.c %D%/json.h %D%/json_priv.h %D%/json_read.c %D%/json_token.c %D%/json_values.c \
	%D%/json_write.c %D%/ndjson.c %D%/ndjson_check.c %D%/ndjson_fields.c %D%/ndjson_priv.h \
	%D%/net.c %D%/net.h %D%/parse_json.c %D%/parse_json.h %D%/rmg_format.c %D%/sources.c \
	%D%/sources.h %D%/text.c %D%/timeline.c %D%/timeline.h %D%/wordnet.c %D%/words.h \
	%D%/wsc_format.c %D%/xml.c %D%/xml.h
%C%_libformats_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(XML_CFLAGS) \
	-DJIT_DATA_PATH='"$(pkgdatadir)"'
%C%_libformats_la_LIBADD = rmg/librmg.la base/libbase.la $(JANSSON_LIBS) $(XML_LIBS)
