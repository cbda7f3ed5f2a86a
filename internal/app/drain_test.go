package app

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// streaming starts an answer that takes about pace * 15 and returns it after its first record.
func streaming(t *testing.T, pace time.Duration, flags ...string) (*running, *http.Response, *bufio.Reader) {
	t.Helper()
	o := with("tiny-chain")
	o.Pace = pace
	s := ollama(t, o)
	r := start(t, append([]string{"--connection", "s=" + s.URL()}, flags...)...)
	res, err := http.Post(r.url+"/api/chat", "application/json", strings.NewReader(chat))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	in := bufio.NewReader(res.Body)
	if _, err := in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return r, res, in
}

func TestRunningAnswersFinishAfterTheFirstSignalAndNewOnesAreNotTaken(t *testing.T) {
	r, _, in := streaming(t, 20*time.Millisecond)
	r.stop()
	eventually(t, func() bool { return strings.Contains(r.log.String(), "stopping") })
	eventually(t, func() bool { return r.get("/").err != nil })
	rest, err := io.ReadAll(in)
	if err != nil || !strings.Contains(string(rest), `"done":true`) {
		t.Errorf("%v %s", err, rest)
	}
}

func TestASecondSignalCutsAnswersHonestly(t *testing.T) {
	r, _, in := streaming(t, 500*time.Millisecond)
	r.stop()
	r.now()
	start := time.Now()
	rest, err := io.ReadAll(in)
	if err != nil || !strings.Contains(string(rest), `{"error":"gollamas is stopping: the answer was cut"}`) {
		t.Errorf("%v %s", err, rest)
	}
	if time.Since(start) > 2*time.Second {
		t.Errorf("it took %v", time.Since(start))
	}
	if x := r.exchange(1); x.Gone || !strings.Contains(x.Err, "stopping") {
		t.Errorf("%+v", x)
	}
}

func TestDrainBoundsHowLongAnswersMayTake(t *testing.T) {
	_, _, in := func() (*running, *http.Response, *bufio.Reader) {
		r, res, in := streaming(t, 500*time.Millisecond, "--drain", "100ms")
		r.stop()
		return r, res, in
	}()
	rest, err := io.ReadAll(in)
	if err != nil || !strings.Contains(string(rest), "gollamas is stopping") {
		t.Errorf("%v %s", err, rest)
	}
}

// delayed is a gollamas that says it is not ready for so long before it stops.
func delayed(t *testing.T, delay string) *running {
	s := ollama(t, with("tiny-chain"))
	r := operated(t, "--connection", "s="+s.URL(), "--drain-delay", delay)
	r.op("/readyz").want(t, 200, "ready")
	r.stop()
	r.said(1, `"msg":"stopping soon: not ready any more, but new requests are still taken","drain_delay":"`)
	return r
}

func TestDuringTheDrainDelayItIsNotReadyButServes(t *testing.T) {
	r := delayed(t, "1h")
	r.op("/readyz").want(t, 503, "stopping\n")
	for range 3 { // each on a new connection
		r.post("/api/chat", chat).want(t, 200, `"done":true`)
	}
	if strings.Contains(r.log.String(), "no new requests") {
		t.Error("it says that it takes no new requests")
	}
	r.now()
	r.over()
	if got := r.get("/"); got.err == nil {
		t.Errorf("a second signal does not skip the delay: %d", got.status)
	}
}

func TestAfterTheDrainDelayRunningAnswersFinish(t *testing.T) {
	pretend(t, "drain_delay: 7s\ndrain: 30s\n"+onlyA, both(paced(time.Second)), func(t *testing.T, w *world) {
		w.stop()
		wait(5 * time.Second)
		late := w.send("/api/chat", about("m")) // takes 15 seconds
		wait(3 * time.Second)
		if got := w.get("/api/version"); got.err == nil {
			t.Errorf("a request is taken behind the delay: %d", got.status)
		}
		late.end().want(t, 200, `"done":true`)
		if late.took != 15*time.Second {
			t.Errorf("it took %v", late.took)
		}
	})
}
