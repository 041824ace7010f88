#!/bin/sh
# Goal:   rules whose patterns go through a portal are found by workers in the instance behind it,
#         judged and carried out by the supervisor, for any number of members, after a death, and
#         again from the log; the right to an instance is one to what is nested in it, and no more;
#         and so does an invariant hold there.
# Method: rooms in /world/hall, warmed through the portal of /world; one, three and killed members.
set -eu
# shellcheck source=tests/lib/processes.sh
. "${top_srcdir:-.}/tests/lib/processes.sh"

cd "$dir"

# system MEMBERS GRANT
system() {
    cat <<END_OF_SYSTEM
system inside
type Lamp { on: i64 = 1, seen: i64 sum = 0 }
type Room { warm: i64 = 0 }
edge DOOR
import "lamps.csv" into /world
import "rooms.csv", "doors.csv" into /world/hall
rule warm
  match (w), (a:Room)-[:DOOR]->(b:Room) in w.hall, (l:Lamp)
  where l.on = 1 and a.warm > b.warm
  set b.warm = a.warm
  add l.seen, 1
process p[$1] run warm apply until none at most 20 ticks over shard(/world)
grant p: map /world; $2
END_OF_SYSTEM
}
printf ':ID,:LABEL,on:long,seen:long\nl,Lamp,1,0\n' >lamps.csv
printf ':ID,:LABEL,warm:long\na,Room,7\nb,Room,0\nc,Room,0\nd,Room,0\n' >rooms.csv
printf ':START_ID,:END_ID,:TYPE\na,b,DOOR\nb,c,DOOR\nc,d,DOOR\n' >doors.csv
system 1 'invoke warm on /world' >one.jitos
system 3 'invoke warm on /world' >three.jitos
system 1 'invoke warm on /world/hall' >denied.jitos

expect 0 "3 requests applied" jitos run one.jitos --data one
expect 0 "3 requests applied" jitos run three.jitos --data three
for run in one three; do
    expect 0 "" jitos replay --data $run
    expect 0 "" jitos replay --data $run --by workers
done
# Same hashes for any number of members; what changed lies in the nested instance, and is whole.
for run in one three; do
    jitos run $run.jitos --data $run-again --json >$run.json || fail "run $run"
    sed -n 's/.*"event":"done".*"world":"\([0-9a-f]*\)".*/\1/p' $run.json >$run.world
    [ -s $run.world ] || fail "$run: no root of /world: $(tail -n 1 $run.json)"
done
cmp -s one.world three.world || fail "the number of members matters"

# Who may not invoke in /world may not by way of what is nested in it.
expect 0 "0 requests applied" jitos run denied.jitos --data denied --ticks 3

# An invariant holds in the instance behind the portal as in the one that the rule is invoked on.
{
    system 1 'invoke warm on /world'
    echo 'invariant cool never match (a:Room)-[:DOOR]->(b:Room) where a.warm > 0 and b.warm > 0'
} >cool.jitos
expect 0 "0 requests applied" jitos run cool.jitos --data cool --ticks 3
expect 0 '"denied":0,"invariant":1' jitos log --data cool --json
expect 0 "" jitos replay --data cool --by rules

# Two sites with a portal of the same name: what a condition on all nodes of a type says of the
# rooms behind each, after such nodes have come, is found for any number of members.
room() {
    printf '{"id":"r%s",":LABEL":"Room","warm":%s,"seen":0}' "$1$2" "$2"
}
site() {
    printf '{"graph":{"rmg-instance":"in%s","rmg-root":"root%s"},"links":[],"nodes":[' "$1" "$1"
    echo "$(room "$1" 0),$(room "$1" 1),$(room "$1" 2),$(room "$1" 3)]}"
}
{
    echo '{"links":[],"nodes":['
    for i in 0 1; do
        printf '{"id":"s%s",":LABEL":"Site","rooms":{"rmg-portal":"in%s"}},\n' "$i" "$i"
    done
    echo '{"id":"l",":LABEL":"Lamp"},{"id":"t",":LABEL":"Tick","n":0}],'
    echo "\"rmg-instances\":[$(site 0),$(site 1)]}"
} >sites.json
late() {
    cat <<END_OF_SYSTEM
system late
type Site { }
type Lamp { }
type Room { warm: i64 = 0, seen: i64 = 0 }
type Tick { n: i64 = 0 }
import "sites.json" into /world
rule warm
  match (s:Site), (a:Room) in s.rooms
  where a.warm < count((:Lamp)) and a.seen = 0
  set a.seen = 1
rule more match (t:Tick) where t.n < 6 set t.n = t.n + 1 create (l:Lamp)
process p[$1] run warm apply all over shard(/world)
process q[1] run more apply all over shard(/world)
grant p: map /world; invoke warm on /world
grant q: map /world; invoke more on /world
END_OF_SYSTEM
}
for members in 1 2 8; do
    late $members >late.jitos
    # six lamps, and each of eight rooms once
    expect 0 "14 requests applied" jitos run late.jitos --ticks 20 --data late$members
    expect 0 "" jitos replay --data late$members --by workers
done

exit $failed
