# tools: the programs; argument parsing and printing only.
include $(srcdir)/tools/cli/local.mk
include $(srcdir)/tools/formats/local.mk
include $(srcdir)/tools/rmgtool/local.mk
include $(srcdir)/tools/selftest/local.mk

tools_libs = kernel/libkernel.la kernel/core/libcore.la proc/host/libhost.la \
	syscall/libsyscall.la sws/libsws.la rmg/librmg.la base/libbase.la

# The supervisor.
bin_PROGRAMS += %D%/jitosd
%C%_jitosd_SOURCES = %D%/jitosd.c
%C%_jitosd_CFLAGS = $(AM_CFLAGS) $(CBOR_CFLAGS) -DJIT_LOADER_PATH='"$(pkglibexecdir)/jitos-loader"' \
	-DJIT_ATTACKER_PATH='"$(pkglibexecdir)/jitos-attacker"'
%C%_jitosd_LDADD = tools/selftest/libselftest.la $(tools_libs)

# The client.
bin_PROGRAMS += %D%/jitos
%C%_jitos_SOURCES = %D%/client/jitos.h %D%/client/load.c %D%/client/load.h %D%/client/main.c \
	%D%/client/mute.c %D%/client/mute.h \
	%D%/client/parameters.c %D%/client/parameters.h %D%/client/session.c %D%/client/session.h \
	%D%/client/settings.c %D%/client/settings.h %D%/client/temporary.c %D%/client/temporary.h
# Systems that run.
%C%_jitos_SOURCES += %D%/client/run/demo.c %D%/client/run/genesis.c %D%/client/run/genesis.h \
	%D%/client/run/rules.c %D%/client/run/rules.h \
	%D%/client/run/rules_check.c %D%/client/run/rules_graph.c %D%/client/run/run.c %D%/client/run/runner.c %D%/client/run/runner.h \
	%D%/client/run/sweep.c %D%/client/run/sweep_plan.c %D%/client/run/sweep_plan.h \
	%D%/client/run/sweep_priv.h %D%/client/run/sweep_result.c %D%/client/run/sweep_row.c
# Histories and states out of them.
%C%_jitos_SOURCES += %D%/client/history/ancestry.c %D%/client/history/ancestry.h \
	%D%/client/history/bisect.c %D%/client/history/branches.c %D%/client/history/branches.h \
	%D%/client/history/causes.c %D%/client/history/causes.h %D%/client/history/causes_priv.h \
	%D%/client/history/causes_requests.c %D%/client/history/causes_writers.c %D%/client/history/checkpoint.c \
	%D%/client/history/checkpoints.c %D%/client/history/checkpoints.h %D%/client/history/export.c \
	%D%/client/history/fork.c %D%/client/history/gc.c \
	%D%/client/history/held.c %D%/client/history/held.h %D%/client/history/history.c \
	%D%/client/history/entries.c %D%/client/history/entries.h %D%/client/history/history.h %D%/client/history/inspect.c %D%/client/history/log.c \
	%D%/client/history/log_path.c %D%/client/history/merge.c %D%/client/history/moment.c \
	%D%/client/history/moment.h %D%/client/history/names.c %D%/client/history/names.h \
	%D%/client/history/replay.c %D%/client/history/restore.c %D%/client/history/revision.c %D%/client/history/salvage.c \
	%D%/client/history/show.c %D%/client/history/tick_line.c %D%/client/history/tick_line.h \
	%D%/client/history/timegraph.c %D%/client/history/timegraph.h %D%/client/history/verify.c %D%/client/history/runs.c %D%/client/history/runs.h %D%/client/history/ps.c \
	%D%/client/history/why.c
# Capabilities.
%C%_jitos_SOURCES += %D%/client/cap/audit.c %D%/client/cap/audit_grants.c \
	%D%/client/cap/audit_needs.c %D%/client/cap/audit_priv.h %D%/client/cap/authority.c \
	%D%/client/cap/authority.h %D%/client/cap/authority_find.c \
	%D%/client/cap/authority_owner.c %D%/client/cap/authority_words.c %D%/client/cap/cap.c \
	%D%/client/cap/cap.h %D%/client/cap/dry_run.c %D%/client/cap/explain.c %D%/client/cap/guest.c %D%/client/cap/grant.c \
	%D%/client/cap/log.c %D%/client/cap/own.c %D%/client/cap/token.c %D%/client/cap/used.c
# What `rmg` shows as well.
%C%_jitos_SOURCES += %D%/rmgtool/cat.c %D%/rmgtool/delta.c %D%/rmgtool/delta.h \
	%D%/rmgtool/delta_dot.c %D%/rmgtool/diff.c %D%/rmgtool/export_write.c %D%/rmgtool/key_file.c \
	%D%/rmgtool/keys.h %D%/rmgtool/load.c %D%/rmgtool/ls.c %D%/rmgtool/output.c %D%/rmgtool/path.c \
	%D%/rmgtool/path.h %D%/rmgtool/query.c %D%/rmgtool/rmg.h %D%/rmgtool/settle.c \
	%D%/rmgtool/settle.h
%C%_jitos_CFLAGS = $(AM_CFLAGS) $(CBOR_CFLAGS) $(JANSSON_CFLAGS) \
	-DJIT_DATA_PATH='"$(pkgdatadir)"'
%C%_jitos_LDADD = tools/formats/libformats.la tools/cli/libcli.la $(tools_libs)
nobase_dist_pkgdata_DATA = examples/supply-chain/supply-chain.jitos \
	examples/kill9/kill9.jitos examples/kill9/people.csv examples/kill9/knows.csv \
	examples/city/places.csv examples/city/detours.jitos examples/city/roads.csv examples/city/types.jitos \
	examples/link-click/link-click.jitos examples/link-click/nodes.csv examples/link-click/edges.csv \
	examples/on-a-leash/depends.csv examples/on-a-leash/leash.jitos \
	examples/on-a-leash/packages.csv \
	examples/town/town.jitos examples/town/people.csv examples/town/knows.csv schemas/pack.jitos

nobase_dist_pkgdata_SCRIPTS = examples/kill9/kill9.sh

# What the tables of the programs also give: completions, and manual pages where scdoc is.
bashcompletiondir = $(datadir)/bash-completion/completions
zshcompletiondir = $(datadir)/zsh/site-functions
bashcompletion_DATA = %D%/shell/jitos %D%/shell/rmg
zshcompletion_DATA = %D%/shell/_jitos %D%/shell/_rmg
CLEANFILES += $(bashcompletion_DATA) $(zshcompletion_DATA)
if HAVE_SCDOC
man1_MANS = %D%/shell/jitos.1 %D%/shell/rmg.1
man8_MANS = %D%/shell/jitosd.8
CLEANFILES += $(man1_MANS) $(man8_MANS)
endif
EXTRA_DIST += %D%/jitosd.8.scd
made_dir = @$(MKDIR_P) $(@D)
%D%/shell/jitos: %D%/jitos
	$(made_dir)
	$(AM_V_GEN)$< --print bash >$@.tmp && mv $@.tmp $@
%D%/shell/rmg: %D%/rmg
	$(made_dir)
	$(AM_V_GEN)$< --print bash >$@.tmp && mv $@.tmp $@
%D%/shell/_jitos: %D%/jitos
	$(made_dir)
	$(AM_V_GEN)$< --print zsh >$@.tmp && mv $@.tmp $@
%D%/shell/_rmg: %D%/rmg
	$(made_dir)
	$(AM_V_GEN)$< --print zsh >$@.tmp && mv $@.tmp $@
%D%/shell/jitos.1: %D%/jitos
	$(made_dir)
	$(AM_V_GEN)$< --print man | $(SCDOC) >$@.tmp && mv $@.tmp $@
%D%/shell/rmg.1: %D%/rmg
	$(made_dir)
	$(AM_V_GEN)$< --print man | $(SCDOC) >$@.tmp && mv $@.tmp $@
%D%/shell/jitosd.8: %D%/jitosd.8.scd
	$(made_dir)
	$(AM_V_GEN)$(SCDOC) <$(srcdir)/%D%/jitosd.8.scd >$@.tmp && mv $@.tmp $@
