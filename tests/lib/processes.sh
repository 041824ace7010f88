# tests/lib/processes.sh - what tests with real processes share. To be sourced; $jitosd is the
# supervisor, $dir a folder of the test's own.
# shellcheck shell=sh

# key NAME FILE: a key of the last event
key() {
    tail -n 1 "$2" | sed -n 's/.*"'"$1"'":"\{0,1\}\([^",}]*\).*/\1/p'
}

failed=0

fail() {
    echo "FAIL: $*"
    failed=1
}

# children PID: of a process, one a line, but for the one that starts a supervisor's workers
children() {
    for stat in /proc/[0-9]*/stat; do
        # The name in parentheses is one word for all that run here.
        # shellcheck disable=SC2034
        { read -r pid name state parent rest <"$stat"; } 2>/dev/null || continue
        if [ "$parent" = "$1" ] && [ "$name" != "(jitos-spawn)" ] && [ "$state" != Z ]; then
            echo "$pid"
        fi
    done
}

# want CODE COMMAND...: its output in $dir/out, its messages in $dir/err
want() {
    code=$1
    shift
    set +e
    "$@" >"$dir/out" 2>"$dir/err"
    got=$?
    set -e
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

# Without what locks workers in, the test is skipped; JIT_MUST_WORK=1 makes that a failure.
# shellcheck disable=SC2154
if ! "$jitosd" --check >"$dir/check" 2>&1; then
    cat "$dir/check"
    echo "SKIP: this machine cannot lock workers in"
    [ "${JIT_MUST_WORK:-}" = 1 ] && exit 1
    exit 77
fi
