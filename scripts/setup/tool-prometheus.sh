# Prometheus and promtool, from Debian 12: they judge the alert rules and the dashboard's queries.
prometheus_version() { echo "$PROMETHEUS_VERSION"; }
prometheus_needs() { echo "Prometheus $PROMETHEUS_VERSION as .tools/bin/prometheus and .tools/bin/promtool"; }
prometheus_present() { [[ -x $tools/bin/prometheus && -x $tools/bin/promtool ]]; }
prometheus_install() {
  debian_programs bookworm prometheus usr/bin/prometheus usr/bin/promtool
  [[ $("$tools/bin/promtool" --version 2>&1) == *"version $PROMETHEUS_VERSION"* ]] ||
    die "prometheus: Debian 12 has $("$tools/bin/promtool" --version 2>&1), wanted $PROMETHEUS_VERSION"
}
