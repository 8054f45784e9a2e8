package slacktest

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"slices"
)

// Fault is one way in which a call goes wrong. What is set decides, in the order
// of the fields; several calls are hit where Times says so.
type Fault struct {
	// Method limits the fault to one method, or to "webhook"; empty is any.
	Method string
	// Times is how many calls are hit: 0 is one, a negative number all.
	Times int
	// Accept acts on the call first: the message is posted, its answer is lost.
	Accept bool

	// Hang never answers; it ends with the client or the server.
	Hang bool
	// Drop resets the connection.
	Drop bool
	// Status answers with this HTTP status and Body.
	Status int
	// RetryAfter is the header of a 429, in seconds; empty sends none.
	RetryAfter string
	// Location is the target of a redirect.
	Location string
	// Code answers 200 with {"ok": false, "error": Code}.
	Code string
	// Body is sent as it is, with Status or 200.
	Body string
}

// Fail adds faults to the queue: each call takes the first one that fits its method.
func (s *Server) Fail(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, faults...)
}

// Mend removes every fault that is left.
func (s *Server) Mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

func (s *Server) nextFault(method string) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		if !(f.Method == "" || f.Method == method) {
			continue
		}
		if f.Times == 0 || f.Times == 1 {
			s.faults = slices.Delete(s.faults, i, i+1)
		} else {
			s.faults[i].Times--
		}
		return &f
	}
	return nil
}

func (s *Server) fail(w http.ResponseWriter, r *http.Request, f Fault) {
	switch {
	case f.Hang:
		select {
		case <-r.Context().Done():
		case <-s.closing:
		}
		return
	case f.Drop:
		panic(http.ErrAbortHandler)
	case f.Status == 0 && f.Code != "":
		f.Body = fmt.Sprintf(`{"ok":false,"error":%q}`, f.Code)
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
	}
	for name, value := range map[string]string{"Retry-After": f.RetryAfter, "Location": f.Location} {
		if value != "" {
			w.Header().Set(name, value)
		}
	}
	w.WriteHeader(cmp.Or(f.Status, http.StatusOK))
	_, _ = io.WriteString(w, f.Body)
}
