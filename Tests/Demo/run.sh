#!/usr/bin/env bash
# The main job before your eyes: a control plane, a node agent, two services that call each other over mutual TLS with
# identities from a local socket, a stranger that gets nothing, certificates that rotate under traffic, and access tokens
# that say what each may do, until they are revoked.
#
#   BIN        the folder of the built programs (default: .build/release)
#   DEMO_PORT  the server's port (default: one that the system chooses)
#   KEEP       1 leaves everything running and prints what to type next
set -euo pipefail

BIN=${BIN:-$(cd "$(dirname "$0")/../.." && pwd)/.build/release}
KEEP=${KEEP:-}
SECONDS_OF_TRAFFIC=12
SVID_SECONDS=4
domain=demo.example
issuer=https://tokens.$domain

work=$(mktemp -d "${TMPDIR:-/tmp}/signet-demo.XXXXXX")
chmod 755 "$work"
mkdir -p "$work/bin" "$work/log"
mkdir -m 1777 "$work/run"
declare -A pids=()

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
fail() {
    printf '\nThe demo failed: %s\nLogs are in %s\n' "$*" "$work/log" >&2
    trap - EXIT
    stop_all > /dev/null 2>&1 || true
    exit 1
}

# Stops one process and expects a clean exit.
stop() {
    local name=$1 pid=${pids[$1]:-}
    [ -n "$pid" ] || return 0
    unset "pids[$name]"
    kill -TERM "$pid" 2> /dev/null || true
    for ((tries = 0; tries < 100; tries++)); do
        kill -0 "$pid" 2> /dev/null || break
        sleep 0.1
    done
    kill -KILL "$pid" 2> /dev/null || true
    wait "$pid" || { echo "$name ended with exit code $?" >&2; return 1; }
}
stop_all() {
    local result=0
    for name in payments-api payments agent server; do stop "$name" || result=1; done
    return $result
}
on_exit() {
    local code=$?
    [ "$code" = 0 ] || fail "a command ended with exit code $code"
}
trap on_exit EXIT
trap 'stop_all; exit 130' INT TERM

until_true() { # what, tries, command...
    local what=$1 tries=$2
    shift 2
    for ((i = 0; i < tries; i++)); do
        "$@" > /dev/null 2>&1 && return 0
        sleep 0.1
    done
    fail "$what"
}

# Services under numeric uids of their own when we may, else told apart by the path of their program.
for name in orders payments stranger; do cp "$BIN/signet-demo-service" "$work/bin/$name"; done
chmod 755 "$work/bin" "$work"/bin/*
declare -A uid=([orders]=21001 [payments]=21002 [stranger]=21003) as=()
if [ "$(id -u)" = 0 ]; then
    for name in "${!uid[@]}"; do
        as[$name]="setpriv --reuid ${uid[$name]} --regid ${uid[$name]} --clear-groups --"
    done
    selector() { echo "unix:uid:${uid[$1]}"; }
    told_apart="uid"
else
    for name in "${!uid[@]}"; do as[$name]=; done
    selector() { echo "unix:path:$work/bin/$1"; }
    told_apart="path of the program"
fi

say "1. A control plane and a node agent"
export SIGNET_SERVER_SOCKET=$work/server/api.sock SIGNET_AGENT_SOCKET=$work/agent/api.sock
export SPIFFE_ENDPOINT_SOCKET=unix://$SIGNET_AGENT_SOCKET
cat > "$work/server.yaml" << YAML
server:
  trust_domain: $domain
  data_dir: $work/data/server
  socket_path: $SIGNET_SERVER_SOCKET
  bind_address: 127.0.0.1
  bind_port: ${DEMO_PORT:-0}
  oauth:
    issuer: $issuer
    bind_address: 127.0.0.1
    bind_port: 0
    dns_names: tokens.$domain
YAML
# No process keeps the streams of this script: whoever reads them would wait for its end.
"$BIN/signet" server run --config "$work/server.yaml" < /dev/null > "$work/log/server.log" 2>&1 &
pids[server]=$!
until_true "the server did not come up" 150 "$BIN/signet" healthcheck server
server_port=$(sed -n 's/.*listening .*\[IPv4\].*:\([0-9][0-9]*\).*/\1/p' "$work/log/server.log" | head -n 1)
[ -n "$server_port" ] || fail "the server does not say where it listens"
cat > "$work/agent.yaml" << YAML
agent:
  trust_domain: $domain
  data_dir: $work/data/agent
  socket_path: $SIGNET_AGENT_SOCKET
  server_address: 127.0.0.1
  server_port: $server_port
  trust_bundle_path: $work/bundle.pem
  join_token_file: $work/join-token
YAML
"$BIN/signet" bundle show > "$work/bundle.pem"
(umask 077 && "$BIN/signet" token generate | sed -n 's/^Token: //p' > "$work/join-token")
"$BIN/signet" agent run --config "$work/agent.yaml" < /dev/null > "$work/log/agent.log" 2>&1 &
pids[agent]=$!
until_true "the agent did not come up" 150 "$BIN/signet" healthcheck agent
agent=$("$BIN/signet" agent list | sed -n 's/^SPIFFE ID *: //p')
echo "server  : trust domain $domain, administered through $SIGNET_SERVER_SOCKET"
echo "agent   : $agent"
echo "          serves the Workload API on $SIGNET_AGENT_SOCKET"

say "2. Two registrations: which process is which service (told apart by the $told_apart)"
for name in orders payments; do
    "$BIN/signet" entry create --parent-id "$agent" --spiffe-id "spiffe://$domain/$name" \
        --selector "$(selector $name)" --x509-svid-ttl $SVID_SECONDS > "$work/log/entry-$name.txt"
    echo "$(selector $name)  ->  spiffe://$domain/$name"
done

say "3. orders calls payments over mutual TLS; each prints who the other is"
${as[payments]} "$work/bin/payments" serve --name payments --address 127.0.0.1 --port 0 --port-file "$work/run/port" \
    --authorize "spiffe://$domain/orders" < /dev/null > "$work/log/payments.out" 2> "$work/log/payments.log" &
pids[payments]=$!
until_true "payments did not come up" 150 test -s "$work/run/port"
port=$(cat "$work/run/port")
${as[orders]} "$work/bin/orders" call --name orders --address 127.0.0.1 --port "$port" \
    --authorize "spiffe://$domain/payments" --requests 1 > "$work/log/orders.out" 2> "$work/log/orders.log" \
    || fail "orders could not call payments: $(cat "$work/log/orders.log")"
grep '^orders: connected to' "$work/log/orders.out"
grep '^payments: called by' "$work/log/payments.out"

say "4. A process nobody registered gets nothing, and is told what was seen of it"
code=0
${as[stranger]} "$work/bin/stranger" call --name stranger --address 127.0.0.1 --port "$port" \
    --authorize "spiffe://$domain/payments" --requests 1 > "$work/log/stranger.out" 2>&1 || code=$?
[ "$code" = 3 ] || fail "the stranger ended with exit code $code instead of 3"
grep -i -m 1 'no identity' "$work/log/stranger.out"

say "5. Certificates that live $SVID_SECONDS seconds, $SECONDS_OF_TRAFFIC seconds of calls, each on a new connection"
${as[orders]} "$work/bin/orders" call --name orders --address 127.0.0.1 --port "$port" \
    --authorize "spiffe://$domain/payments" --duration $SECONDS_OF_TRAFFIC --rate 50 \
    > "$work/log/traffic.out" 2> "$work/log/traffic.log" || fail "calls failed: $(tail -n 1 "$work/log/traffic.out")"
summary=$(tail -n 1 "$work/log/traffic.out")
echo "$summary"

say "6. Access tokens: payments demands the scope payments:create, and orders was granted it"
"$BIN/signet" entry create --parent-id "$agent" --spiffe-id "spiffe://$domain/shipping" \
    --selector "$(selector stranger)" > "$work/log/entry-shipping.txt"
for name in payments refunds; do
    "$BIN/signet" service create --name $name --spiffe-id "spiffe://$domain/$name" --owner "team-$name" \
        > "$work/log/service-$name.txt"
    "$BIN/signet" grant create --from "spiffe://$domain/orders" --to $name --scope "$name:create" --reason demo \
        > "$work/log/grant-$name.txt"
done
"$BIN/signet" grant test --from "spiffe://$domain/orders" --to payments --scope payments:create
${as[payments]} "$work/bin/payments" serve-api --name payments --address 127.0.0.1 --port 0 \
    --port-file "$work/run/api-port" --issuer $issuer --authorize "spiffe://$domain/orders" \
    --authorize "spiffe://$domain/shipping" < /dev/null > "$work/log/payments-api.out" 2> "$work/log/payments-api.log" &
pids[payments-api]=$!
until_true "payments did not come up with its routes" 300 test -s "$work/run/api-port"
api_port=$(cat "$work/run/api-port")
shown=0
# What payments has printed since the last time.
decisions() {
    tail -n +$((shown + 1)) "$work/log/payments-api.out" | grep ' of spiffe://' || true
    shown=$(wc -l < "$work/log/payments-api.out")
}
call_api() { # who, expected status, options
    local program=$1 status=$2 name=$1
    shift 2
    [ "$program" != stranger ] || name=shipping
    ${as[$program]} "$work/bin/$program" call-api --name $name --address 127.0.0.1 --port "$api_port" \
        --authorize "spiffe://$domain/payments" --expect "$status" "$@" > "$work/log/api.out" 2>> "$work/log/api.log" \
        || fail "$name expected $status: $(cat "$work/log/api.out" "$work/log/api.log")"
    head -n -1 "$work/log/api.out"
    decisions
}
echo "- with its token:"
call_api orders 200 --leak-token "$work/run/leaked"
echo "- for something that was not granted, payments:read:"
call_api orders 403 --method GET
echo "- with a token for another service, refunds:"
call_api orders 401 --audience "spiffe://$domain/refunds"
echo "- the token of orders, sent by shipping, who found it:"
until_true "shipping got no identity" 100 ${as[stranger]} "$work/bin/stranger" call-api --name shipping \
    --address 127.0.0.1 --port "$api_port" --authorize "spiffe://$domain/payments" --path /healthz --method GET \
    --token-file "$work/run/leaked"
shown=$(wc -l < "$work/log/payments-api.out")
call_api stranger 401 --token-file "$work/run/leaked"
echo "- a route that nobody wrote a rule for:"
call_api orders 403 --method GET --path /forgotten

say "7. The token is revoked while orders goes on calling"
${as[orders]} "$work/bin/orders" call-api --name orders --address 127.0.0.1 --port "$api_port" \
    --authorize "spiffe://$domain/payments" --token-file "$work/run/leaked" --until --expect 401 \
    > "$work/log/revoked.out" 2> "$work/log/revoked.log" &
revoked=$!
until_true "orders was not answered" 100 grep -q ': 200' "$work/log/revoked.out"
jti=$(sed -n 's/.*POST \/payments of .*accepted jti \([^ ]*\).*/\1/p' "$work/log/payments-api.out" | head -n 1)
[ -n "$jti" ] || fail "payments does not say which token it accepted"
"$BIN/signet" revoke --jti "$jti" --reason "found in a log" > "$work/log/revoke.txt"
revoked_at=$(date +%s%3N)
wait $revoked || fail "the revoked token is still accepted: $(cat "$work/log/revoked.out")"
lag=$(($(date +%s%3N) - revoked_at))
head -n -1 "$work/log/revoked.out"
[ $lag -lt 2000 ] || fail "the revocation took $lag ms"
echo "refused $lag ms after signet revoke"

if [ "$KEEP" = 1 ]; then
    trap - EXIT INT TERM
    say "Everything is still running. Try:"
    cat << TEXT
  export SIGNET_SERVER_SOCKET=$SIGNET_SERVER_SOCKET SPIFFE_ENDPOINT_SOCKET=$SPIFFE_ENDPOINT_SOCKET
  $BIN/signet entry show
  $BIN/signet agent list
  $BIN/signet entry create --parent-id $agent \\
      --spiffe-id spiffe://$domain/me --selector unix:uid:\$(id -u)
  $BIN/signet workload fetch x509
  $BIN/signet workload fetch jwt --audience spiffe://$domain/payments
  tail -f $work/log/server.log $work/log/agent.log

To stop it:
  kill ${pids[payments-api]} ${pids[payments]} ${pids[agent]} ${pids[server]} && rm -r $work
TEXT
    disown -a
    exit 0
fi

say "8. A clean stop"
stop_all || fail "a process did not stop cleanly"
echo "payments, the agent and the server ended with exit code 0"

field() { sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p" <<< "$summary"; }
say "Summary"
cat << TEXT
  services         orders and payments, told apart by the $told_apart; no secret in either
  who called whom  spiffe://$domain/orders -> spiffe://$domain/payments, proved on every connection
  a stranger       got nothing
  traffic          $(field calls) calls, $(field failures) failed
  certificates     orders used $(field own_certificates), saw $(field peer_certificates) of payments
  tokens           403 without the scope, 401 with one for another service or of another peer
  revocation       in force after $lag ms
  left behind      nothing
TEXT
trap - EXIT
rm -rf "$work"
