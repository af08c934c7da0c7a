#!/usr/bin/env bash
# What the tests need beside .venv: PostgreSQL, Chromium, Node with public MCP servers, clients and the conformance
# suite, and environments of their own for the mcp 1.x line and for fastmcp.
# Does nothing when it is all there; as root on Debian it installs what is missing, elsewhere it says what to do.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
command -v node >/dev/null && command -v npm >/dev/null || missing+=(nodejs npm)
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || missing+=(postgresql)
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || missing+=(chromium)
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
  else
    echo "The tests need: ${missing[*]}. Install them with your package manager (Debian: apt-get install ${missing[*]})." >&2
    exit 1
  fi
fi

for folder in tests/npm tests/conformance tests/matrix; do
  stamp=$folder/node_modules/.stamp
  if [ ! -e "$stamp" ] || [ $folder/package-lock.json -nt "$stamp" ]; then
    (cd $folder && npm ci --no-audit --no-fund --loglevel=error)
    touch "$stamp"
  fi
done

for name in mcp1 fastmcp; do
  stamp=.venv-$name/stamp
  if [ ! -e "$stamp" ] || [ requirements/$name.txt -nt "$stamp" ]; then
    .venv/bin/python -m venv .venv-$name
    # Every package is pinned, so there is nothing to resolve: pip would stumble over an extra of a pinned one.
    .venv-$name/bin/python -m pip --disable-pip-version-check -q install --no-deps --require-hashes -r requirements/$name.txt
    touch "$stamp"
  fi
done
