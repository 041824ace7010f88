#!/bin/sh
# Goal:   `jitos run` and its companions keep the main promise with real processes: the same
#         history for any number of workers, after deaths of workers and of the supervisor,
#         continued or in one go; damage and misuse are refused by name, with the right exit code.
# Method: a small system over CSV files in a folder of our own.
set -eu
# shellcheck source=tests/lib/processes.sh
. "${top_srcdir:-.}/tests/lib/processes.sh"

{
    echo ":ID,:LABEL,state:long"
    i=0
    while [ $i -lt 300 ]; do
        echo "c$i,Cell,$((i == 0))"
        i=$((i + 1))
    done
} >"$dir/cells.csv"
{
    echo ":START_ID,:END_ID,:TYPE"
    i=1
    while [ $i -lt 300 ]; do
        echo "c$i,c$((i - 1)),NEXT"
        echo "c$i,c$((i / 2)),NEXT"
        i=$((i + 1))
    done
} >"$dir/next.csv"

system() {
    cat <<EOF
system spread
type Cell { state: i64 = 0, hits: i64 sum = 0 }
edge NEXT
import "cells.csv", "next.csv" into /world
rule infect(p: f64) priority 1
  match  (a:Cell)-[:NEXT]->(b:Cell)
  where  a.state = 0 and b.state = 1 and chance(p)
  set    a.state = 1
  add    b.hits, 1
rule heal(q: f64)
  match  (a:Cell)
  where  a.state = 1 and chance(q)
  set    a.state = 2
rule spy
  match  (a:Cell)
  where  a.state = 1
  set    a.state = 3
process w[$1] run infect(p = 0.5), heal(q = 0.05) apply all over shard(/world)
process x run spy apply all over shard(/world)
grant w: map /world; invoke infect, heal on /world; limit 10000 per tick
grant x: map /world
EOF
}
system 2 >"$dir/two.jitos"
system 1 >"$dir/one.jitos"
system 8 >"$dir/eight.jitos"

# One go, and with other numbers of workers.
"$jitos" -q run "$dir/two.jitos" --ticks 40 --seed 3 --data "$dir/a" --json >"$dir/a.json"
"$jitos" -q run "$dir/one.jitos" --ticks 40 --seed 3 --json >"$dir/one.json"
"$jitos" -q run "$dir/eight.jitos" --ticks 40 --seed 3 --jobs 2 --json >"$dir/eight.json"
root=$(key root "$dir/a.json")
world=$(key world "$dir/a.json")
[ "$(key event "$dir/a.json")" = done ] || fail "the last event is not done"
[ "$(key ticks "$dir/a.json")" = 40 ] || fail "not 40 ticks"
[ "$(key applied "$dir/a.json")" -gt 50 ] || fail "hardly anything was applied"
[ "$(key denied "$dir/a.json")" -gt 0 ] || fail "nothing was denied"
[ "$(key deterministic "$dir/a.json")" = true ] || fail "not deterministic"
[ ${#root} = 64 ] || fail "the root is not 64 digits: $root"
[ "$(key world "$dir/one.json")" = "$world" ] || fail "one worker gives another /world"
[ "$(key world "$dir/eight.json")" = "$world" ] || fail "eight workers give another /world"
grep -q '"event":"denial".*no capability with invoke on rule spy' "$dir/a.json" ||
    fail "the denial does not say why"

# Whoever starts us may have little time for us.
nice -n 15 "$jitos" -q run "$dir/eight.jitos" --ticks 40 --seed 3 --json >"$dir/few.json" ||
    fail "started with a low priority it ends with $?"
[ "$(key world "$dir/few.json")" = "$world" ] || fail "with a low priority another /world"

# Whoever starts us may ignore SIGCHLD or leave us few descriptors.
(
    trap '' CHLD
    ulimit -S -n 40
    "$jitos" -q run "$dir/eight.jitos" --ticks 40 --seed 3 --json >"$dir/few.json"
) || fail "with few descriptors and SIGCHLD ignored it ends with $?"
[ "$(key world "$dir/few.json")" = "$world" ] || fail "with few descriptors another /world"

# In pieces, the same; at the end at once.
"$jitos" -q run "$dir/two.jitos" --ticks 15 --seed 3 --data "$dir/b" --json >/dev/null
"$jitos" -q run --ticks 40 --data "$dir/b" --json >"$dir/b.json"
[ "$(key root "$dir/b.json")" = "$root" ] || fail "continued, it has another root"
"$jitos" -q run --ticks 40 --data "$dir/b" --json >"$dir/b.json"
[ "$(key root "$dir/b.json")" = "$root" ] || fail "asked again, it has another root"

# The supervisor dies in the middle of a log write, wherever that is.
for offset in 5000 20000 60000 90000 170000; do
    rm -rf "$dir/k"
    got=0
    "$jitos" -q run "$dir/two.jitos" --ticks 40 --seed 3 --data "$dir/k" \
        --die-at-log-offset $offset >/dev/null 2>&1 || got=$?
    [ $got = 137 ] || fail "told to die at byte $offset, it left with $got"
    "$jitos" -q run "$dir/two.jitos" --ticks 40 --seed 3 --data "$dir/k" --json >"$dir/k.json" \
        2>"$dir/err" || fail "after death at byte $offset: $(cat "$dir/err")"
    [ "$(key root "$dir/k.json")" = "$root" ] || fail "after death at byte $offset: another root"
done

# A folder whose genesis was not durable counts as new: for another file, another seed, or none.
# It died before a byte of the log was written, in the first record, and before all of it was there.
"$jitos" -q run "$dir/one.jitos" --ticks 3 --data "$dir/new" --json >"$dir/new.json"
for offset in 0 1 250; do
    rm -rf "$dir/k"
    got=0
    "$jitos" -q run "$dir/two.jitos" --ticks 3 --seed 9 --data "$dir/k" \
        --die-at-log-offset $offset >/dev/null 2>&1 || got=$?
    [ $got = 137 ] || fail "told to die at byte $offset, it left with $got"
    [ -f "$dir/k/FORMAT" ] && [ -f "$dir/k/SOURCE" ] || fail "byte $offset: no FORMAT or SOURCE"
    expect 2 "no system yet" "$jitos" run --ticks 3 --data "$dir/k"
    "$jitos" -q run "$dir/one.jitos" --ticks 3 --data "$dir/k" --json >"$dir/k.json" \
        2>"$dir/err" || fail "byte $offset, not taken as new: $(cat "$dir/err")"
    [ "$(key root "$dir/k.json")" = "$(key root "$dir/new.json")" ] ||
        fail "byte $offset: another root than that of a new folder"
    expect 2 "another system file" "$jitos" run "$dir/two.jitos" --ticks 3 --data "$dir/k"
done

# Reading what is there.
expect 0 "whole" "$jitos" verify --data "$dir/a"
expect 0 "same" "$jitos" replay --verify --data "$dir/a"
expect 0 "$(echo "$root" | cut -c1-12)" "$jitos" replay --verify --data "$dir/a"
expect 0 "@40" "$jitos" log --data "$dir/a" -n 2
expect 0 "same" "$jitos" replay --data "$dir/a"
expect 0 "denied" "$jitos" show @1 --data "$dir/a"
expect 0 "x[0]          spy               denied" "$jitos" show @1 --data "$dir/a"
expect 0 '"process_name":"x[0]"' "$jitos" show @1 --data "$dir/a" --json
expect 0 "genesis" "$jitos" show @0 --data "$dir/a"
expect 0 "at rest" "$jitos" ps --data "$dir/a"
# What the processes asked for is what the run told.
sum() {
    "$jitos" ps --data "$dir/a" --json | sed -n 's/.*"'"$1"'":\([0-9]*\).*/\1/p' |
        awk '{ n += $1 } END { print n }'
}
[ "$(sum applied)" = "$(key applied "$dir/a.json")" ] || fail "ps at rest: $(sum applied) applied"
[ "$(sum denied)" = "$(key denied "$dir/a.json")" ] || fail "ps at rest: $(sum denied) denied"
expect 3 "there is no @41" "$jitos" show @41 --data "$dir/a"
expect 2 "no revision" "$jitos" show yesterday --data "$dir/a"
expect 3 "cannot be opened" "$jitos" log --data "$dir/none"

# Misuse and damage.
expect 2 "another seed" "$jitos" run "$dir/two.jitos" --ticks 50 --seed 4 --data "$dir/a"
expect 2 "another system file" "$jitos" run "$dir/one.jitos" --ticks 50 --seed 3 --data "$dir/a"
mv "$dir/a/SOURCE" "$dir/source" # lost: then the genesis itself is compared
expect 2 "another system file" "$jitos" run "$dir/one.jitos" --ticks 50 --seed 3 --data "$dir/a"
expect 0 "done" "$jitos" run "$dir/two.jitos" --ticks 40 --seed 3 --data "$dir/a"
mv "$dir/source" "$dir/a/SOURCE"
cp "$dir/cells.csv" "$dir/cells.old"
cp "$dir/next.csv" "$dir/next.old"
sed -i 's/^c7,Cell,0/c7,Cell,1/' "$dir/cells.csv"
expect 2 "another input" "$jitos" run "$dir/two.jitos" --ticks 50 --seed 3 --data "$dir/a"
echo "c9,c999,NEXT" >>"$dir/next.csv"
expect 2 "next.csv:" "$jitos" run "$dir/two.jitos" --ticks 5
mv "$dir/cells.old" "$dir/cells.csv"
mv "$dir/next.old" "$dir/next.csv"
echo "rule broken match (a:Cell where a.state = " >>"$dir/one.jitos"
expect 2 "one.jitos:" "$jitos" run "$dir/one.jitos" --ticks 5
expect 2 "not empty" "$jitos" run --ticks 5 --data "$dir"
cp -r "$dir/a" "$dir/f"
printf 'X' | dd of="$dir/f/log/0000000000000001.seg" bs=1 seek=30000 conv=notrunc 2>/dev/null
expect 5 "record" "$jitos" verify --data "$dir/f"
expect 5 "record" "$jitos" replay --verify --data "$dir/f"
expect 5 "byte" "$jitos" run --ticks 50 --data "$dir/f"
rm "$dir"/f/blobs/*
expect 5 "blob" "$jitos" verify --data "$dir/f"

# A worker that hangs: the watchdog stops the run, and what was done stays.
mkfifo "$dir/hang"
"$jitos" run "$dir/two.jitos" --ticks 1000000 --seed 3 --data "$dir/h" --hang-wall 1 --json \
    >"$dir/hang" 2>"$dir/err" &
pid=$!
exec 8<"$dir/hang"
head -n 20 <&8 >/dev/null
worker=$("$jitos" ps --data "$dir/h" --json | sed -n 's/.*"pid":\([1-9][0-9]*\).*/\1/p' | head -n 1)
kill -STOP "$worker"
cat <&8 >/dev/null
got=0
wait $pid || got=$?
exec 8<&-
[ $got = 7 ] || fail "a worker that hangs: exit $got"
grep -q "used up its time" "$dir/err" || fail "a worker that hangs: $(cat "$dir/err")"
expect 0 "whole" "$jitos" verify --data "$dir/h"

# The private supervisor is killed: it is said, and nothing that was told is lost.
mkfifo "$dir/dies"
"$jitos" run "$dir/two.jitos" --ticks 1000000 --seed 3 --data "$dir/d" --json >"$dir/dies" \
    2>"$dir/err" &
pid=$!
exec 8<"$dir/dies"
head -n 20 <&8 >/dev/null
worker=$("$jitos" ps --data "$dir/d" --json | sed -n 's/.*"pid":\([1-9][0-9]*\).*/\1/p' | head -n 1)
kill -KILL "$(sed -n 's/^PPid:[^0-9]*//p' "/proc/$worker/status")"
cat <&8 >/dev/null
got=0
wait $pid || got=$?
exec 8<&-
[ $got = 4 ] || fail "a supervisor that is killed: exit $got"
grep -q "killed by signal 9" "$dir/err" || fail "a supervisor that is killed: $(cat "$dir/err")"
expect 0 "whole" "$jitos" verify --data "$dir/d"

expect 4 "goes on from the last durable tick" sh -c 'mkfifo "$3/ended"
    "$1" run "$2" --ticks 1000000 --seed 3 --data "$3/e" --json >"$3/ended" & pid=$!
    exec 8<"$3/ended"
    head -n 20 <&8 >/dev/null
    worker=$("$1" ps --data "$3/e" --json | sed -n "s/.*\"pid\":\([1-9][0-9]*\).*/\1/p" | head -n 1)
    kill -TERM "$(sed -n "s/^PPid:[^0-9]*//p" "/proc/$worker/status")"
    cat <&8 >/dev/null
    wait $pid' sh "$jitos" "$dir/two.jitos" "$dir"

# A signal ends a run in order, and where it stands is said.
mkfifo "$dir/stops"
"$jitos" run "$dir/two.jitos" --ticks 1000000 --seed 3 --data "$dir/c" --json >"$dir/stops" \
    2>"$dir/err" &
pid=$!
exec 8<"$dir/stops"
head -n 20 <&8 >/dev/null
kill -TERM $pid
cat <&8 >/dev/null
got=0
wait $pid || got=$?
exec 8<&-
[ $got = 143 ] || fail "a run that is told to end: exit $got"
grep -q "stopped by signal 15 .* at tick [0-9]* of 1000000" "$dir/err" &&
    grep -q "kept in $dir/c" "$dir/err" || fail "a run that is told to end: $(cat "$dir/err")"
expect 0 "whole" "$jitos" verify --data "$dir/c"

# A folder of our own making goes when we do, even killed; its keeper holds our stderr until then.
mkdir "$dir/tmp"
mkfifo "$dir/gone" "$dir/words"
TMPDIR="$dir/tmp" "$jitos" run "$dir/two.jitos" --ticks 1000000 --json >"$dir/gone" 2>"$dir/words" &
pid=$!
exec 7<"$dir/gone" 8<"$dir/words"
head -n 20 <&7 >/dev/null
[ -n "$(ls "$dir/tmp")" ] || fail "no temporary folder"
kill -KILL $pid
cat <&7 >/dev/null
cat <&8 >/dev/null
wait $pid || true
exec 7<&- 8<&-
[ -z "$(ls "$dir/tmp")" ] || fail "left behind: $(ls "$dir/tmp")"
expect 0 "repeat $jitos run $dir/two.jitos --ticks 3 --seed 5" \
    env TMPDIR="$dir/tmp" "$jitos" run "$dir/two.jitos" --ticks 3 --seed 5
[ -z "$(ls "$dir/tmp")" ] || fail "left behind at the end: $(ls "$dir/tmp")"

# Quiet means quiet, whoever speaks.
"$jitos" -q run --data "$dir/a" --ticks 41 >"$dir/out" 2>"$dir/err" || fail "quiet: exit $?"
[ -s "$dir/err" ] && fail "quiet, and yet: $(cat "$dir/err")"

# Who sees nothing asks for nothing; that is said before it is wondered at.
sed 's/^grant x: map/grant x: read/' "$dir/two.jitos" >"$dir/blind.jitos"
expect 0 "process x will find nothing: no grant lets it map /world" \
    "$jitos" run "$dir/blind.jitos" --ticks 1
expect 2 "Is a directory" "$jitos" run "$dir"

# Who finds the folder held by another leaves no trace in it: its owner's source stays.
mkdir "$dir/held"
mkfifo "$dir/holds"
"$jitosd" --data "$dir/held" --ready-fd 9 9>"$dir/holds" 2>/dev/null &
pid=$!
head -c 1 "$dir/holds" >/dev/null
expect 2 "using this folder" "$jitos" run "$dir/two.jitos" --ticks 3 --seed 9 --data "$dir/held"
[ -e "$dir/held/SOURCE" ] && fail "the folder of another says: $(cat "$dir/held/SOURCE")"
kill $pid
wait $pid || true
expect 0 "done   3 ticks" "$jitos" run "$dir/two.jitos" --ticks 3 --seed 9 --data "$dir/held"
grep -q "^seed 9" "$dir/held/SOURCE" || fail "the owner has no source"

# The supervisor's own command line.
expect 0 "jitosd 0." "$jitosd" --version
for told in --version --help; do
    expect 8 "jitosd: cannot write the output: No space left on device" \
        sh -c '"$0" "$1" >/dev/full' "$jitosd" $told
done
expect 2 "jitosd: --bogus" "$jitosd" --bogus
expect 2 "needs a value" "$jitosd" --data
expect 2 "program is missing: no/such" "$jitosd" --data "$dir/unborn" --loader no/such
grep -q '^  next: jitosd --loader FILE, or make install$' "$dir/out.txt" ||
    fail "no loader, no next"
"$jitosd" --bogus 2>&1 | grep -q unrecognized && fail "getopt speaks for the supervisor"

# Installed files run from where they were staged or moved to.
mkdir -p "$dir/moved/bin" "$dir/moved/libexec/jitos"
cp "$jitos" "$jitosd" "$dir/moved/bin"
cp "$build/proc/guest/jitos-loader" "$dir/moved/libexec/jitos"
expect 0 "done   2 ticks" "$dir/moved/bin/jitos" run "$dir/two.jitos" --ticks 2
mkdir -p "$dir/moved/share/jitos/examples/supply-chain"
echo "system" >"$dir/moved/share/jitos/examples/supply-chain/supply-chain.jitos"
expect 2 "moved/share/jitos/examples" "$dir/moved/bin/jitos" demo

# One owner.
mkfifo "$dir/fifo"
"$jitosd" --data "$dir/a" --ready-fd 9 9>"$dir/fifo" 2>/dev/null &
pid=$!
head -c 1 "$dir/fifo" >/dev/null
expect 2 "using this folder" "$jitosd" --data "$dir/a"
expect 0 "w[0]" "$jitos" ps --data "$dir/a"
kill $pid
wait $pid || fail "a supervisor that is told to end does not end well"

[ $failed = 0 ] && echo "1 passed, 0 failed"
exit $failed
