#!/usr/bin/env bash
# What counting and timing each request costs the edge: one that does and one that does not, under the same client (wrk).
#
#   bench/metrics_bench.sh METRICS_BENCH [SECONDS [ROUNDS]]
#
# The cheapest request there is, a static file of 1 KiB from memory, so that the share of the counting is at its largest. Rounds
# alternate, and the median of each is compared, as in edge_bench.sh.
set -euo pipefail

edge=$1
seconds=${2:-3}
rounds=${3:-5}

for tool in wrk git; do
  command -v "$tool" >/dev/null || { echo "metrics_bench: skipped, $tool is not installed"; exit 0; }
done

work=$(mktemp -d)
children=()
cleanup() {
  for child in "${children[@]}"; do kill "$child" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

mkdir -p "$work/run" "$work/sites/releases"
head -c 1024 /dev/urandom >"$work/1k.bin"
id=$(git hash-object --no-filters "$work/1k.bin")
mkdir -p "$work/sites/blobs/${id:0:2}"
mv "$work/1k.bin" "$work/sites/blobs/${id:0:2}/${id:2}"
release=$(printf '%040d' 1)
echo "{\"id\":\"$release\",\"files\":{\"1k.bin\":{\"id\":\"$id\",\"size\":1024}}}" >"$work/sites/releases/$release.json"
echo "{\"generation\":1,\"hosts\":{\"site.localhost\":{\"ref\":\"a/Site/site\",\"endpoint\":\"release:$release\"}}}" \
  >"$work/run/routes.json"

declare -A port=([on]=18490 [off]=18491) pid
for which in on off; do
  "$edge" $which "${port[$which]}" "$work" >"$work/$which.log" 2>&1 & pid[$which]=$!
  children+=("${pid[$which]}")
  for _ in $(seq 100); do (exec 3<>"/dev/tcp/127.0.0.1/${port[$which]}") 2>/dev/null && break; sleep 0.05; done
done

cpu_of() { awk '{sub(/.*\) /, ""); print $12 + $13}' "/proc/$1/stat"; }
# Requests a second, and those a second of the edge's CPU.
measure() { # on|off
  local before spent
  before=$(cpu_of "${pid[$1]}")
  wrk -t1 -c64 -d"${seconds}s" -H "Host: site.localhost" "http://127.0.0.1:${port[$1]}/1k.bin" >"$work/out"
  spent=$(($(cpu_of "${pid[$1]}") - before))
  if grep -qE 'Non-2xx|Socket errors' "$work/out"; then grep -E 'Non-2xx|Socket errors' "$work/out" >&2; exit 1; fi
  awk -v spent=$((spent > 0 ? spent : 1)) '/requests in/ {n = $1} /Requests\/sec/ {print $2, n * 100 / spent}' "$work/out"
}
median() { sort -n | awk '{v[NR]=$1} END {print v[int((NR+1)/2)]}'; }

measure on >/dev/null
measure off >/dev/null
for _ in $(seq "$rounds"); do
  for which in on off; do measure $which >>"$work/$which.rates"; done
done
echo "wrk -t1 -c64, static 1 KiB, $rounds rounds of ${seconds}s each; $(nproc) cores; $(uname -r)"
printf '%-12s %12s %16s\n' metrics "req/s" "req/CPU s"
for which in off on; do
  printf '%-12s %12.0f %16.0f\n' $which "$(median <"$work/$which.rates")" "$(cut -d' ' -f2 "$work/$which.rates" | median)"
done
for column in 1 2; do
  on=$(cut -d' ' -f$column "$work/on.rates" | median)
  off=$(cut -d' ' -f$column "$work/off.rates" | median)
  awk -v on="$on" -v off="$off" -v what="$([ $column = 1 ] && echo 'req/s' || echo 'req/CPU s')" \
    'BEGIN {printf "on/off, %s: %.3f\n", what, on / off}'
done
