// The peer of the xDS benchmark: go-control-plane serving the same clusters, endpoints, routes and listener by delta
// ADS, from its snapshot cache or from its linear caches. It takes changes on a control port, as ../../server.ts does.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

func main() {
	kind := flag.String("cache", "snapshot", "snapshot or linear")
	cells := flag.Int("cells", 10, "cells, each with a gateway and an api cluster")
	endpoints := flag.Int("endpoints", 50, "endpoints of each cluster")
	nodes := flag.Int("nodes", 100, "nodes that have to acknowledge a change")
	flag.Parse()

	world := newWorld(*cells, *endpoints)
	var served publisher
	if *kind == "linear" {
		served = newLinear(world)
	} else {
		served = newSnapshots(world)
	}
	acks := &acks{wanted: *nodes}
	xds := server.NewServer(context.Background(), served, acks)
	g := grpc.NewServer(grpc.KeepaliveParams(keepalive.ServerParameters{Time: 5 * time.Second, Timeout: 3 * time.Second}))
	discovery.RegisterAggregatedDiscoveryServiceServer(g, xds)
	listener := listen()
	go func() { log.Fatal(g.Serve(listener)) }()

	control := listen()
	go serveControl(control, world, served, acks)
	fmt.Printf("{\"xds\":%d,\"control\":%d}\n", port(listener), port(control))
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	<-stop
}

func listen() net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	return l
}

func port(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

// publisher is a cache and the way in which a change is told to it.
type publisher interface {
	cache.Cache
	publish(w *world, c change)
}

type change struct {
	typeURL string
	// Of an endpoint: the cluster that it belongs to.
	cluster string
}

// serveControl takes "endpoints N" and "weights N", and answers "done" once every node has acknowledged the change.
func serveControl(l net.Listener, w *world, p publisher, a *acks) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		lines := bufio.NewScanner(conn)
		for lines.Scan() {
			what, number, _ := strings.Cut(lines.Text(), " ")
			n, err := strconv.Atoi(number)
			if err != nil {
				log.Fatalf("control: %q", lines.Text())
			}
			c := w.change(what, n)
			done := a.expect(c.typeURL)
			p.publish(w, c)
			<-done
			fmt.Fprintln(conn, "done")
		}
	}
}

// acks counts the nodes that have acknowledged the type under way.
type acks struct {
	server.CallbackFuncs
	wanted int
	mu     sync.Mutex
	of     string
	seen   map[int64]bool
	done   chan struct{}
}

func (a *acks) expect(typeURL string) <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.of, a.seen, a.done = typeURL, map[int64]bool{}, make(chan struct{})
	return a.done
}

func (a *acks) OnStreamDeltaRequest(stream int64, r *discovery.DeltaDiscoveryRequest) error {
	if r.GetErrorDetail() != nil {
		log.Fatalf("refused: %v", r.GetErrorDetail())
	}
	if r.GetResponseNonce() == "" {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.GetTypeUrl() != a.of || a.seen[stream] {
		return nil
	}
	a.seen[stream] = true
	if len(a.seen) == a.wanted {
		close(a.done)
	}
	return nil
}

// snapshots is the snapshot cache in ADS mode, all nodes in one group: one snapshot for all, built anew at each change.
type snapshots struct {
	cache.SnapshotCache
	version int
}

type oneGroup struct{}

func (oneGroup) ID(*core.Node) string { return "edges" }

func newSnapshots(w *world) *snapshots {
	s := &snapshots{SnapshotCache: cache.NewSnapshotCache(true, oneGroup{}, nil)}
	s.publish(w, change{})
	return s
}

func (s *snapshots) publish(w *world, _ change) {
	s.version++
	snapshot, err := cache.NewSnapshot(strconv.Itoa(s.version), map[resource.Type][]types.Resource{
		resource.ClusterType:  w.clusters(),
		resource.EndpointType: w.assignments(),
		resource.RouteType:    {w.routes()},
		resource.ListenerType: {w.listener()},
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := s.SetSnapshot(context.Background(), "edges", snapshot); err != nil {
		log.Fatal(err)
	}
}

// linear is a linear cache for each type: a change is one resource, and nothing else is built anew.
type linear struct {
	*cache.MuxCache
	of map[string]*cache.LinearCache
}

func newLinear(w *world) *linear {
	l := &linear{of: map[string]*cache.LinearCache{}}
	first := map[string][]types.Resource{
		resource.ClusterType:  w.clusters(),
		resource.EndpointType: w.assignments(),
		resource.RouteType:    {w.routes()},
		resource.ListenerType: {w.listener()},
	}
	caches := map[string]cache.Cache{}
	for typeURL, resources := range first {
		byName := map[string]types.Resource{}
		for _, r := range resources {
			byName[cache.GetResourceName(r)] = r
		}
		l.of[typeURL] = cache.NewLinearCache(typeURL, cache.WithInitialResources(byName))
		caches[typeURL] = l.of[typeURL]
	}
	l.MuxCache = &cache.MuxCache{
		Classify:      func(r *cache.Request) string { return r.GetTypeUrl() },
		ClassifyDelta: func(r *cache.DeltaRequest) string { return r.GetTypeUrl() },
		Caches:        caches,
	}
	return l
}

func (l *linear) publish(w *world, c change) {
	var changed types.Resource = w.routes()
	if c.typeURL == resource.EndpointType {
		changed = w.assignment(c.cluster)
	}
	if err := l.of[c.typeURL].UpdateResource(cache.GetResourceName(changed), changed); err != nil {
		log.Fatal(err)
	}
}
