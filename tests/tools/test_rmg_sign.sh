#!/bin/bash
# Goal:   keys, signatures and proofs of `rmg` on the command line: what they print, exit codes,
#         modes of files; damaged, missing, foreign and readable-by-others input.
set -u
# shellcheck source=tests/lib/commands.sh
. "${top_srcdir:-.}/tests/lib/commands.sh"

umask 022

printf ':ID,name,:LABEL\na,Ann,Person\nb,Bob,Person\n' >nodes.csv
printf ':START_ID,:TYPE,:END_ID\na,KNOWS,b\n' >edges.csv
"$rmg" import nodes.csv edges.csv -o g.rmg -q >/dev/null || exit 99
"$rmg" import nodes.csv -o other.rmg -q >/dev/null || exit 99
root=$("$rmg" hash g.rmg | cut -d' ' -f2)

# ---- keys ----
run "$rmg" keygen ann
check 'keygen' 0 "ann (keep it)  ann.pub (give it away)
public_key $h" ''
[ "$(stat -c %a ann)" = 600 ] || fail "mode of ann"
run "$rmg" keygen ann
check 'keygen again' 2 '' '*there is one already*'
run "$rmg" keygen nowhere/x
check 'keygen no folder' 3 '' '*there is no folder nowhere*'
"$rmg" keygen bob >/dev/null

# ---- sign, verify ----
run "$rmg" verify g.rmg --signer ann.pub
check 'unsigned' 1 '' '*is not signed*rmg sign g.rmg*'
run "$rmg" sign g.rmg
check 'no key' 2 '' '*needs --key*'
run "$rmg" sign g.rmg --key ann
check 'sign' 0 "g.rmg.sig  1 signature
state_root $root" ''
run "$rmg" sign g.rmg --key bob --json
check 'sign json' 0 '{"event":"sign","schema":"rmg.sign/1","path":"g.rmg.sig",'\
'"state_root":"'"$root"'","public_key":"'"$h"'","signatures":2}' ''
run "$rmg" verify g.rmg --signer ann.pub --signer bob.pub
check 'verify signers' 0 "*state_root $root
signed by all 2 that were asked for" ''
"$rmg" keygen eve >/dev/null
run "$rmg" verify g.rmg --signer ann.pub --signer eve.pub
check 'one has not' 1 '' '*is not signed by eve.pub*'
run "$rmg" verify g.rmg --signer ann
check 'secret for public' 2 '' '*it is no public key*'
run "$rmg" sign g.rmg --key ann.pub
check 'public for secret' 2 '' '*cannot use ann.pub*'
run "$rmg" verify other.rmg --signer ann.pub --signatures g.rmg.sig
check 'of another state' 5 '' '*does not hold*another state*'
run "$rmg" sign other.rmg --key ann -o g.rmg.sig
check 'adding to another' 1 '' '*it is for another state*'
chmod 644 eve
run "$rmg" sign g.rmg --key eve
check 'secret that others read' 2 '' '*others may read it (mode 644)*chmod 600 eve*'
run "$rmg" sign g.rmg --key gone
check 'no such key' 3 '' '*No such file*'
size=$(stat -c %s g.rmg.sig)
for at in 0 4 9 20 60 100 $((size - 1)); do
    cp g.rmg.sig bent.sig
    printf '\377' | dd of=bent.sig bs=1 seek="$at" conv=notrunc 2>/dev/null
    cmp -s bent.sig g.rmg.sig && continue
    run "$rmg" verify g.rmg --signer ann.pub --signer bob.pub --signatures bent.sig
    [[ $code == 5 || $code == 1 || $code == 2 ]] ||
        fail "bent signature at $at: exit $code"
done
head -c 40 g.rmg.sig >short.sig
run "$rmg" verify g.rmg --signer ann.pub --signatures short.sig
check 'short envelope' 5 '' '*cannot use the signatures*'
cp g.rmg bent.rmg
printf 'x' | dd of=bent.rmg bs=1 seek=200 conv=notrunc 2>/dev/null
run "$rmg" sign bent.rmg --key ann
check 'nobody signs damage' 5 '' '*'
[ ! -e bent.rmg.sig ] || fail "bent.rmg.sig is there"

# ---- proofs ----
run "$rmg" prove g.rmg node:a -o p
check 'prove' 0 "p  * bytes: it is there
state_root $root" ''
run "$rmg" verify --proof p --root "$root"
check 'verify proof' 0 "$h is among the nodes of that state" ''
run "$rmg" prove g.rmg node:nobody -o q --json
check 'prove absence' 0 '{"event":"prove","schema":"rmg.prove/1","plane":"nodes",'\
'"present":false,"id":"'"$h"'","instance":"'"$h"'","state_root":"'"$root"'",'\
'"path":"q","bytes":*}' ''
run "$rmg" verify --proof q --root "$root" --json
check 'verify absence' 0 '*"present":false,*"verified":true}' ''
run "$rmg" verify --proof q --root "$("$rmg" hash other.rmg | cut -d' ' -f2)"
check 'another root' 5 '' "*it leads to $root*"
run "$rmg" verify --proof q
check 'no root' 2 '' '*needs --root*'
run "$rmg" verify --proof g.rmg --root "$root"
check 'no proof' 5 '' '*it is no proof*'
run "$rmg" verify g.rmg --proof q --root "$root"
check 'both' 2 '' '*judged without the file*'
run "$rmg" prove g.rmg a
check 'bad id' 2 '' '*64 hex digits*'
run "$rmg" prove g.rmg node:a --in /nowhere
check 'no such instance' 3 '' '*there is no instance /nowhere*--plane instances*'
run "$rmg" prove g.rmg node:a --in /
check 'the top by its path' 0 '*' ''
run "$rmg" prove g.rmg warp:/ --plane instances -o i
check 'an instance' 0 '*it is there*' ''
run "$rmg" prove g.rmg node:a --plane node-values -o v
check 'values' 0 '*it is there*' ''
for file in p q i v; do
    run "$rmg" verify --proof $file --root "$root"
    check "holds: $file" 0 '*' ''
done

# Who signs at the same time does not take away another's signature.
signers=()
for i in 1 2 3 4 5 6; do
    "$rmg" keygen "at$i" -q >/dev/null
    signers+=(--signer "at$i.pub")
done
for i in 1 2 3 4 5 6; do
    "$rmg" sign g.rmg --key "at$i" -o at.sig -q >/dev/null &
done
wait
run "$rmg" verify g.rmg --signatures at.sig "${signers[@]}"
check 'six at once' 0 '*signed by all 6*' ''
exec 8<.
flock -x 8
run "$rmg" sign g.rmg --key at1 -o at.sig
check 'a folder that is held' 8 '' '*somebody else holds a lock*'
exec 8<&-

finish
