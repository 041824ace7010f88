# The engine: requests, ticks, the dense working form, scripts, native rules.
rmg_librmg_la_SOURCES += %D%/engine.c %D%/engine.h %D%/engine_batch.c %D%/engine_budget.c %D%/engine_collapse.c %D%/engine_collapse_priv.h %D%/engine_events.c %D%/engine_findings.c \
	%D%/engine_gate.c %D%/engine_index.c %D%/engine_instances.c %D%/engine_invariant.c \
	%D%/engine_merge.c %D%/engine_merge_priv.h %D%/engine_order.c %D%/engine_perform.c %D%/engine_priv.h %D%/engine_reserve.c \
	%D%/engine_uses.c %D%/engine_verify.c %D%/engine_verify_priv.h %D%/engine_warm.c %D%/engine_weigh.c %D%/native.c %D%/native.h %D%/request.c %D%/request.h %D%/script.c \
	%D%/script.h %D%/script_all.c %D%/script_apply.c %D%/script_bits.c %D%/script_find.c \
	%D%/script_plan.c %D%/script_priv.h %D%/script_rule.c %D%/work.c %D%/work.h %D%/work_batch.c %D%/work_batch.h %D%/work_commit.c \
	%D%/work_field.c %D%/work_load.c %D%/work_priv.h
