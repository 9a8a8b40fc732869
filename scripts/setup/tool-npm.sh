# The npm packages of the lock file, Node itself among them.
npm_version() { echo lock; }
npm_needs() { echo "npm ci in the checkout"; }
npm_present() {
  [[ -x $root/node_modules/.bin/node && ! $root/package-lock.json -nt $root/node_modules/.package-lock.json ]]
}
npm_install() {
  [[ -x $tools/node/bin/npm ]] && PATH=$tools/node/bin:$PATH
  cd "$root"
  npm ci --no-audit --no-fund --loglevel=error
  touch node_modules/.package-lock.json
}
