#!/bin/sh
# Goal:   workers that use the protocol to do harm disturb nobody: requests that change while they
#         are read, process graphs that are no graphs any more, forged, stale, others' and just
#         revoked capabilities, collapses written by hand against what is mounted read-only, bells
#         that never stop, and one that stands still while a checkpoint is made.
# Method: tests/tools/villain beside the ants of the manual in real processes, each member another
#         attack. The world has to be that of the ants alone, every denial in the log, the history
#         the same when it is replayed.
set -eu
# shellcheck source=tests/lib/begin.sh
. "${top_srcdir:-.}/tests/lib/begin.sh"

example=$top/examples/native

# With sanitizers a worker has no filters, and what it does to its memory is reported (HACKING.md).
if [ -n "${sanitize_cflags-}" ]; then
    echo "not tried in a sanitizer build"
    exit 77
fi

cp "$example"/*.csv "$build/examples/native/ants" "$dir"
cp "$build/tests/tools/villain" "$dir"
sed 's/process colony\[2\]/process colony[1]/' "$example/ants.jitos" >"$dir/alone.jitos"
run() { # run NAME [OPTION...]: its events in NAME.json
    name=$1
    shift
    "$jitos" run "$dir/$name.jitos" --ticks 30 --seed 3 --data "$dir/$name" --json "$@" \
        >"$dir/$name.json" 2>"$dir/$name.err" && got=0 || got=$?
}

run alone
[ $got = 0 ] || fail "alone: exit $got: $(cat "$dir/alone.err")"
world=$(key world "$dir/alone.json")
[ ${#world} = 64 ] || fail "alone: no world"

cp "$dir/alone.jitos" "$dir/beside.jitos"
cat >>"$dir/beside.jitos" <<'END'
process villain[10] exec("./villain") run step over shard(/world)
  restart on failure at most 2 in 100 ticks
grant villain: map /world; invoke step on /world
END
run beside
[ $got = 0 ] || fail "beside: exit $got: $(cat "$dir/beside.err")"
[ "$(key world "$dir/beside.json")" = "$world" ] || fail "beside: they disturbed the ants"
"$jitos" replay --data "$dir/beside" --verify >"$dir/out" 2>&1 || fail "replay: $(cat "$dir/out")"
"$jitos" verify --data "$dir/beside" >"$dir/out" 2>&1 || fail "verify: $(cat "$dir/out")"

# Whose requests change is killed; who damages its graph does not get on with it; both are given up.
# Those that ask for what they have no right to are denied it and go on: had anything else become of
# it, they would have ended.
given_up=$(tail -1 "$dir/beside.json" | grep -o "villain\[[0-9]\]" | sort -u | tr "\n" " ") || true
want="villain[0] villain[1] villain[2] villain[3] villain[4] villain[5] "
[ "$given_up" = "$want" ] || fail "given up: $given_up: $(cat "$dir/beside.err")"
"$jitos" cap log --data "$dir/beside" >"$dir/caplog" 2>&1 || fail "cap log: $(cat "$dir/caplog")"
for k in 6 7; do
    denied=$(grep -c "villain\[$k\] is denied" "$dir/caplog") || true
    [ "$denied" -ge 20 ] || fail "villain $k: $denied denials are in the log"
done
grep -q "villain\[6\] derives from.*refused: no such capability" "$dir/caplog" ||
    fail "a forged capability is not in the log: $(head -20 "$dir/caplog")"

# Collapses written by hand: of all places but the one that it may write, with every capability it
# has and has not. Each is denied; the one it has a right to is done, so they are well written.
sed 's/villain\[10\]/forger/; s/grant villain.*/grant forger: map \/world; write \/bus/' \
    "$dir/beside.jitos" | grep -v 'restart on failure' >"$dir/forger.jitos"
run forger
[ $got = 0 ] || fail "forger: exit $got: $(cat "$dir/forger.err")"
[ "$(key world "$dir/forger.json")" = "$world" ] || fail "forger: it has changed the world"
grep -q '"deterministic":true' "$dir/forger.json" || fail "forger: $(tail -1 "$dir/forger.json")"
"$jitos" query 'match (n:Forged) return count(*)' --in /bus --data "$dir/forger" >"$dir/out" 2>&1 ||
    fail "forger: $(cat "$dir/out")"
[ "$(tail -n 1 "$dir/out")" = 30 ] || fail "forger: its own ones: $(cat "$dir/out")"
"$jitos" cap log --data "$dir/forger" >"$dir/caplog" 2>&1 || fail "cap log: $(cat "$dir/caplog")"
denied=$(grep -c "forger\[0\] is denied" "$dir/caplog") || true
[ "$denied" -ge 96 ] || fail "forger: $denied denials are in the log"
"$jitos" replay --by rules --data "$dir/forger" --verify >"$dir/out" 2>&1 ||
    fail "forger: replay: $(cat "$dir/out")"

# One that stands still while a checkpoint is made: it is made at once, of the last whole tick.
mkfifo "$dir/events"
"$jitos" run "$dir/alone.jitos" --ticks 1000000 --seed 3 --data "$dir/still" --json \
    >"$dir/events" 2>"$dir/still.err" &
pid=$!
exec 8<"$dir/events"
head -n 5 <&8 >/dev/null
"$jitos" ps --data "$dir/still" --json >"$dir/ps"
worker=$(sed -n 's/.*"pid":\([1-9][0-9]*\).*/\1/p' "$dir/ps" | head -n 1)
kill -STOP "$worker"
"$jitos" checkpoint -m stood --data "$dir/still" >"$dir/out" 2>&1 ||
    fail "still: no checkpoint: $(cat "$dir/out")"
kill -CONT "$worker"
kill -TERM $pid
cat <&8 >/dev/null
wait $pid || true
exec 8<&-
"$jitos" restore stood --data "$dir/still" --into "$dir/stood" >"$dir/out" 2>&1 ||
    fail "still: restore: $(cat "$dir/out")"
"$jitos" verify --data "$dir/stood" >"$dir/out" 2>&1 || fail "still: verify: $(cat "$dir/out")"

# Those that ring for ever stand still for as long as somebody else works.
cp "$dir/beside.jitos" "$dir/flood.jitos"
mkfifo "$dir/floods"
"$jitos" run "$dir/flood.jitos" --ticks 1000000 --seed 3 --data "$dir/flood" --json \
    >"$dir/floods" 2>"$dir/flood.err" &
pid=$!
exec 8<"$dir/floods"
head -n 10 <&8 >/dev/null
"$jitos" ps --data "$dir/flood" --json >"$dir/ps"
pid_of() { # pid_of NAME INDEX
    grep -F "\"name\":\"$1\",\"index\":$2," "$dir/ps" | sed -n 's/.*"pid":\([1-9][0-9]*\).*/\1/p'
}
kill -STOP "$(pid_of colony 0)"
for index in 8 9; do
    state=
    for _ in $(seq 500); do
        state=$(sed 's/.*) \(.\).*/\1/' "/proc/$(pid_of villain $index)/stat") || true
        [ "$state" != T ] || break
        sleep 0.01
    done
    [ "$state" = T ] || fail "villain[$index] goes on beside one that works: $state"
done
kill -CONT "$(pid_of colony 0)"
kill -TERM $pid
cat <&8 >/dev/null
wait $pid || true
exec 8<&-
"$jitos" verify --data "$dir/flood" >"$dir/out" 2>&1 || fail "flood: verify: $(cat "$dir/out")"

exit $failed
