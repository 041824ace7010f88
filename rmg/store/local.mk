# The graph as it lies in memory: ids, values, slots, tries with cheap branches, transactions.
rmg_librmg_la_SOURCES += %D%/after.c %D%/after.h %D%/arena.c %D%/arena.h %D%/branch.c %D%/codec.c %D%/codec.h \
	%D%/codec_list.c %D%/content.c %D%/graph.c %D%/graph.h %D%/graph_warm.c %D%/id_table.c \
	%D%/id_table.h %D%/image.h %D%/image_check.c %D%/image_priv.h %D%/image_read.c %D%/image_write.c %D%/index.c %D%/index.h %D%/index_column.c %D%/index_priv.h %D%/load_build.c %D%/load_dense.c %D%/load_dense.h %D%/load_leaf.c %D%/load_priv.h %D%/radix.c %D%/radix.h %D%/scratch.c \
	%D%/scratch.h %D%/slot.c %D%/slot.h %D%/store.c %D%/store.h %D%/store_priv.h %D%/trie_build.c \
	%D%/trie_hash.c %D%/trie_owner.c %D%/trie_priv.h %D%/trie_read.c %D%/trie_write.c %D%/tx.c \
	%D%/tx_change.c %D%/tx_crew.c %D%/tx_hands.c %D%/tx_hands.h %D%/tx_load.c %D%/tx_owner.c \
	%D%/tx_seal.c %D%/utf8.c %D%/verify.c
