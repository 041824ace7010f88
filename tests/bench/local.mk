# Figures (docs/BENCHMARKS.md): `make bench` writes bench.ndjson; each file adds its line here, in
# bench.h and in bench.c. `make check` builds it and takes the small sizes, so that it is there when
# it is needed; no time is judged then.
EXTRA_PROGRAMS += %D%/bench
%C%_bench_SOURCES = %D%/bench.c %D%/bench.h %D%/bench_bed.c %D%/bench_bed.h %D%/bench_cap.c %D%/bench_checkpoint.c %D%/bench_disk.c \
	%D%/bench_engine.c %D%/bench_file.c %D%/bench_host.c %D%/bench_host.h %D%/bench_kernel.c %D%/bench_lmdb.c %D%/bench_merge.c \
	%D%/bench_process.c %D%/bench_rule.c %D%/bench_script.c %D%/bench_store.c %D%/bench_sws.c %D%/bench_wsc.c tests/lib/rule_kit.c \
	tests/lib/rule_kit.h tests/lib/sample_rules.c tests/lib/sample_rules.h tools/client/run/genesis.c tools/client/run/genesis.h
%C%_bench_CFLAGS = $(AM_CFLAGS)
%C%_bench_LDADD = kernel/libkernel.la kernel/core/libcore.la proc/host/libhost.la \
	syscall/libsyscall.la sws/libsws.la rmg/librmg.la base/libbase.la
if HAVE_SQLITE
%C%_bench_CFLAGS += $(SQLITE_CFLAGS) -DHAVE_SQLITE
%C%_bench_LDADD += $(SQLITE_LIBS)
endif
if HAVE_LMDB
%C%_bench_CFLAGS += $(LMDB_CFLAGS) -DHAVE_LMDB
%C%_bench_LDADD += $(LMDB_LIBS)
endif

# Programs of their own that it starts as workers.
EXTRA_PROGRAMS += %D%/bench_native %D%/bench_flooder
%C%_bench_native_CFLAGS = $(AM_CFLAGS) -fPIE
%C%_bench_native_LDADD = proc/guest/libjitos.la
%C%_bench_flooder_CFLAGS = $(AM_CFLAGS) -fPIE
%C%_bench_flooder_LDADD = proc/guest/libjitos.la
if !SANITIZED
%C%_bench_native_LDFLAGS = $(AM_LDFLAGS) -static-pie
%C%_bench_flooder_LDFLAGS = $(AM_LDFLAGS) -static-pie
endif

.PHONY: bench
bench: %D%/bench$(EXEEXT) %D%/bench_native$(EXEEXT) %D%/bench_flooder$(EXEEXT) \
	proc/guest/jitos-loader$(EXEEXT)
	$(AM_V_GEN)%D%/bench$(EXEEXT) | tee bench.ndjson

dist_check_SCRIPTS += %D%/test_bench.sh
check_DATA += %D%/bench$(EXEEXT) %D%/bench_native$(EXEEXT) %D%/bench_flooder$(EXEEXT)
CLEANFILES += %D%/bench$(EXEEXT) %D%/bench_native$(EXEEXT) %D%/bench_flooder$(EXEEXT)
