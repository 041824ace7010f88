#!/bin/sh
# Goal:   a run killed at any instant ends with the root of one that was never killed.
# Method: the example, a few times; JIT_KILLS says how often (100 in the longer job).
set -eu
# shellcheck source=tests/lib/processes.sh
. "${top_srcdir:-.}/tests/lib/processes.sh"

JITOS=$build/tools/jitos
export JITOS

TMPDIR=$dir "$top/examples/kill9/kill9.sh" "${JIT_KILLS:-4}"
