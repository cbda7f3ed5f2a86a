package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// sends sends a request as it stands, to the one server at, and returns the answer.
func (f *managed) sends(t *testing.T, request, body, at string) (status int, answer string) {
	t.Helper()
	method, path, _ := strings.Cut(request, " ")
	req, err := http.NewRequestWithContext(limited(t), method, f.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Gollamas-Server", at)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	said, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(said)
}

// Each is sent to b alone, which would not be asked otherwise, or not alone.
var chosen = []struct {
	request, body string
	status        int
}{
	{"POST /api/pull", `{"model":"fresh","stream":false}`, 200},
	{"POST /api/create", `{"model":"mine","from":"tiny-chain","stream":false}`, 200},
	{"HEAD /api/blobs/sha256:" + emptyDigest, "", 404},
	{"POST /api/blobs/sha256:" + emptyDigest, "", 201},
	{"HEAD /api/blobs/sha256:" + emptyDigest, "", 200},
	{"POST /api/copy", `{"source":"tiny-chain","destination":"nowhere-else"}`, 200},
	{"POST /api/show", `{"model":"nowhere-else"}`, 200},
	{"GET /api/tags", "", 200},
	{"GET /api/ps", "", 200},
	{"POST /api/push", `{"model":"tiny-chain","stream":false}`, 200},
	{"DELETE /api/delete", `{"model":"nowhere-else"}`, 200},
	{"DELETE /api/delete", `{"model":"nowhere-else"}`, 404},
}

// emptyDigest is that of no bytes.
const emptyDigest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func TestWhoMayManageSendsARequestToOneServer(t *testing.T) {
	onManaged(t, func(t *testing.T, f *managed) {
		for _, c := range chosen {
			if status, answer := f.sends(t, c.request, c.body, "b"); status != c.status {
				t.Errorf("%s %s: %d %s", c.request, c.body, status, answer)
			}
			_, path, _ := strings.Cut(c.request, " ")
			if at := f.asked(path); strings.Trim(at, "b ") != "" || at == "" && !strings.HasPrefix(c.request, "GET") {
				t.Errorf("%s %s reached %q", c.request, c.body, at)
			}
			f.forget()
		}
		f.holders(t, "fresh", "b")
		f.holders(t, "mine", "b")
	})
}

func TestWhoMayManageSeesWhatOneServerLists(t *testing.T) {
	onManaged(t, func(t *testing.T, f *managed) {
		if _, list := f.sends(t, "GET /api/tags", "", "c"); !strings.Contains(list, "tiny-embed") || strings.Contains(list, "tiny-chain") {
			t.Errorf("c lists %s", list)
		}
	})
}

func TestAServerThatIsNotThereIsNotChosen(t *testing.T) {
	onManaged(t, func(t *testing.T, f *managed) {
		for _, c := range chosen {
			status, answer := f.sends(t, c.request, c.body, "d")
			if status != 400 || !strings.HasPrefix(c.request, "HEAD") && !strings.Contains(answer, `there is no server \"d\"; there are a, b, c`) {
				t.Errorf("%s: %d %s", c.request, status, answer)
			}
		}
		f.untouched(t, "a server that is not there")
	})
}

func TestWhoMayNotManageChoosesNoServer(t *testing.T) {
	onKinds(t, []kind{pretended, newer}, func(t *testing.T, k kind) {
		f := newManaged(t, k)
		for _, c := range chosen {
			status, answer := f.sends(t, c.request, c.body, "b")
			if status != 403 || !strings.HasPrefix(c.request, "HEAD") && !strings.Contains(answer, "--manage") {
				t.Errorf("%s: %d %s", c.request, status, answer)
			}
		}
		f.untouched(t, "without --manage")
	})
}
