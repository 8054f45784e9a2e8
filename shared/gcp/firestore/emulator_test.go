package firestore_test

import (
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/gcp/firestore"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

// emulatorWanted turns on the tests that need the Firestore emulator of the Google
// Cloud SDK; scripts/test starts one and sets it. The emulator's command is
//
//	SDK=$(gcloud info --format='value(installation.sdk_root)')
//	java -cp "$SDK/platform/cloud-firestore-emulator/cloud-firestore-emulator.jar" \
//	  com.google.cloud.datastore.emulator.firestore.CloudFirestore start --host=127.0.0.1 --port=8085
const emulatorWanted = "PONGWATCH_TEST_FIRESTORE"

var projects atomic.Int64

func openEmulator(t *testing.T, database string, now func() time.Time) *firestore.Store {
	t.Helper()
	host := os.Getenv(firestore.EmulatorVariable)
	if host == "" {
		t.Fatalf("%s=1 asks for the Firestore emulator of the Google Cloud SDK, but %s does not say where it listens", emulatorWanted, firestore.EmulatorVariable)
	}
	s, err := firestore.New(t.Context(), firestore.Options{
		Project:      fmt.Sprintf("test-%d-%d", os.Getpid(), projects.Add(1)), // nothing of other tests in it
		Database:     database,
		EmulatorHost: host,
		Now:          now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestConformanceOnTheEmulator(t *testing.T) {
	if os.Getenv(emulatorWanted) != "1" {
		t.Skipf("needs the Firestore emulator: set %s=1 and %s", emulatorWanted, firestore.EmulatorVariable)
	}
	for _, database := range []string{firestore.DefaultDatabase, "pongwatch"} {
		t.Run("database "+database, func(t *testing.T) {
			storetest.Conformance(t, func(t *testing.T, now func() time.Time) store.Store {
				return openEmulator(t, database, now)
			})
		})
	}
}
