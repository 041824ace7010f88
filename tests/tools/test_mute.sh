#!/bin/sh
# Goal:   whoever has asked a supervisor that does not answer is told so, which process it is, that
#         it is stopped, and what to do; he goes on waiting, and has his answer when it comes.
#         `log -f`, to which silence means nothing, is told only when the supervisor is stopped.
# Method: two supervisors, stopped by SIGSTOP. Nothing sleeps: each complaint is read from a pipe,
#         and what it follows is what the next step waits for.
set -eu
# shellcheck source=tests/lib/processes.sh
. "${top_srcdir:-.}/tests/lib/processes.sh"

cd "$dir"
cells 10 >cells.csv
cat >s.jitos <<'END'
system mute
type Cell { state: i64 = 0 }
import "cells.csv" into /world
rule flip(p: f64)
  match (a:Cell)
  where a.state = 0 and chance(p)
  set a.state = 1
process w run flip(p = 0.2) apply all over shard(/world)
process v run flip(p = 0.2) apply all over shard(/world)
grant w: map /world; invoke flip on /world
END
want 0 "$jitos" run s.jitos --ticks 3 --seed 3 --data live -q
want 0 "$jitos" run s.jitos --ticks 3 --seed 3 --data dead -q

# serve FOLDER: a supervisor of it, which listens; $served is its process
served=
servers=
serve() {
    mkfifo ready
    "$jitosd" --data "$1" -q --ready-fd 9 9>ready &
    served=$!
    servers="$servers $served"
    head -c 1 <ready >/dev/null
    rm ready
}
tidy() {
    for server in $servers; do
        kill -CONT "$server" 2>/dev/null || true
        kill "$server" 2>/dev/null || true
    done
    rm -rf "$dir"
}

# ask NAME COMMAND...: what it says goes to NAME.out and into the pipe NAME.err
ask() {
    name=$1
    shift
    mkfifo "$name.err"
    "$@" >"$name.out" 2>"$name.err" &
    eval "$name=\$!"
}

# complains NAME FD FOLDER PROCESS: once, so, with what to do
complains() {
    read -r line <&"$2" || line='nothing'
    case $line in
    "the supervisor of $3 (process $4, stopped) has not answered for "[0-9]*" s") ;;
    *) fail "$1 says: $line" ;;
    esac
    read -r line <&"$2" || line='nothing'
    [ "$line" = "next: kill -CONT $4, or Ctrl-C to stop waiting" ] || fail "$1 says next: $line"
}

# answered NAME PROCESS FD [WORDS]: and then it has its answer, with no further word
answered() {
    wait "$2" || fail "$1: exit $?"
    cat <&"$3" >rest
    [ "$(cat rest)" = "${4:-}" ] || fail "$1 says more: $(cat rest)"
}

serve live
live=$served
serve dead
dead=$served

# Who follows has had a tick, so he waits for the next one, which does not come.
mkfifo ticks follow.err
"$jitos" log -f -n 1 --data live >ticks 2>follow.err &
follow=$!
exec 4<ticks
exec 8<follow.err
read -r line <&4
want 0 "$jitos" cap grant v map --data live
read -r line <&4
kill -STOP "$dead"
ask other "$jitos" ps --data dead
exec 5<other.err
complains "ps of another" 5 dead "$dead"
kill -CONT "$dead"
# shellcheck disable=SC2154 # by ask
answered "ps of another" "$other" 5

# Everybody at once.
kill -STOP "$live"
ask ps "$jitos" ps --json -q --data live
exec 5<ps.err
ask checkpoint "$jitos" checkpoint -m kept --data live
exec 6<checkpoint.err
ask grant "$jitos" cap grant v map --data live
exec 7<grant.err
complains "log -f" 8 live "$live" # not before it was stopped
complains ps 5 live "$live"
complains checkpoint 6 live "$live"
complains "cap grant" 7 live "$live"
[ ! -s ps.out ] || fail "ps --json says on stdout: $(cat ps.out)"
kill -CONT "$live"
# shellcheck disable=SC2154
answered ps "$ps" 5
# shellcheck disable=SC2154
answered checkpoint "$checkpoint" 6
# shellcheck disable=SC2154
answered "cap grant" "$grant" 7
grep -q '"event":"process"' ps.out || fail "ps lists nobody: $(cat ps.out)"
grep -q '^checkpoint ' checkpoint.out || fail "no checkpoint: $(cat checkpoint.out)"
grep -q ' in tick ' grant.out || fail "nothing granted: $(cat grant.out)"

for server in $servers; do
    kill "$server"
    wait "$server" || fail "a supervisor left with $?"
done
servers=
cat <&4 >/dev/null
answered "log -f" "$follow" 8 "the supervisor of live has ended"
exit "$failed"
