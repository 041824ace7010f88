#!/usr/bin/env bash
# What librmg.so shows is what its installed headers declare: no symbol more, none less, each with a
# version. And the installed headers include each other only. With --write: lists in librmg.map what
# the headers declare, for who has added a call (before 1.0; later a new version takes it).
set -euo pipefail
cd "${top_builddir:-.}"
src=${top_srcdir:-.}
so=librmg/.libs/librmg.so
[ -f "$so" ] || { echo "SKIP: librmg was not built as a shared library" && exit 77; }
command -v nm >/dev/null || { echo "SKIP: no nm here (binutils)" && exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

MAKEFLAGS="" make -s --no-print-directory -f - print <<'E2' >"$work/headers"
include Makefile
print:
	@echo $(librmginclude_HEADERS) $(nobase_librmginclude_HEADERS)
E2
tr ' ' '\n' <"$work/headers" | sort >"$work/installed"

nm -D --defined-only "$so" | awk '$2 ~ /[TDRB]/ { print $3 }' | grep -v '^LIBRMG' >"$work/shown"
if grep -v '@@LIBRMG_' "$work/shown"; then
    echo "these are shown without a version"
    exit 1
fi
sed 's/@@.*//' "$work/shown" | sort -u >"$work/names"

# Every function defined in the library by its name, and those of them that a header declares.
nm "$so" | awk '$2 ~ /[tTdDrR]/ { print $3 }' | sed 's/@@.*//' | sort -u >"$work/defined"
(cd "$src" && xargs cat) <"$work/installed" | grep -oE '\b(rmg|jit)_[a-z0-9_]+\(' | tr -d '(' |
    sort -u | comm -12 - "$work/defined" >"$work/declared"
if [ "${1:-}" = --write ]; then
    map=$src/librmg/librmg.map
    {
        sed '/^global:/q' "$map"
        sed 's/.*/    &;/' "$work/declared"
        sed -n '/^local:/,$p' "$map"
    } >"$work/map"
    cp "$work/map" "$map"
    echo "$map is written; make, and look at what changed"
    exit 0
fi
if ! diff "$work/declared" "$work/names" >"$work/diff"; then
    echo "librmg.map and the installed headers differ (< declared, not in the map; > the reverse):"
    grep '^[<>]' "$work/diff"
    echo "next: tests/librmg/test_symbols.sh --write"
    exit 1
fi

# Each header that one of them includes is installed as well.
(cd "$src" && xargs grep -hoE '#include "[^"]+"' <"$work/installed") | cut -d'"' -f2 |
    sort -u >"$work/needed"
if comm -13 "$work/installed" "$work/needed" | grep .; then
    echo "these headers are included by an installed one and not installed"
    exit 1
fi
echo "$(wc -l <"$work/names") symbols, $(wc -l <"$work/installed") headers"
