#!/bin/sh
# Goal:   what is delayed (`after n ticks`) is part of what is kept: a system that is killed, or
#         restored from a checkpoint, while something is due in a later tick goes on as one that was
#         never stopped; its history is made again three ways; `show`, `log` and `why` say what was
#         delayed.
# Method: runs with real processes, and their heads.
set -eu
# shellcheck source=tests/lib/processes.sh
. "${top_srcdir:-.}/tests/lib/processes.sh"

cd "$dir"
cells 30 >cells.csv
cat >s.jitos <<END
system lamps
type Cell { state: i64 = 0 }
import "cells.csv" into /world
rule light(p: f64)
  match (a:Cell)
  where a.state = 0 and chance(p)
  set a.state = 1
rule fade after 4 ticks
  match (a:Cell)
  where a.state = 1
  set a.state = 0
process w[2] run light(p = 0.2), fade apply all over shard(/world)
grant w: map /world; invoke light, fade on /world
END

want 0 "$jitos" run s.jitos --ticks 30 --seed 3 --data whole --durability none --json
whole=$(key head out)

# Three ways, one end.
for by in patches rules workers; do
    want 0 "$jitos" replay --data whole --by $by --json
    [ "$(key ticks out)" = 30 ] || fail "by $by: $(key ticks out) ticks"
    [ "$(key head out)" = "$whole" ] || fail "by $by: another head"
done

# Killed in the middle of a write, and restored while some are due in later ticks.
want 0 "$jitos" run s.jitos --ticks 11 --seed 3 --data r
want 0 "$jitos" checkpoint -m kept --data r
want 0 "$jitos" restore kept --data r --into s --run-to 30 --json
[ "$(key head out)" = "$whole" ] || fail "restored, it goes on in another way"
want 137 "$jitos" run --ticks 30 --data r --die-at-log-offset 16000
want 0 "$jitos" run --ticks 30 --data r --json
[ "$(key head out)" = "$whole" ] || fail "killed, it goes on in another way"
want 0 "$jitos" verify --data r

# What is said of it.
want 0 "$jitos" show @6 --data whole --limit 1000
delayed=$(awk '$5 == "delayed" { print $2; exit }' out)
[ -n "$delayed" ] || fail "nothing is delayed in tick 6"
want 0 "$jitos" show @10 --data whole --limit 1000
due=$(awk -v key="$delayed" '$2 == key && $5 == "applied" { print $1; exit }' out)
[ -n "$due" ] || fail "$delayed is not applied in tick 10"
want 0 "$jitos" why "$due@10" --depth 2 --data whole
says 'asked for before as'
says '@6  fade'
want 0 "$jitos" why "$due@10" --depth 2 --data whole --dot
says 'asked for before'
want 0 "$jitos" why "$due@10" --depth 2 --data whole --json
says '"delayed":true'
want 0 "$jitos" log --data whole --json
says '"delayed":'

# A right that is taken back in between holds no more when it is due.
want 0 "$jitos" cap revoke 'w[0]/1' --data r
want 0 "$jitos" cap revoke 'w[1]/1' --data r
want 0 "$jitos" run --ticks 40 --data r --json
for by in patches rules; do
    want 0 "$jitos" replay --data r --by $by
done

exit $failed
