package proxy

import (
	"net/http"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
)

// An outcome is how one attempt went, before the first byte reached the client.
type outcome struct {
	status  int  // of the answer, 0 = none came
	unsent  bool // nothing of the request was sent: no connection, or no TLS
	stalled bool // it was sent, and nothing came for too long
	gone    bool // the client left
	changes bool // the request changes a server
	retried bool // a 500 was passed over once already
	loading bool // it is of a load of gollamas' own, not of the request
}

// tryNext says whether the next server may be asked. This is the retry table;
// the first byte having reached the client, it is not asked again.
func (o outcome) tryNext() bool {
	switch {
	case o.gone:
		return false
	case o.unsent:
		return true
	case o.status == 0:
		return !o.changes
	case o.status == http.StatusNotFound, o.status == http.StatusServiceUnavailable:
		return true
	case o.status == http.StatusBadGateway, o.status == http.StatusGatewayTimeout:
		return !o.changes // a proxy in front of the server speaks: it is the server that did not answer
	case o.status == http.StatusInternalServerError:
		return o.loading || !o.changes && !o.retried // it may be a bad option as well as a bad server
	}
	return false
}

// stale says that what is known of the server may be out of date.
func (o outcome) stale() bool {
	return !o.gone && (o.status == 0 || o.status == http.StatusNotFound || o.status == http.StatusServiceUnavailable)
}

// why is what became of the attempt.
func (o outcome) why() Why {
	switch {
	case o.status == 0 && o.gone:
		return WhyLeft
	case o.unsent:
		return WhyUnreached
	case o.stalled:
		return WhyStalled
	case o.status == 0:
		return WhyBroke
	case o.status == http.StatusNotFound:
		return WhyMissing
	case o.status == http.StatusServiceUnavailable:
		return WhyFull
	case o.failed():
		return WhyFailed
	}
	return WhyServed
}

// verdict is what an attempt that led nowhere says about its server. text is its answer's.
func (o outcome) verdict(text string) fleet.Verdict {
	switch o.why() {
	case WhyUnreached:
		return fleet.Unreached
	case WhyStalled:
		return fleet.Stalled
	case WhyBroke:
		return fleet.Failed
	case WhyFailed:
		if o.status != http.StatusInternalServerError || ollama.ServerFault(text) {
			return fleet.Failed
		}
	}
	return fleet.Neutral // a full queue, a list that was out of date, a request that cannot be
}

// failed says that the answer, if there is one, tells of the server rather than of the request.
func (o outcome) failed() bool { return o.status == 0 || failing(o.status) }

func failing(status int) bool {
	switch status {
	case http.StatusNotFound, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}
