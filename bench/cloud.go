package main

import (
	"context"
	"maps"
	"net"
	"os"
	"slices"
	"sync"

	"cloud.google.com/go/firestore/apiv1/firestorepb"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/pongwatch/pongwatch/functions/alert"
	"github.com/pongwatch/pongwatch/shared/gcp"
	"github.com/pongwatch/pongwatch/shared/gcp/firestore"
	"github.com/pongwatch/pongwatch/shared/gcp/pubsub"
	"github.com/pongwatch/pongwatch/shared/gcp/secretmanager"
	"github.com/pongwatch/pongwatch/shared/gcp/secretmanager/secretmanagertest"
)

const (
	topic = "projects/bench/topics/reports"
	// audience is the address by which callers' tokens name every function, and invoker whom they are of.
	audience       = "https://bench.example.com"
	invoker        = "scheduler@bench.iam.gserviceaccount.com"
	tokenSecret    = "projects/bench/secrets/token"
	tokenReference = "sm://" + tokenSecret
)

// cloud is the Google that the deployed program talks to, on loopback.
type cloud struct {
	secrets   *secretmanagertest.Server
	topics    *pstest.Server
	documents *documents
}

func startCloud(ctx context.Context) (*cloud, error) {
	secrets, err := secretmanagertest.Start()
	if err != nil {
		return nil, err
	}
	secrets.AddVersion(tokenSecret, []byte(token))
	topics := pstest.NewServer()
	c := &cloud{secrets: secrets, topics: topics}
	if _, err := topics.GServer.CreateTopic(ctx, &pubsubpb.Topic{Name: topic}); err != nil {
		c.stop()
		return nil, err
	}
	if c.documents, err = startDocuments(ctx); err != nil {
		c.stop()
		return nil, err
	}
	return c, nil
}

func (c *cloud) stop() {
	c.secrets.Close()
	_ = c.topics.Close()
	if c.documents != nil {
		c.documents.server.Stop()
	}
}

// env is what Terraform sets, with the emulators' addresses in place of Google's.
func (c *cloud) env() []string {
	return []string{
		gcp.AudienceVariable + "=" + audience, alert.PusherVariable + "=" + invoker,
		gcp.ProjectVariable + "=bench", gcp.RegionVariable + "=loopback", gcp.ReportsVariable + "=" + topic,
		secretmanager.EmulatorVariable + "=" + c.secrets.Addr(),
		pubsub.EmulatorVariable + "=" + c.topics.Addr,
		firestore.EmulatorVariable + "=" + c.documents.address,
		"HOME=" + os.TempDir(),
	}
}

// documents is as much of Firestore as a run needs: documents by name, in memory.
type documents struct {
	firestorepb.UnimplementedFirestoreServer
	server  *grpc.Server
	address string

	mu            sync.Mutex
	byName        map[string]*firestorepb.Document
	reads, writes float64
}

func startDocuments(ctx context.Context) (*documents, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &documents{server: grpc.NewServer(), address: listener.Addr().String(), byName: map[string]*firestorepb.Document{}}
	firestorepb.RegisterFirestoreServer(d.server, d)
	go func() { _ = d.server.Serve(listener) }() // ends with Stop
	return d, nil
}

// GetDocument implements Firestore's method.
func (d *documents) GetDocument(_ context.Context, r *firestorepb.GetDocumentRequest) (*firestorepb.Document, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reads++
	if document := d.byName[r.GetName()]; document != nil {
		return document, nil
	}
	return nil, status.Error(codes.NotFound, "no such document")
}

// Commit implements Firestore's method. There is one writer, so every precondition holds.
func (d *documents) Commit(_ context.Context, r *firestorepb.CommitRequest) (*firestorepb.CommitResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := timestamppb.Now()
	answer := &firestorepb.CommitResponse{CommitTime: now}
	for _, write := range r.GetWrites() {
		document := write.GetUpdate()
		d.writes++
		document.UpdateTime = now
		d.byName[document.GetName()] = document
		answer.WriteResults = append(answer.WriteResults, &firestorepb.WriteResult{UpdateTime: now})
	}
	return answer, nil
}

// RunQuery implements Firestore's method for ranges of names.
func (d *documents) RunQuery(r *firestorepb.RunQueryRequest, to firestorepb.Firestore_RunQueryServer) error {
	cursor := func(c *firestorepb.Cursor) string { return c.GetValues()[0].GetReferenceValue() }
	query := r.GetStructuredQuery()
	var found []*firestorepb.Document
	d.mu.Lock()
	for _, name := range slices.Sorted(maps.Keys(d.byName)) {
		if name >= cursor(query.GetStartAt()) && name < cursor(query.GetEndAt()) {
			found = append(found, d.byName[name])
		}
	}
	d.reads += float64(max(1, len(found)))
	d.mu.Unlock()
	for _, document := range found {
		if err := to.Send(&firestorepb.RunQueryResponse{Document: document}); err != nil {
			return err
		}
	}
	return nil
}
