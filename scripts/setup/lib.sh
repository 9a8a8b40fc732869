# Shared by the tool scripts: progress, stamps, privileges, packages. Sourced by setup.sh, which sets $root and $tools.

say() { printf 'setup: %s\n' "$*" >&2; }
die() { printf 'setup: error: %s\n' "$*" >&2; exit 1; }

# have COMMAND: whether it is on the PATH (system administration folders included).
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
have() { command -v "$1" >/dev/null 2>&1; }

# at_least HAVE WANT: whether version HAVE is WANT or newer.
at_least() { [[ $(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n1) == "$2" ]]; }

# A tool is current when its stamp equals <tool>_version and <tool>_present succeeds.
is_current() {
  local stamp=$tools/stamps/$1 found=
  [[ -r $stamp ]] && read -r found <"$stamp" || true
  [[ $found == "$("$1_version")" ]] && "$1_present"
}

all_current() {
  local tool
  for tool in "$@"; do is_current "$tool" || return 1; done
}

ensure() {
  local tool=$1 started=$SECONDS
  is_current "$tool" && return
  say "$tool $("${tool}_version"): installing"
  # In a subshell, so that an exit trap or a changed folder of one tool does not reach the next; not as part of a
  # condition, where bash would ignore its errors.
  local failed=0
  set +e
  (set -e; "${tool}_install")
  failed=$?
  set -e
  ((failed == 0)) || die "$tool: installation failed (see above)"
  "${tool}_present" || die "$tool: installed, but not found where it should be"
  "${tool}_version" >"$tools/stamps/$tool"
  say "$tool: done in $((SECONDS - started)) s"
}

as_root() {
  if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

is_root_or_sudo() { ((EUID == 0)) || have sudo; }

# Only Debian and its children can be set up by this script; elsewhere say what is missing and stop.
check_platform() {
  if have apt-get && have dpkg && [[ $(uname -m) == x86_64 || $(uname -m) == aarch64 ]]; then return; fi
  printf 'setup: this script installs on Debian and Ubuntu (amd64, arm64) only.\n' >&2
  printf 'setup: install these by hand, then run it again:\n' >&2
  local tool
  for tool in "$@"; do is_current "$tool" || printf '  %-11s %s\n' "$tool" "$("${tool}_needs")" >&2; done
  exit 1
}

# Without root: say at once, not after a long build, what will not work, and what an administrator would have to run.
check_privileges() {
  is_root_or_sudo && return
  if ! system_present; then
    printf 'setup: you are not root, there is no sudo, and system packages are missing. Have an administrator run\n' >&2
    printf '  apt-get install -y --no-install-recommends %s\n' "${system_packages[*]}" >&2
    printf 'setup: then run this again; everything else goes to .tools/, without root.\n' >&2
    exit 1
  fi
}
check_cluster_privileges() {
  is_root_or_sudo && return
  printf 'setup: the local cluster needs root or sudo: mount namespaces, a user for each zone, nftables.\n' >&2
  printf 'setup: `make dev`, `make check`, `make unit` and `make sim` work without.\n' >&2
  exit 1
}

# apt_install PACKAGE…: installs those that are missing, with the package lists read anew once per run.
apt_install() {
  local missing=() package
  for package in "$@"; do
    [[ $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) == 'install ok installed' ]] || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  say "apt: ${missing[*]}"
  apt_refresh
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$tools/apt.log" 2>&1 ||
    { tail -n 20 "$tools/apt.log" >&2; return 1; }
}

apt_refresh() {
  [[ -n ${apt_refreshed:-} ]] && return
  as_root apt-get update -qq >"$tools/apt.log" 2>&1 || { tail -n 20 "$tools/apt.log" >&2; return 1; }
  apt_refreshed=1
}

# Debian's own Python first: another one on the PATH may lack the venv module.
python_command() { if have /usr/bin/python3; then echo /usr/bin/python3; else echo python3; fi; }

# wheel_unpack NAME==VERSION TARGET: the files of a PyPI wheel, by pip, laid out under TARGET.
wheel_unpack() {
  local venv=$tools/venv
  if [[ ! -x $venv/bin/pip ]]; then
    rm -rf "$venv"
    "$(python_command)" -m venv "$venv"
  fi
  rm -rf "$2"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary :all: --target "$2" "$1"
}
