#!/bin/sh
# Goal:   a fork, a rollback and a merge leave every history as it was, each branch goes on by
#         itself, and what two sides changed differently is a conflict, never settled silently.
# Method: a small system with real processes; another seed and parameter, joins and conflicts; two
#         folders restored from one exported checkpoint; every result replayed from its log.
set -eu
# shellcheck source=tests/lib/processes.sh
. "${top_srcdir:-.}/tests/lib/processes.sh"

cd "$dir"
cells 30 state:long,hits:long 0,0 >cells.csv
# system NAME UPDATE
system() {
    cat <<END
system $1
type Cell { state: i64 = 0, hits: i64 sum = 0 }
import "cells.csv" into /world
rule count(p: f64)
  match (a:Cell)
  where chance(p)
  $2
process w[2] run count(p = 0.2) apply all over shard(/world)
grant w: map /world; invoke count on /world
END
}
system sums "add a.hits, 1" >sums.jitos
system sets "set a.state = a.state + 1" >sets.jitos

# A fork without a change goes where its source goes.
want 0 "$jitos" run sums.jitos --ticks 30 --seed 3 --data a --json
root=$(key root out)
want 0 "$jitos" branch same @10 --data a
want 3 "$jitos" show HEAD --data a/branches/same
says 'begins at tick 10 and has made no tick of its own yet'
want 0 "$jitos" log --data a/branches/same
says 'begins at tick 10'
want 0 "$jitos" run --data a/branches/same --ticks 30 --json
[ "$(key root out)" = "$root" ] || fail "a branch went on otherwise"

# With another parameter and seed it does not, and it says so in its log.
want 0 "$jitos" fork @10 -m fast --set count.p=0.9 --seed 8 --data a
want 0 "$jitos" run --data a/branches/fast --ticks 20 --json
[ "$(key denied out)" = 0 ] || fail "the changed parameter is not covered by its capability"
want 0 "$jitos" replay --verify --data a/branches/fast
want 0 "$jitos" verify --data a/branches/fast --deep
before=$(ls -A a/branches)
want 2 "$jitos" fork @10 --set nothing=1 --data a
[ "$(ls -A a/branches)" = "$before" ] || fail "a fork that failed left something"
want 2 "$jitos" fork @10 --set p=many --data a
want 2 "$jitos" fork @10 --set p --data a
want 2 "$jitos" fork @10 -m fast --data a
want 2 "$jitos" fork @10 -m main --data a
want 3 "$jitos" fork @99 --data a
[ ! -e a/branches/fork-99 ] || fail "something was made of no tick"

# Two at once: of one name one is refused, and who names none gets another.
both() {
    "$@" >one 2>&1 &
    first=$!
    two=0
    "$@" >two 2>&1 || two=$?
    one=0
    wait $first || one=$?
}
both "$jitos" fork @10 -m twin --set count.p=0.9 --data a
[ $((one + two)) = 2 ] && [ $((one * two)) = 0 ] || fail "twins: $one $two $(cat one two)"
grep -q 'there is a branch twin already' one two || fail "twins: $(cat one two)"
both "$jitos" fork @9 --set count.p=0.9 --data a
[ $((one + two)) = 0 ] || fail "two forks: $one $two $(cat one two)"
for named in twin fork-9 fork-9-2; do
    want 0 "$jitos" verify --data a/branches/$named
done
rm -r a/branches/twin a/branches/fork-9 a/branches/fork-9-2

# So it is of a folder; what the one makes the other neither takes nor removes.
both "$jitos" fork @10 --into apart --set count.p=0.9 --data a
[ $((one + two)) = 2 ] && [ $((one * two)) = 0 ] || fail "one folder: $one $two $(cat one two)"
grep -q 'has a history already\|is being made by another command' one two ||
    fail "one folder: $(cat one two)"
want 0 "$jitos" verify --data apart
[ ! -e .apart.part ] || fail "two forks into a folder left something"
rm -r apart
mkdir .apart.part
: >.apart.part/left-over
exec 7<.apart.part
flock 7
want 2 "$jitos" fork @10 --into apart --set count.p=0.9 --data a
says 'apart is being made by another command'
[ -e .apart.part/left-over ] || fail "it took away what another one makes"
exec 7<&-
want 0 "$jitos" fork @10 --into apart --set count.p=0.9 --data a
[ ! -e .apart.part ] && [ ! -e apart/left-over ] || fail "what was left over is still there"
want 0 "$jitos" verify --data apart
rm -r apart

# Joins: both sides added.
want 0 "$jitos" merge HEAD --into main --data a/branches/fast --dry-run
says "would be  tick 31"
want 0 "$jitos" verify --data a
says "$root"
want 0 "$jitos" merge HEAD --into main --data a/branches/fast --json
says '"tick":31'
want 0 "$jitos" merge HEAD --into main --data a/branches/fast
says "already"
want 0 "$jitos" replay --verify --data a
says "31 ticks"
want 0 "$jitos" run --data a --ticks 35
want 0 "$jitos" replay --verify --data a

# The head moves, the history stays.
want 0 "$jitos" rollback @5 --data a
want 0 "$jitos" run --data a --ticks 7
want 0 "$jitos" log --data a -n 1 --json
says '"tick":7'
want 0 "$jitos" branch --data a --json
says '"name":"back-to-5".*"head":true'
mv a/branches/back-to-5 away
want 3 "$jitos" log --data a
says 'branch --switch main --data a'
want 0 "$jitos" branch --data a
says 'back-to-5, is not there any more'
mv away a/branches/back-to-5
want 0 "$jitos" branch --switch main --data a
says '^head   main$'
want 0 "$jitos" log --data a -n 1 --json
says '"tick":35'
want 3 "$jitos" branch --switch nobody --data a
printf 'branch ../x\n' >a/HEAD
want 5 "$jitos" log --data a
rm a/HEAD

# A branch is one from wherever it is named; a folder below `branches` is none for that alone.
ln -s a/branches/fast link
for named in link a/branches/../branches/fast/.; do
    want 0 "$jitos" branch --data "$named" --json
    says '"name":"fast"'
done
(cd a/branches/fast && "$jitos" branch) >"$dir/out" || fail "a branch that is not told of"
says '^  fast '
mkdir branches
want 0 "$jitos" run sums.jitos --ticks 4 --seed 3 --data branches/own
want 0 "$jitos" rollback @2 --data branches/own
[ ! -e HEAD ] || fail "the head of a folder lies beside it"
want 0 "$jitos" branch --data branches/own --json
says '"name":"back-to-2".*"head":true'

# A path that leaves no room for branches is refused, and none is made where a part of it leads: the
# first 4,000 bytes of this one are the folder in which we are.
far() { # LENGTH FOLDER: a path of so many bytes to it
    printf '%*s' $((($1 - ${#2}) / 2)) '' | sed 's/ /.\//g'
    echo "$2"
}
want 0 "$jitos" branch near @5 --data "$(far 3999 a)"
[ -e a/branches/near ] || fail "a branch of a long path is not there: $(cat out)"
here=$(ls -A branches)
for verb in "fork @5 -m far" "fork @5 -m far --set count.p=0.5" "rollback @5 -m far" checkpoint; do
    # shellcheck disable=SC2086 # words
    want 2 "$jitos" $verb --data "$(far 4051 a)"
    says "it has 4051 bytes, and may have 4000"
done
[ "$(ls -A branches)" = "$here" ] && [ ! -e a/branches/far ] || fail "a path that was cut"
# Elsewhere it has all that the system takes, and is told in full.
where=$(far 4095 elsewhere)
want 0 "$jitos" fork @5 --into "$where" --data a --json
says "\"branch\":\"$where\""
want 0 "$jitos" merge HEAD --into "$where" --data a
want 0 "$jitos" verify --data elsewhere
want 3 "$jitos" fork @5 --into "$(far 4097 elsewhere)" --data a
says "File name too long"
want 3 "$jitos" fork @5 --into cells.csv/x --data a
says "Not a directory"

# A link to nowhere is no place for branches.
want 0 "$jitos" run sums.jitos --ticks 2 --seed 3 --data linked
ln -s nowhere linked/branches
want 2 timeout 60 "$jitos" fork @1 --data linked
says "linked/branches cannot be made"

# Conflicts change nothing.
want 0 "$jitos" run sets.jitos --ticks 12 --seed 3 --data b --json
root=$(key root out)
want 0 "$jitos" fork @5 -m x --seed 4 --data b
want 0 "$jitos" run --data b/branches/x --ticks 12
want 1 "$jitos" merge HEAD --into main --data b/branches/x
says "conflict"
want 0 "$jitos" verify --data b
says "$root"
want 0 "$jitos" merge HEAD --into main --data b/branches/x -s theirs
want 0 "$jitos" replay --verify --data b

# What a merge writes is what a supervisor would start: a branch that was written by hand, past all
# checks, binds no parameters to its rule, which is no conflict with a main that has gone on.
unbound="a process in /proc binds parameters that do not fit its rule"
want 0 "$jitos" run sums.jitos --ticks 10 --seed 3 --data f
want 0 "$jitos" fork @8 -m bare --data f
want 0 "$build/tests/tools/forge" f/branches/bare parameters
want 1 "$jitos" verify --data f/branches/bare
says "$unbound"
for dry in --dry-run -q; do
    want 1 "$jitos" merge HEAD --into main --data f/branches/bare $dry
    says "what would come of the merge cannot be run"
    says "$unbound"
done
want 0 "$jitos" verify --deep --data f
says "whole  10 ticks"
"$jitosd" --data f/branches/bare >started 2>&1 && fail "a supervisor runs it"
grep -q "$unbound" started || fail "a supervisor says: $(cat started)"

# A checkpoint of such a tick is whole and is found by asking for each, though the newest tick can
# be run: there it was bound again by a merge.
want 0 "$jitos" fork @8 -m good --set count.p=0.4 --data f
want 0 "$jitos" checkpoint -m before --data f/branches/bare
want 1 "$jitos" verify --deep --data f/branches/bare --json
grep -q '"runs":false.*"checkpoints_refused":0' out || fail "one tick is told twice: $(cat out)"
want 0 "$jitos" merge HEAD --into bare -s theirs --data f/branches/good
want 0 "$jitos" run --data f/branches/bare --ticks 14
want 0 "$jitos" checkpoint -m after --data f/branches/bare
want 0 "$jitos" verify --data f/branches/bare --json
says '"runs":true'
want 1 "$jitos" verify --deep --data f/branches/bare
says "of tick 9 is whole, but no supervisor would run it"
says "$unbound"
want 1 "$jitos" verify --deep --data f/branches/bare --json
grep -q '"runs":true.*"checkpoints_refused":1' out || fail "not told: $(cat out)"
want 0 "$build/tests/tools/forge" f/branches/bare parameters
want 1 "$jitos" verify --deep --data f/branches/bare
says "no supervisor would run it from tick 15 on"
says "of tick 9 is whole, but no supervisor would run it: .*$unbound"

# A branch begins where it was founded, also when its first tick is kept: gc leaves what it begins
# with.
want 0 "$jitos" fork @8 -m first --data f
want 0 "$jitos" run --data f/branches/first --ticks 9
want 0 "$jitos" checkpoint -m nine --data f/branches/first
want 0 "$jitos" gc --keep 0 --data f/branches/first
says "kept   2 of 2 checkpoints"
want 0 "$jitos" fork @8 -m again --data f/branches/first
want 0 "$jitos" verify --deep --data f/branches/first

# Two folders that come from one checkpoint.
want 0 "$jitos" checkpoint --export c.jck --data a
want 0 "$jitos" restore --import c.jck --into c
want 0 "$jitos" restore --import c.jck --into d
want 0 "$jitos" run --data c --ticks 40
want 0 "$jitos" fork HEAD --into e --seed 77 --data d
want 0 "$jitos" run --data e --ticks 39
want 0 "$jitos" merge HEAD --into ./e --data c
want 0 "$jitos" replay --verify --data e
says "40 ticks"
want 2 "$jitos" merge HEAD --into ./b --data c
says "nothing in common"

[ $failed = 0 ] && echo "branches: ok"
exit $failed
