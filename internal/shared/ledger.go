package shared

import (
	"maps"
	"slices"

	"gollamas/internal/keys"
)

// A ledger is what this gollamas has to tell. Of what runs it holds absolute numbers, so nothing can leak: what was
// not heard, or was heard twice, is put right by the next number. Tokens are sums, and told in numbered batches,
// each of which counts once.
type ledger struct {
	running map[string]int  // a key's name → its requests that run here
	changed map[string]bool // keys whose number has not been told
	version int64           // of the last number: an older one does not replace a newer
	whole   bool            // everything is to be told anew

	spent map[expense]int64 // tokens that are in no batch yet
	batch map[expense]int64 // tokens that are told until they are heard
	no    int64             // the batch's
}

// An expense is a key's day.
type expense struct {
	key string
	day int64
}

func newLedger() ledger {
	return ledger{running: map[string]int{}, changed: map[string]bool{}, spent: map[expense]int64{}, batch: map[expense]int64{}}
}

// A number is how many requests of a key run here, and how new that is.
type number struct {
	version int64
	running int
}

// add changes what runs for a key.
func (l *ledger) add(k keys.Key, by int) number {
	if k.Parallel == 0 {
		return number{}
	}
	l.version++
	l.running[k.Name] += by
	l.changed[k.Name] = true
	return number{l.version, l.running[k.Name]}
}

// spend notes tokens. Those of days that are over help nobody.
func (l *ledger) spend(k keys.Key, tokens, day int64) {
	if k.PerDay == 0 || tokens == 0 {
		return
	}
	l.spent[expense{k.Name, day}] += tokens
	maps.DeleteFunc(l.spent, func(e expense, _ int64) bool { return e.day < day-1 })
}

// tell is the numbers to be told now, by their keys.
func (l *ledger) tell() map[string]number {
	if l.whole {
		for name := range l.running {
			l.changed[name] = true
		}
	}
	out := map[string]number{}
	for name := range l.changed {
		out[name] = number{l.version, l.running[name]}
	}
	if len(l.batch) == 0 && len(l.spent) > 0 {
		l.no++
		l.batch, l.spent = l.spent, map[expense]int64{}
	}
	return out
}

// heard forgets what need not be told again. What has changed since has.
func (l *ledger) heard(told map[string]number) {
	l.whole = false
	for name, n := range told {
		if n.running == l.running[name] {
			delete(l.changed, name)
		}
		if l.running[name] == 0 {
			delete(l.running, name)
		}
	}
	clear(l.batch)
}

// expenses are a batch's, in an order.
func (l *ledger) expenses() []expense {
	return slices.Collect(maps.Keys(l.batch))
}
