#!/bin/sh
# Goal:   a run killed at any instant ends with the root of one that was never killed.
# Method: the example, a few times; JIT_KILLS says how often (100 in the longer job).
set -eu

jitosd=$(cd "${builddir:-.}" && pwd)/tools/jitosd
JITOS=$(cd "${builddir:-.}" && pwd)/tools/jitos
export JITOS
top=$(cd "${srcdir:-.}" && pwd)
dir=$(mktemp -d "${TMPDIR:-/tmp}/jitos-kill9-test-XXXXXX")
trap 'rm -rf "$dir"' EXIT

# shellcheck source=tests/lib/processes.sh
. "$top/tests/lib/processes.sh"

TMPDIR=$dir "$top/examples/kill9/kill9.sh" "${JIT_KILLS:-4}"
