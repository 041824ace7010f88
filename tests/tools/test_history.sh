#!/bin/sh
# Goal:   the state at any tick is what the ticks before it made, whichever way it is asked for; and
#         /time tells what happened in each.
# Method: a small system with real processes and a checkpoint in its middle. Every rewrite adds 1 to
#         one value, so at each tick the sum of all values is the sum of what /time says was applied
#         up to it; a difference, applied as a patch, leads from one tick's root to the other's.
set -eu
# shellcheck source=tests/lib/processes.sh
. "${top_srcdir:-.}/tests/lib/processes.sh"

cd "$dir"
{
    echo ":ID,:LABEL,name,hits:long"
    i=0
    while [ $i -lt 12 ]; do
        echo "c$i,Cell,cell $i,0"
        i=$((i + 1))
    done
} >cells.csv
cat >s.jitos <<END
system sums
type Cell { name: text, hits: i64 sum = 0 }
import "cells.csv" into /world
rule count(p: f64)
  match (a:Cell)
  where chance(p)
  add a.hits, 1
process w[2] run count(p = 0.2) apply all over shard(/world)
grant w: map /world; invoke count on /world
END
want 0 "$jitos" run s.jitos --ticks 12 --seed 3 --data a
want 0 "$jitos" checkpoint -m middle --data a
want 0 "$jitos" run --data a --ticks 24
want 0 "$jitos" checkpoint --data a

# sum: of a column of the last want()
sum() {
    awk 'NR > 1 { n += $1 } END { print n + 0 }' out
}
for tick in 0 1 11 12 13 23 24; do
    want 0 "$jitos" query 'match (a:Cell) return a.hits' --at $tick --data a
    hits=$(sum)
    want 0 "$jitos" query "match (t:tick) where t.tick <= $tick return t.applied" --in /time \
        --data a
    [ "$(sum)" = "$hits" ] || fail "tick $tick holds $hits, /time says $(sum)"
done
[ "$hits" -gt 24 ] || fail "nothing happened"

# What happened to one thing: as many hits as its value says, each with who made it.
want 0 "$jitos" query 'match (a:Cell) where a.name = "cell 7" return a.hits' --data a
hits=$(sum)
want 0 "$jitos" log /world/c7/hits --data a
[ "$(grep -c 'by w\[' out)" = "$hits" ] || fail "$hits hits, and a log of $(cat out)"
head -n 1 out | grep -q '^@0 .*i64 0  the genesis' || fail "no beginning: $(head -n 1 out)"
tail -n 1 out | grep -q "i64 $hits  q[0-9]* count by w\[[01]\]" || fail "no end: $(tail -n 1 out)"
want 0 "$jitos" log /world/c7/hits@12 --data a --json
grep -q '"tick":1[3-9]' out && fail "a log up to tick 12 goes on"
want 0 "$jitos" log /world --data a -n 3 --json
[ "$(grep -c '"event":"change"' out)" = 3 ] || fail "not three changes"
want 3 "$jitos" log /world/c99 --data a
want 2 "$jitos" log /world/c7 --denied --data a

# Like files: instances, nodes, values.
want 0 "$jitos" inspect @0 --data a
says '/world/'
want 0 "$jitos" inspect /world@middle --data a --type Cell
says 'cell 7'
want 0 "$jitos" inspect /world/c7@0 --data a
says '"name": "hits"'
want 0 "$jitos" inspect /world/c7/name --data a
says 'cell 7'
want 0 "$jitos" inspect /world/c7/hits@0 --data a --json
says '"value":0'
want 0 "$jitos" inspect /world/c7@HEAD~24 --data a --raw name
[ "$(cat out)" = "cell 7" ] || fail "the bytes of a value are others"
want 3 "$jitos" inspect /world/c99 --data a
want 3 "$jitos" inspect /world/c7/hits/x --data a
says 'c7 is a node, and has no value hits/x'
says 'next: jitos inspect /world/c7 --data a'
want 3 "$jitos" log /world/c7/nothing --data a
says 'c7 is a node, and has no value nothing'
want 3 "$jitos" inspect /world@25 --data a
want 3 "$jitos" inspect /world@nothing --data a
want 3 "$jitos" inspect / --data none

# The difference leads from one to the other.
want 0 "$jitos" export --to rmg --until 5 -o five.rmg --data a
want 0 "$jitos" export --to rmg --until 20 -o twenty.rmg --data a
want 0 "$jitos" diff @5 @20 --data a -o d.patch
want 0 "$rmg" apply five.rmg d.patch -o there.rmg
cmp -s there.rmg twenty.rmg || fail "a difference leads elsewhere"
want 1 "$jitos" diff @5 @20 --data a --stat --exit-code
says 'values'
want 0 "$jitos" diff @24 --data a --exit-code --json
says '"same":true'
want 0 "$jitos" fork @12 -m other --seed 9 --data a
want 0 "$jitos" run --data a/branches/other --ticks 24
want 1 "$jitos" diff @24 @24 --data a --with a/branches/other --exit-code

# /time: each tick but the first has a parent, a branch leaves at its tick, a merge has two.
want 0 "$jitos" merge HEAD --into main --data a/branches/other
want 0 "$jitos" query 'match (t:tick)-[:parent]->(u:tick) return count(*)' --in /time --data a
[ "$(cat out)" = 38 ] || fail "/time has $(cat out) parents"
want 0 "$jitos" query 'match (t:tick)-[:parent]->(u:tick) where t.tick = 25 return u.tick' \
    --in /time --data a
[ "$(sum)" = 48 ] || fail "the merge has other parents: $(cat out)"
want 0 "$jitos" query 'match (c:checkpoint)-[:of]->(t:tick) return t.tick' --in /time --data a
[ "$(sum)" = 48 ] || fail "other checkpoints: $(cat out)"
want 0 "$jitos" query 'match (h:head)-[:at]->(b:branch)-[:at]->(t:tick) return t.tick, b.name' \
    --in /time --data a
says '25.*main'
want 0 "$jitos" inspect /time/@7 --data a
says q0
want 0 "$jitos" query 'match (r:request)-[:made]->(o:operation) return count(*)' --in /time/@7 \
    --data a
made=$(cat out)
want 0 "$jitos" query 'match (t:tick) where t.tick = 7 return t.applied' --in /time --data a
[ "$(sum)" = "$made" ] || fail "tick 7 made $made, /time says $(sum)"
# Its commit entries: one of each that was applied, from the root of tick 6 to that of tick 7.
want 0 "$jitos" query 'match (e:entry)-[:of]->(r:request)-[:made]->(o:operation) return count(*)' \
    --in /time/@7 --data a
[ "$(cat out)" = "$made" ] || fail "tick 7 made $made, with $(cat out) entries"
entries_of() { "$jitos" show @"$1" --entries --limit 99 --json --data a >entries; }
root_of() {
    "$jitos" show @"$1" --limit 0 --json --data a >shown
    sed -n 's/.*"root":"\([0-9a-f]*\)".*/\1/p' shown
}
entries_of 7
[ "$(grep -c jitos.entry/1 entries)" = "$made" ] || fail "tick 7 made $made: $(cat entries)"
line="\"tick\":7,.*\"rule_name\":\"count\""
line="$line.*\"before\":\"$(root_of 6)\",\"after\":\"$(root_of 7)\""
[ "$(grep -c "$line" entries)" = "$made" ] || fail "other entries: $(cat entries)"
grep -q jitos.request/1 entries && fail "--entries lists requests as well"
entries_of 0
grep -q jitos.entry/1 entries && fail "a genesis has an entry"
entries_of 25 # a merge
grep -q jitos.entry/1 entries && fail "an edit has an entry"
# Every kind is a node that a match finds and that can be walked to: a receipt is what a request's
# node says of it, a patch is the operations of its tick.
want 0 "$jitos" query 'match (r:request) where r.result = "applied" return count(*)' \
    --in /time/@7 --data a
[ "$(cat out)" = "$made" ] || fail "tick 7 made $made, with $(cat out) receipts that say so"
want 0 "$jitos" query 'match (o:operation) where o.kind = "set value" return count(*)' \
    --in /time/@7 --data a
[ "$(cat out)" = "$made" ] || fail "tick 7 made $made, its patch sets $(cat out)"
for kind in tick branch checkpoint; do
    want 0 "$jitos" inspect /time --type $kind --limit 0 --data a
    grep -c . out >listed
    want 0 "$jitos" query "match (x:$kind) return count(*)" --in /time --data a
    [ "$(cat out)" -gt 0 ] && [ "$(cat out)" -le "$(cat listed)" ] ||
        fail "/time: $(cat out) of $kind are found, $(cat listed) lines are listed"
done
want 0 "$jitos" query 'match (b:branch)-[:at]->(t:tick)-[:parent]->(u:tick)-[:parent]->(v:tick)
    where v.tick = 23 return count(*)' --in /time --data a
[ "$(cat out)" -ge 1 ] || fail "no walk from a branch back to tick 23: $(cat out)"
want 3 "$jitos" inspect /time/@99 --data a
want 3 "$jitos" inspect /time/nothing --data a

# why: along a chain each step was made by a request that read what the one before it wrote.
{
    echo ":START_ID,:END_ID,:TYPE"
    echo "c0,c1,R"
    echo "c1,c2,R"
    echo "c2,c3,R"
} >edges.csv
cat >chain.jitos <<END
system chain
type Cell { name: text, hits: i64 = 0, state: i64 = 0 }
edge R {}
import "cells.csv", "edges.csv" into /world
rule begin
  match (a:Cell)
  where a.state = 0 and a.name = "cell 0"
  set a.state = 1
rule spread
  match (a:Cell)-[:R]->(b:Cell)
  where a.state = 1 and b.state = 0
  set b.state = 1
process w run begin, spread apply all over shard(/world)
process out run begin apply all over shard(/world)
grant w: map /world; invoke begin, spread on /world
grant out: map /world; invoke spread on /world
END
want 0 "$jitos" run chain.jitos --ticks 8 --seed 5 --data b
want 0 "$jitos" why /world/c3/state --data b --json
for tick in 4 3 2; do
    says "\"tick\":$tick,.*\"result\":\"applied\".*\"rule\":\"spread\",\"process\":\"w"
done
says '"tick":1,.*"rule":"begin","process":"w'
[ "$(grep -c '"kind":"request"' out)" = 4 ] || fail "other causes than the chain: $(cat out)"
says '"kind":"start","tick":0'
want 0 "$jitos" why /world/c3/state@3 --data b --json
[ "$(grep -c '"kind":"request"' out)" = 0 ] || fail "a cause in the future"
want 0 "$jitos" why /world/c3/state --depth 2 --data b
says 'further back'
want 0 "$jitos" why /world/c3/state --dot --data b
says '^  c[0-9]* -> c[0-9]*'
# An answer that cannot be written to its end is none, also if that is noticed on the way.
awk 'BEGIN { print ":START_ID,:END_ID,:TYPE"
    for (i = 0; i < 11; i++) print "c" i ",c" i + 1 ",R" }' >long.csv
sed 's/edges.csv/long.csv/' chain.jitos >long.jitos
want 0 "$jitos" run long.jitos --ticks 14 --seed 5 --data long
for words in 'why /world/c11/state --depth 20 --data long' 'log /world --data a' \
    'why /world/c11/state --depth 20 --dot --data long'; do
    # shellcheck disable=SC2086 # words
    want 0 "$jitos" $words
    [ "$(wc -c <out)" -gt 4096 ] || fail "$words: too short to be noticed on the way"
    got=0
    # shellcheck disable=SC2086 # words
    "$jitos" $words >/dev/full 2>err || got=$?
    [ $got = 8 ] || fail "$words >/dev/full: left with $got"
    grep -q 'cannot write the output: No space left' err || fail "$words >/dev/full: $(cat err)"
done
want 0 "$jitos" why q0@1 --data b
says 'denied'
says 'out'
want 0 "$jitos" why /world/c3/state --data b --json --depth 1
key=$(sed -n 's/.*"key":"\([0-9a-f]*\)".*/\1/p' out)
want 0 "$jitos" why "$key" --data b
says '@4'
# The capability is the one that was held then, whatever became of it.
want 0 "$jitos" why q0@1 --data b
says 'under no capability'
cp -r b bb
want 0 "$jitos" cap revoke 'w[0]/2' --data bb
want 0 "$jitos" run --ticks 10 --data bb
want 0 "$jitos" why /world/c3/state --data bb
says 'q0@4  spread by w\[0\]  under w\[0\]/2 (invoke on /world)  applied'
want 0 "$jitos" why /world/c3/state --data bb --json
says '"capability":2,"held":true,"rights":"invoke"'
want 0 "$jitos" show @2 --data bb
says '  1 attachment$'
want 3 "$jitos" inspect /wold@4 --data bb
says 'did you mean world'
says 'next: jitos inspect /world@4 --data bb'
want 3 "$jitos" why q9@2 --data b
want 3 "$jitos" why q0@99 --data b
want 3 "$jitos" why /world/none --data b

# A checkpoint of the genesis is one like others.
want 0 "$jitos" run chain.jitos --ticks 0 --seed 5 --data z
want 0 "$jitos" checkpoint -m first --data z
want 0 "$jitos" verify --deep --data z
says '1 checkpoints'
want 0 "$jitos" restore first --data z --into zz --run-to 8
want 0 "$jitos" diff @8 @8 --data b --with zz --exit-code

# bisect: the chain reaches c3 in tick 4.
cat >reached.sh <<END
#!/bin/sh
echo "tick \$JITOS_TICK" >>tried
[ "\$("$rmg" query -i /world "\$JITOS_STATE" \
    'match (a:Cell) where a.name = "cell 3" and a.state = 1 return count(*)')" = 0 ]
END
chmod +x reached.sh
want 2 "$jitos" bisect run ./reached.sh --data b
want 2 "$jitos" bisect start @5 @5 --data b
want 3 "$jitos" bisect start @0 @50 --data b
want 0 "$jitos" bisect start @0 HEAD --data b
want 0 "$jitos" bisect run ./reached.sh --data b --json
says '"good":3,"bad":4,"skipped":0,"found":true'
[ "$(wc -l <tried)" -le 3 ] || fail "8 ticks took $(wc -l <tried) tries"
want 0 "$jitos" bisect start @0 HEAD --data b
want 1 "$jitos" bisect run --data b -- sh -c 'test "$JITOS_TICK" != 4 || exit 125; ./reached.sh'
says '@5'
want 0 "$jitos" bisect start @0 HEAD --data b
# A command has all of its words.
# shellcheck disable=SC2046
want 0 "$jitos" bisect run --data b -- sh -c '[ $# = 100 ] || kill $$; ./reached.sh' of $(seq 100)
want 0 "$jitos" bisect start @0 HEAD --data b
want 2 "$jitos" bisect run ./no-such-command --data b
for signal in PIPE XFSZ; do # what jitos itself ignores is nothing to a command of yours
    want 2 "$jitos" bisect run --data b -- sh -c "kill -$signal \$\$"
done
want 0 "$jitos" bisect run ./reached.sh --data b
says '@4'
want 0 "$jitos" bisect start @0 HEAD --data b
says 'next   @4'
want 0 "$jitos" bisect bad --data b
says 'next   @2'
want 0 "$jitos" bisect skip --data b
says 'next   @1'
want 0 "$jitos" bisect good @2 --data b
says 'next   @3'
want 2 "$jitos" bisect bad @1 --data b
want 0 "$jitos" bisect good --data b
says 'first bad tick @4'
want 0 "$jitos" bisect good --data b
says 'first bad tick @4'
want 0 "$jitos" bisect reset --data b
want 2 "$jitos" bisect good --data b

# gc: named ones stay, what is left leads to every tick, and what no checkpoint needs goes.
for n in 1 2 3; do
    want 0 "$jitos" checkpoint --data b
    want 0 "$jitos" run --data b --ticks $((8 + n))
done
want 0 "$jitos" checkpoint -m kept --data b
want 0 "$jitos" run --data b --ticks 12
want 0 "$jitos" checkpoint --data b
root=$(sed -n 's/^root *//p' out)
echo rest >b/ckpt/tmp-7
before=$(find b/ckpt -type f | wc -l)
want 0 "$jitos" gc --keep 1 --dry-run --data b --json
says '"dry_run":true.*"checkpoints":5,"kept":2,.*"peak_bytes"'
would=$(key files out)
[ "$(find b/ckpt -type f | wc -l)" = "$before" ] || fail "a dry run removed something"
want 0 "$jitos" gc --keep 1 --data b --json
[ "$(key files out)" = "$would" ] || fail "more or less went than was said"
[ "$(find b/ckpt -type f | wc -l)" = $((before - would)) ] || fail "other files went"
want 0 "$jitos" verify --deep --data b
says '2 checkpoints'
want 0 "$jitos" inspect /world@4 --data b
want 0 "$jitos" restore kept --data b --into c --run-to 12
want 0 "$jitos" diff @12 @12 --data b --with c --exit-code
want 0 "$jitos" gc --keep 0 --data c --json
says '"kept":1'
want 0 "$jitos" verify --deep --data c

# gc of the log: it begins at the oldest checkpoint that stays, and goes on as if nothing had been.
"$jitosd" --data g --segment-bytes 16384 2>g.err &
pid=$!
while [ ! -S g/hub.sock ] && kill -0 $pid; do :; done
kill $pid
wait $pid || fail "the supervisor left with $?: $(cat g.err)"
want 0 "$jitos" run s.jitos --ticks 8 --seed 3 --data g
want 0 "$jitos" checkpoint --data g
want 0 "$jitos" run --ticks 16 --data g
want 0 "$jitos" checkpoint --data g
want 0 "$jitos" run --ticks 20 --data g
want 0 "$jitos" checkpoint --data g
segments=$(find g/log -name '*.seg' | wc -l)
want 0 "$jitos" gc --keep 2 --log --dry-run --data g --json
would=$(key segments out)
[ "$would" -ge 2 ] || fail "of $segments segments $would would go"
[ "$(find g/log -name '*.seg' | wc -l)" = "$segments" ] || fail "a dry run removed segments"
want 0 "$jitos" gc --keep 2 --log --data g --json
[ "$(key segments out)" = "$would" ] || fail "other segments went than was said"
[ "$(key first_tick out)" = 16 ] || fail "it begins at $(key first_tick out)"
[ "$(key measured_bytes out)" -le "$(key peak_bytes out)" ] || fail "more memory than was said"
[ "$(find g/log -name '*.seg' | wc -l)" = $((segments - would)) ] || fail "other segments are left"
want 0 "$jitos" verify --deep --data g
want 0 "$jitos" replay --by rules --data g
want 0 "$jitos" run --ticks 24 --data g
want 0 "$jitos" diff @24 @24 --data g --with a --exit-code
want 3 "$jitos" inspect /world@12 --data g
want 0 "$jitos" log /world/c7/hits --data g
head -n 1 out | grep -q '^@16 .*restored so' || fail "no beginning: $(head -n 1 out)"
want 0 "$jitos" gc --keep 0 --log --data g --json
[ "$(key segments out)" = 0 ] || fail "without a later checkpoint the log went"
want 0 "$jitos" verify --deep --data g
# The oldest that stays lies in the first segment: there is nothing before it to give up, so the
# history goes on beginning with the genesis, or with the checkpoint that the folder was founded on.
cp -r z first
want 0 "$jitos" run --ticks 12 --data first
want 0 "$jitos" checkpoint -m later --data first
want 0 "$jitos" gc --keep 0 --log --data first --json
[ "$(key segments out)$(key blobs out)$(key first_tick out)" = 000 ] ||
    fail "something went: $(cat out)"
want 0 "$jitos" verify --deep --data first
want 0 "$jitos" replay --by rules --data first
want 0 "$jitos" branch founded @8 --data first
want 0 "$jitos" run --ticks 14 --data first/branches/founded
want 0 "$jitos" checkpoint --data first/branches/founded
want 0 "$jitos" gc --keep 1 --log --data first/branches/founded --json
[ "$(key segments out)$(key kept out)" = 02 ] || fail "the founding went: $(cat out)"
want 0 "$jitos" verify --deep --data first/branches/founded
want 0 "$jitos" replay --by rules --data first/branches/founded
want 3 "$jitos" gc --data none
[ ! -e none ] || fail "gc made a folder"

[ $failed = 0 ] && echo "history: ok"
exit $failed
