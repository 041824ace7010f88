#!/bin/sh
# Goal:   a run that is kept, killed, restored here or from one file goes on with the same hashes as
#         one that was never stopped; what is damaged is refused by name.
# Method: a small system with real processes; checkpoints by policy, by hand, beside a supervisor
#         that runs and without one.
set -eu
# shellcheck source=tests/lib/processes.sh
. "${top_srcdir:-.}/tests/lib/processes.sh"

cd "$dir"
cells 40 >cells.csv
cat >s.jitos <<END
system kept
type Cell { state: i64 = 0 }
import "cells.csv" into /world
rule count(p: f64)
  match (a:Cell)
  where chance(p)
  set a.state = a.state + 1
process w[2] run count(p = 0.2) apply all over shard(/world)
grant w: map /world; invoke count on /world
END

# The one that is never stopped.
"$jitos" run s.jitos --ticks 120 --seed 3 --data whole --json >whole.json 2>err || fail "run"
root=$(key root whole.json)
head=$(key head whole.json)
[ -n "$root" ] || fail "no root"

# Kept at 50 by hand, killed in the middle of a log write, recovered from there.
want 0 "$jitos" run s.jitos --ticks 50 --seed 3 --data a
want 0 "$jitos" checkpoint -m fifty --data a
says "tick 50"
want 2 "$jitos" checkpoint -m ../x --data a
mkdir bare
want 3 "$jitos" checkpoint --data bare
want 3 "$jitos" checkpoint --data nowhere
want 2 "$jitos" run --ticks 5 --data nowhere
[ -z "$(ls bare)" ] && [ ! -e nowhere ] || fail "what is no data folder was made one"
want 2 "$jitos" log @10 --data a
want 0 "$jitos" run s.jitos --ticks 2 --param p=0.9
says "--param 'p=0.9'"
want 137 "$jitos" run --ticks 120 --data a --die-at-log-offset 30000
want 0 "$jitos" run --ticks 120 --data a --json
says "\"root\":\"$root\""
grep -q "from the checkpoint of tick 50" err || grep -q "checkpoint of tick 50" "$dir/err" ||
    fail "recovery did not begin at the checkpoint"
want 0 "$jitos" verify --data a --deep
says "1 checkpoints"

# A name is of one tick: at rest and beside a supervisor a second one is refused it, and the first
# is as it was; asked for again at the same tick, by two at once, it is there. Those are made one
# after another, however they come.
cp -r a n
want 2 "$jitos" checkpoint -m fifty --data n
says "that of tick 50 is called so"
want 0 "$jitos" checkpoint --list --data n
cp out listed
"$jitosd" --data n -q 2>jitosd.err &
daemon=$!
while [ ! -S n/hub.sock ] && kill -0 $daemon; do :; done
want 2 "$jitos" checkpoint -m fifty --data n
says "that of tick 50 is called so"
want 0 "$jitos" checkpoint --list --data n
cmp -s out listed || fail "a checkpoint that was refused is there: $(cat out)"
twins() {
    "$jitos" checkpoint -m "$1" --data n --json >one 2>&1 &
    first=$!
    got=0
    "$jitos" checkpoint -m "$1" --data n --json >two 2>&1 || got=$?
    wait $first || got=$?
    [ $got = 0 ] || fail "two checkpoints $1 at once: $(cat one two)"
    want 0 "$jitos" checkpoint --list --data n --json
    for told in one two; do
        [ "$(key root $told)" = "$root" ] || fail "$told of $1 is of another state"
        says "\"id\":\"$(key id $told)\""
    done
}
twins live
kill $daemon
wait $daemon || fail "the supervisor left with $?: $(cat jitosd.err)"
[ ! -s jitosd.err ] || fail "a name that was refused is told as a failure: $(cat jitosd.err)"
twins still
want 0 "$jitos" verify --deep --data n
want 0 "$jitos" run --ticks 121 --data n -q
want 2 "$jitos" checkpoint -m still --data n
for name in fifty live still; do
    want 0 "$jitos" restore $name --data n --into "n-$name" --verify
done

# Restored beside, and from one file.
want 0 "$jitos" restore fifty --data a --into b --run-to 120 --json
says "\"head\":\"$head\""
want 0 "$jitos" checkpoint --export a.jck --data b
want 0 "$jitos" restore --import a.jck --into c --verify --json
says "\"head\":\"$head\""
want 0 "$jitos" run --ticks 130 --data c
want 0 "$jitos" run --ticks 130 --data whole
want 0 "$jitos" verify --data c
sed -n 's/^head *//p' out >c.head
want 0 "$jitos" verify --data whole
sed -n 's/^head *//p' out >whole.head
cmp -s c.head whole.head || fail "what was restored went on otherwise"
want 0 "$jitos" restore @50 --data a --into e
[ -n "$(find e/ckpt -type f -links +1)" ] || fail "segments were written again on one file system"
want 2 "$jitos" restore fifty --data a --into b
says "has a history already"
# Nor where another restore was faster: this one has looked at the folder when it opens its file.
mkfifo fed
timeout 120 "$jitos" restore --import fed --into g >late 2>&1 &
late=$!
exec 7>fed
want 0 "$jitos" restore fifty --data a --into g
cat a.jck >&7
exec 7>&-
got=0
wait "$late" || got=$?
[ $got = 2 ] || fail "a second restore into one folder: exit $got"
grep -q 'has a history already' late || fail "it does not say why: $(cat late)"
want 0 "$jitos" verify --data g
want 3 "$jitos" restore sixty --data a --into d
want 2 "$jitos" restore fifty --data a
want 2 "$jitos" restore --into d --data a

# Requests that wait for another try are part of what is kept: with a checkpoint after any of the
# ticks, killed or restored, the run goes on as the one that was never stopped.
cat >r.jitos <<END
system again
type Cell { state: i64 = 0 }
edge NEXT
import "cells.csv", "next.csv" into /world
rule count(p: f64) on conflict retry 3
  match (a:Cell)-[:NEXT]->(b:Cell)
  where chance(p)
  set a.state = a.state + 1, b.state = b.state + 1
process w[2] run count(p = 0.6) apply all over shard(/world)
grant w: map /world; invoke count on /world
END
{
    echo ":START_ID,:END_ID,:TYPE"
    i=1
    while [ $i -lt 40 ]; do
        echo "c$i,c$((i - 1)),NEXT"
        i=$((i + 1))
    done
} >next.csv
want 0 "$jitos" run r.jitos --ticks 40 --seed 3 --data again --json
again=$(key head out)
for tick in 17 18; do
    want 0 "$jitos" run r.jitos --ticks "$tick" --seed 3 --data "r$tick"
    want 0 "$jitos" checkpoint -m kept --data "r$tick"
    want 0 "$jitos" restore kept --data "r$tick" --into "s$tick" --run-to 40 --json
    says "\"head\":\"$again\""
    want 137 "$jitos" run --ticks 40 --data "r$tick" --die-at-log-offset 30000
    want 0 "$jitos" run --ticks 40 --data "r$tick" --json
    says "\"head\":\"$again\""
    want 0 "$jitos" verify --data "r$tick"
done
want 0 "$jitos" show @17 --data again --json
says retried
# Why it is asked for in the next tick: it was tried before.
want 0 "$jitos" show @17 --data again --limit 1000
tried=$(awk '$5 == "retried" { print $2; exit }' out)
want 0 "$jitos" show @18 --data again --limit 1000
again=$(awk -v key="$tried" '$2 == key { print $1; exit }' out)
want 0 "$jitos" why "$again@18" --depth 2 --data again
says 'tried before as'
want 0 "$jitos" why "$again@18" --depth 2 --data again --dot
says 'tried before'

# What cannot be meant is refused with the reason, and nothing is made.
want 2 "$jitos" restore fifty --data a --into d --run-to 49
says "before the checkpoint, which is of tick 50"
want 2 "$jitos" restore fifty --data a --into s.jitos
says "s.jitos is no folder"
want 2 "$jitos" restore fifty --data a --into ''
want 3 "$jitos" restore fifty --data a --into nowhere/deep/d
says "mkdir -p nowhere/deep"
want 2 "$jitos" restore --import a --into d
says "Is a directory"
want 3 "$jitos" restore --import nothing.jck --into d
says "no such file"
for name in HEAD main ''; do
    want 2 "$jitos" checkpoint -m "$name" --data a
    says "no name for a checkpoint"
    want 2 "$jitos" fork @5 -m "$name" --data a
    says "no name for a new branch"
done
[ ! -e d ] && [ ! -e a/branches ] || fail "what was refused left something"

# What is no file of ours keeps its rights: an export does not go there.
mkfifo -m 644 pipe
want 2 "$jitos" checkpoint --export pipe --data a
says "no regular file"
want 2 "$jitos" checkpoint --export a --data a
want 3 "$jitos" checkpoint --export nowhere/x.jck --data a
want 0 "$jitos" checkpoint --list --data a
[ "$(wc -l <out)" = 1 ] || fail "a checkpoint was made for an export that could not be: $(cat out)"
[ "$(stat -c %a pipe)" = 644 ] || fail "an export has changed the rights of what is not its own"

# Signers.
want 0 "$rmg" keygen other.key
want 1 "$jitos" restore --import a.jck --into d --signer other.key.pub
says "not signed by"

cp other.key c/KEY
chmod 600 c/KEY
want 0 "$jitos" checkpoint -m mine --data c
want 0 "$jitos" restore mine --data c --into signed --signer other.key.pub
want 1 "$jitos" restore mine --data c --into d --revoked other.key.pub
says "is revoked"
want 0 "$jitos" restore --import a.jck --into unrevoked --revoked other.key.pub

# Whoever cannot read a folder restores nothing of it, and what is restored holds what was held.
want 0 "$jitos" cap tree --at 50 --data a
cp out held
want 0 "$jitos" cap tree --data e
cmp -s out held || fail "a restored system holds something else: $(diff held out)"
[ "$(stat -c %a e)" = 700 ] || fail "a restored folder is open: $(stat -c %a e)"
if [ "$(id -u)" = 0 ] && setpriv --reuid 65534 --clear-groups true 2>/dev/null; then
    mkdir theirs
    chown 65534 theirs
    chmod 711 .
    want 3 setpriv --reuid 65534 --clear-groups "$jitos" restore fifty --data a --into theirs/d
    says "Permission denied"
fi

# Damage is refused by name.
cp a.jck newer.jck
printf '\002' | dd of=newer.jck bs=1 seek=4 conv=notrunc 2>/dev/null
want 5 "$jitos" restore --import newer.jck --into d
says "newer version"
for manifest in a/ckpt/*.ckpt; do
    size=$(od -An -t u8 -j 8 -N 8 "$manifest" | tr -d ' ')
    cp "$manifest" kept
    head -c "$size" kept >"$manifest"
    want 5 "$jitos" restore fifty --data a --into d
    says "not signed"
    cp kept "$manifest"
done
for at in 0 5 9 40 2000; do
    cp a.jck bad.jck
    printf '\377' | dd of=bad.jck bs=1 seek=$at conv=notrunc 2>/dev/null
    want 5 "$jitos" restore --import bad.jck --into d
done
head -c 3000 a.jck >cut.jck
want 5 "$jitos" restore --import cut.jck --into d
[ ! -e d/FORMAT ] || fail "something was made of a damaged checkpoint"
segment=$(find a/ckpt -type f ! -name '*.ckpt' | head -n 1)
cp "$segment" kept
printf '\377' | dd of="$segment" bs=1 seek=100 conv=notrunc 2>/dev/null
want 5 "$jitos" restore fifty --data a --into d
says "segment"
want 5 "$jitos" verify --data a
# The log is whole all the same: what needs the checkpoint does without.
want 0 "$jitos" run --ticks 121 --data a
says "passed over"
cp kept "$segment"
want 0 "$jitos" verify --data a

# While a supervisor runs, and by its own policy.
"$jitosd" --data whole --checkpoint-ticks 40 -q 2>jitosd.err &
daemon=$!
i=0
while [ ! -S whole/hub.sock ] && [ $i -lt 500 ]; do
    i=$((i + 1))
    "$jitosd" --version >/dev/null
done
want 0 "$jitos" checkpoint -m live --data whole --json
says '"pause_ns"'
kill "$daemon"
wait "$daemon" || true
want 0 "$jitos" checkpoint --list --data whole --json
says '"name":"live"'
want 0 "$jitos" restore live --data whole --into f --run-to 140 --json
f_head=$(key head out)
want 0 "$jitos" run --ticks 140 --data whole --json
[ "$(key head out)" = "$f_head" ] || fail "a live checkpoint went on otherwise"

# A large state has an image: it comes along, gives the same state, and nothing depends on it.
seq 40000 | sed 's/.*/c&,Cell,cell &,0/; 1i :ID,:LABEL,name,hits:long' >many.csv
cat >many.jitos <<END
system many
type Cell { name: text, hits: i64 sum = 0 }
import "many.csv" into /world
rule count(p: f64)
  match (a:Cell)
  where chance(p)
  add a.hits, 1
process w run count(p = 0.0005) apply all over shard(/world)
grant w: map /world; invoke count on /world
END
want 0 "$jitos" run many.jitos --ticks 2 --seed 3 --data many
want 0 "$jitos" checkpoint -m large --data many
image=$(echo many/ckpt/*.img)
[ -e "$image" ] || fail "no image of a large state"
want 0 "$jitos" restore large --data many --into others
[ -e "others/${image#many/}" ] || fail "the image did not come along"
want 0 "$jitos" verify --deep --data others
want 0 "$jitos" run --ticks 4 --data many --json
root=$(key root out)
want 0 "$jitos" run --ticks 4 --data others --json
[ "$(key root out)" = "$root" ] || fail "from an image it went on otherwise"
cp -r others others2
printf '\377' | dd of="others2/${image#many/}" bs=1 seek=200 conv=notrunc 2>/dev/null
want 5 "$jitos" verify --data others2
says "image"
want 0 "$jitos" replay --verify --data others2
want 0 "$jitos" inspect /world/c7 --data others2

[ $failed = 0 ] && echo "checkpoints: ok"
exit $failed
