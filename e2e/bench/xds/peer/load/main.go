// The measurer of the xDS benchmark, the same for every contestant: nodes that subscribe and acknowledge as Envoys do,
// each on a connection of its own, and changes one after another, timed until the server has every node's ACK.
// Prints {"endpoints": [ms…], "weights": [ms…], "bytes": n}; bytes are those of the responses to these changes.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

var received atomic.Int64

func main() {
	xds := flag.String("xds", "", "address of the ADS server")
	control := flag.String("control", "", "address that takes changes")
	cells := flag.Int("cells", 10, "cells that the nodes belong to")
	nodes := flag.Int("nodes", 100, "how many")
	warmUp := flag.Int("warm-up", 100, "changes of each kind that do not count")
	changes := flag.Int("changes", 500, "changes of each kind that count")
	flag.Parse()

	var ready sync.WaitGroup
	for n := range *nodes {
		ready.Add(1)
		go run(*xds, n, fmt.Sprintf("cell-%d", n%*cells), ready.Done)
	}
	ready.Wait()

	conn, err := net.Dial("tcp", *control)
	check(err)
	lines := bufio.NewReader(conn)
	send := func(what string, n int) float64 {
		from := time.Now()
		check(conn.SetDeadline(from.Add(30 * time.Second)))
		_, err := fmt.Fprintf(conn, "%s %d\n", what, n)
		check(err)
		_, err = lines.ReadString('\n')
		check(err)
		return float64(time.Since(from).Microseconds()) / 1000
	}
	for n := range *warmUp {
		send("endpoints", n)
		send("weights", n)
	}
	fmt.Println("warm") // from here on the server's CPU time counts
	var started string
	fmt.Scanln(&started)
	result := struct {
		Endpoints []float64 `json:"endpoints"`
		Weights   []float64 `json:"weights"`
		Bytes     int64     `json:"bytes"`
	}{}
	before := received.Load()
	for n := range *changes {
		result.Endpoints = append(result.Endpoints, send("endpoints", *warmUp+n))
		result.Weights = append(result.Weights, send("weights", *warmUp+n))
	}
	result.Bytes = received.Load() - before
	check(json.NewEncoder(os.Stdout).Encode(result))
}

// run is one node: it asks for clusters and listeners by wildcard, for the endpoints of each EDS cluster and the routes
// of the listener by name, and acknowledges whatever comes. It is ready when it has all of them.
func run(xds string, n int, cell string, ready func()) {
	conn, err := grpc.NewClient(xds, grpc.WithTransportCredentials(insecure.NewCredentials()))
	check(err)
	stream, err := discovery.NewAggregatedDiscoveryServiceClient(conn).DeltaAggregatedResources(context.Background())
	check(err)
	metadata, err := structpb.NewStruct(map[string]any{
		"role": "edge", "cell": cell, "zone": "zone-a", "pod_ip": fmt.Sprintf("127.1.%d.%d", 1+n/250, 1+n%250),
	})
	check(err)
	node := &core.Node{Id: fmt.Sprintf("edge-%d", n), Cluster: cell, Metadata: metadata}
	send := func(r *discovery.DeltaDiscoveryRequest) { check(stream.Send(r)) }
	send(&discovery.DeltaDiscoveryRequest{Node: node, TypeUrl: resource.ClusterType})
	send(&discovery.DeltaDiscoveryRequest{TypeUrl: resource.ListenerType})
	missing := map[string]bool{}
	for {
		response, err := stream.Recv()
		check(err)
		received.Add(int64(proto.Size(response)))
		send(&discovery.DeltaDiscoveryRequest{TypeUrl: response.TypeUrl, ResponseNonce: response.Nonce})
		if missing == nil {
			continue
		}
		first := len(missing) == 0
		var subscribe []string
		for _, r := range response.Resources {
			delete(missing, response.TypeUrl+" "+r.Name)
			if response.TypeUrl != resource.ClusterType {
				continue
			}
			var c cluster.Cluster
			check(r.Resource.UnmarshalTo(&c))
			if c.GetType() == cluster.Cluster_EDS {
				subscribe = append(subscribe, c.Name)
				missing[resource.EndpointType+" "+c.Name] = true
			}
		}
		if len(subscribe) > 0 {
			send(&discovery.DeltaDiscoveryRequest{TypeUrl: resource.EndpointType, ResourceNamesSubscribe: subscribe})
		}
		if first && response.TypeUrl == resource.ClusterType {
			missing[resource.RouteType+" edge"] = true
			send(&discovery.DeltaDiscoveryRequest{TypeUrl: resource.RouteType, ResourceNamesSubscribe: []string{"edge"}})
		}
		if len(missing) == 0 && !first {
			missing = nil
			ready()
		}
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
