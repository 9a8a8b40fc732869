# Programs out of Debian packages without installing them: an apt of its own (sources, lists, cache and an empty status
# file), so that it neither sees nor touches the system's, and needs no root.

# debian_apt_open FOLDER SUITE: reads the package lists of SUITE; debian_apt works in FOLDER from then on.
debian_apt_open() {
  local work=$1 suite=$2 keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  [[ -r $keyring ]] || apt_install debian-archive-keyring
  rm -rf "$work"
  mkdir -p "$work"/{etc/parts,etc/prefs,state/lists/partial,cache/archives/partial}
  : >"$work/state/status"
  echo "deb [signed-by=$keyring] $(debian_mirror) $suite main" >"$work/etc/sources.list"
  cat >"$work/apt.conf" <<CONF
Dir::Etc::SourceList "$work/etc/sources.list";
Dir::Etc::SourceParts "$work/etc/parts";
Dir::Etc::PreferencesParts "$work/etc/prefs";
Dir::State "$work/state";
Dir::State::Lists "$work/state/lists";
Dir::State::status "$work/state/status";
Dir::Cache "$work/cache";
Dir::Cache::archives "$work/cache/archives";
APT::Keep-Downloaded-Packages "true";
APT::Sandbox::User "$(id -un)";
Acquire::Languages "none";
Debug::NoLocking "true";
CONF
  debian_apt_config=$work/apt.conf
  debian_apt update -qq
}
debian_apt() { APT_CONFIG=$debian_apt_config apt-get "$@"; }

# The mirror: the one this machine uses already, or the usual one on a system that is not Debian itself.
debian_mirror() {
  local found=
  found=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources} 2>/dev/null |
    sed -nE 's/^URIs:[[:space:]]*([^[:space:]]+).*/\1/p; s/^deb[[:space:]]+(\[[^]]*\][[:space:]]+)?([^[:space:]]+).*/\2/p' |
    grep -E '/debian/?$' | head -n1) || true
  echo "${CHATCELLS_DEBIAN_MIRROR:-${found:-http://deb.debian.org/debian}}"
}

# debian_programs SUITE PACKAGE PATH…: the programs at PATH… of one package, without its dependencies, into .tools/bin.
debian_programs() {
  local suite=$1 package=$2 work=$tools/$2.apt path
  shift 2
  debian_apt_open "$work" "$suite"
  (cd "$work" && debian_apt download -qq "$package" && dpkg -x "$package"_*.deb files) >"$work/log" 2>&1 ||
    { tail -n 20 "$work/log" >&2; return 1; }
  for path in "$@"; do
    # By renaming: the old one may be running.
    install -m 0755 "$work/files/$path" "$tools/bin/.$package.new"
    mv "$tools/bin/.$package.new" "$tools/bin/$(basename "$path")"
  done
  rm -rf "$work"
}
