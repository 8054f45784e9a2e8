package slacktest

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"
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

	// Delay waits before answering, with a fault or, alone, as usual.
	Delay time.Duration
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
	for _, f := range faults {
		if f.Times == 0 {
			f.Times = 1
		}
		s.faults = append(s.faults, &f)
	}
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
	i := slices.IndexFunc(s.faults, func(f *Fault) bool { return f.Method == "" || f.Method == method })
	if i < 0 {
		return nil
	}
	f := *s.faults[i]
	if s.faults[i].Times > 0 {
		s.faults[i].Times--
		if s.faults[i].Times == 0 {
			s.faults = slices.Delete(s.faults, i, i+1)
		}
	}
	return &f
}

func (f Fault) answer() string {
	var text string
	switch {
	case f.Hang:
		text = "hung"
	case f.Drop:
		text = "dropped"
	case f.Status != 0:
		text = strconv.Itoa(f.Status)
	case f.Code != "":
		text = "200 " + f.Code
	default:
		text = fmt.Sprintf("200 %q", f.Body)
	}
	if f.Accept {
		text += " after accepting"
	}
	return text
}

func (s *Server) fail(w http.ResponseWriter, r *http.Request, f Fault) {
	if f.Delay > 0 || f.Hang {
		var timeout <-chan time.Time
		if !f.Hang {
			timeout = time.After(f.Delay)
		}
		select {
		case <-timeout:
		case <-r.Context().Done():
		case <-s.closing:
		}
	}
	switch {
	case f.Hang:
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
