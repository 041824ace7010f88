#!/bin/sh
# Goal:   a first start that is killed at any step leaves a folder in which the same command starts
#         again, and ends with the root of a run that was never killed.
# Method: the run is killed before each of its system calls that changes a folder, one after the
#         other, until it ends by itself; after each kill, the same command without one.
set -eu
# shellcheck source=tests/lib/processes.sh
. "${top_srcdir:-.}/tests/lib/processes.sh"

kill_at=$build/tests/tools/kill_at
example=$top/examples/kill9/kill9.jitos

begin() {
    "$@" "$jitos" run "$example" --seed 11 --ticks 3 --data "$dir/data" --json
}

begin env >"$dir/whole.json"
root=$(key root "$dir/whole.json")
[ -n "$root" ] || { fail "no root: $(cat "$dir/whole.json")" && exit 1; }

step=0
code=0
while [ "$code" = 0 ]; do
    step=$((step + 1))
    [ "$step" -le 2000 ] || { fail "no end after $step steps" && exit 1; }
    rm -rf "$dir/data"
    code=0
    begin "$kill_at" "$step" >"$dir/out" 2>"$dir/err" || code=$?
    [ "$code" = 0 ] || continue
    begin env >"$dir/again.json" 2>"$dir/err" ||
        fail "killed before step $step, then exit $?: $(cat "$dir/err")"
    [ "$(key root "$dir/again.json")" = "$root" ] || fail "killed before step $step: another root"
done
[ "$code" = 3 ] || fail "kill_at: exit $code at step $step: $(cat "$dir/err")"
[ "$step" -gt 20 ] || fail "only $step steps"
echo "$((step - 1)) kills, one before each step of a first start: the same root"
exit "$failed"
