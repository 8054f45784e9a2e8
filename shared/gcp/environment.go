package gcp

import (
	"io"
	"log/slog"

	"github.com/pongwatch/pongwatch/shared/gcp/cloudlog"
	"github.com/pongwatch/pongwatch/shared/gcp/cloudmonitoring"
	"github.com/pongwatch/pongwatch/shared/gcp/cloudrun"
	"github.com/pongwatch/pongwatch/shared/gcp/firestore"
	"github.com/pongwatch/pongwatch/shared/gcp/pubsub"
	"github.com/pongwatch/pongwatch/shared/gcp/secretmanager"
	"github.com/pongwatch/pongwatch/shared/text"
)

// The environment variables that Terraform sets on the functions.
const (
	ProjectVariable  = "GOOGLE_CLOUD_PROJECT"
	RegionVariable   = "PONGWATCH_REGION"
	DatabaseVariable = "PONGWATCH_FIRESTORE_DATABASE"
	ReportsVariable  = "PONGWATCH_TOPIC_REPORTS"
	SignalsVariable  = "PONGWATCH_TOPIC_SIGNALS"
)

// maxVariable bounds a variable's value in bytes.
const maxVariable = 1 << 10

// Environment is where a function runs and what it talks to.
type Environment struct {
	Project  string // the project's id, such as "my-project"
	Region   string // such as "europe-west1"
	Database string // Firestore's; firestore.DefaultDatabase if empty
	Reports  string // the topic of reports: projects/P/topics/T, or T in Project
	Signals  string // the topic of signals, likewise
	Audience string // the function's own URL, as callers' tokens name it
	Service  string // Cloud Run's name for the function, from K_SERVICE
	Revision string // Cloud Run's name for its version, from K_REVISION

	// Emulators on loopback, each empty in the cloud.
	SecretManagerEmulator string
	FirestoreEmulator     string
	PubSubEmulator        string
	CloudRunEmulator      string
	MonitoringEmulator    string
}

// ReadEnvironment reads the environment through getenv, such as [os.Getenv]. A missing
// variable is an error when it is first needed.
func ReadEnvironment(getenv func(string) string) Environment {
	e := Environment{
		Project:               getenv(ProjectVariable),
		Region:                getenv(RegionVariable),
		Database:              getenv(DatabaseVariable),
		Reports:               getenv(ReportsVariable),
		Signals:               getenv(SignalsVariable),
		Audience:              getenv(AudienceVariable),
		Service:               getenv("K_SERVICE"),
		Revision:              getenv("K_REVISION"),
		SecretManagerEmulator: getenv(secretmanager.EmulatorVariable),
		FirestoreEmulator:     getenv(firestore.EmulatorVariable),
		PubSubEmulator:        getenv(pubsub.EmulatorVariable),
		CloudRunEmulator:      getenv(cloudrun.EmulatorVariable),
		MonitoringEmulator:    getenv(cloudmonitoring.EmulatorVariable),
	}
	text.Outside(&e, maxVariable)
	return e
}

// Logger returns a logger that writes to w as Cloud Logging reads it.
func (e Environment) Logger(w io.Writer) *slog.Logger {
	return slog.New(cloudlog.New(w, cloudlog.Options{Project: e.Project, Service: e.Service, Revision: e.Revision}))
}
