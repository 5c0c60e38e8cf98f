#!/usr/bin/env bash
# run_pretrained.sh PAGE BIN: makes pretrained.onnx by the page's pretrain.py
# and starts the page's task from it, with the programs of BIN. Exits with 77
# (skipped) without PyTorch.
set -euo pipefail
page=$(realpath "$1")
bin=$(realpath "$2")
python=/usr/bin/python3
"$python" -c 'import torch' 2>/dev/null || {
  echo "skipped: there is no torch package for $python"
  exit 77
}
work=$(mktemp -d "${TMPDIR:-/tmp}/shoal-pretrained.XXXXXX")
cleanup() {
  [ -z "${shoald:-}" ] || kill -9 "$shoald" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
cd "$work"
awk '/^# pretrain.py$/ { inside = 1 } /^```/ { inside = 0 } inside' "$page" \
  > pretrain.py
awk '/^YAML$/ { inside = 0 } inside; /<<.YAML.$/ { inside = 1 }' "$page" \
  > digits.yaml
[ -s pretrain.py ] && [ -s digits.yaml ] || { echo "not in $page" >&2; exit 1; }
set -x
"$python" pretrain.py
"$bin/shoald" --dev --data data --listen 127.0.0.1:0 --http-listen none \
  2> shoald.log &
shoald=$!
for _ in $(seq 100); do
  [ ! -s data/endpoints.json ] || break
  sleep 0.1
done
export SHOAL_CREDENTIALS=$work/data/operator
SHOAL_COORDINATOR=$(sed -n 's/.*"grpc": *"\([^"]*\)".*/\1/p' data/endpoints.json)
export SHOAL_COORDINATOR
"$bin/shoalctl" task create digits.yaml --initial-model pretrained.onnx
# A narrower network is met with the difference.
sed -i 's/hidden: \[128\]/hidden: [64]/; s/name: digits/name: narrow/' digits.yaml
! "$bin/shoalctl" task create digits.yaml --initial-model pretrained.onnx \
  2> refusal
cat refusal
grep -q 'layer 0 is dense {units: 128' refusal
