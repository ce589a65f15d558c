#!/bin/bash
# bench.sh: how many execute requests a second the test Runner takes.
#
# wrk sends realistic requests (execute.lua) over 64 kept connections.  Printed
# are the rate, and the Runner's own processor time per request: the rate that
# one core could take is its inverse, whatever wrk and other programs use.
set -eu
cd "$(dirname "$0")"

seconds=${1:-5}
folder=$(mktemp -d)
trap 'kill "$runner" 2>/dev/null; rm -r "$folder"' EXIT
./extsched-test-runner --port-file "$folder/port" --parent-pid $$ --max-arrivals 5000000 >"$folder/log" &
runner=$!
until [ -s "$folder/port" ]; do sleep 0.05; done
url=http://127.0.0.1:$(cat "$folder/port")

wrk -t1 -c64 -d"${seconds}s" -s execute.lua "$url/v1/execute" | grep -E "Requests/sec|Non-2xx" || true
ticks=$(awk '{print $14 + $15}' "/proc/$runner/stat")
arrivals=$(curl -s "$url/count")
awk -v ticks="$ticks" -v arrivals="$arrivals" -v hz="$(getconf CLK_TCK)" 'BEGIN {
	printf "processor time of a request: %.1f us, so one core takes %d a second\n",
		ticks / hz / arrivals * 1e6, arrivals / (ticks / hz) }'
