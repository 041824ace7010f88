#!/usr/bin/env bash
# Builds the program of docs/librmg.md against what was installed, by pkg-config, and runs it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
read -ra flags <<<"$(pkg-config --cflags --libs librmg)"
example=$top_srcdir/docs/examples/first_graph
# shellcheck disable=SC2086 # CC and CFLAGS are words
$CC -std=c11 ${CFLAGS:-} -o "$work/first" "$example.c" "${flags[@]}"
LD_LIBRARY_PATH=$libdir "$work/first" "$work/first.rmg" | diff "$example.txt" -
echo "librmg: installed, found by pkg-config, and a program runs with it"

# The same for a worker: it is linked, and judged as the supervisor would by `jitos run`.
read -ra flags <<<"$(pkg-config --cflags --libs libjitos)"
# shellcheck disable=SC2086
$CC -std=c11 ${CFLAGS:-} -o "$work/ants" "$top_srcdir/examples/native/ants.c" "${flags[@]}"
cp "$top_srcdir"/examples/native/*.{jitos,csv} "$work"
case ${CFLAGS:-} in
*-fsanitize*)
    echo "libjitos: installed, found by pkg-config, and a worker is linked with it;" \
        "not run: a sanitizer's runtime does not start in what is linked statically"
    exit 0
    ;;
esac
if [ -x "$libdir/../bin/jitos" ]; then
    # Into a file: a reader that leaves at the first match would break the pipe of a run.
    "$libdir/../bin/jitos" run "$work/ants.jitos" --ticks 10 --data "$work/run" --json >"$work/out"
    grep -q '"applied":80' "$work/out"
fi
echo "libjitos: installed, found by pkg-config, and a worker runs with it"
