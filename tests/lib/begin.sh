# tests/lib/begin.sh - how a test script begins: it knows where things are, has a folder of its own
# that is gone at the end, and remembers what failed. To be sourced before any folder is left:
#
#     . "${top_srcdir:-.}/tests/lib/begin.sh"
#
# From then on $top is where the sources are and $build where they were built, both absolute;
# $jitos, $jitosd and $rmg are the programs, which are found by these names as well; $dir is the
# folder. processes.sh and commands.sh build on this one and source it themselves.
# shellcheck shell=sh
# shellcheck disable=SC2034 # of those who source it
LC_ALL=C
export LC_ALL
top=$(cd "${top_srcdir:-.}" && pwd)
build=$(cd "${top_builddir:-.}" && pwd)
jitos=$build/tools/jitos
jitosd=$build/tools/jitosd
rmg=$build/tools/rmg
PATH=$build/tools:$PATH
export PATH
dir=${0##*/}
dir=$(mktemp -d "${TMPDIR:-/tmp}/jitos-${dir%.sh}-XXXXXX") || exit 99

# What is done at the end, however it comes; a test that has more to tidy up defines it again.
daemon= # a process that is ended then
tidy() {
    [ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true
    rm -rf "$dir"
}
trap tidy EXIT

failed=0

fail() {
    echo "FAIL: $*"
    failed=1
}

# skip WHY: the test cannot be done here, which JIT_MUST_WORK=1 makes a failure.
skip() {
    echo "SKIP: $*"
    [ "${JIT_MUST_WORK:-}" != 1 ] || exit 1
    exit 77
}

# need_workers: or it is skipped, since none can be locked in here.
need_workers() {
    "$jitosd" --check >"$dir/check" 2>&1 || {
        cat "$dir/check"
        skip "this machine cannot lock workers in"
    }
}

# want CODE COMMAND...: its output in $dir/out, its messages in $dir/err
want() {
    code=$1
    shift
    got=0
    "$@" >"$dir/out" 2>"$dir/err" || got=$?
    if [ "$got" != "$code" ]; then
        fail "exit $got, wanted $code: $*"
        cat "$dir/out" "$dir/err"
    fi
}

# says WORDS: the last want() did, on one of both
says() {
    grep -q -- "$1" "$dir/out" "$dir/err" || {
        fail "no word of: $1"
        cat "$dir/out" "$dir/err"
    }
}

# expect CODE WORDS COMMAND...: it leaves with CODE, and says WORDS somewhere; $dir/out.txt has all
# that it says.
expect() {
    code=$1 words=$2
    shift 2
    got=0
    "$@" >"$dir/out.txt" 2>&1 || got=$?
    [ "$got" = "$code" ] || fail "$*: exit $got, not $code: $(cat "$dir/out.txt")"
    grep -qF -e "$words" "$dir/out.txt" ||
        fail "$*: does not say \"$words\": $(cat "$dir/out.txt")"
}

# no_progress: what it reads, without the lines that say how far a slow machine has come
no_progress() {
    sed -E '/^[a-z ]+  [0-9].* [a-z]+\/s( |$)/d'
}

# key NAME FILE: a key of the last event
key() {
    tail -n 1 "$2" | sed -n 's/.*"'"$1"'":"\{0,1\}\([^",}]*\).*/\1/p'
}

# cells COUNT [COLUMNS VALUES]: a table of so many nodes, whose values are the same
cells() {
    echo ":ID,:LABEL,${2:-state:long}"
    n=0
    while [ $n -lt "$1" ]; do
        echo "c$n,Cell,${3:-0}"
        n=$((n + 1))
    done
}
