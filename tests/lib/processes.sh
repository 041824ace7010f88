# tests/lib/processes.sh - what tests with real processes share. To be sourced; $jitosd is the
# supervisor, $dir a folder of the test's own.
# shellcheck shell=sh

# key NAME FILE: a key of the last event
key() {
    tail -n 1 "$2" | sed -n 's/.*"'"$1"'":"\{0,1\}\([^",}]*\).*/\1/p'
}

# Without what locks workers in, the test is skipped; JIT_MUST_WORK=1 makes that a failure.
# shellcheck disable=SC2154
if ! "$jitosd" --check >"$dir/check" 2>&1; then
    cat "$dir/check"
    echo "SKIP: this machine cannot lock workers in"
    [ "${JIT_MUST_WORK:-}" = 1 ] && exit 1
    exit 77
fi
