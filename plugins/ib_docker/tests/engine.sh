#!/usr/bin/env bash
# Make sure that a Docker engine answers, for the tests marked `docker`.
#
#   eval "$(plugins/ib_docker/tests/engine.sh start)"   uses the engine that answers, or starts a
#                                                       private one; sets DOCKER_HOST for it
#   plugins/ib_docker/tests/engine.sh stop              stops the private one, if the start above
#                                                       has started it; `stop --force` in any case
#
# The private engine needs root on Linux. It leaves the machine's firewall alone, and its containers
# reach no network: published loopback ports are all that the tests use. Nothing but the `export`
# lines goes to standard output.
set -u

# Short on purpose: containerd's socket path below it must stay under 108 bytes.
dir=${POSEI_ENGINE_DIR:-/run/posei-eng}
# Images are large, and /run may lie in memory.
data=${POSEI_ENGINE_DATA:-/var/lib/posei-eng}

say() { printf '%s\n' "engine: $*" >&2; }

quote() { tail -n "$2" "$1" 2>/dev/null | sed 's/^/engine:   | /' >&2; }

python() {
  for program in python3 python3.13 python3.12 python3.11; do
    command -v "$program" >/dev/null && { "$program" "$@"; return; }
  done
  return 127
}

answers() { python - "$1" <<'PY' 2>/dev/null
import socket, sys
address = sys.argv[1]
if not address.startswith("unix://"):
    host, _, port = address.partition("://")[2].partition(":")
    connection = socket.create_connection((host, int(port or 2375)), 2)
else:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(2)
    connection.connect(address.removeprefix("unix://"))
connection.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
sys.exit(0 if b" 200 " in connection.recv(64) else 1)
PY
}

packages() { # packages NAME...
  command -v apt-get >/dev/null || { say "$* is not installed, and there is no apt-get"; return 1; }
  say "installing $*"
  { apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } \
    >"$dir/apt.log" 2>&1 && return 0
  say "could not install $*; apt's last words:"
  quote "$dir/apt.log" 10
  return 1
}

install_engine() {
  # policy-rc.d and a missing init keep the service from starting, which is what we want.
  command -v dockerd >/dev/null || packages docker.io
}

mount_cgroups() {
  [ -e /sys/fs/cgroup/cgroup.controllers ] || [ -d /sys/fs/cgroup/devices ] && return 0
  command -v cgroupfs-mount >/dev/null || packages cgroupfs-mount || return 1
  cgroupfs-mount || { say "the control groups cannot be mounted"; return 1; }
}

launch() { # launch [option of dockerd]...
  setsid dockerd --data-root "$data" --exec-root "$dir/exec" --pidfile "$dir/pid" \
    --host "unix://$dir/s" --iptables=false --ip6tables=false --ip-masq=false "$@" \
    >"$dir/log" 2>&1 </dev/null &
  local daemon=$!
  for _ in $(seq 300); do
    answers "unix://$dir/s" && return 0
    kill -0 "$daemon" 2>/dev/null || break
    sleep 0.1
  done
  say "dockerd ${*:+$* }did not start; its last words:"
  quote "$dir/log" 15
  end "$daemon"
  return 1
}

end() { # end PROCESS: TERM and patience; a killed one would leave its containers running
  kill -TERM "$1" 2>/dev/null || return 0
  for _ in $(seq 300); do kill -0 "$1" 2>/dev/null || return 0; sleep 0.1; done
  return 1
}

start() {
  for address in "${DOCKER_HOST:-}" unix:///var/run/docker.sock "unix://$dir/s"; do
    [ -n "$address" ] && answers "$address" && { say "using the one at $address"; echo "export DOCKER_HOST=$address"; return 0; }
  done
  [ "$(uname -s)" = Linux ] && [ "$(id -u)" = 0 ] || { say "no engine answers; a private one needs root on Linux"; return 1; }
  mkdir -p "$dir" "$data" || return 1
  install_engine && mount_cgroups || return 1
  # The second try helps after a killed predecessor; the third where overlay cannot lie on overlay.
  launch || launch || launch --storage-driver vfs || { say "no container engine can be started here"; return 1; }
  say "private engine in $dir"
  # Whoever only found an engine must not stop it under somebody else's tests.
  echo "export DOCKER_HOST=unix://$dir/s POSEI_ENGINE_IS_MINE=1"
}

stop() {
  [ -s "$dir/pid" ] || return 0
  [ "${1:-}" = --force ] || [ "${POSEI_ENGINE_IS_MINE:-}" = 1 ] || { say "not started here, left running"; return 0; }
  end "$(cat "$dir/pid")" || { say "dockerd does not end; it is left alone"; return 1; }
  umount "$dir"/exec/netns/* 2>/dev/null
  while umount "$data" 2>/dev/null; do :; done  # killed predecessors have mounted it, too
  rm -rf "$dir" "$data"
}

case "${1:-}" in
  start) start ;;
  stop) stop "${2:-}" ;;
  *) say "usage: $0 start | stop [--force]"; exit 2 ;;
esac
