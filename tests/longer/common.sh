# tests/longer/common.sh - what the longer jobs share. To be sourced; $job is the job's name.
# shellcheck shell=bash
set -euo pipefail

fail()
{
    # shellcheck disable=SC2154
    echo "$job: $*" >&2
    exit 1
}

need()
{
    command -v "$1" >/dev/null || fail "$1 is missing; try: ./quickstart install ci"
}

# quietly LOG COMMAND...: its output in a file, the end of that shown when it fails
quietly()
{
    local log=$1
    shift
    "$@" >"$log" 2>&1 && return
    tail -n 30 "$log"
    fail "$1 failed; $(realpath "$log") has all of it"
}

# build FOLDER SOURCE TARGET... -- CONFIGURE WORDS...: in FOLDER, configured once, these targets.
# JIT_CACHE=ccache compiles through it. `all` is a make of its own, which would build the same
# beside this one: all-am is what it makes.
build()
{
    local folder=$1 source targets=()
    source=$(cd "$2" && pwd)
    shift 2
    while [ "$1" != -- ]; do
        [ "$1" != all ] || fail "a target is all-am, not all"
        targets+=("$1")
        shift
    done
    shift
    mkdir -p "$folder"
    (
        cd "$folder"
        [ -f Makefile ] || quietly configure.log "$source/configure" -q "$@"
        quietly make.log make -s -j"$(nproc)" "${targets[@]}"
    )
}

# word NAME FILE: of the last event of a run
word()
{
    sed -n 's/.*"event":"done".*"'"$1"'":"\([0-9a-f]*\)".*/\1/p' "$2"
}
