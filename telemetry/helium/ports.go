package helium

import (
	"sync"

	"iotcenter/devices"
)

// maxKnownPorts bounds the memory for names of ports, of all owners together; it is about 30 MB at the worst.
const maxKnownPorts = 100_000

// knownPorts remembers which ports owners have, so that a write to one of them asks nobody. When it is full it forgets
// all, and learns again.
type knownPorts struct {
	mu    sync.Mutex
	names map[devices.ID]map[string]struct{}
	count int
}

func (k *knownPorts) has(owner devices.ID, port string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, known := k.names[owner][port]
	return known
}

// set replaces what is known of an owner.
func (k *knownPorts) set(owner devices.ID, ports []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.count -= len(k.names[owner])
	delete(k.names, owner)
	for _, port := range ports {
		k.addLocked(owner, port)
	}
}

// add tells that an owner has a port.
func (k *knownPorts) add(owner devices.ID, port string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.addLocked(owner, port)
}

func (k *knownPorts) addLocked(owner devices.ID, port string) {
	if _, known := k.names[owner][port]; known {
		return
	}
	if k.count >= maxKnownPorts || k.names == nil {
		k.names, k.count = map[devices.ID]map[string]struct{}{}, 0
	}
	if k.names[owner] == nil {
		k.names[owner] = map[string]struct{}{}
	}
	k.names[owner][port] = struct{}{}
	k.count++
}
