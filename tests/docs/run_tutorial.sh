#!/usr/bin/env bash
# run_tutorial.sh PAGE BIN: runs every ```sh block of a tutorial, in order, in
# one shell in a temporary folder, with the programs of BIN.
set -euo pipefail
page=$(realpath "$1")
bin=$(realpath "$2")
work=$(mktemp -d "${TMPDIR:-/tmp}/shoal-tutorial.XXXXXX")
cleanup() {
  local pids
  pids=$(jobs -p)
  [ -z "$pids" ] || kill -9 $pids 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
mkdir "$work/build"
ln -s "$(dirname "$bin")" "$work/build/release"
sed -n '/^```sh$/,/^```$/{/^```/!p}' "$page" > "$work/commands"
[ -s "$work/commands" ] || { echo "no commands in $page" >&2; exit 1; }
if grep -q 7601 "$work/commands" &&
  (exec 3<> /dev/tcp/127.0.0.1/7601) 2>/dev/null; then
  echo "something else listens on port 7601, which the page's commands need" >&2
  exit 1
fi
cd "$work"
set -m -x  # jobs, as in the shell of a person
. ./commands
