package ollamatest

import (
	"errors"
	"fmt"
	"net/http"
)

type pullRequest struct {
	Model    string `json:"model"`
	Insecure bool   `json:"insecure,omitempty"`
	Username string `json:"username"`
	Password string `json:"password"`
	Stream   *bool  `json:"stream,omitempty"`
	Name     string `json:"name"`
}

type pushRequest pullRequest

// pull installs whatever has a valid name: the pretend registry knows every model.
func (c *call) pull() {
	var req pullRequest
	if !c.bind(&req) {
		return
	}
	ref, err := parsePullReference(orDefault(req.Model, req.Name))
	switch {
	case errors.Is(err, errBothSources):
		c.fail(http.StatusBadRequest, err.Error())
		return
	case err != nil:
		c.fail(http.StatusBadRequest, badName)
		return
	}
	p := c.progress(req.Stream)
	if c.pulled(p, c.library.spelled(ref.name)) != nil {
		p.say(progressRecord{Status: "success"})
	}
	p.end()
}

// steps is in how many records a layer comes down.
const steps = 5

// pulled is the model when it is there, nil if the client left or a fault struck.
func (c *call) pulled(p *progress, n modelName) *installed {
	if !p.say(progressRecord{Status: "pulling manifest"}) {
		return nil
	}
	m := newInstalled(Model{Name: n.String()}, c.opts)
	m.Digest = digestOf("pulled", n.String())
	if old := c.library.get(n); old != nil {
		m = old
	} else if !c.transferred(p, "pulling ", m) {
		return nil
	}
	layer := progressRecord{Status: "pulling " + m.Weights[:12], Digest: "sha256:" + m.Weights, Total: m.Size, Completed: m.Size}
	for _, r := range []progressRecord{layer, {Status: "verifying sha256 digest"}, {Status: "writing manifest"}} {
		if !p.say(r) {
			return nil
		}
	}
	c.library.put(m)
	return m
}

// transferred reports the way of a layer, up to but not including its end.
func (c *call) transferred(p *progress, verb string, m *installed) bool {
	layer := progressRecord{Status: verb + m.Weights[:12], Digest: "sha256:" + m.Weights, Total: m.Size}
	for i := range int64(steps) {
		layer.Completed = m.Size * i / steps
		if !p.say(layer) || !c.wait(c.pace()) {
			return false
		}
	}
	return true
}

// push says yes to every model that is there, without a word to anybody.
func (c *call) push() {
	var req pushRequest
	if !c.bind(&req) {
		return
	}
	name := orDefault(req.Model, req.Name)
	if name == "" {
		c.fail(http.StatusBadRequest, errNoModel.Error())
		return
	}
	p := c.progress(req.Stream)
	defer p.end()
	if !p.say(progressRecord{Status: "retrieving manifest"}) {
		return
	}
	n := c.library.spelled(parseName(name))
	m := c.library.get(n)
	if m == nil {
		if p.say(progressRecord{Status: "couldn't retrieve manifest"}) {
			p.fail(http.StatusInternalServerError, missingManifest(n))
		}
		return
	}
	if c.transferred(p, "pushing ", m) {
		p.say(progressRecord{Status: "pushing " + m.Weights[:12], Digest: "sha256:" + m.Weights, Total: m.Size, Completed: m.Size})
		p.say(progressRecord{Status: "pushing manifest"})
		p.say(progressRecord{Status: "success"})
	}
}

func missingManifest(n modelName) string {
	if !n.valid() {
		return fmt.Sprintf("%v: %v", errUnqualified, n)
	}
	return fmt.Sprintf("open /var/lib/ollama/models/manifests/%s/%s/%s/%s: no such file or directory", n.host, n.namespace, n.model, n.tag)
}
