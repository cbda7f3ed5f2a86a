package app

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"gollamas/internal/ollamatest"
)

func TestTheServerHearsWithin100msThatTheClientLeft(t *testing.T) {
	for what, body := range map[string]string{
		"streaming":     chat,
		"not streaming": strings.Replace(chat, "{", `{"stream":false,`, 1),
	} {
		t.Run(what, func(t *testing.T) {
			o := with("tiny-chain")
			o.Pace = 50 * time.Millisecond
			s := ollama(t, o)
			r := start(t, "--proxy", "tiny-chain="+s.URL())
			ctx, leave := context.WithCancel(t.Context())
			left := make(chan time.Time, 1)
			go func() {
				for s.InFlight() == 0 || len(asked(s, "/api/chat")) == 0 {
					time.Sleep(time.Millisecond)
				}
				time.Sleep(120 * time.Millisecond) // mid-answer
				left <- time.Now()
				leave()
			}()
			req, err := http.NewRequestWithContext(ctx, "POST", r.url+"/api/chat", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if res, err := http.DefaultClient.Do(req); err == nil {
				for in := bufio.NewScanner(res.Body); in.Scan(); {
				}
				res.Body.Close()
			}
			x := r.exchange(1)
			heard := x.Start.Add(x.Total).Sub(<-left)
			deadline := time.Now().Add(5 * time.Second)
			for !asked(s, "/api/chat")[0].Gone && time.Now().Before(deadline) {
				time.Sleep(time.Millisecond)
			}
			if !asked(s, "/api/chat")[0].Gone || heard > 100*time.Millisecond {
				t.Errorf("the server knows: %v; gollamas ended it after %v", asked(s, "/api/chat")[0].Gone, heard)
			}
			if !x.Gone || x.Err != "" {
				t.Errorf("the exchange says %+v", x)
			}
		})
	}
}

func TestAClientThatLeavesBeforeTheFirstByteIs499AndNobodysFault(t *testing.T) {
	a, b, r := two(t, with("tiny-chain"))
	a.Fault(ollamatest.Fault{Kind: ollamatest.Hang, Path: "/api/chat"})
	ctx, leave := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer leave()
	req, err := http.NewRequestWithContext(ctx, "POST", r.url+"/api/chat", strings.NewReader(chat))
	if err != nil {
		t.Fatal(err)
	}
	if res, err := http.DefaultClient.Do(req); err == nil {
		res.Body.Close()
		t.Fatal("there was an answer")
	}
	if x := r.exchange(1); x.Status != 499 || !x.Gone || len(x.Attempts) != 1 {
		t.Errorf("%+v", x)
	}
	if len(asked(b, "/api/chat")) != 0 {
		t.Error("the next server was asked for somebody who had left")
	}
}

func TestAClientThatLeavesWithinItsBodyIs499(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := start(t, "--connection", "s="+s.URL())
	c := dial(t, r.url)
	fmt.Fprint(c, "POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{\"model\":")
	c.Close()
	if x := r.exchange(1); x.Status != 499 || !x.Gone || x.Err != "" {
		t.Errorf("%+v", x)
	}
}

func TestAClientThatShutsItsSideGetsNoMadeUpAnswer(t *testing.T) {
	o := with("tiny-chain")
	o.Pace = time.Hour
	s := ollama(t, o)
	r := start(t, "--connection", "s="+s.URL())
	c := dial(t, r.url)
	fmt.Fprintf(c, "POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", len(chat), chat)
	c.(*net.TCPConn).CloseWrite()
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if answer, err := io.ReadAll(c); len(answer) > 0 || err != nil {
		t.Errorf("it got %q (%v)", answer, err)
	}
}

func TestEveryExchangeIsToldBeforeRunReturns(t *testing.T) {
	o := with("tiny-chain")
	o.Pace = time.Hour
	s := ollama(t, o)
	r := start(t, "--connection", "s="+s.URL())
	for range 5 {
		c := dial(t, r.url)
		fmt.Fprintf(c, "POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", len(chat), chat)
	}
	eventually(t, func() bool { return len(asked(s, "/api/chat")) == 5 || s.InFlight() == 5 })
	r.stop()
	r.now()
	err := <-r.done
	r.mu.Lock()
	told := len(r.exchanges)
	r.mu.Unlock()
	r.done <- err
	if told != 5 {
		t.Errorf("%d of 5 exchanges were told when Run returned", told)
	}
}

func TestNothingLeaksAndNoGoroutineOutlivesRun(t *testing.T) {
	before := settled()
	o := with("tiny-chain")
	o.Pace = time.Millisecond
	o.Parallel = 64
	s := ollama(t, o)
	r := start(t, "--proxy", "tiny-chain="+s.URL())
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			req, _ := http.NewRequestWithContext(ctx, "POST", r.url+"/api/chat", strings.NewReader(chat))
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				return
			}
			defer res.Body.Close()
			in := bufio.NewScanner(res.Body)
			for lines := 0; in.Scan() && (i%2 == 0 || lines < 3); lines++ { // every second one leaves early
			}
		})
	}
	wg.Wait()
	http.DefaultClient.CloseIdleConnections()
	r.stop()
	err := <-r.done
	r.done <- err // for the cleanup
	s.Close()
	if after := settled(); after > before {
		buf := make([]byte, 1<<20)
		t.Errorf("%d goroutines before, %d after:\n%s", before, after, buf[:runtime.Stack(buf, true)])
	}
}

// settled is the number of goroutines once it has not fallen for a while.
func settled() int {
	n, least := runtime.NumGoroutine(), time.Now()
	for time.Since(least) < 300*time.Millisecond {
		time.Sleep(5 * time.Millisecond)
		if now := runtime.NumGoroutine(); now < n {
			n, least = now, time.Now()
		}
	}
	return n
}
