package gateway

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

func TestABodyIsReadWholeWhateverLengthWasAnnounced(t *testing.T) {
	for _, n := range []int{0, 1, 4095, 4096, 4097, 100_000, trusted - 1, trusted, trusted + 1, 3 * trusted} {
		want := bytes.Repeat([]byte{'x'}, n)
		for _, length := range []int64{int64(n), -1} {
			got, err := readAll(bytes.NewReader(want), length, 1<<30)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d announced as %d: %d bytes, %v", n, length, len(got), err)
			}
			if length > trusted && cap(got) != n+1 {
				t.Errorf("%d bytes took a buffer of %d", n, cap(got))
			}
		}
	}
	if _, err := readAll(bytes.NewReader(make([]byte, 101)), -1, 100); !errors.Is(err, errTooLarge) {
		t.Error(err)
	}
	if got, err := readAll(bytes.NewReader(make([]byte, 100)), -1, 100); err != nil || len(got) != 100 {
		t.Error(len(got), err)
	}
	if _, err := readAll(iotest.ErrReader(io.ErrUnexpectedEOF), 5, 100); err != io.ErrUnexpectedEOF {
		t.Error(err)
	}
}

func TestAnAnnouncedLengthAloneTakesNoMemory(t *testing.T) {
	got, err := readAll(bytes.NewReader([]byte("{}")), 500<<20, 512<<20)
	if err != nil || cap(got) > trusted+1 {
		t.Errorf("%d bytes of room for 2 that came (%v)", cap(got), err)
	}
}

func TestSizesAreWrittenAsAPersonWould(t *testing.T) {
	for n, want := range map[int64]string{512 << 20: "512 MiB", 1 << 30: "1 GiB", 64 << 10: "64 KiB", 1000: "1000 bytes"} {
		if got := size(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}
