# kernel/core: pure: step(event) -> update.
noinst_LTLIBRARIES += %D%/libcore.la
%C%_libcore_la_SOURCES = \
	%D%/again.c %D%/authorise.c %D%/beside.c %D%/beside.h %D%/boot.c %D%/collapse.c %D%/caps_read.c %D%/collect.c %D%/commit.c %D%/cover.c %D%/entry.c %D%/entry.h %D%/core.c %D%/core.h %D%/core_priv.h %D%/image.c %D%/image.h %D%/intent.c %D%/intent_format.c %D%/intent.h %D%/intent_priv.h %D%/invariants.c %D%/invariants.h %D%/modes.c %D%/own.c %D%/policy.c %D%/policy.h %D%/process.c %D%/record.c %D%/record.h \
	%D%/replay.c %D%/replay.h %D%/rerun.c %D%/rerun.h %D%/rerun_play.c %D%/rerun_priv.h %D%/rerun_real.c %D%/rerun_record.c %D%/root.c %D%/root.h %D%/root_priv.h %D%/root_read.c %D%/root_read_priv.h \
	%D%/root_read_proc.c %D%/root_read_sec.c %D%/root_read_sys.c %D%/sec.c %D%/sec_beside.c %D%/sec_derive.c %D%/sec_own.c %D%/sec.h %D%/sec_priv.h %D%/sec_tick.c %D%/setup.c
