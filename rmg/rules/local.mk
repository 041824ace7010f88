# Rules: patterns, expressions, footprints, search, verification of matches.
rmg_librmg_la_SOURCES += %D%/expr.c %D%/expr.h %D%/invariant.c %D%/invariant.h %D%/match.c \
	%D%/match.h %D%/match_detach.c \
	%D%/match_execute.c %D%/match_footprint.c %D%/match_key.c %D%/match_priv.h %D%/mutant.h \
	%D%/near.c %D%/number_priv.h %D%/probe.c %D%/probe.h %D%/real.c %D%/real.h %D%/rule.c %D%/rule.h \
	%D%/rule_check.c %D%/rule_clash.c %D%/rule_facts.c %D%/rule_graph.c %D%/rule_graph.h \
	%D%/rule_priv.h %D%/rule_static.h %D%/rule_uses.c %D%/search.c %D%/search.h %D%/search_diff.c \
	%D%/search_doors.c %D%/search_draw.c %D%/search_follow.c %D%/search_near.c %D%/search_plan.c \
	%D%/search_priv.h %D%/search_root.c %D%/search_table.c %D%/sought.c %D%/sought.h
