# tests/lib/commands.sh - how a bash test of a program's command line begins: as begin.sh says, in
# the folder of its own; run() a command, check() what it gave, finish(). To be sourced.
# shellcheck shell=bash
# shellcheck source=tests/lib/begin.sh
. "${top_srcdir:-.}/tests/lib/begin.sh"
cd "$dir" || exit 99
passed=0
h=$(printf '?%.0s' {1..64}) # a pattern for 64 digits
# shellcheck disable=SC2034 # and for an id as it is shown
s=$(printf '?%.0s' {1..16})

# Counted, since finish() says how many.
fail() {
    echo "FAIL $*"
    failed=$((failed + 1))
}

# run COMMAND...: its output in $out, its messages in $err, its exit code in $code
run() {
    out=$("$@" 2>err.txt </dev/null)
    code=$?
    err=$(cat err.txt)
}

# check NAME EXIT STDOUT STDERR: what the last run() must have given. Patterns of [[ == ]].
check() {
    # shellcheck disable=SC2053 # patterns
    if [[ $code == $2 && $out == $3 && $err == $4 ]]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAIL %s\n  exit %s, wanted %s\n' "$1" "$code" "$2"
        printf '  stdout <<%s>>\n  wanted <<%s>>\n' "$out" "$3"
        printf '  stderr <<%s>>\n  wanted <<%s>>\n' "$err" "$4"
    fi
}

# finish: the last command of the test
finish() {
    echo "$passed passed, $failed failed"
    [[ $failed == 0 ]]
}
