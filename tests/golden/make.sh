#!/bin/sh
# Makes the golden ledgers of the rules that the programs in BIN write: what provider, renter and
# clearing peer recorded of one lease with one job, and of a restart after it, as tiles.
#
#   make.sh BIN OUT       as: tests/golden/make.sh build/release/bin tests/golden/rules-1
#
# Run once for a version, before its first release, and never again: old ledgers must stay VALID.
set -eu
bin=$1
out=$2
test ! -e "$out" || { echo "make.sh: $out is there already" >&2; exit 2; }
market=$(mktemp -d)
trap 'rm -rf "$market"' EXIT

"$bin/souk" demo --dir "$market/nodes" > "$market/said" || { cat "$market/said" >&2; exit 1; }
mkdir -p "$out"
for pair in provider:kite renter:ann book:coop; do
  node="$market/nodes/${pair#*:}"
  "$bin/soukd" run --dir "$node" --alone > "$node/again.log" 2>&1 &
  daemon=$!
  for _ in $(seq 100); do
    test ! -S "$node/control.sock" || break
    sleep 0.1
  done
  kill -TERM $daemon
  wait $daemon || { cat "$node/again.log" >&2; exit 1; }
  "$bin/souk-audit" export "$node" --tiles "$out/${pair%:*}"
  "$bin/souk-audit" verify "$out/${pair%:*}"
done
