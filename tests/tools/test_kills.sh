#!/bin/sh
# Goal:   workers that are killed at any moment, while others work, lose nothing that was
#         acknowledged: the history is the one of a run in which nobody died.
# Method: the ants of the manual in real processes; SIGKILL from outside to a
#         worker after the other, at whatever it does; more ticks until there were JIT_KILLS of them
#         (25; `make hostile`: 1000); then a run of as many ticks in peace, and a replay.
set -eu
# shellcheck source=tests/lib/processes.sh
. "${top_srcdir:-.}/tests/lib/processes.sh"
# shellcheck source=tests/lib/ants.sh
. "$top/tests/lib/ants.sh"

strike() {
    for worker in $(workers "$1"); do
        # It may have ended by itself meanwhile.
        kill -KILL "$worker" 2>/dev/null || continue
        strikes=$((strikes + 1))
    done
}
strike_ants killed "${JIT_KILLS:-25}"
echo "$strikes workers killed in $ticks ticks and $rounds runs: the same history"
exit "$failed"
