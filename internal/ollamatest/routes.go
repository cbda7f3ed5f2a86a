package ollamatest

import (
	"net/http"
	"strings"
)

// routes are the methods in the order Ollama's router has them, each with its paths. A path that
// ends in a slash takes one more segment.
type routes []methodRoutes

type methodRoutes struct {
	method string
	paths  map[string]func(*call)
}

func (s *Server) routing() routes {
	get := map[string]func(*call){
		"/":            (*call).root,
		"/api/version": (*call).version,
		"/api/status":  (*call).status,
		"/api/tags":    (*call).tags,
		"/api/ps":      (*call).ps,
		"/v1/models":   (*call).v1Models,
		"/v1/models/":  (*call).v1Model,
		"/api/experimental/model-recommendations": (*call).recommendations,
	}
	head := map[string]func(*call){
		"/":            (*call).root,
		"/api/version": (*call).version,
		"/api/tags":    (*call).tags,
		"/api/blobs/":  (*call).headBlob,
	}
	post := map[string]func(*call){
		"/api/generate":                (*call).generate,
		"/api/chat":                    (*call).chat,
		"/api/embed":                   (*call).embed,
		"/api/embeddings":              (*call).embeddings,
		"/api/show":                    (*call).show,
		"/api/create":                  (*call).create,
		"/api/copy":                    (*call).copy,
		"/api/pull":                    (*call).pull,
		"/api/push":                    (*call).push,
		"/api/blobs/":                  (*call).createBlob,
		"/api/me":                      (*call).me,
		"/api/signout":                 (*call).signout,
		"/api/experimental/web_search": (*call).webSearch,
		"/api/experimental/web_fetch":  (*call).webFetch,
		"/v1/chat/completions":         v1((*call).v1Chat),
		"/v1/completions":              v1((*call).v1Completions),
		"/v1/embeddings":               v1((*call).v1Embeddings),
		"/v1/responses":                v1((*call).v1Responses),
		"/v1/messages":                 v1((*call).v1Messages),
		"/v1/audio/transcriptions":     (*call).v1Transcriptions,
	}
	if !s.newer {
		post["/v1/images/generations"] = v1((*call).v1Images)
		post["/v1/images/edits"] = v1((*call).v1ImageEdits)
	}
	del := map[string]func(*call){
		"/api/delete":     (*call).delete,
		"/api/user/keys/": (*call).signout,
	}
	return routes{{"HEAD", head}, {"GET", get}, {"POST", post}, {"DELETE", del}}
}

// find looks a path up among one method's, and says what its last segment is where that counts.
func (m methodRoutes) find(path string) (handle func(*call), param string) {
	if path == "/" || !strings.HasSuffix(path, "/") {
		if h := m.paths[path]; h != nil {
			return h, ""
		}
	}
	i := strings.LastIndex(path, "/") + 1
	if i > 1 && path[i:] != "" {
		return m.paths[path[:i]], path[i:]
	}
	return nil, ""
}

func (r routes) of(method string) methodRoutes {
	for _, m := range r {
		if m.method == method {
			return m
		}
	}
	return methodRoutes{}
}

// allowed are the methods a path is known for.
func (r routes) allowed(path string) string {
	var methods []string
	for _, m := range r {
		if h, _ := m.find(path); h != nil {
			methods = append(methods, m.method)
		}
	}
	return strings.Join(methods, ", ")
}

// dispatch finds the handler. A trailing slash is redirected before origin and host are looked
// at, everything else after.
func (c *call) dispatch() {
	path := c.r.URL.Path
	mine := c.routes.of(c.r.Method)
	handle, param := mine.find(path)
	if bare := strings.TrimSuffix(path, "/"); handle == nil && bare != path {
		if h, _ := mine.find(bare); h != nil {
			c.redirect(bare)
			return
		}
	}
	allowed := c.routes.allowed(path)
	if handle == nil && allowed != "" {
		c.w.Header().Set("Allow", allowed)
	}
	switch {
	case !c.admitted():
	case handle != nil:
		c.param = param
		handle(c)
	case allowed != "":
		c.answer(http.StatusMethodNotAllowed, plain, []byte("405 method not allowed"))
	default:
		c.answer(http.StatusNotFound, plain, []byte("404 page not found"))
	}
}

func (c *call) redirect(path string) {
	to := *c.r.URL
	to.Path = path
	code := http.StatusTemporaryRedirect
	if c.r.Method == http.MethodGet {
		code = http.StatusMovedPermanently
	}
	http.Redirect(c.w, c.r, to.String(), code)
}

func (c *call) root() {
	c.answer(http.StatusOK, "text/plain; charset=utf-8", []byte("Ollama is running"))
}

func (c *call) version() {
	c.json(http.StatusOK, struct {
		Version string `json:"version"`
	}{c.opts.Version})
}
