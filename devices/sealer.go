package devices

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Sealer keeps device tokens secret at rest. Its keys derive from SECRET_KEY, one for each use, so that what one of
// them reveals is of no use against the others. It is safe for concurrent use.
type Sealer struct {
	aead  cipher.AEAD
	hash  []byte
	check string
}

// What the keys are for. Changing one of these texts makes what was stored under it unreadable.
const (
	infoSeal  = "iot-center device token sealing v1"
	infoHash  = "iot-center device token hashing v1"
	infoCheck = "iot-center secret key check v1"
)

// sealPrefix names the format of a sealed token.
const sealPrefix = "v1."

// NewSealer derives the keys from SECRET_KEY. Anything but nothing will do as a secret: how long one has to be is for
// the configuration to say.
func NewSealer(secret []byte) (*Sealer, error) {
	if len(secret) == 0 {
		return nil, errors.New("a sealer needs a secret")
	}
	derive := func(info string) ([]byte, error) { return hkdf.Key(sha256.New, secret, nil, info, 32) }
	seal, err := derive(infoSeal)
	if err != nil {
		return nil, fmt.Errorf("deriving the sealing key: %w", err)
	}
	hash, err := derive(infoHash)
	if err != nil {
		return nil, fmt.Errorf("deriving the hashing key: %w", err)
	}
	check, err := derive(infoCheck)
	if err != nil {
		return nil, fmt.Errorf("deriving the check value: %w", err)
	}
	block, err := aes.NewCipher(seal)
	if err != nil {
		return nil, fmt.Errorf("preparing the sealing key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("preparing the sealing key: %w", err)
	}
	return &Sealer{aead: aead, hash: hash, check: hex.EncodeToString(check[:16])}, nil
}

// Seal encrypts a token for the record of this device. Two seals of one token differ.
func (s *Sealer) Seal(id ID, token string) (string, error) {
	if token == "" {
		return "", errors.New("there is no token to seal")
	}
	sealed := s.aead.Seal(nil, nil, []byte(token), []byte(id))
	return sealPrefix + base64.RawURLEncoding.EncodeToString(sealed), nil
}

// Open decrypts a token that Seal made for this device. What does not open, because of another key, another device or
// a change on the way, is ErrWrongKey: the cases cannot be told apart.
func (s *Sealer) Open(id ID, sealed string) (string, error) {
	text, ok := strings.CutPrefix(sealed, sealPrefix)
	if !ok {
		return "", fmt.Errorf("%w: the format is unknown", ErrWrongKey)
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return "", fmt.Errorf("%w: it is damaged", ErrWrongKey)
	}
	token, err := s.aead.Open(nil, nil, raw, []byte(id))
	if err != nil {
		return "", ErrWrongKey
	}
	return string(token), nil
}

// Hash is the keyed hash by which a token is recognised, in hex. Without the key it says nothing about the token, and
// so looking it up in a map gives nothing away by its timing either.
func (s *Sealer) Hash(token string) string {
	sum := s.sum(token)
	return hex.EncodeToString(sum[:])
}

func (s *Sealer) sum(token string) (sum tokenHash) {
	mac := hmac.New(sha256.New, s.hash)
	mac.Write([]byte(token))
	mac.Sum(sum[:0])
	return sum
}

// Check is a value that tells whether two processes have the same SECRET_KEY, and nothing else about it.
func (s *Sealer) Check() string { return s.check }

// SameCheck compares check values in constant time.
func (s *Sealer) SameCheck(other string) bool { return hmac.Equal([]byte(s.check), []byte(other)) }

// tokenHash is the keyed hash of a token.
type tokenHash [sha256.Size]byte

// parseHash reads what Hash wrote.
func parseHash(s string) (h tokenHash, ok bool) {
	if len(s) != hex.EncodedLen(len(h)) {
		return h, false
	}
	_, err := hex.Decode(h[:], []byte(s))
	return h, err == nil
}

// String is the hash as parseHash reads it.
func (h tokenHash) String() string { return hex.EncodeToString(h[:]) }
