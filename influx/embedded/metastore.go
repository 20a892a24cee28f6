package embedded

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/influxdata/influxdb/services/meta"
)

const (
	metaName       = "meta.db"
	metaBackupName = "meta.db.backup"
	metaMagic      = "iotmeta1"
)

// errMetaLost: neither the meta file nor its backup can be used.
var errMetaLost = errors.New("meta.db is damaged and there is no usable backup of it")

// metaStore is the engine's meta client (databases, retention, shard groups)
// with a second, checksummed copy of its file that is renewed after each
// change: the engine refuses to open with a damaged meta.db, and all data of
// all buckets hangs on it.
type metaStore struct {
	*meta.Client
	dir string
	log *slog.Logger

	backupMu sync.Mutex
}

func openMeta(dir string, log *slog.Logger) (*metaStore, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := repairMeta(dir, log); err != nil {
		return nil, err
	}
	cfg := meta.NewConfig()
	cfg.Dir = dir
	cfg.LoggingEnabled = false
	m := &metaStore{Client: meta.NewClient(cfg), dir: dir, log: log}
	if err := m.Client.Open(); err != nil {
		return nil, fmt.Errorf("open meta.db: %w", err)
	}
	if err := m.backup(); err != nil {
		return nil, fmt.Errorf("back up meta.db: %w", err)
	}
	return m, nil
}

// changed runs a change and renews the backup if it changed anything. A backup
// that cannot be written is logged and does not undo the change.
func (m *metaStore) changed(change func() error) error {
	before := m.WaitForDataChanged()
	err := change()
	select {
	case <-before:
		if berr := m.backup(); berr != nil {
			m.log.Error("back up meta.db", "error", berr)
		}
	default:
	}
	return err
}

// CreateDatabaseWithRetentionPolicy creates a database with its only retention policy.
func (m *metaStore) CreateDatabaseWithRetentionPolicy(name string, spec *meta.RetentionPolicySpec) (di *meta.DatabaseInfo, err error) {
	err = m.changed(func() error { di, err = m.Client.CreateDatabaseWithRetentionPolicy(name, spec); return err })
	return di, err
}

// UpdateRetentionPolicy changes how long a database keeps its points.
func (m *metaStore) UpdateRetentionPolicy(database, name string, rpu *meta.RetentionPolicyUpdate, makeDefault bool) error {
	return m.changed(func() error { return m.Client.UpdateRetentionPolicy(database, name, rpu, makeDefault) })
}

// DropDatabase forgets a database.
func (m *metaStore) DropDatabase(name string) error {
	return m.changed(func() error { return m.Client.DropDatabase(name) })
}

// CreateShardGroup answers the shard group for a time and makes it if needed.
func (m *metaStore) CreateShardGroup(database, policy string, at time.Time) (sg *meta.ShardGroupInfo, err error) {
	err = m.changed(func() error { sg, err = m.Client.CreateShardGroup(database, policy, at); return err })
	return sg, err
}

// DeleteShardGroup marks a shard group deleted.
func (m *metaStore) DeleteShardGroup(database, policy string, id uint64) error {
	return m.changed(func() error { return m.Client.DeleteShardGroup(database, policy, id) })
}

// PruneShardGroups forgets shard groups that were deleted long ago.
func (m *metaStore) PruneShardGroups() error { return m.changed(m.Client.PruneShardGroups) }

func (m *metaStore) backup() error {
	m.backupMu.Lock()
	defer m.backupMu.Unlock()
	data, err := m.MarshalBinary()
	if err != nil {
		return err
	}
	return writeFileAtomic(filepath.Join(m.dir, metaBackupName), sealMeta(data))
}

// sealMeta puts a magic and a checksum before the data.
func sealMeta(data []byte) []byte {
	out := append([]byte(metaMagic), 0, 0, 0, 0)
	binary.BigEndian.PutUint32(out[len(metaMagic):], crc32.ChecksumIEEE(data))
	return append(out, data...)
}

func unsealMeta(sealed []byte) ([]byte, bool) {
	head := len(metaMagic) + 4
	if len(sealed) < head || !bytes.HasPrefix(sealed, []byte(metaMagic)) {
		return nil, false
	}
	data := sealed[head:]
	return data, binary.BigEndian.Uint32(sealed[len(metaMagic):]) == crc32.ChecksumIEEE(data)
}

// metaIndex reads the change counter of a meta file; false if it is damaged.
func metaIndex(data []byte) (index uint64, ok bool) {
	defer func() {
		if recover() != nil { // the decoder panics on some garbage
			index, ok = 0, false
		}
	}()
	if len(data) == 0 {
		return 0, false
	}
	var d meta.Data
	if err := d.UnmarshalBinary(data); err != nil {
		return 0, false
	}
	return d.Index, d.Index > 0
}

// repairMeta puts the backup in place of a meta.db that is missing or damaged.
// The main file is sound if it can be read and is either newer than the backup
// (a crash came between the two writes) or equal to it.
func repairMeta(dir string, log *slog.Logger) error {
	name := filepath.Join(dir, metaName)
	main, mainErr := os.ReadFile(name)
	if mainErr != nil && !errors.Is(mainErr, fs.ErrNotExist) {
		return mainErr
	}
	sealed, err := os.ReadFile(filepath.Join(dir, metaBackupName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	backup, backupOK := unsealMeta(sealed)
	mainIndex, mainOK := metaIndex(main)
	if mainErr != nil && !backupOK {
		if sealed == nil {
			return nil // a new folder
		}
		return fmt.Errorf("%w: %s", errMetaLost, dir)
	}
	if mainOK {
		backupIndex, ok := metaIndex(backup)
		if !backupOK || !ok || mainIndex > backupIndex || bytes.Equal(main, backup) {
			return nil
		}
	}
	if !backupOK {
		return fmt.Errorf("%w: %s", errMetaLost, dir)
	}
	if mainErr == nil {
		// Kept for whoever wants to find out what happened.
		if err := writeFileAtomic(name+".damaged", main); err != nil {
			return err
		}
	}
	if err := writeFileAtomic(name, backup); err != nil {
		return err
	}
	log.Warn("meta.db was damaged or missing and has been restored from its backup", "folder", dir)
	return nil
}
