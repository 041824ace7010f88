# What differs and what changes: patches, receipts, differences, merges, collections to load.
rmg_librmg_la_SOURCES += %D%/collapse.c %D%/collapse.h %D%/collect.c %D%/collect_add.c %D%/collect.h %D%/collect_priv.h %D%/collect_write.c \
	%D%/diff.c %D%/diff.h %D%/diff_priv.h %D%/graph_diff.c %D%/merge.c %D%/merge.h \
	%D%/merge_check.c %D%/merge_decide.c %D%/merge_join.c %D%/merge_nest.c %D%/merge_patch.c \
	%D%/merge_priv.h %D%/merge_rebase.c %D%/merge_settle.c %D%/merge_table.c %D%/patch.c \
	%D%/patch.h %D%/patch_apply.c %D%/patch_priv.h %D%/patch_read.c %D%/patch_stream.c \
	%D%/receipt.c %D%/receipt.h %D%/amount.c %D%/amount.h
