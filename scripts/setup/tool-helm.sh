# Helm, which installs the chart, built from its Go module.
helm_version() { echo "$HELM_VERSION"; }
helm_needs() { echo "Helm $HELM_VERSION as .tools/bin/helm"; }
helm_present() { [[ -x $tools/bin/helm ]]; }
helm_install() {
  local go
  go=$(go_command)
  [[ -n $go ]] || die "helm: needs Go $GO_MINIMUM or newer; run setup.sh go"
  cd "$root/e2e/cluster/tools/helm"
  CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS=-mod=readonly nice "$go" build -trimpath \
    -ldflags "-s -w -X helm.sh/helm/v3/internal/version.version=v$HELM_VERSION" -o "$tools/bin/" helm.sh/helm/v3/cmd/helm
}
