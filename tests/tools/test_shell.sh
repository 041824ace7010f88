#!/bin/bash
# Goal:   manual pages and completions hold all that the programs know; but for the supervisor's
#         page they are made from the programs' tables.
# Method: every command and option that help names is in the page and in both scripts; the bash
#         script is loaded and asked; the zsh script is loaded where there is a zsh.
set -u
# shellcheck source=tests/lib/begin.sh
. "${top_srcdir:-.}/tests/lib/begin.sh"

# complete PROGRAM WORD...: what bash would offer for the last word.
complete_it() {
    local program=$1
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    COMPREPLY=()
    "_$program"
    echo "${COMPREPLY[*]}"
}

for program in jitos rmg; do
    tool=tools/$program
    page=$("$tool" --print man) || fail "$program --print man"
    bash_script=$("$tool" --print bash) || fail "$program --print bash"
    zsh_script=$("$tool" --print zsh) || fail "$program --print zsh"
    bash -n <<<"$bash_script" || fail "$program: bash does not take its script"
    eval "$bash_script"
    verbs=$("$tool" help | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p')
    [ "$(wc -w <<<"$verbs")" -gt 5 ] || fail "$program: help names only: $verbs"
    offered=" $(complete_it "$program" "") "
    for verb in $verbs; do
        [[ $offered == *" $verb "* ]] || fail "$program: bash does not offer $verb"
        wide=$("$tool" help "$verb" | awk 'length > 96')
        [ -z "$wide" ] || fail "$program help $verb: wider than 96 columns: $wide"
        [ "$verb" = help ] && continue
        [[ $page == *"## $program $verb"* ]] || fail "$program: the page has no $verb"
        grep -q "^    $verb)" <<<"$zsh_script" || fail "$program: zsh does not know $verb"
        options=$("$tool" "$verb" -h | grep -oE '^ +(-., )?--[a-z-]+' | grep -oE -- '--[a-z-]+')
        taken=" $(complete_it "$program" "$verb" --) "
        for option in $options; do
            [[ $taken == *" $option "* ]] || fail "$program $verb: bash does not offer $option"
            [[ $page == *"*$option*"* ]] || fail "$program $verb: the page has no $option"
            [[ $zsh_script == *"$option["* ]] || fail "$program $verb: zsh has no $option"
        done
    done
    if command -v scdoc >/dev/null; then
        scdoc <<<"$page" >/dev/null || fail "$program: scdoc does not take its page"
        [ -s "tools/shell/$program.1" ] || fail "$program: no manual page was built"
    else
        echo "not tried, since there is no scdoc here: the pages as scdoc reads them"
    fi
    if command -v zsh >/dev/null; then
        zsh -n <(echo "$zsh_script") || fail "$program: zsh does not take its script"
    else
        echo "not tried, since there is no zsh here: the scripts as zsh reads them"
    fi
done
# The supervisor's page is written by hand, so it may forget an option.
page=$(cat "$top/tools/jitosd.8.scd")
for option in $(tools/jitosd --help | grep -oE -- '--[a-z-]+' | sort -u); do
    [[ $page == *"*$option*"* || $page == *" $option"* ]] || fail "jitosd: the page has no $option"
done
[[ $(complete_it rmg export --to nd) == ndjson ]] || fail "rmg export --to nd"
[[ $(complete_it rmg hash tools/cli/cl) == *tools/cli/cli.c* || ! -e tools/cli/cli.c ]] ||
    fail "no file is offered"
exit $failed
