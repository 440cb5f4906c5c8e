// Judges what Souk's ledger writes with code that is not Souk's: golang.org/x/mod/sumdb.
//
//	gocheck < CASES > VERDICTS
//
// A case is a line: a kind and its fields, each in base64 ("-" where it is empty). Its verdict is a
// line: "ok", or "no: " and a reason. The kinds:
//
//	proof LOG ENTRY PROOF QUORUM WITNESS...
//	      The proof (c2sp.org/tlog-proof@v1) shows that the entry is in the log with this verifier key,
//	      and its checkpoint is cosigned by at least QUORUM of the witnesses.
//	consistency LOG OLD NEW HASHES
//	      The second signed checkpoint extends the first, as the hashes, a line each, prove.
//	tiles LOG DIRECTORY
//	      The directory holds what c2sp.org/tlog-tiles serves: a checkpoint, and tiles and entries that
//	      make its tree.
package main

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func parseDecimal(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != s {
		return 0, fmt.Errorf("bad number %q", s)
	}
	return n, nil
}

func parseHashes(lines []string) ([]tlog.Hash, error) {
	var hashes []tlog.Hash
	for _, line := range lines {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, hash)
	}
	return hashes, nil
}

type proof struct {
	index      int64
	hashes     tlog.RecordProof
	checkpoint string
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
	hashes, err := parseHashes(lines[1:])
	if err != nil {
		return nil, err
	}
	return &proof{index: index, hashes: hashes, checkpoint: checkpoint}, nil
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

// The head of a note that the log signed, and at least `quorum` of the witnesses.
func openHead(text, vkey string, quorum int64, witnesses []string) (*tlog.Tree, error) {
	log, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, err
	}
	known := []note.Verifier{log}
	for _, witness := range witnesses {
		cosigner, err := newCosigner(witness)
		if err != nil {
			return nil, err
		}
		known = append(known, cosigner)
	}
	opened, err := note.Open([]byte(text), note.VerifierList(known...))
	if err != nil {
		return nil, err
	}
	// Go lists each verified key once.
	signed, cosigned := false, int64(0)
	for _, signature := range opened.Sigs {
		if signature.Name == log.Name() && signature.Hash == log.KeyHash() {
			signed = true
		} else {
			cosigned++
		}
	}
	if !signed {
		return nil, errors.New("not signed by the log")
	}
	if cosigned < quorum {
		return nil, fmt.Errorf("%d cosignatures", cosigned)
	}
	return parseHead(opened.Text, log.Name())
}

func checkProof(vkey, entry, text, quorum string, witnesses []string) error {
	p, err := parseProof(text)
	if err != nil {
		return err
	}
	k, err := parseDecimal(quorum)
	if err != nil {
		return err
	}
	head, err := openHead(p.checkpoint, vkey, k, witnesses)
	if err != nil {
		return err
	}
	if p.index >= head.N {
		return errors.New("the entry lies beyond the checkpoint")
	}
	return tlog.CheckRecord(p.hashes, head.N, head.Hash, p.index, tlog.RecordHash([]byte(entry)))
}

func checkConsistency(vkey, older, newer, lines string) error {
	from, err := openHead(older, vkey, 0, nil)
	if err != nil {
		return err
	}
	to, err := openHead(newer, vkey, 0, nil)
	if err != nil {
		return err
	}
	var proof tlog.TreeProof
	if lines != "" {
		if proof, err = parseHashes(strings.Split(strings.TrimSuffix(lines, "\n"), "\n")); err != nil {
			return err
		}
	}
	if from.N == 0 || from.N > to.N {
		return errors.New("nothing to prove")
	}
	return tlog.CheckTree(proof, to.N, to.Hash, from.N, from.Hash)
}

func judge(kind string, fields []string) error {
	switch {
	case kind == "proof" && len(fields) >= 4:
		return checkProof(fields[0], fields[1], fields[2], fields[3], fields[4:])
	case kind == "consistency" && len(fields) == 4:
		return checkConsistency(fields[0], fields[1], fields[2], fields[3])
	case kind == "tiles" && len(fields) == 2:
		return checkTiles(fields[0], fields[1])
	}
	fmt.Fprintln(os.Stderr, "gocheck: no such case:", kind)
	os.Exit(2)
	return nil
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for in.Scan() {
		words := strings.Split(in.Text(), " ")
		var fields []string
		for _, word := range words[1:] {
			if word == "-" {
				word = ""
			}
			field, err := base64.StdEncoding.DecodeString(word)
			if err != nil {
				fmt.Fprintln(os.Stderr, "gocheck: not base64:", word)
				os.Exit(2)
			}
			fields = append(fields, string(field))
		}
		if err := judge(words[0], fields); err != nil {
			fmt.Fprintf(out, "no: %q\n", err.Error())
		} else {
			fmt.Fprintln(out, "ok")
		}
	}
}
