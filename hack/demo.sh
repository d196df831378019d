#!/usr/bin/env bash
# The story of docs and README, live: a local cluster of three nodes that run out of memory in three minutes, the
# operator, and what it says. `hack/demo.sh down` stops a demo that runs elsewhere.
# On a terminal it stays up until Ctrl-C; without one, or with DEMO_ONCE=1, it ends after printing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly scenario=test/cluster/scenarios/story.yaml
readonly nodes=3
readonly growth=195 # seconds from the cluster's start until data-pipeline has stopped growing in that scenario
readonly state=bin/demo pidfile=bin/demo/pid
work='' cluster='' operator=''

say() { printf '\n==> %s\n' "$*"; }
fail() { printf 'demo: %s\n' "$*" >&2; exit 1; }

# run COMMAND...: show the command as one would type it, then its output.
run() { printf '\n$ %s\n' "$*"; "$@"; }

# running_pid: the process of a demo that runs, if one does. A pid can have gone to another program meanwhile.
running_pid() {
  local pid
  pid=$(cat "$pidfile" 2>/dev/null) || return 1
  tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q 'demo\.sh' || return 1
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
    [[ -e $pidfile ]] || { echo "demo stopped"; return; }
    sleep 0.2
  done
  fail "process $pid has not stopped within 30 seconds"
}

# stop PID: end one of our own processes and wait for it.
stop() {
  [[ -n $1 ]] || return 0
  kill -TERM "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
}

clean_up() {
  trap '' INT TERM HUP
  stop "$operator"
  stop "$cluster"
  [[ -z $work ]] || rm -rf "$work"
  rm -rf "$state"
}

# pause SECONDS: in short naps, between which signals are heeded.
pause() { for _ in $(seq "$1"); do sleep 1; done; }

build() {
  say "Programs"
  go build -C test/cluster -o ../../bin/cluster ./cmd/cluster
  assets=$(bin/cluster binaries)
  go build -o bin/manager ./cmd/manager
  go build -o bin/kubectl-killorder ./cmd/kubectl-killorder
  export PATH="$assets:$PWD/bin:$PATH" # kubectl finds the plugin there
  echo "kube-apiserver, etcd, kubectl, metrics-server, manager and kubectl-killorder are built"
}

start_cluster() {
  say "A cluster of $nodes nodes ($scenario)"
  bin/cluster up --stop-with-parent --scenario "$scenario" --dir "$work/cluster" >"$work/kubeconfig-path" &
  cluster=$!
  until [[ -s $work/kubeconfig-path ]]; do
    kill -0 "$cluster" 2>/dev/null || fail "the cluster did not start, see above"
    sleep 0.2
  done
  ready=$SECONDS
  KUBECONFIG=$(<"$work/kubeconfig-path")
  export KUBECONFIG
}

start_operator() {
  say "The operator"
  kubectl apply --server-side -f config/crd/bases
  kubectl wait --for=condition=Established --timeout=30s -f config/crd/bases >/dev/null
  bin/manager --leader-elect=false --metrics-bind-address=0 --health-probe-bind-address=0 --usage-interval=10s \
    >"$work/operator.log" 2>&1 &
  operator=$!
  for _ in $(seq 300); do
    kill -0 "$operator" 2>/dev/null || fail "the operator ended: $(tail -5 "$work/operator.log")"
    if [[ $(kubectl get nodekillorders -o name | wc -l) -ge $nodes ]]; then break; fi
    sleep 0.2
  done
  kubectl wait --for=condition=Ready nodekillorders --all --timeout=90s
}

watch_growth() {
  say "data-pipeline grows from 2 to 7.9 GiB on each node; the nodes differ only in what it requests: 4, 8 and 12 GiB"
  for at in 0 60 120 "$growth"; do
    pause $((at - (SECONDS - ready)))
    printf '\nafter %d seconds\n' $((SECONDS - ready))
    kubectl get nodekillorders
  done
  pause 40 # metrics-server's next reading, the operator's next pass, and at most one write an object in 30 seconds
}

show() {
  say "What the operator says"
  run kubectl get nodekillorders
  run kubectl get nodekillorders -o wide
  run kubectl get nodekillorder worker-2 -o yaml
  say "The same from the kubectl plugin, which needs neither operator nor CRDs"
  echo "(From one reading it sees no growth: its culprit is who is furthest over the request. It asks kubelets through the API"
  echo "server, which forwards nothing to loopback addresses, as these nodes have.)"
  run kubectl killorder rank worker-2
  cat <<'TEXT'

What to look at
  1. FIRST-OOM: on worker-1 the kernel kills the culprit, data-pipeline; on worker-2 and worker-3, where it requests more, payments-api.
  2. FIRST-EVICTED: the kubelet follows another rule, usage above request. A culprit within its request is not even in its first group.
  3. CULPRIT (-o wide) is data-pipeline on all three: where it is not the first victim, the condition WrongVictim says so before it happens.
TEXT
}

# stay: until Ctrl-C, `make demo-down`, or one of the processes ends.
stay() {
  say "It stays up until Ctrl-C (or 'make demo-down'). In another shell:"
  printf '  export KUBECONFIG=%s PATH=%s:$PATH\n' "$KUBECONFIG" "$assets:$PWD/bin"
  printf '  kubectl get nodekillorders -w\n  kubectl killorder rank --top 0 worker-3\n'
  wait -n "$cluster" "$operator" || true
  fail "the cluster or the operator ended: $(tail -5 "$work/operator.log")"
}

main() {
  running_pid >/dev/null && fail "a demo is running already: 'make demo-down' stops it"
  mkdir -p "$state"
  echo $$ >"$pidfile"
  trap clean_up EXIT
  trap 'echo; echo "stopping"; exit 0' INT TERM HUP
  work=$(mktemp -d "${TMPDIR:-/tmp}/killorder-demo.XXXXXX")
  build
  start_cluster
  start_operator
  watch_growth
  show
  if [[ -t 1 && -z ${DEMO_ONCE:-} ]]; then stay; fi
  say "Done: stopping the cluster"
}

case ${1:-up} in
up) main ;;
down) down ;;
*) echo "usage: hack/demo.sh [up|down]" >&2; exit 2 ;;
esac
