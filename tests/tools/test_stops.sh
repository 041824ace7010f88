#!/bin/sh
# Goal:   processes that are stopped at any moment, and go on later or are killed while they stand
#         still, lose nothing: the history is the one of a run in which nobody was.
# Method: the ants of the manual in real processes; SIGSTOP from outside to a worker after the
#         other, whatever it does, and to the supervisor; then SIGCONT, or for every third worker
#         SIGKILL; more ticks until there were JIT_STOPS of them (25; `make hostile`: 1000); then a
#         run of as many ticks in peace, and a replay. No stop lasts: what follows one that does,
#         test_policy.sh asks.
set -eu
# shellcheck source=tests/lib/processes.sh
. "${top_srcdir:-.}/tests/lib/processes.sh"
# shellcheck source=tests/lib/ants.sh
. "$top/tests/lib/ants.sh"

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

killed=0
strike() {
    for worker in $(workers "$1"); do
        stop "$worker" || continue
        strikes=$((strikes + 1))
        signal=CONT
        [ $((strikes % 3)) != 0 ] || signal=KILL
        if [ $((strikes % 5)) = 0 ] && stop "$1"; then
            kill -$signal "$worker" 2>/dev/null || true
            kill -CONT "$1"
        else
            kill -$signal "$worker" 2>/dev/null || true
        fi
        [ $signal = CONT ] || killed=$((killed + 1))
    done
}
strike_ants stopped "${JIT_STOPS:-25}"
echo "$strikes stops, $killed of them ended by a kill, in $ticks ticks and $rounds runs: the same" \
    "history"
exit "$failed"
