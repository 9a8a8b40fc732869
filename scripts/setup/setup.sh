#!/usr/bin/env bash
# Installs what Chatcells needs to run on this machine: system packages, Go, Node, Envoy, MySQL, etcd and Kubernetes.
#
#   scripts/setup/setup.sh [tool…]      all tools when none is named; --list prints their names
#
# Everything but the system packages goes to .tools/ of the checkout, without root. A tool whose stamp (.tools/stamps/<tool>) holds
# the pinned version is left alone, so a second run only reads stamps. Safe to run twice at the same time.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
tools=$root/.tools
here=$root/scripts/setup
# In the order of installation: what a tool needs comes before it.
all=(system node npm envoy mysql etcd prometheus go kubernetes helm)

source "$here/lib.sh"
source "$here/debian.sh"
source "$here/versions.sh"
for part in "${all[@]}"; do source "$here/tool-$part.sh"; done

main() {
  if [[ ${1:-} == --list ]]; then
    printf '%s\n' "${all[@]}"
    return
  fi
  local wanted=("$@") tool
  ((${#wanted[@]})) || wanted=("${all[@]}")
  for tool in "${wanted[@]}"; do
    [[ " ${all[*]} " == *" $tool "* ]] || die "unknown tool '$tool'; known: ${all[*]}"
  done
  all_current "${wanted[@]}" && return
  check_platform "${wanted[@]}"
  check_privileges
  (($#)) || check_cluster_privileges
  mkdir -p "$tools/bin" "$tools/stamps"
  # One installation at a time in this checkout; the second finds the stamps of the first.
  exec 9>"$tools/.lock"
  flock -n 9 || { say "waiting for another set-up to finish"; flock 9; }
  for tool in "${wanted[@]}"; do ensure "$tool"; done
}

main "$@"
