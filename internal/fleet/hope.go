package fleet

// Hope is what a request may still expect of servers that have not been asked.
type Hope uint8

// How much there is.
const (
	HopeAll  Hope = iota // nothing has answered, or only that it has not got the model: any server is better
	HopeSome             // an answer is there that tells of its server: others are worth asking, but none that is down
	HopeNone             // one is there that may be the request's own doing: only who has a place at once is asked
)
