#!/bin/bash
# Goal:   README.md, docs/rmg.md and docs/jitos.md tell what happens: each command in them is run
#         again in the folder of an example and must give what the page shows, to the letter.
# Method: the blocks marked ```console. What differs between machines is masked on both sides:
#         random keys, and sizes that go with the grade of the sandbox.
#         With --write the pages are written anew, for who has changed what their commands say.
set -u
# shellcheck source=tests/lib/begin.sh
. "${top_srcdir:-.}/tests/lib/begin.sh"

# play PAGE: the page as it is to ./page, as its commands give it to ./real; sets $commands.
play()
{
    local inside='' line code
    commands=0
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
                sed 's/ *$//' output | no_progress >>real
                [ ! -s output ] || [ -z "$(tail -c 1 output)" ] || echo >>real
                [ $code -eq 0 ] || echo "[exit code $code]" >>real
            fi
            ;;
        esac
    done <"$1"
}

# check PAGE EXAMPLE LEAST: holds the page to what its commands say, or writes it anew.
check()
{
    local folder=$dir/${1##*/}
    mkdir "$folder"
    cp -R "$top/examples/$2/." "$folder" && chmod -R u+w "$folder" && cd "$folder" || exit 99
    play "$top/$1"
    [ "${mode#--write}" = "$mode" ] || {
        cp real "$top/$1"
        return
    }
    [ $commands -gt "$3" ] || { echo "only $commands commands were found in $1" && exit 1; }
    sed -i 's/^public_key .*/public_key/; s/^\(peak\|written\|checkpoint\) .*/\1/' page real
    diff page real || { echo "$1 shows (<) what is not so (>)" && exit 1; }
    echo "$1: $commands commands give what the page shows"
}

mode=${1:-}
check docs/rmg.md city 40
need_workers
check README.md town 7
check docs/jitos.md town 30
