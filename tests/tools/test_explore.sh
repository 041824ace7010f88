#!/bin/sh
# Goal:   a process that explores tries as many futures as it says, each with draws of its own, and
#         what it takes is the best by its score; the history is the same every time, for any number
#         of engine threads, after kills, and by every kind of replay.
# Method: examples/what-if/explore.jitos and small systems of which it is known what is best.
set -eu
# shellcheck source=tests/lib/processes.sh
. "${top_srcdir:-.}/tests/lib/processes.sh"
# shellcheck source=tests/lib/page.sh
. "$top/tests/lib/page.sh"

cd "$dir"
cp "$top"/examples/what-if/*.csv "$top/examples/what-if/explore.jitos" .
want 0 "$jitos" rules fmt --check explore.jitos

# The example: it only gets better, and the same with two threads and a worker that is killed.
want 0 "$jitos" run explore.jitos --ticks 20 --seed 1 --data a --json
head=$(key head out)
want 0 "$jitos" run explore.jitos --ticks 20 --seed 1 --data b --jobs 2 --json
[ "$(key head out)" = "$head" ] || fail "two threads: another history"
policy='restart on failure at most 1000 in 2 ticks'
sed "s/or stay over shard(.world)/&\n  $policy/" explore.jitos >again.jitos
want 0 "$jitos" run again.jitos --ticks 20 --seed 1 --data peace --json
peace=$(key head out)
"$jitos" run again.jitos --ticks 20 --seed 1 --data c --json >c.json 2>c.err &
run=$!
while kill -0 $run 2>/dev/null; do
    for supervisor in $(children $run); do
        for worker in $(workers "$supervisor"); do
            kill -KILL "$worker" 2>/dev/null || true
        done
    done
done
wait $run || fail "killed: exit $?: $(cat c.err)"
[ "$(key head c.json)" = "$peace" ] || fail "killed: another history"
for by in patches rules workers; do
    want 0 "$jitos" replay --data a --by $by --verify
done
want 0 "$jitos" run explore.jitos --ticks 20 --seed 2 --data d --json
[ "$(key head out)" != "$head" ] || fail "another seed: the same history"

# What docs/what-if.md shows of it; --write puts it there (then look why).
type_it() {
    bash -c "$1" 2>/dev/null # where it takes long, its progress is told
}
page_holds "$top/docs/what-if.md" '<!-- transcript: explore -->' "${1:-}"

# One dial: up by a draw, or down. The best of the futures is known.
cat >dial.csv <<'END'
:ID,name,:LABEL
dial,The dial,Dial
END
cat >dial.jitos <<'END'
system dial
type Dial { name: text, at: i64 = 0, gain: i64 sum = 0 }
type Leaf
edge HAS
import "dial.csv" into /world
rule up match (d:Dial) where chance(0.5) set d.at = d.at + 3
rule down match (d:Dial) where chance(0.5) set d.at = d.at - 2
rule worth match (d:Dial) add d.gain, d.at
rule grow match (d:Dial) where chance(0.5) create (d)-[:HAS]->(:Leaf)
rule leaf match (d:Dial)-[:HAS]->(l:Leaf) set d.at = 0
rule low match (d:Dial) where d.at < 0 add d.gain, 1
process p[1] explore 32 branches of up, down
  choose max(sum(worth)) over shard(/world)
grant p: map /world; write /world
END
value() { # FOLDER
    "$jitos" inspect /world/dial/at --data "$1" | sed 's/^i64 //'
}
dial() { # FOLDER SCORE WANTED: after 10 ticks
    sed "s/max(sum(worth))/$2/" dial.jitos >"$1.jitos"
    want 0 "$jitos" run "$1.jitos" --ticks 10 --seed 7 --data "$1"
    [ "$(value "$1")" = "$3" ] || fail "$2: the dial is at $(value "$1"), not $3"
}
dial max 'max(sum(worth))' 30
dial min 'min(sum(worth))' -20
dial stay 'min(sum(worth)) or stay' -20
dial least 'max(-sum(worth))' -20
dial weights 'max(sum(worth) - 100 * count(low))' 30
dial bounded 'max(sum(worth)) at most 4 ticks' 12
dial nowhere 'max(-2 * count(low)) or stay' 0
sed 's/of up, down/of grow/' dial.jitos >grow.in
sed 's/sum(worth)/count(leaf)/' grow.in >grow.jitos
want 0 "$jitos" run grow.jitos --ticks 10 --seed 7 --data grow
want 0 "$jitos" query 'match (d:Dial)-[:HAS]->(l:Leaf) return count(*)' --data grow
[ "$(tail -n 1 out)" = 10 ] || fail "grow: $(tail -n 1 out) leaves, not 10"
[ "$("$jitos" inspect /world/dial/gain --data max)" = "i64 0" ] || fail "what was counted was done"

# Without the right to write nothing comes of it; without a map nothing is seen.
for right in 'map \/world' 'write \/world'; do
    sed "s/^grant.*/grant p: $right/" dial.jitos >few.jitos
    rm -rf few
    want 0 "$jitos" run few.jitos --ticks 3 --seed 7 --data few
    [ "$(value few)" = 0 ] || fail "$right: the dial is at $(value few)"
done

echo "explore: as it says"
exit "$failed"
