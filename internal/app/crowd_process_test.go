//go:build unix

package app

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// crowdEnv tells a process of these tests that it is a crowd: how many connections, and where to.
const crowdEnv = "GOLLAMAS_TEST_CROWD"

func TestMain(m *testing.M) {
	if of := os.Getenv(crowdEnv); of != "" {
		os.Exit(beCrowd(of))
	}
	os.Exit(m.Run())
}

// beCrowd opens the connections, says so, and holds them until nobody listens any more.
func beCrowd(of string) int {
	number, address, _ := strings.Cut(of, " ")
	n, _ := strconv.Atoi(number)
	conns := make([]net.Conn, n)
	var wg sync.WaitGroup
	for part := range 4 {
		wg.Go(func() {
			for i := part; i < n; i += 4 {
				c, err := net.Dial("tcp", address)
				if err != nil {
					fmt.Println(err)
					os.Exit(1)
				}
				if conns[i] = c; i%2 == 0 { // the others say nothing
					_, _ = io.WriteString(c, "POST /api/chat HTTP/1.1\r\nHost: localhost\r\nX-A: ")
				}
			}
		})
	}
	wg.Wait()
	fmt.Println("here")
	_, _ = io.Copy(io.Discard, os.Stdin)
	for _, c := range conns {
		_ = c.Close()
	}
	return 0
}

// crowd has another process hold so many connections, for this one may not open as many files, until leave is called.
func crowd(t *testing.T, n int, address string) (leave func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), crowdEnv+"="+strconv.Itoa(n)+" "+address)
	stay, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	said, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	word := make([]byte, 200)
	k, _ := said.Read(word)
	if string(word[:k]) != "here\n" {
		t.Fatalf("the crowd says %q", word[:k])
	}
	return func() {
		_ = stay.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
}
