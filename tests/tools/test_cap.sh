#!/bin/sh
# Goal:   who may do what, as people ask and change it: docs/capabilities.md shows what the programs
#         print; a change is refused with its reason or done, at rest and while a supervisor runs,
#         is in the log, and is the same after a replay and a restore.
# Method: examples/on-a-leash with real processes. The page's commands are run in its order and
#         their output compared; --write writes the page anew.
set -eu
# shellcheck source=tests/lib/processes.sh
. "${top_srcdir:-.}/tests/lib/processes.sh"

page=$top/docs/capabilities.md

cp "$top"/examples/on-a-leash/* "$dir"
cd "$dir"

# ---- the page ----
inside=no
while IFS= read -r line; do
    case $inside:$line in
    no:'```') inside=yes && echo "$line" ;;
    yes:'```') inside=no && echo "$line" ;;
    yes:'$ '*)
        echo "$line"
        eval "${line#??}" 2>/dev/null || true
        ;;
    yes:*) ;;
    no:*) echo "$line" ;;
    esac
done <"$page" >page.md
if [ "${1:-}" = --write ]; then
    cp page.md "$page"
fi
diff "$page" page.md || fail "docs/capabilities.md is not what the programs print"
grep -q '^\$ ' page.md || fail "the page shows nothing"

# ---- what its commands do not show ----
expect 1 "more than is held: rights" jitos cap derive 'libs[0]/1' invoke,read --data run1
expect 1 "more than is held: last tick" jitos cap derive 'libs[0]/1' --until 101 --data run1
expect 1 "more than is held: bound parameters" \
    jitos cap derive 'libs[0]/1' invoke 'retire(section = "games")' --data run1
expect 3 "no process nobody" jitos cap grant nobody map --data run1
expect 3 "no rule burn" jitos cap explain libs invoke burn --data run1
expect 2 "has no parameter" jitos cap explain libs invoke 'retire(what = 1)' --data run1
expect 2 "not every parameter" jitos cap explain libs invoke 'retire(name = "x")' --data run1
expect 3 "holds nothing in slot 9" jitos cap revoke 'libs[0]/9' --data run1
expect 2 "no right" jitos cap who-can burn --data run1
expect 1 nobody jitos cap who-can write --data run1
expect 3 "no request @1:77" jitos cap explain @1:77 --data run1
expect 2 "nothing that can be done" jitos cap burn --data run1
expect 0 '"allowed":true' jitos cap explain libs map --data run1 --json
expect 1 '"allowed":false' jitos cap explain libs write --data run1 --json
expect 0 '"denied":0' jitos cap audit --data run1 --json

# ---- as it was: a version keeps its capabilities ----
expect 0 "eager[0]/2" jitos cap ls --at 4 --data run1
jitos cap ls --data run1 | grep -q 'eager\[0\]/2' && fail "what was swept is listed"

# ---- a map that is revoked: the worker goes on without it, and asks for nothing ----
expect 0 "done" jitos run leash.jitos --ticks 2 --data run2
expect 0 "revoked" jitos cap revoke 'eager[0]/0' --data run2
expect 0 "5 ticks: 2 requests applied, 3 denied" jitos run --ticks 5 --data run2
expect 0 same jitos replay --verify --data run2
expect 0 whole jitos verify --data run2

# ---- and restored ----
expect 0 checkpoint jitos checkpoint -m kept --data run1
expect 0 "" jitos restore kept --data run1 --into run3
jitos cap tree --data run1 >tree1.txt
jitos cap tree --data run3 >tree3.txt
diff tree1.txt tree3.txt || fail "a restored folder has other capabilities"

# ---- what was never used: by capability, not by slot; what is used through another is used ----
jitos run leash.jitos --ticks 2 --data run5 -q >out.txt 2>&1 || fail "run5: $(cat out.txt)"
unused() { # NAMES: exactly these
    jitos cap ls --unused --data run5 | awk '{print $1}' | tr '\n' ' ' >out.txt
    [ "$(cat out.txt)" = "$1" ] || fail "unused: $(cat out.txt), not $1"
}
unused "eager[0]/0 eager[0]/1 "
expect 0 "libs[0]/2" jitos cap derive 'libs[0]/1' --until 50 --data run5
unused "eager[0]/0 eager[0]/1 libs[0]/2 "
expect 0 revoked jitos cap revoke 'games[0]/1' --data run5
expect 0 "games[0]/1, generation 2" \
    jitos cap grant games invoke 'retire(section = "libs")' --data run5
unused "eager[0]/0 eager[0]/1 games[0]/1 libs[0]/2 "
expect 0 "eager[0]/2" jitos cap move 'libs[0]/1' eager --data run5
unused "eager[0]/0 eager[0]/1 games[0]/1 libs[0]/2 "
expect 0 "games[0]/2" jitos cap grant games write --process 'libs[0]' --data run5
expect 0 "write on process libs[0]" jitos cap ls games --data run5

# ---- moving: what was derived from it stays derived ----
expect 0 "games[0]/2" jitos cap derive 'games[0]/1' --requests 2 --data run3
expect 0 "eager[0]/2" jitos cap move 'games[0]/1' eager --data run3
expect 3 "holds nothing" jitos cap tree 'games[0]/1' --data run3
jitos cap tree 'eager[0]/2' --data run3 | grep -q '^  games\[0\]/2' || fail "the tree is not kept"
expect 0 revoked jitos cap revoke 'eager[0]/2' --data run3
jitos cap ls --data run3 | grep -q 'games\[0\]/2' && fail "what was derived from it lives on"
expect 3 "no process nobody" jitos cap move 'games[0]/0' nobody --data run3
expect 2 "move wants" jitos cap move 'games[0]/0' --data run3

# ---- the audit log: what was asked and denied, and under what protection ----
jitos cap log --data run3 >log.txt || fail "cap log: $?"
grep -q "the operator moves games\[0\]/1 (generation 1) to eager\[0\]/2 (generation .): done" \
    log.txt || fail "the move is not in the log"
# A sanitized build protects itself by nothing, and says so.
grep -qE "supervisor begins, 20.*as user $(id -u): (.*seccomp|none\(sanitizer build\))" log.txt ||
    fail "no grade: $(cat log.txt)"
grep -q "supervisor ends, " log.txt || fail "no end of a supervisor"
grep -q "1 revoked or expired" log.txt || fail "what was swept is not in the log"
jitos cap log --data run1 >log.txt || fail "cap log: $?"
grep "^@1 .*eager\[0\] is denied under eager\[0\]/1: invoke retire(section = \"libs\"," log.txt |
    grep -q 'name = "libc6") on /world (@1:1)' || fail "no denial: $(cat log.txt)"
grep -q "refused: more than is held: rights" log.txt || fail "no refusal: $(cat log.txt)"
jitos cap log libs --data run1 | grep -q eager && fail "the log of one process has another's"
expect 0 '"chain":' jitos cap log --data run1 --json
cp -r run1 run4
printf X | dd of=run4/AUDIT bs=1 seek=300 conv=notrunc 2>/dev/null
expect 5 "was changed" jitos cap log --data run4
expect 5 "audit log" jitos verify --data run4
got=0
jitos cap grant games map --data run4 >out.txt 2>&1 || got=$?
[ $got != 0 ] && grep -q 'mv AUDIT AUDIT.kept' out.txt || fail "a changed audit log: $(cat out.txt)"
mv run4/AUDIT run4/AUDIT.kept
expect 0 "games[0]" jitos cap grant games map --data run4
expect 0 whole jitos verify --data run4
expect 0 same jitos replay --verify --data run4

# ---- while a supervisor runs ----
mkfifo ready
"$build/tools/jitosd" --data run2 --ready-fd 3 3>ready 2>daemon.err &
daemon=$!
head -c 1 <ready >ready.txt
expect 0 "games[0]/2" jitos cap grant games invoke 'retire(section = "libs")' --data run2
expect 0 "live" jitos cap ls games --data run2 --json
expect 0 "revoked in tick" jitos cap revoke 'games[0]/2' --data run2

# ---- tokens ----
# With one bit flipped (byte AT), in a file of its own.
flip() {
    { head -c "$2" "$1"; tail -c +$(($2 + 1)) "$1" | head -c 1 | tr '\000-\377' '\001-\377\000'; \
        tail -c +$(($2 + 2)) "$1"; } >flipped.token
}
expect 0 "5 of 5 requests left" jitos cap export 'games[0]/1' --requests 5 -o g.token --data run2
[ "$(stat -c %a g.token)" = 600 ] || fail "others can read the token"
expect 0 "1 narrowing" jitos cap attenuate g.token --until 60 -o n.token
expect 1 "more than it allows: last tick" jitos cap attenuate n.token --until 61 -o x.token
expect 1 "more than it allows: rights" jitos cap attenuate n.token invoke,write -o x.token
expect 1 "more than it allows: bound" \
    jitos cap attenuate n.token invoke 'retire(section = "libs")' -o x.token
expect 1 "copies of it cannot count" jitos cap attenuate n.token --requests 2 -o x.token
expect 3 "no rule burn" jitos cap attenuate n.token invoke burn -o x.token
[ ! -e x.token ] || fail "what was refused left a file"
expect 2 "good for nothing" jitos cap export 'games[0]/1' --no-delegate -o x.token --data run2
expect 2 "wants" jitos cap export 'games[0]/1' --data run2
expect 1 "more than is held" jitos cap export 'games[0]/1' invoke,map -o x.token --data run2
size=$(stat -c %s n.token)
for at in 0 5 20 60 100 150 $((size - 200)) $((size - 70)) $((size - 1)); do
    flip n.token "$at"
    got=0
    jitos cap import flipped.token libs --data run2 >out.txt 2>&1 || got=$?
    [ $got = 1 ] && grep -q '^refused: ' out.txt || fail "byte $at is changed: $got $(cat out.txt)"
    grep -q 'changed\|no token\|version\|another key\|asks for more' out.txt ||
        fail "byte $at: no reason: $(cat out.txt)"
done
expect 1 "another key" jitos cap import n.token libs --data run3
expect 1 "another key" jitos cap show n.token --data run3
expect 5 "no token" jitos cap show leash.jitos
expect 3 "no process nobody" jitos cap import n.token nobody --data run2
expect 0 "libs[0]/2" jitos cap import n.token libs --data run2
expect 0 "libs[0]/3" jitos cap import n.token libs --data run2
expect 0 "until 60" jitos cap ls libs --data run2
expect 0 revoked jitos cap revoke 'games[0]/2' --data run2
jitos cap ls libs --data run2 | grep -q 'until 60' && fail "what was taken in outlives the token"
expect 1 "is revoked" jitos cap import n.token libs --data run2
expect 0 "in tick" jitos cap grant games map --data run2 # a tick more: it is swept
expect 1 "not there any more" jitos cap import g.token libs --data run2

kill "$daemon"
wait "$daemon" || fail "the supervisor left with $?: $(cat daemon.err)"
daemon=
expect 0 same jitos replay --verify --data run2

[ $failed = 0 ] && echo "capabilities: all as they should be"
exit $failed
