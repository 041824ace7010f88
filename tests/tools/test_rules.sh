#!/bin/bash
# Goal:   `jitos rules` says what the rules of a file are: canonical texts, footprints in words,
#         rules that never apply, pairs that may conflict.
# Method: small files; every output whole, with its exit code; a file that is written back is
#         whole and its own canonical text.
set -u
# shellcheck source=tests/lib/commands.sh
. "${top_srcdir:-.}/tests/lib/commands.sh"

here=$top/tests/tools
docs=$top/docs
examples=$top/examples
JITOS_SCHEMAS=$top/schemas
export JITOS_SCHEMAS

# ---- fmt ----
cat >loose.jitos <<'END'
system   s # a name
type A { x:i64=0 }

# what it is for
rule r match (a:A) where a.x != 1 # not yet
set a.x=(1)
END
cat >tidy.jitos <<'END'
system s  # a name
type A { x: i64 = 0 }

# what it is for
rule r
  match (a:A)
  where a.x <> 1  # not yet
  set a.x = 1
END
run "$jitos" rules fmt loose.jitos
check 'to stdout' 0 "$(cat tidy.jitos)" ''
out=$("$jitos" rules fmt <loose.jitos)
check 'from stdin' 0 "$(cat tidy.jitos)" ''
run "$jitos" rules fmt --check tidy.jitos
check 'canonical' 0 '' ''
run "$jitos" rules fmt --check tidy.jitos loose.jitos
check 'not canonical' 1 'loose.jitos' ''
run "$jitos" rules fmt --check loose.jitos --json
check 'not canonical, json' 1 \
    '{"event":"file","schema":"jitos.rules.fmt/1","file":"loose.jitos","canonical":false,'\
'"written":false}' ''
run "$jitos" rules fmt --write tidy.jitos loose.jitos
check 'written back' 0 'loose.jitos' ''
run cmp loose.jitos tidy.jitos
check 'is canonical' 0 '' ''
printf 'system s\nrule r match (a:A) set a.x == 1\n' >wrong.jitos
run "$jitos" rules fmt --write wrong.jitos
check 'wrong text' 2 '' 'jitos rules: wrong.jitos cannot be formatted
*wrong.jitos:2:28: error: equality is written with one =*'
[[ $err == *$'\n  next: mend that, then the same command again' ]] || fail "no next: $err"
run cat wrong.jitos
check 'is left alone' 0 $'system s\nrule r match (a:A) set a.x == 1' ''
run "$jitos" rules fmt --write
check 'nothing to write to' 2 '' 'jitos rules: there is nothing to write back to*'
: >empty.jitos
run "$jitos" rules check empty.jitos
check 'an empty file' 2 '' '*empty.jitos:1:1: error: expected `system`*
  next: mend that, then the same command again'
run "$jitos" run empty.jitos --ticks 1 --data none
check 'an empty system' 2 '' '*empty.jitos:1:1: error: expected `system`*
  next: jitos rules check empty.jitos'
mkdir -p "a folder's"
run "$jitos" run "a folder's" --ticks 1 --data none
check 'a folder' 2 '' "*a folder's cannot be read
  why:  Is a directory
  next: name a file in it: ls 'a folder'\\\\''s'"
run "$jitos" rules fmt missing.jitos
check 'no such file' 3 '' '*missing.jitos cannot be read*No such file*'
run "$jitos" rules fnt loose.jitos
check 'no such action' 2 '' '*does not know `fnt`*jitos rules fmt FILE'
run "$jitos" rules fmt loose.jitos --strict
check "an option of another action" 2 '' '*fmt takes no --strict*belongs to jitos rules check*'
for file in "$examples"/*/*.jitos "$JITOS_SCHEMAS"/*.jitos; do
    "$jitos" rules fmt "$file" >once.jitos
    run "$jitos" rules fmt --check once.jitos
    check "its own canonical text: ${file##*/}" 0 '' ''
done

# ---- check ----
cp "$here/rules/sim.jitos" .
run "$jitos" rules check sim.jitos
[[ -n ${GOLDEN_UPDATE:-} ]] && printf '%s\n' "$out" >"$here/rules/sim.expected"
if [[ $code == 1 && $out == "$(cat "$here/rules/sim.expected")" ]]; then
    passed=$((passed + 1))
else
    fail "in words: $out"
fi
cat >good.jitos <<'END'
system good
type P { x: i64 = 0, n: i64 sum = 0 }
rule one match (a:P) where a.x = 0 set a.x = 1
rule two match (a:P), (b:P) where a.x = 1 and b.x = 2 add b.n, 1
END
run "$jitos" rules check good.jitos --json -q
check 'nothing to warn of' 0 '{"event":"rule","schema":"jitos.rules.check/1","rule":"one",'\
'"line":3,"priority":0,"retry":0,"after":0,"parameters":"",'\
'"keeps":\["(a:P)"\],"deletes":\[\],"creates":\[\],'\
'"reads":\["a","a.x"\],"sets":\["a.x"\],"adds_to":\[\],*
{"event":"rule",*"rule":"two",*"adds_to":\["b.n"\],*
{"event":"done",*"file":"good.jitos","rules":2,"conflicts":0,"warnings":0}' ''
printf '%s\n' 'system s' 'type P { x: i64 = 0 }' \
    'rule late after 3 ticks on conflict retry 2 match (a:P), (b:P) in a.inner set b.x = a.x' \
    >late.jitos
run "$jitos" rules check late.jitos --json -q
check 'when it is applied, and where' 0 '*"rule":"late",*"retry":2,"after":3,*'\
'"keeps":\["(a:P)","(b:P) in a.inner"\],*"reads":\["a","b","a.inner","a.x"\],"sets":\["b.x"\],*' ''
printf 'rule three match (a:P) set a.x = 5\n' >>good.jitos
run "$jitos" rules check good.jitos --json -q
check 'conflicts are no failure' 0 '*{"event":"warning","schema":"jitos.rules.check/1",'\
'"kind":"conflict","rule":"one","with":"three","more_ways":0,'\
'"text":"one reads a.x, three sets a.x; one sets a.x, three sets a.x","line":3,*' ''
run "$jitos" rules check good.jitos --strict
check 'unless they are to be' 1 '*
3 rules, 2 pairs in conflict, 0 other warnings' ''
run "$jitos" rules check wrong.jitos
check 'a wrong text' 2 '' '*wrong.jitos is not a system that can run*wrong.jitos:2:28: error:*'
run "$jitos" rules check good.jitos sim.jitos
check 'two files' 2 '' '*takes one FILE*'
run "$jitos" rules check "$JITOS_SCHEMAS/pack.jitos"
check 'no rules at all' 0 '0 rules, 0 pairs in conflict, 0 other warnings' ''

# ---- graph ----
cat >heal.jitos <<'END'
system s
type Cell { state: i64 = 0 }
edge NEXT
rule heal(q: f64)
  match (a:Cell)
  where a.state = 1 and chance(q)
  set a.state = 0
rule schema match (a)-[e:NEXT]->(b:Cell) delete e create (b)-[:NEXT]->(c:Cell)
END
heal=$(sed -n 's/^heal graph = //p' "$docs/spec/program.md")
run "$jitos" rules graph heal.jitos -o heal.rmg
check 'as graphs' 0 "heal
  graph    $heal
  program  *
  L        1 nodes, 0 edges
  K        1 nodes, 0 edges
  R        1 nodes, 0 edges
schema
*
  L        2 nodes, 1 edges
  K        2 nodes, 0 edges
  R        3 nodes, 1 edges" ''
root=$("${jitos%jitos}rmg" hash heal.rmg | sed 's/.* //')
run "$jitos" rules graph heal.jitos --json
check 'as graphs, json' 0 '{"event":"rule","schema":"jitos.rules.graph/1","rule":"heal",'\
'"graph":"'"$heal"'","program":"*","matched":{"nodes":1,"edges":0},'\
'"kept":{"nodes":1,"edges":0},"result":{"nodes":1,"edges":0}}
*
{"event":"done","schema":"jitos.rules.graph/1","rules":2,"root":"'"$root"'"}' ''
run "${jitos%jitos}rmg" export heal.rmg --to dot
check 'as a picture' 0 '*digraph*label="L"*"rmg-type"="Cell"*' ''
printf '%s\n' 'system s' 'type P { x: i64 = 0 }' 'edge D' \
    'rule go match (a:P), (b:P)-[d:D]->(c:P) in a.inner' \
    '  delete d, b create (a)-[:D]->(n:P) set a.x = 1' \
    'invariant rich never match (a:P)-[:D]->(b:P) where a.x < 0' >parts.jitos
run "$jitos" rules graph parts.jitos
check 'behind a portal, and an invariant' 0 'go
  graph    *
  program  *
  L        3 nodes, 1 edges
  K        2 nodes, 0 edges
  R        3 nodes, 1 edges
invariant rich
  graph    *
  program  *
  L        2 nodes, 1 edges' ''
run "$jitos" rules graph
check 'no file' 2 '' '*takes one FILE*'
run "$jitos" rules check heal.jitos -o x.rmg
check 'another option' 2 '' '*check takes no --out*belongs to jitos rules graph*'

# ---- nodes anywhere, by their values ----
cat >names.jitos <<'END'
system names
type User { name: text = "", wish: text = "" }
rule take
  match (a:User)
  where not (:User {name = a.wish, wish = a.name}) and a.wish <> ""
  set a.name = a.wish
rule leave match (a:User) delete a
END
run "$jitos" rules check names.jitos
check 'extents of fields in words' 0 'rule take
  keeps      (a:User)
  reads      a, name of all User, wish of all User, a.wish, a.name
  sets       a.name
rule leave
*: warning: rule take conflicts with itself: *one reads name of all User, another changes name*
*: warning: rule take conflicts with leave: *leave changes all fields of all User*' ''

# ---- invariants ----
cat >bank.jitos <<'END'
system bank
type Account { balance: i64 sum = 0, name: text }
edge PAYS { amount: i64 = 1 }
import "accounts.csv", "pays.csv" into /world
rule pay
  match (a:Account)-[p:PAYS]->(b:Account)
  add a.balance, -p.amount
  add b.balance, p.amount
rule rename match (a:Account) where a.balance = 100 set a.name = "rich"
invariant no_debt never match (a:Account) where a.balance < 0
process w run pay, rename apply all over shard(/world)
grant w: map /world; invoke pay, rename on /world
END
printf ':ID,:LABEL,balance:long\na,Account,3\nb,Account,0\n' >accounts.csv
printf ':START_ID,:END_ID,:TYPE,amount:long\na,b,PAYS,2\n' >pays.csv
run "$jitos" rules check bank.jitos
check 'invariants in words' 0 '*
invariant no_debt
  reads      a, a.balance
  asked of   pay
*' ''
run "$jitos" rules check bank.jitos --json
check 'invariants, json' 0 '*"event":"invariant",*"invariant":"no_debt","line":10,'\
'"reads":?"a","a.balance"?,"asked_of":?"pay"?}*"invariants":1,*' ''
run "$jitos" run bank.jitos --ticks 3 --seed 1 --data kept
check 'an invariant holds' 0 '*1 requests applied*' ''
run "$jitos" show @2 --data kept
check 'and says so' 0 '*  pay  *invariant no_debt*' ''
run "$jitos" show @2 --data kept --json
check 'and says so, json' 0 '*"result":"invariant","invariant":"no_debt"*' ''
run "$jitos" replay --data kept --verify
check 'and is replayed' 0 '*' ''
printf ':ID,:LABEL,balance:long\na,Account,3\nb,Account,-1\n' >accounts.csv
run "$jitos" run bank.jitos --ticks 3 --seed 1 --data broken
check 'broken from the start' 2 '' '*the invariant `no_debt` does not hold in what it begins with*'

# Many of them at once, lost, refused and tried again: the same for any number of threads.
cat >bank.jitos <<'END'
system bank
type Account { balance: i64 sum = 0 }
edge PAYS { amount: i64 = 1 }
import "accounts.csv", "pays.csv" into /world
rule pay(p: f64) on conflict retry 2
  match (a:Account)-[m:PAYS]->(b:Account)
  where chance(p)
  add a.balance, -m.amount
  add b.balance, m.amount
rule leave
  match (a:Account)
  where a.balance > 9
  detach delete a
invariant no_debt never match (a:Account) where a.balance < 0
invariant busy never match (a:Account)
  where a.balance > 4 and not (a)-[:PAYS]->(:Account)
process w[3] run pay(p = 0.5), leave
  apply all at most 4 ticks over shard(/world)
grant w: map /world; invoke pay, leave on /world
END
awk 'BEGIN { print ":ID,:LABEL,balance:long"
    for (i = 0; i < 600; i++) print "a" i ",Account," i * 7 % 5 }' >accounts.csv
awk 'BEGIN { print ":START_ID,:END_ID,:TYPE,amount:long"
    for (i = 0; i < 1800; i++)
        print "a" i * 31 % 600 ",a" i * 173 % 599 ",PAYS," 1 + i % 3 }' >pays.csv
heads=
for jobs in 1 2 3 8; do
    "$jitos" run bank.jitos --ticks 5 --seed 4 --jobs "$jobs" --data "jobs$jobs" >run.out 2>&1
    heads="$heads $(sed -n 's/^head *//p' run.out)"
done
run echo "${heads# }"
check 'one head' 0 "${heads##* } ${heads##* } ${heads##* } ${heads##* }" ''
run "$jitos" show @2 --data jobs1 --json
check 'lost, refused and tried again' 0 '*"retried":*"invariant":*"result":"invariant"*' ''
run "$jitos" show @5 --data jobs1
check 'and over after its ticks' 0 '@5 * 0 requests *' ''

finish
