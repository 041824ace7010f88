#!/bin/sh
# Goal:   who may do what, as people ask and change it: docs/capabilities.md shows what the programs
#         print; a change is refused with its reason or done, at rest and while a supervisor runs,
#         is in the log, and is the same after a replay and a restore.
# Method: examples/on-a-leash with real processes. The page's commands are run in its order and
#         their output compared; DOCS_UPDATE=1 writes the page anew.
set -eu

top=$(cd "${top_srcdir:-.}" && pwd)
bin=$(cd "${builddir:-.}/tools" && pwd)
page=$top/docs/capabilities.md
dir=$(mktemp -d "${TMPDIR:-/tmp}/jitos-cap-XXXXXX")
daemon=
finish() {
    [ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true
    rm -rf "$dir"
}
trap finish EXIT
failed=0

fail() {
    echo "FAIL: $*"
    failed=1
}

cp "$top"/examples/on-a-leash/* "$dir"
cd "$dir"
PATH=$bin:$PATH # as the page calls them
export PATH

# expect CODE WORDS COMMAND...: it leaves with CODE, and says WORDS somewhere.
expect() {
    want=$1 words=$2
    shift 2
    "$@" >out.txt 2>&1 && got=0 || got=$?
    [ "$got" = "$want" ] || fail "$*: exit $got, not $want: $(cat out.txt)"
    grep -qF "$words" out.txt || fail "$*: does not say \"$words\": $(cat out.txt)"
}

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
if [ -n "${DOCS_UPDATE:-}" ]; then
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

# ---- while a supervisor runs ----
mkfifo ready
"$bin/jitosd" --data run2 --ready-fd 3 3>ready 2>daemon.err &
daemon=$!
head -c 1 <ready >ready.txt
expect 0 "games[0]/2" jitos cap grant games invoke 'retire(section = "libs")' --data run2
expect 0 "live" jitos cap ls games --data run2 --json
expect 0 "revoked in tick" jitos cap revoke 'games[0]/2' --data run2
kill "$daemon"
wait "$daemon" || fail "the supervisor left with $?: $(cat daemon.err)"
daemon=
expect 0 same jitos replay --verify --data run2

[ $failed = 0 ] && echo "capabilities: all as they should be"
exit $failed
