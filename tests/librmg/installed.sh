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
