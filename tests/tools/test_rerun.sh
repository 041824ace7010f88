#!/bin/sh
# Goal:   a program that says `replay rerun` is run again when its supervisor comes back, over all
#         ticks since the last checkpoint, beside what others asked for; it comes out the same, or
#         the supervisor says whose tick did not, and ends with 6.
# Method: tests/tools/brancher, which goes by what it sees and by its own graph, through deaths,
#         checkpoints, an operator's grant and a supervisor killed while it writes;
#         tests/tools/moody, which draws or remembers by itself, with `replay rerun` and, beside
#         it, with `replay log`.
set -eu

jitos=$(cd "${builddir:-.}" && pwd)/tools/jitos
jitosd=$(cd "${builddir:-.}" && pwd)/tools/jitosd
tools=$(cd "${builddir:-.}" && pwd)/tests/tools
top=$(cd "${top_srcdir:-.}" && pwd)
dir=$(mktemp -d "${TMPDIR:-/tmp}/jitos-rerun-XXXXXX")
trap 'rm -rf "$dir"' EXIT
# shellcheck source=tests/lib/processes.sh
. "$top/tests/lib/processes.sh"

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
want 6 "$jitos" replay --by workers --data draws
want 0 "$jitos" replay --by rules --data draws

exit "$failed"
