#!/bin/sh
# Goal:   what is said behind a process is done: a worker that somebody kills or stops from outside
#         is started again, given up, or ends the run; the report tells what was not repaired, and
#         the log repeats it.
# Method: a small system with real processes; signals to a worker while its supervisor is held up,
#         so that the run cannot be over before.
set -eu
# shellcheck source=tests/lib/processes.sh
. "${top_srcdir:-.}/tests/lib/processes.sh"

ticks=2000

cells 50 >"$dir/cells.csv"

# Every tick changes something: what a worker misses is missed for good.
system() {
    cat <<END
system policies
type Cell { state: i64 = 0 }
import "cells.csv" into /world
rule count(p: f64)
  match (a:Cell)
  where chance(p)
  set a.state = a.state + 1
process w[2] run count(p = 0.2) apply all over shard(/world) $1
grant w: map /world; invoke count on /world
END
}

# disturb NAME SIGNAL: runs NAME.jitos in the folder NAME, and one of its workers gets the signal
# when 20 ticks are over. The exit code in $got, the events in NAME.json, messages in NAME.err.
disturb() {
    mkfifo "$dir/pipe"
    "$jitos" run "$dir/$1.jitos" --ticks $ticks --seed 3 --data "$dir/$1" --hang-wall 1 --json \
        >"$dir/pipe" 2>"$dir/$1.err" &
    run=$!
    exec 8<"$dir/pipe"
    head -n 1 <&8 >/dev/null # the first tick: supervisor and workers are there
    supervisor=$(children $run | head -n 1)
    kill -STOP "$supervisor"
    worker=$(children "$supervisor" | tail -n 1)
    kill "-$2" "$worker"
    kill -CONT "$supervisor"
    cat <&8 >"$dir/$1.json"
    got=0
    wait $run || got=$?
    exec 8<&-
    rm "$dir/pipe"
}

same_again() {
    "$jitos" replay --verify --data "$dir/$1" >"$dir/out" 2>&1 ||
        fail "$1: the log does not repeat it: $(cat "$dir/out")"
}

system "" >"$dir/usual.jitos"
system "restart never" >"$dir/never.jitos"
system "restart never then stop" >"$dir/stop.jitos"
system "on hang kill" >"$dir/hang.jitos"
"$jitos" -q run "$dir/usual.jitos" --ticks $ticks --seed 3 --json >"$dir/calm.json"
world=$(key world "$dir/calm.json")
root=$(key root "$dir/calm.json")

# Repaired: nobody can tell.
disturb usual KILL
[ $got = 0 ] || fail "usual: exit $got: $(cat "$dir/usual.err")"
[ "$(key root "$dir/usual.json")" = "$root" ] || fail "usual: a repaired death has left a trace"
[ "$(key deterministic "$dir/usual.json")" = true ] || fail "usual: not deterministic"
grep -q deviations "$dir/usual.json" && fail "usual: it lists deviations"

# Given up: the others go on, and the report says so, also later.
disturb never KILL
[ $got = 0 ] || fail "never: exit $got: $(cat "$dir/never.err")"
[ "$(key deterministic "$dir/never.json")" = false ] || fail "never: it says it is deterministic"
grep -q '"deviations":\[{"tick":[0-9]*,"process":"w\[[01]\]","what":"failed"}\]' \
    "$dir/never.json" || fail "never: the death is not listed: $(tail -n 1 "$dir/never.json")"
[ "$(key world "$dir/never.json")" != "$world" ] || fail "never: nothing is missing"
same_again never
tick=$(tail -n 1 "$dir/never.json" | sed 's/.*"deviations":\[{"tick":\([0-9]*\).*/\1/')
"$jitos" show "@$tick" --data "$dir/never" >"$dir/out"
grep -q "died and is not started again" "$dir/out" || fail "never: show @$tick does not tell"
"$jitos" run --ticks $((ticks + 5)) --data "$dir/never" >"$dir/out" 2>&1 || fail "never: continued"
grep -q "note   tick $tick: w\[[01]\] died" "$dir/out" || fail "never: forgotten: $(cat "$dir/out")"

# The run stops, nothing is written down, and it can be taken up again.
disturb stop KILL
[ $got = 7 ] || fail "stop: exit $got: $(cat "$dir/stop.err")"
grep -q "its policy is then to stop" "$dir/stop.err" || fail "stop: $(cat "$dir/stop.err")"
"$jitos" -q run --ticks $ticks --data "$dir/stop" --json >"$dir/stop.json" 2>"$dir/stop.err" ||
    fail "stop: continued"
[ "$(key world "$dir/stop.json")" = "$world" ] || fail "stop: continued, it has another /world"
[ "$(key deterministic "$dir/stop.json")" = true ] || fail "stop: not deterministic"
same_again stop

# A worker that is stopped is killed, misses a tick, and works again.
disturb hang STOP
[ $got = 0 ] || fail "hang: exit $got: $(cat "$dir/hang.err")"
[ "$(key deterministic "$dir/hang.json")" = false ] || fail "hang: it says it is deterministic"
grep -q '"process":"w\[[01]\]","what":"hung"}\]' "$dir/hang.json" ||
    fail "hang: it is not listed: $(tail -n 1 "$dir/hang.json")"
same_again hang

[ $failed = 0 ] && echo "1 passed, 0 failed"
exit $failed
