// The peer of the reconcile benchmark: an operator on controller-runtime that makes, for each Cell and each Workspace,
// the very writes that ours was recorded to make. It reads a recording from the file that -recording names, as JSON:
// for each kind a list of steps, in whose objects {{name}} and {{uid}} stand for the owner's.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"

	"go.uber.org/zap/zapcore"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// step is one write: to the owner itself (its finalizer), to an object that it owns, an Event, or its status.
type step struct {
	What         string          `json:"what"`
	Create       bool            `json:"create"`
	FieldManager string          `json:"fieldManager"`
	Object       json.RawMessage `json:"object"`
}

func main() {
	file := flag.String("recording", "", "JSON file of the steps")
	namespace := flag.String("namespace", "", "whose objects are reconciled")
	workers := flag.Int("workers", 1, "reconciliations of a kind at the same time")
	flag.Parse()
	log.SetLogger(zap.New(zap.WriteTo(os.Stderr), zap.Level(zapcore.ErrorLevel)))

	var recording map[string][]step
	text, err := os.ReadFile(*file)
	check(err)
	check(json.Unmarshal(text, &recording))
	config := ctrl.GetConfigOrDie()
	config.QPS = -1 // the client's own throttle is off
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Metrics: server.Options{BindAddress: "0"},
		Cache:   cache.Options{DefaultNamespaces: map[string]cache.Config{*namespace: {}}},
		Client:  client.Options{Cache: &client.CacheOptions{Unstructured: true}, FieldValidation: metav1.FieldValidationStrict},
	})
	check(err)
	for kind, steps := range recording {
		r := &reconciler{
			Client: manager.GetClient(),
			kind:   schema.GroupVersionKind{Group: "chatcells.dev", Version: "v1alpha1", Kind: kind},
			steps:  steps,
		}
		check(r.setUp(manager, *workers))
	}
	fmt.Println("{}")
	check(manager.Start(ctrl.SetupSignalHandler()))
}

type reconciler struct {
	client.Client
	kind  schema.GroupVersionKind
	steps []step
	// By uid, the generation whose status has been written: the cache may not show it yet.
	written sync.Map
}

func (r *reconciler) setUp(manager ctrl.Manager, workers int) error {
	owner := &unstructured.Unstructured{}
	owner.SetGroupVersionKind(r.kind)
	b := ctrl.NewControllerManagedBy(manager).For(owner).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers})
	seen := map[schema.GroupVersionKind]bool{}
	for _, s := range r.steps {
		if s.What != "owned" {
			continue
		}
		var kind metav1.PartialObjectMetadata
		if err := json.Unmarshal(s.Object, &kind.TypeMeta); err != nil {
			return err
		}
		if gvk := kind.GroupVersionKind(); !seen[gvk] {
			seen[gvk] = true
			b = b.Owns(&metav1.PartialObjectMetadata{TypeMeta: kind.TypeMeta}, builder.OnlyMetadata)
		}
	}
	return b.Complete(r)
}

// Reconcile writes what is missing: all steps of a new owner, what it owns and has lost, the status of a changed one.
func (r *reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	owner := &unstructured.Unstructured{}
	owner.SetGroupVersionKind(r.kind)
	if err := r.Get(ctx, request.NamespacedName, owner); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	for i := range r.steps {
		s := &r.steps[i]
		switch s.What {
		case "self":
			if len(owner.GetFinalizers()) == 0 {
				return ctrl.Result{}, r.write(ctx, owner, s) // its own event brings the owner back
			}
		case "owned":
			there, err := r.exists(ctx, owner, s)
			if err == nil && !there {
				err = r.write(ctx, owner, s)
			}
			if err != nil {
				return ctrl.Result{}, err
			}
		}
	}
	return ctrl.Result{}, r.tell(ctx, owner)
}

// tell writes what is said of a new owner, and the status of a changed one.
func (r *reconciler) tell(ctx context.Context, owner *unstructured.Unstructured) error {
	observed, known, err := unstructured.NestedInt64(owner.Object, "status", "observedGeneration")
	if err != nil {
		return err
	}
	if written, ok := r.written.Load(owner.GetUID()); ok {
		observed, known = max(observed, written.(int64)), true
	}
	if known && observed >= owner.GetGeneration() {
		return nil
	}
	last := map[string]int{}
	for i, s := range r.steps {
		if s.What == "status" {
			last[s.FieldManager] = i
		}
	}
	for i := range r.steps {
		s := &r.steps[i]
		first := !known && (s.What == "event" || s.What == "status")
		again := known && s.What == "status" && last[s.FieldManager] == i
		if !first && !again {
			continue
		}
		if err := r.write(ctx, owner, s); err != nil {
			return err
		}
	}
	r.written.Store(owner.GetUID(), owner.GetGeneration())
	return nil
}

func (r *reconciler) exists(ctx context.Context, owner *unstructured.Unstructured, s *step) (bool, error) {
	wanted, err := objectOf(owner, s)
	if err != nil {
		return false, err
	}
	live := &metav1.PartialObjectMetadata{}
	live.SetGroupVersionKind(wanted.GroupVersionKind())
	err = r.Get(ctx, client.ObjectKeyFromObject(wanted), live)
	if errors.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

func (r *reconciler) write(ctx context.Context, owner *unstructured.Unstructured, s *step) error {
	object, err := objectOf(owner, s)
	if err != nil {
		return err
	}
	manager := client.FieldOwner(s.FieldManager)
	switch {
	case s.Create:
		return client.IgnoreAlreadyExists(r.Create(ctx, object, manager))
	case s.What == "status":
		err := r.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(object), manager, client.ForceOwnership)
		if err == nil {
			// What it writes next is on top of its own last write, and not of what it has read.
			owner.SetResourceVersion(object.GetResourceVersion())
		}
		return err
	default:
		return r.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), manager, client.ForceOwnership)
	}
}

// objectOf is the step's object for this owner, with the owner's generation as the observed one.
func objectOf(owner *unstructured.Unstructured, s *step) (*unstructured.Unstructured, error) {
	text := strings.NewReplacer("{{name}}", owner.GetName(), "{{uid}}", string(owner.GetUID())).Replace(string(s.Object))
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON([]byte(text)); err != nil {
		return nil, err
	}
	if object.GetResourceVersion() != "" {
		object.SetResourceVersion(owner.GetResourceVersion())
	}
	status, _ := object.Object["status"].(map[string]any)
	if s.What != "status" || status == nil {
		return object, nil
	}
	if _, told := status["observedGeneration"]; told {
		status["observedGeneration"] = owner.GetGeneration()
	}
	conditions, _ := status["conditions"].([]any)
	for _, c := range conditions {
		c.(map[string]any)["observedGeneration"] = owner.GetGeneration()
	}
	return object, nil
}

func check(err error) {
	if err != nil {
		log.Log.Error(err, "cannot go on")
		os.Exit(1)
	}
}
