#!/bin/sh
# Goal:   a restore, of a name or of an exported file, gives nobody more than he holds: whoever may
#         not read a folder restores nothing of it; whoever was given the file has the system that
#         is in it, as his own, and with it no right in the one that it came from; a token is worth
#         nothing in what is restored, so a capability that was narrowed or revoked meanwhile does
#         not come back to its holder by a restore or a rollback; and processes have what they had.
# Method: examples/on-a-leash; the other one is user 65534 where the test may become it, with a copy
#         of the programs, a token, a narrowed one and the exported file.
set -eu

# shellcheck source=tests/lib/begin.sh
. "${top_srcdir:-.}/tests/lib/begin.sh"
bin=$build/tools

cp "$top"/examples/on-a-leash/* "$dir"
cd "$dir"
chmod 711 "$dir"
mkdir -p open/tools open/proc/guest theirs
cp "$bin/jitos" "$bin/jitosd" open/tools # where jitosd finds the workers' program
cp "$bin/../proc/guest/jitos-loader" open/proc/guest
chmod -R a+rX open
other=no
them() { "$dir/open/tools/jitos" "$@"; }
if [ "$(id -u)" = 0 ] && setpriv --reuid 65534 --regid 65534 --clear-groups true 2>/dev/null; then
    other=yes
    chown 65534:65534 theirs
    them() {
        setpriv --reuid 65534 --regid 65534 --clear-groups "$dir/open/tools/jitos" "$@"
    }
fi

expect 0 done jitos run leash.jitos --ticks 3 --data mine
expect 0 'games[0]/2' jitos cap export 'games[0]/1' --out all.token --data mine
expect 0 narrowing jitos cap attenuate all.token invoke 'retire(name = "cowsay")' --out cow.token
expect 0 checkpoint jitos checkpoint -m kept --data mine
expect 0 "" jitos checkpoint --export kept.jck --data mine
jitos cap tree --data mine >held.txt
cp all.token cow.token open
chmod 644 open/*.token

# ---- who may not read it ----
[ "$(stat -c %a kept.jck)" = 600 ] || fail "others can read an export: $(stat -c %a kept.jck)"
[ "$(stat -c %a mine)" = 700 ] || fail "others can look into a folder: $(stat -c %a mine)"
if [ $other = yes ]; then
    expect 3 "Permission denied" them restore kept --data "$dir/mine" --into theirs/a
    expect 8 "does not permit" them restore --import "$dir/kept.jck" --into theirs/a
    expect 3 "Permission denied" them checkpoint --list --data "$dir/mine"
    expect 3 "Permission denied" them restore --import "$dir/kept.jck" --into "$dir/mine/in"
    [ ! -e theirs/a ] || fail "what was refused left something"
    chmod 755 mine
    for verb in gc "verify --salvage" "fork @2"; do
        # shellcheck disable=SC2086 # words
        expect 8 "run it as the user whose folder it is" them $verb --data "$dir/mine"
    done
    chmod 700 mine
fi

# ---- who was given the file has what is in it, and no right elsewhere ----
cp kept.jck open
chmod 644 open/kept.jck
expect 0 restored them restore --import open/kept.jck --into theirs/b
[ "$(stat -c %a theirs/b)" = 700 ] || fail "what was restored is open"
[ $other = no ] || [ "$(stat -c %u theirs/b)" = 65534 ] || fail "it is not theirs"
them cap tree --data theirs/b >theirs.txt 2>&1 || fail "cap tree: $(cat theirs.txt)"
cmp -s held.txt theirs.txt || fail "it holds something else: $(diff held.txt theirs.txt)"
# No token of the one in the other, whole or narrowed, in either direction.
for token in all cow; do
    expect 1 "another key" them cap import open/$token.token games --data theirs/b
    expect 1 "another key" them cap show open/$token.token --data theirs/b
done
expect 0 'games[0]/' them cap export 'games[0]/1' --out theirs/own.token --data theirs/b
expect 1 "another key" jitos cap import theirs/own.token games --data mine
expect 1 "another key" jitos cap import theirs/own.token libs --data mine
# What it holds may be narrowed, not widened, there either.
expect 1 "more than is held: rights" them cap derive 'libs[0]/1' invoke,read --data theirs/b
expect 1 "more than it allows" \
    them cap attenuate open/cow.token invoke 'retire(name = "sl")' --out theirs/x.token
[ ! -e theirs/x.token ] || fail "what was refused left a file"

# ---- revoked meanwhile: it does not come back to whoever holds the token ----
expect 0 'libs[0]/2' jitos cap import cow.token libs --data mine
expect 0 revoked jitos cap revoke 'games[0]/2' --data mine
expect 1 "is revoked" jitos cap import cow.token libs --data mine
expect 0 restored jitos restore kept --data mine --into again
for token in all cow; do
    expect 1 "another key" jitos cap import $token.token libs --data again
done
expect 0 restored jitos restore --import kept.jck --into moved
expect 1 "another key" jitos cap import cow.token libs --data moved
jitos checkpoint --list --data mine --json >list.txt
before=$(sed -n 's/.*"tick":\([0-9]*\).*/\1/p' list.txt | tail -n 1)
expect 0 head jitos rollback "@$before" -m before --data mine
expect 1 "another key" jitos cap import cow.token libs --data mine
expect 0 "head   main" jitos branch --switch main --data mine
expect 1 "is revoked" jitos cap import cow.token libs --data mine

# ---- processes have what they had: they are denied what they would have been denied ----
expect 0 done jitos run --ticks 12 --data again
expect 0 done jitos run --ticks 12 --data moved
expect 0 done jitos run leash.jitos --ticks 12 --data whole
jitos cap log --data again >/dev/null || fail "cap log"
for data in again moved; do
    jitos cap tree --data $data | sed 's/ *#.*//' >after.txt
    cmp -s held.txt after.txt || fail "$data holds something else now: $(diff held.txt after.txt)"
done

[ "$failed" = 0 ] && echo "nobody got more by a restore (as another user: $other)"
exit "$failed"
