#!/usr/bin/env bash
# What an idle app's supervisor costs: time to start one, its memory. Needs no root. Usage: bench/shim_bench.sh SHIM [N]
set -euo pipefail
shim=$(realpath "${1:?usage: shim_bench.sh CROFT_SHIM [COUNT]}")
count=${2:-50}
work=$(mktemp -d)
pids=()
# shellcheck disable=SC2317 # called by the trap
cleanup() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap cleanup EXIT

for ((i = 0; i < count; i++)); do
  mkdir -p "$work/$i/logs"
  printf 'croft-launch version=1\narg value=sleep\narg value=1000\ndirectory value=/\nlog directory=%s\n' \
    "$work/$i/logs" >"$work/$i/launch"
done
begin=$(date +%s%N)
for ((i = 0; i < count; i++)); do "$shim" "$work/$i"; done
end=$(date +%s%N)
for status in /proc/[0-9]*/cmdline; do
  # Processes of others come and go meanwhile.
  if { tr '\0' ' ' <"$status"; } 2>/dev/null | grep -q "^$shim $work/"; then pids+=("$(basename "$(dirname "$status")")"); fi
done
private=0
for pid in "${pids[@]}"; do
  kib=$(awk '/^Private_(Clean|Dirty):/ {sum += $2} END {print sum}' "/proc/$pid/smaps_rollup")
  private=$((private + kib))
done
printf 'supervisors %d, start %d us each, private memory %d KiB each, binary %d KiB\n' \
  "${#pids[@]}" "$(((end - begin) / count / 1000))" "$((private / ${#pids[@]}))" "$(($(stat -c %s "$shim") / 1024))"
