# Tests of rmg.
include $(srcdir)/tests/rmg/store/local.mk
include $(srcdir)/tests/rmg/change/local.mk
include $(srcdir)/tests/rmg/schema/local.mk
include $(srcdir)/tests/rmg/rules/local.mk
include $(srcdir)/tests/rmg/engine/local.mk
include $(srcdir)/tests/rmg/lang/local.mk
include $(srcdir)/tests/rmg/file/local.mk
EXTRA_DIST += docs/spec/state-root.md docs/spec/patch.md %D%/texts \
	examples/supply-chain/supply-chain.jitos schemas/pack.jitos docs/spec/rules.md %D%/golden \
	docs/spec/wsc-file.md docs/spec/scripts.md

# Searches and scripts again, with their mutants compiled in (rmg/rules/mutant.h).
dist_check_SCRIPTS += %D%/test_mutants.sh
mutant_cppflags = $(AM_CPPFLAGS) -DJIT_RMG_MUTANTS -D_ck_assert_failed=mutant_noticed
noinst_PROGRAMS += %D%/mutant_search %D%/mutant_script %D%/mutant_script_text
mutant_search_sources = rmg/rules/search_diff.c rmg/rules/search_follow.c rmg/rules/search_near.c
mutant_script_sources = rmg/engine/script_apply.c rmg/engine/script_rule.c
%C%_mutant_search_SOURCES = %D%/mutant.c %D%/rules/test_search.c $(mutant_search_sources)
%C%_mutant_search_CPPFLAGS = $(mutant_cppflags)
%C%_mutant_search_CFLAGS = $(test_cflags)
%C%_mutant_search_LDADD = $(test_libs_rmg)
%C%_mutant_script_SOURCES = %D%/mutant.c %D%/engine/test_script.c $(mutant_script_sources)
%C%_mutant_script_CPPFLAGS = $(mutant_cppflags)
%C%_mutant_script_CFLAGS = $(test_cflags)
%C%_mutant_script_LDADD = $(test_libs_rmg)
%C%_mutant_script_text_SOURCES = %D%/mutant.c %D%/engine/test_script_text.c $(mutant_script_sources)
%C%_mutant_script_text_CPPFLAGS = $(mutant_cppflags)
%C%_mutant_script_text_CFLAGS = $(test_cflags)
%C%_mutant_script_text_LDADD = $(test_libs_rmg)
