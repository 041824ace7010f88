#!/bin/sh
# Goal:   workers that are killed at any moment, while others work, lose nothing that was
#         acknowledged: the history is the one of a run in which nobody died.
# Method: the ants of the manual in real processes; SIGKILL from outside to a
#         worker after the other, at whatever it does; more ticks until there were JIT_KILLS of them
#         (25; `make hostile`: 1000); then a run of as many ticks in peace, and a replay.
set -eu

jitos=${builddir:-.}/tools/jitos
jitosd=${builddir:-.}/tools/jitosd
example=${top_srcdir:-.}/examples/native
dir=$(mktemp -d "${TMPDIR:-/tmp}/jitos-kills-XXXXXX")
trap 'rm -rf "$dir"' EXIT
# shellcheck source=tests/lib/processes.sh
. "${top_srcdir:-.}/tests/lib/processes.sh"

wanted=${JIT_KILLS:-25}
cp "$example"/*.csv "${builddir:-.}/examples/native/ants" "$dir"
sed -e 's/process colony\[2\]\(.*\)$/process colony[4]\1\n  RESTART/' \
    -e 's/RESTART/restart on failure at most 1000 in 100 ticks/' \
    "$example/ants.jitos" >"$dir/ants.jitos"

# workers RUN: the supervisor's children, but for those by which it finds out at its start what this
# machine offers, which bear its own name
workers() {
    for supervisor in $(children "$1"); do
        for pid in $(children "$supervisor"); do
            [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = jitosd ] || echo "$pid"
        done
    done
}

kills=0
ticks=0
rounds=0
while [ $kills -lt "$wanted" ]; do
    rounds=$((rounds + 1))
    [ $rounds -le 2000 ] || { fail "only $kills kills in $rounds rounds" && exit 1; }
    ticks=$((ticks + 200))
    system=
    [ $rounds = 1 ] && system="$dir/ants.jitos --seed 3"
    # shellcheck disable=SC2086
    "$jitos" run $system --ticks $ticks --data "$dir/killed" --json >"$dir/killed.json" \
        2>"$dir/killed.err" &
    run=$!
    while [ $kills -lt "$wanted" ] && kill -0 $run 2>/dev/null; do
        for worker in $(workers $run); do
            kill -KILL "$worker" 2>/dev/null && kills=$((kills + 1))
        done
    done
    wait $run || { fail "after $kills kills: exit $?: $(cat "$dir/killed.err")" && exit 1; }
done

"$jitos" run "$dir/ants.jitos" --seed 3 --ticks $ticks --data "$dir/peace" --json >"$dir/peace.json"
[ "$(key tick "$dir/killed.json")" = "$(key tick "$dir/peace.json")" ] || fail "another tick"
[ -n "$(key head "$dir/peace.json")" ] || fail "no head: $(tail -n 1 "$dir/peace.json")"
[ "$(key head "$dir/killed.json")" = "$(key head "$dir/peace.json")" ] ||
    fail "after $kills kills in $ticks ticks the history is another one"
want 0 "$jitos" replay --data "$dir/killed" --verify
echo "$kills workers killed in $ticks ticks and $rounds runs: the same history"
exit "$failed"
