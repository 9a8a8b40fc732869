# System packages: firewall for link faults, namespaces for volume mounts, Python to fetch wheels.
system_packages=(ca-certificates curl git make nftables openssl procps python3 python3-venv util-linux)
system_version() { echo 1; }
system_needs() { echo "nft, unshare, setpriv, mount, openssl, curl, git, make, python3 with venv"; }
system_present() {
  have nft && have unshare && have setpriv && have openssl && have curl && have make && have python3
}
system_install() { apt_install "${system_packages[@]}"; }
