# The text language.
rmg_librmg_la_SOURCES += %D%/lang.c %D%/lang.h %D%/lang_advise.c %D%/lang_advise.h \
	%D%/lang_advise_priv.h %D%/lang_check.c %D%/lang_check_effect.c %D%/lang_check_match.c \
	%D%/lang_check_priv.h %D%/lang_compile.c %D%/lang_diag.c %D%/lang_explore.c %D%/lang_expr.c \
	%D%/lang_file.c %D%/lang_format.c %D%/lang_format_expr.c %D%/lang_format_priv.h \
	%D%/lang_format_rule.c %D%/lang_graph.c %D%/lang_import.c %D%/lang_invariant.c \
	%D%/lang_lex.c %D%/lang_link.c %D%/lang_literal.c %D%/lang_mem.c %D%/lang_near.c \
	%D%/lang_own.c %D%/lang_pattern.c %D%/lang_policy.c %D%/lang_portal.c %D%/lang_priv.h \
	%D%/lang_process.c %D%/lang_query.c %D%/lang_query.h %D%/lang_query_parse.c \
	%D%/lang_query_priv.h %D%/lang_query_types.c %D%/lang_rows.c %D%/lang_rule.c \
	%D%/lang_schema.c %D%/lang_scope.c %D%/lang_script.c %D%/lang_step.c %D%/lang_tidy.c \
	%D%/lang_tidy_lines.c %D%/lang_tidy_priv.h %D%/lang_types.c %D%/lang_words.c
