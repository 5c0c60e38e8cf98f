#!/usr/bin/env bash
# python.sh SCRIPT [ARGUMENT...]: runs a script with the distribution's Python,
# whose packages Debian provides. Exits with 77 (skipped) where there is none.
[ -x /usr/bin/python3 ] || {
  echo "skipped: there is no /usr/bin/python3 (script/bootstrap peers installs it)"
  exit 77
}
exec /usr/bin/python3 "$@"
