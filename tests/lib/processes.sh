# tests/lib/processes.sh - how a test with real processes begins: as begin.sh says, and it is
# skipped where workers cannot be locked in. To be sourced.
# shellcheck shell=sh
# shellcheck source=tests/lib/begin.sh
. "${top_srcdir:-.}/tests/lib/begin.sh"

# children PID: of a process, one a line, but for the one that starts a supervisor's workers
children() {
    for stat in /proc/[0-9]*/stat; do
        # The name in parentheses is one word for all that run here.
        # shellcheck disable=SC2034
        { read -r pid name state parent rest <"$stat"; } 2>/dev/null || continue
        if [ "$parent" = "$1" ] && [ "$name" != "(jitos-spawn)" ] && [ "$state" != Z ]; then
            echo "$pid"
        fi
    done
}

# workers SUPERVISOR: those it runs, but for the children by which it finds out at its start what
# this machine offers, which bear its own name
workers() {
    for child in $(children "$1"); do
        [ "$(cat "/proc/$child/comm" 2>/dev/null)" = jitosd ] || echo "$child"
    done
}

need_workers
