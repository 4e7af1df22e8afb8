package main

import (
	"slices"
	"time"
)

type status string

const (
	// caught: everything that must notice it did, and every other layer still protected.
	caught status = "caught"
	// unnoticed: something that must notice it did not.
	unnoticed status = "UNNOTICED"
	// broken: the saboteur does not work.
	broken status = "BROKEN"
)

type verdict struct {
	ID      string `json:"id"`
	Layer   layer  `json:"layer"`
	Removes string `json:"removes"`
	Status  status `json:"status"`
	// By lists the tests, findings and attacks that noticed it, the named ones first.
	By []string `json:"by"`
	// Missed lists what should have noticed it, or should have passed.
	Missed []string `json:"missed,omitempty"`
	// Held is the layer that still isolates, Stayed the tests that prove it. Crossed is set if an attack succeeded.
	Held    string   `json:"held,omitempty"`
	Stayed  []string `json:"stayed,omitempty"`
	Crossed bool     `json:"crossed,omitempty"`
	// Why is the error of a broken saboteur.
	Why  string `json:"why,omitempty"`
	Took string `json:"took"`
}

func newVerdict(s saboteur) verdict {
	return verdict{ID: s.id, Layer: s.layer, Removes: s.removes, Held: s.held, By: []string{}}
}

func (v verdict) layer() layer { return v.Layer }

// end sets the status.
func (v verdict) end(err error, began time.Time) verdict {
	v.Took = time.Since(began).Round(100 * time.Millisecond).String()
	switch {
	case err != nil:
		v.Status, v.Why = broken, err.Error()
	case len(v.Missed) > 0 || len(v.By) == 0:
		v.Status = unnoticed
	default:
		v.Status = caught
	}
	return v
}

// noticed adds what noticed it, wanted ones first, and what was wanted and did not.
func (v verdict) noticed(kind string, wanted, got []string) verdict {
	for _, w := range wanted {
		if slices.Contains(got, w) {
			v.By = append(v.By, kind+" "+w)
		} else {
			v.Missed = append(v.Missed, kind+" "+w)
		}
	}
	for _, g := range got {
		if !slices.Contains(wanted, g) {
			v.By = append(v.By, kind+" "+g)
		}
	}
	return v
}

func count(verdicts []verdict, s status) int {
	n := 0
	for _, v := range verdicts {
		if v.Status == s {
			n++
		}
	}
	return n
}
