#!/bin/sh
# Goal:   processes that are stopped at any moment, and go on later or are killed while they stand
#         still, lose nothing: the history is the one of a run in which nobody was.
# Method: the ants of the manual in real processes; SIGSTOP from outside to a worker after the
#         other, whatever it does, and to the supervisor; then SIGCONT, or for every third worker
#         SIGKILL; more ticks until there were JIT_STOPS of them (25; `make hostile`: 1000); then a
#         run of as many ticks in peace, and a replay. No stop lasts: what follows one that does,
#         test_policy.sh asks.
set -eu

jitos=${builddir:-.}/tools/jitos
jitosd=${builddir:-.}/tools/jitosd
example=${top_srcdir:-.}/examples/native
dir=$(mktemp -d "${TMPDIR:-/tmp}/jitos-stops-XXXXXX")
trap 'rm -rf "$dir"' EXIT
# shellcheck source=tests/lib/processes.sh
. "${top_srcdir:-.}/tests/lib/processes.sh"

wanted=${JIT_STOPS:-25}
cp "$example"/*.csv "${builddir:-.}/examples/native/ants" "$dir"
sed -e 's/process colony\[2\]\(.*\)$/process colony[4]\1\n  RESTART/' \
    -e 's/RESTART/restart on failure at most 1000 in 100 ticks/' \
    "$example/ants.jitos" >"$dir/ants.jitos"

# stop PID: and wait until it stands still; 1: it is gone
stop() {
    kill -STOP "$1" 2>/dev/null || return 1
    looks=0
    while :; do
        # shellcheck disable=SC2034
        { read -r pid name state rest <"/proc/$1/stat"; } 2>/dev/null || return 1
        case $state in
        t | T) return 0 ;;
        Z | X) return 1 ;;
        esac
        looks=$((looks + 1))
        [ $looks -le 100000 ] || { fail "$1 does not stop" && return 1; }
    done
}

stops=0
killed=0
ticks=0
rounds=0
while [ $stops -lt "$wanted" ]; do
    rounds=$((rounds + 1))
    [ $rounds -le 2000 ] || { fail "only $stops stops in $rounds rounds" && exit 1; }
    ticks=$((ticks + 200))
    system=
    [ $rounds = 1 ] && system="$dir/ants.jitos --seed 3"
    # shellcheck disable=SC2086
    "$jitos" run $system --ticks $ticks --data "$dir/stopped" --json >"$dir/stopped.json" \
        2>"$dir/stopped.err" &
    run=$!
    while [ $stops -lt "$wanted" ] && kill -0 $run 2>/dev/null; do
        for supervisor in $(children "$run"); do
            for worker in $(children "$supervisor"); do
                # Those by which it finds out what this machine offers bear its own name.
                [ "$(cat "/proc/$worker/comm" 2>/dev/null)" != jitosd ] || continue
                stop "$worker" || continue
                stops=$((stops + 1))
                signal=CONT
                [ $((stops % 3)) != 0 ] || signal=KILL
                if [ $((stops % 5)) = 0 ] && stop "$supervisor"; then
                    kill -$signal "$worker" 2>/dev/null || true
                    kill -CONT "$supervisor"
                else
                    kill -$signal "$worker" 2>/dev/null || true
                fi
                [ $signal = CONT ] || killed=$((killed + 1))
            done
        done
    done
    wait $run || { fail "after $stops stops: exit $?: $(cat "$dir/stopped.err")" && exit 1; }
done

"$jitos" run "$dir/ants.jitos" --seed 3 --ticks $ticks --data "$dir/peace" --json >"$dir/peace.json"
[ "$(key tick "$dir/stopped.json")" = "$(key tick "$dir/peace.json")" ] || fail "another tick"
[ -n "$(key head "$dir/peace.json")" ] || fail "no head: $(tail -n 1 "$dir/peace.json")"
[ "$(key head "$dir/stopped.json")" = "$(key head "$dir/peace.json")" ] ||
    fail "after $stops stops in $ticks ticks the history is another one"
want 0 "$jitos" replay --data "$dir/stopped" --verify
echo "$stops stops, $killed of them ended by a kill, in $ticks ticks and $rounds runs: the same" \
    "history"
exit "$failed"
