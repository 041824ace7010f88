# Figures (BENCHMARKS): built on demand, never part of `make check`. `make bench` writes
# bench.ndjson; each file adds its line here, in bench.h and in bench.c.
EXTRA_PROGRAMS += %D%/bench
%C%_bench_SOURCES = %D%/bench.c %D%/bench.h %D%/bench_engine.c %D%/bench_store.c \
	tests/lib/sample_rules.c tests/lib/sample_rules.h
%C%_bench_LDADD = rmg/librmg.la base/libbase.la

.PHONY: bench
bench: %D%/bench$(EXEEXT)
	$(AM_V_GEN)%D%/bench$(EXEEXT) | tee bench.ndjson
