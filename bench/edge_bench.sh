#!/usr/bin/env bash
# Static files and proxying: croft's edge and Debian's nginx (one worker each) under the same client (wrk), in the same run.
#
#   bench/edge_bench.sh [CROFT [SECONDS [ROUNDS]]]
#
# Rounds of the two servers alternate, so that a machine that is busy with other things disturbs both alike; the median
# of each is compared. Requests per second of the server's own CPU time hardly feel such a machine at all. Needs wrk and nginx on PATH (apt install wrk nginx-light) and git.
set -euo pipefail

croft=${1:-build/release/cli/croft}
seconds=${2:-5}
rounds=${3:-5}
clients=64

for tool in wrk git nginx; do
  command -v "$tool" >/dev/null || { echo "edge_bench: skipped, $tool is not installed"; exit 0; }
done
[[ -x $croft ]] || { echo "edge_bench: $croft is not built" >&2; exit 1; }

work=$(mktemp -d)
chmod 755 "$work"  # nginx drops to another user
children=()
cleanup() {
  for child in "${children[@]}"; do kill "$child" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

# A release of two files, as the site provider would make it.
mkdir -p "$work/www" "$work/data/run" "$work/data/sites/releases"
head -c 1024 /dev/urandom >"$work/www/1k.bin"
head -c 102400 /dev/urandom >"$work/www/100k.bin"
index=""
for name in 1k.bin 100k.bin; do
  id=$(git hash-object --no-filters "$work/www/$name")
  mkdir -p "$work/data/sites/blobs/${id:0:2}"
  cp "$work/www/$name" "$work/data/sites/blobs/${id:0:2}/${id:2}"
  index+="${index:+,}\"$name\":{\"id\":\"$id\",\"size\":$(stat -c %s "$work/www/$name")}"
done
release=$(printf '%040d' 1)
echo "{\"id\":\"$release\",\"files\":{$index}}" >"$work/data/sites/releases/$release.json"

edge_port=18480
nginx_port=18481
app_port=18482
cat >"$work/data/run/routes.json" <<JSON
{"generation":1,"hosts":{
 "site.localhost":{"ref":"a/Site/site","endpoint":"release:$release"},
 "app.localhost":{"ref":"a/Instance/app","endpoint":"tcp:127.0.0.1:$app_port"}}}
JSON

# The proxied app is an nginx of its own, the same for both. nginx in front keeps connections to it, as the edge does.
nginx_conf() {
  cat <<CONF
worker_processes 1; master_process off; daemon off; pid $work/$1.pid; error_log $work/$1.log error;
events { worker_connections 4096; }
http {
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; server_tokens off;
  client_body_temp_path $work/$1-body; proxy_temp_path $work/$1-proxy; fastcgi_temp_path $work/$1-f;
  uwsgi_temp_path $work/$1-u; scgi_temp_path $work/$1-s;
  $2
}
CONF
}
nginx_conf app "server { listen 127.0.0.1:$app_port; root $work/www; }" >"$work/app.conf"
nginx_conf front "open_file_cache max=1000 inactive=60s;
  upstream app { server 127.0.0.1:$app_port; keepalive 64; keepalive_requests 100000000; }
  server { listen 127.0.0.1:$nginx_port; server_name site.localhost; root $work/www; }
  server { listen 127.0.0.1:$nginx_port; server_name app.localhost;
    location / { proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header Host \$host;
      proxy_set_header X-Forwarded-For \$proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto \$scheme; } }" \
  >"$work/front.conf"

nginx -p "$work" -c "$work/app.conf" & children+=($!)
nginx -p "$work" -c "$work/front.conf" & children+=($!); nginx_pid=$!
"$croft" serve --role edge --data "$work/data" --edge-listen "127.0.0.1:$edge_port" >"$work/edge.log" 2>&1 & children+=($!); edge_pid=$!
for port in $edge_port $nginx_port $app_port; do
  for _ in $(seq 100); do (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break; sleep 0.05; done
done

# CPU time of a process so far, in hundredths of a second.
cpu_of() { awk '{sub(/.*\) /, ""); print $12 + $13}' "/proc/$1/stat"; }
# One round: requests a second, and those a second of the server's CPU; a note if any failed.
measure() { # port host path pid
  local before spent
  before=$(cpu_of "$4")
  wrk -t1 -c$clients -d"${seconds}s" -H "Host: $2" "http://127.0.0.1:$1/$3" >"$work/out"
  spent=$(($(cpu_of "$4") - before))
  if grep -qE 'Non-2xx|Socket errors' "$work/out"; then grep -E 'Non-2xx|Socket errors' "$work/out" >&2; fi
  awk -v spent=$((spent > 0 ? spent : 1)) '/requests in/ {n = $1} /Requests\/sec/ {print $2, n * 100 / spent}' "$work/out"
}
median() { sort -n | awk '{v[NR]=$1} END {print v[int((NR+1)/2)]}'; } # of the first column

echo "wrk -t1 -c$clients, $rounds rounds of ${seconds}s each; nginx $(nginx -v 2>&1 | sed 's,.*/,,'); $(nproc) cores; $(uname -r)"
printf '%-16s %12s %12s %8s %16s %16s %8s\n' case "edge req/s" "nginx req/s" ratio "edge req/CPU s" "nginx req/CPU s" ratio
compare() { # label host path
  : >"$work/edge.rates"; : >"$work/nginx.rates"
  for _ in $(seq "$rounds"); do
    measure $edge_port "$2" "$3" "$edge_pid" >>"$work/edge.rates"
    measure $nginx_port "$2" "$3" "$nginx_pid" >>"$work/nginx.rates"
  done
  local ours theirs our_cpu their_cpu
  ours=$(median <"$work/edge.rates"); theirs=$(median <"$work/nginx.rates")
  our_cpu=$(cut -d' ' -f2 "$work/edge.rates" | median); their_cpu=$(cut -d' ' -f2 "$work/nginx.rates" | median)
  printf '%-16s %12.0f %12.0f %8.2f %16.0f %16.0f %8.2f\n' "$1" "$ours" "$theirs" "$(awk "BEGIN {print $ours / $theirs}")" \
    "$our_cpu" "$their_cpu" "$(awk "BEGIN {print $our_cpu / $their_cpu}")"
}
compare "static 1 KiB" site.localhost 1k.bin
compare "static 100 KiB" site.localhost 100k.bin
compare "proxy 1 KiB" app.localhost 1k.bin
compare "proxy 100 KiB" app.localhost 100k.bin
