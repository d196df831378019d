#!/usr/bin/env bash
# The story of the README, live: `cluster demo` (test/cluster/demo has its scenes), after a build of what it needs.
# `hack/demo.sh down` stops a demo that runs elsewhere.
# On a terminal the demo stays up until Ctrl-C; without one, or with DEMO_ONCE=1, it ends after the last scene.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly state=bin/demo pidfile=bin/demo/pid
# As all other builds: a package is compiled once.
export CGO_ENABLED=0
GOFLAGS="$(go env GOFLAGS) -trimpath -vet=off"
export GOFLAGS

fail() { printf 'demo: %s\n' "$*" >&2; exit 1; }

# running_pid: the process of a demo that runs, if one does. A pid can have gone to another program meanwhile.
running_pid() {
  local pid
  pid=$(cat "$pidfile" 2>/dev/null) || return 1
  { tr '\0' ' ' <"/proc/$pid/cmdline"; } 2>/dev/null | grep -qE 'demo\.sh|cluster demo' || return 1
  echo "$pid"
}

down() {
  local pid
  if ! pid=$(running_pid); then
    rm -rf "$state"
    echo "no demo is running"
    return
  fi
  kill -TERM "$pid"
  pkill -TERM -P "$pid" || true # bash heeds the signal once the command it waits for has ended
  for _ in $(seq 150); do
    kill -0 "$pid" 2>/dev/null || { rm -rf "$state"; echo "demo stopped"; return; }
    sleep 0.2
  done
  fail "process $pid has not stopped within 30 seconds"
}

# build WHAT TAKES COMMAND...: says what is built and how long that takes, and how long it took.
build() {
  local what=$1 takes=$2 start=$SECONDS
  shift 2
  printf '    %-34s %s\n' "$what" "$takes"
  "$@" >/dev/null
  if ((SECONDS - start > 5)); then printf '    %-34s done in %d s\n' '' $((SECONDS - start)); fi
}

up() {
  running_pid >/dev/null && fail "a demo is running already: 'make demo-down' stops it"
  mkdir -p "$state"
  echo $$ >"$pidfile"
  trap 'rm -rf "$state"' EXIT
  trap 'echo; echo "stopping"; exit 0' INT TERM HUP

  printf '==> Programs (times are for 2 idle cores, the first time; then they are in bin/ and the build cache)\n'
  build 'cluster, which runs the demo' 'half a minute' go build -C test/cluster -o ../../bin/cluster ./cmd/cluster
  build 'kube-apiserver and etcd' '5 minutes where they must be compiled; seconds where setup-envtest has them' \
    bin/cluster binaries --control-plane
  build 'the operator and the plugin' 'a minute' go build -o bin/ ./cmd/...

  local flags=(--scenario test/cluster/scenarios/story.yaml --manager bin/manager --plugin bin/kubectl-killorder)
  if [[ -n ${DEMO_METRICS_SERVER:-} ]]; then flags+=(--metrics-server); fi
  if [[ -n ${DEMO_COLOR:-} || -t 1 && -z ${NO_COLOR:-} ]]; then flags+=(--color); fi
  if [[ -t 1 && -z ${DEMO_ONCE:-} ]]; then flags+=(--stay); fi
  trap - EXIT INT TERM HUP
  exec bin/cluster demo "${flags[@]}" # keeps the process: pidfile is still right
}

case ${1:-up} in
up) up ;;
down) down ;;
*) echo "usage: hack/demo.sh [up|down]" >&2; exit 2 ;;
esac
