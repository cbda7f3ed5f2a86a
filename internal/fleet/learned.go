package fleet

import "time"

// Learned is what a duration has been lately. Its zero value knows nothing.
type Learned struct {
	N       int           // how often it was seen
	Typical time.Duration // a mean in which the last few count most
	Slowest time.Duration // the slowest, forgotten slowly
}

// With is what is known after one more.
func (l Learned) With(d time.Duration) Learned {
	if l.N == 0 {
		return Learned{1, d, d}
	}
	l.N++
	l.Typical += (d - l.Typical) / 5
	l.Slowest = max(d, l.Slowest-l.Slowest/20)
	return l
}

// enough is how often a duration must have been seen to judge by it.
const enough = 3

// Stall bounds how long a server may send nothing. Zero = for ever.
type Stall struct {
	First time.Duration // before the first byte of an answer
	Next  time.Duration // between two of a stream
}

// The margins around what was learned. They are wide on purpose: a request that
// is slower than all before it is usually a long prompt, and cutting it would be worse than waiting.
const (
	firstTimes  = 10
	firstFloor  = 30 * time.Second
	perByte     = 10 * time.Millisecond // of the request: 25 tokens a second is a slow processor reading a prompt
	gapTimes    = 20
	gapFloor    = 30 * time.Second
	longestHint = 1 << 20 // bytes beyond which the length of a request says nothing new
)

// firstWithin is how long the first byte of a stream may take from a model that is loaded and has nothing else to do.
func (s Stall) firstWithin(l Learned, size int) time.Duration {
	if l.N < enough {
		return s.First
	}
	return least(s.First, firstTimes*l.Slowest+firstFloor+time.Duration(min(size, longestHint))*perByte)
}

// nextWithin is how long the next byte of a stream may take.
func (s Stall) nextWithin(l Learned) time.Duration {
	if l.N < enough {
		return s.Next
	}
	return least(s.Next, gapTimes*l.Slowest+gapFloor)
}

// least is the smaller of two bounds, where zero is none.
func least(a, b time.Duration) time.Duration {
	if a == 0 || b < a {
		return b
	}
	return a
}
