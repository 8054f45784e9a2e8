package gcp

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/pongwatch/pongwatch/shared/gcp/cloudlog"
	"github.com/pongwatch/pongwatch/shared/gcp/cloudrun"
	"github.com/pongwatch/pongwatch/shared/gcp/firestore"
	"github.com/pongwatch/pongwatch/shared/gcp/oidc"
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
	// AudienceVariable names the function's own URL, which Cloud Scheduler and Pub/Sub put into
	// their tokens.
	AudienceVariable = "PONGWATCH_AUDIENCE"
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
		MonitoringEmulator:    getenv(cloudrun.MonitoringEmulatorVariable),
	}
	text.Outside(&e, maxVariable)
	return e
}

// Logger returns a logger that writes to w as Cloud Logging reads it.
func (e Environment) Logger(w io.Writer) *slog.Logger {
	return slog.New(cloudlog.New(w, cloudlog.Options{Project: e.Project, Service: e.Service, Revision: e.Revision}))
}

// Callers returns the guard of POST: only the service accounts that key lists pass, by a
// token of Google's. open says that IAM does not guard the service, so that the token's signature is
// checked here.
func (e Environment) Callers(open bool, logger *slog.Logger, key string, accounts ...string) (func(http.Handler) http.Handler, error) {
	v, err := oidc.New(oidc.Options{Audience: e.Audience, Emails: accounts, BehindIAM: !open, Logger: logger})
	if err != nil {
		return nil, fmt.Errorf("guarding POST by %s and %s: %w", AudienceVariable, key, err)
	}
	return v.Middleware, nil
}
