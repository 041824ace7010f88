#!/bin/bash
# Goal:   the tests of searches and scripts notice when something that a change enables is left out.
# Method: the same sources and tests, compiled with the switch of rmg/rules/mutant.h; of each mutant
#         the program that is to find it out runs until an assertion fails (9). As it is, each
#         program passes. A mutant that survives fails this test.
set -u
# shellcheck source=tests/lib/begin.sh
. "${top_srcdir:-.}/tests/lib/begin.sh"

export CK_FORK=no
at=tests/rmg
run() { # PROGRAM MUTANT
    local case=$1
    [ "$1" = search ] && case=oracle # and not what counts costs
    CK_RUN_CASE=$case RMG_MUTANT=$2 "$at/mutant_$1" >"$dir/out" 2>&1
}

for program in search script script_text; do
    run $program 0 || { echo "mutant_$program fails as it is:" && cat "$dir/out" && exit 1; }
done
RMG_MUTANT=list "$at/mutant_search" >"$dir/list" || exit 1
killed=0
bad=0
while IFS=$'\t' read -r number program text; do
    run "$program" "$number"
    status=$?
    if [ $status = 9 ]; then
        killed=$((killed + 1))
    else
        echo "survived (status $status): $text"
        bad=1
    fi
done <"$dir/list"
if [ $bad != 0 ] || [ $killed -lt 20 ]; then
    echo "$killed found out"
    exit 1
fi
echo "all $killed found out"
