# The npm packages of the lock file, Node itself among them. Installed again when the lock file's content changes.
npm_version() { sha256sum "$root/package-lock.json" | cut -c1-16; }
npm_needs() { echo "npm ci in the checkout"; }
npm_present() { [[ -x $root/node_modules/.bin/node ]]; }
npm_install() {
  PATH=$tools/bin:$PATH
  cd "$root"
  # Installed already by hand from this very lock file: only the stamp was missing.
  npm_matches_lock && return
  npm ci --no-audit --no-fund --loglevel=error
}
npm_matches_lock() {
  [[ -x node_modules/.bin/node && -r node_modules/.package-lock.json ]] && npm ls --all --silent >/dev/null 2>&1 &&
    [[ ! package-lock.json -nt node_modules/.package-lock.json ]]
}
