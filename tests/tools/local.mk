# Tests of tools.
check_PROGRAMS += %D%/test_cli
%C%_test_cli_CFLAGS = $(test_cflags) $(JANSSON_CFLAGS)
%C%_test_cli_LDADD = tools/cli/libcli.la $(test_libs_base) $(JANSSON_LIBS)

# Formats and rmg.
EXTRA_DIST += %D%/rules tests/lib/ants.sh tests/lib/begin.sh tests/lib/brancher.sh \
	tests/lib/commands.sh tests/lib/page.sh tests/lib/processes.sh tests/lib/small_log.sh
format_libs = tools/formats/libformats.la $(test_libs_rmg) $(JANSSON_LIBS) $(XML_LIBS)
check_PROGRAMS += %D%/test_csv
%C%_test_csv_SOURCES = %D%/test_csv.c %D%/format_fixture.h
%C%_test_csv_CFLAGS = $(test_cflags)
%C%_test_csv_LDADD = $(format_libs)
check_PROGRAMS += %D%/test_ndjson
%C%_test_ndjson_SOURCES = %D%/test_ndjson.c %D%/format_fixture.h %D%/format_world.h
%C%_test_ndjson_CFLAGS = $(test_cflags) $(JANSSON_CFLAGS)
%C%_test_ndjson_LDADD = $(format_libs)
check_PROGRAMS += %D%/test_apt
%C%_test_apt_SOURCES = %D%/test_apt.c %D%/format_fixture.h
%C%_test_apt_CFLAGS = $(test_cflags)
%C%_test_apt_LDADD = $(format_libs)
check_PROGRAMS += %D%/test_net
%C%_test_net_SOURCES = %D%/test_net.c %D%/format_fixture.h %D%/format_world.h %D%/net_fixture.h
%C%_test_net_CFLAGS = $(test_cflags)
%C%_test_net_LDADD = $(format_libs)
check_PROGRAMS += %D%/test_net_faults
%C%_test_net_faults_SOURCES = %D%/test_net_faults.c %D%/format_fixture.h %D%/format_world.h %D%/net_fixture.h
%C%_test_net_faults_CFLAGS = $(test_cflags)
%C%_test_net_faults_LDADD = $(format_libs)
check_PROGRAMS += %D%/test_export
%C%_test_export_SOURCES = %D%/test_export.c %D%/format_fixture.h %D%/format_world.h %D%/net_fixture.h
%C%_test_export_CFLAGS = $(test_cflags)
%C%_test_export_LDADD = $(format_libs)
dist_check_SCRIPTS += %D%/test_formats.sh %D%/test_round_trip.sh %D%/test_second_reader.sh
EXTRA_DIST += %D%/second_reader.py
dist_check_SCRIPTS += %D%/test_rmg.sh %D%/test_golden.sh %D%/test_rmg_ls.sh %D%/test_pages.sh %D%/test_rmg_run.sh %D%/test_rmg_sign.sh %D%/test_shell.sh %D%/test_rmg_merge.sh %D%/test_schema.sh

# jitos and jitosd with real processes.
dist_check_SCRIPTS += %D%/test_run.sh %D%/test_mute.sh %D%/test_policy.sh %D%/test_rules.sh

# The hub of a real supervisor.
check_PROGRAMS += %D%/test_hub
hub_bed = %D%/hub_bed.c %D%/hub_bed.h tools/client/run/genesis.c tools/client/run/genesis.h
%C%_test_hub_SOURCES = %D%/test_hub.c $(hub_bed)
%C%_test_hub_CFLAGS = $(test_cflags) $(CBOR_CFLAGS)
%C%_test_hub_LDADD = tests/libtest.la $(tools_libs) $(CHECK_LIBS)

# Ends of a real supervisor, its workers and its tools.
noinst_PROGRAMS += %D%/hostile_worker
%C%_hostile_worker_SOURCES = %D%/hostile_worker.c proc/guest/main.c
%C%_hostile_worker_CPPFLAGS = $(AM_CPPFLAGS) -Dguest_loop_new=hostile_loop_new \
	-Dguest_loop_run=hostile_loop_run
%C%_hostile_worker_CFLAGS = $(AM_CFLAGS) -fPIE
%C%_hostile_worker_LDADD = proc/guest/libguest.la sws/libsws.la syscall/libsyscall.la rmg/librmg.la \
	base/libbase.la
if !SANITIZED
%C%_hostile_worker_LDFLAGS = $(AM_LDFLAGS) -static-pie
endif
check_PROGRAMS += %D%/test_supervisor
%C%_test_supervisor_SOURCES = %D%/test_supervisor.c $(hub_bed) tools/client/session.c tools/client/session.h
%C%_test_supervisor_CFLAGS = $(test_cflags) $(CBOR_CFLAGS)
%C%_test_supervisor_LDADD = tests/libtest.la $(tools_libs) $(CHECK_LIBS)

# A full disk under a real supervisor.
check_PROGRAMS += %D%/test_full
%C%_test_full_SOURCES = %D%/test_full.c $(hub_bed)
%C%_test_full_CFLAGS = $(test_cflags) $(CBOR_CFLAGS)
%C%_test_full_LDADD = tests/libtest.la $(tools_libs) $(CHECK_LIBS)

# Checkpoints and restores with real processes.
dist_check_SCRIPTS += %D%/test_checkpoint.sh
# Workers that are programs of their own.
noinst_PROGRAMS += %D%/rogue
%C%_rogue_CFLAGS = $(AM_CFLAGS) -fPIE
%C%_rogue_LDADD = proc/guest/libjitos.la
if !SANITIZED
%C%_rogue_LDFLAGS = $(AM_LDFLAGS) -static-pie
endif
noinst_PROGRAMS += %D%/villain
%C%_villain_CFLAGS = $(AM_CFLAGS) -fPIE
%C%_villain_LDADD = proc/guest/libjitos.la
if !SANITIZED
%C%_villain_LDFLAGS = $(AM_LDFLAGS) -static-pie
endif
dist_check_SCRIPTS += %D%/test_villains.sh
dist_check_SCRIPTS += %D%/test_native.sh %D%/test_link_click.sh %D%/test_selftest.sh \
	%D%/test_kills.sh %D%/test_stops.sh
EXTRA_DIST += docs/link-click.md docs/spec/program.md

# Capabilities: the page shows what the programs print.
dist_check_SCRIPTS += %D%/test_cap.sh
dist_check_SCRIPTS += %D%/test_owner.sh
dist_check_SCRIPTS += %D%/test_chroot.sh
dist_check_SCRIPTS += %D%/test_guests.sh
dist_check_SCRIPTS += %D%/test_restore_authority.sh
EXTRA_DIST += docs/capabilities.md

# Forks, rollbacks and merges with real processes.
dist_check_SCRIPTS += %D%/test_branches.sh

# States and events out of a history.
dist_check_SCRIPTS += %D%/test_history.sh

# A run killed at random instants.
dist_check_SCRIPTS += %D%/test_kill9.sh

# Many runs of one system.
dist_check_SCRIPTS += %D%/test_sweep.sh

# Commands killed before each of their steps.
noinst_PROGRAMS += %D%/kill_at
%C%_kill_at_CFLAGS = $(AM_CFLAGS)
dist_check_SCRIPTS += %D%/test_first_start.sh %D%/test_kill_each.sh \
	%D%/test_kill_running.sh %D%/test_salvage.sh

# Commands that find no room, at any of their steps; a run that finds none for what it keeps.
dist_check_SCRIPTS += %D%/test_full_verbs.sh %D%/test_keep_full.sh

# Programs that are refused memory, at any request of theirs.
dist_check_SCRIPTS += %D%/test_oom_verbs.sh
check_PROGRAMS += %D%/test_oom_hub
%C%_test_oom_hub_SOURCES = %D%/test_oom_hub.c $(hub_bed) tests/lib/refuse.h
%C%_test_oom_hub_CFLAGS = $(test_cflags) $(CBOR_CFLAGS)
%C%_test_oom_hub_LDADD = tests/libtest.la $(tools_libs) $(CHECK_LIBS)

# Histories made again, and one that was written by hand.
noinst_PROGRAMS += %D%/forge
%C%_forge_CFLAGS = $(AM_CFLAGS)
%C%_forge_LDADD = $(tools_libs)
dist_check_SCRIPTS += %D%/test_delay.sh %D%/test_replay.sh

# A worker that uses its whole space.
noinst_PROGRAMS += %D%/brancher
%C%_brancher_SOURCES = %D%/brancher.c
%C%_brancher_CPPFLAGS = -I$(top_srcdir)/proc/guest -I$(top_srcdir)
%C%_brancher_CFLAGS = $(AM_CFLAGS) -fPIE
%C%_brancher_LDADD = proc/guest/libjitos.la
if !SANITIZED
%C%_brancher_LDFLAGS = $(AM_LDFLAGS) -static-pie
endif
dist_check_SCRIPTS += %D%/test_branches_of_workers.sh %D%/test_explore.sh %D%/test_inside.sh %D%/test_own_graphs.sh %D%/test_what_if.sh

# One that does not do the same when it is run again.
noinst_PROGRAMS += %D%/moody
%C%_moody_SOURCES = %D%/moody.c
%C%_moody_CPPFLAGS = -I$(top_srcdir)/proc/guest -I$(top_srcdir)
%C%_moody_CFLAGS = $(AM_CFLAGS) -fPIE
%C%_moody_LDADD = proc/guest/libjitos.la
if !SANITIZED
%C%_moody_LDFLAGS = $(AM_LDFLAGS) -static-pie
endif
dist_check_SCRIPTS += %D%/test_rerun.sh
