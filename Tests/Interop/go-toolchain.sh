# Go, go-spiffe and spire-api-sdk for programs that check or measure Signet from outside. Sourced by the scripts that
# build them; leaves "$go" and Go's environment set.
#
# What it needs: a Debian machine (12 or later, amd64 or arm64) with apt and dpkg.
# What it does to the machine: nothing outside .build/interop. Go and the libraries are Debian's packages of the suite
# "sid"; they are downloaded with an apt configuration of this folder's own, checked against Debian's keyring, and
# unpacked there, never installed. The second run downloads nothing; `rm -rf .build/interop` starts afresh.
#
#   INTEROP_MIRROR    the Debian mirror (default: the one this machine's apt uses)
#   INTEROP_KEYRING   the keys that sign it (default: Debian's keyring)
#   GOFLAGS           passed to Go, as -p=1 to build with one core

toolchain_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
toolchain=$toolchain_root/.build/interop

# The libraries, without what Debian's packages of them only need for their own tests.
toolchain_libraries=(
    golang-github-spiffe-go-spiffe-dev golang-github-spiffe-spire-api-sdk-dev
    golang-google-grpc-dev golang-google-protobuf-dev golang-google-genproto-dev golang-github-golang-protobuf-1-5-dev
    golang-golang-x-net-dev golang-golang-x-sys-dev golang-golang-x-text-dev golang-github-go-jose-go-jose-dev
)

toolchain_stop() {
    echo "go-toolchain: $*" >&2
    exit 2
}

# apt with the machine's keys and proxies, and nothing else of the machine's own: not its lists, nor its cache, nor what
# it does after updates.
toolchain_apt() {
    local tool=$1
    shift
    "$tool" -qq -c "$toolchain/apt/apt.conf" \
        -o Dir::Etc::SourceList="$toolchain/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$toolchain/apt/lists" -o Dir::Cache="$toolchain/apt/cache" \
        -o APT::Sandbox::User=root "$@"
}

toolchain_fetch() {
    local uri version package keyring=${INTEROP_KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}
    uri=${INTEROP_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' | grep -m 1 '/debian/*$' || true)}
    [ -n "$uri" ] || toolchain_stop "no Debian mirror in this machine's apt configuration: set INTEROP_MIRROR"
    [ -r "$keyring" ] || toolchain_stop "$keyring is missing: install debian-archive-keyring, or set INTEROP_KEYRING"
    rm -rf "$toolchain/apt" "$toolchain/root"
    mkdir -p "$toolchain/apt/lists/partial" "$toolchain/apt/cache/archives/partial" "$toolchain/apt/packages" \
        "$toolchain/root"
    echo "deb [signed-by=$keyring] $uri sid main" > "$toolchain/apt/sources.list"
    printf '#clear %s;\n' APT::Update::Pre-Invoke APT::Update::Post-Invoke APT::Update::Post-Invoke-Success \
        > "$toolchain/apt/apt.conf"
    toolchain_apt apt-get update
    # Whatever Go the suite has now.
    version=$(toolchain_apt apt-cache depends golang-go \
        | sed -n 's/.*Depends: golang-\(1\.[0-9]*\)-go$/\1/p' | head -n 1)
    [ -n "$version" ] || toolchain_stop "the suite has no Go"
    (cd "$toolchain/apt/packages" && toolchain_apt apt-get download \
        "golang-$version-go" "golang-$version-src" "${toolchain_libraries[@]}")
    for package in "$toolchain"/apt/packages/*.deb; do dpkg -x "$package" "$toolchain/root"; done
    ls "$toolchain/apt/packages" > "$toolchain/root/packages"
    rm -rf "$toolchain/apt"
}

# The list is written last, so an interrupted download is done again; so is one whose list of libraries changed.
toolchain_stamp=$(printf '%s\n' "${toolchain_libraries[@]}" | cksum)
if [ ! -s "$toolchain/root/packages" ] || [ "$(cat "$toolchain/root/stamp" 2> /dev/null)" != "$toolchain_stamp" ]; then
    echo "Fetching Go and the libraries (60 MB) into .build/interop" >&2
    toolchain_fetch
    echo "$toolchain_stamp" > "$toolchain/root/stamp"
fi

# Debian's libraries are laid out for GOPATH. Without cgo, no compiler of another language is needed.
go=$(echo "$toolchain"/root/usr/lib/go-*/bin/go)
export GO111MODULE=off GOPATH="$toolchain/root/usr/share/gocode" GOCACHE="$toolchain/cache" GOTOOLCHAIN=local
export GOROOT=${go%/bin/go} GOTELEMETRY=off CGO_ENABLED=0
