#!/usr/bin/env bash
# Builds the clients of others that `signet-bench` measures with: .build/bench/signet-bench-client.
#
#     Tests/Bench/build.sh
#
# Go and its libraries come as Tests/Interop/go-toolchain.sh says.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../Interop/go-toolchain.sh
. "$here/../Interop/go-toolchain.sh"
mkdir -p "$toolchain_root/.build/bench"
(cd "$here/Go" && nice -n 10 "$go" vet . && nice -n 10 "$go" build -o "$toolchain_root/.build/bench/signet-bench-client" .)
