package people

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// What the keys are for. Changing one of these texts ends everything that was stored under it.
const (
	infoSession = "iot-center session hashing v1"
	infoKey     = "iot-center api key hashing v1"
	infoCode    = "iot-center one-time code hashing v1"
)

// secretBytes is how much randomness a session, an API key and a one-time code hold: nobody guesses that.
const secretBytes = 32

// keyPrefix opens every API key that is made here, so that a person, and a scanner of repositories, knows one.
const keyPrefix = "iotc_"

// hashes are the keyed hashes under which secrets are stored. Whoever reads the database learns nothing that signs
// in, and looking a hash up in a map gives nothing away by its timing. Each use has a key of its own, so that a
// secret of one kind is never taken for one of another.
type hashes struct{ session, key, code keyedHash }

// keyedHash hashes secrets of one kind.
type keyedHash []byte

func newHashes(secret []byte) (h hashes, err error) {
	if len(secret) == 0 {
		return h, errors.New("a directory needs a secret")
	}
	for info, into := range map[string]*keyedHash{infoSession: &h.session, infoKey: &h.key, infoCode: &h.code} {
		if *into, err = hkdf.Key(sha256.New, secret, nil, info, sha256.Size); err != nil {
			return h, fmt.Errorf("deriving a hashing key: %w", err)
		}
	}
	return h, nil
}

// of is the hash of a secret, as text.
func (k keyedHash) of(secret string) string {
	mac := hmac.New(sha256.New, k)
	mac.Write([]byte(secret))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// newSecret makes a secret that nobody guesses: 43 characters of the base64url alphabet.
func newSecret() string {
	raw := make([]byte, secretBytes)
	rand.Read(raw) // it cannot fail
	return base64.RawURLEncoding.EncodeToString(raw)
}

// isSecret tells whether a text can have been made by newSecret. What cannot is refused before anybody is asked.
func isSecret(s string) bool {
	if len(s) != base64.RawURLEncoding.EncodedLen(secretBytes) || strings.ContainsAny(s, "\r\n") {
		return false // the decoder would pass over line breaks
	}
	_, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil
}

// isKeySecret tells whether a text can be the secret of an API key that was made here.
func isKeySecret(s string) bool {
	rest, ok := strings.CutPrefix(s, keyPrefix)
	return ok && isSecret(rest)
}
