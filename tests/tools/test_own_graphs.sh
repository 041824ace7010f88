#!/bin/sh
# Goal:   the graph that a process keeps for itself outlives everybody: its worker, the supervisor
#         at any moment, the machine (a file for another one), and is there in any fork.
# Method: tests/tools/brancher, which compares its own graph with what the tick says: the history
#         has to be the same as that of a run in peace.
set -eu
# shellcheck source=tests/lib/processes.sh
. "${top_srcdir:-.}/tests/lib/processes.sh"
# shellcheck source=tests/lib/brancher.sh
. "$top/tests/lib/brancher.sh"

ticks=60
cd "$dir"
brancher_system own

value() { # FOLDER NAME
    "$jitos" inspect "/world/probe/$2" --data "$1" | sed 's/^i64 //'
}

same() { # FOLDER: its end is that of the run in peace, and nobody missed anything
    [ "$(value "$1" broken)" = 0 ] || fail "$1: the first thing wrong is $(value "$1" broken)"
    [ "$(value "$1" own)" = $ticks ] || fail "$1: its graph has $(value "$1" own) ticks"
    want 0 "$jitos" run --data "$1" --ticks $ticks --json
    [ "$(key head out)" = "$head" ] || fail "$1: the history is another one"
    want 0 "$jitos" verify --deep --data "$1"
}

want 0 "$jitos" run own.jitos --ticks $ticks --seed 1 --data peace --json
head=$(key head out)
same peace

# The supervisor is killed at whatever it does, again and again; the log alone has the graph.
want 0 "$jitos" run own.jitos --ticks 5 --seed 1 --data killed
for offset in 20000 33000 47111; do
    want 137 "$jitos" run --ticks $ticks --data killed --die-at-log-offset $offset
done
kills=0
while [ $kills -lt 3 ]; do
    "$jitos" run --ticks $ticks --data killed >killed.out 2>&1 &
    run=$!
    for supervisor in $(children $run); do
        kill -KILL "$supervisor" 2>/dev/null || true
    done
    wait $run 2>/dev/null || true
    kills=$((kills + 1))
done
want 0 "$jitos" run --ticks $ticks --data killed
same killed

# From checkpoints in the middle, each with what differs from the one before, and the log behind.
want 0 "$jitos" run own.jitos --ticks 10 --seed 1 --data kept
want 0 "$jitos" checkpoint -m ten --data kept
want 0 "$jitos" run --ticks 20 --data kept
want 0 "$jitos" checkpoint -m twenty --data kept
want 0 "$jitos" run --ticks 30 --data kept
want 0 "$jitos" checkpoint -m thirty --data kept --export thirty.ckpt
want 0 "$jitos" run --ticks 40 --data kept
for name in ten twenty thirty; do
    want 0 "$jitos" restore $name --data kept --into "from-$name" --run-to $ticks --verify
    same "from-$name"
done
want 0 "$jitos" restore --import thirty.ckpt --into moved --run-to $ticks
same moved
want 0 "$jitos" fork @24 --data kept --into forked
want 0 "$jitos" run --ticks $ticks --data forked
same forked
want 0 "$jitos" gc --data kept --log --keep 1
want 0 "$jitos" run --ticks $ticks --data kept
same kept
want 0 "$jitos" replay --data killed --by workers --verify
want 0 "$jitos" replay --data killed --by rules --verify

# With a quota: what would be too much is refused to the program, which goes on; so does the run.
sed 's/^  restart on failure.*/&\n  graph at most 20 nodes, 100000 bytes/' own.jitos >quota.jitos
want 0 "$jitos" run quota.jitos --ticks 40 --seed 1 --data quota
case $(value quota broken) in
0) fail "quota: nothing was refused" ;;
esac
want 0 "$jitos" checkpoint -m full --data quota
want 0 "$jitos" restore full --data quota --into again

# What it may have is among what it may do; how much of it there is, ps tells, of a supervisor that
# has read it from the log, or from a checkpoint, or when there is none.
want 0 "$jitos" cap ls --data quota
says 'its graph at most 20 nodes, 100000 bytes'
want 0 "$jitos" cap ls 'b[0]' --data quota --json
says '"nodes_max":20'
case $(cat out) in
*edges_max*) fail "cap ls: a quota of edges that there is not: $(cat out)" ;;
esac
want 0 "$jitos" cap ls --data peace
grep -q "its graph" out && fail "cap ls: a quota that there is not"
keeps() { # keeps FOLDER: what ps says of its graph, in words and as an event, the same
    want 0 "$jitos" ps --data "$1"
    sed -n 's/^  its graph has \([0-9]*\) of 20 nodes, \([0-9]*\) of 100000 bytes$/\1 \2/p' \
        out >told
    want 0 "$jitos" ps --data "$1" --json
    sed 's/_max//g' out | # at most: the second of each
        sed -n 's/.*"nodes":\([0-9]*\),"nodes":20,.*"bytes":\([0-9]*\),"bytes":100000,.*/\1 \2/p' \
            >event
    cmp -s told event || fail "ps of $1: $(cat told) in words, as an event $(cat event)"
}
keeps quota
at_rest=$(cat told)
case $at_rest in
[1-9]*" "[1-9]*) [ "${at_rest% *}" -le 20 ] || fail "ps: $at_rest" ;;
*) fail "ps: nothing about its graph: $(cat out)" ;;
esac
for folder in quota again; do
    mkfifo ready
    "$build/tools/jitosd" --data $folder --ready-fd 3 3>ready 2>daemon &
    daemon=$!
    head -c 1 <ready >is-ready
    keeps $folder
    [ "$(cat told)" = "$at_rest" ] || fail "$folder: a supervisor counts $(cat told), not $at_rest"
    kill $daemon
    wait $daemon || true
    rm ready
done
want 0 "$jitos" run --ticks 60 --data again
want 0 "$jitos" verify --deep --data again
want 0 "$jitos" replay --data again --verify

# Every so many bytes of what was moved, one is another: refused, and nothing is made of it.
size=$(wc -c <thirty.ckpt)
at=3
while [ $at -lt "$size" ]; do
    cp thirty.ckpt bad.ckpt
    old=$(od -An -tu1 -j $at -N 1 bad.ckpt | tr -d ' ')
    # shellcheck disable=SC2059
    printf "\\$(printf %03o $((old ^ 16)))" | dd of=bad.ckpt bs=1 seek=$at conv=notrunc 2>/dev/null
    want 5 "$jitos" restore --import bad.ckpt --into bad
    [ ! -e bad/FORMAT ] || fail "byte $at: a folder was made of it"
    at=$((at + size / 4))
done

# A checkpoint of a run that goes on, then the supervisor is killed before the next.
"$jitos" run own.jitos --ticks 100000 --seed 1 --data live >live.out 2>&1 &
run=$!
until [ -S live/hub.sock ] && "$jitos" checkpoint -m now --data live >out 2>err; do
    kill -0 $run || break
done
want 0 "$jitos" checkpoint -m later --data live
for supervisor in $(children $run); do
    kill -KILL "$supervisor"
done
wait $run 2>/dev/null || true
last=$(value live own)
want 0 "$jitos" run --ticks $((last + 20)) --data live
[ "$(value live broken)" = 0 ] || fail "live: the first thing wrong is $(value live broken)"
[ "$(value live own)" = $((last + 20)) ] || fail "live: its graph has $(value live own) ticks"

echo "own graphs: $ticks ticks, each time the same history"
exit "$failed"
