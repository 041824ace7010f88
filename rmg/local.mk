# rmg: the graph: values, tries, store, patch, rules, engine, formats.
noinst_LTLIBRARIES += %D%/librmg.la
%C%_librmg_la_SOURCES = \
	%D%/arena.c %D%/arena.h %D%/graph.c %D%/graph.h %D%/graph_diff.c %D%/graph_warm.c \
	%D%/load_leaf.c %D%/load_priv.h \
	%D%/patch.c %D%/patch.h %D%/patch_apply.c %D%/patch_priv.h %D%/patch_read.c %D%/patch_stream.c \
	%D%/radix.c %D%/radix.h %D%/receipt.c %D%/receipt.h %D%/scratch.c %D%/scratch.h %D%/slot.c %D%/slot.h %D%/store.c %D%/store.h \
	%D%/store_priv.h %D%/trie_build.c %D%/trie_hash.c %D%/trie_owner.c %D%/trie_priv.h %D%/trie_read.c \
	%D%/trie_write.c %D%/branch.c %D%/tx.c %D%/tx_change.c %D%/tx_crew.c %D%/tx_hands.c %D%/tx_hands.h \
	%D%/tx_load.c %D%/tx_owner.c \
	%D%/tx_seal.c %D%/utf8.c %D%/verify.c

# Differences, merges.
%C%_librmg_la_SOURCES += \
	%D%/diff.c %D%/diff.h %D%/diff_priv.h %D%/merge.c %D%/merge.h %D%/merge_check.c \
	%D%/merge_decide.c %D%/merge_join.c %D%/merge_nest.c %D%/merge_patch.c %D%/merge_priv.h \
	%D%/merge_rebase.c %D%/merge_settle.c %D%/merge_table.c

# Rules.
%C%_librmg_la_SOURCES += \
	%D%/codec.c %D%/codec.h %D%/codec_list.c %D%/effect.c %D%/expr.c %D%/expr.h %D%/match.c %D%/match.h \
	%D%/match_detach.c %D%/match_key.c %D%/match_priv.h %D%/near.c %D%/number_priv.h %D%/probe.c %D%/probe.h %D%/rule.c %D%/rule.h \
	%D%/rule_check.c %D%/rule_clash.c %D%/real.c %D%/real.h %D%/rule_facts.c %D%/rule_graph.c %D%/rule_graph.h %D%/rule_priv.h %D%/rule_static.h %D%/rule_uses.c %D%/search.c %D%/search.h \
	%D%/search_draw.c %D%/search_near.c %D%/search_plan.c %D%/search_priv.h %D%/search_table.c
# sqrt, which IEEE 754 rounds correctly: the only function of the mathematical library in use.
%C%_librmg_la_LIBADD = -lm

# The engine.
%C%_librmg_la_SOURCES += \
	%D%/engine.c %D%/engine.h %D%/engine_events.c %D%/engine_instances.c \
	%D%/engine_merge.c %D%/engine_order.c %D%/engine_priv.h %D%/engine_reserve.c \
	%D%/engine_verify.c %D%/request.c %D%/request.h

# The dense working form.
%C%_librmg_la_SOURCES += \
	%D%/native.c %D%/native.h %D%/work.c %D%/work.h %D%/work_commit.c %D%/work_field.c %D%/work_load.c %D%/work_priv.h

# Local scripts.
%C%_librmg_la_SOURCES += \
	%D%/script.c %D%/script.h %D%/script_all.c %D%/script_apply.c %D%/script_bits.c %D%/script_find.c %D%/script_plan.c \
	%D%/script_priv.h %D%/script_rule.c

# Types: in memory, in /schema, compared.
%C%_librmg_la_SOURCES += \
	%D%/content.c %D%/schema.c %D%/schema.h %D%/schema_check.c %D%/schema_check.h \
	%D%/schema_compare.c %D%/schema_infer.c %D%/schema_infer.h %D%/schema_priv.h %D%/schema_read.c \
	%D%/schema_write.c

# What importers fill.
%C%_librmg_la_SOURCES += %D%/collect.c %D%/collect.h %D%/collect_priv.h %D%/collect_write.c

# The text language.
%C%_librmg_la_SOURCES += \
	%D%/lang.c %D%/lang.h %D%/lang_advise.c %D%/lang_advise.h %D%/lang_check.c %D%/lang_compile.c %D%/lang_diag.c %D%/lang_expr.c \
	%D%/lang_file.c %D%/lang_format.c %D%/lang_graph.c %D%/lang_import.c %D%/lang_lex.c %D%/lang_link.c %D%/lang_literal.c \
	%D%/lang_mem.c %D%/lang_near.c %D%/lang_pattern.c %D%/lang_policy.c %D%/lang_priv.h %D%/lang_process.c %D%/lang_query.c \
	%D%/lang_query.h %D%/lang_rows.c %D%/lang_rule.c \
	%D%/lang_schema.c %D%/lang_scope.c %D%/lang_script.c %D%/lang_step.c %D%/lang_tidy.c %D%/lang_types.c

# The .rmg file.
%C%_librmg_la_SOURCES += \
	%D%/file.h %D%/file_check.c %D%/file_load.c %D%/file_priv.h %D%/file_read.c %D%/file_write.c

# The .wsc file.
%C%_librmg_la_SOURCES += \
	%D%/foreign_root.c %D%/foreign_root.h %D%/id_table.c %D%/id_table.h %D%/wsc.h %D%/wsc_check.c %D%/wsc_load.c %D%/wsc_priv.h \
	%D%/wsc_read.c %D%/wsc_write.c

# Proofs.
%C%_librmg_la_SOURCES += %D%/proof.h %D%/proof_make.c %D%/proof_priv.h %D%/proof_read.c

# Signatures on a root.
%C%_librmg_la_SOURCES += %D%/envelope.c %D%/envelope.h

# What is mounted when somebody descends to it.
%C%_librmg_la_SOURCES += %D%/mount.c %D%/mount.h
