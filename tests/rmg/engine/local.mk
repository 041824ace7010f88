# Tests of rmg/engine.
check_PROGRAMS += %D%/test_budget %D%/test_engine %D%/test_engine_model %D%/test_hostile %D%/test_invariant %D%/test_native \
	%D%/test_native_fence %D%/test_nested %D%/test_nested_cost %D%/test_nested_drawn %D%/test_portals %D%/test_script %D%/test_script_text %D%/test_work
%C%_test_budget_SOURCES = %D%/test_budget.c tests/rmg/lang/lang_fixture.h
%C%_test_budget_CFLAGS = $(test_cflags)
%C%_test_budget_LDADD = $(test_libs_rmg)
%C%_test_engine_CFLAGS = $(test_cflags)
%C%_test_engine_LDADD = $(test_libs_rmg)
%C%_test_engine_model_CFLAGS = $(test_cflags)
%C%_test_engine_model_LDADD = $(test_libs_rmg)
%C%_test_nested_SOURCES = %D%/test_nested.c %D%/forest.h %D%/forest_change.h tests/rmg/lang/lang_fixture.h
%C%_test_nested_CFLAGS = $(test_cflags)
%C%_test_nested_LDADD = $(test_libs_rmg)
%C%_test_nested_cost_SOURCES = %D%/test_nested_cost.c %D%/forest.h %D%/forest_change.h tests/rmg/lang/lang_fixture.h
%C%_test_nested_cost_CFLAGS = $(test_cflags)
%C%_test_nested_cost_LDADD = $(test_libs_rmg)
%C%_test_nested_drawn_SOURCES = %D%/test_nested_drawn.c %D%/forest_draw.h %D%/forest.h %D%/forest_change.h \
	tests/rmg/lang/lang_fixture.h
%C%_test_nested_drawn_CFLAGS = $(test_cflags)
%C%_test_nested_drawn_LDADD = $(test_libs_rmg)
%C%_test_portals_SOURCES = %D%/test_portals.c tests/rmg/change/merge_kit.h
%C%_test_portals_CFLAGS = $(test_cflags)
%C%_test_portals_LDADD = $(test_libs_rmg)
%C%_test_invariant_SOURCES = %D%/test_invariant.c tests/rmg/lang/lang_fixture.h
%C%_test_invariant_CFLAGS = $(test_cflags)
%C%_test_invariant_LDADD = $(test_libs_rmg)
%C%_test_work_CFLAGS = $(test_cflags)
%C%_test_work_LDADD = $(test_libs_rmg)
%C%_test_native_fence_CFLAGS = $(test_cflags)
%C%_test_native_fence_LDADD = $(test_libs_rmg)
%C%_test_native_CFLAGS = $(test_cflags)
%C%_test_native_LDADD = $(test_libs_rmg)
%C%_test_script_CFLAGS = $(test_cflags)
%C%_test_script_LDADD = $(test_libs_rmg)
%C%_test_script_text_CFLAGS = $(test_cflags)
%C%_test_script_text_LDADD = $(test_libs_rmg)
%C%_test_hostile_CFLAGS = $(test_cflags)
%C%_test_hostile_LDADD = $(test_libs_rmg)
