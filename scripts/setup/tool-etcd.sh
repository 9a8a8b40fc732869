# etcd, from the distribution. Its service is not started: the local cluster runs its own.
etcd_version() { echo 1; }
etcd_needs() { echo "etcd 3.4 or newer"; }
etcd_present() { have etcd; }
etcd_install() {
  etcd_present && return
  # A policy that refuses every start, for the length of this installation, if the machine has none.
  local policy=/usr/sbin/policy-rc.d
  if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod +x "$policy"
    trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  apt_install etcd-server
}
