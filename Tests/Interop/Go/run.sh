#!/usr/bin/env bash
# Checks Signet from outside with what others wrote: go-spiffe and the client stubs of spire-api-sdk.
#
#     Tests/Interop/Go/run.sh [OPTION…]      options of the checks: -h lists them
#
# What it needs: a Debian machine (12 or later, amd64 or arm64) with apt and dpkg, and .build/release/signet.
# What it does to the machine: nothing outside .build/interop. Go and the libraries are Debian's packages of the suite
# "sid"; they are downloaded with an apt configuration of this folder's own, checked against Debian's keyring, and
# unpacked there, never installed. The second run downloads nothing; `rm -rf .build/interop` starts afresh.
#
#   BIN               the program to check (default: .build/release/signet)
#   SPIRE_AGENT       SPIRE's spire-agent, to have it attest to Signet, too (default: none, its scenarios are skipped)
#   SPIRE_SERVER      SPIRE's spire-server, to have its commands administer Signet (the same)
#                     `go build ./cmd/spire-agent ./cmd/spire-server` in a checkout of SPIRE makes both
#   INTEROP_MIRROR    the Debian mirror (default: the one this machine's apt uses)
#   INTEROP_KEYRING   the keys that sign it (default: Debian's keyring)
#   GOFLAGS           passed to Go, as -p=1 to build with one core
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
work=$root/.build/interop
program=${BIN:-$root/.build/release/signet}
keyring=${INTEROP_KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}

# The libraries, without what Debian's packages of them only need for their own tests.
libraries=(
    golang-github-spiffe-go-spiffe-dev golang-github-spiffe-spire-api-sdk-dev
    golang-google-grpc-dev golang-google-protobuf-dev golang-google-genproto-dev golang-github-golang-protobuf-1-5-dev
    golang-golang-x-net-dev golang-golang-x-sys-dev golang-golang-x-text-dev golang-github-go-jose-go-jose-dev
)

stop() {
    echo "interop: $*" >&2
    exit 2
}

[ -x "$program" ] || stop "$program is missing: make build"

# apt with the machine's keys and proxies, and nothing else of the machine's own: not its lists, nor its cache, nor what
# it does after updates.
private_apt() {
    local tool=$1
    shift
    "$tool" -qq -c "$work/apt/apt.conf" \
        -o Dir::Etc::SourceList="$work/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$work/apt/lists" -o Dir::Cache="$work/apt/cache" -o APT::Sandbox::User=root "$@"
}

mirror() {
    if [ -n "${INTEROP_MIRROR:-}" ]; then
        echo "$INTEROP_MIRROR"
    else
        apt-get indextargets --format '$(REPO_URI)' | grep -m 1 '/debian/*$' || true
    fi
}

fetch() {
    local uri version
    uri=$(mirror)
    [ -n "$uri" ] || stop "no Debian mirror in this machine's apt configuration: set INTEROP_MIRROR"
    [ -r "$keyring" ] || stop "$keyring is missing: install debian-archive-keyring, or set INTEROP_KEYRING"
    rm -rf "$work/apt" "$work/root"
    mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial" "$work/apt/packages" "$work/root"
    echo "deb [signed-by=$keyring] $uri sid main" > "$work/apt/sources.list"
    printf '#clear %s;\n' APT::Update::Pre-Invoke APT::Update::Post-Invoke APT::Update::Post-Invoke-Success \
        > "$work/apt/apt.conf"
    private_apt apt-get update
    # Whatever Go the suite has now.
    version=$(private_apt apt-cache depends golang-go | sed -n 's/.*Depends: golang-\(1\.[0-9]*\)-go$/\1/p' | head -n 1)
    [ -n "$version" ] || stop "the suite has no Go"
    (cd "$work/apt/packages" && private_apt apt-get download \
        "golang-$version-go" "golang-$version-src" "${libraries[@]}")
    for package in "$work"/apt/packages/*.deb; do dpkg -x "$package" "$work/root"; done
    ls "$work/apt/packages" > "$work/root/packages"
    rm -rf "$work/apt"
}

# The list is written last, so an interrupted download is done again; so is one whose list of libraries changed.
stamp=$(printf '%s\n' "${libraries[@]}" | cksum)
if [ ! -s "$work/root/packages" ] || [ "$(cat "$work/root/stamp" 2> /dev/null)" != "$stamp" ]; then
    echo "Fetching Go and the libraries (60 MB) into .build/interop"
    fetch
    echo "$stamp" > "$work/root/stamp"
fi

# Debian's libraries are laid out for GOPATH. Without cgo, no compiler of another language is needed.
go=$(echo "$work"/root/usr/lib/go-*/bin/go)
export GO111MODULE=off GOPATH="$work/root/usr/share/gocode" GOCACHE="$work/cache" GOTOOLCHAIN=local CGO_ENABLED=0
export GOROOT=${go%/bin/go} GOTELEMETRY=off
(cd "$here" && nice -n 10 "$go" vet . && nice -n 10 "$go" build -o "$work/signet-interop" .)

if [ -n "${SPIRE_AGENT:-}" ]; then set -- -spire-agent "$SPIRE_AGENT" "$@"; fi
if [ -n "${SPIRE_SERVER:-}" ]; then set -- -spire-server "$SPIRE_SERVER" "$@"; fi
exec "$work/signet-interop" -signet "$program" "$@"
