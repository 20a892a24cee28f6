package helium

import (
	"crypto/sha256"
	"encoding/binary"
	"math"

	"github.com/google/uuid"

	"iotcenter/devices"
)

// The bits of an id, from the left: 48 of the time, the version, 12 of the time, the variant, 4 of the time, 58 of the
// hash. The time's sign is flipped, so that ids of one port sort as their times do.
const (
	hashBits = 58
	hashMask = 1<<hashBits - 1
	signBit  = 1 << 63
)

// PointID is the id of a point: a UUIDv8 (RFC 9562) of the stored time and a hash of owner and port.
func PointID(owner devices.ID, port string, at int64) uuid.UUID {
	return joinID(at, portHash(owner, port))
}

// joinID makes an id of its two parts.
func joinID(at int64, hash uint64) (id uuid.UUID) {
	stamp := uint64(at) ^ signBit
	binary.BigEndian.PutUint64(id[:8], stamp&^0xffff|8<<12|stamp>>4&0xfff)
	binary.BigEndian.PutUint64(id[8:], 1<<63|stamp&0xf<<hashBits|hash)
	return id
}

// portHash is the second part of the ids of a port's points. A device id has no zero byte, so the two cannot run together.
func portHash(owner devices.ID, port string) uint64 {
	text := make([]byte, 0, len(owner)+1+len(port))
	text = append(text, owner...)
	text = append(text, 0)
	text = append(text, port...)
	sum := sha256.Sum256(text)
	return binary.BigEndian.Uint64(sum[:8]) & hashMask
}

// IDTime is the stored time in a point's id; false for a UUID that is none.
func IDTime(id uuid.UUID) (at int64, ok bool) {
	if id.Version() != 8 || id.Variant() != uuid.RFC4122 {
		return 0, false
	}
	high, low := binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
	at = int64((high&^0xffff | high&0xfff<<4 | low>>hashBits&0xf) ^ signBit)
	// The ends of the scale are no times for InfluxDB.
	return at, at > math.MinInt64+1 && at < math.MaxInt64-1
}

// idHash is the second part of an id.
func idHash(id uuid.UUID) uint64 { return binary.BigEndian.Uint64(id[8:]) & hashMask }

// hashes remembers the second parts of the ids of an answer, which has few ports and many points.
type hashes struct {
	owner devices.ID
	known map[string]uint64
}

func (h *hashes) of(port string) uint64 {
	if hash, known := h.known[port]; known {
		return hash
	}
	hash := portHash(h.owner, port)
	if h.known == nil {
		h.known = map[string]uint64{}
	}
	h.known[port] = hash
	return hash
}
