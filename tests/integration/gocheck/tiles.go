package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// A log's files as c2sp.org/tlog-tiles names them.
type served struct{ directory string }

func (s served) Height() int                     { return 8 }
func (s served) SaveTiles([]tlog.Tile, [][]byte) {}
func (s served) read(path string) ([]byte, error) {
	return os.ReadFile(filepath.Join(s.directory, path))
}

// Go's paths name the height too: tile/8/0/001 is tile/0/001.
func (s served) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, tile := range tiles {
		data, err := s.read("tile/" + strings.TrimPrefix(tile.Path(), "tile/8/"))
		if err != nil {
			return nil, err
		}
		out = append(out, data)
	}
	return out, nil
}

// The entries of a bundle, of which there are exactly `width`.
func (s served) entries(index, width int64) ([][]byte, error) {
	path := strings.Replace(tlog.Tile{H: 8, L: 0, N: index, W: int(width)}.Path(), "tile/8/0/", "tile/entries/", 1)
	data, err := s.read(path)
	if err != nil {
		return nil, err
	}
	var out [][]byte
	for int64(len(out)) < width {
		if len(data) < 2 {
			return nil, errors.New("a bundle is cut off")
		}
		length := int(binary.BigEndian.Uint16(data))
		if len(data) < 2+length {
			return nil, errors.New("an entry is cut off")
		}
		out = append(out, data[2:2+length])
		data = data[2+length:]
	}
	if len(data) != 0 {
		return nil, errors.New("bytes after a bundle")
	}
	return out, nil
}

func checkTiles(vkey, directory string) error {
	s := served{directory}
	text, err := s.read("checkpoint")
	if err != nil {
		return err
	}
	head, err := openHead(string(text), vkey, 0, nil)
	if err != nil {
		return err
	}
	// The reader authenticates every tile that it reads against the head.
	reader := tlog.TileHashReader(*head, s)
	for first := int64(0); first < head.N; first += 256 {
		width := head.N - first
		if width > 256 {
			width = 256
		}
		entries, err := s.entries(first/256, width)
		if err != nil {
			return err
		}
		for i, entry := range entries {
			record := first + int64(i)
			hashes, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, record)})
			if err != nil {
				return err
			}
			if hashes[0] != tlog.RecordHash(entry) {
				return fmt.Errorf("entry %d is not the tree's", record)
			}
		}
	}
	return nil
}
