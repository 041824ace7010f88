#!/bin/sh
# Goal:   whose rules and instances are is said in a system file, judged before it is run, kept in
#         /sec, changed while it is at rest and while it runs, and known to explain, audit, log.
# Method: a rule that two processes invoke in two places; its owner may write in one of them.
set -eu
# shellcheck source=tests/lib/processes.sh
. "${top_srcdir:-.}/tests/lib/processes.sh"

cd "$dir"

cat >owned.jitos <<'END'
system owned
type P { name: text, n: i64 sum = 0 }
import "p.csv" into /world/a
import "p.csv" into /world/b
rule up(name: text)
  match (x:P)
  where x.name = name
  add x.n, 1
rule down
  match (x:P)
  where x.n > 100
  set x.name = "down"
process w run up(name = "one") apply all over shard(/world/a)
process u run up(name = "two") apply all over shard(/world/b)
process g[2] run down apply all over shard(/world/a)
grant w: map /world; invoke up on /world
grant u: map /world; invoke up on /world
grant g: map /world; write /world/a; own up, /world/a; invoke down on /world/a
END
printf ':ID,:LABEL,name:string\n1,P,one\n2,P,two\n' >p.csv

# ---- before it is run ----
expect 1 "denied  u[0]" jitos run owned.jitos --dry-run
expect 1 "the rule's owner has no right to write there" jitos run owned.jitos --dry-run
expect 1 "allowed w[0]" jitos run owned.jitos --dry-run

# ---- a run ----
expect 0 "3 ticks: 3 requests applied, 3 denied" jitos run owned.jitos --ticks 3 --data r
expect 0 "rule     up                   g[0]/1: write on /world/a" jitos cap owner --data r
expect 0 "rule     down                 the operator" jitos cap owner --data r
expect 0 "instance /world/a             g[0]/1" jitos cap owner /world/a --data r
expect 0 "instance /world/b             the operator" jitos cap owner /world/b --data r
expect 1 "rule up writes as its owner may, g[0]/1" \
    jitos cap explain u invoke 'up(name = "two")' --on /world/b --data r
for request in @1:0 @1:1; do # one of the two is of w, which may
    jitos cap explain "$request" --data r >>both.txt 2>&1 || true
done
[ "$(grep -cF "the rule's owner has no right to write there" both.txt)" = 1 ] ||
    fail "explain: $(cat both.txt)"
jitos cap ls --unused --data r >out.txt
grep -qF 'g[0]/1 ' out.txt && fail "what owns a rule is called unused"

# ---- what would have been enough: the owner may write in both ----
jitos cap audit --data r >out.txt 2>&1 || fail "audit: $(cat out.txt)"
grep -qxF "grant g: write /world; own up" out.txt || fail "audit: $(cat out.txt)"
grep -qF "6 requests, none denied (before: 6, 3 denied)" out.txt || fail "audit: $(cat out.txt)"
# It is enough, said in a file.
sed '/^grant/d' owned.jitos >enough.jitos
grep '^grant' out.txt | sed 's/ *#.*//' >>enough.jitos
expect 0 "3 ticks: 6 requests applied, 0 denied" jitos run enough.jitos --ticks 3 --data enough
# Each right of each of them is needed: without any one of them something is denied or not seen.
grep '^grant' enough.jitos >grants
awk '{
    head = substr($0, 1, index($0, ":"))
    n = split(substr($0, index($0, ":") + 1), part, ";")
    for (i = 1; i <= n; i++) {
        if (part[i] ~ /^ *(limit|own) /) # what narrows is no right
            continue
        rest = ""
        for (k = 1; k <= n; k++)
            if (k != i && !(i == 1 && part[k] ~ /^ *limit/))
                rest = rest (rest == "" ? "" : ";") part[k]
        print NR "|" (rest == "" ? "" : head rest)
    }
}' grants >less
[ "$(wc -l <less)" -gt 3 ] || fail "only so many ways to grant less: $(cat less)"
while IFS='|' read -r line rest; do
    { sed '/^grant/d' enough.jitos && sed "${line}d" grants && echo "$rest"; } >less.jitos
    rm -rf less.data
    jitos run less.jitos --ticks 3 --data less.data >out.txt 2>&1 </dev/null || true
    ! grep -q "6 requests applied, 0 denied" out.txt || fail "less is enough: $rest"
done <less

# ---- changed at rest, refused with the reason, taken back ----
expect 3 "no rule burn" jitos cap own 'g[0]/1' burn --data r
expect 3 "no instance /world/c" jitos cap own 'g[0]/1' /world/c --data r
expect 3 "holds nothing in slot 7" jitos cap own 'g[0]/7' up --data r
expect 2 "own wants a capability" jitos cap own up --data r
expect 1 "refused: the capability lacks the right" jitos cap own 'g[0]/0' up --data r
expect 1 "refused: the capability is for another instance" jitos cap own 'g[0]/1' /world/b --data r
expect 0 "up belongs to the operator" jitos cap own operator up --data r
expect 0 "up belongs to g[1]/1" jitos cap own 'g[1]/1' up --data r
expect 0 '"owner":"capability"' jitos cap owner up --data r --json
expect 0 "revoked" jitos cap revoke 'g[1]/1' --data r
expect 0 "rule     up                   nobody" jitos cap owner up --data r
expect 0 "rule     up                   g[1]/1" jitos cap owner up --at 7 --data r
expect 1 "no right to write there" \
    jitos cap explain w invoke 'up(name = "one")' --on /world/a --data r
expect 0 "the operator gives rule up to g[1]/1: done" jitos cap log --data r
expect 0 "the operator gives rule up to himself: done" jitos cap log --data r
expect 0 "refused: the capability lacks the right" jitos cap log --data r
expect 0 same jitos replay --verify --data r
expect 0 same jitos replay --by rules --data r
expect 0 whole jitos verify --data r

# ---- restored with its owners ----
expect 0 checkpoint jitos checkpoint -m kept --data r
expect 0 "" jitos restore kept --data r --into r2
jitos cap owner --data r >1.txt
jitos cap owner --data r2 >2.txt
diff 1.txt 2.txt || fail "a restored folder has other owners"

# ---- while it runs ----
mkfifo ready
jitosd --data r2 --ready-fd 3 3>ready 2>daemon.txt &
daemon=$!
head -c 1 <ready >ready.txt
expect 0 "up belongs to g[0]/1" jitos cap own 'g[0]/1' up --data r2
expect 0 "up belongs to the operator" jitos cap own operator up --data r2
kill "$daemon"
wait "$daemon" || true
daemon=
expect 0 same jitos replay --verify --data r2

# ---- each rule and each instance has one owner, whatever was done to the folder ----
# owners FOLDER: a line a rule or listed instance, each once; all rules are there
owners() {
    jitos cap owner --data "$1" --json >out.txt || fail "$1: cap owner: exit $?"
    sed -n 's/.*"what":"\([^"]*\)".*/\1/p' out.txt | sort >things.txt
    [ "$(sort -u things.txt)" = "$(cat things.txt)" ] || fail "$1: two owners: $(cat out.txt)"
    for rule in up down; do
        grep -qx "$rule" things.txt || fail "$1: nothing is said of $rule: $(cat out.txt)"
    done
    grep -c '"owner":"capability"' out.txt >owned.txt || true
    [ "$(cat owned.txt)" = "$2" ] || fail "$1: $(cat owned.txt) are owned, not $2: $(cat out.txt)"
}
owners r 1 # up is nobody's since its owner was revoked
owners r2 1
expect 0 "2 ticks" jitos run owned.jitos --ticks 2 --data m
owners m 2
expect 0 branch jitos fork HEAD -m x --data m
expect 0 "down belongs to g[0]/1" jitos cap own 'g[0]/1' down --data m
expect 0 "down belongs to g[1]/1" jitos cap own 'g[1]/1' down --data m/branches/x
owners m 3
owners m/branches/x 3
# Both gave it away: nothing is written, and both go on as they were.
expect 1 "two owners" jitos merge HEAD --into main --data m/branches/x --dry-run
expect 1 "two owners" jitos merge HEAD --into main --data m/branches/x
owners m 3
expect 0 "whole" jitos verify --data m
expect 0 "down belongs to the operator" jitos cap own operator down --data m/branches/x
expect 0 "/world/a belongs to g[1]/1" jitos cap own 'g[1]/1' /world/a --data m/branches/x
expect 0 "merged" jitos merge HEAD --into main --data m/branches/x
owners m 3
expect 0 "rule     down                 g[0]/1" jitos cap owner down --data m
expect 0 "instance /world/a             g[1]/1" jitos cap owner /world/a --data m
expect 0 "5 ticks" jitos run --ticks 5 --data m
owners m 3
expect 0 same jitos replay --verify --data m

# ---- written by hand, past all of that: every byte is whole, and nobody would run it ----
two="the root graph is not one to run: something in /sec has two parents or two owners"
expect 0 branch jitos fork HEAD -m two --data m
expect 0 whole jitos verify --data m/branches/two
expect 0 "" "$build/tests/tools/forge" m/branches/two owner
expect 0 same jitos replay --verify --data m/branches/two
expect 1 "whole  6 ticks" jitos verify --data m/branches/two
expect 1 "m/branches/two is whole, but no supervisor would run it from tick 6 on" \
    jitos verify --data m/branches/two
expect 1 "$two" jitos verify --data m/branches/two
expect 1 '"runs":false' jitos verify --data m/branches/two --json
# It says what a supervisor says.
jitosd --data m/branches/two >out.txt 2>&1 </dev/null && fail "a supervisor runs it"
grep -qF "$two" out.txt || fail "a supervisor says: $(cat out.txt)"
# What it says to type leads back to a tick that can be run.
next=$(jitos verify --data m/branches/two 2>&1 | sed -n 's/.*next: //p')
eval "$next" >out.txt 2>&1 || fail "'$next' ended with $?: $(cat out.txt)"
back=$(sed -n 's/^run .*--data \([^ ]*\) .*/\1/p' out.txt)
expect 0 '"runs":true' jitos verify --data "$back" --json
expect 0 "7 ticks" jitos run --ticks 7 --data "$back"

exit "$failed"
