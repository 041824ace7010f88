# Fuzz targets. Without a fuzzing engine each is linked to replay_main.c and runs over its corpus as a
# test; `make fuzz-smoke` runs them alone. With one: clang -fsanitize=fuzzer,address fuzz/fuzz_NAME.c
# and the libraries, then ./fuzz_NAME fuzz/corpus/NAME.
fuzz_programs = %D%/fuzz_choices %D%/fuzz_lang %D%/fuzz_patch %D%/fuzz_query %D%/fuzz_schema \
	%D%/fuzz_wsc
check_PROGRAMS += $(fuzz_programs)
%C%_fuzz_lang_SOURCES = %D%/fuzz_lang.c %D%/fuzz.h %D%/replay_main.c
%C%_fuzz_lang_LDADD = rmg/librmg.la base/libbase.la
%C%_fuzz_wsc_SOURCES = %D%/fuzz_wsc.c %D%/fuzz.h %D%/replay_main.c
%C%_fuzz_wsc_LDADD = rmg/librmg.la base/libbase.la
%C%_fuzz_choices_SOURCES = %D%/fuzz_choices.c %D%/fuzz.h %D%/merge_world.h %D%/replay_main.c
%C%_fuzz_choices_LDADD = tools/formats/libformats.la rmg/librmg.la base/libbase.la $(JANSSON_LIBS)
%C%_fuzz_patch_SOURCES = %D%/fuzz_patch.c %D%/fuzz.h %D%/merge_world.h %D%/replay_main.c
%C%_fuzz_patch_LDADD = rmg/librmg.la base/libbase.la
%C%_fuzz_query_SOURCES = %D%/fuzz_query.c %D%/fuzz.h %D%/replay_main.c
%C%_fuzz_query_LDADD = rmg/librmg.la base/libbase.la
%C%_fuzz_schema_SOURCES = %D%/fuzz_schema.c %D%/fuzz.h %D%/replay_main.c
%C%_fuzz_schema_LDADD = rmg/librmg.la base/libbase.la

EXTRA_DIST += %D%/corpus

.PHONY: fuzz-smoke
fuzz-smoke: $(fuzz_programs)
	@for program in $(fuzz_programs); do \
	    echo "$$program" && top_srcdir='$(top_srcdir)' ./$$program || exit 1; \
	done
