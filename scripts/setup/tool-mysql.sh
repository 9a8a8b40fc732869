# MySQL 9.7 from Debian sid, with its own libc, unpacked under .tools/mysql: nothing of it is installed on the system.
mysql_version() { echo "$MYSQL_VERSION"; }
mysql_needs() { echo "MySQL $MYSQL_VERSION as .tools/bin/mysqld and .tools/bin/mysql"; }
mysql_present() { [[ -x $tools/bin/mysqld && -x $tools/bin/mysql && -d $tools/mysql/usr/share/mysql ]]; }

mysql_install() {
  local work=$tools/mysql.apt target=$tools/mysql
  rm -rf "$work" "$target.new"
  mysql_apt_folders "$work"
  mysql_apt update -qq
  mysql_apt install --download-only -y -qq --no-install-recommends mysql-server-core mysql-client-core >"$work/log" 2>&1 ||
    { tail -n 20 "$work/log" >&2; return 1; }
  local package
  mkdir -p "$target.new"
  for package in "$work"/cache/archives/*.deb; do dpkg -x "$package" "$target.new"; done
  rm -rf "$target.new/usr/share/doc" "$target.new/usr/share/man" "$target.new/usr/share/locale" "$target"
  mv "$target.new" "$target"
  mysql_wrapper mysqld usr/sbin/mysqld
  mysql_wrapper mysql usr/bin/mysql
  rm -rf "$work"
  "$tools/bin/mysqld" --no-defaults --version | grep -q "Ver $MYSQL_VERSION\." ||
    die "mysql: sid has $("$tools/bin/mysqld" --no-defaults --version), wanted $MYSQL_VERSION"
}

# The Debian mirror: the one this machine uses already, or the usual one on a system that is not Debian itself.
mysql_mirror() {
  local found=
  found=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources} 2>/dev/null |
    sed -nE 's/^URIs:[[:space:]]*([^[:space:]]+).*/\1/p; s/^deb[[:space:]]+(\[[^]]*\][[:space:]]+)?([^[:space:]]+).*/\2/p' |
    grep -E '/debian/?$' | head -n1) || true
  echo "${CHATCELLS_DEBIAN_MIRROR:-${found:-http://deb.debian.org/debian}}"
}

# An apt of its own: sources, lists, cache and an empty status file, so that it neither sees nor touches the system's.
mysql_apt_folders() {
  local work=$1 keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  [[ -r $keyring ]] || apt_install debian-archive-keyring
  mkdir -p "$work"/{etc/parts,etc/prefs,state/lists/partial,cache/archives/partial}
  : >"$work/state/status"
  echo "deb [signed-by=$keyring] $(mysql_mirror) sid main" >"$work/etc/sources.list"
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
  mysql_apt_config=$work/apt.conf
}
mysql_apt() { APT_CONFIG=$mysql_apt_config apt-get "$@"; }

# The programs are linked against sid's libc: start them by sid's own loader.
mysql_wrapper() {
  local libs loader
  libs=$(cd "$tools/mysql" && echo usr/lib/*-linux-gnu*)
  loader=$(cd "$tools/mysql" && find usr/lib* -name 'ld-linux-*.so.*' | head -n1)
  cat >"$tools/bin/$1" <<WRAPPER
#!/bin/sh
# $1 of MySQL $MYSQL_VERSION, with the C library that it was built for.
here=\$(CDPATH= cd -- "\$(dirname -- "\$(readlink -f -- "\$0")")/../mysql" && pwd)
exec "\$here/$loader" --argv0 "\$0" --library-path "\$here/$libs:\$here/$libs/mysql" "\$here/$2" "\$@"
WRAPPER
  chmod +x "$tools/bin/$1"
}
