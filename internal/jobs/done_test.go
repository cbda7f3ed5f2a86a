package jobs

import (
	"context"
	"errors"
	"testing"

	"gollamas/internal/fleet"
)

func TestALoadBeganUnlessItWasRefusedOrNeverArrived(t *testing.T) {
	for _, c := range []struct {
		done LoadDone
		want bool
	}{
		{LoadDone{Load: fleet.LoadStart}, true},
		{LoadDone{Load: fleet.LoadAgain, Fault: "num_ctx"}, true},
		{LoadDone{Load: fleet.LoadNone}, false}, // it was found loaded
		{LoadDone{Load: fleet.LoadStart, Err: errRefused}, false},
		{LoadDone{Load: fleet.LoadStart, Err: &fleet.LoadError{Unsent: true}}, false},
		{LoadDone{Load: fleet.LoadStart, Err: &fleet.LoadError{Status: 503}}, false},
		{LoadDone{Load: fleet.LoadStart, Err: &fleet.LoadError{Status: 500}}, true},
		{LoadDone{Load: fleet.LoadStart, Err: &fleet.LoadError{Stalled: true}}, true},
		{LoadDone{Load: fleet.LoadStart, Err: context.Canceled}, true},
		{LoadDone{Load: fleet.LoadStart, Err: errors.New("cut")}, true},
	} {
		if got := c.done.Began(); got != c.want {
			t.Errorf("%+v: %v", c.done, got)
		}
	}
}
