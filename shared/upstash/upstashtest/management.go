package upstashtest

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"
)

// SetMonthlyCommands sets the month's commands that the management API reports; those
// that the emulator counts from now on are added.
func (s *Server) SetMonthlyCommands(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.figures.monthly = n - s.figures.billed
}

// Month is what the management API reports of the month beside the commands.
type Month struct {
	// Type is the plan, free where empty, and Budget its most dollars a month.
	Type   string
	Budget float64
	// Bandwidth is the traffic in bytes, Dollars what the month cost.
	Bandwidth, Dollars float64
	// Counts are the newest counts of each type of command.
	Counts map[string][]float64
}

// SetMonth sets what the management API reports of the month.
func (s *Server) SetMonth(m Month) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.figures.month = m
}

// SetSetting sets a field of the database in the management API, for example
// ("state", "suspended"). Nil leaves the field out.
func (s *Server) SetSetting(field string, value any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.figures.settings[field] = value
}

// Action is an entry of the account's audit log.
type Action struct {
	At           time.Time
	Name, Entity string
}

// SetActions sets the account's audit log.
func (s *Server) SetActions(actions ...Action) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.figures.actions = actions
}

// auditLog has the fields of https://upstash.com/docs/devops/developer-api/account/list_audit_logs.
func (s *Server) auditLog() []any {
	s.mu.Lock()
	defer s.mu.Unlock()
	entries := []any{}
	for i, a := range s.figures.actions {
		entries = append(entries, map[string]any{
			"log_id": fmt.Sprintf("log-%d", i), "customer_id": s.options.Email, "actor": s.options.Email, "timestamp": a.At.Unix(), "action": 13, "action_string": a.Name,
			"source": "CONSOLE", "entity": a.Entity, "secondary_entity": "NA", "third_entity": "", "readable_format": "", "ip": "192.0.2.1",
			"ttl": a.At.Add(30 * 24 * time.Hour).Unix(), "reason": "", "notes": "",
		})
	}
	return entries
}

// Join makes the other servers' databases part of this server's account: its management API
// serves them all.
func (s *Server) Join(others ...*Server) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.figures.joined = append(s.figures.joined, others...)
}

// account returns the servers whose databases are in the account.
func (s *Server) account() []*Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*Server{s}, s.figures.joined...)
}

// handleManagement adds the parts of https://api.upstash.com/v2 that a monitor reads.
func (s *Server) handleManagement(mux *http.ServeMux) {
	mux.HandleFunc("GET /auditlogs", s.managed(func(w http.ResponseWriter, _ *http.Request, _ *Server) {
		writeJSON(w, http.StatusOK, s.auditLog())
	}))
	mux.HandleFunc("GET /v2/redis/databases", s.managed(func(w http.ResponseWriter, r *http.Request, _ *Server) {
		all := []any{}
		for _, one := range s.account() {
			all = append(all, one.database(r))
		}
		writeJSON(w, http.StatusOK, all)
	}))
	mux.HandleFunc("GET /v2/redis/database/{id}", s.managed(func(w http.ResponseWriter, r *http.Request, one *Server) {
		writeJSON(w, http.StatusOK, one.database(r))
	}))
	mux.HandleFunc("GET /v2/redis/stats/{id}", s.managed(func(w http.ResponseWriter, _ *http.Request, one *Server) {
		writeJSON(w, http.StatusOK, one.stats())
	}))
}

// managed guards a handler by HTTP Basic, and finds the database of the path.
func (s *Server) managed(next func(http.ResponseWriter, *http.Request, *Server)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		email, key, _ := r.BasicAuth()
		if !same(email, s.options.Email) || !same(key, s.options.APIKey) {
			writeJSON(w, http.StatusUnauthorized, "Unauthorized")
			return
		}
		id := r.PathValue("id")
		for _, one := range s.account() {
			if id == "" || id == one.options.DatabaseID {
				next(w, r, one)
				return
			}
		}
		writeJSON(w, http.StatusNotFound, "database not found")
	}
}

func (s *Server) database(r *http.Request) map[string]any {
	s.mu.Lock()
	month, settings := s.figures.month, maps.Clone(s.figures.settings)
	s.mu.Unlock()
	d := map[string]any{
		"database_id": s.options.DatabaseID, "database_name": "emulated", "region": "global", "primary_region": "us-east-1",
		"read_regions": []string{}, "state": "active", "modifying_state": "", "endpoint": "beloved-stallion-58500", "port": 6379, "tls": true,
		"type": cmp.Or(month.Type, "free"), "budget": cmp.Or(month.Budget, 20), "eviction": false, "auto_upgrade": false, "prod_pack_enabled": false,
		"db_max_clients": 10000, "db_max_request_size": 10485760, "db_max_entry_size": 104857600,
		"db_disk_threshold": 268435456, "db_memory_threshold": 67108864, "db_max_commands_per_second": 10000,
		"db_request_limit": int64(8024278031528736858), "db_daily_bandwidth_limit": int64(10) << 30,
		"db_acl_enabled": "false", "daily_backup_enabled": false, "securityAddons": map[string]bool{"ipWhitelisting": false},
	}
	for field, value := range settings {
		if d[field] = value; value == nil {
			delete(d, field)
		}
	}
	if r.URL.Query().Get("credentials") != "hide" {
		d["rest_token"], d["read_only_rest_token"] = s.Token(), s.ReadOnlyToken()
	}
	return d
}

func (s *Server) stats() map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := &s.figures
	requests := f.monthly + f.billed
	now := time.Now().UTC().Truncate(time.Minute)
	// Upstash prints Go's time.String, and its last point may be null.
	series := func(value float64) []any {
		return []any{
			map[string]any{"x": now.Add(-2 * time.Minute).String(), "y": value},
			map[string]any{"x": now.Add(-time.Minute).String(), "y": value},
			map[string]any{"x": now.String(), "y": nil},
		}
	}
	counts := []any{}
	for name, values := range f.month.Counts {
		points := []any{}
		for i, v := range values {
			points = append(points, map[string]any{"x": now.Add(time.Duration(i-len(values)) * time.Hour).String(), "y": v})
		}
		counts = append(counts, map[string]any{"metric_identifier": name, "data_points": points})
	}
	return map[string]any{
		"total_monthly_requests": requests, "total_monthly_read_requests": f.reads, "total_monthly_write_requests": f.writes,
		"daily_net_commands": f.billed, "daily_read_requests": f.reads, "daily_write_requests": f.writes, "dailybandwidth": 0,
		"total_monthly_bandwidth": f.month.Bandwidth, "total_monthly_storage": 0, "current_storage": 0, "total_monthly_billing": f.month.Dollars, "command_counts": counts,
		"days": []string{strings.ToUpper(now.Weekday().String()[:3])}, "hits": series(0), "misses": series(0), "throughput": series(0),
		"keyspace": series(0), "latencymean": series(1), "latency_99": series(2), "connection_count": nil,
	}
}
