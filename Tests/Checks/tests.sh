#!/usr/bin/env bash
# Runs tests that are built, one after the other: tests that open a thousand sockets and tests that start processes do
# not mix in one process, and what is measured is measured alone. What has failed is said once more at the end.
# Usage: tests.sh release [options of swift test]
set -euo pipefail
cd "$(dirname "$0")/../.."
configuration=$1
shift
log=.build/tests.log
status=0
"${SWIFT:-swift}" test -c "$configuration" --skip-build --no-parallel "$@" 2>&1 | tee "$log" || status=$?
if [ "$status" != 0 ]; then
    echo
    echo "What has failed (everything is in $log):"
    # An issue begins with a cross and may go on in lines with an arrow; a crash has neither.
    grep -E '^(✘ .* recorded an issue|↳ |error:)|Fatal error' "$log" | grep -vE '^↳ (Testing|Target)' | cut -c 1-400 |
        head -40 || true
fi
exit "$status"
