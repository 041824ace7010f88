#!/usr/bin/env bash
# Builds the programs of docs/librmg.md and docs/native.md against what was installed, by
# pkg-config, and runs them.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
read -ra flags <<<"$(pkg-config --cflags --libs librmg)"
for name in first_graph native_rule; do
    example=$top_srcdir/docs/examples/$name
    # shellcheck disable=SC2086 # CC and CFLAGS are words
    $CC -std=c11 ${CFLAGS:-} -o "$work/$name" "$example.c" "${flags[@]}"
    LD_LIBRARY_PATH=$libdir "$work/$name" "$work/first.rmg" | diff "$example.txt" -
done
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
