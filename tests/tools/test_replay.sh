#!/bin/sh
# Goal:   a history is made again three ways, from its patches, from its rules and by its
#         workers, with whatever hands were in it; a log that its owner has written by hand passes
#         the first and is found out by the others.
# Method: runs with real processes: killed in the middle of a log write between two checkpoints,
#         with another seed, a merge, capabilities that an operator grants and revokes;
#         tests/tools/forge appends ticks that nobody made.
set -eu
# shellcheck source=tests/lib/processes.sh
. "${top_srcdir:-.}/tests/lib/processes.sh"

forge=$build/tests/tools/forge

cd "$dir"
cells 40 >cells.csv
cat >s.jitos <<EOF
system again
type Cell { state: i64 = 0 }
import "cells.csv" into /world
rule count(p: f64) on conflict retry 2
  match (a:Cell), (b:Cell)
  where a.state = b.state and chance(p)
  set a.state = a.state + 1
process w[2] run count(p = 0.002) apply all over shard(/world)
process idle run count(p = 0.5) apply all over shard(/world) replay rerun
grant w: map /world; invoke count on /world
EOF

# again DIR TICKS TAKEN: three ways, one end; as many ticks no worker could make
again() {
    head=
    for by in patches rules workers; do
        want 0 "$jitos" replay --data "$1" --by $by --json
        [ "$(key ticks out)" = "$2" ] || fail "$1 by $by: $(key ticks out) ticks"
        [ "$(key by out)" = $by ] || fail "$1 by $by: it says $(key by out)"
        [ -z "$head" ] || [ "$(key head out)" = "$head" ] || fail "$1 by $by: another head"
        [ $by != workers ] || [ "$(key taken out)" = "$3" ] || fail "$1: taken $(key taken out)"
        head=$(key head out)
    done
}

want 0 "$jitos" run s.jitos --ticks 10 --seed 3 --data a --durability none
want 0 "$jitos" checkpoint --data a
want 137 "$jitos" run --ticks 40 --data a --die-at-log-offset 9000
want 0 "$jitos" run --ticks 40 --data a --durability none
again a 40 0
want 0 "$jitos" replay --data a --by rules --jobs 4
says "same   40 ticks"
want 2 "$jitos" replay --data a --by luck

# Another seed, what an operator allows and takes back, and a merge.
want 0 "$jitos" fork @20 -m other --seed 9 --data a
want 0 "$jitos" run --ticks 24 --data a/branches/other --durability none
want 0 "$jitos" cap grant 'idle[0]' map --data a/branches/other
want 0 "$jitos" cap grant 'idle[0]' invoke count --data a/branches/other
want 0 "$jitos" run --ticks 30 --data a/branches/other --durability none
want 0 "$jitos" cap revoke 'idle[0]/1' --data a/branches/other
want 0 "$jitos" run --ticks 36 --data a/branches/other --durability none
again a/branches/other 36 4
want 0 "$jitos" fork @10 -m left --data a
want 0 "$jitos" run --ticks 11 --data a/branches/left --durability none
want 0 "$jitos" merge HEAD --into left -s theirs --data a/branches/other
want 0 "$jitos" run --ticks 15 --data a/branches/left --durability none
again a/branches/left 15 1

# Written by hand: nothing that a replay of patches could notice.
want 0 "$jitos" fork @2 -m nothing --data a
want 0 "$forge" a/branches/nothing nothing
want 0 "$jitos" verify --data a/branches/nothing
want 0 "$jitos" replay --data a/branches/nothing --by rules
want 6 "$jitos" replay --data a/branches/nothing --by workers
says "diverged in tick 3"
want 0 "$jitos" fork @2 -m something --data a
want 0 "$forge" a/branches/something something
want 0 "$jitos" replay --data a/branches/something --by patches
want 6 "$jitos" replay --data a/branches/something --by rules
says "diverged in tick 3"
want 6 "$jitos" replay --data a/branches/something --by workers
want 3 "$jitos" replay --data nowhere --by rules

exit $failed
