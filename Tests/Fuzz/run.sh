#!/usr/bin/env bash
# Has libFuzzer make inputs for the parsers, guided by what the inputs reach.
#
#     Tests/Fuzz/run.sh PROGRAM DURATION [TARGET…]      seconds for each target; all targets where none is named
#
# Inputs that reached something new are kept in .build/fuzz/TARGET/corpus for the next run. An input for which something
# does not hold, or that takes long, is written to .build/fuzz/TARGET, with what to run to see it again.
set -euo pipefail
cd "$(dirname "$0")/../.."
program=$1
duration=$2
shift 2
folder=.build/fuzz
[ $# -gt 0 ] || read -r -d '' -a targets < <("$program" list && printf '\0')
[ $# -eq 0 ] || targets=("$@")

# How long an input keeps the processor is for the targets to judge; what hangs is for libFuzzer, which asks the clock on
# the wall. The one handler of traps is libFuzzer's, which writes the input.
export SWIFT_BACKTRACE=enable=no
"$program" seeds "$folder"
failed=0
printf '%-28s %10s %9s %9s %12s %10s\n' target inputs 'inputs/s' reached 'slowest (s)' memory
for target in "${targets[@]}"; do
    work=$folder/$target
    [ -d "$work" ] || { echo "there is no target $target"; exit 2; }
    mkdir -p "$work/corpus"
    words=()
    [ ! -s "$work/words" ] || words=(-dict="$work/words")
    if "$program" "$target" "$work/corpus" "$work/seeds" "${words[@]}" -max_total_time="$duration" -timeout=30 \
        -rss_limit_mb=2048 -artifact_prefix="$work/" -print_final_stats=1 > "$work/log" 2>&1; then
        awk -v target="$target" '
            / cov: / { for (i = 1; i < NF; i++) if ($i == "cov:") reached = $(i + 1) }
            /^stat::/ { value[$1] = $2 }
            END {
                printf "%-28s %10d %9d %9d %12d %7d MB\n", target, value["stat::number_of_executed_units:"],
                    value["stat::average_exec_per_sec:"], reached, value["stat::slowest_unit_time_sec:"],
                    value["stat::peak_rss_mb:"]
            }' "$work/log"
    else
        failed=1
        echo "$target:"
        grep -E "^$target: |Fatal error|^SUMMARY" "$work/log" | sed 's/^/    /' || tail -n 20 "$work/log"
        input=$(sed -n 's/.*Test unit written to //p' "$work/log" | tail -n 1)
        echo "    again: SWIFT_BACKTRACE=enable=no $program $target $input"
    fi
done
exit $failed
