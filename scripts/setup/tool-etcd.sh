# etcd, the program alone, from Debian 12.
etcd_version() { echo "$ETCD_VERSION"; }
etcd_needs() { echo "etcd $ETCD_VERSION as .tools/bin/etcd"; }
etcd_present() { [[ -x $tools/bin/etcd ]]; }
etcd_install() {
  debian_programs bookworm etcd-server usr/bin/etcd
  # Not through a pipe: a reader that ends early would fail it.
  [[ $("$tools/bin/etcd" --version) == *"etcd Version: $ETCD_VERSION"* ]] ||
    die "etcd: Debian 12 has $("$tools/bin/etcd" --version), wanted $ETCD_VERSION"
}
