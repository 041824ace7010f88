#!/bin/sh
# Goal:   jitosd sandbox --selftest says what holds, with the exit codes of its help, and refuses by
#         name where no worker can be started.
# Method: the real program on this machine; a table of attacks that all have to be stopped.
set -eu
# shellcheck source=tests/lib/processes.sh
. "${top_srcdir:-.}/tests/lib/processes.sh"

if grep -q 'grade: none' "$dir/check"; then
    echo "SKIP: a sanitizer build has a null sandbox: nothing holds, and it says so"
    exit 77
fi

"$jitosd" sandbox --selftest --json >"$dir/json" && got=0 || got=$?
[ "$got" = 0 ] || fail "exit $got: $(grep -v mechanism "$dir/json")"
[ "$(grep -c '"tried":' "$dir/json")" = 6 ] || fail "not six combinations"
grep '"tried":' "$dir/json" | grep -qv '"through":0}' && fail "something got through"
tail -n 1 "$dir/json" | grep -q '^{"held":true,"user":"[a-z]*","grade":"[^"]*"}$' ||
    fail "the last line is $(tail -n 1 "$dir/json")"
[ "$(grep -c '"mechanism":.*"means":"[^"].*"fix":"[^"]' "$dir/json")" -gt 15 ] || fail "mechanisms"

"$jitosd" sandbox >"$dir/out" 2>"$dir/err" && got=0 || got=$?
[ "$got" = 2 ] || fail "without an option: exit $got"
grep -q 'next: jitosd sandbox --selftest' "$dir/err" || fail "no way out is named"
"$jitosd" sandbox --selftest --nonsense >"$dir/out" 2>"$dir/err" && got=0 || got=$?
[ "$got" = 2 ] || fail "a wrong option: exit $got"

# Without the program that attacks there is nothing to be said.
cp "$jitosd" "$dir/jitosd"
"$dir/jitosd" sandbox --selftest >"$dir/out" 2>"$dir/err" && got=0 || got=$?
[ "$got" = 125 ] || fail "without its program: exit $got"
grep -q 'jitos-attacker' "$dir/err" || fail "what is missing is not named"
grep -q 'next: ' "$dir/err" || fail "no way out is named where no worker can be started"

exit "$failed"
