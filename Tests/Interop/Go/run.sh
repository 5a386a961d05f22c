#!/usr/bin/env bash
# Checks Signet from outside with what others wrote: go-spiffe and the client stubs of spire-api-sdk.
#
#     Tests/Interop/Go/run.sh [OPTION…]      options of the checks: -h lists them
#
# What it needs: .build/release/signet, and what Tests/Interop/go-toolchain.sh needs to fetch Go and the libraries.
# What it does to the machine: nothing outside .build/interop.
#
#   BIN               the program to check (default: .build/release/signet)
#   SPIRE_AGENT       SPIRE's spire-agent, to have it attest to Signet, too (default: none, its scenarios are skipped)
#   SPIRE_SERVER      SPIRE's spire-server, to have its commands administer Signet (the same)
#                     `go build ./cmd/spire-agent ./cmd/spire-server` in a checkout of SPIRE makes both
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
work=$root/.build/interop
program=${BIN:-$root/.build/release/signet}

if [ ! -x "$program" ]; then
    echo "interop: $program is missing: make build" >&2
    exit 2
fi

# shellcheck source=../go-toolchain.sh
. "$here/../go-toolchain.sh"
(cd "$here" && nice -n 10 "$go" vet . && nice -n 10 "$go" build -o "$work/signet-interop" .)

if [ -n "${SPIRE_AGENT:-}" ]; then set -- -spire-agent "$SPIRE_AGENT" "$@"; fi
if [ -n "${SPIRE_SERVER:-}" ]; then set -- -spire-server "$SPIRE_SERVER" "$@"; fi
exec "$work/signet-interop" -signet "$program" "$@"
