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
%C%_jitos_SOURCES = \
	%D%/genesis.c %D%/genesis.h %D%/history.c %D%/history.h %D%/jitos.c %D%/jitos.h \
	%D%/jitos_demo.c %D%/jitos_export.c %D%/jitos_log.c %D%/jitos_rules.c %D%/jitos_run.c %D%/jitos_verify.c %D%/load.c %D%/load.h \
	%D%/runner.c %D%/runner.h %D%/session.c %D%/session.h \
	%D%/rmgtool/export_write.c %D%/rmgtool/output.c %D%/rmgtool/path.c \
	%D%/rmgtool/path.h %D%/rmgtool/rmg.h \
	%D%/temporary.c %D%/temporary.h
# Capabilities.
%C%_jitos_SOURCES += %D%/authority.c %D%/authority.h %D%/authority_owner.c %D%/jitos_audit.c %D%/jitos_cap.c \
	%D%/jitos_cap.h %D%/jitos_cap_log.c %D%/jitos_cap_own.c %D%/jitos_cap_used.c %D%/jitos_dry_run.c %D%/jitos_explain.c %D%/jitos_grant.c %D%/jitos_token.c
# Checkpoints and history.
%C%_jitos_SOURCES += %D%/ancestry.c %D%/ancestry.h %D%/branches.c %D%/branches.h %D%/forks.h \
	%D%/jitos_fork.c %D%/jitos_merge.c %D%/settings.c %D%/settings.h \
	%D%/rmgtool/delta.c %D%/rmgtool/delta.h %D%/rmgtool/settle.c %D%/rmgtool/settle.h \
	%D%/checkpoints.c %D%/checkpoints.h %D%/jitos_checkpoint.c \
	%D%/jitos_restore.c %D%/rmgtool/key_file.c %D%/rmgtool/keys.h
# States out of a history, with what `rmg` shows of them.
%C%_jitos_SOURCES += %D%/jitos_bisect.c %D%/jitos_gc.c %D%/jitos_salvage.c %D%/jitos_log_path.c %D%/names.c %D%/names.h %D%/jitos_replay.c
%C%_jitos_SOURCES += %D%/jitos_sweep.c %D%/sweep_plan.c %D%/sweep_plan.h
%C%_jitos_SOURCES += %D%/parameters.c %D%/parameters.h
%C%_jitos_SOURCES += %D%/causes.c %D%/causes.h %D%/held.c %D%/held.h %D%/jitos_why.c
%C%_jitos_SOURCES += %D%/jitos_inspect.c %D%/moment.c %D%/moment.h %D%/timegraph.c %D%/timegraph.h \
	%D%/rmgtool/cat.c %D%/rmgtool/delta_dot.c %D%/rmgtool/diff.c %D%/rmgtool/load.c \
	%D%/rmgtool/ls.c %D%/rmgtool/query.c
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
