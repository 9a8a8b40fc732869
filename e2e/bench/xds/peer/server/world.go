package main

import (
	"fmt"
	"log"
	"time"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	aggregate "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/aggregate/v3"
	router "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

var roles = []string{"api", "gateway"}

// world is what changes: the health of each endpoint, by cluster, and the weight of each cell.
type world struct {
	cells    []string
	draining map[string][]bool
	weights  []uint32
}

func newWorld(cells, endpoints int) *world {
	w := &world{draining: map[string][]bool{}}
	for c := range cells {
		name := fmt.Sprintf("cell-%d", c)
		w.cells = append(w.cells, name)
		w.weights = append(w.weights, 100)
		for _, role := range roles {
			w.draining[name+"-"+role] = make([]bool, endpoints)
		}
	}
	return w
}

// change turns the n-th endpoint to draining or back, or all cells to another weight.
func (w *world) change(what string, n int) change {
	if what == "weights" {
		for i := range w.weights {
			w.weights[i] = []uint32{40, 60}[n%2] + uint32(i%2)
		}
		return change{typeURL: resource.RouteType}
	}
	name := w.cells[n%len(w.cells)] + "-" + roles[n/len(w.cells)%len(roles)]
	hosts := w.draining[name]
	at := n / (len(w.cells) * len(roles)) % len(hosts)
	hosts[at] = !hosts[at]
	return change{typeURL: resource.EndpointType, cluster: name}
}

func (w *world) assignments() []types.Resource {
	var all []types.Resource
	for _, cell := range w.cells {
		for _, role := range roles {
			all = append(all, w.assignment(cell+"-"+role))
		}
	}
	return all
}

func (w *world) assignment(name string) *endpoint.ClusterLoadAssignment {
	var hosts []*endpoint.LbEndpoint
	for i, draining := range w.draining[name] {
		health := core.HealthStatus_HEALTHY
		if draining {
			health = core.HealthStatus_DRAINING
		}
		hosts = append(hosts, &endpoint.LbEndpoint{
			HealthStatus: health,
			HostIdentifier: &endpoint.LbEndpoint_Endpoint{
				Endpoint: &endpoint.Endpoint{Address: address(fmt.Sprintf("10.%d.%d.%d", w.index(name), i/250, 1+i%250), 8080)},
			},
		})
	}
	return &endpoint.ClusterLoadAssignment{
		ClusterName: name,
		Endpoints: []*endpoint.LocalityLbEndpoints{{
			Locality:    &core.Locality{Region: "region-1", Zone: "zone-a"},
			LbEndpoints: hosts,
		}},
	}
}

func (w *world) index(name string) int {
	for c, cell := range w.cells {
		for r, role := range roles {
			if name == cell+"-"+role {
				return 10*c + r
			}
		}
	}
	return -1
}

func (w *world) clusters() []types.Resource {
	var all []types.Resource
	for _, role := range roles {
		for i, cell := range w.cells {
			var order []string
			for k := range w.cells {
				order = append(order, w.cells[(i+k)%len(w.cells)]+"-"+role)
			}
			all = append(all,
				&cluster.Cluster{
					Name:                 cell + "-" + role,
					ClusterDiscoveryType: &cluster.Cluster_Type{Type: cluster.Cluster_EDS},
					EdsClusterConfig:     &cluster.Cluster_EdsClusterConfig{EdsConfig: ads},
					ConnectTimeout:       durationpb.New(time.Second),
					LbPolicy:             cluster.Cluster_LEAST_REQUEST,
				},
				&cluster.Cluster{
					Name:           cell + "-" + role + "-or-other",
					ConnectTimeout: durationpb.New(time.Second),
					LbPolicy:       cluster.Cluster_CLUSTER_PROVIDED,
					ClusterDiscoveryType: &cluster.Cluster_ClusterType{ClusterType: &cluster.Cluster_CustomClusterType{
						Name: "envoy.clusters.aggregate", TypedConfig: packed(&aggregate.ClusterConfig{Clusters: order}),
					}},
				})
		}
	}
	return all
}

func (w *world) routes() *route.RouteConfiguration {
	to := func(prefix, role string) *route.Route {
		var targets []*route.WeightedCluster_ClusterWeight
		for i, cell := range w.cells {
			targets = append(targets, &route.WeightedCluster_ClusterWeight{
				Name: cell + "-" + role + "-or-other", Weight: wrapperspb.UInt32(w.weights[i]),
			})
		}
		return &route.Route{
			Match: &route.RouteMatch{PathSpecifier: &route.RouteMatch_Prefix{Prefix: prefix}},
			Action: &route.Route_Route{Route: &route.RouteAction{
				ClusterSpecifier: &route.RouteAction_WeightedClusters{WeightedClusters: &route.WeightedCluster{Clusters: targets}},
			}},
		}
	}
	return &route.RouteConfiguration{
		Name: "edge",
		VirtualHosts: []*route.VirtualHost{{
			Name: "edge", Domains: []string{"*"}, Routes: []*route.Route{to("/ws", "gateway"), to("/api/", "api")},
		}},
	}
}

func (w *world) listener() *listener.Listener {
	return &listener.Listener{
		Name:    "edge",
		Address: address("127.0.0.1", 8080),
		FilterChains: []*listener.FilterChain{{Filters: []*listener.Filter{{
			Name: "http",
			ConfigType: &listener.Filter_TypedConfig{TypedConfig: packed(&hcm.HttpConnectionManager{
				StatPrefix:     "edge",
				RouteSpecifier: &hcm.HttpConnectionManager_Rds{Rds: &hcm.Rds{RouteConfigName: "edge", ConfigSource: ads}},
				HttpFilters: []*hcm.HttpFilter{{
					Name:       "router",
					ConfigType: &hcm.HttpFilter_TypedConfig{TypedConfig: packed(&router.Router{})},
				}},
			})},
		}}}},
	}
}

var ads = &core.ConfigSource{
	ResourceApiVersion:    core.ApiVersion_V3,
	ConfigSourceSpecifier: &core.ConfigSource_Ads{Ads: &core.AggregatedConfigSource{}},
}

func address(ip string, port uint32) *core.Address {
	return &core.Address{Address: &core.Address_SocketAddress{SocketAddress: &core.SocketAddress{
		Address: ip, PortSpecifier: &core.SocketAddress_PortValue{PortValue: port},
	}}}
}

func packed(m proto.Message) *anypb.Any {
	a, err := anypb.New(m)
	if err != nil {
		log.Fatal(err)
	}
	return a
}
