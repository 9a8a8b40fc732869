# Pinned versions of everything that set-up installs. A change here makes the tool be installed again.
GO_MINIMUM=1.26
GO_PACKAGE=1.26.8
NODE_MINIMUM=20
NODE_PACKAGE=24.19.0
ENVOY_VERSION=1.40.0
MYSQL_VERSION=9.7
KUBERNETES_VERSION=1.34.4
HELM_VERSION=3.22.0
