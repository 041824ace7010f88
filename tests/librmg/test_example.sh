#!/usr/bin/env bash
# The programs of docs/librmg.md and docs/native.md are built as they stand, run, and write what the
# pages say.
set -euo pipefail
# shellcheck source=tests/lib/begin.sh
. "${top_srcdir:-.}/tests/lib/begin.sh"

so=$build/librmg/.libs/librmg.so
[ -f "$so" ] || skip "librmg was not built as a shared library"
for example in first_graph native_rule; do
    # shellcheck disable=SC2086 # CC and the flags are words
    ${CC:-cc} -std=c11 ${sanitize_cflags:-} -I"$top/librmg" -I"$top" -o "$dir/$example" \
        "$top/docs/examples/$example.c" "$so" -Wl,-rpath,"${so%/*}"
    "$dir/$example" "$dir/first.rmg" >"$dir/$example.out"
    diff "$top/docs/examples/$example.txt" "$dir/$example.out"
done
"$rmg" verify "$dir/first.rmg" >"$dir/verify"
grep -q "$(sed -n 's/^made *//p' "$dir/first_graph.out")" "$dir/verify"
# Each page shows the whole of both.
shows() {
    awk -v file="$2" '
        $0 == "<!-- " file " -->" { getline; inside = 1; next }
        inside && /^```$/ { inside = 0 }
        inside' "$top/docs/$1" | diff - "$top/docs/examples/$2" || {
        echo "docs/$1 does not show docs/examples/$2 as it is"
        exit 1
    }
}
shows librmg.md first_graph.c
shows librmg.md first_graph.txt
shows native.md native_rule.c
shows native.md native_rule.txt
