package ollamatest

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

type copyRequest struct {
	Source      string `json:"source"`
	Destination string `json:"destination"`
}

type deleteRequest struct {
	Model string `json:"model"`
	Name  string `json:"name"`
}

// copy does not take :local and :cloud off a name; delete does.
func (c *call) copy() {
	var req copyRequest
	if !c.bind(&req) {
		return
	}
	from, to := parseName(req.Source), parseName(req.Destination)
	switch {
	case !from.valid():
		c.fail(http.StatusBadRequest, fmt.Sprintf("source %q is invalid", req.Source))
		return
	case !to.valid():
		c.fail(http.StatusBadRequest, fmt.Sprintf("destination %q is invalid", req.Destination))
		return
	}
	m := c.library.find(from)
	if m == nil {
		c.fail(http.StatusNotFound, fmt.Sprintf("model %q not found", req.Source))
		return
	}
	twin := *m
	twin.name = c.library.spelled(to)
	twin.Modified = time.Now()
	c.library.put(&twin)
	c.w.WriteHeader(http.StatusOK)
}

func (c *call) delete() {
	var req deleteRequest
	if !c.bind(&req) {
		return
	}
	name := orDefault(req.Model, req.Name)
	ref, err := parsePullReference(name)
	gone := c.library.find(ref.name)
	switch {
	case errors.Is(err, errUnqualified):
		c.fail(http.StatusBadRequest, fmt.Sprintf("name %q is invalid", name))
	case err != nil:
		c.fail(http.StatusBadRequest, err.Error())
	case !c.library.remove(c.library.spelled(ref.name)):
		c.fail(http.StatusNotFound, notFound(name))
	default:
		c.dropped(gone)
		c.w.WriteHeader(http.StatusOK)
	}
}

// dropped removes the file of a model that is gone, unless another has it: it must be uploaded again (manifest.go, RemoveLayers).
func (s *Server) dropped(m *installed) {
	if m == nil || s.library.holdsWeights(m.Weights) != nil {
		return
	}
	s.blobs.mu.Lock()
	defer s.blobs.mu.Unlock()
	delete(s.blobs.held, m.Weights)
}
