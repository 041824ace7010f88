# Fuzz targets. Without a fuzzing engine each is linked to replay_main.c and runs over its corpus as a
# test; `make fuzz-smoke` runs them alone. `make fuzz MINUTES=n` builds them with one and runs them.
fuzz_imports = %D%/fuzz_apt %D%/fuzz_csv %D%/fuzz_gexf %D%/fuzz_graphml %D%/fuzz_json %D%/fuzz_ndjson \
	%D%/fuzz_wordnet
fuzz_programs = %D%/fuzz_choices %D%/fuzz_elf %D%/fuzz_envelope %D%/fuzz_lang %D%/fuzz_patch %D%/fuzz_proof %D%/fuzz_rmg \
	%D%/fuzz_query %D%/fuzz_schema %D%/fuzz_token \
	%D%/fuzz_wsc $(fuzz_imports)
fuzz_programs += %D%/fuzz_attenuate %D%/fuzz_collapse %D%/fuzz_boot %D%/fuzz_checkpoint %D%/fuzz_graph %D%/fuzz_guest %D%/fuzz_hub \
	%D%/fuzz_log %D%/fuzz_program %D%/fuzz_record %D%/fuzz_ring %D%/fuzz_socket
check_PROGRAMS += $(fuzz_programs)
%C%_fuzz_elf_SOURCES = %D%/fuzz_elf.c %D%/fuzz.h %D%/replay_main.c
%C%_fuzz_elf_LDADD = proc/host/libhost.la base/libbase.la
%C%_fuzz_lang_SOURCES = %D%/fuzz_lang.c %D%/fuzz.h %D%/replay_main.c
%C%_fuzz_lang_LDADD = rmg/librmg.la base/libbase.la
%C%_fuzz_rmg_SOURCES = %D%/fuzz_rmg.c %D%/fuzz.h %D%/replay_main.c
%C%_fuzz_rmg_LDADD = rmg/librmg.la base/libbase.la
%C%_fuzz_proof_SOURCES = %D%/fuzz_proof.c %D%/fuzz.h %D%/replay_main.c
%C%_fuzz_proof_LDADD = rmg/librmg.la base/libbase.la
%C%_fuzz_envelope_SOURCES = %D%/fuzz_envelope.c %D%/fuzz.h %D%/replay_main.c
%C%_fuzz_envelope_LDADD = rmg/librmg.la base/libsign.la base/libbase.la
%C%_fuzz_token_SOURCES = %D%/fuzz_token.c %D%/fuzz.h %D%/replay_main.c
%C%_fuzz_token_LDADD = syscall/libtoken.la syscall/libsyscall.la base/libsign.la base/libbase.la
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

fuzz_import_libs = tools/formats/libformats.la rmg/librmg.la base/libbase.la $(JANSSON_LIBS) \
	$(XML_LIBS)
%C%_fuzz_apt_SOURCES = %D%/fuzz_apt.c %D%/fuzz.h %D%/import_fuzz.h %D%/replay_main.c
%C%_fuzz_apt_LDADD = $(fuzz_import_libs)
%C%_fuzz_csv_SOURCES = %D%/fuzz_csv.c %D%/fuzz.h %D%/import_fuzz.h %D%/replay_main.c
%C%_fuzz_csv_LDADD = $(fuzz_import_libs)
%C%_fuzz_gexf_SOURCES = %D%/fuzz_gexf.c %D%/fuzz.h %D%/import_fuzz.h %D%/replay_main.c
%C%_fuzz_gexf_LDADD = $(fuzz_import_libs)
%C%_fuzz_graphml_SOURCES = %D%/fuzz_graphml.c %D%/fuzz.h %D%/import_fuzz.h %D%/replay_main.c
%C%_fuzz_graphml_LDADD = $(fuzz_import_libs)
%C%_fuzz_json_SOURCES = %D%/fuzz_json.c %D%/fuzz.h %D%/import_fuzz.h %D%/replay_main.c
%C%_fuzz_json_LDADD = $(fuzz_import_libs)
%C%_fuzz_ndjson_SOURCES = %D%/fuzz_ndjson.c %D%/fuzz.h %D%/import_fuzz.h %D%/replay_main.c
%C%_fuzz_ndjson_LDADD = $(fuzz_import_libs)
%C%_fuzz_wordnet_SOURCES = %D%/fuzz_wordnet.c %D%/fuzz.h %D%/import_fuzz.h %D%/replay_main.c
%C%_fuzz_wordnet_LDADD = $(fuzz_import_libs)

# What the kernel reads: from the medium, from workers, from whoever connects.
fuzz_kernel_libs = kernel/libkernel.la kernel/core/libcore.la syscall/libsyscall.la rmg/librmg.la \
	base/libsign.la base/libbase.la
%C%_fuzz_collapse_SOURCES = %D%/fuzz_collapse.c %D%/fuzz.h %D%/replay_main.c
%C%_fuzz_collapse_LDADD = rmg/librmg.la base/libbase.la
%C%_fuzz_attenuate_SOURCES = %D%/fuzz_attenuate.c %D%/fuzz.h %D%/replay_main.c
%C%_fuzz_attenuate_LDADD = syscall/libsyscall.la base/libbase.la
%C%_fuzz_boot_SOURCES = %D%/fuzz_boot.c %D%/fuzz.h %D%/replay_main.c
%C%_fuzz_boot_LDADD = syscall/libsyscall.la base/libbase.la
%C%_fuzz_checkpoint_SOURCES = %D%/fuzz_checkpoint.c %D%/fuzz.h %D%/replay_main.c
%C%_fuzz_checkpoint_LDADD = $(fuzz_kernel_libs)
%C%_fuzz_graph_SOURCES = %D%/fuzz_graph.c %D%/fuzz.h %D%/replay_main.c
%C%_fuzz_graph_LDADD = sws/libsws.la rmg/librmg.la base/libbase.la
%C%_fuzz_guest_SOURCES = %D%/fuzz_guest.c %D%/fuzz.h %D%/replay_main.c $(guest_bed_sources)
%C%_fuzz_guest_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(CBOR_CFLAGS)
%C%_fuzz_guest_LDADD = $(guest_bed_libs)
%C%_fuzz_hub_SOURCES = %D%/fuzz_hub.c %D%/fuzz.h %D%/replay_main.c
%C%_fuzz_hub_CFLAGS = $(AM_CFLAGS) $(CBOR_CFLAGS)
%C%_fuzz_hub_LDADD = $(fuzz_kernel_libs)
%C%_fuzz_log_SOURCES = %D%/fuzz_log.c %D%/fuzz.h %D%/replay_main.c
%C%_fuzz_log_LDADD = tests/libtest.la $(fuzz_kernel_libs) $(CHECK_LIBS)
%C%_fuzz_program_SOURCES = %D%/fuzz_program.c %D%/fuzz.h %D%/replay_main.c
%C%_fuzz_program_LDADD = rmg/librmg.la base/libbase.la
%C%_fuzz_record_SOURCES = %D%/fuzz_record.c %D%/fuzz.h %D%/replay_main.c
%C%_fuzz_record_LDADD = $(fuzz_kernel_libs)
%C%_fuzz_ring_SOURCES = %D%/fuzz_ring.c %D%/fuzz.h %D%/replay_main.c
%C%_fuzz_ring_LDADD = syscall/libsyscall.la base/libbase.la
%C%_fuzz_socket_SOURCES = %D%/fuzz_socket.c %D%/fuzz.h %D%/replay_main.c
%C%_fuzz_socket_CFLAGS = $(AM_CFLAGS) $(CBOR_CFLAGS)
%C%_fuzz_socket_LDADD = $(fuzz_kernel_libs)

EXTRA_DIST += %D%/corpus %D%/run.sh

# From the sources as they are packed, since a tree that is configured takes no second build folder.
# TARGETS='csv lang' runs these only.
MINUTES = 10
TARGETS =
fuzz:
	$(MAKE) $(AM_MAKEFLAGS) -s distdir
	mkdir -p build-fuzz
	chmod -R u+w build-fuzz/src 2>/dev/null; rm -rf build-fuzz/src
	mv $(distdir) build-fuzz/src
	$(srcdir)/tests/longer/sanitized.sh address $(srcdir)/%D%/run.sh build-fuzz/src '$(MINUTES)' $(TARGETS)

.PHONY: fuzz fuzz-smoke
fuzz-smoke: $(fuzz_programs)
	@for program in $(fuzz_programs); do \
	    echo "$$program" && top_srcdir='$(top_srcdir)' ./$$program || exit 1; \
	done
