#!/bin/sh
# Goal:   a program that says `replay rerun` is run again when its supervisor comes back, over all
#         ticks since the last checkpoint, beside what others asked for; it comes out the same, or
#         the supervisor says whose tick did not, and ends with 6.
# Method: tests/tools/brancher, which goes by what it sees and by its own graph, through deaths,
#         checkpoints, an operator's grant and a supervisor killed while it writes;
#         tests/tools/moody, which draws or remembers by itself, with `replay rerun` and, beside
#         it, with `replay log`.
set -eu
# shellcheck source=tests/lib/processes.sh
. "${top_srcdir:-.}/tests/lib/processes.sh"

tools=$build/tests/tools

cd "$dir"
mkfifo ready
cp "$tools/brancher" "$tools/moody" .
printf ':ID,name,:LABEL\nprobe,The probe,Probe\nother,Another,Probe\n' >probe.csv

system() { # FILE: all but its processes
    cat >"$1" <<'END'
system again
type Probe {
  name: text, own: i64 = 0, nested: i64 = 0, left: i64 = 0, right: i64 = 0, chosen: i64 = -1,
  broken: i64 = 0
}
import "probe.csv" into /world
rule look match (p:Probe) set p.own = p.own + 1
END
}

again() { # FOLDER TICKS: a supervisor that comes back makes so many ticks again
    "$jitosd" --data "$1" --ready-fd 9 2>"$1.err" 9>ready &
    supervisor=$!
    head -c 1 ready >/dev/null
    kill -TERM $supervisor
    wait $supervisor || true
    grep -q "were run again over $2 ticks" "$1.err" || fail "$1: $(cat "$1.err")"
}

# Goes by what it sees alone: deaths, checkpoints and a torn write change nothing.
system own.jitos
cat >>own.jitos <<'END'
process b exec("./brancher") run look over shard(/world) replay rerun
  restart on failure at most 1000 in 2 ticks
process m exec("./moody") run look over shard(/world) replay log
grant b: map /world, /dev; write /world
grant m: map /world
END
want 0 "$jitos" run own.jitos --ticks 30 --seed 1 --data peace --json
head=$(key head out)
again peace 30
want 0 "$jitos" run own.jitos --ticks 12 --seed 1 --data a
want 0 "$jitos" checkpoint -m twelve --data a
want 137 "$jitos" run --ticks 30 --data a --die-at-log-offset 20000
want 0 "$jitos" run --ticks 30 --data a --json
[ "$(key head out)" = "$head" ] || fail "a: another history"
again a 18

# Whoever else is asked about anything, and an edit, are taken from the log.
want 0 "$jitos" cap grant 'm[0]' invoke look --data a
want 0 "$jitos" run --ticks 40 --data a
again a 28
want 0 "$jitos" verify --deep --data a

# Not the same when they are run again, each in its own way; nothing is touched.
moody() { # FOLDER COUNT WHAT
    system "$1.jitos"
    cat >>"$1.jitos" <<END
process m[$2] exec("./moody") run look over shard(/world) replay rerun
grant m: map /world; invoke look on /world
END
    want 0 "$jitos" run "$1.jitos" --ticks 5 --seed 1 --data "$1"
    [ "$2" = 1 ] || want 0 "$jitos" run --ticks 9 --data "$1"
    want 6 "$jitos" run --ticks 20 --data "$1"
    cat out err >all
    grep -q "$3" all || fail "$1: $(cat all)"
    want 0 "$jitos" verify --data "$1"
    want 0 "$jitos" fork HEAD --data "$1" --into "$1-on"
    want 0 "$jitos" run --ticks 12 --data "$1-on"
}
moody draws 1 'tick 1, made again: m\[0\], run again, keeps another graph'
moody remembers 2 'tick 6, made again: m\[.\], run again, keeps another graph'
moody asks 3 'run again, asks for something else'
# One that hangs when it is run again: its time is what the supervisor says, then the start ends.
system hangs.jitos
cat >>hangs.jitos <<'END'
process m[4] exec("./moody") run look over shard(/world) replay rerun
grant m: map /world
END
want 0 "$jitos" run hangs.jitos --ticks 5 --seed 1 --data hangs
want 0 "$jitos" run --ticks 9 --data hangs --json
head=$(key head out)
want 6 "$jitosd" --data hangs --hang-cpu 1
cat out err >all
grep -q 'tick 6, made again: m\[0\], run again, does not end its tick; nothing was changed' all ||
    fail "hangs: $(cat all)"

# The same, and while it hangs: the supervisor is killed, then the worker. That is a death like any
# other: it is started again, from what it had at its last tick, and comes through.
busy() { # SUPERVISOR: the worker of it that has used half a second
    for worker in $(children "$1"); do
        read -r stat <"/proc/$worker/stat" || continue
        # shellcheck disable=SC2086
        set -- "$1" ${stat##*) }
        [ "${13}" -lt 50 ] || echo "$worker"
    done 2>/dev/null
}
hanging() { # starts one; when it hangs, its worker is in $found
    "$jitosd" --data hangs --ready-fd 9 2>hangs.err 9>is-ready &
    supervisor=$!
    found=
    while [ -z "$found" ] && kill -0 $supervisor 2>/dev/null; do
        found=$(busy $supervisor)
    done
}
hanging
[ -n "$found" ] || fail "hangs: no worker is busy: $(cat hangs.err)"
kill -KILL $supervisor
wait $supervisor || true
want 0 "$jitos" verify --data hangs
hanging
[ -n "$found" ] || fail "hangs again: no worker is busy: $(cat hangs.err)"
kill -KILL "$found"
until [ -s is-ready ] || ! kill -0 $supervisor 2>/dev/null; do
    children $supervisor >/dev/null
done
kill -TERM $supervisor 2>/dev/null || true
wait $supervisor || true
grep -q "were run again over 9 ticks" hangs.err || fail "hangs, killed: $(cat hangs.err)"
want 0 "$jitos" verify --data hangs --json
grep -q "$head" out || fail "hangs, killed: another history: $(cat out)"

# A history that was forked and goes on elsewhere is run again as it is there; one in which a byte
# was changed is no history: that is found out before anything is run.
want 0 "$jitos" fork @12 -m other --seed 4 --data a
want 0 "$jitos" run --ticks 20 --data a/branches/other
again a/branches/other 8
cp -r peace bad
segment=$(ls bad/log/* | head -n 1)
size=$(wc -c <"$segment")
byte=$(od -An -tu1 -j 9000 -N 1 "$segment" | tr -d ' ')
# shellcheck disable=SC2059
printf "\\$(printf '%03o' $((255 - byte)))" |
    dd of="$segment" bs=1 seek=9000 conv=notrunc status=none
[ "$(wc -c <"$segment")" = "$size" ] || fail "bad: the segment has another size"
want 5 "$jitos" run --ticks 40 --data bad

want 6 "$jitos" replay --by workers --data draws
want 0 "$jitos" replay --by rules --data draws

exit "$failed"
