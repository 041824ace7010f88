# Tests of rmg.
check_PROGRAMS += %D%/test_arena %D%/test_branch %D%/test_hands %D%/test_laws %D%/test_load %D%/test_state_root %D%/test_store \
	%D%/test_store_faults
%C%_test_branch_CFLAGS = $(test_cflags)
%C%_test_branch_LDADD = $(test_libs_rmg)
%C%_test_arena_CFLAGS = $(test_cflags)
%C%_test_arena_LDADD = $(test_libs_rmg)
%C%_test_hands_CFLAGS = $(test_cflags)
%C%_test_hands_LDADD = $(test_libs_rmg)
%C%_test_state_root_CFLAGS = $(test_cflags)
%C%_test_state_root_LDADD = $(test_libs_rmg)
EXTRA_DIST += docs/spec/state-root.md
%C%_test_load_CFLAGS = $(test_cflags)
%C%_test_load_LDADD = $(test_libs_rmg)
%C%_test_laws_CFLAGS = $(test_cflags)
%C%_test_laws_LDADD = $(test_libs_rmg)
%C%_test_store_CFLAGS = $(test_cflags)
%C%_test_store_LDADD = $(test_libs_rmg)
%C%_test_store_faults_CFLAGS = $(test_cflags)
%C%_test_store_faults_LDADD = $(test_libs_rmg)

# Rules.
check_PROGRAMS += %D%/test_codec %D%/test_expr %D%/test_footprint %D%/test_match %D%/test_match_more %D%/test_rule %D%/test_rule_graph %D%/test_rule_static %D%/test_search
%C%_test_rule_static_SOURCES = %D%/test_rule_static.c %D%/lang_fixture.h
%C%_test_rule_static_CFLAGS = $(test_cflags)
%C%_test_rule_static_LDADD = $(test_libs_rmg)
%C%_test_codec_CFLAGS = $(test_cflags)
%C%_test_codec_LDADD = $(test_libs_rmg)
%C%_test_expr_CFLAGS = $(test_cflags)
%C%_test_expr_LDADD = $(test_libs_rmg)
%C%_test_footprint_CFLAGS = $(test_cflags)
%C%_test_footprint_LDADD = $(test_libs_rmg)
%C%_test_match_more_SOURCES = %D%/test_match_more.c %D%/match_scene.h
%C%_test_match_more_CFLAGS = $(test_cflags)
%C%_test_match_more_LDADD = $(test_libs_rmg)
%C%_test_match_SOURCES = %D%/test_match.c %D%/match_scene.h
%C%_test_match_CFLAGS = $(test_cflags)
%C%_test_match_LDADD = $(test_libs_rmg)
%C%_test_rule_graph_CFLAGS = $(test_cflags)
%C%_test_rule_graph_LDADD = $(test_libs_rmg)
%C%_test_rule_CFLAGS = $(test_cflags)
%C%_test_rule_LDADD = $(test_libs_rmg)
%C%_test_search_CFLAGS = $(test_cflags)
%C%_test_search_LDADD = $(test_libs_rmg)

# Types.
check_PROGRAMS += %D%/test_schema %D%/test_schema_check
%C%_test_schema_check_CFLAGS = $(test_cflags)
%C%_test_schema_check_LDADD = $(test_libs_rmg)
%C%_test_schema_CFLAGS = $(test_cflags)
%C%_test_schema_LDADD = $(test_libs_rmg)

# Slots, patches, receipts, the engine.
check_PROGRAMS += %D%/test_engine %D%/test_engine_model %D%/test_patch %D%/test_patch_apply \
	%D%/test_radix %D%/test_receipt
%C%_test_patch_apply_CFLAGS = $(test_cflags)
%C%_test_patch_apply_LDADD = $(test_libs_rmg)
%C%_test_radix_CFLAGS = $(test_cflags)
%C%_test_radix_LDADD = $(test_libs_rmg)
%C%_test_engine_CFLAGS = $(test_cflags)
%C%_test_engine_LDADD = $(test_libs_rmg)
%C%_test_engine_model_CFLAGS = $(test_cflags)
%C%_test_engine_model_LDADD = $(test_libs_rmg)
%C%_test_patch_CFLAGS = $(test_cflags)
%C%_test_patch_LDADD = $(test_libs_rmg)
%C%_test_receipt_CFLAGS = $(test_cflags)
%C%_test_receipt_LDADD = $(test_libs_rmg)
EXTRA_DIST += docs/spec/patch.md

# What is done for many at once.
check_PROGRAMS += %D%/test_many
%C%_test_many_CFLAGS = $(test_cflags)
%C%_test_many_LDADD = $(test_libs_rmg)

# The text language.
check_PROGRAMS += %D%/test_lang %D%/test_lang_limits %D%/test_lang_run
%C%_test_lang_SOURCES = %D%/test_lang.c %D%/lang_fixture.h
%C%_test_lang_CFLAGS = $(test_cflags)
%C%_test_lang_LDADD = $(test_libs_rmg)
%C%_test_lang_limits_SOURCES = %D%/test_lang_limits.c %D%/lang_fixture.h
%C%_test_lang_limits_CFLAGS = $(test_cflags)
%C%_test_lang_limits_LDADD = $(test_libs_rmg)
%C%_test_lang_run_SOURCES = %D%/test_lang_run.c %D%/lang_fixture.h
%C%_test_lang_run_CFLAGS = $(test_cflags)
%C%_test_lang_run_LDADD = $(test_libs_rmg)
check_PROGRAMS += %D%/test_lang_import %D%/test_lang_query %D%/test_lang_tidy
%C%_test_lang_tidy_SOURCES = %D%/test_lang_tidy.c %D%/lang_fixture.h
%C%_test_lang_tidy_CFLAGS = $(test_cflags)
%C%_test_lang_tidy_LDADD = $(test_libs_rmg)
%C%_test_lang_import_SOURCES = %D%/test_lang_import.c %D%/lang_fixture.h
%C%_test_lang_import_CFLAGS = $(test_cflags)
%C%_test_lang_import_LDADD = $(test_libs_rmg)
%C%_test_lang_query_CFLAGS = $(test_cflags)
%C%_test_lang_query_LDADD = $(test_libs_rmg)
EXTRA_DIST += %D%/lang examples/supply-chain/supply-chain.jitos schemas/pack.jitos docs/spec/rules.md

# The .rmg file.
check_PROGRAMS += %D%/test_file
%C%_test_file_CFLAGS = $(test_cflags)
%C%_test_file_LDADD = $(test_libs_rmg)

# The page about programs.
check_PROGRAMS += %D%/test_program_page
%C%_test_program_page_CFLAGS = $(test_cflags)
%C%_test_program_page_LDADD = $(test_libs_rmg)

# The .wsc file and the other roots.
check_PROGRAMS += %D%/test_forms %D%/test_id_table %D%/test_wsc
%C%_test_id_table_CFLAGS = $(test_cflags)
%C%_test_id_table_LDADD = $(test_libs_rmg)
%C%_test_forms_SOURCES = %D%/test_forms.c %D%/wsc_fixture.h
%C%_test_forms_CFLAGS = $(test_cflags)
%C%_test_forms_LDADD = $(test_libs_rmg)
%C%_test_wsc_SOURCES = %D%/test_wsc.c %D%/wsc_fixture.h
%C%_test_wsc_CFLAGS = $(test_cflags)
%C%_test_wsc_LDADD = $(test_libs_rmg)
EXTRA_DIST += %D%/golden docs/spec/wsc-file.md

# Differences and merges.
check_PROGRAMS += %D%/test_merge %D%/test_merge_join %D%/test_merge_laws %D%/test_merge_patch
%C%_test_merge_patch_SOURCES = %D%/test_merge_patch.c %D%/merge_case.h %D%/merge_kit.h
%C%_test_merge_patch_CFLAGS = $(test_cflags)
%C%_test_merge_patch_LDADD = $(test_libs_rmg)
%C%_test_merge_join_CFLAGS = $(test_cflags)
%C%_test_merge_join_LDADD = $(test_libs_rmg)
%C%_test_merge_SOURCES = %D%/test_merge.c %D%/merge_case.h %D%/merge_kit.h
%C%_test_merge_CFLAGS = $(test_cflags)
%C%_test_merge_LDADD = $(test_libs_rmg)
%C%_test_merge_laws_SOURCES = %D%/test_merge_laws.c %D%/merge_kit.h
%C%_test_merge_laws_CFLAGS = $(test_cflags)
%C%_test_merge_laws_LDADD = $(test_libs_rmg)

# Proofs.
check_PROGRAMS += %D%/test_envelope %D%/test_proof
%C%_test_proof_CFLAGS = $(test_cflags)
%C%_test_proof_LDADD = $(test_libs_rmg)
%C%_test_envelope_CFLAGS = $(test_cflags)
%C%_test_envelope_LDADD = tests/libtest.la rmg/librmg.la base/libsign.la base/libbase.la $(CHECK_LIBS)

# What is mounted when somebody descends to it.
check_PROGRAMS += %D%/test_mount
%C%_test_mount_CFLAGS = $(test_cflags)
%C%_test_mount_LDADD = tests/libtest.la rmg/librmg.la base/libsign.la base/libbase.la $(CHECK_LIBS)

# Nesting.
check_PROGRAMS += %D%/test_portals
%C%_test_portals_SOURCES = %D%/test_portals.c %D%/merge_kit.h
%C%_test_portals_CFLAGS = $(test_cflags)
%C%_test_portals_LDADD = $(test_libs_rmg)

# The dense working form.
check_PROGRAMS += %D%/test_work
%C%_test_work_CFLAGS = $(test_cflags)
%C%_test_work_LDADD = $(test_libs_rmg)
check_PROGRAMS += %D%/test_native
%C%_test_native_CFLAGS = $(test_cflags)
%C%_test_native_LDADD = $(test_libs_rmg)
check_PROGRAMS += %D%/test_script
%C%_test_script_CFLAGS = $(test_cflags)
%C%_test_script_LDADD = $(test_libs_rmg)
check_PROGRAMS += %D%/test_script_text
%C%_test_script_text_CFLAGS = $(test_cflags)
%C%_test_script_text_LDADD = $(test_libs_rmg)
EXTRA_DIST += docs/spec/scripts.md

# exp, log, sin and cos, once as the library has them and once each from a compiler that does little
# and one that does much.
check_PROGRAMS += %D%/test_real
%C%_test_real_SOURCES = %D%/test_real.c %D%/real_levels.h
%C%_test_real_CFLAGS = $(test_cflags)
%C%_test_real_LDADD = %D%/libreal_0.la %D%/libreal_3.la $(test_libs_rmg)
check_LTLIBRARIES += %D%/libreal_0.la %D%/libreal_3.la
%C%_libreal_0_la_SOURCES = %D%/real_level.c
%C%_libreal_0_la_CFLAGS = $(AM_CFLAGS) -O0 -DREAL_LEVEL=0
%C%_libreal_3_la_SOURCES = %D%/real_level.c
%C%_libreal_3_la_CFLAGS = $(AM_CFLAGS) -O3 -DREAL_LEVEL=3
EXTRA_DIST += %D%/real_vectors.py

# Bad input.
check_PROGRAMS += %D%/test_hostile
%C%_test_hostile_CFLAGS = $(test_cflags)
%C%_test_hostile_LDADD = $(test_libs_rmg)
