#!/usr/bin/env bash
# The program of docs/librmg.md is built as it stands, runs, and writes what the page says.
set -euo pipefail
src=$(cd "${top_srcdir:-.}" && pwd)
cd "${top_builddir:-.}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
so=$PWD/librmg/.libs/librmg.so
[ -f "$so" ] || { echo "SKIP: librmg was not built as a shared library" && exit 77; }
# shellcheck disable=SC2086 # CC and the flags are words
${CC:-cc} -std=c11 ${sanitize_cflags:-} -I"$src/librmg" -I"$src" -o "$work/first_graph" \
    "$src/docs/examples/first_graph.c" "$so" -Wl,-rpath,"${so%/*}"
"$work/first_graph" "$work/first.rmg" >"$work/out"
diff "$src/docs/examples/first_graph.txt" "$work/out"
tools/rmg verify "$work/first.rmg" >"$work/verify"
grep -q "$(sed -n 's/^made *//p' "$work/out")" "$work/verify"
# The page shows the whole of both.
for file in first_graph.c first_graph.txt; do
    awk -v file="$file" '
        $0 == "<!-- " file " -->" { getline; inside = 1; next }
        inside && /^```$/ { inside = 0 }
        inside' "$src/docs/librmg.md" | diff - "$src/docs/examples/$file" || {
        echo "docs/librmg.md does not show docs/examples/$file as it is"
        exit 1
    }
done
