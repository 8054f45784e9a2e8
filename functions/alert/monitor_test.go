package alert

import (
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/report"
)

func TestCanary(t *testing.T) {
	canary := func(w *sim, status report.Status) report.Observation {
		return report.Observation{Database: report.MonitorDatabase, Check: report.Monitor, Subject: "network", Source: "us", Status: status, Clear: status == report.OK, At: w.now, Every: time.Minute}
	}
	run := func(w *sim, status report.Status, letters string) {
		obs := []report.Observation{canary(w, status)}
		for i, l := range letters {
			obs = append(obs, w.ping(string(rune('a'+i)), "us", l))
		}
		w.step(w.report("us", obs...))
		w.now = w.now.Add(time.Minute)
	}
	t.Run("it worked before and fails with two databases: the network is what is wrong", func(t *testing.T) {
		w := newSim(t)
		run(w, report.OK, "..")
		for range 3 {
			run(w, report.Fail, "xx")
		}
		run(w, report.OK, "..")
		w.check("1 slack opened; 4 slack resolved")
	})
	t.Run("what it hid is over when the databases answer, asked or not", func(t *testing.T) {
		w := newSim(t)
		run(w, report.OK, "..")
		run(w, report.Fail, "xx")
		w.life("..")
		w.check("1 slack opened; 2 slack resolved")
	})
	t.Run("it never worked: it proves nothing", func(t *testing.T) {
		w := newSim(t)
		for range 3 {
			run(w, report.Fail, "xx")
		}
		w.check("1 slack opened; 1 slack opened")
	})
	t.Run("one database fails: the network is not to blame", func(t *testing.T) {
		w := newSim(t)
		run(w, report.OK, "..")
		for range 3 {
			run(w, report.Fail, "x.")
		}
		w.check("2 slack opened")
	})
}

func TestOutage(t *testing.T) {
	w := newSim(t)
	w.down["slack"] = true
	w.life(".xx..")
	w.down["slack"] = false
	w.life("..")
	w.check("5 slack past")
}

func TestAnUnreadableStateIsCalledToMindForADay(t *testing.T) {
	w := newSim(t)
	w.p.Jobs = nil
	w.step(Input{SetAside: "aside/v1/main/1"})
	w.now = w.now.Add(24 * time.Hour)
	w.step(Input{})
	w.check("0 slack opened; 1440 slack resolved")
}

func TestAnAlertThatWasDeadDoesNotTakeThatForSilence(t *testing.T) {
	w := newSim(t)
	w.life("..")
	w.now = w.now.Add(time.Hour)
	w.step(Input{})
	w.life(" ...")
	w.check("")
	w.life("       ")
	w.check("71 slack opened")
}
