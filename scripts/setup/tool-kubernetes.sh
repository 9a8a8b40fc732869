# The Kubernetes control plane, built from its Go module (e2e/cluster/tools/kubernetes pins it by checksum), and kubectl
# when the machine has none.
kubernetes_programs=(kube-apiserver kube-controller-manager kube-scheduler)
kubernetes_version() { echo "$KUBERNETES_VERSION"; }
kubernetes_needs() { echo "kube-apiserver, kube-controller-manager, kube-scheduler v$KUBERNETES_VERSION in .tools/bin, kubectl"; }
kubernetes_present() {
  local program
  for program in "${kubernetes_programs[@]}"; do [[ -x $tools/bin/$program ]] || return 1; done
  [[ -x $tools/bin/kubectl ]] || have kubectl
}
kubernetes_install() {
  local go programs=("${kubernetes_programs[@]}") program version=k8s.io/component-base/version
  have kubectl || programs+=(kubectl)
  go=$(go_command)
  [[ -n $go ]] || die "kubernetes: needs Go $GO_MINIMUM or newer; run setup.sh go"
  cd "$root/e2e/cluster/tools/kubernetes"
  say "kubernetes: compiling ${programs[*]} (8 minutes on two cores when nothing is cached)"
  for program in "${programs[@]}"; do
    CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS=-mod=readonly nice "$go" build -trimpath \
      -ldflags "-s -w -X $version.gitVersion=v$KUBERNETES_VERSION -X $version.gitMajor=1 -X $version.gitMinor=$(cut -d. -f2 <<<"$KUBERNETES_VERSION")" \
      -o "$tools/bin/" "k8s.io/kubernetes/cmd/$program"
    say "kubernetes: $program built"
  done
}
