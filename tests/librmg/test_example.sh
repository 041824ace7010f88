#!/usr/bin/env bash
# The programs of docs/librmg.md and docs/native.md are built as they stand, run, and write what the
# pages say.
set -euo pipefail
src=$(cd "${top_srcdir:-.}" && pwd)
cd "${top_builddir:-.}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
so=$PWD/librmg/.libs/librmg.so
[ -f "$so" ] || { echo "SKIP: librmg was not built as a shared library" && exit 77; }
for example in first_graph native_rule; do
    # shellcheck disable=SC2086 # CC and the flags are words
    ${CC:-cc} -std=c11 ${sanitize_cflags:-} -I"$src/librmg" -I"$src" -o "$work/$example" \
        "$src/docs/examples/$example.c" "$so" -Wl,-rpath,"${so%/*}"
    "$work/$example" "$work/first.rmg" >"$work/$example.out"
    diff "$src/docs/examples/$example.txt" "$work/$example.out"
done
tools/rmg verify "$work/first.rmg" >"$work/verify"
grep -q "$(sed -n 's/^made *//p' "$work/first_graph.out")" "$work/verify"
# Each page shows the whole of both.
shows() {
    awk -v file="$2" '
        $0 == "<!-- " file " -->" { getline; inside = 1; next }
        inside && /^```$/ { inside = 0 }
        inside' "$src/docs/$1" | diff - "$src/docs/examples/$2" || {
        echo "docs/$1 does not show docs/examples/$2 as it is"
        exit 1
    }
}
shows librmg.md first_graph.c
shows librmg.md first_graph.txt
shows native.md native_rule.c
shows native.md native_rule.txt
