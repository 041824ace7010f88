# Tests of sws.
check_PROGRAMS += %D%/test_amount %D%/test_collapse %D%/test_collapse_random %D%/test_home %D%/test_hostile_graph \
	%D%/test_space %D%/test_space_random
%C%_test_amount_SOURCES = %D%/test_amount.c %D%/sws_kit.h
%C%_test_amount_CFLAGS = $(test_cflags)
%C%_test_amount_LDADD = sws/libsws.la $(test_libs_rmg)
%C%_test_collapse_SOURCES = %D%/test_collapse.c %D%/collapse_bed.h %D%/sws_kit.h
%C%_test_collapse_CFLAGS = $(test_cflags)
%C%_test_collapse_LDADD = sws/libsws.la $(test_libs_rmg)
%C%_test_collapse_random_SOURCES = %D%/test_collapse_random.c %D%/collapse_bed.h %D%/sws_kit.h
%C%_test_collapse_random_CFLAGS = $(test_cflags)
%C%_test_collapse_random_LDADD = sws/libsws.la $(test_libs_rmg)
%C%_test_home_SOURCES = %D%/test_home.c %D%/sws_kit.h
%C%_test_home_CFLAGS = $(test_cflags)
%C%_test_home_LDADD = sws/libsws.la $(test_libs_rmg)
%C%_test_space_SOURCES = %D%/test_space.c %D%/space_bed.h %D%/sws_kit.h
%C%_test_space_CFLAGS = $(test_cflags)
%C%_test_space_LDADD = sws/libsws.la $(test_libs_rmg)
%C%_test_space_random_SOURCES = %D%/test_space_random.c %D%/space_bed.h %D%/sws_kit.h
%C%_test_space_random_CFLAGS = $(test_cflags)
%C%_test_space_random_LDADD = sws/libsws.la $(test_libs_rmg)
%C%_test_hostile_graph_SOURCES = %D%/test_hostile_graph.c %D%/sws_kit.h
%C%_test_hostile_graph_CFLAGS = $(test_cflags)
%C%_test_hostile_graph_LDADD = sws/libsws.la $(test_libs_rmg)
EXTRA_DIST += docs/spec/sws.md
