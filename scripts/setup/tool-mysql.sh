# MySQL from Debian sid, with its own libc, unpacked under .tools/mysql: nothing of it is installed on the system.
mysql_version() { echo "$MYSQL_VERSION"; }
mysql_needs() { echo "MySQL $MYSQL_VERSION as .tools/bin/mysqld and .tools/bin/mysql"; }
mysql_present() { [[ -x $tools/bin/mysqld && -x $tools/bin/mysql && -d $tools/mysql/usr/share/mysql ]]; }

mysql_install() {
  local work=$tools/mysql.apt target=$tools/mysql
  rm -rf "$target.new"
  debian_apt_open "$work" sid
  debian_apt install --download-only -y -qq --no-install-recommends mysql-server-core mysql-client-core >"$work/log" 2>&1 ||
    { tail -n 20 "$work/log" >&2; return 1; }
  local package
  mkdir -p "$target.new"
  for package in "$work"/cache/archives/*.deb; do dpkg -x "$package" "$target.new"; done
  rm -rf "$target.new/usr/share/doc" "$target.new/usr/share/man" "$target.new/usr/share/locale" "$target"
  mv "$target.new" "$target"
  mysql_wrapper mysqld usr/sbin/mysqld
  mysql_wrapper mysql usr/bin/mysql
  rm -rf "$work"
  [[ $("$tools/bin/mysqld" --no-defaults --version) == *"Ver $MYSQL_VERSION."* ]] ||
    die "mysql: sid has $("$tools/bin/mysqld" --no-defaults --version), wanted $MYSQL_VERSION"
}

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
