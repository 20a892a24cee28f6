package devices

import "strings"

// enrolmentCounts numbers the enrolment keys that records name, so that a row holds a number in the place of a text, and
// counts the ids of each. The zero value is ready for use; it is guarded by whoever holds it.
type enrolmentCounts struct {
	names   []string // by number; the first is no key at all
	numbers map[string]uint32
	ids     []int // by number
}

// move takes an id from one key to another and gives the other one's number.
func (c *enrolmentCounts) move(from uint32, to string) uint32 {
	if from != 0 {
		c.ids[from]--
	}
	if to == "" {
		return 0
	}
	if c.numbers == nil {
		c.names, c.ids, c.numbers = []string{""}, []int{0}, make(map[string]uint32)
	}
	n, ok := c.numbers[to]
	if !ok {
		to = strings.Clone(to) // it may be part of a larger text
		n = uint32(len(c.names))
		c.names, c.ids = append(c.names, to), append(c.ids, 0)
		c.numbers[to] = n
	}
	c.ids[n]++
	return n
}

// name gives the key of a number.
func (c *enrolmentCounts) name(n uint32) string {
	if n == 0 {
		return ""
	}
	return c.names[n]
}

// enrolled is the number of ids whose newest record names an enrolment key.
func (m *readModel) enrolled(key string) int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	n, ok := m.enrolment.numbers[key]
	if !ok {
		return 0
	}
	return m.enrolment.ids[n]
}
