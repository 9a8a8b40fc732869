# System packages: firewall for link faults, namespaces for volume mounts, Python to fetch wheels, a library of Node's.
system_packages=(ca-certificates curl git libatomic1 make nftables openssl procps python3 python3-venv util-linux)
system_version() { echo 2; }
system_needs() { echo "nft, unshare, setpriv, mount, openssl, curl, git, make, python3 with venv, libatomic.so.1"; }
system_present() {
  have nft && have unshare && have setpriv && have openssl && have curl && have git && have make && have ps && have python3 &&
    "$(python_command)" -c 'import ensurepip' 2>/dev/null && [[ -n $(ldconfig -p | grep -F libatomic.so.1) ]]
}
system_install() { apt_install "${system_packages[@]}"; }
