# rmg: the graph: values, tries, store, patch, rules, engine, formats.
noinst_LTLIBRARIES += %D%/librmg.la
%C%_librmg_la_SOURCES = \
	%D%/arena.c %D%/arena.h %D%/graph.c %D%/graph.h %D%/graph_diff.c %D%/store.c %D%/store.h \
	%D%/store_priv.h %D%/trie_hash.c %D%/trie_owner.c %D%/trie_priv.h %D%/trie_read.c \
	%D%/trie_write.c %D%/tx.c %D%/tx_change.c %D%/tx_owner.c %D%/tx_seal.c %D%/utf8.c
