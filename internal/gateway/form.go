package gateway

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"

	"gollamas/internal/balance"
	"gollamas/internal/fleet"
	"gollamas/internal/proxy"
	"gollamas/internal/rewrite"
)

// maxField is how long a form's model name may be.
const maxField = 4096

// mostParts is how many parts a form may have, as mime/multipart's ReadForm has it.
const mostParts = 1000

var errNotForm = errors.New("request Content-Type isn't multipart/form-data")

// decideForm decides on a request whose model stands in a form or, winning
// over it, in the query. An alias is therefore replaced in the query, and the form,
// tens of megabytes of sound, passes as it is.
func (g *Gateway) decideForm(ask Ask) Decision {
	e := ask.Endpoint
	asked, err := formModel(ask)
	if err != nil {
		a := refusal(e.Dialect, http.StatusBadRequest, "failed to parse multipart form: "+err.Error())
		return Decision{Answer: &a}
	}
	match, no := g.match(ask, asked)
	if no != nil {
		return Decision{Asked: asked, Answer: no}
	}
	w := &wanted{Gateway: g, endpoint: e, matched: match, model: rewrite.Model{Asked: asked}, send: cmp.Or(match.Send, asked), via: ask.Via, key: ask.Key}
	job := g.job(e, match, asked, balance.Ask{Members: match.now(e), On: w.runner})
	job.Size = len(ask.Body)
	job.Target, job.Whole = ask.Target, true // Ollama calls {"text":…} a stream of records
	body := [][]byte{ask.Body}
	if !match.away {
		job.Ready = w.ready()
	}
	job.For = func(s *fleet.Server) proxy.Sending {
		as := w.sending(s)
		if as.Body = body; as.Model != asked { // the query wins over the form's field
			as.Target = e.Path + "?model=" + url.QueryEscape(as.Model)
			if ask.Query != "" {
				as.Target += "&" + ask.Query
			}
		}
		return as
	}
	return Decision{Asked: asked, Model: known(match), Job: job}
}

// formModel is what http.Request.FormValue would give the server.
func formModel(ask Ask) (string, error) {
	query, err := url.ParseQuery(ask.Query)
	if err != nil {
		return "", err
	}
	media, params, err := mime.ParseMediaType(ask.ContentType)
	if err != nil || media != "multipart/form-data" {
		return "", errNotForm
	}
	if params["boundary"] == "" {
		return "", http.ErrMissingBoundary
	}
	if v, ok := query["model"]; ok {
		return v[0], nil
	}
	form := multipart.NewReader(bytes.NewReader(ask.Body), params["boundary"])
	for range mostParts {
		part, err := form.NextPart()
		if err == io.EOF {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		if part.FormName() == "model" && part.FileName() == "" {
			value, err := io.ReadAll(io.LimitReader(part, maxField))
			return string(value), err
		}
	}
	return "", multipart.ErrMessageTooLarge
}
