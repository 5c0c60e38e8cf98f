#!/usr/bin/env bash
# run_count.sh PAGE BIN: asks 30 devices (the example `histogram`) the page's
# question, with the page's task and commands and the programs of BIN. So few
# answers are only seen with little noise: the budget is larger.
set -euo pipefail
page=$(realpath "$1")
bin=$(realpath "$2")
export PATH=$bin:$PATH
work=$(mktemp -d "${TMPDIR:-/tmp}/shoal-count.XXXXXX")
cleanup() {
  local pids
  pids=$(jobs -p)
  [ -z "$pids" ] || kill -9 $pids 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
cd "$work"
# block LANGUAGE TEXT: the block in this language that has the text.
block() {
  awk -v fence="^\`\`\`$1\$" -v text="$2" '
    $0 ~ fence { inside = 1; block = ""; next }
    /^```$/ { if (inside && index(block, text)) printf "%s", block; inside = 0 }
    inside { block = block $0 "\n" }' "$page"
}
block yaml 'name: usage' |
  sed 's/cohort: 1000, over_selection: 1.2/cohort: 30, over_selection: 1/
       s/epsilon: 1,/epsilon: 30,/' > usage.yaml
grep -q 'cohort: 30,' usage.yaml && grep -q 'epsilon: 30,' usage.yaml ||
  { echo "not the expected task in $page" >&2; exit 1; }
block sh 'privacy plan' > plan
block sh 'analytics histogram' > answer
block sh 'heavy-hitters-begin' > strings

shoald --dev --data data --listen 127.0.0.1:0 --http-listen none 2> shoald.log &
for _ in $(seq 100); do
  [ ! -s data/endpoints.json ] || break
  sleep 0.1
done
export SHOAL_CREDENTIALS=$work/data/operator
SHOAL_COORDINATOR=$(sed -n 's/.*"grpc": *"\([^"]*\)".*/\1/p' data/endpoints.json)
export SHOAL_COORDINATOR
invitation=$(shoalctl device invite --uses 30 --json |
             sed -n 's/.*"token": *"\([^"]*\)".*/\1/p')
for i in $(seq 30); do
  shoal-agent enroll --coordinator "$SHOAL_COORDINATOR" --name "phone-$i" \
    --ca "$SHOAL_CREDENTIALS/ca.pem" --state "phone-$i" \
    --invitation "$invitation" > enrolled
done
# Ten devices each are used for half an hour, one and a half, and two and a half.
{
  until shoalctl task show usage > /dev/null 2>&1; do sleep 0.1; done
  for i in $(seq 30); do
    histogram "$SHOAL_COORDINATOR" "phone-$i" phones $((i % 3)).5 > "answer-$i" &
  done
  wait
} &
set -x
. ./plan
. ./answer | tee counts
. ./strings
set +x
# A count is wrong by 7 standard errors in one of 10^11 runs.
awk '/^\[/ { expected = /24\]/ ? 0 : 10; error = $NF; count = $(NF - 1); ++bins
             if (error > 0.4 || (count - expected) ^ 2 > (7 * error) ^ 2) exit 1 }
     END { if (bins != 4) exit 1 }' counts ||
  { echo "expected 10, 10, 10 and 0 devices" >&2; exit 1; }
! grep -L 'counts in round 1' answer-* | grep . ||
  { echo "these devices were not counted" >&2; exit 1; }
