# Tests of rmg/change.
check_PROGRAMS += %D%/test_collect %D%/test_merge %D%/test_merge_join %D%/test_merge_laws %D%/test_merge_patch \
	%D%/test_patch %D%/test_patch_apply %D%/test_receipt
%C%_test_collect_CFLAGS = $(test_cflags)
%C%_test_collect_LDADD = $(test_libs_rmg)
%C%_test_patch_apply_CFLAGS = $(test_cflags)
%C%_test_patch_apply_LDADD = $(test_libs_rmg)
%C%_test_patch_SOURCES = %D%/test_patch.c %D%/patch_bed.h
%C%_test_patch_CFLAGS = $(test_cflags)
%C%_test_patch_LDADD = $(test_libs_rmg)
check_PROGRAMS += %D%/test_patch_rules
%C%_test_patch_rules_SOURCES = %D%/test_patch_rules.c %D%/patch_bed.h
%C%_test_patch_rules_CFLAGS = $(test_cflags)
%C%_test_patch_rules_LDADD = $(test_libs_rmg)
%C%_test_receipt_CFLAGS = $(test_cflags)
%C%_test_receipt_LDADD = $(test_libs_rmg)
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
