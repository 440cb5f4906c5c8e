// Checks an inclusion proof with code that is not Souk's: golang.org/x/mod/sumdb.
//
//	gocheck VKEY ENTRY-FILE PROOF-FILE
//
// Exit 0 where the proof (c2sp.org/tlog-proof@v1) shows that the entry is in the log whose key is
// VKEY; 1 with a line on stderr where it does not; 2 on misuse.
package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type proof struct {
	index      int64
	hashes     tlog.RecordProof
	checkpoint string
}

func parseDecimal(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != s {
		return 0, fmt.Errorf("bad number %q", s)
	}
	return n, nil
}

func parseProof(text string) (*proof, error) {
	head, checkpoint, found := strings.Cut(text, "\n\n")
	if !found {
		return nil, errors.New("no blank line")
	}
	lines := strings.Split(head, "\n")
	if lines[0] != "c2sp.org/tlog-proof@v1" {
		return nil, errors.New("not a proof")
	}
	lines = lines[1:]
	if len(lines) > 0 && strings.HasPrefix(lines[0], "extra ") {
		if _, err := base64.StdEncoding.Strict().DecodeString(lines[0][len("extra "):]); err != nil {
			return nil, err
		}
		lines = lines[1:]
	}
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "index ") {
		return nil, errors.New("no index")
	}
	index, err := parseDecimal(lines[0][len("index "):])
	if err != nil {
		return nil, err
	}
	p := &proof{index: index, checkpoint: checkpoint}
	for _, line := range lines[1:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return nil, err
		}
		p.hashes = append(p.hashes, hash)
	}
	return p, nil
}

// The tree head in a checkpoint's text. tlog.ParseTree wants the Go checksum database's origin.
func parseHead(text, origin string) (*tlog.Tree, error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) < 3 || lines[0] != origin {
		return nil, errors.New("not a checkpoint of " + origin)
	}
	size, err := parseDecimal(lines[1])
	if err != nil {
		return nil, err
	}
	hash, err := tlog.ParseHash(lines[2])
	if err != nil {
		return nil, err
	}
	return &tlog.Tree{N: size, Hash: hash}, nil
}

func check(vkey string, entry []byte, text string) error {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	p, err := parseProof(text)
	if err != nil {
		return err
	}
	opened, err := note.Open([]byte(p.checkpoint), note.VerifierList(verifier))
	if err != nil {
		return err
	}
	head, err := parseHead(opened.Text, verifier.Name())
	if err != nil {
		return err
	}
	if p.index >= head.N {
		return errors.New("the entry lies beyond the checkpoint")
	}
	return tlog.CheckRecord(p.hashes, head.N, head.Hash, p.index, tlog.RecordHash(entry))
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: gocheck VKEY ENTRY-FILE PROOF-FILE")
		os.Exit(2)
	}
	entry, err := os.ReadFile(os.Args[2])
	if err == nil {
		var text []byte
		if text, err = os.ReadFile(os.Args[3]); err == nil {
			err = check(os.Args[1], entry, string(text))
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gocheck:", err)
		os.Exit(1)
	}
}
