package nkmedia

import (
	"container/heap"
	"time"
)

// alarm is something to be done at a time. What it does gets the conversation
// that rings it, since a session may have moved to another by then.
type alarm struct {
	at    time.Time
	ring  func(*conversation)
	index int // in the clock; -1: not set
}

// clock holds alarms, the next first; see [heap.Interface].
type clock []*alarm

func (k clock) Len() int           { return len(k) }
func (k clock) Less(i, j int) bool { return k[i].at.Before(k[j].at) }
func (k clock) Swap(i, j int) {
	k[i], k[j] = k[j], k[i]
	k[i].index, k[j].index = i, j
}

// Push implements [heap.Interface].
func (k *clock) Push(x any) {
	a := x.(*alarm)
	a.index = len(*k)
	*k = append(*k, a)
}

// Pop implements [heap.Interface].
func (k *clock) Pop() any {
	last := len(*k) - 1
	a := (*k)[last]
	(*k)[last] = nil
	*k = (*k)[:last]
	a.index = -1
	return a
}

// set makes an alarm.
func (k *clock) set(after time.Duration, ring func(*conversation)) *alarm {
	a := &alarm{at: time.Now().Add(after), ring: ring}
	heap.Push(k, a)
	return a
}

// stop takes an alarm out, if it is set; nil is none.
func (k *clock) stop(a *alarm) {
	if a != nil && a.index >= 0 {
		heap.Remove(k, a.index)
	}
}

// move sets an alarm to another time from now.
func (k *clock) move(a *alarm, after time.Duration) {
	a.at = time.Now().Add(after)
	if a.index >= 0 {
		heap.Fix(k, a.index)
	} else {
		heap.Push(k, a)
	}
}

// next returns when the first alarm rings; the zero time for none.
func (k clock) next() time.Time {
	if len(k) == 0 {
		return time.Time{}
	}
	return k[0].at
}

// due takes out the first alarm whose time has come, nil if there is none.
func (k *clock) due(now time.Time) *alarm {
	if len(*k) == 0 || now.Before((*k)[0].at) {
		return nil
	}
	return heap.Pop(k).(*alarm)
}

// earlier returns the earlier of two times, of which zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
