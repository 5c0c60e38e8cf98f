# Shared by the scripts of this folder; source it. Everything runs from the
# project's root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# Prints the comment at the top of the calling script: its help.
usage() { sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"; }

# Objects are found again by ccache from any build folder of this checkout.
export CCACHE_BASEDIR="$PWD" CCACHE_NOHASHDIR=1

# configure PRESET [CMAKE ARGUMENT…]: configures build/PRESET, quietly unless
# it fails.
configure() {
  local preset=$1 log
  shift
  log=$(mktemp)
  if ! cmake --preset "$preset" "$@" >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    die "configuring the preset '$preset' failed"
  fi
  rm -f "$log"
}

# build PRESET [TARGET…]: builds targets (default: all), with ninja's progress.
build() {
  local preset=$1
  shift
  ninja -C "build/$preset" "$@"
}
