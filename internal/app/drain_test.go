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
