#!/bin/sh
# Goal:   a sweep gives one row a run, the same ones however many run beside each other and however
#         often it was killed; a run that fails is a row; a row is what a run by hand gives.
# Method: a small system with real processes; a sweep at one go, one side by side, one that is
#         killed as soon as its first row is there.
set -eu
# shellcheck source=tests/lib/processes.sh
. "${top_srcdir:-.}/tests/lib/processes.sh"

cd "$dir"
cells 4 hits:long >cells.csv
cat >s.jitos <<END
system sums
type Cell { hits: i64 sum = 0 }
import "cells.csv" into /world
rule count(p: f64)
  match (a:Cell)
  where chance(p)
  add a.hits, 1
process w run count(p = 0.2) apply all over shard(/world)
grant w: map /world; invoke count on /world
END

# sweep OUT OPTION...
sweep() {
    out=$1
    shift
    "$jitos" sweep s.jitos --vary p=0.2:0.6:0.2 --seeds 3,4 --ticks 6 --out "$out" \
        -m 'hit=match (a:Cell) where a.hits > 1 return count(*)' "$@"
}
want 0 sweep one
[ "$(wc -l <one/results.ndjson)" = 6 ] || fail "other rows than 3 values with 2 seeds"
head -n 1 one/results.csv | grep -q '^run,p,seed,status,exit,.*,hit.$' || fail "the head of the CSV"
want 0 "$jitos" run s.jitos --ticks 6 --seed 4 --param p=0.4 --data by-hand --json
root=$(key root out)
grep '"p=0.4,seed=4"' one/results.ndjson | grep -q "\"root\":\"$root\"" ||
    fail "a run by hand gives another root"
want 0 "$jitos" query 'match (a:Cell) where a.hits > 1 return count(*)' --data by-hand
grep '"p=0.4,seed=4"' one/results.ndjson | grep -q "\"hit\":$(cat out)," || fail "another measure"
# A path that leaves no room for runs is refused, and nothing is made where a part of it leads.
before=$(ls -A)
want 2 sweep "$(printf '%*s' 2000 '' | sed 's/ /.\//g')far"
says "it has 4003 bytes, and may have 3900"
[ "$(ls -A)" = "$before" ] || fail "a path that was cut: $(ls -A)"
[ -z "$(ls one/runs)" ] || fail "runs that went well are kept: $(ls one/runs)"

want 0 sweep two --jobs 2
cmp -s one/results.csv two/results.csv || fail "side by side gives other rows"
want 0 sweep two --jobs 2
says '6 of 6 runs have their row already'
cmp -s one/results.csv two/results.csv || fail "asked again it gives other rows"

# Killed as soon as there is a row; what it had started ends with it.
"$jitos" sweep s.jitos --vary p=0.2:0.6:0.2 --seeds 3,4 --ticks 6 --out three --jobs 2 \
    -m 'hit=match (a:Cell) where a.hits > 1 return count(*)' >/dev/null 2>&1 &
pid=$!
tries=0
until grep -q seed three/rows.ndjson 2>/dev/null || [ $tries -gt 3000 ]; do
    tries=$((tries + 1))
    "$jitos" --version >/dev/null
done
want 2 sweep three
says 'in use'
kill -9 "$pid"
wait "$pid" 2>/dev/null || true
want 0 sweep three --jobs 2
cmp -s one/results.csv three/results.csv || fail "after a kill it gives other rows"

# More seeds add theirs; a run that fails is a row, and is tried again only when asked for.
want 0 "$jitos" sweep s.jitos --seeds 1..2 --ticks 3 --out four
want 1 "$jitos" sweep s.jitos --vary p=0.5,many --ticks 3 --out five --json
says '"run":"p=many,seed=1".*"status":"failed","exit":2,"error":"many is no value'
says '"runs":2,"failed":1'
grep -q '"p=0.5,seed=1",0.5,1,ok' five/results.csv || fail "the run that went well has no row"
want 1 "$jitos" sweep s.jitos --vary p=0.5,many --ticks 3 --out five
says '2 of 2'
want 1 "$jitos" sweep s.jitos --vary p=0.5,many --ticks 3 --out five --retry
says '1 of 2'

# What is no plan is refused before anything runs.
for bad in p p= =1 p=1:2 p=2:1:1 p=1:2:0 p=a:b:c p=0:1:0.0000000001 p=1,,2; do
    want 2 "$jitos" sweep s.jitos --vary "$bad" --out six
done
for bad in x 1..x 5..1 1, ''; do
    want 2 "$jitos" sweep s.jitos --seeds "$bad" --out six
done
want 2 "$jitos" sweep s.jitos --out six -m 'a b=match (a:Cell) return count(*)'
want 2 "$jitos" sweep s.jitos
want 2 "$jitos" sweep s.jitos --seeds 1..2 --ticks 4 --out four
says 'something else'
[ ! -e six ] || fail "what was refused left a folder"

[ $failed = 0 ] && echo "sweep: ok"
exit $failed
