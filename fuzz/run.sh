#!/usr/bin/env bash
# run.sh SOURCES MINUTES [NAME...] - all fuzz targets, or those named, under libFuzzer with ASan and
# UBSan, for so many minutes together; `make fuzz MINUTES=n` calls it. Begins with the stored corpus
# and keeps what it finds on the way under build-fuzz/corpus/NAME: the next run goes on from there.
# Ends at the first input that breaks something; that lies in build-fuzz/found/ then, and the last
# line says how to repeat it.
job=fuzz
. "$(dirname "${BASH_SOURCE[0]}")/../tests/longer/common.sh"

[ $# -ge 2 ] || fail "usage: run.sh SOURCES MINUTES [NAME...]"
source=$(cd "$1" && pwd)
minutes=$2
shift 2
[[ $minutes =~ ^[1-9][0-9]{0,4}$ ]] || fail "MINUTES is a whole number from 1 on, not '$minutes'"
need clang-14
names=("$@")
if [ ${#names[@]} -eq 0 ]; then
    for file in "$source"/fuzz/fuzz_*.c; do
        name=${file##*/fuzz_}
        names+=("${name%.c}")
    done
fi
programs=()
for name in "${names[@]}"; do
    [ -f "$source/fuzz/fuzz_$name.c" ] || fail "there is no fuzz/fuzz_$name.c"
    programs+=("fuzz/fuzz_$name")
done
# Each gets its share, half a minute at the least, so that a short run is longer than asked for.
seconds=$((minutes * 60 / ${#names[@]}))
[ $seconds -ge 30 ] || seconds=30

mkdir -p build-fuzz/build build-fuzz/found
cd build-fuzz
here=$PWD
(
    cd build
    [ -f Makefile ] || quietly configure.log "$source/configure" -q --enable-sanitize \
        CC="${FUZZ_CACHE-} clang-14" CFLAGS='-O1 -g -fsanitize=fuzzer-no-link'
    # The engine has the main(); replay_main.c has none then.
    quietly make.log make -s -j"$(nproc)" CPPFLAGS=-DJIT_FUZZ_ENGINE LDFLAGS=-fsanitize=fuzzer \
        "${programs[@]}"
)
export ASAN_OPTIONS=allocator_may_return_null=1
for name in "${names[@]}"; do
    mkdir -p "corpus/$name"
    stored=()
    [ ! -d "$source/fuzz/corpus/$name" ] || stored=("$source/fuzz/corpus/$name")
    echo "fuzz: $name, $seconds s"
    "build/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=25 -rss_limit_mb=4096 \
        -artifact_prefix="$here/found/$name-" -print_final_stats=1 -verbosity=0 \
        "corpus/$name" "${stored[@]}" >"$name.log" 2>&1 || {
        tail -n 30 "$name.log"
        fail "$name broke; repeat: $here/build/fuzz/fuzz_$name $here/found/$name-..."
    }
    grep -h 'number_of_executed_units' "$name.log" | sed "s/^stat::/    /"
done
echo "fuzz: ${#names[@]} targets, nothing broke"
