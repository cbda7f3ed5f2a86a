package jobs

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhatBecameOfAFileIsRememberedOfEachServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewChanges(ChangesOptions{})
		a, b := changing("a").Server, changing("b").Server
		if c.Sent("d") != nil {
			t.Error("something is known of a file that nobody has sent")
		}
		c.remember("d", []Outcome{{Server: a, Status: 404}, {Server: b, Why: "gone"}})
		c.remember("d", []Outcome{{Server: a, Done: true, Status: 201}})
		sent := c.Sent("d")
		if len(sent) != 2 || sent[0].Server != b || sent[0].Why != "gone" || sent[1].Server != a || !sent[1].Done {
			t.Errorf("%+v", sent)
		}
		time.Sleep(fileMemory)
		if c.Sent("d") == nil {
			t.Error("it is forgotten before its time")
		}
		time.Sleep(time.Nanosecond)
		if c.Sent("d") != nil || len(c.files) > 0 {
			t.Error("it is remembered for ever")
		}
	})
}

func TestOfFilesTheOldestAreForgotten(t *testing.T) {
	c := NewChanges(ChangesOptions{})
	a := changing("a").Server
	for i := range mostFiles {
		c.remember(fmt.Sprint(i), []Outcome{{Server: a}})
	}
	c.remember("0", []Outcome{{Server: a, Done: true}}) // it is used again
	c.remember("new", []Outcome{{Server: a}})
	if c.Sent("1") != nil || len(c.files) != mostFiles {
		t.Errorf("%d are remembered, and the oldest among them", len(c.files))
	}
	if sent := c.Sent("0"); len(sent) != 1 || !sent[0].Done {
		t.Errorf("one that was used lately is %+v", sent)
	}
}
