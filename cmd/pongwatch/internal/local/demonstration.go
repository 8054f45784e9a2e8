package local

import (
	"net/http"

	"github.com/pongwatch/pongwatch/shared/job"
)

// DemonstrationPath is where the demonstration tells other commands of this machine
// what it watches, and how.
const DemonstrationPath = "/demo/configuration"

// Demonstration is the answer at [DemonstrationPath]. It holds no secret: the document
// refers to the demonstration's own Secret Manager.
type Demonstration struct {
	// Document is the configuration in force.
	Document string `json:"document"`
	// SecretManager is the address at which references are read.
	SecretManager string `json:"secret_manager"`
	// Authority signed the emulated Redis' certificate, PEM.
	Authority string `json:"authority"`
}

func (d *demo) configurationHandler(w http.ResponseWriter, _ *http.Request) {
	job.WriteJSON(w, http.StatusOK, Demonstration{
		Document:      d.document(d.current() == modeMock),
		SecretManager: d.secrets.Addr(),
		Authority:     string(d.redis.CAPEM()),
	})
}
