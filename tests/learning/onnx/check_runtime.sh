#!/usr/bin/env bash
# check_runtime.sh FOLDER WORK: check.mjs on the files in FOLDER, with
# onnxruntime-web installed into WORK once. Exits with 77 (skipped) where it
# can be neither found nor installed.
set -euo pipefail
files=$1
work=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

skip() {
  echo "skipped: $1"
  exit 77
}

command -v node >/dev/null || skip "there is no node"
mkdir -p "$work"
if ! cmp -s "$here/package.json" "$work/package.json" ||
    [ ! -d "$work/node_modules/onnxruntime-web" ]; then
  command -v npm >/dev/null || skip "onnxruntime-web is not installed, no npm"
  # Nothing of the packages is run while they are installed.
  rm -rf "$work/fresh"
  (mkdir -p "$work/fresh" && cd "$work/fresh" &&
    cp "$here/package.json" . &&
    npm install --ignore-scripts --no-audit --no-fund --no-package-lock \
      --loglevel=error) ||
    skip "npm could not install onnxruntime-web"
  rm -rf "$work/node_modules"
  mv "$work/fresh/node_modules" "$work/node_modules"
  mv "$work/fresh/package.json" "$work/package.json"
  rm -rf "$work/fresh"
fi
cp "$here/check.mjs" "$work/check.mjs"
exec node "$work/check.mjs" "$files"
