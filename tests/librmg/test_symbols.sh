#!/usr/bin/env bash
# What librmg.so shows is what its installed headers declare: no symbol more, none less, each with a
# version. And the installed headers include each other only. With --write: lists in librmg.map what
# the headers declare, for who has added a call (before 1.0; later a new version takes it).
set -euo pipefail
# shellcheck source=tests/lib/begin.sh
. "${top_srcdir:-.}/tests/lib/begin.sh"

cd "$build"
so=librmg/.libs/librmg.so
[ -f "$so" ] || skip "librmg was not built as a shared library"
command -v nm >/dev/null || skip "no nm here (binutils)"

MAKEFLAGS="" make -s --no-print-directory -f - print <<'E2' >"$dir/headers"
include Makefile
print:
	@echo $(librmginclude_HEADERS) $(nobase_librmginclude_HEADERS)
E2
tr ' ' '\n' <"$dir/headers" | sort >"$dir/installed"

nm -D --defined-only "$so" | awk '$2 ~ /[TDRB]/ { print $3 }' | grep -v '^LIBRMG' >"$dir/shown"
if grep -v '@@LIBRMG_' "$dir/shown"; then
    echo "these are shown without a version"
    exit 1
fi
sed 's/@@.*//' "$dir/shown" | sort -u >"$dir/names"

# Every function defined in the library by its name, and those of them that a header declares, but
# for its inline ones, of which a build that inlines little has copies.
nm "$so" | awk '$2 ~ /[tTdDrR]/ { print $3 }' | sed 's/@@.*//' | sort -u >"$dir/defined"
(cd "$top" && xargs cat) <"$dir/installed" >"$dir/text"
called() {
    grep -oE '\b(rmg|jit)_[a-z0-9_]+\(' | tr -d '(' | sort -u
}
grep '^static inline' "$dir/text" | called >"$dir/inline"
called <"$dir/text" | comm -12 - "$dir/defined" | comm -23 - "$dir/inline" >"$dir/declared"
if [ "${1:-}" = --write ]; then
    map=$top/librmg/librmg.map
    {
        sed '/^global:/q' "$map"
        sed 's/.*/    &;/' "$dir/declared"
        sed -n '/^local:/,$p' "$map"
    } >"$dir/map"
    cp "$dir/map" "$map"
    echo "$map is written; make, and look at what changed"
    exit 0
fi
if ! diff "$dir/declared" "$dir/names" >"$dir/diff"; then
    echo "librmg.map and the installed headers differ (< declared, not in the map; > the reverse):"
    grep '^[<>]' "$dir/diff"
    echo "next: tests/librmg/test_symbols.sh --write"
    exit 1
fi

# Each header that one of them includes is installed as well.
(cd "$top" && xargs grep -hoE '#include "[^"]+"' <"$dir/installed") | cut -d'"' -f2 |
    sort -u >"$dir/needed"
if comm -13 "$dir/installed" "$dir/needed" | grep .; then
    echo "these headers are included by an installed one and not installed"
    exit 1
fi
echo "$(wc -l <"$dir/names") symbols, $(wc -l <"$dir/installed") headers"
