# Tests of rmg/rules.
check_PROGRAMS += %D%/test_expr %D%/test_footprint %D%/test_match %D%/test_match_more \
	%D%/test_program_page %D%/test_real %D%/test_rule %D%/test_rule_graph %D%/test_rule_static \
	%D%/test_search
# exp, log, sin and cos, once as the library has them and once each from a compiler that does little
# and one that does much.
check_LTLIBRARIES += %D%/libreal_0.la %D%/libreal_3.la
%C%_test_rule_static_SOURCES = %D%/test_rule_static.c tests/rmg/lang/lang_fixture.h
%C%_test_rule_static_CFLAGS = $(test_cflags)
%C%_test_rule_static_LDADD = $(test_libs_rmg)
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
%C%_test_program_page_CFLAGS = $(test_cflags)
%C%_test_program_page_LDADD = $(test_libs_rmg)
%C%_test_real_SOURCES = %D%/test_real.c %D%/real_levels.h
%C%_test_real_CFLAGS = $(test_cflags)
%C%_test_real_LDADD = %D%/libreal_0.la %D%/libreal_3.la $(test_libs_rmg)
%C%_libreal_0_la_SOURCES = %D%/real_level.c
%C%_libreal_0_la_CFLAGS = $(AM_CFLAGS) -O0 -DREAL_LEVEL=0
%C%_libreal_3_la_SOURCES = %D%/real_level.c
%C%_libreal_3_la_CFLAGS = $(AM_CFLAGS) -O3 -DREAL_LEVEL=3
EXTRA_DIST += %D%/real_vectors.py
