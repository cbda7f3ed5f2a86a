package ollamatest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"
)

// keepAlive is a request's keep_alive: seconds, or a duration as text; below zero = for ever.
type keepAlive time.Duration

func (k *keepAlive) UnmarshalJSON(b []byte) error {
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	var d time.Duration
	switch v := v.(type) {
	case float64:
		d = time.Duration(v * float64(time.Second))
		if v < 0 {
			d = forever
		}
	case string:
		var err error
		if d, err = time.ParseDuration(v); err != nil {
			return err
		}
		if d < 0 {
			d = forever
		}
	default:
		//lint:ignore ST1005 Ollama's own text
		return fmt.Errorf("Unsupported type: '%s'", reflect.TypeOf(v))
	}
	*k = keepAlive(d)
	return nil
}

// duration is nil when the request said nothing.
func (k *keepAlive) duration() *time.Duration {
	if k == nil {
		return nil
	}
	d := time.Duration(*k)
	return &d
}
