#!/bin/bash
# Goal:   docs/rmg.md tells what happens: each command in it is run again in examples/city/ and must
#         give what the page shows, to the letter.
# Method: the blocks marked ```console; keys are random, so a line of a public key may differ.
#         With --write the page is written anew, for who has changed what its commands say.
set -u
top=$(cd "${top_srcdir:-.}" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export PATH=$PWD/tools:$PATH LC_ALL=C
cp "$top"/examples/city/* "$folder" && chmod -R u+w "$folder" && cd "$folder" || exit 99

commands=0
inside=
: >page
: >real
while IFS= read -r line; do
    case $line in
    '```console') inside=1 ;;&
    '```') inside= ;;&
    *)
        [[ -n $inside && $line != '```console' ]] || {
            echo "$line" | tee -a page >>real
            continue
        }
        echo "$line" >>page
        if [[ $line == '$ '* ]]; then
            commands=$((commands + 1))
            echo "$line" >>real
            bash -c "${line:2}" >output 2>&1 </dev/null
            code=$?
            cat output >>real
            [ ! -s output ] || [ -z "$(tail -c 1 output)" ] || echo >>real
            [ $code -eq 0 ] || echo "[exit code $code]" >>real
        fi
        ;;
    esac
done <"$top/docs/rmg.md"
[ "${1:-}" != --write ] || {
    cp real "$top/docs/rmg.md"
    exit 0
}
[ $commands -gt 40 ] || { echo "only $commands commands were found" && exit 1; }
sed -i 's/^public_key .*/public_key/' page real
diff page real || { echo "docs/rmg.md shows (<) what is not so (>)" && exit 1; }
echo "$commands commands give what the page shows"
